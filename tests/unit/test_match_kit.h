#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * test_match_kit - builds a set, opens it and runs bodies through it, for the tests of match/.
 */
#include "base/assert.h"
#include "match/build.h"
#include "match/match.h"

#include <stdio.h>
#include <stdlib.h>

/* A body in memory that is handed out in small pieces, each at an address of its own. */
struct kit_body {
    const uint8_t *bytes;
    size_t len;
    size_t fed;       /* What the matcher may ask for. */
    size_t piece_max; /* Longest piece, 0 for all of it. */
    bool broken;      /* Every request fails. */
    uint64_t asked;   /* How often. */
    uint8_t *piece;   /* Freed at the next call, so that a stale pointer is seen. */
};

static inline const uint8_t *kit_at(void *ctx, uint64_t offset, size_t *out_len)
{
    struct kit_body *body = ctx;

    ASSERT(offset < body->fed);
    body->asked++;
    if (body->broken) {
        return NULL;
    }
    const size_t left = body->fed - (size_t)offset;

    *out_len = body->piece_max ? MIN_OF(left, body->piece_max) : left;
    free(body->piece);
    body->piece = malloc(*out_len);
    ASSERT(body->piece);
    memcpy(body->piece, body->bytes + offset, *out_len);
    return body->piece;
}

/* Feeds `body` in pieces of the lengths that `next` gives, and returns the answer. */
struct kit_feed {
    size_t (*next)(void *ctx, size_t left);
    void *ctx;
    size_t fed;    /* Bytes fed when the answer was there. */
    size_t slices; /* Calls of end. */
};

static inline enum match_status kit_run(struct match_db *db, struct kit_body *body,
                                        struct kit_feed *feed, struct match_finding *out)
{
    static struct match_body matcher; /* The finding's name may lie in it. */
    enum match_status status = MATCH_CLEAN;
    const bool began = match_body_begin(&matcher, db, (struct match_source){kit_at, body});

    ASSERT(began);
    body->fed = 0;
    feed->slices = 0;
    while (body->fed < body->len && status == MATCH_CLEAN) {
        const size_t left = body->len - body->fed;
        size_t len = feed->next ? feed->next(feed->ctx, left) : left;

        len = MIN_OF(len, left);
        uint8_t *copy = malloc(len);

        ASSERT(copy);
        memcpy(copy, body->bytes + body->fed, len);
        body->fed += len;
        status = match_body_feed(&matcher, slice_from(copy, len), out);
        free(copy);
    }
    if (status == MATCH_CLEAN) {
        do {
            status = match_body_end(&matcher, out);
            feed->slices++;
        } while (status == MATCH_AGAIN);
    }
    feed->fed = body->fed;
    match_body_fini(&matcher);
    free(body->piece);
    body->piece = NULL;
    return status;
}

static inline size_t kit_next_fixed(void *ctx, size_t left)
{
    (void)left;
    return *(size_t *)ctx;
}

/* All in pieces of `step` bytes, 0 for all at once. */
static inline enum match_status kit_scan_by(struct match_db *db, struct slice bytes, size_t step,
                                            struct match_finding *out)
{
    struct kit_body body = {.bytes = bytes.ptr, .len = bytes.len};
    struct kit_feed feed = {.next = step ? kit_next_fixed : NULL, .ctx = &step};

    return kit_run(db, &body, &feed, out);
}

static inline enum match_status kit_scan(struct match_db *db, struct slice bytes)
{
    struct match_finding finding;

    return kit_scan_by(db, bytes, 0, &finding);
}

/* ---- Building ---- */

static inline struct match_builder *kit_builder(void)
{
    struct match_builder *builder;
    const int r = match_builder_new(&builder);

    ASSERT(r == 0);
    return builder;
}

/* A slow signature is a good one. */
static inline int kit_add(struct match_builder *builder, const char *name, unsigned target,
                          const char *offset, const char *body)
{
    const int r = match_builder_add_body(builder, slice_from_str(name), target,
                                         slice_from_str(offset), slice_from_str(body));

    return r == MATCH_BUILD_SLOW ? MATCH_BUILD_OK : r;
}

struct kit_set {
    uint8_t *image;
    size_t image_len;
    struct match_db *db;
};

/* Frees the builder. */
static inline struct kit_set kit_open(struct match_builder *builder, uint32_t bodies_max)
{
    struct kit_set set = {0};
    int r = match_builder_finish(builder, &set.image, &set.image_len);

    ASSERT(r == 0);
    match_builder_free(builder);
    r = match_db_open(&set.db, slice_from(set.image, set.image_len), bodies_max);
    ASSERT(r == 0);
    return set;
}

static inline void kit_close(struct kit_set *set)
{
    match_db_close(set->db);
    free(set->image);
    *set = (struct kit_set){0};
}

/* A set of one signature. */
static inline struct kit_set kit_open_one(unsigned target, const char *offset, const char *body)
{
    struct match_builder *builder = kit_builder();
    const int r = kit_add(builder, "Test.One", target, offset, body);

    if (r && r != MATCH_BUILD_SLOW) {
        fprintf(stderr, "%s: %s\n", body, match_builder_error(builder));
    }
    ASSERT(r == MATCH_BUILD_OK || r == MATCH_BUILD_SLOW);
    return kit_open(builder, 4);
}
