#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * baleen_package - `baleen defs pack|sign|verify|diff|patch`, and what `inspect` says of a package.
 */
#include <stdbool.h>

/* Whether the verb is one of these. */
bool baleen_package_knows(const char *verb);

/* `argv[0]` is the verb. Exit codes: 0 good, 1 refused, 2 wrong use or a failure of the system. */
int baleen_package_main(int argc, char **argv);

/* Prints the manifest of the package in `fd`. */
int baleen_package_inspect(const char *path, int fd, bool json);
