/* SPDX-License-Identifier: MIT */
#include "defs/source_yara.h"

#include "base/assert.h"
#include "base/err.h"
#include "defs/ignore.h"
#include "defs/source_field.h"
#include "defs/source_yara_compile.h"
#include "defs/source_yara_condition.h"
#include "defs/source_yara_string.h"
#include "match/build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yara.h>

/*
 * Rules of a file that are compiled together. libyara looks for the strings of all of them at once
 * at hardly the cost of one, and needs a third of the memory that they would take alone; but a slow
 * rule holds up its neighbours, and what is loaded is loaded as a whole.
 */
#define GROUP_RULES_MAX 128

struct outcome {
    uint8_t status; /* enum source_status */
    bool known;
    unsigned line;
    char reason[SOURCE_REASON_CAP];
};

struct take {
    const struct source *source;
    struct yara_file file;
    struct yara_need global;  /* Of all global rules together. */
    struct outcome *outcomes; /* One for each rule. */
    uint32_t *group;          /* Rules to compile together, in the order of the file. */
    bool *in_group;
    size_t group_len;
    uint8_t *block;
    struct arena arena;
    source_yara_rule_fn on_rule;
    void *ctx;
};

static struct yara_rule *take_rule(const struct take *take, size_t index)
{
    return yara_file_rule(&take->file, index);
}

PRINTF_LIKE(5, 6)
static void take_settle(struct take *take, size_t index, enum source_status status, unsigned line,
                        const char *format, ...)
{
    struct outcome *outcome = &take->outcomes[index];
    va_list args;

    if (outcome->known) {
        return;
    }
    outcome->known = true;
    outcome->status = (uint8_t)status;
    outcome->line = line;
    va_start(args, format);
    (void)vsnprintf(outcome->reason, sizeof(outcome->reason), format, args);
    va_end(args);
    for (char *c = outcome->reason; *c != '\0'; c++) {
        *c = *c < 0x20 || *c > 0x7e ? '?' : *c;
    }
}

/* "rule name" for reasons; names are as long as libyara allows. */
#define RULE_FORMAT     "rule %.*s"
#define RULE_NAME(rule) (int)MIN_OF((rule)->name.len, (size_t)128), (const char *)(rule)->name.ptr

static void take_break(struct take *take, size_t index, unsigned line, const char *why)
{
    struct yara_rule *rule = take_rule(take, index);

    rule->state = YARA_RULE_BROKEN;
    take_settle(take, index, SOURCE_UNUSABLE, line, RULE_FORMAT ": %s", RULE_NAME(rule), why);
}

/* ---- What rules refer to ---- */

typedef void (*refer_fn)(struct take *take, uint32_t rule, uint32_t other);

/* Calls `on_other` for each earlier rule that rule `index` names, alone or with a star. */
static void take_find_referred(struct take *take, uint32_t index, refer_fn on_other)
{
    const struct yara_rule *rule = take_rule(take, index);
    const bool odd = rule->state != YARA_RULE_READ;
    const uint32_t end = odd ? rule->token_end : rule->condition_end;

    for (uint32_t i = odd ? rule->token_first : rule->condition_first; i < end; i++) {
        const struct yara_token *token = yara_file_token(&take->file, i);

        if (token->kind != YARA_TOKEN_WORD) {
            continue;
        }
        const uint32_t other = yara_file_find_rule(&take->file, token->text, index);

        if (other != YARA_NONE) {
            on_other(take, index, other);
        }
        if (!yara_token_is(token + 1, "*")) {
            continue;
        }
        for (uint32_t k = 0; k < index; k++) {
            struct slice name = take_rule(take, k)->name;

            name.len = MIN_OF(name.len, token->text.len);
            if (slice_equal(name, token->text)) {
                on_other(take, index, k);
            }
        }
    }
}

static void take_break_dependent(struct take *take, uint32_t index, uint32_t other)
{
    const struct yara_rule *rule = take_rule(take, other);

    if (rule->state == YARA_RULE_BROKEN && take_rule(take, index)->state != YARA_RULE_BROKEN) {
        char why[SOURCE_REASON_CAP];

        (void)snprintf(why, sizeof(why), "it refers to %.*s, which cannot be used",
                       RULE_NAME(rule));
        take_break(take, index, take_rule(take, index)->name_line, why);
    }
}

/* What a broken rule takes with it. */
static void take_spread_broken(struct take *take)
{
    const uint32_t len = (uint32_t)take->file.rules.len;

    for (uint32_t i = 0; i < len; i++) {
        take_find_referred(take, i, take_break_dependent);
    }
    for (uint32_t i = 0; i < len; i++) {
        const struct yara_rule *global = take_rule(take, i);

        if (!global->is_global || global->state != YARA_RULE_BROKEN) {
            continue;
        }
        for (uint32_t k = 0; k < len; k++) {
            take_break(take, k, take_rule(take, k)->name_line,
                       "a global rule of its file cannot be used");
        }
    }
}

