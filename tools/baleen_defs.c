/* SPDX-License-Identifier: MIT */
#include "tools/baleen_defs.h"

#include "defs/defs.h"
#include "match/match.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum baleen_defs_exit {
    DEFS_EXIT_GOOD = 0,
    DEFS_EXIT_REFUSED = 1,
    DEFS_EXIT_FAILED = 2
};

struct defs_args {
    const char *path;
    const char *output;
    bool strict;
    bool json;
};

struct defs_command {
    const char *name;
    bool takes_output;
    bool takes_strict;
    bool takes_json;
    int (*run)(const struct defs_args *args);
};

/* What a check found, in the order of the lines. */
struct defs_listing {
    bool json;
    json_t *problems;
};

static int defs_usage(FILE *to, int code)
{
    fputs("usage: baleen defs check PATH [--strict] [--json]\n"
          "       baleen defs compile PATH -o IMAGE [--strict]\n"
          "       baleen defs inspect PATH|IMAGE [--json]\n"
          "\n"
          "PATH is a definition set or a folder of sets; IMAGE is what compile writes.\n"
          "check lists every line that cannot be used, as file:line: reason.\n"
          "Exit codes: 0 good, 1 refused, 2 wrong use or a failure of the system.\n",
          to);
    return code;
}

static int defs_fail(const char *what, int error)
{
    fprintf(stderr, "baleen: %s: %s\n", what, strerror(error));
    return DEFS_EXIT_FAILED;
}

/* Paths need not be UTF-8, JSON has to be. */
static json_t *defs_json_text(const char *text)
{
    json_t *value = json_string(text);

    if (value == NULL) {
        char *copy = strdup(text);

        for (char *c = copy; c != NULL && *c != '\0'; c++) {
            *c = (char)((unsigned char)*c > 0x7e ? '?' : *c);
        }
        value = copy ? json_string(copy) : NULL;
        free(copy);
    }
    return value;
}

static void defs_json_set_number(json_t *object, const char *key, uint64_t value)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void defs_json_set_meta(json_t *object, const struct defs_meta *meta)
{
    (void)json_object_set_new(object, "name", defs_json_text(meta->name));
    (void)json_object_set_new(object, "version", defs_json_text(meta->version));
    defs_json_set_number(object, "sequence", meta->sequence);
    (void)json_object_set_new(object, "certified", json_boolean(meta->certified));
    (void)json_object_set_new(object, "produced", defs_json_text(meta->produced));
}

static void defs_json_set_counts(json_t *object, const struct defs_counts *counts)
{
    defs_json_set_number(object, "files", counts->files);
    defs_json_set_number(object, "files_left_out", counts->left_out);
    defs_json_set_number(object, "lines", counts->lines);
    defs_json_set_number(object, "lines_used", counts->used);
    defs_json_set_number(object, "lines_skipped", counts->skipped);
    defs_json_set_number(object, "lines_unusable", counts->unusable);
}

