#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * source_yara_lex - the tokens of a file of YARA rules.
 *
 * Role: takes the text apart without judging it: libyara has the last word on what is legal, so
 * whatever is unknown here becomes a token of its own and reading goes on. Private to the
 * source_yara*.c files. Memory: a vector; tokens point into the text.
 */
#include "base/slice.h"

struct vec;

enum yara_token_kind {
    YARA_TOKEN_END, /* Always last. */
    YARA_TOKEN_WORD,
    YARA_TOKEN_NUMBER, /* Whatever begins with a digit: "10KB", "0x4d", "1.5". */
    YARA_TOKEN_TEXT,   /* Between quotes, escapes as they stand. */
    YARA_TOKEN_REGEX,  /* Between slashes. */
    YARA_TOKEN_HEX,    /* Between the braces of a hexadecimal string. */
    YARA_TOKEN_STRING, /* "$name", "$name*", "$" */
    YARA_TOKEN_COUNT,  /* "#name" */
    YARA_TOKEN_OFFSET, /* "@name" */
    YARA_TOKEN_LENGTH, /* "!name" */
    YARA_TOKEN_MARK,   /* One operator or bracket. */
    YARA_TOKEN_BAD,    /* A string or an expression without end. */
};

struct yara_token {
    struct slice text;
    unsigned line;
    uint8_t kind;
    bool nocase; /* A regular expression with the flag `i`. */
};

/* Appends all tokens of `text` (struct yara_token) and YARA_TOKEN_END; false without memory. */
MUST_CHECK bool yara_lex(struct slice text, struct vec *out_tokens);

static inline bool yara_token_is(const struct yara_token *token, const char *text)
{
    return (token->kind == YARA_TOKEN_WORD || token->kind == YARA_TOKEN_MARK) &&
           slice_equal(token->text, slice_from_str(text));
}
