/* SPDX-License-Identifier: MIT */
#include "match/trigger.h"

#include "base/assert.h"
#include "match/rarity.h"

#define TRIGGER_LEN_MIN    2
#define TRIGGER_LEN_PLAIN  3                     /* Of a window that is preferred to a union. */
#define TRIGGER_SCORE_MIN  (17 * RARITY_PER_BIT) /* Rarer than once in 100 KB. */
#define TRIGGER_RUN_MAX    3                     /* Equal bytes at the end. */
#define TRIGGER_UNION_COST RARITY_PER_BIT        /* For each doubling of the number of strings. */
#define TRIGGER_SET_MAX    16

/*
 * Hyperscan's filter sees the last eight bytes; the others only spare hits, and count a quarter.
 * The stage that samples grams takes strings of eleven bytes and more of which four shifted grams
 * are rare. What is rarer than some bounds gains nothing by being rarer still; then the longer one
 * is better.
 */
#define TRIGGER_FILTER_LEN  8
#define TRIGGER_GRAM_LEN    8
#define TRIGGER_GRAM_SHIFTS 4
#define TRIGGER_GRAMS_LEN   (TRIGGER_GRAM_LEN + TRIGGER_GRAM_SHIFTS - 1)
#define TRIGGER_SCORE_GOOD  (40 * RARITY_PER_BIT)
#define TRIGGER_GRAMS_GOOD  (28 * RARITY_PER_BIT)

double trigger_hits_per_mb(uint32_t score)
{
    /* 2^(-i/8) */
    static const double eighths[8] = {1,          0.91700404, 0.84089642, 0.77110541,
                                      0.70710678, 0.64841978, 0.59460356, 0.54525387};
    const unsigned bits = MIN_OF(score / 8, 63);

    return 1e6 * eighths[score % 8] / (double)(UINT64_C(1) << bits);
}

size_t trigger_rarest(struct slice bytes)
{
    size_t best = 0;

    for (size_t i = 1; i < bytes.len; i++) {
        if (rarity_of_byte(bytes.ptr[i]) > rarity_of_byte(bytes.ptr[best])) {
            best = i;
        }
    }
    return best;
}

/* ---- What a string is worth ---- */

struct worth {
    uint32_t score; /* 0: the string must not be a trigger. */
    uint32_t merit; /* What decides between strings. */
};

/* The commonest of four shifted grams, where that is best. */
static uint32_t grams_score(const struct rarity_profile *profile, size_t first, size_t len)
{
    uint32_t best = 0;

    for (size_t at = first; at + TRIGGER_GRAMS_LEN <= first + len; at++) {
        uint32_t worst = UINT32_MAX;

        for (unsigned i = 0; i < TRIGGER_GRAM_SHIFTS; i++) {
            worst = MIN_OF(worst, rarity_profile_of(profile, at + i, TRIGGER_GRAM_LEN));
        }
        best = MAX_OF(best, worst);
    }
    return best;
}

static bool string_is_run(const uint8_t *bytes, size_t len)
{
    const uint8_t last = bytes[len - 1];
    size_t run = 0;

    while (run < len && bytes[len - 1 - run] == last) {
        run++;
    }
    return run == len || run > TRIGGER_RUN_MAX;
}

/* Of bytes [first, first + len) of what was measured. */
static struct worth string_worth(const struct rarity_profile *profile, size_t first, size_t len)
{
    const size_t tail = MIN_OF(len, TRIGGER_FILTER_LEN);

    if (string_is_run(profile->bytes.ptr + first, len)) {
        return (struct worth){0};
    }
    const uint32_t filter = rarity_profile_of(profile, first + len - tail, tail);
    const uint32_t all = rarity_profile_of(profile, first, len);
    const uint32_t grams = grams_score(profile, first, len);
    const uint32_t score = (3 * filter + MAX_OF(all, filter)) / 4;

    return (struct worth){
        .score = score,
        .merit = MIN_OF(score, TRIGGER_SCORE_GOOD) + MIN_OF(grams, TRIGGER_GRAMS_GOOD) / 2 +
                 (uint32_t)len,
    };
}

/* A union is as rare as its commonest member, and each member costs. */
static struct worth window_worth(const struct trigger *window)
{
    struct worth worst = {UINT32_MAX, UINT32_MAX};
    uint32_t cost = 0;

    for (uint32_t i = 0; i < window->strings_len; i++) {
        const struct trigger_string *string = &window->strings[i];
        struct rarity_profile profile;

        rarity_profile_init(&profile, slice_from(string->bytes, string->len), window->nocase);
        const struct worth worth = string_worth(&profile, 0, string->len);

        worst.score = MIN_OF(worst.score, worth.score);
        worst.merit = MIN_OF(worst.merit, worth.merit);
    }
    for (uint32_t n = 1; n < window->strings_len; n *= 2) {
        cost += TRIGGER_UNION_COST;
    }
    return (struct worth){
        .score = worst.score > cost ? worst.score - cost : 0,
        .merit = worst.merit > 2 * cost ? worst.merit - 2 * cost : 0,
    };
}

