#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * report - a document for people: Markdown, and one HTML file that needs nothing else.
 *
 * Role: pure functions from a document (document.h) to text. Whatever a document says is taken for
 * hostile: servers choose their own names. What is missing is shown as missing. Memory: a few
 * copies of the document, gone at the end. Sources: the page is bench/runner/report.html with its
 * style and scripts beside it, embedded when the program is built.
 */
#include "bench/runner/document.h"

/* The exit codes of `baleen-bench compare`. */
enum report_result {
    REPORT_NOTHING_WORSE = 0,
    REPORT_SOMETHING_WORSE = 1,
    REPORT_NOTHING_COMMON = 2, /* No step of one is in the other: nothing was compared. */
};

void report_write_markdown(json_t *document, FILE *out);
bool report_write_html(json_t *document, const char *path, char *why, size_t why_cap);
void report_print_html(json_t *document, FILE *out);

/*
 * Compares two documents of the same scenario step by step and value by value (rate, p50, p99,
 * p99.9, server CPU a request, memory, errors), and says for each "better", "worse" or "no
 * difference": only a difference that the spread of the rounds does not explain counts. What makes
 * the comparison doubtful (other machine, scenario, form, not measured in turn) comes first.
 */
enum report_result report_compare(json_t *before, json_t *after, FILE *out, bool as_json);
