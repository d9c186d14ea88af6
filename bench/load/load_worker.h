#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_worker - one thread of the generator.
 *
 * Role: an epoll, its connections and timers, its part of the schedule, and what it counted; it
 * shares nothing that is written but the counters of struct load_shared. Where the
 * limit of open files is too low for all connections, it has a table of descriptors of its own,
 * since the limit holds for each table. Idle connections of an open loop are used round robin and
 * not last in, first out: then each connection sends now and then, as the many clients of a proxy
 * do, and the server has to keep all of them at hand; with the last one first, a run "with 50,000
 * connections" would load a handful. Memory: all at start, but for heads of answers that come in
 * pieces.
 */
#include "bench/load/load_conn.h"
#include "bench/load/load_plan.h"
#include "bench/load/load_result.h"
#include "bench/load/load_schedule.h"
#include "bench/load/load_timeline.h"

#include <pthread.h>
#include <stdatomic.h>

struct ssl_ctx_st;

/* One read takes what the socket buffers hold after a megabyte was echoed. */
#define LOAD_BUF_CAP KIB(256)

enum load_phase {
    LOAD_WARMUP,
    LOAD_MEASURE,
    LOAD_DRAIN
};

/* What the threads of a run have in common. */
struct load_shared {
    const struct load_spec *spec;
    const struct load_plan *plan;
    struct ssl_ctx_st *tls;
    bool own_files; /* Each thread has its own table of descriptors. */
    uint64_t start_ns;
    _Atomic uint64_t from_ns; /* Start of measuring; UINT64_MAX: not known yet. */
    _Atomic uint64_t to_ns;   /* Its end; UINT64_MAX: not known yet. */
    _Atomic uint64_t right; /* Right answers in the measured time, when their number is limited. */
    atomic_uint ready;      /* Threads whose connections were all tried. */
    atomic_uint drained;    /* Threads that wait for nothing any more. */
    atomic_bool leave;      /* Close everything and return. */
    atomic_uint said;       /* Errors that were told on stderr. */
};

/* Connections by number, first in, first out. */
struct load_queue {
    uint32_t *items;
    uint32_t cap;
    uint32_t first;
    uint32_t len;
};

struct load_worker {
    struct load_shared *shared;
    const struct load_spec *spec;
    const struct load_plan *plan;
    unsigned index;
    pthread_t thread;
    enum load_phase phase;
    uint64_t now_ns;
    uint64_t from_ns;
    uint64_t to_ns;
    int epoll_fd;
    uint8_t *buf; /* Shared by all connections: bytes are looked at once, as they come. */
    size_t conns_len;
    struct load_conn *conns;
    struct load_turn *turns;
    struct load_timers timers;
    struct load_queue opening; /* Wait for their turn to connect. */
    struct load_queue idle;    /* Open loop: can take a request. */
    uint32_t connecting;
    uint32_t tried; /* Connections that were open once, or failed to open. */
    bool ready;     /* `shared->ready` and `shared->drained` were told. */
    bool drained;
    size_t busy; /* Requests on the way and connections that end: awaited while draining. */
    size_t next_item;
    struct load_random random;
    struct load_schedule schedule;
    struct load_peer peer;
    struct load_result result;
    struct load_timeline line;
    uint64_t cpu_from_ns; /* CPU time of the thread at the start and at the end of measuring. */
    uint64_t cpu_to_ns;
};

/* False when there is no memory or no descriptor. */
bool load_worker_init(struct load_worker *worker, struct load_shared *shared, unsigned index,
                      size_t conns_len);
void load_worker_fini(struct load_worker *worker);

/* The thread: runs until `shared->leave`. */
void *load_worker_run(void *arg);

/* The connection is to be opened (again) as soon as others are through. */
void load_worker_open_soon(struct load_worker *worker, struct load_conn *conn);

/* The connection can take a request: closed loops begin one, open loops note it. */
void load_worker_on_free(struct load_worker *worker, struct load_conn *conn);

/* The next body in the order of sending. */
const struct load_request *load_worker_take(struct load_worker *worker);

/* Does what happens now count, in a closed loop. */
static inline bool load_worker_measures(const struct load_worker *worker)
{
    return worker->phase == LOAD_MEASURE;
}

/* A right answer was counted: ends measuring when there are enough. */
void load_worker_on_right(struct load_worker *worker);

/* From 0 (exclusive) to 1. */
double load_worker_share(struct load_worker *worker);

/* Counts an error and says the first few on stderr. */
void load_worker_count_error(struct load_worker *worker, const struct load_conn *conn,
                             enum load_error error, const char *detail);

/* Interval of this moment; NULL outside of the measured time. */
struct load_slot *load_worker_slot(struct load_worker *worker);
