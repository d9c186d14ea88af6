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
#define DEFS_KINDS_MAX   40 /* Room for enum source_kind, and for what it gains. */

/* What set.yaml says; of several sets the newest version and the highest sequence. */
struct defs_meta {
    char name[DEFS_NAME_CAP];
    char version[DEFS_VERSION_CAP];
    char produced[32];
    uint64_t sequence;
    uint32_t certified;
};

/*
 * What became of lines: lines = used + skipped + unusable. Blank lines and comments are no lines; a
 * YARA rule counts as one.
 */
struct defs_kind_counts {
    uint64_t lines;
    uint64_t used;
    uint64_t skipped; /* For another functionality level, or on a list of what to ignore. */
    uint64_t unusable;
    uint64_t slow; /* Of those used. */
};

/* What became of the set. Files of a kind that this engine does not match are left out. */
struct defs_counts {
    uint64_t files;    /* Read. */
    uint64_t left_out; /* Files, and folders of lists. */
    uint64_t lines;    /* The sums over all kinds. */
    uint64_t used;
    uint64_t skipped;
    uint64_t unusable;
    uint64_t slow;
    struct defs_kind_counts kinds[DEFS_KINDS_MAX]; /* By enum source_kind. */
};

/* Called for each line that cannot be used. `line` is 0 when it is about the file as a whole. */
typedef void (*defs_report_fn)(void *ctx, const char *file, unsigned line, const char *reason);

struct keys;
struct survey;

/*
 * Compiles the set at `path` into `fd` (a fresh memfd or file, written from 0) and tests the image
 * before anybody else sees it. False with one line in `error` when the set is refused: not there,
 * set.yaml does not parse, nothing usable, the self-test failed, a system failure. With `strict`
 * one unusable line refuses the set.
 *
 * With a `cache` (a folder, made when it is not there) an image of the same content is taken from
 * there; then no line is reported. Not so with a `survey`, which wants to see every line; parts of
 * the image come from the cache even then.
 */
struct defs_compile {
    const char *path;
    bool strict;
    defs_report_fn report; /* May be NULL. */
    void *report_ctx;
    const char *cache;       /* May be NULL. */
    struct survey *survey;   /* Likewise. */
    const struct keys *keys; /* Likewise: whose signatures of packages and containers count. */
    bool require_signature;
};
MUST_CHECK bool defs_compile(const struct defs_compile *job, int fd, struct defs_meta *out_meta,
                             struct defs_counts *out_counts, char error[DEFS_ERROR_CAP]);

/*
 * Writes the image of the set with that content digest into `fd`, if the cache has it. False with
 * one line in `error`.
 */
MUST_CHECK bool defs_recall(const char *cache, const uint8_t content[DEFS_DIGEST_LEN], int fd,
                            char error[DEFS_ERROR_CAP]);

/*
 * An image mapped read-only. Two digests: `content` stands for what the set says and is the same
 * wherever and whenever the set is compiled; `digest` stands for the image's bytes, in which
 * compilers on different hosts may decide differently how to search.
 */
struct defs_image {
    const uint8_t *base;
    size_t len;
    struct defs_meta meta;
    struct defs_counts counts;
    uint8_t content[DEFS_DIGEST_LEN];
    uint8_t digest[DEFS_DIGEST_LEN]; /* SHA-256 of everything behind the header. */
    struct slice match;              /* For match_db_open. */
};

/*
 * Maps the image in `fd` and checks magic, format version, length and, when `verify` is set, the
 * digest (the supervisor does once; shards map what it sealed). -EBADMSG when it is no image.
 */
MUST_CHECK int defs_image_open(struct defs_image *image, int fd, bool verify);
void defs_image_close(struct defs_image *image);

/* Unmaps a piece; true when nothing of it is left. */
MUST_CHECK bool defs_image_close_slice(struct defs_image *image);

/*
 * The tag of contract section 7: a digest of the definitions' content, of the options that can
 * change a verdict or a response (as config_write_verdict_keys writes them) and of the engine's
 * version.
 */
void defs_istag(const uint8_t content[DEFS_DIGEST_LEN], struct slice options, const char *version,
                char out[DEFS_ISTAG_CAP]);
