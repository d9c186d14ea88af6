#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * scan_digest - keys of what is cached, and digests of it.
 *
 * Private to scan_build.c and scan_choose.c.
 */
#include "match/build.h"
#include "match/scan_string.h"

#define SCAN_DIGEST_LEN MATCH_BUILD_KEY_LEN

enum scan_digest_kind {
    SCAN_DIGEST_HS,
    SCAN_DIGEST_PLAN,
};

/*
 * SHA-256 of the strings in their order, without identifiers, and of what else decides: format,
 * library, CPU features, `salt`. -ENOMEM.
 */
MUST_CHECK int scan_digest_strings(enum scan_digest_kind kind, const struct scan_string *strings,
                                   size_t len, uint32_t salt, uint8_t out_key[SCAN_DIGEST_LEN]);

/* Writes the digest of `len` bytes behind them; scan_digest_fits compares it. */
MUST_CHECK int scan_digest_append(uint8_t *bytes, size_t len);
bool scan_digest_fits(const uint8_t *bytes, size_t len);
