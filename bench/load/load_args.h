#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_args - the command line of `baleen-bench load`.
 *
 * Role: reads it into a load_spec. Errors: one line on stderr; what is left to the caller is the
 * exit code.
 */
#include "bench/load/load_spec.h"

struct load_args {
    struct load_spec spec;
    bool json;
};

enum load_args_status {
    LOAD_ARGS_OK,
    LOAD_ARGS_HELP, /* The usage was asked for and printed. */
    LOAD_ARGS_BAD
};

/* `args` points into `argv` afterwards. */
enum load_args_status load_args_parse(struct load_args *args, int argc, char **argv);
