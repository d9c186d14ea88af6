/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "defs/ignore.h"
#include "defs/source_yara.h"
#include "defs/source_yara_condition.h"
#include "defs/source_yara_string.h"
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>

/* ---- Needs ---- */

static void needs_put(struct text *out, const struct yara_parts *parts, size_t at)
{
    const struct match_need *need = &parts->needs[at];

    if (need->len == 0 && need->part == UINT32_MAX) {
        TEXT_PUT(out, "anything");
    } else if (need->len == 0) {
        text_put_slice(out, parts->parts[need->part]);
    } else {
        text_printf(out, "%u(", need->need);
        for (uint32_t i = 0; i < need->len; i++) {
            text_put_str(out, i > 0 ? " " : "");
            needs_put(out, parts, need->first + i);
        }
        TEXT_PUT(out, ")");
    }
}

/* Needs of the last rule of a file in one line: tree, first bytes, largest size. */
static const char *needs_of(const char *text, enum yara_detail detail)
{
    static char line[65536];
    struct text out = text_over(line, sizeof(line) - 1);
    struct yara_file file;
    struct yara_parts parts;
    struct arena arena;
    void *block = malloc(YARA_PARTS_ARENA);
    struct yara_need need = yara_need_anything();

    arena_init(&arena, block, YARA_PARTS_ARENA);
    cr_assert_eq(yara_file_read(&file, slice_from_str(text)), 0);
    for (uint32_t i = 0; i < file.rules.len; i++) {
        cr_assert_eq(yara_file_rule(&file, i)->state, YARA_RULE_READ, "%s", text);
        need = yara_file_rule(&file, i)->need = yara_condition_read(&file, i);
    }
    if (need.node == YARA_NODE_NEVER) {
        TEXT_PUT(&out, "never");
    } else {
        yara_parts_write(&parts, &arena, &file, need.node, detail);
        needs_put(&out, &parts, 0);
    }
    if (need.gate.magic_mask != 0) {
        text_printf(&out, " %x/%x", need.gate.magic_value, need.gate.magic_mask);
    }
    if (need.gate.size_max != UINT64_MAX) {
        text_printf(&out, " <=%u", (unsigned)need.gate.size_max);
    }
    cr_assert_not(out.overflowed);
    line[out.len] = '\0';
    yara_file_free(&file);
    arena_reset(&arena);
    free(block);
    return line;
}

struct need_row {
    const char *text; /* The condition, or the string. */
    const char *needs;
};

