/* SPDX-License-Identifier: MIT */
#include "match/layout.h"

#include "base/err.h"
#include "match/layout_hash.h"
#include "match/layout_logic.h"

#include <assert.h>

static_assert(sizeof(struct program_op) == 16, "part of the format");
static_assert(sizeof(struct program_cluster) == 40, "part of the format");
static_assert(sizeof(struct program_signature) == 56, "part of the format");
static_assert(sizeof(struct layout_direct) == 40, "part of the format");
static_assert(sizeof(struct layout_chunk) == 8, "part of the format");
static_assert(sizeof(struct layout_table) == 44, "part of the format");
static_assert(sizeof(struct layout_digest) == 12, "part of the format");
static_assert(sizeof(struct layout_logic) == 80, "part of the format");
static_assert(sizeof(struct layout_part) == 20, "part of the format");
static_assert(sizeof(struct layout_node) == 16, "part of the format");
static_assert(sizeof(struct layout_compare) == 40, "part of the format");
static_assert(sizeof(struct layout_regex) == 40, "part of the format");
static_assert(sizeof(struct layout_member) == 72, "part of the format");
static_assert(sizeof(struct layout_password) == 12, "part of the format");
static_assert(sizeof(struct layout_magic) == 136, "part of the format");

size_t layout_item_bytes(enum layout_section section)
{
    static const size_t bytes[LAYOUT_SECTIONS] = {
        [LAYOUT_SIGNATURES] = sizeof(struct program_signature),
        [LAYOUT_CLUSTERS] = sizeof(struct program_cluster),
        [LAYOUT_OPS] = sizeof(struct program_op),
        [LAYOUT_BRANCHES] = sizeof(struct program_branch),
        [LAYOUT_BYTES] = 1,
        [LAYOUT_SETS] = sizeof(struct program_set),
        [LAYOUT_TRIGGERS] = sizeof(uint32_t),
        [LAYOUT_TRIGGER_LISTS] = sizeof(uint32_t),
        [LAYOUT_DIRECTS] = sizeof(struct layout_direct),
        [LAYOUT_DIRECT_GROUPS] = sizeof(struct layout_group),
        [LAYOUT_DIRECT_LISTS] = sizeof(uint32_t),
        [LAYOUT_DATABASES] = sizeof(struct layout_database),
        [LAYOUT_BLOBS] = 1,
        [LAYOUT_CHUNKS] = sizeof(struct layout_chunk),
        [LAYOUT_SIZE_LOWS] = sizeof(uint16_t),
        [LAYOUT_BUCKETS] = sizeof(uint32_t),
        [LAYOUT_DIGEST_WORDS] = sizeof(uint32_t),
        [LAYOUT_DIGESTS] = sizeof(struct layout_digest),
        [LAYOUT_THREATS] = sizeof(struct layout_threat),
        [LAYOUT_STRINGS] = 1,
        [LAYOUT_LOGICS] = sizeof(struct layout_logic),
        [LAYOUT_PARTS] = sizeof(struct layout_part),
        [LAYOUT_NODES] = sizeof(struct layout_node),
        [LAYOUT_COMPARES] = sizeof(struct layout_compare),
        [LAYOUT_REGEXES] = sizeof(struct layout_regex),
        [LAYOUT_GROUPS] = sizeof(struct layout_group),
        [LAYOUT_GROUP_LISTS] = sizeof(uint32_t),
        [LAYOUT_ALWAYS] = sizeof(uint32_t),
        [LAYOUT_TYPES] = sizeof(uint16_t),
        [LAYOUT_RULESETS] = sizeof(struct layout_ruleset),
        [LAYOUT_MEMBERS] = sizeof(struct layout_member),
        [LAYOUT_PASSWORDS] = sizeof(struct layout_password),
        [LAYOUT_MEMBER_TEXTS] = 1,
        [LAYOUT_MAGICS] = sizeof(struct layout_magic),
    };

    return bytes[section];
}

size_t layout_digest_bytes(enum layout_hash kind)
{
    return kind == LAYOUT_MD5 ? 16 : kind == LAYOUT_SHA1 ? 20 : 32;
}

static bool layout_fits(uint64_t first, uint64_t len, uint64_t total)
{
    return first <= total && len <= total - first;
}

