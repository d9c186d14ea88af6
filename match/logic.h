#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * logic - decides signatures with logic.
 *
 * Role: while bytes arrive, notes which logics have a part in the body (candidates); when the body
 * has ended, decides them one after the other: first what costs nothing (size, first bytes, facts
 * of the headers), then the expression, part by part, the rarest first, until it cannot change any
 * more. The results of parts are kept for the logic under evaluation, so that an evaluation can
 * stop anywhere, when a slice of work is used up, and start again from the top. Owner: the slot of
 * a body. Memory: a bitmap of one bit a logic behind the slot; expressions of Perl's kind and rules
 * take memory when they are first used. Limits: LOGIC_PARTS_MAX parts in an expression; all work is
 * charged to the body's budget.
 *
 * Counting: a part counts the places where what stands behind its last gap of variable length
 * begins, if the rest stands before it; matches may overlap.
 * `a&b` counts the sum of both when both hold, else nothing; `a|b` the sum of those that hold. A
 * block with a test counts its inside, none when that does not hold, and lends no parts to the
 * number of different parts outside.
 */
#include "match/marks.h"
#include "match/verify.h"

#define LOGIC_PARTS_MAX 64
#define LOGIC_HINTS_MAX 64

struct body_job;

/* Goes through the matches of one part, variant by variant. */
struct logic_cursor {
    uint32_t variant; /* Relative to the part's first. */
    uint32_t range;
    uint32_t cluster; /* That is looked for; the last one is counted. */
    bool placed;      /* `head` is set for `range`. */
    struct verify_search head;
    uint64_t start; /* Of the match that was found last. */
    uint64_t next;  /* Earlier places of this variant have been counted. */
};

/* What is known of a part. */
struct logic_memo {
    bool done;   /* `count` is all there is. */
    bool hinted; /* At least one match is known, not which. */
    bool busy;   /* REGEX: its trigger is under evaluation. */
    bool open;   /* MACRO: members are looked for at the start in `cursor`. */
    bool inside; /* MACRO: `inner` is set for that start and `member`. */
    uint32_t count;
    uint64_t last;   /* Start of the last match that was counted. */
    uint64_t at;     /* REGEX: everything before is looked at. */
    uint32_t member; /* MACRO: next of the group. */
    struct logic_cursor cursor;
    struct verify_search inner;
};

/* A part that is known to match. */
struct logic_hint {
    uint32_t logic;
    uint32_t signature;
};

struct logic_slot {
    struct marks candidates;
    uint32_t hints_len;
    /* From here on: the end. */
    uint32_t at;    /* Next candidate, then next of the lists of `list`. */
    uint32_t list;  /* 0: candidates; 1, 2: what is always decided, for any type and for this. */
    uint32_t logic; /* Under evaluation; LOGIC_NONE: none. */
    struct logic_hint hints[LOGIC_HINTS_MAX];
    struct logic_memo memos[LOGIC_PARTS_MAX];
};

#define LOGIC_NONE UINT32_MAX

static inline bool logic_is_candidate(const struct logic_slot *slot, uint32_t logic)
{
    return marks_has(&slot->candidates, logic);
}

/* `signature` is a part that matches, or LOGIC_NONE. */
static inline void logic_add_candidate(struct logic_slot *slot, uint32_t logic, uint32_t signature)
{
    if (marks_has(&slot->candidates, logic)) {
        return;
    }
    marks_add(&slot->candidates, logic);
    if (signature != LOGIC_NONE && slot->hints_len < LOGIC_HINTS_MAX) {
        slot->hints[slot->hints_len++] = (struct logic_hint){logic, signature};
    }
}

/* The next body. */
void logic_slot_init(struct logic_slot *slot, uint64_t *words, uint32_t logics_len);

/* The body has ended: decides what is left; false when the slice is used up. */
bool body_end_logics(struct body_job *job);

/* ---- Between the files ---- */

enum logic_result {
    LOGIC_NO,
    LOGIC_YES,
    LOGIC_AGAIN, /* The slice, or the budget, is used up. */
};

/* Whether the expression of the logic under evaluation holds. */
enum logic_result logic_eval(struct body_job *job);

/*
 * Counts matches of part `index` of the logic under evaluation, up to `cap`. LOGIC_AGAIN, or
 * LOGIC_YES with the count.
 */
enum logic_result logic_count(struct body_job *job, uint32_t index, uint32_t cap,
                              uint32_t *out_count);

/* Whether a node holds, counting nothing; for the triggers of expressions. */
enum logic_result logic_holds(struct body_job *job, uint32_t node);

/* Memo and layout of a part of the logic under evaluation. */
struct logic_memo *logic_memo_of(struct body_job *job, uint32_t part);
const struct layout_part *logic_part_of(const struct body_job *job, uint32_t part);

/* logic_compare.c, logic_regex.c: count like logic_count. */
enum logic_result compare_count(struct body_job *job, const struct layout_part *part,
                                struct logic_memo *memo, uint32_t cap);
enum logic_result regex_count(struct body_job *job, const struct layout_part *part,
                              struct logic_memo *memo, uint32_t cap);
