/* SPDX-License-Identifier: MIT */
#include "net/wire/icap_head.h"

#include "base/assert.h"
#include "net/wire/field.h"

/*
 * What may stand before a request line: line ends, and the second last-chunk that some clients send
 * after an empty body. It is looked at again with each new piece of a head, so it has to be short.
 */
#define ICAP_STRAY_MAX 64

/* Header lines whose meaning depends on other lines wait here until all have been read. */
struct icap_lines {
    struct icap_request *request;
    struct slice encapsulated;
    bool has_encapsulated;
    bool has_two_encapsulated;
};

/* False when the bytes end before one can tell; `*out_len` is what is stray so far. */
static bool icap_skip_strays(struct slice bytes, size_t *out_len)
{
    static const uint8_t last_chunk[5] = "0\r\n\r\n";
    size_t at = 0;

    while (at < bytes.len && at <= ICAP_STRAY_MAX) {
        const uint8_t *const ptr = bytes.ptr + at;
        const size_t left = bytes.len - at;
        size_t len = 0;

        if (*ptr == '\n') {
            len = 1;
        } else if (*ptr == '\r' && (left == 1 || ptr[1] == '\n')) {
            len = 2;
        } else if (*ptr == '0' && memcmp(ptr, last_chunk, MIN_OF(left, sizeof(last_chunk))) == 0) {
            len = sizeof(last_chunk);
        } else {
            *out_len = at;
            return true;
        }
        if (len > left) {
            return false;
        }
        at += len;
    }
    *out_len = at;
    return at > ICAP_STRAY_MAX;
}

/* Looks for the blank line from `*seen` on; false when it is not there yet. */
static bool icap_find_end(struct slice bytes, size_t *seen, size_t *out_len)
{
    size_t at = *seen;

    while (at < bytes.len) {
        const uint8_t *const hit = field_find_lf(bytes.ptr + at, bytes.ptr + bytes.len);

        if (!hit) {
            break;
        }
        at = (size_t)(hit - bytes.ptr) + 1;
        const size_t left = bytes.len - at;

        if (left > 0 && hit[1] == '\n') {
            *out_len = at + 1;
            return true;
        }
        if (left > 1 && hit[1] == '\r' && hit[2] == '\n') {
            *out_len = at + 2;
            return true;
        }
        if (left == 0 || (left == 1 && hit[1] == '\r')) {
            *seen = at - 1;
            return false;
        }
    }
    *seen = bytes.len;
    return false;
}

/* Takes a word of visible bytes and the blanks behind it; empty when there is none. */
static struct slice icap_take_word(struct slice *rest)
{
    const uint8_t *at = rest->ptr;
    const uint8_t *const end = at + rest->len;

    const uint8_t *const start = at;

    while (at<end && * at> ' ' && *at != 0x7f) {
        at++;
    }
    const struct slice word = slice_from(start, (size_t)(at - start));

    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    *rest = slice_from(at, (size_t)(end - at));
    return word;
}

static enum icap_method icap_method_find(struct slice name)
{
    if (name.len == 6) {
        return memcmp(name.ptr, "REQMOD", 6) == 0 ? ICAP_METHOD_REQMOD : ICAP_METHOD_UNKNOWN;
    }
    if (name.len != 7) {
        return ICAP_METHOD_UNKNOWN;
    }
    if (memcmp(name.ptr, "RESPMOD", 7) == 0) {
        return ICAP_METHOD_RESPMOD;
    }
    if (memcmp(name.ptr, "OPTIONS", 7) == 0) {
        return ICAP_METHOD_OPTIONS;
    }
    return memcmp(name.ptr, "FILEMOD", 7) == 0 ? ICAP_METHOD_FILEMOD : ICAP_METHOD_UNKNOWN;
}

static bool icap_all_digits(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return s.len > 0;
}

/* NAME/x.y is a version, if not always ours; anything else is no request line. */
static enum icap_head_status icap_check_version(struct slice version)
{
    const struct slice ours = SLICE_OF("ICAP/1.0");

    if (slice_equal(version, ours) || slice_equal_nocase(version, ours)) {
        return ICAP_HEAD_OK;
    }
    const struct slice name = slice_split(&version, '/');

