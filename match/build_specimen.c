/* SPDX-License-Identifier: MIT */
#include "match/build_specimen.h"

#include "base/assert.h"
#include "base/err.h"
#include "match/cl_type.h"

#include <stdlib.h>

/* What stands where nothing else does: no letter, no digit, printable, the same in every view. */
#define SPECIMEN_FILLER '.'

/* Room between parts, so that neighbours do not make something new. */
#define SPECIMEN_SPACE 32

/* A part that must be missing is looked for by a run of so many bytes at least. */
#define SPECIMEN_RUN_MIN 4

enum specimen_taken {
    SPECIMEN_FREE,
    SPECIMEN_HINT, /* Written for the sake of a neighbour. */
    SPECIMEN_TAKEN,
};

int specimen_init(struct specimen *specimen, const struct layout *layout)
{
    *specimen = (struct specimen){
        .layout = layout,
        .bytes = malloc(SPECIMEN_CAP),
        .taken = malloc(SPECIMEN_CAP),
    };
    if (specimen->bytes == NULL || specimen->taken == NULL) {
        specimen_fini(specimen);
        return ERR_NEW(-ENOMEM);
    }
    return 0;
}

void specimen_fini(struct specimen *specimen)
{
    free(specimen->bytes);
    free(specimen->taken);
    *specimen = (struct specimen){0};
}

/* ---- Heads ---- */

