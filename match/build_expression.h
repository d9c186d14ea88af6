#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * build_expression - the expression of a logical signature as nodes.
 *
 * Role: reads `0&(1|2)>2,2` into breadth-first rows of struct layout_node. The operator that stands
 * first outside of parentheses splits an expression, so `a&b|c` is `a&(b|c)`; but right inside of
 * parentheses it is the last, so `(a&b|c)` is `(a&b)|c` and `(a&b|c|d)` is `(a&(b|c))|d`. Tests
 * (`=X`, `<X`,
 * `>X`, each with `,Y`) belong to an index or to a pair of parentheses. Rules and quirks were
 * measured with clamscan. Private to the build*.c files. Memory: the vector, the caller's. Limits:
 * LAYOUT_DEPTH_MAX levels, EXPRESSION_TERMS_MAX, EXPRESSION_BLOCKS_MAX.
 */
#include "base/slice.h"
#include "match/layout.h"
#include "match/vec.h"

#define EXPRESSION_ERROR_CAP  96
#define EXPRESSION_TERMS_MAX  1024 /* Operands that are open at a time. */
#define EXPRESSION_BLOCKS_MAX 1024 /* Parentheses in each other. */

/*
 * Appends the nodes to `nodes` (struct layout_node); the outermost is the first of them, and
 * indices count from it. `*out_parts` has a bit for each part that is named. Negative errno, or
 * enum match_build_status with `error` filled; then nothing is appended.
 */
MUST_CHECK int build_expression(struct vec *nodes, struct slice text, uint64_t *out_parts,
                                char error[EXPRESSION_ERROR_CAP]);
