/* SPDX-License-Identifier: MIT */
#include "bench/runner/report_name.h"

#include "base/macro.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct report_known {
    const char *path;
    const char *label;
    enum report_unit unit;
} report_known[] = {
    {"id", "step", REPORT_UNIT_NONE},
    {"round", "round", REPORT_UNIT_COUNT},
    {"result.seconds", "time", REPORT_UNIT_SECONDS},
    {"result.requests", "requests", REPORT_UNIT_COUNT},
    {"result.rate", "", REPORT_UNIT_RATE},
    {"result.mb_rate", "", REPORT_UNIT_MB_RATE},
    {"result.refused", "refused", REPORT_UNIT_COUNT},
    {"result.unsent", "never sent", REPORT_UNIT_COUNT},
    {"result.continues", "100 Continue", REPORT_UNIT_COUNT},
    {"result.preview_204", "204 in the preview", REPORT_UNIT_COUNT},
    {"result.errors_total", "errors", REPORT_UNIT_COUNT},
    {"result.least", "least served", REPORT_UNIT_COUNT},
    {"result.most", "most served", REPORT_UNIT_COUNT},
    {"result.limit", "limited by", REPORT_UNIT_NONE},
    {"result.generator.cpu_us", "generator CPU/req", REPORT_UNIT_US},
    {"result.generator.busiest", "generator busy", REPORT_UNIT_SHARE},
    {"result.server.cpu_us", "server CPU/req", REPORT_UNIT_US},
    {"result.server.share", "server CPU", REPORT_UNIT_CORES},
    {"result.server.rss", "server RSS", REPORT_UNIT_BYTES},
    {"result.server.private", "server private", REPORT_UNIT_BYTES},
    {"result.server.private_before", "server private before", REPORT_UNIT_BYTES},
};

/* What the last word of a name says about its unit. */
static const struct report_suffix {
    const char *suffix;
    enum report_unit unit;
} report_suffixes[] = {
    {"_us", REPORT_UNIT_US},       {"_share", REPORT_UNIT_SHARE},
    {"_bytes", REPORT_UNIT_BYTES}, {"_seconds", REPORT_UNIT_SECONDS},
    {"_sec", REPORT_UNIT_SECONDS}, {"_mb_rate", REPORT_UNIT_MB_RATE},
    {"_rate", REPORT_UNIT_RATE},   {"_count", REPORT_UNIT_COUNT},
};

static const char *report_name_after(const char *path, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(path, prefix, len) == 0 ? path + len : NULL;
}

/* "full.p999" as "p99.9"; other moments than the full answer are named. */
static void report_name_latency(const char *rest, struct report_name *out)
{
    const char *dot = strchr(rest, '.');
    const char *what = dot == NULL ? rest : dot + 1;
    size_t span_len = dot == NULL ? 0 : (size_t)(dot - rest);
    bool is_full = span_len == strlen("full") && memcmp(rest, "full", span_len) == 0;
    const char *shown = strcmp(what, "p999") == 0    ? "p99.9"
                        : strcmp(what, "p9999") == 0 ? "p99.99"
                                                     : what;

    snprintf(out->label, sizeof(out->label), "%.*s%s%.40s",
             is_full ? 0 : (int)MIN_OF(span_len, 40U), rest, is_full || span_len == 0 ? "" : " ",
             shown);
    out->unit = strcmp(what, "count") == 0 ? REPORT_UNIT_COUNT : REPORT_UNIT_US;
}

/* "quiet_p99" is a time, and says so. */
static bool report_name_is_percentile(const char *name)
{
    const char *word = strrchr(name, '_');

    word = word == NULL ? name : word + 1;
    return word[0] == 'p' && word[1] != '\0' && strspn(word + 1, "0123456789") == strlen(word + 1);
}

static void report_name_words(const char *name, struct report_name *out)
{
    size_t len = strlen(name);

    out->unit = report_name_is_percentile(name) ? REPORT_UNIT_US : REPORT_UNIT_NONE;
    for (size_t i = 0; i < ARRAY_LEN(report_suffixes); i++) {
        size_t suffix_len = strlen(report_suffixes[i].suffix);

        if (len > suffix_len && strcmp(name + len - suffix_len, report_suffixes[i].suffix) == 0) {
            out->unit = report_suffixes[i].unit;
            len -= suffix_len;
            break;
        }
    }

    /* Not cut within a character of several bytes. */
    if (len >= sizeof(out->label)) {
        for (len = sizeof(out->label) - 1; len > 0 && (name[len] & 0xc0) == 0x80; len--) {
        }
    }
    memcpy(out->label, name, len);
    out->label[len] = '\0';

    /* A setting ("admission.queue_threshold") keeps its name. */
    if (strchr(name, '.') != NULL) {
        return;
    }
    for (char *c = out->label; *c != '\0'; c++) {
        *c = *c == '_' ? ' ' : *c;
    }
}

