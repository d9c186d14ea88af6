/* SPDX-License-Identifier: MIT */
#include "match/find.h"

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

static bool needle_at(const uint8_t *ptr, const struct find_needle *needle)
{
    for (unsigned i = 0; i < FIND_BYTES; i++) {
        if ((ptr[needle->at[i]] | needle->fold[i]) != needle->value[i]) {
            return false;
        }
    }
    return true;
}

static size_t needle_walk(const uint8_t *ptr, size_t from, size_t len,
                          const struct find_needle *needle)
{
    while (from < len && !needle_at(ptr + from, needle)) {
        from++;
    }
    return from;
}

/* Not zero when a byte of `word` is. */
static uint64_t word_zeros(uint64_t word)
{
    return (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

/* Bytes that are not the needle's `nth` are not zero. */
static uint64_t word_differs(const uint8_t *ptr, const struct find_needle *needle, unsigned nth)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;

    memcpy(&word, ptr + needle->at[nth], sizeof(word));
    return (word | ones * needle->fold[nth]) ^ ones * needle->value[nth];
}

size_t find_plain(const uint8_t *ptr, size_t len, const struct find_needle *needle)
{
    size_t i = 0;

    for (; len - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        if (word_zeros(word_differs(ptr + i, needle, 0) | word_differs(ptr + i, needle, 1))) {
            const size_t at = needle_walk(ptr, i, i + sizeof(uint64_t), needle);

            if (at < i + sizeof(uint64_t)) {
                return at;
            }
        }
    }
    return needle_walk(ptr, i, len, needle);
}

#define FIND_AVX2 __attribute__((target("avx2")))

/* A bit for each of 32 places where bytes `nth` and the one behind it stand. */
FIND_AVX2 static inline uint32_t pair_mask(const uint8_t *ptr, const uint32_t at[2],
                                           const __m256i value[2], const __m256i fold[2])
{
    const __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)(ptr + at[0]));
    const __m256i second = _mm256_loadu_si256((const __m256i *)(const void *)(ptr + at[1]));

    return (uint32_t)_mm256_movemask_epi8(
        _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_or_si256(first, fold[0]), value[0]),
                         _mm256_cmpeq_epi8(_mm256_or_si256(second, fold[1]), value[1])));
}

FIND_AVX2 static size_t find_avx2(const uint8_t *ptr, size_t len, const struct find_needle *needle)
{
    __m256i value[FIND_BYTES];
    __m256i fold[FIND_BYTES];
    size_t i = 0;

    for (unsigned k = 0; k < FIND_BYTES; k++) {
        value[k] = _mm256_set1_epi8((char)needle->value[k]);
        fold[k] = _mm256_set1_epi8((char)needle->fold[k]);
    }
    for (; len - i >= 64; i += 64) {
        const uint64_t low = pair_mask(ptr + i, needle->at, value, fold);
        const uint64_t high = pair_mask(ptr + i + 32, needle->at, value, fold);
        uint64_t mask = low | high << 32;

        if (LIKELY(mask == 0)) {
            continue;
        }
        mask &= pair_mask(ptr + i, needle->at + 2, value + 2, fold + 2) |
                (uint64_t)pair_mask(ptr + i + 32, needle->at + 2, value + 2, fold + 2) << 32;
        if (mask) {
            return i + (size_t)__builtin_ctzll(mask);
        }
    }
    return i + find_plain(ptr + i, len - i, needle);
}

find_fn find_choose(void)
{
    return __builtin_cpu_supports("avx2") ? find_avx2 : find_plain;
}
