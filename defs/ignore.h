#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * ignore - signatures that somebody does not want.
 *
 * Role: what the ignore lists (.ign, .ign2) of all sets say: names of signatures, each alone or
 * with the MD5 of the one line that is meant. Filled before anything else of a set is read, asked
 * for each line after that. Owner: who compiles. Memory: grows with the lists; freed by
 * ignore_free. Limits: 2^32 - 1 names.
 */
#include "base/slice.h"
#include "match/intern.h"

#define IGNORE_DIGEST_LEN 16

struct ignore { /* All fields are private. */
    struct intern names;
    struct vec flags; /* uint8_t, one for each name. */
    struct intern lines;
};

void ignore_init(struct ignore *ignore);
void ignore_free(struct ignore *ignore);

/* Every signature of that name. */
MUST_CHECK int ignore_add_name(struct ignore *ignore, struct slice name);

/* Only the one whose line has that MD5. */
MUST_CHECK int ignore_add_line(struct ignore *ignore, struct slice name,
                               const uint8_t digest[IGNORE_DIGEST_LEN]);

/* Signatures that have no line of their own (YARA rules) are ignored by name only. */
bool ignore_has_name(const struct ignore *ignore, struct slice name);

/* By name, or by name and line. */
bool ignore_has_line(const struct ignore *ignore, struct slice name, struct slice line);
