/* SPDX-License-Identifier: MIT */
#include "bench/runner/report_table.h"

#include "base/macro.h"
#include "bench/runner/report_name.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define REPORT_CELL_CAP   512
#define REPORT_MARKS_MAX  6
#define REPORT_OTHER_LOAD 0.05 /* More work of others than this is told. */

/* Columns of a row of a time line. */
enum report_row {
    REPORT_ROW_AT,
    REPORT_ROW_WANTED,
    REPORT_ROW_RIGHT,
    REPORT_ROW_REFUSED,
    REPORT_ROW_ERRORS,
    REPORT_ROW_BYTES,
    REPORT_ROW_P50,
    REPORT_ROW_P99,
    REPORT_ROW_MAX
};

static json_t *report_table_new(void)
{
    return json_pack("{s:[], s:[]}", "columns", "rows");
}

PRINTF_LIKE(2, 3)
static void report_table_cell(json_t *row, const char *format, ...)
{
    char text[REPORT_CELL_CAP];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    /* A long text may have been cut within a character. */
    json_t *cell = json_string(text);

    for (size_t len = strlen(text); cell == NULL && len > 0; len--) {
        cell = json_stringn(text, len - 1);
    }
    json_array_append_new(row, cell);
}

static void report_table_column(json_t *table, const char *name, bool is_text)
{
    json_t *column = json_pack("{s:s?, s:b}", "name", name, "is_text", (int)is_text);

    if (column == NULL) {
        column = json_pack("{s:s, s:b}", "name", "?", "is_text", (int)is_text);
    }
    json_array_append_new(json_object_get(table, "columns"), column);
}

static json_t *report_table_row(json_t *table)
{
    json_t *row = json_array();

    json_array_append_new(json_object_get(table, "rows"), row);
    return row;
}

static void report_table_text(json_t *step, const char *path, char *out, size_t out_cap)
{
    json_t *value = document_find(step, path);

    if (json_is_string(value)) {
        snprintf(out, out_cap, "%s", json_string_value(value));
    } else if (json_is_boolean(value)) {
        snprintf(out, out_cap, "%s", json_is_true(value) ? "yes" : "no");
    } else if (json_is_number(value)) {
        report_name_number(json_number_value(value), out, out_cap);
    } else {
        snprintf(out, out_cap, "-");
    }
}

/* What the rounds say in words: each answer once. */
static void report_table_words(json_t *group, const char *path, char *out, size_t out_cap)
{
    char text[REPORT_CELL_CAP];
    json_t *seen = json_object();
    json_t *step = NULL;
    size_t index = 0;
    size_t len = 0;

    out[0] = '\0';
    json_array_foreach(group, index, step)
    {
        report_table_text(step, path, text, sizeof(text));
        if (json_object_get(seen, text) == NULL && len < out_cap) {
            json_object_set_new_nocheck(seen, text, json_true());
            len += (size_t)snprintf(out + len, out_cap - len, "%s%s", len > 0 ? ", " : "", text);
        }
    }
    json_decref(seen);
}

static void report_table_value(json_t *row, struct document_value value, double divisor)
{
    char median[REPORT_NUMBER_CAP];
    char spread[REPORT_NUMBER_CAP];

    report_name_number(value.median / divisor, median, sizeof(median));
    report_name_spread(value.median / divisor, value.spread / divisor, spread, sizeof(spread));
    if (value.count == 0) {
        report_table_cell(row, "-");
    } else if (value.count == 1) {
        report_table_cell(row, "%s", median);
    } else {
        report_table_cell(row, "%s (%s)", median, spread);
    }
}

static void report_table_measure(json_t *row, json_t *group, const char *path, double divisor)
{
    char words[REPORT_CELL_CAP];
    struct document_value value = document_summarise(group, path);

    if (value.count > 0) {
        report_table_value(row, value, divisor);
    } else {
        report_table_words(group, path, words, sizeof(words));
        report_table_cell(row, "%s", words);
    }
}

/* The scale that fits the largest median of a column. */
static struct report_scale report_table_scale(json_t *groups, const char *path)
{
    struct report_name name;
    json_t *group = NULL;
    size_t index = 0;
    double max = 0;

    json_array_foreach(groups, index, group)
    {
        max = fmax(max, fabs(document_summarise(group, path).median));
    }
    report_name_path(path, &name);
    return report_name_scale(name.unit, max);
}

