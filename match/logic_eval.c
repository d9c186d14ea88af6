/* SPDX-License-Identifier: MIT */
#include "match/logic.h"

#include "base/assert.h"
#include "match/match_private.h"

/*
 * Evaluating has no side effect but the memos of the parts, so it may stop anywhere and start
 * again. Counts are exact up to a cap that the tests around ask for; a cap of 0 says that only the
 * truth matters, so that the first child that decides is enough.
 */
struct node_value {
    bool holds;
    uint32_t count;
    uint64_t parts; /* A bit for each part that held. */
};

/* So many children are tried in the order of their costs. */
#define EVAL_SORT_MAX 64

static enum logic_result node_eval(struct body_job *job, uint32_t index, uint32_t cap,
                                   struct node_value *out);

static const struct layout_node *node_of(const struct body_job *job, uint32_t index)
{
    return &job->db->layout.nodes[index];
}

/* ---- Costs ---- */

static uint32_t signature_cost(const struct body_job *job,
                               const struct program_signature *signature)
{
    const struct program_cluster *cluster = &job->db->layout.clusters[signature->cluster_first];

    if (signature->offset_kind != PROGRAM_ANYWHERE) {
        return signature->offset_kind <= PROGRAM_FROM_END ? 1 : 2;
    }
    if (cluster->anchor == PROGRAM_NONE) {
        return 900;
    }
    const uint32_t len = job->db->layout.ops[cluster->anchor].len;

    return 800 - 8 * MIN_OF(len, EVAL_SORT_MAX);
}

/* What is known costs nothing; then what is at one place; then what is long, hence rare. */
static uint32_t node_cost(struct body_job *job, uint32_t index)
{
    const struct layout_node *node = node_of(job, index);

    if (node->kind != LAYOUT_NODE_PART) {
        return 1000;
    }
    const struct layout_part *part = logic_part_of(job, node->first);
    const struct logic_memo *memo = logic_memo_of(job, node->first);

    if (memo->done || memo->hinted) {
        return 0;
    }
    switch (part->kind) {
    case LAYOUT_PART_BODY:
        return signature_cost(job, job_signature(job, part->first)) + (part->len > 1 ? 50 : 0) +
               (node->test == LAYOUT_TEST_NONE ? 0 : 100);
    case LAYOUT_PART_MACRO:
        return 1100;
    case LAYOUT_PART_COMPARE:
        return 1200;
    default:
        return 1300;
    }
}

/* Children in the order in which they are tried. */
struct node_order {
    uint32_t len;
    uint32_t first;
    uint32_t cost[EVAL_SORT_MAX]; /* UINT32_MAX: tried. */
};

static void order_init(struct body_job *job, struct node_order *order,
                       const struct layout_node *node)
{
    order->first = node->first;
    order->len = node->len;
    for (uint32_t i = 0; i < node->len && node->len <= EVAL_SORT_MAX; i++) {
        order->cost[i] = node_cost(job, node->first + i);
    }
}

/* The `nth` child. */
static uint32_t order_next(struct node_order *order, uint32_t nth)
{
    uint32_t best = 0;

    if (order->len > EVAL_SORT_MAX) {
        return order->first + nth;
    }
    for (uint32_t i = 1; i < order->len; i++) {
        if (order->cost[i] < order->cost[best]) {
            best = i;
        }
    }
    order->cost[best] = UINT32_MAX;
    return order->first + best;
}

/* ---- Values ---- */

static bool test_holds(const struct layout_node *node, uint32_t count)
{
    switch (node->test) {
    case LAYOUT_TEST_EQUAL:
        return count == node->count;
    case LAYOUT_TEST_LESS:
        return count < node->count;
    case LAYOUT_TEST_MORE:
        return count > node->count;
    default:
        return count > 0;
    }
}

/* From this count on the test is decided. */
static uint32_t test_cap(const struct layout_node *node)
{
    if (node->test == LAYOUT_TEST_NONE) {
        return 1;
    }
    return node->count < UINT32_MAX ? node->count + 1 : UINT32_MAX;
}

static enum logic_result part_eval(struct body_job *job, const struct layout_node *node,
                                   uint32_t cap, struct node_value *out)
{
    uint32_t count = 0;

    if (logic_count(job, node->first, MAX_OF(cap, test_cap(node)), &count) == LOGIC_AGAIN) {
        return LOGIC_AGAIN;
    }
    *out = (struct node_value){0};
    if (test_holds(node, count)) {
        *out = (struct node_value){true, count, UINT64_C(1) << node->first};
    }
    return LOGIC_YES;
}

static void value_add(struct node_value *sum, const struct node_value *value)
{
    sum->count += MIN_OF(value->count, UINT32_MAX - sum->count);
    sum->parts |= value->parts;
}

static bool distinct_holds(const struct layout_node *node, const struct node_value *value)
{
    return (uint32_t)__builtin_popcountll(value->parts) >= node->distinct;
}

/* Whether a `|` needs no more of its children. */
static bool any_decided(const struct layout_node *node, uint32_t cap,
                        const struct node_value *value)
{
    if (node->test == LAYOUT_TEST_NONE) {
        return value->holds && cap == 0;
    }
    return value->count >= cap && (node->test != LAYOUT_TEST_MORE || distinct_holds(node, value));
}

static enum logic_result block_eval(struct body_job *job, const struct layout_node *node,
                                    uint32_t cap, struct node_value *out)
{
    const bool all = node->kind == LAYOUT_NODE_ALL;
    struct node_order order;

    *out = (struct node_value){.holds = all};
    order_init(job, &order, node);
    for (uint32_t i = 0; i < node->len; i++) {
        struct node_value value;

        if (node_eval(job, order_next(&order, i), cap, &value) == LOGIC_AGAIN) {
            return LOGIC_AGAIN;
        }
        if (all && !value.holds) {
            *out = (struct node_value){0};
            break;
        }
        if (value.holds) {
            out->holds = true;
            value_add(out, &value);
        }
        if (!all && any_decided(node, cap, out)) {
            break;
        }
    }
    return LOGIC_YES;
}

static enum logic_result node_eval(struct body_job *job, uint32_t index, uint32_t cap,
                                   struct node_value *out)
{
    const struct layout_node *node = node_of(job, index);

    if (node->kind == LAYOUT_NODE_PART) {
        return part_eval(job, node, cap, out);
    }
    if (node->test == LAYOUT_TEST_NONE) {
        return block_eval(job, node, cap, out);
    }
    if (block_eval(job, node, MAX_OF(cap, test_cap(node)), out) == LOGIC_AGAIN) {
        return LOGIC_AGAIN;
    }
    out->holds = test_holds(node, out->count) && distinct_holds(node, out);
    out->count = out->holds ? out->count : 0;
    out->parts = 0;
    return LOGIC_YES;
}

enum logic_result logic_holds(struct body_job *job, uint32_t node)
{
    struct node_value value;

    if (node_eval(job, node, 0, &value) == LOGIC_AGAIN) {
        return LOGIC_AGAIN;
    }
    return value.holds ? LOGIC_YES : LOGIC_NO;
}

enum logic_result logic_eval(struct body_job *job)
{
    return logic_holds(job, job->db->layout.logics[job->slot->logic.logic].root);
}
