/* SPDX-License-Identifier: MIT */
#include "match/md5_wide.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define WIDE_WORDS 16 /* Of a block. */

unsigned md5_wide_lanes(void)
{
    if (__builtin_cpu_supports("avx512f")) {
        return 16;
    }
    return __builtin_cpu_supports("avx2") ? 8 : 1;
}

/* ---- AVX-512 ---- */

#define WIDE_16 __attribute__((target("avx512f")))

/* What ternary logic looks up, by the bits of b, c and d. */
#define WIDE_16_F(b, c, d) _mm512_ternarylogic_epi32(b, c, d, 0xca) /* b ? c : d */
#define WIDE_16_G(b, c, d) _mm512_ternarylogic_epi32(d, b, c, 0xca) /* d ? b : c */
#define WIDE_16_H(b, c, d) _mm512_ternarylogic_epi32(b, c, d, 0x96) /* b ^ c ^ d */
#define WIDE_16_I(b, c, d) _mm512_ternarylogic_epi32(b, c, d, 0x39) /* c ^ (b | ~d) */

/* Four rows of four words in each quarter become four columns. */
WIDE_16 static inline void wide_16_turn_quarters(__m512i *rows)
{
    const __m512i low01 = _mm512_unpacklo_epi32(rows[0], rows[1]);
    const __m512i high01 = _mm512_unpackhi_epi32(rows[0], rows[1]);
    const __m512i low23 = _mm512_unpacklo_epi32(rows[2], rows[3]);
    const __m512i high23 = _mm512_unpackhi_epi32(rows[2], rows[3]);

    rows[0] = _mm512_unpacklo_epi64(low01, low23);
    rows[1] = _mm512_unpackhi_epi64(low01, low23);
    rows[2] = _mm512_unpacklo_epi64(high01, high23);
    rows[3] = _mm512_unpackhi_epi64(high01, high23);
}

/* Word i of each lane's block, for all 16 words. */
WIDE_16 static inline void wide_16_load(const uint8_t *const *ptr, size_t at,
                                        __m512i words[WIDE_WORDS])
{
    __m512i rows[16];

    for (unsigned i = 0; i < 16; i++) {
        rows[i] = _mm512_loadu_si512(ptr[i] + at);
    }
    for (unsigned i = 0; i < 16; i += 4) {
        wide_16_turn_quarters(rows + i);
    }
    for (unsigned i = 0; i < 4; i++) {
        const __m512i even_low = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0x88);
        const __m512i odd_low = _mm512_shuffle_i32x4(rows[i], rows[i + 4], 0xdd);
        const __m512i even_high = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0x88);
        const __m512i odd_high = _mm512_shuffle_i32x4(rows[i + 8], rows[i + 12], 0xdd);

        words[i] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
        words[i + 4] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
        words[i + 8] = _mm512_shuffle_i32x4(even_low, even_high, 0xdd);
        words[i + 12] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd);
    }
}

