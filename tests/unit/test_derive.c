/* SPDX-License-Identifier: MIT */
#include "bench/runner/derive.h"
#include "bench/runner/report_table.h"
#include "bench/runner/summary.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

TestSuite(derive, .timeout = 30);

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, 0, &error);

    cr_assert_not_null(value, "%s: %s", error.text, text);
    return value;
}

/* The value, NAN when it is left out. */
static double derive_of(const char *name, const char *step_text, const struct derive_facts *facts)
{
    json_t *step = parse(step_text);
    json_t *out = json_object();

    cr_assert(derive_knows(name));
    derive_put(out, name, step, facts);
    const double value = document_find_number(out, name, NAN);

    json_decref(out);
    json_decref(step);
    return value;
}

static const struct derive_facts nothing = {0};

Test(derive, shares_of_a_result)
{
    static const char step[] = "{\"result\": {\"requests\": 80, \"refused\": 20, \"rate\": 450, "
                               "\"preview_204\": 60, \"saved_bytes\": 300, \"body_bytes\": 1200, "
                               "\"errors_total\": 7}}";
    const struct derive_facts facts = {.capacity = 500};

    cr_expect_float_eq(derive_of("saved_share", step, &nothing), 0.25, 1e-9);
    cr_expect_float_eq(derive_of("preview_share", step, &nothing), 0.75, 1e-9);
    cr_expect_float_eq(derive_of("refused_share", step, &nothing), 0.2, 1e-9);
    cr_expect_float_eq(derive_of("goodput_share", step, &facts), 0.9, 1e-9);
    cr_expect_float_eq(derive_of("capacity", step, &facts), 500, 1e-9);
    cr_expect_float_eq(derive_of("lost", step, &nothing), 7, 1e-9);
}

Test(derive, leaves_out_what_cannot_be_told)
{
    static const char *const names[] = {"saved_share",      "goodput_share", "capacity",
                                        "recovery_seconds", "overload_p99",  "connection_bytes",
                                        "mark_ratio",       "drift",         "lost"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cr_expect(isnan(derive_of(names[i], "{\"result\": {}}", &nothing)), "%s", names[i]);
        cr_expect(isnan(derive_of(names[i], "{\"result\": {\"requests\": 0, \"body_bytes\": 0}}",
                                  &nothing)),
                  "%s", names[i]);
    }
    cr_expect_not(derive_knows("magic"));
}

Test(derive, memory_a_connection)
{
    const struct derive_facts facts = {.connections = 100};

    cr_expect_float_eq(derive_of("connection_bytes",
                                 "{\"result\": {\"server\": {\"private\": 5000, "
                                 "\"private_before\": 1000}}}",
                                 &facts),
                       40, 1e-9);
}

/* A time line of rows of a second: right answers, refused ones, p99. */
struct row {
    double right;
    double refused;
    double p99;
};

static json_t *make_step(const struct row *rows, size_t rows_len)
{
    json_t *list = json_array();

    for (size_t i = 0; i < rows_len; i++) {
        json_array_append_new(list, json_pack("[f, f, f, f, i, i, i, f, f]", (double)i, 0.0,
                                              rows[i].right, rows[i].refused, 0, 0, 0, rows[i].p99,
                                              2 * rows[i].p99));
    }
    return json_pack("{s:{s:{s:f, s:o}}}", "result", "timeline", "interval", 1.0, "rows", list);
}

static double derive_of_rows(const char *name, const struct row *rows, size_t rows_len,
                             const struct derive_facts *facts)
{
    json_t *step = make_step(rows, rows_len);
    char *text = json_dumps(step, 0);
    const double value = derive_of(name, text, facts);

    free(text);
    json_decref(step);
    return value;
}

/* Two calm seconds, two of overload, then three until all is as before. */
static const struct row overload[] = {
    {100, 0, 500},   {100, 0, 500},  {95, 300, 4000}, {97, 300, 6000}, {100, 5, 5000},
    {100, 0, 90000}, {100, 0, 3000}, {100, 0, 600},   {100, 0, 500},   {100, 0, 500},
};
static const struct derive_facts overload_facts = {
    .capacity = 200, .overload_from = 2, .overload_to = 4};

