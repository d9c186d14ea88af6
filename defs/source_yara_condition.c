/* SPDX-License-Identifier: MIT */
#include "defs/source_yara_condition.h"

#include "base/assert.h"
#include "base/text.h"
#include "defs/source_yara_string.h"
#include "defs/source_yara_value.h"

#define CONDITION_VARS_MAX 16
#define CONDITION_PATH_CAP 96

/* More strings than that in a `for ... of` say nothing. */
#define CONDITION_FILL_MAX 256

/* What a loop runs over: a path when it is an array of a module. */
struct condition_var {
    struct slice name;
    char path[CONDITION_PATH_CAP];
};

struct condition {
    struct yara_file *file;
    uint32_t rule;
    uint32_t at; /* In the tokens. */
    uint32_t end;
    unsigned depth;
    bool lost; /* Not understood: the whole says nothing. */
    unsigned vars_len;
    struct condition_var vars[CONDITION_VARS_MAX];
};

static struct yara_value condition_parse_or(struct condition *cond);
static struct yara_value condition_parse_sum(struct condition *cond, unsigned level);

/* ---- Tokens ---- */

static const struct yara_token condition_end = {.kind = YARA_TOKEN_END};

static const struct yara_token *condition_peek(const struct condition *cond, uint32_t ahead)
{
    if (cond->lost || ahead >= cond->end - cond->at) {
        return &condition_end;
    }
    return yara_file_token(cond->file, cond->at + ahead);
}

static bool condition_is(const struct condition *cond, const char *text)
{
    return yara_token_is(condition_peek(cond, 0), text);
}

static bool condition_take(struct condition *cond, const char *text)
{
    const bool is = condition_is(cond, text);

    cond->at += is;
    return is;
}

static void condition_expect(struct condition *cond, const char *text)
{
    if (!condition_take(cond, text)) {
        cond->lost = true;
    }
}

/* ---- Strings ---- */

/* Of `$a`, `#a`, `@a`, `!a`: what it takes to have a match. */
static struct yara_need string_need(struct condition *cond, struct slice name, uint64_t offset)
{
    const struct yara_rule *rule = yara_file_rule(cond->file, cond->rule);

    if (name.len == 1) {
        return yara_need_hole(cond->file, offset);
    }
    for (uint32_t i = rule->string_first; i < rule->string_first + rule->string_len; i++) {
        const struct yara_string *string = yara_file_string(cond->file, i);

        if (slice_equal(slice_skip(string->name, 1), slice_skip(name, 1))) {
            const struct yara_need magic = yara_string_magic(string, offset);

            return yara_need_both(cond->file, magic, yara_need_string(cond->file, i, offset));
        }
    }
    cond->lost = true;
    return yara_need_anything();
}

/* `(a..b)`: what it takes to be defined. */
static struct yara_need condition_parse_range(struct condition *cond)
{
    condition_expect(cond, "(");
    const struct yara_value from = condition_parse_sum(cond, 0);

    condition_expect(cond, "..");
    const struct yara_value to = condition_parse_sum(cond, 0);

    condition_expect(cond, ")");
    return yara_value_join(cond->file, &from, &to).need;
}

/* `$a`, `$a at n`, `$a in (n..m)` */
static struct yara_value condition_parse_string(struct condition *cond, struct slice name)
{
    if (condition_take(cond, "at")) {
        const struct yara_value at = condition_parse_sum(cond, 0);
        const bool fixed = at.kind == YARA_VALUE_NUMBER && at.number >= 0;
        const uint64_t offset = fixed ? (uint64_t)at.number : YARA_ANYWHERE;

        return yara_value_truth(
            yara_need_both(cond->file, yara_value_defined(&at), string_need(cond, name, offset)));
    }
    struct yara_need need = string_need(cond, name, YARA_ANYWHERE);

    if (condition_take(cond, "in")) {
        need = yara_need_both(cond->file, condition_parse_range(cond), need);
    }
    return yara_value_truth(need);
}

/* `#a`, `#a in (n..m)` */
static struct yara_value condition_parse_count(struct condition *cond, struct slice name)
{
    struct yara_value count = yara_value_plain();

    count.kind = YARA_VALUE_COUNT;
    count.counted = string_need(cond, name, YARA_ANYWHERE);
    if (condition_take(cond, "in")) {
        (void)condition_parse_range(cond);
    }
    return count;
}

