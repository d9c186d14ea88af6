#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * match_queue - bodies that wait to be hashed side by side.
 *
 * Role: the MD5 of one body alone takes as long as those of a dozen together. A body whose bytes
 * stay in memory is therefore not hashed while they arrive but noted here, and all that were noted
 * in a turn of the loop are hashed when it ends: those that have come to their end wholly, the
 * others as far as they are there. Bodies whose bytes do not stay, and those that have left the
 * memory meanwhile, are hashed alone. Owner: the db. Memory: one struct, taken when the db is
 * opened. Limits: one run takes some 200 microseconds; what is left waits for the next.
 */
#include "match/match.h"

struct match_queue;

MUST_CHECK int queue_new(struct match_queue **out_queue);

/* Nobody may be waiting. */
void queue_free(struct match_queue *queue);

/* Whether the body's next bytes can be hashed with those of others. */
bool queue_takes(const struct match_body *body, uint64_t offset);

/* No-ops when it waits already, and when it does not. */
void queue_join(struct match_body *body);
void queue_leave(struct match_body *body);

/* Hashes what waits; true when some is left. */
bool queue_run(struct match_queue *queue);
