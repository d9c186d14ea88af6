#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * md5_lanes - MD5 of many messages, side by side.
 *
 * Role: gives whole blocks of any number of messages to the lanes of md5_wide: a lane that has
 * finished takes the next message, and what is left for too few lanes is hashed one after the other
 * by OpenSSL. Owner of states and bytes: the caller. Memory: none.
 */
#include "match/md5_wide.h"

/* Some blocks in one place, then some in another: the end of a message and its padding. */
struct md5_job {
    uint32_t state[4];
    const uint8_t *ptr;
    size_t blocks;
    const uint8_t *tail_ptr;
    size_t tail_blocks;
};

#define MD5_TAIL_BYTES 128 /* Two blocks. */

/* The state of a message of which nothing was hashed. */
void md5_job_init(struct md5_job *job);

/* Adds the padding behind `rest`, the last, broken block of a message of `len` bytes. */
void md5_job_end(struct md5_job *job, const uint8_t *rest, uint64_t len,
                 uint8_t room[MD5_TAIL_BYTES]);

/* The digest, after the run of a job that has its end. */
void md5_job_digest(const struct md5_job *job, uint8_t out[16]);

/*
 * Hashes all blocks of all jobs. `width` is md5_wide_lanes or less: 16, 8 or 1.
 */
void md5_lanes_run(struct md5_job *jobs, size_t len, unsigned width);
