#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * scan_gram_build - makes parts for scan_gram.
 *
 * Role: takes of a set of strings those that fit a gram length and a
 * stride, and writes filter and tables for them. Of a long string it chooses the grams that are
 * rarest in clean files; a string whose grams are common, or are shared by too many strings, is not
 * taken. Runs in: the builder.
 */
#include "match/scan_gram.h"

struct gram_plan {
    uint32_t q;
    uint32_t stride; /* 0: no such part. */
};

/* Bytes that a string must have. */
static inline uint32_t gram_plan_len_min(const struct gram_plan *plan)
{
    return plan->q + plan->stride - 1;
}

/* Where the first gram of each string begins, or GRAM_NOT_TAKEN. */
#define GRAM_NOT_TAKEN 255

/* Fills in `places`. */
MUST_CHECK int gram_choose(const struct gram_plan *plan, const struct scan_string *strings,
                           size_t len, uint8_t *places, bool *out_fold);

/*
 * Makes a part of `len` strings, all taken, with their places. `*out_part` is malloc'ed and
 * begins with a struct gram_header; its length is a multiple of SCAN_ALIGN.
 */
MUST_CHECK int gram_make(const struct gram_plan *plan, bool fold, const struct scan_string *strings,
                         const uint8_t *places, size_t len, struct slice *out_part);
