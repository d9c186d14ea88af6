/* SPDX-License-Identifier: MIT */
/*
 * The page is a frame with names in comments; what a name stands for is written in its place. All
 * that people must know (goals, notes, tables) is written here, so that it is there without
 * scripts; the scripts add the plots.
 */
#include "bench/runner/report.h"

#include "base/assert.h"
#include "bench/runner/report_name.h"
#include "bench/runner/report_table.h"

#include <stdlib.h>
#include <string.h>

#define REPORT_DIGITS 9

extern const unsigned char report_frame[];
extern const size_t report_frame_len;
extern const unsigned char report_style[];
extern const size_t report_style_len;
extern const unsigned char report_plot[];
extern const size_t report_plot_len;
extern const unsigned char report_page[];
extern const size_t report_page_len;

struct report_html {
    FILE *out;
    json_t *document;
    json_t *groups;
};

static void report_html_text(FILE *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        switch (*c) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        case '\'':
            fputs("&#39;", out);
            break;
        default:
            fputc((unsigned char)*c < 0x20 || *c == 0x7f ? ' ' : *c, out);
        }
    }
}

static void report_html_element(FILE *out, const char *open, const char *text, const char *close)
{
    fputs(open, out);
    report_html_text(out, text);
    fputs(close, out);
}

/* Inside a script nothing may look like a tag or a comment; in JSON these three stand in strings
 * only. */
static void report_html_json(FILE *out, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENSURE_ASCII |
                                       JSON_REAL_PRECISION(REPORT_DIGITS) | JSON_ENCODE_ANY);

    for (const char *c = text == NULL ? "null" : text; *c != '\0'; c++) {
        if (*c == '<' || *c == '>' || *c == '&') {
            fprintf(out, "\\u%04x", (unsigned)*c);
        } else {
            fputc(*c, out);
        }
    }
    free(text);
}

/* A figure with its spread in brackets, the spread softer. */
static void report_html_cell(FILE *out, const char *text, bool is_text)
{
    const char *spread = is_text ? NULL : strstr(text, " (");

    if (spread == NULL) {
        report_html_element(out, is_text ? "<td class=\"word\">" : "<td>", text, "</td>");
        return;
    }
    char *median = strndup(text, (size_t)(spread - text));

    ASSERT(median != NULL);
    report_html_element(out, "<td>", median, " <span class=\"spread\">");
    report_html_element(out, "", spread + 1, "</span></td>");
    free(median);
}

/* Plain text says "us" and ">="; a page can do better. */
static void report_html_figure(FILE *out, const char *text)
{
    size_t len = strlen(text);
    bool is_us = len > 3 && strcmp(text + len - 3, " us") == 0;
    char *start = strndup(text, is_us ? len - 2 : len);
    const char *rest = start;

    ASSERT(start != NULL);
    if (strncmp(start, ">= ", 3) == 0 || strncmp(start, "<= ", 3) == 0) {
        fputs(start[0] == '>' ? "&ge; " : "&le; ", out);
        rest += 3;
    }
    report_html_text(out, rest);
    fputs(is_us ? "&micro;s" : "", out);
    free(start);
}

static void report_html_column(FILE *out, json_t *column)
{
    const char *name = document_find_text(column, "name", "");
    bool is_text = json_is_true(json_object_get(column, "is_text"));

    fputs(is_text ? "<th class=\"word\" scope=\"col\">" : "<th scope=\"col\">", out);
    report_html_figure(out, name);
    fputs("</th>", out);
}

