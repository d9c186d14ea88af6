#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * report - a document for people: Markdown, and one HTML file that needs nothing else.
 *
 * Role: pure functions from a document (document.h) to text. Errors: false when the file could not
 * be written, with the reason in `why`. Sources: the page and its script are
 * bench/runner/report.html, embedded when the program is built.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

void report_write_markdown(json_t *document, FILE *out);
bool report_write_html(json_t *document, const char *path, char *why, size_t why_cap);

/*
 * Compares two documents of the same scenario step by step and value by value (rate, p50, p99,
 * p99.9, server CPU a request, memory), and says for each "better", "worse" or "no difference":
 * only a difference that the spread of the rounds does not explain counts. Returns how many got
 * worse.
 */
size_t report_compare(json_t *before, json_t *after, FILE *out, bool as_json);
