/* SPDX-License-Identifier: MIT */
#include "bench/load/load_report.h"

#include "bench/load/load_conn.h"
#include "bench/load/load_run.h"

#include <stdio.h>

/* Above this share of its core a process is what limits the rate. */
#define LOAD_SHARE_FULL 0.95

struct load_report {
    double seconds;
    double rate;
    double mb_rate;
    double own_share;
    double own_ns;
    double server_share;
    double server_ns;
    uint64_t least; /* Requests of the connection that was served least, and most. */
    uint64_t most;
    const char *limit;
};

static const char *load_report_limit(const struct load_report *report, bool has_server)
{
    if (has_server && report->server_share >= LOAD_SHARE_FULL) {
        return report->own_share >= LOAD_SHARE_FULL ? "both" : "server";
    }
    return report->own_share >= LOAD_SHARE_FULL ? "generator" : has_server ? "neither" : "unknown";
}

static struct load_report load_report_compute(const struct load_run *run)
{
    struct load_report report = {.least = UINT64_MAX};
    double wall_ns = (double)(run->to.wall_ns - run->from.wall_ns);
    double own_ns = (double)(run->to.own_ns - run->from.own_ns);
    double server_ns = (double)(run->to.server_ns - run->from.server_ns);
    double requests = (double)run->requests;
    report.seconds = wall_ns / (double)NS_PER_SEC;
    report.rate = requests / report.seconds;
    report.mb_rate = (double)run->body_bytes / report.seconds / 1e6;
    report.own_share = own_ns / wall_ns;
    report.own_ns = requests > 0 ? own_ns / requests : 0;
    report.server_share = server_ns / wall_ns;
    report.server_ns = requests > 0 ? server_ns / requests : 0;
    report.limit = load_report_limit(&report, run->args->pids_len > 0);
    for (size_t i = 0; i < run->conns_len; i++) {
        report.least = MIN_OF(report.least, run->conns[i].requests);
        report.most = MAX_OF(report.most, run->conns[i].requests);
    }
    return report;
}

static double load_report_us(const struct load_run *run, unsigned permille)
{
    return (double)histogram_find_permille(&run->latency, permille) / 1e3;
}

static void load_report_print_answers(const struct load_run *run)
{
    printf("answers      ");
    for (unsigned code = 0; code < LOAD_CODE_MAX; code++) {
        if (run->codes[code] > 0) {
            printf("%u: %llu  ", code, (unsigned long long)run->codes[code]);
        }
    }
    printf("100 Continue: %llu\n", (unsigned long long)run->continues);
}

static void load_report_print_errors(const struct load_run *run)
{
    printf("errors       %llu", (unsigned long long)run->errors_total);
    for (int i = LOAD_OK + 1; i < LOAD_ERROR_COUNT; i++) {
        if (run->errors[i] > 0) {
            printf("  %s: %llu", load_error_name((enum load_error)i),
                   (unsigned long long)run->errors[i]);
        }
    }
    printf("\n");
}

void load_report_print(const struct load_run *run)
{
    const struct load_args *args = run->args;
    struct load_report report = load_report_compute(run);
    printf("what         %s %s on %s, body %zu, preview %lld, %s, %u connections%s\n",
           load_method_name(args->method), args->service, args->host,
           run->plan.requests[0].body.len, (long long)args->preview,
           args->allow_204 ? "Allow: 204" : "no Allow: 204", args->connections,
           args->close ? ", each for one request" : "");
    printf("requests     %llu in %.2f s: %.0f/s, %.1f MB/s of bodies\n",
           (unsigned long long)run->requests, report.seconds, report.rate, report.mb_rate);
    printf("latency us   p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f\n",
           load_report_us(run, 500), load_report_us(run, 900), load_report_us(run, 990),
           load_report_us(run, 999), load_report_us(run, 1000));
    load_report_print_answers(run);
    load_report_print_errors(run);
    printf("connections  %llu opened; least served %llu requests, most %llu\n",
           (unsigned long long)run->connects, (unsigned long long)report.least,
           (unsigned long long)report.most);
    printf("generator    %.1f %% of a core, %.0f ns a request\n", report.own_share * 100,
           report.own_ns);
    if (args->pids_len > 0) {
        printf("server       %.1f %% of a core, %.0f ns a request\n", report.server_share * 100,
               report.server_ns);
    }
    printf("limited by   %s\n", report.limit);
}

void load_report_print_json(const struct load_run *run)
{
    const struct load_args *args = run->args;
    struct load_report report = load_report_compute(run);
    printf("{\"method\": \"%s\", \"body\": %zu, \"preview\": %lld, \"allow_204\": %s, "
           "\"connections\": %u, \"close\": %s, ",
           load_method_name(args->method), run->plan.requests[0].body.len, (long long)args->preview,
           args->allow_204 ? "true" : "false", args->connections, args->close ? "true" : "false");
    printf("\"seconds\": %.4f, \"requests\": %llu, \"rate\": %.1f, \"mb_rate\": %.2f, ",
           report.seconds, (unsigned long long)run->requests, report.rate, report.mb_rate);
    printf("\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
           "\"max_us\": %.1f, ",
           load_report_us(run, 500), load_report_us(run, 900), load_report_us(run, 990),
           load_report_us(run, 999), load_report_us(run, 1000));
    printf("\"continues\": %llu, \"answers\": {", (unsigned long long)run->continues);
    const char *comma = "";
    for (unsigned code = 0; code < LOAD_CODE_MAX; code++) {
        if (run->codes[code] > 0) {
            printf("%s\"%u\": %llu", comma, code, (unsigned long long)run->codes[code]);
            comma = ", ";
        }
    }
    printf("}, \"errors_total\": %llu, \"errors\": {", (unsigned long long)run->errors_total);
    comma = "";
    for (int i = LOAD_OK + 1; i < LOAD_ERROR_COUNT; i++) {
        if (run->errors[i] > 0) {
            printf("%s\"%s\": %llu", comma, load_error_name((enum load_error)i),
                   (unsigned long long)run->errors[i]);
            comma = ", ";
        }
    }
    printf("}, \"connects\": %llu, \"least\": %llu, \"most\": %llu, \"own_share\": %.4f, "
           "\"own_ns\": %.0f, \"server_share\": %.4f, \"server_ns\": %.0f, \"limit\": \"%s\"}\n",
           (unsigned long long)run->connects, (unsigned long long)report.least,
           (unsigned long long)report.most, report.own_share, report.own_ns, report.server_share,
           report.server_ns, report.limit);
}
