#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_main - `baleen-bench load`: one run, one report.
 *
 * Returns the exit code: 0 when every answer was right, 1 when some were not or none came, 2 for
 * what cannot be run.
 */
int load_main(int argc, char **argv);
