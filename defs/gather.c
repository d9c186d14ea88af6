/* SPDX-License-Identifier: MIT */
#include "defs/gather.h"

#include "base/assert.h"
#include "base/err.h"
#include "defs/cvd.h"
#include "defs/folder.h"
#include "defs/package.h"
#include "defs/setinfo.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static_assert(sizeof(((struct gather *)0)->file_path) >= PATH_MAX, "a path fits");

/* One line whatever a path or a library puts into it. */
static void gather_clean(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = '?';
        }
    }
}

bool gather_refuse(char error[DEFS_ERROR_CAP], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(error, DEFS_ERROR_CAP, format, args);
    va_end(args);
    gather_clean(error);
    return false;
}

static bool gather_refuse_memory(struct gather *gather)
{
    return gather_refuse(gather->error, "%.300s: no memory", gather->job->path);
}

static bool gather_join(char out[PATH_MAX], const char *folder, const char *name)
{
    const size_t len = strlen(folder);
    const char *sep = len > 0 && folder[len - 1] == '/' ? "" : "/";
    const int n = snprintf(out, PATH_MAX, "%s%s%s", folder, sep, name);

    return n >= 0 && n < PATH_MAX;
}

/* ---- Files ---- */

static bool gather_open_file(struct gather *gather, const char *name, int *out_fd)
{
    int64_t written_sec = 0;
    const int r = folder_open_file(gather->folder, name, out_fd, &written_sec);

    if (r < 0) {
        return gather_refuse(gather->error, "%.300s: %s", gather->file_path,
                             r == -EINVAL ? "not a regular file" : strerror(-r));
    }
    gather->newest_sec = MAX_OF(gather->newest_sec, written_sec);
    return true;
}

static ssize_t gather_read(int fd, uint8_t *out, size_t cap)
{
    ssize_t n;

    do {
        n = read(fd, out, MIN_OF(cap, FOLDER_PIECE_MAX));
    } while (n < 0 && errno == EINTR);
    return n;
}

/* Into `*bytes`, which grows; whatever it returns, the caller has it. */
static int gather_read_into(int fd, size_t cap, size_t room, uint8_t **bytes, size_t *out_len)
{
    size_t len = 0;

    for (;;) {
        uint8_t *grown = len == 0 || len == cap ? realloc(*bytes, cap) : *bytes;

        if (grown == NULL) {
            return ERR_NEW(-ENOMEM);
        }
        *bytes = grown;

        const ssize_t n = gather_read(fd, grown + len, cap - len);

        if (n < 0) {
            return ERR_NEW(-errno);
        }
        if (n == 0) {
            *out_len = len;
            return 0;
        }
        len += (size_t)n;
        if (len > room) {
            return ERR_NEW(-EFBIG);
        }
        cap = len == cap ? MIN_OF(cap * 2, room + 1) : cap;
    }
}

/* Reads until there is no more, whatever the length was when the file was opened. */
static int gather_read_all(int fd, size_t room, uint8_t **out_bytes, size_t *out_len)
{
    struct stat st;
    const size_t cap = fstat(fd, &st) == 0 && st.st_size > 0 ? (size_t)st.st_size + 1 : KIB(64);
    uint8_t *bytes = NULL;
    const int r = gather_read_into(fd, MIN_OF(cap, room + 1), room, &bytes, out_len);

    if (r < 0) {
        free(bytes);
        return ERR_PASS(r);
    }
    *out_bytes = bytes;
    return 0;
}

/* Takes `bytes` over, also when it fails. */
static bool gather_add_file(struct gather *gather, enum source_kind kind, uint8_t *bytes,
                            size_t len)
{
    struct gather_file file = {
        .path = strdup(gather->file_path),
        .bytes = bytes,
        .len = len,
        .set = (uint32_t)gather->sets.len,
        .kind = kind,
    };

    if (file.path == NULL || vec_append(&gather->files, &file, 1) == NULL) {
        free(file.path);
        free(bytes);
        return gather_refuse_memory(gather);
    }

    struct gather_file *kept = vec_at(&gather->files, gather->files.len - 1);
    const char *slash = strrchr(kept->path, '/');

    kept->name = slash != NULL ? slash + 1 : kept->path;
    gather->bytes_len += len;
    sum_add_number(&gather->sum, kind);
    sum_add(&gather->sum, slice_from_str(kept->name));
    sum_add(&gather->sum, slice_from(bytes, len));
    return true;
}

