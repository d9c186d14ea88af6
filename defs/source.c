/* SPDX-License-Identifier: MIT */
#include "defs/source.h"

#include "base/assert.h"
#include "base/err.h"
#include "defs/ignore.h"
#include "defs/source_field.h"

#include <strings.h>

/* What is known of a kind. */
struct source_kind_row {
    const char *word;
    source_take_fn take; /* NULL: no lines of ours. */
    bool left_out;
    bool lines;
    uint8_t name_sep; /* Where the name of a signature stands in a line; 0: nowhere. */
    uint8_t name_at;
};

static const struct source_kind_row source_kinds[SOURCE_KINDS] = {
    [SOURCE_FOREIGN] = {.word = "other files"},
    [SOURCE_BODY] = {"body signatures", source_take_body, false, true, ':', 0},
    [SOURCE_HASH] = {"hashes of files", source_take_hash, false, true, ':', 2},
    [SOURCE_ALLOW] = {"hashes of allowed files", source_take_allow, false, true, ':', 2},
    [SOURCE_THREAT] = {"attributes of names", source_take_threat, false, true, 0, 0},
    [SOURCE_LOGICAL] = {"logical signatures", source_take_logical, false, true, ';', 0},
    [SOURCE_SECTION_HASH] = {"hashes of sections", source_take_section_hash, false, true, ':', 2},
    [SOURCE_IMPORTS_HASH] = {"hashes of imports", source_take_imports_hash, false, true, ':', 2},
    [SOURCE_PLAIN] = {"plain body signatures", source_take_plain, false, true, '=', 0},
    [SOURCE_IGNORE] = {"names to ignore", source_take_ignore, false, true, 0, 0},
    [SOURCE_MEMBER] = {"signatures of container members", source_take_member, false, true, ':', 0},
    [SOURCE_PASSWORD] = {"passwords of containers", source_take_password, false, true, ';', 0},
    [SOURCE_MAGIC] = {"signatures of file types", source_take_magic, false, true, 0, 0},
    [SOURCE_YARA] = {.word = "YARA rules"},
    [SOURCE_CONTAINER] = {.word = "packed databases"},
    [SOURCE_BYTECODE] = {.word = "bytecode", .left_out = true},
    [SOURCE_ICON] = {.word = "icons", .left_out = true, .lines = true},
    [SOURCE_CERTIFICATE] = {.word = "certificates of programs", .left_out = true, .lines = true},
    [SOURCE_CATALOGUE] = {.word = "security catalogues", .left_out = true},
    [SOURCE_SETTING] = {.word = "settings of another engine", .left_out = true, .lines = true},
    [SOURCE_PHISHING] = {.word = "phishing hosts", .left_out = true, .lines = true},
    [SOURCE_PHISHING_ALLOW] = {.word = "allowed links", .left_out = true, .lines = true},
    [SOURCE_SAFE_BROWSING] = {.word = "safe browsing hashes", .left_out = true, .lines = true},
    [SOURCE_INDICATOR] = {.word = "indicators of compromise", .left_out = true},
    [SOURCE_OLD_MEMBER] = {.word = "old signatures of container members",
                           .left_out = true,
                           .lines = true},
    [SOURCE_URL] = {.word = "URL lists", .left_out = true},
    [SOURCE_PHRASE] = {.word = "phrase lists", .left_out = true},
    [SOURCE_HOST] = {.word = "host lists", .left_out = true},
    [SOURCE_CATEGORY] = {.word = "names of URL categories", .left_out = true},
};

struct source_name {
    const char *text; /* With a leading dot: the end of a name, else all of it. */
    enum source_kind kind;
};

