/* SPDX-License-Identifier: MIT */
#include "bench/load/load_args.h"

#include "bench/load/load_value.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char load_args_usage[] =
    "usage: baleen-bench load --to HOST:PORT [options]\n"
    "where\n"
    "  --to [icap[s]://]HOST:PORT the server; icaps:// or --tls asks for TLS\n"
    "  --service /NAME[?ARGS]     service to ask (/avscan)\n"
    "  --tls --tls-ca FILE --insecure   TLS, its root certificates, or none checked\n"
    "  --sources N                connect from N loopback addresses, 127.0.0.1 and up\n"
    "what\n"
    "  --method METHOD            OPTIONS, RESPMOD, REQMOD or FILEMOD (RESPMOD)\n"
    "  --bare                     the protocol of bare_ring: a head in, 200 bytes out\n"
    "  --mix KINDS                what bodies hold: text, html, image, file:PATH, \"html:5, "
    "text:1\",\n"
    "                             web and others (text); --body is the same\n"
    "  --sizes SIZES              10k, lognormal:MEDIAN,SIGMA[,MAX], trace:FILE, web or own (1k);\n"
    "                             --body-size is the same\n"
    "  --count N                  different bodies in turn (7); --variants is the same\n"
    "  --budget N                 bytes of memory for bodies (512m)\n"
    "  --infected SHARE           share of bodies with the marker, 0.01 or 1%; only a finding is\n"
    "                             right for those\n"
    "  --marker TEXT              what the server finds (the EICAR test file)\n"
    "  --folder DIR               FILEMOD: write the bodies there and ask for them by path\n"
    "  --chunk N                  bytes of a chunk (16k)\n"
    "  --preview N|none           offer a preview of N bytes (none)\n"
    "  --allow-204 | --no-204     may the answer be 204 outside the preview (--no-204)\n"
    "  --allow-206                may the answer be a front and a reference to the rest\n"
    "  --expect LIST              right answers of 200, 204, 206, changed, found\n"
    "                             (what the request allows)\n"
    "how\n"
    "  --connections N            connections, each with one request at a time (64)\n"
    "  --rate R                   open loop: R requests a second, whatever the answers do\n"
    "  --stages RxS[,RxS...]      open loop: rates and for how long, 1000x5s,4000x2s\n"
    "  --pace fixed|poisson       arrivals of an open loop (poisson)\n"
    "  --think S                  closed loop: mean rest between answer and next request (0)\n"
    "  --pipeline N               requests on the way on a connection (1)\n"
    "  --close                    a new connection for each request\n"
    "  --refused error|elsewhere|wait   what 506 and 503 are (error); wait asks again\n"
    "  --retry S                  pause of those who wait (1)\n"
    "  --slow SHARE --slow-rate N connections that send and read N bytes a second (1k)\n"
    "  --abort SHARE              requests that are cut off at a random byte\n"
    "how long, with what\n"
    "  --duration S --warmup S    measured and unmeasured time (5 and 0.5 without --requests)\n"
    "  --requests N               stop after N right answers in the measured time\n"
    "  --timeout S                an answer that takes longer is an error (30)\n"
    "  --interval S               of the time line (0.1; 0: none)\n"
    "  --threads N                (1)\n"
    "  --cpu N[,N...]             cores of the threads\n"
    "  --seed N                   (1)\n"
    "  --pid PID[,PID...]         processes of the server, for its CPU time and memory\n"
    "  --json                     the report as one line of JSON\n"
    "Sizes take k, m and g, times ms, s, m and h. Exit codes: 0 every answer was right, 1 some\n"
    "were not, 2 usage.\n";

