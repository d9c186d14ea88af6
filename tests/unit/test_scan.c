/* SPDX-License-Identifier: MIT */
/*
 * Every stage and every way of splitting the stream against a search that cannot be wrong. The
 * alphabets are small, so that strings overlap and repeat, and made of bytes that are rare in clean
 * files, so that the grams are taken.
 */
#include "base/macro.h"
#include "match/build.h"
#include "match/scan.h"
#include "match/scan_block.h"
#include "match/scan_build.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>

#define HITS_MAX 200000

struct hit {
    uint32_t id;
    uint64_t end;
};

struct hits {
    struct hit *ptr;
    size_t len;
    size_t max; /* The callback ends the scan after so many. */
};

struct opened {
    struct scan scan;
    struct scan_scratch scratch;
    struct scan_facts facts;
    uint8_t *block;
    void *memory;
};

static uint64_t seed = 20240607;

static uint32_t dice(uint32_t sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % sides;
}

static struct hits hits_new(void)
{
    return (struct hits){.ptr = calloc(HITS_MAX, sizeof(struct hit)), .max = HITS_MAX};
}

static bool on_hit(void *ctx, uint32_t id, uint64_t end)
{
    struct hits *hits = ctx;

    cr_assert_lt(hits->len, HITS_MAX);
    hits->ptr[hits->len++] = (struct hit){id, end};
    return hits->len < hits->max;
}

static int hit_compare(const void *left, const void *right)
{
    const struct hit *a = left;
    const struct hit *b = right;

    if (a->end != b->end) {
        return a->end < b->end ? -1 : 1;
    }
    return a->id < b->id ? -1 : a->id > b->id;
}

static bool naive_at(const struct scan_string *string, const uint8_t *ptr)
{
    for (unsigned i = 0; i < string->len; i++) {
        uint8_t byte = ptr[i];

        if (string->nocase && byte >= 'A' && byte <= 'Z') {
            byte |= 0x20;
        }
        if (byte != string->bytes[i]) {
            return false;
        }
    }
    return true;
}

static void naive_search(const struct scan_string *strings, size_t strings_len, struct slice text,
                         struct hits *hits)
{
    for (size_t i = 0; i < strings_len; i++) {
        for (size_t at = 0; at + strings[i].len <= text.len; at++) {
            if (naive_at(&strings[i], text.ptr + at)) {
                on_hit(hits, strings[i].id, at + strings[i].len);
            }
        }
    }
    qsort(hits->ptr, hits->len, sizeof(*hits->ptr), hit_compare);
}

static void open_code(struct opened *out, struct scan_code *code)
{
    const size_t len = scan_code_bytes(code);

    *out = (struct opened){.block = aligned_alloc(SCAN_ALIGN, len)};
    scan_code_facts(code, &out->facts);
    cr_assert_eq(scan_code_write(code, out->block), 0);
    scan_code_free(code);
    cr_assert_eq(scan_open(&out->scan, slice_from(out->block, len), &out->scratch), 0);
    out->memory = aligned_alloc(SCAN_ALIGN, (scan_stream_bytes(&out->scan) + 63) & ~(size_t)63);
}

static void open_plan(struct opened *out, const struct scan_plan *plan,
                      const struct scan_string *strings, size_t len)
{
    char error[SCAN_ERROR_CAP];
    struct scan_code *code = NULL;

    cr_assert_eq(scan_code_new_planned(&code, strings, len, plan, NULL, error), 0, "%s", error);
    open_code(out, code);
}

static void close_opened(struct opened *opened)
{
    scan_scratch_fini(&opened->scratch);
    free(opened->block);
    free(opened->memory);
}

/* Feeds the text in pieces of 1 to `piece_max` bytes. */
static void search(const struct opened *opened, struct slice text, uint32_t piece_max,
                   struct hits *hits)
{
    struct scan_stream *stream = scan_stream_open(&opened->scan, opened->memory);

