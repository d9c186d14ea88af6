/* SPDX-License-Identifier: MIT */
#include "bench/runner/derive.h"

#include "base/text.h"
#include "bench/runner/document.h"

#include <math.h>

/* A mark that nothing ends is felt for so long, and any other that much longer than it lasts. */
#define DERIVE_MARK_SEC  1.0
#define DERIVE_AFTER_SEC 0.2

/* Recovered: the latency is at most so many times what it was before, for so many intervals. */
#define DERIVE_CALM_RATIO 2.0
#define DERIVE_CALM_ROWS  3
#define DERIVE_CALM_US    1000.0

/* Columns of a row of the time line. */
enum derive_column {
    DERIVE_AT,
    DERIVE_WANTED,
    DERIVE_RIGHT,
    DERIVE_REFUSED,
    DERIVE_ERRORS,
    DERIVE_BYTES,
    DERIVE_P50,
    DERIVE_P99,
    DERIVE_MAX
};

/* NAN: cannot be told. */
typedef double (*derive_fn)(json_t *step, const struct derive_facts *facts);

struct derive_window {
    double from;
    double to;
};

static double derive_number(json_t *step, const char *path)
{
    return document_find_number(step, path, NAN);
}

static double derive_share(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static json_t *derive_rows(json_t *step)
{
    return document_find(step, "result.timeline.rows");
}

static double derive_cell(json_t *rows, size_t row, enum derive_column column)
{
    return json_number_value(json_array_get(json_array_get(rows, row), column));
}

static double derive_saved_share(json_t *step, const struct derive_facts *facts)
{
    (void)facts;
    return derive_share(derive_number(step, "result.saved_bytes"),
                        derive_number(step, "result.body_bytes"));
}

static double derive_preview_share(json_t *step, const struct derive_facts *facts)
{
    (void)facts;
    return derive_share(derive_number(step, "result.preview_204"),
                        derive_number(step, "result.requests"));
}

static double derive_refused_share(json_t *step, const struct derive_facts *facts)
{
    const double refused = derive_number(step, "result.refused");

    (void)facts;
    return derive_share(refused, refused + derive_number(step, "result.requests"));
}

static double derive_capacity(json_t *step, const struct derive_facts *facts)
{
    (void)step;
    return facts->capacity > 0 ? facts->capacity : NAN;
}

/* The sum of a column over the rows that begin in the window; NAN without rows. */
static double derive_sum(json_t *rows, enum derive_column column, struct derive_window window,
                         size_t *out_rows)
{
    double sum = 0;

    *out_rows = 0;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const double at = derive_cell(rows, i, DERIVE_AT);

        if (at >= window.from && at < window.to) {
            sum += derive_cell(rows, i, column);
            (*out_rows)++;
        }
    }
    return *out_rows > 0 ? sum : NAN;
}

static struct derive_window derive_overload(const struct derive_facts *facts)
{
    return (struct derive_window){facts->overload_from, facts->overload_to};
}

static double derive_goodput_share(json_t *step, const struct derive_facts *facts)
{
    const double interval = derive_number(step, "result.timeline.interval");
    size_t rows_len = 0;

    if (facts->capacity <= 0) {
        return NAN;
    }
    if (facts->overload_to <= 0) {
        return derive_number(step, "result.rate") / facts->capacity;
    }
    const double right =
        derive_sum(derive_rows(step), DERIVE_RIGHT, derive_overload(facts), &rows_len);

    return right / ((double)rows_len * interval) / facts->capacity;
}

static double derive_overload_refused_share(json_t *step, const struct derive_facts *facts)
{
    size_t len = 0;
    json_t *rows = derive_rows(step);
    const struct derive_window window = derive_overload(facts);
    const double refused = derive_sum(rows, DERIVE_REFUSED, window, &len);

    return derive_share(refused, refused + derive_sum(rows, DERIVE_RIGHT, window, &len));
}

