/* SPDX-License-Identifier: MIT */
#include "engine/page.h"

/* Between 100 and 999 bytes with ordinary names, so that the block head has the guide's length. */
static const char page_text[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n"
    "<head><meta charset=\"utf-8\"><title>Access blocked</title></head>\n"
    "<body>\n"
    "<h1>Access blocked</h1>\n"
    "<p>The content of <b>{file}</b> was not delivered because it contains <b>{threat}</b>.</p>\n"
    "<p>If you think that this is a mistake, tell your administrator what stands on this "
    "page.</p>\n"
    "<p><small>{url}<br>{service}</small></p>\n"
    "</body>\n"
    "</html>\n";

struct slice page_builtin(void)
{
    return slice_from(page_text, sizeof(page_text) - 1);
}

static void page_put(struct text *out, struct slice bytes)
{
    bytes.len = MIN_OF(bytes.len, out->cap - out->len);
    text_put_slice(out, bytes);
}

static void page_put_escaped(struct text *out, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        const uint8_t c = bytes.ptr[i];

        if (c == '<') {
            page_put(out, SLICE_OF("&lt;"));
        } else if (c == '>') {
            page_put(out, SLICE_OF("&gt;"));
        } else if (c == '&') {
            page_put(out, SLICE_OF("&amp;"));
        } else if (c == '"') {
            page_put(out, SLICE_OF("&quot;"));
        } else if (c == '\'') {
            page_put(out, SLICE_OF("&#39;"));
        } else {
            page_put(out, slice_from(&bytes.ptr[i], 1));
        }
    }
}

/* True when `at` begins with a place holder, whose length and value are then set. */
static bool page_find_fact(struct slice at, const struct page_facts *facts, size_t *out_len,
                           struct slice *out_value)
{
    const struct {
        struct slice key;
        struct slice value;
    } keys[] = {
        {SLICE_OF("{file}"), facts->file},
        {SLICE_OF("{threat}"), facts->threat},
        {SLICE_OF("{url}"), facts->url},
        {SLICE_OF("{service}"), facts->service},
    };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (at.len >= keys[i].key.len && memcmp(at.ptr, keys[i].key.ptr, keys[i].key.len) == 0) {
            *out_len = keys[i].key.len;
            *out_value = keys[i].value;
            return true;
        }
    }
    return false;
}

void page_write(struct slice page_template, const struct page_facts *facts, struct text *out)
{
    while (page_template.len > 0) {
        const size_t plain = slice_find(page_template, '{');
        struct slice value;
        size_t len;

        page_put(out, slice_from(page_template.ptr, plain));
        page_template = slice_skip(page_template, plain);
        if (page_template.len == 0) {
            return;
        }
        if (page_find_fact(page_template, facts, &len, &value)) {
            page_put_escaped(out, value);
        } else {
            len = 1;
            page_put(out, slice_from(page_template.ptr, 1));
        }
        page_template = slice_skip(page_template, len);
    }
}
