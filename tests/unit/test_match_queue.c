/* SPDX-License-Identifier: MIT */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>

#define ANY_SIZE UINT64_MAX

/* A body whose bytes stay: in pieces of `piece` bytes, as long as it is not moved away. */
struct stay_body {
    struct match_body matcher;
    uint8_t *bytes;
    size_t len;
    size_t fed;
    size_t piece;
    size_t stays_to; /* Bytes from here on do not. */
    uint8_t *copy;   /* What `at` gave last, at an address of its own. */
    unsigned asked;  /* How often `at` was. */
    bool broken;
};

static const uint8_t *stay_source(void *ctx, uint64_t offset, size_t *out_len)
{
    struct stay_body *body = ctx;

    ASSERT(offset < body->fed);
    body->asked++;
    if (body->broken) {
        return NULL;
    }
    *out_len = MIN_OF(body->fed - (size_t)offset, (size_t)1000);
    free(body->copy);
    body->copy = malloc(*out_len);
    ASSERT(body->copy);
    memcpy(body->copy, body->bytes + offset, *out_len);
    return body->copy;
}

static const uint8_t *stay_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct stay_body *body = ctx;
    const size_t at = (size_t)offset;

    ASSERT(offset < body->fed);
    if (at >= body->stays_to) {
        return NULL;
    }
    *out_len = MIN_OF(MIN_OF(body->fed, body->stays_to) - at, body->piece - at % body->piece);
    return body->bytes + at;
}

/* The bytes of body number `seed`: no two are alike, from two bytes on. */
static uint8_t *stay_make(size_t len, uint32_t seed)
{
    uint8_t *bytes = malloc(len + 1);
    const uint16_t number = (uint16_t)seed;

    ASSERT(bytes);
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(seed >> 24);
    }
    memcpy(bytes, &number, MIN_OF(len, sizeof(number)));
    return bytes;
}

static void stay_begin(struct stay_body *body, struct match_db *db, size_t len, uint32_t seed)
{
    *body = (struct stay_body){.len = len, .piece = KIB(64), .stays_to = SIZE_MAX};
    body->bytes = stay_make(len, seed);
    const bool began =
        match_body_begin(&body->matcher, db, (struct match_source){stay_source, body});

    ASSERT(began);
    match_body_set_stay(&body->matcher, stay_at);
}

static void stay_feed(struct stay_body *body, size_t len)
{
    struct match_finding finding;

    len = MIN_OF(len, body->len - body->fed);
    body->fed += len;
    cr_assert_eq(
        match_body_feed(&body->matcher, slice_from(body->bytes + body->fed - len, len), &finding),
        MATCH_CLEAN);
}

static void stay_fini(struct stay_body *body)
{
    match_body_fini(&body->matcher);
    free(body->bytes);
    free(body->copy);
}

/* Runs turns of the loop until the body has its answer. */
static enum match_status stay_end(struct stay_body *body, struct match_db *db)
{
    struct match_finding finding;
    enum match_status status;

    while ((status = match_body_end(&body->matcher, &finding)) == MATCH_AGAIN) {
        while (match_body_is_queued(&body->matcher)) {
            (void)match_db_hash(db);
        }
    }
    return status;
}

static void queue_add(struct match_builder *builder, const uint8_t *bytes, size_t len,
                      const EVP_MD *kind, uint64_t size, bool allow)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    unsigned digest_len = 0;

    cr_assert(EVP_Digest(bytes, len, digest, &digest_len, kind, NULL));
    for (unsigned i = 0; i < digest_len; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    cr_assert_eq(
        match_builder_add_hash(builder, SLICE_OF("Test.Hash"), slice_from_str(hex), size, allow),
        MATCH_BUILD_OK);
}

static struct kit_set queue_open(uint64_t size, uint32_t bodies_max)
{
    struct match_builder *builder = kit_builder();

    queue_add(builder, (const uint8_t *)"x", 1, EVP_md5(), size, false);
    return kit_open(builder, bodies_max);
}

static uint32_t dice_next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

