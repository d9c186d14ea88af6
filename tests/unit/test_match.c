/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>

/* The length of the text is found by the compiler, so NULs may stand in it. */
#define CLEAN(set, text) cr_assert_eq(kit_scan((set)->db, SLICE_OF(text)), MATCH_CLEAN, "%s", text)
#define FOUND(set, text) cr_assert_eq(kit_scan((set)->db, SLICE_OF(text)), MATCH_FOUND, "%s", text)

/* ---- Findings ---- */

Test(match, says_what_it_found)
{
    struct match_builder *builder = kit_builder();
    const struct match_threat threat = {.name = SLICE_OF("Test.Advert"),
                                        .has_id = true,
                                        .id = 4711,
                                        .category = SLICE_OF("Adware"),
                                        .repair = SLICE_OF("delete")};
    struct match_finding finding;

    cr_assert_eq(kit_add(builder, "Test.Plain", 0, "*", "506c61696e4d61726b6572"), 0);
    cr_assert_eq(match_builder_add_threat(builder, &threat), 0);
    cr_assert_eq(kit_add(builder, "Test.Advert", 0, "*", "416476657274"), 0);
    struct kit_set set = kit_open(builder, 4);

    cr_assert_eq(kit_scan_by(set.db, SLICE_OF("xx PlainMarker yy"), 0, &finding), MATCH_FOUND);
    cr_assert_eq(finding.kind, MATCH_VIRUS);
    cr_assert_str_eq(finding.name, "Test.Plain");
    cr_assert_str_eq(finding.category, "");
    cr_assert_str_eq(finding.repair, "");
    /* printf Test.Plain | sha256sum begins with e168d5ae. */
    cr_assert_eq(finding.id, 0x70b46ad7);
    cr_assert_eq(kit_scan_by(set.db, SLICE_OF("an Advert"), 0, &finding), MATCH_FOUND);
    cr_assert_str_eq(finding.name, "Test.Advert");
    cr_assert_eq(finding.id, 4711);
    cr_assert_str_eq(finding.category, "Adware");
    cr_assert_str_eq(finding.repair, "delete");
    CLEAN(&set, "xx PlainMarkex yy");
    CLEAN(&set, "");
    kit_close(&set);
}

Test(match, counts_what_is_in_the_set)
{
    struct match_builder *builder = kit_builder();
    struct match_counts counts;

    cr_assert_eq(kit_add(builder, "A", 0, "*", "506c61696e4d61726b6572"), 0);
    cr_assert_eq(kit_add(builder, "B", 1, "*", "506c61696e4d61726b6572{2}41"), 0);
    cr_assert_eq(kit_add(builder, "C", 0, "4", "4142"), 0);
    cr_assert_eq(match_builder_add_hash(builder, SLICE_OF("D"),
                                        SLICE_OF("d41d8cd98f00b204e9800998ecf8427e"), 9, false),
                 0);
    cr_assert_eq(match_builder_add_hash(builder, SLICE_OF("E"),
                                        SLICE_OF("d41d8cd98f00b204e9800998ecf8427f"), 9, true),
                 0);
    cr_assert_eq(match_builder_len(builder), 5);
    struct kit_set set = kit_open(builder, 4);

    match_db_counts(set.db, &counts);
    cr_assert_eq(counts.patterns, 3);
    cr_assert_eq(counts.hashes, 1);
    cr_assert_eq(counts.allowed, 1);
    cr_assert_eq(counts.triggers, 1, "equal triggers are one");
    cr_assert_eq(counts.databases, 1, "a target without triggers of its own shares");
    kit_close(&set);
}

Test(match, an_empty_set_finds_nothing)
{
    struct kit_set set = kit_open(kit_builder(), 2);

    CLEAN(&set, "anything");
    kit_close(&set);
}

