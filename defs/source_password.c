/* SPDX-License-Identifier: MIT */
/*
 * source_password - lines of .pwdb files: Name;Attributes;Form;Password.
 *
 * Form is 0 for a password as it stands there, 1 for hexadecimal digits. Of the attributes Engine
 * and Container count; the others that clamscan takes say nothing of a password.
 */
#include "defs/source_field.h"
#include "match/build.h"
#include "match/cl_type.h"

#define PASSWORD_MAX 255

static int password_take_attribute(struct slice attribute, bool first, uint16_t *out_container,
                                   char reason[SOURCE_REASON_CAP])
{
    const struct slice key = slice_split(&attribute, ':');

    if (slice_equal(key, SLICE_OF("Engine"))) {
        return first ? source_check_engine(attribute, reason)
                     : source_refuse(reason, "Engine is not the first attribute");
    }
    if (slice_equal(key, SLICE_OF("Container"))) {
        return source_parse_type(attribute, out_container, reason) ? SOURCE_USED : SOURCE_UNUSABLE;
    }
    if (slice_equal(key, SLICE_OF("Target")) || slice_equal(key, SLICE_OF("FileSize"))) {
        return SOURCE_USED;
    }
    return source_refuse(reason, "the attribute %.*s is not known", (int)MIN_OF(key.len, 64),
                         (const char *)key.ptr);
}

static int password_take_attributes(struct slice attributes, uint16_t *out_container,
                                    char reason[SOURCE_REASON_CAP])
{
    bool first = true;

    *out_container = CL_TYPE_ANY;
    do {
        const int r =
            password_take_attribute(slice_split(&attributes, ','), first, out_container, reason);

        if (r != SOURCE_USED) {
            return r;
        }
        first = false;
    } while (attributes.len > 0);
    return SOURCE_USED;
}

int source_take_password(const struct source *source, struct slice line,
                         char reason[SOURCE_REASON_CAP])
{
    struct slice fields[4];
    const size_t len = source_split(line, ';', fields, ARRAY_LEN(fields));
    uint8_t bytes[PASSWORD_MAX];
    struct slice password;
    uint16_t container;

    if (len != ARRAY_LEN(fields)) {
        return source_refuse(reason, "expected Name;Attributes;Form;Password; a semicolon in a "
                                     "password needs the hexadecimal form");
    }

    const int r = password_take_attributes(fields[1], &container, reason);

    if (r != SOURCE_USED) {
        return r;
    }
    password = fields[3];
    if (slice_equal(fields[2], SLICE_OF("1"))) {
        if (password.len > 2 * sizeof(bytes) ||
            !slice_parse_hex(password, bytes, password.len / 2)) {
            return source_refuse(reason,
                                 "the password is no row of up to %d bytes in hexadecimal "
                                 "digits",
                                 PASSWORD_MAX);
        }
        password = slice_from(bytes, password.len / 2);
    } else if (!slice_equal(fields[2], SLICE_OF("0"))) {
        return source_refuse(reason, "the form of the password is neither 0 nor 1");
    }
    if (password.len == 0 || password.len > PASSWORD_MAX) {
        return source_refuse(reason, "the password is empty or longer than %d bytes", PASSWORD_MAX);
    }
    return source_fold_built(
        source->builder, match_builder_add_password(source->builder, password, container), reason);
}