/* The same bodies by themselves and side by side: every second one is in the set. */
Test(match_queue, bodies_of_all_lengths_side_by_side)
{
    enum {
        BODIES = 150,
        ROUNDS = 6
    };

    static struct stay_body bodies[BODIES];
    uint32_t seed = 5;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct match_builder *builder = kit_builder();

        for (uint32_t i = 0; i < BODIES; i++) {
            const uint32_t most = 1U << dice_next(&seed) % 18;

            bodies[i].len = 2 + (i < 130 && round < 2 ? i : dice_next(&seed) % most);
            if (i % 2 == 0) {
                uint8_t *bytes = stay_make(bodies[i].len, i);

                queue_add(builder, bytes, bodies[i].len, EVP_md5(),
                          round % 2 ? ANY_SIZE : bodies[i].len, false);
                free(bytes);
            }
        }
        queue_add(builder, (const uint8_t *)"x", 1, EVP_sha256(), ANY_SIZE, false);
        struct kit_set set = kit_open(builder, BODIES);
        unsigned left = BODIES;
        bool done[BODIES] = {false};

        for (uint32_t i = 0; i < BODIES; i++) {
            stay_begin(&bodies[i], set.db, bodies[i].len, i);
            bodies[i].piece = 64U << dice_next(&seed) % 11;
        }
        while (left > 0) {
            for (uint32_t i = 0; i < BODIES; i++) {
                struct stay_body *body = &bodies[i];
                struct match_finding finding;

                if (done[i] || (match_body_is_queued(&body->matcher) && dice_next(&seed) % 4 > 0)) {
                    continue;
                }
                if (body->fed < body->len) {
                    stay_feed(body, 1 + dice_next(&seed) % 30000);
                    continue;
                }
                const enum match_status status = match_body_end(&body->matcher, &finding);

                if (status != MATCH_AGAIN) {
                    cr_assert_eq(status, i % 2 == 0 ? MATCH_FOUND : MATCH_CLEAN, "%u of %zu bytes",
                                 i, body->len);
                    stay_fini(body);
                    done[i] = true;
                    left--;
                }
            }
            (void)match_db_hash(set.db);
        }
        cr_assert_not(match_db_hash(set.db));
        kit_close(&set);
    }
}

Test(match_queue, a_body_alone_is_hashed_when_the_turn_ends)
{
    struct kit_set set = queue_open(ANY_SIZE, 1);
    struct stay_body body;
    struct match_finding finding;

    stay_begin(&body, set.db, 10240, 1);
    stay_feed(&body, SIZE_MAX);
    cr_assert_eq(match_body_end(&body.matcher, &finding), MATCH_AGAIN);
    cr_assert(match_body_is_queued(&body.matcher));
    cr_assert_not(match_db_hash(set.db));
    cr_assert_not(match_body_is_queued(&body.matcher));
    cr_assert_eq(match_body_end(&body.matcher, &finding), MATCH_CLEAN);
    cr_assert_eq(body.asked, 0);
    stay_fini(&body);
    kit_close(&set);
}

/* Who knows nothing of turns gets on, too. */
Test(match_queue, ending_again_hashes_at_once)
{
    struct kit_set set = queue_open(ANY_SIZE, 1);
    struct stay_body body;
    struct match_finding finding;

    stay_begin(&body, set.db, 10240, 1);
    stay_feed(&body, SIZE_MAX);
    cr_assert_eq(match_body_end(&body.matcher, &finding), MATCH_AGAIN);
    cr_assert_eq(match_body_end(&body.matcher, &finding), MATCH_CLEAN);
    stay_fini(&body);
    kit_close(&set);
}

Test(match_queue, an_empty_body_does_not_wait)
{
    struct kit_set set = queue_open(ANY_SIZE, 1);
    struct stay_body body;
    struct match_finding finding;

    stay_begin(&body, set.db, 0, 1);
    cr_assert_eq(match_body_end(&body.matcher, &finding), MATCH_CLEAN);
    stay_fini(&body);
    kit_close(&set);
}

