/* SPDX-License-Identifier: MIT */
#include "match/build_expression.h"

#include "base/assert.h"
#include "base/err.h"
#include "match/build.h"

#include <stdio.h>

/*
 * While it is read, an expression is a tree of cells: `first` of an inner node is its first child's
 * cell, and each cell knows its next sibling. Then the cells are laid out breadth first.
 */
struct cell {
    struct layout_node node;
    uint32_t next; /* PROGRAM_NONE: the last. */
};

/* An operand of the rows that are being read, innermost last. */
struct term {
    uint32_t cell;
    enum layout_node_kind kind; /* The operator before it. */
};

struct parse {
    struct vec cells; /* struct cell */
    struct vec terms; /* struct term */
    struct slice text;
    size_t at;
    unsigned depth;
    uint64_t parts;
    char *error;
};

static int parse_refuse(const struct parse *parse, int status, const char *why)
{
    snprintf(parse->error, EXPRESSION_ERROR_CAP, "%s at character %zu of the expression", why,
             parse->at + 1);
    return status;
}

static int parse_bad(const struct parse *parse, const char *why)
{
    return parse_refuse(parse, MATCH_BUILD_BAD_EXPRESSION, why);
}

/* The next character that is no blank; NUL at the end. */
static char parse_peek(struct parse *parse)
{
    while (parse->at < parse->text.len && parse->text.ptr[parse->at] == ' ') {
        parse->at++;
    }
    return parse->at < parse->text.len ? (char)parse->text.ptr[parse->at] : '\0';
}

static bool parse_take(struct parse *parse, char wanted)
{
    if (parse_peek(parse) != wanted) {
        return false;
    }
    parse->at++;
    return true;
}

static bool parse_number(struct parse *parse, uint64_t max, uint64_t *out)
{
    const size_t from = parse->at;

    while (parse->at < parse->text.len && parse->text.ptr[parse->at] >= '0' &&
           parse->text.ptr[parse->at] <= '9') {
        parse->at++;
    }
    return slice_parse_u64(slice_from(parse->text.ptr + from, parse->at - from), out) &&
           *out <= max;
}

static struct cell *cell_at(const struct parse *parse, uint32_t index)
{
    return vec_at(&parse->cells, index);
}

static const struct term *term_at(const struct parse *parse, size_t index)
{
    return vec_at(&parse->terms, index);
}

static int cell_add(struct parse *parse, struct layout_node node, uint32_t *out_cell)
{
    const struct cell cell = {node, PROGRAM_NONE};

    *out_cell = (uint32_t)parse->cells.len;
    return vec_append(&parse->cells, &cell, 1) ? 0 : ERR_NEW(-ENOMEM);
}

/* ---- Tests ---- */

static enum layout_test parse_test_kind(struct parse *parse)
{
    if (parse_take(parse, '=')) {
        (void)parse_take(parse, '=');
        return LAYOUT_TEST_EQUAL;
    }
    if (parse_take(parse, '<')) {
        return LAYOUT_TEST_LESS;
    }
    return parse_take(parse, '>') ? LAYOUT_TEST_MORE : LAYOUT_TEST_NONE;
}

static bool parse_is_digit(struct parse *parse)
{
    const char c = parse_peek(parse);

    return c >= '0' && c <= '9';
}

/*
 * A test may follow. How many parts match says nothing about one part. Real signatures have `==`,
 * and commas with nothing behind.
 */
static int parse_test(struct parse *parse, uint32_t cell)
{
    const enum layout_test test = parse_test_kind(parse);
    uint64_t count;
    uint64_t distinct = 0;

    if (test == LAYOUT_TEST_NONE) {
        return 0;
    }
    if (!parse_number(parse, UINT32_MAX, &count)) {
        return parse_bad(parse, "a test without a number");
    }
    if (parse_take(parse, ',') && parse_is_digit(parse) &&
        !parse_number(parse, UINT16_MAX, &distinct)) {
        return parse_bad(parse, "a number of parts that is too large");
    }
    struct layout_node *node = &cell_at(parse, cell)->node;

    node->test = (uint8_t)test;
    node->count = (uint32_t)count;
    node->distinct = node->kind == LAYOUT_NODE_PART ? 0 : (uint16_t)distinct;
    return 0;
}

