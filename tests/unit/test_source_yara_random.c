/* SPDX-License-Identifier: MIT */
/*
 * Random rules on random bodies: whatever libyara matches must have what the rule's needs ask for,
 * and the whole engine must say what libyara says. The generator writes strings and, beside them,
 * bytes that they match; bodies are such bytes in all encodings, damaged ones, and noise over the
 * same few letters. The seed is fixed.
 */
#include "base/text.h"
#include "defs/source_yara.h"
#include "defs/source_yara_condition.h"
#include "defs/source_yara_string.h"
#include "tests/naive/naive.h"
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>
#include <yara.h>

#define RANDOM_RULES   2500
#define RANDOM_BODIES  16
#define RANDOM_STRINGS 4
#define RANDOM_SETS    60
#define RANDOM_SET_LEN 3

static const char letters[] = "abcAB1";

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % limit;
}

static uint8_t random_letter(void)
{
    return (uint8_t)letters[random_below(sizeof(letters) - 1)];
}

/* Bytes that a string of the rule matches, before its encoding. */
struct sample {
    uint8_t bytes[256];
    size_t len;
    bool nocase;
    bool wide;
    bool is_xor;
    bool base64;
    bool base64_wide;
};

struct rule {
    char block[16384];
    struct text text;
    struct sample samples[RANDOM_STRINGS];
    unsigned strings_len;
    unsigned number;
};

static void sample_put(struct sample *sample, uint8_t byte)
{
    if (sample->len < sizeof(sample->bytes)) {
        sample->bytes[sample->len++] = byte;
    }
}

/* ---- Strings ---- */

static void rule_put_text(struct rule *rule, struct sample *sample)
{
    const unsigned len = 3 + random_below(5);

    TEXT_PUT(&rule->text, "\"");
    for (unsigned i = 0; i < len; i++) {
        const uint8_t byte = random_letter();

        sample_put(sample, byte);
        if (random_below(8) == 0) {
            text_printf(&rule->text, "\\x%02x", byte);
        } else {
            text_put(&rule->text, &byte, 1);
        }
    }
    TEXT_PUT(&rule->text, "\"");
    if (random_below(2) == 0) {
        sample->wide = true;
        text_put_str(&rule->text, random_below(2) == 0 ? " wide" : " wide ascii");
    }
    switch (random_below(8)) {
    case 0:
        sample->nocase = true;
        TEXT_PUT(&rule->text, " nocase");
        break;
    case 1:
        sample->is_xor = true;
        text_put_str(&rule->text, random_below(2) == 0 ? " xor" : " xor(1-7)");
        break;
    case 2:
        sample->base64 = true;
        TEXT_PUT(&rule->text, " base64");
        break;
    case 3:
        sample->base64_wide = true;
        text_put_str(&rule->text, random_below(2) == 0 ? " base64wide" : " base64wide base64");
        break;
    case 4:
        TEXT_PUT(&rule->text, " fullword private");
        break;
    default:
        break;
    }
}

static void rule_put_hex_byte(struct rule *rule, struct sample *sample)
{
    const uint8_t byte = random_letter();

    sample_put(sample, byte);
    switch (random_below(10)) {
    case 0:
        TEXT_PUT(&rule->text, "?? ");
        break;
    case 1:
        text_printf(&rule->text, "%X? ", byte >> 4);
        break;
    case 2:
        text_printf(&rule->text, "?%x ", byte & 15);
        break;
    default:
        text_printf(&rule->text, "%02X ", byte);
        break;
    }
}

static void rule_put_jump(struct rule *rule, struct sample *sample, bool inner)
{
    const unsigned min = 1 + random_below(3);
    const unsigned max = min + random_below(3);

    for (unsigned i = 0; i < min; i++) {
        sample_put(sample, random_letter());
    }
    switch (random_below(inner ? 2 : 4)) {
    case 0:
        text_printf(&rule->text, "[%u] ", min);
        break;
    case 1:
        text_printf(&rule->text, "[%u-%u] ", min, max);
        break;
    case 2:
        text_printf(&rule->text, "[%u-] ", min);
        break;
    default:
        TEXT_PUT(&rule->text, "[-] ");
        break;
    }
}

