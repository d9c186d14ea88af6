/* SPDX-License-Identifier: MIT */
#include "bench/load/load_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOAD_FILES_MAX  ((size_t)1000000)
#define LOAD_FOLDER_MAX 64

/* A walk in progress. */
struct load_walk {
    struct load_files *files;
    size_t cap;
    const struct load_why *why;
};

static bool load_walk_fail(const struct load_walk *walk, const char *path)
{
    return load_why_set(walk->why, "%s: %s", path, strerror(errno));
}

static bool load_walk_add(struct load_walk *walk, const char *path, size_t size)
{
    struct load_files *files = walk->files;

    if (files->len == LOAD_FILES_MAX) {
        return load_why_set(walk->why, "%s: more than a million files", path);
    }
    if (files->len == walk->cap) {
        const size_t more = MAX_OF(walk->cap * 2, (size_t)64);
        struct load_file *list = reallocarray(files->files, more, sizeof(*list));

        if (list == NULL) {
            return load_walk_fail(walk, path);
        }
        files->files = list;
        walk->cap = more;
    }
    char *copy = strdup(path);

    if (copy == NULL) {
        return load_walk_fail(walk, path);
    }
    files->files[files->len++] = (struct load_file){copy, size};
    files->bytes += size;
    return true;
}

static bool load_walk_enter(struct load_walk *walk, const char *path, unsigned depth);

static bool load_walk_below(struct load_walk *walk, const char *folder, const char *name,
                            unsigned depth)
{
    char *path = NULL;

    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        return load_walk_fail(walk, folder);
    }
    const bool ok = load_walk_enter(walk, path, depth);

    free(path);
    return ok;
}

static int load_walk_skip_dots(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Not alphasort: the order must not depend on the locale. */
static int load_walk_compare(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool load_walk_folder(struct load_walk *walk, const char *path, unsigned depth)
{
    struct dirent **entries = NULL;
    bool ok = true;

    if (depth == LOAD_FOLDER_MAX) {
        return load_why_set(walk->why, "%s: more than %d folders deep", path, LOAD_FOLDER_MAX);
    }
    const int len = scandir(path, &entries, load_walk_skip_dots, load_walk_compare);

    if (len < 0) {
        return load_walk_fail(walk, path);
    }
    for (int i = 0; i < len; i++) {
        ok = ok && load_walk_below(walk, path, entries[i]->d_name, depth + 1);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

/* Regular files and folders; what is neither is passed over below a folder. */
static bool load_walk_enter(struct load_walk *walk, const char *path, unsigned depth)
{
    struct stat info;

    if (lstat(path, &info) != 0) {
        return load_walk_fail(walk, path);
    }
    if (S_ISDIR(info.st_mode)) {
        return load_walk_folder(walk, path, depth);
    }
    if (S_ISREG(info.st_mode)) {
        return load_walk_add(walk, path, (size_t)info.st_size);
    }
    if (depth > 0) {
        return true;
    }
    return load_why_set(walk->why, "%s: neither a file nor a folder%s", path,
                        S_ISLNK(info.st_mode) ? ", and links are not followed" : "");
}

static bool load_files_is_link(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

bool load_files_list(struct load_files *files, const char *path, const struct load_why *why)
{
    struct load_walk walk = {.files = files, .why = why};

    *files = (struct load_files){0};
    /* The link itself would be gone from its real path. */
    char *real = load_files_is_link(path) ? strdup(path) : realpath(path, NULL);
    bool ok = real != NULL ? load_walk_enter(&walk, real, 0) : load_walk_fail(&walk, path);

    free(real);
    if (ok && files->len == 0) {
        ok = load_why_set(why, "%s: no regular file below it", path);
    }
    if (!ok) {
        load_files_free(files);
    }
    return ok;
}

void load_files_free(struct load_files *files)
{
    for (size_t i = 0; i < files->len; i++) {
        free(files->files[i].path);
    }
    free(files->files);
    *files = (struct load_files){0};
}

/* Reads until `len` bytes are there or the file ends; -1 on failure. */
static ssize_t load_files_read_fd(int fd, uint8_t *out, size_t len)
{
    size_t done = 0;

    while (done < len) {
        const ssize_t n = read(fd, out + done, len - done);

        if (n == 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)done;
}

bool load_files_read(const struct load_file *file, uint8_t *out, const struct load_why *why)
{
    const int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0) {
        return load_why_set(why, "%s: %s", file->path, strerror(errno));
    }
    const ssize_t len = load_files_read_fd(fd, out, file->size);
    const int error = errno;

    close(fd);
    if (len < 0) {
        return load_why_set(why, "%s: %s", file->path, strerror(error));
    }
    if ((size_t)len < file->size) {
        return load_why_set(why, "%s: became shorter while it was read", file->path);
    }
    return true;
}

const char *load_files_type(const char *path)
{
    static const struct {
        const char *suffix;
        const char *type;
    } types[] = {
        {".html", "text/html"},      {".htm", "text/html"},         {".css", "text/css"},
        {".js", "text/javascript"},  {".json", "application/json"}, {".txt", "text/plain"},
        {".xml", "application/xml"}, {".jpg", "image/jpeg"},        {".jpeg", "image/jpeg"},
        {".png", "image/png"},       {".gif", "image/gif"},         {".webp", "image/webp"},
        {".svg", "image/svg+xml"},   {".pdf", "application/pdf"},   {".zip", "application/zip"},
        {".gz", "application/gzip"}, {".tar", "application/x-tar"}, {".woff2", "font/woff2"},
    };
    const char *suffix = strrchr(path, '.');

    for (size_t i = 0; suffix != NULL && i < ARRAY_LEN(types); i++) {
        if (strcasecmp(suffix, types[i].suffix) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

bool load_files_read_whole(const char *path, size_t max, struct slice *out,
                           const struct load_why *why)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;

    if (fd < 0 || fstat(fd, &info) != 0) {
        const int error = errno;

        if (fd >= 0) {
            close(fd);
        }
        return load_why_set(why, "%s: %s", path, strerror(error));
    }
    const bool fits = S_ISREG(info.st_mode) && (uint64_t)info.st_size <= max;
    const size_t len = fits ? (size_t)info.st_size : 0;
    uint8_t *block = fits ? malloc(MAX_OF(len, (size_t)1)) : NULL;
    const ssize_t got = block != NULL ? load_files_read_fd(fd, block, len) : -1;

    close(fd);
    if (got < 0) {
        free(block);
        return load_why_set(why, "%s: not a regular file of at most %zu bytes", path, max);
    }
    *out = slice_from(block, (size_t)got);
    return true;
}

void load_files_free_whole(struct slice text)
{
    union {
        const uint8_t *bytes;
        void *block;
    } owned = {.bytes = text.ptr};

    free(owned.block);
}
