/* SPDX-License-Identifier: MIT */
#include "engine/txn.h"

#include "base/assert.h"
#include "base/clock.h"
#include "engine/admission.h"
#include "engine/conn.h"
#include "engine/respond.h"
#include "engine/shard.h"
#include "match/filetype.h"

#include <stdio.h>
#include <unistd.h>

static const struct txn_step txn_steps[] = {
#define TXN_STEP(name) {#name, txn_step_##name},
#include "engine/txn_steps.def"
#undef TXN_STEP
};

static void txn_check(const struct txn *txn)
{
    ASSERT(txn->step < ARRAY_LEN(txn_steps));
    ASSERT(!txn->answer.final || txn->answered);
    ASSERT(txn->icap.len <= txn->icap.cap);
    ASSERT(txn->http.len <= txn->http.cap);
}

void txn_dump(const struct txn *txn)
{
    fprintf(stderr, "baleen: step %s, peer %s, status %u, body %llu bytes\n",
            txn_steps[txn->step].name, conn_peer(txn->conn), txn->status,
            (unsigned long long)(txn->body.store ? txn->body.len : 0));
}

struct txn *txn_begin(struct conn *conn)
{
    struct shard *shard = conn->shard;
    struct txn *txn = pool_take(&shard->txns);

    /* As many slots as connections, and each connection has at most one. */
    ASSERT(txn);
    memset(txn, 0, offsetof(struct txn, body));
    memset(&txn->trailers, 0, offsetof(struct txn, answer) - offsetof(struct txn, trailers));
    txn->conn = conn;
    txn->shard = shard;
    txn->generation = shard_pin(shard);
    txn->step = TXN_STEP_head;
    txn->begun_ns = shard_now(shard);
    list_init(&txn->work_node);
    list_init(&txn->wait_node);
    txn->icap = (struct txn_head){.ptr = txn->icap_room, .cap = sizeof(txn->icap_room)};
    txn->http = (struct txn_head){.ptr = txn->http_room, .cap = sizeof(txn->http_room)};
    txn->body.store = NULL;
    txn->body.write_op.inflight = 0;
    txn->match.db = NULL;
    txn->file.op = (struct ring_op){0};
    txn->file.stage = 0;
    txn->file.result = 0;
    txn->file.size = 0;
    txn->file.at = 0;
    txn->file.root_fd = -1;
    txn->file.dir_fd = -1;
    txn->file.fd = -1;
    txn->file.keep_fd = -1;
    txn->file.block = NULL;
    answer_init(&txn->answer);
    conn_set_deadline(conn, txn->generation->config->icap_head_timeout_ns);
    return txn;
}

enum txn_end txn_run(struct txn *txn)
{
    enum txn_flow flow;

    do {
        txn_check(txn);
        flow = txn_steps[txn->step].run(txn);
    } while (flow == TXN_NEXT && txn->conn->state == CONN_OPEN);
    if (flow != TXN_END || txn->conn->state != CONN_OPEN) {
        return TXN_WAITS;
    }
    return txn->closes ? TXN_DONE_CLOSE : TXN_DONE_KEEP;
}

bool txn_is_quiet(const struct txn *txn)
{
    return answer_is_quiet(&txn->answer) && !body_is_busy(&txn->body) &&
           !ring_op_pending(&txn->file.op);
}

void txn_cancel(struct txn *txn)
{
    struct ring *ring = txn->shard->ring;

    ring_cancel(ring, &txn->answer.send_op);
    ring_cancel(ring, &txn->answer.read_op);
    if (txn->step != TXN_STEP_file_delete) {
        ring_cancel(ring, &txn->file.op);
    }
}

static void txn_close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void txn_give_block(struct txn *txn, uint8_t **block)
{
    if (*block) {
        body_block_give(&txn->shard->store, *block);
        *block = NULL;
    }
}

