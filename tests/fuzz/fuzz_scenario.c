/* SPDX-License-Identifier: MIT */
/*
 * A scenario: whatever the file is, it becomes steps that stand within the limits, or one line that
 * says what is wrong.
 */
#include "bench/runner/sweep.h"
#include "tests/fuzz/fuzz.h"

static void check_step(const struct step *step)
{
    ASSERT(strlen(step->id) < sizeof(step->id));
    ASSERT(step->settings_len <= STEP_SETTINGS_MAX);
    ASSERT(step->spec.stages_len <= LOAD_STAGES_MAX);
    ASSERT(step->spec.connections >= 1 && step->spec.pipeline >= 1);
    ASSERT(step->spec.preview >= LOAD_NO_PREVIEW);
    ASSERT(step_seconds(step) > 0);
    ASSERT(json_is_object(step->params));
}

static void check_line(const struct problem *problem)
{
    const size_t len = strlen(problem->text);

    ASSERT(len > 3 && len < PROBLEM_CAP);
    ASSERT(strchr(problem->text, '\n') == NULL);
}

static void check_form(struct slice text, bool is_long)
{
    const struct sweep_orders orders = {.scale = 0.5};
    struct problem problem = {.file = "f"};
    struct scenario scenario;
    struct sweep sweep;

    if (!scenario_read(&scenario, text, is_long, &problem)) {
        check_line(&problem);
        return;
    }
    ASSERT(scenario.rounds >= 1 && json_is_array(scenario.views));
    if (sweep_expand(&sweep, &scenario, &orders, &problem)) {
        ASSERT(sweep.steps_len >= 1 && sweep.steps_len <= SCENARIO_STEPS_MAX);
        for (size_t i = 0; i < sweep.steps_len; i++) {
            check_step(&sweep.steps[i]);
            step_resolve(&sweep.steps[i], 1000);
        }
        sweep_free(&sweep);
    } else {
        check_line(&problem);
    }
    scenario_free(&scenario);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    check_form(slice_from(data, len), false);
    check_form(slice_from(data, len), true);
    return 0;
}
