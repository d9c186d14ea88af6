/* SPDX-License-Identifier: MIT */
#include "base/assert.h"
#include "base/text.h"
#include "match/build.h"
#include "match/build_expression.h"
#include "match/build_part.h"
#include "match/cl_type.h"
#include "match/layout.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Expressions ---- */

/* A node as `&(0,|(1,2)>3/2)`: operator, children, test, distinct parts. */
static void describe_node(const struct vec *nodes, uint32_t index, struct text *text)
{
    static const char *const tests[] = {"", "=", "<", ">"};
    const struct layout_node *node = vec_at(nodes, index);

    if (node->kind == LAYOUT_NODE_PART) {
        text_printf(text, "%u", node->first);
    } else {
        text_put_str(text, node->kind == LAYOUT_NODE_ALL ? "&(" : "|(");
        for (uint32_t i = 0; i < node->len; i++) {
            cr_assert_gt(node->first, index);
            text_put_str(text, i > 0 ? "," : "");
            describe_node(nodes, node->first + i, text);
        }
        TEXT_PUT(text, ")");
    }
    if (node->test != LAYOUT_TEST_NONE) {
        text_printf(text, "%s%u", tests[node->test], node->count);
    }
    if (node->distinct) {
        text_printf(text, "/%u", node->distinct);
    }
}

Test(build_logic, reads_expressions)
{
    static const struct {
        const char *text;
        const char *tree;
        uint64_t parts;
    } rows[] = {
        {"0", "0", 1},
        {"63", "63", UINT64_C(1) << 63},
        {"(0)", "0", 1},
        {"((0))", "0", 1},
        {"0&1&2", "&(0,1,2)", 7},
        {"(0&1&2)", "&(0,1,2)", 7},
        {"0|1|2", "|(0,1,2)", 7},
        {"0 & 1", "&(0,1)", 3},
        /* The first operator splits. */
        {"0&1|2", "&(0,|(1,2))", 7},
        {"0|1&2", "|(0,&(1,2))", 7},
        {"0&1|2&3", "&(0,|(1,&(2,3)))", 15},
        {"(0&1)|2", "|(&(0,1),2)", 7},
        /* Right inside of parentheses the last one does. */
        {"(0&1|2)", "|(&(0,1),2)", 7},
        {"((0&1|2))", "|(&(0,1),2)", 7},
        {"(0&1|2|3)", "|(&(0,|(1,2)),3)", 15},
        {"(0|1&2&3)", "&(|(0,&(1,2)),3)", 15},
        {"(0|1&2)>1", "&(|(0,1),2)>1", 7},
        {"3&(0|1&2)", "&(3,|(0,1),2)", 15},
        {"0&(1&2)&3", "&(0,1,2,3)", 15},
        {"(0|1)&(2|3)", "&(|(0,1),|(2,3))", 15},
        {"0>5", "0>5", 1},
        {"0=0", "0=0", 1},
        {"0<7&1", "&(0<7,1)", 3},
        {"0==3", "0=3", 1},
        {"0=2,", "0=2", 1},
        {"0=2,2", "0=2", 1},
        {"(0|1)>2,2", "|(0,1)>2/2", 3},
        {"(0|1)>2,2&2", "&(|(0,1)>2/2,2)", 7},
        {"(0&1)=0", "&(0,1)=0", 3},
        {"(0)>4", "&(0)>4", 1},
        {"(0>4)=1", "&(0>4)=1", 1},
        {"((0|1)>2)=0", "&(|(0,1)>2)=0", 3},
        {"((0|1)=3|2)>4", "|(|(0,1)=3,2)>4", 7},
        {"0&(1|2)>3", "&(0,|(1,2)>3)", 7},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vec nodes = VEC_OF(struct layout_node);
        char error[EXPRESSION_ERROR_CAP] = "";
        char block[256];
        struct text text = text_over(block, sizeof(block));
        uint64_t parts = 0;

        cr_assert_eq(build_expression(&nodes, slice_from_str(rows[i].text), &parts, error), 0,
                     "%s: %s", rows[i].text, error);
        describe_node(&nodes, 0, &text);
        TEXT_PUT(&text, "\0");
        cr_assert_not(text.overflowed);
        cr_assert_str_eq(block, rows[i].tree, "%s: %s", rows[i].text, block);
        cr_assert_eq(parts, rows[i].parts, "%s", rows[i].text);
        vec_free(&nodes);
    }
}

