#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * cvd_private - what the files of the container reader share: the header, and the three kinds of
 * signatures.
 */
#include "defs/cvd.h"

#define CVD_HEADER_LEN 512
#define CVD_MD5_LEN    16
#define CVD_SHA256_LEN 32

/* The fields between the colons, in the file's bytes. */
struct cvd_header {
    struct slice built;
    struct slice version;
    struct slice signatures;
    struct slice level;
    struct slice md5;
    struct slice dsig;
    struct slice builder;
};

/* `text` may be longer than a header. */
MUST_CHECK bool cvd_parse_header(struct slice text, struct cvd_header *out);

/* "X" stands in the place of what is not there. */
static inline bool cvd_is_none(struct slice field)
{
    return field.len == 0 || slice_equal(field, SLICE_OF("X"));
}

/* Is there a key that could have signed a container. */
bool cvd_keys_apply(const struct keys *keys);

/* The header's: a bare RSA power that gives the MD5 of what follows the header. */
bool cvd_verify_header(const struct keys *keys, struct slice dsig, const uint8_t md5[CVD_MD5_LEN]);

/* The list's: RSA-PSS over the SHA-256 of the lines before it. */
bool cvd_verify_list(const struct keys *keys, struct slice dsig, struct slice lines);

/* The file beside the container: CMS over all of it, by a key or by whom the key certifies. */
bool cvd_verify_detached(const struct keys *keys, struct slice file, struct slice signature);
