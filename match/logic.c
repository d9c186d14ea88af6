/* SPDX-License-Identifier: MIT */
#include "match/logic.h"

#include "base/assert.h"
#include "match/cl_type.h"
#include "match/match_private.h"
#include "match/yara_run.h"

void logic_slot_init(struct logic_slot *slot, uint64_t *words, uint32_t logics_len)
{
    marks_init(&slot->candidates, words, logics_len);
    slot->hints_len = 0;
    slot->at = 0;
    slot->list = 0;
    slot->logic = LOGIC_NONE;
}

static const struct layout_logic *logic_of(const struct body_job *job)
{
    return &job->db->layout.logics[job->slot->logic.logic];
}

const struct layout_part *logic_part_of(const struct body_job *job, uint32_t part)
{
    return &job->db->layout.parts[logic_of(job)->part_first + part];
}

struct logic_memo *logic_memo_of(struct body_job *job, uint32_t part)
{
    ASSERT(part < LOGIC_PARTS_MAX);
    return &job->slot->logic.memos[part];
}

/* ---- Conditions beside the expression ---- */

/* The body is nobody's member; a body out of a container would know more. */
static bool logic_fits_container(const struct layout_logic *logic)
{
    return logic->types_len == 0 &&
           (logic->container == CL_TYPE_NONE || logic->container == CL_TYPE_ANY);
}

/* What a short body lacks counts as zeros. */
static bool logic_fits_magic(struct body_job *job, const struct layout_logic *logic)
{
    uint8_t bytes[4] = {0};

    if (logic->magic_mask == 0) {
        return true;
    }
    if (!peek_copy(&job->peek, 0, bytes, MIN_OF(job->body->fed, sizeof(bytes)))) {
        return false;
    }
    const uint32_t value = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                           (uint32_t)bytes[3] << 24;

    return (value & logic->magic_mask) == logic->magic_value;
}

static bool logic_fits_headers(struct body_job *job, const struct layout_logic *logic)
{
    const bool entry = logic->entry_min > 0 || logic->entry_max < UINT64_MAX;
    const bool sections = logic->sections_min > 0 || logic->sections_max < UINT32_MAX;

    if (!entry && !sections) {
        return true;
    }
    const struct exe *exe = body_exe(job);

    if (exe->kind == EXE_NONE || (entry && (!exe->has_entry || exe->entry < logic->entry_min ||
                                            exe->entry > logic->entry_max))) {
        return false;
    }
    return !sections || (exe->sections_total >= logic->sections_min &&
                         exe->sections_total <= logic->sections_max);
}

static bool logic_fits(struct body_job *job, const struct layout_logic *logic)
{
    const bool foreign = (logic->target != MATCH_TARGET_ANY && logic->target != job->body->type) ||
                         (job->body->view && logic->kind == LAYOUT_LOGIC_YARA);

    return !foreign && job->body->fed >= logic->size_min && job->body->fed <= logic->size_max &&
           logic_fits_container(logic) && logic_fits_magic(job, logic) &&
           logic_fits_headers(job, logic);
}

/* ---- One after the other ---- */

/* Which part the signature is a variant of. */
static void logic_take_hint(struct body_job *job, uint32_t signature)
{
    for (uint32_t i = 0; i < logic_of(job)->part_len; i++) {
        const struct layout_part *part = logic_part_of(job, i);

        if (part->kind == LAYOUT_PART_BODY && signature - part->first < part->len) {
            logic_memo_of(job, i)->hinted = true;
        }
    }
}

static void logic_begin(struct body_job *job, uint32_t index)
{
    struct logic_slot *slot = &job->slot->logic;

    slot->logic = index;
    const struct layout_logic *logic = logic_of(job);

    if (logic->kind == LAYOUT_LOGIC_YARA && logic->need == PROGRAM_NONE) {
        return;
    }
    memset(slot->memos, 0, MIN_OF(logic->part_len, LOGIC_PARTS_MAX) * sizeof(*slot->memos));
    for (uint32_t i = 0; i < slot->hints_len; i++) {
        if (slot->hints[i].logic == index) {
            logic_take_hint(job, slot->hints[i].signature);
        }
    }
}

