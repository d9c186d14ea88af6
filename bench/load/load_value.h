#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_value - values as people write them.
 *
 * Role: what the command line and the scenarios have in common: sizes, times, shares, words and
 * lists. Errors: false for what is not of the form; the caller knows where it stood and says so.
 */
#include "bench/load/load_spec.h"

/* "10k", "1m", "2g" or a plain number. */
bool load_value_size(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* "2", "2s", "250ms", "5m" or "1h"; at most 10^6 seconds. */
bool load_value_seconds(const char *text, double *out);

/* "0.1" or "10%". */
bool load_value_share(const char *text, double *out);

/* Requests a second: "2500", "2.5k". */
bool load_value_rate(const char *text, double *out);

/* A list of 200, 204, 206, changed and found, as bits. */
bool load_value_expect(const char *text, unsigned *out);

bool load_value_method(const char *text, enum load_method *out);
bool load_value_pace(const char *text, enum load_pace *out);
bool load_value_refused(const char *text, enum load_refused *out);

/* "1000x5s,4000x2s": rates with their seconds. */
bool load_value_stages(const char *text, struct load_spec *spec);

/* Numbers with commas between them. */
bool load_value_cpus(const char *text, struct load_spec *spec);
bool load_value_pids(const char *text, struct load_spec *spec);
