/* SPDX-License-Identifier: MIT */
/*
 * compile - defs_compile: finds the sets, reads their files in one order, and has the image built.
 *
 * All state is on the stack of defs_compile or owned by it, so that a process may compile several
 * times, and a child with limits on memory and time may be killed at any point.
 */
#include "defs/defs.h"

#include "base/assert.h"
#include "base/err.h"
#include "defs/folder.h"
#include "defs/image.h"
#include "defs/lines.h"
#include "defs/setinfo.h"
#include "defs/source.h"
#include "match/build.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COMPILE_READ_CAP KIB(64)

struct compile {
    const struct defs_compile *job;
    struct match_builder *builder;
    uint8_t *line_block;
    uint8_t *read_block;
    struct defs_meta meta;
    struct defs_counts counts;
    unsigned sets;
    uint64_t signatures; /* Lines that can find something. */
    char *error;

    /* The set under way. */
    char set_path[PATH_MAX];
    const struct folder *folder;
    struct defs_counts set_counts;
    int64_t newest_sec;

    /* The file under way. */
    char file_path[PATH_MAX];
    enum source_kind kind;
};

/* One line whatever a path or a library puts into it. */
static void compile_clean(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = '?';
        }
    }
}

/* False, so that callers can return it. */
PRINTF_LIKE(2, 3) static bool compile_refuse(struct compile *compile, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(compile->error, DEFS_ERROR_CAP, format, args);
    va_end(args);
    compile_clean(compile->error);
    return false;
}

static void compile_report(const struct compile *compile, unsigned line, const char *reason)
{
    if (compile->job->report != NULL) {
        compile->job->report(compile->job->report_ctx, compile->file_path, line, reason);
    }
}

static bool compile_join(char out[PATH_MAX], const char *folder, const char *name)
{
    const size_t len = strlen(folder);
    const char *sep = len > 0 && folder[len - 1] == '/' ? "" : "/";
    const int n = snprintf(out, PATH_MAX, "%s%s%s", folder, sep, name);

    return n >= 0 && n < PATH_MAX;
}

static int compile_take_line(void *ctx, unsigned number, struct slice text)
{
    struct compile *compile = ctx;
    char reason[SOURCE_REASON_CAP] = "the line is longer than 65536 bytes";
    int r = SOURCE_UNUSABLE;

    if (text.ptr != NULL) {
        if (text.len == 0 || text.ptr[0] == '#') {
            return 0;
        }
        r = source_take(compile->builder, compile->kind, text, reason);
    }
    if (r < 0) {
        return ERR_PASS(r);
    }
    compile->set_counts.lines++;
    switch ((enum source_status)r) {
    case SOURCE_USED:
        compile->set_counts.used++;
        compile->signatures += compile->kind == SOURCE_BODY || compile->kind == SOURCE_HASH;
        break;
    case SOURCE_SKIPPED:
        compile->set_counts.skipped++;
        break;
    case SOURCE_UNUSABLE:
        compile->set_counts.unusable++;
        compile_report(compile, number, reason);
        break;
    }
    return 0;
}

static_assert(LINES_MAX == 65536, "the reason above says so");

static ssize_t compile_read(int fd, uint8_t *block, size_t cap)
{
    ssize_t n;

    do {
        n = read(fd, block, cap);
    } while (n < 0 && errno == EINTR);
    return n;
}

static int compile_read_lines(struct compile *compile, int fd)
{
    struct lines lines;

    lines_init(&lines, compile->line_block, compile_take_line, compile);
    for (;;) {
        const ssize_t n = compile_read(fd, compile->read_block, COMPILE_READ_CAP);

        if (n < 0) {
            return ERR_NEW(-errno);
        }
        if (n == 0) {
            return lines_end(&lines);
        }

        const int r = lines_feed(&lines, slice_from(compile->read_block, (size_t)n));

        if (r < 0) {
            return ERR_PASS(r);
        }
    }
}

static bool compile_open_file(struct compile *compile, const char *name, int *out_fd)
{
    int64_t written_sec = 0;
    const int r = folder_open_file(compile->folder, name, out_fd, &written_sec);

    if (r < 0) {
        return compile_refuse(compile, "%.300s: %s", compile->file_path,
                              r == -EINVAL ? "not a regular file" : strerror(-r));
    }
    compile->newest_sec = MAX_OF(compile->newest_sec, written_sec);
    return true;
}

static void compile_leave_out(struct compile *compile, const char *what)
{
    char reason[SOURCE_REASON_CAP];

    (void)snprintf(reason, sizeof(reason), "left out: this engine does not match %s", what);
    compile->set_counts.left_out++;
    compile_report(compile, 0, reason);
}

