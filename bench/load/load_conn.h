#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_conn - one connection with one request at a time.
 *
 * Role: connects, sends, reads, hands the bytes to load_reply and goes on with the next request.
 * Writing and reading do not wait for one another, because a server may answer while it still
 * reads. Owner: the run.
 */
#include "bench/load/load_reply.h"

struct load_run;

enum load_conn_state {
    LOAD_CONN_CLOSED,
    LOAD_CONN_CONNECTING,
    LOAD_CONN_OPEN,
    LOAD_CONN_ENDING, /* The answer is here; the server has to close. */
};

struct load_conn {
    int fd;
    enum load_conn_state state;
    bool answered; /* The answer is complete, but not all of the request is sent. */
    unsigned variant;
    uint64_t start_ns; /* Of the request, or of what the connection waits for. */
    uint64_t requests; /* Measured ones. */
    struct slice out;  /* Still to be sent. */
    struct load_reply reply;
};

void load_conn_open(struct load_conn *conn, struct load_run *run);
void load_conn_on_event(struct load_conn *conn, struct load_run *run, uint32_t events);

/* Counts the error, says the first few on stderr, and closes. */
void load_conn_fail(struct load_conn *conn, struct load_run *run, enum load_error error);
void load_conn_close(struct load_conn *conn, struct load_run *run);
