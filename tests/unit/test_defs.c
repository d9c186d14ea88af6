/* SPDX-License-Identifier: MIT */
/* Definition sets: lines, set.yaml, the ISTag. */
#include "defs/defs.h"
#include "defs/lines.h"
#include "defs/setinfo.h"

#include <criterion/criterion.h>

#include <errno.h>

/* ---- lines ---- */

struct lines_seen {
    unsigned len;
    unsigned numbers[16];
    char text[256];
    size_t text_len;
    unsigned too_long;
    unsigned stop_at;
};

static int lines_see(void *ctx, unsigned number, struct slice text)
{
    struct lines_seen *seen = ctx;

    if (number == seen->stop_at) {
        return -ECANCELED;
    }
    cr_assert_lt(seen->len, ARRAY_LEN(seen->numbers));
    seen->numbers[seen->len++] = number;
    if (text.ptr == NULL) {
        seen->too_long++;
        return 0;
    }
    cr_assert_lt(seen->text_len + text.len + 1, sizeof(seen->text));
    memcpy(seen->text + seen->text_len, text.ptr, text.len);
    seen->text_len += text.len;
    seen->text[seen->text_len++] = '|';
    return 0;
}

static uint8_t lines_block[LINES_MAX];

/* Feeds `input` cut at `first`, or in pieces of `step` bytes. */
static struct lines_seen lines_run(struct slice input, size_t first, size_t step)
{
    struct lines_seen seen = {0};
    struct lines lines;

    lines_init(&lines, lines_block, lines_see, &seen);
    cr_assert_eq(lines_feed(&lines, slice_from(input.ptr, first)), 0);
    for (size_t at = first; at < input.len; at += step) {
        cr_assert_eq(lines_feed(&lines, slice_from(input.ptr + at, MIN_OF(step, input.len - at))),
                     0);
    }
    cr_assert_eq(lines_end(&lines), 0);
    return seen;
}

Test(lines, every_split_gives_the_same_lines)
{
    const struct {
        struct slice input;
        const char *expected;
    } rows[] = {
        {SLICE_OF(""), ""},
        {SLICE_OF("a"), "a|"},
        {SLICE_OF("a\n"), "a|"},
        {SLICE_OF("a\r\nb\r\n"), "a|b|"},
        {SLICE_OF("\n\nx\n"), "||x|"},
        {SLICE_OF("a\rb\n\r\nc\r"), "a\rb||c|"},
        {SLICE_OF("one\ntwo\r\nthree"), "one|two|three|"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct slice input = rows[i].input;

        for (size_t first = 0; first <= input.len; first++) {
            for (size_t step = 1; step <= input.len + 1; step++) {
                const struct lines_seen seen = lines_run(input, first, step);

                cr_assert_eq(seen.text_len, strlen(rows[i].expected), "row %zu", i);
                cr_assert_eq(memcmp(seen.text, rows[i].expected, seen.text_len), 0, "row %zu", i);
                for (unsigned n = 0; n < seen.len; n++) {
                    cr_assert_eq(seen.numbers[n], n + 1);
                }
            }
        }
    }
}

Test(lines, a_line_at_the_limit_passes_and_one_over_it_is_told)
{
    static uint8_t input[LINES_MAX + 16];
    struct slice whole;

    memset(input, 'x', sizeof(input));
    input[LINES_MAX + 1] = '\n';
    input[LINES_MAX + 2] = 'y';
    whole = slice_from(input, LINES_MAX + 3);
    for (size_t step = 1; step <= whole.len; step = step * 3 + 1) {
        const struct lines_seen seen = lines_run(whole, 0, step);

        cr_assert_eq(seen.len, 2, "step %zu", step);
        cr_assert_eq(seen.too_long, 1);
        cr_assert_eq(memcmp(seen.text, "y|", 2), 0);
    }

    struct lines lines;
    struct lines_seen last = {0};

    lines_init(&lines, lines_block, lines_see, &last);
    cr_assert_eq(lines_feed(&lines, slice_from(input, LINES_MAX + 1)), 0);
    cr_assert_eq(lines_end(&lines), 0);
    cr_assert_eq(last.too_long, 1, "a long last line without a line end");
}

Test(lines, what_take_returns_ends_the_reading)
{
    struct lines_seen seen = {.stop_at = 2};
    struct lines lines;

    lines_init(&lines, lines_block, lines_see, &seen);
    cr_assert_eq(lines_feed(&lines, SLICE_OF("a\nb\nc\n")), -ECANCELED);
    cr_assert_eq(seen.len, 1);
}

/* ---- set.yaml ---- */

Test(setinfo, takes_what_the_guide_shows)
{
    struct defs_meta meta;
    char error[DEFS_ERROR_CAP] = "";

    setinfo_init(&meta, "folder", 0);
    cr_assert(setinfo_parse(SLICE_OF("name: baleen-base\nversion: 20261120.001\nsequence: 7\n"
                                     "certified: true\nproduced: 2026-11-20\n"),
                            "f", &meta, error),
              "%s", error);
    cr_assert_str_eq(meta.name, "baleen-base");
    cr_assert_str_eq(meta.version, "20261120.001");
    cr_assert_str_eq(meta.produced, "2026-11-20");
    cr_assert_eq(meta.sequence, 7);
    cr_assert_eq(meta.certified, 1);
}

Test(setinfo, missing_keys_keep_what_the_folder_says)
{
    struct defs_meta meta;
    char error[DEFS_ERROR_CAP] = "";

    setinfo_init(&meta, "my\x1b set", 1795168000);
    cr_assert(setinfo_parse(SLICE_OF("sequence: 18446744073709551615\n"), "f", &meta, error), "%s",
              error);
    cr_assert_str_eq(meta.name, "my_ set");
    cr_assert_str_eq(meta.version, "20261120.000");
    cr_assert_str_eq(meta.produced, "2026-11-20");
    cr_assert_eq(meta.sequence, UINT64_MAX);
    cr_assert_eq(meta.certified, 0);
}

Test(setinfo, broken_files_are_refused_with_their_line)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"", "f:1: the file is empty"},
        {"# only a comment\n", "f:1: the file is empty"},
        {"- a\n- b\n", "f:1: expected lines"},
        {"just words\n", "f:1: expected lines"},
        {"name: x\nsequence: [1]\n", "f:2: sequence takes"},
        {"name: x\nsequence: \"1\"\n", "f:2: sequence takes"},
        {"sequence: -1\n", "f:1: sequence takes"},
        {"sequence: 1.5\n", "f:1: sequence takes"},
        {"sequence: 18446744073709551616\n", "f:1: sequence takes"},
        {"sequence:\n", "f:1: sequence takes"},
        {"name:\n", "f:1: name takes"},
        {"name: {a: b}\n", "f:1: name takes"},
        {"name: \"a\\tb\"\n", "f:1: name takes"},
        {"certified: yes\n", "f:1: certified takes"},
        {"certified: \"true\"\n", "f:1: certified takes"},
        {"certified: !!str true\nname: 7\nversion: 20261120\n", "f:3: version takes"},
        {"version: 20261320.001\n", "f:1: version takes"},
        {"version: 20260229.001\n", "f:1: version takes"},
        {"version: 2026112.0001\n", "f:1: version takes"},
        {"version: 20261120.01\n", "f:1: version takes"},
        {"version: 20261120.0011\n", "f:1: version takes"},
        {"version: 20261120-001\n", "f:1: version takes"},
        {"produced: yesterday\n", "f:1: produced takes"},
        {"produced: 2026-11-31\n", "f:1: produced takes"},
        {"produced: 2026-11-20 10:00\n", "f:1: produced takes"},
        {"name: x\nversoin: 20261120.001\n", "f:2: unknown key"},
        {"name: x\nname: y\n", "f:2: the key stands there twice"},
        {"? [a]\n: b\n", "f:1: a key is a plain word"},
        {"name: x\n---\nname: y\n", "a second document"},
        {"name: x\n  sequence: 1\n", "f:2: "},
        {"name: \"x\n", "f:"},
        {"name: *nowhere\n", "f:1: "},
        {"\x01", "f:1: "},
        {"name: x\n\xff\xfe\n", "f:"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct defs_meta meta;
        struct defs_meta before;
        char error[DEFS_ERROR_CAP] = "";

        setinfo_init(&meta, "folder", 0);
        before = meta;
        cr_assert_not(setinfo_parse(slice_from_str(rows[i].text), "f", &meta, error), "row %zu", i);
        cr_assert(strstr(error, rows[i].error) != NULL, "row %zu: %s", i, error);
        cr_assert(strchr(error, '\n') == NULL, "row %zu", i);
        cr_assert_eq(memcmp(&meta, &before, sizeof(meta)), 0, "row %zu", i);
    }
}

