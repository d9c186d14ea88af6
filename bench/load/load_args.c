/* SPDX-License-Identifier: MIT */
#include "bench/load/load_args.h"

#include "base/slice.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char load_args_usage[] =
    "usage: icap_load --to HOST:PORT [options]\n"
    "  --service /NAME[?ARGS]     service to ask (/avscan)\n"
    "  --method METHOD            OPTIONS, RESPMOD or REQMOD (RESPMOD)\n"
    "  --bare                     the protocol of bare_ring: a head in, 200 bytes out\n"
    "  --body-size N[k|m]         bytes of the body (1k)\n"
    "  --body KIND                text, random, html or file:PATH (text)\n"
    "  --chunk N[k|m]             bytes of a chunk (16k)\n"
    "  --preview N|none           offer a preview of N bytes (none)\n"
    "  --allow-204 | --no-204     may the answer be 204 outside the preview (--no-204)\n"
    "  --expect LIST              right answers of 200, 204, found (what the request allows)\n"
    "  --connections N            connections, each with one request at a time (64)\n"
    "  --variants N               different bodies in turn (7)\n"
    "  --duration S --warmup S    measured and unmeasured seconds (5 and 0.5 without --requests)\n"
    "  --requests N               stop after N measured requests\n"
    "  --timeout S                an answer that takes longer is an error (30)\n"
    "  --close                    a new connection for each request\n"
    "  --pid PID[,PID...]         processes of the server, for its CPU time a request\n"
    "  --cpu N                    run on this core only\n"
    "  --json                     the report as one line of JSON\n"
    "Exit codes: 0 every answer was right, 1 some were not, 2 usage.\n";

enum {
    LOAD_OPT_TO = 256,
    LOAD_OPT_SERVICE,
    LOAD_OPT_METHOD,
    LOAD_OPT_BARE,
    LOAD_OPT_BODY_SIZE,
    LOAD_OPT_BODY,
    LOAD_OPT_CHUNK,
    LOAD_OPT_PREVIEW,
    LOAD_OPT_ALLOW_204,
    LOAD_OPT_NO_204,
    LOAD_OPT_EXPECT,
    LOAD_OPT_CONNECTIONS,
    LOAD_OPT_VARIANTS,
    LOAD_OPT_DURATION,
    LOAD_OPT_WARMUP,
    LOAD_OPT_REQUESTS,
    LOAD_OPT_TIMEOUT,
    LOAD_OPT_CLOSE,
    LOAD_OPT_PID,
    LOAD_OPT_CPU,
    LOAD_OPT_JSON,
    LOAD_OPT_HELP,
};

static const struct option load_options[] = {
    {"to", required_argument, NULL, LOAD_OPT_TO},
    {"service", required_argument, NULL, LOAD_OPT_SERVICE},
    {"method", required_argument, NULL, LOAD_OPT_METHOD},
    {"bare", no_argument, NULL, LOAD_OPT_BARE},
    {"body-size", required_argument, NULL, LOAD_OPT_BODY_SIZE},
    {"body", required_argument, NULL, LOAD_OPT_BODY},
    {"chunk", required_argument, NULL, LOAD_OPT_CHUNK},
    {"preview", required_argument, NULL, LOAD_OPT_PREVIEW},
    {"allow-204", no_argument, NULL, LOAD_OPT_ALLOW_204},
    {"no-204", no_argument, NULL, LOAD_OPT_NO_204},
    {"expect", required_argument, NULL, LOAD_OPT_EXPECT},
    {"connections", required_argument, NULL, LOAD_OPT_CONNECTIONS},
    {"variants", required_argument, NULL, LOAD_OPT_VARIANTS},
    {"duration", required_argument, NULL, LOAD_OPT_DURATION},
    {"warmup", required_argument, NULL, LOAD_OPT_WARMUP},
    {"requests", required_argument, NULL, LOAD_OPT_REQUESTS},
    {"timeout", required_argument, NULL, LOAD_OPT_TIMEOUT},
    {"close", no_argument, NULL, LOAD_OPT_CLOSE},
    {"pid", required_argument, NULL, LOAD_OPT_PID},
    {"cpu", required_argument, NULL, LOAD_OPT_CPU},
    {"json", no_argument, NULL, LOAD_OPT_JSON},
    {"help", no_argument, NULL, LOAD_OPT_HELP},
    {NULL, 0, NULL, 0},
};

