/* SPDX-License-Identifier: MIT */
#include "base/slice.h"

static uint8_t slice_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (slice_lower(a.ptr[i]) != slice_lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

static bool slice_is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && slice_is_blank(s.ptr[0])) {
        s = slice_skip(s, 1);
    }
    while (s.len > 0 && slice_is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

size_t slice_find(struct slice s, uint8_t byte)
{
    const uint8_t *hit = s.len > 0 ? memchr(s.ptr, byte, s.len) : NULL;

    return hit ? (size_t)(hit - s.ptr) : s.len;
}

struct slice slice_split(struct slice *rest, uint8_t sep)
{
    const size_t at = slice_find(*rest, sep);
    const struct slice head = {rest->ptr, at};

    *rest = slice_skip(*rest, at < rest->len ? at + 1 : at);
    return head;
}

bool slice_parse_u64(struct slice s, uint64_t *out)
{
    uint64_t value = 0;

    if (s.len == 0) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        const uint64_t digit = (uint64_t)s.ptr[i] - '0';

        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static int slice_hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool slice_parse_hex(struct slice s, uint8_t *out, size_t len)
{
    if (s.len % 2 != 0 || s.len / 2 != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const int high = slice_hex_digit(s.ptr[i * 2]);
        const int low = slice_hex_digit(s.ptr[i * 2 + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
