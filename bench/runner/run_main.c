/* SPDX-License-Identifier: MIT */
/*
 * From the command line to a report: reads the scenario, makes its steps, gets a server, runs, and
 * writes the document and what is made of it.
 */
#include "bench/runner/run_main.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/text.h"
#include "bench/load/load_reply.h"
#include "bench/runner/derive.h"
#include "bench/runner/machine.h"
#include "bench/runner/report.h"
#include "bench/runner/scenario_store.h"
#include "bench/runner/session.h"
#include "bench/runner/stop.h"
#include "bench/runner/summary.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define RUN_GOOD  0
#define RUN_WRONG 1
#define RUN_ERROR 2

#define RUN_FILE_MAX MIB(1)
#define RUN_PATH_CAP 512

/* What a run holds until its end. */
struct run {
    struct run_args args;
    struct scenario scenario;
    struct sweep sweep;
    struct local_engine engine;
    struct session session;
    char json_path[RUN_PATH_CAP];
};

PRINTF_LIKE(1, 2)
static bool run_fail(const char *format, ...)
{
    va_list args;

    fputs("baleen-bench: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return false;
}

/* ---- Scenario ---- */

/* The whole file; the caller frees. NULL with one line on stderr. */
static uint8_t *run_read_file(const char *path, size_t *out_len)
{
    FILE *file = fopen(path, "re");
    uint8_t *bytes = malloc(RUN_FILE_MAX + 1);

    ASSERT(bytes != NULL);
    *out_len = file != NULL ? fread(bytes, 1, RUN_FILE_MAX + 1, file) : 0;
    const bool broken = file == NULL || ferror(file) != 0;

    if (broken || *out_len > RUN_FILE_MAX) {
        run_fail("%s: %s", path, broken ? strerror(errno) : "longer than 1 MiB");
        free(bytes);
        bytes = NULL;
    }
    if (file != NULL) {
        fclose(file);
    }
    return bytes;
}

static bool run_looks_like_file(const char *name)
{
    const size_t len = strlen(name);

    return strchr(name, '/') != NULL || (len > 5 && strcmp(name + len - 5, ".yaml") == 0);
}

static bool run_read_scenario(struct run *run)
{
    struct problem problem = {.file = run->args.scenario};
    struct slice text = {0};
    uint8_t *bytes = NULL;

    if (run_looks_like_file(run->args.scenario)) {
        bytes = run_read_file(run->args.scenario, &text.len);
        text.ptr = bytes;
        if (bytes == NULL) {
            return false;
        }
    } else if (!scenario_store_find(run->args.scenario, &text)) {
        return run_fail("no scenario '%s'; `baleen-bench scenarios` lists them, a file is named "
                        "with its path",
                        run->args.scenario);
    }
    const bool good = scenario_read(&run->scenario, text, run->args.is_long, &problem);

    free(bytes);
    if (!good) {
        fprintf(stderr, "%s\n", problem.text);
    }
    return good;
}

/* KEY=VALUE options as a map of the scenario's tree; NULL with a problem. */
static struct tree_node *run_orders(struct run *run, const char *const *orders, size_t orders_len,
                                    struct problem *problem)
{
    struct tree_node *map = tree_read_value(&run->scenario.tree, "", "{}", problem);

    for (size_t i = 0; map != NULL && i < orders_len; i++) {
        char key[64];
        const char *equals = strchr(orders[i], '=');

        snprintf(key, sizeof(key), "%.*s", (int)(equals - orders[i]), orders[i]);
        struct tree_node *node = tree_read_value(&run->scenario.tree, key, equals + 1, problem);

        if (node == NULL) {
            return NULL;
        }
        tree_append(map, node);
    }
    return map;
}

static bool run_expand(struct run *run)
{
    struct problem problem = {.file = run->args.scenario};
    const struct run_args *args = &run->args;
    struct sweep_orders orders = {.scale = args->scale};
    const struct tree_node *load = run_orders(run, args->loads, args->loads_len, &problem);
    const struct tree_node *engine =
        load != NULL ? run_orders(run, args->sets, args->sets_len, &problem) : NULL;

    orders.load = load;
    orders.engine = engine;
    if (engine == NULL || !sweep_expand(&run->sweep, &run->scenario, &orders, &problem)) {
        fprintf(stderr, "%s\n", problem.text);
        return false;
    }
    return true;
}

static void run_print_steps(const struct run *run)
{
    const struct scenario *scenario = &run->scenario;
    double seconds = 0;

    for (size_t i = 0; i < run->sweep.steps_len; i++) {
        const struct step *step = &run->sweep.steps[i];
        const double whole = step_seconds(step) + step->spec.warmup_sec;

        seconds += whole;
        printf("%4zu  %s (%.4g s", i + 1, step->id, whole);
        for (size_t j = 0; j < step->settings_len; j++) {
            printf(", %s=%s", step->settings[j].key, step->settings[j].value);
        }
        puts(")");
    }
    const unsigned rounds = run->args.rounds > 0 ? run->args.rounds : scenario->rounds;
    const struct step *capacity = &run->sweep.capacity;

    if (scenario->has_capacity) {
        seconds += step_seconds(capacity) + capacity->spec.warmup_sec;
    }
    printf("%s, %s: %zu steps, %u rounds, %.4g s of load\n", scenario->name,
           scenario->is_long ? "long" : "short", run->sweep.steps_len, rounds, seconds * rounds);
}

/* ---- Server ---- */

static bool run_uses_files(const struct run *run)
{
    bool uses = false;

    for (size_t i = 0; i < run->sweep.steps_len; i++) {
        uses = uses || run->sweep.steps[i].spec.method == LOAD_FILEMOD;
    }
    return uses;
}

static bool run_swaps(const struct scenario *scenario)
{
    bool swaps = false;

    for (size_t i = 0; i < scenario->events_len; i++) {
        swaps = swaps || scenario->events[i].kind == SCENARIO_SWAP;
    }
    return swaps;
}

/* Both sides need a descriptor for each connection; an engine inherits our limit. */
static void run_raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        const struct rlimit wanted = {1048576, MAX_OF(limit.rlim_max, (rlim_t)1048576)};

        limit.rlim_cur = limit.rlim_max;
        /* More than the hard limit is for root only. */
        if (setrlimit(RLIMIT_NOFILE, &wanted) != 0) {
            setrlimit(RLIMIT_NOFILE, &limit);
        }
    }
}

