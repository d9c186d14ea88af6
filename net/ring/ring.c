/* SPDX-License-Identifier: MIT */
#include "net/ring/ring.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/err.h"
#include "net/ring/driver.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* The kernel numbers the buffers of a group with 16 bits and takes at most this many. */
#define RING_RECV_BUFS_MAX 32768

/* The most that Linux reads or writes in one call; larger wishes end short anyway. */
#define RING_IO_LEN_MAX ((size_t)0x7ffff000)

static bool ring_options_check(const struct ring_options *options)
{
    return options->entries > 0 && options->recv_bufs > 0 &&
           (options->recv_bufs & (options->recv_bufs - 1)) == 0 &&
           options->recv_bufs <= RING_RECV_BUFS_MAX && options->recv_buf_bytes > 0 &&
           options->recv_buf_bytes <= INT_MAX;
}

int ring_open(struct ring **out_ring, const struct ring_options *options)
{
    char note[RING_NOTE_CAP] = "";
    struct ring *ring = NULL;
    int r = -ENOSYS;

    if (!ring_options_check(options)) {
        return ERR_NEW(-EINVAL);
    }
    if (options->backend != RING_EPOLL) {
        r = uring_open(&ring, options, note);
    }
    if (r < 0 && options->backend != RING_URING) {
        r = epoll_open(&ring, options);
    }
    if (r < 0) {
        return ERR_PASS(r);
    }
    memcpy(ring->note, note, sizeof(note));
    *out_ring = ring;
    return 0;
}

void ring_close(struct ring *ring)
{
    if (ring) {
        ring->driver->close(ring);
    }
}

const char *ring_backend_name(const struct ring *ring)
{
    return ring->driver->name;
}

const char *ring_backend_note(const struct ring *ring)
{
    return ring->note;
}

void ring_note_set(char note[RING_NOTE_CAP], const char *what, int r)
{
    snprintf(note, RING_NOTE_CAP, "%s: %s", what, strerror(-r));
}

void ring_op_nap(struct ring *ring, struct ring_op *op)
{
    op->offset = clock_now_ns() + RING_ACCEPT_NAP_NS;
    ring_op_queue(&ring->naps, op);
}

/* Starts those whose time has come. Returns how long the turn may wait for the others. */
static uint64_t ring_wake_naps(struct ring *ring, uint64_t wait_ns)
{
    const uint64_t now_ns = clock_now_ns();
    struct list_node *node;
    struct list_node *after;

    list_for_each_safe (node, after, &ring->naps) {
        struct ring_op *op = ring_op_of(node);

        if (op->offset <= now_ns) {
            ring_op_unqueue(op);
            ring->driver->start(ring, op);
        } else {
            wait_ns = MIN_OF(wait_ns, op->offset - now_ns);
        }
    }
    return wait_ns;
}

int ring_turn(struct ring *ring, uint64_t wait_ns)
{
    if (UNLIKELY(!list_is_empty(&ring->naps))) {
        wait_ns = ring_wake_naps(ring, wait_ns);
    }
    return ring->driver->turn(ring, wait_ns);
}

void ring_flush(struct ring *ring)
{
    ring->driver->flush(ring);
}

bool ring_has_work(struct ring *ring)
{
    return ring->driver->has_work(ring);
}

static void ring_op_start(struct ring *ring, struct ring_op *op, enum ring_kind kind, int fd)
{
    ASSERT(!ring_op_pending(op));
    op->kind = (uint8_t)kind;
    op->state = 0;
    op->inflight = 1;
    op->fd = fd;
    ring->driver->start(ring, op);
}

void ring_accept_start(struct ring *ring, struct ring_op *op, int fd, ring_done_fn done)
{
    op->done = done;
    ring_op_start(ring, op, RING_KIND_ACCEPT, fd);
}

void ring_recv_start(struct ring *ring, struct ring_op *op, int fd, ring_recv_fn recv)
{
    op->recv = recv;
    if (ring_op_pending(op)) {
        ASSERT(op->kind == RING_KIND_RECV);
        ASSERT(op->fd == fd);
        ASSERT(op->state & RING_STATE_STOP);
        op->state |= RING_STATE_RESTART;
        return;
    }
    ring_op_start(ring, op, RING_KIND_RECV, fd);
}

void ring_recv_stop(struct ring *ring, struct ring_op *op)
{
    ring_cancel(ring, op);
}