static uint32_t window_len_min(const struct trigger *window)
{
    uint32_t len = TRIGGER_LEN_MAX;

    for (uint32_t i = 0; i < window->strings_len; i++) {
        len = MIN_OF(len, window->strings[i].len);
    }
    return len;
}

static bool op_has_bytes(const struct program_op *op)
{
    return op->kind == PROGRAM_BYTES || op->kind == PROGRAM_NOCASE;
}

static bool byte_is_letter(uint8_t byte)
{
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static const struct program_op *op_at(const struct pattern *pattern, uint32_t index)
{
    return vec_at(&pattern->ops, index);
}

/* ---- What one operation can be ---- */

/* `count` strings, or 0 when there are too many or they are too long. */
struct unit {
    uint32_t count;
    bool nocase;
    struct trigger_string strings[TRIGGER_SET_MAX];
};

static void unit_add(struct unit *unit, const uint8_t *bytes, uint32_t len)
{
    struct trigger_string *string = &unit->strings[unit->count++];

    memcpy(string->bytes, bytes, len);
    string->len = (uint8_t)len;
}

static void unit_of_set(struct unit *unit, const struct program_set *set)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        const uint8_t value = (uint8_t)byte;

        if (!program_set_has(set, value)) {
            continue;
        }
        if (unit->count == TRIGGER_SET_MAX) {
            unit->count = 0;
            return;
        }
        unit_add(unit, &value, 1);
    }
}

static void unit_of_either(struct unit *unit, const struct pattern *pattern,
                           const struct program_op *op)
{
    if (op->negated || op->count > TRIGGER_SET_MAX || op->max > TRIGGER_LEN_MAX) {
        return;
    }
    for (uint32_t i = 0; i < op->count; i++) {
        const struct program_branch *branch = vec_at(&pattern->branches, op->at + i);
        const struct program_op *inner = op_at(pattern, branch->op_first);

        if (branch->op_len != 1 || inner->kind != PROGRAM_BYTES) {
            unit->count = 0;
            return;
        }
        unit_add(unit, vec_at(&pattern->bytes, inner->at), inner->len);
    }
}

/* The strings of one operation; of a row of bytes that of the byte `byte`. */
static struct unit unit_of(const struct pattern *pattern, const struct program_op *op,
                           uint32_t byte)
{
    struct unit unit = {0};

    if (op_has_bytes(op)) {
        const uint8_t *ptr = vec_at(&pattern->bytes, op->at + byte);

        unit_add(&unit, ptr, 1);
        unit.nocase = op->kind == PROGRAM_NOCASE && byte_is_letter(*ptr);
    } else if (op->kind == PROGRAM_SET) {
        unit_of_set(&unit, vec_at(&pattern->sets, op->at));
    } else if (op->kind == PROGRAM_EITHER) {
        unit_of_either(&unit, pattern, op);
    }
    return unit;
}

/* ---- Windows ---- */

/* Puts the unit in front of every string; false when the window would grow too large. */
static bool window_prepend(struct trigger *window, const struct unit *unit)
{
    const struct trigger old = *window;

    if (unit->count == 0 || unit->count * old.strings_len > TRIGGER_UNION_MAX) {
        return false;
    }
    window->strings_len = 0;
    for (uint32_t i = 0; i < unit->count * old.strings_len; i++) {
        const struct trigger_string *head = &unit->strings[i / old.strings_len];
        const struct trigger_string *tail = &old.strings[i % old.strings_len];
        struct trigger_string *joined = &window->strings[window->strings_len++];

        if (head->len + tail->len > TRIGGER_LEN_MAX) {
            *window = old;
            return false;
        }
        memcpy(joined->bytes, head->bytes, head->len);
        memcpy(joined->bytes + head->len, tail->bytes, tail->len);
        joined->len = (uint8_t)(head->len + tail->len);
    }
    window->nocase |= unit->nocase;
    return true;
}

/* Small letters; strings that are equal then stay equal, which only costs room. */
static void window_fold(struct trigger *window)
{
    for (uint32_t i = 0; i < window->strings_len; i++) {
        struct trigger_string *string = &window->strings[i];

        for (unsigned k = 0; k < string->len; k++) {
            if (byte_is_letter(string->bytes[k])) {
                string->bytes[k] |= 0x20;
            }
        }
    }
}

/* The best window so far. */
struct search {
    struct trigger *best;
    uint32_t merit;
    const struct pattern *pattern;
};

