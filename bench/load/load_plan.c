/* SPDX-License-Identifier: MIT */
#include "bench/load/load_plan.h"

#include "base/assert.h"
#include "base/text.h"
#include "bench/load/load_args.h"

#include <stdio.h>
#include <stdlib.h>

#define LOAD_HEAD_CAP KIB(4)

/* Enough for a size line, the chunk's end and the last chunk. */
#define LOAD_CHUNK_EXTRA 32

static void *load_plan_alloc(size_t len)
{
    void *block = calloc(1, MAX_OF(len, (size_t)1));
    if (block == NULL) {
        fputs("icap_load: out of memory\n", stderr);
        exit(2);
    }
    return block;
}

/* xorshift64: the same bytes in each run. */
static uint64_t load_plan_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void load_plan_fill_random(uint8_t *body, size_t len, uint64_t seed)
{
    for (size_t done = 0; done < len; done += sizeof(seed)) {
        load_plan_random(&seed);
        memcpy(body + done, &seed, MIN_OF(sizeof(seed), len - done));
    }
}

static void load_plan_fill_text(struct text *text, uint64_t seed, bool html)
{
    static const char *const words[] = {
        "the",   "harbour", "of",    "morning", "ship",  "and",   "whale", "in",
        "water", "to",      "north", "season",  "a",     "log",   "book",  "that",
        "wind",  "master",  "for",   "island",  "was",   "cargo", "line",  "on",
        "coast", "with",    "chart", "crew",    "light", "is",    "storm", "by",
    };
    if (html) {
        text_put_str(text, "<!DOCTYPE html>\n<html><head><title>Log</title></head><body>\n<p>");
    }
    for (size_t line = 0; !text->overflowed; line++) {
        uint64_t bits = load_plan_random(&seed);
        for (unsigned i = 0; i < 12 && !text->overflowed; i++) {
            text_put_str(text, words[(bits >> (i * 5)) & 31]);
            text_put_str(text, i < 11 ? " " : ".\n");
        }
        if (html && line % 8 == 7) {
            TEXT_PUT(text, "</p>\n<p class=\"entry\">");
        }
    }
    memset(text->ptr + text->len, '.', text->cap - text->len);
}

static struct slice load_plan_read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }
    long len = ftell(file);
    rewind(file);
    uint8_t *block = load_plan_alloc((size_t)MAX_OF(len, 0));
    if (len < 0 || fread(block, 1, (size_t)len, file) != (size_t)len) {
        perror(path);
        exit(2);
    }
    fclose(file);
    return slice_from(block, (size_t)len);
}

static struct slice load_plan_body(const struct load_args *args, size_t variant)
{
    if (args->body == LOAD_BODY_FILE) {
        return load_plan_read_file(args->body_path);
    }
    uint8_t *block = load_plan_alloc(args->body_size);
    uint64_t seed = 0x9e3779b97f4a7c15ULL * (variant + 1);
    if (args->body == LOAD_BODY_RANDOM) {
        load_plan_fill_random(block, args->body_size, seed);
    } else {
        struct text text = text_over(block, args->body_size);
        load_plan_fill_text(&text, seed, args->body == LOAD_BODY_HTML);
    }
    return slice_from(block, args->body_size);
}

static const char *load_plan_type(const struct load_args *args)
{
    switch (args->body) {
    case LOAD_BODY_TEXT:
        return "text/plain";
    case LOAD_BODY_HTML:
        return "text/html";
    default:
        return "application/octet-stream";
    }
}

static void load_plan_put_content(struct text *text, const struct load_args *args, size_t body_len)
{
    text_printf(text, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", load_plan_type(args),
                body_len);
}

/* Writes the HTTP heads; returns where the last one, which an echo gives back, begins. */
static size_t load_plan_put_http(struct text *text, const struct load_args *args, size_t variant,
                                 size_t body_len)
{
    text_printf(text,
                "%s http://files.example/load/%zu.bin HTTP/1.1\r\nHost: files.example\r\n"
                "User-Agent: icap_load\r\nAccept: */*\r\n",
                args->method == LOAD_REQMOD && body_len > 0 ? "POST" : "GET", variant);
    if (args->method == LOAD_REQMOD) {
        if (body_len > 0) {
            load_plan_put_content(text, args, body_len);
        } else {
            TEXT_PUT(text, "\r\n");
        }
        return 0;
    }
    TEXT_PUT(text, "\r\n");
    size_t at = text->len;
    TEXT_PUT(text, "HTTP/1.1 200 OK\r\nServer: origin\r\n"
                   "Date: Mon, 12 Jan 2026 08:00:00 GMT\r\n");
    load_plan_put_content(text, args, body_len);
    return at;
}

