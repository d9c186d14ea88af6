#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_report - what a run has to say, as a block for people or as one line of JSON.
 */
struct load_run;

void load_report_print(const struct load_run *run);
void load_report_print_json(const struct load_run *run);