    while (text.len > 0) {
        const size_t wish = 1 + dice(piece_max);
        const size_t len = MIN_OF(text.len, wish);
        uint8_t *piece = malloc(len); /* Its own, so that a sanitizer sees what is read beyond. */

        memcpy(piece, text.ptr, len);
        const bool goes_on =
            scan_stream_feed(stream, &opened->scratch, slice_from(piece, len), on_hit, hits);

        free(piece);
        text = slice_skip(text, len);
        if (!goes_on) {
            break;
        }
    }
    scan_stream_close(stream);
    qsort(hits->ptr, hits->len, sizeof(*hits->ptr), hit_compare);
}

static void expect_equal(const struct hits *want, const struct hits *got, const char *what,
                         unsigned finder, uint32_t piece_max)
{
    cr_assert_eq(want->len, got->len, "%s, finder %u, pieces up to %u: %zu hits, not %zu", what,
                 finder, piece_max, got->len, want->len);
    for (size_t i = 0; i < want->len; i++) {
        cr_assert(want->ptr[i].id == got->ptr[i].id && want->ptr[i].end == got->ptr[i].end,
                  "%s, finder %u, pieces up to %u: hit %zu", what, finder, piece_max, i);
    }
}

static const struct scan_plan plans[] = {
    {.grams = {{0}, {0}}},       {.grams = {{8, 4}, {0}}},    {.grams = {{8, 2}, {0}}},
    {.grams = {{8, 8}, {0}}},    {.grams = {{8, 1}, {0}}},    {.grams = {{6, 4}, {0}}},
    {.grams = {{5, 2}, {0}}},    {.grams = {{4, 1}, {0}}},    {.grams = {{8, 4}, {6, 2}}},
    {.grams = {{7, 4}, {5, 1}}}, {.grams = {{8, 8}, {4, 2}}},
};

/* All plans, finders and some piece sizes find what the plain search finds. */
static void expect_all_agree(const struct scan_string *strings, size_t strings_len,
                             struct slice text, const char *what)
{
    const uint32_t piece_maxes[] = {1, 7, 40, 300, 5000, 100000};
    struct hits want = hits_new();
    struct hits got = hits_new();

    naive_search(strings, strings_len, text, &want);
    for (size_t plan = 0; plan < ARRAY_LEN(plans); plan++) {
        struct opened opened;

        open_plan(&opened, &plans[plan], strings, strings_len);
        for (unsigned finder = 0; finder < GRAM_FINDERS; finder++) {
            const gram_find_fn find = gram_finder_of((enum gram_finder)finder);

            gram_finder_force(find);
            for (size_t i = 0; find && i < ARRAY_LEN(piece_maxes); i++) {
                got.len = 0;
                search(&opened, text, piece_maxes[i], &got);
                expect_equal(&want, &got, what, finder, piece_maxes[i]);
            }
        }
        close_opened(&opened);
    }
    gram_finder_force(NULL);
    free(want.ptr);
    free(got.ptr);
}

/* Strings of 1 to 16 letters out of an alphabet. */
static void make_strings(struct scan_string *strings, size_t len, const char *alphabet, bool nocase)
{
    const uint32_t letters = (uint32_t)strlen(alphabet);

    for (size_t i = 0; i < len; i++) {
        strings[i] = (struct scan_string){.id = (uint32_t)(7000 + i)};
        strings[i].len = (uint8_t)(dice(4) == 0 ? 1 + dice(16) : 7 + dice(10));
        strings[i].nocase = nocase && dice(2);
        for (unsigned k = 0; k < strings[i].len; k++) {
            uint8_t byte = (uint8_t)alphabet[dice(letters)];

            if (strings[i].nocase && byte >= 'A' && byte <= 'Z') {
                byte |= 0x20;
            }
            strings[i].bytes[k] = byte;
        }
    }
}

static void make_text(uint8_t *text, size_t len, const struct scan_string *strings,
                      size_t strings_len, const char *alphabet)
{
    const uint32_t letters = (uint32_t)strlen(alphabet);
    size_t at = 0;

    while (at < len) {
        const struct scan_string *string = &strings[dice((uint32_t)strings_len)];

        if (dice(3) == 0 && string->len <= len - at) {
            memcpy(text + at, string->bytes, string->len);
            at += string->len;
        } else {
            text[at++] = (uint8_t)alphabet[dice(letters)];
        }
    }
}

