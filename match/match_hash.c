/* SPDX-License-Identifier: MIT */
#include "match/match_private.h"

#define HASH_SLICE_BYTES KIB(256)

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
}

bool body_hash_run(struct match_body *body)
{
    struct match_slot *slot = body->slot;
    const unsigned late = slot->kinds & ~body->db->star_detects;
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

bool body_hash_allows(struct match_body *body)
{
    struct match_slot *slot = body->slot;
    const struct layout *layout = &body->db->layout;
    struct digest_value value;

    if (slot->kinds == 0) {
        return false;
    }
    digest_final(&slot->digest, slot->kinds, &value);
    if (body->found == MATCH_NONE) {
        const struct layout_digest *entry =
            digest_find(layout, slot->kinds, body->fed, &value, DIGEST_DETECTS);

        body->found = entry ? entry->threat : MATCH_NONE;
        body->found_number = entry ? entry->number : LAYOUT_NO_NUMBER;
    }
    return digest_find(layout, slot->kinds, body->fed, &value, DIGEST_ALLOWS) != NULL;
}
