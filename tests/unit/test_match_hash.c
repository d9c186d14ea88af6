/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>

#define ANY_SIZE UINT64_MAX

static const EVP_MD *hash_kind(unsigned kind)
{
    return kind == 0 ? EVP_md5() : kind == 1 ? EVP_sha1() : EVP_sha256();
}

static void hash_hex(struct slice body, unsigned kind, char out[65])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    cr_assert(EVP_Digest(body.ptr, body.len, digest, &len, hash_kind(kind), NULL));
    for (unsigned i = 0; i < len; i++) {
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
}

static void hash_add(struct match_builder *builder, const char *name, struct slice body,
                     unsigned kind, uint64_t size, bool allow)
{
    char hex[65];

    hash_hex(body, kind, hex);
    cr_assert_eq(
        match_builder_add_hash(builder, slice_from_str(name), slice_from_str(hex), size, allow),
        MATCH_BUILD_OK);
}

Test(match_hash, every_kind_with_its_size_and_for_any_size)
{
    const struct slice body = SLICE_OF("the body that is hashed");

    for (unsigned kind = 0; kind < 3; kind++) {
        for (unsigned any = 0; any < 2; any++) {
            struct match_builder *builder = kit_builder();

            hash_add(builder, "Test.Hash", body, kind, any ? ANY_SIZE : body.len, false);
            struct kit_set set = kit_open(builder, 2);
            struct match_finding finding;

            for (size_t step = 0; step <= body.len; step++) {
                cr_assert_eq(kit_scan_by(set.db, body, step, &finding), MATCH_FOUND);
                cr_assert_str_eq(finding.name, "Test.Hash");
            }
            cr_assert_eq(kit_scan(set.db, SLICE_OF("the body that is hasheD")), MATCH_CLEAN);
            cr_assert_eq(kit_scan(set.db, SLICE_OF("another size")), MATCH_CLEAN);
            cr_assert_eq(kit_scan(set.db, SLICE_OF("")), MATCH_CLEAN);
            kit_close(&set);
        }
    }
}

Test(match_hash, a_size_that_differs_is_no_match)
{
    const struct slice body = SLICE_OF("the body that is hashed");
    struct match_builder *builder = kit_builder();

    hash_add(builder, "Test.Hash", body, 0, body.len + 1, false);
    struct kit_set set = kit_open(builder, 2);

    cr_assert_eq(kit_scan(set.db, body), MATCH_CLEAN);
    kit_close(&set);
}

Test(match_hash, is_only_computed_for_sizes_in_the_set)
{
    struct match_builder *builder = kit_builder();
    static uint8_t bytes[200000];
    size_t step = 4096;
    struct kit_body body = {.bytes = bytes, .len = sizeof(bytes)};
    struct kit_feed feed = {.next = kit_next_fixed, .ctx = &step};
    struct match_finding finding;

    hash_add(builder, "Test.Hash", SLICE_OF("x"), 2, sizeof(bytes), false);
    struct kit_set set = kit_open(builder, 1);

    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_CLEAN);
    cr_assert_gt(body.asked, 0);
    body.asked = 0;
    body.len--;
    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_CLEAN);
    cr_assert_eq(body.asked, 0);
    kit_close(&set);
}

Test(match_hash, a_large_body_is_hashed_in_slices)
{
    struct match_builder *builder = kit_builder();
    const size_t len = MIB(3) + 17;
    uint8_t *bytes = malloc(len);
    struct kit_body body = {.bytes = bytes, .len = len, .piece_max = 100000};
    struct kit_feed feed = {0};
    struct match_finding finding;

    cr_assert_not_null(bytes);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (unsigned kind = 0; kind < 3; kind++) {
        hash_add(builder, "Test.Hash", kind == 1 ? slice_from(bytes, len) : SLICE_OF("no"), kind,
                 len, false);
    }
    struct kit_set set = kit_open(builder, 1);

    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_FOUND);
    cr_assert_geq(feed.slices, 12);
    bytes[len / 2] ^= 1;
    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_CLEAN);
    body.broken = true;
    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_FAILED);
    kit_close(&set);
    free(bytes);
}