/* `@a`, `@a[n]`, and the same with `!`: undefined without a match. */
static struct yara_value condition_parse_place(struct condition *cond, struct slice name)
{
    if (condition_take(cond, "[")) {
        (void)condition_parse_or(cond);
        condition_expect(cond, "]");
    }
    return yara_value_needing(string_need(cond, name, YARA_ANYWHERE));
}

/* ---- Sets ---- */

/* Strings or rules of a `them` or `(...)`. */
struct condition_set {
    bool rules;
    struct vec items; /* uint32_t */
};

static bool name_fits(struct slice name, struct slice wanted, bool prefix)
{
    if (prefix) {
        name.len = MIN_OF(name.len, wanted.len);
    }
    return slice_equal(name, wanted);
}

static void set_add(struct condition *cond, struct condition_set *set, uint32_t item)
{
    if (!vec_append(&set->items, &item, 1)) {
        cond->lost = true;
    }
}

static void set_add_strings(struct condition *cond, struct condition_set *set, struct slice wanted)
{
    const struct yara_rule *rule = yara_file_rule(cond->file, cond->rule);
    const bool prefix = wanted.ptr[wanted.len - 1] == '*';

    wanted.len -= prefix;
    for (uint32_t i = rule->string_first; i < rule->string_first + rule->string_len; i++) {
        if (name_fits(yara_file_string(cond->file, i)->name, wanted, prefix)) {
            set_add(cond, set, i);
        }
    }
}

static void set_add_rules(struct condition *cond, struct condition_set *set, struct slice wanted,
                          bool prefix)
{
    set->rules = true;
    for (uint32_t i = 0; i < cond->rule; i++) {
        const struct yara_rule *rule = yara_file_rule(cond->file, i);

        if (name_fits(rule->name, wanted, prefix) &&
            yara_file_find_rule(cond->file, rule->name, cond->rule) == i) {
            set_add(cond, set, i);
        }
    }
}

static void set_parse_member(struct condition *cond, struct condition_set *set)
{
    const struct yara_token *token = condition_peek(cond, 0);
    const struct slice name = token->text;

    if (token->kind == YARA_TOKEN_STRING) {
        cond->at++;
        set_add_strings(cond, set, name);
    } else if (token->kind == YARA_TOKEN_WORD) {
        cond->at++;
        set_add_rules(cond, set, name, condition_take(cond, "*"));
    } else {
        cond->lost = true;
    }
}

static void condition_parse_set(struct condition *cond, struct condition_set *out)
{
    *out = (struct condition_set){.items = VEC_OF(uint32_t)};
    if (condition_take(cond, "them")) {
        set_add_strings(cond, out, SLICE_OF("$*"));
        return;
    }
    condition_expect(cond, "(");
    do {
        set_parse_member(cond, out);
    } while (condition_take(cond, ","));
    condition_expect(cond, ")");
}

/* How many of `len` a quantifier asks for at least; 0 when that is not known. */
static uint64_t quantifier_least(const struct yara_value *quantifier, uint64_t len)
{
    switch (quantifier->kind) {
    case YARA_VALUE_ALL:
        return len;
    case YARA_VALUE_ANY:
        return 1;
    case YARA_VALUE_NUMBER:
        return quantifier->number > 0 ? (uint64_t)quantifier->number : 0;
    case YARA_VALUE_PERCENT:
        return quantifier->number > 0 && quantifier->number <= 100
                   ? MAX_OF(len * (uint64_t)quantifier->number / 100, 1)
                   : 0;
    default:
        return 0;
    }
}

static struct yara_need set_need(struct condition *cond, const struct condition_set *set,
                                 const struct yara_value *quantifier, const struct yara_need *body)
{
    struct yara_list list;

    yara_list_init(&list);
    for (size_t i = 0; i < set->items.len && !cond->lost; i++) {
        const uint32_t item = *(const uint32_t *)vec_at(&set->items, i);

        if (set->rules) {
            yara_list_add(cond->file, &list, yara_file_rule(cond->file, item)->need);
        } else if (body != NULL) {
            yara_list_add(cond->file, &list, yara_need_fill(cond->file, *body, item));
        } else {
            yara_list_add(cond->file, &list, yara_need_string(cond->file, item, YARA_ANYWHERE));
        }
    }
    return yara_list_close(cond->file, &list, quantifier_least(quantifier, set->items.len));
}

