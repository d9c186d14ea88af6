#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * source_yara_file - the rules of a file: where they stand, their strings, their needs.
 *
 * Role: cuts the text into rules and these into strings and condition, for the files that derive
 * needs (source_yara_condition.c, source_yara_string.c) and have libyara compile
 * (source_yara_compile.c). A rule that does not read as one is kept as a piece of text, for libyara
 * to say what is wrong. Private to the source_yara*.c files. Memory: vectors, freed by
 * yara_file_free; slices point into the text.
 */
#include "defs/source_yara_lex.h"
#include "match/intern.h"
#include "match/vec.h"

#define YARA_NONE UINT32_MAX

/* What the first bytes and the size of a body must be; zeros and UINT64_MAX: whatever they are. */
struct yara_gate {
    uint32_t magic_mask;
    uint32_t magic_value;
    uint64_t size_max;
};

/* What must hold of a body when something is true of it. */
struct yara_need {
    uint32_t node; /* See source_yara_need.h. */
    struct yara_gate gate;
};

enum yara_string_flags {
    YARA_STRING_NOCASE = 1,
    YARA_STRING_WIDE = 2,
    YARA_STRING_ASCII = 4,
    YARA_STRING_XOR = 8,
    YARA_STRING_BASE64 = 16,
    YARA_STRING_BASE64_WIDE = 32,
};

struct yara_string {
    struct slice name;    /* With `$`; "$" when it has none. */
    struct slice content; /* As it stands between the delimiters. */
    struct slice alphabet;
    uint8_t kind; /* enum yara_token_kind: TEXT, HEX or REGEX. */
    uint8_t flags;
    uint8_t xor_min;
    uint8_t xor_max;
};

enum yara_rule_state {
    YARA_RULE_READ,   /* Strings and condition are known. */
    YARA_RULE_ODD,    /* It does not read as a rule: libyara decides, and nothing is derived. */
    YARA_RULE_BROKEN, /* libyara refused it, or it may not be used. */
};

struct yara_rule {
    struct slice name;  /* Empty when there is none. */
    struct slice text;  /* From its first modifier to its last brace. */
    unsigned line;      /* Where `text` begins ... */
    unsigned name_line; /* ... and where its name stands. */
    uint8_t state;
    bool is_private;
    bool is_global;
    uint32_t token_first; /* Of the whole rule ... */
    uint32_t token_end;
    uint32_t condition_first; /* ... and of its condition. */
    uint32_t condition_end;
    uint32_t string_first;
    uint32_t string_len;
    struct yara_need need;
};

/* `import` and `include`. */
struct yara_import {
    struct slice name;
    unsigned line;
    bool include;
};

struct yara_file {
    struct vec tokens;  /* struct yara_token */
    struct vec rules;   /* struct yara_rule */
    struct vec strings; /* struct yara_string */
    struct vec imports; /* struct yara_import */
    struct vec nodes;   /* struct yara_node */
    struct vec links;   /* struct yara_link */
    struct intern names;
    struct vec name_rules; /* uint32_t: the rule of a name. */
    struct slice text;
};

/* -ENOMEM, or 0. Must be freed whatever it returns. */
MUST_CHECK int yara_file_read(struct yara_file *file, struct slice text);
void yara_file_free(struct yara_file *file);

static inline struct yara_rule *yara_file_rule(const struct yara_file *file, size_t index)
{
    return vec_at(&file->rules, index);
}

static inline const struct yara_token *yara_file_token(const struct yara_file *file, size_t index)
{
    return vec_at(&file->tokens, index);
}

static inline const struct yara_string *yara_file_string(const struct yara_file *file, size_t index)
{
    return vec_at(&file->strings, index);
}

/* The rule of that name before rule `before`, or YARA_NONE. */
uint32_t yara_file_find_rule(const struct yara_file *file, struct slice name, size_t before);
