#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * arena - memory that ends with its owner.
 *
 * Role: bump allocation from a block that the owner brings (a transaction's slot). Nothing is freed
 * singly; arena_reset drops all. Overflow is sticky: the call returns NULL, `overflowed` stays set,
 * and the owner checks it once per step. With the build option arena=malloc every allocation is a
 * malloc of its own, so that AddressSanitizer sees overruns; limits stay the same.
 */
#include "base/macro.h"

#include <stdbool.h>

struct arena_extra;

struct arena {
    uint8_t *base;
    size_t cap;
    size_t used;
    bool overflowed;
    struct arena_extra *extra; /* Only used with arena=malloc. */
};

void arena_init(struct arena *arena, void *block, size_t cap);
void arena_reset(struct arena *arena);

/* `len` bytes, aligned for any type, not zeroed; NULL when the arena is full. Valid until reset. */
MUST_CHECK void *arena_alloc(struct arena *arena, size_t len);

/* A copy of `len` bytes with a NUL behind; NULL when the arena is full. */
MUST_CHECK char *arena_copy(struct arena *arena, const void *bytes, size_t len);
