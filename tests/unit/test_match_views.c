/* SPDX-License-Identifier: MIT */
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>

/* Signatures in plain text; what they look for is turned into digits here. */
static void add(struct match_builder *builder, const char *name, unsigned target,
                const char *offset, const char *text)
{
    char body[400];
    size_t used = 0;

    for (; *text; text++) {
        used += (size_t)snprintf(body + used, sizeof(body) - used, "%02x", (unsigned char)*text);
    }
    cr_assert_eq(kit_add(builder, name, target, offset, body), 0, "%s: %s", name,
                 match_builder_error(builder));
}

struct row {
    unsigned target;
    const char *offset;
    const char *text; /* What is looked for. */
    bool found;
    struct slice body;
};

#define ROW(target, offset, text, found, body)                                                     \
    {                                                                                              \
        target, offset, text, found,                                                               \
        {                                                                                          \
            (const uint8_t *)("" body), sizeof(body) - 1                                           \
        }                                                                                          \
    }

static const struct row rows[] = {
    /* Text: as it reads, and only so. */
    ROW(7, "*", "evil marker", true, "some EVIL\t\n  Marker here"),
    ROW(7, "*", "EVIL MARKER", false, "some EVIL MARKER here"),
    ROW(7, "5", "evil marker", true, "some\n\n\nevil marker here"),
    ROW(7, "7", "evil marker", false, "some\n\n\nevil marker here"),
    ROW(7, "0", "some evil", true, "Some   evil marker"),
    ROW(7, "EOF-6", "marker", true, "some evil   \xe9\xe8 marker"),
    ROW(7, "*", "evil marker", true,
        "\xff\xfe"
        "e\0v\0i\0l\0 \0m\0a\0r\0k\0e\0r\0"),
    ROW(7, "*", "evil marker", true, "evil \1\2 mar\xc3\xa9ker"),
    ROW(7, "*", "evil marker", false, "evil <b>marker</b>"),
    /* Generic signatures look at both. */
    ROW(0, "*", "EVIL MARKER", true, "some EVIL MARKER here"),
    ROW(0, "*", "evil marker", true, "some EVIL  MARKER here"),
    ROW(0, "*", "EVIL MARKER", true, "<html>some EVIL MARKER here"),
    ROW(0, "*", "evil marker", true, "<html>some EVIL <!-- --> MARKER here"),
    /* Pages. */
    ROW(3, "*", "evil<b class=\"x\">marker", true, "<HTML> evil<B  CLASS='X'>  marker"),
    ROW(3, "*", "evil marker", true, "<html>EVIL<b>marker</b>"),
    ROW(3, "*", "evil marker", true, "<html>evil &nbsp;&amp; marker"),
    ROW(3, "*", "evilmarker", true, "<html><script> evil\n MARKER"),
    ROW(3, "*", "<evil>", true, "<html>&lt;Evil&#62;"),
    ROW(3, "*", "evil marker", false, "<html><!-- evil marker -->"),
    ROW(3, "0", "<html>evil", true, "   <HTML>\n<!-- x -->  evil"),
    ROW(3, "EOF-4", "evil", true, "<html>\n<!-- x -->  evil  \n\n"),
    ROW(3, "*", "evil marker", false, "no page, just evil marker"),
    ROW(7, "*", "evil marker", false, "<html>a page with evil marker"),
    /* A message reads as text, too; and as a page when it is one. */
    ROW(4, "*", "Evil Marker", true, "From: a\nTo: b\nSubject: c\n\nEvil Marker"),
    ROW(7, "*", "evil marker", true, "From: a\nTo: b\nSubject: c\n\nEvil  Marker"),
    ROW(3, "*", "evil marker", true, "From: a\nTo: b\nSubject: c\n\n<html>Evil<b>Marker"),
    /* What is neither is looked at as it is. */
    ROW(7, "*", "evil marker", false, "\0\0\0\0 evil marker"),
    ROW(3, "*", "evil marker", false, "MZ <html>evil marker"),
    ROW(0, "*", "evil marker", false, "MZ EVIL marker"),
};

Test(match_views, bodies_are_matched_as_they_read)
{
    static const size_t steps[] = {0, 1, 2, 7, 1023};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct match_builder *builder = kit_builder();

        add(builder, "Test.Row", rows[i].target, rows[i].offset, rows[i].text);
        add(builder, "Test.Page", 3, "*", "something of pages");
        add(builder, "Test.Text", 7, "*", "something of texts");
        struct kit_set set = kit_open(builder, 1);

        for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
            struct match_finding finding;

            cr_assert_eq(kit_scan_by(set.db, rows[i].body, steps[k], &finding),
                         rows[i].found ? MATCH_FOUND : MATCH_CLEAN, "row %zu by %zu", i, steps[k]);
            if (rows[i].found) {
                cr_assert_str_eq(finding.name, "Test.Row");
            }
        }
        kit_close(&set);
    }
}

