#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * view - a body as it reads when normalised.
 *
 * Role: normalises what comes for a match body of its own, and serves that body as its source. The
 * normalised bytes stay in a window while no other body has it; else they are made again, from the
 * mark before them, when the verifier looks back. Marks
 * stand every 64 KiB of output; when there are VIEW_MARKS_MAX of them every other one goes and the
 * distance doubles. Owner: the body, in memory of the db's pool; the window belongs to the db, for
 * one body is worked on at a time. Limits: what is beyond VIEW_RAW_MAX bytes of text, or the like
 * of a page, is not normalised; a budget of bytes made again (`over`).
 */
#include "match/match.h"
#include "match/normal_html.h"
#include "match/normal_text.h"

enum view_kind {
    VIEW_TEXT,
    VIEW_NOCOMMENT,
    VIEW_NOTAGS,
    VIEW_KINDS
};

#define VIEW_MARKS_MAX   64
#define VIEW_MARK_BYTES  KIB(64)
#define VIEW_WINDOW_CAP  MIB(32) /* Touched as far as a body is long. */
#define VIEW_WINDOW_MAX  KIB(96) /* Of a body that has not ended, or is longer than that. */
#define VIEW_WINDOW_KEEP KIB(32) /* So much stays when the window moves on. */
#define VIEW_PIECE_CAP   KIB(16)

/* Everything that decides what comes next. */
struct view_state {
    uint64_t raw; /* Bytes taken. */
    uint64_t at;  /* Bytes made. */
    union {
        struct normal_text text;
        struct normal_html html;
    } normal;
};

/* Room for bytes, shared by all views of a db that are of one kind. */
struct view_window {
    const struct view *owner; /* NULL: nothing in it. */
    uint64_t at;              /* bytes[0] stands here in the owner's output. */
    size_t len;
    size_t touched;         /* Bytes that were written since the last body ended, */
    size_t kept;            /* and before that, as far as their memory was not given back. */
    struct view_state next; /* What comes behind them. */
    uint8_t *bytes;
    size_t mapped; /* Of the bytes. */
    uint8_t piece[VIEW_PIECE_CAP];
};

/* -ENOMEM. */
MUST_CHECK int view_window_init(struct view_window *out_window);

/* Gives back a piece; true when there is nothing left, or was nothing: all zero. */
MUST_CHECK bool view_window_fini_slice(struct view_window *window);
void view_window_fini(struct view_window *window);

struct view {
    struct match_source raw;
    struct view_window *window;
    uint8_t kind;
    bool ended;
    bool over; /* The budget is used up: at() says NULL from now on. */
    uint32_t marks_len;
    uint64_t mark_bytes;
    uint64_t budget; /* Raw bytes that may still be read again. */
    struct view_state now;
    struct view_state marks[VIEW_MARKS_MAX];
};

void view_init(struct view *view, enum view_kind kind, struct match_source raw,
               struct view_window *window);

/* The view's address may be given to another one from now on. */
void view_fini(struct view *view);

/*
 * Takes raw bytes off the front of `*in` and returns what they become, valid until the next feed or
 * end of a view of that kind; may be empty. All is taken when `in->len` is zero. The raw source
 * must have the bytes.
 */
struct slice view_feed(struct view *view, struct slice *in);

/* No raw bytes will come; returns what was held back. Once. */
struct slice view_end(struct view *view);

/* The bytes made so far. Valid as long as the view. */
struct match_source view_source(struct view *view);