static void txn_free(struct txn *txn)
{
    struct shard *shard = txn->shard;

    ASSERT(txn_is_quiet(txn));
    list_unlink(&txn->work_node);
    admission_leave(txn);
    txn_scan_end(txn);
    answer_fini(txn);
    body_window_drop(&shard->store, &txn->file);
    body_fini(&txn->body);
    txn_give_block(txn, &txn->icap.block);
    txn_give_block(txn, &txn->http.block);
    txn_give_block(txn, &txn->trailers);
    txn_give_block(txn, &txn->file.block);
    txn_close_fd(&txn->file.fd);
    txn_close_fd(&txn->file.dir_fd);
    txn_close_fd(&txn->file.keep_fd);
    shard_unpin(shard, txn->generation);
    pool_give(&shard->txns, txn);
}

void txn_finish(struct txn *txn)
{
    shard_log_access(txn->shard, txn);
    txn_free(txn);
}

void txn_abandon(struct txn *txn)
{
    if (txn->icap.len > 0 || txn->routed) {
        shard_log_access(txn->shard, txn);
    }
    txn_free(txn);
}

bool txn_wants_input(const struct txn *txn)
{
    return (txn->step == TXN_STEP_head || txn->step == TXN_STEP_heads ||
            txn->step == TXN_STEP_body) &&
           conn_input(txn->conn).len == 0;
}

void txn_work_later(struct txn *txn)
{
    struct shard *shard = txn->shard;
    struct list_node *list = match_body_is_queued(&txn->match) ? &shard->hashing : &shard->work;

    if (list_is_empty(&txn->work_node)) {
        list_append(list, &txn->work_node);
    }
}

bool txn_is_hashing(const struct txn *txn)
{
    return !list_is_empty(&txn->work_node) && match_body_is_queued(&txn->match);
}

/*
 * The client owes nothing while we match, or read or delete a file. Matching looks after its own
 * time (limits.time), and a delete is brought to its end.
 */
static bool txn_is_our_turn(const struct txn *txn)
{
    if (txn->step == TXN_STEP_file_open || txn->step == TXN_STEP_file_read) {
        return !txn_scan_is_late(txn);
    }
    return txn->step == TXN_STEP_file_delete || !list_is_empty(&txn->work_node);
}

void txn_on_deadline(struct txn *txn)
{
    const uint64_t progress_ns = txn->generation->config->icap_progress_timeout_ns;

    if (txn->answer.end_apart && answer_is_quiet(&txn->answer)) {
        txn->answer.end_apart = false;
        conn_set_deadline(txn->conn, progress_ns);
        answer_pump(txn);
    } else if (txn->answered) {
        conn_abort(txn->conn, REASON_peer_slow);
    } else if (!list_is_empty(&txn->wait_node)) {
        admission_expire(txn);
    } else if (txn_is_our_turn(txn)) {
        conn_set_deadline(txn->conn, progress_ns);
    } else if (ring_op_pending(&txn->file.op)) {
        txn_refuse(txn, REASON_file_not_read);
    } else if (txn_body_trickles(txn)) {
        return;
    } else if (txn->early_head) {
        conn_abort(txn->conn, REASON_timeout);
    } else {
        txn_refuse(txn, REASON_timeout);
    }
}

enum txn_flow txn_refuse(struct txn *txn, enum reason_id id)
{
    const struct reason *reason = reason_get(id);

    if (txn->early_head) {
        /* A head is out already: there is no way to say it but to end. */
        conn_abort(txn->conn, id);
        return TXN_WAIT;
    }
    reason_count(txn->shard->counters, id);
    if (log_enabled(reason->level)) {
        const struct slice uri = txn->request.uri;

        log_line(reason->level, "%s: %s %.*s refused with %u: %s", conn_peer(txn->conn),
                 icap_method_name(txn->request.method), (int)MIN_OF(uri.len, (size_t)256),
                 uri.len > 0 ? (const char *)uri.ptr : "-", reason->status, reason->text);
    }
    txn->closes = txn->closes || reason->closes;
    txn_scan_end(txn);
    admission_leave(txn);
    respond_refuse(txn, id);
    return txn_goto(txn, TXN_STEP_drain);
}

void txn_set_violation(struct txn *txn, enum match_kind kind, const char *name)
{
    txn->finding = (struct match_finding){
        .kind = kind,
        .name = name,
        .id = 0,
        .category = "",
        .repair = "",
    };
}

