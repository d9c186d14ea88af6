/* SPDX-License-Identifier: MIT */
/* build_choice - what a logic needs, what its parts cost, and which of them shall speak up. */
#include "base/assert.h"
#include "base/err.h"
#include "match/build_cover.h"
#include "match/build_logic.h"

#include <math.h>

/* Less than one hit in a gigabyte: nothing is gained by looking for a part that costs less. */
#define CHOICE_COST_GOOD 1e-3

#define CHOICE_COST_UNKNOWN (-1.0)

static struct build_part *choice_part(const struct build_logic *logic, size_t index)
{
    return vec_at(&logic->parts, index);
}

/* ---- Needs ---- */

/* Does the test hold without a match. */
static bool node_says_nothing(const struct layout_node *node)
{
    return node->test == LAYOUT_TEST_LESS || (node->test == LAYOUT_TEST_EQUAL && node->count == 0);
}

/* Are the children of the block parts that count when they match, and only then. */
static bool node_is_flat(const struct vec *nodes, const struct layout_node *node)
{
    for (uint32_t i = 0; i < node->len; i++) {
        const struct layout_node *child = vec_at(nodes, node->first + i);

        if (child->kind != LAYOUT_NODE_PART || node_says_nothing(child)) {
            return false;
        }
    }
    return true;
}

static struct match_need need_of(const struct vec *nodes, const struct layout_node *node)
{
    struct match_need need = {.part = PROGRAM_NONE};

    if (node_says_nothing(node)) {
        return need;
    }
    if (node->kind == LAYOUT_NODE_PART) {
        need.part = node->first;
        return need;
    }
    need.first = node->first;
    need.len = node->len;
    need.need = node->kind == LAYOUT_NODE_ALL ? node->len : 1;
    if (node->distinct > need.need && node_is_flat(nodes, node)) {
        need.need = node->distinct;
    }
    return need;
}

/* One need for each node of an expression. */
static int needs_fill(struct vec *needs, const struct vec *nodes)
{
    needs->len = 0;
    for (size_t i = 0; i < nodes->len; i++) {
        const struct match_need need = need_of(nodes, vec_at(nodes, i));

        if (!vec_append(needs, &need, 1)) {
            return ERR_NEW(-ENOMEM);
        }
    }
    return 0;
}

int build_logic_take_needs(struct build_logic *logic)
{
    return needs_fill(&logic->needs, &logic->nodes);
}

/* ---- Costs ---- */

/* All variants must be seen. */
static double choice_weigh_bodies(struct build_logic *logic, size_t index)
{
    struct build_part *part = choice_part(logic, index);
    double *cost = vec_at(&logic->costs, index);

    if (*cost != CHOICE_COST_UNKNOWN) {
        return *cost;
    }
    *cost = part->kind == LAYOUT_PART_BODY ? 0 : INFINITY;
    for (uint32_t i = 0; i < part->bodies_len; i++) {
        struct build_body *body = &part->bodies[i];

        build_body_weigh(body);
        *cost += body->place == BUILD_PLACE_NONE ? INFINITY : body->cost;
    }
    return *cost;
}

static int choice_weigh_needs(struct build_logic *logic, const struct vec *needs,
                              struct cover *out_cover, double *out_cost)
{
    ASSERT(needs->len > 0);
    logic->node_costs.len = 0;
    logic->order.len = 0;
    if (!vec_extend(&logic->node_costs, needs->len) || !vec_extend(&logic->order, needs->len)) {
        return ERR_NEW(-ENOMEM);
    }
    *out_cover = (struct cover){
        .part_costs = vec_at(&logic->costs, 0),
        .chosen = vec_at(&logic->chosen, 0),
        .node_costs = vec_at(&logic->node_costs, 0),
        .order = vec_at(&logic->order, 0),
    };
    *out_cost = build_cover_weigh(out_cover, vec_at(needs, 0), needs->len);
    return 0;
}

