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

/* The row of one size, or NULL. */
static const struct layout_size *digest_size(const struct layout *layout, enum layout_hash kind,
                                             uint64_t size)
{
    const struct layout_size *rows = layout->sizes + layout->header->size_first[kind];
    uint32_t lo = 0;
    uint32_t hi = layout->header->size_len[kind];

    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;

        if (rows[mid].size < size) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < layout->header->size_len[kind] && rows[lo].size == size ? &rows[lo] : NULL;
}

unsigned digest_kinds(const struct layout *layout, uint64_t size, enum digest_purpose purpose)
{
    unsigned kinds = 0;

    for (unsigned kind = 0; kind < LAYOUT_HASHES; kind++) {
        const struct layout_size *row = digest_size(layout, (enum layout_hash)kind, size);

        if (row && (purpose == DIGEST_ALLOWS ? row->allows : row->detects)) {
            kinds |= 1U << kind;
        }
    }
    return kinds;
}

static const struct layout_digest *digest_find_row(const struct layout *layout,
                                                   const struct layout_size *row,
                                                   const uint8_t digest[LAYOUT_DIGEST_MAX])
{
    const struct layout_digest *entries = layout->digests + row->digest_first;
    uint32_t lo = 0;
    uint32_t hi = row->digest_len;

    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;
        const int order = memcmp(entries[mid].digest, digest, LAYOUT_DIGEST_MAX);

        if (order == 0) {
            return &entries[mid];
        }
        if (order < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return NULL;
}

const struct layout_digest *digest_find(const struct layout *layout, unsigned kinds, uint64_t size,
                                        const struct digest_value *value,
                                        enum digest_purpose purpose)
{
    const uint64_t sizes[] = {size, LAYOUT_ANY_SIZE};

    for (unsigned i = 0; i < LAYOUT_HASHES * ARRAY_LEN(sizes); i++) {
        const enum layout_hash kind = (enum layout_hash)(i / ARRAY_LEN(sizes));
        const struct layout_size *row =
            DIGEST_HAS(kinds, kind) ? digest_size(layout, kind, sizes[i % ARRAY_LEN(sizes)]) : NULL;
        const struct layout_digest *entry =
            row ? digest_find_row(layout, row, value->bytes[kind]) : NULL;

        if (entry && (entry->allow != 0) == (purpose == DIGEST_ALLOWS)) {
            return entry;
        }
    }
    return NULL;
}
