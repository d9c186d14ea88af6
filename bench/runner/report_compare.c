/* SPDX-License-Identifier: MIT */
/*
 * First everything is put into one JSON value, then that is printed or told as text: both say the
 * same. All values of all steps are judged together, so that a comparison of equals is quiet in 95
 * of 100 cases however many steps it has (rounds_find_threshold).
 */
#include "bench/runner/report.h"

#include "base/assert.h"
#include "bench/runner/report_name.h"
#include "bench/runner/rounds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COMPARE_ALPHA      0.05
#define COMPARE_OTHER_LOAD 0.05
#define COMPARE_CELL_CAP   128
#define COMPARE_HUGE       1e9 /* JSON knows no infinity. */

/* A rate of nothing has no logarithm; this is less than any that is measured. */
#define COMPARE_RATE_MIN 1e-6

/* Smaller changes are not worth a word even where they are real: code that moved by a cache line
 * makes 1 %, and latencies are counted in steps of 1.6 %. */
#define COMPARE_LEAST         0.01
#define COMPARE_LEAST_LATENCY 0.03

/* So many requests let ten lie beyond the percentile. */
#define COMPARE_COUNT_P99  1000
#define COMPARE_COUNT_P999 10000

static const struct compare_value {
    const char *path;
    bool more_is_better;
    double least;
    double count_min;
} compare_values[] = {
    {"result.rate", true, COMPARE_LEAST, 0},
    {"result.latency.full.p50", false, COMPARE_LEAST_LATENCY, 0},
    {"result.latency.full.p99", false, COMPARE_LEAST_LATENCY, COMPARE_COUNT_P99},
    {"result.latency.full.p999", false, COMPARE_LEAST_LATENCY, COMPARE_COUNT_P999},
    {"result.server.cpu_us", false, COMPARE_LEAST, 0},
    {"result.server.private", false, COMPARE_LEAST, 0},
};

enum compare_verdict {
    COMPARE_SAME,
    COMPARE_BETTER,
    COMPARE_WORSE,
    COMPARE_FEW,
    COMPARE_VERDICTS
};

static const char *const compare_verdicts[COMPARE_VERDICTS] = {
    [COMPARE_SAME] = "no difference",
    [COMPARE_BETTER] = "better",
    [COMPARE_WORSE] = "worse",
    [COMPARE_FEW] = "too few rounds",
};

/* The rounds of one value on both sides. */
struct compare_pair {
    double before[DOCUMENT_ROUNDS_MAX];
    double after[DOCUMENT_ROUNDS_MAX];
    size_t before_len;
    size_t after_len;
};

static json_t *compare_find_group(json_t *groups, const char *id)
{
    json_t *group = NULL;
    size_t index = 0;

    json_array_foreach(groups, index, group)
    {
        if (strcmp(document_find_text(json_array_get(group, 0), "id", ""), id) == 0) {
            return group;
        }
    }
    return NULL;
}

/* False when a side has none, or too few requests for the percentile. */
static bool compare_collect_side(json_t *group, const struct compare_value *value, double *values,
                                 size_t *out_len)
{
    size_t len = document_collect(group, value->path, values);
    size_t kept = 0;

    for (size_t i = 0; i < len; i++) {
        double floored = value->more_is_better ? fmax(values[i], COMPARE_RATE_MIN) : values[i];

        if (floored > 0) {
            values[kept++] = floored;
        }
    }
    *out_len = kept;
    return kept > 0 &&
           (value->count_min <= 0 ||
            document_summarise(group, "result.latency.full.count").median >= value->count_min);
}

static bool compare_collect(json_t *before, json_t *after, const struct compare_value *value,
                            struct compare_pair *out)
{
    return compare_collect_side(before, value, out->before, &out->before_len) &&
           compare_collect_side(after, value, out->after, &out->after_len);
}

static bool compare_is_enough(const struct compare_pair *pair)
{
    return pair->before_len >= ROUNDS_MIN && pair->after_len >= ROUNDS_MIN;
}

