/* SPDX-License-Identifier: MIT */
/*
 * Pictures that a decoder takes: JPEG (JFIF, baseline, Huffman-coded noise), PNG (noise in stored
 * blocks) and GIF89a (noise in codes of one length). What they hold does not compress, as that of
 * real ones. Fonts are WOFF2 by their head only.
 */
#include "base/assert.h"
#include "bench/load/load_make.h"
#include "bench/load/load_pack.h"
#include "bench/load/load_prose.h"

static void load_image_put_noise(struct load_make *make, size_t len)
{
    struct text *out = &make->out;

    ASSERT(len <= out->cap - out->len);
    load_random_fill(&make->random, (uint8_t *)out->ptr + out->len, len);
    out->len += len;
}

/* What stands in a comment. */
static void load_image_put_note(struct load_make *make, struct text *note)
{
    text_printf(note, "picture %llx", (unsigned long long)make->number);
}

/* About the root of `area`, not below 1. */
static uint32_t load_image_side(size_t area)
{
    uint32_t side = 1;

    while (side < 30000 && (size_t)side * side < area) {
        side += 1 + side / 16;
    }
    return side;
}

/* ---- JPEG ---- */

#define LOAD_JPEG_RUNS 162

/* A table that gives luminance and chrominance the same steps, coarser with the frequency. */
static void load_jpeg_put_steps(struct text *out, struct load_random *random)
{
    const unsigned first = 2 + load_random_below(random, 12);

    load_pack_be(out, 0xffdb, 2);
    load_pack_be(out, 67, 2);
    load_pack_be(out, 0, 1);
    for (unsigned i = 0; i < 64; i++) {
        load_pack_be(out, first + i * first / 8, 1);
    }
}

/* The counts of codes of each length are those of annex K of the JPEG standard, the order of the
 * runs is by how many bits they stand for. */
static void load_jpeg_put_codes(struct text *out)
{
    static const uint8_t dc[16] = {0, 1, 5, 1, 1, 1, 1, 1, 1};
    static const uint8_t ac[16] = {0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125};

    load_pack_be(out, 0xffc4, 2);
    load_pack_be(out, 2 + 17 + 12 + 17 + LOAD_JPEG_RUNS, 2);
    load_pack_be(out, 0x00, 1);
    text_put(out, dc, sizeof(dc));
    for (unsigned i = 0; i < 12; i++) {
        load_pack_be(out, i, 1);
    }
    load_pack_be(out, 0x10, 1);
    text_put(out, ac, sizeof(ac));
    load_pack_be(out, 0x00, 1);
    for (unsigned sum = 1; sum <= 25; sum++) {
        for (unsigned bits = 1; bits <= MIN_OF(sum, 10U); bits++) {
            if (sum - bits < 16) {
                load_pack_be(out, (sum - bits) << 4 | bits, 1);
            }
        }
    }
    load_pack_be(out, 0xf0, 1);
}

static void load_jpeg_put_frame(struct text *out, uint32_t width, uint32_t height)
{
    load_pack_be(out, 0xffc0, 2);
    load_pack_be(out, 17, 2);
    load_pack_be(out, 8, 1);
    load_pack_be(out, height, 2);
    load_pack_be(out, width, 2);
    load_pack_be(out, 3, 1);
    for (unsigned i = 1; i <= 3; i++) {
        load_pack_be(out, i, 1);
        load_pack_be(out, i == 1 ? 0x22 : 0x11, 1);
        load_pack_be(out, 0, 1);
    }
    load_jpeg_put_codes(out);
    load_pack_be(out, 0xffda, 2);
    load_pack_be(out, 12, 2);
    load_pack_be(out, 3, 1);
    for (unsigned i = 1; i <= 3; i++) {
        load_pack_be(out, i, 1);
        load_pack_be(out, 0x00, 1);
    }
    load_pack_be(out, 0x003f00, 3);
}

/* 0xff is followed by 0 in coded data. */
static void load_jpeg_put_data(struct load_make *make, size_t len)
{
    char *data = make->out.ptr + make->out.len;

    load_image_put_noise(make, len);
    for (size_t i = 0; i < len; i++) {
        if (data[i] != '\xff') {
            continue;
        }
        if (i + 1 < len) {
            data[++i] = 0;
        } else {
            data[i] = 0x7f;
        }
    }
}