static bool layout_check_header(const struct layout_header *header, struct slice image)
{
    return image.len >= sizeof(*header) && ((uintptr_t)image.ptr & (LAYOUT_ALIGN - 1)) == 0 &&
           memcmp(header->magic, LAYOUT_MAGIC, sizeof(header->magic)) == 0 &&
           header->version == LAYOUT_VERSION && header->header_bytes == sizeof(*header) &&
           header->image_bytes == image.len;
}

static bool layout_check_sections(struct layout *layout, struct slice image)
{
    for (unsigned i = 0; i < LAYOUT_SECTIONS; i++) {
        const struct layout_span *span = &layout->header->sections[i];
        const size_t item_bytes = layout_item_bytes((enum layout_section)i);

        if (span->offset % LAYOUT_ALIGN != 0 || span->len % item_bytes != 0 ||
            !layout_fits(span->offset, span->len, image.len) ||
            span->len / item_bytes >= UINT32_MAX) {
            return false;
        }
        layout->len[i] = (uint32_t)(span->len / item_bytes);
    }
    return true;
}

static const void *layout_section_at(const struct layout *layout, enum layout_section section)
{
    return (const uint8_t *)layout->header + layout->header->sections[section].offset;
}

static void layout_point(struct layout *layout)
{
    layout->signatures = layout_section_at(layout, LAYOUT_SIGNATURES);
    layout->clusters = layout_section_at(layout, LAYOUT_CLUSTERS);
    layout->ops = layout_section_at(layout, LAYOUT_OPS);
    layout->branches = layout_section_at(layout, LAYOUT_BRANCHES);
    layout->bytes = layout_section_at(layout, LAYOUT_BYTES);
    layout->sets = layout_section_at(layout, LAYOUT_SETS);
    layout->triggers = layout_section_at(layout, LAYOUT_TRIGGERS);
    layout->trigger_lists = layout_section_at(layout, LAYOUT_TRIGGER_LISTS);
    layout->directs = layout_section_at(layout, LAYOUT_DIRECTS);
    layout->direct_groups = layout_section_at(layout, LAYOUT_DIRECT_GROUPS);
    layout->direct_lists = layout_section_at(layout, LAYOUT_DIRECT_LISTS);
    layout->databases = layout_section_at(layout, LAYOUT_DATABASES);
    layout->chunks = layout_section_at(layout, LAYOUT_CHUNKS);
    layout->size_lows = layout_section_at(layout, LAYOUT_SIZE_LOWS);
    layout->buckets = layout_section_at(layout, LAYOUT_BUCKETS);
    layout->digest_words = layout_section_at(layout, LAYOUT_DIGEST_WORDS);
    layout->digests = layout_section_at(layout, LAYOUT_DIGESTS);
    layout->threats = layout_section_at(layout, LAYOUT_THREATS);
    layout->strings = layout_section_at(layout, LAYOUT_STRINGS);
    layout->logics = layout_section_at(layout, LAYOUT_LOGICS);
    layout->parts = layout_section_at(layout, LAYOUT_PARTS);
    layout->nodes = layout_section_at(layout, LAYOUT_NODES);
    layout->compares = layout_section_at(layout, LAYOUT_COMPARES);
    layout->regexes = layout_section_at(layout, LAYOUT_REGEXES);
    layout->groups = layout_section_at(layout, LAYOUT_GROUPS);
    layout->group_lists = layout_section_at(layout, LAYOUT_GROUP_LISTS);
    layout->always = layout_section_at(layout, LAYOUT_ALWAYS);
    layout->types = layout_section_at(layout, LAYOUT_TYPES);
    layout->rulesets = layout_section_at(layout, LAYOUT_RULESETS);
    layout->members = layout_section_at(layout, LAYOUT_MEMBERS);
    layout->passwords = layout_section_at(layout, LAYOUT_PASSWORDS);
    layout->member_texts = layout_section_at(layout, LAYOUT_MEMBER_TEXTS);
    layout->magics = layout_section_at(layout, LAYOUT_MAGICS);
}

/* ---- Programs ---- */

/* Branches lie before the operation that names them, so following them always ends. */
static bool layout_check_either(const struct layout *layout, uint32_t index)
{
    const struct program_op *op = &layout->ops[index];

    if (!layout_fits(op->at, op->count, layout->len[LAYOUT_BRANCHES])) {
        return false;
    }
    for (uint32_t i = 0; i < op->count; i++) {
        const struct program_branch *branch = &layout->branches[op->at + i];

        if (!layout_fits(branch->op_first, branch->op_len, index)) {
            return false;
        }
    }
    return true;
}

