/* SPDX-License-Identifier: MIT */
#include "match/scan_gram_build.h"

#include "base/assert.h"
#include "base/err.h"
#include "match/rarity.h"

#include <stdlib.h>
#include <string.h>

/*
 * What share of the positions may be expected to pass the filter rightly, in units of 2^-26: a
 * look-up and a comparison are worth some twenty positions. Strings with grams commoner than
 * GRAM_SCORE_MIN are not worth any, those rarer than GRAM_SCORE_GOOD are not counted.
 */
#define GRAM_BUDGET_LOG2 26
#define GRAM_BUDGET      (UINT32_C(1) << (GRAM_BUDGET_LOG2 - 6))
#define GRAM_SCORE_MIN   (11 * RARITY_PER_BIT)
#define GRAM_SCORE_GOOD  (24 * RARITY_PER_BIT)

/* A set is not folded for the sake of fewer than one in so many strings. */
#define GRAM_FOLD_SHARE 256

/* Bits of the filter for each gram: a density of one in sixteen, two bits a gram. */
#define GRAM_FILTER_BITS 32

static int gram_no_memory(void)
{
    return ERR_NEW(-ENOMEM);
}

static uint32_t log2_at_least(uint64_t value, uint32_t min, uint32_t max)
{
    uint32_t log2 = min;

    while (log2 < max && (UINT64_C(1) << log2) < value) {
        log2++;
    }
    return log2;
}

static uint64_t string_key(const struct gram_header *header, const struct scan_string *string,
                           unsigned at)
{
    uint8_t padded[SCAN_STRING_MAX + sizeof(uint64_t)] = {0};
    uint64_t bytes;

    memcpy(padded, string->bytes, string->len);
    memcpy(&bytes, padded + at, sizeof(bytes));
    return gram_key(header, bytes);
}

/* ---- Grams and how many strings they belong to ---- */

struct gram_count {
    uint64_t key;
    uint32_t len;  /* 0: free. */
    uint32_t used; /* While a part is made: entries written, from `entry` on. */
    uint32_t entry;
    uint32_t pad;
};

struct gram_counts {
    struct gram_count *rows;
    uint32_t log2;
};

static int counts_init(struct gram_counts *counts, uint64_t grams)
{
    counts->log2 = log2_at_least(grams * 2, GRAM_SLOTS_LOG2_MIN, GRAM_SLOTS_LOG2_MAX);
    counts->rows = calloc(UINT64_C(1) << counts->log2, sizeof(*counts->rows));
    return counts->rows ? 0 : gram_no_memory();
}

/* The row of the key, or the free one where it would be. */
static struct gram_count *counts_find(const struct gram_counts *counts, uint64_t key)
{
    const uint64_t mask = (UINT64_C(1) << counts->log2) - 1;
    uint64_t at = gram_slot_hash(key) >> (64 - counts->log2);

    while (counts->rows[at].len > 0 && counts->rows[at].key != key) {
        at = (at + 1) & mask;
    }
    return &counts->rows[at];
}

static void counts_add(const struct gram_counts *counts, uint64_t key)
{
    struct gram_count *row = counts_find(counts, key);

    row->key = key;
    row->len++;
}

/* ---- Choosing ---- */

struct gram_chooser {
    struct gram_header header; /* q, stride and fold. */
    struct gram_counts counts;
    uint32_t budget;
};

/* The commonest of the grams that would stand for the string from `at` on; 0 where one is shared by
 * too many. */
static uint32_t chooser_score(const struct gram_chooser *chooser, const struct scan_string *string,
                              const struct rarity_profile *profile, unsigned at)
{
    uint32_t worst = UINT32_MAX;

    for (unsigned i = at; i < at + chooser->header.stride; i++) {
        const uint32_t score = rarity_profile_of(profile, i, chooser->header.q);
        const uint64_t key = string_key(&chooser->header, string, i);

        if (counts_find(&chooser->counts, key)->len >= GRAM_SHARE_MAX) {
            return 0;
        }
        worst = MIN_OF(worst, score);
    }
    return worst;
}

/* Whether grams of that score may still be added. */
static bool chooser_pays(struct gram_chooser *chooser, uint32_t score)
{
    if (score >= GRAM_SCORE_GOOD) {
        return true;
    }
    const uint32_t price = (UINT32_C(1) << GRAM_BUDGET_LOG2) >> (score / RARITY_PER_BIT);

    if (score < GRAM_SCORE_MIN || price > chooser->budget) {
        return false;
    }
    chooser->budget -= price;
    return true;
}