static bool report_table_is_words(json_t *groups, const char *path)
{
    json_t *group = NULL;
    size_t index = 0;

    json_array_foreach(groups, index, group)
    {
        if (document_summarise(group, path).count > 0) {
            return false;
        }
    }
    return true;
}

/* A row for each group; `keys` are shown as they are, `values` as medians. */
static json_t *report_table_columns(json_t *groups, json_t *keys, json_t *values)
{
    json_t *table = report_table_new();
    char head[REPORT_CELL_CAP];
    json_t *group = NULL;
    json_t *path = NULL;
    size_t index = 0;
    size_t column = 0;

    json_array_foreach(keys, column, path)
    {
        report_name_column(json_string_value(path), report_name_scale(REPORT_UNIT_NONE, 0), head,
                           sizeof(head));
        report_table_column(table, head, true);
    }
    json_array_foreach(values, column, path)
    {
        const char *keys_of = json_string_value(path);

        report_name_column(keys_of, report_table_scale(groups, keys_of), head, sizeof(head));
        report_table_column(table, head, report_table_is_words(groups, keys_of));
    }
    json_array_foreach(groups, index, group)
    {
        report_table_row(table);
    }
    json_array_foreach(keys, column, path)
    {
        json_array_foreach(groups, index, group)
        {
            report_table_words(group, json_string_value(path), head, sizeof(head));
            report_table_cell(json_array_get(json_object_get(table, "rows"), index), "%s", head);
        }
    }
    json_array_foreach(values, column, path)
    {
        struct report_scale scale = report_table_scale(groups, json_string_value(path));

        json_array_foreach(groups, index, group)
        {
            report_table_measure(json_array_get(json_object_get(table, "rows"), index), group,
                                 json_string_value(path), scale.divisor);
        }
    }
    return table;
}

/* The steps by what they say at `path`: {text: [step, ...]}, in the order of the first. Steps that
 * say nothing there are of another part of the scenario. */
static json_t *report_table_split(json_t *steps, const char *path)
{
    char text[REPORT_CELL_CAP];
    json_t *split = json_object();
    json_t *step = NULL;
    size_t index = 0;

    json_array_foreach(steps, index, step)
    {
        if (document_find(step, path) == NULL) {
            continue;
        }
        report_table_text(step, path, text, sizeof(text));

        json_t *part = json_object_get(split, text);

        if (part == NULL) {
            part = json_array();
            json_object_set_new_nocheck(split, text, part);
        }
        json_array_append(part, step);
    }
    return split;
}

static json_t *report_table_flatten(json_t *groups)
{
    json_t *steps = json_array();
    json_t *group = NULL;
    size_t index = 0;

    json_array_foreach(groups, index, group)
    {
        json_array_extend(steps, group);
    }
    return steps;
}

/* One value over two others: rows by `down`, columns by `across` (NULL: a single one). */
static json_t *report_table_matrix(json_t *groups, const char *down, const char *across,
                                   const char *value)
{
    json_t *table = report_table_new();
    json_t *steps = report_table_flatten(groups);
    json_t *rows = report_table_split(steps, down);
    json_t *columns = across == NULL ? json_object() : report_table_split(steps, across);
    struct report_scale scale = report_table_scale(groups, value);
    char head[REPORT_CELL_CAP];
    const char *text = NULL;
    const char *column = NULL;
    json_t *part = NULL;
    json_t *unused = NULL;

    report_name_column(down, report_name_scale(REPORT_UNIT_NONE, 0), head, sizeof(head));
    report_table_column(table, head, true);
    report_name_column(value, scale, head, sizeof(head));
    if (across == NULL) {
        report_table_column(table, head, false);
    }
    json_object_foreach(columns, column, unused)
    {
        char wide[2 * REPORT_CELL_CAP + REPORT_LABEL_CAP];
        struct report_name name;

        report_name_path(across, &name);
        snprintf(wide, sizeof(wide), "%s %s, %s", name.label, column, head);
        report_table_column(table, wide, false);
    }
    json_object_foreach(rows, text, part)
    {
        json_t *row = report_table_row(table);
        json_t *cells = across == NULL ? json_object() : report_table_split(part, across);

        report_table_cell(row, "%s", text);
        if (across == NULL) {
            report_table_measure(row, part, value, scale.divisor);
        }
        json_object_foreach(columns, column, unused)
        {
            report_table_value(row, document_summarise(json_object_get(cells, column), value),
                               scale.divisor);
        }
        json_decref(cells);
    }
    json_decref(rows);
    json_decref(columns);
    json_decref(steps);
    return table;
}

