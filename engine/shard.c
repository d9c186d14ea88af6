/* SPDX-License-Identifier: MIT */
#include "engine/shard.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "engine/admission.h"
#include "engine/conn.h"
#include "engine/process.h"
#include "engine/txn.h"
#include "net/wire/reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * A megabyte of receive buffers stays in the second-level cache; four cost 2 % of the requests a
 * second, half a megabyte runs dry with a thousand busy connections.
 */
#define SHARD_RING_ENTRIES   512
#define SHARD_RECV_BUFS      64
#define SHARD_RECV_BUF_BYTES KIB(16)

/* A drain ends at the latest after this; what runs then is cut off. */
#define SHARD_DRAIN_NS (30 * NS_PER_SEC)

/* With one more line of the longest kind behind it this is still under 4 KiB. */
#define SHARD_ACCESS_FLUSH 512

/* What one connection can bring in one turn: receive buffers of one wake-up. */
#define SHARD_BURST_BLOCKS 8

/* Bodies that are moved to files in one go: a megabyte each, into the page cache. */
#define SHARD_EVICTIONS 4

/* The longest turn is that of this time, and of so long before. */
#define SHARD_PEAK_NS (60 * NS_PER_SEC)

/*
 * Work that is begun gets as much time as taking requests in has just taken, also when more of them
 * wait. No longer than that at once: answers that are ready wait meanwhile.
 */
#define SHARD_WORK_MAX_NS (10 * NS_PER_MS)

/* Old generations that requests may hold; a further image waits for the supervisor's next try. */
#define SHARD_GENERATIONS_MAX 8

uint64_t shard_now(struct shard *shard)
{
    if (shard->now_stale) {
        shard->now_ns = clock_now_ns();
        shard->now_stale = false;
    }
    return shard->now_ns;
}

/* The other shards' pages are other cores' cache lines: looked at once a millisecond, not once a
 * request. */
static void shard_look_around(struct shard *shard)
{
    const uint64_t now_ns = shard_now(shard);
    uint64_t active = 0;
    uint64_t connections = 0;

    if (now_ns - shard->others_at_ns < NS_PER_MS) {
        return;
    }
    for (unsigned i = 0; i < shard->start.shards; i++) {
        const struct counters *other = &shard->start.pages[i].counters;

        if (other != shard->counters) {
            active += counters_read(&other->requests_active);
            connections += counters_read(&other->connections);
        }
    }
    shard->others_active = active;
    shard->others_connections = connections;
    shard->others_at_ns = now_ns;
}

uint64_t shard_sum_active(struct shard *shard)
{
    shard_look_around(shard);
    return shard->counters->requests_active + shard->others_active;
}

uint64_t shard_sum_connections(struct shard *shard)
{
    shard_look_around(shard);
    return shard->counters->connections + shard->others_connections;
}

struct generation *shard_pin(struct shard *shard)
{
    ASSERT(shard->current);
    shard->current->pins++;
    return shard->current;
}

/* Nobody pins it: it goes slice by slice. */
static void shard_retire(struct shard *shard, struct generation *generation)
{
    ASSERT(generation->pins == 0);
    list_append(&shard->retired, &generation->node);
}

void shard_unpin(struct shard *shard, struct generation *generation)
{
    ASSERT(generation->pins > 0);
    if (--generation->pins > 0) {
        return;
    }
    ASSERT(generation != shard->current);
    list_unlink(&generation->node);
    shard_retire(shard, generation);
}

/*
 * One slice a turn, also when requests keep the loop busy, so that it comes to an end; answers that
 * are ready leave before.
 */
static void shard_run_retired(struct shard *shard)
{
    struct list_node *node = list_pop(&shard->retired);

    if (LIKELY(!node)) {
        return;
    }
    struct generation *generation = CONTAINER_OF(node, struct generation, node);
    const struct message message = {.type = MESSAGE_DROPPED, .number = generation->number};

    ring_flush(shard->ring);
    if (!generation_free_slice(generation)) {
        list_append(&shard->retired, node);
        return;
    }
    counters_sub(&shard->counters->generations, 1);
    if (message_send(shard->start.channel_fd, &message, NULL, 0) < 0) {
        LOG_WRN("could not tell that generation %llu is dropped",
                (unsigned long long)message.number);
    }
}

