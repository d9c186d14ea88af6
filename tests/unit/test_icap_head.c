/* SPDX-License-Identifier: MIT */
#include "net/wire/icap_head.h"
#include "tests/unit/guard.h"

#include <criterion/criterion.h>

#include <stdio.h>

#define HEAD_MAX KIB(64)

struct parse {
    enum icap_head_status status;
    struct icap_request request;
    size_t len;
};

static struct parse parse_once(struct slice bytes, size_t *seen)
{
    struct parse parse = {0};

    parse.status = icap_head_parse(bytes, HEAD_MAX, seen, &parse.request, &parse.len);
    return parse;
}

/* Slices of two parses, each given as text, so that they compare across copies. */
static void expect_same(const struct parse *a, const struct parse *b, const char *head)
{
    cr_assert_eq(a->status, b->status, "%s", head);
    cr_assert_eq(a->len, b->len, "%s", head);
    cr_assert_eq(a->request.method, b->request.method, "%s", head);
    cr_assert_eq(a->request.allow, b->request.allow, "%s", head);
    cr_assert_eq(a->request.preview, b->request.preview, "%s", head);
    cr_assert(slice_equal(a->request.service, b->request.service), "%s", head);
    cr_assert(slice_equal(a->request.query, b->request.query), "%s", head);
    cr_assert(slice_equal(a->request.host, b->request.host), "%s", head);
    cr_assert(memcmp(&a->request.encapsulated, &b->request.encapsulated,
                     sizeof(a->request.encapsulated)) == 0,
              "%s", head);
}

/*
 * At once, byte by byte, and at each split point, each time flush against the guard page. Returns
 * the result of the whole, whose slices point into `bytes`.
 */
static struct parse parse_all_ways(struct slice bytes)
{
    struct guard guard = guard_open(bytes.len);
    size_t seen = 0;
    const struct parse whole = parse_once(bytes, &seen);

    seen = 0;
    for (size_t len = 0; len <= bytes.len; len++) {
        const struct parse part = parse_once(guard_put(&guard, slice_from(bytes.ptr, len)), &seen);

        if (part.status != ICAP_HEAD_MORE || len == bytes.len) {
            expect_same(&part, &whole, (const char *)bytes.ptr);
            break;
        }
    }
    for (size_t at = 0; at <= bytes.len; at++) {
        seen = 0;
        struct parse part = parse_once(guard_put(&guard, slice_from(bytes.ptr, at)), &seen);

        if (part.status == ICAP_HEAD_MORE) {
            part = parse_once(guard_put(&guard, bytes), &seen);
        }
        expect_same(&part, &whole, (const char *)bytes.ptr);
    }
    guard_close(&guard);
    return whole;
}

static struct parse parse_str(const char *head)
{
    return parse_all_ways(slice_from_str(head));
}

static void expect_slice(struct slice got, const char *want)
{
    cr_assert(slice_equal(got, slice_from_str(want)), "got '%.*s', want '%s'", (int)got.len,
              (const char *)got.ptr, want);
}

Test(icap_head, reads_the_guides_respmod)
{
    const struct parse parse = parse_str("RESPMOD icap://172.16.11.19:1344/SYMCSCANRESP-AV "
                                         "ICAP/1.0\r\n"
                                         "Host: 172.16.11.19:1344\r\n"
                                         "Connection: close\r\n"
                                         "Encapsulated: req-hdr=0, res-hdr=44, res-body=63\r\n"
                                         "\r\n"
                                         "get / HTTP/1.1\r\nHost:icheck.symantec.com\r\n\r\n");
    const struct icap_request *const request = &parse.request;

    cr_assert_eq(parse.status, ICAP_HEAD_OK);
    cr_assert_eq(request->method, ICAP_METHOD_RESPMOD);
    expect_slice(request->method_name, "RESPMOD");
    expect_slice(request->uri, "icap://172.16.11.19:1344/SYMCSCANRESP-AV");
    expect_slice(request->service, "SYMCSCANRESP-AV");
    expect_slice(request->query, "");
    expect_slice(request->host, "172.16.11.19:1344");
    cr_assert(request->wants_close);
    cr_assert_not(request->has_preview);
    cr_assert(request->encapsulated.present);
    cr_assert(request->encapsulated.has_req_hdr);
    cr_assert(request->encapsulated.has_res_hdr);
    cr_assert(request->encapsulated.has_body);
    cr_assert_eq(request->encapsulated.req_hdr_len, 44);
    cr_assert_eq(request->encapsulated.res_hdr_len, 19);
    cr_assert_eq(request->encapsulated.heads_len, 63);
    cr_assert_eq(request->encapsulated.body, ICAP_SECTION_RES_BODY);
    cr_assert_eq(parse.len, 155);
}

