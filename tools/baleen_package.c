/* SPDX-License-Identifier: MIT */
#include "tools/baleen_package.h"

#include "defs/package.h"
#include "defs/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum package_exit {
    PACKAGE_EXIT_GOOD = 0,
    PACKAGE_EXIT_REFUSED = 1,
    PACKAGE_EXIT_FAILED = 2
};

#define PACKAGE_PATHS_MAX 2

struct package_args {
    const char *paths[PACKAGE_PATHS_MAX];
    size_t paths_len;
    const char *output;
    const char *keys[KEYS_MAX];
    size_t keys_len;
};

struct package_command {
    const char *name;
    size_t paths;
    bool takes_output;
    bool needs_output;
    bool takes_keys;
    int (*run)(const struct package_args *args);
};

static int package_usage(FILE *to, int code)
{
    fputs("usage: baleen defs pack FOLDER -o PACKAGE [--key PRIVATE.pem]\n"
          "       baleen defs sign PACKAGE --key PRIVATE.pem [-o PACKAGE]\n"
          "       baleen defs verify PACKAGE [--key PUBLIC.pem]...\n"
          "       baleen defs diff OLD NEW [-o DELTA]\n"
          "       baleen defs patch OLD DELTA -o NEW\n"
          "\n"
          "Keys are Ed25519 in PEM form, as `openssl genpkey -algorithm ed25519` makes them.\n"
          "verify without a key checks the digests; with keys, one of them must have signed.\n",
          to);
    return code;
}

static int package_fail(const char *what, int error)
{
    fprintf(stderr, "baleen: %s: %s\n", what, strerror(error));
    return PACKAGE_EXIT_FAILED;
}

static int package_refused(const char *what, const char *error)
{
    fprintf(stderr, "baleen: refused: %s: %s\n", what, error);
    return PACKAGE_EXIT_REFUSED;
}

/* ---- Files ---- */

/* PACKAGE_EXIT_GOOD, or what to exit with. */
static int package_load(const char *path, struct package *package)
{
    char error[DEFS_ERROR_CAP];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        return package_fail(path, errno);
    }
    if (!package_open(package, fd, error)) {
        close(fd);
        return package_refused(path, error);
    }
    return PACKAGE_EXIT_GOOD;
}

static void package_unload(struct package *package)
{
    close(package->fd);
    package_close(package);
}

/* A file that takes its name when it is complete. */
struct package_output {
    const char *path;
    char beside[PATH_MAX];
    int fd;
};

static int package_output_open(struct package_output *output, const char *path)
{
    output->path = path;
    if (snprintf(output->beside, sizeof(output->beside), "%s.XXXXXX", path) >= PATH_MAX) {
        return package_fail(path, ENAMETOOLONG);
    }
    output->fd = mkostemp(output->beside, O_CLOEXEC);
    return output->fd < 0 ? package_fail(path, errno) : PACKAGE_EXIT_GOOD;
}

static int package_output_close(struct package_output *output, bool good, const char *error)
{
    int code = PACKAGE_EXIT_GOOD;

    if (!good) {
        code = package_refused(output->path, error);
    } else if (fchmod(output->fd, 0644) < 0 || fsync(output->fd) < 0 ||
               !whole_replace(output->beside, output->path)) {
        code = package_fail(output->path, errno);
    }
    if (code != PACKAGE_EXIT_GOOD) {
        (void)unlink(output->beside);
    }
    close(output->fd);
    return code;
}

