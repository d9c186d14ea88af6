/* SPDX-License-Identifier: MIT */
#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/slice.h"
#include "base/text.h"
#include "base/unmap.h"
#include "base/wheel.h"

#include <criterion/criterion.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

Test(slice, splits_at_the_first_separator)
{
    struct slice rest = SLICE_OF("a:b:c");

    cr_assert(slice_equal(slice_split(&rest, ':'), SLICE_OF("a")));
    cr_assert(slice_equal(rest, SLICE_OF("b:c")));
    cr_assert(slice_equal(slice_split(&rest, '/'), SLICE_OF("b:c")));
    cr_assert_eq(rest.len, 0);
}

Test(slice, parses_numbers_up_to_64_bits)
{
    static const struct {
        const char *text;
        bool good;
        uint64_t value;
    } rows[] = {
        {"0", true, 0},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"1 ", false, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t value = 0;

        cr_assert_eq(slice_parse_u64(slice_from_str(rows[i].text), &value), rows[i].good, "%s",
                     rows[i].text);
        cr_assert_eq(value, rows[i].value, "%s", rows[i].text);
    }
}

Test(slice, parses_hexadecimal_digits_of_one_length)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"0aF9", true}, {"0A", false},   {"0af9a", false}, {"0af9aa", false},
        {"", false},    {"0ag9", false}, {"0a 9", false},  {"0x19", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[2];

        cr_assert_eq(slice_parse_hex(slice_from_str(rows[i].text), bytes, sizeof(bytes)),
                     rows[i].good, "%s", rows[i].text);
        if (rows[i].good) {
            cr_assert_eq(bytes[0], 0x0a);
            cr_assert_eq(bytes[1], 0xf9);
        }
    }
    cr_assert(slice_parse_hex(slice_from(NULL, 0), NULL, 0));
}

Test(slice, compares_without_case_in_ascii_only)
{
    cr_assert(slice_equal_nocase(SLICE_OF("SymcScan-[@]"), SLICE_OF("SYMCSCAN-[@]")));
    cr_assert_not(slice_equal_nocase(SLICE_OF("["), SLICE_OF("{")));
    cr_assert(slice_equal(slice_trim(SLICE_OF(" \t a b \t")), SLICE_OF("a b")));
}

Test(arena, overflow_is_sticky_until_reset)
{
    _Alignas(16) uint8_t block[64];
    struct arena arena;

    arena_init(&arena, block, sizeof(block));
    cr_assert_not_null(arena_alloc(&arena, 33));
    cr_assert_null(arena_alloc(&arena, 32));
    cr_assert(arena.overflowed);
    cr_assert_null(arena_alloc(&arena, SIZE_MAX));
    arena_reset(&arena);
    cr_assert_not(arena.overflowed);
    cr_assert_str_eq(arena_copy(&arena, "abc", 3), "abc");
    arena_reset(&arena);
}

Test(text, overflow_writes_nothing_and_is_remembered)
{
    char block[8];
    struct text text = text_over(block, sizeof(block));

    TEXT_PUT(&text, "12345");
    TEXT_PUT(&text, "6789");
    cr_assert(text.overflowed);
    cr_assert_eq(text.len, 5);
    text_put_hex(&text, 0x20d);
    cr_assert(slice_equal(text_slice(&text), SLICE_OF("1234520d")));
}

Test(clock, writes_the_date_of_rfc_7231)
{
    char date[CLOCK_DATE_CAP];

    clock_format_date(784111777, date);
    cr_assert_str_eq(date, "Sun, 06 Nov 1994 08:49:37 GMT");
}

Test(pool, hands_out_the_last_slot_first_and_no_more_than_its_cap)
{
    struct pool pool;

    cr_assert_eq(pool_open(&pool, 100, 2), 0);
    void *a = pool_take(&pool);
    void *b = pool_take(&pool);

    cr_assert_not_null(a);
    cr_assert_not_null(b);
    cr_assert_null(pool_take(&pool));
    pool_give(&pool, a);
    cr_assert_eq(pool_take(&pool), a);
    cr_assert_eq(pool_index(&pool, b), 1);
    pool_close(&pool);
}

static bool is_mapped(const void *ptr)
{
    unsigned char there;

    return mincore((void *)((uintptr_t)ptr & ~(uintptr_t)4095), 1, &there) == 0;
}

