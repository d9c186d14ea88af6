/* SPDX-License-Identifier: MIT */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/macro.h"
#include "match/digest.h"
#include "match/md5_lanes.h"
#include "tests/unit/guard.h"

#include <criterion/criterion.h>
#include <openssl/md5.h>
#include <stdlib.h>

#define JOBS_MAX 80

/* All widths that this machine has; the others cannot be run. */
static unsigned widths(unsigned out[3])
{
    unsigned len = 0;

    for (unsigned width = 16; width >= 1; width = width == 16 ? 8 : width == 8 ? 1 : 0) {
        if (width <= md5_wide_lanes()) {
            out[len++] = width;
        }
    }
    return len;
}

static uint32_t dice_next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static uint8_t *make_bytes(size_t len)
{
    uint8_t *bytes = malloc(len + 1);
    uint32_t seed = 99;

    cr_assert_not_null(bytes);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)dice_next(&seed);
    }
    return bytes;
}

static void job_set(struct md5_job *job, const uint8_t *bytes, size_t len,
                    uint8_t room[MD5_TAIL_BYTES])
{
    const size_t blocks = len / MD5_BLOCK_BYTES;

    md5_job_init(job);
    job->ptr = bytes;
    job->blocks = blocks;
    md5_job_end(job, len % MD5_BLOCK_BYTES ? bytes + blocks * MD5_BLOCK_BYTES : NULL, len, room);
}

static void job_expect(const struct md5_job *job, const uint8_t *bytes, size_t len)
{
    uint8_t digest[MD5_DIGEST_LENGTH];
    uint8_t wanted[MD5_DIGEST_LENGTH];

    md5_job_digest(job, digest);
    MD5(bytes, len, wanted);
    cr_assert_arr_eq(digest, wanted, sizeof(wanted), "%zu bytes", len);
}

/* The message ends where access ends: no lane may read on. */
Test(md5_lanes, every_length_around_block_borders_alone_and_among_others)
{
    enum {
        LENGTHS = 5 * MD5_BLOCK_BYTES + 2
    };

    struct guard guard = guard_open(LENGTHS);
    uint8_t *bytes = make_bytes(LENGTHS);
    unsigned width[3];
    const unsigned widths_len = widths(width);

    for (unsigned w = 0; w < widths_len; w++) {
        for (size_t len = 0; len <= LENGTHS; len++) {
            const struct slice put = guard_put(&guard, slice_from(bytes, len));

            for (unsigned jobs_len = 1; jobs_len <= 17; jobs_len += jobs_len < 3 ? 1 : 7) {
                static struct md5_job jobs[17];
                static uint8_t tails[17][MD5_TAIL_BYTES];

                for (unsigned i = 0; i < jobs_len; i++) {
                    job_set(&jobs[i], put.ptr, put.len, tails[i]);
                }
                md5_lanes_run(jobs, jobs_len, width[w]);
                for (unsigned i = 0; i < jobs_len; i++) {
                    job_expect(&jobs[i], put.ptr, put.len);
                }
            }
        }
    }
    free(bytes);
    guard_close(&guard);
}

/* Each lane has bytes of its own, at any address, and an end of its own. */
Test(md5_lanes, random_mixes_of_lengths)
{
    enum {
        ROUNDS = 2000,
        BYTES = 40000
    };

    static struct md5_job jobs[JOBS_MAX];
    static uint8_t tails[JOBS_MAX][MD5_TAIL_BYTES];
    static size_t at[JOBS_MAX];
    static size_t len[JOBS_MAX];
    uint8_t *bytes = make_bytes(BYTES);
    unsigned width[3];
    const unsigned widths_len = widths(width);
    uint32_t seed = 7;

    for (unsigned round = 0; round < ROUNDS; round++) {
        const size_t jobs_len = dice_next(&seed) % (JOBS_MAX + 1);
        const uint32_t most = 1U << dice_next(&seed) % 14;

        for (size_t i = 0; i < jobs_len; i++) {
            len[i] = dice_next(&seed) % (most + 1);
            at[i] = dice_next(&seed) % (BYTES - len[i]);
            job_set(&jobs[i], bytes + at[i], len[i], tails[i]);
        }
        md5_lanes_run(jobs, jobs_len, width[round % widths_len]);
        for (size_t i = 0; i < jobs_len; i++) {
            job_expect(&jobs[i], bytes + at[i], len[i]);
        }
    }
    free(bytes);
}

