/* SPDX-License-Identifier: MIT */
/*
 * source_logical - lines of .ldb files: Name;Attributes;Expression;Subsignature[;Subsignature...].
 *
 * A semicolon always separates; Perl-compatible expressions write theirs as \x3B. Attributes are
 * read here, expression and subsignatures by the builder.
 */
#include "base/err.h"
#include "defs/source_field.h"
#include "match/build.h"
#include "match/filetype.h"

#define LOGICAL_PARTS_MAX         64
#define LOGICAL_INTERMEDIATES_MAX 16

/* Name, attributes and expression stand before the subsignatures. */
#define LOGICAL_FIELDS_BEFORE 3

struct logical_job {
    struct match_logical logical;
    uint16_t intermediates[LOGICAL_INTERMEDIATES_MAX];
    bool has_target;
    bool first; /* The attribute under way is the line's first. */
    char *reason;
};

/* One attribute: returns an enum source_status. */
typedef int (*logical_take_fn)(struct logical_job *job, struct slice value);

/* Levels come first: what is meant for another engine may well be in a grammar we do not know. */
static int logical_take_engine(struct logical_job *job, struct slice value)
{
    if (!job->first) {
        return source_refuse(job->reason, "Engine is not the first attribute");
    }
    return source_check_engine(value, job->reason);
}

static int logical_take_target(struct logical_job *job, struct slice value)
{
    uint64_t target;

    if (!slice_parse_u64(value, &target)) {
        return source_refuse(job->reason, "the target is not a number");
    }
    if (target >= MATCH_TARGET_COUNT) {
        return source_refuse(job->reason, "the target is not one of 0 to %d",
                             MATCH_TARGET_COUNT - 1);
    }
    job->logical.target = (unsigned)target;
    job->has_target = true;
    return SOURCE_USED;
}

static int logical_take_size(struct logical_job *job, struct slice value)
{
    struct match_conditions *conditions = &job->logical.conditions;
    uint64_t range[2];

    if (!source_parse_range(value, "FileSize", range, job->reason)) {
        return SOURCE_UNUSABLE;
    }
    conditions->has_size = true;
    conditions->size_min = range[0];
    conditions->size_max = range[1];
    return SOURCE_USED;
}

static int logical_take_entry(struct logical_job *job, struct slice value)
{
    struct match_conditions *conditions = &job->logical.conditions;
    uint64_t range[2];

    if (!source_parse_range(value, "EntryPoint", range, job->reason)) {
        return SOURCE_UNUSABLE;
    }
    conditions->has_entry = true;
    conditions->entry_min = range[0];
    conditions->entry_max = range[1];
    return SOURCE_USED;
}

static int logical_take_sections(struct logical_job *job, struct slice value)
{
    struct match_conditions *conditions = &job->logical.conditions;
    uint64_t range[2];

    if (!source_parse_range(value, "NumberOfSections", range, job->reason)) {
        return SOURCE_UNUSABLE;
    }
    conditions->has_sections = true;
    conditions->sections_min = (uint32_t)MIN_OF(range[0], UINT32_MAX);
    conditions->sections_max = (uint32_t)MIN_OF(range[1], UINT32_MAX);
    return SOURCE_USED;
}

static int logical_take_container(struct logical_job *job, struct slice value)
{
    return source_parse_type(value, &job->logical.conditions.container, job->reason)
               ? SOURCE_USED
               : SOURCE_UNUSABLE;
}

static int logical_take_intermediates(struct logical_job *job, struct slice value)
{
    struct slice names[LOGICAL_INTERMEDIATES_MAX];
    const size_t len = source_split(value, '>', names, ARRAY_LEN(names));

    if (len > ARRAY_LEN(names)) {
        return source_refuse(job->reason, "there are more than %d intermediates",
                             LOGICAL_INTERMEDIATES_MAX);
    }
    for (size_t i = 0; i < len; i++) {
        if (!source_parse_type(names[i], &job->intermediates[i], job->reason)) {
            return SOURCE_UNUSABLE;
        }
    }
    job->logical.conditions.intermediates = job->intermediates;
    job->logical.conditions.intermediates_len = len;
    return SOURCE_USED;
}

