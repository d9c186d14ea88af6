/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

static void text_put_digits(struct text *text, uint64_t value, unsigned base)
{
    static const char digits[] = "0123456789abcdef";
    char block[20];
    size_t at = sizeof(block);

    do {
        block[--at] = digits[value % base];
        value /= base;
    } while (value > 0);
    text_put(text, block + at, sizeof(block) - at);
}

void text_put_u64(struct text *text, uint64_t value)
{
    text_put_digits(text, value, 10);
}

void text_put_hex(struct text *text, uint64_t value)
{
    text_put_digits(text, value, 16);
}

/* Bytes of the UTF-8 character at the front of `s` (RFC 3629); 0 when there is none. */
static size_t text_utf8_len(struct slice s)
{
    const uint8_t first = s.ptr[0];
    const size_t len = first < 0x80                     ? 1
                       : first >= 0xc2 && first <= 0xdf ? 2
                       : (first & 0xf0) == 0xe0         ? 3
                       : first >= 0xf0 && first <= 0xf4 ? 4
                                                        : 0;

    if (len > s.len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((s.ptr[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    /* Longer than need be, half of a surrogate pair, or beyond the last code point. */
    if ((first == 0xe0 && s.ptr[1] < 0xa0) || (first == 0xed && s.ptr[1] > 0x9f) ||
        (first == 0xf0 && s.ptr[1] < 0x90) || (first == 0xf4 && s.ptr[1] > 0x8f)) {
        return 0;
    }
    return len;
}

void text_put_json(struct text *text, struct slice s)
{
    while (s.len > 0) {
        const size_t len = text_utf8_len(s);
        const uint8_t c = s.ptr[0];

        if (c < 0x20 || c == 0x7f || len == 0) {
            text_printf(text, "\\u%04x", c);
        } else if (c == '"' || c == '\\') {
            text_printf(text, "\\%c", c);
        } else {
            text_put(text, s.ptr, len);
        }
        s = slice_skip(s, MAX_OF(len, (size_t)1));
    }
}

void text_printf(struct text *text, const char *format, ...)
{
    char block[2048];
    va_list args;

    va_start(args, format);
    const int len = vsnprintf(block, sizeof(block), format, args);

    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(block)) {
        text->overflowed = true;
        return;
    }
    text_put(text, block, (size_t)len);
}