static void rule_put_group(struct rule *rule, struct sample *sample, unsigned depth)
{
    struct sample other = {0};
    const unsigned branches = 1 + random_below(3);

    TEXT_PUT(&rule->text, "( ");
    for (unsigned i = 0; i < branches; i++) {
        struct sample *out = i == 0 ? sample : &other;

        if (i > 0) {
            TEXT_PUT(&rule->text, "| ");
        }
        rule_put_hex_byte(rule, out);
        if (random_below(3) == 0) {
            rule_put_jump(rule, out, true);
            rule_put_hex_byte(rule, out);
        }
        if (depth > 0 && random_below(4) == 0) {
            rule_put_group(rule, out, depth - 1);
        }
    }
    TEXT_PUT(&rule->text, ") ");
}

static void rule_put_hex(struct rule *rule, struct sample *sample)
{
    const unsigned len = 2 + random_below(6);

    TEXT_PUT(&rule->text, "{ ");
    rule_put_hex_byte(rule, sample);
    for (unsigned i = 0; i < len; i++) {
        if (random_below(5) == 0) {
            rule_put_jump(rule, sample, false);
            TEXT_PUT(&rule->text, "/* [9] */ ");
        }
        if (random_below(4) == 0) {
            rule_put_group(rule, sample, 1);
        } else {
            rule_put_hex_byte(rule, sample);
        }
    }
    TEXT_PUT(&rule->text, "}");
}

static void rule_put_regex_row(struct rule *rule, struct sample *sample, unsigned depth);

static void rule_put_regex_atom(struct rule *rule, struct sample *sample, unsigned depth)
{
    const uint8_t byte = random_letter();
    struct sample other = {0};

    switch (random_below(depth > 0 ? 9 : 7)) {
    case 0:
        text_printf(&rule->text, "[%c%c]", byte, random_letter());
        break;
    case 1:
        TEXT_PUT(&rule->text, ".");
        break;
    case 2:
        text_printf(&rule->text, "\\x%02x", byte);
        break;
    case 3:
        text_printf(&rule->text, "[^%c]", byte == 'a' ? 'b' : 'a');
        break;
    case 4:
    case 5:
    case 6:
        text_printf(&rule->text, "%c", byte);
        break;
    default:
        TEXT_PUT(&rule->text, "(");
        rule_put_regex_row(rule, sample, depth - 1);
        if (random_below(2) == 0) {
            TEXT_PUT(&rule->text, "|");
            rule_put_regex_row(rule, &other, depth - 1);
        }
        TEXT_PUT(&rule->text, ")");
        return;
    }
    sample_put(sample, byte);
}

static void rule_put_regex_row(struct rule *rule, struct sample *sample, unsigned depth)
{
    const unsigned len = 1 + random_below(4);

    for (unsigned i = 0; i < len; i++) {
        const size_t before = sample->len;

        rule_put_regex_atom(rule, sample, depth);
        const size_t atom_len = sample->len - before;

        switch (random_below(10)) {
        case 0:
            TEXT_PUT(&rule->text, "?");
            sample->len = random_below(2) == 0 ? before : sample->len;
            break;
        case 1:
            TEXT_PUT(&rule->text, "*");
            sample->len = random_below(2) == 0 ? before : sample->len;
            break;
        case 2:
            TEXT_PUT(&rule->text, "+");
            break;
        case 3:
            TEXT_PUT(&rule->text, "{2,3}");
            for (size_t k = 0; k < atom_len; k++) {
                sample_put(sample, sample->bytes[before + k]);
            }
            break;
        case 4:
            TEXT_PUT(&rule->text, "{,2}");
            break;
        default:
            break;
        }
    }
}

static void rule_put_regex(struct rule *rule, struct sample *sample)
{
    TEXT_PUT(&rule->text, "/");
    rule_put_regex_row(rule, sample, 2);
    text_printf(&rule->text, "%c/", random_letter());
    sample_put(sample, rule->block[rule->text.len - 2]);
    if (random_below(3) == 0) {
        sample->nocase = true;
        text_put_str(&rule->text, random_below(2) == 0 ? "i" : " nocase");
    }
    if (random_below(3) == 0) {
        sample->wide = true;
        text_put_str(&rule->text, random_below(2) == 0 ? " wide" : " wide ascii");
    }
}

static void rule_put_string(struct rule *rule, unsigned index)
{
    struct sample *sample = &rule->samples[index];

    *sample = (struct sample){0};
    text_printf(&rule->text, " $_%c%u = ", index < 2 ? 'a' : 'b', index);
    switch (random_below(5)) {
    case 0:
    case 1:
        rule_put_text(rule, sample);
        break;
    case 2:
        rule_put_hex(rule, sample);
        break;
    default:
        rule_put_regex(rule, sample);
        break;
    }
    TEXT_PUT(&rule->text, "\n");
}

