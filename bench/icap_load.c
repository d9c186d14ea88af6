/* SPDX-License-Identifier: MIT */
/*
 * icap_load - asks an ICAP server as fast as it answers, and checks every answer.
 *
 * A wrong answer is an error and not a request; one error makes the exit code 1.
 */
#include "bench/load/load_report.h"
#include "bench/load/load_run.h"

#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>

/* Room for the descriptors of all connections, as far as we may. */
static void icap_load_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int icap_load_pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
    static struct load_args args;
    static struct load_run run;
    load_args_parse(&args, argc, argv);
    icap_load_raise_limit();
    if (args.cpu >= 0 && icap_load_pin(args.cpu) != 0) {
        perror("icap_load: --cpu");
        return 2;
    }
    load_run(&run, &args);
    if (args.json) {
        load_report_print_json(&run);
    } else {
        load_report_print(&run);
    }
    if (run.requests == 0) {
        fputs("icap_load: not one right answer\n", stderr);
        return 1;
    }
    return run.errors_total > 0 ? 1 : 0;
}
