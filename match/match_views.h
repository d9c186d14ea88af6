#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * match_views - the normalised views of a body, matched beside it.
 *
 * Role: a text, a message or a page is matched as it stands against generic signatures (a message
 * also against those for mail) and, normalised, against generic ones and those for its kind. Each
 * view is a body of its own, with the view's bytes, length and places; what it finds, the body has.
 * A text in which the tag of a page comes late is looked through again as a page when it has ended.
 * Views exist only when the db has signatures for their target. Owner: the body, from the db's
 * pool. Limits: those of view.h; one slice of work in each call at the end.
 */
#include "match/filetype.h"
#include "match/match_private.h"

struct match_views {
    uint32_t len;
    uint32_t end_at;  /* At the end: the view that is under way. */
    bool watches;     /* The tag of a page would be news. */
    bool page;        /* It was seen. */
    uint8_t tail_len; /* Last bytes, in which it may have begun. */
    uint8_t tail[FILETYPE_PAGE_MAX - 1];
    uint64_t watched;           /* Raw bytes that were looked through for it. */
    uint64_t taken[VIEW_KINDS]; /* Raw bytes that the view was given. */
    struct view view[VIEW_KINDS];
    struct match_body body[VIEW_KINDS];
};

/* Begins what the type asks for; returns what the body itself is matched as. */
enum match_target views_begin(struct match_body *body, enum match_target target);

/* The body's newest bytes, which are counted already; a finding becomes the body's. */
void views_feed(struct match_body *body, struct slice bytes);

/* The body has ended, and all it can say by itself is said; false when more calls are needed. */
bool views_end(struct match_body *body);

void views_fini(struct match_body *body);
