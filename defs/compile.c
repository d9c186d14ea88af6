/* SPDX-License-Identifier: MIT */
/*
 * compile - defs_compile: from the files that gather has read to a tested image.
 *
 *     gather ──► content digest ──► in the cache? ──────────────► image ──► self-test
 *        └────► ignore lists ──► all other lines ──► builder ──────┘ └────► cache
 *
 * All state is on the stack of defs_compile or owned by it, so that a process may compile several
 * times, and a child with limits on memory and time may be killed at any point.
 */
#include "defs/defs.h"

#include "base/assert.h"
#include "base/err.h"
#include "defs/cache.h"
#include "defs/gather.h"
#include "defs/ignore.h"
#include "defs/image.h"
#include "defs/lines.h"
#include "defs/source_yara.h"
#include "defs/survey.h"
#include "match/build.h"
#include "match/build_host.h"
#include "match/build_test.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Counts when the same lines begin to mean something else. */
#define COMPILE_FORMAT 2

static_assert(SOURCE_KINDS <= DEFS_KINDS_MAX, "each kind has its counts");
static_assert(LINES_MAX == 65536, "a reason below says so");

struct compile {
    const struct defs_compile *job;
    char *error;
    struct cache cache;
    struct gather gather;
    struct match_builder *builder;
    struct ignore ignore;
    struct source source;
    uint8_t *line_block;
    struct defs_counts *set_counts; /* One for each set. */
    struct image_facts facts;
    uint64_t signatures; /* Lines that can find something. */

    /* The file under way. */
    const struct gather_file *file;
    struct defs_counts *counts;
};

static bool compile_refuse_system(const struct compile *compile, int r)
{
    return gather_refuse(compile->error, "%.300s: %s", compile->job->path, strerror(-r));
}

static void compile_report(const struct compile *compile, unsigned line, const char *reason)
{
    if (compile->job->report != NULL) {
        compile->job->report(compile->job->report_ctx, compile->file->path, line, reason);
    }
}

/* ---- Lines ---- */

static bool compile_is_signature(enum source_kind kind)
{
    switch (kind) {
    case SOURCE_BODY:
    case SOURCE_HASH:
    case SOURCE_LOGICAL:
    case SOURCE_SECTION_HASH:
    case SOURCE_IMPORTS_HASH:
    case SOURCE_PLAIN:
    case SOURCE_MEMBER:
    case SOURCE_YARA:
        return true;
    default:
        return false;
    }
}

static void compile_count(struct compile *compile, enum source_status status)
{
    struct defs_kind_counts *kind = &compile->counts->kinds[compile->file->kind];

    kind->lines++;
    switch (status) {
    case SOURCE_USED:
        kind->used++;
        break;
    case SOURCE_SKIPPED:
        kind->skipped++;
        break;
    case SOURCE_UNUSABLE:
        kind->unusable++;
        break;
    case SOURCE_SLOW:
        kind->used++;
        kind->slow++;
        break;
    }
}

/* A line that is used; `slow` says why it costs, NULL when it does not. */
static void compile_survey(const struct compile *compile, unsigned line, struct slice text,
                           const char *slow)
{
    struct survey *survey = compile->job->survey;

    if (survey == NULL) {
        return;
    }
    survey_take_line(survey, compile->file, line, text);
    if (slow != NULL) {
        survey_take_slow(survey, compile->file, line, slow);
    }
}

static int compile_take_line(void *ctx, unsigned number, struct slice text)
{
    struct compile *compile = ctx;
    char reason[SOURCE_REASON_CAP] = "the line is longer than 65536 bytes";
    int r = SOURCE_UNUSABLE;

    if (text.ptr != NULL) {
        if (text.len == 0 || text.ptr[0] == '#') {
            return 0;
        }
        r = source_take(&compile->source, compile->file->kind, text, reason);
    }
    if (r < 0) {
        return ERR_PASS(r);
    }
    compile_count(compile, (enum source_status)r);
    if (r == SOURCE_UNUSABLE) {
        compile_report(compile, number, reason);
    } else if (r != SOURCE_SKIPPED) {
        compile_survey(compile, number, text, r == SOURCE_SLOW ? reason : NULL);
    }
    return 0;
}

static int compile_take_lines(struct compile *compile)
{
    const struct slice bytes = slice_from(compile->file->bytes, compile->file->len);
    struct lines lines;

    lines_init(&lines, compile->line_block, compile_take_line, compile);

    const int r = lines_feed(&lines, bytes);

    return r < 0 ? ERR_PASS(r) : lines_end(&lines);
}