static uint64_t package_file_len(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* ---- Verbs ---- */

static int package_sign_to(const struct package *package, const char *key_path, const char *path)
{
    struct package_output output;
    char error[DEFS_ERROR_CAP];
    EVP_PKEY *key = keys_load_private(key_path, error);
    int code;

    if (!key) {
        fprintf(stderr, "baleen: %s\n", error);
        return PACKAGE_EXIT_FAILED;
    }
    code = package_output_open(&output, path);
    if (code == PACKAGE_EXIT_GOOD) {
        const bool good = package_sign(package, key, output.fd, error);

        code = package_output_close(&output, good, error);
    }
    EVP_PKEY_free(key);
    return code;
}

static int package_run_sign(const struct package_args *args)
{
    const char *path = args->paths[0];
    struct package package;
    int code;

    if (args->keys_len != 1) {
        return package_usage(stderr, PACKAGE_EXIT_FAILED);
    }
    code = package_load(path, &package);
    if (code != PACKAGE_EXIT_GOOD) {
        return code;
    }
    code = package_sign_to(&package, args->keys[0], args->output ? args->output : path);
    package_unload(&package);
    return code;
}

static int package_run_pack(const struct package_args *args)
{
    struct package_output output;
    char error[DEFS_ERROR_CAP] = "";
    int code;
    bool good;

    if (args->keys_len > 1) {
        return package_usage(stderr, PACKAGE_EXIT_FAILED);
    }
    code = package_output_open(&output, args->output);
    if (code != PACKAGE_EXIT_GOOD) {
        return code;
    }
    good = package_pack(args->paths[0], output.fd, error);
    code = package_output_close(&output, good, error);
    if (code == PACKAGE_EXIT_GOOD && args->keys_len == 1) {
        struct package_args sign = *args;

        sign.paths[0] = args->output;
        code = package_run_sign(&sign);
        if (code != PACKAGE_EXIT_GOOD) {
            (void)unlink(args->output);
        }
    }
    return code;
}

static int package_load_keys(const struct package_args *args, struct keys *keys)
{
    char error[DEFS_ERROR_CAP];

    for (size_t i = 0; i < args->keys_len; i++) {
        if (!keys_load(keys, args->keys[i], error)) {
            fprintf(stderr, "baleen: %s\n", error);
            return PACKAGE_EXIT_FAILED;
        }
    }
    return PACKAGE_EXIT_GOOD;
}

static int package_verify_with(const struct package_args *args, const struct keys *keys)
{
    const char *path = args->paths[0];
    char error[DEFS_ERROR_CAP];
    struct package package;
    int code = package_load(path, &package);

    if (code != PACKAGE_EXIT_GOOD) {
        return code;
    }
    if (!package_trust(&package, keys, keys->len > 0, error) ||
        (!package.is_delta && !package_check(&package, error))) {
        code = package_refused(path, error);
    } else {
        printf("%s: %s %s, %zu files%s: good, %s\n", path, package.manifest.meta.name,
               package.manifest.meta.version, package.manifest.files.len,
               package.is_delta ? " (a delta: its files are checked when it is applied)" : "",
               keys->len > 0       ? "signed by a trusted key"
               : package.is_signed ? "signature not checked (no --key)"
                                   : "not signed");
    }
    package_unload(&package);
    return code;
}

static int package_run_verify(const struct package_args *args)
{
    struct keys keys = {.len = 0};
    int code = package_load_keys(args, &keys);

    if (code == PACKAGE_EXIT_GOOD) {
        code = package_verify_with(args, &keys);
    }
    keys_free(&keys);
    return code;
}

/* NULL behind the last one. */
static const struct manifest_file *package_file_at(const struct manifest *manifest, size_t index)
{
    return index < manifest->files.len ? vec_at(&manifest->files, index) : NULL;
}

/* Both lists are in the order of their paths. */
static void package_print_diff(const struct manifest *old, const struct manifest *new)
{
    const struct manifest_file *a = package_file_at(old, 0);
    const struct manifest_file *b = package_file_at(new, 0);
    size_t i = 0;
    size_t j = 0;

    printf("%s %s (%" PRIu64 ") -> %s %s (%" PRIu64 ")\n", old->meta.name, old->meta.version,
           old->meta.sequence, new->meta.name, new->meta.version, new->meta.sequence);
    while (a || b) {
        const int order = !a ? 1 : !b ? -1 : strcmp(a->path, b->path);

        if (order < 0) {
            printf("- %s (%" PRIu64 " bytes)\n", a->path, a->len);
        } else if (order > 0) {
            printf("+ %s (%" PRIu64 " bytes)\n", b->path, b->len);
        } else if (memcmp(a->digest, b->digest, DEFS_DIGEST_LEN) != 0) {
            printf("~ %s (%" PRIu64 " -> %" PRIu64 " bytes)\n", a->path, a->len, b->len);
        }
        i += order <= 0;
        j += order >= 0;
        a = package_file_at(old, i);
        b = package_file_at(new, j);
    }
}

static int package_write_delta(const struct package *old, const struct package *new,
                               const char *path)
{
    struct package_output output;
    char error[DEFS_ERROR_CAP];
    uint64_t delta_len;
    int code = package_output_open(&output, path);
    bool good;

    if (code != PACKAGE_EXIT_GOOD) {
        return code;
    }
    good = package_diff(old, new, output.fd, error);
    delta_len = package_file_len(output.fd);
    code = package_output_close(&output, good, error);
    if (code == PACKAGE_EXIT_GOOD) {
        printf("%s: %" PRIu64 " bytes instead of %" PRIu64 "\n", path, delta_len,
               package_file_len(new->fd));
    }
    return code;
}

static int package_with_two(const struct package_args *args,
                            int (*run)(const struct package *a, const struct package *b,
                                       const char *output))
{
    struct package a;
    struct package b;
    int code = package_load(args->paths[0], &a);

    if (code != PACKAGE_EXIT_GOOD) {
        return code;
    }
    code = package_load(args->paths[1], &b);
    if (code == PACKAGE_EXIT_GOOD) {
        code = run(&a, &b, args->output);
        package_unload(&b);
    }
    package_unload(&a);
    return code;
}

static int package_diff_two(const struct package *old, const struct package *new,
                            const char *output)
{
    package_print_diff(&old->manifest, &new->manifest);
    return output ? package_write_delta(old, new, output) : (int)PACKAGE_EXIT_GOOD;
}

static int package_patch_two(const struct package *old, const struct package *delta,
                             const char *path)
{
    struct package_output output;
    char error[DEFS_ERROR_CAP];
    const int code = package_output_open(&output, path);

    if (code != PACKAGE_EXIT_GOOD) {
        return code;
    }
    const bool good = package_patch(old, delta, output.fd, error);

    return package_output_close(&output, good, error);
}

static int package_run_diff(const struct package_args *args)
{
    return package_with_two(args, package_diff_two);
}

static int package_run_patch(const struct package_args *args)
{
    return package_with_two(args, package_patch_two);
}

int baleen_package_inspect(const char *path, int fd, bool json)
{
    char error[DEFS_ERROR_CAP];
    struct package package;

    if (!package_open(&package, fd, error)) {
        return package_refused(path, error);
    }
    if (json) {
        (void)fwrite(package.text, 1, package.text_len, stdout);
        fputc('\n', stdout);
    } else {
        const struct manifest *manifest = &package.manifest;

        printf("name        %s\nversion     %s\nsequence    %" PRIu64 "\ncertified   %s\n"
               "produced    %s\nkind        %s, %s\nfiles       %zu, %" PRIu64
               " bytes as a tar, %" PRIu64 " packed\n",
               manifest->meta.name, manifest->meta.version, manifest->meta.sequence,
               manifest->meta.certified ? "yes" : "no", manifest->meta.produced,
               package.is_delta ? "delta" : "package", package.is_signed ? "signed" : "not signed",
               manifest->files.len, manifest->tar_len, package_file_len(fd));
    }
    package_close(&package);
    return PACKAGE_EXIT_GOOD;
}

/* ---- Arguments ---- */

static const struct package_command package_commands[] = {
    {"pack", 1, true, true, true, package_run_pack},
    {"sign", 1, true, false, true, package_run_sign},
    {"verify", 1, false, false, true, package_run_verify},
    {"diff", 2, true, false, false, package_run_diff},
    {"patch", 2, true, true, false, package_run_patch},
};

static const struct package_command *package_find(const char *verb)
{
    for (size_t i = 0; i < ARRAY_LEN(package_commands); i++) {
        if (strcmp(verb, package_commands[i].name) == 0) {
            return &package_commands[i];
        }
    }
    return NULL;
}

bool baleen_package_knows(const char *verb)
{
    return package_find(verb) != NULL;
}

static bool package_parse_args(const struct package_command *command, int argc, char **argv,
                               struct package_args *args)
{
    for (int i = 1; i < argc; i++) {
        if (command->takes_output && strcmp(argv[i], "-o") == 0 && i + 1 < argc) {
            args->output = argv[++i];
        } else if (command->takes_keys && strcmp(argv[i], "--key") == 0 && i + 1 < argc &&
                   args->keys_len < KEYS_MAX) {
            args->keys[args->keys_len++] = argv[++i];
        } else if (argv[i][0] == '-' || args->paths_len == command->paths) {
            return false;
        } else {
            args->paths[args->paths_len++] = argv[i];
        }
    }
    return args->paths_len == command->paths && (args->output || !command->needs_output);
}

int baleen_package_main(int argc, char **argv)
{
    const struct package_command *command = argc > 0 ? package_find(argv[0]) : NULL;
    struct package_args args = {.paths_len = 0};

    if (!command || !package_parse_args(command, argc, argv, &args)) {
        return package_usage(stderr, PACKAGE_EXIT_FAILED);
    }
    return command->run(&args);
}
