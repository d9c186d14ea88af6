/* SPDX-License-Identifier: MIT */
/*
 * source_magic - lines of .ftm files, bytes that tell the type of a file:
 * Kind:Offset:Bytes:Name:RequiredType:Type[:MinLevel[:MaxLevel]].
 *
 * Kind 0 is a row of bytes, 1 a body signature, 4 a partition. Bytes at a place are what this
 * engine can look at before it has chosen what to look for.
 */
#include "defs/source_field.h"
#include "match/build.h"
#include "match/cl_type.h"

enum magic_field {
    MAGIC_KIND,
    MAGIC_OFFSET,
    MAGIC_BODY,
    MAGIC_NAME,
    MAGIC_REQUIRED,
    MAGIC_TYPE,
    MAGIC_FIELDS,
};

int source_take_magic(const struct source *source, struct slice line,
                      char reason[SOURCE_REASON_CAP])
{
    struct slice fields[MAGIC_FIELDS + 2];
    const size_t len = source_split(line, ':', fields, ARRAY_LEN(fields));
    uint16_t required;
    uint16_t type;
    uint64_t min;
    uint64_t at;

    if (len < MAGIC_FIELDS || len > ARRAY_LEN(fields)) {
        return source_refuse(reason, "expected %d fields, with up to two levels behind",
                             MAGIC_FIELDS);
    }

    const int level = source_check_levels(fields + MAGIC_FIELDS, len - MAGIC_FIELDS, &min, reason);

    if (level != SOURCE_USED) {
        return level;
    }
    if (!slice_equal(fields[MAGIC_KIND], SLICE_OF("0")) &&
        !slice_equal(fields[MAGIC_KIND], SLICE_OF("1"))) {
        return source_refuse(reason, "only kinds 0 and 1 are matched");
    }
    if (!source_parse_type(fields[MAGIC_REQUIRED], &required, reason) ||
        !source_parse_type(fields[MAGIC_TYPE], &type, reason)) {
        return SOURCE_UNUSABLE;
    }
    if (required != CL_TYPE_ANY) {
        return source_refuse(reason, "a type that depends on another one is not matched");
    }
    if (!slice_parse_u64(fields[MAGIC_OFFSET], &at)) {
        return source_refuse(reason, "bytes are looked for at a fixed place only");
    }
    return source_fold_built(source->builder,
                             match_builder_add_magic(source->builder, at, fields[MAGIC_BODY], type),
                             reason);
}