/* ---- Operands ---- */

static int parse_row(struct parse *parse, bool in_block, uint32_t *out_cell);

static int parse_index(struct parse *parse, uint32_t *out_cell)
{
    uint64_t index;

    if (!parse_number(parse, LAYOUT_PARTS_MAX - 1, &index)) {
        return parse_bad(parse, "an operand that is no index of a subsignature");
    }
    parse->parts |= UINT64_C(1) << index;
    const struct layout_node node = {.kind = LAYOUT_NODE_PART, .first = (uint32_t)index};

    return cell_add(parse, node, out_cell);
}

/* What a test belongs to must be a node of its own, so a part alone gets one around it. */
static int parse_wrap(struct parse *parse, uint32_t *cell)
{
    const struct layout_node inner = cell_at(parse, *cell)->node;
    const struct layout_node node = {.kind = LAYOUT_NODE_ALL, .first = *cell, .len = 1};
    const bool tested = inner.test != LAYOUT_TEST_NONE;

    return tested || inner.kind == LAYOUT_NODE_PART ? cell_add(parse, node, cell) : 0;
}

static bool parse_is_test(struct parse *parse)
{
    const char c = parse_peek(parse);

    return c == '=' || c == '<' || c == '>';
}

static int parse_operand(struct parse *parse, uint32_t *out_cell)
{
    if (!parse_take(parse, '(')) {
        const int r = parse_index(parse, out_cell);

        return r ? r : parse_test(parse, *out_cell);
    }
    int r = parse_row(parse, true, out_cell);

    if (r) {
        return r;
    }
    if (!parse_take(parse, ')')) {
        return parse_bad(parse, "a parenthesis that is not closed");
    }
    if (!parse_is_test(parse)) {
        return 0;
    }
    r = parse_wrap(parse, out_cell);
    return r ? r : parse_test(parse, *out_cell);
}

static bool parse_is_operator(struct parse *parse, enum layout_node_kind *out_kind)
{
    if (parse_take(parse, '&')) {
        *out_kind = LAYOUT_NODE_ALL;
        return true;
    }
    *out_kind = LAYOUT_NODE_ANY;
    return parse_take(parse, '|');
}

/* ---- Operators ---- */

static bool row_takes(const struct parse *parse, uint32_t cell, enum layout_node_kind kind)
{
    const struct layout_node *node = &cell_at(parse, cell)->node;

    return node->kind == kind && node->test == LAYOUT_TEST_NONE;
}

static void row_prepend(struct parse *parse, uint32_t row, uint32_t cell)
{
    struct layout_node *node = &cell_at(parse, row)->node;

    cell_at(parse, cell)->next = node->first;
    node->first = cell;
    node->len++;
}

static void row_append(struct parse *parse, uint32_t row, uint32_t cell)
{
    struct layout_node *node = &cell_at(parse, row)->node;
    struct cell *last = cell_at(parse, node->first);

    while (last->next != PROGRAM_NONE) {
        last = cell_at(parse, last->next);
    }
    last->next = cell;
    node->len++;
}

/* One node out of two; a row of the same operator takes the other in. */
static int parse_join(struct parse *parse, enum layout_node_kind kind, uint32_t left,
                      uint32_t right, uint32_t *out_cell)
{
    const struct layout_node node = {.kind = (uint8_t)kind, .first = left, .len = 2};

    *out_cell = right;
    if (row_takes(parse, right, kind)) {
        row_prepend(parse, right, left);
        return 0;
    }
    if (row_takes(parse, left, kind)) {
        row_append(parse, left, right);
        *out_cell = left;
        return 0;
    }
    cell_at(parse, left)->next = right;
    return cell_add(parse, node, out_cell);
}

/* Splits at the first operator, and the rest again. */
static int parse_fold(struct parse *parse, size_t first, size_t end, uint32_t *out_cell)
{
    int r = 0;

    *out_cell = term_at(parse, end - 1)->cell;
    for (size_t i = end - 1; r == 0 && i > first; i--) {
        r = parse_join(parse, term_at(parse, i)->kind, term_at(parse, i - 1)->cell, *out_cell,
                       out_cell);
    }
    return r;
}

