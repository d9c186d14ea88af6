/* SPDX-License-Identifier: MIT */
#include "match/builder.h"

#include "base/assert.h"
#include "base/err.h"
#include "match/scan_build.h"
#include "match/trigger.h"

#include <stdio.h>

/*
 * Everything but the databases is collected in vectors, one for each section; then the databases
 * are compiled, the image is laid out and the databases are written to the place where they will be
 * used.
 */
struct image_job {
    struct match_builder *builder;
    struct layout_header header;
    struct vec sections[LAYOUT_SECTIONS];
    struct scan_code *codes[MATCH_TARGET_COUNT];
};

static int image_no_memory(void)
{
    return ERR_NEW(-ENOMEM);
}

static uint32_t image_target_of(const struct image_job *job, uint32_t signature)
{
    const struct program_signature *row = vec_at(&job->builder->signatures, signature);

    return row->target;
}

/* ---- Names ---- */

/* Appends all texts of an intern, each with a NUL; `*out_offsets` is one offset for each. */
static int image_add_texts(struct image_job *job, const struct intern *texts,
                           uint32_t **out_offsets)
{
    struct vec *strings = &job->sections[LAYOUT_STRINGS];
    uint32_t *offsets = calloc(intern_len(texts) + 1, sizeof(*offsets));

    *out_offsets = offsets;
    if (!offsets) {
        return image_no_memory();
    }
    for (uint32_t i = 0; i < intern_len(texts); i++) {
        const struct slice text = intern_at(texts, i);

        offsets[i] = (uint32_t)strings->len;
        if (!vec_append(strings, text.ptr, text.len) || !vec_append(strings, "", 1)) {
            return image_no_memory();
        }
    }
    return 0;
}

static int image_add_regexes(struct image_job *job, const uint32_t *texts)
{
    const struct vec *regexes = &job->builder->regexes;

    for (size_t i = 0; i < regexes->len; i++) {
        struct layout_regex row = *(struct layout_regex *)vec_at(regexes, i);

        row.text = texts[row.text];
        if (!vec_append(&job->sections[LAYOUT_REGEXES], &row, 1)) {
            return image_no_memory();
        }
    }
    return 0;
}

/* Threats, and whatever else has a text. */
static int image_add_threats(struct image_job *job)
{
    const struct vec *threats = &job->builder->threats;
    uint32_t *names = NULL;
    uint32_t *texts = NULL;
    int r = vec_append(&job->sections[LAYOUT_STRINGS], "", 1) ? 0 : image_no_memory();

    if (r == 0) {
        r = image_add_texts(job, &job->builder->names, &names);
    }
    if (r == 0) {
        r = image_add_texts(job, &job->builder->texts, &texts);
    }
    for (uint32_t i = 0; r == 0 && i < threats->len; i++) {
        const struct builder_threat *threat = vec_at(threats, i);
        const struct layout_threat row = {names[i], texts[threat->category], texts[threat->repair],
                                          threat->id};

        if (!vec_append(&job->sections[LAYOUT_THREATS], &row, 1)) {
            r = image_no_memory();
        }
    }
    if (r == 0) {
        r = image_add_regexes(job, texts);
    }
    free(names);
    free(texts);
    return r;
}

/* ---- Triggers ---- */

static int use_compare(const void *left, const void *right)
{
    const struct builder_use *a = left;
    const struct builder_use *b = right;

    if (a->trigger != b->trigger) {
        return a->trigger < b->trigger ? -1 : 1;
    }
    return a->signature < b->signature ? -1 : a->signature > b->signature;
}

static int image_add_triggers(struct image_job *job)
{
    struct vec *uses = &job->builder->uses;
    struct vec *lists = &job->sections[LAYOUT_TRIGGER_LISTS];
    size_t at = 0;

    if (uses->len > 0) {
        qsort(uses->ptr, uses->len, uses->item_bytes, use_compare);
    }
    for (uint32_t trigger = 0; trigger <= intern_len(&job->builder->triggers); trigger++) {
        const uint32_t first = (uint32_t)lists->len;

        if (!vec_append(&job->sections[LAYOUT_TRIGGERS], &first, 1)) {
            return image_no_memory();
        }
        for (; at < uses->len; at++) {
            const struct builder_use *use = vec_at(uses, at);

            if (use->trigger != trigger) {
                break;
            }
            if (!vec_append(lists, &use->signature, 1)) {
                return image_no_memory();
            }
        }
    }
    return 0;
}