/* The p of each value of each step that has enough rounds; returns how many there are. */
static size_t compare_collect_p(json_t *before, json_t *after, double *p)
{
    json_t *group = NULL;
    size_t index = 0;
    size_t len = 0;

    json_array_foreach(before, index, group)
    {
        const char *id = document_find_text(json_array_get(group, 0), "id", "");
        json_t *other = compare_find_group(after, id);

        for (size_t i = 0; other != NULL && i < ARRAY_LEN(compare_values); i++) {
            struct compare_pair pair;

            if (compare_collect(group, other, &compare_values[i], &pair) &&
                compare_is_enough(&pair)) {
                p[len++] =
                    rounds_compare(pair.before, pair.before_len, pair.after, pair.after_len).p;
            }
        }
    }
    return len;
}

/* The p up to which differences are called. */
static double compare_find_threshold(json_t *before, json_t *after, size_t *out_tests)
{
    double *p = calloc(json_array_size(before) * ARRAY_LEN(compare_values) + 1, sizeof(*p));
    double threshold = COMPARE_ALPHA;

    ASSERT(p != NULL);
    *out_tests = compare_collect_p(before, after, p);
    if (*out_tests > 0) {
        threshold = rounds_find_threshold(p, *out_tests, COMPARE_ALPHA);
    }
    free(p);
    return threshold;
}

static json_t *compare_side_json(const double *values, size_t len)
{
    double sorted[DOCUMENT_ROUNDS_MAX];

    memcpy(sorted, values, len * sizeof(values[0]));

    struct document_value value = document_median(sorted, len);

    return json_pack("{s:f, s:f, s:I}", "median", value.median, "spread", value.spread, "rounds",
                     (json_int_t)len);
}

static enum compare_verdict compare_judge(const struct compare_value *value,
                                          const struct rounds_ratio *ratio, double threshold)
{
    if (ratio->p > threshold || fabs(ratio->ratio - 1) < value->least) {
        return COMPARE_SAME;
    }
    return (ratio->ratio > 1) == value->more_is_better ? COMPARE_BETTER : COMPARE_WORSE;
}

static void compare_count(json_t *result, enum compare_verdict verdict)
{
    json_t *counts = json_object_get(result, "verdicts");
    const char *name = compare_verdicts[verdict];

    json_object_set_new(counts, name,
                        json_integer(json_integer_value(json_object_get(counts, name)) + 1));
}

static json_t *compare_value_json(json_t *result, const struct compare_value *value,
                                  struct compare_pair *pair, double threshold)
{
    struct report_name name;
    enum compare_verdict verdict = COMPARE_FEW;

    report_name_path(value->path, &name);

    json_t *out =
        json_pack("{s:s, s:s, s:o, s:o}", "path", value->path, "unit", report_name_unit(name.unit),
                  "before", compare_side_json(pair->before, pair->before_len), "after",
                  compare_side_json(pair->after, pair->after_len));

    if (compare_is_enough(pair)) {
        struct rounds_ratio ratio =
            rounds_compare(pair->before, pair->before_len, pair->after, pair->after_len);
        struct rounds_interval interval = rounds_find_interval(&ratio, threshold);

        verdict = compare_judge(value, &ratio, threshold);
        json_object_set_new(out, "change", json_real(fmin(ratio.ratio - 1, COMPARE_HUGE)));
        json_object_set_new(out, "low", json_real(fmin(interval.low - 1, COMPARE_HUGE)));
        json_object_set_new(out, "high", json_real(fmin(interval.high - 1, COMPARE_HUGE)));
        json_object_set_new(out, "visible",
                            json_real(fmax(fmin(interval.least, COMPARE_HUGE), value->least)));
        json_object_set_new(out, "p", json_real(ratio.p));
        json_object_set_new(out, "rank_p", json_real(ratio.rank_p));
    }
    json_object_set_new(out, "verdict", json_string(compare_verdicts[verdict]));
    compare_count(result, verdict);
    return out;
}

static double compare_sum(json_t *group, const char *path)
{
    double values[DOCUMENT_ROUNDS_MAX];
    size_t len = document_collect(group, path, values);
    double sum = 0;

    for (size_t i = 0; i < len; i++) {
        sum += values[i];
    }
    return sum;
}

