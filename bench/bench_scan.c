/* SPDX-License-Identifier: MIT */
/*
 * bench_scan - how fast triggers are found, by each plan and on each kind of bytes.
 *
 *     bench_scan [-n strings] [-m mebibytes] [-p] [-t strings-file] [kind=list-of-files ...]
 *
 * Without -t the strings are made up (-n of them, from what the byte model holds for likely, so
 * that they are as realistic as it is); with it each line is a string in hex, an `i` behind it for
 * either case. Without lists of files the samples are made up as well. Prints for each kind of
 * bytes the speed of Hyperscan alone with the same strings, of every plan and of the plan that the
 * compiler chose, in GB/s, as medians; and what reading the bytes costs. -p tries the chosen plan
 * only. Bytes go in pieces of 16 KiB; each body is a stream of its own of 1 MiB.
 */
#include "base/clock.h"
#include "base/macro.h"
#include "match/rarity.h"
#include "match/scan.h"
#include "match/scan_build.h"
#include "match/scan_choose.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define BENCH_PIECE  KIB(16)
#define BENCH_BODY   MIB(1)
#define BENCH_PASSES 5
#define BENCH_KINDS  8

struct bench_kind {
    const char *name;
    uint8_t *bytes;
    size_t len;
};

struct bench {
    struct scan_string *strings;
    size_t strings_len;
    struct bench_kind kinds[BENCH_KINDS];
    unsigned kinds_len;
    size_t bytes_max;
};

struct bench_plan {
    const char *name;
    struct scan_plan plan;
};

static const struct bench_plan bench_plans[] = {
    {"hyperscan", {.grams = {{0}, {0}}}},     {"8/4", {.grams = {{8, 4}, {0}}}},
    {"8/2", {.grams = {{8, 2}, {0}}}},        {"6/4", {.grams = {{6, 4}, {0}}}},
    {"8/4+4/2", {.grams = {{8, 4}, {4, 2}}}}, {"8/8", {.grams = {{8, 8}, {0}}}},
    {"8/8+6/4", {.grams = {{8, 8}, {6, 4}}}}, {"8/8+5/2", {.grams = {{8, 8}, {5, 2}}}},
    {"8/8+4/2", {.grams = {{8, 8}, {4, 2}}}}, {"8/8+4/1", {.grams = {{8, 8}, {4, 1}}}},
};

static _Noreturn void bench_fail(const char *what)
{
    perror(what);
    exit(1);
}

