#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * answer - what goes back to the client, and how far it has gone.
 *
 * Role: a text of heads, up to a few slices behind it (an encapsulated head, a page), then the kept
 * body in chunks. Writes are batches of at most ANSWER_BATCH_BYTES; parts of the body that lie in a
 * file are read through the ring first. A client that searches whole buffers for the end of a body
 * (Traffic Server's plugin) gets the body as one chunk and the last chunk in a write of its own,
 * ANSWER_APART_NS later. Owner: the transaction. Memory: the struct, one pooled
 * block while reading from a file.
 */
#include "base/text.h"
#include "net/ring/ring.h"

#include <sys/socket.h>

struct txn;

#define ANSWER_TEXT_CAP    8192
#define ANSWER_PARTS_MAX   4
#define ANSWER_PIECES_MAX  8
#define ANSWER_BATCH_BYTES KIB(256)
#define ANSWER_APART_NS    (40 * NS_PER_MS)

struct answer {
    struct text text;
    size_t text_sent;
    struct slice parts[ANSWER_PARTS_MAX];
    uint32_t parts_len;
    uint32_t parts_sent;
    bool final;     /* Nothing will be added but the body that is there. */
    bool echo;      /* The body follows in chunks. */
    bool whole;     /* The body is one chunk, and its end goes out apart. */
    bool end_apart; /* ... and has not gone out yet: the connection's deadline sends it. */
    bool last_sent; /* The last chunk is out or on its way. */
    bool done;      /* Everything has been sent. */
    uint64_t echo_at;
    uint64_t echo_limit;    /* Body bytes that may go out so far. */
    uint64_t original_from; /* With `use_original`: where the client's own copy goes on. */
    bool use_original;      /* 206: the last chunk says use-original-body. */
    uint8_t *page;          /* Pooled block with the page, NULL: none. */
    uint8_t *read_block;
    size_t read_len;
    struct ring_op send_op;
    struct ring_op read_op;
    struct msghdr msg;
    struct iovec iov[2 + ANSWER_PARTS_MAX + 3 * ANSWER_PIECES_MAX];
    char sizes[ANSWER_PIECES_MAX][24];
    char room[ANSWER_TEXT_CAP];
};

void answer_init(struct answer *answer);
void answer_fini(struct txn *txn);

static inline bool answer_is_quiet(const struct answer *answer)
{
    return !ring_op_pending(&answer->send_op) && !ring_op_pending(&answer->read_op);
}

/* Adds a slice behind the text; its bytes stay valid until the transaction ends. */
void answer_add_part(struct answer *answer, struct slice part);

/* Sends what is there and not yet sent; no-op while a write is under way. */
void answer_pump(struct txn *txn);
