/* SPDX-License-Identifier: MIT */
#include "base/macro.h"
#include "bench/runner/report.h"
#include "bench/runner/rounds.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum noise {
    NOISE_NORMAL,
    NOISE_BURST, /* One round in eight is disturbed. */
    NOISE_LEVELS /* Two speeds, as of a machine with a changing clock. */
};

struct server {
    double rate_factor;
    enum noise noise;
    size_t steps_len;
    size_t rounds_len;
};

static double draw_even(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

static double draw_noise(uint64_t *state, enum noise noise)
{
    double normal = sqrt(-2 * log(draw_even(state))) * cos(2 * M_PI * draw_even(state));
    double factor = exp(0.02 * normal);

    if (noise == NOISE_BURST && draw_even(state) < 0.125) {
        factor *= 0.6;
    }
    if (noise == NOISE_LEVELS && draw_even(state) < 0.5) {
        factor *= 0.85;
    }
    return factor;
}

static json_t *make_step(uint64_t *state, const struct server *server, size_t number, size_t round)
{
    char id[32];
    double rate = 20000 * server->rate_factor;

    snprintf(id, sizeof(id), "step %zu", number);
    return json_pack(
        "{s:s, s:I, s:I, s:{s:f, s:i, s:{s:{s:I, s:f, s:f, s:f}}, s:{s:f, s:f}}}", "id", id,
        "round", (json_int_t)round, "started", (json_int_t)(1000 + round * 100 + number), "result",
        "rate", rate * draw_noise(state, server->noise), "errors_total", 0, "latency", "full",
        "count", (json_int_t)200000, "p50", 300 * draw_noise(state, server->noise), "p99",
        900 * draw_noise(state, server->noise), "p999", 2000 * draw_noise(state, server->noise),
        "server", "cpu_us", 40 * draw_noise(state, server->noise), "private",
        3e7 * draw_noise(state, server->noise));
}

static json_t *make_document(uint64_t *state, const struct server *server)
{
    json_t *steps = json_array();

    for (size_t round = 1; round <= server->rounds_len; round++) {
        for (size_t i = 0; i < server->steps_len; i++) {
            json_array_append_new(steps, make_step(state, server, i, round));
        }
    }
    return json_pack("{s:s, s:{s:s, s:s}, s:{s:s, s:i}, s:o}", "format", DOCUMENT_FORMAT,
                     "scenario", "name", "test", "form", "short", "machine", "cpu", "some", "cores",
                     2, "steps", steps);
}

/* The comparison as JSON, and what it returned. */
static json_t *compare(json_t *before, json_t *after, enum report_result *out_result)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    *out_result = report_compare(before, after, out, true);
    fclose(out);

    json_t *result = json_loadb(text, len, 0, NULL);

    cr_assert_not_null(result, "%s", text);
    free(text);
    return result;
}

static char *compare_text(json_t *before, json_t *after)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    report_compare(before, after, out, false);
    fclose(out);
    return text;
}

static double count_verdict(json_t *result, const char *verdict)
{
    return json_number_value(json_object_get(json_object_get(result, "verdicts"), verdict));
}

/* The share of comparisons of equal servers that call a difference. */
static double count_alarms(struct server server, size_t trials)
{
    size_t alarms = 0;

    for (size_t seed = 1; seed <= trials; seed++) {
        uint64_t state = seed * 0x9e3779b97f4a7c15ULL;
        json_t *before = make_document(&state, &server);
        json_t *after = make_document(&state, &server);
        enum report_result code;
        json_t *result = compare(before, after, &code);

        alarms += count_verdict(result, "better") + count_verdict(result, "worse") > 0 ? 1 : 0;
        cr_expect_eq(code == REPORT_SOMETHING_WORSE, count_verdict(result, "worse") > 0);
        json_decref(result);
        json_decref(before);
        json_decref(after);
    }
    return (double)alarms / (double)trials;
}

Test(compare, equals_show_no_difference)
{
    static const size_t rounds[] = {3, 4, 5, 6, 7, 10};

    for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
        struct server server = {
            .rate_factor = 1, .noise = NOISE_NORMAL, .steps_len = 4, .rounds_len = rounds[i]};
        double alarms = count_alarms(server, 300);

        cr_expect_leq(alarms, 0.05, "%zu rounds: %.3f", rounds[i], alarms);
    }
}

