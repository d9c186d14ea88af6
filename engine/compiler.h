#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * compiler - definitions are compiled beside the traffic, by a child with limits.
 *
 * Role: forks, compiles the set into a memfd, opens the result once as a self-test, and tells the
 * supervisor over a pipe. A child that crashes or runs into its limits is a refused set, nothing
 * more. One job at a time.
 */
#include "defs/defs.h"

#include <sys/types.h>

struct compiler {
    pid_t pid; /* 0: no job. */
    int pipe_fd;
    int image_fd;
    uint64_t kill_at_ns; /* Its limits count what it does; this one counts what it waits for. */
};

struct compiler_result {
    bool good;
    struct defs_meta meta;
    struct defs_counts counts;
    char error[DEFS_ERROR_CAP];
};

/* Starts a job. False with a log line when the child cannot be made. */
MUST_CHECK bool compiler_start(struct compiler *compiler, const char *path);

/*
 * Call when the child has ended (its wait status) : fills `out`; on success `*out_image_fd` is the
 * sealed image, owned by the caller.
 */
void compiler_finish(struct compiler *compiler, int wait_status, struct compiler_result *out,
                     int *out_image_fd);
