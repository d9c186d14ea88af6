/* SPDX-License-Identifier: MIT */
#include "defs/survey.h"

#include "base/err.h"
#include "defs/source_field.h"

#include <stdlib.h>

/* What a line says, without its name. */
struct survey_entry {
    struct slice body;
    struct slice name;
    const struct gather_file *file;
    unsigned line;
};

void survey_init(struct survey *survey)
{
    *survey = (struct survey){
        .slow = VEC_OF(struct survey_slow),
        .twins = VEC_OF(struct survey_twin),
        .namesakes = VEC_OF(struct survey_twin),
        .report = {.costly = VEC_OF(struct build_report_row)},
        .entries = VEC_OF(struct survey_entry),
    };
}

static void survey_free_twins(struct vec *twins)
{
    for (size_t i = 0; i < twins->len; i++) {
        struct survey_twin *twin = vec_at(twins, i);

        free(twin->file);
        free(twin->name);
        free(twin->first_file);
        free(twin->first_name);
    }
    vec_free(twins);
}

static void survey_free_tables(struct survey *survey)
{
    vec_free(&survey->entries);
    free(survey->bodies.slots);
    free(survey->names.slots);
    survey->bodies = (struct survey_table){0};
    survey->names = (struct survey_table){0};
}

void survey_free(struct survey *survey)
{
    for (size_t i = 0; i < survey->slow.len; i++) {
        struct survey_slow *slow = vec_at(&survey->slow, i);

        free(slow->file);
        free(slow->reason);
    }
    vec_free(&survey->slow);
    survey_free_twins(&survey->twins);
    survey_free_twins(&survey->namesakes);
    survey_free_tables(survey);
    build_report_free(&survey->report);
}

/* ---- What a line says ---- */

/* The first `len` fields, or all. */
static struct slice survey_fields(struct slice line, uint8_t sep, size_t len)
{
    size_t end = 0;

    for (size_t i = 0; i < len && end < line.len; i++) {
        end += (i > 0 ? 1 : 0) + slice_find(slice_skip(line, end + (i > 0 ? 1 : 0)), sep);
    }
    return slice_from(line.ptr, MIN_OF(end, line.len));
}

static struct slice survey_behind(struct slice line, uint8_t sep)
{
    struct slice rest = line;

    (void)slice_split(&rest, sep);
    return rest;
}

/* False for kinds whose lines are no signatures. */
static bool survey_split(enum source_kind kind, struct slice line, struct survey_entry *out)
{
    struct slice fields[3];

    switch (kind) {
    case SOURCE_BODY:
        out->name = survey_fields(line, ':', 1);
        out->body = survey_fields(survey_behind(line, ':'), ':', 3);
        return true;
    case SOURCE_PLAIN:
        out->name = survey_fields(line, '=', 1);
        out->body = survey_behind(line, '=');
        return true;
    case SOURCE_LOGICAL:
        out->name = survey_fields(line, ';', 1);
        out->body = survey_behind(line, ';');
        return true;
    case SOURCE_HASH:
    case SOURCE_SECTION_HASH:
    case SOURCE_IMPORTS_HASH:
        out->body = survey_fields(line, ':', 2);
        (void)source_split(survey_fields(line, ':', 3), ':', fields, ARRAY_LEN(fields));
        out->name = fields[2];
        return true;
    default:
        return false;
    }
}

/* ---- Tables ---- */

static uint8_t survey_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

/* FNV-1a, of either case alike: a table of our own lines needs no more. */
static uint64_t survey_hash(struct slice text)
{
    uint64_t hash = 0xcbf29ce484222325ULL;

    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ survey_lower(text.ptr[i])) * 0x100000001b3ULL;
    }
    return hash ^ hash >> 32;
}

/* Hexadecimal digits are the same in either case; names and expressions are not. */
static bool survey_same(const struct survey *survey, const struct survey_table *table,
                        enum source_kind kind, const struct slice keys[2])
{
    return table == &survey->names || kind == SOURCE_LOGICAL ? slice_equal(keys[0], keys[1])
                                                             : slice_equal_nocase(keys[0], keys[1]);
}

static struct slice survey_key(const struct survey *survey, const struct survey_table *table,
                               const struct survey_entry *entry)
{
    return table == &survey->names ? entry->name : entry->body;
}

static const struct survey_entry *survey_entry_at(const struct survey *survey, uint32_t index)
{
    return (const struct survey_entry *)vec_at(&survey->entries, index);
}

