/* SPDX-License-Identifier: MIT */
#include "match/digest.h"

#include "base/assert.h"

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

void digest_md5_get(const struct digest *digest, uint32_t out_state[4])
{
    ASSERT(digest->md5.num == 0);
    out_state[0] = digest->md5.A;
    out_state[1] = digest->md5.B;
    out_state[2] = digest->md5.C;
    out_state[3] = digest->md5.D;
}

void digest_md5_set(struct digest *digest, const uint32_t state[4], uint64_t bytes)
{
    ASSERT(digest->md5.num == 0);
    ASSERT(bytes % MD5_CBLOCK == 0);
    digest->md5.A = state[0];
    digest->md5.B = state[1];
    digest->md5.C = state[2];
    digest->md5.D = state[3];
    digest->md5.Nl = (MD5_LONG)(bytes << 3);
    digest->md5.Nh = (MD5_LONG)(bytes >> 29);
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
};

static bool digest_is_wanted(const struct digest_row *row, uint32_t index)
{
    return memcmp(row->digests + index * row->bytes, row->wanted, row->bytes) == 0;
}

/* The first of [lo, hi) that is not less than the wanted one, or hi. */
static uint32_t digest_search(const struct digest_row *row, uint32_t lo, uint32_t hi)
{
    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;

        if (memcmp(row->digests + mid * row->bytes, row->wanted, row->bytes) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

/* The first bytes of a digest as a number that is ordered like digests. */
static uint64_t digest_head(const uint8_t *digest)
{
    uint64_t head;

    memcpy(&head, digest, sizeof(head));
    return __builtin_bswap64(head);
}

/* Digests are random numbers: in [lo, hi) of its bucket one stands about where its next bits say.
 */
static uint32_t digest_expect(const struct layout_table *table, uint64_t wanted, uint32_t lo,
                              uint32_t hi)
{
    const uint64_t rest = wanted << table->bucket_bits >> 32;

    return lo + (uint32_t)((hi - lo) * rest >> 32);
}

/* So many digests are looked at where the wanted one is expected. */
#define DIGEST_WINDOW 8

/*
 * The same as digest_search. The wanted one nearly always is among the few around the place where
 * it is expected. Looking at all of these without a branch lets the processor fetch them, and what
 * the next lookup needs, at once.
 */
static uint32_t digest_locate(const struct layout_table *table, const struct layout_digest *entries,
                              const struct digest_row *row, const uint32_t bounds[2])
{
    const uint32_t lo = bounds[0];
    const uint32_t hi = bounds[1];
    const uint64_t wanted = digest_head(row->wanted);
    const uint32_t at = digest_expect(table, wanted, lo, hi);
    uint32_t from = at > lo + DIGEST_WINDOW / 2 ? at - DIGEST_WINDOW / 2 : lo;
    uint32_t less = 0;

    /* Wanted if the digest is there; it comes while the digests do. */
    __builtin_prefetch(entries + at);
    if (table->len < DIGEST_WINDOW) {
        return digest_search(row, lo, hi);
    }
    from = MIN_OF(from, table->len - DIGEST_WINDOW);
    for (uint32_t i = 0; i < DIGEST_WINDOW; i++) {
        less += digest_head(row->digests + (from + i) * row->bytes) < wanted;
    }
    const bool begins = less > 0 || from <= lo;
    const bool ends = less < DIGEST_WINDOW || from + DIGEST_WINDOW >= hi;
    const uint32_t first = from + less;

    /* Digests that begin alike may differ behind. */
    if (!begins || !ends ||
        (first < hi && digest_head(row->digests + first * row->bytes) == wanted &&
         !digest_is_wanted(row, first))) {
        return digest_search(row, lo, hi);
    }
    return first;
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

    for (uint32_t i = digest_locate(table, entries, row, bounds);
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
        const struct digest_row row = {
            .digests = (const uint8_t *)(layout->digest_words + table->word_first),
            .bytes = layout_digest_bytes((enum layout_hash)kind),
            .wanted = value->bytes[kind],
        };

        if (DIGEST_HAS(kinds, kind) && table->len > 0) {
            entry = digest_find_kind(layout, table, size, &row, purpose);
        }
    }
    return entry;
}

void digest_fetch_bucket(const struct layout *layout, enum layout_hash kind, const uint8_t *digest)
{
    const struct layout_table *table = &layout->header->tables[LAYOUT_SCOPE_BODY][kind];

    if (table->len > 0) {
        __builtin_prefetch(layout->buckets + table->bucket_first +
                           layout_bucket(digest, table->bucket_bits));
    }
}

void digest_fetch_row(const struct layout *layout, enum layout_hash kind, const uint8_t *digest)
{
    const struct layout_table *table = &layout->header->tables[LAYOUT_SCOPE_BODY][kind];
    const uint8_t *digests = (const uint8_t *)(layout->digest_words + table->word_first);
    const size_t bytes = layout_digest_bytes(kind);

    if (table->len == 0) {
        return;
    }
    const uint32_t *bounds =
        layout->buckets + table->bucket_first + layout_bucket(digest, table->bucket_bits);
    const uint32_t at = digest_expect(table, digest_head(digest), bounds[0], bounds[1]);

    if (at < table->len) {
        const uint32_t from = at > DIGEST_WINDOW / 2 ? at - DIGEST_WINDOW / 2 : 0;

        __builtin_prefetch(layout->digests + table->digest_first + at);
        for (size_t i = 0; i <= DIGEST_WINDOW * bytes; i += 64) {
            __builtin_prefetch(digests + from * bytes + i);
        }
    }
}
