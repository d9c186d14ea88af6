#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * match_private - what match_db.c and match_body.c share.
 */
#include "base/pool.h"
#include "match/digest.h"
#include "match/layout.h"
#include "match/match.h"
#include "match/verify.h"

#include <hs/hs.h>

/* Signatures of several clusters that are followed while bytes arrive; the others wait for the end.
 */
#define MATCH_CHASES_MAX 16

/* One signature of which a trigger was seen: the next cluster it needs, and where that is looked
 * for. */
struct match_chase {
    uint32_t signature;
    uint32_t cluster; /* Relative to the signature's first. */
    bool done;
    struct verify_search search;
};

/*
 * What a body borrows. Behind the struct come the bitmap (one bit a signature: to be followed to
 * its end) and the Hyperscan stream.
 */
struct match_slot {
    hs_stream_t *stream;
    uint32_t chases_len;
    uint32_t follow_at; /* At the end: the next of the chases, then of the bitmap. */
    unsigned kinds;     /* At the end: hashes that are being computed. */
    bool follow_any;    /* The bitmap has bits. */
    bool following;     /* At the end: chases[0] is under way. */
    bool over;          /* The budget is used up. */
    bool failed;        /* The source failed. */
    struct match_chase chases[MATCH_CHASES_MAX];
    struct digest digest;
};

struct match_db {
    struct layout layout;
    hs_scratch_t *scratch;
    struct pool slots;
    size_t bitmap_bytes;
    size_t stream_bytes;
    unsigned star_detects; /* Kinds of hashes that are wanted for every body. */
    bool probes;           /* The type of a body matters. */
    struct verify_span *spans;
};

static inline uint8_t *match_slot_bitmap(struct match_slot *slot)
{
    return (uint8_t *)(slot + 1);
}

/* NULL when no signature of that type has a trigger. */
static inline const hs_database_t *match_db_database(const struct match_db *db, unsigned target)
{
    const uint32_t index = db->layout.header->database_of[target];

    if (index == PROGRAM_NONE) {
        return NULL;
    }
    return (const hs_database_t *)(const void *)((const uint8_t *)db->layout.header +
                                                 db->layout.databases[index].offset);
}

/* Opens a stream of `database` in the slot. */
void match_slot_open_stream(const struct match_db *db, struct match_slot *slot,
                            const hs_database_t *database);
