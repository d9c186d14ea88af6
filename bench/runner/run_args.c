/* SPDX-License-Identifier: MIT */
#include "bench/runner/run_args.h"

#include "bench/load/load_value.h"

#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char run_args_help[] =
    "usage: baleen-bench run [OPTION]... SCENARIO\n"
    "\n"
    "SCENARIO is one that `baleen-bench scenarios` lists, or a YAML file.\n"
    "\n"
    "  --short, --long        the form; short is the default\n"
    "  --scale FACTOR         multiplies all durations\n"
    "  --rounds N             how often all steps are run, in turn\n"
    "  --seed N               of bodies and arrivals\n"
    "  --load KEY=VALUE       a setting of the load, for all steps; can be repeated\n"
    "  --dry-run              prints the steps and runs nothing\n"
    "  --reference            prints the settings and computations that scenarios know\n"
    "\n"
    "The server: an engine that is started for the run, or one that runs already\n"
    "  --engine FILE          the baleend to start (beside this program, else in PATH)\n"
    "  --definitions SET      its definitions (the set that ships with it)\n"
    "  --state DIR            its state folder, to keep what was compiled (a temporary one)\n"
    "  --set KEY=VALUE        a setting of it, for all steps; can be repeated\n"
    "  --server-cpus LIST     its cores, like 0-1,4 (the first half of those we may use)\n"
    "  --load-cpus LIST       those of the generator (the second half)\n"
    "  --target HOST:PORT     any ICAP server\n"
    "  --pid PID[,PID]...     its processes, for CPU time and memory\n"
    "\n"
    "Results\n"
    "  --json FILE            the document (./baleen-bench-SCENARIO.json)\n"
    "  --append FILE          adds the rounds to a document of the same scenario\n"
    "  --html FILE            a page with plots\n"
    "  --markdown FILE        instead of standard output\n"
    "  --goals                missed goals are a failure\n"
    "  --quiet                says nothing on the way\n"
    "\n"
    "Exit codes: 0 good, 1 wrong answers (or missed goals with --goals), 2 it could not be run.\n";

enum run_option {
    RUN_SHORT = 1000,
    RUN_LONG,
    RUN_SCALE,
    RUN_ROUNDS,
    RUN_SEED,
    RUN_LOAD,
    RUN_DRY,
    RUN_REFERENCE,
    RUN_ENGINE,
    RUN_DEFINITIONS,
    RUN_STATE,
    RUN_SET,
    RUN_SERVER_CPUS,
    RUN_LOAD_CPUS,
    RUN_TARGET,
    RUN_PID,
    RUN_JSON,
    RUN_APPEND,
    RUN_HTML,
    RUN_MARKDOWN,
    RUN_GOALS,
    RUN_QUIET,
    RUN_HELP
};

static const struct option run_options[] = {
    {"short", no_argument, NULL, RUN_SHORT},
    {"long", no_argument, NULL, RUN_LONG},
    {"scale", required_argument, NULL, RUN_SCALE},
    {"rounds", required_argument, NULL, RUN_ROUNDS},
    {"seed", required_argument, NULL, RUN_SEED},
    {"load", required_argument, NULL, RUN_LOAD},
    {"dry-run", no_argument, NULL, RUN_DRY},
    {"reference", no_argument, NULL, RUN_REFERENCE},
    {"engine", required_argument, NULL, RUN_ENGINE},
    {"definitions", required_argument, NULL, RUN_DEFINITIONS},
    {"state", required_argument, NULL, RUN_STATE},
    {"set", required_argument, NULL, RUN_SET},
    {"server-cpus", required_argument, NULL, RUN_SERVER_CPUS},
    {"load-cpus", required_argument, NULL, RUN_LOAD_CPUS},
    {"target", required_argument, NULL, RUN_TARGET},
    {"pid", required_argument, NULL, RUN_PID},
    {"json", required_argument, NULL, RUN_JSON},
    {"append", required_argument, NULL, RUN_APPEND},
    {"html", required_argument, NULL, RUN_HTML},
    {"markdown", required_argument, NULL, RUN_MARKDOWN},
    {"goals", no_argument, NULL, RUN_GOALS},
    {"quiet", no_argument, NULL, RUN_QUIET},
    {"help", no_argument, NULL, RUN_HELP},
    {NULL, 0, NULL, 0},
};