static const struct source_name source_files[] = {
    {".ndb", SOURCE_BODY},           {".ndu", SOURCE_BODY},
    {".sdb", SOURCE_BODY},           {".hdb", SOURCE_HASH},
    {".hdu", SOURCE_HASH},           {".hsb", SOURCE_HASH},
    {".hsu", SOURCE_HASH},           {".fp", SOURCE_ALLOW},
    {".sfp", SOURCE_ALLOW},          {"threats.tsv", SOURCE_THREAT},
    {".ldb", SOURCE_LOGICAL},        {".ldu", SOURCE_LOGICAL},
    {".mdb", SOURCE_SECTION_HASH},   {".mdu", SOURCE_SECTION_HASH},
    {".msb", SOURCE_SECTION_HASH},   {".msu", SOURCE_SECTION_HASH},
    {".imp", SOURCE_IMPORTS_HASH},   {".db", SOURCE_PLAIN},
    {".ign", SOURCE_IGNORE},         {".ign2", SOURCE_IGNORE},
    {".cdb", SOURCE_MEMBER},         {".pwdb", SOURCE_PASSWORD},
    {".ftm", SOURCE_MAGIC},          {".yar", SOURCE_YARA},
    {".yara", SOURCE_YARA},          {".cvd", SOURCE_CONTAINER},
    {".cld", SOURCE_CONTAINER},      {".cud", SOURCE_CONTAINER},
    {".cbc", SOURCE_BYTECODE},       {".idb", SOURCE_ICON},
    {".crb", SOURCE_CERTIFICATE},    {".cat", SOURCE_CATALOGUE},
    {".cfg", SOURCE_SETTING},        {".pdb", SOURCE_PHISHING},
    {".wdb", SOURCE_PHISHING_ALLOW}, {".gdb", SOURCE_SAFE_BROWSING},
    {".ioc", SOURCE_INDICATOR},      {".zmd", SOURCE_OLD_MEMBER},
    {".rmd", SOURCE_OLD_MEMBER},     {"categories.tsv", SOURCE_CATEGORY},
};

static const struct source_name source_folders[] = {
    {"url", SOURCE_URL},
    {"ddr", SOURCE_PHRASE},
    {"hosts", SOURCE_HOST},
};

static bool source_name_fits(const struct source_name *row, const char *name)
{
    const size_t len = strlen(name);
    const size_t end_len = strlen(row->text);

    if (row->text[0] != '.') {
        return strcmp(row->text, name) == 0;
    }
    return len > end_len && strcasecmp(name + len - end_len, row->text) == 0;
}

static enum source_kind source_find(const struct source_name *rows, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++) {
        if (source_name_fits(&rows[i], name)) {
            return rows[i].kind;
        }
    }
    return SOURCE_FOREIGN;
}

enum source_kind source_find_kind(const char *file_name)
{
    return source_find(source_files, ARRAY_LEN(source_files), file_name);
}

enum source_kind source_find_folder(const char *name)
{
    return source_find(source_folders, ARRAY_LEN(source_folders), name);
}

const char *source_kind_word(enum source_kind kind)
{
    ASSERT(kind < SOURCE_KINDS);
    return source_kinds[kind].word;
}

bool source_is_left_out(enum source_kind kind)
{
    ASSERT(kind < SOURCE_KINDS);
    return source_kinds[kind].left_out;
}

bool source_is_lines(enum source_kind kind)
{
    ASSERT(kind < SOURCE_KINDS);
    return source_kinds[kind].lines;
}

bool source_is_early(enum source_kind kind)
{
    return kind == SOURCE_IGNORE;
}

static bool source_is_ignored(const struct source *source, const struct source_kind_row *row,
                              struct slice line)
{
    struct slice rest = line;
    struct slice name = {0};

    if (source->ignore == NULL || row->name_sep == 0) {
        return false;
    }
    for (uint8_t i = 0; i <= row->name_at; i++) {
        name = slice_split(&rest, row->name_sep);
    }
    return ignore_has_line(source->ignore, name, line);
}

int source_take(const struct source *source, enum source_kind kind, struct slice line,
                char reason[SOURCE_REASON_CAP])
{
    ASSERT(kind < SOURCE_KINDS);
    const struct source_kind_row *row = &source_kinds[kind];

    ASSERT(row->lines);
    if (row->left_out) {
        return source_refuse(reason, "this engine does not use %s", row->word);
    }
    if (slice_find(line, 0) < line.len) {
        return source_refuse(reason, "the line holds a NUL byte");
    }
    if (source_is_ignored(source, row, line)) {
        return SOURCE_SKIPPED;
    }
    return row->take(source, line, reason);
}
