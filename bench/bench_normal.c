/* SPDX-License-Identifier: MIT */
/*
 * bench_normal - what normalising takes.
 *
 * bench_normal [FILE ...]
 *
 * Text, page without comments, page without tags, over a page that is made here or over files, in
 * pieces of 16 KiB: the median of 9 passes, in GB of raw bytes a second of processor time. Pages by
 * the state machine alone and with what the CPU has to help it, in turn.
 */
#include "base/clock.h"
#include "match/normal_html.h"
#include "match/normal_page.h"
#include "match/normal_text.h"

#include <stdio.h>
#include <stdlib.h>

#define BENCH_PASSES 9
#define BENCH_PIECE  KIB(16)
#define BENCH_LEN    MIB(1)
#define BENCH_MAX    MIB(64)

enum bench_kind {
    BENCH_TEXT,
    BENCH_NOCOMMENT,
    BENCH_NOTAGS,
    BENCH_KINDS
};

static size_t bench_pass(enum bench_kind kind, struct slice bytes)
{
    static uint8_t out[BENCH_PIECE];
    struct normal_text text = {0};
    struct normal_html html;
    size_t made = 0;

    normal_html_init(&html, kind == BENCH_NOTAGS ? NORMAL_NOTAGS : NORMAL_NOCOMMENT);
    while (bytes.len > 0) {
        struct slice piece = slice_from(bytes.ptr, MIN_OF(bytes.len, BENCH_PIECE));

        bytes = slice_skip(bytes, piece.len);
        while (piece.len > 0) {
            made += kind == BENCH_TEXT ? normal_text_run(&text, &piece, out, sizeof(out))
                                       : normal_html_run(&html, &piece, out, sizeof(out));
        }
    }
    return made;
}

static int bench_compare(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;

    return a < b ? -1 : a > b;
}

static void bench_bytes_way(const char *name, enum bench_kind kind, const char *way,
                            struct slice bytes)
{
    static const char *const kinds[BENCH_KINDS] = {"text", "nocomment", "notags"};
    double gb[BENCH_PASSES];
    size_t made = 0;

    for (unsigned pass = 0; pass < BENCH_PASSES; pass++) {
        const uint64_t start_ns = clock_cpu_ns();

        made = bench_pass(kind, bytes);
        gb[pass] = (double)bytes.len / (double)(clock_cpu_ns() - start_ns);
    }
    qsort(gb, BENCH_PASSES, sizeof(*gb), bench_compare);
    printf("%-20s %-9s %-7s %9zu bytes to %9zu  %6.3f GB/s  min %.3f max %.3f\n", name, kinds[kind],
           way, bytes.len, made, gb[BENCH_PASSES / 2], gb[0], gb[BENCH_PASSES - 1]);
}

static void bench_bytes(const char *name, struct slice bytes)
{
    static const struct {
        enum normal_page_way way;
        const char *name;
    } ways[] = {
        {NORMAL_PAGE_NONE, "machine"}, {NORMAL_PAGE_AVX2, "avx2"}, {NORMAL_PAGE_AVX512, "avx512"}};

    bench_bytes_way(name, BENCH_TEXT, "best", bytes);
    for (enum bench_kind kind = BENCH_NOCOMMENT; kind < BENCH_KINDS; kind++) {
        for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
            if (normal_page_force(ways[i].way)) {
                bench_bytes_way(name, kind, ways[i].name, bytes);
            }
        }
    }
}

/* Words, tags and blanks at about the frequencies of a page. */
static void bench_page(void)
{
    static const char *const words[] = {"<p>",
                                        "the ",
                                        "of ",
                                        "Request ",
                                        "and ",
                                        "server ",
                                        "</div>\n",
                                        "function ",
                                        "to ",
                                        "content ",
                                        "<b class=\"x\">",
                                        "</b>",
                                        "and ",
                                        "in a row ",
                                        "<a href=\"http://example.com/Page\">",
                                        "page</a>",
                                        "    \n",
                                        "&amp;",
                                        "text, and more. "};
    uint8_t *bytes = malloc(BENCH_LEN);
    uint32_t seed = 42;

    for (size_t at = 0; bytes && at < BENCH_LEN;) {
        seed = seed * 1664525U + 1013904223U;
        const struct slice word = slice_from_str(words[(seed >> 8) % ARRAY_LEN(words)]);
        const size_t len = MIN_OF(word.len, BENCH_LEN - at);

        memcpy(bytes + at, word.ptr, len);
        at += len;
    }
    if (bytes) {
        bench_bytes("made page", slice_from(bytes, BENCH_LEN));
    }
    free(bytes);
}

static int bench_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(BENCH_MAX);

    if (!file || !bytes) {
        perror(path);
        free(bytes);
        return 1;
    }
    bench_bytes(path, slice_from(bytes, fread(bytes, 1, BENCH_MAX, file)));
    fclose(file);
    free(bytes);
    return 0;
}

int main(int argc, char **argv)
{
    int code = 0;

    if (argc < 2) {
        bench_page();
    }
    for (int i = 1; i < argc; i++) {
        code |= bench_file(argv[i]);
    }
    return code;
}
