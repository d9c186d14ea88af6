#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * micro_set - the definitions that the cases run on.
 *
 * Role: made-up signatures of all common forms (plain, with a byte left open, alternatives, short
 * and endless gaps) for any body, programs, pages and texts in turn, and made-up MD5 hashes. Few
 * enough for the compiler to leave all triggers to Hyperscan: what it does with larger sets it
 * finds out by trial, and that could differ from run to run. Memory: the caller frees images.
 */
#include "base/slice.h"
#include "match/filetype.h"

#define MICRO_SET_SIGNATURES 320
#define MICRO_SET_NEAR_LEN   24
#define MICRO_SET_DIGEST_LEN 16

struct micro_set_hash {
    uint8_t digest[MICRO_SET_DIGEST_LEN];
    uint64_t size;
};

/* Compiles so many of them to an image at an address that 64 divides. */
struct slice micro_set_build(unsigned signatures, unsigned hashes);

/* The same of body signatures that a case writes itself, for bodies of any kind. */
struct slice micro_set_build_bodies(const char *const *bodies, size_t bodies_len);

void micro_set_free(struct slice image);

/*
 * Writes MICRO_SET_NEAR_LEN bytes that have everything of the `nth` signature for bodies of this
 * kind but in the wrong order, so its trigger fires and nothing is found.
 */
void micro_set_near_miss(enum match_target target, unsigned nth, uint8_t *out);

/* Hash `index` of the set; from the set's number of hashes on, hashes that it does not have. */
struct micro_set_hash micro_set_hash_of(uint64_t index);
