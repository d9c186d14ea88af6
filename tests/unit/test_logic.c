/* SPDX-License-Identifier: MIT */
/*
 * Signatures with logic. Rows that say what a signature does are as clamscan answers them; all
 * bodies begin with four bytes that are no text.
 */
#include "match/cl_type.h"
#include "tests/naive/naive.h"
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>

#define HEAD "\x00\x01\x02\x03"

#define SUBS_MAX 64

/* Adds one; `subs` with `;` between them. */
static int logic_add(struct match_builder *builder, const char *name, unsigned target,
                     const char *expression, const char *subs)
{
    struct slice list[SUBS_MAX];
    struct match_logical logical = {
        .name = slice_from_str(name),
        .target = target,
        .expression = slice_from_str(expression),
        .subsignatures = list,
    };
    struct slice rest = slice_from_str(subs);

    while (rest.len > 0) {
        list[logical.subsignatures_len++] = slice_split(&rest, ';');
    }
    const int r = match_builder_add_logical(builder, &logical);

    return r == MATCH_BUILD_SLOW ? MATCH_BUILD_OK : r;
}

static struct kit_set logic_open(const char *expression, const char *subs)
{
    struct match_builder *builder = kit_builder();
    const int r = logic_add(builder, "Test.Logic", 0, expression, subs);

    cr_assert_eq(r, MATCH_BUILD_OK, "%s;%s: %s", expression, subs, match_builder_error(builder));
    return kit_open(builder, 4);
}

/* At once, in pieces of each length up to 9, and with a source that hands out single bytes. */
static void check_body(struct match_db *db, struct slice bytes, bool found, const char *what)
{
    for (size_t step = 0; step < 10; step++) {
        struct kit_body body = {.bytes = bytes.ptr, .len = bytes.len, .piece_max = step % 4};
        struct kit_feed feed = {.next = step ? kit_next_fixed : NULL, .ctx = &step};
        struct match_finding finding;

        cr_assert_eq(kit_run(db, &body, &feed, &finding), found ? MATCH_FOUND : MATCH_CLEAN,
                     "%s '%.*s' by %zu", what, (int)bytes.len - 4, (const char *)bytes.ptr + 4,
                     step);
    }
}

struct logic_row {
    const char *expression;
    const char *subs;
    struct slice body;
    bool found;
};

#define BODY(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(HEAD text), sizeof(HEAD text) - 1                                        \
    }

static void check_rows(const struct logic_row *rows, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        struct kit_set set = logic_open(rows[i].expression, rows[i].subs);
        char what[256];

        snprintf(what, sizeof(what), "%s;%s", rows[i].expression, rows[i].subs);
        check_body(set.db, rows[i].body, rows[i].found, what);
        kit_close(&set);
    }
}

/* ---- Expressions ---- */

/* aaXaa1, bbYbb2 and ccZcc3. */
#define ABC "616158616131;626259626232;63635a636333"

static void check_expression(const char *expression, unsigned a, unsigned b, unsigned c)
{
    static const char *const words[] = {" aaXaa1", " bbYbb2", " ccZcc3"};
    const unsigned counts[] = {a, b, c};
    char body[128] = HEAD;
    size_t len = 4;
    char name[64];

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        for (unsigned k = 0; k < counts[i]; k++) {
            memcpy(body + len, words[i], 7);
            len += 7;
        }
    }
    struct kit_set set = logic_open(expression, ABC);

    snprintf(name, sizeof(name), "%s with %u %u %u", expression, a, b, c);
    check_body(set.db, slice_from(body, len), naive_logic_holds(expression, counts), name);
    kit_close(&set);
}

Test(logic, expressions_hold_as_the_naive_reading_says)
{
    static const char *const expressions[] = {
        "0&1&2",
        "0|1&2",
        "0&1|2",
        "(0&1)|2",
        "(0&1|2)",
        "(0|1&2|1)",
        "0&(1|2&0|1)",
        "0&(1|2)",
        "0=0&1&2",
        "(0|1|2)=0",
        "(0&1&2)=0",
        "(0|1|2)>1",
        "(0|1|2)>1,2",
        "(0|1|2)>2,3",
        "((0|1)>1|2)>2,2",
        "(0|(1|2)>1)>2",
        "(0|(1&2))>2,2",
        "(0<2|1|2)=2",
        "(1=1|(2<2|0)|2)=3,2",
        "2&(0&1)<2",
        "0>1&(1|2)<3",
        "(0|0|1|2)=2",
    };

    for (size_t i = 0; i < ARRAY_LEN(expressions); i++) {
        for (unsigned counts = 0; counts < 64; counts++) {
            check_expression(expressions[i], counts % 4, counts / 4 % 4, counts / 16);
        }
    }
}

