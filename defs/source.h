#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * source - the files that a definition set is made of, one line at a time.
 *
 * Role: tells from a file's name what it holds, and takes its lines apart for the builder: body
 * signatures (.ndb), whole-file hashes (.hdb, .hsb), allow lists (.fp, .sfp) and the attributes of
 * names (threats.tsv). Runs in: the compiler process. Memory: none of its own. Limits:
 * SOURCE_NAME_MAX bytes in a name, SOURCE_WORD_MAX in a category or an action. A line never makes
 * the set fail: it is used, skipped or unusable, and the reason is one line of plain ASCII.
 */
#include "base/slice.h"

#define SOURCE_NAME_MAX   255
#define SOURCE_WORD_MAX   63
#define SOURCE_REASON_CAP 256

/* ClamAV's functionality level that this engine answers to: lines for other levels are skipped. */
#define SOURCE_LEVEL 240

struct match_builder;

enum source_kind {
    SOURCE_FOREIGN, /* Nothing of ours: ignored. */
    SOURCE_BODY,
    SOURCE_HASH,
    SOURCE_ALLOW,
    SOURCE_THREAT,
    SOURCE_LEFT_OUT, /* Part of a set, but of a kind that this engine does not match. */
};

enum source_status {
    SOURCE_USED,
    SOURCE_SKIPPED,
    SOURCE_UNUSABLE
};

/* What the name of a file says. `*out_what` names a kind that is left out ("logical signatures"),
 * else NULL. */
enum source_kind source_find_kind(const char *file_name, const char **out_what);

/* The same for a folder inside a set: lists of URLs, phrases and hosts are left out. */
enum source_kind source_find_folder(const char *name, const char **out_what);

/*
 * One line, not blank and no comment, of a kind with lines. Returns an enum source_status (with
 * SOURCE_UNUSABLE the reason is written) or a negative errno of the builder.
 */
MUST_CHECK int source_take(struct match_builder *builder, enum source_kind kind, struct slice line,
                           char reason[SOURCE_REASON_CAP]);