void load_make_jpeg(struct load_make *make)
{
    struct text *out = &make->out;
    const uint32_t width = load_image_side(out->cap * 6);
    const uint32_t height = width * 3 / 4 + 1;
    char block[64];
    struct text note = text_over(block, sizeof(block));

    load_image_put_note(make, &note);
    load_pack_be(out, 0xffd8, 2);
    load_pack_be(out, 0xffe00010, 4);
    text_put(out, "JFIF", 5);
    load_pack_be(out, 0x0101, 2);
    load_pack_be(out, 0x01004800480000, 7);
    load_pack_be(out, 0xfffe, 2);
    load_pack_be(out, note.len + 2, 2);
    text_put_slice(out, text_slice(&note));
    load_jpeg_put_steps(out, &make->random);
    load_jpeg_put_frame(out, width, height);
    load_jpeg_put_data(make, out->cap - out->len - 2);
    load_pack_be(out, 0xffd9, 2);
    make->type = "image/jpeg";
    make->suffix = ".jpg";
}

/* ---- PNG ---- */

#define LOAD_STORED_MAX ((size_t)65535)

static size_t load_stored_len(size_t len)
{
    return len + 5 * MAX_OF((len + LOAD_STORED_MAX - 1) / LOAD_STORED_MAX, (size_t)1);
}

/* Chunks carry their length, which is known before, and the checksum of what follows it. */
static size_t load_png_begin(struct text *out, const char *name, size_t len)
{
    load_pack_be(out, len, 4);
    text_put(out, name, 4);
    return out->len - 4;
}

static void load_png_end(struct text *out, size_t from)
{
    load_pack_be(out, load_crc32(0, slice_from(out->ptr + from, out->len - from)), 4);
}

/* Rows of noise behind a filter byte each, in stored blocks of a zlib stream. */
static void load_png_put_rows(struct load_make *make, size_t row, size_t rows)
{
    struct text *out = &make->out;
    uint32_t adler = 1;

    load_pack_be(out, 0x7801, 2);
    for (size_t left = row * rows, done = 0; left > 0;) {
        const size_t len = MIN_OF(left, LOAD_STORED_MAX);

        load_pack_be(out, left == len, 1);
        load_pack_le(out, len, 2);
        load_pack_le(out, ~len, 2);
        char *data = out->ptr + out->len;

        load_image_put_noise(make, len);
        for (size_t at = (row - done % row) % row; at < len; at += row) {
            data[at] = 0;
        }
        adler = load_adler32(adler, slice_from(data, len));
        done += len;
        left -= len;
    }
    load_pack_be(out, adler, 4);
}

/* A picture of `*rows` rows of `*row` bytes that leaves little of `room`; returns what it needs. */
static size_t load_png_fit(size_t room, size_t *row, size_t *rows)
{
    const uint32_t side = load_image_side(room / 3);
    size_t best = 0;

    for (size_t width = side; width > 0 && width + 24 > side; width--) {
        const size_t len = 1 + 3 * width;
        size_t count = room / len;

        while (count > 0 && load_stored_len(count * len) > room) {
            count--;
        }
        if (count > 0 && load_stored_len(count * len) > best) {
            best = load_stored_len(count * len);
            *row = len;
            *rows = count;
        }
    }
    return best;
}

static void load_make_png(struct load_make *make)
{
    struct text *out = &make->out;
    char block[64];
    struct text note = text_over(block, sizeof(block));
    size_t row = 4;
    size_t rows = 1;

    load_image_put_note(make, &note);
    /* The frames of the header, of a text, of the picture (with zlib's own) and of the end. */
    const size_t frames = 8 + 25 + 12 + 8 + note.len + 12 + 6 + 12;
    const size_t room = out->cap - frames;
    const size_t used = load_png_fit(room, &row, &rows);

    text_put(out, "\x89PNG\r\n\x1a\n", 8);
    size_t from = load_png_begin(out, "IHDR", 13);

    load_pack_be(out, (row - 1) / 3, 4);
    load_pack_be(out, rows, 4);
    load_pack_be(out, 0x08, 1);
    load_pack_be(out, 0x02000000, 4);
    load_png_end(out, from);
    from = load_png_begin(out, "tEXt", 8 + note.len + room - used);
    text_put(out, "Comment", 8);
    text_put_slice(out, text_slice(&note));
    load_prose_fill_line(out, &make->random, out->len + room - used);
    load_png_end(out, from);
    from = load_png_begin(out, "IDAT", used + 6);
    load_png_put_rows(make, row, rows);
    load_png_end(out, from);
    load_png_end(out, load_png_begin(out, "IEND", 0));
    make->type = "image/png";
    make->suffix = ".png";
}

