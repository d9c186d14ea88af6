#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * md5_wide - blocks of 16 or 8 MD5s at once where the CPU can (AVX-512, AVX2).
 *
 * Role: the steps of MD5 depend on each other, so one message keeps a fraction of a core busy;
 * messages side by side, one in each lane of the vector registers, cost little more than one alone.
 * For md5_lanes.c, which says what runs in which lane.
 */
#include "base/macro.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MD5_WIDE_MAX    16
#define MD5_BLOCK_BYTES 64

/* The states of all lanes, word by word, and where the next block of each lies. */
struct md5_wide {
    _Alignas(64) uint32_t state[4][MD5_WIDE_MAX];
    const uint8_t *ptr[MD5_WIDE_MAX];
};

/* Lanes that this CPU can run at once: 16, 8, or 1 for none. */
unsigned md5_wide_lanes(void);

/*
 * Advances 16 or 8 lanes by `blocks` blocks each, pointers too; lanes without work need some bytes
 * to read, too. Only on CPUs with so many lanes.
 */
void md5_wide_run_16(struct md5_wide *wide, size_t blocks);
void md5_wide_run_8(struct md5_wide *wide, size_t blocks);
