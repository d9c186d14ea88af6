#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * micro - one operation of the product, over and over.
 *
 * Role: a case is something that the engine does for a request or a byte, cut out of it; its
 * subject's file makes the input, and the harness repeats rounds of operations, either against the
 * clock (median of some passes) or a given number of times, for a tool that counts instructions.
 * Runs in: bench_micro. Memory: the case's. Input is made up from fixed seeds, so that a round does
 * the same at every run, and gives the same result: a case whose result changes from round to round
 * is wrong and ends the program, because a wrong answer has no speed.
 */
#include "base/macro.h"

#include <stdbool.h>

struct micro_case {
    const char *name;
    const char *what; /* One operation, in a few words. */
    unsigned ops;     /* Operations in a round. */
    size_t bytes;     /* That a round goes through; 0 when it is not about bytes. */
    void *(*open)(void);
    uint64_t (*round)(void *ctx); /* The result is a sum over the answers. */
    void (*close)(void *ctx);
};

/* Ends the program with `what` unless `right`. */
void micro_must(bool right, const char *what);

/* Zeroed memory that is there. */
void *micro_alloc(size_t bytes);

/* The next of a row of numbers that the first `*state`, which is not zero, decides. */
static inline uint64_t micro_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/*
 * Runs rounds and adds up nothing but checks that each gives `result`. A function of its own, never
 * inlined: counting begins when it is entered and ends when it is left (bench/micro/counts.py).
 */
void micro_measured(const struct micro_case *subject, void *ctx, unsigned rounds, uint64_t result);

/* A table: its head, and a row with the time of an operation and the rate. */
void micro_print_head(void);
void micro_run_timed(const struct micro_case *subject);

/* Exactly `rounds` rounds behind one that is not counted; prints "name operations result". */
void micro_run_counted(const struct micro_case *subject, unsigned rounds);
