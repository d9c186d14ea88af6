/* SPDX-License-Identifier: MIT */
#include "bench/load/histogram.h"

#include "base/assert.h"

#define HISTOGRAM_SHIFT 7

/* Points of the curve for each halving of the share that is left. */
#define HISTOGRAM_TICKS 5

_Static_assert(1 << HISTOGRAM_SHIFT == HISTOGRAM_STEPS, "the shift and the steps say the same");
_Static_assert(HISTOGRAM_CURVE_MAX > 65 * HISTOGRAM_TICKS, "each bit of a count is one halving");

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
    hist->min_ns = hist->total == 0 ? value_ns : MIN_OF(hist->min_ns, value_ns);
    hist->max_ns = MAX_OF(hist->max_ns, value_ns);
    hist->sum_ns += value_ns;
    hist->total++;
}

void histogram_merge(struct histogram *hist, const struct histogram *other)
{
    if (other->total == 0) {
        return;
    }
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        hist->counts[i] += other->counts[i];
    }
    hist->min_ns = hist->total == 0 ? other->min_ns : MIN_OF(hist->min_ns, other->min_ns);
    hist->max_ns = MAX_OF(hist->max_ns, other->max_ns);
    hist->sum_ns += other->sum_ns;
    hist->total += other->total;
}

/* What stands in a bucket, as far as it is known. */
static uint64_t histogram_value(const struct histogram *hist, size_t bucket)
{
    /* The last bucket has no ceiling. */
    if (bucket == HISTOGRAM_BUCKETS - 1) {
        return hist->max_ns;
    }
    return MAX_OF(MIN_OF(histogram_ceiling(bucket), hist->max_ns), hist->min_ns);
}

/* The rank that a share has: rounded up, at least the first. */
static uint64_t histogram_rank(const struct histogram *hist, double percent)
{
    double exact = (double)hist->total * (percent / 100);
    uint64_t rank = (uint64_t)exact;
    /* 99.9 % of 1,000 is 999 and not, by a rounding of the last bit, 1,000. */
    rank += exact - (double)rank > 1e-6;
    return MIN_OF(MAX_OF(rank, (uint64_t)1), hist->total);
}

uint64_t histogram_find(const struct histogram *hist, double percent)
{
    ASSERT(percent >= 0 && percent <= 100);
    if (hist->total == 0) {
        return 0;
    }
    uint64_t wanted = histogram_rank(hist, percent);
    uint64_t seen = 0;
    size_t bucket = 0;
    while (seen + hist->counts[bucket] < wanted) {
        seen += hist->counts[bucket];
        bucket++;
        ASSERT(bucket < HISTOGRAM_BUCKETS);
    }
    return histogram_value(hist, bucket);
}

double histogram_mean_ns(const struct histogram *hist)
{
    return hist->total > 0 ? (double)hist->sum_ns / (double)hist->total : 0;
}

size_t histogram_trace(const struct histogram *hist,
                       struct histogram_point out[HISTOGRAM_CURVE_MAX])
{
    size_t len = 0;
    size_t bucket = 0;
    uint64_t seen = hist->counts[0];
    if (hist->total == 0) {
        return 0;
    }
    for (unsigned tick = 0; len < HISTOGRAM_CURVE_MAX - 1; tick++) {
        /* What is left at the start of this halving, and how far into it this tick is. */
        double left = 100 / (double)(1ULL << tick / HISTOGRAM_TICKS);
        double percent = 100 - left + left / 2 * (tick % HISTOGRAM_TICKS) / HISTOGRAM_TICKS;
        uint64_t wanted = histogram_rank(hist, percent);
        if (wanted == hist->total) {
            break;
        }
        while (seen < wanted) {
            seen += hist->counts[++bucket];
        }
        out[len++] = (struct histogram_point){percent, histogram_value(hist, bucket)};
    }
    out[len++] = (struct histogram_point){100, hist->max_ns};
    return len;
}
