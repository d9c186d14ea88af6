#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * scan_gram - finds long strings by samples of the text.
 *
 * Private to the scan files. Role: the stage for sets that are too large for Hyperscan. Only every
 * `stride`-th position of the stream is looked at: the `q` bytes there (a gram) are hashed and
 * looked up in a bloom filter, sixteen positions at once. A string of at least q + stride - 1 bytes
 * has exactly one of its first `stride` shifted grams at such a position, so all of these are in
 * the filter. What passes is looked up in a hash table of grams, which names the strings to compare
 * with the text.
 *
 * Owner: the block. Runs in: the shard. Memory: a stream keeps its last bytes and its position.
 * Limits on hostile input: a position costs one look-up and at most GRAM_SHARE_MAX comparisons,
 * because no gram belongs to more strings than that; what does not fit is left to Hyperscan.
 */
#include "match/scan_string.h"

#define GRAM_Q_MIN      4
#define GRAM_Q_MAX      8
#define GRAM_STRIDE_MAX 8

/* Strings that one gram can be a part of. */
#define GRAM_SHARE_MAX 16

#define GRAM_WORDS_LOG2_MIN 8
#define GRAM_WORDS_LOG2_MAX 20
#define GRAM_SLOTS_LOG2_MIN 4
#define GRAM_SLOTS_LOG2_MAX 28

#define GRAM_BLOCK      128 /* Bytes of text that the finder takes at once ... */
#define GRAM_SLACK      8   /* ... and may read behind them. */
#define GRAM_BLOCKS_MAX 16  /* In one call of the finder. */
#define GRAM_FOUND_MAX  (GRAM_BLOCK * GRAM_BLOCKS_MAX)

/* The text must be `value` under `mask`; a letter in either case has 0xdf for a mask. */
struct gram_string {
    uint64_t value[2];
    uint64_t mask[2];
    uint32_t len;
    uint32_t pad;
};

/*
 * `entry` is the only entry of the gram, marked as the last, or the index of its first, or
 * GRAM_EMPTY in a free slot.
 */
struct gram_slot {
    uint32_t tag;
    uint32_t entry;
};

#define GRAM_EMPTY UINT32_MAX

/* An entry: index of a string, where in it the gram begins, whether it is the gram's last entry. */
#define GRAM_ENTRY_LAST          (UINT32_C(1) << 31)
#define GRAM_ENTRY_AT(entry)     ((entry) >> 24 & 15)
#define GRAM_ENTRY_STRING(entry) ((entry)&0xffffff)

/* How a part begins. Strings, slots, entries and the filter's words follow, each at a multiple of
 * SCAN_ALIGN. */
struct gram_header {
    uint32_t q;
    uint32_t stride;
    uint32_t fold; /* Letters of either case have the same grams. */
    uint32_t words_log2;
    uint32_t slots_log2;
    uint32_t strings_len;
    uint32_t entries_len;
    uint32_t pad;
};

/* Where the arrays are, from the part's first byte. */
struct gram_places {
    uint64_t strings;
    uint64_t slots;
    uint64_t entries;
    uint64_t words;
    uint64_t len;
};

/* An opened part. */
struct gram {
    const struct gram_header *header; /* NULL: there is none. */
    const struct gram_string *strings;
    const struct gram_slot *slots;
    const uint32_t *entries;
    const uint32_t *words;
};

/* What a stream remembers. Starts zeroed. */
struct gram_stream {
    uint64_t fed;
    uint8_t last[SCAN_STRING_MAX]; /* The bytes before `fed`, right-aligned. */
};

struct gram_places gram_place(const struct gram_header *header);

/* Checks everything. -EBADMSG. */
MUST_CHECK int gram_open(struct gram *out, struct slice part);

/* Checks the head only: of a part that gram_open has taken before and that is unchanged. */
MUST_CHECK int gram_adopt(struct gram *out, struct slice part);

/* An opened part whose bytes lie `shift` further in memory. */
struct gram gram_moved(const struct gram *gram, uintptr_t shift);

/* False when the callback ended the scan. The first string's identifier is `string_first`. */
bool gram_feed(const struct gram *gram, uint32_t string_first, const struct gram_stream *stream,
               struct slice bytes, scan_hit_fn hit, void *ctx);

/* Bytes that all parts of a block have seen. */
void gram_stream_advance(struct gram_stream *stream, struct slice bytes);

/* ---- Shared with the builder and the finders ---- */

/* The bytes of a gram, low byte first, as they are hashed. */
static inline uint64_t gram_key(const struct gram_header *header, uint64_t text)
{
    const uint64_t folded = header->fold ? text | UINT64_C(0x2020202020202020) : text;

    return header->q == GRAM_Q_MAX ? folded : folded & ((UINT64_C(1) << 8 * header->q) - 1);
}

#define GRAM_HASH_LOW   0x9e3779b1U
#define GRAM_HASH_HIGH  0x85ebca6bU
#define GRAM_HASH_MIX   0xc2b2ae35U
#define GRAM_HASH_SHIFT 15

/* For the filter: the top bits are the word, the lowest ten two bits in it. */
static inline uint32_t gram_hash(uint64_t key)
{
    uint32_t hash = (uint32_t)key * GRAM_HASH_LOW + (uint32_t)(key >> 32) * GRAM_HASH_HIGH;

    hash ^= hash >> GRAM_HASH_SHIFT;
    return hash * GRAM_HASH_MIX;
}

static inline uint32_t gram_hash_bits(uint32_t hash)
{
    return UINT32_C(1) << (hash & 31) | UINT32_C(1) << (hash >> 5 & 31);
}

/* For the table: the top bits are the slot, others the tag. */
static inline uint64_t gram_slot_hash(uint64_t key)
{
    return (key ^ key >> 29) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint32_t gram_slot_tag(uint64_t hash)
{
    return (uint32_t)(hash >> 8);
}

/*
 * Finders: which positions of `blocks` blocks pass the filter. Positions count from `text`; those
 * of one block come in any order. All finders find the same.
 */
typedef size_t (*gram_find_fn)(const struct gram *gram, const uint8_t *text, size_t blocks,
                               uint32_t out_found[GRAM_FOUND_MAX]);

enum gram_finder {
    GRAM_PORTABLE,
    GRAM_AVX2,
    GRAM_AVX512,
    GRAM_FINDERS,
};

/* NULL when this machine cannot run it. */
gram_find_fn gram_finder_of(enum gram_finder finder);

/* The best of this machine. */
gram_find_fn gram_finder_best(void);

/* For tests: makes every later scan of this process use that finder. NULL: the best again. */
void gram_finder_force(gram_find_fn find);
