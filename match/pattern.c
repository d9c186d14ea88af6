/* SPDX-License-Identifier: MIT */
#include "match/pattern.h"

#include "base/assert.h"
#include "base/err.h"

#include <stdio.h>

/*
 * A row is the operations of one cluster or of one branch while they are read. Rows of branches are
 * moved to the pattern before the row that contains them is, so every row ends up in one piece.
 *
 * `fresh` is true while the part at hand has taken no byte: then a gap is out of place and `(B)` is
 * a test.
 */
struct parse {
    struct pattern *pattern;
    char *error;
    struct slice text;
    size_t at;
    unsigned depth;
    unsigned modifiers;
    bool fresh;
    bool owes_byte; /* A `[n-m]` stands last and needs something behind it. */
    uint64_t gap_min;
    struct vec row;
};

struct parse_range {
    uint64_t min;
    uint64_t max; /* UINT64_MAX: unbounded. */
    size_t end;   /* Behind the closing bracket. */
};

static int parse_refuse(const struct parse *parse, int status, const char *why)
{
    snprintf(parse->error, PATTERN_ERROR_CAP, "%s at character %zu", why, parse->at + 1);
    return status;
}

static int parse_bad(const struct parse *parse, const char *why)
{
    return parse_refuse(parse, MATCH_BUILD_BAD_PATTERN, why);
}

static int parse_no_memory(void)
{
    return ERR_NEW(-ENOMEM);
}

static bool parse_is_end(const struct parse *parse)
{
    return parse->at == parse->text.len;
}

static char parse_peek(const struct parse *parse, size_t ahead)
{
    const size_t at = parse->at + ahead;

    return at < parse->text.len ? (char)parse->text.ptr[at] : '\0';
}