struct slice shard_date(struct shard *shard)
{
    return slice_from(shard->date, shard->date_len);
}

static void shard_update_date(struct shard *shard)
{
    const int64_t now_sec = clock_wall_sec();
    char date[CLOCK_DATE_CAP];

    if (now_sec != shard->date_sec) {
        shard->date_sec = now_sec;
        clock_format_date(now_sec, date);
        shard->date_len = (size_t)snprintf(shard->date, sizeof(shard->date), "Date: %s\r\n", date);
    }
}

void shard_tell_blocked(struct shard *shard, const struct message_blocked *blocked)
{
    const struct message message = {.type = MESSAGE_BLOCKED, .blocked = *blocked};

    block_memory_add(&shard->block_memory, blocked);
    if (message_send(shard->start.channel_fd, &message, NULL, 0) < 0) {
        LOG_WRN("could not tell the other shards of a blocked URL");
    }
}

static void shard_flush_access(struct shard *shard)
{
    struct text *text = &shard->access;

    if (text->len == 0) {
        return;
    }
    if (write(shard->start.access_fd, text->ptr, text->len) != (ssize_t)text->len) {
        counters_add(&shard->counters->log_lost, 1);
    }
    text->len = 0;
    text->overflowed = false;
}

/* What one access line tells. */
struct shard_access {
    char stamp[CLOCK_STAMP_CAP];
    const char *peer;
    const char *method;
    const char *service;
    unsigned status;
    unsigned long long bytes;
    unsigned long long micros;
    struct slice threat;
    struct slice target;
};

/* Names and targets are cut here: a line is to fit a pipe in one piece. */
#define SHARD_ACCESS_WORD_MAX 256

static void shard_put_access_text(struct text *text, const struct shard_access *line)
{
    text_printf(text, "%s %s %s %s %u %llu %llu ", line->stamp, line->peer, line->method,
                line->service, line->status, line->bytes, line->micros);
    reply_put_safe(text, line->threat, false);
    TEXT_PUT(text, " ");
    reply_put_safe(text, line->target, false);
    TEXT_PUT(text, "\n");
}

static void shard_put_access_json(struct text *text, const struct shard_access *line)
{
    text_printf(text,
                "{\"time\":\"%s\",\"client\":\"%s\",\"method\":\"%s\",\"service\":\"%s\","
                "\"status\":%u,\"bytes\":%llu,\"micros\":%llu,\"threat\":\"",
                line->stamp, line->peer, line->method, line->service, line->status, line->bytes,
                line->micros);
    text_put_json(text, line->threat);
    TEXT_PUT(text, "\",\"target\":\"");
    text_put_json(text, line->target);
    TEXT_PUT(text, "\"}\n");
}

void shard_log_access(struct shard *shard, const struct txn *txn)
{
    struct text *text = &shard->access;
    const bool file = txn->request.method == ICAP_METHOD_FILEMOD;

    if (shard->start.access_fd < 0) {
        return;
    }
    struct shard_access line = {
        .peer = conn_peer(txn->conn),
        .method = icap_method_name(txn->request.method),
        .service = txn->routed ? txn->route.service->name : "-",
        .status = txn->status,
        .bytes = file              ? txn->file.size
                 : txn->body.store ? txn->body.len
                                   : 0,
        .threat = slice_from_str(txn->verdict == TXN_FOUND ? txn->finding.name : "-"),
        .target = file ? txn->request.filepath : txn->http_req.target,
    };

    /* A pipe takes up to 4 KiB in one piece: lines of different shards never mix. */
    if (text->len > SHARD_ACCESS_FLUSH) {
        shard_flush_access(shard);
    }
    clock_format_stamp(line.stamp);
    line.micros = (clock_now_ns() - txn->begun_ns) / 1000;
    line.threat.len = MIN_OF(line.threat.len, (size_t)SHARD_ACCESS_WORD_MAX);
    line.target.len = MIN_OF(line.target.len, (size_t)SHARD_ACCESS_WORD_MAX);
    if (txn->generation->config->log_format == CONFIG_LOG_JSON) {
        shard_put_access_json(text, &line);
    } else {
        shard_put_access_text(text, &line);
    }
}

