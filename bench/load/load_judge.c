/* SPDX-License-Identifier: MIT */
#include "bench/load/load_judge.h"

#include "base/assert.h"
#include "bench/load/load_plan.h"

#include <string.h>

/* What one ICAP head says. */
struct load_judge_head {
    struct slice encapsulated;
    struct slice istag;
    struct slice service;
    struct slice server;
};

static bool load_judge_take_line(struct load_reply *reply, struct load_judge_head *head,
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
        if (slice_equal_nocase(name, SLICE_OF("ISTag"))) {
            head->istag = value;
        }
        break;
    case 's':
        if (slice_equal_nocase(name, SLICE_OF("Service"))) {
            head->service = value;
        } else if (slice_equal_nocase(name, SLICE_OF("Server"))) {
            head->server = value;
        }
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
static bool load_judge_walk(struct load_reply *reply, struct load_judge_head *head,
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
        if (line.len > 0 && !folded && !load_judge_take_line(reply, head, line)) {
            return false;
        }
    }
    return true;
}

/*
 * The last section's offset is the length of all heads; with one head and a body that is all an
 * answer has. False when it is not of that form.
 */
static bool load_judge_encapsulated(struct load_reply *reply, struct slice list)
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
static unsigned load_judge_code(struct slice head)
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

/* May the server answer without giving the whole body back: with leave, or in a preview. */
static bool load_judge_may_skip(const struct load_reply *reply, const struct load_spec *spec)
{
    return spec->allow_204 || (spec->preview != LOAD_NO_PREVIEW && !reply->continued);
}

/* The message given back: whole, by 204, or by 206. */
static bool load_judge_is_echo(struct load_reply *reply, const struct load_peer *peer)
{
    const struct load_spec *spec = peer->spec;
    switch (reply->code) {
    case 200:
        reply->compare = load_spec_has_body(spec);
        return peer->expect & LOAD_EXPECT_200 || (spec->method == LOAD_FILEMOD && !spec->allow_204);
    case 204:
        return peer->expect & LOAD_EXPECT_204 && load_judge_may_skip(reply, spec);
    case 206:
        reply->compare = true;
        reply->changed = peer->expect & LOAD_EXPECT_CHANGED;
        return peer->expect & (LOAD_EXPECT_206 | LOAD_EXPECT_CHANGED) && spec->allow_206 &&
               load_judge_may_skip(reply, spec);
    default:
        return false;
    }
}

/* Is this status one of the right ones; sets what the body is compared with. */
static enum load_error load_judge_status(struct load_reply *reply, const struct load_peer *peer)
{
    unsigned code = reply->code;
    bool can_find = code == 200 || code == 201 || code == 403;
    bool infected = reply->request->infected;
    bool may_find = infected || (peer->expect & LOAD_EXPECT_FOUND);
    if (reply->finding && can_find) {
        return may_find ? LOAD_OK : LOAD_ERROR_FINDING;
    }
    if ((code == 506 || code == 503) && peer->spec->refused != LOAD_REFUSED_ERROR) {
        reply->refused = true;
        return LOAD_OK;
    }
    if (!infected && load_judge_is_echo(reply, peer)) {
        return LOAD_OK;
    }
    bool missed = infected && (code == 204 || code == 206);
    return (can_find && may_find) || missed ? LOAD_ERROR_FINDING : LOAD_ERROR_STATUS;
}

/* What follows the ICAP head must be what Encapsulated announced, and enough to be compared. */
static enum load_error load_judge_sections(struct load_reply *reply,
                                           const struct load_judge_head *head)
{
    if (head->encapsulated.len == 0) {
        return reply->code == 204 || reply->refused ? LOAD_OK : LOAD_ERROR_HEAD;
    }
    if (!load_judge_encapsulated(reply, head->encapsulated)) {
        return LOAD_ERROR_ENCAPSULATED;
    }
    if (reply->code == 204 && (reply->has_body || reply->http_len > 0)) {
        return LOAD_ERROR_ENCAPSULATED;
    }
    if (reply->compare &&
        (reply->has_body != (reply->request->body.len > 0) || reply->http_len == 0)) {
        return LOAD_ERROR_ENCAPSULATED;
    }
    return LOAD_OK;
}

/* Keeps the first text that a header had, without what would disturb a terminal. */
static void load_judge_note(char *out, size_t cap, struct slice value)
{
    if (out[0] != '\0') {
        return;
    }
    size_t len = 0;
    for (size_t i = 0; i < value.len && len + 1 < cap; i++) {
        if (value.ptr[i] >= ' ' && value.ptr[i] < 0x7f) {
            out[len++] = (char)value.ptr[i];
        }
    }
    out[len] = '\0';
}

