/* SPDX-License-Identifier: MIT */
/*
 * istag - the ISTag: the same for the same definitions, options and version, on every shard and
 * every host.
 *
 * Each part is preceded by its length, so that no two different triples feed the digest the same
 * bytes.
 */
#include "base/assert.h"
#include "defs/defs.h"

#include <openssl/evp.h>

static bool istag_add(EVP_MD_CTX *ctx, struct slice part)
{
    uint8_t len[8];

    for (size_t i = 0; i < sizeof(len); i++) {
        len[i] = (uint8_t)((uint64_t)part.len >> (8 * i));
    }
    return EVP_DigestUpdate(ctx, len, sizeof(len)) == 1 &&
           EVP_DigestUpdate(ctx, part.ptr, part.len) == 1;
}

void defs_istag(const uint8_t digest[DEFS_DIGEST_LEN], struct slice options, const char *version,
                char out[DEFS_ISTAG_CAP])
{
    static const char digits[] = "0123456789ABCDEF";
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t sum[DEFS_DIGEST_LEN];

    /* A few hundred bytes at start-up and at a swap: without memory for that, nothing goes on. */
    ASSERT(ctx != NULL);

    const bool good = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
                      istag_add(ctx, slice_from(digest, DEFS_DIGEST_LEN)) &&
                      istag_add(ctx, options) && istag_add(ctx, slice_from_str(version)) &&
                      EVP_DigestFinal_ex(ctx, sum, NULL) == 1;

    ASSERT(good);
    EVP_MD_CTX_free(ctx);
    for (size_t i = 0; i < DEFS_ISTAG_CAP - 1; i++) {
        out[i] = digits[(sum[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 0xf];
    }
    out[DEFS_ISTAG_CAP - 1] = '\0';
}