static void compile_on_rule(void *ctx, unsigned line, enum source_status status, const char *reason)
{
    struct compile *compile = ctx;

    compile_count(compile, status);
    if (status == SOURCE_UNUSABLE) {
        compile_report(compile, line, reason);
    } else if (status == SOURCE_SLOW && compile->job->survey != NULL) {
        survey_take_slow(compile->job->survey, compile->file, line, reason);
    }
}

static void compile_leave_out(struct compile *compile)
{
    char reason[SOURCE_REASON_CAP];

    (void)snprintf(reason, sizeof(reason), "left out: this engine does not match %s",
                   source_kind_word(compile->file->kind));
    compile->counts->left_out++;
    compile_report(compile, 0, reason);
}

static bool compile_take_file(struct compile *compile, const struct gather_file *file)
{
    int r = 0;

    compile->file = file;
    compile->counts = &compile->set_counts[file->set];
    if (source_is_left_out(file->kind)) {
        compile_leave_out(compile);
    } else {
        compile->counts->files++;
    }
    if (source_is_lines(file->kind)) {
        r = compile_take_lines(compile);
    } else if (file->kind == SOURCE_YARA) {
        r = source_yara_take(&compile->source, slice_from(file->bytes, file->len), compile_on_rule,
                             compile);
    }
    return r == 0 ? true : gather_refuse(compile->error, "%.300s: %s", file->path, strerror(-r));
}

/* What is to be ignored has to be known before anything that it speaks of. */
static bool compile_take_files(struct compile *compile, bool early)
{
    for (size_t i = 0; i < compile->gather.files.len; i++) {
        const struct gather_file *file = gather_file_at(&compile->gather, i);

        if (source_is_early(file->kind) == early && !compile_take_file(compile, file)) {
            return false;
        }
    }
    return true;
}

/* ---- Counts ---- */

static void compile_sum_kinds(struct defs_counts *counts)
{
    for (size_t i = 0; i < DEFS_KINDS_MAX; i++) {
        const struct defs_kind_counts *kind = &counts->kinds[i];

        counts->lines += kind->lines;
        counts->used += kind->used;
        counts->skipped += kind->skipped;
        counts->unusable += kind->unusable;
        counts->slow += kind->slow;
    }
}

static void compile_add_counts(struct defs_counts *sum, const struct defs_counts *more)
{
    sum->files += more->files;
    sum->left_out += more->left_out;
    for (size_t i = 0; i < DEFS_KINDS_MAX; i++) {
        sum->kinds[i].lines += more->kinds[i].lines;
        sum->kinds[i].used += more->kinds[i].used;
        sum->kinds[i].skipped += more->kinds[i].skipped;
        sum->kinds[i].unusable += more->kinds[i].unusable;
        sum->kinds[i].slow += more->kinds[i].slow;
    }
}

static bool compile_check_sets(struct compile *compile)
{
    for (size_t i = 0; i < compile->gather.sets.len; i++) {
        struct defs_counts *counts = &compile->set_counts[i];

        compile_add_counts(&compile->facts.counts, counts);
        compile_sum_kinds(counts);
        if (counts->used == 0) {
            return gather_refuse(compile->error,
                                 "%.300s: nothing in the set is usable (%" PRIu64
                                 " lines unusable, %" PRIu64 " skipped, %" PRIu64
                                 " files left out)",
                                 gather_set_at(&compile->gather, i)->path, counts->unusable,
                                 counts->skipped, counts->left_out);
        }
    }
    compile_sum_kinds(&compile->facts.counts);
    return true;
}

static bool compile_check_strict(const struct compile *compile)
{
    const struct defs_counts *counts = &compile->facts.counts;

    if (compile->job->strict && counts->unusable + counts->left_out > 0) {
        return gather_refuse(compile->error,
                             "%.300s: refused as asked for (strict): %" PRIu64
                             " lines are unusable, %" PRIu64 " files are left out",
                             compile->job->path, counts->unusable, counts->left_out);
    }
    return true;
}

