#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * supervisor_run - what start-up and the running supervisor share.
 */
#include "base/macro.h"

#include <stdbool.h>

struct config;
struct supervisor;

/* Sets supervisor->definitions: the configured path, else the usual place, else the shipped set. */
void supervisor_find_definitions(struct supervisor *supervisor, const struct config *config);

/* Starts the compiler for the order at hand. */
MUST_CHECK bool supervisor_start_compiler(struct supervisor *supervisor);

/* Hands the current generation to a shard. */
void supervisor_send_generation(struct supervisor *supervisor, unsigned index);

/* The compiler has ended: takes its result over or says why not. */
void supervisor_on_compiled(struct supervisor *supervisor, int wait_status);

/*
 * Gives up images that no shard uses any more. Whoever closes an image last frees its pages, which
 * takes milliseconds: it must not be a shard.
 */
void supervisor_drop_retired(struct supervisor *supervisor);

/* Starts the shards and runs until the last of them has ended. */
int supervisor_run(struct supervisor *supervisor);
