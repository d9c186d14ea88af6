/* SPDX-License-Identifier: MIT */
#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif
#include "match/md5_lanes.h"

#include "base/assert.h"

#include <openssl/md5.h>
#include <string.h>

/* One message alone is hashed more quickly by OpenSSL. */
#define LANES_WORTH 2

struct lanes {
    struct md5_wide wide;
    struct md5_job *job[MD5_WIDE_MAX]; /* NULL: the lane is free. */
    unsigned width;
    unsigned used;
};

void md5_job_init(struct md5_job *job)
{
    *job = (struct md5_job){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}};
}

void md5_job_end(struct md5_job *job, const uint8_t *rest, uint64_t len,
                 uint8_t room[MD5_TAIL_BYTES])
{
    const size_t rest_len = (size_t)(len % MD5_BLOCK_BYTES);
    const size_t blocks = rest_len + 1 + sizeof(uint64_t) > MD5_BLOCK_BYTES ? 2 : 1;
    const uint64_t bits = len * 8;

    memset(room, 0, MD5_TAIL_BYTES);
    if (rest_len > 0) {
        memcpy(room, rest, rest_len);
    }
    room[rest_len] = 0x80;
    for (unsigned i = 0; i < sizeof(bits); i++) {
        room[blocks * MD5_BLOCK_BYTES - sizeof(bits) + i] = (uint8_t)(bits >> 8 * i);
    }
    job->tail_ptr = room;
    job->tail_blocks = blocks;
}

void md5_job_digest(const struct md5_job *job, uint8_t out[16])
{
    ASSERT(job->blocks == 0);
    ASSERT(job->tail_blocks == 0);
    for (unsigned i = 0; i < 16; i++) {
        out[i] = (uint8_t)(job->state[i / 4] >> 8 * (i % 4));
    }
}

/* The next of the job's two places that has blocks; false when there are none. */
static bool lanes_next(struct md5_job *job)
{
    if (job->blocks == 0) {
        job->ptr = job->tail_ptr;
        job->blocks = job->tail_blocks;
        job->tail_blocks = 0;
    }
    return job->blocks > 0;
}

static void lanes_plain(struct md5_job *job)
{
    MD5_CTX md5;

    MD5_Init(&md5);
    md5.A = job->state[0];
    md5.B = job->state[1];
    md5.C = job->state[2];
    md5.D = job->state[3];
    while (lanes_next(job)) {
        MD5_Update(&md5, job->ptr, job->blocks * MD5_BLOCK_BYTES);
        job->blocks = 0;
    }
    job->state[0] = md5.A;
    job->state[1] = md5.B;
    job->state[2] = md5.C;
    job->state[3] = md5.D;
}

static void lanes_put(struct lanes *lanes, unsigned lane, struct md5_job *job)
{
    for (unsigned i = 0; i < 4; i++) {
        lanes->wide.state[i][lane] = job->state[i];
    }
    lanes->wide.ptr[lane] = job->ptr;
    lanes->job[lane] = job;
    lanes->used++;
}

static void lanes_free(struct lanes *lanes, unsigned lane)
{
    for (unsigned i = 0; i < 4; i++) {
        lanes->job[lane]->state[i] = lanes->wide.state[i][lane];
    }
    lanes->job[lane] = NULL;
    lanes->used--;
}

/* Puts jobs that have blocks into lanes that have none; returns how many jobs it looked at. */
static size_t lanes_fill(struct lanes *lanes, struct md5_job *jobs, size_t len)
{
    size_t taken = 0;

    for (unsigned i = 0; i < lanes->width && lanes->used < lanes->width; i++) {
        while (!lanes->job[i] && taken < len) {
            if (lanes_next(&jobs[taken])) {
                lanes_put(lanes, i, &jobs[taken]);
            }
            taken++;
        }
    }
    return taken;
}

/* As many blocks as all lanes have. */
static void lanes_advance(struct lanes *lanes)
{
    const uint8_t *any = NULL;
    size_t blocks = SIZE_MAX;

    for (unsigned i = 0; i < lanes->width; i++) {
        if (lanes->job[i]) {
            blocks = MIN_OF(blocks, lanes->job[i]->blocks);
            any = lanes->wide.ptr[i];
        }
    }
    for (unsigned i = 0; i < lanes->width; i++) {
        if (!lanes->job[i]) {
            lanes->wide.ptr[i] = any;
        }
    }
    if (lanes->width == 16) {
        md5_wide_run_16(&lanes->wide, blocks);
    } else {
        md5_wide_run_8(&lanes->wide, blocks);
    }
    for (unsigned i = 0; i < lanes->width; i++) {
        struct md5_job *job = lanes->job[i];

        if (job) {
            job->blocks -= blocks;
            if (job->blocks == 0 && lanes_next(job)) {
                lanes->wide.ptr[i] = job->ptr;
            } else if (job->blocks == 0) {
                lanes_free(lanes, i);
            } else {
                job->ptr = lanes->wide.ptr[i];
            }
        }
    }
}

void md5_lanes_run(struct md5_job *jobs, size_t len, unsigned width)
{
    struct lanes lanes = {.width = width};
    size_t at = 0;

    ASSERT(width == 16 || width == 8 || width == 1);
    if (width > 1) {
        at = lanes_fill(&lanes, jobs, len);
        while (lanes.used >= LANES_WORTH) {
            lanes_advance(&lanes);
            at += lanes_fill(&lanes, jobs + at, len - at);
        }
    }
    for (unsigned i = 0; i < MD5_WIDE_MAX; i++) {
        if (lanes.job[i]) {
            struct md5_job *job = lanes.job[i];

            lanes_free(&lanes, i);
            lanes_plain(job);
        }
    }
    for (; at < len; at++) {
        lanes_plain(&jobs[at]);
    }
}
