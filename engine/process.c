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
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

extern char **environ;

static char *process_title;
static size_t process_title_cap;

void process_init(int argc, char **argv)
{
    /*
     * The kernel shows what stands where the arguments and the environment were laid out, one
     * behind the other. Only the arguments' part is taken, so that the environment stays whole.
     */
    process_title = argv[0];
    process_title_cap = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]);
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

void process_die_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}
