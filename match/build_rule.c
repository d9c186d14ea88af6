/* SPDX-License-Identifier: MIT */
/* build_rule - rules that a ruleset of libyara decides. */
#include "base/assert.h"
#include "base/err.h"
#include "match/build_logic.h"

int match_builder_add_ruleset(struct match_builder *builder, struct slice rules,
                              uint32_t *out_ruleset)
{
    const struct layout_ruleset row = {builder->rules.len, rules.len};
    const size_t padding = (size_t)(-rules.len & (LAYOUT_ALIGN - 1));
    const uint32_t index = (uint32_t)builder->rulesets.len;

    if (!vec_append(&builder->rulesets, &row, 1) ||
        !vec_append(&builder->rules, rules.ptr, rules.len) ||
        !vec_extend(&builder->rules, padding)) {
        return ERR_NEW(-ENOMEM);
    }
    *out_ruleset = index;
    return 0;
}

static bool rule_need_is_sound(const struct match_rule *rule, size_t index)
{
    const struct match_need *need = &rule->needs[index];

    if (need->len == 0) {
        return need->part == UINT32_MAX || need->part < rule->parts_len;
    }
    return need->first > index && need->first < rule->needs_len &&
           need->len <= rule->needs_len - need->first;
}

/* ---- What a body must have before the ruleset is asked ---- */

/* Whether a need says anything; then at least `*out_least` of its children that do must hold. */
static bool rule_says(const struct match_need *needs, uint32_t index, uint32_t *out_least)
{
    const struct match_need *need = &needs[index];
    uint32_t silent = 0;
    uint32_t ignored;

    if (need->len == 0) {
        return need->part != UINT32_MAX;
    }
    for (uint32_t i = 0; i < need->len; i++) {
        silent += !rule_says(needs, need->first + i, &ignored);
    }
    *out_least = need->need > silent ? need->need - silent : 0;
    return *out_least > 0;
}

/* The node of need `index`, and behind all nodes so far those of its children, still as needs. */
static bool rule_make_node(struct build_logic *logic, const struct match_need *needs,
                           struct vec *sources, uint32_t at)
{
    const uint32_t index = *(const uint32_t *)vec_at(sources, at);
    const struct match_need *need = &needs[index];
    struct layout_node node = {.kind = LAYOUT_NODE_PART, .first = need->part};
    uint32_t least = 0;
    uint32_t ignored;

    if (need->len > 0) {
        (void)rule_says(needs, index, &least);
        node.first = (uint32_t)sources->len;
        for (uint32_t i = need->first; i < need->first + need->len; i++) {
            if (rule_says(needs, i, &ignored) && !vec_append(sources, &i, 1)) {
                return false;
            }
        }
        /* Between one and all, one is asked for: what is left open the ruleset decides. */
        node.len = (uint32_t)sources->len - node.first;
        node.kind = least == node.len ? LAYOUT_NODE_ALL : LAYOUT_NODE_ANY;
    }
    return vec_append(&logic->nodes, &node, 1) != NULL;
}

static unsigned rule_depth(const struct match_need *needs, uint32_t index)
{
    const struct match_need *need = &needs[index];
    unsigned depth = 0;

    for (uint32_t i = 0; i < need->len; i++) {
        const unsigned below = rule_depth(needs, need->first + i);

        depth = MAX_OF(depth, below);
    }
    return depth + 1;
}

/* What a rule needs is cheaper to look for than to ask libyara, which may take long. */
static int rule_make_nodes(struct build_logic *logic, const struct match_rule *rule)
{
    struct vec sources = VEC_OF(uint32_t);
    const uint32_t root = 0;
    uint32_t ignored;
    bool good = true;

    if (rule->parts_len > LAYOUT_PARTS_MAX || !rule_says(rule->needs, root, &ignored) ||
        rule_depth(rule->needs, root) > LAYOUT_DEPTH_MAX) {
        return 0;
    }
    good = vec_append(&sources, &root, 1) != NULL;
    for (uint32_t i = 0; good && i < sources.len; i++) {
        good = rule_make_node(logic, rule->needs, &sources, i);
    }
    vec_free(&sources);
    return good ? 0 : ERR_NEW(-ENOMEM);
}

static int rule_parse(struct build_logic *logic, const struct match_rule *rule)
{
    for (size_t i = 0; i < rule->parts_len; i++) {
        struct build_part *part = build_logic_add_part(logic);

        if (!part) {
            return ERR_NEW(-ENOMEM);
        }
        const int r = build_part_parse_body(logic->builder, part, rule->parts[i], MATCH_TARGET_ANY);

        if (r) {
            return build_logic_blame(logic->builder, r, "part", i);
        }
    }
    if (!vec_append(&logic->needs, rule->needs, rule->needs_len)) {
        return ERR_NEW(-ENOMEM);
    }
    const int r = build_logic_cover(logic);

    return r ? r : rule_make_nodes(logic, rule);
}

int match_builder_add_rule(struct match_builder *builder, const struct match_rule *rule)
{
    struct build_logic logic;

    ASSERT(rule->ruleset < builder->rulesets.len);
    ASSERT(rule->needs_len > 0);
    for (size_t i = 0; i < rule->needs_len; i++) {
        ASSERT(rule_need_is_sound(rule, i));
    }
    build_logic_init(&logic, builder, MATCH_TARGET_ANY);
    logic.row.kind = LAYOUT_LOGIC_YARA;
    logic.row.root = rule->ruleset;
    logic.row.size_max = rule->size_max;
    logic.row.magic_mask = rule->magic_mask;
    logic.row.magic_value = rule->magic_value;
    int r = rule_parse(&logic, rule);

    r = r ? r : builder_threat_of(builder, rule->name, &logic.row.threat);
    r = r ? r : build_logic_write(&logic);
    build_logic_fini(&logic);
    return r;
}
