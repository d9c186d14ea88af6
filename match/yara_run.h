#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * yara_run - libyara decides rules that the body may fulfil.
 *
 * Role: runs a ruleset of the image over a whole body and says whether a rule of it matches.
 * Rulesets are loaded when first asked for, and the least recently used ones go when all together
 * exceed YARA_RUN_LOADED_MAX; what one said about a body is remembered, so that it runs once for
 * all its rules. Owner: the match_db of a process. Memory: libyara's own mallocs, here only, for
 * bodies that have a rule's strings. Limits: a body of YARA_RUN_BODY_MAX bytes; for all rulesets of
 * one body together YARA_RUN_NS_BASE and YARA_RUN_NS_PER_BYTE of time, during which the process
 * does nothing else: libyara cannot stop in the middle and go on. It looks at its own clock too
 * seldom to keep such a limit, so yara_guard.h stops it. A fault inside libyara, which guards its
 * parsers with a signal handler, counts as giving up; a ruleset that was stopped too often is given
 * up for good.
 */
#include "base/slice.h"

#include <stdbool.h>

#define YARA_RUN_BODY_MAX   MIB(127)
#define YARA_RUN_LOADED_MAX MIB(64)

/* It looks at some 200 MB a second; hostile bodies can make it hundreds of times slower. */
#define YARA_RUN_NS_BASE     (250 * NS_PER_MS)
#define YARA_RUN_NS_PER_BYTE 10

struct layout;
struct yara_run;

enum yara_run_status {
    YARA_RUN_NO,
    YARA_RUN_YES,
    YARA_RUN_OVER, /* Too large, too slow or too many matches: undecided. */
};

/* `serial` tells bodies apart: no two bodies of one yara_run have the same, and none has 0. */
struct yara_run_body {
    uint64_t serial;
    struct slice bytes; /* All of it. */
};

/* `layout` stays open as long. With no ruleset in it libyara is not even initialised. */
MUST_CHECK int yara_run_open(struct yara_run **out_run, const struct layout *layout);
void yara_run_close(struct yara_run *run);

/* Gives back one ruleset; true, and NULL behind `run`, when there is nothing left. */
MUST_CHECK bool yara_run_close_slice(struct yara_run **run);

/* Whether the answer for this body is known already, so that its bytes need not be fetched. */
bool yara_run_knows(const struct yara_run *run, uint64_t serial, uint32_t ruleset);

/*
 * `rule` is the rule's identifier. Once `yara_run_knows` holds, `body->bytes` may be empty.
 * `*out_cost_ns` is what this call has worked, whatever else the processor did meanwhile.
 */
MUST_CHECK enum yara_run_status yara_run_decide(struct yara_run *run,
                                                const struct yara_run_body *body, uint32_t ruleset,
                                                const char *rule, uint64_t *out_cost_ns);
