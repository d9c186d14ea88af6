/* SPDX-License-Identifier: MIT */
#include "match/scan_hs.h"

#include "base/assert.h"
#include "base/err.h"

#include <hs/hs.h>
#include <stdio.h>
#include <stdlib.h>

#define SCAN_TEXT_CAP (SCAN_STRING_MAX * 4 + 1)

/* ---- Compiling ---- */

static hs_platform_info_t hs_platform(void)
{
    hs_platform_info_t platform = {.tune = HS_TUNE_FAMILY_GENERIC};
    hs_platform_info_t host;

    if (hs_populate_platform(&host) == HS_SUCCESS) {
        platform.cpu_features = host.cpu_features & HS_CPU_FEATURES_AVX2;
    }
    return platform;
}

void scan_hs_platform(char out[SCAN_HS_PLATFORM_CAP])
{
    const hs_platform_info_t platform = hs_platform();

    snprintf(out, SCAN_HS_PLATFORM_CAP, "%s/%llx", hs_version(), platform.cpu_features);
}

struct hs_texts {
    char *texts;
    const char **expressions;
    unsigned *flags;
    unsigned *ids;
};

static void hs_texts_free(struct hs_texts *texts)
{
    free(texts->texts);
    free(texts->expressions);
    free(texts->flags);
    free(texts->ids);
}

static int hs_texts_init(struct hs_texts *texts, const struct scan_string *strings, size_t len)
{
    *texts = (struct hs_texts){
        .texts = calloc(len, SCAN_TEXT_CAP),
        .expressions = calloc(len, sizeof(*texts->expressions)),
        .flags = calloc(len, sizeof(*texts->flags)),
        .ids = calloc(len, sizeof(*texts->ids)),
    };
    if (!texts->texts || !texts->expressions || !texts->flags || !texts->ids) {
        return ERR_NEW(-ENOMEM);
    }
    for (size_t i = 0; i < len; i++) {
        char *text = texts->texts + i * SCAN_TEXT_CAP;

        for (size_t k = 0; k < strings[i].len; k++) {
            snprintf(text + k * 4, 5, "\\x%02x", strings[i].bytes[k]);
        }
        texts->expressions[i] = text;
        texts->ids[i] = (unsigned)i;
        texts->flags[i] = HS_FLAG_DOTALL | (strings[i].nocase ? HS_FLAG_CASELESS : 0);
    }
    return 0;
}

int scan_hs_compile(const struct scan_string *strings, size_t len, struct slice *out_bytes,
                    char error[SCAN_ERROR_CAP])
{
    const hs_platform_info_t platform = hs_platform();
    hs_database_t *database = NULL;
    hs_compile_error_t *why = NULL;
    char *bytes = NULL;
    size_t bytes_len = 0;
    struct hs_texts texts;
    int r = hs_texts_init(&texts, strings, len);

    if (r == 0 && hs_compile_multi(texts.expressions, texts.flags, texts.ids, (unsigned)len,
                                   HS_MODE_STREAM, &platform, &database, &why) != HS_SUCCESS) {
        snprintf(error, SCAN_ERROR_CAP, "Hyperscan: %s", why ? why->message : "no memory");
        hs_free_compile_error(why);
        r = ERR_NEW(-EINVAL);
    }
    hs_texts_free(&texts);
    if (r == 0 && hs_serialize_database(database, &bytes, &bytes_len) != HS_SUCCESS) {
        r = ERR_NEW(-ENOMEM);
    }
    hs_free_database(database);
    if (r == 0) {
        *out_bytes = slice_from(bytes, bytes_len);
    }
    return r;
}

int scan_hs_size(struct slice stored, size_t *out_len)
{
    const hs_error_t error =
        hs_serialized_database_size((const char *)stored.ptr, stored.len, out_len);

    return error == HS_SUCCESS ? 0 : ERR_NEW(-EBADMSG);
}

int scan_hs_unfold(struct slice stored, void *place)
{
    ASSERT((uintptr_t)place % SCAN_ALIGN == 0);
    const hs_error_t error =
        hs_deserialize_database_at((const char *)stored.ptr, stored.len, place);

    return error == HS_SUCCESS ? 0 : ERR_NEW(-EBADMSG);
}

/* ---- Running ---- */

/*
 * Hyperscan asks for a stream's memory through one function for the whole process. The caller of
 * hs_open_stream leaves here which memory it means.
 */
static _Thread_local struct {
    void *memory;
    size_t cap;
} stream_place;

static void *stream_take(size_t len)
{
    void *memory = len <= stream_place.cap ? stream_place.memory : NULL;

    stream_place.memory = NULL;
    return memory;
}

static void stream_give(void *memory)
{
    /* It is part of the caller's. */
    (void)memory;
}

int scan_hs_adopt(struct slice part, struct hs_scratch **scratch, size_t *out_stream_bytes)
{
    const hs_database_t *database = (const hs_database_t *)(const void *)part.ptr;
    size_t len = 0;

    if (hs_valid_platform() != HS_SUCCESS ||
        hs_set_stream_allocator(stream_take, stream_give) != HS_SUCCESS) {
        return ERR_NEW(-ENOTSUP);
    }
    if (hs_database_size(database, &len) != HS_SUCCESS || len > part.len) {
        return ERR_NEW(-EBADMSG);
    }
    /* This compares the database's checksum as well. */
    const hs_error_t error = hs_alloc_scratch(database, scratch);

    if (error == HS_NOMEM) {
        return ERR_NEW(-ENOMEM);
    }
    if (error != HS_SUCCESS || hs_stream_size(database, out_stream_bytes) != HS_SUCCESS) {
        return ERR_NEW(-EBADMSG);
    }
    return 0;
}

void scan_hs_free_scratch(struct hs_scratch *scratch)
{
    hs_free_scratch(scratch);
}

struct hs_stream *scan_hs_open(const struct hs_database *database, void *memory, size_t cap)
{
    struct hs_stream *stream = NULL;

    stream_place.memory = memory;
    stream_place.cap = cap;
    const hs_error_t error = hs_open_stream(database, 0, &stream);

    ASSERT(error == HS_SUCCESS);
    return stream;
}

void scan_hs_close(struct hs_stream *stream)
{
    const hs_error_t error = hs_close_stream(stream, NULL, NULL, NULL);

    ASSERT(error == HS_SUCCESS);
}

struct hs_hit {
    scan_hit_fn hit;
    void *ctx;
};

static int on_hs_hit(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                     void *ctx)
{
    const struct hs_hit *hit = ctx;

    (void)from;
    (void)flags;
    return hit->hit(hit->ctx, id, to) ? 0 : 1;
}

bool scan_hs_feed(struct hs_stream *stream, struct hs_scratch *scratch, struct slice bytes,
                  scan_hit_fn hit, void *ctx)
{
    struct hs_hit pass = {hit, ctx};

    ASSERT(bytes.len <= INT32_MAX);
    const hs_error_t error = hs_scan_stream(stream, (const char *)bytes.ptr, (unsigned)bytes.len, 0,
                                            scratch, on_hs_hit, &pass);

    ASSERT(error == HS_SUCCESS || error == HS_SCAN_TERMINATED);
    return error == HS_SUCCESS;
}