static bool layout_check_op(const struct layout *layout, uint32_t index)
{
    const struct program_op *op = &layout->ops[index];

    if (op->kind != PROGRAM_EDGE && (op->len > op->max || op->max > PROGRAM_EXTENT_MAX)) {
        return false;
    }
    switch (op->kind) {
    case PROGRAM_BYTES:
    case PROGRAM_NOCASE:
        return op->len > 0 && op->len == op->max &&
               layout_fits(op->at, op->len, layout->len[LAYOUT_BYTES]);
    case PROGRAM_SET:
        return op->len == 1 && op->max == 1 && op->at < layout->len[LAYOUT_SETS];
    case PROGRAM_GAP:
        return true;
    case PROGRAM_EITHER:
        return layout_check_either(layout, index);
    case PROGRAM_EDGE:
        return op->at < PROGRAM_EDGES &&
               (!program_edge_has_set(op) || op->len < layout->len[LAYOUT_SETS]);
    default:
        return false;
    }
}

static bool layout_check_cluster(const struct layout *layout, const struct program_cluster *cluster)
{
    if (cluster->op_len == 0 || cluster->len_min > cluster->len_max ||
        cluster->len_max > PROGRAM_EXTENT_MAX || cluster->gap_min > UINT32_MAX ||
        !layout_fits(cluster->op_first, cluster->op_len, layout->len[LAYOUT_OPS])) {
        return false;
    }
    if (cluster->anchor == PROGRAM_NONE) {
        return true;
    }
    return cluster->anchor >= cluster->op_first &&
           cluster->anchor - cluster->op_first < cluster->op_len &&
           program_op_is_string(&layout->ops[cluster->anchor]) &&
           cluster->anchor_rare < layout->ops[cluster->anchor].len &&
           cluster->anchor_min <= cluster->anchor_max && cluster->anchor_max <= cluster->len_max;
}

static bool layout_check_signature(const struct layout *layout,
                                   const struct program_signature *signature)
{
    if (signature->threat >= layout->len[LAYOUT_THREATS] || signature->cluster_len == 0 ||
        !layout_fits(signature->cluster_first, signature->cluster_len,
                     layout->len[LAYOUT_CLUSTERS]) ||
        signature->target >= MATCH_TARGET_COUNT || signature->shift > UINT32_MAX ||
        !layout_logic_check_offset(signature->offset_kind, signature->offset)) {
        return false;
    }
    if (signature->trigger_cluster == PROGRAM_NONE) {
        return true;
    }
    const uint32_t relative = signature->trigger_cluster - signature->cluster_first;

    if (relative >= signature->cluster_len) {
        return false;
    }
    const struct program_cluster *cluster = &layout->clusters[signature->trigger_cluster];

    return signature->trigger_split > cluster->op_first &&
           signature->trigger_split - cluster->op_first <= cluster->op_len;
}