/* Name, letter for the table, does it take a value. */
#define LOAD_ARGS(X)                                                                               \
    X("to", TO, true)                                                                              \
    X("service", SERVICE, true)                                                                    \
    X("tls", TLS, false)                                                                           \
    X("tls-ca", TLS_CA, true)                                                                      \
    X("insecure", INSECURE, false)                                                                 \
    X("sources", SOURCES, true)                                                                    \
    X("method", METHOD, true)                                                                      \
    X("bare", BARE, false)                                                                         \
    X("mix", MIX, true)                                                                            \
    X("sizes", SIZES, true)                                                                        \
    X("count", COUNT, true)                                                                        \
    X("budget", BUDGET, true)                                                                      \
    X("infected", INFECTED, true)                                                                  \
    X("marker", MARKER, true)                                                                      \
    X("folder", FOLDER, true)                                                                      \
    X("chunk", CHUNK, true)                                                                        \
    X("preview", PREVIEW, true)                                                                    \
    X("allow-204", ALLOW_204, false)                                                               \
    X("no-204", NO_204, false)                                                                     \
    X("allow-206", ALLOW_206, false)                                                               \
    X("expect", EXPECT, true)                                                                      \
    X("connections", CONNECTIONS, true)                                                            \
    X("rate", RATE, true)                                                                          \
    X("stages", STAGES, true)                                                                      \
    X("pace", PACE, true)                                                                          \
    X("think", THINK, true)                                                                        \
    X("pipeline", PIPELINE, true)                                                                  \
    X("close", CLOSE, false)                                                                       \
    X("refused", REFUSED, true)                                                                    \
    X("retry", RETRY, true)                                                                        \
    X("slow", SLOW, true)                                                                          \
    X("slow-rate", SLOW_RATE, true)                                                                \
    X("abort", ABORT, true)                                                                        \
    X("duration", DURATION, true)                                                                  \
    X("warmup", WARMUP, true)                                                                      \
    X("requests", REQUESTS, true)                                                                  \
    X("timeout", TIMEOUT, true)                                                                    \
    X("interval", INTERVAL, true)                                                                  \
    X("threads", THREADS, true)                                                                    \
    X("cpu", CPU, true)                                                                            \
    X("seed", SEED, true)                                                                          \
    X("pid", PID, true)                                                                            \
    X("json", JSON, false)                                                                         \
    X("help", HELP, false)

enum load_option {
    LOAD_OPT_NONE = 255,
#define X(name, id, value) LOAD_OPT_##id,
    LOAD_ARGS(X)
#undef X
};

static const struct option load_options[] = {
#define X(name, id, value) {(name), (value) ? required_argument : no_argument, NULL, LOAD_OPT_##id},
    LOAD_ARGS(X)
#undef X
    /* Older names. */
    {"body", required_argument, NULL, LOAD_OPT_MIX},
    {"body-size", required_argument, NULL, LOAD_OPT_SIZES},
    {"variants", required_argument, NULL, LOAD_OPT_COUNT},
    {NULL, 0, NULL, 0},
};

/* What is put together only when all options are known. */
struct load_args_draft {
    struct load_spec *spec;
    bool json;
    bool help;
    bool tls;
    bool pace;
    bool duration;
    bool warmup;
    double rate;
    const char *target;
};

static bool load_args_uint(const char *text, uint64_t min, uint64_t max, unsigned *out)
{
    uint64_t value = 0;
    bool good = load_value_size(text, min, max, &value);
    *out = good ? (unsigned)value : *out;
    return good;
}

static bool load_args_count(const char *text, uint64_t min, size_t *out)
{
    uint64_t value = 0;
    bool good = load_value_size(text, min, GIB(64), &value);
    *out = good ? (size_t)value : *out;
    return good;
}

static bool load_args_preview(const char *text, int64_t *out)
{
    uint64_t value = 0;
    if (strcmp(text, "none") == 0) {
        *out = LOAD_NO_PREVIEW;
        return true;
    }
    bool good = load_value_size(text, 0, GIB(1), &value);
    *out = good ? (int64_t)value : *out;
    return good;
}

static bool load_args_flag(bool *out, bool value)
{
    *out = value;
    return true;
}

static bool load_args_text(const char **out, const char *text)
{
    *out = text;
    return true;
}