/* ---- Conditions ---- */

static const char *rule_pick_string(const struct rule *rule)
{
    static const char *const names[RANDOM_STRINGS] = {"_a0", "_a1", "_b2", "_b3"};

    return names[random_below(rule->strings_len)];
}

static void rule_put_loop(struct rule *rule)
{
    static const char *const bodies[] = {
        "$", "$ at 0", "# > 1", "@ < 20", "$ in (0..30) and # < 9", "not $ or @ > 3", "! > 2"};
    static const char *const counts[] = {"any", "all", "none", "1", "2"};

    if (random_below(3) == 0) {
        text_printf(&rule->text, "for %s i in (1..%u) : (@%s[i] < 30 and $%s)",
                    random_below(2) == 0 ? "any" : "all", random_below(4), rule_pick_string(rule),
                    rule_pick_string(rule));
        return;
    }
    text_printf(&rule->text, "for %s of %s : (%s)", counts[random_below(ARRAY_LEN(counts))],
                random_below(2) == 0 ? "them" : "($_a*)", bodies[random_below(ARRAY_LEN(bodies))]);
}

static void rule_put_leaf(struct rule *rule)
{
    static const char *const ops[] = {"==", "!=", "<", ">", "<=", ">="};
    const char *op = ops[random_below(ARRAY_LEN(ops))];
    const char *string = rule_pick_string(rule);

    switch (random_below(18)) {
    case 0:
        text_printf(&rule->text, "#%s %s %u", string, op, random_below(4));
        break;
    case 1:
        text_printf(&rule->text, "%u %s #%s", random_below(4), op, string);
        break;
    case 2:
        text_printf(&rule->text, "$%s at %u", string, random_below(6));
        break;
    case 3:
        text_printf(&rule->text, "$%s in (%u..%u)", string, random_below(8), random_below(40));
        break;
    case 4:
        text_printf(&rule->text, "%u of them", random_below(4));
        break;
    case 5:
        TEXT_PUT(&rule->text, "any of ($_a*)");
        break;
    case 6:
        if (random_below(2) == 0) {
            text_printf(&rule->text, "%u%% of them", 1 + random_below(100));
        } else {
            text_printf(&rule->text, "%u of them in (0..20)", random_below(4));
        }
        break;
    case 7:
        text_printf(&rule->text, "@%s %s %u", string, op, random_below(20));
        break;
    case 8:
        text_printf(&rule->text, "uint%s(%u) %s %u", random_below(2) == 0 ? "8" : "16be",
                    random_below(3), op, random_below(2) == 0 ? 'a' : 0x6161);
        break;
    case 9:
        text_printf(&rule->text, "filesize %s %u", op, random_below(60));
        break;
    case 10:
        if (random_below(2) == 0) {
            text_printf(&rule->text, "helper%u", rule->number);
        } else {
            text_printf(&rule->text, "any of (helper%u*)", rule->number);
        }
        break;
    case 11:
        text_printf(&rule->text, "(#%s + %u) %s #%s", string, random_below(3), op,
                    rule_pick_string(rule));
        break;
    case 12:
        rule_put_loop(rule);
        break;
    case 13:
        text_printf(&rule->text, "%u %s filesize - %u", random_below(60), op, random_below(9));
        break;
    default:
        text_printf(&rule->text, "$%s", string);
        break;
    }
}

static void rule_put_condition(struct rule *rule, unsigned depth)
{
    if (depth == 0 || random_below(4) == 0) {
        rule_put_leaf(rule);
        return;
    }
    if (random_below(6) == 0) {
        TEXT_PUT(&rule->text, "not ");
    }
    TEXT_PUT(&rule->text, "(");
    rule_put_condition(rule, depth - 1);
    for (unsigned i = random_below(3); i > 0; i--) {
        text_put_str(&rule->text, random_below(5) < 3 ? " and " : " or ");
        rule_put_condition(rule, depth - 1);
    }
    TEXT_PUT(&rule->text, ")");
}

