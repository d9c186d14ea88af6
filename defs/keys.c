/* SPDX-License-Identifier: MIT */
#include "defs/keys.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

/* Never asks at the terminal. */
static int keys_no_passphrase(char *out, int cap, int writing, void *ctx)
{
    (void)writing;
    (void)ctx;
    if (cap > 0) {
        out[0] = '\0';
    }
    return -1;
}

/* The file's bytes as OpenSSL reads them; NULL with the reason in `error`. */
static BIO *keys_open(const char *path, char error[DEFS_ERROR_CAP])
{
    static const char *const too_long = "too long for a key";
    char block[KEYS_FILE_MAX];
    FILE *file = fopen(path, "re");
    const char *why = NULL;
    size_t len = 0;
    BIO *bio = NULL;

    if (!file) {
        why = strerror(errno);
    } else {
        len = fread(block, 1, sizeof(block), file);
        why = ferror(file) ? strerror(EIO) : len == sizeof(block) ? too_long : NULL;
        (void)fclose(file);
    }
    if (!why) {
        bio = BIO_new(BIO_s_mem());
        if (!bio || (len > 0 && BIO_write(bio, block, (int)len) != (int)len)) {
            BIO_free(bio);
            bio = NULL;
            why = strerror(ENOMEM);
        }
        OPENSSL_cleanse(block, len);
    }
    if (why) {
        (void)snprintf(error, DEFS_ERROR_CAP, "%.300s: %s", path, why);
    }
    return bio;
}

/* A public key, or that of a certificate. */
static EVP_PKEY *keys_read(BIO *bio)
{
    X509 *certificate;
    EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, keys_no_passphrase, NULL);

    if (key) {
        return key;
    }
    if (BIO_seek(bio, 0) < 0) {
        return NULL;
    }
    certificate = PEM_read_bio_X509(bio, NULL, keys_no_passphrase, NULL);
    if (certificate) {
        key = X509_get_pubkey(certificate);
        X509_free(certificate);
    }
    return key;
}

bool keys_load(struct keys *keys, const char *path, char error[DEFS_ERROR_CAP])
{
    EVP_PKEY *key;
    BIO *bio;

    if (keys->len == KEYS_MAX) {
        (void)snprintf(error, DEFS_ERROR_CAP, "%.300s: more than %d keys", path, KEYS_MAX);
        return false;
    }
    bio = keys_open(path, error);
    if (!bio) {
        return false;
    }
    /* Reading must not change it, so that the second attempt finds it whole. */
    BIO_set_flags(bio, BIO_FLAGS_MEM_RDONLY);
    key = keys_read(bio);
    BIO_free(bio);
    ERR_clear_error();
    if (!key) {
        (void)snprintf(error, DEFS_ERROR_CAP,
                       "%.300s: neither a public key nor a certificate in PEM form", path);
        return false;
    }
    keys->list[keys->len++] = key;
    return true;
}

void keys_free(struct keys *keys)
{
    for (size_t i = 0; i < keys->len; i++) {
        EVP_PKEY_free(keys->list[i]);
    }
    keys->len = 0;
}

static bool keys_verify_one(EVP_PKEY *key, struct slice text, struct slice signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
                      EVP_DigestVerify(ctx, signature.ptr, signature.len, text.ptr, text.len) == 1;

    EVP_MD_CTX_free(ctx);
    return good;
}

bool keys_verify(const struct keys *keys, struct slice text, struct slice signature)
{
    bool good = false;

    for (size_t i = 0; i < keys->len && !good; i++) {
        good = EVP_PKEY_is_a(keys->list[i], "ED25519") &&
               keys_verify_one(keys->list[i], text, signature);
    }
    ERR_clear_error();
    return good;
}

EVP_PKEY *keys_load_private(const char *path, char error[DEFS_ERROR_CAP])
{
    EVP_PKEY *key;
    BIO *bio = keys_open(path, error);

    if (!bio) {
        return NULL;
    }
    key = PEM_read_bio_PrivateKey(bio, NULL, keys_no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    if (key && !EVP_PKEY_is_a(key, "ED25519")) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    if (!key) {
        (void)snprintf(error, DEFS_ERROR_CAP,
                       "%.300s: no Ed25519 private key in PEM form (without a passphrase)", path);
    }
    return key;
}
