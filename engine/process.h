#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * process - what a process does to itself: title, core, user, limits.
 */
#include "base/macro.h"

#include <stdbool.h>

/* Call once at the start of main: remembers where the title can be written. */
void process_init(int argc, char **argv);

/* "baleend: shard 0" as ps shows it. */
void process_set_title(const char *format, ...) PRINTF_LIKE(1, 2);

/* Pins the process to a core; -1: leaves it. */
void process_pin(int core);

/* The cores this process may use, ascending, at most `cap`; how many there are. */
unsigned process_cores(int *out_cores, unsigned cap);

/* Raises the soft limit of descriptors to the hard one; returns what is allowed. */
uint64_t process_raise_files(void);

/* Becomes `user` with its groups. False with a log line when that is not possible. */
MUST_CHECK bool process_drop(const char *user);

/* Closes every descriptor above standard error but those in `keep`; negative ones are passed over.
 */
void process_close_others(const int *keep, unsigned keep_len);

/* Ends with the parent. */
void process_die_with_parent(void);
