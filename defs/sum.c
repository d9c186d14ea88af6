/* SPDX-License-Identifier: MIT */
#include "defs/sum.h"

#include "base/err.h"

#include <openssl/evp.h>

void sum_begin(struct sum *sum)
{
    sum->ctx = EVP_MD_CTX_new();
    sum->failed = sum->ctx == NULL || EVP_DigestInit_ex(sum->ctx, EVP_sha256(), NULL) != 1;
}

static void sum_put_number(struct sum *sum, uint64_t number)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(number >> (8 * i));
    }
    sum->failed = sum->failed || EVP_DigestUpdate(sum->ctx, bytes, sizeof(bytes)) != 1;
}

void sum_add(struct sum *sum, struct slice part)
{
    sum_put_number(sum, part.len);
    sum->failed =
        sum->failed || (part.len > 0 && EVP_DigestUpdate(sum->ctx, part.ptr, part.len) != 1);
}

void sum_add_number(struct sum *sum, uint64_t number)
{
    sum_put_number(sum, sizeof(number));
    sum_put_number(sum, number);
}

int sum_end(struct sum *sum, uint8_t out[DEFS_DIGEST_LEN])
{
    const bool good = !sum->failed && EVP_DigestFinal_ex(sum->ctx, out, NULL) == 1;

    EVP_MD_CTX_free(sum->ctx);
    *sum = (struct sum){.failed = true};
    return good ? 0 : ERR_NEW(-ENOMEM);
}
