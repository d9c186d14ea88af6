/* SPDX-License-Identifier: MIT */
#include "bench/runner/sweep.h"

#include "base/assert.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

/* The settings of an engine in a map; `optional` is a word of the scenario's own. */
static bool sweep_set_engine(struct step *step, const struct tree_node *map, const char *path,
                             struct problem *problem)
{
    for (const struct tree_node *node = map != NULL ? map->first : NULL; node != NULL;
         node = node->next) {
        if (strcmp(node->name, "optional") != 0 && !step_set_engine(step, node, path, problem)) {
            return false;
        }
    }
    return true;
}

/* One setting of an axis: of the engine when its name begins so, else of the load. */
static bool sweep_set_value(struct step *step, const char *name, const struct tree_node *value,
                            struct problem *problem)
{
    struct tree_node node = *value;
    const bool is_engine = strncmp(name, "engine.", 7) == 0;

    node.name = is_engine ? name + 7 : name;
    return is_engine ? step_set_engine(step, &node, "engine", problem)
                     : step_set(step, &node, "sweep", problem);
}

/* The value of an axis, or all that a map of values says. */
static bool sweep_set_axis(struct step *step, const struct scenario_axis *axis,
                           const struct tree_node *value, struct problem *problem)
{
    json_object_set_new(step->params, axis->param, step_param(axis->name, value));
    if (value->kind != TREE_MAP) {
        return sweep_set_value(step, axis->name, value, problem);
    }
    for (const struct tree_node *node = value->first; node != NULL; node = node->next) {
        if (strcmp(node->name, "as") != 0 && !sweep_set_value(step, node->name, node, problem)) {
            return false;
        }
    }
    return true;
}

/* "preview=1024 mix=html", as it is written. */
static void sweep_name(struct step *step, const struct scenario *scenario,
                       const struct tree_node *const *values)
{
    struct text text = text_over(step->id, sizeof(step->id) - 1);

    for (size_t i = 0; i < scenario->axes_len; i++) {
        const struct tree_node *as = tree_find(values[i], "as");

        text_printf(&text, "%s%s=%s", i > 0 ? " " : "", scenario->axes[i].param,
                    as != NULL ? as->text : values[i]->text);
    }
    if (scenario->axes_len == 0) {
        text_put_str(&text, scenario->name);
    }
    step->id[text.len] = '\0';
}

static bool sweep_fill(struct step *step, const struct scenario *scenario,
                       const struct sweep_orders *orders, const struct tree_node *const *values,
                       struct problem *problem)
{
    step_init(step);
    step->params = json_object();
    sweep_name(step, scenario, values);
    for (size_t i = 0; i < 2; i++) {
        if (!step_set_map(step, scenario->load[i], "load", problem) ||
            !sweep_set_engine(step, scenario->engine[i], "engine", problem)) {
            return false;
        }
    }
    for (size_t i = 0; i < scenario->axes_len; i++) {
        if (!sweep_set_axis(step, &scenario->axes[i], values[i], problem)) {
            return false;
        }
    }
    if (!step_set_map(step, orders->load, "--load", problem) ||
        !sweep_set_engine(step, orders->engine, "--set", problem) || !step_check(step, problem)) {
        return false;
    }
    if (step_is_relative(step) && !scenario->has_capacity) {
        return problem_put(problem, 0, step->id,
                           "a rate that is a share of the capacity needs `capacity:`");
    }
    step_scale(step, orders->scale);
    return true;
}

/* The step that measures the capacity: the scenario's load in a closed loop. */
static bool sweep_fill_capacity(struct step *step, const struct scenario *scenario,
                                const struct sweep_orders *orders, struct problem *problem)
{
    step_init(step);
    snprintf(step->id, sizeof(step->id), "capacity");
    for (size_t i = 0; i < 2; i++) {
        if (!step_set_map(step, scenario->load[i], "load", problem) ||
            !sweep_set_engine(step, scenario->engine[i], "engine", problem)) {
            return false;
        }
    }
    step->spec.pace = LOAD_CLOSED;
    step->spec.stages_len = 0;
    step->rate = (struct step_rate){0};
    step->spec.refused = LOAD_REFUSED_ERROR;
    step->spec.slow_share = 0;
    step->spec.abort_share = 0;
    for (size_t i = 0; i < 2; i++) {
        if (!step_set_map(step, scenario->capacity_load[i], "capacity.load", problem) ||
            !sweep_set_engine(step, scenario->capacity_engine[i], "capacity.engine", problem)) {
            return false;
        }
    }
    if (!sweep_set_engine(step, orders->engine, "--set", problem) || !step_check(step, problem)) {
        return false;
    }
    step_scale(step, orders->scale);
    return true;
}

/* Moves to the next combination; false behind the last one. */
static bool sweep_turn(const struct scenario *scenario, const struct tree_node **values)
{
    for (size_t i = scenario->axes_len; i-- > 0;) {
        values[i] = values[i]->next;
        if (values[i] != NULL) {
            return true;
        }
        values[i] = scenario->axes[i].values->first;
    }
    return false;
}

bool sweep_expand(struct sweep *sweep, const struct scenario *scenario,
                  const struct sweep_orders *orders, struct problem *problem)
{
    const struct tree_node *values[SCENARIO_AXES_MAX] = {NULL};
    size_t total = 1;
    bool more = true;

    *sweep = (struct sweep){0};
    for (size_t i = 0; i < scenario->axes_len; i++) {
        values[i] = scenario->axes[i].values->first;
        total *= tree_count(scenario->axes[i].values);
        if (total > SCENARIO_STEPS_MAX) {
            return problem_put(problem, 0, "sweep", "more than %d steps", SCENARIO_STEPS_MAX);
        }
    }
    if (scenario->has_capacity &&
        !sweep_fill_capacity(&sweep->capacity, scenario, orders, problem)) {
        return false;
    }
    sweep->steps = calloc(total, sizeof(*sweep->steps));
    ASSERT(sweep->steps != NULL);
    while (more) {
        ASSERT(sweep->steps_len < total);
        if (!sweep_fill(&sweep->steps[sweep->steps_len++], scenario, orders, values, problem)) {
            sweep_free(sweep);
            return false;
        }
        more = sweep_turn(scenario, values);
    }
    return true;
}

void sweep_free(struct sweep *sweep)
{
    for (size_t i = 0; i < sweep->steps_len; i++) {
        json_decref(sweep->steps[i].params);
    }
    free(sweep->steps);
    *sweep = (struct sweep){0};
}