static void search_take(struct search *search, struct trigger *window, struct worth worth)
{
    if (worth.score > 0 && worth.merit > search->merit) {
        search->merit = worth.merit;
        window->score = worth.score;
        *search->best = *window;
    }
}

static void window_consider(struct search *search, const struct trigger *window)
{
    struct trigger folded = *window;

    if (window_len_min(window) < TRIGGER_LEN_MIN) {
        return;
    }
    if (window->nocase) {
        window_fold(&folded);
    }
    search_take(search, &folded, window_worth(&folded));
}

/* Grows a window leftwards from its end over whatever has few enough strings. */
static void window_grow(struct search *search, struct trigger *window, uint32_t op_first)
{
    const struct pattern *pattern = search->pattern;
    uint32_t op = window->op;
    uint32_t left = window->op_end;

    for (;;) {
        const struct program_op *at = op_at(pattern, op);
        const struct unit unit = unit_of(pattern, at, left - 1);

        if (!window_prepend(window, &unit)) {
            return;
        }
        window_consider(search, window);
        left = op_has_bytes(at) ? left - 1 : 0;
        if (left > 0) {
            continue;
        }
        if (op == op_first) {
            return;
        }
        op--;
        left = op_has_bytes(op_at(pattern, op)) ? op_at(pattern, op)->len : 1;
    }
}

static void cluster_choose_union(struct search *search, uint32_t cluster)
{
    const struct program_cluster *row = vec_at(&search->pattern->clusters, cluster);

    for (uint32_t i = 0; i < row->op_len; i++) {
        const struct program_op *op = op_at(search->pattern, row->op_first + i);
        const uint32_t ends = op_has_bytes(op) ? op->len : 1;

        for (uint32_t end = 1; end <= ends; end++) {
            struct trigger window;

            window.cluster = cluster;
            window.op = row->op_first + i;
            window.op_end = end;
            window.nocase = false;
            window.strings_len = 1;
            window.strings[0].len = 0;
            window_grow(search, &window, row->op_first);
        }
    }
}

/* ---- Plain windows ---- */

static void plain_take(struct search *search, const struct rarity_profile *profile, size_t end,
                       struct trigger *window)
{
    const size_t len = MIN_OF(end, TRIGGER_LEN_MAX);
    const struct worth worth = string_worth(profile, end - len, len);

    if (worth.merit <= search->merit) {
        return;
    }
    struct trigger_string *string = &window->strings[0];

    memcpy(string->bytes, profile->bytes.ptr + end - len, len);
    string->len = (uint8_t)len;
    window->strings_len = 1;
    window->nocase = false;
    for (size_t i = 0; profile->nocase && i < len; i++) {
        window->nocase |= byte_is_letter(string->bytes[i]);
    }
    search_take(search, window, worth);
}

/* All windows of a row of bytes, measured in stretches that overlap by a window. */
static void op_choose_plain(struct search *search, struct trigger *window,
                            const struct program_op *op)
{
    const uint8_t *ptr = vec_at(&search->pattern->bytes, op->at);
    struct rarity_profile profile;
    size_t base = 0;
    size_t end = TRIGGER_LEN_PLAIN;

    while (end <= op->len) {
        const size_t len = MIN_OF(op->len - base, RARITY_PROFILE_MAX);

        rarity_profile_init(&profile, slice_from(ptr + base, len), op->kind == PROGRAM_NOCASE);
        for (; end <= base + len; end++) {
            window->op_end = (uint32_t)end;
            plain_take(search, &profile, end - base, window);
        }
        base += len - TRIGGER_LEN_MAX + 1;
    }
}

static void cluster_choose_plain(struct search *search, uint32_t cluster)
{
    const struct program_cluster *row = vec_at(&search->pattern->clusters, cluster);
    struct trigger window;

    for (uint32_t i = 0; i < row->op_len; i++) {
        const struct program_op *op = op_at(search->pattern, row->op_first + i);

        window.cluster = cluster;
        window.op = row->op_first + i;
        if (op_has_bytes(op)) {
            op_choose_plain(search, &window, op);
        }
    }
}

bool trigger_choose(struct trigger *out, const struct pattern *pattern)
{
    struct search search = {.best = out, .pattern = pattern};
    const uint32_t clusters = (uint32_t)pattern->clusters.len;

    out->score = 0;
    out->strings_len = 0;
    out->nocase = false;
    for (uint32_t i = 0; i < clusters; i++) {
        cluster_choose_plain(&search, i);
    }
    for (uint32_t i = 0; out->score < TRIGGER_SCORE_MIN && i < clusters; i++) {
        cluster_choose_union(&search, i);
    }
    return out->score >= TRIGGER_SCORE_MIN;
}
