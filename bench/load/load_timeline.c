/* SPDX-License-Identifier: MIT */
#include "bench/load/load_timeline.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

#define LOAD_SLOT_SHIFT 5

_Static_assert(1 << LOAD_SLOT_SHIFT == LOAD_SLOT_STEPS, "the shift and the steps say the same");

bool load_timeline_init(struct load_timeline *line, double interval_sec)
{
    *line = (struct load_timeline){.width_ns = (uint64_t)(interval_sec * (double)NS_PER_SEC)};
    if (line->width_ns == 0) {
        return true;
    }
    line->slots = calloc(LOAD_SLOTS_MAX, sizeof(*line->slots));
    return line->slots != NULL;
}

void load_timeline_fini(struct load_timeline *line)
{
    free(line->slots);
    *line = (struct load_timeline){0};
}

static void load_slot_merge(struct load_slot *slot, const struct load_slot *other)
{
    slot->right += other->right;
    slot->refused += other->refused;
    slot->errors += other->errors;
    slot->body_bytes += other->body_bytes;
    slot->max_ns = MAX_OF(slot->max_ns, other->max_ns);
    for (size_t i = 0; other->right > 0 && i < LOAD_SLOT_BUCKETS; i++) {
        slot->counts[i] += other->counts[i];
    }
}

/* Makes one slot of two. */
static void load_timeline_widen(struct load_timeline *line)
{
    for (size_t i = 0; i < line->len; i++) {
        if (i % 2 == 1) {
            load_slot_merge(&line->slots[i / 2], &line->slots[i]);
        } else if (i > 0) {
            line->slots[i / 2] = line->slots[i];
        }
    }
    size_t len = (line->len + 1) / 2;
    memset(line->slots + len, 0, (line->len - len) * sizeof(*line->slots));
    line->len = len;
    line->width_ns *= 2;
}

struct load_slot *load_timeline_at(struct load_timeline *line, uint64_t at_ns)
{
    if (line->width_ns == 0) {
        return NULL;
    }
    while (at_ns / line->width_ns >= LOAD_SLOTS_MAX) {
        load_timeline_widen(line);
    }
    size_t at = (size_t)(at_ns / line->width_ns);
    line->len = MAX_OF(line->len, at + 1);
    return &line->slots[at];
}

/* As a histogram, with coarser steps. */
static size_t load_slot_bucket(uint64_t value_ns)
{
    if (value_ns < LOAD_SLOT_STEPS) {
        return (size_t)value_ns;
    }
    unsigned shift = 63 - (unsigned)__builtin_clzll(value_ns) - LOAD_SLOT_SHIFT;
    size_t bucket =
        (size_t)(shift + 1) * LOAD_SLOT_STEPS + (size_t)((value_ns >> shift) - LOAD_SLOT_STEPS);
    return MIN_OF(bucket, LOAD_SLOT_BUCKETS - 1);
}

static uint64_t load_slot_ceiling(size_t bucket)
{
    size_t row = bucket / LOAD_SLOT_STEPS;
    uint64_t step = bucket % LOAD_SLOT_STEPS;
    return row == 0 ? step : ((LOAD_SLOT_STEPS + step + 1) << (row - 1)) - 1;
}

void load_slot_add(struct load_slot *slot, uint64_t latency_ns)
{
    slot->right++;
    slot->max_ns = MAX_OF(slot->max_ns, latency_ns);
    slot->counts[load_slot_bucket(latency_ns)]++;
}

static uint64_t load_slot_find(const struct load_slot *slot, unsigned percent)
{
    uint64_t wanted = (slot->right * percent + 99) / 100;
    uint64_t seen = 0;
    for (size_t i = 0; i < LOAD_SLOT_BUCKETS - 1 && slot->right > 0; i++) {
        seen += slot->counts[i];
        if (seen >= wanted) {
            return MIN_OF(load_slot_ceiling(i), slot->max_ns);
        }
    }
    return slot->max_ns;
}

void load_timeline_merge(struct load_timeline *line, struct load_timeline *other)
{
    if (line->width_ns == 0 || other->width_ns == 0) {
        return;
    }
    while (line->width_ns < other->width_ns) {
        load_timeline_widen(line);
    }
    while (other->width_ns < line->width_ns) {
        load_timeline_widen(other);
    }
    ASSERT(line->width_ns == other->width_ns);
    for (size_t i = 0; i < other->len; i++) {
        load_slot_merge(&line->slots[i], &other->slots[i]);
    }
    line->len = MAX_OF(line->len, other->len);
}

bool load_timeline_finish(const struct load_timeline *line, const struct load_spec *spec,
                          struct load_result *result)
{
    if (line->len == 0) {
        return true;
    }
    result->intervals = calloc(line->len, sizeof(*result->intervals));
    if (result->intervals == NULL) {
        return false;
    }
    double width_sec = (double)line->width_ns / (double)NS_PER_SEC;
    result->interval_sec = width_sec;
    result->intervals_len = line->len;
    for (size_t i = 0; i < line->len; i++) {
        const struct load_slot *slot = &line->slots[i];
        double at_sec = (double)i * width_sec;
        result->intervals[i] = (struct load_interval){
            .at_sec = at_sec,
            /* The rate in the middle: stages rarely end inside. */
            .wanted = load_spec_rate(spec, at_sec + width_sec / 2),
            .right = slot->right,
            .refused = slot->refused,
            .errors = slot->errors,
            .body_bytes = slot->body_bytes,
            .p50_ns = load_slot_find(slot, 50),
            .p99_ns = load_slot_find(slot, 99),
            .max_ns = slot->max_ns,
        };
    }
    return true;
}