static uint8_t chooser_place(struct gram_chooser *chooser, const struct scan_string *string)
{
    const uint32_t need = chooser->header.q + chooser->header.stride - 1;
    uint8_t best = GRAM_NOT_TAKEN;
    uint32_t best_score = 0;
    struct rarity_profile profile;

    if (string->len < need || (string->nocase && !chooser->header.fold)) {
        return best;
    }
    rarity_profile_init(&profile, slice_from(string->bytes, string->len),
                        chooser->header.fold != 0);
    for (unsigned at = 0; at + need <= string->len; at++) {
        const uint32_t score = chooser_score(chooser, string, &profile, at);

        if (score > best_score) {
            best_score = score;
            best = (uint8_t)at;
        }
    }
    return chooser_pays(chooser, best_score) ? best : GRAM_NOT_TAKEN;
}

/* With or without folding; `*out_taken` is the number of strings that found a place. */
static int chooser_run(const struct gram_plan *plan, bool fold, const struct scan_string *strings,
                       size_t len, uint8_t *places, size_t *out_taken)
{
    struct gram_chooser chooser = {
        .header = {.q = plan->q, .stride = plan->stride, .fold = fold},
        .budget = GRAM_BUDGET,
    };
    const int r = counts_init(&chooser.counts, (uint64_t)len * plan->stride);

    if (r) {
        return ERR_PASS(r);
    }
    *out_taken = 0;
    for (size_t i = 0; i < len; i++) {
        places[i] = chooser_place(&chooser, &strings[i]);
        *out_taken += places[i] != GRAM_NOT_TAKEN;
        for (unsigned k = 0; places[i] != GRAM_NOT_TAKEN && k < plan->stride; k++) {
            counts_add(&chooser.counts, string_key(&chooser.header, &strings[i], places[i] + k));
        }
    }
    free(chooser.counts.rows);
    return 0;
}

/* Whether it may pay to fold. */
static bool strings_have_nocase(const struct scan_string *strings, size_t len)
{
    size_t nocase = 0;

    for (size_t i = 0; i < len; i++) {
        nocase += strings[i].nocase;
    }
    return nocase > len / GRAM_FOLD_SHARE;
}

/* Folding makes all grams commoner, for the sake of strings in either case: whatever takes more. */
int gram_choose(const struct gram_plan *plan, const struct scan_string *strings, size_t len,
                uint8_t *places, bool *out_fold)
{
    uint8_t *folded = malloc(len + 1);
    size_t taken = 0;
    size_t folded_taken = 0;
    int r = folded ? chooser_run(plan, false, strings, len, places, &taken) : gram_no_memory();

    *out_fold = false;
    if (r == 0 && strings_have_nocase(strings, len)) {
        r = chooser_run(plan, true, strings, len, folded, &folded_taken);
        *out_fold = r == 0 && folded_taken > taken;
    }
    if (*out_fold) {
        memcpy(places, folded, len);
    }
    free(folded);
    return ERR_PASS(r);
}

/* ---- Making a part ---- */

struct gram_maker {
    struct gram_header *header;
    struct gram_string *strings;
    struct gram_slot *slots;
    uint32_t *entries;
    uint32_t *words;
    uint32_t entries_used;
    struct gram_counts counts;
};

static void maker_set_string(struct gram_string *out, const struct scan_string *string)
{
    uint8_t value[SCAN_STRING_MAX] = {0};
    uint8_t mask[SCAN_STRING_MAX] = {0};

    for (unsigned i = 0; i < string->len; i++) {
        const uint8_t small = string->bytes[i] | 0x20;
        const bool folds = string->nocase && small >= 'a' && small <= 'z';

        mask[i] = folds ? 0xdf : 0xff;
        value[i] = string->bytes[i] & mask[i];
    }
    memcpy(out->value, value, sizeof(value));
    memcpy(out->mask, mask, sizeof(mask));
    out->len = string->len;
}

static void maker_add_slot(struct gram_maker *maker, uint64_t key, uint32_t entry)
{
    const uint64_t mask = (UINT64_C(1) << maker->header->slots_log2) - 1;
    const uint64_t hash = gram_slot_hash(key);
    uint64_t at = hash >> (64 - maker->header->slots_log2);

    while (maker->slots[at].entry != GRAM_EMPTY) {
        at = (at + 1) & mask;
    }
    maker->slots[at] = (struct gram_slot){gram_slot_tag(hash), entry};
}

