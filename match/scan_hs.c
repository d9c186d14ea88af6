/* SPDX-License-Identifier: MIT */
#include "match/scan_hs.h"

#include "base/assert.h"
#include "base/err.h"

#include <hs/hs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCAN_TEXT_CAP (SCAN_STRING_MAX * 4 + 1)

/* The versions of which it is known what they read of a scratch that they clone. */
#define HS_COPY_VERSION "5.4."
#define HS_SCRATCH_HEAD 512

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

/* Its bytes are read up to their end, which the library counts from before the aligned beginning.
 */
static void *scratch_take(size_t len)
{
    const size_t cap = (len + 2 * (size_t)SCAN_ALIGN - 1) & ~(size_t)(SCAN_ALIGN - 1);
    void *memory = aligned_alloc(SCAN_ALIGN, cap);

    if (memory) {
        memset(memory, 0, cap);
    }
    return memory;
}

/*
 * Once in a process. Asking the processor what it can do takes eight microseconds on a virtual
 * machine, each time.
 */
static bool hs_prepare(void)
{
    static bool prepared;

    if (!prepared) {
        prepared = hs_valid_platform() == HS_SUCCESS &&
                   hs_set_stream_allocator(stream_take, stream_give) == HS_SUCCESS &&
                   hs_set_scratch_allocator(scratch_take, free) == HS_SUCCESS;
    }
    return prepared;
}

int scan_hs_adopt(struct slice part, size_t *out_stream_bytes)
{
    const hs_database_t *database = (const hs_database_t *)(const void *)part.ptr;
    size_t len = 0;

    if (!hs_prepare()) {
        return ERR_NEW(-ENOTSUP);
    }
    if (hs_database_size(database, &len) != HS_SUCCESS || len > part.len ||
        hs_stream_size(database, out_stream_bytes) != HS_SUCCESS) {
        return ERR_NEW(-EBADMSG);
    }
    return 0;
}

/* What making a scratch came to. */
static int scratch_result(hs_error_t error)
{
    if (error == HS_SUCCESS) {
        return 0;
    }
    return error == HS_NOMEM ? ERR_NEW(-ENOMEM) : ERR_NEW(-EBADMSG);
}

int scan_hs_fit_scratch(const struct hs_database *database, struct hs_scratch **scratch)
{
    if (!hs_prepare()) {
        return ERR_NEW(-ENOTSUP);
    }
    return scratch_result(hs_alloc_scratch(database, scratch));
}

struct slice scan_hs_scratch_bytes(const struct hs_scratch *scratch)
{
    size_t len = 0;

    if (!scratch || strncmp(hs_version(), HS_COPY_VERSION, strlen(HS_COPY_VERSION)) != 0 ||
        hs_scratch_size(scratch, &len) != HS_SUCCESS) {
        return slice_from(NULL, 0);
    }
    return slice_from(scratch, len);
}

int scan_hs_copy_scratch(struct slice bytes, struct hs_scratch **out_scratch)
{
    const hs_scratch_t *model = (const hs_scratch_t *)(const void *)bytes.ptr;
    hs_scratch_t *scratch = NULL;
    size_t len = 0;

    if ((uintptr_t)bytes.ptr % SCAN_ALIGN != 0 || bytes.len < HS_SCRATCH_HEAD ||
        hs_scratch_size(model, &len) != HS_SUCCESS || len != bytes.len) {
        return ERR_NEW(-EBADMSG);
    }
    if (!hs_prepare()) {
        return ERR_NEW(-ENOTSUP);
    }
    const int r = scratch_result(hs_clone_scratch(model, &scratch));

    if (r == 0) {
        *out_scratch = scratch;
    }
    return r;
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
