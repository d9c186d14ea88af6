/* SPDX-License-Identifier: MIT */
/*
 * The steps over the body: decode, keep, match, and the ways to answer before its end.
 */
#include "base/assert.h"
#include "engine/conn.h"
#include "engine/respond.h"
#include "engine/shard.h"
#include "engine/txn.h"

/* A RESPMOD body that has passed this without a verdict may get its head early. Contract section 4.
 */
#define TXN_EARLY_BYTES KIB(48)

/*
 * Squid 5.7 parks the reading from its origin whenever its pipe to us (64 KiB) is full, and only
 * body bytes that reach its client revive it. Behind an early head one byte goes out for each
 * TXN_NUDGE_BYTES that came, so that every pause is followed by one, and one more when nothing came
 * for TXN_NUDGE_NS.
 */
#define TXN_NUDGE_BYTES KIB(32)
#define TXN_NUDGE_NS    (200 * NS_PER_MS)
#define TXN_NUDGE_HOLD  KIB(64)

/* The newest part of a body that trickles stays back, and whole blocks that still move. */
#define TXN_TRICKLE_HOLD     (2 * BODY_BLOCK_BYTES)
#define TXN_TRICKLE_EVERY_NS (250 * NS_PER_MS)

static void txn_on_body_wake(void *ctx)
{
    struct txn *txn = ctx;

    /* An answer may have waited for the end of the write, too. */
    answer_pump(txn);
    conn_run(txn->conn);
}

bool txn_yields_memory(struct txn *txn)
{
    return txn->step == TXN_STEP_body && txn->body.store && answer_is_quiet(&txn->answer) &&
           body_evict(&txn->body);
}

static bool txn_early_wanted(const struct txn *txn)
{
    const struct config *config = txn->generation->config;
    const bool squid = (txn->request.allow & ICAP_ALLOW_TRAILERS) != 0;

    if (txn->early_head || txn->request.method != ICAP_METHOD_RESPMOD || txn->preview_open ||
        respond_may_204(txn) || txn->route.id == SERVICE_EX206 || txn->body.len < TXN_EARLY_BYTES) {
        return false;
    }
    return config->icap_early_head == CONFIG_EARLY_ALL ||
           (config->icap_early_head == CONFIG_EARLY_SQUID && squid);
}

/* icap.trickle: after a while a large body that is clean so far begins to flow, at a set rate. */
static void txn_trickle(struct txn *txn)
{
    const struct config *config = txn->generation->config;
    const uint64_t now_ns = shard_now(txn->shard);

    if (config->icap_trickle_after_ns == 0 || txn->preview_open || txn->route.id == SERVICE_EX206 ||
        txn->body.len < TXN_TRICKLE_HOLD ||
        now_ns - txn->begun_ns < config->icap_trickle_after_ns) {
        return;
    }
    if (!txn->early_head) {
        respond_early_head(txn);
    }
    if (!txn->trickle_on) {
        txn->trickle_on = true;
        txn->trickle_at_ns = now_ns;
    }
    const uint64_t elapsed_ns = now_ns - txn->trickle_at_ns;
    const uint64_t allowed = elapsed_ns / NS_PER_MS * config->icap_trickle_rate / 1000;
    const uint64_t most = MIN_OF(body_stable(&txn->body), txn->body.len - TXN_TRICKLE_HOLD);

    txn->answer.echo_limit = MAX_OF(txn->answer.echo_limit, MIN_OF(allowed, most));
    answer_pump(txn);
}

static bool txn_nudges(const struct txn *txn)
{
    return txn->early_head && !txn->trickle_on;
}

static void txn_nudge(struct txn *txn)
{
    const uint64_t wanted = txn->body.len / TXN_NUDGE_BYTES + txn->nudges;
    const uint64_t stable = body_stable(&txn->body);

    if (!txn_nudges(txn) || txn->body.len < TXN_NUDGE_HOLD) {
        return;
    }
    const uint64_t most = MIN_OF(stable, txn->body.len - TXN_NUDGE_HOLD);

    txn->answer.echo_limit = MAX_OF(txn->answer.echo_limit, MIN_OF(wanted, most));
    answer_pump(txn);
}

