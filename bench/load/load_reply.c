/* SPDX-License-Identifier: MIT */
/*
 *             +--------- 100 ---------+
 *             v                       |
 *   BARE    HEAD --> HTTP --> SIZE --> LINE_END --> DATA --> DATA_END --> SIZE
 *                                        | size 0
 *                                        +--> TRAILER --> done
 */
#include "bench/load/load_reply.h"

#include "base/assert.h"
#include "bench/load/load_judge.h"
#include "bench/load/load_plan.h"

#include <stdlib.h>
#include <string.h>

#define LOAD_HEAD_END SLICE_OF("\r\n\r\n")

enum load_reply_state {
    LOAD_STATE_HEAD,
    LOAD_STATE_BARE,
    LOAD_STATE_HTTP,
    LOAD_STATE_SIZE,
    LOAD_STATE_EXTENSION,
    LOAD_STATE_LINE_END,
    LOAD_STATE_DATA,
    LOAD_STATE_DATA_CR,
    LOAD_STATE_DATA_LF,
    LOAD_STATE_TRAILER,
    LOAD_STATE_TRAILER_LF,
};

const char *load_error_name(enum load_error error)
{
    static const char *const names[] = {"ok",
#define X(name, word, text) word,
                                        LOAD_ERRORS(X)
#undef X
    };
    ASSERT((size_t)error < ARRAY_LEN(names));
    return names[error];
}

const char *load_error_text(enum load_error error)
{
    static const char *const texts[] = {"right",
#define X(name, word, text) text,
                                        LOAD_ERRORS(X)
#undef X
    };
    ASSERT((size_t)error < ARRAY_LEN(texts));
    return texts[error];
}

void load_peer_init(struct load_peer *peer, const struct load_spec *spec)
{
    *peer = (struct load_peer){.spec = spec, .expect = load_spec_expect(spec)};
}

void load_reply_fini(struct load_reply *reply)
{
    free(reply->pieces);
    reply->pieces = NULL;
}

void load_reply_begin(struct load_reply *reply, const struct load_spec *spec,
                      const struct load_request *request)
{
    load_reply_fini(reply);
    *reply = (struct load_reply){
        .request = request,
        .state = spec->method == LOAD_BARE ? LOAD_STATE_BARE : LOAD_STATE_HEAD,
    };
}

static enum load_reply_status load_reply_fail(struct load_reply *reply, enum load_error error)
{
    reply->error = error;
    return LOAD_REPLY_BAD;
}

static void load_reply_keep(struct load_reply *reply, struct slice part)
{
    if (reply->pieces == NULL) {
        reply->pieces = malloc(LOAD_HEADS_MAX);
        ASSERT(reply->pieces != NULL);
    }
    memcpy(reply->pieces + reply->pieces_len, part.ptr, part.len);
    reply->pieces_len += part.len;
}

/*
 * Takes `wanted` bytes in one piece; NULL while some are missing. They stay valid until the next
 * piece is gathered or the buffer behind `in` changes.
 */
static const uint8_t *load_reply_gather(struct load_reply *reply, struct slice *in, size_t wanted)
{
    ASSERT(wanted <= LOAD_HEADS_MAX);
    if (reply->pieces_len == 0 && in->len >= wanted) {
        const uint8_t *whole = in->ptr;
        *in = slice_skip(*in, wanted);
        return whole;
    }
    size_t take = MIN_OF(in->len, wanted - reply->pieces_len);
    load_reply_keep(reply, slice_from(in->ptr, take));
    *in = slice_skip(*in, take);
    if (reply->pieces_len < wanted) {
        return NULL;
    }
    reply->pieces_len = 0;
    return reply->pieces;
}