/* A regex speaks through its trigger, which names only parts before it. */
static int choice_weigh_regex(struct build_logic *logic, size_t index)
{
    struct cover cover;
    double cost = INFINITY;
    int r = needs_fill(&logic->trigger_needs, &choice_part(logic, index)->regex_nodes);

    if (r == 0) {
        r = choice_weigh_needs(logic, &logic->trigger_needs, &cover, &cost);
    }
    if (r) {
        return ERR_PASS(r);
    }
    *(double *)vec_at(&logic->costs, index) = cost;
    return 0;
}

static int choice_weigh_parts(struct build_logic *logic)
{
    double *costs = vec_at(&logic->costs, 0);

    for (size_t i = 0; i < logic->parts.len; i++) {
        (void)choice_weigh_bodies(logic, i);
    }
    for (size_t i = 0; i < logic->parts.len; i++) {
        const struct build_part *part = choice_part(logic, i);

        if (part->kind == LAYOUT_PART_COMPARE) {
            costs[i] = costs[part->compare.part];
        }
        const int r = part->kind == LAYOUT_PART_REGEX ? choice_weigh_regex(logic, i) : 0;

        if (r) {
            return ERR_PASS(r);
        }
    }
    return 0;
}

/* ---- Choice ---- */

/* Of parts that are all needed the first good one will do. */
static bool choice_find_good(struct build_logic *logic)
{
    const struct match_need *root = vec_at(&logic->needs, 0);

    if (root->need < root->len) {
        return false;
    }
    for (uint32_t i = 0; i < root->len; i++) {
        const struct match_need *child = vec_at(&logic->needs, root->first + i);

        if (child->len == 0 && child->part != PROGRAM_NONE &&
            choice_weigh_bodies(logic, child->part) < CHOICE_COST_GOOD) {
            *(bool *)vec_at(&logic->chosen, child->part) = true;
            return true;
        }
    }
    return false;
}

/* The trigger of a regex that is chosen. */
static int choice_pass_regex(struct build_logic *logic, size_t index)
{
    struct cover cover;
    double cost = INFINITY;
    int r = needs_fill(&logic->trigger_needs, &choice_part(logic, index)->regex_nodes);

    if (r == 0) {
        r = choice_weigh_needs(logic, &logic->trigger_needs, &cover, &cost);
    }
    if (r == 0) {
        build_cover_choose(&cover, vec_at(&logic->trigger_needs, 0));
    }
    return r;
}

/* A part that is chosen but is no body speaks through those it builds on. */
static int choice_pass(struct build_logic *logic)
{
    bool *chosen = vec_at(&logic->chosen, 0);

    for (size_t i = logic->parts.len; i-- > 0;) {
        const bool regex = choice_part(logic, i)->kind == LAYOUT_PART_REGEX;
        const int r = chosen[i] && regex ? choice_pass_regex(logic, i) : 0;

        if (r) {
            return ERR_PASS(r);
        }
    }
    for (size_t i = 0; i < logic->parts.len; i++) {
        const struct build_part *part = choice_part(logic, i);

        if (chosen[i] && part->kind == LAYOUT_PART_COMPARE) {
            chosen[part->compare.part] = true;
        }
    }
    return 0;
}

static int choice_make(struct build_logic *logic)
{
    struct cover cover;
    double cost = INFINITY;
    int r = choice_weigh_parts(logic);

    if (r == 0) {
        r = choice_weigh_needs(logic, &logic->needs, &cover, &cost);
    }
    if (r) {
        return ERR_PASS(r);
    }
    logic->covered = isfinite(cost);
    if (!logic->covered) {
        return 0;
    }
    build_cover_choose(&cover, vec_at(&logic->needs, 0));
    return choice_pass(logic);
}

int build_logic_cover(struct build_logic *logic)
{
    const size_t len = logic->parts.len;

    if (!vec_extend(&logic->costs, len) || !vec_extend(&logic->chosen, len)) {
        return ERR_NEW(-ENOMEM);
    }
    for (size_t i = 0; i < len; i++) {
        *(double *)vec_at(&logic->costs, i) = CHOICE_COST_UNKNOWN;
    }
    logic->covered = choice_find_good(logic);
    return logic->covered ? 0 : choice_make(logic);
}
