/* SPDX-License-Identifier: MIT */
#include "tools/icap_client.h"

#include "base/text.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct icap_client_target target = {"127.0.0.1:1344", "SYMCScanResp-AV", "scan"};

/* The bytes, flush against a page that must not be touched. */
static uint8_t *place(const char *text, size_t len)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (len + page - 1) / page * page;
    uint8_t *map =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cr_assert_neq(map, MAP_FAILED);
    cr_assert_eq(mprotect(map + room, page, PROT_NONE), 0);
    memcpy(map + room - len, text, len);
    return map + room - len;
}

static enum icap_client_status parse(const char *text, struct icap_client_reply *reply,
                                     size_t *head_len)
{
    size_t seen = 0;

    return icap_client_parse(slice_from(place(text, strlen(text)), strlen(text)), &seen, reply,
                             head_len);
}

static const char full[] = "ICAP/1.0 201 Created\r\n"
                           "ISTag: \"0123456789abcdef0123456789abcdef\"\r\n"
                           "x-violations-found: 2\r\n"
                           "\tinner.exe\r\n"
                           "\tEICAR Test String\r\n"
                           "\t11101\r\n"
                           "\t0\r\n"
                           "\tother.exe\r\n"
                           "\tSecond\r\n"
                           "\t2\r\n"
                           "\t0\r\n"
                           "X-Infection-Found: Type=0; Resolution=0; Threat=EICAR Test String;\r\n"
                           "X-Virus-ID: Some-Other-Name\r\n"
                           "Connection: Close\r\n"
                           "Preview: 1024\r\n"
                           "Max-Connections: 100\r\n"
                           "Methods: RESPMOD, FILEMOD\r\n"
                           "Encapsulated: res-hdr=0, res-body=83\r\n"
                           "\r\n";

static void expect_full(const struct icap_client_reply *reply)
{
    char name[64];
    struct text text = text_over(name, sizeof(name));

    cr_expect_eq(reply->status, 201);
    cr_expect(slice_equal(reply->reason, SLICE_OF("Created")));
    cr_expect(reply->wants_close);
    cr_expect(reply->has_preview);
    cr_expect_eq(reply->preview, 1024);
    cr_expect(reply->has_max_connections);
    cr_expect_eq(reply->max_connections, 100);
    cr_expect(reply->has_encapsulated);
    cr_expect(reply->has_body);
    cr_expect_eq(reply->heads_len, 83);
    cr_expect(icap_client_has_method(reply, SLICE_OF("filemod")));
    cr_expect_not(icap_client_has_method(reply, SLICE_OF("REQMOD")));
    cr_expect(icap_client_is_finding(reply));
    icap_client_put_finding(reply, &text);
    cr_expect(slice_equal(text_slice(&text), SLICE_OF("EICAR Test String")));
}

Test(icap_client, reads_a_reply_at_once)
{
    struct icap_client_reply reply;
    size_t head_len = 0;

    cr_assert_eq(parse(full, &reply, &head_len), ICAP_CLIENT_OK);
    cr_assert_eq(head_len, strlen(full));
    expect_full(&reply);
}

Test(icap_client, reads_a_reply_byte_by_byte)
{
    struct icap_client_reply reply;
    size_t head_len = 0;
    size_t seen = 0;
    uint8_t *bytes = place(full, strlen(full));

    for (size_t len = 0; len < strlen(full); len++) {
        cr_assert_eq(icap_client_parse(slice_from(bytes, len), &seen, &reply, &head_len),
                     ICAP_CLIENT_MORE, "at %zu", len);
    }
    cr_assert_eq(icap_client_parse(slice_from(bytes, strlen(full)), &seen, &reply, &head_len),
                 ICAP_CLIENT_OK);
    expect_full(&reply);
}

Test(icap_client, reads_a_reply_at_each_split)
{
    size_t len = strlen(full);
    uint8_t *bytes = place(full, len);

    for (size_t split = 0; split < len; split++) {
        struct icap_client_reply reply;
        size_t head_len = 0;
        size_t seen = 0;

        cr_assert_eq(icap_client_parse(slice_from(bytes, split), &seen, &reply, &head_len),
                     ICAP_CLIENT_MORE);
        cr_assert_eq(icap_client_parse(slice_from(bytes, len), &seen, &reply, &head_len),
                     ICAP_CLIENT_OK, "split at %zu", split);
        cr_assert_eq(head_len, len);
        expect_full(&reply);
    }
}

Test(icap_client, stops_behind_the_blank_line)
{
    static const struct {
        const char *text;
        size_t head_len;
        unsigned status;
    } rows[] = {
        {"ICAP/1.0 100 Continue\r\n\r\nICAP/1.0 204 x\r\n\r\n", 25, 100},
        {"ICAP/1.0 204 No modifications needed\n\nmore", 38, 204},
        {"ICAP/1.0 204\r\n\r\n", 16, 204},
        {"ICAP/1.0 204 \r\nA: b\r\n\nx", 22, 204},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct icap_client_reply reply;
        size_t head_len = 0;

        cr_expect_eq(parse(rows[i].text, &reply, &head_len), ICAP_CLIENT_OK, "%s", rows[i].text);
        cr_expect_eq(head_len, rows[i].head_len, "%s: %zu", rows[i].text, head_len);
        cr_expect_eq(reply.status, rows[i].status);
        cr_expect_not(icap_client_is_finding(&reply));
        cr_expect_not(reply.has_body);
    }
}

