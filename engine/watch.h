#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * watch - has the content of the definitions' path changed?
 *
 * Role: a fingerprint of names, sizes, inodes and times of everything below a path, taken every
 * WATCH_EVERY_NS. A change counts once two fingerprints in a row agree, so that a set that is being
 * copied is not read half. Rejected: inotify, which says nothing about network file systems and
 * about folders swapped by a symbolic link.
 */
#include "base/macro.h"

#include <stdbool.h>

#define WATCH_EVERY_NS (1 * NS_PER_SEC)

struct watch {
    uint64_t seen;   /* What the engine runs on. */
    uint64_t last;   /* The fingerprint before. */
    uint64_t due_ns; /* Next look. */
};

/* What is there now is what the engine runs on. */
void watch_init(struct watch *watch, const char *path, uint64_t now_ns);

/* True once for each settled change. */
MUST_CHECK bool watch_run(struct watch *watch, const char *path, uint64_t now_ns);
