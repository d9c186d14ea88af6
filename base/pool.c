/* SPDX-License-Identifier: MIT */
#include "base/pool.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/unmap.h"

#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define POOL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_ASAN 1
#endif
#endif

#ifdef POOL_ASAN
#include <sanitizer/asan_interface.h>
#define POOL_POISON(ptr, len)   ASAN_POISON_MEMORY_REGION(ptr, len)
#define POOL_UNPOISON(ptr, len) ASAN_UNPOISON_MEMORY_REGION(ptr, len)
#else
#define POOL_POISON(ptr, len)   ((void)(ptr))
#define POOL_UNPOISON(ptr, len) ((void)(ptr))
#endif

static void pool_check(const struct pool *pool)
{
    ASSERT(pool->used + pool->free_len == pool->fresh);
    ASSERT(pool->fresh <= pool->cap);
}

static size_t pool_free_bytes(const struct pool *pool)
{
    return (size_t)pool->cap * sizeof(uint32_t);
}

int pool_open(struct pool *pool, size_t slot_bytes, uint32_t cap)
{
    const int prot = PROT_READ | PROT_WRITE;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

    ASSERT(slot_bytes > 0);
    ASSERT(cap > 0);
    *pool = (struct pool){.slot_bytes = (slot_bytes + 63) & ~(size_t)63, .cap = cap};
    pool->base = mmap(NULL, pool->slot_bytes * cap, prot, flags, -1, 0);
    if (pool->base == MAP_FAILED) {
        pool->base = NULL;
        return ERR_NEW(-errno);
    }
    pool->free = mmap(NULL, pool_free_bytes(pool), prot, flags, -1, 0);
    if (pool->free == MAP_FAILED) {
        const int r = -errno;

        munmap(pool->base, pool->slot_bytes * cap);
        pool->base = NULL;
        pool->free = NULL;
        return ERR_NEW(r);
    }
    pool->mapped = pool->slot_bytes * cap;
    POOL_POISON(pool->base, pool->mapped);
    return 0;
}

/* What was never handed out was never touched, so it goes at once, however much it is. */
static void pool_drop_fresh(struct pool *pool)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t used = pool->slot_bytes * pool->fresh;
    const size_t keep = MAX_OF((used + page - 1) / page, (size_t)1) * page;

    if (keep < pool->mapped) {
        const int r = munmap(pool->base + keep, pool->mapped - keep);

        ASSERT(r == 0);
        pool->mapped = keep;
    }
}

bool pool_close_slice(struct pool *pool)
{
    if (!pool->base) {
        return true;
    }
    POOL_UNPOISON(pool->base, pool->mapped);
    pool_drop_fresh(pool);
    if (!unmap_slice(pool->base, &pool->mapped)) {
        return false;
    }
    munmap(pool->free, pool_free_bytes(pool));
    *pool = (struct pool){0};
    return true;
}

void pool_close(struct pool *pool)
{
    while (!pool_close_slice(pool)) {
    }
}

void *pool_take(struct pool *pool)
{
    uint32_t index;

    if (pool->free_len > 0) {
        index = pool->free[--pool->free_len];
    } else if (pool->fresh < pool->cap) {
        index = pool->fresh++;
    } else {
        return NULL;
    }
    pool->used++;
    pool_check(pool);
    void *slot = pool_at(pool, index);

    POOL_UNPOISON(slot, pool->slot_bytes);
    return slot;
}

void pool_give(struct pool *pool, void *slot)
{
    const uint32_t index = pool_index(pool, slot);

    ASSERT(index < pool->fresh);
    ASSERT(pool_at(pool, index) == slot);
    ASSERT(pool->used > 0);
    POOL_POISON(slot, pool->slot_bytes);
    pool->free[pool->free_len++] = index;
    pool->used--;
    pool_check(pool);
}
