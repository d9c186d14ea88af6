/* SPDX-License-Identifier: MIT */
#include "match/logic.h"

#include "base/assert.h"
#include "match/match_private.h"

/* ---- Body parts ---- */

static const struct program_cluster *signature_cluster(const struct body_job *job,
                                                       const struct program_signature *signature,
                                                       uint32_t index)
{
    return &job->db->layout.clusters[signature->cluster_first + index];
}

/*
 * The earliest end of the clusters before the last, which leaves the most room for it; then `head`
 * is where that is looked for.
 */
static enum verify_result cursor_lead(struct body_job *job,
                                      const struct program_signature *signature,
                                      struct logic_cursor *cursor)
{
    while (cursor->cluster + 1 < signature->cluster_len) {
        struct verify_match match;
        const enum verify_result result =
            verify_search(&job->verify, signature_cluster(job, signature, cursor->cluster),
                          &cursor->head, &match);

        if (result != VERIFY_YES) {
            return result;
        }
        cursor->start = cursor->cluster == 0 ? match.start : cursor->start;
        cursor->cluster++;
        cursor->head = (struct verify_search){
            .lo = match.end + signature_cluster(job, signature, cursor->cluster)->gap_min,
            .hi = UINT64_MAX,
        };
    }
    return VERIFY_YES;
}

/* The next match in the range that `head` is set for. */
static enum verify_result cursor_range(struct body_job *job,
                                       const struct program_signature *signature,
                                       struct logic_cursor *cursor)
{
    struct verify_match match;
    enum verify_result result = cursor_lead(job, signature, cursor);

    while (result == VERIFY_YES) {
        result = verify_next(&job->verify, signature_cluster(job, signature, cursor->cluster),
                             &cursor->head, &match);
        /* Ranges may overlap in what follows them. */
        if (result == VERIFY_YES && match.place >= cursor->next) {
            cursor->start = cursor->cluster == 0 ? match.start : cursor->start;
            cursor->next = match.place + 1;
            break;
        }
    }
    return result;
}

/* The next match of one variant; NO when its ranges are used up. */
static enum verify_result cursor_signature(struct body_job *job,
                                           const struct program_signature *signature,
                                           struct logic_cursor *cursor)
{
    for (;; cursor->range++, cursor->placed = false) {
        if (!cursor->placed) {
            if (!place_range(job, signature, cursor->range, &cursor->head)) {
                return VERIFY_NO;
            }
            cursor->placed = true;
            cursor->cluster = 0;
        }
        const enum verify_result result = cursor_range(job, signature, cursor);

        if (result != VERIFY_NO) {
            return result;
        }
        if (job_stopped(job)) {
            return VERIFY_PAUSE;
        }
    }
}

/* An earlier variant that starts at the same place has been counted there. Variants of several
 * clusters differ in their bytes. */
static bool cursor_repeats(struct body_job *job, const struct layout_part *part,
                           const struct logic_cursor *cursor)
{
    const uint64_t pause_at = job->verify.pause_at;
    bool repeats = false;

    job->verify.pause_at = 0;
    for (uint32_t i = 0; i < cursor->variant && !repeats; i++) {
        const struct program_signature *signature = job_signature(job, part->first + i);
        struct verify_search search = {.lo = cursor->start, .hi = cursor->start};
        struct verify_match match;

        repeats = signature->cluster_len == 1 &&
                  verify_next(&job->verify, signature_cluster(job, signature, 0), &search,
                              &match) == VERIFY_YES;
    }
    job->verify.pause_at = pause_at;
    return repeats;
}

static enum verify_result cursor_next(struct body_job *job, const struct layout_part *part,
                                      struct logic_cursor *cursor)
{
    while (cursor->variant < part->len) {
        const struct program_signature *signature =
            job_signature(job, part->first + cursor->variant);
        const enum verify_result result = cursor_signature(job, signature, cursor);

        if (result == VERIFY_YES && cursor->variant > 0 && cursor_repeats(job, part, cursor)) {
            continue;
        }
        if (result != VERIFY_NO) {
            return result;
        }
        cursor->variant++;
        cursor->range = 0;
        cursor->next = 0;
        cursor->placed = false;
    }
    return VERIFY_NO;
}

