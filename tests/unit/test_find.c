/* SPDX-License-Identifier: MIT */
#include "match/find.h"
#include "match/marks.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static uint64_t random_state = 0xf1d;

static unsigned random_below(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state >> 33) % limit;
}

/* ---- find ---- */

static size_t walk(const uint8_t *ptr, size_t len, const struct find_needle *needle)
{
    for (size_t i = 0; i < len; i++) {
        bool here = true;

        for (unsigned k = 0; k < FIND_BYTES; k++) {
            here &= (ptr[i + needle->at[k]] | needle->fold[k]) == needle->value[k];
        }
        if (here) {
            return i;
        }
    }
    return len;
}

static struct find_needle needle_make(void)
{
    struct find_needle needle = {0};

    for (unsigned k = 0; k < FIND_BYTES; k++) {
        needle.value[k] = (uint8_t) "abab@`\x80\xff"[random_below(8)];
        needle.fold[k] =
            needle.value[k] >= 'a' && needle.value[k] <= 'b' && random_below(2) ? 0x20 : 0;
        needle.at[k] = random_below(random_below(4) > 0 ? 4 : 40);
        needle.span = MAX_OF(needle.span, needle.at[k]);
    }
    return needle;
}

/* Every byte that may be read, and none behind it, lies in its own block. */
Test(find, both_ways_find_what_a_plain_walk_finds)
{
    const find_fn chosen = find_choose();
    unsigned found = 0;

    for (unsigned round = 0; round < 20000; round++) {
        const struct find_needle needle = needle_make();
        const size_t len = random_below(300);
        uint8_t *bytes = malloc(len + needle.span + 1);

        cr_assert_not_null(bytes);
        for (size_t i = 0; i < len + needle.span; i++) {
            bytes[i] = (uint8_t) "abAB@`\x80\xff"[random_below(8)];
        }
        const size_t expected = walk(bytes, len, &needle);

        cr_assert_eq(find_plain(bytes, len, &needle), expected);
        cr_assert_eq(chosen(bytes, len, &needle), expected);
        found += expected < len;
        free(bytes);
    }
    cr_assert_gt(found, 1000);
    cr_assert_lt(found, 19000);
}

/* ---- marks ---- */

#define MARKS_BITS 10000

/* With few words and with more than are remembered. */
Test(find, marks_are_found_in_order_and_cleared)
{
    static const unsigned counts[] = {0, 1, 5, 40, 400};

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        static uint64_t words[(MARKS_BITS + 63) / 64];
        static bool set[MARKS_BITS];
        struct marks marks;
        uint32_t bit = 0;

        memset(set, 0, sizeof(set));
        marks_init(&marks, words, MARKS_BITS);
        for (unsigned k = 0; k < counts[i]; k++) {
            const uint32_t at = random_below(MARKS_BITS);

            marks_add(&marks, at);
            set[at] = true;
            if (k % 7 == 3) {
                marks_remove(&marks, at);
                set[at] = false;
            }
        }
        for (uint32_t at = 0; at < MARKS_BITS; at++) {
            cr_assert_eq(marks_has(&marks, at), set[at]);
            if (set[at]) {
                cr_assert(marks_next(&marks, &bit));
                cr_assert_eq(bit, at);
                bit++;
            }
        }
        cr_assert(!marks_next(&marks, &bit));
        marks_clear(&marks);
        for (size_t k = 0; k < ARRAY_LEN(words); k++) {
            cr_assert_eq(words[k], 0);
        }
    }
}
