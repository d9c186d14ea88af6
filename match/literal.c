/* SPDX-License-Identifier: MIT */
#include "match/literal.h"

#include "base/assert.h"

/* Classes of more bytes are like "any byte". */
#define LITERAL_CLASS_MAX 8

/* Copies of a repeated item that are written out. */
#define LITERAL_COPIES_MAX 64

/* All that some piece of the expression can match; `len` 0: more than can be listed. */
struct literal_set {
    uint8_t len;
    uint8_t lens[LITERAL_STRINGS_MAX];
    uint8_t strings[LITERAL_STRINGS_MAX][LITERAL_LEN_MAX];
};

/* What is known of a piece: the exact set, or what its matches must contain. */
struct literal_piece {
    bool exact;
    struct literal_set set;
    uint32_t need;
};

/* A row of pieces under way: `run` is what the last of them match together. */
struct literal_row {
    bool exact; /* Nothing but `run` so far. */
    struct literal_set run;
    uint32_t first; /* Needs found, as a list. */
    uint32_t last;
    unsigned len;
};

struct literal_parse {
    struct slice text;
    size_t at;
    unsigned depth;
    bool nocase;
    bool lost;      /* Something we do not know: the whole says nothing. */
    bool no_memory; /* Implies `lost`. */
    struct vec *nodes;
};

static void literal_parse_any(struct literal_parse *parse, struct literal_piece *out);

/* ---- Nodes ---- */

static struct literal_node *node_at(const struct literal_parse *parse, uint32_t index)
{
    return vec_at(parse->nodes, index);
}

static uint32_t node_new(struct literal_parse *parse, enum literal_kind kind)
{
    const struct literal_node node = {
        .kind = (uint8_t)kind, .child = LITERAL_NOTHING, .next = LITERAL_NOTHING};

    if (!vec_append(parse->nodes, &node, 1)) {
        parse->no_memory = parse->lost = true;
        return LITERAL_NOTHING;
    }
    return (uint32_t)parse->nodes->len - 1;
}

static void row_add_need(const struct literal_parse *parse, struct literal_row *row, uint32_t need)
{
    if (need == LITERAL_NOTHING || parse->lost) {
        return;
    }
    if (row->len++ == 0) {
        row->first = need;
    } else {
        node_at(parse, row->last)->next = need;
    }
    row->last = need;
}

static uint32_t row_close(struct literal_parse *parse, const struct literal_row *row,
                          enum literal_kind kind)
{
    if (row->len < 2) {
        return row->first;
    }
    const uint32_t node = node_new(parse, kind);

    if (node != LITERAL_NOTHING) {
        node_at(parse, node)->child = row->first;
    }
    return node;
}

/* The node that asks for one of the set's strings, NOTHING when one of them is too short. */
static uint32_t set_need(struct literal_parse *parse, const struct literal_set *set)
{
    struct literal_row row = {.first = LITERAL_NOTHING};

    for (unsigned i = 0; i < set->len; i++) {
        if (set->lens[i] < LITERAL_LEN_MIN) {
            return LITERAL_NOTHING;
        }
    }
    for (unsigned i = 0; i < set->len; i++) {
        const uint32_t node = node_new(parse, LITERAL_BYTES);

        if (node == LITERAL_NOTHING) {
            return LITERAL_NOTHING;
        }
        node_at(parse, node)->len = set->lens[i];
        memcpy(node_at(parse, node)->bytes, set->strings[i], set->lens[i]);
        row_add_need(parse, &row, node);
    }
    return row_close(parse, &row, LITERAL_ANY);
}

static uint32_t piece_need(struct literal_parse *parse, const struct literal_piece *piece)
{
    return piece->exact ? set_need(parse, &piece->set) : piece->need;
}

/* ---- Sets ---- */

static bool set_add(struct literal_set *set, const uint8_t *bytes, uint8_t len)
{
    for (unsigned i = 0; i < set->len; i++) {
        if (set->lens[i] == len && memcmp(set->strings[i], bytes, len) == 0) {
            return true;
        }
    }
    if (set->len == LITERAL_STRINGS_MAX) {
        return false;
    }
    set->lens[set->len] = len;
    memcpy(set->strings[set->len], bytes, len);
    set->len++;
    return true;
}

