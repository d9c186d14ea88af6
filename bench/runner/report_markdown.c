/* SPDX-License-Identifier: MIT */
#include "bench/runner/report.h"

#include "base/macro.h"
#include "bench/runner/report_table.h"

#include <string.h>

/* On one line, with what Markdown or HTML would take for theirs made harmless. */
static void report_markdown_text(FILE *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (strchr("\\`*[]|<>", *c) != NULL) {
            fputc('\\', out);
        }
        fputc((unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c, out);
    }
}

static void report_markdown_row(FILE *out, json_t *row)
{
    json_t *cell = NULL;
    size_t index = 0;

    fputc('|', out);
    json_array_foreach(row, index, cell)
    {
        fputc(' ', out);
        report_markdown_text(out, json_string_value(cell));
        fputs(" |", out);
    }
    fputc('\n', out);
}

/* Takes the reference. */
static void report_markdown_table(FILE *out, json_t *table)
{
    json_t *columns = json_object_get(table, "columns");
    json_t *item = NULL;
    size_t index = 0;

    if (json_array_size(json_object_get(table, "rows")) > 0) {
        fputc('|', out);
        json_array_foreach(columns, index, item)
        {
            fputc(' ', out);
            report_markdown_text(out, document_find_text(item, "name", ""));
            fputs(" |", out);
        }
        fputs("\n|", out);
        json_array_foreach(columns, index, item)
        {
            fputs(json_is_true(json_object_get(item, "is_text")) ? " --- |" : " ---: |", out);
        }
        fputc('\n', out);
        json_array_foreach(json_object_get(table, "rows"), index, item)
        {
            report_markdown_row(out, item);
        }
        fputc('\n', out);
    }
    json_decref(table);
}

static void report_markdown_list(FILE *out, json_t *texts, const char *before)
{
    json_t *text = NULL;
    size_t index = 0;

    json_array_foreach(texts, index, text)
    {
        fputs("- ", out);
        fputs(before, out);
        report_markdown_text(out, json_string_value(text));
        fputc('\n', out);
    }
    if (json_array_size(texts) > 0) {
        fputc('\n', out);
    }
}

static void report_markdown_head(FILE *out, json_t *document)
{
    json_t *facts = report_table_facts(document);
    json_t *fact = NULL;
    size_t index = 0;
    const char *text = document_find_text(document, "scenario.text", "");

    fputs("# ", out);
    report_markdown_text(
        out, document_find_text(document, "scenario.title",
                                document_find_text(document, "scenario.name", "Results")));
    fputs("\n\n", out);
    if (text[0] != '\0') {
        report_markdown_text(out, text);
        fputs("\n\n", out);
    }
    json_array_foreach(facts, index, fact)
    {
        fputs("- ", out);
        report_markdown_text(out, json_string_value(json_array_get(fact, 0)));
        fputs(": ", out);
        report_markdown_text(out, json_string_value(json_array_get(fact, 1)));
        fputc('\n', out);
    }
    fputc('\n', out);
    json_decref(facts);
}

static void report_markdown_view(FILE *out, json_t *groups, json_t *view)
{
    const char *text = document_find_text(view, "text", "");
    char rounds[REPORT_ROUNDS_CAP];

    fputs("## ", out);
    report_markdown_text(out, report_table_title(view));
    fputs("\n\n", out);
    if (text[0] != '\0') {
        report_markdown_text(out, text);
        fputs("\n\n", out);
    }
    if (strcmp(document_find_text(view, "kind", ""), "timeline") != 0) {
        report_table_rounds(groups, view, rounds, sizeof(rounds));
        fprintf(out, "%s\n\n", rounds);
    }
    report_markdown_table(out, report_table_view(groups, view));
}

void report_write_markdown(json_t *document, FILE *out)
{
    json_t *groups = document_group(document);
    json_t *doubts = report_table_doubts(document, groups);
    json_t *view = NULL;
    size_t index = 0;

    report_markdown_head(out, document);
    report_markdown_list(out, doubts, "**Careful:** ");
    if (json_array_size(json_object_get(document, "goals")) > 0) {
        fputs("## Goals\n\n", out);
        report_markdown_table(out, report_table_goals(document));
    }
    if (json_array_size(json_object_get(document, "notes")) > 0) {
        fputs("## Notes\n\n", out);
        report_markdown_list(out, json_object_get(document, "notes"), "");
    }
    json_array_foreach(json_object_get(document, "views"), index, view)
    {
        report_markdown_view(out, groups, view);
    }
    fputs("## All steps\n\n", out);
    report_markdown_table(out, report_table_steps(groups));
    if (json_object_size(document_find(document, "server.settings")) > 0) {
        fputs("## Settings of the server\n\n", out);
        report_markdown_table(out, report_table_settings(document));
    }
    json_decref(doubts);
    json_decref(groups);
}
