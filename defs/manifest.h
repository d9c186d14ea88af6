#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * manifest - what a package says it holds.
 *
 * Role: JSON text of a package's name, version, sequence, certified flag, the length and SHA-256 of
 * its tar, and path, length and SHA-256 of each file in it, in the order of the tar. The text is
 * what gets signed, byte for byte. Owner: the package. Memory: the text and a vector of files.
 * Limits: MANIFEST_FILES_MAX files, paths of MANIFEST_PATH_MAX bytes that stay below the set's
 * folder, MANIFEST_TAR_MAX bytes in all.
 */
#include "base/slice.h"
#include "defs/defs.h"
#include "match/vec.h"

#define MANIFEST_FORMAT    1
#define MANIFEST_TEXT_MAX  MIB(16)
#define MANIFEST_FILES_MAX 65536
#define MANIFEST_PATH_MAX  199
#define MANIFEST_TAR_MAX   GIB(4)

struct manifest_file {
    char path[MANIFEST_PATH_MAX + 1];
    uint64_t len;
    uint8_t digest[DEFS_DIGEST_LEN];
};

struct manifest {
    struct defs_meta meta;
    uint64_t tar_len;
    uint8_t tar_digest[DEFS_DIGEST_LEN];
    struct vec files; /* struct manifest_file */
};

void manifest_init(struct manifest *manifest);
void manifest_free(struct manifest *manifest);

/* Whether a file of a set may have this path: relative, printable, no hidden part, no "..". */
MUST_CHECK bool manifest_path_ok(const char *path);

/* The text, malloc'ed; NULL without memory. */
MUST_CHECK char *manifest_write(const struct manifest *manifest);

/* Strict: what is missing, doubled, foreign or out of range is refused with the reason. */
MUST_CHECK bool manifest_parse(struct manifest *out, struct slice text, char error[DEFS_ERROR_CAP]);