/* The naive reading itself, where clamscan was asked. */
Test(logic, the_naive_reading_answers_as_clamscan_does)
{
    static const struct {
        const char *expression;
        unsigned counts[3];
        bool holds;
    } rows[] = {
        {"0&1|2", {1, 0, 1}, true},
        {"0&1|2", {0, 0, 1}, false},
        {"0|1&2", {1, 0, 0}, true},
        {"(0|(1&2))>2", {0, 1, 2}, true},
        {"(0|(1&2))>2", {0, 3, 0}, false},
        {"(0|(1&2))>2", {2, 2, 0}, false},
        {"2&(0&1)<2", {3, 0, 1}, true},
        {"2&(0&1)<2", {1, 1, 1}, false},
        {"2&(0&1)=0", {2, 0, 2}, true},
        {"((0|1)>1|2)>2,3", {1, 1, 1}, false},
        {"((0|1)>1,2|2)>2,2", {1, 1, 1}, false},
        {"(1=1|(2<2|0)|2)=3,2", {3, 0, 0}, true},
        {"(0|1)<3,2", {1, 1, 0}, true},
        {"(0|1)<3,2", {2, 0, 0}, false},
        {"0=2,3", {2, 0, 0}, true},
        {"(0|0)=2", {1, 0, 0}, true},
        {"(0=0|1)=2", {1, 2, 0}, true},
        {"(0=0|1)=2", {2, 0, 0}, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_expect_eq(naive_logic_holds(rows[i].expression, rows[i].counts), rows[i].holds, "%s %zu",
                     rows[i].expression, i);
    }
}

/* ---- Counting ---- */

Test(logic, matches_with_different_starts_are_counted)
{
    static const struct logic_row rows[] = {
        {"0=3", "61616161", BODY("xaaaaaax"), true},
        {"0=3&1", "4142{0-3}4343;5a5a5a", BODY("ABCCCxABxCCx ZZZ"), true},
        {"0=2", "4142*4343", BODY("ABxABxCC CC"), true},
        {"0=1", "4142*4343", BODY("AxABxCC ABx"), true},
        {"0=3", "41424344::i", BODY("abcd aBCd ABCD"), true},
        {"0=2", "41424344::wa", BODY("ABCD A\0B\0C\0D\0"), true},
        {"0=1", "41424344::w", BODY("ABCD A\0B\0C\0D\0"), true},
        {"0=1", "41424344::f", BODY("xABCD ABCD ABCDx"), true},
        {"0>2", "EOF-8:41424344", BODY("ABCD ABCD ABCDABCD"), false},
        {"0=1", "EOF-8:41424344", BODY("ABCD ABCD ABCDABCD"), true},
        {"0=2", "4,5:41424344", BODY("ABCD ABCD ABCDABCD"), true},
        {"0<2&1", "4,5:41424344;424344", BODY("ABCD ABCD ABCDABCD"), false},
    };

    check_rows(rows, ARRAY_LEN(rows));
}

/* ---- Regular expressions ---- */

#define TRIGGER "5452494747455258"

Test(logic, regular_expressions_answer_as_clamscan_does)
{
    static const struct {
        const char *sub;
        const char *expression;
        bool found;
    } rows[] = {
        {"0/abc/", "0&1", true},          {"10:0/abc/", "0&1", false},
        {"12:0/abc/", "0&1", true},       {"12:0/abc/r", "0&1", true},
        {"4:0/abc/", "0&1", false},       {"4:0/abc/r", "0&1", true},
        {"4,8:0/abc/", "0&1", true},      {"4,6:0/abc/e", "0&1", false},
        {"4,10:0/abc/re", "0&1", false},  {"4,11:0/abc/re", "0&1", true},
        {"12,2:0/abc/e", "0&1", false},   {"12,3:0/abc/e", "0&1", true},
        {"3,2:0/abc/r", "0&1", false},    {"3:0/abc/r", "0&1", true},
        {"11,0:0/abc/", "0&1", false},    {"11,1:0/abc/", "0&1", true},
        {"EOF-14:0/abc/", "0&1", true},   {"EOF-15:0/abc/", "0&1", false},
        {"EOF-15:0/abc/r", "0&1", true},  {"EOF-15,1:0/abc/", "0&1", true},
        {"0/aa/g", "0&1=2", true},        {"0/aa/", "0&1=1", true},
        {"0/abc/g", "0&1=2", true},       {"12:0/abc/g", "0&1=2", true},
        {"12,2:0/abc/g", "0&1=1", true},  {"12,5:0/abc/ge", "0&1=1", true},
        {"12,6:0/abc/ge", "0&1=2", true}, {"0/ABC/", "0&1", false},
        {"0/ABC/i", "0&1", true},         {"12:0/abc/e", "0&1", true},
        {"11:0/abc/e", "0&1", false},     {"0=2/abc/", "0|1", true},
        {"0=2/abc/", "1", false},         {"0/(?<=X)abc/", "0&1", true},
        {"0/(a)b?c?\\1/", "0&1", true},   {"0/never(?=x)/", "0&1", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char subs[128];
        const struct logic_row row = {rows[i].expression, subs, BODY("TRIGGERXabcabcaaaaaxyz..."),
                                      rows[i].found};

        snprintf(subs, sizeof(subs), "%s;%s", TRIGGER, rows[i].sub);
        check_rows(&row, 1);
    }
}

/* ---- Comparisons of numbers ---- */

Test(logic, comparisons_answer_as_clamscan_does)
{
    static const struct {
        const char *sub;
        struct slice body;
        bool found;
    } rows[] = {
        {"0(>>6#d2#=20)", BODY("MARKXX10----MARKXX20--"), true},
        {"0(>>6#d2#=10)", BODY("MARKXX10----MARKXX20--"), false},
        {"0(>>6#d2#>5,<15)", BODY("MARKXX20----MARKXX10--"), true},
        {"0(<<2#d2#=12)", BODY("--12MARKXX"), true},
        {"0(<<40#d2#=0)", BODY("--12MARKXX"), false},
        {"0(>>7#d3#=17)", BODY("MARKXX 17zz"), true},
        {"0(>>7#de3#=17)", BODY("MARKXX 17zz"), false},
        {"0(>>7#de2#=17)", BODY("MARKXX 17zz"), true},
        {"0(>>6#d3#=17)", BODY("MARKXX 17zz"), true},
        {"0(>>6#de3#=17)", BODY("MARKXX 17zz"), false},
        {"0(>>6#d2#<0)", BODY("MARKXX-5"), true},
        {"0(>>6#d4#=0)", BODY("MARKXXzz99"), true},
        {"0(>>6#hb4#=0x1234)", BODY("MARKXX1234"), true},
        {"0(>>6#hl4#=0x3412)", BODY("MARKXX1234"), true},
        {"0(>>6#hl3#=0x2301)", BODY("MARKXX1234"), true},
        {"0(>>6#hb4#=0x1F)", BODY("MARKXX0x1F"), true},
        {"0(>>6#ab4#=0x1F)", BODY("MARKXX0x1F"), true},
        {"0(>>6#ab4#=1234)", BODY("MARKXX1234"), true},
        {"0(>>6#ib4#=16909060)", BODY("MARKXX\x01\x02\x03\x04"), true},
        {"0(>>6#il4#=67305985)", BODY("MARKXX\x01\x02\x03\x04"), true},
        {"0(>>6#ib1#<0)", BODY("MARKXX\xff"), false},
        {"0(>>6#ib2#>0)", BODY("MARKXX\xff"), false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char subs[128];
        const struct logic_row row = {"0&1", subs, rows[i].body, rows[i].found};

        snprintf(subs, sizeof(subs), "4d41524b5858;%s", rows[i].sub);
        check_rows(&row, 1);
    }
}

/* ---- Macros ---- */

Test(logic, a_member_of_a_group_follows_at_a_distance)
{
    static const struct {
        struct slice body;
        bool found;
    } rows[] = {
        {BODY("MARKXX.memberAA"), false},
        {BODY("MARKXX..memberAA"), true},
        {BODY("MARKXX..memberBB"), true},
        {BODY("MARKXX....memberBB"), true},
        {BODY("MARKXX.....memberBB"), false},
        {BODY("memberAA"), false},
        {BODY("MARKXX.........MARKXX..memberAA"), true},
    };
    struct match_builder *builder = kit_builder();

    cr_assert_eq(kit_add(builder, "Member.A", 0, "$5$", "6d656d6265724141"), 0);
    cr_assert_eq(kit_add(builder, "Member.B", 0, "$5$", "6d656d6265724242"), 0);
    cr_assert_eq(logic_add(builder, "Test.Macro", 0, "0&1", "4d41524b5858;${8-10}5$"), 0);
    struct kit_set set = kit_open(builder, 4);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_body(set.db, rows[i].body, rows[i].found, "macro");
    }
    kit_close(&set);
}

/* ---- Conditions ---- */

static bool holds_with(const struct match_conditions *conditions, size_t body_len)
{
    struct match_builder *builder = kit_builder();
    const struct slice sub = SLICE_OF("4d41524b5858");
    const struct match_logical logical = {
        .name = SLICE_OF("Test.Conditions"),
        .conditions = *conditions,
        .expression = SLICE_OF("0"),
        .subsignatures = &sub,
        .subsignatures_len = 1,
    };
    uint8_t bytes[256] = HEAD "MARKXX";

    cr_assert_eq(match_builder_add_logical(builder, &logical), MATCH_BUILD_OK, "%s",
                 match_builder_error(builder));
    struct kit_set set = kit_open(builder, 1);
    const enum match_status status = kit_scan(set.db, slice_from(bytes, body_len));

    kit_close(&set);
    return status == MATCH_FOUND;
}

Test(logic, the_size_must_fit)
{
    const struct match_conditions size = {.has_size = true, .size_min = 20, .size_max = 30};

    cr_expect(!holds_with(&size, 19));
    cr_expect(holds_with(&size, 20));
    cr_expect(holds_with(&size, 30));
    cr_expect(!holds_with(&size, 31));
}

Test(logic, a_body_is_in_no_container)
{
    static const uint16_t zip[] = {CL_TYPE_FIRST};
    const struct match_conditions none = {0};
    const struct match_conditions root = {.container = CL_TYPE_ANY};
    const struct match_conditions inside = {.container = CL_TYPE_FIRST};
    const struct match_conditions deep = {.intermediates = zip, .intermediates_len = 1};

    cr_expect(holds_with(&none, 40));
    cr_expect(holds_with(&root, 40));
    cr_expect(!holds_with(&inside, 40));
    cr_expect(!holds_with(&deep, 40));
}

Test(logic, what_is_no_executable_has_neither_sections_nor_entry)
{
    const struct match_conditions sections = {.has_sections = true, .sections_max = 100};
    const struct match_conditions entry = {.has_entry = true, .entry_max = 1000};
    const struct match_conditions some = {
        .has_sections = true, .sections_min = 1, .sections_max = 100};

    cr_expect(!holds_with(&sections, 40));
    cr_expect(!holds_with(&entry, 40));
    cr_expect(!holds_with(&some, 40));
}

/* ---- Executables ---- */

/* A 64-bit ELF file of one segment and one section: the entry point lies at 0x100. */
static void elf_make(uint8_t out[0x300])
{
    static const uint8_t ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    const uint64_t base = 0x400000;
    const uint64_t entry = base + 0x100;
    const uint64_t header[3] = {0x200, 0x180, 0x80};

    memset(out, 0x90, 0x300);
    memset(out, 0, 0x100);
    memset(out + 0x200, 0, 64);
    memset(out + 0x240, 0, 64);
    memcpy(out, ident, sizeof(ident));
    out[16] = 2;  /* An executable ... */
    out[18] = 62; /* ... for x86-64. */
    out[20] = 1;
    memcpy(out + 24, &entry, 8);
    out[32] = 64;                    /* Program headers ... */
    memcpy(out + 40, &header[0], 8); /* ... and section headers. */
    out[52] = 64;
    out[54] = 56;
    out[56] = 1;
    out[58] = 64;
    out[60] = 1;
    out[64] = 1;
    out[68] = 5;
    memcpy(out + 64 + 16, &base, 8);
    memcpy(out + 64 + 24, &base, 8);
    memcpy(out + 64 + 32, &header[0], 8);
    memcpy(out + 64 + 40, &header[0], 8);
    out[0x204] = 1;
    memcpy(out + 0x200 + 24, &header[1], 8);
    memcpy(out + 0x200 + 32, &header[2], 8);
    memcpy(out + 0x104, "MARKXX", 6);
    memcpy(out + 0x188, "MARKXX", 6);
}

Test(logic, offsets_count_from_entry_and_sections)
{
    static const struct {
        const char *offset;
        bool found;
    } rows[] = {
        {"EP+4", true}, {"EP+5", false}, {"EP+2,2", true}, {"EP+0,3", false}, {"EP-4", false},
        {"S0+8", true}, {"S0+7", false}, {"S0+0,8", true}, {"S1+0", false},   {"SL+8", true},
        {"SE0", true},  {"SE1", false},  {"*", true},      {"EOF-376", true},
    };
    uint8_t elf[0x300];

    elf_make(elf);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char sub[64];

        for (unsigned way = 0; way < 2; way++) {
            struct match_builder *builder = kit_builder();
            int r;

            if (way == 0) {
                r = kit_add(builder, "Test.Elf", 6, rows[i].offset, "4d41524b5858");
            } else {
                snprintf(sub, sizeof(sub), "%s:4d41524b5858;909090", rows[i].offset);
                r = logic_add(builder, "Test.Elf", 6, "0&1", sub);
            }
            cr_assert_eq(r, 0, "%s: %s", rows[i].offset, match_builder_error(builder));
            struct kit_set set = kit_open(builder, 1);

            check_body(set.db, slice_from(elf, sizeof(elf)), rows[i].found, rows[i].offset);
            kit_close(&set);
        }
    }
}

/* ---- Random signatures ---- */

#define RANDOM_LOGICS 1500
#define RANDOM_BODIES 6
#define RANDOM_SUBS   4

static uint64_t random_state;

static unsigned random_below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % limit;
}

