#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * rarity - how rare a few bytes are in clean files.
 *
 * Role: the byte model that triggers are chosen by. Runs in: the builder.
 */
#include "base/slice.h"

#define RARITY_PER_BIT 8

/*
 * In eighths of a bit: about -8 log2 of the share of positions in clean files at which these bytes
 * stand, in texts or in programs, wherever they are commoner. `nocase`: letters of either case.
 */
uint32_t rarity_of(struct slice bytes, bool nocase);
uint32_t rarity_of_byte(uint8_t byte);

/*
 * The same for every stretch of a longer row of bytes, measured once. A row of more than
 * RARITY_PROFILE_MAX bytes is measured in parts.
 */
#define RARITY_PROFILE_MAX 256
#define RARITY_TRACKS_MAX  6 /* Kinds of files, and spellings of each. */

struct rarity_profile {
    struct slice bytes;
    bool nocase;
    unsigned tracks;
    uint8_t hot[RARITY_PROFILE_MAX]; /* How many grams from there on are hot, in a row. */
    /* By track and position: the cost of the four bytes from there on ... */
    uint8_t heads[RARITY_TRACKS_MAX][RARITY_PROFILE_MAX];
    /* ... and the sum of what each byte before adds to the three before it. */
    uint16_t sums[RARITY_TRACKS_MAX][RARITY_PROFILE_MAX + 1];
};

void rarity_profile_init(struct rarity_profile *profile, struct slice bytes, bool nocase);

/* rarity_of bytes [first, first + len). */
uint32_t rarity_profile_of(const struct rarity_profile *profile, size_t first, size_t len);

enum rarity_kind {
    RARITY_TEXT,
    RARITY_PROGRAM,
};

/* Some made-up bytes such as files of that kind have. */
struct slice rarity_sample(enum rarity_kind kind);
