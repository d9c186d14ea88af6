#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * defs - from a definition set to an image, and what an image says of itself.
 *
 * Role: reads a set (a folder as the configuration guide describes it, or a folder of such
 * folders), hands each line to match_build, and writes one image: a header, the metadata, and the
 * match section, in one file without pointers that any number of processes map read-only. Runs in:
 * the compiler process and `baleen defs`; opening an image runs everywhere.
 */
#include "base/slice.h"

#define DEFS_NAME_CAP    128
#define DEFS_VERSION_CAP 16 /* "YYYYMMDD.RRR" and a NUL. */
#define DEFS_DIGEST_LEN  32
#define DEFS_ERROR_CAP   512
#define DEFS_ISTAG_CAP   33 /* 32 hexadecimal digits and a NUL. */

/* What set.yaml says; of several sets the newest version and the highest sequence. */
struct defs_meta {
    char name[DEFS_NAME_CAP];
    char version[DEFS_VERSION_CAP];
    char produced[32];
    uint64_t sequence;
    uint32_t certified;
};

/*
 * What became of the set: lines = used + skipped + unusable. Blank lines and comments are no lines.
 * Files of a kind that this engine does not match are left out as a whole.
 */
struct defs_counts {
    uint64_t files;    /* Read line by line. */
    uint64_t left_out; /* Files, and folders of lists. */
    uint64_t lines;
    uint64_t used;
    uint64_t skipped; /* Meant for an older or a newer functionality level. */
    uint64_t unusable;
};

/* Called for each line that cannot be used. `line` is 0 when it is about the file as a whole. */
typedef void (*defs_report_fn)(void *ctx, const char *file, unsigned line, const char *reason);

/*
 * Compiles the set at `path` into `fd` (a fresh memfd or file, written from 0). False with one line
 * in `error` when the set is refused: not there, set.yaml does not parse, nothing usable, a system
 * failure. With `strict` one unusable line refuses the set.
 */
struct defs_compile {
    const char *path;
    bool strict;
    defs_report_fn report; /* May be NULL. */
    void *report_ctx;
};
MUST_CHECK bool defs_compile(const struct defs_compile *job, int fd, struct defs_meta *out_meta,
                             struct defs_counts *out_counts, char error[DEFS_ERROR_CAP]);

/* An image mapped read-only. */
struct defs_image {
    const uint8_t *base;
    size_t len;
    struct defs_meta meta;
    struct defs_counts counts;
    uint8_t digest[DEFS_DIGEST_LEN]; /* SHA-256 of everything behind the header. */
    struct slice match;              /* For match_db_open. */
};

/*
 * Maps the image in `fd` and checks magic, format version, length and, when `verify` is set, the
 * digest (the supervisor does once; shards map what it sealed). -EBADMSG when it is no image.
 */
MUST_CHECK int defs_image_open(struct defs_image *image, int fd, bool verify);
void defs_image_close(struct defs_image *image);

/*
 * The tag of contract section 7: a digest of the definitions, of the options that can change a
 * verdict or a response (as config_write_verdict_keys writes them) and of the engine's version.
 */
void defs_istag(const uint8_t digest[DEFS_DIGEST_LEN], struct slice options, const char *version,
                char out[DEFS_ISTAG_CAP]);