static size_t random_test(char *out, size_t cap)
{
    const unsigned distinct = random_below(3);

    if (random_below(3) > 0) {
        *out = '\0';
        return 0;
    }
    if (distinct > 0) {
        return (size_t)snprintf(out, cap, "%c%u,%u", "=<>"[random_below(3)], random_below(4),
                                distinct);
    }
    return (size_t)snprintf(out, cap, "%c%u", "=<>"[random_below(3)], random_below(4));
}

static size_t random_expression(char *out, size_t cap, unsigned depth)
{
    const unsigned terms = 1 + random_below(3);
    size_t len = 0;

    for (unsigned i = 0; i < terms; i++) {
        if (i > 0) {
            out[len++] = "&|"[random_below(2)];
        }
        if (depth > 0 && random_below(3) == 0) {
            out[len++] = '(';
            /* clamscan takes no test on a block that is a single number. */
            len += (size_t)snprintf(out + len, cap - len, "%u%c", random_below(RANDOM_SUBS),
                                    "&|"[random_below(2)]);
            len += random_expression(out + len, cap - len, depth - 1);
            out[len++] = ')';
        } else {
            len += (size_t)snprintf(out + len, cap - len, "%u", random_below(RANDOM_SUBS));
        }
        len += random_test(out + len, cap - len);
    }
    out[len] = '\0';
    return len;
}

