/* SPDX-License-Identifier: MIT */
/*
 * fuzz_defs_source - the readers of definition files.
 *
 * The first byte picks the format. The rest is read at once and in pieces of three bytes: both ways
 * have to give the same outcome for each line, and a reason that can be shown to people.
 */
#include "tests/fuzz/fuzz.h"

#include "defs/lines.h"
#include "defs/setinfo.h"
#include "defs/source.h"
#include "match/build.h"

struct fuzz_run {
    struct match_builder *builder;
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
        r = source_take(run->builder, run->kind, text, reason);
        ASSERT(r >= SOURCE_USED);
        ASSERT(r <= SOURCE_UNUSABLE);
        ASSERT((r == SOURCE_UNUSABLE) == (reason[0] != '\0'));
    }
    for (const char *c = reason; *c != '\0'; c++) {
        ASSERT(*c >= 0x20);
        ASSERT(*c <= 0x7e);
    }
    run->sum = run->sum * 31 + (uint64_t)number * 4 + (uint64_t)r;
    return 0;
}

static uint64_t fuzz_read(enum source_kind kind, struct slice input, size_t step)
{
    struct fuzz_run run = {.kind = kind};
    struct lines lines;

    ASSERT(match_builder_new(&run.builder) == 0);
    lines_init(&lines, fuzz_block, fuzz_take, &run);
    while (input.len > 0) {
        const size_t len = MIN_OF(step, input.len);

        ASSERT(lines_feed(&lines, slice_from(input.ptr, len)) == 0);
        input = slice_skip(input, len);
    }
    ASSERT(lines_end(&lines) == 0);
    run.sum = run.sum * 31 + match_builder_len(run.builder);
    match_builder_free(run.builder);
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
    static const enum source_kind kinds[] = {SOURCE_BODY, SOURCE_HASH, SOURCE_ALLOW, SOURCE_THREAT};

    if (len == 0) {
        return 0;
    }

    const size_t which = data[0] % (ARRAY_LEN(kinds) + 1);
    const struct slice input = slice_from(data + 1, len - 1);

    if (which == ARRAY_LEN(kinds)) {
        fuzz_set_yaml(input);
    } else {
        ASSERT(fuzz_read(kinds[which], input, SIZE_MAX) == fuzz_read(kinds[which], input, 3));
    }
    return 0;
}
