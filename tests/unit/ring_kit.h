#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * ring_kit - what the tests of the ring share.
 *
 * Every test runs over both back ends. Where the host forbids io_uring its half is skipped.
 */
#include "base/clock.h"
#include "base/macro.h"
#include "net/ring/ring.h"

#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TURN_NS      (20 * NS_PER_MS)
#define PATIENCE_NS  (20 * NS_PER_SEC)
#define NONE_YET     1000000
#define BACKENDS_LEN 2

static const enum ring_backend backends[BACKENDS_LEN] = {RING_URING, RING_EPOLL};

/* Runs the block once for each back end that this host has, with room for `entries` submissions. */
#define EACH_BACKEND_OF(ring, entries, bufs, buf_bytes)                                            \
    for (unsigned turn_ = 0; turn_ < BACKENDS_LEN; turn_++)                                        \
        if (((ring) = ring_make(backends[turn_], (entries), (bufs), (buf_bytes))) != NULL)

#define EACH_BACKEND(ring, bufs, buf_bytes) EACH_BACKEND_OF(ring, 64, bufs, buf_bytes)

static struct ring *ring_make(enum ring_backend backend, uint32_t entries, uint32_t bufs,
                              uint32_t buf_bytes)
{
    const struct ring_options options = {backend, entries, bufs, buf_bytes};
    struct ring *ring = NULL;
    const int r = ring_open(&ring, &options);

    if (r < 0) {
        cr_assert_eq(backend, RING_URING, "epoll must always open, not fail with %d", r);
        cr_log_warn("no io_uring here: %s", strerror(-r));
        return NULL;
    }
    return ring;
}

/* Turns until `cond` holds. */
#define TURN_UNTIL(ring, cond)                                                                     \
    do {                                                                                           \
        const uint64_t deadline_ns_ = clock_now_ns() + PATIENCE_NS;                                \
        while (!(cond)) {                                                                          \
            cr_assert_geq(ring_turn((ring), TURN_NS), 0);                                          \
            cr_assert_lt(clock_now_ns(), deadline_ns_, "%s: %s did not come true",                 \
                         ring_backend_name(ring), #cond);                                          \
        }                                                                                          \
    } while (0)

/* Remembers what an operation said. */
struct probe {
    struct ring_op op; /* First. */
    int res;
    unsigned calls;
    struct ring *ring;
    uint8_t *bytes;
    size_t len;
    size_t cap;
    bool is_over;
};

static void probe_done(struct ring_op *op, int res)
{
    struct probe *probe = (struct probe *)op;

    probe->res = res;
    probe->calls++;
    probe->is_over = !ring_op_pending(op);
}

static void probe_recv(struct ring_op *op, int res, const uint8_t *data)
{
    struct probe *probe = (struct probe *)op;

    probe->calls++;
    cr_assert(!probe->is_over, "no call may follow the last one");
    if (res > 0) {
        cr_assert(ring_op_pending(op));
        cr_assert_leq(probe->len + (size_t)res, probe->cap);
        memcpy(probe->bytes + probe->len, data, (size_t)res);
        probe->len += (size_t)res;
        return;
    }
    cr_assert_null(data);
    cr_assert(!ring_op_pending(op));
    probe->res = res;
    probe->is_over = true;
}

static void make_pair(int fds[2])
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

static int make_listener(struct sockaddr_in *out_addr)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(*out_addr);

    *out_addr = (struct sockaddr_in){.sin_family = AF_INET};
    out_addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(fd, (struct sockaddr *)out_addr, sizeof(*out_addr)), 0);
    cr_assert_eq(listen(fd, 128), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)out_addr, &len), 0);
    return fd;
}

static int make_client(const struct sockaddr_in *addr)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(connect(fd, (const struct sockaddr *)addr, sizeof(*addr)), 0);
    return fd;
}

/* A byte that tells its place in the stream, with a long period. */
static uint8_t stream_byte(size_t i)
{
    return (uint8_t)(i ^ (i >> 8) * 31 ^ (i >> 16) * 77);
}

static void stream_fill(uint8_t *bytes, size_t len, size_t from)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = stream_byte(from + i);
    }
}

/* The other side in a process of its own. */
#define CHILD(pid)                                                                                 \
    cr_assert_geq(((pid) = fork()), 0);                                                            \
    if ((pid) == 0)

static void child_expect_good(pid_t pid)
{
    int status = 0;

    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %x", status);
}