/* ---- Databases ---- */

static int database_add_string(struct vec *strings, struct builder_trigger trigger, uint32_t id)
{
    const struct slice string = trigger.bytes;
    struct scan_string *row = vec_extend(strings, 1);

    if (!row) {
        return image_no_memory();
    }
    ASSERT(string.len <= SCAN_STRING_MAX);
    memcpy(row->bytes, string.ptr, string.len);
    row->len = (uint8_t)string.len;
    row->nocase = trigger.nocase;
    row->id = id;
    return 0;
}

/* What bodies of a target are made of. */
static struct scan_mix database_mix(uint32_t target)
{
    switch (target) {
    case MATCH_TARGET_ANY:
        /* Texts and pages as they stand, and all that is packed; programs have their own. */
        return (struct scan_mix){{4, 1, 2}};
    case MATCH_TARGET_PE:
    case MATCH_TARGET_ELF:
    case MATCH_TARGET_MACHO:
        return (struct scan_mix){{1, 4, 3}};
    case MATCH_TARGET_HTML:
    case MATCH_TARGET_MAIL:
    case MATCH_TARGET_ASCII:
        return (struct scan_mix){{6, 1, 0}};
    case MATCH_TARGET_GRAPHICS:
    case MATCH_TARGET_PDF:
    case MATCH_TARGET_FLASH:
        return (struct scan_mix){{1, 1, 4}};
    default:
        return (struct scan_mix){{1, 1, 1}};
    }
}

/* Does some generic signature, or one of this target, need the trigger. */
static bool database_wants(const struct image_job *job, uint32_t trigger, uint32_t target)
{
    const uint32_t *first = vec_at(&job->sections[LAYOUT_TRIGGERS], trigger);

    for (uint32_t i = first[0]; i < first[1]; i++) {
        const uint32_t *signature = vec_at(&job->sections[LAYOUT_TRIGGER_LISTS], i);
        const uint32_t wanted = image_target_of(job, *signature);

        if (wanted == MATCH_TARGET_ANY || wanted == target) {
            return true;
        }
    }
    return false;
}

/* Compiles the database of one target; a target that adds no trigger takes the generic one. */
static int image_add_database(struct image_job *job, uint32_t target)
{
    const uint32_t triggers_len = intern_len(&job->builder->triggers);
    uint32_t *slot = &job->header.database_of[target];
    const struct scan_mix mix = database_mix(target);
    struct vec strings = VEC_OF(struct scan_string);
    uint32_t added = 0;
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < triggers_len; i++) {
        const bool generic = database_wants(job, i, MATCH_TARGET_ANY);

        if (generic || database_wants(job, i, target)) {
            r = database_add_string(&strings, builder_trigger_at(job->builder, i), i);
            added += !generic;
        }
    }
    *slot = job->header.database_of[MATCH_TARGET_ANY];
    if (r == 0 && strings.len > 0 && (target == MATCH_TARGET_ANY || added > 0)) {
        *slot = (uint32_t)job->sections[LAYOUT_DATABASES].len;
        r = vec_extend(&job->sections[LAYOUT_DATABASES], 1) ? 0 : image_no_memory();
        if (r == 0) {
            r = scan_code_new(&job->codes[*slot], (const struct scan_string *)(void *)strings.ptr,
                              strings.len, &mix, &job->builder->cache, job->builder->error);
        }
    }
    vec_free(&strings);
    return r;
}

static int image_add_databases(struct image_job *job)
{
    job->header.targets = 1;
    for (uint32_t i = 0; i < job->builder->signatures.len; i++) {
        job->header.targets |= 1U << image_target_of(job, i);
    }
    for (uint32_t i = 0; i < job->builder->logics.len; i++) {
        const struct layout_logic *logic = vec_at(&job->builder->logics, i);

        job->header.targets |= 1U << logic->target;
    }
    job->header.database_of[MATCH_TARGET_ANY] = PROGRAM_NONE;
    for (uint32_t target = 0; target < MATCH_TARGET_COUNT; target++) {
        job->header.database_of[target] = job->header.database_of[MATCH_TARGET_ANY];
        if (job->header.targets >> target & 1) {
            const int r = image_add_database(job, target);

            if (r) {
                return ERR_PASS(r);
            }
        }
    }
    return 0;
}