bool txn_deletes(const struct txn *txn)
{
    return txn->action == CONFIG_ACTION_SCANDELETE || txn->action == CONFIG_ACTION_SCANREPAIRDELETE;
}

struct slice txn_url(const struct txn *txn, char room[TXN_URL_CAP])
{
    struct text text = text_over(room, TXN_URL_CAP);

    if (txn->has_http_req) {
        http_url_write(&txn->http_req, &text);
    }
    return text.len < text.cap ? text_slice(&text) : (struct slice){0};
}

/* The head is out, the body is not: nothing but an end without a last chunk protects the user. */
static enum txn_flow txn_found_too_late(struct txn *txn)
{
    struct message_blocked blocked = {
        .generation = txn->generation->number,
        .expires_ns = shard_now(txn->shard) + txn->generation->config->icap_block_memory_ns,
        .kind = (uint32_t)txn->finding.kind,
        .threat_id = txn->finding.id,
    };
    char room[TXN_URL_CAP];
    const struct slice url = txn_url(txn, room);

    snprintf(blocked.name, sizeof(blocked.name), "%s", txn->finding.name);
    snprintf(blocked.category, sizeof(blocked.category), "%s", txn->finding.category);
    if (url.len > 0) {
        block_memory_digest(url, blocked.digest);
        shard_tell_blocked(txn->shard, &blocked);
    }
    counters_add(&txn->shard->counters->early_aborts, 1);
    conn_abort(txn->conn, REASON_early_finding);
    return TXN_WAIT;
}

void txn_log_finding(struct txn *txn)
{
    char name[256];
    struct slice file = txn->request.filepath;

    if (txn->request.method != ICAP_METHOD_FILEMOD) {
        file = respond_file_name(txn, name, sizeof(name));
    }
    LOG_INF("%s: %s in %.*s (%s, id %u, disposition %u)", conn_peer(txn->conn), txn->finding.name,
            (int)MIN_OF(file.len, (size_t)512), (const char *)file.ptr, txn->route.service->name,
            txn->finding.id, txn->disposition);
}

/* For X-Outer-Container-Is-Mime. */
static void txn_detect_mime(struct txn *txn)
{
    size_t len = 0;

    if (txn->scanning && txn->body.store && txn->body.len > 0) {
        const uint8_t *head = body_at(&txn->body, 0, &len);

        txn->mime = head && filetype_is_mime(slice_from(head, len));
    }
}

void txn_settle(struct txn *txn)
{
    struct counters *counters = txn->shard->counters;

    txn_scan_end(txn);
    admission_leave(txn);
    if (txn->verdict == TXN_FOUND) {
        counters_add(&counters->verdict_infected, 1);
        txn_log_finding(txn);
    } else {
        counters_add(
            txn->verdict == TXN_CLEAN ? &counters->verdict_clean : &counters->verdict_skipped, 1);
    }
}

enum txn_flow txn_decide(struct txn *txn, enum txn_verdict verdict)
{
    const bool found = verdict == TXN_FOUND;

    txn->verdict = verdict;
    txn_detect_mime(txn);
    if (found) {
        txn->disposition = txn_deletes(txn) && txn->request.method == ICAP_METHOD_RESPMOD ? 2 : 0;
    }
    txn_settle(txn);
    if (found && txn->early_head) {
        return txn_found_too_late(txn);
    }
    respond_verdict(txn);
    return txn_goto(txn, TXN_STEP_drain);
}

void txn_scan_begin(struct txn *txn, struct match_source source, match_stay_fn stay)
{
    /* As many slots as transactions were asked for when the database was opened. */
    const bool begun = match_body_begin(&txn->match, txn->generation->db, source);

    ASSERT(begun);
    match_body_set_stay(&txn->match, stay);
    txn->scanning = true;
    txn->scan_from_ns = shard_now(txn->shard);
}

bool txn_scan_is_late(const struct txn *txn)
{
    const uint64_t from_ns = txn->scan_from_ns > 0 ? txn->scan_from_ns : txn->begun_ns;

    return shard_now(txn->shard) - from_ns > txn->generation->config->limits_time_ns;
}

void txn_scan_end(struct txn *txn)
{
    if (txn->scanning) {
        match_body_fini(&txn->match);
        txn->scanning = false;
    }
}