static void shard_listen(struct shard *shard);

static void shard_on_accept(struct ring_op *op, int res)
{
    struct shard_listener *listener = CONTAINER_OF(op, struct shard_listener, op);
    struct shard *shard = listener->shard;

    if (res == -ECANCELED) {
        /* A slot may have been freed while the cancel was on its way. */
        if (shard->conns.used < shard->conns.cap) {
            shard_listen(shard);
        }
        return;
    }
    if (res < 0) {
        LOG_WRN("accept: %s", strerror(-res));
        return;
    }
    if (shard->draining) {
        close(res);
        return;
    }
    conn_open(shard, res);
    if (shard->conns.used == shard->conns.cap && shard->listening) {
        /* The rest waits in the accept queue. */
        shard->listening = false;
        for (unsigned i = 0; i < shard->start.listen_len; i++) {
            ring_cancel(shard->ring, &shard->listeners[i].op);
        }
        LOG_WRN("all %u connection slots are in use: accepting stops", shard->conns.cap);
    }
}

static void shard_listen(struct shard *shard)
{
    if (shard->listening || shard->draining || !shard->current) {
        return;
    }
    for (unsigned i = 0; i < shard->start.listen_len; i++) {
        if (ring_op_pending(&shard->listeners[i].op)) {
            return; /* A cancel is still on its way; the next freed slot tries again. */
        }
    }
    shard->listening = true;
    for (unsigned i = 0; i < shard->start.listen_len; i++) {
        ring_accept_start(shard->ring, &shard->listeners[i].op, shard->start.listen_fds[i],
                          shard_on_accept);
    }
}

void shard_on_conn_freed(struct shard *shard)
{
    shard_listen(shard);
}

/* Requests begin on `generation` from now on; those that run keep theirs. */
static void shard_use(struct shard *shard, struct generation *generation)
{
    struct generation *old = shard->current;

    log_open(shard->start.log_fd, shard->who, (enum log_level)generation->config->log_level,
             (enum log_format)generation->config->log_format);
    generation->pins = 1;
    list_append(&shard->generations, &generation->node);
    counters_add(&shard->counters->swaps, 1);
    shard->current = generation;
    if (old) {
        old->superseded_ns = shard_now(shard);
        shard_unpin(shard, old);
    }
    shard_listen(shard);
    counters_set(&shard->start.pages[shard->start.index].serving, generation->number);
}

/*
 * All generations that may be held are held: a client that drips bytes could keep new definitions
 * away for ever. Who is on the oldest for longer than a scan may take is cut off.
 */
static void shard_free_oldest(struct shard *shard)
{
    const struct generation *oldest =
        CONTAINER_OF(shard->generations.next, struct generation, node);
    struct list_node *pos;
    struct list_node *after;

    if (oldest == shard->current ||
        shard_now(shard) - oldest->superseded_ns < oldest->config->limits_time_ns) {
        return;
    }
    list_for_each_safe (pos, after, &shard->open_conns) {
        struct conn *conn = CONTAINER_OF(pos, struct conn, node);

        if (conn->txn && conn->txn->generation == oldest) {
            conn_abort(conn, REASON_old_definitions);
            conn_reap(conn);
        }
    }
}

static void shard_answer_adopt(struct shard *shard, uint64_t number, int result)
{
    const struct message answer = {.type = MESSAGE_ADOPTED, .number = number, .result = result};

    if (message_send(shard->start.channel_fd, &answer, NULL, 0) < 0) {
        LOG_WRN("could not answer the supervisor");
    }
}

/* One that is still being prepared is overtaken, and never answered for. */
static void shard_adopt(struct shard *shard, const struct message *message, const int *fds,
                        unsigned fds_len)
{
    struct generation *generation = NULL;
    int r;

    if (fds_len != 2) {
        r = -EPROTO;
    } else if (counters_read(&shard->counters->generations) >= SHARD_GENERATIONS_MAX) {
        shard_free_oldest(shard);
        r = -EBUSY;
    } else {
        r = generation_new(&generation, fds[0], fds[1]);
    }
    if (r < 0) {
        shard_answer_adopt(shard, message->number, r);
        return;
    }
    if (shard->coming) {
        shard_retire(shard, shard->coming);
    }
    counters_add(&shard->counters->generations, 1);
    shard->coming = generation;
}

