/* SPDX-License-Identifier: MIT */
/*
 * micro_chunk - the chunked coding of bodies.
 *
 * Neither side copies a body: the decoder hands out slices of what came, the encoder writes the
 * lines between pieces that stay where they are. So GB/s say how little it takes, and shrink with
 * the chunks.
 */
#include "base/text.h"
#include "bench/micro/micro_cases.h"
#include "net/wire/chunk.h"
#include "net/wire/reply.h"

#include <stdlib.h>

#define CHUNK_BODY  KIB(256)
#define CHUNK_LARGE KIB(4) /* Squid's. */
#define CHUNK_SMALL 64
#define CHUNK_PIECE KIB(16) /* Comes from the socket at once. */

/* Room for a chunk's line and what stands around its bytes. */
#define CHUNK_FRAME 16

struct chunk_ctx {
    size_t chunk_len;
    struct text coded;
    uint8_t bytes[CHUNK_BODY];
};

static void *chunk_open(size_t chunk_len)
{
    const size_t cap = CHUNK_BODY + (CHUNK_BODY / chunk_len + 1) * CHUNK_FRAME;
    struct chunk_ctx *ctx = micro_alloc(sizeof(*ctx) + cap);
    uint64_t seed = 5;

    for (size_t i = 0; i < CHUNK_BODY; i++) {
        ctx->bytes[i] = (uint8_t)(micro_random(&seed) >> 32);
    }
    ctx->chunk_len = chunk_len;
    ctx->coded = text_over(ctx + 1, cap);
    for (size_t at = 0; at < CHUNK_BODY; at += chunk_len) {
        reply_put_chunk_size(&ctx->coded, chunk_len);
        text_put(&ctx->coded, ctx->bytes + at, chunk_len);
        TEXT_PUT(&ctx->coded, "\r\n");
    }
    reply_put_chunk_size(&ctx->coded, 0);
    TEXT_PUT(&ctx->coded, "\r\n");
    micro_must(!ctx->coded.overflowed, "the chunks do not fit");
    return ctx;
}

static void *chunk_open_large(void)
{
    return chunk_open(CHUNK_LARGE);
}

static void *chunk_open_small(void)
{
    return chunk_open(CHUNK_SMALL);
}

static uint64_t chunk_round_decode(void *opaque)
{
    const struct chunk_ctx *ctx = opaque;
    struct slice rest = text_slice(&ctx->coded);
    enum chunk_status status = CHUNK_MORE;
    struct chunk_decoder dec;
    uint64_t slices = 0;

    chunk_init(&dec);
    while (status == CHUNK_MORE && rest.len > 0) {
        struct slice piece = slice_from(rest.ptr, MIN_OF(rest.len, CHUNK_PIECE));
        struct slice out;

        rest = slice_skip(rest, piece.len);
        while ((status = chunk_feed(&dec, &piece, &out)) == CHUNK_DATA) {
            slices++;
        }
    }
    micro_must(status == CHUNK_END && dec.body_len == CHUNK_BODY, "the body was not decoded");
    return slices;
}

static uint64_t chunk_round_encode(void *opaque)
{
    const struct chunk_ctx *ctx = opaque;
    uint64_t framed = 0;

    for (size_t at = 0; at < CHUNK_BODY; at += ctx->chunk_len) {
        char line[CHUNK_FRAME];
        struct text text = text_over(line, sizeof(line));

        reply_put_chunk_size(&text, ctx->chunk_len);
        framed += text.len + ctx->bytes[at];
    }
    return framed;
}

const struct micro_case micro_chunk_decode = {
    .name = "chunk-decode",
    .what = "chunks of 4 KiB are decoded, 256 KiB",
    .ops = 1,
    .bytes = CHUNK_BODY,
    .open = chunk_open_large,
    .round = chunk_round_decode,
    .close = free,
};

const struct micro_case micro_chunk_small = {
    .name = "chunk-decode-small",
    .what = "chunks of 64 bytes are decoded, 256 KiB",
    .ops = 1,
    .bytes = CHUNK_BODY,
    .open = chunk_open_small,
    .round = chunk_round_decode,
    .close = free,
};

const struct micro_case micro_chunk_encode = {
    .name = "chunk-encode",
    .what = "chunks of 4 KiB get their lines, 256 KiB",
    .ops = 1,
    .bytes = CHUNK_BODY,
    .open = chunk_open_large,
    .round = chunk_round_encode,
    .close = free,
};
