/* SPDX-License-Identifier: MIT */
/*
 * A piece of the stream is searched in three parts, so that no byte is copied but at its ends:
 *
 *     last 16 bytes | first 32 bytes        grams that begin before the 16th byte: in a copy
 *                   16 ........... blocks   all further whole blocks: in place
 *                          16 bytes | rest  what is left: in a copy
 *
 * A string is told with the piece that its last byte comes in; grams whose strings are not complete
 * are met again with the next piece.
 */
#include "match/scan_gram.h"

#include "base/assert.h"
#include "base/err.h"

#include <string.h>

#define GRAM_EDGE  SCAN_STRING_MAX /* No string reaches further back from a gram, or forward. */
#define GRAM_SMALL 160             /* Pieces up to this length are copied as a whole. */
#define GRAM_BATCH 64              /* Look-ups that are under way at once. */

static gram_find_fn gram_find_chosen;

void gram_finder_force(gram_find_fn find)
{
    gram_find_chosen = find ? find : gram_finder_best();
}

static void gram_choose_finder(void)
{
    if (!gram_find_chosen) {
        gram_find_chosen = gram_finder_best();
    }
}

/* ---- Opening ---- */

static uint64_t gram_align(uint64_t at)
{
    return (at + SCAN_ALIGN - 1) & ~(uint64_t)(SCAN_ALIGN - 1);
}

struct gram_places gram_place(const struct gram_header *header)
{
    struct gram_places places;

    places.strings = gram_align(sizeof(*header));
    places.slots =
        gram_align(places.strings + (uint64_t)header->strings_len * sizeof(struct gram_string));
    places.entries = gram_align(places.slots + (sizeof(struct gram_slot) << header->slots_log2));
    places.words = gram_align(places.entries + (uint64_t)header->entries_len * sizeof(uint32_t));
    places.len = gram_align(places.words + (sizeof(uint32_t) << header->words_log2));
    return places;
}

static bool gram_check_header(const struct gram_header *header, struct slice part)
{
    if (part.len < sizeof(*header) || header->q < GRAM_Q_MIN || header->q > GRAM_Q_MAX ||
        header->stride > GRAM_STRIDE_MAX || __builtin_popcount(header->stride) != 1) {
        return false;
    }
    if (header->words_log2 < GRAM_WORDS_LOG2_MIN || header->words_log2 > GRAM_WORDS_LOG2_MAX ||
        header->slots_log2 < GRAM_SLOTS_LOG2_MIN || header->slots_log2 > GRAM_SLOTS_LOG2_MAX) {
        return false;
    }
    return header->strings_len > 0 && gram_place(header).len <= part.len;
}

static bool gram_check_entry(const struct gram *gram, uint32_t entry)
{
    const struct gram_header *header = gram->header;
    const uint32_t string = GRAM_ENTRY_STRING(entry);

    return string < header->strings_len && gram->strings[string].len <= SCAN_STRING_MAX &&
           GRAM_ENTRY_AT(entry) + header->q <= gram->strings[string].len;
}

static bool gram_check_slots(const struct gram *gram)
{
    const uint64_t len = UINT64_C(1) << gram->header->slots_log2;
    uint64_t empty = 0;

    for (uint64_t i = 0; i < len; i++) {
        const uint32_t entry = gram->slots[i].entry;

        if (entry == GRAM_EMPTY) {
            empty++;
        } else if (!(entry & GRAM_ENTRY_LAST ? gram_check_entry(gram, entry)
                                             : entry < gram->header->entries_len)) {
            return false;
        }
    }
    return empty > 0;
}

static bool gram_check_entries(const struct gram *gram)
{
    const uint32_t len = gram->header->entries_len;

    for (uint32_t i = 0; i < len; i++) {
        if (!gram_check_entry(gram, gram->entries[i])) {
            return false;
        }
    }
    return len == 0 || (gram->entries[len - 1] & GRAM_ENTRY_LAST);
}

int gram_adopt(struct gram *out, struct slice part)
{
    const struct gram_header *header = (const struct gram_header *)(const void *)part.ptr;

    if (!gram_check_header(header, part)) {
        return ERR_NEW(-EBADMSG);
    }
    const struct gram_places places = gram_place(header);

    *out = (struct gram){
        .header = header,
        .strings = (const struct gram_string *)(const void *)(part.ptr + places.strings),
        .slots = (const struct gram_slot *)(const void *)(part.ptr + places.slots),
        .entries = (const uint32_t *)(const void *)(part.ptr + places.entries),
        .words = (const uint32_t *)(const void *)(part.ptr + places.words),
    };
    gram_choose_finder();
    return 0;
}

struct gram gram_moved(const struct gram *gram, uintptr_t shift)
{
    gram_choose_finder();
    if (!gram->header) {
        return *gram;
    }
    return (struct gram){
        .header = (const struct gram_header *)((uintptr_t)gram->header + shift),
        .strings = (const struct gram_string *)((uintptr_t)gram->strings + shift),
        .slots = (const struct gram_slot *)((uintptr_t)gram->slots + shift),
        .entries = (const uint32_t *)((uintptr_t)gram->entries + shift),
        .words = (const uint32_t *)((uintptr_t)gram->words + shift),
    };
}

