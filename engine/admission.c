/* SPDX-License-Identifier: MIT */
#include "engine/admission.h"

#include "base/assert.h"
#include "engine/conn.h"
#include "engine/respond.h"
#include "engine/shard.h"
#include "engine/txn.h"

/* Blocks that stay free for bodies that have begun: new requests wait first. */
#define ADMISSION_BLOCKS_SPARE 8

/*
 * What a refusal costs, most of it in the kernel: the client's next connection is accepted, read,
 * answered and closed. A twentieth of the core may go into that, and twenty milliseconds at once.
 */
#define ADMISSION_REFUSAL_NS       (15 * NS_PER_US)
#define ADMISSION_REFUSAL_SHARE    20
#define ADMISSION_REFUSAL_SPARE_NS (20 * NS_PER_MS)

/*
 * Where requests are as cheap as their refusal, refusing all that is too much would leave no time
 * for what is admitted.
 */
static bool admission_may_refuse(struct shard *shard)
{
    const uint64_t now_ns = shard_now(shard);

    shard->refusals_ns += (now_ns - shard->refusals_at_ns) / ADMISSION_REFUSAL_SHARE;
    shard->refusals_ns = MIN_OF(shard->refusals_ns, (uint64_t)ADMISSION_REFUSAL_SPARE_NS);
    shard->refusals_at_ns = now_ns;
    if (shard->refusals_ns < ADMISSION_REFUSAL_NS) {
        return false;
    }
    shard->refusals_ns -= ADMISSION_REFUSAL_NS;
    return true;
}

/*
 * Who waits holds blocks, too. When nobody is left who could give any back, the oldest begins all
 * the same: its bytes move from one block to another.
 */
static bool admission_memory_low(struct shard *shard)
{
    if (!body_store_is_low(&shard->store, ADMISSION_BLOCKS_SPARE)) {
        return false;
    }
    shard_make_room(shard);
    return shard->counters->requests_active > 0 &&
           body_store_is_low(&shard->store, ADMISSION_BLOCKS_SPARE);
}

enum admission_result admission_probe(const struct txn *txn)
{
    const struct generation_file *file = txn->generation->file;
    struct shard *shard = txn->shard;
    const bool waits = txn->route.profile == CONFIG_PROFILE_STANDARD;

    if (txn->conn->over_limit && shard_sum_connections(shard) > file->max_connections) {
        return waits ? ADMISSION_WAIT : ADMISSION_REFUSE_CONNS;
    }
    if (shard_sum_active(shard) >= file->queue_threshold) {
        return waits ? ADMISSION_WAIT : ADMISSION_REFUSE_QUEUE;
    }
    return ADMISSION_OK;
}

/* Will there be room for it when all who wait here have begun? The standard profile need not ask.
 */
static bool admission_has_room_behind(const struct txn *txn)
{
    struct shard *shard = txn->shard;

    return txn->route.profile == CONFIG_PROFILE_STANDARD ||
           shard_sum_active(shard) + shard->counters->requests_waiting <
               txn->generation->file->queue_threshold;
}

static void admission_notify_busy(struct shard *shard)
{
    if (!shard->notified_busy && shard->current->config->admission_notify) {
        shard->notified_busy = true;
        LOG_WRN("requests are refused or wait: %llu are active on %llu connections",
                (unsigned long long)shard_sum_active(shard),
                (unsigned long long)shard_sum_connections(shard));
    }
}

static void admission_notify_free(struct shard *shard)
{
    if (shard->notified_busy && shard_sum_active(shard) < shard->current->file->queue_threshold) {
        shard->notified_busy = false;
        LOG_INF("requests are admitted again");
    }
}

static void admission_count(struct txn *txn)
{
    txn->counted = true;
    counters_add(&txn->shard->counters->requests_active, 1);
}

enum admission_result admission_enter(struct txn *txn)
{
    struct shard *shard = txn->shard;
    enum admission_result result = admission_probe(txn);

    ASSERT(!txn->counted);
    if (result == ADMISSION_OK && admission_memory_low(shard)) {
        result = ADMISSION_WAIT;
    }
    /* Who waits already goes first, and takes the room first. */
    if (result == ADMISSION_OK && !list_is_empty(&shard->waiting)) {
        result = admission_has_room_behind(txn) ? ADMISSION_WAIT : ADMISSION_REFUSE_QUEUE;
    }
    if (result != ADMISSION_OK && result != ADMISSION_WAIT && !admission_may_refuse(shard)) {
        result = ADMISSION_WAIT;
    }
    if (result == ADMISSION_OK) {
        admission_count(txn);
    } else {
        admission_notify_busy(shard);
    }
    if (result == ADMISSION_WAIT) {
        list_append(&shard->waiting, &txn->wait_node);
        counters_add(&shard->counters->requests_waiting, 1);
        conn_set_deadline(txn->conn, txn->generation->config->admission_wait_ns);
    }
    return result;
}

bool admission_defers(const struct txn *txn)
{
    return shard_sum_connections(txn->shard) > txn->generation->file->queue_threshold;
}

static void admission_unwait(struct txn *txn)
{
    if (!list_is_empty(&txn->wait_node)) {
        list_unlink(&txn->wait_node);
        counters_sub(&txn->shard->counters->requests_waiting, 1);
    }
}

void admission_leave(struct txn *txn)
{
    admission_unwait(txn);
    if (txn->counted) {
        txn->counted = false;
        counters_sub(&txn->shard->counters->requests_active, 1);
    }
}

void admission_expire(struct txn *txn)
{
    admission_unwait(txn);
    if (txn->route.profile != CONFIG_PROFILE_STANDARD) {
        txn_refuse(txn, REASON_too_busy);
        return;
    }
    /* The request goes on as one whose verdict the overload policy has given. */
    if (txn->generation->config->admission_overload == CONFIG_BLOCK) {
        txn_set_violation(txn, MATCH_CONTAINER, "Baleen.Overload");
        txn->verdict = TXN_FOUND;
    } else {
        txn->verdict = TXN_SKIPPED;
    }
    LOG_WRN("%s: waited %llu ms for admission, answered by admission.overload",
            conn_peer(txn->conn),
            (unsigned long long)(txn->generation->config->admission_wait_ns / NS_PER_MS));
    admission_count(txn);
    conn_set_deadline(txn->conn, txn->generation->config->icap_progress_timeout_ns);
    txn_goto(txn, TXN_STEP_heads);
}

void admission_run(struct shard *shard)
{
    struct list_node *node;

    if (list_is_empty(&shard->waiting)) {
        admission_notify_free(shard);
        return;
    }
    while ((node = shard->waiting.next) != &shard->waiting) {
        struct txn *txn = CONTAINER_OF(node, struct txn, wait_node);

        if (admission_memory_low(shard) || admission_probe(txn) != ADMISSION_OK) {
            return;
        }
        admission_unwait(txn);
        admission_count(txn);
        conn_set_deadline(txn->conn, txn->generation->config->icap_progress_timeout_ns);
        txn_goto(txn, TXN_STEP_heads);
        conn_run(txn->conn);
    }
}
