/* SPDX-License-Identifier: MIT */
#include "bench/runner/yaml_tree.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#define TREE_NAME_MAX 64

struct tree_block {
    struct tree_block *next;
    max_align_t bytes[];
};

struct tree_reader {
    yaml_parser_t parser;
    yaml_event_t event; /* The current one. */
    struct slice text;
    struct tree *tree;
    struct problem *problem;
};

bool problem_put(struct problem *problem, unsigned line, const char *path, const char *format, ...)
{
    int len = 0;
    va_list args;

    if (problem->file != NULL && line > 0) {
        len = snprintf(problem->text, PROBLEM_CAP, "%s:%u: ", problem->file, line);
    } else if (problem->file != NULL) {
        len = snprintf(problem->text, PROBLEM_CAP, "%s: ", problem->file);
    }
    len = MIN_OF(len, PROBLEM_CAP - 1);
    if (path[0] != '\0') {
        len += snprintf(problem->text + len, PROBLEM_CAP - (size_t)len, "%s: ", path);
        len = MIN_OF(len, PROBLEM_CAP - 1);
    }
    va_start(args, format);
    vsnprintf(problem->text + len, PROBLEM_CAP - (size_t)len, format, args);
    va_end(args);
    /* Whatever was quoted in it, it stays one line of printable bytes. */
    for (char *c = problem->text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            *c = '?';
        }
    }
    return false;
}

static void *tree_alloc(struct tree *tree, size_t size)
{
    struct tree_block *block = calloc(1, sizeof(*block) + size);

    ASSERT(block != NULL);
    block->next = tree->blocks;
    tree->blocks = block;
    return block->bytes;
}

static const char *tree_copy(struct tree *tree, const void *bytes, size_t len)
{
    char *copy = tree_alloc(tree, len + 1);

    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    return copy;
}

static unsigned tree_reader_line(const struct tree_reader *reader)
{
    return (unsigned)reader->event.start_mark.line + 1;
}

/* libyaml knows no line for bytes that are no YAML at all, only their offset. */
static bool tree_reader_refuse_syntax(struct tree_reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    unsigned line = (unsigned)parser->problem_mark.line + 1;

    if (parser->error == YAML_READER_ERROR) {
        const size_t end = MIN_OF(parser->problem_offset, reader->text.len);

        line = 1;
        for (size_t i = 0; i < end; i++) {
            line += reader->text.ptr[i] == '\n';
        }
    }
    return problem_put(reader->problem, line, "", "not YAML: %s",
                       parser->problem != NULL ? parser->problem : "no memory");
}

/* Whether the current event carries an anchor or a tag, or is an alias. */
static bool tree_reader_is_marked(const struct tree_reader *reader)
{
    const yaml_event_t *event = &reader->event;

    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return true;
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL;
    default:
        return false;
    }
}

/* Moves to the next event. */
static bool tree_reader_next(struct tree_reader *reader)
{
    yaml_event_delete(&reader->event);
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        memset(&reader->event, 0, sizeof(reader->event));
        return tree_reader_refuse_syntax(reader);
    }
    if (tree_reader_is_marked(reader)) {
        return problem_put(reader->problem, tree_reader_line(reader), "",
                           "anchors, aliases (*) and tags (!) are not allowed; quote a text that "
                           "starts with one of & * !");
    }
    return true;
}

void tree_append(struct tree_node *parent, struct tree_node *child)
{
    if (parent->last != NULL) {
        parent->last->next = child;
    } else {
        parent->first = child;
    }
    parent->last = child;
}

/* A node of the current event; NULL with a problem when there are too many. */
static struct tree_node *tree_reader_make(struct tree_reader *reader, unsigned depth)
{
    if (++reader->tree->nodes > TREE_NODES_MAX || depth > TREE_DEPTH_MAX) {
        problem_put(reader->problem, tree_reader_line(reader), "",
                    depth > TREE_DEPTH_MAX ? "more than %d levels" : "more than %d values",
                    depth > TREE_DEPTH_MAX ? TREE_DEPTH_MAX : TREE_NODES_MAX);
        return NULL;
    }
    struct tree_node *node = tree_alloc(reader->tree, sizeof(*node));

