/* SPDX-License-Identifier: MIT */
#include "base/assert.h"
#include "match/view.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* A raw body in pieces of odd sizes, as a store would hand them out. */
struct raw {
    const uint8_t *bytes;
    size_t len;
    size_t piece;
    bool fails;
};

static const uint8_t *raw_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct raw *raw = ctx;

    cr_assert_lt(offset, raw->len);
    *out_len = MIN_OF(raw->piece, raw->len - (size_t)offset);
    return raw->fails ? NULL : raw->bytes + offset;
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static uint8_t *page_new(size_t len)
{
    static const char *const parts[] = {"<p>Some  Words</p>\n",    "<a href=\"Link\">x</a>",
                                        "<!-- gone -->",           "&lt;&eacute;&#300; ",
                                        "<script>a = 1;</script>", "plain text\t\twith spaces\n"};
    uint8_t *bytes = malloc(len);
    uint32_t seed = 7;
    size_t used = 0;

    while (used < len) {
        const char *part = parts[next_random(&seed) % ARRAY_LEN(parts)];
        const size_t part_len = MIN_OF(strlen(part), len - used);

        memcpy(bytes + used, part, part_len);
        used += part_len;
    }
    return bytes;
}

struct fixture {
    struct view view;
    struct view_window *window;
    struct raw raw;
    uint8_t *raw_bytes;
    uint8_t *made; /* What the view was said to have made. */
    size_t made_len;
};

static void fixture_open(struct fixture *fixture, enum view_kind kind, size_t len)
{
    fixture->window = calloc(1, sizeof(*fixture->window));
    cr_assert_eq(view_window_init(fixture->window), 0);
    fixture->raw_bytes = page_new(len);
    fixture->raw = (struct raw){fixture->raw_bytes, 0, 5000, false};
    fixture->made = malloc(len * 8 + NORMAL_HTML_ROOM);
    fixture->made_len = 0;
    view_init(&fixture->view, kind, (struct match_source){raw_at, &fixture->raw}, fixture->window);
}

static void fixture_close(struct fixture *fixture)
{
    view_fini(&fixture->view);
    view_window_fini(fixture->window);
    free(fixture->window);
    free(fixture->raw_bytes);
    free(fixture->made);
}

static void fixture_take(struct fixture *fixture, struct slice made)
{
    memcpy(fixture->made + fixture->made_len, made.ptr, made.len);
    fixture->made_len += made.len;
    cr_assert_eq(fixture->view.now.at, fixture->made_len);
}

static void fixture_feed(struct fixture *fixture, size_t len)
{
    struct slice in = slice_from(fixture->raw_bytes + fixture->raw.len, len);

    fixture->raw.len += len;
    while (in.len > 0) {
        fixture_take(fixture, view_feed(&fixture->view, &in));
    }
}

/* As when another body took the window. */
static void fixture_forget(struct fixture *fixture)
{
    fixture->view.window->owner = NULL;
}

static void check_at(struct fixture *fixture, uint64_t offset)
{
    const struct match_source source = view_source(&fixture->view);
    size_t len = 0;
    const uint8_t *ptr = source.at(source.ctx, offset, &len);

    cr_assert_not_null(ptr);
    cr_assert_gt(len, 0);
    cr_assert_leq(offset + len, fixture->made_len);
    cr_assert_arr_eq(ptr, fixture->made + offset, len);
}

Test(view, any_place_reads_as_it_was_made)
{
    for (enum view_kind kind = 0; kind < VIEW_KINDS; kind++) {
        const size_t len = MIB(1);
        struct fixture fixture;
        uint32_t seed = 3;

        fixture_open(&fixture, kind, len);
        for (size_t at = 0; at < len; at += 32768) {
            fixture_feed(&fixture, 32768);
            for (int i = 0; i < 4; i++) {
                check_at(&fixture, next_random(&seed) % fixture.made_len);
            }
            if (at % 131072 == 0) {
                fixture_forget(&fixture);
            }
            check_at(&fixture, fixture.made_len - 1);
        }
        fixture_take(&fixture, view_end(&fixture.view));
        for (int i = 0; i < 200; i++) {
            if (i % 16 == 0) {
                fixture_forget(&fixture);
            }
            check_at(&fixture, next_random(&seed) % fixture.made_len);
        }
        check_at(&fixture, fixture.made_len - 1);
        fixture_close(&fixture);
    }
}

