/* SPDX-License-Identifier: MIT */
#include "match/builder.h"

#include "base/assert.h"
#include "base/err.h"
#include "match/pattern.h"
#include "match/trigger.h"

#include <openssl/evp.h>
#include <stdio.h>

/* Up to so many positions a signature with an offset is compared in place rather than searched for.
 */
#define BUILD_DIRECT_SHIFT_MAX 32

/*
 * From this score on (25 bits) a trigger is better even for a signature at one place: it costs
 * nothing where it does not occur, while a comparison in place costs some nanoseconds in every
 * body.
 */
#define BUILD_TRIGGER_SCORE_GOOD (25 * 8)

int match_builder_new(struct match_builder **out_builder)
{
    struct match_builder *builder = calloc(1, sizeof(*builder));

    if (!builder) {
        return ERR_NEW(-ENOMEM);
    }
    intern_init(&builder->names);
    intern_init(&builder->texts);
    intern_init(&builder->triggers);
    intern_init(&builder->sets);
    builder->threats = VEC_OF(struct builder_threat);
    builder->signatures = VEC_OF(struct program_signature);
    builder->clusters = VEC_OF(struct program_cluster);
    builder->ops = VEC_OF(struct program_op);
    builder->branches = VEC_OF(struct program_branch);
    builder->bytes = VEC_OF(uint8_t);
    builder->uses = VEC_OF(struct builder_use);
    builder->directs = VEC_OF(struct builder_direct);
    builder->hashes = VEC_OF(struct builder_hash);
    *out_builder = builder;
    return 0;
}

void match_builder_free(struct match_builder *builder)
{
    if (!builder) {
        return;
    }
    intern_free(&builder->names);
    intern_free(&builder->texts);
    intern_free(&builder->triggers);
    intern_free(&builder->sets);
    vec_free(&builder->threats);
    vec_free(&builder->signatures);
    vec_free(&builder->clusters);
    vec_free(&builder->ops);
    vec_free(&builder->branches);
    vec_free(&builder->bytes);
    vec_free(&builder->uses);
    vec_free(&builder->directs);
    vec_free(&builder->hashes);
    free(builder);
}

const char *match_builder_error(const struct match_builder *builder)
{
    return builder->error;
}

uint32_t match_builder_len(const struct match_builder *builder)
{
    return (uint32_t)(builder->signatures.len + builder->hashes.len);
}

static int build_refuse(struct match_builder *builder, enum match_build_status status,
                        const char *why)
{
    snprintf(builder->error, sizeof(builder->error), "%s", why);
    return status;
}

/* ---- Names ---- */

