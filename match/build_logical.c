/* SPDX-License-Identifier: MIT */
/* build_logical - lines of .ndb and .ldb files. */
#include "base/assert.h"
#include "base/err.h"
#include "match/build_expression.h"
#include "match/build_logic.h"

/* ---- Body signatures ---- */

/* A body that nothing rare speaks for: a logic of one part that is always looked at. */
static int body_add_slow(struct match_builder *builder, const struct build_body *body,
                         const struct program_signature *head)
{
    const struct layout_node node = {.kind = LAYOUT_NODE_PART};
    struct build_logic logic;
    int r = 0;

    if (!build_body_is_static(body)) {
        return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN, BUILD_BODY_NOT_STATIC);
    }
    build_logic_init(&logic, builder, head->target);
    logic.row.threat = head->threat;
    struct build_part *part = build_logic_add_part(&logic);

    if (!part || !vec_append(&logic.nodes, &node, 1) || !vec_extend(&logic.chosen, 1)) {
        r = ERR_NEW(-ENOMEM);
    }
    if (r == 0) {
        part->kind = LAYOUT_PART_BODY;
        part->bodies[part->bodies_len++] = *body;
        r = build_logic_write(&logic);
        part->bodies_len = 0;
    }
    build_logic_fini(&logic);
    return r;
}

static int body_add(struct match_builder *builder, struct build_body *body, struct slice name,
                    unsigned target)
{
    struct program_signature head = {.logic = PROGRAM_NONE, .target = (uint8_t)target};
    int r = builder_threat_of(builder, name, &head.threat);

    if (r) {
        return ERR_PASS(r);
    }
    build_body_weigh(body);
    if (body->place == BUILD_PLACE_NONE && body->offset.kind != PROGRAM_IN_GROUP) {
        return body_add_slow(builder, body, &head);
    }
    r = build_body_add(builder, body, &head, body->place);
    builder->patterns_len += r == 0;
    return r;
}

int match_builder_add_body(struct match_builder *builder, struct slice name, unsigned target,
                           struct slice offset, struct slice text)
{
    struct build_body body = {0};
    char why[PATTERN_ERROR_CAP];

    if (target >= MATCH_TARGET_COUNT) {
        return builder_refuse(builder, MATCH_BUILD_UNSUPPORTED, "a target that is not known");
    }
    const enum match_build_status status = pattern_parse_offset(&body.offset, offset, target, why);

    if (status != MATCH_BUILD_OK) {
        return builder_refuse(builder, status, why);
    }
    int r = build_body_parse(builder, &body, text, 0);

    if (r == 0) {
        r = body_add(builder, &body, name, target);
    }
    build_body_free(&body);
    return r;
}

/* ---- Logical signatures ---- */

static const struct build_part *logical_part(const struct build_logic *logic, size_t index)
{
    return vec_at(&logic->parts, index);
}

static int logical_parse_parts(struct build_logic *logic, const struct match_logical *logical)
{
    for (size_t i = 0; i < logical->subsignatures_len; i++) {
        struct build_part *part = build_logic_add_part(logic);

        if (!part) {
            return ERR_NEW(-ENOMEM);
        }
        const int r = build_part_parse(logic->builder, part, logical->subsignatures[i], (uint32_t)i,
                                       logical->target);

        if (r) {
            return build_logic_blame(logic->builder, r, "subsignature", i);
        }
    }
    return 0;
}

/* What a part says about another. */
static int logical_check_parts(const struct build_logic *logic)
{
    for (size_t i = 0; i < logic->parts.len; i++) {
        const struct build_part *part = logical_part(logic, i);
        const char *why = NULL;

        if (part->kind == LAYOUT_PART_COMPARE &&
            (part->compare.part >= logic->parts.len ||
             logical_part(logic, part->compare.part)->kind != LAYOUT_PART_BODY)) {
            why = "a byte comparison of something that is no body";
        }
        if (part->kind == LAYOUT_PART_MACRO &&
            logical_part(logic, i - 1)->kind != LAYOUT_PART_BODY) {
            why = "a macro behind something that is no body";
        }
        if (why) {
            return build_logic_blame(
                logic->builder, builder_refuse(logic->builder, MATCH_BUILD_BAD_EXPRESSION, why),
                "subsignature", i);
        }
    }
    return 0;
}

static int logical_parse_expression(struct build_logic *logic, const struct match_logical *logical)
{
    char why[EXPRESSION_ERROR_CAP];
    uint64_t parts = 0;
    const int r = build_expression(&logic->nodes, logical->expression, &parts, why);

    if (r) {
        return r > 0 ? builder_refuse(logic->builder, (enum match_build_status)r, why) : r;
    }
    const size_t named = 64 - (size_t)__builtin_clzll(parts);

    if (named != logical->subsignatures_len) {
        return builder_refuse(logic->builder, MATCH_BUILD_BAD_EXPRESSION,
                              named > logical->subsignatures_len
                                  ? "the expression names a subsignature that is not there"
                                  : "there are more subsignatures than the expression names");
    }
    return 0;
}

static int logical_take_conditions(struct build_logic *logic,
                                   const struct match_conditions *conditions)
{
    struct layout_logic *row = &logic->row;
    struct vec *types = &logic->builder->types;

    if (conditions->has_size) {
        row->size_min = conditions->size_min;
        row->size_max = conditions->size_max;
    }
    if (conditions->has_entry) {
        row->entry_min = conditions->entry_min;
        row->entry_max = conditions->entry_max;
    }
    if (conditions->has_sections) {
        row->sections_min = conditions->sections_min;
        row->sections_max = conditions->sections_max;
    }
    row->container = conditions->container;
    row->types_len = (uint16_t)conditions->intermediates_len;
    ASSERT(conditions->intermediates_len <= UINT16_MAX);
    return vec_append(types, conditions->intermediates, conditions->intermediates_len)
               ? 0
               : ERR_NEW(-ENOMEM);
}

static int logical_parse(struct build_logic *logic, const struct match_logical *logical)
{
    int r = logical_parse_expression(logic, logical);

    r = r ? r : logical_parse_parts(logic, logical);
    r = r ? r : logical_check_parts(logic);
    r = r ? r : build_logic_take_needs(logic);
    return r ? r : build_logic_cover(logic);
}

int match_builder_add_logical(struct match_builder *builder, const struct match_logical *logical)
{
    struct build_logic logic;

    if (logical->target >= MATCH_TARGET_COUNT) {
        return builder_refuse(builder, MATCH_BUILD_UNSUPPORTED, "a target that is not known");
    }
    if (logical->subsignatures_len > LAYOUT_PARTS_MAX) {
        return builder_refuse(builder, MATCH_BUILD_UNSUPPORTED, "more than 64 subsignatures");
    }
    build_logic_init(&logic, builder, logical->target);
    int r = logical_parse(&logic, logical);

    r = r ? r : builder_threat_of(builder, logical->name, &logic.row.threat);
    r = r ? r : logical_take_conditions(&logic, &logical->conditions);
    r = r ? r : build_logic_write(&logic);
    build_logic_fini(&logic);
    return r;
}