/* In the order of the grammar; strings $a1 = "aaaa", $a2 = "bbbb", $c = "cccc". */
static const struct need_row conditions[] = {
    {"$a1", "61616161"},
    {"$a1 and $c", "2(61616161 63636363)"},
    {"$a1 or $c", "1(61616161 63636363)"},
    {"$a1 and ($a2 or $c)", "2(61616161 1(62626262 63636363))"},
    {"$a1 or $a2 and $c", "1(61616161 2(62626262 63636363))"},
    {"not $a1", "anything"},
    {"not not $a1", "anything"},
    {"$c and not $a1", "63636363"},
    {"$c or not $a1", "anything"},
    {"true", "anything"},
    {"false", "never"},
    {"$a1 and false", "never"},
    {"$a1 or false", "61616161"},
    {"defined $a1", "anything"},
    /* Sets. */
    {"all of them", "3(61616161 62626262 63636363)"},
    {"any of them", "1(61616161 62626262 63636363)"},
    {"none of them", "anything"},
    {"2 of them", "2(61616161 62626262 63636363)"},
    {"1+1 of them", "2(61616161 62626262 63636363)"},
    {"4 of them", "never"},
    {"0 of them", "anything"},
    {"#c of them", "anything"},
    {"34% of them", "1(61616161 62626262 63636363)"},
    {"67% of them", "2(61616161 62626262 63636363)"},
    {"100% of them", "3(61616161 62626262 63636363)"},
    {"all of ($a*)", "2(61616161 62626262)"},
    {"any of ($a1, $c)", "1(61616161 63636363)"},
    {"1 of ($a*) and $c", "2(1(61616161 62626262) 63636363)"},
    {"2 of them in (0..filesize)", "2(61616161 62626262 63636363)"},
    /* Places and counts. */
    {"$a1 at 5", "5:61616161"},
    {"$a1 at 1", "1:61616161 61616100/ffffff00"},
    {"$a1 at filesize - 3", "61616161"},
    {"$a1 at @c", "2(63636363 61616161)"},
    {"$a1 in (10..20)", "61616161"},
    {"$a1 in (@c..20)", "2(63636363 61616161)"},
    {"#a1 > 2", "61616161"},
    {"2 < #a1", "61616161"},
    {"#a1 >= 0", "anything"},
    {"#a1 == 0", "anything"},
    {"#a1 != 0", "61616161"},
    {"#a1 < 3", "anything"},
    {"#a1 == #c", "anything"},
    {"#a1 in (0..9) == 1", "61616161"},
    {"@a1 < 9", "61616161"},
    {"@a1[2] + 4 == @c", "2(61616161 63636363)"},
    {"!a1[1] > 3 or $c", "1(61616161 63636363)"},
    {"not @a1 < 9", "anything"},
    {"#a1", "61616161"},
    /* Loops. */
    {"for any of them : ($)", "1(61616161 62626262 63636363)"},
    {"for all of ($a*) : (# > 1)", "2(61616161 62626262)"},
    {"for 2 of them : ($ at 9)", "2(9:61616161 9:62626262 9:63636363)"},
    {"for any of ($a*) : ($ and $c)", "1(2(61616161 63636363) 2(62626262 63636363))"},
    {"for any of them : (not $)", "anything"},
    {"for none of them : ($)", "anything"},
    {"for any i in (1..#a1) : (@a1[i] < 9)", "61616161"},
    {"for 3 i in (1..9) : ($a1 and $c)", "2(61616161 63636363)"},
    {"for all i in (1..#a1) : (@a1[i] < 9)", "anything"},
    {"for any i in (1, 2, 3) : (uint8(i) == 2 and $a1)", "61616161"},
    {"for any k, v in pe.version_info : (k == \"x\" and $c)", "63636363"},
    /* First bytes and size. */
    {"uint16(0) == 0x5A4D", "anything 5a4d/ffff"},
    {"0x5A4D == uint16(0)", "anything 5a4d/ffff"},
    {"uint16be(0) == 0x4D5A", "anything 5a4d/ffff"},
    {"uint32(0) == 0x464c457f", "anything 464c457f/ffffffff"},
    {"int8(1) == -1", "anything ff00/ff00"},
    {"uint32(2) == 0x11223344", "anything 33440000/ffff0000"},
    {"uint16(4) == 1", "anything"},
    {"uint16(0) != 0x5A4D", "anything"},
    {"uint16(0) == 0x5A4D and uint16(0) == 0x4b50", "never"},
    {"uint16(0) == 0x5A4D or uint16(0) == 0x5A4E", "anything 5a4c/fffc"},
    {"uint32(uint32(0x3C)) == 0x4550", "anything"},
    {"filesize < 10KB and $a1", "61616161 <=10239"},
    {"filesize <= 0x10", "anything <=16"},
    {"1MB > filesize", "anything <=1048575"},
    {"filesize == 5", "anything <=5"},
    {"filesize < 0", "never"},
    {"filesize > 5", "anything"},
    {"filesize < 5 or filesize < 9", "anything <=8"},
    {"filesize < 5 or $a1", "anything"},
    {"1 == 1 and $a1", "61616161"},
    {"1 == 2 or $a1", "61616161"},
    {"2 * 3 - 1 < 5", "never"},
    /* Modules. */
    {"pe.number_of_sections == 3", "anything 5a4d/ffff"},
    {"pe.is_pe", "anything 5a4d/ffff"},
    {"not pe.is_pe", "anything"},
    {"pe.is_pe == 0", "anything"},
    {"pe.MACHINE_I386 == 0x14c", "anything"},
    {"pe.imphash() == \"x\" or $a1", "anything"},
    {"elf.type == elf.ET_EXEC", "anything 464c457f/ffffffff"},
    {"math.entropy(0, filesize) > 7.5", "anything"},
    {"hash.md5(0, filesize) == \"x\" and $c", "63636363"},
    {"pe.signatures[0].subject contains \"x\"", "2a864886f70d010702 5a4d/ffff"},
    {"pe.signatures[0].serial == \"01:02:03:04\"", "01020304 5a4d/ffff"},
    {"pe.signatures[0].serial == \"01:02\"", "2a864886f70d010702 5a4d/ffff"},
    {"pe.signatures[0].serial == \"0x123456789\"", "2a864886f70d010702 5a4d/ffff"},
    {"for any i in (0..pe.number_of_signatures) : (pe.signatures[i].issuer contains \"B\" and "
     "(pe.signatures[i].serial == \"0a:0b:0c:0d\" or \"1a:1b:1c:1d:1e\" == "
     "pe.signatures[i].serial))",
     "1(0a0b0c0d 1a1b1c1d1e) 5a4d/ffff"},
    {"for any s in pe.signatures : (s.serial == \"0a:0b:0c:0d\")", "0a0b0c0d 5a4d/ffff"},
    {"\"abc\" contains \"b\" and $a1", "61616161"},
    {"$a1 and entrypoint == 3", "61616161"},
    /* What does not read as a condition says nothing. */
    {"$a1 and any of (1, 2)", "anything"},
    {"$a1 and )", "anything"},
    {"$missing and $a1", "anything"},
};

