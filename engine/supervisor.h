#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * supervisor - keeps the engine running; never touches traffic.
 *
 * Role: reads the configuration, owns the listening sockets, the current generation and the shards,
 * has definitions compiled, hands new generations out, replaces shards that die, answers on the
 * control socket, writes the log. One poll loop.
 */
#include "engine/compiler.h"
#include "engine/control.h"
#include "engine/counters.h"
#include "engine/generation.h"
#include "engine/history.h"
#include "engine/watch.h"

#include <sys/types.h>

#define SUPERVISOR_RETIRED_MAX 8

struct supervisor_shard {
    pid_t pid;      /* 0: not running. */
    int channel_fd; /* -1 when it is not running. */
    int core;
    uint64_t started_ns;
    uint64_t start_at_ns; /* When to start it again. */
    uint64_t sent;        /* Generation last sent. */
    uint64_t adopted;     /* Generation last adopted. */
    uint64_t retry_at_ns; /* When to send it again after a refusal. */
    unsigned quick_deaths;
};

/* What a reload is to do. */
struct supervisor_order {
    bool config;   /* Read the configuration, too. */
    bool older;    /* A set with a lower sequence than the one in use is taken, too. */
    bool previous; /* Do not look at the path: go back to the set before. */
};

struct supervisor {
    const char *config_path; /* NULL: none. */
    const struct config_override *overrides;
    size_t overrides_len;
    struct config *config;      /* In use. */
    struct config *next_config; /* Being brought in with the job that runs. */
    char definitions[CONFIG_PATH_CAP];
    unsigned shards_len;
    struct supervisor_shard shards[COUNTERS_SHARD_MAX];
    struct counters_page *pages;
    int *listen_fds; /* shards_len times the addresses. */
    unsigned addresses_len;
    int spool_fd;
    int signal_fd;
    int log_pipe[2];
    int access_pipe[2];
    int access_fd;
    uint32_t connections_max;
    struct compiler compiler;
    struct history history;
    struct supervisor_order order;       /* Of the job that runs. */
    struct supervisor_order next_reload; /* Of another one after it ... */
    bool reload_wanted;                  /* ... if there is to be one. */
    struct watch watch;
    struct control control;
    uint64_t number; /* Of the current generation. */
    int file_fd;
    int image_fd;
    int retired_fds[SUPERVISOR_RETIRED_MAX]; /* Images that shards may still use. */
    unsigned retired_len;
    struct defs_meta meta;
    struct defs_counts counts;
    char digest[2 * DEFS_DIGEST_LEN + 1];
    char content[2 * DEFS_DIGEST_LEN + 1];
    char istag[DEFS_ISTAG_CAP];
    int64_t loaded_at;
    uint64_t started_ns;
    bool ready;
    bool stopping;
    uint64_t kill_at_ns;
};

/* `baleend`: parses the arguments and runs; returns the exit code (0, 1 failed, 2 wrong usage or
 * configuration). */
int supervisor_main(int argc, char **argv);

/* For the control socket. */
void supervisor_reload(struct supervisor *supervisor, const struct supervisor_order *order);
void supervisor_stop(struct supervisor *supervisor);

/* All running shards work on the current generation. */
bool supervisor_is_settled(const struct supervisor *supervisor);
