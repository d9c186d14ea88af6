#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * baleen_report - what `baleen scan` tells.
 *
 * Role: keeps the files in the order of the walk, whatever order their answers come in, and prints
 * each as soon as all before it are done. Text like clamdscan's, or one JSON object a line; a
 * summary; a bar on a terminal. Memory: REPORT_WINDOW_MAX files may wait for their turn.
 */
#include "base/slice.h"

#include <stdio.h>

#define REPORT_WINDOW_MAX 4096
#define REPORT_DETAIL_CAP 256

enum report_result {
    REPORT_PENDING,
    REPORT_CLEAN,
    REPORT_FOUND,   /* `detail` is the name. */
    REPORT_FAILED,  /* `detail` is the reason. */
    REPORT_SKIPPED, /* The same. */
};

struct report_file {
    struct report_file *next;
    char *path;
    uint64_t file_len;
    enum report_result result;
    char detail[REPORT_DETAIL_CAP];
};

struct report {
    bool json;
    bool only_findings;
    bool no_summary;
    bool bar; /* A terminal to draw on. */
    struct report_file *first;
    struct report_file **last;
    size_t waiting;
    uint64_t files;
    uint64_t found;
    uint64_t failed;
    uint64_t skipped;
    uint64_t bytes;
    uint64_t files_all; /* For the bar; 0: unknown. */
    uint64_t bytes_all;
    uint64_t started_ns;
    uint64_t drawn_ns;
};

void report_init(struct report *report);

/* A file whose turn to be printed comes after all that were added before; NULL without memory. */
MUST_CHECK struct report_file *report_add(struct report *report, const char *path,
                                          uint64_t file_len);

void report_set(struct report_file *file, enum report_result result, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Prints what is ready, and moves the bar. */
void report_flush(struct report *report);

/* Takes the bar away and prints the summary. */
void report_finish(struct report *report);