/* Gives every database its place; the sizes are known, the bytes come last. */
static int image_place_databases(struct image_job *job)
{
    uint64_t offset = 0;

    for (uint32_t i = 0; i < job->sections[LAYOUT_DATABASES].len; i++) {
        struct layout_database *row = vec_at(&job->sections[LAYOUT_DATABASES], i);
        const size_t len = scan_code_bytes(job->codes[i]);

        *row = (struct layout_database){offset, len};
        offset += (len + LAYOUT_ALIGN - 1) & ~(uint64_t)(LAYOUT_ALIGN - 1);
    }
    return vec_extend(&job->sections[LAYOUT_BLOBS], offset) ? 0 : image_no_memory();
}

/* ---- Signatures in place ---- */

static int direct_compare(const void *left, const void *right)
{
    const struct builder_direct *a = left;
    const struct builder_direct *b = right;

    if (a->target != b->target) {
        return a->target < b->target ? -1 : 1;
    }
    if (a->direct.need != b->direct.need) {
        return a->direct.need < b->direct.need ? -1 : 1;
    }
    return a->direct.signature < b->direct.signature ? -1 : 1;
}

/* Could a body that begins with this byte have it? */
static bool direct_fits(const struct layout_direct *direct, unsigned byte)
{
    uint8_t mask;
    uint8_t value;

    if (byte == LAYOUT_DIRECT_NONE || direct->at > 0) {
        return true;
    }
    memcpy(&mask, &direct->mask, sizeof(mask));
    memcpy(&value, &direct->value, sizeof(value));
    return (byte & mask) == value;
}

/* The rows [first, end) are those of one target. */
static int image_list_directs(struct image_job *job, uint32_t target, uint32_t first, uint32_t end)
{
    struct vec *lists = &job->sections[LAYOUT_DIRECT_LISTS];
    struct vec *groups = &job->sections[LAYOUT_DIRECT_GROUPS];

    job->header.direct_first[target] = (uint32_t)groups->len;
    job->header.direct_len[target] = LAYOUT_DIRECT_BYTES;
    for (unsigned byte = 0; byte < LAYOUT_DIRECT_BYTES; byte++) {
        struct layout_group group = {.first = (uint32_t)lists->len};

        for (uint32_t i = first; i < end; i++) {
            const struct builder_direct *row = vec_at(&job->builder->directs, i);

            if (direct_fits(&row->direct, byte) && !vec_append(lists, &i, 1)) {
                return image_no_memory();
            }
        }
        group.len = (uint32_t)lists->len - group.first;
        if (!vec_append(groups, &group, 1)) {
            return image_no_memory();
        }
    }
    return 0;
}

static int image_add_directs(struct image_job *job)
{
    struct vec *directs = &job->builder->directs;
    uint32_t first = 0;
    int r = 0;

    if (directs->len > 0) {
        qsort(directs->ptr, directs->len, directs->item_bytes, direct_compare);
    }
    for (uint32_t i = 0; i < directs->len; i++) {
        const struct builder_direct *row = vec_at(directs, i);

        if (!vec_append(&job->sections[LAYOUT_DIRECTS], &row->direct, 1)) {
            return image_no_memory();
        }
        const struct builder_direct *next = i + 1 < directs->len ? vec_at(directs, i + 1) : NULL;

        if (!next || next->target != row->target) {
            r = r ? r : image_list_directs(job, row->target, first, i + 1);
            first = i + 1;
        }
    }
    return r;
}

/* ---- Logics ---- */