/* Errors are no noise: the first one counts. */
static json_t *compare_errors_json(json_t *result, json_t *before, json_t *after)
{
    double old = compare_sum(before, "result.errors_total");
    double new = compare_sum(after, "result.errors_total");
    enum compare_verdict verdict = old <= 0 && new > 0   ? COMPARE_WORSE
                                   : old > 0 && new <= 0 ? COMPARE_BETTER
                                                         : COMPARE_SAME;

    if (old <= 0 && new <= 0) {
        return NULL;
    }
    compare_count(result, verdict);
    return json_pack("{s:s, s:s, s:{s:f, s:f, s:i}, s:{s:f, s:f, s:i}, s:s}", "path",
                     "result.errors_total", "unit", "count", "before", "median", old, "spread", 0.0,
                     "rounds", 1, "after", "median", new, "spread", 0.0, "rounds", 1, "verdict",
                     compare_verdicts[verdict]);
}

static json_t *compare_step_json(json_t *result, json_t *before, json_t *after, double threshold)
{
    json_t *values = json_array();
    json_t *errors = compare_errors_json(result, before, after);

    for (size_t i = 0; i < ARRAY_LEN(compare_values); i++) {
        struct compare_pair pair;

        if (compare_collect(before, after, &compare_values[i], &pair)) {
            json_array_append_new(values,
                                  compare_value_json(result, &compare_values[i], &pair, threshold));
        }
    }
    if (errors != NULL) {
        json_array_append_new(values, errors);
    }
    return json_pack("{s:O, s:o}", "id", json_object_get(json_array_get(before, 0), "id"), "values",
                     values);
}

/* What makes a comparison doubtful. */

static void compare_doubt_texts(json_t *doubts, json_t *before, json_t *after)
{
    static const struct {
        const char *path;
        const char *what;
    } same[] = {
        {"scenario.name", "Different scenarios"}, {"scenario.form", "Different forms"},
        {"machine.cpu", "Different machines"},    {"machine.kernel", "Different kernels"},
        {"generator", "Different generators"},
    };

    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        const char *old = document_find_text(before, same[i].path, "unknown");
        const char *new = document_find_text(after, same[i].path, "unknown");

        if (strcmp(old, new) != 0) {
            json_array_append_new(doubts, json_sprintf("%s: %s and %s.", same[i].what, old, new));
        }
    }
    if (document_find_number(before, "machine.cores", 0) !=
        document_find_number(after, "machine.cores", 0)) {
        json_array_append_new(doubts, json_string("Different machines: not as many cores."));
    }
    if (document_find_number(before, "scenario.seed", 0) !=
        document_find_number(after, "scenario.seed", 0)) {
        json_array_append_new(doubts,
                              json_string("Different seeds: the bodies were not the same."));
    }
}

/* When the rounds of a document began: false when it does not say. */
static bool compare_find_time(json_t *document, double *out_from, double *out_to)
{
    json_t *step = NULL;
    size_t index = 0;

    *out_from = INFINITY;
    *out_to = -INFINITY;
    json_array_foreach(json_object_get(document, "steps"), index, step)
    {
        double started = document_find_number(step, "started", 0);

        *out_from = started > 0 ? fmin(*out_from, started) : *out_from;
        *out_to = fmax(*out_to, started);
    }
    return isfinite(*out_from);
}

static void compare_doubt_turns(json_t *doubts, json_t *before, json_t *after)
{
    double old[2];
    double new[2];

    if (!compare_find_time(before, &old[0], &old[1]) ||
        !compare_find_time(after, &new[0], &new[1])) {
        json_array_append_new(
            doubts, json_string("It is not known whether the two were measured in turn."));
    } else if (old[1] < new[0] || new[1] < old[0]) {
        json_array_append_new(
            doubts, json_string("Not measured in turn but one after the other: what changed on the "
                                "machine in between counts as a difference of the servers."));
    }
}

static bool compare_is_bound(json_t *group)
{
    json_t *step = NULL;
    size_t index = 0;

    json_array_foreach(group, index, step)
    {
        const char *limit = document_find_text(step, "result.limit", "");

        if (strcmp(limit, "generator") == 0 || strcmp(limit, "both") == 0) {
            return true;
        }
    }
    return false;
}

