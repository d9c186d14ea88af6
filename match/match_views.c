/* SPDX-License-Identifier: MIT */
#include "match/match_views.h"

#include "base/assert.h"

#define VIEWS_SLICE_BYTES KIB(256)

static bool views_wanted(const struct match_db *db, enum match_target target)
{
    return db->layout.header->targets >> target & 1;
}

static void views_add(struct match_body *body, enum view_kind kind)
{
    struct match_views *views = body->views;
    const uint32_t i = views->len++;
    const enum match_target target = kind == VIEW_TEXT ? MATCH_TARGET_ASCII : MATCH_TARGET_HTML;

    views->taken[i] = 0;
    view_init(&views->view[i], kind, body->source, &body->db->view_windows[kind]);
    match_body_begin_view(&views->body[i], body->db, view_source(&views->view[i]), target);
}

enum match_target views_begin(struct match_body *body, enum match_target target)
{
    const bool page = target == MATCH_TARGET_HTML;
    const bool text = target == MATCH_TARGET_ASCII || target == MATCH_TARGET_MAIL;
    const bool text_wanted = text && views_wanted(body->db, MATCH_TARGET_ASCII);
    const bool page_wanted = (text || page) && views_wanted(body->db, MATCH_TARGET_HTML);

    if (text_wanted || page_wanted) {
        struct match_views *views = pool_take(&body->db->views);

        ASSERT(views != NULL);
        body->views = views;
        views->len = 0;
        views->end_at = 0;
        views->tail_len = 0;
        views->watched = 0;
        views->watches = text && page_wanted;
        views->page = false;
        if (text_wanted) {
            views_add(body, VIEW_TEXT);
        }
        if (page) {
            views_add(body, VIEW_NOCOMMENT);
            views_add(body, VIEW_NOTAGS);
        }
    }
    return page || target == MATCH_TARGET_ASCII ? MATCH_TARGET_ANY : target;
}

/* ---- Bytes ---- */

/* What the view's body came to is the body's as well. */
static void views_adopt(struct match_body *body, uint32_t i)
{
    const struct match_views *views = body->views;
    const struct match_body *child = &views->body[i];
    const struct match_slot *child_slot = child->slot;
    struct match_slot *slot = body->slot;

    if (child->found != MATCH_NONE) {
        body->found = child->found;
        body->found_number = child->found_number;
    }
    slot->undecided |= child_slot->over || (child_slot->failed && views->view[i].over);
    slot->failed |= child_slot->failed && !views->view[i].over;
}

static void views_give_made(struct match_body *body, uint32_t i, struct slice made)
{
    struct match_views *views = body->views;
    struct match_finding finding;

    if (made.len > 0) {
        (void)!match_body_feed(&views->body[i], made, &finding);
        views_adopt(body, i);
    }
}

/* Normalises some of the bytes; returns how many. */
static size_t views_give(struct match_body *body, uint32_t i, struct slice bytes)
{
    struct match_views *views = body->views;
    const size_t before = bytes.len;
    const struct slice made = view_feed(&views->view[i], &bytes);

    views->taken[i] += before - bytes.len;
    views_give_made(body, i, made);
    return before - bytes.len;
}

/* Gives a view what it has not seen of the bytes before `to`, some of it. */
static void views_catch_up(struct match_body *body, uint32_t i, uint64_t to)
{
    struct match_views *views = body->views;
    struct match_slot *slot = body->slot;
    const uint64_t stop = MIN_OF(to, views->taken[i] + VIEWS_SLICE_BYTES);

    while (views->taken[i] < stop && body->found == MATCH_NONE && !slot->failed) {
        size_t len = 0;
        const uint8_t *ptr = body->source.at(body->source.ctx, views->taken[i], &len);

        if (!ptr || len == 0) {
            slot->failed = true;
        } else {
            len = (size_t)MIN_OF((uint64_t)len, stop - views->taken[i]);
            (void)views_give(body, i, slice_from(ptr, len));
        }
    }
}

/* The tag may stand across the border. */
static void views_watch(struct match_views *views, struct slice bytes)
{
    uint8_t border[2 * (FILETYPE_PAGE_MAX - 1)];
    const size_t first = MIN_OF(bytes.len, (size_t)FILETYPE_PAGE_MAX - 1);
    const size_t len = views->tail_len + first;

    memcpy(border, views->tail, views->tail_len);
    memcpy(border + views->tail_len, bytes.ptr, first);
    views->page =
        filetype_find_page(slice_from(border, len)) < len || filetype_find_page(bytes) < bytes.len;
    views->watches = !views->page;
    views->watched += bytes.len;

    const uint8_t *end = bytes.len > first ? bytes.ptr + bytes.len : border + len;

    views->tail_len = (uint8_t)MIN_OF(sizeof(views->tail), bytes.len > first ? first : len);
    memcpy(views->tail, end - views->tail_len, views->tail_len);
}

/* What came before the type was known: a probe at most. */
static void views_watch_old(struct match_body *body, uint64_t to)
{
    struct match_views *views = body->views;

    while (views->watches && views->watched < to) {
        size_t len = 0;
        const uint8_t *ptr = body->source.at(body->source.ctx, views->watched, &len);

        if (!ptr || len == 0) {
            ((struct match_slot *)body->slot)->failed = true;
            return;
        }
        len = (size_t)MIN_OF((uint64_t)len, to - views->watched);
        views_watch(views, slice_from(ptr, len));
    }
}

void views_feed(struct match_body *body, struct slice bytes)
{
    struct match_views *views = body->views;

    if (!views) {
        return;
    }
    views_watch_old(body, body->fed - bytes.len);
    if (views->watches && bytes.len > 0) {
        views_watch(views, bytes);
    }
    for (uint32_t i = 0; i < views->len && body->found == MATCH_NONE; i++) {
        struct slice rest = bytes;

        views_catch_up(body, i, body->fed - bytes.len);
        while (rest.len > 0 && body->found == MATCH_NONE) {
            rest = slice_skip(rest, views_give(body, i, rest));
        }
    }
}

/* ---- The end ---- */

bool views_end(struct match_body *body)
{
    struct match_views *views = body->views;
    struct match_slot *slot = body->slot;
    struct match_finding finding;

    if (!views) {
        return true;
    }
    views_watch_old(body, body->fed);
    if (views->page) {
        views->page = false;
        views_add(body, VIEW_NOCOMMENT);
        views_add(body, VIEW_NOTAGS);
    }
    for (; views->end_at < views->len; views->end_at++) {
        const uint32_t i = views->end_at;

        if (views->taken[i] < body->fed) {
            views_catch_up(body, i, body->fed);
            if (views->taken[i] < body->fed && body->found == MATCH_NONE && !slot->failed) {
                return false;
            }
        }
        if (body->found != MATCH_NONE || slot->failed) {
            return true;
        }
        if (!views->view[i].ended) {
            views_give_made(body, i, view_end(&views->view[i]));
        }
        if (match_body_end(&views->body[i], &finding) == MATCH_AGAIN) {
            return false;
        }
        views_adopt(body, i);
    }
    return true;
}

void views_fini(struct match_body *body)
{
    struct match_views *views = body->views;

    if (!views) {
        return;
    }
    for (uint32_t i = 0; i < views->len; i++) {
        match_body_fini(&views->body[i]);
        view_fini(&views->view[i]);
    }
    pool_give(&body->db->views, views);
    body->views = NULL;
}