Test(view, what_is_held_back_comes_with_the_end)
{
    struct fixture fixture;

    fixture_open(&fixture, VIEW_NOCOMMENT, 4);
    memcpy(fixture.raw_bytes, "a <x", 4);
    fixture_feed(&fixture, 3);
    cr_assert_eq(fixture.made_len, 2);
    fixture_take(&fixture, view_end(&fixture.view));
    cr_assert_eq(fixture.made_len, 3);
    check_at(&fixture, 2);
    check_at(&fixture, 0);
    fixture_close(&fixture);
}

Test(view, marks_stay_few)
{
    struct fixture fixture;

    fixture_open(&fixture, VIEW_NOCOMMENT, MIB(16));
    fixture_feed(&fixture, MIB(16));
    cr_assert_leq(fixture.view.marks_len, VIEW_MARKS_MAX);
    cr_assert_gt(fixture.view.mark_bytes, VIEW_MARK_BYTES);
    for (uint32_t i = 1; i < fixture.view.marks_len; i++) {
        const uint64_t far = fixture.view.marks[i].at - fixture.view.marks[i - 1].at;

        cr_assert_leq(far, 2 * fixture.view.mark_bytes);
    }
    fixture_forget(&fixture);
    check_at(&fixture, fixture.made_len / 2);
    check_at(&fixture, 5);
    fixture_close(&fixture);
}

Test(view, two_views_share_a_window)
{
    struct fixture one;
    struct fixture two;
    uint32_t seed = 11;

    fixture_open(&one, VIEW_NOCOMMENT, KIB(300));
    fixture_open(&two, VIEW_NOTAGS, KIB(300));
    two.view.window = one.window;
    fixture_feed(&one, KIB(300));
    fixture_feed(&two, KIB(300));
    for (int i = 0; i < 50; i++) {
        check_at(&one, next_random(&seed) % one.made_len);
        check_at(&two, next_random(&seed) % two.made_len);
    }
    two.view.window = two.window;
    fixture_close(&one);
    fixture_close(&two);
}

Test(view, a_source_that_fails_says_so)
{
    struct fixture fixture;
    size_t len;

    fixture_open(&fixture, VIEW_TEXT, KIB(10));
    fixture_feed(&fixture, KIB(10));
    const struct match_source source = view_source(&fixture.view);

    fixture_forget(&fixture);
    fixture.raw.fails = true;
    cr_assert_null(source.at(source.ctx, 0, &len));
    cr_assert(!fixture.view.over);
    fixture.raw.fails = false;
    check_at(&fixture, 0);
    fixture_close(&fixture);
}

/* Looking back and forth costs; it ends. */
Test(view, work_has_a_limit)
{
    struct fixture fixture;
    size_t len;
    unsigned looks = 0;

    fixture_open(&fixture, VIEW_TEXT, MIB(8));
    fixture_feed(&fixture, MIB(8));
    const struct match_source source = view_source(&fixture.view);

    fixture_forget(&fixture);
    while (looks < 100000 && source.at(source.ctx, looks % 2 ? 0 : fixture.made_len - 1, &len)) {
        looks++;
    }
    cr_assert(fixture.view.over);
    cr_assert_gt(looks, 100);
    cr_assert_lt(looks, 100000);
    fixture_close(&fixture);
}

Test(view, what_is_beyond_the_limit_is_not_normalised)
{
    struct fixture fixture;

    fixture_open(&fixture, VIEW_TEXT, MIB(21));
    fixture_feed(&fixture, MIB(21));
    cr_assert_eq(fixture.view.now.raw, MIB(20));
    check_at(&fixture, fixture.made_len - 1);
    fixture_close(&fixture);
    fixture_open(&fixture, VIEW_NOTAGS, MIB(39));
    fixture_feed(&fixture, MIB(39));
    cr_assert_geq(fixture.made_len, MIB(8));
    cr_assert_leq(fixture.made_len, MIB(8) + VIEW_PIECE_CAP);
    fixture_close(&fixture);
}
