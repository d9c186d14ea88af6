/* SPDX-License-Identifier: MIT */
#include "bench/load/load_result.h"

#include <stdio.h>

/* JSON has no numbers beyond 2^53 that all readers agree on; no counter of a run gets there. */
static json_t *load_json_count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *load_json_us(double value_ns)
{
    return json_real(value_ns / 1e3);
}

static double load_json_ratio(double value, double by)
{
    return by > 0 ? value / by : 0;
}

static json_t *load_json_curve(const struct histogram *hist)
{
    struct histogram_point points[HISTOGRAM_CURVE_MAX];
    size_t len = histogram_trace(hist, points);
    json_t *curve = json_array();
    for (size_t i = 0; i < len; i++) {
        json_t *point = json_array();
        json_array_append_new(point, json_real(points[i].percent));
        json_array_append_new(point, load_json_us((double)points[i].value_ns));
        json_array_append_new(curve, point);
    }
    return curve;
}

static json_t *load_json_span(const struct histogram *hist)
{
    static const struct {
        const char *name;
        double percent;
    } points[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p999", 99.9}, {"p9999", 99.99}};
    json_t *span = json_object();
    json_object_set_new(span, "count", load_json_count(hist->total));
    json_object_set_new(span, "min", load_json_us((double)hist->min_ns));
    json_object_set_new(span, "mean", load_json_us(histogram_mean_ns(hist)));
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        json_object_set_new(span, points[i].name,
                            load_json_us((double)histogram_find(hist, points[i].percent)));
    }
    json_object_set_new(span, "max", load_json_us((double)hist->max_ns));
    json_object_set_new(span, "curve", load_json_curve(hist));
    return span;
}

static json_t *load_json_latency(const struct load_result *result)
{
    static const char *const names[] = {
#define X(name, word) word,
        LOAD_SPANS(X)
#undef X
    };
    json_t *latency = json_object();
    for (size_t i = 0; i < LOAD_SPAN_COUNT; i++) {
        if (result->spans[i]->total > 0) {
            json_object_set_new(latency, names[i], load_json_span(result->spans[i]));
        }
    }
    return latency;
}

static json_t *load_json_timeline(const struct load_result *result)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < result->intervals_len; i++) {
        const struct load_interval *interval = &result->intervals[i];
        json_t *row = json_array();
        json_array_append_new(row, json_real(interval->at_sec));
        json_array_append_new(row, json_real(interval->wanted));
        json_array_append_new(row, load_json_count(interval->right));
        json_array_append_new(row, load_json_count(interval->refused));
        json_array_append_new(row, load_json_count(interval->errors));
        json_array_append_new(row, load_json_count(interval->body_bytes));
        json_array_append_new(row, load_json_us((double)interval->p50_ns));
        json_array_append_new(row, load_json_us((double)interval->p99_ns));
        json_array_append_new(row, load_json_us((double)interval->max_ns));
        json_array_append_new(rows, row);
    }
    return json_pack("{s:f, s:o}", "interval", result->interval_sec, "rows", rows);
}

static json_t *load_json_codes(const struct load_result *result)
{
    json_t *codes = json_object();
    for (unsigned code = 0; code < LOAD_CODE_MAX; code++) {
        if (result->codes[code] > 0) {
            char name[8];
            snprintf(name, sizeof(name), "%u", code);
            json_object_set_new(codes, name, load_json_count(result->codes[code]));
        }
    }
    return codes;
}

static json_t *load_json_errors(const struct load_result *result)
{
    json_t *errors = json_object();
    for (int i = LOAD_OK + 1; i < LOAD_ERROR_COUNT; i++) {
        if (result->errors[i] > 0) {
            json_object_set_new(errors, load_error_name((enum load_error)i),
                                load_json_count(result->errors[i]));
        }
    }
    return errors;
}

static void load_json_put_counts(json_t *json, const struct load_result *result)
{
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"requests", result->requests},
        {"refused", result->refused},
        {"retries", result->retries},
        {"aborted", result->aborted},
        {"unsent", result->unsent},
        {"slow", result->slow},
        {"slow_cut", result->slow_cut},
        {"continues", result->continues},
        {"preview_204", result->preview_204},
        {"saved_bytes", result->saved_bytes},
        {"body_bytes", result->body_bytes},
        {"sent_bytes", result->sent_bytes},
        {"received_bytes", result->received_bytes},
        {"found", result->found},
        {"connects", result->connects},
        {"least", result->least},
        {"most", result->most},
        {"errors_total", result->errors_total},
    };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        json_object_set_new(json, counts[i].name, load_json_count(counts[i].value));
    }
}

/* What generator and server spent. */
static void load_json_put_costs(json_t *json, const struct load_result *result)
{
    double requests = (double)result->requests;
    json_object_set_new(json, "limit", json_string(load_result_limit(result)));
    json_object_set_new(json, "generator",
                        json_pack("{s:f, s:f}", "cpu_us",
                                  load_json_ratio(result->own_cpu_sec * 1e6, requests), "busiest",
                                  result->own_busiest));
    if (!result->has_server) {
        json_object_set_new(json, "server", json_null());
        return;
    }
    json_t *server = json_object();
    json_object_set_new(server, "cpu_us",
                        json_real(load_json_ratio(result->server_cpu_sec * 1e6, requests)));
    json_object_set_new(server, "share",
                        json_real(load_json_ratio(result->server_cpu_sec, result->seconds)));
    json_object_set_new(server, "rss", load_json_count(result->server_rss_bytes));
    json_object_set_new(server, "private", load_json_count(result->server_private_bytes));
    json_object_set_new(server, "private_before", load_json_count(result->server_private_before));
    json_object_set_new(json, "server", server);
}

json_t *load_result_json(const struct load_result *result)
{
    json_t *json = json_object();
    json_object_set_new(json, "seconds", json_real(result->seconds));
    json_object_set_new(json, "rate",
                        json_real(load_json_ratio((double)result->requests, result->seconds)));
    json_object_set_new(
        json, "mb_rate",
        json_real(load_json_ratio((double)result->body_bytes, result->seconds) / 1e6));
    load_json_put_counts(json, result);
    json_object_set_new(json, "codes", load_json_codes(result));
    json_object_set_new(json, "errors", load_json_errors(result));
    load_json_put_costs(json, result);
    json_object_set_new(json, "latency", load_json_latency(result));
    json_object_set_new(json, "timeline", load_json_timeline(result));
    return json;
}
