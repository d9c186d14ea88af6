/* SPDX-License-Identifier: MIT */
#include "tools/icap_client.h"

#include "base/text.h"
#include "net/wire/field.h"

/* Room for the HTTP heads of a file whose name has 255 bytes, each escaped. */
#define ICAP_CLIENT_HTTP_CAP 2048

/* Length of the head with its blank line, 0 when that has not come. */
static size_t icap_client_find_end(struct slice bytes, size_t *seen)
{
    size_t at = *seen;

    while (at < bytes.len) {
        size_t line = at + slice_find(slice_skip(bytes, at), '\n') + 1;
        size_t next = line;

        if (line > bytes.len) {
            break;
        }
        next += next < bytes.len && bytes.ptr[next] == '\r';
        if (next < bytes.len && bytes.ptr[next] == '\n') {
            return next + 1;
        }
        if (next >= bytes.len) {
            /* What follows this line end decides: look at it again. */
            *seen = line - 1;
            return 0;
        }
        at = line;
    }
    *seen = bytes.len;
    return 0;
}

/* "ICAP/1.0 204 No modifications needed"; takes the line from the front of `*rest`. */
static bool icap_client_parse_line(struct slice *rest, struct icap_client_reply *out)
{
    struct slice line = field_trim(slice_split(rest, '\n'));
    struct slice version = slice_split(&line, ' ');
    struct slice code = slice_split(&line, ' ');
    uint64_t status = 0;

    if (!slice_equal(version, SLICE_OF("ICAP/1.0")) || code.len != 3 ||
        !slice_parse_u64(code, &status) || status < 100) {
        return false;
    }
    out->status = (unsigned)status;
    out->reason = line;
    return true;
}

/* "res-hdr=0, res-body=83": offsets rise, the last section is the body. */
static bool icap_client_parse_encapsulated(struct slice value, struct icap_client_reply *out)
{
    struct slice section;
    uint64_t last = 0;
    bool ended = false;

    out->has_encapsulated = true;
    while (field_list_next(&value, &section)) {
        struct slice offset = section;
        struct slice name = slice_trim(slice_split(&offset, '='));
        uint64_t at = 0;
        bool is_head = slice_equal_nocase(name, SLICE_OF("req-hdr")) ||
                       slice_equal_nocase(name, SLICE_OF("res-hdr"));
        bool is_null = slice_equal_nocase(name, SLICE_OF("null-body"));
        bool is_body = slice_equal_nocase(name, SLICE_OF("req-body")) ||
                       slice_equal_nocase(name, SLICE_OF("res-body")) ||
                       slice_equal_nocase(name, SLICE_OF("opt-body"));

        if (ended || !slice_parse_u64(slice_trim(offset), &at) || at < last ||
            at > ICAP_CLIENT_HEADS_MAX || !(is_head || is_body || is_null)) {
            return false;
        }
        last = at;
        ended = !is_head;
        out->has_body = is_body;
    }
    out->heads_len = (uint32_t)last;
    return ended;
}

/* Takes one header line over; false when it cannot be true. */
static bool icap_client_take(struct slice name, struct slice value, struct icap_client_reply *out)
{
    if (slice_equal_nocase(name, SLICE_OF("Encapsulated"))) {
        return !out->has_encapsulated && icap_client_parse_encapsulated(value, out);
    }
    if (slice_equal_nocase(name, SLICE_OF("Preview"))) {
        out->has_preview = slice_parse_u64(value, &out->preview);
        return out->has_preview;
    }
    if (slice_equal_nocase(name, SLICE_OF("Max-Connections"))) {
        out->has_max_connections = slice_parse_u64(value, &out->max_connections);
    } else if (slice_equal_nocase(name, SLICE_OF("X-Infection-Found"))) {
        out->infection = value;
    } else if (slice_equal_nocase(name, SLICE_OF("X-Virus-ID"))) {
        out->virus_id = value;
    } else if (slice_equal_nocase(name, SLICE_OF("X-Violations-Found"))) {
        out->violations = value;
    } else if (slice_equal_nocase(name, SLICE_OF("Methods"))) {
        out->methods = value;
    } else if (slice_equal_nocase(name, SLICE_OF("Connection"))) {
        out->wants_close = slice_equal_nocase(value, SLICE_OF("close"));
    }
    return true;
}

enum icap_client_status icap_client_parse(struct slice bytes, size_t *seen,
                                          struct icap_client_reply *out, size_t *out_len)
{
    size_t len =
        icap_client_find_end(slice_from(bytes.ptr, MIN_OF(bytes.len, ICAP_CLIENT_HEAD_MAX)), seen);
    struct slice rest = slice_from(bytes.ptr, len);
    struct slice name;
    struct slice value;
    enum field_status status = FIELD_OK;

    memset(out, 0, sizeof(*out));
    if (len == 0) {
        return bytes.len < ICAP_CLIENT_HEAD_MAX ? ICAP_CLIENT_MORE : ICAP_CLIENT_BAD;
    }
    if (!icap_client_parse_line(&rest, out)) {
        return ICAP_CLIENT_BAD;
    }
    while ((status = field_next(&rest, &name, &value)) != FIELD_END) {
        if (status == FIELD_NONE || !icap_client_take(name, value, out)) {
            return ICAP_CLIENT_BAD;
        }
    }
    *out_len = len;
    return ICAP_CLIENT_OK;
}