/* `... of them`, behind the quantifier; the `of` is at hand. */
static struct yara_value condition_parse_of(struct condition *cond,
                                            const struct yara_value *quantifier)
{
    struct condition_set set;

    condition_expect(cond, "of");
    condition_parse_set(cond, &set);
    const struct yara_need need = set_need(cond, &set, quantifier, NULL);

    vec_free(&set.items);
    if (condition_take(cond, "in")) {
        (void)condition_parse_range(cond);
    }
    return yara_value_truth(need);
}

/* ---- Loops ---- */

static struct yara_value condition_parse_quantifier(struct condition *cond)
{
    if (condition_take(cond, "all")) {
        return (struct yara_value){.kind = YARA_VALUE_ALL, .need = yara_need_anything()};
    }
    if (condition_take(cond, "any")) {
        return (struct yara_value){.kind = YARA_VALUE_ANY, .need = yara_need_anything()};
    }
    if (condition_take(cond, "none")) {
        return (struct yara_value){.kind = YARA_VALUE_NONE, .need = yara_need_anything()};
    }
    return condition_parse_sum(cond, 0);
}

static struct yara_need condition_parse_loop_body(struct condition *cond)
{
    condition_expect(cond, ":");
    condition_expect(cond, "(");
    const struct yara_value body = condition_parse_or(cond);

    condition_expect(cond, ")");
    return yara_value_true(&body);
}

static struct yara_value condition_parse_for_of(struct condition *cond,
                                                const struct yara_value *quantifier)
{
    struct condition_set set;
    struct yara_need need = yara_need_anything();

    condition_expect(cond, "of");
    condition_parse_set(cond, &set);
    const struct yara_need body = condition_parse_loop_body(cond);

    if (!set.rules && set.items.len <= CONDITION_FILL_MAX) {
        need = set_need(cond, &set, quantifier, &body);
    }
    vec_free(&set.items);
    return yara_value_truth(need);
}

/* Reads `a.b[i].c(x)` on; `path` becomes "a.b[].c()", or "" when it is too long to matter. */
static void condition_parse_path(struct condition *cond, char path[CONDITION_PATH_CAP])
{
    struct text text = text_over(path, CONDITION_PATH_CAP - 1);

    text.len = strlen(path);
    for (;;) {
        if (condition_take(cond, ".")) {
            TEXT_PUT(&text, ".");
            text_put_slice(&text, condition_peek(cond, 0)->text);
            cond->at += condition_peek(cond, 0)->kind != YARA_TOKEN_END;
        } else if (condition_take(cond, "[")) {
            (void)condition_parse_or(cond);
            condition_expect(cond, "]");
            TEXT_PUT(&text, "[]");
        } else if (condition_take(cond, "(")) {
            while (!condition_is(cond, ")") && !cond->lost) {
                (void)condition_parse_or(cond);
                (void)condition_take(cond, ",");
            }
            condition_expect(cond, ")");
            TEXT_PUT(&text, "()");
        } else {
            break;
        }
    }
    path[text.overflowed ? 0 : text.len] = '\0';
}

static const struct condition_var *condition_find_var(const struct condition *cond,
                                                      struct slice name)
{
    for (unsigned i = cond->vars_len; i > 0; i--) {
        if (slice_equal(cond->vars[i - 1].name, name)) {
            return &cond->vars[i - 1];
        }
    }
    return NULL;
}

static void condition_start_path(const struct condition *cond, struct slice name,
                                 char path[CONDITION_PATH_CAP])
{
    const struct condition_var *var = condition_find_var(cond, name);
    struct text text = text_over(path, CONDITION_PATH_CAP - 1);

    if (var != NULL) {
        text_put_str(&text, var->path);
    } else {
        text_put_slice(&text, name);
    }
    path[text.len] = '\0';
}

/* What a loop runs over: a range, a list, or something of a module, whose path is written. */
static void condition_parse_iterator(struct condition *cond, char path[CONDITION_PATH_CAP])
{
    path[0] = '\0';
    if (condition_peek(cond, 0)->kind == YARA_TOKEN_WORD) {
        condition_start_path(cond, condition_peek(cond, 0)->text, path);
        cond->at++;
        condition_parse_path(cond, path);
        const size_t len = strlen(path);

        if (len > 0 && len < CONDITION_PATH_CAP - 3) {
            memcpy(path + len, "[]", 3);
        }
        return;
    }
    condition_expect(cond, "(");
    do {
        (void)condition_parse_sum(cond, 0);
    } while (condition_take(cond, ",") || condition_take(cond, ".."));
    condition_expect(cond, ")");
}