Test(compare, disturbed_rounds_are_no_difference)
{
    static const size_t rounds[] = {4, 5, 7};

    for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
        struct server server = {
            .rate_factor = 1, .noise = NOISE_BURST, .steps_len = 4, .rounds_len = rounds[i]};
        double alarms = count_alarms(server, 300);

        cr_expect_leq(alarms, 0.05, "%zu rounds: %.3f", rounds[i], alarms);
    }
}

/* Rounds of two levels fall apart by chance; with five a side that is rare enough. */
Test(compare, two_levels_of_speed_are_no_difference)
{
    static const size_t rounds[] = {5, 7};

    for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
        struct server server = {
            .rate_factor = 1, .noise = NOISE_LEVELS, .steps_len = 4, .rounds_len = rounds[i]};
        double alarms = count_alarms(server, 300);

        cr_expect_leq(alarms, 0.05, "%zu rounds: %.3f", rounds[i], alarms);
    }
}

/* The share of trials in which the rate of the one step is called as it is. */
static double count_found(double factor, enum noise noise, size_t rounds_len, const char *verdict)
{
    size_t found = 0;
    size_t trials = 200;

    for (size_t seed = 1; seed <= trials; seed++) {
        uint64_t state = seed * 0xd1342543de82ef95ULL;
        struct server server = {
            .rate_factor = 1, .noise = noise, .steps_len = 1, .rounds_len = rounds_len};
        json_t *before = make_document(&state, &server);

        server.rate_factor = factor;

        json_t *after = make_document(&state, &server);
        enum report_result code;
        json_t *result = compare(before, after, &code);
        json_t *rate = json_array_get(
            json_object_get(json_array_get(json_object_get(result, "steps"), 0), "values"), 0);

        cr_assert_str_eq(document_find_text(rate, "path", ""), "result.rate");
        found += strcmp(document_find_text(rate, "verdict", ""), verdict) == 0 ? 1 : 0;
        json_decref(result);
        json_decref(before);
        json_decref(after);
    }
    return (double)found / (double)trials;
}

Test(compare, finds_what_is_there)
{
    double found = count_found(1.1, NOISE_NORMAL, 7, "better");

    cr_expect_geq(found, 0.95, "%.3f", found);
    found = count_found(0.9, NOISE_NORMAL, 7, "worse");
    cr_expect_geq(found, 0.95, "%.3f", found);
    found = count_found(1.3, NOISE_NORMAL, 3, "better");
    cr_expect_geq(found, 0.9, "%.3f", found);
    found = count_found(1.3, NOISE_BURST, 10, "better");
    cr_expect_geq(found, 0.4, "%.3f", found);
}

Test(compare, a_real_but_tiny_change_is_none)
{
    struct server server = {.rate_factor = 1, .steps_len = 1, .rounds_len = 7};
    uint64_t state = 1;
    json_t *before = make_document(&state, &server);
    json_t *after = json_deep_copy(before);
    size_t index = 0;
    json_t *step = NULL;
    enum report_result code;

    json_array_foreach(json_object_get(before, "steps"), index, step)
    {
        json_object_set_new(json_object_get(step, "result"), "rate", json_real(10000));
    }
    json_array_foreach(json_object_get(after, "steps"), index, step)
    {
        json_object_set_new(json_object_get(step, "result"), "rate", json_real(9950));
    }

    json_t *result = compare(before, after, &code);

    cr_assert_eq(code, REPORT_NOTHING_WORSE);
    cr_assert_eq(count_verdict(result, "worse"), 0);
    json_decref(result);
    json_array_foreach(json_object_get(after, "steps"), index, step)
    {
        json_object_set_new(json_object_get(step, "result"), "rate", json_real(9800));
    }
    result = compare(before, after, &code);
    cr_assert_eq(code, REPORT_SOMETHING_WORSE);
    cr_assert_eq(count_verdict(result, "worse"), 1);
    json_decref(result);
    json_decref(before);
    json_decref(after);
}

Test(compare, a_server_that_answers_nothing_is_worse)
{
    struct server server = {.rate_factor = 1, .steps_len = 1, .rounds_len = 3};
    uint64_t state = 1;
    json_t *before = make_document(&state, &server);
    json_t *after = make_document(&state, &server);
    size_t index = 0;
    json_t *step = NULL;
    enum report_result code;

    json_array_foreach(json_object_get(after, "steps"), index, step)
    {
        json_object_set_new(step, "result",
                            json_pack("{s:f, s:i}", "rate", 0.0, "errors_total", 5));
    }

    json_t *result = compare(before, after, &code);

    cr_assert_eq(code, REPORT_SOMETHING_WORSE);
    cr_assert_eq(count_verdict(result, "worse"), 2, "rate and errors");
    json_decref(result);
    json_decref(before);
    json_decref(after);
}

