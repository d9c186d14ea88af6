#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * step - one run of a scenario: what is asked of the generator and of the engine.
 *
 * Role: settings are read from a scenario's `load:` map, its axes and the command line, all through
 * one table, so that each of them knows the same names, limits and messages. Rates may be shares of
 * a capacity that is measured first; they become numbers in step_resolve. Memory: strings belong to
 * the scenario's tree; `params` is a reference of its own.
 */
#include "bench/load/load_spec.h"
#include "bench/runner/yaml_tree.h"

#include <jansson.h>

#define STEP_ID_CAP       256
#define STEP_SETTINGS_MAX 32
#define STEP_KEY_PATH_CAP 96

struct text;

/* A rate as it is written: "5000", "0.5x". */
struct step_rate {
    double value;
    bool relative;  /* A share of the capacity. */
    bool inherited; /* Of a stage: the rate of the step. */
};

/* A setting of an engine of our own. */
struct step_setting {
    const char *key;
    const char *value;
};

struct step {
    struct load_spec spec;
    bool auto_interval;
    bool auto_threads;
    struct step_rate rate;
    struct step_rate stage_rates[LOAD_STAGES_MAX];
    size_t settings_len;
    struct step_setting settings[STEP_SETTINGS_MAX];
    json_t *params; /* Of the axes: name and value. */
    char id[STEP_ID_CAP];
};

void step_init(struct step *step);

/* Sets what `node` names; `path` is how messages call the map it stands in ("load", "--load").
 * False with a problem. */
MUST_CHECK bool step_set(struct step *step, const struct tree_node *node, const char *path,
                         struct problem *problem);

/* All names of a map. */
MUST_CHECK bool step_set_map(struct step *step, const struct tree_node *map, const char *path,
                             struct problem *problem);

/* Sets or replaces a setting of the engine; the value is checked as the engine would. */
MUST_CHECK bool step_set_engine(struct step *step, const struct tree_node *node, const char *path,
                                struct problem *problem);

/* Whether `load:` knows the name. */
bool step_knows(const char *name);

/* A value of an axis as reports show it: numbers where it is one, bytes, seconds. */
json_t *step_param(const char *name, const struct tree_node *node);

/* Whether some rate is a share of the capacity. */
bool step_is_relative(const struct step *step);

/* Checks what only the whole step shows. */
MUST_CHECK bool step_check(const struct step *step, struct problem *problem);

/* Multiplies durations, not time-outs. */
void step_scale(struct step *step, double factor);

/* Turns shares into rates and fills in what follows from the rest. `capacity` in requests a second.
 */
void step_resolve(struct step *step, double capacity);

/* Seconds of the measured time. */
double step_seconds(const struct step *step);

/* All settings with what is allowed, a line each. */
void step_reference(struct text *out);
