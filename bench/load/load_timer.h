#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_timer - due times of many connections, to the nanosecond.
 *
 * Role: a binary heap. The wheel of base/ fires in steps of 32 ms; connections that think for a
 * while and then all send at the same tick would be a burst that nobody asked for. Most deadlines
 * are moved on long before they come: moving one on costs nothing, it stays where it is in the heap
 * and is looked at again when its old time has come. Owner: a thread of the generator. Memory: 16
 * bytes for each connection.
 */
#include "base/macro.h"

#include <stdbool.h>

#define LOAD_TIMER_NEVER UINT64_MAX

/* Embedded in what waits. */
struct load_timer {
    uint64_t due_ns;
    size_t at; /* Its place in the heap, from 1; 0: not in it. */
};

struct load_timer_place {
    uint64_t look_ns; /* What it is sorted by; not later than the timer is due. */
    struct load_timer *timer;
};

struct load_timers {
    size_t len;
    size_t cap;
    struct load_timer_place *heap;
};

/* Room for `cap` timers; false when there is no memory. */
bool load_timers_init(struct load_timers *timers, size_t cap);
void load_timers_fini(struct load_timers *timers);

/* Sets or moves; LOAD_TIMER_NEVER clears. */
void load_timer_set(struct load_timers *timers, struct load_timer *timer, uint64_t due_ns);

/* Takes out one that is due; NULL when none is. */
struct load_timer *load_timers_pop(struct load_timers *timers, uint64_t now_ns);

/* Not later than the next one is due. */
uint64_t load_timers_next_ns(const struct load_timers *timers);
