/* SPDX-License-Identifier: MIT */
#include "net/wire/http_head.h"

#include "base/text.h"
#include "net/wire/field.h"

/* The header fields that either head may have. */
struct http_fields {
    struct slice host;
    struct slice content_type;
    struct slice content_disposition;
    struct slice content_encoding;
    struct slice content_length;
};

static void http_keep(struct slice value, struct slice *kept)
{
    if (!kept->ptr) {
        *kept = value;
    }
}

static void http_read_field(struct slice name, struct slice value, struct http_fields *out)
{
    switch (name.len) {
    case 4:
        if (FIELD_IS(name, "host")) {
            http_keep(value, &out->host);
        }
        break;
    case 12:
        if (FIELD_IS(name, "content-type")) {
            http_keep(value, &out->content_type);
        }
        break;
    case 14:
        if (FIELD_IS(name, "content-length")) {
            http_keep(value, &out->content_length);
        }
        break;
    case 16:
        if (FIELD_IS(name, "content-encoding")) {
            http_keep(value, &out->content_encoding);
        }
        break;
    case 19:
        if (FIELD_IS(name, "content-disposition")) {
            http_keep(value, &out->content_disposition);
        }
        break;
    default:
        break;
    }
}

/* Lines that are no header lines are passed over: origin servers write all sorts of things. */
static void http_read_fields(struct slice rest, struct http_fields *out)
{
    struct slice name;
    struct slice value;

    for (;;) {
        switch (field_next(&rest, &name, &value)) {
        case FIELD_OK:
            http_read_field(name, value, out);
            break;
        case FIELD_NONE:
            break;
        case FIELD_END:
            return;
        }
    }
}

/* Takes the bytes up to a blank from the front and drops the blanks around them. */
static struct slice http_take_word(struct slice *rest)
{
    size_t len = 0;

    *rest = field_trim(*rest);
    while (len < rest->len && !field_is_blank(rest->ptr[len])) {
        len++;
    }
    const struct slice word = slice_from(rest->ptr, len);

    *rest = field_trim(slice_skip(*rest, len));
    return word;
}

static bool http_is_version(struct slice word)
{
    return word.len >= 5 && slice_equal_nocase(slice_from(word.ptr, 5), SLICE_OF("HTTP/"));
}

static bool http_ends_blank(struct slice head)
{
    const size_t len = head.len;

    if (len < 2 || head.ptr[len - 1] != '\n') {
        return false;
    }
    return head.ptr[len - 2] == '\n' ||
           (len > 2 && head.ptr[len - 2] == '\r' && head.ptr[len - 3] == '\n');
}

/* Parts a head into its first line and the rest; false when it is none. */
static bool http_split_head(struct slice head, struct slice *out_line, struct slice *out_rest)
{
    if (!http_ends_blank(head)) {
        return false;
    }
    *out_line = field_trim(slice_split(&head, '\n'));
    *out_rest = head;
    return out_line->len > 0;
}

/* The target is all between the method and the version, since bare names may have blanks. */
static struct slice http_cut_version(struct slice rest)
{
    size_t at = rest.len;

    while (at > 0 && !field_is_blank(rest.ptr[at - 1])) {
        at--;
    }
    return http_is_version(slice_skip(rest, at)) ? field_trim(slice_from(rest.ptr, at)) : rest;
}

bool http_request_parse(struct slice head, struct http_request_head *out)
{
    struct slice line;
    struct slice rest;
    struct http_fields fields = {0};

    if (!http_split_head(head, &line, &rest)) {
        return false;
    }
    http_read_fields(rest, &fields);
    const struct slice method = http_take_word(&line);

    *out = (struct http_request_head){
        .method = method,
        .target = http_cut_version(line),
        .host = fields.host,
        .content_type = fields.content_type,
        .content_disposition = fields.content_disposition,
        .content_encoding = fields.content_encoding,
    };
    return true;
}

/* The status of "HTTP/1.1 200 OK", 0 for any other line. */
static unsigned http_read_status(struct slice line)
{
    uint64_t status = 0;

    if (!http_is_version(http_take_word(&line))) {
        return 0;
    }
    const struct slice digits = http_take_word(&line);

    return digits.len == 3 && slice_parse_u64(digits, &status) ? (unsigned)status : 0;
}

bool http_response_parse(struct slice head, struct http_response_head *out)
{
    struct slice line;
    struct slice rest;
    struct http_fields fields = {0};
    uint64_t length = 0;

    if (!http_split_head(head, &line, &rest)) {
        return false;
    }
    http_read_fields(rest, &fields);
    const bool has_length = slice_parse_u64(fields.content_length, &length);

    *out = (struct http_response_head){
        .status = http_read_status(line),
        .content_type = fields.content_type,
        .content_disposition = fields.content_disposition,
        .content_encoding = fields.content_encoding,
        .has_content_length = has_length,
        .content_length = length,
    };
    return true;
}

