/* SPDX-License-Identifier: MIT */
/*
 * Modifiers are read as changes of the pattern's text: `i` writes each letter as a choice of two,
 * `w` a zero behind each byte, `f` a mark at both ends.
 */
#include "tests/naive/naive.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAIVE_TEXT_MAX 8192
#define NAIVE_SUBS_MAX 64

struct sub {
    char offset[64];
    char hex[NAIVE_TEXT_MAX];
    char modifiers[8];
};

static void naive_stop(const char *what)
{
    fprintf(stderr, "naive: cannot read %s\n", what);
    abort();
}

/* Copies up to `end`, or to the text's end when it is NULL. */
static void text_copy(char *out, size_t cap, const char *from, const char *end)
{
    const size_t len = end ? (size_t)(end - from) : strlen(from);

    if (len >= cap) {
        naive_stop(from);
    }
    memcpy(out, from, len);
    out[len] = '\0';
}

static void sub_parse(struct sub *sub, const char *text)
{
    const char *modifiers = strstr(text, "::");
    const char *colon = strchr(text, ':');

    text_copy(sub->modifiers, sizeof(sub->modifiers), modifiers ? modifiers + 2 : "", NULL);
    text_copy(sub->offset, sizeof(sub->offset), "*", NULL);
    if (colon && colon != modifiers) {
        text_copy(sub->offset, sizeof(sub->offset), text, colon);
        text = colon + 1;
    }
    text_copy(sub->hex, sizeof(sub->hex), text, modifiers);
}

/* ---- Modifiers ---- */

struct writer {
    char *text;
    size_t len;
};

static void writer_put(struct writer *out, const char *text)
{
    const size_t len = strlen(text);

    if (out->len + len >= NAIVE_TEXT_MAX) {
        naive_stop(text);
    }
    memcpy(out->text + out->len, text, len + 1);
    out->len += len;
}

static void writer_put_pair(struct writer *out, const char *pair, bool nocase)
{
    char text[16];
    char digits[3] = {pair[0], pair[1], '\0'};
    char *end;
    const int byte = (int)strtol(digits, &end, 16);

    if (nocase && *end == '\0' && isalpha(byte)) {
        snprintf(text, sizeof(text), "(%02x|%02x)", tolower(byte), toupper(byte));
    } else {
        snprintf(text, sizeof(text), "%s", digits);
    }
    writer_put(out, text);
}

/* Behind the item that begins at `p`; two digits are one item, a gap with its braces another. */
static const char *item_end(const char *p)
{
    if (*p == '{' || *p == '[') {
        return strchr(p, *p == '{' ? '}' : ']') + 1;
    }
    if (*p == '(' && strchr("BLW", p[1])) {
        return p + 3;
    }
    return strchr("*(|)!", *p) ? p + 1 : p + 2;
}

/* The pattern without modifiers that says the same as one with them. */
static void sub_expand(const struct sub *sub, bool wide, char *text)
{
    struct writer out = {text, 0};
    const bool nocase = strchr(sub->modifiers, 'i');
    const bool word = strchr(sub->modifiers, 'f');

    writer_put(&out, word ? "(W)" : "");
    for (const char *p = sub->hex; *p; p = item_end(p)) {
        if (*p == '?' || isxdigit((unsigned char)*p)) {
            writer_put_pair(&out, p, nocase);
            writer_put(&out, wide ? "00" : "");
            continue;
        }
        char item[64];

        text_copy(item, sizeof(item), p, item_end(p));
        writer_put(&out, item);
    }
    writer_put(&out, word ? "(W)" : "");
}

/* Where a subsignature is counted; `places` has len + 1 of them. */
static void sub_places(const char *text, const uint8_t *body, size_t len, bool *places)
{
    static struct sub sub;
    static char pattern[NAIVE_TEXT_MAX];

    sub_parse(&sub, text);
    const bool wide = strchr(sub.modifiers, 'w');

    sub_expand(&sub, wide, pattern);
    (void)naive_places(sub.offset, pattern, body, len, places);
    if (wide && strchr(sub.modifiers, 'a')) {
        sub_expand(&sub, false, pattern);
        (void)naive_places(sub.offset, pattern, body, len, places);
    }
}

/* ---- Comparisons ---- */

static bool test_holds(const char *test, long long number)
{
    const long long value = strtoll(test + 1, NULL, 0);

    return *test == '=' ? number == value : *test == '<' ? number < value : number > value;
}

/* `kind` is what stands between the distance and the number of bytes. */
static bool number_at(const char *kind, const uint8_t *bytes, size_t len, long long *out)
{
    char text[32] = "";
    char *end;

    if (strchr(kind, 'i')) {
        uint64_t value = 0;

        for (size_t i = 0; i < len; i++) {
            value |= (uint64_t)bytes[i] << 8 * (strchr(kind, 'b') ? len - 1 - i : i);
        }
        *out = (long long)value;
        return true;
    }
    memcpy(text, bytes, len);
    *out = strtoll(text, &end, strchr(kind, 'h') ? 16 : 10);
    return !strchr(kind, 'e') || (end == text + len && !isspace((unsigned char)*text));
}

/* `index(>>distance#kind bytes#test,test)` */
static bool compare_holds(const char *text, const bool *places, const uint8_t *body, size_t len)
{
    char way[3];
    char kind[8];
    char tests[64];
    unsigned index;
    long distance;
    size_t bytes_len;
    size_t start = len + 1;
    long long number;

    if (sscanf(text, "%u(%2[<>]%ld#%7[a-z]%zu#%63[^)]", &index, way, &distance, kind, &bytes_len,
               tests) != 6) {
        naive_stop(text);
    }
    do {
        if (start-- == 0) {
            return false;
        }
    } while (!places[start]);
    distance = *way == '<' ? -distance : distance;
    if ((long)start + distance < 0 || (size_t)((long)start + distance) + bytes_len > len ||
        !number_at(kind, body + (long)start + distance, bytes_len, &number)) {
        return false;
    }
    const char *second = strchr(tests, ',');

    return test_holds(tests, number) && (!second || test_holds(second + 1, number));
}

/* ---- All together ---- */

bool naive_logical(const char *expression, const char *const *subs, unsigned subs_len,
                   const uint8_t *body, size_t len)
{
    unsigned counts[NAIVE_SUBS_MAX] = {0};
    bool *places = calloc(subs_len * (len + 1), sizeof(*places));

    if (!places || subs_len > NAIVE_SUBS_MAX) {
        naive_stop(expression);
    }
    for (unsigned i = 0; i < subs_len; i++) {
        bool *own = places + i * (len + 1);

        if (strchr(subs[i], '#')) {
            const unsigned long ref = strtoul(subs[i], NULL, 10);

            counts[i] = compare_holds(subs[i], places + ref * (len + 1), body, len);
            continue;
        }
        sub_places(subs[i], body, len, own);
        for (size_t k = 0; k <= len; k++) {
            counts[i] += own[k];
        }
    }
    free(places);
    return naive_logic_holds(expression, counts);
}
