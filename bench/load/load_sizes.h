#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_sizes - how long bodies are.
 *
 * Role: reads the description of a distribution and draws from it. A log-normal one has an end:
 * what is drawn beyond it is drawn again. Memory: rows of a trace, until load_sizes_free. Limits:
 * 1 GiB a body, a million rows. Sources: see load_web.c.
 */
#include "base/slice.h"
#include "bench/load/load_make.h"
#include "bench/load/load_why.h"

#define LOAD_BODY_MAX       GIB(1)
#define LOAD_TRACE_ROWS_MAX ((size_t)1000000)
#define LOAD_TRACE_TEXT_MAX MIB(64)

enum load_sizes_form {
    LOAD_SIZES_FIXED,
    LOAD_SIZES_LOGNORMAL,
    LOAD_SIZES_TRACE,
    LOAD_SIZES_WEB,
    LOAD_SIZES_OWN
};

struct load_lognormal {
    double median; /* Bytes. */
    double sigma;  /* Of the logarithm. */
    size_t max;    /* Bytes. */
};

struct load_trace_row {
    size_t size;
    uint32_t count;
    enum load_kind kind; /* LOAD_KIND_COUNT: as the mix says. */
};

struct load_sizes {
    enum load_sizes_form form;
    size_t fixed;
    struct load_lognormal lognormal;
    size_t rows_len;
    struct load_trace_row *rows;
};

/* Reads a trace file if the text names one. */
bool load_sizes_parse(struct load_sizes *sizes, const char *text, const struct load_why *why);

/* The rows of a trace; `name` is the file of the messages. */
bool load_sizes_parse_trace(struct load_sizes *sizes, struct slice text, const char *name,
                            const struct load_why *why);
void load_sizes_free(struct load_sizes *sizes);

/* A size of at most `max`; false when the distribution has none. */
bool load_lognormal_draw(const struct load_lognormal *dist, size_t max, struct load_random *random,
                         size_t *out);

/* "10", "10k", "10m", "1g". */
bool load_parse_bytes(struct slice text, uint64_t max, uint64_t *out);

/* "1", "0.5", "2.125", in thousandths; at most three decimals. */
bool load_parse_thousandths(struct slice text, uint64_t max, uint64_t *out);
