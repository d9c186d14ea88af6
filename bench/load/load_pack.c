/* SPDX-License-Identifier: MIT */
#include "bench/load/load_pack.h"

#include "base/assert.h"

void load_pack_le(struct text *out, uint64_t value, unsigned bytes)
{
    for (; bytes > 0; bytes--, value >>= 8) {
        const uint8_t byte = (uint8_t)value;

        text_put(out, &byte, 1);
    }
}

void load_pack_be(struct text *out, uint64_t value, unsigned bytes)
{
    ASSERT(bytes <= sizeof(value));
    for (unsigned i = bytes; i > 0; i--) {
        const uint8_t byte = (uint8_t)(value >> 8 * (i - 1));

        text_put(out, &byte, 1);
    }
}

/* Eight tables, so that eight bytes are taken at once. */
static uint32_t load_crc_tables[8][256];

static void load_crc_prepare(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;

        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xedb88320U & -(crc & 1));
        }
        load_crc_tables[0][i] = crc;
    }
    for (size_t t = 1; t < 8; t++) {
        for (size_t i = 0; i < 256; i++) {
            const uint32_t crc = load_crc_tables[t - 1][i];

            load_crc_tables[t][i] = crc >> 8 ^ load_crc_tables[0][crc & 255];
        }
    }
}

static uint32_t load_crc_step(uint32_t crc, const uint8_t *at)
{
    const uint32_t low = crc ^ ((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
                                (uint32_t)at[3] << 24);

    return load_crc_tables[7][low & 255] ^ load_crc_tables[6][low >> 8 & 255] ^
           load_crc_tables[5][low >> 16 & 255] ^ load_crc_tables[4][low >> 24] ^
           load_crc_tables[3][at[4]] ^ load_crc_tables[2][at[5]] ^ load_crc_tables[1][at[6]] ^
           load_crc_tables[0][at[7]];
}

uint32_t load_crc32(uint32_t before, struct slice bytes)
{
    uint32_t crc = ~before;

    if (load_crc_tables[0][1] == 0) {
        load_crc_prepare();
    }
    for (; bytes.len >= 8; bytes = slice_skip(bytes, 8)) {
        crc = load_crc_step(crc, bytes.ptr);
    }
    for (size_t i = 0; i < bytes.len; i++) {
        crc = crc >> 8 ^ load_crc_tables[0][(crc ^ bytes.ptr[i]) & 255];
    }
    return ~crc;
}

uint32_t load_adler32(uint32_t before, struct slice bytes)
{
    uint32_t low = before & 0xffff;
    uint32_t high = before >> 16;

    while (bytes.len > 0) {
        /* As many as the sums hold. */
        const size_t len = MIN_OF(bytes.len, (size_t)5552);

        for (size_t i = 0; i < len; i++) {
            low += bytes.ptr[i];
            high += low;
        }
        low %= 65521;
        high %= 65521;
        bytes = slice_skip(bytes, len);
    }
    return high << 16 | low;
}

/* ---- deflate ---- */

/* Bytes that one more code, the end of the block and the head of the last one need at most. */
#define LOAD_DEFLATE_SPARE 20

#define LOAD_MATCH_MIN 4
#define LOAD_MATCH_MAX 258
#define LOAD_HASH_BITS 13

static void load_deflate_put(struct load_deflate *deflate, uint32_t bits, unsigned len)
{
    deflate->bits |= (uint64_t)bits << deflate->bits_len;
    deflate->bits_len += len;
    while (deflate->bits_len >= 8) {
        load_pack_le(deflate->out, deflate->bits & 255, 1);
        deflate->bits >>= 8;
        deflate->bits_len -= 8;
    }
}

/* Codes stand with their highest bit first. */
static void load_deflate_put_code(struct load_deflate *deflate, uint32_t code, unsigned len)
{
    uint32_t turned = 0;

    for (unsigned i = 0; i < len; i++) {
        turned |= (code >> i & 1) << (len - 1 - i);
    }
    load_deflate_put(deflate, turned, len);
}

/* RFC 1951, section 3.2.6. */
static void load_deflate_put_symbol(struct load_deflate *deflate, uint32_t symbol)
{
    if (symbol < 144) {
        load_deflate_put_code(deflate, 0x30 + symbol, 8);
    } else if (symbol < 256) {
        load_deflate_put_code(deflate, 0x190 + symbol - 144, 9);
    } else if (symbol < 280) {
        load_deflate_put_code(deflate, symbol - 256, 7);
    } else {
        load_deflate_put_code(deflate, 0xc0 + symbol - 280, 8);
    }
}

/* RFC 1951, section 3.2.5: groups of 4 (lengths) or 2 (distances) codes have one extra bit more
 * than the group before. */
static void load_deflate_put_length(struct load_deflate *deflate, size_t len)
{
    const uint32_t value = (uint32_t)len - 3;
    unsigned extra = 0;

    if (len == LOAD_MATCH_MAX) {
        load_deflate_put_symbol(deflate, 285);
        return;
    }
    while (value >> extra >= 8) {
        extra++;
    }
    load_deflate_put_symbol(deflate, 257 + 4 * extra + (value >> extra));
    load_deflate_put(deflate, value & ((1U << extra) - 1), extra);
}

static void load_deflate_put_distance(struct load_deflate *deflate, size_t distance)
{
    const uint32_t value = (uint32_t)distance - 1;
    unsigned extra = 0;

    while (value >> extra >= 4) {
        extra++;
    }
    load_deflate_put_code(deflate, 2 * extra + (value >> extra), 5);
    load_deflate_put(deflate, value & ((1U << extra) - 1), extra);
}

void load_deflate_begin(struct load_deflate *deflate, struct text *out, size_t to)
{
    ASSERT(to <= out->cap);
    ASSERT(to - out->len >= LOAD_DEFLATE_LEAST);
    *deflate = (struct load_deflate){.out = out, .to = to};
    load_deflate_put(deflate, 2, 3);
}

static size_t load_deflate_hash(const uint8_t *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof(word));
    return word * 2654435761U >> (32 - LOAD_HASH_BITS);
}