/* Which signatures are members of each macro group; groups up to the last that is named. */
static int image_add_groups(struct image_job *job)
{
    const struct match_builder *builder = job->builder;
    uint32_t groups = 0;

    for (size_t i = 0; i < builder->parts.len; i++) {
        const struct layout_part *part = vec_at(&builder->parts, i);

        groups = part->kind == LAYOUT_PART_MACRO ? MAX_OF(groups, part->first + 1) : groups;
    }
    for (uint32_t group = 0; group < groups; group++) {
        struct layout_group row = {.first = (uint32_t)job->sections[LAYOUT_GROUP_LISTS].len};

        for (uint32_t i = builder->alone_len; i < builder->signatures.len; i++) {
            const struct program_signature *signature = vec_at(&builder->signatures, i);

            if (signature->offset_kind != PROGRAM_IN_GROUP || signature->section != group) {
                continue;
            }
            if (!vec_append(&job->sections[LAYOUT_GROUP_LISTS], &i, 1)) {
                return image_no_memory();
            }
            row.len++;
        }
        if (!vec_append(&job->sections[LAYOUT_GROUPS], &row, 1)) {
            return image_no_memory();
        }
    }
    return 0;
}

static int image_add_always(struct image_job *job)
{
    const struct match_builder *builder = job->builder;
    struct vec *always = &job->sections[LAYOUT_ALWAYS];

    for (unsigned target = 0; target < MATCH_TARGET_COUNT; target++) {
        job->header.always_first[target] = (uint32_t)always->len;
        for (size_t i = 0; i < builder->always.len; i++) {
            const uint32_t *index = vec_at(&builder->always, i);
            const struct layout_logic *logic = vec_at(&builder->logics, *index);

            if (logic->target == target && !vec_append(always, index, 1)) {
                return image_no_memory();
            }
        }
        job->header.always_len[target] = (uint32_t)always->len - job->header.always_first[target];
    }
    return 0;
}

/* Rules lie behind the databases. */
static int image_add_rules(struct image_job *job)
{
    const struct match_builder *builder = job->builder;
    const uint64_t base = job->sections[LAYOUT_BLOBS].len;

    for (size_t i = 0; i < builder->rulesets.len; i++) {
        struct layout_ruleset row = *(struct layout_ruleset *)vec_at(&builder->rulesets, i);

        row.offset += base;
        if (!vec_append(&job->sections[LAYOUT_RULESETS], &row, 1)) {
            return image_no_memory();
        }
    }
    return vec_append(&job->sections[LAYOUT_BLOBS], builder->rules.ptr, builder->rules.len)
               ? 0
               : image_no_memory();
}

/* ---- The image ---- */

static int image_copy(struct image_job *job, enum layout_section section, const struct vec *from)
{
    return vec_append(&job->sections[section], from->ptr, from->len) ? 0 : image_no_memory();
}

static int image_copy_programs(struct image_job *job)
{
    const struct match_builder *builder = job->builder;
    int r = image_copy(job, LAYOUT_SIGNATURES, &builder->signatures);

    r = r ? r : image_copy(job, LAYOUT_CLUSTERS, &builder->clusters);
    r = r ? r : image_copy(job, LAYOUT_OPS, &builder->ops);
    r = r ? r : image_copy(job, LAYOUT_BRANCHES, &builder->branches);
    r = r ? r : image_copy(job, LAYOUT_BYTES, &builder->runs.bytes);
    for (uint32_t i = 0; r == 0 && i < intern_len(&builder->sets); i++) {
        if (!vec_append(&job->sections[LAYOUT_SETS], intern_at(&builder->sets, i).ptr, 1)) {
            r = image_no_memory();
        }
    }
    return r;
}

static int image_copy_logics(struct image_job *job)
{
    const struct match_builder *builder = job->builder;
    int r = image_copy(job, LAYOUT_LOGICS, &builder->logics);

    r = r ? r : image_copy(job, LAYOUT_PARTS, &builder->parts);
    r = r ? r : image_copy(job, LAYOUT_NODES, &builder->nodes);
    r = r ? r : image_copy(job, LAYOUT_COMPARES, &builder->compares);
    r = r ? r : image_copy(job, LAYOUT_TYPES, &builder->types);
    r = r ? r : image_add_groups(job);
    return r ? r : image_add_always(job);
}

static int image_copy_members(struct image_job *job)
{
    const struct match_builder *builder = job->builder;
    int r = image_copy(job, LAYOUT_MEMBERS, &builder->members);

    r = r ? r : image_copy(job, LAYOUT_PASSWORDS, &builder->passwords);
    r = r ? r : image_copy(job, LAYOUT_MEMBER_TEXTS, &builder->member_texts);
    return r ? r : image_copy(job, LAYOUT_MAGICS, &builder->magics);
}

