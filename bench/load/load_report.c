/* SPDX-License-Identifier: MIT */
#include "bench/load/load_report.h"

#include <stdio.h>

static double load_report_us(const struct histogram *hist, double percent)
{
    return (double)histogram_find(hist, percent) / 1e3;
}

static double load_report_ratio(double value, double by)
{
    return by > 0 ? value / by : 0;
}

static void load_report_print_what(const struct load_spec *spec)
{
    static const char *const paces[] = {"closed loop", "fixed arrivals", "Poisson arrivals"};
    printf("what         %s %s on %s%s, %s of %s, preview ", load_method_name(spec->method),
           spec->service, spec->host, spec->tls ? " (TLS)" : "",
           spec->corpus.sizes != NULL ? spec->corpus.sizes : "1k",
           spec->corpus.mix != NULL ? spec->corpus.mix : "text");
    if (spec->preview == LOAD_NO_PREVIEW) {
        printf("none");
    } else {
        printf("%lld", (long long)spec->preview);
    }
    printf(", %s%s%s, %s, %u connections%s, %u thread%s\n", spec->allow_204 ? "Allow: 204" : "",
           spec->allow_206 ? " 206" : "", spec->allow_204 || spec->allow_206 ? "" : "no Allow",
           paces[spec->pace], spec->connections, spec->close ? ", each for one request" : "",
           spec->threads, spec->threads == 1 ? "" : "s");
}

static void load_report_print_spans(const struct load_result *result)
{
    static const char *const names[] = {
#define X(name, word) word,
        LOAD_SPANS(X)
#undef X
    };
    for (size_t i = 0; i < LOAD_SPAN_COUNT; i++) {
        const struct histogram *hist = result->spans[i];
        if (hist->total > 0) {
            printf("%-8s us  p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  p99.99 %.1f  "
                   "max %.1f\n",
                   names[i], load_report_us(hist, 50), load_report_us(hist, 90),
                   load_report_us(hist, 99), load_report_us(hist, 99.9),
                   load_report_us(hist, 99.99), load_report_us(hist, 100));
        }
    }
}

static void load_report_print_answers(const struct load_result *result)
{
    printf("answers      ");
    for (unsigned code = 0; code < LOAD_CODE_MAX; code++) {
        if (result->codes[code] > 0) {
            printf("%u: %llu  ", code, (unsigned long long)result->codes[code]);
        }
    }
    printf("100 Continue: %llu  found: %llu\n", (unsigned long long)result->continues,
           (unsigned long long)result->found);
    if (result->preview_204 > 0) {
        printf("preview      %llu answered 204, %.1f MB not sent\n",
               (unsigned long long)result->preview_204, (double)result->saved_bytes / 1e6);
    }
}

/* What became of the requests that have no answer that counts. */
static void load_report_print_others(const struct load_result *result)
{
    const struct {
        const char *name;
        uint64_t value;
    } others[] = {
        {"refused", result->refused}, {"retries", result->retries}, {"aborted", result->aborted},
        {"unsent", result->unsent},   {"slow", result->slow},       {"slow, cut", result->slow_cut},
    };
    const char *lead = "others       ";
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (others[i].value > 0) {
            printf("%s%s: %llu", lead, others[i].name, (unsigned long long)others[i].value);
            lead = "  ";
        }
    }
    if (lead[1] == ' ' && lead[2] == '\0') {
        printf("\n");
    }
    printf("errors       %llu", (unsigned long long)result->errors_total);
    for (int i = LOAD_OK + 1; i < LOAD_ERROR_COUNT; i++) {
        if (result->errors[i] > 0) {
            printf("  %s: %llu", load_error_name((enum load_error)i),
                   (unsigned long long)result->errors[i]);
        }
    }
    printf("\n");
}

void load_report_print(const struct load_spec *spec, const struct load_result *result)
{
    double requests = (double)result->requests;
    load_report_print_what(spec);
    printf("requests     %llu in %.2f s: %.0f/s, %.1f MB/s of bodies\n",
           (unsigned long long)result->requests, result->seconds,
           load_report_ratio(requests, result->seconds),
           load_report_ratio((double)result->body_bytes, result->seconds) / 1e6);
    load_report_print_spans(result);
    load_report_print_answers(result);
    load_report_print_others(result);
    printf("connections  %llu opened; least served %llu requests, most %llu\n",
           (unsigned long long)result->connects, (unsigned long long)result->least,
           (unsigned long long)result->most);
    printf("generator    busiest thread %.1f %% of a core, %.0f ns a request\n",
           result->own_busiest * 100, load_report_ratio(result->own_cpu_sec * 1e9, requests));
    if (result->has_server) {
        printf("server       %.1f %% of a core, %.0f ns a request, %.1f MB private\n",
               load_report_ratio(result->server_cpu_sec, result->seconds) * 100,
               load_report_ratio(result->server_cpu_sec * 1e9, requests),
               (double)result->server_private_bytes / 1e6);
    }
    printf("limited by   %s\n", load_result_limit(result));
}

void load_report_print_json(const struct load_spec *spec, const struct load_result *result)
{
    double requests = (double)result->requests;
    const struct histogram *full = result->spans[LOAD_SPAN_FULL];
    json_t *json = load_result_json(result);
    json_object_set_new(json, "method", json_string(load_method_name(spec->method)));
    json_object_set_new(json, "preview", json_integer((json_int_t)spec->preview));
    json_object_set_new(json, "allow_204", json_boolean(spec->allow_204));
    json_object_set_new(json, "connections", json_integer(spec->connections));
    json_object_set_new(json, "close", json_boolean(spec->close));
    json_object_set_new(json, "p50_us", json_real(load_report_us(full, 50)));
    json_object_set_new(json, "p90_us", json_real(load_report_us(full, 90)));
    json_object_set_new(json, "p99_us", json_real(load_report_us(full, 99)));
    json_object_set_new(json, "p999_us", json_real(load_report_us(full, 99.9)));
    json_object_set_new(json, "max_us", json_real(load_report_us(full, 100)));
    json_object_set(json, "answers", json_object_get(json, "codes"));
    json_object_set_new(json, "own_share", json_real(result->own_busiest));
    json_object_set_new(json, "own_ns",
                        json_real(load_report_ratio(result->own_cpu_sec * 1e9, requests)));
    json_object_set_new(json, "server_share",
                        json_real(load_report_ratio(result->server_cpu_sec, result->seconds)));
    json_object_set_new(json, "server_ns",
                        json_real(load_report_ratio(result->server_cpu_sec * 1e9, requests)));
    json_object_set_new(json, "service", json_string(result->server));
    json_object_set_new(json, "istag", json_string(result->istag));
    json_dumpf(json, stdout, JSON_REAL_PRECISION(12));
    printf("\n");
    json_decref(json);
}
