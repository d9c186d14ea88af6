#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_pack - numbers, checksums and compressed data of file formats.
 *
 * Role: what pictures, archives and documents have in common. The compressor finds repetitions
 * within a piece and writes fixed codes; it is no match for zlib's, but gives the same bytes on any
 * machine, whatever library is installed, and ends at the byte it is told to. Memory: the caller's.
 * Rules: RFC 1950 (zlib), RFC 1951 (deflate), CRC-32 as in PNG (ISO/IEC 15948) and zip.
 */
#include "base/text.h"
#include "bench/load/load_random.h"

void load_pack_le(struct text *out, uint64_t value, unsigned bytes);
void load_pack_be(struct text *out, uint64_t value, unsigned bytes);

/* Of `bytes` behind those that gave `before`; 0 at first. */
uint32_t load_crc32(uint32_t before, struct slice bytes);
/* 1 at first. */
uint32_t load_adler32(uint32_t before, struct slice bytes);

/* What may be given at once. */
#define LOAD_DEFLATE_PIECE_MAX KIB(32)
/* The least room for a stream. */
#define LOAD_DEFLATE_LEAST 32

/* A stream that ends at `to`, exactly. */
struct load_deflate {
    struct text *out;
    size_t to;
    uint64_t bits; /* Not yet written. */
    unsigned bits_len;
    bool full;
};

void load_deflate_begin(struct load_deflate *deflate, struct text *out, size_t to);

/* Returns how many bytes were taken; fewer than there were only when the stream is full, and then
 * the end is all that may follow. */
size_t load_deflate_feed(struct load_deflate *deflate, struct slice piece);

/* Fills what is left, which is little behind a full stream, with noise, and returns that: it is
 * content as well. */
struct slice load_deflate_end(struct load_deflate *deflate, struct load_random *random);
