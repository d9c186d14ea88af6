#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_web - what a page load consists of, as the HTTP Archive measures it.
 *
 * Role: the kinds of the mix "web" and the sizes of the distribution "web". Sources: the chapters
 * "Page Weight" of the Web Almanac of 2025 and, for style sheets, of 2022,
 * https://almanac.httparchive.org/en/2025/page-weight; how the numbers of the table come from
 * theirs stands beside them in load_web.c. Sizes are those of the transfer, so that of text they
 * are mostly those after compression.
 */
#include "bench/load/load_sizes.h"

#define LOAD_WEB_KINDS    7
#define LOAD_WEB_REQUESTS 57

struct load_web_kind {
    enum load_kind kind;
    unsigned requests; /* Of LOAD_WEB_REQUESTS. */
    struct load_lognormal size;
};

extern const struct load_web_kind load_web_kinds[LOAD_WEB_KINDS];

/* NULL for a kind that is not part of a page load. */
const struct load_lognormal *load_web_size(enum load_kind kind);