static _Noreturn void PRINTF_LIKE(1, 2) load_args_fail(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("icap_load: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    exit(2);
}

const char *load_method_name(enum load_method method)
{
    static const char *const names[] = {"OPTIONS", "RESPMOD", "REQMOD", "BARE"};
    return names[method];
}

static double load_args_seconds(const char *name, const char *text)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(value >= 0) || value > 1e6) {
        load_args_fail("--%s: '%s' is not a number of seconds", name, text);
    }
    return value;
}

/* A whole number with an optional k or m behind it. */
static uint64_t load_args_number(const char *name, const char *text, uint64_t min, uint64_t max)
{
    struct slice digits = slice_from_str(text);
    unsigned shift = 0;
    if (digits.len > 0) {
        char unit = text[digits.len - 1];
        shift = unit == 'k' || unit == 'K' ? 10 : unit == 'm' || unit == 'M' ? 20 : 0;
    }
    digits.len -= shift > 0;
    uint64_t value = 0;
    if (!slice_parse_u64(digits, &value) || value > (max >> shift) || (value << shift) < min) {
        load_args_fail("--%s: '%s' is not a number from %llu to %llu", name, text,
                       (unsigned long long)min, (unsigned long long)max);
    }
    return value << shift;
}

static void load_args_address(struct load_args *args, const char *text)
{
    const char *colon = strrchr(text, ':');
    char host[64];
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host)) {
        load_args_fail("--to: '%s' is not HOST:PORT", text);
    }
    bool brackets = text[0] == '[' && colon > text && colon[-1] == ']';
    snprintf(host, sizeof(host), "%.*s", (int)(colon - text) - 2 * brackets, text + brackets);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int r = getaddrinfo(host, colon + 1, &hints, &found);
    if (r != 0) {
        load_args_fail("--to: %s: %s", text, gai_strerror(r));
    }
    memcpy(&args->addr, found->ai_addr, found->ai_addrlen);
    args->addr_len = found->ai_addrlen;
    freeaddrinfo(found);
    snprintf(args->host, sizeof(args->host), "%s", text);
}

static void load_args_method(struct load_args *args, const char *text)
{
    for (int i = LOAD_OPTIONS; i <= LOAD_REQMOD; i++) {
        if (strcasecmp(text, load_method_name((enum load_method)i)) == 0) {
            args->method = (enum load_method)i;
            return;
        }
    }
    load_args_fail("--method: '%s' is not OPTIONS, RESPMOD or REQMOD", text);
}

static void load_args_body(struct load_args *args, const char *text)
{
    static const char *const names[] = {"text", "random", "html"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            args->body = (enum load_body)i;
            return;
        }
    }
    if (strncmp(text, "file:", 5) != 0) {
        load_args_fail("--body: '%s' is not text, random, html or file:PATH", text);
    }
    args->body = LOAD_BODY_FILE;
    args->body_path = text + 5;
}

static void load_args_expect(struct load_args *args, const char *text)
{
    struct slice rest = slice_from_str(text);
    while (rest.len > 0) {
        struct slice word = slice_split(&rest, ',');
        if (slice_equal(word, SLICE_OF("200"))) {
            args->expect |= LOAD_EXPECT_200;
        } else if (slice_equal(word, SLICE_OF("204"))) {
            args->expect |= LOAD_EXPECT_204;
        } else if (slice_equal(word, SLICE_OF("found"))) {
            args->expect |= LOAD_EXPECT_FOUND;
        } else {
            load_args_fail("--expect: '%s' is not a list of 200, 204, found", text);
        }
    }
}

static void load_args_pids(struct load_args *args, const char *text)
{
    struct slice rest = slice_from_str(text);
    while (rest.len > 0) {
        struct slice word = slice_split(&rest, ',');
        uint64_t pid = 0;
        if (!slice_parse_u64(word, &pid) || pid == 0 || pid > INT32_MAX ||
            args->pids_len == LOAD_PIDS_MAX) {
            load_args_fail("--pid: '%s' is not a list of at most %d process ids", text,
                           LOAD_PIDS_MAX);
        }
        args->pids[args->pids_len++] = (pid_t)pid;
    }
}