static struct slice specimen_head(unsigned target)
{
    switch (target) {
    case MATCH_TARGET_PE:
        return SLICE_OF(
            "MZ......\0\0\0\0........................................\0\0\0\0"
            "\x40\0\0\0PE\0\0\x4c\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xe0\0\x02\x01\x0b\x01");
    case MATCH_TARGET_OLE2:
        return SLICE_OF("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    case MATCH_TARGET_HTML:
        return SLICE_OF("<html><body>"); /* Reads as it stands. */
    case MATCH_TARGET_MAIL:
        return SLICE_OF("Received: from a.example by b.example\r\nFrom: a@a.example\r\n"
                        "To: b@b.example\r\nSubject: s\r\n\r\n");
    case MATCH_TARGET_GRAPHICS:
        return SLICE_OF("GIF89a\x01\0\x01\0\0\0\0");
    case MATCH_TARGET_ELF:
        return SLICE_OF("\x7f"
                        "ELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0");
    case MATCH_TARGET_ASCII:
        return SLICE_OF("some words in a line of text ");
    case MATCH_TARGET_MACHO:
        return SLICE_OF("\xcf\xfa\xed\xfe\x07\0\0\x01");
    case MATCH_TARGET_PDF:
        return SLICE_OF("%PDF-1.4\n");
    case MATCH_TARGET_FLASH:
        return SLICE_OF("FWS\x0a");
    case MATCH_TARGET_JAVA:
        return SLICE_OF("\xca\xfe\xba\xbe\0\0\0\x34");
    default:
        return SLICE_OF("");
    }
}

static void specimen_begin(struct specimen *specimen, unsigned target)
{
    const struct slice head = specimen_head(target);

    memset(specimen->bytes, SPECIMEN_FILLER, SPECIMEN_CAP);
    memset(specimen->taken, SPECIMEN_FREE, SPECIMEN_CAP);
    if (head.len > 0) {
        memcpy(specimen->bytes, head.ptr, head.len);
    }
    specimen->len = head.len + SPECIMEN_SPACE;
    specimen->checking = false;
    specimen->failed = false;
}

/* What normalising would change can be no specimen of the targets that are normalised. */
static bool specimen_is_plain(const struct specimen *specimen, unsigned target)
{
    const size_t head_len = specimen_head(target).len;

    if (target != MATCH_TARGET_HTML && target != MATCH_TARGET_ASCII) {
        return true;
    }
    for (size_t i = head_len; i < specimen->len; i++) {
        const uint8_t c = specimen->bytes[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && strchr(".-_:,/", c) == NULL) {
            return false;
        }
    }
    return true;
}

/* The type is told from the bytes, and they may say something else now. */
static bool specimen_is_type(const struct specimen *specimen, unsigned target)
{
    const struct slice probe =
        slice_from(specimen->bytes, MIN_OF(specimen->len, (size_t)FILETYPE_PROBE));

    return target == MATCH_TARGET_ANY || filetype_detect(probe)->target == target;
}

/* ---- Operations ---- */

static void specimen_fail(struct specimen *specimen)
{
    specimen->failed = true;
}

/* The place where the next `len` bytes go; NULL beyond the room. */
static bool specimen_fits(struct specimen *specimen, size_t len)
{
    if (len > SPECIMEN_CAP - SPECIMEN_SPACE - specimen->at) {
        specimen_fail(specimen);
    }
    return !specimen->failed;
}

static void specimen_put(struct specimen *specimen, const uint8_t *bytes, size_t len)
{
    if (!specimen_fits(specimen, len)) {
        return;
    }
    if (!specimen->checking) {
        memcpy(specimen->bytes + specimen->at, bytes, len);
        memset(specimen->taken + specimen->at, SPECIMEN_TAKEN, len);
    } else if (memcmp(specimen->bytes + specimen->at, bytes, len) != 0) {
        specimen_fail(specimen);
    }
    specimen->at += len;
}

/* A byte of the set, or of its complement; the filler, then small letters if it has them. */
static uint8_t specimen_choose(const struct program_set *set, bool wanted)
{
    static const char liked[] = {SPECIMEN_FILLER, '-', 'a', 'x', '0'};

    for (size_t i = 0; i < sizeof(liked); i++) {
        if (program_set_has(set, (uint8_t)liked[i]) == wanted) {
            return (uint8_t)liked[i];
        }
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        if (program_set_has(set, (uint8_t)byte) == wanted) {
            return (uint8_t)byte;
        }
    }
    return 0;
}

static void specimen_walk_set(struct specimen *specimen, const struct program_op *op)
{
    const struct program_set *set = &specimen->layout->sets[op->at];
    uint8_t byte = specimen_choose(set, true);

    if (specimen->checking && program_set_has(set, specimen->bytes[specimen->at])) {
        byte = specimen->bytes[specimen->at];
    }
    specimen_put(specimen, &byte, 1);
}

static void specimen_walk_row(struct specimen *specimen, uint32_t op_first, uint32_t op_len);

/* Whether the branch stands at this position. */
static bool specimen_has_branch(struct specimen *specimen, uint32_t branch, size_t at)
{
    const struct program_branch *row = &specimen->layout->branches[branch];
    struct specimen look = *specimen;

    look.at = at;
    look.checking = true;
    specimen_walk_row(&look, row->op_first, row->op_len);
    return !look.failed;
}

/* `len` bytes that are none of the branches. */
static void specimen_walk_none(struct specimen *specimen, const struct program_op *op)
{
    const size_t at = specimen->at;

    if (!specimen_fits(specimen, op->len)) {
        return;
    }
    if (!specimen->checking) {
        memset(specimen->taken + at, SPECIMEN_TAKEN, op->len);
    }
    for (uint16_t i = 0; i < op->count; i++) {
        if (specimen_has_branch(specimen, op->at + i, at)) {
            specimen_fail(specimen);
        }
    }
    specimen->at += op->len;
}

static void specimen_walk_either(struct specimen *specimen, const struct program_op *op)
{
    const struct program_branch *first = &specimen->layout->branches[op->at];

    if (op->negated) {
        specimen_walk_none(specimen, op);
    } else {
        specimen_walk_row(specimen, first->op_first, first->op_len);
    }
}

/* A neighbour that nothing else has claimed gets what the edge wants to see. */
static void specimen_hint(struct specimen *specimen, size_t at, uint8_t byte)
{
    if (specimen->taken[at] != SPECIMEN_TAKEN) {
        specimen->bytes[at] = byte;
        specimen->taken[at] = SPECIMEN_HINT;
    }
}

/* The byte beside the position must be in the set (or not); a specimen never ends there. */
static void specimen_walk_edge_set(struct specimen *specimen, const struct program_op *op,
                                   size_t at)
{
    const struct program_set *set = &specimen->layout->sets[op->len];

    if (specimen->checking) {
        if (program_set_has(set, specimen->bytes[at]) == (op->negated != 0)) {
            specimen_fail(specimen);
        }
        return;
    }
    specimen_hint(specimen, at, specimen_choose(set, op->negated == 0));
}

static void specimen_walk_edge(struct specimen *specimen, const struct program_op *op)
{
    const size_t at = specimen->at;
    const bool line = specimen->bytes[at] == '\n' ||
                      (specimen->bytes[at] == '\r' && specimen->bytes[at + 1] == '\n');

    switch ((enum program_edge)op->at) {
    case PROGRAM_EDGE_LEFT_SET:
        if (at > 0) {
            specimen_walk_edge_set(specimen, op, at - 1);
        } else if (op->negated) {
            specimen_fail(specimen);
        }
        break;
    case PROGRAM_EDGE_RIGHT_SET:
        specimen_walk_edge_set(specimen, op, at);
        break;
    case PROGRAM_EDGE_RIGHT_LINE:
        if (specimen->checking && line == (op->negated != 0)) {
            specimen_fail(specimen);
        } else if (!specimen->checking && !op->negated) {
            specimen_hint(specimen, at, '\n');
        }
        break;
    case PROGRAM_EDGE_NOT_LF:
        if (specimen->checking && (specimen->bytes[at] != '\n') == (op->negated != 0)) {
            specimen_fail(specimen);
        }
        break;
    default:
        /* Wide characters: the filler is none. What else stands there is not judged. */
        if (op->negated || (at > 0 && specimen->taken[at - 1] == SPECIMEN_TAKEN &&
                            specimen->taken[at] == SPECIMEN_TAKEN)) {
            specimen_fail(specimen);
        }
        break;
    }
}

static void specimen_walk_op(struct specimen *specimen, const struct program_op *op)
{
    switch ((enum program_kind)op->kind) {
    case PROGRAM_BYTES:
    case PROGRAM_NOCASE:
        specimen_put(specimen, specimen->layout->bytes + op->at, op->len);
        break;
    case PROGRAM_SET:
        if (specimen_fits(specimen, 1)) {
            specimen_walk_set(specimen, op);
        }
        break;
    case PROGRAM_GAP:
        if (specimen_fits(specimen, op->len)) {
            specimen->at += op->len;
        }
        break;
    case PROGRAM_EITHER:
        specimen_walk_either(specimen, op);
        break;
    case PROGRAM_EDGE:
        specimen_walk_edge(specimen, op);
        break;
    default:
        specimen_fail(specimen);
        break;
    }
}

static void specimen_walk_row(struct specimen *specimen, uint32_t op_first, uint32_t op_len)
{
    for (uint32_t i = 0; i < op_len && !specimen->failed; i++) {
        specimen_walk_op(specimen, &specimen->layout->ops[op_first + i]);
    }
}

/* ---- Signatures ---- */

static void specimen_walk_clusters(struct specimen *specimen,
                                   const struct program_signature *signature)
{
    for (uint32_t i = 0; i < signature->cluster_len && !specimen->failed; i++) {
        const struct program_cluster *cluster =
            &specimen->layout->clusters[signature->cluster_first + i];

        if (i > 0 && specimen_fits(specimen, cluster->gap_min)) {
            specimen->at += cluster->gap_min;
        }
        specimen_walk_row(specimen, cluster->op_first, cluster->op_len);
    }
}

/* Where it starts; what counts from the end decides how long the body is. */
static bool specimen_place(struct specimen *specimen, const struct program_signature *signature,
                           size_t *out_at)
{
    switch ((enum program_offset)signature->offset_kind) {
    case PROGRAM_ANYWHERE:
        *out_at = specimen->len;
        return true;
    case PROGRAM_FROM_START:
        *out_at = (size_t)signature->offset;
        return signature->offset < SPECIMEN_CAP - SPECIMEN_SPACE;
    case PROGRAM_FROM_END:
        *out_at = specimen->len;
        return signature->offset < SPECIMEN_CAP - SPECIMEN_SPACE - specimen->len;
    default:
        return false;
    }
}

/* Writes one signature; false when that cannot be. */
static bool specimen_write(struct specimen *specimen, const struct program_signature *signature,
                           size_t *out_at)
{
    if (!specimen_place(specimen, signature, out_at)) {
        return false;
    }
    specimen->at = *out_at;
    specimen_walk_clusters(specimen, signature);
    if (specimen->failed) {
        return false;
    }
    if (signature->offset_kind != PROGRAM_FROM_END) {
        specimen->len = MAX_OF(specimen->len, specimen->at + SPECIMEN_SPACE);
        return specimen->len < SPECIMEN_CAP;
    }
    /* An edge at the very end is another question. */
    specimen->len = *out_at + (size_t)signature->offset;
    return specimen->len > specimen->at;
}

static bool specimen_holds(struct specimen *specimen, const struct program_signature *signature,
                           size_t at)
{
    specimen->at = at;
    specimen->checking = true;
    specimen_walk_clusters(specimen, signature);
    specimen->checking = false;
    return !specimen->failed && specimen->at <= specimen->len;
}

bool specimen_make_body(struct specimen *specimen, uint32_t index)
{
    const struct program_signature *signature = &specimen->layout->signatures[index];
    size_t at;

    specimen_begin(specimen, signature->target);
    return specimen_write(specimen, signature, &at) && specimen_holds(specimen, signature, at) &&
           specimen_is_type(specimen, signature->target) &&
           specimen_is_plain(specimen, signature->target);
}

/* ---- Logical signatures ---- */

enum specimen_want {
    SPECIMEN_INDIFFERENT,
    SPECIMEN_PRESENT,
    SPECIMEN_ABSENT,
};

struct specimen_plan {
    const struct layout_logic *logic;
    uint8_t want[LAYOUT_PARTS_MAX]; /* enum specimen_want */
    uint32_t variant[LAYOUT_PARTS_MAX];
    size_t at[LAYOUT_PARTS_MAX];
};

static bool specimen_plan_part(const struct specimen *specimen, struct specimen_plan *plan,
                               uint32_t part, enum specimen_want want)
{
    if (part >= plan->logic->part_len ||
        specimen->layout->parts[plan->logic->part_first + part].kind != LAYOUT_PART_BODY ||
        (plan->want[part] != SPECIMEN_INDIFFERENT && plan->want[part] != want)) {
        return false;
    }
    plan->want[part] = (uint8_t)want;
    return true;
}

static bool specimen_plan_node(const struct specimen *specimen, struct specimen_plan *plan,
                               uint32_t index, enum specimen_want want);

static bool specimen_plan_all(const struct specimen *specimen, struct specimen_plan *plan,
                              const struct layout_node *node, enum specimen_want want)
{
    for (uint32_t i = 0; i < node->len; i++) {
        if (!specimen_plan_node(specimen, plan, node->first + i, want)) {
            return false;
        }
    }
    return true;
}

/* The first child that will do. */
static bool specimen_plan_any(const struct specimen *specimen, struct specimen_plan *plan,
                              const struct layout_node *node)
{
    const struct specimen_plan saved = *plan;

    for (uint32_t i = 0; i < node->len; i++) {
        if (specimen_plan_node(specimen, plan, node->first + i, SPECIMEN_PRESENT)) {
            return true;
        }
        *plan = saved;
    }
    return false;
}

/* Which parts there must be. Counts above one are left alone: what counts is a matter of its own.
 */
static bool specimen_plan_node(const struct specimen *specimen, struct specimen_plan *plan,
                               uint32_t index, enum specimen_want want)
{
    const struct layout_node *node = &specimen->layout->nodes[index];

    if (node->test != LAYOUT_TEST_NONE) {
        if (want == SPECIMEN_ABSENT || node->count != 0 || node->distinct > 1 ||
            node->test == LAYOUT_TEST_LESS) {
            return false;
        }
        want = node->test == LAYOUT_TEST_EQUAL ? SPECIMEN_ABSENT : want;
    }
    if (node->kind == LAYOUT_NODE_PART) {
        return specimen_plan_part(specimen, plan, node->first, want);
    }
    return node->kind == LAYOUT_NODE_ANY && want == SPECIMEN_PRESENT
               ? specimen_plan_any(specimen, plan, node)
               : specimen_plan_all(specimen, plan, node, want);
}

static bool specimen_is_servable(const struct layout_logic *logic)
{
    return logic->kind == LAYOUT_LOGIC_EXPRESSION && logic->part_len <= LAYOUT_PARTS_MAX &&
           logic->types_len == 0 &&
           (logic->container == CL_TYPE_NONE || logic->container == CL_TYPE_ANY) &&
           logic->entry_min == 0 && logic->entry_max == UINT64_MAX && logic->sections_min == 0 &&
           logic->sections_max == UINT32_MAX && logic->magic_mask == 0;
}

static bool specimen_write_part(struct specimen *specimen, struct specimen_plan *plan,
                                const struct layout_logic *logic, uint32_t part)
{
    const struct layout_part *row = &specimen->layout->parts[logic->part_first + part];

    if (row->kind != LAYOUT_PART_BODY || row->len == 0) {
        return false;
    }
    plan->variant[part] = row->first;
    return specimen_write(specimen, &specimen->layout->signatures[row->first], &plan->at[part]);
}

/* Those at the end come last, because they say how long the body is. */
static bool specimen_write_parts(struct specimen *specimen, struct specimen_plan *plan,
                                 const struct layout_logic *logic)
{
    for (unsigned turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < logic->part_len; i++) {
            const struct layout_part *row = &specimen->layout->parts[logic->part_first + i];
            const bool last =
                row->kind == LAYOUT_PART_BODY && row->len > 0 &&
                specimen->layout->signatures[row->first].offset_kind == PROGRAM_FROM_END;

            if (plan->want[i] == SPECIMEN_PRESENT && last == (turn == 1) &&
                !specimen_write_part(specimen, plan, logic, i)) {
                return false;
            }
        }
    }
    return true;
}