/* A body of `len` bytes of words, some of which are changed. */
static uint8_t *words_new(size_t len)
{
    static const char words[] = "Some  Words\tAnd\nMore of Them ";
    uint8_t *bytes = malloc(len + 1);

    cr_assert_not_null(bytes);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)words[i % (sizeof(words) - 1)];
    }
    return bytes;
}

static void words_put(uint8_t *bytes, size_t at, const char *text)
{
    memcpy(bytes + at, text, strlen(text));
}

static enum match_status scan(struct kit_set *set, const uint8_t *bytes, size_t len, size_t step,
                              struct kit_feed *out_feed)
{
    struct kit_body body = {.bytes = bytes, .len = len, .piece_max = 5000};
    struct match_finding finding;

    *out_feed = (struct kit_feed){.next = kit_next_fixed, .ctx = &step};
    return kit_run(set->db, &body, out_feed, &finding);
}

Test(match_views, a_finding_is_told_when_its_bytes_are_there)
{
    struct match_builder *builder = kit_builder();
    const size_t len = MIB(1);
    uint8_t *bytes = words_new(len);
    struct kit_feed feed;

    add(builder, "Test.Text", 7, "*", "early verdict");
    add(builder, "Test.Page", 3, "*", "early page");
    struct kit_set set = kit_open(builder, 1);

    words_put(bytes, 100000, "\nEARLY    Verdict\n");
    cr_assert_eq(scan(&set, bytes, len, 4096, &feed), MATCH_FOUND);
    cr_assert_leq(feed.fed, 100000 + 2 * 4096);
    words_put(bytes, 0, "<html>");
    words_put(bytes, 200000, "\nEARLY <b> Page\n");
    cr_assert_eq(scan(&set, bytes, len, 4096, &feed), MATCH_FOUND);
    cr_assert_leq(feed.fed, 200000 + 2 * 4096);
    kit_close(&set);
    free(bytes);
}

/* The parts of a signature may lie further apart than the window is long. */
Test(match_views, parts_far_apart_are_looked_up_again)
{
    struct match_builder *builder = kit_builder();
    const size_t len = MIB(3);
    uint8_t *bytes = words_new(len);
    struct kit_feed feed;

    cr_assert_eq(kit_add(builder, "Test.Far", 7, "*",
                         "66617220706172742041*66617220706172742042*66617220706172742043"),
                 0);
    cr_assert_eq(kit_add(builder, "Test.Gap", 7, "*",
                         "6e656172207061727420{1000000-2000000}726172652070617274207a7a7a"),
                 0);
    cr_assert_eq(kit_add(builder, "Test.End", 7, "EOF-1000000,900000", "656e64207061727420"), 0);
    struct kit_set set = kit_open(builder, 1);

    cr_assert_eq(scan(&set, bytes, len, 16384, &feed), MATCH_CLEAN);
    words_put(bytes, 1000, " NEAR  part ");
    words_put(bytes, 1500000, " rare PART  zzz ");
    cr_assert_eq(scan(&set, bytes, len, 16384, &feed), MATCH_FOUND);
    words_put(bytes, 1000, " NEAR  pard ");
    cr_assert_eq(scan(&set, bytes, len, 16384, &feed), MATCH_CLEAN);
    words_put(bytes, 2500000, " END  part ");
    cr_assert_eq(scan(&set, bytes, len, 16384, &feed), MATCH_FOUND);
    kit_close(&set);
    free(bytes);
}

/* Any place of the tag, also across two pieces; what stands before it is looked at again. */
Test(match_views, a_text_may_turn_out_to_be_a_page)
{
    struct match_builder *builder = kit_builder();
    const size_t len = 40000;
    uint8_t *bytes = words_new(len);
    struct kit_feed feed;

    add(builder, "Test.Page", 3, "*", "late page");
    struct kit_set set = kit_open(builder, 1);

    words_put(bytes, 2000, " LATE<b>Page ");
    cr_assert_eq(scan(&set, bytes, len, 1000, &feed), MATCH_CLEAN);
    for (size_t at = 20000 - 12; at < 20000 + 4; at++) {
        uint8_t *page = words_new(len);

        memcpy(page, bytes, len);
        words_put(page, at, "<Iframe ");
        cr_assert_eq(scan(&set, page, len, 1000, &feed), MATCH_FOUND, "%zu", at);
        cr_assert_eq(scan(&set, page, len, 3, &feed), MATCH_FOUND, "%zu", at);
        free(page);
    }
    kit_close(&set);
    free(bytes);
}