Test(derive, looks_at_the_overload_alone)
{
    cr_expect_float_eq(
        derive_of_rows("goodput_share", overload, ARRAY_LEN(overload), &overload_facts), 0.48,
        1e-9);
    cr_expect_float_eq(
        derive_of_rows("overload_refused_share", overload, ARRAY_LEN(overload), &overload_facts),
        600.0 / 792, 1e-9);
    cr_expect_float_eq(
        derive_of_rows("overload_p99", overload, ARRAY_LEN(overload), &overload_facts), 6000, 1e-9);
}

Test(derive, recovery_ends_with_several_calm_intervals)
{
    cr_expect_float_eq(
        derive_of_rows("recovery_seconds", overload, ARRAY_LEN(overload), &overload_facts), 3,
        1e-9);
    /* A pause between two bad seconds is no recovery. */
    static const struct row relapse[] = {{100, 0, 500}, {90, 9, 9000}, {100, 0, 500},
                                         {100, 0, 500}, {90, 9, 9000}, {100, 0, 500},
                                         {100, 0, 500}, {100, 0, 500}};
    const struct derive_facts facts = {.capacity = 1, .overload_from = 1, .overload_to = 2};

    cr_expect_float_eq(derive_of_rows("recovery_seconds", relapse, ARRAY_LEN(relapse), &facts), 3,
                       1e-9);
    /* When it never comes, it took at least the time that was left. */
    cr_expect_float_eq(derive_of_rows("recovery_seconds", relapse, 5, &facts), 2, 1e-9);
}

Test(derive, latency_around_marks_beside_the_rest)
{
    static const struct row rows[] = {{100, 0, 500}, {100, 0, 500}, {50, 0, 2000},
                                      {100, 0, 500}, {100, 0, 500}, {100, 0, 500}};
    json_t *step = make_step(rows, ARRAY_LEN(rows));
    char *text = NULL;

    json_object_set_new(step, "marks",
                        json_pack("[{s:f, s:s}, {s:f, s:s}]", "at", 1.9, "what", "swap", "at", 2.1,
                                  "what", "swapped"));
    text = json_dumps(step, 0);
    cr_expect_float_eq(derive_of("mark_p99", text, &nothing), 2000, 1e-9);
    cr_expect_float_eq(derive_of("quiet_p99", text, &nothing), 500, 1e-9);
    cr_expect_float_eq(derive_of("mark_ratio", text, &nothing), 4, 1e-9);
    free(text);
    json_decref(step);
}

Test(derive, drift_is_the_end_beside_the_beginning)
{
    static const struct row rows[] = {{10, 0, 100}, {10, 0, 100}, {10, 0, 500}, {10, 0, 500},
                                      {10, 0, 500}, {10, 0, 500}, {10, 0, 300}, {10, 0, 300}};

    cr_expect_float_eq(derive_of_rows("drift", rows, ARRAY_LEN(rows), &nothing), 3, 1e-9);
}

/* ---- Goals, notes, errors ---- */

static const char judged[] =
    "name: a\n"
    "sweep: {preview: [0, 64, off], mix: [text, html]}\n"
    "tolerate: {reset: 5}\n"
    "goals:\n"
    "  - {name: fast, value: result.rate, where: {mix: text}, at_least: 90}\n"
    "  - {name: slow, value: result.rate, at_most: 150}\n"
    "  - {name: unknown, value: result.latency.full.p99, at_most: 1}\n"
    "notes:\n"
    "  - {best: highest, value: result.rate, over: preview, by: mix, within: 0.05}\n"
    "  - {best: lowest, value: result.rate, over: mix, where: {preview: 0}}\n";

