/* SPDX-License-Identifier: MIT */
/* micro_histogram - counting a latency, which the load generator does for each answer. */
#include "bench/load/histogram.h"
#include "bench/micro/micro_cases.h"

#include <stdlib.h>

#define HISTOGRAM_VALUES 1024

struct histogram_ctx {
    struct histogram histogram;
    uint64_t values_ns[HISTOGRAM_VALUES];
};

/* From a microsecond to a second, as many in each power of two. */
static void *histogram_open(void)
{
    struct histogram_ctx *ctx = micro_alloc(sizeof(*ctx));
    uint64_t seed = 11;

    for (size_t i = 0; i < HISTOGRAM_VALUES; i++) {
        const uint64_t power = UINT64_C(1) << (10 + micro_random(&seed) % 20);

        ctx->values_ns[i] = power + micro_random(&seed) % power;
    }
    return ctx;
}

static uint64_t histogram_round(void *opaque)
{
    struct histogram_ctx *ctx = opaque;

    for (size_t i = 0; i < HISTOGRAM_VALUES; i++) {
        histogram_add(&ctx->histogram, ctx->values_ns[i]);
    }
    micro_must(ctx->histogram.total % HISTOGRAM_VALUES == 0, "a latency was not counted");
    return ctx->histogram.max_ns;
}

const struct micro_case micro_histogram_add = {
    .name = "histogram-add",
    .what = "a latency is counted",
    .ops = HISTOGRAM_VALUES,
    .open = histogram_open,
    .round = histogram_round,
    .close = free,
};
