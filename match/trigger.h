#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * trigger - which few bytes of a signature Hyperscan should look for.
 *
 * Role: chooses the window of at most TRIGGER_LEN_MAX bytes that is rarest in clean files, by a
 * table of byte frequencies measured on programs and on texts (the commoner of the two counts).
 * Only the last eight bytes of a literal take part in Hyperscan's filter, so they weigh most; a
 * window that ends in a run of one byte would fire on every byte of padding and is never taken.
 * Where no plain window will do, a window over sets, nibbles and alternatives stands for the union
 * of the strings that it can be. Runs in: the builder.
 */
#include "base/slice.h"
#include "match/pattern.h"

#define TRIGGER_LEN_MAX   16
#define TRIGGER_UNION_MAX 64

struct trigger_string {
    uint8_t bytes[TRIGGER_LEN_MAX];
    uint8_t len;
};

/* Any of the strings says: here the operations up to the split may end. */
struct trigger {
    uint32_t cluster; /* Index in the pattern. */
    uint32_t op;      /* The operation that the window ends in, index in the pattern. */
    uint32_t op_end;  /* How many of its bytes are inside, for BYTES. */
    uint32_t score;   /* Eighths of a bit; higher is rarer; 0: there is no window at all. */
    bool nocase;      /* The strings are in small letters and stand for letters of either case. */
    uint32_t strings_len;
    struct trigger_string strings[TRIGGER_UNION_MAX];
};

/*
 * The rarest window. False when it is not rare enough; it is given all the same, with its score, so
 * that the caller can weigh it.
 */
MUST_CHECK bool trigger_choose(struct trigger *out, const struct pattern *pattern);

/* How often a trigger of that score is to be expected in a megabyte of clean files. */
double trigger_hits_per_mb(uint32_t score);

/* Index of the rarest byte. */
size_t trigger_rarest(struct slice bytes);
