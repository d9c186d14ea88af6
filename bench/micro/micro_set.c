/* SPDX-License-Identifier: MIT */
#include "bench/micro/micro_set.h"

#include "base/text.h"
#include "bench/micro/micro.h"
#include "match/build.h"
#include "match/layout.h"

#include <stdio.h>
#include <stdlib.h>

#define SET_HALF     (MICRO_SET_NEAR_LEN / 2)
#define SET_BODY_CAP 128

/* What stands between the two halves of a signature; none of it is missed by another order. */
static const char *const set_joints[] = {"??", "{2-8}", "(aa|bb|0d0a)", "*", "{40}"};

static const enum match_target set_targets[] = {MATCH_TARGET_ANY, MATCH_TARGET_PE,
                                                MATCH_TARGET_HTML, MATCH_TARGET_ASCII};

/* A scrambled `x`, never zero. */
static uint64_t set_mix(uint64_t x)
{
    uint64_t state = (x + 1) * UINT64_C(0x9e3779b97f4a7c15);

    (void)micro_random(&state);
    (void)micro_random(&state);
    return micro_random(&state);
}

/* Small letters where text is normalised, any byte elsewhere. */
static void set_put_half(unsigned index, unsigned half, uint8_t out[SET_HALF])
{
    const enum match_target target = set_targets[index % ARRAY_LEN(set_targets)];
    const bool letters = target == MATCH_TARGET_HTML || target == MATCH_TARGET_ASCII;
    uint64_t state = set_mix(2 * index + half);

    for (size_t i = 0; i < SET_HALF; i++) {
        const uint8_t byte = (uint8_t)(micro_random(&state) >> 40);

        out[i] = letters ? (uint8_t) "abcdefghijklmnopqrstuvwxyz_-./;=%"[byte % 32] : byte;
    }
}

static void set_put_hex(struct text *text, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        text_printf(text, "%02x", bytes[i]);
    }
}

static void set_add_body(struct match_builder *builder, unsigned index, unsigned target,
                         struct slice body)
{
    char name[32];
    const int len = snprintf(name, sizeof(name), "Micro.Body.%u", index);

    micro_must(match_builder_add_body(builder, slice_from(name, (size_t)len), target, SLICE_OF("*"),
                                      body) == 0,
               match_builder_error(builder));
}

static void set_add_signature(struct match_builder *builder, unsigned index)
{
    char block[SET_BODY_CAP];
    struct text body = text_over(block, sizeof(block));
    uint8_t half[SET_HALF];

    set_put_half(index, 0, half);
    set_put_hex(&body, half, sizeof(half));
    text_put_str(&body, set_joints[index / ARRAY_LEN(set_targets) % ARRAY_LEN(set_joints)]);
    set_put_half(index, 1, half);
    set_put_hex(&body, half, sizeof(half));
    set_add_body(builder, index, set_targets[index % ARRAY_LEN(set_targets)], text_slice(&body));
}

static void set_add_hash(struct match_builder *builder, unsigned index)
{
    const struct micro_set_hash hash = micro_set_hash_of(index);
    char hex_block[2 * MICRO_SET_DIGEST_LEN];
    struct text hex = text_over(hex_block, sizeof(hex_block));
    char name[32];
    const int len = snprintf(name, sizeof(name), "Micro.Hash-%u", index);

    for (size_t i = 0; i < MICRO_SET_DIGEST_LEN; i++) {
        static const char digits[] = "0123456789abcdef";

        text_put(&hex, &digits[hash.digest[i] >> 4], 1);
        text_put(&hex, &digits[hash.digest[i] & 15], 1);
    }
    micro_must(match_builder_add_hash(builder, slice_from(name, (size_t)len), text_slice(&hex),
                                      hash.size, false) == 0,
               match_builder_error(builder));
}

/* Takes over the builder. Where it leaves an image need not be where an image may be read. */
static struct slice set_finish(struct match_builder *builder)
{
    uint8_t *image;
    size_t len;

    micro_must(match_builder_finish(builder, &image, &len) == 0, "the set does not compile");
    const size_t room = (len + LAYOUT_ALIGN - 1) & ~(size_t)(LAYOUT_ALIGN - 1);
    uint8_t *copy = aligned_alloc(LAYOUT_ALIGN, room);

    micro_must(copy, "no memory");
    memcpy(copy, image, len);
    free(image);
    match_builder_free(builder);
    return slice_from(copy, len);
}

static struct match_builder *set_begin(void)
{
    struct match_builder *builder;

    micro_must(match_builder_new(&builder) == 0, "no memory");
    return builder;
}

struct slice micro_set_build(unsigned signatures, unsigned hashes)
{
    struct match_builder *builder = set_begin();

    micro_must(signatures <= MICRO_SET_SIGNATURES, "too many signatures");
    for (unsigned i = 0; i < signatures; i++) {
        set_add_signature(builder, i);
    }
    for (unsigned i = 0; i < hashes; i++) {
        set_add_hash(builder, i);
    }
    return set_finish(builder);
}

struct slice micro_set_build_bodies(const char *const *bodies, size_t bodies_len)
{
    struct match_builder *builder = set_begin();

    for (unsigned i = 0; i < bodies_len; i++) {
        set_add_body(builder, i, MATCH_TARGET_ANY, slice_from_str(bodies[i]));
    }
    return set_finish(builder);
}

void micro_set_free(struct slice image)
{
    free((void *)(uintptr_t)image.ptr);
}

void micro_set_near_miss(enum match_target target, unsigned nth, uint8_t *out)
{
    unsigned index = 0; /* Generic ones, unless there are some for the target. */

    for (unsigned i = 0; i < ARRAY_LEN(set_targets); i++) {
        index = set_targets[i] == target ? i : index;
    }
    index += nth * (unsigned)ARRAY_LEN(set_targets);
    micro_must(index < MICRO_SET_SIGNATURES, "no signature is left for a near miss");
    set_put_half(index, 1, out);
    set_put_half(index, 0, out + SET_HALF);
}

/* As many sizes from one power of two to the next as to the one after it, up to 16 MiB. */
struct micro_set_hash micro_set_hash_of(uint64_t index)
{
    struct micro_set_hash hash;
    uint64_t state = set_mix(index + (UINT64_C(1) << 32));
    const uint64_t power = UINT64_C(1) << (8 + state % 16);

    for (size_t i = 0; i < MICRO_SET_DIGEST_LEN; i += sizeof(uint64_t)) {
        const uint64_t word = micro_random(&state);

        memcpy(hash.digest + i, &word, sizeof(word));
    }
    hash.size = power + micro_random(&state) % power;
    return hash;
}
