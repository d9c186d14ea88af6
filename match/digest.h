#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * digest - hashes of bodies and of pieces of them against the hash tables.
 *
 * Role: says which kinds some signature of that size needs, computes them and looks them up. Kinds
 * with entries for any size are computed while the body arrives. A size costs one or two cache
 * lines, a digest three: the place in the bucket index and the digests behind it. Owner: the slot
 * of a body. Memory: the states lie in the slot. OpenSSL's EVP interface allocates for every digest
 * it begins, which feeding a body must not; its older interface works on a struct of ours and runs
 * the same code.
 */
#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif
#include "match/layout.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

/* A set of kinds: bit 1 << enum layout_hash. */
#define DIGEST_ALL ((1U << LAYOUT_HASHES) - 1)

struct digest {
    MD5_CTX md5;
    SHA_CTX sha1;
    SHA256_CTX sha256;
};

struct digest_value {
    uint8_t bytes[LAYOUT_HASHES][LAYOUT_DIGEST_MAX];
};

void digest_init(struct digest *digest, unsigned kinds);
void digest_update(struct digest *digest, unsigned kinds, struct slice bytes);
void digest_final(struct digest *digest, unsigned kinds, struct digest_value *out);

/* The state of the MD5 after a whole number of blocks, for those who go on with it elsewhere. */
void digest_md5_get(const struct digest *digest, uint32_t out_state[4]);
void digest_md5_set(struct digest *digest, const uint32_t state[4], uint64_t bytes);

enum digest_purpose {
    DIGEST_DETECTS,
    DIGEST_ALLOWS
};

/* Kinds that have an entry for a piece of `size` bytes; LAYOUT_ANY_SIZE asks for those of any size.
 */
unsigned digest_kinds_of(const struct layout *layout, enum layout_scope scope, uint64_t size,
                         enum digest_purpose purpose);

/* The entry of a piece of `size` bytes with these digests (of `kinds`), or NULL. */
const struct layout_digest *digest_find_of(const struct layout *layout, enum layout_scope scope,
                                           unsigned kinds, uint64_t size,
                                           const struct digest_value *value,
                                           enum digest_purpose purpose);

/*
 * Has the processor fetch what digest_find of a whole body's digest will look at, so that the waits
 * for several bodies overlap: first the bucket for all of them, then the row for all of them.
 */
void digest_fetch_bucket(const struct layout *layout, enum layout_hash kind, const uint8_t *digest);
void digest_fetch_row(const struct layout *layout, enum layout_hash kind, const uint8_t *digest);

/* The same for whole bodies. */
static inline unsigned digest_kinds(const struct layout *layout, uint64_t size,
                                    enum digest_purpose purpose)
{
    return digest_kinds_of(layout, LAYOUT_SCOPE_BODY, size, purpose);
}

static inline const struct layout_digest *digest_find(const struct layout *layout, unsigned kinds,
                                                      uint64_t size,
                                                      const struct digest_value *value,
                                                      enum digest_purpose purpose)
{
    return digest_find_of(layout, LAYOUT_SCOPE_BODY, kinds, size, value, purpose);
}
