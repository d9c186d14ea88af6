/* SPDX-License-Identifier: MIT */
#include "match/layout_logic.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Everything before these is checked. */
struct walk {
    const struct layout *layout;
    const struct layout_logic *logic;
    uint32_t index; /* Of the logic. */
    uint32_t part;
    uint32_t node;
    uint32_t compare;
    uint32_t regex;
    uint32_t type;
    uint32_t signature;
};

static bool logic_fits(uint64_t first, uint64_t len, uint64_t total)
{
    return first <= total && len <= total - first;
}

static const struct layout_part *walk_part(const struct walk *walk, uint32_t index)
{
    return &walk->layout->parts[walk->logic->part_first + index];
}

bool layout_logic_check_offset(unsigned kind, uint64_t offset)
{
    const int64_t distance = (int64_t)offset;

    if (kind == PROGRAM_FROM_ENTRY) {
        return distance >= -(int64_t)UINT32_MAX && distance <= (int64_t)UINT32_MAX;
    }
    return kind < PROGRAM_OFFSETS && offset <= UINT32_MAX;
}

/* ---- Trees ---- */

/* A part that a tree names: any of the expression's, one before `parts_len` of a trigger's. */
static bool walk_check_leaf(const struct layout_node *node, uint32_t parts_len)
{
    return node->first < parts_len && node->len == 0 && node->test < LAYOUT_TESTS;
}

static bool walk_check_inner(const struct walk *walk, const struct layout_node *node, uint32_t end)
{
    return node->kind < LAYOUT_NODE_KINDS && node->test < LAYOUT_TESTS && node->len > 0 &&
           node->first == end && logic_fits(end, node->len, walk->layout->len[LAYOUT_NODES]);
}

/* The tree that begins at `walk->node` and names parts before `parts_len`; moves behind it. */
static bool walk_check_tree(struct walk *walk, uint32_t parts_len)
{
    uint32_t end = walk->node + 1;
    uint32_t level_end = end;
    unsigned depth = 1;

    if (walk->node >= walk->layout->len[LAYOUT_NODES]) {
        return false;
    }
    for (; walk->node < end; walk->node++) {
        const struct layout_node *node = &walk->layout->nodes[walk->node];

        if (walk->node == level_end) {
            level_end = end;
            depth++;
        }
        if (depth > LAYOUT_DEPTH_MAX) {
            return false;
        }
        if (node->kind == LAYOUT_NODE_PART) {
            if (!walk_check_leaf(node, parts_len)) {
                return false;
            }
            continue;
        }
        if (!walk_check_inner(walk, node, end)) {
            return false;
        }
        end += node->len;
    }
    return true;
}

/* ---- Parts ---- */

/* Signatures of this logic, all of them behind those of the parts before. */
static bool walk_check_body(struct walk *walk, const struct layout_part *part)
{
    const uint32_t total = walk->layout->len[LAYOUT_SIGNATURES];

    if (part->len == 0 || part->first < walk->signature ||
        !logic_fits(part->first, part->len, total)) {
        return false;
    }
    for (uint32_t i = part->first; i < part->first + part->len; i++) {
        if (walk->layout->signatures[i].logic != walk->index) {
            return false;
        }
    }
    walk->signature = part->first + part->len;
    return true;
}

static bool walk_check_compare(struct walk *walk, const struct layout_part *part)
{
    const struct layout_compare *compare = &walk->layout->compares[part->first];

    if (part->first != walk->compare++ || part->first >= walk->layout->len[LAYOUT_COMPARES]) {
        return false;
    }
    return compare->part < walk->logic->part_len &&
           walk_part(walk, compare->part)->kind == LAYOUT_PART_BODY && compare->bytes_len > 0 &&
           compare->bytes_len <= LAYOUT_COMPARE_BYTES_MAX &&
           compare->distance >= -(int64_t)UINT32_MAX && compare->distance <= (int64_t)UINT32_MAX;
}

/* What regexes are compiled with; nothing that would make the library trust its input. */
#define REGEX_OPTIONS                                                                              \
    (PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_MULTILINE | PCRE2_EXTENDED | PCRE2_ANCHORED |           \
     PCRE2_DOLLAR_ENDONLY | PCRE2_UNGREEDY)

static bool walk_check_regex(struct walk *walk, const struct layout_part *part, uint32_t index)
{
    const struct layout *layout = walk->layout;
    const struct layout_regex *regex = &layout->regexes[part->first];

    if (part->first != walk->regex++ || part->first >= layout->len[LAYOUT_REGEXES]) {
        return false;
    }
    return regex->text < layout->len[LAYOUT_STRINGS] && !(regex->options & ~REGEX_OPTIONS) &&
           regex->offset_kind < PROGRAM_IN_GROUP && regex->shift <= UINT32_MAX &&
           layout_logic_check_offset(regex->offset_kind, regex->offset) &&
           regex->trigger == walk->node && walk_check_tree(walk, index);
}

static bool walk_check_macro(const struct walk *walk, const struct layout_part *part,
                             uint32_t index)
{
    return index > 0 && walk_part(walk, index - 1)->kind == LAYOUT_PART_BODY &&
           part->first < walk->layout->len[LAYOUT_GROUPS] && part->near <= part->far;
}

