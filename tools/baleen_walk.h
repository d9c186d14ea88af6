#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * baleen_walk - the files below some paths, one after the other.
 *
 * Role: depth first, names of a folder in byte order, so that two runs give the same list. Symbolic
 * links are followed only when they are named on the command line, never inside a tree. Memory: the
 * names of the folders that are open. Limits: paths of PATH_MAX bytes, WALK_DEPTH_MAX folders deep;
 * beyond is an error of that entry.
 */
#include "base/slice.h"

#include <limits.h>

#define WALK_DEPTH_MAX 512

enum walk_kind {
    WALK_END,
    WALK_FILE,
    WALK_SKIPPED, /* Not a regular file; `reason` says what it is. */
    WALK_FAILED,  /* `reason` says why it cannot be read. */
};

struct walk_folder {
    char **names;
    size_t names_len;
    size_t at;
    size_t path_len; /* Of the folder, with its slash. */
};

struct walk {
    char *const *roots;
    size_t roots_len;
    size_t at;
    size_t depth;
    struct walk_folder folders[WALK_DEPTH_MAX];
    char path[PATH_MAX];
};

struct walk_entry {
    enum walk_kind kind;
    const char *path; /* Valid until the next call. */
    const char *reason;
    uint64_t file_len;
};

void walk_init(struct walk *walk, char *const *roots, size_t roots_len);
void walk_fini(struct walk *walk);
void walk_next(struct walk *walk, struct walk_entry *out);
