/* SPDX-License-Identifier: MIT */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "match/regex_find.h"

#include "base/assert.h"

#include <pcre2.h>
#include <stdlib.h>

#define REGEX_STACK_MIN KIB(32)
#define REGEX_STACK_MAX MIB(1)

struct regex_code {
    pcre2_code *code;
    bool tried;
};

struct regex_cache {
    const struct layout *layout;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    pcre2_match_data *data;
    struct regex_code codes[]; /* One for each of LAYOUT_REGEXES. */
};

struct regex_cache *regex_cache_new(const struct layout *layout)
{
    const size_t len = layout->len[LAYOUT_REGEXES];
    struct regex_cache *cache = calloc(1, sizeof(*cache) + len * sizeof(*cache->codes));

    if (!cache) {
        return NULL;
    }
    cache->layout = layout;
    cache->context = pcre2_match_context_create(NULL);
    cache->stack = pcre2_jit_stack_create(REGEX_STACK_MIN, REGEX_STACK_MAX, NULL);
    cache->data = pcre2_match_data_create(1, NULL);
    if (!cache->context || !cache->stack || !cache->data) {
        regex_cache_free(cache);
        return NULL;
    }
    pcre2_jit_stack_assign(cache->context, NULL, cache->stack);
    pcre2_set_match_limit(cache->context, REGEX_MATCH_LIMIT);
    pcre2_set_depth_limit(cache->context, REGEX_DEPTH_LIMIT);
    return cache;
}

void regex_cache_free(struct regex_cache *cache)
{
    if (!cache) {
        return;
    }
    for (uint32_t i = 0; i < cache->layout->len[LAYOUT_REGEXES]; i++) {
        pcre2_code_free(cache->codes[i].code);
    }
    pcre2_match_data_free(cache->data);
    pcre2_jit_stack_free(cache->stack);
    pcre2_match_context_free(cache->context);
    free(cache);
}

/* NULL when it does not compile: the builder has tried it, so then memory is short. */
static pcre2_code *regex_code(struct regex_cache *cache, uint32_t index)
{
    const struct layout_regex *regex = &cache->layout->regexes[index];
    struct regex_code *entry = &cache->codes[index];
    PCRE2_SIZE error_at;
    int error;

    if (!entry->tried) {
        entry->tried = true;
        entry->code = pcre2_compile((const uint8_t *)cache->layout->strings + regex->text,
                                    PCRE2_ZERO_TERMINATED, regex->options | PCRE2_USE_OFFSET_LIMIT,
                                    &error, &error_at, NULL);
        if (entry->code) {
            /* Without a compiler for this CPU it is interpreted. */
            (void)pcre2_jit_compile(entry->code, PCRE2_JIT_COMPLETE);
        }
    }
    return entry->code;
}

bool regex_find(struct regex_cache *cache, uint32_t index, struct slice subject,
                const struct regex_range *range, struct regex_match *out)
{
    const pcre2_code *code = regex_code(cache, index);

    ASSERT(range->from <= subject.len);
    if (!code) {
        return false;
    }
    pcre2_set_offset_limit(cache->context, range->to);
    const int result =
        pcre2_match(code, subject.ptr, subject.len, range->from,
                    range->anchored ? PCRE2_ANCHORED : 0, cache->data, cache->context);

    if (result < 0) {
        return false;
    }
    const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(cache->data);

    *out = (struct regex_match){offsets[0], offsets[1]};
    return true;
}
