#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_conn - one connection and the requests on it.
 *
 * Role: connects, sends, reads, hands the bytes to load_reply and says what became of each request.
 * Writing and reading do not wait for one another, because a server may answer while it still
 * reads. Up to `pipeline` requests are on the way; the answers come in their order. A request whose
 * rest depends on the answer to its preview lets none pass. When the server closes as it announced,
 * the requests behind that answer go out again on a new connection. Owner: a worker; runs in its
 * thread. Memory: the worker's.
 */
#include "bench/load/load_link.h"
#include "bench/load/load_reply.h"
#include "bench/load/load_timer.h"

struct load_worker;

#define LOAD_UNCUT SIZE_MAX

enum load_conn_state {
    LOAD_CONN_CLOSED,
    LOAD_CONN_CONNECTING,
    LOAD_CONN_OPEN,
    LOAD_CONN_ENDING, /* The last answer is here; the server has to close. */
};

/* What of the request in hand is being sent. */
enum load_conn_step {
    LOAD_STEP_FIRST,
    LOAD_STEP_HELD, /* The preview is sent; the answer to it decides. */
    LOAD_STEP_REST,
};

/* One request on its way. */
struct load_turn {
    const struct load_request *request;
    uint64_t due_ns; /* The intended moment; in a closed loop that of sending. */
    uint64_t sent_ns;
    size_t cut;    /* Cut the connection when so many bytes are sent; LOAD_UNCUT: do not. */
    bool measured; /* Open loop: due in the measured time. */
};

/* The allowance of a slow client. */
struct load_allowance {
    uint64_t filled_ns;
    double in;
    double out;
};

struct load_conn {
    struct load_timer timer; /* First, so that the timer is the connection. */
    struct load_link link;
    uint8_t state;
    uint8_t step;
    bool slow;
    bool answered; /* The answer is complete, but not all of the request is sent. */
    bool rests;    /* Thinks, or waits before it asks again; the timer ends it. */
    bool queued;   /* Waits for work in the worker's list. */
    bool tried;    /* Was open once, or failed to open. */
    bool served;   /* Has answered since it was opened. */
    uint32_t index;
    uint32_t turns_len;
    uint32_t turns_first;
    uint32_t sent_len; /* Turns that are sent; the one behind them is being sent. */
    struct load_turn *turns;
    struct slice out;  /* Still to be sent of the step. */
    size_t turn_sent;  /* Bytes of the turn that is being sent. */
    uint64_t since_ns; /* Connecting, or ending. */
    uint64_t requests; /* Measured ones. */
    struct load_reply reply;
    struct load_allowance allowance;
};

void load_conn_open(struct load_conn *conn, struct load_worker *worker);
void load_conn_on_event(struct load_conn *conn, struct load_worker *worker, uint32_t events);
void load_conn_on_timer(struct load_conn *conn, struct load_worker *worker);

/* Can it take another request. */
bool load_conn_is_free(const struct load_conn *conn, const struct load_worker *worker);

/* Sends a request that is due at `due_ns`. */
void load_conn_begin(struct load_conn *conn, struct load_worker *worker, uint64_t due_ns);

/* Rests for a while before the next request of a closed loop. */
void load_conn_think(struct load_conn *conn, struct load_worker *worker);

/* The run is over: does not wait for what would begin later. */
void load_conn_give_up(struct load_conn *conn, struct load_worker *worker);

/* Drops everything; nothing is counted. */
void load_conn_close(struct load_conn *conn, struct load_worker *worker);
