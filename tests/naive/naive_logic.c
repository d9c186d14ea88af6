/* SPDX-License-Identifier: MIT */
#include "tests/naive/naive.h"

#include <stdlib.h>
#include <string.h>

/*
 * A value of an expression: how often it was matched, and by which subsignatures. What does not
 * hold has neither.
 */
struct value {
    bool holds;
    unsigned long count;
    uint64_t parts;
};

struct text {
    const char *from;
    const char *to;
};

static struct value logic_value(struct text text, bool block, const unsigned *counts);

/* The first or the last operator outside of all parentheses, or the end. */
static const char *logic_operator(struct text text, bool last)
{
    const char *op = text.to;
    int depth = 0;

    for (const char *p = text.from; p < text.to; p++) {
        depth += (*p == '(') - (*p == ')');
        if (depth == 0 && (*p == '&' || *p == '|') && (last || op == text.to)) {
            op = p;
        }
    }
    return op;
}

static bool logic_compares(char op, unsigned long count, unsigned long wanted)
{
    return op == '=' ? count == wanted : op == '<' ? count < wanted : count > wanted;
}

/* A subsignature, or a block in parentheses, with or without a test behind it. */
static struct value logic_term(struct text text, const unsigned *counts)
{
    const bool block = *text.from == '(';
    const char *test = text.to;
    struct value value;

    while (test > text.from && strchr("0123456789,", test[-1])) {
        test--;
    }
    /* In front of the digits stands the test, or they are the subsignature. */
    test = test > text.from && strchr("=<>", test[-1]) ? test - 1 : text.to;
    if (block) {
        value = logic_value((struct text){text.from + 1, test - 1}, true, counts);
    } else {
        const unsigned long part = strtoul(text.from, NULL, 10);

        value = (struct value){counts[part] > 0, counts[part], UINT64_C(1) << part};
    }
    if (test < text.to) {
        char *rest;
        const unsigned long wanted = strtoul(test + 1, &rest, 10);
        const unsigned long distinct = block && *rest == ',' ? strtoul(rest + 1, NULL, 10) : 0;

        value.count = value.holds ? value.count : 0;
        value.parts = value.holds || !block ? value.parts : 0;
        value.holds = logic_compares(*test, value.count, wanted) &&
                      (unsigned long)__builtin_popcountll(value.parts) >= distinct;
        value.parts = block ? 0 : value.parts;
    }
    return value.holds ? value : (struct value){0};
}

/* There is no precedence: the last operator splits the inside of a block, the first any other. */
static struct value logic_value(struct text text, bool block, const unsigned *counts)
{
    const char *op = logic_operator(text, block);

    if (op == text.to) {
        return logic_term(text, counts);
    }
    const struct value left = logic_value((struct text){text.from, op}, false, counts);
    const struct value right = logic_value((struct text){op + 1, text.to}, false, counts);

    if (*op == '&' ? left.holds && right.holds : left.holds || right.holds) {
        return (struct value){true, left.count + right.count, left.parts | right.parts};
    }
    return (struct value){0};
}

bool naive_logic_holds(const char *expression, const unsigned *counts)
{
    return logic_value((struct text){expression, expression + strlen(expression)}, false, counts)
        .holds;
}