Test(source_yara, conditions_say_what_they_need)
{
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        char text[1024];

        (void)snprintf(text, sizeof(text),
                       "rule r { strings: $a1 = \"aaaa\" $a2 = \"bbbb\" $c = \"cccc\" "
                       "condition: %s }",
                       conditions[i].text);
        cr_expect_str_eq(needs_of(text, YARA_DETAIL_FULL), conditions[i].needs, "%s\n  %s",
                         conditions[i].text, needs_of(text, YARA_DETAIL_FULL));
    }
}

static const struct need_row strings[] = {
    {"\"abc\"", "616263"},
    {"\"a\\\"\\\\\\t\\n\\r\\x7Fz\"", "61225c090a0d7f7a"},
    {"\"a\"", "anything"},
    {"\"aB\" nocase", "6142::i"},
    {"\"ab\" wide", "61006200"},
    {"\"ab\" wide ascii", "1(6162 61006200)"},
    {"\"ab\" ascii fullword private", "6162"},
    {"\"ab\" wide nocase", "61006200::i"},
    {"\"ab\" xor(1-2)", "1(6063 6360)"},
    {"\"ab\" xor(0x20)", "4142"},
    {"\"ab\" xor(1) wide ascii", "1(6063 60016301)"},
    {"\"abc\" base64", "1(59574a6a 466959 68596d)"},
    {"\"abc\" base64wide", "1(590057004a006a00 460069005900 680059006d00)"},
    {"\"abc\" base64(\"!@#$%^&*(){}[].,|ABCDEFGHIJ\\x09LMNOPQRSTUVWXYZabcdefghijklmnopqrstu\")",
     "1(48462953 5e5248 514856)"},
    {"{ 4D 5a ?? 4? ?A 90 }", "4d5a{1}4??a90"},
    {"{ 4D 5A [2-4][1] ?? 90 }", "4d5a{4-6}90"},
    {"{ 4D 5A [2] 90 [1-3] 91 [4-] 92 93 [-] 94 95 [0-5] 96 }",
     "4d5a{2}90{1-3}91{4-}9293*9495{-5}96"},
    {"{ 4D 5A [-] 91 [2] 92 [3-] 93 94 [-] 95 }", "4d5a{7-}9394"},
    {"{ 41 [2-] 4D 5A [2] 90 }", "4d5a{2}90"},
    {"{ 41 ?? 42 }", "anything"},
    {"{ 4D 5A ( 41 | 42 43 ( ?4 | 55 ) ) 90 }", "4d5a(41|4243(?4|55))90"},
    {"{ 4D 5A ( 41 [2] 42 | 43 ) 90 }", "4d5a(41{2}42|43)90"},
    {"{ 4D 5A ( 41 [2-3] 42 | 43 ) 90 }", "4d5a{1-5}90"},
    {"{ 4D 5A ~41 90 }", "4d5a{1}90"},
    {"{ ?? ?? 4D 5A ?? }", "4d5a"},
    {"{ 4D /* 11 */ 5A // 22\n 33 }", "4d5a33"},
    {"{ ?? 4D }", "anything"},
    {"/abc/", "616263"},
    {"/abc/i", "616263::i"},
    {"/abc/ nocase wide", "610062006300::i"},
    {"/ab\\x63\\/d/", "6162632f64"},
    {"/foo(bar|baz)/", "1(666f6f626172 666f6f62617a)"},
    {"/foo.*bar/", "2(666f6f 626172)"},
    {"/colou?r/", "1(636f6c6f7572 636f6c6f72)"},
    {"/ab[cd]ef/", "1(6162636566 6162646566)"},
    {"/ab[0-9]+ef/", "2(6162 6566)"},
    {"/(ab){2}c/", "6162616263"},
    {"/(ab){2,}c/", "61626162"},
    {"/(ab|c)d/", "1(616264 6364)"},
    {"/ab|./", "anything"},
    {"/a*/", "anything"},
    {"/^abc$/", "616263"},
    {"/\\babc\\B/", "616263"},
    {"/ab\\wcd/", "2(6162 6364)"},
    {"/(abcd.*efgh|ijkl)mn/", "2(1(2(61626364 65666768) 696a6b6c) 6d6e)"},
};

