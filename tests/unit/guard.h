#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * guard - test input that lies flush against a page without access.
 *
 * Role: a parser that reads one byte too far ends the test with SIGSEGV. Memory: mapped by
 * guard_open, unmapped by guard_close; guard_put overwrites what was put before.
 */
#include "base/assert.h"
#include "base/slice.h"

#include <sys/mman.h>
#include <unistd.h>

struct guard {
    uint8_t *block;
    size_t page;
    size_t cap;
};

static inline struct guard guard_open(size_t cap)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct guard guard = {.page = page, .cap = (cap + page - 1) / page * page};

    guard.block =
        mmap(NULL, guard.cap + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(guard.block != MAP_FAILED);
    ASSERT(mprotect(guard.block + guard.cap, page, PROT_NONE) == 0);
    return guard;
}

static inline void guard_close(struct guard *guard)
{
    munmap(guard->block, guard->cap + guard->page);
}

/* The bytes, copied so that they end where access ends. */
static inline struct slice guard_put(struct guard *guard, struct slice bytes)
{
    ASSERT(bytes.len <= guard->cap);
    uint8_t *const at = guard->block + guard->cap - bytes.len;

    if (bytes.len > 0) {
        memcpy(at, bytes.ptr, bytes.len);
    }
    return slice_from(at, bytes.len);
}
