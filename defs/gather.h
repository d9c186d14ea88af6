#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * gather - the files of a definition set, or of a folder of sets, read into memory in one order.
 *
 * Role: finds the sets at a path, folders and packages, reads their files, opens ClamAV's
 * containers into members, and sums up what all of that says. Whatever is compiled, cached or
 * compared afterwards is what was read here, once: a set that is replaced meanwhile is not met half
 * and half. Owner: the caller. Memory: the bytes of all files, until gather_free. Limits:
 * GATHER_BYTES_MAX in all.
 *
 * The content digest stands for what the sets say: the kinds, names and bytes of their files in
 * order, set.yaml among them. Times of writing and the names of folders are not in it, although
 * they stand for version and name where set.yaml does not give them: the nodes of a farm agree when
 * their files do, however those were copied.
 */
#include "defs/source.h"
#include "defs/sum.h"
#include "match/vec.h"

#define GATHER_BYTES_MAX GIB(4)

struct folder;
struct folder_entry;

/* A file, or a member of a package or container. */
struct gather_file {
    char *path;       /* For reports. */
    const char *name; /* Its last part. */
    uint8_t *bytes;   /* NULL when nothing can be made of them. */
    size_t len;
    uint32_t set;
    enum source_kind kind;
};

struct gather_set {
    char *path;
    struct defs_meta meta;
};

struct gather {
    struct vec files; /* struct gather_file */
    struct vec sets;  /* struct gather_set */
    struct defs_meta meta;
    uint8_t content[DEFS_DIGEST_LEN];

    /* Private: what is under way. */
    const struct defs_compile *job;
    char *error;
    const struct folder *folder;
    struct gather_set set;
    uint8_t *info; /* set.yaml. */
    size_t info_len;
    int64_t newest_sec;
    uint64_t bytes_len;
    struct sum sum;
    char file_path[4096];
};

/*
 * Reads everything at the job's path; packages and containers are checked with its keys. False with
 * one line in `error` when the set is refused; gather_free is due in either case.
 */
MUST_CHECK bool gather_run(struct gather *gather, const struct defs_compile *job,
                           char error[DEFS_ERROR_CAP]);
void gather_free(struct gather *gather);

static inline const struct gather_file *gather_file_at(const struct gather *gather, size_t i)
{
    return (const struct gather_file *)vec_at(&gather->files, i);
}

static inline const struct gather_set *gather_set_at(const struct gather *gather, size_t i)
{
    return (const struct gather_set *)vec_at(&gather->sets, i);
}

/* Writes the line into `error`, free of control characters; false, so that callers can return it.
 */
PRINTF_LIKE(2, 3) bool gather_refuse(char error[DEFS_ERROR_CAP], const char *format, ...);
