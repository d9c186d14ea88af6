/* SPDX-License-Identifier: MIT */
/*
 * fuzz_preview - a body that is cut into a preview and the rest comes out whole. Of the first three
 * bytes, one is the preview's length, one the size of the chunks, and one the size of the pieces
 * and the way the size lines are written; the others are the body.
 */
#include "base/text.h"
#include "net/wire/chunk.h"
#include "tests/fuzz/fuzz.h"

#define BODY_MAX 2048

/* Size lines as clients write them; the last chunk of a whole preview says ieof. */
static void write_chunks(struct text *text, struct slice body, const uint8_t *how, bool ieof)
{
    static const char *const ends[] = {"\r\n", "\n"};
    static const char *const exts[] = {"", ";x", "; a=\";\\\"\"", " ;ieof"};
    const size_t step = how[1] % 32 + 1;
    const char *const end = ends[how[2] >> 4 & 1];
    const char *const ext = exts[how[2] >> 6];

    if (how[2] & 0x20) {
        TEXT_PUT(text, "\r\n");
    }
    while (body.len > 0) {
        const size_t n = MIN_OF(step, body.len);

        text_put_hex(text, n);
        text_put_str(text, ext);
        text_put_str(text, end);
        text_put(text, body.ptr, n);
        text_put_str(text, end);
        body = slice_skip(body, n);
    }
    text_put_str(text, ieof ? "0; ieof" : "0");
    text_put_str(text, end);
    text_put_str(text, end);
}

/* Decodes piece by piece, appends to `body`, and returns the ieof. */
static bool read_chunks(struct slice coded, size_t step, struct text *body)
{
    struct chunk_decoder dec;
    enum chunk_status status = CHUNK_MORE;

    chunk_init(&dec);
    while (coded.len > 0) {
        const size_t n = MIN_OF(step, coded.len);
        struct slice piece = slice_from(coded.ptr, n);
        struct slice out;

        ASSERT(status == CHUNK_MORE);
        while ((status = chunk_feed(&dec, &piece, &out)) == CHUNK_DATA) {
            text_put_slice(body, out);
        }
        ASSERT(piece.len == 0);
        coded = slice_skip(coded, n);
    }
    ASSERT(status == CHUNK_END);
    return dec.ieof;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static char coded_block[BODY_MAX * 24];
    static char body_block[BODY_MAX];

    if (len < 3 || len - 3 > BODY_MAX) {
        return 0;
    }
    const struct slice body = slice_from(data + 3, len - 3);
    const size_t preview_len = MIN_OF((size_t)data[0], body.len);
    const bool ieof = preview_len == body.len;
    const size_t step = data[2] % 16 + 1;
    struct text coded = text_over(coded_block, sizeof(coded_block));
    struct text got = text_over(body_block, sizeof(body_block));

    write_chunks(&coded, slice_from(body.ptr, preview_len), data, ieof);
    ASSERT(read_chunks(text_slice(&coded), step, &got) == ieof);
    if (!ieof) {
        coded.len = 0;
        write_chunks(&coded, slice_skip(body, preview_len), data, false);
        ASSERT(!read_chunks(text_slice(&coded), step, &got));
    }
    ASSERT(!coded.overflowed);
    ASSERT(slice_equal(text_slice(&got), body));
    return 0;
}
