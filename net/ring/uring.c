/* SPDX-License-Identifier: MIT */
/*
 * uring - the back end over io_uring.
 *
 * One request of an operation is with the kernel at a time (ARMED). A multishot request that the
 * kernel ends for reasons of its own (no buffer, a full completion queue) is armed again when the
 * batch is over and the buffers are back.
 *
 *      start            last completion, the owner wants more
 *   o --------> ARMED ----------------------------------------> again (or naps) --> ARMED
 *                 |                                                   |
 *                 | cancel: + CANCELLING                              | cancel
 *                 v                                                   v
 *         last completion and the cancel's own ------> finish <---- ended
 *
 * A cancel has a completion of its own, and the operation is not over before both are in: only so
 * can a cancel be repeated that did not find its request. That happens to a request that has found
 * its socket ready while it was being armed: until its task work runs it is in no table.
 *
 * Memory: one mapping holds the buffer ring and the buffers; it is populated at open because a page
 * fault costs as much as a small receive.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "base/err.h"
#include "net/ring/driver.h"
#include "net/ring/uring_compat.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define URING_SETUP_FLAGS                                                                          \
    (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |         \
     IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE)

/* Multishots complete more often than they are submitted; 16 bytes an entry is cheap room. */
#define URING_CQ_FACTOR 8

#define URING_BUF_GROUP 0

/* Marks the completion of a cancel; operations are aligned. */
#define URING_TAG_CANCEL 1ULL

/* Locked memory of rings that have just gone comes back late; some wait this long at start. */
#define URING_OPEN_PATIENCE_NS (2 * NS_PER_SEC)
#define URING_OPEN_PAUSE_NS    (20 * NS_PER_MS)

/* How long a close waits for the kernel to let go of the last requests. */
#define URING_CLOSE_PATIENCE_NS (2 * NS_PER_SEC)
#define URING_CLOSE_PAUSE_NS    (10 * NS_PER_MS)

#define URING_TRIAL_PATIENCE_NS NS_PER_SEC

struct uring {
    struct ring ring; /* First: the two are one allocation. */
    struct io_uring io;
    unsigned enter_flags;
    unsigned pending; /* Last completions still to come, of requests and of cancels. */
    struct list_node again;
    struct list_node ended; /* Over without the kernel, `result` to be told. */
    struct io_uring_buf_ring *buf_ring;
    uint8_t *bufs;
    uint32_t buf_bytes;
    uint32_t buf_mask;
    size_t map_len;
    bool is_io_open;
};

static struct uring *uring_of(struct ring *ring)
{
    return CONTAINER_OF(ring, struct uring, ring);
}

/* Makes the entries that were filled in visible. Returns how many the kernel has not taken yet. */
static unsigned uring_publish(struct uring *uring)
{
    struct io_uring_sq *sq = &uring->io.sq;

    if (sq->sqe_head != sq->sqe_tail) {
        sq->sqe_head = sq->sqe_tail;
        io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
    }
    return sq->sqe_tail - io_uring_smp_load_acquire(sq->khead);
}

static int uring_submit(struct uring *uring)
{
    const unsigned count = uring_publish(uring);

    if (count == 0) {
        return 0;
    }
    return io_uring_enter2((unsigned)uring->io.enter_ring_fd, count, 0, uring->enter_flags, NULL,
                           0);
}

static struct io_uring_sqe *uring_take_sqe(struct uring *uring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->io);

    while (UNLIKELY(!sqe)) {
        /* Only a kernel out of memory takes nothing, and that passes. */
        if (uring_submit(uring) < 0) {
            sched_yield();
        }
        sqe = io_uring_get_sqe(&uring->io);
    }
    return sqe;
}

