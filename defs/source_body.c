/* SPDX-License-Identifier: MIT */
/*
 * source_body - lines of .ndb files, Name:Target:Offset:Body[:MinLevel[:MaxLevel]], and of the old
 * .db files, Name=Body.
 */
#include "defs/source_field.h"
#include "match/build.h"
#include "match/filetype.h"

static int source_parse_target(struct slice field, uint64_t *out_target,
                               char reason[SOURCE_REASON_CAP])
{
    if (slice_equal(field, SLICE_OF("*"))) {
        *out_target = MATCH_TARGET_ANY;
        return SOURCE_USED;
    }
    if (!slice_parse_u64(field, out_target)) {
        return source_refuse(reason, "the target is neither a number nor *");
    }
    if (*out_target >= MATCH_TARGET_COUNT) {
        return source_refuse(reason, "the target is not one of 0 to %d", MATCH_TARGET_COUNT - 1);
    }
    return SOURCE_USED;
}

int source_take_body(const struct source *source, struct slice line, char reason[SOURCE_REASON_CAP])
{
    struct slice fields[6];
    const size_t len = source_split(line, ':', fields, ARRAY_LEN(fields));
    uint64_t min;
    uint64_t target;

    if (len < 4 || len > ARRAY_LEN(fields)) {
        return source_refuse(reason,
                             "expected Name:Target:Offset:Body, with up to two levels behind");
    }
    if (!source_check_word(fields[0], SOURCE_NAME_MAX, "name", reason)) {
        return SOURCE_UNUSABLE;
    }

    /* Levels come first: what is meant for another engine may well be in a grammar we do not know.
     */
    const int level = source_check_levels(fields + 4, len - 4, &min, reason);

    if (level != SOURCE_USED) {
        return level;
    }
    if (source_parse_target(fields[1], &target, reason) != SOURCE_USED) {
        return SOURCE_UNUSABLE;
    }
    return source_fold_built(
        source->builder,
        match_builder_add_body(source->builder, fields[0], (unsigned)target, fields[2], fields[3]),
        reason);
}

int source_take_plain(const struct source *source, struct slice line,
                      char reason[SOURCE_REASON_CAP])
{
    struct slice fields[2];

    if (source_split(line, '=', fields, ARRAY_LEN(fields)) != ARRAY_LEN(fields)) {
        return source_refuse(reason, "expected Name=Body");
    }
    if (!source_check_word(fields[0], SOURCE_NAME_MAX, "name", reason)) {
        return SOURCE_UNUSABLE;
    }
    return source_fold_built(source->builder,
                             match_builder_add_body(source->builder, fields[0], MATCH_TARGET_ANY,
                                                    SLICE_OF("*"), fields[1]),
                             reason);
}