/* Two rules: a private helper and the one of interest. `number` keeps names apart. */
static void rule_make(struct rule *rule, unsigned number)
{
    rule->text = text_over(rule->block, sizeof(rule->block) - 1);
    rule->strings_len = 1 + random_below(RANDOM_STRINGS);
    rule->number = number;
    text_printf(&rule->text,
                "private rule helper%u { strings: $ = \"%c%c%c\" condition: %s of them }\n"
                "rule r%u {\nstrings:\n",
                number, random_letter(), random_letter(), random_letter(),
                random_below(2) == 0 ? "all" : "none", number);
    for (unsigned i = 0; i < rule->strings_len; i++) {
        rule_put_string(rule, i);
    }
    /* Every string must be referred to. */
    TEXT_PUT(&rule->text, "condition: (true or any of them) and ");
    rule_put_condition(rule, 3);
    TEXT_PUT(&rule->text, "\n}\n");
    cr_assert_not(rule->text.overflowed);
    rule->block[rule->text.len] = '\0';
}

/* ---- Bodies ---- */

static void body_put_base64(struct sample *body, const uint8_t *bytes, size_t len, bool wide)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t block[520] = {0};
    const size_t lead = random_below(3);

    for (size_t i = 0; i < lead; i++) {
        block[i] = random_letter();
    }
    memcpy(block + lead, bytes, len);
    for (size_t i = 0; i < 8 * (lead + len); i += 6) {
        const unsigned pair = (unsigned)block[i / 8] << 8 | block[i / 8 + 1];

        sample_put(body, (uint8_t)alphabet[pair >> (10 - i % 8) & 63]);
        if (wide) {
            sample_put(body, 0);
        }
    }
}

/* A string's bytes in one of its encodings, sometimes damaged. */
static void body_put_sample(struct sample *body, const struct sample *sample)
{
    uint8_t block[512];
    size_t len = 0;
    const bool wide = sample->wide && random_below(2) == 0;
    const uint8_t key = sample->is_xor ? (uint8_t)random_below(8) : 0;

    for (size_t i = 0; i < sample->len && len + 2 < sizeof(block); i++) {
        uint8_t byte = sample->bytes[i];

        if (sample->nocase && random_below(2) == 0 && (byte | 0x20) >= 'a') {
            byte ^= 0x20;
        }
        if (random_below(60) == 0) {
            byte = random_letter();
        }
        block[len++] = byte ^ key;
        if (wide) {
            block[len++] = key;
        }
    }
    if (sample->base64 || sample->base64_wide) {
        body_put_base64(body, block, len, sample->base64_wide && random_below(2) == 0);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        sample_put(body, block[i]);
    }
}

static void body_make(struct sample *body, const struct rule *rule)
{
    body->len = 0;
    for (unsigned i = 1 + random_below(6); i > 0; i--) {
        if (random_below(3) == 0) {
            for (unsigned k = random_below(6); k > 0; k--) {
                sample_put(body, random_below(6) == 0 ? ' ' : random_letter());
            }
        } else {
            body_put_sample(body, &rule->samples[random_below(rule->strings_len)]);
        }
    }
}

/* ---- Judging ---- */

/* Small letters on both sides; the pattern is plain digits. */
static void part_fold(char *pattern, uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const bool big = bytes[i] >= 'A' && bytes[i] <= 'Z';

        bytes[i] |= big ? 0x20 : 0;
    }
    for (char *c = pattern; *c != '\0'; c += 2) {
        const unsigned long byte = strtoul((char[]){c[0], c[1], '\0'}, NULL, 16);

        c[0] = (char)(byte >= 'A' && byte <= 'Z' ? c[0] + 2 : c[0]);
    }
}

static bool part_is_there(struct slice part, const struct sample *body)
{
    char text[8192];
    uint8_t folded[sizeof(body->bytes)];
    char *pattern = text;
    const char *offset = "*";

    cr_assert_lt(part.len, sizeof(text));
    memcpy(text, part.ptr, part.len);
    text[part.len] = '\0';
    memcpy(folded, body->bytes, body->len);
    char *mods = strstr(text, "::i");

    if (mods != NULL) {
        *mods = '\0';
    }
    char *colon = strchr(text, ':');

    if (colon != NULL) {
        *colon = '\0';
        offset = text;
        pattern = colon + 1;
    }
    if (mods != NULL) {
        part_fold(pattern, folded, body->len);
    }
    return naive_matches(offset, pattern, folded, body->len);
}

