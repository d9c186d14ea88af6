#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_server - what the server's processes cost.
 *
 * Role: reads CPU time and memory from /proc for the processes that the caller named and for the
 * children they get. A process that ends, because a shard was killed, leaves the time that was seen
 * last and is no error. Runs in: the thread that watches the run.
 */
#include "bench/load/load_spec.h"

struct load_server_process {
    pid_t pid;
    uint64_t cpu_ns; /* When it was seen last. */
};

struct load_server {
    size_t len;
    struct load_server_process processes[LOAD_PIDS_MAX];
};

struct load_memory {
    uint64_t rss_bytes;
    uint64_t private_bytes;
};

/* False when one of the processes is not there. */
bool load_server_init(struct load_server *server, const struct load_spec *spec);

/* CPU time of all so far. To be asked a few times a second, so that little is lost of what ends. */
uint64_t load_server_cpu_ns(struct load_server *server);

struct load_memory load_server_memory(const struct load_server *server);