static uint32_t bench_dice(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

/* ---- What is searched for and in ---- */

/* Strings of 6 to 16 bytes out of the samples, some bytes changed, but none that is common. */
static void bench_make_strings(struct bench *bench, size_t len)
{
    uint64_t state = 1;

    bench->strings = calloc(len, sizeof(*bench->strings));
    while (bench->strings_len < len) {
        struct scan_string *string = &bench->strings[bench->strings_len];
        const uint32_t dice = bench_dice(&state);
        const struct slice sample = rarity_sample(dice % 2 ? RARITY_TEXT : RARITY_PROGRAM);

        string->len = (uint8_t)(dice % 8 == 0 ? 6 + dice / 8 % 5 : SCAN_STRING_MAX);
        string->id = (uint32_t)bench->strings_len;
        memcpy(string->bytes, sample.ptr + bench_dice(&state) % (sample.len - SCAN_STRING_MAX),
               string->len);
        string->bytes[bench_dice(&state) % string->len] = (uint8_t)bench_dice(&state);
        bench->strings_len +=
            rarity_of(slice_from(string->bytes, string->len), false) >= 20 * RARITY_PER_BIT;
    }
}

static int bench_hex(char digit)
{
    return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

static void bench_read_strings(struct bench *bench, const char *path)
{
    FILE *file = fopen(path, "r");
    char line[256];
    size_t cap = 0;

    if (!file) {
        bench_fail(path);
    }
    while (fgets(line, sizeof(line), file)) {
        if (bench->strings_len == cap) {
            cap = cap * 2 + 1024;
            bench->strings = realloc(bench->strings, cap * sizeof(*bench->strings));
        }
        struct scan_string *string = &bench->strings[bench->strings_len];
        size_t at = 0;

        *string = (struct scan_string){.id = (uint32_t)bench->strings_len};
        while (line[at] > ' ' && line[at + 1] > ' ' && string->len < SCAN_STRING_MAX) {
            string->bytes[string->len++] =
                (uint8_t)(bench_hex(line[at]) << 4 | bench_hex(line[at + 1]));
            at += 2;
        }
        string->nocase = line[at] == ' ' && line[at + 1] == 'i';
        bench->strings_len += string->len > 0;
    }
    fclose(file);
}

static void bench_make_kinds(struct bench *bench)
{
    static const char *const names[SCAN_SAMPLES] = {"text", "program", "dense"};
    static struct scan_sample_room room;

    for (unsigned i = 0; i < SCAN_SAMPLES; i++) {
        struct bench_kind *kind = &bench->kinds[bench->kinds_len++];

        kind->name = names[i];
        kind->bytes = malloc(SCAN_SAMPLE_BYTES);
        kind->len = SCAN_SAMPLE_BYTES;
        scan_sample_make((enum scan_sample)i, &room, kind->bytes);
    }
}

/* Appends the files of a list until the room is full. */
static void bench_read_kind(struct bench *bench, char *argument)
{
    struct bench_kind *kind = &bench->kinds[bench->kinds_len++];
    char *path = strchr(argument, '=');
    char line[4096];

    if (!path || bench->kinds_len > BENCH_KINDS) {
        fprintf(stderr, "not a kind=list: %s\n", argument);
        exit(2);
    }
    *path++ = '\0';
    FILE *list = fopen(path, "r");

    kind->name = argument;
    kind->bytes = malloc(bench->bytes_max);
    while (list && kind->len < bench->bytes_max && fgets(line, sizeof(line), list)) {
        line[strcspn(line, "\n")] = '\0';
        const int fd = open(line, O_RDONLY | O_CLOEXEC);
        ssize_t len = 0;

        while (fd >= 0 && kind->len < bench->bytes_max &&
               (len = read(fd, kind->bytes + kind->len, bench->bytes_max - kind->len)) > 0) {
            kind->len += (size_t)len;
        }
        close(fd);
    }
    if (!list || kind->len == 0) {
        bench_fail(path);
    }
    fclose(list);
}

/* ---- Runs ---- */

struct bench_run {
    struct scan scan;
    struct scan_scratch scratch;
    struct scan_facts facts;
    uint8_t *block;
    void *memory;
    uint64_t build_ns;
};

static bool bench_on_hit(void *ctx, uint32_t id, uint64_t end)
{
    uint64_t *hits = ctx;

    (void)id;
    (void)end;
    (*hits)++;
    return true;
}

/* `plan` NULL: what the compiler chooses. */
static void run_open(struct bench_run *run, const struct bench *bench, const struct scan_plan *plan)
{
    const uint64_t begin = clock_cpu_ns();
    const struct scan_mix mix = {{1, 1, 1}};
    struct scan_code *code = NULL;
    char error[SCAN_ERROR_CAP];
    const int r =
        plan ? scan_code_new_planned(&code, bench->strings, bench->strings_len, plan, NULL, error)
             : scan_code_new(&code, bench->strings, bench->strings_len, &mix, NULL, error);

    if (r) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    run->build_ns = clock_cpu_ns() - begin;
    run->block = aligned_alloc(SCAN_ALIGN, scan_code_bytes(code));
    run->scratch = (struct scan_scratch){0};
    scan_code_facts(code, &run->facts);
    if (scan_code_write(code, run->block) ||
        scan_open(&run->scan, slice_from(run->block, scan_code_bytes(code)), &run->scratch)) {
        bench_fail("block");
    }
    run->memory = aligned_alloc(SCAN_ALIGN, (scan_stream_bytes(&run->scan) + 63) & ~(size_t)63);
    scan_code_free(code);
}

static void run_close(struct bench_run *run)
{
    scan_scratch_fini(&run->scratch);
    free(run->memory);
    free(run->block);
}

static uint64_t run_pass(const struct bench_run *run, const struct bench_kind *kind)
{
    uint64_t hits = 0;

    for (size_t body = 0; body < kind->len; body += BENCH_BODY) {
        const size_t end = MIN_OF(kind->len, body + BENCH_BODY);
        struct scan_stream *stream = scan_stream_open(&run->scan, run->memory);

        for (size_t at = body; at < end; at += BENCH_PIECE) {
            const size_t len = MIN_OF(BENCH_PIECE, end - at);

            (void)scan_stream_feed(stream, &run->scratch, slice_from(kind->bytes + at, len),
                                   bench_on_hit, &hits);
        }
        scan_stream_close(stream);
    }
    return hits;
}

static int double_compare(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* GB/s, median. */
static double run_measure(const struct bench_run *run, const struct bench_kind *kind,
                          uint64_t *out_hits)
{
    double speeds[BENCH_PASSES];

    *out_hits = run_pass(run, kind);
    for (unsigned i = 0; i < BENCH_PASSES; i++) {
        const uint64_t begin = clock_cpu_ns();

        run_pass(run, kind);
        speeds[i] = (double)kind->len / (double)(clock_cpu_ns() - begin + 1);
    }
    qsort(speeds, BENCH_PASSES, sizeof(*speeds), double_compare);
    return speeds[BENCH_PASSES - 1];
}

static void bench_print_read(const struct bench *bench)
{
    static uint8_t buf[BENCH_PIECE];

    printf("%-12s %66s", "read()", "");
    for (unsigned i = 0; i < bench->kinds_len; i++) {
        const struct bench_kind *kind = &bench->kinds[i];
        const int fd = memfd_create("bench", MFD_CLOEXEC);

        if (fd < 0 || write(fd, kind->bytes, kind->len) != (ssize_t)kind->len) {
            bench_fail("memfd");
        }
        double speeds[BENCH_PASSES];

        for (unsigned pass = 0; pass < BENCH_PASSES; pass++) {
            const uint64_t begin = clock_cpu_ns();

            lseek(fd, 0, SEEK_SET);
            while (read(fd, buf, sizeof(buf)) > 0) {
            }
            speeds[pass] = (double)kind->len / (double)(clock_cpu_ns() - begin + 1);
        }
        close(fd);
        qsort(speeds, BENCH_PASSES, sizeof(*speeds), double_compare);
        printf(" %8.2f          ", speeds[BENCH_PASSES / 2]);
    }
    printf("\n");
}

static void bench_print_run(const struct bench *bench, const char *name,
                            const struct scan_plan *plan)
{
    struct bench_run run;

    run_open(&run, bench, plan);
    printf("%-12s %zu + %zu grams, %zu hyperscan, %.1f MB, built in %.2f s\n", name,
           run.facts.gram_len[0], run.facts.gram_len[1], run.facts.hs_len,
           (double)run.facts.bytes / 1e6, (double)run.build_ns / 1e9);
    printf("%-79s", "");
    for (unsigned i = 0; i < bench->kinds_len; i++) {
        uint64_t hits = 0;
        const double speed = run_measure(&run, &bench->kinds[i], &hits);

        printf(" %8.2f %9llu", speed, (unsigned long long)hits);
        fflush(stdout);
    }
    printf("\n");
    run_close(&run);
}

int main(int argc, char **argv)
{
    struct bench bench = {.bytes_max = MIB(32)};
    size_t made = 3000;
    bool chosen_only = false;
    const char *list = NULL;

    for (int option; (option = getopt(argc, argv, "n:m:t:p")) != -1;) {
        if (option == 'n') {
            made = strtoul(optarg, NULL, 10);
        } else if (option == 'm') {
            bench.bytes_max = MIB(strtoul(optarg, NULL, 10));
        } else if (option == 't') {
            list = optarg;
        } else if (option == 'p') {
            chosen_only = true;
        } else {
            return 2;
        }
    }
    if (list) {
        bench_read_strings(&bench, list);
    }
    if (!bench.strings) {
        bench_make_strings(&bench, made);
    }
    for (int i = optind; i < argc; i++) {
        bench_read_kind(&bench, argv[i]);
    }
    if (bench.kinds_len == 0) {
        bench_make_kinds(&bench);
    }
    printf("%zu strings; GB/s and hits in", bench.strings_len);
    for (unsigned i = 0; i < bench.kinds_len; i++) {
        printf(" %s (%.1f MB)", bench.kinds[i].name, (double)bench.kinds[i].len / 1e6);
    }
    printf("\n");
    bench_print_read(&bench);
    for (unsigned i = 0; !chosen_only && i < ARRAY_LEN(bench_plans); i++) {
        bench_print_run(&bench, bench_plans[i].name, &bench_plans[i].plan);
    }
    bench_print_run(&bench, "chosen", NULL);
    for (unsigned i = 0; i < bench.kinds_len; i++) {
        free(bench.kinds[i].bytes);
    }
    free(bench.strings);
    return 0;
}
