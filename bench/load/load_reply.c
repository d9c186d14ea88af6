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
#include "bench/load/load_plan.h"

#include <stdlib.h>
#include <string.h>

#define LOAD_HEADS_MAX KIB(64)
#define LOAD_BARE_LEN  200
#define LOAD_HEAD_END  SLICE_OF("\r\n\r\n")

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

/* What one ICAP head says. */
struct load_reply_head {
    struct slice encapsulated;
    bool istag;
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

void load_reply_begin(struct load_reply *reply, const struct load_args *args,
                      const struct load_request *request)
{
    uint8_t *pieces = reply->pieces;
    *reply = (struct load_reply){
        .request = request,
        .pieces = pieces,
        .state = args->method == LOAD_BARE ? LOAD_STATE_BARE : LOAD_STATE_HEAD,
    };
}

void load_reply_fini(struct load_reply *reply)
{
    free(reply->pieces);
    reply->pieces = NULL;
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

static bool load_reply_take_line(struct load_reply *reply, struct load_reply_head *head,
                                 struct slice line)
{
    struct slice value = line;
    struct slice name = slice_split(&value, ':');
    if (name.len == 0 || name.len == line.len) {
        return false;
    }
    value = slice_trim(value);
    switch (name.ptr[0] | 0x20) {
    case 'e':
        if (slice_equal_nocase(name, SLICE_OF("Encapsulated"))) {
            head->encapsulated = value;
        }
        break;
    case 'c':
        if (slice_equal_nocase(name, SLICE_OF("Connection"))) {
            reply->close |= slice_equal_nocase(value, SLICE_OF("close"));
        }
        break;
    case 'i':
        head->istag |= slice_equal_nocase(name, SLICE_OF("ISTag")) && value.len > 0;
        break;
    case 'x':
        reply->finding |= slice_equal_nocase(name, SLICE_OF("X-Infection-Found")) ||
                          slice_equal_nocase(name, SLICE_OF("X-Violations-Found"));
        break;
    default:
        break;
    }
    return true;
}

/* Walks the lines; folded ones belong to the header above them. */
static bool load_reply_walk(struct load_reply *reply, struct load_reply_head *head,
                            struct slice all)
{
    while (all.len > 0) {
        const uint8_t *end = memchr(all.ptr, '\n', all.len);
        if (end == NULL || end == all.ptr || end[-1] != '\r') {
            return false;
        }
        size_t len = (size_t)(end - all.ptr);
        struct slice line = slice_from(all.ptr, len - 1);
        all = slice_skip(all, len + 1);
        bool folded = line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
        if (line.len > 0 && !folded && !load_reply_take_line(reply, head, line)) {
            return false;
        }
    }
    return true;
}

/*
 * The last section's offset is the length of all heads; with one head and a body that is all an
 * answer has. False when it is not of that form.
 */
static bool load_reply_take_encapsulated(struct load_reply *reply, struct slice list)
{
    uint64_t at = 0;
    bool ended = false;
    while (list.len > 0) {
        struct slice value = slice_trim(slice_split(&list, ','));
        struct slice name = slice_split(&value, '=');
        uint64_t offset = 0;
        if (ended || !slice_parse_u64(value, &offset) || offset < at || offset > LOAD_HEADS_MAX) {
            return false;
        }
        at = offset;
        if (slice_equal_nocase(name, SLICE_OF("null-body"))) {
            ended = true;
        } else if (slice_equal_nocase(name, SLICE_OF("res-body")) ||
                   slice_equal_nocase(name, SLICE_OF("req-body")) ||
                   slice_equal_nocase(name, SLICE_OF("opt-body"))) {
            ended = true;
            reply->has_body = true;
        } else if (!slice_equal_nocase(name, SLICE_OF("res-hdr")) &&
                   !slice_equal_nocase(name, SLICE_OF("req-hdr"))) {
            return false;
        }
    }
    reply->http_len = (size_t)at;
    return ended;
}

/* "ICAP/1.0 NNN": the code, or 0. */
static unsigned load_reply_code(struct slice head)
{
    static const char start[] = "ICAP/1.0 ";
    size_t len = sizeof(start) - 1;
    if (head.len < len + 4 || memcmp(head.ptr, start, len) != 0) {
        return 0;
    }
    uint64_t code = 0;
    bool good = slice_parse_u64(slice_from(head.ptr + len, 3), &code) &&
                (head.ptr[len + 3] == ' ' || head.ptr[len + 3] == '\r');
    return good && code >= 100 ? (unsigned)code : 0;
}

/* Is this status one of the right ones; sets what the body is compared with. */
static enum load_error load_reply_judge(struct load_reply *reply, const struct load_args *args)
{
    unsigned code = reply->code;
    bool can_find = code == 200 || code == 201 || code == 403;
    if (reply->finding && can_find) {
        return args->expect & LOAD_EXPECT_FOUND ? LOAD_OK : LOAD_ERROR_FINDING;
    }
    if (code == 200 && (args->expect & LOAD_EXPECT_200)) {
        reply->compare = args->method != LOAD_OPTIONS;
        return LOAD_OK;
    }
    if (code == 204 && (args->expect & LOAD_EXPECT_204)) {
        return LOAD_OK;
    }
    return can_find && (args->expect & LOAD_EXPECT_FOUND) ? LOAD_ERROR_FINDING : LOAD_ERROR_STATUS;
}

/* What follows the ICAP head must be what Encapsulated announced, and enough to be compared. */
static enum load_error load_reply_judge_sections(struct load_reply *reply,
                                                 const struct load_reply_head *head)
{
    if (head->encapsulated.len == 0) {
        return reply->code == 204 ? LOAD_OK : LOAD_ERROR_HEAD;
    }
    if (!load_reply_take_encapsulated(reply, head->encapsulated)) {
        return LOAD_ERROR_ENCAPSULATED;
    }
    if (reply->code == 204 && (reply->has_body || reply->http_len > 0)) {
        return LOAD_ERROR_ENCAPSULATED;
    }
    if (reply->compare && reply->has_body != (reply->request->body.len > 0)) {
        return LOAD_ERROR_ENCAPSULATED;
    }
    return LOAD_OK;
}

static enum load_reply_status load_reply_end(struct load_reply *reply)
{
    if (reply->compare && reply->body_seen != reply->request->body.len) {
        return load_reply_fail(reply, LOAD_ERROR_BODY_SHORT);
    }
    return LOAD_REPLY_DONE;
}

static enum load_reply_status load_reply_after_heads(struct load_reply *reply)
{
    reply->state = LOAD_STATE_SIZE;
    return reply->has_body ? LOAD_REPLY_MORE : load_reply_end(reply);
}

static enum load_reply_status load_reply_take_head(struct load_reply *reply,
                                                   const struct load_args *args, struct slice all)
{
    struct load_reply_head head = {0};
    reply->code = load_reply_code(all);
    if (reply->code == 0) {
        return load_reply_fail(reply, LOAD_ERROR_STATUS_LINE);
    }
    const uint8_t *first = memchr(all.ptr, '\n', all.len);
    ASSERT(first != NULL);
    if (!load_reply_walk(reply, &head, slice_skip(all, (size_t)(first + 1 - all.ptr)))) {
        return load_reply_fail(reply, LOAD_ERROR_HEAD);
    }
    if (reply->code == 100) {
        if (!reply->request->preview || reply->continued) {
            return load_reply_fail(reply, LOAD_ERROR_CONTINUE);
        }
        reply->continued = true;
        return LOAD_REPLY_CONTINUE;
    }
    enum load_error error = load_reply_judge(reply, args);
    if (error == LOAD_OK && !head.istag) {
        error = LOAD_ERROR_HEAD;
    }
    if (error == LOAD_OK) {
        error = load_reply_judge_sections(reply, &head);
    }
    if (error != LOAD_OK) {
        return load_reply_fail(reply, error);
    }
    if (reply->http_len == 0) {
        return load_reply_after_heads(reply);
    }
    reply->state = LOAD_STATE_HTTP;
    return LOAD_REPLY_MORE;
}

/* An echo may add lines such as Via, but each line that was sent must be there. */
static bool load_reply_same_http(struct slice sent, struct slice got)
{
    if (slice_equal(sent, got)) {
        return true;
    }
    bool first = true;
    while (sent.len > 2) {
        const uint8_t *end = memchr(sent.ptr, '\n', sent.len);
        ASSERT(end != NULL);
        struct slice line = slice_from(sent.ptr, (size_t)(end + 1 - sent.ptr));
        const uint8_t *found = memmem(got.ptr, got.len, line.ptr, line.len);
        if (found == NULL || (first ? found != got.ptr : found[-1] != '\n')) {
            return false;
        }
        first = false;
        sent = slice_skip(sent, line.len);
    }
    return got.len >= 4 && memcmp(got.ptr + got.len - 4, LOAD_HEAD_END.ptr, 4) == 0;
}

static enum load_reply_status load_reply_take_http(struct load_reply *reply, struct slice *in)
{
    const uint8_t *heads = load_reply_gather(reply, in, reply->http_len);
    if (heads == NULL) {
        return LOAD_REPLY_MORE;
    }
    struct slice got = slice_from(heads, reply->http_len);
    if (reply->compare && !load_reply_same_http(reply->request->head, got)) {
        return load_reply_fail(reply, LOAD_ERROR_HTTP_HEAD);
    }
    return load_reply_after_heads(reply);
}

static enum load_reply_status load_reply_take_data(struct load_reply *reply, struct slice *in)
{
    size_t take = (size_t)MIN_OF((uint64_t)in->len, reply->left);
    if (reply->compare) {
        struct slice body = reply->request->body;
        if (take > body.len - reply->body_seen) {
            return load_reply_fail(reply, LOAD_ERROR_BODY_LONG);
        }
        if (memcmp(body.ptr + reply->body_seen, in->ptr, take) != 0) {
            return load_reply_fail(reply, LOAD_ERROR_BODY);
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
        reply->state = byte == '\r' ? LOAD_STATE_LINE_END : LOAD_STATE_EXTENSION;
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
static enum load_reply_status load_reply_take_bare(struct load_reply *reply, struct slice *in)
{
    static uint8_t first[LOAD_BARE_LEN];
    static bool seen;
    const uint8_t *answer = load_reply_gather(reply, in, LOAD_BARE_LEN);
    if (answer == NULL) {
        return LOAD_REPLY_MORE;
    }
    if (!seen) {
        memcpy(first, answer, sizeof(first));
        seen = true;
    }
    reply->code = 200;
    return memcmp(first, answer, sizeof(first)) == 0 ? LOAD_REPLY_DONE
                                                     : load_reply_fail(reply, LOAD_ERROR_BODY);
}

static enum load_reply_status load_reply_step(struct load_reply *reply,
                                              const struct load_args *args, struct slice *in)
{
    switch (reply->state) {
    case LOAD_STATE_BARE:
        return load_reply_take_bare(reply, in);
    case LOAD_STATE_HEAD: {
        struct slice head = load_reply_gather_head(reply, in);
        if (head.len > 0) {
            return load_reply_take_head(reply, args, head);
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

enum load_reply_status load_reply_feed(struct load_reply *reply, const struct load_args *args,
                                       struct slice *in)
{
    while (in->len > 0) {
        enum load_reply_status status = load_reply_step(reply, args, in);
        if (status != LOAD_REPLY_MORE) {
            return status;
        }
    }
    return LOAD_REPLY_MORE;
}