enum load_error load_judge_head(struct load_reply *reply, struct load_peer *peer, struct slice all)
{
    struct load_judge_head head = {0};
    reply->code = load_judge_code(all);
    if (reply->code == 0) {
        return LOAD_ERROR_STATUS_LINE;
    }
    const uint8_t *first = memchr(all.ptr, '\n', all.len);
    ASSERT(first != NULL);
    if (!load_judge_walk(reply, &head, slice_skip(all, (size_t)(first + 1 - all.ptr)))) {
        return LOAD_ERROR_HEAD;
    }
    if (reply->code == 100) {
        return reply->request->preview && !reply->continued ? LOAD_OK : LOAD_ERROR_CONTINUE;
    }
    enum load_error error = load_judge_status(reply, peer);
    if (error != LOAD_OK) {
        return error;
    }
    if (head.istag.len == 0 && !reply->refused) {
        return LOAD_ERROR_HEAD;
    }
    load_judge_note(peer->server, sizeof(peer->server),
                    head.service.len > 0 ? head.service : head.server);
    load_judge_note(peer->istag, sizeof(peer->istag), head.istag);
    return load_judge_sections(reply, &head);
}

/* The value of a header in HTTP heads; empty without one. */
static struct slice load_judge_value(struct slice heads, struct slice wanted)
{
    while (heads.len > 0) {
        struct slice value = slice_split(&heads, '\n');
        struct slice name = slice_split(&value, ':');
        if (slice_equal_nocase(name, wanted)) {
            value.len -= value.len > 0 && value.ptr[value.len - 1] == '\r';
            return slice_trim(value);
        }
    }
    return (struct slice){0};
}

/* Is `line`, with its end, one of the lines of `got`. */
static bool load_judge_has_line(struct slice got, struct slice line, bool first)
{
    const uint8_t *found = memmem(got.ptr, got.len, line.ptr, line.len);
    return found != NULL && (first ? found == got.ptr : found > got.ptr && found[-1] == '\n');
}

/* An echo may add lines such as Via, but each line that was sent must be there; not that with the
 * length, where the front was changed. */
static bool load_judge_same(struct slice sent, struct slice got, bool changed)
{
    if (slice_equal(sent, got)) {
        return true;
    }
    bool first = true;
    while (sent.len > 2) {
        const uint8_t *end = memchr(sent.ptr, '\n', sent.len);
        ASSERT(end != NULL);
        struct slice line = slice_from(sent.ptr, (size_t)(end + 1 - sent.ptr));
        struct slice rest = line;
        struct slice name = slice_split(&rest, ':');
        bool waived = changed && slice_equal_nocase(name, SLICE_OF("Content-Length"));
        if (!waived && !load_judge_has_line(got, line, first)) {
            return false;
        }
        first = false;
        sent = slice_skip(sent, line.len);
    }
    return got.len >= 4 && memcmp(got.ptr + got.len - 4, "\r\n\r\n", 4) == 0;
}

enum load_error load_judge_http(struct load_reply *reply, struct slice got)
{
    if (!reply->compare) {
        return LOAD_OK;
    }
    reply->content_length = UINT64_MAX;
    struct slice length = load_judge_value(got, SLICE_OF("Content-Length"));
    if (length.len > 0 && !slice_parse_u64(length, &reply->content_length)) {
        return LOAD_ERROR_HTTP_HEAD;
    }
    return load_judge_same(reply->request->head, got, reply->changed) ? LOAD_OK
                                                                      : LOAD_ERROR_HTTP_HEAD;
}

/* "use-original-body=N" in the last chunk's extensions; false without a right one. */
static bool load_judge_original(const struct load_reply *reply, uint64_t *out_offset)
{
    static const struct slice name = {(const uint8_t *)"use-original-body", 17};
    if (reply->extension_len == LOAD_EXTENSION_CAP) {
        return false;
    }
    struct slice value = slice_trim(slice_from(reply->extension, reply->extension_len));
    return slice_equal_nocase(slice_trim(slice_split(&value, '=')), name) &&
           slice_parse_u64(slice_trim(value), out_offset);
}

/* The front that came and the original body from the byte that was named. */
static enum load_error load_judge_partial(const struct load_reply *reply)
{
    uint64_t len = reply->request->body.len;
    uint64_t offset = len;
    if (reply->extension_len > 0 || reply->changed) {
        if (!load_judge_original(reply, &offset) || offset >= len) {
            return LOAD_ERROR_ORIGINAL;
        }
    }
    uint64_t made = reply->body_seen + (len - offset);
    if (!reply->changed && made != len) {
        return made < len ? LOAD_ERROR_BODY_SHORT : LOAD_ERROR_BODY_LONG;
    }
    bool fits = reply->content_length == UINT64_MAX || reply->content_length == made;
    return fits ? LOAD_OK : LOAD_ERROR_HTTP_HEAD;
}

enum load_error load_judge_end(const struct load_reply *reply)
{
    if (!reply->compare || !reply->has_body) {
        return LOAD_OK;
    }
    if (reply->code == 206) {
        return load_judge_partial(reply);
    }
    return reply->body_seen == reply->request->body.len ? LOAD_OK : LOAD_ERROR_BODY_SHORT;
}
