#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * pattern - reads the text of a body signature and of its offset.
 *
 * Role: ClamAV's hexadecimal language into program operations. Knows: bytes, `??`, `a?`, `?a`, `*`,
 * `{n}`, `{-n}`,
 * `{n-}`, `{n-m}`, `[n-m]`, `(aa|bb)`, `(aabb|ccdd)`, alternatives of different lengths with `??`,
 * nibbles and `{n}` (nested), `!(...)` for alternatives of one length, `(B)`, `(L)`, `(W)` and
 * their negations. The last three test the surroundings at the ends of a part and take bytes inside
 * one; a part ends where a gap other than `{n}` with n < 128 stands. Runs in: the builder. Memory:
 * vectors, freed by pattern_free. Limits: PATTERN_TEXT_MAX, PATTERN_DEPTH_MAX. Which bytes count as
 * a boundary `(B)`, and what the modifiers of logical signatures mean for anything but bytes, was
 * measured with clamscan.
 */
#include "base/slice.h"
#include "match/build.h"
#include "match/program.h"
#include "match/vec.h"

#define PATTERN_TEXT_MAX  32768
#define PATTERN_DEPTH_MAX 15
#define PATTERN_ERROR_CAP 160
#define PATTERN_GROUPS    32 /* Macro groups are numbered from 0 on. */

/* All indices are relative to the pattern's own vectors. */
struct pattern {
    struct vec ops;      /* struct program_op; the rows of clusters and of branches. */
    struct vec branches; /* struct program_branch */
    struct vec bytes;    /* uint8_t */
    struct vec sets;     /* struct program_set */
    struct vec clusters; /* struct program_cluster without anchors. */
};

/* Modifiers of a logical signature's body. */
enum pattern_modifier {
    PATTERN_NOCASE = 1, /* `i`: letters of either case, but for nibbles. */
    PATTERN_WIDE = 2,   /* `w`: a zero behind each byte; gaps in braces count bytes as they are. */
    PATTERN_WORD = 4,   /* `f`: between `(W)` and `(W)`. */
};

struct pattern_offset {
    enum program_offset kind;
    uint64_t at; /* FROM_ENTRY: an int64_t. */
    uint64_t shift;
    uint16_t section; /* Or the group of IN_GROUP. */
};

/*
 * Negative errno or an enum match_build_status. Whatever it returns, `out` must be freed. With a
 * refusal `error` says why in one line.
 */
MUST_CHECK int pattern_parse(struct pattern *out, struct slice text, unsigned modifiers,
                             char error[PATTERN_ERROR_CAP]);
void pattern_free(struct pattern *pattern);

/*
 * `*`, `n`, `EOF-n`; for the targets with executable headers also `EP+n`, `EP-n`, `Sx+n`, `SL+n`,
 * `SEx`, `VI`; all but `*` with `,shift` behind. `$n$` has no shift.
 */
MUST_CHECK enum match_build_status pattern_parse_offset(struct pattern_offset *out,
                                                        struct slice text, unsigned target,
                                                        char error[PATTERN_ERROR_CAP]);
