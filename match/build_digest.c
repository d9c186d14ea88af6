/* SPDX-License-Identifier: MIT */
/*
 * Writes the hash tables of an image: each is ordered by digest, size and purpose, so that equal
 * entries follow each other and the first that came stays.
 */
#include "match/builder.h"

#include "base/err.h"
#include "match/threat.h"

/* So many digests are in a bucket on average, at most. */
#define DIGEST_BUCKET_LEN 6

/* A name that has attributes of its own although its text with the hole is known. */
struct digest_exception {
    uint32_t threat; /* The text with the hole, */
    uint32_t number; /* what stands in it, */
    uint32_t own;    /* and the threat of the whole name. */
};

struct digest_job {
    struct match_builder *builder;
    struct layout_header *header;
    struct vec *sections;
    struct vec exceptions;
    struct vec sizes[2]; /* Of one table, by enum digest purposes: uint32_t. */
};

/* One table while it is ordered. */
struct digest_order {
    const struct vec *rows;
    size_t digest_bytes;
    uint32_t *order;
};

static const uint8_t *order_row(const struct digest_order *order, uint32_t index)
{
    return vec_at(order->rows, index);
}

static struct layout_digest order_entry(const struct digest_order *order, uint32_t index)
{
    struct layout_digest entry;

    memcpy(&entry, order_row(order, index) + order->digest_bytes, sizeof(entry));
    return entry;
}

/* By digest, size and purpose; 0 for entries that say the same. */
static int order_compare_rows(const struct digest_order *order, uint32_t a, uint32_t b)
{
    const int r = memcmp(order_row(order, a), order_row(order, b), order->digest_bytes);

    if (r != 0) {
        return r;
    }
    const struct layout_digest left = order_entry(order, a);
    const struct layout_digest right = order_entry(order, b);

    if (left.size != right.size) {
        return left.size < right.size ? -1 : 1;
    }
    return (int)(left.threat >> 31) - (int)(right.threat >> 31);
}

static int order_compare(const void *left, const void *right, void *ctx)
{
    const uint32_t a = *(const uint32_t *)left;
    const uint32_t b = *(const uint32_t *)right;
    const int r = order_compare_rows(ctx, a, b);

    return r != 0 ? r : a < b ? -1 : a > b;
}

/* Into buckets first, so that what is left to sort is short. */
static int order_sort(struct digest_order *order, uint32_t bits)
{
    const uint32_t len = (uint32_t)order->rows->len;
    uint32_t *ends = calloc(((size_t)1 << bits) + 1, sizeof(*ends));

    if (!ends) {
        return ERR_NEW(-ENOMEM);
    }
    for (uint32_t i = 0; i < len; i++) {
        ends[layout_bucket(order_row(order, i), bits) + 1]++;
    }
    for (uint32_t i = 0; i < 1U << bits; i++) {
        ends[i + 1] += ends[i];
    }
    for (uint32_t i = 0; i < len; i++) {
        order->order[ends[layout_bucket(order_row(order, i), bits)]++] = i;
    }
    for (uint32_t i = 0, from = 0; i < 1U << bits; i++) {
        if (ends[i] - from > 1) {
            qsort_r(order->order + from, ends[i] - from, sizeof(uint32_t), order_compare, order);
        }
        from = ends[i];
    }
    free(ends);
    return 0;
}

/* ---- Sizes ---- */

static int size_compare(const void *left, const void *right)
{
    const uint32_t a = *(const uint32_t *)left;
    const uint32_t b = *(const uint32_t *)right;

    return a < b ? -1 : a > b;
}

/* Ordered sizes without doubles. */
static void sizes_sort(struct vec *sizes)
{
    uint32_t *values = (uint32_t *)(void *)sizes->ptr;
    size_t len = 0;

    if (sizes->len > 0) {
        qsort(values, sizes->len, sizeof(*values), size_compare);
    }
    for (size_t i = 0; i < sizes->len; i++) {
        if (len == 0 || values[len - 1] != values[i]) {
            values[len++] = values[i];
        }
    }
    sizes->len = len;
}

