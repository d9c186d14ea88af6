/* SPDX-License-Identifier: MIT */
#include "match/view.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/unmap.h"

#include <assert.h>
#include <sys/mman.h>

/* As far as ClamAV normalises by default: raw bytes of scripts and pages, bytes of a page's text.
 */
#define VIEW_TEXT_RAW_MAX   MIB(20)
#define VIEW_HTML_RAW_MAX   MIB(40)
#define VIEW_NOTAGS_OUT_MAX MIB(8)

/* A clean body takes a small part of it. */
#define VIEW_BUDGET_BASE     MIB(64)
#define VIEW_BUDGET_PER_BYTE 8

/*
 * Memory that a window keeps from one body to the next, for fresh pages cost as much as a search:
 * as much as the last one took, half of it when that was much less, never more than this.
 */
#define VIEW_WINDOW_KEPT_MIN KIB(256)
#define VIEW_WINDOW_KEPT_MAX MIB(4)

static_assert(VIEW_WINDOW_KEEP + VIEW_PIECE_CAP < VIEW_WINDOW_MAX, "the window must move on");
static_assert(VIEW_PIECE_CAP > NORMAL_HTML_ROOM, "room for one byte at least");

/* Normalises bytes off the front of `*in`; may stop early when room gets short. */
static size_t view_run(const struct view *view, struct view_state *state, struct slice *in,
                       uint8_t *out, size_t cap)
{
    const size_t before = in->len;
    const size_t made = view->kind == VIEW_TEXT
                            ? normal_text_run(&state->normal.text, in, out, cap)
                            : normal_html_run(&state->normal.html, in, out, cap);

    state->raw += before - in->len;
    state->at += made;
    return made;
}

static size_t view_run_end(const struct view *view, struct view_state *state, uint8_t *out)
{
    const size_t made = view->kind == VIEW_TEXT ? 0 : normal_html_end(&state->normal.html, out);

    state->at += made;
    return made;
}

static uint64_t view_raw_max(const struct view *view)
{
    return view->kind == VIEW_TEXT ? VIEW_TEXT_RAW_MAX : VIEW_HTML_RAW_MAX;
}

static bool view_is_full(const struct view *view)
{
    return view->now.raw == view_raw_max(view) ||
           (view->kind == VIEW_NOTAGS && view->now.at >= VIEW_NOTAGS_OUT_MAX);
}

/* ---- The window ---- */

