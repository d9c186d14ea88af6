/* SPDX-License-Identifier: MIT */
/*
 * cvd_sign - the signatures of ClamAV's containers.
 *
 * Numbers are written in a base 64 of their own, the lowest digit first. The header's signature is
 * RSA without padding over an MD5, so it says no more than MD5 does; the other two are as they
 * should be.
 */
#include "defs/cvd_private.h"
#include "defs/keys.h"
#include "defs/source.h"

#include <openssl/bn.h>
#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>

/* 4,096 bits. */
#define SIGN_DIGITS_MAX 683
#define SIGN_RSA_MAX    512

static bool sign_is_rsa(const EVP_PKEY *key)
{
    return EVP_PKEY_is_a(key, "RSA");
}

bool cvd_keys_apply(const struct keys *keys)
{
    for (size_t i = 0; keys != NULL && i < keys->len; i++) {
        if (sign_is_rsa(keys->list[i]) || EVP_PKEY_is_a(keys->list[i], "EC")) {
            return true;
        }
    }
    return false;
}

/* ---- Numbers ---- */

static int sign_digit(uint8_t c)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* NULL when it is no number, or without memory. */
static BIGNUM *sign_parse_number(struct slice text)
{
    BIGNUM *number = BN_new();

    if (number == NULL || text.len == 0 || text.len > SIGN_DIGITS_MAX) {
        BN_free(number);
        return NULL;
    }
    BN_zero(number);
    for (size_t i = text.len; i > 0; i--) {
        const int digit = sign_digit(text.ptr[i - 1]);

        if (digit < 0 || BN_lshift(number, number, 6) != 1 ||
            BN_add_word(number, (BN_ULONG)digit) != 1) {
            BN_free(number);
            return NULL;
        }
    }
    return number;
}

/* ---- Header ---- */

/* number ^ e mod n; false unless the result fits `len` bytes. */
static bool sign_open(const EVP_PKEY *key, const BIGNUM *number, uint8_t *out, size_t len)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *n = NULL;
    BIGNUM *e = NULL;
    BIGNUM *plain = BN_new();
    const bool good = ctx != NULL && plain != NULL &&
                      EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
                      EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
                      BN_cmp(number, n) < 0 && BN_mod_exp(plain, number, e, n, ctx) == 1 &&
                      BN_bn2binpad(plain, out, (int)len) == (int)len;

    BN_free(plain);
    BN_free(e);
    BN_free(n);
    BN_CTX_free(ctx);
    return good;
}

bool cvd_verify_header(const struct keys *keys, struct slice dsig, const uint8_t md5[CVD_MD5_LEN])
{
    BIGNUM *number = sign_parse_number(dsig);
    uint8_t signed_md5[CVD_MD5_LEN];
    bool good = false;

    for (size_t i = 0; number != NULL && !good && i < keys->len; i++) {
        good = sign_is_rsa(keys->list[i]) &&
               sign_open(keys->list[i], number, signed_md5, sizeof(signed_md5)) &&
               memcmp(signed_md5, md5, sizeof(signed_md5)) == 0;
    }
    BN_free(number);
    ERR_clear_error();
    return good;
}

/* ---- List ---- */

static bool sign_check_pss(EVP_PKEY *key, const BIGNUM *number, const uint8_t *digest)
{
    uint8_t signature[SIGN_RSA_MAX];
    const int len = EVP_PKEY_get_size(key);
    EVP_PKEY_CTX *ctx = NULL;
    bool good = false;

    if (len > 0 && len <= SIGN_RSA_MAX && BN_bn2binpad(number, signature, len) == len) {
        ctx = EVP_PKEY_CTX_new(key, NULL);
        good = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
               EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_AUTO) == 1 &&
               EVP_PKEY_verify(ctx, signature, (size_t)len, digest, CVD_SHA256_LEN) == 1;
    }
    EVP_PKEY_CTX_free(ctx);
    return good;
}