Test(build_logic, refuses_what_is_no_expression)
{
    static const char *const rows[] = {
        "",         "&",       "0&",           "&0",   "0&&1",          "(0&1",  "0&1)",
        "()",       "0=",      "0=,1",         "0><1", "0>1>2",         "0!1",   "0(1)",
        "(0&1)(1)", "64",      "-1",           "0>-1", "0=x",           "0&1=x", "0 1",
        "(0|1)>",   "0=0=0=0", "0>4294967296", "a",    "(0|1)>1,65536",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vec nodes = VEC_OF(struct layout_node);
        char error[EXPRESSION_ERROR_CAP] = "";
        uint64_t parts = 0;

        cr_assert_eq(build_expression(&nodes, slice_from_str(rows[i]), &parts, error),
                     MATCH_BUILD_BAD_EXPRESSION, "%s", rows[i]);
        cr_assert_neq(error[0], '\0', "%s", rows[i]);
        cr_assert_eq(nodes.len, 0, "%s", rows[i]);
        vec_free(&nodes);
    }
}

/* `times` heads, the middle, `times` tails. */
static int expression_repeat(const char *head, const char *middle, const char *tail, size_t times)
{
    const size_t cap = times * (strlen(head) + strlen(tail)) + strlen(middle) + 1;
    char *block = malloc(cap);
    struct text text = text_over(block, cap);
    struct vec nodes = VEC_OF(struct layout_node);
    char error[EXPRESSION_ERROR_CAP] = "";
    uint64_t parts;

    cr_assert_not_null(block);
    for (size_t i = 0; i < times; i++) {
        text_put_str(&text, head);
    }
    text_put_str(&text, middle);
    for (size_t i = 0; i < times; i++) {
        text_put_str(&text, tail);
    }
    cr_assert_not(text.overflowed);
    const int r = build_expression(&nodes, slice_from(block, text.len), &parts, error);

    vec_free(&nodes);
    free(block);
    return r;
}

Test(build_logic, limits_expressions)
{
    cr_assert_eq(expression_repeat("0&1|", "0", "", LAYOUT_DEPTH_MAX / 2 - 1), 0);
    cr_assert_eq(expression_repeat("0&1|", "0", "", LAYOUT_DEPTH_MAX / 2), MATCH_BUILD_UNSUPPORTED);
    cr_assert_eq(expression_repeat("0&", "0", "", EXPRESSION_TERMS_MAX - 1), 0);
    cr_assert_eq(expression_repeat("0&", "0", "", EXPRESSION_TERMS_MAX), MATCH_BUILD_UNSUPPORTED);
    cr_assert_eq(expression_repeat("(", "0", ")", 500), 0);
    cr_assert_eq(expression_repeat("(", "0", ")", 5000), MATCH_BUILD_UNSUPPORTED);
    cr_assert_eq(expression_repeat("(", "0", ")=1", 500), MATCH_BUILD_UNSUPPORTED);
}

/* ---- Subsignatures ---- */

static struct match_builder *builder_new(void)
{
    struct match_builder *builder = NULL;

    cr_assert_eq(match_builder_new(&builder), 0);
    return builder;
}

