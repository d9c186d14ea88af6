/* SPDX-License-Identifier: MIT */
/*
 * fuzz_defs_source - the readers of definition files.
 *
 * The first byte picks the format. The rest is read at once and in pieces of three bytes: both ways
 * have to give the same outcome for each line, and a reason that can be shown to people. What is
 * said of members of containers is then asked about the input itself.
 */
#include "tests/fuzz/fuzz.h"

#include "defs/ignore.h"
#include "defs/lines.h"
#include "defs/setinfo.h"
#include "defs/source.h"
#include "match/build.h"
#include "match/member.h"

#include <stdlib.h>

struct fuzz_run {
    struct source source;
    struct ignore ignore;
    enum source_kind kind;
    uint64_t sum; /* Over numbers and outcomes. */
};

static uint8_t fuzz_block[LINES_MAX];

static int fuzz_take(void *ctx, unsigned number, struct slice text)
{
    struct fuzz_run *run = ctx;
    char reason[SOURCE_REASON_CAP] = "";
    int r = SOURCE_UNUSABLE;

    if (text.ptr != NULL && text.len > 0) {
        r = source_take(&run->source, run->kind, text, reason);
        ASSERT(r >= SOURCE_USED);
        ASSERT(r <= SOURCE_SLOW);
        ASSERT((r == SOURCE_UNUSABLE || r == SOURCE_SLOW) == (reason[0] != '\0'));
    }
    for (const char *c = reason; *c != '\0'; c++) {
        ASSERT(*c >= 0x20);
        ASSERT(*c <= 0x7e);
    }
    run->sum = run->sum * 31 + (uint64_t)number * 4 + (uint64_t)r;
    return 0;
}

/* Members whose names are the input. */
static void fuzz_find(struct match_builder *builder, struct slice input)
{
    const struct member member = {.container = 2, .name = input, .packed_size = input.len};
    struct member_db *members = NULL;
    struct match_db *db = NULL;
    struct match_finding finding;
    struct slice password;
    uint8_t *image = NULL;
    uint32_t at = 0;
    size_t len = 0;

    ASSERT(match_builder_finish(builder, &image, &len) == 0);
    ASSERT(match_db_open(&db, slice_from(image, len), 1) == 0);
    ASSERT(match_db_open_members(&members, db) == 0);
    if (member_find(members, &member, &finding)) {
        ASSERT(finding.name[0] != '\0');
    }
    while (member_next_password(members, 2, &at, &password)) {
        ASSERT(password.len > 0);
    }
    match_db_close_members(members);
    match_db_close(db);
    free(image);
}

static uint64_t fuzz_read(enum source_kind kind, struct slice input, size_t step)
{
    const struct slice whole = input;
    struct fuzz_run run = {.kind = kind};
    struct lines lines;

    ignore_init(&run.ignore);
    ASSERT(ignore_add_name(&run.ignore, SLICE_OF("I")) == 0);
    ASSERT(match_builder_new(&run.source.builder) == 0);
    run.source.ignore = &run.ignore;
    lines_init(&lines, fuzz_block, fuzz_take, &run);
    while (input.len > 0) {
        const size_t len = MIN_OF(step, input.len);

        ASSERT(lines_feed(&lines, slice_from(input.ptr, len)) == 0);
        input = slice_skip(input, len);
    }
    ASSERT(lines_end(&lines) == 0);
    run.sum = run.sum * 31 + match_builder_len(run.source.builder);
    if (kind == SOURCE_MEMBER || kind == SOURCE_PASSWORD || kind == SOURCE_MAGIC) {
        fuzz_find(run.source.builder, slice_from(whole.ptr, MIN_OF(whole.len, 256)));
    }
    match_builder_free(run.source.builder);
    ignore_free(&run.ignore);
    return run.sum;
}

static void fuzz_set_yaml(struct slice input)
{
    struct defs_meta meta;
    char error[DEFS_ERROR_CAP] = "";

    if (input.len >= SETINFO_FILE_MAX) {
        return; /* Refused before it is parsed. */
    }
    setinfo_init(&meta, "fuzz", 0);
    if (setinfo_parse(input, "set.yaml", &meta, error)) {
        ASSERT(meta.name[0] != '\0');
        ASSERT(strlen(meta.version) == DEFS_VERSION_CAP - 4);
    } else {
        ASSERT(error[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    /* By the digits '0' to '9' and what follows them; SOURCE_FOREIGN stands for set.yaml. */
    static const enum source_kind kinds[16] = {
        SOURCE_THREAT,       SOURCE_FOREIGN,      SOURCE_BODY,    SOURCE_HASH,
        SOURCE_ALLOW,        SOURCE_LOGICAL,      SOURCE_PLAIN,   SOURCE_IGNORE,
        SOURCE_SECTION_HASH, SOURCE_IMPORTS_HASH, SOURCE_MEMBER,  SOURCE_PASSWORD,
        SOURCE_MAGIC,        SOURCE_ICON,         SOURCE_LOGICAL, SOURCE_LOGICAL};

    if (len == 0) {
        return 0;
    }

    const enum source_kind kind = kinds[data[0] % ARRAY_LEN(kinds)];
    const struct slice input = slice_from(data + 1, len - 1);

    if (kind == SOURCE_FOREIGN) {
        fuzz_set_yaml(input);
    } else {
        ASSERT(fuzz_read(kind, input, SIZE_MAX) == fuzz_read(kind, input, 3));
    }
    return 0;
}
