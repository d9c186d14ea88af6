/* SPDX-License-Identifier: MIT */
/*
 * bench_hash - what a lookup in the hash tables costs, and what the hashes do.
 *
 * bench_hash [COUNT [md5|sha1|sha256]]
 *
 * Builds a set of COUNT (5,000,000) generated hash signatures with names and sizes like those of
 * real lists, and prints how large the image is, how long building and opening took, and how many
 * nanoseconds one question takes: does this size occur, and is this digest in the table, for those
 * that do and that do not. Questions come in random order, so each misses the caches as it would in
 * service; each figure is the median of 9 passes. Digests are looked up one after the other, and 16
 * at a time with what they need fetched before, as for bodies that are hashed side by side.
 *
 * Then gigabytes a second of MD5: OpenSSL, one body after the other, and 2, 4, 16 and 64 bodies
 * side by side, in turn, for bodies of four sizes; with few bytes when COUNT is small.
 */
#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif
#include "base/clock.h"
#include "base/macro.h"
#include "match/build.h"
#include "match/digest.h"
#include "match/md5_lanes.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define BENCH_COUNT     5000000
#define BENCH_PASSES    9
#define BENCH_QUESTIONS 200000
#define BENCH_FAMILIES  2000
#define BENCH_TOGETHER  16
#define BENCH_BODIES    64

/* So many bytes are hashed in a pass; with a small COUNT, so many less. */
#define BENCH_MD5_BYTES   MIB(64)
#define BENCH_SMALL_COUNT 100000
#define BENCH_SMALL_PART  64

struct bench_hash {
    uint8_t digest[LAYOUT_DIGEST_MAX];
    uint64_t size;
};

struct bench {
    enum layout_hash kind;
    uint32_t count;
    struct layout layout;
};

/* The same numbers at every run. */
static uint64_t bench_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* As many sizes from one power of two to the next as to the one after it, up to 128 MiB. */
static struct bench_hash bench_make(uint64_t index)
{
    struct bench_hash hash;
    const uint64_t seed = bench_mix(index);
    const uint64_t power = 1ULL << (8 + seed % 19);

    for (size_t i = 0; i < LAYOUT_DIGEST_MAX / 8; i++) {
        const uint64_t word = bench_mix(seed + i + 1);

        memcpy(hash.digest + 8 * i, &word, 8);
    }
    hash.size = power + bench_mix(seed + 9) % power;
    return hash;
}

static void bench_must(bool right, const char *what)
{
    if (!right) {
        fprintf(stderr, "bench_hash: %s\n", what);
        exit(1);
    }
}