Test(icap_head, reads_the_guides_other_methods)
{
    struct parse parse =
        parse_str("OPTIONS icap://172.16.11.19:1344/SYMCScanResp-AV-DDR ICAP/1.0\r\n"
                  "Host: 172.16.11.19:1344\r\nConnection: close\r\n"
                  "Encapsulated: null-body=0\r\n\r\n");

    cr_assert_eq(parse.status, ICAP_HEAD_OK);
    cr_assert_eq(parse.request.method, ICAP_METHOD_OPTIONS);
    cr_assert_not(parse.request.encapsulated.has_body);

    parse = parse_str("REQMOD icap://172.16.11.19:1344/SYMCScanReq-AV ICAP/1.0\r\n"
                      "Host: 172.16.11.19:1344\r\nConnection: close\r\n"
                      "Encapsulated: req-hdr=0, req-body=129\r\n\r\n");
    cr_assert_eq(parse.status, ICAP_HEAD_OK);
    cr_assert_eq(parse.request.encapsulated.req_hdr_len, 129);
    cr_assert_eq(parse.request.encapsulated.body, ICAP_SECTION_REQ_BODY);

    parse = parse_str("REQMOD icap://172.16.11.19:1344/SYMCSCANREQ-URL ICAP/1.0\r\n"
                      "Host: 172.16.11.19:1344\r\nEncapsulated: req-hdr=0, null-body=113\r\n\r\n");
    cr_assert_eq(parse.status, ICAP_HEAD_OK);
    cr_assert_eq(parse.request.encapsulated.heads_len, 113);
    cr_assert_not(parse.request.encapsulated.has_body);

    parse = parse_str("FILEMOD icap://172.16.11.19:1344/SYMCScanResp-AV ICAP/1.0\r\n"
                      "Host: 172.16.11.19:1344\r\n"
                      "X-Filepath: d:\\vfiles\\test2\\\xc3\xa4 b.exe\r\n"
                      "Connection: close\r\nEncapsulated: null-body=0\r\n\r\n");
    cr_assert_eq(parse.status, ICAP_HEAD_OK);
    cr_assert_eq(parse.request.method, ICAP_METHOD_FILEMOD);
    expect_slice(parse.request.filepath, "d:\\vfiles\\test2\\\xc3\xa4 b.exe");
}

Test(icap_head, reads_what_squid_sends)
{
    struct parse parse = parse_str("OPTIONS icap://127.0.0.1:1344/avscan ICAP/1.0\r\n"
                                   "Host: 127.0.0.1:1344\r\nAllow: 206, trailers\r\n\r\n");

    cr_assert_eq(parse.status, ICAP_HEAD_OK);
    cr_assert_eq(parse.request.allow, ICAP_ALLOW_206 | ICAP_ALLOW_TRAILERS);
    cr_assert_not(parse.request.encapsulated.present);
    cr_assert_not(parse.request.encapsulated.has_body);
    cr_assert_eq(parse.request.encapsulated.body, ICAP_SECTION_NULL_BODY);
    cr_assert_null(parse.request.filepath.ptr);

    parse = parse_str("REQMOD icap://127.0.0.1:1344/avscan?action=scan&x=1 ICAP/1.0\r\n"
                      "Host: 127.0.0.1:1344\r\n"
                      "Date: Mon, 27 Jun 2025 11:50:39 GMT\r\n"
                      "Encapsulated: req-hdr=0, null-body=170\r\n"
                      "Preview: 0\r\n"
                      "Allow: 204, 206, trailers\r\n"
                      "X-Client-IP: 192.168.1.17\r\n"
                      "X-Client-Username: Ym9i\r\n\r\n");
    cr_assert_eq(parse.status, ICAP_HEAD_OK);
    cr_assert_eq(parse.request.allow, ICAP_ALLOW_204 | ICAP_ALLOW_206 | ICAP_ALLOW_TRAILERS);
    cr_assert(parse.request.has_preview);
    cr_assert_eq(parse.request.preview, 0);
    cr_assert_not(parse.request.wants_close);
    expect_slice(parse.request.service, "avscan");
    expect_slice(parse.request.query, "action=scan&x=1");
    expect_slice(parse.request.client_ip, "192.168.1.17");
    expect_slice(parse.request.client_user, "Ym9i");
}

