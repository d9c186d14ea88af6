/* SPDX-License-Identifier: MIT */
/* micro_image - taking an image of definitions into use, and giving it up. */
#include "bench/micro/micro_cases.h"
#include "bench/micro/micro_set.h"
#include "match/match.h"

#include <stdlib.h>

#define IMAGE_HASHES 20000
#define IMAGE_BODIES 64

struct image_ctx {
    struct slice image;
    struct slice model; /* What the first to open the image lends to the others. */
};

static struct match_db *image_take(const struct image_ctx *ctx)
{
    struct match_db *db;

    micro_must(match_db_open(&db, ctx->image, IMAGE_BODIES) == 0, "the image does not open");
    return db;
}

static void *image_open(void)
{
    struct image_ctx *ctx = micro_alloc(sizeof(*ctx));

    ctx->image = micro_set_build(MICRO_SET_SIGNATURES, IMAGE_HASHES);
    struct match_db *db = image_take(ctx);

    ctx->model = match_db_model(db);
    match_db_close(db);
    return ctx;
}

static void image_close(void *opaque)
{
    struct image_ctx *ctx = opaque;

    free((void *)(uintptr_t)ctx->model.ptr);
    micro_set_free(ctx->image);
    free(ctx);
}

static uint64_t image_finish(struct match_db *db)
{
    struct match_counts counts;

    match_db_counts(db, &counts);
    match_db_close(db);
    micro_must(counts.patterns == MICRO_SET_SIGNATURES && counts.hashes == IMAGE_HASHES,
               "the image is not the one that was built");
    return counts.triggers;
}

static uint64_t image_round_open(void *opaque)
{
    return image_finish(image_take(opaque));
}

static uint64_t image_round_adopt(void *opaque)
{
    const struct image_ctx *ctx = opaque;
    struct match_db *db;

    micro_must(match_db_open_sealed(&db, ctx->image, ctx->model, IMAGE_BODIES) == 0,
               "the image does not open");
    return image_finish(db);
}

const struct micro_case micro_image_open = {
    .name = "image-open",
    .what = "an image is checked and opened",
    .ops = 1,
    .open = image_open,
    .round = image_round_open,
    .close = image_close,
};

const struct micro_case micro_image_adopt = {
    .name = "image-adopt",
    .what = "a sealed image is adopted by a shard",
    .ops = 1,
    .open = image_open,
    .round = image_round_adopt,
    .close = image_close,
};
