/* SPDX-License-Identifier: MIT */
#include "match/layout_hash.h"

static bool hash_fits(uint64_t first, uint64_t len, uint64_t total)
{
    return first <= total && len <= total - first;
}

static bool hash_check_sizes(const struct layout *layout, const struct layout_sizes *sizes)
{
    if (!hash_fits(sizes->chunk_first, sizes->chunk_len, layout->len[LAYOUT_CHUNKS])) {
        return false;
    }
    for (uint32_t i = 0; i < sizes->chunk_len; i++) {
        const struct layout_chunk *chunk = &layout->chunks[sizes->chunk_first + i];
        const uint32_t words =
            chunk->len > LAYOUT_CHUNK_LIST_MAX ? LAYOUT_CHUNK_BITMAP_WORDS : chunk->len;

        if (!hash_fits(chunk->first, words, layout->len[LAYOUT_SIZE_LOWS])) {
            return false;
        }
    }
    return true;
}

static bool hash_check_buckets(const struct layout *layout, const struct layout_table *table)
{
    if (table->bucket_bits < 1 || table->bucket_bits > LAYOUT_BUCKET_BITS_MAX) {
        return false;
    }
    const uint32_t len = (1U << table->bucket_bits) + 1;
    const uint32_t *buckets = layout->buckets + table->bucket_first;

    if (!hash_fits(table->bucket_first, len, layout->len[LAYOUT_BUCKETS])) {
        return false;
    }
    for (uint32_t i = 1; i < len; i++) {
        if (buckets[i - 1] > buckets[i]) {
            return false;
        }
    }
    return buckets[len - 1] <= table->len;
}

static bool hash_check_table(const struct layout *layout, const struct layout_table *table,
                             enum layout_hash kind)
{
    if (!hash_check_sizes(layout, &table->detects) || !hash_check_sizes(layout, &table->allows)) {
        return false;
    }
    if (table->len == 0) {
        return true;
    }
    const uint64_t words = (uint64_t)table->len * (layout_digest_bytes(kind) / sizeof(uint32_t));

    return hash_fits(table->word_first, words, layout->len[LAYOUT_DIGEST_WORDS]) &&
           hash_fits(table->digest_first, table->len, layout->len[LAYOUT_DIGESTS]) &&
           hash_check_buckets(layout, table);
}

bool layout_hash_check(const struct layout *layout)
{
    for (unsigned i = 0; i < LAYOUT_SCOPES * LAYOUT_HASHES; i++) {
        const unsigned kind = i % LAYOUT_HASHES;

        if (!hash_check_table(layout, &layout->header->tables[i / LAYOUT_HASHES][kind],
                              (enum layout_hash)kind)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < layout->len[LAYOUT_DIGESTS]; i++) {
        if ((layout->digests[i].threat & ~LAYOUT_DIGEST_ALLOW) >= layout->len[LAYOUT_THREATS]) {
            return false;
        }
    }
    return true;
}
