/* SPDX-License-Identifier: MIT */
#include "match/trigger.h"

#include "base/assert.h"

/*
 * How rare each byte is, in eighths of a bit: -8 log2 of its share in 30 MB of programs and
 * libraries or in 30 MB of scripts, headers and pages, whichever is larger; capped at ten bits.
 */
static const uint8_t byte_rarity[256] = {
    16, 48, 57, 61, 59, 60, 69, 67, 52, 65, 42, 73, 69, 73, 61, 46, /* 00 */
    58, 73, 71, 80, 74, 73, 80, 80, 63, 80, 80, 80, 79, 80, 80, 60, /* 10 */
    21, 80, 63, 61, 46, 70, 80, 61, 52, 52, 52, 80, 53, 59, 57, 54, /* 20 */
    56, 58, 61, 65, 68, 68, 67, 75, 68, 66, 65, 62, 63, 63, 61, 80, /* 30 */
    63, 51, 67, 56, 54, 51, 65, 67, 35, 55, 80, 74, 53, 64, 55, 56, /* 40 */
    58, 80, 56, 50, 52, 67, 73, 79, 68, 77, 78, 72, 71, 69, 80, 37, /* 50 */
    73, 40, 57, 44, 45, 33, 49, 55, 50, 39, 80, 59, 43, 52, 38, 41, /* 60 */
    48, 80, 40, 39, 36, 49, 57, 66, 61, 58, 80, 79, 69, 74, 80, 78, /* 70 */
    65, 74, 80, 54, 57, 55, 78, 80, 73, 42, 80, 47, 79, 51, 80, 80, /* 80 */
    69, 80, 80, 80, 80, 80, 80, 80, 79, 80, 80, 80, 80, 80, 80, 80, /* 90 */
    77, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, 80, /* a0 */
    78, 80, 80, 80, 80, 80, 72, 80, 73, 80, 74, 80, 79, 80, 74, 76, /* b0 */
    56, 67, 73, 63, 70, 74, 71, 63, 75, 75, 80, 80, 77, 80, 80, 80, /* c0 */
    70, 80, 73, 80, 80, 80, 80, 80, 74, 80, 80, 78, 80, 80, 80, 70, /* d0 */
    70, 80, 77, 80, 80, 80, 78, 76, 50, 61, 78, 67, 74, 77, 78, 72, /* e0 */
    71, 80, 78, 77, 80, 80, 71, 75, 65, 78, 74, 70, 70, 67, 61, 37, /* f0 */
};

/* Bytes that the filter sees, and what the others weigh in percent: they only spare callbacks. */
#define TRIGGER_FILTER_LEN  8
#define TRIGGER_REST_WEIGHT 25

/* A byte that stands in the window already says little: this percentage of its rarity counts. */
#define TRIGGER_REPEAT_WEIGHT 40

#define TRIGGER_LEN_MIN    2
#define TRIGGER_LEN_PLAIN  3       /* A plain window of this length is preferred to a union. */
#define TRIGGER_SCORE_MIN  (9 * 8) /* Rarer than once in 500 bytes by the table. */
#define TRIGGER_RUN_MAX    3       /* Equal bytes at the end. */
#define TRIGGER_UNION_COST 16      /* For each doubling of the number of strings. */
#define TRIGGER_SET_MAX    16

size_t trigger_rarest(struct slice bytes)
{
    size_t best = 0;

    for (size_t i = 1; i < bytes.len; i++) {
        if (byte_rarity[bytes.ptr[i]] > byte_rarity[bytes.ptr[best]]) {
            best = i;
        }
    }
    return best;
}

/* Zero for a string that must not be a trigger. */
static uint32_t string_score(const struct trigger_string *string)
{
    const uint8_t last = string->bytes[string->len - 1];
    uint32_t score = 0;
    unsigned run = 0;

    while (run < string->len && string->bytes[string->len - 1 - run] == last) {
        run++;
    }
    if (run == string->len || run > TRIGGER_RUN_MAX) {
        return 0;
    }
    for (unsigned i = 0; i < string->len; i++) {
        const uint8_t byte = string->bytes[i];
        uint32_t rarity = (uint32_t)byte_rarity[byte] * 100;

        if (memchr(string->bytes, byte, i)) {
            rarity = rarity * TRIGGER_REPEAT_WEIGHT / 100;
        }
        if (i + TRIGGER_FILTER_LEN < string->len) {
            rarity = rarity * TRIGGER_REST_WEIGHT / 100;
        }
        score += rarity;
    }
    return score / 100;
}