static bool run_open_server(struct run *run)
{
    const char *needs = scenario_needs_engine(&run->scenario);
    char why[DOCUMENT_WHY_CAP];

    if (run->args.target != NULL) {
        if (needs != NULL || run_uses_files(run)) {
            return run_fail("%s: `%s` needs an engine of our own: leave --target out",
                            run->args.scenario, needs != NULL ? needs : "FILEMOD");
        }
        return true;
    }
    run->args.engine.copy_definitions = run_swaps(&run->scenario);
    if (!local_engine_open(&run->engine, &run->args.engine, why, sizeof(why))) {
        return run_fail("%s", why);
    }
    run->session.engine = &run->engine;
    return true;
}

/* Settings that all steps have in common; what a server that is not ours runs with is not known. */
static json_t *run_settings(const struct run *run)
{
    const struct step *first = &run->sweep.steps[0];
    json_t *out = json_object();

    for (size_t i = 0; run->args.target == NULL && i < first->settings_len; i++) {
        const struct step_setting *setting = &first->settings[i];

        if (json_object_get(first->params, setting->key) == NULL) {
            json_object_set_new(out, setting->key, json_string(setting->value));
        }
    }
    return out;
}

/* ---- Document ---- */

static char *run_command_line(int argc, char **argv)
{
    const size_t cap = KIB(4);
    char *line = malloc(cap);
    struct text text = text_over(line, cap - 1);

    ASSERT(line != NULL);
    text_put_str(&text, "baleen-bench run");
    for (int i = 1; i < argc; i++) {
        text_put_str(&text, " ");
        text_put_str(&text, argv[i]);
    }
    line[text.len] = '\0';
    return line;
}