/* Prints and frees. */
static void defs_json_print(json_t *object)
{
    (void)json_dumpf(object, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(object);
}

static void defs_print_meta(const struct defs_meta *meta, const struct defs_counts *counts)
{
    printf("name        %s\nversion     %s\nsequence    %" PRIu64 "\n", meta->name, meta->version,
           meta->sequence);
    printf("certified   %s\nproduced    %s\n", meta->certified ? "yes" : "no", meta->produced);
    printf("files       %" PRIu64 " read, %" PRIu64 " left out\n", counts->files, counts->left_out);
    printf("lines       %" PRIu64 ": %" PRIu64 " used, %" PRIu64 " skipped, %" PRIu64 " unusable\n",
           counts->lines, counts->used, counts->skipped, counts->unusable);
}

static void defs_list(void *ctx, const char *file, unsigned line, const char *reason)
{
    struct defs_listing *listing = ctx;

    if (listing->json) {
        json_t *row = json_object();

        (void)json_object_set_new(row, "file", defs_json_text(file));
        defs_json_set_number(row, "line", line);
        (void)json_object_set_new(row, "reason", defs_json_text(reason));
        (void)json_array_append_new(listing->problems, row);
    } else if (line == 0) {
        printf("%s: %s\n", file, reason);
    } else {
        printf("%s:%u: %s\n", file, line, reason);
    }
}

static void defs_print_check(const struct defs_listing *listing, const struct defs_meta *meta,
                             const struct defs_counts *counts, const char *error)
{
    if (!listing->json) {
        if (error != NULL) {
            (void)fflush(stdout);
            fprintf(stderr, "baleen: refused: %s\n", error);
        } else {
            defs_print_meta(meta, counts);
        }
        return;
    }

    json_t *object = json_object();

    (void)json_object_set_new(object, "usable", json_boolean(error == NULL));
    if (error != NULL) {
        (void)json_object_set_new(object, "error", defs_json_text(error));
    } else {
        defs_json_set_meta(object, meta);
        defs_json_set_counts(object, counts);
    }
    (void)json_object_set(object, "problems", listing->problems);
    defs_json_print(object);
}

static int defs_check(const struct defs_args *args)
{
    struct defs_listing listing = {.json = args->json, .problems = json_array()};
    const struct defs_compile job = {args->path, args->strict, defs_list, &listing};
    struct defs_meta meta;
    struct defs_counts counts;
    char error[DEFS_ERROR_CAP];
    const int fd = memfd_create("definitions", MFD_CLOEXEC);

    if (fd < 0) {
        json_decref(listing.problems);
        return defs_fail("memfd", errno);
    }

    const bool good = defs_compile(&job, fd, &meta, &counts, error);

    close(fd);
    defs_print_check(&listing, &meta, &counts, good ? NULL : error);
    json_decref(listing.problems);
    return good ? DEFS_EXIT_GOOD : DEFS_EXIT_REFUSED;
}

/* Compiles quietly; says why not. */
static bool defs_build(const struct defs_args *args, int fd, struct defs_meta *meta,
                       struct defs_counts *counts)
{
    const struct defs_compile job = {.path = args->path, .strict = args->strict};
    char error[DEFS_ERROR_CAP];

    if (defs_compile(&job, fd, meta, counts, error)) {
        return true;
    }
    fprintf(stderr, "baleen: refused: %s\n", error);
    return false;
}

/* Whoever has the old image mapped keeps it: the new one takes its name when it is complete. */
static int defs_compile_to(const struct defs_args *args, const char *beside, int fd)
{
    struct defs_meta meta;
    struct defs_counts counts;

    if (!defs_build(args, fd, &meta, &counts)) {
        return DEFS_EXIT_REFUSED;
    }
    if (fchmod(fd, 0644) < 0 || fsync(fd) < 0 || rename(beside, args->output) < 0) {
        return defs_fail(args->output, errno);
    }
    printf("%s: %s %s, %" PRIu64 " lines used\n", args->output, meta.name, meta.version,
           counts.used);
    if (counts.unusable + counts.left_out > 0) {
        fprintf(stderr,
                "baleen: %" PRIu64 " lines could not be used, %" PRIu64
                " files were left out; `baleen defs check` lists them\n",
                counts.unusable, counts.left_out);
    }
    return DEFS_EXIT_GOOD;
}

static int defs_compile_image(const struct defs_args *args)
{
    char beside[PATH_MAX];

    if (args->output == NULL) {
        return defs_usage(stderr, DEFS_EXIT_FAILED);
    }
    if (snprintf(beside, sizeof(beside), "%s.XXXXXX", args->output) >= (int)sizeof(beside)) {
        return defs_fail(args->output, ENAMETOOLONG);
    }

    const int fd = mkostemp(beside, O_CLOEXEC);

    if (fd < 0) {
        return defs_fail(args->output, errno);
    }

    const int code = defs_compile_to(args, beside, fd);

    if (code != DEFS_EXIT_GOOD) {
        (void)unlink(beside);
    }
    close(fd);
    return code;
}

static void defs_format_digest(const struct defs_image *image, char out[2 * DEFS_DIGEST_LEN + 1])
{
    for (size_t i = 0; i < DEFS_DIGEST_LEN; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", image->digest[i]);
    }
}

static void defs_print_image(const struct defs_image *image, const struct match_counts *counts)
{
    char digest[2 * DEFS_DIGEST_LEN + 1];

    defs_format_digest(image, digest);
    defs_print_meta(&image->meta, &image->counts);
    printf("patterns    %" PRIu32 "\nhashes      %" PRIu32 "\nallowed     %" PRIu32 "\n",
           counts->patterns, counts->hashes, counts->allowed);
    printf("triggers    %" PRIu32 " in %" PRIu32 " databases\n", counts->triggers,
           counts->databases);
    printf("image       %zu bytes\ndigest      %s\n", image->len, digest);
}

static void defs_print_image_json(const struct defs_image *image, const struct match_counts *counts)
{
    char digest[2 * DEFS_DIGEST_LEN + 1];
    json_t *object = json_object();

    defs_format_digest(image, digest);
    defs_json_set_meta(object, &image->meta);
    defs_json_set_counts(object, &image->counts);
    defs_json_set_number(object, "patterns", counts->patterns);
    defs_json_set_number(object, "hashes", counts->hashes);
    defs_json_set_number(object, "allowed", counts->allowed);
    defs_json_set_number(object, "triggers", counts->triggers);
    defs_json_set_number(object, "databases", counts->databases);
    defs_json_set_number(object, "image_bytes", image->len);
    (void)json_object_set_new(object, "digest", json_string(digest));
    defs_json_print(object);
}

static int defs_inspect_fd(const struct defs_args *args, int fd)
{
    struct defs_image image;
    struct match_counts counts;
    struct match_db *db = NULL;
    int r = defs_image_open(&image, fd, true);

    if (r == 0) {
        r = match_db_open(&db, image.match, 1);
    }
    if (r < 0) {
        fprintf(stderr, "baleen: %s: %s\n", args->path,
                r == -EBADMSG ? "not a definition image of this version, or damaged"
                              : strerror(-r));
        defs_image_close(&image);
        return r == -EBADMSG ? DEFS_EXIT_REFUSED : DEFS_EXIT_FAILED;
    }
    match_db_counts(db, &counts);
    if (args->json) {
        defs_print_image_json(&image, &counts);
    } else {
        defs_print_image(&image, &counts);
    }
    match_db_close(db);
    defs_image_close(&image);
    return DEFS_EXIT_GOOD;
}

static int defs_inspect_set(const struct defs_args *args)
{
    struct defs_meta meta;
    struct defs_counts counts;
    const int fd = memfd_create("definitions", MFD_CLOEXEC);

    if (fd < 0) {
        return defs_fail("memfd", errno);
    }

    const int code =
        defs_build(args, fd, &meta, &counts) ? defs_inspect_fd(args, fd) : (int)DEFS_EXIT_REFUSED;

    close(fd);
    return code;
}

static int defs_inspect(const struct defs_args *args)
{
    struct stat st;
    const int fd = open(args->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) < 0) {
        const int code = defs_fail(args->path, errno);

        if (fd >= 0) {
            close(fd);
        }
        return code;
    }

    const int code = S_ISDIR(st.st_mode) ? defs_inspect_set(args) : defs_inspect_fd(args, fd);

    close(fd);
    return code;
}

