/* SPDX-License-Identifier: MIT */
#include "bench/load/load_result.h"
#include "bench/load/load_schedule.h"
#include "bench/load/load_timeline.h"
#include "bench/load/load_timer.h"
#include "bench/load/load_value.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>

Test(load_timer, fires_in_order_and_never_early)
{
    enum {
        COUNT = 500
    };
    static struct load_timer timers[COUNT];
    struct load_timers heap;
    struct load_random random = {7};
    uint64_t last_ns = 0;
    size_t fired = 0;

    cr_assert(load_timers_init(&heap, COUNT));
    cr_assert_eq(load_timers_next_ns(&heap), LOAD_TIMER_NEVER);
    /* Each is moved a few times, to and fro, and some are cleared. */
    for (size_t i = 0; i < COUNT * 8; i++) {
        load_timer_set(&heap, &timers[i % COUNT], load_random_below(&random, 100000) + 1);
    }
    for (size_t i = 0; i < COUNT; i += 5) {
        load_timer_set(&heap, &timers[i], LOAD_TIMER_NEVER);
    }
    for (uint64_t now_ns = 0; now_ns <= 100000; now_ns += 50) {
        struct load_timer *timer = load_timers_pop(&heap, now_ns);

        while (timer != NULL) {
            cr_assert_leq(timer->due_ns, now_ns);
            cr_assert_gt(timer->due_ns, last_ns);
            fired++;
            timer = load_timers_pop(&heap, now_ns);
        }
        cr_assert_gt(load_timers_next_ns(&heap), now_ns);
        last_ns = now_ns;
    }
    cr_assert_eq(fired, COUNT - COUNT / 5);
    cr_assert_eq(heap.len, 0);
    load_timers_fini(&heap);
}

/* Arrivals of all threads of one schedule before `until_sec`, sorted. */
static size_t collect_arrivals(const struct load_spec *spec, double until_sec, double *out,
                               size_t cap)
{
    size_t len = 0;

    for (unsigned thread = 0; thread < spec->threads; thread++) {
        struct load_schedule schedule;

        load_schedule_init(&schedule, spec, thread, NS_PER_SEC);
        while (schedule.next_ns < NS_PER_SEC + (uint64_t)(until_sec * (double)NS_PER_SEC)) {
            cr_assert_lt(len, cap);
            out[len++] = (double)(schedule.next_ns - NS_PER_SEC) / (double)NS_PER_SEC;
            load_schedule_advance(&schedule);
        }
    }
    return len;
}

static int compare_doubles(const void *left, const void *right)
{
    const double *a = left;
    const double *b = right;
    return (*a > *b) - (*a < *b);
}

static struct load_spec make_stages(enum load_pace pace, unsigned threads)
{
    struct load_spec spec;

    load_spec_init(&spec);
    spec.pace = pace;
    spec.threads = threads;
    cr_assert(load_value_stages("1000x2s,0x500ms,4kx1", &spec));
    return spec;
}

Test(load_schedule, keeps_a_fixed_distance_over_all_threads)
{
    static double at[8000];
    struct load_spec spec = make_stages(LOAD_FIXED, 3);
    size_t len = collect_arrivals(&spec, 10, at, ARRAY_LEN(at));

    qsort(at, len, sizeof(at[0]), compare_doubles);
    cr_assert_eq(len, 6000);
    for (size_t i = 1; i < 2000; i++) {
        cr_assert_float_eq(at[i] - at[i - 1], 0.001, 1e-6, "%zu", i);
    }
    cr_assert_geq(at[2000], 2.5);
    for (size_t i = 2001; i < len; i++) {
        cr_assert_float_eq(at[i] - at[i - 1], 0.00025, 1e-6, "%zu", i);
    }
    cr_assert_lt(at[len - 1], 3.5);
}

Test(load_schedule, draws_random_arrivals_of_the_right_number_and_spread)
{
    static double at[8000];
    struct load_spec spec = make_stages(LOAD_POISSON, 4);
    size_t len = collect_arrivals(&spec, 2, at, ARRAY_LEN(at));
    size_t longer = 0;

    /* Four standard deviations around 2,000. */
    cr_assert_geq(len, 1820);
    cr_assert_leq(len, 2180);
    qsort(at, len, sizeof(at[0]), compare_doubles);
    for (size_t i = 1; i < len; i++) {
        longer += at[i] - at[i - 1] > 0.001;
    }
    /* Gaps of an exponential distribution: 1/e of them are longer than the mean. */
    cr_assert_float_eq((double)longer / (double)len, exp(-1), 0.05);
}

