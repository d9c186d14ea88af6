#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * summary - what a document says on the whole: goals, notes, errors.
 *
 * Role: computed from the steps of a document and from nothing else, so that rounds that were added
 * later count as well. Medians over the rounds of a step; of several steps the worst counts.
 */
#include "bench/runner/scenario.h"

/* Errors of a step beyond those that belong to the experiment. */
uint64_t summary_count_errors(json_t *result, const struct scenario *scenario);

/* Writes "goals", "notes" and "errors_total" of the document; the notes of the run itself stay in
 * front. */
void summary_put(json_t *document, const struct scenario *scenario, const char *const *notes,
                 size_t notes_len);

bool summary_all_reached(json_t *document);
