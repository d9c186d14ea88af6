/* SPDX-License-Identifier: MIT */
#include "engine/conn.h"

#include "base/assert.h"
#include "engine/shard.h"
#include "engine/txn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONN_INBOX_STOP    BODY_BLOCK_BYTES
#define CONN_INBOX_WAITING (BODY_BLOCK_BYTES / 2)
#define CONN_INBOX_RESUME  KIB(16)
#define CONN_PROBE_NS      (5 * NS_PER_SEC)
#define CONN_LINGER_NS     (5 * NS_PER_SEC)

/* Blocks that no inbox takes: who waits must not have those fail who have begun. */
#define CONN_BLOCKS_SPARE 16

struct inbox_block {
    struct inbox_block *next;
    uint32_t start;
    uint32_t end;
    uint8_t bytes[];
};

#define CONN_INBOX_ROOM (BODY_BLOCK_BYTES - sizeof(struct inbox_block))

static void conn_check(const struct conn *conn)
{
    ASSERT((conn->inbox_len == 0) == (conn->inbox_first == NULL));
    ASSERT(conn->fd >= 0);
}

const char *conn_peer(const struct conn *conn)
{
    static char text[INET6_ADDRSTRLEN + 8];
    char host[INET6_ADDRSTRLEN] = "?";

    inet_ntop(conn->peer_family, conn->peer_addr, host, sizeof(host));
    snprintf(text, sizeof(text), conn->peer_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
             conn->peer_port);
    return text;
}

/* Remembered, because a socket forgets it when the client has gone. */
static void conn_take_peer(struct conn *conn, int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } addr = {.in6 = {0}};
    socklen_t len = sizeof(addr);

    if (getpeername(fd, &addr.any, &len) < 0) {
        return;
    }
    conn->peer_family = (uint8_t)addr.any.sa_family;
    if (addr.any.sa_family == AF_INET6) {
        memcpy(conn->peer_addr, &addr.in6.sin6_addr, sizeof(addr.in6.sin6_addr));
        conn->peer_port = ntohs(addr.in6.sin6_port);
    } else {
        memcpy(conn->peer_addr, &addr.in.sin_addr, sizeof(addr.in.sin_addr));
        conn->peer_port = ntohs(addr.in.sin_port);
    }
}

struct slice conn_input(const struct conn *conn)
{
    if (conn->inbox_first) {
        return slice_from(conn->inbox_first->bytes + conn->inbox_first->start,
                          conn->inbox_first->end - conn->inbox_first->start);
    }
    return conn->live;
}

static void conn_inbox_pop(struct conn *conn)
{
    struct inbox_block *block = conn->inbox_first;

    conn->inbox_first = block->next;
    if (!conn->inbox_first) {
        conn->inbox_last = NULL;
    }
    body_block_give(&conn->shard->store, (uint8_t *)block);
}

void conn_consume(struct conn *conn, size_t len)
{
    if (!conn->inbox_first) {
        ASSERT(len <= conn->live.len);
        conn->live = slice_skip(conn->live, len);
        return;
    }
    ASSERT(len <= conn->inbox_first->end - conn->inbox_first->start);
    conn->inbox_first->start += (uint32_t)len;
    conn->inbox_len -= len;
    if (conn->inbox_first->start == conn->inbox_first->end) {
        conn_inbox_pop(conn);
    }
}

static struct inbox_block *conn_inbox_grow(struct conn *conn)
{
    const struct pool *blocks = &conn->shard->store.blocks;
    struct inbox_block *block;

    if (blocks->used + CONN_BLOCKS_SPARE > blocks->cap) {
        return NULL;
    }
    block = (struct inbox_block *)(void *)body_block_take(&conn->shard->store);
    if (!block) {
        return NULL;
    }
    *block = (struct inbox_block){0};
    if (conn->inbox_last) {
        conn->inbox_last->next = block;
    } else {
        conn->inbox_first = block;
    }
    conn->inbox_last = block;
    return block;
}

/* False when the shard has no block to spare. */
static bool conn_inbox_append(struct conn *conn, struct slice bytes)
{
    while (bytes.len > 0) {
        struct inbox_block *last = conn->inbox_last;

        if (!last || last->end == CONN_INBOX_ROOM) {
            last = conn_inbox_grow(conn);
            if (!last) {
                return false;
            }
        }
        const size_t n = MIN_OF(bytes.len, CONN_INBOX_ROOM - last->end);

        memcpy(last->bytes + last->end, bytes.ptr, n);
        last->end += (uint32_t)n;
        conn->inbox_len += n;
        bytes = slice_skip(bytes, n);
    }
    return true;
}

void conn_set_deadline(struct conn *conn, uint64_t ns)
{
    const uint64_t now_ns = shard_now(conn->shard);
    const uint64_t due_ns = now_ns + MIN_OF(ns, CONN_PROBE_NS);

    conn->deadline_ns = now_ns + ns;
    /* A later deadline is noticed when the timer fires; only an earlier one moves it. */
    if (!wheel_timer_is_set(&conn->timer) || conn->timer.due_ns > due_ns) {
        wheel_set(&conn->shard->wheel, &conn->timer, due_ns);
    }
}

