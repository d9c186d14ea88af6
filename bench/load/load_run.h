#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_run - one run: its connections, its clock and what it counted.
 *
 * Role: one thread, one epoll, a closed loop: each connection sends its next request when the
 * answer to the last one is complete. Three phases: warm-up (not counted), measuring, draining
 * (what is in flight is awaited and checked, but not counted). A wrong answer counts as an error in
 * every phase. Limits: a closed loop asks less when the server is slow, so the latencies are those
 * of the offered concurrency and say nothing about a fixed arrival rate.
 */
#include "bench/load/histogram.h"
#include "bench/load/load_args.h"
#include "bench/load/load_plan.h"
#include "bench/load/load_reply.h"

#define LOAD_CODE_MAX 1000

/* One read takes what the socket buffers hold after a megabyte was echoed. */
#define LOAD_BUF_CAP KIB(256)

struct load_conn;

enum load_phase {
    LOAD_WARMUP,
    LOAD_MEASURE,
    LOAD_DRAIN
};

/* The clocks at one moment. */
struct load_mark {
    uint64_t wall_ns;
    uint64_t own_ns;    /* CPU time of this process. */
    uint64_t server_ns; /* CPU time of the processes of --pid. */
};

struct load_run {
    const struct load_args *args;
    struct load_plan plan;
    enum load_phase phase;
    int epoll_fd;
    uint8_t *buf; /* Shared by all connections: bytes are looked at once, as they come. */
    size_t conns_len;
    struct load_conn *conns;
    size_t busy; /* Connections that are waited for while draining. */

    struct load_mark from;
    struct load_mark to;
    struct histogram latency;
    uint64_t requests;
    uint64_t body_bytes;
    uint64_t continues;
    uint64_t connects;
    uint64_t codes[LOAD_CODE_MAX];

    uint64_t errors[LOAD_ERROR_COUNT];
    uint64_t errors_total;
};

/* Runs to the end; system failures of our own end the process with exit code 2. */
void load_run(struct load_run *run, const struct load_args *args);