/* One run is bounded, and all that waits comes to its turn. */
Test(match_queue, much_is_hashed_in_several_turns)
{
    enum {
        BODIES = 40,
        LEN = 300000
    };

    struct match_builder *builder = kit_builder();
    static struct stay_body bodies[BODIES];
    struct match_finding finding;
    unsigned turns = 1;

    for (uint32_t i = 0; i < BODIES; i += 2) {
        uint8_t *bytes = stay_make(LEN, i);

        queue_add(builder, bytes, LEN, EVP_md5(), LEN, false);
        free(bytes);
    }
    struct kit_set set = kit_open(builder, BODIES);

    for (uint32_t i = 0; i < BODIES; i++) {
        stay_begin(&bodies[i], set.db, LEN, i);
        stay_feed(&bodies[i], SIZE_MAX);
        cr_assert_eq(match_body_end(&bodies[i].matcher, &finding), MATCH_AGAIN);
    }
    while (match_db_hash(set.db)) {
        turns++;
    }
    cr_assert_geq(turns, BODIES * LEN / MIB(2));
    for (uint32_t i = 0; i < BODIES; i++) {
        cr_assert_not(match_body_is_queued(&bodies[i].matcher));
        cr_assert_eq(match_body_end(&bodies[i].matcher, &finding),
                     i % 2 == 0 ? MATCH_FOUND : MATCH_CLEAN);
        cr_assert_eq(bodies[i].asked, 0);
        stay_fini(&bodies[i]);
    }
    kit_close(&set);
}

/* The client has gone: the others do not notice. */
Test(match_queue, a_body_that_ends_while_it_waits_is_forgotten)
{
    enum {
        BODIES = 20
    };

    struct kit_set set = queue_open(ANY_SIZE, BODIES);
    static struct stay_body bodies[BODIES];
    struct match_finding finding;

    for (unsigned gone = 0; gone < 2; gone++) {
        for (uint32_t i = 0; i < BODIES; i++) {
            stay_begin(&bodies[i], set.db, 20000, i);
            stay_feed(&bodies[i], 15000);
            if (i % 3 != 0) {
                stay_feed(&bodies[i], SIZE_MAX);
                cr_assert_eq(match_body_end(&bodies[i].matcher, &finding), MATCH_AGAIN);
            }
            cr_assert(match_body_is_queued(&bodies[i].matcher));
        }
        for (uint32_t i = 0; i < BODIES; i++) {
            if (gone == 1 || i % 2 == 0) {
                stay_fini(&bodies[i]);
            }
        }
        (void)match_db_hash(set.db);
        for (uint32_t i = 1; gone == 0 && i < BODIES; i += 2) {
            if (i % 3 == 0) {
                stay_feed(&bodies[i], SIZE_MAX);
            }
            cr_assert_eq(stay_end(&bodies[i], set.db), MATCH_CLEAN);
            stay_fini(&bodies[i]);
        }
    }
    kit_close(&set);
}

/* From any byte on, and while it waits: what is left is read from where it is now. */
Test(match_queue, bytes_that_leave_the_memory)
{
    enum {
        LEN = 30000
    };

    for (unsigned row = 0; row < 3 * 40; row++) {
        struct match_builder *builder = kit_builder();
        struct stay_body model;
        struct kit_set none = queue_open(ANY_SIZE, 1);

        stay_begin(&model, none.db, LEN, 77);
        queue_add(builder, model.bytes, LEN, EVP_md5(), row % 2 ? ANY_SIZE : LEN, false);
        stay_fini(&model);
        kit_close(&none);
        struct kit_set set = kit_open(builder, 1);
        const size_t leaves = (size_t)row / 3 * 777;
        struct stay_body body;
        struct match_finding finding;
        enum match_status status = MATCH_AGAIN;

        stay_begin(&body, set.db, LEN, 77);
        if (row % 3 == 0) {
            body.stays_to = leaves;
        }
        while (body.fed < LEN) {
            stay_feed(&body, 1999);
            if (row % 3 == 1 && body.fed > leaves) {
                body.stays_to = 0;
            }
            if (row % 4 == 0) {
                (void)match_db_hash(set.db);
            }
        }
        while (status == MATCH_AGAIN) {
            status = match_body_end(&body.matcher, &finding);
            if (row % 3 == 2) {
                body.stays_to = leaves;
            }
            (void)match_db_hash(set.db);
        }
        cr_assert_eq(status, MATCH_FOUND, "%u", row);
        stay_fini(&body);
        kit_close(&set);
    }
}

