/* SPDX-License-Identifier: MIT */
#include "bench/load/load_random.h"

#include <math.h>
#include <string.h>

#define LOAD_LN2 0.693147180559945309417

uint64_t load_random_mix(uint64_t a, uint64_t b)
{
    struct load_random random = {.state = a};

    random.state = load_random_next(&random) ^ b;
    return load_random_next(&random);
}

void load_random_fill(struct load_random *random, uint8_t *out, size_t len)
{
    for (size_t done = 0; done < len; done += sizeof(uint64_t)) {
        const uint64_t bits = load_random_next(random);

        memcpy(out + done, &bits, MIN_OF(sizeof(bits), len - done));
    }
}

/* 2^n by the powers that `x` holds, then the series of what is left, which is below 0.35. */
double load_random_exp(double x)
{
    const double bounded = MIN_OF(MAX_OF(x, -700.0), 700.0);
    const int power = (int)(bounded / LOAD_LN2 + (bounded < 0 ? -0.5 : 0.5));
    const double rest = bounded - power * LOAD_LN2;
    double term = 1;
    double sum = 1;

    for (int i = 1; i <= 16; i++) {
        term = term * rest / i;
        sum += term;
    }
    return ldexp(sum, power);
}

/* The exponent, then twice the series of the inverse hyperbolic tangent. */
double load_random_log(double x)
{
    int power = 0;
    const double part = frexp(x, &power);
    const double ratio = (part - 1) / (part + 1);
    double term = ratio;
    double sum = 0;

    for (int i = 1; i <= 41; i += 2) {
        sum += term / i;
        term *= ratio * ratio;
    }
    return 2 * sum + power * LOAD_LN2;
}

/* Between -1 and 1. */
static double load_random_side(struct load_random *random)
{
    return (double)(int64_t)load_random_next(random) / 9223372036854775808.0;
}

/* Marsaglia's polar method: a point in the unit circle, moved outwards. */
double load_random_normal(struct load_random *random)
{
    double x = 0;
    double square = 0;

    do {
        x = load_random_side(random);
        const double y = load_random_side(random);

        square = x * x + y * y;
    } while (square >= 1 || square < 1e-30);
    return x * sqrt(-2 * load_random_log(square) / square);
}