/* ---- Groups ---- */

static void take_mark(struct take *take, uint32_t rule, uint32_t other)
{
    (void)rule;
    take->in_group[other] = true;
}

/* Rules [first, end) with all that they need, as far as they are not broken. */
static void take_gather(struct take *take, uint32_t first, uint32_t end)
{
    const uint32_t len = (uint32_t)take->file.rules.len;

    for (uint32_t i = 0; i < len; i++) {
        const struct yara_rule *rule = take_rule(take, i);

        take->in_group[i] =
            rule->state != YARA_RULE_BROKEN && ((i >= first && i < end) || rule->is_global);
    }
    for (uint32_t i = len; i > 0; i--) {
        if (take->in_group[i - 1]) {
            take_find_referred(take, i - 1, take_mark);
        }
    }
    take->group_len = 0;
    for (uint32_t i = 0; i < len; i++) {
        if (take->in_group[i]) {
            take->group[take->group_len++] = i;
        }
    }
}

/* Compiles what works of rules [first, end); 1 with the bytes, 0 when nothing does, or an errno. */
static int take_compile(struct take *take, uint32_t first, uint32_t end, struct yara_compiled *out)
{
    for (;;) {
        take_gather(take, first, end);
        if (take->group_len == 0) {
            return 0;
        }
        const int r = yara_compile(out, &take->file, take->group, take->group_len);

        if (r == YARA_COMPILE_OK) {
            return 1;
        }
        vec_free(&out->bytes);
        if (r < 0) {
            return ERR_PASS(r);
        }
        take_break(take, out->rule, out->line, out->error);
        take_spread_broken(take);
    }
}

/* ---- Rules ---- */

static int take_add(struct take *take, const struct yara_rule *rule, uint32_t ruleset,
                    const struct yara_need *need, enum yara_detail detail)
{
    struct yara_parts parts;

    yara_parts_write(&parts, &take->arena, &take->file, need->node, detail);
    return match_builder_add_rule(take->source->builder,
                                  &(struct match_rule){.name = rule->name,
                                                       .ruleset = ruleset,
                                                       .parts = parts.parts,
                                                       .parts_len = parts.parts_len,
                                                       .needs = parts.needs,
                                                       .needs_len = parts.needs_len,
                                                       .magic_mask = need->gate.magic_mask,
                                                       .magic_value = need->gate.magic_value,
                                                       .size_max = need->gate.size_max});
}

/* With all detail if the builder takes it, else with less. */
static int take_add_rule(struct take *take, uint32_t index, uint32_t ruleset, struct yara_need need)
{
    const struct yara_rule *rule = take_rule(take, index);
    int r = take_add(take, rule, ruleset, &need, YARA_DETAIL_FULL);

    if (r > 0 && r != MATCH_BUILD_SLOW) {
        r = take_add(take, rule, ruleset, &need, YARA_DETAIL_LITERAL);
    }
    if (r > 0 && r != MATCH_BUILD_SLOW) {
        need.node = YARA_NODE_ANYTHING;
        r = take_add(take, rule, ruleset, &need, YARA_DETAIL_LITERAL);
    }
    if (r < 0) {
        return ERR_PASS(r);
    }
    const char *error = match_builder_error(take->source->builder);

    if (r == MATCH_BUILD_OK) {
        take_settle(take, index, SOURCE_USED, rule->name_line, "%s", "");
    } else if (r == MATCH_BUILD_SLOW) {
        take_settle(take, index, SOURCE_SLOW, rule->name_line, RULE_FORMAT ": %s", RULE_NAME(rule),
                    error);
    } else {
        take_settle(take, index, SOURCE_UNUSABLE, rule->name_line, RULE_FORMAT ": %s",
                    RULE_NAME(rule), error);
    }
    return 0;
}

/* Settles what needs no ruleset; true when the rule is for the builder. */
static bool take_is_wanted(struct take *take, uint32_t index, struct yara_need *out_need)
{
    const struct yara_rule *rule = take_rule(take, index);
    const struct ignore *ignore = take->source->ignore;

    if (rule->state == YARA_RULE_BROKEN) {
        return false;
    }
    *out_need = yara_need_both(&take->file, take->global, rule->need);
    if (rule->is_private) {
        take_settle(take, index, SOURCE_USED, rule->name_line, "%s", "");
        return false;
    }
    if (ignore != NULL && ignore_has_name(ignore, rule->name)) {
        take_settle(take, index, SOURCE_SKIPPED, rule->name_line, RULE_FORMAT ": ignored",
                    RULE_NAME(rule));
        return false;
    }
    if (out_need->node == YARA_NODE_NEVER) {
        take_settle(take, index, SOURCE_UNUSABLE, rule->name_line,
                    RULE_FORMAT ": its condition can never be true", RULE_NAME(rule));
        return false;
    }
    return true;
}

