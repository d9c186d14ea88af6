/* SPDX-License-Identifier: MIT */
#include "bench/load/load_plan.h"

#include "base/assert.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

#define LOAD_HEAD_CAP KIB(12)

/* Enough for a size line, the chunk's end and the last chunk. */
#define LOAD_CHUNK_EXTRA 32

/* What one request is written from. */
struct load_plan_source {
    const struct load_spec *spec;
    size_t index;
    struct slice body;
    const char *type;
    const char *name;
    const char *path; /* FILEMOD. */
};

/* Collects the paths of the bodies that were written to files. */
struct load_plan_paths {
    size_t len;
    char **paths;
    bool failed;
};

/* A file name as a part of a URL. */
static void load_plan_put_name(struct text *text, const char *name)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    for (const char *at = name; *at != '\0'; at++) {
        if (strchr(plain, *at) != NULL) {
            text_put(text, at, 1);
        } else {
            text_printf(text, "%%%02X", (unsigned)(uint8_t)*at);
        }
    }
}

static void load_plan_put_content(struct text *text, const struct load_plan_source *source)
{
    text_printf(text, "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n", source->type,
                source->body.len);
}

/* Writes the HTTP heads; returns where the last one, which an echo gives back, begins. */
static size_t load_plan_put_http(struct text *text, const struct load_plan_source *source)
{
    bool upload = source->spec->method == LOAD_REQMOD;
    text_printf(text, "%s http://files.example/load/%zu/",
                upload && source->body.len > 0 ? "POST" : "GET", source->index);
    load_plan_put_name(text, source->name);
    TEXT_PUT(text, " HTTP/1.1\r\nHost: files.example\r\n"
                   "User-Agent: baleen-bench\r\nAccept: */*\r\n");
    if (upload) {
        if (source->body.len > 0) {
            load_plan_put_content(text, source);
        } else {
            TEXT_PUT(text, "\r\n");
        }
        return 0;
    }
    TEXT_PUT(text, "\r\n");
    size_t at = text->len;
    TEXT_PUT(text, "HTTP/1.1 200 OK\r\nServer: origin\r\n"
                   "Date: Mon, 12 Jan 2026 08:00:00 GMT\r\n");
    load_plan_put_content(text, source);
    return at;
}
static void load_plan_put_icap(struct text *text, const struct load_spec *spec)
{
    text_printf(text, "%s icap%s://%s%s ICAP/1.0\r\nHost: %s\r\nUser-Agent: baleen-bench\r\n",
                spec->method == LOAD_BARE ? "OPTIONS" : load_method_name(spec->method),
                spec->tls ? "s" : "", spec->host, spec->service, spec->host);
    if (spec->close) {
        TEXT_PUT(text, "Connection: close\r\n");
    }
    if (spec->method == LOAD_OPTIONS || spec->method == LOAD_BARE) {
        return;
    }
    if (spec->allow_204 || spec->allow_206) {
        text_printf(text, "Allow: %s\r\n",
                    !spec->allow_206   ? "204"
                    : !spec->allow_204 ? "206"
                                       : "204, 206");
    }
    if (load_spec_has_body(spec) && spec->preview != LOAD_NO_PREVIEW) {
        text_printf(text, "Preview: %lld\r\n", (long long)spec->preview);
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
                               const struct load_spec *spec)
{
    struct slice body = request->body;
    request->preview_len = body.len;
    if (spec->preview != LOAD_NO_PREVIEW) {
        request->preview_len = MIN_OF(body.len, (size_t)spec->preview);
        request->preview = request->preview_len < body.len;
    }
    load_plan_put_chunks(text, slice_from(body.ptr, request->preview_len), spec->chunk_size);
    if (spec->preview != LOAD_NO_PREVIEW && !request->preview) {
        TEXT_PUT(text, "0; ieof\r\n\r\n");
    } else {
        TEXT_PUT(text, "0\r\n\r\n");
    }
    request->first = text_slice(text);
    if (request->preview) {
        load_plan_put_chunks(text, slice_skip(body, request->preview_len), spec->chunk_size);
        TEXT_PUT(text, "0\r\n\r\n");
        request->rest = slice_skip(text_slice(text), request->first.len);
    }
} /* REQMOD and RESPMOD: the heads and the body. */
static void load_plan_put_message(struct load_request *request, struct text *text,
                                  const struct load_plan_source *source)
{
    char heads[LOAD_HEAD_CAP];
    struct text http = text_over(heads, sizeof(heads));
    size_t at = load_plan_put_http(&http, source);
    ASSERT(!http.overflowed);
    const char *kind = source->body.len == 0 ? "null" : at > 0 ? "res" : "req";
    if (at > 0) {
        text_printf(text, "Encapsulated: req-hdr=0, res-hdr=%zu, %s-body=%zu\r\n\r\n", at, kind,
                    http.len);
    } else {
        text_printf(text, "Encapsulated: req-hdr=0, %s-body=%zu\r\n\r\n", kind, http.len);
    }
    text_put(text, http.ptr, http.len);
    request->head = slice_skip(text_slice(text), text->len - (http.len - at));
    if (source->body.len > 0) {
        load_plan_put_body(request, text, source->spec);
    }
}

static void load_plan_rebase(struct slice *part, const uint8_t *from, const uint8_t *to)
{
    if (part->ptr != NULL) {
        part->ptr = to + (part->ptr - from);
    }
}

/* Moves what was written into a block that fits: the room for heads is far more than most need. */
static bool load_plan_settle(struct load_request *request, const uint8_t *block, size_t len)
{
    request->bytes = malloc(len);
    if (request->bytes == NULL) {
        return false;
    }
    memcpy(request->bytes, block, len);
    load_plan_rebase(&request->first, block, request->bytes);
    load_plan_rebase(&request->rest, block, request->bytes);
    load_plan_rebase(&request->head, block, request->bytes);
    return true;
}

/* False when there is no memory. */
static bool load_plan_write(struct load_request *request, const struct load_plan_source *source)
{
    const struct load_spec *spec = source->spec;
    size_t cap = 2 * LOAD_HEAD_CAP + source->body.len +
                 (source->body.len / spec->chunk_size + 4) * LOAD_CHUNK_EXTRA;
    uint8_t *block = malloc(cap);
    if (block == NULL) {
        return false;
    }
    struct text text = text_over(block, cap);
    load_plan_put_icap(&text, spec);
    if (load_spec_has_body(spec)) {
        request->body = source->body;
        load_plan_put_message(request, &text, source);
    } else if (spec->method == LOAD_FILEMOD) {
        text_printf(&text, "X-Filepath: %s\r\nEncapsulated: null-body=0\r\n\r\n", source->path);
    } else {
        TEXT_PUT(&text, "\r\n");
    }
    if (request->first.len == 0) {
        request->first = text_slice(&text);
    }
    ASSERT(!text.overflowed);
    bool good = load_plan_settle(request, block, text.len);
    free(block);
    return good;
}

static void load_plan_take_path(void *owner, size_t index, const char *path)
{
    struct load_plan_paths *paths = owner;
    ASSERT(index < paths->len);
    paths->paths[index] = strdup(path);
    paths->failed |= paths->paths[index] == NULL;
}

/* FILEMOD: where each body lies. */
static bool load_plan_find_paths(struct load_plan *plan, const struct load_spec *spec,
                                 struct load_plan_paths *paths, char *why, size_t why_cap)
{
    paths->len = plan->corpus.items_len;
    paths->paths = calloc(MAX_OF(paths->len, (size_t)1), sizeof(*paths->paths));
    if (paths->paths == NULL) {
        snprintf(why, why_cap, "out of memory");
        return false;
    }
    if (spec->folder != NULL) {
        return load_corpus_write(&plan->corpus, spec->folder, load_plan_take_path, paths, why,
                                 why_cap);
    }
    for (size_t i = 0; i < paths->len; i++) {
        if (plan->corpus.items[i].path == NULL) {
            snprintf(why, why_cap,
                     "FILEMOD asks for files: a folder to write bodies to is needed, "
                     "or a mix of files alone");
            return false;
        }
        load_plan_take_path(paths, i, plan->corpus.items[i].path);
    }
    return true;
}

static void load_plan_drop_paths(struct load_plan_paths *paths)
{
    for (size_t i = 0; i < paths->len; i++) {
        free(paths->paths[i]);
    }
    free(paths->paths);
}

static bool load_plan_write_all(struct load_plan *plan, const struct load_spec *spec,
                                const struct load_plan_paths *paths)
{
    for (size_t i = 0; i < plan->len; i++) {
        const struct load_item *item = &plan->corpus.items[i];
        struct load_plan_source source = {
            .spec = spec,
            .index = i,
            .body = load_spec_has_body(spec) ? item->body : (struct slice){0},
            .type = item->type,
            .name = item->name,
            .path = paths->len > 0 ? paths->paths[i] : "",
        };
        plan->requests[i].body_len = item->body.len;
        plan->requests[i].infected = item->infected;
        if (source.path == NULL || strlen(source.path) >= LOAD_HEAD_CAP ||
            !load_plan_write(&plan->requests[i], &source)) {
            return false;
        }
    }
    return true;
}

/* OPTIONS and BARE have one request and no bodies. */
static bool load_plan_build_bare(struct load_plan *plan, const struct load_spec *spec)
{
    struct load_plan_source source = {.spec = spec};
    return load_plan_write(&plan->requests[0], &source);
}

static bool load_plan_fill(struct load_plan *plan, const struct load_spec *spec, char *why,
                           size_t why_cap)
{
    bool bare = spec->method == LOAD_OPTIONS || spec->method == LOAD_BARE;
    struct load_plan_paths paths = {0};
    if (!bare && !load_corpus_build(&plan->corpus, &spec->corpus, why, why_cap)) {
        return false;
    }
    plan->len = bare ? 1 : plan->corpus.items_len;
    plan->requests = calloc(plan->len, sizeof(*plan->requests));
    bool good = plan->requests != NULL;
    snprintf(why, why_cap, "out of memory");
    if (good && bare) {
        good = load_plan_build_bare(plan, spec);
    } else if (good) {
        good = (spec->method != LOAD_FILEMOD ||
                load_plan_find_paths(plan, spec, &paths, why, why_cap)) &&
               load_plan_write_all(plan, spec, &paths);
        load_plan_drop_paths(&paths);
    }
    return good;
}

bool load_plan_build(struct load_plan *plan, const struct load_spec *spec, char *why,
                     size_t why_cap)
{
    *plan = (struct load_plan){0};
    if (load_plan_fill(plan, spec, why, why_cap)) {
        return true;
    }
    load_plan_free(plan);
    return false;
}

void load_plan_free(struct load_plan *plan)
{
    for (size_t i = 0; plan->requests != NULL && i < plan->len; i++) {
        free(plan->requests[i].bytes);
    }
    free(plan->requests);
    load_corpus_free(&plan->corpus);
    *plan = (struct load_plan){0};
}