struct random_sub {
    const char *offset;
    const char *pattern;
};

/* So that the number of subsignatures is right, all of them are named. */
static void random_logic(char *expression, size_t cap, char *subs, size_t subs_cap,
                         struct random_sub list[RANDOM_SUBS])
{
    static const char *const patterns[] = {
        "6162",      "6161",           "616261",      "6162??62",    "6261{1-3}6162",
        "6161*6262", "(61|62)6162",    "6162[1-2]61", "62!(61)6162", "6161(6161|62)61",
        "62626262",  "61626162616261",
    };
    static const char *const offsets[] = {"*", "*", "*", "4", "4,6", "EOF-6", "EOF-9,5"};
    size_t len = random_expression(expression, cap, 2);
    size_t subs_len = 0;

    for (unsigned i = 0; i < RANDOM_SUBS; i++) {
        len += (size_t)snprintf(expression + len, cap - len, "%c%u", "&|"[i > 0], i);
        list[i].offset = offsets[random_below(ARRAY_LEN(offsets))];
        list[i].pattern = patterns[random_below(ARRAY_LEN(patterns))];
        subs_len += (size_t)snprintf(subs + subs_len, subs_cap - subs_len, "%s%s:%s",
                                     i > 0 ? ";" : "", list[i].offset, list[i].pattern);
    }
}