/* Length of "scheme://" at the front, 0 when the target is not absolute. */
static size_t http_scheme_len(struct slice target)
{
    size_t len = 0;

    while (len < target.len && field_token[target.ptr[len]]) {
        len++;
    }
    return len > 0 && target.len - len >= 3 && memcmp(target.ptr + len, "://", 3) == 0 ? len + 3
                                                                                       : 0;
}

static void http_put_cut(struct text *out, struct slice s)
{
    text_put(out, s.ptr, MIN_OF(s.len, out->cap - out->len));
}

void http_url_write(const struct http_request_head *head, struct text *out)
{
    if (http_scheme_len(head->target) > 0) {
        http_put_cut(out, head->target);
        return;
    }
    http_put_cut(out, SLICE_OF("http://"));
    if (slice_equal_nocase(head->method, SLICE_OF("CONNECT"))) {
        http_put_cut(out, head->target);
        return;
    }
    http_put_cut(out, head->host);
    if (head->target.len == 0 || head->target.ptr[0] != '/') {
        http_put_cut(out, SLICE_OF("/"));
    }
    http_put_cut(out, head->target);
}

/* The last segment of the path, without query and fragment. */
static struct slice http_last_segment(struct slice target)
{
    const size_t scheme_len = http_scheme_len(target);

    target = slice_split(&target, '#');
    target = slice_split(&target, '?');
    if (scheme_len > 0) {
        target = slice_skip(target, MIN_OF(scheme_len, target.len));
        target = slice_skip(target, slice_find(target, '/'));
    }
    size_t at = target.len;

    while (at > 0 && target.ptr[at - 1] != '/') {
        at--;
    }
    return slice_skip(target, at);
}

struct slice http_target_extension(struct slice target)
{
    const struct slice name = http_last_segment(target);
    size_t at = name.len;

    while (at > 0 && name.ptr[at - 1] != '.') {
        at--;
    }
    return at > 0 ? slice_skip(name, at) : (struct slice){0};
}

/* How the bytes of a name are written down. */
enum http_coding {
    HTTP_CODING_PLAIN,
    HTTP_CODING_QUOTED,          /* Backslashes before quotes and backslashes. */
    HTTP_CODING_PERCENT,         /* Percent signs and two digits. */
    HTTP_CODING_PERCENT_LATIN_1, /* The same, each byte a character of ISO 8859-1. */
};

/* A name on its way out: `len` bytes of at most `max` have been written. */
struct http_name {
    struct text *out;
    size_t len;
    size_t max;
    bool full;
};

static int http_hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes one decoded byte from the front. */
static uint8_t http_take_byte(struct slice *rest, enum http_coding coding)
{
    uint8_t c = rest->ptr[0];
    size_t len = 1;

    if (coding == HTTP_CODING_QUOTED && c == '\\' && rest->len > 1 &&
        (rest->ptr[1] == '"' || rest->ptr[1] == '\\')) {
        c = rest->ptr[1];
        len = 2;
    } else if (coding >= HTTP_CODING_PERCENT && c == '%' && rest->len > 2) {
        const int high = http_hex_value(rest->ptr[1]);
        const int low = http_hex_value(rest->ptr[2]);

        if (high >= 0 && low >= 0) {
            c = (uint8_t)(high << 4 | low);
            len = 3;
        }
    }
    *rest = slice_skip(*rest, len);
    return c;
}

/* Writes one character whole or not at all, and nothing behind one that did not fit. */
static void http_name_put(struct http_name *name, const uint8_t *bytes, size_t len)
{
    struct text *const out = name->out;

    if (name->full || len > name->max - name->len || len > out->cap - out->len) {
        name->full = true;
        return;
    }
    text_put(out, bytes, len);
    name->len += len;
}