/* The first 31 bits of the name's SHA-256. */
static int threat_default_id(struct slice name, uint32_t *out_id)
{
    uint8_t digest[EVP_MAX_MD_SIZE];

    if (!EVP_Digest(name.ptr, name.len, digest, NULL, EVP_sha256(), NULL)) {
        return ERR_NEW(-ENOMEM);
    }
    *out_id = ((uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 |
               digest[3]) >>
              1;
    return 0;
}

/* Finds or makes the threat of this name. */
static int threat_of(struct match_builder *builder, struct slice name, uint32_t *out_threat)
{
    struct builder_threat threat = {0};
    int r = intern_add(&builder->names, name, out_threat);

    if (r || *out_threat < builder->threats.len) {
        return ERR_PASS(r);
    }
    r = intern_add(&builder->texts, SLICE_OF(""), &threat.category);
    threat.repair = threat.category;
    if (r == 0) {
        r = threat_default_id(name, &threat.id);
    }
    if (r) {
        return ERR_PASS(r);
    }
    return vec_append(&builder->threats, &threat, 1) ? 0 : ERR_NEW(-ENOMEM);
}

int match_builder_add_threat(struct match_builder *builder, const struct match_threat *threat)
{
    uint32_t index;
    uint32_t category;
    uint32_t repair;
    int r = threat_of(builder, threat->name, &index);

    if (r == 0) {
        r = intern_add(&builder->texts, threat->category, &category);
    }
    if (r == 0) {
        r = intern_add(&builder->texts, threat->repair, &repair);
    }
    if (r) {
        return ERR_PASS(r);
    }
    struct builder_threat *kept = vec_at(&builder->threats, index);

    kept->category = category;
    kept->repair = repair;
    if (threat->has_id) {
        kept->id = threat->id;
    }
    return 0;
}

/* ---- Body signatures ---- */

struct body_job {
    struct match_builder *builder;
    const struct pattern *pattern;
    struct trigger trigger; /* Without strings for a signature compared in place. */
    struct pattern_offset offset;
    uint32_t threat;
    uint32_t target;
    uint32_t op_base;
    uint32_t branch_base;
    uint32_t byte_base;
    uint32_t split_op; /* The trigger ends inside this operation, which becomes two; or NONE. */
};

/* Where an operation of the pattern comes to lie. */
static uint32_t body_op_index(const struct body_job *job, uint32_t index)
{
    return job->op_base + index + (index > job->split_op ? 1 : 0);
}

static int body_add_set(const struct body_job *job, uint32_t *set)
{
    const struct program_set *local = vec_at(&job->pattern->sets, *set);

    return intern_add(&job->builder->sets, slice_from(local, sizeof(*local)), set);
}

static int body_add_op(const struct body_job *job, struct program_op op)
{
    int r = 0;

    if (op.kind == PROGRAM_BYTES) {
        op.at += job->byte_base;
    } else if (op.kind == PROGRAM_SET) {
        r = body_add_set(job, &op.at);
    } else if (op.kind == PROGRAM_EITHER) {
        op.at += job->branch_base;
    } else if (op.kind == PROGRAM_EDGE && op.at <= PROGRAM_EDGE_RIGHT_SET) {
        r = body_add_set(job, &op.len);
    }
    if (r) {
        return ERR_PASS(r);
    }
    return vec_append(&job->builder->ops, &op, 1) ? 0 : ERR_NEW(-ENOMEM);
}

static int body_add_split_op(const struct body_job *job, struct program_op op)
{
    struct program_op head = op;
    struct program_op tail = op;

    head.len = head.max = job->trigger.op_end;
    tail.at += head.len;
    tail.len = tail.max = op.len - head.len;
    const int r = body_add_op(job, head);

    return r ? ERR_PASS(r) : body_add_op(job, tail);
}

static int body_add_ops(const struct body_job *job)
{
    for (uint32_t i = 0; i < job->pattern->ops.len; i++) {
        const struct program_op *op = vec_at(&job->pattern->ops, i);
        const int r = i == job->split_op ? body_add_split_op(job, *op) : body_add_op(job, *op);

        if (r) {
            return ERR_PASS(r);
        }
    }
    for (uint32_t i = 0; i < job->pattern->branches.len; i++) {
        struct program_branch branch = *(struct program_branch *)vec_at(&job->pattern->branches, i);

        branch.op_first = body_op_index(job, branch.op_first);
        if (!vec_append(&job->builder->branches, &branch, 1)) {
            return ERR_NEW(-ENOMEM);
        }
    }
    const struct vec *bytes = &job->pattern->bytes;

    return vec_append(&job->builder->bytes, bytes->ptr, bytes->len) ? 0 : ERR_NEW(-ENOMEM);
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

        if (op->kind == PROGRAM_BYTES && op->len > best_len) {
            best_len = op->len;
            cluster->anchor = cluster->op_first + i;
            cluster->anchor_min = min;
            cluster->anchor_max = max;
            cluster->anchor_rare = (uint32_t)trigger_rarest(
                slice_from(vec_at(&builder->bytes, op->at), MIN_OF(op->len, 64)));
        }
        min += program_op_min(op);
        max += program_op_max(op);
    }
}

static int body_add_clusters(const struct body_job *job)
{
    for (uint32_t i = 0; i < job->pattern->clusters.len; i++) {
        struct program_cluster cluster =
            *(struct program_cluster *)vec_at(&job->pattern->clusters, i);

        cluster.op_first = body_op_index(job, cluster.op_first);
        if (job->split_op != PROGRAM_NONE && i == job->trigger.cluster) {
            cluster.op_len++;
        }
        cluster_choose_anchor(job->builder, &cluster);
        if (!vec_append(&job->builder->clusters, &cluster, 1)) {
            return ERR_NEW(-ENOMEM);
        }
    }
    return 0;
}

static int body_add_uses(const struct body_job *job, uint32_t signature)
{
    for (uint32_t i = 0; i < job->trigger.strings_len; i++) {
        const struct trigger_string *string = &job->trigger.strings[i];
        struct builder_use use = {.signature = signature};
        const int r = intern_add(&job->builder->triggers, slice_from(string->bytes, string->len),
                                 &use.trigger);

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
            memcpy(value + at, vec_at(&builder->bytes, op->at), len);
        }
        at += program_op_min(op);
    }
    memcpy(&direct->mask, mask, sizeof(mask));
    memcpy(&direct->value, value, sizeof(value));
}

