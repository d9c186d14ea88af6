#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * driver - what the back ends of the ring share.
 *
 * Role: private to net/ring. ring.c fills an operation in and hands it to the driver that was
 * chosen at open; the driver starts it, ends it and runs its callbacks in its turn. Memory: a ring
 * is one allocation of its driver with struct ring first.
 */
#include "net/ring/ring.h"

/* Room for why a back end was not taken, with its NUL. */
#define RING_NOTE_CAP 96

enum ring_kind {
    RING_KIND_NONE,
    RING_KIND_ACCEPT,
    RING_KIND_RECV,
    RING_KIND_SEND,
    RING_KIND_POLL,
    RING_KIND_OPENAT2,
    RING_KIND_READ,
    RING_KIND_WRITE,
    RING_KIND_FSYNC,
    RING_KIND_RENAME,
    RING_KIND_UNLINK,
};

/* Bits of ring_op.state. */
enum ring_state {
    RING_STATE_STOP = 1,        /* The owner has asked for an end. */
    RING_STATE_RESTART = 2,     /* The owner has taken that back: arm again after the end. */
    RING_STATE_QUEUED = 4,      /* `node` is in a list that waits for the driver. */
    RING_STATE_ARMED = 8,       /* The kernel has the request. */
    RING_STATE_CANCELLING = 16, /* A cancel of it is under way. */
    RING_STATE_HELD = 32,       /* It has ended with `result`, the cancel has not. */
};

/* ring_op.flags of a read. */
#define RING_READ_COLD 1

struct ring_driver {
    const char *name;
    void (*close)(struct ring *ring);
    int (*turn)(struct ring *ring, uint64_t wait_ns);
    void (*flush)(struct ring *ring);
    bool (*has_work)(struct ring *ring);
    void (*start)(struct ring *ring, struct ring_op *op);
    /* Called once for each operation, when RING_STATE_STOP has just been set. */
    void (*cancel)(struct ring *ring, struct ring_op *op);
};

struct ring {
    const struct ring_driver *driver;
    struct list_node naps; /* Operations that start again at their `offset`, a time. */
    char note[RING_NOTE_CAP];
};

/* On failure says in `note` what failed, and why. */
MUST_CHECK int uring_open(struct ring **out_ring, const struct ring_options *options,
                          char note[RING_NOTE_CAP]);
MUST_CHECK int epoll_open(struct ring **out_ring, const struct ring_options *options);

void ring_note_set(char note[RING_NOTE_CAP], const char *what, int r);

/* Lets `op` rest for RING_ACCEPT_NAP_NS, then starts it again. */
void ring_op_nap(struct ring *ring, struct ring_op *op);

/* Whether an accept that failed with `res` may succeed at once, and whether it may after a while.
 */
bool ring_accept_is_passing(int res);
bool ring_accept_is_shortage(int res);

/* Drops the first `len` bytes of what `msg` has to send. */
void ring_msg_advance(struct msghdr *msg, size_t len);

static inline struct ring_op *ring_op_of(struct list_node *node)
{
    return CONTAINER_OF(node, struct ring_op, node);
}

static inline void ring_op_queue(struct list_node *list, struct ring_op *op)
{
    op->state |= RING_STATE_QUEUED;
    list_append(list, &op->node);
}

static inline void ring_op_unqueue(struct ring_op *op)
{
    op->state &= (uint8_t)~RING_STATE_QUEUED;
    list_unlink(&op->node);
}

/* The last callback: `op` may be gone when this returns. Returns 1, the callbacks that ran. */
static inline int ring_op_finish(struct ring_op *op, int res)
{
    op->state = 0;
    op->inflight = 0;
    if (op->kind == RING_KIND_RECV) {
        op->recv(op, res, NULL);
    } else {
        op->done(op, res);
    }
    return 1;
}

/* Forgets all of `list` without callbacks: the ring ends. */
void ring_ops_drop(struct list_node *list);