Test(match_queue, a_source_that_fails_after_the_bytes_have_left)
{
    struct kit_set set = queue_open(ANY_SIZE, 1);
    struct stay_body body;

    stay_begin(&body, set.db, 30000, 1);
    stay_feed(&body, SIZE_MAX);
    body.stays_to = 0;
    body.broken = true;
    (void)match_db_hash(set.db);
    cr_assert_eq(stay_end(&body, set.db), MATCH_FAILED);
    stay_fini(&body);
    kit_close(&set);
}

/* Pieces that are no whole blocks are nothing for lanes. */
Test(match_queue, pieces_of_odd_lengths)
{
    for (size_t piece = 1; piece < 200; piece += 9) {
        struct match_builder *builder = kit_builder();
        struct stay_body body;
        struct kit_set none = queue_open(ANY_SIZE, 1);

        stay_begin(&body, none.db, 9000, 3);
        queue_add(builder, body.bytes, body.len, EVP_md5(), ANY_SIZE, false);
        stay_fini(&body);
        kit_close(&none);
        struct kit_set set = kit_open(builder, 1);

        stay_begin(&body, set.db, 9000, 3);
        body.piece = piece;
        stay_feed(&body, 5000);
        (void)match_db_hash(set.db);
        stay_feed(&body, SIZE_MAX);
        cr_assert_eq(stay_end(&body, set.db), MATCH_FOUND, "%zu", piece);
        stay_fini(&body);
        kit_close(&set);
    }
}

/* What matched is allowed by its hash, of its size or of any, whether that came by lanes or not. */
Test(match_queue, the_allow_list_wins)
{
    static const uint8_t text[] = "a body with PlainMarker inside, and more behind it";

    for (unsigned row = 0; row < 8; row++) {
        struct match_builder *builder = kit_builder();

        cr_assert_eq(kit_add(builder, "Test.Plain", 0, "*", "506c61696e4d61726b6572"), 0);
        queue_add(builder, text, sizeof(text), row & 1 ? EVP_md5() : EVP_sha1(),
                  row & 2 ? ANY_SIZE : sizeof(text), true);
        if (row & 4) {
            queue_add(builder, (const uint8_t *)"x", 1, EVP_md5(), ANY_SIZE, false);
        }
        struct kit_set set = kit_open(builder, 1);

        for (unsigned changed = 0; changed < 2; changed++) {
            struct stay_body body;

            stay_begin(&body, set.db, sizeof(text), 0);
            memcpy(body.bytes, text, sizeof(text));
            body.bytes[0] ^= (uint8_t)changed;
            stay_feed(&body, SIZE_MAX);
            cr_assert_eq(stay_end(&body, set.db), changed ? MATCH_FOUND : MATCH_CLEAN, "%u", row);
            stay_fini(&body);
        }
        kit_close(&set);
    }
}

/* Two sets at a time, as during a swap: each has a queue of its own. */
Test(match_queue, each_set_has_its_own)
{
    struct kit_set sets[2] = {queue_open(ANY_SIZE, 2), queue_open(ANY_SIZE, 2)};
    struct stay_body bodies[2];
    struct match_finding finding;

    for (unsigned i = 0; i < 2; i++) {
        stay_begin(&bodies[i], sets[i].db, 10000, i);
        stay_feed(&bodies[i], SIZE_MAX);
        cr_assert_eq(match_body_end(&bodies[i].matcher, &finding), MATCH_AGAIN);
    }
    (void)match_db_hash(sets[0].db);
    cr_assert_not(match_body_is_queued(&bodies[0].matcher));
    cr_assert(match_body_is_queued(&bodies[1].matcher));
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_eq(stay_end(&bodies[i], sets[i].db), MATCH_CLEAN);
        stay_fini(&bodies[i]);
        kit_close(&sets[i]);
    }
}
