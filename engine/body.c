/* SPDX-License-Identifier: MIT */
#include "engine/body.h"

#include "base/assert.h"
#include "base/err.h"
#include "engine/counters.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int body_store_open(struct body_store *store, struct ring *ring, struct counters *counters,
                    uint64_t memory_max, int spool_fd)
{
    const uint64_t blocks = memory_max / BODY_BLOCK_BYTES;
    const uint32_t cap = (uint32_t)MIN_OF(MAX_OF(blocks, 64), 1u << 20);

    *store = (struct body_store){
        .ring = ring,
        .counters = counters,
        .spool_fd = spool_fd,
        .memfd_max = memory_max,
        .reserve = cap / 4,
    };
    const int r = pool_open(&store->blocks, BODY_BLOCK_BYTES, cap);

    if (r < 0) {
        return ERR_PASS(r);
    }
    store->window = body_block_take(store);
    ASSERT(store->window);
    return 0;
}

void body_store_close(struct body_store *store)
{
    if (store->window) {
        body_block_give(store, store->window);
    }
    pool_close(&store->blocks);
    *store = (struct body_store){.spool_fd = -1};
}

uint8_t *body_block_take(struct body_store *store)
{
    uint8_t *block = pool_take(&store->blocks);

    if (block) {
        counters_add(&store->counters->blocks_used, 1);
    }
    return block;
}

bool body_store_is_low(const struct body_store *store, uint32_t more)
{
    return store->blocks.cap - store->blocks.used <= store->reserve + more;
}

/* A block for a body: not from the reserve. */
static uint8_t *body_take(struct body *body)
{
    return body_store_is_low(body->store, 0) ? NULL : body_block_take(body->store);
}

uint8_t *body_yield_block(struct body *body)
{
    return body->blocks_len > 0 ? body->blocks[--body->blocks_len] : NULL;
}

void body_block_give(struct body_store *store, uint8_t *block)
{
    pool_give(&store->blocks, block);
    counters_sub(&store->counters->blocks_used, 1);
}

void body_init(struct body *body, struct body_store *store, body_wake_fn wake, void *wake_ctx)
{
    /* Field by field: the block table and the write op need no clearing on the hot path. */
    body->store = store;
    body->len = 0;
    body->blocks_len = 0;
    body->blocks_done = false;
    body->failed = false;
    body->front_fd = -1;
    body->memfd = -1;
    body->file_fd = -1;
    body->memfd_base = 0;
    body->memfd_cap = 0;
    body->file_base = 0;
    body->flushed = 0;
    body->fill = NULL;
    body->fill_len = 0;
    body->busy = NULL;
    body->busy_len = 0;
    body->write_op = (struct ring_op){0};
    body->wake = wake;
    body->wake_ctx = wake_ctx;
}

bool body_is_busy(const struct body *body)
{
    return body->store && ring_op_pending(&body->write_op);
}

static void body_drop_block(struct body *body, uint8_t **block)
{
    if (*block) {
        body_block_give(body->store, *block);
        *block = NULL;
    }
}

void body_fini(struct body *body)
{
    struct body_store *store = body->store;

    if (!store) {
        return;
    }
    ASSERT(!body_is_busy(body));
    for (uint32_t i = 0; i < body->blocks_len; i++) {
        body_block_give(store, body->blocks[i]);
    }
    body_drop_block(body, &body->fill);
    body_drop_block(body, &body->busy);
    if (body->memfd >= 0) {
        close(body->memfd);
        store->memfd_used -= body->memfd_cap;
    }
    if (body->file_fd >= 0) {
        close(body->file_fd);
    }
    if (body->front_fd >= 0) {
        close(body->front_fd);
    }
    body_window_drop(store, body);
    body->store = NULL;
}

static uint64_t body_blocks_cap(const struct body *body)
{
    return (uint64_t)body->blocks_len * BODY_BLOCK_BYTES;
}

/* Opens the memfd tier behind the blocks; without budget it has no room and the file is next. */
static void body_open_memfd(struct body *body)
{
    struct body_store *store = body->store;

    body->blocks_done = true;
    body->memfd_base = body->len;
    counters_add(&store->counters->bodies_spilled, 1);
    if (store->memfd_used + BODY_MEMFD_BYTES > store->memfd_max) {
        return;
    }
    body->memfd = memfd_create("baleen-body", MFD_CLOEXEC);
    if (body->memfd >= 0) {
        body->memfd_cap = BODY_MEMFD_BYTES;
        store->memfd_used += BODY_MEMFD_BYTES;
    }
}

static void body_flush(struct body *body);

/* Without a new block the last one in memory is the file's first: the body gets on with what it
 * has. */
static void body_move_last_block(struct body *body)
{
    ASSERT(body->len == body_blocks_cap(body));
    body->fill = body->blocks[--body->blocks_len];
    body->fill_len = BODY_BLOCK_BYTES;
    body->file_base = body->len - BODY_BLOCK_BYTES;
    body->memfd_base = body->file_base;
    body_flush(body);
}

/* A file without a name in the spool folder; -1: there is none. */
static int body_open_spool(const struct body_store *store)
{
    return store->spool_fd >= 0 ? openat(store->spool_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)
                                : -1;
}

