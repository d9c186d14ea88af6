/* SPDX-License-Identifier: MIT */
#include "match/logic.h"

#include "base/assert.h"
#include "base/clock.h"
#include "match/match_private.h"
#include "match/regex_find.h"

/*
 * How many places one call looks at: few at first, for an expression may take its match limit at
 * each of them, then more as long as that is quick.
 */
#define REGEX_PLACES_MIN 256
#define REGEX_PLACES_MAX KIB(256)
#define REGEX_CALL_NS    (NS_PER_MS / 20)

/* What a step of the budget stands for here. Time is all that can be known of what a call cost. */
#define REGEX_STEP_NS    4
#define REGEX_STEP_BYTES 16

/* Where matches may start, and where the bytes end that they can see. */
struct regex_place {
    uint64_t lo;
    uint64_t hi;
    struct slice subject;
    bool anchored; /* Where the last one ended, only. */
};

/* False when nowhere. */
static bool regex_place(struct body_job *job, const struct layout_regex *regex, struct slice window,
                        struct regex_place *out)
{
    const struct program_signature place = {
        .offset = regex->offset,
        .shift = regex->shift,
        .offset_kind = regex->offset_kind,
        .section = regex->section,
    };
    const bool anywhere = regex->offset_kind == PROGRAM_ANYWHERE;
    struct verify_search range;

    *out = (struct regex_place){.hi = window.len, .subject = window};
    if (anywhere) {
        return true;
    }
    if (!place_range(job, &place, 0, &range) || range.lo > window.len) {
        return false;
    }
    out->lo = range.lo;
    if (regex->encompass && regex->shift > 0) {
        out->subject.len = (size_t)MIN_OF(range.hi, (uint64_t)window.len);
        out->hi = out->subject.len;
    } else if (regex->shift > 0) {
        out->hi = MIN_OF(range.hi, (uint64_t)window.len);
    } else {
        out->anchored = !regex->rolling;
    }
    return true;
}

static uint64_t regex_cost(uint64_t places, uint64_t ns)
{
    return 16 + MAX_OF(places / REGEX_STEP_BYTES, ns / REGEX_STEP_NS);
}

/* Looks at the next `*places` places from where the memo stands, and says how many next time. */
static enum logic_result regex_step(struct body_job *job, const struct layout_part *part,
                                    struct logic_memo *memo, const struct regex_place *place,
                                    uint64_t *places)
{
    const uint64_t to = place->anchored ? memo->at : MIN_OF(place->hi, memo->at + *places - 1);
    const struct regex_range range = {(size_t)memo->at, (size_t)to, place->anchored};
    const uint64_t start_ns = clock_now_ns();
    struct regex_match match;

    if (job->verify.budget < job->verify.pause_at) {
        return LOGIC_AGAIN;
    }
    const bool found = regex_find(job->db->regexes, part->first, place->subject, &range, &match);
    const uint64_t ns = clock_now_ns() - start_ns;

    if (!verify_charge(&job->verify, regex_cost(to - memo->at, ns))) {
        return LOGIC_AGAIN;
    }
    *places = ns > REGEX_CALL_NS ? MAX_OF(*places / 2, 1) : MIN_OF(*places * 2, REGEX_PLACES_MAX);
    if (found) {
        memo->count++;
        memo->at = MAX_OF(match.end, match.start + 1);
        memo->done = !job->db->layout.regexes[part->first].global;
    } else {
        memo->at = to + 1;
        memo->done = place->anchored;
    }
    return LOGIC_YES;
}

/* Counts on from where the memo stands. */
static enum logic_result regex_run(struct body_job *job, const struct layout_part *part,
                                   struct logic_memo *memo, const struct regex_place *place,
                                   uint32_t cap)
{
    uint64_t places = REGEX_PLACES_MIN;

    memo->at = MAX_OF(memo->at, place->lo);
    while (!memo->done && memo->count < cap && memo->at <= place->hi) {
        if (regex_step(job, part, memo, place, &places) == LOGIC_AGAIN) {
            return LOGIC_AGAIN;
        }
    }
    memo->done = memo->done || memo->at > place->hi;
    return LOGIC_YES;
}

enum logic_result regex_count(struct body_job *job, const struct layout_part *part,
                              struct logic_memo *memo, uint32_t cap)
{
    const struct layout_regex *regex = &job->db->layout.regexes[part->first];
    struct regex_place place;
    struct slice window;

    /* An expression whose trigger asks for itself has none. */
    if (memo->busy) {
        return LOGIC_YES;
    }
    memo->busy = true;
    const enum logic_result trigger = logic_holds(job, regex->trigger);

    memo->busy = false;
    if (trigger != LOGIC_YES) {
        memo->done = trigger == LOGIC_NO;
        return trigger == LOGIC_NO ? LOGIC_YES : LOGIC_AGAIN;
    }
    if (!job->db->regexes) {
        job->db->regexes = regex_cache_new(&job->db->layout);
    }
    if (!job->db->regexes) {
        job->peek.failed = true;
        return LOGIC_AGAIN;
    }
    if (window_acquire(job, &window) != WINDOW_READY) {
        return LOGIC_AGAIN;
    }
    if (!regex_place(job, regex, window, &place)) {
        memo->done = true;
        return LOGIC_YES;
    }
    return regex_run(job, part, memo, &place, cap);
}
