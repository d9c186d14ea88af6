#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * survey - what the author of signatures wants to know of a set, beside what is unusable.
 *
 * Role: collects while a set is compiled: lines that are slow, lines that say what another one has
 * said, names that were used before, and how all signatures will be looked for. Owner: the caller
 * of defs_compile. Memory: a table of all lines until survey_finish, then the findings. Limits:
 * SURVEY_LIST_MAX rows in each list; what is more is counted only.
 */
#include "defs/gather.h"
#include "match/build_report.h"

#define SURVEY_LIST_MAX 10000

struct survey_slow {
    char *file;
    char *reason;
    unsigned line;
};

/* A line that repeats an earlier one. */
struct survey_twin {
    char *file;
    char *name;
    char *first_file;
    char *first_name;
    unsigned line;
    unsigned first_line;
};

struct survey_table {
    uint32_t *slots; /* Index of an entry and 1. */
    size_t cap;
    size_t len;
};

struct survey {
    struct vec slow;        /* struct survey_slow */
    struct vec twins;       /* struct survey_twin: the same signature. */
    struct vec namesakes;   /* struct survey_twin: another one of the same name. */
    uint64_t slow_len;      /* All of them ... */
    uint64_t twins_len;     /* ... */
    uint64_t namesakes_len; /* ... */
    struct build_report report;

    /* Private. */
    struct vec entries;
    struct survey_table bodies;
    struct survey_table names;
    bool failed; /* No memory: the lists are short. */
};

void survey_init(struct survey *survey);
void survey_free(struct survey *survey);

/* A line that was used. `file` and `text` stay until survey_finish. */
void survey_take_line(struct survey *survey, const struct gather_file *file, unsigned line,
                      struct slice text);

/* A line, or a rule, that is slow. */
void survey_take_slow(struct survey *survey, const struct gather_file *file, unsigned line,
                      const char *reason);

/* The match section is there. -ENOMEM, or 0. */
MUST_CHECK int survey_finish(struct survey *survey, const struct match_builder *builder,
                             struct slice match);
