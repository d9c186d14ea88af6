#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * exe_cursor - reads numbers out of an executable's headers.
 *
 * Role: bounded by the body's length, in either byte order; what is not there reads as zero and
 * sets `bad`, which is checked once behind a row of reads.
 */
#include "match/peek.h"

struct exe_cursor {
    struct peek *peek;
    uint64_t end; /* The body's length. */
    uint64_t at;
    bool big; /* Byte order. */
    bool bad;
};

/* The next `len` bytes, 8 at most, as a number. */
static inline uint64_t exe_cursor_number(struct exe_cursor *cursor, unsigned len)
{
    uint8_t bytes[8] = {0};
    uint64_t value = 0;

    if (cursor->at > cursor->end || len > cursor->end - cursor->at ||
        !peek_copy(cursor->peek, cursor->at, bytes, len)) {
        cursor->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < len; i++) {
        value = value << 8 | bytes[cursor->big ? i : len - 1 - i];
    }
    cursor->at += len;
    return value;
}

static inline uint16_t exe_cursor_u16(struct exe_cursor *cursor)
{
    return (uint16_t)exe_cursor_number(cursor, 2);
}

static inline uint32_t exe_cursor_u32(struct exe_cursor *cursor)
{
    return (uint32_t)exe_cursor_number(cursor, 4);
}

/* The number at `at`. */
static inline uint16_t exe_cursor_u16_at(struct exe_cursor *cursor, uint64_t at)
{
    cursor->at = at;
    return exe_cursor_u16(cursor);
}

static inline uint32_t exe_cursor_u32_at(struct exe_cursor *cursor, uint64_t at)
{
    cursor->at = at;
    return exe_cursor_u32(cursor);
}
