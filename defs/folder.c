/* SPDX-License-Identifier: MIT */
#include "defs/folder.h"

#include "base/err.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int folder_add(struct folder *folder, const char *name, bool is_folder)
{
    if (folder->len == FOLDER_ENTRIES_MAX) {
        return ERR_NEW(-E2BIG);
    }
    if (folder->len == folder->cap) {
        const size_t cap = MAX_OF(folder->cap * 2, 64);
        struct folder_entry *entries = realloc(folder->entries, cap * sizeof(*entries));

        if (entries == NULL) {
            return ERR_NEW(-ENOMEM);
        }
        folder->entries = entries;
        folder->cap = cap;
    }

    char *copy = strdup(name);

    if (copy == NULL) {
        return ERR_NEW(-ENOMEM);
    }
    folder->entries[folder->len++] = (struct folder_entry){copy, is_folder};
    return 0;
}

/* A link that leads nowhere counts as a file: opening it tells. */
static bool folder_is_folder(int fd, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN) {
        return fstatat(fd, entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
    }
    return entry->d_type == DT_DIR;
}

static int folder_list(struct folder *folder, DIR *dir)
{
    for (;;) {
        errno = 0;

        const struct dirent *entry = readdir(dir);

        if (entry == NULL) {
            return errno == 0 ? 0 : ERR_NEW(-errno);
        }
        if (entry->d_name[0] == '.') {
            continue;
        }

        const int r = folder_add(folder, entry->d_name, folder_is_folder(folder->fd, entry));

        if (r < 0) {
            return ERR_PASS(r);
        }
    }
}

static int folder_compare(const void *a, const void *b)
{
    return strcmp(((const struct folder_entry *)a)->name, ((const struct folder_entry *)b)->name);
}

int folder_open(struct folder *folder, int dir_fd, const char *name)
{
    *folder = (struct folder){.fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (folder->fd < 0) {
        return ERR_NEW(-errno);
    }

    /* closedir closes its descriptor, and this one has to stay. */
    const int list_fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = list_fd < 0 ? NULL : fdopendir(list_fd);

    if (dir == NULL) {
        const int r = ERR_NEW(-errno);

        if (list_fd >= 0) {
            close(list_fd);
        }
        folder_close(folder);
        return r;
    }

    const int r = folder_list(folder, dir);

    closedir(dir);
    if (r < 0) {
        folder_close(folder);
        return ERR_PASS(r);
    }
    if (folder->len > 1) {
        qsort(folder->entries, folder->len, sizeof(*folder->entries), folder_compare);
    }
    return 0;
}

void folder_close(struct folder *folder)
{
    for (size_t i = 0; i < folder->len; i++) {
        free(folder->entries[i].name);
    }
    free(folder->entries);
    if (folder->fd >= 0) {
        close(folder->fd);
    }
    *folder = (struct folder){.fd = -1};
}

int folder_open_file(const struct folder *folder, const char *name, int *out_fd,
                     int64_t *out_written_sec)
{
    const int fd = openat(folder->fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0) {
        return ERR_NEW(-errno);
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return ERR_NEW(-EINVAL);
    }
    *out_fd = fd;
    *out_written_sec = st.st_mtim.tv_sec;
    return 0;
}
