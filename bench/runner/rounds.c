/* SPDX-License-Identifier: MIT */
#include "bench/runner/rounds.h"

#include "base/assert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_TRIM      0.2
#define ROUNDS_TRIM_MIN  7 /* With fewer a side trimming costs more than it saves. */
#define ROUNDS_STEPS_MAX 300
#define ROUNDS_TINY      1e-300

/* Up to so many rounds a side the rank test counts all orders; above it takes the normal
 * distribution, which is near enough by then. */
#define ROUNDS_EXACT_MAX 24
#define ROUNDS_SUM_MAX   (ROUNDS_EXACT_MAX * ROUNDS_EXACT_MAX)

struct rounds_side {
    double mean;
    double error; /* Squared, of the mean. */
    double freedom;
};

static int rounds_order(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

/* The continued fraction of the incomplete beta function, by Lentz's method. */
static double rounds_fraction(double a, double b, double x)
{
    double c = 1;
    double d = 1 / fmax(1 - (a + b) * x / (a + 1), ROUNDS_TINY);
    double result = d;

    for (int m = 1; m <= ROUNDS_STEPS_MAX; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));

        d = 1 / (1 + even * d);
        c = 1 + even / c;
        result *= d * c;
        d = 1 / (1 + odd * d);
        c = 1 + odd / c;
        result *= d * c;
        if (fabs(d * c - 1) < 1e-14) {
            break;
        }
    }
    return result;
}

static double rounds_beta(double a, double b, double x)
{
    double front;

    if (x <= 0 || x >= 1) {
        return x <= 0 ? 0 : 1;
    }
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x));
    return x < (a + 1) / (a + b + 2) ? front * rounds_fraction(a, b, x) / a
                                     : 1 - front * rounds_fraction(b, a, 1 - x) / b;
}

double rounds_student_tail(double t, double freedom)
{
    return rounds_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2;
}