/* Where, and what is sent. Sets `*out_known` to false when `opt` is none of these. */
static bool load_args_take_what(struct load_args_draft *draft, int opt, const char *text,
                                bool *out_known)
{
    struct load_spec *spec = draft->spec;
    switch (opt) {
    case LOAD_OPT_TO:
        return load_args_text(&draft->target, text);
    case LOAD_OPT_SERVICE:
        return load_args_text(&spec->service, text) && text[0] == '/';
    case LOAD_OPT_TLS:
        return load_args_flag(&draft->tls, true);
    case LOAD_OPT_TLS_CA:
        return load_args_text(&spec->tls_ca, text);
    case LOAD_OPT_INSECURE:
        return load_args_flag(&spec->tls_verify, false);
    case LOAD_OPT_SOURCES:
        return load_args_uint(text, 0, 10000, &spec->sources);
    case LOAD_OPT_METHOD:
        return load_value_method(text, &spec->method);
    case LOAD_OPT_BARE:
        spec->method = LOAD_BARE;
        return true;
    case LOAD_OPT_MIX:
        return load_args_text(&spec->corpus.mix, text);
    case LOAD_OPT_SIZES:
        return load_args_text(&spec->corpus.sizes, text);
    case LOAD_OPT_COUNT:
        return load_args_count(text, 1, &spec->corpus.count);
    case LOAD_OPT_BUDGET:
        return load_args_count(text, 1, &spec->corpus.budget);
    case LOAD_OPT_INFECTED:
        return load_value_share(text, &spec->corpus.infected_share);
    case LOAD_OPT_MARKER:
        return load_args_text(&spec->corpus.marker, text);
    case LOAD_OPT_FOLDER:
        return load_args_text(&spec->folder, text);
    case LOAD_OPT_CHUNK:
        return load_args_count(text, 1, &spec->chunk_size);
    default:
        *out_known = false;
        return true;
    }
}

/* What is offered, what is right, and how clients behave. */
static bool load_args_take_how(struct load_args_draft *draft, int opt, const char *text,
                               bool *out_known)
{
    struct load_spec *spec = draft->spec;
    switch (opt) {
    case LOAD_OPT_PREVIEW:
        return load_args_preview(text, &spec->preview);
    case LOAD_OPT_ALLOW_204:
    case LOAD_OPT_NO_204:
        return load_args_flag(&spec->allow_204, opt == LOAD_OPT_ALLOW_204);
    case LOAD_OPT_ALLOW_206:
        return load_args_flag(&spec->allow_206, true);
    case LOAD_OPT_EXPECT:
        return load_value_expect(text, &spec->expect);
    case LOAD_OPT_CONNECTIONS:
        return load_args_uint(text, 1, 1000000, &spec->connections);
    case LOAD_OPT_RATE:
        return load_value_rate(text, &draft->rate) && draft->rate > 0;
    case LOAD_OPT_STAGES:
        return load_value_stages(text, spec);
    case LOAD_OPT_PACE:
        draft->pace = true;
        return load_value_pace(text, &spec->pace);
    case LOAD_OPT_THINK:
        return load_value_seconds(text, &spec->think_sec);
    case LOAD_OPT_PIPELINE:
        return load_args_uint(text, 1, 1024, &spec->pipeline);
    case LOAD_OPT_CLOSE:
        return load_args_flag(&spec->close, true);
    case LOAD_OPT_REFUSED:
        return load_value_refused(text, &spec->refused);
    case LOAD_OPT_RETRY:
        return load_value_seconds(text, &spec->retry_sec);
    case LOAD_OPT_SLOW:
        return load_value_share(text, &spec->slow_share);
    case LOAD_OPT_SLOW_RATE:
        return load_args_count(text, 1, &spec->slow_rate);
    case LOAD_OPT_ABORT:
        return load_value_share(text, &spec->abort_share);
    default:
        *out_known = false;
        return true;
    }
}