/* Whether the bytes of such a file are looked at at all. */
static bool gather_is_read(enum source_kind kind)
{
    return source_is_lines(kind) || kind == SOURCE_YARA || kind == SOURCE_CONTAINER;
}

/* A member of the container whose path is file_path. */
static int gather_on_member(void *ctx, const char *name, uint8_t *bytes, size_t len)
{
    struct gather *gather = ctx;
    const enum source_kind kind = source_find_kind(name);
    const size_t path_len = strlen(gather->file_path);
    bool good = true;

    if (kind == SOURCE_FOREIGN || kind == SOURCE_CONTAINER) {
        free(bytes);
        return 0;
    }
    if (!gather_is_read(kind)) {
        free(bytes);
        bytes = NULL;
        len = 0;
    }
    if (path_len + strlen(name) + 1 >= PATH_MAX || len > GATHER_BYTES_MAX - gather->bytes_len) {
        free(bytes);
        return ERR_NEW(-E2BIG);
    }
    (void)snprintf(gather->file_path + path_len, PATH_MAX - path_len, "/%s", name);
    good = gather_add_file(gather, kind, bytes, len);
    gather->file_path[path_len] = '\0';
    return good ? 0 : ERR_NEW(-ENOMEM);
}

/* A signature that lies beside the container, malloc'ed; NULL when it is not there. */
static uint8_t *gather_read_signature(const struct gather *gather, const struct cvd *cvd,
                                      size_t *out_len)
{
    char name[CVD_NAME_CAP];
    int64_t written_sec;
    uint8_t *bytes = NULL;
    int fd;

    if (gather->folder == NULL || !cvd_name_signature(cvd, name) ||
        folder_open_file(gather->folder, name, &fd, &written_sec) < 0) {
        return NULL;
    }
    if (gather_read_all(fd, CVD_SIGN_MAX, &bytes, out_len) < 0) {
        bytes = NULL;
    }
    close(fd);
    return bytes;
}

/* Takes `bytes` over. */
static bool gather_open_container(struct gather *gather, const char *name, uint8_t *bytes,
                                  size_t len)
{
    char error[CVD_ERROR_CAP];
    struct cvd cvd = {
        .name = name,
        .file = slice_from(bytes, len),
        .keys = gather->job->keys,
        .require_signature = gather->job->require_signature,
    };
    size_t signature_len = 0;
    uint8_t *signature = gather_read_signature(gather, &cvd, &signature_len);

    cvd.signature = slice_from(signature, signature != NULL ? signature_len : 0);

    const int r = cvd_open(&cvd, gather_on_member, gather, error);

    free(signature);
    free(bytes);
    if (r == CVD_OK) {
        return true;
    }
    return gather_refuse(gather->error, "%.250s: %s", gather->file_path,
                         r < 0 ? strerror(-r) : error);
}

static bool gather_add_bytes(struct gather *gather, enum source_kind kind, const char *name,
                             uint8_t *bytes, size_t len)
{
    return kind == SOURCE_CONTAINER ? gather_open_container(gather, name, bytes, len)
                                    : gather_add_file(gather, kind, bytes, len);
}

static bool gather_read_file(struct gather *gather, enum source_kind kind, const char *name)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    int fd = -1;

    if (!gather_open_file(gather, name, &fd)) {
        return false;
    }

    const int r = gather_is_read(kind)
                      ? gather_read_all(fd, GATHER_BYTES_MAX - gather->bytes_len, &bytes, &len)
                      : 0;

    close(fd);
    if (r < 0) {
        return gather_refuse(gather->error, "%.300s: %s", gather->file_path, strerror(-r));
    }
    return gather_add_bytes(gather, kind, name, bytes, len);
}