/* A step a turn, also when requests keep the loop busy, so that it comes to an end. */
static void shard_run_adoption(struct shard *shard)
{
    struct generation *generation = shard->coming;

    if (LIKELY(!generation)) {
        return;
    }
    ring_flush(shard->ring);
    const int r = generation_prepare(generation, shard->start.connections_max);

    if (r == GENERATION_MORE) {
        return;
    }
    shard->coming = NULL;
    if (r == GENERATION_READY) {
        shard_use(shard, generation);
    } else {
        shard_retire(shard, generation);
    }
    shard_answer_adopt(shard, generation->number, ERR_FOLD(r));
}

static void shard_begin_drain(struct shard *shard)
{
    struct list_node *pos;
    struct list_node *after;

    if (shard->draining) {
        return;
    }
    shard->draining = true;
    shard->bye_ns = shard_now(shard) + SHARD_DRAIN_NS;
    for (unsigned i = 0; i < shard->start.listen_len; i++) {
        ring_cancel(shard->ring, &shard->listeners[i].op);
        close(shard->start.listen_fds[i]);
    }
    list_for_each_safe (pos, after, &shard->open_conns) {
        struct conn *conn = CONTAINER_OF(pos, struct conn, node);

        if (!conn->txn && conn->state == CONN_OPEN) {
            conn_close(conn);
            conn_reap(conn);
        }
    }
}

static void shard_on_message(struct shard *shard, const struct message *message, const int *fds,
                             unsigned fds_len)
{
    switch (message->type) {
    case MESSAGE_ADOPT:
        shard_adopt(shard, message, fds, fds_len);
        break;
    case MESSAGE_DRAIN:
        shard_begin_drain(shard);
        break;
    case MESSAGE_BLOCKED:
        block_memory_add(&shard->block_memory, &message->blocked);
        break;
    default:
        LOG_WRN("unknown message %u from the supervisor", message->type);
        break;
    }
}

static void shard_on_channel(struct ring_op *op, int res)
{
    struct shard *shard = CONTAINER_OF(op, struct shard, channel_op);
    struct message message;
    int fds[MESSAGE_FDS_MAX];
    unsigned fds_len;
    int r;

    if (res == -ECANCELED) {
        return;
    }
    (void)shard_now(shard); /* The turn is counted from here at the latest. */
    while ((r = message_recv(shard->start.channel_fd, &message, fds, &fds_len)) > 0) {
        shard_on_message(shard, &message, fds, fds_len);
        for (unsigned i = 0; i < fds_len; i++) {
            close(fds[i]);
        }
    }
    if (r < 0) {
        /* Without a supervisor nobody would replace the next one: finish and go. */
        if (!shard->draining) {
            LOG_WRN("the supervisor is gone: draining");
        }
        ring_cancel(shard->ring, &shard->channel_op);
        shard_begin_drain(shard);
    }
}

/* Bodies that came in this turn are hashed side by side, and those that had ended get on. */
static void shard_run_hashing(struct shard *shard)
{
    struct list_node *pos;
    struct list_node *node;
    struct list_node batch;

    shard->hashes_left = false;
    list_for_each (pos, &shard->generations) {
        shard->hashes_left |= match_db_hash(CONTAINER_OF(pos, struct generation, node)->db);
    }
    list_init(&batch);
    while ((node = list_pop(&shard->hashing))) {
        list_append(&batch, node);
    }
    while ((node = list_pop(&batch))) {
        struct txn *txn = CONTAINER_OF(node, struct txn, work_node);

        if (match_body_is_queued(&txn->match)) {
            list_append(&shard->hashing, node);
        } else {
            conn_run(txn->conn);
        }
    }
}

