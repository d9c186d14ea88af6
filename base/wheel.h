#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * wheel - timers of one shard: one wheel of 1,024 slots of 32 ms.
 *
 * Role: deadlines of connections and transactions. Setting, moving and clearing is O(1); a deadline
 * beyond one turn (32 s) waits in its slot for more turns. A timer fires never early and at most
 * one slot late. Rejected: one linked time-out for each ring operation, which costs half a
 * microsecond.
 */
#include "base/list.h"

#define WHEEL_SLOTS   1024
#define WHEEL_TICK_NS (32 * NS_PER_MS)

struct wheel_timer;
typedef void (*wheel_fire_fn)(struct wheel_timer *timer);

struct wheel_timer {
    struct list_node node;
    uint64_t due_ns;
    wheel_fire_fn fire;
};

struct wheel {
    struct list_node slots[WHEEL_SLOTS];
    uint64_t tick;  /* The last tick that was run. */
    uint32_t armed; /* Timers in the wheel. */
};

void wheel_init(struct wheel *wheel, uint64_t now_ns);
void wheel_timer_init(struct wheel_timer *timer, wheel_fire_fn fire);

/* Arms the timer or moves it. */
void wheel_set(struct wheel *wheel, struct wheel_timer *timer, uint64_t due_ns);

/* No-op for a timer that is not armed. */
void wheel_clear(struct wheel *wheel, struct wheel_timer *timer);

static inline bool wheel_timer_is_set(const struct wheel_timer *timer)
{
    return timer->node.next != &timer->node;
}

/* Fires all that is due; a fired timer is out of the wheel before its function runs. */
void wheel_run(struct wheel *wheel, uint64_t now_ns);

/* How long to sleep: one tick while timers are armed, else UINT64_MAX. */
uint64_t wheel_wait_ns(const struct wheel *wheel);
