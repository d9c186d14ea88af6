/* SPDX-License-Identifier: MIT */
/*
 * Random signatures on random bodies: match/ must say what the naive matcher says, however the
 * bytes are cut. The seed is fixed.
 */
#include "tests/naive/naive.h"
#include "tests/naive/sample.h"
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>

#define RANDOM_PATTERNS 4000
#define RANDOM_BODIES   24

static size_t next_random(void *ctx, size_t left)
{
    (void)ctx;
    return 1 + dice_below((uint32_t)MIN_OF(left, 1 + dice_below(2) * 30));
}

struct tally {
    unsigned used;
    unsigned refused;
    unsigned found;
    unsigned clean;
};

static void check_body(struct match_db *db, const char *offset, const struct sample *sample,
                       const struct sample_body *body, struct tally *tally)
{
    const bool expected = naive_matches(offset, sample->text, body->bytes, body->len);

    for (unsigned mode = 0; mode < 3; mode++) {
        size_t one = 1;
        struct kit_body kit = {
            .bytes = body->bytes, .len = body->len, .piece_max = mode ? 1 + dice_below(9) : 0};
        struct kit_feed feed = {.next = mode == 0   ? NULL
                                        : mode == 1 ? kit_next_fixed
                                                    : next_random,
                                .ctx = &one};
        struct match_finding finding;
        const enum match_status status = kit_run(db, &kit, &feed, &finding);

        cr_assert_eq(status, expected ? MATCH_FOUND : MATCH_CLEAN,
                     "offset %s pattern %s body '%.*s' mode %u: naive says %d, match %d", offset,
                     sample->text, (int)body->len, (const char *)body->bytes, mode, expected,
                     status);
    }
    tally->found += expected;
    tally->clean += !expected;
}

static void check_pattern(struct tally *tally)
{
    struct match_builder *builder = kit_builder();
    struct sample sample;
    char offset[64];

    sample_make(&sample);
    sample_make_offset(offset, sizeof(offset), &sample);
    const int r = kit_add(builder, "Test.Random", 0, offset, sample.text);

    if (r != MATCH_BUILD_OK && r != MATCH_BUILD_SLOW) {
        cr_assert_eq(r, MATCH_BUILD_BAD_PATTERN, "%s: %s", sample.text,
                     match_builder_error(builder));
        cr_assert(strstr(match_builder_error(builder), "no two bytes"), "%s", sample.text);
        match_builder_free(builder);
        tally->refused++;
        return;
    }
    tally->used++;
    struct kit_set set = kit_open(builder, 1);

    for (unsigned i = 0; i < RANDOM_BODIES; i++) {
        struct sample_body body;

        sample_make_body(&body, &sample);
        check_body(set.db, offset, &sample, &body, tally);
    }
    kit_close(&set);
}

static void check_seed(uint64_t seed)
{
    struct tally tally = {0};

    dice_seed(seed);
    for (unsigned i = 0; i < RANDOM_PATTERNS; i++) {
        check_pattern(&tally);
    }
    printf("seed %llu: %u patterns, %u refused, %u found, %u clean\n", (unsigned long long)seed,
           tally.used, tally.refused, tally.found, tally.clean);
    /* A generator that no longer hits anything would test nothing. */
    cr_assert_gt(tally.used, RANDOM_PATTERNS / 2);
    cr_assert_gt(tally.found, tally.used * 2);
    cr_assert_gt(tally.clean, tally.used * 2);
}

/* ---- Sets ---- */

#define SET_PATTERNS 40
#define SET_BODIES   200
#define SET_ROUNDS   12

struct entry {
    char name[16];
    char offset[64];
    struct sample sample;
};

static struct match_builder *set_make(struct entry *entries)
{
    struct match_builder *builder = kit_builder();

    for (unsigned i = 0; i < SET_PATTERNS;) {
        struct entry *entry = &entries[i];

        sample_make(&entry->sample);
        sample_make_offset(entry->offset, sizeof(entry->offset), &entry->sample);
        snprintf(entry->name, sizeof(entry->name), "Set.%u", i);
        const int r = kit_add(builder, entry->name, 0, entry->offset, entry->sample.text);

        i += r == MATCH_BUILD_OK || r == MATCH_BUILD_SLOW;
    }
    return builder;
}

/* Any of the signatures that the naive matcher finds may be named, no other. */
static void check_set_body(struct match_db *db, const struct entry *entries,
                           const struct sample_body *body, struct tally *tally)
{
    struct kit_body kit = {.bytes = body->bytes, .len = body->len, .piece_max = 7};
    struct kit_feed feed = {.next = next_random};
    struct match_finding finding = {.name = ""};
    const enum match_status status = kit_run(db, &kit, &feed, &finding);
    bool expected = false;
    bool named = false;

    for (unsigned i = 0; i < SET_PATTERNS; i++) {
        const bool found =
            naive_matches(entries[i].offset, entries[i].sample.text, body->bytes, body->len);

        expected |= found;
        named |= found && strcmp(entries[i].name, finding.name) == 0;
    }
    cr_assert_eq(status, expected ? MATCH_FOUND : MATCH_CLEAN, "'%.*s': naive says %d, match %d",
                 (int)body->len, (const char *)body->bytes, expected, status);
    cr_assert_eq(named, expected, "'%.*s' is not %s", (int)body->len, (const char *)body->bytes,
                 finding.name);
    tally->found += expected;
    tally->clean += !expected;
}

Test(match_random, agrees_with_the_naive_matcher_on_sets)
{
    static struct entry entries[SET_PATTERNS];
    struct tally tally = {0};

    dice_seed(0x5e7);
    for (unsigned round = 0; round < SET_ROUNDS; round++) {
        struct kit_set set = kit_open(set_make(entries), 1);

        for (unsigned i = 0; i < SET_BODIES; i++) {
            struct sample_body body;

            sample_make_body(&body, &entries[i % SET_PATTERNS].sample);
            check_set_body(set.db, entries, &body, &tally);
        }
        kit_close(&set);
    }
    printf("sets: %u found, %u clean\n", tally.found, tally.clean);
    cr_assert_gt(tally.found, SET_ROUNDS * SET_BODIES / 10);
    cr_assert_gt(tally.clean, SET_ROUNDS * SET_BODIES / 10);
}

Test(match_random, agrees_with_the_naive_matcher_on_the_first_seed)
{
    check_seed(1);
}

Test(match_random, agrees_with_the_naive_matcher_on_the_second_seed)
{
    check_seed(2);
}
