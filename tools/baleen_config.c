/* SPDX-License-Identifier: MIT */
/* baleen_config - `baleen config get`, `set`, `check`, `reference`. */
#include "base/text.h"
#include "tools/baleen_cli.h"
#include "tools/baleen_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char config_help[] =
    "usage: baleen [-c FILE] [-s KEY=VALUE]... config get [KEY]\n"
    "       baleen -c FILE config set KEY VALUE\n"
    "       baleen config check [FILE]\n"
    "       baleen config reference\n"
    "\n"
    "get        prints the value in force of a key, or everything as a file that can be used.\n"
    "set        changes one key in FILE and leaves all other lines as they are. The file is\n"
    "           replaced at once and only when the result is good. A list replaces the old one:\n"
    "           baleen -c FILE config set filemod.roots '[/srv/a, /srv/b]'\n"
    "check      says whether FILE (or that of -c) is good.\n"
    "reference  prints every key with what it takes, its default and what it does.\n"
    "\n"
    "Exit codes: 0 good, 2 refused.\n";

/* All big: static, since a run does one thing. */
static struct config config_now;
static struct config config_wanted;
static struct config config_got;
static char config_text[CONFIG_TEXT_CAP];
static char config_edited[4 * CONFIG_TEXT_CAP];
static char config_old[2 * CONFIG_TEXT_CAP];

/* What a shell wants of a text: without quotes. */
static void config_print_value(struct slice value)
{
    if (value.len < 2 || value.ptr[0] != '"') {
        printf("%.*s\n", (int)value.len, (const char *)value.ptr);
        return;
    }
    for (size_t i = 1; i + 1 < value.len; i++) {
        i += value.ptr[i] == '\\';
        putchar(value.ptr[i]);
    }
    putchar('\n');
}

static int config_get_main(const struct baleen_args *args)
{
    struct text text = text_over(config_text, sizeof(config_text));

    if (args->argc > 3) {
        return baleen_misuse("config", "get takes one key");
    }
    if (!baleen_load_config(args, &config_now)) {
        return BALEEN_EXIT_ERROR;
    }
    if (args->argc == 2) {
        config_write(&config_now, &text);
        fwrite(text.ptr, 1, text.len, stdout);
        return BALEEN_EXIT_GOOD;
    }
    if (!config_get(&config_now, args->argv[2], &text)) {
        return baleen_fail("there is no key '%s'; `baleen config reference` lists them",
                           args->argv[2]);
    }
    config_print_value(text_slice(&text));
    return BALEEN_EXIT_GOOD;
}

static int config_check_main(const struct baleen_args *args)
{
    struct baleen_args checked = *args;

    if (args->argc > 3) {
        return baleen_misuse("config", "check takes one file");
    }
    if (args->argc == 3) {
        checked.file = args->argv[2];
    }
    if (!baleen_load_config(&checked, &config_now)) {
        return BALEEN_EXIT_ERROR;
    }
    printf("%s: good\n", checked.file != NULL ? checked.file : "built-in defaults");
    return BALEEN_EXIT_GOOD;
}

static int config_reference_main(const struct baleen_args *args)
{
    struct text text = text_over(config_text, sizeof(config_text));

    if (args->argc > 2) {
        return baleen_misuse("config", "reference takes no argument");
    }
    config_reference(&text);
    fwrite(text.ptr, 1, text.len, stdout);
    return BALEEN_EXIT_GOOD;
}

/* The whole file; false with the reason on stderr. A file that is not there is empty. */
static bool config_read_old(const char *path, struct slice *out)
{
    FILE *in = fopen(path, "re");
    size_t len = 0;
    bool good = false;

    *out = slice_from(config_old, 0);
    if (in == NULL && errno == ENOENT) {
        return true;
    }
    if (in == NULL) {
        (void)baleen_fail("%s: %s", path, strerror(errno));
        return false;
    }
    len = fread(config_old, 1, sizeof(config_old), in);
    good = !ferror(in) && len < sizeof(config_old);
    fclose(in);
    if (!good) {
        (void)baleen_fail("%s: cannot be read, or too large", path);
    }
    *out = slice_from(config_old, len);
    return good;
}

/* Makes `fd` look like the file it replaces, as far as that is allowed. */
static void config_take_attributes(int fd, const char *path)
{
    struct stat facts;
    int r = 0;

    if (stat(path, &facts) != 0) {
        (void)fchmod(fd, 0644);
        return;
    }
    r = fchown(fd, facts.st_uid, facts.st_gid);
    if (r != 0) {
        /* Somebody else's file in a folder of ours: it becomes ours, with the same mode. */
        errno = 0;
    }
    (void)fchmod(fd, facts.st_mode & 07777);
}

