#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * program - what a body signature is compiled to.
 *
 * A signature is a row of clusters with unbounded gaps between them (`*`, `{n-}`); a cluster is a
 * row of operations that stand at bounded distances. Each operation takes a set of positions in the
 * body to the set of positions behind it (or, run backwards, before it). The structs lie in images:
 * plain, of fixed size, with indices instead of pointers.
 *
 *     41424344{2-4}4546(47|48)*494a4b        cluster 0: BYTES GAP BYTES SET    cluster 1: BYTES
 */
#include "base/macro.h"

#include <stdbool.h>

#define PROGRAM_NONE UINT32_MAX

/* Longest cluster and longest distance inside one; lets extents be 32 bits wide. */
#define PROGRAM_EXTENT_MAX (1U << 30)

enum program_kind {
    PROGRAM_BYTES,  /* `len` bytes at `at` of the byte section. */
    PROGRAM_NOCASE, /* The same, in small letters, for letters of either case. */
    PROGRAM_SET,    /* One byte out of set `at`. */
    PROGRAM_GAP,    /* `len` to `max` bytes of any value. */
    PROGRAM_EITHER, /* One of `count` branches from `at` on. */
    PROGRAM_EDGE, /* No byte; `at` (enum program_edge) says what must stand around the position. */
    PROGRAM_KINDS,
};

/* LEFT looks at the byte before the position, RIGHT at what follows. The body's ends count as
 * edges. */
enum program_edge {
    PROGRAM_EDGE_LEFT_SET,   /* Byte before is in set `len`, or the body begins here. */
    PROGRAM_EDGE_RIGHT_SET,  /* Byte behind is in set `len`, or the body ends here. */
    PROGRAM_EDGE_RIGHT_LINE, /* LF or CRLF follows, or the body ends here. */
    PROGRAM_EDGE_NOT_LF,     /* Anything but LF follows. */
    PROGRAM_EDGE_LEFT_WIDE,  /* No wide character outside of set `len` stands before. */
    PROGRAM_EDGE_RIGHT_WIDE, /* Nor follows; its zero may be cut off by the body's end. */
    PROGRAM_EDGES,
};

struct program_op {
    uint8_t kind;
    uint8_t negated; /* EITHER: none of the branches, all of `len` bytes; EDGE: the contrary. */
    uint16_t count;
    uint32_t at;
    uint32_t len; /* Shortest extent, but for EDGE. */
    uint32_t max; /* Longest extent, but for EDGE. */
};

/* A row of operations that is one of several alternatives. */
struct program_branch {
    uint32_t op_first;
    uint32_t op_len;
};

struct program_set {
    uint8_t bits[32];
};

struct program_cluster {
    uint64_t gap_min; /* At least so many bytes behind the end of the cluster before. */
    uint32_t op_first;
    uint32_t op_len;
    uint32_t len_min;
    uint32_t len_max;
    uint32_t anchor; /* The BYTES or NOCASE operation that a search looks for, or PROGRAM_NONE. */
    uint32_t anchor_rare; /* Index of its rarest byte. */
    uint32_t anchor_min;  /* How far behind the cluster's start the anchor stands. */
    uint32_t anchor_max;
};

/*
 * Where the first cluster may start. From ENTRY on the body's executable headers are needed: a body
 * without them never matches.
 */
enum program_offset {
    PROGRAM_ANYWHERE,
    PROGRAM_FROM_START,
    PROGRAM_FROM_END,
    PROGRAM_FROM_ENTRY,        /* `EP+n`, `EP-n`: `offset` is signed. */
    PROGRAM_FROM_SECTION,      /* `Sx+n` */
    PROGRAM_FROM_LAST_SECTION, /* `SL+n` */
    PROGRAM_IN_SECTION,        /* `SEx`: anywhere in section x, plus the shift. */
    PROGRAM_IN_VERSION_INFO,   /* `VI`: at a string of the PE's version information. */
    PROGRAM_IN_GROUP,          /* `$n$`: only where a macro subsignature asks. */
    PROGRAM_OFFSETS,
};

struct program_signature {
    uint64_t offset; /* From the body's start, or back from its end, and so on. */
    uint64_t shift;  /* So many positions further are as good. */
    uint32_t threat; /* Of a signature that stands alone. */
    uint32_t logic;  /* The logical signature that this is a part of, or PROGRAM_NONE. */
    uint32_t cluster_first;
    uint32_t cluster_len;
    uint32_t
        trigger_cluster; /* The cluster that the trigger is in, absolute; NONE without trigger. */
    uint32_t trigger_split; /* The first operation behind the trigger. */
    uint32_t tail_min;      /* Extent from the trigger's end to the cluster's. */
    uint32_t tail_max;
    uint8_t target;
    uint8_t offset_kind;
    uint16_t section; /* The x of `Sx` and `SEx`, the n of `$n$`. */
    uint8_t pad[4];
};

static inline bool program_set_has(const struct program_set *set, uint8_t byte)
{
    return set->bits[byte >> 3] >> (byte & 7) & 1;
}

static inline void program_set_add(struct program_set *set, uint8_t byte)
{
    set->bits[byte >> 3] |= (uint8_t)(1U << (byte & 7));
}

static inline bool program_op_is_string(const struct program_op *op)
{
    return op->kind == PROGRAM_BYTES || op->kind == PROGRAM_NOCASE;
}

/* Does `len` of an EDGE name a set. */
static inline bool program_edge_has_set(const struct program_op *op)
{
    return op->at != PROGRAM_EDGE_RIGHT_LINE && op->at != PROGRAM_EDGE_NOT_LF;
}

/* How many bytes an operation takes at least and at most. */
static inline uint32_t program_op_min(const struct program_op *op)
{
    return op->kind == PROGRAM_EDGE ? 0 : op->len;
}

static inline uint32_t program_op_max(const struct program_op *op)
{
    return op->kind == PROGRAM_EDGE ? 0 : op->max;
}
