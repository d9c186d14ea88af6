#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * build_part - one subsignature of a logical signature.
 *
 * Role: tells the forms apart and reads them, in this order: `${min-max}gid$` (a macro), anything
 * with a slash (`[offset:]trigger/regex/flags`), anything with `#` (`ref(>>n#opts#test[,test])`;
 * `fuzzy_img#` is refused), else a body `[offset:]hex[::modifiers]`. Regexes are tried with PCRE2.
 * What the documents leave open was measured with clamscan. Private to the build*.c files. Memory:
 * freed by build_part_free.
 */
#include "match/build_body.h"

#define BUILD_PART_VARIANTS 2 /* `wa`: wide and plain. */

struct build_part {
    enum layout_part_kind kind;
    uint32_t bodies_len;
    struct build_body bodies[BUILD_PART_VARIANTS];
    struct layout_part macro;
    struct layout_compare compare;
    struct layout_regex regex; /* Without text and trigger. */
    struct slice regex_text;   /* Not owned. */
    struct vec regex_nodes;    /* struct layout_node: the trigger. */
    uint64_t regex_parts;      /* The parts that the trigger names. */
};

/*
 * Reads subsignature number `index`. Whatever it returns, `out`, zeroed by the caller, must be
 * freed. Negative errno, or an enum match_build_status with the builder's error set.
 */
MUST_CHECK int build_part_parse(struct match_builder *builder, struct build_part *out,
                                struct slice text, uint32_t index, unsigned target);
void build_part_free(struct build_part *part);

/* A body alone, as rules have them. */
MUST_CHECK int build_part_parse_body(struct match_builder *builder, struct build_part *out,
                                     struct slice text, unsigned target);
