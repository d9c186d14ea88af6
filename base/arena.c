/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/assert.h"

#include <stdalign.h>
#include <string.h>

#ifdef BALEEN_ARENA_MALLOC
#include <stdlib.h>

struct arena_extra {
    struct arena_extra *next;
    alignas(16) uint8_t bytes[];
};
#endif

void arena_init(struct arena *arena, void *block, size_t cap)
{
    ASSERT(((uintptr_t)block & 15) == 0);
    *arena = (struct arena){.base = block, .cap = cap};
}

void arena_reset(struct arena *arena)
{
#ifdef BALEEN_ARENA_MALLOC
    while (arena->extra) {
        struct arena_extra *next = arena->extra->next;

        free(arena->extra);
        arena->extra = next;
    }
#endif
    arena->used = 0;
    arena->overflowed = false;
}

#ifdef BALEEN_ARENA_MALLOC
static void *arena_place(struct arena *arena, size_t len)
{
    struct arena_extra *extra = malloc(sizeof(*extra) + len);

    ASSERT(extra);
    extra->next = arena->extra;
    arena->extra = extra;
    return extra->bytes;
}
#else
static void *arena_place(struct arena *arena, size_t len)
{
    (void)len;
    return arena->base + arena->used;
}
#endif

void *arena_alloc(struct arena *arena, size_t len)
{
    const size_t room = (len + 15) & ~(size_t)15;

    if (room < len || room > arena->cap - arena->used) {
        arena->overflowed = true;
        return NULL;
    }
    void *bytes = arena_place(arena, len);

    arena->used += room;
    return bytes;
}

char *arena_copy(struct arena *arena, const void *bytes, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);

    if (!copy) {
        return NULL;
    }
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    copy[len] = '\0';
    return copy;
}
