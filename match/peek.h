#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * peek - random access to the bytes of a body.
 *
 * Role: reads through a match_source and keeps the two pieces that were used last at hand: the one
 * that is being fed now and one older. A failed source is sticky: everything reads as "no" and
 * `failed` is checked once at the end of a step. Owner: the call that feeds or ends a body; pieces
 * are not valid beyond it.
 */
#include "match/find.h"
#include "match/match.h"

struct peek_piece {
    const uint8_t *ptr;
    uint64_t at;
    uint64_t len;
};

struct peek {
    struct match_source source;
    struct peek_piece now;
    struct peek_piece old;
    bool failed;
};

static inline struct peek peek_over(struct match_source source, struct slice now, uint64_t now_at)
{
    return (struct peek){.source = source, .now = {now.ptr, now_at, now.len}};
}

/* Asks the source; use peek_at. */
const uint8_t *peek_load(struct peek *peek, uint64_t at, size_t *out_len);

/* The bytes from `at` on that lie in one piece, at least one; NULL when the source failed. */
static inline const uint8_t *peek_at(struct peek *peek, uint64_t at, size_t *out_len)
{
    if (at - peek->now.at < peek->now.len) {
        *out_len = (size_t)(peek->now.len - (at - peek->now.at));
        return peek->now.ptr + (at - peek->now.at);
    }
    if (at - peek->old.at < peek->old.len) {
        *out_len = (size_t)(peek->old.len - (at - peek->old.at));
        return peek->old.ptr + (at - peek->old.at);
    }
    return peek_load(peek, at, out_len);
}

/* Zero when the source failed. */
static inline uint8_t peek_byte(struct peek *peek, uint64_t at)
{
    size_t len;
    const uint8_t *ptr = peek_at(peek, at, &len);

    return ptr ? *ptr : 0;
}

/* Whether these bytes stand at `at`; all of them must be there. */
MUST_CHECK bool peek_equal(struct peek *peek, uint64_t at, const uint8_t *bytes, size_t len);

/* The same, where letters of `bytes`, which are small, stand for both cases. */
MUST_CHECK bool peek_equal_nocase(struct peek *peek, uint64_t at, const uint8_t *bytes, size_t len);

/* The first `byte` in [from, to); false when there is none. */
MUST_CHECK bool peek_find(struct peek *peek, uint8_t byte, uint64_t from, uint64_t to,
                          uint64_t *out_at);

/* The first place in [from, to) of a needle; all its bytes must be there at every place. */
MUST_CHECK bool peek_find_needle(struct peek *peek, find_fn find, const struct find_needle *needle,
                                 uint64_t from, uint64_t to, uint64_t *out_at);

/* Copies `len` bytes from `at` on; false when the source failed. */
MUST_CHECK bool peek_copy(struct peek *peek, uint64_t at, void *out, size_t len);
