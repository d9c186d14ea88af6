/* SPDX-License-Identifier: MIT */
#include "match/build_body.h"

#include "base/assert.h"
#include "base/err.h"

/* Up to so many positions a signature with an offset is compared in place rather than searched for.
 */
#define BUILD_DIRECT_SHIFT_MAX 32

/*
 * From this score on (25 bits) a trigger is better even for a signature at one place: it costs
 * nothing where it does not occur, while a comparison in place costs some nanoseconds in every
 * body.
 */
#define BUILD_TRIGGER_SCORE_GOOD (25 * 8)

void build_body_free(struct build_body *body)
{
    pattern_free(&body->pattern);
}

int build_body_parse(struct match_builder *builder, struct build_body *out, struct slice text,
                     unsigned modifiers)
{
    char why[PATTERN_ERROR_CAP];

    out->text = text;
    out->modifiers = modifiers;
    const int r = pattern_parse(&out->pattern, text, modifiers, why);

    return r > 0 ? builder_refuse(builder, (enum match_build_status)r, why) : r;
}

static bool cluster_is_static(const struct pattern *pattern, const struct program_cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->op_len; i++) {
        const struct program_op *op = vec_at(&pattern->ops, cluster->op_first + i);

        if (program_op_is_string(op) && op->len >= 2) {
            return true;
        }
    }
    return false;
}

bool build_body_is_static(const struct build_body *body)
{
    for (uint32_t i = 0; i < body->pattern.clusters.len; i++) {
        if (!cluster_is_static(&body->pattern, vec_at(&body->pattern.clusters, i))) {
            return false;
        }
    }
    return true;
}

/* ---- Where it shows ---- */

static bool body_is_fixed(const struct build_body *body)
{
    switch (body->offset.kind) {
    case PROGRAM_FROM_START:
    case PROGRAM_FROM_END:
    case PROGRAM_FROM_ENTRY:
    case PROGRAM_FROM_SECTION:
    case PROGRAM_FROM_LAST_SECTION:
        return body->offset.shift <= BUILD_DIRECT_SHIFT_MAX;
    default:
        return false;
    }
}

/*
 * Strings of eleven bytes are found fastest, those of nine nearly so; of two rare triggers the long
 * one is to be had for this many hits more.
 */
static double body_length_cost(const struct trigger *trigger)
{
    uint32_t len = TRIGGER_LEN_MAX;

    for (uint32_t i = 0; i < trigger->strings_len; i++) {
        len = MIN_OF(len, trigger->strings[i].len);
    }
    return len >= 11 ? 0 : len >= 9 ? 0.002 : 0.005;
}

/*
 * A signature at a fixed place can be compared there. With an unbounded gap that would start a
 * search in every body that begins alike, so then any trigger is preferred.
 */
void build_body_weigh(struct build_body *body)
{
    const bool rare = trigger_choose(&body->trigger, &body->pattern);
    const bool fixed = body_is_fixed(body);
    const bool direct = fixed && body->pattern.clusters.len == 1;

    body->place = BUILD_PLACE_NONE;
    if (body->offset.kind == PROGRAM_IN_GROUP) {
        return;
    }
    if (rare && (!direct || body->trigger.score >= BUILD_TRIGGER_SCORE_GOOD)) {
        body->place = BUILD_PLACE_TRIGGER;
        body->cost = trigger_hits_per_mb(body->trigger.score) + body_length_cost(&body->trigger);
    } else if (fixed) {
        body->place = BUILD_PLACE_DIRECT;
        body->cost = trigger_hits_per_mb(BUILD_TRIGGER_SCORE_GOOD);
    }
}

/* ---- Clusters ---- */

struct body_job {
    struct match_builder *builder;
    const struct build_body *body;
    enum build_place place;
    uint32_t op_base;
    uint32_t branch_base;
    uint32_t split_op; /* The trigger ends inside this operation, which becomes two; or NONE. */
};