static struct yara_value condition_parse_for_in(struct condition *cond,
                                                const struct yara_value *quantifier)
{
    const unsigned vars_len = cond->vars_len;
    struct slice names[4];
    unsigned names_len = 0;
    char path[CONDITION_PATH_CAP];

    do {
        if (names_len == ARRAY_LEN(names) || condition_peek(cond, 0)->kind != YARA_TOKEN_WORD) {
            cond->lost = true;
            return yara_value_plain();
        }
        names[names_len++] = condition_peek(cond, 0)->text;
        cond->at++;
    } while (condition_take(cond, ","));
    condition_expect(cond, "in");
    condition_parse_iterator(cond, path);
    for (unsigned i = 0; i < names_len && cond->vars_len < CONDITION_VARS_MAX; i++) {
        struct condition_var *var = &cond->vars[cond->vars_len++];

        var->name = names[i];
        memcpy(var->path, names_len == 1 ? path : "", names_len == 1 ? sizeof(path) : 1);
    }
    const struct yara_need body = condition_parse_loop_body(cond);

    cond->vars_len = vars_len;
    /* Of an empty range "all" and every percentage may well be true. */
    const bool once = quantifier->kind == YARA_VALUE_ANY || quantifier->kind == YARA_VALUE_NUMBER;

    return yara_value_truth(once && quantifier_least(quantifier, 1) > 0 ? body
                                                                        : yara_need_anything());
}

static struct yara_value condition_parse_for(struct condition *cond)
{
    const struct yara_value quantifier = condition_parse_quantifier(cond);

    return condition_is(cond, "of") ? condition_parse_for_of(cond, &quantifier)
                                    : condition_parse_for_in(cond, &quantifier);
}

/* ---- Names ---- */

/* The content of the object identifier of PKCS #7 signed data, without which there are no
 * signatures. */
#define OID_SIGNED_DATA "2a864886f70d010702"

static bool path_is_field(const char *path, const char *module)
{
    const size_t len = strlen(module);

    /* Constants have capital letters and are always defined. */
    return strncmp(path, module, len) == 0 && path[len] >= 'a' && path[len] <= 'z';
}

static struct yara_value path_value(struct condition *cond, const char *path)
{
    static const char signatures[] = "pe.signatures[]";
    struct yara_value value = yara_value_plain();

    if (path_is_field(path, "pe.")) {
        value.need = yara_need_magic(0xffff, 0x5a4d);
        value.kind = strcmp(path, "pe.is_pe") == 0 ? YARA_VALUE_TRUTH : YARA_VALUE_PLAIN;
    } else if (path_is_field(path, "elf.")) {
        value.need = yara_need_magic(0xffffffff, 0x464c457f);
    }
    if (strncmp(path, signatures, sizeof(signatures) - 1) == 0) {
        const struct yara_need oid = yara_need_bytes(cond->file, SLICE_OF(OID_SIGNED_DATA), true);

        value.need = yara_need_both(cond->file, value.need, oid);
        value.kind =
            strcmp(path, "pe.signatures[].serial") == 0 ? YARA_VALUE_SERIAL : YARA_VALUE_PLAIN;
    }
    return value;
}

/* `uint16(`: the width, or 0. */
static unsigned read_parse_name(struct slice name, bool *out_big_endian)
{
    static const struct {
        const char *name;
        uint8_t len;
    } reads[] = {{"int8", 1}, {"int16", 2}, {"int32", 4}};
    const size_t skip = name.len > 0 && name.ptr[0] == 'u';
    struct slice rest = slice_skip(name, skip);

    *out_big_endian = rest.len > 2 && memcmp(rest.ptr + rest.len - 2, "be", 2) == 0;
    rest.len -= *out_big_endian ? 2 : 0;
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        if (slice_equal(rest, slice_from_str(reads[i].name))) {
            return reads[i].len;
        }
    }
    return 0;
}

static struct yara_value condition_parse_read(struct condition *cond, unsigned len, bool big_endian)
{
    condition_expect(cond, "(");
    const struct yara_value offset = condition_parse_sum(cond, 0);

    condition_expect(cond, ")");
    if (offset.kind != YARA_VALUE_NUMBER || offset.number < 0) {
        return yara_value_needing(yara_value_defined(&offset));
    }
    return (struct yara_value){.kind = YARA_VALUE_READ,
                               .read_len = (uint8_t)len,
                               .big_endian = big_endian,
                               .number = MIN_OF(offset.number, 4),
                               .need = yara_need_anything()};
}

