/* SPDX-License-Identifier: MIT */
/* micro_hash - questions to the hash tables; bench_hash asks a set that no cache holds. */
#include "bench/micro/micro_cases.h"
#include "bench/micro/micro_set.h"
#include "match/digest.h"

#include <stdlib.h>

#define HASH_COUNT     20000
#define HASH_QUESTIONS 1024

struct hash_ctx {
    struct slice image;
    struct layout layout;
    struct hash_question {
        uint64_t size;
        struct digest_value value;
    } questions[HASH_QUESTIONS];
};

/* Questions for hashes of the set, or for such that it does not have. */
static void *hash_open(bool there)
{
    struct hash_ctx *ctx = micro_alloc(sizeof(*ctx));
    uint64_t seed = 19;

    ctx->image = micro_set_build(0, HASH_COUNT);
    micro_must(layout_open(&ctx->layout, ctx->image) == 0, "the image does not open");
    for (size_t i = 0; i < HASH_QUESTIONS; i++) {
        const uint64_t index = micro_random(&seed) % HASH_COUNT;
        const struct micro_set_hash hash = micro_set_hash_of(there ? index : index + HASH_COUNT);

        ctx->questions[i].size = hash.size;
        memcpy(ctx->questions[i].value.bytes[LAYOUT_MD5], hash.digest, sizeof(hash.digest));
    }
    return ctx;
}

static void *hash_open_there(void)
{
    return hash_open(true);
}

static void *hash_open_missing(void)
{
    return hash_open(false);
}

static void hash_close(void *opaque)
{
    struct hash_ctx *ctx = opaque;

    micro_set_free(ctx->image);
    free(ctx);
}

static uint64_t hash_round_size(void *opaque)
{
    const struct hash_ctx *ctx = opaque;
    uint64_t found = 0;

    for (size_t i = 0; i < HASH_QUESTIONS; i++) {
        found += digest_kinds(&ctx->layout, ctx->questions[i].size, DIGEST_DETECTS) != 0;
    }
    return found;
}

static uint64_t hash_ask_digests(const struct hash_ctx *ctx)
{
    uint64_t found = 0;

    for (size_t i = 0; i < HASH_QUESTIONS; i++) {
        const struct hash_question *question = &ctx->questions[i];

        found += digest_find(&ctx->layout, 1U << LAYOUT_MD5, question->size, &question->value,
                             DIGEST_DETECTS) != NULL;
    }
    return found;
}

static uint64_t hash_round_there(void *opaque)
{
    const uint64_t found = hash_ask_digests(opaque);

    micro_must(found == HASH_QUESTIONS, "a hash was missed");
    return found;
}

static uint64_t hash_round_missing(void *opaque)
{
    const uint64_t found = hash_ask_digests(opaque);

    micro_must(found == 0, "a hash was found that is not there");
    return found;
}

const struct micro_case micro_hash_size = {
    .name = "hash-size",
    .what = "is there a hash of this size",
    .ops = HASH_QUESTIONS,
    .open = hash_open_missing,
    .round = hash_round_size,
    .close = hash_close,
};

const struct micro_case micro_hash_there = {
    .name = "hash-there",
    .what = "a hash is looked up that is there",
    .ops = HASH_QUESTIONS,
    .open = hash_open_there,
    .round = hash_round_there,
    .close = hash_close,
};

const struct micro_case micro_hash_missing = {
    .name = "hash-missing",
    .what = "a hash is looked up that is not there",
    .ops = HASH_QUESTIONS,
    .open = hash_open_missing,
    .round = hash_round_missing,
    .close = hash_close,
};
