#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * reply - the building blocks of ICAP responses.
 *
 * Role: status lines, header lines and chunk size lines over a text. Owner and memory: the text's.
 * Overflow is sticky in the text and checked there once. What stands in a response and in which
 * order is the engine's business. Sources: RFC 3507 section 4.3.3, the scan-engine contract's
 * tables.
 */
#include "net/wire/icap_head.h"

struct text;

/* The guide's line for a FILEMOD finding is "ICAP/1.0 403 Forbidden.", with a full stop. */
#define REPLY_FORBIDDEN_FILEMOD "Forbidden."

/* The reason phrase of a status that we send, NULL for any other. */
const char *reply_reason(unsigned code);

/* "ICAP/1.0 200 OK" and the line end; the code must be one that `reply_reason` knows. */
void reply_status_line(struct text *text, unsigned code);

/* The same with a reason phrase of the caller's. */
void reply_status_line_as(struct text *text, unsigned code, const char *reason);

/* "Name: value" and the line end. The value goes through `reply_put_safe`, so it may be foreign. */
void reply_put_header(struct text *text, const char *name, struct slice value);
void reply_put_header_u64(struct text *text, const char *name, uint64_t value);

/*
 * The Encapsulated line: `head` (of `head_len` bytes; none when 0) and the `body` behind it, which
 * may be ICAP_SECTION_NULL_BODY. The contract wants this line to be the last.
 */
void reply_put_encapsulated(struct text *text, enum icap_section head, size_t head_len,
                            enum icap_section body);

/* The blank line that ends a head. */
void reply_end_head(struct text *text);

/* The line before `n` body bytes; 0 begins the last chunk, whose blank line the caller writes. */
void reply_put_chunk_size(struct text *text, uint64_t n);

/*
 * Foreign bytes (names of files, threats, members of containers) for a header value: control
 * characters, and semicolons if asked, become '_'. UTF-8 passes.
 */
void reply_put_safe(struct text *text, struct slice value, bool drop_semicolons);