/* Appends one chunk: these sizes, which have their upper bits in common. */
static int sizes_add_chunk(struct digest_job *job, const uint32_t *sizes, uint32_t len)
{
    struct vec *lows = &job->sections[LAYOUT_SIZE_LOWS];
    const struct layout_chunk chunk = {(uint32_t)lows->len, len};
    const bool listed = len <= LAYOUT_CHUNK_LIST_MAX;
    uint16_t *room = vec_extend(lows, listed ? len : LAYOUT_CHUNK_BITMAP_WORDS);

    if (!room || !vec_append(&job->sections[LAYOUT_CHUNKS], &chunk, 1)) {
        return ERR_NEW(-ENOMEM);
    }
    for (uint32_t i = 0; i < len; i++) {
        const uint16_t low = (uint16_t)sizes[i];

        if (listed) {
            room[i] = low;
        } else {
            room[low / 16] |= (uint16_t)(1U << low % 16);
        }
    }
    return 0;
}

static int sizes_write(struct digest_job *job, struct vec *sizes, struct layout_sizes *out)
{
    sizes_sort(sizes);
    const uint32_t *values = (const uint32_t *)(const void *)sizes->ptr;
    const size_t chunks = sizes->len > 0 ? (values[sizes->len - 1] >> 16) + 1 : 0;
    size_t at = 0;

    out->chunk_first = (uint32_t)job->sections[LAYOUT_CHUNKS].len;
    out->chunk_len = (uint32_t)chunks;
    for (size_t i = 0; i < chunks; i++) {
        const size_t from = at;

        while (at < sizes->len && values[at] >> 16 == i) {
            at++;
        }
        const int r = sizes_add_chunk(job, values + from, (uint32_t)(at - from));

        if (r) {
            return ERR_PASS(r);
        }
    }
    sizes->len = 0;
    return 0;
}

/* ---- Names with attributes of their own ---- */

static int exception_compare(const void *left, const void *right)
{
    const struct digest_exception *a = left;
    const struct digest_exception *b = right;

    if (a->threat != b->threat) {
        return a->threat < b->threat ? -1 : 1;
    }
    return a->number < b->number ? -1 : a->number > b->number;
}

static int exceptions_find(struct digest_job *job)
{
    const struct match_builder *builder = job->builder;

    for (uint32_t i = 0; i < builder->threats.len; i++) {
        const struct builder_threat *threat = vec_at(&builder->threats, i);
        struct digest_exception exception = {.own = i};
        struct threat_name split;

        if (!threat->described || !threat_split(intern_at(&builder->names, i), &split) ||
            !intern_find(&builder->names, slice_from(split.text, split.len), &exception.threat)) {
            continue;
        }
        exception.number = split.number;
        if (!vec_append(&job->exceptions, &exception, 1)) {
            return ERR_NEW(-ENOMEM);
        }
    }
    if (job->exceptions.len > 0) {
        qsort(job->exceptions.ptr, job->exceptions.len, job->exceptions.item_bytes,
              exception_compare);
    }
    return 0;
}

static void exceptions_apply(const struct digest_job *job, struct layout_digest *entry)
{
    const struct digest_exception wanted = {entry->threat & ~LAYOUT_DIGEST_ALLOW, entry->number, 0};

    if (job->exceptions.len == 0 || entry->number == LAYOUT_NO_NUMBER) {
        return;
    }
    const struct digest_exception *found =
        bsearch(&wanted, job->exceptions.ptr, job->exceptions.len, job->exceptions.item_bytes,
                exception_compare);

    if (found) {
        entry->threat = found->own | (entry->threat & LAYOUT_DIGEST_ALLOW);
        entry->number = LAYOUT_NO_NUMBER;
    }
}

/* ---- Tables ---- */

static uint32_t table_bits(uint32_t len)
{
    uint32_t bits = 1;

    while (bits < LAYOUT_BUCKET_BITS_MAX && len >> bits >= DIGEST_BUCKET_LEN) {
        bits++;
    }
    return bits;
}

static int table_note_size(struct digest_job *job, struct layout_table *table,
                           const struct layout_digest *entry)
{
    const bool allow = entry->threat & LAYOUT_DIGEST_ALLOW;

    if (entry->size == LAYOUT_DIGEST_ANY_SIZE) {
        (allow ? &table->allows : &table->detects)->any = 1;
        return 0;
    }
    return vec_append(&job->sizes[allow], &entry->size, 1) ? 0 : ERR_NEW(-ENOMEM);
}