/* The worst interval of the overload. */
static double derive_overload_p99(json_t *step, const struct derive_facts *facts)
{
    json_t *rows = derive_rows(step);
    double worst = NAN;

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const double at = derive_cell(rows, i, DERIVE_AT);

        if (at >= facts->overload_from && at < facts->overload_to &&
            derive_cell(rows, i, DERIVE_RIGHT) > 0) {
            worst = fmax(worst, derive_cell(rows, i, DERIVE_P99));
        }
    }
    return worst;
}

/* The p99 of intervals, weighted by their answers: inside of the windows, or outside. */
static double derive_mean_p99(json_t *rows, const struct derive_window *windows, size_t windows_len,
                              bool inside)
{
    double weight = 0;
    double sum = 0;

    for (size_t i = 0; i < json_array_size(rows); i++) {
        const double at = derive_cell(rows, i, DERIVE_AT);
        const double right = derive_cell(rows, i, DERIVE_RIGHT);
        bool found = false;

        for (size_t j = 0; j < windows_len; j++) {
            found = found || (at >= windows[j].from && at < windows[j].to);
        }
        if (found == inside) {
            sum += right * derive_cell(rows, i, DERIVE_P99);
            weight += right;
        }
    }
    return derive_share(sum, weight);
}

static bool derive_is_calm(json_t *rows, size_t row, double base)
{
    return derive_cell(rows, row, DERIVE_REFUSED) <= 0 &&
           derive_cell(rows, row, DERIVE_ERRORS) <= 0 &&
           derive_cell(rows, row, DERIVE_P99) <= DERIVE_CALM_RATIO * base + DERIVE_CALM_US;
}

/* From the end of the overload to the first of several calm intervals; when none comes, the time
 * that was left, which is then the least it took. */
static double derive_recovery_seconds(json_t *step, const struct derive_facts *facts)
{
    const struct derive_window before = {0, facts->overload_from};
    json_t *rows = derive_rows(step);
    const size_t rows_len = json_array_size(rows);
    const double base = derive_mean_p99(rows, &before, 1, true);
    double last = 0;
    size_t calm = 0;

    if (isnan(base) || facts->overload_to <= 0) {
        return NAN;
    }
    for (size_t i = 0; i < rows_len; i++) {
        last = derive_cell(rows, i, DERIVE_AT);
        if (last < facts->overload_to) {
            continue;
        }
        calm = derive_is_calm(rows, i, base) ? calm + 1 : 0;
        if (calm == DERIVE_CALM_ROWS) {
            const double first = derive_cell(rows, i + 1 - DERIVE_CALM_ROWS, DERIVE_AT);

            return fmax(first - facts->overload_to, 0);
        }
    }
    return last > facts->overload_to ? last - facts->overload_to : NAN;
}

static double derive_growth_bytes(json_t *step, const struct derive_facts *facts)
{
    (void)facts;
    return derive_number(step, "result.server.private") -
           derive_number(step, "result.server.private_before");
}

static double derive_connection_bytes(json_t *step, const struct derive_facts *facts)
{
    return derive_share(derive_growth_bytes(step, facts), facts->connections);
}

static double derive_lost(json_t *step, const struct derive_facts *facts)
{
    (void)facts;
    return derive_number(step, "result.errors_total");
}

/* The windows of what happened: from a mark to the one that ends it ("swap", "swapped"). */
static size_t derive_marks(json_t *step, struct derive_window *out, size_t cap)
{
    json_t *marks = json_object_get(step, "marks");
    const size_t marks_len = json_array_size(marks);
    size_t len = 0;

    for (size_t i = 0; i < marks_len && len < cap; i++) {
        const char *what = document_find_text(json_array_get(marks, i), "what", "");
        const size_t what_len = strlen(what);
        const double at = document_find_number(json_array_get(marks, i), "at", 0);

        if (what_len > 2 && strcmp(what + what_len - 2, "ed") == 0) {
            continue;
        }
        const char *next = document_find_text(json_array_get(marks, i + 1), "what", "");
        const size_t next_len = strlen(next);
        const bool ends = next_len > 2 && strcmp(next + next_len - 2, "ed") == 0;

        out[len].from = at;
        out[len++].to =
            ends ? document_find_number(json_array_get(marks, i + 1), "at", at) + DERIVE_AFTER_SEC
                 : at + DERIVE_MARK_SEC;
    }
    return len;
}

