/* SPDX-License-Identifier: MIT */
/*
 * fuzz_normal - normalised text and pages, in pieces and looked at again.
 *
 * Input: one byte that says how the body is cut, the body. However it is cut, and whatever the CPU
 * can do, the same bytes come out as byte by byte, and a view finds each of them again.
 */
#include "match/normal_page.h"
#include "match/view.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#define BODY_MAX KIB(256)

struct fuzz_raw {
    struct slice body;
    size_t step;
};

static const uint8_t *raw_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct fuzz_raw *raw = ctx;

    ASSERT(offset < raw->body.len);
    *out_len = MIN_OF(raw->step, raw->body.len - (size_t)offset);
    return raw->body.ptr + offset;
}

/* Feeds pieces of `step` bytes and compares what is made with `wanted`, or fills it. */
static size_t feed(struct view *view, struct slice body, size_t step, uint8_t *wanted, bool fill)
{
    size_t len = 0;

    for (bool ended = false; !ended;) {
        struct slice piece = slice_from(body.ptr, MIN_OF(step, body.len));

        ended = body.len == 0;
        body = slice_skip(body, piece.len);
        do {
            const struct slice made = ended ? view_end(view) : view_feed(view, &piece);

            if (fill) {
                memcpy(wanted + len, made.ptr, made.len);
            }
            ASSERT(memcmp(wanted + len, made.ptr, made.len) == 0);
            len += made.len;
        } while (piece.len > 0);
    }
    return len;
}

static void look(struct view *view, const uint8_t *wanted, size_t len)
{
    const struct match_source source = view_source(view);

    for (size_t at = len; at > 0; at -= MIN_OF(at, len / 7 + 1)) {
        size_t have = 0;

        if (at % 2) {
            view->window->owner = NULL;
        }
        const uint8_t *ptr = source.at(source.ctx, at - 1, &have);

        ASSERT(ptr != NULL);
        ASSERT(have > 0 && have <= len - (at - 1));
        ASSERT(memcmp(ptr, wanted + at - 1, have) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct view view;
    static struct view_window window;

    if (len == 0 || len > BODY_MAX) {
        return 0;
    }
    if (!window.bytes) {
        const int r = view_window_init(&window);

        ASSERT(r == 0);
    }
    struct fuzz_raw raw = {slice_from(data + 1, len - 1), data[0] + 1U};
    const struct match_source source = {raw_at, &raw};
    uint8_t *wanted = calloc(len + NORMAL_HTML_ROOM, 8);

    ASSERT(wanted != NULL);
    for (unsigned kind = 0; kind < VIEW_KINDS; kind++) {
        (void)normal_page_force(NORMAL_PAGE_NONE);
        view_init(&view, (enum view_kind)kind, source, &window);
        const size_t made = feed(&view, raw.body, len, wanted, true);

        view_fini(&view);
        for (unsigned way = 0; way <= NORMAL_PAGE_NONE; way++) {
            if (!normal_page_force((enum normal_page_way)way)) {
                continue;
            }
            view_init(&view, (enum view_kind)kind, source, &window);
            const size_t whole = feed(&view, raw.body, len, wanted, false);

            view_fini(&view);
            view_init(&view, (enum view_kind)kind, source, &window);
            const size_t again = feed(&view, raw.body, raw.step, wanted, false);

            ASSERT(made == whole);
            ASSERT(made == again);
            look(&view, wanted, made);
            view_fini(&view);
        }
    }
    free(wanted);
    return 0;
}
