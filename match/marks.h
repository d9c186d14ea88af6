#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * marks - a large bitmap that is mostly empty and cheap to clear.
 *
 * Role: which signatures and logics a body has to do with. Remembers which words were written to,
 * up to MARKS_TOUCHED_MAX; a body that touches more costs a pass over all words. Owner: the slot of
 * a body; the words lie where the caller says and are zero while the slot is free.
 */
#include "base/macro.h"

#include <stdbool.h>
#include <string.h>

#define MARKS_TOUCHED_MAX 48

struct marks {
    uint64_t *words;
    uint32_t words_len;
    uint32_t touched_len; /* MARKS_TOUCHED_MAX + 1: any word may be. */
    uint32_t touched[MARKS_TOUCHED_MAX];
};

static inline size_t marks_bytes(uint32_t bits_len)
{
    return ((size_t)bits_len + 63) / 64 * sizeof(uint64_t);
}

static inline void marks_init(struct marks *marks, uint64_t *words, uint32_t bits_len)
{
    marks->words = words;
    marks->words_len = (uint32_t)(marks_bytes(bits_len) / sizeof(uint64_t));
    marks->touched_len = 0;
}

static inline bool marks_has(const struct marks *marks, uint32_t bit)
{
    return marks->words[bit / 64] >> bit % 64 & 1;
}

static inline void marks_add(struct marks *marks, uint32_t bit)
{
    uint64_t *word = &marks->words[bit / 64];

    if (*word == 0 && marks->touched_len <= MARKS_TOUCHED_MAX) {
        if (marks->touched_len < MARKS_TOUCHED_MAX) {
            marks->touched[marks->touched_len] = bit / 64;
        }
        marks->touched_len++;
    }
    *word |= UINT64_C(1) << bit % 64;
}

static inline void marks_remove(struct marks *marks, uint32_t bit)
{
    marks->words[bit / 64] &= ~(UINT64_C(1) << bit % 64);
}

/* The least bit from `*io_bit` on; false when there is none. */
static inline bool marks_next(const struct marks *marks, uint32_t *io_bit)
{
    const bool all = marks->touched_len > MARKS_TOUCHED_MAX;
    const uint32_t len = all ? marks->words_len : marks->touched_len;
    uint32_t best = UINT32_MAX;

    for (uint32_t i = all ? *io_bit / 64 : 0; i < len; i++) {
        const uint32_t index = all ? i : marks->touched[i];
        const uint32_t skip = index == *io_bit / 64 ? *io_bit % 64 : 0;
        const uint64_t word = index < *io_bit / 64 ? 0 : marks->words[index] >> skip << skip;

        if (word && index * 64 < best) {
            best = index * 64 + (uint32_t)__builtin_ctzll(word);
            if (all) {
                break;
            }
        }
    }
    *io_bit = best;
    return best != UINT32_MAX;
}

static inline void marks_clear(struct marks *marks)
{
    if (marks->touched_len > MARKS_TOUCHED_MAX) {
        memset(marks->words, 0, marks->words_len * sizeof(uint64_t));
    } else {
        for (uint32_t i = 0; i < marks->touched_len; i++) {
            marks->words[marks->touched[i]] = 0;
        }
    }
    marks->touched_len = 0;
}
