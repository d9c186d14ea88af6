#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_reply - reads one answer and says whether it is right.
 *
 * Role: takes the bytes as they arrive, checks the ICAP head, Encapsulated, the HTTP head and the
 * chunks, and compares a body that is given back with the one that was sent, byte by byte. It
 * shares no parser with the engine, so that a defect of one is not believed by the other; it is
 * stricter than a proxy would be. Memory: a head that arrives in pieces is kept in a block of its
 * own until it is complete. Rules: RFC 3507 sections 4.3 (heads), 4.4 (bodies), 4.5 (preview), 4.6
 * (204), 4.7 (ISTag), and the partial content extension: a 206 gives the front of a body and names
 * the byte of the original one from which it goes on.
 */
#include "base/slice.h"
#include "bench/load/load_spec.h"

struct load_request;

#define LOAD_BARE_LEN 200

/* Name in the report and what it means. */
#define LOAD_ERRORS(X)                                                                             \
    X(CONNECT, "connect", "no connection")                                                         \
    X(TLS, "tls", "no TLS session with the server")                                                \
    X(RESET, "reset", "the connection broke")                                                      \
    X(EOF, "eof", "the connection was closed before the answer was complete")                      \
    X(TIMEOUT, "timeout", "no complete answer in time")                                            \
    X(STATUS_LINE, "status_line", "not an ICAP/1.0 status line")                                   \
    X(HEAD, "head", "a broken head or one without ISTag or Encapsulated")                          \
    X(STATUS, "status", "another status than expected")                                            \
    X(CONTINUE, "continue", "100 Continue that nothing asked for")                                 \
    X(ENCAPSULATED, "encapsulated", "Encapsulated does not say what was sent")                     \
    X(HTTP_HEAD, "http_head", "the HTTP head is not the one that was sent")                        \
    X(CHUNK, "chunk", "broken chunks")                                                             \
    X(BODY, "body", "other bytes than were sent")                                                  \
    X(BODY_SHORT, "body_short", "fewer bytes than were sent")                                      \
    X(BODY_LONG, "body_long", "more bytes than were sent")                                         \
    X(ORIGINAL, "original", "a 206 that does not say rightly where the original body goes on")     \
    X(FINDING, "finding", "a finding without its headers, or one that was not expected")           \
    X(EXCESS, "excess", "bytes behind the end of the answer")

enum load_error {
    LOAD_OK,
#define X(name, word, text) LOAD_ERROR_##name,
    LOAD_ERRORS(X)
#undef X
    LOAD_ERROR_COUNT,
};

/* The word of the report; "ok" for LOAD_OK. */
const char *load_error_name(enum load_error error);
const char *load_error_text(enum load_error error);

enum load_reply_status {
    LOAD_REPLY_DONE,
    LOAD_REPLY_CONTINUE,
    LOAD_REPLY_MORE,
    LOAD_REPLY_BAD
};

/* What one thread knows of its server: shared by all its readers. */
struct load_peer {
    const struct load_spec *spec;
    unsigned expect;
    bool bare_seen;
    uint8_t bare[LOAD_BARE_LEN]; /* The first bare answer; the others must be the same. */
    char server[80];             /* Service header of the first answer, or Server. */
    char istag[80];
};

void load_peer_init(struct load_peer *peer, const struct load_spec *spec);

#define LOAD_EXTENSION_CAP 40

/* Private, but embedded in the connection. */
struct load_reply {
    const struct load_request *request;
    uint8_t *pieces; /* A head in parts. */
    size_t pieces_len;
    size_t http_len;         /* Bytes of the encapsulated heads. */
    size_t body_seen;        /* Bytes of the body so far. */
    uint64_t left;           /* Bytes of the chunk in hand. */
    uint64_t content_length; /* Of a 206; UINT64_MAX: not said. */
    uint8_t state;
    uint8_t line_len;      /* Digits of the size line, or bytes of a trailer's line. */
    uint8_t extension_len; /* LOAD_EXTENSION_CAP: too long to be one of ours. */
    bool compare;          /* The body must be the one that was sent. */
    bool changed;          /* Of a 206: the front may differ. */
    bool has_body;
    bool close; /* The server closes behind this answer. */
    bool finding;
    bool refused;   /* A 506 or 503 that the run takes for an answer. */
    bool continued; /* A second 100 Continue is wrong. */
    unsigned code;
    enum load_error error;
    char extension[LOAD_EXTENSION_CAP]; /* Of the last chunk. */
};

/* `request` stays with the reader until the next call. */
void load_reply_begin(struct load_reply *reply, const struct load_spec *spec,
                      const struct load_request *request);

/*
 * Takes bytes from `*in`. DONE leaves what follows the answer, CONTINUE what follows the 100, MORE
 * leaves nothing; BAD says why in `error`.
 */
enum load_reply_status load_reply_feed(struct load_reply *reply, struct load_peer *peer,
                                       struct slice *in);

void load_reply_fini(struct load_reply *reply);
