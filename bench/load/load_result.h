#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_result - what one run counted, over all its threads.
 *
 * Role: each thread counts into one of its own; load_run_finish merges them; the reports read them.
 * Memory: one block for each histogram and for the time line; load_result_free gives them back.
 *
 * What counts: in a closed loop what ended in the measured time; in an open loop what was due in
 * it, also when the answer came later, so that requests + refused + aborted + unsent and the errors
 * of that time are what the schedule asked for. Errors, connects and the time of connecting count
 * always. Slow connections count in `slow` and `slow_cut` only.
 */
#include "bench/load/histogram.h"
#include "bench/load/load_reply.h"

#include <jansson.h>

#define LOAD_CODE_MAX 1000

/* Moments of a request. PREVIEW: from the start to 100 Continue or to an answer in the preview.
 * FULL: from the start (open loop: from the intended moment) to the last byte of a right answer.
 * REFUSED: to the last byte of a 506 or 503. SENT: as FULL, but from the moment of sending, to show
 * what waiting inside the generator adds. */
#define LOAD_SPANS(X)                                                                              \
    X(CONNECT, "connect")                                                                          \
    X(PREVIEW, "preview")                                                                          \
    X(FULL, "full")                                                                                \
    X(SENT, "sent")                                                                                \
    X(REFUSED, "refused")

enum load_span {
#define X(name, word) LOAD_SPAN_##name,
    LOAD_SPANS(X)
#undef X
    LOAD_SPAN_COUNT
};

/* One interval of the time line. */
struct load_interval {
    double at_sec; /* Its start, from the start of measuring. */
    double wanted; /* Requests a second that the schedule asked for; 0 in a closed loop. */
    uint64_t right;
    uint64_t refused;
    uint64_t errors;
    uint64_t body_bytes;
    uint64_t p50_ns; /* Of the right answers that ended in it. */
    uint64_t p99_ns;
    uint64_t max_ns;
};

struct load_result {
    double seconds;
    uint64_t requests; /* Right answers. */
    uint64_t refused;  /* 506 or 503, when the run takes them for an answer. */
    uint64_t retries;
    uint64_t aborted;  /* Cut by ourselves. */
    uint64_t unsent;   /* Open loop: due, but not sent when the time was over. */
    uint64_t slow;     /* Right answers on slow connections. */
    uint64_t slow_cut; /* Slow connections that the server closed or answered with 408. */
    uint64_t continues;
    uint64_t preview_204; /* 204 while the rest of the body was not sent. */
    uint64_t saved_bytes; /* Of bodies, never sent because of those. */
    uint64_t body_bytes;  /* Of the bodies of right answers. */
    uint64_t sent_bytes;
    uint64_t received_bytes;
    uint64_t found; /* Findings, all expected ones. */
    uint64_t connects;
    uint64_t codes[LOAD_CODE_MAX];
    uint64_t errors[LOAD_ERROR_COUNT];
    uint64_t errors_total;
    uint64_t least; /* Requests of the connection that was served least, and most. */
    uint64_t most;

    double own_cpu_sec;
    double own_busiest; /* Share of its core of the busiest thread. */
    bool has_server;    /* spec.pids were given. */
    double server_cpu_sec;
    uint64_t server_rss_bytes;      /* At the end; what processes share counts in each. */
    uint64_t server_private_bytes;  /* Private, at the end (smaps_rollup). */
    uint64_t server_private_before; /* Before the first connection. */

    struct histogram *spans[LOAD_SPAN_COUNT];
    double interval_sec; /* Width of one of the time line. */
    size_t intervals_len;
    struct load_interval *intervals;
    char server[80]; /* Service header of the first answer, control bytes removed. */
    char istag[80];
};

/* False when there is no memory; `result` is empty then. */
bool load_result_init(struct load_result *result);

/* Adds what another thread counted; times and memory of the server are not added. */
void load_result_merge(struct load_result *result, const struct load_result *other);

/* "server", "generator", "both", "neither" or "unknown": what was at its limit. */
const char *load_result_limit(const struct load_result *result);

/* The result as bench/runner/document.h describes it. The caller owns the reference. */
json_t *load_result_json(const struct load_result *result);
void load_result_free(struct load_result *result);
