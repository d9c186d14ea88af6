#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * counters - what operators see: one page for each shard, shared by mapping.
 *
 * Role: a shard writes only its own page, with plain stores (it is the only writer); the supervisor
 * and the other shards read with relaxed loads. The pages outlive the shard: a replaced shard goes
 * on counting where its predecessor stopped, gauges start at zero.
 */
#include "base/macro.h"

#include <stdbool.h>

#define COUNTERS_SHARD_MAX 256

struct counters {
#define COUNTER(name, kind, help) uint64_t name;
#include "engine/counters.def"
#undef COUNTER
#define REASON(id, status, closes, level, text) uint64_t reason_##id;
#include "engine/reasons.def"
#undef REASON
};

struct counters_page {
    _Alignas(64) struct counters counters;
    uint64_t pid;
    uint64_t restarts;
    uint64_t serving; /* Number of the generation it works on, 0 before the first. */
    uint64_t backend; /* enum ring_backend that it runs on. */
};

struct counters_field {
    const char *name;
    const char *help;
    size_t offset; /* In struct counters. */
    bool gauge;    /* Starts anew with its shard. */
    bool peak;     /* Of several shards the highest counts, not the sum. */
};

/* All fields in the order of the tables. */
const struct counters_field *counters_fields(size_t *out_len);

/* Maps `len` zeroed pages that children share; NULL when refused. */
struct counters_page *counters_map(unsigned len);

/* Gauges to zero: a new process has nothing open. */
void counters_reset_gauges(struct counters *counters);

static inline uint64_t counters_read(const uint64_t *field)
{
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the linter does not see the builtin store. */
static inline void counters_set(uint64_t *field, uint64_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

/* One writer: a load and a store, no locked instruction. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the linter does not see the builtin store. */
static inline void counters_add(uint64_t *field, uint64_t n)
{
    __atomic_store_n(field, *field + n, __ATOMIC_RELAXED);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the linter does not see the builtin store. */
static inline void counters_sub(uint64_t *field, uint64_t n)
{
    __atomic_store_n(field, *field - n, __ATOMIC_RELAXED);
}
