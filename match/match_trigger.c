/* SPDX-License-Identifier: MIT */
#include "match/match_private.h"

#include "base/assert.h"

/*
 * What became of a trigger or of a signature in place: a signature that stands alone is reported or
 * followed, a part makes its logic a candidate.
 */
static void body_put_off(struct body_job *job, uint32_t index)
{
    const struct program_signature *signature = job_signature(job, index);

    if (signature->logic != PROGRAM_NONE) {
        logic_add_candidate(&job->slot->logic, signature->logic, PROGRAM_NONE);
    } else {
        body_follow(job, index);
    }
}

/* The cluster with the trigger is there, within the ranges that are known. */
static void body_on_cluster(struct body_job *job, uint32_t index)
{
    const struct program_signature *signature = job_signature(job, index);
    const bool whole = signature->cluster_len == 1 && place_is_early(signature);

    if (signature->logic != PROGRAM_NONE) {
        logic_add_candidate(&job->slot->logic, signature->logic, whole ? index : PROGRAM_NONE);
    } else if (whole) {
        job_report(job, signature->threat);
    } else {
        body_follow(job, index);
    }
}

/* Nothing that its triggers could say is news. */
static bool body_knows(const struct body_job *job, uint32_t index)
{
    const struct program_signature *signature = job_signature(job, index);

    return signature->logic != PROGRAM_NONE
               ? logic_is_candidate(&job->slot->logic, signature->logic)
               : marks_has(&job->slot->follows, index);
}

/* ---- Triggers ---- */

/*
 * When to look again at a trigger whose surroundings have not come yet: at the latest when all
 * bytes are there that its cluster can reach, and two more, because an edge may look at what
 * follows. Before that not without the bytes it needs at least, and then at doubling distances, so
 * that early answers cost little.
 */
static uint64_t pending_need(const struct body_job *job, uint32_t index, uint64_t trigger_end)
{
    const struct program_signature *signature = job_signature(job, index);
    const uint64_t last = trigger_end + signature->tail_max + 2;
    const uint64_t first = trigger_end + signature->tail_min;
    const uint64_t next = job->verify.avail + (job->verify.avail - trigger_end) + 1;

    return MIN_OF(last, job->verify.avail < first ? first : next);
}

static void body_suspend(struct body_job *job, uint32_t signature, uint64_t trigger_end)
{
    struct match_body *body = job->body;

    if (body->pending_len == MATCH_PENDING_MAX) {
        body_put_off(job, signature);
        return;
    }
    body->pending[body->pending_len++] = (struct match_pending){
        .signature = signature,
        .trigger_end = trigger_end,
        .need = pending_need(job, signature, trigger_end),
    };
}

/* A trigger of this signature ends here: is the rest of its cluster there, too? */
static enum verify_result body_try(struct body_job *job, uint32_t index, uint64_t trigger_end)
{
    const struct program_signature *signature = job_signature(job, index);
    struct verify_search range = {.hi = UINT64_MAX};
    struct verify_match match;

    if (signature->trigger_cluster == signature->cluster_first && place_is_early(signature) &&
        !place_range(job, signature, 0, &range)) {
        return VERIFY_NO;
    }
    const enum verify_result result =
        verify_around(&job->verify, &job->db->layout.clusters[signature->trigger_cluster],
                      signature->trigger_split, trigger_end, &range, &match);

    if (result == VERIFY_YES) {
        body_on_cluster(job, index);
    } else if (job_spent(job)) {
        body_put_off(job, index);
        return VERIFY_NO;
    }
    return result;
}

static void body_on_signature(struct body_job *job, uint32_t index, uint64_t trigger_end)
{
    const struct program_signature *signature = job_signature(job, index);
    const bool foreign =
        signature->target != MATCH_TARGET_ANY && signature->target != job->body->type;

    if (foreign || body_knows(job, index)) {
        return;
    }
    if (job->spent) {
        body_put_off(job, index);
        return;
    }
    if (body_try(job, index, trigger_end) == VERIFY_MORE) {
        body_suspend(job, index, trigger_end);
    }
}