Test(match_views, work_at_the_end_comes_in_slices)
{
    struct match_builder *builder = kit_builder();
    const size_t len = MIB(4);
    uint8_t *bytes = words_new(len);
    struct kit_feed feed;

    add(builder, "Test.Page", 3, "*", "late page");
    struct kit_set set = kit_open(builder, 1);

    words_put(bytes, MIB(2), "<table>");
    words_put(bytes, len - 100, " LATE<b>Page ");
    cr_assert_eq(scan(&set, bytes, len, 16384, &feed), MATCH_FOUND);
    cr_assert_geq(feed.slices, len / KIB(256));
    kit_close(&set);
    free(bytes);
}

Test(match_views, digests_are_of_the_body_alone)
{
    /* MD5 of "hash me", which "HASH me" reads as. */
    struct match_builder *builder = kit_builder();

    cr_assert_eq(match_builder_add_hash(builder, SLICE_OF("Test.Hash"),
                                        SLICE_OF("17b31dce96b9d6c6d0a6ba95f47796fb"), 7, false),
                 0);
    add(builder, "Test.Text", 7, "*", "something of texts");
    struct kit_set set = kit_open(builder, 1);

    cr_assert_eq(kit_scan(set.db, SLICE_OF("HASH me")), MATCH_CLEAN);
    cr_assert_eq(kit_scan(set.db, SLICE_OF("hash me")), MATCH_FOUND);
    kit_close(&set);
}

Test(match_views, many_bodies_have_views_at_a_time)
{
    struct match_builder *builder = kit_builder();
    struct match_body bodies[8];
    struct kit_body raw[8];
    const struct slice text = SLICE_OF("<p>Good  WORDS</p><html> in a row");

    add(builder, "Test.Text", 7, "*", "good words in a row");
    add(builder, "Test.Page", 3, "*", "good words in a row");
    struct kit_set set = kit_open(builder, 8);

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        raw[i] = (struct kit_body){.bytes = text.ptr, .len = text.len};
        cr_assert(match_body_begin(&bodies[i], set.db, (struct match_source){kit_at, &raw[i]}));
    }
    for (size_t at = 0; at < text.len; at++) {
        for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
            struct match_finding finding;

            raw[i].fed++;
            cr_assert_eq(match_body_feed(&bodies[i], slice_from(text.ptr + at, 1), &finding),
                         MATCH_CLEAN);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct match_finding finding;
        enum match_status status;

        do {
            status = match_body_end(&bodies[i], &finding);
        } while (status == MATCH_AGAIN);
        cr_assert_eq(status, MATCH_FOUND);
        match_body_fini(&bodies[i]);
        free(raw[i].piece);
    }
    kit_close(&set);
}

Test(match_views, a_source_that_fails_is_told)
{
    struct match_builder *builder = kit_builder();
    const struct slice text = SLICE_OF("some words <table>");
    struct kit_body body = {.bytes = text.ptr, .len = text.len, .broken = true};
    struct kit_feed feed = {0};
    struct match_finding finding;

    add(builder, "Test.Page", 3, "*", "good words in a row");
    struct kit_set set = kit_open(builder, 1);

    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_FAILED);
    kit_close(&set);
}

/* Rules for logic count and measure what the view says. */
Test(match_views, logic_is_about_the_view)
{
    struct match_builder *builder = kit_builder();
    const struct slice parts[] = {SLICE_OF("6161617a7a7a"), SLICE_OF("6262627a7a7a")};
    const struct match_logical logical = {
        .name = SLICE_OF("Test.Logic"),
        .target = 7,
        .conditions = {.has_size = true, .size_min = 20, .size_max = 24},
        .expression = SLICE_OF("0>1&1"),
        .subsignatures = parts,
        .subsignatures_len = ARRAY_LEN(parts),
    };

    cr_assert_eq(match_builder_add_logical(builder, &logical), 0, "%s",
                 match_builder_error(builder));
    struct kit_set set = kit_open(builder, 1);

    cr_assert_eq(kit_scan(set.db, SLICE_OF("AAAZZZ     aaazzz    \n\n bbbZZZ")), MATCH_FOUND);
    cr_assert_eq(kit_scan(set.db, SLICE_OF("AAAZZZ     aaazzz    \n\n bbbZZZ tail")), MATCH_CLEAN);
    cr_assert_eq(kit_scan(set.db, SLICE_OF("AAAZZZ     aaazz     \n\n bbbZZZ")), MATCH_CLEAN);
    kit_close(&set);
}
