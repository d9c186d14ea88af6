/* SPDX-License-Identifier: MIT */
#include "match/builder.h"

#include "base/err.h"
#include "match/threat.h"

void builder_hashes_init(struct match_builder *builder)
{
    for (unsigned i = 0; i < LAYOUT_SCOPES * LAYOUT_HASHES; i++) {
        const unsigned kind = i % LAYOUT_HASHES;

        builder->hashes[i / LAYOUT_HASHES][kind] =
            (struct vec){.item_bytes = builder_hash_bytes((enum layout_hash)kind)};
    }
}

void builder_hashes_free(struct match_builder *builder)
{
    for (unsigned i = 0; i < LAYOUT_SCOPES * LAYOUT_HASHES; i++) {
        vec_free(&builder->hashes[i / LAYOUT_HASHES][i % LAYOUT_HASHES]);
    }
}

size_t builder_hash_bytes(enum layout_hash kind)
{
    return layout_digest_bytes(kind) + sizeof(struct layout_digest);
}

/* A name with a number in it is that number and a text that others share. */
static int hash_take_name(struct match_builder *builder, struct slice name,
                          struct layout_digest *out)
{
    struct threat_name split;

    out->number = LAYOUT_NO_NUMBER;
    if (threat_split(name, &split)) {
        out->number = split.number;
        name = slice_from(split.text, split.len);
    }
    return builder_threat_of(builder, name, &out->threat);
}

/* What one line says, but for its name and hash. */
struct hash_use {
    enum layout_scope scope;
    uint64_t size;
    bool allow;
};

static int hash_add(struct match_builder *builder, struct slice name, struct slice hex,
                    const struct hash_use *use)
{
    uint8_t row[LAYOUT_DIGEST_MAX + sizeof(struct layout_digest)] = {0};
    struct layout_digest entry = {.size = (uint32_t)use->size};

    if (hex.len != 32 && hex.len != 40 && hex.len != 64) {
        return builder_refuse(builder, MATCH_BUILD_BAD_HASH,
                              "a hash that is not 32, 40 or 64 digits long");
    }
    if (!slice_parse_hex(hex, row, hex.len / 2)) {
        return builder_refuse(builder, MATCH_BUILD_BAD_HASH, "a hash with a foreign digit");
    }
    if (use->size >= LAYOUT_DIGEST_ANY_SIZE && use->size != LAYOUT_ANY_SIZE) {
        return builder_refuse(builder, MATCH_BUILD_BAD_HASH, "a size of 4 GiB or more");
    }
    const int r = hash_take_name(builder, name, &entry);

    if (r) {
        return ERR_PASS(r);
    }
    const enum layout_hash kind = hex.len == 32   ? LAYOUT_MD5
                                  : hex.len == 40 ? LAYOUT_SHA1
                                                  : LAYOUT_SHA256;

    entry.threat |= use->allow ? LAYOUT_DIGEST_ALLOW : 0;
    memcpy(row + layout_digest_bytes(kind), &entry, sizeof(entry));
    if (!vec_append(&builder->hashes[use->scope][kind], row, 1)) {
        return ERR_NEW(-ENOMEM);
    }
    builder->hashes_len++;
    return 0;
}

int match_builder_add_hash(struct match_builder *builder, struct slice name, struct slice hex,
                           uint64_t size, bool allow)
{
    const struct hash_use use = {.scope = LAYOUT_SCOPE_BODY, .size = size, .allow = allow};

    return hash_add(builder, name, hex, &use);
}

int match_builder_add_section_hash(struct match_builder *builder, struct slice name,
                                   struct slice hex, uint64_t size)
{
    const struct hash_use use = {.scope = LAYOUT_SCOPE_SECTION, .size = size};

    return hash_add(builder, name, hex, &use);
}

int match_builder_add_imports_hash(struct match_builder *builder, struct slice name,
                                   struct slice hex, uint64_t size)
{
    const struct hash_use use = {.scope = LAYOUT_SCOPE_IMPORTS, .size = size};

    return hash_add(builder, name, hex, &use);
}
