#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * yara_guard - stops libyara when it takes too long.
 *
 * Role: libyara compares its clock every 4,096 bytes, and hostile bytes can keep an expression busy
 * for minutes in between. So it reads a copy of the body in pages of our own; when a timer of the
 * processor time fires, those pages are taken away, and the next read faults. libyara catches that
 * with its own signal handler, as it does for files that shrink, and returns. A fault is only ever
 * raised where bytes of the body are read, never inside of malloc. Owner: a yara_run. Memory: the
 * copy, given back above YARA_GUARD_KEPT_MAX; what libyara held at that moment is lost. Limits: one
 * guard at a time in a process; uses SIGVTALRM and ITIMER_VIRTUAL while it is up.
 */
#include "base/slice.h"

#include <signal.h>
#include <stdbool.h>

#define YARA_GUARD_KEPT_MAX MIB(1)

struct yara_guard {
    uint8_t *pages;
    size_t len; /* Mapped. */
    struct sigaction before;
};

/* Where the copy is, or NULL without memory. yara_guard_end must follow. */
MUST_CHECK const uint8_t *yara_guard_begin(struct yara_guard *guard, struct slice bytes,
                                           uint64_t limit_ns);

/* Whether the copy was taken away. */
bool yara_guard_end(struct yara_guard *guard);

void yara_guard_fini(struct yara_guard *guard);