Test(build_logic, tells_the_forms_of_subsignatures)
{
    static const struct {
        const char *text;
        enum layout_part_kind kind;
        uint32_t bodies_len;
        unsigned modifiers;
        enum program_offset offset;
    } rows[] = {
        {"41424344", LAYOUT_PART_BODY, 1, 0, PROGRAM_ANYWHERE},
        {"41424344::", LAYOUT_PART_BODY, 1, 0, PROGRAM_ANYWHERE},
        {"41424344::i", LAYOUT_PART_BODY, 1, PATTERN_NOCASE, PROGRAM_ANYWHERE},
        {"41424344::w", LAYOUT_PART_BODY, 1, PATTERN_WIDE, PROGRAM_ANYWHERE},
        {"41424344::f", LAYOUT_PART_BODY, 1, PATTERN_WORD, PROGRAM_ANYWHERE},
        {"41424344::a", LAYOUT_PART_BODY, 1, 0, PROGRAM_ANYWHERE},
        {"41424344::wa", LAYOUT_PART_BODY, 2, PATTERN_WIDE, PROGRAM_ANYWHERE},
        {"41424344::aiwf", LAYOUT_PART_BODY, 2, PATTERN_NOCASE | PATTERN_WIDE | PATTERN_WORD,
         PROGRAM_ANYWHERE},
        {"41424344::i*45::i*46::i", LAYOUT_PART_BODY, 1, 0, PROGRAM_ANYWHERE},
        {"*:41424344", LAYOUT_PART_BODY, 1, 0, PROGRAM_ANYWHERE},
        {"0:41424344", LAYOUT_PART_BODY, 1, 0, PROGRAM_FROM_START},
        {"EP-7,3:41424344::i", LAYOUT_PART_BODY, 1, PATTERN_NOCASE, PROGRAM_FROM_ENTRY},
        {"SL+0:4142(43|44)45", LAYOUT_PART_BODY, 1, 0, PROGRAM_FROM_LAST_SECTION},
        {"${4-9}31$", LAYOUT_PART_MACRO, 0, 0, 0},
        {"0(>>4#hb4#=0x12)", LAYOUT_PART_COMPARE, 0, 0, 0},
        {"0/abc/", LAYOUT_PART_REGEX, 0, 0, 0},
        {"5,6:0&1/a:b\\/c/gi", LAYOUT_PART_REGEX, 0, 0, 0},
    };
    struct match_builder *builder = builder_new();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct build_part part = {0};

        cr_assert_eq(build_part_parse(builder, &part, slice_from_str(rows[i].text), 2, 1), 0,
                     "%s: %s", rows[i].text, match_builder_error(builder));
        cr_assert_eq(part.kind, rows[i].kind, "%s", rows[i].text);
        cr_assert_eq(part.bodies_len, rows[i].bodies_len, "%s", rows[i].text);
        if (part.bodies_len > 0) {
            cr_assert_eq(part.bodies[0].modifiers, rows[i].modifiers, "%s", rows[i].text);
            cr_assert_eq(part.bodies[0].offset.kind, rows[i].offset, "%s", rows[i].text);
        }
        if (part.bodies_len > 1) {
            cr_assert_eq(part.bodies[1].modifiers, rows[i].modifiers & ~(unsigned)PATTERN_WIDE);
        }
        build_part_free(&part);
    }
    match_builder_free(builder);
}

Test(build_logic, refuses_bad_subsignatures)
{
    static const struct {
        const char *text;
        enum match_build_status status;
    } rows[] = {
        {"", MATCH_BUILD_BAD_PATTERN},
        {"41", MATCH_BUILD_BAD_PATTERN},
        {"41??42", MATCH_BUILD_BAD_PATTERN},
        {"41424344*45", MATCH_BUILD_BAD_PATTERN},
        {"4142434", MATCH_BUILD_BAD_PATTERN},
        {"41424344::x", MATCH_BUILD_BAD_PATTERN},
        {"41424344::I", MATCH_BUILD_BAD_PATTERN},
        {"4142434a:i", MATCH_BUILD_BAD_OFFSET},
        {"0:41424344:i", MATCH_BUILD_BAD_PATTERN},
        {"0:41424344:", MATCH_BUILD_BAD_PATTERN},
        {"0:1:2:3:4", MATCH_BUILD_BAD_PATTERN},
        {"0:41424344::i:5:6", MATCH_BUILD_BAD_PATTERN},
        {"::i", MATCH_BUILD_BAD_PATTERN},
        {"4142!(43|44)45::i", MATCH_BUILD_BAD_PATTERN},
        {"4142!(43|44)45::w", MATCH_BUILD_BAD_PATTERN},
        {"$1$:41424344", MATCH_BUILD_BAD_OFFSET},
        {"EP:41424344", MATCH_BUILD_BAD_OFFSET},
        {"${4-9}32$", MATCH_BUILD_BAD_PATTERN},
        {"${9-4}5$", MATCH_BUILD_BAD_PATTERN},
        {"${4}5$", MATCH_BUILD_BAD_PATTERN},
        {"${-4}5$", MATCH_BUILD_BAD_PATTERN},
        {"${4-9}5", MATCH_BUILD_BAD_PATTERN},
        {"${4-9", MATCH_BUILD_BAD_PATTERN},
        {"fuzzy_img#af2ad01ed42993c7", MATCH_BUILD_UNSUPPORTED},
        {"0(>>4#hb4#=18", MATCH_BUILD_BAD_PATTERN},
        {"0(4#hb4#=18)", MATCH_BUILD_BAD_PATTERN},
        {"0(>4#hb4#=18)", MATCH_BUILD_BAD_PATTERN},
        {"0(>>4#qb4#=18)", MATCH_BUILD_BAD_PATTERN},
        {"0(>>4#h4#=18)", MATCH_BUILD_BAD_PATTERN},
        {"0(>>4#dl4#=18)", MATCH_BUILD_BAD_PATTERN},
        {"0(>>4#ib3#=18)", MATCH_BUILD_BAD_PATTERN},
        {"0(>>4#ib#=18)", MATCH_BUILD_BAD_PATTERN},
        {"0(>>4#hb0#=18)", MATCH_BUILD_BAD_PATTERN},
        {"0(>>4#hb17#=18)", MATCH_BUILD_BAD_PATTERN},
        {"0(>>4#hb4#18)", MATCH_BUILD_BAD_PATTERN},
        {"0(>>4#hb4#=)", MATCH_BUILD_BAD_PATTERN},
        {"0(>>4#hb4#=1,)", MATCH_BUILD_BAD_PATTERN},
        {"0(>>4#hb4#=1,<2,>3)", MATCH_BUILD_BAD_PATTERN},
        {"0(>>4#hb4#=0x)", MATCH_BUILD_BAD_PATTERN},
        {"0(>>4#hb4#=1A)", MATCH_BUILD_BAD_PATTERN},
        {"0/abc", MATCH_BUILD_BAD_PATTERN},
        {"0//", MATCH_BUILD_BAD_PATTERN},
        {"/abc/", MATCH_BUILD_BAD_EXPRESSION},
        {"0/ab(c/", MATCH_BUILD_BAD_PATTERN},
        {"0/abc/q", MATCH_BUILD_BAD_PATTERN},
        {"2/abc/", MATCH_BUILD_BAD_EXPRESSION},
        {"3/abc/", MATCH_BUILD_BAD_EXPRESSION},
        {"x:0/abc/", MATCH_BUILD_BAD_OFFSET},
        {"$3$:0/abc/", MATCH_BUILD_BAD_OFFSET},
    };
    struct match_builder *builder = builder_new();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct build_part part = {0};
        const int r = build_part_parse(builder, &part, slice_from_str(rows[i].text), 2, 1);

        cr_assert_eq(r, (int)rows[i].status, "%s: %d", rows[i].text, r);
        cr_assert_neq(match_builder_error(builder)[0], '\0');
        build_part_free(&part);
    }
    match_builder_free(builder);
}

