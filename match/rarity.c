/* SPDX-License-Identifier: MIT */
#include "match/rarity.h"

#include "base/assert.h"
#include "match/rarity_model.h"

/*
 * The model is a file beside this one, embedded by the build. tools/rarity_train makes it;
 * docs/definitions.md says from what. Longer rows are estimated as if each byte depended on the
 * three before it only.
 */
extern const uint8_t rarity_model_bytes[];
extern const size_t rarity_model_bytes_len;

static const struct rarity_model *rarity_model(void)
{
    ASSERT(rarity_model_bytes_len == sizeof(struct rarity_model));
    return (const struct rarity_model *)(const void *)rarity_model_bytes;
}

/* Where letters count in either case the commonest spellings stand for all. */
enum rarity_spelling {
    RARITY_AS_IS,
    RARITY_SMALL,
    RARITY_LARGE,
    RARITY_FIRST_LARGE,
    RARITY_SPELLINGS,
};

/* Further spellings, as upper bound: what may be added to the commonest three. */
#define RARITY_NOCASE_COST RARITY_PER_BIT

#define RARITY_PER_COST (RARITY_PER_BIT / 2)

/* What the table has for `len` bytes, or the class's least cost of a missing row. */
static bool row_find(const struct rarity_class *class, const uint8_t *ptr, unsigned len,
                     uint32_t *out_cost)
{
    uint32_t row = 0;

    for (unsigned i = 0; i < len; i++) {
        row |= (uint32_t)ptr[i] << 8 * i;
    }
    const uint64_t hash = rarity_hash(row, len);
    const uint16_t *bucket = class->slots + rarity_bucket(hash);
    const uint16_t tag = rarity_tag(hash);

    for (unsigned i = 0; i < RARITY_BUCKET_LEN; i++) {
        if ((bucket[i] & ~RARITY_COST_MAX) == tag) {
            *out_cost = bucket[i] & RARITY_COST_MAX;
            return true;
        }
    }
    *out_cost = class->missing[len];
    return false;
}

/* Cost of one to four bytes. A missing row costs what its two shorter rows say, if that is more. */
static uint32_t row_cost(const struct rarity_class *class, const uint8_t *ptr, unsigned len)
{
    uint32_t cost = 0;

    if (len <= 1) {
        return len == 1 ? class->bytes[*ptr] : 0;
    }
    if (row_find(class, ptr, len, &cost)) {
        return cost;
    }
    const uint32_t left = row_cost(class, ptr, len - 1);
    const uint32_t right = row_cost(class, ptr + 1, len - 1);
    const uint32_t middle = row_cost(class, ptr + 1, len - 2);
    const uint32_t estimate = left + (right > middle ? right - middle : 0);

    return MAX_OF(cost, estimate);
}

/* What the last of four bytes adds to the three before it. */
static uint32_t byte_cost(const struct rarity_class *class, const uint8_t *row, uint32_t with)
{
    const uint32_t without = row_cost(class, row, RARITY_ROW_MAX - 1);

    return with > without ? with - without : 0;
}

static uint8_t spell(uint8_t byte, enum rarity_spelling spelling, bool first)
{
    const uint8_t small = byte | 0x20;
    const bool large = spelling == RARITY_LARGE || (spelling == RARITY_FIRST_LARGE && first);

    if (small < 'a' || small > 'z' || spelling == RARITY_AS_IS) {
        return byte;
    }
    return large ? byte & (uint8_t)~0x20 : small;
}

/* ---- Profiles ---- */

static void profile_track(struct rarity_profile *profile, const struct rarity_class *class,
                          enum rarity_spelling spelling)
{
    uint8_t spelt[RARITY_PROFILE_MAX];
    const unsigned track = profile->tracks++;
    uint16_t *sums = profile->sums[track];

    for (size_t i = 0; i < profile->bytes.len; i++) {
        spelt[i] = spell(profile->bytes.ptr[i], spelling, i == 0);
        sums[i] = 0;
    }
    sums[profile->bytes.len] = 0;
    for (size_t i = 0; i + RARITY_ROW_MAX <= profile->bytes.len; i++) {
        const uint32_t cost = row_cost(class, spelt + i, RARITY_ROW_MAX);
        const size_t last = i + RARITY_ROW_MAX - 1;

        profile->heads[track][i] = (uint8_t)MIN_OF(cost, UINT8_MAX);
        sums[last + 1] = (uint16_t)(sums[last] + byte_cost(class, spelt + i, cost));
    }
}

static bool gram_is_hot(const uint8_t *ptr)
{
    uint64_t gram;
    uint32_t word;

    memcpy(&gram, ptr, sizeof(gram));
    const uint32_t bits = rarity_hot_bits(gram, &word);

    return (rarity_model()->hot[word] & bits) == bits;
}