/* Where an operation of the pattern comes to lie. */
static uint32_t body_op_index(const struct body_job *job, uint32_t index)
{
    return job->op_base + index + (index > job->split_op ? 1 : 0);
}

static int body_add_set(const struct body_job *job, uint32_t *set)
{
    const struct program_set *local = vec_at(&job->body->pattern.sets, *set);

    return intern_add(&job->builder->sets, slice_from(local, sizeof(*local)), set);
}

static int body_add_run(const struct body_job *job, struct program_op *op)
{
    const uint8_t *bytes = vec_at(&job->body->pattern.bytes, op->at);
    uint32_t run = 0;
    const int r = intern_add(&job->builder->runs, slice_from(bytes, op->len), &run);

    if (r == 0) {
        op->at = intern_offset(&job->builder->runs, run);
    }
    return r;
}

static int body_add_op(const struct body_job *job, struct program_op op)
{
    return vec_append(&job->builder->ops, &op, 1) ? 0 : ERR_NEW(-ENOMEM);
}

static int body_add_split_op(const struct body_job *job, struct program_op op)
{
    struct program_op head = op;
    struct program_op tail = op;

    head.len = head.max = job->body->trigger.op_end;
    tail.at += head.len;
    tail.len = tail.max = op.len - head.len;
    const int r = body_add_op(job, head);

    return r ? ERR_PASS(r) : body_add_op(job, tail);
}

/* The operation with index `index` of the pattern. */
static int body_take_op(const struct body_job *job, uint32_t index)
{
    struct program_op op = *(struct program_op *)vec_at(&job->body->pattern.ops, index);
    int r = 0;

    if (program_op_is_string(&op)) {
        r = body_add_run(job, &op);
    } else if (op.kind == PROGRAM_SET) {
        r = body_add_set(job, &op.at);
    } else if (op.kind == PROGRAM_EITHER) {
        op.at += job->branch_base;
    } else if (op.kind == PROGRAM_EDGE && program_edge_has_set(&op)) {
        r = body_add_set(job, &op.len);
    }
    if (r) {
        return ERR_PASS(r);
    }
    return index == job->split_op ? body_add_split_op(job, op) : body_add_op(job, op);
}

static int body_add_ops(const struct body_job *job)
{
    const struct pattern *pattern = &job->body->pattern;

    for (uint32_t i = 0; i < pattern->ops.len; i++) {
        const int r = body_take_op(job, i);

        if (r) {
            return ERR_PASS(r);
        }
    }
    for (uint32_t i = 0; i < pattern->branches.len; i++) {
        struct program_branch branch = *(struct program_branch *)vec_at(&pattern->branches, i);

        branch.op_first = body_op_index(job, branch.op_first);
        if (!vec_append(&job->builder->branches, &branch, 1)) {
            return ERR_NEW(-ENOMEM);
        }
    }
    return 0;
}

/* Bytes of a string in the image. */
static struct slice body_run(const struct match_builder *builder, const struct program_op *op)
{
    return slice_from(vec_at(&builder->runs.bytes, op->at), op->len);
}

/* The longest run of bytes is what a search for this cluster looks for. */
static void cluster_choose_anchor(const struct match_builder *builder,
                                  struct program_cluster *cluster)
{
    uint32_t best_len = 0;
    uint32_t min = 0;
    uint32_t max = 0;

    for (uint32_t i = 0; i < cluster->op_len; i++) {
        const struct program_op *op = vec_at(&builder->ops, cluster->op_first + i);

        if (program_op_is_string(op) && op->len > best_len) {
            const struct slice run = body_run(builder, op);

            best_len = op->len;
            cluster->anchor = cluster->op_first + i;
            cluster->anchor_min = min;
            cluster->anchor_max = max;
            cluster->anchor_rare =
                (uint32_t)trigger_rarest(slice_from(run.ptr, MIN_OF(run.len, 64)));
        }
        min += program_op_min(op);
        max += program_op_max(op);
    }
}

