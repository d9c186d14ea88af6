#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * slice - bytes that somebody else owns.
 *
 * Role: a pointer and a length, passed by value. A slice never owns; whoever hands one out says
 * until when it stays valid. The empty slice may have a NULL pointer.
 */
#include "base/macro.h"

#include <stdbool.h>
#include <string.h>

struct slice {
    const uint8_t *ptr;
    size_t len;
};

#define SLICE_OF(literal) ((struct slice){(const uint8_t *)("" literal), sizeof(literal) - 1})

static inline struct slice slice_from(const void *ptr, size_t len)
{
    return (struct slice){(const uint8_t *)ptr, len};
}

static inline struct slice slice_from_str(const char *str)
{
    return (struct slice){(const uint8_t *)str, str ? strlen(str) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Drops the first `n` bytes; `n` must not exceed the length. */
static inline struct slice slice_skip(struct slice s, size_t n)
{
    /* Nothing may be added to a NULL pointer, not even nothing. */
    return (struct slice){n > 0 ? s.ptr + n : s.ptr, s.len - n};
}

/* The same bytes without regard to ASCII case (never the locale's). */
bool slice_equal_nocase(struct slice a, struct slice b);

/* Without spaces and tabs at both ends. */
struct slice slice_trim(struct slice s);

/* Index of the first `byte`, or the length when there is none. */
size_t slice_find(struct slice s, uint8_t byte);

/*
 * Splits at the first `sep`: returns what stands before it and leaves in `*rest` what stands after.
 * Without a separator it returns all and leaves nothing.
 */
struct slice slice_split(struct slice *rest, uint8_t sep);

/* Decimal digits only, no sign, no blank; false when empty, foreign or over 64 bits. */
MUST_CHECK bool slice_parse_u64(struct slice s, uint64_t *out);

/* Twice `len` hexadecimal digits of either case into `len` bytes; false for anything else. */
MUST_CHECK bool slice_parse_hex(struct slice s, uint8_t *out, size_t len);
