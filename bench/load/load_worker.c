/* SPDX-License-Identifier: MIT */
#include "bench/load/load_worker.h"

#include "base/assert.h"
#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Few enough that answers do not grow old in the list. */
#define LOAD_EVENTS_MAX 64

/* Requests of an open loop that are sent before answers are looked at again. */
#define LOAD_BATCH_MAX 32

/* Connections that are being opened at the same time: below any server's listen backlog. */
#define LOAD_CONNECTING_MAX 128

/* How late a change of the phase may be noticed. */
#define LOAD_TICK_NS (10 * NS_PER_MS)

#define LOAD_ERRORS_SAID 5

static bool load_queue_init(struct load_queue *queue, size_t cap)
{
    *queue = (struct load_queue){.cap = (uint32_t)cap};
    queue->items = calloc(cap, sizeof(*queue->items));
    return queue->items != NULL;
}

static void load_queue_put(struct load_queue *queue, uint32_t item)
{
    ASSERT(queue->len < queue->cap);
    uint32_t at = queue->first + queue->len++;
    queue->items[at < queue->cap ? at : at - queue->cap] = item;
}

static uint32_t load_queue_take(struct load_queue *queue)
{
    ASSERT(queue->len > 0);
    uint32_t item = queue->items[queue->first];
    queue->first = queue->first + 1 < queue->cap ? queue->first + 1 : 0;
    queue->len--;
    return item;
}

/* Spread over the connections, so that each thread has its share. */
static bool load_worker_is_slow(const struct load_worker *worker, size_t at)
{
    double share = worker->spec->slow_share;
    return (size_t)((double)(at + 1) * share) > (size_t)((double)at * share);
}

static bool load_worker_make_conns(struct load_worker *worker)
{
    uint32_t depth = worker->spec->pipeline;
    worker->conns = calloc(worker->conns_len, sizeof(*worker->conns));
    worker->turns = calloc(worker->conns_len * depth, sizeof(*worker->turns));
    if (worker->conns == NULL || worker->turns == NULL) {
        return false;
    }
    for (size_t i = 0; i < worker->conns_len; i++) {
        struct load_conn *conn = &worker->conns[i];
        conn->index = (uint32_t)i;
        conn->link.fd = -1;
        conn->turns = worker->turns + i * depth;
        conn->slow = load_worker_is_slow(worker, i);
    }
    return true;
}

bool load_worker_init(struct load_worker *worker, struct load_shared *shared, unsigned index,
                      size_t conns_len)
{
    const struct load_spec *spec = shared->spec;
    *worker = (struct load_worker){
        .shared = shared,
        .spec = spec,
        .plan = shared->plan,
        .index = index,
        .from_ns = UINT64_MAX,
        .to_ns = UINT64_MAX,
        .conns_len = conns_len,
        .random = {load_random_mix(spec->seed, index + 1)},
        .next_item = shared->plan->len * index / spec->threads,
    };
    worker->epoll_fd = -1;
    worker->buf = malloc(LOAD_BUF_CAP);
    load_peer_init(&worker->peer, spec);
    return worker->buf != NULL && load_worker_make_conns(worker) &&
           load_timers_init(&worker->timers, conns_len) &&
           load_queue_init(&worker->opening, conns_len) &&
           load_queue_init(&worker->idle, conns_len) && load_result_init(&worker->result) &&
           load_timeline_init(&worker->line, spec->interval_sec);
}

void load_worker_fini(struct load_worker *worker)
{
    if (worker->shared == NULL) {
        return;
    }
    free(worker->buf);
    free(worker->conns);
    free(worker->turns);
    free(worker->opening.items);
    free(worker->idle.items);
    load_timers_fini(&worker->timers);
    load_result_free(&worker->result);
    load_timeline_fini(&worker->line);
}

double load_worker_share(struct load_worker *worker)
{
    return (double)((load_random_next(&worker->random) >> 11) + 1) * 0x1p-53;
}

void load_worker_open_soon(struct load_worker *worker, struct load_conn *conn)
{
    ASSERT(conn->state == LOAD_CONN_CLOSED);
    load_queue_put(&worker->opening, conn->index);
}

void load_worker_on_free(struct load_worker *worker, struct load_conn *conn)
{
    if (worker->phase == LOAD_DRAIN) {
        return;
    }
    if (worker->spec->pace != LOAD_CLOSED && !conn->slow) {
        if (!conn->queued) {
            conn->queued = true;
            load_queue_put(&worker->idle, conn->index);
        }
        return;
    }
    if (worker->spec->think_sec > 0 && !conn->slow) {
        if (conn->turns_len == 0) {
            load_conn_think(conn, worker);
        }
        return;
    }
    while (load_conn_is_free(conn, worker)) {
        load_conn_begin(conn, worker, worker->now_ns);
    }
}

