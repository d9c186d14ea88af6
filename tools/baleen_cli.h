#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * baleen_cli - what the sub-commands of `baleen` share.
 *
 * Role: the arguments, the configuration they lead to, and the exit codes. Owner: main. Memory:
 * argv's.
 */
#include "engine/config.h"

struct text;

enum baleen_exit {
    BALEEN_EXIT_GOOD = 0,
    BALEEN_EXIT_FOUND = 1, /* Only of `scan`. */
    BALEEN_EXIT_ERROR = 2,
};

#define BALEEN_OVERRIDES_MAX 128

struct baleen_args {
    const char *file; /* -c; NULL: none. */
    struct config_override overrides[BALEEN_OVERRIDES_MAX];
    size_t overrides_len;
    int argc; /* What is left: argv[0] is the sub-command. */
    char **argv;
};

/* False when the configuration is refused; the reason is then on stderr. */
MUST_CHECK bool baleen_load_config(const struct baleen_args *args, struct config *out_config);

/* One line on stderr; returns BALEEN_EXIT_ERROR. */
int baleen_fail(const char *format, ...) PRINTF_LIKE(1, 2);

/* How to use the sub-command; returns BALEEN_EXIT_ERROR. */
int baleen_misuse(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);

/* Foreign bytes for a terminal or a log: control characters as \xNN. */
void baleen_put_visible(struct slice bytes, struct text *out);

int baleen_config_main(const struct baleen_args *args);
int baleen_control_main(const struct baleen_args *args);
int baleen_scan_main(const struct baleen_args *args);
