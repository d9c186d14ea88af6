/* SPDX-License-Identifier: MIT */
#include "bench/runner/scenario_store.h"
#include "bench/runner/sweep.h"

#include <criterion/criterion.h>

#include <stdio.h>

TestSuite(scenario, .timeout = 30);

static struct problem problem;

static bool read_text(struct scenario *scenario, const char *text, bool is_long)
{
    problem = (struct problem){.file = "f"};
    return scenario_read(scenario, slice_from_str(text), is_long, &problem);
}

/* That the text is refused with exactly this line. */
static void refused(const char *text, const char *wanted)
{
    struct scenario scenario;

    cr_expect_not(read_text(&scenario, text, false), "%s", text);
    cr_expect_str_eq(problem.text, wanted);
}

static void expand(struct sweep *sweep, struct scenario *scenario, const char *text, bool is_long)
{
    const struct sweep_orders orders = {.scale = 1};

    cr_assert(read_text(scenario, text, is_long), "%s", problem.text);
    cr_assert(sweep_expand(sweep, scenario, &orders, &problem), "%s", problem.text);
}

/* That the scenario reads, but its steps are refused with exactly this line. */
static void steps_refused(const char *text, const char *wanted)
{
    struct scenario scenario;
    struct sweep sweep;
    const struct sweep_orders orders = {.scale = 1};

    cr_assert(read_text(&scenario, text, false), "%s", problem.text);
    cr_expect_not(sweep_expand(&sweep, &scenario, &orders, &problem));
    cr_expect_str_eq(problem.text, wanted);
    scenario_free(&scenario);
}

Test(scenario, shipped_ones_read_and_expand_in_both_forms)
{
    cr_assert_geq(scenario_store_len(), 10u);
    for (size_t i = 0; i < 2 * scenario_store_len(); i++) {
        const struct scenario_store_entry entry = scenario_store_at(i / 2);
        const struct sweep_orders orders = {.scale = 1};
        struct problem why = {.file = entry.name};
        struct scenario scenario;
        struct sweep sweep;

        cr_assert(scenario_read(&scenario, entry.yaml, i % 2 == 1, &why), "%s", why.text);
        cr_expect_str_eq(scenario.name, entry.name);
        cr_expect_gt(strlen(scenario.text), 40u);
        cr_expect_gt(json_array_size(scenario.views), 0u);
        cr_assert(sweep_expand(&sweep, &scenario, &orders, &why), "%s", why.text);
        cr_expect_gt(sweep.steps_len, 0u);
        sweep_free(&sweep);
        scenario_free(&scenario);
    }
}

Test(scenario, short_forms_take_less_than_a_minute)
{
    for (size_t i = 0; i < scenario_store_len(); i++) {
        const struct sweep_orders orders = {.scale = 1};
        struct scenario scenario;
        struct sweep sweep;
        double seconds = 0;

        cr_assert(scenario_read(&scenario, scenario_store_at(i).yaml, false, &problem));
        cr_assert(sweep_expand(&sweep, &scenario, &orders, &problem));
        for (size_t j = 0; j < sweep.steps_len; j++) {
            seconds += step_seconds(&sweep.steps[j]) + sweep.steps[j].spec.warmup_sec;
        }
        cr_expect_leq(seconds * scenario.rounds, i == 0 ? 10 : 60, "%s: %g s", scenario.name,
                      seconds * scenario.rounds);
        sweep_free(&sweep);
        scenario_free(&scenario);
    }
}

Test(scenario, combines_all_axes_and_the_first_turns_slowest)
{
    static const char *const ids[] = {"preview=0 sizes=1k", "preview=0 sizes=10k",
                                      "preview=off sizes=1k", "preview=off sizes=10k"};
    struct scenario scenario;
    struct sweep sweep;

    expand(&sweep, &scenario, "{name: a, sweep: {preview: [0, off], sizes: [1k, 10k]}}", false);
    cr_assert_eq(sweep.steps_len, 4u);
    for (size_t i = 0; i < 4; i++) {
        cr_expect_str_eq(sweep.steps[i].id, ids[i]);
    }
    cr_expect_eq(sweep.steps[1].spec.preview, 0);
    cr_expect_eq(sweep.steps[3].spec.preview, LOAD_NO_PREVIEW);
    cr_expect_str_eq(sweep.steps[3].spec.corpus.sizes, "10k");
    cr_expect_eq(json_integer_value(json_object_get(sweep.steps[3].params, "sizes")), 10240);
    cr_expect_str_eq(json_string_value(json_object_get(sweep.steps[3].params, "preview")), "off");
    sweep_free(&sweep);
    scenario_free(&scenario);
}

