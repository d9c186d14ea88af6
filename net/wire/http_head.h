#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * http_head - the encapsulated HTTP heads, read in place and as liberally as browsers and origin
 * servers write.
 *
 * Role: the few facts that scanning and answering need from a request or response head. Slices
 * point into the head. Accepted: lower-case methods, HTTP/1.0 and 0.9-like lines, origin-form,
 * absolute-form and bare-name targets ("POST frere.exe HTTP/1.1"), no header at all, bare LF,
 * folded lines, a response section that starts with a request line (some appliances' clients).
 * Source: scan-engine contract, sections 1 and 4.
 */
#include "base/slice.h"

struct http_request_head {
    struct slice method;
    struct slice target;
    struct slice host; /* Host header, may be empty. */
    struct slice content_type;
    struct slice content_disposition;
    struct slice content_encoding;
};

struct http_response_head {
    unsigned status; /* 0 when the line is none. */
    struct slice content_type;
    struct slice content_disposition;
    struct slice content_encoding;
    bool has_content_length;
    uint64_t content_length; /* What the head says; it may lie. */
};

/* False when the first line is not even a word, or the bytes do not end with a blank line. */
MUST_CHECK bool http_request_parse(struct slice head, struct http_request_head *out);
MUST_CHECK bool http_response_parse(struct slice head, struct http_response_head *out);

/*
 * The URL of a request: the absolute target (Host is ignored then), else "http://" Host target; a
 * bare name gets a slash. Written to `out` (a text), cut when it does not fit.
 */
struct text;
void http_url_write(const struct http_request_head *head, struct text *out);

/*
 * The name of what is scanned: the Content-Disposition file name (RFC 6266 and RFC 5987 forms),
 * else the last path segment of the target (percent-decoded, query dropped), else "index.html".
 * Control bytes become '?'. Written to `out`, cut at `max` bytes. `disposition` may be empty.
 */
void http_file_name_write(struct slice target, struct slice disposition, size_t max,
                          struct text *out);

/* The extension of the target's last segment without the dot, "" when there is none. */
struct slice http_target_extension(struct slice target);