bool cvd_verify_list(const struct keys *keys, struct slice dsig, struct slice lines)
{
    BIGNUM *number = sign_parse_number(dsig);
    uint8_t digest[CVD_SHA256_LEN];
    bool good = false;

    if (number != NULL && EVP_Digest(lines.ptr, lines.len, digest, NULL, EVP_sha256(), NULL) == 1) {
        for (size_t i = 0; !good && i < keys->len; i++) {
            good = sign_is_rsa(keys->list[i]) && sign_check_pss(keys->list[i], number, digest);
        }
    }
    BN_free(number);
    ERR_clear_error();
    return good;
}

/* ---- Detached ---- */

/* By one of the keys, or by whom one of them has certified. */
static bool sign_is_trusted(const struct keys *keys, X509 *signer)
{
    EVP_PKEY *own = X509_get0_pubkey(signer);

    for (size_t i = 0; own != NULL && i < keys->len; i++) {
        if (EVP_PKEY_eq(keys->list[i], own) == 1 || X509_verify(signer, keys->list[i]) == 1) {
            return true;
        }
    }
    return false;
}

static bool sign_check_signers(const struct keys *keys, CMS_ContentInfo *cms)
{
    STACK_OF(X509) *signers = CMS_get0_signers(cms);
    bool good = signers != NULL && sk_X509_num(signers) > 0;

    for (int i = 0; good && i < sk_X509_num(signers); i++) {
        good = sign_is_trusted(keys, sk_X509_value(signers, i));
    }
    sk_X509_free(signers);
    return good;
}

/* Chains are not built, because what is trusted is a key; so nothing expires either. */
static bool sign_check_cms(const struct keys *keys, CMS_ContentInfo *cms, struct slice file)
{
    const unsigned flags = CMS_DETACHED | CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY;
    BIO *content = file.len <= INT32_MAX ? BIO_new_mem_buf(file.ptr, (int)file.len) : NULL;
    const bool good = content != NULL && CMS_verify(cms, NULL, NULL, content, NULL, flags) == 1 &&
                      sign_check_signers(keys, cms);

    BIO_free(content);
    return good;
}

/* The base 64 that everyone knows, without lines; NULL when it is none. */
static CMS_ContentInfo *sign_decode_cms(struct slice text)
{
    CMS_ContentInfo *cms = NULL;
    uint8_t *bytes = malloc(text.len + 1);

    if (bytes != NULL && text.len > 0) {
        const int len = EVP_DecodeBlock(bytes, text.ptr, (int)text.len);
        const uint8_t *next = bytes;

        cms = len > 0 ? d2i_CMS_ContentInfo(NULL, &next, len) : NULL;
    }
    free(bytes);
    return cms;
}

/* "230::pkcs7-pem:<base 64>": the functionality level, something reserved, the form. */
static bool sign_check_line(const struct keys *keys, struct slice file, struct slice line)
{
    const struct slice level_text = slice_split(&line, ':');
    CMS_ContentInfo *cms;
    uint64_t level;
    bool good;

    (void)slice_split(&line, ':');
    if (!slice_parse_u64(level_text, &level) || level > SOURCE_LEVEL ||
        !slice_equal(slice_split(&line, ':'), SLICE_OF("pkcs7-pem"))) {
        return false;
    }
    cms = sign_decode_cms(slice_trim(line));
    good = cms != NULL && sign_check_cms(keys, cms, file);
    CMS_ContentInfo_free(cms);
    return good;
}

bool cvd_verify_detached(const struct keys *keys, struct slice file, struct slice signature)
{
    const struct slice first = slice_split(&signature, '\n');
    const struct slice magic = SLICE_OF("#clamsign-1.");
    bool good = false;

    if (first.len <= magic.len || !slice_equal(slice_from(first.ptr, magic.len), magic)) {
        return false;
    }
    while (!good && signature.len > 0) {
        struct slice line = slice_split(&signature, '\n');

        if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
            line.len--;
        }
        good = line.len > 0 && line.ptr[0] != '#' && sign_check_line(keys, file, line);
    }
    ERR_clear_error();
    return good;
}