Test(scenario, a_value_can_be_a_bundle_of_settings)
{
    struct scenario scenario;
    struct sweep sweep;

    expand(&sweep, &scenario,
           "{name: a, load: {sizes: 5k}, sweep: {kind: [{as: x, sizes: 1k, engine.shards: 3}, "
           "{as: y, method: OPTIONS}]}}",
           false);
    cr_assert_eq(sweep.steps_len, 2u);
    cr_expect_str_eq(sweep.steps[0].spec.corpus.sizes, "1k");
    cr_expect_str_eq(sweep.steps[0].settings[0].key, "shards");
    cr_expect_str_eq(sweep.steps[0].settings[0].value, "3");
    cr_expect_str_eq(json_string_value(json_object_get(sweep.steps[0].params, "kind")), "x");
    cr_expect_eq(sweep.steps[1].settings_len, 0u);
    cr_expect_eq(sweep.steps[1].spec.method, LOAD_OPTIONS);
    cr_expect_str_eq(sweep.steps[1].spec.corpus.sizes, "5k");
    sweep_free(&sweep);
    scenario_free(&scenario);
}

static const char forms[] = "name: a\n"
                            "rounds: 2\n"
                            "load: {duration: 3s, connections: 7}\n"
                            "engine: {icap.preview: 10, shards: 2}\n"
                            "sweep: {engine.admission.queue_threshold: [1, 2, 3], allow: [204]}\n"
                            "long:\n"
                            "  rounds: 5\n"
                            "  load: {duration: 1m}\n"
                            "  engine: {shards: 1}\n"
                            "  sweep: {engine.admission.queue_threshold: [auto]}\n";

Test(scenario, the_long_form_is_laid_over_the_rest)
{
    struct scenario scenario;
    struct sweep sweep;

    expand(&sweep, &scenario, forms, true);
    cr_expect_eq(scenario.rounds, 5u);
    cr_assert_eq(sweep.steps_len, 1u);
    cr_expect_float_eq(sweep.steps[0].spec.duration_sec, 60, 1e-9);
    cr_expect_eq(sweep.steps[0].spec.connections, 7u);
    cr_expect(sweep.steps[0].spec.allow_204);
    cr_assert_eq(sweep.steps[0].settings_len, 3u);
    cr_expect_str_eq(sweep.steps[0].settings[0].value, "10");
    cr_expect_str_eq(sweep.steps[0].settings[1].value, "1");
    cr_expect_str_eq(sweep.steps[0].settings[2].key, "admission.queue_threshold");
    cr_expect_str_eq(sweep.steps[0].id, "admission.queue_threshold=auto allow=204");
    sweep_free(&sweep);
    scenario_free(&scenario);
}

Test(scenario, the_short_form_is_what_stands_at_the_top)
{
    struct scenario scenario;
    struct sweep sweep;

    expand(&sweep, &scenario, forms, false);
    cr_expect_eq(scenario.rounds, 2u);
    cr_expect_eq(sweep.steps_len, 3u);
    cr_expect_float_eq(sweep.steps[0].spec.duration_sec, 3, 1e-9);
    sweep_free(&sweep);
    scenario_free(&scenario);
}

Test(scenario, rates_are_shares_of_the_capacity)
{
    struct scenario scenario;
    struct sweep sweep;

    expand(&sweep, &scenario,
           "{name: a, capacity: {load: {connections: 9}}, load: {pace: fixed, rate: 2x, stages: "
           "[{for: 1s, rate: 0.5x}, {for: 2s}, {for: 250ms, rate: 10}]}}",
           false);
    cr_expect(step_is_relative(&sweep.steps[0]));
    cr_expect_eq(sweep.capacity.spec.pace, LOAD_CLOSED);
    cr_expect_eq(sweep.capacity.spec.connections, 9u);
    cr_expect_eq(sweep.capacity.spec.stages_len, 0u);
    step_resolve(&sweep.steps[0], 1000);
    cr_assert_eq(sweep.steps[0].spec.stages_len, 3u);
    cr_expect_float_eq(sweep.steps[0].spec.stages[0].rate, 500, 1e-9);
    cr_expect_float_eq(sweep.steps[0].spec.stages[1].rate, 2000, 1e-9);
    cr_expect_float_eq(sweep.steps[0].spec.stages[2].rate, 10, 1e-9);
    cr_expect_float_eq(step_seconds(&sweep.steps[0]), 3.25, 1e-9);
    sweep_free(&sweep);
    scenario_free(&scenario);
}

Test(scenario, a_scale_shortens_times_but_no_time_out)
{
    const struct sweep_orders orders = {.scale = 0.1};
    struct scenario scenario;
    struct sweep sweep;

    cr_assert(read_text(&scenario,
                        "{name: a, load: {duration: 10s, warmup: 2s, timeout: 7s, pace: fixed, "
                        "rate: 5, stages: [{for: 4s}]}}",
                        false),
              "%s", problem.text);
    cr_assert(sweep_expand(&sweep, &scenario, &orders, &problem));
    cr_expect_float_eq(sweep.steps[0].spec.duration_sec, 1, 1e-9);
    cr_expect_float_eq(sweep.steps[0].spec.warmup_sec, 0.2, 1e-9);
    cr_expect_float_eq(sweep.steps[0].spec.stages[0].sec, 0.4, 1e-9);
    cr_expect_float_eq(sweep.steps[0].spec.timeout_sec, 7, 1e-9);
    sweep_free(&sweep);
    scenario_free(&scenario);
}