static bool compile_take_file(struct compile *compile, const char *what, const char *name)
{
    int fd = -1;

    if (!compile_open_file(compile, name, &fd)) {
        return false;
    }
    if (compile->kind == SOURCE_LEFT_OUT) {
        close(fd);
        compile_leave_out(compile, what);
        return true;
    }
    compile->set_counts.files++;

    const int r = compile_read_lines(compile, fd);

    close(fd);
    return r == 0 ? true : compile_refuse(compile, "%.300s: %s", compile->file_path, strerror(-r));
}

static bool compile_take_entry(struct compile *compile, const struct folder_entry *entry)
{
    const char *what;

    compile->kind = entry->is_folder ? source_find_folder(entry->name, &what)
                                     : source_find_kind(entry->name, &what);
    if (compile->kind == SOURCE_FOREIGN) {
        return true;
    }
    if (!compile_join(compile->file_path, compile->set_path, entry->name)) {
        return compile_refuse(compile, "%.300s: %s", compile->set_path, strerror(ENAMETOOLONG));
    }
    if (entry->is_folder) {
        compile_leave_out(compile, what);
        return true;
    }
    return compile_take_file(compile, what, entry->name);
}

static bool compile_holds(const struct folder *folder, const char *name)
{
    for (size_t i = 0; i < folder->len; i++) {
        if (!folder->entries[i].is_folder && strcmp(folder->entries[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a file makes the folder a set. */
static bool compile_has_files(const struct folder *folder)
{
    const char *what;

    for (size_t i = 0; i < folder->len; i++) {
        if (!folder->entries[i].is_folder &&
            source_find_kind(folder->entries[i].name, &what) != SOURCE_FOREIGN) {
            return true;
        }
    }
    return compile_holds(folder, SETINFO_FILE);
}

/* Whether a folder of lists makes it one. */
static bool compile_has_lists(const struct folder *folder)
{
    const char *what;

    for (size_t i = 0; i < folder->len; i++) {
        if (folder->entries[i].is_folder &&
            source_find_folder(folder->entries[i].name, &what) != SOURCE_FOREIGN) {
            return true;
        }
    }
    return false;
}

static bool compile_read_info(struct compile *compile, struct defs_meta *meta)
{
    size_t len = 0;
    ssize_t n = 0;
    int fd = -1;

    if (!compile_join(compile->file_path, compile->set_path, SETINFO_FILE)) {
        return compile_refuse(compile, "%.300s: %s", compile->set_path, strerror(ENAMETOOLONG));
    }
    if (!compile_open_file(compile, SETINFO_FILE, &fd)) {
        return false;
    }
    static_assert(SETINFO_FILE_MAX <= COMPILE_READ_CAP, "the file is read into one block");
    do {
        n = compile_read(fd, compile->read_block + len, SETINFO_FILE_MAX - len);
        len += n > 0 ? (size_t)n : 0;
    } while (n > 0 && len < SETINFO_FILE_MAX);

    const int saved = errno;

    close(fd);
    if (n < 0) {
        return compile_refuse(compile, "%.300s: %s", compile->file_path, strerror(saved));
    }
    if (len == SETINFO_FILE_MAX) {
        return compile_refuse(compile, "%.300s: too long for what it holds", compile->file_path);
    }
    if (!setinfo_parse(slice_from(compile->read_block, len), compile->file_path, meta,
                       compile->error)) {
        compile_clean(compile->error);
        return false;
    }
    return true;
}

/* The last part of the set's path; "." and the like are looked up. */
static void compile_name_set(const struct compile *compile, char out[NAME_MAX + 1])
{
    char real[PATH_MAX];
    const char *path = compile->set_path;
    size_t len = strlen(path);
    size_t from;

    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    if (len > 0 && (path[len - 1] == '.' || path[len - 1] == '/') && realpath(path, real) != NULL) {
        path = real;
        len = strlen(path);
    }
    for (from = len; from > 0 && path[from - 1] != '/'; from--) {
    }
    (void)snprintf(out, NAME_MAX + 1, "%.*s", (int)(len - from), path + from);
}

static void compile_add_counts(struct defs_counts *sum, const struct defs_counts *more)
{
    sum->files += more->files;
    sum->left_out += more->left_out;
    sum->lines += more->lines;
    sum->used += more->used;
    sum->skipped += more->skipped;
    sum->unusable += more->unusable;
}

static bool compile_finish_set(struct compile *compile)
{
    struct defs_meta meta;
    char name[NAME_MAX + 1];

    compile_name_set(compile, name);
    setinfo_init(&meta, name, compile->newest_sec);
    if (compile_holds(compile->folder, SETINFO_FILE) && !compile_read_info(compile, &meta)) {
        return false;
    }
    if (compile->set_counts.used == 0) {
        return compile_refuse(compile,
                              "%.300s: nothing in the set is usable (%" PRIu64
                              " lines unusable, %" PRIu64 " skipped, %" PRIu64 " files left out)",
                              compile->set_path, compile->set_counts.unusable,
                              compile->set_counts.skipped, compile->set_counts.left_out);
    }
    compile_add_counts(&compile->counts, &compile->set_counts);
    if (compile->sets == 0) {
        compile->meta = meta;
    } else {
        setinfo_merge(&compile->meta, &meta);
    }
    compile->sets++;
    return true;
}

static bool compile_take_set(struct compile *compile, const struct folder *folder, const char *path)
{
    if (snprintf(compile->set_path, sizeof(compile->set_path), "%s", path) >= PATH_MAX) {
        return compile_refuse(compile, "%.300s: %s", path, strerror(ENAMETOOLONG));
    }
    compile->folder = folder;
    compile->set_counts = (struct defs_counts){0};
    compile->newest_sec = 0;
    for (size_t i = 0; i < folder->len; i++) {
        if (!compile_take_entry(compile, &folder->entries[i])) {
            return false;
        }
    }
    return compile_finish_set(compile);
}

static bool compile_take_below(struct compile *compile, const struct folder *top,
                               const struct folder_entry *entry)
{
    struct folder folder;
    char path[PATH_MAX];
    bool good = true;

    if (!compile_join(path, compile->job->path, entry->name)) {
        return compile_refuse(compile, "%.300s: %s", compile->job->path, strerror(ENAMETOOLONG));
    }

    const int r = folder_open(&folder, top->fd, entry->name);

    if (r < 0) {
        return compile_refuse(compile, "%.300s: %s", path, strerror(-r));
    }
    if (compile_has_files(&folder) || compile_has_lists(&folder)) {
        good = compile_take_set(compile, &folder, path);
    }
    folder_close(&folder);
    return good;
}

static bool compile_take_top(struct compile *compile, const struct folder *top)
{
    if (compile_has_files(top)) {
        return compile_take_set(compile, top, compile->job->path);
    }
    for (size_t i = 0; i < top->len; i++) {
        if (top->entries[i].is_folder && !compile_take_below(compile, top, &top->entries[i])) {
            return false;
        }
    }
    if (compile->sets > 0) {
        return true;
    }
    /* Last, because a folder of sets may well have a set called "hosts". */
    if (compile_has_lists(top)) {
        return compile_take_set(compile, top, compile->job->path);
    }
    return compile_refuse(compile, "%.300s: no definition set in this folder", compile->job->path);
}

static bool compile_check(struct compile *compile)
{
    if (compile->signatures == 0) {
        return compile_refuse(compile, "%.300s: nothing is usable: no signature in the set",
                              compile->job->path);
    }
    if (compile->job->strict && compile->counts.unusable + compile->counts.left_out > 0) {
        return compile_refuse(compile,
                              "%.300s: refused as asked for (strict): %" PRIu64
                              " lines are unusable, %" PRIu64 " files are left out",
                              compile->job->path, compile->counts.unusable,
                              compile->counts.left_out);
    }
    return true;
}

static bool compile_write(struct compile *compile, int fd)
{
    uint8_t *match = NULL;
    size_t match_len = 0;
    int r = match_builder_finish(compile->builder, &match, &match_len);

    if (r != 0) {
        return compile_refuse(compile, "%.300s: cannot be compiled: %s", compile->job->path,
                              r < 0 ? strerror(-r) : match_builder_error(compile->builder));
    }
    r = image_write(fd, &compile->meta, &compile->counts, slice_from(match, match_len));
    free(match);
    return r == 0 ? true
                  : compile_refuse(compile, "%.300s: the image cannot be written: %s",
                                   compile->job->path, strerror(-r));
}

static bool compile_run(struct compile *compile, int fd)
{
    struct folder top;
    int r = match_builder_new(&compile->builder);

    if (r < 0 || compile->line_block == NULL || compile->read_block == NULL) {
        return compile_refuse(compile, "%.300s: no memory", compile->job->path);
    }
    r = folder_open(&top, AT_FDCWD, compile->job->path);
    if (r < 0) {
        return compile_refuse(compile, "%.300s: %s", compile->job->path, strerror(-r));
    }

    const bool good =
        compile_take_top(compile, &top) && compile_check(compile) && compile_write(compile, fd);

    folder_close(&top);
    return good;
}

bool defs_compile(const struct defs_compile *job, int fd, struct defs_meta *out_meta,
                  struct defs_counts *out_counts, char error[DEFS_ERROR_CAP])
{
    struct compile compile = {
        .job = job,
        .line_block = malloc(LINES_MAX),
        .read_block = malloc(COMPILE_READ_CAP),
    };

    compile.error = error;

    const bool good = compile_run(&compile, fd);

    match_builder_free(compile.builder);
    free(compile.line_block);
    free(compile.read_block);
    if (good) {
        *out_meta = compile.meta;
        *out_counts = compile.counts;
    }
    return good;
}
