#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * folder - what lies in a folder, in one order on every host.
 *
 * Role: lists a folder once (sorted by bytes, hidden names left out) and opens its files below the
 * descriptor it holds, so that a set that is replaced by a rename meanwhile is never read half and
 * half. Symbolic links are followed. Owner: the caller. Memory: the names. Limits:
 * FOLDER_ENTRIES_MAX names.
 */
#include "base/macro.h"

#include <stdbool.h>

#define FOLDER_ENTRIES_MAX 65536

struct folder_entry {
    char *name;
    bool is_folder;
};

struct folder {
    int fd;
    struct folder_entry *entries;
    size_t len;
    size_t cap;
};

/*
 * Files are read and written in pieces of this size. A kernel that is not preempted gives the core
 * back between two calls only, and a request may be waiting for it.
 */
#define FOLDER_PIECE_MAX KIB(32)

/* Opens and lists `name` below `dir_fd` (or AT_FDCWD). -E2BIG when there are too many names. */
MUST_CHECK int folder_open(struct folder *folder, int dir_fd, const char *name);
void folder_close(struct folder *folder);

/*
 * Opens a regular file for reading and tells when it was last written; -EINVAL when it is something
 * else. Never waits for a FIFO.
 */
MUST_CHECK int folder_open_file(const struct folder *folder, const char *name, int *out_fd,
                                int64_t *out_written_sec);