const struct load_request *load_worker_take(struct load_worker *worker)
{
    const struct load_request *request = &worker->plan->requests[worker->next_item];
    worker->next_item = worker->next_item + 1 < worker->plan->len ? worker->next_item + 1 : 0;
    return request;
}

void load_worker_on_right(struct load_worker *worker)
{
    struct load_shared *shared = worker->shared;
    if (worker->spec->requests > 0 &&
        atomic_fetch_add(&shared->right, 1) + 1 == worker->spec->requests) {
        atomic_store(&shared->to_ns, worker->now_ns);
    }
}

struct load_slot *load_worker_slot(struct load_worker *worker)
{
    if (worker->phase != LOAD_MEASURE || worker->now_ns < worker->from_ns ||
        worker->now_ns >= atomic_load_explicit(&worker->shared->to_ns, memory_order_relaxed)) {
        return NULL;
    }
    return load_timeline_at(&worker->line, worker->now_ns - worker->from_ns);
}

void load_worker_count_error(struct load_worker *worker, const struct load_conn *conn,
                             enum load_error error, const char *detail)
{
    struct load_slot *slot = load_worker_slot(worker);
    worker->result.errors[error]++;
    worker->result.errors_total++;
    if (slot != NULL) {
        slot->errors++;
    }
    if (atomic_fetch_add(&worker->shared->said, 1) < LOAD_ERRORS_SAID) {
        fprintf(stderr,
                "baleen-bench: %s: %s%s%s (status %u, %zu bytes of the body, "
                "request %llu)\n",
                load_error_name(error), load_error_text(error), detail != NULL ? ": " : "",
                detail != NULL ? detail : "", conn->reply.code, conn->reply.body_seen,
                (unsigned long long)conn->requests);
    }
}

static uint64_t load_worker_cpu_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * NS_PER_SEC + (uint64_t)spent.tv_nsec;
}

/* Open loop: sends what is due by `until_ns`, as long as there are connections. True when it
 * stopped only to let answers be looked at. */
static bool load_worker_send_due(struct load_worker *worker, uint64_t until_ns)
{
    struct load_schedule *schedule = &worker->schedule;
    unsigned sent = 0;
    while (worker->idle.len > 0 && schedule->next_ns <= until_ns) {
        if (sent++ == LOAD_BATCH_MAX) {
            return true;
        }
        struct load_conn *conn = &worker->conns[load_queue_take(&worker->idle)];
        conn->queued = false;
        if (!load_conn_is_free(conn, worker)) {
            continue;
        }
        uint64_t due_ns = schedule->next_ns;
        load_schedule_advance(schedule);
        load_conn_begin(conn, worker, due_ns);
        if (load_conn_is_free(conn, worker)) {
            load_worker_on_free(worker, conn);
        }
    }
    return false;
}

static void load_worker_start_measuring(struct load_worker *worker, uint64_t from_ns)
{
    worker->phase = LOAD_MEASURE;
    worker->from_ns = from_ns;
    worker->cpu_from_ns = load_worker_cpu_ns();
    if (worker->spec->pace != LOAD_CLOSED) {
        /* What the warm-up could not send is forgotten. */
        load_schedule_init(&worker->schedule, worker->spec, worker->index, from_ns);
    }
}

/* What is still due goes out where a connection is free: that the thread was woken a little late is
 * not the server's fault. The rest is unsent. */
static void load_worker_send_last(struct load_worker *worker, uint64_t to_ns)
{
    while (load_worker_send_due(worker, to_ns - 1)) {
    }
    while (worker->schedule.next_ns < to_ns) {
        worker->result.unsent++;
        load_schedule_advance(&worker->schedule);
    }
}

static void load_worker_start_draining(struct load_worker *worker, uint64_t to_ns)
{
    if (worker->spec->pace != LOAD_CLOSED) {
        load_worker_send_last(worker, to_ns);
    }
    worker->phase = LOAD_DRAIN;
    worker->to_ns = to_ns;
    worker->cpu_to_ns = load_worker_cpu_ns();
    for (size_t i = 0; i < worker->conns_len; i++) {
        load_conn_give_up(&worker->conns[i], worker);
    }
}

