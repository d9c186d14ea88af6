#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * source - the files that a definition set is made of, one line at a time.
 *
 * Role: tells from a file's name what it holds, and takes its lines apart for the builder: ClamAV's
 * signatures, hashes, allow and ignore lists, and the attributes of names (threats.tsv). Runs in:
 * the compiler process. Memory: none of its own; names to ignore are kept in a struct ignore.
 * Limits: SOURCE_NAME_MAX bytes in a name, SOURCE_WORD_MAX in a category or an action. A line never
 * makes the set fail: it is used, skipped or unusable, and the reason is one line of plain ASCII.
 */
#include "base/slice.h"

#define SOURCE_NAME_MAX   255
#define SOURCE_WORD_MAX   63
#define SOURCE_REASON_CAP 256

/* ClamAV's functionality level that this engine answers to: lines for other levels are skipped. */
#define SOURCE_LEVEL 240

struct ignore;
struct match_builder;

/* Images hold counts by kind: a value never changes its meaning, new ones come last. */
enum source_kind {
    SOURCE_FOREIGN,      /* Nothing of ours: ignored. */
    SOURCE_BODY,         /* .ndb .ndu .sdb */
    SOURCE_HASH,         /* .hdb .hsb .hdu .hsu */
    SOURCE_ALLOW,        /* .fp .sfp */
    SOURCE_THREAT,       /* threats.tsv */
    SOURCE_LOGICAL,      /* .ldb .ldu */
    SOURCE_SECTION_HASH, /* .mdb .msb .mdu .msu */
    SOURCE_IMPORTS_HASH, /* .imp */
    SOURCE_PLAIN,        /* .db */
    SOURCE_IGNORE,       /* .ign .ign2 */
    SOURCE_MEMBER,       /* .cdb */
    SOURCE_PASSWORD,     /* .pwdb */
    SOURCE_MAGIC,        /* .ftm */
    SOURCE_YARA,         /* .yar .yara */
    SOURCE_CONTAINER,    /* .cvd .cld .cud */
    /* Part of a set, but of kinds that this engine does not match. */
    SOURCE_BYTECODE,       /* .cbc */
    SOURCE_ICON,           /* .idb */
    SOURCE_CERTIFICATE,    /* .crb */
    SOURCE_CATALOGUE,      /* .cat */
    SOURCE_SETTING,        /* .cfg */
    SOURCE_PHISHING,       /* .pdb */
    SOURCE_PHISHING_ALLOW, /* .wdb */
    SOURCE_SAFE_BROWSING,  /* .gdb */
    SOURCE_INDICATOR,      /* .ioc */
    SOURCE_OLD_MEMBER,     /* .zmd .rmd */
    SOURCE_URL,            /* Folders of lists. */
    SOURCE_PHRASE,
    SOURCE_HOST,
    SOURCE_CATEGORY, /* categories.tsv */
    SOURCE_KINDS,
};

enum source_status {
    SOURCE_USED,
    SOURCE_SKIPPED, /* For another functionality level, or on a list of what to ignore. */
    SOURCE_UNUSABLE,
    SOURCE_SLOW, /* Used; the reason says what makes it slow. */
};

/* What lines are read into: the builder of all sets, and what they ignore. */
struct source {
    struct match_builder *builder;
    struct ignore *ignore; /* NULL: nothing is ignored. */
};

/* What the name of a file says. */
enum source_kind source_find_kind(const char *file_name);

/* The same for a folder inside a set. */
enum source_kind source_find_folder(const char *name);

/* One plural for each kind: "logical signatures". */
const char *source_kind_word(enum source_kind kind);

/* Of a kind that this engine does not match: a file of it is left out. */
bool source_is_left_out(enum source_kind kind);

/*
 * Whether the files of a kind are read line by line through source_take. Some of those that are
 * left out are: each of their lines then comes back unusable, and is listed.
 */
bool source_is_lines(enum source_kind kind);

/* These files of all sets are read before all others. */
bool source_is_early(enum source_kind kind);

/*
 * One line, not blank and no comment, of a kind with lines. Returns an enum source_status (with
 * SOURCE_UNUSABLE and SOURCE_SLOW the reason is written) or a negative errno.
 */
MUST_CHECK int source_take(const struct source *source, enum source_kind kind, struct slice line,
                           char reason[SOURCE_REASON_CAP]);