Test(match_hash, refuses_what_is_no_hash)
{
    struct match_builder *builder = kit_builder();
    static const char *const rows[] = {
        "",
        "00",
        "d41d8cd98f00b204e9800998ecf8427",
        "d41d8cd98f00b204e9800998ecf8427g",
        "d41d8cd98f00b204e9800998ecf8427e00",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_assert_eq(
            match_builder_add_hash(builder, SLICE_OF("X"), slice_from_str(rows[i]), 1, false),
            MATCH_BUILD_BAD_HASH, "%s", rows[i]);
        cr_assert_neq(match_builder_error(builder)[0], '\0');
    }
    cr_assert_eq(match_builder_len(builder), 0);
    match_builder_free(builder);
}

/* ---- The allow list ---- */

#define INFECTED "some text with PlainMarker in it"

static struct kit_set allow_open(struct slice allowed, unsigned kind, uint64_t size,
                                 const char *pattern)
{
    struct match_builder *builder = kit_builder();

    cr_assert_eq(kit_add(builder, "Test.Plain", 0, "*", pattern), 0);
    hash_add(builder, "Test.Hash", SLICE_OF("hashed and allowed"), 0, 18, false);
    hash_add(builder, "Allowed", allowed, kind, size, true);
    return kit_open(builder, 2);
}

Test(match_hash, an_allowed_body_is_clean_whatever_matches)
{
    const struct slice body = SLICE_OF(INFECTED);

    for (unsigned kind = 0; kind < 3; kind++) {
        for (unsigned any = 0; any < 2; any++) {
            struct kit_set set =
                allow_open(body, kind, any ? ANY_SIZE : body.len, "506c61696e4d61726b6572");

            for (size_t step = 0; step <= body.len; step++) {
                struct match_finding finding;

                cr_assert_eq(kit_scan_by(set.db, body, step, &finding), MATCH_CLEAN);
                cr_assert_eq(kit_scan_by(set.db, SLICE_OF(INFECTED "!"), step, &finding),
                             MATCH_FOUND);
                cr_assert_eq(kit_scan_by(set.db, SLICE_OF("s" INFECTED), step, &finding),
                             MATCH_FOUND);
            }
            kit_close(&set);
        }
    }
}

Test(match_hash, the_allow_list_wins_over_a_hash)
{
    const struct slice body = SLICE_OF("hashed and allowed");

    for (unsigned kind = 0; kind < 3; kind++) {
        struct kit_set set = allow_open(body, kind, ANY_SIZE, "506c61696e4d61726b6572");

        cr_assert_eq(kit_scan(set.db, body), MATCH_CLEAN);
        kit_close(&set);
        set = allow_open(body, kind, body.len, "506c61696e4d61726b6572");
        cr_assert_eq(kit_scan(set.db, body), MATCH_CLEAN);
        kit_close(&set);
        set = allow_open(SLICE_OF("other"), kind, body.len, "506c61696e4d61726b6572");
        cr_assert_eq(kit_scan(set.db, body), MATCH_FOUND);
        kit_close(&set);
    }
}

/* A finding waits until the body is larger than everything that is allowed, and no longer. */
Test(match_hash, a_finding_is_early_when_no_allowed_body_is_that_large)
{
    struct match_builder *builder = kit_builder();
    static uint8_t bytes[1000];
    struct kit_body body = {.bytes = bytes, .len = sizeof(bytes)};
    size_t step = 10;
    struct kit_feed feed = {.next = kit_next_fixed, .ctx = &step};
    struct match_finding finding;

    memcpy(bytes + 20, "PlainMarker", 11);
    cr_assert_eq(kit_add(builder, "Test.Plain", 0, "*", "506c61696e4d61726b6572"), 0);
    hash_add(builder, "Allowed", SLICE_OF("x"), 2, 500, true);
    struct kit_set set = kit_open(builder, 1);

    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_FOUND);
    cr_assert_eq(feed.fed, 510);
    cr_assert_eq(feed.slices, 0);
    body.len = 500;
    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_FOUND);
    cr_assert_eq(feed.fed, 500);
    cr_assert_eq(feed.slices, 1);
    kit_close(&set);
}
