/* SPDX-License-Identifier: MIT */
/*
 * epoll - the back end for hosts that forbid io_uring.
 *
 * Readiness is level-triggered. What can be done at once is done when it is started (sends, files);
 * its callback waits in `ended` for the turn. A descriptor has one slot with at most one operation
 * that reads (accept, receive, poll) and one that writes. A slot is found by the descriptor's
 * number and survives it: an operation that is still in a slot when the next one comes belonged to
 * a descriptor that was closed under it, and only its cancel ends it.
 *
 * Memory: the slots are one mapping without reserve; only the pages of numbers in use are ever
 * touched. One receive buffer for all: its bytes are handed over at once.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "base/err.h"
#include "net/ring/driver.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Events taken in one turn. */
#define EPOLL_EVENTS 256

/* What one readiness may take before others have their turn; the level brings it back. */
#define EPOLL_RECVS   4
#define EPOLL_ACCEPTS 64
#define EPOLL_SENDS   16

/* Descriptors with higher numbers are refused: 24 bytes of address space for each. */
#define EPOLL_FDS_MAX (1U << 22)

/* How often a slice of work may ask the kernel whether events wait. */
#define EPOLL_LOOK_NS 20000

struct epoll_slot {
    struct ring_op *reader;
    struct ring_op *writer;
    uint32_t watched;    /* What the kernel was asked to watch. */
    uint32_t generation; /* Tells events of this descriptor from those of the number's last one. */
};

struct epoll {
    struct ring ring; /* First: the two are one allocation. */
    int fd;
    uint32_t slots_len;
    struct epoll_slot *slots;
    struct list_node armed;
    struct list_node ended; /* `result` to be told. */
    uint8_t *buf;
    uint32_t buf_bytes;
    bool lacks_pwait2;
    bool has_seen_work;
    uint64_t looked_ns;
    struct epoll_event events[EPOLL_EVENTS];
};

static struct epoll *epoll_of(struct ring *ring)
{
    return CONTAINER_OF(ring, struct epoll, ring);
}

static void epoll_end_later(struct epoll *epoll, struct ring_op *op, int res)
{
    op->result = res;
    ring_op_queue(&epoll->ended, op);
}

