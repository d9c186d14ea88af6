#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * chunk - resumable decoder for chunked bodies (RFC 7230 section 4.1, RFC 3507 section 4.5).
 *
 * Role: turns framed bytes into body slices, in place. Owner: the transaction. Memory: none;
 * trailers are handed out as slices like body bytes. Limits: CHUNK_LINE_MAX per size line with its
 * extensions, CHUNK_TRAILER_MAX for all trailer lines together. Liberal: leading zeros, upper and
 * lower hex, blanks around the size, bare LF, extensions with quoted strings, `ieof` in any case, a
 * stray CRLF before the first size line (Apache Traffic Server).
 */
#include "base/slice.h"

#define CHUNK_LINE_MAX    4096
#define CHUNK_TRAILER_MAX 16384

enum chunk_status {
    CHUNK_MORE,    /* All of `in` was taken; the body goes on. */
    CHUNK_DATA,    /* `*out` holds body bytes inside the old `in`; call again with what is left. */
    CHUNK_TRAILER, /* `*out` holds bytes of trailer lines, CRLFs included, without the final blank
                      line. */
    CHUNK_END,     /* The body has ended; `in` starts at the byte behind it. */
    CHUNK_BAD,     /* Not chunked coding; the decoder stays bad. */
};

struct chunk_decoder {
    uint64_t left;     /* Bytes left in the current chunk. */
    uint64_t body_len; /* Body bytes handed out so far. */
    uint32_t line_len; /* Bytes of the current line so far. */
    uint32_t trailer_len;
    uint8_t state;     /* Private. */
    uint8_t name;      /* Private: which known extension the current one may be. */
    uint8_t name_at;   /* Private: how much of its name has been seen. */
    bool has_digits;   /* Private: the size has begun. */
    bool ieof;         /* The last chunk carried the ieof extension. Valid at CHUNK_END. */
    bool has_original; /* The last chunk carried use-original-body. */
    uint64_t original_from;
};

/* Zero is a fresh decoder; call this between a preview and the rest of a body. */
void chunk_init(struct chunk_decoder *dec);

/* Takes bytes from the front of `*in` and says what they were. Never looks at a byte twice. */
MUST_CHECK enum chunk_status chunk_feed(struct chunk_decoder *dec, struct slice *in,
                                        struct slice *out);