int gram_open(struct gram *out, struct slice part)
{
    const int r = gram_adopt(out, part);

    if (r) {
        return ERR_PASS(r);
    }
    return gram_check_slots(out) && gram_check_entries(out) ? 0 : ERR_NEW(-EBADMSG);
}

/* ---- Confirming ---- */

/* A stretch of text under search. */
struct gram_text {
    const struct gram *gram;
    uint32_t string_first;
    const uint8_t *ptr;
    size_t len;
    uint64_t at;     /* Of its first byte in the stream. */
    uint64_t end_lo; /* Strings that end here or before were told before. */
    size_t gram_lo;  /* Grams that begin in [gram_lo, gram_hi) count. */
    size_t gram_hi;
    scan_hit_fn hit;
    void *ctx;
};

/* Bytes at `ptr`, of which `avail` may be read. */
static uint64_t text_load(const uint8_t *ptr, size_t avail)
{
    uint64_t bytes = 0;

    if (LIKELY(avail >= sizeof(bytes))) {
        memcpy(&bytes, ptr, sizeof(bytes));
    } else {
        memcpy(&bytes, ptr, avail);
    }
    return bytes;
}

static bool string_is_at(const struct gram_string *string, const uint8_t *ptr, size_t avail)
{
    if ((text_load(ptr, avail) & string->mask[0]) != string->value[0]) {
        return false;
    }
    return avail <= 8 || (text_load(ptr + 8, avail - 8) & string->mask[1]) == string->value[1];
}

/* Compares the strings of a gram that begins at `at`. False when the callback ended the scan. */
static bool text_compare(const struct gram_text *text, const uint32_t *entry, size_t at)
{
    for (;; entry++) {
        const uint32_t index = GRAM_ENTRY_STRING(*entry);
        const struct gram_string *string = &text->gram->strings[index];
        const size_t start = at - GRAM_ENTRY_AT(*entry);
        const uint64_t end = text->at + start + string->len;

        if (GRAM_ENTRY_AT(*entry) <= at && string->len <= text->len - start && end > text->end_lo &&
            string_is_at(string, text->ptr + start, text->len - start) &&
            !text->hit(text->ctx, text->string_first + index, end)) {
            return false;
        }
        if (*entry & GRAM_ENTRY_LAST) {
            return true;
        }
    }
}

/* The next slot from `at` on that has the tag, or NULL. */
static const struct gram_slot *gram_probe(const struct gram *gram, uint64_t at, uint32_t tag)
{
    const uint64_t mask = (UINT64_C(1) << gram->header->slots_log2) - 1;

    for (;; at++) {
        const struct gram_slot *slot = &gram->slots[at & mask];

        if (slot->entry == GRAM_EMPTY) {
            return NULL;
        }
        if (slot->tag == tag) {
            return slot;
        }
    }
}

static const uint32_t *slot_entries(const struct gram *gram, const struct gram_slot *slot)
{
    return slot->entry & GRAM_ENTRY_LAST ? &slot->entry : &gram->entries[slot->entry];
}

/* Grams of equal tags may follow each other; only the right one's strings can be there. */
static bool text_answer(const struct gram_text *text, const struct gram_slot *slot, size_t at)
{
    const struct gram *gram = text->gram;

    for (; slot; slot = gram_probe(gram, (uint64_t)(slot - gram->slots) + 1, slot->tag)) {
        if (!text_compare(text, slot_entries(gram, slot), at)) {
            return false;
        }
    }
    return true;
}

/* Memory is slow to answer, so all the questions come first: slots, then strings, then the text. */
static bool text_confirm_batch(const struct gram_text *text, size_t base, const uint32_t *found,
                               size_t found_len)
{
    const struct gram *gram = text->gram;
    const unsigned shift = 64 - gram->header->slots_log2;
    const struct gram_slot *slots[GRAM_BATCH];
    uint64_t hashes[GRAM_BATCH];

    for (size_t i = 0; i < found_len; i++) {
        const size_t at = base + found[i];
        const uint64_t bytes = text_load(text->ptr + at, text->len - MIN_OF(at, text->len));

        hashes[i] = gram_slot_hash(gram_key(gram->header, bytes));
        __builtin_prefetch(&gram->slots[hashes[i] >> shift]);
    }
    for (size_t i = 0; i < found_len; i++) {
        const size_t at = base + found[i];
        const bool counts = at >= text->gram_lo && at < text->gram_hi;

        slots[i] = counts ? gram_probe(gram, hashes[i] >> shift, gram_slot_tag(hashes[i])) : NULL;
        if (slots[i] && slots[i]->entry & GRAM_ENTRY_LAST) {
            __builtin_prefetch(&gram->strings[GRAM_ENTRY_STRING(slots[i]->entry)]);
        }
    }
    for (size_t i = 0; i < found_len; i++) {
        if (slots[i] && !text_answer(text, slots[i], base + found[i])) {
            return false;
        }
    }
    return true;
}

