#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * source_yara_string - strings of rules in the language of body signatures.
 *
 * Role: from what a body must have (source_yara_need.h) to the parts and needs of a match_rule.
 * Every pattern matches at least where the rule's string does: `fullword` is dropped, long strings
 * are cut, regular expressions become the literals in them. Private to the source_yara*.c files.
 * Memory: an arena of the caller's. Limits: YARA_PARTS_MAX parts; what does not fit says nothing.
 */
#include "base/arena.h"
#include "defs/source_yara_need.h"
#include "match/build.h"

#define YARA_PARTS_MAX 2048
#define YARA_NEEDS_MAX 8192

/* Bytes of a string, or elements of a hexadecimal one, that a part has at most. */
#define YARA_PART_LEN_MAX 128
#define YARA_PART_HEX_MAX 512

enum yara_detail {
    YARA_DETAIL_FULL,    /* Hexadecimal strings with gaps and alternatives. */
    YARA_DETAIL_LITERAL, /* Only the longest run of bytes in them. */
};

struct yara_parts {
    struct arena *arena;
    enum yara_detail detail;
    struct slice *parts;
    size_t parts_len;
    struct match_need *needs;
    size_t needs_len;
};

/*
 * Writes parts and needs for `node`; root is needs[0]. They live in `arena`, which is reset first
 * and must have YARA_PARTS_ARENA bytes.
 */
#define YARA_PARTS_ARENA MIB(4)

void yara_parts_write(struct yara_parts *out, struct arena *arena, const struct yara_file *file,
                      uint32_t node, enum yara_detail detail);

/* What a body begins with when it has the string at `offset`. */
struct yara_need yara_string_magic(const struct yara_string *string, uint64_t offset);
