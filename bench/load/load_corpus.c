/* SPDX-License-Identifier: MIT */
#include "bench/load/load_corpus.h"

#include "base/assert.h"
#include "bench/load/load_mix.h"
#include "bench/load/load_sizes.h"
#include "bench/load/load_web.h"

#include <stdlib.h>
#include <string.h>

#define LOAD_BUDGET_DEFAULT MIB(512)
#define LOAD_COUNT_MAX      ((size_t)1000000)
#define LOAD_NAME_CAP       64
#define LOAD_MARKER_MAX     200 /* Fits one block of a comment in a GIF. */

/* The EICAR test file, in two pieces: scanners are to find it in what is made, not in this. */
static const char load_corpus_eicar[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-"
                                        "ANTIVIRUS-TEST-FILE!$H+H*";

/* A body before it is made. */
struct load_draw {
    size_t entry; /* Of the mix. */
    size_t file;  /* Of the entry. */
    enum load_kind kind;
    size_t size;
    bool infected;
    bool shared; /* The same bytes as an earlier one's: a file that is there again. */
    size_t same; /* That one. */
};

/* What the items point to; the caller has the address of `items`. */
struct load_store {
    uint8_t *bodies;
    char (*names)[LOAD_NAME_CAP];
    char **paths;
    struct load_item items[];
};

/* A corpus in the making. */
struct load_build {
    const struct load_corpus_spec *spec;
    struct load_why why;
    struct load_mix mix;
    struct load_sizes sizes;
    struct slice marker;
    uint64_t budget;
    uint64_t bytes; /* Of what is stored. */
    size_t len;
    struct load_draw *draws;
    struct load_store *store;
};

static bool load_build_check(struct load_build *build)
{
    const struct load_corpus_spec *spec = build->spec;

    if (!(spec->infected_share >= 0 && spec->infected_share <= 1)) {
        return load_why_set(&build->why, "infected: a share is a number from 0 to 1");
    }
    if (build->marker.len == 0 || build->marker.len > LOAD_MARKER_MAX) {
        return load_why_set(&build->why, "infected: a marker has 1 to %d bytes", LOAD_MARKER_MAX);
    }
    if (spec->count > LOAD_COUNT_MAX) {
        return load_why_set(&build->why, "count: more than %zu bodies", LOAD_COUNT_MAX);
    }
    if (build->sizes.form == LOAD_SIZES_OWN && !load_mix_has_files_only(&build->mix)) {
        return load_why_set(&build->why, "sizes: only files have sizes of their own");
    }
    if (build->sizes.form == LOAD_SIZES_FIXED && build->sizes.fixed > build->budget &&
        !load_mix_has_files_only(&build->mix)) {
        return load_why_set(&build->why,
                            "sizes: a body of %zu bytes is more than the budget of %llu",
                            build->sizes.fixed, (unsigned long long)build->budget);
    }
    return true;
}

/* Each entry's files, all of them, or an answer that says what they would need. */
static bool load_build_check_files(const struct load_build *build)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < build->mix.len; i++) {
        const struct load_files *files = &build->mix.entries[i].files;

        for (size_t k = 0; k < files->len; k++) {
            if (files->files[k].size > build->budget) {
                return load_why_set(
                    &build->why, "%s: its %zu bytes are more than the budget of %llu",
                    files->files[k].path, files->files[k].size, (unsigned long long)build->budget);
            }
        }
        bytes += files->bytes;
    }
    if (bytes > build->budget) {
        return load_why_set(&build->why,
                            "mix: the files have %llu bytes, more than the budget of %llu",
                            (unsigned long long)bytes, (unsigned long long)build->budget);
    }
    return true;
}

static size_t load_build_count(const struct load_build *build)
{
    if (load_mix_has_files_only(&build->mix)) {
        return build->mix.count;
    }
    return MAX_OF(MAX_OF(build->spec->count, build->mix.count), (size_t)1);
}

static uint64_t load_entry_weight(const void *owner, size_t row)
{
    const struct load_mix *mix = owner;

    return mix->entries[row].weight;
}

static uint64_t load_row_weight(const void *owner, size_t row)
{
    const struct load_sizes *sizes = owner;

    return sizes->rows[row].count;
}

