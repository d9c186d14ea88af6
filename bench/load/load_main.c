/* SPDX-License-Identifier: MIT */
#include "bench/load/load_main.h"

#include "bench/load/load_args.h"
#include "bench/load/load_report.h"
#include "bench/load/load_run.h"

#include <stdio.h>

int load_main(int argc, char **argv)
{
    static struct load_args args;
    char why[512];
    switch (load_args_parse(&args, argc, argv)) {
    case LOAD_ARGS_OK:
        break;
    case LOAD_ARGS_HELP:
        return 0;
    case LOAD_ARGS_BAD:
        return 2;
    }
    struct load_run *run = load_run_start(&args.spec, why, sizeof(why));
    if (run == NULL) {
        fprintf(stderr, "baleen-bench load: %s\n", why);
        return 2;
    }
    struct load_result result;
    load_run_finish(run, &result);
    if (args.json) {
        load_report_print_json(&args.spec, &result);
    } else {
        load_report_print(&args.spec, &result);
    }
    bool good = result.errors_total == 0 && result.requests + result.slow > 0;
    if (result.requests + result.slow == 0) {
        fputs("baleen-bench load: not one right answer\n", stderr);
    }
    load_result_free(&result);
    return good ? 0 : 1;
}
