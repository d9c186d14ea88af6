#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * sweep - the steps of a scenario: every combination of the values of its axes.
 *
 * Role: lays settings over one another in this order: what a run begins with, `load` and `engine`
 * of the scenario, those of the form, the values of the axes, the command line. The first axis
 * turns slowest. Memory: one block of steps.
 */
#include "bench/runner/scenario.h"

/* What the command line says for all steps; maps of the scenario's tree, or NULL. */
struct sweep_orders {
    const struct tree_node *load;
    const struct tree_node *engine;
    double scale; /* Of durations; 1: as written. */
};

struct sweep {
    size_t steps_len;
    struct step *steps;
    struct step capacity; /* When the scenario has one. */
};

/* False with a problem; `sweep` is empty then. */
MUST_CHECK bool sweep_expand(struct sweep *sweep, const struct scenario *scenario,
                             const struct sweep_orders *orders, struct problem *problem);
void sweep_free(struct sweep *sweep);