static bool walk_check_part(struct walk *walk, uint32_t index)
{
    const struct layout_part *part = walk_part(walk, index);

    switch (part->kind) {
    case LAYOUT_PART_BODY:
        return walk_check_body(walk, part);
    case LAYOUT_PART_COMPARE:
        return walk_check_compare(walk, part);
    case LAYOUT_PART_REGEX:
        return walk_check_regex(walk, part, index);
    case LAYOUT_PART_MACRO:
        return walk_check_macro(walk, part, index);
    default:
        return false;
    }
}

/* ---- Logics ---- */

static bool walk_check_kind(struct walk *walk)
{
    const struct layout_logic *logic = walk->logic;

    if (logic->kind == LAYOUT_LOGIC_YARA) {
        return logic->root < walk->layout->len[LAYOUT_RULESETS] &&
               (logic->need == PROGRAM_NONE ||
                (logic->part_len <= LAYOUT_PARTS_MAX && logic->need == walk->node &&
                 walk_check_tree(walk, logic->part_len)));
    }
    return logic->kind == LAYOUT_LOGIC_EXPRESSION && logic->part_len <= LAYOUT_PARTS_MAX &&
           logic->root == walk->node && walk_check_tree(walk, logic->part_len);
}

static bool walk_check_logic(struct walk *walk)
{
    const struct layout *layout = walk->layout;
    const struct layout_logic *logic = walk->logic;

    if (logic->threat >= layout->len[LAYOUT_THREATS] || logic->target >= MATCH_TARGET_COUNT ||
        logic->types_first != walk->type ||
        !logic_fits(logic->types_first, logic->types_len, layout->len[LAYOUT_TYPES]) ||
        logic->part_first != walk->part ||
        !logic_fits(logic->part_first, logic->part_len, layout->len[LAYOUT_PARTS]) ||
        !walk_check_kind(walk)) {
        return false;
    }
    walk->type += logic->types_len;
    walk->part += logic->part_len;
    for (uint32_t i = 0; i < logic->part_len; i++) {
        if (!walk_check_part(walk, i)) {
            return false;
        }
    }
    return true;
}

static bool layout_check_walk(const struct layout *layout)
{
    struct walk walk = {.layout = layout, .signature = layout->header->alone_len};

    for (; walk.index < layout->len[LAYOUT_LOGICS]; walk.index++) {
        walk.logic = &layout->logics[walk.index];
        if (!walk_check_logic(&walk)) {
            return false;
        }
    }
    return walk.part == layout->len[LAYOUT_PARTS] && walk.node == layout->len[LAYOUT_NODES] &&
           walk.compare == layout->len[LAYOUT_COMPARES] &&
           walk.regex == layout->len[LAYOUT_REGEXES] && walk.type == layout->len[LAYOUT_TYPES];
}

/* ---- Lists ---- */

static bool layout_check_groups(const struct layout *layout)
{
    for (uint32_t i = 0; i < layout->len[LAYOUT_GROUPS]; i++) {
        const struct layout_group *group = &layout->groups[i];

        if (!logic_fits(group->first, group->len, layout->len[LAYOUT_GROUP_LISTS])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < layout->len[LAYOUT_GROUP_LISTS]; i++) {
        const uint32_t index = layout->group_lists[i];

        if (index >= layout->len[LAYOUT_SIGNATURES] ||
            layout->signatures[index].offset_kind != PROGRAM_IN_GROUP) {
            return false;
        }
    }
    return true;
}

static bool layout_check_always(const struct layout *layout)
{
    const struct layout_header *header = layout->header;

    for (unsigned i = 0; i < MATCH_TARGET_COUNT; i++) {
        if (!logic_fits(header->always_first[i], header->always_len[i],
                        layout->len[LAYOUT_ALWAYS])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < layout->len[LAYOUT_ALWAYS]; i++) {
        if (layout->always[i] >= layout->len[LAYOUT_LOGICS]) {
            return false;
        }
    }
    return true;
}

static bool layout_check_rulesets(const struct layout *layout)
{
    for (uint32_t i = 0; i < layout->len[LAYOUT_RULESETS]; i++) {
        const struct layout_ruleset *ruleset = &layout->rulesets[i];

        if (!logic_fits(ruleset->offset, ruleset->len, layout->header->image_bytes)) {
            return false;
        }
    }
    return true;
}

/* Those that stand alone first, then parts of logics and members of groups. */
static bool layout_check_order(const struct layout *layout)
{
    if (layout->header->alone_len > layout->len[LAYOUT_SIGNATURES]) {
        return false;
    }
    for (uint32_t i = 0; i < layout->len[LAYOUT_SIGNATURES]; i++) {
        const struct program_signature *signature = &layout->signatures[i];
        const bool member = signature->offset_kind == PROGRAM_IN_GROUP;
        const bool part = signature->logic < layout->len[LAYOUT_LOGICS];
        const bool alone = !member && !part;

        if ((!part && signature->logic != PROGRAM_NONE) || (member && part) ||
            alone != (i < layout->header->alone_len)) {
            return false;
        }
    }
    return true;
}

bool layout_logic_check(const struct layout *layout)
{
    return layout_check_order(layout) && layout_check_walk(layout) && layout_check_groups(layout) &&
           layout_check_always(layout) && layout_check_rulesets(layout);
}
