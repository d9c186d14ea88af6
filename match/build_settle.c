/* SPDX-License-Identifier: MIT */
/*
 * build_settle - gives signatures the order of the image: those that stand alone, then parts of
 * logics and members of macro groups, each in the order they came.
 */
#include "match/builder.h"

#include "base/err.h"

static bool signature_is_alone(const struct program_signature *signature)
{
    return signature->logic == PROGRAM_NONE && signature->offset_kind != PROGRAM_IN_GROUP;
}

/* Moves those that stand alone, or the others, to `sorted` and notes where each went. */
static bool settle_move(const struct match_builder *builder, bool alone, struct vec *sorted,
                        uint32_t *map)
{
    for (uint32_t i = 0; i < builder->signatures.len; i++) {
        const struct program_signature *signature = vec_at(&builder->signatures, i);

        if (signature_is_alone(signature) != alone) {
            continue;
        }
        map[i] = (uint32_t)sorted->len;
        if (!vec_append(sorted, signature, 1)) {
            return false;
        }
    }
    return true;
}

static void settle_renumber(struct match_builder *builder, const uint32_t *map)
{
    for (size_t i = 0; i < builder->uses.len; i++) {
        struct builder_use *use = vec_at(&builder->uses, i);

        use->signature = map[use->signature];
    }
    for (size_t i = 0; i < builder->directs.len; i++) {
        struct builder_direct *direct = vec_at(&builder->directs, i);

        direct->direct.signature = map[direct->direct.signature];
    }
    for (size_t i = 0; i < builder->parts.len; i++) {
        struct layout_part *part = vec_at(&builder->parts, i);

        if (part->kind == LAYOUT_PART_BODY) {
            part->first = map[part->first];
        }
    }
}

static int settle_sort(struct match_builder *builder, struct vec *sorted, uint32_t *map)
{
    if (!settle_move(builder, true, sorted, map)) {
        return ERR_NEW(-ENOMEM);
    }
    builder->alone_len = (uint32_t)sorted->len;
    return settle_move(builder, false, sorted, map) ? 0 : ERR_NEW(-ENOMEM);
}

int builder_settle(struct match_builder *builder)
{
    struct vec sorted = VEC_OF(struct program_signature);
    uint32_t *map = calloc(builder->signatures.len + 1, sizeof(*map));
    const int r = map ? settle_sort(builder, &sorted, map) : ERR_NEW(-ENOMEM);

    if (r == 0) {
        const struct vec old = builder->signatures;

        settle_renumber(builder, map);
        builder->signatures = sorted;
        sorted = old;
    }
    vec_free(&sorted);
    free(map);
    return r;
}
