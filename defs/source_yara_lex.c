/* SPDX-License-Identifier: MIT */
#include "defs/source_yara_lex.h"

#include "base/assert.h"
#include "match/vec.h"

struct lex {
    struct slice text;
    size_t at;
    unsigned line;
    bool after_equals; /* A `{` begins a hexadecimal string. */
};

static char lex_peek(const struct lex *lex, size_t ahead)
{
    return ahead < lex->text.len - lex->at ? (char)lex->text.ptr[lex->at + ahead] : '\0';
}

static bool lex_is_end(const struct lex *lex)
{
    return lex->at == lex->text.len;
}

static void lex_skip(struct lex *lex, size_t n)
{
    for (; n > 0 && !lex_is_end(lex); n--) {
        lex->line += lex->text.ptr[lex->at] == '\n';
        lex->at++;
    }
}

static bool lex_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool lex_is_word(char c)
{
    return lex_is_digit(c) || c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* A comment at hand is passed over. */
static bool lex_skip_comment(struct lex *lex)
{
    if (lex_peek(lex, 0) != '/') {
        return false;
    }
    if (lex_peek(lex, 1) == '/') {
        while (!lex_is_end(lex) && lex_peek(lex, 0) != '\n') {
            lex_skip(lex, 1);
        }
        return true;
    }
    if (lex_peek(lex, 1) != '*') {
        return false;
    }
    lex_skip(lex, 2);
    while (!lex_is_end(lex) && !(lex_peek(lex, 0) == '*' && lex_peek(lex, 1) == '/')) {
        lex_skip(lex, 1);
    }
    lex_skip(lex, 2);
    return true;
}

static void lex_skip_blanks(struct lex *lex)
{
    while (!lex_is_end(lex)) {
        const char c = lex_peek(lex, 0);

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            lex_skip(lex, 1);
        } else if (!lex_skip_comment(lex)) {
            return;
        }
    }
}

static void lex_skip_words(struct lex *lex)
{
    while (!lex_is_end(lex) && lex_is_word(lex_peek(lex, 0))) {
        lex->at++;
    }
}

/* To the `end` that no backslash precedes; false at the end of the line. */
static bool lex_skip_quoted(struct lex *lex, char end)
{
    for (; !lex_is_end(lex) && lex_peek(lex, 0) != '\n'; lex->at++) {
        if (lex_peek(lex, 0) == end) {
            return true;
        }
        if (lex_peek(lex, 0) == '\\' && lex_peek(lex, 1) != '\n' && lex_peek(lex, 1) != '\0') {
            lex->at++;
        }
    }
    return false;
}

static bool lex_skip_hex(struct lex *lex)
{
    while (!lex_is_end(lex)) {
        if (lex_peek(lex, 0) == '}') {
            return true;
        }
        if (!lex_skip_comment(lex)) {
            lex_skip(lex, 1);
        }
    }
    return false;
}

static struct slice lex_since(const struct lex *lex, size_t from)
{
    return slice_from(lex->text.ptr + from, lex->at - from);
}

/* What stands between two delimiters of one byte, the first of which is at hand. */
static void lex_take_quoted(struct lex *lex, struct yara_token *token, enum yara_token_kind kind)
{
    const char end = kind == YARA_TOKEN_TEXT ? '"' : '/';

    lex->at++;
    const size_t from = lex->at;
    const bool whole = kind == YARA_TOKEN_HEX ? lex_skip_hex(lex) : lex_skip_quoted(lex, end);

    token->text = lex_since(lex, from);
    token->kind = (uint8_t)(whole ? kind : YARA_TOKEN_BAD);
    if (!whole) {
        return;
    }
    lex->at++;
    while (kind == YARA_TOKEN_REGEX && (lex_peek(lex, 0) == 'i' || lex_peek(lex, 0) == 's')) {
        token->nocase |= lex_peek(lex, 0) == 'i';
        lex->at++;
    }
}

static void lex_take_number(struct lex *lex, struct yara_token *token)
{
    const size_t from = lex->at;

    lex_skip_words(lex);
    if (lex_peek(lex, 0) == '.' && lex_is_digit(lex_peek(lex, 1))) {
        lex->at++;
        lex_skip_words(lex);
    }
    token->kind = YARA_TOKEN_NUMBER;
    token->text = lex_since(lex, from);
}

static void lex_take_mark(struct lex *lex, struct yara_token *token)
{
    static const char *const pairs[] = {"==", "!=", "<=", ">=", "<<", ">>", ".."};
    const size_t from = lex->at;

    lex->at++;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if ((char)lex->text.ptr[from] == pairs[i][0] && lex_peek(lex, 0) == pairs[i][1]) {
            lex->at++;
            break;
        }
    }
    token->kind = YARA_TOKEN_MARK;
    token->text = lex_since(lex, from);
}

/* `$a`, `$a*`, `#a`, `@a`, `!a`. */
static void lex_take_reference(struct lex *lex, struct yara_token *token, enum yara_token_kind kind)
{
    const size_t from = lex->at;

    lex->at++;
    lex_skip_words(lex);
    if (kind == YARA_TOKEN_STRING && lex_peek(lex, 0) == '*') {
        lex->at++;
    }
    token->kind = (uint8_t)kind;
    token->text = lex_since(lex, from);
}

static void lex_take(struct lex *lex, struct yara_token *token)
{
    const char c = lex_peek(lex, 0);
    const size_t from = lex->at;

    if (lex_is_digit(c)) {
        lex_take_number(lex, token);
    } else if (lex_is_word(c)) {
        lex_skip_words(lex);
        token->kind = YARA_TOKEN_WORD;
        token->text = lex_since(lex, from);
    } else if (c == '"') {
        lex_take_quoted(lex, token, YARA_TOKEN_TEXT);
    } else if (c == '/') {
        lex_take_quoted(lex, token, YARA_TOKEN_REGEX);
    } else if (c == '{' && lex->after_equals) {
        lex_take_quoted(lex, token, YARA_TOKEN_HEX);
    } else if (c == '$') {
        lex_take_reference(lex, token, YARA_TOKEN_STRING);
    } else if (c == '#') {
        lex_take_reference(lex, token, YARA_TOKEN_COUNT);
    } else if (c == '@') {
        lex_take_reference(lex, token, YARA_TOKEN_OFFSET);
    } else if (c == '!' && lex_peek(lex, 1) != '=') {
        lex_take_reference(lex, token, YARA_TOKEN_LENGTH);
    } else {
        lex_take_mark(lex, token);
    }
}

static struct yara_token lex_next(struct lex *lex)
{
    lex_skip_blanks(lex);
    struct yara_token token = {.kind = YARA_TOKEN_END, .line = lex->line};
    const size_t before = lex->at;

    if (!lex_is_end(lex)) {
        lex_take(lex, &token);
        ASSERT(lex->at > before);
    }
    lex->after_equals = yara_token_is(&token, "=");
    return token;
}

bool yara_lex(struct slice text, struct vec *out_tokens)
{
    struct lex lex = {.text = text, .line = 1};

    for (;;) {
        const struct yara_token token = lex_next(&lex);

        if (!vec_append(out_tokens, &token, 1)) {
            return false;
        }
        if (token.kind == YARA_TOKEN_END) {
            return true;
        }
    }
}