static size_t http_utf8_len(uint8_t lead)
{
    if (lead < 0xc0) {
        return 1;
    }
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/*
 * Takes one decoded character of UTF-8 from the front, as far as it is there: what is not UTF-8
 * comes byte by byte. Returns its length.
 */
static size_t http_take_char(struct slice *rest, enum http_coding coding, uint8_t bytes[4])
{
    size_t len = 1;

    bytes[0] = http_take_byte(rest, coding);
    if (coding == HTTP_CODING_PERCENT_LATIN_1 && bytes[0] >= 0x80) {
        bytes[1] = (bytes[0] & 0x3f) | 0x80;
        bytes[0] = (uint8_t)(0xc0 | bytes[0] >> 6);
        return 2;
    }
    const size_t want = http_utf8_len(bytes[0]);
    struct slice ahead = *rest;

    while (len < want && ahead.len > 0) {
        bytes[len] = http_take_byte(&ahead, coding);
        if ((bytes[len] & 0xc0) != 0x80) {
            break;
        }
        *rest = ahead;
        len++;
    }
    return len;
}

static void http_name_write(struct http_name *name, struct slice coded, enum http_coding coding)
{
    while (coded.len > 0 && !name->full) {
        uint8_t bytes[4];
        const size_t len = http_take_char(&coded, coding, bytes);

        if (bytes[0] < ' ' || bytes[0] == 0x7f) {
            bytes[0] = '?';
        } else if (bytes[0] == '/') {
            bytes[0] = '_';
        }
        http_name_put(name, bytes, len);
    }
}

/* Takes one `name=value` of a parameter list; the value of a quoted string is what stands between
 * the quotes. */
static bool http_take_param(struct slice *rest, struct slice *out_name, struct slice *out_value,
                            bool *out_quoted)
{
    const bool more = rest->len > 0;
    size_t at = 0;

    while (at < rest->len && rest->ptr[at] != ';' && rest->ptr[at] != '=') {
        at++;
    }
    *out_name = field_trim(slice_from(rest->ptr, at));
    *out_value = slice_from(rest->ptr, 0);
    *out_quoted = false;
    if (at < rest->len && rest->ptr[at] == '=') {
        *rest = field_trim(slice_skip(*rest, at + 1));
        at = 0;
        *out_quoted = rest->len > 0 && rest->ptr[0] == '"';
        if (*out_quoted) {
            for (at = 1; at < rest->len && rest->ptr[at] != '"'; at++) {
                at += rest->ptr[at] == '\\' && at + 1 < rest->len &&
                      (rest->ptr[at + 1] == '"' || rest->ptr[at + 1] == '\\');
            }
            *out_value = slice_from(rest->ptr + 1, at - 1);
            *rest = slice_skip(*rest, at);
            at = 0;
        }
        while (at < rest->len && rest->ptr[at] != ';') {
            at++;
        }
        if (!*out_quoted) {
            *out_value = field_trim(slice_from(rest->ptr, at));
        }
    }
    *rest = slice_skip(*rest, MIN_OF(at + 1, rest->len));
    return more;
}

/* Parts "UTF-8'en'na%20me" (RFC 5987); false when the charset is none that the RFC names. */
static bool http_split_extended(struct slice *value, enum http_coding *out_coding)
{
    struct slice rest = *value;
    const struct slice charset = slice_split(&rest, '\'');

    (void)slice_split(&rest, '\'');
    if (slice_equal_nocase(charset, SLICE_OF("UTF-8"))) {
        *out_coding = HTTP_CODING_PERCENT;
    } else if (slice_equal_nocase(charset, SLICE_OF("ISO-8859-1"))) {
        *out_coding = HTTP_CODING_PERCENT_LATIN_1;
    } else {
        return false;
    }
    *value = rest;
    return true;
}

/* The file name of a Content-Disposition; the extended form wins over the plain one (RFC 6266). */
static struct slice http_disposition_name(struct slice disposition, enum http_coding *out_coding)
{
    struct slice found = {0};
    struct slice name;
    struct slice value;
    bool quoted;

    while (http_take_param(&disposition, &name, &value, &quoted)) {
        if (slice_equal_nocase(name, SLICE_OF("filename*"))) {
            if (http_split_extended(&value, out_coding) && value.len > 0) {
                return value;
            }
        } else if (found.len == 0 && slice_equal_nocase(name, SLICE_OF("filename"))) {
            found = value;
            *out_coding = quoted ? HTTP_CODING_QUOTED : HTTP_CODING_PLAIN;
        }
    }
    return found;
}

/* Drops the folders that some servers put before the name, with slashes of either kind. */
static struct slice http_drop_folders(struct slice name, enum http_coding coding)
{
    size_t at = name.len;

    while (at > 0 && name.ptr[at - 1] != '/' &&
           !(name.ptr[at - 1] == '\\' &&
             !(coding == HTTP_CODING_QUOTED && at < name.len && name.ptr[at] == '"'))) {
        at--;
    }
    return slice_skip(name, at);
}

void http_file_name_write(struct slice target, struct slice disposition, size_t max,
                          struct text *out)
{
    struct http_name name = {.out = out, .max = max};
    enum http_coding coding = HTTP_CODING_PLAIN;
    struct slice coded = http_disposition_name(disposition, &coding);

    coded = http_drop_folders(coded, coding);
    if (coded.len == 0) {
        coded = http_last_segment(target);
        coding = HTTP_CODING_PERCENT;
    }
    if (coded.len == 0) {
        coded = SLICE_OF("index.html");
        coding = HTTP_CODING_PLAIN;
    }
    http_name_write(&name, coded, coding);
}