static double derive_mark_p99(json_t *step, const struct derive_facts *facts)
{
    struct derive_window windows[64];
    const size_t len = derive_marks(step, windows, ARRAY_LEN(windows));

    (void)facts;
    return derive_mean_p99(derive_rows(step), windows, len, true);
}

static double derive_quiet_p99(json_t *step, const struct derive_facts *facts)
{
    struct derive_window windows[64];
    const size_t len = derive_marks(step, windows, ARRAY_LEN(windows));

    (void)facts;
    return derive_mean_p99(derive_rows(step), windows, len, false);
}

static double derive_mark_ratio(json_t *step, const struct derive_facts *facts)
{
    return derive_mark_p99(step, facts) / derive_quiet_p99(step, facts);
}

/* The last quarter beside the first. */
static double derive_drift(json_t *step, const struct derive_facts *facts)
{
    json_t *rows = derive_rows(step);
    const size_t len = json_array_size(rows);

    (void)facts;
    if (len < 4) {
        return NAN;
    }
    const struct derive_window first = {0, derive_cell(rows, len / 4, DERIVE_AT)};
    const struct derive_window last = {derive_cell(rows, len - len / 4, DERIVE_AT), INFINITY};

    return derive_mean_p99(rows, &last, 1, true) / derive_mean_p99(rows, &first, 1, true);
}

static const struct derive_entry {
    const char *name;
    derive_fn run;
    const char *about;
} derive_entries[] = {
    {"saved_share", derive_saved_share, "share of the bodies' bytes that were never sent"},
    {"preview_share", derive_preview_share, "share of requests answered within the preview"},
    {"refused_share", derive_refused_share, "share of requests answered with 506 or 503"},
    {"capacity", derive_capacity, "requests a second of the closed loop before the steps"},
    {"goodput_share", derive_goodput_share, "right answers a second, as a share of the capacity"},
    {"overload_refused_share", derive_overload_refused_share,
     "refused_share in the stage with the highest rate"},
    {"overload_p99", derive_overload_p99, "p99 of the worst interval of that stage, microseconds"},
    {"recovery_seconds", derive_recovery_seconds,
     "seconds from its end until latency is as before and nothing is refused"},
    {"connection_bytes", derive_connection_bytes, "private memory of the server a connection"},
    {"growth_bytes", derive_growth_bytes, "private memory of the server, end less beginning"},
    {"lost", derive_lost, "requests without a right answer"},
    {"mark_p99", derive_mark_p99, "p99 around events, microseconds"},
    {"quiet_p99", derive_quiet_p99, "p99 of the rest of the time, microseconds"},
    {"mark_ratio", derive_mark_ratio, "the one divided by the other"},
    {"drift", derive_drift, "p99 of the last quarter, as a multiple of that of the first"},
};

static const struct derive_entry *derive_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(derive_entries); i++) {
        if (strcmp(derive_entries[i].name, name) == 0) {
            return &derive_entries[i];
        }
    }
    return NULL;
}

bool derive_knows(const char *name)
{
    return derive_find(name) != NULL;
}

void derive_put(json_t *out, const char *name, json_t *step, const struct derive_facts *facts)
{
    const struct derive_entry *entry = derive_find(name);
    const double value = entry != NULL ? entry->run(step, facts) : NAN;

    if (isfinite(value)) {
        json_object_set_new(out, name, json_real(value));
    }
}

void derive_reference(struct text *out)
{
    for (size_t i = 0; i < ARRAY_LEN(derive_entries); i++) {
        text_printf(out, "  %-22s %s\n", derive_entries[i].name, derive_entries[i].about);
    }
}