/* A table wants one of its keys, a plot all that it names: other steps are of another part of the
 * scenario. */
static bool report_table_has(json_t *group, json_t *view)
{
    static const char *const names[] = {"x", "y", "value", "series"};
    json_t *step = json_array_get(group, 0);
    json_t *keys = json_object_get(view, "rows");
    json_t *path = NULL;
    size_t index = 0;
    bool is_time = strcmp(document_find_text(view, "kind", ""), "timeline") == 0;

    json_array_foreach(keys, index, path)
    {
        if (document_find(step, json_string_value(path)) != NULL) {
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *name = document_find_text(view, names[i], NULL);
        bool is_path = name != NULL && !(is_time && strcmp(names[i], "y") == 0);

        if (is_path && document_find(step, name) == NULL) {
            return false;
        }
    }
    return json_array_size(keys) == 0;
}

/* Whether the params of a group are those that the view is for. */
static bool report_table_is_meant(json_t *group, json_t *view)
{
    json_t *params = json_object_get(json_array_get(group, 0), "params");
    const char *name = NULL;
    json_t *wanted = NULL;

    json_object_foreach(json_object_get(view, "where"), name, wanted)
    {
        if (json_equal(wanted, json_object_get(params, name)) == 0) {
            return false;
        }
    }
    return true;
}

static json_t *report_table_choose(json_t *groups, json_t *view)
{
    json_t *chosen = json_array();
    json_t *group = NULL;
    size_t index = 0;

    json_array_foreach(groups, index, group)
    {
        if (report_table_is_meant(group, view) && report_table_has(group, view)) {
            json_array_append(chosen, group);
        }
    }
    return chosen;
}

/* Lines over a value that was measured: every step is a point of its own. */
static json_t *report_table_points(json_t *groups, json_t *view)
{
    json_t *keys = json_pack("[s]", "id");
    json_t *values =
        json_pack("[s, s]", document_find_text(view, "x", ""), document_find_text(view, "y", ""));
    const char *series = document_find_text(view, "series", NULL);

    if (series != NULL && strcmp(series, "id") != 0) {
        json_array_insert_new(keys, 0, json_string(series));
    }

    json_t *table = report_table_columns(groups, keys, values);

    json_decref(keys);
    json_decref(values);
    return table;
}

static bool report_table_is_measured(const char *path)
{
    return strncmp(path, "result.", strlen("result.")) == 0 ||
           strncmp(path, "derived.", strlen("derived.")) == 0;
}

static json_t *report_table_percentiles(json_t *groups, json_t *view)
{
    static const char *const points[] = {"p50", "p90", "p99", "p999", "p9999", "max"};
    const char *span = document_find_text(view, "span", "full");
    json_t *steps = report_table_flatten(groups);
    json_t *parts = report_table_split(steps, document_find_text(view, "series", "id"));
    json_t *list = json_array();
    json_t *keys = json_pack("[s]", document_find_text(view, "series", "id"));
    json_t *values = json_array();
    const char *text = NULL;
    json_t *part = NULL;

    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        json_array_append_new(values, json_sprintf("result.latency.%s.%s", span, points[i]));
    }
    json_object_foreach(parts, text, part)
    {
        json_array_append(list, part);
    }

    json_t *table = report_table_columns(list, keys, values);

    json_decref(steps);
    json_decref(parts);
    json_decref(list);
    json_decref(keys);
    json_decref(values);
    return table;
}