static json_t *run_describe(const struct run *run, int argc, char **argv)
{
    const struct scenario *scenario = &run->scenario;
    const struct step *first = &run->sweep.steps[0];
    const time_t now = (time_t)clock_wall_sec();
    char made[32];
    char target[64];
    char *command = run_command_line(argc, argv);
    struct tm parts;

    strftime(made, sizeof(made), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
    snprintf(target, sizeof(target), "127.0.0.1:%u", run->engine.port);
    json_t *document = json_pack(
        "{s:s, s:{s:s, s:s, s:s, s:s, s:I}, s:s, s:s?, s:s, s:o, s:{s:s, s:b, s:o}, s:[], s:O}",
        "format", DOCUMENT_FORMAT, "scenario", "name", scenario->name, "title", scenario->title,
        "text", scenario->text, "form", scenario->is_long ? "long" : "short", "seed",
        (json_int_t)(run->args.has_seed ? run->args.seed : first->spec.seed), "made", made,
        "command", command, "generator", "Baleen/" BALEEN_VERSION, "machine", machine_describe(),
        "server", "target", run->args.target != NULL ? run->args.target : target, "local",
        run->args.target == NULL, "settings", run_settings(run), "steps", "views", scenario->views);

    ASSERT(document != NULL);
    free(command);
    return document;
}

/* With --append the rounds go into the document that is there. */
static bool run_append(struct run *run)
{
    json_t *before = NULL;
    char why[DOCUMENT_WHY_CAP];

    if (run->args.append == NULL || access(run->args.append, F_OK) != 0) {
        return true;
    }
    before = document_read(run->args.append, why, sizeof(why));
    if (before == NULL || !document_append(before, run->session.document, why, sizeof(why))) {
        json_decref(before);
        return run_fail("--append %s: %s", run->args.append, why);
    }
    json_decref(run->session.document);
    run->session.document = before;
    return true;
}

static bool run_write(struct run *run)
{
    const struct run_args *args = &run->args;
    json_t *document = run->session.document;
    char why[DOCUMENT_WHY_CAP];

    snprintf(run->json_path, sizeof(run->json_path), "baleen-bench-%s.json", run->scenario.name);
    if (args->json != NULL || args->append != NULL) {
        snprintf(run->json_path, sizeof(run->json_path), "%s",
                 args->json != NULL ? args->json : args->append);
    }
    if (!document_write(document, run->json_path, why, sizeof(why)) ||
        (args->html != NULL && !report_write_html(document, args->html, why, sizeof(why))) ||
        (args->markdown != NULL &&
         !document_print_to(document, report_write_markdown, args->markdown, why, sizeof(why)))) {
        return run_fail("%s", why);
    }
    if (args->markdown == NULL) {
        report_write_markdown(document, stdout);
    }
    if (!args->quiet) {
        fprintf(stderr, "%s written\n", run->json_path);
    }
    return true;
}

/* ---- Running ---- */

/* The engine's log lies beside the document when something went wrong. */
static void run_keep_log(const struct run *run)
{
    char path[RUN_PATH_CAP + 8];
    const char *json = run->args.json != NULL ? run->args.json : run->args.append;

    if (json != NULL) {
        snprintf(path, sizeof(path), "%s.log", json);
    } else {
        snprintf(path, sizeof(path), "baleen-bench-%s.log", run->scenario.name);
    }
    if (run->session.engine != NULL && local_engine_keep_log(&run->engine, path)) {
        fprintf(stderr, "baleen-bench: the engine's log is in %s\n", path);
    }
}

static int run_judge(struct run *run)
{
    json_t *document = run->session.document;
    const double errors = document_find_number(document, "errors_total", 0);
    const bool missed = run->args.goals && !summary_all_reached(document);

    if (errors > 0) {
        run_fail("%.0f wrong answers", errors);
        run_keep_log(run);
    }
    if (missed) {
        run_fail("not all goals were reached");
    }
    return errors > 0 || missed ? RUN_WRONG : RUN_GOOD;
}

static int run_all(struct run *run, int argc, char **argv)
{
    struct session *session = &run->session;
    const char *notes[SESSION_NOTES_MAX];

    session->args = &run->args;
    session->scenario = &run->scenario;
    session->sweep = &run->sweep;
    session->rounds = run->args.rounds > 0 ? run->args.rounds : run->scenario.rounds;
    session->document = run_describe(run, argc, argv);
    if (!session_run(session)) {
        run_fail("%s", session->why);
        run_keep_log(run);
        return RUN_ERROR;
    }
    if (session->engine != NULL) {
        local_engine_stop(session->engine);
    }
    for (size_t i = 0; i < session->notes_len; i++) {
        notes[i] = session->notes[i];
    }
    if (!run_append(run)) {
        return RUN_ERROR;
    }
    summary_put(session->document, &run->scenario, notes, session->notes_len);
    return run_write(run) ? run_judge(run) : RUN_ERROR;
}

static void run_free(struct run *run)
{
    if (run->session.engine != NULL) {
        local_engine_close(&run->engine);
    }
    json_decref(run->session.document);
    sweep_free(&run->sweep);
    scenario_free(&run->scenario);
    free(run);
}

static int run_print_reference(void)
{
    const size_t cap = KIB(32);
    char *block = malloc(cap);
    struct text text = text_over(block, cap);

    ASSERT(block != NULL);
    text_put_str(&text, "Settings of `load`\n");
    step_reference(&text);
    text_put_str(&text, "\nSettings of `engine`: see `baleen config reference`\n"
                        "\nComputations of `derive`\n");
    derive_reference(&text);
    text_put_str(&text, "\nErrors, for `tolerate`\n");
    for (unsigned i = LOAD_OK + 1; i < LOAD_ERROR_COUNT; i++) {
        text_printf(&text, "  %-22s %s\n", load_error_name((enum load_error)i),
                    load_error_text((enum load_error)i));
    }
    fwrite(block, 1, text.len, stdout);
    free(block);
    return RUN_GOOD;
}

int run_main(int argc, char **argv)
{
    struct run *run = calloc(1, sizeof(*run));
    int code = RUN_ERROR;

    ASSERT(run != NULL);
    if (!run_args_parse(&run->args, argc, argv)) {
        free(run);
        return RUN_ERROR;
    }
    if (run->args.help) {
        fputs(run_args_help, stdout);
        free(run);
        return RUN_GOOD;
    }
    if (run->args.reference) {
        free(run);
        return run_print_reference();
    }
    stop_install();
    run_raise_files();
    if (run_read_scenario(run) && run_expand(run)) {
        if (run->args.dry_run) {
            run_print_steps(run);
            code = RUN_GOOD;
        } else if (run_open_server(run)) {
            code = run_all(run, argc, argv);
        }
    }
    run_free(run);
    return code;
}

/* ---- Scenarios ---- */

static void scenarios_list(void)
{
    for (size_t i = 0; i < scenario_store_len(); i++) {
        const struct scenario_store_entry entry = scenario_store_at(i);
        struct scenario scenario;
        struct problem problem = {.file = entry.name};

        if (scenario_read(&scenario, entry.yaml, false, &problem)) {
            printf("%-16s %s\n", entry.name, scenario.title);
            scenario_free(&scenario);
        } else {
            printf("%-16s %s\n", entry.name, problem.text);
        }
    }
}

int scenarios_main(int argc, char **argv)
{
    struct slice yaml;

    if (argc == 1) {
        scenarios_list();
        return RUN_GOOD;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        puts("usage: baleen-bench scenarios [NAME]\n\n"
             "Lists the scenarios that come with the program, or prints one of them as YAML.");
        return RUN_GOOD;
    }
    if (argc > 2 || !scenario_store_find(argv[1], &yaml)) {
        run_fail("no scenario '%s'; `baleen-bench scenarios` lists them", argv[1]);
        return RUN_ERROR;
    }
    fwrite(yaml.ptr, 1, yaml.len, stdout);
    return RUN_GOOD;
}