Test(icap_client, refuses_what_is_no_reply)
{
    static const char *const rows[] = {
        "\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "ICAP/1.1 200 OK\r\n\r\n",
        "ICAP/1.0 20 OK\r\n\r\n",
        "ICAP/1.0 2000 OK\r\n\r\n",
        "ICAP/1.0 099 OK\r\n\r\n",
        "ICAP/1.0 -20 OK\r\n\r\n",
        "ICAP/1.0  200 OK\r\n\r\n",
        "ICAP/1.0\r\n\r\n",
        "ICAP/1.0 200 OK\r\nno colon here\r\n\r\n",
        "ICAP/1.0 200 OK\r\n folded: nothing\r\n\r\n",
        "ICAP/1.0 200 OK\r\n: empty\r\n\r\n",
        "ICAP/1.0 200 OK\r\nPreview: lots\r\n\r\n",
        "ICAP/1.0 200 OK\r\nPreview: 99999999999999999999\r\n\r\n",
        "ICAP/1.0 200 OK\r\nEncapsulated: \r\n\r\n",
        "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0\r\n\r\n",
        "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=10, res-body=9\r\n\r\n",
        "ICAP/1.0 200 OK\r\nEncapsulated: res-body=0, res-hdr=10\r\n\r\n",
        "ICAP/1.0 200 OK\r\nEncapsulated: null-body=0, res-body=0\r\n\r\n",
        "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=-1\r\n\r\n",
        "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body\r\n\r\n",
        "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=1048577\r\n\r\n",
        "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=18446744073709551616\r\n\r\n",
        "ICAP/1.0 200 OK\r\nEncapsulated: some-body=0\r\n\r\n",
        "ICAP/1.0 200 OK\r\nEncapsulated: null-body=0\r\nEncapsulated: null-body=0\r\n\r\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct icap_client_reply reply;
        size_t head_len = 0;

        cr_expect_eq(parse(rows[i], &reply, &head_len), ICAP_CLIENT_BAD, "%s", rows[i]);
    }
}

Test(icap_client, a_head_has_a_limit)
{
    char *text = malloc(ICAP_CLIENT_HEAD_MAX);
    struct icap_client_reply reply;
    size_t head_len = 0;
    size_t seen = 0;

    cr_assert_not_null(text);
    memset(text, 'a', ICAP_CLIENT_HEAD_MAX);
    cr_assert_eq(
        icap_client_parse(slice_from(text, ICAP_CLIENT_HEAD_MAX - 1), &seen, &reply, &head_len),
        ICAP_CLIENT_MORE);
    cr_assert_eq(
        icap_client_parse(slice_from(text, ICAP_CLIENT_HEAD_MAX), &seen, &reply, &head_len),
        ICAP_CLIENT_BAD);
    free(text);
}

Test(icap_client, damaged_replies_are_read_or_refused)
{
    size_t len = strlen(full);
    uint8_t *bytes = place(full, len);
    unsigned seed = 1;

    for (unsigned round = 0; round < 200000; round++) {
        struct icap_client_reply reply;
        size_t head_len = 0;
        size_t seen = 0;
        size_t at = 0;
        uint8_t old = 0;
        char name[4096];
        struct text text = text_over(name, sizeof(name));

        seed = seed * 1103515245 + 12345;
        at = (seed >> 8) % len;
        old = bytes[at];
        bytes[at] = (uint8_t)(seed >> 24);
        if (icap_client_parse(slice_from(bytes, len), &seen, &reply, &head_len) == ICAP_CLIENT_OK) {
            cr_assert_leq(head_len, len);
            cr_assert_leq(reply.heads_len, ICAP_CLIENT_HEADS_MAX);
            icap_client_put_finding(&reply, &text);
            for (size_t i = 0; i < text.len; i++) {
                cr_assert_geq((uint8_t)name[i], ' ');
            }
        }
        bytes[at] = old;
    }
}