static void expect_alphabet_agrees(const char *alphabet, bool nocase, const char *what)
{
    enum {
        STRINGS = 60,
        TEXT = 3000,
    };
    struct scan_string strings[STRINGS];
    uint8_t *text = malloc(TEXT);

    for (unsigned round = 0; round < 6; round++) {
        make_strings(strings, STRINGS, alphabet, nocase);
        make_text(text, TEXT, strings, STRINGS, alphabet);
        expect_all_agree(strings, STRINGS, slice_from(text, TEXT), what);
    }
    free(text);
}

Test(scan, all_stages_agree_on_rare_bytes)
{
    expect_alphabet_agrees("\x9b\xb7\xd9", false, "three bytes");
    expect_alphabet_agrees("\x9b\xb7\xd9\xe5\xf3\x8d\xa6\xc3\x97", false, "nine bytes");
}

Test(scan, all_stages_agree_on_letters_of_either_case)
{
    expect_alphabet_agrees("qQxXzZ@\x60\xd9", true, "nine letters");
    expect_alphabet_agrees("jJ\x9bKk", true, "five letters");
}

Test(scan, all_stages_agree_on_common_text)
{
    expect_alphabet_agrees("etaoin s", true, "common letters");
}

Test(scan, grams_take_long_rare_strings_and_leave_the_rest)
{
    struct scan_string strings[40];
    const struct scan_plan plan = {.grams = {{8, 4}, {6, 2}}};
    struct opened opened;

    for (unsigned i = 0; i < ARRAY_LEN(strings); i++) {
        strings[i] = (struct scan_string){.len = (uint8_t)(i < 20 ? 11 : i < 30 ? 7 : 6), .id = i};
        for (unsigned k = 0; k < strings[i].len; k++) {
            strings[i].bytes[k] = (uint8_t)(0x80 + dice(0x70));
        }
    }
    open_plan(&opened, &plan, strings, ARRAY_LEN(strings));
    cr_assert_eq(opened.facts.gram_len[0], 20);
    cr_assert_eq(opened.facts.gram_len[1], 10);
    cr_assert_eq(opened.facts.hs_len, 10);
    close_opened(&opened);
}

Test(scan, a_second_part_works_without_a_first)
{
    struct scan_string string = {.len = 7, .id = 4};
    const struct scan_plan plan = {.grams = {{8, 4}, {6, 2}}};
    struct hits hits = hits_new();
    struct opened opened;

    memcpy(string.bytes, "\x9b\xb7\xd9\xe5\xf3\x8d\xa6", 7);
    open_plan(&opened, &plan, &string, 1);
    cr_assert_eq(opened.facts.gram_len[0], 0);
    cr_assert_eq(opened.facts.gram_len[1], 1);
    search(&opened, slice_from(string.bytes, 7), 3, &hits);
    cr_assert_eq(hits.len, 1);
    close_opened(&opened);
    free(hits.ptr);
}

/* Many strings with the same grams: only so many of them may be compared at one place. */
Test(scan, strings_that_share_grams_are_bounded)
{
    struct scan_string strings[200];
    const struct scan_plan plan = {.grams = {{8, 4}, {0}}};
    struct opened opened;
    uint8_t text[4096];

    for (unsigned i = 0; i < ARRAY_LEN(strings); i++) {
        strings[i] = (struct scan_string){.len = 12, .id = i};
        memcpy(strings[i].bytes, "\x9b\xb7\xd9\xe5\xf3\x8d\xa6\xc3\x97\x9d\xb5\xd3", 12);
        if (i >= 100) {
            strings[i].len = 16;
            strings[i].bytes[15] = (uint8_t)i;
        }
    }
    open_plan(&opened, &plan, strings, ARRAY_LEN(strings));
    cr_assert_gt(opened.facts.gram_len[0], 0);
    cr_assert_leq(opened.facts.gram_len[0], GRAM_SHARE_MAX * 5);
    close_opened(&opened);
    make_text(text, sizeof(text), strings, ARRAY_LEN(strings), "\x9b\xb7");
    expect_all_agree(strings, ARRAY_LEN(strings), slice_from(text, sizeof(text)), "equal strings");
}

