/* SPDX-License-Identifier: MIT */
/*
 * fuzz_scan - a set of strings, a plan, a text and where it is split: what the stages find is what
 * a plain search finds. The input:
 *
 *     plan, finder, number of strings; each string: length and flags, bytes; then the text, in
 * which the byte 0xfe is followed by the length of the piece that begins there
 */
#include "match/scan.h"
#include "match/scan_build.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#define STRINGS_MAX 24
#define TEXT_MAX    2048
#define HITS_MAX    (STRINGS_MAX * TEXT_MAX)

static const struct scan_plan plans[] = {
    {.grams = {{8, 8}, {4, 2}}}, {.grams = {{8, 4}, {5, 1}}}, {.grams = {{6, 4}, {0}}},
    {.grams = {{8, 2}, {0}}},    {.grams = {{4, 1}, {0}}},    {.grams = {{7, 8}, {6, 2}}},
};

struct hits {
    uint64_t sum; /* Of what does not depend on the order. */
    size_t len;
};

static bool on_hit(void *ctx, uint32_t id, uint64_t end)
{
    struct hits *hits = ctx;

    hits->sum += (end << 8 | id) * UINT64_C(0x9e3779b97f4a7c15) >> 7;
    hits->len++;
    return true;
}

static uint8_t take(struct slice *input)
{
    const uint8_t byte = input->len > 0 ? *input->ptr : 0;

    *input = slice_skip(*input, input->len > 0);
    return byte;
}

static size_t take_strings(struct slice *input, struct scan_string *strings)
{
    const size_t len = 1 + take(input) % STRINGS_MAX;

    for (size_t i = 0; i < len; i++) {
        const uint8_t head = take(input);

        strings[i] = (struct scan_string){
            .id = (uint32_t)i,
            .len = (uint8_t)(1 + head % SCAN_STRING_MAX),
            .nocase = head >> 7,
        };
        for (unsigned k = 0; k < strings[i].len; k++) {
            const uint8_t byte = take(input);
            const bool large = byte >= 'A' && byte <= 'Z';

            strings[i].bytes[k] = strings[i].nocase && large ? byte | 0x20 : byte;
        }
    }
    return len;
}

static bool string_ends_at(const struct scan_string *string, const uint8_t *text, size_t end)
{
    for (unsigned i = 0; i < string->len; i++) {
        uint8_t byte = text[end - string->len + i];

        if (string->nocase && byte >= 'A' && byte <= 'Z') {
            byte |= 0x20;
        }
        if (byte != string->bytes[i]) {
            return false;
        }
    }
    return true;
}

static struct hits search_plain(const struct scan_string *strings, size_t strings_len,
                                const uint8_t *text, size_t len)
{
    struct hits hits = {0};

    for (size_t end = 1; end <= len; end++) {
        for (size_t i = 0; i < strings_len; i++) {
            if (strings[i].len <= end && string_ends_at(&strings[i], text, end)) {
                on_hit(&hits, strings[i].id, end);
            }
        }
    }
    return hits;
}

/* The text without its marks, and its pieces. */
struct pieces {
    uint8_t text[TEXT_MAX];
    size_t len;
    size_t ends[TEXT_MAX];
    size_t ends_len;
};

static void take_pieces(struct slice *input, struct pieces *out)
{
    size_t piece = SIZE_MAX;

    while (input->len > 0 && out->len < TEXT_MAX) {
        const uint8_t byte = take(input);

        if (byte == 0xfe) {
            piece = out->len + 1 + take(input);
            continue;
        }
        out->text[out->len++] = byte;
        if (out->len >= piece) {
            out->ends[out->ends_len++] = out->len;
            piece = SIZE_MAX;
        }
    }
    out->ends[out->ends_len++] = out->len;
}

static struct hits search_pieces(const uint8_t *block, size_t block_len,
                                 const struct pieces *pieces)
{
    struct scan_scratch scratch = {0};
    struct hits hits = {0};
    struct scan scan;
    size_t at = 0;

    ASSERT(scan_open(&scan, slice_from(block, block_len), &scratch) == 0);
    void *memory = aligned_alloc(SCAN_ALIGN, (scan_stream_bytes(&scan) + 63) & ~(size_t)63);
    struct scan_stream *stream = scan_stream_open(&scan, memory);

    for (size_t i = 0; i < pieces->ends_len; i++) {
        const size_t len = pieces->ends[i] - at;
        uint8_t *piece = malloc(len + 1);

        memcpy(piece, pieces->text + at, len);
        scan_stream_feed(stream, &scratch, slice_from(piece, len), on_hit, &hits);
        free(piece);
        at = pieces->ends[i];
    }
    scan_stream_close(stream);
    scan_scratch_fini(&scratch);
    free(memory);
    return hits;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice input = slice_from(data, len);
    struct scan_string strings[STRINGS_MAX];
    struct pieces pieces = {0};
    char error[SCAN_ERROR_CAP];
    struct scan_code *code = NULL;
    const struct scan_plan *plan = &plans[take(&input) % ARRAY_LEN(plans)];
    const gram_find_fn find = gram_finder_of((enum gram_finder)(take(&input) % GRAM_FINDERS));
    const size_t strings_len = take_strings(&input, strings);

    take_pieces(&input, &pieces);
    ASSERT(scan_code_new_planned(&code, strings, strings_len, plan, NULL, error) == 0);
    const size_t block_len = scan_code_bytes(code);
    uint8_t *block = aligned_alloc(SCAN_ALIGN, block_len);

    gram_finder_force(find);
    ASSERT(scan_code_write(code, block) == 0);
    const struct hits got = search_pieces(block, block_len, &pieces);
    const struct hits want = search_plain(strings, strings_len, pieces.text, pieces.len);

    ASSERT(got.len == want.len);
    ASSERT(got.sum == want.sum);
    scan_code_free(code);
    free(block);
    return 0;
}
