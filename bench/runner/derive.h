#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * derive - what a scenario computes from the result of a step.
 *
 * Role: named functions from a finished step (document.h) and the capacity to one number. A number
 * that cannot be told (no server of our own, no capacity, nothing answered) is left out.
 */
#include <jansson.h>
#include <stdbool.h>

/* What beside the step's own JSON a computation may need. */
struct derive_facts {
    double capacity;      /* Requests a second; 0: not measured. */
    double connections;   /* Asked for. */
    double overload_from; /* The stage with the highest rate, in seconds of measured time; both 0 */
    double overload_to;   /* without stages. */
};

struct text;

bool derive_knows(const char *name);

/* Puts the value under its name into `out`; nothing when there is none. */
void derive_put(json_t *out, const char *name, json_t *step, const struct derive_facts *facts);

/* All names with what they mean, a line each. */
void derive_reference(struct text *out);
