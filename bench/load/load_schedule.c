/* SPDX-License-Identifier: MIT */
#include "bench/load/load_schedule.h"

#include "base/assert.h"

/* From 0 (exclusive) to 1. */
static double load_schedule_share(struct load_random *random)
{
    return (double)((load_random_next(random) >> 11) + 1) * 0x1p-53;
}

/* Arrival `count` of a stage, from its start. */
static double load_schedule_offset(struct load_schedule *schedule, double rate)
{
    double threads = schedule->threads;
    if (schedule->spec->pace == LOAD_POISSON) {
        double gap = -load_random_log(load_schedule_share(&schedule->random)) * threads / rate;
        return schedule->at_sec - schedule->from_sec + gap;
    }
    /* Counted from the stage's start, so that no error adds up. */
    return ((double)schedule->count * threads + schedule->thread + 0.5) / rate;
}

/* Goes on until an arrival falls into a stage. */
static void load_schedule_find(struct load_schedule *schedule)
{
    const struct load_spec *spec = schedule->spec;
    while (schedule->stage < spec->stages_len) {
        const struct load_stage *stage = &spec->stages[schedule->stage];
        if (stage->rate > 0) {
            double offset = load_schedule_offset(schedule, stage->rate);
            if (offset < stage->sec || schedule->endless) {
                schedule->at_sec = schedule->from_sec + offset;
                schedule->next_ns =
                    schedule->start_ns + (uint64_t)(schedule->at_sec * (double)NS_PER_SEC);
                return;
            }
        } else if (schedule->endless) {
            break;
        }
        schedule->from_sec += stage->sec;
        schedule->at_sec = schedule->from_sec;
        schedule->count = 0;
        schedule->stage++;
    }
    schedule->next_ns = UINT64_MAX;
}

static void load_schedule_begin(struct load_schedule *schedule, const struct load_spec *spec,
                                unsigned thread, uint64_t start_ns, bool endless)
{
    *schedule = (struct load_schedule){
        .spec = spec,
        .random = {load_random_mix(spec->seed, 0x5ced01e + thread)},
        .threads = spec->threads,
        .thread = thread,
        .endless = endless,
        .start_ns = start_ns,
    };
    ASSERT(spec->threads > thread);
    load_schedule_find(schedule);
}

void load_schedule_init(struct load_schedule *schedule, const struct load_spec *spec,
                        unsigned thread, uint64_t start_ns)
{
    load_schedule_begin(schedule, spec, thread, start_ns, false);
}

void load_schedule_init_endless(struct load_schedule *schedule, const struct load_spec *spec,
                                unsigned thread, uint64_t start_ns)
{
    load_schedule_begin(schedule, spec, thread, start_ns, true);
}

void load_schedule_advance(struct load_schedule *schedule)
{
    ASSERT(schedule->next_ns != UINT64_MAX);
    schedule->count++;
    load_schedule_find(schedule);
}
