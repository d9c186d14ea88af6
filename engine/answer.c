/* SPDX-License-Identifier: MIT */
#include "engine/answer.h"

#include "base/assert.h"
#include "engine/conn.h"
#include "engine/shard.h"
#include "engine/txn.h"

#include <stdio.h>
#include <unistd.h>

void answer_init(struct answer *answer)
{
    answer->text = text_over(answer->room, sizeof(answer->room));
    answer->text_sent = 0;
    answer->parts_len = 0;
    answer->parts_sent = 0;
    answer->final = false;
    answer->echo = false;
    answer->whole = false;
    answer->end_apart = false;
    answer->last_sent = false;
    answer->done = false;
    answer->echo_at = 0;
    answer->echo_limit = 0;
    answer->original_from = 0;
    answer->use_original = false;
    answer->page = NULL;
    answer->read_block = NULL;
    answer->read_len = 0;
    answer->send_op = (struct ring_op){0};
    answer->read_op = (struct ring_op){0};
}

void answer_fini(struct txn *txn)
{
    struct answer *answer = &txn->answer;

    ASSERT(answer_is_quiet(answer));
    if (answer->page) {
        body_block_give(&txn->shard->store, answer->page);
        answer->page = NULL;
    }
    if (answer->read_block) {
        body_block_give(&txn->shard->store, answer->read_block);
        answer->read_block = NULL;
    }
}

void answer_add_part(struct answer *answer, struct slice part)
{
    ASSERT(answer->parts_len < ANSWER_PARTS_MAX);
    answer->parts[answer->parts_len++] = part;
}

static void answer_put_iov(struct answer *answer, size_t *iov_len, const void *bytes, size_t len)
{
    ASSERT(*iov_len < ARRAY_LEN(answer->iov));
    if (len > 0) {
        answer->iov[(*iov_len)++] = (struct iovec){(void *)(uintptr_t)bytes, len};
    }
}

static void answer_put_chunk(struct answer *answer, size_t *iov_len, unsigned piece,
                             struct slice bytes)
{
    struct text size = text_over(answer->sizes[piece], sizeof(answer->sizes[piece]));

    if (!answer->whole || answer->echo_at == 0) {
        text_put_hex(&size, answer->whole ? answer->echo_limit : bytes.len);
        TEXT_PUT(&size, "\r\n");
        answer_put_iov(answer, iov_len, size.ptr, size.len);
    }
    answer_put_iov(answer, iov_len, bytes.ptr, bytes.len);
    answer->echo_at += bytes.len;
    if (!answer->whole) {
        answer_put_iov(answer, iov_len, "\r\n", 2);
    } else if (answer->echo_at == answer->echo_limit) {
        answer->end_apart = true;
    }
}

static void answer_on_read(struct ring_op *op, int res)
{
    struct answer *answer = CONTAINER_OF(op, struct answer, read_op);
    struct txn *txn = CONTAINER_OF(answer, struct txn, answer);

    if (res <= 0) {
        conn_abort(txn->conn, REASON_no_memory);
        conn_reap(txn->conn);
        return;
    }
    answer->read_len = (size_t)res;
    if (txn->conn->state == CONN_CLOSING) {
        conn_reap(txn->conn);
        return;
    }
    answer_pump(txn);
}

/*
 * Reads a piece into the block. True: it is there. False: the ring brings it, or it failed. A memfd
 * never blocks, and the ring would send its reads to another task.
 */
static bool answer_read_piece(struct txn *txn, const struct body_piece *piece)
{
    struct answer *answer = &txn->answer;

    if (!answer->read_block) {
        /* What lies in memory comes first and has been sent by now. */
        answer->read_block = txn->answered ? body_yield_block(&txn->body) : NULL;
    }
    if (!answer->read_block) {
        answer->read_block = body_block_take(&txn->shard->store);
        if (!answer->read_block) {
            conn_abort(txn->conn, REASON_no_memory);
            return false;
        }
    }
    if (piece->fd == txn->body.memfd) {
        const ssize_t n = pread(piece->fd, answer->read_block, piece->len, (off_t)piece->fd_offset);

        answer->read_len = n > 0 ? (size_t)n : 0;
        if (n <= 0) {
            conn_abort(txn->conn, REASON_no_memory);
        }
        return n > 0;
    }
    ring_read(txn->shard->ring, &answer->read_op, piece->fd, answer->read_block, piece->len,
              piece->fd_offset, false, answer_on_read);
    return false;
}