static int body_add_clusters(const struct body_job *job)
{
    const struct pattern *pattern = &job->body->pattern;

    for (uint32_t i = 0; i < pattern->clusters.len; i++) {
        struct program_cluster cluster = *(struct program_cluster *)vec_at(&pattern->clusters, i);

        cluster.op_first = body_op_index(job, cluster.op_first);
        if (job->split_op != PROGRAM_NONE && i == job->body->trigger.cluster) {
            cluster.op_len++;
        }
        cluster_choose_anchor(job->builder, &cluster);
        if (!vec_append(&job->builder->clusters, &cluster, 1)) {
            return ERR_NEW(-ENOMEM);
        }
    }
    return 0;
}

/* What the clusters depend on: modifiers, split, text. */
static int body_find_row(const struct body_job *job, uint32_t *out_row)
{
    const struct slice text = job->body->text;
    uint32_t head[3] = {job->body->modifiers, job->split_op, job->body->trigger.op_end};
    uint8_t *key = malloc(sizeof(head) + text.len);

    if (!key) {
        return ERR_NEW(-ENOMEM);
    }
    if (job->split_op == PROGRAM_NONE) {
        head[2] = 0;
    }
    memcpy(key, head, sizeof(head));
    memcpy(key + sizeof(head), text.ptr, text.len);
    const int r =
        intern_add(&job->builder->programs, slice_from(key, sizeof(head) + text.len), out_row);

    free(key);
    return r;
}

/* Finds equal clusters or adds them. */
static int body_place_clusters(struct body_job *job, struct builder_row *out)
{
    struct match_builder *builder = job->builder;
    uint32_t row = 0;
    int r = body_find_row(job, &row);

    if (r) {
        return ERR_PASS(r);
    }
    if (row < builder->rows.len) {
        *out = *(struct builder_row *)vec_at(&builder->rows, row);
        return 0;
    }
    out->cluster_first = (uint32_t)builder->clusters.len;
    out->op_first = (uint32_t)builder->ops.len;
    job->op_base = out->op_first;
    job->branch_base = (uint32_t)builder->branches.len;
    r = body_add_ops(job);
    if (r == 0) {
        r = body_add_clusters(job);
    }
    if (r) {
        return ERR_PASS(r);
    }
    return vec_append(&builder->rows, out, 1) ? 0 : ERR_NEW(-ENOMEM);
}

/* ---- Signatures ---- */

static int body_add_uses(const struct body_job *job, uint32_t signature)
{
    const struct trigger *trigger = &job->body->trigger;

    for (uint32_t i = 0; i < trigger->strings_len; i++) {
        const struct trigger_string *string = &trigger->strings[i];
        const struct builder_trigger row = {slice_from(string->bytes, string->len),
                                            trigger->nocase};
        struct builder_use use = {.signature = signature};
        const int r = builder_trigger_of(job->builder, &row, &use.trigger);

        if (r) {
            return ERR_PASS(r);
        }
        if (!vec_append(&job->builder->uses, &use, 1)) {
            return ERR_NEW(-ENOMEM);
        }
    }
    return 0;
}

/* Eight bytes that can be compared before the program is run. */
static void direct_fill_test(const struct match_builder *builder, struct layout_direct *direct,
                             const struct program_cluster *cluster)
{
    uint8_t mask[8] = {0};
    uint8_t value[8] = {0};
    uint32_t at = 0;

    for (uint32_t i = 0; i < cluster->op_len && at < 8; i++) {
        const struct program_op *op = vec_at(&builder->ops, cluster->op_first + i);

        if (program_op_min(op) != program_op_max(op)) {
            break;
        }
        if (op->kind == PROGRAM_BYTES) {
            const uint32_t len = MIN_OF(op->len, 8 - at);

            memset(mask + at, 0xff, len);
            memcpy(value + at, body_run(builder, op).ptr, len);
        }
        at += program_op_min(op);
    }
    memcpy(&direct->mask, mask, sizeof(mask));
    memcpy(&direct->value, value, sizeof(value));
}

