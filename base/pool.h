#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * pool - slots of one size, mapped once, handed out last-in first-out.
 *
 * Role: connections, transactions, body blocks. The mapping is reserved at start and touched slot
 * by slot, so that room for a peak costs nothing until the peak comes. Owner: the shard. A free
 * slot is poisoned for AddressSanitizer. Limit: `cap` slots; pool_take returns NULL beyond.
 */
#include "base/macro.h"

#include <stdbool.h>

struct pool {
    uint8_t *base;
    size_t slot_bytes;
    uint32_t cap;
    uint32_t used;     /* Slots handed out now. */
    uint32_t fresh;    /* Slots that were ever handed out. */
    uint32_t free_len; /* Entries of `free`. */
    uint32_t *free;
    size_t mapped; /* Bytes at `base`. */
};

/* Negative errno when the mapping is refused. `slot_bytes` is rounded up to 64. */
MUST_CHECK int pool_open(struct pool *pool, size_t slot_bytes, uint32_t cap);
void pool_close(struct pool *pool);

/* Gives back a piece of a pool that nothing is taken from any more; true when nothing is left. */
MUST_CHECK bool pool_close_slice(struct pool *pool);

/* Not zeroed after the first use. */
MUST_CHECK void *pool_take(struct pool *pool);
void pool_give(struct pool *pool, void *slot);

static inline void *pool_at(const struct pool *pool, uint32_t index)
{
    return pool->base + (size_t)index * pool->slot_bytes;
}

static inline uint32_t pool_index(const struct pool *pool, const void *slot)
{
    return (uint32_t)((size_t)((const uint8_t *)slot - pool->base) / pool->slot_bytes);
}
