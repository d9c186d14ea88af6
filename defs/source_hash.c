/* SPDX-License-Identifier: MIT */
/*
 * source_hash - lines of .hdb, .hsb, .fp and .sfp files: Hash:Size:Name[:MinLevel[:MaxLevel]].
 *
 * The kind of hash is told by its length, whatever the file is called.
 */
#include "defs/source_field.h"
#include "match/build.h"

/* ClamAV's bounds: sizes are 32 bits there, and both ends mean something else. */
#define SOURCE_SIZE_MAX 0xfffffffeU

/* Engines below this level would take * for a number. */
#define SOURCE_ANY_SIZE_LEVEL 73

static int source_parse_size(struct slice field, uint64_t min_level, uint64_t *out_size,
                             char reason[SOURCE_REASON_CAP])
{
    if (slice_equal(field, SLICE_OF("*"))) {
        if (min_level < SOURCE_ANY_SIZE_LEVEL) {
            return source_refuse(reason,
                                 "a size of * needs a lowest functionality level of %d or more",
                                 SOURCE_ANY_SIZE_LEVEL);
        }
        *out_size = UINT64_MAX;
        return SOURCE_USED;
    }
    if (!slice_parse_u64(field, out_size) || *out_size == 0 || *out_size > SOURCE_SIZE_MAX) {
        return source_refuse(reason, "the size is neither * nor a number from 1 to %u",
                             SOURCE_SIZE_MAX);
    }
    return SOURCE_USED;
}

int source_take_hash(struct match_builder *builder, struct slice line, bool allow,
                     char reason[SOURCE_REASON_CAP])
{
    struct slice fields[5];
    const size_t len = source_split(line, ':', fields, ARRAY_LEN(fields));
    uint64_t min;
    uint64_t size;

    if (len < 3 || len > ARRAY_LEN(fields)) {
        return source_refuse(reason, "expected Hash:Size:Name, with up to two levels behind");
    }
    if (!source_check_word(fields[2], SOURCE_NAME_MAX, "name", reason)) {
        return SOURCE_UNUSABLE;
    }

    const int level = source_check_levels(fields + 3, len - 3, &min, reason);

    if (level != SOURCE_USED) {
        return level;
    }
    if (source_parse_size(fields[1], min, &size, reason) != SOURCE_USED) {
        return SOURCE_UNUSABLE;
    }
    return source_fold_built(
        builder, match_builder_add_hash(builder, fields[2], fields[0], size, allow), reason);
}
