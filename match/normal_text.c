/* SPDX-License-Identifier: MIT */
#include "match/normal_text.h"

#include "match/normal_wide.h"

#include <emmintrin.h>

#define BLOCK 16

/* Writes what is left of a block when the bytes of `drops` go; the others are in runs. */
static size_t block_store(__m128i bytes, unsigned drops, uint8_t *to)
{
    uint8_t copy[2 * BLOCK] = {0};
    unsigned keeps = ~drops & 0xffff;
    size_t used = 0;

    _mm_storeu_si128((__m128i *)(void *)copy, bytes);
    while (keeps != 0) {
        const unsigned first = (unsigned)__builtin_ctz(keeps);
        const unsigned behind = (unsigned)__builtin_ctz(~(keeps >> first)) + first;

        /* A whole block is quicker than a run; what is too much will be overwritten. */
        memcpy(to + used, copy + first, BLOCK);
        used += behind - first;
        keeps &= ~0U << behind;
    }
    return used;
}

/* Makes of a block what it becomes; SIZE_MAX when bytes in it have to go that are no white space.
 */
static size_t block_run(struct normal_text *text, const uint8_t *from, uint8_t *to)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)from);
    const __m128i blank = _mm_set1_epi8(' ');
    /* Signed: bytes above 0x7f are less than a space, too. */
    const __m128i below = _mm_cmplt_epi8(bytes, blank);
    const __m128i line = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('\t' - 1)),
                                       _mm_cmplt_epi8(bytes, _mm_set1_epi8('\r' + 1)));
    const unsigned spaces =
        (unsigned)_mm_movemask_epi8(_mm_or_si128(line, _mm_cmpeq_epi8(bytes, blank)));
    const unsigned doubles = spaces & (spaces << 1 | text->space);

    if (_mm_movemask_epi8(_mm_andnot_si128(line, below)) != 0) {
        return SIZE_MAX;
    }
    const __m128i large = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('A' - 1)),
                                        _mm_cmplt_epi8(bytes, _mm_set1_epi8('Z' + 1)));
    const __m128i small = _mm_or_si128(bytes, _mm_and_si128(large, _mm_set1_epi8(0x20)));
    const __m128i flat = _mm_or_si128(_mm_andnot_si128(line, small), _mm_and_si128(line, blank));

    text->space = spaces >> (BLOCK - 1) & 1;
    if (doubles != 0) {
        return block_store(flat, doubles, to);
    }
    _mm_storeu_si128((__m128i *)(void *)to, flat);
    return BLOCK;
}

/* Without branches on what the bytes are: they change too often to be guessed. */
static size_t bytes_run(struct normal_text *text, const uint8_t *from, size_t len, uint8_t *to)
{
    bool last = text->space;
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        const uint8_t c = from[i];
        const bool line = (uint8_t)(c - '\t') <= '\r' - '\t';
        const bool space = line | (c == ' ');
        const bool plain = c > ' ' && c < 0x80;
        const uint8_t small = (uint8_t)(c | ((uint8_t)(c - 'A') <= 'Z' - 'A') << 5);

        to[used] = space ? ' ' : small;
        used += plain | (space & !last);
        last = space | (last & !plain);
    }
    text->space = last;
    return used;
}

size_t normal_text_run_plain(struct normal_text *text, struct slice *in, uint8_t *out, size_t cap)
{
    const uint8_t *from = in->ptr;
    const uint8_t *end = from + in->len;
    size_t used = 0;

    while (end - from >= BLOCK && cap - used >= 2 * (size_t)BLOCK) {
        const size_t made = block_run(text, from, out + used);

        used += made != SIZE_MAX ? made : bytes_run(text, from, BLOCK, out + used);
        from += BLOCK;
    }
    /* Here a byte may be taken only when there is room for what it becomes. */
    while (from < end && used < cap) {
        used += bytes_run(text, from, 1, out + used);
        from++;
    }
    *in = slice_from(from, (size_t)(end - from));
    return used;
}

size_t normal_text_run(struct normal_text *text, struct slice *in, uint8_t *out, size_t cap)
{
    const size_t used = normal_wide_usable() ? normal_wide_run(text, in, out, cap) : 0;

    return used + normal_text_run_plain(text, in, out + used, cap - used);
}