/* Who trickles or nudges is looked after between the client's bytes, too. */
static void txn_set_body_deadline(struct txn *txn)
{
    const struct config *config = txn->generation->config;
    uint64_t wait_ns = config->icap_progress_timeout_ns;

    if (config->icap_trickle_after_ns > 0) {
        wait_ns = MIN_OF(wait_ns, TXN_TRICKLE_EVERY_NS);
    } else if (txn_nudges(txn)) {
        wait_ns = MIN_OF(wait_ns, TXN_NUDGE_NS);
    }
    conn_set_deadline(txn->conn, wait_ns);
}

bool txn_body_trickles(struct txn *txn)
{
    const struct config *config = txn->generation->config;
    const uint64_t quiet_ns = shard_now(txn->shard) - txn->progress_ns;

    if (txn->step != TXN_STEP_body || quiet_ns >= config->icap_progress_timeout_ns ||
        (config->icap_trickle_after_ns == 0 && !txn_nudges(txn))) {
        return false;
    }
    if (quiet_ns >= TXN_NUDGE_NS) {
        txn->nudges++;
    }
    txn_trickle(txn);
    txn_nudge(txn);
    txn_set_body_deadline(txn);
    return true;
}

static enum txn_flow txn_over_limit(struct txn *txn, const char *name)
{
    counters_add(&txn->shard->counters->verdict_over_limit, 1);
    if (txn->generation->config->policy_over_limit == CONFIG_BLOCK) {
        txn_set_violation(txn, MATCH_CONTAINER, name);
        return txn_decide(txn, TXN_FOUND);
    }
    LOG_WRN("%s: %s passed by policy.over_limit", conn_peer(txn->conn), name);
    txn_scan_end(txn);
    txn->verdict = TXN_SKIPPED;
    return TXN_NEXT;
}

/* What matching says while the body arrives. TXN_WAIT stands for "no decision yet". */
static enum txn_flow txn_scan(struct txn *txn, struct slice bytes)
{
    if (!txn->scanning) {
        return TXN_WAIT;
    }
    counters_add(&txn->shard->counters->bytes_scanned, bytes.len);
    if (match_body_feed(&txn->match, bytes, &txn->finding) == MATCH_FOUND) {
        return txn_decide(txn, TXN_FOUND);
    }
    if (txn->body.len > txn->generation->config->limits_body) {
        const enum txn_flow flow = txn_over_limit(txn, "Baleen.Limit.Body");

        return txn->verdict == TXN_FOUND ? flow : TXN_WAIT;
    }
    return TXN_WAIT;
}

static bool txn_keep_trailer(struct txn *txn, struct slice bytes)
{
    if (!txn->trailers) {
        txn->trailers = body_block_take(&txn->shard->store);
    }
    if (!txn->trailers || bytes.len > BODY_BLOCK_BYTES - txn->trailers_len) {
        return false;
    }
    memcpy(txn->trailers + txn->trailers_len, bytes.ptr, bytes.len);
    txn->trailers_len += bytes.len;
    return true;
}

/*
 * Apache Traffic Server's plugin ends a body with "0; ieof" without a preview, asks for a close and
 * allows nothing. It reads answers by searching the whole buffer for the last chunk, see answer.h.
 */
static bool txn_is_traffic_server(const struct txn *txn)
{
    const struct icap_request *request = &txn->request;

    return txn->chunk.ieof && !request->has_preview && request->wants_close &&
           request->allow == 0 && request->method == ICAP_METHOD_RESPMOD;
}

/* A last chunk was read: the end of the preview, or of the body. */
static enum txn_flow txn_on_chunk_end(struct txn *txn)
{
    if (!txn->preview_open || txn->chunk.ieof) {
        txn->whole_echo = txn_is_traffic_server(txn);
        txn->preview_open = false;
        txn->body_wanted = false;
        txn->scan_from_ns = shard_now(txn->shard);
        return txn_goto(txn, TXN_STEP_verdict);
    }
    txn->preview_open = false;
    if (txn->verdict == TXN_SKIPPED && txn->route.service->scans) {
        /* Nothing of the rest is wanted: a 204 in a preview needs no leave. */
        txn->body_wanted = false;
        return txn_decide(txn, TXN_SKIPPED);
    }
    if (txn->route.id == SERVICE_EX206 && (txn->request.allow & ICAP_ALLOW_206)) {
        /* The change is at the front: the rest need not come. */
        txn->body_wanted = false;
        return txn_decide(txn, TXN_SKIPPED);
    }
    const uint64_t body_len = txn->chunk.body_len;

