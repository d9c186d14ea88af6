/* SPDX-License-Identifier: MIT */
/*
 * fuzz_chunk - a body in one piece and in pieces gives the same bytes and the same end. The first
 * byte is the size of the pieces.
 */
#include "net/wire/chunk.h"
#include "tests/fuzz/fuzz.h"

/* All that was handed out, as running sums: equal sums and lengths stand for equal bytes. */
struct tally {
    enum chunk_status status;
    size_t taken;
    size_t body_len;
    size_t trailer_len;
    uint64_t body_sum;
    uint64_t trailer_sum;
};

static uint64_t tally_add(uint64_t sum, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        sum = (sum ^ s.ptr[i]) * 0x100000001b3U;
    }
    return sum;
}

static void tally_feed(struct tally *tally, struct chunk_decoder *dec, struct slice piece)
{
    const uint8_t *const start = piece.ptr;
    struct slice out = {0};

    do {
        const struct slice before = piece;

        tally->status = chunk_feed(dec, &piece, &out);
        if (tally->status == CHUNK_DATA || tally->status == CHUNK_TRAILER) {
            ASSERT(out.len > 0);
            ASSERT(out.ptr >= before.ptr);
            ASSERT(out.ptr + out.len == piece.ptr);
        }
        if (tally->status == CHUNK_DATA) {
            tally->body_sum = tally_add(tally->body_sum, out);
            tally->body_len += out.len;
        } else if (tally->status == CHUNK_TRAILER) {
            tally->trailer_sum = tally_add(tally->trailer_sum, out);
            tally->trailer_len += out.len;
        }
    } while (tally->status == CHUNK_DATA || tally->status == CHUNK_TRAILER);
    ASSERT(tally->status != CHUNK_MORE || piece.len == 0);
    tally->taken += (size_t)(piece.ptr - start);
    ASSERT(dec->body_len == tally->body_len);
    ASSERT(tally->trailer_len <= CHUNK_TRAILER_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct chunk_decoder one = {0};
    struct chunk_decoder two = {0};
    struct tally whole = {0};
    struct tally parts = {0};

    if (len == 0) {
        return 0;
    }
    const size_t step = data[0] % 16 + 1;
    struct slice rest = slice_from(data + 1, len - 1);

    tally_feed(&whole, &one, rest);
    do {
        const size_t n = MIN_OF(step, rest.len);

        tally_feed(&parts, &two, slice_from(rest.ptr, n));
        rest = slice_skip(rest, n);
    } while (rest.len > 0 && parts.status == CHUNK_MORE);

    ASSERT(whole.status == parts.status);
    ASSERT(whole.body_len == parts.body_len);
    ASSERT(whole.body_sum == parts.body_sum);
    if (whole.status == CHUNK_END) {
        ASSERT(whole.taken == parts.taken);
        ASSERT(whole.trailer_len == parts.trailer_len);
        ASSERT(whole.trailer_sum == parts.trailer_sum);
        ASSERT(one.ieof == two.ieof);
        ASSERT(one.has_original == two.has_original);
        ASSERT(one.original_from == two.original_from);
    }
    return 0;
}
