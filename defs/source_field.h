#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * source_field - what the readers of line formats share.
 *
 * Role: splitting into fields and the checks of names, numbers and functionality levels. Private to
 * the source_*.c files. Every check writes the reason when it refuses.
 */
#include "defs/source.h"

/* Writes the reason and returns SOURCE_UNUSABLE, so that a reader can return it. */
int source_refuse(char reason[SOURCE_REASON_CAP], const char *format, ...) PRINTF_LIKE(2, 3);

/* What the builder said: its status, or a negative errno, as a source_status. */
int source_fold_built(const struct match_builder *builder, int r, char reason[SOURCE_REASON_CAP]);

/* The number of fields, max + 1 when there are more than `max`. */
size_t source_split(struct slice line, uint8_t sep, struct slice *out_fields, size_t max);

/* Printable ASCII, 1 to `max` bytes. `what` names the field in the reason. */
MUST_CHECK bool source_check_word(struct slice word, size_t max, const char *what,
                                  char reason[SOURCE_REASON_CAP]);

/*
 * The optional last fields of a line: the lowest and the highest functionality level; an empty
 * field sets no bound. `*out_min` is the lowest level, 0 when none is given.
 */
MUST_CHECK int source_check_levels(const struct slice *fields, size_t len, uint64_t *out_min,
                                   char reason[SOURCE_REASON_CAP]);

/* "a-b", both ends given and in order. `what` names the range in the reason. */
MUST_CHECK bool source_parse_range(struct slice field, const char *what, uint64_t out[2],
                                   char reason[SOURCE_REASON_CAP]);

/* The value of an attribute "Engine:51-255": used, skipped or unusable. */
MUST_CHECK int source_check_engine(struct slice value, char reason[SOURCE_REASON_CAP]);

/* ClamAV's name of a type of files. */
MUST_CHECK bool source_parse_type(struct slice name, uint16_t *out_type,
                                  char reason[SOURCE_REASON_CAP]);

/* The readers: as source_take. */
typedef int (*source_take_fn)(const struct source *source, struct slice line,
                              char reason[SOURCE_REASON_CAP]);

MUST_CHECK int source_take_allow(const struct source *source, struct slice line,
                                 char reason[SOURCE_REASON_CAP]);
MUST_CHECK int source_take_body(const struct source *source, struct slice line,
                                char reason[SOURCE_REASON_CAP]);
MUST_CHECK int source_take_hash(const struct source *source, struct slice line,
                                char reason[SOURCE_REASON_CAP]);
MUST_CHECK int source_take_ignore(const struct source *source, struct slice line,
                                  char reason[SOURCE_REASON_CAP]);
MUST_CHECK int source_take_imports_hash(const struct source *source, struct slice line,
                                        char reason[SOURCE_REASON_CAP]);
MUST_CHECK int source_take_logical(const struct source *source, struct slice line,
                                   char reason[SOURCE_REASON_CAP]);
MUST_CHECK int source_take_magic(const struct source *source, struct slice line,
                                 char reason[SOURCE_REASON_CAP]);
MUST_CHECK int source_take_member(const struct source *source, struct slice line,
                                  char reason[SOURCE_REASON_CAP]);
MUST_CHECK int source_take_password(const struct source *source, struct slice line,
                                    char reason[SOURCE_REASON_CAP]);
MUST_CHECK int source_take_plain(const struct source *source, struct slice line,
                                 char reason[SOURCE_REASON_CAP]);
MUST_CHECK int source_take_section_hash(const struct source *source, struct slice line,
                                        char reason[SOURCE_REASON_CAP]);
MUST_CHECK int source_take_threat(const struct source *source, struct slice line,
                                  char reason[SOURCE_REASON_CAP]);
