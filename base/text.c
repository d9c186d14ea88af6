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

void text_put_json(struct text *text, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const uint8_t c = s.ptr[i];

        if (c < 0x20 || c >= 0x7f) {
            text_printf(text, "\\u%04x", c);
        } else {
            if (c == '"' || c == '\\') {
                TEXT_PUT(text, "\\");
            }
            text_put(text, &s.ptr[i], 1);
        }
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