/* Submits, and waits until something has completed or `wait_ns` is over. */
static int uring_enter(struct uring *uring, uint64_t wait_ns)
{
    const unsigned flags = uring->enter_flags | IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;
    const unsigned count = uring_publish(uring);
    struct io_uring_getevents_arg arg = {0};
    struct __kernel_timespec ts;
    int r;

    if (wait_ns == 0 && count == 0 &&
        !(IO_URING_READ_ONCE(*uring->io.sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW))) {
        return 0;
    }
    if (wait_ns != UINT64_MAX) {
        ts.tv_sec = (int64_t)(wait_ns / NS_PER_SEC);
        ts.tv_nsec = (int64_t)(wait_ns % NS_PER_SEC);
        arg.ts = (uint64_t)(uintptr_t)&ts;
    }
    r = io_uring_enter2((unsigned)uring->io.enter_ring_fd, count, wait_ns > 0, flags,
                        (sigset_t *)&arg, sizeof(arg));
    /* EAGAIN and EBUSY: the kernel could not take the entries now; they stay queued. */
    if (r == -ETIME || r == -EINTR || r == -EAGAIN || r == -EBUSY) {
        return 0;
    }
    return r < 0 ? ERR_NEW(r) : 0;
}

static void uring_give_buf(struct uring *uring, unsigned id)
{
    uint8_t *buf = uring->bufs + (size_t)id * uring->buf_bytes;

    io_uring_buf_ring_add(uring->buf_ring, buf, uring->buf_bytes, (unsigned short)id,
                          (int)uring->buf_mask, 0);
    io_uring_buf_ring_advance(uring->buf_ring, 1);
}

static void uring_prep_send(struct io_uring_sqe *sqe, const struct ring_op *op)
{
    const struct msghdr *msg = op->msg;

    if (msg->msg_iovlen == 1 && msg->msg_controllen == 0 && msg->msg_namelen == 0) {
        io_uring_prep_send(sqe, op->fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len,
                           MSG_WAITALL | MSG_NOSIGNAL);
    } else {
        io_uring_prep_sendmsg(sqe, op->fd, msg, MSG_WAITALL | MSG_NOSIGNAL);
    }
}

static void uring_prep_file(struct io_uring_sqe *sqe, const struct ring_op *op)
{
    switch (op->kind) {
    case RING_KIND_OPENAT2:
        io_uring_prep_openat2(sqe, op->fd, op->path, op->how);
        break;
    case RING_KIND_READ:
        io_uring_prep_read(sqe, op->fd, op->ptr, (unsigned)op->len, op->offset);
        if (op->flags & RING_READ_COLD) {
            sqe->flags |= IOSQE_ASYNC;
        }
        break;
    case RING_KIND_WRITE:
        io_uring_prep_write(sqe, op->fd, op->const_ptr, (unsigned)op->len, op->offset);
        break;
    case RING_KIND_FSYNC:
        io_uring_prep_fsync(sqe, op->fd, 0);
        break;
    case RING_KIND_RENAME:
        io_uring_prep_renameat(sqe, op->fd, op->path, op->new_dir_fd, op->new_path,
                               (unsigned)op->len);
        break;
    default:
        ASSERT(op->kind == RING_KIND_UNLINK);
        io_uring_prep_unlinkat(sqe, op->fd, op->path, 0);
        break;
    }
}

