/* SPDX-License-Identifier: MIT */
/*
 * bench_tree - real files through the whole matcher, one core.
 *
 * bench_tree [-j] [-m MEGABYTES] IMAGE KIND=FOLDER...
 *
 * IMAGE is what `baleen defs compile` writes. For each KIND the regular files below FOLDER (sorted
 * by path, 64 MB of them unless told, none over 16 MB) are read into memory once; then each is a
 * body, fed in pieces of 16 KiB, from begin to fini. With -j they are joined to bodies of 5 MB, as
 * the first of them begins. Beside it stands a plain read() of the same files from the page cache.
 * Each figure is the median of 5 passes, in processor time. KIND may be given as KIND:SUFFIX to
 * take only such names.
 */
#include "base/clock.h"
#include "base/macro.h"
#include "defs/defs.h"
#include "match/match.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_PASSES    5
#define TREE_PIECE     KIB(16)
#define TREE_FILE_MAX  MIB(16)
#define TREE_FILES_MAX 65536
/* Not a round number: for those there are hashes, and each body would be hashed. */
#define TREE_JOINED 4999999

struct tree_file {
    char *path;
    uint8_t *bytes;
    size_t len;
};

struct tree {
    struct tree_file files[TREE_FILES_MAX];
    size_t files_len;
    size_t bytes;
    size_t bytes_max;
    const char *suffix;
};

static struct tree tree;

/* ---- Collecting ---- */

static bool tree_ends(const char *path, const char *suffix)
{
    const size_t len = strlen(path);
    const size_t suffix_len = strlen(suffix);

    return len >= suffix_len && strcmp(path + len - suffix_len, suffix) == 0;
}

static int tree_note(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)where;
    if (kind == FTW_F && S_ISREG(st->st_mode) && st->st_size > 0 &&
        (uint64_t)st->st_size <= TREE_FILE_MAX && tree.files_len < TREE_FILES_MAX &&
        tree_ends(path, tree.suffix)) {
        tree.files[tree.files_len++] = (struct tree_file){.path = strdup(path)};
    }
    return 0;
}

static int tree_compare(const void *left, const void *right)
{
    return strcmp(((const struct tree_file *)left)->path, ((const struct tree_file *)right)->path);
}

static bool tree_read(struct tree_file *file, uint8_t *block, size_t cap)
{
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;

    file->len = 0;
    if (fd < 0) {
        return false;
    }
    while (file->len < cap && (n = read(fd, block + file->len, cap - file->len)) > 0) {
        file->len += (size_t)n;
    }
    close(fd);
    return n >= 0;
}

static void tree_load(const char *folder)
{
    uint8_t *block = malloc(TREE_FILE_MAX);
    size_t kept = 0;

    if (!block || nftw(folder, tree_note, 32, FTW_PHYS) != 0) {
        fprintf(stderr, "%s: cannot be walked\n", folder);
        exit(2);
    }
    qsort(tree.files, tree.files_len, sizeof(tree.files[0]), tree_compare);
    for (size_t i = 0; i < tree.files_len; i++) {
        struct tree_file file = tree.files[i];

        if (tree.bytes < tree.bytes_max && tree_read(&file, block, TREE_FILE_MAX) && file.len > 0) {
            file.bytes = malloc(file.len);
            if (!file.bytes) {
                exit(2);
            }
            memcpy(file.bytes, block, file.len);
            tree.bytes += file.len;
            tree.files[kept++] = file;
        } else {
            free(file.path);
        }
    }
    tree.files_len = kept;
    free(block);
}

static void tree_forget(void)
{
    for (size_t i = 0; i < tree.files_len; i++) {
        free(tree.files[i].path);
        free(tree.files[i].bytes);
    }
    tree.files_len = 0;
    tree.bytes = 0;
}

/* One body after the other of 5 MB, each made of whole and cut files. */
static void tree_join(void)
{
    uint8_t *all = malloc(tree.bytes);
    const size_t bytes = tree.bytes;
    size_t len = 0;

    if (!all) {
        exit(2);
    }
    for (size_t i = 0; i < tree.files_len; i++) {
        memcpy(all + len, tree.files[i].bytes, tree.files[i].len);
        len += tree.files[i].len;
    }
    tree_forget();
    for (size_t at = 0; at < bytes; at += TREE_JOINED) {
        struct tree_file *file = &tree.files[tree.files_len++];

        file->path = strdup("joined");
        file->len = MIN_OF(TREE_JOINED, bytes - at);
        file->bytes = malloc(file->len);
        if (!file->bytes) {
            exit(2);
        }
        memcpy(file->bytes, all + at, file->len);
        tree.bytes += file->len;
    }
    free(all);
}

/* ---- Measuring ---- */

static const uint8_t *tree_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct tree_file *file = ctx;

    *out_len = file->len - (size_t)offset;
    return file->bytes + offset;
}

