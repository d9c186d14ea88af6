/* SPDX-License-Identifier: MIT */
/*
 * The same search three times: plain, with AVX2 and with AVX-512. Eight bytes are two lanes of
 * four. At a stride of eight a block is one vector of low halves and one of high halves; at four
 * and less two loads, four bytes apart, have the low and the high halves of every fourth position,
 * and the block is gone over again from the positions between.
 */
#include "match/scan_gram.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define GRAM_LANE 4 /* Bytes between the positions of one load. */

/* What the finders keep in registers. */
struct gram_finding {
    uint32_t mask_low;
    uint32_t mask_high;
    uint32_t fold;
    uint32_t word_shift;
    unsigned stride;
};

static struct gram_finding finding_of(const struct gram_header *header)
{
    const uint64_t mask = header->q == GRAM_Q_MAX ? UINT64_MAX : (UINT64_C(1) << 8 * header->q) - 1;

    return (struct gram_finding){
        .mask_low = (uint32_t)mask,
        .mask_high = (uint32_t)(mask >> 32),
        .fold = header->fold ? 0x20202020U : 0,
        .word_shift = 32 - header->words_log2,
        .stride = header->stride,
    };
}

static size_t find_portable(const struct gram *gram, const uint8_t *text, size_t blocks,
                            uint32_t out_found[GRAM_FOUND_MAX])
{
    const unsigned word_shift = 32 - gram->header->words_log2;
    size_t found = 0;

    for (size_t at = 0; at < blocks * GRAM_BLOCK; at += gram->header->stride) {
        uint64_t bytes;

        memcpy(&bytes, text + at, sizeof(bytes));
        const uint32_t hash = gram_hash(gram_key(gram->header, bytes));
        const uint32_t bits = gram_hash_bits(hash);

        out_found[found] = (uint32_t)at;
        found += (gram->words[hash >> word_shift] & bits) == bits;
    }
    return found;
}

#if defined(__x86_64__)

#define FIND_AVX2   __attribute__((target("avx2"))) static
#define FIND_AVX512 __attribute__((target("avx512f"))) static

/* Bit i: the filter has the gram of the lanes i. */
FIND_AVX2 inline unsigned test_avx2(const struct gram *gram, const struct gram_finding *finding,
                                    __m256i low, __m256i high)
{
    const __m256i fold = _mm256_set1_epi32((int)finding->fold);
    const __m256i five = _mm256_set1_epi32(31);

    low = _mm256_and_si256(_mm256_or_si256(low, fold), _mm256_set1_epi32((int)finding->mask_low));
    high =
        _mm256_and_si256(_mm256_or_si256(high, fold), _mm256_set1_epi32((int)finding->mask_high));
    __m256i hash =
        _mm256_add_epi32(_mm256_mullo_epi32(low, _mm256_set1_epi32((int)GRAM_HASH_LOW)),
                         _mm256_mullo_epi32(high, _mm256_set1_epi32((int)GRAM_HASH_HIGH)));

    hash = _mm256_xor_si256(hash, _mm256_srli_epi32(hash, GRAM_HASH_SHIFT));
    hash = _mm256_mullo_epi32(hash, _mm256_set1_epi32((int)GRAM_HASH_MIX));
    const __m256i index = _mm256_srl_epi32(hash, _mm_cvtsi32_si128((int)finding->word_shift));
    const __m256i word =
        _mm256_i32gather_epi32((const int *)(const void *)gram->words, index, sizeof(uint32_t));
    const __m256i first = _mm256_srlv_epi32(word, _mm256_and_si256(hash, five));
    const __m256i second =
        _mm256_srlv_epi32(word, _mm256_and_si256(_mm256_srli_epi32(hash, 5), five));
    const __m256i both = _mm256_slli_epi32(_mm256_and_si256(first, second), 31);

    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(both));
}

FIND_AVX2 inline __m256i load_avx2(const uint8_t *text)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)text);
}

/* Positions 0, 8, ... 56, in the order of the lanes. */
FIND_AVX2 inline size_t find_wide_avx2(const struct gram *gram, const struct gram_finding *finding,
                                       const uint8_t *text, uint32_t base, uint32_t *out_found)
{
    static const uint8_t lanes[8] = {0, 8, 32, 40, 16, 24, 48, 56};
    const __m256 left = _mm256_castsi256_ps(load_avx2(text));
    const __m256 right = _mm256_castsi256_ps(load_avx2(text + 32));
    unsigned mask =
        test_avx2(gram, finding, _mm256_castps_si256(_mm256_shuffle_ps(left, right, 0x88)),
                  _mm256_castps_si256(_mm256_shuffle_ps(left, right, 0xdd)));
    size_t found = 0;

    for (; mask; mask &= mask - 1) {
        out_found[found++] = base + lanes[__builtin_ctz(mask)];
    }
    return found;
}

/* Positions 0, 4, ... 28. */
FIND_AVX2 inline size_t find_narrow_avx2(const struct gram *gram,
                                         const struct gram_finding *finding, const uint8_t *text,
                                         uint32_t base, uint32_t *out_found)
{
    unsigned mask = test_avx2(gram, finding, load_avx2(text), load_avx2(text + GRAM_LANE));
    size_t found = 0;

    for (; mask; mask &= mask - 1) {
        out_found[found++] = base + GRAM_LANE * (uint32_t)__builtin_ctz(mask);
    }
    return found;
}

