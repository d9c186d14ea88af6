#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * rarity_model - how the byte model lies in its file.
 *
 * Shared by rarity.c and the program that trains it. For each class of files: how costly each byte
 * is and what a missing row of two, three or four bytes costs at least, then a table of the rows of
 * two to four bytes that are common. A cost is -2 log2 of the row's share of all positions, so half
 * bits, RARITY_COST_MAX at most. The table has buckets of eight slots; a slot holds ten bits of the
 * row's hash and its cost. Beside it there is a filter for whole grams of eight bytes that occur
 * more often than RARITY_HOT_COST says, however rare their bytes make them seem: phrases of
 * licences, frames of pages, prologues of functions.
 */
#include "base/macro.h"

#define RARITY_HOT_LEN      8
#define RARITY_HOT_LOG2     15 /* Words of the filter. */
#define RARITY_HOT_COST     38 /* Once in half a megabyte. */
#define RARITY_SAMPLE_BYTES KIB(64)
#define RARITY_CLASSES      2 /* Texts and programs. */
#define RARITY_ROW_MIN      2
#define RARITY_ROW_MAX      4
#define RARITY_COST_BITS    6
#define RARITY_COST_MAX     ((1U << RARITY_COST_BITS) - 1)
#define RARITY_BUCKET_LEN   8
#define RARITY_BUCKETS_LOG2 13

struct rarity_class {
    uint8_t bytes[256];                  /* Costs. */
    uint8_t missing[RARITY_ROW_MAX + 1]; /* By length of the row. */
    uint8_t pad[3];
    uint16_t slots[RARITY_BUCKET_LEN << RARITY_BUCKETS_LOG2]; /* 0: free. */
};

/* The samples are made up: each byte follows the three before it as it does in files of the class.
 */
struct rarity_model {
    struct rarity_class classes[RARITY_CLASSES];
    uint32_t hot[1U << RARITY_HOT_LOG2];
    uint8_t samples[RARITY_CLASSES][RARITY_SAMPLE_BYTES];
};

/* `row` has its first byte lowest. */
static inline uint64_t rarity_hash(uint32_t row, unsigned len)
{
    const uint64_t hash = ((uint64_t)len << 32 | row) * UINT64_C(0x9e3779b97f4a7c15);

    return hash ^ hash >> 32;
}

static inline uint32_t rarity_bucket(uint64_t hash)
{
    return (uint32_t)(hash >> (64 - RARITY_BUCKETS_LOG2)) * RARITY_BUCKET_LEN;
}

/* What a slot of that row holds beside the cost; never 0. */
static inline uint16_t rarity_tag(uint64_t hash)
{
    const uint16_t tag = (uint16_t)((hash & 0x3ff) << RARITY_COST_BITS);

    return tag ? tag : 1U << RARITY_COST_BITS;
}

/* The bits of a gram in the filter; `*out_word` is where. */
static inline uint32_t rarity_hot_bits(uint64_t gram, uint32_t *out_word)
{
    const uint64_t hash = (gram ^ gram >> 31) * UINT64_C(0x9e3779b97f4a7c15);

    *out_word = (uint32_t)(hash >> (64 - RARITY_HOT_LOG2));
    return UINT32_C(1) << (hash >> 20 & 31) | UINT32_C(1) << (hash >> 26 & 31) |
           UINT32_C(1) << (hash >> 32 & 31);
}
