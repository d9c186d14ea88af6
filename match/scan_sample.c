/* SPDX-License-Identifier: MIT */
#include "base/assert.h"
#include "match/rarity.h"
#include "match/scan_choose.h"

#include <assert.h>
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
#define SAMPLE_TRIES_MAX 8

static_assert(RARITY_SAMPLE_BYTES <= UINT16_MAX + 1, "places are numbers of 16 bits");

/* Of the bytes before a place. */
static unsigned sample_hash(const struct scan_sample_room *room, size_t place)
{
    const uint8_t *before = room->bytes.ptr + place - SAMPLE_ORDER;
    const uint32_t key = (uint32_t)before[0] | (uint32_t)before[1] << 8 | (uint32_t)before[2] << 16;

    return key * 0x9e3779b1U >> 18;
}

static void sample_room_init(struct scan_sample_room *room, struct slice bytes)
{
    room->bytes = bytes;
    memset(room->heads, 0, sizeof(room->heads));
    for (size_t place = SAMPLE_ORDER; place < bytes.len; place++) {
        room->heads[sample_hash(room, place) + 1]++;
    }
    for (unsigned i = 0; i < SCAN_SAMPLE_HEADS; i++) {
        room->heads[i + 1] += room->heads[i];
    }
    for (size_t place = bytes.len; place-- > SAMPLE_ORDER;) {
        room->places[--room->heads[sample_hash(room, place) + 1]] = (uint16_t)place;
    }
}

/* One of the places behind the same bytes as this one. */
static size_t sample_room_jump(const struct scan_sample_room *room, size_t place, uint64_t random)
{
    const unsigned hash = sample_hash(room, place);
    const uint32_t first = room->heads[hash + 1];
    const uint32_t behind = hash + 1 < SCAN_SAMPLE_HEADS ? room->heads[hash + 2]
                                                         : (uint32_t)room->bytes.len - SAMPLE_ORDER;

    for (unsigned tries = 0; tries < SAMPLE_TRIES_MAX; tries++, random >>= 8) {
        const size_t other = room->places[first + random % (behind - first)];

        if (memcmp(room->bytes.ptr + place - SAMPLE_ORDER, room->bytes.ptr + other - SAMPLE_ORDER,
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
static void sample_spin(struct scan_sample_room *room, struct slice bytes, uint64_t state,
                        uint8_t *out)
{
    size_t place = SAMPLE_ORDER;

    sample_room_init(room, bytes);
    for (size_t i = 0; i < SCAN_SAMPLE_BYTES; i++) {
        out[i] = bytes.ptr[place++];
        place =
            place < bytes.len ? sample_room_jump(room, place, sample_random(&state)) : SAMPLE_ORDER;
    }
}

void scan_sample_make(enum scan_sample kind, struct scan_sample_room *room, uint8_t *out)
{
    uint64_t state = kind;

    if (kind != SCAN_SAMPLE_DENSE) {
        const struct slice sample =
            rarity_sample(kind == SCAN_SAMPLE_TEXT ? RARITY_TEXT : RARITY_PROGRAM);

        ASSERT(sample.len == RARITY_SAMPLE_BYTES);
        sample_spin(room, sample, state, out);
        return;
    }
    for (size_t i = 0; i < SCAN_SAMPLE_BYTES; i++) {
        out[i] = (uint8_t)(sample_random(&state) >> 56);
    }
}