PRINTF_LIKE(1, 2)
static bool run_args_fail(const char *format, ...)
{
    va_list args;

    fputs("baleen-bench: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs("; see `baleen-bench run --help`\n", stderr);
    return false;
}

static bool run_args_take_number(const char *option, const char *text, uint64_t max, uint64_t *out)
{
    return (slice_parse_u64(slice_from_str(text), out) && *out <= max) ||
           run_args_fail("--%s: '%s' is not a number from 0 to %llu", option, text,
                         (unsigned long long)max);
}

static bool run_args_take_scale(struct run_args *args, const char *text)
{
    char *end = NULL;

    args->scale = strtod(text, &end);
    return (end != text && *end == '\0' && isfinite(args->scale) && args->scale > 0 &&
            args->scale <= 1000) ||
           run_args_fail("--scale: '%s' is not a factor above 0, up to 1000", text);
}

static bool run_args_take_order(const char *option, const char *text, const char **orders,
                                size_t *orders_len)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL || equals == text) {
        return run_args_fail("--%s %s: KEY=VALUE is wanted", option, text);
    }
    if (*orders_len == RUN_ARGS_ORDERS_MAX) {
        return run_args_fail("more than %d times --%s", RUN_ARGS_ORDERS_MAX, option);
    }
    orders[(*orders_len)++] = text;
    return true;
}

/* Cores of "0-1,4" in a spec of its own, which knows how to read them. */
static bool run_args_take_cpus(const char *option, const char *text, int cpus[LOAD_CPUS_MAX],
                               size_t *out_len)
{
    struct load_spec *spec = calloc(1, sizeof(*spec));
    const bool good = spec != NULL && load_value_cpus(text, spec) && spec->cpus_len > 0;

    if (good) {
        memcpy(cpus, spec->cpus, sizeof(spec->cpus));
        *out_len = spec->cpus_len;
    }
    free(spec);
    return good || run_args_fail("--%s: '%s' is not a list of cores like 0-1,4", option, text);
}

static bool run_args_take_pids(struct run_args *args, const char *text)
{
    struct load_spec *spec = calloc(1, sizeof(*spec));
    const bool good = spec != NULL && load_value_pids(text, spec) && spec->pids_len > 0;

    if (good) {
        memcpy(args->pids, spec->pids, sizeof(spec->pids));
        args->pids_len = spec->pids_len;
    }
    free(spec);
    return good || run_args_fail("--pid: '%s' is not a list of processes", text);
}

static bool run_args_take_server_cpus(struct run_args *args, const char *text)
{
    int cpus[LOAD_CPUS_MAX];
    size_t len = 0;

    if (!run_args_take_cpus("server-cpus", text, cpus, &len)) {
        return false;
    }
    CPU_ZERO(&args->engine.cpus);
    for (size_t i = 0; i < len; i++) {
        CPU_SET((size_t)cpus[i], &args->engine.cpus);
    }
    args->engine.has_cpus = true;
    return true;
}

/* Options that are kept as they are. */
static const char **run_args_text(struct run_args *args, int option)
{
    switch (option) {
    case RUN_ENGINE:
        return &args->engine.program;
    case RUN_DEFINITIONS:
        return &args->engine.definitions;
    case RUN_STATE:
        return &args->engine.state;
    case RUN_TARGET:
        return &args->target;
    case RUN_JSON:
        return &args->json;
    case RUN_APPEND:
        return &args->append;
    case RUN_HTML:
        return &args->html;
    case RUN_MARKDOWN:
        return &args->markdown;
    default:
        return NULL;
    }
}

static bool *run_args_flag(struct run_args *args, int option)
{
    switch (option) {
    case RUN_LONG:
        return &args->is_long;
    case RUN_DRY:
        return &args->dry_run;
    case RUN_REFERENCE:
        return &args->reference;
    case RUN_GOALS:
        return &args->goals;
    case RUN_QUIET:
        return &args->quiet;
    case RUN_HELP:
        return &args->help;
    default:
        return NULL;
    }
}