static bool gather_read_info(struct gather *gather)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    int fd = -1;

    if (!gather_open_file(gather, SETINFO_FILE, &fd)) {
        return false;
    }

    const int r = gather_read_all(fd, SETINFO_FILE_MAX - 1, &bytes, &len);

    close(fd);
    if (r < 0) {
        return gather_refuse(gather->error, "%.300s: %s", gather->file_path,
                             r == -EFBIG ? "too long for what it holds" : strerror(-r));
    }
    gather->info = bytes;
    gather->info_len = len;
    return true;
}

static bool gather_name_file(struct gather *gather, const char *name)
{
    return gather_join(gather->file_path, gather->set.path, name)
               ? true
               : gather_refuse(gather->error, "%.300s: %s", gather->set.path,
                               strerror(ENAMETOOLONG));
}

static bool gather_take_entry(struct gather *gather, const struct folder_entry *entry)
{
    const enum source_kind kind =
        entry->is_folder ? source_find_folder(entry->name) : source_find_kind(entry->name);

    if (!gather_name_file(gather, entry->name)) {
        return false;
    }
    if (!entry->is_folder && strcmp(entry->name, SETINFO_FILE) == 0) {
        return gather_read_info(gather);
    }
    if (kind == SOURCE_FOREIGN) {
        return true;
    }
    return entry->is_folder ? gather_add_file(gather, kind, NULL, 0)
                            : gather_read_file(gather, kind, entry->name);
}

/* ---- Sets ---- */