Test(scan, repeats_of_strings_are_found_everywhere)
{
    struct scan_string string = {.len = 16, .id = 3};
    uint8_t text[2000];

    memset(text, 0xd9, sizeof(text));
    memset(string.bytes, 0xd9, 16);
    expect_all_agree(&string, 1, slice_from(text, sizeof(text)), "one byte");
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = i % 2 ? 0xd9 : 0x9b;
    }
    memcpy(string.bytes, text, 16);
    expect_all_agree(&string, 1, slice_from(text, sizeof(text)), "two bytes");
}

Test(scan, every_split_point_of_a_string_finds_it)
{
    struct scan_string string = {.len = 16, .id = 5};
    uint8_t text[300];
    const struct scan_plan plan = {.grams = {{8, 4}, {0}}};
    struct opened opened;
    struct hits hits = hits_new();

    for (unsigned i = 0; i < 16; i++) {
        string.bytes[i] = (uint8_t)(0x90 + 5 * i);
    }
    open_plan(&opened, &plan, &string, 1);
    cr_assert_eq(opened.facts.gram_len[0], 1);
    for (size_t at = 0; at + 16 <= sizeof(text); at++) {
        memset(text, 0, sizeof(text));
        memcpy(text + at, string.bytes, 16);
        for (size_t split = 0; split <= sizeof(text); split++) {
            struct scan_stream *stream = scan_stream_open(&opened.scan, opened.memory);

            hits.len = 0;
            scan_stream_feed(stream, &opened.scratch, slice_from(text, split), on_hit, &hits);
            cr_assert_eq(hits.len, at + 16 <= split);
            scan_stream_feed(stream, &opened.scratch,
                             slice_from(text + split, sizeof(text) - split), on_hit, &hits);
            scan_stream_close(stream);
            cr_assert_eq(hits.len, 1, "at %zu, split at %zu", at, split);
            cr_assert_eq(hits.ptr[0].end, at + 16);
        }
    }
    close_opened(&opened);
    free(hits.ptr);
}

Test(scan, the_callback_ends_the_scan)
{
    struct scan_string string = {.len = 12, .id = 1};
    const struct scan_plan grams = {.grams = {{8, 4}, {0}}};
    uint8_t text[1200];

    memcpy(string.bytes, "\x9b\xb7\xd9\xe5\xf3\x8d\xa6\xc3\x97\x9d\xb5\xd3", 12);
    for (size_t at = 0; at < sizeof(text); at += 12) {
        memcpy(text + at, string.bytes, 12);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct hits hits = hits_new();
        struct opened opened;

        open_plan(&opened, i ? &grams : &plans[0], &string, 1);
        hits.max = 3;
        search(&opened, slice_from(text, sizeof(text)), 100000, &hits);
        cr_assert_eq(hits.len, 3);
        close_opened(&opened);
        free(hits.ptr);
    }
}