Test(setinfo, deep_nesting_and_alias_bombs_end_quickly)
{
    static char text[SETINFO_FILE_MAX];
    struct defs_meta meta;
    char error[DEFS_ERROR_CAP];

    setinfo_init(&meta, "folder", 0);
    memset(text, '[', sizeof(text));
    cr_assert_not(setinfo_parse(slice_from(text, sizeof(text)), "f", &meta, error));
    cr_assert_not(setinfo_parse(SLICE_OF("a: &a [x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b,*b]\n"), "f",
                                &meta, error));
}

/* ---- ISTag ---- */

Test(istag, depends_on_each_part_and_on_nothing_else)
{
    uint8_t digest[DEFS_DIGEST_LEN] = {1};
    uint8_t other[DEFS_DIGEST_LEN] = {2};
    char tags[6][DEFS_ISTAG_CAP];
    char again[DEFS_ISTAG_CAP];

    defs_istag(digest, SLICE_OF("a=1\n"), "1.0", tags[0]);
    defs_istag(other, SLICE_OF("a=1\n"), "1.0", tags[1]);
    defs_istag(digest, SLICE_OF("a=2\n"), "1.0", tags[2]);
    defs_istag(digest, SLICE_OF("a=1\n"), "1.1", tags[3]);
    defs_istag(digest, SLICE_OF("a=1\n1.0"), "", tags[4]);
    defs_istag(digest, SLICE_OF(""), "a=1\n1.0", tags[5]);
    defs_istag(digest, SLICE_OF("a=1\n"), "1.0", again);
    cr_assert_str_eq(tags[0], again);
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        cr_assert_eq(strlen(tags[i]), DEFS_ISTAG_CAP - 1);
        cr_assert_eq(strspn(tags[i], "0123456789ABCDEF"), DEFS_ISTAG_CAP - 1);
        for (size_t j = 0; j < i; j++) {
            cr_assert_str_neq(tags[i], tags[j]);
        }
    }
}
