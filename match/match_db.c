/* SPDX-License-Identifier: MIT */
#include "match/match_private.h"

#include "base/assert.h"
#include "base/err.h"
#include "match/match_views.h"
#include "match/regex_find.h"
#include "match/yara_run.h"

#include <stdlib.h>
#include <string.h>

static size_t match_db_stream_at(const struct match_db *db)
{
    const size_t words =
        marks_bytes(db->layout.header->alone_len) + marks_bytes(db->layout.len[LAYOUT_LOGICS]);

    return (sizeof(struct match_slot) + words + 63) & ~(size_t)63;
}

void match_slot_init_marks(const struct match_db *db, struct match_slot *slot)
{
    uint64_t *words = (uint64_t *)(void *)(slot + 1);
    const uint32_t alone_len = db->layout.header->alone_len;

    marks_init(&slot->follows, words, alone_len);
    logic_slot_init(&slot->logic, words + marks_bytes(alone_len) / sizeof(*words),
                    db->layout.len[LAYOUT_LOGICS]);
}

void match_slot_open_stream(const struct match_db *db, struct match_slot *slot,
                            const struct scan *scan)
{
    slot->stream = scan_stream_open(scan, (uint8_t *)slot + match_db_stream_at(db));
}

/* How much of an image is to be looked at. */
struct match_db_trust {
    bool sealed;
    struct slice model;
};

static int match_db_open_scan(struct match_db *db, struct scan *scan, struct slice block,
                              const struct match_db_trust *trust)
{
    if (!trust->sealed) {
        return scan_open(scan, block, &db->scratch);
    }
    const int r = scan_adopt(scan, block);

    return r == 0 ? scan_scratch_fit(&db->scratch, scan) : ERR_PASS(r);
}

/* What one process says to another about an image that both have. The scratch lies behind. */
struct match_model {
    uint64_t scans_len;
    uint64_t scratch_at;
    struct scan scans[]; /* Unplaced. */
};

static size_t match_model_scratch_at(size_t scans_len)
{
    const size_t head = sizeof(struct match_model) + scans_len * sizeof(struct scan);

    return (head + SCAN_ALIGN - 1) & ~(size_t)(SCAN_ALIGN - 1);
}

static int match_db_take_model(struct match_db *db, struct slice bytes)
{
    const struct match_model *model = (const struct match_model *)(const void *)bytes.ptr;
    const uint32_t len = db->layout.len[LAYOUT_DATABASES];
    bool needs_scratch = false;

    if ((uintptr_t)bytes.ptr % SCAN_ALIGN != 0 || bytes.len < match_model_scratch_at(len) ||
        model->scans_len != len || model->scratch_at != match_model_scratch_at(len)) {
        return ERR_NEW(-EBADMSG);
    }
    for (uint32_t i = 0; i < len; i++) {
        db->scans[i] = scan_placed(&model->scans[i], (const uint8_t *)db->layout.header +
                                                         db->layout.databases[i].offset);
        db->stream_bytes = MAX_OF(db->stream_bytes, scan_stream_bytes(&db->scans[i]));
        needs_scratch = needs_scratch || db->scans[i].hs;
    }
    return needs_scratch ? scan_scratch_copy(&db->scratch, slice_skip(bytes, model->scratch_at))
                         : 0;
}

struct slice match_db_model(const struct match_db *db)
{
    const struct slice scratch = scan_scratch_bytes(&db->scratch);
    const uint32_t len = db->layout.len[LAYOUT_DATABASES];
    const size_t at = match_model_scratch_at(len);
    const size_t bytes = at + scratch.len;
    struct match_model *model;

    if (db->scratch.hs && scratch.len == 0) {
        return slice_from(NULL, 0);
    }
    model = aligned_alloc(SCAN_ALIGN, (bytes + SCAN_ALIGN - 1) & ~(size_t)(SCAN_ALIGN - 1));
    if (!model) {
        return slice_from(NULL, 0);
    }
    memset(model, 0, at);
    model->scans_len = len;
    model->scratch_at = at;
    for (uint32_t i = 0; i < len; i++) {
        model->scans[i] = scan_unplaced(&db->scans[i]);
    }
    if (scratch.len > 0) {
        memcpy((uint8_t *)model + at, scratch.ptr, scratch.len);
    }
    return slice_from(model, bytes);
}

/* Opens each database and measures its streams. */
static int match_db_adopt(struct match_db *db, const struct match_db_trust *trust)
{
    const uint32_t len = db->layout.len[LAYOUT_DATABASES];

    db->scans = calloc(len + 1, sizeof(*db->scans));
    if (!db->scans) {
        return ERR_NEW(-ENOMEM);
    }
    if (trust->model.len > 0) {
        return match_db_take_model(db, trust->model);
    }
    for (uint32_t i = 0; i < len; i++) {
        const struct layout_database *row = &db->layout.databases[i];
        const struct slice block =
            slice_from((const uint8_t *)db->layout.header + row->offset, row->len);
        const int r = match_db_open_scan(db, &db->scans[i], block, trust);

        if (r) {
            return ERR_PASS(r);
        }
        db->stream_bytes = MAX_OF(db->stream_bytes, scan_stream_bytes(&db->scans[i]));
    }
    return 0;
}