Test(compare, one_or_two_rounds_are_too_few)
{
    for (size_t rounds_len = 1; rounds_len <= 2; rounds_len++) {
        struct server server = {.rate_factor = 1, .steps_len = 1, .rounds_len = rounds_len};
        uint64_t state = 1;
        json_t *before = make_document(&state, &server);

        server.rate_factor = 3;

        json_t *after = make_document(&state, &server);
        enum report_result code;
        json_t *result = compare(before, after, &code);
        char *text = compare_text(before, after);

        cr_assert_eq(code, REPORT_NOTHING_WORSE);
        cr_assert_eq(count_verdict(result, "too few rounds"), 6);
        cr_assert_not_null(strstr(text, "a side cannot show any difference"), "%s", text);
        free(text);
        json_decref(result);
        json_decref(before);
        json_decref(after);
    }
}

Test(compare, says_what_could_not_be_seen)
{
    struct server server = {.rate_factor = 1, .steps_len = 2, .rounds_len = 3};
    uint64_t state = 5;
    json_t *before = make_document(&state, &server);
    json_t *after = make_document(&state, &server);
    char *text = compare_text(before, after);

    cr_assert_not_null(strstr(text, "3 rounds a side cannot show a difference under "), "%s", text);
    cr_assert_not_null(strstr(text, "no difference: 12, better: 0, worse: 0.\n"), "%s", text);
    free(text);
    json_decref(before);
    json_decref(after);
}

Test(compare, leaves_percentiles_of_few_requests_out)
{
    struct server server = {.rate_factor = 1, .steps_len = 1, .rounds_len = 3};
    uint64_t state = 1;
    json_t *before = make_document(&state, &server);
    json_t *after = make_document(&state, &server);
    size_t index = 0;
    json_t *step = NULL;
    enum report_result code;

    json_array_foreach(json_object_get(after, "steps"), index, step)
    {
        json_object_set_new(document_find(step, "result.latency.full"), "count",
                            json_integer(5000));
    }

    json_t *result = compare(before, after, &code);

    cr_assert_eq(document_find_number(result, "tests", 0), 5, "all but p99.9");
    json_decref(result);
    json_decref(before);
    json_decref(after);
}

Test(compare, names_what_makes_it_doubtful)
{
    static const char *const wanted[] = {
        "CAREFUL Different scenarios: test and ot?her.\n",
        "CAREFUL Different forms: short and long.\n",
        "CAREFUL Different machines: some and another.\n",
        "CAREFUL Different machines: not as many cores.\n",
        "CAREFUL Not measured in turn",
        "CAREFUL In 2 steps the generator was at its limit",
        "only before: step 2\n",
    };
    struct server server = {.rate_factor = 1, .steps_len = 3, .rounds_len = 3};
    uint64_t state = 1;
    json_t *before = make_document(&state, &server);

    server.steps_len = 2;

    json_t *after = make_document(&state, &server);
    size_t index = 0;
    json_t *step = NULL;

    json_array_foreach(json_object_get(after, "steps"), index, step)
    {
        json_object_set_new(step, "started", json_integer(1000000));
        json_object_set_new(json_object_get(step, "result"), "limit", json_string("generator"));
    }
    json_object_set_new(json_object_get(after, "scenario"), "name", json_string("ot\x1bher"));
    json_object_set_new(json_object_get(after, "scenario"), "form", json_string("long"));
    json_object_set_new(after, "machine", json_pack("{s:s, s:i}", "cpu", "another", "cores", 4));

    char *text = compare_text(before, after);

    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        cr_expect_not_null(strstr(text, wanted[i]), "%s\n%s", wanted[i], text);
    }
    free(text);
    json_decref(before);
    json_decref(after);
}

Test(compare, nothing_in_common_is_told)
{
    struct server server = {.rate_factor = 1, .steps_len = 1, .rounds_len = 3};
    uint64_t state = 1;
    json_t *before = make_document(&state, &server);
    json_t *after = make_document(&state, &server);
    size_t index = 0;
    json_t *step = NULL;
    enum report_result code;

    json_array_foreach(json_object_get(after, "steps"), index, step)
    {
        json_object_set_new(step, "id", json_string("another"));
    }
    json_decref(compare(before, after, &code));
    cr_assert_eq(code, REPORT_NOTHING_COMMON);
    json_decref(before);
    json_decref(after);
}