static void check_random(unsigned tally[2])
{
    struct random_sub list[RANDOM_SUBS];
    char expression[512];
    char subs[512];

    random_logic(expression, sizeof(expression), subs, sizeof(subs), list);
    struct kit_set set = logic_open(expression, subs);

    for (unsigned i = 0; i < RANDOM_BODIES; i++) {
        uint8_t body[64] = HEAD;
        const size_t len = 4 + random_below(40);
        unsigned counts[RANDOM_SUBS];

        for (size_t k = 4; k < len; k++) {
            body[k] = (uint8_t)("abc"[random_below(5) / 2]);
        }
        for (unsigned k = 0; k < RANDOM_SUBS; k++) {
            counts[k] = naive_count(list[k].offset, list[k].pattern, body, len);
        }
        const bool holds = naive_logic_holds(expression, counts);
        char what[1100];

        snprintf(what, sizeof(what), "%s;%s with %u %u %u %u", expression, subs, counts[0],
                 counts[1], counts[2], counts[3]);
        check_body(set.db, slice_from(body, len), holds, what);
        tally[holds]++;
    }
    kit_close(&set);
}

Test(logic, agrees_with_the_naive_matcher)
{
    unsigned tally[2] = {0, 0};

    random_state = 0x10a1c;
    for (unsigned i = 0; i < RANDOM_LOGICS; i++) {
        check_random(tally);
    }
    printf("random logics: %u clean, %u found\n", tally[0], tally[1]);
    cr_assert_gt(tally[0], RANDOM_LOGICS / 2);
    cr_assert_gt(tally[1], RANDOM_LOGICS / 2);
}

