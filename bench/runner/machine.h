#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * machine - what the run was made on, and what else kept it busy.
 */
#include <jansson.h>
#include <sys/types.h>

/* The clocks at one moment, in seconds. */
struct machine_mark {
    double wall;
    double busy;   /* All cores, all processes. */
    double own;    /* This process. */
    double server; /* The processes given. */
};

/* {"cpu", "cores", "kernel", "memory"}. */
json_t *machine_describe(void);

struct machine_mark machine_look(const pid_t *pids, size_t pids_len);

/* The share of the machine that neither server nor generator used between the two. */
double machine_other_load(const struct machine_mark *from, const struct machine_mark *to);
