/* SPDX-License-Identifier: MIT */
#include "bench/load/load_server.h"

#include "base/macro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first bytes of /proc/PID/NAME as a string; false when the process is gone. */
static bool load_server_read(pid_t pid, const char *name, char *out, size_t cap)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t len = fread(out, 1, cap - 1, file);
    fclose(file);
    out[len] = '\0';
    return len > 0;
}

/* User and system time: fields 14 and 15 of /proc/PID/stat, in clock ticks; the name before them
 * ends with ')'. */
static uint64_t load_server_ticks(const char *stat)
{
    const char *at = strrchr(stat, ')');
    for (unsigned field = 2; at != NULL && field < 14; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL) {
        return 0;
    }
    char *end = NULL;
    uint64_t user = strtoull(at, &end, 10);
    return user + strtoull(end, NULL, 10);
}

static bool load_server_look(struct load_server_process *process)
{
    char stat[1024];
    if (!load_server_read(process->pid, "stat", stat, sizeof(stat))) {
        return false;
    }
    uint64_t tick_ns = NS_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
    process->cpu_ns = MAX_OF(process->cpu_ns, load_server_ticks(stat) * tick_ns);
    return true;
}

static void load_server_add(struct load_server *server, pid_t pid)
{
    for (size_t i = 0; i < server->len; i++) {
        if (server->processes[i].pid == pid) {
            return;
        }
    }
    if (server->len < LOAD_PIDS_MAX) {
        server->processes[server->len++] = (struct load_server_process){.pid = pid};
    }
}

/* Children of the first thread; a supervisor has no other. */
static void load_server_adopt(struct load_server *server, pid_t pid)
{
    char name[64];
    char list[4096];
    snprintf(name, sizeof(name), "task/%d/children", (int)pid);
    if (!load_server_read(pid, name, list, sizeof(list))) {
        return;
    }
    char *at = list;
    for (;;) {
        char *end = NULL;
        long child = strtol(at, &end, 10);
        /* A list that was cut may end in half a number. */
        if (end == at || *end != ' ') {
            return;
        }
        load_server_add(server, (pid_t)child);
        at = end;
    }
}

bool load_server_init(struct load_server *server, const struct load_spec *spec)
{
    *server = (struct load_server){0};
    for (size_t i = 0; i < spec->pids_len; i++) {
        load_server_add(server, spec->pids[i]);
    }
    bool all = true;
    for (size_t i = 0; i < server->len; i++) {
        all &= load_server_look(&server->processes[i]);
    }
    return all;
}

uint64_t load_server_cpu_ns(struct load_server *server)
{
    uint64_t sum_ns = 0;
    for (size_t i = 0; i < server->len; i++) {
        if (load_server_look(&server->processes[i])) {
            load_server_adopt(server, server->processes[i].pid);
        }
        sum_ns += server->processes[i].cpu_ns;
    }
    return sum_ns;
}

/* The number behind "NAME:" in kB; 0 without it. */
static uint64_t load_server_field(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at != NULL ? strtoull(at + strlen(name), NULL, 10) << 10 : 0;
}

struct load_memory load_server_memory(const struct load_server *server)
{
    struct load_memory sum = {0};
    for (size_t i = 0; i < server->len; i++) {
        char text[4096];
        if (load_server_read(server->processes[i].pid, "smaps_rollup", text, sizeof(text))) {
            sum.rss_bytes += load_server_field(text, "\nRss:");
            sum.private_bytes += load_server_field(text, "Private_Clean:") +
                                 load_server_field(text, "Private_Dirty:");
        }
    }
    return sum;
}
