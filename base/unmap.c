/* SPDX-License-Identifier: MIT */
#include "base/unmap.h"

#include "base/assert.h"

#include <sys/mman.h>

bool unmap_slice(void *base, size_t *len)
{
    const size_t from = *len > 0 ? (*len - 1) / UNMAP_SLICE_BYTES * UNMAP_SLICE_BYTES : 0;

    if (*len > 0) {
        const int r = munmap((uint8_t *)base + from, *len - from);

        ASSERT(r == 0);
    }
    *len = from;
    return from == 0;
}
