/* SPDX-License-Identifier: MIT */
#include "base/macro.h"
#include "bench/runner/report.h"
#include "bench/runner/report_name.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAMPLE SOURCE_ROOT "/tests/data/report_sample.json"

static json_t *read_sample(void)
{
    char why[DOCUMENT_WHY_CAP] = "";
    json_t *document = document_read(SAMPLE, why, sizeof(why));

    cr_assert_not_null(document, "%s", why);
    return document;
}

/* The text of a report; the caller frees it. */
static char *print(json_t *document, document_print_fn print_fn)
{
    static char *text;
    static size_t len;
    FILE *out = open_memstream(&text, &len);

    print_fn(document, out);
    fclose(out);
    return text;
}

static size_t count(const char *text, const char *what)
{
    size_t found = 0;

    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what)) {
        found++;
    }
    return found;
}

Test(document, complaints_name_the_place_and_what_is_wanted)
{
#define STEPS "\"format\": \"baleen-bench/1\", \"steps\": "
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        {"", "line 1, column 0: '[' or '{' expected near end of file"},
        {"[]", "the document: an object is wanted"},
        {"{\"steps\": []}", "format: is missing"},
        {"{\"format\": 1, \"steps\": []}", "format: a string is wanted"},
        {"{\"format\": \"other/1\", \"steps\": []}", "format: \"baleen-bench/1\" is wanted"},
        {"{" STEPS "{}}", "steps: an array is wanted"},
        {"{" STEPS "[1]}", "steps[0]: an object is wanted"},
        {"{" STEPS "[{\"result\": {}}]}", "steps[0].id: is missing"},
        {"{" STEPS "[{\"id\": \"a\"}]}", "steps[0].result: is missing"},
        {"{" STEPS "[{\"id\": \"a\", \"result\": {\"rate\": \"x\"}}]}",
         "steps[0].result.rate: a number of at least 0 is wanted"},
        {"{" STEPS "[{\"id\": \"a\", \"result\": {\"rate\": -1}}]}",
         "steps[0].result.rate: a number of at least 0 is wanted"},
        {"{" STEPS "[{\"id\": \"a\", \"result\": {\"errors\": {\"reset\": []}}}]}",
         "steps[0].result.errors: an object of numbers of at least 0 is wanted"},
        {"{" STEPS "[{\"id\": \"a\", \"result\": {\"latency\": {\"full\": {\"p99\": true}}}}]}",
         "steps[0].result.latency.full.p99: a number of at least 0 is wanted"},
        {"{" STEPS "[{\"id\": \"a\", \"result\": {\"latency\": {\"full\": {\"curve\": [[1]]}}}}]}",
         "steps[0].result.latency.full: row 0: 2 numbers of at least 0 are wanted"},
        {"{" STEPS "[{\"id\": \"a\", \"result\": {\"timeline\": {\"rows\": []}}}]}",
         "steps[0].result.timeline.interval: is missing"},
        {"{" STEPS
         "[{\"id\": \"a\", \"result\": {\"timeline\": {\"interval\": 0, \"rows\": []}}}]}",
         "steps[0].result.timeline.interval: is too small"},
        {"{" STEPS "[{\"id\": \"a\", \"params\": {\"x\": []}, \"result\": {}}]}",
         "steps[0].params.x: a string, a number, true or false is wanted"},
        {"{" STEPS "[{\"id\": \"a\", \"marks\": [{\"at\": 1}], \"result\": {}}]}",
         "steps[0].marks[0].what: is missing"},
        {"{" STEPS "[], \"views\": [{\"kind\": \"pie\"}]}",
         "views[0].kind: table, lines, percentiles, timeline or heatmap is wanted"},
        {"{" STEPS "[], \"views\": [{\"kind\": \"lines\", \"x\": \"a\"}]}",
         "views[0].y: is missing"},
        {"{" STEPS "[], \"views\": [{\"kind\": \"table\", \"rows\": [1], \"columns\": []}]}",
         "views[0].rows: an array of strings is wanted"},
        {"{" STEPS "[], \"goals\": [{}]}", "goals[0].name: is missing"},
        {"{" STEPS "[], \"notes\": [{}]}", "notes[0]: a string is wanted"},
        {"{" STEPS "[], \"server\": {\"settings\": {\"a\": {}}}}",
         "server.settings.a: a string, a number, true or false is wanted"},
        {"{\"a\": 1, \"a\": 2}", "line 1, column 12: duplicate object key near '\"a\"'"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char why[DOCUMENT_WHY_CAP] = "";

        cr_expect_null(document_parse(cases[i].text, strlen(cases[i].text), why, sizeof(why)));
        cr_expect_str_eq(why, cases[i].why, "%s: %s", cases[i].text, why);
    }
}

