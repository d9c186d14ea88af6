#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * report_name - what people call the values of a document, and how they write them.
 *
 * Role: from "result.latency.full.p99" to "p99" in "us", and from 1234567 to "1.18 MiB". Markdown,
 * HTML, the page's script (which gets the names with its data) and comparisons all ask here, so
 * that a value has one name. Memory: the caller's.
 */
#include <stdbool.h>
#include <stddef.h>

#define REPORT_LABEL_CAP  96
#define REPORT_NUMBER_CAP 48

enum report_unit {
    REPORT_UNIT_NONE,
    REPORT_UNIT_COUNT,
    REPORT_UNIT_RATE,    /* Requests a second. */
    REPORT_UNIT_MB_RATE, /* Megabytes a second. */
    REPORT_UNIT_US,
    REPORT_UNIT_SECONDS,
    REPORT_UNIT_BYTES,
    REPORT_UNIT_SHARE, /* 0 to 1, shown in percent. */
    REPORT_UNIT_CORES
};

struct report_name {
    char label[REPORT_LABEL_CAP]; /* Without the unit; empty when the unit says it all. */
    enum report_unit unit;
};

/* One factor for a whole column, so that its figures can be compared by eye. */
struct report_scale {
    double divisor;
    const char *word; /* "MiB"; may be empty. */
};

void report_name_path(const char *path, struct report_name *out);

/* The name of the unit for the page's script: "us", "bytes", ... */
const char *report_name_unit(enum report_unit unit);

/* The scale for values of up to `max`. */
struct report_scale report_name_scale(enum report_unit unit, double max);

/* "p99 us": the head of a column. */
void report_name_column(const char *path, struct report_scale scale, char *out, size_t out_cap);

/* Four digits that count, or the whole number when it has more. */
void report_name_number(double value, char *out, size_t out_cap);

/* The spread of a value, with as many digits after the point as the value. */
void report_name_spread(double value, double spread, char *out, size_t out_cap);
