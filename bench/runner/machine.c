/* SPDX-License-Identifier: MIT */
#include "bench/runner/machine.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

static void machine_read_cpu(char *out, size_t cap)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];

    snprintf(out, cap, "unknown");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const char *value = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;

        if (value != NULL) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(out, cap, "%s", value + 2);
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

json_t *machine_describe(void)
{
    struct utsname names;
    struct sysinfo info;
    char cpu[128];
    char kernel[2 * sizeof(names.release)] = "unknown";
    json_int_t memory = 0;

    machine_read_cpu(cpu, sizeof(cpu));
    if (uname(&names) == 0) {
        snprintf(kernel, sizeof(kernel), "%s %s", names.sysname, names.release);
    }
    if (sysinfo(&info) == 0) {
        memory = (json_int_t)info.totalram * (json_int_t)info.mem_unit;
    }
    return json_pack("{s:s, s:I, s:s, s:I}", "cpu", cpu, "cores",
                     (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "kernel", kernel, "memory", memory);
}

/* The sum of numbers `from` to `to` (from 1) behind the text `at`. */
static double machine_sum(const char *at, unsigned from, unsigned to)
{
    double sum = 0;
    char *end = NULL;

    for (unsigned i = 1; i <= to; i++, at = end) {
        const unsigned long long value = strtoull(at, &end, 10);

        sum += i >= from ? (double)value : 0;
    }
    return sum;
}

/* User, nice, system and the two kinds of interrupts; idle and waiting for a disk are not busy. */
static double machine_busy_ticks(void)
{
    FILE *file = fopen("/proc/stat", "re");
    char line[512] = "";

    if (file != NULL) {
        if (fgets(line, sizeof(line), file) == NULL) {
            line[0] = '\0';
        }
        fclose(file);
    }
    const char *at = line + strcspn(line, " ");

    return machine_sum(at, 1, 3) + machine_sum(at, 6, 7);
}

/* Fields 14 and 15 of /proc/PID/stat; the name before them ends with ')'. */
static double machine_process_ticks(pid_t pid)
{
    char path[64];
    char stat[1024] = "";

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");

    if (file != NULL) {
        if (fgets(stat, sizeof(stat), file) == NULL) {
            stat[0] = '\0';
        }
        fclose(file);
    }
    const char *at = strrchr(stat, ')');

    for (unsigned field = 2; at != NULL && field < 14; field++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? machine_sum(at, 1, 2) : 0;
}

struct machine_mark machine_look(const pid_t *pids, size_t pids_len)
{
    const double tick = 1 / (double)sysconf(_SC_CLK_TCK);
    struct machine_mark mark = {
        .wall = (double)clock_now_ns() / (double)NS_PER_SEC,
        .busy = machine_busy_ticks() * tick,
        .own = (double)clock_cpu_ns() / (double)NS_PER_SEC,
    };

    for (size_t i = 0; i < pids_len; i++) {
        mark.server += machine_process_ticks(pids[i]) * tick;
    }
    return mark;
}

double machine_other_load(const struct machine_mark *from, const struct machine_mark *to)
{
    const double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    const double wall = (to->wall - from->wall) * cores;
    const double busy = to->busy - from->busy;
    const double ours = (to->own - from->own) + (to->server - from->server);

    return wall > 0 && busy > ours ? (busy - ours) / wall : 0;
}