/* By its longest run of bytes; a part without one could be anywhere. */
static bool specimen_lacks(const struct specimen *specimen,
                           const struct program_signature *signature)
{
    for (uint32_t i = 0; i < signature->cluster_len; i++) {
        const struct program_cluster *cluster =
            &specimen->layout->clusters[signature->cluster_first + i];

        for (uint32_t k = 0; k < cluster->op_len; k++) {
            const struct program_op *op = &specimen->layout->ops[cluster->op_first + k];

            if (op->kind == PROGRAM_BYTES && op->len >= SPECIMEN_RUN_MIN &&
                memmem(specimen->bytes, specimen->len, specimen->layout->bytes + op->at, op->len) ==
                    NULL) {
                return true;
            }
        }
    }
    return false;
}

static bool specimen_check_part(struct specimen *specimen, const struct specimen_plan *plan,
                                const struct layout_logic *logic, uint32_t part)
{
    const struct layout_part *row = &specimen->layout->parts[logic->part_first + part];

    if (plan->want[part] == SPECIMEN_PRESENT) {
        return specimen_holds(specimen, &specimen->layout->signatures[plan->variant[part]],
                              plan->at[part]);
    }
    if (plan->want[part] == SPECIMEN_INDIFFERENT) {
        return true;
    }
    for (uint32_t i = 0; row->kind == LAYOUT_PART_BODY && i < row->len; i++) {
        if (!specimen_lacks(specimen, &specimen->layout->signatures[row->first + i])) {
            return false;
        }
    }
    return row->kind == LAYOUT_PART_BODY;
}

bool specimen_make_logic(struct specimen *specimen, uint32_t index)
{
    const struct layout_logic *logic = &specimen->layout->logics[index];
    struct specimen_plan plan = {.logic = logic};

    specimen_begin(specimen, logic->target);
    if (!specimen_is_servable(logic) ||
        !specimen_plan_node(specimen, &plan, logic->root, SPECIMEN_PRESENT) ||
        !specimen_write_parts(specimen, &plan, logic)) {
        return false;
    }
    if (specimen->len < logic->size_min && logic->size_min < SPECIMEN_CAP) {
        specimen->len = (size_t)logic->size_min;
    }
    if (specimen->len < logic->size_min || specimen->len > logic->size_max) {
        return false;
    }
    for (uint32_t i = 0; i < logic->part_len; i++) {
        if (!specimen_check_part(specimen, &plan, logic, i)) {
            return false;
        }
    }
    return specimen_is_type(specimen, logic->target) && specimen_is_plain(specimen, logic->target);
}