Test(match, the_answer_comes_with_the_last_byte_that_matters)
{
    static const struct {
        const char *offset;
        const char *pattern;
        const char *body;
        size_t fed;
    } rows[] = {
        {"*", "41424344454647", "..ABCDEFG........", 9},
        {"*", "414243{2}4546", "..ABC..EF........", 9},
        {"*", "41424344*45464748", "..ABCD...EFGH....", 13},
        {"*", "41424344(W)", "..ABCD.........", 7},
        {"2", "41424344", "..ABCD..........", 6},
        {"2", "4142??44", "..ABCD..........", 6},
        {"2", "4142??44(W)", "..ABCD..........", 8},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit_set set = kit_open_one(0, rows[i].offset, rows[i].pattern);
        struct kit_body body = {.bytes = (const uint8_t *)rows[i].body,
                                .len = strlen(rows[i].body)};
        size_t one = 1;
        struct kit_feed feed = {.next = kit_next_fixed, .ctx = &one};
        struct match_finding finding;

        cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_FOUND);
        cr_assert_eq(feed.fed, rows[i].fed, "%s after %zu", rows[i].pattern, feed.fed);
        cr_assert_eq(feed.slices, 0, "before the end");
        kit_close(&set);
    }
}

/* ---- The grammar, each row as clamscan answers it ---- */

