/* SPDX-License-Identifier: MIT */
#include "match/builder.h"

#include "base/assert.h"
#include "base/err.h"
#include "match/threat.h"
#include "match/trigger.h"

#include <stdio.h>

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
    intern_init(&builder->runs);
    intern_init(&builder->programs);
    builder->rows = VEC_OF(struct builder_row);
    builder->threats = VEC_OF(struct builder_threat);
    builder->signatures = VEC_OF(struct program_signature);
    builder->clusters = VEC_OF(struct program_cluster);
    builder->ops = VEC_OF(struct program_op);
    builder->branches = VEC_OF(struct program_branch);
    builder->uses = VEC_OF(struct builder_use);
    builder->directs = VEC_OF(struct builder_direct);
    builder_hashes_init(builder);
    builder->members = VEC_OF(struct layout_member);
    builder->passwords = VEC_OF(struct layout_password);
    builder->member_texts = VEC_OF(char);
    builder->magics = VEC_OF(struct layout_magic);
    builder->logics = VEC_OF(struct layout_logic);
    builder->parts = VEC_OF(struct layout_part);
    builder->nodes = VEC_OF(struct layout_node);
    builder->compares = VEC_OF(struct layout_compare);
    builder->regexes = VEC_OF(struct layout_regex);
    builder->types = VEC_OF(uint16_t);
    builder->always = VEC_OF(uint32_t);
    builder->rulesets = VEC_OF(struct layout_ruleset);
    builder->rules = VEC_OF(uint8_t);
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
    intern_free(&builder->runs);
    intern_free(&builder->programs);
    vec_free(&builder->rows);
    vec_free(&builder->threats);
    vec_free(&builder->signatures);
    vec_free(&builder->clusters);
    vec_free(&builder->ops);
    vec_free(&builder->branches);
    vec_free(&builder->uses);
    vec_free(&builder->directs);
    builder_hashes_free(builder);
    vec_free(&builder->members);
    vec_free(&builder->passwords);
    vec_free(&builder->member_texts);
    vec_free(&builder->magics);
    vec_free(&builder->logics);
    vec_free(&builder->parts);
    vec_free(&builder->nodes);
    vec_free(&builder->compares);
    vec_free(&builder->regexes);
    vec_free(&builder->types);
    vec_free(&builder->always);
    vec_free(&builder->rulesets);
    vec_free(&builder->rules);
    free(builder);
}

const char *match_builder_error(const struct match_builder *builder)
{
    return builder->error;
}

void match_builder_set_cache(struct match_builder *builder, const struct match_build_cache *cache)
{
    builder->cache = *cache;
}

uint32_t match_builder_len(const struct match_builder *builder)
{
    return (uint32_t)(builder->patterns_len + builder->hashes_len + builder->members.len);
}

int builder_refuse(struct match_builder *builder, enum match_build_status status, const char *why)
{
    snprintf(builder->error, sizeof(builder->error), "%s", why);
    return status;
}

/* ---- Names ---- */

/* ClamAV's names of unwanted programs say so. */
static struct slice threat_default_category(struct slice name)
{
    const struct slice prefix = SLICE_OF("PUA.");
    const bool unwanted = name.len > prefix.len && memcmp(name.ptr, prefix.ptr, prefix.len) == 0;

    return unwanted ? SLICE_OF("PUA") : SLICE_OF("");
}

int builder_threat_of(struct match_builder *builder, struct slice name, uint32_t *out_threat)
{
    struct builder_threat threat = {0};
    int r = intern_add(&builder->names, name, out_threat);

    if (r || *out_threat < builder->threats.len) {
        return ERR_PASS(r);
    }
    r = intern_add(&builder->texts, SLICE_OF(""), &threat.repair);
    if (r == 0) {
        r = intern_add(&builder->texts, threat_default_category(name), &threat.category);
    }
    if (r) {
        return ERR_PASS(r);
    }
    threat.id = threat_default_id(name);
    return vec_append(&builder->threats, &threat, 1) ? 0 : ERR_NEW(-ENOMEM);
}

int match_builder_add_threat(struct match_builder *builder, const struct match_threat *threat)
{
    uint32_t index;
    uint32_t category;
    uint32_t repair;
    int r = builder_threat_of(builder, threat->name, &index);

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
    kept->described = true;
    if (threat->has_id) {
        kept->id = threat->id;
    }
    return 0;
}

/* ---- Triggers ---- */

/* A flag stands before the string. */
#define TRIGGER_KEY_MAX (TRIGGER_LEN_MAX + 1)

int builder_trigger_of(struct match_builder *builder, const struct builder_trigger *trigger,
                       uint32_t *out_trigger)
{
    uint8_t key[TRIGGER_KEY_MAX] = {trigger->nocase};

    ASSERT(trigger->bytes.len <= TRIGGER_LEN_MAX);
    memcpy(key + 1, trigger->bytes.ptr, trigger->bytes.len);
    return intern_add(&builder->triggers, slice_from(key, trigger->bytes.len + 1), out_trigger);
}

struct builder_trigger builder_trigger_at(const struct match_builder *builder, uint32_t index)
{
    const struct slice key = intern_at(&builder->triggers, index);

    return (struct builder_trigger){slice_skip(key, 1), key.ptr[0] != 0};
}