static bool need_holds(const struct yara_parts *parts, size_t at, const struct sample *body)
{
    const struct match_need *need = &parts->needs[at];
    uint32_t held = 0;

    if (need->len == 0) {
        return need->part == UINT32_MAX || part_is_there(parts->parts[need->part], body);
    }
    for (uint32_t i = 0; i < need->len; i++) {
        cr_assert_gt(need->first + i, at);
        held += need_holds(parts, need->first + i, body);
    }
    return held >= need->need;
}

static bool gate_holds(const struct yara_gate *gate, const struct sample *body)
{
    uint32_t head = 0;

    for (size_t i = 0; i < 4 && i < body->len; i++) {
        head |= (uint32_t)body->bytes[i] << (8 * i);
    }
    return (head & gate->magic_mask) == gate->magic_value && body->len <= gate->size_max;
}

static int judge_on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *ctx)
{
    if (message == CALLBACK_MSG_RULE_MATCHING) {
        *(bool *)ctx = true;
    }
    return CALLBACK_CONTINUE;
}

static YR_RULES *judge_compile(const char *text)
{
    YR_COMPILER *compiler;
    YR_RULES *rules = NULL;

    cr_assert_eq(yr_compiler_create(&compiler), ERROR_SUCCESS);
    if (yr_compiler_add_string(compiler, text, NULL) == 0) {
        cr_assert_eq(yr_compiler_get_rules(compiler, &rules), ERROR_SUCCESS);
    }
    yr_compiler_destroy(compiler);
    return rules;
}

struct tally {
    unsigned rules;
    unsigned matches;
    unsigned denials; /* Bodies that the needs rule out. */
};

/* Whatever the needs are, the builder takes them as they stand. */
static void judge_build(const struct yara_parts *parts, const struct rule *rule)
{
    struct match_builder *builder = kit_builder();
    struct match_rule row = {.name = SLICE_OF("r"), .size_max = UINT64_MAX};
    int r = match_builder_add_ruleset(builder, SLICE_OF("rules"), &row.ruleset);

    cr_assert_eq(r, 0);
    row.parts = parts->parts;
    row.parts_len = parts->parts_len;
    row.needs = parts->needs;
    row.needs_len = parts->needs_len;
    r = match_builder_add_rule(builder, &row);
    cr_assert(r == MATCH_BUILD_OK || r == MATCH_BUILD_SLOW, "%d %s:\n%s", r,
              match_builder_error(builder), rule->block);
    match_builder_free(builder);
}

static void judge(const struct rule *rule, YR_RULES *rules, struct arena *arena,
                  struct tally *tally)
{
    struct yara_file file;
    struct yara_parts parts;
    struct sample body;

    cr_assert_eq(yara_file_read(&file, slice_from_str(rule->block)), 0);
    cr_assert_eq(file.rules.len, 2);
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert_eq(yara_file_rule(&file, i)->state, YARA_RULE_READ, "%s", rule->block);
        yara_file_rule(&file, i)->need = yara_condition_read(&file, i);
    }
    const struct yara_need need = yara_file_rule(&file, 1)->need;

    yara_parts_write(&parts, arena, &file, need.node, YARA_DETAIL_FULL);
    judge_build(&parts, rule);
    for (unsigned i = 0; i < RANDOM_BODIES; i++) {
        bool matched = false;

        body_make(&body, rule);
        const int r =
            yr_rules_scan_mem(rules, body.bytes, body.len, SCAN_FLAGS_REPORT_RULES_MATCHING,
                              judge_on_message, &matched, 0);

        /* Nested repeats can be too much for libyara's expressions. */
        cr_assert(r == ERROR_SUCCESS || r == ERROR_TOO_MANY_RE_FIBERS, "%d:\n%s", r, rule->block);
        const bool held = need.node != YARA_NODE_NEVER && gate_holds(&need.gate, &body) &&
                          need_holds(&parts, 0, &body);

        tally->matches += matched;
        tally->denials += !held;
        cr_assert(held || !matched, "denied, but it matches \"%.*s\" (%zu bytes):\n%s",
                  (int)body.len, (const char *)body.bytes, body.len, rule->block);
    }
    yara_file_free(&file);
}

