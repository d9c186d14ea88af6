/* SPDX-License-Identifier: MIT */
#include "match/normal_wide.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define WIDE_BLOCK  64
#define WIDE_TARGET __attribute__((target("avx512f,avx512bw,avx512vbmi2,bmi2,popcnt")))

bool normal_wide_usable(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2") &&
           __builtin_cpu_supports("bmi2");
}

static inline uint64_t wide_low(unsigned len)
{
    return len < WIDE_BLOCK ? ((uint64_t)1 << len) - 1 : ~(uint64_t)0;
}

/* Writes what becomes of 64 bytes, and up to 64 bytes in all; returns how many count. */
WIDE_TARGET static size_t wide_block(struct normal_text *text, const uint8_t *from, uint8_t *to)
{
    const __m512i blank = _mm512_set1_epi8(' ');
    __m512i bytes = _mm512_loadu_si512(from);
    const __mmask64 line = _mm512_cmple_epu8_mask(_mm512_sub_epi8(bytes, _mm512_set1_epi8('\t')),
                                                  _mm512_set1_epi8('\r' - '\t'));
    const __mmask64 large = _mm512_cmple_epu8_mask(_mm512_sub_epi8(bytes, _mm512_set1_epi8('A')),
                                                   _mm512_set1_epi8('Z' - 'A'));
    uint64_t spaces = line | _mm512_cmpeq_epi8_mask(bytes, blank);
    /* Signed: bytes above 0x7f are not more than a space. */
    const uint64_t keeps = spaces | _mm512_cmpgt_epi8_mask(bytes, blank);
    unsigned len = WIDE_BLOCK;

    bytes = _mm512_mask_add_epi8(bytes, large, bytes, blank);
    bytes = _mm512_mask_mov_epi8(bytes, line, blank);
    if (keeps != ~(uint64_t)0) {
        bytes = _mm512_maskz_compress_epi8(keeps, bytes);
        spaces = _pext_u64(spaces, keeps);
        len = (unsigned)_mm_popcnt_u64(keeps);
    }
    const uint64_t doubles = spaces & (spaces << 1 | text->space);

    if (len > 0) {
        text->space = spaces >> (len - 1) & 1;
    }
    if (doubles != 0) {
        const uint64_t singles = ~doubles & wide_low(len);

        bytes = _mm512_maskz_compress_epi8(singles, bytes);
        len = (unsigned)_mm_popcnt_u64(singles);
    }
    _mm512_storeu_si512(to, bytes);
    return len;
}

WIDE_TARGET size_t normal_wide_run(struct normal_text *text, struct slice *in, uint8_t *out,
                                   size_t cap)
{
    size_t used = 0;

    while (in->len >= WIDE_BLOCK && cap - used >= WIDE_BLOCK) {
        used += wide_block(text, in->ptr, out + used);
        *in = slice_skip(*in, WIDE_BLOCK);
    }
    return used;
}

#else

bool normal_wide_usable(void)
{
    return false;
}

size_t normal_wide_run(struct normal_text *text, struct slice *in, uint8_t *out, size_t cap)
{
    (void)text;
    (void)in;
    (void)out;
    (void)cap;
    return 0;
}

#endif
