/* SPDX-License-Identifier: MIT */
/*
 * fuzz_encapsulated - the first byte picks the method, the rest is the value of the line. What is
 * accepted adds up and is legal for the method.
 */
#include "base/text.h"
#include "net/wire/icap_head.h"
#include "tests/fuzz/fuzz.h"

static void check_parts(const struct icap_request *request)
{
    const struct icap_encapsulated *const parts = &request->encapsulated;

    ASSERT(parts->req_hdr_len <= parts->heads_len);
    ASSERT(parts->res_hdr_len <= parts->heads_len);
    ASSERT(parts->req_hdr_len + parts->res_hdr_len == parts->heads_len);
    ASSERT(parts->has_req_hdr == (parts->req_hdr_len > 0));
    ASSERT(parts->has_res_hdr == (parts->res_hdr_len > 0));
    ASSERT(parts->has_body == (parts->body != ICAP_SECTION_NULL_BODY));
    ASSERT(parts->body >= ICAP_SECTION_REQ_BODY);
    switch (request->method) {
    case ICAP_METHOD_REQMOD:
        ASSERT(!parts->has_res_hdr);
        ASSERT(!parts->has_body || parts->body == ICAP_SECTION_REQ_BODY);
        ASSERT(parts->has_req_hdr || parts->has_body);
        break;
    case ICAP_METHOD_RESPMOD:
        ASSERT(!parts->has_body || parts->body == ICAP_SECTION_RES_BODY);
        ASSERT(parts->heads_len > 0 || parts->has_body);
        break;
    case ICAP_METHOD_OPTIONS:
        ASSERT(parts->heads_len == 0);
        ASSERT(!parts->has_body || parts->body == ICAP_SECTION_OPT_BODY);
        break;
    case ICAP_METHOD_FILEMOD:
        ASSERT(parts->heads_len == 0);
        ASSERT(!parts->has_body);
        break;
    case ICAP_METHOD_UNKNOWN:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const methods[] = {"OPTIONS", "REQMOD", "RESPMOD", "FILEMOD", "FOOMOD"};
    char block[4096];
    struct text text = text_over(block, sizeof(block));
    struct icap_request request;
    size_t seen = 0;
    size_t head_len = 0;

    if (len == 0) {
        return 0;
    }
    text_put_str(&text, methods[data[0] % ARRAY_LEN(methods)]);
    TEXT_PUT(&text, " /s ICAP/1.0\r\nHost: h\r\nEncapsulated: ");
    text_put(&text, data + 1, len - 1);
    TEXT_PUT(&text, "\r\n\r\n");
    if (!text.overflowed && icap_head_parse(text_slice(&text), sizeof(block), &seen, &request,
                                            &head_len) == ICAP_HEAD_OK) {
        ASSERT(head_len <= text.len);
        if (request.encapsulated.present) {
            check_parts(&request);
        }
    }
    return 0;
}