    for (size_t i = 0; i < name.len; i++) {
        if ((name.ptr[i] | 0x20) < 'a' || (name.ptr[i] | 0x20) > 'z') {
            return ICAP_HEAD_BAD_LINE;
        }
    }
    const struct slice major = slice_split(&version, '.');

    if (name.len == 0 || !icap_all_digits(major) || !icap_all_digits(version)) {
        return ICAP_HEAD_BAD_LINE;
    }
    return ICAP_HEAD_BAD_VERSION;
}

/* What an authority has shown so far; '@' starts it anew, for all before was the userinfo. */
struct icap_authority {
    bool bad;
    bool in_literal;
    bool after_literal;
    bool in_port;
};

/*
 * Takes [userinfo@]host[:port] from the front, the host a name, an address or an IPv6 literal in
 * brackets; false when it is none. Any host will do: engines stand behind balancers and under many
 * names.
 */
static bool icap_take_authority(struct slice *rest)
{
    struct icap_authority seen = {0};
    size_t host_at = 0;
    size_t at = 0;

    for (; at < rest->len && rest->ptr[at] != '/' && rest->ptr[at] != '?'; at++) {
        const uint8_t c = rest->ptr[at];

        if (field_token[c]) {
            seen.bad |= seen.in_port ? c < '0' || c > '9' : seen.after_literal;
            continue;
        }
        switch (c) {
        case '@':
            seen = (struct icap_authority){0};
            host_at = at + 1;
            break;
        case '[':
            seen.bad |= at != host_at;
            seen.in_literal = true;
            break;
        case ']':
            seen.bad |= !seen.in_literal;
            seen.in_literal = false;
            seen.after_literal = true;
            break;
        case ':':
            seen.bad |= seen.in_port;
            seen.in_port = !seen.in_literal;
            break;
        default:
            seen.bad |= seen.in_port || seen.after_literal;
            break;
        }
    }
    *rest = slice_skip(*rest, at);
    return !seen.bad && !seen.in_literal;
}

/* Length of the scheme at the front; 0 when it is none of ours. */
static size_t icap_scheme_len(struct slice uri)
{
    if (uri.len >= 7 && slice_equal_nocase(slice_from(uri.ptr, 7), SLICE_OF("icap://"))) {
        return 7;
    }
    if (uri.len >= 8 && slice_equal_nocase(slice_from(uri.ptr, 8), SLICE_OF("icaps://"))) {
        return 8;
    }
    return 0;
}

static bool icap_parse_uri(struct slice uri, struct icap_request *out)
{
    if (uri.ptr[0] != '/') {
        const bool usual = uri.len >= 7 && memcmp(uri.ptr, "icap://", 7) == 0;
        const size_t len = usual ? 7 : icap_scheme_len(uri);

        uri = slice_skip(uri, len);
        if (len == 0 || !icap_take_authority(&uri)) {
            return false;
        }
    }
    struct slice path = slice_split(&uri, '?');

    if (path.len > 0) {
        path = slice_skip(path, 1);
    }
    if (path.len > 0 && path.ptr[path.len - 1] == '/') {
        path.len--;
    }
    out->service = path;
    out->query = uri;
    return true;
}

static bool icap_is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!field_token[s.ptr[i]]) {
            return false;
        }
    }
    return s.len > 0;
}

static enum icap_head_status icap_parse_line(struct slice line, struct icap_request *out)
{
    const struct slice method = icap_take_word(&line);

    out->method = icap_method_find(method);
    if (out->method == ICAP_METHOD_UNKNOWN && !icap_is_token(method)) {
        return ICAP_HEAD_BAD_LINE;
    }
    out->method_name = method;
    out->uri = icap_take_word(&line);
    const struct slice version = icap_take_word(&line);

    if (out->uri.len == 0 || version.len == 0 || line.len > 0) {
        return ICAP_HEAD_BAD_LINE;
    }
    const bool good_uri = icap_parse_uri(out->uri, out);
    const enum icap_head_status status = icap_check_version(version);

    return status == ICAP_HEAD_OK && !good_uri ? ICAP_HEAD_BAD_LINE : status;
}

