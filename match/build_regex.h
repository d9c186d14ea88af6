#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * build_regex - flags and syntax of a Perl-compatible subsignature.
 *
 * Private to the build*.c files.
 */
#include "match/builder.h"

/*
 * Reads the flags (g r e i s m x A E U) into `out` and lets PCRE2 compile the expression with them.
 * BAD_PATTERN says what it objects to.
 */
MUST_CHECK int build_regex_check(struct match_builder *builder, struct slice text,
                                 struct slice flags, struct layout_regex *out);