static int logical_take_icon(struct logical_job *job, struct slice value)
{
    (void)value;
    return source_refuse(job->reason, "this engine does not compare icons (IconGroup)");
}

/* Such a signature finds nothing: it only says what type the body is to be taken for. */
static int logical_take_handler(struct logical_job *job, struct slice value)
{
    (void)value;
    return source_refuse(job->reason,
                         "this engine does not scan again as another type (HandlerType)");
}

static int logical_take_attribute(struct logical_job *job, struct slice attribute)
{
    static const struct {
        const char *key;
        logical_take_fn take;
    } rows[] = {
        {"Engine", logical_take_engine},
        {"Target", logical_take_target},
        {"FileSize", logical_take_size},
        {"EntryPoint", logical_take_entry},
        {"NumberOfSections", logical_take_sections},
        {"Container", logical_take_container},
        {"Intermediates", logical_take_intermediates},
        {"IconGroup1", logical_take_icon},
        {"IconGroup2", logical_take_icon},
        {"HandlerType", logical_take_handler},
    };
    const size_t colon = slice_find(attribute, ':');
    const struct slice key = slice_from(attribute.ptr, colon);

    if (colon == attribute.len) {
        return source_refuse(job->reason, "an attribute is not of the form Key:Value");
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (slice_equal(key, slice_from_str(rows[i].key))) {
            return rows[i].take(job, slice_skip(attribute, colon + 1));
        }
    }
    return source_refuse(job->reason, "the attribute %.*s is not known", (int)MIN_OF(key.len, 64),
                         (const char *)key.ptr);
}

static bool logical_has_programs(unsigned target)
{
    return target == MATCH_TARGET_PE || target == MATCH_TARGET_ELF || target == MATCH_TARGET_MACHO;
}

/* Of an attribute that stands there twice the last one counts, as in clamscan. */
static int logical_take_attributes(struct logical_job *job, struct slice attributes)
{
    const struct match_conditions *conditions = &job->logical.conditions;

    job->first = true;
    for (bool more = true; more; job->first = false) {
        const size_t at = slice_find(attributes, ',');
        const int r = logical_take_attribute(job, slice_from(attributes.ptr, at));

        if (r != SOURCE_USED) {
            return r;
        }
        more = at < attributes.len;
        attributes = slice_skip(attributes, more ? at + 1 : at);
    }
    if (!job->has_target) {
        return source_refuse(job->reason, "no attribute says what the target is");
    }
    if ((conditions->has_entry || conditions->has_sections) &&
        !logical_has_programs(job->logical.target)) {
        return source_refuse(job->reason,
                             "EntryPoint and NumberOfSections are for targets 1, 6 and 9 only");
    }
    return SOURCE_USED;
}

int source_take_logical(const struct source *source, struct slice line,
                        char reason[SOURCE_REASON_CAP])
{
    struct slice fields[LOGICAL_FIELDS_BEFORE + LOGICAL_PARTS_MAX];
    const size_t len = source_split(line, ';', fields, ARRAY_LEN(fields));
    struct logical_job job = {.reason = reason};

    if (len <= LOGICAL_FIELDS_BEFORE) {
        return source_refuse(reason, "expected Name;Attributes;Expression;Subsignatures");
    }
    if (!source_check_word(fields[0], SOURCE_NAME_MAX, "name", reason)) {
        return SOURCE_UNUSABLE;
    }

    const int r = logical_take_attributes(&job, fields[1]);

    if (r != SOURCE_USED) {
        return r;
    }
    if (len > ARRAY_LEN(fields)) {
        return source_refuse(reason, "there are more than %d subsignatures", LOGICAL_PARTS_MAX);
    }
    job.logical.name = fields[0];
    job.logical.expression = fields[2];
    job.logical.subsignatures = fields + LOGICAL_FIELDS_BEFORE;
    job.logical.subsignatures_len = len - LOGICAL_FIELDS_BEFORE;
    return source_fold_built(source->builder,
                             match_builder_add_logical(source->builder, &job.logical), reason);
}
