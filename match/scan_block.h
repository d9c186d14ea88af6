#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * scan_block - how a block of scan looks in memory.
 *
 * Private to scan.c and scan_build.c. A header, then parts at multiples of SCAN_ALIGN, counted from
 * the block's first byte.
 */
#include "match/scan.h"

#define SCAN_MAGIC   "BALSCAN"
#define SCAN_VERSION 2

struct scan_span {
    uint64_t at;
    uint64_t len; /* Bytes; 0: the part is missing. */
};

struct scan_header {
    char magic[8];
    uint32_t version;
    uint32_t strings_len;
    uint64_t block_bytes;
    struct scan_span ids; /* uint32_t: the caller's identifier of each string. */
    struct scan_span hs;  /* A Hyperscan database as it is in memory; its strings come first. */
    struct scan_span grams[SCAN_GRAMS_MAX]; /* For scan_gram. */
    uint32_t gram_first[SCAN_GRAMS_MAX];    /* Their first strings. */
};
