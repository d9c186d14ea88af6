/* SPDX-License-Identifier: MIT */
#include "net/wire/chunk.h"
#include "tests/unit/guard.h"

#include <criterion/criterion.h>

/* All that a decoder said about its input. */
struct decoded {
    enum chunk_status status;
    size_t taken;
    size_t body_len;
    size_t trailer_len;
    bool ieof;
    bool has_original;
    uint64_t original_from;
    uint8_t body[16384];
    uint8_t trailer[CHUNK_TRAILER_MAX];
};

/* Feeds one piece until it is used up or the body has ended. */
static void feed_piece(struct chunk_decoder *dec, struct slice in, struct decoded *got)
{
    struct slice out;
    const size_t len = in.len;

    do {
        got->status = chunk_feed(dec, &in, &out);
        if (got->status == CHUNK_DATA) {
            cr_assert_gt(out.len, 0);
            memcpy(got->body + got->body_len, out.ptr, out.len);
            got->body_len += out.len;
        } else if (got->status == CHUNK_TRAILER) {
            cr_assert_gt(out.len, 0);
            memcpy(got->trailer + got->trailer_len, out.ptr, out.len);
            got->trailer_len += out.len;
        }
    } while (got->status == CHUNK_DATA || got->status == CHUNK_TRAILER);
    if (got->status == CHUNK_MORE) {
        cr_assert_eq(in.len, 0);
    }
    got->taken += len - in.len;
    cr_assert_eq(dec->body_len, got->body_len);
}

static void finish(const struct chunk_decoder *dec, struct decoded *got)
{
    got->ieof = dec->ieof;
    got->has_original = dec->has_original;
    got->original_from = dec->original_from;
}

/* Cuts the bytes at `at` and then every `step`, each piece flush against the guard page. */
static void decode(struct guard *guard, struct slice bytes, size_t at, size_t step,
                   struct decoded *got)
{
    struct chunk_decoder dec;

    chunk_init(&dec);
    *got = (struct decoded){0};
    feed_piece(&dec, guard_put(guard, slice_from(bytes.ptr, at)), got);
    while (at < bytes.len && got->status == CHUNK_MORE) {
        const size_t len = MIN_OF(step, bytes.len - at);

        feed_piece(&dec, guard_put(guard, slice_from(bytes.ptr + at, len)), got);
        at += len;
    }
    finish(&dec, got);
}

static void expect_same(const struct decoded *a, const struct decoded *b, struct slice bytes)
{
    cr_assert_eq(a->status, b->status, "%.*s", (int)bytes.len, (const char *)bytes.ptr);
    cr_assert_eq(a->body_len, b->body_len);
    cr_assert(memcmp(a->body, b->body, a->body_len) == 0);
    if (a->status == CHUNK_END) {
        cr_assert_eq(a->taken, b->taken, "%.*s", (int)bytes.len, (const char *)bytes.ptr);
        cr_assert_eq(a->trailer_len, b->trailer_len);
        cr_assert(memcmp(a->trailer, b->trailer, a->trailer_len) == 0);
        cr_assert_eq(a->ieof, b->ieof);
        cr_assert_eq(a->has_original, b->has_original);
        cr_assert_eq(a->original_from, b->original_from);
    }
}

static void decode_all_ways(struct slice bytes, struct decoded *whole)
{
    struct guard guard = guard_open(bytes.len);
    static struct decoded part;

    decode(&guard, bytes, bytes.len, 1, whole);
    decode(&guard, bytes, 0, 1, &part);
    expect_same(&part, whole, bytes);
    for (size_t at = 0; at <= bytes.len; at++) {
        decode(&guard, bytes, at, bytes.len, &part);
        expect_same(&part, whole, bytes);
    }
    guard_close(&guard);
}

struct good_row {
    const char *bytes;
    const char *body;
    const char *trailer;
    bool ieof;
    size_t left; /* Bytes behind the end. */
};

