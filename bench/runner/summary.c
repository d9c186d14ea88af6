/* SPDX-License-Identifier: MIT */
#include "bench/runner/summary.h"

#include "base/text.h"
#include "bench/runner/document.h"
#include "bench/runner/report_name.h"

#include <math.h>
#include <stdio.h>

static uint64_t summary_tolerated(const struct scenario *scenario, const char *error)
{
    for (size_t i = 0; i < scenario->tolerances_len; i++) {
        if (strcmp(scenario->tolerances[i].error, error) == 0) {
            return scenario->tolerances[i].max;
        }
    }
    return 0;
}

uint64_t summary_count_errors(json_t *result, const struct scenario *scenario)
{
    json_t *errors = json_object_get(result, "errors");
    const char *name = NULL;
    json_t *value = NULL;
    uint64_t total = 0;

    json_object_foreach(errors, name, value)
    {
        const uint64_t count = (uint64_t)json_integer_value(value);
        const uint64_t allowed = summary_tolerated(scenario, name);

        total += count > allowed ? count - allowed : 0;
    }
    return total;
}

/* Whether a step is one of those that a goal is about. */
static bool summary_fits(json_t *step, const struct tree_node *where)
{
    json_t *params = json_object_get(step, "params");
    bool fits = true;

    for (const struct tree_node *node = where != NULL ? where->first : NULL; fits && node != NULL;
         node = node->next) {
        json_t *wanted = step_param(node->name, node);

        fits = json_equal(wanted, json_object_get(params, node->name)) == 1;
        json_decref(wanted);
    }
    return fits;
}

static json_t *summary_judge(const struct scenario_goal *goal, json_t *groups)
{
    json_t *out = json_pack("{s:s, s:f, s:s, s:s}", "name", goal->name, "wanted", goal->wanted,
                            "sense", goal->at_least ? ">=" : "<=", "unit", goal->unit);
    double worst = NAN;

    for (size_t i = 0; i < json_array_size(groups); i++) {
        json_t *group = json_array_get(groups, i);
        const struct document_value value = document_summarise(group, goal->value);

        if (value.count > 0 && summary_fits(json_array_get(group, 0), goal->where)) {
            worst = goal->at_least ? fmin(worst, value.median) : fmax(worst, value.median);
        }
    }
    /* What could not be measured was not reached. */
    if (isfinite(worst)) {
        json_object_set_new(out, "got", json_real(worst));
    }
    json_object_set_new(out, "reached",
                        json_boolean(isfinite(worst) && (goal->at_least ? worst >= goal->wanted
                                                                        : worst <= goal->wanted)));
    return out;
}

/* A param as people write it. */
static void summary_show(json_t *param, struct text *out)
{
    if (json_is_string(param)) {
        text_put_str(out, json_string_value(param));
    } else {
        text_printf(out, "%.10g", json_number_value(param));
    }
}

static json_t *summary_param(json_t *group, const char *name)
{
    return json_object_get(json_object_get(json_array_get(group, 0), "params"), name);
}

struct summary_search {
    const struct scenario_note *note;
    json_t *groups;
    json_t *by; /* The value of the axis that the note is made for; NULL: all. */
};

static bool summary_is_meant(const struct summary_search *search, json_t *group)
{
    return (search->by == NULL ||
            json_equal(search->by, summary_param(group, search->note->by)) == 1) &&
           summary_fits(json_array_get(group, 0), search->note->where);
}

static double summary_best(const struct summary_search *search)
{
    double best = NAN;

    for (size_t i = 0; i < json_array_size(search->groups); i++) {
        json_t *group = json_array_get(search->groups, i);
        const struct document_value value = document_summarise(group, search->note->value);

        if (value.count > 0 && summary_is_meant(search, group)) {
            best = search->note->highest ? fmax(best, value.median) : fmin(best, value.median);
        }
    }
    return best;
}

/* Values of the axis, with commas. */
static void summary_list(json_t *group, const char *axis, struct text *out)
{
    text_put_str(out, out->len > 0 ? ", " : "");
    summary_show(summary_param(group, axis), out);
}

/* "highest req/s for content text, refused wait: 8123". */
static void summary_put_best(const struct summary_search *search, double best, struct text *out)
{
    const struct scenario_note *note = search->note;
    struct report_name name;
    char column[REPORT_LABEL_CAP + 16];
    char number[REPORT_NUMBER_CAP];

    report_name_path(note->value, &name);
    const struct report_scale scale = report_name_scale(name.unit, best);

    report_name_column(note->value, scale, column, sizeof(column));
    report_name_number(best / scale.divisor, number, sizeof(number));
    text_printf(out, "%s %s", note->highest ? "highest" : "lowest", column);
    const char *joint = " for";

    if (search->by != NULL) {
        text_printf(out, "%s %s ", joint, note->by);
        summary_show(search->by, out);
        joint = ",";
    }
    for (const struct tree_node *node = note->where != NULL ? note->where->first : NULL;
         node != NULL; node = node->next, joint = ",") {
        text_printf(out, "%s %s %s", joint, node->name, node->text);
    }
    text_printf(out, ": %s", number);
}

