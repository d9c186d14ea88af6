/* SPDX-License-Identifier: MIT */
#include "engine/reason.h"

#include "base/assert.h"

static const struct reason reason_table[REASON_COUNT] = {
#define REASON(id, status, closes, level, text)                                                    \
    [REASON_##id] = {#id, status, closes, level, text, offsetof(struct counters, reason_##id)},
#include "engine/reasons.def"
#undef REASON
};

const struct reason *reason_get(enum reason_id id)
{
    ASSERT(id > REASON_NONE);
    ASSERT(id < REASON_COUNT);
    return &reason_table[id];
}

void reason_count(struct counters *counters, enum reason_id id)
{
    counters_add((uint64_t *)(void *)((uint8_t *)counters + reason_get(id)->counter), 1);
}