static bool gather_holds(const struct folder *folder, const char *name)
{
    for (size_t i = 0; i < folder->len; i++) {
        if (!folder->entries[i].is_folder && strcmp(folder->entries[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a file makes the folder a set. */
static bool gather_has_files(const struct folder *folder)
{
    for (size_t i = 0; i < folder->len; i++) {
        if (!folder->entries[i].is_folder &&
            source_find_kind(folder->entries[i].name) != SOURCE_FOREIGN) {
            return true;
        }
    }
    return gather_holds(folder, SETINFO_FILE);
}

/* Whether a folder of lists makes it one. */
static bool gather_has_lists(const struct folder *folder)
{
    for (size_t i = 0; i < folder->len; i++) {
        if (folder->entries[i].is_folder &&
            source_find_folder(folder->entries[i].name) != SOURCE_FOREIGN) {
            return true;
        }
    }
    return false;
}

/* The last part of the set's path; "." and the like are looked up. */
static void gather_name_set(const struct gather *gather, char out[NAME_MAX + 1])
{
    char real[PATH_MAX];
    const char *path = gather->set.path;
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

/* The times of all files are known by now. */
static bool gather_describe_set(struct gather *gather)
{
    char name[NAME_MAX + 1];

    gather_name_set(gather, name);
    setinfo_init(&gather->set.meta, name, gather->newest_sec);
    sum_add(&gather->sum, slice_from(gather->info, gather->info_len));
    if (gather->info == NULL) {
        return true;
    }
    if (!gather_name_file(gather, SETINFO_FILE)) {
        return false;
    }
    if (!setinfo_parse(slice_from(gather->info, gather->info_len), gather->file_path,
                       &gather->set.meta, gather->error)) {
        gather_clean(gather->error);
        return false;
    }
    return true;
}

static void gather_drop_info(struct gather *gather)
{
    free(gather->info);
    gather->info = NULL;
    gather->info_len = 0;
}

static bool gather_keep_set(struct gather *gather)
{
    if (gather->sets.len == 0) {
        gather->meta = gather->set.meta;
    } else {
        setinfo_merge(&gather->meta, &gather->set.meta);
    }
    if (vec_append(&gather->sets, &gather->set, 1) == NULL) {
        return gather_refuse_memory(gather);
    }
    gather->set = (struct gather_set){0};
    return true;
}

static bool gather_begin_set(struct gather *gather, const char *path)
{
    gather->newest_sec = 0;
    gather_drop_info(gather);
    gather->set = (struct gather_set){.path = strdup(path)};
    sum_add(&gather->sum, SLICE_OF("set"));
    return gather->set.path != NULL ? true : gather_refuse_memory(gather);
}

static bool gather_take_set(struct gather *gather, const struct folder *folder, const char *path)
{
    if (gather->job->require_signature) {
        return gather_refuse(gather->error,
                             "%.300s: the set is not signed and definitions.require_signature is "
                             "set",
                             path);
    }
    gather->folder = folder;
    if (!gather_begin_set(gather, path)) {
        return false;
    }
    for (size_t i = 0; i < folder->len; i++) {
        if (!gather_take_entry(gather, &folder->entries[i])) {
            return false;
        }
    }
    return gather_describe_set(gather) && gather_keep_set(gather);
}

/* ---- Packages ---- */

static bool gather_copy(struct gather *gather, struct slice bytes, uint8_t **out_copy)
{
    if (bytes.len > GATHER_BYTES_MAX - gather->bytes_len) {
        return gather_refuse(gather->error, "%.300s: %s", gather->file_path, strerror(EFBIG));
    }
    *out_copy = malloc(MAX_OF(bytes.len, 1));
    if (*out_copy == NULL) {
        return gather_refuse_memory(gather);
    }
    if (bytes.len > 0) {
        memcpy(*out_copy, bytes.ptr, bytes.len);
    }
    return true;
}

/* A folder of lists is one entry, whatever it holds. */
static bool gather_take_list(struct gather *gather, const char *path, size_t folder_len)
{
    char name[NAME_MAX + 1];

    (void)snprintf(name, sizeof(name), "%.*s", (int)MIN_OF(folder_len, (size_t)NAME_MAX), path);

    const enum source_kind kind = source_find_folder(name);

    if (kind == SOURCE_FOREIGN) {
        return true;
    }
    if (!gather_name_file(gather, name)) {
        return false;
    }
    for (size_t i = gather->files.len; i > 0; i--) {
        const struct gather_file *file = gather_file_at(gather, i - 1);

        if (file->set == gather->sets.len && strcmp(file->path, gather->file_path) == 0) {
            return true;
        }
    }
    return gather_add_file(gather, kind, NULL, 0);
}

static bool gather_take_packed(struct gather *gather, const char *path, struct slice bytes)
{
    const char *slash = strchr(path, '/');
    const enum source_kind kind = source_find_kind(path);
    const bool is_info = strcmp(path, SETINFO_FILE) == 0;
    uint8_t *copy = NULL;

    if (slash != NULL) {
        return gather_take_list(gather, path, (size_t)(slash - path));
    }
    if (!is_info && kind == SOURCE_FOREIGN) {
        return true;
    }
    if (!gather_name_file(gather, path)) {
        return false;
    }
    if ((is_info || gather_is_read(kind)) && !gather_copy(gather, bytes, &copy)) {
        return false;
    }
    if (is_info) {
        gather_drop_info(gather);
        gather->info = copy;
        gather->info_len = bytes.len;
        return true;
    }
    return gather_add_bytes(gather, kind, path, copy, copy != NULL ? bytes.len : 0);
}

static int gather_on_packed(void *ctx, const char *path, struct slice bytes)
{
    return gather_take_packed(ctx, path, bytes) ? 0 : ERR_NEW(-ECANCELED);
}

/* What the package says of itself comes with its name in front; what is ours has it already. */
static bool gather_refuse_package(struct gather *gather, const char *path, const char *why)
{
    if (gather->error[0] == '\0') {
        (void)gather_refuse(gather->error, "%.300s: %.180s", path, why);
    }
    return false;
}

static bool gather_walk_package(struct gather *gather, const struct package *package,
                                const char *path)
{
    char why[DEFS_ERROR_CAP];

    if (!package_trust(package, gather->job->keys, gather->job->require_signature, why)) {
        return gather_refuse_package(gather, path, why);
    }
    gather->folder = NULL;
    if (!gather_begin_set(gather, path)) {
        return false;
    }
    if (!package_walk(package, gather_on_packed, gather, why)) {
        return gather_refuse_package(gather, path, why);
    }
    return gather_describe_set(gather) && gather_keep_set(gather);
}

static bool gather_take_package(struct gather *gather, int fd, const char *path)
{
    struct package package;
    char why[DEFS_ERROR_CAP];

    gather->error[0] = '\0';
    if (!package_open(&package, fd, why)) {
        return gather_refuse_package(gather, path, why);
    }

    const bool good = gather_walk_package(gather, &package, path);

    package_close(&package);
    return good;
}

/* ---- What there is at the path ---- */

static bool gather_take_below(struct gather *gather, const struct folder *top, const char *name,
                              const char *path)
{
    struct folder folder;
    bool good = true;
    const int r = folder_open(&folder, top->fd, name);

    if (r < 0) {
        return gather_refuse(gather->error, "%.300s: %s", path, strerror(-r));
    }
    if (gather_has_files(&folder) || gather_has_lists(&folder)) {
        good = gather_take_set(gather, &folder, path);
    }
    folder_close(&folder);
    return good;
}

/* A file beside the sets is a package, or nothing of ours. */
static bool gather_take_beside(struct gather *gather, const struct folder *top, const char *name,
                               const char *path)
{
    int64_t written_sec;
    int fd = -1;
    bool good = true;

    if (folder_open_file(top, name, &fd, &written_sec) < 0) {
        return true;
    }
    if (package_is(fd)) {
        good = gather_take_package(gather, fd, path);
    }
    close(fd);
    return good;
}

static bool gather_take_top(struct gather *gather, const struct folder *top)
{
    const char *top_path = gather->job->path;
    char path[PATH_MAX];

    if (gather_has_files(top)) {
        return gather_take_set(gather, top, top_path);
    }
    for (size_t i = 0; i < top->len; i++) {
        const struct folder_entry *entry = &top->entries[i];

        if (!gather_join(path, top_path, entry->name)) {
            return gather_refuse(gather->error, "%.300s: %s", top_path, strerror(ENAMETOOLONG));
        }
        if (!(entry->is_folder ? gather_take_below(gather, top, entry->name, path)
                               : gather_take_beside(gather, top, entry->name, path))) {
            return false;
        }
    }
    if (gather->sets.len > 0) {
        return true;
    }
    /* Last, because a folder of sets may well have a set called "hosts". */
    if (gather_has_lists(top)) {
        return gather_take_set(gather, top, top_path);
    }
    return gather_refuse(gather->error, "%.300s: no definition set in this folder", top_path);
}

static bool gather_take_path(struct gather *gather)
{
    const char *path = gather->job->path;
    struct folder top;
    bool good;
    const int r = folder_open(&top, AT_FDCWD, path);

    if (r == 0) {
        good = gather_take_top(gather, &top);
        folder_close(&top);
        return good;
    }

    const int fd = r == -ENOTDIR ? open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;

    if (fd >= 0 && package_is(fd)) {
        good = gather_take_package(gather, fd, path);
    } else {
        good = gather_refuse(gather->error, "%.300s: %s", path,
                             fd < 0 ? strerror(-r) : "neither a folder nor a package");
    }
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

bool gather_run(struct gather *gather, const struct defs_compile *job, char error[DEFS_ERROR_CAP])
{
    *gather = (struct gather){.job = job};
    gather->error = error;
    gather->files = VEC_OF(struct gather_file);
    gather->sets = VEC_OF(struct gather_set);
    sum_begin(&gather->sum);

    const bool good = gather_take_path(gather);

    gather_drop_info(gather);
    free(gather->set.path);
    gather->set = (struct gather_set){0};
    gather->folder = NULL;
    return sum_end(&gather->sum, gather->content) == 0 ? good : gather_refuse_memory(gather);
}

void gather_free(struct gather *gather)
{
    for (size_t i = 0; i < gather->files.len; i++) {
        struct gather_file *file = vec_at(&gather->files, i);

        free(file->path);
        free(file->bytes);
    }
    for (size_t i = 0; i < gather->sets.len; i++) {
        free(((struct gather_set *)vec_at(&gather->sets, i))->path);
    }
    vec_free(&gather->files);
    vec_free(&gather->sets);
}
