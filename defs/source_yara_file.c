/* SPDX-License-Identifier: MIT */
#include "defs/source_yara_file.h"

#include "base/err.h"
#include "defs/source_yara_need.h"

#include <stdlib.h>

struct cut {
    struct yara_file *file;
    uint32_t at; /* In the tokens. */
};

static const struct yara_token *cut_peek(const struct cut *cut)
{
    return yara_file_token(cut->file, cut->at);
}

static bool cut_is_end(const struct cut *cut)
{
    return cut_peek(cut)->kind == YARA_TOKEN_END;
}

static bool cut_is(const struct cut *cut, const char *text)
{
    return yara_token_is(cut_peek(cut), text);
}

static bool cut_take(struct cut *cut, const char *text)
{
    const bool is = cut_is(cut, text);

    cut->at += is;
    return is;
}

/* The token when it is of that kind, which is then passed; or NULL. */
static const struct yara_token *cut_take_kind(struct cut *cut, enum yara_token_kind kind)
{
    const struct yara_token *token = cut_peek(cut);

    if (token->kind != kind) {
        return NULL;
    }
    cut->at++;
    return token;
}

/* ---- Strings ---- */

static bool string_take_number(struct cut *cut, uint8_t *out)
{
    const struct yara_token *token = cut_take_kind(cut, YARA_TOKEN_NUMBER);
    char digits[8] = {0};
    char *end = digits;

    if (token == NULL || token->text.len >= sizeof(digits)) {
        return false;
    }
    memcpy(digits, token->text.ptr, token->text.len);
    const bool hex = digits[0] == '0' && (digits[1] | 0x20) == 'x';
    const unsigned long value = strtoul(digits, &end, hex ? 16 : 10);

    *out = (uint8_t)value;
    return *end == '\0' && value <= UINT8_MAX;
}

/* `xor`, `xor(n)`, `xor(n-m)` */
static bool string_take_xor(struct cut *cut, struct yara_string *string)
{
    string->flags |= YARA_STRING_XOR;
    string->xor_min = 0;
    string->xor_max = UINT8_MAX;
    if (!cut_take(cut, "(")) {
        return true;
    }
    if (!string_take_number(cut, &string->xor_min)) {
        return false;
    }
    string->xor_max = string->xor_min;
    if (cut_take(cut, "-") && !string_take_number(cut, &string->xor_max)) {
        return false;
    }
    return cut_take(cut, ")");
}

/* `base64`, `base64("...")` */
static bool string_take_base64(struct cut *cut, struct yara_string *string, uint8_t flag)
{
    string->flags |= flag;
    if (!cut_take(cut, "(")) {
        return true;
    }
    const struct yara_token *alphabet = cut_take_kind(cut, YARA_TOKEN_TEXT);

    if (alphabet == NULL) {
        return false;
    }
    string->alphabet = alphabet->text;
    return cut_take(cut, ")");
}

/* False for what is no modifier, or one that does not read as one. */
static bool string_take_modifier(struct cut *cut, struct yara_string *string)
{
    if (cut_take(cut, "nocase")) {
        string->flags |= YARA_STRING_NOCASE;
    } else if (cut_take(cut, "wide")) {
        string->flags |= YARA_STRING_WIDE;
    } else if (cut_take(cut, "ascii")) {
        string->flags |= YARA_STRING_ASCII;
    } else if (cut_take(cut, "xor")) {
        return string_take_xor(cut, string);
    } else if (cut_take(cut, "base64")) {
        return string_take_base64(cut, string, YARA_STRING_BASE64);
    } else if (cut_take(cut, "base64wide")) {
        return string_take_base64(cut, string, YARA_STRING_BASE64_WIDE);
    } else {
        return cut_take(cut, "fullword") || cut_take(cut, "private");
    }
    return true;
}

