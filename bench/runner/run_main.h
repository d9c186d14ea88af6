#pragma once
/* SPDX-License-Identifier: MIT */
/* run_main - `baleen-bench run` and `baleen-bench scenarios`. Return exit codes. */

int run_main(int argc, char **argv);
int scenarios_main(int argc, char **argv);