static struct yara_value condition_parse_name(struct condition *cond, struct slice name)
{
    char path[CONDITION_PATH_CAP];
    bool big_endian;
    const unsigned read_len = read_parse_name(name, &big_endian);
    const uint32_t rule = yara_file_find_rule(cond->file, name, cond->rule);

    if (read_len > 0) {
        return condition_parse_read(cond, read_len, big_endian);
    }
    if (rule != YARA_NONE && condition_find_var(cond, name) == NULL && !condition_is(cond, ".")) {
        return yara_value_truth(yara_file_rule(cond->file, rule)->need);
    }
    condition_start_path(cond, name, path);
    condition_parse_path(cond, path);
    return path_value(cond, path);
}

static struct yara_value condition_parse_word(struct condition *cond, struct slice word)
{
    if (slice_equal(word, SLICE_OF("true"))) {
        return yara_value_truth(yara_need_anything());
    }
    if (slice_equal(word, SLICE_OF("false"))) {
        return yara_value_truth(yara_need_never());
    }
    if (slice_equal(word, SLICE_OF("filesize"))) {
        struct yara_value value = yara_value_plain();

        value.kind = YARA_VALUE_FILESIZE;
        return value;
    }
    if (slice_equal(word, SLICE_OF("for"))) {
        return condition_parse_for(cond);
    }
    return condition_parse_name(cond, word);
}

/* ---- Expressions ---- */

static struct yara_value condition_parse_mark(struct condition *cond, struct slice mark)
{
    if (slice_equal(mark, SLICE_OF("("))) {
        const struct yara_value inner = condition_parse_or(cond);

        condition_expect(cond, ")");
        return inner;
    }
    if (!slice_equal(mark, SLICE_OF("-")) && !slice_equal(mark, SLICE_OF("~"))) {
        cond->lost = true;
        return yara_value_plain();
    }
    const struct yara_value value = condition_parse_sum(cond, UINT8_MAX);

    if (value.kind == YARA_VALUE_NUMBER && value.number > INT64_MIN) {
        return yara_value_number(mark.ptr[0] == '-' ? -value.number : ~value.number);
    }
    return yara_value_needing(yara_value_defined(&value));
}

static struct yara_value condition_take_operand(struct condition *cond)
{
    const struct yara_token *token = condition_peek(cond, 0);

    if (condition_is(cond, "all") || condition_is(cond, "any") || condition_is(cond, "none")) {
        return condition_parse_quantifier(cond);
    }
    cond->at += token->kind != YARA_TOKEN_END;
    switch ((enum yara_token_kind)token->kind) {
    case YARA_TOKEN_NUMBER:
        return yara_value_parse(token->text);
    case YARA_TOKEN_TEXT:
        return (struct yara_value){
            .kind = YARA_VALUE_TEXT, .text = token->text, .need = yara_need_anything()};
    case YARA_TOKEN_REGEX:
        return yara_value_plain();
    case YARA_TOKEN_STRING:
        return condition_parse_string(cond, token->text);
    case YARA_TOKEN_COUNT:
        return condition_parse_count(cond, token->text);
    case YARA_TOKEN_OFFSET:
    case YARA_TOKEN_LENGTH:
        return condition_parse_place(cond, token->text);
    case YARA_TOKEN_WORD:
        return condition_parse_word(cond, token->text);
    case YARA_TOKEN_MARK:
        return condition_parse_mark(cond, token->text);
    case YARA_TOKEN_END:
    case YARA_TOKEN_HEX:
    case YARA_TOKEN_BAD:
        break;
    }
    cond->lost = true;
    return yara_value_plain();
}

/* Whatever nests passes here. */
static struct yara_value condition_parse_operand(struct condition *cond)
{
    if (++cond->depth > YARA_CONDITION_DEPTH_MAX) {
        cond->lost = true;
    }
    const struct yara_value value = condition_take_operand(cond);

    cond->depth--;
    return value;
}

/* How tightly an operator binds, 0 for what is none. */
static unsigned operator_level(const struct yara_token *token)
{
    static const char *const levels[][3] = {{"|"},        {"^"},      {"&"},
                                            {"<<", ">>"}, {"+", "-"}, {"*", "\\", "%"}};

    for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
        for (unsigned k = 0; k < 3 && levels[i][k] != NULL; k++) {
            if (yara_token_is(token, levels[i][k])) {
                return i + 1;
            }
        }
    }
    return 0;
}

