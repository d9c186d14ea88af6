/* SPDX-License-Identifier: MIT */
#include "match/yara_guard.h"

#include "base/assert.h"

#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

/* What the handler takes away; a handler has no context. */
static struct yara_guard *volatile guard_up;
static volatile sig_atomic_t guard_fired;

static void guard_on_timer(int number)
{
    struct yara_guard *guard = guard_up;

    (void)number;
    if (guard != NULL) {
        guard_fired = 1;
        (void)mprotect(guard->pages, guard->len, PROT_NONE);
    }
}

static void guard_set_timer(uint64_t limit_ns)
{
    struct itimerval timer = {0};

    timer.it_value.tv_sec = (time_t)(limit_ns / NS_PER_SEC);
    timer.it_value.tv_usec = (suseconds_t)(limit_ns % NS_PER_SEC / 1000);
    (void)setitimer(ITIMER_VIRTUAL, &timer, NULL);
}

static bool guard_make_room(struct yara_guard *guard, size_t len)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t need = (MAX_OF(len, 1) + page - 1) / page * page;

    if (need <= guard->len) {
        return true;
    }
    yara_guard_fini(guard);
    uint8_t *pages = mmap(NULL, need, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED) {
        return false;
    }
    guard->pages = pages;
    guard->len = need;
    return true;
}

const uint8_t *yara_guard_begin(struct yara_guard *guard, struct slice bytes, uint64_t limit_ns)
{
    struct sigaction action = {.sa_handler = guard_on_timer, .sa_flags = SA_RESTART};
    sigset_t set;

    ASSERT(guard_up == NULL);
    if (!guard_make_room(guard, bytes.len)) {
        return NULL;
    }
    if (bytes.len > 0) {
        memcpy(guard->pages, bytes.ptr, bytes.len);
    }
    sigemptyset(&action.sa_mask);
    sigemptyset(&set);
    sigaddset(&set, SIGVTALRM);
    guard_fired = 0;
    guard_up = guard;
    (void)sigaction(SIGVTALRM, &action, &guard->before);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    guard_set_timer(MAX_OF(limit_ns, NS_PER_MS));
    return guard->pages;
}

bool yara_guard_end(struct yara_guard *guard)
{
    ASSERT(guard_up == guard);
    guard_set_timer(0);
    guard_up = NULL;
    (void)sigaction(SIGVTALRM, &guard->before, NULL);
    if (guard_fired || guard->len > YARA_GUARD_KEPT_MAX) {
        yara_guard_fini(guard);
    }
    return guard_fired != 0;
}

void yara_guard_fini(struct yara_guard *guard)
{
    if (guard->pages != NULL) {
        (void)munmap(guard->pages, guard->len);
    }
    guard->pages = NULL;
    guard->len = 0;
}
