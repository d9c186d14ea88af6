#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * scan_build - strings to look for into a block for scan.
 *
 * Role: decides which stage finds which string, compiles, and writes a block that scan_open uses in
 * place. What it costs most is kept by a cache that the caller may lend: its keys depend on the
 * strings, not on the identifiers nor on their order, so a database whose strings did not change is
 * found again although everything else did. Runs in: the compiler process, tests, tools. Limits:
 * SCAN_STRINGS_MAX strings in a block.
 *
 * Small sets are Hyperscan's. For larger ones a few plans are tried on a sample of what bodies are
 * made of, and the fastest wins; so what a block holds depends on the machine, and on its leisure.
 */
#include "match/scan.h"
#include "match/scan_gram_build.h"

#define SCAN_STRINGS_MAX (1U << 24)
#define SCAN_ERROR_CAP   160

struct match_build_cache;
struct scan_code;

/* Parts for scan_gram, the one with the longest grams first; what they leave is Hyperscan's. */
struct scan_plan {
    struct gram_plan grams[SCAN_GRAMS_MAX];
};

/* What the bodies are made of, as weights. */
enum scan_sample {
    SCAN_SAMPLE_TEXT,
    SCAN_SAMPLE_PROGRAM,
    SCAN_SAMPLE_DENSE, /* Compressed or encrypted. */
    SCAN_SAMPLES,
};

struct scan_mix {
    unsigned weights[SCAN_SAMPLES];
};

/* What became of the strings, for reports. */
struct scan_facts {
    struct scan_plan plan;
    size_t hs_len;                   /* Strings left to Hyperscan. */
    size_t gram_len[SCAN_GRAMS_MAX]; /* Strings of each part. */
    size_t bytes;                    /* Of the block. */
};

/*
 * Compiles `len` strings (at least one). A cache without functions is none. Negative errno with
 * `error` filled.
 */
MUST_CHECK int scan_code_new(struct scan_code **out_code, const struct scan_string *strings,
                             size_t len, const struct scan_mix *mix,
                             const struct match_build_cache *cache, char error[SCAN_ERROR_CAP]);

/* The same by a given plan. The same strings give the same code, whatever their order. */
MUST_CHECK int scan_code_new_planned(struct scan_code **out_code, const struct scan_string *strings,
                                     size_t len, const struct scan_plan *plan,
                                     const struct match_build_cache *cache,
                                     char error[SCAN_ERROR_CAP]);
void scan_code_free(struct scan_code *code);

/* Bytes of the block, a multiple of SCAN_ALIGN. */
size_t scan_code_bytes(const struct scan_code *code);

/* Writes the block to an address divisible by SCAN_ALIGN. */
MUST_CHECK int scan_code_write(const struct scan_code *code, uint8_t *place);

void scan_code_facts(const struct scan_code *code, struct scan_facts *out);