Test(load_schedule, goes_on_without_an_end_in_the_warm_up)
{
    struct load_spec spec = make_stages(LOAD_FIXED, 1);
    struct load_schedule schedule;

    load_schedule_init_endless(&schedule, &spec, 0, 0);
    for (size_t i = 0; i < 10000; i++) {
        load_schedule_advance(&schedule);
    }
    cr_assert_float_eq((double)schedule.next_ns, 10.0005e9, 1e3);
    spec.stages[0].rate = 0;
    load_schedule_init_endless(&schedule, &spec, 0, 0);
    cr_assert_eq(schedule.next_ns, UINT64_MAX);
}

Test(load_timeline, gets_wider_instead_of_longer_and_loses_nothing)
{
    struct load_timeline line;
    struct load_timeline other;
    struct load_result result;
    struct load_spec spec;
    uint64_t right = 0;

    load_spec_init(&spec);
    cr_assert(load_result_init(&result));
    cr_assert(load_timeline_init(&line, 0.001));
    cr_assert(load_timeline_init(&other, 0.001));
    for (uint64_t ms = 0; ms < 9000; ms++) {
        load_slot_add(load_timeline_at(&line, ms * NS_PER_MS), 1000 * (ms + 1));
    }
    load_timeline_at(&other, 100 * NS_PER_MS)->errors = 3;
    load_slot_add(load_timeline_at(&other, 100 * NS_PER_MS), NS_PER_SEC);
    load_timeline_merge(&line, &other);
    cr_assert(load_timeline_finish(&line, &spec, &result));
    cr_assert_leq(result.intervals_len, LOAD_SLOTS_MAX);
    cr_assert_eq(result.intervals_len, 1125);
    cr_assert_float_eq(result.interval_sec, 0.008, 1e-9);
    for (size_t i = 0; i < result.intervals_len; i++) {
        const struct load_interval *interval = &result.intervals[i];
        double longest = (double)(i + 1) * 8000;

        cr_assert_float_eq(interval->at_sec, (double)i * 0.008, 1e-9);
        if (i != 12) {
            cr_assert_eq(interval->max_ns, (uint64_t)longest);
            cr_assert_float_eq((double)interval->p99_ns, longest, longest * 0.04);
            cr_assert_eq(interval->errors, 0);
        }
        right += interval->right;
    }
    cr_assert_eq(result.intervals[12].errors, 3);
    cr_assert_eq(result.intervals[12].max_ns, NS_PER_SEC);
    cr_assert_eq(right, 9001);
    load_timeline_fini(&line);
    load_timeline_fini(&other);
    load_result_free(&result);
}

Test(load_value, reads_what_people_write)
{
    uint64_t size = 0;
    double number = 0;
    unsigned expect = 0;
    struct load_spec spec;

    load_spec_init(&spec);
    cr_assert(load_value_size("10k", 0, MIB(1), &size) && size == 10240);
    cr_assert(load_value_size("1M", 0, MIB(1), &size) && size == MIB(1));
    cr_assert(load_value_size("0", 0, 5, &size) && size == 0);
    cr_assert(load_value_seconds("250ms", &number) && fabs(number - 0.25) < 1e-12);
    cr_assert(load_value_seconds("5m", &number) && number == 300);
    cr_assert(load_value_share("1%", &number) && fabs(number - 0.01) < 1e-12);
    cr_assert(load_value_rate("2.5k", &number) && number == 2500);
    cr_assert(load_value_expect("204, found", &expect));
    cr_assert_eq(expect, LOAD_EXPECT_204 | LOAD_EXPECT_FOUND);
    cr_assert(load_value_method("filemod", &spec.method) && spec.method == LOAD_FILEMOD);
    cr_assert(load_value_cpus("3,0", &spec) && spec.cpus_len == 2 && spec.cpus[0] == 3);
    cr_assert(load_value_stages("10x1,20x500ms", &spec) && spec.stages_len == 2);
    spec.pace = LOAD_FIXED;
    cr_assert_float_eq(load_spec_seconds(&spec), 1.5, 1e-12);
    cr_assert_eq(load_spec_rate(&spec, 1.2), 20);
    cr_assert_eq(load_spec_rate(&spec, 1.6), 0);
}

