/* SPDX-License-Identifier: MIT */
#include "match/builder.h"

#include "base/assert.h"
#include "base/err.h"
#include "match/trigger.h"

#include <hs/hs.h>
#include <stdio.h>

/*
 * Everything but the Hyperscan databases is collected in vectors, one for each section; then the
 * databases are compiled, the image is laid out and the databases are unfolded in the place where
 * they will be used.
 */
struct image_job {
    struct match_builder *builder;
    struct layout_header header;
    struct vec sections[LAYOUT_SECTIONS];
    char *serialised[MATCH_TARGET_COUNT];
    size_t serialised_len[MATCH_TARGET_COUNT];
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

#define DATABASE_TEXT_CAP (TRIGGER_LEN_MAX * 4 + 1)

/* What one database looks for. */
struct database_job {
    char *texts;
    const char **expressions;
    unsigned *flags;
    unsigned *ids;
    unsigned len;
};

static void database_job_free(struct database_job *job)
{
    free(job->texts);
    free(job->expressions);
    free(job->flags);
    free(job->ids);
}

static int database_job_init(struct database_job *job, size_t cap)
{
    *job = (struct database_job){
        .texts = calloc(cap + 1, DATABASE_TEXT_CAP),
        .expressions = calloc(cap + 1, sizeof(*job->expressions)),
        .flags = calloc(cap + 1, sizeof(*job->flags)),
        .ids = calloc(cap + 1, sizeof(*job->ids)),
    };
    return job->texts && job->expressions && job->flags && job->ids ? 0 : image_no_memory();
}

static void database_job_add(struct database_job *job, struct slice string, unsigned id)
{
    char *text = job->texts + (size_t)job->len * DATABASE_TEXT_CAP;

    ASSERT(string.len <= TRIGGER_LEN_MAX);
    for (size_t i = 0; i < string.len; i++) {
        snprintf(text + i * 4, 5, "\\x%02x", string.ptr[i]);
    }
    job->expressions[job->len] = text;
    job->flags[job->len] = HS_FLAG_DOTALL;
    job->ids[job->len] = id;
    job->len++;
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

/*
 * Nothing above AVX2, so that hosts can share an image; measurements show no gain from more at
 * these sizes. Not the pure-literal interface, which has defects in this version of the library.
 */
static int database_compile(struct match_builder *builder, const struct database_job *job,
                            hs_database_t **out_database)
{
    hs_platform_info_t platform = {.tune = HS_TUNE_FAMILY_GENERIC};
    hs_platform_info_t host;
    hs_compile_error_t *error = NULL;

    if (hs_populate_platform(&host) == HS_SUCCESS) {
        platform.cpu_features = host.cpu_features & HS_CPU_FEATURES_AVX2;
    }
    if (hs_compile_multi(job->expressions, job->flags, job->ids, job->len, HS_MODE_STREAM,
                         &platform, out_database, &error) != HS_SUCCESS) {
        snprintf(builder->error, sizeof(builder->error), "Hyperscan: %s",
                 error ? error->message : "no memory");
        hs_free_compile_error(error);
        return ERR_NEW(-EINVAL);
    }
    return 0;
}

static int database_serialise(struct image_job *job, const struct database_job *work,
                              uint32_t index)
{
    hs_database_t *database = NULL;
    const int r = database_compile(job->builder, work, &database);

    if (r) {
        return ERR_PASS(r);
    }
    const hs_error_t error =
        hs_serialize_database(database, &job->serialised[index], &job->serialised_len[index]);

    hs_free_database(database);
    return error == HS_SUCCESS ? 0 : image_no_memory();
}

/* Compiles the database of one target; a target that adds no trigger takes the generic one. */
static int image_add_database(struct image_job *job, uint32_t target)
{
    const uint32_t triggers_len = intern_len(&job->builder->triggers);
    uint32_t *slot = &job->header.database_of[target];
    struct database_job work;
    uint32_t added = 0;
    int r = database_job_init(&work, triggers_len);

    for (uint32_t i = 0; r == 0 && i < triggers_len; i++) {
        const bool generic = database_wants(job, i, MATCH_TARGET_ANY);

        if (generic || database_wants(job, i, target)) {
            database_job_add(&work, intern_at(&job->builder->triggers, i), i);
            added += !generic;
        }
    }
    *slot = job->header.database_of[MATCH_TARGET_ANY];
    if (r == 0 && work.len > 0 && (target == MATCH_TARGET_ANY || added > 0)) {
        *slot = (uint32_t)job->sections[LAYOUT_DATABASES].len;
        r = vec_extend(&job->sections[LAYOUT_DATABASES], 1) ? 0 : image_no_memory();
        if (r == 0) {
            r = database_serialise(job, &work, *slot);
        }
    }
    database_job_free(&work);
    return r;
}

static int image_add_databases(struct image_job *job)
{
    job->header.targets = 1;
    for (uint32_t i = 0; i < job->builder->signatures.len; i++) {
        job->header.targets |= 1U << image_target_of(job, i);
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
        size_t len = 0;

        if (hs_serialized_database_size(job->serialised[i], job->serialised_len[i], &len) !=
            HS_SUCCESS) {
            return ERR_NEW(-EINVAL);
        }
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

static int image_add_directs(struct image_job *job)
{
    struct vec *directs = &job->builder->directs;

    if (directs->len > 0) {
        qsort(directs->ptr, directs->len, directs->item_bytes, direct_compare);
    }
    for (uint32_t i = 0; i < directs->len; i++) {
        const struct builder_direct *row = vec_at(directs, i);

        if (job->header.direct_len[row->target]++ == 0) {
            job->header.direct_first[row->target] = i;
        }
        if (!vec_append(&job->sections[LAYOUT_DIRECTS], &row->direct, 1)) {
            return image_no_memory();
        }
    }
    return 0;
}

/* ---- Hashes ---- */

static int hash_compare(const void *left, const void *right)
{
    const struct builder_hash *a = left;
    const struct builder_hash *b = right;

    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    const int order = memcmp(a->digest.digest, b->digest.digest, LAYOUT_DIGEST_MAX);

    if (order != 0) {
        return order;
    }
    if (a->digest.allow != b->digest.allow) {
        return a->digest.allow > b->digest.allow ? -1 : 1;
    }
    return a->digest.threat < b->digest.threat ? -1 : a->digest.threat > b->digest.threat;
}

static int image_add_size(struct image_job *job, const struct builder_hash *hash)
{
    const struct layout_size size = {.size = hash->size,
                                     .digest_first = (uint32_t)job->sections[LAYOUT_DIGESTS].len};

    if (job->header.size_len[hash->kind]++ == 0) {
        job->header.size_first[hash->kind] = (uint32_t)job->sections[LAYOUT_SIZES].len;
    }
    return vec_append(&job->sections[LAYOUT_SIZES], &size, 1) ? 0 : image_no_memory();
}

static void image_count_hash(struct layout_header *header, const struct builder_hash *hash)
{
    if (hash->digest.allow) {
        header->allows_len++;
        header->allow_size_max = MAX_OF(header->allow_size_max, hash->size);
    } else {
        header->hashes_len++;
    }
}

/* Of equal digests the one on the allow list stays, or else the first name. */
static int image_add_hashes(struct image_job *job)
{
    struct vec *hashes = &job->builder->hashes;
    struct vec *sizes = &job->sections[LAYOUT_SIZES];
    const struct builder_hash *last = NULL;

    if (hashes->len > 0) {
        qsort(hashes->ptr, hashes->len, hashes->item_bytes, hash_compare);
    }
    for (size_t i = 0; i < hashes->len; i++) {
        const struct builder_hash *hash = vec_at(hashes, i);
        const bool same_size = last && last->kind == hash->kind && last->size == hash->size;
        const int r = same_size ? 0 : image_add_size(job, hash);

        if (r) {
            return ERR_PASS(r);
        }
        image_count_hash(&job->header, hash);
        if (!same_size ||
            memcmp(last->digest.digest, hash->digest.digest, LAYOUT_DIGEST_MAX) != 0) {
            struct layout_size *size = vec_at(sizes, sizes->len - 1);

            if (!vec_append(&job->sections[LAYOUT_DIGESTS], &hash->digest, 1)) {
                return image_no_memory();
            }
            size->digest_len++;
            size->detects |= !hash->digest.allow;
            size->allows |= hash->digest.allow != 0;
        }
        last = hash;
    }
    return 0;
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
    r = r ? r : image_copy(job, LAYOUT_BYTES, &builder->bytes);
    for (uint32_t i = 0; r == 0 && i < intern_len(&builder->sets); i++) {
        if (!vec_append(&job->sections[LAYOUT_SETS], intern_at(&builder->sets, i).ptr, 1)) {
            r = image_no_memory();
        }
    }
    return r;
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
        hs_database_t *place = (hs_database_t *)(void *)(image + row->offset);

        if (hs_deserialize_database_at(job->serialised[i], job->serialised_len[i], place) !=
            HS_SUCCESS) {
            free(image);
            return ERR_NEW(-EINVAL);
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
    job->header.patterns_len = (uint32_t)builder->signatures.len;
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
        free(job->serialised[i]);
    }
}

int match_builder_finish(struct match_builder *builder, uint8_t **out_image, size_t *out_len)
{
    struct image_job job;

    image_job_init(&job, builder);
    int r = image_add_threats(&job);

    r = r ? r : image_copy_programs(&job);
    r = r ? r : image_add_triggers(&job);
    r = r ? r : image_add_databases(&job);
    r = r ? r : image_place_databases(&job);
    r = r ? r : image_add_directs(&job);
    r = r ? r : image_add_hashes(&job);
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
