#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * yaml_tree - a YAML text as nodes that know their lines.
 *
 * Role: scenarios are checked node by node against tables, and later errors (a value that does not
 * go with another one) still have to name a line: so the text becomes a tree first. Memory: one
 * block for each node, until tree_free; strings belong to the tree. Limits: TREE_DEPTH_MAX,
 * TREE_NODES_MAX. Refused: anchors, aliases, tags, a second document, a name given twice in a map.
 */
#include "base/slice.h"

#define TREE_DEPTH_MAX 8
#define TREE_NODES_MAX 5000
#define PROBLEM_CAP    512

/* Where a refusal goes: one line for the user. */
struct problem {
    const char *file; /* Name for messages; NULL: what the command line says. */
    char text[PROBLEM_CAP];
};

/* Writes "file:line: path: text"; without a file "path: text". Returns false. */
bool problem_put(struct problem *problem, unsigned line, const char *path, const char *format, ...)
    PRINTF_LIKE(4, 5);

enum tree_kind {
    TREE_SCALAR,
    TREE_LIST,
    TREE_MAP
};

struct tree_node {
    enum tree_kind kind;
    unsigned line;
    bool plain;       /* A scalar without quotes. */
    const char *name; /* In front of the colon; NULL in a list. */
    const char *text; /* Of a scalar; "" otherwise. */
    struct tree_node *first;
    struct tree_node *last;
    struct tree_node *next;
};

struct tree_block;

struct tree {
    struct tree_node *root; /* A map. */
    struct tree_block *blocks;
    size_t nodes;
};

/* False with the reason in `problem`; the tree is empty then. */
MUST_CHECK bool tree_read(struct tree *tree, struct slice text, struct problem *problem);

/* Adds to the tree a value from the command line, which is YAML when it starts as a list or a map.
 * NULL with the reason in `problem`. */
struct tree_node *tree_read_value(struct tree *tree, const char *name, const char *value,
                                  struct problem *problem);
void tree_free(struct tree *tree);

/* The node of that name in a map; NULL without one, or when `map` is NULL or none. */
const struct tree_node *tree_find(const struct tree_node *map, const char *name);

/* Puts a node behind the others of a map or list. */
void tree_append(struct tree_node *parent, struct tree_node *child);

size_t tree_count(const struct tree_node *node);

/* What a message shows of a node: 'value', cut, or what it is instead of a value. */
#define TREE_SHOWN_CAP 72
const char *tree_show(const struct tree_node *node, char out[TREE_SHOWN_CAP]);
