#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_schedule - the moments at which an open loop asks.
 *
 * Role: gives them one after the other; they do not depend on any answer. What waits to be sent is
 * not kept: the next moment stays where it is until it is taken, so the backlog of a stalled server
 * costs no memory. Several threads share a rate: fixed arrivals are interleaved, Poisson arrivals
 * are streams of their own whose sum is one. Owner: a thread of the generator.
 */
#include "bench/load/load_random.h"
#include "bench/load/load_spec.h"

struct load_schedule {
    const struct load_spec *spec;
    struct load_random random;
    unsigned threads;
    unsigned thread;
    bool endless;    /* The first stage without an end: the warm-up. */
    size_t stage;    /* `spec->stages_len`: over. */
    double from_sec; /* Start of the stage, from the start of all. */
    double at_sec;
    uint64_t count; /* Arrivals of this stage so far. */
    uint64_t start_ns;
    uint64_t next_ns; /* UINT64_MAX: no more. */
};

/* Starts at `start_ns`. */
void load_schedule_init(struct load_schedule *schedule, const struct load_spec *spec,
                        unsigned thread, uint64_t start_ns);

/* The first stage without an end, for the warm-up. */
void load_schedule_init_endless(struct load_schedule *schedule, const struct load_spec *spec,
                                unsigned thread, uint64_t start_ns);

/* The moment in `next_ns` is taken: goes on to the one behind it. */
void load_schedule_advance(struct load_schedule *schedule);
