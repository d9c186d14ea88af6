#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * body - the bytes of one body, kept until the verdict.
 *
 * Role: signatures need random access and clients that allow no 204 get the body back, so it is
 * kept: the first BODY_BLOCKS_MAX blocks in pooled memory, then up to BODY_MEMFD_BYTES in a memfd,
 * then in an unlinked file of the spool folder. Each range has its place, nothing is ever moved.
 * Owner: the transaction; the store (pool, budget, spool folder, window) is the shard's. Blocking:
 * blocks and the memfd never block; the file is written through the ring, two blocks at a time, so
 * body_room may say 0 until a write has completed. When the pool runs low a body goes to its file
 * with the blocks it has, so that every body that has begun gets on, however many there are.
 * Limits: blocks of the pool, store->memfd_max for all memfds, the disk. Beyond: body_room is 0 and
 * `failed` is set.
 */
#include "base/pool.h"
#include "base/slice.h"
#include "net/ring/ring.h"

#define BODY_BLOCK_BYTES KIB(64)
#define BODY_BLOCKS_MAX  16
#define BODY_MEMFD_BYTES MIB(16)

struct body;
struct counters;

struct body_store {
    struct pool blocks;
    struct ring *ring;
    struct counters *counters;
    uint32_t reserve;    /* Blocks that bodies leave to inboxes, heads and pages. */
    int spool_fd;        /* Folder for unlinked files, -1: none. */
    uint64_t memfd_max;  /* Bytes that all memfds together may hold. */
    uint64_t memfd_used; /* Reserved by bodies that have one. */
    uint8_t *window;     /* One block for body_at on the fd tiers. */
    const void *window_key;
    int window_fd;
    uint64_t window_base;
    size_t window_len;
};

typedef void (*body_wake_fn)(void *ctx);

struct body {
    struct body_store *store; /* NULL: no body. */
    uint64_t len;
    uint8_t *blocks[BODY_BLOCKS_MAX];
    uint32_t blocks_len;
    bool blocks_done; /* No further block: the next tier has begun. */
    bool failed;      /* A write failed or there is no room: 551. */
    int front_fd;     /* Where the blocks went when they were wanted by others; -1: they stay. */
    int memfd;        /* -1: none. */
    uint64_t memfd_base;
    uint64_t memfd_cap;
    int file_fd; /* -1: none. */
    uint64_t file_base;
    uint64_t flushed; /* File offset up to which writes have completed. */
    uint8_t *fill;    /* Being filled. */
    uint32_t fill_len;
    uint8_t *busy; /* Being written. */
    uint32_t busy_len;
    struct ring_op write_op;
    body_wake_fn wake;
    void *wake_ctx;
};

MUST_CHECK int body_store_open(struct body_store *store, struct ring *ring,
                               struct counters *counters, uint64_t memory_max, int spool_fd);
void body_store_close(struct body_store *store);

/* Blocks for others of the shard (inboxes, pages, large heads); NULL when the pool is empty. */
MUST_CHECK uint8_t *body_block_take(struct body_store *store);
void body_block_give(struct body_store *store, uint8_t *block);

/* Only the reserve and `more` blocks are left: bodies go to their files, others had better wait. */
bool body_store_is_low(const struct body_store *store, uint32_t more);

/* `wake` is called when body_room may have changed from 0. */
void body_init(struct body *body, struct body_store *store, body_wake_fn wake, void *wake_ctx);

/* True while a write is under way: the body may not be finished yet. */
bool body_is_busy(const struct body *body);
void body_fini(struct body *body);

/* How many bytes body_append takes now; 0: wait for `wake`, or `failed` is set. */
size_t body_room(struct body *body);

/* At most body_room bytes. */
void body_append(struct body *body, struct slice bytes);

enum body_place {
    BODY_IN_MEMORY,
    BODY_IN_FD
};

struct body_piece {
    enum body_place place;
    struct slice bytes; /* BODY_IN_MEMORY: valid while the body lives and does not grow. */
    int fd;             /* BODY_IN_FD */
    uint64_t fd_offset;
    size_t len;
};

/* The longest piece at `offset` (below body_stable) in one place, at most `max` bytes. */
struct body_piece body_locate(const struct body *body, uint64_t offset, size_t max);

/*
 * Moves the blocks of a body that waits for its client to a file, at once (into the page cache),
 * and frees them. False: it has too few, or there is no folder. No send from them may be pending.
 */
MUST_CHECK bool body_evict(struct body *body);

/*
 * Gives away a block of a body whose bytes in memory are not needed any more (sent, and no match is
 * running); NULL when it has none.
 */
MUST_CHECK uint8_t *body_yield_block(struct body *body);

/* Bytes from the front whose place does not change any more while the body grows. */
uint64_t body_stable(const struct body *body);

/*
 * The same once the body has ended: a block that is being written is given back when the write has
 * completed, so nobody may still be sending it then. `wake` tells of the change.
 */
uint64_t body_settled(const struct body *body);

/* For match_source: bytes at `offset` in one piece, valid until the next call on this store. */
const uint8_t *body_at(void *ctx, uint64_t offset, size_t *out_len);

/* For match_stay_fn: the same for bytes in blocks, which stay there until the body is evicted. */
const uint8_t *body_stay_at(void *ctx, uint64_t offset, size_t *out_len);

/*
 * Bytes of a plain descriptor through the store's window; `key` tells one file from another and
 * must be dropped before the descriptor is closed.
 */
const uint8_t *body_window_at(struct body_store *store, const void *key, int fd, uint64_t offset,
                              uint64_t size, size_t *out_len);
void body_window_drop(struct body_store *store, const void *key);
