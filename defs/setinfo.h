#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * setinfo - what set.yaml says, and what stands for it when it is missing.
 *
 * Role: a strict reader: one mapping of known keys with values of the right type, each at most
 * once. Whatever else stands there refuses the set, for a half-written or foreign file must not
 * replace a good set. Memory: libyaml's, freed on return. Limits: SETINFO_FILE_MAX bytes.
 */
#include "defs/defs.h"

/* libyaml's time grows with the square of the nesting: 64 KiB of brackets take it seconds. */
#define SETINFO_FILE_MAX KIB(8)

#define SETINFO_FILE      "set.yaml"
#define SETINFO_DATE_CAP  11 /* "YYYY-MM-DD" and a NUL. */
#define SETINFO_NAME_NONE "unnamed"

/* What a set without set.yaml is: the folder's name, the date (UTC) of its newest file. */
void setinfo_init(struct defs_meta *meta, const char *folder_name, int64_t newest_sec);

/*
 * Replaces in `meta` what `text` says; keys that are missing leave it as it is. False with one line
 * in `error` that names `file` and the line; `meta` is then untouched.
 */
MUST_CHECK bool setinfo_parse(struct slice text, const char *file, struct defs_meta *meta,
                              char error[DEFS_ERROR_CAP]);

/* Of two sets: the names joined, the newest version, the highest sequence, certified when both are.
 */
void setinfo_merge(struct defs_meta *meta, const struct defs_meta *other);
