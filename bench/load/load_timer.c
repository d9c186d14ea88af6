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

static void load_timers_put(struct load_timers *timers, struct load_timer_place place, size_t at)
{
    timers->heap[at] = place;
    place.timer->at = at;
}

/* Moves up to `at`, or higher, what is due earlier than what stands there. */
static void load_timers_rise(struct load_timers *timers, struct load_timer_place place, size_t at)
{
    while (at > 1 && timers->heap[at / 2].look_ns > place.look_ns) {
        load_timers_put(timers, timers->heap[at / 2], at);
        at /= 2;
    }
    load_timers_put(timers, place, at);
}

static void load_timers_sink(struct load_timers *timers, struct load_timer_place place, size_t at)
{
    for (;;) {
        size_t child = at * 2;
        if (child < timers->len && timers->heap[child + 1].look_ns < timers->heap[child].look_ns) {
            child++;
        }
        if (child > timers->len || timers->heap[child].look_ns >= place.look_ns) {
            break;
        }
        load_timers_put(timers, timers->heap[child], at);
        at = child;
    }
    load_timers_put(timers, place, at);
}

void load_timer_set(struct load_timers *timers, struct load_timer *timer, uint64_t due_ns)
{
    struct load_timer_place place = {due_ns, timer};
    timer->due_ns = due_ns;
    if (timer->at > 0) {
        if (due_ns < timers->heap[timer->at].look_ns) {
            load_timers_rise(timers, place, timer->at);
        }
        return;
    }
    if (due_ns != LOAD_TIMER_NEVER) {
        ASSERT(timers->len < timers->cap);
        load_timers_rise(timers, place, ++timers->len);
    }
}

static void load_timers_remove_first(struct load_timers *timers)
{
    ASSERT(timers->len > 0);
    timers->heap[1].timer->at = 0;
    struct load_timer_place last = timers->heap[timers->len--];
    if (timers->len > 0) {
        load_timers_sink(timers, last, 1);
    }
}

struct load_timer *load_timers_pop(struct load_timers *timers, uint64_t now_ns)
{
    while (timers->len > 0 && timers->heap[1].look_ns <= now_ns) {
        struct load_timer *timer = timers->heap[1].timer;
        if (timer->due_ns <= now_ns) {
            load_timers_remove_first(timers);
            return timer;
        }
        if (timer->due_ns == LOAD_TIMER_NEVER) {
            load_timers_remove_first(timers);
        } else {
            load_timers_sink(timers, (struct load_timer_place){timer->due_ns, timer}, 1);
        }
    }
    return NULL;
}

uint64_t load_timers_next_ns(const struct load_timers *timers)
{
    return timers->len > 0 ? timers->heap[1].look_ns : LOAD_TIMER_NEVER;
}