/* The next logic that the cheap conditions leave over; false when there is none. */
static bool logic_next(struct body_job *job)
{
    struct logic_slot *slot = &job->slot->logic;
    const struct layout *layout = &job->db->layout;
    const unsigned targets[] = {MATCH_TARGET_ANY, MATCH_TARGET_ANY, job->body->type};

    while (slot->list == 0 && marks_next(&slot->candidates, &slot->at)) {
        const uint32_t index = slot->at++;

        if (logic_fits(job, &layout->logics[index])) {
            logic_begin(job, index);
            return true;
        }
    }
    if (slot->list == 0) {
        slot->list = 1;
        slot->at = 0;
    }
    for (; slot->list < ARRAY_LEN(targets); slot->list++, slot->at = 0) {
        const unsigned target = targets[slot->list];

        if (slot->list == 2 && target == MATCH_TARGET_ANY) {
            continue;
        }
        while (slot->at < layout->header->always_len[target]) {
            const uint32_t index = layout->always[layout->header->always_first[target] + slot->at];

            slot->at++;
            if (logic_fits(job, &layout->logics[index])) {
                logic_begin(job, index);
                return true;
            }
        }
    }
    return false;
}

/* libyara took the slice. */
#define LOGIC_SLICE_NS (NS_PER_MS / 10)

static enum logic_result logic_decide_rule(struct body_job *job)
{
    const struct layout *layout = &job->db->layout;
    const struct layout_logic *logic = logic_of(job);
    struct yara_run_body body = {.serial = job->slot->serial};
    uint64_t cost_ns = 0;

    if (logic->need != PROGRAM_NONE) {
        const enum logic_result result = logic_holds(job, logic->need);

        if (result != LOGIC_YES) {
            return result;
        }
    }
    if (!yara_run_knows(job->db->yara, body.serial, logic->root) &&
        job->body->fed <= YARA_RUN_BODY_MAX) {
        const enum window_result result = window_acquire(job, &body.bytes);

        if (result != WINDOW_READY) {
            return LOGIC_AGAIN;
        }
    } else if (job->body->fed > YARA_RUN_BODY_MAX) {
        job->slot->undecided = true;
        return LOGIC_NO;
    }
    const enum yara_run_status status =
        yara_run_decide(job->db->yara, &body, logic->root,
                        layout->strings + layout->threats[logic->threat].name, &cost_ns);

    /* libyara has a limit of its own, so it takes nothing from the budget, only the slice. */
    job->verify.pause_at = cost_ns > LOGIC_SLICE_NS ? UINT64_MAX : job->verify.pause_at;
    job->slot->undecided |= status == YARA_RUN_OVER;
    return status == YARA_RUN_YES ? LOGIC_YES : LOGIC_NO;
}

static enum logic_result logic_decide(struct body_job *job)
{
    switch (logic_of(job)->kind) {
    case LAYOUT_LOGIC_EXPRESSION:
        return logic_eval(job);
    default:
        return logic_decide_rule(job);
    }
}

bool body_end_logics(struct body_job *job)
{
    struct logic_slot *slot = &job->slot->logic;

    while (!job_stopped(job)) {
        if (job->verify.budget < job->verify.pause_at) {
            return false;
        }
        if (slot->logic == LOGIC_NONE && !logic_next(job)) {
            break;
        }
        (void)verify_charge(&job->verify, 8);
        const enum logic_result result = logic_decide(job);

        if (result == LOGIC_AGAIN && !job->verify.over && !job->peek.failed) {
            return false;
        }
        if (result == LOGIC_YES) {
            job_report(job, logic_of(job)->threat);
        }
        slot->logic = LOGIC_NONE;
    }
    window_release(job->db, job->body);
    return true;
}
