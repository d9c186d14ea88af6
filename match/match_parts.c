/* SPDX-License-Identifier: MIT */
#include "match/match_private.h"

/*
 * Work of one call: bytes hashed, and sections or imports looked at. The headers are parsed in one
 * piece; their limits keep that short.
 */
#define PARTS_SLICE_BYTES KIB(256)
#define PARTS_SLICE_STEPS 512

/*
 * Sections may overlap, so what is hashed of a body in all is limited, to some times its length
 * beyond which nobody's sections go.
 */
#define PARTS_HASHED_BASE     MIB(16)
#define PARTS_HASHED_PER_BYTE 4

/* Kinds that have entries of any size at all. */
static unsigned parts_kinds(const struct layout *layout, enum layout_scope scope)
{
    unsigned kinds = 0;

    for (unsigned kind = 0; kind < LAYOUT_HASHES; kind++) {
        kinds |= (unsigned)(layout->header->tables[scope][kind].len > 0) << kind;
    }
    return kinds;
}

bool body_parts_wanted(const struct layout *layout)
{
    return (parts_kinds(layout, LAYOUT_SCOPE_SECTION) |
            parts_kinds(layout, LAYOUT_SCOPE_IMPORTS)) != 0;
}

void body_parts_begin(struct match_body *body)
{
    struct match_parts *parts = &((struct match_slot *)body->slot)->parts;
    const struct layout *layout = &body->db->layout;
    const bool wanted = body->type == MATCH_TARGET_PE && body->found == MATCH_NONE;

    parts->state = PARTS_DONE;
    if (wanted && parts_kinds(layout, LAYOUT_SCOPE_SECTION) != 0) {
        parts->state = PARTS_SECTIONS;
    } else if (wanted && parts_kinds(layout, LAYOUT_SCOPE_IMPORTS) != 0) {
        parts->state = PARTS_IMPORTS;
    }
    parts->section = 0;
    parts->kinds = 0;
    parts->begun = false;
    parts->left = PARTS_HASHED_BASE + PARTS_HASHED_PER_BYTE * body->fed;
}

/* Looks up what was hashed: `size` bytes. */
static void parts_lookup(struct body_job *job, enum layout_scope scope, uint64_t size)
{
    struct match_parts *parts = &job->slot->parts;
    struct digest_value value;

    digest_final(&parts->digest, parts->kinds, &value);
    const struct layout_digest *entry =
        digest_find_of(&job->db->layout, scope, parts->kinds, size, &value, DIGEST_DETECTS);

    if (entry) {
        job->body->found = entry->threat;
        job->body->found_number = entry->number;
    }
}

/* ---- Sections ---- */

/* Begins with the next section of which some signature has the size; false when there is none. */
static bool parts_next_section(struct body_job *job, unsigned *steps)
{
    struct match_parts *parts = &job->slot->parts;
    const struct layout *layout = &job->db->layout;
    const struct exe *exe = body_exe(job);
    struct exe_section section;

    while (*steps > 0 && parts->section < exe->sections_total) {
        (*steps)--;
        if (!exe_section_at(exe, &job->peek, job->body->fed, parts->section++, &section) ||
            section.len == 0) {
            continue;
        }
        parts->kinds =
            digest_kinds_of(layout, LAYOUT_SCOPE_SECTION, section.len, DIGEST_DETECTS) |
            digest_kinds_of(layout, LAYOUT_SCOPE_SECTION, LAYOUT_ANY_SIZE, DIGEST_DETECTS);
        if (parts->kinds != 0) {
            digest_init(&parts->digest, parts->kinds);
            parts->at = section.at;
            parts->end = section.at + section.len;
            parts->len = section.len;
            return true;
        }
    }
    return false;
}

/* Hashes on; false when the slice or what the body may take is used up. */
static bool parts_hash_section(struct body_job *job, uint64_t *bytes)
{
    struct match_parts *parts = &job->slot->parts;

    while (parts->at < parts->end) {
        size_t len = 0;
        const uint64_t want = MIN_OF(MIN_OF(parts->end - parts->at, *bytes), parts->left);
        const uint8_t *ptr = want > 0 ? peek_at(&job->peek, parts->at, &len) : NULL;

        if (!ptr) {
            return false;
        }
        len = (size_t)MIN_OF((uint64_t)len, want);
        digest_update(&parts->digest, parts->kinds, slice_from(ptr, len));
        parts->at += len;
        parts->left -= len;
        *bytes -= len;
    }
    return true;
}

static void parts_run_sections(struct body_job *job)
{
    struct match_parts *parts = &job->slot->parts;
    unsigned steps = PARTS_SLICE_STEPS;
    uint64_t bytes = PARTS_SLICE_BYTES;

    while (steps > 0 && job->body->found == MATCH_NONE && !job->peek.failed) {
        if (parts->kinds == 0 && !parts_next_section(job, &steps)) {
            break;
        }
        if (!parts_hash_section(job, &bytes)) {
            break;
        }
        parts_lookup(job, LAYOUT_SCOPE_SECTION, parts->len);
        parts->kinds = 0;
    }
    if (parts->left == 0) {
        job->slot->over = true;
        parts->state = PARTS_DONE;
    } else if (parts->kinds == 0 && parts->section >= body_exe(job)->sections_total) {
        parts->state = PARTS_IMPORTS;
    }
}

/* ---- Imports ---- */

/*
 * The list's length is known when it ends, so every kind is computed. ClamAV looks at the imports
 * of 32-bit files only, and signatures were tried there.
 */
static bool parts_begin_imports(struct body_job *job)
{
    struct match_parts *parts = &job->slot->parts;
    const struct exe *exe = body_exe(job);

    parts->kinds = parts_kinds(&job->db->layout, LAYOUT_SCOPE_IMPORTS);
    if (parts->kinds == 0 || exe->kind != EXE_PE || exe->is_64) {
        return false;
    }
    exe_imports_init(&parts->imports, exe, job->body->fed);
    digest_init(&parts->digest, parts->kinds);
    parts->len = 0;
    parts->begun = true;
    return true;
}

static void parts_run_imports(struct body_job *job)
{
    struct match_parts *parts = &job->slot->parts;
    struct slice piece;

    if (!parts->begun && !parts_begin_imports(job)) {
        parts->state = PARTS_DONE;
        return;
    }
    for (unsigned steps = 0; steps < PARTS_SLICE_STEPS; steps++) {
        if (!exe_imports_next(&parts->imports, &job->peek, &piece)) {
            parts->state = PARTS_DONE;
            break;
        }
        digest_update(&parts->digest, parts->kinds, piece);
        parts->len += piece.len;
    }
    if (parts->state == PARTS_DONE && !parts->imports.failed && !job->peek.failed) {
        parts_lookup(job, LAYOUT_SCOPE_IMPORTS, parts->len);
    }
}

bool body_parts_run(struct match_body *body)
{
    struct match_slot *slot = body->slot;
    struct body_job job = {
        .body = body,
        .db = body->db,
        .slot = slot,
        .peek = peek_over(body->source, slice_from(NULL, 0), body->fed),
        .verify = {.ended = true},
    };

    if (slot->parts.state == PARTS_SECTIONS) {
        parts_run_sections(&job);
    } else if (slot->parts.state == PARTS_IMPORTS) {
        parts_run_imports(&job);
    }
    slot->failed |= job.peek.failed;
    return slot->failed || body->found != MATCH_NONE || slot->parts.state == PARTS_DONE;
}
