#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_files - bodies that are files.
 *
 * Role: lists one file or each regular file below a folder, in the order of their names' bytes, and
 * reads them. Symbolic links are never followed, neither is `path` itself one. Memory: the list,
 * until load_files_free. Limits: a million files, 64 folders deep.
 */
#include "base/slice.h"
#include "bench/load/load_why.h"

struct load_file {
    char *path; /* Absolute. */
    size_t size;
};

struct load_files {
    size_t len;
    struct load_file *files;
    uint64_t bytes;
};

bool load_files_list(struct load_files *files, const char *path, const struct load_why *why);
void load_files_free(struct load_files *files);

/* The `file->size` bytes; false when there are fewer by now. */
bool load_files_read(const struct load_file *file, uint8_t *out, const struct load_why *why);

/* Content-Type by the end of the name. */
const char *load_files_type(const char *path);

/* A text file of at most `max` bytes, freed by the other function. */
bool load_files_read_whole(const char *path, size_t max, struct slice *out,
                           const struct load_why *why);
void load_files_free_whole(struct slice text);
