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

/* At how many places it starts. */
unsigned naive_count(const char *offset, const char *pattern, const uint8_t *body, size_t len);

/* Does the signature match: `offset` and `pattern` as they stand in a .ndb line. */
bool naive_matches(const char *offset, const char *pattern, const uint8_t *body, size_t len);

/*
 * Does the expression of a logical signature hold, when subsignature `i` was counted `counts[i]`
 * times: as it stands in a .ldb line, of at most 64 subsignatures.
 */
bool naive_logic_holds(const char *expression, const unsigned *counts);