void ring_send(struct ring *ring, struct ring_op *op, int fd, struct msghdr *msg, ring_done_fn done)
{
    size_t len = 0;

    ASSERT(!ring_op_pending(op));
    ASSERT(msg->msg_iovlen <= RING_IOV_MAX);
    for (size_t i = 0; i < msg->msg_iovlen; i++) {
        len += msg->msg_iov[i].iov_len;
    }
    ASSERT(len <= INT_MAX);
    op->done = done;
    op->msg = msg;
    op->len = len;
    op->done_len = 0;
    ring_op_start(ring, op, RING_KIND_SEND, fd);
}

void ring_poll_start(struct ring *ring, struct ring_op *op, int fd, ring_done_fn done)
{
    op->done = done;
    ring_op_start(ring, op, RING_KIND_POLL, fd);
}

void ring_openat2(struct ring *ring, struct ring_op *op, int dir_fd, const char *path,
                  struct open_how *how, ring_done_fn done)
{
    op->done = done;
    op->path = path;
    op->how = how;
    ring_op_start(ring, op, RING_KIND_OPENAT2, dir_fd);
}

void ring_read(struct ring *ring, struct ring_op *op, int fd, void *buf, size_t len,
               uint64_t offset, bool cold, ring_done_fn done)
{
    op->done = done;
    op->ptr = buf;
    op->len = MIN_OF(len, RING_IO_LEN_MAX);
    op->offset = offset;
    op->flags = cold ? RING_READ_COLD : 0;
    ring_op_start(ring, op, RING_KIND_READ, fd);
}

void ring_write(struct ring *ring, struct ring_op *op, int fd, const void *buf, size_t len,
                uint64_t offset, ring_done_fn done)
{
    op->done = done;
    op->const_ptr = buf;
    op->len = MIN_OF(len, RING_IO_LEN_MAX);
    op->offset = offset;
    ring_op_start(ring, op, RING_KIND_WRITE, fd);
}

void ring_fsync(struct ring *ring, struct ring_op *op, int fd, ring_done_fn done)
{
    op->done = done;
    ring_op_start(ring, op, RING_KIND_FSYNC, fd);
}

void ring_rename(struct ring *ring, struct ring_op *op, int old_dir_fd, const char *old_path,
                 int new_dir_fd, const char *new_path, unsigned flags, ring_done_fn done)
{
    op->done = done;
    op->path = old_path;
    op->new_path = new_path;
    op->new_dir_fd = new_dir_fd;
    op->len = flags;
    ring_op_start(ring, op, RING_KIND_RENAME, old_dir_fd);
}

void ring_unlink(struct ring *ring, struct ring_op *op, int dir_fd, const char *path,
                 ring_done_fn done)
{
    op->done = done;
    op->path = path;
    ring_op_start(ring, op, RING_KIND_UNLINK, dir_fd);
}

void ring_cancel(struct ring *ring, struct ring_op *op)
{
    if (!ring_op_pending(op)) {
        return;
    }
    op->state &= (uint8_t)~RING_STATE_RESTART;
    if (op->state & RING_STATE_STOP) {
        return;
    }
    op->state |= RING_STATE_STOP;
    ring->driver->cancel(ring, op);
}

bool ring_accept_is_passing(int res)
{
    /* accept(2): errors that were already pending on the new socket, the listener is well. */
    switch (-res) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

bool ring_accept_is_shortage(int res)
{
    /* A firewall's EPERM is for one peer, a security module's for all: not worth a busy loop. */
    return res == -EMFILE || res == -ENFILE || res == -ENOBUFS || res == -ENOMEM || res == -EPERM;
}

void ring_msg_advance(struct msghdr *msg, size_t len)
{
    while (msg->msg_iovlen > 0 && len >= msg->msg_iov->iov_len) {
        len -= msg->msg_iov->iov_len;
        msg->msg_iov++;
        msg->msg_iovlen--;
    }
    if (len > 0) {
        ASSERT(msg->msg_iovlen > 0);
        msg->msg_iov->iov_base = (uint8_t *)msg->msg_iov->iov_base + len;
        msg->msg_iov->iov_len -= len;
    }
    /* Descriptors travel with the first byte; they must not travel twice. */
    msg->msg_control = NULL;
    msg->msg_controllen = 0;
}

void ring_ops_drop(struct list_node *list)
{
    struct list_node *node;

    while ((node = list_pop(list)) != NULL) {
        struct ring_op *op = ring_op_of(node);

        op->state = 0;
        op->inflight = 0;
    }
}
