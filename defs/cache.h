#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * cache - what was compiled before, in a folder, found again by a key.
 *
 * Role: keeps whole images and the parts they are made of. An entry is one file, written beside and
 * renamed, with a digest over its key and its bytes; what does not agree with its digest is not
 * there. Owner: the caller. Runs in: the compiler process and `baleen defs`, several at a time if
 * need be. Memory: entries are read into malloc'ed memory. Limits: CACHE_IMAGES_MAX images,
 * CACHE_PARTS_MAX parts of CACHE_PARTS_BYTES in all; of what is more, cache_trim drops what was not
 * used for the longest time.
 *
 * A digest tells damage, not malice, and parts hold what a library runs: the folder must belong to
 * the user who compiles and be writable by nobody else, or it is not used.
 */
#include "defs/defs.h"

#define CACHE_IMAGES_MAX  4
#define CACHE_PARTS_MAX   256
#define CACHE_PARTS_BYTES MIB(512)

enum cache_kind {
    CACHE_IMAGE,
    CACHE_PART,
};

struct cache {
    int fd; /* -1: none; then nothing is found and nothing is kept. */
};

/* Opens the folder, making it if it is not there. False with one line in `error`. */
MUST_CHECK bool cache_open(struct cache *cache, const char *path, char error[DEFS_ERROR_CAP]);
void cache_close(struct cache *cache);

/* The bytes kept under the key, malloc'ed; counts as a use. False when there are none. */
MUST_CHECK bool cache_load(const struct cache *cache, enum cache_kind kind,
                           const uint8_t key[DEFS_DIGEST_LEN], uint8_t **out_bytes,
                           size_t *out_len);

/* Keeps the bytes. May fail silently: it is only a cache. */
void cache_store(const struct cache *cache, enum cache_kind kind,
                 const uint8_t key[DEFS_DIGEST_LEN], struct slice bytes);

/* Drops what is over the limits, and what was left half written. */
void cache_trim(const struct cache *cache);
