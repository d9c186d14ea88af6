#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * rounds - whether two sets of a few noisy measurements differ.
 *
 * Role: two answers have to agree before a difference counts. The first is Student's t for the
 * means of the logarithms, with Welch's degrees of freedom; from seven rounds on the outer fifth of
 * each side is trimmed and the variance is the winsorised one (Yuen's test). Logarithms, because
 * noise of a machine is a share of the value; trimmed, because one disturbed round must not hide a
 * difference. The second is the exact rank test of Wilcoxon, Mann and Whitney, which assumes
 * nothing of the noise: where rounds come in two levels, Student believes what the ranks do not.
 * The larger p of the two counts, unless no round of one side lies among those of the other: then
 * the ranks have said all that so few rounds can say, and Student alone decides. Three rounds a
 * side of a machine with two speeds fall apart so once in 32 times; five once in 512. Memory: the
 * caller's. Pure functions.
 */
#include "bench/runner/document.h"

#define ROUNDS_MIN 3 /* Fewer a side say nothing. */
#define ROUNDS_MAX DOCUMENT_ROUNDS_MAX

struct rounds_ratio {
    double ratio;   /* After by before; 1 is equal. */
    double error;   /* Of its logarithm. */
    double freedom; /* Degrees of it. */
    double p;       /* Of both tests together. */
    double rank_p;  /* Of the rank test, two-sided. */
};

/* What is true with a confidence of 1 - alpha. */
struct rounds_interval {
    double low;
    double high;
    double least; /* The smallest change that would have been seen: 0.05 is 5 %. */
};

/* Values are above 0, ROUNDS_MIN to ROUNDS_MAX of them; both are sorted in place. */
struct rounds_ratio rounds_compare(double *before, size_t before_len, double *after,
                                   size_t after_len);

struct rounds_interval rounds_find_interval(const struct rounds_ratio *ratio, double alpha);

/*
 * The p up to which differences are called when `len` values are compared at once (Benjamini and
 * Hochberg): where nothing differs, 1 - alpha of all comparisons call nothing, and of those called
 * no more than alpha are false on average. `p` is sorted in place.
 */
double rounds_find_threshold(double *p, size_t len, double alpha);

/* The probability that Student's t exceeds `t` (at least 0), and the value for a probability. */
double rounds_student_tail(double t, double freedom);
double rounds_student(double tail, double freedom);

/* Two-sided p of the rank test, exact for up to 24 rounds a side; ties count half. */
double rounds_rank(const double *before, size_t before_len, const double *after, size_t after_len);
