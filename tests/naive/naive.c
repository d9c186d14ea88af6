/* SPDX-License-Identifier: MIT */
#include "tests/naive/naive.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * at(p, i) asks: can the text from `p` on match from position `i` on, through to the text's end?
 * Each construct tries all its possibilities and asks the same about the rest. Alternatives are a
 * choice of texts, so the rest is handed down as a chain of texts that come after.
 */
struct after {
    const char *text; /* Ends at NUL, at `|` or at the `)` that closes it. */
    const struct after *next;
};

struct body {
    const uint8_t *bytes;
    size_t len;
    const char *mark; /* The text from here on, if not NULL, */
    size_t mark_at;   /* must begin here. */
};

static bool naive_at(const struct body *body, const char *p, const struct after *after, bool fresh,
                     size_t i);

static bool is_split(const char *p);

/* Skips balanced parentheses: behind the `)` that closes what `p` is in. */
static const char *behind_close(const char *p)
{
    int depth = 1;

    while (depth > 0) {
        depth += *p == '(';
        depth -= *p == ')';
        p++;
    }
    return p;
}

static const char *next_branch(const char *p)
{
    int depth = 0;

    for (;; p++) {
        if (depth == 0 && (*p == '|' || *p == ')')) {
            return p;
        }
        depth += *p == '(';
        depth -= *p == ')';
    }
}

