/* SPDX-License-Identifier: MIT */
/*
 * Random signatures on random bodies: match/ must say what the naive matcher says, however the
 * bytes are cut. The generator writes a pattern and, beside it, bytes that it matches; bodies are
 * such bytes, damaged ones, and noise over the same few letters. The seed is fixed.
 */
#include "tests/naive/naive.h"
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>

#define RANDOM_PATTERNS 4000
#define RANDOM_BODIES   24

static uint64_t random_state;

static uint32_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32);
}

static uint32_t random_below(uint32_t limit)
{
    return random_next() % limit;
}

/* A pattern and bytes that it matches. */
struct sample {
    char text[2048];
    size_t text_len;
    uint8_t bytes[1024];
    size_t bytes_len;
    const char *letters;
    unsigned gaps;
};

static void sample_text(struct sample *sample, const char *text)
{
    const size_t len = strlen(text);

    ASSERT(sample->text_len + len < sizeof(sample->text));
    memcpy(sample->text + sample->text_len, text, len + 1);
    sample->text_len += len;
}

static uint8_t sample_letter(const struct sample *sample)
{
    return (uint8_t)sample->letters[random_below((uint32_t)strlen(sample->letters))];
}

static void sample_byte(struct sample *sample, uint8_t byte)
{
    ASSERT(sample->bytes_len < sizeof(sample->bytes));
    sample->bytes[sample->bytes_len++] = byte;
}

static void sample_fill(struct sample *sample, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        sample_byte(sample, sample_letter(sample));
    }
}

/* A byte as text: plain, or with one or two digits left open. */
static void sample_put_byte(struct sample *sample, bool open)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t byte = sample_letter(sample);
    const uint32_t kind = open ? random_below(12) : 3;
    const char text[] = {kind == 0 || kind == 2 ? '?' : digits[byte >> 4],
                         kind == 1 || kind == 2 ? '?' : digits[byte & 15], '\0'};

    sample_text(sample, text);
    sample_byte(sample, byte);
}

static void sample_put_run(struct sample *sample, unsigned len, bool open)
{
    for (unsigned i = 0; i < len; i++) {
        sample_put_byte(sample, open);
    }
}

/* Alternatives; the bytes of one of them stay. */
static void sample_put_either(struct sample *sample, unsigned depth)
{
    const unsigned count = 1 + random_below(3);
    const unsigned chosen = random_below(count);
    const unsigned fixed = random_below(3);
    size_t kept = sample->bytes_len;

    sample_text(sample, "(");
    for (unsigned i = 0; i < count; i++) {
        const size_t start = sample->bytes_len;

        sample_text(sample, i > 0 ? "|" : "");
        sample_put_run(sample, fixed ? fixed : 1 + random_below(3), fixed == 0);
        if (depth > 0 && random_below(3) == 0) {
            sample_put_either(sample, depth - 1);
            sample_put_run(sample, random_below(2), false);
        }
        if (fixed == 0 && random_below(6) == 0) {
            sample_text(sample, "{2}");
            sample_fill(sample, 2);
        }
        if (i == chosen) {
            memmove(sample->bytes + kept, sample->bytes + start, sample->bytes_len - start);
            kept += sample->bytes_len - start;
        }
        sample->bytes_len = i >= chosen ? kept : start;
    }
    sample_text(sample, ")");
}

static void sample_put_negation(struct sample *sample)
{
    const unsigned len = 1 + random_below(2);
    const unsigned count = 1 + random_below(2);
    const size_t start = sample->bytes_len;

    sample_text(sample, "!(");
    for (unsigned i = 0; i < count; i++) {
        sample_text(sample, i > 0 ? "|" : "");
        sample_put_run(sample, len, false);
    }
    sample_text(sample, ")");
    sample->bytes_len = start;
    for (unsigned i = 0; i < len; i++) {
        sample_byte(sample, '#');
    }
}

static void sample_put_mark(struct sample *sample)
{
    static const char *const marks[] = {"(B)", "(L)", "(W)", "!(B)", "!(L)", "!(W)"};

    sample_text(sample, marks[random_below(ARRAY_LEN(marks))]);
}

static void sample_put_gap(struct sample *sample)
{
    const unsigned min = random_below(4);
    const unsigned max = min + random_below(6);
    char text[32];

    sample->gaps++;
    switch (random_below(6)) {
    case 0:
        sample_text(sample, "*");
        sample_fill(sample, random_below(5));
        return;
    case 1:
        snprintf(text, sizeof(text), "{%u-}", min);
        sample_fill(sample, min + random_below(4));
        break;
    case 2:
        snprintf(text, sizeof(text), "{-%u}", max);
        sample_fill(sample, random_below(max + 1));
        break;
    case 3:
        snprintf(text, sizeof(text), "{%u}", min);
        sample_fill(sample, min);
        break;
    default:
        snprintf(text, sizeof(text), "{%u-%u}", min, max);
        sample_fill(sample, min + random_below(max - min + 1));
        break;
    }
    sample_text(sample, text);
}