/* "highest req/s for content text: 8123 with preview 1024; within 3 % of it: 0, 64". */
static void summary_note(const struct summary_search *search, json_t *notes)
{
    const struct scenario_note *note = search->note;
    const double best = summary_best(search);
    char block[512];
    char bests[256];
    char others[256];
    struct text text = text_over(block, sizeof(block) - 1);
    struct text tops = text_over(bests, sizeof(bests) - 1);
    struct text near = text_over(others, sizeof(others) - 1);

    /* Nothing to be best at: no byte saved, say. */
    if (!isfinite(best) || (note->highest && best <= 0)) {
        return;
    }
    for (size_t i = 0; i < json_array_size(search->groups); i++) {
        json_t *group = json_array_get(search->groups, i);
        const struct document_value value = document_summarise(group, note->value);

        if (value.count == 0 || !summary_is_meant(search, group)) {
            continue;
        }
        if (value.median == best) {
            summary_list(group, note->over, &tops);
        } else if (fabs(value.median - best) <= note->within * fabs(best)) {
            summary_list(group, note->over, &near);
        }
    }
    summary_put_best(search, best, &text);
    text_printf(&text, " with %s %.*s", note->over, (int)tops.len, bests);
    if (near.len > 0) {
        text_printf(&text, "; within %g %% of it: %.*s", note->within * 100, (int)near.len, others);
    }
    json_array_append_new(notes, json_stringn(block, text.len));
}

/* One note, or one for each value of its axis `by`. */
static void summary_note_each(const struct scenario_note *note, json_t *groups, json_t *notes)
{
    struct summary_search search = {.note = note, .groups = groups};
    json_t *seen = json_array();

    if (note->by == NULL) {
        summary_note(&search, notes);
    }
    for (size_t i = 0; note->by != NULL && i < json_array_size(groups); i++) {
        bool is_new = true;

        search.by = summary_param(json_array_get(groups, i), note->by);
        for (size_t j = 0; j < json_array_size(seen); j++) {
            is_new = is_new && json_equal(json_array_get(seen, j), search.by) == 0;
        }
        if (is_new && search.by != NULL) {
            json_array_append(seen, search.by);
            summary_note(&search, notes);
        }
    }
    json_decref(seen);
}

/* That the figures are not the server's, where they are not. */
static void summary_note_limit(json_t *steps, json_t *notes)
{
    size_t limited = 0;

    for (size_t i = 0; i < json_array_size(steps); i++) {
        const char *limit = document_find_text(json_array_get(steps, i), "result.limit", "unknown");

        limited += strcmp(limit, "generator") == 0;
    }
    if (limited > 0) {
        char text[160];

        snprintf(text, sizeof(text),
                 "the generator was at its limit in %zu of %zu runs: those say little about the "
                 "server",
                 limited, json_array_size(steps));
        json_array_append_new(notes, json_string(text));
    }
}

void summary_put(json_t *document, const struct scenario *scenario, const char *const *notes,
                 size_t notes_len)
{
    json_t *steps = json_object_get(document, "steps");
    json_t *groups = document_group(document);
    json_t *goals = json_array();
    json_t *list = json_array();
    uint64_t errors = 0;

    for (size_t i = 0; i < notes_len; i++) {
        json_array_append_new(list, json_string(notes[i]));
    }
    for (size_t i = 0; i < scenario->goals_len; i++) {
        json_array_append_new(goals, summary_judge(&scenario->goals[i], groups));
    }
    for (size_t i = 0; i < scenario->notes_len; i++) {
        summary_note_each(&scenario->notes[i], groups, list);
    }
    summary_note_limit(steps, list);
    for (size_t i = 0; i < json_array_size(steps); i++) {
        errors +=
            summary_count_errors(json_object_get(json_array_get(steps, i), "result"), scenario);
    }
    json_object_set_new(document, "goals", goals);
    json_object_set_new(document, "notes", list);
    json_object_set_new(document, "errors_total", json_integer((json_int_t)errors));
    json_decref(groups);
}

bool summary_all_reached(json_t *document)
{
    json_t *goals = json_object_get(document, "goals");

    for (size_t i = 0; i < json_array_size(goals); i++) {
        if (!json_is_true(json_object_get(json_array_get(goals, i), "reached"))) {
            return false;
        }
    }
    return true;
}
