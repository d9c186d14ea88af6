/* SPDX-License-Identifier: MIT */
/*
 * source_threat - lines of threats.tsv: name, id, category of what is not viral, repair action,
 * with tabs between them; - stands for none.
 */
#include "defs/source_field.h"
#include "match/build.h"

/* Ids that are made from a name have 31 bits; clients may read them into an int. */
#define SOURCE_ID_MAX 0x7fffffffU

static bool source_is_none(struct slice field)
{
    return slice_equal(field, SLICE_OF("-"));
}

static bool source_parse_word(struct slice field, const char *what, struct slice *out_word,
                              char reason[SOURCE_REASON_CAP])
{
    if (source_is_none(field)) {
        *out_word = slice_from(NULL, 0);
        return true;
    }
    *out_word = field;
    return source_check_word(field, SOURCE_WORD_MAX, what, reason);
}

int source_take_threat(const struct source *source, struct slice line,
                       char reason[SOURCE_REASON_CAP])
{
    struct slice fields[4];
    struct match_threat threat = {0};
    uint64_t id = 0;

    if (source_split(line, '\t', fields, ARRAY_LEN(fields)) != ARRAY_LEN(fields)) {
        return source_refuse(reason, "expected name, id, category and repair action with tabs "
                                     "between them");
    }
    if (!source_check_word(fields[0], SOURCE_NAME_MAX, "name", reason)) {
        return SOURCE_UNUSABLE;
    }
    threat.name = fields[0];
    threat.has_id = !source_is_none(fields[1]);
    if (threat.has_id && (!slice_parse_u64(fields[1], &id) || id > SOURCE_ID_MAX)) {
        return source_refuse(reason, "the id is neither - nor a number up to %u", SOURCE_ID_MAX);
    }
    threat.id = (uint32_t)id;
    if (!source_parse_word(fields[2], "category", &threat.category, reason) ||
        !source_parse_word(fields[3], "repair action", &threat.repair, reason)) {
        return SOURCE_UNUSABLE;
    }
    return source_fold_built(source->builder, match_builder_add_threat(source->builder, &threat),
                             reason);
}
