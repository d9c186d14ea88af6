#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * scan_choose - tries plans on a sample.
 *
 * Private to the scan files. Runs in: the builder.
 */
#include "match/scan_build.h"

#define SCAN_SAMPLE_BYTES KIB(512) /* Of each kind. */

/* A copy in an order that depends on the strings only, with zeros behind short ones; malloc'ed. */
MUST_CHECK int scan_strings_sort(const struct scan_string *strings, size_t len,
                                 struct scan_string **out);

/*
 * A sample of a kind of bytes: what the byte model holds for likely, or noise. Always the same.
 * SCAN_SAMPLE_BYTES at `out`. -ENOMEM.
 */
MUST_CHECK int scan_sample_make(enum scan_sample kind, uint8_t *out);
