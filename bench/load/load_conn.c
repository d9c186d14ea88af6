/* SPDX-License-Identifier: MIT */
/*
 *   CLOSED --> CONNECTING --> OPEN (one request after the other) --> ENDING --> CLOSED
 *      ^            |           |                                      |
 *      +---- error -+-----------+--------------------------------------+
 *
 * The turns are a ring: [first, sent) wait for their answers, the one at `sent_len` is being sent,
 * those behind it wait for that (they are there only after a reconnect). Within a turn:
 *
 *   FIRST --> (next turn)                          no preview
 *   FIRST --> HELD --> answer --> (next turn)      answered in the preview
 *   FIRST --> HELD --> REST --> (next turn)        100 Continue
 */
#include "bench/load/load_conn.h"

#include "base/assert.h"
#include "base/clock.h"
#include "bench/load/load_worker.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

/* How long a connection rests after an error. */
#define LOAD_PAUSE_NS (100 * NS_PER_MS)

/* How often a slow client gets on. */
#define LOAD_SLOW_TICK_NS (20 * NS_PER_MS)

static uint64_t load_conn_ns(double seconds)
{
    return (uint64_t)(seconds * (double)NS_PER_SEC);
}

static struct load_turn *load_conn_turn(const struct load_conn *conn,
                                        const struct load_worker *worker, uint32_t at)
{
    uint32_t depth = worker->spec->pipeline;
    uint32_t i = conn->turns_first + at;
    ASSERT(at < depth);
    return &conn->turns[i < depth ? i : i - depth];
}

/* Nobody waits for slow clients when the run ends. */
static void load_conn_add_busy(const struct load_conn *conn, struct load_worker *worker, int change)
{
    if (!conn->slow) {
        ASSERT(change > 0 || worker->busy > 0);
        worker->busy += (size_t)change;
    }
}

static bool load_conn_counts(const struct load_conn *conn, const struct load_worker *worker,
                             const struct load_turn *turn)
{
    if (conn->slow) {
        return false;
    }
    return worker->spec->pace == LOAD_CLOSED ? load_worker_measures(worker) : turn->measured;
}

/* Sets the timer to what the connection waits for. */
static void load_conn_watch(struct load_conn *conn, struct load_worker *worker)
{
    uint64_t timeout_ns = load_conn_ns(worker->spec->timeout_sec);
    uint64_t due_ns = LOAD_TIMER_NEVER;
    if (conn->state == LOAD_CONN_CONNECTING || conn->state == LOAD_CONN_ENDING) {
        due_ns = conn->since_ns + timeout_ns;
    } else if (conn->slow) {
        due_ns = worker->now_ns + LOAD_SLOW_TICK_NS;
    } else if (conn->turns_len > 0) {
        due_ns = load_conn_turn(conn, worker, 0)->sent_ns + timeout_ns;
    }
    load_timer_set(&worker->timers, &conn->timer, due_ns);
}

static void load_conn_rest(struct load_conn *conn, struct load_worker *worker, uint64_t rest_ns)
{
    conn->rests = true;
    load_timer_set(&worker->timers, &conn->timer, worker->now_ns + rest_ns);
}

/* Closes the socket. The turns stay. */
static void load_conn_drop(struct load_conn *conn, struct load_worker *worker, bool reset)
{
    worker->connecting -= conn->state == LOAD_CONN_CONNECTING;
    if (conn->state == LOAD_CONN_ENDING) {
        load_conn_add_busy(conn, worker, -1);
    }
    load_link_close(&conn->link, reset);
    conn->state = LOAD_CONN_CLOSED;
    conn->answered = false;
    conn->rests = false;
    conn->out = (struct slice){0};
    conn->sent_len = 0;
    load_timer_set(&worker->timers, &conn->timer, LOAD_TIMER_NEVER);
}

/* Takes one turn out of the ring, wherever it stands. */
static void load_conn_remove(struct load_conn *conn, struct load_worker *worker, uint32_t at)
{
    ASSERT(at < conn->turns_len);
    for (uint32_t i = at; i > 0; i--) {
        *load_conn_turn(conn, worker, i) = *load_conn_turn(conn, worker, i - 1);
    }
    conn->turns_first = (conn->turns_first + 1) % worker->spec->pipeline;
    conn->turns_len--;
    load_conn_add_busy(conn, worker, -1);
}