Test(pool, is_closed_piece_by_piece_from_its_end)
{
    struct pool pool;
    unsigned slices = 1;

    cr_assert_eq(pool_open(&pool, KIB(64), 1000), 0);
    const uint8_t *base = pool.base;

    for (unsigned i = 0; i < 40; i++) {
        memset(pool_take(&pool), 1, KIB(64));
    }
    pool.used = 0;
    while (!pool_close_slice(&pool)) {
        slices++;
        cr_assert(is_mapped(base));
        cr_assert_not(is_mapped(base + 40 * KIB(64)), "untouched slots go first");
    }
    cr_assert_eq(slices, 40 * KIB(64) / UNMAP_SLICE_BYTES);
    cr_assert_not(is_mapped(base));
    cr_assert(pool_close_slice(&pool), "nothing is left");
}

Test(pool, one_that_was_never_used_is_closed_at_once)
{
    struct pool pool;

    cr_assert_eq(pool_open(&pool, 100, 1000000), 0);
    const uint8_t *base = pool.base;

    cr_assert(pool_close_slice(&pool));
    cr_assert_not(is_mapped(base));
}

Test(unmap, takes_pieces_off_the_end)
{
    static const size_t lens[] = {1,
                                  4096,
                                  UNMAP_SLICE_BYTES - 1,
                                  UNMAP_SLICE_BYTES,
                                  UNMAP_SLICE_BYTES + 1,
                                  3 * UNMAP_SLICE_BYTES + 5000};

    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        size_t len = lens[i];
        uint8_t *base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        size_t pieces = 1;

        cr_assert_neq(base, MAP_FAILED);
        while (!unmap_slice(base, &len)) {
            pieces++;
            cr_assert(is_mapped(base + len - 1));
            cr_assert_not(is_mapped(base + ((len + 4095) & ~(size_t)4095)));
        }
        cr_assert_eq(len, 0);
        cr_assert_eq(pieces, (lens[i] + UNMAP_SLICE_BYTES - 1) / UNMAP_SLICE_BYTES);
        cr_assert_not(is_mapped(base));
        cr_assert(unmap_slice(base, &len), "nothing is left");
    }
}

Test(pool, a_foreign_slot_is_a_bug, .signal = SIGABRT)
{
    struct pool pool;

    cr_assert_eq(pool_open(&pool, 64, 2), 0);
    uint8_t *slot = pool_take(&pool);

    pool_give(&pool, slot + 64);
}

static unsigned wheel_fired;
static struct wheel wheel_under_test;

static void wheel_count(struct wheel_timer *timer)
{
    (void)timer;
    wheel_fired++;
}

static void wheel_rearm(struct wheel_timer *timer)
{
    wheel_fired++;
    wheel_set(&wheel_under_test, timer, 0);
}

Test(wheel, fires_never_early_and_at_most_one_slot_late)
{
    struct wheel_timer timer;

    wheel_fired = 0;
    wheel_init(&wheel_under_test, 0);
    wheel_timer_init(&timer, wheel_count);
    for (uint64_t due = 0; due < 3 * WHEEL_SLOTS * WHEEL_TICK_NS; due += 777 * NS_PER_MS) {
        wheel_init(&wheel_under_test, 0);
        wheel_fired = 0;
        wheel_set(&wheel_under_test, &timer, due);
        wheel_run(&wheel_under_test, due);
        cr_assert_eq(wheel_fired, 0);
        wheel_run(&wheel_under_test, due + WHEEL_TICK_NS);
        cr_assert_eq(wheel_fired, 1);
        cr_assert_eq(wheel_wait_ns(&wheel_under_test), UINT64_MAX);
    }
}

Test(wheel, survives_long_pauses_clears_and_timers_that_rearm)
{
    struct wheel_timer kept;
    struct wheel_timer cleared;

    wheel_fired = 0;
    wheel_init(&wheel_under_test, 5 * NS_PER_SEC);
    wheel_timer_init(&kept, wheel_rearm);
    wheel_timer_init(&cleared, wheel_count);
    wheel_set(&wheel_under_test, &kept, 6 * NS_PER_SEC);
    wheel_set(&wheel_under_test, &cleared, 6 * NS_PER_SEC);
    wheel_clear(&wheel_under_test, &cleared);
    wheel_clear(&wheel_under_test, &cleared);
    wheel_run(&wheel_under_test, 1000 * NS_PER_SEC);
    cr_assert_geq(wheel_fired, 1);
    cr_assert_eq(wheel_under_test.armed, 1);
}