static int digit_of(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static bool byte_is(const char *p, uint8_t byte)
{
    const bool high = p[0] == '?' || digit_of(p[0]) == byte >> 4;
    const bool low = p[1] == '?' || digit_of(p[1]) == (byte & 15);

    return high && low;
}

static bool is_boundary(uint8_t byte)
{
    return byte && strchr("\n\r \"'-./<=>@_", byte);
}

static bool is_boundary_left(uint8_t byte)
{
    return byte && strchr(" -./<@_", byte);
}

static bool is_boundary_right(uint8_t byte)
{
    return byte && strchr("\n\r \"'-/=>_", byte);
}

static bool is_word(uint8_t byte)
{
    return byte < 128 && isalnum(byte);
}

/* A mark at the left end of a part. */
static bool mark_left(const struct body *body, char mark, bool negated, size_t i)
{
    if (i == 0) {
        return !negated;
    }
    const uint8_t before = body->bytes[i - 1];

    switch (mark) {
    case 'L':
        return (before == '\n') != negated;
    case 'W':
        return !is_word(before) != negated;
    default:
        return negated ? !is_boundary(before) : is_boundary_left(before);
    }
}

/* A mark at the right end of a part. */
static bool mark_right(const struct body *body, char mark, bool negated, size_t i)
{
    if (i == body->len) {
        return !negated;
    }
    const uint8_t behind = body->bytes[i];
    const bool crlf = behind == '\r' && i + 1 < body->len && body->bytes[i + 1] == '\n';

    switch (mark) {
    case 'L':
        return (behind == '\n' || crlf) != negated;
    case 'W':
        return !is_word(behind) != negated;
    default:
        return negated ? !is_boundary(behind) : is_boundary_right(behind);
    }
}

/* A mark between bytes; how many bytes it takes, 0 when it does not match. */
static size_t mark_inside(const struct body *body, char mark, bool negated, size_t i)
{
    if (i >= body->len) {
        return 0;
    }
    const uint8_t byte = body->bytes[i];
    const bool crlf = byte == '\r' && i + 1 < body->len && body->bytes[i + 1] == '\n';

    switch (mark) {
    case 'L':
        if (negated) {
            return byte != '\n' && !crlf;
        }
        return crlf ? 2 : byte == '\n';
    case 'W':
        return !is_word(byte) != negated;
    default:
        return is_boundary(byte) != negated;
    }
}

static bool naive_mark(const struct body *body, const char *p, const struct after *after,
                       bool fresh, size_t i, bool negated)
{
    const char mark = p[1];
    const char *rest = p + 3;

    if (fresh) {
        return mark_left(body, mark, negated, i) && naive_at(body, rest, after, true, i);
    }
    if (*rest == '\0' || is_split(rest)) {
        return mark_right(body, mark, negated, i) && naive_at(body, rest, after, false, i);
    }
    const size_t taken = mark_inside(body, mark, negated, i);

    return taken > 0 && naive_at(body, rest, after, false, i + taken);
}

static size_t branch_len(const char *p)
{
    size_t len = 0;

    while (*p != '|' && *p != ')') {
        if (*p == '{') {
            len += strtoul(p + 1, NULL, 10);
            p = strchr(p, '}') + 1;
        } else if (*p == '(') {
            len += branch_len(p + 1); /* Inside a negation all branches are equally long. */
            p = behind_close(p + 1);
        } else {
            len++;
            p += 2;
        }
    }
    return len;
}

static bool naive_either(const struct body *body, const char *p, const struct after *after,
                         size_t i, bool negated)
{
    const struct after chain = {behind_close(p + 1), after};
    const size_t len = branch_len(p + 1);
    bool any = false;

    for (p++;; p++) {
        if (negated) {
            const struct body cut = {.bytes = body->bytes,
                                     .len = i + len < body->len ? i + len : body->len};

            any |= naive_at(&cut, p, NULL, false, i);
        } else if (naive_at(body, p, &chain, false, i)) {
            return true;
        }
        p = next_branch(p);
        if (*p == ')') {
            break;
        }
    }
    if (!negated || any || i + len > body->len) {
        return false;
    }
    return naive_at(body, chain.text, after, false, i + len);
}

/* Reads a number where one stands; returns what stands behind it. */
static const char *number_read(const char *p, size_t *out)
{
    for (*out = 0; isdigit((unsigned char)*p); p++) {
        *out = *out * 10 + (size_t)(*p - '0');
    }
    return p;
}

/* Reads the numbers of a gap; returns what stands behind it. */
static const char *gap_read(const char *p, size_t body_len, size_t *min, size_t *max)
{
    p = number_read(p + 1, min);
    *max = *min;
    if (*p == '-') {
        *max = body_len;
        if (isdigit((unsigned char)p[1])) {
            p = number_read(p + 1, max);
        } else {
            p++;
        }
    }
    return p + 1;
}

static bool is_split(const char *p)
{
    size_t min;
    size_t max;

    if (*p == '*') {
        return true;
    }
    if (*p != '{') {
        return false;
    }
    (void)gap_read(p, SIZE_MAX, &min, &max);
    return min != max || min == 0 || min >= 128;
}

static bool naive_gap(const struct body *body, const char *p, const struct after *after, size_t i)
{
    const bool split = is_split(p);
    size_t min = 0;
    size_t max = body->len;

    p = *p == '*' ? p + 1 : gap_read(p, body->len, &min, &max);
    for (size_t n = min; n <= max && i + n <= body->len; n++) {
        if (naive_at(body, p, after, split, i + n)) {
            return true;
        }
    }
    return false;
}

static bool naive_at(const struct body *body, const char *p, const struct after *after, bool fresh,
                     size_t i)
{
    if (p == body->mark && i != body->mark_at) {
        return false;
    }
    switch (*p) {
    case '\0':
        return true;
    case '|':
    case ')':
        return !after || naive_at(body, after->text, after->next, false, i);
    case '*':
    case '{':
    case '[':
        return naive_gap(body, p, after, i);
    case '!':
    case '(': {
        const bool negated = *p == '!';

        p += negated;
        if (p[2] == ')' && strchr("BLW", p[1])) {
            return naive_mark(body, p, after, fresh, i, negated);
        }
        return naive_either(body, p, after, i, negated);
    }
    default:
        return i < body->len && byte_is(p, body->bytes[i]) &&
               naive_at(body, p + 2, after, false, i + 1);
    }
}

/* Is the first byte of a part, which begins at `part`, all that stands before the bracket at `p`?
 */
static bool is_lone_byte(const char *part, const char *p)
{
    while (*part == '!' || *part == '(') {
        const size_t mark_len = *part == '!' ? 4 : 3;

        if (part + mark_len > p || part[mark_len - 1] != ')') {
            return false;
        }
        part += mark_len;
    }
    return part + 2 == p;
}

/*
 * Behind the last gap of variable length, or NULL. A bracket is one when what stands before it is
 * the lone byte; else what stands behind it is.
 */
static const char *behind_last_gap(const char *pattern)
{
    const char *last = NULL;
    const char *part = pattern;
    int depth = 0;

    for (const char *p = pattern; *p; p++) {
        const char *end = *p == '{' ? strchr(p, '}') : *p == '[' ? strchr(p, ']') : p;

        depth += (*p == '(') - (*p == ')');
        if (depth > 0 || !strchr("*{[", *p)) {
            continue;
        }
        if (*p == '*' ||
            (memchr(p, '-', (size_t)(end - p)) && (*p == '{' || is_lone_byte(part, p)))) {
            last = end + 1;
        }
        part = *p == '[' ? part : end + 1;
        p = end;
    }
    return last;
}

/* Is there a match that starts between `first` and `last`? Each such start is marked in `places`.
 */
static bool naive_starts(const struct body *body, const char *pattern, size_t first, size_t last,
                         bool *places)
{
    bool any = false;

    for (size_t start = first; start <= body->len && start <= last; start++) {
        const bool found = naive_at(body, pattern, NULL, true, start);

        any |= found;
        if (places) {
            places[start] |= found;
        }
    }
    return any;
}

bool naive_places(const char *offset, const char *pattern, const uint8_t *bytes, size_t len,
                  bool *places)
{
    struct body body = {bytes, len, NULL, 0};
    const bool from_end = strncmp(offset, "EOF-", 4) == 0;
    const char *comma = strchr(offset, ',');
    size_t first = strtoul(from_end ? offset + 4 : offset, NULL, 10);
    size_t shift = comma ? strtoul(comma + 1, NULL, 10) : 0;
    const char *mark = behind_last_gap(pattern);

    if (*offset == '*') {
        first = 0;
        shift = len;
    } else if (from_end && first > len) {
        return false;
    } else if (from_end) {
        first = len - first;
    }
    if (!places || !mark) {
        return naive_starts(&body, pattern, first, first + shift, places);
    }
    if (!naive_starts(&body, pattern, first, first + shift, NULL)) {
        return false;
    }
    body.mark = mark;
    for (; body.mark_at <= len; body.mark_at++) {
        places[body.mark_at] |= naive_starts(&body, pattern, first, first + shift, NULL);
    }
    return true;
}

unsigned naive_count(const char *offset, const char *pattern, const uint8_t *bytes, size_t len)
{
    bool *places = calloc(len + 1, sizeof(*places));
    unsigned count = 0;

    if (!places) {
        abort();
    }
    (void)naive_places(offset, pattern, bytes, len, places);
    for (size_t i = 0; i <= len; i++) {
        count += places[i];
    }
    free(places);
    return count;
}

bool naive_matches(const char *offset, const char *pattern, const uint8_t *bytes, size_t len)
{
    return naive_places(offset, pattern, bytes, len, NULL);
}
