/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "match/pattern.h"
#include "match/trigger.h"

#include <criterion/criterion.h>

/* The operations of a pattern in a short notation of this test. */
static void describe_row(const struct pattern *pattern, uint32_t first, uint32_t len,
                         struct text *out);

static void describe_set(const struct program_set *set, struct text *out)
{
    TEXT_PUT(out, "[");
    for (unsigned byte = ' '; byte < 0x7f; byte++) {
        if (program_set_has(set, (uint8_t)byte)) {
            text_printf(out, "%c", byte);
        }
    }
    TEXT_PUT(out, "]");
}

static void describe_either(const struct pattern *pattern, const struct program_op *op,
                            struct text *out)
{
    text_put_str(out, op->negated ? "!(" : "(");
    for (uint32_t i = 0; i < op->count; i++) {
        const struct program_branch *branch = vec_at(&pattern->branches, op->at + i);

        text_put_str(out, i ? "|" : "");
        describe_row(pattern, branch->op_first, branch->op_len, out);
    }
    text_printf(out, "):%u-%u", op->len, op->max);
}

/* A dot for each zero; `~` before what is of either case. */
static void describe_string(const struct pattern *pattern, const struct program_op *op,
                            struct text *out)
{
    text_put_str(out, op->kind == PROGRAM_NOCASE ? "~'" : "'");
    for (uint32_t i = 0; i < op->len; i++) {
        const uint8_t byte = *(uint8_t *)vec_at(&pattern->bytes, op->at + i);

        text_printf(out, "%c", byte ? byte : '.');
    }
    TEXT_PUT(out, "'");
}

static void describe_op(const struct pattern *pattern, const struct program_op *op,
                        struct text *out)
{
    switch (op->kind) {
    case PROGRAM_BYTES:
    case PROGRAM_NOCASE:
        describe_string(pattern, op, out);
        break;
    case PROGRAM_SET:
        describe_set(vec_at(&pattern->sets, op->at), out);
        break;
    case PROGRAM_GAP:
        text_printf(out, "{%u,%u}", op->len, op->max);
        break;
    case PROGRAM_EITHER:
        describe_either(pattern, op, out);
        break;
    default:
        text_printf(out, "%sedge%u", op->negated ? "!" : "", op->at);
        break;
    }
}

static void describe_row(const struct pattern *pattern, uint32_t first, uint32_t len,
                         struct text *out)
{
    for (uint32_t i = 0; i < len; i++) {
        text_put_str(out, i ? " " : "");
        describe_op(pattern, vec_at(&pattern->ops, first + i), out);
    }
}

static void describe(const struct pattern *pattern, struct text *out)
{
    for (size_t i = 0; i < pattern->clusters.len; i++) {
        const struct program_cluster *cluster = vec_at(&pattern->clusters, i);

        if (i > 0) {
            text_printf(out, " *%u* ", (unsigned)cluster->gap_min);
        }
        describe_row(pattern, cluster->op_first, cluster->op_len, out);
    }
    text_put(out, "", 1);
}

