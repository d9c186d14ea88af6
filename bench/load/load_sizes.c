/* SPDX-License-Identifier: MIT */
#include "bench/load/load_sizes.h"

#include "bench/load/load_files.h"

#include <errno.h>
#include <stdlib.h>

/* What a log-normal distribution without an end of its own ends at. */
#define LOAD_LOGNORMAL_MAX MIB(64)

/* Beyond this the median is no matter of interest any more, and the sizes are noise. */
#define LOAD_SIGMA_MAX 8000

/* A distribution that misses this often has nothing below its end. */
#define LOAD_DRAWS_MAX 1000

bool load_parse_bytes(struct slice text, uint64_t max, uint64_t *out)
{
    unsigned shift = 0;
    uint64_t value = 0;

    if (text.len > 0) {
        const uint8_t unit = text.ptr[text.len - 1] | 0x20;

        shift = unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : 0;
    }
    text.len -= shift > 0;
    if (!slice_parse_u64(text, &value) || value > max >> shift) {
        return false;
    }
    *out = value << shift;
    return true;
}

bool load_parse_thousandths(struct slice text, uint64_t max, uint64_t *out)
{
    const bool point = slice_find(text, '.') < text.len;
    struct slice rest = text;
    const struct slice whole_text = slice_split(&rest, '.');
    uint64_t whole = 0;
    uint64_t part = 0;

    if (!slice_parse_u64(whole_text, &whole) || whole > max / 1000) {
        return false;
    }
    if (point) {
        if (rest.len > 3 || !slice_parse_u64(rest, &part)) {
            return false;
        }
        part *= rest.len == 1 ? 100 : rest.len == 2 ? 10 : 1;
    }
    *out = whole * 1000 + part;
    return *out <= max;
}

static bool load_sizes_parse_lognormal(struct load_sizes *sizes, struct slice text,
                                       const struct load_why *why)
{
    const char *const form = "sizes: lognormal:MEDIAN,SIGMA[,MAX]";
    struct slice parts[4];
    size_t len = 0;
    uint64_t median = 0;
    uint64_t sigma = 0;
    uint64_t max = LOAD_LOGNORMAL_MAX;

    for (bool more = true; more && len < ARRAY_LEN(parts); len++) {
        more = slice_find(text, ',') < text.len;
        parts[len] = slice_split(&text, ',');
    }
    if (len < 2 || len > 3) {
        return load_why_set(why, "%s: two or three numbers", form);
    }
    if (!load_parse_bytes(parts[0], LOAD_BODY_MAX, &median) || median == 0) {
        return load_why_set(why, "%s: the median is a number of bytes from 1 to 1g", form);
    }
    if (!load_parse_thousandths(parts[1], LOAD_SIGMA_MAX, &sigma)) {
        return load_why_set(why, "%s: sigma is a number from 0 to 8, with at most three decimals",
                            form);
    }
    if (len == 3 && !load_parse_bytes(parts[2], LOAD_BODY_MAX, &max)) {
        return load_why_set(why, "%s: the maximum is a number of bytes up to 1g", form);
    }
    if (len == 3 && max < median) {
        return load_why_set(why, "%s: the maximum is below the median", form);
    }
    sizes->form = LOAD_SIZES_LOGNORMAL;
    sizes->lognormal =
        (struct load_lognormal){(double)median, (double)sigma / 1000, MAX_OF(max, median)};
    return true;
}

/* "SIZE", "SIZE TAB KIND", "SIZE TAB COUNT" or "SIZE TAB KIND TAB COUNT". */
static const char *load_trace_parse_row(struct slice line, struct load_trace_row *row)
{
    struct slice rest = line;
    uint64_t size = 0;
    uint64_t count = 1;

    *row = (struct load_trace_row){.kind = LOAD_KIND_COUNT};
    if (!load_parse_bytes(slice_split(&rest, '\t'), LOAD_BODY_MAX, &size)) {
        return "the size is a number of bytes up to 1g";
    }
    struct slice word = slice_split(&rest, '\t');
    const bool has_kind = word.len > 0 && (word.ptr[0] < '0' || word.ptr[0] > '9');

    if (has_kind) {
        if (!load_kind_find(word, &row->kind) || row->kind == LOAD_KIND_FILE) {
            return "behind the size stands a generated kind or a count";
        }
        word = slice_split(&rest, '\t');
    }
    if (word.len > 0 && (!slice_parse_u64(word, &count) || count == 0 || count > 1000000)) {
        return "the count is a number from 1 to 1000000";
    }
    if (rest.len > 0) {
        return "more than a size, a kind and a count, divided by tabs";
    }
    row->size = size;
    row->count = (uint32_t)count;
    return NULL;
}