void conn_reap(struct conn *conn)
{
    struct shard *shard = conn->shard;

    if (conn->state != CONN_CLOSING || ring_op_pending(&conn->recv_op) ||
        (conn->txn && !txn_is_quiet(conn->txn))) {
        return;
    }
    if (conn->txn) {
        txn_abandon(conn->txn);
        conn->txn = NULL;
    }
    while (conn->inbox_first) {
        conn_inbox_pop(conn);
    }
    wheel_clear(&shard->wheel, &conn->timer);
    list_unlink(&conn->thirst_node);
    list_unlink(&conn->node);
    close(conn->fd);
    counters_sub(&shard->counters->connections, 1);
    pool_give(&shard->conns, conn);
    shard_on_conn_freed(shard);
}

void conn_close(struct conn *conn)
{
    if (conn->state == CONN_CLOSING) {
        return;
    }
    conn->state = CONN_CLOSING;
    /* Both ways: a pending send ends, and a close with an armed receive would send no FIN. */
    shutdown(conn->fd, SHUT_RDWR);
    if (ring_op_pending(&conn->recv_op)) {
        ring_recv_stop(conn->shard->ring, &conn->recv_op);
    }
    if (conn->txn) {
        txn_cancel(conn->txn);
    }
}

void conn_abort(struct conn *conn, enum reason_id id)
{
    const struct reason *reason = reason_get(id);

    if (conn->state == CONN_CLOSING) {
        return;
    }
    reason_count(conn->shard->counters, id);
    if (log_enabled(reason->level)) {
        log_line(reason->level, "%s: connection closed: %s", conn_peer(conn), reason->text);
    }
    conn_close(conn);
}

void conn_linger(struct conn *conn)
{
    ASSERT(conn->state == CONN_OPEN);
    if (conn->peer_ended) {
        conn_close(conn);
        return;
    }
    conn->state = CONN_LINGER;
    conn->linger_until_ns =
        shard_now(conn->shard) +
        MAX_OF(conn->shard->current->config->icap_idle_timeout_ns, CONN_LINGER_NS);
    shutdown(conn->fd, SHUT_WR);
    while (conn->inbox_first) {
        conn->inbox_len = 0;
        conn_inbox_pop(conn);
    }
    conn->live.len = 0;
    conn_set_deadline(conn, CONN_LINGER_NS);
}

/* Starts receiving again once the inbox has room. */
static void conn_resume(struct conn *conn)
{
    if (conn->paused && conn->state != CONN_CLOSING &&
        (conn->state == CONN_LINGER || conn->inbox_len < CONN_INBOX_RESUME)) {
        conn->paused = false;
        conn_arm(conn);
    }
}

static void conn_run_txns(struct conn *conn)
{
    while (conn->state == CONN_OPEN) {
        if (!conn->txn) {
            if (conn_input(conn).len == 0) {
                return;
            }
            conn->txn = txn_begin(conn);
        }
        const enum txn_end end = txn_run(conn->txn);

        if (end == TXN_WAITS) {
            return;
        }
        txn_finish(conn->txn);
        conn->txn = NULL;
        if (conn->state != CONN_OPEN) {
            return;
        }
        if (end == TXN_DONE_CLOSE || conn->shard->draining) {
            conn_linger(conn);
            return;
        }
        conn_set_deadline(conn, conn->shard->current->config->icap_idle_timeout_ns);
    }
}

/* The client sends nothing more: what it has sent is served, what is cut off is not. */
static void conn_check_end(struct conn *conn)
{
    if (conn->state != CONN_OPEN || !conn->peer_ended) {
        return;
    }
    if (!conn->txn) {
        conn_close(conn);
    } else if (txn_wants_input(conn->txn)) {
        conn_abort(conn, REASON_peer_gone);
    }
}

void conn_run(struct conn *conn)
{
    conn_check(conn);
    conn_run_txns(conn);
    conn_resume(conn);
    conn_check_end(conn);
    conn_reap(conn);
}

/*
 * Bytes after which receiving stops. Who waits for admission has a block as soon as anything has
 * come, and may fill half of it: most requests are no longer, and stopping and starting for each of
 * them costs more than the request's head does.
 */
static size_t conn_inbox_most(const struct conn *conn)
{
    if (body_store_is_low(&conn->shard->store, 0)) {
        return 0;
    }
    return conn->txn && !list_is_empty(&conn->txn->wait_node) ? CONN_INBOX_WAITING
                                                              : CONN_INBOX_STOP;
}

/* What is left of a receive moves to the inbox, because its buffer goes back to the ring. */
static void conn_keep_rest(struct conn *conn)
{
    const struct slice rest = conn->live;

    conn->live = (struct slice){0};
    if (rest.len > 0 && conn->state == CONN_OPEN && !conn_inbox_append(conn, rest)) {
        conn_abort(conn, REASON_no_memory);
        return;
    }
    if (conn->inbox_len > conn_inbox_most(conn) && !conn->paused &&
        ring_op_pending(&conn->recv_op)) {
        conn->paused = true;
        ring_recv_stop(conn->shard->ring, &conn->recv_op);
    }
}

