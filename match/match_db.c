/* SPDX-License-Identifier: MIT */
#include "match/match_private.h"

#include "base/assert.h"
#include "base/err.h"

#include <stdlib.h>

/*
 * Hyperscan asks for a stream's memory through one function for the whole process. The caller of
 * hs_open_stream leaves here which memory it means.
 */
static _Thread_local struct {
    void *memory;
    size_t cap;
} stream_place;

static void *stream_take(size_t len)
{
    void *memory = len <= stream_place.cap ? stream_place.memory : NULL;

    stream_place.memory = NULL;
    return memory;
}

static void stream_give(void *memory)
{
    /* It is part of a slot. */
    (void)memory;
}

static size_t match_db_stream_at(const struct match_db *db)
{
    return (sizeof(struct match_slot) + db->bitmap_bytes + 63) & ~(size_t)63;
}

void match_slot_open_stream(const struct match_db *db, struct match_slot *slot,
                            const hs_database_t *database)
{
    stream_place.memory = (uint8_t *)slot + match_db_stream_at(db);
    stream_place.cap = db->stream_bytes;
    const hs_error_t error = hs_open_stream(database, 0, &slot->stream);

    ASSERT(error == HS_SUCCESS);
}

/* Checks each database (Hyperscan compares its checksum when it sizes the scratch) and measures its
 * streams. */
static int match_db_adopt(struct match_db *db)
{
    for (unsigned target = 0; target < MATCH_TARGET_COUNT; target++) {
        const hs_database_t *database = match_db_database(db, target);
        size_t stream_bytes = 0;
        size_t len = 0;

        if (!database || (target > 0 && database == match_db_database(db, MATCH_TARGET_ANY))) {
            continue;
        }
        if (hs_database_size(database, &len) != HS_SUCCESS ||
            len > db->layout.databases[db->layout.header->database_of[target]].len) {
            return ERR_NEW(-EBADMSG);
        }
        const hs_error_t error = hs_alloc_scratch(database, &db->scratch);

        if (error == HS_NOMEM) {
            return ERR_NEW(-ENOMEM);
        }
        if (error != HS_SUCCESS || hs_stream_size(database, &stream_bytes) != HS_SUCCESS) {
            return ERR_NEW(-EBADMSG);
        }
        db->stream_bytes = MAX_OF(db->stream_bytes, stream_bytes);
    }
    return 0;
}

static int match_db_prepare(struct match_db *db, uint32_t bodies_max)
{
    if (hs_valid_platform() != HS_SUCCESS ||
        hs_set_stream_allocator(stream_take, stream_give) != HS_SUCCESS) {
        return ERR_NEW(-ENOTSUP);
    }
    int r = match_db_adopt(db);

    if (r) {
        return ERR_PASS(r);
    }
    db->spans = calloc(VERIFY_SPANS, sizeof(*db->spans));
    if (!db->spans) {
        return ERR_NEW(-ENOMEM);
    }
    db->bitmap_bytes = (db->layout.len[LAYOUT_SIGNATURES] + 7) / 8;
    db->probes = db->layout.header->targets != 1U << MATCH_TARGET_ANY;
    db->star_detects = digest_kinds(&db->layout, LAYOUT_ANY_SIZE, DIGEST_DETECTS);
    return pool_open(&db->slots, match_db_stream_at(db) + db->stream_bytes, bodies_max);
}

int match_db_open(struct match_db **out_db, struct slice image, uint32_t bodies_max)
{
    struct match_db *db = calloc(1, sizeof(*db));

    if (!db) {
        return ERR_NEW(-ENOMEM);
    }
    int r = layout_open(&db->layout, image);

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

void match_db_close(struct match_db *db)
{
    if (!db) {
        return;
    }
    ASSERT(db->slots.used == 0);
    hs_free_scratch(db->scratch);
    free(db->spans);
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
