/* SPDX-License-Identifier: MIT */
#include "match/build_regex.h"

#include "base/err.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

static bool regex_take_flag(struct layout_regex *out, uint8_t flag)
{
    switch (flag) {
    case 'g':
        out->global = 1;
        return true;
    case 'r':
        out->rolling = 1;
        return true;
    case 'e':
        out->encompass = 1;
        return true;
    case 'i':
        out->options |= PCRE2_CASELESS;
        return true;
    case 's':
        out->options |= PCRE2_DOTALL;
        return true;
    case 'm':
        out->options |= PCRE2_MULTILINE;
        return true;
    case 'x':
        out->options |= PCRE2_EXTENDED;
        return true;
    case 'A':
        out->options |= PCRE2_ANCHORED;
        return true;
    case 'E':
        out->options |= PCRE2_DOLLAR_ENDONLY;
        return true;
    case 'U':
        out->options |= PCRE2_UNGREEDY;
        return true;
    default:
        return false;
    }
}

static int regex_refuse(struct match_builder *builder, int error, size_t at)
{
    char why[BUILDER_ERROR_CAP];
    PCRE2_UCHAR message[128] = "";

    (void)pcre2_get_error_message(error, message, sizeof(message));
    snprintf(why, sizeof(why), "the regular expression does not compile: %s at character %zu",
             (const char *)message, at + 1);
    return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN, why);
}

int build_regex_check(struct match_builder *builder, struct slice text, struct slice flags,
                      struct layout_regex *out)
{
    int error = 0;
    size_t at = 0;

    for (size_t i = 0; i < flags.len; i++) {
        if (!regex_take_flag(out, flags.ptr[i])) {
            return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN,
                                  "a flag of a regular expression that is none of g r e i s m x A "
                                  "E U");
        }
    }
    if (memchr(text.ptr, '\0', text.len)) {
        return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN, "a NUL in a regular expression");
    }
    pcre2_code *code = pcre2_compile(text.ptr, text.len, out->options, &error, &at, NULL);

    if (!code) {
        return error == PCRE2_ERROR_HEAP_FAILED ? ERR_NEW(-ENOMEM)
                                                : regex_refuse(builder, error, at);
    }
    pcre2_code_free(code);
    return 0;
}