static bool body_write_blocks(const struct body *body, int fd, uint64_t len)
{
    for (uint32_t i = 0; i < body->blocks_len; i++) {
        const uint64_t at = (uint64_t)i * BODY_BLOCK_BYTES;
        const size_t n = (size_t)MIN_OF((uint64_t)BODY_BLOCK_BYTES, len - at);

        if (pwrite(fd, body->blocks[i], n, (off_t)at) != (ssize_t)n) {
            return false;
        }
    }
    return true;
}

bool body_evict(struct body *body)
{
    const uint64_t len = body->blocks_done ? body->memfd_base : body->len;

    if (body->failed || body->front_fd >= 0 || body->blocks_len < 2 ||
        len <= body_blocks_cap(body) - BODY_BLOCK_BYTES) {
        return false;
    }
    const int fd = body_open_spool(body->store);

    if (fd < 0) {
        return false;
    }
    if (!body_write_blocks(body, fd, len)) {
        close(fd);
        return false;
    }
    while (body->blocks_len > 0) {
        body_block_give(body->store, body->blocks[--body->blocks_len]);
    }
    body->front_fd = fd;
    if (!body->blocks_done) {
        body->blocks_done = true;
        body->memfd_base = body->len;
        counters_add(&body->store->counters->bodies_spilled, 1);
    }
    return true;
}

static bool body_open_file(struct body *body)
{
    struct body_store *store = body->store;

    body->file_base = body->len;
    body->file_fd = body_open_spool(store);
    if (body->file_fd < 0) {
        body->failed = true;
        return false;
    }
    body->fill = body_take(body);
    if (!body->fill && body->memfd_cap == 0 && body->blocks_len > 0) {
        body_move_last_block(body);
        return true;
    }
    if (!body->fill) {
        body->fill = body_block_take(store);
    }
    body->failed = !body->fill;
    return !body->failed;
}

size_t body_room(struct body *body)
{
    if (body->failed) {
        return 0;
    }
    if (!body->blocks_done) {
        if (body->len < body_blocks_cap(body)) {
            return (size_t)(body_blocks_cap(body) - body->len);
        }
        if (body->blocks_len < BODY_BLOCKS_MAX) {
            body->blocks[body->blocks_len] = body_take(body);
            if (body->blocks[body->blocks_len]) {
                body->blocks_len++;
                return BODY_BLOCK_BYTES;
            }
        }
        body_open_memfd(body);
    }
    if (body->len < body->memfd_base + body->memfd_cap) {
        return (size_t)(body->memfd_base + body->memfd_cap - body->len);
    }
    if (body->file_fd < 0 && !body_open_file(body)) {
        return 0;
    }
    return BODY_BLOCK_BYTES - body->fill_len;
}

static void body_on_write(struct ring_op *op, int res)
{
    struct body *body = CONTAINER_OF(op, struct body, write_op);

    if (res == (int)body->busy_len) {
        body->flushed += body->busy_len;
        body_drop_block(body, &body->busy);
        body_flush(body);
    } else {
        /* The block stays: what follows it is found by where it ends, and an echo may need it. */
        body->failed = true;
    }
    body->wake(body->wake_ctx);
}

/* Into the page cache at once. The block is free again, and nothing has to wait in an inbox
 * meanwhile. */
static void body_flush_now(struct body *body)
{
    const ssize_t n = pwrite(body->file_fd, body->fill, body->fill_len, (off_t)body->flushed);

    if (n != (ssize_t)body->fill_len) {
        body->failed = true;
        return;
    }
    body->flushed += body->fill_len;
    body->fill_len = 0;
}

/* The full block goes to the file if the one before has arrived there. */
static void body_flush(struct body *body)
{
    if (body->failed || body->fill_len < BODY_BLOCK_BYTES || body->busy) {
        return;
    }
    uint8_t *next = body_take(body);

    if (!next) {
        body_flush_now(body);
        return;
    }
    body->busy = body->fill;
    body->busy_len = body->fill_len;
    body->fill = next;
    body->fill_len = 0;
    ring_write(body->store->ring, &body->write_op, body->file_fd, body->busy, body->busy_len,
               body->flushed, body_on_write);
}

static void body_append_memfd(struct body *body, struct slice bytes)
{
    const off_t at = (off_t)(body->len - body->memfd_base);

    if (pwrite(body->memfd, bytes.ptr, bytes.len, at) != (ssize_t)bytes.len) {
        body->failed = true;
        return;
    }
    body->len += bytes.len;
}

static void body_append_blocks(struct body *body, struct slice bytes)
{
    while (bytes.len > 0) {
        const size_t in_block = (size_t)(body->len % BODY_BLOCK_BYTES);
        const size_t n = MIN_OF(bytes.len, BODY_BLOCK_BYTES - in_block);

        ASSERT(body->len / BODY_BLOCK_BYTES < body->blocks_len);
        memcpy(body->blocks[body->len / BODY_BLOCK_BYTES] + in_block, bytes.ptr, n);
        body->len += n;
        bytes = slice_skip(bytes, n);
    }
}

