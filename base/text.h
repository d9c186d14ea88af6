#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * text - appends to a block of fixed size.
 *
 * Role: builds heads, pages and log lines. Overflow is sticky: what does not fit is not written,
 * `overflowed` stays set and is checked once at the end. Never adds a NUL of its own.
 */
#include "base/slice.h"

struct text {
    char *ptr;
    size_t len;
    size_t cap;
    bool overflowed;
};

static inline struct text text_over(void *block, size_t cap)
{
    return (struct text){.ptr = block, .cap = cap};
}

static inline void text_put(struct text *text, const void *bytes, size_t len)
{
    if (UNLIKELY(len > text->cap - text->len)) {
        text->overflowed = true;
        return;
    }
    if (len > 0) {
        memcpy(text->ptr + text->len, bytes, len);
        text->len += len;
    }
}

static inline void text_put_slice(struct text *text, struct slice s)
{
    text_put(text, s.ptr, s.len);
}

static inline void text_put_str(struct text *text, const char *str)
{
    text_put(text, str, strlen(str));
}

#define TEXT_PUT(text, literal) text_put((text), "" literal, sizeof(literal) - 1)

void text_put_u64(struct text *text, uint64_t value);
void text_put_hex(struct text *text, uint64_t value);

/* Inside a JSON string: quotes and controls are escaped, and bytes that are no UTF-8 as the code
 * point of their number. What does not fit is left out character by character. */
void text_put_json(struct text *text, struct slice s);

/* For what is not on the hot path. */
void text_printf(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);

static inline struct slice text_slice(const struct text *text)
{
    return slice_from(text->ptr, text->len);
}