Test(build_logic, reads_the_numbers_of_comparisons)
{
    static const struct {
        const char *text;
        struct layout_compare expected;
    } rows[] = {
        {"3(>>4#hb4#=0x12)",
         {.distance = 4,
          .value = {18, 0},
          .part = 3,
          .base = 'h',
          .big_endian = 1,
          .bytes_len = 4,
          .test = {'=', 0}}},
        {"0(<<0x10#il8#<-2,>7)",
         {.distance = -16, .value = {-2, 7}, .base = 'i', .bytes_len = 8, .test = {'<', '>'}}},
        {"1(>>0#de16#>99)",
         {.value = {99, 0}, .part = 1, .base = 'd', .exact = 1, .bytes_len = 16, .test = {'>', 0}}},
    };
    struct match_builder *builder = builder_new();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct build_part part = {0};

        cr_assert_eq(build_part_parse(builder, &part, slice_from_str(rows[i].text), 9, 0), 0,
                     "%s: %s", rows[i].text, match_builder_error(builder));
        cr_assert_eq(memcmp(&part.compare, &rows[i].expected, sizeof(part.compare)), 0, "%s",
                     rows[i].text);
        build_part_free(&part);
    }
    match_builder_free(builder);
}

/* ---- Images ---- */

struct set {
    struct match_builder *builder;
    uint8_t *image;
    struct layout layout;
};

#define SUBS_MAX 8

static int set_add_with(struct set *set, unsigned target, const char *expression,
                        const char *const subs[SUBS_MAX], const struct match_conditions *conditions)
{
    struct slice parts[SUBS_MAX];
    struct match_logical logical = {
        .name = SLICE_OF("Test.Logical"),
        .target = target,
        .conditions = *conditions,
        .expression = slice_from_str(expression),
        .subsignatures = parts,
    };

    for (size_t i = 0; i < SUBS_MAX && subs[i]; i++) {
        parts[logical.subsignatures_len++] = slice_from_str(subs[i]);
    }
    return match_builder_add_logical(set->builder, &logical);
}

static int set_add(struct set *set, unsigned target, const char *expression,
                   const char *const subs[SUBS_MAX])
{
    return set_add_with(set, target, expression, subs, &(struct match_conditions){0});
}

static void set_finish(struct set *set)
{
    size_t len;

    cr_assert_eq(match_builder_finish(set->builder, &set->image, &len), 0);
    cr_assert_eq(layout_open(&set->layout, slice_from(set->image, len)), 0);
}