static uint64_t image_align(uint64_t offset)
{
    return (offset + LAYOUT_ALIGN - 1) & ~(uint64_t)(LAYOUT_ALIGN - 1);
}

/* Gives every section its place. */
static void image_place_sections(struct image_job *job)
{
    uint64_t offset = image_align(sizeof(job->header));

    for (unsigned i = 0; i < LAYOUT_SECTIONS; i++) {
        struct layout_span *span = &job->header.sections[i];

        span->offset = offset;
        span->len = job->sections[i].len * job->sections[i].item_bytes;
        offset = image_align(offset + span->len);
    }
    job->header.image_bytes = offset;
    for (uint32_t i = 0; i < job->sections[LAYOUT_DATABASES].len; i++) {
        struct layout_database *row = vec_at(&job->sections[LAYOUT_DATABASES], i);

        row->offset += job->header.sections[LAYOUT_BLOBS].offset;
    }
    for (uint32_t i = 0; i < job->sections[LAYOUT_RULESETS].len; i++) {
        struct layout_ruleset *row = vec_at(&job->sections[LAYOUT_RULESETS], i);

        row->offset += job->header.sections[LAYOUT_BLOBS].offset;
    }
}

static int image_write(struct image_job *job, uint8_t **out_image)
{
    uint8_t *image = aligned_alloc(LAYOUT_ALIGN, job->header.image_bytes);

    if (!image) {
        return image_no_memory();
    }
    memset(image, 0, job->header.image_bytes);
    memcpy(image, &job->header, sizeof(job->header));
    for (unsigned i = 0; i < LAYOUT_SECTIONS; i++) {
        const struct layout_span *span = &job->header.sections[i];

        if (span->len > 0) {
            memcpy(image + span->offset, job->sections[i].ptr, span->len);
        }
    }
    for (uint32_t i = 0; i < job->sections[LAYOUT_DATABASES].len; i++) {
        const struct layout_database *row = vec_at(&job->sections[LAYOUT_DATABASES], i);
        const int r = scan_code_write(job->codes[i], image + row->offset);

        if (r) {
            free(image);
            return ERR_PASS(r);
        }
    }
    *out_image = image;
    return 0;
}

static void image_job_init(struct image_job *job, struct match_builder *builder)
{
    *job = (struct image_job){.builder = builder};
    memcpy(job->header.magic, LAYOUT_MAGIC, sizeof(job->header.magic));
    job->header.version = LAYOUT_VERSION;
    job->header.header_bytes = sizeof(job->header);
    job->header.patterns_len = builder->patterns_len;
    for (unsigned i = 0; i < LAYOUT_SECTIONS; i++) {
        job->sections[i].item_bytes = layout_item_bytes((enum layout_section)i);
    }
}

static void image_job_fini(struct image_job *job)
{
    for (unsigned i = 0; i < LAYOUT_SECTIONS; i++) {
        vec_free(&job->sections[i]);
    }
    for (unsigned i = 0; i < MATCH_TARGET_COUNT; i++) {
        scan_code_free(job->codes[i]);
    }
}

int match_builder_finish(struct match_builder *builder, uint8_t **out_image, size_t *out_len)
{
    struct image_job job;

    image_job_init(&job, builder);
    int r = builder_settle(builder);

    job.header.alone_len = builder->alone_len;
    r = r ? r : image_add_threats(&job);
    r = r ? r : image_copy_programs(&job);
    r = r ? r : image_copy_logics(&job);
    r = r ? r : image_add_triggers(&job);
    r = r ? r : image_add_databases(&job);
    r = r ? r : image_place_databases(&job);
    r = r ? r : image_add_rules(&job);
    r = r ? r : image_add_directs(&job);
    r = r ? r : builder_write_hashes(builder, &job.header, job.sections);
    r = r ? r : image_copy_members(&job);
    if (r == 0) {
        image_place_sections(&job);
        r = image_write(&job, out_image);
    }
    if (r == 0) {
        *out_len = job.header.image_bytes;
    }
    image_job_fini(&job);
    return r;
}