Test(icap_head, reads_what_other_clients_send)
{
    /* The icap plugin of Apache Traffic Server, Nextcloud, toolarium. */
    struct parse parse = parse_str("RESPMOD icap://127.0.0.1/avscan ICAP/1.0\r\nHost: 127.0.0.1\r\n"
                                   "Connection: close\r\n"
                                   "Encapsulated: req-hdr=0, res-hdr=80, res-body=200\r\n\r\n");

    cr_assert_eq(parse.status, ICAP_HEAD_OK);
    cr_assert(parse.request.wants_close);

    parse = parse_str("REQMOD icap://scan.example/avscan ICAP/1.0\r\nHost: scan.example\r\n"
                      "X-Client-IP: ::1\r\nAllow: 204\r\nTransfer-Encoding: chunked\r\n"
                      "User-Agent: Nextcloud\r\nConnection: close\r\n"
                      "Encapsulated: req-hdr=0, req-body=65\r\n\r\n");
    cr_assert_eq(parse.status, ICAP_HEAD_OK);
    expect_slice(parse.request.user_agent, "Nextcloud");

    parse = parse_str("RESPMOD icap://[::1]:1344/x ICAP/1.0\r\nHost: a\r\nConnection:  close\r\n"
                      "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"
                      "X-Authenticated-User: TG9jYWw6Ly9ib2I=\r\n"
                      "Encapsulated: res-hdr=0, res-body=9\r\n\r\n");
    cr_assert_eq(parse.status, ICAP_HEAD_OK);
    cr_assert(parse.request.wants_close);
    expect_slice(parse.request.client_user, "TG9jYWw6Ly9ib2I=");
}

Test(icap_head, folds_bare_line_feeds_and_strays_are_read)
{
    static const char *const heads[] = {
        "REQMOD /svc ICAP/1.0\nHOST: h\nEncapsulated:\treq-hdr = 0 ,\n\tREQ-body\t=\t7\n"
        "PREVIEW:\n 12\nAllow: 204,\n 206\nallow : foo, TRAILERS\nconnection: x,\n Close\n\n",
        "\r\n\r\nREQMOD  \t/svc   ICAP/1.0  \r\nhost:h\r\nEncapsulated:req-hdr=0,\r\n "
        "req-body=7\r\n"
        "Preview: 12\r\nPreview: 12\r\nAllow: 204\r\nAllow: 206\r\nAllow: trailers\r\n"
        "Connection: keep-alive\r\nConnection: close\r\n\r\n",
        "0\r\n\r\n\nREQMOD /svc/ icap/1.0\r\nHost: h\r\n \r\nEncapsulated: req-hdr=00, req-body=007"
        "\r\n\r\nPreview: 0012\r\n\r\n",
    };
    struct parse parse = parse_str(heads[0]);

    for (size_t i = 0; i < 2; i++) {
        parse = parse_str(heads[i]);
        cr_assert_eq(parse.status, ICAP_HEAD_OK, "%s", heads[i]);
        cr_assert_eq(parse.len, strlen(heads[i]));
        cr_assert_eq(parse.request.allow, 7U);
        cr_assert(parse.request.wants_close);
        cr_assert(parse.request.has_preview);
        cr_assert_eq(parse.request.preview, 12);
        expect_slice(parse.request.host, "h");
        expect_slice(parse.request.service, "svc");
        cr_assert_eq(parse.request.encapsulated.heads_len, 7);
    }
    parse = parse_str(heads[2]);
    cr_assert_eq(parse.status, ICAP_HEAD_OK);
    cr_assert_not(parse.request.has_preview);
    expect_slice(parse.request.service, "svc");
    expect_slice(parse.request.host, "h");
}