/* Exchanges each with one of those before it. */
static void load_build_shuffle(struct load_build *build, struct load_random *random)
{
    for (size_t i = build->len; i > 1; i--) {
        const size_t other = load_random_below(random, (uint32_t)i);
        const struct load_draw kept = build->draws[i - 1];

        build->draws[i - 1] = build->draws[other];
        build->draws[other] = kept;
    }
}

static void load_build_deal_kinds(struct load_build *build, struct load_random *random)
{
    ASSERT(build->mix.total > 0);
    struct load_deal deal = {
        .weight = load_entry_weight,
        .owner = &build->mix,
        .total = build->mix.total,
        .start = load_random_next(random) % build->mix.total,
        .count = build->len,
    };

    for (size_t i = 0; i < build->len; i++) {
        struct load_draw *draw = &build->draws[i];

        draw->entry = load_deal_next(&deal, i);
        draw->kind = build->mix.entries[draw->entry].kind;
    }
    load_build_shuffle(build, random);
}

/* A row of a trace for each that is not a file: its size, and its kind if it has one. */
static bool load_build_deal_rows(struct load_build *build, struct load_random *random)
{
    struct load_deal deal = {
        .weight = load_row_weight, .owner = &build->sizes, .count = build->len};

    for (size_t i = 0; i < build->sizes.rows_len; i++) {
        deal.total += build->sizes.rows[i].count;
    }
    ASSERT(deal.total > 0);
    deal.start = load_random_next(random) % deal.total;
    for (size_t i = 0; i < build->len; i++) {
        const struct load_trace_row *row = &build->sizes.rows[load_deal_next(&deal, i)];
        struct load_draw *draw = &build->draws[i];

        if (row->size > build->budget) {
            return load_why_set(&build->why,
                                "sizes: the trace has a body of %zu bytes, more than the budget of "
                                "%llu",
                                row->size, (unsigned long long)build->budget);
        }
        if (draw->kind != LOAD_KIND_FILE) {
            draw->size = row->size;
            draw->kind = row->kind == LOAD_KIND_COUNT ? draw->kind : row->kind;
        }
    }
    load_build_shuffle(build, random);
    return true;
}

static bool load_build_draw_size(struct load_build *build, struct load_draw *draw,
                                 struct load_random *random)
{
    const struct load_lognormal *dist = &build->sizes.lognormal;

    switch (build->sizes.form) {
    case LOAD_SIZES_FIXED:
        draw->size = build->sizes.fixed;
        return true;
    case LOAD_SIZES_WEB:
        dist = load_web_size(draw->kind);
        if (dist == NULL) {
            return load_why_set(&build->why, "sizes: the HTTP Archive has no sizes of %s",
                                load_kind_name(draw->kind));
        }
        break;
    case LOAD_SIZES_LOGNORMAL:
        break;
    case LOAD_SIZES_TRACE:
    case LOAD_SIZES_OWN:
        return true;
    }
    if (!load_lognormal_draw(dist, build->budget, random, &draw->size)) {
        return load_why_set(&build->why, "sizes: the budget of %llu is below the distribution",
                            (unsigned long long)build->budget);
    }
    return true;
}

static void load_build_take_file(struct load_build *build, struct load_draw *draw)
{
    struct load_mix_entry *entry = &build->mix.entries[draw->entry];

    draw->file = entry->next++ % entry->files.len;
    draw->size = entry->files.files[draw->file].size;
}

/* Kinds and sizes of all bodies. */
static bool load_build_draw(struct load_build *build)
{
    struct load_random random = {load_random_mix(build->spec->seed, 1)};

    load_build_deal_kinds(build, &random);
    if (build->sizes.form == LOAD_SIZES_TRACE && !load_build_deal_rows(build, &random)) {
        return false;
    }
    for (size_t i = 0; i < build->len; i++) {
        struct load_draw *draw = &build->draws[i];

        if (draw->kind == LOAD_KIND_FILE) {
            load_build_take_file(build, draw);
        } else if (!load_build_draw_size(build, draw, &random)) {
            return false;
        }
    }
    return true;
}

static bool load_draw_is_page(const struct load_build *build, const struct load_draw *draw)
{
    const struct load_files *files = &build->mix.entries[draw->entry].files;

    return strcmp(load_files_type(files->files[draw->file].path), "text/html") == 0;
}