/* `until_ns`: so long at least, also when completions wait. */
static void shard_run_work(struct shard *shard, uint64_t until_ns)
{
    struct list_node batch;
    struct list_node *node;

    if (list_is_empty(&shard->work)) {
        return;
    }
    /* Answers that are ready leave before a slice of work begins. */
    ring_flush(shard->ring);
    list_init(&batch);
    while ((node = list_pop(&shard->work))) {
        list_append(&batch, node);
    }
    while ((node = list_pop(&batch))) {
        conn_run(CONTAINER_OF(node, struct txn, work_node)->conn);
        if (ring_has_work(shard->ring) && clock_now_ns() >= until_ns) {
            break;
        }
    }
    while ((node = list_pop(&batch))) {
        list_append(&shard->work, node);
    }
}

void shard_make_room(struct shard *shard)
{
    unsigned left = SHARD_EVICTIONS;
    struct list_node *pos;
    struct list_node *after;
    struct list_node moved;

    list_init(&moved);
    list_for_each_safe (pos, after, &shard->open_conns) {
        struct txn *txn = CONTAINER_OF(pos, struct conn, node)->txn;

        if (left == 0) {
            break;
        }
        if (txn && txn_yields_memory(txn)) {
            /* Behind the others: the next search begins with those that still have some. */
            list_unlink(pos);
            list_append(&moved, pos);
            left--;
        }
    }
    while ((pos = list_pop(&moved))) {
        list_append(&shard->open_conns, pos);
    }
}

/* Reads connections that waited for memory, as many as it lasts for: each may bring a burst. */
static void shard_quench(struct shard *shard)
{
    while (!list_is_empty(&shard->thirsty)) {
        const uint32_t expected = SHARD_BLOCKS_SPARE + shard->quenched * SHARD_BURST_BLOCKS;
        const bool last_hope = shard->counters->requests_active == 0 && shard->quenched == 0;

        if (body_store_is_low(&shard->store, expected)) {
            shard_make_room(shard);
        }
        if (body_store_is_low(&shard->store, expected) && !last_hope) {
            return;
        }
        struct conn *conn = CONTAINER_OF(list_pop(&shard->thirsty), struct conn, thirst_node);

        conn->quenched = true;
        shard->quenched++;
        conn_arm(conn);
    }
}

static bool shard_is_finished(const struct shard *shard)
{
    return shard->draining && (list_is_empty(&shard->open_conns) || shard->now_ns > shard->bye_ns);
}

/* How long the loop was busy: from this turn's first look at the clock to its end. */
static void shard_note_turn(struct shard *shard)
{
    const uint64_t end_ns = clock_now_ns();
    const uint64_t turn_ns = end_ns - shard_now(shard);

    if (LIKELY(turn_ns <= shard->peak_ns && end_ns - shard->peak_from_ns < SHARD_PEAK_NS)) {
        return;
    }
    if (end_ns - shard->peak_from_ns >= SHARD_PEAK_NS) {
        shard->peak_before_ns = shard->peak_ns;
        shard->peak_ns = 0;
        shard->peak_from_ns = end_ns;
    }
    shard->peak_ns = MAX_OF(shard->peak_ns, turn_ns);
    counters_set(&shard->counters->turn_us, MAX_OF(shard->peak_ns, shard->peak_before_ns) / 1000);
}

static bool shard_has_work(const struct shard *shard)
{
    return shard->coming || !list_is_empty(&shard->work) || !list_is_empty(&shard->hashing) ||
           shard->hashes_left || !list_is_empty(&shard->retired);
}

/* Work goes on until then: taking requests in began at `from_ns` and has just ended. */
static uint64_t shard_share_until(uint64_t from_ns)
{
    const uint64_t now_ns = clock_now_ns();

    return now_ns + MIN_OF(now_ns - from_ns, (uint64_t)SHARD_WORK_MAX_NS);
}