Test(load_value, refuses_what_it_does_not_understand)
{
    static const char *const numbers[] = {"", "k", "-1", "1x", "1kk", "20000000000000000000", "2m"};
    static const char *const times[] = {"", "s", "-1s", "1 s", "1d", "nan", "1e9"};
    static const char *const stages[] = {"", "10", "10x", "x5s", "10x1,", "10x1,,5x1", "-1x5"};
    struct load_spec spec;
    uint64_t size = 0;
    double number = 0;
    unsigned expect = 0;

    load_spec_init(&spec);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        cr_assert_not(load_value_size(numbers[i], 0, MIB(1), &size), "%s", numbers[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        cr_assert_not(load_value_seconds(times[i], &number), "%s", times[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
        cr_assert_not(load_value_stages(stages[i], &spec), "%s", stages[i]);
    }
    cr_assert_not(load_value_share("101%", &number));
    cr_assert_not(load_value_expect("200,", &expect));
    cr_assert_not(load_value_expect("404", &expect));
    cr_assert_not(load_value_pids("0", &spec));
    cr_assert_not(load_value_cpus("1,", &spec));
    cr_assert_eq(spec.stages_len, 0);
}

Test(load_spec, finds_the_server)
{
    static const struct {
        const char *text;
        const char *host;
        unsigned port;
        bool tls;
    } targets[] = {
        {"127.0.0.1:99", "127.0.0.1:99", 99, false},
        {"127.0.0.1", "127.0.0.1", 1344, false},
        {"icaps://127.0.0.1", "127.0.0.1", 11344, true},
        {"icap://127.0.0.1:5", "127.0.0.1:5", 5, false},
    };
    static const char *const broken[] = {"", ":1", "[::1", "[::1]1", "127.0.0.1:x", "a b"};
    struct load_spec spec;
    char why[256];

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        load_spec_init(&spec);
        cr_assert(load_spec_set_target(&spec, targets[i].text, why, sizeof(why)), "%s", why);
        const struct sockaddr_in *addr = (const struct sockaddr_in *)&spec.addr;

        cr_assert_eq(addr->sin_family, AF_INET);
        cr_assert_eq(ntohs(addr->sin_port), targets[i].port);
        cr_assert_str_eq(spec.host, targets[i].host);
        cr_assert_eq(spec.tls, targets[i].tls);
    }
    cr_assert(load_spec_set_target(&spec, "[::1]:7", why, sizeof(why)), "%s", why);
    cr_assert_eq(spec.addr.ss_family, AF_INET6);
    cr_assert_str_eq(spec.host, "[::1]:7");
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        cr_assert_not(load_spec_set_target(&spec, broken[i], why, sizeof(why)), "%s", broken[i]);
    }
}

Test(load_result, says_who_was_at_its_limit)
{
    static const struct {
        bool has_server;
        double server;
        double own;
        const char *limit;
    } cases[] = {
        {true, 0.99, 0.5, "server"}, {true, 0.99, 0.99, "both"},    {true, 0.5, 0.96, "generator"},
        {true, 0.5, 0.5, "neither"}, {false, 0, 0.99, "generator"}, {false, 0, 0.5, "unknown"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct load_result result = {
            .seconds = 2,
            .has_server = cases[i].has_server,
            .server_cpu_sec = 2 * cases[i].server,
            .own_busiest = cases[i].own,
        };
        cr_assert_str_eq(load_result_limit(&result), cases[i].limit);
    }
}

Test(load_result, is_merged_and_told_as_json)
{
    struct load_result sum;
    struct load_result part;

    cr_assert(load_result_init(&sum));
    cr_assert(load_result_init(&part));
    part.requests = 10;
    part.codes[204] = 9;
    part.codes[506] = 1;
    part.errors[LOAD_ERROR_EOF] = 2;
    part.errors_total = 2;
    histogram_add(part.spans[LOAD_SPAN_FULL], 5000);
    load_result_merge(&sum, &part);
    load_result_merge(&sum, &part);
    sum.seconds = 4;
    json_t *json = load_result_json(&sum);
    json_t *full = json_object_get(json_object_get(json, "latency"), "full");

    cr_assert_not_null(json);
    cr_assert_eq(json_integer_value(json_object_get(json, "requests")), 20);
    cr_assert_eq(json_real_value(json_object_get(json, "rate")), 5);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(json, "codes"), "204")), 18);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(json, "errors"), "eof")), 4);
    cr_assert_eq(json_integer_value(json_object_get(full, "count")), 2);
    cr_assert_eq(json_real_value(json_object_get(full, "p99")), 5);
    cr_assert(json_is_null(json_object_get(json, "server")));
    json_decref(json);
    load_result_free(&sum);
    load_result_free(&part);
}
