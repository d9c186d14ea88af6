/* SPDX-License-Identifier: MIT */
#include "match/build_test.h"

#include "base/clock.h"
#include "match/build_specimen.h"
#include "match/match.h"

#include <stdarg.h>
#include <stdio.h>

struct build_test {
    struct layout layout;
    struct match_db *db;
    struct match_body body; /* What a finding is called may lie in it. */
    struct specimen specimen;
    uint64_t until_ns;
    struct build_test_result *result;
};

PRINTF_LIKE(2, 3) static bool build_test_fail(struct build_test *test, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(test->result->error, sizeof(test->result->error), format, args);
    va_end(args);
    return false;
}

static const uint8_t *build_test_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct slice *bytes = ctx;

    *out_len = bytes->len - (size_t)offset;
    return bytes->ptr + offset;
}

static enum match_status build_test_scan(struct build_test *test, struct slice bytes,
                                         struct match_finding *out)
{
    struct match_body *body = &test->body;
    enum match_status status;

    if (!match_body_begin(body, test->db, (struct match_source){build_test_at, &bytes})) {
        return MATCH_FAILED;
    }
    status = match_body_feed(body, bytes, out);
    if (status == MATCH_CLEAN) {
        do {
            status = match_body_end(body, out);
        } while (status == MATCH_AGAIN);
    }
    match_body_fini(body);
    return status;
}

/* Anything found will do: signatures overlap, and the first to be certain is told. */
static bool build_test_judge(struct build_test *test, uint32_t threat)
{
    const struct slice bytes = slice_from(test->specimen.bytes, test->specimen.len);
    struct match_finding finding;
    const enum match_status status = build_test_scan(test, bytes, &finding);

    if (status == MATCH_FOUND || status == MATCH_OVER_BUDGET) {
        test->result->specimens++;
        return true;
    }
    return build_test_fail(test, "%.255s is not found in a body made for it",
                           test->layout.strings + test->layout.threats[threat].name);
}

static bool build_test_is_late(const struct build_test *test)
{
    return clock_now_ns() > test->until_ns;
}

/* Every n-th, so that all kinds and all parts of the set are met. */
static uint32_t build_test_step(uint32_t len)
{
    return MAX_OF(len / BUILD_TEST_SAMPLE, 1);
}

static bool build_test_bodies(struct build_test *test)
{
    const uint32_t len = test->layout.header->alone_len;

    for (uint32_t i = 0; i < len && !build_test_is_late(test); i += build_test_step(len)) {
        const struct program_signature *signature = &test->layout.signatures[i];

        if (signature->logic != PROGRAM_NONE || signature->threat == PROGRAM_NONE ||
            !specimen_make_body(&test->specimen, i)) {
            test->result->passed_over++;
        } else if (!build_test_judge(test, signature->threat)) {
            return false;
        }
    }
    return true;
}

static bool build_test_logics(struct build_test *test)
{
    const uint32_t len = test->layout.len[LAYOUT_LOGICS];

    for (uint32_t i = 0; i < len && !build_test_is_late(test); i += build_test_step(len)) {
        if (!specimen_make_logic(&test->specimen, i)) {
            test->result->passed_over++;
        } else if (!build_test_judge(test, test->layout.logics[i].threat)) {
            return false;
        }
    }
    return true;
}

static bool build_test_harmless(struct build_test *test)
{
    static uint8_t zeros[4096];
    const struct {
        const char *what;
        struct slice bytes;
    } rows[] = {
        {"zeros", slice_from(zeros, sizeof(zeros))},
        {"a line of text", SLICE_OF("The quick brown fox jumps over the lazy dog.\n")},
        {"an empty page",
         SLICE_OF("<!DOCTYPE html>\n<html>\n<head>\n<title>Empty</title>\n</head>\n"
                  "<body>\n<p>Nothing.</p>\n</body>\n</html>\n")},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct match_finding finding;

        if (build_test_scan(test, rows[i].bytes, &finding) == MATCH_FOUND) {
            return build_test_fail(test, "%.255s is found in %s", finding.name, rows[i].what);
        }
    }
    return true;
}

bool build_test_run(struct slice image, struct build_test_result *out)
{
    struct build_test test = {.result = out};
    int r;
    bool good;

    *out = (struct build_test_result){0};
    r = layout_open(&test.layout, image);
    r = r == 0 ? match_db_open(&test.db, image, 1) : r;
    r = r == 0 ? specimen_init(&test.specimen, &test.layout) : r;
    test.until_ns = clock_now_ns() + BUILD_TEST_NS;
    if (r == 0) {
        good = build_test_harmless(&test) && build_test_logics(&test) && build_test_bodies(&test);
    } else {
        good = build_test_fail(&test, "it cannot be opened: %s", strerror(-r));
    }
    specimen_fini(&test.specimen);
    match_db_close(test.db);
    return good;
}
