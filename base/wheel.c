/* SPDX-License-Identifier: MIT */
#include "base/wheel.h"

#include "base/assert.h"

void wheel_init(struct wheel *wheel, uint64_t now_ns)
{
    for (size_t i = 0; i < WHEEL_SLOTS; i++) {
        list_init(&wheel->slots[i]);
    }
    wheel->tick = now_ns / WHEEL_TICK_NS;
    wheel->armed = 0;
}

void wheel_timer_init(struct wheel_timer *timer, wheel_fire_fn fire)
{
    list_init(&timer->node);
    timer->due_ns = 0;
    timer->fire = fire;
}

void wheel_set(struct wheel *wheel, struct wheel_timer *timer, uint64_t due_ns)
{
    /* Rounded up, so never early; at least the next tick, so that a run cannot loop for ever. */
    const uint64_t wanted = due_ns / WHEEL_TICK_NS + 1;
    const uint64_t tick = wanted > wheel->tick ? wanted : wheel->tick + 1;

    ASSERT(timer->fire);
    wheel_clear(wheel, timer);
    timer->due_ns = tick * WHEEL_TICK_NS;
    list_append(&wheel->slots[tick % WHEEL_SLOTS], &timer->node);
    wheel->armed++;
}

void wheel_clear(struct wheel *wheel, struct wheel_timer *timer)
{
    if (wheel_timer_is_set(timer)) {
        ASSERT(wheel->armed > 0);
        list_unlink(&timer->node);
        wheel->armed--;
    }
}

static void wheel_run_slot(struct wheel *wheel, struct list_node *slot)
{
    struct list_node due;
    struct list_node *pos;
    struct list_node *after;

    /* Moved aside first: a timer that re-arms itself into this slot must wait for its turn. */
    list_init(&due);
    list_for_each_safe (pos, after, slot) {
        const struct wheel_timer *timer = CONTAINER_OF(pos, struct wheel_timer, node);

        if (timer->due_ns <= wheel->tick * WHEEL_TICK_NS) {
            list_unlink(pos);
            list_append(&due, pos);
        }
    }
    while ((pos = due.next) != &due) {
        struct wheel_timer *timer = CONTAINER_OF(pos, struct wheel_timer, node);

        wheel_clear(wheel, timer);
        timer->fire(timer);
    }
}

void wheel_run(struct wheel *wheel, uint64_t now_ns)
{
    const uint64_t target = now_ns / WHEEL_TICK_NS;

    if (wheel->armed == 0 || target > wheel->tick + WHEEL_SLOTS) {
        /* Nothing between here and there, or a pause of over one turn: each slot once is enough. */
        const uint64_t back = wheel->armed == 0 ? 0 : WHEEL_SLOTS;

        wheel->tick = target > back && target - back > wheel->tick ? target - back : wheel->tick;
    }
    while (wheel->tick < target) {
        wheel->tick++;
        wheel_run_slot(wheel, &wheel->slots[wheel->tick % WHEEL_SLOTS]);
    }
}

uint64_t wheel_wait_ns(const struct wheel *wheel)
{
    return wheel->armed > 0 ? WHEEL_TICK_NS : UINT64_MAX;
}