Test(match, answers_as_clamscan_does)
{
    static const struct {
        const char *offset;
        const char *pattern;
        const char *body;
        bool found;
    } rows[] = {
        {"*", "41424344(W){0-5}2045464748", "xxABCD EFGHxx", true},
        {"*", "41424344{0-5}(W)45464748", "xxABCDEFGHxx", false},
        {"*", "41424344{0-5}(W)45464748", "xxABCD EFGHxx", true},
        {"*", "4142434420{0-5}(W)45464748", "xxABCD EFGHxx", true},
        {"*", "41424344*(W)45464748", "xxABCD EFGHxx", true},
        {"*", "41424344(L)45464748", "xxABCD\r\nEFGHxx", true},
        {"*", "41424344!(L)45464748", "xxABCD\nEFGHxx", false},
        {"*", "41424344!(L)45464748", "xxABCD EFGHxx", true},
        {"*", "41424344!(L)45464748", "xxABCD\r\nEFGHxx", false},
        {"*", "41424344!(L)45464748", "xxABCDEFGHxx", false},
        {"*", "41424344!(L)0a45464748", "xxABCD\r\nEFGHxx", false},
        {"*", "(L)41424344", "xx\rABCD", false},
        {"*", "(L)41424344", "xx\nABCD", true},
        {"*", "41424344(L)", "xx\nABCD\r", false},
        {"*", "41424344(L)", "xx\nABCD\r\n", true},
        {"*", "41424344!(L)", "xx\nABCD", false},
        {"*", "41424344(L){0-5}45464748", "xxxxABCD\nEFGHxxx", true},
        {"*", "41424344(L)(B)45464748", "xxxxABCD\nEFGHxxx", false},
        {"*", "(L)(B)45464748", "xxxxABCD\n EFGHxxx", false},
        {"*", "4142434445(W)(B)", "xxxxAAABCDE  xxx", true},
        {"*", "4142434445(B)(W)", "xxxxAAABCDE  xxx", true},
        {"*", "4142434445(B)(W)", "xxxxAAABCDE xxx", false},
        {"*", "41424344!(41|42)45464748", "ABCDCEFGH", true},
        {"*", "41424344!(4141|4242)45464748", "ABCDABEFGH", true},
        {"*", "41424344[2-4]45", "ABCDxxE", true},
        {"*", "41[2-4]454647", "AxxEFG", true},
        {"*", "4142(41|4142|4143{2}44)4344", "ABACxyDCD", true},
        {"*", "414243((45|46)44|7879)48", "xxxxAAABCEDHxxx", true},
        {"*", "4142434445(41|42)", "xxxxABCDEBxxx", true},
        {"*", "4142434445(4141|42)", "xxxxAAABCDEBxxx", true},
        {"*", "(4141|42)4142434445", "xxxxAAABCDEBxxx", true},
        {"*", "414243{5}", "ABCxxxxx", true},
        {"*", "{5}414243", "xxxxxABC", true},
        {"2,3", "414243", "xxxxxABC", true},
        {"2,3", "414243", "xxxxxxABC", false},
        {"EOF-3", "414243", "xxxxxxABC", true},
        {"EOF-5,2", "414243", "xxxxxxABC", true},
        {"EOF-5,1", "414243", "xxxxxxABC", false},
        {"EOF-50,50", "414243", "xxxxxxABCxxx", false},
        {"EOF-12,44", "414243", "xxxxxxABCxxx", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit_set set = kit_open_one(0, rows[i].offset, rows[i].pattern);
        const struct slice body = slice_from_str(rows[i].body);

        for (size_t step = 0; step <= body.len; step++) {
            struct match_finding finding;

            cr_assert_eq(kit_scan_by(set.db, body, step, &finding),
                         rows[i].found ? MATCH_FOUND : MATCH_CLEAN, "%s %s '%s' by %zu",
                         rows[i].offset, rows[i].pattern, rows[i].body, step);
        }
        kit_close(&set);
    }
}

/* Bytes that clamscan takes for a boundary before, behind and between. */
Test(match, knows_the_bytes_of_a_boundary)
{
    static const struct {
        const char *pattern;
        size_t at; /* Where the byte under test stands. */
        const char *members;
        bool negated;
    } rows[] = {
        {"(B)494a4b4c", 2, " -./<@_", false},
        {"494a4b4c(B)", 6, "\n\r \"'-/=>_", false},
        {"494a(B)4b4c4d", 4, "\n\r \"'-./<=>@_", false},
        {"!(B)494a4b4c", 2, "\n\r \"'-./<=>@_", true},
        {"494a4b4c!(B)", 6, "\n\r \"'-./<=>@_", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit_set set = kit_open_one(0, "*", rows[i].pattern);

        for (unsigned byte = 0; byte < 256; byte++) {
            uint8_t body[] = "zzIJKLMzz";
            const bool in = byte && strchr(rows[i].members, (int)byte);

            if (rows[i].at == 2) {
                memcpy(body, "zz?IJKLzz", 9);
            } else if (rows[i].at == 4) {
                memcpy(body, "zzIJ?KLMz", 9);
            }
            body[rows[i].at] = (uint8_t)byte;
            cr_assert_eq(kit_scan(set.db, slice_from(body, 9)),
                         in != rows[i].negated ? MATCH_FOUND : MATCH_CLEAN, "%s byte %02x",
                         rows[i].pattern, byte);
        }
        kit_close(&set);
    }
}

/* The first place where a cluster begins is not always the one that ends first. */
Test(match, the_earliest_end_of_a_cluster_counts)
{
    struct kit_set set = kit_open_one(0, "*", "626364(????????????????|66)6768*58586768");

    FOUND(&set, "bcdbcdfghXXgh");
    CLEAN(&set, "bcdbcdfgXXXgh");
    kit_close(&set);
}

/* ---- Types ---- */

Test(match, a_target_is_looked_for_in_its_type_only)
{
    struct match_builder *builder = kit_builder();
    uint8_t body[3000];

    cr_assert_eq(kit_add(builder, "Pe", 1, "*", "546172676574506521"), 0);
    cr_assert_eq(kit_add(builder, "Pdf", 10, "0",
                         "255044462d"
                         "54617267"),
                 0);
    cr_assert_eq(kit_add(builder, "Any", 0, "*", "546172676574416e79"), 0);
    cr_assert_eq(kit_add(builder, "Text", 7, "*", "74617267657474657874"), 0);
    struct kit_set set = kit_open(builder, 4);

    CLEAN(&set, "GIF89a TargetPe!");
    FOUND(&set, "MZ TargetPe!");
    FOUND(&set, "GIF89a TargetAny");
    FOUND(&set, "just words TargetText");
    CLEAN(&set, "MZ TargetText");
    FOUND(&set, "%PDF-Targ");
    CLEAN(&set, "%PDX-Targ");
    /* The type is known late; what came before is scanned all the same. */
    for (size_t at = 2; at < sizeof(body) - 9; at += 13) {
        for (size_t step = 1; step < 3000; step = step * 5 + 1) {
            struct match_finding finding;

            memset(body, '.', sizeof(body));
            memcpy(body, "MZ", 2);
            memcpy(body + at, "TargetPe!", 9);
            cr_assert_eq(kit_scan_by(set.db, slice_from(body, sizeof(body)), step, &finding),
                         MATCH_FOUND, "at %zu by %zu", at, step);
        }
    }
    kit_close(&set);
}

/* ---- Many at once ---- */

/* More triggers wait for their bytes than there is room to note them. */
Test(match, nothing_is_lost_when_the_pending_table_is_full)
{
    struct match_builder *builder = kit_builder();
    static uint8_t body[20000];

    cr_assert_eq(kit_add(builder, "Gap", 0, "*", "4d61726b6572{4000-5000}456e64"), 0);
    cr_assert_eq(kit_add(builder, "Other", 0, "*", "4d61726b6572{9000-9010}4f74686572"), 0);
    struct kit_set set = kit_open(builder, 1);

    for (size_t hit = 0; hit < 200; hit += 7) {
        struct match_finding finding;

        memset(body, '.', sizeof(body));
        for (size_t i = 0; i < 200; i++) {
            memcpy(body + 20 * i, "Marker", 6);
        }
        memcpy(body + 20 * hit + 6 + 9005, "Other", 5);
        cr_assert_eq(kit_scan_by(set.db, slice_from(body, sizeof(body)), 100, &finding),
                     MATCH_FOUND, "%zu", hit);
        cr_assert_str_eq(finding.name, "Other");
        memset(body + 20 * hit + 6 + 9005, '.', 5);
        cr_assert_eq(kit_scan_by(set.db, slice_from(body, sizeof(body)), 100, &finding),
                     MATCH_CLEAN);
    }
    kit_close(&set);
}

/* More signatures are followed than can be while bytes arrive. */
Test(match, nothing_is_lost_when_many_signatures_are_followed)
{
    struct match_builder *builder = kit_builder();
    char name[16];
    char pattern[128];
    char body[4096];

    for (unsigned i = 0; i < 60; i++) {
        snprintf(name, sizeof(name), "Chain.%u", i);
        snprintf(pattern, sizeof(pattern), "436861696e%02x%02x*4c696e6b%02x%02x*456e64%02x%02x",
                 'a' + i % 26, 'a' + i / 26, 'a' + i % 26, 'a' + i / 26, 'a' + i % 26,
                 'a' + i / 26);
        cr_assert_eq(kit_add(builder, name, 0, i % 2 ? "*" : "EOF-4000,4000", pattern), 0);
    }
    struct kit_set set = kit_open(builder, 1);

    for (unsigned chosen = 0; chosen < 60; chosen++) {
        struct match_finding finding;
        size_t at = (size_t)snprintf(body, sizeof(body), "%4000s", "");

        memset(body, '.', at);
        at = 10;
        for (unsigned i = 0; i < 60; i++) {
            const char letters[] = {(char)('a' + i % 26), (char)('a' + i / 26)};

            memcpy(body + at, "Chain", 5);
            memcpy(body + at + 5, letters, 2);
            memcpy(body + at + 1000, "Link", 4);
            memcpy(body + at + 1004, letters, 2);
            if (i == chosen) {
                memcpy(body + at + 3000, "End", 3);
                memcpy(body + at + 3003, letters, 2);
            }
            at += 12;
        }
        cr_assert_eq(kit_scan_by(set.db, slice_from(body, 4000), 64, &finding), MATCH_FOUND, "%u",
                     chosen);
        snprintf(name, sizeof(name), "Chain.%u", chosen);
        cr_assert_str_eq(finding.name, name);
        /* The slot is clean for the next body. */
        cr_assert_eq(kit_scan(set.db, slice_from(body, 900)), MATCH_CLEAN);
    }
    kit_close(&set);
}

Test(match, bodies_under_way_do_not_mix)
{
    struct kit_set set = kit_open_one(0, "*", "416c706861*4265746121");
    struct match_body matchers[4];
    struct kit_body bodies[4];
    struct match_finding finding;
    struct match_body extra;

    for (size_t i = 0; i < 4; i++) {
        bodies[i] = (struct kit_body){
            .bytes = (const uint8_t *)(i % 2 ? "Alpha..Beta!" : "Alpha..Meta!"), .len = 12};
        cr_assert(
            match_body_begin(&matchers[i], set.db, (struct match_source){kit_at, &bodies[i]}));
    }
    cr_assert_not(match_body_begin(&extra, set.db, (struct match_source){kit_at, &bodies[0]}));
    for (size_t at = 0; at < 12; at += 4) {
        for (size_t i = 0; i < 4; i++) {
            bodies[i].fed += 4;
            const enum match_status status =
                match_body_feed(&matchers[i], slice_from(bodies[i].bytes + at, 4), &finding);

            cr_assert_eq(status, i % 2 && at == 8 ? MATCH_FOUND : MATCH_CLEAN);
        }
    }
    cr_assert_eq(match_body_end(&matchers[0], &finding), MATCH_CLEAN);
    for (size_t i = 0; i < 4; i++) {
        match_body_fini(&matchers[i]);
        match_body_fini(&matchers[i]);
        free(bodies[i].piece);
    }
    cr_assert(match_body_begin(&extra, set.db, (struct match_source){kit_at, &bodies[0]}));
    match_body_fini(&extra);
    kit_close(&set);
}

/* ---- Trouble ---- */

Test(match, a_source_that_fails_is_reported)
{
    struct kit_set set = kit_open_one(0, "*", "4d61726b6572{300}456e64");
    static uint8_t bytes[600];
    struct kit_body body = {.bytes = bytes, .len = sizeof(bytes), .broken = true};
    size_t step = 100;
    struct kit_feed feed = {.next = kit_next_fixed, .ctx = &step};
    struct match_finding finding;

    memset(bytes, '.', sizeof(bytes));
    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_CLEAN, "nothing was asked");
    cr_assert_eq(body.asked, 0);
    memcpy(bytes + 50, "Marker", 6);
    memcpy(bytes + 356, "End", 3);
    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_FAILED);
    body.broken = false;
    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_FOUND);
    kit_close(&set);
}