Test(document, takes_null_for_missing)
{
    static const char text[] = "{" STEPS "[{\"id\": \"a\", \"result\": {\"rate\": null, "
                               "\"latency\": {\"full\": null}, \"timeline\": null}}]}";
    char why[DOCUMENT_WHY_CAP] = "";
    json_t *document = document_parse(text, strlen(text), why, sizeof(why));

    cr_assert_not_null(document, "%s", why);
    json_decref(document);
}

Test(document, refuses_more_rounds_than_it_can_hold)
{
    json_t *document = json_pack("{s:s, s:[]}", "format", DOCUMENT_FORMAT, "steps");
    char why[DOCUMENT_WHY_CAP] = "";

    for (size_t i = 0; i < DOCUMENT_ROUNDS_MAX; i++) {
        json_array_append_new(json_object_get(document, "steps"),
                              json_pack("{s:s, s:{}}", "id", "a", "result"));
    }
    cr_assert(document_check(document, why, sizeof(why)), "%s", why);
    json_array_append_new(json_object_get(document, "steps"),
                          json_pack("{s:s, s:{}}", "id", "a", "result"));
    cr_assert_not(document_check(document, why, sizeof(why)));
    cr_assert_str_eq(why, "steps: more than 256 rounds of one id");
    json_decref(document);
}

Test(document, reading_says_which_file)
{
    char why[DOCUMENT_WHY_CAP] = "";
    char empty[] = "/tmp/test_report.XXXXXX";
    int fd = mkstemp(empty);

    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_null(document_read("/nowhere/a.json", why, sizeof(why)));
    cr_assert_str_eq(why, "/nowhere/a.json: No such file or directory");
    cr_assert_null(document_read(empty, why, sizeof(why)));
    cr_assert_str_eq(why + strlen(empty), ": the file is empty", "%s", why);
    unlink(empty);
}

Test(document, comes_back_as_it_was_written)
{
    char why[DOCUMENT_WHY_CAP] = "";
    char folder[] = "/tmp/test_report.XXXXXX";
    char path[64];
    json_t *document = read_sample();

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/out.json", folder);
    cr_assert(document_write(document, path, why, sizeof(why)), "%s", why);

    json_t *again = document_read(path, why, sizeof(why));

    cr_assert_not_null(again, "%s", why);
    cr_assert_eq(document_find_number(again, "steps", -1), -1);
    cr_assert_str_eq(document_find_text(again, "server.settings.icap.preview", ""), "1024");
    cr_assert_eq(json_array_size(json_object_get(again, "steps")),
                 json_array_size(json_object_get(document, "steps")));
    unlink(path);

    /* Nothing else is left beside it: the folder can go. */
    cr_assert_eq(rmdir(folder), 0);
    cr_assert_not(document_write(document, path, why, sizeof(why)));
    cr_assert_not_null(strstr(why, "No such file or directory"), "%s", why);
    json_decref(again);
    json_decref(document);
}

/* A device must stay one, and what it refuses is told. */
Test(document, writes_to_devices_in_place)
{
    char folder[] = "/tmp/test_report.XXXXXX";
    char path[64];
    char why[DOCUMENT_WHY_CAP] = "";
    struct stat status;
    json_t *document = read_sample();

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/full", folder);
    cr_assert_eq(symlink("/dev/full", path), 0);
    cr_assert_not(document_write(document, path, why, sizeof(why)));
    cr_assert_not_null(strstr(why, "No space left on device"), "%s", why);
    cr_assert_eq(lstat(path, &status), 0);
    cr_assert(S_ISLNK(status.st_mode));
    unlink(path);
    cr_assert_eq(rmdir(folder), 0);
    json_decref(document);
}

Test(document, finds_keys_that_hold_dots)
{
    json_t *object =
        json_pack("{s:{s:i, s:{s:i}}, s:i, s:n}", "a", "b.c", 1, "b", "d", 2, "a.b", 3, "none");

    cr_assert_eq(document_find_number(object, "a.b.c", 0), 1);
    cr_assert_eq(document_find_number(object, "a.b.d", 0), 2);
    cr_assert_eq(document_find_number(object, "a.b", 0), 3);
    cr_assert_null(document_find(object, "a.x"));
    cr_assert_null(document_find(object, "a..b"));
    cr_assert_null(document_find(object, "."));
    cr_assert_null(document_find(object, "none"));
    cr_assert_eq(document_find(object, ""), object);
    json_decref(object);
}

