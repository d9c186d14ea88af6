#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * literal - what every match of a regular expression must contain.
 *
 * Role: from the text of an expression to a tree of literals, so that the expression is only run
 * over bytes that can match it. Reads the dialect of YARA, and of Perl as far as they agree:
 * classes, groups, alternatives, repeats, anchors. An expression that it does not understand says
 * nothing, which is always true. The tree may demand less than the expression, never more. Runs in:
 * the compiler process. Limits: LITERAL_STRINGS_MAX alternatives of LITERAL_LEN_MAX bytes in one
 * place, LITERAL_DEPTH_MAX groups in each other.
 */
#include "base/slice.h"
#include "match/vec.h"

#define LITERAL_STRINGS_MAX 16
#define LITERAL_LEN_MAX     32
#define LITERAL_DEPTH_MAX   50
#define LITERAL_LEN_MIN     2 /* Shorter ones are too common to be worth a look. */

#define LITERAL_NOTHING UINT32_MAX /* As a node: the expression says nothing. */

enum literal_kind {
    LITERAL_BYTES,
    LITERAL_ALL, /* Every child. */
    LITERAL_ANY, /* At least one. */
};

/* Children are a list: `child` is the first, `next` the one behind. */
struct literal_node {
    uint8_t kind;
    uint8_t len;
    uint8_t bytes[LITERAL_LEN_MAX]; /* In small letters when case does not matter. */
    uint32_t child;
    uint32_t next;
};

/*
 * Appends the tree (struct literal_node) to `out_nodes`; `*out_root` is its root or
 * LITERAL_NOTHING. False without memory.
 */
MUST_CHECK bool literal_extract(struct vec *out_nodes, struct slice expression, bool nocase,
                                uint32_t *out_root);
