/* SPDX-License-Identifier: MIT */
/* fuzz_icap_head - a head in one piece and in two says the same, and its slices lie inside it. */
#include "net/wire/icap_head.h"
#include "tests/fuzz/fuzz.h"

#define HEAD_MAX 4096

static void check_inside(struct slice bytes, struct slice part)
{
    if (part.ptr) {
        ASSERT(part.ptr >= bytes.ptr);
        ASSERT(part.len <= bytes.len);
        ASSERT(part.ptr + part.len <= bytes.ptr + bytes.len);
    }
}

static void check_request(struct slice bytes, const struct icap_request *request, size_t head_len)
{
    const struct slice head = slice_from(bytes.ptr, head_len);
    const struct slice parts[] = {
        request->method_name, request->uri,         request->service,
        request->query,       request->host,        request->filepath,
        request->client_ip,   request->client_user, request->user_agent,
    };
    struct slice value;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        check_inside(head, parts[i]);
    }
    ASSERT(head_len <= bytes.len);
    ASSERT(head_len <= HEAD_MAX);
    ASSERT(bytes.ptr[head_len - 1] == '\n');
    ASSERT(request->host.len > 0);
    ASSERT(request->has_preview || request->preview == 0);
    if (icap_query_find(request->query, "action", &value)) {
        check_inside(request->query, value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct icap_request whole;
    struct icap_request parts;
    size_t whole_len = 0;
    size_t parts_len = 0;
    size_t seen = 0;

    if (len == 0) {
        return 0;
    }
    const size_t at = data[0] % len;
    const struct slice bytes = slice_from(data + 1, len - 1);
    const enum icap_head_status status =
        icap_head_parse(bytes, HEAD_MAX, &seen, &whole, &whole_len);

    if (status == ICAP_HEAD_OK) {
        check_request(bytes, &whole, whole_len);
    }
    seen = 0;
    enum icap_head_status again =
        icap_head_parse(slice_from(bytes.ptr, at), HEAD_MAX, &seen, &parts, &parts_len);

    if (again == ICAP_HEAD_MORE) {
        again = icap_head_parse(bytes, HEAD_MAX, &seen, &parts, &parts_len);
    }
    ASSERT(again == status);
    ASSERT(parts_len == whole_len);
    if (status == ICAP_HEAD_OK) {
        ASSERT(parts.method == whole.method);
        ASSERT(parts.service.ptr == whole.service.ptr);
        ASSERT(parts.allow == whole.allow);
        ASSERT(parts.preview == whole.preview);
        ASSERT(parts.encapsulated.heads_len == whole.encapsulated.heads_len);
    }
    return 0;
}