Test(scenario, orders_of_the_command_line_win)
{
    struct scenario scenario;
    struct sweep sweep;

    cr_assert(read_text(&scenario, "{name: a, sweep: {preview: [1, 2]}}", false));
    struct tree_node *load = tree_read_value(&scenario.tree, "", "{}", &problem);
    struct tree_node *engine = tree_read_value(&scenario.tree, "", "{}", &problem);

    tree_append(load, tree_read_value(&scenario.tree, "expect", "[200, 204]", &problem));
    tree_append(load, tree_read_value(&scenario.tree, "preview", "64", &problem));
    tree_append(engine, tree_read_value(&scenario.tree, "shards", "1", &problem));
    const struct sweep_orders orders = {.load = load, .engine = engine, .scale = 1};

    cr_assert(sweep_expand(&sweep, &scenario, &orders, &problem), "%s", problem.text);
    cr_expect_eq(sweep.steps[1].spec.preview, 64);
    cr_expect_eq(sweep.steps[1].spec.expect, LOAD_EXPECT_200 | LOAD_EXPECT_204);
    cr_expect_str_eq(sweep.steps[1].settings[0].key, "shards");
    sweep_free(&sweep);
    scenario_free(&scenario);
}

Test(scenario, knows_what_needs_an_engine_of_our_own)
{
    static const struct {
        const char *text;
        const char *needs;
    } cases[] = {
        {"{name: a}", NULL},
        {"{name: a, engine: {shards: 1}}", "engine"},
        {"{name: a, engine: {optional: true, shards: 1}}", NULL},
        {"{name: a, sweep: {engine.shards: [1, 2]}}", "engine.shards"},
        {"{name: a, events: [{at: 1s, do: swap}]}", "swap"},
        {"{name: a, events: [{at: 1s, do: kill-shard, optional: true}]}", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct scenario scenario;

        cr_assert(read_text(&scenario, cases[i].text, false), "%s", problem.text);
        const char *needs = scenario_needs_engine(&scenario);

        cr_expect_eq(needs == NULL, cases[i].needs == NULL, "%s", cases[i].text);
        if (needs != NULL && cases[i].needs != NULL) {
            cr_expect_str_eq(needs, cases[i].needs);
        }
        scenario_free(&scenario);
    }
}

Test(scenario, refuses_what_is_no_yaml)
{
    refused("", "f: nothing is in it");
    refused("a", "f:1: not a map of names and values");
    refused("{name: [", "f:2: not YAML: did not find expected node content");
    refused("name: a\n---\nname: b\n", "f:2: a second document is not allowed");
    refused("name: &x a", "f:1: anchors, aliases (*) and tags (!) are not allowed; quote a text "
                          "that starts with one of & * !");
    refused("name: a\nname: b", "f:2: name: given twice, first in line 1");
    refused("a: {b: {c: {d: {e: {f: {g: {h: {i: j}}}}}}}}", "f:1: more than 8 levels");
}

Test(scenario, refuses_with_file_line_name_and_what_is_allowed)
{
    refused("title: x", "f:1: scenario: `name` is missing");
    refused("name: a\nbogus: 1", "f:2: 'bogus' is not one of rounds, load, engine, sweep, "
                                 "capacity, events, tolerate, name, title, text, derive, goals, "
                                 "notes, views, short, long, fresh");
    refused("name: a\nrounds: 0", "f:2: rounds: '0' is not a number from 1 to 100");
    refused("name: a\nload:\n  previeww: 1",
            "f:3: load.previeww: no such setting; did you mean preview?");
    refused("name: a\nload: {preview: many}",
            "f:2: load.preview: 'many' is not off or a number of bytes");
    refused("name: a\nload: {connections: 0}",
            "f:2: load.connections: '0' is not a number from 1 to 1000000");
    refused("name: a\nload: {duration: 3 days}",
            "f:2: load.duration: '3 days' is not a time like 250ms, 2s or 5m from 0.01s to "
            "604800s");
    refused("name: a\nload: {method: PUT}",
            "f:2: load.method: 'PUT' is not one of OPTIONS, REQMOD, RESPMOD, FILEMOD, BARE");
    refused("name: a\nload: {allow: [204, 300]}",
            "f:2: load.allow: a list is not one or a list of none, 204, 206");
    refused("name: a\nload: {stages: [{for: 1s, at: 3}]}", "f:2: stages: 'at' is not for or rate");
    refused("name: a\nload: {service: avscan}", "f:2: load.service: 'avscan' is not a text");
    refused("name: a\nengine: {icap.preview: x}",
            "f:2: engine.icap.preview: 'x' is not a size in bytes from 0 to 65536");
    refused("name: a\nengine: {icap.previw: 1}",
            "f:2: engine.icap.previw: no such key; did you mean icap.preview?");
    refused("name: a\nlong: {sweep: {preview: [1]}}",
            "f:2: sweep: 'preview' is no axis of the scenario itself");
    refused("name: a\nlong: {name: b}", "f:2: short/long: 'name' is not one of rounds, load, "
                                        "engine, sweep, capacity, events, tolerate");
    refused("name: a\nsweep: {preview: 3}", "f:2: preview: a list of one value or more is wanted");
    refused("name: a\nsweep: {size: [1k]}", "f:2: size: no setting of load has that name, so each "
                                            "value is a map: {as: small, sizes: 1k}");
}

Test(scenario, refuses_wrong_events_goals_and_views)
{
    refused("name: a\nevents: [{at: 1s, do: reboot}]",
            "f:2: events.do: 'reboot' is not one of swap, reload, kill-shard, pause-shard");
    refused("name: a\nevents: [{do: swap}]", "f:2: events: `at` is missing");
    refused("name: a\nevents: [{at: soon, do: swap}]",
            "f:2: events: at: 'soon' is not a time like 250ms, 2s");
    refused("name: a\nderive: [magic]", "f:2: derive: 'magic' is no computation: see "
                                        "`baleen-bench run --reference`");
    refused("name: a\ntolerate: {sadness: 1}", "f:2: tolerate: 'sadness' is no kind of error: see "
                                               "`baleen-bench run --reference`");
    refused("name: a\ngoals: [{name: g, value: result.rate}]",
            "f:2: goals: either `at_least` or `at_most` is wanted");
    refused("name: a\ngoals: [{name: g, value: rate, at_least: 1}]",
            "f:2: goals.value: 'rate' is not id, round or a path that begins with params. result. "
            "or derived.");
    refused("name: a\ngoals: [{name: g, value: params.mix, at_least: 1}]",
            "f:2: goals.value: 'mix' is no axis of sweep");
    refused("name: a\nviews: [{kind: pie, title: t}]",
            "f:2: views.kind: 'pie' is not one of table, lines, percentiles, timeline, heatmap");
    refused("name: a\nviews: [{kind: lines, title: t, x: params.mix}]",
            "f:2: views: 'mix' is no axis of sweep");
    refused("name: a\nviews: [{kind: timeline, title: t, where: {mix: text}}]",
            "f:2: views.where: 'mix' is no axis of sweep");
    refused("name: a\nnotes: [{best: most, value: result.rate, over: preview}]",
            "f:2: notes.best: 'most' is not highest or lowest");
}

Test(scenario, refuses_steps_that_make_no_sense)
{
    steps_refused("{name: a, load: {pace: fixed}}", "f: a: an open loop needs load.rate");
    steps_refused("{name: a, load: {rate: 5}}",
                  "f: a: load.rate is for load.pace fixed or poisson, not for closed");
    steps_refused("{name: a, load: {pace: fixed, rate: 0.5x}}",
                  "f: a: a rate that is a share of the capacity needs `capacity:`");
    steps_refused("{name: a, load: {threads: 5, connections: 2}}",
                  "f: a: load.threads is more than load.connections");
    steps_refused("{name: a, sweep: {preview: [1, x]}}",
                  "f:1: sweep.preview: 'x' is not off or a number of bytes");
}

Test(scenario, refuses_more_steps_than_anybody_would_wait_for)
{
    char text[4096] = "{name: a, sweep: {preview: [0";
    size_t len = strlen(text);

    for (unsigned i = 1; i < 100; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, ", %u", i);
    }
    len += (size_t)snprintf(text + len, sizeof(text) - len, "], connections: [1");
    for (unsigned i = 2; i < 30; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, ", %u", i);
    }
    snprintf(text + len, sizeof(text) - len, "]}}");
    steps_refused(text, "f: sweep: more than 2000 steps");
}

Test(scenario, any_cut_of_a_file_is_read_or_refused_in_one_line)
{
    struct slice whole;

    cr_assert(scenario_store_find("queue-threshold", &whole));
    for (size_t len = 0; len < whole.len; len += 7) {
        struct scenario scenario;
        struct problem why = {.file = "f"};

        if (scenario_read(&scenario, slice_from(whole.ptr, len), false, &why)) {
            scenario_free(&scenario);
        } else {
            cr_expect_gt(strlen(why.text), 4u);
            cr_expect_null(strchr(why.text, '\n'));
        }
    }
}
