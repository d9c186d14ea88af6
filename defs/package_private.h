#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * package_private - what the files of the package room share: frames, and tars as mapped files.
 */
#include "defs/package.h"

#define PACKAGE_FRAME_MANIFEST  0x184D2A50U
#define PACKAGE_FRAME_SIGNATURE 0x184D2A51U
#define PACKAGE_FRAME_BASE      0x184D2A52U

#define PACKAGE_MAGIC       "BALEEN-P"
#define PACKAGE_DELTA_MAGIC "BALEEN-D"
#define PACKAGE_MAGIC_LEN   8

#define PACKAGE_LEVEL      12
#define PACKAGE_WINDOW_LOG 27

/* False, so that callers can return it. */
PRINTF_LIKE(2, 3) bool package_refuse(char error[DEFS_ERROR_CAP], const char *format, ...);

/* Manifest and signature, and for a delta what it is made from, at the end of `fd`. */
MUST_CHECK bool package_write_head(int fd, struct slice text, const uint8_t *signature,
                                   const uint8_t *base_digest);

/* An uncompressed tar: an unlinked file, mapped. */
struct package_tar {
    int fd;
    const uint8_t *base;
    size_t len;
};

/* An empty one to write into; then package_tar_map. */
MUST_CHECK bool package_tar_new(struct package_tar *tar, char error[DEFS_ERROR_CAP]);
MUST_CHECK bool package_tar_map(struct package_tar *tar, char error[DEFS_ERROR_CAP]);
void package_tar_free(struct package_tar *tar);

/*
 * Unpacks the tar of a package, or of a delta with the tar it was made from, into `out`, and checks
 * its length and digest.
 */
MUST_CHECK bool package_read_tar(const struct package *package, const struct package_tar *base,
                                 struct package_tar *out, char error[DEFS_ERROR_CAP]);

/* Appends the compressed tar to `fd`; with `base` as `zstd --patch-from` does. */
MUST_CHECK bool package_write_tar(int fd, const struct package_tar *tar,
                                  const struct package_tar *base, char error[DEFS_ERROR_CAP]);
