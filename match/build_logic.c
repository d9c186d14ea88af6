/* SPDX-License-Identifier: MIT */
#include "match/build_logic.h"

#include "base/err.h"

#include <stdio.h>

#define LOGIC_SLOW "nothing in it is both needed and rare, so every body of its type is looked at"

void build_logic_init(struct build_logic *logic, struct match_builder *builder, unsigned target)
{
    *logic = (struct build_logic){
        .builder = builder,
        .row =
            {
                .size_max = UINT64_MAX,
                .entry_max = UINT64_MAX,
                .sections_max = UINT32_MAX,
                .need = PROGRAM_NONE,
                .target = (uint8_t)target,
            },
        .parts = VEC_OF(struct build_part),
        .nodes = VEC_OF(struct layout_node),
        .needs = VEC_OF(struct match_need),
        .trigger_needs = VEC_OF(struct match_need),
        .costs = VEC_OF(double),
        .chosen = VEC_OF(bool),
        .node_costs = VEC_OF(double),
        .order = VEC_OF(uint32_t),
    };
}

void build_logic_fini(struct build_logic *logic)
{
    for (size_t i = 0; i < logic->parts.len; i++) {
        build_part_free(vec_at(&logic->parts, i));
    }
    vec_free(&logic->parts);
    vec_free(&logic->nodes);
    vec_free(&logic->needs);
    vec_free(&logic->trigger_needs);
    vec_free(&logic->costs);
    vec_free(&logic->chosen);
    vec_free(&logic->node_costs);
    vec_free(&logic->order);
}

static struct build_part *logic_part(const struct build_logic *logic, size_t index)
{
    return vec_at(&logic->parts, index);
}

struct build_part *build_logic_add_part(struct build_logic *logic)
{
    return vec_extend(&logic->parts, 1);
}

/* ---- Writing ---- */

static int logic_write_bodies(const struct build_logic *logic, const struct build_part *part,
                              bool chosen, struct layout_part *row)
{
    struct match_builder *builder = logic->builder;
    const struct program_signature head = {
        .threat = logic->row.threat,
        .logic = (uint32_t)builder->logics.len,
        .target = logic->row.target,
    };

    row->first = (uint32_t)builder->signatures.len;
    row->len = part->bodies_len;
    for (uint32_t i = 0; i < part->bodies_len; i++) {
        const struct build_body *body = &part->bodies[i];
        const int r = build_body_add(builder, body, &head, chosen ? body->place : BUILD_PLACE_NONE);

        if (r) {
            return ERR_PASS(r);
        }
    }
    return 0;
}

/* Appends a tree; its inner nodes name their children from the first node of the image on. */
static int logic_write_nodes(struct match_builder *builder, const struct vec *nodes,
                             uint32_t *out_root)
{
    const uint32_t base = (uint32_t)builder->nodes.len;

    *out_root = base;
    for (size_t i = 0; i < nodes->len; i++) {
        struct layout_node node = *(struct layout_node *)vec_at(nodes, i);

        if (node.kind != LAYOUT_NODE_PART) {
            node.first += base;
        }
        if (!vec_append(&builder->nodes, &node, 1)) {
            return ERR_NEW(-ENOMEM);
        }
    }
    return 0;
}

static int logic_write_regex(struct match_builder *builder, const struct build_part *part,
                             struct layout_part *row)
{
    struct layout_regex regex = part->regex;
    int r = intern_add(&builder->texts, part->regex_text, &regex.text);

    if (r == 0) {
        r = logic_write_nodes(builder, &part->regex_nodes, &regex.trigger);
    }
    if (r) {
        return ERR_PASS(r);
    }
    row->first = (uint32_t)builder->regexes.len;
    return vec_append(&builder->regexes, &regex, 1) ? 0 : ERR_NEW(-ENOMEM);
}

static int logic_write_part(const struct build_logic *logic, const struct build_part *part,
                            bool chosen)
{
    struct match_builder *builder = logic->builder;
    struct layout_part row = {.kind = (uint8_t)part->kind};
    int r = 0;

    if (part->kind == LAYOUT_PART_BODY) {
        r = logic_write_bodies(logic, part, chosen, &row);
    } else if (part->kind == LAYOUT_PART_REGEX) {
        r = logic_write_regex(builder, part, &row);
    } else if (part->kind == LAYOUT_PART_MACRO) {
        row = part->macro;
    } else {
        row.first = (uint32_t)builder->compares.len;
        r = vec_append(&builder->compares, &part->compare, 1) ? 0 : ERR_NEW(-ENOMEM);
    }
    if (r) {
        return ERR_PASS(r);
    }
    return vec_append(&builder->parts, &row, 1) ? 0 : ERR_NEW(-ENOMEM);
}

/* Of a rule without nodes only the cover is kept. */
static int logic_write_parts(struct build_logic *logic)
{
    const bool *chosen = vec_at(&logic->chosen, 0);

    for (size_t i = 0; i < logic->parts.len; i++) {
        if (logic->row.kind == LAYOUT_LOGIC_YARA && logic->nodes.len == 0 && !chosen[i]) {
            continue;
        }
        const int r = logic_write_part(logic, logic_part(logic, i), chosen[i]);

        if (r) {
            return ERR_PASS(r);
        }
        logic->row.part_len++;
    }
    return 0;
}

int build_logic_write(struct build_logic *logic)
{
    struct match_builder *builder = logic->builder;
    const uint32_t index = (uint32_t)builder->logics.len;
    int r = 0;

    logic->row.part_first = (uint32_t)builder->parts.len;
    logic->row.types_first = (uint32_t)builder->types.len - logic->row.types_len;
    if (logic->row.kind == LAYOUT_LOGIC_EXPRESSION) {
        r = logic_write_nodes(builder, &logic->nodes, &logic->row.root);
    } else if (logic->nodes.len > 0) {
        r = logic_write_nodes(builder, &logic->nodes, &logic->row.need);
    }
    if (r == 0) {
        r = logic_write_parts(logic);
    }
    if (r) {
        return ERR_PASS(r);
    }
    if (!vec_append(&builder->logics, &logic->row, 1) ||
        (!logic->covered && !vec_append(&builder->always, &index, 1))) {
        return ERR_NEW(-ENOMEM);
    }
    builder->patterns_len++;
    return logic->covered ? 0 : builder_refuse(builder, MATCH_BUILD_SLOW, LOGIC_SLOW);
}

int build_logic_blame(struct match_builder *builder, int status, const char *what, size_t index)
{
    char why[BUILDER_ERROR_CAP];

    if (status <= 0) {
        return status;
    }
    snprintf(why, sizeof(why), "%s %zu: %.200s", what, index, builder->error);
    return builder_refuse(builder, (enum match_build_status)status, why);
}