static bool load_trace_add(struct load_sizes *sizes, size_t *cap, const struct load_trace_row *row)
{
    if (sizes->rows_len == *cap) {
        const size_t more = MAX_OF(*cap * 2, (size_t)256);
        struct load_trace_row *rows = reallocarray(sizes->rows, more, sizeof(*rows));

        if (rows == NULL) {
            return false;
        }
        sizes->rows = rows;
        *cap = more;
    }
    sizes->rows[sizes->rows_len++] = *row;
    return true;
}

bool load_sizes_parse_trace(struct load_sizes *sizes, struct slice text, const char *name,
                            const struct load_why *why)
{
    size_t cap = 0;

    *sizes = (struct load_sizes){.form = LOAD_SIZES_TRACE};
    for (size_t number = 1; text.len > 0; number++) {
        struct load_trace_row row;
        struct slice line = slice_trim(slice_split(&text, '\n'));

        /* Of a file that comes from elsewhere. */
        line.len -= line.len > 0 && line.ptr[line.len - 1] == '\r';
        line = slice_trim(line);
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        const char *wrong = load_trace_parse_row(line, &row);

        if (wrong == NULL && sizes->rows_len == LOAD_TRACE_ROWS_MAX) {
            wrong = "more than a million rows";
        }
        if (wrong == NULL && !load_trace_add(sizes, &cap, &row)) {
            wrong = "out of memory";
        }
        if (wrong != NULL) {
            load_sizes_free(sizes);
            return load_why_set(why, "%s:%zu: %s", name, number, wrong);
        }
    }
    if (sizes->rows_len == 0) {
        return load_why_set(why, "%s: a trace has a size in each line; this one has none", name);
    }
    return true;
}

static bool load_sizes_read_trace(struct load_sizes *sizes, const char *path,
                                  const struct load_why *why)
{
    struct slice text = {0};

    if (!load_files_read_whole(path, LOAD_TRACE_TEXT_MAX, &text, why)) {
        return false;
    }
    const bool ok = load_sizes_parse_trace(sizes, text, path, why);

    load_files_free_whole(text);
    return ok;
}

bool load_sizes_parse(struct load_sizes *sizes, const char *text, const struct load_why *why)
{
    const struct slice whole = slice_from_str(text);
    uint64_t fixed = 0;

    *sizes = (struct load_sizes){0};
    if (strcmp(text, "web") == 0) {
        sizes->form = LOAD_SIZES_WEB;
        return true;
    }
    if (strcmp(text, "own") == 0) {
        sizes->form = LOAD_SIZES_OWN;
        return true;
    }
    if (strncmp(text, "lognormal:", 10) == 0) {
        return load_sizes_parse_lognormal(sizes, slice_skip(whole, 10), why);
    }
    if (strncmp(text, "trace:", 6) == 0) {
        return load_sizes_read_trace(sizes, text + 6, why);
    }
    if (!load_parse_bytes(whole, LOAD_BODY_MAX, &fixed)) {
        return load_why_set(why,
                            "sizes: '%.80s' is not a number of bytes up to 1g, "
                            "lognormal:MEDIAN,SIGMA[,MAX], trace:FILE, web or own",
                            text);
    }
    sizes->form = LOAD_SIZES_FIXED;
    sizes->fixed = fixed;
    return true;
}

void load_sizes_free(struct load_sizes *sizes)
{
    free(sizes->rows);
    *sizes = (struct load_sizes){0};
}

bool load_lognormal_draw(const struct load_lognormal *dist, size_t max, struct load_random *random,
                         size_t *out)
{
    const double end = (double)MIN_OF(max, dist->max);

    for (int i = 0; i < LOAD_DRAWS_MAX; i++) {
        const double factor = load_random_exp(dist->sigma * load_random_normal(random));
        const double size = dist->median * factor + 0.5;

        if (size < end + 1) {
            *out = (size_t)size;
            return true;
        }
    }
    return false;
}
