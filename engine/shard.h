#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * shard - one process, one core, one ring.
 *
 * Role: owns the connections, transactions, bodies and generations of one core and runs them in one
 * loop: wait and complete (ring_turn), timers, slices of long work, housekeeping. Nothing in it
 * blocks, nothing is shared that it writes but its page of counters. Memory: pools mapped at start;
 * limits come from struct shard_start.
 */
#include "base/pool.h"
#include "base/text.h"
#include "base/wheel.h"
#include "engine/block_memory.h"
#include "engine/body.h"
#include "engine/counters.h"
#include "engine/generation.h"
#include "net/ring/ring.h"

#define SHARD_LISTENERS_MAX CONFIG_LIST_MAX

/* Blocks above the bodies' reserve that are left before new connections are read no more. */
#define SHARD_BLOCKS_SPARE 64

struct shard_start {
    unsigned index;
    unsigned shards; /* Of the whole engine. */
    int core;        /* To be pinned to, -1: not pinned. */
    int channel_fd;  /* To the supervisor. */
    int log_fd;      /* Non-blocking pipe to the supervisor. */
    int access_fd;   /* The same for access lines, -1: no access log. */
    int listen_fds[SHARD_LISTENERS_MAX];
    unsigned listen_len;
    int spool_fd;                /* Folder for large bodies. */
    struct counters_page *pages; /* Of all shards. */
    const struct config *config; /* The one at start: ring, pools. */
    uint32_t connections_max;    /* Slots of this shard. */
};

struct shard_listener {
    struct ring_op op;
    struct shard *shard;
};

struct shard {
    struct shard_start start;
    struct ring *ring;
    struct wheel wheel;
    struct counters *counters;
    struct pool conns;
    struct pool txns;
    struct body_store store;
    struct block_memory block_memory;
    struct list_node generations; /* Oldest first. */
    struct list_node retired;     /* Generations that nobody uses, on their way out. */
    struct generation *current;
    struct generation *coming; /* Being prepared; NULL: none. */
    struct list_node work;     /* Transactions with a slice of work left. */
    struct list_node hashing;  /* Transactions whose bodies are hashed when the turn ends. */
    bool hashes_left;          /* More bytes came than one turn hashes. */
    struct list_node waiting;  /* Transactions that wait for admission, oldest first. */
    struct list_node open_conns;
    uint32_t quenched;        /* Connections whose burst is expected. */
    struct list_node thirsty; /* Connections that are not read yet for want of memory. */
    struct shard_listener listeners[SHARD_LISTENERS_MAX];
    struct ring_op channel_op;
    uint64_t now_ns; /* Read once a turn, see shard_now. */
    bool now_stale;
    uint64_t peak_ns; /* Longest turn since peak_from_ns, */
    uint64_t peak_from_ns;
    uint64_t peak_before_ns; /* and of the time before that. */
    char who[32];            /* "shard 0", for the log. */
    uint64_t others_at_ns;   /* When the other shards' counters were read. */
    uint64_t others_active;
    uint64_t others_connections;
    int64_t date_sec;
    char date[CONFIG_NAME_CAP]; /* "Date: ...\r\n" of date_sec. */
    size_t date_len;
    bool draining;
    uint64_t refusals_ns; /* Time that may go into refusing, see admission.c. */
    uint64_t refusals_at_ns;
    bool notified_busy; /* The threshold was logged and not yet left again. */
    uint64_t bye_ns;    /* Draining ends here at the latest. */
    bool listening;     /* The accepts are armed. */
    struct text access; /* Access lines of this turn. */
    char access_room[KIB(64)];
};

/* Runs until drained or until the supervisor is gone; returns the exit code. */
int shard_run(const struct shard_start *start);

/*
 * Requests begun and not answered, and connections, of the whole engine. What the other shards add
 * may be a millisecond old.
 */
uint64_t shard_sum_active(struct shard *shard);
uint64_t shard_sum_connections(struct shard *shard);

/* The time of this turn; read from the clock when the turn's first caller asks. */
uint64_t shard_now(struct shard *shard);

struct generation *shard_pin(struct shard *shard);
void shard_unpin(struct shard *shard, struct generation *generation);

/* The Date line of this second. */
struct slice shard_date(struct shard *shard);

struct txn;

/* Has a few bodies that wait for their clients give their blocks to others. */
void shard_make_room(struct shard *shard);

/* One line for the access log, if there is one. */
void shard_log_access(struct shard *shard, const struct txn *txn);

/* A connection slot was freed: accepting goes on if it had stopped for want of one. */
void shard_on_conn_freed(struct shard *shard);

/* Tells the supervisor, and through it the other shards, that a URL is to be blocked for a while.
 */
void shard_tell_blocked(struct shard *shard, const struct message_blocked *blocked);