static bool load_args_take_run(struct load_args_draft *draft, int opt, const char *text,
                               bool *out_known)
{
    struct load_spec *spec = draft->spec;
    switch (opt) {
    case LOAD_OPT_DURATION:
        draft->duration = true;
        return load_value_seconds(text, &spec->duration_sec);
    case LOAD_OPT_WARMUP:
        draft->warmup = true;
        return load_value_seconds(text, &spec->warmup_sec);
    case LOAD_OPT_REQUESTS:
        return load_value_size(text, 1, UINT64_MAX, &spec->requests);
    case LOAD_OPT_TIMEOUT:
        return load_value_seconds(text, &spec->timeout_sec);
    case LOAD_OPT_INTERVAL:
        return load_value_seconds(text, &spec->interval_sec);
    case LOAD_OPT_THREADS:
        return load_args_uint(text, 1, LOAD_THREADS_MAX, &spec->threads);
    case LOAD_OPT_CPU:
        return load_value_cpus(text, spec);
    case LOAD_OPT_SEED:
        return load_value_size(text, 0, UINT64_MAX, &spec->seed);
    case LOAD_OPT_PID:
        return load_value_pids(text, spec);
    case LOAD_OPT_JSON:
        return load_args_flag(&draft->json, true);
    case LOAD_OPT_HELP:
        return load_args_flag(&draft->help, true);
    default:
        *out_known = false;
        return true;
    }
}

static bool load_args_take(struct load_args_draft *draft, int opt, const char *text)
{
    static bool (*const takers[])(struct load_args_draft *, int, const char *, bool *) = {
        load_args_take_what, load_args_take_how, load_args_take_run};
    for (size_t i = 0; i < ARRAY_LEN(takers); i++) {
        bool known = true;
        bool good = takers[i](draft, opt, text, &known);
        if (known) {
            return good;
        }
    }
    return false;
}

/* Defaults that depend on other options. */
static bool load_args_complete(struct load_args_draft *draft)
{
    struct load_spec *spec = draft->spec;
    if (spec->requests > 0) {
        spec->duration_sec = draft->duration ? spec->duration_sec : 1e6;
        spec->warmup_sec = draft->warmup ? spec->warmup_sec : 0;
    }
    if (draft->rate > 0 && spec->stages_len == 0) {
        spec->stages[0] = (struct load_stage){.sec = spec->duration_sec, .rate = draft->rate};
        spec->stages_len = 1;
    }
    if (spec->stages_len > 0 && !draft->pace) {
        spec->pace = LOAD_POISSON;
    }
    if (draft->target == NULL) {
        fputs("baleen-bench load: --to HOST:PORT says where the server is\n", stderr);
        return false;
    }
    char why[256];
    if (!load_spec_set_target(spec, draft->target, why, sizeof(why))) {
        fprintf(stderr, "baleen-bench load: --to: %s\n", why);
        return false;
    }
    spec->tls |= draft->tls;
    return true;
}

static const char *load_args_name(int opt)
{
    size_t i = 0;
    while (load_options[i].val != opt) {
        i++;
    }
    return load_options[i].name;
}

static bool load_args_read(struct load_args_draft *draft, int argc, char **argv)
{
    int opt = 0;
    optind = 0;
    while ((opt = getopt_long(argc, argv, "h", load_options, NULL)) != -1) {
        if (opt == '?') {
            return false;
        }
        opt = opt == 'h' ? LOAD_OPT_HELP : opt;
        if (!load_args_take(draft, opt, optarg)) {
            fprintf(stderr, "baleen-bench load: --%s cannot be '%s'\n", load_args_name(opt),
                    optarg);
            return false;
        }
    }
    if (optind != argc) {
        fprintf(stderr, "baleen-bench load: '%s' is not an option\n", argv[optind]);
        return false;
    }
    return true;
}

enum load_args_status load_args_parse(struct load_args *args, int argc, char **argv)
{
    struct load_args_draft draft = {.spec = &args->spec};
    load_spec_init(&args->spec);
    if (!load_args_read(&draft, argc, argv)) {
        fputs("`baleen-bench load --help` lists the options\n", stderr);
        return LOAD_ARGS_BAD;
    }
    if (draft.help) {
        fputs(load_args_usage, stdout);
        return LOAD_ARGS_HELP;
    }
    args->json = draft.json;
    return load_args_complete(&draft) ? LOAD_ARGS_OK : LOAD_ARGS_BAD;
}