static double spend(struct match_db *db, struct slice body, enum match_status *out_status)
{
    const uint64_t start_ns = clock_now_ns();

    *out_status = kit_scan(db, body);
    return (double)(clock_now_ns() - start_ns) / 1e6;
}

/* A body made to cost as much as possible gives up after a bounded time, and says so. */
Test(match, verifying_is_bounded)
{
    static const struct {
        const char *pattern;
        const char *filling;
        size_t unit; /* Of the filling. */
    } rows[] = {
        {"41426162{0-30000}4344{0-30000}4546{0-30000}4748", "ABabCDEF", 8},
        {"41426162{0-30000}43{0-30000}43{0-30000}4748", "ABabCCCC", 8},
        {"41426162*4344*4546*4748*494a", "ABabCDEFGHI", 11},
        {"41426162(43|44|4344|434443){0-200}(43|44|4344|434443){0-200}5a5a", "ABabCDC", 7},
        {"3f3f{0-200}41426162??"
         "??"
         "(4142|61)",
         "ABab", 4},
    };
    const size_t len = MIB(4);
    uint8_t *body = malloc(len);

    cr_assert_not_null(body);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit_set set = kit_open_one(0, "*", rows[i].pattern);
        enum match_status status;

        for (size_t at = 0; at < len; at++) {
            body[at] = (uint8_t)rows[i].filling[at % rows[i].unit];
        }
        const double ms = spend(set.db, slice_from(body, len), &status);

        cr_assert(status == MATCH_CLEAN || status == MATCH_OVER_BUDGET);
        /* A second where nothing else runs, with sanitizers more. */
        cr_assert_lt(ms, 30000, "%s took %.0f ms", rows[i].pattern, ms);
        printf("%s: %.0f ms, %s\n", rows[i].pattern, ms,
               status == MATCH_CLEAN ? "clean" : "over budget");
        kit_close(&set);
    }
    free(body);
}

