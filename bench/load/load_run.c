/* SPDX-License-Identifier: MIT */
#include "bench/load/load_run.h"

#include "base/assert.h"
#include "base/clock.h"
#include "bench/load/load_server.h"
#include "bench/load/load_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* How often the watching thread looks at the server: its CPU time when a process ends. */
#define LOAD_WATCH_NS (50 * NS_PER_MS)

/* How often it looks at flags of the threads. */
#define LOAD_POLL_NS (2 * NS_PER_MS)

/* Descriptors beside those of connections. */
#define LOAD_FDS_SPARE 256

/* Ports of one address that the kernel gives out by itself, with some to spare. */
#define LOAD_PORTS_EACH 25000

/* Draining lasts a time-out; what takes longer is a defect that must not hang the caller. */
#define LOAD_DRAIN_EXTRA_NS (5 * NS_PER_SEC)

struct load_run {
    struct load_spec spec;
    struct load_plan plan;
    struct load_shared shared;
    struct load_server server;
    struct load_memory memory_before;
    struct load_memory memory_after;
    uint64_t server_from_ns; /* CPU time. */
    uint64_t server_to_ns;
    pthread_t watcher;
    atomic_bool stopped;
    size_t workers_len; /* Started ones. */
    struct load_worker *workers;
};

static uint64_t load_run_ns(double seconds)
{
    return (uint64_t)(seconds * (double)NS_PER_SEC);
}

static void load_run_sleep(uint64_t ns)
{
    struct timespec wait = {.tv_sec = (time_t)(ns / NS_PER_SEC),
                            .tv_nsec = (long)(ns % NS_PER_SEC)};
    nanosleep(&wait, NULL);
}

/* Until the warm-up is over and each connection was open once or failed to open, which is an error
 * of its own. */
static void load_run_warm_up(struct load_run *run)
{
    uint64_t wanted_ns = load_run_ns(run->spec.warmup_sec);
    uint64_t longest_ns = wanted_ns + load_run_ns(run->spec.timeout_sec);
    for (;;) {
        uint64_t spent_ns = clock_now_ns() - run->shared.start_ns;
        bool ready = atomic_load(&run->shared.ready) == run->workers_len;
        if (atomic_load(&run->stopped) || spent_ns >= longest_ns ||
            (ready && spent_ns >= wanted_ns)) {
            return;
        }
        load_run_sleep(LOAD_POLL_NS);
    }
}

static void load_run_measure(struct load_run *run)
{
    struct load_shared *shared = &run->shared;
    uint64_t from_ns = clock_now_ns();
    run->server_from_ns = load_server_cpu_ns(&run->server);
    run->server_to_ns = run->server_from_ns;
    atomic_store(&shared->to_ns, from_ns + load_run_ns(load_spec_seconds(&run->spec)));
    atomic_store(&shared->from_ns, from_ns);
    uint64_t seen_ns = from_ns;
    for (;;) {
        uint64_t now_ns = clock_now_ns();
        uint64_t to_ns = atomic_load(&shared->to_ns);
        if (now_ns >= to_ns) {
            break;
        }
        if (atomic_load(&run->stopped)) {
            atomic_compare_exchange_strong(&shared->to_ns, &to_ns, now_ns);
            continue;
        }
        load_run_sleep(MIN_OF(to_ns - now_ns, LOAD_POLL_NS));
        if (now_ns - seen_ns >= LOAD_WATCH_NS) {
            run->server_to_ns = load_server_cpu_ns(&run->server);
            seen_ns = now_ns;
        }
    }
    run->server_to_ns = load_server_cpu_ns(&run->server);
}

/* The server's memory is read while the connections are still there. */
static void load_run_drain(struct load_run *run)
{
    uint64_t end_ns = clock_now_ns() + load_run_ns(run->spec.timeout_sec) + LOAD_DRAIN_EXTRA_NS;
    while (atomic_load(&run->shared.drained) < run->workers_len && clock_now_ns() < end_ns) {
        load_run_sleep(LOAD_POLL_NS);
    }
    run->memory_after = load_server_memory(&run->server);
    atomic_store(&run->shared.leave, true);
}

static void *load_run_watch(void *arg)
{
    struct load_run *run = arg;
    load_run_warm_up(run);
    load_run_measure(run);
    load_run_drain(run);
    return NULL;
}

