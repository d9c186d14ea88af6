#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * run_args - the command line of `baleen-bench run`.
 */
#include "bench/runner/local_engine.h"

#define RUN_ARGS_ORDERS_MAX 32

struct run_args {
    const char *scenario;
    bool is_long;
    bool goals;   /* Missed goals are a failure. */
    bool dry_run; /* Prints the steps. */
    bool quiet;
    bool help;
    bool reference;
    double scale;
    unsigned rounds; /* 0: as the scenario says. */
    bool has_seed;
    uint64_t seed;
    size_t loads_len;
    const char *loads[RUN_ARGS_ORDERS_MAX]; /* KEY=VALUE */
    size_t sets_len;
    const char *sets[RUN_ARGS_ORDERS_MAX];
    const char *json;   /* NULL: ./baleen-bench-SCENARIO.json */
    const char *append; /* A document that gets further rounds. */
    const char *html;
    const char *markdown; /* NULL: standard output. */
    const char *target;   /* NULL: an engine of our own. */
    size_t pids_len;
    pid_t pids[LOAD_PIDS_MAX];
    struct local_engine_options engine;
    size_t load_cpus_len;
    int load_cpus[LOAD_CPUS_MAX];
};

/* False with one line on stderr. */
MUST_CHECK bool run_args_parse(struct run_args *args, int argc, char **argv);

extern const char run_args_help[];
