#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * build_report - how the signatures of an image will be looked for, and what that costs.
 *
 * Role: for who writes signatures: how long and how rare the triggers are, what is compared in
 * place, what has to be looked at in every body, and which signatures cost most. A logical
 * signature counts once, with all its triggers. Runs in: `baleen defs check`, behind
 * match_builder_finish. Owner: the caller. Memory: the list of the costly ones.
 */
#include "base/slice.h"
#include "match/vec.h"

#define BUILD_REPORT_LEN_MAX 16

/* Expected hits in a megabyte of clean files: below 0.001, 0.01, 0.1, 1, 10, 100, and more. */
#define BUILD_REPORT_CLASSES 7

/* From here on a signature is listed. */
#define BUILD_REPORT_COSTLY 1.0

struct match_builder;

struct build_report_row {
    char *name;
    double hits_per_mb;
    uint32_t trigger_len; /* The shortest; 0: every body is looked at. */
};

struct build_report {
    uint32_t signatures; /* Body signatures, logical signatures, rules. */
    uint32_t triggered;
    uint32_t in_place;
    uint32_t always;
    uint32_t triggers;
    uint32_t shared;                           /* Triggers of more than one signature. */
    uint32_t by_len[BUILD_REPORT_LEN_MAX + 1]; /* Signatures by their shortest trigger. */
    uint32_t by_class[BUILD_REPORT_CLASSES];   /* Signatures by all hits of their triggers. */
    double hits_per_mb;                        /* Of all triggers together. */
    struct vec costly;                         /* struct build_report_row, the worst first. */
};

/* The upper bound of a class; 0 for the last, which has none. */
double build_report_bound(unsigned class);

/* `image` is what match_builder_finish made. -ENOMEM, or 0; free the report in either case. */
MUST_CHECK int build_report_make(struct build_report *out, const struct match_builder *builder,
                                 struct slice image);
void build_report_free(struct build_report *report);
