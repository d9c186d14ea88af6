#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_timeline - what happened in each part of a run.
 *
 * Role: counts by the moment at which an answer was complete. Owner: a thread of the generator;
 * those of all threads are merged at the end. Memory: at most LOAD_SLOTS_MAX intervals of 4.2 KiB,
 * touched as time goes on; a longer run gets wider ones. Limits: latencies within 3 %, up to 137 s.
 */
#include "bench/load/load_result.h"
#include "bench/load/load_spec.h"

#define LOAD_SLOTS_MAX    ((size_t)2000)
#define LOAD_SLOT_STEPS   ((size_t)32)
#define LOAD_SLOT_BUCKETS (LOAD_SLOT_STEPS * 33)

struct load_slot {
    uint64_t right;
    uint64_t refused;
    uint64_t errors;
    uint64_t body_bytes;
    uint64_t max_ns;
    uint32_t counts[LOAD_SLOT_BUCKETS];
};

struct load_timeline {
    uint64_t width_ns; /* 0: none is wanted. */
    size_t len;        /* Slots that were used. */
    struct load_slot *slots;
};

/* False when there is no memory. */
bool load_timeline_init(struct load_timeline *line, double interval_sec);
void load_timeline_fini(struct load_timeline *line);

/* The slot of a moment, counted from the start of measuring; NULL when no time line is wanted. */
struct load_slot *load_timeline_at(struct load_timeline *line, uint64_t at_ns);

void load_slot_add(struct load_slot *slot, uint64_t latency_ns);

/* Adds `other`, which may have other widths; both may get wider. */
void load_timeline_merge(struct load_timeline *line, struct load_timeline *other);

/* Fills in the intervals of `result`; false when there is no memory. */
bool load_timeline_finish(const struct load_timeline *line, const struct load_spec *spec,
                          struct load_result *result);