/* One trigger that stands for many signatures, everywhere in the body. */
Test(match, a_body_made_of_triggers_is_bounded)
{
    struct match_builder *builder = kit_builder();
    const size_t len = MIB(2);
    uint8_t *body = malloc(len);
    char pattern[64];
    enum match_status status;
    struct match_counts counts;

    cr_assert_not_null(body);
    for (unsigned i = 0; i < 400; i++) {
        snprintf(pattern, sizeof(pattern), "51785a6b{2-9}%02x%02x", 'a' + i % 20, 'a' + i / 20);
        cr_assert_eq(kit_add(builder, "Many", 0, "*", pattern), 0);
        snprintf(pattern, sizeof(pattern), "51785a6b*4e6f%02x%02x", 'a' + i % 20, 'a' + i / 20);
        cr_assert_eq(kit_add(builder, "Many", 0, "*", pattern), 0);
    }
    struct kit_set set = kit_open(builder, 1);

    match_db_counts(set.db, &counts);
    for (size_t at = 0; at < len; at++) {
        body[at] = (uint8_t) "QxZk"[at % 4];
    }
    const double ms = spend(set.db, slice_from(body, len), &status);

    printf("%u triggers for 800 signatures: %.0f ms, %s\n", counts.triggers, ms,
           status == MATCH_CLEAN ? "clean" : "over budget");
    cr_assert_lt(ms, 30000);
    kit_close(&set);
    free(body);
}

