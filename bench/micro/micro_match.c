/* SPDX-License-Identifier: MIT */
/*
 * micro_match - one body through the whole matcher: its type, triggers, what they lead to, the
 * normalised views of text and pages. In pieces of 16 KiB, as they come from sockets.
 */
#include "bench/micro/micro_body.h"
#include "bench/micro/micro_cases.h"
#include "bench/micro/micro_set.h"
#include "match/match.h"

#include <stdlib.h>

#define MATCH_BODY  KIB(64)
#define MATCH_SHORT KIB(1)
#define MATCH_PIECE KIB(16)

struct match_ctx {
    struct slice image;
    struct match_db *db;
    struct match_body matcher;
    size_t len;
    uint8_t bytes[MATCH_BODY];
};

static void *match_open(enum micro_body_kind kind, size_t len)
{
    struct match_ctx *ctx = micro_alloc(sizeof(*ctx));

    ctx->len = len;
    micro_body_make(kind, ctx->bytes, len);
    ctx->image = micro_set_build(MICRO_SET_SIGNATURES, 0);
    micro_must(match_db_open(&ctx->db, ctx->image, 16) == 0, "the image does not open");
    return ctx;
}

static void match_close(void *opaque)
{
    struct match_ctx *ctx = opaque;

    match_db_close(ctx->db);
    micro_set_free(ctx->image);
    free(ctx);
}

static const uint8_t *match_at(void *opaque, uint64_t offset, size_t *out_len)
{
    const struct match_ctx *ctx = opaque;

    *out_len = ctx->len - (size_t)offset;
    return ctx->bytes + offset;
}

static uint64_t match_round(void *opaque)
{
    struct match_ctx *ctx = opaque;
    enum match_status status = MATCH_CLEAN;
    struct match_finding finding;
    uint64_t calls = 0;

    micro_must(match_body_begin(&ctx->matcher, ctx->db, (struct match_source){match_at, ctx}),
               "no slot is free");
    for (size_t at = 0; at < ctx->len && status == MATCH_CLEAN; at += MATCH_PIECE) {
        const size_t len = MIN_OF(ctx->len - at, MATCH_PIECE);

        status = match_body_feed(&ctx->matcher, slice_from(ctx->bytes + at, len), &finding);
        calls++;
    }
    micro_must(status == MATCH_CLEAN, "a clean body was not clean");
    do {
        status = match_body_end(&ctx->matcher, &finding);
        calls++;
    } while (status == MATCH_AGAIN);
    micro_must(status == MATCH_CLEAN, "a clean body was not clean at its end");
    match_body_fini(&ctx->matcher);
    return calls;
}

static void *match_open_text(void)
{
    return match_open(MICRO_BODY_TEXT, MATCH_BODY);
}

static void *match_open_page(void)
{
    return match_open(MICRO_BODY_PAGE, MATCH_BODY);
}

static void *match_open_program(void)
{
    return match_open(MICRO_BODY_PROGRAM, MATCH_BODY);
}

static void *match_open_packed(void)
{
    return match_open(MICRO_BODY_PACKED, MATCH_BODY);
}

static void *match_open_image(void)
{
    return match_open(MICRO_BODY_IMAGE, MATCH_BODY);
}

static void *match_open_short(void)
{
    return match_open(MICRO_BODY_PACKED, MATCH_SHORT);
}

#define MATCH_CASE(label, body, opener, length)                                                    \
    {                                                                                              \
        .name = (label), .what = (body), .ops = 1, .bytes = (length), .open = (opener),            \
        .round = match_round, .close = match_close,                                                \
    }

const struct micro_case micro_match_text =
    MATCH_CASE("match-text", "a text of 64 KiB is matched", match_open_text, MATCH_BODY);
const struct micro_case micro_match_page =
    MATCH_CASE("match-page", "a page of 64 KiB is matched", match_open_page, MATCH_BODY);
const struct micro_case micro_match_program =
    MATCH_CASE("match-program", "a program of 64 KiB is matched", match_open_program, MATCH_BODY);
const struct micro_case micro_match_packed = MATCH_CASE(
    "match-compressed", "64 KiB of compressed bytes are matched", match_open_packed, MATCH_BODY);
const struct micro_case micro_match_image =
    MATCH_CASE("match-image", "a picture of 64 KiB is matched", match_open_image, MATCH_BODY);
const struct micro_case micro_match_short =
    MATCH_CASE("match-short", "a body of 1 KiB is matched", match_open_short, MATCH_SHORT);
