/* SPDX-License-Identifier: MIT */
#include "match/scan_digest.h"

#include "base/err.h"
#include "match/scan_block.h"
#include "match/scan_hs.h"

#include <openssl/evp.h>

/* What both kinds of entries depend on beside the strings. */
struct digest_base {
    char magic[8];
    uint32_t version;
    uint32_t kind;
    uint32_t finders; /* Bits: which finders this machine can run. */
    uint32_t salt;
    char platform[SCAN_HS_PLATFORM_CAP];
};

static struct digest_base digest_base_of(enum scan_digest_kind kind, uint32_t salt)
{
    struct digest_base base = {
        .magic = SCAN_MAGIC, .version = SCAN_VERSION, .kind = kind, .salt = salt};

    for (unsigned i = 0; kind == SCAN_DIGEST_PLAN && i < GRAM_FINDERS; i++) {
        base.finders |= gram_finder_of((enum gram_finder)i) ? 1U << i : 0;
    }
    scan_hs_platform(base.platform);
    return base;
}

int scan_digest_strings(enum scan_digest_kind kind, const struct scan_string *strings, size_t len,
                        uint32_t salt, uint8_t out_key[SCAN_DIGEST_LEN])
{
    const struct digest_base base = digest_base_of(kind, salt);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
                EVP_DigestUpdate(ctx, &base, sizeof(base));

    for (size_t i = 0; good && i < len; i++) {
        uint8_t row[SCAN_STRING_MAX + 2];

        memcpy(row, strings[i].bytes, SCAN_STRING_MAX);
        row[SCAN_STRING_MAX] = strings[i].len;
        row[SCAN_STRING_MAX + 1] = strings[i].nocase;
        good = EVP_DigestUpdate(ctx, row, sizeof(row));
    }
    good = good && EVP_DigestFinal_ex(ctx, out_key, NULL);
    EVP_MD_CTX_free(ctx);
    return good ? 0 : ERR_NEW(-ENOMEM);
}

int scan_digest_append(uint8_t *bytes, size_t len)
{
    return EVP_Digest(bytes, len, bytes + len, NULL, EVP_sha256(), NULL) ? 0 : ERR_NEW(-ENOMEM);
}

bool scan_digest_fits(const uint8_t *bytes, size_t len)
{
    uint8_t digest[SCAN_DIGEST_LEN];

    return EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL) &&
           memcmp(digest, bytes + len, sizeof(digest)) == 0;
}
