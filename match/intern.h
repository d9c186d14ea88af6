#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * intern - equal byte strings get one index.
 *
 * Role: names, trigger strings and byte sets of the builder, numbered in the order they came.
 * Memory: grows; owned by the builder.
 */
#include "base/slice.h"
#include "match/vec.h"

struct intern {
    struct vec entries; /* struct intern_entry */
    struct vec bytes;   /* uint8_t */
    uint32_t *slots;    /* Index + 1, open addressing. */
    size_t slots_len;   /* A power of two. */
};

void intern_init(struct intern *intern);
void intern_free(struct intern *intern);

/* -ENOMEM, or 0 and the index of these bytes. */
MUST_CHECK int intern_add(struct intern *intern, struct slice bytes, uint32_t *out_index);

/* False when these bytes were never added. */
MUST_CHECK bool intern_find(const struct intern *intern, struct slice bytes, uint32_t *out_index);

/* Valid until the next intern_add. */
struct slice intern_at(const struct intern *intern, uint32_t index);

/* Where those bytes lie in `bytes`. */
uint32_t intern_offset(const struct intern *intern, uint32_t index);

static inline uint32_t intern_len(const struct intern *intern)
{
    return (uint32_t)intern->entries.len;
}