    node->line = tree_reader_line(reader);
    node->text = "";
    return node;
}

static struct tree_node *tree_reader_read(struct tree_reader *reader, unsigned depth);

/* The name in front of a colon, the current event; NULL with a problem. */
static const char *tree_reader_name(struct tree_reader *reader, const struct tree_node *map)
{
    const unsigned line = tree_reader_line(reader);

    if (reader->event.type != YAML_SCALAR_EVENT) {
        problem_put(reader->problem, line, "", "a name is expected in front of the colon");
        return NULL;
    }
    const char *value = (const char *)reader->event.data.scalar.value;
    const size_t len = reader->event.data.scalar.length;

    if (len == 0 || len > TREE_NAME_MAX || strlen(value) != len) {
        problem_put(reader->problem, line, "", "'%.*s' is not a name of 1 to %d characters",
                    (int)MIN_OF(len, (size_t)TREE_NAME_MAX), value, TREE_NAME_MAX);
        return NULL;
    }
    const struct tree_node *twin = tree_find(map, value);

    if (twin != NULL) {
        problem_put(reader->problem, line, value, "given twice, first in line %u", twin->line);
        return NULL;
    }
    return tree_copy(reader->tree, value, len);
}

static bool tree_reader_read_map(struct tree_reader *reader, struct tree_node *map, unsigned depth)
{
    while (tree_reader_next(reader)) {
        if (reader->event.type == YAML_MAPPING_END_EVENT) {
            return true;
        }
        const char *name = tree_reader_name(reader, map);

        if (name == NULL || !tree_reader_next(reader)) {
            return false;
        }
        struct tree_node *child = tree_reader_read(reader, depth + 1);

        if (child == NULL) {
            return false;
        }
        child->name = name;
        tree_append(map, child);
    }
    return false;
}

static bool tree_reader_read_list(struct tree_reader *reader, struct tree_node *list,
                                  unsigned depth)
{
    while (tree_reader_next(reader)) {
        if (reader->event.type == YAML_SEQUENCE_END_EVENT) {
            return true;
        }
        struct tree_node *child = tree_reader_read(reader, depth + 1);

        if (child == NULL) {
            return false;
        }
        tree_append(list, child);
    }
    return false;
}

static bool tree_reader_read_scalar(struct tree_reader *reader, struct tree_node *node)
{
    const char *value = (const char *)reader->event.data.scalar.value;
    const size_t len = reader->event.data.scalar.length;

    if (memchr(value, '\0', len) != NULL) {
        return problem_put(reader->problem, node->line, "", "a text with a NUL");
    }
    node->plain = reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = tree_copy(reader->tree, value, len);
    return true;
}

/* What begins with the current event; NULL with a problem. */
static struct tree_node *tree_reader_read(struct tree_reader *reader, unsigned depth)
{
    struct tree_node *node = tree_reader_make(reader, depth);
    bool good = false;

    if (node == NULL) {
        return NULL;
    }
    switch (reader->event.type) {
    case YAML_MAPPING_START_EVENT:
        node->kind = TREE_MAP;
        good = tree_reader_read_map(reader, node, depth);
        break;
    case YAML_SEQUENCE_START_EVENT:
        node->kind = TREE_LIST;
        good = tree_reader_read_list(reader, node, depth);
        break;
    default:
        ASSERT(reader->event.type == YAML_SCALAR_EVENT);
        good = tree_reader_read_scalar(reader, node);
        break;
    }
    return good ? node : NULL;
}

static bool tree_reader_expect(struct tree_reader *reader, yaml_event_type_t type)
{
    return tree_reader_next(reader) &&
           (reader->event.type == type || problem_put(reader->problem, tree_reader_line(reader), "",
                                                      "a second document is not allowed"));
}