Test(scan, damaged_blocks_are_refused)
{
    struct scan_string strings[30];
    const struct scan_plan plan = {.grams = {{8, 4}, {0}}};
    struct opened opened;
    struct scan scan;

    make_strings(strings, ARRAY_LEN(strings), "\x9b\xb7\xd9\xe5\xf3\x8d", false);
    open_plan(&opened, &plan, strings, ARRAY_LEN(strings));
    const size_t len = opened.facts.bytes;
    uint8_t *copy = aligned_alloc(SCAN_ALIGN, len);

    for (size_t cut = 0; cut < len; cut += SCAN_ALIGN) {
        memcpy(copy, opened.block, len);
        cr_assert_neq(scan_open(&scan, slice_from(copy, cut), &opened.scratch), 0);
    }
    /*
     * Whatever is turned over: refused, or harmless. Hyperscan's part has a checksum, but trusts
     * its own header.
     */
    const struct scan_span *hs = &((const struct scan_header *)(void *)opened.block)->hs;

    for (unsigned round = 0; round < 3000; round++) {
        uint8_t text[200];

        memcpy(copy, opened.block, len);
        const size_t at = dice((uint32_t)(round % 2 ? len : 512));

        if (at >= hs->at && at < hs->at + hs->len) {
            continue;
        }
        copy[at] ^= (uint8_t)(1 + dice(255));
        make_text(text, sizeof(text), strings, ARRAY_LEN(strings), "\x9b\xb7\xd9\xe5\xf3\x8d");
        if (scan_open(&scan, slice_from(copy, len), &opened.scratch) == 0) {
            struct scan_stream *stream = scan_stream_open(&scan, opened.memory);
            struct hits hits = hits_new();

            scan_stream_feed(stream, &opened.scratch, slice_from(text, sizeof(text)), on_hit,
                             &hits);
            scan_stream_close(stream);
            free(hits.ptr);
        }
    }
    free(copy);
    close_opened(&opened);
}

/* ---- Handing over ---- */

/* What one process has opened, another one takes over without looking at the block. */
Test(scan, an_adopted_block_finds_what_the_opened_one_finds)
{
    const struct scan_plan own = {.grams = {{8, 4}, {0}}};
    struct scan_string strings[30];
    uint8_t text[3000];

    make_strings(strings, ARRAY_LEN(strings), "\x9b\xb7\xd9\xe5\xf3\x8d", false);
    make_text(text, sizeof(text), strings, ARRAY_LEN(strings), "\x9b\xb7\xd9\xe5\xf3\x8d");
    for (unsigned i = 0; i < 4; i++) {
        struct hits wanted = hits_new();
        struct hits found = hits_new();
        struct opened opened;

        open_plan(&opened, i % 2 ? &own : &plans[0], strings, ARRAY_LEN(strings));
        search(&opened, slice_from(text, sizeof(text)), 200, &wanted);
        const size_t len = opened.facts.bytes;
        const struct slice bytes = scan_scratch_bytes(&opened.scratch);
        uint8_t *block = aligned_alloc(SCAN_ALIGN, len);
        uint8_t *model = aligned_alloc(SCAN_ALIGN, (bytes.len + 127) & ~(size_t)63);

        cr_assert_eq(bytes.len > 0, opened.scan.hs != NULL);
        memcpy(block, opened.block, len);
        memcpy(model, bytes.ptr ? bytes.ptr : block, bytes.len);
        const struct scan unplaced = scan_unplaced(&opened.scan);
        struct opened taken = {.block = block, .facts = opened.facts, .memory = opened.memory};

        if (i < 2) {
            taken.scan = scan_placed(&unplaced, block);
        } else {
            cr_assert_eq(scan_adopt(&taken.scan, slice_from(block, len)), 0);
        }
        cr_assert(bytes.len == 0 ||
                  scan_scratch_copy(&taken.scratch, slice_from(model, bytes.len)) == 0);
        memset(opened.block, 0, len);
        search(&taken, slice_from(text, sizeof(text)), 200, &found);
        cr_assert_gt(wanted.len, 0);
        cr_assert_eq(found.len, wanted.len);
        cr_assert_eq(memcmp(found.ptr, wanted.ptr, wanted.len * sizeof(*wanted.ptr)), 0);
        free(wanted.ptr);
        free(found.ptr);
        free(model);
        scan_scratch_fini(&opened.scratch);
        free(opened.block);
        close_opened(&taken);
    }
}