static int parse_nibble(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct program_op *row_last(const struct vec *row)
{
    return row->len > 0 ? vec_at(row, row->len - 1) : NULL;
}

/* ---- Emitting ---- */

static int emit_op(struct vec *row, struct program_op op)
{
    return vec_append(row, &op, 1) ? 0 : parse_no_memory();
}

static uint8_t byte_fold(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

static bool byte_is_letter(uint8_t byte)
{
    return byte_fold(byte) >= 'a' && byte_fold(byte) <= 'z';
}

static int emit_byte(struct parse *parse, struct vec *row, uint8_t byte)
{
    const bool nocase = parse->modifiers & PATTERN_NOCASE;
    const uint8_t kind = nocase ? PROGRAM_NOCASE : PROGRAM_BYTES;
    const uint8_t value = nocase ? byte_fold(byte) : byte;
    struct vec *bytes = &parse->pattern->bytes;
    struct program_op *last = row_last(row);
    const uint32_t at = (uint32_t)bytes->len;

    if (!vec_append(bytes, &value, 1)) {
        return parse_no_memory();
    }
    if (last && last->kind == kind && last->at + last->len == at) {
        last->len++;
        last->max++;
        return 0;
    }
    return emit_op(row, (struct program_op){.kind = kind, .at = at, .len = 1, .max = 1});
}

/* The zero behind a byte of a wide pattern. */
static int emit_wide(struct parse *parse, struct vec *row)
{
    return parse->modifiers & PATTERN_WIDE ? emit_byte(parse, row, 0) : 0;
}

/* Fixed gaps that follow each other are one. */
static int emit_gap(struct vec *row, uint32_t min, uint32_t max)
{
    struct program_op *last = row_last(row);

    if (last && last->kind == PROGRAM_GAP) {
        last->len += min;
        last->max += max;
        return 0;
    }
    return emit_op(row, (struct program_op){.kind = PROGRAM_GAP, .len = min, .max = max});
}

/* Index of an equal set in the pattern, made when there is none; PROGRAM_NONE without memory. */
static uint32_t emit_set_index(struct parse *parse, const struct program_set *set)
{
    struct vec *sets = &parse->pattern->sets;

    for (size_t i = 0; i < sets->len; i++) {
        if (memcmp(vec_at(sets, i), set, sizeof(*set)) == 0) {
            return (uint32_t)i;
        }
    }
    return vec_append(sets, set, 1) ? (uint32_t)sets->len - 1 : PROGRAM_NONE;
}

static int emit_set(struct parse *parse, struct vec *row, const struct program_set *set)
{
    const uint32_t at = emit_set_index(parse, set);

    if (at == PROGRAM_NONE) {
        return parse_no_memory();
    }
    return emit_op(row, (struct program_op){.kind = PROGRAM_SET, .at = at, .len = 1, .max = 1});
}

/* Moves a finished row into the pattern; `*out_first` is where it begins. */
static int emit_row(struct parse *parse, struct vec *row, uint32_t *out_first)
{
    *out_first = (uint32_t)parse->pattern->ops.len;
    const int r = vec_append(&parse->pattern->ops, row->ptr, row->len) ? 0 : parse_no_memory();

    row->len = 0;
    return r;
}

/* ---- Sets ---- */

static void set_invert(struct program_set *set)
{
    for (size_t i = 0; i < sizeof(set->bits); i++) {
        set->bits[i] = (uint8_t)~set->bits[i];
    }
}

static struct program_set set_of(const char *members, size_t len)
{
    struct program_set set = {0};

    for (size_t i = 0; i < len; i++) {
        program_set_add(&set, (uint8_t)members[i]);
    }
    return set;
}

static struct program_set set_of_alphanumerics(void)
{
    static const char members[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    return set_of(members, sizeof(members) - 1);
}

static struct program_set set_of_nibble(int high, int low)
{
    struct program_set set = {0};

    for (int byte = 0; byte < 256; byte++) {
        if ((high < 0 || byte >> 4 == high) && (low < 0 || (byte & 15) == low)) {
            program_set_add(&set, (uint8_t)byte);
        }
    }
    return set;
}

/* ---- Bytes and gaps ---- */

static int parse_byte(struct parse *parse, struct vec *row)
{
    const char first = parse_peek(parse, 0);
    const char second = parse_peek(parse, 1);
    const int high = parse_nibble(first);
    const int low = parse_nibble(second);
    int r;

    if ((high < 0 && first != '?') || (low < 0 && second != '?')) {
        return parse_bad(parse, "neither a byte nor a wildcard");
    }
    if (high >= 0 && low >= 0) {
        r = emit_byte(parse, row, (uint8_t)(high << 4 | low));
    } else if (high < 0 && low < 0) {
        r = emit_gap(row, 1, 1);
    } else {
        const struct program_set set = set_of_nibble(high, low);

        r = emit_set(parse, row, &set);
    }
    parse->at += 2;
    return r ? r : emit_wide(parse, row);
}

static bool range_parse_side(struct slice side, uint64_t missing, uint64_t *out)
{
    if (side.len == 0) {
        *out = missing;
        return true;
    }
    return slice_parse_u64(side, out) && *out < UINT32_MAX;
}

/* Reads `{...}` or `[...]` without moving on. */
static bool parse_range(const struct parse *parse, char close, struct parse_range *out)
{
    const struct slice rest = slice_skip(parse->text, parse->at + 1);
    const size_t len = slice_find(rest, (uint8_t)close);
    struct slice max = slice_from(rest.ptr, len);
    const struct slice min = slice_split(&max, '-');
    const bool single = min.len == len;

    if (len == rest.len || len == 0 || (min.len == 0 && max.len == 0)) {
        return false;
    }
    out->end = parse->at + 1 + len + 1;
    if (!range_parse_side(min, 0, &out->min) || !range_parse_side(max, UINT64_MAX, &out->max)) {
        return false;
    }
    if (single) {
        out->max = out->min;
    }
    return out->min <= out->max;
}

/* `{n}` of this size is n times `??`; every other brace ends a part. */
static bool range_is_inline(const struct parse_range *range)
{
    return range->min == range->max && range->min > 0 && range->min < 128;
}

/* Does a part end here: at the text's end or at a gap that splits. */
static bool parse_is_part_end(const struct parse *parse)
{
    struct parse_range range;

    if (parse_is_end(parse) || parse_peek(parse, 0) == '*') {
        return true;
    }
    return parse_peek(parse, 0) == '{' && parse_range(parse, '}', &range) &&
           !range_is_inline(&range);
}

/* ---- Alternatives ---- */

static int parse_either(struct parse *parse, struct vec *row, bool negated);

/* One element inside alternatives. */
static int parse_branch_element(struct parse *parse, struct vec *row)
{
    const char c = parse_peek(parse, 0);
    struct parse_range range;

    if (c == '(') {
        return parse_either(parse, row, false);
    }
    if (c == '!') {
        return parse_bad(parse, "a negation inside alternatives");
    }
    if (c != '{') {
        return parse_byte(parse, row);
    }
    if (!parse_range(parse, '}', &range) || !range_is_inline(&range)) {
        return parse_bad(parse, "inside alternatives a gap must be {n} with 0 < n < 128");
    }
    parse->at = range.end;
    return emit_gap(row, (uint32_t)range.min, (uint32_t)range.max);
}

/* Up to `|` or `)`. */
static int parse_branch(struct parse *parse, struct vec *row)
{
    for (;;) {
        const char c = parse_peek(parse, 0);

        if (c == '|' || c == ')') {
            return row->len > 0 ? 0 : parse_bad(parse, "an empty alternative");
        }
        if (parse_is_end(parse)) {
            return parse_bad(parse, "alternatives without a closing parenthesis");
        }
        const int r = parse_branch_element(parse, row);

        if (r) {
            return r;
        }
    }
}

static void row_extent(const struct vec *row, uint64_t *out_min, uint64_t *out_max)
{
    *out_min = 0;
    *out_max = 0;
    for (size_t i = 0; i < row->len; i++) {
        const struct program_op *op = vec_at(row, i);

        *out_min += program_op_min(op);
        *out_max += program_op_max(op);
    }
}

/* Collects the branches of one pair of parentheses. */
struct either {
    struct vec branches;    /* struct program_branch */
    struct program_set set; /* Union of the branches as long as each is one byte. */
    bool bytewise;
    uint32_t len_min;
    uint32_t len_max;
};

/* For an operation of one byte, but for alternatives. */
static bool op_takes_byte(const struct pattern *pattern, const struct program_op *op, uint8_t byte)
{
    switch (op->kind) {
    case PROGRAM_BYTES:
        return *(uint8_t *)vec_at(&pattern->bytes, op->at) == byte;
    case PROGRAM_NOCASE:
        return *(uint8_t *)vec_at(&pattern->bytes, op->at) == byte_fold(byte);
    case PROGRAM_SET:
        return program_set_has(vec_at(&pattern->sets, op->at), byte);
    default:
        return true;
    }
}

/* Adds the bytes that a row of one byte can be. */
static void either_add_bytes(const struct parse *parse, struct either *either,
                             const struct vec *row)
{
    const struct program_op *op = vec_at(row, 0);

    if (row->len != 1 || op->len != 1 || op->max != 1 || op->kind == PROGRAM_EITHER) {
        either->bytewise = false;
        return;
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        if (op_takes_byte(parse->pattern, op, (uint8_t)byte)) {
            program_set_add(&either->set, (uint8_t)byte);
        }
    }
}

static int either_add(struct parse *parse, struct either *either, struct vec *row)
{
    struct program_branch branch = {.op_len = (uint32_t)row->len};
    uint64_t len_min;
    uint64_t len_max;

    row_extent(row, &len_min, &len_max);
    if (len_max > PROGRAM_EXTENT_MAX) {
        return parse_refuse(parse, MATCH_BUILD_UNSUPPORTED, "an alternative too long");
    }
    either->len_min = MIN_OF(either->len_min, (uint32_t)len_min);
    either->len_max = MAX_OF(either->len_max, (uint32_t)len_max);
    either_add_bytes(parse, either, row);
    const int r = emit_row(parse, row, &branch.op_first);

    if (r) {
        return r;
    }
    return vec_append(&either->branches, &branch, 1) ? 0 : parse_no_memory();
}

static int either_emit(struct parse *parse, struct either *either, struct vec *row, bool negated)
{
    struct program_op op = {
        .kind = PROGRAM_EITHER,
        .negated = negated,
        .count = (uint16_t)either->branches.len,
        .at = (uint32_t)parse->pattern->branches.len,
        .len = either->len_min,
        .max = either->len_max,
    };

    if (either->branches.len > UINT16_MAX) {
        return parse_refuse(parse, MATCH_BUILD_UNSUPPORTED, "too many alternatives");
    }
    if (either->bytewise) {
        if (negated) {
            set_invert(&either->set);
        }
        return emit_set(parse, row, &either->set);
    }
    if (negated && either->len_min != either->len_max) {
        return parse_bad(parse, "negated alternatives must have one length, before");
    }
    if (!vec_append(&parse->pattern->branches, either->branches.ptr, either->branches.len)) {
        return parse_no_memory();
    }
    return emit_op(row, op);
}

static int parse_either_branches(struct parse *parse, struct either *either, struct vec *row)
{
    do {
        parse->at++;
        int r = parse_branch(parse, row);

        if (r == 0) {
            r = either_add(parse, either, row);
        }
        if (r) {
            return r;
        }
    } while (parse_peek(parse, 0) == '|');
    parse->at++;
    return 0;
}

/* At the opening parenthesis. */
static int parse_either(struct parse *parse, struct vec *row, bool negated)
{
    const bool changed = parse->modifiers & (PATTERN_NOCASE | PATTERN_WIDE);
    struct either either = {
        .branches = VEC_OF(struct program_branch), .bytewise = true, .len_min = UINT32_MAX};
    struct vec inner = VEC_OF(struct program_op);

    if (parse->depth == PATTERN_DEPTH_MAX) {
        return parse_bad(parse, "alternatives nested too deep");
    }
    if (negated && changed) {
        return parse_bad(parse, "negated alternatives take neither i nor w,");
    }
    parse->depth++;
    int r = parse_either_branches(parse, &either, &inner);

    parse->depth--;
    if (r == 0) {
        r = either_emit(parse, &either, row, negated);
    }
    vec_free(&inner);
    vec_free(&either.branches);
    return r;
}

/* ---- (B), (L), (W) ---- */

/* As clamscan takes them: some bytes are a boundary on one side only, a negation excludes all. */
static const char mark_boundary_left[] = {' ', '-', '.', '/', '<', '@', '_'};
static const char mark_boundary_right[] = {'\n', '\r', ' ', '"', '\'', '-', '/', '=', '>', '_'};
static const char mark_boundary_any[] = {'\n', '\r', ' ', '"', '\'', '-', '.',
                                         '/',  '<',  '=', '>', '@',  '_'};

static struct program_set mark_set(char mark, enum program_edge side, bool negated)
{
    struct program_set set;

    if (mark == 'W') {
        set = set_of_alphanumerics();
        set_invert(&set);
    } else if (mark == 'L') {
        set = set_of("\n", 1);
    } else if (!negated && side == PROGRAM_EDGE_LEFT_SET) {
        set = set_of(mark_boundary_left, sizeof(mark_boundary_left));
    } else if (!negated && side == PROGRAM_EDGE_RIGHT_SET) {
        set = set_of(mark_boundary_right, sizeof(mark_boundary_right));
    } else {
        set = set_of(mark_boundary_any, sizeof(mark_boundary_any));
    }
    return set;
}

static int emit_edge(struct parse *parse, struct vec *row, char mark, enum program_edge side,
                     bool negated)
{
    struct program_op op = {.kind = PROGRAM_EDGE, .negated = negated, .at = side};

    if (mark == 'L' && side == PROGRAM_EDGE_RIGHT_SET) {
        op.at = PROGRAM_EDGE_RIGHT_LINE;
        return emit_op(row, op);
    }
    if (mark == 'W' && !negated && parse->modifiers & PATTERN_WIDE) {
        op.at = side == PROGRAM_EDGE_LEFT_SET ? PROGRAM_EDGE_LEFT_WIDE : PROGRAM_EDGE_RIGHT_WIDE;
    }
    const struct program_set set = mark_set(mark, side, negated);

    op.len = emit_set_index(parse, &set);
    return op.len == PROGRAM_NONE ? parse_no_memory() : emit_op(row, op);
}

/* Reads `text` in place of the input: how marks inside a part are spelt as alternatives. */
static int parse_instead(struct parse *parse, struct vec *row, struct slice text)
{
    const struct slice kept = parse->text;
    const size_t kept_at = parse->at;
    const unsigned kept_modifiers = parse->modifiers;

    parse->text = text;
    parse->at = 0;
    parse->modifiers = 0;
    const int r = parse_either(parse, row, false);

    parse->text = kept;
    parse->at = kept_at;
    parse->modifiers = kept_modifiers;
    return r;
}

/* Not a line end: one byte, neither LF nor the CR of a CRLF. */
static int emit_not_line(struct parse *parse, struct vec *row)
{
    struct either either = {.branches = VEC_OF(struct program_branch), .len_min = UINT32_MAX};
    struct vec inner = VEC_OF(struct program_op);
    struct program_set plain = set_of("\r\n", 2);

    set_invert(&plain);
    int r = emit_set(parse, &inner, &plain);

    if (r == 0) {
        r = either_add(parse, &either, &inner);
    }
    if (r == 0) {
        r = emit_byte(parse, &inner, '\r');
    }
    if (r == 0) {
        r = emit_op(&inner, (struct program_op){.kind = PROGRAM_EDGE, .at = PROGRAM_EDGE_NOT_LF});
    }
    if (r == 0) {
        r = either_add(parse, &either, &inner);
    }
    either.bytewise = false;
    if (r == 0) {
        r = either_emit(parse, &either, row, false);
    }
    vec_free(&inner);
    vec_free(&either.branches);
    return r;
}

/* A mark between bytes takes what it names. */
static int emit_mark_inside(struct parse *parse, struct vec *row, char mark, bool negated)
{
    if (mark == 'L') {
        return negated ? emit_not_line(parse, row)
                       : parse_instead(parse, row, SLICE_OF("(0a|0d0a)"));
    }
    struct program_set set = mark_set(mark, PROGRAM_EDGES, true);

    if (negated) {
        set_invert(&set);
    }
    return emit_set(parse, row, &set);
}

/* At `(B)`, `(L)` or `(W)`. */
static int parse_mark(struct parse *parse, bool negated)
{
    const char mark = parse_peek(parse, 1);

    parse->at += 3;
    if (parse->fresh) {
        return emit_edge(parse, &parse->row, mark, PROGRAM_EDGE_LEFT_SET, negated);
    }
    if (parse_is_part_end(parse)) {
        return emit_edge(parse, &parse->row, mark, PROGRAM_EDGE_RIGHT_SET, negated);
    }
    parse->owes_byte = false;
    return emit_mark_inside(parse, &parse->row, mark, negated);
}

static bool parse_is_mark(const struct parse *parse)
{
    const char c = parse_peek(parse, 1);

    return (c == 'B' || c == 'L' || c == 'W') && parse_peek(parse, 2) == ')';
}

static int parse_parenthesis(struct parse *parse, bool negated)
{
    if (parse_is_mark(parse)) {
        return parse_mark(parse, negated);
    }
    parse->fresh = false;
    parse->owes_byte = false;
    return parse_either(parse, &parse->row, negated);
}

/* ---- Clusters ---- */

static int parse_close_cluster(struct parse *parse)
{
    struct program_cluster cluster = {
        .gap_min = parse->gap_min, .op_len = (uint32_t)parse->row.len, .anchor = PROGRAM_NONE};
    uint64_t len_min;
    uint64_t len_max;

    row_extent(&parse->row, &len_min, &len_max);
    if (len_max > PROGRAM_EXTENT_MAX) {
        return parse_refuse(parse, MATCH_BUILD_UNSUPPORTED, "a gap too long");
    }
    cluster.len_min = (uint32_t)len_min;
    cluster.len_max = (uint32_t)len_max;
    const int r = emit_row(parse, &parse->row, &cluster.op_first);

    if (r) {
        return r;
    }
    return vec_append(&parse->pattern->clusters, &cluster, 1) ? 0 : parse_no_memory();
}

/* A gap that ends the part. */
static int parse_split(struct parse *parse, const struct parse_range *range)
{
    int r = 0;

    if (parse->fresh) {
        return parse_bad(parse, "a gap with nothing before it");
    }
    if (parse->owes_byte) {
        return parse_bad(parse, "two gaps in a row");
    }
    if (range->max == UINT64_MAX) {
        r = parse_close_cluster(parse);
        parse->gap_min = range->min;
    } else if (range->max > PROGRAM_EXTENT_MAX) {
        r = parse_refuse(parse, MATCH_BUILD_UNSUPPORTED, "a gap too long");
    } else if (range->max > 0) {
        const struct program_op op = {
            .kind = PROGRAM_GAP, .len = (uint32_t)range->min, .max = (uint32_t)range->max};

        r = emit_op(&parse->row, op);
    }
    parse->fresh = true;
    parse->at = range->end;
    return r;
}

static int parse_brace(struct parse *parse)
{
    struct parse_range range;

    if (!parse_range(parse, '}', &range)) {
        return parse_bad(parse, "a malformed {gap}");
    }
    if (!range_is_inline(&range)) {
        return parse_split(parse, &range);
    }
    parse->at = range.end;
    parse->fresh = false;
    return emit_gap(&parse->row, (uint32_t)range.min, (uint32_t)range.max);
}

static int parse_bracket(struct parse *parse)
{
    struct parse_range range;

    if (!parse_range(parse, ']', &range) || range.max > 32) {
        return parse_bad(parse, "a malformed [gap]; it is n-m with m at most 32");
    }
    if (parse->fresh || parse->owes_byte) {
        return parse_bad(parse, "a [gap] with nothing before it");
    }
    parse->at = range.end;
    parse->owes_byte = true;
    return emit_gap(&parse->row, (uint32_t)range.min, (uint32_t)range.max);
}

static int parse_element(struct parse *parse)
{
    switch (parse_peek(parse, 0)) {
    case '*':
        return parse_split(parse, &(struct parse_range){0, UINT64_MAX, parse->at + 1});
    case '{':
        return parse_brace(parse);
    case '[':
        return parse_bracket(parse);
    case '(':
        return parse_parenthesis(parse, false);
    case '!':
        if (parse_peek(parse, 1) != '(') {
            return parse_bad(parse, "a negation of something other than alternatives");
        }
        parse->at++;
        return parse_parenthesis(parse, true);
    default:
        parse->fresh = false;
        parse->owes_byte = false;
        return parse_byte(parse, &parse->row);
    }
}

static int parse_word_edge(struct parse *parse, enum program_edge side)
{
    return parse->modifiers & PATTERN_WORD ? emit_edge(parse, &parse->row, 'W', side, false) : 0;
}

static int parse_all(struct parse *parse)
{
    int edge = parse_word_edge(parse, PROGRAM_EDGE_LEFT_SET);

    if (edge) {
        return edge;
    }
    while (!parse_is_end(parse)) {
        const int r = parse_element(parse);

        if (r) {
            return r;
        }
    }
    if (parse->fresh || parse->owes_byte) {
        return parse_bad(parse, "nothing behind the last gap,");
    }
    edge = parse_word_edge(parse, PROGRAM_EDGE_RIGHT_SET);
    return edge ? edge : parse_close_cluster(parse);
}

/* Case matters to letters alone. */
static void pattern_settle_case(struct pattern *pattern)
{
    for (size_t i = 0; i < pattern->ops.len; i++) {
        struct program_op *op = vec_at(&pattern->ops, i);
        bool letters = false;

        if (op->kind != PROGRAM_NOCASE) {
            continue;
        }
        for (uint32_t j = 0; j < op->len && !letters; j++) {
            letters = byte_is_letter(*(uint8_t *)vec_at(&pattern->bytes, op->at + j));
        }
        op->kind = letters ? PROGRAM_NOCASE : PROGRAM_BYTES;
    }
}

int pattern_parse(struct pattern *out, struct slice text, unsigned modifiers,
                  char error[PATTERN_ERROR_CAP])
{
    struct parse parse = {.pattern = out,
                          .error = error,
                          .text = text,
                          .modifiers = modifiers,
                          .fresh = true,
                          .row = VEC_OF(struct program_op)};

    *out = (struct pattern){
        .ops = VEC_OF(struct program_op),
        .branches = VEC_OF(struct program_branch),
        .bytes = VEC_OF(uint8_t),
        .sets = VEC_OF(struct program_set),
        .clusters = VEC_OF(struct program_cluster),
    };
    error[0] = '\0';
    if (text.len == 0) {
        return parse_bad(&parse, "an empty pattern");
    }
    if (text.len > PATTERN_TEXT_MAX) {
        return parse_refuse(&parse, MATCH_BUILD_UNSUPPORTED, "a pattern too long");
    }
    const int r = parse_all(&parse);

    vec_free(&parse.row);
    if (r == 0) {
        pattern_settle_case(out);
    }
    return r;
}

void pattern_free(struct pattern *pattern)
{
    vec_free(&pattern->ops);
    vec_free(&pattern->branches);
    vec_free(&pattern->bytes);
    vec_free(&pattern->sets);
    vec_free(&pattern->clusters);
}
