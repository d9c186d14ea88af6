/* SPDX-License-Identifier: MIT */
/*
 * istag - the ISTag: the same for the same definitions, options and version, on every shard and
 * every host.
 */
#include "base/assert.h"
#include "defs/sum.h"

void defs_istag(const uint8_t content[DEFS_DIGEST_LEN], struct slice options, const char *version,
                char out[DEFS_ISTAG_CAP])
{
    static const char digits[] = "0123456789ABCDEF";
    uint8_t digest[DEFS_DIGEST_LEN];
    struct sum sum;

    sum_begin(&sum);
    sum_add(&sum, slice_from(content, DEFS_DIGEST_LEN));
    sum_add(&sum, options);
    sum_add(&sum, slice_from_str(version));

    const int r = sum_end(&sum, digest);

    /* A few hundred bytes at start-up and at a swap: without memory for that, nothing goes on. */
    ASSERT(r == 0);
    for (size_t i = 0; i < DEFS_ISTAG_CAP - 1; i++) {
        out[i] = digits[(digest[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 0xf];
    }
    out[DEFS_ISTAG_CAP - 1] = '\0';
}
