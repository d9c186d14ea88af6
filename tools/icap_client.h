#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * icap_client - the client's side of the wire: requests written, replies read.
 *
 * Role: heads of OPTIONS, RESPMOD, REQMOD and FILEMOD requests for files, and the head of a reply
 * in place. Bytes in, bytes out; no descriptor, no clock, no memory of its own: slices of a reply
 * point into the caller's bytes. Limits: ICAP_CLIENT_HEAD_MAX for a reply's head,
 * ICAP_CLIENT_HEADS_MAX for the HTTP heads in it. Sources: RFC 3507 sections 4.3, 4.4, 4.5, 4.10;
 * scan-engine contract, sections 1, 4, 5.
 */
#include "base/slice.h"

#define ICAP_CLIENT_HEAD_MAX  KIB(64)
#define ICAP_CLIENT_HEADS_MAX MIB(1)

struct text;

enum icap_client_status {
    ICAP_CLIENT_OK,
    ICAP_CLIENT_MORE, /* No blank line yet. */
    ICAP_CLIENT_BAD,  /* Not a reply, or over a limit; the connection is of no more use. */
};

/* What the head of a reply says; absent fields are empty. */
struct icap_client_reply {
    unsigned status;
    struct slice reason;
    struct slice infection;  /* X-Infection-Found. */
    struct slice virus_id;   /* X-Virus-ID. */
    struct slice violations; /* X-Violations-Found, folds included. */
    struct slice methods;
    bool has_preview;
    bool has_max_connections;
    bool wants_close;
    bool has_encapsulated;
    bool has_body;
    uint64_t preview;
    uint64_t max_connections;
    uint32_t heads_len; /* Encapsulated heads between the head and the body. */
};

/*
 * `*seen` is zero for a new head and remembers how far the blank line was searched. `*out_len` is
 * the length of the head, with its blank line.
 */
MUST_CHECK enum icap_client_status
icap_client_parse(struct slice bytes, size_t *seen, struct icap_client_reply *out, size_t *out_len);

/* Whether the reply tells of a finding. */
bool icap_client_is_finding(const struct icap_client_reply *reply);

/* The name of the first finding, printable; "unnamed finding" when the reply tells none. */
void icap_client_put_finding(const struct icap_client_reply *reply, struct text *out);

/* Whether `methods` ("RESPMOD, FILEMOD") holds `method`. */
bool icap_client_has_method(const struct icap_client_reply *reply, struct slice method);

/* Bytes of a path segment as a URI has them: all but unreserved characters as %XX. */
void icap_client_put_escaped(struct slice segment, struct text *out);

/* Whom the requests go to. */
struct icap_client_target {
    const char *host;    /* "127.0.0.1:1344". */
    const char *service; /* "SYMCScanResp-AV". */
    const char *action;  /* "scan"; "" for the server's own choice. */
};

void icap_client_put_options(const struct icap_client_target *target, struct text *out);

/* FILEMOD; the path goes out byte for byte and must hold no control character. */
void icap_client_put_by_path(const struct icap_client_target *target, struct slice path,
                             struct text *out);

struct icap_client_stream {
    struct slice name; /* Of the file, without folders. */
    uint64_t file_len; /* As far as it is known; the body is chunked anyway. */
    bool is_request;   /* REQMOD, an upload; else RESPMOD, a download. */
    bool has_preview;
    uint64_t preview;
};

/* The ICAP head and fabricated HTTP heads; chunks of the body come next. */
void icap_client_put_stream(const struct icap_client_target *target,
                            const struct icap_client_stream *stream, struct text *out);
