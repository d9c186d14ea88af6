/* SPDX-License-Identifier: MIT */
#include "match/build_cover.h"

#include "base/assert.h"
#include "match/program.h"

#include <math.h>

/* How many of the children cover the node; 0: it says nothing. */
static uint32_t cover_width(const struct match_need *need)
{
    if (need->need == 0 || need->len == 0) {
        return 0;
    }
    return need->len - MIN_OF(need->need, need->len) + 1;
}

/* Puts the `width` cheapest children first in the node's piece of `order`. */
static void cover_order(const struct cover *cover, const struct match_need *need, uint32_t width)
{
    uint32_t *order = cover->order + need->first;

    for (uint32_t i = 0; i < need->len; i++) {
        order[i] = need->first + i;
    }
    for (uint32_t i = 0; i < width && width < need->len; i++) {
        uint32_t best = i;

        for (uint32_t j = i + 1; j < need->len; j++) {
            if (cover->node_costs[order[j]] < cover->node_costs[order[best]]) {
                best = j;
            }
        }
        const uint32_t kept = order[i];

        order[i] = order[best];
        order[best] = kept;
    }
}

static double cover_weigh_node(const struct cover *cover, const struct match_need *need)
{
    const uint32_t width = cover_width(need);
    double cost = 0;

    if (need->len == 0 && need->part != PROGRAM_NONE) {
        return cover->part_costs[need->part];
    }
    if (width == 0) {
        return INFINITY;
    }
    cover_order(cover, need, width);
    for (uint32_t i = 0; i < width; i++) {
        cost += cover->node_costs[cover->order[need->first + i]];
    }
    return cost;
}

double build_cover_weigh(const struct cover *cover, const struct match_need *needs,
                         size_t needs_len)
{
    double cost = INFINITY;

    ASSERT(needs_len > 0);
    for (size_t i = needs_len; i-- > 0;) {
        ASSERT(needs[i].len == 0 || needs[i].first > i);
        cost = cover_weigh_node(cover, &needs[i]);
        cover->node_costs[i] = cost;
    }
    return cost;
}

static void cover_choose_node(const struct cover *cover, const struct match_need *needs,
                              uint32_t index)
{
    const struct match_need *need = &needs[index];
    const uint32_t width = cover_width(need);

    if (need->len == 0) {
        cover->chosen[need->part] = true;
        return;
    }
    for (uint32_t i = 0; i < width; i++) {
        cover_choose_node(cover, needs, cover->order[need->first + i]);
    }
}

void build_cover_choose(const struct cover *cover, const struct match_need *needs)
{
    ASSERT(isfinite(cover->node_costs[0]));
    cover_choose_node(cover, needs, 0);
}