static void uring_start(struct ring *ring, struct ring_op *op)
{
    struct uring *uring = uring_of(ring);
    struct io_uring_sqe *sqe = uring_take_sqe(uring);

    ASSERT(!(op->state & (RING_STATE_ARMED | RING_STATE_QUEUED)));
    ASSERT(((uintptr_t)op & URING_TAG_CANCEL) == 0);
    switch (op->kind) {
    case RING_KIND_ACCEPT:
        io_uring_prep_multishot_accept(sqe, op->fd, NULL, NULL, SOCK_CLOEXEC);
        break;
    case RING_KIND_RECV:
        io_uring_prep_recv_multishot(sqe, op->fd, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = URING_BUF_GROUP;
        break;
    case RING_KIND_SEND:
        uring_prep_send(sqe, op);
        break;
    case RING_KIND_POLL:
        /* Not multishot: that tells of changes only, an owner that reads a part would wait for
         * ever. */
        io_uring_prep_poll_add(sqe, op->fd, POLLIN);
        break;
    default:
        uring_prep_file(sqe, op);
        break;
    }
    io_uring_sqe_set_data(sqe, op);
    op->state |= RING_STATE_ARMED;
    uring->pending++;
}

static void uring_cancel(struct ring *ring, struct ring_op *op)
{
    struct uring *uring = uring_of(ring);

    ASSERT(!(op->state & RING_STATE_CANCELLING));
    if (op->state & RING_STATE_ARMED) {
        struct io_uring_sqe *sqe = uring_take_sqe(uring);

        io_uring_prep_cancel(sqe, op, 0);
        io_uring_sqe_set_data64(sqe, (uint64_t)(uintptr_t)op | URING_TAG_CANCEL);
        op->state |= RING_STATE_CANCELLING;
        uring->pending++;
        return;
    }
    ring_op_unqueue(op);
    op->result = -ECANCELED;
    ring_op_queue(&uring->ended, op);
}

/* The request is over with `res`. Returns how many callbacks ran. */
static int uring_end(struct uring *uring, struct ring_op *op, int res)
{
    if (op->state & RING_STATE_CANCELLING) {
        op->result = res;
        op->state |= RING_STATE_HELD;
        return 0;
    }
    if (op->state & RING_STATE_QUEUED) {
        ring_op_unqueue(op);
    }
    if ((op->state & RING_STATE_RESTART) && res == -ECANCELED) {
        op->state = 0;
        uring_start(&uring->ring, op);
        return 0;
    }
    return ring_op_finish(op, res);
}

/*
 * The request is over, the operation is not. Nothing happens before the batch is over, so a
 * callback may follow that stops it.
 */
static void uring_arm_later(struct uring *uring, struct ring_op *op)
{
    ring_op_queue(op->state & RING_STATE_STOP ? &uring->ended : &uring->again, op);
    op->result = -ECANCELED;
}

/*
 * EAGAIN comes from a descriptor in non-blocking mode, for which the ring does not wait. Takes it
 * out of that mode; false when that is not it.
 */
static bool uring_make_waiting(int fd)
{
    const int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && (flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == 0;
}

static bool uring_is_passing(const struct ring_op *op, int res)
{
    return res == -EINTR || (res == -EAGAIN && uring_make_waiting(op->fd));
}

static int uring_on_recv(struct uring *uring, struct ring_op *op, int res, unsigned flags)
{
    const unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
    const bool is_last = !(flags & IORING_CQE_F_MORE);

    if (LIKELY(res > 0)) {
        ASSERT(flags & IORING_CQE_F_BUFFER);
        if (UNLIKELY(is_last)) {
            uring_arm_later(uring, op);
        }
        op->recv(op, res, uring->bufs + (size_t)id * uring->buf_bytes);
        uring_give_buf(uring, id);
        return 1;
    }
    if (flags & IORING_CQE_F_BUFFER) {
        uring_give_buf(uring, id);
    }
    if (res == -ENOBUFS || uring_is_passing(op, res)) {
        uring_arm_later(uring, op);
        return 0;
    }
    return uring_end(uring, op, res);
}

static int uring_on_accept(struct uring *uring, struct ring_op *op, int res, bool is_last)
{
    if (res >= 0) {
        if (is_last) {
            uring_arm_later(uring, op);
        }
        op->done(op, res);
        return 1;
    }
    if (op->state & RING_STATE_STOP) {
        return uring_end(uring, op, -ECANCELED);
    }
    if (ring_accept_is_passing(res) || uring_is_passing(op, res)) {
        uring_arm_later(uring, op);
        return 0;
    }
    if (ring_accept_is_shortage(res)) {
        ring_op_nap(&uring->ring, op);
        op->done(op, res);
        return 1;
    }
    return uring_end(uring, op, res);
}

static int uring_on_send(struct uring *uring, struct ring_op *op, int res)
{
    if (res > 0 || op->len == 0) {
        op->done_len += (size_t)MAX_OF(res, 0);
        if (LIKELY(op->done_len >= op->len)) {
            return uring_end(uring, op, res < 0 ? res : (int)op->done_len);
        }
        ring_msg_advance(op->msg, (size_t)res);
    } else if (!uring_is_passing(op, res)) {
        return uring_end(uring, op, res < 0 ? res : -EPIPE);
    }
    uring_arm_later(uring, op);
    return 0;
}

static int uring_on_poll(struct uring *uring, struct ring_op *op, int res)
{
    if (op->state & RING_STATE_STOP) {
        return uring_end(uring, op, -ECANCELED);
    }
    if (res < 0) {
        return uring_end(uring, op, res);
    }
    uring_arm_later(uring, op);
    op->done(op, res);
    return 1;
}

/* The cancel of `op` has completed with `res`; its request may have before, or will later. */
static int uring_on_cancel(struct uring *uring, struct ring_op *op, int res)
{
    op->state &= (uint8_t)~RING_STATE_CANCELLING;
    uring->pending--;
    if (op->state & RING_STATE_HELD) {
        op->state &= (uint8_t)~RING_STATE_HELD;
        return uring_end(uring, op, op->result);
    }
    if (res == -ENOENT && (op->state & RING_STATE_ARMED)) {
        ring_op_queue(&uring->again, op);
    }
    return 0;
}

static bool uring_is_cancel(const struct io_uring_cqe *cqe)
{
    return (cqe->user_data & URING_TAG_CANCEL) != 0;
}

/* NULL for the cancel of everything. */
static struct ring_op *uring_op_of(const struct io_uring_cqe *cqe)
{
    return (struct ring_op *)(uintptr_t)(cqe->user_data & ~(uint64_t)URING_TAG_CANCEL);
}

static int uring_on_request(struct uring *uring, struct ring_op *op, int res, unsigned flags)
{
    const bool is_last = !(flags & IORING_CQE_F_MORE);

    if (is_last) {
        ASSERT(op->state & RING_STATE_ARMED);
        op->state &= (uint8_t)~RING_STATE_ARMED;
        uring->pending--;
        if (UNLIKELY(op->state & RING_STATE_QUEUED)) {
            ring_op_unqueue(op);
        }
    }
    switch (op->kind) {
    case RING_KIND_ACCEPT:
        return uring_on_accept(uring, op, res, is_last);
    case RING_KIND_RECV:
        return uring_on_recv(uring, op, res, flags);
    case RING_KIND_SEND:
        return uring_on_send(uring, op, res);
    case RING_KIND_POLL:
        return uring_on_poll(uring, op, res);
    default:
        return uring_end(uring, op, res);
    }
}

/* Runs what has completed by now; what completes meanwhile is the next turn's. */
static int uring_reap(struct uring *uring)
{
    const struct io_uring_cq *cq = &uring->io.cq;
    const unsigned tail = io_uring_smp_load_acquire(cq->ktail);
    unsigned head = *cq->khead;
    int ran = 0;

    while (head != tail) {
        const struct io_uring_cqe *cqe = &cq->cqes[head & cq->ring_mask];
        struct ring_op *op = uring_op_of(cqe);
        const bool is_cancel = uring_is_cancel(cqe);
        const unsigned flags = cqe->flags;
        const int res = cqe->res;

        /* From here on the kernel may write there again. */
        io_uring_smp_store_release(cq->khead, ++head);
        if (UNLIKELY(is_cancel)) {
            ran += uring_on_cancel(uring, op, res);
        } else {
            ran += uring_on_request(uring, op, res, flags);
        }
    }
    return ran;
}

static int uring_run_ended(struct uring *uring)
{
    const struct list_node *last = uring->ended.prev;
    struct list_node *node = NULL;
    int ran = 0;

    /* Callbacks may append; those are the next turn's. */
    while (!list_is_empty(&uring->ended) && node != last) {
        struct ring_op *op;

        node = uring->ended.next;
        op = ring_op_of(node);
        ring_op_unqueue(op);
        ran += uring_end(uring, op, op->result);
    }
    return ran;
}

static void uring_run_again(struct uring *uring)
{
    while (!list_is_empty(&uring->again)) {
        struct ring_op *op = ring_op_of(uring->again.next);

        ring_op_unqueue(op);
        if (!(op->state & RING_STATE_ARMED)) {
            uring_start(&uring->ring, op);
        } else if (op->state & RING_STATE_RESTART) {
            op->state &= (uint8_t) ~(RING_STATE_STOP | RING_STATE_RESTART);
        } else {
            uring_cancel(&uring->ring, op);
        }
    }
}

static int uring_turn(struct ring *ring, uint64_t wait_ns)
{
    struct uring *uring = uring_of(ring);
    int ran;
    int r;

    if (!list_is_empty(&uring->ended)) {
        wait_ns = 0;
    }
    r = uring_enter(uring, wait_ns);
    if (r < 0) {
        return ERR_PASS(r);
    }
    ran = uring_reap(uring);
    ran += uring_run_ended(uring);
    uring_run_again(uring);
    return ran;
}

static void uring_flush(struct ring *ring)
{
    /* What the kernel does not take now goes with the next turn. */
    (void)uring_submit(uring_of(ring));
}

static bool uring_has_work(struct ring *ring)
{
    const struct uring *uring = uring_of(ring);

    return (IO_URING_READ_ONCE(*uring->io.sq.kflags) &
            (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) ||
           io_uring_cq_ready(&uring->io) > 0 || !list_is_empty(&uring->ended);
}

/* One completion without its callback: the ring ends. */
static void uring_drop_cqe(struct uring *uring, const struct io_uring_cqe *cqe)
{
    struct ring_op *op = uring_op_of(cqe);
    const bool is_cancel = uring_is_cancel(cqe);

    if (!op) {
        return;
    }
    if (!is_cancel && op->kind == RING_KIND_ACCEPT && cqe->res >= 0) {
        close(cqe->res);
    }
    if (!is_cancel && (cqe->flags & IORING_CQE_F_MORE)) {
        return;
    }
    uring->pending--;
    op->state &= (uint8_t) ~(is_cancel ? RING_STATE_CANCELLING : RING_STATE_ARMED);
    if (!(op->state & (RING_STATE_CANCELLING | RING_STATE_ARMED | RING_STATE_QUEUED))) {
        op->state = 0;
        op->inflight = 0;
    }
}

static void uring_drop_cqes(struct uring *uring)
{
    const struct io_uring_cq *cq = &uring->io.cq;
    const unsigned tail = io_uring_smp_load_acquire(cq->ktail);

    for (unsigned head = *cq->khead; head != tail; head++) {
        uring_drop_cqe(uring, &cq->cqes[head & cq->ring_mask]);
    }
    io_uring_smp_store_release(cq->khead, tail);
}

/* Waits until the kernel has let go of every request: it writes to buffers of their owners. */
static void uring_cancel_all(struct uring *uring)
{
    const uint64_t deadline_ns = clock_now_ns() + URING_CLOSE_PATIENCE_NS;

    uring_drop_cqes(uring);
    while (uring->pending > 0 && clock_now_ns() < deadline_ns) {
        struct io_uring_sqe *sqe = uring_take_sqe(uring);

        io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY);
        io_uring_sqe_set_data64(sqe, 0);
        if (uring_enter(uring, URING_CLOSE_PAUSE_NS) < 0) {
            return;
        }
        uring_drop_cqes(uring);
    }
}

static void uring_free(struct uring *uring)
{
    if (uring->is_io_open) {
        io_uring_queue_exit(&uring->io);
    }
    if (uring->buf_ring) {
        munmap(uring->buf_ring, uring->map_len);
    }
    free(uring);
}

static void uring_close(struct ring *ring)
{
    struct uring *uring = uring_of(ring);

    uring_cancel_all(uring);
    ring_ops_drop(&uring->ended);
    ring_ops_drop(&uring->again);
    ring_ops_drop(&ring->naps);
    uring_free(uring);
}

static const struct ring_driver uring_driver = {
    .name = "io_uring",
    .close = uring_close,
    .turn = uring_turn,
    .flush = uring_flush,
    .has_work = uring_has_work,
    .start = uring_start,
    .cancel = uring_cancel,
};

/* The trial's wait for one completion; its flags go to `out_flags`. Returns its result. */
static int uring_trial_wait(struct uring *uring, unsigned *out_flags)
{
    const struct io_uring_cq *cq = &uring->io.cq;
    const struct io_uring_cqe *cqe;
    int res;
    int r;

    if (io_uring_cq_ready(&uring->io) == 0) {
        r = uring_enter(uring, URING_TRIAL_PATIENCE_NS);
        if (r < 0) {
            return ERR_PASS(r);
        }
    }
    if (io_uring_cq_ready(&uring->io) == 0) {
        return ERR_NEW(-ETIME);
    }
    cqe = &cq->cqes[*cq->khead & cq->ring_mask];
    res = cqe->res;
    *out_flags = cqe->flags;
    io_uring_cq_advance(&uring->io, 1);
    return res;
}

/* Ends the multishot request that is under trial: two completions, the cancel's and its own. */
static int uring_trial_cancel(struct uring *uring)
{
    struct io_uring_sqe *sqe = uring_take_sqe(uring);
    unsigned flags;
    int r;

    io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY);
    io_uring_sqe_set_data64(sqe, 0);
    for (unsigned i = 0; i < 2; i++) {
        r = uring_trial_wait(uring, &flags);
        if (r < 0 && r != -ECANCELED) {
            return ERR_PASS(r);
        }
    }
    return 0;
}

/* One byte through a socket pair, by a multishot receive into a buffer of the ring. */
static int uring_trial_recv(struct uring *uring, const int fds[2])
{
    struct io_uring_sqe *sqe = uring_take_sqe(uring);
    unsigned flags = 0;
    unsigned id;
    int r;

    io_uring_prep_recv_multishot(sqe, fds[0], NULL, 0, 0);
    io_uring_sqe_set_data64(sqe, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = URING_BUF_GROUP;
    if (uring_submit(uring) < 0 || write(fds[1], "b", 1) != 1) {
        return ERR_NEW(-EIO);
    }
    r = uring_trial_wait(uring, &flags);
    if (r < 0) {
        return ERR_PASS(r);
    }
    id = flags >> IORING_CQE_BUFFER_SHIFT;
    if (r != 1 || !(flags & IORING_CQE_F_BUFFER) || !(flags & IORING_CQE_F_MORE) ||
        id > uring->buf_mask || uring->bufs[(size_t)id * uring->buf_bytes] != 'b') {
        return ERR_NEW(-EOPNOTSUPP);
    }
    uring_give_buf(uring, id);
    return uring_trial_cancel(uring);
}

/* One connection to a nameless listener, by a multishot accept. */
static int uring_trial_accept(struct uring *uring, int listen_fd, int client_fd)
{
    struct io_uring_sqe *sqe = uring_take_sqe(uring);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    socklen_t addr_len = sizeof(addr);
    unsigned flags = 0;
    int r;

    /* Binding to the bare family has the kernel choose an abstract name. */
    if (bind(listen_fd, (struct sockaddr *)&addr, sizeof(sa_family_t)) < 0 ||
        listen(listen_fd, 1) < 0 ||
        getsockname(listen_fd, (struct sockaddr *)&addr, &addr_len) < 0 ||
        connect(client_fd, (struct sockaddr *)&addr, addr_len) < 0) {
        return ERR_NEW(-errno);
    }
    io_uring_prep_multishot_accept(sqe, listen_fd, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, 0);
    r = uring_trial_wait(uring, &flags);
    if (r < 0) {
        return ERR_PASS(r);
    }
    close(r);
    if (!(flags & IORING_CQE_F_MORE)) {
        return ERR_NEW(-EOPNOTSUPP);
    }
    return uring_trial_cancel(uring);
}

/* What this ring rests on is tried, not looked up by the version: distributions port features back.
 */
static int uring_trial(struct uring *uring, char note[RING_NOTE_CAP])
{
    const int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int client_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fds[2] = {-1, -1};
    int r;

    if (listen_fd < 0 || client_fd < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        r = ERR_NEW(-errno);
        ring_note_set(note, "socket", r);
    } else if ((r = uring_trial_recv(uring, fds)) < 0) {
        ring_note_set(note, "io_uring multishot receive", r);
    } else if ((r = uring_trial_accept(uring, listen_fd, client_fd)) < 0) {
        ring_note_set(note, "io_uring multishot accept", r);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    if (listen_fd >= 0) {
        close(listen_fd);
    }
    if (client_fd >= 0) {
        close(client_fd);
    }
    return r;
}

static int uring_open_io(struct uring *uring, const struct ring_options *options)
{
    struct io_uring_params params = {
        .flags = URING_SETUP_FLAGS,
        .cq_entries = options->entries * URING_CQ_FACTOR,
    };
    struct io_uring_sq *sq = &uring->io.sq;
    const int r = io_uring_queue_init_params(options->entries, &uring->io, &params);

    if (r < 0) {
        return ERR_NEW(r);
    }
    uring->is_io_open = true;
    /* Entries are used in order, so the indirection table stays the identity. */
    for (unsigned i = 0; i < sq->ring_entries; i++) {
        sq->array[i] = i;
    }
    if (params.features & IORING_FEAT_NO_IOWAIT) {
        uring->enter_flags |= IORING_ENTER_NO_IOWAIT;
    }
    /* Saves the kernel a look-up in the descriptor table; does without when refused. */
    if (io_uring_register_ring_fd(&uring->io) == 1) {
        uring->enter_flags |= IORING_ENTER_REGISTERED_RING;
    }
    return params.features & IORING_FEAT_EXT_ARG ? 0 : ERR_NEW(-EOPNOTSUPP);
}

static int uring_open_bufs(struct uring *uring, const struct ring_options *options)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t ring_len =
        (options->recv_bufs * sizeof(struct io_uring_buf) + page - 1) & ~(page - 1);
    const size_t bufs_len = (size_t)options->recv_bufs * options->recv_buf_bytes;
    struct io_uring_buf_reg reg = {
        .ring_entries = options->recv_bufs,
        .bgid = URING_BUF_GROUP,
    };
    void *map = mmap(NULL, ring_len + bufs_len, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    int r;

    if (map == MAP_FAILED) {
        return ERR_NEW(-errno);
    }
    uring->map_len = ring_len + bufs_len;
    uring->buf_ring = map;
    uring->bufs = (uint8_t *)map + ring_len;
    uring->buf_bytes = options->recv_buf_bytes;
    uring->buf_mask = options->recv_bufs - 1;
    reg.ring_addr = (uint64_t)(uintptr_t)map;
    r = io_uring_register_buf_ring(&uring->io, &reg, 0);
    if (r < 0) {
        return ERR_NEW(r);
    }
    io_uring_buf_ring_init(uring->buf_ring);
    for (unsigned i = 0; i < options->recv_bufs; i++) {
        uring_give_buf(uring, i);
    }
    return 0;
}

static int uring_open_once(struct ring **out_ring, const struct ring_options *options,
                           char note[RING_NOTE_CAP])
{
    struct uring *uring = calloc(1, sizeof(*uring));
    int r;

    if (!uring) {
        return ERR_NEW(-ENOMEM);
    }
    uring->ring.driver = &uring_driver;
    list_init(&uring->ring.naps);
    list_init(&uring->again);
    list_init(&uring->ended);
    if ((r = uring_open_io(uring, options)) < 0) {
        ring_note_set(note, "io_uring_setup", r);
    } else if ((r = uring_open_bufs(uring, options)) < 0) {
        ring_note_set(note, "io_uring buffer ring", r);
    } else {
        r = uring_trial(uring, note);
    }
    if (r < 0) {
        uring_free(uring);
        return ERR_PASS(r);
    }
    *out_ring = &uring->ring;
    return 0;
}

int uring_open(struct ring **out_ring, const struct ring_options *options, char note[RING_NOTE_CAP])
{
    const uint64_t deadline_ns = clock_now_ns() + URING_OPEN_PATIENCE_NS;
    const struct timespec pause = {.tv_nsec = (long)URING_OPEN_PAUSE_NS};
    int r = uring_open_once(out_ring, options, note);

    while (r == -ENOMEM && clock_now_ns() < deadline_ns) {
        nanosleep(&pause, NULL);
        r = uring_open_once(out_ring, options, note);
    }
    if (r == 0) {
        note[0] = '\0';
    }
    return r;
}
