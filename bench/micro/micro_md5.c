/* SPDX-License-Identifier: MIT */
/* micro_md5 - hashing bodies side by side. One by one it is OpenSSL's work and not measured here.
 */
#include "bench/micro/micro_cases.h"
#include "match/md5_lanes.h"

#include <stdlib.h>

#define MD5_BODIES 24 /* More than there are lanes, so that lanes change hands. */
#define MD5_BODY   KIB(16)

struct md5_ctx {
    unsigned width;
    size_t lens[MD5_BODIES];
    struct md5_job jobs[MD5_BODIES];
    uint8_t tails[MD5_BODIES][MD5_TAIL_BYTES];
    uint8_t bytes[MD5_BODIES][MD5_BODY];
};

/* Half of the bodies are shorter than the others. */
static void *md5_open(void)
{
    struct md5_ctx *ctx = micro_alloc(sizeof(*ctx));
    uint64_t seed = 23;

    ctx->width = md5_wide_lanes();
    for (size_t i = 0; i < MD5_BODIES; i++) {
        ctx->lens[i] = i % 2 == 0 ? MD5_BODY : MD5_BODY / 2;
        for (size_t at = 0; at < MD5_BODY; at++) {
            ctx->bytes[i][at] = (uint8_t)(micro_random(&seed) >> 32);
        }
    }
    return ctx;
}

static uint64_t md5_round(void *opaque)
{
    struct md5_ctx *ctx = opaque;
    uint64_t sum = 0;

    for (size_t i = 0; i < MD5_BODIES; i++) {
        struct md5_job *job = &ctx->jobs[i];

        md5_job_init(job);
        job->ptr = ctx->bytes[i];
        job->blocks = ctx->lens[i] / MD5_BLOCK_BYTES;
        md5_job_end(job, ctx->bytes[i] + ctx->lens[i], ctx->lens[i], ctx->tails[i]);
    }
    md5_lanes_run(ctx->jobs, MD5_BODIES, ctx->width);
    for (size_t i = 0; i < MD5_BODIES; i++) {
        uint8_t digest[16];

        md5_job_digest(&ctx->jobs[i], digest);
        sum = sum * 31 + digest[0];
    }
    return sum;
}

const struct micro_case micro_md5_lanes = {
    .name = "md5-lanes",
    .what = "24 bodies of 8 and 16 KiB are hashed together",
    .ops = 1,
    .bytes = MD5_BODIES / 2 * (MD5_BODY + MD5_BODY / 2),
    .open = md5_open,
    .round = md5_round,
    .close = free,
};
