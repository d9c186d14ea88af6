/* SPDX-License-Identifier: MIT */
#include "bench/load/load_result.h"

#include "base/assert.h"

#include <stdlib.h>

/* Above this share of its core a process is what limits the rate. */
#define LOAD_SHARE_FULL 0.95

bool load_result_init(struct load_result *result)
{
    *result = (struct load_result){0};
    for (size_t i = 0; i < LOAD_SPAN_COUNT; i++) {
        result->spans[i] = calloc(1, sizeof(*result->spans[i]));
        if (result->spans[i] == NULL) {
            load_result_free(result);
            return false;
        }
    }
    return true;
}

void load_result_free(struct load_result *result)
{
    for (size_t i = 0; i < LOAD_SPAN_COUNT; i++) {
        free(result->spans[i]);
    }
    free(result->intervals);
    *result = (struct load_result){0};
}

static void load_result_merge_counts(struct load_result *result, const struct load_result *other)
{
    result->requests += other->requests;
    result->refused += other->refused;
    result->retries += other->retries;
    result->aborted += other->aborted;
    result->unsent += other->unsent;
    result->slow += other->slow;
    result->slow_cut += other->slow_cut;
    result->continues += other->continues;
    result->preview_204 += other->preview_204;
    result->saved_bytes += other->saved_bytes;
    result->body_bytes += other->body_bytes;
    result->sent_bytes += other->sent_bytes;
    result->received_bytes += other->received_bytes;
    result->found += other->found;
    result->connects += other->connects;
    result->errors_total += other->errors_total;
}

void load_result_merge(struct load_result *result, const struct load_result *other)
{
    load_result_merge_counts(result, other);
    for (size_t i = 0; i < LOAD_CODE_MAX; i++) {
        result->codes[i] += other->codes[i];
    }
    for (size_t i = 0; i < LOAD_ERROR_COUNT; i++) {
        result->errors[i] += other->errors[i];
    }
    for (size_t i = 0; i < LOAD_SPAN_COUNT; i++) {
        histogram_merge(result->spans[i], other->spans[i]);
    }
}

const char *load_result_limit(const struct load_result *result)
{
    bool own = result->own_busiest >= LOAD_SHARE_FULL;
    if (!result->has_server) {
        return own ? "generator" : "unknown";
    }
    double share = result->seconds > 0 ? result->server_cpu_sec / result->seconds : 0;
    bool server = share >= LOAD_SHARE_FULL;
    return server ? (own ? "both" : "server") : own ? "generator" : "neither";
}