/* Takes the reference. */
static void report_html_table(FILE *out, json_t *table)
{
    json_t *columns = json_object_get(table, "columns");
    json_t *row = NULL;
    json_t *item = NULL;
    size_t index = 0;
    size_t at = 0;

    fputs("<div class=\"scroll\"><table><thead><tr>", out);
    json_array_foreach(columns, index, item)
    {
        report_html_column(out, item);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    json_array_foreach(json_object_get(table, "rows"), index, row)
    {
        fputs("<tr>", out);
        json_array_foreach(row, at, item)
        {
            report_html_cell(out, json_string_value(item),
                             json_is_true(json_object_get(json_array_get(columns, at), "is_text")));
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    json_decref(table);
}

static const char *report_html_title(const struct report_html *html)
{
    return document_find_text(html->document, "scenario.title",
                              document_find_text(html->document, "scenario.name", "Results"));
}

static void report_html_put_title(const struct report_html *html)
{
    report_html_text(html->out, report_html_title(html));
}

static void report_html_put_head(const struct report_html *html)
{
    const char *text = document_find_text(html->document, "scenario.text", "");
    json_t *facts = report_table_facts(html->document);
    json_t *fact = NULL;
    size_t index = 0;

    report_html_element(html->out, "<h1>", report_html_title(html), "</h1>\n");
    if (text[0] != '\0') {
        report_html_element(html->out, "<p class=\"lead\">", text, "</p>\n");
    }
    fputs("<dl class=\"facts\">\n", html->out);
    json_array_foreach(facts, index, fact)
    {
        const char *name = json_string_value(json_array_get(fact, 0));
        bool is_command = strcmp(name, "Command") == 0;

        report_html_element(html->out, is_command ? "<div class=\"wide\"><dt>" : "<div><dt>", name,
                            "</dt>");
        report_html_element(html->out, is_command ? "<dd><code>" : "<dd>",
                            json_string_value(json_array_get(fact, 1)),
                            is_command ? "</code></dd></div>\n" : "</dd></div>\n");
    }
    fputs("</dl>\n", html->out);
    json_decref(facts);
}

static void report_html_list(FILE *out, json_t *texts)
{
    json_t *text = NULL;
    size_t index = 0;

    fputs("<ul>\n", out);
    json_array_foreach(texts, index, text)
    {
        report_html_element(out, "<li>", json_string_value(text), "</li>\n");
    }
    fputs("</ul></section>\n", out);
}

static void report_html_put_doubts(const struct report_html *html)
{
    json_t *doubts = report_table_doubts(html->document, html->groups);

    if (json_array_size(doubts) > 0) {
        fputs("<section class=\"doubts\"><h2>Before you read on</h2>\n", html->out);
        report_html_list(html->out, doubts);
    }
    json_decref(doubts);
}

static void report_html_put_notes(const struct report_html *html)
{
    json_t *notes = json_object_get(html->document, "notes");

    if (json_array_size(notes) > 0) {
        fputs("<section class=\"notes\"><h2>Findings</h2>\n", html->out);
        report_html_list(html->out, notes);
    }
}

static void report_html_goal(FILE *out, json_t *row)
{
    const char *reached = json_string_value(json_array_get(row, 3));
    bool is_good = strcmp(reached, "yes") == 0;
    bool is_bad = strcmp(reached, "no") == 0;

    report_html_element(out, "<li><span class=\"name\">", json_string_value(json_array_get(row, 0)),
                        "</span>");
    fprintf(out, "<span class=\"pill%s\">%s</span>",
            is_good  ? " good"
            : is_bad ? " bad"
                     : "",
            is_good  ? "&#10003; reached"
            : is_bad ? "&#10007; not reached"
                     : "not measured");
    fputs("<span class=\"figures\"><span class=\"got\">", out);
    report_html_figure(out, json_string_value(json_array_get(row, 2)));
    fputs("</span><span class=\"wanted\">wanted ", out);
    report_html_figure(out, json_string_value(json_array_get(row, 1)));
    fputs("</span></span></li>\n", out);
}

static void report_html_put_goals(const struct report_html *html)
{
    json_t *table = report_table_goals(html->document);
    json_t *row = NULL;
    size_t index = 0;

    if (json_array_size(json_object_get(table, "rows")) > 0) {
        fputs("<section class=\"goals\"><h2>Goals</h2>\n<ul>\n", html->out);
        json_array_foreach(json_object_get(table, "rows"), index, row)
        {
            report_html_goal(html->out, row);
        }
        fputs("</ul></section>\n", html->out);
    }
    json_decref(table);
}

static void report_html_put_contents(const struct report_html *html)
{
    json_t *view = NULL;
    size_t index = 0;

    if (json_array_size(json_object_get(html->document, "views")) < 4) {
        return;
    }
    fputs("<nav aria-label=\"Contents\"><ul>\n", html->out);
    json_array_foreach(json_object_get(html->document, "views"), index, view)
    {
        fprintf(html->out, "<li><a href=\"#view-%zu\">", index);
        report_html_element(html->out, "", report_table_title(view), "</a></li>\n");
    }
    fputs("</ul></nav>\n", html->out);
}

static void report_html_view(const struct report_html *html, json_t *view, size_t number)
{
    const char *text = document_find_text(view, "text", "");
    bool is_table = strcmp(document_find_text(view, "kind", ""), "table") == 0;
    char rounds[REPORT_ROUNDS_CAP];

    fprintf(html->out, "<section id=\"view-%zu\"%s>", number, is_table ? " class=\"long\"" : "");
    report_html_element(html->out, "<h2>", report_table_title(view), "</h2>\n");
    if (text[0] != '\0') {
        report_html_element(html->out, "<p class=\"text\">", text, "</p>\n");
    }
    if (!is_table) {
        fprintf(html->out, "<div data-view=\"%zu\"></div>\n", number);
    }
    if (strcmp(document_find_text(view, "kind", ""), "timeline") != 0) {
        report_table_rounds(html->groups, view, rounds, sizeof(rounds));
        report_html_element(html->out, "<p class=\"rounds\">", rounds, "</p>\n");
    }
    fputs(is_table ? "" : "<details open><summary>Figures</summary>\n", html->out);
    report_html_table(html->out, report_table_view(html->groups, view));
    fputs(is_table ? "</section>\n" : "</details></section>\n", html->out);
}

static void report_html_put_views(const struct report_html *html)
{
    json_t *view = NULL;
    size_t index = 0;

    json_array_foreach(json_object_get(html->document, "views"), index, view)
    {
        report_html_view(html, view, index);
    }
}

static void report_html_put_steps(const struct report_html *html)
{
    fputs("<section class=\"long\"><details><summary><h2>All steps</h2></summary>\n", html->out);
    report_html_table(html->out, report_table_steps(html->groups));
    fputs("</details></section>\n", html->out);
}

static void report_html_put_settings(const struct report_html *html)
{
    if (json_object_size(document_find(html->document, "server.settings")) > 0) {
        fputs("<section class=\"long\"><details><summary><h2>Settings of the server</h2>"
              "</summary>\n",
              html->out);
        report_html_table(html->out, report_table_settings(html->document));
        fputs("</details></section>\n", html->out);
    }
}

static void report_html_put_document(const struct report_html *html)
{
    report_html_json(html->out, html->document);
}

static void report_html_name(json_t *names, const char *path)
{
    struct report_name name;

    report_name_path(path, &name);
    json_object_set_new(
        names, path,
        json_pack("{s:s, s:s}", "label", name.label, "unit", report_name_unit(name.unit)));
}

/* The names of all paths that views mention, so that the scripts have none of their own. */
static void report_html_put_names(const struct report_html *html)
{
    static const char *const keys[] = {"x", "y", "series", "value"};
    json_t *names = json_object();
    json_t *view = NULL;
    size_t index = 0;

    report_html_name(names, "id");
    json_array_foreach(json_object_get(html->document, "views"), index, view)
    {
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
            const char *path = document_find_text(view, keys[i], NULL);

            if (path != NULL) {
                report_html_name(names, path);
            }
        }
    }
    report_html_json(html->out, names);
    json_decref(names);
}

static void report_html_put_style(const struct report_html *html)
{
    fwrite(report_style, 1, report_style_len, html->out);
}

static void report_html_put_script(const struct report_html *html)
{
    fwrite(report_plot, 1, report_plot_len, html->out);
    fputc('\n', html->out);
    fwrite(report_page, 1, report_page_len, html->out);
}

static const struct report_part {
    const char *mark;
    void (*put)(const struct report_html *html);
} report_parts[] = {
    {"<!--title-->", report_html_put_title},       {"<!--style-->", report_html_put_style},
    {"<!--head-->", report_html_put_head},         {"<!--doubts-->", report_html_put_doubts},
    {"<!--goals-->", report_html_put_goals},       {"<!--notes-->", report_html_put_notes},
    {"<!--contents-->", report_html_put_contents}, {"<!--views-->", report_html_put_views},
    {"<!--steps-->", report_html_put_steps},       {"<!--settings-->", report_html_put_settings},
    {"<!--document-->", report_html_put_document}, {"<!--names-->", report_html_put_names},
    {"<!--script-->", report_html_put_script},
};

/* The parts stand in the frame in the order of the table. */
void report_print_html(json_t *document, FILE *out)
{
    struct report_html html = {.out = out, .document = document};
    const unsigned char *at = report_frame;
    const unsigned char *end = report_frame + report_frame_len;

    html.groups = document_group(document);
    for (size_t i = 0; i < ARRAY_LEN(report_parts); i++) {
        size_t mark_len = strlen(report_parts[i].mark);
        const unsigned char *mark = memmem(at, (size_t)(end - at), report_parts[i].mark, mark_len);

        ASSERT(mark != NULL);
        fwrite(at, 1, (size_t)(mark - at), out);
        report_parts[i].put(&html);
        at = mark + mark_len;
    }
    fwrite(at, 1, (size_t)(end - at), out);
    json_decref(html.groups);
}

bool report_write_html(json_t *document, const char *path, char *why, size_t why_cap)
{
    return document_print_to(document, report_print_html, path, why, why_cap);
}
