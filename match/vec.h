#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * vec - an array that grows.
 *
 * Role: what the builder collects before it knows how much there will be. Owner: the builder; never
 * used while bodies are fed. Items are plain bytes and move when the array grows, so indices are
 * kept and pointers are not.
 */
#include "base/macro.h"

#include <stdlib.h>
#include <string.h>

struct vec {
    uint8_t *ptr;
    size_t len; /* Items. */
    size_t cap;
    size_t item_bytes;
};

#define VEC_OF(type) ((struct vec){.item_bytes = sizeof(type)})

/* Room for `count` more items (or none) behind the last, zeroed; NULL only without memory. */
static inline void *vec_extend(struct vec *vec, size_t count)
{
    if (!vec->ptr || count > vec->cap - vec->len) {
        const size_t cap = MAX_OF(vec->cap * 2, vec->len + count + 8);
        uint8_t *ptr = reallocarray(vec->ptr, cap, vec->item_bytes);

        if (!ptr) {
            return NULL;
        }
        vec->ptr = ptr;
        vec->cap = cap;
    }
    uint8_t *items = vec->ptr + vec->len * vec->item_bytes;

    if (count > 0) {
        memset(items, 0, count * vec->item_bytes);
    }
    vec->len += count;
    return items;
}

/* Appends copies of `count` items; NULL without memory. */
static inline void *vec_append(struct vec *vec, const void *items, size_t count)
{
    void *room = vec_extend(vec, count);

    if (room && count > 0) {
        memcpy(room, items, count * vec->item_bytes);
    }
    return room;
}

static inline void *vec_at(const struct vec *vec, size_t index)
{
    return vec->ptr + index * vec->item_bytes;
}

static inline void vec_free(struct vec *vec)
{
    free(vec->ptr);
    *vec = (struct vec){.item_bytes = vec->item_bytes};
}