static enum logic_result body_part_count(struct body_job *job, const struct layout_part *part,
                                         struct logic_memo *memo, uint32_t cap)
{
    while (!memo->done && memo->count < cap) {
        const enum verify_result result = cursor_next(job, part, &memo->cursor);

        if (result == VERIFY_PAUSE || job_stopped(job)) {
            return LOGIC_AGAIN;
        }
        if (result == VERIFY_YES) {
            memo->last =
                memo->count > 0 ? MAX_OF(memo->last, memo->cursor.start) : memo->cursor.start;
            memo->count++;
        } else {
            memo->done = true;
        }
    }
    return LOGIC_YES;
}

/* ---- Macros ---- */

/* Looks for the rest of the group at the distances of the start in the cursor. */
static enum verify_result macro_members(struct body_job *job, const struct layout_part *part,
                                        struct logic_memo *memo)
{
    const struct layout *layout = &job->db->layout;
    const struct layout_group *group = &layout->groups[part->first];

    for (; memo->member < group->len; memo->member++, memo->inside = false) {
        const struct program_signature *member =
            job_signature(job, layout->group_lists[group->first + memo->member]);
        struct verify_match match;

        if (!memo->inside) {
            memo->inner = (struct verify_search){.lo = memo->cursor.start + part->near,
                                                 .hi = memo->cursor.start + part->far};
            memo->inside = true;
        }
        const enum verify_result result =
            verify_next(&job->verify, signature_cluster(job, member, 0), &memo->inner, &match);

        if (result != VERIFY_NO) {
            return result;
        }
    }
    return VERIFY_NO;
}

/* Counts starts of the part before that a member of the group follows. */
static enum logic_result macro_count(struct body_job *job, uint32_t index,
                                     const struct layout_part *part, struct logic_memo *memo,
                                     uint32_t cap)
{
    const struct layout_part *before = index > 0 ? logic_part_of(job, index - 1) : NULL;

    if (!before || before->kind != LAYOUT_PART_BODY) {
        memo->done = true;
    }
    while (!memo->done && memo->count < cap) {
        enum verify_result result = VERIFY_YES;

        if (!memo->open) {
            result = cursor_next(job, before, &memo->cursor);
            memo->open = result == VERIFY_YES;
            memo->member = 0;
            memo->inside = false;
            memo->done = result == VERIFY_NO && !job_stopped(job);
        }
        if (result == VERIFY_YES) {
            result = macro_members(job, part, memo);
            memo->open = result == VERIFY_PAUSE;
            memo->count += result == VERIFY_YES;
        }
        if (result == VERIFY_PAUSE || job_stopped(job)) {
            return LOGIC_AGAIN;
        }
    }
    return LOGIC_YES;
}

/* ---- Any part ---- */

enum logic_result logic_count(struct body_job *job, uint32_t index, uint32_t cap,
                              uint32_t *out_count)
{
    const struct layout_part *part = logic_part_of(job, index);
    struct logic_memo *memo = logic_memo_of(job, index);
    enum logic_result result = LOGIC_YES;

    if (memo->done || memo->count >= cap) {
        *out_count = MIN_OF(memo->count, cap);
        return LOGIC_YES;
    }
    switch (part->kind) {
    case LAYOUT_PART_BODY:
        if (memo->hinted && cap == 1) {
            *out_count = 1;
            return LOGIC_YES;
        }
        result = body_part_count(job, part, memo, cap);
        break;
    case LAYOUT_PART_REGEX:
        result = regex_count(job, part, memo, cap);
        break;
    case LAYOUT_PART_COMPARE:
        result = compare_count(job, part, memo, cap);
        break;
    default:
        result = macro_count(job, index, part, memo, cap);
        break;
    }
    *out_count = MIN_OF(memo->count, cap);
    return result;
}
