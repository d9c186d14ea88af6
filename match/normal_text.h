#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * normal_text - text as ClamAV's target 7 reads it.
 *
 * Role: small letters for A to Z, one space for each run of white space (tab, LF, VT, FF, CR,
 * space), nothing for other control characters and for bytes above 0x7f; so UTF-16 of plain words
 * comes out as the words. Bytes in, bytes out, in any pieces: how the input is cut never shows.
 * Owner: the caller's struct, which may be copied at any point and continued from there. Memory:
 * none.
 */
#include "base/slice.h"

struct normal_text {
    bool space; /* The last byte that counted was white space. */
};

/*
 * Takes bytes off the front of `*in` and returns how many were written to `out`: at most one for
 * each byte taken. Stops when the input is used up or `cap` bytes are written.
 */
size_t normal_text_run(struct normal_text *text, struct slice *in, uint8_t *out, size_t cap);

/* The same without what only some CPUs have. */
size_t normal_text_run_plain(struct normal_text *text, struct slice *in, uint8_t *out, size_t cap);
