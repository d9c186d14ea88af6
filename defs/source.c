/* SPDX-License-Identifier: MIT */
#include "defs/source.h"

#include "base/assert.h"
#include "base/err.h"
#include "defs/source_field.h"

#include <strings.h>

struct source_row {
    const char *name; /* With a leading dot: the end of a name, else all of it. */
    enum source_kind kind;
    const char *what;
};

static const struct source_row source_files[] = {
    {".ndb", SOURCE_BODY, NULL},
    {".ndu", SOURCE_BODY, NULL},
    {".hdb", SOURCE_HASH, NULL},
    {".hdu", SOURCE_HASH, NULL},
    {".hsb", SOURCE_HASH, NULL},
    {".hsu", SOURCE_HASH, NULL},
    {".fp", SOURCE_ALLOW, NULL},
    {".sfp", SOURCE_ALLOW, NULL},
    {"threats.tsv", SOURCE_THREAT, NULL},
    {".ldb", SOURCE_LEFT_OUT, "logical signatures"},
    {".ldu", SOURCE_LEFT_OUT, "logical signatures"},
    {".mdb", SOURCE_LEFT_OUT, "hashes of PE sections"},
    {".mdu", SOURCE_LEFT_OUT, "hashes of PE sections"},
    {".msb", SOURCE_LEFT_OUT, "hashes of PE sections"},
    {".msu", SOURCE_LEFT_OUT, "hashes of PE sections"},
    {".imp", SOURCE_LEFT_OUT, "hashes of PE import tables"},
    {".ign", SOURCE_LEFT_OUT, "lists of signatures to ignore"},
    {".ign2", SOURCE_LEFT_OUT, "lists of signatures to ignore"},
    {".cdb", SOURCE_LEFT_OUT, "container signatures"},
    {".ftm", SOURCE_LEFT_OUT, "file type signatures"},
    {".cvd", SOURCE_LEFT_OUT, "packed ClamAV databases"},
    {".cld", SOURCE_LEFT_OUT, "packed ClamAV databases"},
    {".cud", SOURCE_LEFT_OUT, "packed ClamAV databases"},
    {".yar", SOURCE_LEFT_OUT, "YARA rules"},
    {".yara", SOURCE_LEFT_OUT, "YARA rules"},
    {"categories.tsv", SOURCE_LEFT_OUT, "names of URL categories"},
};

static const struct source_row source_folders[] = {
    {"url", SOURCE_LEFT_OUT, "URL lists"},
    {"ddr", SOURCE_LEFT_OUT, "phrase lists"},
    {"hosts", SOURCE_LEFT_OUT, "host lists"},
};

static bool source_row_fits(const struct source_row *row, const char *name)
{
    const size_t len = strlen(name);
    const size_t end_len = strlen(row->name);

    if (row->name[0] != '.') {
        return strcmp(row->name, name) == 0;
    }
    return len > end_len && strcasecmp(name + len - end_len, row->name) == 0;
}

static enum source_kind source_find(const struct source_row *rows, size_t len, const char *name,
                                    const char **out_what)
{
    *out_what = NULL;
    for (size_t i = 0; i < len; i++) {
        if (source_row_fits(&rows[i], name)) {
            *out_what = rows[i].what;
            return rows[i].kind;
        }
    }
    return SOURCE_FOREIGN;
}

enum source_kind source_find_kind(const char *file_name, const char **out_what)
{
    return source_find(source_files, ARRAY_LEN(source_files), file_name, out_what);
}

enum source_kind source_find_folder(const char *name, const char **out_what)
{
    return source_find(source_folders, ARRAY_LEN(source_folders), name, out_what);
}

int source_take(struct match_builder *builder, enum source_kind kind, struct slice line,
                char reason[SOURCE_REASON_CAP])
{
    if (slice_find(line, 0) < line.len) {
        return source_refuse(reason, "the line holds a NUL byte");
    }
    switch (kind) {
    case SOURCE_BODY:
        return source_take_body(builder, line, reason);
    case SOURCE_HASH:
        return source_take_hash(builder, line, false, reason);
    case SOURCE_ALLOW:
        return source_take_hash(builder, line, true, reason);
    case SOURCE_THREAT:
        return source_take_threat(builder, line, reason);
    case SOURCE_FOREIGN:
    case SOURCE_LEFT_OUT:
        break;
    }
    ASSERT(!"a kind without lines");
    return ERR_NEW(-EINVAL);
}