static bool run_args_take(struct run_args *args, int option, const char *value)
{
    const char **text = run_args_text(args, option);
    bool *flag = run_args_flag(args, option);
    uint64_t number = 0;

    if (text != NULL || flag != NULL) {
        if (text != NULL) {
            *text = value;
        } else {
            *flag = true;
        }
        return true;
    }
    switch (option) {
    case RUN_SHORT:
        args->is_long = false;
        return true;
    case RUN_SCALE:
        return run_args_take_scale(args, value);
    case RUN_ROUNDS:
        if (!run_args_take_number("rounds", value, 256, &number)) {
            return false;
        }
        args->rounds = (unsigned)number;
        return true;
    case RUN_SEED:
        args->has_seed = true;
        return run_args_take_number("seed", value, INT64_MAX, &args->seed);
    case RUN_LOAD:
        return run_args_take_order("load", value, args->loads, &args->loads_len);
    case RUN_SET:
        return run_args_take_order("set", value, args->sets, &args->sets_len);
    case RUN_SERVER_CPUS:
        return run_args_take_server_cpus(args, value);
    case RUN_LOAD_CPUS:
        return run_args_take_cpus("load-cpus", value, args->load_cpus, &args->load_cpus_len);
    default:
        return run_args_take_pids(args, value);
    }
}

/* Without orders: half of the cores we may use for each side; one core serves both. */
static void run_args_share_cpus(struct run_args *args)
{
    cpu_set_t usable;
    const size_t total =
        sched_getaffinity(0, sizeof(usable), &usable) == 0 ? (size_t)CPU_COUNT(&usable) : 0;
    const size_t half = MAX_OF(total / 2, (size_t)1);
    const bool wants_server = !args->engine.has_cpus && args->target == NULL && total > 0;
    const bool wants_load = args->load_cpus_len == 0 && args->target == NULL;
    size_t seen = 0;

    if (wants_server) {
        CPU_ZERO(&args->engine.cpus);
        args->engine.has_cpus = true;
    }
    for (size_t cpu = 0; cpu < CPU_SETSIZE && seen < total; cpu++) {
        if (!CPU_ISSET(cpu, &usable)) {
            continue;
        }
        if (wants_server && seen < half) {
            CPU_SET(cpu, &args->engine.cpus);
        }
        if (wants_load && (seen >= half || total == 1) && args->load_cpus_len < LOAD_CPUS_MAX) {
            args->load_cpus[args->load_cpus_len++] = (int)cpu;
        }
        seen++;
    }
}

/* What excludes one another. */
static bool run_args_check(const struct run_args *args)
{
    const bool names_engine = args->engine.program != NULL || args->engine.definitions != NULL ||
                              args->engine.state != NULL || args->engine.has_cpus ||
                              args->sets_len > 0;

    if (args->target != NULL && names_engine) {
        return run_args_fail("--target is a server that runs already: --engine, --definitions, "
                             "--state, --set and --server-cpus are for one of our own");
    }
    if (args->target == NULL && args->pids_len > 0) {
        return run_args_fail("--pid goes with --target");
    }
    if (args->json != NULL && args->append != NULL) {
        return run_args_fail("--json and --append exclude each other");
    }
    return true;
}

bool run_args_parse(struct run_args *args, int argc, char **argv)
{
    int option = 0;

    *args = (struct run_args){.scale = 1};
    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, "h", run_options, NULL)) != -1) {
        if (option == '?') {
            return run_args_fail("unknown option or no value: '%s'", argv[optind - 1]);
        }
        if (!run_args_take(args, option == 'h' ? RUN_HELP : option, optarg)) {
            return false;
        }
    }
    if (args->help || args->reference) {
        return true;
    }
    if (argc - optind != 1) {
        return run_args_fail(optind == argc ? "which scenario?" : "one scenario at a time");
    }
    args->scenario = argv[optind];
    if (!run_args_check(args)) {
        return false;
    }
    run_args_share_cpus(args);
    return true;
}
