#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * document - the report of a scenario, as JSON.
 *
 * Role: the one form in which results are kept. `baleen-bench run` writes it, the Markdown and HTML
 * reports and `baleen-bench compare` are made from it and from nothing else. Times are
 * microseconds, sizes bytes, rates per second, shares 0 to 1.
 *
 *  {
 *   "format": "baleen-bench/1",
 *   "scenario": {"name", "title", "text", "form": "short" | "long", "seed"},
 *   "made": "2026-01-31T12:00:00Z", "command": "baleen-bench run ...", "generator": "Baleen/1.2",
 *   "machine": {"cpu", "cores", "kernel", "memory", "other_load": share of the machine that neither
 *               server nor generator used, median over the steps},
 *   "server": {"target": "127.0.0.1:1344", "service": "Baleen/1.2", "istag", "local": bool,
 *              "settings": {"icap.preview": "1024", ...}},
 *   "steps": [
 *    {"id": "preview=1024 mix=html", "params": {"preview": 1024, "mix": "html"}, "round": 1,
 *     "started": seconds since 1970,
 *     "marks": [{"at": 2.5, "what": "swap"}, ...],
 *     "result": {
 *       "seconds", "requests", "rate", "mb_rate", "refused", "retries", "aborted", "unsent",
 *       "continues", "preview_204", "saved_bytes", "body_bytes", "sent_bytes", "received_bytes",
 *       "found", "connects", "least", "most",
 *       "codes": {"200": 1, ...}, "errors": {"reset": 1, ...}, "errors_total",
 *       "limit": "server" | "generator" | "both" | "neither" | "unknown",
 *       "generator": {"cpu_us": a request, "busiest": share},
 *       "server": {"cpu_us": a request, "share": cores, "rss", "private", "private_before"},
 *       "latency": {"full": {"count", "min", "mean", "p50", "p90", "p99", "p999", "p9999", "max",
 *                            "curve": [[percent, us], ...]}, "preview": {...}, ...},
 *       "timeline": {"interval": 0.1,
 *                    "rows": [[at, wanted, right, refused, errors, bytes, p50, p99, max], ...]}
 *     },
 *     "derived": {"saved_share": 0.4, ...}     what the scenario computes of it; may be missing
 *    }, ...],
 *   "views": [                                  how to show it; from the scenario's file
 *    {"kind": "table",       "title", "rows": ["params.preview", ...],
 *                            "columns": ["result.rate", ...]},
 *    {"kind": "lines",       "title", "x": "params.rate", "y": "result.latency.full.p99",
 *                            "series": "params.threshold", "log_x", "log_y"},
 *    {"kind": "percentiles", "title", "span": "full", "series": "params.preview"},
 *    {"kind": "timeline",    "title", "y": "p99" | "rate" | ..., "series": "id"},
 *    {"kind": "heatmap",     "title", "x": "params.preview", "y": "params.mix",
 *                            "value": "result.rate"}],
 *   "goals": [{"name", "wanted": 0.95, "sense": ">=" | "<=", "unit", "got": 0.97,
 *              "reached": true}],
 *   "notes": ["best preview for html: 1024", ...], "errors_total": 0
 *  }
 *
 * "format" and the id and result of each step must be there; all else may be missing or null, but
 * has to be of its type. Views name values by paths of keys with dots ("id" and "round" as well as
 * "params.x"); keys that hold dots themselves are found too. Every view takes an optional "text"
 * that says what to look for, and "where": {"mix": "html"}, params of the steps that it is for;
 * "series" may be missing, and a time line's "y" is a column of its rows: rate (the default),
 * refused, errors, bytes (all a second), p50, p99, max. Steps with the same id are rounds of one
 * another: views show the median over them, and its median absolute deviation. "started" lets a
 * comparison see whether two documents were measured in turn.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#define DOCUMENT_FORMAT     "baleen-bench/1"
#define DOCUMENT_ROUNDS_MAX 256
#define DOCUMENT_WHY_CAP    512

/* The median over rounds. The spread is the median absolute deviation. */
struct document_value {
    size_t count; /* Rounds that have the value. */
    double median;
    double spread;
};

typedef void (*document_print_fn)(json_t *document, FILE *out);

/* The value at "result.latency.full.p99" of a step, or NULL. Borrowed. */
json_t *document_find(json_t *object, const char *path);

/* The string or the number there, or the other value when there is none. */
const char *document_find_text(json_t *object, const char *path, const char *otherwise);
double document_find_number(json_t *object, const char *path, double otherwise);

/* Says in `why` where the document is not as described above: "steps[3].id: a string is wanted". */
bool document_check(json_t *document, char *why, size_t why_cap);

/* Reads and checks; NULL with the reason in `why`. The caller owns the reference. */
json_t *document_read(const char *path, char *why, size_t why_cap);
json_t *document_parse(const char *bytes, size_t len, char *why, size_t why_cap);

/* Writes to a temporary file beside `path` and renames it; what exists and is no regular file (a
 * device, a pipe) is written to. False with the reason in `why`. */
bool document_write(json_t *document, const char *path, char *why, size_t why_cap);
bool document_print_to(json_t *document, document_print_fn print, const char *path, char *why,
                       size_t why_cap);

/*
 * Adds the steps of another run of the same scenario as further rounds: the way to measure two
 * servers in turn, a round each. False, and nothing added, when scenario or form differ or the
 * rounds would be too many. Notes and goals stay those of `document`: compute them anew.
 */
bool document_append(json_t *document, json_t *more, char *why, size_t why_cap);

/* The steps by id, in the order of their first rounds: [[step, ...], ...]. The caller owns the
 * reference. */
json_t *document_group(json_t *document);

/* The median of the numbers at `path` over the steps of one group. */
struct document_value document_summarise(json_t *group, const char *path);

/* The numbers themselves; returns how many, at most DOCUMENT_ROUNDS_MAX. */
size_t document_collect(json_t *group, const char *path, double values[DOCUMENT_ROUNDS_MAX]);

/* Sorts `values` in place. */
struct document_value document_median(double *values, size_t len);