/* Each body may have its views, when some signature is for normalised text. */
static int match_db_open_views(struct match_db *db, uint32_t bodies_max)
{
    const uint32_t targets = 1U << MATCH_TARGET_HTML | 1U << MATCH_TARGET_ASCII;

    if ((db->layout.header->targets & targets) == 0) {
        return 0;
    }
    for (unsigned kind = 0; kind < VIEW_KINDS; kind++) {
        const int r = view_window_init(&db->view_windows[kind]);

        if (r) {
            return ERR_PASS(r);
        }
    }
    return pool_open(&db->views, sizeof(struct match_views), bodies_max);
}

static int match_db_prepare(struct match_db *db, const struct match_db_trust *trust,
                            uint32_t bodies_max)
{
    int r = match_db_adopt(db, trust);

    if (r) {
        return ERR_PASS(r);
    }
    r = queue_new(&db->queue);
    if (r) {
        return ERR_PASS(r);
    }
    db->spans = calloc(VERIFY_SPANS, sizeof(*db->spans));
    if (!db->spans) {
        return ERR_NEW(-ENOMEM);
    }
    db->find = find_choose();
    db->probes =
        db->layout.header->targets != 1U << MATCH_TARGET_ANY || body_parts_wanted(&db->layout);
    db->star_detects = digest_kinds(&db->layout, LAYOUT_ANY_SIZE, DIGEST_DETECTS);
    if (db->layout.len[LAYOUT_RULESETS] > 0) {
        r = yara_run_open(&db->yara, &db->layout);
        if (r) {
            return ERR_PASS(r);
        }
    }
    r = match_db_open_views(db, bodies_max);
    if (r) {
        return ERR_PASS(r);
    }
    return pool_open(&db->slots, match_db_stream_at(db) + db->stream_bytes,
                     db->views.cap > 0 ? bodies_max * (1 + VIEW_KINDS) : bodies_max);
}

static int match_db_open_by(const struct match_db_trust *trust, struct match_db **out_db,
                            struct slice image, uint32_t bodies_max)
{
    struct match_db *db = calloc(1, sizeof(*db));

    if (!db) {
        return ERR_NEW(-ENOMEM);
    }
    int r = (trust->sealed ? layout_adopt : layout_open)(&db->layout, image);

    if (r == 0) {
        r = match_db_prepare(db, trust, bodies_max);
    }
    if (r) {
        match_db_close(db);
        return ERR_PASS(r);
    }
    *out_db = db;
    return 0;
}

int match_db_open(struct match_db **out_db, struct slice image, uint32_t bodies_max)
{
    const struct match_db_trust trust = {.sealed = false};

    return match_db_open_by(&trust, out_db, image, bodies_max);
}

int match_db_open_sealed(struct match_db **out_db, struct slice image, struct slice model,
                         uint32_t bodies_max)
{
    const struct match_db_trust trust = {.sealed = true, .model = model};

    return match_db_open_by(&trust, out_db, image, bodies_max);
}

/* What is large goes one piece at a time. */
static bool match_db_shrink(struct match_db *db)
{
    if (!yara_run_close_slice(&db->yara) || !pool_close_slice(&db->views) ||
        !pool_close_slice(&db->slots)) {
        return false;
    }
    for (unsigned kind = 0; kind < VIEW_KINDS; kind++) {
        if (!view_window_fini_slice(&db->view_windows[kind])) {
            return false;
        }
    }
    return true;
}

bool match_db_close_slice(struct match_db *db)
{
    ASSERT(db->slots.used == 0);
    if (!match_db_shrink(db)) {
        return false;
    }
    queue_free(db->queue);
    window_free(db->window);
    regex_cache_free(db->regexes);
    scan_scratch_fini(&db->scratch);
    free(db->scans);
    free(db->spans);
    free(db);
    return true;
}

void match_db_close(struct match_db *db)
{
    while (db && !match_db_close_slice(db)) {
    }
}

bool match_db_hash(struct match_db *db)
{
    return queue_run(db->queue);
}

void match_db_counts(const struct match_db *db, struct match_counts *out)
{
    *out = (struct match_counts){
        .patterns = db->layout.header->patterns_len,
        .hashes = db->layout.header->hashes_len,
        .allowed = db->layout.header->allows_len,
        .triggers = db->layout.len[LAYOUT_TRIGGERS] - 1,
        .databases = db->layout.len[LAYOUT_DATABASES],
    };
}