static void set_free(struct set *set)
{
    match_builder_free(set->builder);
    free(set->image);
}

/* The parts of a logic that have a trigger ('t') or a place of their own ('d'), or neither ('-').
 */
static void cover_describe(const struct set *set, uint32_t index, char *out)
{
    const struct layout *layout = &set->layout;
    const struct layout_logic *logic = &layout->logics[index];

    for (uint32_t i = 0; i < logic->part_len; i++) {
        const struct layout_part *part = &layout->parts[logic->part_first + i];
        const struct program_signature *signature = &layout->signatures[part->first];

        out[i] = '-';
        if (part->kind != LAYOUT_PART_BODY) {
            continue;
        }
        if (signature->trigger_cluster != PROGRAM_NONE) {
            out[i] = 't';
        }
        for (uint32_t j = 0; j < layout->len[LAYOUT_DIRECTS]; j++) {
            out[i] = layout->directs[j].signature == part->first ? 'd' : out[i];
        }
    }
    out[logic->part_len] = '\0';
}

#define RARE    "6d616c776172656b6974"
#define RARER   "87e1b597c3a76d616c7761"
#define RAREISH "8791e3"
#define COMMON  "0000000000000000"

Test(build_logic, chooses_the_cheapest_cover)
{
    static const struct {
        const char *expression;
        const char *subs[SUBS_MAX];
        const char *cover;
    } rows[] = {
        {"0", {RARE}, "t"},
        {"0&1", {RARE, COMMON}, "t-"},
        {"0&1", {RARE, RARER}, "-t"},
        {"0|1", {RARE, RARER}, "tt"},
        {"0&1|2", {RARE, RARER, RAREISH}, "t--"},
        {"(0|1)&2", {RAREISH, RARE, RARER}, "--t"},
        {"(0|1)&2", {RARER, RARE, COMMON}, "tt-"},
        {"0&1=0", {RARE, RARER}, "t-"},
        {"0&1<3", {RARE, RARER}, "t-"},
        {"0&1>3", {RARE, RARER}, "-t"},
        {"0&1=3", {RARE, RARER}, "-t"},
        {"(0|1|2)>4", {RARE, RARER, RAREISH}, "ttt"},
        {"(0|1|2)>4,2", {RARE, RARER, RAREISH}, "tt-"},
        {"(0|1|2)>4,3", {RARE, RARER, RAREISH}, "-t-"},
        {"(0|1|2)>4,2", {RARE, RARER, COMMON}, "tt-"},
        {"(0|1=0|2)>4,3&3", {RARE, RARER, RAREISH, RAREISH}, "---t"},
        {"0&1", {COMMON, "0/abc/"}, NULL},
        {"0&1", {RARE, "0/abc/"}, "t-"},
        {"1", {RARE, "0/abc/"}, "t-"},
        {"2", {RARE, RARER, "0&1/abc/"}, "-t-"},
        {"3", {RARE, RARER, "0&1/abc/", "2/def/"}, "-t--"},
        {"2", {RARE, RARER, "0=0/abc/"}, NULL},
        {"1", {RARE, "0(>>4#db2#=12)"}, "t-"},
        {"2", {RARE, "0(>>4#db2#=12)", "1/abc/"}, "t--"},
        {"0&1", {RARE, "${1-4}5$"}, "t-"},
        {"0|1", {RARE, "${1-4}5$"}, NULL},
        {"0=0", {RARE}, NULL},
        {"0", {COMMON}, NULL},
        {"0", {"0:0000000000000000"}, "d"},
        {"0&1", {"0:000000000000aa", RARER}, "-t"},
        {"0&1", {"EP+4:0000000000000000", COMMON}, "d-"},
        {"0&1", {"SL+4:0000000000000000", COMMON}, "d-"},
        {"0&1", {"SE1:0000000000000000", COMMON}, NULL},
        {"0&1", {"VI:0000000000000000", COMMON}, NULL},
        {"0", {(RARE "::wa")}, "t"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct set set = {.builder = builder_new()};
        const bool covered = rows[i].cover != NULL;
        char cover[SUBS_MAX + 1];

        cr_assert_eq(set_add(&set, 1, rows[i].expression, rows[i].subs),
                     covered ? MATCH_BUILD_OK : MATCH_BUILD_SLOW, "row %zu: %s", i,
                     match_builder_error(set.builder));
        set_finish(&set);
        cover_describe(&set, 0, cover);
        if (covered) {
            cr_assert_str_eq(cover, rows[i].cover, "row %zu", i);
        }
        cr_assert_eq(set.layout.header->always_len[1], !covered, "row %zu", i);
        set_free(&set);
    }
}

Test(build_logic, all_variants_of_a_part_have_triggers)
{
    static const char *const subs[SUBS_MAX] = {(RARE "::wai")};
    struct set set = {.builder = builder_new()};

    cr_assert_eq(set_add(&set, 0, "0", subs), 0);
    set_finish(&set);
    cr_assert_eq(set.layout.parts[0].len, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct program_signature *signature =
            &set.layout.signatures[set.layout.parts[0].first + i];

        cr_assert_neq(signature->trigger_cluster, PROGRAM_NONE);
        cr_assert_eq(signature->logic, 0);
    }
    set_free(&set);
}

static int set_add_body(struct set *set, const char *name, unsigned target, const char *offset,
                        const char *body)
{
    return match_builder_add_body(set->builder, slice_from_str(name), target,
                                  slice_from_str(offset), slice_from_str(body));
}

static const char *set_name(const struct set *set, uint32_t threat)
{
    return set->layout.strings + set->layout.threats[threat].name;
}

/* Signatures that stand alone come first, whatever came first. */
Test(build_logic, lays_out_the_image)
{
    static const char *const first[SUBS_MAX] = {RARE, "${2-7}1$", "0/a[bc]/ig", "0(>>1#ib1#=5)"};
    static const char *const second[SUBS_MAX] = {("EP+3:" RARER), "4,5:0&1/q{2}/r", RARE};
    const uint16_t types[2] = {cl_type_find(SLICE_OF("CL_TYPE_ZIP")), CL_TYPE_ANY};
    const struct match_conditions conditions = {
        .has_size = true,
        .size_min = 3,
        .size_max = 9,
        .has_sections = true,
        .sections_min = 1,
        .sections_max = 2,
        .container = cl_type_find(SLICE_OF("CL_TYPE_MAIL")),
        .intermediates = types,
        .intermediates_len = 2,
    };
    struct set set = {.builder = builder_new()};

    cr_assert_eq(set_add(&set, 0, "0&1&2&3", first), 0, "%s", match_builder_error(set.builder));
    cr_assert_eq(set_add_body(&set, "Alone.One", 0, "*", RARER), 0);
    cr_assert_eq(set_add_body(&set, "Member", 0, "$1$", RARE), 0);
    cr_assert_eq(set_add_with(&set, 1, "0&1&2", second, &conditions), MATCH_BUILD_BAD_EXPRESSION);
    static const char *const third[SUBS_MAX] = {("EP+3:" RARER), RARE, "4,5:0&1/q{2}/r"};

    cr_assert_eq(set_add_with(&set, 1, "0&1&2", third, &conditions), 0);
    cr_assert_eq(set_add_body(&set, "Alone.Two", 1, "EP+9", RARE), 0);
    cr_assert_eq(set_add_body(&set, "Slow", 4, "*", COMMON), MATCH_BUILD_SLOW);
    cr_assert_eq(match_builder_len(set.builder), 6);
    set_finish(&set);

    const struct layout *layout = &set.layout;

    cr_assert_eq(layout->header->alone_len, 2);
    cr_assert_str_eq(set_name(&set, layout->signatures[0].threat), "Alone.One");
    cr_assert_str_eq(set_name(&set, layout->signatures[1].threat), "Alone.Two");
    cr_assert_eq(layout->signatures[1].offset_kind, PROGRAM_FROM_ENTRY);
    cr_assert_eq(layout->signatures[1].offset, 9);
    cr_assert_eq(layout->len[LAYOUT_LOGICS], 3);
    cr_assert_eq(layout->signatures[layout->parts[0].first].logic, 0);
    cr_assert_str_eq(layout->strings + layout->regexes[0].text, "a[bc]");
    cr_assert_str_eq(layout->strings + layout->regexes[1].text, "q{2}");
    cr_assert(layout->regexes[0].global);
    cr_assert(layout->regexes[1].rolling);
    cr_assert_eq(layout->regexes[1].offset, 4);
    cr_assert_eq(layout->regexes[1].shift, 5);

    /* The group knows its member. */
    cr_assert_eq(layout->len[LAYOUT_GROUPS], 2);
    cr_assert_eq(layout->groups[0].len, 0);
    cr_assert_eq(layout->groups[1].len, 1);
    const struct program_signature *member =
        &layout->signatures[layout->group_lists[layout->groups[1].first]];

    cr_assert_str_eq(set_name(&set, member->threat), "Member");
    cr_assert_eq(member->trigger_cluster, PROGRAM_NONE);

    /* Conditions. */
    const struct layout_logic *logic = &layout->logics[1];

    cr_assert_eq(logic->size_min, 3);
    cr_assert_eq(logic->size_max, 9);
    cr_assert_eq(logic->entry_min, 0);
    cr_assert_eq(logic->entry_max, UINT64_MAX);
    cr_assert_eq(logic->sections_max, 2);
    cr_assert_eq(logic->container, conditions.container);
    cr_assert_eq(logic->types_len, 2);
    cr_assert_eq(layout->types[logic->types_first], types[0]);

    /* The slow one. */
    cr_assert_eq(layout->header->always_len[4], 1);
    logic = &layout->logics[layout->always[layout->header->always_first[4]]];
    cr_assert_str_eq(set_name(&set, logic->threat), "Slow");
    cr_assert_eq(logic->part_len, 1);
    cr_assert(layout->header->targets >> 4 & 1);
    set_free(&set);
}

Test(build_logic, equal_patterns_share_their_bytes)
{
    static const char *const subs[SUBS_MAX] = {RARER, RARE, (RARE "::i"), ("EOF-9:" RARE)};
    struct set set = {.builder = builder_new()};

    for (unsigned i = 0; i < 10; i++) {
        cr_assert_eq(set_add(&set, 0, "0&1&2&3", subs), 0);
    }
    set_finish(&set);
    cr_assert_eq(set.layout.len[LAYOUT_SIGNATURES], 40);
    cr_assert_leq(set.layout.len[LAYOUT_CLUSTERS], 3);
    cr_assert_leq(set.layout.len[LAYOUT_BYTES], (strlen(RARE) + strlen(RARER)) / 2);
    set_free(&set);
}

Test(build_logic, says_which_subsignature_is_wrong)
{
    static const struct {
        const char *expression;
        const char *subs[SUBS_MAX];
        enum match_build_status status;
        const char *word;
    } rows[] = {
        {"0&1", {RARE, "zz"}, MATCH_BUILD_BAD_PATTERN, "subsignature 1: "},
        {"0&1", {RARE}, MATCH_BUILD_BAD_EXPRESSION, "not there"},
        {"0", {RARE, RARE}, MATCH_BUILD_BAD_EXPRESSION, "more subsignatures"},
        {"0&", {RARE}, MATCH_BUILD_BAD_EXPRESSION, "character 3"},
        {"0&1", {RARE, "1(>>4#db2#=12)"}, MATCH_BUILD_BAD_EXPRESSION, "subsignature 1: "},
        {"0&1", {RARE, "2(>>4#db2#=12)"}, MATCH_BUILD_BAD_EXPRESSION, "subsignature 1: "},
        {"0&1", {"${1-2}3$", RARE}, MATCH_BUILD_BAD_PATTERN, "subsignature 0: "},
        {"0&1&2", {RARE, "0/a/", "${1-2}3$"}, MATCH_BUILD_BAD_EXPRESSION, "subsignature 2: "},
        {"0&1", {RARE, "fuzzy_img#af2ad01ed42993c7"}, MATCH_BUILD_UNSUPPORTED, "fuzzy_img"},
        {"0&1", {RARE, "0/(/"}, MATCH_BUILD_BAD_PATTERN, "parenthesis"},
    };
    struct set set = {.builder = builder_new()};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_assert_eq(set_add(&set, 0, rows[i].expression, rows[i].subs), (int)rows[i].status,
                     "row %zu", i);
        cr_assert(strstr(match_builder_error(set.builder), rows[i].word), "row %zu: %s", i,
                  match_builder_error(set.builder));
    }
    /* Nothing of it stays. */
    cr_assert_eq(match_builder_len(set.builder), 0);
    set_finish(&set);
    cr_assert_eq(set.layout.len[LAYOUT_SIGNATURES], 0);
    cr_assert_eq(set.layout.len[LAYOUT_PARTS], 0);
    cr_assert_eq(set.layout.len[LAYOUT_NODES], 0);
    set_free(&set);
}

