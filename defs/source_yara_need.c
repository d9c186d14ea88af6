/* SPDX-License-Identifier: MIT */
#include "defs/source_yara_need.h"

#include "base/assert.h"

#define GATE_OPEN ((struct yara_gate){.size_max = UINT64_MAX})

/* Both; false when they contradict each other. */
static bool gate_narrow(struct yara_gate *gate, const struct yara_gate *more)
{
    const uint32_t common = gate->magic_mask & more->magic_mask;
    const bool good = ((gate->magic_value ^ more->magic_value) & common) == 0;

    gate->magic_mask |= more->magic_mask;
    gate->magic_value |= more->magic_value;
    gate->size_max = MIN_OF(gate->size_max, more->size_max);
    return good;
}

/* What holds whichever of the two does. */
static void gate_widen(struct yara_gate *gate, const struct yara_gate *more)
{
    gate->magic_mask &= more->magic_mask & ~(gate->magic_value ^ more->magic_value);
    gate->magic_value &= gate->magic_mask;
    gate->size_max = MAX_OF(gate->size_max, more->size_max);
}

struct yara_need yara_need_anything(void)
{
    return (struct yara_need){.node = YARA_NODE_ANYTHING, .gate = GATE_OPEN};
}

struct yara_need yara_need_never(void)
{
    return (struct yara_need){.node = YARA_NODE_NEVER, .gate = GATE_OPEN};
}

static struct yara_node *node_at(const struct yara_file *file, uint32_t index)
{
    return vec_at(&file->nodes, index);
}

static bool node_has_hole(const struct yara_file *file, uint32_t index)
{
    return index < YARA_NODE_NEVER && node_at(file, index)->has_hole;
}

static struct yara_need need_new(struct yara_file *file, const struct yara_node *node)
{
    struct yara_need need = yara_need_anything();

    if (vec_append(&file->nodes, node, 1)) {
        need.node = (uint32_t)file->nodes.len - 1;
    }
    return need;
}

struct yara_need yara_need_string(struct yara_file *file, uint32_t string, uint64_t offset)
{
    ASSERT(string < file->strings.len);
    return need_new(
        file, &(struct yara_node){.kind = YARA_NODE_STRING, .index = string, .offset = offset});
}

struct yara_need yara_need_bytes(struct yara_file *file, struct slice hex, bool weak)
{
    return need_new(
        file, &(struct yara_node){
                  .kind = YARA_NODE_BYTES, .weak = weak, .bytes = hex, .offset = YARA_ANYWHERE});
}

struct yara_need yara_need_hole(struct yara_file *file, uint64_t offset)
{
    return need_new(
        file, &(struct yara_node){.kind = YARA_NODE_HOLE, .has_hole = true, .offset = offset});
}

struct yara_need yara_need_magic(uint32_t mask, uint32_t value)
{
    struct yara_need need = yara_need_anything();

    need.gate.magic_mask = mask;
    need.gate.magic_value = value & mask;
    return need;
}

struct yara_need yara_need_size_max(uint64_t max)
{
    struct yara_need need = yara_need_anything();

    need.gate.size_max = max;
    return need;
}

/* ---- Lists ---- */

void yara_list_init(struct yara_list *list)
{
    *list = (struct yara_list){.first = YARA_NONE, .last = YARA_NONE, .all = GATE_OPEN};
}

void yara_list_add(struct yara_file *file, struct yara_list *list, struct yara_need need)
{
    const struct yara_link link = {.node = need.node, .next = YARA_NONE};

    if (need.node == YARA_NODE_NEVER) {
        return;
    }
    if (list->len + list->anything_len == 0) {
        list->any = need.gate;
    } else {
        gate_widen(&list->any, &need.gate);
    }
    list->contradicts = !gate_narrow(&list->all, &need.gate) || list->contradicts;
    if (need.node == YARA_NODE_ANYTHING || !vec_append(&file->links, &link, 1)) {
        list->anything_len++;
        return;
    }
    const uint32_t index = (uint32_t)file->links.len - 1;

    if (list->len++ == 0) {
        list->first = index;
    } else {
        ((struct yara_link *)vec_at(&file->links, list->last))->next = index;
    }
    list->last = index;
}

/* Of what is all needed, the weak can go when something else stays. */
static struct yara_list list_strengthen(struct yara_file *file, const struct yara_list *list)
{
    struct yara_list strong;

    yara_list_init(&strong);
    for (uint32_t i = list->first; i != YARA_NONE;) {
        const struct yara_link link = *(const struct yara_link *)vec_at(&file->links, i);

        if (!node_at(file, link.node)->weak) {
            struct yara_need need = yara_need_anything();

            need.node = link.node;
            yara_list_add(file, &strong, need);
        }
        i = link.next;
    }
    return strong.len > 0 ? strong : *list;
}

static struct yara_need list_make(struct yara_file *file, const struct yara_list *list,
                                  uint32_t least)
{
    const struct yara_list kept = least == list->len ? list_strengthen(file, list) : *list;
    struct yara_node node = {.kind = YARA_NODE_LEAST,
                             .least = MIN_OF(least, kept.len),
                             .link = kept.first,
                             .len = kept.len,
                             .offset = YARA_ANYWHERE};

    if (kept.len == 1) {
        const struct yara_link *link = vec_at(&file->links, kept.first);

        return (struct yara_need){.node = link->node, .gate = GATE_OPEN};
    }
    for (uint32_t i = kept.first; i != YARA_NONE;) {
        const struct yara_link *link = vec_at(&file->links, i);

        node.has_hole = node.has_hole || node_has_hole(file, link->node);
        i = link->next;
    }
    return need_new(file, &node);
}

struct yara_need yara_list_close(struct yara_file *file, const struct yara_list *list,
                                 uint64_t least)
{
    const uint32_t able = list->len + list->anything_len;
    const bool all = least == able;
    struct yara_need need = yara_need_anything();

    if (least == 0) {
        return need;
    }
    if (least > able || (all && list->contradicts)) {
        return yara_need_never();
    }
    if (least > list->anything_len) {
        need = list_make(file, list, (uint32_t)least - list->anything_len);
    }
    need.gate = all ? list->all : list->any;
    return need;
}

struct yara_need yara_need_both(struct yara_file *file, struct yara_need a, struct yara_need b)
{
    struct yara_list list;

    yara_list_init(&list);
    yara_list_add(file, &list, a);
    yara_list_add(file, &list, b);
    return yara_list_close(file, &list, 2);
}

/* ---- Holes ---- */

static uint32_t fill_node(struct yara_file *file, uint32_t index, uint32_t string)
{
    if (!node_has_hole(file, index)) {
        return index;
    }
    const struct yara_node node = *node_at(file, index);

    if (node.kind == YARA_NODE_HOLE) {
        return yara_need_string(file, string, node.offset).node;
    }
    ASSERT(node.kind == YARA_NODE_LEAST);
    struct yara_list list;

    yara_list_init(&list);
    for (uint32_t i = node.link; i != YARA_NONE;) {
        const struct yara_link link = *(const struct yara_link *)vec_at(&file->links, i);
        struct yara_need need = yara_need_anything();

        need.node = fill_node(file, link.node, string);
        yara_list_add(file, &list, need);
        i = link.next;
    }
    return yara_list_close(file, &list, node.least).node;
}

struct yara_need yara_need_fill(struct yara_file *file, struct yara_need need, uint32_t string)
{
    need.node = fill_node(file, need.node, string);
    return need;
}
