/* SPDX-License-Identifier: MIT */
/*
 * All memory is taken when a set is opened: this program counts what is allocated while bodies are
 * fed, by us or by the libraries. Under AddressSanitizer, which replaces the allocator, nothing is
 * counted.
 */
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>

#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_COUNTED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMORY_COUNTED 0
#endif
#endif
#ifndef MEMORY_COUNTED
#define MEMORY_COUNTED 1
#endif

static unsigned long allocations;

#if MEMORY_COUNTED
void *__libc_malloc(size_t len);
void *__libc_calloc(size_t count, size_t len);
void *__libc_realloc(void *ptr, size_t len);

void *malloc(size_t len)
{
    allocations++;
    return __libc_malloc(len);
}

void *calloc(size_t count, size_t len)
{
    allocations++;
    return __libc_calloc(count, len);
}

void *realloc(void *ptr, size_t len)
{
    allocations++;
    return __libc_realloc(ptr, len);
}
#endif

static const uint8_t *bytes_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct slice *body = ctx;

    *out_len = body->len - (size_t)offset;
    return body->ptr + offset;
}

/* The allocations of one body, fed in pieces of `step`. */
static unsigned long count_body(struct match_db *db, struct slice body, size_t step,
                                enum match_status *out_status)
{
    static struct match_body matcher;
    const unsigned long before = allocations;
    struct match_finding finding;
    enum match_status status = MATCH_CLEAN;

    if (!match_body_begin(&matcher, db, (struct match_source){bytes_at, &body})) {
        abort();
    }
    for (size_t at = 0; at < body.len && status == MATCH_CLEAN; at += step) {
        status = match_body_feed(&matcher, slice_from(body.ptr + at, MIN_OF(step, body.len - at)),
                                 &finding);
    }
    if (status == MATCH_CLEAN) {
        do {
            status = match_body_end(&matcher, &finding);
        } while (status == MATCH_AGAIN);
    }
    match_body_fini(&matcher);
    *out_status = status;
    return allocations - before;
}

static void add_hashes(struct match_builder *builder, uint64_t size)
{
    static const char digits[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const size_t lens[] = {32, 40, 64};

    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        const struct slice hex = slice_from(digits, lens[i]);

        cr_assert_eq(match_builder_add_hash(builder, SLICE_OF("Hash"), hex, size, false), 0);
        cr_assert_eq(match_builder_add_hash(builder, SLICE_OF("Hash"), hex, UINT64_MAX, false), 0);
    }
}

Test(match_memory, feeding_a_body_allocates_nothing)
{
    struct match_builder *builder = kit_builder();
    static uint8_t bytes[100000];
    const struct slice body = slice_from(bytes, sizeof(bytes));
    enum match_status status;

    cr_assert_eq(kit_add(builder, "Plain", 0, "*", "506c61696e4d61726b6572"), 0);
    cr_assert_eq(kit_add(builder, "Chain", 0, "*", "416c706861*47616d6d61{2-900}44656c7461"), 0);
    cr_assert_eq(kit_add(builder, "Pe", 1, "EOF-9", "506553697a65"), 0);
    add_hashes(builder, sizeof(bytes));
    struct kit_set set = kit_open(builder, 2);

    memset(bytes, '.', sizeof(bytes));
    for (size_t at = 0; at + 100 < sizeof(bytes); at += 700) {
        memcpy(bytes + at, "Alpha Gamma", 11);
    }
    for (size_t step = 1; step < sizeof(bytes) * 8; step *= 8) {
        cr_assert_eq(count_body(set.db, body, step, &status), 0, "step %zu", step);
        cr_assert_eq(status, MATCH_CLEAN);
    }
    memcpy(bytes + sizeof(bytes) - 11, "PlainMarker", 11);
    cr_assert_eq(count_body(set.db, body, 4096, &status), 0);
    cr_assert_eq(status, MATCH_FOUND);
    /* The counter counts. */
    const unsigned long before = allocations;
    void *volatile probe = malloc(10);

    free(probe);
    cr_assert_eq(allocations - before, MEMORY_COUNTED);
    kit_close(&set);
}
