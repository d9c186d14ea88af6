#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * histogram - latencies in steps of at most 0.8 %.
 *
 * Role: counts nanoseconds in log-linear buckets: below 128 exactly, above that
 * 128 steps for each power of two, which is the layout of an HDR histogram of
 * two digits. Histograms of several threads are merged without loss. Memory:
 * one fixed block of 36 KiB. Limits: what is longer than 2^42 ns (73 minutes)
 * is counted in the last bucket; least, most and the sum are kept exactly.
 */
#include "base/macro.h"

#define HISTOGRAM_STEPS   ((size_t)128)
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * 36)

/* Enough for the curve of 2^64 values. */
#define HISTOGRAM_CURVE_MAX 336

struct histogram {
    uint64_t total;
    uint64_t min_ns; /* Of nothing: 0. */
    uint64_t max_ns;
    uint64_t sum_ns; /* Of at most 584 years. */
    uint64_t counts[HISTOGRAM_BUCKETS];
};

/* One point of the curve: `percent` of the values are not over `value_ns`. */
struct histogram_point {
    double percent;
    uint64_t value_ns;
};

void histogram_add(struct histogram *hist, uint64_t value_ns);
void histogram_merge(struct histogram *hist, const struct histogram *other);

/* The least value that `percent` (0 to 100) of the counted ones do not exceed, within a step; 0
 * when nothing was counted. */
uint64_t histogram_find(const struct histogram *hist, double percent);

/* 0 when nothing was counted. */
double histogram_mean_ns(const struct histogram *hist);

/* Points that lie closer the nearer they are to 100 %: five for each halving of what is left, down
 * to a single value; the last one is 100 %. Returns how many. */
size_t histogram_trace(const struct histogram *hist,
                       struct histogram_point out[HISTOGRAM_CURVE_MAX]);
