/* SPDX-License-Identifier: MIT */
/*
 * bench_match - what the matcher takes for a body.
 *
 * bench_match [SET.ndb ...]
 *
 * With the built-in set of 30 signatures, or with the lines of the files that can be used: how long
 * one body takes from begin to fini for a few sizes and kinds of bytes, and how many bytes a second
 * that is. The bodies are made here, clean, and the same at every run; each figure is the median of
 * 9 passes.
 */
#include "base/clock.h"
#include "base/macro.h"
#include "match/build.h"
#include "match/match.h"

#include <stdio.h>
#include <stdlib.h>

#define BENCH_PASSES  9
#define BENCH_PASS_NS (30 * NS_PER_MS)

struct bench_body {
    const char *name;
    uint8_t *bytes;
    size_t len;
};

static const uint8_t *bench_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct bench_body *body = ctx;

    *out_len = body->len - (size_t)offset;
    return body->bytes + offset;
}

/* Feeds in pieces of 16 KiB, as they come from sockets. */
static enum match_status bench_scan(struct match_db *db, struct bench_body *body)
{
    static struct match_body matcher;
    struct match_finding finding;
    enum match_status status = MATCH_CLEAN;

    if (!match_body_begin(&matcher, db, (struct match_source){bench_at, body})) {
        abort();
    }
    for (size_t at = 0; at < body->len && status == MATCH_CLEAN; at += KIB(16)) {
        const size_t len = MIN_OF(body->len - at, KIB(16));

        status = match_body_feed(&matcher, slice_from(body->bytes + at, len), &finding);
    }
    if (status == MATCH_CLEAN) {
        do {
            status = match_body_end(&matcher, &finding);
        } while (status == MATCH_AGAIN);
    }
    match_body_fini(&matcher);
    return status;
}

static int bench_compare(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;

    return a < b ? -1 : a > b;
}

static void bench_body(struct match_db *db, struct bench_body *body)
{
    double ns[BENCH_PASSES];
    enum match_status status = bench_scan(db, body);

    for (unsigned pass = 0; pass < BENCH_PASSES; pass++) {
        const uint64_t start_ns = clock_now_ns();
        uint64_t end_ns = start_ns;
        unsigned count = 0;

        for (; end_ns - start_ns < BENCH_PASS_NS; end_ns = clock_now_ns()) {
            status = bench_scan(db, body);
            count++;
        }
        ns[pass] = (double)(end_ns - start_ns) / count;
    }
    qsort(ns, BENCH_PASSES, sizeof(*ns), bench_compare);
    const double median = ns[BENCH_PASSES / 2];

    printf("%-7s %8zu bytes  %12.0f ns a body  %7.3f GB/s  min %.0f max %.0f  %s\n", body->name,
           body->len, median, (double)body->len / median, ns[0], ns[BENCH_PASSES - 1],
           status == MATCH_CLEAN   ? "clean"
           : status == MATCH_FOUND ? "found"
                                   : "over budget");
}

/* ---- Bodies ---- */

static uint64_t bench_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Words, blanks and tags at about the frequencies of a page. */
static void bench_fill_text(struct bench_body *body)
{
    static const char *const words[] = {
        "<p>",   "the ",     "of ",       "request ", "and ",  "server ",   "</div>\n", "function ",
        "to ",   "content ", "class=\"x", "href=\"",  "var ",  "return ",   "if (",     "for ",
        "page ", "0123 ",    "style ",    "http://",  "index", "document.", "img src=", "\n    ",
    };
    uint64_t state = 42;

    for (size_t at = 0; at < body->len;) {
        const char *word = words[bench_random(&state) % ARRAY_LEN(words)];
        const size_t len = MIN_OF(strlen(word), body->len - at);

        memcpy(body->bytes + at, word, len);
        at += len;
    }
}

static void bench_fill_random(struct bench_body *body)
{
    uint64_t state = 43;

    for (size_t at = 0; at < body->len; at++) {
        body->bytes[at] = (uint8_t)(bench_random(&state) >> 32);
    }
}

/* This program, again and again. */
static void bench_fill_program(struct bench_body *body)
{
    FILE *self = fopen("/proc/self/exe", "rb");
    const size_t len = self ? fread(body->bytes, 1, body->len, self) : 0;

    if (self) {
        fclose(self);
    }
    for (size_t at = MAX_OF(len, (size_t)1); at < body->len; at++) {
        body->bytes[at] = body->bytes[at - MAX_OF(len, (size_t)1)];
    }
}

