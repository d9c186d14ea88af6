/* SPDX-License-Identifier: MIT */
/*
 * source_hash - lines of hash lists. Whole files (.hdb, .hsb, .fp, .sfp) and imports of executables
 * (.imp): Hash:Size:Name[:MinLevel[:MaxLevel]]. Sections of executables (.mdb, .msb): the same with
 * Size before Hash.
 *
 * The kind of hash is told by its length, whatever the file is called.
 */
#include "defs/source_field.h"
#include "match/build.h"

/* ClamAV's bounds: sizes are 32 bits there, and both ends mean something else. */
#define SOURCE_SIZE_MAX 0xfffffffeU

/* Engines below this level would take * for a number. */
#define SOURCE_ANY_SIZE_LEVEL 73

struct hash_line {
    struct slice hash;
    struct slice name;
    uint64_t size; /* UINT64_MAX: any. */
};

/* How a kind of list writes its lines. */
struct hash_form {
    const char *expected;
    bool size_first;
    uint64_t any_size_level; /* The lowest level that a size of * needs. */
};

static const struct hash_form hash_form_file = {
    "expected Hash:Size:Name, with up to two levels behind", false, SOURCE_ANY_SIZE_LEVEL};
static const struct hash_form hash_form_section = {
    "expected Size:Hash:Name, with up to two levels behind", true, SOURCE_ANY_SIZE_LEVEL};
static const struct hash_form hash_form_imports = {
    "expected Hash:Size:Name, with up to two levels behind", false, 0};

static int hash_parse_size(const struct hash_form *form, struct slice field, uint64_t min_level,
                           uint64_t *out_size, char reason[SOURCE_REASON_CAP])
{
    if (slice_equal(field, SLICE_OF("*"))) {
        if (min_level < form->any_size_level) {
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

static int hash_parse_line(const struct hash_form *form, struct slice line, struct hash_line *out,
                           char reason[SOURCE_REASON_CAP])
{
    struct slice fields[5];
    const size_t len = source_split(line, ':', fields, ARRAY_LEN(fields));
    uint64_t min;

    if (len < 3 || len > ARRAY_LEN(fields)) {
        return source_refuse(reason, "%s", form->expected);
    }
    if (!source_check_word(fields[2], SOURCE_NAME_MAX, "name", reason)) {
        return SOURCE_UNUSABLE;
    }

    const int level = source_check_levels(fields + 3, len - 3, &min, reason);

    if (level != SOURCE_USED) {
        return level;
    }
    out->name = fields[2];
    out->hash = fields[form->size_first ? 1 : 0];
    return hash_parse_size(form, fields[form->size_first ? 0 : 1], min, &out->size, reason);
}

static int hash_take_file(const struct source *source, struct slice line, bool allow,
                          char reason[SOURCE_REASON_CAP])
{
    struct hash_line hash = {0};
    const int r = hash_parse_line(&hash_form_file, line, &hash, reason);

    if (r != SOURCE_USED) {
        return r;
    }
    return source_fold_built(
        source->builder,
        match_builder_add_hash(source->builder, hash.name, hash.hash, hash.size, allow), reason);
}

int source_take_hash(const struct source *source, struct slice line, char reason[SOURCE_REASON_CAP])
{
    return hash_take_file(source, line, false, reason);
}

int source_take_allow(const struct source *source, struct slice line,
                      char reason[SOURCE_REASON_CAP])
{
    return hash_take_file(source, line, true, reason);
}

int source_take_section_hash(const struct source *source, struct slice line,
                             char reason[SOURCE_REASON_CAP])
{
    struct hash_line hash = {0};
    const int r = hash_parse_line(&hash_form_section, line, &hash, reason);

    if (r != SOURCE_USED) {
        return r;
    }
    return source_fold_built(
        source->builder,
        match_builder_add_section_hash(source->builder, hash.name, hash.hash, hash.size), reason);
}

int source_take_imports_hash(const struct source *source, struct slice line,
                             char reason[SOURCE_REASON_CAP])
{
    struct hash_line hash = {0};
    const int r = hash_parse_line(&hash_form_imports, line, &hash, reason);

    if (r != SOURCE_USED) {
        return r;
    }
    return source_fold_built(
        source->builder,
        match_builder_add_imports_hash(source->builder, hash.name, hash.hash, hash.size), reason);
}
