#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * histogram - latencies in steps of at most 1.6 %.
 *
 * Role: counts nanoseconds in log-linear buckets: below 64 exactly, above that 64 steps for each
 * power of two. Memory: one fixed block of 19 KiB. Limits: what is longer than 2^42 ns (73 minutes)
 * is counted in the last bucket; the maximum is kept exactly.
 */
#include "base/macro.h"

#define HISTOGRAM_STEPS   ((size_t)64)
#define HISTOGRAM_BUCKETS (HISTOGRAM_STEPS * 37)

struct histogram {
    uint64_t total;
    uint64_t max_ns;
    uint64_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *hist, uint64_t value_ns);

/* The least value that `permille` of 1000 counted ones do not exceed; 0 when nothing was counted.
 */
uint64_t histogram_find_permille(const struct histogram *hist, unsigned permille);