Test(pattern, reads_every_construct)
{
    static const struct {
        const char *text;
        const char *program;
    } rows[] = {
        {"414243", "'ABC'"},
        {"4a4B4C", "'JKL'"},
        {"41????42", "'A' {2,2} 'B'"},
        {"41??{3}42", "'A' {4,4} 'B'"},
        {"414?43", "'A' [@ABCDEFGHIJKLMNO] 'C'"},
        {"41?143", "'A' [!1AQaq] 'C'"},
        {"41*42", "'A' *0* 'B'"},
        {"41{5-}42", "'A' *5* 'B'"},
        {"41??*42", "'A' {1,1} *0* 'B'"},
        {"41{-5}42", "'A' {0,5} 'B'"},
        {"41{2-5}42", "'A' {2,5} 'B'"},
        {"41{200}42", "'A' {200,200} 'B'"},
        {"41{0}42", "'AB'"},
        {"41[2-4]42", "'A' {2,4} 'B'"},
        {"41(42|43)44", "'A' [BC] 'D'"},
        {"41(42|4?)44", "'A' [@ABCDEFGHIJKLMNO] 'D'"},
        {"41(4243|4445)46", "'A' ('BC'|'DE'):2-2 'F'"},
        {"41(42|434445)46", "'A' ('B'|'CDE'):1-3 'F'"},
        {"41(42??|43{3}45)46", "'A' ('B' {1,1}|'C' {3,3} 'E'):2-5 'F'"},
        {"41(42(43|44)45|4647)48", "'A' ('B' [CD] 'E'|'FG'):2-3 'H'"},
        {"41(4243)44", "'A' ('BC'):2-2 'D'"},
        {"41!(4243|4445)46", "'A' !('BC'|'DE'):2-2 'F'"},
        {"(B)41(W)", "edge0 'A' edge1"},
        {"!(L)41(L)", "!edge0 'A' edge2"},
        {"41(L)42", "'A' ('\n'|'\r\n'):1-2 'B'"},
        {"41(W)*(B)42", "'A' edge1 *0* edge0 'B'"},
        {"41(W){1-2}(B)42", "'A' edge1 {1,2} edge0 'B'"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char error[PATTERN_ERROR_CAP] = "";
        struct pattern pattern;
        char block[512];
        struct text program = text_over(block, sizeof(block));

        cr_assert_eq(pattern_parse(&pattern, slice_from_str(rows[i].text), 0, error), 0, "%s: %s",
                     rows[i].text, error);
        describe(&pattern, &program);
        cr_assert_not(program.overflowed);
        cr_assert_str_eq(block, rows[i].program, "%s", rows[i].text);
        pattern_free(&pattern);
    }
}

Test(pattern, modifiers_change_the_program)
{
    static const struct {
        unsigned modifiers;
        const char *text;
        const char *program;
    } rows[] = {
        {PATTERN_NOCASE, "414263", "~'abc'"},
        {PATTERN_NOCASE, "313233", "'123'"},
        {PATTERN_NOCASE, "3141??3132", "~'1a' {1,1} '12'"},
        {PATTERN_NOCASE, "41(42|7a)43", "~'a' [BZbz] ~'c'"},
        {PATTERN_NOCASE, "41(4243|44)45", "~'a' (~'bc'|~'d'):1-2 ~'e'"},
        /* Nibbles are taken as they stand. */
        {PATTERN_NOCASE, "414?43", "~'a' [@ABCDEFGHIJKLMNO] ~'c'"},
        {PATTERN_WIDE, "414243", "'A.B.C.'"},
        {PATTERN_WIDE, "41??42", "'A.' {1,1} '.B.'"},
        {PATTERN_WIDE, "414?42", "'A.' [@ABCDEFGHIJKLMNO] '.B.'"},
        {PATTERN_WIDE, "41{1}42", "'A.' {1,1} 'B.'"},
        {PATTERN_WIDE, "41{2-4}42*43", "'A.' {2,4} 'B.' *0* 'C.'"},
        {PATTERN_WIDE, "41[2-4]42", "'A.' {2,4} 'B.'"},
        {PATTERN_WIDE, "41(42|43)44", "'A.' ('B.'|'C.'):2-2 'D.'"},
        {PATTERN_WIDE, "41(L)42", "'A.' ('\n'|'\r\n'):1-2 'B.'"},
        {PATTERN_WIDE, "(W)41(W)", "edge4 'A.' edge5"},
        {PATTERN_WIDE, "!(W)41(B)", "!edge0 'A.' edge1"},
        {PATTERN_WORD, "41*42", "edge0 'A' *0* 'B' edge1"},
        {PATTERN_WORD | PATTERN_WIDE | PATTERN_NOCASE, "4142", "edge4 ~'a.b.' edge5"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char error[PATTERN_ERROR_CAP] = "";
        struct pattern pattern;
        char block[512];
        struct text program = text_over(block, sizeof(block));

        cr_assert_eq(
            pattern_parse(&pattern, slice_from_str(rows[i].text), rows[i].modifiers, error), 0,
            "%s: %s", rows[i].text, error);
        describe(&pattern, &program);
        cr_assert_str_eq(block, rows[i].program, "%s: %s", rows[i].text, block);
        pattern_free(&pattern);
    }
}

Test(pattern, refuses_what_is_wrong_and_says_why)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"", "empty"},
        {"4", "neither a byte"},
        {"41424", "neither a byte"},
        {"zz", "neither a byte"},
        {"4 41", "neither a byte"},
        {"41)", "neither a byte"},
        {"41|42", "neither a byte"},
        {"*41", "nothing before"},
        {"{2-3}41", "nothing before"},
        {"41*", "nothing behind"},
        {"41{2-}", "nothing behind"},
        {"41**42", "nothing before"},
        {"41*{2-3}42", "nothing before"},
        {"41{}42", "malformed"},
        {"41{-}42", "malformed"},
        {"41{5-3}42", "malformed"},
        {"41{2", "malformed"},
        {"41{2x}42", "malformed"},
        {"41{99999999999}42", "malformed"},
        {"41[2-40]42", "malformed"},
        {"[2-4]42", "nothing before"},
        {"41[2-4]", "nothing behind"},
        {"41[2-4]*42", "two gaps"},
        {"41[2-4][2-4]42", "nothing before"},
        {"41(42|43", "closing"},
        {"41(42|)", "empty alternative"},
        {"41()", "empty alternative"},
        {"41(42*43|44)", "neither a byte"},
        {"41(42{2-3}43|44)", "inside alternatives"},
        {"41(42{200}43|44)", "inside alternatives"},
        {"41(42!(43)|44)", "inside alternatives"},
        {"41!(42|4344)", "one length"},
        {"41!42", "something other"},
        {"(B)", "nothing behind"},
        {"(B)*41", "nothing before"},
        {"((((((((((((((((41))))))))))))))))", "too deep"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char error[PATTERN_ERROR_CAP] = "";
        struct pattern pattern;

        cr_assert_eq(pattern_parse(&pattern, slice_from_str(rows[i].text), 0, error),
                     MATCH_BUILD_BAD_PATTERN, "%s", rows[i].text);
        cr_assert_neq(strstr(error, rows[i].why), NULL, "%s: %s", rows[i].text, error);
        cr_assert_eq(strchr(error, '\n'), NULL);
        pattern_free(&pattern);
    }
}

