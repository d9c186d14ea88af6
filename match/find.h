#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * find - where a few bytes of a needle stand.
 *
 * Role: the inner loop of searches. Two rare bytes of a needle, compared at once for 32 places,
 * pass ten gigabytes a second where one byte alone would stop too often; two more are looked at
 * where these are found. A byte can be meant in either case of a letter. The function is chosen
 * once, by what the CPU has. Memory: none.
 */
#include "base/macro.h"

#include <stddef.h>

#define FIND_BYTES 4

/* Each byte stands `at` behind a place; the first two are the rarest. They may be the same. */
struct find_needle {
    uint8_t value[FIND_BYTES];
    uint8_t fold[FIND_BYTES]; /* Ored to the body's byte before it is compared: 0x20 for letters. */
    uint32_t at[FIND_BYTES];
    uint32_t span; /* The largest of `at`. */
};

/*
 * The smallest `i` below `len` for which `ptr + i` is a place of the needle; `len` when there is
 * none. `len + span` bytes can be read.
 */
typedef size_t (*find_fn)(const uint8_t *ptr, size_t len, const struct find_needle *needle);

find_fn find_choose(void);

/* The same for any CPU. */
size_t find_plain(const uint8_t *ptr, size_t len, const struct find_needle *needle);
