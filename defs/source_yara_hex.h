#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * source_yara_hex - hexadecimal strings of rules in the language of body signatures.
 *
 * Role: bytes and nibbles stay as they are, jumps become gaps, `~` becomes any byte, alternatives
 * stay unless a jump in them has no fixed length: then the whole group becomes a gap. Bytes of any
 * value at both ends go, pieces without two plain bytes in a row between jumps without end, and
 * what stands behind YARA_HEX_ELEMENTS_MAX elements. The result matches wherever the string does.
 * Private to the source_yara*.c files.
 */
#include "base/slice.h"

#define YARA_HEX_ELEMENTS_MAX 512
#define YARA_HEX_CAP          KIB(8)
#define YARA_HEX_DEPTH_MAX    8

struct yara_hex {
    char text[YARA_HEX_CAP];
    size_t len;
    size_t run_at; /* The longest run of plain bytes, in characters of `text`. */
    size_t run_len;
    bool shifted; /* Something at the front is left out. */
};

/* False when it does not read as such a string, or is too large. */
MUST_CHECK bool yara_hex_read(struct yara_hex *out, struct slice content);

/* The first bytes, up to four, under masks; their number. */
size_t yara_hex_read_head(struct slice content, uint8_t bytes[4], uint8_t masks[4]);
