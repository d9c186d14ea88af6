#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * ring - one shard's operations on sockets and files, in completion style.
 *
 * Role: the only room that knows io_uring. Two back ends stand behind this interface and are chosen
 * when the ring is opened: `uring` (single issuer, deferred task work, multishot accept and
 * receive, one registered buffer ring) and its twin `epoll` for hosts that forbid io_uring. Owner:
 * the shard. Runs in: the shard's one loop; never from another thread or process.
 *
 * Operations are embedded in their owners. An operation that is pending belongs to the kernel, its
 * buffers too, also after a cancel: the owner may not be freed before ring_op_pending() is false.
 * Callbacks run from ring_turn() only, one after the other, never inside a call that starts an
 * operation and never inside another callback. A callback may start, stop or cancel any operation,
 * its own too; in the last callback of an operation its owner may reuse or free it.
 *
 * The ring belongs to the process and thread that opened it. After ring_open() nothing is
 * allocated.
 *
 * Results: `res` is a byte count, a descriptor or 0, or a negative errno.
 */
#include "base/list.h"

#include <linux/openat2.h>
#include <sys/uio.h>

struct ring;
struct ring_op;

enum ring_backend {
    RING_AUTO,
    RING_URING,
    RING_EPOLL
};

typedef void (*ring_done_fn)(struct ring_op *op, int res);

/*
 * Multishot receive. res > 0: that many bytes at `data`, valid until the callback returns. res ==
 * 0: the peer has ended its side; no further call. res < 0: failed or stopped (-ECANCELED); no
 * further call. After ring_recv_stop() calls with data may still come (bytes that had arrived are
 * never dropped), then one call with -ECANCELED, or with 0 or the error when the end of the stream
 * came first.
 */
typedef void (*ring_recv_fn)(struct ring_op *op, int res, const uint8_t *data);

struct ring_op {
    struct list_node node; /* Back end's own from here on; zeroed by the owner before first use. */
    union {
        ring_done_fn done;
        ring_recv_fn recv;
    };
    int fd;
    uint8_t kind;
    uint8_t state;
    uint16_t flags;
    uint32_t inflight; /* One until the last callback. */
    int result;
    union {
        uint64_t offset;
        int new_dir_fd;
    };
    size_t len;      /* Bytes asked for. */
    size_t done_len; /* Bytes a send has got rid of so far. */
    union {
        void *ptr;
        const void *const_ptr;
        const char *path;
        struct msghdr *msg;
    };
    union {
        struct open_how *how;
        const char *new_path;
    };
};

struct ring_options {
    enum ring_backend backend;
    uint32_t entries;        /* Submission queue; the completion queue is 4 to 16 times that. */
    uint32_t recv_bufs;      /* Power of two: buffers that all receives of the shard share. */
    uint32_t recv_buf_bytes; /* Bytes of one of them. */
};

/*
 * RING_AUTO tries io_uring with a trial of each feature and falls back to epoll; why it did is in
 * ring_backend_note(). Negative errno when the asked-for back end cannot be had. Set-up that fails
 * for want of locked memory is tried again for up to two seconds (rings of a process that has just
 * ended are released late).
 */
MUST_CHECK int ring_open(struct ring **out_ring, const struct ring_options *options);

/*
 * Every operation must have completed, except accepts, polls and receives: those end here without a
 * callback and are not pending afterwards. Their descriptors may have been closed before.
 */
void ring_close(struct ring *ring);

/* "io_uring" or "epoll". */
const char *ring_backend_name(const struct ring *ring);
/* Why it is not io_uring ("io_uring_setup: Operation not permitted"), or "". Lives as long as the
 * ring. */
const char *ring_backend_note(const struct ring *ring);

/*
 * One turn: submits what was started, waits until something completes or `wait_ns` has passed (0:
 * does not wait; UINT64_MAX: for ever), then runs the callbacks of all that completed. Returns how
 * many callbacks ran, or a negative errno of the wait itself (-EINTR is folded to 0).
 */
MUST_CHECK int ring_turn(struct ring *ring, uint64_t wait_ns);

/* Submits what was started without waiting and without callbacks: before a slice of long work. */
void ring_flush(struct ring *ring);

/* True as soon as completions wait: a slice of long work ends then. Cheap (one load with io_uring).
 */
bool ring_has_work(struct ring *ring);

static inline bool ring_op_pending(const struct ring_op *op)
{
    return op->inflight > 0;
}

/*
 * Accepts until cancelled: `done` gets each new descriptor (close-on-exec), or a negative errno.
 * When the process or the host is out of descriptors or memory, `done` gets that error and the
 * operation stays pending: it goes on after RING_ACCEPT_NAP_NS. Any other error ends it.
 */
#define RING_ACCEPT_NAP_NS (100 * NS_PER_MS)
void ring_accept_start(struct ring *ring, struct ring_op *op, int fd, ring_done_fn done);

/*
 * Receives into the shared buffers until end, error or stop. Re-arming is the back end's business.
 * A start while a stop is still under way takes the stop back: no -ECANCELED is told then.
 */
void ring_recv_start(struct ring *ring, struct ring_op *op, int fd, ring_recv_fn recv);
void ring_recv_stop(struct ring *ring, struct ring_op *op);

/*
 * Sends everything in `msg` (its iovec array may be changed by the ring) or fails; `done` gets the
 * total or a negative errno. `msg`, its array and the bytes stay untouched until then. One send at
 * a time on one descriptor, at most RING_IOV_MAX elements and INT_MAX bytes.
 */
#define RING_IOV_MAX 1024
void ring_send(struct ring *ring, struct ring_op *op, int fd, struct msghdr *msg,
               ring_done_fn done);

/*
 * Says when `fd` is readable, again at each turn while it is, until cancelled; `done` gets the poll
 * mask.
 */
void ring_poll_start(struct ring *ring, struct ring_op *op, int fd, ring_done_fn done);

/*
 * Files. `path` and `how` stay valid until `done`. `cold` asks that a read that may block does so
 * elsewhere (IOSQE_ASYNC; a thread or a plain read with epoll).
 */
void ring_openat2(struct ring *ring, struct ring_op *op, int dir_fd, const char *path,
                  struct open_how *how, ring_done_fn done);
void ring_read(struct ring *ring, struct ring_op *op, int fd, void *buf, size_t len,
               uint64_t offset, bool cold, ring_done_fn done);
void ring_write(struct ring *ring, struct ring_op *op, int fd, const void *buf, size_t len,
                uint64_t offset, ring_done_fn done);
void ring_fsync(struct ring *ring, struct ring_op *op, int fd, ring_done_fn done);
/* renameat2(2) with `flags` as there. */
void ring_rename(struct ring *ring, struct ring_op *op, int old_dir_fd, const char *old_path,
                 int new_dir_fd, const char *new_path, unsigned flags, ring_done_fn done);
void ring_unlink(struct ring *ring, struct ring_op *op, int dir_fd, const char *path,
                 ring_done_fn done);

/* Asks for an end: `done` still comes, with what was reached or -ECANCELED. No-op when not pending.
 */
void ring_cancel(struct ring *ring, struct ring_op *op);