static double report_table_row_value(json_t *row, const char *name, double interval)
{
    static const struct {
        const char *name;
        enum report_row row;
        bool is_rate;
    } columns[] = {
        {"rate", REPORT_ROW_RIGHT, true},      {"right", REPORT_ROW_RIGHT, true},
        {"refused", REPORT_ROW_REFUSED, true}, {"errors", REPORT_ROW_ERRORS, true},
        {"bytes", REPORT_ROW_BYTES, true},     {"p50", REPORT_ROW_P50, false},
        {"p99", REPORT_ROW_P99, false},        {"max", REPORT_ROW_MAX, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (strcmp(name, columns[i].name) == 0) {
            double value = json_number_value(json_array_get(row, columns[i].row));

            return columns[i].is_rate ? value / interval : value;
        }
    }
    return 0;
}

struct report_extent {
    double least;
    double sum;
    double most;
    size_t len;
};

static struct report_extent report_table_extent(json_t *steps, const char *name)
{
    struct report_extent out = {.least = INFINITY, .most = -INFINITY};
    json_t *step = NULL;
    json_t *row = NULL;
    size_t index = 0;
    size_t at = 0;

    json_array_foreach(steps, index, step)
    {
        double interval = document_find_number(step, "result.timeline.interval", 1);

        json_array_foreach(document_find(step, "result.timeline.rows"), at, row)
        {
            double value = report_table_row_value(row, name, interval);

            out.least = fmin(out.least, value);
            out.most = fmax(out.most, value);
            out.sum += value;
            out.len++;
        }
    }
    return out;
}

static void report_table_marks(json_t *steps, char *out, size_t out_cap)
{
    json_t *step = json_array_get(steps, 0);
    json_t *mark = NULL;
    size_t index = 0;
    size_t len = 0;

    snprintf(out, out_cap, "-");
    json_array_foreach(json_object_get(step, "marks"), index, mark)
    {
        if (index == REPORT_MARKS_MAX || len >= out_cap) {
            break;
        }
        len += (size_t)snprintf(out + len, out_cap - len, "%s%s at %.1f s", len > 0 ? ", " : "",
                                document_find_text(mark, "what", ""),
                                document_find_number(mark, "at", 0));
    }
}

static json_t *report_table_timeline(json_t *groups, json_t *view)
{
    const char *name = document_find_text(view, "y", "rate");
    const char *series = document_find_text(view, "series", "id");
    json_t *table = report_table_new();
    json_t *steps = report_table_flatten(groups);
    json_t *parts = report_table_split(steps, series);
    char text[REPORT_CELL_CAP];
    const char *key = NULL;
    json_t *part = NULL;
    bool is_time = name[0] == 'p' || strcmp(name, "max") == 0;

    report_name_column(series, report_name_scale(REPORT_UNIT_NONE, 0), text, sizeof(text));
    report_table_column(table, text, true);
    for (size_t i = 0; i < 3; i++) {
        static const char *const of[] = {"least", "mean", "most"};

        snprintf(text, sizeof(text), "%s %.40s%s", of[i], name, is_time ? " us" : "/s");
        report_table_column(table, text, false);
    }
    report_table_column(table, "marks", true);
    json_object_foreach(parts, key, part)
    {
        struct report_extent extent = report_table_extent(part, name);
        const double values[] = {extent.least, extent.sum / (double)extent.len, extent.most};
        json_t *row = report_table_row(table);

        report_table_cell(row, "%s", key);
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            report_name_number(values[i], text, sizeof(text));
            report_table_cell(row, "%s", extent.len == 0 ? "-" : text);
        }
        report_table_marks(part, text, sizeof(text));
        report_table_cell(row, "%s", text);
    }
    json_decref(steps);
    json_decref(parts);
    return table;
}

static json_t *report_table_of(json_t *groups, json_t *view)
{
    const char *kind = document_find_text(view, "kind", "");
    const char *x = document_find_text(view, "x", "");
    const char *y = document_find_text(view, "y", "");

    if (strcmp(kind, "table") == 0) {
        return report_table_columns(groups, json_object_get(view, "rows"),
                                    json_object_get(view, "columns"));
    }
    if (strcmp(kind, "lines") == 0) {
        return report_table_is_measured(x)
                   ? report_table_points(groups, view)
                   : report_table_matrix(groups, x, document_find_text(view, "series", NULL), y);
    }
    if (strcmp(kind, "heatmap") == 0) {
        return report_table_matrix(groups, y, x, document_find_text(view, "value", ""));
    }
    if (strcmp(kind, "percentiles") == 0) {
        return report_table_percentiles(groups, view);
    }
    return report_table_timeline(groups, view);
}

json_t *report_table_view(json_t *groups, json_t *view)
{
    json_t *chosen = report_table_choose(groups, view);
    json_t *table = report_table_of(chosen, view);

    json_decref(chosen);
    return table;
}

const char *report_table_title(json_t *view)
{
    const char *kind = document_find_text(view, "kind", "");
    const char *otherwise = strcmp(kind, "percentiles") == 0 ? "Latency by percentile"
                            : strcmp(kind, "timeline") == 0  ? "Over time"
                                                             : "Results";

    return document_find_text(view, "title", otherwise);
}