Test(pattern, refuses_what_is_too_large)
{
    static char text[PATTERN_TEXT_MAX + 3];
    char error[PATTERN_ERROR_CAP];
    struct pattern pattern;

    memset(text, '4', PATTERN_TEXT_MAX + 2);
    cr_assert_eq(pattern_parse(&pattern, slice_from(text, PATTERN_TEXT_MAX + 2), 0, error),
                 MATCH_BUILD_UNSUPPORTED);
    pattern_free(&pattern);
    cr_assert_eq(pattern_parse(&pattern, slice_from(text, PATTERN_TEXT_MAX), 0, error), 0);
    pattern_free(&pattern);
    cr_assert_eq(pattern_parse(&pattern, SLICE_OF("41{0-2000000000}42"), 0, error),
                 MATCH_BUILD_UNSUPPORTED);
    pattern_free(&pattern);
    cr_assert_eq(pattern_parse(&pattern, SLICE_OF("41{0-900000000}42{0-900000000}43"), 0, error),
                 MATCH_BUILD_UNSUPPORTED);
    pattern_free(&pattern);
}

Test(pattern, reads_offsets)
{
    static const struct {
        unsigned target;
        const char *text;
        enum match_build_status status;
        enum program_offset kind;
        int64_t at;
        uint64_t shift;
        uint16_t section;
    } rows[] = {
        {0, "*", MATCH_BUILD_OK, PROGRAM_ANYWHERE, 0, 0, 0},
        {0, "0", MATCH_BUILD_OK, PROGRAM_FROM_START, 0, 0, 0},
        {0, "41022,41059", MATCH_BUILD_OK, PROGRAM_FROM_START, 41022, 41059, 0},
        {0, "EOF-500", MATCH_BUILD_OK, PROGRAM_FROM_END, 500, 0, 0},
        {0, "EOF-500,20", MATCH_BUILD_OK, PROGRAM_FROM_END, 500, 20, 0},
        {1, "EP+0", MATCH_BUILD_OK, PROGRAM_FROM_ENTRY, 0, 0, 0},
        {6, "EP-4,10", MATCH_BUILD_OK, PROGRAM_FROM_ENTRY, -4, 10, 0},
        {1, "S0+4", MATCH_BUILD_OK, PROGRAM_FROM_SECTION, 4, 0, 0},
        {1, "S12+4,9", MATCH_BUILD_OK, PROGRAM_FROM_SECTION, 4, 9, 12},
        {9, "SL+4", MATCH_BUILD_OK, PROGRAM_FROM_LAST_SECTION, 4, 0, 0},
        {1, "SE1", MATCH_BUILD_OK, PROGRAM_IN_SECTION, 0, 0, 1},
        {1, "SE1,70", MATCH_BUILD_OK, PROGRAM_IN_SECTION, 0, 70, 1},
        {1, "VI", MATCH_BUILD_OK, PROGRAM_IN_VERSION_INFO, 0, 0, 0},
        {0, "$3$", MATCH_BUILD_OK, PROGRAM_IN_GROUP, 0, 0, 3},
        {1, "$31$", MATCH_BUILD_OK, PROGRAM_IN_GROUP, 0, 0, 31},
        {0, "EP+0", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {2, "S0+4", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {0, "SL+4", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {7, "SE1", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {0, "VI", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {1, "EP", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {1, "EP*4", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {1, "S+4", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {1, "S1-4", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {1, "S99999+4", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {1, "SL-4", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {1, "SE", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {1, "VI4", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {1, "$32$", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {1, "$$", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {1, "$3", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {1, "$3$4", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {0, "", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {0, "**", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {0, "*,5", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {0, "-1", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {0, "5,", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {0, "5,x", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {0, "EOF", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {0, "EOF+1", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
        {0, "5000000000", MATCH_BUILD_BAD_OFFSET, 0, 0, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pattern_offset offset = {0};
        char error[PATTERN_ERROR_CAP] = "";

        cr_assert_eq(
            pattern_parse_offset(&offset, slice_from_str(rows[i].text), rows[i].target, error),
            rows[i].status, "%s", rows[i].text);
        cr_assert_eq(error[0] != '\0', rows[i].status != MATCH_BUILD_OK);
        cr_assert_eq(offset.kind, rows[i].kind, "%s", rows[i].text);
        cr_assert_eq((int64_t)offset.at, rows[i].at, "%s", rows[i].text);
        cr_assert_eq(offset.shift, rows[i].shift, "%s", rows[i].text);
        cr_assert_eq(offset.section, rows[i].section, "%s", rows[i].text);
    }
}

/* ---- Triggers ---- */

static bool choose(struct trigger *trigger, const char *text)
{
    char error[PATTERN_ERROR_CAP];
    struct pattern pattern;

    cr_assert_eq(pattern_parse(&pattern, slice_from_str(text), 0, error), 0, "%s", text);
    const bool chosen = trigger_choose(trigger, &pattern);

    pattern_free(&pattern);
    return chosen;
}

Test(trigger, takes_the_rarest_window)
{
    static const struct {
        const char *text;
        const char *string;
    } rows[] = {
        /* Not the longest run but the one with rare bytes. */
        {"2020202020202020{2}51586a7e", "QXj~"},
        {"746865{2}7f58017e", "\x7fX\x01~"},
        /* Never one that ends in a run. */
        {"5a4b51414141414141", "ZKQAAA"},
        {"41*5a4b5157", "ZKQW"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trigger trigger;

        cr_assert(choose(&trigger, rows[i].text), "%s", rows[i].text);
        cr_assert_eq(trigger.strings_len, 1);
        cr_assert_eq(trigger.strings[0].len, strlen(rows[i].string), "%s: '%.*s'", rows[i].text,
                     trigger.strings[0].len, (const char *)trigger.strings[0].bytes);
        cr_assert_eq(memcmp(trigger.strings[0].bytes, rows[i].string, trigger.strings[0].len), 0);
    }
}

Test(trigger, gives_the_best_window_even_if_it_is_common)
{
    struct trigger common;
    struct trigger rarer;

    cr_assert_not(choose(&common, "746865"));
    cr_assert_eq(common.strings_len, 1);
    cr_assert_eq(common.strings[0].len, 3);
    cr_assert_gt(common.score, 0);
    cr_assert_not(choose(&rarer, "6e6773"));
    cr_assert_gt(rarer.score, common.score);
    cr_assert_gt(trigger_hits_per_mb(common.score), 100);
    cr_assert_lt(trigger_hits_per_mb(rarer.score), trigger_hits_per_mb(common.score));
}

Test(trigger, prefers_a_long_window_to_a_short_one_as_rare)
{
    struct trigger trigger;

    cr_assert(choose(&trigger, "9bb7d9e5f38d{2}9bb7d9e5f38da6c3979db5d3e1f7a9{2}9bb7d9e5f38d"));
    cr_assert_geq(trigger.strings[0].len, 11);
}

Test(trigger, takes_letters_of_either_case)
{
    char error[PATTERN_ERROR_CAP];
    struct pattern pattern;
    struct trigger trigger;

    cr_assert_eq(pattern_parse(&pattern, SLICE_OF("4576694c51785a6a"), PATTERN_NOCASE, error), 0);
    cr_assert(trigger_choose(&trigger, &pattern));
    cr_assert(trigger.nocase);
    cr_assert_eq(trigger.strings_len, 1);
    cr_assert_eq(memcmp(trigger.strings[0].bytes, "evilqxzj", 8), 0);
    pattern_free(&pattern);
    cr_assert_eq(pattern_parse(&pattern, SLICE_OF("9bb7d9e5f38d"), PATTERN_NOCASE, error), 0);
    cr_assert(trigger_choose(&trigger, &pattern));
    cr_assert_not(trigger.nocase);
    pattern_free(&pattern);
}

Test(trigger, is_never_longer_than_allowed)
{
    struct trigger trigger;

    cr_assert(choose(&trigger, "4142434445464748494a4b4c4d4e4f505152535455565758595a"));
    cr_assert_leq(trigger.strings[0].len, TRIGGER_LEN_MAX);
    cr_assert_geq(trigger.strings[0].len, 11);
}

Test(trigger, unites_alternatives_where_there_is_no_plain_window)
{
    struct trigger trigger;

    cr_assert(choose(&trigger, "(9b|b7|d9)(a6|c3)(97|8d)e5f3"));
    cr_assert_eq(trigger.strings_len, 12);
    cr_assert_eq(trigger.strings[0].len, 5);
    cr_assert(choose(&trigger, "??"
                               "(51525354|5a5a5b)??"));
    cr_assert_eq(trigger.strings_len, 2);
    cr_assert(choose(&trigger, "9b"
                               "d?"
                               "a6b5"));
    cr_assert_eq(trigger.strings_len, 16);
}

Test(trigger, refuses_what_is_everywhere)
{
    static const char *const rows[] = {
        "0000000000000000",
        "2020",
        "41??42",
        "00??ffff",
        "4?4?4?4?",
        "!(4142)",
        "65",
        "(41|?"
        "?)(42|?"
        "?)",
    };
    struct trigger trigger;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_assert_not(choose(&trigger, rows[i]), "%s", rows[i]);
    }
}