Test(icap_client, names_a_finding_from_whichever_header_there_is)
{
    static const struct {
        const char *headers;
        const char *name;
    } rows[] = {
        {"X-Infection-Found: Type=0; Resolution=2; Threat=A B;\r\n", "A B"},
        {"X-Infection-Found: Threat=A\r\n", "A"},
        {"X-Infection-Found: Type=0;\r\nX-Virus-ID: V\r\n", "V"},
        {"X-Virus-ID: V\r\n", "V"},
        {"X-Violations-Found: 1\r\n\tfile\r\n\tName\r\n\t1\r\n\t0\r\n", "Name"},
        {"X-Violations-Found: 1\r\n", "unnamed finding"},
        {"X-Virus-ID: a\tb\x1b[2Jc\r\n", "a?b?[2Jc"},
        {"", "unnamed finding"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct icap_client_reply reply;
        size_t head_len = 0;
        char head[256];
        char name[64];
        struct text text = text_over(name, sizeof(name) - 1);

        snprintf(head, sizeof(head), "ICAP/1.0 403 Forbidden\r\n%s\r\n", rows[i].headers);
        cr_assert_eq(parse(head, &reply, &head_len), ICAP_CLIENT_OK, "%s", head);
        cr_expect(icap_client_is_finding(&reply));
        icap_client_put_finding(&reply, &text);
        name[text.len] = '\0';
        cr_expect_str_eq(name, rows[i].name);
    }
}

static const char *written(const struct text *text)
{
    cr_assert_not(text->overflowed);
    text->ptr[text->len] = '\0';
    return text->ptr;
}

Test(icap_client, escapes_all_but_unreserved_bytes)
{
    char block[1024];
    struct text text = text_over(block, sizeof(block) - 1);

    icap_client_put_escaped(SLICE_OF("aZ09-._~ /?#%\xff\r\n\x01+&"), &text);
    cr_assert_str_eq(written(&text), "aZ09-._~%20%2F%3F%23%25%FF%0D%0A%01%2B%26");
    for (unsigned c = 1; c < 256; c++) {
        uint8_t byte = (uint8_t)c;

        text.len = 0;
        icap_client_put_escaped(slice_from(&byte, 1), &text);
        cr_assert(text.len == 1 || text.len == 3);
        cr_assert_null(strpbrk(written(&text), " /?#\r\n"));
    }
}

Test(icap_client, writes_a_download_whose_offsets_add_up)
{
    struct icap_client_stream stream = {
        .name = SLICE_OF("a b.exe"), .file_len = 123, .has_preview = true, .preview = 4};
    char block[2048];
    struct text text = text_over(block, sizeof(block) - 1);

    icap_client_put_stream(&target, &stream, &text);
    cr_assert_str_eq(written(&text),
                     "RESPMOD icap://127.0.0.1:1344/SYMCScanResp-AV?action=scan ICAP/1.0\r\n"
                     "Host: 127.0.0.1:1344\r\n"
                     "User-Agent: baleen/" BALEEN_VERSION "\r\n"
                     "Allow: 204\r\n"
                     "Preview: 4\r\n"
                     "Encapsulated: req-hdr=0, res-hdr=44, res-body=84\r\n"
                     "\r\n"
                     "GET /a%20b.exe HTTP/1.1\r\nHost: localhost\r\n\r\n"
                     "HTTP/1.1 200 OK\r\nContent-Length: 123\r\n\r\n");
}

Test(icap_client, writes_an_upload_and_the_other_requests)
{
    struct icap_client_stream stream = {.name = SLICE_OF("x"), .is_request = true};
    struct icap_client_target plain = {"[::1]:1", "AVSCAN", ""};
    char block[2048];
    struct text text = text_over(block, sizeof(block) - 1);

    icap_client_put_stream(&plain, &stream, &text);
    cr_assert_str_eq(written(&text), "REQMOD icap://[::1]:1/AVSCAN ICAP/1.0\r\n"
                                     "Host: [::1]:1\r\n"
                                     "User-Agent: baleen/" BALEEN_VERSION "\r\n"
                                     "Allow: 204\r\n"
                                     "Encapsulated: req-hdr=0, req-body=55\r\n"
                                     "\r\n"
                                     "PUT /x HTTP/1.1\r\nHost: localhost\r\n"
                                     "Content-Length: 0\r\n\r\n");
    text.len = 0;
    icap_client_put_options(&plain, &text);
    cr_assert_str_eq(written(&text), "OPTIONS icap://[::1]:1/AVSCAN ICAP/1.0\r\n"
                                     "Host: [::1]:1\r\n"
                                     "User-Agent: baleen/" BALEEN_VERSION "\r\n"
                                     "Encapsulated: null-body=0\r\n\r\n");
    text.len = 0;
    icap_client_put_by_path(&target, SLICE_OF("/srv/a b\xff"), &text);
    cr_assert_str_eq(written(&text),
                     "FILEMOD icap://127.0.0.1:1344/SYMCScanResp-AV?action=scan ICAP/1.0\r\n"
                     "Host: 127.0.0.1:1344\r\n"
                     "User-Agent: baleen/" BALEEN_VERSION "\r\n"
                     "Allow: 204\r\n"
                     "X-Filepath: /srv/a b\xff\r\n"
                     "Encapsulated: null-body=0\r\n\r\n");
}

Test(icap_client, the_longest_name_fits)
{
    char name[255];
    char block[8192];
    struct text text = text_over(block, sizeof(block));
    struct icap_client_stream stream = {.name = {(uint8_t *)name, sizeof(name)},
                                        .file_len = UINT64_MAX};

    memset(name, 0xff, sizeof(name));
    icap_client_put_stream(&target, &stream, &text);
    cr_assert_not(text.overflowed);
}