static void icap_read_allow(struct slice list, struct icap_request *out)
{
    struct slice token;

    while (field_list_next(&list, &token)) {
        if (token.len == 3 && memcmp(token.ptr, "204", 3) == 0) {
            out->allow |= ICAP_ALLOW_204;
        } else if (token.len == 3 && memcmp(token.ptr, "206", 3) == 0) {
            out->allow |= ICAP_ALLOW_206;
        } else if (slice_equal_nocase(token, SLICE_OF("trailers"))) {
            out->allow |= ICAP_ALLOW_TRAILERS;
        }
    }
}

static void icap_read_connection(struct slice list, struct icap_request *out)
{
    struct slice token;

    while (field_list_next(&list, &token)) {
        if (slice_equal_nocase(token, SLICE_OF("close"))) {
            out->wants_close = true;
        }
    }
}

static bool icap_read_preview(struct slice value, struct icap_request *out)
{
    uint64_t preview = 0;

    if (!slice_parse_u64(value, &preview) || (out->has_preview && out->preview != preview)) {
        return false;
    }
    out->has_preview = true;
    out->preview = preview;
    return true;
}

/* The first of several stays; false when a later one says something else. */
static bool icap_keep(struct slice value, struct slice *kept)
{
    if (kept->ptr) {
        return slice_equal(value, *kept);
    }
    *kept = value;
    return true;
}

static void icap_read_encapsulated(struct slice value, struct icap_lines *lines)
{
    lines->has_two_encapsulated = lines->has_encapsulated;
    lines->has_encapsulated = true;
    lines->encapsulated = value;
}

static bool icap_read_field_10(struct slice name, struct slice value, struct icap_request *out)
{
    if (FIELD_IS(name, "connection")) {
        icap_read_connection(value, out);
    } else if (FIELD_IS(name, "user-agent")) {
        out->user_agent = value;
    } else if (FIELD_IS(name, "x-filepath")) {
        return icap_keep(value, &out->filepath);
    }
    return true;
}

/* By length, then by name: most lines of most clients are told apart by the length alone. */
static bool icap_read_field(struct slice name, struct slice value, struct icap_lines *lines)
{
    struct icap_request *const out = lines->request;

    switch (name.len) {
    case 4:
        return !FIELD_IS(name, "host") || icap_keep(value, &out->host);
    case 5:
        if (FIELD_IS(name, "allow")) {
            icap_read_allow(value, out);
        }
        return true;
    case 7:
        return !FIELD_IS(name, "preview") || icap_read_preview(value, out);
    case 10:
        return icap_read_field_10(name, value, out);
    case 11:
        if (FIELD_IS(name, "x-client-ip")) {
            out->client_ip = value;
        }
        return true;
    case 12:
        if (FIELD_IS(name, "encapsulated")) {
            icap_read_encapsulated(value, lines);
        }
        return true;
    case 17:
    case 20:
        if ((FIELD_IS(name, "x-client-username") || FIELD_IS(name, "x-authenticated-user")) &&
            out->client_user.len == 0) {
            out->client_user = value;
        }
        return true;
    default:
        return true;
    }
}

static bool icap_read_fields(struct slice rest, struct icap_lines *lines)
{
    struct slice name;
    struct slice value;
    enum field_status status = field_next(&rest, &name, &value);

    while (status == FIELD_OK) {
        if (!icap_read_field(name, value, lines)) {
            return false;
        }
        status = field_next(&rest, &name, &value);
    }
    return status == FIELD_END;
}

static bool icap_section_find(struct slice name, enum icap_section *out)
{
    switch (name.len) {
    case 7:
        *out = FIELD_IS(name, "req-hdr") ? ICAP_SECTION_REQ_HDR : ICAP_SECTION_RES_HDR;
        return *out == ICAP_SECTION_REQ_HDR || FIELD_IS(name, "res-hdr");
    case 8:
        *out = FIELD_IS(name, "res-body")   ? ICAP_SECTION_RES_BODY
               : FIELD_IS(name, "req-body") ? ICAP_SECTION_REQ_BODY
                                            : ICAP_SECTION_OPT_BODY;
        return *out != ICAP_SECTION_OPT_BODY || FIELD_IS(name, "opt-body");
    case 9:
        *out = ICAP_SECTION_NULL_BODY;
        return FIELD_IS(name, "null-body");
    default:
        return false;
    }
}

