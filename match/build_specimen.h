#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * build_specimen - a body that a signature must be found in.
 *
 * Role: lays out, straight from a signature's operations, the shortest body that satisfies it,
 * behind the head of a file of the right type, and then reads it back: what was written twice, or
 * stands between the wrong neighbours, is no specimen. Shares no code with what looks for
 * signatures. Not every signature can be served: what depends on an executable's headers, on a
 * container, on a regular expression or a number is left alone. Runs in: the compiler's self-test,
 * tests. Owner: the caller. Memory: SPECIMEN_CAP bytes twice, taken once.
 */
#include "match/layout.h"

#define SPECIMEN_CAP KIB(64)

struct specimen {
    const struct layout *layout;
    uint8_t *bytes; /* SPECIMEN_CAP; the specimen is the first `len`. */
    size_t len;

    /* Private. */
    uint8_t *taken;
    size_t at;
    bool checking;
    bool failed;
};

/* -ENOMEM, or 0. The layout is borrowed. */
MUST_CHECK int specimen_init(struct specimen *specimen, const struct layout *layout);
void specimen_fini(struct specimen *specimen);

/* For a signature that stands alone. False when there is no specimen of it. */
MUST_CHECK bool specimen_make_body(struct specimen *specimen, uint32_t signature);

/* For a logical signature. */
MUST_CHECK bool specimen_make_logic(struct specimen *specimen, uint32_t logic);