/* What the table holds, once each. */
static int table_fill(struct digest_job *job, struct layout_table *table,
                      const struct digest_order *order)
{
    const uint32_t len = (uint32_t)order->rows->len;
    uint32_t *words =
        vec_extend(&job->sections[LAYOUT_DIGEST_WORDS], len * order->digest_bytes / 4);
    struct layout_digest *entries = vec_extend(&job->sections[LAYOUT_DIGESTS], len);
    uint32_t *buckets = vec_extend(&job->sections[LAYOUT_BUCKETS], (1U << table->bucket_bits) + 1);
    uint32_t bucket = 0;

    if (!words || !entries || !buckets) {
        return ERR_NEW(-ENOMEM);
    }
    for (uint32_t i = 0; i < len; i++) {
        const uint8_t *row = order_row(order, order->order[i]);

        if (i > 0 && order_compare_rows(order, order->order[i - 1], order->order[i]) == 0) {
            continue;
        }
        for (; bucket < layout_bucket(row, table->bucket_bits); bucket++) {
            buckets[bucket + 1] = table->len;
        }
        memcpy((uint8_t *)words + table->len * order->digest_bytes, row, order->digest_bytes);
        entries[table->len] = order_entry(order, order->order[i]);
        exceptions_apply(job, &entries[table->len]);
        const int r = table_note_size(job, table, &entries[table->len]);

        if (r) {
            return ERR_PASS(r);
        }
        table->len++;
    }
    for (; bucket < 1U << table->bucket_bits; bucket++) {
        buckets[bucket + 1] = table->len;
    }
    job->sections[LAYOUT_DIGEST_WORDS].len -= (len - table->len) * order->digest_bytes / 4;
    job->sections[LAYOUT_DIGESTS].len -= len - table->len;
    return 0;
}

static int table_write(struct digest_job *job, enum layout_scope scope, enum layout_hash kind)
{
    struct digest_order order = {.rows = &job->builder->hashes[scope][kind],
                                 .digest_bytes = layout_digest_bytes(kind)};
    struct layout_table *table = &job->header->tables[scope][kind];

    if (order.rows->len == 0) {
        return 0;
    }
    table->bucket_bits = table_bits((uint32_t)order.rows->len);
    table->word_first = (uint32_t)job->sections[LAYOUT_DIGEST_WORDS].len;
    table->digest_first = (uint32_t)job->sections[LAYOUT_DIGESTS].len;
    table->bucket_first = (uint32_t)job->sections[LAYOUT_BUCKETS].len;
    order.order = calloc(order.rows->len, sizeof(*order.order));
    int r = order.order ? order_sort(&order, table->bucket_bits) : ERR_NEW(-ENOMEM);

    r = r ? r : table_fill(job, table, &order);
    r = r ? r : sizes_write(job, &job->sizes[0], &table->detects);
    r = r ? r : sizes_write(job, &job->sizes[1], &table->allows);
    free(order.order);
    return r;
}

/* What the header says of them all. */
static void header_count(struct digest_job *job)
{
    struct layout_header *header = job->header;

    for (unsigned i = 0; i < LAYOUT_SCOPES * LAYOUT_HASHES; i++) {
        const struct digest_order order = {
            .rows = &job->builder->hashes[i / LAYOUT_HASHES][i % LAYOUT_HASHES],
            .digest_bytes = layout_digest_bytes((enum layout_hash)(i % LAYOUT_HASHES))};

        for (uint32_t k = 0; k < order.rows->len; k++) {
            const struct layout_digest entry = order_entry(&order, k);
            const uint64_t size =
                entry.size == LAYOUT_DIGEST_ANY_SIZE ? LAYOUT_ANY_SIZE : entry.size;

            if (entry.threat & LAYOUT_DIGEST_ALLOW) {
                header->allows_len++;
                header->allow_size_max = MAX_OF(header->allow_size_max, size);
            } else {
                header->hashes_len++;
            }
        }
    }
}

int builder_write_hashes(struct match_builder *builder, struct layout_header *header,
                         struct vec *sections)
{
    struct digest_job job = {
        .builder = builder,
        .header = header,
        .sections = sections,
        .exceptions = VEC_OF(struct digest_exception),
        .sizes = {VEC_OF(uint32_t), VEC_OF(uint32_t)},
    };
    int r = exceptions_find(&job);

    header_count(&job);
    for (unsigned i = 0; i < LAYOUT_SCOPES * LAYOUT_HASHES && r == 0; i++) {
        r = table_write(&job, (enum layout_scope)(i / LAYOUT_HASHES),
                        (enum layout_hash)(i % LAYOUT_HASHES));
    }
    vec_free(&job.exceptions);
    vec_free(&job.sizes[0]);
    vec_free(&job.sizes[1]);
    return r;
}
