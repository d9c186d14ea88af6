#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * report_table - what a report shows, before it has a form.
 *
 * Role: makes tables of texts from a document, its views and its goals; report_markdown.c and
 * report_html.c write them. A table is {"columns": [{"name", "is_text"}, ...], "rows": [[text,
 * ...], ...]}. Memory: all results are new references of the caller.
 */
#include "bench/runner/document.h"

#define REPORT_ROUNDS_CAP 384

/* [[name, text], ...]: machine, server, command; what is missing is left out. */
json_t *report_table_facts(json_t *document);

/* The settings of the server: name, value. */
json_t *report_table_settings(json_t *document);
json_t *report_table_goals(json_t *document);

/* What has to be known before a figure is believed: errors, a generator at its limit, other load;
 * an array of texts. */
json_t *report_table_doubts(json_t *document, json_t *groups);

/* A view as a table; a plot as its figures. */
json_t *report_table_view(json_t *groups, json_t *view);

/* The title of a view, or what it shows. */
const char *report_table_title(json_t *view);

/* All steps, with the values that every scenario has. */
json_t *report_table_steps(json_t *groups);

/* How many rounds a view shows: "Medians of 5 rounds, median absolute deviation in brackets.", and
 * over what else a plot takes steps together. */
void report_table_rounds(json_t *groups, json_t *view, char *out, size_t out_cap);
