/* SPDX-License-Identifier: MIT */
#include "match/scan.h"

#include "base/assert.h"
#include "base/err.h"
#include "match/scan_block.h"
#include "match/scan_hs.h"

#include <string.h>

/* The Hyperscan stream's memory lies behind it. */
struct scan_stream {
    const struct scan *scan;
    struct hs_stream *hs;
    struct gram_stream gram; /* One for all: they read the same bytes. */
};

#define SCAN_STREAM_HS_AT ((sizeof(struct scan_stream) + 63) & ~(size_t)63)

/* ---- Opening ---- */

static bool block_has_span(const struct scan_header *header, const struct scan_span *span)
{
    return span->at % SCAN_ALIGN == 0 && span->at <= header->block_bytes &&
           span->len <= header->block_bytes - span->at;
}

static bool block_check(const struct scan_header *header, struct slice block)
{
    if ((uintptr_t)block.ptr % SCAN_ALIGN != 0 || block.len < sizeof(*header) ||
        memcmp(header->magic, SCAN_MAGIC, sizeof(header->magic)) != 0 ||
        header->version != SCAN_VERSION || header->block_bytes > block.len) {
        return false;
    }
    for (unsigned i = 0; i < SCAN_GRAMS_MAX; i++) {
        if (!block_has_span(header, &header->grams[i])) {
            return false;
        }
    }
    return block_has_span(header, &header->ids) && block_has_span(header, &header->hs) &&
           header->ids.len / sizeof(uint32_t) >= header->strings_len;
}

static int scan_open_grams(struct scan *out, struct slice block,
                           int (*open_gram)(struct gram *, struct slice))
{
    for (unsigned i = 0; i < SCAN_GRAMS_MAX; i++) {
        const struct scan_span *span = &out->header->grams[i];

        if (span->len > 0) {
            const int r = open_gram(&out->grams[i], slice_from(block.ptr + span->at, span->len));

            if (r) {
                return ERR_PASS(r);
            }
            out->has_grams = true;
        }
    }
    return 0;
}

static int scan_open_by(struct scan *out, struct slice block,
                        int (*open_gram)(struct gram *, struct slice))
{
    const struct scan_header *header = (const struct scan_header *)(const void *)block.ptr;

    if (!block_check(header, block)) {
        return ERR_NEW(-EBADMSG);
    }
    *out = (struct scan){
        .header = header,
        .ids = (const uint32_t *)(const void *)(block.ptr + header->ids.at),
    };
    if (header->hs.len > 0) {
        const struct slice part = slice_from(block.ptr + header->hs.at, header->hs.len);
        const int r = scan_hs_adopt(part, &out->hs_stream_bytes);

        if (r) {
            return ERR_PASS(r);
        }
        out->hs = (const struct hs_database *)(const void *)part.ptr;
    }
    return scan_open_grams(out, block, open_gram);
}

int scan_open(struct scan *out, struct slice block, struct scan_scratch *scratch)
{
    const int r = scan_open_by(out, block, gram_open);

    return r == 0 ? scan_scratch_fit(scratch, out) : ERR_PASS(r);
}

int scan_adopt(struct scan *out, struct slice block)
{
    return scan_open_by(out, block, gram_adopt);
}

/* What is missing stays missing: only the header lies at the block's very beginning. */
static struct scan scan_moved(const struct scan *scan, uintptr_t shift)
{
    struct scan moved = *scan;

    moved.header = (const struct scan_header *)((uintptr_t)scan->header + shift);
    moved.ids = (const uint32_t *)((uintptr_t)scan->ids + shift);
    if (scan->hs) {
        moved.hs = (const struct hs_database *)((uintptr_t)scan->hs + shift);
    }
    for (unsigned i = 0; i < SCAN_GRAMS_MAX; i++) {
        moved.grams[i] = gram_moved(&scan->grams[i], shift);
    }
    return moved;
}

struct scan scan_unplaced(const struct scan *scan)
{
    return scan_moved(scan, -(uintptr_t)scan->header);
}

struct scan scan_placed(const struct scan *unplaced, const uint8_t *block)
{
    return scan_moved(unplaced, (uintptr_t)block);
}

/* ---- Scratch ---- */

int scan_scratch_fit(struct scan_scratch *scratch, const struct scan *scan)
{
    return scan->hs ? scan_hs_fit_scratch(scan->hs, &scratch->hs) : 0;
}

struct slice scan_scratch_bytes(const struct scan_scratch *scratch)
{
    return scan_hs_scratch_bytes(scratch->hs);
}

int scan_scratch_copy(struct scan_scratch *out, struct slice bytes)
{
    return scan_hs_copy_scratch(bytes, &out->hs);
}

void scan_scratch_fini(struct scan_scratch *scratch)
{
    scan_hs_free_scratch(scratch->hs);
    scratch->hs = NULL;
}

/* ---- Streams ---- */

size_t scan_stream_bytes(const struct scan *scan)
{
    return SCAN_STREAM_HS_AT + scan->hs_stream_bytes;
}

struct scan_stream *scan_stream_open(const struct scan *scan, void *memory)
{
    struct scan_stream *stream = memory;

    ASSERT((uintptr_t)memory % SCAN_ALIGN == 0);
    *stream = (struct scan_stream){.scan = scan};
    if (scan->hs) {
        stream->hs =
            scan_hs_open(scan->hs, (uint8_t *)memory + SCAN_STREAM_HS_AT, scan->hs_stream_bytes);
    }
    return stream;
}

void scan_stream_close(struct scan_stream *stream)
{
    if (stream && stream->hs) {
        scan_hs_close(stream->hs);
        stream->hs = NULL;
    }
}

/* Passes hits on with the identifiers of the caller. */
struct scan_run {
    const struct scan *scan;
    scan_hit_fn hit;
    void *ctx;
};

static bool scan_on_hit(void *ctx, uint32_t string, uint64_t end)
{
    const struct scan_run *run = ctx;

    /* Identifiers inside of Hyperscan's database are not among what scan_open can check. */
    if (string >= run->scan->header->strings_len) {
        return true;
    }
    return run->hit(run->ctx, run->scan->ids[string], end);
}

static bool scan_feed_grams(struct scan_stream *stream, struct slice bytes, struct scan_run *run)
{
    const struct scan *scan = stream->scan;

    for (unsigned i = 0; i < SCAN_GRAMS_MAX; i++) {
        if (scan->grams[i].header && !gram_feed(&scan->grams[i], scan->header->gram_first[i],
                                                &stream->gram, bytes, scan_on_hit, run)) {
            return false;
        }
    }
    gram_stream_advance(&stream->gram, bytes);
    return true;
}

bool scan_stream_feed(struct scan_stream *stream, const struct scan_scratch *scratch,
                      struct slice bytes, scan_hit_fn hit, void *ctx)
{
    struct scan_run run = {stream->scan, hit, ctx};

    while (bytes.len > 0) {
        const struct slice now = slice_from(bytes.ptr, MIN_OF(bytes.len, SCAN_RUN_MAX));

        if (stream->hs && !scan_hs_feed(stream->hs, scratch->hs, now, scan_on_hit, &run)) {
            return false;
        }
        if (stream->scan->has_grams && !scan_feed_grams(stream, now, &run)) {
            return false;
        }
        bytes = slice_skip(bytes, now.len);
    }
    return true;
}
