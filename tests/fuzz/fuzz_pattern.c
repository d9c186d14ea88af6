/* SPDX-License-Identifier: MIT */
/*
 * fuzz_pattern - the texts of a body signature.
 *
 * Input: the offset, a newline, the pattern. Whatever the parser says, it says why in one line, and
 * what it takes counts as one.
 */
#include "match/build.h"
#include "match/pattern.h"
#include "tests/fuzz/fuzz.h"

static void check_clusters(const struct pattern *pattern)
{
    ASSERT(pattern->clusters.len > 0);
    for (size_t i = 0; i < pattern->clusters.len; i++) {
        const struct program_cluster *cluster = vec_at(&pattern->clusters, i);

        ASSERT(cluster->op_len > 0);
        ASSERT(cluster->len_min > 0);
        ASSERT(cluster->len_min <= cluster->len_max);
        ASSERT(cluster->op_first + cluster->op_len <= pattern->ops.len);
    }
}

static void check_builder(struct slice offset, struct slice body, int parsed)
{
    struct match_builder *builder = NULL;
    int r = match_builder_new(&builder);

    ASSERT(r == 0);
    r = match_builder_add_body(builder, SLICE_OF("Fuzz"), 0, offset, body);
    ASSERT(r >= 0);
    ASSERT((r == MATCH_BUILD_OK || r == MATCH_BUILD_SLOW) == (match_builder_len(builder) == 1));
    if (r != MATCH_BUILD_OK) {
        ASSERT(match_builder_error(builder)[0] != '\0');
        ASSERT(!strchr(match_builder_error(builder), '\n'));
    }
    if (parsed != MATCH_BUILD_OK) {
        ASSERT(r != MATCH_BUILD_OK);
    }
    match_builder_free(builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice body = slice_from(data, len);
    const struct slice offset = slice_split(&body, '\n');
    char error[PATTERN_ERROR_CAP] = "";
    struct pattern pattern;
    const int parsed = pattern_parse(&pattern, body, 0, error);

    ASSERT(parsed >= 0);
    ASSERT((parsed == MATCH_BUILD_OK) == (error[0] == '\0'));
    if (parsed == MATCH_BUILD_OK) {
        check_clusters(&pattern);
    }
    pattern_free(&pattern);
    check_builder(offset, body, parsed);
    return 0;
}
