/* SPDX-License-Identifier: MIT */
#include "defs/source_yara_compile.h"

#include "base/assert.h"
#include "base/err.h"

#include <stdio.h>
#include <yara.h>

static const char *const modules[] = {"console", "elf", "hash", "math", "pe", "time"};

struct module_refusal {
    const char *name;
    const char *why;
};

static const struct module_refusal refusals[] = {
    {"cuckoo", "it needs the report of a sandbox, which no body has"},
    {"magic", "it reads a database of its own for each body"},
    {"dex", "its parser is not safe with hostile bytes"},
    {"dotnet", "its parser is not safe with hostile bytes"},
    {"macho", "its parser is not safe with hostile bytes"},
};

struct compile {
    const struct yara_file *file;
    struct yara_compiled *out;
    YR_COMPILER *compiler;
    YR_RULES *rules;
    unsigned line; /* Where the text at hand begins. */
    bool failed;
};

const char *yara_module_refusal(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
        if (slice_equal(name, slice_from_str(modules[i]))) {
            return NULL;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (slice_equal(name, slice_from_str(refusals[i].name))) {
            return refusals[i].why;
        }
    }
    return "there is no such module";
}

static void compile_on_message(int level, const char *file_name, int line, const YR_RULE *rule,
                               const char *message, void *ctx)
{
    struct compile *compile = ctx;

    (void)file_name;
    (void)rule;
    /* What follows the first error is often only its consequence. */
    if (level != YARA_ERROR_LEVEL_ERROR || compile->failed) {
        return;
    }
    compile->failed = true;
    compile->out->line = compile->line + (unsigned)MAX_OF(line, 1) - 1;
    snprintf(compile->out->error, sizeof(compile->out->error), "%s", message);
}

static int compile_fold(int r)
{
    ASSERT(r != ERROR_SUCCESS);
    return ERR_NEW(r == ERROR_INSUFFICIENT_MEMORY ? -ENOMEM : -EINVAL);
}

/* ---- Imports ---- */

static bool rule_uses(const struct yara_file *file, const struct yara_rule *rule,
                      const char *module)
{
    for (uint32_t i = rule->token_first; i + 1 < rule->token_end; i++) {
        if (yara_token_is(yara_file_token(file, i), module) &&
            yara_token_is(yara_file_token(file, i + 1), ".")) {
            return true;
        }
        /* `for x in pe.sections` and the like are covered; a module alone is no value. */
    }
    return false;
}

static bool file_imports(const struct yara_file *file, const char *module)
{
    for (size_t i = 0; i < file->imports.len; i++) {
        const struct yara_import *import = vec_at(&file->imports, i);

        if (!import->include && slice_equal(import->name, slice_from_str(module))) {
            return true;
        }
    }
    return false;
}

static int compile_add(struct compile *compile, struct slice text, unsigned line)
{
    char *copy = strndup((const char *)text.ptr, text.len);

    if (copy == NULL) {
        return ERR_NEW(-ENOMEM);
    }
    compile->line = line;
    const int errors = yr_compiler_add_string(compile->compiler, copy, NULL);

    free(copy);
    if (errors > 0 && !compile->failed) {
        compile->failed = true;
        compile->out->line = line;
        yr_compiler_get_error_message(compile->compiler, compile->out->error,
                                      sizeof(compile->out->error));
    }
    return errors > 0 ? YARA_COMPILE_REFUSED : YARA_COMPILE_OK;
}

/* A module costs time for each body, so only those that are used are imported. */
static int compile_add_imports(struct compile *compile, const uint32_t *rules, size_t rules_len)
{
    for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
        bool used = false;
        char text[32];

        for (size_t k = 0; k < rules_len && !used; k++) {
            used = rule_uses(compile->file, yara_file_rule(compile->file, rules[k]), modules[i]);
        }
        if (!used || !file_imports(compile->file, modules[i])) {
            continue;
        }
        const int len = snprintf(text, sizeof(text), "import \"%s\"\n", modules[i]);
        const int r = compile_add(compile, slice_from(text, (size_t)len), 1);

        if (r != YARA_COMPILE_OK) {
            return r;
        }
    }
    return YARA_COMPILE_OK;
}

/* ---- Rules ---- */

static int compile_add_rules(struct compile *compile, const uint32_t *rules, size_t rules_len)
{
    for (size_t i = 0; i < rules_len; i++) {
        const struct yara_rule *rule = yara_file_rule(compile->file, rules[i]);

        compile->out->rule = rules[i];
        const int r = compile_add(compile, rule->text, rule->line);

        if (r != YARA_COMPILE_OK) {
            return r;
        }
    }
    return YARA_COMPILE_OK;
}

static size_t compile_on_bytes(const void *bytes, size_t size, size_t count, void *ctx)
{
    struct compile *compile = ctx;

    return vec_append(&compile->out->bytes, bytes, size * count) ? count : 0;
}

static int compile_save(struct compile *compile)
{
    YR_STREAM stream = {.user_data = compile, .write = compile_on_bytes};
    int r = yr_compiler_get_rules(compile->compiler, &compile->rules);

    if (r == ERROR_SUCCESS) {
        r = yr_rules_save_stream(compile->rules, &stream);
    }
    return r == ERROR_SUCCESS ? 0 : compile_fold(r);
}

static int compile_run(struct compile *compile, const uint32_t *rules, size_t rules_len)
{
    int r = yr_compiler_create(&compile->compiler);

    if (r != ERROR_SUCCESS) {
        return compile_fold(r);
    }
    yr_compiler_set_callback(compile->compiler, compile_on_message, compile);
    yr_compiler_set_include_callback(compile->compiler, NULL, NULL, NULL);
    r = compile_add_imports(compile, rules, rules_len);
    if (r == YARA_COMPILE_OK) {
        r = compile_add_rules(compile, rules, rules_len);
    }
    return r == YARA_COMPILE_OK ? compile_save(compile) : r;
}

int yara_compile(struct yara_compiled *out, const struct yara_file *file, const uint32_t *rules,
                 size_t rules_len)
{
    struct compile compile = {.file = file, .out = out};

    ASSERT(rules_len > 0);
    *out = (struct yara_compiled){.bytes = VEC_OF(uint8_t), .rule = rules[0]};
    const int r = compile_run(&compile, rules, rules_len);

    if (compile.rules != NULL) {
        yr_rules_destroy(compile.rules);
    }
    if (compile.compiler != NULL) {
        yr_compiler_destroy(compile.compiler);
    }
    return r;
}
