#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * scenario - a file that says what to measure, checked.
 *
 * Role: reads the YAML file, lays its `short:` or `long:` part over the rest, and keeps what the
 * runner needs; the steps themselves come from sweep_expand. Memory: everything refers to the
 * scenario's tree. Errors: one line that names file, line, name and what is allowed.
 *
 *   name, title, text   what it is and what it answers
 *   rounds              how often all steps are run, in turn
 *   load                settings of the generator, the same for all steps (step.h)
 *   engine              settings of an engine of our own
 *   sweep               axes: a name and its values. The name is a setting of `load`, or
 *                       `engine.KEY`; or any word when each value is a map that names itself
 *                       ({as: small, sizes: 1k, engine.icap.preview: 0}). The first axis turns
 *                       slowest.
 *   fresh               true: a new engine for each step, so that memory counts from nothing
 *   capacity            {load: ..., engine: ...}: a closed loop that is run first, so that rates
 *                       may be written as shares of what it reaches ("0.5x")
 *   events              [{at: 2s, do: swap, every: 5s, for: 1s, shard: 0, optional: true}]
 *   tolerate            {reset: 64}: errors of a kind that belong to the experiment, so many
 *   derive              names of computations (derive.h)
 *   goals               [{name, value, where: {preview: 1024}, at_least | at_most, unit}]
 *   notes               [{best: highest | lowest, value, over: AXIS, by: AXIS, where, within:
 * 0.03}] views               how to show it (document.h) short, long         rounds, load, engine,
 * sweep, capacity, events, tolerate that replace those above name by name; of sweep the values of
 * an axis, events and stages whole
 */
#include "bench/runner/step.h"

#define SCENARIO_AXES_MAX   6
#define SCENARIO_STEPS_MAX  2000
#define SCENARIO_EVENTS_MAX 64
#define SCENARIO_GOALS_MAX  32
#define SCENARIO_NOTES_MAX  16
#define SCENARIO_WORDS_MAX  16

struct scenario_axis {
    const char *name;
    const char *param;              /* The same without "engine." */
    const struct tree_node *values; /* A list. */
};

enum scenario_event_kind {
    SCENARIO_SWAP,
    SCENARIO_RELOAD,
    SCENARIO_KILL_SHARD,
    SCENARIO_PAUSE_SHARD
};

struct scenario_event {
    enum scenario_event_kind kind;
    double at_sec;
    double every_sec; /* 0: once. */
    double for_sec;   /* How long a shard is paused. */
    unsigned shard;
    bool optional;
};

struct scenario_goal {
    const char *name;
    const char *value; /* A path into a step. */
    const char *unit;
    const struct tree_node *where; /* Params that a step must have; NULL: all steps. */
    double wanted;
    bool at_least; /* Otherwise at most. */
};

struct scenario_note {
    const char *value;
    const char *over;
    const char *by;                /* NULL: one for all. */
    const struct tree_node *where; /* As of a goal. */
    bool highest;
    double within;
};

struct scenario_tolerance {
    const char *error;
    uint64_t max;
};

struct scenario {
    struct tree tree;
    const char *name;
    const char *title;
    const char *text;
    bool is_long;
    unsigned rounds;
    const struct tree_node *load[2]; /* What is set first, and what is laid over it. */
    const struct tree_node *engine[2];
    bool fresh;
    bool engine_optional; /* A server of somebody else's will do. */
    bool has_capacity;
    const struct tree_node *capacity_load[2];
    const struct tree_node *capacity_engine[2];
    size_t axes_len;
    struct scenario_axis axes[SCENARIO_AXES_MAX];
    size_t events_len;
    struct scenario_event events[SCENARIO_EVENTS_MAX];
    size_t tolerances_len;
    struct scenario_tolerance tolerances[SCENARIO_WORDS_MAX];
    size_t derive_len;
    const char *derive[SCENARIO_WORDS_MAX];
    size_t goals_len;
    struct scenario_goal goals[SCENARIO_GOALS_MAX];
    size_t notes_len;
    struct scenario_note notes[SCENARIO_NOTES_MAX];
    json_t *views; /* A list; its own reference. */
};

/* False with a problem; `scenario` is empty then. */
MUST_CHECK bool scenario_read(struct scenario *scenario, struct slice text, bool is_long,
                              struct problem *problem);
void scenario_free(struct scenario *scenario);

const char *scenario_event_word(enum scenario_event_kind kind);

/* Whether some event or axis needs an engine of our own, other than optional ones: what it is, or
 * NULL. */
const char *scenario_needs_engine(const struct scenario *scenario);
