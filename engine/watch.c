/* SPDX-License-Identifier: MIT */
#include "engine/watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A set is a folder of folders of lists, not deeper. */
#define WATCH_DEPTH_MAX 4

/* FNV-1a: tells changes apart, protects against nothing. */
static uint64_t watch_mix(uint64_t hash, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ at[i]) * 0x100000001b3ULL;
    }
    return hash;
}

static uint64_t watch_hash_stat(uint64_t hash, const char *name, const struct stat *st)
{
    hash = watch_mix(hash, name, strlen(name));
    hash = watch_mix(hash, &st->st_ino, sizeof(st->st_ino));
    hash = watch_mix(hash, &st->st_mtim, sizeof(st->st_mtim));
    return S_ISDIR(st->st_mode) ? hash : watch_mix(hash, &st->st_size, sizeof(st->st_size));
}

/* Sums over the entries of a folder, so that their order does not matter. */
static uint64_t watch_hash_at(int dir_fd, const char *name, unsigned depth)
{
    struct stat st;
    uint64_t hash = 0xcbf29ce484222325ULL;

    if (fstatat(dir_fd, name, &st, 0) < 0) {
        return 1;
    }
    hash = watch_hash_stat(hash, name, &st);
    if (!S_ISDIR(st.st_mode) || depth >= WATCH_DEPTH_MAX) {
        return hash;
    }
    const int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (!dir) {
        if (fd >= 0) {
            close(fd);
        }
        return hash;
    }
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] != '.') {
            hash += watch_hash_at(fd, entry->d_name, depth + 1);
        }
    }
    closedir(dir);
    return hash;
}

void watch_init(struct watch *watch, const char *path, uint64_t now_ns)
{
    watch->seen = watch_hash_at(AT_FDCWD, path, 0);
    watch->last = watch->seen;
    watch->due_ns = now_ns + WATCH_EVERY_NS;
}

bool watch_run(struct watch *watch, const char *path, uint64_t now_ns)
{
    if (now_ns < watch->due_ns) {
        return false;
    }
    const uint64_t now = watch_hash_at(AT_FDCWD, path, 0);
    const bool settled = now == watch->last && now != watch->seen;

    watch->last = now;
    watch->due_ns = now_ns + WATCH_EVERY_NS;
    if (settled) {
        watch->seen = now;
    }
    return settled;
}
