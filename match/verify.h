#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * verify - does a signature's program match here.
 *
 * Role: runs the operations of a cluster over sets of positions, forwards or backwards, so that
 * gaps and alternatives need no backtracking: each operation costs at most one test for each
 * position that is still possible. A set is a sorted list of spans. What would need bytes that have
 * not come yet is left out of the set and noted in `more`. Owner: the call that feeds or ends a
 * body. Memory: the db's span stack. Limits: VERIFY_SPANS and the body's budget of steps; beyond
 * either `over` is set and the answer is no.
 *
 * Clusters are joined by unbounded gaps, so for the ones behind it only the earliest end of a
 * cluster matters: verify_search finds it.
 */
#include "match/layout.h"
#include "match/peek.h"

#define VERIFY_SPANS 8192

struct verify_span {
    uint64_t lo;
    uint64_t hi; /* Inclusive. */
};

enum verify_result {
    VERIFY_NO,
    VERIFY_YES,
    VERIFY_MORE,  /* Undecided until more bytes come. */
    VERIFY_PAUSE, /* The slice of work, or the budget, is used up. */
};

/* A cluster that was found. */
struct verify_match {
    uint64_t start; /* The earliest start that was asked for. */
    uint64_t end;   /* The earliest end. */
    uint64_t place; /* What it is counted by. */
};

struct verify {
    const struct layout *layout;
    struct peek *peek;
    struct verify_span *spans; /* VERIFY_SPANS of them. */
    find_fn find;
    uint64_t avail;    /* Bytes of the body that are there. */
    uint64_t budget;   /* Steps left. */
    uint64_t pause_at; /* A search pauses when the budget falls below this. */
    bool ended;        /* No more bytes will come. */
    bool more;
    bool over;
};

/* Where a search through a body stands. */
struct verify_search {
    uint64_t lo;   /* The cluster starts at `lo` at the earliest, */
    uint64_t hi;   /* at `hi` at the latest. */
    uint64_t at;   /* Everything before is looked at. */
    uint64_t need; /* After MORE: trying again is vain with fewer bytes. */
};

/*
 * Is the cluster around `at`, with `at` behind the operation before `split`, and does it start
 * within [lo, hi]?
 */
MUST_CHECK enum verify_result verify_around(struct verify *verify,
                                            const struct program_cluster *cluster, uint32_t split,
                                            uint64_t at, const struct verify_search *range,
                                            struct verify_match *out);

/* The earliest end of the cluster; MORE and PAUSE are continued with the same `search`. */
MUST_CHECK enum verify_result verify_search(struct verify *verify,
                                            const struct program_cluster *cluster,
                                            struct verify_search *search, struct verify_match *out);

/*
 * The next match, as matches are counted: one for each place where what stands behind the cluster's
 * last gap of variable length begins (`place`), or the cluster itself if it has no such gap. The
 * same `search` goes on to the one after.
 */
MUST_CHECK enum verify_result verify_next(struct verify *verify,
                                          const struct program_cluster *cluster,
                                          struct verify_search *search, struct verify_match *out);

/* Takes steps from the budget; false when it is used up. */
static inline bool verify_charge(struct verify *verify, uint64_t steps)
{
    if (UNLIKELY(verify->budget < steps)) {
        verify->budget = 0;
        verify->over = true;
        return false;
    }
    verify->budget -= steps;
    return true;
}
