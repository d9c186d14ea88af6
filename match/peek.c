/* SPDX-License-Identifier: MIT */
#include "match/peek.h"

/* A search that walks backwards would otherwise ask the source for every byte. */
#define PEEK_BACK_BYTES 256

const uint8_t *peek_load(struct peek *peek, uint64_t at, size_t *out_len)
{
    const uint64_t from = at > PEEK_BACK_BYTES ? at - PEEK_BACK_BYTES : 0;
    struct peek_piece piece = {.at = from};
    size_t len = 0;

    if (peek->failed) {
        return NULL;
    }
    piece.ptr = peek->source.at(peek->source.ctx, from, &len);
    if (piece.ptr && at - from >= len) {
        piece.at = at;
        piece.ptr = peek->source.at(peek->source.ctx, at, &len);
    }
    if (!piece.ptr || len == 0) {
        peek->failed = true;
        return NULL;
    }
    piece.len = len;
    peek->old = piece;
    *out_len = (size_t)(piece.len - (at - piece.at));
    return piece.ptr + (at - piece.at);
}

bool peek_equal(struct peek *peek, uint64_t at, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        size_t have;
        const uint8_t *ptr = peek_at(peek, at, &have);

        if (!ptr) {
            return false;
        }
        have = MIN_OF(have, len);
        if (memcmp(ptr, bytes, have) != 0) {
            return false;
        }
        at += have;
        bytes += have;
        len -= have;
    }
    return true;
}

static uint8_t byte_fold(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

bool peek_equal_nocase(struct peek *peek, uint64_t at, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        size_t have;
        const uint8_t *ptr = peek_at(peek, at, &have);

        if (!ptr) {
            return false;
        }
        have = MIN_OF(have, len);
        for (size_t i = 0; i < have; i++) {
            if (byte_fold(ptr[i]) != bytes[i]) {
                return false;
            }
        }
        at += have;
        bytes += have;
        len -= have;
    }
    return true;
}

bool peek_find(struct peek *peek, uint8_t byte, uint64_t from, uint64_t to, uint64_t *out_at)
{
    while (from < to) {
        size_t have;
        const uint8_t *ptr = peek_at(peek, from, &have);

        if (!ptr) {
            return false;
        }
        have = (size_t)MIN_OF((uint64_t)have, to - from);
        const uint8_t *hit = memchr(ptr, byte, have);

        if (hit) {
            *out_at = from + (uint64_t)(hit - ptr);
            return true;
        }
        from += have;
    }
    return false;
}

/* The needle at `at` lies across two pieces. */
static bool needle_across(struct peek *peek, const struct find_needle *needle, uint64_t at)
{
    for (unsigned i = 0; i < FIND_BYTES; i++) {
        if ((peek_byte(peek, at + needle->at[i]) | needle->fold[i]) != needle->value[i]) {
            return false;
        }
    }
    return true;
}

bool peek_find_needle(struct peek *peek, find_fn find, const struct find_needle *needle,
                      uint64_t from, uint64_t to, uint64_t *out_at)
{
    while (from < to && !peek->failed) {
        size_t have = 0;
        const uint8_t *ptr = peek_at(peek, from, &have);
        size_t step = 1;

        if (!ptr) {
            return false;
        }
        if (have > needle->span) {
            step = (size_t)MIN_OF((uint64_t)have - needle->span, to - from);
            const size_t hit = find(ptr, step, needle);

            if (hit < step) {
                *out_at = from + hit;
                return true;
            }
        } else if (needle_across(peek, needle, from)) {
            *out_at = from;
            return true;
        }
        from += step;
    }
    return false;
}

bool peek_copy(struct peek *peek, uint64_t at, void *out, size_t len)
{
    uint8_t *to = out;

    while (len > 0) {
        size_t have;
        const uint8_t *ptr = peek_at(peek, at, &have);

        if (!ptr) {
            return false;
        }
        have = MIN_OF(have, len);
        memcpy(to, ptr, have);
        at += have;
        to += have;
        len -= have;
    }
    return true;
}