/* Giving up on one signature must not hide what was certain before. */
Test(match, a_finding_before_the_budget_ends_stands)
{
    struct match_builder *builder = kit_builder();
    const size_t len = MIB(2);
    uint8_t *body = malloc(len);
    enum match_status status;

    cr_assert_not_null(body);
    cr_assert_eq(kit_add(builder, "Slow", 0, "*", "41426162{0-30000}43{0-30000}43{0-30000}4748"),
                 0);
    cr_assert_eq(kit_add(builder, "Plain", 0, "*", "506c61696e4d61726b6572"), 0);
    struct kit_set set = kit_open(builder, 1);

    for (size_t at = 0; at < len; at++) {
        body[at] = (uint8_t) "ABabCCCC"[at % 8];
    }
    (void)spend(set.db, slice_from(body, len), &status);
    cr_assert_eq(status, MATCH_OVER_BUDGET);
    memcpy(body, "PlainMarker", 11);
    (void)spend(set.db, slice_from(body, len), &status);
    cr_assert_eq(status, MATCH_FOUND);
    kit_close(&set);
    free(body);
}

/* The end is cut into slices when it has much to search. */
Test(match, long_work_at_the_end_is_sliced)
{
    struct kit_set set = kit_open_one(0, "EOF-33554432,33554432", "416c706861*4265746121");
    const size_t len = MIB(32);
    uint8_t *bytes = malloc(len);
    struct kit_body body = {.bytes = bytes, .len = len};
    struct kit_feed feed = {0};
    struct match_finding finding;

    cr_assert_not_null(bytes);
    memset(bytes, '.', len);
    memcpy(bytes + 1000, "Alpha", 5);
    /* The copies of the kit would dominate. */
    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_CLEAN);
    memcpy(bytes + len - 5, "Beta!", 5);
    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_FOUND);
    cr_assert_geq(feed.slices, 2);
    kit_close(&set);
    free(bytes);
}