Test(icap_head, uris)
{
    static const struct {
        const char *uri;
        const char *service;
        const char *query;
    } rows[] = {
        {"icap://h/s", "s", ""},
        {"ICAP://H:1344/S?a=b", "S", "a=b"},
        {"icaps://h:11344/s", "s", ""},
        {"iCaPs://user:p:w@h:1/a/b/?", "a/b", ""},
        {"icap://u@v@[fe80::1]:1344/s", "s", ""},
        {"icap://[::1]/s", "s", ""},
        {"icap://h", "", ""},
        {"icap://h/", "", ""},
        {"icap://h:/s", "s", ""},
        {"icap://h?x=1", "", "x=1"},
        {"icap:///s", "s", ""},
        {"/s", "s", ""},
        {"/", "", ""},
        {"//s//", "/s/", ""},
        {"/s?icap://x/y?z", "s", "icap://x/y?z"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char head[256];

        (void)snprintf(head, sizeof(head), "OPTIONS %s ICAP/1.0\r\nHost: h\r\n\r\n", rows[i].uri);
        const struct parse parse = parse_str(head);

        cr_assert_eq(parse.status, ICAP_HEAD_OK, "%s", head);
        expect_slice(parse.request.uri, rows[i].uri);
        expect_slice(parse.request.service, rows[i].service);
        expect_slice(parse.request.query, rows[i].query);
    }
}

Test(icap_head, bad_request_lines)
{
    static const struct {
        const char *line;
        enum icap_head_status status;
    } rows[] = {
        {"OPTIONS /s ICAP/2.0", ICAP_HEAD_BAD_VERSION},
        {"OPTIONS /s ICAP/1.1", ICAP_HEAD_BAD_VERSION},
        {"OPTIONS /s ICAP/10.0", ICAP_HEAD_BAD_VERSION},
        {"GET / HTTP/1.1", ICAP_HEAD_BAD_VERSION},
        {"GET http://a/b HTTP/1.1", ICAP_HEAD_BAD_VERSION},
        {"OPTIONS /s ICAP/1", ICAP_HEAD_BAD_LINE},
        {"OPTIONS /s ICAP/1.", ICAP_HEAD_BAD_LINE},
        {"OPTIONS /s ICAP/.0", ICAP_HEAD_BAD_LINE},
        {"OPTIONS /s ICAP/1.0x", ICAP_HEAD_BAD_LINE},
        {"OPTIONS /s /1.0", ICAP_HEAD_BAD_LINE},
        {"OPTIONS /s garbage", ICAP_HEAD_BAD_LINE},
        {"OPTIONS /s", ICAP_HEAD_BAD_LINE},
        {"OPTIONS", ICAP_HEAD_BAD_LINE},
        {"OPTIONS ICAP/1.0", ICAP_HEAD_BAD_LINE},
        {" ", ICAP_HEAD_BAD_LINE},
        {"OPTIONS /s t ICAP/1.0", ICAP_HEAD_BAD_LINE},
        {"OPT(IONS /s ICAP/1.0", ICAP_HEAD_BAD_LINE},
        {"OPTIONS /s\x01 ICAP/1.0", ICAP_HEAD_BAD_LINE},
        {"OPTIONS /s\r ICAP/1.0", ICAP_HEAD_BAD_LINE},
        {"\rOPTIONS /s ICAP/1.0", ICAP_HEAD_BAD_LINE},
        {"OPTIONS s ICAP/1.0", ICAP_HEAD_BAD_LINE},
        {"OPTIONS http://h/s ICAP/1.0", ICAP_HEAD_BAD_LINE},
        {"OPTIONS icap:/h/s ICAP/1.0", ICAP_HEAD_BAD_LINE},
        {"OPTIONS icap://h:x/s ICAP/1.0", ICAP_HEAD_BAD_LINE},
        {"OPTIONS icap://h:1:2/s ICAP/1.0", ICAP_HEAD_BAD_LINE},
        {"OPTIONS icap://[::1/s ICAP/1.0", ICAP_HEAD_BAD_LINE},
        {"OPTIONS icap://[::1]x/s ICAP/1.0", ICAP_HEAD_BAD_LINE},
        {"OPTIONS icap://x[::1]/s ICAP/1.0", ICAP_HEAD_BAD_LINE},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char head[256];

        (void)snprintf(head, sizeof(head), "%s\r\nHost: h\r\n\r\n", rows[i].line);
        cr_assert_eq(parse_str(head).status, rows[i].status, "%s", head);
    }
    const struct parse parse = parse_str("REQMOD /s ICAP/2.0\r\n\r\n");

    cr_assert_eq(parse.request.method, ICAP_METHOD_REQMOD);
    expect_slice(parse.request.service, "s");
}

Test(icap_head, bad_header_lines)
{
    static const struct {
        const char *lines;
        enum icap_head_status status;
    } rows[] = {
        {"Host: h\r\nno colon here\r\n", ICAP_HEAD_BAD_HEADER},
        {"Host: h\r\nNocolon\r\n", ICAP_HEAD_BAD_HEADER},
        {"Host: h\r\n: empty\r\n", ICAP_HEAD_BAD_HEADER},
        {"Host: h\r\nA(B: c\r\n", ICAP_HEAD_BAD_HEADER},
        {" Host: h\r\n", ICAP_HEAD_BAD_HEADER},
        {"\rHost: h\r\n", ICAP_HEAD_BAD_HEADER},
        {"Host: h\r\nHost: g\r\n", ICAP_HEAD_BAD_HEADER},
        {"Host: h\r\nX-Filepath: /a\r\nX-Filepath: /b\r\n", ICAP_HEAD_BAD_HEADER},
        {"Host: h\r\nPreview:\r\n", ICAP_HEAD_BAD_HEADER},
        {"Host: h\r\nPreview: -1\r\n", ICAP_HEAD_BAD_HEADER},
        {"Host: h\r\nPreview: +1\r\n", ICAP_HEAD_BAD_HEADER},
        {"Host: h\r\nPreview: 0x10\r\n", ICAP_HEAD_BAD_HEADER},
        {"Host: h\r\nPreview: 1 2\r\n", ICAP_HEAD_BAD_HEADER},
        {"Host: h\r\nPreview: 18446744073709551616\r\n", ICAP_HEAD_BAD_HEADER},
        {"Host: h\r\nPreview: 1\r\nPreview: 2\r\n", ICAP_HEAD_BAD_HEADER},
        {"", ICAP_HEAD_NO_HOST},
        {"Host:\r\n", ICAP_HEAD_NO_HOST},
        {"X-Host: h\r\n", ICAP_HEAD_NO_HOST},
        {"Hosts: h\r\n", ICAP_HEAD_NO_HOST},
        {"Host: h\r\nPreview: 18446744073709551615\r\n", ICAP_HEAD_OK},
        {"Host: h\r\nHost: h\r\nAllow:\r\nAllow: ,, 2 04, 2044\r\n", ICAP_HEAD_OK},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char head[256];

        (void)snprintf(head, sizeof(head), "OPTIONS /s ICAP/1.0\r\n%s\r\n", rows[i].lines);
        cr_assert_eq(parse_str(head).status, rows[i].status, "%s", head);
    }
    static const char nul[] = "OPTIONS /s ICAP/1.0\r\nHost: h\r\nX: a\0b\r\n\r\n";

    cr_assert_eq(parse_all_ways(slice_from(nul, sizeof(nul) - 1)).status, ICAP_HEAD_BAD_HEADER);
}

struct encapsulated_row {
    const char *method;
    const char *value;
    bool good;
    uint32_t req_hdr_len;
    uint32_t res_hdr_len;
    enum icap_section body;
};

static const struct encapsulated_row encapsulated_rows[] = {
    {"REQMOD", "req-hdr=0, req-body=412", true, 412, 0, ICAP_SECTION_REQ_BODY},
    {"REQMOD", "req-hdr=0, null-body=412", true, 412, 0, ICAP_SECTION_NULL_BODY},
    {"REQMOD", "req-body=0", true, 0, 0, ICAP_SECTION_REQ_BODY},
    {"RESPMOD", "req-hdr=0, res-hdr=822, res-body=1655", true, 822, 833, ICAP_SECTION_RES_BODY},
    {"RESPMOD", "res-hdr=0, res-body=749", true, 0, 749, ICAP_SECTION_RES_BODY},
    {"RESPMOD", "req-hdr=0, res-body=9", true, 9, 0, ICAP_SECTION_RES_BODY},
    {"RESPMOD", "res-body=0", true, 0, 0, ICAP_SECTION_RES_BODY},
    {"RESPMOD", "req-hdr=0, res-hdr=45, null-body=100", true, 45, 55, ICAP_SECTION_NULL_BODY},
    {"RESPMOD", "req-hdr=0, res-hdr=45, null-body=45", true, 45, 0, ICAP_SECTION_NULL_BODY},
    {"RESPMOD", "  RES-HDR =\t0 ,Null-Body= 7 ", true, 0, 7, ICAP_SECTION_NULL_BODY},
    {"RESPMOD", "res-hdr=0, res-body=4294967295", true, 0, UINT32_MAX, ICAP_SECTION_RES_BODY},
    {"OPTIONS", "null-body=0", true, 0, 0, ICAP_SECTION_NULL_BODY},
    {"OPTIONS", "opt-body=0", true, 0, 0, ICAP_SECTION_OPT_BODY},
    {"FILEMOD", "null-body=0", true, 0, 0, ICAP_SECTION_NULL_BODY},
    {"FOOMOD", "req-hdr=0, res-hdr=1, opt-body=3", true, 1, 2, ICAP_SECTION_OPT_BODY},
    {"FOOMOD", "null-body=0", true, 0, 0, ICAP_SECTION_NULL_BODY},
    {.method = "RESPMOD", .value = "res-hdr=0, res-body=50, req-hdr=80"},
    {.method = "RESPMOD", .value = "res-hdr=0, req-hdr=50, res-body=80"},
    {.method = "RESPMOD", .value = "req-hdr=0, res-hdr=50, req-body=80"},
    {.method = "RESPMOD", .value = "req-hdr=0, req-hdr=50, res-body=80"},
    {.method = "RESPMOD", .value = "req-hdr=0, res-hdr=50, res-body=40"},
    {.method = "RESPMOD", .value = "req-hdr=0, res-hdr=0, res-body=40"},
    {.method = "RESPMOD", .value = "res-hdr=0, res-body=0"},
    {.method = "RESPMOD", .value = "res-hdr=0, null-body=0"},
    {.method = "RESPMOD", .value = "res-hdr=1, res-body=9"},
    {.method = "RESPMOD", .value = "res-hdr=0"},
    {.method = "RESPMOD", .value = "res-hdr=0,"},
    {.method = "RESPMOD", .value = "res-hdr=0, res-body=9,"},
    {.method = "RESPMOD", .value = "res-hdr=0,, res-body=9"},
    {.method = "RESPMOD", .value = "res-hdr=0 res-body=9"},
    {.method = "RESPMOD", .value = "res-hdr=0; res-body=9"},
    {.method = "RESPMOD", .value = "res-hdr=0, res-body=9, null-body=9"},
    {.method = "RESPMOD", .value = "res-hdr=0, res-body=-9"},
    {.method = "RESPMOD", .value = "res-hdr=0, res-body=0x9"},
    {.method = "RESPMOD", .value = "res-hdr=0, res-body=4294967296"},
    {.method = "RESPMOD", .value = "res-hdr=0, res-body=18446744073709551617"},
    {.method = "RESPMOD", .value = "res-hdr=0, res-body="},
    {.method = "RESPMOD", .value = "res-hdr=0, res-body"},
    {.method = "RESPMOD", .value = "res-hdr=0, set-body=9"},
    {.method = "RESPMOD", .value = "res-hdr=0, opt-body=9"},
    {.method = "RESPMOD", .value = "res-hdr"},
    {.method = "RESPMOD", .value = "=0"},
    {.method = "RESPMOD", .value = ""},
    {.method = "RESPMOD", .value = "null-body=0"},
    {.method = "RESPMOD", .value = "reg-hdr=0, res-hdr=52, res-body=71"},
    {.method = "REQMOD", .value = "null-body=0"},
    {.method = "REQMOD", .value = "req-hdr=0, null-body=0"},
    {.method = "REQMOD", .value = "res-hdr=0, req-body=5"},
    {.method = "REQMOD", .value = "req-hdr=0, res-body=5"},
    {.method = "OPTIONS", .value = "req-hdr=0, null-body=5"},
    {.method = "OPTIONS", .value = "null-body=5"},
    {.method = "FILEMOD", .value = "req-hdr=0, null-body=5"},
    {.method = "FILEMOD", .value = "null-body=1"},
    {.method = "FILEMOD", .value = "req-body=0"},
    {.method = "FOOMOD", .value = "res-hdr=0, req-hdr=5, null-body=9"},
};

Test(icap_head, encapsulated_by_method)
{
    for (size_t i = 0; i < ARRAY_LEN(encapsulated_rows); i++) {
        const struct encapsulated_row *const row = &encapsulated_rows[i];
        char head[256];

        (void)snprintf(head, sizeof(head), "%s /s ICAP/1.0\r\nHost: h\r\nEncapsulated: %s\r\n\r\n",
                       row->method, row->value);
        const struct parse parse = parse_str(head);
        const struct icap_encapsulated *const got = &parse.request.encapsulated;

        cr_assert_eq(parse.status, row->good ? ICAP_HEAD_OK : ICAP_HEAD_BAD_ENCAPSULATED, "%s",
                     head);
        cr_assert_eq(got->present, row->good, "%s", head);
        if (row->good) {
            cr_assert_eq(got->req_hdr_len, row->req_hdr_len, "%s", head);
            cr_assert_eq(got->res_hdr_len, row->res_hdr_len, "%s", head);
            cr_assert_eq(got->heads_len, row->req_hdr_len + row->res_hdr_len, "%s", head);
            cr_assert_eq(got->has_req_hdr, row->req_hdr_len > 0, "%s", head);
            cr_assert_eq(got->has_res_hdr, row->res_hdr_len > 0, "%s", head);
            cr_assert_eq(got->body, row->body, "%s", head);
            cr_assert_eq(got->has_body, row->body != ICAP_SECTION_NULL_BODY, "%s", head);
        }
    }
}

Test(icap_head, encapsulated_is_needed_once)
{
    static const struct {
        const char *head;
        enum icap_head_status status;
    } rows[] = {
        {"REQMOD /s ICAP/1.0\r\nHost: h\r\n\r\n", ICAP_HEAD_BAD_ENCAPSULATED},
        {"RESPMOD /s ICAP/1.0\r\nHost: h\r\n\r\n", ICAP_HEAD_BAD_ENCAPSULATED},
        {"FILEMOD /s ICAP/1.0\r\nHost: h\r\n\r\n", ICAP_HEAD_BAD_ENCAPSULATED},
        {"FOOMOD /s ICAP/1.0\r\nHost: h\r\n\r\n", ICAP_HEAD_OK},
        {"options /s ICAP/1.0\r\nHost: h\r\n\r\n", ICAP_HEAD_OK},
        {"REQMOD /s ICAP/1.0\r\nHost: h\r\nEncapsulated: req-body=0\r\n"
         "Encapsulated: req-body=0\r\n\r\n",
         ICAP_HEAD_BAD_ENCAPSULATED},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_assert_eq(parse_str(rows[i].head).status, rows[i].status, "%s", rows[i].head);
    }
    cr_assert_eq(parse_str(rows[4].head).request.method, ICAP_METHOD_UNKNOWN);
}

Test(icap_head, the_limit_counts_the_blank_line)
{
    const struct slice head = SLICE_OF("OPTIONS /s ICAP/1.0\r\nHost: h\r\n\r\n");
    struct icap_request request;
    size_t len = 0;

    for (size_t max = 1; max <= head.len + 1; max++) {
        size_t seen = 0;

        cr_assert_eq(icap_head_parse(head, max, &seen, &request, &len),
                     max < head.len ? ICAP_HEAD_TOO_LARGE : ICAP_HEAD_OK);
        seen = 0;
        for (size_t at = 0; at < MIN_OF(max, head.len); at++) {
            cr_assert_eq(icap_head_parse(slice_from(head.ptr, at), max, &seen, &request, &len),
                         ICAP_HEAD_MORE);
        }
    }
}

Test(icap_head, endless_heads_and_strays_end)
{
    static uint8_t bytes[HEAD_MAX + 1];
    struct icap_request request;
    size_t seen = 0;
    size_t len = 0;

    memset(bytes, 'A', sizeof(bytes));
    for (size_t at = 0; at < HEAD_MAX; at += 1000) {
        cr_assert_eq(icap_head_parse(slice_from(bytes, at), HEAD_MAX, &seen, &request, &len),
                     ICAP_HEAD_MORE);
        cr_assert_eq(seen, at);
    }
    cr_assert_eq(icap_head_parse(slice_from(bytes, HEAD_MAX), HEAD_MAX, &seen, &request, &len),
                 ICAP_HEAD_TOO_LARGE);

    memset(bytes, '\n', sizeof(bytes));
    seen = 0;
    cr_assert_eq(icap_head_parse(slice_from(bytes, 60), HEAD_MAX, &seen, &request, &len),
                 ICAP_HEAD_MORE);
    cr_assert_eq(icap_head_parse(slice_from(bytes, 70), HEAD_MAX, &seen, &request, &len),
                 ICAP_HEAD_BAD_LINE);
}

Test(icap_head, the_second_of_two_requests_stays_untouched)
{
    const struct slice both = SLICE_OF("OPTIONS /a ICAP/1.0\r\nHost: h\r\n\r\n"
                                       "OPTIONS /b ICAP/1.0\r\nHost: g\r\n\r\n");
    const struct parse first = parse_all_ways(both);
    const struct parse second = parse_all_ways(slice_skip(both, first.len));

    expect_slice(first.request.service, "a");
    expect_slice(first.request.host, "h");
    expect_slice(second.request.service, "b");
    cr_assert_eq(first.len + second.len, both.len);
}

Test(icap_head, finds_arguments)
{
    struct slice value;

    cr_assert(icap_query_find(SLICE_OF("action=scan&x=1"), "action", &value));
    expect_slice(value, "scan");
    cr_assert(icap_query_find(SLICE_OF("xaction=a&ACTION=b=c&action=d"), "action", &value));
    expect_slice(value, "b=c");
    cr_assert(icap_query_find(SLICE_OF("&action"), "action", &value));
    expect_slice(value, "");
    cr_assert_not(icap_query_find(SLICE_OF(""), "action", &value));
    cr_assert_not(icap_query_find((struct slice){0}, "action", &value));
    cr_assert_not(icap_query_find(SLICE_OF("actions=1&a"), "action", &value));
}

Test(icap_head, names_methods)
{
    cr_assert_str_eq(icap_method_name(ICAP_METHOD_OPTIONS), "OPTIONS");
    cr_assert_str_eq(icap_method_name(ICAP_METHOD_REQMOD), "REQMOD");
    cr_assert_str_eq(icap_method_name(ICAP_METHOD_RESPMOD), "RESPMOD");
    cr_assert_str_eq(icap_method_name(ICAP_METHOD_FILEMOD), "FILEMOD");
    cr_assert_str_eq(icap_method_name(ICAP_METHOD_UNKNOWN), "UNKNOWN");
}
