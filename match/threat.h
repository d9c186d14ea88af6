#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * threat - names, as they are kept and as they are reported.
 *
 * Role: most names of hash signatures are one of few texts around a number
 * ("Win.Trojan.Agent-1234567-0"), so an image keeps the texts once, with THREAT_HOLE where the
 * number stands, and each entry its number. Splits a name for the builder and puts it together for
 * a finding. Memory: the caller's.
 */
#include "match/layout.h"
#include "match/match.h"

#define THREAT_HOLE '\1'

struct threat_name {
    char text[MATCH_NAME_MAX]; /* With the hole, no NUL behind it. */
    size_t len;
    uint32_t number;
};

/* False when the name has no number that can be taken out, or is long: it is kept as it stands. */
MUST_CHECK bool threat_split(struct slice name, struct threat_name *out);

/* The first 31 bits of the name's SHA-256. */
uint32_t threat_default_id(struct slice name);

/*
 * Fills a finding. `room` holds the name when it has a number (else LAYOUT_NO_NUMBER) and must live
 * as long as the finding.
 */
void threat_describe(const struct layout *layout, uint32_t threat, uint32_t number,
                     char room[MATCH_NAME_MAX], struct match_finding *out);