/* ---- GIF ---- */

#define LOAD_GIF_COLOURS 128
#define LOAD_GIF_CLEAR   0x80
#define LOAD_GIF_END     0x81

/* Codes of eight bits, as long as the table is cleared before it needs nine. */
#define LOAD_GIF_RUN 126

static size_t load_gif_data_len(size_t codes)
{
    return codes + (codes + 254) / 255;
}

static void load_gif_put_data(struct load_make *make, size_t codes)
{
    struct text *out = &make->out;

    for (size_t done = 0; done < codes;) {
        const size_t len = MIN_OF(codes - done, (size_t)255);

        load_pack_le(out, len, 1);
        char *data = out->ptr + out->len;

        load_image_put_noise(make, len);
        for (size_t i = 0; i < len; i++, done++) {
            if (done + 1 == codes) {
                data[i] = (char)LOAD_GIF_END;
            } else {
                data[i] = done % (LOAD_GIF_RUN + 1) == 0 ? (char)LOAD_GIF_CLEAR : data[i] & 0x7f;
            }
        }
    }
}

static void load_gif_put_note(struct load_make *make, size_t spare)
{
    struct text *out = &make->out;
    char block[64];
    struct text note = text_over(block, sizeof(block));

    load_image_put_note(make, &note);
    text_put(&note, "..", spare);
    load_pack_le(out, 0xfe21, 2);
    load_pack_le(out, note.len, 1);
    text_put_slice(out, text_slice(&note));
    load_pack_le(out, 0, 1);
}

static void load_make_gif(struct load_make *make)
{
    struct text *out = &make->out;
    char block[64];
    struct text note = text_over(block, sizeof(block));

    load_image_put_note(make, &note);
    const size_t frames = 13 + LOAD_GIF_COLOURS * 3 + 3 + note.len + 1 + 10 + 1 + 1 + 1;
    const size_t room = out->cap - frames;
    size_t codes = room - room / 256;

    while (load_gif_data_len(codes) > room) {
        codes--;
    }
    const uint32_t side = load_image_side(codes);

    TEXT_PUT(out, "GIF89a");
    load_pack_le(out, side, 2);
    load_pack_le(out, MAX_OF(codes / (side + 1), (size_t)1), 2);
    load_pack_le(out, 0x0000f6, 3);
    load_image_put_noise(make, (size_t)LOAD_GIF_COLOURS * 3);
    load_gif_put_note(make, room - load_gif_data_len(codes));
    load_pack_le(out, 0x2c, 5);
    load_pack_le(out, side, 2);
    load_pack_le(out, MAX_OF(codes / (side + 1), (size_t)1), 2);
    load_pack_le(out, 0x0700, 2);
    load_gif_put_data(make, codes);
    load_pack_le(out, 0x3b00, 2);
    make->type = "image/gif";
    make->suffix = ".gif";
}

/* Photographs, drawings and what is left of the nineties, as often as pages have them. */
void load_make_image(struct load_make *make)
{
    const uint32_t which = load_random_below(&make->random, 10);

    make->basename = "picture";
    if (which < 6) {
        load_make_jpeg(make);
    } else if (which < 9) {
        load_make_png(make);
    } else {
        load_make_gif(make);
    }
}

void load_make_font(struct load_make *make)
{
    struct text *out = &make->out;
    const size_t len = out->cap;

    TEXT_PUT(out, "wOF2");
    load_pack_be(out, 0x00010000, 4);
    load_pack_be(out, len, 4);
    load_pack_be(out, 0x000c0000, 4);
    load_pack_be(out, len * 2 + 4 * (size_t)load_random_below(&make->random, 4096), 4);
    load_pack_be(out, len - MIN_OF(len, (size_t)84), 4);
    load_pack_be(out, make->number, 4);
    load_pack_be(out, 0, 8);
    load_pack_be(out, 0, 8);
    load_pack_be(out, 0, 4);
    load_image_put_noise(make, out->cap - out->len);
    make->type = "font/woff2";
    make->basename = "font";
    make->suffix = ".woff2";
}
