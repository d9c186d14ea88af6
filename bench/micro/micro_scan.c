/* SPDX-License-Identifier: MIT */
/*
 * micro_scan - the engine's own search, which finds the triggers of sets that are too large for
 * Hyperscan. Its plan is given, since the compiler would choose one by trial.
 */
#include "bench/micro/micro_body.h"
#include "bench/micro/micro_cases.h"
#include "match/scan.h"
#include "match/scan_build.h"

#include <stdio.h>
#include <stdlib.h>

#define SCAN_STRINGS 4000
#define SCAN_BYTES   KIB(256)
#define SCAN_PIECE   KIB(16)

/* The body has every so many bytes one of the strings: a real set fires some 20 times a MB. */
#define SCAN_HIT_STRIDE KIB(48)

static const struct scan_plan scan_plan = {.grams = {{8, 4}, {0}}};

struct scan_ctx {
    uint8_t *block;
    struct scan scan;
    struct scan_scratch scratch;
    void *memory; /* The stream's. */
    uint8_t bytes[SCAN_BYTES];
};

static void *scan_alloc_aligned(size_t bytes)
{
    void *memory = aligned_alloc(SCAN_ALIGN, (bytes + SCAN_ALIGN - 1) & ~(size_t)(SCAN_ALIGN - 1));

    micro_must(memory, "no memory");
    return memory;
}

static struct scan_string *scan_make_strings(void)
{
    struct scan_string *strings = micro_alloc(SCAN_STRINGS * sizeof(*strings));
    uint64_t seed = 17;

    for (uint32_t i = 0; i < SCAN_STRINGS; i++) {
        strings[i].id = i;
        strings[i].len = (uint8_t)(11 + micro_random(&seed) % (SCAN_STRING_MAX - 10));
        for (size_t at = 0; at < strings[i].len; at++) {
            strings[i].bytes[at] = (uint8_t)(micro_random(&seed) >> 32);
        }
    }
    return strings;
}

static void *scan_open_grams(void)
{
    struct scan_ctx *ctx = micro_alloc(sizeof(*ctx));
    struct scan_string *strings = scan_make_strings();
    char error[SCAN_ERROR_CAP];
    struct scan_code *code;
    struct scan_facts facts;

    micro_must(scan_code_new_planned(&code, strings, SCAN_STRINGS, &scan_plan, NULL, error) == 0,
               "the strings do not compile");
    scan_code_facts(code, &facts);
    micro_must(facts.hs_len == 0, "some strings are left to Hyperscan");
    ctx->block = scan_alloc_aligned(facts.bytes);
    micro_must(scan_code_write(code, ctx->block) == 0, "the block is not written");
    micro_must(scan_open(&ctx->scan, slice_from(ctx->block, facts.bytes), &ctx->scratch) == 0,
               "the block does not open");
    ctx->memory = scan_alloc_aligned(scan_stream_bytes(&ctx->scan));
    micro_body_make(MICRO_BODY_TEXT, ctx->bytes, SCAN_BYTES);
    for (size_t at = 1000; at < SCAN_BYTES; at += SCAN_HIT_STRIDE) {
        memcpy(ctx->bytes + at, strings[at % SCAN_STRINGS].bytes, strings[at % SCAN_STRINGS].len);
    }
    scan_code_free(code);
    free(strings);
    return ctx;
}

static void scan_close(void *opaque)
{
    struct scan_ctx *ctx = opaque;

    scan_scratch_fini(&ctx->scratch);
    free(ctx->memory);
    free(ctx->block);
    free(ctx);
}

static bool scan_on_hit(void *opaque, uint32_t id, uint64_t end)
{
    uint64_t *sum = opaque;

    *sum += end + id;
    return true;
}

static uint64_t scan_round(void *opaque)
{
    struct scan_ctx *ctx = opaque;
    struct scan_stream *stream = scan_stream_open(&ctx->scan, ctx->memory);
    uint64_t sum = 0;

    for (size_t at = 0; at < SCAN_BYTES; at += SCAN_PIECE) {
        (void)scan_stream_feed(stream, &ctx->scratch, slice_from(ctx->bytes + at, SCAN_PIECE),
                               scan_on_hit, &sum);
    }
    scan_stream_close(stream);
    micro_must(sum > 0, "no string was found");
    return sum;
}

const struct micro_case micro_scan_grams = {
    .name = "scan-grams",
    .what = "256 KiB of text are searched for 4,000 strings",
    .ops = 1,
    .bytes = SCAN_BYTES,
    .open = scan_open_grams,
    .round = scan_round,
    .close = scan_close,
};
