/* SPDX-License-Identifier: MIT */
/*
 * fuzz_cvd - ClamAV's packed databases.
 *
 * Of the first byte, bit 0 says that the header's MD5 does not count (.cld), bit 1 that a key is
 * trusted, bit 2 that a detached signature of up to 255 bytes comes before the container. Whatever
 * is handed out was listed, and nothing is after a refusal.
 */
#include "tests/fuzz/fuzz.h"

#include "defs/cvd.h"
#include "defs/keys.h"

#include <openssl/rsa.h>
#include <stdlib.h>

static int fuzz_take(void *ctx, const char *name, uint8_t *bytes, size_t len)
{
    unsigned *taken = ctx;

    ASSERT(name[0] != '\0');
    ASSERT(strchr(name, '/') == NULL);
    for (size_t i = 0; i < len; i++) {
        *taken += bytes[i] & 1;
    }
    *taken += 1;
    free(bytes);
    return 0;
}

static const struct keys *fuzz_keys(void)
{
    static struct keys keys;

    if (keys.len == 0) {
        keys.list[keys.len++] = EVP_RSA_gen(1024);
        ASSERT(keys.list[0] != NULL);
    }
    return &keys;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice input = slice_from(data, len);
    struct cvd cvd = {0};
    char error[CVD_ERROR_CAP] = "";
    char name[CVD_NAME_CAP];
    unsigned taken = 0;

    if (len < 2) {
        return 0;
    }
    cvd.name = (data[0] & 1) != 0 ? "fuzz.cld" : "fuzz.cvd";
    cvd.keys = (data[0] & 2) != 0 ? fuzz_keys() : NULL;
    input = slice_skip(input, 1);
    if ((data[0] & 4) != 0) {
        const size_t signature_len = MIN_OF((size_t)input.ptr[0], input.len - 1);

        cvd.signature = slice_from(input.ptr + 1, signature_len);
        input = slice_skip(input, 1 + signature_len);
    }
    cvd.file = input;
    if (cvd_name_signature(&cvd, name)) {
        ASSERT(strlen(name) > strlen(".sign"));
    }

    const int r = cvd_open(&cvd, fuzz_take, &taken, error);

    ASSERT(r == CVD_OK || r == CVD_REFUSED);
    ASSERT((r == CVD_REFUSED) == (error[0] != '\0'));
    ASSERT(r == CVD_OK || taken == 0);
    for (const char *c = error; *c != '\0'; c++) {
        ASSERT(*c >= 0x20);
        ASSERT(*c <= 0x7e);
    }
    return 0;
}
