#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * happening - the events of a scenario, while a run goes on.
 *
 * Role: looked at every few milliseconds by the loop that waits for the run; does what is due and
 * marks it on the time line. Nothing in it waits: a reload is asked for and its answer collected
 * later. What was paused goes on at the end at the latest.
 */
#include "bench/runner/local_engine.h"
#include "bench/runner/scenario.h"

#define HAPPENING_PAUSED_MAX 8

struct happening_pause {
    pid_t pid; /* 0: free. */
    double until_sec;
};

struct happening {
    const struct scenario *scenario;
    struct local_engine *engine;
    double scale;                         /* Of all times. */
    double end_sec;                       /* No event begins after it. */
    double next_sec[SCENARIO_EVENTS_MAX]; /* Negative: never again. */
    struct happening_pause paused[HAPPENING_PAUSED_MAX];
    unsigned kills; /* Shards that were killed. */
    int reload_fd;  /* A reload under way; -1: none. */
    enum scenario_event_kind reload_kind;
    json_t *marks;
    char why[256]; /* What went wrong; empty: nothing. */
};

/* `engine` NULL: the events, all optional then, are left out. */
void happening_begin(struct happening *happening, const struct scenario *scenario,
                     struct local_engine *engine, double scale, double end_sec);

/* Does what is due `now_sec` after the start of measuring. */
void happening_turn(struct happening *happening, double now_sec);

/* Waits for a reload, lets everything go on, and hands over the marks. */
json_t *happening_end(struct happening *happening, double now_sec);
