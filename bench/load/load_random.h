#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_random - the same numbers on any machine.
 *
 * Role: what the corpus draws from. A stream is one number of state (splitmix64), so that each body
 * has a stream of its own and does not depend on those before it. The logarithm and the exponential
 * are made of additions and multiplications here: those of two C libraries differ in the last bit,
 * which would be a byte of a size. Memory: the caller's.
 */
#include "base/macro.h"

struct load_random {
    uint64_t state;
};

/* A number that depends on both and that no other pair is likely to give. */
uint64_t load_random_mix(uint64_t a, uint64_t b);

static inline uint64_t load_random_next(struct load_random *random)
{
    uint64_t bits = random->state += 0x9e3779b97f4a7c15ULL;

    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9ULL;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebULL;
    return bits ^ bits >> 31;
}

/* From 0 to `count` - 1; `count` is not 0 and below 2^32. */
static inline uint32_t load_random_below(struct load_random *random, uint32_t count)
{
    return (uint32_t)((load_random_next(random) >> 32) * count >> 32);
}

void load_random_fill(struct load_random *random, uint8_t *out, size_t len);

/* From the standard normal distribution. */
double load_random_normal(struct load_random *random);

double load_random_exp(double x);
double load_random_log(double x);
