/* SPDX-License-Identifier: MIT */
/*
 * fuzz_exe - headers of executables: whatever they say, what is found lies in the body, and asking
 * in pieces gives the same as asking at once.
 *
 * The first byte is the length of the pieces.
 */
#include "base/slice.h"
#include "match/exe_imports.h"
#include "tests/fuzz/fuzz.h"

/* Clean headers cannot make us look at more than this. */
#define FUZZ_ASKED_MAX 50000000

struct fuzz_body {
    struct slice bytes;
    size_t piece;
    uint64_t asked;
};

struct fuzz_answer {
    struct exe exe;
    uint64_t versions[EXE_VERSIONS_MAX];
    uint32_t versions_len;
    uint64_t imports_len;
    uint32_t imports_sum;
    bool imports_failed;
};

static const uint8_t *fuzz_at(void *ctx, uint64_t offset, size_t *out_len)
{
    struct fuzz_body *body = ctx;

    ASSERT(offset < body->bytes.len);
    ASSERT(body->asked++ < FUZZ_ASKED_MAX);
    *out_len = MIN_OF(body->bytes.len - (size_t)offset, body->piece);
    return body->bytes.ptr + offset;
}

static void fuzz_check(const struct fuzz_answer *answer, size_t len)
{
    const struct exe *exe = &answer->exe;

    ASSERT(exe->sections_len <= EXE_SECTIONS_MAX);
    ASSERT(exe->sections_len <= exe->sections_total);
    ASSERT(exe->kind != EXE_NONE || exe->sections_total == 0);
    ASSERT(exe->has_entry == (exe->kind != EXE_NONE));
    for (uint32_t i = 0; i < exe->sections_len; i++) {
        const struct exe_section *section = &exe->sections[i];

        ASSERT(section->len == 0 || (section->at < len && section->len <= len - section->at));
    }
    for (uint32_t i = 0; i < answer->versions_len; i++) {
        ASSERT(answer->versions[i] < len);
    }
}

static void fuzz_ask(struct slice bytes, size_t piece, struct fuzz_answer *out)
{
    struct fuzz_body body = {.bytes = bytes, .piece = piece};
    struct peek peek =
        peek_over((struct match_source){fuzz_at, &body}, slice_from(NULL, 0), bytes.len);
    struct exe_imports imports;
    struct slice text;

    memset(out, 0, sizeof(*out));
    exe_parse(&out->exe, &peek, bytes.len);
    out->versions_len = exe_find_versions(&out->exe, &peek, bytes.len, out->versions);
    exe_imports_init(&imports, &out->exe, bytes.len);
    while (exe_imports_next(&imports, &peek, &text)) {
        ASSERT(text.len <= sizeof(imports.piece));
        for (size_t i = 0; i < text.len; i++) {
            out->imports_sum = out->imports_sum * 31 + text.ptr[i];
        }
        out->imports_len += text.len;
    }
    out->imports_failed = imports.failed;
    ASSERT(!peek.failed);
    fuzz_check(out, bytes.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct fuzz_answer whole;
    static struct fuzz_answer pieces;

    if (len == 0) {
        return 0;
    }
    const struct slice bytes = slice_from(data + 1, len - 1);

    fuzz_ask(bytes, SIZE_MAX, &whole);
    fuzz_ask(bytes, (size_t)data[0] + 1, &pieces);
    ASSERT(memcmp(&whole, &pieces, sizeof(whole)) == 0);
    return 0;
}
