/* SPDX-License-Identifier: MIT */
#include "match/logic.h"

#include "base/assert.h"
#include "match/match_private.h"

/* ---- Numbers ---- */

static int digit_value(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : 99;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Hexadecimal digits name bytes, the least significant first: these change places. */
static uint64_t swap_bytes(uint64_t value)
{
    uint64_t out = 0;

    for (; value > 0; value >>= 8) {
        out = out << 8 | (value & 0xff);
    }
    return out;
}

/*
 * The number at the front of a text, as C's strtol would read it; text that is none is 0. False
 * when all of it must be digits and is not.
 */
static bool number_read(const struct layout_compare *compare, struct slice text, int64_t *out)
{
    size_t at = 0;
    bool negative = false;
    uint64_t value = 0;

    while (at < text.len && is_blank(text.ptr[at])) {
        at++;
    }
    if (at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+')) {
        negative = text.ptr[at++] == '-';
    }
    const bool prefixed = text.len - at > 2 && text.ptr[at] == '0' &&
                          (text.ptr[at + 1] | 0x20) == 'x' && digit_value(text.ptr[at + 2]) < 16;
    const int base = compare->base == 'h' || (compare->base == 'a' && prefixed) ? 16 : 10;
    const size_t first = at + (base == 16 && prefixed ? 2 : 0);

    if (base == 10 && compare->base == 'a' && !compare->big_endian) {
        return false;
    }

    for (at = first; at < text.len && digit_value(text.ptr[at]) < base; at++) {
        value = value * (uint64_t)base + (uint64_t)digit_value(text.ptr[at]);
    }
    if (compare->exact && (at < text.len || is_blank(text.ptr[0]))) {
        return false;
    }
    value = base == 16 && !compare->big_endian ? swap_bytes(value) : value;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static int64_t number_binary(const struct layout_compare *compare, struct slice bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        value = value << 8 | bytes.ptr[compare->big_endian ? i : bytes.len - 1 - i];
    }
    return (int64_t)value;
}

/* ---- Comparisons ---- */

static bool compare_test(uint8_t test, int64_t number, int64_t value)
{
    switch (test) {
    case '=':
        return number == value;
    case '<':
        return number < value;
    case '>':
        return number > value;
    default:
        return true;
    }
}

/* The number at a distance from `start`; false when the body is too short or it does not compare.
 */
static bool compare_at(struct body_job *job, const struct layout_compare *compare, uint64_t start)
{
    uint8_t bytes[LAYOUT_COMPARE_BYTES_MAX];
    const struct slice text = slice_from(bytes, compare->bytes_len);
    const int64_t at = (int64_t)start + compare->distance;
    int64_t number;

    ASSERT(compare->bytes_len <= sizeof(bytes));
    if (at < 0 || (uint64_t)at > job->body->fed ||
        job->body->fed - (uint64_t)at < compare->bytes_len ||
        !peek_copy(&job->peek, (uint64_t)at, bytes, compare->bytes_len)) {
        return false;
    }
    if (compare->base == 'i') {
        number = number_binary(compare, text);
    } else if (!number_read(compare, text, &number)) {
        return false;
    }
    return compare_test(compare->test[0], number, compare->value[0]) &&
           compare_test(compare->test[1], number, compare->value[1]);
}

enum logic_result compare_count(struct body_job *job, const struct layout_part *part,
                                struct logic_memo *memo, uint32_t cap)
{
    const struct layout_compare *compare = &job->db->layout.compares[part->first];
    uint32_t count = 0;

    (void)cap;
    /* The last match of the part counts, so all of them have to be seen. */
    if (logic_count(job, compare->part, UINT32_MAX, &count) == LOGIC_AGAIN) {
        return LOGIC_AGAIN;
    }
    memo->count = count > 0 && compare_at(job, compare, logic_memo_of(job, compare->part)->last);
    memo->done = true;
    return LOGIC_YES;
}