/* Right behind a parenthesis the last operator splits, but what is left of it as elsewhere. */
static int parse_fold_block(struct parse *parse, size_t first, size_t end, uint32_t *out_cell)
{
    const struct term last = *term_at(parse, end - 1);
    int r = 0;

    if (end - first < 3) {
        return parse_fold(parse, first, end, out_cell);
    }
    r = parse_fold(parse, first, end - 1, out_cell);
    return r ? r : parse_join(parse, last.kind, *out_cell, last.cell, out_cell);
}

/* Operands with operators between them. */
static int parse_row(struct parse *parse, bool in_block, uint32_t *out_cell)
{
    const size_t first = parse->terms.len;
    struct term term = {.kind = LAYOUT_NODE_ALL};
    int r = 0;

    if (parse->depth == EXPRESSION_BLOCKS_MAX) {
        return parse_refuse(parse, MATCH_BUILD_UNSUPPORTED, "an expression nested too deep");
    }
    parse->depth++;
    do {
        r = parse_operand(parse, &term.cell);
        if (r == 0 && parse->terms.len == EXPRESSION_TERMS_MAX) {
            r = parse_refuse(parse, MATCH_BUILD_UNSUPPORTED, "an expression too long");
        }
        if (r == 0 && !vec_append(&parse->terms, &term, 1)) {
            r = ERR_NEW(-ENOMEM);
        }
    } while (r == 0 && parse_is_operator(parse, &term.kind));
    parse->depth--;
    if (r) {
        return r;
    }
    r = in_block ? parse_fold_block(parse, first, parse->terms.len, out_cell)
                 : parse_fold(parse, first, parse->terms.len, out_cell);
    parse->terms.len = first;
    return r;
}

/* ---- Laying out ---- */

/* Appends the children of the node at `at`, whose `first` is still a cell. */
static int layout_children(const struct parse *parse, struct vec *nodes, size_t base, size_t at)
{
    struct layout_node *node = vec_at(nodes, at);
    uint32_t cell = node->first;

    if (node->kind == LAYOUT_NODE_PART) {
        return 0;
    }
    node->first = (uint32_t)(nodes->len - base);
    for (; cell != PROGRAM_NONE; cell = cell_at(parse, cell)->next) {
        if (!vec_append(nodes, &cell_at(parse, cell)->node, 1)) {
            return ERR_NEW(-ENOMEM);
        }
    }
    return 0;
}

/* Breadth first, so that children follow each other and come behind their parent. */
static int layout_tree(struct parse *parse, struct vec *nodes, uint32_t root)
{
    const size_t base = nodes->len;
    size_t level_end = base + 1;
    unsigned depth = 1;
    int r = vec_append(nodes, &cell_at(parse, root)->node, 1) ? 0 : ERR_NEW(-ENOMEM);

    for (size_t at = base; r == 0 && at < nodes->len; at++) {
        if (at == level_end) {
            level_end = nodes->len;
            depth++;
        }
        r = layout_children(parse, nodes, base, at);
    }
    if (r == 0 && depth > LAYOUT_DEPTH_MAX) {
        r = parse_refuse(parse, MATCH_BUILD_UNSUPPORTED, "an expression nested too deep");
    }
    if (r) {
        nodes->len = base;
    }
    return r;
}

int build_expression(struct vec *nodes, struct slice text, uint64_t *out_parts,
                     char error[EXPRESSION_ERROR_CAP])
{
    struct parse parse = {
        .cells = VEC_OF(struct cell), .terms = VEC_OF(struct term), .text = text, .error = error};
    uint32_t root = 0;

    error[0] = '\0';
    int r = parse_row(&parse, false, &root);

    if (r == 0 && parse_peek(&parse) != '\0') {
        r = parse_bad(&parse, "something that is no operator");
    }
    if (r == 0 && parse.at < text.len) {
        r = parse_bad(&parse, "a NUL");
    }
    if (r == 0) {
        r = layout_tree(&parse, nodes, root);
    }
    vec_free(&parse.cells);
    vec_free(&parse.terms);
    if (r == 0) {
        *out_parts = parse.parts;
    }
    return r;
}