static void sample_put_part(struct sample *sample)
{
    const unsigned elements = 1 + random_below(3);

    if (random_below(8) == 0) {
        sample_put_mark(sample);
    }
    for (unsigned i = 0; i < elements; i++) {
        switch (random_below(10)) {
        case 0:
            sample_put_either(sample, 2);
            break;
        case 1:
            sample_put_negation(sample);
            break;
        case 2:
            sample_put_run(sample, 1, false);
            sample_text(sample, "[1-3]");
            sample_fill(sample, 1 + random_below(3));
            sample_put_run(sample, 1, false);
            break;
        case 3:
            sample_put_run(sample, 1, false);
            sample_put_mark(sample);
            sample_byte(sample, random_below(2) ? '\n' : ' ');
            sample_put_run(sample, 1, false);
            break;
        default:
            sample_put_run(sample, 2 + random_below(5), random_below(3) == 0);
            break;
        }
    }
    if (random_below(8) == 0) {
        sample_put_mark(sample);
    }
}

static void sample_make(struct sample *sample)
{
    static const char *const alphabets[] = {"ab", "aab\n", "ab c", "abcdefgh", "xyz\r\n."};
    const unsigned parts = 1 + random_below(4);

    *sample = (struct sample){.letters = alphabets[random_below(ARRAY_LEN(alphabets))]};
    for (unsigned i = 0; i < parts; i++) {
        if (i > 0) {
            sample_put_gap(sample);
        }
        sample_put_part(sample);
    }
}

/* ---- Bodies ---- */

struct body {
    uint8_t bytes[4096];
    size_t len;
};

static void body_noise(struct body *body, const struct sample *sample, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        body->bytes[body->len++] = sample_letter(sample);
    }
}

static void body_make(struct body *body, const struct sample *sample)
{
    const uint32_t kind = random_below(4);

    body->len = 0;
    body_noise(body, sample, random_below(3) ? random_below(20) : 0);
    for (unsigned i = 0; kind > 0 && i < kind; i++) {
        const size_t from = random_below(3) ? 0 : random_below((uint32_t)sample->bytes_len);
        const size_t to = random_below(3)
                              ? sample->bytes_len
                              : from + random_below((uint32_t)(sample->bytes_len - from));

        memcpy(body->bytes + body->len, sample->bytes + from, to - from);
        body->len += to - from;
        body_noise(body, sample, random_below(6));
    }
    if (body->len > 0 && random_below(3) == 0) {
        body->bytes[random_below((uint32_t)body->len)] = sample_letter(sample);
    }
    if (random_below(3) == 0) {
        body_noise(body, sample, random_below(40));
    }
}

static size_t next_random(void *ctx, size_t left)
{
    (void)ctx;
    return 1 + random_below((uint32_t)MIN_OF(left, 1 + random_below(2) * 30));
}

static void random_offset(char *text, size_t cap, const struct sample *sample)
{
    const unsigned at = random_below(24);
    const unsigned shift = random_below(3) ? random_below(10) : 33 + random_below(10);

    switch (random_below(8)) {
    case 0:
        snprintf(text, cap, "%u", at);
        break;
    case 1:
        snprintf(text, cap, "%u,%u", at, shift);
        break;
    case 2:
        snprintf(text, cap, "EOF-%u", (unsigned)sample->bytes_len + random_below(4));
        break;
    case 3:
        snprintf(text, cap, "EOF-%u,%u", (unsigned)sample->bytes_len + at, shift);
        break;
    default:
        snprintf(text, cap, "*");
        break;
    }
}

struct tally {
    unsigned used;
    unsigned refused;
    unsigned found;
    unsigned clean;
};

static void check_body(struct match_db *db, const char *offset, const struct sample *sample,
                       const struct body *body, struct tally *tally)
{
    const bool expected = naive_matches(offset, sample->text, body->bytes, body->len);

    for (unsigned mode = 0; mode < 3; mode++) {
        size_t one = 1;
        struct kit_body kit = {
            .bytes = body->bytes, .len = body->len, .piece_max = mode ? 1 + random_below(9) : 0};
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
    random_offset(offset, sizeof(offset), &sample);
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
        struct body body;

        body_make(&body, &sample);
        check_body(set.db, offset, &sample, &body, tally);
    }
    kit_close(&set);
}

static void check_seed(uint64_t seed)
{
    struct tally tally = {0};

    random_state = seed * 0x9e3779b97f4a7c15ULL;
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
        random_offset(entry->offset, sizeof(entry->offset), &entry->sample);
        snprintf(entry->name, sizeof(entry->name), "Set.%u", i);
        const int r = kit_add(builder, entry->name, 0, entry->offset, entry->sample.text);

        i += r == MATCH_BUILD_OK || r == MATCH_BUILD_SLOW;
    }
    return builder;
}

/* Any of the signatures that the naive matcher finds may be named, no other. */
static void check_set_body(struct match_db *db, const struct entry *entries,
                           const struct body *body, struct tally *tally)
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

    random_state = 0x5e7;
    for (unsigned round = 0; round < SET_ROUNDS; round++) {
        struct kit_set set = kit_open(set_make(entries), 1);

        for (unsigned i = 0; i < SET_BODIES; i++) {
            struct body body;

            body_make(&body, &entries[i % SET_PATTERNS].sample);
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