/* Has the kernel watch what the slot's operations wait for. */
static int epoll_watch(struct epoll *epoll, int fd)
{
    struct epoll_slot *slot = &epoll->slots[fd];
    struct epoll_event event = {
        .events = (slot->reader ? EPOLLIN : 0U) | (slot->writer ? EPOLLOUT : 0U),
    };
    int r;

    if (event.events == slot->watched) {
        return 0;
    }
    if (event.events == 0) {
        /* Fails when the descriptor was closed first, which had the same effect. */
        epoll_ctl(epoll->fd, EPOLL_CTL_DEL, fd, &event);
        slot->watched = 0;
        return 0;
    }
    slot->generation += slot->watched == 0;
    event.data.u64 = (uint64_t)slot->generation << 32 | (uint32_t)fd;
    r = epoll_ctl(epoll->fd, slot->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    if (r < 0 && (errno == ENOENT || errno == EEXIST)) {
        r = epoll_ctl(epoll->fd, errno == ENOENT ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
    }
    if (r < 0) {
        return ERR_NEW(-errno);
    }
    slot->watched = event.events;
    return 0;
}

static struct ring_op **epoll_place(struct epoll *epoll, const struct ring_op *op)
{
    struct epoll_slot *slot = &epoll->slots[op->fd];

    return op->kind == RING_KIND_SEND ? &slot->writer : &slot->reader;
}

/* Takes `op` out of its slot; it has neither ended nor is it queued then. */
static void epoll_disarm(struct epoll *epoll, struct ring_op *op)
{
    struct ring_op **place = epoll_place(epoll, op);

    ASSERT(op->state & RING_STATE_ARMED);
    op->state &= (uint8_t)~RING_STATE_ARMED;
    list_unlink(&op->node);
    if (*place == op) {
        *place = NULL;
        (void)epoll_watch(epoll, op->fd);
    }
}

static void epoll_arm(struct epoll *epoll, struct ring_op *op)
{
    struct ring_op **place;
    int r;

    if (op->fd < 0 || (uint32_t)op->fd >= epoll->slots_len) {
        epoll_end_later(epoll, op, op->fd < 0 ? -EBADF : -EMFILE);
        return;
    }
    place = epoll_place(epoll, op);
    if (*place) {
        /* Of a descriptor that is gone, and its watch with it. */
        epoll->slots[op->fd].watched = 0;
    }
    *place = op;
    r = epoll_watch(epoll, op->fd);
    if (r < 0) {
        *place = NULL;
        epoll_end_later(epoll, op, r);
        return;
    }
    op->state |= RING_STATE_ARMED;
    list_append(&epoll->armed, &op->node);
}

/* Ends an armed operation with its last callback. */
static int epoll_finish(struct epoll *epoll, struct ring_op *op, int res)
{
    epoll_disarm(epoll, op);
    return ring_op_finish(op, res);
}

static bool epoll_is_again(int err)
{
    return err == EAGAIN || err == EINTR;
}

/*
 * Sends what goes. Returns true when the operation is over, with its result; false when the socket
 * is full.
 */
static bool epoll_send_some(struct ring_op *op, int *out_res)
{
    for (unsigned i = 0; i < EPOLL_SENDS; i++) {
        const ssize_t n = sendmsg(op->fd, op->msg, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN) {
            return false;
        }
        if (n < 0 && errno != EINTR) {
            *out_res = -errno;
            return true;
        }
        op->done_len += (size_t)MAX_OF(n, 0);
        if (op->done_len >= op->len) {
            *out_res = (int)op->done_len;
            return true;
        }
        if (n >= 0) {
            ring_msg_advance(op->msg, (size_t)n);
        }
    }
    return false;
}

static long epoll_try_file(const struct ring_op *op)
{
    switch (op->kind) {
    case RING_KIND_OPENAT2:
        return syscall(SYS_openat2, op->fd, op->path, op->how, sizeof(*op->how));
    case RING_KIND_READ:
        return pread(op->fd, op->ptr, op->len, (off_t)op->offset);
    case RING_KIND_WRITE:
        return pwrite(op->fd, op->const_ptr, op->len, (off_t)op->offset);
    case RING_KIND_FSYNC:
        return fsync(op->fd);
    case RING_KIND_RENAME:
        return renameat2(op->fd, op->path, op->new_dir_fd, op->new_path, (unsigned)op->len);
    default:
        ASSERT(op->kind == RING_KIND_UNLINK);
        return unlinkat(op->fd, op->path, 0);
    }
}

static int epoll_do_file(const struct ring_op *op)
{
    long r;

    do {
        r = epoll_try_file(op);
    } while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : (int)r;
}

/* accept4 waits for ever on a waiting listener whose connection went away between event and call.
 */
static void epoll_make_nonblocking(int fd)
{
    const int flags = fcntl(fd, F_GETFL);

    if (flags >= 0 && !(flags & O_NONBLOCK)) {
        fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    }
}

static void epoll_start(struct ring *ring, struct ring_op *op)
{
    struct epoll *epoll = epoll_of(ring);
    int res;

    switch (op->kind) {
    case RING_KIND_ACCEPT:
        epoll_make_nonblocking(op->fd);
        epoll_arm(epoll, op);
        break;
    case RING_KIND_RECV:
    case RING_KIND_POLL:
        epoll_arm(epoll, op);
        break;
    case RING_KIND_SEND:
        if (epoll_send_some(op, &res)) {
            epoll_end_later(epoll, op, res);
        } else {
            epoll_arm(epoll, op);
        }
        break;
    default:
        epoll_end_later(epoll, op, epoll_do_file(op));
        break;
    }
}

static void epoll_cancel(struct ring *ring, struct ring_op *op)
{
    struct epoll *epoll = epoll_of(ring);

    if (op->state & RING_STATE_ARMED) {
        epoll_disarm(epoll, op);
        epoll_end_later(epoll, op, -ECANCELED);
    } else if (op->kind == RING_KIND_ACCEPT) {
        /* It takes a nap, or could not be armed. The others have ended: that is what is told. */
        ring_op_unqueue(op);
        epoll_end_later(epoll, op, -ECANCELED);
    }
}

static int epoll_on_accept(struct epoll *epoll, struct ring_op *op)
{
    int ran = 0;

    for (unsigned i = 0; i < EPOLL_ACCEPTS; i++) {
        const int fd = accept4(op->fd, NULL, NULL, SOCK_CLOEXEC);
        const int res = fd < 0 ? -errno : fd;

        if (fd < 0 && errno == EAGAIN) {
            break;
        }
        if (fd < 0 && ring_accept_is_passing(res)) {
            continue;
        }
        if (fd < 0 && !ring_accept_is_shortage(res)) {
            return ran + epoll_finish(epoll, op, res);
        }
        if (fd < 0) {
            epoll_disarm(epoll, op);
            ring_op_nap(&epoll->ring, op);
        }
        op->done(op, res);
        ran++;
        if (!(op->state & RING_STATE_ARMED)) {
            break;
        }
    }
    return ran;
}

static int epoll_on_recv(struct epoll *epoll, struct ring_op *op)
{
    int ran = 0;

    for (unsigned i = 0; i < EPOLL_RECVS; i++) {
        const ssize_t n = recv(op->fd, epoll->buf, epoll->buf_bytes, MSG_DONTWAIT);

        if (n < 0 && epoll_is_again(errno)) {
            break;
        }
        if (n <= 0) {
            return ran + epoll_finish(epoll, op, n < 0 ? -errno : 0);
        }
        op->recv(op, (int)n, epoll->buf);
        ran++;
        if (!(op->state & RING_STATE_ARMED) || (size_t)n < epoll->buf_bytes) {
            break;
        }
    }
    return ran;
}

static int epoll_on_readable(struct epoll *epoll, struct ring_op *op, uint32_t events)
{
    switch (op->kind) {
    case RING_KIND_ACCEPT:
        return epoll_on_accept(epoll, op);
    case RING_KIND_RECV:
        return epoll_on_recv(epoll, op);
    default:
        ASSERT(op->kind == RING_KIND_POLL);
        op->done(op, (int)(events & (EPOLLIN | EPOLLERR | EPOLLHUP)));
        return 1;
    }
}

static int epoll_on_event(struct epoll *epoll, const struct epoll_event *event)
{
    struct epoll_slot *slot = &epoll->slots[(uint32_t)event->data.u64];
    int ran = 0;
    int res;

    if (slot->generation != event->data.u64 >> 32) {
        return 0;
    }
    if (slot->reader && (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP))) {
        ran += epoll_on_readable(epoll, slot->reader, event->events);
    }
    if (slot->writer && (event->events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) &&
        epoll_send_some(slot->writer, &res)) {
        ran += epoll_finish(epoll, slot->writer, res);
    }
    return ran;
}

static int epoll_run_ended(struct epoll *epoll)
{
    const struct list_node *last = epoll->ended.prev;
    struct list_node *node = NULL;
    int ran = 0;

    /* Callbacks may append; those are the next turn's. */
    while (!list_is_empty(&epoll->ended) && node != last) {
        struct ring_op *op;

        node = epoll->ended.next;
        op = ring_op_of(node);
        ring_op_unqueue(op);
        if ((op->state & RING_STATE_RESTART) && op->result == -ECANCELED) {
            op->state = 0;
            epoll_start(&epoll->ring, op);
        } else {
            ran += ring_op_finish(op, op->result);
        }
    }
    return ran;
}

static int epoll_wait_ns(struct epoll *epoll, uint64_t wait_ns)
{
    const struct timespec ts = {
        .tv_sec = (time_t)(wait_ns / NS_PER_SEC),
        .tv_nsec = (long)(wait_ns % NS_PER_SEC),
    };
    int wait_ms = -1;
    int r;

    if (!epoll->lacks_pwait2) {
        r = epoll_pwait2(epoll->fd, epoll->events, EPOLL_EVENTS, wait_ns == UINT64_MAX ? NULL : &ts,
                         NULL);
        if (r >= 0 || (errno != ENOSYS && errno != EPERM)) {
            return r < 0 ? ERR_NEW(-errno) : r;
        }
        epoll->lacks_pwait2 = true;
    }
    if (wait_ns != UINT64_MAX) {
        wait_ms = (int)MIN_OF((wait_ns + NS_PER_MS - 1) / NS_PER_MS, (uint64_t)INT32_MAX);
    }
    r = epoll_wait(epoll->fd, epoll->events, EPOLL_EVENTS, wait_ms);
    return r < 0 ? ERR_NEW(-errno) : r;
}

static int epoll_turn(struct ring *ring, uint64_t wait_ns)
{
    struct epoll *epoll = epoll_of(ring);
    int count;
    int ran = 0;

    if (!list_is_empty(&epoll->ended)) {
        wait_ns = 0;
    }
    epoll->has_seen_work = false;
    count = epoll_wait_ns(epoll, wait_ns);
    if (count < 0 && count != -EINTR) {
        return ERR_PASS(count);
    }
    for (int i = 0; i < count; i++) {
        ran += epoll_on_event(epoll, &epoll->events[i]);
    }
    return ran + epoll_run_ended(epoll);
}

static void epoll_flush(struct ring *ring)
{
    (void)ring; /* Nothing is put off. */
}

static bool epoll_has_work(struct ring *ring)
{
    struct epoll *epoll = epoll_of(ring);
    struct pollfd poll_fd = {.fd = epoll->fd, .events = POLLIN};
    uint64_t now_ns;

    if (epoll->has_seen_work || !list_is_empty(&epoll->ended)) {
        return true;
    }
    now_ns = clock_now_ns();
    if (now_ns - epoll->looked_ns >= EPOLL_LOOK_NS) {
        epoll->looked_ns = now_ns;
        epoll->has_seen_work = poll(&poll_fd, 1, 0) > 0;
    }
    return epoll->has_seen_work;
}

static void epoll_free(struct epoll *epoll)
{
    if (epoll->fd >= 0) {
        close(epoll->fd);
    }
    if (epoll->slots) {
        munmap(epoll->slots, epoll->slots_len * sizeof(*epoll->slots));
    }
    free(epoll->buf);
    free(epoll);
}

static void epoll_close(struct ring *ring)
{
    struct epoll *epoll = epoll_of(ring);

    ring_ops_drop(&epoll->armed);
    ring_ops_drop(&epoll->ended);
    ring_ops_drop(&ring->naps);
    epoll_free(epoll);
}

static const struct ring_driver epoll_driver = {
    .name = "epoll",
    .close = epoll_close,
    .turn = epoll_turn,
    .flush = epoll_flush,
    .has_work = epoll_has_work,
    .start = epoll_start,
    .cancel = epoll_cancel,
};

static int epoll_open_parts(struct epoll *epoll, const struct ring_options *options)
{
    struct rlimit limit;
    void *map;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return ERR_NEW(-errno);
    }
    epoll->slots_len = (uint32_t)MIN_OF(limit.rlim_max, (rlim_t)EPOLL_FDS_MAX);
    map = mmap(NULL, epoll->slots_len * sizeof(*epoll->slots), PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) {
        return ERR_NEW(-errno);
    }
    epoll->slots = map;
    epoll->buf_bytes = options->recv_buf_bytes;
    epoll->buf = malloc(epoll->buf_bytes);
    if (!epoll->buf) {
        return ERR_NEW(-ENOMEM);
    }
    epoll->fd = epoll_create1(EPOLL_CLOEXEC);
    return epoll->fd < 0 ? ERR_NEW(-errno) : 0;
}

int epoll_open(struct ring **out_ring, const struct ring_options *options)
{
    struct epoll *epoll = calloc(1, sizeof(*epoll));
    int r;

    if (!epoll) {
        return ERR_NEW(-ENOMEM);
    }
    epoll->ring.driver = &epoll_driver;
    epoll->fd = -1;
    list_init(&epoll->ring.naps);
    list_init(&epoll->armed);
    list_init(&epoll->ended);
    r = epoll_open_parts(epoll, options);
    if (r < 0) {
        epoll_free(epoll);
        return ERR_PASS(r);
    }
    *out_ring = &epoll->ring;
    return 0;
}
