/* SPDX-License-Identifier: MIT */
#include "tools/baleen_defs.h"

#include "defs/defs.h"
#include "defs/keys.h"
#include "defs/package.h"
#include "defs/whole.h"
#include "match/match.h"
#include "tools/baleen_check.h"
#include "tools/baleen_package.h"

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
    const char *cache;
    struct keys keys;
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
    fputs(
        "usage: baleen defs check PATH [--strict] [--json] [--cache DIR] [--key FILE]...\n"
        "       baleen defs compile PATH -o IMAGE [--strict] [--cache DIR] [--key FILE]...\n"
        "       baleen defs inspect PATH|IMAGE|PACKAGE [--json] [--cache DIR] [--key FILE]...\n"
        "       baleen defs pack|sign|verify|diff|patch ...   (each shows its usage)\n"
        "\n"
        "PATH is a definition set, a package or a folder of sets; IMAGE is what compile\n"
        "writes. check lists every line that cannot be used, as file:line: reason, then what is\n"
        "slow, what is there twice and how signatures will be looked for. --cache keeps what was\n"
        "compiled in a folder (the engine's is cache in its state_dir). --key names a public key:\n"
        "signatures of packages and containers must be by one of those given.\n"
        "Exit codes: 0 good, 1 refused, 2 wrong use or a failure of the system.\n",
        to);
    return code;
}

static int defs_fail(const char *what, int error)
{
    fprintf(stderr, "baleen: %s: %s\n", what, strerror(error));
    return DEFS_EXIT_FAILED;
}

static void defs_json_set_number(json_t *object, const char *key, uint64_t value)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void defs_json_set_meta(json_t *object, const struct defs_meta *meta)
{
    (void)json_object_set_new(object, "name", baleen_check_text(meta->name));
    (void)json_object_set_new(object, "version", baleen_check_text(meta->version));
    defs_json_set_number(object, "sequence", meta->sequence);
    (void)json_object_set_new(object, "certified", json_boolean(meta->certified));
    (void)json_object_set_new(object, "produced", baleen_check_text(meta->produced));
}

static void defs_json_set_counts(json_t *object, const struct defs_counts *counts)
{
    defs_json_set_number(object, "files", counts->files);
    defs_json_set_number(object, "files_left_out", counts->left_out);
    defs_json_set_number(object, "lines", counts->lines);
    defs_json_set_number(object, "lines_used", counts->used);
    defs_json_set_number(object, "lines_skipped", counts->skipped);
    defs_json_set_number(object, "lines_unusable", counts->unusable);
    defs_json_set_number(object, "lines_slow", counts->slow);
    baleen_check_put_kinds(object, counts);
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
    printf("lines       %" PRIu64 ": %" PRIu64 " used, %" PRIu64 " skipped, %" PRIu64
           " unusable, %" PRIu64 " slow\n",
           counts->lines, counts->used, counts->skipped, counts->unusable, counts->slow);
    baleen_check_print_kinds(counts);
}

static void defs_list(void *ctx, const char *file, unsigned line, const char *reason)
{
    struct defs_listing *listing = ctx;

    if (listing->json) {
        json_t *row = json_object();

        (void)json_object_set_new(row, "file", baleen_check_text(file));
        defs_json_set_number(row, "line", line);
        (void)json_object_set_new(row, "reason", baleen_check_text(reason));
        (void)json_array_append_new(listing->problems, row);
    } else if (line == 0) {
        printf("%s: %s\n", file, reason);
    } else {
        printf("%s:%u: %s\n", file, line, reason);
    }
}

/* What a check has to say when it is through. */
struct defs_verdict {
    struct defs_meta meta;
    struct defs_counts counts;
    struct survey survey;
    char error[DEFS_ERROR_CAP];
};

/* `error` is NULL for a good set. */
static void defs_print_check(const struct defs_listing *listing, const struct defs_verdict *verdict,
                             const char *error)
{
    if (!listing->json) {
        if (error != NULL) {
            (void)fflush(stdout);
            fprintf(stderr, "baleen: refused: %s\n", error);
        } else {
            defs_print_meta(&verdict->meta, &verdict->counts);
            baleen_check_print_survey(&verdict->survey);
        }
        return;
    }

    json_t *object = json_object();

    (void)json_object_set_new(object, "usable", json_boolean(error == NULL));
    if (error != NULL) {
        (void)json_object_set_new(object, "error", baleen_check_text(error));
    } else {
        defs_json_set_meta(object, &verdict->meta);
        defs_json_set_counts(object, &verdict->counts);
        baleen_check_put_survey(object, &verdict->survey);
    }
    (void)json_object_set(object, "problems", listing->problems);
    defs_json_print(object);
}

