/* SPDX-License-Identifier: MIT */
/*
 * fuzz_match - the matcher against the naive one.
 *
 * Input: one byte that says how the body is cut, the offset, a newline, the pattern, a newline, the
 * body. What is too large for the naive matcher, which is exponential, is skipped.
 */
#include "match/build.h"
#include "match/match.h"
#include "tests/fuzz/fuzz.h"
#include "tests/naive/naive.h"

#include <stdio.h>
#include <stdlib.h>

#define OFFSET_CAP  24
#define PATTERN_CAP 160
#define BODY_MAX    64
#define CHOICES_MAX 5 /* Gaps and alternatives. */

struct fuzz_source {
    struct slice body;
    size_t fed;
};

static const uint8_t *source_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct fuzz_source *source = ctx;

    ASSERT(offset < source->fed);
    *out_len = source->fed - (size_t)offset;
    return source->body.ptr + offset;
}

static bool text_take(struct slice text, char *out, size_t cap)
{
    if (text.len >= cap || memchr(text.ptr, '\0', text.len)) {
        return false;
    }
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

static bool is_small(const char *pattern)
{
    unsigned choices = 0;

    for (; *pattern; pattern++) {
        choices += strchr("*{[(|", *pattern) != NULL;
    }
    return choices <= CHOICES_MAX;
}

static enum match_status scan(struct match_db *db, struct slice body, size_t step)
{
    struct fuzz_source source = {.body = body};
    struct match_body matcher;
    struct match_finding finding;
    enum match_status status = MATCH_CLEAN;
    const bool began = match_body_begin(&matcher, db, (struct match_source){source_at, &source});

    ASSERT(began);
    while (source.fed < body.len && status == MATCH_CLEAN) {
        const size_t len = MIN_OF(step, body.len - source.fed);
        const struct slice bytes = slice_from(body.ptr + source.fed, len);

        source.fed += len;
        status = match_body_feed(&matcher, bytes, &finding);
    }
    if (status == MATCH_CLEAN) {
        do {
            status = match_body_end(&matcher, &finding);
        } while (status == MATCH_AGAIN);
    }
    match_body_fini(&matcher);
    return status;
}

static void compare(struct match_builder *builder, const char *offset, const char *pattern,
                    struct slice body, size_t step)
{
    const bool expected = naive_matches(offset, pattern, body.ptr, body.len);
    struct match_db *db = NULL;
    uint8_t *image = NULL;
    size_t image_len = 0;
    int r = match_builder_finish(builder, &image, &image_len);

    ASSERT(r == 0);
    r = match_db_open(&db, slice_from(image, image_len), 1);
    ASSERT(r == 0);
    const enum match_status status = scan(db, body, step);

    if (status != (expected ? MATCH_FOUND : MATCH_CLEAN)) {
        fprintf(stderr, "offset %s pattern %s: naive says %d, match %d\n", offset, pattern,
                expected, status);
        ASSERT(!"the matchers disagree");
    }
    match_db_close(db);
    free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice body = slice_from(data, len);
    char offset[OFFSET_CAP];
    char pattern[PATTERN_CAP];
    struct match_builder *builder = NULL;

    if (len < 3) {
        return 0;
    }
    const size_t step = 1 + data[0] % BODY_MAX;

    body = slice_skip(body, 1);
    if (!text_take(slice_split(&body, '\n'), offset, sizeof(offset)) ||
        !text_take(slice_split(&body, '\n'), pattern, sizeof(pattern)) || body.len > BODY_MAX ||
        !is_small(pattern)) {
        return 0;
    }
    int r = match_builder_new(&builder);

    ASSERT(r == 0);
    r = match_builder_add_body(builder, SLICE_OF("Fuzz"), 0, slice_from_str(offset),
                               slice_from_str(pattern));
    ASSERT(r >= 0);
    if (r == MATCH_BUILD_OK || r == MATCH_BUILD_SLOW) {
        compare(builder, offset, pattern, body, step);
    }
    match_builder_free(builder);
    return 0;
}