static const struct good_row good_rows[] = {
    {"0\r\n\r\n", "", "", false, 0},
    {"5\r\nhello\r\n0\r\n\r\n", "hello", "", false, 0},
    {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nREQMOD", "hello world", "", false, 6},
    {"00000000000000000000000005\r\nhello\r\n000\r\n\r\n", "hello", "", false, 0},
    {"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", "", false, 0},
    {" 5 \t\r\nhello\r\n\t0 \r\n\r\n", "hello", "", false, 0},
    {"5\nhello\n0\n\n", "hello", "", false, 0},
    /* The end of a preview, in all the ways it is written. */
    {"0; ieof\r\n\r\n", "", "", true, 0},
    {"0;ieof\r\n\r\n", "", "", true, 0},
    {"0 ;\t IEOF \t\r\n\r\nx", "", "", true, 1},
    {"000; iEoF\n\n", "", "", true, 0},
    {"5\r\nhello\r\n0; ieof\r\n\r\n", "hello", "", true, 0},
    {"5; ieof\r\nhello\r\n0\r\n\r\n", "hello", "", false, 0},
    {"0; a=b; ieof; c\r\n\r\n", "", "", true, 0},
    {"0; ieof=1\r\n\r\n", "", "", true, 0},
    {"0; xieof\r\n\r\n", "", "", false, 0},
    {"0; ieofx\r\n\r\n", "", "", false, 0},
    {"0; ieo\r\n\r\n", "", "", false, 0},
    {"0; x=ieof\r\n\r\n", "", "", false, 0},
    {"0; x=\"; ieof\"\r\n\r\n", "", "", false, 0},
    /* Apache Traffic Server: a stray line end before an empty body. */
    {"\r\n0; ieof\r\n\r\n", "", "", true, 0},
    {"\n\r\n3\r\nabc\r\n0; ieof\r\n\r\n", "abc", "", true, 0},
    /* A second last-chunk behind an empty body stays where it is. */
    {"0\r\n\r\n0\r\n\r\n", "", "", false, 5},
    {"5;a;b=c;d=\"e;f\\\"g\\\\\" ; h = i ;\r\nhello\r\n0;\r\n\r\n", "hello", "", false, 0},
    {"5;a=\"\"\r\nhello\r\n0\r\n\r\n", "hello", "", false, 0},
    {"0\r\nA: b\r\nC:d\r\n\r\nx", "", "A: b\r\nC:d\r\n", false, 1},
    {"1\r\nx\r\n0\r\nA: b\n c\r\n\td\r\n\n", "x", "A: b\n c\r\n\td\r\n", false, 0},
    {"0; ieof\r\nA:\r\n\r\n", "", "A:\r\n", true, 0},
};

Test(chunk, good_bodies)
{
    static struct decoded got;

    for (size_t i = 0; i < ARRAY_LEN(good_rows); i++) {
        const struct good_row *const row = &good_rows[i];
        const struct slice bytes = slice_from_str(row->bytes);

        decode_all_ways(bytes, &got);
        cr_assert_eq(got.status, CHUNK_END, "%s", row->bytes);
        cr_assert_eq(got.taken, bytes.len - row->left, "%s", row->bytes);
        cr_assert(slice_equal(slice_from(got.body, got.body_len), slice_from_str(row->body)), "%s",
                  row->bytes);
        cr_assert(
            slice_equal(slice_from(got.trailer, got.trailer_len), slice_from_str(row->trailer)),
            "%s", row->bytes);
        cr_assert_eq(got.ieof, row->ieof, "%s", row->bytes);
        cr_assert_not(got.has_original);
    }
}

Test(chunk, bodies_may_hold_any_byte)
{
    static const struct slice bytes = {(const uint8_t *)"6\r\n\0\r\n0\r\n\r\n0\r\n\r\n", 16};
    static struct decoded got;

    decode_all_ways(bytes, &got);
    cr_assert_eq(got.status, CHUNK_END);
    cr_assert(slice_equal(slice_from(got.body, got.body_len), slice_from("\0\r\n0\r\n", 6)));
}

Test(chunk, bad_bodies)
{
    static const char *const rows[] = {
        "x\r\n",
        "-1\r\n",
        "+5\r\nhello\r\n",
        "0x10\r\n",
        "5 5\r\n",
        ";ieof\r\n",
        "  \r\n\r\n",
        "5\rhello\r\n",
        "\rx",
        "\r\r\n",
        "8000000000000000\r\n",
        "10000000000000000\r\n",
        "ffffffffffffffffffff\r\n",
        "5 ieof\r\n",
        "5;a\x01\r\n",
        "5;a b\r\n",
        "5;=b\r\n",
        "5;a=b c\r\n",
        "5;a=\"b\r\n\"\r\n",
        "5;a=\"b\"c\r\n",
        "5;a=\"b\\\r\n",
        "5;a=\"b\x01\"\r\n",
        "0; ieof\r\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\r0\r\n",
        "5\r\nhello \r\n0\r\n\r\n",
        "5\r\nhello\r\n\r\n0\r\n\r\n",
        "5\r\nhello\r\n;\r\n",
        "0\r\n\rx",
        "0\r\n folded to nothing\r\n\r\n",
        "0\r\nno colon\r\n\r\n",
        "0\r\nnocolon\r\n\r\n",
        "0\r\n: x\r\n\r\n",
        "0\r\n\x80: x\r\n\r\n",
        "0;use-original-body=x\r\n\r\n",
        "0;use-original-body=\r\n\r\n",
        "0;use-original-body=\"5\"\r\n\r\n",
        "0;use-original-body=5x\r\n\r\n",
        "0;use-original-body=-5\r\n\r\n",
        "0;use-original-body=5;use-original-body=6\r\n\r\n",
        "0;use-original-body=9223372036854775808\r\n\r\n",
        "0;use-original-body=99999999999999999999\r\n\r\n",
    };
    static struct decoded got;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct slice bytes = slice_from_str(rows[i]);

        decode_all_ways(bytes, &got);
        cr_assert_eq(got.status, CHUNK_BAD, "%s", rows[i]);
    }
}