static void add_step(json_t *document, json_t *preview, const char *mix, int round, double rate)
{
    char id[64];

    snprintf(id, sizeof(id), "%s %s", mix, json_is_string(preview) ? "off" : "number");
    if (json_is_integer(preview)) {
        snprintf(id, sizeof(id), "%s %d", mix, (int)json_integer_value(preview));
    }
    json_array_append_new(json_object_get(document, "steps"),
                          json_pack("{s:s, s:{s:o, s:s}, s:i, s:{s:f, s:{s:i}}}", "id", id,
                                    "params", "preview", preview, "mix", mix, "round", round,
                                    "result", "rate", rate, "errors", "reset", 7));
}

Test(summary, judges_by_medians_over_rounds_and_the_worst_step)
{
    struct problem problem = {.file = "f"};
    struct scenario scenario;
    json_t *document = json_pack("{s:s, s:[]}", "format", DOCUMENT_FORMAT, "steps");
    static const char *const own[] = {"a note of the run"};

    cr_assert(scenario_read(&scenario, slice_from_str(judged), false, &problem), "%s",
              problem.text);
    for (int round = 1; round <= 3; round++) {
        /* One round in three is far off: the median does not care. */
        const double off = round == 2 ? 0.1 : 1;

        add_step(document, json_integer(0), "text", round, 95 * off);
        add_step(document, json_integer(64), "text", round, 100 * off);
        add_step(document, json_string("off"), "text", round, 97 * off);
        add_step(document, json_integer(0), "html", round, 50 * off);
        add_step(document, json_string("off"), "html", round, 200 * off);
    }
    summary_put(document, &scenario, own, 1);

    cr_expect_eq(document_find_number(document, "errors_total", -1), 15 * 2);
    json_t *goals = json_object_get(document, "goals");

    cr_assert_eq(json_array_size(goals), 3u);
    cr_expect_float_eq(document_find_number(json_array_get(goals, 0), "got", -1), 95, 1e-9);
    cr_expect(json_is_true(json_object_get(json_array_get(goals, 0), "reached")));
    cr_expect_float_eq(document_find_number(json_array_get(goals, 1), "got", -1), 200, 1e-9);
    cr_expect(json_is_false(json_object_get(json_array_get(goals, 1), "reached")));
    cr_expect_null(json_object_get(json_array_get(goals, 2), "got"));
    cr_expect(json_is_false(json_object_get(json_array_get(goals, 2), "reached")));
    cr_expect_not(summary_all_reached(document));

    json_t *notes = json_object_get(document, "notes");

    cr_assert_eq(json_array_size(notes), 4u);
    cr_expect_str_eq(json_string_value(json_array_get(notes, 3)),
                     "lowest req/s for preview 0: 50 with mix html");
    cr_expect_str_eq(json_string_value(json_array_get(notes, 0)), "a note of the run");
    cr_expect_str_eq(json_string_value(json_array_get(notes, 1)),
                     "highest req/s for mix text: 100 with preview 64; within 5 % of it: 0, "
                     "off");
    cr_expect_str_eq(json_string_value(json_array_get(notes, 2)),
                     "highest req/s for mix html: 200 with preview off");
    json_decref(document);
    scenario_free(&scenario);
}

Test(summary, a_view_shows_the_steps_it_is_for)
{
    json_t *document = json_pack("{s:s, s:[]}", "format", DOCUMENT_FORMAT, "steps");
    json_t *view = parse("{\"kind\": \"table\", \"rows\": [\"params.preview\"], \"columns\": "
                         "[\"result.rate\"], \"where\": {\"mix\": \"html\"}}");

    add_step(document, json_integer(0), "text", 1, 111);
    add_step(document, json_integer(0), "html", 1, 222);
    add_step(document, json_integer(64), "html", 1, 333);
    json_t *groups = document_group(document);
    json_t *table = report_table_view(groups, view);
    char *text = json_dumps(json_object_get(table, "rows"), JSON_COMPACT);

    cr_expect_eq(json_array_size(json_object_get(table, "rows")), 2u, "%s", text);
    cr_expect_null(strstr(text, "111"));
    cr_expect_not_null(strstr(text, "222"));
    free(text);
    json_decref(table);
    json_decref(groups);
    json_decref(view);
    json_decref(document);
}