void body_append(struct body *body, struct slice bytes)
{
    if (!body->blocks_done) {
        body_append_blocks(body, bytes);
        return;
    }
    if (body->len < body->memfd_base + body->memfd_cap) {
        body_append_memfd(body, bytes);
        return;
    }
    ASSERT(bytes.len <= BODY_BLOCK_BYTES - body->fill_len);
    memcpy(body->fill + body->fill_len, bytes.ptr, bytes.len);
    body->fill_len += (uint32_t)bytes.len;
    body->len += bytes.len;
    body_flush(body);
}

uint64_t body_stable(const struct body *body)
{
    if (body->file_fd < 0) {
        return body->len;
    }
    return body->file_base + body->flushed;
}

uint64_t body_settled(const struct body *body)
{
    return body_is_busy(body) ? body_stable(body) : body->len;
}

static struct body_piece body_piece_memory(const uint8_t *bytes, size_t len, size_t max)
{
    const size_t n = MIN_OF(len, max);

    return (struct body_piece){.place = BODY_IN_MEMORY, .bytes = slice_from(bytes, n), .len = n};
}

static struct body_piece body_piece_fd(int fd, uint64_t offset, uint64_t len, size_t max)
{
    const size_t n = (size_t)MIN_OF(len, (uint64_t)max);

    return (struct body_piece){.place = BODY_IN_FD, .fd = fd, .fd_offset = offset, .len = n};
}

static struct body_piece body_locate_file(const struct body *body, uint64_t offset, size_t max)
{
    const uint64_t at = offset - body->file_base;
    const uint64_t busy_end = body->flushed + body->busy_len;

    if (at < body->flushed) {
        return body_piece_fd(body->file_fd, at, body->flushed - at, max);
    }
    if (body->busy && at < busy_end) {
        const size_t in_block = (size_t)(at - body->flushed);

        return body_piece_memory(body->busy + in_block, body->busy_len - in_block, max);
    }
    const size_t in_fill = (size_t)(at - (body->busy ? busy_end : body->flushed));

    return body_piece_memory(body->fill + in_fill, body->fill_len - in_fill, max);
}

struct body_piece body_locate(const struct body *body, uint64_t offset, size_t max)
{
    const uint64_t blocks_end = body->blocks_done ? body->memfd_base : body->len;
    const uint64_t memfd_end = MIN_OF(body->memfd_base + body->memfd_cap, body->len);

    ASSERT(offset < body->len);
    if (offset < blocks_end && body->front_fd >= 0) {
        return body_piece_fd(body->front_fd, offset, blocks_end - offset, max);
    }
    if (offset < blocks_end) {
        const size_t in_block = (size_t)(offset % BODY_BLOCK_BYTES);
        const uint64_t left = MIN_OF(BODY_BLOCK_BYTES - in_block, blocks_end - offset);

        ASSERT(offset / BODY_BLOCK_BYTES < body->blocks_len);
        return body_piece_memory(body->blocks[offset / BODY_BLOCK_BYTES] + in_block, (size_t)left,
                                 max);
    }
    if (offset < memfd_end) {
        return body_piece_fd(body->memfd, offset - body->memfd_base, memfd_end - offset, max);
    }
    return body_locate_file(body, offset, max);
}

const uint8_t *body_window_at(struct body_store *store, const void *key, int fd, uint64_t offset,
                              uint64_t size, size_t *out_len)
{
    const uint64_t base = offset - offset % BODY_BLOCK_BYTES;

    if (store->window_key != key || store->window_fd != fd || store->window_base != base ||
        offset - base >= store->window_len) {
        const size_t want = (size_t)MIN_OF((uint64_t)BODY_BLOCK_BYTES, size - base);
        const ssize_t n = pread(fd, store->window, want, (off_t)base);

        store->window_key = NULL;
        if (n <= 0 || offset - base >= (uint64_t)n) {
            return NULL;
        }
        store->window_key = key;
        store->window_fd = fd;
        store->window_base = base;
        store->window_len = (size_t)n;
    }
    *out_len = store->window_len - (size_t)(offset - base);
    return store->window + (offset - base);
}

void body_window_drop(struct body_store *store, const void *key)
{
    if (store->window_key == key) {
        store->window_key = NULL;
    }
}

const uint8_t *body_at(void *ctx, uint64_t offset, size_t *out_len)
{
    struct body *body = ctx;
    const struct body_piece piece = body_locate(body, offset, SIZE_MAX);

    if (piece.place == BODY_IN_MEMORY) {
        *out_len = piece.len;
        return piece.bytes.ptr;
    }
    return body_window_at(body->store, body, piece.fd, piece.fd_offset, piece.fd_offset + piece.len,
                          out_len);
}

const uint8_t *body_stay_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct body *body = ctx;
    const uint64_t blocks_end = body->blocks_done ? body->memfd_base : body->len;

    if (offset >= blocks_end || body->front_fd >= 0) {
        return NULL;
    }
    const struct body_piece piece = body_locate(body, offset, SIZE_MAX);

    ASSERT(piece.place == BODY_IN_MEMORY);
    *out_len = piece.len;
    return piece.bytes.ptr;
}
