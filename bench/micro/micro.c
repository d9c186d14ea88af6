/* SPDX-License-Identifier: MIT */
#include "bench/micro/micro.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MICRO_PASSES  9
#define MICRO_PASS_NS (20 * NS_PER_MS)

void micro_must(bool right, const char *what)
{
    if (!right) {
        fprintf(stderr, "bench_micro: %s\n", what);
        exit(1);
    }
}

void *micro_alloc(size_t bytes)
{
    void *memory = calloc(1, bytes);

    micro_must(memory, "no memory");
    return memory;
}

__attribute__((noinline)) void micro_measured(const struct micro_case *subject, void *ctx,
                                              unsigned rounds, uint64_t result)
{
    for (unsigned i = 0; i < rounds; i++) {
        micro_must(subject->round(ctx) == result, "a round gave another result");
    }
}

static int micro_compare(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* Processor time, so that other work on the machine counts less. */
static uint64_t micro_pass(const struct micro_case *subject, void *ctx, unsigned rounds,
                           uint64_t result)
{
    const uint64_t begin = clock_cpu_ns();

    micro_measured(subject, ctx, rounds, result);
    return clock_cpu_ns() - begin;
}

/* As many rounds as fill a pass. */
static unsigned micro_calibrate(const struct micro_case *subject, void *ctx, uint64_t result)
{
    unsigned rounds = 1;

    while (rounds < 1U << 30 && micro_pass(subject, ctx, rounds, result) < MICRO_PASS_NS) {
        rounds *= 2;
    }
    return rounds;
}

/* A row of docs/performance.md; `ns` are the rounds of each pass, in order. */
static void micro_print(const struct micro_case *subject, const double *ns)
{
    const double median = ns[MICRO_PASSES / 2];
    const double per_second = (double)NS_PER_SEC * subject->ops / median;
    char rate[32];

    if (subject->bytes > 0) {
        snprintf(rate, sizeof(rate), "%.2f GB/s", (double)subject->bytes / median);
    } else if (per_second >= 1e6) {
        snprintf(rate, sizeof(rate), "%.2f M/s", per_second / 1e6);
    } else {
        snprintf(rate, sizeof(rate), "%.0f /s", per_second);
    }
    printf("| %-18s | %-46s | %9.1f (%.1f to %.1f) | %s |\n", subject->name, subject->what,
           median / subject->ops, ns[0] / subject->ops, ns[MICRO_PASSES - 1] / subject->ops, rate);
}

void micro_print_head(void)
{
    puts("| case | an operation | ns (least to most) | rate |\n| --- | --- | --- | --- |");
}

void micro_run_timed(const struct micro_case *subject)
{
    void *ctx = subject->open();
    const uint64_t result = subject->round(ctx);
    const unsigned rounds = micro_calibrate(subject, ctx, result);
    double ns[MICRO_PASSES];

    for (unsigned pass = 0; pass < MICRO_PASSES; pass++) {
        ns[pass] = (double)micro_pass(subject, ctx, rounds, result) / rounds;
    }
    qsort(ns, MICRO_PASSES, sizeof(*ns), micro_compare);
    micro_print(subject, ns);
    fflush(stdout);
    subject->close(ctx);
}

void micro_run_counted(const struct micro_case *subject, unsigned rounds)
{
    void *ctx = subject->open();
    /* The first round pays for what the dynamic linker and the caches of the libraries put off. */
    const uint64_t result = subject->round(ctx);

    micro_measured(subject, ctx, rounds, result);
    printf("%s %" PRIu64 " %" PRIx64 "\n", subject->name, (uint64_t)rounds * subject->ops, result);
    subject->close(ctx);
}