Test(source_yara_random, what_libyara_matches_has_what_the_rule_needs)
{
    static struct rule rule;
    struct tally tally = {0};
    struct arena arena;
    void *block = malloc(YARA_PARTS_ARENA);

    cr_assert_eq(yr_initialize(), ERROR_SUCCESS);
    arena_init(&arena, block, YARA_PARTS_ARENA);
    for (unsigned i = 0; i < RANDOM_RULES; i++) {
        rule_make(&rule, 0);
        YR_RULES *rules = judge_compile(rule.block);

        if (rules != NULL) {
            judge(&rule, rules, &arena, &tally);
            tally.rules++;
            yr_rules_destroy(rules);
        }
    }
    arena_reset(&arena);
    free(block);
    yr_finalize();
    /* The generator is of use only if it makes rules that are legal, match, and say something. */
    cr_assert_gt(tally.rules, RANDOM_RULES / 2, "%u rules", tally.rules);
    cr_assert_gt(tally.matches, tally.rules, "%u matches", tally.matches);
    cr_assert_gt(tally.denials, tally.rules, "%u denials", tally.denials);
}

/* ---- The engine ---- */

struct set {
    struct rule rules[RANDOM_SET_LEN];
    char text[RANDOM_SET_LEN * sizeof(((struct rule *)NULL)->block)];
    bool matched[RANDOM_SET_LEN];
};

static void set_make(struct set *set)
{
    size_t len = 0;

    for (unsigned i = 0; i < RANDOM_SET_LEN;) {
        struct rule *rule = &set->rules[i];

        rule_make(rule, i + 10);
        YR_RULES *rules = judge_compile(rule->block);

        if (rules != NULL) {
            memcpy(set->text + len, rule->block, rule->text.len + 1);
            len += rule->text.len;
            yr_rules_destroy(rules);
            i++;
        }
    }
}

static void set_on_rule(void *ctx, unsigned line, enum source_status status, const char *reason)
{
    const bool never = strstr(reason, "never be true") != NULL;

    cr_assert(status == SOURCE_USED || status == SOURCE_SLOW || never, "%u: %s", line, reason);
}

static struct kit_set set_build(const struct set *set)
{
    struct match_builder *builder = kit_builder();
    const struct source source = {.builder = builder};

    cr_assert_eq(source_yara_take(&source, slice_from_str(set->text), set_on_rule, NULL), 0);
    return kit_open(builder, 2);
}

static int set_on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *ctx)
{
    struct set *set = ctx;

    if (message == CALLBACK_MSG_RULE_MATCHING) {
        const char *name = ((const YR_RULE *)data)->identifier;
        const unsigned long number = strtoul(name + 1, NULL, 10);

        cr_assert_lt(number - 10, RANDOM_SET_LEN);
        set->matched[number - 10] = true;
    }
    return CALLBACK_CONTINUE;
}

static void set_judge(struct set *set, YR_RULES *rules, struct match_db *db, struct tally *tally)
{
    struct sample body;
    struct match_finding finding;
    bool any = false;

    memset(set->matched, 0, sizeof(set->matched));
    body_make(&body, &set->rules[random_below(RANDOM_SET_LEN)]);
    if (yr_rules_scan_mem(rules, body.bytes, body.len, SCAN_FLAGS_REPORT_RULES_MATCHING,
                          set_on_message, set, 0) != ERROR_SUCCESS) {
        return;
    }
    for (unsigned i = 0; i < RANDOM_SET_LEN; i++) {
        any = any || set->matched[i];
    }
    const enum match_status status =
        kit_scan_by(db, slice_from(body.bytes, body.len), random_below(9), &finding);

    cr_assert_eq(status, any ? MATCH_FOUND : MATCH_CLEAN, "status %d, any %d on \"%.*s\":\n%s",
                 status, any, (int)body.len, (const char *)body.bytes, set->text);
    if (any) {
        cr_assert(set->matched[strtoul(finding.name + 1, NULL, 10) - 10], "%s", finding.name);
    }
    tally->matches += any;
    tally->denials += !any;
}

Test(source_yara_random, the_engine_says_what_libyara_says)
{
    static struct set set;
    struct tally tally = {0};

    cr_assert_eq(yr_initialize(), ERROR_SUCCESS);
    for (unsigned i = 0; i < RANDOM_SETS; i++) {
        set_make(&set);
        YR_RULES *rules = judge_compile(set.text);
        struct kit_set kit = set_build(&set);

        cr_assert_not_null(rules);
        for (unsigned k = 0; k < 8 * RANDOM_BODIES; k++) {
            set_judge(&set, rules, kit.db, &tally);
        }
        kit_close(&kit);
        yr_rules_destroy(rules);
    }
    yr_finalize();
    cr_assert_gt(tally.matches, 1000, "%u matches", tally.matches);
    cr_assert_gt(tally.denials, 200, "%u clean", tally.denials);
}