/* `$name = ...`: -ENOMEM, 1 when it is a string, 0 when not. */
static int cut_take_string(struct cut *cut)
{
    const struct yara_token *name = cut_take_kind(cut, YARA_TOKEN_STRING);

    if (name == NULL || !cut_take(cut, "=")) {
        return 0;
    }
    const struct yara_token *content = cut_peek(cut);
    struct yara_string string = {
        .name = name->text, .content = content->text, .kind = content->kind};

    if (content->kind != YARA_TOKEN_TEXT && content->kind != YARA_TOKEN_HEX &&
        content->kind != YARA_TOKEN_REGEX) {
        return 0;
    }
    cut->at++;
    string.flags = content->nocase ? YARA_STRING_NOCASE : 0;
    while (cut_peek(cut)->kind == YARA_TOKEN_WORD && !cut_is(cut, "condition")) {
        if (!string_take_modifier(cut, &string)) {
            return 0;
        }
    }
    return vec_append(&cut->file->strings, &string, 1) ? 1 : ERR_NEW(-ENOMEM);
}

/* ---- Rules ---- */

static bool cut_at_rule(const struct cut *cut)
{
    struct cut ahead = *cut;

    while (cut_is(&ahead, "private") || cut_is(&ahead, "global")) {
        ahead.at++;
    }
    return cut_take(&ahead, "rule") && cut_peek(&ahead)->kind == YARA_TOKEN_WORD;
}

static bool cut_at_import(const struct cut *cut)
{
    struct cut ahead = *cut;

    return (cut_take(&ahead, "import") || cut_take(&ahead, "include")) &&
           cut_peek(&ahead)->kind == YARA_TOKEN_TEXT;
}

/* For finding the way back. */
static bool cut_at_start(const struct cut *cut)
{
    return cut_at_rule(cut) || cut_at_import(cut);
}

static void cut_skip_meta(struct cut *cut)
{
    while (!cut_is_end(cut) && !cut_is(cut, "strings") && !cut_is(cut, "condition") &&
           !cut_is(cut, "}")) {
        cut->at++;
        if (cut_take(cut, "=")) {
            (void)cut_take(cut, "-");
            cut->at += !cut_is_end(cut);
        }
    }
}

/* To the brace that closes the rule; conditions have none of their own. */
static bool cut_skip_condition(struct cut *cut)
{
    while (!cut_is_end(cut) && !cut_is(cut, "}")) {
        cut->at++;
    }
    return !cut_is_end(cut);
}

/* Behind the name: 1 when all reads as a rule, 0 when not, -ENOMEM. */
static int cut_take_sections(struct cut *cut, struct yara_rule *rule)
{
    while (cut_is(cut, ":") || (cut_peek(cut)->kind == YARA_TOKEN_WORD && !cut_at_start(cut))) {
        cut->at++;
    }
    if (!cut_take(cut, "{")) {
        return 0;
    }
    if (cut_take(cut, "meta")) {
        cut_skip_meta(cut);
    }
    if (cut_take(cut, "strings")) {
        if (!cut_take(cut, ":")) {
            return 0;
        }
        while (cut_peek(cut)->kind == YARA_TOKEN_STRING) {
            const int r = cut_take_string(cut);

            if (r <= 0) {
                return r;
            }
        }
    }
    if (!cut_take(cut, "condition") || !cut_take(cut, ":")) {
        return 0;
    }
    rule->condition_first = cut->at;
    const bool closed = cut_skip_condition(cut);

    rule->condition_end = cut->at;
    cut->at += closed;
    return closed;
}

/* An odd rule ends where something new begins. */
static void cut_skip_odd(struct cut *cut)
{
    while (!cut_is_end(cut) && !cut_at_start(cut)) {
        cut->at++;
    }
}

/* Of several rules of one name the first has it. */
static int cut_add_rule(const struct cut *cut, struct yara_rule *rule)
{
    const uint32_t index = (uint32_t)cut->file->rules.len;
    uint32_t name;
    const int r = intern_add(&cut->file->names, rule->name, &name);

    if (r < 0) {
        return ERR_PASS(r);
    }
    rule->need = yara_need_anything();
    if (name == cut->file->name_rules.len && !vec_append(&cut->file->name_rules, &index, 1)) {
        return ERR_NEW(-ENOMEM);
    }
    return vec_append(&cut->file->rules, rule, 1) ? 0 : ERR_NEW(-ENOMEM);
}