static void compare_doubt_limits(json_t *doubts, json_t *before, json_t *after, json_t *groups[2])
{
    size_t bound = 0;

    for (size_t side = 0; side < 2; side++) {
        json_t *group = NULL;
        size_t index = 0;

        json_array_foreach(groups[side], index, group)
        {
            bound += compare_is_bound(group) ? 1 : 0;
        }
    }
    if (bound > 0) {
        json_array_append_new(
            doubts, json_sprintf("In %zu steps the generator was at its limit: their rates say "
                                 "little of the server; its CPU a request does.",
                                 bound));
    }
    if (document_find_number(before, "machine.other_load", 0) > COMPARE_OTHER_LOAD ||
        document_find_number(after, "machine.other_load", 0) > COMPARE_OTHER_LOAD) {
        json_array_append_new(doubts, json_string("Other work took more than 5 % of the machine."));
    }
}

/* The ids of groups that the other side does not have. */
static json_t *compare_alone(json_t *groups, json_t *others)
{
    json_t *alone = json_array();
    json_t *group = NULL;
    size_t index = 0;

    json_array_foreach(groups, index, group)
    {
        json_t *id = json_object_get(json_array_get(group, 0), "id");

        if (compare_find_group(others, json_string_value(id)) == NULL) {
            json_array_append(alone, id);
        }
    }
    return alone;
}

static json_t *compare_head_json(json_t *document)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "server",
                     document_find_text(document, "server.service", "unknown server"), "made",
                     document_find_text(document, "made", ""), "scenario",
                     document_find_text(document, "scenario.name", ""), "form",
                     document_find_text(document, "scenario.form", ""));
}

static json_t *compare_json(json_t *before, json_t *after)
{
    json_t *groups[2] = {document_group(before), document_group(after)};
    size_t tests = 0;
    double threshold = compare_find_threshold(groups[0], groups[1], &tests);
    json_t *doubts = json_array();
    json_t *steps = json_array();
    json_t *result = json_pack("{s:s, s:o, s:o, s:f, s:I, s:f, s:o, s:o, s:o, s:o, s:{}}", "format",
                               "baleen-bench-compare/1", "before", compare_head_json(before),
                               "after", compare_head_json(after), "confidence", 1 - COMPARE_ALPHA,
                               "tests", (json_int_t)tests, "threshold", threshold, "doubts", doubts,
                               "only_before", compare_alone(groups[0], groups[1]), "only_after",
                               compare_alone(groups[1], groups[0]), "steps", steps, "verdicts");
    json_t *group = NULL;
    size_t index = 0;

    for (size_t i = 0; i < COMPARE_VERDICTS; i++) {
        json_object_set_new(json_object_get(result, "verdicts"), compare_verdicts[i],
                            json_integer(0));
    }
    compare_doubt_texts(doubts, before, after);
    compare_doubt_turns(doubts, before, after);
    compare_doubt_limits(doubts, before, after, groups);
    json_array_foreach(groups[0], index, group)
    {
        json_t *other =
            compare_find_group(groups[1], document_find_text(json_array_get(group, 0), "id", ""));

        if (other != NULL) {
            json_array_append_new(steps, compare_step_json(result, group, other, threshold));
        }
    }
    json_decref(groups[0]);
    json_decref(groups[1]);
    return result;
}

/* Told as text. */

/* Names that servers choose reach a terminal: no control character of them may steer it, neither
 * those of ASCII nor U+0080 to U+009F. */
static void compare_print_safe(FILE *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f) {
            fputc('?', out);
            c++;
        } else {
            fputc(*c < 0x20 || *c == 0x7f ? '?' : *c, out);
        }
    }
}

static void compare_print_head(FILE *out, json_t *result)
{
    static const char *const sides[] = {"before", "after"};
    json_t *doubt = NULL;
    size_t index = 0;

    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        json_t *head = json_object_get(result, sides[i]);

        fprintf(out, "%-7s ", sides[i]);
        compare_print_safe(out, document_find_text(head, "server", ""));
        fputs(", ", out);
        compare_print_safe(out, document_find_text(head, "scenario", ""));
        fputs(" (", out);
        compare_print_safe(out, document_find_text(head, "form", ""));
        fputs("), made ", out);
        compare_print_safe(out, document_find_text(head, "made", ""));
        fputc('\n', out);
    }
    json_array_foreach(json_object_get(result, "doubts"), index, doubt)
    {
        fputs("CAREFUL ", out);
        compare_print_safe(out, json_string_value(doubt));
        fputc('\n', out);
    }
}