Test(source_yara, strings_become_parts)
{
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        char text[1024];

        (void)snprintf(text, sizeof(text), "rule r { strings: $a = %s condition: $a }",
                       strings[i].text);
        cr_expect_str_eq(needs_of(text, YARA_DETAIL_FULL), strings[i].needs, "%s\n  %s",
                         strings[i].text, needs_of(text, YARA_DETAIL_FULL));
    }
}

Test(source_yara, less_detail_is_the_longest_run_of_bytes)
{
    cr_assert_str_eq(needs_of("rule r { strings: $a = { 41 42 ?? 43 44 45 (46 | 47) 48 49 } "
                              "condition: $a at 5 }",
                              YARA_DETAIL_LITERAL),
                     "434445");
}

Test(source_yara, rules_build_on_each_other)
{
    static const char head[] = "private rule elf { condition: uint32(0) == 0x464c457f }\n"
                               "rule b1 { strings: $ = \"bbbb\" condition: all of them }\n"
                               "rule b2 { strings: $x = \"xxxx\" condition: $x and filesize < 9 }\n"
                               "rule r { strings: $a = \"aaaa\" condition: $a and ";
    static const struct need_row rows[] = {
        {"elf", "61616161 464c457f/ffffffff"},
        {"b1", "2(61616161 62626262)"},
        {"(b1 or b2)", "2(61616161 1(62626262 78787878))"},
        {"all of (b*)", "2(61616161 2(62626262 78787878)) <=8"},
        {"any of (b*)", "2(61616161 1(62626262 78787878))"},
        {"1 of (b2, elf)", "61616161"},
        {"not b1", "61616161"},
        {"b3", "61616161"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[1024];

        (void)snprintf(text, sizeof(text), "%s%s }", head, rows[i].text);
        cr_expect_str_eq(needs_of(text, YARA_DETAIL_FULL), rows[i].needs, "%s\n  %s", rows[i].text,
                         needs_of(text, YARA_DETAIL_FULL));
    }
}

/* ---- Files ---- */

struct report {
    char block[8192];
    struct text text;
};

static void report_on_rule(void *ctx, unsigned line, enum source_status status, const char *reason)
{
    static const char *const words[] = {"used", "skipped", "unusable", "slow"};
    struct report *report = ctx;

    text_printf(&report->text, "%u %s %s\n", line, words[status], reason);
}

/* What becomes of the rules of a file. */
static const char *report_of(struct slice text, struct ignore *ignore)
{
    static struct report report;
    struct match_builder *builder = kit_builder();
    const struct source source = {.builder = builder, .ignore = ignore};

    report.text = text_over(report.block, sizeof(report.block) - 1);
    cr_assert_eq(source_yara_take(&source, text, report_on_rule, &report), 0);
    cr_assert_not(report.text.overflowed);
    report.block[report.text.len] = '\0';
    match_builder_free(builder);
    return report.block;
}

static void expect_report(const char *text, const char *report)
{
    const char *got = report_of(slice_from_str(text), NULL);

    cr_expect_str_eq(got, report, "%s\ngives\n%s", text, got);
}

Test(source_yara, every_rule_is_reported_once)
{
    expect_report("", "");
    expect_report("// nothing\n/* here */", "");
    expect_report("rule a { strings: $a = \"some words\" condition: $a }", "1 used \n");
    expect_report("\n\nrule a {\n strings:\n  $a = \"some words\"\n condition: $a }\n"
                  "private\nrule b { condition: true }",
                  "3 used \n8 used \n");
}

Test(source_yara, a_broken_rule_leaves_the_others)
{
    expect_report("rule a { strings: $a = \"some words\" condition: $a }\n"
                  "rule b {\n strings: $a = \"some words\"\n condition: $a and }\n"
                  "rule c { strings: $a = \"other words\" condition: $a }\n"
                  "rule d { strings: $a = /[/ condition: $a }\n"
                  "rule e { condition: unknown == 1 }\n"
                  "rule f { strings: $a = \"third words\" condition: $a }\n",
                  "1 used \n"
                  "4 unusable rule b: syntax error\n"
                  "5 used \n"
                  "6 unusable rule d: invalid regular expression \"$a\": missing terminating ] for "
                  "character class\n"
                  "7 unusable rule e: undefined identifier \"unknown\"\n"
                  "8 used \n");
}

Test(source_yara, what_refers_to_a_broken_rule_is_broken)
{
    expect_report("rule a1 { condition: nothing }\n"
                  "rule a2 { strings: $a = \"some words\" condition: $a }\n"
                  "rule b { condition: a1 or a2 }\n"
                  "rule c { condition: all of (a*) }\n"
                  "rule d { condition: b }\n"
                  "rule e { condition: a2 }\n",
                  "1 unusable rule a1: undefined identifier \"nothing\"\n"
                  "2 used \n"
                  "3 unusable rule b: it refers to a1, which cannot be used\n"
                  "4 unusable rule c: it refers to a1, which cannot be used\n"
                  "5 unusable rule d: it refers to b, which cannot be used\n"
                  "6 used \n");
}

Test(source_yara, a_broken_global_rule_breaks_the_file)
{
    expect_report("rule a { strings: $a = \"some words\" condition: $a }\n"
                  "global private rule g { condition: nothing }\n",
                  "1 unusable rule a: a global rule of its file cannot be used\n"
                  "2 unusable rule g: undefined identifier \"nothing\"\n");
}

Test(source_yara, what_is_no_rule_is_listed)
{
    expect_report("hello\nrule a { strings: $a = \"some words\" condition: $a } }\n"
                  "rule b { strings: $a = \"other words\" condition: $a }",
                  "1 unusable this is no rule\n2 used \n2 unusable this is no rule\n3 used \n");
    expect_report("rule a { strings: $a = \"no end }\nrule b { strings: $a = \"other words\" "
                  "condition: $a }",
                  "1 unusable rule a: syntax error\n2 used \n");
    expect_report("rule a { strings: $a = \"some words\" condition: $a }\n"
                  "rule a { strings: $a = \"other words\" condition: $a }",
                  "1 used \n"
                  "2 unusable rule a: an earlier rule of the file has that name\n");
}

Test(source_yara, imports_and_includes)
{
    expect_report("import \"pe\"\ninclude \"other.yar\"\nimport \"cuckoo\"\nimport \"nope\"\n"
                  "rule a { condition: cuckoo.network.http_get(/x/) }\n"
                  "rule b { condition: pe.is_pe and filesize == 3 }\n"
                  "rule c { strings: $a = \"some words\" condition: $a or math.min(1, 2) == 1 }\n",
                  "2 unusable include is not supported: put the rules here\n"
                  "3 unusable module cuckoo is not offered: it needs the report of a sandbox, "
                  "which no body has\n"
                  "4 unusable module nope is not offered: there is no such module\n"
                  "5 unusable rule a: undefined identifier \"cuckoo\"\n"
                  "6 slow rule b: nothing in it is both needed and rare, so every body of its type "
                  "is looked at\n"
                  "7 unusable rule c: undefined identifier \"math\"\n");
}

Test(source_yara, rules_that_never_match_and_slow_ones)
{
    expect_report("rule a { condition: false }\n"
                  "rule b { strings: $a = \"some words\" condition: 2 of them }\n"
                  "rule c { condition: uint16(0) == 1 and uint16(0) == 2 }\n"
                  "private rule d { condition: false }\n"
                  "rule e { condition: true }\n",
                  "1 unusable rule a: its condition can never be true\n"
                  "2 unusable rule b: its condition can never be true\n"
                  "3 unusable rule c: its condition can never be true\n"
                  "4 used \n"
                  "5 slow rule e: nothing in it is both needed and rare, so every body of its type "
                  "is looked at\n");
}

Test(source_yara, a_global_rule_binds_the_others)
{
    expect_report("rule a { condition: uint16(0) == 0x5A4D }\n"
                  "global rule g { condition: uint16(0) == 0x4b50 }\n",
                  "1 unusable rule a: its condition can never be true\n"
                  "2 slow rule g: nothing in it is both needed and rare, so every body of its type "
                  "is looked at\n");
}

Test(source_yara, ignored_rules_still_serve_others)
{
    struct ignore ignore;

    ignore_init(&ignore);
    cr_assert_eq(ignore_add_name(&ignore, SLICE_OF("a")), 0);
    cr_expect_str_eq(report_of(SLICE_OF("rule a { strings: $a = \"some words\" condition: $a }\n"
                                        "rule b { condition: a }\n"),
                               &ignore),
                     "1 skipped rule a: ignored\n2 used \n");
    ignore_free(&ignore);
}

Test(source_yara, files_that_are_no_text)
{
    cr_expect_str_eq(report_of(slice_from("rule\0 a", 7), NULL),
                     "0 unusable the file holds a NUL byte\n");
}

Test(source_yara, deep_conditions_say_nothing)
{
    static char text[70000];
    static const char *const openers[] = {"(",      "not (", "-",
                                          "uint8(", "@a[",   "for any i in (1..2):("};

    for (size_t i = 0; i < ARRAY_LEN(openers); i++) {
        struct text out = text_over(text, sizeof(text) - 1);
        struct yara_file file;

        TEXT_PUT(&out, "rule r { strings: $a = \"aaaa\" condition: $a and ");
        for (unsigned k = 0; k < 3000; k++) {
            text_put_str(&out, openers[i]);
        }
        TEXT_PUT(&out, " }");
        cr_assert_eq(yara_file_read(&file, text_slice(&out)), 0);
        cr_assert_eq(yara_condition_read(&file, 0).node, YARA_NODE_ANYTHING);
        yara_file_free(&file);
    }
}

/* ---- Findings ---- */

static struct kit_set set_of(const char *text)
{
    static struct report report;
    struct match_builder *builder = kit_builder();
    const struct source source = {.builder = builder};

    report.text = text_over(report.block, sizeof(report.block) - 1);
    cr_assert_eq(source_yara_take(&source, slice_from_str(text), report_on_rule, &report), 0);
    return kit_open(builder, 4);
}

static const char *find(struct kit_set *set, struct slice body)
{
    struct match_finding finding = {.name = "?"};
    const enum match_status status = kit_scan_by(set->db, body, 7, &finding);

    return status == MATCH_FOUND ? finding.name : status == MATCH_CLEAN ? "" : "over";
}

Test(source_yara, findings_have_the_name_of_the_rule)
{
    struct kit_set set =
        set_of("private rule small { condition: filesize < 30 }\n"
               "rule first { strings: $a = \"first words\" condition: $a and small }\n"
               "rule second { strings: $a = \"second words\" condition: #a == 2 }\n"
               "rule third { condition: hash.md5(0, filesize) == \"x\" }\n");

    cr_expect_str_eq(find(&set, SLICE_OF("the first words")), "first");
    cr_expect_str_eq(find(&set, SLICE_OF("the first words of a longer text")), "");
    cr_expect_str_eq(find(&set, SLICE_OF("second words")), "");
    cr_expect_str_eq(find(&set, SLICE_OF("second words, second words")), "second");
    cr_expect_str_eq(find(&set, SLICE_OF("")), "");
    kit_close(&set);
}

Test(source_yara, files_are_namespaces)
{
    struct match_builder *builder = kit_builder();
    const struct source source = {.builder = builder};
    static struct report report;

    report.text = text_over(report.block, sizeof(report.block) - 1);
    cr_assert_eq(source_yara_take(&source,
                                  SLICE_OF("global rule tiny { condition: filesize < 20 }\n"
                                           "rule a { strings: $a = \"same words\" condition: $a }"),
                                  report_on_rule, &report),
                 0);
    cr_assert_eq(source_yara_take(&source,
                                  SLICE_OF("rule b { strings: $a = \"same words\" condition: $a }\n"
                                           "rule a { strings: $a = \"a's words\" condition: $a }"),
                                  report_on_rule, &report),
                 0);
    struct kit_set set = kit_open(builder, 4);

    cr_expect_str_eq(find(&set, SLICE_OF("here stand the same words")), "b");
    cr_expect_str_eq(find(&set, SLICE_OF("here stand a's words, and more")), "a");
    cr_expect_str_eq(find(&set, SLICE_OF("here stands nothing, and more")), "");
    kit_close(&set);
}

Test(source_yara, many_rules_of_a_file_work_in_groups)
{
    static char text[200000];
    struct text out = text_over(text, sizeof(text) - 1);

    TEXT_PUT(&out, "private rule base { strings: $a = \"base words\" condition: $a }\n");
    for (unsigned i = 0; i < 300; i++) {
        text_printf(&out, "rule r%u { strings: $a = \"word number %u.\" condition: $a and base }\n",
                    i, i);
    }
    cr_assert_not(out.overflowed);
    text[out.len] = '\0';
    struct kit_set set = set_of(text);

    for (unsigned i = 0; i < 300; i += 13) {
        char body[64];
        char name[16];

        (void)snprintf(body, sizeof(body), "base words, word number %u.", i);
        (void)snprintf(name, sizeof(name), "r%u", i);
        cr_expect_str_eq(find(&set, slice_from_str(body)), name);
        cr_expect_str_eq(find(&set, slice_from_str(body + 6)), "");
    }
    kit_close(&set);
}