static bool load_conn_is_slow_cut(const struct load_conn *conn, enum load_error error)
{
    return conn->slow && (error == LOAD_ERROR_EOF || error == LOAD_ERROR_RESET ||
                          (error == LOAD_ERROR_STATUS && conn->reply.code == 408));
}

/* The warm-up waits for the first outcome of each connection. */
static void load_conn_note_tried(struct load_conn *conn, struct load_worker *worker)
{
    worker->tried += !conn->tried;
    conn->tried = true;
}

/* Counts the error against the request whose answer is due, closes, and tries again after a rest.
 * When the run is over, nothing is tried again. */
static void load_conn_fail(struct load_conn *conn, struct load_worker *worker,
                           enum load_error error, const char *detail)
{
    if (load_conn_is_slow_cut(conn, error)) {
        worker->result.slow_cut++;
    } else {
        load_worker_count_error(worker, conn, error, detail);
    }
    if (conn->turns_len > 0) {
        load_conn_remove(conn, worker, 0);
    }
    while (worker->phase == LOAD_DRAIN && conn->turns_len > 0) {
        load_worker_count_error(worker, conn, error, detail);
        load_conn_remove(conn, worker, 0);
    }
    load_conn_note_tried(conn, worker);
    load_conn_drop(conn, worker, false);
    load_conn_rest(conn, worker, LOAD_PAUSE_NS);
}

static void load_conn_reopen(struct load_conn *conn, struct load_worker *worker, bool reset)
{
    load_conn_drop(conn, worker, reset);
    load_worker_open_soon(worker, conn);
}

void load_conn_open(struct load_conn *conn, struct load_worker *worker)
{
    const struct load_spec *spec = worker->spec;
    ASSERT(conn->state == LOAD_CONN_CLOSED);
    worker->now_ns = clock_now_ns();
    conn->rests = false;
    conn->served = false;
    conn->state = LOAD_CONN_CONNECTING;
    conn->since_ns = worker->now_ns;
    conn->reply.code = 0;
    conn->reply.body_seen = 0;
    worker->connecting++;
    worker->result.connects++;
    int r = load_link_open(&conn->link, spec, worker->shared->tls,
                           conn->index * spec->threads + worker->index, conn->slow);
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
        .data.ptr = conn,
    };
    if (r == 0 && epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, conn->link.fd, &event) != 0) {
        r = -errno;
    }
    if (r < 0) {
        load_conn_fail(conn, worker, LOAD_ERROR_CONNECT, strerror(-r));
        return;
    }
    load_conn_watch(conn, worker);
}

/* The turn at `sent_len` is the one to be sent now. */
static void load_conn_load(struct load_conn *conn, struct load_worker *worker)
{
    conn->step = LOAD_STEP_FIRST;
    conn->turn_sent = 0;
    conn->out = load_conn_turn(conn, worker, conn->sent_len)->request->first;
}

/* Cuts the connection in the middle of the turn at `sent_len`. */
static void load_conn_abort(struct load_conn *conn, struct load_worker *worker)
{
    const struct load_turn *turn = load_conn_turn(conn, worker, conn->sent_len);
    worker->result.aborted += load_conn_counts(conn, worker, turn);
    load_conn_remove(conn, worker, conn->sent_len);
    load_conn_reopen(conn, worker, load_worker_share(worker) < 0.5);
}

/* How much of what is left may be sent now. */
static size_t load_conn_room(const struct load_conn *conn, const struct load_turn *turn)
{
    size_t room = MIN_OF(conn->out.len, turn->cut - conn->turn_sent);
    if (conn->slow) {
        room = MIN_OF(room, (size_t)conn->allowance.out);
    }
    return room;
}