static void bench_fill_zero(struct bench_body *body)
{
    memset(body->bytes, 0, body->len);
}

/* ---- Sets ---- */

/* Markers of our own, written as a small set for a test system would be. */
static void bench_add_builtin(struct match_builder *builder)
{
    char name[32];
    char body[128];

    for (unsigned i = 0; i < 30; i++) {
        snprintf(name, sizeof(name), "Bench.Marker.%u", i);
        snprintf(body, sizeof(body), "42656e63684d61726b65723a%02x%02x%s", i, 255 - i,
                 i % 3 == 0 ? "{2-8}5aa5" : "c3");
        if (match_builder_add_body(builder, slice_from_str(name), i % 5 == 0 ? 1 : 0, SLICE_OF("*"),
                                   slice_from_str(body)) != 0) {
            abort();
        }
    }
}

static void bench_add_line(struct match_builder *builder, struct slice line, unsigned tally[2])
{
    struct slice rest = line;
    const struct slice name = slice_split(&rest, ':');
    const struct slice target = slice_split(&rest, ':');
    const struct slice offset = slice_split(&rest, ':');
    const struct slice body = slice_split(&rest, ':');
    uint64_t number = 0;

    if (!slice_parse_u64(target, &number)) {
        number = 0;
    }
    const int r = match_builder_add_body(builder, name, (unsigned)number, offset, body);

    tally[r != 0]++;
    if (r != 0) {
        printf("  %.*s: %s\n", (int)name.len, (const char *)name.ptr, match_builder_error(builder));
    }
}

static void bench_add_file(struct match_builder *builder, const char *path)
{
    FILE *file = fopen(path, "r");
    unsigned tally[2] = {0, 0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    if (!file) {
        perror(path);
        exit(1);
    }
    while ((len = getline(&line, &cap, file)) > 0) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) {
            len--;
        }
        if (len > 0 && line[0] != '#') {
            bench_add_line(builder, slice_from(line, (size_t)len), tally);
        }
    }
    free(line);
    fclose(file);
    printf("%s: %u used, %u refused\n", path, tally[0], tally[1]);
}

static struct match_db *bench_open(struct match_builder *builder)
{
    struct match_counts counts;
    struct match_db *db;
    uint8_t *image;
    size_t len;
    const uint64_t start_ns = clock_now_ns();

    if (match_builder_finish(builder, &image, &len) != 0) {
        fprintf(stderr, "%s\n", match_builder_error(builder));
        exit(1);
    }
    const uint64_t built_ns = clock_now_ns();

    if (match_db_open(&db, slice_from(image, len), 16) != 0) {
        fprintf(stderr, "the image does not open\n");
        exit(1);
    }
    match_db_counts(db, &counts);
    printf("%u patterns, %u triggers, %u databases, %.1f MB, built in %.0f ms, opened in %.2f ms\n",
           counts.patterns, counts.triggers, counts.databases, (double)len / 1e6,
           (double)(built_ns - start_ns) / 1e6, (double)(clock_now_ns() - built_ns) / 1e6);
    return db;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*fill)(struct bench_body *body);
    } kinds[] = {
        {"text", bench_fill_text},
        {"random", bench_fill_random},
        {"program", bench_fill_program},
        {"zero", bench_fill_zero},
    };
    static const size_t sizes[] = {100, KIB(1), KIB(10), MIB(1)};
    struct match_builder *builder;

    if (match_builder_new(&builder) != 0) {
        return 1;
    }
    if (argc == 1) {
        bench_add_builtin(builder);
    }
    for (int i = 1; i < argc; i++) {
        bench_add_file(builder, argv[i]);
    }
    struct match_db *db = bench_open(builder);

    match_builder_free(builder);
    for (size_t i = 0; i < ARRAY_LEN(kinds) * ARRAY_LEN(sizes); i++) {
        struct bench_body body = {.name = kinds[i / ARRAY_LEN(sizes)].name,
                                  .len = sizes[i % ARRAY_LEN(sizes)]};

        body.bytes = malloc(body.len);
        if (!body.bytes) {
            return 1;
        }
        kinds[i / ARRAY_LEN(sizes)].fill(&body);
        bench_body(db, &body);
        free(body.bytes);
    }
    match_db_close(db);
    return 0;
}
