#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * package - a definition set in one file.
 *
 *     zstd skippable frame 0x184D2A50   "BALEEN-P" and the manifest
 *     zstd skippable frame 0x184D2A51   Ed25519 signature of the manifest's text; missing: unsigned
 *     zstd frame                        tar of the set's files
 *
 * Role: packs a set, signs and verifies a package, unpacks it into a folder, and makes and applies
 * deltas. `zstd -d --long=27 | tar x` reads a package as well. A delta has a third frame in front
 * (0x184D2A52, "BALEEN-D" and the SHA-256 of the old tar), carries the new package's manifest and
 * signature, and its last frame is what `zstd --patch-from` makes of the two tars: applying it
 * gives a package with the signature of the new one. Nothing is believed before it is checked: the
 * manifest by its signature, the tar and each file by the manifest's digests, while it is being
 * unpacked, within the lengths that the manifest allows. Memory: one window (128 MiB at most; for
 * deltas the old tar is mapped). Runs in: the compiler process and `baleen defs`.
 */
#include "defs/keys.h"
#include "defs/manifest.h"

#define PACKAGE_SIGNATURE_LEN 64

struct package {
    int fd; /* The caller's. */
    struct manifest manifest;
    uint8_t *text; /* The manifest's, malloc'ed. */
    size_t text_len;
    bool is_signed;
    bool is_delta;
    uint8_t signature[PACKAGE_SIGNATURE_LEN];
    uint8_t base_digest[DEFS_DIGEST_LEN]; /* Of a delta: the old tar's. */
    uint64_t tar_at;                      /* Where the compressed tar begins. */
};

/* Whether the file begins like a package or a delta. */
bool package_is(int fd);

/* Reads everything in front of the tar. False with one line in `error`; nothing to close then. */
MUST_CHECK bool package_open(struct package *package, int fd, char error[DEFS_ERROR_CAP]);
void package_close(struct package *package);

/*
 * A signature must be that of one of the keys if there are keys; if it is `required` there must be
 * one.
 */
MUST_CHECK bool package_trust(const struct package *package, const struct keys *keys, bool required,
                              char error[DEFS_ERROR_CAP]);

/*
 * One file of the set; `bytes` are valid during the call. A negative errno ends the walk.
 */
typedef int (*package_take_fn)(void *ctx, const char *path, struct slice bytes);

/* Hands out the files one after the other, each after its digest has been checked. */
MUST_CHECK bool package_walk(const struct package *package, package_take_fn take, void *ctx,
                             char error[DEFS_ERROR_CAP]);

/* Writes the files below `dir_fd`, an empty folder. */
MUST_CHECK bool package_unpack(const struct package *package, int dir_fd,
                               char error[DEFS_ERROR_CAP]);

/* Only checks them. */
MUST_CHECK bool package_check(const struct package *package, char error[DEFS_ERROR_CAP]);

/* Packs the set in the folder at `path` (hidden names stay out). `fd`: an empty file. */
MUST_CHECK bool package_pack(const char *path, int fd, char error[DEFS_ERROR_CAP]);

/* Writes the package to `fd` with a signature by `key` in place of the one it has. */
MUST_CHECK bool package_sign(const struct package *package, EVP_PKEY *key, int fd,
                             char error[DEFS_ERROR_CAP]);

/* Writes to `fd` what turns the package `old` into `new`. */
MUST_CHECK bool package_diff(const struct package *old, const struct package *new, int fd,
                             char error[DEFS_ERROR_CAP]);

/* Writes to `fd` the package that `delta` makes of `old`. */
MUST_CHECK bool package_patch(const struct package *old, const struct package *delta, int fd,
                              char error[DEFS_ERROR_CAP]);
