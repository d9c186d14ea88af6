/* SPDX-License-Identifier: MIT */
#include "net/wire/reply.h"

#include "base/assert.h"
#include "base/text.h"

const char *reply_reason(unsigned code)
{
    switch (code) {
    case 100:
        return "Continue";
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 204:
        return "No modifications needed";
    case 206:
        return "Partial Content";
    case 400:
        return "Bad request";
    case 403:
        return "Forbidden";
    case 404:
        return "Not found";
    case 405:
        return "Method not allowed";
    case 408:
        return "Request timeout";
    case 500:
        return "Internal server error";
    case 501:
        return "Method not implemented";
    case 502:
        return "Bad gateway";
    case 505:
        return "Version not supported";
    case 506:
        return "Server too busy";
    case 551:
        return "Resource unavailable";
    case 558:
        return "Aborted no scanning license";
    default:
        return NULL;
    }
}

void reply_status_line_as(struct text *text, unsigned code, const char *reason)
{
    ASSERT(code >= 100);
    ASSERT(code <= 999);
    TEXT_PUT(text, "ICAP/1.0 ");
    text_put_u64(text, code);
    TEXT_PUT(text, " ");
    text_put_str(text, reason);
    TEXT_PUT(text, "\r\n");
}

void reply_status_line(struct text *text, unsigned code)
{
    const char *const reason = reply_reason(code);

    ASSERT(reason);
    reply_status_line_as(text, code, reason);
}

void reply_put_header(struct text *text, const char *name, struct slice value)
{
    text_put_str(text, name);
    TEXT_PUT(text, ": ");
    reply_put_safe(text, value, false);
    TEXT_PUT(text, "\r\n");
}

void reply_put_header_u64(struct text *text, const char *name, uint64_t value)
{
    text_put_str(text, name);
    TEXT_PUT(text, ": ");
    text_put_u64(text, value);
    TEXT_PUT(text, "\r\n");
}

static const char *const reply_sections[] = {
    [ICAP_SECTION_REQ_HDR] = "req-hdr",   [ICAP_SECTION_RES_HDR] = "res-hdr",
    [ICAP_SECTION_REQ_BODY] = "req-body", [ICAP_SECTION_RES_BODY] = "res-body",
    [ICAP_SECTION_OPT_BODY] = "opt-body", [ICAP_SECTION_NULL_BODY] = "null-body",
};

void reply_put_encapsulated(struct text *text, enum icap_section head, size_t head_len,
                            enum icap_section body)
{
    ASSERT(body >= ICAP_SECTION_REQ_BODY);
    ASSERT(body <= ICAP_SECTION_NULL_BODY);
    TEXT_PUT(text, "Encapsulated: ");
    if (head_len > 0) {
        ASSERT(head == ICAP_SECTION_REQ_HDR || head == ICAP_SECTION_RES_HDR);
        text_put_str(text, reply_sections[head]);
        TEXT_PUT(text, "=0, ");
    }
    text_put_str(text, reply_sections[body]);
    TEXT_PUT(text, "=");
    text_put_u64(text, head_len);
    TEXT_PUT(text, "\r\n");
}

void reply_end_head(struct text *text)
{
    TEXT_PUT(text, "\r\n");
}

void reply_put_chunk_size(struct text *text, uint64_t n)
{
    text_put_hex(text, n);
    TEXT_PUT(text, "\r\n");
}

void reply_put_safe(struct text *text, struct slice value, bool drop_semicolons)
{
    const size_t from = text->len;

    text_put_slice(text, value);
    for (size_t i = from; i < text->len; i++) {
        const uint8_t c = (uint8_t)text->ptr[i];

        if (c < ' ' || c == 0x7f || (drop_semicolons && c == ';')) {
            text->ptr[i] = '_';
        }
    }
}