/* The head with its blank line; an empty slice while it is not complete. */
static struct slice load_reply_gather_head(struct load_reply *reply, struct slice *in)
{
    if (reply->pieces_len == 0) {
        const uint8_t *end = memmem(in->ptr, in->len, LOAD_HEAD_END.ptr, LOAD_HEAD_END.len);
        if (end != NULL) {
            struct slice head = slice_from(in->ptr, (size_t)(end - in->ptr) + LOAD_HEAD_END.len);
            *in = slice_skip(*in, head.len);
            return head;
        }
    }
    while (in->len > 0 && reply->pieces_len < LOAD_HEADS_MAX) {
        load_reply_keep(reply, slice_from(in->ptr, 1));
        *in = slice_skip(*in, 1);
        size_t len = reply->pieces_len;
        if (len >= 4 && memcmp(reply->pieces + len - 4, LOAD_HEAD_END.ptr, 4) == 0) {
            reply->pieces_len = 0;
            return slice_from(reply->pieces, len);
        }
    }
    return (struct slice){0};
}

static enum load_reply_status load_reply_end(struct load_reply *reply)
{
    enum load_error error = load_judge_end(reply);
    return error == LOAD_OK ? LOAD_REPLY_DONE : load_reply_fail(reply, error);
}

static enum load_reply_status load_reply_after_heads(struct load_reply *reply)
{
    reply->state = LOAD_STATE_SIZE;
    return reply->has_body ? LOAD_REPLY_MORE : load_reply_end(reply);
}

static enum load_reply_status load_reply_take_head(struct load_reply *reply, struct load_peer *peer,
                                                   struct slice all)
{
    enum load_error error = load_judge_head(reply, peer, all);
    if (error != LOAD_OK) {
        return load_reply_fail(reply, error);
    }
    if (reply->code == 100) {
        reply->continued = true;
        return LOAD_REPLY_CONTINUE;
    }
    if (reply->http_len == 0) {
        return load_reply_after_heads(reply);
    }
    reply->state = LOAD_STATE_HTTP;
    return LOAD_REPLY_MORE;
}

static enum load_reply_status load_reply_take_http(struct load_reply *reply, struct slice *in)
{
    const uint8_t *heads = load_reply_gather(reply, in, reply->http_len);
    if (heads == NULL) {
        return LOAD_REPLY_MORE;
    }
    enum load_error error = load_judge_http(reply, slice_from(heads, reply->http_len));
    if (error != LOAD_OK) {
        return load_reply_fail(reply, error);
    }
    return load_reply_after_heads(reply);
}

static enum load_reply_status load_reply_take_data(struct load_reply *reply, struct slice *in)
{
    size_t take = (size_t)MIN_OF((uint64_t)in->len, reply->left);
    if (reply->compare && !reply->changed) {
        struct slice rest = slice_skip(reply->request->body, reply->body_seen);
        if (memcmp(rest.ptr, in->ptr, MIN_OF(take, rest.len)) != 0) {
            return load_reply_fail(reply, LOAD_ERROR_BODY);
        }
        if (take > rest.len) {
            return load_reply_fail(reply, LOAD_ERROR_BODY_LONG);
        }
    }
    reply->body_seen += take;
    reply->left -= take;
    *in = slice_skip(*in, take);
    if (reply->left == 0) {
        reply->state = LOAD_STATE_DATA_CR;
    }
    return LOAD_REPLY_MORE;
}

static bool load_reply_take_digit(struct load_reply *reply, uint8_t byte)
{
    uint8_t lower = byte | 0x20;
    unsigned digit = byte >= '0' && byte <= '9'     ? byte - '0'
                     : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                    : 16;
    if (digit == 16 || reply->line_len == 15) {
        return false;
    }
    reply->left = reply->left << 4 | digit;
    reply->line_len++;
    return true;
}

static bool load_reply_take_size(struct load_reply *reply, uint8_t byte)
{
    if ((byte == '\r' || byte == ';') && reply->line_len > 0) {
        reply->state = byte == '\r' ? LOAD_STATE_LINE_END : LOAD_STATE_EXTENSION;
        return true;
    }
    return load_reply_take_digit(reply, byte);
}