/* Bytes behind the cluster that an edge, or an alternative with one in it, may look at. */
static uint32_t cluster_look_ahead(const struct match_builder *builder,
                                   const struct program_cluster *cluster)
{
    for (uint32_t i = 0; i < cluster->op_len; i++) {
        const struct program_op *op = vec_at(&builder->ops, cluster->op_first + i);

        if (op->kind == PROGRAM_EDGE || op->kind == PROGRAM_EITHER) {
            return 2;
        }
    }
    return 0;
}

static int body_add_direct(const struct body_job *job, uint32_t signature, uint32_t target,
                           const struct program_cluster *cluster)
{
    const struct pattern_offset *offset = &job->body->offset;
    struct builder_direct direct = {.target = target};

    direct.direct.signature = signature;
    direct.direct.need = UINT64_MAX;
    if (offset->kind == PROGRAM_FROM_START) {
        direct.direct.need = offset->at + offset->shift + cluster->len_max +
                             cluster_look_ahead(job->builder, cluster);
        direct.direct.at = offset->at;
        if (offset->shift == 0) {
            direct_fill_test(job->builder, &direct.direct, cluster);
        }
    }
    return vec_append(&job->builder->directs, &direct, 1) ? 0 : ERR_NEW(-ENOMEM);
}

/* Fills in the extent from the trigger's end to the end of its cluster. */
static void signature_fill_tail(const struct match_builder *builder,
                                struct program_signature *signature)
{
    const struct program_cluster *cluster = vec_at(&builder->clusters, signature->trigger_cluster);

    for (uint32_t i = signature->trigger_split; i < cluster->op_first + cluster->op_len; i++) {
        const struct program_op *op = vec_at(&builder->ops, i);

        signature->tail_min += program_op_min(op);
        signature->tail_max += program_op_max(op);
    }
}

static int body_place_signature(const struct body_job *job, const struct builder_row *row,
                                struct program_signature *signature)
{
    struct match_builder *builder = job->builder;
    const struct build_body *body = job->body;
    const uint32_t index = (uint32_t)builder->signatures.len;

    if (job->place == BUILD_PLACE_DIRECT) {
        return body_add_direct(job, index, signature->target,
                               vec_at(&builder->clusters, row->cluster_first));
    }
    if (job->place == BUILD_PLACE_NONE) {
        return 0;
    }
    signature->trigger_cluster = row->cluster_first + body->trigger.cluster;
    signature->trigger_split = row->op_first + body->trigger.op + 1;
    signature_fill_tail(builder, signature);
    return body_add_uses(job, index);
}

int build_body_add(struct match_builder *builder, const struct build_body *body,
                   const struct program_signature *head, enum build_place place)
{
    struct body_job job = {
        .builder = builder, .body = body, .place = place, .split_op = PROGRAM_NONE};
    struct program_signature signature = *head;
    struct builder_row row;

    if (place == BUILD_PLACE_TRIGGER) {
        const struct program_op *op = vec_at(&body->pattern.ops, body->trigger.op);

        ASSERT(body->trigger.strings_len > 0);
        if (program_op_is_string(op) && body->trigger.op_end < op->len) {
            job.split_op = body->trigger.op;
        }
    }
    int r = body_place_clusters(&job, &row);

    if (r) {
        return ERR_PASS(r);
    }
    signature.offset = body->offset.at;
    signature.shift = body->offset.shift;
    signature.cluster_first = row.cluster_first;
    signature.cluster_len = (uint32_t)body->pattern.clusters.len;
    signature.trigger_cluster = PROGRAM_NONE;
    signature.offset_kind = (uint8_t)body->offset.kind;
    signature.section = body->offset.section;
    r = body_place_signature(&job, &row, &signature);
    if (r) {
        return ERR_PASS(r);
    }
    return vec_append(&builder->signatures, &signature, 1) ? 0 : ERR_NEW(-ENOMEM);
}
