#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_mix - which kinds, and how many of each.
 *
 * Role: reads a list of kinds with weights and deals bodies out to them. Dealing is systematic: of
 * `count` bodies each entry gets its share, rounded up or down, whatever the seed. Memory: names of
 * files, until load_mix_free. Limits: 64 entries (those of a page load are 7), a weight of at most
 * 1,000,000 with three decimals.
 */
#include "bench/load/load_files.h"
#include "bench/load/load_make.h"

#define LOAD_MIX_MAX    64
#define LOAD_WEIGHT_MAX ((uint64_t)1000000000) /* Thousandths. */

struct load_mix_entry {
    enum load_kind kind;
    uint64_t weight;
    struct load_files files; /* Of LOAD_KIND_FILE. */
    size_t next;             /* The next one's turn. */
};

struct load_mix {
    size_t len;
    uint64_t total;
    size_t count; /* Bodies, at least: as many as show each file once. */
    struct load_mix_entry entries[LOAD_MIX_MAX];
};

/* Lists the files that the text names. */
bool load_mix_parse(struct load_mix *mix, const char *text, const struct load_why *why);
void load_mix_free(struct load_mix *mix);

bool load_mix_has_files_only(const struct load_mix *mix);

typedef uint64_t (*load_weight_fn)(const void *owner, size_t row);

/* Deals `count` bodies out to rows by their weights. */
struct load_deal {
    load_weight_fn weight;
    const void *owner;
    uint64_t total; /* Of all weights. */
    uint64_t start; /* Below `total`: which rows are rounded up. */
    size_t count;
    size_t row; /* This and the next are 0 at first. */
    uint64_t seen;
};

/* The row of deal `i`; to be called for 0, 1 and so on. */
size_t load_deal_next(struct load_deal *deal, size_t i);
