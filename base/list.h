#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * list - intrusive doubly linked list with a head of its own.
 *
 * A node that is in no list points at itself, so unlinking twice is harmless.
 */
#include "base/macro.h"

#include <stdbool.h>

struct list_node {
    struct list_node *next;
    struct list_node *prev;
};

static inline void list_init(struct list_node *node)
{
    node->next = node;
    node->prev = node;
}

static inline bool list_is_empty(const struct list_node *head)
{
    return head->next == head;
}

/* Puts `node` last. */
static inline void list_append(struct list_node *head, struct list_node *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void list_unlink(struct list_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Takes the first node out, NULL when there is none. */
static inline struct list_node *list_pop(struct list_node *head)
{
    struct list_node *node = head->next;

    if (node == head) {
        return NULL;
    }
    list_unlink(node);
    return node;
}

#define list_for_each(pos, head) for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)

#define list_for_each_safe(pos, after, head)                                                       \
    for ((pos) = (head)->next, (after) = (pos)->next; (pos) != (head);                             \
         (pos) = (after), (after) = (pos)->next)