Test(chunk, bad_stays_bad_and_end_stays_end)
{
    struct chunk_decoder dec = {0};
    struct slice in = SLICE_OF("z0\r\n\r\n");
    struct slice out;

    cr_assert_eq(chunk_feed(&dec, &in, &out), CHUNK_BAD);
    cr_assert_eq(chunk_feed(&dec, &in, &out), CHUNK_BAD);
    chunk_init(&dec);
    in = SLICE_OF("0\r\n\r\n0\r\n\r\n");
    cr_assert_eq(chunk_feed(&dec, &in, &out), CHUNK_END);
    cr_assert_eq(in.len, 5);
    cr_assert_eq(chunk_feed(&dec, &in, &out), CHUNK_END);
    cr_assert_eq(in.len, 5);
}

Test(chunk, use_original_body)
{
    static const struct {
        const char *bytes;
        bool has_original;
        uint64_t from;
    } rows[] = {
        {"0; use-original-body=0\r\n\r\n", true, 0},
        {"2\r\nab\r\n0; USE-Original-Body = 00512 ; x\r\n\r\n", true, 512},
        {"0; use-original-body=9223372036854775807; ieof\r\n\r\n", true, INT64_MAX},
        {"2; use-original-body=7\r\nab\r\n0\r\n\r\n", false, 0},
        {"0; use-original-bodyy=7\r\n\r\n", false, 0},
        {"0; use-original-bod=7\r\n\r\n", false, 0},
        {"0; use-original-body\r\n\r\n", false, 0},
    };
    static struct decoded got;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        decode_all_ways(slice_from_str(rows[i].bytes), &got);
        cr_assert_eq(got.status, CHUNK_END, "%s", rows[i].bytes);
        cr_assert_eq(got.has_original, rows[i].has_original, "%s", rows[i].bytes);
        if (rows[i].has_original) {
            cr_assert_eq(got.original_from, rows[i].from, "%s", rows[i].bytes);
        }
    }
}