static enum match_status tree_scan(struct match_db *db, struct tree_file *file)
{
    static struct match_body body;
    struct match_finding finding;
    enum match_status status = MATCH_CLEAN;

    if (!match_body_begin(&body, db, (struct match_source){tree_at, file})) {
        abort();
    }
    for (size_t at = 0; at < file->len && status == MATCH_CLEAN; at += TREE_PIECE) {
        const size_t len = MIN_OF(file->len - at, TREE_PIECE);

        status = match_body_feed(&body, slice_from(file->bytes + at, len), &finding);
    }
    if (status == MATCH_CLEAN) {
        do {
            status = match_body_end(&body, &finding);
        } while (status == MATCH_AGAIN);
    }
    match_body_fini(&body);
    return status;
}

static int tree_compare_ns(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

static double tree_median_gbs(uint64_t times[TREE_PASSES])
{
    qsort(times, TREE_PASSES, sizeof(times[0]), tree_compare_ns);
    const uint64_t median = times[TREE_PASSES / 2];

    return (double)tree.bytes / (double)median;
}

static double tree_time_scans(struct match_db *db, unsigned tally[MATCH_FAILED + 1])
{
    uint64_t times[TREE_PASSES];

    for (unsigned pass = 0; pass < TREE_PASSES; pass++) {
        const uint64_t began_ns = clock_cpu_ns();

        memset(tally, 0, sizeof(*tally) * (MATCH_FAILED + 1));
        for (size_t i = 0; i < tree.files_len; i++) {
            tally[tree_scan(db, &tree.files[i])]++;
        }
        times[pass] = clock_cpu_ns() - began_ns;
    }
    return tree_median_gbs(times);
}

static double tree_time_reads(void)
{
    uint8_t *block = malloc(KIB(64));
    uint64_t times[TREE_PASSES];

    for (unsigned pass = 0; pass < TREE_PASSES; pass++) {
        const uint64_t began_ns = clock_cpu_ns();

        for (size_t i = 0; i < tree.files_len; i++) {
            const int fd = open(tree.files[i].path, O_RDONLY | O_CLOEXEC);

            while (fd >= 0 && read(fd, block, KIB(64)) > 0) {
            }
            close(fd);
        }
        times[pass] = clock_cpu_ns() - began_ns;
    }
    free(block);
    return tree_median_gbs(times);
}

static void tree_run(struct match_db *db, const char *argument, bool joined)
{
    const char *equals = strchr(argument, '=');
    char kind[64];
    char *colon;
    unsigned tally[MATCH_FAILED + 1];

    if (!equals || snprintf(kind, sizeof(kind), "%.*s", (int)(equals - argument), argument) >=
                       (int)sizeof(kind)) {
        fprintf(stderr, "%s: not KIND=FOLDER\n", argument);
        exit(2);
    }
    colon = strchr(kind, ':');
    tree.suffix = colon ? colon + 1 : "";
    tree_load(equals + 1);
    if (colon) {
        *colon = '\0';
    }
    const double reads = tree_time_reads();

    if (joined) {
        tree_join();
    }
    const double scans = tree_time_scans(db, tally);

    printf("%-12s %6zu bodies %6.1f MB  matcher %6.3f GB/s  read() %6.2f GB/s  share %5.1f %%  "
           "found %u, over budget %u, failed %u\n",
           kind, tree.files_len, (double)tree.bytes / 1e6, scans, reads, 100 * scans / reads,
           tally[MATCH_FOUND], tally[MATCH_OVER_BUDGET], tally[MATCH_FAILED]);
    fflush(stdout);
    tree_forget();
}

int main(int argc, char **argv)
{
    struct defs_image image;
    struct match_db *db = NULL;
    bool joined = false;
    int option;

    tree.bytes_max = (size_t)64 * 1000 * 1000;
    while ((option = getopt(argc, argv, "jm:")) != -1) {
        if (option == 'j') {
            joined = true;
        } else if (option == 'm') {
            tree.bytes_max = (size_t)strtoul(optarg, NULL, 10) * 1000 * 1000;
        } else {
            return 2;
        }
    }
    const int fd = optind < argc ? open(argv[optind], O_RDONLY | O_CLOEXEC) : -1;
    const uint64_t began_ns = clock_cpu_ns();

    if (fd < 0 || defs_image_open(&image, fd, true) != 0 ||
        match_db_open(&db, image.match, 1) != 0) {
        fputs("usage: bench_tree [-j] [-m MEGABYTES] IMAGE KIND=FOLDER...\n", stderr);
        return 2;
    }
    printf("%s %s: image %.1f MB, checked and opened in %.1f ms%s\n", image.meta.name,
           image.meta.version, (double)image.len / 1e6, (double)(clock_cpu_ns() - began_ns) / 1e6,
           joined ? "; bodies joined to 5 MB" : "");
    for (int i = optind + 1; i < argc; i++) {
        tree_run(db, argv[i], joined);
    }
    match_db_close(db);
    defs_image_close(&image);
    close(fd);
    return 0;
}