/* Sends what the socket takes. False when the turn must wait or the connection is gone. */
static bool load_conn_push(struct load_conn *conn, struct load_worker *worker,
                           const struct load_turn *turn)
{
    while (conn->out.len > 0) {
        if (conn->turn_sent == turn->cut) {
            break;
        }
        size_t room = load_conn_room(conn, turn);
        ssize_t n =
            room > 0 ? load_link_send(&conn->link, slice_from(conn->out.ptr, room)) : -EAGAIN;
        if (n == -EAGAIN) {
            return false;
        }
        if (n < 0 && !conn->answered) {
            load_conn_fail(conn, worker, LOAD_ERROR_RESET, strerror((int)-n));
            return false;
        }
        if (n < 0) {
            /* Who answers early may close before it has read the rest. */
            conn->out = (struct slice){0};
            return true;
        }
        conn->out = slice_skip(conn->out, (size_t)n);
        conn->turn_sent += (size_t)n;
        conn->allowance.out -= (double)n;
        worker->result.sent_bytes += load_worker_measures(worker) ? (uint64_t)n : 0;
    }
    if (conn->turn_sent == turn->cut) {
        load_conn_abort(conn, worker);
        return false;
    }
    return true;
}

static void load_conn_finish(struct load_conn *conn, struct load_worker *worker);

/* Sends turn after turn, as far as they may go. */
static void load_conn_flush(struct load_conn *conn, struct load_worker *worker)
{
    while (conn->state == LOAD_CONN_OPEN && conn->sent_len < conn->turns_len) {
        const struct load_turn *turn = load_conn_turn(conn, worker, conn->sent_len);
        if (conn->step == LOAD_STEP_HELD || !load_conn_push(conn, worker, turn)) {
            return;
        }
        if (conn->step == LOAD_STEP_FIRST && turn->request->preview && !conn->answered) {
            conn->step = LOAD_STEP_HELD;
            return;
        }
        conn->sent_len++;
        if (conn->sent_len < conn->turns_len) {
            load_conn_load(conn, worker);
        }
        if (conn->answered) {
            load_conn_finish(conn, worker);
        }
    }
}

bool load_conn_is_free(const struct load_conn *conn, const struct load_worker *worker)
{
    return conn->state == LOAD_CONN_OPEN && !conn->rests && conn->sent_len == conn->turns_len &&
           conn->turns_len < (conn->slow ? 1 : worker->spec->pipeline);
}

/* Where a request that will be aborted is cut. */
static size_t load_conn_choose_cut(struct load_worker *worker, const struct load_request *request)
{
    if (worker->spec->abort_share == 0 || load_worker_share(worker) > worker->spec->abort_share) {
        return LOAD_UNCUT;
    }
    size_t len = request->first.len + request->rest.len;
    return (size_t)(load_worker_share(worker) * (double)len);
}

void load_conn_begin(struct load_conn *conn, struct load_worker *worker, uint64_t due_ns)
{
    ASSERT(load_conn_is_free(conn, worker));
    struct load_turn *turn = load_conn_turn(conn, worker, conn->turns_len);
    const struct load_request *request = load_worker_take(worker);
    worker->now_ns = clock_now_ns();
    *turn = (struct load_turn){
        .request = request,
        .due_ns = worker->spec->pace == LOAD_CLOSED || conn->slow ? worker->now_ns : due_ns,
        .sent_ns = worker->now_ns,
        .cut = load_conn_choose_cut(worker, request),
        .measured = load_worker_measures(worker),
    };
    conn->turns_len++;
    load_conn_add_busy(conn, worker, 1);
    if (conn->turns_len == 1) {
        load_reply_begin(&conn->reply, worker->spec, request);
        load_conn_watch(conn, worker);
    }
    load_conn_load(conn, worker);
    load_conn_flush(conn, worker);
}

static void load_conn_count_right(struct load_conn *conn, struct load_worker *worker,
                                  const struct load_turn *turn)
{
    struct load_result *result = &worker->result;
    const struct load_request *request = turn->request;
    uint64_t latency_ns = worker->now_ns - turn->due_ns;
    bool in_preview = worker->spec->preview != LOAD_NO_PREVIEW && !conn->reply.continued;
    histogram_add(result->spans[LOAD_SPAN_FULL], latency_ns);
    histogram_add(result->spans[LOAD_SPAN_SENT], worker->now_ns - turn->sent_ns);
    if (in_preview) {
        histogram_add(result->spans[LOAD_SPAN_PREVIEW], latency_ns);
        if (conn->reply.code == 204 && request->preview) {
            result->preview_204++;
            result->saved_bytes += request->body_len - request->preview_len;
        }
    }
    result->requests++;
    result->continues += conn->reply.continued;
    result->found += conn->reply.finding;
    result->body_bytes += request->body_len;
    conn->requests++;
    struct load_slot *slot = load_worker_slot(worker);
    if (slot != NULL) {
        load_slot_add(slot, latency_ns);
        slot->body_bytes += request->body_len;
    }
}

