/* SPDX-License-Identifier: MIT */
/* fuzz_http_head - both heads, the URL, the name and the extension of whatever the bytes are. */
#include "base/text.h"
#include "net/wire/http_head.h"
#include "tests/fuzz/fuzz.h"

#define NAME_MAX_LEN 40

static void check_inside(struct slice bytes, struct slice part)
{
    if (part.len > 0) {
        ASSERT(part.ptr >= bytes.ptr);
        ASSERT(part.ptr + part.len <= bytes.ptr + bytes.len);
    }
}

static void check_request(struct slice bytes)
{
    char block[256];
    struct text url = text_over(block, sizeof(block));
    struct text name = text_over(block, sizeof(block));
    struct http_request_head head;

    if (!http_request_parse(bytes, &head)) {
        return;
    }
    ASSERT(head.method.len > 0);
    check_inside(bytes, head.method);
    check_inside(bytes, head.target);
    check_inside(bytes, head.host);
    check_inside(bytes, head.content_type);
    check_inside(bytes, head.content_disposition);
    check_inside(bytes, head.content_encoding);
    check_inside(head.target, http_target_extension(head.target));
    http_url_write(&head, &url);
    ASSERT(url.len > 0);
    ASSERT(!url.overflowed);
    http_file_name_write(head.target, head.content_disposition, NAME_MAX_LEN, &name);
    ASSERT(name.len > 0);
    ASSERT(name.len <= NAME_MAX_LEN);
    for (size_t i = 0; i < name.len; i++) {
        ASSERT((uint8_t)block[i] >= ' ');
        ASSERT(block[i] != '/');
        ASSERT(block[i] != 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct slice bytes = slice_from(data, len);
    struct http_response_head head;

    check_request(bytes);
    if (http_response_parse(bytes, &head)) {
        ASSERT(head.status <= 999);
        check_inside(bytes, head.content_type);
        check_inside(bytes, head.content_disposition);
        check_inside(bytes, head.content_encoding);
        ASSERT(head.has_content_length || head.content_length == 0);
    }
    return 0;
}