/* The first time a gram of several strings is met it takes room for all its entries. */
static void maker_add_gram(struct gram_maker *maker, uint64_t key, uint32_t entry)
{
    struct gram_count *row = counts_find(&maker->counts, key);
    const uint32_t hash = gram_hash(key);

    ASSERT(row->len > 0);
    maker->words[hash >> (32 - maker->header->words_log2)] |= gram_hash_bits(hash);
    if (row->len == 1) {
        maker_add_slot(maker, key, entry | GRAM_ENTRY_LAST);
        return;
    }
    if (row->used == 0) {
        row->entry = maker->entries_used;
        maker->entries_used += row->len;
        maker_add_slot(maker, key, row->entry);
    }
    row->used++;
    maker->entries[row->entry + row->used - 1] =
        entry | (row->used == row->len ? GRAM_ENTRY_LAST : 0);
}

static void maker_open(struct gram_maker *maker, const struct gram_header *header, uint8_t *part)
{
    const struct gram_places places = gram_place(header);

    maker->header = (struct gram_header *)(void *)part;
    maker->strings = (struct gram_string *)(void *)(part + places.strings);
    maker->slots = (struct gram_slot *)(void *)(part + places.slots);
    maker->entries = (uint32_t *)(void *)(part + places.entries);
    maker->words = (uint32_t *)(void *)(part + places.words);
    memset(part, 0, places.len);
    *maker->header = *header;
    for (uint64_t i = 0; i < UINT64_C(1) << header->slots_log2; i++) {
        maker->slots[i].entry = GRAM_EMPTY;
    }
}

static void maker_run(struct gram_maker *maker, const struct scan_string *strings,
                      const uint8_t *places, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        maker_set_string(&maker->strings[i], &strings[i]);
        for (unsigned k = 0; k < maker->header->stride; k++) {
            const unsigned at = places[i] + k;

            maker_add_gram(maker, string_key(maker->header, &strings[i], at),
                           (uint32_t)i | at << 24);
        }
    }
    ASSERT(maker->entries_used == maker->header->entries_len);
}

/* Counts how many strings each gram has; returns how many entries the shared ones need. */
static uint32_t maker_count(struct gram_maker *maker, const struct gram_header *header,
                            const struct scan_string *strings, const uint8_t *places, size_t len)
{
    uint32_t entries = 0;

    for (size_t i = 0; i < len; i++) {
        for (unsigned k = 0; k < header->stride; k++) {
            counts_add(&maker->counts, string_key(header, &strings[i], places[i] + k));
        }
    }
    for (uint64_t i = 0; i < UINT64_C(1) << maker->counts.log2; i++) {
        const uint32_t shared = maker->counts.rows[i].len;

        entries += shared > 1 ? shared : 0;
    }
    return entries;
}

int gram_make(const struct gram_plan *plan, bool fold, const struct scan_string *strings,
              const uint8_t *places, size_t len, struct slice *out_part)
{
    const uint64_t grams = (uint64_t)len * plan->stride;
    struct gram_header header = {
        .q = plan->q,
        .stride = plan->stride,
        .fold = fold,
        .words_log2 =
            log2_at_least(grams * GRAM_FILTER_BITS / 32, GRAM_WORDS_LOG2_MIN, GRAM_WORDS_LOG2_MAX),
        .slots_log2 = log2_at_least(grams * 3 / 2, GRAM_SLOTS_LOG2_MIN, GRAM_SLOTS_LOG2_MAX),
        .strings_len = (uint32_t)len,
    };
    struct gram_maker maker = {0};

    ASSERT(len > 0);
    ASSERT(len <= GRAM_ENTRY_STRING(UINT32_MAX));
    int r = counts_init(&maker.counts, grams);

    if (r) {
        return ERR_PASS(r);
    }
    header.entries_len = maker_count(&maker, &header, strings, places, len);
    const uint64_t part_len = gram_place(&header).len;
    uint8_t *part = aligned_alloc(SCAN_ALIGN, part_len);

    if (part) {
        maker_open(&maker, &header, part);
        maker_run(&maker, strings, places, len);
        *out_part = slice_from(part, part_len);
    }
    free(maker.counts.rows);
    return part ? 0 : gram_no_memory();
}
