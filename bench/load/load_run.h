#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_run - one run of the generator, from start to result.
 *
 * Role: builds the corpus and the plan, starts the threads, and joins them. The caller may do other
 * things while they run: swap definitions, kill a shard. Phases: warm-up (not counted; it lasts
 * until the connections are open), measuring, draining (what is in flight is awaited and checked;
 * load_result.h says what of it counts). One more thread watches the clock and the server. Errors:
 * expected ones are texts for the user; nothing here ends the process.
 */
#include "bench/load/load_result.h"
#include "bench/load/load_spec.h"

struct load_run;

/* Returns when the threads have started; NULL with the reason in `why`. `spec` stays with the
 * caller, and what it points at must live until load_run_finish. */
struct load_run *load_run_start(const struct load_spec *spec, char *why, size_t why_cap);

/* Seconds since measuring began, negative in the warm-up. Any thread. */
double load_run_elapsed(const struct load_run *run);

/* False when all measuring is over (draining may still go on). */
bool load_run_active(const struct load_run *run);

/* Ends measuring early. */
void load_run_stop(struct load_run *run);

/* Waits for the end and frees the run. */
void load_run_finish(struct load_run *run, struct load_result *result);