/* ---- Rules ---- */

Test(build_logic, rules_keep_what_they_need)
{
    static const struct match_need needs[] = {
        {.need = 2, .first = 1, .len = 2, .part = UINT32_MAX},
        {.need = 2, .first = 3, .len = 3, .part = UINT32_MAX},
        {.part = UINT32_MAX},
        {.part = 0},
        {.part = 1},
        {.part = 2},
    };
    const struct slice parts[] = {SLICE_OF(RARE), SLICE_OF(COMMON), SLICE_OF(RARER "::wa")};
    struct match_rule rule = {
        .name = SLICE_OF("Rule"),
        .parts = parts,
        .parts_len = ARRAY_LEN(parts),
        .needs = needs,
        .needs_len = ARRAY_LEN(needs),
        .magic_mask = 0xffff,
        .magic_value = 0x5a4d,
        .size_max = 77,
    };
    struct set set = {.builder = builder_new()};

    cr_assert_eq(match_builder_add_ruleset(set.builder, SLICE_OF("first"), &rule.ruleset), 0);
    cr_assert_eq(match_builder_add_ruleset(set.builder, SLICE_OF("second"), &rule.ruleset), 0);
    cr_assert_eq(rule.ruleset, 1);
    cr_assert_eq(match_builder_add_rule(set.builder, &rule), 0);
    rule.needs = needs + 2;
    rule.needs_len = 1;
    cr_assert_eq(match_builder_add_rule(set.builder, &rule), MATCH_BUILD_SLOW);
    set_finish(&set);

    const struct layout *layout = &set.layout;
    const struct layout_ruleset *second = &layout->rulesets[1];

    cr_assert_eq(second->len, 6);
    cr_assert_eq(memcmp(set.image + second->offset, "second", 6), 0);
    cr_assert_eq(layout->logics[0].kind, LAYOUT_LOGIC_YARA);
    cr_assert_eq(layout->logics[0].root, 1);
    cr_assert_eq(layout->logics[0].part_len, 3);
    cr_assert_eq(layout->nodes[layout->logics[0].need].kind, LAYOUT_NODE_ALL);
    cr_assert_eq(layout->logics[0].magic_value, 0x5a4d);
    cr_assert_eq(layout->logics[0].size_max, 77);
    cr_assert_eq(layout->parts[0].len, 1);
    cr_assert_eq(layout->parts[1].len, 1);
    cr_assert_eq(layout->parts[2].len, 2);
    cr_assert_eq(layout->logics[1].part_len, 0);
    cr_assert_eq(layout->logics[1].need, PROGRAM_NONE);
    cr_assert_eq(layout->header->always_len[0], 1);
    cr_assert_eq(layout->always[0], 1);
    set_free(&set);
}

