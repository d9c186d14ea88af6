/* SPDX-License-Identifier: MIT */
#include "tools/baleen_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A trigger of fewer bytes is a matter of length, else of how common its bytes are. */
#define CHECK_SHORT_LEN 5

json_t *baleen_check_text(const char *text)
{
    json_t *value = json_string(text);

    if (value == NULL) {
        char *copy = strdup(text);

        for (char *c = copy; c != NULL && *c != '\0'; c++) {
            *c = (char)((unsigned char)*c > 0x7e ? '?' : *c);
        }
        value = copy ? json_string(copy) : NULL;
        free(copy);
    }
    return value;
}

static const char *check_advice(const struct build_report_row *row)
{
    if (row->trigger_len == 0) {
        return "nothing in it is rare enough to look for, so every body of its type is looked at: "
               "give it six fixed bytes in a row, or a fixed offset";
    }
    if (row->trigger_len < CHECK_SHORT_LEN) {
        return "its longest run of fixed bytes is short: make one of its parts longer, or give it "
               "a fixed offset";
    }
    return "its bytes are common in harmless files: choose a part that is peculiar to it";
}

/* ---- For people ---- */

void baleen_check_print_kinds(const struct defs_counts *counts)
{
    for (unsigned i = 0; i < SOURCE_KINDS; i++) {
        const struct defs_kind_counts *kind = &counts->kinds[i];

        if (kind->lines > 0) {
            printf("  %-34s %9" PRIu64 ": %" PRIu64 " used, %" PRIu64 " skipped, %" PRIu64
                   " unusable, %" PRIu64 " slow\n",
                   source_kind_word((enum source_kind)i), kind->lines, kind->used, kind->skipped,
                   kind->unusable, kind->slow);
        }
    }
}

static void check_print_more(uint64_t len)
{
    if (len > CHECK_LIST_MAX) {
        printf("  ... and %" PRIu64 " more; --json lists them\n", len - CHECK_LIST_MAX);
    }
}

static void check_print_slow(const struct survey *survey)
{
    if (survey->slow_len == 0) {
        return;
    }
    printf("\nslow lines: %" PRIu64 "\n", survey->slow_len);
    for (size_t i = 0; i < MIN_OF(survey->slow.len, (size_t)CHECK_LIST_MAX); i++) {
        const struct survey_slow *row = vec_at(&survey->slow, i);

        printf("  %s:%u: %s\n", row->file, row->line, row->reason);
    }
    check_print_more(survey->slow_len);
}

static void check_print_twins(const char *title, const struct vec *twins, uint64_t len)
{
    if (len == 0) {
        return;
    }
    printf("\n%s: %" PRIu64 "\n", title, len);
    for (size_t i = 0; i < MIN_OF(twins->len, (size_t)CHECK_LIST_MAX); i++) {
        const struct survey_twin *row = vec_at(twins, i);

        printf("  %s:%u: %s, as %s at %s:%u\n", row->file, row->line, row->name, row->first_name,
               row->first_file, row->first_line);
    }
    check_print_more(len);
}

static void check_print_costly(const struct build_report *report)
{
    const struct vec *costly = &report->costly;
    const char *last = "";

    if (costly->len == 0) {
        return;
    }
    printf("\nsignatures that cost most: %zu (trigger length, expected hits per MB of harmless "
           "files)\n",
           costly->len);
    for (size_t i = 0; i < MIN_OF(costly->len, (size_t)CHECK_LIST_MAX); i++) {
        const struct build_report_row *row = vec_at(costly, i);
        const char *advice = check_advice(row);

        if (strcmp(advice, last) != 0) {
            printf("  %s:\n", advice);
            last = advice;
        }
        printf("    %4" PRIu32 " %10.2f  %s\n", row->trigger_len, row->hits_per_mb, row->name);
    }
    check_print_more(costly->len);
}

static void check_print_lengths(const struct build_report *report)
{
    printf("  by length of the trigger:");
    for (unsigned i = 0; i <= BUILD_REPORT_LEN_MAX; i++) {
        if (report->by_len[i] > 0) {
            printf("  %u: %" PRIu32, i, report->by_len[i]);
        }
    }
    printf("\n  by expected hits per MB: ");
    for (unsigned i = 0; i < BUILD_REPORT_CLASSES; i++) {
        if (i + 1 < BUILD_REPORT_CLASSES) {
            printf("  < %g: %" PRIu32, build_report_bound(i), report->by_class[i]);
        } else {
            printf("  more: %" PRIu32, report->by_class[i]);
        }
    }
    printf("\n");
}

static void check_print_triggers(const struct build_report *report)
{
    printf("\nsearch: %" PRIu32 " signatures: %" PRIu32 " by triggers, %" PRIu32
           " compared in place, %" PRIu32 " looked at in every body\n",
           report->signatures, report->triggered, report->in_place, report->always);
    printf("  %" PRIu32 " triggers, %" PRIu32 " of them shared; %.1f hits expected per MB of "
           "harmless files\n",
           report->triggers, report->shared, report->hits_per_mb);
    if (report->triggered > 0) {
        check_print_lengths(report);
    }
}

