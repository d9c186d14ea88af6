#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * keys - the public keys whose signatures are believed.
 *
 * Role: reads `definitions.trusted_keys`: PEM files that hold a public key or an X.509 certificate.
 * Ed25519 keys sign packages; RSA keys sign ClamAV's containers. Owner: whoever loaded them.
 * Memory: OpenSSL's. Limits: KEYS_MAX keys, KEYS_FILE_MAX bytes a file.
 */
#include "base/slice.h"
#include "defs/defs.h"

#include <openssl/evp.h>

#define KEYS_MAX      32
#define KEYS_FILE_MAX KIB(64)

struct keys {
    EVP_PKEY *list[KEYS_MAX];
    size_t len;
};

/* Adds the key in the file at `path`. False with one line in `error` that names the file. */
MUST_CHECK bool keys_load(struct keys *keys, const char *path, char error[DEFS_ERROR_CAP]);
void keys_free(struct keys *keys);

/* Whether one of the Ed25519 keys made this signature of `text`. */
MUST_CHECK bool keys_verify(const struct keys *keys, struct slice text, struct slice signature);

/* A private key for signing; NULL with one line in `error`. Free it with EVP_PKEY_free. */
MUST_CHECK EVP_PKEY *keys_load_private(const char *path, char error[DEFS_ERROR_CAP]);