static void load_conn_count_refused(struct load_worker *worker, const struct load_turn *turn)
{
    worker->result.refused++;
    histogram_add(worker->result.spans[LOAD_SPAN_REFUSED], worker->now_ns - turn->due_ns);
    struct load_slot *slot = load_worker_slot(worker);
    if (slot != NULL) {
        slot->refused++;
    }
}

static void load_conn_count(struct load_conn *conn, struct load_worker *worker,
                            const struct load_turn *turn)
{
    ASSERT(conn->reply.code < LOAD_CODE_MAX);
    worker->result.slow += conn->slow && !conn->reply.refused;
    if (!load_conn_counts(conn, worker, turn)) {
        return;
    }
    worker->result.codes[conn->reply.code]++;
    if (conn->reply.refused) {
        load_conn_count_refused(worker, turn);
    } else {
        load_conn_count_right(conn, worker, turn);
        load_worker_on_right(worker);
    }
}

/* The first turn is over: its answer is complete, and it is sent or nobody reads it any more. */
static void load_conn_finish(struct load_conn *conn, struct load_worker *worker)
{
    bool unsent = conn->sent_len == 0;
    conn->answered = false;
    conn->served = true;
    conn->sent_len -= !unsent;
    load_conn_remove(conn, worker, 0);
    if (conn->reply.close || worker->spec->close) {
        conn->state = LOAD_CONN_ENDING;
        conn->since_ns = worker->now_ns;
        load_conn_add_busy(conn, worker, 1);
        load_conn_watch(conn, worker);
        return;
    }
    if (conn->turns_len > 0) {
        load_reply_begin(&conn->reply, worker->spec, load_conn_turn(conn, worker, 0)->request);
    }
    load_conn_watch(conn, worker);
    if (unsent && conn->turns_len > 0) {
        load_conn_load(conn, worker);
        load_conn_flush(conn, worker);
    }
    if (load_conn_is_free(conn, worker)) {
        load_worker_on_free(worker, conn);
    }
}

/* A client that waits comes again on a new connection. */
static void load_conn_retry(struct load_conn *conn, struct load_worker *worker)
{
    double rest_sec = worker->spec->retry_sec * (0.5 + load_worker_share(worker));
    worker->result.retries += load_conn_counts(conn, worker, load_conn_turn(conn, worker, 0));
    load_conn_drop(conn, worker, false);
    load_conn_rest(conn, worker, load_conn_ns(rest_sec));
}

/* The answer to the first turn is complete. */
static void load_conn_on_answer(struct load_conn *conn, struct load_worker *worker)
{
    worker->now_ns = clock_now_ns();
    if (conn->reply.refused && worker->spec->refused == LOAD_REFUSED_WAIT &&
        worker->phase != LOAD_DRAIN) {
        load_conn_retry(conn, worker);
        return;
    }
    load_conn_count(conn, worker, load_conn_turn(conn, worker, 0));
    conn->answered = conn->sent_len == 0 && conn->out.len > 0;
    if (!conn->answered) {
        load_conn_finish(conn, worker);
    }
}

/* 100 Continue: the rest is wanted. */
static void load_conn_on_continue(struct load_conn *conn, struct load_worker *worker)
{
    if (conn->sent_len > 0 || conn->step != LOAD_STEP_HELD) {
        load_conn_fail(conn, worker, LOAD_ERROR_CONTINUE, NULL);
        return;
    }
    const struct load_turn *turn = load_conn_turn(conn, worker, 0);
    worker->now_ns = clock_now_ns();
    if (load_conn_counts(conn, worker, turn)) {
        histogram_add(worker->result.spans[LOAD_SPAN_PREVIEW], worker->now_ns - turn->due_ns);
    }
    conn->step = LOAD_STEP_REST;
    conn->out = turn->request->rest;
    load_conn_flush(conn, worker);
}