void baleen_check_print_survey(const struct survey *survey)
{
    check_print_slow(survey);
    check_print_twins("the same signature again", &survey->twins, survey->twins_len);
    check_print_twins("another signature of the same name", &survey->namesakes,
                      survey->namesakes_len);
    check_print_costly(&survey->report);
    check_print_triggers(&survey->report);
}

/* ---- For machines ---- */

static void check_put_number(json_t *object, const char *key, uint64_t value)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void check_put_text(json_t *object, const char *key, const char *text)
{
    (void)json_object_set_new(object, key, baleen_check_text(text));
}

void baleen_check_put_kinds(json_t *object, const struct defs_counts *counts)
{
    json_t *formats = json_object();

    for (unsigned i = 0; i < SOURCE_KINDS; i++) {
        const struct defs_kind_counts *kind = &counts->kinds[i];
        json_t *row = kind->lines > 0 ? json_object() : NULL;

        if (row == NULL) {
            continue;
        }
        check_put_number(row, "lines", kind->lines);
        check_put_number(row, "used", kind->used);
        check_put_number(row, "skipped", kind->skipped);
        check_put_number(row, "unusable", kind->unusable);
        check_put_number(row, "slow", kind->slow);
        (void)json_object_set_new(formats, source_kind_word((enum source_kind)i), row);
    }
    (void)json_object_set_new(object, "formats", formats);
}

static json_t *check_json_twins(const struct vec *twins)
{
    json_t *list = json_array();

    for (size_t i = 0; i < twins->len; i++) {
        const struct survey_twin *twin = vec_at(twins, i);
        json_t *row = json_object();

        check_put_text(row, "file", twin->file);
        check_put_number(row, "line", twin->line);
        check_put_text(row, "name", twin->name);
        check_put_text(row, "first_file", twin->first_file);
        check_put_number(row, "first_line", twin->first_line);
        check_put_text(row, "first_name", twin->first_name);
        (void)json_array_append_new(list, row);
    }
    return list;
}

static json_t *check_json_slow(const struct survey *survey)
{
    json_t *list = json_array();

    for (size_t i = 0; i < survey->slow.len; i++) {
        const struct survey_slow *slow = vec_at(&survey->slow, i);
        json_t *row = json_object();

        check_put_text(row, "file", slow->file);
        check_put_number(row, "line", slow->line);
        check_put_text(row, "reason", slow->reason);
        (void)json_array_append_new(list, row);
    }
    return list;
}

static json_t *check_json_costly(const struct build_report *report)
{
    json_t *list = json_array();

    for (size_t i = 0; i < report->costly.len; i++) {
        const struct build_report_row *costly = vec_at(&report->costly, i);
        json_t *row = json_object();

        check_put_text(row, "name", costly->name);
        check_put_number(row, "trigger_length", costly->trigger_len);
        (void)json_object_set_new(row, "hits_per_mb", json_real(costly->hits_per_mb));
        check_put_text(row, "advice", check_advice(costly));
        (void)json_array_append_new(list, row);
    }
    return list;
}

static json_t *check_json_triggers(const struct build_report *report)
{
    json_t *object = json_object();
    json_t *lengths = json_object();
    json_t *classes = json_array();
    char key[16];

    for (unsigned i = 0; i <= BUILD_REPORT_LEN_MAX; i++) {
        if (report->by_len[i] > 0) {
            (void)snprintf(key, sizeof(key), "%u", i);
            check_put_number(lengths, key, report->by_len[i]);
        }
    }
    for (unsigned i = 0; i < BUILD_REPORT_CLASSES; i++) {
        json_t *row = json_object();

        if (i + 1 < BUILD_REPORT_CLASSES) {
            (void)json_object_set_new(row, "below", json_real(build_report_bound(i)));
        }
        check_put_number(row, "signatures", report->by_class[i]);
        (void)json_array_append_new(classes, row);
    }
    check_put_number(object, "signatures", report->signatures);
    check_put_number(object, "triggered", report->triggered);
    check_put_number(object, "in_place", report->in_place);
    check_put_number(object, "always", report->always);
    check_put_number(object, "triggers", report->triggers);
    check_put_number(object, "shared", report->shared);
    (void)json_object_set_new(object, "hits_per_mb", json_real(report->hits_per_mb));
    (void)json_object_set_new(object, "by_length", lengths);
    (void)json_object_set_new(object, "by_hits", classes);
    (void)json_object_set_new(object, "costly", check_json_costly(report));
    return object;
}

void baleen_check_put_survey(json_t *object, const struct survey *survey)
{
    check_put_number(object, "slow_lines", survey->slow_len);
    (void)json_object_set_new(object, "slow", check_json_slow(survey));
    check_put_number(object, "repeated_lines", survey->twins_len);
    (void)json_object_set_new(object, "repeated", check_json_twins(&survey->twins));
    check_put_number(object, "same_names", survey->namesakes_len);
    (void)json_object_set_new(object, "same_name", check_json_twins(&survey->namesakes));
    (void)json_object_set_new(object, "triggers", check_json_triggers(&survey->report));
}