/* Of the bodies, so many as the share says, but one at least. */
static void load_build_infect(struct load_build *build)
{
    struct load_random random = {load_random_mix(build->spec->seed, 2)};
    const double share = build->spec->infected_share;
    size_t left = (size_t)(share * (double)build->len + 0.5);

    if (share > 0) {
        left = MAX_OF(left, (size_t)1);
    }
    for (size_t i = 0; i < build->len; i++) {
        struct load_draw *draw = &build->draws[i];

        if (load_random_below(&random, (uint32_t)(build->len - i)) >= left) {
            continue;
        }
        left--;
        draw->infected = true;
        if (draw->kind == LOAD_KIND_FILE) {
            draw->size += load_make_marker_len(build->marker, load_draw_is_page(build, draw));
        } else {
            draw->size = MAX_OF(draw->size, load_kind_least(draw->kind, build->marker));
        }
    }
}

/* Clean files that come again have the bytes of the first time. */
static bool load_build_share(struct load_build *build)
{
    for (size_t i = 0; i < build->mix.len; i++) {
        const size_t files = build->mix.entries[i].files.len;

        if (files == 0) {
            continue;
        }
        size_t *first = calloc(files, sizeof(*first));

        if (first == NULL) {
            return load_why_set(&build->why, "out of memory");
        }
        for (size_t k = 0; k < build->len; k++) {
            struct load_draw *draw = &build->draws[k];

            if (draw->kind != LOAD_KIND_FILE || draw->entry != i || draw->infected) {
                continue;
            }
            draw->shared = first[draw->file] > 0;
            draw->same = draw->shared ? first[draw->file] - 1 : k;
            first[draw->file] = draw->same + 1;
        }
        free(first);
    }
    return true;
}

/* As many as fit: which ones does not depend on how large they are. */
static bool load_build_fit(struct load_build *build)
{
    size_t len = 0;

    for (; len < build->len; len++) {
        const struct load_draw *draw = &build->draws[len];
        const size_t size = draw->shared ? 0 : draw->size;

        if (build->bytes + size > build->budget) {
            break;
        }
        build->bytes += size;
    }
    if (len == 0 || (len < build->len && load_mix_has_files_only(&build->mix))) {
        return load_why_set(&build->why, "the bodies need more than the budget of %llu",
                            (unsigned long long)build->budget);
    }
    build->len = len;
    return true;
}