static const uint8_t *icap_skip_blanks(const uint8_t *at, const uint8_t *end)
{
    while (at < end && field_is_blank(*at)) {
        at++;
    }
    return at;
}

/* Takes `name = offset` and the blanks around each of the three. */
static bool icap_take_section(struct slice *rest, enum icap_section *out_section, uint32_t *out_at)
{
    const uint8_t *const end = rest->ptr + rest->len;
    const uint8_t *at = icap_skip_blanks(rest->ptr, end);
    const uint8_t *const name = at;
    uint64_t offset = 0;

    while (at < end && field_token[*at]) {
        at++;
    }
    if (!icap_section_find(slice_from(name, (size_t)(at - name)), out_section)) {
        return false;
    }
    at = icap_skip_blanks(at, end);
    if (at == end || *at != '=') {
        return false;
    }
    at = icap_skip_blanks(at + 1, end);
    const uint8_t *const digits = at;

    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        offset = offset * 10 + (uint64_t)(*at - '0');
        if (offset > UINT32_MAX) {
            return false;
        }
    }
    if (at == digits) {
        return false;
    }
    at = icap_skip_blanks(at, end);
    *rest = slice_from(at, (size_t)(end - at));
    *out_at = (uint32_t)offset;
    return true;
}

#define ICAP_BIT(section) (1U << ICAP_SECTION_##section)

/* Which sections a request of each method may name (RFC 3507, section 4.4.1). */
static const unsigned icap_legal[] = {
    [ICAP_METHOD_UNKNOWN] = ICAP_BIT(REQ_HDR) | ICAP_BIT(RES_HDR) | ICAP_BIT(REQ_BODY) |
                            ICAP_BIT(RES_BODY) | ICAP_BIT(OPT_BODY) | ICAP_BIT(NULL_BODY),
    [ICAP_METHOD_OPTIONS] = ICAP_BIT(OPT_BODY) | ICAP_BIT(NULL_BODY),
    [ICAP_METHOD_REQMOD] = ICAP_BIT(REQ_HDR) | ICAP_BIT(REQ_BODY) | ICAP_BIT(NULL_BODY),
    [ICAP_METHOD_RESPMOD] =
        ICAP_BIT(REQ_HDR) | ICAP_BIT(RES_HDR) | ICAP_BIT(RES_BODY) | ICAP_BIT(NULL_BODY),
    [ICAP_METHOD_FILEMOD] = ICAP_BIT(NULL_BODY),
};

/*
 * Enters the section that starts at `at`, the one before it having started at `from`. The length of
 * a head is known when the next section starts; an empty head counts as none and is legal only
 * where nothing follows it.
 */
static bool icap_add_section(struct icap_encapsulated *parts, enum icap_section section,
                             uint32_t from, uint32_t at)
{
    const bool empty_head = at == from && (parts->has_req_hdr || parts->has_res_hdr);

    if (at < from || (empty_head && section != ICAP_SECTION_NULL_BODY)) {
        return false;
    }
    if (parts->has_res_hdr) {
        parts->res_hdr_len = at - from;
    } else if (parts->has_req_hdr) {
        parts->req_hdr_len = at - from;
    }
    switch (section) {
    case ICAP_SECTION_REQ_HDR:
        if (parts->has_req_hdr || parts->has_res_hdr) {
            return false;
        }
        parts->has_req_hdr = true;
        return true;
    case ICAP_SECTION_RES_HDR:
        if (parts->has_res_hdr) {
            return false;
        }
        parts->has_res_hdr = true;
        return true;
    case ICAP_SECTION_REQ_BODY:
    case ICAP_SECTION_RES_BODY:
    case ICAP_SECTION_OPT_BODY:
    case ICAP_SECTION_NULL_BODY:
        break;
    }
    parts->present = true;
    parts->has_body = section != ICAP_SECTION_NULL_BODY;
    parts->body = section;
    parts->heads_len = at;
    return true;
}

static bool icap_parse_encapsulated(struct slice list, enum icap_method method,
                                    struct icap_encapsulated *out)
{
    struct icap_encapsulated parts = {0};
    uint32_t from = 0;

