#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * naive - a reference matcher that is slow and easy to believe.
 *
 * Role: the tests' second opinion on body signatures. It interprets the text of the pattern as it
 * stands, trying every start and every length by plain recursion, on a body that is complete. It
 * shares no code with match/: what both say, two readings of the grammar say. Only for patterns
 * that match/ has accepted; the work is exponential, so bodies and patterns must be small.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Does it match, and where: `places` (NULL, or len + 1 of them) is set, not cleared, where
 * naive_count counts.
 */
bool naive_places(const char *offset, const char *pattern, const uint8_t *body, size_t len,
                  bool *places);

/*
 * At how many places it is, as clamscan counts them: where the text behind the last gap of variable
 * length begins, or where all of it does without such a gap.
 */
unsigned naive_count(const char *offset, const char *pattern, const uint8_t *body, size_t len);

/* Does the signature match: `offset` and `pattern` as they stand in a .ndb line. */
bool naive_matches(const char *offset, const char *pattern, const uint8_t *body, size_t len);

/*
 * Does the expression of a logical signature hold, when subsignature `i` was counted `counts[i]`
 * times: as it stands in a .ldb line, of at most 64 subsignatures.
 */
bool naive_logic_holds(const char *expression, const unsigned *counts);

/*
 * Does a logical signature match, whose subsignatures stand as in a .ldb line: body patterns with
 * offsets from the beginning or the end and modifiers, and comparisons of decimal, big-endian
 * hexadecimal and binary numbers with what follows a pattern without gaps of variable length.
 */
bool naive_logical(const char *expression, const char *const *subs, unsigned subs_len,
                   const uint8_t *body, size_t len);