    chunk_init(&txn->chunk);
    txn->chunk.body_len = body_len;
    respond_continue(txn);
    return TXN_WAIT;
}

/* One piece of what the decoder made of the input. TXN_WAIT stands for "go on decoding". */
static enum txn_flow txn_on_chunk(struct txn *txn, enum chunk_status status, struct slice out)
{
    switch (status) {
    case CHUNK_DATA:
        body_append(&txn->body, out);
        if (txn->body.failed) {
            return txn_refuse(txn, REASON_no_memory);
        }
        return txn_scan(txn, out);
    case CHUNK_TRAILER:
        return txn_keep_trailer(txn, out) ? TXN_WAIT : txn_refuse(txn, REASON_no_memory);
    case CHUNK_END:
        return txn_on_chunk_end(txn);
    case CHUNK_BAD:
        return txn_refuse(txn, REASON_bad_chunk);
    case CHUNK_MORE:
        break;
    }
    return TXN_WAIT;
}

static void txn_body_begin(struct txn *txn)
{
    if (txn->body.store) {
        return;
    }
    body_init(&txn->body, &txn->shard->store, txn_on_body_wake, txn);
    txn->progress_ns = shard_now(txn->shard);
    if (txn->verdict == TXN_UNDECIDED) {
        txn_scan_begin(txn, (struct match_source){body_at, &txn->body}, body_stay_at);
    }
}

enum txn_flow txn_step_body(struct txn *txn)
{
    struct conn *conn = txn->conn;

    txn_body_begin(txn);
    for (;;) {
        const struct slice in = conn_input(conn);
        const size_t room = in.len > 0 ? body_room(&txn->body) : 0;
        struct slice rest = slice_from(in.ptr, MIN_OF(in.len, room));
        struct slice out;

        if (txn->body.failed) {
            return txn_refuse(txn, REASON_no_memory);
        }
        if (rest.len == 0) {
            break;
        }
        const size_t given = rest.len;

        txn->progress_ns = shard_now(txn->shard);
        const enum chunk_status status = chunk_feed(&txn->chunk, &rest, &out);
        const enum txn_flow flow = txn_on_chunk(txn, status, out);

        conn_consume(conn, given - rest.len);
        if (flow != TXN_WAIT || conn->state != CONN_OPEN) {
            return flow;
        }
    }
    if (txn_early_wanted(txn)) {
        respond_early_head(txn);
    }
    txn_trickle(txn);
    txn_nudge(txn);
    txn_set_body_deadline(txn);
    return TXN_WAIT;
}

/* Nothing more is scanned: what the policy says is the verdict. */
static enum txn_flow txn_give_up(struct txn *txn, const char *name)
{
    const enum txn_flow flow = txn_over_limit(txn, name);

    return txn->verdict == TXN_FOUND ? flow : txn_decide(txn, TXN_SKIPPED);
}

enum txn_flow txn_step_verdict(struct txn *txn)
{
    enum match_status status = MATCH_CLEAN;

    if (!txn->scanning) {
        return txn_decide(txn, txn->verdict == TXN_UNDECIDED ? TXN_SKIPPED : txn->verdict);
    }
    if (txn_is_hashing(txn)) {
        return TXN_WAIT;
    }
    status = match_body_end(&txn->match, &txn->finding);
    if (status == MATCH_AGAIN && txn_scan_is_late(txn)) {
        return txn_give_up(txn, "Baleen.Limit.Time");
    }
    switch (status) {
    case MATCH_AGAIN:
        txn_work_later(txn);
        return TXN_WAIT;
    case MATCH_FOUND:
        return txn_decide(txn, TXN_FOUND);
    case MATCH_OVER_BUDGET:
        return txn_give_up(txn, "Baleen.Limit.Verify");
    case MATCH_FAILED:
        return txn_refuse(txn, REASON_no_memory);
    case MATCH_CLEAN:
        break;
    }
    return txn_decide(txn, TXN_CLEAN);
}