static bool compile_check(struct compile *compile)
{
    uint64_t signatures = 0;

    if (!compile_check_sets(compile)) {
        return false;
    }
    for (size_t i = 0; i < SOURCE_KINDS; i++) {
        if (compile_is_signature((enum source_kind)i)) {
            signatures += compile->facts.counts.kinds[i].used;
        }
    }
    if (signatures == 0) {
        return gather_refuse(compile->error, "%.300s: nothing is usable: no signature in the set",
                             compile->job->path);
    }
    return compile_check_strict(compile);
}

/* ---- The image ---- */

static bool compile_build(struct compile *compile, uint8_t **out_match, size_t *out_len)
{
    const int r = match_builder_finish(compile->builder, out_match, out_len);

    if (r != 0) {
        return gather_refuse(compile->error, "%.300s: cannot be compiled: %s", compile->job->path,
                             r < 0 ? strerror(-r) : match_builder_error(compile->builder));
    }
    return true;
}

static bool compile_write(const struct compile *compile, int fd, struct slice match)
{
    const int r = image_write(fd, &compile->facts, match);

    return r == 0 ? true
                  : gather_refuse(compile->error, "%.300s: the image cannot be written: %s",
                                  compile->job->path, strerror(-r));
}

/* What fails here is seen by nobody else and kept nowhere. */
static bool compile_test(const char *path, int fd, char error[DEFS_ERROR_CAP])
{
    struct build_test_result result;
    struct defs_image image;
    const int r = defs_image_open(&image, fd, false);

    if (r < 0) {
        return gather_refuse(error, "%.300s: the image fails its self-test: %s", path,
                             strerror(-r));
    }
    const bool good = build_test_run(image.match, &result);

    defs_image_close(&image);
    return good ? true
                : gather_refuse(error, "%.150s: the image fails its self-test: %.300s", path,
                                result.error);
}

/* ---- The cache ---- */

static bool compile_load_part(void *ctx, const uint8_t key[DEFS_DIGEST_LEN], uint8_t **out_bytes,
                              size_t *out_len)
{
    return cache_load(ctx, CACHE_PART, key, out_bytes, out_len);
}

static void compile_store_part(void *ctx, const uint8_t key[DEFS_DIGEST_LEN], const uint8_t *bytes,
                               size_t len)
{
    cache_store(ctx, CACHE_PART, key, slice_from(bytes, len));
}

/* All that the image's bytes depend on beside the content. */
static int compile_key(const uint8_t content[DEFS_DIGEST_LEN], uint8_t out[DEFS_DIGEST_LEN])
{
    char host[BUILD_HOST_CAP];
    struct sum sum;

    build_host_write(host);
    sum_begin(&sum);
    sum_add(&sum, SLICE_OF("baleen image " BALEEN_VERSION));
    sum_add_number(&sum, COMPILE_FORMAT);
    sum_add_number(&sum, IMAGE_FORMAT);
    sum_add(&sum, slice_from_str(host));
    sum_add(&sum, slice_from(content, DEFS_DIGEST_LEN));
    return sum_end(&sum, out);
}

/* The match section with what the image says of itself in front; NULL when it is not there. */
static uint8_t *compile_recall(const struct cache *cache, const uint8_t content[DEFS_DIGEST_LEN],
                               size_t *out_len)
{
    uint8_t key[DEFS_DIGEST_LEN];
    uint8_t *entry = NULL;

    if (compile_key(content, key) < 0 || !cache_load(cache, CACHE_IMAGE, key, &entry, out_len)) {
        return NULL;
    }
    if (*out_len > sizeof(struct image_facts)) {
        return entry;
    }
    free(entry);
    return NULL;
}

static struct slice compile_match_of(const uint8_t *entry, size_t len)
{
    return slice_skip(slice_from(entry, len), sizeof(struct image_facts));
}

static void compile_keep(const struct compile *compile, struct slice match)
{
    const size_t len = sizeof(compile->facts) + match.len;
    uint8_t key[DEFS_DIGEST_LEN];
    uint8_t *entry = compile->cache.fd >= 0 ? malloc(len) : NULL;

    if (entry == NULL || compile_key(compile->facts.content, key) < 0) {
        free(entry);
        return;
    }
    memcpy(entry, &compile->facts, sizeof(compile->facts));
    memcpy(entry + sizeof(compile->facts), match.ptr, match.len);
    cache_store(&compile->cache, CACHE_IMAGE, key, slice_from(entry, len));
    free(entry);
    cache_trim(&compile->cache);
}

/* ---- The whole ---- */

