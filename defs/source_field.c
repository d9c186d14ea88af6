/* SPDX-License-Identifier: MIT */
#include "defs/source_field.h"

#include "base/err.h"
#include "match/build.h"
#include "match/cl_type.h"

#include <stdarg.h>
#include <stdio.h>

/* Reasons reach terminals and logs; the builder may have quoted the line. */
static void source_clean(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            *text = '?';
        }
    }
}

int source_refuse(char reason[SOURCE_REASON_CAP], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(reason, SOURCE_REASON_CAP, format, args);
    va_end(args);
    source_clean(reason);
    return SOURCE_UNUSABLE;
}

int source_fold_built(const struct match_builder *builder, int r, char reason[SOURCE_REASON_CAP])
{
    if (r < 0) {
        return ERR_PASS(r);
    }
    if (r == MATCH_BUILD_OK) {
        return SOURCE_USED;
    }
    (void)source_refuse(reason, "%s", match_builder_error(builder));
    return r == MATCH_BUILD_SLOW ? SOURCE_SLOW : SOURCE_UNUSABLE;
}

size_t source_split(struct slice line, uint8_t sep, struct slice *out_fields, size_t max)
{
    size_t len = 0;

    for (;;) {
        const size_t at = slice_find(line, sep);

        if (len == max) {
            return max + 1;
        }
        out_fields[len++] = slice_from(line.ptr, at);
        if (at == line.len) {
            return len;
        }
        line = slice_skip(line, at + 1);
    }
}

bool source_check_word(struct slice word, size_t max, const char *what,
                       char reason[SOURCE_REASON_CAP])
{
    if (word.len == 0) {
        (void)source_refuse(reason, "the %s is empty", what);
        return false;
    }
    if (word.len > max) {
        (void)source_refuse(reason, "the %s has more than %zu bytes", what, max);
        return false;
    }
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] < 0x20 || word.ptr[i] > 0x7e) {
            (void)source_refuse(reason, "the %s holds a byte that is not printable ASCII", what);
            return false;
        }
    }
    return true;
}

int source_check_levels(const struct slice *fields, size_t len, uint64_t *out_min,
                        char reason[SOURCE_REASON_CAP])
{
    uint64_t min = 0;
    uint64_t max = UINT64_MAX;

    if (len > 0 && fields[0].len > 0 && !slice_parse_u64(fields[0], &min)) {
        return source_refuse(reason, "the lowest functionality level is not a number");
    }
    if (len > 1 && fields[1].len > 0 && !slice_parse_u64(fields[1], &max)) {
        return source_refuse(reason, "the highest functionality level is not a number");
    }
    *out_min = min;
    return min > SOURCE_LEVEL || max < SOURCE_LEVEL ? SOURCE_SKIPPED : SOURCE_USED;
}

bool source_parse_range(struct slice field, const char *what, uint64_t out[2],
                        char reason[SOURCE_REASON_CAP])
{
    const struct slice low = slice_split(&field, '-');

    if (!slice_parse_u64(low, &out[0]) || !slice_parse_u64(field, &out[1])) {
        (void)source_refuse(reason, "%s is no range like 10-20", what);
        return false;
    }
    if (out[0] > out[1]) {
        (void)source_refuse(reason, "%s is a range that ends before it begins", what);
        return false;
    }
    return true;
}

int source_check_engine(struct slice value, char reason[SOURCE_REASON_CAP])
{
    uint64_t range[2];

    if (!source_parse_range(value, "Engine", range, reason)) {
        return SOURCE_UNUSABLE;
    }
    return range[0] > SOURCE_LEVEL || range[1] < SOURCE_LEVEL ? SOURCE_SKIPPED : SOURCE_USED;
}

bool source_parse_type(struct slice name, uint16_t *out_type, char reason[SOURCE_REASON_CAP])
{
    *out_type = cl_type_find(name);
    if (*out_type == CL_TYPE_NONE) {
        (void)source_refuse(reason, "%.*s is no type of file that this engine knows",
                            (int)MIN_OF(name.len, 64), (const char *)name.ptr);
        return false;
    }
    return true;
}
