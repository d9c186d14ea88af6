#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * build_cover - which parts of a logic must speak up before it is looked at.
 *
 * Role: out of a tree of needs and the cost of each part, chooses the cheapest set of parts such
 * that a body that meets the needs has at least one of them: of all children the cheapest, of any
 * every one, of k out of n the n - k + 1 cheapest. Private to the build*.c files. Memory: the
 * caller's.
 */
#include "match/build.h"

struct cover {
    const double *part_costs; /* INFINITY: the part cannot speak up. */
    bool *chosen;             /* Of parts; what is chosen is set, nothing is cleared. */
    double *node_costs;       /* As many as there are needs. */
    uint32_t *order;          /* Likewise: those that cover a node lead among its children. */
};

/* Fills in `node_costs`, INFINITY where nothing covers the node; returns the outermost one. */
double build_cover_weigh(const struct cover *cover, const struct match_need *needs,
                         size_t needs_len);

/* Chooses for needs that were weighed and can be covered. */
void build_cover_choose(const struct cover *cover, const struct match_need *needs);