/* Those that say what is sent and what is right; false when `opt` is none of them. */
static bool load_args_take_request(struct load_args *args, int opt, const char *text)
{
    switch (opt) {
    case LOAD_OPT_SERVICE:
        args->service = text;
        return true;
    case LOAD_OPT_METHOD:
        load_args_method(args, text);
        return true;
    case LOAD_OPT_BARE:
        args->method = LOAD_BARE;
        return true;
    case LOAD_OPT_BODY_SIZE:
        args->body_size = load_args_number("body-size", text, 0, GIB(1));
        return true;
    case LOAD_OPT_BODY:
        load_args_body(args, text);
        return true;
    case LOAD_OPT_CHUNK:
        args->chunk_size = load_args_number("chunk", text, 1, GIB(1));
        return true;
    case LOAD_OPT_PREVIEW:
        args->preview = strcmp(text, "none") == 0
                            ? LOAD_NO_PREVIEW
                            : (int64_t)load_args_number("preview", text, 0, GIB(1));
        return true;
    case LOAD_OPT_ALLOW_204:
    case LOAD_OPT_NO_204:
        args->allow_204 = opt == LOAD_OPT_ALLOW_204;
        return true;
    case LOAD_OPT_EXPECT:
        load_args_expect(args, text);
        return true;
    case LOAD_OPT_VARIANTS:
        args->variants = (unsigned)load_args_number("variants", text, 1, 1024);
        return true;
    case LOAD_OPT_CLOSE:
        args->close = true;
        return true;
    default:
        return false;
    }
}

static void load_args_take_run(struct load_args *args, int opt, const char *text)
{
    switch (opt) {
    case LOAD_OPT_TO:
        load_args_address(args, text);
        break;
    case LOAD_OPT_CONNECTIONS:
        args->connections = (unsigned)load_args_number("connections", text, 1, 100000);
        break;
    case LOAD_OPT_DURATION:
        args->duration_sec = load_args_seconds("duration", text);
        break;
    case LOAD_OPT_WARMUP:
        args->warmup_sec = load_args_seconds("warmup", text);
        break;
    case LOAD_OPT_TIMEOUT:
        args->timeout_sec = load_args_seconds("timeout", text);
        break;
    case LOAD_OPT_REQUESTS:
        args->requests = load_args_number("requests", text, 1, UINT64_MAX);
        break;
    case LOAD_OPT_PID:
        load_args_pids(args, text);
        break;
    case LOAD_OPT_CPU:
        args->cpu = (int)load_args_number("cpu", text, 0, 1023);
        break;
    case LOAD_OPT_JSON:
        args->json = true;
        break;
    case LOAD_OPT_HELP:
        fputs(load_args_usage, stdout);
        exit(0);
    default:
        fputs(load_args_usage, stderr);
        exit(2);
    }
}

/* A 204 in a preview needs no leave, so a body that ends within it may be answered so. */
static unsigned load_args_expected(const struct load_args *args)
{
    if (args->method == LOAD_OPTIONS || args->method == LOAD_BARE) {
        return LOAD_EXPECT_200;
    }
    if (args->allow_204) {
        return LOAD_EXPECT_204;
    }
    return LOAD_EXPECT_200 | (args->preview == LOAD_NO_PREVIEW ? 0 : LOAD_EXPECT_204);
}

void load_args_parse(struct load_args *args, int argc, char **argv)
{
    *args = (struct load_args){
        .service = "/avscan",
        .method = LOAD_RESPMOD,
        .body_size = KIB(1),
        .chunk_size = KIB(16),
        .preview = LOAD_NO_PREVIEW,
        .connections = 64,
        .variants = 7,
        .duration_sec = -1,
        .warmup_sec = -1,
        .timeout_sec = 30,
        .cpu = -1,
    };
    int opt = 0;
    while ((opt = getopt_long(argc, argv, "h", load_options, NULL)) != -1) {
        if (!load_args_take_request(args, opt, optarg)) {
            load_args_take_run(args, opt == 'h' ? LOAD_OPT_HELP : opt, optarg);
        }
    }
    if (optind != argc) {
        load_args_fail("'%s' is not an option", argv[optind]);
    }
    if (args->addr_len == 0) {
        load_args_fail("--to HOST:PORT says where the server is");
    }
    if (args->service[0] != '/') {
        load_args_fail("--service: '%s' does not begin with a slash", args->service);
    }
    if (args->duration_sec < 0) {
        args->duration_sec = args->requests > 0 ? 1e6 : 5;
    }
    if (args->warmup_sec < 0) {
        args->warmup_sec = args->requests > 0 ? 0 : 0.5;
    }
    if (args->expect == 0) {
        args->expect = load_args_expected(args);
    }
}
