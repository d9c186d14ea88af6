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
 *       "timeline": {"interval": 0.1, "rows": [[at, wanted, right, refused, errors, bytes, p50,
 * p99, max], ...]}
 *     },
 *     "derived": {"saved_share": 0.4, ...}     what the scenario computes of it; may be missing
 *    }, ...],
 *   "views": [                                  how to show it; from the scenario's file
 *    {"kind": "table",       "title", "rows": ["params.preview", ...], "columns": ["result.rate",
 * ...]},
 *    {"kind": "lines",       "title", "x": "params.rate", "y": "result.latency.full.p99",
 *                            "series": "params.threshold", "log_x", "log_y"},
 *    {"kind": "percentiles", "title", "span": "full", "series": "params.preview"},
 *    {"kind": "timeline",    "title", "y": "p99" | "rate" | ..., "series": "id"},
 *    {"kind": "heatmap",     "title", "x": "params.preview", "y": "params.mix", "value":
 * "result.rate"}], "goals": [{"name", "wanted": 0.95, "sense": ">=" | "<=", "unit", "got": 0.97,
 * "reached": true}], "notes": ["best preview for html: 1024", ...], "errors_total": 0
 *  }
 *
 * Views name values by paths of keys with dots. Steps with the same id are rounds of one another:
 * views show the median over them, and its median absolute deviation.
 */
#include <jansson.h>
#include <stdbool.h>

/* The value at "result.latency.full.p99" of a step, or NULL. Borrowed. */
json_t *document_find(json_t *object, const char *path);

/* Reads and checks a file; NULL with the reason in `why`. The caller owns the reference. */
json_t *document_read(const char *path, char *why, size_t why_cap);

/* Writes to a temporary file beside `path` and renames it. False with the reason in `why`. */
bool document_write(json_t *document, const char *path, char *why, size_t why_cap);
