/* SPDX-License-Identifier: MIT */
#include "match/scan_choose.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/err.h"
#include "match/build.h"
#include "match/scan_digest.h"

#include <stdlib.h>
#include <string.h>

/* Below, Hyperscan's database is small enough for nothing to beat it by much. */
#define CHOOSE_HS_ALONE_MAX 500

/*
 * Above, Hyperscan alone is not tried: compiling takes many seconds, and it was slower for every
 * such set that was measured.
 */
#define CHOOSE_HS_TRIED_MAX 60000

#define CHOOSE_PIECE  KIB(16)
#define CHOOSE_PASSES 3

/* Plans that were chosen in another way before are not taken from a cache. */
#define CHOOSE_VERSION 1

static const struct scan_plan choose_plans[] = {
    {.grams = {{0}, {0}}},       /* Hyperscan alone. */
    {.grams = {{8, 4}, {0}}},    /* Strings of eleven bytes and more. */
    {.grams = {{6, 4}, {0}}},    /* Nine. */
    {.grams = {{8, 8}, {0}}},    /* Fifteen. */
    {.grams = {{8, 4}, {4, 2}}}, /* Eleven; in a second pass those of five and more. */
    {.grams = {{8, 8}, {4, 2}}}, /* Fifteen; likewise. */
    {.grams = {{8, 8}, {4, 1}}}, /* Fifteen; four. */
};

#define CHOOSE_PLANS ARRAY_LEN(choose_plans)

/* What it takes to scan each sample once. */
struct choose_times {
    uint64_t ns[SCAN_SAMPLES];
};

static int choose_no_memory(void)
{
    return ERR_NEW(-ENOMEM);
}

/* ---- Measuring ---- */

static bool choose_on_hit(void *ctx, uint32_t id, uint64_t end)
{
    uint64_t *hits = ctx;

    (void)id;
    (void)end;
    (*hits)++;
    return true;
}

static uint64_t choose_pass(const struct scan *scan, const struct scan_scratch *scratch,
                            void *memory, const uint8_t *sample)
{
    const uint64_t begin = clock_cpu_ns();
    struct scan_stream *stream = scan_stream_open(scan, memory);
    uint64_t hits = 0;

    for (size_t at = 0; at < SCAN_SAMPLE_BYTES; at += CHOOSE_PIECE) {
        (void)scan_stream_feed(stream, scratch, slice_from(sample + at, CHOOSE_PIECE),
                               choose_on_hit, &hits);
    }
    scan_stream_close(stream);
    return clock_cpu_ns() - begin;
}

/* The quickest of some passes: others may be at work on the machine. */
static int choose_measure_open(const struct scan *scan, const struct scan_scratch *scratch,
                               const uint8_t *samples, struct choose_times *out)
{
    const size_t stream_bytes =
        (scan_stream_bytes(scan) + SCAN_ALIGN - 1) & ~(size_t)(SCAN_ALIGN - 1);
    void *memory = aligned_alloc(SCAN_ALIGN, stream_bytes);

    if (!memory) {
        return choose_no_memory();
    }
    for (unsigned kind = 0; kind < SCAN_SAMPLES; kind++) {
        out->ns[kind] = UINT64_MAX;
        for (unsigned pass = 0; pass < CHOOSE_PASSES; pass++) {
            const uint64_t ns =
                choose_pass(scan, scratch, memory, samples + kind * SCAN_SAMPLE_BYTES);

            out->ns[kind] = MIN_OF(out->ns[kind], ns + 1);
        }
    }
    free(memory);
    return 0;
}

static int choose_measure(const struct scan_code *code, const uint8_t *samples,
                          struct choose_times *out)
{
    const size_t len = scan_code_bytes(code);
    uint8_t *block = aligned_alloc(SCAN_ALIGN, len);
    struct scan_scratch scratch = {0};
    struct scan scan;

    if (!block) {
        return choose_no_memory();
    }
    int r = scan_code_write(code, block);

    r = r ? r : scan_open(&scan, slice_from(block, len), &scratch);
    r = r ? r : choose_measure_open(&scan, &scratch, samples, out);
    scan_scratch_fini(&scratch);
    free(block);
    return ERR_PASS(r);
}

/* ---- Choosing ---- */

struct choose_job {
    const struct scan_string *strings;
    size_t len;
    const struct scan_mix *mix;
    const struct match_build_cache *cache;
    char *error;
    uint8_t *samples;
    bool tried[CHOOSE_PLANS];
    struct choose_times times[CHOOSE_PLANS];
};

