/* SPDX-License-Identifier: MIT */
#include "match/match_private.h"

#include "base/assert.h"

#include <stdlib.h>
#include <sys/mman.h>

/* What one call copies: some 200 microseconds. */
#define WINDOW_SLICE_BYTES MIB(1)

struct match_window {
    uint8_t *base;
    const struct match_body *owner; /* NULL: free. */
    uint64_t copied;
};

/* Reserves the addresses; memory comes when something is written there. */
static struct match_window *window_new(void)
{
    struct match_window *window = calloc(1, sizeof(*window));

    if (!window) {
        return NULL;
    }
    void *base = mmap(NULL, WINDOW_BYTES_MAX, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (base == MAP_FAILED) {
        free(window);
        return NULL;
    }
    window->base = base;
    return window;
}

void window_free(struct match_window *window)
{
    if (window) {
        ASSERT(!window->owner);
        munmap(window->base, WINDOW_BYTES_MAX);
        free(window);
    }
}

/* Copies the next slice. */
static enum window_result window_copy(struct body_job *job, uint64_t len, struct slice *out)
{
    struct match_window *window = job->db->window;
    const uint64_t step = MIN_OF(len - window->copied, WINDOW_SLICE_BYTES);

    if (!peek_copy(&job->peek, window->copied, window->base + window->copied, (size_t)step)) {
        return WINDOW_FAILED;
    }
    window->copied += step;
    if (window->copied < len) {
        return WINDOW_AGAIN;
    }
    *out = slice_from(window->base, (size_t)len);
    return WINDOW_READY;
}

enum window_result window_acquire(struct body_job *job, struct slice *out)
{
    const struct match_body *body = job->body;
    const uint64_t len = MIN_OF(body->fed, WINDOW_BYTES_MAX);
    struct match_db *db = job->db;
    size_t have = 0;

    if (len == 0) {
        *out = SLICE_OF("");
        return WINDOW_READY;
    }
    /* Not the source itself: what the peek has of it would become stale. */
    const uint8_t *ptr = peek_at(&job->peek, 0, &have);

    if (!ptr) {
        job->peek.failed = true;
        return WINDOW_FAILED;
    }
    if (have >= len) {
        *out = slice_from(ptr, (size_t)len);
        return WINDOW_READY;
    }
    if (!db->window) {
        db->window = window_new();
    }
    if (!db->window) {
        job->peek.failed = true;
        return WINDOW_FAILED;
    }
    if (db->window->owner && db->window->owner != body) {
        return WINDOW_AGAIN;
    }
    if (!db->window->owner) {
        db->window->owner = body;
        db->window->copied = 0;
    }
    return window_copy(job, len, out);
}

void window_release(struct match_db *db, const struct match_body *body)
{
    struct match_window *window = db->window;

    if (window && window->owner == body) {
        (void)madvise(window->base, WINDOW_BYTES_MAX, MADV_DONTNEED);
        window->owner = NULL;
    }
}