static struct literal_set set_of_nothing(void)
{
    return (struct literal_set){.len = 1};
}

/* `set` followed by `more`; false when that is too much. */
static bool set_multiply(struct literal_set *set, const struct literal_set *more)
{
    struct literal_set product = {0};

    for (unsigned i = 0; i < set->len; i++) {
        for (unsigned k = 0; k < more->len; k++) {
            uint8_t bytes[2 * LITERAL_LEN_MAX];
            const unsigned len = set->lens[i] + more->lens[k];

            if (len > LITERAL_LEN_MAX) {
                return false;
            }
            memcpy(bytes, set->strings[i], set->lens[i]);
            memcpy(bytes + set->lens[i], more->strings[k], more->lens[k]);
            if (!set_add(&product, bytes, (uint8_t)len)) {
                return false;
            }
        }
    }
    *set = product;
    return true;
}

static bool set_unite(struct literal_set *set, const struct literal_set *more)
{
    for (unsigned i = 0; i < more->len; i++) {
        if (!set_add(set, more->strings[i], more->lens[i])) {
            return false;
        }
    }
    return true;
}

/* ---- Rows ---- */

/* What follows does not touch what was before. */
static void row_break(struct literal_parse *parse, struct literal_row *row)
{
    row_add_need(parse, row, set_need(parse, &row->run));
    row->run = set_of_nothing();
    row->exact = false;
}

static void row_add(struct literal_parse *parse, struct literal_row *row,
                    const struct literal_piece *piece)
{
    if (!piece->exact) {
        row_break(parse, row);
        row_add_need(parse, row, piece->need);
        return;
    }
    if (!set_multiply(&row->run, &piece->set)) {
        row_break(parse, row);
        row->run = piece->set;
    }
}

/* ---- Pieces ---- */

static char literal_peek(const struct literal_parse *parse, size_t ahead)
{
    return ahead < parse->text.len - parse->at ? (char)parse->text.ptr[parse->at + ahead] : '\0';
}

static bool literal_is_end(const struct literal_parse *parse)
{
    return parse->lost || parse->at == parse->text.len;
}

