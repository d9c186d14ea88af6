/* SPDX-License-Identifier: MIT */
/*
 * scan_file - what the definitions of a set say about files, without an engine around them: one
 * line "path TAB name" for each file, - for a clean one and ? for one that was not decided. For
 * comparing with other scanners; nothing is unpacked. With - as the only path the paths are read
 * from the standard input, one a line.
 */
#include "defs/defs.h"
#include "match/match.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the engine reads at a time. */
#define SCAN_PIECE KIB(16)

static const uint8_t *scan_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct slice *body = ctx;

    *out_len = MIN_OF(SCAN_PIECE, body->len - offset);
    return body->ptr + offset;
}

static enum match_status scan_body(struct match_db *db, struct slice *bytes,
                                   struct match_finding *finding)
{
    const struct match_source source = {scan_at, bytes};
    static struct match_body body; /* The finding's name may lie in it. */
    enum match_status status = MATCH_CLEAN;

    if (!match_body_begin(&body, db, source)) {
        return MATCH_FAILED;
    }
    for (size_t at = 0; at < bytes->len && status == MATCH_CLEAN; at += SCAN_PIECE) {
        const size_t len = MIN_OF(SCAN_PIECE, bytes->len - at);

        status = match_body_feed(&body, slice_from(bytes->ptr + at, len), finding);
    }
    if (status == MATCH_CLEAN) {
        do {
            status = match_body_end(&body, finding);
        } while (status == MATCH_AGAIN);
    }
    match_body_fini(&body);
    return status;
}

static int scan_print(const char *path, enum match_status status,
                      const struct match_finding *finding)
{
    switch (status) {
    case MATCH_CLEAN:
        printf("%s\t-\n", path);
        return 0;
    case MATCH_FOUND:
        printf("%s\t%s\n", path, finding->name);
        return 0;
    case MATCH_AGAIN:
    case MATCH_OVER_BUDGET:
    case MATCH_FAILED:
        break;
    }
    printf("%s\t?\n", path);
    fprintf(stderr, "%s: not decided (%d)\n", path, (int)status);
    return 2;
}

static int scan_path(struct match_db *db, const char *path)
{
    struct match_finding finding = {0};
    struct slice body = {0};
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        fprintf(stderr, "%s: not a file that can be read\n", path);
        if (fd >= 0) {
            close(fd);
        }
        return 2;
    }

    static const uint8_t nothing[1];
    void *map = NULL;

    if (st.st_size > 0) {
        map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }
    close(fd);
    if (map == MAP_FAILED) {
        perror(path);
        return 2;
    }
    body = slice_from(map ? map : nothing, (size_t)st.st_size);

    const int code = scan_print(path, scan_body(db, &body, &finding), &finding);

    if (map != NULL) {
        (void)munmap(map, (size_t)st.st_size);
    }
    return code;
}

static int scan_open(const char *set, struct defs_image *image, struct match_db **out_db)
{
    const struct defs_compile job = {.path = set};
    struct defs_meta meta;
    struct defs_counts counts;
    char error[DEFS_ERROR_CAP];
    const int fd = memfd_create("definitions", MFD_CLOEXEC);

    if (fd < 0 || !defs_compile(&job, fd, &meta, &counts, error)) {
        fprintf(stderr, "%s\n", fd < 0 ? "no memfd" : error);
        return -EINVAL;
    }

    int r = defs_image_open(image, fd, true);

    close(fd);
    if (r == 0) {
        r = match_db_open(out_db, image->match, 1);
    }
    return r;
}

static int scan_listed(struct match_db *db)
{
    char path[4096];
    int code = 0;

    while (fgets(path, sizeof(path), stdin)) {
        path[strcspn(path, "\n")] = '\0';
        const int r = scan_path(db, path);

        code = MAX_OF(code, r);
    }
    return code;
}

int main(int argc, char **argv)
{
    struct defs_image image = {0};
    struct match_db *db = NULL;
    int code = 0;

    if (argc < 2) {
        fputs("usage: scan_file SET FILE...|-\n", stderr);
        return 2;
    }
    if (scan_open(argv[1], &image, &db) < 0) {
        fprintf(stderr, "%s: no usable set\n", argv[1]);
        defs_image_close(&image);
        return 2;
    }
    if (argc == 3 && strcmp(argv[2], "-") == 0) {
        code = scan_listed(db);
    } else {
        for (int i = 2; i < argc; i++) {
            const int r = scan_path(db, argv[i]);

            code = MAX_OF(code, r);
        }
    }
    match_db_close(db);
    defs_image_close(&image);
    return code;
}
