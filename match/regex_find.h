#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * regex_find - Perl-compatible expressions of signatures.
 *
 * Role: compiles an expression of the image when it is first used and keeps it; looks for the next
 * match in a slice of places. Owner: the match_db of a process. Memory: PCRE2's own, on the rare
 * way where an expression is used at all. Limits: those that ClamAV sets (REGEX_MATCH_LIMIT and
 * REGEX_DEPTH_LIMIT); beyond them there is no match.
 */
#include "base/slice.h"
#include "match/layout.h"

struct regex_cache;

#define REGEX_MATCH_LIMIT 100000
#define REGEX_DEPTH_LIMIT 2000

/* NULL when there is no memory. `layout` stays open as long. */
struct regex_cache *regex_cache_new(const struct layout *layout);
void regex_cache_free(struct regex_cache *cache);

struct regex_match {
    size_t start;
    size_t end;
};

/* Where a match may start: within [from, to], or at `from` only. */
struct regex_range {
    size_t from;
    size_t to;
    bool anchored;
};

/*
 * The first match of expression `index` that starts within `range`, in `subject`. False when there
 * is none, or when the expression cannot be used.
 */
MUST_CHECK bool regex_find(struct regex_cache *cache, uint32_t index, struct slice subject,
                           const struct regex_range *range, struct regex_match *out);
