/* SPDX-License-Identifier: MIT */
/*
 *   CLOSED --> CONNECTING --> OPEN (one request after the other) --> ENDING --> CLOSED
 *      ^            |           |                                      |
 *      +---- error -+-----------+--------------------------------------+
 */
#include "bench/load/load_conn.h"

#include "base/assert.h"
#include "base/clock.h"
#include "bench/load/load_run.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOAD_ERRORS_SAID 5

void load_conn_close(struct load_conn *conn, struct load_run *run)
{
    if (conn->state == LOAD_CONN_CLOSED) {
        return;
    }
    close(conn->fd);
    conn->fd = -1;
    conn->state = LOAD_CONN_CLOSED;
    conn->start_ns = clock_now_ns();
    ASSERT(run->busy > 0);
    run->busy--;
}

void load_conn_fail(struct load_conn *conn, struct load_run *run, enum load_error error)
{
    run->errors[error]++;
    run->errors_total++;
    if (run->errors_total <= LOAD_ERRORS_SAID) {
        fprintf(stderr, "icap_load: %s: %s (status %u, %zu bytes of the body, request %llu)\n",
                load_error_name(error), load_error_text(error), conn->reply.code,
                conn->reply.body_seen, (unsigned long long)conn->requests);
    }
    load_conn_close(conn, run);
}

void load_conn_open(struct load_conn *conn, struct load_run *run)
{
    int on = 1;
    ASSERT(conn->state == LOAD_CONN_CLOSED);
    conn->fd = socket(run->args->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0) {
        perror("icap_load: socket");
        exit(2);
    }
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    conn->state = LOAD_CONN_CONNECTING;
    conn->start_ns = clock_now_ns();
    conn->reply.code = 0;
    conn->reply.body_seen = 0;
    run->busy++;
    run->connects++;
    const struct sockaddr *addr = (const struct sockaddr *)&run->args->addr;
    if (connect(conn->fd, addr, run->args->addr_len) != 0 && errno != EINPROGRESS) {
        load_conn_fail(conn, run, LOAD_ERROR_CONNECT);
        return;
    }
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.ptr = conn,
    };
    if (epoll_ctl(run->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        perror("icap_load: epoll_ctl");
        exit(2);
    }
}

static void load_conn_reopen(struct load_conn *conn, struct load_run *run)
{
    load_conn_close(conn, run);
    if (run->phase != LOAD_DRAIN) {
        load_conn_open(conn, run);
    }
}

/* Sends what the socket takes. False when the connection is gone. */
static bool load_conn_flush(struct load_conn *conn, struct load_run *run)
{
    while (conn->out.len > 0) {
        ssize_t n = send(conn->fd, conn->out.ptr, conn->out.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            return true;
        }
        if (n < 0 && !conn->answered) {
            load_conn_fail(conn, run, LOAD_ERROR_RESET);
            return false;
        }
        /* Who answers early may close before it has read the rest. */
        conn->out = n < 0 ? (struct slice){0} : slice_skip(conn->out, (size_t)n);
    }
    return true;
}

static void load_conn_begin(struct load_conn *conn, struct load_run *run)
{
    const struct load_request *request = &run->plan.requests[conn->variant];
    conn->variant = (conn->variant + 1) % (unsigned)run->plan.len;
    conn->answered = false;
    conn->out = request->first;
    load_reply_begin(&conn->reply, run->args, request);
    conn->start_ns = clock_now_ns();
    load_conn_flush(conn, run);
}

static void load_conn_count(struct load_conn *conn, struct load_run *run)
{
    if (run->phase != LOAD_MEASURE) {
        return;
    }
    ASSERT(conn->reply.code < LOAD_CODE_MAX);
    histogram_add(&run->latency, clock_now_ns() - conn->start_ns);
    run->codes[conn->reply.code]++;
    run->continues += conn->reply.continued;
    run->requests++;
    run->body_bytes += conn->reply.request->body.len;
    conn->requests++;
}

/* The answer is complete and the request is sent (or nobody reads it any more). */
static void load_conn_finish(struct load_conn *conn, struct load_run *run)
{
    if (conn->reply.close || run->args->close) {
        conn->state = LOAD_CONN_ENDING;
        conn->start_ns = clock_now_ns();
    } else if (run->phase == LOAD_DRAIN) {
        load_conn_close(conn, run);
    } else {
        load_conn_begin(conn, run);
    }
}

/* False when the connection is gone. */
static bool load_conn_take(struct load_conn *conn, struct load_run *run, struct slice in)
{
    while (in.len > 0) {
        if (conn->answered || conn->state == LOAD_CONN_ENDING) {
            load_conn_fail(conn, run, LOAD_ERROR_EXCESS);
            return false;
        }
        switch (load_reply_feed(&conn->reply, run->args, &in)) {
        case LOAD_REPLY_MORE:
            break;
        case LOAD_REPLY_BAD:
            load_conn_fail(conn, run, conn->reply.error);
            return false;
        case LOAD_REPLY_CONTINUE:
            if (conn->out.len > 0) {
                load_conn_fail(conn, run, LOAD_ERROR_CONTINUE);
                return false;
            }
            conn->out = conn->reply.request->rest;
            if (!load_conn_flush(conn, run)) {
                return false;
            }
            break;
        case LOAD_REPLY_DONE:
            if (in.len > 0) {
                load_conn_fail(conn, run, LOAD_ERROR_EXCESS);
                return false;
            }
            load_conn_count(conn, run);
            conn->answered = conn->out.len > 0;
            if (!conn->answered) {
                load_conn_finish(conn, run);
                return conn->state != LOAD_CONN_CLOSED;
            }
            break;
        }
    }
    return true;
}

static void load_conn_on_end(struct load_conn *conn, struct load_run *run, enum load_error error)
{
    if (conn->answered || conn->state == LOAD_CONN_ENDING) {
        load_conn_reopen(conn, run);
    } else {
        load_conn_fail(conn, run, error);
    }
}

static void load_conn_read(struct load_conn *conn, struct load_run *run, bool to_end)
{
    for (;;) {
        ssize_t n = recv(conn->fd, run->buf, LOAD_BUF_CAP, 0);
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            load_conn_on_end(conn, run, n == 0 ? LOAD_ERROR_EOF : LOAD_ERROR_RESET);
            return;
        }
        if (!load_conn_take(conn, run, slice_from(run->buf, (size_t)n))) {
            return;
        }
        /* A short read has emptied the socket; what comes later is a new event. */
        if ((size_t)n < LOAD_BUF_CAP && !to_end) {
            return;
        }
    }
}

void load_conn_on_event(struct load_conn *conn, struct load_run *run, uint32_t events)
{
    if (conn->state == LOAD_CONN_CLOSED) {
        return;
    }
    if (conn->state == LOAD_CONN_CONNECTING) {
        if (events & (EPOLLERR | EPOLLHUP)) {
            load_conn_fail(conn, run, LOAD_ERROR_CONNECT);
            return;
        }
        conn->state = LOAD_CONN_OPEN;
        load_conn_begin(conn, run);
    } else if (conn->out.len > 0 && load_conn_flush(conn, run) && conn->answered &&
               conn->out.len == 0) {
        conn->answered = false;
        load_conn_finish(conn, run);
    }
    if (conn->state != LOAD_CONN_CLOSED && (events & ~(uint32_t)EPOLLOUT)) {
        load_conn_read(conn, run, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    }
}