/* The slot of that key: taken by the first entry that has it, or free. */
static uint32_t *survey_slot(const struct survey *survey, const struct survey_table *table,
                             const struct survey_entry *entry)
{
    const struct slice key = survey_key(survey, table, entry);
    size_t at = survey_hash(key) & (table->cap - 1);

    for (;; at = (at + 1) & (table->cap - 1)) {
        uint32_t *slot = &table->slots[at];

        if (*slot == 0) {
            return slot;
        }
        const struct survey_entry *other = survey_entry_at(survey, *slot - 1);
        const struct slice keys[2] = {key, survey_key(survey, table, other)};

        if (other->file->kind == entry->file->kind &&
            survey_same(survey, table, entry->file->kind, keys)) {
            return slot;
        }
    }
}

static bool survey_grow(struct survey *survey, struct survey_table *table)
{
    const struct survey_table old = *table;

    if (table->len * 2 < table->cap) {
        return true;
    }
    table->cap = MAX_OF(old.cap * 2, 1024);
    table->slots = calloc(table->cap, sizeof(*table->slots));
    if (table->slots == NULL) {
        *table = old;
        return false;
    }
    for (size_t i = 0; i < old.cap; i++) {
        if (old.slots[i] != 0) {
            *survey_slot(survey, table, survey_entry_at(survey, old.slots[i] - 1)) = old.slots[i];
        }
    }
    free(old.slots);
    return true;
}

/* Puts the last entry in; an earlier one with its key goes to `*out_first`, or NULL. */
static bool survey_enter(struct survey *survey, struct survey_table *table,
                         const struct survey_entry **out_first)
{
    if (!survey_grow(survey, table)) {
        return false;
    }
    const uint32_t index = (uint32_t)survey->entries.len - 1;
    uint32_t *slot = survey_slot(survey, table, survey_entry_at(survey, index));

    *out_first = *slot != 0 ? survey_entry_at(survey, *slot - 1) : NULL;
    if (*slot == 0) {
        *slot = index + 1;
        table->len++;
    }
    return true;
}

/* ---- Findings ---- */

static char *survey_copy(struct slice text)
{
    char *copy = malloc(text.len + 1);

    if (copy != NULL) {
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
    }
    return copy;
}

static void survey_add_twin(struct survey *survey, struct vec *list,
                            const struct survey_entry *entry, const struct survey_entry *first)
{
    struct survey_twin twin = {.line = entry->line, .first_line = first->line};

    if (list->len == SURVEY_LIST_MAX) {
        return;
    }
    twin.file = strdup(entry->file->path);
    twin.name = survey_copy(entry->name);
    twin.first_file = strdup(first->file->path);
    twin.first_name = survey_copy(first->name);

    const bool whole = twin.file && twin.name && twin.first_file && twin.first_name;

    if (!whole || vec_append(list, &twin, 1) == NULL) {
        free(twin.file);
        free(twin.name);
        free(twin.first_file);
        free(twin.first_name);
        survey->failed = true;
    }
}

void survey_take_line(struct survey *survey, const struct gather_file *file, unsigned line,
                      struct slice text)
{
    struct survey_entry entry = {.file = file, .line = line};
    const struct survey_entry *first;
    const struct survey_entry *namesake;

    if (!survey_split(file->kind, text, &entry)) {
        return;
    }
    if (vec_append(&survey->entries, &entry, 1) == NULL ||
        !survey_enter(survey, &survey->bodies, &first) ||
        !survey_enter(survey, &survey->names, &namesake)) {
        survey->failed = true;
        return;
    }
    if (first != NULL) {
        survey->twins_len++;
        survey_add_twin(survey, &survey->twins, &entry, first);
    } else if (namesake != NULL) {
        survey->namesakes_len++;
        survey_add_twin(survey, &survey->namesakes, &entry, namesake);
    }
}

void survey_take_slow(struct survey *survey, const struct gather_file *file, unsigned line,
                      const char *reason)
{
    struct survey_slow slow = {.line = line};

    survey->slow_len++;
    if (survey->slow.len == SURVEY_LIST_MAX) {
        return;
    }
    slow.file = strdup(file->path);
    slow.reason = strdup(reason);
    if (slow.file == NULL || slow.reason == NULL || vec_append(&survey->slow, &slow, 1) == NULL) {
        free(slow.file);
        free(slow.reason);
        survey->failed = true;
    }
}

int survey_finish(struct survey *survey, const struct match_builder *builder, struct slice match)
{
    survey_free_tables(survey);
    if (survey->failed) {
        return ERR_NEW(-ENOMEM);
    }
    build_report_free(&survey->report);
    return build_report_make(&survey->report, builder, match);
}
