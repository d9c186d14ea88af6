#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * field - header lines, for ICAP and HTTP heads alike.
 *
 * Role: walks the header lines of a head in place. A line may be folded; its value then spans the
 * fold, so that CR and LF inside a value count as blanks. Memory: none. Limits: those of the head.
 * Names compare without case. Liberal: bare LF, blanks before the colon.
 */
#include "base/slice.h"

#include <emmintrin.h>

enum field_status {
    FIELD_OK,
    FIELD_END,  /* The blank line, or no bytes left. */
    FIELD_NONE, /* A line without a name or a colon; it has been passed over. */
};

/* One for the bytes that a name may have (RFC 7230, section 3.2.6). */
extern const uint8_t field_token[256];

/* Takes one header line with its folds from the front of `*rest`. */
MUST_CHECK enum field_status field_next(struct slice *rest, struct slice *out_name,
                                        struct slice *out_value);

/* Takes the next element of a comma-separated list, trimmed; false at the end. Elements may be
 * empty. */
MUST_CHECK bool field_list_next(struct slice *rest, struct slice *out);

/*
 * The first line feed in [at, end), NULL when there is none. Header lines are so short that a call
 * of memchr costs more than its work.
 */
static inline const uint8_t *field_find_lf(const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= 16; at += 16) {
        const __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        const int hits = _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8('\n')));

        if (hits != 0) {
            return at + __builtin_ctz((unsigned)hits);
        }
    }
    return at < end ? (const uint8_t *)memchr(at, '\n', (size_t)(end - at)) : NULL;
}

static inline bool field_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Without blanks at both ends, where a line end of a fold is a blank too. */
static inline struct slice field_trim(struct slice s)
{
    while (s.len > 0 && field_is_blank(s.ptr[0])) {
        s = slice_skip(s, 1);
    }
    while (s.len > 0 && field_is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

static inline bool field_word_is(const uint8_t *name, const char *lower)
{
    uint64_t a;
    uint64_t b;

    memcpy(&a, name, sizeof(a));
    memcpy(&b, lower, sizeof(b));
    return (a | 0x2020202020202020) == b;
}

static inline bool field_half_is(const uint8_t *name, const char *lower)
{
    uint32_t a;
    uint32_t b;

    memcpy(&a, name, sizeof(a));
    memcpy(&b, lower, sizeof(b));
    return (a | 0x20202020) == b;
}

/*
 * Compares `len` bytes, 4 at least, with lower-case letters and hyphens, in words that may overlap.
 * Only for token bytes: setting the case bit turns some control bytes into hyphens.
 */
static inline bool field_bytes_are(const uint8_t *name, const char *lower, size_t len)
{
    if (len < 8) {
        return field_half_is(name, lower) && field_half_is(name + len - 4, lower + len - 4);
    }
    for (size_t at = 0; at + 8 < len; at += 8) {
        if (!field_word_is(name + at, lower + at)) {
            return false;
        }
    }
    return field_word_is(name + len - 8, lower + len - 8);
}

/* Whether a name that consists of token bytes is the lower-case `literal` (4 bytes at least). */
#define FIELD_IS(name, literal)                                                                    \
    ((name).len == sizeof(literal) - 1 &&                                                          \
     field_bytes_are((name).ptr, "" literal, sizeof(literal) - 1))
