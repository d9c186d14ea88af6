#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * txn - one request from its first byte to the last byte of its answer.
 *
 * Role: runs the steps of txn_steps.def. A step returns NEXT (another step is set), WAIT (for
 * bytes, a completion, a turn) or an end; one loop runs them and only steps change the state.
 * Owner: the connection; a fixed slot of the shard. Memory: the slot, and pooled blocks for large
 * heads, the body and the block page. No malloc.
 */
#include "engine/answer.h"
#include "engine/body.h"
#include "engine/generation.h"
#include "engine/reason.h"
#include "match/match.h"
#include "net/wire/chunk.h"
#include "net/wire/http_head.h"

struct conn;
struct shard;
struct txn;

enum txn_flow {
    TXN_NEXT,
    TXN_WAIT,
    TXN_END
};
enum txn_end {
    TXN_WAITS,
    TXN_DONE_KEEP,
    TXN_DONE_CLOSE
};

struct txn_step {
    const char *name;
    enum txn_flow (*run)(struct txn *txn);
};

enum txn_step_id {
#define TXN_STEP(name) TXN_STEP_##name,
#include "engine/txn_steps.def"
#undef TXN_STEP
};

/* What is known of the content. */
enum txn_verdict {
    TXN_UNDECIDED,
    TXN_CLEAN,
    TXN_SKIPPED, /* Not scanned by policy: passes like a clean one. */
    TXN_FOUND,
};

/* A head that arrives in pieces: inline room first, a pooled block when it outgrows that. */
#define TXN_ICAP_INLINE 2048
#define TXN_HTTP_INLINE 4096

struct txn_head {
    uint8_t *ptr;
    size_t len;
    size_t cap;
    uint8_t *block; /* Pooled, NULL while the inline room is enough. */
};

struct txn_file {
    struct ring_op op;
    int result; /* Of the operation that has completed. */
    struct open_how how;
    char path[4096];  /* Relative to the root; cut at `base` once the file is open. */
    const char *base; /* The file's name in its folder. */
    char hidden[64];  /* Its name while it is being deleted. */
    int root_fd;      /* Borrowed from the generation. */
    int dir_fd;       /* The file's folder, for renames. */
    int fd;
    int keep_fd;   /* The copy in quarantine. */
    uint64_t size; /* Facts of the file when it was opened: a changed file is never deleted. */
    int64_t mtime_sec;
    int64_t mtime_nsec;
    uint64_t ino;
    uint64_t dev;
    uint64_t at; /* Progress of reading, then of copying. */
    uint8_t *block;
    uint8_t stage;
};

struct txn {
    struct conn *conn;
    struct shard *shard;
    struct generation *generation;
    enum txn_step_id step;
    struct list_node work_node; /* In shard->work or shard->hashing. */
    struct list_node wait_node; /* In shard->waiting. */
    uint64_t begun_ns;

    struct txn_head icap;
    size_t icap_seen;
    struct icap_request request;
    struct service_route route;
    bool routed;
    bool counted; /* In requests_active. */
    enum config_action action;

    size_t heads_left; /* Bytes of encapsulated heads that are still to come. */
    struct txn_head http;
    bool has_http_req;
    bool has_http_res;
    struct http_request_head http_req;
    struct http_response_head http_res;

    struct chunk_decoder chunk;
    bool body_wanted;  /* The request has a body that has not ended yet. */
    bool preview_open; /* The preview has not ended yet. */
    bool continued;    /* 100 Continue was sent. */
    bool scanning;     /* `match` is running. */
    bool whole_echo;   /* The echo goes out as one chunk and its end apart, see answer.h. */
    bool early_head;   /* The head has gone out before the verdict. */
    bool answered;     /* The final answer is composed. */
    bool closes;       /* The connection ends after the answer. */
    uint64_t drained;
    struct body body;
    struct match_body match;
    uint8_t *trailers; /* Pooled block, NULL when there are none. */
    size_t trailers_len;
    bool trickle_on;
    uint32_t nudges; /* Bytes sent early because nothing came for a while. */
    uint64_t trickle_at_ns;
    uint64_t progress_ns;  /* When the last byte of the body came. */
    uint64_t scan_from_ns; /* From when limits.time counts: a slow upload is not our time. */

    enum txn_verdict verdict;
    struct match_finding finding;
    unsigned disposition; /* 0 not fixed, 1 repaired, 2 deleted. */
    bool mime;
    unsigned status; /* ICAP status of the answer, for the log. */

    struct answer answer;
    struct txn_file file;
    uint8_t icap_room[TXN_ICAP_INLINE];
    uint8_t http_room[TXN_HTTP_INLINE];
};

struct txn *txn_begin(struct conn *conn);
enum txn_end txn_run(struct txn *txn);

/* Counts and logs the end and returns the slot. Everything must be quiet. */
void txn_finish(struct txn *txn);

/* The same for a connection that ended in the middle. */
void txn_abandon(struct txn *txn);

/* No operation of the transaction is pending. */
bool txn_is_quiet(const struct txn *txn);
/* Asks pending operations to end. */
void txn_cancel(struct txn *txn);

/* It cannot go on without bytes of the client, and none wait. */
bool txn_wants_input(const struct txn *txn);

/* The connection's deadline has passed while this transaction ran. */
void txn_on_deadline(struct txn *txn);

/* Its body waits for the client and has given its blocks away. */
bool txn_yields_memory(struct txn *txn);

/* For the steps' files. */
static inline enum txn_flow txn_goto(struct txn *txn, enum txn_step_id step)
{
    txn->step = step;
    return TXN_NEXT;
}

/* Composes the refusal and goes on to drain what is left. */
enum txn_flow txn_refuse(struct txn *txn, enum reason_id id);

/* The verdict is there: composes the answer and goes on to drain what is left. */
enum txn_flow txn_decide(struct txn *txn, enum txn_verdict verdict);

/*
 * The verdict stands: matching ends, the request is not active any more, and what was found is
 * counted and logged.
 */
void txn_settle(struct txn *txn);

/* The action is one that deletes what is infected. */
bool txn_deletes(const struct txn *txn);

/*
 * Puts the transaction on the list of work to be continued in a later turn, or on that of bodies
 * which are hashed side by side when this turn ends.
 */
void txn_work_later(struct txn *txn);

/* Its body is on the latter, and nothing can be done until it has been hashed. */
bool txn_is_hashing(const struct txn *txn);

/* Sets a finding of our own making (limits, policy). */
void txn_set_violation(struct txn *txn, enum match_kind kind, const char *name);

/* The deadline was that of the next trickle: it has run, and the next one is set. */
bool txn_body_trickles(struct txn *txn);

/* One log line for a finding and what was done about it. */
void txn_log_finding(struct txn *txn);

/* Starts matching over `source`; `stay` tells which of its bytes stay in memory. */
void txn_scan_begin(struct txn *txn, struct match_source source, match_stay_fn stay);
void txn_scan_end(struct txn *txn);

/* The scan has taken longer than limits.time. */
bool txn_scan_is_late(const struct txn *txn);

/* The URL asked for; empty when it is not known or longer than the room, since a cut one would
 * stand for others, too. */
#define TXN_URL_CAP 2048
struct slice txn_url(const struct txn *txn, char room[TXN_URL_CAP]);

/* Prints the step and the connection; for assertion failures. */
void txn_dump(const struct txn *txn);

/* Steps live in txn_request.c, txn_body.c and txn_file.c. */
#define TXN_STEP(name) enum txn_flow txn_step_##name(struct txn *txn);
#include "engine/txn_steps.def"
#undef TXN_STEP
