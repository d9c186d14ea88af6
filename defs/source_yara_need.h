#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * source_yara_need - what a body must have for a condition to be true.
 *
 * Role: a condition becomes a tree of strings (at least so many of these), with a gate in front;
 * whatever a condition says beyond that is left to libyara. All functions may ask for less than the
 * condition does, never for more. Nodes are never changed once made, so that rules share them.
 * Private to the source_yara*.c files. Memory: vectors of the file.
 */
#include "defs/source_yara_file.h"

struct match_need;

enum yara_node_kind {
    YARA_NODE_STRING, /* The file's string `index`, at `offset` unless that is YARA_ANYWHERE. */
    YARA_NODE_BYTES,  /* `bytes`: hexadecimal digits, maybe with colons between. */
    YARA_NODE_HOLE,   /* The string that a `for ... of` has at hand. */
    YARA_NODE_LEAST,  /* At least `least` of the children. */
};

#define YARA_ANYWHERE UINT64_MAX

/* Two needs that are no nodes. */
#define YARA_NODE_ANYTHING UINT32_MAX       /* Says nothing. */
#define YARA_NODE_NEVER    (UINT32_MAX - 1) /* Cannot be. */

struct yara_node {
    uint8_t kind;
    bool has_hole; /* In it or below. */
    bool weak;     /* Not worth asking for beside something else. */
    uint32_t index;
    uint32_t least;
    uint32_t link; /* The first child's. */
    uint32_t len;
    uint64_t offset;
    struct slice bytes;
};

struct yara_link {
    uint32_t node;
    uint32_t next; /* YARA_NONE: the last. */
};

/* Children under way. */
struct yara_list {
    uint32_t first;
    uint32_t last;
    uint32_t len;
    uint32_t anything_len;
    bool contradicts;     /* Not all of the gates can hold. */
    struct yara_gate all; /* All gates together ... */
    struct yara_gate any; /* ... and what they have in common. */
};

struct yara_need yara_need_anything(void);
struct yara_need yara_need_never(void);

/* Nodes that ask for one thing. All that make nodes give ANYTHING without memory. */
struct yara_need yara_need_string(struct yara_file *file, uint32_t string, uint64_t offset);
struct yara_need yara_need_bytes(struct yara_file *file, struct slice hex, bool weak);
struct yara_need yara_need_hole(struct yara_file *file, uint64_t offset);

/* `mask` and `value` as a body's first four bytes, little-endian. */
struct yara_need yara_need_magic(uint32_t mask, uint32_t value);
struct yara_need yara_need_size_max(uint64_t max);

void yara_list_init(struct yara_list *list);
void yara_list_add(struct yara_file *file, struct yara_list *list, struct yara_need need);

/* At least `least` of the list; 0 says nothing. */
struct yara_need yara_list_close(struct yara_file *file, const struct yara_list *list,
                                 uint64_t least);

struct yara_need yara_need_both(struct yara_file *file, struct yara_need a, struct yara_need b);

/* `need` with string `string` in place of the hole. */
struct yara_need yara_need_fill(struct yara_file *file, struct yara_need need, uint32_t string);