static uint8_t literal_fold(const struct literal_parse *parse, uint8_t byte)
{
    return parse->nocase && byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

static void piece_set_byte(const struct literal_parse *parse, struct literal_piece *out,
                           uint8_t byte)
{
    const uint8_t folded = literal_fold(parse, byte);

    *out = (struct literal_piece){.exact = true};
    (void)set_add(&out->set, &folded, 1);
}

static void piece_set_any(struct literal_piece *out)
{
    *out = (struct literal_piece){.need = LITERAL_NOTHING};
}

static void piece_set_empty(struct literal_piece *out)
{
    *out = (struct literal_piece){.exact = true, .set = set_of_nothing()};
}

static int literal_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Behind a backslash: the byte that is meant, or -1 for a class and for what dialects read
 * differently.
 */
static int literal_parse_escape(struct literal_parse *parse)
{
    static const char names[] = "tnrfa";
    static const char values[] = "\t\n\r\f\a";
    const char c = literal_peek(parse, 0);
    const char *name = c != '\0' ? strchr(names, c) : NULL;

    if (parse->at == parse->text.len) {
        parse->lost = true;
        return -1;
    }
    parse->at++;
    if (name != NULL) {
        return (uint8_t)values[name - names];
    }
    if (c == 'x') {
        const int high = literal_digit(literal_peek(parse, 0));
        const int low = high < 0 ? -1 : literal_digit(literal_peek(parse, 1));

        parse->lost |= low < 0;
        parse->at += low < 0 ? 0 : 2;
        return low < 0 ? -1 : high * 16 + low;
    }
    if ((c >= '0' && c <= '9') || c == 'Q' || c == 'E' || c == 'p' || c == 'P' || c == 'N') {
        parse->lost = true; /* They take more than one character. */
    }
    const bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';

    return letter ? -1 : (uint8_t)c;
}

static void literal_take_escape(struct literal_parse *parse, struct literal_piece *out)
{
    const char c = literal_peek(parse, 0);
    const int byte = literal_parse_escape(parse);

    if (c == 'b' || c == 'B') {
        piece_set_empty(out);
    } else if (byte >= 0) {
        piece_set_byte(parse, out, (uint8_t)byte);
    } else {
        piece_set_any(out);
    }
}

/* One end of a range, or -1 for a class such as `\w`. */
static int class_parse_member(struct literal_parse *parse)
{
    const uint8_t c = (uint8_t)literal_peek(parse, 0);

    parse->at++;
    return c == '\\' ? literal_parse_escape(parse) : c;
}

/* Marks the members; false when the class is open to more than its members. */
static bool class_parse(struct literal_parse *parse, bool members[256])
{
    bool narrow = true;
    bool first = true;

    for (; !literal_is_end(parse) && (first || literal_peek(parse, 0) != ']'); first = false) {
        /* `[:alpha:]` is a class within a class for Perl and plain members for YARA. */
        parse->lost |= literal_peek(parse, 0) == '[' && literal_peek(parse, 1) == ':';
        const int low = class_parse_member(parse);
        int high = low;

        if (low >= 0 && literal_peek(parse, 0) == '-' && literal_peek(parse, 1) != ']') {
            parse->at++;
            high = literal_is_end(parse) ? -1 : class_parse_member(parse);
        }
        narrow = narrow && low >= 0 && high >= 0;
        for (int i = low; i >= 0 && i <= high; i++) {
            members[literal_fold(parse, (uint8_t)i)] = true;
        }
    }
    parse->lost |= literal_is_end(parse);
    parse->at++;
    return narrow;
}

static void literal_take_class(struct literal_parse *parse, struct literal_piece *out)
{
    bool members[256] = {false};
    const bool negated = literal_peek(parse, 0) == '^';

    parse->at += negated;
    const bool narrow = class_parse(parse, members) && !negated;

    *out = (struct literal_piece){.exact = true};
    for (unsigned i = 0; i < ARRAY_LEN(members); i++) {
        const uint8_t byte = (uint8_t)i;

        if (members[i] && out->set.len <= LITERAL_CLASS_MAX) {
            (void)set_add(&out->set, &byte, 1);
        }
    }
    if (!narrow || out->set.len == 0 || out->set.len > LITERAL_CLASS_MAX) {
        piece_set_any(out);
    }
}

static void literal_take_group(struct literal_parse *parse, struct literal_piece *out)
{
    if (literal_peek(parse, 0) == '?') {
        /* `(?:` is a plain group; all others change what is read, or look around. */
        parse->lost |= literal_peek(parse, 1) != ':';
        parse->at = MIN_OF(parse->at + 2, parse->text.len);
    }
    parse->lost |= literal_peek(parse, 0) == '*' || ++parse->depth > LITERAL_DEPTH_MAX;
    piece_set_any(out);
    if (!parse->lost) {
        literal_parse_any(parse, out);
        parse->depth--;
    }
    parse->lost |= literal_is_end(parse);
    parse->at++;
}

static void literal_take_item(struct literal_parse *parse, struct literal_piece *out)
{
    const char c = literal_peek(parse, 0);

    parse->at++;
    switch (c) {
    case '\\':
        literal_take_escape(parse, out);
        break;
    case '[':
        literal_take_class(parse, out);
        break;
    case '(':
        literal_take_group(parse, out);
        break;
    case '.':
        piece_set_any(out);
        break;
    case '^':
    case '$':
        piece_set_empty(out);
        break;
    default:
        piece_set_byte(parse, out, (uint8_t)c);
        break;
    }
}

/* ---- Repeats ---- */

struct literal_repeat {
    uint64_t min;
    uint64_t max; /* UINT64_MAX: unbounded. */
};

/* `{n}`, `{n,}`, `{,m}`, `{n,m}`; anything else between braces stands for itself. */
static bool repeat_parse_braces(struct literal_parse *parse, struct literal_repeat *out)
{
    const struct slice rest = slice_skip(parse->text, parse->at + 1);
    const size_t len = slice_find(rest, '}');
    struct slice max = slice_from(rest.ptr, len);
    struct slice min = slice_split(&max, ',');
    const bool comma = min.len < len;

    if (len == rest.len || len == 0) {
        return false;
    }
    *out = (struct literal_repeat){.min = 0, .max = UINT64_MAX};
    if ((min.len > 0 && !slice_parse_u64(min, &out->min)) || (min.len == 0 && !comma) ||
        (max.len > 0 && !slice_parse_u64(max, &out->max))) {
        return false;
    }
    if (!comma) {
        out->max = out->min;
    }
    parse->at += len + 2;
    return true;
}

static struct literal_repeat repeat_parse(struct literal_parse *parse)
{
    struct literal_repeat repeat = {.min = 1, .max = 1};
    const char c = literal_peek(parse, 0);

    if (c == '{') {
        if (!repeat_parse_braces(parse, &repeat)) {
            return repeat;
        }
    } else if (c == '*' || c == '+' || c == '?') {
        repeat.min = c == '+';
        repeat.max = c == '?' ? 1 : UINT64_MAX;
        parse->at++;
    } else {
        return repeat;
    }
    /* Reluctant, or possessive. */
    if (literal_peek(parse, 0) == '?' || literal_peek(parse, 0) == '+') {
        parse->at++;
    }
    return repeat;
}

static void row_add_repeated(struct literal_parse *parse, struct literal_row *row,
                             struct literal_piece *piece, struct literal_repeat repeat)
{
    const struct literal_set nothing = set_of_nothing();

    if (repeat.min == 0 && repeat.max == 1 && piece->exact && set_unite(&piece->set, &nothing)) {
        row_add(parse, row, piece);
        return;
    }
    if (repeat.min == 0) {
        row_break(parse, row);
        return;
    }
    const uint64_t copies = piece->exact ? MIN_OF(repeat.min, LITERAL_COPIES_MAX) : 1;

    for (uint64_t i = 0; i < copies; i++) {
        row_add(parse, row, piece);
    }
    if (repeat.max != copies) {
        row_break(parse, row);
    }
}

/* ---- Rows and alternatives ---- */

static void literal_parse_row(struct literal_parse *parse, struct literal_piece *out)
{
    struct literal_row row = {
        .exact = true, .run = set_of_nothing(), .first = LITERAL_NOTHING, .last = LITERAL_NOTHING};

    while (!literal_is_end(parse) && literal_peek(parse, 0) != '|' &&
           literal_peek(parse, 0) != ')') {
        struct literal_piece piece;

        literal_take_item(parse, &piece);
        if (!parse->lost) {
            row_add_repeated(parse, &row, &piece, repeat_parse(parse));
        }
    }
    *out = (struct literal_piece){.exact = row.exact, .set = row.run, .need = LITERAL_NOTHING};
    if (!row.exact) {
        row_break(parse, &row);
        out->need = row_close(parse, &row, LITERAL_ALL);
    }
}

/* `out` becomes "out or branch". */
static void piece_unite(struct literal_parse *parse, struct literal_piece *out,
                        const struct literal_piece *branch)
{
    if (out->exact && branch->exact && set_unite(&out->set, &branch->set)) {
        return;
    }
    struct literal_row row = {.first = LITERAL_NOTHING};
    const uint32_t left = piece_need(parse, out);
    const uint32_t right = piece_need(parse, branch);

    piece_set_any(out);
    if (left != LITERAL_NOTHING && right != LITERAL_NOTHING) {
        row_add_need(parse, &row, left);
        row_add_need(parse, &row, right);
        out->need = row_close(parse, &row, LITERAL_ANY);
    }
}

static void literal_parse_any(struct literal_parse *parse, struct literal_piece *out)
{
    literal_parse_row(parse, out);
    while (!literal_is_end(parse) && literal_peek(parse, 0) == '|') {
        struct literal_piece branch;

        parse->at++;
        literal_parse_row(parse, &branch);
        piece_unite(parse, out, &branch);
    }
}

bool literal_extract(struct vec *out_nodes, struct slice expression, bool nocase,
                     uint32_t *out_root)
{
    struct literal_parse parse = {.text = expression, .nocase = nocase, .nodes = out_nodes};
    struct literal_piece piece;

    ASSERT(out_nodes->item_bytes == sizeof(struct literal_node));
    literal_parse_any(&parse, &piece);
    parse.lost |= parse.at != expression.len;
    *out_root = parse.lost ? LITERAL_NOTHING : piece_need(&parse, &piece);
    return !parse.no_memory;
}