Test(document, medians_and_spreads)
{
    static const struct {
        size_t len;
        double values[5];
        double median;
        double spread;
    } cases[] = {
        {0, {0}, 0, 0},
        {1, {7}, 7, 0},
        {2, {1, 4}, 2.5, 1.5},
        {3, {9, 1, 2}, 2, 1},
        {4, {4, 1, 3, 2}, 2.5, 1},
        {5, {1, 1, 1, 1, 1000}, 1, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double values[5];

        memcpy(values, cases[i].values, sizeof(values));

        struct document_value value = document_median(values, cases[i].len);

        cr_expect_eq(value.count, cases[i].len);
        cr_expect_float_eq(value.median, cases[i].median, 1e-12, "%zu", i);
        cr_expect_float_eq(value.spread, cases[i].spread, 1e-12, "%zu", i);
    }
}

Test(document, groups_rounds_in_the_order_of_the_first)
{
    json_t *document = read_sample();
    json_t *groups = document_group(document);

    cr_assert_eq(json_array_size(groups), 5);
    cr_assert_eq(json_array_size(json_array_get(groups, 0)), 3);
    cr_assert_str_eq(document_find_text(json_array_get(json_array_get(groups, 4), 0), "id", ""),
                     "swap");

    struct document_value rate = document_summarise(json_array_get(groups, 0), "result.rate");

    cr_assert_eq(rate.count, 3);
    cr_assert_float_eq(rate.median, 20000, 1e-9);
    cr_assert_float_eq(rate.spread, 100, 1e-9);
    json_decref(groups);
    json_decref(document);
}

Test(document, another_run_adds_rounds)
{
    json_t *document = read_sample();
    json_t *more = read_sample();
    char why[DOCUMENT_WHY_CAP] = "";
    size_t steps_len = json_array_size(json_object_get(document, "steps"));

    cr_assert(document_append(document, more, why, sizeof(why)), "%s", why);
    cr_assert_eq(json_array_size(json_object_get(document, "steps")), 2 * steps_len);

    json_t *groups = document_group(document);

    cr_assert_eq(json_array_size(json_array_get(groups, 0)), 6);
    cr_assert_eq(document_find_number(json_array_get(json_array_get(groups, 0), 5), "round", 0), 6);
    json_object_set_new(json_object_get(more, "scenario"), "name", json_string("other"));
    cr_assert_not(document_append(document, more, why, sizeof(why)));
    cr_assert_str_eq(why, "scenario.name differs: \"sample\" and \"other\"");
    cr_assert_eq(json_array_size(json_object_get(document, "steps")), 2 * steps_len);
    json_decref(groups);
    json_decref(more);
    json_decref(document);
}

Test(report_name, values_have_human_names)
{
    static const struct {
        const char *path;
        double max;
        const char *column;
    } cases[] = {
        {"result.rate", 1, "req/s"},
        {"result.mb_rate", 1, "MB/s"},
        {"result.latency.full.p99", 1, "p99 us"},
        {"result.latency.full.p999", 1, "p99.9 us"},
        {"result.latency.preview.p9999", 1, "preview p99.99 us"},
        {"result.latency.full.count", 1, "count"},
        {"result.server.private", 5e9, "server private MiB"},
        {"result.server.private", 5e3, "server private B"},
        {"result.server.rss", 5e10, "server RSS GiB"},
        {"result.codes.204", 1, "204"},
        {"params.queue_threshold", 1, "queue threshold"},
        {"derived.saved_share", 1, "saved %"},
        {"derived.per_connection_bytes", 1, "per connection B"},
        {"params.admission.queue_threshold", 1, "admission.queue_threshold"},
        {"derived.quiet_p99", 1, "quiet p99 us"},
        {"derived.private_p", 1, "private p"},
        {"id", 1, "step"},
        {"", 1, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct report_name name;
        char column[REPORT_LABEL_CAP];

        report_name_path(cases[i].path, &name);
        report_name_column(cases[i].path, report_name_scale(name.unit, cases[i].max), column,
                           sizeof(column));
        cr_expect_str_eq(column, cases[i].column, "%s", column);
    }
}

Test(report_name, numbers_have_the_digits_that_count)
{
    static const struct {
        double value;
        double spread;
        const char *number;
        const char *around;
    } cases[] = {
        {0, 0, "0", "0"},
        {123456, 78.9, "123456", "79"},
        {45.678, 1.234, "45.7", "1.2"},
        {1.5, 0.25, "1.50", "0.25"},
        {0.0123, 0.001, "0.012", "0.001"},
        {20, 0.5, "20", "0.500"},
        {-3.14159, 0, "-3.14", "0.00"},
        {1e300, 1, "1e+300", "1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char number[REPORT_NUMBER_CAP];

        report_name_number(cases[i].value, number, sizeof(number));
        cr_expect_str_eq(number, cases[i].number, "%s", number);
    }
    for (size_t i = 1; i < 4; i++) {
        char around[REPORT_NUMBER_CAP];

        report_name_spread(cases[i].value, cases[i].spread, around, sizeof(around));
        cr_expect_str_eq(around, cases[i].around, "%s", around);
    }
}

Test(report, markdown_has_head_goals_notes_and_each_view)
{
    static const char *const wanted[] = {
        "# A small sample\n",
        "- Machine: Some CPU, 2 cores\n",
        "- Command: baleen-bench run sample\n",
        "- **Careful:** In 1 of 5 steps the load generator was at its limit",
        "| Rate | \\>= 25000 req/s | 30000 req/s | yes |\n",
        "| p99 | \\<= 300 us | 408 us | no |\n",
        "- Best preview: 1024\n",
        "Medians of 3 rounds, median absolute deviation in brackets.",
        "| preview | mix | req/s | p99 us | saved % | server private MiB | limited by |\n",
        "| 1024 | html | 30000 (100) | 408 (4) | 25 (0) | 32 (0) | generator |\n",
        "| preview | mix html, req/s | mix images, req/s |\n",
        "| mix | preview 0, p99 us | preview 1024, p99 us |\n",
        "| 1024 | 102 (1) | 204 (2) | 408 (4) | 612 (6) | 714 (7) | 816 (8) |\n",
        "Medians of 3 rounds, median absolute deviation in brackets. Taken together over mix.\n",
        "| swap | 590 | 1230 | 2500 | swap at 0.8 s |\n",
        "| icap.preview | 1024 |\n",
    };
    json_t *document = read_sample();
    char *text = print(document, report_write_markdown);

    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        cr_expect_not_null(strstr(text, wanted[i]), "%s", wanted[i]);
    }
    free(text);
    json_decref(document);
}

static json_t *make_hostile(const char *evil)
{
    json_t *document = read_sample();
    json_t *step = json_array_get(json_object_get(document, "steps"), 0);

    json_object_set_new(json_object_get(document, "server"), "service", json_string(evil));
    json_object_set_new(json_object_get(document, "server"), "istag", json_string(evil));
    json_object_set_new(json_object_get(document, "scenario"), "title", json_string(evil));
    json_object_set_new(document, "notes", json_pack("[s]", evil));
    json_object_set_new(json_object_get(step, "params"), "mix", json_string(evil));
    json_object_set_new(json_object_get(step, "params"), "preview", json_string(evil));
    json_object_set_new(json_object_get(step, "derived"), "saved_share", json_string(evil));
    json_object_set_new(json_object_get(step, "result"), "limit", json_string(evil));
    json_array_append_new(json_object_get(document, "views"),
                          json_pack("{s:s, s:s, s:s, s:s}", "kind", "lines", "title", evil, "x",
                                    "params.mix", "y", evil));
    return document;
}

Test(report, hostile_names_stay_text_in_html)
{
    static const char *const evils[] = {
        "</script><script>alert(1)</script>", "<!--<script>", "\" onload=\"alert(1)",
        "'><img src=x onerror=alert(1)>",     "a (<b>1</b>)", "&lt;\xe2\x80\xa8]]>",
    };
    json_t *sample = read_sample();
    char *clean = print(sample, report_print_html);

    for (size_t i = 0; i < ARRAY_LEN(evils); i++) {
        json_t *document = make_hostile(evils[i]);
        char *page = print(document, report_print_html);

        cr_expect_eq(count(page, "<script"), count(clean, "<script"), "%s", evils[i]);
        cr_expect_eq(count(page, "</script"), count(clean, "</script"), "%s", evils[i]);
        cr_expect_eq(count(page, "<!--"), count(clean, "<!--"), "%s", evils[i]);
        cr_expect_eq(count(page, "<img"), 0, "%s", evils[i]);
        cr_expect_eq(count(page, "<b>"), 0, "%s", evils[i]);

        /* In an attribute it would end it; within the data of the script it is escaped. */
        *strstr(page, "<script") = '\0';
        cr_expect_eq(count(page, "\" onload"), 0, "%s", evils[i]);
        free(page);
        json_decref(document);
    }
    free(clean);
    json_decref(sample);
}

/* The document inside the page is the document. */
Test(report, html_carries_the_document)
{
    static const char open[] = "<script type=\"application/json\" id=\"data-document\">";
    json_t *document = make_hostile("</script>&<>\"'\\");
    char *page = print(document, report_print_html);
    char *at = strstr(page, open);

    cr_assert_not_null(at);
    at += strlen(open);

    char *end = strstr(at, "</script>");

    cr_assert_not_null(end);

    json_t *inside = json_loadb(at, (size_t)(end - at), 0, NULL);

    cr_assert_not_null(inside);
    cr_assert_str_eq(document_find_text(inside, "server.service", ""), "</script>&<>\"'\\");
    cr_assert_eq(json_array_size(json_object_get(inside, "steps")),
                 json_array_size(json_object_get(document, "steps")));
    json_decref(inside);
    free(page);
    json_decref(document);
}

Test(report, hostile_names_stay_text_in_markdown)
{
    json_t *document = make_hostile("a|b\n# c <i>[x](y)");
    char *text = print(document, report_write_markdown);

    cr_assert_eq(count(text, "\n# "), 0);
    cr_assert_not_null(strstr(text, "a\\|b # c \\<i\\>\\[x\\](y)"));
    free(text);
    json_decref(document);
}

Test(report, html_needs_nothing_but_itself)
{
    json_t *document = read_sample();
    char *page = print(document, report_print_html);
    size_t addresses = count(page, "http://") + count(page, "https://");

    /* One name space, which nobody fetches. */
    cr_assert_eq(addresses, 1);
    cr_assert_eq(count(page, "'http://www.w3.org/2000/svg'"), 1);
    cr_assert_eq(count(page, "src="), 0);
    cr_assert_eq(count(page, "url("), 0);
    cr_assert_eq(count(page, "@import"), 0);
    cr_assert_eq(count(page, "<link"), 0);
    cr_assert_eq(count(page, "innerHTML"), 0);
    cr_assert_eq(count(page, "default-src 'none'"), 1);
    free(page);
    json_decref(document);
}

/* Without scripts the goals, the findings and each view's figures are there. */
Test(report, html_reads_without_scripts)
{
    json_t *document = read_sample();
    char *page = print(document, report_print_html);
    char *end = strstr(page, "<script");

    cr_assert_not_null(end);
    *end = '\0';
    cr_expect_not_null(strstr(page, "<h1>A small sample</h1>"));
    cr_expect_not_null(strstr(page, "<li>Best preview: 1024</li>"));
    cr_expect_not_null(strstr(page, "&#10007; not reached"));
    cr_expect_not_null(strstr(page, "408 &micro;s"));
    cr_expect_not_null(strstr(page, "<td>30000 <span class=\"spread\">(100)</span></td>"));
    cr_expect_eq(count(page, "<table>"), 8);
    cr_expect_eq(count(page, "data-view="), 5);
    free(page);
    json_decref(document);
}

Test(report, script_of_the_page_parses)
{
    static const char open[] = "<script>\n";
    char path[] = "/tmp/test_report_XXXXXX.js";
    char command[96];
    json_t *document = read_sample();
    char *page = print(document, report_print_html);
    char *script = strstr(page, open);
    char *end = script == NULL ? NULL : strstr(script, "</script>");

    cr_assert_not_null(end);
    if (system("node --version >/dev/null 2>&1") != 0) {
        cr_skip_test("there is no node");
    }

    int fd = mkstemps(path, 3);
    size_t len = (size_t)(end - script) - strlen(open);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, script + strlen(open), len), (ssize_t)len);
    close(fd);
    snprintf(command, sizeof(command), "node --check %s", path);
    cr_expect_eq(system(command), 0);
    unlink(path);
    free(page);
    json_decref(document);
}

Test(report, shows_an_empty_document)
{
    static const char text[] = "{" STEPS "[]}";
    char why[DOCUMENT_WHY_CAP] = "";
    json_t *document = document_parse(text, strlen(text), why, sizeof(why));
    char *markdown = print(document, report_write_markdown);
    char *page = print(document, report_print_html);

    cr_assert_not_null(strstr(markdown, "# Results\n"));
    cr_assert_not_null(strstr(page, "<h1>Results</h1>"));
    free(markdown);
    free(page);
    json_decref(document);
}