json_t *report_table_steps(json_t *groups)
{
    json_t *keys = json_pack("[s]", "id");
    json_t *values =
        json_pack("[s, s, s, s, s, s, s, s]", "result.rate", "result.mb_rate",
                  "result.latency.full.p50", "result.latency.full.p99", "result.latency.full.p999",
                  "result.server.cpu_us", "result.limit", "result.errors_total");
    json_t *table = report_table_columns(groups, keys, values);

    json_decref(keys);
    json_decref(values);
    return table;
}

static void report_table_fact(json_t *facts, const char *name, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        json_array_append_new(facts, json_pack("[s, s]", name, text));
    }
}

static void report_table_machine(json_t *facts, json_t *document)
{
    char text[REPORT_CELL_CAP];
    double cores = document_find_number(document, "machine.cores", 0);
    json_t *memory = document_find(document, "machine.memory");
    double other = document_find_number(document, "machine.other_load", -1);

    if (cores > 0) {
        snprintf(text, sizeof(text), "%.200s, %.0f cores",
                 document_find_text(document, "machine.cpu", "unknown CPU"), cores);
        report_table_fact(facts, "Machine", text);
    } else {
        report_table_fact(facts, "Machine", document_find_text(document, "machine.cpu", NULL));
    }
    if (json_is_number(memory)) {
        snprintf(text, sizeof(text), "%.1f GiB", json_number_value(memory) / (double)GIB(1));
        report_table_fact(facts, "Memory", text);
    } else {
        report_table_fact(facts, "Memory", json_string_value(memory));
    }
    report_table_fact(facts, "Kernel", document_find_text(document, "machine.kernel", NULL));
    if (other >= 0) {
        snprintf(text, sizeof(text), "%.1f %% of the machine (median)", other * 100);
        report_table_fact(facts, "Other load", text);
    }
}

json_t *report_table_facts(json_t *document)
{
    static const struct {
        const char *path;
        const char *name;
    } texts[] = {
        {"server.service", "Server"}, {"server.target", "Address"}, {"server.istag", "ISTag"},
        {"generator", "Generator"},   {"scenario.form", "Form"},    {"made", "Made"},
        {"command", "Command"},
    };
    json_t *facts = json_array();

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (i == 3) {
            report_table_machine(facts, document);
        }
        report_table_fact(facts, texts[i].name, document_find_text(document, texts[i].path, NULL));
    }
    return facts;
}

json_t *report_table_settings(json_t *document)
{
    json_t *table = report_table_new();
    json_t *settings = document_find(document, "server.settings");
    const char *name = NULL;
    json_t *value = NULL;

    report_table_column(table, "setting", true);
    report_table_column(table, "value", true);
    json_object_foreach(settings, name, value)
    {
        char text[REPORT_CELL_CAP];
        json_t *row = report_table_row(table);

        report_table_text(value, "", text, sizeof(text));
        report_table_cell(row, "%s", name);
        report_table_cell(row, "%s", text);
    }
    return table;
}

json_t *report_table_goals(json_t *document)
{
    static const char *const heads[] = {"goal", "wanted", "got", "reached"};
    json_t *table = report_table_new();
    json_t *goal = NULL;
    size_t index = 0;

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        report_table_column(table, heads[i], i == 0 || i == 3);
    }
    json_array_foreach(json_object_get(document, "goals"), index, goal)
    {
        char wanted[REPORT_CELL_CAP];
        char got[REPORT_CELL_CAP];
        json_t *row = report_table_row(table);
        json_t *reached = document_find(goal, "reached");
        const char *unit = document_find_text(goal, "unit", "");
        const char *gap = unit[0] != '\0' ? " " : "";
        bool is_measured = document_find(goal, "got") != NULL;

        report_table_text(goal, "wanted", wanted, sizeof(wanted));
        report_table_text(goal, "got", got, sizeof(got));
        report_table_cell(row, "%s", document_find_text(goal, "name", ""));
        report_table_cell(row, "%s %s%s%s", document_find_text(goal, "sense", ""), wanted, gap,
                          unit);
        report_table_cell(row, "%s%s%s", got, is_measured ? gap : "", is_measured ? unit : "");
        report_table_cell(row, "%s",
                          json_is_true(reached)    ? "yes"
                          : json_is_false(reached) ? "no"
                                                   : "not measured");
    }
    return table;
}

