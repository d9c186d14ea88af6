/* SPDX-License-Identifier: MIT */
#include "match/match_queue.h"

#include "base/assert.h"
#include "base/err.h"
#include "match/match_private.h"
#include "match/md5_lanes.h"

#include <stdlib.h>

/* Bodies in one go: four times the lanes, so that few of these stand idle when lengths differ. */
#define QUEUE_JOBS_MAX 64

/* What a body gets in one go: one alone takes some 100 microseconds for it. */
#define QUEUE_PIECE_BYTES KIB(64)

/*
 * What one run costs at most, in bytes of all lanes, idle or not. A byte hashed alone costs as much
 * as QUEUE_ALONE_COST in lanes.
 */
#define QUEUE_COST_MAX   MIB(1)
#define QUEUE_ALONE_COST 8

struct queue_entry {
    struct match_body *body;
    size_t bytes; /* Whole blocks in the body. */
    bool ends;    /* So does its MD5. */
    uint8_t tail[MD5_TAIL_BYTES];
};

struct match_queue {
    struct list_node bodies; /* Slots, by queue_node. */
    unsigned width;
    struct md5_job jobs[QUEUE_JOBS_MAX];
    struct queue_entry entries[QUEUE_JOBS_MAX];
};

int queue_new(struct match_queue **out_queue)
{
    struct match_queue *queue = calloc(1, sizeof(*queue));

    if (!queue) {
        return ERR_NEW(-ENOMEM);
    }
    list_init(&queue->bodies);
    queue->width = md5_wide_lanes();
    *out_queue = queue;
    return 0;
}

void queue_free(struct match_queue *queue)
{
    if (queue) {
        ASSERT(list_is_empty(&queue->bodies));
        free(queue);
    }
}

bool queue_takes(const struct match_body *body, uint64_t offset)
{
    const struct match_slot *slot = body->slot;
    size_t len = 0;

    if (!body->stay || slot->md5_alone || body->db->queue->width == 1) {
        return false;
    }
    return slot->md5_at % MD5_BLOCK_BYTES == 0 && body->stay(body->source.ctx, offset, &len);
}

void queue_join(struct match_body *body)
{
    struct match_slot *slot = body->slot;

    if (list_is_empty(&slot->queue_node)) {
        slot->queue_body = body;
        list_append(&body->db->queue->bodies, &slot->queue_node);
    }
}

void queue_leave(struct match_body *body)
{
    struct match_slot *slot = body->slot;

    list_unlink(&slot->queue_node);
}

/* Makes a job of the body's next piece; false when its bytes are not there in whole blocks. */
static bool queue_prepare(struct match_queue *queue, size_t index, struct match_body *body)
{
    struct match_slot *slot = body->slot;
    struct queue_entry *entry = &queue->entries[index];
    struct md5_job *job = &queue->jobs[index];
    const uint64_t left = body->fed - slot->md5_at;
    size_t len = 0;

    if (left == 0 || slot->md5_at % MD5_BLOCK_BYTES != 0) {
        return false;
    }
    const uint8_t *ptr = body->stay(body->source.ctx, slot->md5_at, &len);

    if (!ptr) {
        return false;
    }
    len = (size_t)MIN_OF((uint64_t)len, left);
    md5_job_init(job);
    digest_md5_get(&slot->digest, job->state);
    job->ptr = ptr;
    job->blocks = MIN_OF(len, (size_t)QUEUE_PIECE_BYTES) / MD5_BLOCK_BYTES;
    entry->body = body;
    entry->bytes = job->blocks * MD5_BLOCK_BYTES;
    entry->ends = slot->md5_ends && len == left && left - entry->bytes < MD5_BLOCK_BYTES;
    if (entry->ends) {
        md5_job_end(job, ptr + entry->bytes, body->fed, entry->tail);
    }
    return entry->ends || entry->bytes > 0;
}

/* Takes over what became of a job. */
static void queue_settle(struct match_queue *queue, size_t index)
{
    const struct queue_entry *entry = &queue->entries[index];
    struct match_body *body = entry->body;
    struct match_slot *slot = body->slot;

    if (entry->ends) {
        md5_job_digest(&queue->jobs[index], slot->md5);
        slot->md5_at = body->fed;
        slot->md5_ready = true;
        digest_fetch_bucket(&body->db->layout, LAYOUT_MD5, slot->md5);
        return;
    }
    slot->md5_at += entry->bytes;
    digest_md5_set(&slot->digest, queue->jobs[index].state, slot->md5_at);
    if (slot->md5_ends || body->fed - slot->md5_at >= MATCH_QUEUE_LAG) {
        queue_join(body);
    }
}

/* One go; returns its cost. */
static size_t queue_run_once(struct match_queue *queue)
{
    size_t len = 0;
    size_t bytes = 0;
    size_t longest = 0;

    while (len < QUEUE_JOBS_MAX && bytes < QUEUE_COST_MAX && !list_is_empty(&queue->bodies)) {
        struct match_slot *slot =
            CONTAINER_OF(list_pop(&queue->bodies), struct match_slot, queue_node);

        slot->md5_alone = !queue_prepare(queue, len, slot->queue_body);
        if (!slot->md5_alone) {
            bytes += queue->entries[len].bytes;
            longest = MAX_OF(longest, queue->entries[len].bytes);
            len++;
        }
    }
    md5_lanes_run(queue->jobs, len, queue->width);
    for (size_t i = 0; i < len; i++) {
        queue_settle(queue, i);
    }
    for (size_t i = 0; i < len; i++) {
        const struct match_body *body = queue->entries[i].body;

        if (queue->entries[i].ends) {
            digest_fetch_row(&body->db->layout, LAYOUT_MD5,
                             ((const struct match_slot *)body->slot)->md5);
        }
    }
    return len == 1 ? bytes * QUEUE_ALONE_COST : MAX_OF(bytes, longest * queue->width);
}

bool queue_run(struct match_queue *queue)
{
    size_t cost = 0;

    while (!list_is_empty(&queue->bodies) && cost < QUEUE_COST_MAX) {
        cost += queue_run_once(queue);
    }
    return !list_is_empty(&queue->bodies);
}