static bool body_on_trigger(void *ctx, uint32_t id, uint64_t to)
{
    struct body_job *job = ctx;
    const struct layout *layout = &job->db->layout;

    for (uint32_t i = layout->triggers[id]; i < layout->triggers[id + 1]; i++) {
        body_on_signature(job, layout->trigger_lists[i], to);
        if (job_stopped(job)) {
            return false;
        }
    }
    return true;
}

void body_scan(struct body_job *job, struct slice bytes)
{
    if (job->slot->stream && !job_stopped(job)) {
        scan_stream_feed(job->slot->stream, &job->db->scratch, bytes, body_on_trigger, job);
    }
}

/* Those whose bytes have come are decided now. */
void body_run_pending(struct body_job *job)
{
    struct match_body *body = job->body;
    const uint32_t len = body->pending_len;

    body->pending_len = 0;
    for (uint32_t i = 0; i < len && !job_stopped(job); i++) {
        const struct match_pending pending = body->pending[i];

        if (body_knows(job, pending.signature)) {
            continue;
        }
        if (!job->verify.ended && pending.need > job->verify.avail) {
            body->pending[body->pending_len++] = pending;
        } else {
            body_on_signature(job, pending.signature, pending.trigger_end);
        }
    }
}

/* ---- Signatures in place ---- */

/* Eight bytes say no to nearly all. */
static bool direct_may_match(struct body_job *job, const struct layout_direct *direct)
{
    uint64_t value;
    size_t len = 0;

    if (direct->mask == 0 || direct->at + sizeof(value) > job->verify.avail) {
        return true;
    }
    const uint8_t *ptr = peek_at(&job->peek, direct->at, &len);

    if (!ptr || len < sizeof(value)) {
        return true;
    }
    memcpy(&value, ptr, sizeof(value));
    return (value & direct->mask) == direct->value;
}

/* The first cluster, in one of the places that it may start at. */
static enum verify_result direct_search(struct body_job *job,
                                        const struct program_signature *signature)
{
    const struct program_cluster *cluster = &job->db->layout.clusters[signature->cluster_first];
    struct verify_search search;
    struct verify_match match;

    for (uint32_t nth = 0; place_range(job, signature, nth, &search); nth++) {
        const enum verify_result result = verify_search(&job->verify, cluster, &search, &match);

        if (result != VERIFY_NO) {
            return result;
        }
    }
    return VERIFY_NO;
}

static void direct_run(struct body_job *job, const struct layout_direct *direct)
{
    const struct program_signature *signature = job_signature(job, direct->signature);

    if (!direct_may_match(job, direct) || body_knows(job, direct->signature)) {
        return;
    }
    const enum verify_result result = direct_search(job, signature);

    if (result == VERIFY_YES && signature->logic != PROGRAM_NONE) {
        logic_add_candidate(&job->slot->logic, signature->logic,
                            signature->cluster_len == 1 ? direct->signature : PROGRAM_NONE);
    } else if (result == VERIFY_YES && signature->cluster_len == 1) {
        job_report(job, signature->threat);
    } else if (result != VERIFY_NO || job_spent(job)) {
        body_put_off(job, direct->signature);
    }
}

void body_run_directs(struct body_job *job)
{
    const struct layout *layout = &job->db->layout;
    const struct layout_header *header = layout->header;
    const unsigned targets[] = {MATCH_TARGET_ANY, job->body->type};

    for (unsigned i = 0; i < ARRAY_LEN(targets); i++) {
        if ((i > 0 && targets[i] == MATCH_TARGET_ANY) || header->direct_len[targets[i]] == 0) {
            continue;
        }
        const struct layout_group *list =
            &layout->direct_groups[header->direct_first[targets[i]] + job->body->first_byte];
        uint32_t *at = &job->body->direct_at[i];

        for (; *at < list->len && !job_stopped(job); (*at)++) {
            const struct layout_direct *direct =
                &layout->directs[layout->direct_lists[list->first + *at]];

            if (!job->verify.ended && direct->need > job->verify.avail) {
                break;
            }
            direct_run(job, direct);
        }
    }
}