static void bench_add(struct match_builder *builder, enum layout_hash kind, uint32_t index)
{
    static const char *const families[] = {"Win.Trojan.Agent", "Win.Malware.Generic",
                                           "Doc.Dropper.Word", "Unix.Malware.Mirai"};
    const struct bench_hash hash = bench_make(index);
    const size_t bytes = layout_digest_bytes(kind);
    char hex[2 * LAYOUT_DIGEST_MAX + 1];
    char name[64];

    for (size_t i = 0; i < bytes; i++) {
        hex[2 * i] = "0123456789abcdef"[hash.digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[hash.digest[i] & 15];
    }
    const int len = snprintf(name, sizeof(name), "%s%c-%u-%u", families[index % 4],
                             (int)('A' + index % BENCH_FAMILIES % 26), 1000000 + index,
                             index % BENCH_FAMILIES / 100);

    bench_must(match_builder_add_hash(builder, slice_from(name, (size_t)len),
                                      slice_from(hex, 2 * bytes), hash.size, false) == 0,
               "a hash was refused");
}

/* Of this process, whatever else runs. */
static double bench_seconds(uint64_t from_ns)
{
    return (double)(clock_cpu_ns() - from_ns) / (double)NS_PER_SEC;
}

static struct slice bench_build(const struct bench *bench)
{
    struct match_builder *builder;
    uint8_t *image = NULL;
    size_t len = 0;
    struct rusage usage;
    uint64_t from = clock_cpu_ns();

    bench_must(match_builder_new(&builder) == 0, "no memory");
    for (uint32_t i = 0; i < bench->count; i++) {
        bench_add(builder, bench->kind, i);
    }
    printf("taken in      %10.2f s\n", bench_seconds(from));
    from = clock_cpu_ns();
    bench_must(match_builder_finish(builder, &image, &len) == 0, "no image");
    printf("built in      %10.2f s\n", bench_seconds(from));
    match_builder_free(builder);
    getrusage(RUSAGE_SELF, &usage);
    printf("peak memory   %10.1f MB\n", (double)usage.ru_maxrss / 1024 * 1.048576);
    printf("image         %10.1f MB, %.1f bytes a hash\n", (double)len / 1e6,
           (double)len / bench->count);
    return slice_from(image, len);
}

/* Asks one question; the answers are added up, so that none is left out. */
typedef uint32_t (*bench_ask_fn)(const struct bench *bench, const struct bench_hash *hash);

static uint32_t bench_ask_size(const struct bench *bench, const struct bench_hash *hash)
{
    return digest_kinds(&bench->layout, hash->size, DIGEST_DETECTS) != 0;
}

static uint32_t bench_ask_digest(const struct bench *bench, const struct bench_hash *hash)
{
    struct digest_value value;

    memcpy(value.bytes[bench->kind], hash->digest, sizeof(hash->digest));
    return digest_find(&bench->layout, 1U << bench->kind, hash->size, &value, DIGEST_DETECTS) !=
           NULL;
}

static int bench_compare(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;

    return a < b ? -1 : a > b;
}

static void bench_ask(const struct bench *bench, const char *what, bench_ask_fn ask,
                      const struct bench_hash *hashes)
{
    double ns[BENCH_PASSES];
    uint32_t found = 0;

    for (unsigned pass = 0; pass < BENCH_PASSES; pass++) {
        const uint64_t from = clock_cpu_ns();

        found = 0;
        for (uint32_t i = 0; i < BENCH_QUESTIONS; i++) {
            found += ask(bench, &hashes[i]);
        }
        ns[pass] = bench_seconds(from) * 1e9 / BENCH_QUESTIONS;
    }
    qsort(ns, BENCH_PASSES, sizeof(ns[0]), bench_compare);
    printf("%-13s %10.1f ns (%.1f to %.1f), %u of %u found\n", what, ns[BENCH_PASSES / 2], ns[0],
           ns[BENCH_PASSES - 1], found, BENCH_QUESTIONS);
}

/* Questions as they come from bodies that were hashed side by side. */
static void bench_ask_together(const struct bench *bench, const char *what,
                               const struct bench_hash *hashes)
{
    double ns[BENCH_PASSES];
    uint32_t found = 0;

    for (unsigned pass = 0; pass < BENCH_PASSES; pass++) {
        const uint64_t from = clock_cpu_ns();

        found = 0;
        for (uint32_t i = 0; i < BENCH_QUESTIONS; i += BENCH_TOGETHER) {
            const uint32_t end = MIN_OF(i + BENCH_TOGETHER, BENCH_QUESTIONS);

            for (uint32_t k = i; k < end; k++) {
                digest_fetch_bucket(&bench->layout, bench->kind, hashes[k].digest);
            }
            for (uint32_t k = i; k < end; k++) {
                digest_fetch_row(&bench->layout, bench->kind, hashes[k].digest);
            }
            for (uint32_t k = i; k < end; k++) {
                found += bench_ask_digest(bench, &hashes[k]);
            }
        }
        ns[pass] = bench_seconds(from) * 1e9 / BENCH_QUESTIONS;
    }
    qsort(ns, BENCH_PASSES, sizeof(ns[0]), bench_compare);
    printf("%-13s %10.1f ns (%.1f to %.1f), %u of %u found\n", what, ns[BENCH_PASSES / 2], ns[0],
           ns[BENCH_PASSES - 1], found, BENCH_QUESTIONS);
}

static struct bench_hash *bench_questions(const struct bench *bench, bool hit)
{
    struct bench_hash *hashes = calloc(BENCH_QUESTIONS, sizeof(*hashes));

    bench_must(hashes, "no memory");
    for (uint32_t i = 0; i < BENCH_QUESTIONS; i++) {
        const uint64_t index = bench_mix(i) % bench->count;

        hashes[i] = bench_make(hit ? index : index + bench->count);
    }
    return hashes;
}

/* ---- MD5 ---- */

/* One pass over `total` bytes in bodies of `size`, `together` side by side; 0: by OpenSSL. */
static double bench_md5_pass(const uint8_t *bytes, size_t size, size_t total, size_t together)
{
    static struct md5_job jobs[BENCH_BODIES];
    static uint8_t tails[BENCH_BODIES][MD5_TAIL_BYTES];
    const size_t at_once = MAX_OF(together, (size_t)1);
    const size_t rounds = MAX_OF(total / (size * at_once), (size_t)1);
    const uint64_t from = clock_cpu_ns();
    uint8_t digest[MD5_DIGEST_LENGTH];

    for (size_t round = 0; round < rounds; round++) {
        if (together == 0) {
            MD5(bytes + round % BENCH_BODIES * size, size, digest);
            continue;
        }
        for (size_t i = 0; i < together; i++) {
            md5_job_init(&jobs[i]);
            jobs[i].ptr = bytes + i * size;
            jobs[i].blocks = size / MD5_BLOCK_BYTES;
            md5_job_end(&jobs[i], NULL, size, tails[i]);
        }
        md5_lanes_run(jobs, together, md5_wide_lanes());
    }
    if (together > 0) {
        uint8_t wanted[MD5_DIGEST_LENGTH];

        MD5(bytes, size, wanted);
        md5_job_digest(&jobs[0], digest);
        bench_must(memcmp(digest, wanted, sizeof(wanted)) == 0, "a wrong digest");
    }
    return (double)(rounds * at_once * size) / 1e9 / bench_seconds(from);
}

static void bench_md5(size_t total)
{
    static const size_t sizes[] = {KIB(1), KIB(10), KIB(100), MIB(1)};
    static const size_t together[] = {0, 2, 4, 16, 64};
    uint8_t *bytes = malloc(BENCH_BODIES * MIB(1));

    bench_must(bytes, "no memory");
    for (size_t i = 0; i < BENCH_BODIES * MIB(1); i += sizeof(uint64_t)) {
        const uint64_t word = bench_mix(i);

        memcpy(bytes + i, &word, sizeof(word));
    }
    printf("MD5, GB/s        OpenSSL   2 bodies          4         16         64   (%u lanes)\n",
           md5_wide_lanes());
    for (size_t row = 0; row < ARRAY_LEN(sizes); row++) {
        double rate[ARRAY_LEN(together)][BENCH_PASSES];

        for (unsigned pass = 0; pass < BENCH_PASSES; pass++) {
            for (size_t i = 0; i < ARRAY_LEN(together); i++) {
                rate[i][pass] = bench_md5_pass(bytes, sizes[row], total, together[i]);
            }
        }
        printf("%7zu bytes", sizes[row]);
        for (size_t i = 0; i < ARRAY_LEN(together); i++) {
            qsort(rate[i], BENCH_PASSES, sizeof(rate[i][0]), bench_compare);
            printf(" %10.2f", rate[i][BENCH_PASSES / 2]);
        }
        printf("\n");
    }
    free(bytes);
}

static enum layout_hash bench_kind(const char *word)
{
    static const char *const words[LAYOUT_HASHES] = {"md5", "sha1", "sha256"};

    for (unsigned i = 0; i < LAYOUT_HASHES; i++) {
        if (strcmp(word, words[i]) == 0) {
            return (enum layout_hash)i;
        }
    }
    bench_must(false, "md5, sha1 or sha256");
    return LAYOUT_MD5;
}

int main(int argc, char **argv)
{
    struct bench bench = {.count = BENCH_COUNT};

    if (argc > 1) {
        bench.count = (uint32_t)strtoul(argv[1], NULL, 10);
        bench_must(bench.count > 0, "a count of 1 or more");
    }
    if (argc > 2) {
        bench.kind = bench_kind(argv[2]);
    }
    printf("hashes        %10u\n", bench.count);
    struct slice image = bench_build(&bench);
    const uint64_t from = clock_cpu_ns();

    bench_must(layout_open(&bench.layout, image) == 0, "the image is refused");
    printf("opened in     %10.1f ms\n", bench_seconds(from) * 1000);
    struct bench_hash *hits = bench_questions(&bench, true);
    struct bench_hash *misses = bench_questions(&bench, false);

    bench_ask(&bench, "size, there", bench_ask_size, hits);
    bench_ask(&bench, "size, any", bench_ask_size, misses);
    bench_ask(&bench, "digest, there", bench_ask_digest, hits);
    bench_ask(&bench, "digest, not", bench_ask_digest, misses);
    bench_ask_together(&bench, "16, there", hits);
    bench_ask_together(&bench, "16, not", misses);
    bench_md5(bench.count < BENCH_SMALL_COUNT ? BENCH_MD5_BYTES / BENCH_SMALL_PART
                                              : BENCH_MD5_BYTES);
    free(hits);
    free(misses);
    free((void *)(uintptr_t)image.ptr);
    return 0;
}
