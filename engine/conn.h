#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * conn - one client connection.
 *
 * Role: receives bytes, hands them to the transaction, keeps what comes early (the inbox), ends
 * gracefully. Owner: the shard; a fixed slot. An idle connection is this struct and nothing else.
 * States:
 *
 *   OPEN ──(answered with close)──> LINGER ──(peer ends, limit, time)──> CLOSING ──(no operation
 * pending)──> freed └────────────(error, time-out, refusal without answer)────────────────^
 *
 * LINGER: our side is shut down, what the client still sends is dropped, so that it can read its
 * answer before a reset could destroy it. Reading never stops because writing is slow; it stops
 * only when a whole block of bytes waits for a request that is not begun.
 */
#include "base/slice.h"
#include "base/wheel.h"
#include "engine/reason.h"
#include "net/ring/ring.h"

struct shard;
struct txn;
struct inbox_block;

enum conn_state {
    CONN_OPEN,
    CONN_LINGER,
    CONN_CLOSING
};

struct conn {
    struct list_node node; /* In shard->open_conns. */
    struct shard *shard;
    struct list_node thirst_node; /* In shard->thirsty: not read until there is memory. */
    struct txn *txn;              /* NULL between requests. */
    struct ring_op recv_op;
    struct wheel_timer timer;
    uint64_t
        deadline_ns;   /* The timer looks here when it fires; moved without touching the wheel. */
    struct slice live; /* What is left of the receive that runs now. */
    struct inbox_block *inbox_first;
    struct inbox_block *inbox_last;
    size_t inbox_len;
    uint8_t peer_addr[16]; /* Network order; an IPv4 address takes the first four bytes. */
    uint16_t peer_port;
    uint8_t peer_family;
    uint64_t dropped; /* Bytes dropped while lingering. */
    uint64_t linger_until_ns;
    int fd;
    uint8_t state;
    bool paused;     /* Receiving was stopped because the inbox is full. */
    bool peer_ended; /* The client has shut down its side. */
    bool quenched;   /* Read again after thirst: its first bytes have not come yet. */
    bool over_limit; /* Accepted beyond icap.max_connections. */
};

/* Takes over `fd`; closes it when no slot is free. */
void conn_open(struct shard *shard, int fd);

/* Begins to receive; a new connection does so at once or when the shard has memory again. */
void conn_arm(struct conn *conn);

/* Runs transactions as far as the bytes go. The only way into the steps. */
void conn_run(struct conn *conn);

/* The bytes that wait in one piece; empty when none do. */
struct slice conn_input(const struct conn *conn);
void conn_consume(struct conn *conn, size_t len);

/* Ends at `ns` from now unless moved before. */
void conn_set_deadline(struct conn *conn, uint64_t ns);

/* Ends the connection at once. The reason is counted and logged. */
void conn_abort(struct conn *conn, enum reason_id id);

/* Ends it after an answer: half close, drop what comes, close. */
void conn_linger(struct conn *conn);

/* Ends it without a word: nothing is owed to the client. */
void conn_close(struct conn *conn);

/* Frees the slot when nothing is pending; called by whoever has just completed an operation. */
void conn_reap(struct conn *conn);

/* The client's address for log lines; valid until the next call. */
const char *conn_peer(const struct conn *conn);