Test(rounds, student_is_as_tabulated)
{
    /* Tail, degrees of freedom, value: from the usual tables. */
    static const struct {
        double tail;
        double freedom;
        double value;
    } cases[] = {
        {0.025, 1, 12.7062}, {0.025, 4, 2.7764},   {0.05, 2, 2.9200},    {0.005, 10, 3.1693},
        {0.0005, 4, 8.6103}, {0.0005, 30, 3.6460}, {0.025, 1e6, 1.9600},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double value = rounds_student(cases[i].tail, cases[i].freedom);

        cr_expect_float_eq(value, cases[i].value, 1e-3, "%zu: %f", i, value);
        cr_expect_float_eq(rounds_student_tail(value, cases[i].freedom), cases[i].tail, 1e-9);
    }
}

Test(rounds, ranks_are_counted_exactly)
{
    static const double low[] = {1, 2, 3, 4, 5};
    static const double high[] = {6, 7, 8, 9, 10};
    static const double mixed[] = {1.5, 2.5, 3.5, 4.5, 5.5};
    static const double same[] = {3, 3, 3, 3, 3};

    cr_expect_float_eq(rounds_rank(low, 3, high, 3), 2.0 / 20, 1e-12);
    cr_expect_float_eq(rounds_rank(low, 4, high, 4), 2.0 / 70, 1e-12);
    cr_expect_float_eq(rounds_rank(low, 5, high, 5), 2.0 / 252, 1e-12);
    cr_expect_float_eq(rounds_rank(high, 5, low, 5), 2.0 / 252, 1e-12);
    cr_expect_float_eq(rounds_rank(low, 3, high, 5), 2.0 / 56, 1e-12);
    cr_expect_float_eq(rounds_rank(same, 5, same, 5), 1, 1e-12);

    /* 15 of 25 pairs in order; 0.6905 in the tables of the test. */
    cr_expect_float_eq(rounds_rank(low, 5, mixed, 5), 0.6905, 1e-4);
}

/* Above the exact range the normal distribution takes over, without a step. */
Test(rounds, many_rounds_agree_with_few)
{
    double before[26];
    double after[26];

    for (size_t i = 0; i < 26; i++) {
        before[i] = (double)(2 * i);
        after[i] = (double)(2 * i + 11);
    }

    double exact = rounds_rank(before, 24, after, 24);
    double normal = rounds_rank(before, 25, after, 25);

    cr_expect_float_eq(exact, normal, 0.02, "%f %f", exact, normal);
}

Test(rounds, thresholds_rise_with_what_is_called)
{
    double none[] = {0.5, 0.02, 0.9, 0.3};
    double some[] = {0.001, 0.6, 0.02, 0.002};
    double all[] = {0.01, 0.02, 0.05, 0.04};

    cr_expect_float_eq(rounds_find_threshold(none, 4, 0.05), 0.0125, 1e-12);
    cr_expect_float_eq(rounds_find_threshold(some, 4, 0.05), 0.0375, 1e-12);
    cr_expect_float_eq(rounds_find_threshold(all, 4, 0.05), 0.05, 1e-12);
}

Test(rounds, one_disturbed_round_hides_nothing)
{
    double before[] = {100, 101, 99, 100.5, 99.5, 100.2, 60};
    double after[] = {110, 111, 109, 110.5, 109.5, 110.2, 110.1};
    struct rounds_ratio ratio = rounds_compare(before, 7, after, 7);

    cr_expect_float_eq(ratio.ratio, 1.1, 0.01);
    cr_expect_leq(ratio.p, 0.001, "%f", ratio.p);

    /* Among the rounds of the other side it makes the ranks doubt, but no more than that. */
    after[0] = 70;
    ratio = rounds_compare(before, 7, after, 7);
    cr_expect_float_eq(ratio.ratio, 1.1, 0.01);
    cr_expect_leq(ratio.p, 0.05, "%f", ratio.p);
}

Test(rounds, equal_values_are_equal)
{
    double before[] = {5, 5, 5};
    double after[] = {5, 5, 5};
    struct rounds_ratio ratio = rounds_compare(before, 3, after, 3);

    cr_expect_eq(ratio.p, 1);
    cr_expect_eq(ratio.ratio, 1);
    after[0] = after[1] = after[2] = 6;
    ratio = rounds_compare(before, 3, after, 3);
    cr_expect_lt(ratio.p, 1e-9);
    cr_expect_float_eq(ratio.ratio, 1.2, 1e-9);
}
