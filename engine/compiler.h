#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * compiler - definitions are compiled beside the traffic, by a child with limits.
 *
 * Role: forks, compiles the set into a memfd (or takes it from the cache in state_dir), tests the
 * result, and tells the supervisor over a pipe. The child runs only when a core has nothing else to
 * do, so that requests do not feel it. A child that crashes or runs into its limits is a refused
 * set, nothing more. One job at a time.
 */
#include "defs/defs.h"
#include "engine/config.h"
#include "engine/history.h"

#include <sys/types.h>

struct compiler {
    pid_t pid; /* 0: no job. */
    int pipe_fd;
    int image_fd;
    int model_fd;        /* For what match_db_model says of the image. */
    uint64_t kill_at_ns; /* Its limits count what it does; this one counts what it waits for. */
    bool back;           /* The job: the previous set. */
};

/* What is to be compiled; read by the child only. */
struct compiler_job {
    const char *path;
    const struct config *config;
    const struct history *history;
    bool back;  /* Not the path, but the previous set of the history. */
    bool first; /* Nothing is served before it is done: at full speed. */
};

struct compiler_result {
    bool good;
    bool held;                      /* The history holds off what was found. */
    uint8_t found[DEFS_DIGEST_LEN]; /* Content at the path. */
    struct defs_meta meta;
    struct defs_counts counts;
    char error[DEFS_ERROR_CAP];
};

/* Starts a job. False with a log line when the child cannot be made. */
MUST_CHECK bool compiler_start(struct compiler *compiler, const struct compiler_job *job);

/* What a job leaves behind, owned by whoever takes it. */
struct compiler_product {
    int image_fd;   /* Sealed. -1: nothing. */
    uint8_t *model; /* match_db_model of the image, malloc'ed; NULL: shards do without. */
    size_t model_len;
};

/*
 * Call when the child has ended (its wait status) : fills `out`, and on success `out_product`.
 */
void compiler_finish(struct compiler *compiler, int wait_status, struct compiler_result *out,
                     struct compiler_product *out_product);

/* Reads all keys of definitions.trusted_keys. False with one line in `error`. */
MUST_CHECK bool compiler_check_keys(const struct config *config, char error[DEFS_ERROR_CAP]);
