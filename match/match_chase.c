/* SPDX-License-Identifier: MIT */
#include "match/match_private.h"

#include "base/assert.h"

void chase_init(struct body_job *job, struct match_chase *chase, uint32_t signature)
{
    chase->signature = signature;
    chase->cluster = 0;
    chase->range = 0;
    chase->done = !place_range(job, job_signature(job, signature), 0, &chase->search);
}

enum verify_result chase_run(struct body_job *job, struct match_chase *chase)
{
    const struct program_signature *signature = job_signature(job, chase->signature);
    const struct program_cluster *clusters = job->db->layout.clusters + signature->cluster_first;
    struct verify_match match;

    while (!chase->done) {
        const enum verify_result result =
            verify_search(&job->verify, &clusters[chase->cluster], &chase->search, &match);

        if (result == VERIFY_NO && (job->verify.over || job->peek.failed)) {
            return VERIFY_NO;
        }
        if (result == VERIFY_NO) {
            chase->range++;
            chase->cluster = 0;
            chase->done = !place_range(job, signature, chase->range, &chase->search);
            continue;
        }
        if (result != VERIFY_YES) {
            return result;
        }
        chase->cluster++;
        if (chase->cluster == signature->cluster_len) {
            return VERIFY_YES;
        }
        chase->search = (struct verify_search){.lo = match.end + clusters[chase->cluster].gap_min,
                                               .hi = UINT64_MAX};
    }
    return VERIFY_NO;
}

void body_follow(struct body_job *job, uint32_t signature)
{
    struct match_slot *slot = job->slot;

    ASSERT(signature < job->db->layout.header->alone_len);
    if (marks_has(&slot->follows, signature)) {
        return;
    }
    marks_add(&slot->follows, signature);
    if (slot->chases_len < MATCH_CHASES_MAX && !job->verify.ended &&
        place_is_early(job_signature(job, signature))) {
        chase_init(job, &slot->chases[slot->chases_len++], signature);
    }
}

void body_run_chases(struct body_job *job)
{
    for (uint32_t i = 0; i < job->slot->chases_len && !job_stopped(job); i++) {
        struct match_chase *chase = &job->slot->chases[i];

        if (chase->done || chase->search.need > job->verify.avail) {
            continue;
        }
        const enum verify_result result = chase_run(job, chase);

        if (result == VERIFY_YES) {
            job_report(job, job_signature(job, chase->signature)->threat);
        } else if (job_spent(job)) {
            return;
        }
    }
}

/* ---- The end ---- */

bool body_end_chases(struct body_job *job)
{
    struct match_slot *slot = job->slot;

    for (; slot->follow_at < slot->chases_len && !job_stopped(job); slot->follow_at++) {
        struct match_chase *chase = &slot->chases[slot->follow_at];
        const enum verify_result result = chase_run(job, chase);

        if (result == VERIFY_PAUSE) {
            return false;
        }
        if (result == VERIFY_YES) {
            job_report(job, job_signature(job, chase->signature)->threat);
        }
        marks_remove(&slot->follows, chase->signature);
    }
    slot->follow_at = 0;
    return true;
}

bool body_end_follows(struct body_job *job)
{
    struct match_slot *slot = job->slot;
    struct match_chase *chase = &slot->chases[0];

    while (!job_stopped(job) && marks_next(&slot->follows, &slot->follow_at)) {
        if (!slot->following) {
            chase_init(job, chase, slot->follow_at);
            slot->following = true;
        }
        const enum verify_result result = chase_run(job, chase);

        if (result == VERIFY_PAUSE) {
            return false;
        }
        if (result == VERIFY_YES) {
            job_report(job, job_signature(job, chase->signature)->threat);
        }
        slot->following = false;
        slot->follow_at++;
    }
    return true;
}