/* A union is as rare as its commonest member, and each member costs. */
static uint32_t window_score(const struct trigger *window)
{
    uint32_t worst = UINT32_MAX;
    uint32_t cost = 0;

    for (uint32_t i = 0; i < window->strings_len; i++) {
        worst = MIN_OF(worst, string_score(&window->strings[i]));
    }
    for (uint32_t n = 1; n < window->strings_len; n *= 2) {
        cost += TRIGGER_UNION_COST;
    }
    return worst > cost ? worst - cost : 0;
}

static uint32_t window_len_min(const struct trigger *window)
{
    uint32_t len = TRIGGER_LEN_MAX;

    for (uint32_t i = 0; i < window->strings_len; i++) {
        len = MIN_OF(len, window->strings[i].len);
    }
    return len;
}

static const struct program_op *op_at(const struct pattern *pattern, uint32_t index)
{
    return vec_at(&pattern->ops, index);
}

/* ---- What one operation can be ---- */

/* `count` strings, or 0 when there are too many or they are too long. */
struct unit {
    uint32_t count;
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

/* The strings of one operation; of BYTES those of the byte `byte`. */
static struct unit unit_of(const struct pattern *pattern, const struct program_op *op,
                           uint32_t byte)
{
    struct unit unit = {0};

    if (op->kind == PROGRAM_BYTES) {
        unit_add(&unit, vec_at(&pattern->bytes, op->at + byte), 1);
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
    return true;
}

static void window_consider(struct trigger *best, struct trigger *window, bool plain)
{
    const uint32_t len_min = plain ? TRIGGER_LEN_PLAIN : TRIGGER_LEN_MIN;

    if (window_len_min(window) < len_min) {
        return;
    }
    window->score = window_score(window);
    if (window->score > best->score) {
        *best = *window;
    }
}

/* Grows a window leftwards from its end over whatever has few enough strings. */
static void window_grow(struct trigger *best, struct trigger *window, const struct pattern *pattern,
                        uint32_t op_first)
{
    uint32_t op = window->op;
    uint32_t left = window->op_end;

    for (;;) {
        const struct program_op *at = op_at(pattern, op);
        const struct unit unit = unit_of(pattern, at, left - 1);

        if (!window_prepend(window, &unit)) {
            return;
        }
        window_consider(best, window, false);
        left = at->kind == PROGRAM_BYTES ? left - 1 : 0;
        if (left > 0) {
            continue;
        }
        if (op == op_first) {
            return;
        }
        op--;
        left = MAX_OF(1, op_at(pattern, op)->len);
    }
}

/* A plain window needs no union, so it is built from the bytes at once. */
static void window_take_plain(struct trigger *best, struct trigger *window,
                              const struct pattern *pattern, const struct program_op *op)
{
    struct trigger_string *string = &window->strings[0];
    const uint32_t len = MIN_OF(window->op_end, TRIGGER_LEN_MAX);

    memcpy(string->bytes, vec_at(&pattern->bytes, op->at + window->op_end - len), len);
    string->len = (uint8_t)len;
    window->strings_len = 1;
    window_consider(best, window, true);
}

static void cluster_choose(struct trigger *best, const struct pattern *pattern, uint32_t cluster,
                           bool plain)
{
    const struct program_cluster *row = vec_at(&pattern->clusters, cluster);
    struct trigger window;

    for (uint32_t i = 0; i < row->op_len; i++) {
        const struct program_op *op = op_at(pattern, row->op_first + i);
        const uint32_t ends = op->kind == PROGRAM_BYTES ? op->len : 1;

        for (uint32_t end = 1; end <= ends; end++) {
            window.cluster = cluster;
            window.op = row->op_first + i;
            window.op_end = end;
            window.strings_len = 1;
            window.strings[0].len = 0;
            if (!plain) {
                window_grow(best, &window, pattern, row->op_first);
            } else if (op->kind == PROGRAM_BYTES) {
                window_take_plain(best, &window, pattern, op);
            }
        }
    }
}

bool trigger_choose(struct trigger *out, const struct pattern *pattern)
{
    const uint32_t clusters = (uint32_t)pattern->clusters.len;

    out->score = 0;
    for (uint32_t i = 0; i < clusters; i++) {
        cluster_choose(out, pattern, i, true);
    }
    if (out->score < TRIGGER_SCORE_MIN) {
        for (uint32_t i = 0; i < clusters; i++) {
            cluster_choose(out, pattern, i, false);
        }
    }
    return out->score >= TRIGGER_SCORE_MIN;
}
