#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * reason - why a request was refused or a connection ended, as one table (reasons.def).
 */
#include "base/log.h"
#include "engine/counters.h"

enum reason_id {
    REASON_NONE,
#define REASON(id, status, closes, level, text) REASON_##id, /* One for each line of the table. */
#include "engine/reasons.def"
#undef REASON
    REASON_COUNT,
};

struct reason {
    const char *name;
    unsigned status; /* ICAP status, 0: nothing is sent. */
    bool closes;
    enum log_level level;
    const char *text;
    size_t counter; /* Offset in struct counters. */
};

const struct reason *reason_get(enum reason_id id);

/* Counts one more. */
void reason_count(struct counters *counters, enum reason_id id);
