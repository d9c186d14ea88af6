/* SPDX-License-Identifier: MIT */
#include "bench/load/load_corpus.h"
#include "bench/load/load_why.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOAD_FILES_A_FOLDER 256
#define LOAD_PATH_CAP       4096

/* Also those above it; one that is there already is as good. */
static bool load_write_folder(const char *path, const struct load_why *why)
{
    char part[LOAD_PATH_CAP];
    const size_t len = strlen(path);

    if (len == 0 || len >= sizeof(part)) {
        return load_why_set(why, "'%.80s' is no name of a folder", path);
    }
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST) {
            return load_why_set(why, "%s: %s", part, strerror(errno));
        }
    }
    return true;
}

static bool load_write_bytes(int fd, struct slice body)
{
    while (body.len > 0) {
        const ssize_t n = write(fd, body.ptr, body.len);

        if (n < 0 && errno != EINTR) {
            return false;
        }
        body = slice_skip(body, n > 0 ? (size_t)n : 0);
    }
    return true;
}

/* Nothing is written over: a folder that holds a corpus already is not the place for another. */
static bool load_write_item(const struct load_item *item, const char *path,
                            const struct load_why *why)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0) {
        return load_why_set(why, "%s: %s", path, strerror(errno));
    }
    const bool ok = load_write_bytes(fd, item->body);
    const int error = errno;

    if (close(fd) != 0 || !ok) {
        return load_why_set(why, "%s: %s", path, strerror(ok ? errno : error));
    }
    return true;
}

bool load_corpus_write(const struct load_corpus *corpus, const char *folder,
                       load_corpus_path_fn take, void *owner, char *why_text, size_t why_cap)
{
    const struct load_why why = load_why_over(why_text, why_cap);
    char path[LOAD_PATH_CAP];

    for (size_t i = 0; i < corpus->items_len; i++) {
        const struct load_item *item = &corpus->items[i];
        const size_t at = i / LOAD_FILES_A_FOLDER;
        int len = snprintf(path, sizeof(path), "%s/%03zu", folder, at);

        if (i % LOAD_FILES_A_FOLDER == 0 && !load_write_folder(path, &why)) {
            return false;
        }
        /* The number in front, because files of different folders may have one name. */
        len += snprintf(path + len, sizeof(path) - (size_t)len, "/%06zu-%s", i, item->name);
        if ((size_t)len >= sizeof(path)) {
            return load_why_set(&why, "'%.80s' is too long a name of a folder", folder);
        }
        if (!load_write_item(item, path, &why)) {
            return false;
        }
        if (take != NULL) {
            take(owner, i, path);
        }
    }
    return true;
}
