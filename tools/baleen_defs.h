#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * baleen_defs - `baleen defs`: checks, compiles and inspects definition sets.
 *
 * Role: the sub-commands that need no running engine. Exit codes: 0 good, 1 the set or image is
 * refused, 2 wrong use or a failure of the system.
 */

/* `argv[0]` is "defs", `argv[1]` the sub-command. Returns the exit code. */
int baleen_defs_main(int argc, char **argv);