static int choose_try(struct choose_job *job, unsigned plan)
{
    struct scan_code *code = NULL;
    int r = scan_code_new_planned(&code, job->strings, job->len, &choose_plans[plan], job->cache,
                                  job->error);

    r = r ? r : choose_measure(code, job->samples, &job->times[plan]);
    scan_code_free(code);
    job->tried[plan] = r == 0;
    return ERR_PASS(r);
}

/* How much slower than the best of all plans it is, each kind of bytes by its weight. */
static double choose_cost(const struct choose_job *job, unsigned plan)
{
    double cost = 0;

    for (unsigned kind = 0; kind < SCAN_SAMPLES; kind++) {
        uint64_t best = UINT64_MAX;

        for (unsigned other = 0; other < CHOOSE_PLANS; other++) {
            best = job->tried[other] ? MIN_OF(best, job->times[other].ns[kind]) : best;
        }
        cost += job->mix->weights[kind] * (double)job->times[plan].ns[kind] / (double)best;
    }
    return cost;
}

static int choose_by_trial(struct choose_job *job, unsigned *out_plan)
{
    struct scan_sample_room *room = malloc(sizeof(*room));

    job->samples = malloc((size_t)SCAN_SAMPLES * SCAN_SAMPLE_BYTES);
    if (!job->samples || !room) {
        free(job->samples);
        free(room);
        return choose_no_memory();
    }
    for (unsigned kind = 0; kind < SCAN_SAMPLES; kind++) {
        scan_sample_make((enum scan_sample)kind, room,
                         job->samples + (size_t)kind * SCAN_SAMPLE_BYTES);
    }
    free(room);
    int r = 0;

    for (unsigned plan = job->len > CHOOSE_HS_TRIED_MAX; r == 0 && plan < CHOOSE_PLANS; plan++) {
        r = choose_try(job, plan);
    }
    free(job->samples);
    *out_plan = job->tried[0] ? 0 : 1;
    for (unsigned plan = *out_plan + 1; r == 0 && plan < CHOOSE_PLANS; plan++) {
        if (choose_cost(job, plan) < choose_cost(job, *out_plan)) {
            *out_plan = plan;
        }
    }
    return ERR_PASS(r);
}

static bool choose_load(const struct choose_job *job, const uint8_t *key, unsigned *out_plan)
{
    uint8_t *bytes = NULL;
    size_t len = 0;

    if (!job->cache->load(job->cache->ctx, key, &bytes, &len)) {
        return false;
    }
    const bool good = len == 1 && bytes[0] < CHOOSE_PLANS;

    *out_plan = good ? bytes[0] : 0;
    free(bytes);
    return good;
}

static int choose_plan(struct choose_job *job, unsigned *out_plan)
{
    const bool cached = job->cache && job->cache->load && job->cache->store;
    uint8_t key[SCAN_DIGEST_LEN];
    uint32_t salt = CHOOSE_VERSION;

    for (unsigned kind = 0; kind < SCAN_SAMPLES; kind++) {
        salt = salt << 8 | (job->mix->weights[kind] & 0xff);
    }
    int r = cached ? scan_digest_strings(SCAN_DIGEST_PLAN, job->strings, job->len, salt, key) : 0;

    if (r || (cached && choose_load(job, key, out_plan))) {
        return ERR_PASS(r);
    }
    r = choose_by_trial(job, out_plan);
    if (r == 0 && cached) {
        const uint8_t chosen = (uint8_t)*out_plan;

        job->cache->store(job->cache->ctx, key, &chosen, 1);
    }
    return ERR_PASS(r);
}

int scan_code_new(struct scan_code **out_code, const struct scan_string *strings, size_t len,
                  const struct scan_mix *mix, const struct match_build_cache *cache,
                  char error[SCAN_ERROR_CAP])
{
    struct scan_string *sorted = NULL;
    unsigned plan = 0;
    int r = 0;

    error[0] = '\0';
    if (len > CHOOSE_HS_ALONE_MAX) {
        r = scan_strings_sort(strings, len, &sorted);
        if (r == 0) {
            struct choose_job job = {
                .strings = sorted, .len = len, .mix = mix, .cache = cache, .error = error};

            r = choose_plan(&job, &plan);
        }
    }
    r = r ? r : scan_code_new_planned(out_code, strings, len, &choose_plans[plan], cache, error);
    free(sorted);
    return ERR_PASS(r);
}