bool icap_client_is_finding(const struct icap_client_reply *reply)
{
    return reply->infection.len > 0 || reply->virus_id.len > 0 || reply->violations.len > 0 ||
           reply->status == 201 || reply->status == 403;
}

/* "Type=0; Resolution=0; Threat=NAME;": the value of Threat. */
static struct slice icap_client_threat(struct slice infection)
{
    while (infection.len > 0) {
        struct slice value = field_trim(slice_split(&infection, ';'));

        if (slice_equal_nocase(slice_split(&value, '='), SLICE_OF("Threat"))) {
            return field_trim(value);
        }
    }
    return slice_from(NULL, 0);
}

/* The second of the four folded lines of the first violation. */
static struct slice icap_client_violation(struct slice violations)
{
    (void)slice_split(&violations, '\n');
    (void)slice_split(&violations, '\n');
    return field_trim(slice_split(&violations, '\n'));
}

void icap_client_put_finding(const struct icap_client_reply *reply, struct text *out)
{
    struct slice name = icap_client_threat(reply->infection);

    if (name.len == 0) {
        name = field_trim(reply->virus_id);
    }
    if (name.len == 0) {
        name = icap_client_violation(reply->violations);
    }
    if (name.len == 0) {
        name = SLICE_OF("unnamed finding");
    }
    for (size_t i = 0; i < name.len; i++) {
        bool control = name.ptr[i] < ' ' || name.ptr[i] == 0x7f;

        text_put(out, control ? (const uint8_t *)"?" : name.ptr + i, 1);
    }
}

bool icap_client_has_method(const struct icap_client_reply *reply, struct slice method)
{
    struct slice rest = reply->methods;
    struct slice one;

    while (field_list_next(&rest, &one)) {
        if (slice_equal_nocase(one, method)) {
            return true;
        }
    }
    return false;
}

void icap_client_put_escaped(struct slice segment, struct text *out)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < segment.len; i++) {
        uint8_t c = segment.ptr[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '.' || c == '_' || c == '~') {
            text_put(out, &c, 1);
        } else {
            const char escaped[] = {'%', digits[c >> 4], digits[c & 15]};

            text_put(out, escaped, sizeof(escaped));
        }
    }
}

/* Request line and the headers that all requests have. */
static void icap_client_put_start(const struct icap_client_target *target, const char *method,
                                  struct text *out)
{
    text_printf(out, "%s icap://%s/", method, target->host);
    text_put_str(out, target->service);
    if (target->action[0] != '\0') {
        TEXT_PUT(out, "?action=");
        icap_client_put_escaped(slice_from_str(target->action), out);
    }
    text_printf(out, " ICAP/1.0\r\nHost: %s\r\nUser-Agent: baleen/" BALEEN_VERSION "\r\n",
                target->host);
}

void icap_client_put_options(const struct icap_client_target *target, struct text *out)
{
    icap_client_put_start(target, "OPTIONS", out);
    TEXT_PUT(out, "Encapsulated: null-body=0\r\n\r\n");
}

void icap_client_put_by_path(const struct icap_client_target *target, struct slice path,
                             struct text *out)
{
    icap_client_put_start(target, "FILEMOD", out);
    TEXT_PUT(out, "Allow: 204\r\nX-Filepath: ");
    text_put_slice(out, path);
    TEXT_PUT(out, "\r\nEncapsulated: null-body=0\r\n\r\n");
}

/* The HTTP request head of a download or an upload. */
static void icap_client_put_http_request(const struct icap_client_stream *stream, struct text *out)
{
    text_put_str(out, stream->is_request ? "PUT /" : "GET /");
    icap_client_put_escaped(stream->name, out);
    TEXT_PUT(out, " HTTP/1.1\r\nHost: localhost\r\n");
    if (stream->is_request) {
        TEXT_PUT(out, "Content-Length: ");
        text_put_u64(out, stream->file_len);
        TEXT_PUT(out, "\r\n");
    }
    TEXT_PUT(out, "\r\n");
}

void icap_client_put_stream(const struct icap_client_target *target,
                            const struct icap_client_stream *stream, struct text *out)
{
    char block[ICAP_CLIENT_HTTP_CAP];
    struct text http = text_over(block, sizeof(block));
    size_t request_len = 0;

    icap_client_put_http_request(stream, &http);
    request_len = http.len;
    if (!stream->is_request) {
        TEXT_PUT(&http, "HTTP/1.1 200 OK\r\nContent-Length: ");
        text_put_u64(&http, stream->file_len);
        TEXT_PUT(&http, "\r\n\r\n");
    }
    icap_client_put_start(target, stream->is_request ? "REQMOD" : "RESPMOD", out);
    TEXT_PUT(out, "Allow: 204\r\n");
    if (stream->has_preview) {
        TEXT_PUT(out, "Preview: ");
        text_put_u64(out, stream->preview);
        TEXT_PUT(out, "\r\n");
    }
    if (stream->is_request) {
        text_printf(out, "Encapsulated: req-hdr=0, req-body=%zu\r\n\r\n", http.len);
    } else {
        text_printf(out, "Encapsulated: req-hdr=0, res-hdr=%zu, res-body=%zu\r\n\r\n", request_len,
                    http.len);
    }
    text_put_slice(out, text_slice(&http));
    out->overflowed |= http.overflowed;
}