/* The newest word, b, comes in last: nothing else is waited for. */
#define MD5_STEP(function, a, b, c, d, word, rotation, constant)                                   \
    (a) = _mm512_add_epi32(                                                                        \
        a, _mm512_add_epi32(words[word], _mm512_set1_epi32((int)(uint32_t)(constant))));           \
    (a) = _mm512_rol_epi32(_mm512_add_epi32(a, WIDE_16_##function(b, c, d)), rotation);            \
    (a) = _mm512_add_epi32(a, b);

WIDE_16 static inline void wide_16_block(__m512i state[4], const __m512i words[WIDE_WORDS])
{
    __m512i a = state[0];
    __m512i b = state[1];
    __m512i c = state[2];
    __m512i d = state[3];

#include "match/md5_steps.def"
    state[0] = _mm512_add_epi32(state[0], a);
    state[1] = _mm512_add_epi32(state[1], b);
    state[2] = _mm512_add_epi32(state[2], c);
    state[3] = _mm512_add_epi32(state[3], d);
}

#undef MD5_STEP

WIDE_16 void md5_wide_run_16(struct md5_wide *wide, size_t blocks)
{
    __m512i state[4];
    __m512i words[WIDE_WORDS];

    for (unsigned i = 0; i < 4; i++) {
        state[i] = _mm512_load_si512(wide->state[i]);
    }
    for (size_t at = 0; at < blocks * MD5_BLOCK_BYTES; at += MD5_BLOCK_BYTES) {
        wide_16_load(wide->ptr, at, words);
        wide_16_block(state, words);
    }
    for (unsigned i = 0; i < 4; i++) {
        _mm512_store_si512(wide->state[i], state[i]);
    }
    for (unsigned i = 0; i < 16; i++) {
        wide->ptr[i] += blocks * MD5_BLOCK_BYTES;
    }
}

/* ---- AVX2 ---- */

#define WIDE_8 __attribute__((target("avx2")))

#define WIDE_8_F(b, c, d) _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d)))
#define WIDE_8_G(b, c, d) _mm256_or_si256(_mm256_and_si256(b, d), _mm256_andnot_si256(d, c))
#define WIDE_8_H(b, c, d) _mm256_xor_si256(b, _mm256_xor_si256(c, d))
#define WIDE_8_I(b, c, d)                                                                          \
    _mm256_xor_si256(c, _mm256_or_si256(b, _mm256_xor_si256(d, _mm256_set1_epi32(-1))))

/* Eight words of each of the eight lanes, from `at` on. */
WIDE_8 static inline void wide_8_load_half(const uint8_t *const *ptr, size_t at, __m256i words[8])
{
    __m256i rows[8];

    for (unsigned i = 0; i < 4; i++) {
        const __m128i *low = (const __m128i *)(const void *)(ptr[i] + at);
        const __m128i *high = (const __m128i *)(const void *)(ptr[i + 4] + at);

        rows[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(low)),
                                          _mm_loadu_si128(high), 1);
        rows[i + 4] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(low + 1)),
                                              _mm_loadu_si128(high + 1), 1);
    }
    for (unsigned i = 0; i < 8; i += 4) {
        const __m256i low01 = _mm256_unpacklo_epi32(rows[i], rows[i + 1]);
        const __m256i high01 = _mm256_unpackhi_epi32(rows[i], rows[i + 1]);
        const __m256i low23 = _mm256_unpacklo_epi32(rows[i + 2], rows[i + 3]);
        const __m256i high23 = _mm256_unpackhi_epi32(rows[i + 2], rows[i + 3]);

        words[i] = _mm256_unpacklo_epi64(low01, low23);
        words[i + 1] = _mm256_unpackhi_epi64(low01, low23);
        words[i + 2] = _mm256_unpacklo_epi64(high01, high23);
        words[i + 3] = _mm256_unpackhi_epi64(high01, high23);
    }
}

#define WIDE_8_ROTATE(x, by)                                                                       \
    _mm256_or_si256(_mm256_slli_epi32(x, by), _mm256_srli_epi32(x, 32 - (by)))

#define MD5_STEP(function, a, b, c, d, word, rotation, constant)                                   \
    (a) = _mm256_add_epi32(                                                                        \
        a, _mm256_add_epi32(words[word], _mm256_set1_epi32((int)(uint32_t)(constant))));           \
    (a) = _mm256_add_epi32(a, WIDE_8_##function(b, c, d));                                         \
    (a) = _mm256_add_epi32(WIDE_8_ROTATE(a, rotation), b);

WIDE_8 static inline void wide_8_block(__m256i state[4], const __m256i words[WIDE_WORDS])
{
    __m256i a = state[0];
    __m256i b = state[1];
    __m256i c = state[2];
    __m256i d = state[3];

#include "match/md5_steps.def"
    state[0] = _mm256_add_epi32(state[0], a);
    state[1] = _mm256_add_epi32(state[1], b);
    state[2] = _mm256_add_epi32(state[2], c);
    state[3] = _mm256_add_epi32(state[3], d);
}

#undef MD5_STEP

WIDE_8 void md5_wide_run_8(struct md5_wide *wide, size_t blocks)
{
    __m256i state[4];
    __m256i words[WIDE_WORDS];

    for (unsigned i = 0; i < 4; i++) {
        state[i] = _mm256_load_si256((const __m256i *)(const void *)wide->state[i]);
    }
    for (size_t at = 0; at < blocks * MD5_BLOCK_BYTES; at += MD5_BLOCK_BYTES) {
        wide_8_load_half(wide->ptr, at, words);
        wide_8_load_half(wide->ptr, at + MD5_BLOCK_BYTES / 2, words + 8);
        wide_8_block(state, words);
    }
    for (unsigned i = 0; i < 4; i++) {
        _mm256_store_si256((__m256i *)(void *)wide->state[i], state[i]);
    }
    for (unsigned i = 0; i < 8; i++) {
        wide->ptr[i] += blocks * MD5_BLOCK_BYTES;
    }
}

#else

unsigned md5_wide_lanes(void)
{
    return 1;
}

void md5_wide_run_16(struct md5_wide *wide, size_t blocks)
{
    (void)wide;
    (void)blocks;
}

void md5_wide_run_8(struct md5_wide *wide, size_t blocks)
{
    (void)wide;
    (void)blocks;
}

#endif