Test(scan, what_is_no_scratch_is_not_copied)
{
    struct scan_string string = {.len = 12, .id = 1, .bytes = "twelve bytes"};
    struct scan_scratch scratch = {0};
    struct opened opened;

    open_plan(&opened, &plans[0], &string, 1);
    const struct slice bytes = scan_scratch_bytes(&opened.scratch);
    uint8_t *copy = aligned_alloc(SCAN_ALIGN, (bytes.len + 127) & ~(size_t)63);

    cr_assert_gt(bytes.len, 0);
    memcpy(copy, bytes.ptr, bytes.len);
    for (size_t len = 0; len < bytes.len; len += 97) {
        cr_assert_eq(scan_scratch_copy(&scratch, slice_from(copy, len)), -EBADMSG, "%zu", len);
    }
    cr_assert_eq(scan_scratch_copy(&scratch, slice_from(copy, bytes.len + 1)), -EBADMSG);
    memmove(copy + 8, copy, bytes.len);
    cr_assert_eq(scan_scratch_copy(&scratch, slice_from(copy + 8, bytes.len)), -EBADMSG);
    memset(copy, 0, bytes.len);
    cr_assert_eq(scan_scratch_copy(&scratch, slice_from(copy, bytes.len)), -EBADMSG);
    cr_assert_null(scratch.hs);
    free(copy);
    close_opened(&opened);
}

/* ---- The cache ---- */

struct store {
    uint8_t keys[64][MATCH_BUILD_KEY_LEN];
    uint8_t *bytes[64];
    size_t len[64];
    size_t used;
    size_t loaded;
};

static bool store_load(void *ctx, const uint8_t key[MATCH_BUILD_KEY_LEN], uint8_t **out_bytes,
                       size_t *out_len)
{
    struct store *store = ctx;

    for (size_t i = 0; i < store->used; i++) {
        if (memcmp(store->keys[i], key, MATCH_BUILD_KEY_LEN) == 0) {
            *out_bytes = malloc(store->len[i]);
            memcpy(*out_bytes, store->bytes[i], store->len[i]);
            *out_len = store->len[i];
            store->loaded++;
            return true;
        }
    }
    return false;
}

static void store_store(void *ctx, const uint8_t key[MATCH_BUILD_KEY_LEN], const uint8_t *bytes,
                        size_t len)
{
    struct store *store = ctx;

    cr_assert_lt(store->used, ARRAY_LEN(store->keys));
    memcpy(store->keys[store->used], key, MATCH_BUILD_KEY_LEN);
    store->bytes[store->used] = malloc(len);
    memcpy(store->bytes[store->used], bytes, len);
    store->len[store->used++] = len;
}

Test(scan, unchanged_strings_are_found_in_the_cache_and_damage_is_noticed)
{
    enum {
        STRINGS = 2500,
    };
    struct scan_string *strings = calloc(STRINGS, sizeof(*strings));
    struct store store = {0};
    const struct match_build_cache cache = {&store, store_load, store_store};
    const struct scan_mix mix = {{1, 1, 1}};
    char error[SCAN_ERROR_CAP];
    struct scan_code *code = NULL;
    struct opened first;
    struct opened second;

    make_strings(strings, STRINGS, "\x9b\xb7\xd9\xe5\xf3\x8d\xa6\xc3\x97", false);
    cr_assert_eq(scan_code_new(&code, strings, STRINGS, &mix, &cache, error), 0);
    open_code(&first, code);
    cr_assert_gt(store.used, 1);
    const size_t used = store.used;

    /* Another order and other identifiers: nothing is compiled again. */
    for (size_t i = 0; i < STRINGS / 2; i++) {
        const struct scan_string swap = strings[i];

        strings[i] = strings[STRINGS - 1 - i];
        strings[STRINGS - 1 - i] = swap;
        strings[i].id += 100;
    }
    store.loaded = 0;
    cr_assert_eq(scan_code_new(&code, strings, STRINGS, &mix, &cache, error), 0);
    open_code(&second, code);
    cr_assert_eq(store.used, used);
    cr_assert_gt(store.loaded, 0);
    cr_assert_eq(memcmp(&first.facts, &second.facts, sizeof(first.facts)), 0);
    close_opened(&second);

    for (size_t i = 0; i < store.used; i++) {
        store.bytes[i][store.len[i] / 2] ^= 1;
    }
    cr_assert_eq(scan_code_new(&code, strings, STRINGS, &mix, &cache, error), 0);
    open_code(&second, code);
    close_opened(&second);
    close_opened(&first);
    for (size_t i = 0; i < store.used; i++) {
        free(store.bytes[i]);
    }
    free(strings);
}
