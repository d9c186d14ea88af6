#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_why - the reason of a refusal, as a text for the user.
 *
 * Role: one place to write it and to return false. Memory: the caller's block; a text that is too
 * long is cut.
 */
#include "base/macro.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

struct load_why {
    char *text;
    size_t cap;
};

static inline struct load_why load_why_over(char *text, size_t cap)
{
    return (struct load_why){text, cap};
}

static inline bool PRINTF_LIKE(2, 3)
    load_why_set(const struct load_why *why, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(why->text, why->cap, format, list);
    va_end(list);
    return false;
}
