/* SPDX-License-Identifier: MIT */
#include "base/assert.h"
#include "base/err.h"
#include "match/rarity.h"
#include "match/rarity_model.h"
#include "match/scan_choose.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Steele, Lea and Flood's generator: any seed will do. */
static uint64_t sample_random(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

#define SAMPLE_ORDER     3 /* Bytes that say what may come. */
#define SAMPLE_HEADS     (1U << 14)
#define SAMPLE_TRIES_MAX 8

/* The places in a sample, those with the same hash of the bytes before them together. */
struct sample_chain {
    struct slice bytes;
    uint32_t heads[SAMPLE_HEADS + 1];
    uint16_t places[RARITY_SAMPLE_BYTES];
};

static_assert(RARITY_SAMPLE_BYTES <= UINT16_MAX + 1, "places are numbers of 16 bits");

/* Of the bytes before a place. */
static unsigned sample_hash(const struct sample_chain *chain, size_t place)
{
    const uint8_t *before = chain->bytes.ptr + place - SAMPLE_ORDER;
    const uint32_t key = (uint32_t)before[0] | (uint32_t)before[1] << 8 | (uint32_t)before[2] << 16;

    return key * 0x9e3779b1U >> 18;
}

static void sample_chain_init(struct sample_chain *chain, struct slice bytes)
{
    chain->bytes = bytes;
    memset(chain->heads, 0, sizeof(chain->heads));
    for (size_t place = SAMPLE_ORDER; place < bytes.len; place++) {
        chain->heads[sample_hash(chain, place) + 1]++;
    }
    for (unsigned i = 0; i < SAMPLE_HEADS; i++) {
        chain->heads[i + 1] += chain->heads[i];
    }
    for (size_t place = bytes.len; place-- > SAMPLE_ORDER;) {
        chain->places[--chain->heads[sample_hash(chain, place) + 1]] = (uint16_t)place;
    }
}

/* One of the places behind the same bytes as this one. */
static size_t sample_chain_jump(const struct sample_chain *chain, size_t place, uint64_t random)
{
    const unsigned hash = sample_hash(chain, place);
    const uint32_t first = chain->heads[hash + 1];
    const uint32_t behind = hash + 1 < SAMPLE_HEADS ? chain->heads[hash + 2]
                                                    : (uint32_t)chain->bytes.len - SAMPLE_ORDER;

    for (unsigned tries = 0; tries < SAMPLE_TRIES_MAX; tries++, random >>= 8) {
        const size_t other = chain->places[first + random % (behind - first)];

        if (memcmp(chain->bytes.ptr + place - SAMPLE_ORDER, chain->bytes.ptr + other - SAMPLE_ORDER,
                   SAMPLE_ORDER) == 0) {
            return other;
        }
    }
    return place;
}

/*
 * The model's sample is short, and a CPU that meets it again and again knows each of its branches
 * by heart, as it never will those of files: Hyperscan seemed three times as fast as it is. So the
 * sample is spun out: each byte follows the three before it as it does there.
 */
static int sample_spin(struct slice bytes, uint64_t state, uint8_t *out)
{
    struct sample_chain *chain = malloc(sizeof(*chain));
    size_t place = SAMPLE_ORDER;

    if (!chain) {
        return ERR_NEW(-ENOMEM);
    }
    sample_chain_init(chain, bytes);
    for (size_t i = 0; i < SCAN_SAMPLE_BYTES; i++) {
        out[i] = bytes.ptr[place++];
        place = place < bytes.len ? sample_chain_jump(chain, place, sample_random(&state))
                                  : SAMPLE_ORDER;
    }
    free(chain);
    return 0;
}

int scan_sample_make(enum scan_sample kind, uint8_t *out)
{
    uint64_t state = kind;

    if (kind != SCAN_SAMPLE_DENSE) {
        const struct slice sample =
            rarity_sample(kind == SCAN_SAMPLE_TEXT ? RARITY_TEXT : RARITY_PROGRAM);

        ASSERT(sample.len == RARITY_SAMPLE_BYTES);
        return ERR_PASS(sample_spin(sample, state, out));
    }
    for (size_t i = 0; i < SCAN_SAMPLE_BYTES; i++) {
        out[i] = (uint8_t)(sample_random(&state) >> 56);
    }
    return 0;
}