/* Only the last chunk's extensions can mean something. */
static void load_reply_take_extension(struct load_reply *reply, uint8_t byte)
{
    if (byte == '\r') {
        reply->state = LOAD_STATE_LINE_END;
    } else if (reply->left == 0 && reply->extension_len < LOAD_EXTENSION_CAP) {
        reply->extension[reply->extension_len++] = (char)byte;
    }
}

/* One byte of what stands around the chunks. */
static enum load_reply_status load_reply_take_frame(struct load_reply *reply, uint8_t byte)
{
    bool good = true;
    switch (reply->state) {
    case LOAD_STATE_SIZE:
        good = load_reply_take_size(reply, byte);
        break;
    case LOAD_STATE_EXTENSION:
        good = byte != '\n';
        load_reply_take_extension(reply, byte);
        break;
    case LOAD_STATE_LINE_END:
        good = byte == '\n';
        reply->line_len = 0;
        reply->state = reply->left > 0 ? LOAD_STATE_DATA : LOAD_STATE_TRAILER;
        break;
    case LOAD_STATE_DATA_CR:
        good = byte == '\r';
        reply->state = LOAD_STATE_DATA_LF;
        break;
    case LOAD_STATE_DATA_LF:
        good = byte == '\n';
        reply->state = LOAD_STATE_SIZE;
        break;
    case LOAD_STATE_TRAILER:
        good = byte != '\n';
        if (byte == '\r') {
            reply->state = LOAD_STATE_TRAILER_LF;
        } else {
            reply->line_len = 1;
        }
        break;
    default:
        ASSERT(reply->state == LOAD_STATE_TRAILER_LF);
        good = byte == '\n';
        if (good && reply->line_len == 0) {
            return load_reply_end(reply);
        }
        reply->line_len = 0;
        reply->state = LOAD_STATE_TRAILER;
        break;
    }
    return good ? LOAD_REPLY_MORE : load_reply_fail(reply, LOAD_ERROR_CHUNK);
}

/* The bare answer is any 200 bytes that are the same each time. */
static enum load_reply_status load_reply_take_bare(struct load_reply *reply, struct load_peer *peer,
                                                   struct slice *in)
{
    const uint8_t *answer = load_reply_gather(reply, in, LOAD_BARE_LEN);
    if (answer == NULL) {
        return LOAD_REPLY_MORE;
    }
    if (!peer->bare_seen) {
        memcpy(peer->bare, answer, LOAD_BARE_LEN);
        peer->bare_seen = true;
    }
    reply->code = 200;
    return memcmp(peer->bare, answer, LOAD_BARE_LEN) == 0 ? LOAD_REPLY_DONE
                                                          : load_reply_fail(reply, LOAD_ERROR_BODY);
}

static enum load_reply_status load_reply_step(struct load_reply *reply, struct load_peer *peer,
                                              struct slice *in)
{
    switch (reply->state) {
    case LOAD_STATE_BARE:
        return load_reply_take_bare(reply, peer, in);
    case LOAD_STATE_HEAD: {
        struct slice head = load_reply_gather_head(reply, in);
        if (head.len > 0) {
            return load_reply_take_head(reply, peer, head);
        }
        return in->len == 0 ? LOAD_REPLY_MORE : load_reply_fail(reply, LOAD_ERROR_HEAD);
    }
    case LOAD_STATE_HTTP:
        return load_reply_take_http(reply, in);
    case LOAD_STATE_DATA:
        return load_reply_take_data(reply, in);
    default: {
        uint8_t byte = in->ptr[0];
        *in = slice_skip(*in, 1);
        return load_reply_take_frame(reply, byte);
    }
    }
}

enum load_reply_status load_reply_feed(struct load_reply *reply, struct load_peer *peer,
                                       struct slice *in)
{
    while (in->len > 0) {
        enum load_reply_status status = load_reply_step(reply, peer, in);
        if (status != LOAD_REPLY_MORE) {
            return status;
        }
    }
    return LOAD_REPLY_MORE;
}