/* Somebody who sends a byte now and then is kept no longer than somebody who sends none. */
static void conn_drop(struct conn *conn, size_t len)
{
    conn->dropped += len;
    if (conn->dropped > conn->shard->current->config->icap_drain_max ||
        shard_now(conn->shard) > conn->linger_until_ns) {
        conn_abort(conn, REASON_drain_limit);
    } else {
        conn_set_deadline(conn, CONN_LINGER_NS);
    }
}

static void conn_on_bytes(struct conn *conn, struct slice bytes)
{
    counters_add(&conn->shard->counters->bytes_received, bytes.len);
    if (conn->state == CONN_LINGER) {
        conn_drop(conn, bytes.len);
        return;
    }
    if (conn->state == CONN_CLOSING) {
        return;
    }
    if (conn->inbox_first) {
        if (!conn_inbox_append(conn, bytes)) {
            conn_abort(conn, REASON_no_memory);
            return;
        }
    } else {
        conn->live = bytes;
    }
    conn_check(conn);
    conn_run_txns(conn);
    conn_keep_rest(conn);
}

static void conn_on_end(struct conn *conn, int res)
{
    if (res == -ECANCELED) {
        /* Paused or closing; conn_resume may already have armed it anew. */
        return;
    }
    conn->peer_ended = true;
    if (conn->state != CONN_OPEN) {
        conn_close(conn);
        return;
    }
    if (res < 0) {
        conn_abort(conn, conn->txn ? REASON_peer_error : REASON_idle);
        return;
    }
    conn_run_txns(conn);
    conn_check_end(conn);
}

static void conn_forget_quench(struct conn *conn)
{
    if (conn->quenched) {
        conn->quenched = false;
        ASSERT(conn->shard->quenched > 0);
        conn->shard->quenched--;
    }
}

static void conn_on_recv(struct ring_op *op, int res, const uint8_t *data)
{
    struct conn *conn = CONTAINER_OF(op, struct conn, recv_op);

    conn_forget_quench(conn);
    if (res > 0) {
        conn_on_bytes(conn, slice_from(data, (size_t)res));
    } else {
        conn_on_end(conn, res);
    }
    conn_resume(conn);
    conn_reap(conn);
}

void conn_arm(struct conn *conn)
{
    ring_recv_start(conn->shard->ring, &conn->recv_op, conn->fd, conn_on_recv);
}

/*
 * A reset right behind the last bytes can be lost between two wake-ups of a multishot receive; then
 * nothing would ever tell of it. Who waits for bytes looks now and then.
 */
static void conn_probe(struct conn *conn)
{
    uint8_t byte;

    if (conn->state != CONN_OPEN || conn->paused || (conn->txn && !txn_wants_input(conn->txn))) {
        return;
    }
    const ssize_t n = recv(conn->fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        conn_abort(conn, conn->txn ? REASON_peer_gone : REASON_idle);
        conn_reap(conn);
    }
}

static void conn_on_timer(struct wheel_timer *timer)
{
    struct conn *conn = CONTAINER_OF(timer, struct conn, timer);

    const uint64_t now_ns = shard_now(conn->shard);

    if (now_ns < conn->deadline_ns) {
        wheel_set(&conn->shard->wheel, timer, MIN_OF(conn->deadline_ns, now_ns + CONN_PROBE_NS));
        conn_probe(conn);
        return;
    }
    if (conn->state == CONN_CLOSING) {
        return; /* Only operations are waited for, and they have no deadline. */
    }
    if (conn->state == CONN_LINGER) {
        conn_close(conn);
    } else if (conn->txn) {
        txn_on_deadline(conn->txn);
        conn_run(conn);
        return;
    } else {
        conn_abort(conn, REASON_idle);
    }
    conn_reap(conn);
}

void conn_open(struct shard *shard, int fd)
{
    struct conn *conn = pool_take(&shard->conns);

    if (!conn) {
        close(fd);
        return;
    }
    *conn = (struct conn){.shard = shard, .fd = fd, .peer_family = AF_INET};
    conn_take_peer(conn, fd);
    list_append(&shard->open_conns, &conn->node);
    list_init(&conn->thirst_node);
    wheel_timer_init(&conn->timer, conn_on_timer);
    counters_add(&shard->counters->connections, 1);
    counters_add(&shard->counters->connections_accepted, 1);
    conn->over_limit = shard_sum_connections(shard) > shard->current->file->max_connections;
    if (conn->over_limit) {
        counters_add(&shard->counters->connections_over, 1);
    }
    conn_set_deadline(conn, shard->current->config->icap_idle_timeout_ns);
    /* What it sends may come at once, half a megabyte of it, before it can be told to wait. */
    if (body_store_is_low(&shard->store, SHARD_BLOCKS_SPARE)) {
        list_append(&shard->thirsty, &conn->thirst_node);
    } else {
        conn_arm(conn);
    }
}