void report_name_path(const char *path, struct report_name *out)
{
    static const char *const prefixes[] = {"params.", "derived.", "result.", "codes.", "errors."};
    const char *rest = report_name_after(path, "result.latency.");

    for (size_t i = 0; i < ARRAY_LEN(report_known); i++) {
        if (strcmp(path, report_known[i].path) == 0) {
            snprintf(out->label, sizeof(out->label), "%s", report_known[i].label);
            out->unit = report_known[i].unit;
            return;
        }
    }
    if (rest != NULL && strlen(rest) < REPORT_LABEL_CAP / 2) {
        report_name_latency(rest, out);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        rest = report_name_after(path, prefixes[i]);
        path = rest == NULL ? path : rest;
    }
    report_name_words(path, out);
}

const char *report_name_unit(enum report_unit unit)
{
    static const char *const names[] = {
        [REPORT_UNIT_NONE] = "none",   [REPORT_UNIT_COUNT] = "count",
        [REPORT_UNIT_RATE] = "rate",   [REPORT_UNIT_MB_RATE] = "mb_rate",
        [REPORT_UNIT_US] = "us",       [REPORT_UNIT_SECONDS] = "seconds",
        [REPORT_UNIT_BYTES] = "bytes", [REPORT_UNIT_SHARE] = "share",
        [REPORT_UNIT_CORES] = "cores",
    };

    return names[unit];
}

struct report_scale report_name_scale(enum report_unit unit, double max)
{
    switch (unit) {
    case REPORT_UNIT_RATE:
        return (struct report_scale){1, "req/s"};
    case REPORT_UNIT_MB_RATE:
        return (struct report_scale){1, "MB/s"};
    case REPORT_UNIT_US:
        return (struct report_scale){1, "us"};
    case REPORT_UNIT_SECONDS:
        return (struct report_scale){1, "s"};
    case REPORT_UNIT_SHARE:
        return (struct report_scale){0.01, "%"};
    case REPORT_UNIT_CORES:
        return (struct report_scale){1, "cores"};
    case REPORT_UNIT_BYTES:
        return max >= (double)GIB(10)   ? (struct report_scale){(double)GIB(1), "GiB"}
               : max >= (double)MIB(10) ? (struct report_scale){(double)MIB(1), "MiB"}
               : max >= (double)KIB(10) ? (struct report_scale){(double)KIB(1), "KiB"}
                                        : (struct report_scale){1, "B"};
    default:
        return (struct report_scale){1, ""};
    }
}

void report_name_column(const char *path, struct report_scale scale, char *out, size_t out_cap)
{
    struct report_name name;

    report_name_path(path, &name);
    snprintf(out, out_cap, "%s%s%s", name.label,
             name.label[0] != '\0' && scale.word[0] != '\0' ? " " : "", scale.word);
}

/* Digits after the point, so that about four count; -1 for what is too large to write out. */
static int report_name_places(double value)
{
    double size = fabs(value);

    if (size >= 1e15) {
        return -1;
    }
    if (size >= 100 || value == floor(value)) {
        return 0;
    }
    return size >= 10 ? 1 : size >= 1 ? 2 : size >= 0.01 ? 3 : 5;
}

static void report_name_write(double value, int places, char *out, size_t out_cap)
{
    if (places < 0) {
        snprintf(out, out_cap, "%.4g", value);
    } else {
        snprintf(out, out_cap, "%.*f", places, value);
    }
}

void report_name_number(double value, char *out, size_t out_cap)
{
    report_name_write(value, report_name_places(value), out, out_cap);
}

void report_name_spread(double value, double spread, char *out, size_t out_cap)
{
    int places = report_name_places(value);
    int own = report_name_places(spread);

    /* A whole number keeps the digits of a spread that has some. */
    if (own < 0 || (places == 0 && fabs(value) < 100)) {
        places = own < 0 ? own : MIN_OF(own, 2);
    }
    report_name_write(spread, places, out, out_cap);
}
