#pragma once
/* SPDX-License-Identifier: MIT */
/* scan_string - what the scan's stages and its callers share: strings and hits. */
#include "base/slice.h"

#define SCAN_ALIGN      64
#define SCAN_STRING_MAX 16

struct scan_string {
    uint8_t bytes[SCAN_STRING_MAX];
    uint8_t len;
    bool nocase; /* Letters in either case; `bytes` has small letters then. */
    uint32_t id;
};

/* A string ends at that offset of the stream. False ends the scan. */
typedef bool (*scan_hit_fn)(void *ctx, uint32_t id, uint64_t end);