static void compare_print_side(FILE *out, json_t *side, double divisor)
{
    double value = document_find_number(side, "median", 0) / divisor;
    char median[REPORT_NUMBER_CAP];
    char spread[REPORT_NUMBER_CAP];
    char cell[COMPARE_CELL_CAP];

    report_name_number(value, median, sizeof(median));
    report_name_spread(value, document_find_number(side, "spread", 0) / divisor, spread,
                       sizeof(spread));
    if (document_find_number(side, "rounds", 1) > 1) {
        snprintf(cell, sizeof(cell), "%s (%s)", median, spread);
    } else {
        snprintf(cell, sizeof(cell), "%s", median);
    }
    fprintf(out, " %16s", cell);
}

/* Percents of more than a hundred are hard to read. */
static void compare_write_change(double change, char *out, size_t out_cap)
{
    if (change < 1) {
        snprintf(out, out_cap, "%.1f %%", change * 100);
    } else {
        snprintf(out, out_cap, "a factor of %.3g", 1 + change);
    }
}

static void compare_print_value(FILE *out, json_t *value)
{
    const char *path = document_find_text(value, "path", "");
    const char *verdict = document_find_text(value, "verdict", "");
    char text[COMPARE_CELL_CAP];
    struct report_name name;

    report_name_path(path, &name);

    struct report_scale scale =
        report_name_scale(name.unit, document_find_number(value, "before.median", 0));

    report_name_column(path, scale, text, sizeof(text));
    fprintf(out, "  %-19s", text);
    compare_print_side(out, json_object_get(value, "before"), scale.divisor);
    compare_print_side(out, json_object_get(value, "after"), scale.divisor);
    if (json_object_get(value, "change") != NULL) {
        snprintf(text, sizeof(text), "(%+.1f to %+.1f)",
                 document_find_number(value, "low", 0) * 100,
                 document_find_number(value, "high", 0) * 100);
        fprintf(out, " %+7.1f %% %-18s %s", document_find_number(value, "change", 0) * 100, text,
                verdict);
        if (strcmp(verdict, compare_verdicts[COMPARE_SAME]) == 0) {
            compare_write_change(document_find_number(value, "visible", 0), text, sizeof(text));
            fprintf(out, " (under %s could not be seen)", text);
        }
    } else {
        fprintf(out, " %9s %-18s %s", "", "", verdict);
    }
    fputc('\n', out);
}

static void compare_print_alone(FILE *out, json_t *ids, const char *side)
{
    json_t *id = NULL;
    size_t index = 0;

    json_array_foreach(ids, index, id)
    {
        fprintf(out, "only %s: ", side);
        compare_print_safe(out, json_string_value(id));
        fputc('\n', out);
    }
}

/* The values of all steps. */
static json_t *compare_flatten(json_t *result)
{
    json_t *values = json_array();
    json_t *step = NULL;
    size_t index = 0;

    json_array_foreach(json_object_get(result, "steps"), index, step)
    {
        json_array_extend(values, json_object_get(step, "values"));
    }
    return values;
}

/* The least and the most rounds of a side. Errors are sums, not rounds. */
static void compare_find_rounds(json_t *values, double *out_least, double *out_most)
{
    json_t *value = NULL;
    size_t index = 0;

    *out_least = INFINITY;
    *out_most = 0;
    json_array_foreach(values, index, value)
    {
        double before = document_find_number(value, "before.rounds", 0);
        double after = document_find_number(value, "after.rounds", 0);

        if (strcmp(document_find_text(value, "path", ""), "result.errors_total") != 0) {
            *out_least = fmin(*out_least, fmin(before, after));
            *out_most = fmax(*out_most, fmax(before, after));
        }
    }
}

/* The median over the steps of the smallest change of a value that would have been seen; 0 when
 * there is none. */