    for (bool first = true; !parts.present; first = false) {
        enum icap_section section;
        uint32_t at;

        if (!first) {
            if (list.len == 0 || list.ptr[0] != ',') {
                return false;
            }
            list = slice_skip(list, 1);
        }
        if (!icap_take_section(&list, &section, &at) || (first && at != 0) ||
            !(icap_legal[method] & (1U << section)) ||
            !icap_add_section(&parts, section, from, at)) {
            return false;
        }
        from = at;
    }
    parts.has_req_hdr = parts.req_hdr_len > 0;
    parts.has_res_hdr = parts.res_hdr_len > 0;
    if (list.len > 0 || ((method == ICAP_METHOD_REQMOD || method == ICAP_METHOD_RESPMOD) &&
                         parts.heads_len == 0 && !parts.has_body)) {
        return false;
    }
    ASSERT(parts.req_hdr_len + parts.res_hdr_len == parts.heads_len);
    *out = parts;
    return true;
}

static enum icap_head_status icap_check_lines(const struct icap_lines *lines)
{
    struct icap_request *const out = lines->request;

    if (out->host.len == 0) {
        return ICAP_HEAD_NO_HOST;
    }
    if (lines->has_two_encapsulated) {
        return ICAP_HEAD_BAD_ENCAPSULATED;
    }
    if (!lines->has_encapsulated) {
        /* An unknown method deserves its 501 rather than a word about a missing line. */
        return out->method == ICAP_METHOD_OPTIONS || out->method == ICAP_METHOD_UNKNOWN
                   ? ICAP_HEAD_OK
                   : ICAP_HEAD_BAD_ENCAPSULATED;
    }
    return icap_parse_encapsulated(lines->encapsulated, out->method, &out->encapsulated)
               ? ICAP_HEAD_OK
               : ICAP_HEAD_BAD_ENCAPSULATED;
}

static enum icap_head_status icap_parse_head(struct slice head, struct icap_request *out)
{
    struct icap_lines lines = {.request = out};
    struct slice line = slice_split(&head, '\n');

    if (line.len > 0 && line.ptr[line.len - 1] == '\r') {
        line.len--;
    }
    const enum icap_head_status status = icap_parse_line(line, out);

    if (status != ICAP_HEAD_OK) {
        return status;
    }
    if (memchr(head.ptr, 0, head.len) || !icap_read_fields(head, &lines)) {
        return ICAP_HEAD_BAD_HEADER;
    }
    return icap_check_lines(&lines);
}

enum icap_head_status icap_head_parse(struct slice bytes, size_t max, size_t *seen,
                                      struct icap_request *out, size_t *out_len)
{
    size_t stray_len = 0;
    size_t len = 0;

    *out = (struct icap_request){.encapsulated.body = ICAP_SECTION_NULL_BODY};
    if (!icap_skip_strays(bytes, &stray_len)) {
        return bytes.len < max ? ICAP_HEAD_MORE : ICAP_HEAD_TOO_LARGE;
    }
    if (stray_len > ICAP_STRAY_MAX) {
        return ICAP_HEAD_BAD_LINE;
    }
    *seen = MAX_OF(*seen, stray_len);
    ASSERT(*seen <= bytes.len);
    if (!icap_find_end(bytes, seen, &len)) {
        return bytes.len < max ? ICAP_HEAD_MORE : ICAP_HEAD_TOO_LARGE;
    }
    if (len > max) {
        return ICAP_HEAD_TOO_LARGE;
    }
    const enum icap_head_status status =
        icap_parse_head(slice_from(bytes.ptr + stray_len, len - stray_len), out);

    if (status == ICAP_HEAD_OK) {
        *out_len = len;
    }
    return status;
}

bool icap_query_find(struct slice query, const char *name, struct slice *out_value)
{
    const struct slice wanted = slice_from_str(name);

    while (query.len > 0) {
        struct slice value = slice_split(&query, '&');

        if (slice_equal_nocase(slice_split(&value, '='), wanted)) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

const char *icap_method_name(enum icap_method method)
{
    switch (method) {
    case ICAP_METHOD_OPTIONS:
        return "OPTIONS";
    case ICAP_METHOD_REQMOD:
        return "REQMOD";
    case ICAP_METHOD_RESPMOD:
        return "RESPMOD";
    case ICAP_METHOD_FILEMOD:
        return "FILEMOD";
    case ICAP_METHOD_UNKNOWN:
        break;
    }
    return "UNKNOWN";
}
