#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * icap_head - the head of an ICAP request, read in place.
 *
 * Role: from the bytes of a head to an `icap_request` whose slices point into those bytes. No copy,
 * no malloc, no fd, no clock. Callers keep the bytes as long as they use the request. Sources: RFC
 * 3507 sections 4.3 to 4.6; scan-engine contract, section 1 (bad input). Liberal where real clients
 * are: a stray CRLF or a second last-chunk before the request line, bare LF line ends, folded
 * lines, OPTIONS without Encapsulated, `Transfer-Encoding` as an ICAP header, any host in the URI.
 */
#include "base/slice.h"

enum icap_method {
    ICAP_METHOD_UNKNOWN,
    ICAP_METHOD_OPTIONS,
    ICAP_METHOD_REQMOD,
    ICAP_METHOD_RESPMOD,
    ICAP_METHOD_FILEMOD,
};

/* What a head turned out to be; zero is success. The order is that of the checks. */
enum icap_head_status {
    ICAP_HEAD_OK,
    ICAP_HEAD_MORE,        /* No blank line yet: call again with more bytes. */
    ICAP_HEAD_TOO_LARGE,   /* Over `max` without a blank line: 400, close. */
    ICAP_HEAD_BAD_LINE,    /* Request line: 400. */
    ICAP_HEAD_BAD_VERSION, /* Not ICAP/1.0: 505. */
    ICAP_HEAD_BAD_HEADER,  /* A header line that is none, Preview or Allow beyond reading: 400. */
    ICAP_HEAD_NO_HOST,     /* 400. */
    ICAP_HEAD_BAD_ENCAPSULATED, /* Missing (but for OPTIONS), illegal order for the method, offsets:
                                   400. */
};

enum icap_section {
    ICAP_SECTION_REQ_HDR,
    ICAP_SECTION_RES_HDR,
    ICAP_SECTION_REQ_BODY,
    ICAP_SECTION_RES_BODY,
    ICAP_SECTION_OPT_BODY,
    ICAP_SECTION_NULL_BODY,
};

struct icap_encapsulated {
    bool present;
    bool has_req_hdr;
    bool has_res_hdr;
    bool has_body;        /* A body section other than null-body. */
    uint32_t req_hdr_len; /* Bytes of the encapsulated request head, 0 when absent. */
    uint32_t res_hdr_len;
    uint32_t heads_len; /* Offset of the body: all encapsulated heads together. */
    enum icap_section body;
};

enum icap_allow {
    ICAP_ALLOW_204 = 1,
    ICAP_ALLOW_206 = 2,
    ICAP_ALLOW_TRAILERS = 4,
};

struct icap_request {
    enum icap_method method;
    struct slice method_name; /* As sent, for the log. */
    struct slice uri;         /* As sent. */
    struct slice service;     /* Path without the leading slash: "SYMCScanResp-AV"; may be empty. */
    struct slice query;       /* Behind '?', without it. */
    struct slice host;        /* The Host header. */
    struct slice filepath;    /* X-Filepath, byte for byte; ptr NULL when absent. */
    struct slice client_ip;   /* X-Client-IP. */
    struct slice client_user; /* X-Client-Username or X-Authenticated-User, as sent. */
    struct slice user_agent;
    uint32_t allow; /* ICAP_ALLOW_ bits of all Allow headers. */
    bool has_preview;
    bool wants_close; /* Connection: close. */
    uint64_t preview;
    struct icap_encapsulated encapsulated;
};

/*
 * `*seen` is where the search for the blank line goes on (zeroed by the caller for a new head), so
 * that no byte is looked at twice for it. On ICAP_HEAD_OK `*out_len` is the head's length, blank
 * line and leading stray CRLFs included. On an error `out->method`, `method_name`, `uri`, `service`
 * are set as far as they were read.
 */
MUST_CHECK enum icap_head_status icap_head_parse(struct slice bytes, size_t max, size_t *seen,
                                                 struct icap_request *out, size_t *out_len);

/* Value of the first argument `name` in a query ("action=scan&x=1"); false when absent. */
MUST_CHECK bool icap_query_find(struct slice query, const char *name, struct slice *out_value);

/* "REQMOD" and so on; "UNKNOWN" for what is none. */
const char *icap_method_name(enum icap_method method);
