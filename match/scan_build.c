/* SPDX-License-Identifier: MIT */
#include "match/scan_build.h"

#include "base/assert.h"
#include "base/err.h"
#include "match/build.h"
#include "match/scan_block.h"
#include "match/scan_choose.h"
#include "match/scan_digest.h"
#include "match/scan_hs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The strings are sorted, so that the code does not depend on their order; then each stage takes
 * its own out of the row, and the stages' rows are put one behind the other: Hyperscan's first. The
 * place in that row is how the stages call a string.
 */
struct scan_code {
    struct scan_string *strings;
    size_t strings_len;
    struct scan_facts facts;
    struct slice hs; /* As stored; malloc'ed, as the others. */
    struct slice grams[SCAN_GRAMS_MAX];
    struct scan_header header;
};

static int code_no_memory(void)
{
    return ERR_NEW(-ENOMEM);
}

static void slice_free(struct slice bytes)
{
    free((void *)(uintptr_t)bytes.ptr);
}

static int string_compare(const void *left, const void *right)
{
    const struct scan_string *a = left;
    const struct scan_string *b = right;
    const int order = memcmp(a->bytes, b->bytes, SCAN_STRING_MAX);

    if (order != 0) {
        return order;
    }
    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }
    if (a->nocase != b->nocase) {
        return a->nocase ? 1 : -1;
    }
    return a->id < b->id ? -1 : a->id > b->id;
}

int scan_strings_sort(const struct scan_string *strings, size_t len, struct scan_string **out)
{
    struct scan_string *sorted = calloc(len, sizeof(*sorted));

    if (!sorted) {
        return code_no_memory();
    }
    for (size_t i = 0; i < len; i++) {
        struct scan_string *copy = &sorted[i];

        ASSERT(strings[i].len > 0);
        ASSERT(strings[i].len <= SCAN_STRING_MAX);
        memcpy(copy->bytes, strings[i].bytes, strings[i].len);
        copy->len = strings[i].len;
        copy->nocase = strings[i].nocase;
        copy->id = strings[i].id;
    }
    qsort(sorted, len, sizeof(*sorted), string_compare);
    *out = sorted;
    return 0;
}

/* ---- Parts for scan_gram ---- */

/* Moves the strings that have a place behind the others, keeping the order; returns how many have
 * none. */
static size_t strings_part(struct scan_string *strings, uint8_t *places, size_t len,
                           struct scan_string *room)
{
    size_t kept = 0;
    size_t taken = 0;

    for (size_t i = 0; i < len; i++) {
        if (places[i] == GRAM_NOT_TAKEN) {
            strings[kept++] = strings[i];
        } else {
            room[taken] = strings[i];
            places[taken++] = places[i];
        }
    }
    if (taken > 0) {
        memcpy(strings + kept, room, taken * sizeof(*room));
    }
    return kept;
}

static int code_add_gram_in(struct scan_code *code, unsigned index, uint8_t *places,
                            struct scan_string *room)
{
    const struct gram_plan *plan = &code->facts.plan.grams[index];
    bool fold = false;
    int r = gram_choose(plan, code->strings, code->facts.hs_len, places, &fold);

    if (r) {
        return ERR_PASS(r);
    }
    const size_t kept = strings_part(code->strings, places, code->facts.hs_len, room);
    const size_t taken = code->facts.hs_len - kept;

    if (taken > 0) {
        r = gram_make(plan, fold, code->strings + kept, places, taken, &code->grams[index]);
    }
    code->header.gram_first[index] = (uint32_t)kept;
    code->facts.gram_len[index] = taken;
    code->facts.hs_len = kept;
    return ERR_PASS(r);
}

/* Takes from what is left the strings that fit the part. */
static int code_add_gram(struct scan_code *code, unsigned index)
{
    uint8_t *places = malloc(code->facts.hs_len + 1);
    struct scan_string *room = calloc(code->facts.hs_len + 1, sizeof(*room));
    const int r = places && room ? code_add_gram_in(code, index, places, room) : code_no_memory();

    free(places);
    free(room);
    return ERR_PASS(r);
}

/* ---- Hyperscan's part ---- */

/* The stored form with a digest behind it: what a cache gives back is not taken on trust. */
static bool hs_part_load(const struct match_build_cache *cache, const uint8_t *key,
                         struct slice *out_stored)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    size_t unfolded = 0;

    if (!cache->load(cache->ctx, key, &bytes, &len)) {
        return false;
    }
    if (len <= SCAN_DIGEST_LEN || !scan_digest_fits(bytes, len - SCAN_DIGEST_LEN) ||
        scan_hs_size(slice_from(bytes, len - SCAN_DIGEST_LEN), &unfolded) != 0) {
        free(bytes);
        return false;
    }
    *out_stored = slice_from(bytes, len - SCAN_DIGEST_LEN);
    return true;
}