static bool layout_check_programs(const struct layout *layout)
{
    for (uint32_t i = 0; i < layout->len[LAYOUT_OPS]; i++) {
        if (!layout_check_op(layout, i)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < layout->len[LAYOUT_CLUSTERS]; i++) {
        if (!layout_check_cluster(layout, &layout->clusters[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < layout->len[LAYOUT_SIGNATURES]; i++) {
        if (!layout_check_signature(layout, &layout->signatures[i])) {
            return false;
        }
    }
    return true;
}

/* ---- Triggers and databases ---- */

static bool layout_check_triggers(const struct layout *layout)
{
    const uint32_t len = layout->len[LAYOUT_TRIGGERS];
    const uint32_t lists_len = layout->len[LAYOUT_TRIGGER_LISTS];

    if (len == 0 || layout->triggers[len - 1] != lists_len) {
        return false;
    }
    for (uint32_t i = 1; i < len; i++) {
        if (layout->triggers[i - 1] > layout->triggers[i]) {
            return false;
        }
    }
    for (uint32_t i = 0; i < lists_len; i++) {
        const uint32_t signature = layout->trigger_lists[i];

        if (signature >= layout->len[LAYOUT_SIGNATURES] ||
            layout->signatures[signature].trigger_cluster == PROGRAM_NONE) {
            return false;
        }
    }
    return true;
}

static bool layout_check_databases(const struct layout *layout)
{
    const struct layout_header *header = layout->header;

    for (uint32_t i = 0; i < layout->len[LAYOUT_DATABASES]; i++) {
        const struct layout_database *database = &layout->databases[i];

        if (database->offset % LAYOUT_ALIGN != 0 ||
            !layout_fits(database->offset, database->len, header->image_bytes)) {
            return false;
        }
    }
    for (unsigned i = 0; i < MATCH_TARGET_COUNT; i++) {
        if (header->database_of[i] != PROGRAM_NONE &&
            header->database_of[i] >= layout->len[LAYOUT_DATABASES]) {
            return false;
        }
    }
    return true;
}

static bool layout_check_directs(const struct layout *layout)
{
    const struct layout_header *header = layout->header;

    for (unsigned i = 0; i < MATCH_TARGET_COUNT; i++) {
        if ((header->direct_len[i] != 0 && header->direct_len[i] != LAYOUT_DIRECT_BYTES) ||
            !layout_fits(header->direct_first[i], header->direct_len[i],
                         layout->len[LAYOUT_DIRECT_GROUPS])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < layout->len[LAYOUT_DIRECT_GROUPS]; i++) {
        const struct layout_group *group = &layout->direct_groups[i];

        if (!layout_fits(group->first, group->len, layout->len[LAYOUT_DIRECT_LISTS])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < layout->len[LAYOUT_DIRECT_LISTS]; i++) {
        if (layout->direct_lists[i] >= layout->len[LAYOUT_DIRECTS]) {
            return false;
        }
    }
    for (uint32_t i = 0; i < layout->len[LAYOUT_DIRECTS]; i++) {
        const struct layout_direct *direct = &layout->directs[i];

        if (direct->signature >= layout->len[LAYOUT_SIGNATURES] || direct->at > UINT32_MAX) {
            return false;
        }
    }
    return true;
}

/* ---- Names ---- */

static bool layout_check_threats(const struct layout *layout)
{
    const uint32_t len = layout->len[LAYOUT_STRINGS];

    if (len == 0 || layout->strings[len - 1] != '\0') {
        return false;
    }
    for (uint32_t i = 0; i < layout->len[LAYOUT_THREATS]; i++) {
        const struct layout_threat *threat = &layout->threats[i];

        if (threat->name >= len || threat->category >= len || threat->repair >= len) {
            return false;
        }
    }
    return true;
}

/* ---- Members of containers, types of files ---- */

static bool layout_check_members(const struct layout *layout)
{
    const uint32_t texts_len = layout->len[LAYOUT_MEMBER_TEXTS];

    if (texts_len > 0 && layout->member_texts[texts_len - 1] != '\0') {
        return false;
    }
    for (uint32_t i = 0; i < layout->len[LAYOUT_MEMBERS]; i++) {
        const struct layout_member *member = &layout->members[i];

        if (member->threat >= layout->len[LAYOUT_THREATS] ||
            (member->name != PROGRAM_NONE && member->name >= texts_len)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < layout->len[LAYOUT_PASSWORDS]; i++) {
        const struct layout_password *password = &layout->passwords[i];

        if (!layout_fits(password->text, password->len, texts_len)) {
            return false;
        }
    }
    return true;
}

static bool layout_check_magics(const struct layout *layout)
{
    for (uint32_t i = 0; i < layout->len[LAYOUT_MAGICS]; i++) {
        const struct layout_magic *magic = &layout->magics[i];

        if (magic->len == 0 || magic->len > LAYOUT_MAGIC_MAX ||
            !layout_fits(magic->at, magic->len, FILETYPE_PROBE)) {
            return false;
        }
    }
    return true;
}

int layout_adopt(struct layout *out, struct slice image)
{
    struct layout layout = {.header = (const struct layout_header *)(const void *)image.ptr};

    if (!layout_check_header(layout.header, image) || !layout_check_sections(&layout, image)) {
        return ERR_NEW(-EBADMSG);
    }
    layout_point(&layout);
    *out = layout;
    return 0;
}

int layout_open(struct layout *out, struct slice image)
{
    struct layout layout;
    const int r = layout_adopt(&layout, image);

    if (r) {
        return ERR_PASS(r);
    }
    if (!layout_check_programs(&layout) || !layout_check_triggers(&layout) ||
        !layout_check_databases(&layout) || !layout_check_directs(&layout) ||
        !layout_hash_check(&layout) || !layout_check_threats(&layout) ||
        !layout_check_members(&layout) || !layout_check_magics(&layout) ||
        !layout_logic_check(&layout)) {
        return ERR_NEW(-EBADMSG);
    }
    *out = layout;
    return 0;
}