static bool config_write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.ptr, bytes.len);

        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return false;
        }
        bytes = slice_skip(bytes, (size_t)put);
    }
    return fsync(fd) == 0;
}

/* Whether the file `beside` means what was asked for; the reason is on stderr when not. */
static bool config_is_as_wanted(const char *beside)
{
    static char blocks[2][CONFIG_TEXT_CAP];
    struct text got = text_over(blocks[0], CONFIG_TEXT_CAP);
    struct text wanted = text_over(blocks[1], CONFIG_TEXT_CAP);
    char error[CONFIG_ERROR_CAP];

    if (!config_load(&config_got, beside, NULL, 0, error)) {
        const char *reason = strstr(error, ": ");

        (void)baleen_fail("the changed file would not be good%s; nothing was changed",
                          reason != NULL ? reason : "");
        return false;
    }
    config_write(&config_got, &got);
    config_write(&config_wanted, &wanted);
    if (!slice_equal(text_slice(&got), text_slice(&wanted))) {
        (void)baleen_fail("this file has to be changed by hand; nothing was changed");
        return false;
    }
    return true;
}

/* Writes beside the file, checks, renames. */
static int config_replace(const char *path, struct slice bytes)
{
    char beside[PATH_MAX];
    int fd = -1;
    int code = BALEEN_EXIT_ERROR;

    if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside)) {
        return baleen_fail("%s: %s", path, strerror(ENAMETOOLONG));
    }
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) {
        return baleen_fail("%s: %s", path, strerror(errno));
    }
    config_take_attributes(fd, path);
    if (!config_write_all(fd, bytes)) {
        (void)baleen_fail("%s: %s", beside, strerror(errno));
    } else if (config_is_as_wanted(beside)) {
        if (rename(beside, path) == 0) {
            code = BALEEN_EXIT_GOOD;
        } else {
            (void)baleen_fail("%s: %s", path, strerror(errno));
        }
    }
    close(fd);
    if (code != BALEEN_EXIT_GOOD) {
        (void)unlink(beside);
    }
    return code;
}

/* Turns what the user typed into one line of YAML in `out` and fills config_wanted. */
static bool config_want(const char *path, const struct config_override *change, struct text *out)
{
    char error[CONFIG_ERROR_CAP];
    const char *file = access(path, F_OK) == 0 ? path : NULL;

    /* The file alone first, so that a mistake in it is told as such. */
    if (!config_load(&config_now, file, NULL, 0, error) ||
        !config_load(&config_wanted, file, change, 1, error)) {
        fprintf(stderr, "%s\n", error);
        return false;
    }
    if (!config_get(&config_wanted, change->key, out)) {
        (void)baleen_fail("'%s' is a section; set its keys one by one", change->key);
        return false;
    }
    return true;
}

static int config_set_main(const struct baleen_args *args)
{
    struct text value = text_over(config_text, sizeof(config_text) - 1);
    struct text edited = text_over(config_edited, sizeof(config_edited));
    char path[PATH_MAX];
    struct slice old;

    if (args->argc != 4) {
        return baleen_misuse("config", "set takes a key and a value");
    }
    if (args->file == NULL) {
        return baleen_misuse("config", "set needs -c FILE, the file to change");
    }
    /* The rename must hit the file, not a link to it. */
    if (realpath(args->file, path) == NULL &&
        (errno != ENOENT || strlen(args->file) >= sizeof(path))) {
        return baleen_fail("%s: %s", args->file, strerror(errno));
    }
    if (access(args->file, F_OK) != 0) {
        memcpy(path, args->file, strlen(args->file) + 1);
    }
    const struct config_override change = {args->argv[2], args->argv[3]};

    if (!config_want(path, &change, &value) || !config_read_old(path, &old)) {
        return BALEEN_EXIT_ERROR;
    }
    config_text[value.len] = '\0';
    if (!baleen_edit_set(old, change.key, config_text, &edited) || edited.overflowed) {
        return baleen_fail("%s has to be changed by hand", path);
    }
    return config_replace(path, text_slice(&edited));
}

int baleen_config_main(const struct baleen_args *args)
{
    static const struct {
        const char *name;
        int (*run)(const struct baleen_args *args);
    } verbs[] = {
        {"check", config_check_main},
        {"get", config_get_main},
        {"reference", config_reference_main},
        {"set", config_set_main},
    };
    const char *verb = args->argc > 1 ? args->argv[1] : "";

    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
        fputs(config_help, stdout);
        return BALEEN_EXIT_GOOD;
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(verb, verbs[i].name) == 0) {
            return verbs[i].run(args);
        }
    }
    if (verb[0] == '\0') {
        return baleen_misuse("config", "get, set, check or reference?");
    }
    return baleen_misuse("config", "there is no 'config %s'", verb);
}