static bool profile_is_hot(const struct rarity_profile *profile, size_t at)
{
    uint8_t gram[RARITY_HOT_LEN];

    for (unsigned spelling = RARITY_SMALL; profile->nocase && spelling < RARITY_SPELLINGS;
         spelling++) {
        for (size_t i = 0; i < RARITY_HOT_LEN; i++) {
            gram[i] = spell(profile->bytes.ptr[at + i], (enum rarity_spelling)spelling, i == 0);
        }
        if (gram_is_hot(gram)) {
            return true;
        }
    }
    return gram_is_hot(profile->bytes.ptr + at);
}

/*
 * What a stretch of which all grams are hot may cost: half a bit for each byte more than a gram. A
 * shorter one is at least as common as any gram that it is part of.
 */
static uint32_t hot_cost(const struct rarity_profile *profile, size_t first, size_t len)
{
    const size_t before = len < RARITY_HOT_LEN ? MIN_OF(first, RARITY_HOT_LEN - len) : 0;

    for (size_t i = first - before; len < RARITY_HOT_LEN && i <= first; i++) {
        if (profile->hot[i] > 0) {
            return RARITY_HOT_COST;
        }
    }
    if (len < RARITY_HOT_LEN || profile->hot[first] < len - RARITY_HOT_LEN + 1) {
        return UINT32_MAX;
    }
    return RARITY_HOT_COST + (uint32_t)(len - RARITY_HOT_LEN);
}

void rarity_profile_init(struct rarity_profile *profile, struct slice bytes, bool nocase)
{
    const unsigned first = nocase ? RARITY_SMALL : RARITY_AS_IS;
    const unsigned last = nocase ? RARITY_FIRST_LARGE : RARITY_AS_IS;

    ASSERT(bytes.len <= RARITY_PROFILE_MAX);
    profile->bytes = bytes;
    profile->nocase = nocase;
    profile->tracks = 0;
    for (size_t i = bytes.len; i-- > 0;) {
        const bool hot = i + RARITY_HOT_LEN <= bytes.len && profile_is_hot(profile, i);
        const unsigned next = i + 1 < bytes.len ? profile->hot[i + 1] : 0;

        profile->hot[i] = (uint8_t)(hot ? MIN_OF(next + 1, UINT8_MAX) : 0);
    }
    for (unsigned i = 0; i < RARITY_CLASSES; i++) {
        for (unsigned spelling = first; spelling <= last; spelling++) {
            profile_track(profile, &rarity_model()->classes[i], (enum rarity_spelling)spelling);
        }
    }
}

/* Of less than four bytes. */
static uint32_t short_cost(const struct rarity_profile *profile, size_t first, size_t len)
{
    uint32_t least = UINT32_MAX;

    for (unsigned i = 0; i < RARITY_CLASSES; i++) {
        least = MIN_OF(least, row_cost(&rarity_model()->classes[i], profile->bytes.ptr + first,
                                       (unsigned)len));
    }
    return least;
}

uint32_t rarity_profile_of(const struct rarity_profile *profile, size_t first, size_t len)
{
    /* In compressed files every byte is as good as any other. */
    uint32_t least = (uint32_t)len * 8 * RARITY_PER_BIT / RARITY_PER_COST;

    ASSERT(first + len <= profile->bytes.len);
    if (len == 0) {
        return 0;
    }
    if (len < RARITY_ROW_MAX) {
        least = MIN_OF(least, short_cost(profile, first, len));
    }
    for (unsigned track = 0; len >= RARITY_ROW_MAX && track < profile->tracks; track++) {
        const uint16_t *sums = profile->sums[track];
        const uint32_t rest = (uint32_t)(sums[first + len] - sums[first + RARITY_ROW_MAX]);

        least = MIN_OF(least, profile->heads[track][first] + rest);
    }
    const uint32_t score = MIN_OF(least, hot_cost(profile, first, len)) * RARITY_PER_COST;

    return profile->nocase && score > RARITY_NOCASE_COST ? score - RARITY_NOCASE_COST : score;
}

uint32_t rarity_of(struct slice bytes, bool nocase)
{
    struct rarity_profile profile;

    rarity_profile_init(&profile, bytes, nocase);
    return rarity_profile_of(&profile, 0, bytes.len);
}

uint32_t rarity_of_byte(uint8_t byte)
{
    uint32_t least = UINT32_MAX;

    for (unsigned i = 0; i < RARITY_CLASSES; i++) {
        least = MIN_OF(least, rarity_model()->classes[i].bytes[byte]);
    }
    return least * RARITY_PER_COST;
}

struct slice rarity_sample(enum rarity_kind kind)
{
    return slice_from(rarity_model()->samples[kind], RARITY_SAMPLE_BYTES);
}