double rounds_student(double tail, double freedom)
{
    double low = 0;
    double high = 1;

    ASSERT(tail > 0);
    ASSERT(tail < 0.5);
    while (high < 1e12 && rounds_student_tail(high, freedom) > tail) {
        high *= 2;
    }
    for (int i = 0; i < 80; i++) {
        double middle = (low + high) / 2;

        if (rounds_student_tail(middle, freedom) > tail) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

/* How many ways the sum of ranks can come about, by adding one round at a time: `counts[u]` ways
 * for a sum of u above the smallest. */
static void rounds_count_ways(size_t before_len, size_t after_len, double *counts)
{
    /* ways[i][u]: i rounds of one side among those seen so far, u pairs in order. */
    static double ways[ROUNDS_EXACT_MAX + 1][ROUNDS_SUM_MAX + 1];
    size_t most = before_len * after_len;

    memset(ways, 0, sizeof(ways));
    ways[0][0] = 1;
    for (size_t seen = 1; seen <= before_len + after_len; seen++) {
        for (size_t i = MIN_OF(seen, before_len); i > 0; i--) {
            /* A round of this side at this place is above all rounds of the other seen so far. */
            size_t above = seen - i;

            if (above > after_len) {
                break;
            }
            for (size_t u = above; u <= most; u++) {
                ways[i][u] += ways[i - 1][u - above];
            }
        }
    }
    memcpy(counts, ways[before_len], (most + 1) * sizeof(counts[0]));
}

static double rounds_rank_exact(size_t before_len, size_t after_len, double sum)
{
    double counts[ROUNDS_SUM_MAX + 1];
    double all = 0;
    double within = 0;
    size_t most = before_len * after_len;
    double less = fmin(sum, (double)most - sum);

    rounds_count_ways(before_len, after_len, counts);
    for (size_t u = 0; u <= most; u++) {
        all += counts[u];
        within += (double)u <= less ? counts[u] : 0;
    }
    return fmin(1, 2 * within / all);
}

static double rounds_rank_normal(size_t before_len, size_t after_len, double sum)
{
    double pairs = (double)before_len * (double)after_len;
    double deviation = sqrt(pairs * (double)(before_len + after_len + 1) / 12);
    double away = fmax(0, fabs(sum - pairs / 2) - 0.5);

    return erfc(away / deviation / M_SQRT2);
}

static double rounds_rank_p(size_t before_len, size_t after_len, double sum)
{
    return before_len <= ROUNDS_EXACT_MAX && after_len <= ROUNDS_EXACT_MAX
               ? rounds_rank_exact(before_len, after_len, sum)
               : rounds_rank_normal(before_len, after_len, sum);
}

double rounds_rank(const double *before, size_t before_len, const double *after, size_t after_len)
{
    double sum = 0;

    for (size_t i = 0; i < before_len; i++) {
        for (size_t j = 0; j < after_len; j++) {
            sum += after[j] > before[i] ? 1 : after[j] < before[i] ? 0 : 0.5;
        }
    }

    /* Half a pair from ties is rounded to the middle, where nothing is claimed. */
    double middle = (double)(before_len * after_len) / 2;

    return rounds_rank_p(before_len, after_len, sum < middle ? ceil(sum) : floor(sum));
}

/* Trimmed mean of the logarithms and its squared error from the winsorised ones. */
static struct rounds_side rounds_take_side(double *values, size_t len)
{
    double logs[ROUNDS_MAX];
    size_t cut = len < ROUNDS_TRIM_MIN ? 0 : (size_t)(ROUNDS_TRIM * (double)len);
    size_t kept = len - 2 * cut;
    double mean = 0;
    double squares = 0;
    struct rounds_side side = {.freedom = (double)kept - 1};

    ASSERT(len >= ROUNDS_MIN);
    ASSERT(len <= ROUNDS_MAX);
    qsort(values, len, sizeof(values[0]), rounds_order);
    for (size_t i = 0; i < len; i++) {
        logs[i] = log(values[MIN_OF(MAX_OF(i, cut), len - 1 - cut)]);
        mean += logs[i] / (double)len;
    }
    for (size_t i = cut; i < len - cut; i++) {
        side.mean += logs[i] / (double)kept;
    }
    for (size_t i = 0; i < len; i++) {
        squares += (logs[i] - mean) * (logs[i] - mean);
    }
    side.error = squares / ((double)kept * ((double)kept - 1));
    return side;
}

struct rounds_ratio rounds_compare(double *before, size_t before_len, double *after,
                                   size_t after_len)
{
    struct rounds_side a = rounds_take_side(before, before_len);
    struct rounds_side b = rounds_take_side(after, after_len);
    double squared = a.error + b.error;
    double change = b.mean - a.mean;
    double rank_min = rounds_rank_p(before_len, after_len, 0);
    struct rounds_ratio out = {
        .ratio = exp(change),
        .error = sqrt(squared),
        .freedom = a.freedom + b.freedom,
        .p = change == 0 ? 1 : 0,
        .rank_p = rounds_rank(before, before_len, after, after_len),
    };

    if (squared > 0) {
        out.freedom =
            squared * squared / (a.error * a.error / a.freedom + b.error * b.error / b.freedom);
        out.p = 2 * rounds_student_tail(fabs(change) / out.error, out.freedom);
    }
    if (out.rank_p > rank_min) {
        out.p = fmax(out.p, out.rank_p);
    }
    return out;
}

struct rounds_interval rounds_find_interval(const struct rounds_ratio *ratio, double alpha)
{
    double half = rounds_student(alpha / 2, ratio->freedom) * ratio->error;

    return (struct rounds_interval){
        .low = ratio->ratio * exp(-half),
        .high = ratio->ratio * exp(half),
        .least = expm1(half),
    };
}

double rounds_find_threshold(double *p, size_t len, double alpha)
{
    ASSERT(len > 0);
    qsort(p, len, sizeof(p[0]), rounds_order);
    for (size_t called = len; called > 0; called--) {
        double threshold = alpha * (double)called / (double)len;

        if (p[called - 1] <= threshold) {
            return threshold;
        }
    }
    return alpha / (double)len;
}
