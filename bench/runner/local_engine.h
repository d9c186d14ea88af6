#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * local_engine - an engine of our own: started, asked, disturbed, stopped.
 *
 * Role: finds `baleend`, gives it a temporary folder with a state folder, a control socket and a
 * copy of the definitions where they are going to change, runs it on its own cores, and ends it
 * whatever happens: it gets SIGTERM when this process dies. Errors: expected ones are texts for the
 * user. Limits: one engine a struct; the folder and its port stay the same over restarts, so that
 * what was compiled comes from the cache.
 */
#include "bench/runner/step.h"

#include <sched.h>

#define LOCAL_ENGINE_PATH_CAP 512

/* With the name of the control socket it has to fit a sun_path of 108 bytes. */
#define LOCAL_ENGINE_FOLDER_CAP 92

/* What the command line says. */
struct local_engine_options {
    const char *program;     /* NULL: beside this program, in the build, in PATH. */
    const char *definitions; /* NULL: the set that ships with the project. */
    const char *state;       /* NULL: a temporary folder. */
    bool has_cpus;
    cpu_set_t cpus;
    bool copy_definitions; /* They are going to be changed. */
};

struct local_engine {
    struct local_engine_options options;
    char program[LOCAL_ENGINE_PATH_CAP];
    char folder[LOCAL_ENGINE_FOLDER_CAP];
    char tree[LOCAL_ENGINE_FOLDER_CAP + 8]; /* For FILEMOD: inside of filemod.roots. */
    char definitions[LOCAL_ENGINE_PATH_CAP];
    unsigned port;
    unsigned swaps; /* Signatures added so far. */
    pid_t pid;      /* 0: not running. */
    char *settings; /* Those it runs with, to see whether a restart is needed. */
};

/* Makes the folder and the copies; nothing runs yet. False with the reason in `why`. */
bool local_engine_open(struct local_engine *engine, const struct local_engine_options *options,
                       char *why, size_t why_cap);

/* Makes it run with these settings and serve: starts it, or restarts it when it runs with others.
 * False with the reason in `why`. */
bool local_engine_run(struct local_engine *engine, const struct step *step, char *why,
                      size_t why_cap);
void local_engine_stop(struct local_engine *engine);

/* Stops it and removes the folder. */
void local_engine_close(struct local_engine *engine);

/* Copies the log to `path`; false when there is none. */
bool local_engine_keep_log(const struct local_engine *engine, const char *path);

/* A connection to the control socket that has been sent `command`; -1 when nobody answers. */
int local_engine_ask(const struct local_engine *engine, const char *command);

/* The answer, waited for at most so long; NULL without one. Closes `fd`. */
json_t *local_engine_answer(int fd, int timeout_ms);

/* The supervisor and its shards; returns how many. */
size_t local_engine_pids(const struct local_engine *engine, pid_t pids[LOAD_PIDS_MAX]);

/* The process of a shard; 0 without one. */
pid_t local_engine_shard(const struct local_engine *engine, unsigned shard);

/* How often its shards were replaced since it started. */
uint64_t local_engine_restarts(const struct local_engine *engine);

/* A folder for FILEMOD, emptied. */
void local_engine_clear_tree(const struct local_engine *engine, char out[LOCAL_ENGINE_PATH_CAP]);

/* Writes one more signature that nothing matches beside the others. False with the reason. */
bool local_engine_change_set(struct local_engine *engine, char *why, size_t why_cap);
