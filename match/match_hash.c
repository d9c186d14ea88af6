/* SPDX-License-Identifier: MIT */
#include "match/match_private.h"

#include "base/assert.h"

#define HASH_SLICE_BYTES KIB(256)
#define HASH_MD5         (1U << LAYOUT_MD5)

/* ---- While the body arrives ---- */

/* Hashes the next part of what lies before `to`, alone; false when more calls are needed. */
static bool body_md5_alone(struct match_body *body, uint64_t to)
{
    struct match_slot *slot = body->slot;
    const uint64_t stop = MIN_OF(to, slot->md5_at + HASH_SLICE_BYTES);

    while (slot->md5_at < stop) {
        size_t len = 0;
        const uint8_t *ptr = body->source.at(body->source.ctx, slot->md5_at, &len);

        if (!ptr || len == 0) {
            slot->failed = true;
            return true;
        }
        len = (size_t)MIN_OF((uint64_t)len, stop - slot->md5_at);
        digest_update(&slot->digest, HASH_MD5, slice_from(ptr, len));
        slot->md5_at += len;
    }
    return slot->md5_at == to;
}

static void body_md5_feed(struct match_body *body, struct slice bytes)
{
    struct match_slot *slot = body->slot;
    const uint64_t from = body->fed - bytes.len;

    if (queue_takes(body, from)) {
        if (body->fed - slot->md5_at >= MATCH_QUEUE_LAG) {
            queue_join(body);
        }
        return;
    }
    /* What has waited for others lies elsewhere now, or these bytes will: from here on alone. */
    queue_leave(body);
    while (!slot->failed && !body_md5_alone(body, from)) {
    }
    digest_update(&slot->digest, HASH_MD5, bytes);
    slot->md5_at = body->fed;
}

void body_hash_feed(struct match_body *body, struct slice bytes)
{
    const unsigned kinds = body->db->star_detects;
    struct match_slot *slot = body->slot;

    digest_update(&slot->digest, kinds & ~HASH_MD5, bytes);
    if (kinds & HASH_MD5 && bytes.len > 0) {
        body_md5_feed(body, bytes);
    }
}

/* ---- The end ---- */

/* Which digests the answer depends on. */
static unsigned body_hash_kinds(const struct match_body *body)
{
    const struct layout *layout = &body->db->layout;
    const struct match_slot *slot = body->slot;
    const unsigned detects =
        body->found == MATCH_NONE
            ? digest_kinds(layout, body->fed, DIGEST_DETECTS) | body->db->star_detects
            : 0;

    if (layout->header->allows_len == 0 ||
        (body->found == MATCH_NONE && !slot->over && detects == 0)) {
        return detects;
    }
    return detects | digest_kinds(layout, body->fed, DIGEST_ALLOWS) |
           digest_kinds(layout, LAYOUT_ANY_SIZE, DIGEST_ALLOWS);
}

void body_hash_begin(struct match_body *body)
{
    struct match_slot *slot = body->slot;

    slot->kinds = body_hash_kinds(body);
    digest_init(&slot->digest, slot->kinds & ~body->db->star_detects);
    slot->md5_ends = (slot->kinds & HASH_MD5) != 0;
    /* It comes back, if its MD5 is still wanted, with its end. */
    queue_leave(body);
}

/* The kinds that are hashed alone, from the body's beginning. */
static bool body_hash_run_late(struct match_body *body)
{
    struct match_slot *slot = body->slot;
    const unsigned late = slot->kinds & ~body->db->star_detects & ~HASH_MD5;
    const uint64_t stop = MIN_OF(body->fed, body->hash_at + HASH_SLICE_BYTES);

    while (late && body->hash_at < stop) {
        size_t len = 0;
        const uint8_t *ptr = body->source.at(body->source.ctx, body->hash_at, &len);

        if (!ptr || len == 0) {
            slot->failed = true;
            return true;
        }
        len = (size_t)MIN_OF((uint64_t)len, stop - body->hash_at);
        digest_update(&slot->digest, late, slice_from(ptr, len));
        body->hash_at += len;
    }
    return !late || body->hash_at == body->fed;
}

/* With others if possible. */
static bool body_hash_run_md5(struct match_body *body)
{
    struct match_slot *slot = body->slot;

    if (!slot->md5_ends || slot->md5_ready || slot->md5_at == body->fed) {
        return true;
    }
    if (match_body_is_queued(body)) {
        (void)queue_run(body->db->queue);
        return slot->md5_ready;
    }
    if (queue_takes(body, slot->md5_at)) {
        queue_join(body);
        return false;
    }
    return body_md5_alone(body, body->fed);
}

bool body_hash_run(struct match_body *body)
{
    const bool late = body_hash_run_late(body);

    return body_hash_run_md5(body) && late;
}

bool body_hash_allows(struct match_body *body)
{
    struct match_slot *slot = body->slot;
    const struct layout *layout = &body->db->layout;
    struct digest_value value;

    if (slot->kinds == 0) {
        return false;
    }
    digest_final(&slot->digest, slot->kinds & ~(slot->md5_ready ? HASH_MD5 : 0), &value);
    if (slot->md5_ready) {
        memcpy(value.bytes[LAYOUT_MD5], slot->md5, sizeof(slot->md5));
    }
    if (body->found == MATCH_NONE) {
        const struct layout_digest *entry =
            digest_find(layout, slot->kinds, body->fed, &value, DIGEST_DETECTS);

        body->found = entry ? entry->threat : MATCH_NONE;
        body->found_number = entry ? entry->number : LAYOUT_NO_NUMBER;
    }
    if (body->found == MATCH_NONE && !slot->over) {
        return false;
    }
    return digest_find(layout, slot->kinds, body->fed, &value, DIGEST_ALLOWS) != NULL;
}