/* False when the connection takes no more bytes. */
static bool load_conn_take(struct load_conn *conn, struct load_worker *worker, struct slice in)
{
    while (in.len > 0 && conn->link.fd >= 0) {
        if (conn->state != LOAD_CONN_OPEN || conn->answered || conn->turns_len == 0) {
            load_conn_fail(conn, worker, LOAD_ERROR_EXCESS, NULL);
            return false;
        }
        switch (load_reply_feed(&conn->reply, &worker->peer, &in)) {
        case LOAD_REPLY_MORE:
            break;
        case LOAD_REPLY_BAD:
            load_conn_fail(conn, worker, conn->reply.error, NULL);
            return false;
        case LOAD_REPLY_CONTINUE:
            load_conn_on_continue(conn, worker);
            break;
        case LOAD_REPLY_DONE:
            if (in.len > 0 && conn->turns_len == 1) {
                load_conn_fail(conn, worker, LOAD_ERROR_EXCESS, NULL);
                return false;
            }
            load_conn_on_answer(conn, worker);
            break;
        }
    }
    return conn->link.fd >= 0;
}

/* The server has closed. */
static void load_conn_on_end(struct load_conn *conn, struct load_worker *worker,
                             enum load_error error)
{
    if (conn->answered) {
        load_conn_remove(conn, worker, 0);
        load_conn_reopen(conn, worker, false);
    } else if (conn->state == LOAD_CONN_ENDING || (conn->turns_len == 0 && conn->served)) {
        load_conn_reopen(conn, worker, false);
    } else {
        load_conn_fail(conn, worker, error, NULL);
    }
}

static void load_conn_read(struct load_conn *conn, struct load_worker *worker, bool to_end)
{
    for (;;) {
        size_t cap = LOAD_BUF_CAP;
        if (conn->slow) {
            cap = MIN_OF(cap, (size_t)conn->allowance.in);
        }
        ssize_t n = cap > 0 ? load_link_recv(&conn->link, worker->buf, cap) : -EAGAIN;
        if (n == -EAGAIN) {
            return;
        }
        if (n <= 0) {
            load_conn_on_end(conn, worker, n == 0 ? LOAD_ERROR_EOF : LOAD_ERROR_RESET);
            return;
        }
        conn->allowance.in -= (double)n;
        worker->result.received_bytes += load_worker_measures(worker) ? (uint64_t)n : 0;
        if (!load_conn_take(conn, worker, slice_from(worker->buf, (size_t)n))) {
            return;
        }
        /* A short read has emptied the socket; what comes later is a new event. TLS may still hold
         * something. */
        if ((size_t)n < cap && !to_end && conn->link.ssl == NULL) {
            return;
        }
    }
}

/* Sends again what an announced end of the connection left without an answer. */
static void load_conn_resend(struct load_conn *conn, struct load_worker *worker)
{
    for (uint32_t i = 0; i < conn->turns_len; i++) {
        load_conn_turn(conn, worker, i)->sent_ns = worker->now_ns;
    }
    load_reply_begin(&conn->reply, worker->spec, load_conn_turn(conn, worker, 0)->request);
    load_conn_watch(conn, worker);
    load_conn_load(conn, worker);
    load_conn_flush(conn, worker);
}

static void load_conn_on_connected(struct load_conn *conn, struct load_worker *worker)
{
    int r = load_link_shake(&conn->link);
    if (r == -EAGAIN) {
        return;
    }
    if (r < 0) {
        bool tls = r == -EPROTO;
        load_conn_fail(conn, worker, tls ? LOAD_ERROR_TLS : LOAD_ERROR_CONNECT,
                       tls ? load_link_reason(&conn->link) : strerror(-r));
        return;
    }
    worker->now_ns = clock_now_ns();
    conn->state = LOAD_CONN_OPEN;
    conn->sent_len = 0;
    conn->allowance = (struct load_allowance){.filled_ns = worker->now_ns};
    worker->connecting--;
    load_conn_note_tried(conn, worker);
    if (!conn->slow) {
        histogram_add(worker->result.spans[LOAD_SPAN_CONNECT], worker->now_ns - conn->since_ns);
    }
    if (conn->turns_len > 0) {
        load_conn_resend(conn, worker);
    } else {
        load_conn_watch(conn, worker);
    }
    if (load_conn_is_free(conn, worker)) {
        load_worker_on_free(worker, conn);
    }
}