/* Operators that bind more tightly than `level`. */
static struct yara_value condition_parse_sum(struct condition *cond, unsigned level)
{
    struct yara_value left = condition_parse_operand(cond);

    for (;;) {
        const struct yara_token *op = condition_peek(cond, 0);
        const unsigned op_level = operator_level(op);
        int64_t number;

        if (op_level <= level) {
            return left;
        }
        cond->at++;
        if (yara_token_is(op, "%") && condition_is(cond, "of")) {
            left.kind = left.kind == YARA_VALUE_NUMBER ? YARA_VALUE_PERCENT : YARA_VALUE_PLAIN;
            return left;
        }
        const struct yara_value right = condition_parse_sum(cond, op_level);

        if (left.kind == YARA_VALUE_NUMBER && right.kind == YARA_VALUE_NUMBER &&
            op->text.len == 1 &&
            yara_value_calculate((char)op->text.ptr[0], left.number, right.number, &number)) {
            left = yara_value_number(number);
        } else {
            left = yara_value_join(cond->file, &left, &right);
        }
    }
}

static const char *condition_take_comparison(struct condition *cond)
{
    static const char *const ops[] = {"==", "!=", "<=", ">=", "<", ">"};

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (condition_take(cond, ops[i])) {
            return ops[i];
        }
    }
    return NULL;
}

static bool condition_take_text_operator(struct condition *cond)
{
    static const char *const ops[] = {"contains", "icontains", "startswith", "istartswith",
                                      "endswith", "iendswith", "iequals",    "matches"};

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (condition_take(cond, ops[i])) {
            return true;
        }
    }
    return false;
}

static struct yara_value condition_parse_comparison(struct condition *cond)
{
    struct yara_value left = condition_parse_sum(cond, 0);

    if (condition_is(cond, "of")) {
        return condition_parse_of(cond, &left);
    }
    for (;;) {
        const char *op = condition_take_comparison(cond);
        const bool text_op = op == NULL && condition_take_text_operator(cond);

        if (op == NULL && !text_op) {
            return left;
        }
        const struct yara_value right = condition_parse_sum(cond, 0);

        if (text_op) {
            left = yara_value_truth(yara_value_join(cond->file, &left, &right).need);
        } else {
            left = yara_value_compare(cond->file, op, &left, &right);
        }
    }
}

static struct yara_value condition_parse_not(struct condition *cond)
{
    bool negated = false;

    while (condition_take(cond, "not") || condition_take(cond, "defined")) {
        negated = true;
    }
    const struct yara_value value = condition_parse_comparison(cond);

    return negated ? yara_value_truth(yara_need_anything()) : value;
}

static struct yara_value condition_parse_and(struct condition *cond)
{
    struct yara_value value = condition_parse_not(cond);
    struct yara_list list;
    uint64_t len = 1;

    if (!condition_is(cond, "and")) {
        return value;
    }
    yara_list_init(&list);
    yara_list_add(cond->file, &list, yara_value_true(&value));
    for (; condition_take(cond, "and"); len++) {
        value = condition_parse_not(cond);
        yara_list_add(cond->file, &list, yara_value_true(&value));
    }
    return yara_value_truth(yara_list_close(cond->file, &list, len));
}

static struct yara_value condition_parse_or(struct condition *cond)
{
    struct yara_value value = condition_parse_and(cond);
    struct yara_list list;

    if (!condition_is(cond, "or")) {
        return value;
    }
    yara_list_init(&list);
    yara_list_add(cond->file, &list, yara_value_true(&value));
    while (condition_take(cond, "or")) {
        value = condition_parse_and(cond);
        yara_list_add(cond->file, &list, yara_value_true(&value));
    }
    return yara_value_truth(yara_list_close(cond->file, &list, 1));
}

struct yara_need yara_condition_read(struct yara_file *file, uint32_t index)
{
    const struct yara_rule *rule = yara_file_rule(file, index);
    struct condition cond = {
        .file = file, .rule = index, .at = rule->condition_first, .end = rule->condition_end};

    ASSERT(rule->state == YARA_RULE_READ);
    const struct yara_value value = condition_parse_or(&cond);

    if (cond.lost || cond.at != cond.end) {
        return yara_need_anything();
    }
    return yara_value_true(&value);
}