static void load_plan_put_icap(struct text *text, const struct load_args *args)
{
    text_printf(text, "%s icap://%s%s ICAP/1.0\r\nHost: %s\r\nUser-Agent: icap_load\r\n",
                args->method == LOAD_BARE ? "OPTIONS" : load_method_name(args->method), args->host,
                args->service, args->host);
    if (args->close) {
        TEXT_PUT(text, "Connection: close\r\n");
    }
    if (args->method == LOAD_OPTIONS || args->method == LOAD_BARE) {
        TEXT_PUT(text, "\r\n");
        return;
    }
    if (args->allow_204) {
        TEXT_PUT(text, "Allow: 204\r\n");
    }
    if (args->preview != LOAD_NO_PREVIEW) {
        text_printf(text, "Preview: %lld\r\n", (long long)args->preview);
    }
}

static void load_plan_put_chunks(struct text *text, struct slice body, size_t chunk_size)
{
    while (body.len > 0) {
        size_t len = MIN_OF(body.len, chunk_size);
        text_printf(text, "%zx\r\n", len);
        text_put(text, body.ptr, len);
        TEXT_PUT(text, "\r\n");
        body = slice_skip(body, len);
    }
}

static void load_plan_put_body(struct load_request *request, struct text *text,
                               const struct load_args *args)
{
    struct slice body = request->body;
    size_t first_len = body.len;
    if (args->preview != LOAD_NO_PREVIEW) {
        first_len = MIN_OF(body.len, (size_t)args->preview);
        request->preview = first_len < body.len;
    }
    load_plan_put_chunks(text, slice_from(body.ptr, first_len), args->chunk_size);
    if (args->preview != LOAD_NO_PREVIEW && !request->preview) {
        TEXT_PUT(text, "0; ieof\r\n\r\n");
    } else {
        TEXT_PUT(text, "0\r\n\r\n");
    }
    request->first = text_slice(text);
    if (request->preview) {
        load_plan_put_chunks(text, slice_skip(body, first_len), args->chunk_size);
        TEXT_PUT(text, "0\r\n\r\n");
        request->rest = slice_skip(text_slice(text), request->first.len);
    }
}

static void load_plan_write(struct load_request *request, const struct load_args *args,
                            size_t variant)
{
    bool with_body = args->method == LOAD_RESPMOD || args->method == LOAD_REQMOD;
    request->body = with_body ? load_plan_body(args, variant) : (struct slice){0};
    size_t cap = LOAD_HEAD_CAP + request->body.len +
                 (request->body.len / args->chunk_size + 4) * LOAD_CHUNK_EXTRA;
    struct text text = text_over(load_plan_alloc(cap), cap);
    load_plan_put_icap(&text, args);
    if (!with_body) {
        request->first = text_slice(&text);
        return;
    }
    char heads[LOAD_HEAD_CAP];
    struct text http = text_over(heads, sizeof(heads));
    size_t at = load_plan_put_http(&http, args, variant, request->body.len);
    const char *kind = request->body.len == 0 ? "null" : at > 0 ? "res" : "req";
    text_printf(&text,
                at > 0 ? "Encapsulated: req-hdr=0, res-hdr=%zu, " : "Encapsulated: req-hdr=%zu, ",
                at);
    text_printf(&text, "%s-body=%zu\r\n\r\n", kind, http.len);
    text_put(&text, http.ptr, http.len);
    request->head = slice_skip(text_slice(&text), text.len - (http.len - at));
    if (request->body.len > 0) {
        load_plan_put_body(request, &text, args);
    } else {
        request->first = text_slice(&text);
    }
    ASSERT(!text.overflowed);
    ASSERT(!http.overflowed);
}

void load_plan_build(struct load_plan *plan, const struct load_args *args)
{
    plan->len = args->variants;
    plan->requests = load_plan_alloc(plan->len * sizeof(*plan->requests));
    for (size_t i = 0; i < plan->len; i++) {
        load_plan_write(&plan->requests[i], args, i);
    }
}
