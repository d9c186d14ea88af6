#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * build_body - one body pattern on its way into the builder.
 *
 * Role: read, weighed (which trigger, or which fixed place, speaks for it), then added as a
 * program_signature. Equal patterns with the same trigger share their clusters, and equal strings
 * their bytes. Private to the build*.c files. Memory: that of the pattern, freed by
 * build_body_free.
 */
#include "match/builder.h"
#include "match/pattern.h"
#include "match/trigger.h"

/* How a body tells that a pattern may be in it. */
enum build_place {
    BUILD_PLACE_NONE, /* It does not: somebody else has to ask for the pattern. */
    BUILD_PLACE_TRIGGER,
    BUILD_PLACE_DIRECT, /* Compared where it must stand. */
};

struct build_body {
    struct slice text; /* Not owned. */
    unsigned modifiers;
    struct pattern_offset offset;
    struct pattern pattern;
    struct trigger trigger;
    enum build_place place;
    double cost; /* Expected hits in a megabyte, when it has a place. */
};

/* Reads the pattern; the offset is the caller's. Whatever it returns, `out` must be freed. */
MUST_CHECK int build_body_parse(struct match_builder *builder, struct build_body *out,
                                struct slice text, unsigned modifiers);
void build_body_free(struct build_body *body);

/* Fills in trigger, place and cost. */
void build_body_weigh(struct build_body *body);

/*
 * Adds the signature; `head` says threat, logic and target. `place` is that of the body, or NONE
 * where nobody needs to know.
 */
MUST_CHECK int build_body_add(struct match_builder *builder, const struct build_body *body,
                              const struct program_signature *head, enum build_place place);

#define BUILD_BODY_NOT_STATIC "no two bytes in a row are given between unbounded gaps"

/* Has each cluster two bytes in a row that are given. (ClamAV demands it of even smaller parts.) */
bool build_body_is_static(const struct build_body *body);