FIND_AVX2 size_t find_avx2(const struct gram *gram, const uint8_t *text, size_t blocks,
                           uint32_t out_found[GRAM_FOUND_MAX])
{
    const struct gram_finding finding = finding_of(gram->header);
    const uint32_t end = (uint32_t)blocks * GRAM_BLOCK;
    size_t found = 0;

    if (finding.stride == GRAM_STRIDE_MAX) {
        for (uint32_t at = 0; at < end; at += 64) {
            found += find_wide_avx2(gram, &finding, text + at, at, out_found + found);
        }
        return found;
    }
    for (uint32_t block = 0; block < end; block += 32) {
        for (uint32_t at = block; at < block + GRAM_LANE; at += finding.stride) {
            found += find_narrow_avx2(gram, &finding, text + at, at, out_found + found);
        }
    }
    return found;
}

FIND_AVX512 inline __mmask16
test_avx512(const struct gram *gram, const struct gram_finding *finding, __m512i low, __m512i high)
{
    const __m512i fold = _mm512_set1_epi32((int)finding->fold);
    const __m512i five = _mm512_set1_epi32(31);

    low = _mm512_and_si512(_mm512_or_si512(low, fold), _mm512_set1_epi32((int)finding->mask_low));
    high =
        _mm512_and_si512(_mm512_or_si512(high, fold), _mm512_set1_epi32((int)finding->mask_high));
    __m512i hash =
        _mm512_add_epi32(_mm512_mullo_epi32(low, _mm512_set1_epi32((int)GRAM_HASH_LOW)),
                         _mm512_mullo_epi32(high, _mm512_set1_epi32((int)GRAM_HASH_HIGH)));

    hash = _mm512_xor_si512(hash, _mm512_srli_epi32(hash, GRAM_HASH_SHIFT));
    hash = _mm512_mullo_epi32(hash, _mm512_set1_epi32((int)GRAM_HASH_MIX));
    const __m512i index = _mm512_srl_epi32(hash, _mm_cvtsi32_si128((int)finding->word_shift));
    const __m512i word = _mm512_i32gather_epi32(index, gram->words, sizeof(uint32_t));
    const __m512i first = _mm512_srlv_epi32(word, _mm512_and_si512(hash, five));
    const __m512i second =
        _mm512_srlv_epi32(word, _mm512_and_si512(_mm512_srli_epi32(hash, 5), five));

    return _mm512_test_epi32_mask(_mm512_and_si512(first, second), _mm512_set1_epi32(1));
}

/* Writes base + step i for each bit i. */
FIND_AVX512 inline size_t store_avx512(__mmask16 mask, uint32_t base, int step, uint32_t *out_found)
{
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

    if (!mask) {
        return 0;
    }
    _mm512_mask_compressstoreu_epi32(
        out_found, mask,
        _mm512_add_epi32(_mm512_set1_epi32((int)base),
                         _mm512_mullo_epi32(lanes, _mm512_set1_epi32(step))));
    return (size_t)__builtin_popcount(mask);
}

FIND_AVX512 size_t find_wide_avx512(const struct gram *gram, const struct gram_finding *finding,
                                    const uint8_t *text, uint32_t end, uint32_t *out_found)
{
    const __m512i even =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));
    size_t found = 0;

    for (uint32_t at = 0; at < end; at += GRAM_BLOCK) {
        const __m512i left = _mm512_loadu_si512(text + at);
        const __m512i right = _mm512_loadu_si512(text + at + 64);
        const __mmask16 mask =
            test_avx512(gram, finding, _mm512_permutex2var_epi32(left, even, right),
                        _mm512_permutex2var_epi32(left, odd, right));

        found += store_avx512(mask, at, GRAM_STRIDE_MAX, out_found + found);
    }
    return found;
}

FIND_AVX512 size_t find_avx512(const struct gram *gram, const uint8_t *text, size_t blocks,
                               uint32_t out_found[GRAM_FOUND_MAX])
{
    const struct gram_finding finding = finding_of(gram->header);
    const uint32_t end = (uint32_t)blocks * GRAM_BLOCK;
    size_t found = 0;

    if (finding.stride == GRAM_STRIDE_MAX) {
        return find_wide_avx512(gram, &finding, text, end, out_found);
    }
    for (uint32_t block = 0; block < end; block += 64) {
        for (uint32_t at = block; at < block + GRAM_LANE; at += finding.stride) {
            const __mmask16 mask = test_avx512(gram, &finding, _mm512_loadu_si512(text + at),
                                               _mm512_loadu_si512(text + at + GRAM_LANE));

            found += store_avx512(mask, at, GRAM_LANE, out_found + found);
        }
    }
    return found;
}

#endif

gram_find_fn gram_finder_of(enum gram_finder finder)
{
#if defined(__x86_64__)
    if (finder == GRAM_AVX512) {
        return __builtin_cpu_supports("avx512f") ? find_avx512 : NULL;
    }
    if (finder == GRAM_AVX2) {
        return __builtin_cpu_supports("avx2") ? find_avx2 : NULL;
    }
#endif
    return finder == GRAM_PORTABLE ? find_portable : NULL;
}

gram_find_fn gram_finder_best(void)
{
    for (unsigned finder = GRAM_FINDERS; finder-- > 0;) {
        const gram_find_fn find = gram_finder_of((enum gram_finder)finder);

        if (find) {
            return find;
        }
    }
    return find_portable;
}
