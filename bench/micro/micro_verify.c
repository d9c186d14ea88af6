/* SPDX-License-Identifier: MIT */
/*
 * micro_verify - what follows a trigger: is the rest of the signature there, too. And the search
 * for a cluster that no trigger speaks for.
 */
#include "bench/micro/micro_body.h"
#include "bench/micro/micro_cases.h"
#include "bench/micro/micro_set.h"
#include "match/verify.h"

#include <stdlib.h>

#define VERIFY_BODY   KIB(64)
#define VERIFY_BUDGET (UINT64_C(1) << 60)

/* One of each element; bytes that match are below, in the same order. */
static const char *const verify_bodies[] = {
    "6d6963726f2d706c61696e2d746578742d6f662d32342d62",
    "6d6963726f2d6f70656e??3a??????3a656e64",
    "6d6963726f2d6e6962626c653a4?3a?13a656e64",
    "6d6963726f2d6761702d68656164{2-30}6d6963726f2d6761702d7461696c",
    "6d6963726f2d6661722d68656164{100}6d6963726f2d6661722d7461696c",
    "6d6963726f2d6f6e653a(41|42|43|44)3a656e64",
    "6d6963726f2d6569746865723a(524544|475245454e|424c??45)3a656e64",
    "6d6963726f2d6e6f743a!(524544|54414e)3a656e64",
    "6d6963726f2d6d616e79{-9}61{-9}62{-9}63{-9}6d6963726f2d6c617374",
};

static const char *const verify_specimens[] = {
    "micro-plain-text-of-24-b",
    "micro-open?:xyz:end",
    "micro-nibble:J:q:end",
    "micro-gap-head, and a little later, micro-gap-tail",
    ("micro-far-head"
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "012345678901234567890123456789"
     "micro-far-tail"),
    "micro-one:C:end",
    "micro-either:GREEN:end",
    "micro-not:BLU:end",
    "micro-many1234a56789b012c3456micro-last",
};

#define VERIFY_CASES ARRAY_LEN(verify_bodies)

_Static_assert(ARRAY_LEN(verify_specimens) == VERIFY_CASES, "a specimen for each body");

struct verify_ctx {
    struct slice image;
    struct layout layout;
    struct verify_span *spans;
    find_fn find;
    struct slice body;          /* Of the search. */
    uint64_t ats[VERIFY_CASES]; /* Where the trigger of each specimen ends. */
    uint8_t bytes[VERIFY_BODY];
};

static const uint8_t *verify_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct slice *body = ctx;

    *out_len = body->len - (size_t)offset;
    return body->ptr + offset;
}

static struct peek verify_peek(struct slice *body)
{
    return peek_over((struct match_source){verify_at, body}, *body, 0);
}

static struct verify verify_over(const struct verify_ctx *ctx, struct peek *peek, size_t len)
{
    return (struct verify){
        .layout = &ctx->layout,
        .peek = peek,
        .spans = ctx->spans,
        .find = ctx->find,
        .avail = len,
        .budget = VERIFY_BUDGET,
        .ended = true,
    };
}

static struct verify_ctx *verify_open(const char *const *bodies, size_t bodies_len)
{
    struct verify_ctx *ctx = micro_alloc(sizeof(*ctx));

    ctx->image = micro_set_build_bodies(bodies, bodies_len);
    micro_must(layout_open(&ctx->layout, ctx->image) == 0, "the image does not open");
    ctx->spans = micro_alloc(VERIFY_SPANS * sizeof(*ctx->spans));
    ctx->find = find_choose();
    return ctx;
}

static void verify_close(void *opaque)
{
    struct verify_ctx *ctx = opaque;

    free(ctx->spans);
    micro_set_free(ctx->image);
    free(ctx);
}

/* Does the signature stand around `at` in these bytes? */
static bool verify_asks(const struct verify_ctx *ctx, size_t index, struct slice bytes, uint64_t at)
{
    const struct program_signature *signature = &ctx->layout.signatures[index];
    const struct verify_search range = {.hi = UINT64_MAX};
    struct peek peek = verify_peek(&bytes);
    struct verify verify = verify_over(ctx, &peek, bytes.len);
    struct verify_match match;

    return verify_around(&verify, &ctx->layout.clusters[signature->trigger_cluster],
                         signature->trigger_split, at, &range, &match) == VERIFY_YES;
}

/* The trigger of a specimen ends where the signature is found around. */
static void *verify_open_around(void)
{
    struct verify_ctx *ctx = verify_open(verify_bodies, VERIFY_CASES);

    for (size_t i = 0; i < VERIFY_CASES; i++) {
        const struct slice bytes = slice_from_str(verify_specimens[i]);

        micro_must(ctx->layout.signatures[i].trigger_cluster != PROGRAM_NONE, "no trigger");
        while (!verify_asks(ctx, i, bytes, ctx->ats[i])) {
            micro_must(++ctx->ats[i] <= bytes.len, "a specimen was not found");
        }
    }
    return ctx;
}

/* Each specimen, and once more with its last byte cut off: one is found, the other is not. */
static uint64_t verify_round_around(void *opaque)
{
    const struct verify_ctx *ctx = opaque;
    uint64_t found = 0;

    for (size_t i = 0; i < VERIFY_CASES; i++) {
        const struct slice bytes = slice_from_str(verify_specimens[i]);

        found += verify_asks(ctx, i, bytes, ctx->ats[i]);
        found += verify_asks(ctx, i, slice_from(bytes.ptr, bytes.len - 1), ctx->ats[i]);
    }
    micro_must(found == VERIFY_CASES, "a specimen was missed, or half of one was found");
    return found;
}

/* Words that the text has, in an order that it does not have. */
static void *verify_open_search(void)
{
    static const char *const bodies[] = {
        "68617262{2-6}776861??65207768616c65206e6f72746865726e2032303234",
    };
    struct verify_ctx *ctx = verify_open(bodies, ARRAY_LEN(bodies));

    micro_body_make(MICRO_BODY_TEXT, ctx->bytes, VERIFY_BODY);
    ctx->body = slice_from(ctx->bytes, VERIFY_BODY);
    return ctx;
}

static uint64_t verify_round_search(void *opaque)
{
    struct verify_ctx *ctx = opaque;
    struct peek peek = verify_peek(&ctx->body);
    struct verify verify = verify_over(ctx, &peek, VERIFY_BODY);
    struct verify_search search = {.hi = VERIFY_BODY};
    struct verify_match match;

    micro_must(verify_search(&verify, &ctx->layout.clusters[0], &search, &match) == VERIFY_NO,
               "a cluster was found that is not there");
    return VERIFY_BUDGET - verify.budget;
}

const struct micro_case micro_verify_around = {
    .name = "verify-around",
    .what = "a signature is verified around its trigger",
    .ops = 2 * VERIFY_CASES,
    .open = verify_open_around,
    .round = verify_round_around,
    .close = verify_close,
};

const struct micro_case micro_verify_search = {
    .name = "verify-search",
    .what = "64 KiB of text are searched for one cluster",
    .ops = 1,
    .bytes = VERIFY_BODY,
    .open = verify_open_search,
    .round = verify_round_search,
    .close = verify_close,
};
