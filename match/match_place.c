/* SPDX-License-Identifier: MIT */
#include "match/match_private.h"

#include "base/assert.h"

const struct exe *body_exe(struct body_job *job)
{
    struct match_facts *facts = &job->slot->facts;

    ASSERT(job->verify.ended);
    if (!facts->parsed) {
        facts->exe.kind = EXE_NONE;
        exe_parse(&facts->exe, &job->peek, job->body->fed);
        facts->parsed = true;
        facts->versions_parsed = false;
    }
    return &facts->exe;
}

/* Places are relative to `base`; nothing starts before the body does. */
static bool place_from(uint64_t base, const struct program_signature *signature,
                       struct verify_search *out)
{
    const int64_t lo = (int64_t)base + (int64_t)signature->offset;

    if (lo < 0) {
        return false;
    }
    out->lo = (uint64_t)lo;
    out->hi = out->lo + signature->shift;
    return true;
}

static bool place_from_section(struct body_job *job, const struct program_signature *signature,
                               struct verify_search *out)
{
    const struct exe *exe = body_exe(job);
    const bool last = signature->offset_kind == PROGRAM_FROM_LAST_SECTION;
    const bool there = last ? exe->sections_total > 0 : signature->section < exe->sections_len;

    if (exe->kind == EXE_NONE || !there) {
        return false;
    }
    const struct exe_section *section = last ? &exe->last : &exe->sections[signature->section];

    if (signature->offset_kind != PROGRAM_IN_SECTION) {
        return place_from(section->at, signature, out);
    }
    out->lo = section->at;
    out->hi = section->at + section->len + signature->shift;
    return true;
}

static bool place_from_version(struct body_job *job, uint32_t nth, struct verify_search *out)
{
    struct match_facts *facts = &job->slot->facts;

    if (body_exe(job)->kind != EXE_PE) {
        return false;
    }
    if (!facts->versions_parsed) {
        facts->versions_len =
            exe_find_versions(&facts->exe, &job->peek, job->body->fed, facts->versions);
        facts->versions_parsed = true;
    }
    if (nth >= facts->versions_len) {
        return false;
    }
    out->lo = out->hi = facts->versions[nth];
    return true;
}

bool place_range(struct body_job *job, const struct program_signature *signature, uint32_t nth,
                 struct verify_search *out)
{
    *out = (struct verify_search){.hi = UINT64_MAX};
    ASSERT(place_is_early(signature) || job->verify.ended);
    if (signature->offset_kind == PROGRAM_IN_VERSION_INFO) {
        return place_from_version(job, nth, out);
    }
    if (nth > 0) {
        return false;
    }
    switch (signature->offset_kind) {
    case PROGRAM_ANYWHERE:
    case PROGRAM_IN_GROUP:
        return true;
    case PROGRAM_FROM_START:
        return place_from(0, signature, out);
    case PROGRAM_FROM_END:
        out->lo = job->verify.avail - signature->offset;
        out->hi = out->lo + signature->shift;
        return signature->offset <= job->verify.avail;
    case PROGRAM_FROM_ENTRY:
        return body_exe(job)->has_entry && place_from(body_exe(job)->entry, signature, out);
    default:
        return place_from_section(job, signature, out);
    }
}