static double compare_find_visible(json_t *values, const char *path)
{
    double visible[DOCUMENT_ROUNDS_MAX];
    json_t *value = NULL;
    size_t index = 0;
    size_t len = 0;

    json_array_foreach(values, index, value)
    {
        if (len < DOCUMENT_ROUNDS_MAX && json_object_get(value, "visible") != NULL &&
            strcmp(document_find_text(value, "path", ""), path) == 0) {
            visible[len++] = document_find_number(value, "visible", 0);
        }
    }
    return document_median(visible, len).median;
}

static void compare_print_visible(FILE *out, json_t *values)
{
    const char *comma = "";

    for (size_t i = 0; i < ARRAY_LEN(compare_values); i++) {
        double visible = compare_find_visible(values, compare_values[i].path);
        char name[REPORT_LABEL_CAP];
        char change[REPORT_NUMBER_CAP];

        if (visible > 0) {
            report_name_column(compare_values[i].path, (struct report_scale){1, ""}, name,
                               sizeof(name));
            compare_write_change(visible, change, sizeof(change));
            fprintf(out, "%s %s (%s)", comma, change, name[0] != '\0' ? name : "rate");
            comma = ",";
        }
    }
}

/* What so few rounds can show at all. */
static void compare_print_power(FILE *out, json_t *result)
{
    char rounds[COMPARE_CELL_CAP];
    json_t *values = compare_flatten(result);
    double least = 0;
    double most = 0;

    compare_find_rounds(values, &least, &most);
    if (least < most) {
        snprintf(rounds, sizeof(rounds), "%.0f to %.0f rounds", least, most);
    } else {
        snprintf(rounds, sizeof(rounds), "%.0f round%s", least, least > 1 ? "s" : "");
    }
    if (most > 0 && document_find_number(result, "tests", 0) < 1) {
        fprintf(out, "%s a side cannot show any difference: %d are the least, 7 are better.\n",
                rounds, ROUNDS_MIN);
    } else if (most > 0) {
        fprintf(out, "%s a side cannot show a difference under", rounds);
        compare_print_visible(out, values);
        fputs("; medians over the steps.\n", out);
    }
    json_decref(values);
}

static void compare_print_text(FILE *out, json_t *result)
{
    json_t *verdicts = json_object_get(result, "verdicts");
    json_t *step = NULL;
    json_t *value = NULL;
    size_t index = 0;
    size_t at = 0;

    compare_print_head(out, result);
    json_array_foreach(json_object_get(result, "steps"), index, step)
    {
        fputc('\n', out);
        compare_print_safe(out, document_find_text(step, "id", ""));
        fputc('\n', out);
        json_array_foreach(json_object_get(step, "values"), at, value)
        {
            compare_print_value(out, value);
        }
    }
    fputc('\n', out);
    compare_print_alone(out, json_object_get(result, "only_before"), "before");
    compare_print_alone(out, json_object_get(result, "only_after"), "after");
    if (json_array_size(json_object_get(result, "steps")) == 0) {
        fputs("No step of one is in the other: nothing was compared.\n", out);
        return;
    }
    compare_print_power(out, result);
    for (size_t i = 0; i < COMPARE_VERDICTS; i++) {
        double count = document_find_number(verdicts, compare_verdicts[i], 0);

        if (i < COMPARE_FEW || count > 0) {
            fprintf(out, "%s%s: %.0f", i > 0 ? ", " : "", compare_verdicts[i], count);
        }
    }
    fputs(".\n", out);
}

enum report_result report_compare(json_t *before, json_t *after, FILE *out, bool as_json)
{
    json_t *result = compare_json(before, after);
    bool has_common = json_array_size(json_object_get(result, "steps")) > 0;
    bool has_worse = document_find_number(result, "verdicts.worse", 0) > 0;

    if (as_json) {
        json_dumpf(result, out, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
        fputc('\n', out);
    } else {
        compare_print_text(out, result);
    }
    json_decref(result);
    return !has_common ? REPORT_NOTHING_COMMON
           : has_worse ? REPORT_SOMETHING_WORSE
                       : REPORT_NOTHING_WORSE;
}
