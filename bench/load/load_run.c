/* SPDX-License-Identifier: MIT */
#include "bench/load/load_run.h"

#include "base/assert.h"
#include "base/clock.h"
#include "bench/load/load_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define LOAD_EVENTS_MAX 256
#define LOAD_TICK_NS    (50 * NS_PER_MS)

/* How long a connection rests after an error. */
#define LOAD_PAUSE_NS (100 * NS_PER_MS)

static uint64_t load_run_own_ns(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * NS_PER_SEC + (uint64_t)spent.tv_nsec;
}

/* User and system time: fields 14 and 15 of /proc/PID/stat, in clock ticks; the name before them
 * ends with ')'. */
static uint64_t load_run_ticks(const char *stat)
{
    const char *at = strrchr(stat, ')');
    for (unsigned field = 2; at != NULL && field < 14; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL) {
        return 0;
    }
    char *end = NULL;
    uint64_t user = strtoull(at, &end, 10);
    return user + strtoull(end, NULL, 10);
}

static uint64_t load_run_server_ns(const struct load_args *args)
{
    uint64_t ticks = 0;
    for (size_t i = 0; i < args->pids_len; i++) {
        char path[64];
        char stat[1024];
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)args->pids[i]);
        FILE *file = fopen(path, "r");
        if (file == NULL || fgets(stat, sizeof(stat), file) == NULL) {
            fprintf(stderr, "icap_load: --pid: no process %d\n", (int)args->pids[i]);
            exit(2);
        }
        fclose(file);
        ticks += load_run_ticks(stat);
    }
    return ticks * (NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
}

static struct load_mark load_run_mark(const struct load_args *args)
{
    return (struct load_mark){
        .wall_ns = clock_now_ns(),
        .own_ns = load_run_own_ns(),
        .server_ns = load_run_server_ns(args),
    };
}

static void load_run_start(struct load_run *run)
{
    run->buf = malloc(LOAD_BUF_CAP);
    run->conns_len = run->args->connections;
    run->conns = calloc(run->conns_len, sizeof(*run->conns));
    run->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (run->buf == NULL || run->conns == NULL || run->epoll_fd < 0) {
        perror("icap_load: start");
        exit(2);
    }
    for (size_t i = 0; i < run->conns_len; i++) {
        run->conns[i].variant = (unsigned)(i % run->plan.len);
        load_conn_open(&run->conns[i], run);
    }
}

static uint64_t load_run_ns(double seconds)
{
    return (uint64_t)(seconds * (double)NS_PER_SEC);
}

static void load_run_advance(struct load_run *run, uint64_t now_ns)
{
    if (run->phase == LOAD_WARMUP &&
        now_ns - run->from.wall_ns >= load_run_ns(run->args->warmup_sec)) {
        run->phase = LOAD_MEASURE;
        run->from = load_run_mark(run->args);
    } else if (run->phase == LOAD_MEASURE &&
               (now_ns - run->from.wall_ns >= load_run_ns(run->args->duration_sec) ||
                (run->args->requests > 0 && run->requests >= run->args->requests))) {
        run->phase = LOAD_DRAIN;
        run->to = load_run_mark(run->args);
    }
}

/* What takes too long is an error; what has failed tries again after a rest. */
static void load_run_sweep(struct load_run *run, uint64_t now_ns)
{
    for (size_t i = 0; i < run->conns_len; i++) {
        struct load_conn *conn = &run->conns[i];
        uint64_t age_ns = now_ns > conn->start_ns ? now_ns - conn->start_ns : 0;
        if (conn->state != LOAD_CONN_CLOSED) {
            if (age_ns > load_run_ns(run->args->timeout_sec)) {
                load_conn_fail(conn, run, LOAD_ERROR_TIMEOUT);
            }
        } else if (run->phase != LOAD_DRAIN && age_ns > LOAD_PAUSE_NS) {
            load_conn_open(conn, run);
        }
    }
}

void load_run(struct load_run *run, const struct load_args *args)
{
    *run = (struct load_run){.args = args};
    load_plan_build(&run->plan, args);
    load_run_start(run);
    run->from = load_run_mark(args);
    uint64_t swept_ns = run->from.wall_ns;
    while (run->phase != LOAD_DRAIN || run->busy > 0) {
        struct epoll_event events[LOAD_EVENTS_MAX];
        int n = epoll_wait(run->epoll_fd, events, LOAD_EVENTS_MAX, (int)(LOAD_TICK_NS / NS_PER_MS));
        for (int i = 0; i < n; i++) {
            load_conn_on_event(events[i].data.ptr, run, events[i].events);
        }
        uint64_t now_ns = clock_now_ns();
        load_run_advance(run, now_ns);
        if (now_ns - swept_ns >= LOAD_TICK_NS) {
            load_run_sweep(run, now_ns);
            swept_ns = now_ns;
        }
    }
}
