/* SPDX-License-Identifier: MIT */
#include "base/text.h"
#include "net/wire/field.h"
#include "net/wire/http_head.h"
#include "net/wire/reply.h"
#include "tests/unit/guard.h"

#include <criterion/criterion.h>

#include <signal.h>

static void expect_slice(struct slice got, const char *want)
{
    cr_assert(slice_equal(got, slice_from_str(want)), "got '%.*s', want '%s'", (int)got.len,
              (const char *)got.ptr, want);
}

Test(http_head, request_lines)
{
    static const struct {
        const char *head;
        const char *method;
        const char *target;
        const char *host;
    } rows[] = {
        {"POST frere.exe HTTP/1.1\r\nHost:icheck.symantec.com\r\nAccept: text/html\r\n\r\n", "POST",
         "frere.exe", "icheck.symantec.com"},
        {"get / HTTP/1.1\r\nHost: www.cnn.com\r\n\r\n", "get", "/", "www.cnn.com"},
        {"GET / HTTP/1.1\r\n\r\n", "GET", "/", ""},
        {"GET /\n\n", "GET", "/", ""},
        {"GET\r\n\r\n", "GET", "", ""},
        {"PUT  /a\tHTTP/1.0 \nhost :\th:80\n\n", "PUT", "/a", "h:80"},
        {"GET http://a/b?c HTTP/1.1\nHOST: x\nHost: y\n\n", "GET", "http://a/b?c", "x"},
        {"get my file.exe http/1.1\r\nHost:\r\n h\r\n\r\n", "get", "my file.exe", "h"},
        {"GET HTTP/1.1\r\n\r\n", "GET", "", ""},
        /* Two heads in one section. */
        {"POST /a HTTP/1.1\r\nHost: h\r\n\r\nHTTP/1.1 200 OK\r\nHost: g\r\n\r\n", "POST", "/a",
         "h"},
        {"GET /a HTTP/1.1\r\ngarbage\r\n\x01\r\nHost: h\r\n\r\n", "GET", "/a", "h"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct guard guard = guard_open(512);
        struct http_request_head head;
        const struct slice bytes = guard_put(&guard, slice_from_str(rows[i].head));

        cr_assert(http_request_parse(bytes, &head), "%s", rows[i].head);
        expect_slice(head.method, rows[i].method);
        expect_slice(head.target, rows[i].target);
        expect_slice(head.host, rows[i].host);
        guard_close(&guard);
    }
}

Test(http_head, every_cut_head_is_refused_or_read)
{
    static const char head[] =
        "GET http://h/a HTTP/1.1\r\nHost: h\r\nContent-Type: t\r\n x\r\n\r\n";
    struct guard guard = guard_open(sizeof(head));
    struct http_request_head request;
    struct http_response_head response;

    for (size_t len = 0; len < sizeof(head); len++) {
        const struct slice bytes = guard_put(&guard, slice_from(head, len));
        const bool good = len == sizeof(head) - 1;

        cr_assert_eq(http_request_parse(bytes, &request), good, "%zu", len);
        cr_assert_eq(http_response_parse(bytes, &response), good, "%zu", len);
    }
    cr_assert_not(http_request_parse(SLICE_OF("\r\n\r\n"), &request));
    cr_assert_not(http_request_parse(SLICE_OF(" \t\r\n\r\n"), &request));
    cr_assert_not(http_request_parse(SLICE_OF("\n"), &request));
    guard_close(&guard);
}

Test(http_head, fields)
{
    struct http_request_head request;

    cr_assert(
        http_request_parse(SLICE_OF("POST / HTTP/1.1\r\nCONTENT-TYPE: multipart/form-data;\r\n"
                                    "\tboundary=x\r\ncontent-encoding: gzip\r\n"
                                    "Content-Disposition: attachment; filename=a\r\n\r\n"),
                           &request));
    expect_slice(request.content_type, "multipart/form-data;\r\n\tboundary=x");
    expect_slice(request.content_encoding, "gzip");
    expect_slice(request.content_disposition, "attachment; filename=a");
}

Test(http_head, responses)
{
    static const struct {
        const char *head;
        unsigned status;
        bool has_length;
        uint64_t length;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", 200, false, 0},
        {"HTTP/1.0 404\n\n", 404, false, 0},
        {"http/1.1  206 Partial Content\r\nContent-Length: 1\r\n\r\n", 206, true, 1},
        {"HTTP/2 200\r\ncontent-length : 18446744073709551615\r\n\r\n", 200, true, UINT64_MAX},
        {"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", 200, false, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 200, false, 0},
        {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", 200, false, 0},
        {"HTTP/1.1 2000 OK\r\n\r\n", 0, false, 0},
        {"HTTP/1.1 OK\r\n\r\n", 0, false, 0},
        {"HTTP/1.1\r\n\r\n", 0, false, 0},
        /* Response sections that some clients begin with a request line. */
        {"GET http://localhost/ HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 0, true, 5},
        {"POST / HTTP/1.0\r\n\r\n", 0, false, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_response_head head;

        cr_assert(http_response_parse(slice_from_str(rows[i].head), &head), "%s", rows[i].head);
        cr_assert_eq(head.status, rows[i].status, "%s", rows[i].head);
        cr_assert_eq(head.has_content_length, rows[i].has_length, "%s", rows[i].head);
        cr_assert_eq(head.content_length, rows[i].length, "%s", rows[i].head);
    }
}

Test(http_head, urls)
{
    static const struct {
        const char *head;
        const char *url;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "http://h/"},
        {"GET /a?b HTTP/1.1\r\nHost: h:81\r\n\r\n", "http://h:81/a?b"},
        {"GET https://x/a HTTP/1.1\r\nHost: h\r\n\r\n", "https://x/a"},
        {"POST frere.exe HTTP/1.1\r\nHost:h\r\n\r\n", "http://h/frere.exe"},
        {"GET /a?u=http://x HTTP/1.1\r\nHost:h\r\n\r\n", "http://h/a?u=http://x"},
        {"CONNECT x:443 HTTP/1.1\r\nHost: h\r\n\r\n", "http://x:443"},
        {"GET / HTTP/1.1\r\n\r\n", "http:///"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request_head head;
        char block[64];
        struct text out = text_over(block, sizeof(block));

        cr_assert(http_request_parse(slice_from_str(rows[i].head), &head));
        http_url_write(&head, &out);
        expect_slice(text_slice(&out), rows[i].url);

        struct text small = text_over(block, 9);

        http_url_write(&head, &small);
        cr_assert_not(small.overflowed);
        cr_assert_eq(small.len, MIN_OF(strlen(rows[i].url), 9));
        cr_assert(memcmp(block, rows[i].url, small.len) == 0);
    }
}

Test(http_head, file_names)
{
    static const struct {
        const char *target;
        const char *disposition;
        const char *name;
    } rows[] = {
        {"/", "", "index.html"},
        {"", "", "index.html"},
        {"frere.exe", "", "frere.exe"},
        {"/a/b/c.zip?x=/y.z#f", "", "c.zip"},
        {"/a/?x", "", "index.html"},
        {"http://host.com", "", "index.html"},
        {"http://host.com/a.b", "", "a.b"},
        {"http://host.com?x=/c.d", "", "index.html"},
        {"/a%20b%2fc%0a%zz%4", "", "a b_c?%zz%4"},
        {"/%e4%BD%a0", "", "\xe4\xbd\xa0"},
        {"/x", "attachment", "x"},
        {"/x", "attachment; filename=a.txt", "a.txt"},
        {"/x", "attachment ; FileName = \"a; b.txt\" ; size=1", "a; b.txt"},
        {"/x", "inline;filename=\"a\\\"b\\\\c.txt\"", "c.txt"},
        {"/x", "inline;filename=\"a\\\"b.txt\"", "a\"b.txt"},
        {"/x", "inline; filename=\"C:\\dir\\a.exe\"", "a.exe"},
        {"/x", "inline; filename=../../etc/passwd", "passwd"},
        {"/x", "inline; filename=\"a%20b\"", "a%20b"},
        {"/x", "a; filename=plain; filename*=UTF-8'en'%e2%82%ac%20r.txt", "\xe2\x82\xac r.txt"},
        {"/x", "a; filename*=utf-8''a%2Fb; filename=plain", "a_b"},
        {"/x", "a; filename*=ISO-8859-1''%e4.txt", "\xc3\xa4.txt"},
        {"/x", "a; filename*=KOI8-R''%e4.txt; filename=p", "p"},
        {"/x", "a; filename*=UTF-8; filename=p", "p"},
        {"/x", "a; filename*=UTF-8''%0d%0a%7f", "???"},
        {"/x", "a; filename=\"\"", "x"},
        {"/x", "a; filename=", "x"},
        {"/x", "a; filename=\"unclosed.txt", "unclosed.txt"},
        {"/x", "a; filename=\"b\\", "x"},
        {"/x", "a;\r\n\tfilename=f.txt\r\n", "f.txt"},
        {"/x", ";;=;\"", "x"},
        {"/\xe4\xbd", "", "\xe4\xbd"},
        {"/\x80\xff.exe", "", "\x80\xff.exe"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct guard guard = guard_open(256);
        struct guard other = guard_open(256);
        char block[64];
        struct text out = text_over(block, sizeof(block));

        http_file_name_write(guard_put(&guard, slice_from_str(rows[i].target)),
                             guard_put(&other, slice_from_str(rows[i].disposition)), 64, &out);
        expect_slice(text_slice(&out), rows[i].name);
        guard_close(&guard);
        guard_close(&other);
    }
}

Test(http_head, file_names_are_cut_between_characters)
{
    char block[64];

    for (size_t max = 0; max < 8; max++) {
        struct text out = text_over(block, sizeof(block));
        struct text small = text_over(block + 32, max);

        http_file_name_write(SLICE_OF("/a%e4%bd%a0b"), (struct slice){0}, max, &out);
        http_file_name_write(SLICE_OF("/a%e4%bd%a0b"), (struct slice){0}, 64, &small);
        cr_assert_eq(out.len, max < 4 ? MIN_OF(max, 1) : MIN_OF(max, 5), "%zu", max);
        cr_assert_eq(small.len, out.len);
        cr_assert_not(small.overflowed);
    }
    struct text out = text_over(block, sizeof(block));

    http_file_name_write((struct slice){0}, (struct slice){0}, 64, &out);
    expect_slice(text_slice(&out), "index.html");
}

Test(http_head, extensions)
{
    static const char *const rows[][2] = {
        {"/a.gif", "gif"}, {"/a.tar.gz?x.y", "gz"}, {"/a", ""},
        {"/a.b/c", ""},    {"http://h.com", ""},    {"http://h.com/a.GIF#b", "GIF"},
        {"a.", ""},        {".exe", "exe"},         {"", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        expect_slice(http_target_extension(slice_from_str(rows[i][0])), rows[i][1]);
    }
    cr_assert_eq(http_target_extension((struct slice){0}).len, 0);
}

Test(field, walks_lines_and_lists)
{
    struct slice rest = SLICE_OF("A:b\r\nbad line\r\nCc :\t d\n e \r\n\r\nF: g\r\n");
    struct slice name;
    struct slice value;

    cr_assert_eq(field_next(&rest, &name, &value), FIELD_OK);
    expect_slice(name, "A");
    expect_slice(value, "b");
    cr_assert_eq(field_next(&rest, &name, &value), FIELD_NONE);
    cr_assert_eq(field_next(&rest, &name, &value), FIELD_OK);
    expect_slice(name, "Cc");
    expect_slice(value, "d\n e");
    cr_assert_eq(field_next(&rest, &name, &value), FIELD_END);
    cr_assert_eq(rest.len, 8);

    rest = SLICE_OF("a , ,\r\n b");
    cr_assert(field_list_next(&rest, &value));
    expect_slice(value, "a");
    cr_assert(field_list_next(&rest, &value));
    expect_slice(value, "");
    cr_assert(field_list_next(&rest, &value));
    expect_slice(value, "b");
    cr_assert_not(field_list_next(&rest, &value));
}

Test(field, compares_names_without_case)
{
    cr_assert(FIELD_IS(SLICE_OF("HOST"), "host"));
    cr_assert(FIELD_IS(SLICE_OF("Allow"), "allow"));
    cr_assert(FIELD_IS(SLICE_OF("PreVieW"), "preview"));
    cr_assert(FIELD_IS(SLICE_OF("Req-Body"), "req-body"));
    cr_assert(FIELD_IS(SLICE_OF("X-Authenticated-User"), "x-authenticated-user"));
    cr_assert_not(FIELD_IS(SLICE_OF("Hose"), "host"));
    cr_assert_not(FIELD_IS(SLICE_OF("Hosts"), "host"));
    cr_assert_not(FIELD_IS(SLICE_OF("PrevieX"), "preview"));
    cr_assert_not(FIELD_IS(SLICE_OF("Qeq-body"), "req-body"));
    cr_assert_not(FIELD_IS(SLICE_OF("X-Authenticatee-User"), "x-authenticated-user"));
}

Test(reply, status_lines)
{
    static const struct {
        unsigned code;
        const char *line;
    } rows[] = {
        {100, "ICAP/1.0 100 Continue\r\n"},
        {200, "ICAP/1.0 200 OK\r\n"},
        {201, "ICAP/1.0 201 Created\r\n"},
        {204, "ICAP/1.0 204 No modifications needed\r\n"},
        {206, "ICAP/1.0 206 Partial Content\r\n"},
        {400, "ICAP/1.0 400 Bad request\r\n"},
        {403, "ICAP/1.0 403 Forbidden\r\n"},
        {404, "ICAP/1.0 404 Not found\r\n"},
        {405, "ICAP/1.0 405 Method not allowed\r\n"},
        {408, "ICAP/1.0 408 Request timeout\r\n"},
        {500, "ICAP/1.0 500 Internal server error\r\n"},
        {501, "ICAP/1.0 501 Method not implemented\r\n"},
        {502, "ICAP/1.0 502 Bad gateway\r\n"},
        {505, "ICAP/1.0 505 Version not supported\r\n"},
        {506, "ICAP/1.0 506 Server too busy\r\n"},
        {551, "ICAP/1.0 551 Resource unavailable\r\n"},
        {558, "ICAP/1.0 558 Aborted no scanning license\r\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char block[64];
        struct text text = text_over(block, sizeof(block));

        reply_status_line(&text, rows[i].code);
        expect_slice(text_slice(&text), rows[i].line);
    }
    char block[64];
    struct text text = text_over(block, sizeof(block));

    reply_status_line_as(&text, 403, REPLY_FORBIDDEN_FILEMOD);
    expect_slice(text_slice(&text), "ICAP/1.0 403 Forbidden.\r\n");
    cr_assert_null(reply_reason(299));
}

Test(reply, an_unknown_code_is_a_bug, .signal = SIGABRT)
{
    char block[64];
    struct text text = text_over(block, sizeof(block));

    reply_status_line(&text, 299);
}

Test(reply, lines)
{
    char block[512];
    struct text text = text_over(block, sizeof(block));

    reply_put_header(&text, "Service-ID", SLICE_OF("AVSCAN"));
    reply_put_header(&text, "X-A", SLICE_OF("a\r\nSet-Cookie: \x01\tb\x7f\xc3\xa4;"));
    reply_put_header_u64(&text, "Max-Connections", 128);
    reply_put_encapsulated(&text, ICAP_SECTION_RES_HDR, 110, ICAP_SECTION_RES_BODY);
    reply_put_encapsulated(&text, ICAP_SECTION_REQ_HDR, 9, ICAP_SECTION_NULL_BODY);
    reply_put_encapsulated(&text, ICAP_SECTION_NULL_BODY, 0, ICAP_SECTION_OPT_BODY);
    reply_end_head(&text);
    reply_put_chunk_size(&text, 0x20d);
    reply_put_chunk_size(&text, 0);
    expect_slice(text_slice(&text), "Service-ID: AVSCAN\r\n"
                                    "X-A: a__Set-Cookie: __b_\xc3\xa4;\r\n"
                                    "Max-Connections: 128\r\n"
                                    "Encapsulated: res-hdr=0, res-body=110\r\n"
                                    "Encapsulated: req-hdr=0, null-body=9\r\n"
                                    "Encapsulated: opt-body=0\r\n"
                                    "\r\n20d\r\n0\r\n");
    cr_assert_not(text.overflowed);
}

Test(reply, foreign_bytes_are_made_safe)
{
    char block[600];
    uint8_t all[256];
    struct text text = text_over(block, sizeof(block));

    for (size_t i = 0; i < sizeof(all); i++) {
        all[i] = (uint8_t)i;
    }
    TEXT_PUT(&text, "a;\r\n");
    reply_put_safe(&text, slice_from(all, sizeof(all)), true);
    cr_assert_eq(text.len, 4 + sizeof(all));
    cr_assert(memcmp(block, "a;\r\n", 4) == 0);
    for (size_t i = 0; i < sizeof(all); i++) {
        const bool bad = i < 32 || i == 127 || i == ';';

        cr_assert_eq((uint8_t)block[4 + i], bad ? '_' : (uint8_t)i);
    }
    reply_put_safe(&text, (struct slice){0}, true);
    reply_put_safe(&text, slice_from(all, sizeof(all)), false);
    cr_assert_eq(block[260 + ';'], ';');
    reply_put_safe(&text, slice_from(all, sizeof(all)), false);
    cr_assert(text.overflowed);
    cr_assert_eq(text.len, 4 + 2 * sizeof(all));
}