/* What the lanes have begun is finished by OpenSSL, and the other way round, at every border. */
Test(md5_lanes, a_state_goes_from_lanes_to_openssl_and_back)
{
    enum {
        BLOCKS = 9,
        LEN = BLOCKS * MD5_BLOCK_BYTES + 5
    };

    uint8_t *bytes = make_bytes(LEN);
    uint8_t wanted[MD5_DIGEST_LENGTH];
    unsigned width[3];
    const unsigned widths_len = widths(width);

    MD5(bytes, LEN, wanted);
    for (unsigned w = 0; w < widths_len; w++) {
        for (size_t cut = 0; cut <= BLOCKS; cut++) {
            const size_t done = cut * MD5_BLOCK_BYTES;
            struct md5_job jobs[2];
            struct digest digest;
            struct digest_value value;
            uint8_t tail[MD5_TAIL_BYTES];

            md5_job_init(&jobs[0]);
            jobs[0].ptr = bytes;
            jobs[0].blocks = cut;
            jobs[1] = jobs[0];
            md5_lanes_run(jobs, 2, width[w]);
            digest_init(&digest, 1U << LAYOUT_MD5);
            digest_md5_set(&digest, jobs[1].state, done);
            digest_update(&digest, 1U << LAYOUT_MD5, slice_from(bytes + done, LEN - done));
            digest_final(&digest, 1U << LAYOUT_MD5, &value);
            cr_assert_arr_eq(value.bytes[LAYOUT_MD5], wanted, sizeof(wanted));

            digest_init(&digest, 1U << LAYOUT_MD5);
            digest_update(&digest, 1U << LAYOUT_MD5, slice_from(bytes, done));
            md5_job_init(&jobs[0]);
            digest_md5_get(&digest, jobs[0].state);
            jobs[0].ptr = bytes + done;
            jobs[0].blocks = BLOCKS - cut;
            md5_job_end(&jobs[0], bytes + BLOCKS * MD5_BLOCK_BYTES, LEN, tail);
            md5_lanes_run(jobs, 1, width[w]);
            job_expect(&jobs[0], bytes, LEN);
        }
    }
    free(bytes);
}

/* The padding tells the length in bits, which outgrows 32 of them, and wraps at 64. */
Test(md5_lanes, lengths_beyond_half_a_gigabyte)
{
    static const uint64_t lengths[] = {
        (1ULL << 29) - MD5_BLOCK_BYTES, 1ULL << 29, 1ULL << 32, (1ULL << 35) + MD5_BLOCK_BYTES,
        (1ULL << 61) - MD5_BLOCK_BYTES,
    };
    static const uint8_t rest[MD5_BLOCK_BYTES] = "what is left of a long message";

    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        for (size_t rest_len = 0; rest_len < MD5_BLOCK_BYTES; rest_len++) {
            struct digest digest;
            struct digest_value value;
            struct md5_job jobs[2];
            uint8_t tails[2][MD5_TAIL_BYTES];
            uint8_t out[MD5_DIGEST_LENGTH];

            for (unsigned k = 0; k < 2; k++) {
                md5_job_init(&jobs[k]);
                md5_job_end(&jobs[k], rest, lengths[i] + rest_len, tails[k]);
            }
            digest_init(&digest, 1U << LAYOUT_MD5);
            digest_md5_set(&digest, jobs[0].state, lengths[i]);
            digest_update(&digest, 1U << LAYOUT_MD5, slice_from(rest, rest_len));
            digest_final(&digest, 1U << LAYOUT_MD5, &value);
            md5_lanes_run(jobs, 2, md5_wide_lanes());
            for (unsigned k = 0; k < 2; k++) {
                md5_job_digest(&jobs[k], out);
                cr_assert_arr_eq(out, value.bytes[LAYOUT_MD5], sizeof(out), "%zu and %zu", i,
                                 rest_len);
            }
        }
    }
}

Test(md5_lanes, no_jobs_and_jobs_without_blocks)
{
    struct md5_job jobs[3];
    uint32_t before[4];
    unsigned width[3];
    const unsigned widths_len = widths(width);

    for (unsigned w = 0; w < widths_len; w++) {
        for (unsigned i = 0; i < ARRAY_LEN(jobs); i++) {
            md5_job_init(&jobs[i]);
        }
        memcpy(before, jobs[0].state, sizeof(before));
        md5_lanes_run(jobs, 0, width[w]);
        md5_lanes_run(jobs, ARRAY_LEN(jobs), width[w]);
        for (unsigned i = 0; i < ARRAY_LEN(jobs); i++) {
            cr_assert_arr_eq(jobs[i].state, before, sizeof(before));
        }
    }
}