/* Name, version and date may come from folders and clocks, which the cache knows nothing of. */
static bool compile_from_cache(struct compile *compile, int fd, bool *out_found)
{
    size_t len = 0;
    uint8_t *entry = compile->job->survey == NULL
                         ? compile_recall(&compile->cache, compile->gather.content, &len)
                         : NULL;

    *out_found = entry != NULL;
    if (entry == NULL) {
        return true;
    }
    memcpy(&compile->facts, entry, sizeof(compile->facts));
    compile->facts.meta = compile->gather.meta;

    const bool good = compile_check_strict(compile) &&
                      compile_write(compile, fd, compile_match_of(entry, len)) &&
                      compile_test(compile->job->path, fd, compile->error);

    free(entry);
    return good;
}

static bool compile_finish_survey(const struct compile *compile, struct slice match)
{
    const int r = compile->job->survey != NULL
                      ? survey_finish(compile->job->survey, compile->builder, match)
                      : 0;

    return r == 0 ? true : compile_refuse_system(compile, r);
}

static bool compile_from_lines(struct compile *compile, int fd)
{
    const struct match_build_cache parts = {
        .ctx = &compile->cache,
        .load = compile_load_part,
        .store = compile_store_part,
    };
    uint8_t *match = NULL;
    size_t match_len = 0;
    const int r = match_builder_new(&compile->builder);

    compile->line_block = malloc(LINES_MAX);
    compile->set_counts = calloc(MAX_OF(compile->gather.sets.len, 1), sizeof(struct defs_counts));
    if (r < 0 || compile->line_block == NULL || compile->set_counts == NULL) {
        return compile_refuse_system(compile, -ENOMEM);
    }
    match_builder_set_cache(compile->builder, &parts);
    compile->source = (struct source){compile->builder, &compile->ignore};
    if (!compile_take_files(compile, true) || !compile_take_files(compile, false) ||
        !compile_check(compile) || !compile_build(compile, &match, &match_len)) {
        return false;
    }

    const struct slice bytes = slice_from(match, match_len);
    const bool good = compile_finish_survey(compile, bytes) && compile_write(compile, fd, bytes) &&
                      compile_test(compile->job->path, fd, compile->error);

    if (good) {
        compile_keep(compile, bytes);
    }
    free(match);
    return good;
}

static bool compile_run(struct compile *compile, int fd)
{
    const struct defs_compile *job = compile->job;
    bool found;

    /* Without a cache everything takes longer, and that is all. */
    if (job->cache != NULL && !cache_open(&compile->cache, job->cache, compile->error)) {
        if (job->report != NULL) {
            job->report(job->report_ctx, job->cache, 0, "the cache is not used");
        }
        compile->error[0] = '\0';
    }
    if (!gather_run(&compile->gather, job, compile->error)) {
        return false;
    }
    compile->facts.meta = compile->gather.meta;
    memcpy(compile->facts.content, compile->gather.content, sizeof(compile->facts.content));
    return compile_from_cache(compile, fd, &found) && (found || compile_from_lines(compile, fd));
}

bool defs_compile(const struct defs_compile *job, int fd, struct defs_meta *out_meta,
                  struct defs_counts *out_counts, char error[DEFS_ERROR_CAP])
{
    struct compile compile = {.job = job, .cache = {.fd = -1}};

    compile.error = error;
    ignore_init(&compile.ignore);

    const bool good = compile_run(&compile, fd);

    match_builder_free(compile.builder);
    ignore_free(&compile.ignore);
    gather_free(&compile.gather);
    cache_close(&compile.cache);
    free(compile.line_block);
    free(compile.set_counts);
    if (good) {
        *out_meta = compile.facts.meta;
        *out_counts = compile.facts.counts;
    }
    return good;
}

bool defs_recall(const char *path, const uint8_t content[DEFS_DIGEST_LEN], int fd,
                 char error[DEFS_ERROR_CAP])
{
    struct cache cache;
    struct image_facts facts;
    size_t len = 0;

    if (!cache_open(&cache, path, error)) {
        return false;
    }
    uint8_t *entry = compile_recall(&cache, content, &len);

    cache_close(&cache);
    if (entry == NULL) {
        return gather_refuse(error, "%.300s: that set is not kept any more", path);
    }
    memcpy(&facts, entry, sizeof(facts));

    const int r = image_write(fd, &facts, compile_match_of(entry, len));

    free(entry);
    return r == 0 ? compile_test(path, fd, error)
                  : gather_refuse(error, "the image cannot be written: %s", strerror(-r));
}