void load_conn_on_event(struct load_conn *conn, struct load_worker *worker, uint32_t events)
{
    if (conn->state == LOAD_CONN_CLOSED) {
        return;
    }
    if (conn->state == LOAD_CONN_CONNECTING) {
        load_conn_on_connected(conn, worker);
    } else {
        load_conn_flush(conn, worker);
    }
    bool readable = events & ~(uint32_t)EPOLLOUT || conn->link.ssl != NULL;
    if (readable && (conn->state == LOAD_CONN_OPEN || conn->state == LOAD_CONN_ENDING)) {
        load_conn_read(conn, worker, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    }
    /* A request of several on the way may have become sent. */
    if (worker->spec->pipeline > 1 && load_conn_is_free(conn, worker)) {
        load_worker_on_free(worker, conn);
    }
}

/* A slow client has become able to send and to read a few bytes more. */
static void load_conn_refill(struct load_conn *conn, struct load_worker *worker)
{
    struct load_allowance *allowance = &conn->allowance;
    double rate = (double)worker->spec->slow_rate;
    double more = rate * (double)(worker->now_ns - allowance->filled_ns) / (double)NS_PER_SEC;
    allowance->filled_ns = worker->now_ns;
    /* What was not used in a while is not saved up. */
    allowance->in = MIN_OF(allowance->in + more, rate / 10 + 1);
    allowance->out = MIN_OF(allowance->out + more, rate / 10 + 1);
    load_conn_watch(conn, worker);
    load_conn_flush(conn, worker);
    if (conn->state == LOAD_CONN_OPEN) {
        load_conn_read(conn, worker, false);
    }
}

void load_conn_on_timer(struct load_conn *conn, struct load_worker *worker)
{
    bool rested = conn->rests;
    conn->rests = false;
    if (conn->state == LOAD_CONN_CLOSED) {
        load_worker_open_soon(worker, conn);
    } else if (rested) {
        while (worker->phase != LOAD_DRAIN && load_conn_is_free(conn, worker)) {
            load_conn_begin(conn, worker, worker->now_ns);
        }
    } else if (conn->state == LOAD_CONN_OPEN && conn->slow) {
        load_conn_refill(conn, worker);
    } else if (conn->state == LOAD_CONN_CONNECTING && conn->link.ssl != NULL) {
        /* A server without TLS may wait for the end of what it takes for a request. */
        load_conn_fail(conn, worker, LOAD_ERROR_TLS, "no answer to the greeting");
    } else {
        load_conn_fail(conn, worker, LOAD_ERROR_TIMEOUT, NULL);
    }
}

void load_conn_think(struct load_conn *conn, struct load_worker *worker)
{
    double mean_sec = worker->spec->think_sec;
    load_conn_rest(conn, worker,
                   load_conn_ns(-load_random_log(load_worker_share(worker)) * mean_sec));
}

void load_conn_give_up(struct load_conn *conn, struct load_worker *worker)
{
    bool closed = conn->state == LOAD_CONN_CLOSED;
    while (closed && conn->rests && conn->reply.refused && conn->turns_len > 0) {
        const struct load_turn *turn = load_conn_turn(conn, worker, 0);
        if (turn->measured && !conn->slow) {
            load_conn_count_refused(worker, turn);
        }
        load_conn_remove(conn, worker, 0);
    }
    bool waits = conn->slow || (conn->rests && conn->turns_len == 0);
    if (waits) {
        conn->rests = false;
        load_timer_set(&worker->timers, &conn->timer, LOAD_TIMER_NEVER);
    }
}

void load_conn_close(struct load_conn *conn, struct load_worker *worker)
{
    while (conn->turns_len > 0) {
        load_conn_remove(conn, worker, 0);
    }
    load_conn_drop(conn, worker, false);
    load_reply_fini(&conn->reply);
}
