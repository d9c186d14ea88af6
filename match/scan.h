#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * scan - finds triggers in a stream of bytes.
 *
 * Role: opens a block that scan_build wrote and runs it over bodies as they arrive, in pieces of
 * any size; for each occurrence of a string the caller hears its identifier and where it ends.
 * Behind it works Hyperscan, a stage of our own (scan_gram), or both; callers need not know. Owner:
 * the caller keeps the block's memory and the streams'. Runs in: the shard. Memory: none of its own
 * but the scratch, which is made when blocks are opened and serves all of one process. Limits:
 * strings of SCAN_STRING_MAX bytes.
 *
 * A hit is told with the piece that its last byte comes in, and once. The stages take turns, one
 * run of at most SCAN_RUN_MAX bytes each, so hits of one run come in any order.
 */
#include "match/scan_gram.h"
#include "match/scan_string.h"

#define SCAN_RUN_MAX   KIB(32)
#define SCAN_GRAMS_MAX 2 /* Parts for scan_gram in a block. */

struct hs_database;
struct hs_scratch;
struct scan_header;
struct scan_stream;

/* An opened block. Plain pointers into it. */
struct scan {
    const struct scan_header *header;
    const uint32_t *ids;
    const struct hs_database *hs; /* NULL: no string is left to Hyperscan. */
    size_t hs_stream_bytes;
    struct gram grams[SCAN_GRAMS_MAX]; /* Without a header: missing. */
    bool has_grams;
};

/* Working memory of one process for all its blocks. Starts zeroed. */
struct scan_scratch {
    struct hs_scratch *hs;
};

/*
 * Opens the block at an address divisible by SCAN_ALIGN, checks all of it and lets the scratch grow
 * to what it needs. -EBADMSG for a damaged block, -ENOTSUP on a host that cannot run it.
 */
MUST_CHECK int scan_open(struct scan *out, struct slice block, struct scan_scratch *scratch);

/*
 * The same for a block that scan_open has taken before and that is unchanged: looks at its head
 * only, whatever its size. The scratch has to fit before the first stream is fed.
 */
MUST_CHECK int scan_adopt(struct scan *out, struct slice block);

/*
 * An opened block as another process can take it over without touching the block: scan_unplaced
 * says where things are in it, scan_placed where they are when it lies at `block`.
 */
struct scan scan_unplaced(const struct scan *scan);
struct scan scan_placed(const struct scan *unplaced, const uint8_t *block);

/* Lets the scratch grow to what the block needs; reads all that is left to Hyperscan. */
MUST_CHECK int scan_scratch_fit(struct scan_scratch *scratch, const struct scan *scan);

/*
 * A scratch as bytes (empty: there is none, or it has no such form), and a scratch of one's own
 * from bytes at an address divisible by SCAN_ALIGN. It serves the blocks that the first one served.
 */
struct slice scan_scratch_bytes(const struct scan_scratch *scratch);
MUST_CHECK int scan_scratch_copy(struct scan_scratch *out, struct slice bytes);
void scan_scratch_fini(struct scan_scratch *scratch);

/* What a stream takes. */
size_t scan_stream_bytes(const struct scan *scan);

/* Starts a stream in `memory`, aligned like SCAN_ALIGN, of scan_stream_bytes. */
struct scan_stream *scan_stream_open(const struct scan *scan, void *memory);

/*
 * The next bytes of the stream; ends count from its first. False when the callback ended it: then
 * the stream may only be closed.
 */
bool scan_stream_feed(struct scan_stream *stream, const struct scan_scratch *scratch,
                      struct slice bytes, scan_hit_fn hit, void *ctx);

/* NULL is fine. The memory stays the caller's. */
void scan_stream_close(struct scan_stream *stream);