/* Letters, digits, points and hyphens of the end of a path: good for a URL and a file. */
static void load_item_name_file(char *out, size_t cap, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const size_t len = strlen(name);

    snprintf(out, cap, "%s", name + (len < cap ? 0 : len - cap + 1));
    for (char *at = out; *at != '\0'; at++) {
        const bool plain = (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
                           (*at >= 'A' && *at <= 'Z') || *at == '.' || *at == '-' || *at == '_';

        *at = plain ? *at : '_';
    }
    if (strspn(out, ".") == strlen(out)) {
        snprintf(out, cap, "file");
    }
}

static bool load_build_read(struct load_build *build, const struct load_draw *draw, uint8_t *body,
                            size_t i)
{
    const struct load_file *file = &build->mix.entries[draw->entry].files.files[draw->file];
    struct load_item *item = &build->store->items[i];

    if (!load_files_read(file, body, &build->why)) {
        return false;
    }
    if (draw->infected) {
        struct text rest = text_over(body + file->size, draw->size - file->size);

        load_make_put_marker(&rest, build->marker, load_draw_is_page(build, draw));
    } else {
        item->path = build->store->paths[i] = strdup(file->path);
    }
    item->type = load_files_type(file->path);
    load_item_name_file(build->store->names[i], LOAD_NAME_CAP, file->path);
    return true;
}

static void load_build_make(struct load_build *build, const struct load_draw *draw, uint8_t *body,
                            size_t i)
{
    struct load_item *item = &build->store->items[i];
    struct load_make make = {
        .random = {load_random_mix(build->spec->seed + 3, i)},
        .out = text_over(body, draw->size),
        .number = i,
        .marker = draw->infected ? build->marker : (struct slice){0},
    };

    load_make_body(&make, draw->kind);
    item->type = make.type;
    snprintf(build->store->names[i], LOAD_NAME_CAP, "%s-%zu%s", make.basename, i, make.suffix);
}

static bool load_build_store(struct load_build *build)
{
    struct load_store *store = calloc(1, sizeof(*store) + build->len * sizeof(store->items[0]));

    build->store = store;
    if (store != NULL) {
        store->bodies = malloc(MAX_OF(build->bytes, (uint64_t)1));
        store->names = calloc(build->len, sizeof(*store->names));
        store->paths = calloc(build->len, sizeof(*store->paths));
    }
    if (store == NULL || store->bodies == NULL || store->names == NULL || store->paths == NULL) {
        return load_why_set(&build->why, "no memory for bodies of %llu bytes",
                            (unsigned long long)build->bytes);
    }
    return true;
}

static bool load_build_fill(struct load_build *build)
{
    struct load_store *store = build->store;
    uint8_t *body = store->bodies;

    for (size_t i = 0; i < build->len; i++) {
        const struct load_draw *draw = &build->draws[i];
        struct load_item *item = &store->items[i];

        if (draw->shared) {
            *item = store->items[draw->same];
            continue;
        }
        item->body = slice_from(body, draw->size);
        item->name = store->names[i];
        item->kind = load_kind_name(draw->kind);
        item->infected = draw->infected;
        if (draw->kind != LOAD_KIND_FILE) {
            load_build_make(build, draw, body, i);
        } else if (!load_build_read(build, draw, body, i)) {
            return false;
        }
        body += draw->size;
    }
    ASSERT((uint64_t)(body - store->bodies) == build->bytes);
    return true;
}

static void load_store_free(struct load_store *store, size_t len)
{
    if (store != NULL) {
        for (size_t i = 0; store->paths != NULL && i < len; i++) {
            free(store->paths[i]);
        }
        free(store->paths);
        free(store->bodies);
        free(store->names);
        free(store);
    }
}

static bool load_build_run(struct load_build *build)
{
    const struct load_corpus_spec *spec = build->spec;

    if (!load_mix_parse(&build->mix, spec->mix != NULL ? spec->mix : "text", &build->why) ||
        !load_sizes_parse(&build->sizes, spec->sizes != NULL ? spec->sizes : "1k", &build->why) ||
        !load_build_check(build) || !load_build_check_files(build)) {
        return false;
    }
    build->len = load_build_count(build);
    if (build->len > LOAD_COUNT_MAX) {
        return load_why_set(&build->why, "count: more than %zu bodies", LOAD_COUNT_MAX);
    }
    ASSERT(build->len > 0);
    build->draws = calloc(build->len, sizeof(*build->draws));
    if (build->draws == NULL) {
        return load_why_set(&build->why, "out of memory");
    }
    if (!load_build_draw(build)) {
        return false;
    }
    load_build_infect(build);
    return load_build_share(build) && load_build_fit(build) && load_build_store(build) &&
           load_build_fill(build);
}

bool load_corpus_build(struct load_corpus *corpus, const struct load_corpus_spec *spec, char *why,
                       size_t why_cap)
{
    struct load_build build = {
        .spec = spec,
        .why = load_why_over(why, why_cap),
        .marker = slice_from_str(spec->marker != NULL ? spec->marker : load_corpus_eicar),
        .budget = spec->budget > 0 ? spec->budget : LOAD_BUDGET_DEFAULT,
    };
    const bool ok = load_build_run(&build);

    *corpus = (struct load_corpus){0};
    if (ok) {
        ASSERT(build.store != NULL);
        corpus->items_len = build.len;
        corpus->items = build.store->items;
        for (size_t i = 0; i < build.len; i++) {
            corpus->bytes += corpus->items[i].body.len;
        }
    } else {
        load_store_free(build.store, build.len);
    }
    free(build.draws);
    load_mix_free(&build.mix);
    load_sizes_free(&build.sizes);
    return ok;
}

void load_corpus_free(struct load_corpus *corpus)
{
    if (corpus->items != NULL) {
        load_store_free(CONTAINER_OF(corpus->items, struct load_store, items), corpus->items_len);
    }
    *corpus = (struct load_corpus){0};
}
