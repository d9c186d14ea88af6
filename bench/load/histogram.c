/* SPDX-License-Identifier: MIT */
#include "bench/load/histogram.h"

#include "base/assert.h"

#define HISTOGRAM_SHIFT 6

_Static_assert(1 << HISTOGRAM_SHIFT == HISTOGRAM_STEPS, "the shift and the steps say the same");

/* Row 0 holds what is below HISTOGRAM_STEPS; each further row is one power of two. */
static size_t histogram_bucket(uint64_t value_ns)
{
    if (value_ns < HISTOGRAM_STEPS) {
        return (size_t)value_ns;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(value_ns) - HISTOGRAM_SHIFT;
    size_t bucket =
        (size_t)(shift + 1) * HISTOGRAM_STEPS + (size_t)((value_ns >> shift) - HISTOGRAM_STEPS);
    return MIN_OF(bucket, (size_t)HISTOGRAM_BUCKETS - 1);
}

/* The largest value that falls into the bucket. */
static uint64_t histogram_ceiling(size_t bucket)
{
    size_t row = bucket / HISTOGRAM_STEPS;
    uint64_t step = bucket % HISTOGRAM_STEPS;
    if (row == 0) {
        return step;
    }
    return ((HISTOGRAM_STEPS + step + 1) << (row - 1)) - 1;
}

void histogram_add(struct histogram *hist, uint64_t value_ns)
{
    hist->counts[histogram_bucket(value_ns)]++;
    hist->total++;
    hist->max_ns = MAX_OF(hist->max_ns, value_ns);
}

uint64_t histogram_find_permille(const struct histogram *hist, unsigned permille)
{
    ASSERT(permille <= 1000);
    uint64_t wanted = (hist->total * permille + 999) / 1000;
    uint64_t seen = 0;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        seen += hist->counts[i];
        if (seen >= wanted && seen > 0) {
            return MIN_OF(histogram_ceiling(i), hist->max_ns);
        }
    }
    /* Nothing was counted, or the last bucket has no ceiling. */
    return hist->max_ns;
}