static int take_build(struct take *take, uint32_t first, uint32_t end, struct slice bytes)
{
    uint32_t ruleset = YARA_NONE;
    int r = 0;

    for (uint32_t i = first; i < end && r == 0; i++) {
        struct yara_need need;

        if (!take_is_wanted(take, i, &need)) {
            continue;
        }
        if (ruleset == YARA_NONE) {
            r = match_builder_add_ruleset(take->source->builder, bytes, &ruleset);
        }
        if (r == 0) {
            r = take_add_rule(take, i, ruleset, need);
        }
    }
    return r;
}

static int take_group(struct take *take, uint32_t first, uint32_t end)
{
    struct yara_compiled compiled;
    int r = take_compile(take, first, end, &compiled);

    if (r > 0) {
        r = take_build(take, first, end, slice_from(compiled.bytes.ptr, compiled.bytes.len));
        vec_free(&compiled.bytes);
    }
    return r;
}

/* ---- The file ---- */

static void take_check_imports(struct take *take)
{
    for (size_t i = 0; i < take->file.imports.len; i++) {
        const struct yara_import *import = vec_at(&take->file.imports, i);
        const char *why = import->include ? NULL : yara_module_refusal(import->name);
        char reason[SOURCE_REASON_CAP];

        if (!import->include && why == NULL) {
            continue;
        }
        if (import->include) {
            (void)snprintf(reason, sizeof(reason), "include is not supported: put the rules here");
        } else {
            (void)snprintf(reason, sizeof(reason), "module %.*s is not offered: %s",
                           (int)MIN_OF(import->name.len, (size_t)64),
                           (const char *)import->name.ptr, why);
        }
        take->on_rule(take->ctx, import->line, SOURCE_UNUSABLE, reason);
    }
}

/* Reads the conditions, in order, for they build on each other. */
static void take_read_rules(struct take *take)
{
    const uint32_t len = (uint32_t)take->file.rules.len;

    take->global = yara_need_anything();
    for (uint32_t i = 0; i < len; i++) {
        struct yara_rule *rule = take_rule(take, i);

        if (rule->name.len == 0) {
            take_settle(take, i, SOURCE_UNUSABLE, rule->line, "this is no rule");
        } else if (yara_file_find_rule(&take->file, rule->name, len) != i) {
            take_break(take, i, rule->name_line, "an earlier rule of the file has that name");
        } else if (rule->state == YARA_RULE_READ) {
            rule->need = yara_condition_read(&take->file, i);
        }
        if (rule->is_global && rule->state != YARA_RULE_BROKEN) {
            take->global = yara_need_both(&take->file, take->global, rule->need);
        }
    }
    take_spread_broken(take);
}

static int take_rules(struct take *take)
{
    const uint32_t len = (uint32_t)take->file.rules.len;
    int r = 0;

    take_read_rules(take);
    for (uint32_t first = 0; first < len && r == 0; first += GROUP_RULES_MAX) {
        r = take_group(take, first, MIN_OF(first + GROUP_RULES_MAX, len));
    }
    for (uint32_t i = 0; i < len && r == 0; i++) {
        const struct outcome *outcome = &take->outcomes[i];

        ASSERT(outcome->known);
        take->on_rule(take->ctx, outcome->line, outcome->status, outcome->reason);
    }
    return r;
}

static int take_run(struct take *take, struct slice text)
{
    int r = yara_file_read(&take->file, text);
    const size_t len = take->file.rules.len + 1;

    if (r < 0) {
        return ERR_PASS(r);
    }
    take->outcomes = calloc(len, sizeof(*take->outcomes));
    take->group = calloc(len, sizeof(*take->group));
    take->in_group = calloc(len, sizeof(*take->in_group));
    take->block = malloc(YARA_PARTS_ARENA);
    if (!take->outcomes || !take->group || !take->in_group || !take->block) {
        return ERR_NEW(-ENOMEM);
    }
    arena_init(&take->arena, take->block, YARA_PARTS_ARENA);
    take_check_imports(take);
    r = take_rules(take);
    arena_reset(&take->arena);
    return r;
}

int source_yara_take(const struct source *source, struct slice text, source_yara_rule_fn on_rule,
                     void *ctx)
{
    struct take take = {.source = source, .on_rule = on_rule, .ctx = ctx};

    if (slice_find(text, 0) < text.len || text.len > SOURCE_YARA_TEXT_MAX) {
        on_rule(ctx, 0, SOURCE_UNUSABLE,
                text.len > SOURCE_YARA_TEXT_MAX ? "the file is too large"
                                                : "the file holds a NUL byte");
        return 0;
    }
    if (yr_initialize() != 0) {
        return ERR_NEW(-ENOMEM);
    }
    const int r = take_run(&take, text);

    yara_file_free(&take.file);
    free(take.outcomes);
    free(take.group);
    free(take.in_group);
    free(take.block);
    (void)yr_finalize();
    return r;
}