static int cut_take_rule(struct cut *cut)
{
    struct yara_rule rule = {.token_first = cut->at, .line = cut_peek(cut)->line};
    const uint8_t *from = cut_peek(cut)->text.ptr;

    rule.string_first = (uint32_t)cut->file->strings.len;
    while (!cut_is(cut, "rule")) {
        rule.is_private |= cut_is(cut, "private");
        rule.is_global |= cut_is(cut, "global");
        cut->at++;
    }
    cut->at++;
    rule.name = cut_peek(cut)->text;
    rule.name_line = cut_peek(cut)->line;
    cut->at++;
    const int r = cut_take_sections(cut, &rule);

    if (r < 0) {
        return ERR_PASS(r);
    }
    if (r == 0) {
        rule.state = YARA_RULE_ODD;
        cut_skip_odd(cut);
    }
    rule.token_end = cut->at;
    rule.string_len = (uint32_t)cut->file->strings.len - rule.string_first;

    const struct yara_token *last = cut_peek(cut) - 1;

    rule.text = slice_from(from, (size_t)(last->text.ptr + last->text.len - from));
    if (last->kind == YARA_TOKEN_TEXT || last->kind == YARA_TOKEN_REGEX ||
        last->kind == YARA_TOKEN_HEX) {
        rule.text.len++;
    }
    return cut_add_rule(cut, &rule);
}

static int cut_take_import(struct cut *cut)
{
    const struct yara_import import = {.line = cut_peek(cut)->line,
                                       .include = cut_is(cut, "include"),
                                       .name = (cut_peek(cut) + 1)->text};

    cut->at += 2;
    return vec_append(&cut->file->imports, &import, 1) ? 0 : ERR_NEW(-ENOMEM);
}

/* What stands between rules and is none. */
static int cut_take_stray(struct cut *cut)
{
    const struct yara_token *token = cut_peek(cut);
    struct yara_rule rule = {.token_first = cut->at,
                             .line = token->line,
                             .name_line = token->line,
                             .state = YARA_RULE_BROKEN};

    cut->at++;
    cut_skip_odd(cut);
    rule.token_end = cut->at;
    return cut_add_rule(cut, &rule);
}

int yara_file_read(struct yara_file *file, struct slice text)
{
    *file = (struct yara_file){
        .tokens = VEC_OF(struct yara_token),
        .rules = VEC_OF(struct yara_rule),
        .strings = VEC_OF(struct yara_string),
        .imports = VEC_OF(struct yara_import),
        .nodes = VEC_OF(struct yara_node),
        .links = VEC_OF(struct yara_link),
        .name_rules = VEC_OF(uint32_t),
        .text = text,
    };
    struct cut cut = {.file = file};

    intern_init(&file->names);
    if (!yara_lex(text, &file->tokens)) {
        return ERR_NEW(-ENOMEM);
    }
    while (!cut_is_end(&cut)) {
        const int r = cut_at_rule(&cut)     ? cut_take_rule(&cut)
                      : cut_at_import(&cut) ? cut_take_import(&cut)
                                            : cut_take_stray(&cut);

        if (r < 0) {
            return ERR_PASS(r);
        }
    }
    return 0;
}

void yara_file_free(struct yara_file *file)
{
    vec_free(&file->tokens);
    vec_free(&file->rules);
    vec_free(&file->strings);
    vec_free(&file->imports);
    vec_free(&file->nodes);
    vec_free(&file->links);
    vec_free(&file->name_rules);
    intern_free(&file->names);
}

uint32_t yara_file_find_rule(const struct yara_file *file, struct slice name, size_t before)
{
    uint32_t index;

    if (name.len == 0 || !intern_find(&file->names, name, &index)) {
        return YARA_NONE;
    }
    const uint32_t rule = *(const uint32_t *)vec_at(&file->name_rules, index);

    return rule < before ? rule : YARA_NONE;
}