/* ---- Hostile bodies ---- */

#define HOSTILE_LOGICS 2000

/* All triggers, and of each signature all parts but one. */
Test(logic, a_body_of_triggers_costs_a_bounded_budget)
{
    struct match_builder *builder = kit_builder();
    const size_t cap = MIB(1);
    uint8_t *bytes = malloc(cap);
    size_t len = 4;

    cr_assert_not_null(bytes);
    memcpy(bytes, HEAD, 4);
    random_state = 0xbad;
    for (unsigned i = 0; i < HOSTILE_LOGICS; i++) {
        char name[32];
        char subs[160];
        uint8_t part[12];
        size_t subs_len = 0;

        snprintf(name, sizeof(name), "Test.%u", i);
        for (unsigned k = 0; k < 3; k++) {
            for (size_t j = 0; j < sizeof(part); j++) {
                part[j] = (uint8_t)random_below(256);
                subs_len +=
                    (size_t)snprintf(subs + subs_len, sizeof(subs) - subs_len, "%02x", part[j]);
            }
            subs_len +=
                (size_t)snprintf(subs + subs_len, sizeof(subs) - subs_len, k < 2 ? ";" : "");
            if (k < 2) {
                memcpy(bytes + len, part, sizeof(part));
                len += sizeof(part);
            }
        }
        cr_assert_eq(logic_add(builder, name, 0, "0&1&2", subs), 0);
    }
    for (size_t at = len; at < cap; at++) {
        bytes[at] = bytes[at - len + 4];
    }
    struct kit_set set = kit_open(builder, 1);
    struct kit_body body = {.bytes = bytes, .len = cap};
    size_t step = KIB(16);
    struct kit_feed feed = {.next = kit_next_fixed, .ctx = &step};
    struct match_finding finding;
    const enum match_status status = kit_run(set.db, &body, &feed, &finding);

    cr_expect(status == MATCH_OVER_BUDGET || status == MATCH_CLEAN);
    /* A megabyte brings less than 16 million steps; a slice is 65,536 of them. */
    cr_expect_leq(feed.slices, 256, "%zu slices", feed.slices);
    kit_close(&set);
    free(bytes);
}
