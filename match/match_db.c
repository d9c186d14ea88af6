/* SPDX-License-Identifier: MIT */
#include "match/match_private.h"

#include "base/assert.h"
#include "base/err.h"
#include "match/match_views.h"
#include "match/regex_find.h"
#include "match/yara_run.h"

#include <stdlib.h>

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

/* Checks each database and measures its streams. */
static int match_db_adopt(struct match_db *db)
{
    const uint32_t len = db->layout.len[LAYOUT_DATABASES];

    db->scans = calloc(len + 1, sizeof(*db->scans));
    if (!db->scans) {
        return ERR_NEW(-ENOMEM);
    }
    for (uint32_t i = 0; i < len; i++) {
        const struct layout_database *row = &db->layout.databases[i];
        const struct slice block =
            slice_from((const uint8_t *)db->layout.header + row->offset, row->len);
        const int r = scan_open(&db->scans[i], block, &db->scratch);

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

static int match_db_prepare(struct match_db *db, uint32_t bodies_max)
{
    int r = match_db_adopt(db);

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

static int match_db_open_by(int (*open_layout)(struct layout *, struct slice),
                            struct match_db **out_db, struct slice image, uint32_t bodies_max)
{
    struct match_db *db = calloc(1, sizeof(*db));

    if (!db) {
        return ERR_NEW(-ENOMEM);
    }
    int r = open_layout(&db->layout, image);

    if (r == 0) {
        r = match_db_prepare(db, bodies_max);
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
    return match_db_open_by(layout_open, out_db, image, bodies_max);
}

int match_db_open_sealed(struct match_db **out_db, struct slice image, uint32_t bodies_max)
{
    return match_db_open_by(layout_adopt, out_db, image, bodies_max);
}

void match_db_close(struct match_db *db)
{
    if (!db) {
        return;
    }
    ASSERT(db->slots.used == 0);
    window_free(db->window);
    regex_cache_free(db->regexes);
    yara_run_close(db->yara);
    scan_scratch_fini(&db->scratch);
    free(db->scans);
    free(db->spans);
    pool_close(&db->views);
    for (unsigned kind = 0; kind < VIEW_KINDS; kind++) {
        view_window_fini(&db->view_windows[kind]);
    }
    pool_close(&db->slots);
    free(db);
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