static const struct defs_command defs_commands[] = {
    {"check", false, true, true, defs_check},
    {"compile", true, true, false, defs_compile_image},
    {"inspect", false, false, true, defs_inspect},
};

static bool defs_parse_args(const struct defs_command *command, int argc, char **argv,
                            struct defs_args *args)
{
    bool options = true;

    for (int i = 0; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && command->takes_json && strcmp(argv[i], "--json") == 0) {
            args->json = true;
        } else if (options && command->takes_strict && strcmp(argv[i], "--strict") == 0) {
            args->strict = true;
        } else if (options && command->takes_output && strcmp(argv[i], "-o") == 0 && i + 1 < argc) {
            args->output = argv[++i];
        } else if ((options && argv[i][0] == '-') || args->path != NULL) {
            return false;
        } else {
            args->path = argv[i];
        }
    }
    return args->path != NULL;
}

int baleen_defs_main(int argc, char **argv)
{
    struct defs_args args = {0};

    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        return defs_usage(stdout, DEFS_EXIT_GOOD);
    }
    for (size_t i = 0; argc >= 2 && i < ARRAY_LEN(defs_commands); i++) {
        if (strcmp(argv[1], defs_commands[i].name) != 0) {
            continue;
        }
        if (!defs_parse_args(&defs_commands[i], argc - 2, argv + 2, &args)) {
            break;
        }
        return defs_commands[i].run(&args);
    }
    return defs_usage(stderr, DEFS_EXIT_FAILED);
}
