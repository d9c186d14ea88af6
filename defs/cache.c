/* SPDX-License-Identifier: MIT */
#include "defs/cache.h"

#include "base/clock.h"
#include "base/err.h"
#include "defs/folder.h"
#include "defs/gather.h"
#include "defs/whole.h"
#include "match/vec.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The format; entries of another one are not found. */
static const uint8_t cache_magic[8] = {'B', 'A', 'L', 'C', 'A', 'C', 'H', '1'};

#define CACHE_NAME_CAP (2 * DEFS_DIGEST_LEN + 8)

/* A file that is being written is younger. */
#define CACHE_HALF_SEC 3600

struct cache_header {
    uint8_t magic[8];
    uint64_t len;
    uint8_t digest[DEFS_DIGEST_LEN]; /* Of the key and what follows. */
};

static_assert(sizeof(struct cache_header) == 48, "the layout is part of the format");

struct cache_entry {
    const char *name;
    struct timespec used;
    uint64_t bytes;
};

bool cache_open(struct cache *cache, const char *path, char error[DEFS_ERROR_CAP])
{
    struct stat st;

    *cache = (struct cache){.fd = -1};
    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        return gather_refuse(error, "%.300s: %s", path, strerror(errno));
    }
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0) {
        (void)gather_refuse(error, "%.300s: %s", path, strerror(errno));
    } else if (st.st_uid != geteuid() || (st.st_mode & 022) != 0) {
        (void)gather_refuse(error, "%.300s: must belong to this user and be writable by no other",
                            path);
    } else {
        cache->fd = fd;
        return true;
    }
    if (fd >= 0) {
        close(fd);
    }
    return false;
}

void cache_close(struct cache *cache)
{
    if (cache->fd >= 0) {
        close(cache->fd);
    }
    cache->fd = -1;
}

static void cache_name(enum cache_kind kind, const uint8_t key[DEFS_DIGEST_LEN],
                       char out[CACHE_NAME_CAP])
{
    int at = snprintf(out, CACHE_NAME_CAP, "%s-", kind == CACHE_IMAGE ? "image" : "part");

    for (size_t i = 0; i < DEFS_DIGEST_LEN; i++) {
        at += snprintf(out + at, 3, "%02x", key[i]);
    }
}

static int cache_digest(const uint8_t key[DEFS_DIGEST_LEN], struct slice bytes,
                        uint8_t out[DEFS_DIGEST_LEN])
{
    struct sum sum;

    sum_begin(&sum);
    sum_add(&sum, slice_from(key, DEFS_DIGEST_LEN));
    sum_add(&sum, bytes);
    return sum_end(&sum, out);
}

static bool cache_load_from(int fd, const uint8_t key[DEFS_DIGEST_LEN], uint8_t **out_bytes,
                            size_t *out_len)
{
    struct cache_header header;
    uint8_t digest[DEFS_DIGEST_LEN];
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        !whole_read_at(fd, &header, sizeof(header), 0) ||
        memcmp(header.magic, cache_magic, sizeof(cache_magic)) != 0 ||
        (uint64_t)st.st_size - sizeof(header) != header.len) {
        return false;
    }

    uint8_t *bytes = malloc(MAX_OF(header.len, 1));

    if (bytes == NULL || !whole_read_at(fd, bytes, header.len, sizeof(header)) ||
        cache_digest(key, slice_from(bytes, header.len), digest) < 0 ||
        memcmp(digest, header.digest, sizeof(digest)) != 0) {
        free(bytes);
        return false;
    }
    *out_bytes = bytes;
    *out_len = header.len;
    return true;
}

bool cache_load(const struct cache *cache, enum cache_kind kind, const uint8_t key[DEFS_DIGEST_LEN],
                uint8_t **out_bytes, size_t *out_len)
{
    char name[CACHE_NAME_CAP];

    if (cache->fd < 0) {
        return false;
    }
    cache_name(kind, key, name);
    const int fd = openat(cache->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        return false;
    }
    const bool good = cache_load_from(fd, key, out_bytes, out_len);

    if (good) {
        (void)futimens(fd, NULL);
    }
    close(fd);
    return good;
}

void cache_store(const struct cache *cache, enum cache_kind kind,
                 const uint8_t key[DEFS_DIGEST_LEN], struct slice bytes)
{
    struct cache_header header = {.len = bytes.len};
    char name[CACHE_NAME_CAP];
    char half[64];

    if (cache->fd < 0 || cache_digest(key, bytes, header.digest) < 0) {
        return;
    }
    memcpy(header.magic, cache_magic, sizeof(header.magic));
    cache_name(kind, key, name);
    /* Of two that write the same entry at once, each has a file of its own. */
    (void)snprintf(half, sizeof(half), "half-%ld-%c", (long)getpid(), name[0]);

    const int fd =
        openat(cache->fd, half, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) {
        return;
    }
    if (!whole_write(fd, slice_from(&header, sizeof(header))) || !whole_write(fd, bytes) ||
        renameat(cache->fd, half, cache->fd, name) < 0) {
        (void)unlinkat(cache->fd, half, 0);
    }
    close(fd);
}

/* What was used last comes first. */
static int cache_compare(const void *left, const void *right)
{
    const struct cache_entry *a = left;
    const struct cache_entry *b = right;

    if (a->used.tv_sec != b->used.tv_sec) {
        return a->used.tv_sec > b->used.tv_sec ? -1 : 1;
    }
    return (a->used.tv_nsec < b->used.tv_nsec) - (a->used.tv_nsec > b->used.tv_nsec);
}

static void cache_trim_kind(const struct cache *cache, struct vec *entries, size_t len_max,
                            uint64_t bytes_max)
{
    uint64_t bytes = 0;

    if (entries->len > 1) {
        qsort(entries->ptr, entries->len, entries->item_bytes, cache_compare);
    }
    for (size_t i = 0; i < entries->len; i++) {
        const struct cache_entry *entry = vec_at(entries, i);

        bytes += entry->bytes;
        if (i >= len_max || bytes > bytes_max) {
            (void)unlinkat(cache->fd, entry->name, 0);
        }
    }
}

static bool cache_begins(const char *name, const char *with)
{
    return strncmp(name, with, strlen(with)) == 0;
}

void cache_trim(const struct cache *cache)
{
    struct vec images = VEC_OF(struct cache_entry);
    struct vec parts = VEC_OF(struct cache_entry);
    struct folder folder;

    if (cache->fd < 0 || folder_open(&folder, cache->fd, ".") < 0) {
        return;
    }
    for (size_t i = 0; i < folder.len; i++) {
        const char *name = folder.entries[i].name;
        struct stat st;

        if (fstatat(cache->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            continue;
        }
        const struct cache_entry entry = {name, st.st_mtim, (uint64_t)st.st_size};

        if (cache_begins(name, "image-")) {
            (void)vec_append(&images, &entry, 1);
        } else if (cache_begins(name, "part-")) {
            (void)vec_append(&parts, &entry, 1);
        } else if (cache_begins(name, "half-") &&
                   st.st_mtim.tv_sec + CACHE_HALF_SEC < clock_wall_sec()) {
            (void)unlinkat(cache->fd, name, 0);
        }
    }
    cache_trim_kind(cache, &images, CACHE_IMAGES_MAX, UINT64_MAX);
    cache_trim_kind(cache, &parts, CACHE_PARTS_MAX, CACHE_PARTS_BYTES);
    vec_free(&images);
    vec_free(&parts);
    folder_close(&folder);
}