static int hs_part_store(const struct match_build_cache *cache, const uint8_t *key,
                         struct slice stored)
{
    uint8_t *bytes = malloc(stored.len + SCAN_DIGEST_LEN);

    if (!bytes) {
        return code_no_memory();
    }
    memcpy(bytes, stored.ptr, stored.len);
    const int r = scan_digest_append(bytes, stored.len);

    if (r == 0) {
        cache->store(cache->ctx, key, bytes, stored.len + SCAN_DIGEST_LEN);
    }
    free(bytes);
    return ERR_PASS(r);
}

static int code_add_hs(struct scan_code *code, const struct match_build_cache *cache,
                       char error[SCAN_ERROR_CAP])
{
    const size_t len = code->facts.hs_len;
    const bool cached = cache && cache->load && cache->store;
    uint8_t key[SCAN_DIGEST_LEN];
    int r = 0;

    if (len == 0) {
        return 0;
    }
    if (cached) {
        r = scan_digest_strings(SCAN_DIGEST_HS, code->strings, len, 0, key);
        if (r || hs_part_load(cache, key, &code->hs)) {
            return ERR_PASS(r);
        }
    }
    r = scan_hs_compile(code->strings, len, &code->hs, error);
    if (r == 0 && cached) {
        r = hs_part_store(cache, key, code->hs);
    }
    return ERR_PASS(r);
}

/* ---- The block ---- */

static uint64_t block_add(struct scan_span *span, uint64_t at, uint64_t len)
{
    *span = (struct scan_span){at, len};
    return (at + len + SCAN_ALIGN - 1) & ~(uint64_t)(SCAN_ALIGN - 1);
}

static int code_place(struct scan_code *code)
{
    struct scan_header *header = &code->header;
    size_t hs_len = 0;
    const int r = code->hs.len > 0 ? scan_hs_size(code->hs, &hs_len) : 0;

    if (r) {
        return ERR_PASS(r);
    }
    struct scan_span head;
    uint64_t at = block_add(&head, 0, sizeof(*header));

    memcpy(header->magic, SCAN_MAGIC, sizeof(header->magic));
    header->version = SCAN_VERSION;
    header->strings_len = (uint32_t)code->strings_len;
    at = block_add(&header->ids, at, code->strings_len * sizeof(uint32_t));
    at = block_add(&header->hs, at, hs_len);
    for (unsigned i = 0; i < SCAN_GRAMS_MAX; i++) {
        at = block_add(&header->grams[i], at, code->grams[i].len);
    }
    header->block_bytes = at;
    code->facts.bytes = at;
    return 0;
}

int scan_code_new_planned(struct scan_code **out_code, const struct scan_string *strings,
                          size_t len, const struct scan_plan *plan,
                          const struct match_build_cache *cache, char error[SCAN_ERROR_CAP])
{
    ASSERT(len > 0);
    ASSERT(len <= SCAN_STRINGS_MAX);
    struct scan_code *code = calloc(1, sizeof(*code));

    snprintf(error, SCAN_ERROR_CAP, "no memory");
    if (!code) {
        return code_no_memory();
    }
    code->facts.plan = *plan;
    code->strings_len = len;
    code->facts.hs_len = len;
    int r = scan_strings_sort(strings, len, &code->strings);

    for (unsigned i = 0; r == 0 && i < SCAN_GRAMS_MAX; i++) {
        r = plan->grams[i].stride > 0 ? code_add_gram(code, i) : 0;
    }
    r = r ? r : code_add_hs(code, cache, error);
    r = r ? r : code_place(code);
    if (r) {
        scan_code_free(code);
        return ERR_PASS(r);
    }
    *out_code = code;
    return 0;
}

void scan_code_free(struct scan_code *code)
{
    if (!code) {
        return;
    }
    free(code->strings);
    slice_free(code->hs);
    for (unsigned i = 0; i < SCAN_GRAMS_MAX; i++) {
        slice_free(code->grams[i]);
    }
    free(code);
}

size_t scan_code_bytes(const struct scan_code *code)
{
    return code->header.block_bytes;
}

void scan_code_facts(const struct scan_code *code, struct scan_facts *out)
{
    *out = code->facts;
}

int scan_code_write(const struct scan_code *code, uint8_t *place)
{
    const struct scan_header *header = &code->header;
    uint32_t *ids = (uint32_t *)(void *)(place + header->ids.at);

    ASSERT((uintptr_t)place % SCAN_ALIGN == 0);
    memset(place, 0, header->block_bytes);
    memcpy(place, header, sizeof(*header));
    for (size_t i = 0; i < code->strings_len; i++) {
        ids[i] = code->strings[i].id;
    }
    for (unsigned i = 0; i < SCAN_GRAMS_MAX; i++) {
        if (code->grams[i].len > 0) {
            memcpy(place + header->grams[i].at, code->grams[i].ptr, code->grams[i].len);
        }
    }
    return header->hs.len > 0 ? scan_hs_unfold(code->hs, place + header->hs.at) : 0;
}
