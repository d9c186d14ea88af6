/* SPDX-License-Identifier: MIT */
#include "base/pool.h"
#include "engine/body.h"
#include "engine/counters.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static struct ring *ring;
static struct body_store store;
static struct counters counters;
static unsigned wakes;

static void on_wake(void *ctx)
{
    (void)ctx;
    wakes++;
}

static void open_store(uint64_t memory_max, int spool_fd)
{
    const struct ring_options options = {
        .backend = RING_EPOLL, .entries = 64, .recv_bufs = 4, .recv_buf_bytes = 4096};

    cr_assert_eq(ring_open(&ring, &options), 0);
    cr_assert_eq(body_store_open(&store, ring, &counters, memory_max, spool_fd), 0);
}

static void close_store(void)
{
    cr_assert_eq(store.blocks.used, 1, "only the window is left");
    cr_assert_eq(store.memfd_used, 0);
    body_store_close(&store);
    ring_close(ring);
}

static int open_spool(void)
{
    return open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* A byte that tells its offset. */
static uint8_t byte_of(uint64_t offset)
{
    return (uint8_t)(offset * 131 + (offset >> 16) * 7);
}

static void fill(struct body *body, uint64_t len)
{
    static uint8_t piece[KIB(40)];

    while (body->len < len) {
        const size_t room = body_room(body);
        const size_t n =
            (size_t)MIN_OF(MIN_OF((uint64_t)room, (uint64_t)sizeof(piece)), len - body->len);

        cr_assert_not(body->failed);
        if (n == 0) {
            cr_assert_geq(ring_turn(ring, NS_PER_SEC), 0);
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            piece[i] = byte_of(body->len + i);
        }
        body_append(body, slice_from(piece, n));
    }
    while (body_is_busy(body)) {
        cr_assert_geq(ring_turn(ring, NS_PER_SEC), 0);
    }
}

static void check_at(struct body *body, uint64_t offset)
{
    size_t len = 0;
    const uint8_t *bytes = body_at(body, offset, &len);

    cr_assert_not_null(bytes);
    cr_assert_geq(len, 1);
    for (size_t i = 0; i < len; i += 97) {
        cr_assert_eq(bytes[i], byte_of(offset + i), "offset %llu",
                     (unsigned long long)(offset + i));
    }
}

Test(body, keeps_every_byte_in_blocks_memfd_and_file)
{
    static struct body body;
    const uint64_t blocks = (uint64_t)BODY_BLOCKS_MAX * BODY_BLOCK_BYTES;
    const uint64_t len = blocks + BODY_MEMFD_BYTES + 5 * BODY_BLOCK_BYTES + 12345;
    const int spool_fd = open_spool();

    open_store(MIB(64), spool_fd);
    body_init(&body, &store, on_wake, NULL);
    fill(&body, len);
    cr_assert_geq(body.memfd, 0);
    cr_assert_geq(body.file_fd, 0);
    for (uint64_t offset = 0; offset < len; offset += 30011) {
        check_at(&body, offset);
    }
    /* To and fro over the borders: the window may not mix the tiers. */
    check_at(&body, blocks);
    check_at(&body, blocks + BODY_MEMFD_BYTES);
    check_at(&body, blocks);
    check_at(&body, blocks - 1);
    check_at(&body, len - 1);
    body_fini(&body);
    close_store();
    close(spool_fd);
}

Test(body, without_memfd_budget_the_file_follows_the_blocks)
{
    static struct body body;
    const int spool_fd = open_spool();

    open_store(MIB(4), spool_fd);
    body_init(&body, &store, on_wake, NULL);
    fill(&body, MIB(3));
    cr_assert_lt(body.memfd, 0);
    cr_assert_geq(body.file_fd, 0);
    check_at(&body, MIB(2));
    body_fini(&body);
    close_store();
    close(spool_fd);
}

/* Appends without a turn of the ring, so that a write stays under way. */
static void append(struct body *body, uint64_t len)
{
    static uint8_t piece[BODY_BLOCK_BYTES];

    cr_assert_leq(len, body_room(body));
    for (size_t i = 0; i < len; i++) {
        piece[i] = byte_of(body->len + i);
    }
    body_append(body, slice_from(piece, (size_t)len));
}

Test(body, is_not_settled_while_a_block_is_being_written)
{
    static struct body body;
    const int spool_fd = open_spool();

    open_store(MIB(4), spool_fd);
    body_init(&body, &store, on_wake, NULL);
    fill(&body, MIB(1));
    append(&body, BODY_BLOCK_BYTES);
    append(&body, 100);
    cr_assert(body_is_busy(&body));
    cr_assert_eq(body_settled(&body), MIB(1), "the block goes back when the write is done");
    while (body_is_busy(&body)) {
        cr_assert_geq(ring_turn(ring, NS_PER_SEC), 0);
    }
    cr_assert_eq(wakes, 1);
    cr_assert_eq(body_settled(&body), body.len);
    body_fini(&body);
    close_store();
    close(spool_fd);
}

Test(body, a_write_that_fails_leaves_what_was_taken_in_its_place)
{
    static struct body body;
    const struct rlimit limit = {2 * BODY_BLOCK_BYTES, 2 * BODY_BLOCK_BYTES};
    const int spool_fd = open_spool();

    open_store(MIB(4), spool_fd);
    body_init(&body, &store, on_wake, NULL);
    fill(&body, MIB(1) + 2 * BODY_BLOCK_BYTES);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    append(&body, BODY_BLOCK_BYTES);
    append(&body, 100);
    while (body_is_busy(&body)) {
        cr_assert_geq(ring_turn(ring, NS_PER_SEC), 0);
    }
    cr_assert(body.failed);
    cr_assert_eq(body_room(&body), 0);
    for (uint64_t offset = 0; offset < body.len; offset += 1021) {
        check_at(&body, offset);
    }
    check_at(&body, body.len - 100);
    check_at(&body, body.len - 1);
    cr_assert_eq(body_locate(&body, body.len - 1, SIZE_MAX).len, 1);
    body_fini(&body);
    close_store();
    close(spool_fd);
}

Test(body, without_a_spool_folder_a_large_body_fails_and_a_small_one_does_not)
{
    static struct body body;

    open_store(MIB(4), -1);
    body_init(&body, &store, on_wake, NULL);
    fill(&body, MIB(1));
    cr_assert_eq(body_room(&body), 0);
    cr_assert(body.failed);
    body_fini(&body);
    close_store();
}

Test(body, an_empty_pool_sends_bodies_to_the_next_place)
{
    static struct body body;
    static uint8_t *taken[1024];
    unsigned taken_len = 0;

    open_store(MIB(64), -1);
    while (store.blocks.used + store.reserve + 1 < store.blocks.cap) {
        taken[taken_len] = body_block_take(&store);
        cr_assert_not_null(taken[taken_len]);
        taken_len++;
    }
    body_init(&body, &store, on_wake, NULL);
    fill(&body, KIB(200));
    cr_assert_eq(body.blocks_len, 1);
    cr_assert_geq(body.memfd, 0);
    check_at(&body, 0);
    check_at(&body, KIB(150));
    body_fini(&body);
    while (taken_len > 0) {
        body_block_give(&store, taken[--taken_len]);
    }
    close_store();
}

Test(body, gets_on_with_one_block_when_the_pool_is_low)
{
    static struct body body;
    static uint8_t *taken[64];
    const int spool_fd = open_spool();
    unsigned taken_len = 0;

    open_store(MIB(4), spool_fd);
    while (store.blocks.used + store.reserve + 1 < store.blocks.cap) {
        taken[taken_len] = body_block_take(&store);
        cr_assert_not_null(taken[taken_len]);
        taken_len++;
    }
    body_init(&body, &store, on_wake, NULL);
    fill(&body, MIB(3) + 777);
    cr_assert_not(body.failed);
    cr_assert_lt(body.memfd, 0);
    cr_assert_eq(store.blocks.cap - store.blocks.used, store.reserve, "one block, not the reserve");
    for (uint64_t offset = 0; offset < body.len; offset += 30011) {
        check_at(&body, offset);
    }
    body_fini(&body);
    while (taken_len > 0) {
        body_block_give(&store, taken[--taken_len]);
    }
    close_store();
    close(spool_fd);
}

Test(body, gives_its_blocks_away_and_keeps_every_byte)
{
    static struct body body;
    const int spool_fd = open_spool();

    open_store(MIB(64), spool_fd);
    body_init(&body, &store, on_wake, NULL);
    fill(&body, KIB(40));
    cr_assert_not(body_evict(&body), "one block is too few");
    fill(&body, KIB(200) + 5);
    cr_assert(body_evict(&body));
    cr_assert_not(body_evict(&body), "once is enough");
    cr_assert_eq(store.blocks.used, 1, "only the window is left");
    fill(&body, MIB(2));
    for (uint64_t offset = 0; offset < body.len; offset += 30011) {
        check_at(&body, offset);
    }
    check_at(&body, KIB(200) + 4);
    check_at(&body, KIB(200) + 5);
    body_fini(&body);
    close_store();
    close(spool_fd);
}

static bool stays(struct body *body, uint64_t offset)
{
    size_t len = 0;
    const uint8_t *bytes = body_stay_at(body, offset, &len);

    if (bytes) {
        cr_assert_geq(len, 1);
        cr_assert_eq(bytes[0], byte_of(offset));
        cr_assert_eq(bytes[len - 1], byte_of(offset + len - 1));
    }
    return bytes != NULL;
}

Test(body, bytes_stay_in_blocks_until_these_are_given_away)
{
    static struct body bodies[2];
    const int spool_fd = open_spool();
    const uint64_t blocks = (uint64_t)BODY_BLOCKS_MAX * BODY_BLOCK_BYTES;

    open_store(MIB(64), spool_fd);
    body_init(&bodies[0], &store, on_wake, NULL);
    body_init(&bodies[1], &store, on_wake, NULL);
    fill(&bodies[0], blocks + BODY_MEMFD_BYTES + 100);
    fill(&bodies[1], 3 * BODY_BLOCK_BYTES + 5);
    cr_assert(stays(&bodies[0], 0));
    cr_assert(stays(&bodies[0], blocks - 1));
    cr_assert_not(stays(&bodies[0], blocks));
    cr_assert_not(stays(&bodies[0], bodies[0].len - 1), "what is being filled is on its way out");
    cr_assert(stays(&bodies[1], 3 * BODY_BLOCK_BYTES + 4));
    cr_assert(body_evict(&bodies[1]));
    cr_assert_not(stays(&bodies[1], 0));
    cr_assert_not(stays(&bodies[1], 3 * BODY_BLOCK_BYTES + 4));
    check_at(&bodies[1], 3 * BODY_BLOCK_BYTES + 4);
    body_fini(&bodies[0]);
    body_fini(&bodies[1]);
    close_store();
    close(spool_fd);
}

Test(body, pieces_say_where_the_bytes_are)
{
    static struct body body;
    const int spool_fd = open_spool();
    const uint64_t blocks = (uint64_t)BODY_BLOCKS_MAX * BODY_BLOCK_BYTES;

    open_store(MIB(64), spool_fd);
    body_init(&body, &store, on_wake, NULL);
    fill(&body, blocks + 100);
    cr_assert_eq(body_locate(&body, 0, SIZE_MAX).place, BODY_IN_MEMORY);
    cr_assert_eq(body_locate(&body, 0, SIZE_MAX).len, BODY_BLOCK_BYTES);
    cr_assert_eq(body_locate(&body, 10, 5).len, 5);
    const struct body_piece piece = body_locate(&body, blocks + 40, SIZE_MAX);

    cr_assert_eq(piece.place, BODY_IN_FD);
    cr_assert_eq(piece.fd_offset, 40);
    cr_assert_eq(piece.len, 60);
    body_fini(&body);
    close_store();
    close(spool_fd);
}