static size_t load_deflate_match(struct slice piece, size_t a, size_t b)
{
    const size_t max = MIN_OF(piece.len - b, (size_t)LOAD_MATCH_MAX);
    size_t len = 0;

    while (len < max && piece.ptr[a + len] == piece.ptr[b + len]) {
        len++;
    }
    return len;
}

size_t load_deflate_feed(struct load_deflate *deflate, struct slice piece)
{
    uint16_t last[1 << LOAD_HASH_BITS] = {0};
    size_t at = 0;

    ASSERT(!deflate->full);
    ASSERT(piece.len <= LOAD_DEFLATE_PIECE_MAX);
    while (at < piece.len) {
        size_t len = 0;
        size_t before = 0;

        if (deflate->out->len + LOAD_DEFLATE_SPARE > deflate->to) {
            deflate->full = true;
            break;
        }
        if (piece.len - at >= LOAD_MATCH_MIN) {
            uint16_t *slot = &last[load_deflate_hash(piece.ptr + at)];

            before = *slot;
            *slot = (uint16_t)(at + 1);
            len = before > 0 ? load_deflate_match(piece, before - 1, at) : 0;
        }
        if (len >= LOAD_MATCH_MIN) {
            load_deflate_put_length(deflate, len);
            load_deflate_put_distance(deflate, at + 1 - before);
            at += len;
        } else {
            load_deflate_put_symbol(deflate, piece.ptr[at++]);
        }
    }
    return at;
}

struct slice load_deflate_end(struct load_deflate *deflate, struct load_random *random)
{
    struct text *out = deflate->out;

    load_deflate_put_symbol(deflate, 256);
    load_deflate_put(deflate, 1, 3);
    load_deflate_put(deflate, 0, (8 - deflate->bits_len) % 8);
    const size_t len = deflate->to - out->len - 4;
    const struct slice tail = slice_from(out->ptr + out->len + 4, len);

    ASSERT(len <= 65535);
    load_pack_le(out, len, 2);
    load_pack_le(out, ~len, 2);
    load_random_fill(random, (uint8_t *)out->ptr + out->len, len);
    out->len += len;
    return tail;
}
