#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * source_yara_compile - libyara compiles rules.
 *
 * Role: some rules of a file, each given by itself so that a refusal names its rule, become bytes
 * that match/yara_run.c loads. Only modules of a list are offered: what reads no files, gives the
 * same answer tomorrow, and parses hostile bytes with care. Private to the source_yara*.c files.
 * Needs: yr_initialize.
 */
#include "defs/source_yara_file.h"

#define YARA_ERROR_CAP 256

enum yara_compile_status {
    YARA_COMPILE_OK,
    YARA_COMPILE_REFUSED, /* `rule`, `line` and `error` say which and why. */
};

struct yara_compiled {
    struct vec bytes; /* uint8_t; freed by the caller. */
    uint32_t rule;
    unsigned line;
    char error[YARA_ERROR_CAP];
};

/* Why a file may not import the module, NULL when it may. */
const char *yara_module_refusal(struct slice name);

/* `rules` in the order of the file. A negative errno or an enum yara_compile_status. */
MUST_CHECK int yara_compile(struct yara_compiled *out, const struct yara_file *file,
                            const uint32_t *rules, size_t rules_len);