static int body_add_direct(const struct body_job *job, uint32_t signature,
                           const struct program_cluster *cluster)
{
    struct builder_direct direct = {.target = job->target};

    direct.direct.signature = signature;
    direct.direct.need = UINT64_MAX;
    if (job->offset.kind == PROGRAM_FROM_START) {
        /* Two bytes more, because an edge may look at what follows. */
        direct.direct.need = job->offset.at + job->offset.shift + cluster->len_max + 2;
        direct.direct.at = job->offset.at;
        if (job->offset.shift == 0) {
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

static int body_add_signature(const struct body_job *job, uint32_t cluster_first)
{
    struct match_builder *builder = job->builder;
    struct program_signature signature = {
        .offset = job->offset.at,
        .shift = job->offset.shift,
        .threat = job->threat,
        .logic = PROGRAM_NONE,
        .cluster_first = cluster_first,
        .cluster_len = (uint32_t)job->pattern->clusters.len,
        .trigger_cluster = PROGRAM_NONE,
        .target = (uint8_t)job->target,
        .offset_kind = (uint8_t)job->offset.kind,
    };
    const uint32_t index = (uint32_t)builder->signatures.len;
    int r;

    if (job->trigger.strings_len > 0) {
        signature.trigger_cluster = cluster_first + job->trigger.cluster;
        signature.trigger_split = job->op_base + job->trigger.op + 1;
        signature_fill_tail(builder, &signature);
        r = body_add_uses(job, index);
    } else {
        r = body_add_direct(job, index, vec_at(&builder->clusters, cluster_first));
    }
    if (r) {
        return ERR_PASS(r);
    }
    return vec_append(&builder->signatures, &signature, 1) ? 0 : ERR_NEW(-ENOMEM);
}

static int body_add(struct body_job *job)
{
    struct match_builder *builder = job->builder;
    const uint32_t cluster_first = (uint32_t)builder->clusters.len;

    job->op_base = (uint32_t)builder->ops.len;
    job->branch_base = (uint32_t)builder->branches.len;
    job->byte_base = (uint32_t)builder->bytes.len;
    if (job->trigger.strings_len > 0) {
        const struct program_op *op = vec_at(&job->pattern->ops, job->trigger.op);

        if (op->kind == PROGRAM_BYTES && job->trigger.op_end < op->len) {
            job->split_op = job->trigger.op;
        }
    }
    int r = body_add_ops(job);

    if (r == 0) {
        r = body_add_clusters(job);
    }
    return r ? ERR_PASS(r) : body_add_signature(job, cluster_first);
}

/*
 * A signature at a fixed place can be compared there. With an unbounded gap that would start a
 * search in every body that begins alike, so then any trigger is preferred.
 */
static int body_place(struct body_job *job)
{
    const bool fixed =
        job->offset.kind != PROGRAM_ANYWHERE && job->offset.shift <= BUILD_DIRECT_SHIFT_MAX;
    const bool direct = fixed && job->pattern->clusters.len == 1;

    if (trigger_choose(&job->trigger, job->pattern) &&
        (!direct || job->trigger.score >= BUILD_TRIGGER_SCORE_GOOD)) {
        return body_add(job);
    }
    job->trigger.strings_len = 0;
    if (fixed) {
        return body_add(job);
    }
    return build_refuse(job->builder, MATCH_BUILD_UNSUPPORTED,
                        "no part of the pattern is rare enough to look for");
}

static int body_parse(struct match_builder *builder, struct pattern *pattern, struct slice body)
{
    char why[PATTERN_ERROR_CAP];
    const int r = pattern_parse(pattern, body, why);

    return r > 0 ? build_refuse(builder, (enum match_build_status)r, why) : r;
}

int match_builder_add_body(struct match_builder *builder, struct slice name, unsigned target,
                           struct slice offset, struct slice body)
{
    struct body_job job = {.builder = builder, .target = target, .split_op = PROGRAM_NONE};
    struct pattern pattern = {0};
    char why[PATTERN_ERROR_CAP];

    if (target >= MATCH_TARGET_COUNT) {
        return build_refuse(builder, MATCH_BUILD_UNSUPPORTED, "a target that is not known");
    }
    const enum match_build_status status = pattern_parse_offset(&job.offset, offset, why);

    if (status != MATCH_BUILD_OK) {
        return build_refuse(builder, status, why);
    }
    int r = body_parse(builder, &pattern, body);

    if (r == 0) {
        job.pattern = &pattern;
        r = threat_of(builder, name, &job.threat);
    }
    if (r == 0) {
        r = body_place(&job);
    }
    pattern_free(&pattern);
    return r;
}

/* ---- Hashes ---- */

static bool hash_parse(struct slice hex, uint8_t *out)
{
    for (size_t i = 0; i < hex.len; i++) {
        const char c = (char)(hex.ptr[i] | 0x20);
        const bool digit = hex.ptr[i] >= '0' && hex.ptr[i] <= '9';

        if (!digit && (c < 'a' || c > 'f')) {
            return false;
        }
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (digit ? hex.ptr[i] - '0' : c - 'a' + 10));
    }
    return true;
}

int match_builder_add_hash(struct match_builder *builder, struct slice name, struct slice hex,
                           uint64_t size, bool allow)
{
    struct builder_hash hash = {.size = size, .digest.allow = allow};

    if (hex.len != 32 && hex.len != 40 && hex.len != 64) {
        return build_refuse(builder, MATCH_BUILD_BAD_HASH,
                            "a hash that is not 32, 40 or 64 digits long");
    }
    hash.kind = hex.len == 32 ? LAYOUT_MD5 : hex.len == 40 ? LAYOUT_SHA1 : LAYOUT_SHA256;
    if (!hash_parse(hex, hash.digest.digest)) {
        return build_refuse(builder, MATCH_BUILD_BAD_HASH, "a hash with a foreign digit");
    }
    const int r = threat_of(builder, name, &hash.digest.threat);

    if (r) {
        return ERR_PASS(r);
    }
    return vec_append(&builder->hashes, &hash, 1) ? 0 : ERR_NEW(-ENOMEM);
}