static bool tree_reader_run(struct tree_reader *reader, struct tree_node **out_root)
{
    if (!tree_reader_expect(reader, YAML_STREAM_START_EVENT) || !tree_reader_next(reader)) {
        return false;
    }
    if (reader->event.type == YAML_STREAM_END_EVENT) {
        return problem_put(reader->problem, 0, "", "nothing is in it");
    }
    ASSERT(reader->event.type == YAML_DOCUMENT_START_EVENT);
    if (!tree_reader_next(reader)) {
        return false;
    }
    *out_root = tree_reader_read(reader, 0);
    return *out_root != NULL && tree_reader_expect(reader, YAML_DOCUMENT_END_EVENT) &&
           tree_reader_expect(reader, YAML_STREAM_END_EVENT);
}

/* The one value of `text`; NULL with a problem. */
static struct tree_node *tree_parse(struct tree *tree, struct slice text, struct problem *problem)
{
    struct tree_reader reader = {.tree = tree, .text = text, .problem = problem};
    struct tree_node *root = NULL;

    if (!yaml_parser_initialize(&reader.parser)) {
        problem_put(problem, 0, "", "no memory");
        return NULL;
    }
    /* Otherwise a byte order mark could turn the text into UTF-16. */
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, text.ptr, text.len);
    const bool good = tree_reader_run(&reader, &root);

    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return good ? root : NULL;
}

bool tree_read(struct tree *tree, struct slice text, struct problem *problem)
{
    *tree = (struct tree){0};
    tree->root = tree_parse(tree, text, problem);
    if (tree->root != NULL && tree->root->kind != TREE_MAP) {
        problem_put(problem, tree->root->line, "", "not a map of names and values");
        tree->root = NULL;
    }
    if (tree->root == NULL) {
        tree_free(tree);
        return false;
    }
    return true;
}

struct tree_node *tree_read_value(struct tree *tree, const char *name, const char *value,
                                  struct problem *problem)
{
    struct tree_node *node = NULL;

    if (value[0] == '[' || value[0] == '{') {
        struct problem inner = {0};

        node = tree_parse(tree, slice_from_str(value), &inner);
        if (node == NULL) {
            problem_put(problem, 0, name, "%s", inner.text);
        }
    } else {
        node = tree_alloc(tree, sizeof(*node));
        node->plain = true;
        node->text = tree_copy(tree, value, strlen(value));
    }
    if (node != NULL) {
        node->name = tree_copy(tree, name, strlen(name));
        node->line = 0;
    }
    return node;
}

void tree_free(struct tree *tree)
{
    while (tree->blocks != NULL) {
        struct tree_block *block = tree->blocks;

        tree->blocks = block->next;
        free(block);
    }
    *tree = (struct tree){0};
}

const struct tree_node *tree_find(const struct tree_node *map, const char *name)
{
    if (map == NULL || map->kind != TREE_MAP) {
        return NULL;
    }
    for (const struct tree_node *node = map->first; node != NULL; node = node->next) {
        if (strcmp(node->name, name) == 0) {
            return node;
        }
    }
    return NULL;
}

size_t tree_count(const struct tree_node *node)
{
    size_t count = 0;

    for (const struct tree_node *child = node->first; child != NULL; child = child->next) {
        count++;
    }
    return count;
}

const char *tree_show(const struct tree_node *node, char out[TREE_SHOWN_CAP])
{
    if (node->kind == TREE_SCALAR) {
        const int room = TREE_SHOWN_CAP - 6;

        snprintf(out, TREE_SHOWN_CAP, strlen(node->text) > (size_t)room ? "'%.*s...'" : "'%.*s'",
                 room, node->text);
    } else {
        snprintf(out, TREE_SHOWN_CAP, "%s", node->kind == TREE_LIST ? "a list" : "a map");
    }
    return out;
}