int view_window_init(struct view_window *out_window)
{
    void *bytes = mmap(NULL, VIEW_WINDOW_CAP, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (bytes == MAP_FAILED) {
        return ERR_NEW(-ENOMEM);
    }
    out_window->owner = NULL;
    out_window->touched = 0;
    out_window->kept = 0;
    out_window->bytes = bytes;
    out_window->mapped = VIEW_WINDOW_CAP;
    return 0;
}

bool view_window_fini_slice(struct view_window *window)
{
    if (!window->bytes) {
        return true;
    }
    if (unmap_slice(window->bytes, &window->mapped)) {
        window->bytes = NULL;
    }
    return !window->bytes;
}

void view_window_fini(struct view_window *window)
{
    while (!view_window_fini_slice(window)) {
    }
}

static void window_add(struct view_window *window, size_t made)
{
    window->len += made;
    window->touched = MAX_OF(window->touched, window->len + VIEW_PIECE_CAP);
}

/* Gives back what the next body is not likely to need. */
static void window_shrink(struct view_window *window)
{
    const size_t used = MAX_OF(window->kept, window->touched);
    const size_t wish = window->touched >= used / 2 ? used : used / 2 / KIB(4) * KIB(4);
    const size_t keep = MIN_OF(MAX_OF(wish, VIEW_WINDOW_KEPT_MIN), VIEW_WINDOW_KEPT_MAX);

    if (used > keep) {
        (void)madvise(window->bytes + keep, VIEW_WINDOW_CAP - keep, MADV_DONTNEED);
    }
    window->kept = MIN_OF(used, keep);
    window->touched = 0;
}

/* ---- Forward ---- */

void view_init(struct view *view, enum view_kind kind, struct match_source raw,
               struct view_window *window)
{
    view->raw = raw;
    view->window = window;
    view->kind = (uint8_t)kind;
    view->ended = false;
    view->over = false;
    view->mark_bytes = VIEW_MARK_BYTES;
    view->budget = VIEW_BUDGET_BASE;
    view->now = (struct view_state){0};
    if (kind == VIEW_TEXT) {
        view->now.normal.text = (struct normal_text){0};
    } else {
        normal_html_init(&view->now.normal.html,
                         kind == VIEW_NOTAGS ? NORMAL_NOTAGS : NORMAL_NOCOMMENT);
    }
    view->marks[0] = view->now;
    view->marks_len = 1;
}

void view_fini(struct view *view)
{
    struct view_window *window = view->window;

    if (window->owner == view) {
        window->owner = NULL;
        window_shrink(window);
    }
}

static void view_mark(struct view *view)
{
    if (view->now.at - view->marks[view->marks_len - 1].at < view->mark_bytes) {
        return;
    }
    if (view->marks_len == VIEW_MARKS_MAX) {
        for (uint32_t i = 0; i < VIEW_MARKS_MAX / 2; i++) {
            view->marks[i] = view->marks[2 * (size_t)i];
        }
        view->marks_len = VIEW_MARKS_MAX / 2;
        view->mark_bytes *= 2;
    }
    view->marks[view->marks_len++] = view->now;
}

/*
 * Where new bytes are made: behind those in the window when it has all of the view so far and room,
 * so that nothing will have to be made again; else where they last until the next call.
 */
static uint8_t *view_place(struct view *view)
{
    struct view_window *window = view->window;

    if (!window->owner && view->now.at == 0) {
        window->owner = view;
        window->at = 0;
        window->len = 0;
        window->next = view->now;
    }
    if (window->owner == view && window->next.at == view->now.at && window->at == 0 &&
        window->len <= VIEW_WINDOW_CAP - VIEW_PIECE_CAP) {
        return window->bytes + window->len;
    }
    return window->piece;
}

static struct slice view_made(struct view *view, const uint8_t *place, size_t made)
{
    struct view_window *window = view->window;

    if (place != window->piece) {
        window_add(window, made);
        window->next = view->now;
    }
    return slice_from(place, made);
}

struct slice view_feed(struct view *view, struct slice *in)
{
    const uint64_t left = view_raw_max(view) - view->now.raw;
    struct slice taken = slice_from(in->ptr, (size_t)MIN_OF((uint64_t)in->len, left));
    const size_t len = taken.len;

    ASSERT(!view->ended);
    if (view_is_full(view)) {
        *in = slice_skip(*in, in->len);
        return slice_from(NULL, 0);
    }
    uint8_t *place = view_place(view);
    const size_t made = view_run(view, &view->now, &taken, place, VIEW_PIECE_CAP);

    *in = slice_skip(*in, view_is_full(view) ? in->len : len - taken.len);
    view->budget += (len - taken.len) * VIEW_BUDGET_PER_BYTE;
    view_mark(view);
    return view_made(view, place, made);
}

struct slice view_end(struct view *view)
{
    uint8_t *place = view_place(view);

    ASSERT(!view->ended);
    view->ended = true;
    return view_made(view, place, view_run_end(view, &view->now, place));
}

/* ---- Back ---- */

/* The last mark at or before `at`. */
static const struct view_state *view_find_mark(const struct view *view, uint64_t at)
{
    uint32_t low = 0;
    uint32_t high = view->marks_len;

    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;

        if (view->marks[middle].at <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &view->marks[low];
}

/* Whether all of the view is to be in the window. */
static bool window_is_whole(const struct view *view)
{
    return view->ended && view->now.at <= VIEW_WINDOW_CAP - VIEW_PIECE_CAP;
}

/* Puts the window where the way to `at` is shortest. */
static void window_place(struct view_window *window, const struct view *view, uint64_t at)
{
    const bool whole = window_is_whole(view);
    const struct view_state *mark = whole ? &view->marks[0] : view_find_mark(view, at);

    if (window->owner == view && window->at <= (whole ? 0 : at) && mark->at <= window->next.at) {
        return;
    }
    window->owner = view;
    window->at = mark->at;
    window->len = 0;
    window->next = *mark;
}

static void window_move_on(struct view_window *window)
{
    if (window->len > VIEW_WINDOW_KEEP) {
        memmove(window->bytes, window->bytes + window->len - VIEW_WINDOW_KEEP, VIEW_WINDOW_KEEP);
        window->at += window->len - VIEW_WINDOW_KEEP;
        window->len = VIEW_WINDOW_KEEP;
    }
}

/* Makes the next bytes; false when the raw source fails or the budget is used up. */
static bool window_grow(struct view_window *window, struct view *view)
{
    struct view_state *next = &window->next;
    size_t len = 0;

    if (!window_is_whole(view) && window->len > VIEW_WINDOW_MAX - VIEW_PIECE_CAP) {
        window_move_on(window);
    }
    if (next->raw == view->now.raw) {
        ASSERT(view->ended);
        window_add(window, view_run_end(view, next, window->bytes + window->len));
        return true;
    }
    const uint8_t *ptr = view->raw.at(view->raw.ctx, next->raw, &len);

    if (!ptr || len == 0 || view->over) {
        return false;
    }
    len =
        (size_t)MIN_OF(MIN_OF((uint64_t)len, view->now.raw - next->raw), (uint64_t)VIEW_PIECE_CAP);
    view->over = view->budget < len;
    view->budget -= view->over ? 0 : len;
    struct slice in = slice_from(ptr, len);

    window_add(window, view_run(view, next, &in, window->bytes + window->len, VIEW_PIECE_CAP));
    return !view->over;
}

static const uint8_t *view_at(void *ctx, uint64_t offset, size_t *out_len)
{
    struct view *view = ctx;
    struct view_window *window = view->window;

    ASSERT(offset < view->now.at);
    window_place(window, view, offset);
    while (offset >= window->next.at) {
        if (!window_grow(window, view)) {
            window->owner = NULL;
            return NULL;
        }
    }
    ASSERT(offset >= window->at);
    *out_len = (size_t)(window->next.at - offset);
    return window->bytes + (offset - window->at);
}

struct match_source view_source(struct view *view)
{
    return (struct match_source){view_at, view};
}
