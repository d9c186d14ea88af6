#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * scan_choose - tries plans on a sample.
 *
 * Private to the scan files. Runs in: the builder.
 */
#include "match/rarity_model.h"
#include "match/scan_build.h"

#define SCAN_SAMPLE_BYTES KIB(512) /* Of each kind. */

/* A copy in an order that depends on the strings only, with zeros behind short ones; malloc'ed. */
MUST_CHECK int scan_strings_sort(const struct scan_string *strings, size_t len,
                                 struct scan_string **out);

/*
 * Where samples are made: the places in one of the byte model's, those with the same hash of the
 * bytes before them together.
 */
#define SCAN_SAMPLE_HEADS (1U << 14)

struct scan_sample_room {
    struct slice bytes;
    uint32_t heads[SCAN_SAMPLE_HEADS + 1];
    uint16_t places[RARITY_SAMPLE_BYTES];
};

/*
 * A sample of a kind of bytes: what the byte model holds for likely, or noise. Always the same.
 * SCAN_SAMPLE_BYTES at `out`.
 */
void scan_sample_make(enum scan_sample kind, struct scan_sample_room *room, uint8_t *out);