static bool text_confirm(const struct gram_text *text, size_t base, const uint32_t *found,
                         size_t found_len)
{
    for (size_t done = 0; done < found_len; done += GRAM_BATCH) {
        if (!text_confirm_batch(text, base, found + done, MIN_OF(found_len - done, GRAM_BATCH))) {
            return false;
        }
    }
    return true;
}

/* Searches the blocks from `base` on; GRAM_SLACK bytes behind them must be readable. */
static bool text_search(const struct gram_text *text, size_t base, size_t blocks)
{
    uint32_t found[GRAM_FOUND_MAX];

    while (blocks > 0) {
        const size_t now = MIN_OF(blocks, GRAM_BLOCKS_MAX);
        const size_t found_len = gram_find_chosen(text->gram, text->ptr + base, now, found);

        if (found_len > 0 && !text_confirm(text, base, found, found_len)) {
            return false;
        }
        base += now * GRAM_BLOCK;
        blocks -= now;
    }
    return true;
}

/* ---- Streaming ---- */

/* Room for what is searched in a copy. */
struct gram_copy {
    uint8_t bytes[GRAM_EDGE + GRAM_SMALL + 2 * GRAM_BLOCK + GRAM_SLACK];
};

/* Bytes from a stream position to the next one that is looked at. */
static size_t gram_skip(const struct gram *gram, uint64_t at)
{
    return (size_t)(-at & (gram->header->stride - 1));
}

/* Searches the `len` bytes that the copy holds, from the first sampled position on. */
static bool copy_search(struct gram_copy *copy, struct gram_text *text, size_t len)
{
    const size_t base = gram_skip(text->gram, text->at + text->gram_lo) + text->gram_lo;

    if (base >= len) {
        return true;
    }
    const size_t blocks = (len - base + GRAM_BLOCK - 1) / GRAM_BLOCK;

    memset(copy->bytes + len, 0, base + blocks * GRAM_BLOCK + GRAM_SLACK - len);
    text->ptr = copy->bytes;
    text->len = len;
    return text_search(text, base, blocks);
}

/* What begins before the piece's 16th byte; of a small piece everything. */
static bool stream_search_head(const struct gram_stream *stream, struct gram_text text,
                               struct slice bytes)
{
    struct gram_copy copy;
    const size_t before = (size_t)MIN_OF(stream->fed, GRAM_EDGE);
    const size_t now = bytes.len <= GRAM_SMALL ? bytes.len : 2 * (size_t)GRAM_EDGE;

    memcpy(copy.bytes, stream->last + GRAM_EDGE - before, before);
    memcpy(copy.bytes + before, bytes.ptr, now);
    text.at = stream->fed - before;
    text.gram_lo = 0;
    text.gram_hi = now == bytes.len ? before + now : before + GRAM_EDGE;
    return copy_search(&copy, &text, before + now);
}

/* Everything from the 16th byte on. */
static bool stream_search_rest(const struct gram_stream *stream, struct gram_text text,
                               struct slice bytes)
{
    struct gram_copy copy;
    const size_t base = GRAM_EDGE + gram_skip(text.gram, stream->fed + GRAM_EDGE);
    const size_t blocks = (bytes.len - base - GRAM_SLACK) / GRAM_BLOCK;
    const size_t tail = base + blocks * GRAM_BLOCK - GRAM_EDGE;

    text.at = stream->fed;
    text.ptr = bytes.ptr;
    text.len = bytes.len;
    text.gram_hi = bytes.len;
    if (!text_search(&text, base, blocks)) {
        return false;
    }
    memcpy(copy.bytes, bytes.ptr + tail, bytes.len - tail);
    text.at = stream->fed + tail;
    text.gram_lo = GRAM_EDGE;
    text.gram_hi = bytes.len - tail;
    return copy_search(&copy, &text, bytes.len - tail);
}

void gram_stream_advance(struct gram_stream *stream, struct slice bytes)
{
    const size_t len = MIN_OF(bytes.len, GRAM_EDGE);

    memmove(stream->last, stream->last + len, GRAM_EDGE - len);
    if (len > 0) {
        memcpy(stream->last + GRAM_EDGE - len, bytes.ptr + bytes.len - len, len);
    }
    stream->fed += bytes.len;
}

bool gram_feed(const struct gram *gram, uint32_t string_first, const struct gram_stream *stream,
               struct slice bytes, scan_hit_fn hit, void *ctx)
{
    const struct gram_text text = {
        .gram = gram,
        .string_first = string_first,
        .end_lo = stream->fed,
        .hit = hit,
        .ctx = ctx,
    };

    if (bytes.len == 0) {
        return true;
    }
    return stream_search_head(stream, text, bytes) &&
           (bytes.len <= GRAM_SMALL || stream_search_rest(stream, text, bytes));
}