static bool load_run_is_loopback(const struct load_spec *spec)
{
    const struct sockaddr_in *addr = (const struct sockaddr_in *)&spec->addr;
    return spec->addr.ss_family == AF_INET && ntohl(addr->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static bool load_run_refuse(char *why, size_t why_cap, const char *text)
{
    snprintf(why, why_cap, "%s", text);
    return false;
}

/* What no option alone can see. */
static bool load_run_check(const struct load_spec *spec, char *why, size_t why_cap)
{
    if (spec->addr_len == 0) {
        return load_run_refuse(why, why_cap, "there is no server to ask");
    }
    if (spec->pace != LOAD_CLOSED && spec->stages_len == 0) {
        return load_run_refuse(why, why_cap, "an open loop needs a rate");
    }
    if (spec->pace != LOAD_CLOSED && spec->slow_share >= 1) {
        return load_run_refuse(why, why_cap, "slow connections take no part in an open loop");
    }
    if (spec->sources > 0 && !load_run_is_loopback(spec)) {
        return load_run_refuse(why, why_cap,
                               "sources are loopback addresses: the server has to be at one of "
                               "127.0.0.0/8");
    }
    return true;
}

/* Brings what depends on one another into order. */
static void load_run_resolve(struct load_spec *spec)
{
    spec->connections = MAX_OF(spec->connections, 1U);
    spec->threads = MIN_OF(MAX_OF(spec->threads, 1U), (unsigned)LOAD_THREADS_MAX);
    spec->threads = MIN_OF(spec->threads, spec->connections);
    spec->pipeline = spec->close ? 1 : MAX_OF(spec->pipeline, 1U);
    spec->chunk_size = MAX_OF(spec->chunk_size, (size_t)1);
    if (spec->sources == 0 && spec->connections > LOAD_PORTS_EACH && load_run_is_loopback(spec)) {
        spec->sources = spec->connections / LOAD_PORTS_EACH + 1;
    }
    spec->corpus.seed = spec->corpus.seed != 0 ? spec->corpus.seed : spec->seed;
}

static unsigned load_run_conns_each(const struct load_spec *spec)
{
    return (spec->connections + spec->threads - 1) / spec->threads;
}

static bool load_run_set_limit(rlim_t wanted, rlim_t *out_max)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return true;
    }
    *out_max = limit.rlim_max;
    limit.rlim_cur = wanted;
    limit.rlim_max = MAX_OF(limit.rlim_max, wanted);
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/* Room for the descriptors of all connections: by a higher limit, or else by a table of descriptors
 * for each thread and by more threads than were asked for. */
static bool load_run_make_room(struct load_run *run, char *why, size_t why_cap)
{
    struct load_spec *spec = &run->spec;
    rlim_t max = 0;
    if (load_run_set_limit((rlim_t)spec->connections + LOAD_FDS_SPARE, &max)) {
        return true;
    }
    run->shared.own_files = true;
    while (spec->threads < LOAD_THREADS_MAX && load_run_conns_each(spec) + LOAD_FDS_SPARE > max) {
        spec->threads++;
    }
    if (load_run_set_limit((rlim_t)load_run_conns_each(spec) + LOAD_FDS_SPARE, &max)) {
        return true;
    }
    snprintf(why, why_cap,
             "%u connections in %u threads need more than the %llu files that each may have open",
             spec->connections, spec->threads, (unsigned long long)max);
    return false;
}

static bool load_run_prepare(struct load_run *run, char *why, size_t why_cap)
{
    struct load_spec *spec = &run->spec;
    load_run_resolve(spec);
    if (!load_run_check(spec, why, why_cap) || !load_run_make_room(run, why, why_cap) ||
        !load_link_prepare(spec, &run->shared.tls, why, why_cap) ||
        !load_plan_build(&run->plan, spec, why, why_cap)) {
        return false;
    }
    if (!load_server_init(&run->server, spec)) {
        return load_run_refuse(why, why_cap, "one of the server's processes is not there");
    }
    run->memory_before = load_server_memory(&run->server);
    return true;
}

static bool load_run_make_workers(struct load_run *run)
{
    const struct load_spec *spec = &run->spec;
    run->workers = calloc(spec->threads, sizeof(*run->workers));
    bool good = run->workers != NULL;
    for (unsigned i = 0; good && i < spec->threads; i++) {
        size_t conns_len = spec->connections / spec->threads;
        conns_len += i < spec->connections % spec->threads;
        good = load_worker_init(&run->workers[i], &run->shared, i, conns_len);
    }
    return good;
}

static void load_run_join(struct load_run *run)
{
    for (size_t i = 0; i < run->workers_len; i++) {
        pthread_join(run->workers[i].thread, NULL);
    }
}

static bool load_run_start_threads(struct load_run *run)
{
    run->shared.start_ns = clock_now_ns();
    bool good = true;
    for (unsigned i = 0; good && i < run->spec.threads; i++) {
        struct load_worker *worker = &run->workers[i];
        good = pthread_create(&worker->thread, NULL, load_worker_run, worker) == 0;
        run->workers_len += good;
    }
    good = good && pthread_create(&run->watcher, NULL, load_run_watch, run) == 0;
    if (!good) {
        atomic_store(&run->shared.leave, true);
        load_run_join(run);
    }
    return good;
}

static void load_run_free(struct load_run *run)
{
    for (unsigned i = 0; run->workers != NULL && i < run->spec.threads; i++) {
        load_worker_fini(&run->workers[i]);
    }
    free(run->workers);
    load_plan_free(&run->plan);
    load_link_release(run->shared.tls);
    free(run);
}

struct load_run *load_run_start(const struct load_spec *spec, char *why, size_t why_cap)
{
    struct load_run *run = calloc(1, sizeof(*run));
    if (run == NULL) {
        load_run_refuse(why, why_cap, "out of memory");
        return NULL;
    }
    run->spec = *spec;
    run->shared.spec = &run->spec;
    run->shared.plan = &run->plan;
    atomic_store(&run->shared.from_ns, UINT64_MAX);
    atomic_store(&run->shared.to_ns, UINT64_MAX);
    if (!load_run_prepare(run, why, why_cap)) {
        load_run_free(run);
        return NULL;
    }
    if (!load_run_make_workers(run) || !load_run_start_threads(run)) {
        load_run_refuse(why, why_cap, "no memory, descriptors or threads");
        load_run_free(run);
        return NULL;
    }
    return run;
}

double load_run_elapsed(const struct load_run *run)
{
    uint64_t from_ns = atomic_load(&run->shared.from_ns);
    uint64_t now_ns = clock_now_ns();
    if (from_ns != UINT64_MAX) {
        return (double)(now_ns - from_ns) / (double)NS_PER_SEC;
    }
    double spent_sec = (double)(now_ns - run->shared.start_ns) / (double)NS_PER_SEC;
    return MIN_OF(spent_sec - run->spec.warmup_sec, -1e-3);
}

bool load_run_active(const struct load_run *run)
{
    return clock_now_ns() < atomic_load(&run->shared.to_ns);
}

void load_run_stop(struct load_run *run)
{
    atomic_store(&run->stopped, true);
}

static void load_run_sum_worker(struct load_run *run, struct load_worker *worker,
                                struct load_result *result)
{
    double cpu_sec = (double)(worker->cpu_to_ns - worker->cpu_from_ns) / (double)NS_PER_SEC;
    load_result_merge(result, &worker->result);
    result->own_cpu_sec += cpu_sec;
    if (result->seconds > 0) {
        result->own_busiest = MAX_OF(result->own_busiest, cpu_sec / result->seconds);
    }
    for (size_t i = 0; i < worker->conns_len; i++) {
        if (!worker->conns[i].slow) {
            result->least = MIN_OF(result->least, worker->conns[i].requests);
            result->most = MAX_OF(result->most, worker->conns[i].requests);
        }
    }
    if (result->server[0] == '\0') {
        memcpy(result->server, worker->peer.server, sizeof(result->server));
        memcpy(result->istag, worker->peer.istag, sizeof(result->istag));
    }
    if (worker->index > 0) {
        load_timeline_merge(&run->workers[0].line, &worker->line);
    }
}

static void load_run_sum_server(const struct load_run *run, struct load_result *result)
{
    result->has_server = run->spec.pids_len > 0;
    result->server_cpu_sec = (double)(run->server_to_ns - run->server_from_ns) / (double)NS_PER_SEC;
    result->server_rss_bytes = run->memory_after.rss_bytes;
    result->server_private_bytes = run->memory_after.private_bytes;
    result->server_private_before = run->memory_before.private_bytes;
}

void load_run_finish(struct load_run *run, struct load_result *result)
{
    pthread_join(run->watcher, NULL);
    load_run_join(run);
    bool good = load_result_init(result);
    ASSERT(good);
    uint64_t measured_ns = atomic_load(&run->shared.to_ns) - atomic_load(&run->shared.from_ns);
    result->seconds = (double)measured_ns / (double)NS_PER_SEC;
    result->least = UINT64_MAX;
    for (size_t i = 0; i < run->workers_len; i++) {
        load_run_sum_worker(run, &run->workers[i], result);
    }
    result->least = MIN_OF(result->least, result->most);
    load_run_sum_server(run, result);
    struct load_timeline *line = &run->workers[0].line;
    if (measured_ns > 0) {
        /* Intervals at the end in which nothing happened are there too. */
        (void)load_timeline_at(line, measured_ns - 1);
    }
    good = load_timeline_finish(line, &run->spec, result);
    ASSERT(good);
    load_run_free(run);
}