/* Adds chunks of the body to the batch. False: a read goes first. */
static bool answer_put_body(struct txn *txn, size_t *iov_len)
{
    struct answer *answer = &txn->answer;
    const uint64_t limit =
        answer->echo_limit > 0 ? MIN_OF(answer->echo_limit, body_settled(&txn->body)) : 0;
    size_t total = 0;

    for (unsigned i = 0; i < ANSWER_PIECES_MAX && answer->echo_at < limit; i++) {
        const uint64_t left = limit - answer->echo_at;
        const size_t max = (size_t)MIN_OF(left, (uint64_t)BODY_BLOCK_BYTES);

        if (total >= ANSWER_BATCH_BYTES) {
            break;
        }
        if (answer->read_len > 0) {
            answer_put_chunk(answer, iov_len, i, slice_from(answer->read_block, answer->read_len));
            answer->read_len = 0;
            break; /* The block is in use until this batch is out. */
        }
        const struct body_piece piece = body_locate(&txn->body, answer->echo_at, max);

        if (piece.place == BODY_IN_FD) {
            if (*iov_len > 0) {
                return true; /* What is in memory leaves first. */
            }
            if (!answer_read_piece(txn, &piece)) {
                return false;
            }
            continue;
        }
        answer_put_chunk(answer, iov_len, i, piece.bytes);
        total += piece.len;
    }
    return true;
}

static void answer_put_last(struct txn *txn, size_t *iov_len)
{
    struct answer *answer = &txn->answer;

    if (answer->whole && answer->echo_limit > 0) {
        answer_put_iov(answer, iov_len, "\r\n0\r\n\r\n", 7);
    } else if (answer->use_original) {
        const int len = snprintf(answer->sizes[0], sizeof(answer->sizes[0]), "%llu",
                                 (unsigned long long)answer->original_from);

        answer_put_iov(answer, iov_len, "0; use-original-body=", 21);
        answer_put_iov(answer, iov_len, answer->sizes[0], (size_t)len);
        answer_put_iov(answer, iov_len, "\r\n\r\n", 4);
    } else if (txn->trailers_len > 0) {
        answer_put_iov(answer, iov_len, "0\r\n", 3);
        answer_put_iov(answer, iov_len, txn->trailers, txn->trailers_len);
        answer_put_iov(answer, iov_len, "\r\n", 2);
    } else {
        answer_put_iov(answer, iov_len, "0\r\n\r\n", 5);
    }
    answer->last_sent = true;
}

static bool answer_wants_last(const struct answer *answer)
{
    return answer->echo && answer->final && !answer->last_sent && !answer->end_apart &&
           answer->echo_at == answer->echo_limit && answer->read_len == 0;
}

static void answer_on_send(struct ring_op *op, int res)
{
    struct answer *answer = CONTAINER_OF(op, struct answer, send_op);
    struct txn *txn = CONTAINER_OF(answer, struct txn, answer);
    struct conn *conn = txn->conn;

    if (conn->state == CONN_CLOSING) {
        conn_reap(conn);
        return;
    }
    if (res < 0) {
        conn_abort(conn, REASON_peer_error);
        conn_reap(conn);
        return;
    }
    counters_add(&txn->shard->counters->bytes_sent, (uint64_t)res);
    if (answer->end_apart && answer->echo_at == answer->echo_limit) {
        conn_set_deadline(conn, ANSWER_APART_NS);
    } else if (txn->answered) {
        conn_set_deadline(conn, txn->generation->config->icap_progress_timeout_ns);
    }
    answer_pump(txn);
    if (answer->done) {
        conn_run(conn);
    } else {
        conn_reap(conn);
    }
}

void answer_pump(struct txn *txn)
{
    struct answer *answer = &txn->answer;
    size_t iov_len = 0;

    if (!answer_is_quiet(answer) || answer->done || txn->conn->state != CONN_OPEN) {
        return;
    }
    answer_put_iov(answer, &iov_len, answer->text.ptr + answer->text_sent,
                   answer->text.len - answer->text_sent);
    answer->text_sent = answer->text.len;
    while (answer->parts_sent < answer->parts_len) {
        const struct slice part = answer->parts[answer->parts_sent++];

        answer_put_iov(answer, &iov_len, part.ptr, part.len);
    }
    if (answer->echo && !answer_put_body(txn, &iov_len)) {
        return;
    }
    /* Room for the last chunk is there: a full batch of pieces leaves two entries and the parts. */
    if (answer_wants_last(answer) && iov_len + 3 <= ARRAY_LEN(answer->iov)) {
        answer_put_last(txn, &iov_len);
    }
    if (iov_len > 0) {
        answer->msg = (struct msghdr){.msg_iov = answer->iov, .msg_iovlen = iov_len};
        ring_send(txn->shard->ring, &answer->send_op, txn->conn->fd, &answer->msg, answer_on_send);
        return;
    }
    answer->done = answer->final && (!answer->echo || answer->last_sent);
}
