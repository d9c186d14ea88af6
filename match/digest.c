/* SPDX-License-Identifier: MIT */
#include "match/digest.h"

#define DIGEST_HAS(kinds, kind) ((kinds) >> (kind)&1)

void digest_init(struct digest *digest, unsigned kinds)
{
    if (DIGEST_HAS(kinds, LAYOUT_MD5)) {
        MD5_Init(&digest->md5);
    }
    if (DIGEST_HAS(kinds, LAYOUT_SHA1)) {
        SHA1_Init(&digest->sha1);
    }
    if (DIGEST_HAS(kinds, LAYOUT_SHA256)) {
        SHA256_Init(&digest->sha256);
    }
}

void digest_update(struct digest *digest, unsigned kinds, struct slice bytes)
{
    if (DIGEST_HAS(kinds, LAYOUT_MD5)) {
        MD5_Update(&digest->md5, bytes.ptr, bytes.len);
    }
    if (DIGEST_HAS(kinds, LAYOUT_SHA1)) {
        SHA1_Update(&digest->sha1, bytes.ptr, bytes.len);
    }
    if (DIGEST_HAS(kinds, LAYOUT_SHA256)) {
        SHA256_Update(&digest->sha256, bytes.ptr, bytes.len);
    }
}

void digest_final(struct digest *digest, unsigned kinds, struct digest_value *out)
{
    memset(out, 0, sizeof(*out));
    if (DIGEST_HAS(kinds, LAYOUT_MD5)) {
        MD5_Final(out->bytes[LAYOUT_MD5], &digest->md5);
    }
    if (DIGEST_HAS(kinds, LAYOUT_SHA1)) {
        SHA1_Final(out->bytes[LAYOUT_SHA1], &digest->sha1);
    }
    if (DIGEST_HAS(kinds, LAYOUT_SHA256)) {
        SHA256_Final(out->bytes[LAYOUT_SHA256], &digest->sha256);
    }
}

static bool digest_has_size(const struct layout *layout, const struct layout_sizes *sizes,
                            uint64_t size)
{
    if (size == LAYOUT_ANY_SIZE) {
        return sizes->any;
    }
    if (size >> 16 >= sizes->chunk_len) {
        return false;
    }
    const struct layout_chunk *chunk = &layout->chunks[sizes->chunk_first + (size >> 16)];
    const uint16_t *lows = layout->size_lows + chunk->first;
    const uint16_t low = (uint16_t)size;
    uint32_t lo = 0;
    uint32_t hi = chunk->len;

    if (chunk->len > LAYOUT_CHUNK_LIST_MAX) {
        return lows[low / 16] >> low % 16 & 1;
    }
    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;

        if (lows[mid] < low) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < chunk->len && lows[lo] == low;
}

unsigned digest_kinds_of(const struct layout *layout, enum layout_scope scope, uint64_t size,
                         enum digest_purpose purpose)
{
    unsigned kinds = 0;

    for (unsigned kind = 0; kind < LAYOUT_HASHES; kind++) {
        const struct layout_table *table = &layout->header->tables[scope][kind];
        const struct layout_sizes *sizes =
            purpose == DIGEST_ALLOWS ? &table->allows : &table->detects;

        kinds |= (unsigned)digest_has_size(layout, sizes, size) << kind;
    }
    return kinds;
}

/* The digests of a table and the one that is looked for. */
struct digest_row {
    const uint8_t *digests;
    size_t bytes;
    const uint8_t *wanted;
    uint64_t head; /* The first bytes of the wanted one. */
};

/* Up to so many are looked at one by one, which mispredicts less than halving. */
#define DIGEST_BUCKET_SHORT 16

static bool digest_is_wanted(const struct digest_row *row, uint32_t index)
{
    const uint8_t *digest = row->digests + index * row->bytes;
    uint64_t head;

    memcpy(&head, digest, sizeof(head));
    return head == row->head && memcmp(digest, row->wanted, row->bytes) == 0;
}

/* Where the wanted digest first stands in [lo, hi); hi when it does not. */
static uint32_t digest_search(const struct digest_row *row, uint32_t lo, uint32_t hi)
{
    const uint32_t end = hi;

    while (hi - lo > DIGEST_BUCKET_SHORT) {
        const uint32_t mid = lo + (hi - lo) / 2;

        if (memcmp(row->digests + mid * row->bytes, row->wanted, row->bytes) < 0) {
            lo = mid + 1;
        } else {
            hi = mid + 1;
        }
    }
    while (lo < hi && !digest_is_wanted(row, lo)) {
        lo++;
    }
    return lo < hi ? lo : end;
}

/* Entries of one digest follow each other: of several sizes, and those that allow. */
static const struct layout_digest *digest_find_kind(const struct layout *layout,
                                                    const struct layout_table *table, uint64_t size,
                                                    const struct digest_row *row,
                                                    enum digest_purpose purpose)
{
    const uint32_t *bounds =
        layout->buckets + table->bucket_first + layout_bucket(row->wanted, table->bucket_bits);
    const uint32_t allow = purpose == DIGEST_ALLOWS ? LAYOUT_DIGEST_ALLOW : 0;
    const struct layout_digest *entries = layout->digests + table->digest_first;

    /* Wanted if the digest is there; it comes while the digests do. */
    __builtin_prefetch(&entries[bounds[0]]);
    for (uint32_t i = digest_search(row, bounds[0], bounds[1]);
         i < bounds[1] && digest_is_wanted(row, i); i++) {
        if ((entries[i].threat & LAYOUT_DIGEST_ALLOW) == allow &&
            (entries[i].size == size || entries[i].size == LAYOUT_DIGEST_ANY_SIZE)) {
            return &entries[i];
        }
    }
    return NULL;
}

const struct layout_digest *digest_find_of(const struct layout *layout, enum layout_scope scope,
                                           unsigned kinds, uint64_t size,
                                           const struct digest_value *value,
                                           enum digest_purpose purpose)
{
    const struct layout_digest *entry = NULL;

    for (unsigned kind = 0; kind < LAYOUT_HASHES && !entry; kind++) {
        const struct layout_table *table = &layout->header->tables[scope][kind];
        struct digest_row row = {
            .digests = (const uint8_t *)(layout->digest_words + table->word_first),
            .bytes = layout_digest_bytes((enum layout_hash)kind),
            .wanted = value->bytes[kind],
        };

        if (DIGEST_HAS(kinds, kind) && table->len > 0) {
            memcpy(&row.head, row.wanted, sizeof(row.head));
            entry = digest_find_kind(layout, table, size, &row, purpose);
        }
    }
    return entry;
}
