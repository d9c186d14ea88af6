#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * session - all rounds of all steps against one server.
 *
 * Role: sees that the right server runs, measures the capacity where rates are shares of it, runs
 * each step, and puts what came of it into a document. The rounds are interleaved: all steps once,
 * then all of them again, so that whatever else the machine does falls on all of them. Errors: what
 * a server answers is part of the result; what keeps a run from happening ends the session.
 */
#include "bench/runner/document.h"
#include "bench/runner/run_args.h"
#include "bench/runner/sweep.h"

#define SESSION_NOTE_CAP  256
#define SESSION_NOTES_MAX 16

struct session {
    const struct run_args *args;
    const struct scenario *scenario;
    struct sweep *sweep;
    unsigned rounds;
    struct local_engine *engine;        /* NULL: the server of --target. */
    char folder[LOCAL_ENGINE_PATH_CAP]; /* For FILEMOD. */
    json_t *document;                   /* "steps" grows. */
    double capacity;                    /* Of this round; 0: not measured. */
    size_t capacities_len;
    double capacities[DOCUMENT_ROUNDS_MAX];
    size_t other_loads_len;
    double other_loads[DOCUMENT_ROUNDS_MAX]; /* Of the first runs. */
    size_t runs;                             /* So far. */
    size_t notes_len;
    char notes[SESSION_NOTES_MAX][SESSION_NOTE_CAP];
    char why[DOCUMENT_WHY_CAP];
};

/* Runs everything. False with the reason in `why` of the session; the document then holds the runs
 * before it. */
MUST_CHECK bool session_run(struct session *session);
