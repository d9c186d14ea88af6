/* SPDX-License-Identifier: MIT */
/* micro_head - reading the heads of requests. */
#include "bench/micro/micro_cases.h"
#include "net/wire/http_head.h"
#include "net/wire/icap_head.h"

#define HEAD_MAX KIB(64)

/* As proxies send them: three methods, with and without a preview, few and many headers. */
static const char *const head_icap[] = {
    "OPTIONS icap://127.0.0.1:1344/SYMCScanResp-AV ICAP/1.0\r\n"
    "Host: 127.0.0.1:1344\r\n"
    "User-Agent: Squid/5.7\r\n"
    "Allow: 206\r\n"
    "\r\n",
    "RESPMOD icap://127.0.0.1:1344/SYMCScanResp-AV ICAP/1.0\r\n"
    "Host: 127.0.0.1:1344\r\n"
    "Date: Fri, 20 Nov 2026 09:24:46 GMT\r\n"
    "Encapsulated: req-hdr=0, res-hdr=412, res-body=811\r\n"
    "Preview: 1024\r\n"
    "Allow: 204, 206, trailers\r\n"
    "X-Client-IP: 192.0.2.17\r\n"
    "X-Authenticated-User: TG9jYWw6Ly9hbGljZQ==\r\n"
    "\r\n",
    "REQMOD icap://scan.example.net/SYMCScanReq-AV?action=scan ICAP/1.0\r\n"
    "Host: scan.example.net\r\n"
    "Allow: 204\r\n"
    "Connection: keep-alive\r\n"
    "Encapsulated: req-hdr=0, req-body=522\r\n"
    "\r\n",
    "RESPMOD icap://[::1]:1344/SYMCScanResp-AV ICAP/1.0\r\n"
    "Host: [::1]:1344\r\n"
    "Preview: 0\r\n"
    "Encapsulated: req-hdr=0, res-hdr=96, null-body=301\r\n"
    "\r\n",
};

static const char *const head_requests[] = {
    "GET http://www.example.com/assets/site-3f9c.js?v=20261120 HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: */*\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: http://www.example.com/news/2026/11/20/index.html\r\n"
    "Cookie: session=5d41402abc4b2a76b9719d911017c592; theme=dark; consent=yes\r\n"
    "Cache-Control: max-age=0\r\n"
    "\r\n",
    "POST /upload.php HTTP/1.1\r\n"
    "Host: files.example.org\r\n"
    "Content-Type: multipart/form-data; boundary=----c0ffee5a5ac0ffee\r\n"
    "Content-Length: 48213\r\n"
    "Content-Encoding: gzip\r\n"
    "\r\n",
    "GET http://a/ HTTP/1.0\r\n\r\n",
};

static const char *const head_responses[] = {
    "HTTP/1.1 200 OK\r\n"
    "Date: Fri, 20 Nov 2026 09:24:46 GMT\r\n"
    "Server: Apache/2.4.62 (Debian)\r\n"
    "Last-Modified: Thu, 19 Nov 2026 17:02:11 GMT\r\n"
    "ETag: \"1c3f-62ab4d1e8f2c0\"\r\n"
    "Accept-Ranges: bytes\r\n"
    "Content-Length: 7231\r\n"
    "Vary: Accept-Encoding\r\n"
    "Cache-Control: public, max-age=31536000, immutable\r\n"
    "Content-Type: application/javascript; charset=utf-8\r\n"
    "\r\n",
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: application/octet-stream\r\n"
    "Content-Disposition: attachment; filename=\"setup.exe\"\r\n"
    "Transfer-Encoding: chunked\r\n"
    "\r\n",
    "HTTP/1.1 304 Not Modified\r\n\r\n",
};

static void *head_open(void)
{
    return NULL;
}

static void head_close(void *ctx)
{
    (void)ctx;
}

static uint64_t head_round_icap(void *ctx)
{
    uint64_t sum = 0;

    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(head_icap); i++) {
        struct icap_request request;
        size_t seen = 0;
        size_t len = 0;

        micro_must(icap_head_parse(slice_from_str(head_icap[i]), HEAD_MAX, &seen, &request, &len) ==
                       ICAP_HEAD_OK,
                   "an ICAP head was refused");
        sum += len + request.preview + request.encapsulated.heads_len;
    }
    return sum;
}

static uint64_t head_round_requests(void *ctx)
{
    uint64_t sum = 0;

    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(head_requests); i++) {
        struct http_request_head head;

        micro_must(http_request_parse(slice_from_str(head_requests[i]), &head),
                   "the head of a request was refused");
        sum += head.target.len + head.host.len + head.content_type.len;
    }
    return sum;
}

static uint64_t head_round_responses(void *ctx)
{
    uint64_t sum = 0;

    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(head_responses); i++) {
        struct http_response_head head;

        micro_must(http_response_parse(slice_from_str(head_responses[i]), &head),
                   "the head of a response was refused");
        sum += head.status + head.content_type.len + head.content_length;
    }
    return sum;
}

const struct micro_case micro_icap_head = {
    .name = "icap-head",
    .what = "an ICAP request's head is read",
    .ops = ARRAY_LEN(head_icap),
    .open = head_open,
    .round = head_round_icap,
    .close = head_close,
};

const struct micro_case micro_http_request = {
    .name = "http-request",
    .what = "the head of an HTTP request is read",
    .ops = ARRAY_LEN(head_requests),
    .open = head_open,
    .round = head_round_requests,
    .close = head_close,
};

const struct micro_case micro_http_response = {
    .name = "http-response",
    .what = "the head of an HTTP response is read",
    .ops = ARRAY_LEN(head_responses),
    .open = head_open,
    .round = head_round_responses,
    .close = head_close,
};