static size_t report_table_count_limit(json_t *groups)
{
    json_t *group = NULL;
    size_t index = 0;
    size_t count = 0;

    json_array_foreach(groups, index, group)
    {
        json_t *step = NULL;
        size_t at = 0;

        json_array_foreach(group, at, step)
        {
            const char *limit = document_find_text(step, "result.limit", "");

            if (strcmp(limit, "generator") == 0 || strcmp(limit, "both") == 0) {
                count++;
                break;
            }
        }
    }
    return count;
}

json_t *report_table_doubts(json_t *document, json_t *groups)
{
    json_t *doubts = json_array();
    double errors = document_find_number(document, "errors_total", 0);
    double other = document_find_number(document, "machine.other_load", 0);
    size_t limited = report_table_count_limit(groups);

    if (errors > 0) {
        json_array_append_new(
            doubts, json_sprintf("%.0f answers were wrong or missing: see the errors of each step.",
                                 fmin(errors, 1e15)));
    }
    if (limited > 0) {
        json_array_append_new(
            doubts, json_sprintf("In %zu of %zu steps the load generator was at its limit: their "
                                 "rates are the least that the server can do, and their latencies "
                                 "hold waiting in the generator.",
                                 limited, json_array_size(groups)));
    }
    if (other > REPORT_OTHER_LOAD) {
        json_array_append_new(
            doubts, json_sprintf("Other work took %.0f %% of the machine: the figures are lower "
                                 "than those of a quiet one.",
                                 other * 100));
    }
    return doubts;
}

/* Parameters that differ between the steps of a plot without being on it: what lies at one point
 * is taken together over them. */
static void report_table_merged(json_t *groups, json_t *view, char *out, size_t out_cap)
{
    static const char *const shown[] = {"x", "y", "series"};
    json_t *first = json_object_get(json_array_get(json_array_get(groups, 0), 0), "params");
    const char *name = NULL;
    json_t *value = NULL;
    size_t len = 0;

    out[0] = '\0';
    json_object_foreach(first, name, value)
    {
        bool is_shown = false;
        bool differs = false;
        json_t *group = NULL;
        size_t index = 0;

        for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
            const char *path = document_find_text(view, shown[i], "");

            is_shown = is_shown || strcmp(path, "id") == 0 ||
                       (strncmp(path, "params.", 7) == 0 && strcmp(path + 7, name) == 0);
        }
        json_array_foreach(groups, index, group)
        {
            json_t *params = json_object_get(json_array_get(group, 0), "params");

            differs = differs || !json_equal(value, json_object_get(params, name));
        }
        if (differs && !is_shown && len < out_cap) {
            len += (size_t)snprintf(out + len, out_cap - len, "%s%.40s",
                                    len == 0 ? " Taken together over " : ", ", name);
        }
    }
    if (len > 0 && len + 1 < out_cap) {
        snprintf(out + len, out_cap - len, ".");
    }
}

static bool report_table_merges(json_t *view)
{
    const char *kind = document_find_text(view, "kind", "");

    return strcmp(kind, "heatmap") == 0 ||
           (strcmp(kind, "percentiles") == 0 && document_find(view, "series") != NULL) ||
           (strcmp(kind, "lines") == 0 &&
            !report_table_is_measured(document_find_text(view, "x", "")));
}

void report_table_rounds(json_t *groups, json_t *view, char *out, size_t out_cap)
{
    json_t *chosen = report_table_choose(groups, view);
    json_t *group = NULL;
    size_t index = 0;
    size_t least = SIZE_MAX;
    size_t most = 0;
    char merged[REPORT_CELL_CAP];

    json_array_foreach(chosen, index, group)
    {
        least = MIN_OF(least, json_array_size(group));
        most = MAX_OF(most, json_array_size(group));
    }
    report_table_merged(chosen, view, merged, sizeof(merged));
    json_decref(chosen);
    if (most == 0) {
        snprintf(out, out_cap, "Nothing was measured.");
    } else if (most == 1) {
        snprintf(out, out_cap, "One round of each step: the spread is unknown.");
    } else if (least == most) {
        snprintf(out, out_cap, "Medians of %zu rounds, median absolute deviation in brackets.",
                 most);
    } else {
        snprintf(out, out_cap,
                 "Medians of %zu to %zu rounds, median absolute deviation in brackets.", least,
                 most);
    }

    size_t len = strlen(out);

    if (most > 0 && report_table_merges(view) && len < out_cap) {
        snprintf(out + len, out_cap - len, "%s", merged);
    }
}
