#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * image - the file that a definition set is compiled into.
 *
 *      0  header: magic, format, lengths, SHA-256 of all that follows
 *     64  info: metadata, content digest, counts, where the match section lies
 *   1984  match section, as match_builder_finish wrote it, to the end
 *
 * Role: writes that file; defs_image_open reads it. All numbers are little-endian, there is no
 * pointer, no time stamp and no path in it: the same set gives the same bytes on the same kind of
 * host. What a reader needs in order to be safe is checked on every open; that no bit has changed
 * is checked against the digest when asked for.
 */
#include "defs/defs.h"

#define IMAGE_FORMAT 2
#define IMAGE_ALIGN  64

struct image_header {
    uint8_t magic[8];
    uint32_t format;
    uint32_t info_len;
    uint64_t total_len;
    uint8_t digest[DEFS_DIGEST_LEN];
    uint64_t reserved; /* Zero. */
};

struct image_info {
    char name[DEFS_NAME_CAP];
    char version[DEFS_VERSION_CAP];
    char produced[32];
    uint64_t sequence;
    uint32_t certified;
    uint32_t reserved; /* Zero. */
    uint64_t files;
    uint64_t left_out;
    uint64_t lines;
    uint64_t used;
    uint64_t skipped;
    uint64_t unusable;
    uint64_t slow;
    uint64_t match_offset;
    uint64_t match_len;
    uint8_t content[DEFS_DIGEST_LEN];
    struct defs_kind_counts kinds[DEFS_KINDS_MAX];
    uint8_t pad[24]; /* Zero. */
};

/* What an image says of itself. */
struct image_facts {
    struct defs_meta meta;
    struct defs_counts counts;
    uint8_t content[DEFS_DIGEST_LEN];
};

/* Writes a whole image into `fd` from offset 0 and cuts the file to its length. */
MUST_CHECK int image_write(int fd, const struct image_facts *facts, struct slice match);
