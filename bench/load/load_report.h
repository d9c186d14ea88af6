#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_report - what one run has to say, as a block for people or as one line of JSON.
 *
 * The JSON is that of load_result_json with a few more keys on top: what was asked, and the figures
 * that scripts want most, without a way through objects (p50_us, p99_us, own_share, ...).
 */
#include "bench/load/load_result.h"
#include "bench/load/load_spec.h"

void load_report_print(const struct load_spec *spec, const struct load_result *result);
void load_report_print_json(const struct load_spec *spec, const struct load_result *result);
