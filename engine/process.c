/* SPDX-License-Identifier: MIT */
#include "engine/process.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static char *process_title;
static size_t process_title_cap;

/*
 * Moves the environment away from where the kernel put it, behind the arguments, which end at
 * `end`. Returns where the room ends now.
 */
static char *process_move_environment(char *end)
{
    size_t len = 0;

    while (environ[len] != NULL) {
        len++;
    }
    char **moved = calloc(len + 1, sizeof(*moved));

    if (!moved) {
        return end;
    }
    for (size_t i = 0; i < len; i++) {
        moved[i] = strdup(environ[i]);
        if (!moved[i]) {
            while (i > 0) {
                free(moved[--i]);
            }
            free((void *)moved);
            return end;
        }
    }
    for (size_t i = 0; i < len && environ[i] == end + 1; i++) {
        end += 1 + strlen(environ[i]);
    }
    environ = moved;
    return end;
}

void process_init(int argc, char **argv)
{
    /*
     * The kernel shows what stands where the arguments and the environment were laid out, one
     * behind the other. A program called with few arguments needs the room of both for its title.
     */
    process_title = argv[0];
    process_title_cap =
        (size_t)(process_move_environment(argv[argc - 1] + strlen(argv[argc - 1])) - argv[0]);
}

void process_set_title(const char *format, ...)
{
    char title[128];
    va_list args;

    va_start(args, format);
    vsnprintf(title, sizeof(title), format, args);
    va_end(args);
    if (process_title && process_title_cap > 0) {
        memset(process_title, 0, process_title_cap + 1);
        snprintf(process_title, process_title_cap + 1, "%s", title);
    }
    prctl(PR_SET_NAME, title + (strncmp(title, "baleend: ", 9) == 0 ? 9 : 0));
}

void process_pin(int core)
{
    cpu_set_t set;

    if (core < 0) {
        return;
    }
    CPU_ZERO(&set);
    CPU_SET((unsigned)core, &set);
    if (sched_setaffinity(0, sizeof(set), &set) < 0) {
        LOG_WRN("cannot be pinned to core %d (%s)", core, strerror(errno));
    }
}

unsigned process_cores(int *out_cores, unsigned cap)
{
    cpu_set_t set;
    unsigned len = 0;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) < 0) {
        return 0;
    }
    for (int core = 0; core < CPU_SETSIZE && len < cap; core++) {
        if (CPU_ISSET((unsigned)core, &set)) {
            out_cores[len++] = core;
        }
    }
    return len;
}

uint64_t process_raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return 1024;
    }
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}

bool process_drop(const char *user)
{
    const struct passwd *entry = getpwnam(user);

    if (!entry) {
        LOG_ERR("user: there is no user '%s'", user);
        return false;
    }
    if (initgroups(user, entry->pw_gid) < 0 || setgid(entry->pw_gid) < 0 ||
        setuid(entry->pw_uid) < 0) {
        LOG_ERR("user: cannot become '%s' (%s)", user, strerror(errno));
        return false;
    }
    /* A way back would mean that nothing was dropped. */
    return setuid(0) < 0;
}

/* The lowest descriptor of `keep` that is at least `from`; -1: none. */
static int process_next_kept(const int *keep, unsigned keep_len, int from)
{
    int next = -1;

    for (unsigned i = 0; i < keep_len; i++) {
        if (keep[i] >= from && (next < 0 || keep[i] < next)) {
            next = keep[i];
        }
    }
    return next;
}

void process_close_others(const int *keep, unsigned keep_len)
{
    int from = STDERR_FILENO + 1;

    for (;;) {
        const int kept = process_next_kept(keep, keep_len, from);

        if (kept < 0) {
            close_range((unsigned)from, ~0U, 0);
            return;
        }
        if (kept > from) {
            close_range((unsigned)from, (unsigned)kept - 1, 0);
        }
        from = kept + 1;
    }
}

void process_die_with_parent(void)
{
    /* SIGTERM is blocked here: the supervisor reads it from a descriptor. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}