static int shard_loop(struct shard *shard)
{
    while (!shard_is_finished(shard)) {
        const bool has_work = shard_has_work(shard);
        const uint64_t from_ns = has_work ? clock_now_ns() : 0;
        uint64_t wait_ns = has_work ? 0 : wheel_wait_ns(&shard->wheel);

        if (shard->draining) {
            wait_ns = MIN_OF(wait_ns, WHEEL_TICK_NS);
        }
        const bool serving = shard->current != NULL; /* Before that nobody waits. */

        shard->now_stale = true;
        const int r = ring_turn(shard->ring, wait_ns);

        if (r < 0) {
            LOG_ERR("waiting for completions failed: %s", strerror(-r));
            return 1;
        }
        wheel_run(&shard->wheel, shard_now(shard));
        shard_run_hashing(shard);
        shard_run_work(shard, has_work ? shard_share_until(from_ns) : 0);
        shard_run_adoption(shard);
        shard_run_retired(shard);
        admission_run(shard);
        shard_quench(shard);
        shard_flush_access(shard);
        shard_update_date(shard);
        shard->counters->log_lost = log_lost();
        if (serving) {
            shard_note_turn(shard);
        }
    }
    return 0;
}

static int shard_open(struct shard *shard)
{
    const struct config *config = shard->start.config;
    const struct ring_options options = {
        .backend = (enum ring_backend)config->ring,
        .entries = SHARD_RING_ENTRIES,
        .recv_bufs = SHARD_RECV_BUFS,
        .recv_buf_bytes = SHARD_RECV_BUF_BYTES,
    };
    int r = ring_open(&shard->ring, &options);

    if (r < 0) {
        LOG_ERR("the ring cannot be opened: %s", strerror(-r));
        return r;
    }
    r = pool_open(&shard->conns, sizeof(struct conn), shard->start.connections_max);
    if (r == 0) {
        r = pool_open(&shard->txns, sizeof(struct txn), shard->start.connections_max);
    }
    if (r == 0) {
        r = body_store_open(&shard->store, shard->ring, shard->counters, config->limits_body_memory,
                            shard->start.spool_fd);
    }
    if (r < 0) {
        LOG_ERR("memory for connections cannot be reserved: %s", strerror(-r));
    }
    return r;
}

static void shard_dump(void *ctx)
{
    const struct shard *shard = ctx;
    struct list_node *pos;
    unsigned shown = 0;

    fprintf(stderr, "baleen: shard %u, %u connections, %u transactions\n", shard->start.index,
            shard->conns.used, shard->txns.used);
    list_for_each (pos, &shard->open_conns) {
        const struct conn *conn = CONTAINER_OF(pos, struct conn, node);

        if (conn->txn && shown++ < 8) {
            txn_dump(conn->txn);
        }
    }
}

static void shard_init(struct shard *shard, const struct shard_start *start)
{
    shard->start = *start;
    snprintf(shard->who, sizeof(shard->who), "shard %u", start->index);
    shard->counters = &start->pages[start->index].counters;
    counters_reset_gauges(shard->counters);
    list_init(&shard->generations);
    list_init(&shard->retired);
    list_init(&shard->work);
    list_init(&shard->hashing);
    list_init(&shard->waiting);
    list_init(&shard->open_conns);
    list_init(&shard->thirsty);
    shard->now_ns = clock_now_ns();
    shard->peak_from_ns = shard->now_ns;
    wheel_init(&shard->wheel, shard->now_ns);
    shard->access = text_over(shard->access_room, sizeof(shard->access_room));
    shard_update_date(shard);
    for (unsigned i = 0; i < start->listen_len; i++) {
        shard->listeners[i].shard = shard;
    }
    assert_set_dump(shard_dump, shard);
}

int shard_run(const struct shard_start *start)
{
    struct shard *shard = calloc(1, sizeof(*shard));

    if (!shard) {
        return 1;
    }
    shard_init(shard, start);
    process_pin(start->core);
    if (shard_open(shard) < 0) {
        return 1;
    }
    start->pages[start->index].backend =
        strcmp(ring_backend_name(shard->ring), "epoll") == 0 ? RING_EPOLL : RING_URING;
    if (start->index == 0 || ring_backend_note(shard->ring)[0] != '\0') {
        LOG_INF("runs on %s%s%s%s", ring_backend_name(shard->ring),
                ring_backend_note(shard->ring)[0] ? " (" : "", ring_backend_note(shard->ring),
                ring_backend_note(shard->ring)[0] ? ")" : "");
    }
    ring_poll_start(shard->ring, &shard->channel_op, start->channel_fd, shard_on_channel);
    const int code = shard_loop(shard);

    if (list_is_empty(&shard->open_conns)) {
        ring_close(shard->ring);
    }
    return code;
}