Test(build_logic, rules_say_which_part_is_wrong)
{
    static const struct match_need needs[] = {{.part = 1}};
    const struct slice parts[] = {SLICE_OF(RARE), SLICE_OF("41zz")};
    struct match_rule rule = {
        .name = SLICE_OF("Rule"),
        .parts = parts,
        .parts_len = ARRAY_LEN(parts),
        .needs = needs,
        .needs_len = 1,
        .size_max = UINT64_MAX,
    };
    struct set set = {.builder = builder_new()};

    cr_assert_eq(match_builder_add_ruleset(set.builder, SLICE_OF("rules"), &rule.ruleset), 0);
    cr_assert_eq(match_builder_add_rule(set.builder, &rule), MATCH_BUILD_BAD_PATTERN);
    cr_assert(strstr(match_builder_error(set.builder), "part 1: "));
    set_free(&set);
}

/* ---- Types ---- */

Test(build_logic, types_have_names)
{
    for (uint16_t type = CL_TYPE_FIRST; cl_type_name(type); type++) {
        char name[32];

        snprintf(name, sizeof(name), "CL_TYPE_%s", cl_type_name(type));
        cr_assert_eq(cl_type_find(slice_from_str(name)), type, "%s", name);
    }
    cr_assert_eq(cl_type_find(SLICE_OF("CL_TYPE_ANY")), CL_TYPE_ANY);
    cr_assert_eq(cl_type_find(SLICE_OF("CL_TYPE_NOPE")), CL_TYPE_NONE);
    cr_assert_eq(cl_type_find(SLICE_OF("CL_TYPE_")), CL_TYPE_NONE);
    cr_assert_eq(cl_type_find(SLICE_OF("CL_TYPE_ZI")), CL_TYPE_NONE);
    cr_assert_eq(cl_type_find(SLICE_OF("CL_TYPE_ZIPS")), CL_TYPE_NONE);
    cr_assert_eq(cl_type_find(SLICE_OF("ZIP")), CL_TYPE_NONE);
    cr_assert_null(cl_type_name(CL_TYPE_NONE));
    cr_assert_null(cl_type_name(UINT16_MAX));
}
