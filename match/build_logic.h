#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * build_logic - a signature with logic on its way into the builder.
 *
 * Role: parts and nodes are collected first, then the cover is chosen, and only when nothing more
 * can be refused is all of it written to the builder. Private to the build*.c files. Memory: freed
 * by build_logic_fini.
 */
#include "match/build_part.h"

struct build_logic {
    struct match_builder *builder;
    struct layout_logic row;
    struct vec parts; /* struct build_part */
    struct vec nodes; /* struct layout_node, with indices from 0. */
    struct vec needs; /* struct match_need */
    bool covered;

    /* For the cover. */
    struct vec costs;         /* double: of parts. */
    struct vec chosen;        /* bool: parts. */
    struct vec trigger_needs; /* struct match_need: of the regex at hand. */
    struct vec node_costs;    /* double */
    struct vec order;         /* uint32_t */
};

void build_logic_init(struct build_logic *logic, struct match_builder *builder, unsigned target);
void build_logic_fini(struct build_logic *logic);

/* A zeroed part; NULL without memory. */
struct build_part *build_logic_add_part(struct build_logic *logic);

/* `needs` becomes what the expression demands. */
MUST_CHECK int build_logic_take_needs(struct build_logic *logic);

/* Chooses parts that cover `needs`; sets `covered`. */
MUST_CHECK int build_logic_cover(struct build_logic *logic);

/* 0, or MATCH_BUILD_SLOW when nothing covers it. */
MUST_CHECK int build_logic_write(struct build_logic *logic);

/* Puts what was refused before the reason; returns the status. */
int build_logic_blame(struct match_builder *builder, int status, const char *what, size_t index);
