/* SPDX-License-Identifier: MIT */
#include "base/assert.h"
#include "match/rarity.h"
#include "match/scan_choose.h"

/* Steele, Lea and Flood's generator: any seed will do. */
static uint64_t sample_random(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

void scan_sample_make(enum scan_sample kind, uint8_t *out)
{
    uint64_t state = kind;

    if (kind == SCAN_SAMPLE_DENSE) {
        for (size_t i = 0; i < SCAN_SAMPLE_BYTES; i++) {
            out[i] = (uint8_t)(sample_random(&state) >> 56);
        }
        return;
    }
    const struct slice sample =
        rarity_sample(kind == SCAN_SAMPLE_TEXT ? RARITY_TEXT : RARITY_PROGRAM);

    ASSERT(sample.len == SCAN_SAMPLE_BYTES);
    memcpy(out, sample.ptr, sample.len);
}