/* Follows the run from phase to phase. */
static void load_worker_advance(struct load_worker *worker)
{
    struct load_shared *shared = worker->shared;
    if (worker->phase == LOAD_WARMUP) {
        uint64_t from_ns = atomic_load(&shared->from_ns);
        if (worker->now_ns >= from_ns) {
            load_worker_start_measuring(worker, from_ns);
        }
    }
    if (worker->phase == LOAD_MEASURE) {
        uint64_t to_ns = atomic_load(&shared->to_ns);
        if (worker->now_ns >= to_ns) {
            load_worker_start_draining(worker, to_ns);
        }
    }
    if (worker->tried == worker->conns_len && !worker->ready) {
        worker->ready = true;
        atomic_fetch_add(&shared->ready, 1);
    }
    if (worker->phase == LOAD_DRAIN && worker->busy == 0 && !worker->drained) {
        worker->drained = true;
        atomic_fetch_add(&shared->drained, 1);
    }
}

static void load_worker_open_some(struct load_worker *worker)
{
    while (worker->opening.len > 0 && worker->connecting < LOAD_CONNECTING_MAX) {
        struct load_conn *conn = &worker->conns[load_queue_take(&worker->opening)];
        if (worker->phase != LOAD_DRAIN || conn->turns_len > 0) {
            load_conn_open(conn, worker);
        }
    }
}

/* Kernels before 5.11, and tools that stand in for one, know milliseconds only. */
static int load_worker_poll(const struct load_worker *worker, struct epoll_event *events,
                            uint64_t wait_ns)
{
    struct timespec wait = {.tv_nsec = (long)wait_ns};
    int n = epoll_pwait2(worker->epoll_fd, events, LOAD_EVENTS_MAX, &wait, NULL);
    if (n < 0 && errno == ENOSYS) {
        n = epoll_wait(worker->epoll_fd, events, LOAD_EVENTS_MAX, (int)(wait_ns / NS_PER_MS));
    }
    return n;
}

static void load_worker_wait(struct load_worker *worker, bool at_once)
{
    struct epoll_event events[LOAD_EVENTS_MAX];
    uint64_t until_ns = MIN_OF(worker->now_ns + LOAD_TICK_NS, load_timers_next_ns(&worker->timers));
    if (worker->spec->pace != LOAD_CLOSED && worker->phase != LOAD_DRAIN && worker->idle.len > 0) {
        until_ns = MIN_OF(until_ns, worker->schedule.next_ns);
    }
    uint64_t wait_ns = until_ns > worker->now_ns && !at_once ? until_ns - worker->now_ns : 0;
    int n = load_worker_poll(worker, events, wait_ns);
    worker->now_ns = clock_now_ns();
    for (int i = 0; i < n; i++) {
        load_conn_on_event(events[i].data.ptr, worker, events[i].events);
    }
}

/* With a table of descriptors of its own, what the process had open is none of this thread's
 * business, and must not stay open here when the process closes it. */
static void load_worker_open_files(struct load_worker *worker)
{
    if (worker->shared->own_files && unshare(CLONE_FILES) == 0) {
        close_range(STDERR_FILENO + 1, UINT_MAX, 0);
    }
    worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
}

static void load_worker_settle(const struct load_worker *worker)
{
    /* TLS writes by means that cannot ask for silence. */
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    /* A due moment must not wait for the kernel's habit of collecting timers. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (worker->spec->cpus_len > 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)worker->spec->cpus[worker->index % worker->spec->cpus_len], &set);
        pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
    }
}

static void load_worker_loop(struct load_worker *worker)
{
    bool more = false;
    while (!atomic_load_explicit(&worker->shared->leave, memory_order_relaxed)) {
        load_worker_open_some(worker);
        load_worker_wait(worker, more);
        worker->now_ns = clock_now_ns();
        load_worker_advance(worker);
        struct load_timer *timer = load_timers_pop(&worker->timers, worker->now_ns);
        while (timer != NULL) {
            load_conn_on_timer(CONTAINER_OF(timer, struct load_conn, timer), worker);
            timer = load_timers_pop(&worker->timers, worker->now_ns);
        }
        more = worker->spec->pace != LOAD_CLOSED && worker->phase != LOAD_DRAIN &&
               load_worker_send_due(worker, worker->now_ns);
    }
}

void *load_worker_run(void *arg)
{
    struct load_worker *worker = arg;
    load_worker_open_files(worker);
    load_worker_settle(worker);
    worker->now_ns = clock_now_ns();
    if (worker->spec->pace != LOAD_CLOSED) {
        load_schedule_init_endless(&worker->schedule, worker->spec, worker->index, worker->now_ns);
    }
    for (size_t i = 0; i < worker->conns_len; i++) {
        load_worker_open_soon(worker, &worker->conns[i]);
    }
    load_worker_loop(worker);
    for (size_t i = 0; i < worker->conns_len; i++) {
        load_conn_close(&worker->conns[i], worker);
    }
    close(worker->epoll_fd);
    return NULL;
}
