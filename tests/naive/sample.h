#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * sample - random body signatures, and bodies that speak for or against them.
 *
 * Role: the generator of the tests that compare match/ with the naive matcher. It writes a pattern
 * and, beside it, bytes that it matches; bodies are such bytes, damaged ones, and noise over the
 * same few letters. All of it depends on the seed alone. One state for the process: a test that
 * wants its own numbers seeds first.
 */
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void dice_seed(uint64_t seed);
uint32_t dice_below(uint32_t limit);

/* A pattern and bytes that it matches. */
struct sample {
    char text[2048];
    size_t text_len;
    uint8_t bytes[1024];
    size_t bytes_len;
    const char *letters;
    unsigned gaps;
};

void sample_make(struct sample *sample);

/* Adds to both the pattern and its bytes, for patterns of other make. */
void sample_put_run(struct sample *sample, unsigned len, bool open);
void sample_put_gap(struct sample *sample);

/* An offset that bytes in a body of sample_make_body may well have. */
void sample_make_offset(char *text, size_t cap, const struct sample *sample);

struct sample_body {
    uint8_t bytes[4096];
    size_t len;
};

void sample_make_body(struct sample_body *body, const struct sample *sample);