Test(chunk, a_preview_and_the_rest)
{
    /* RFC 3507, section 4.5: a preview of 1024 bytes of a body of 1025. */
    static uint8_t preview[2048];
    size_t len = 0;
    struct chunk_decoder dec;
    static struct decoded got;

    for (int i = 0; i < 2; i++) {
        memcpy(preview + len, "200\r\n", 5);
        memset(preview + len + 5, 'x', 512);
        memcpy(preview + len + 517, "\r\n", 2);
        len += 519;
    }
    memcpy(preview + len, "0\r\n\r\n", 5);
    decode_all_ways(slice_from(preview, len + 5), &got);
    cr_assert_eq(got.status, CHUNK_END);
    cr_assert_eq(got.body_len, 1024);
    cr_assert_not(got.ieof);

    chunk_init(&dec);
    got = (struct decoded){0};
    feed_piece(&dec, SLICE_OF("1\r\ny\r\n0\r\n\r\n"), &got);
    cr_assert_eq(got.status, CHUNK_END);
    cr_assert_eq(got.body_len, 1);

    memcpy(preview + len, "0; ieof\r\n\r\n", 11);
    decode_all_ways(slice_from(preview, len + 11), &got);
    cr_assert_eq(got.body_len, 1024);
    cr_assert(got.ieof);
}

Test(chunk, hands_out_large_chunks_in_place)
{
    static uint8_t bytes[KIB(64)];
    struct chunk_decoder dec = {0};
    struct slice in = SLICE_OF("7fffffffffffffff\r\n");
    struct slice out;

    cr_assert_eq(chunk_feed(&dec, &in, &out), CHUNK_MORE);
    for (int i = 0; i < 100; i++) {
        in = slice_from(bytes, sizeof(bytes));
        cr_assert_eq(chunk_feed(&dec, &in, &out), CHUNK_DATA);
        cr_assert_eq(out.ptr, bytes);
        cr_assert_eq(out.len, sizeof(bytes));
        cr_assert_eq(in.len, 0);
    }
    cr_assert_eq(dec.body_len, 100 * sizeof(bytes));
    cr_assert_eq(dec.left, INT64_MAX - 100 * sizeof(bytes));
}

/* Feeds `first` and then `again` without end; returns how many bytes were taken before it was bad.
 */
static size_t feed_endless(struct slice first, struct slice again)
{
    struct chunk_decoder dec = {0};
    struct slice out;
    size_t taken = 0;
    struct slice in = first;

    for (int i = 0; i < 100000; i++) {
        enum chunk_status status;

        do {
            status = chunk_feed(&dec, &in, &out);
        } while (status == CHUNK_TRAILER || status == CHUNK_DATA);
        if (status == CHUNK_BAD) {
            return taken;
        }
        cr_assert_eq(status, CHUNK_MORE);
        taken += again.len;
        in = again;
    }
    return SIZE_MAX;
}

Test(chunk, endless_lines_end)
{
    cr_assert_leq(feed_endless(SLICE_OF("0;"), SLICE_OF("a")), CHUNK_LINE_MAX);
    cr_assert_leq(feed_endless(SLICE_OF("0;a=\""), SLICE_OF("a;")), CHUNK_LINE_MAX);
    cr_assert_leq(feed_endless(SLICE_OF("0"), SLICE_OF("0")), CHUNK_LINE_MAX);
    cr_assert_leq(feed_endless(SLICE_OF(""), SLICE_OF(" ")), CHUNK_LINE_MAX + 1);
    cr_assert_leq(feed_endless(SLICE_OF(""), SLICE_OF("\r\n")), CHUNK_LINE_MAX + 2);
    cr_assert_leq(feed_endless(SLICE_OF("0\r\n"), SLICE_OF("A: b\r\n")), CHUNK_TRAILER_MAX + 6);
    cr_assert_leq(feed_endless(SLICE_OF("0\r\n"), SLICE_OF("A")), CHUNK_TRAILER_MAX + 1);
    cr_assert_leq(feed_endless(SLICE_OF("0\r\nA:"), SLICE_OF(" ")), CHUNK_TRAILER_MAX + 1);
    cr_assert_gt(feed_endless(SLICE_OF("0;"), SLICE_OF("a")), CHUNK_LINE_MAX - 8);
    cr_assert_gt(feed_endless(SLICE_OF("0\r\nA:"), SLICE_OF(" ")), CHUNK_TRAILER_MAX - 8);
}
