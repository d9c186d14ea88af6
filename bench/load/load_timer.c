/* SPDX-License-Identifier: MIT */
#include "bench/load/load_timer.h"

#include "base/assert.h"

#include <stdlib.h>

bool load_timers_init(struct load_timers *timers, size_t cap)
{
    *timers = (struct load_timers){.cap = cap};
    timers->heap = calloc(cap + 1, sizeof(*timers->heap));
    return timers->heap != NULL;
}

void load_timers_fini(struct load_timers *timers)
{
    free(timers->heap);
    *timers = (struct load_timers){0};
}

static void load_timers_put(struct load_timers *timers, struct load_timer *timer, size_t at)
{
    timers->heap[at] = timer;
    timer->at = at;
}

/* Moves up from `at` whatever is due earlier than what stands above it. */
static void load_timers_rise(struct load_timers *timers, struct load_timer *timer, size_t at)
{
    while (at > 1 && timers->heap[at / 2]->heap_ns > timer->heap_ns) {
        load_timers_put(timers, timers->heap[at / 2], at);
        at /= 2;
    }
    load_timers_put(timers, timer, at);
}

static void load_timers_sink(struct load_timers *timers, struct load_timer *timer, size_t at)
{
    for (;;) {
        size_t child = at * 2;
        if (child < timers->len &&
            timers->heap[child + 1]->heap_ns < timers->heap[child]->heap_ns) {
            child++;
        }
        if (child > timers->len || timers->heap[child]->heap_ns >= timer->heap_ns) {
            break;
        }
        load_timers_put(timers, timers->heap[child], at);
        at = child;
    }
    load_timers_put(timers, timer, at);
}

void load_timer_set(struct load_timers *timers, struct load_timer *timer, uint64_t due_ns)
{
    timer->due_ns = due_ns;
    if (timer->at == 0) {
        if (due_ns != LOAD_TIMER_NEVER) {
            ASSERT(timers->len < timers->cap);
            timer->heap_ns = due_ns;
            load_timers_rise(timers, timer, ++timers->len);
        }
    } else if (due_ns < timer->heap_ns) {
        timer->heap_ns = due_ns;
        load_timers_rise(timers, timer, timer->at);
    }
}

static void load_timers_remove_first(struct load_timers *timers)
{
    ASSERT(timers->len > 0);
    timers->heap[1]->at = 0;
    struct load_timer *last = timers->heap[timers->len--];
    if (timers->len > 0) {
        load_timers_sink(timers, last, 1);
    }
}

struct load_timer *load_timers_pop(struct load_timers *timers, uint64_t now_ns)
{
    while (timers->len > 0 && timers->heap[1]->heap_ns <= now_ns) {
        struct load_timer *timer = timers->heap[1];
        if (timer->due_ns <= now_ns) {
            load_timers_remove_first(timers);
            return timer;
        }
        if (timer->due_ns == LOAD_TIMER_NEVER) {
            load_timers_remove_first(timers);
        } else {
            timer->heap_ns = timer->due_ns;
            load_timers_sink(timers, timer, 1);
        }
    }
    return NULL;
}

uint64_t load_timers_next_ns(const struct load_timers *timers)
{
    return timers->len > 0 ? timers->heap[1]->heap_ns : LOAD_TIMER_NEVER;
}