static int defs_check(const struct defs_args *args)
{
    struct defs_listing listing = {.json = args->json, .problems = json_array()};
    struct defs_verdict verdict;
    const struct defs_compile job = {
        .path = args->path,
        .strict = args->strict,
        .report = defs_list,
        .report_ctx = &listing,
        .cache = args->cache,
        .survey = &verdict.survey,
        .keys = &args->keys,
    };
    const int fd = memfd_create("definitions", MFD_CLOEXEC);

    if (fd < 0) {
        json_decref(listing.problems);
        return defs_fail("memfd", errno);
    }
    survey_init(&verdict.survey);

    const bool good = defs_compile(&job, fd, &verdict.meta, &verdict.counts, verdict.error);

    close(fd);
    defs_print_check(&listing, &verdict, good ? NULL : verdict.error);
    survey_free(&verdict.survey);
    json_decref(listing.problems);
    return good ? DEFS_EXIT_GOOD : DEFS_EXIT_REFUSED;
}

/* Compiles quietly; says why not. */
static bool defs_build(const struct defs_args *args, int fd, struct defs_meta *meta,
                       struct defs_counts *counts)
{
    const struct defs_compile job = {
        .path = args->path,
        .strict = args->strict,
        .cache = args->cache,
        .keys = &args->keys,
    };
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
    if (fchmod(fd, 0644) < 0 || fsync(fd) < 0 || !whole_replace(beside, args->output)) {
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

static void defs_format_digest(const uint8_t digest[DEFS_DIGEST_LEN],
                               char out[2 * DEFS_DIGEST_LEN + 1])
{
    for (size_t i = 0; i < DEFS_DIGEST_LEN; i++) {
        (void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
}

static void defs_print_image(const struct defs_image *image, const struct match_counts *counts)
{
    char digest[2 * DEFS_DIGEST_LEN + 1];

    defs_print_meta(&image->meta, &image->counts);
    printf("patterns    %" PRIu32 "\nhashes      %" PRIu32 "\nallowed     %" PRIu32 "\n",
           counts->patterns, counts->hashes, counts->allowed);
    printf("triggers    %" PRIu32 " in %" PRIu32 " databases\n", counts->triggers,
           counts->databases);
    defs_format_digest(image->content, digest);
    printf("image       %zu bytes\ncontent     %s\n", image->len, digest);
    defs_format_digest(image->digest, digest);
    printf("digest      %s\n", digest);
}

static void defs_print_image_json(const struct defs_image *image, const struct match_counts *counts)
{
    char digest[2 * DEFS_DIGEST_LEN + 1];
    json_t *object = json_object();

    defs_json_set_meta(object, &image->meta);
    defs_json_set_counts(object, &image->counts);
    defs_json_set_number(object, "patterns", counts->patterns);
    defs_json_set_number(object, "hashes", counts->hashes);
    defs_json_set_number(object, "allowed", counts->allowed);
    defs_json_set_number(object, "triggers", counts->triggers);
    defs_json_set_number(object, "databases", counts->databases);
    defs_json_set_number(object, "image_bytes", image->len);
    defs_format_digest(image->content, digest);
    (void)json_object_set_new(object, "content", json_string(digest));
    defs_format_digest(image->digest, digest);
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

    const int code = S_ISDIR(st.st_mode) ? defs_inspect_set(args)
                     : package_is(fd)    ? baleen_package_inspect(args->path, fd, args->json)
                                         : defs_inspect_fd(args, fd);

    close(fd);
    return code;
}

static const struct defs_command defs_commands[] = {
    {"check", false, true, true, defs_check},
    {"compile", true, true, false, defs_compile_image},
    {"inspect", false, false, true, defs_inspect},
};

static bool defs_load_key(struct defs_args *args, const char *path)
{
    char error[DEFS_ERROR_CAP];

    if (keys_load(&args->keys, path, error)) {
        return true;
    }
    fprintf(stderr, "baleen: %s\n", error);
    return false;
}

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
        } else if (options && strcmp(argv[i], "--cache") == 0 && i + 1 < argc) {
            args->cache = argv[++i];
        } else if (options && strcmp(argv[i], "--key") == 0 && i + 1 < argc) {
            if (!defs_load_key(args, argv[++i])) {
                return false;
            }
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
    if (argc >= 2 && baleen_package_knows(argv[1])) {
        return baleen_package_main(argc - 1, argv + 1);
    }
    for (size_t i = 0; argc >= 2 && i < ARRAY_LEN(defs_commands); i++) {
        if (strcmp(argv[1], defs_commands[i].name) != 0) {
            continue;
        }
        if (!defs_parse_args(&defs_commands[i], argc - 2, argv + 2, &args)) {
            break;
        }
        const int code = defs_commands[i].run(&args);

        keys_free(&args.keys);
        return code;
    }
    return defs_usage(stderr, DEFS_EXIT_FAILED);
}
