/* SPDX-License-Identifier: MIT */
#include "base/err.h"
#include "defs/package_private.h"
#include "defs/whole.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct unpack {
    const struct package *package;
    struct archive *tar;
    package_take_fn take; /* May be NULL. */
    void *ctx;
    char *error;
};

/* The data of the entry under way, which must be what the manifest says, byte for byte. */
static bool unpack_data(const struct unpack *unpack, const struct manifest_file *file,
                        uint8_t *bytes)
{
    uint8_t digest[DEFS_DIGEST_LEN];
    uint64_t len = 0;
    la_ssize_t n;

    /* One byte more than there may be, so that a longer file shows. */
    do {
        n = archive_read_data(unpack->tar, bytes + len, (size_t)(file->len + 1 - len));
        len += n > 0 ? (uint64_t)n : 0;
    } while (n > 0 && len <= file->len);
    return (n == 0 && len == file->len &&
            EVP_Digest(bytes, (size_t)len, digest, NULL, EVP_sha256(), NULL) == 1 &&
            memcmp(digest, file->digest, sizeof(digest)) == 0) ||
           package_refuse(unpack->error, "%s: not the file that the manifest describes",
                          file->path);
}

static bool unpack_file(const struct unpack *unpack, const struct manifest_file *file)
{
    uint8_t *bytes = malloc((size_t)file->len + 1);
    bool good;
    int r = 0;

    if (!bytes) {
        return package_refuse(unpack->error, "%s: no memory", file->path);
    }
    good = unpack_data(unpack, file, bytes);
    if (good && unpack->take) {
        r = unpack->take(unpack->ctx, file->path, slice_from(bytes, (size_t)file->len));
    }
    free(bytes);
    return r == 0 ? good : package_refuse(unpack->error, "%s: %s", file->path, strerror(-r));
}

/* The tar holds the manifest's files, in its order, and nothing else. */
static bool unpack_entries(const struct unpack *unpack)
{
    const struct vec *files = &unpack->package->manifest.files;
    struct archive_entry *entry;

    for (size_t i = 0; i < files->len; i++) {
        const struct manifest_file *file = vec_at(files, i);
        const char *name;

        if (archive_read_next_header(unpack->tar, &entry) != ARCHIVE_OK) {
            return package_refuse(unpack->error, "%s: missing in the tar", file->path);
        }
        name = archive_entry_pathname(entry);
        if (!name || strcmp(name, file->path) != 0 || archive_entry_filetype(entry) != AE_IFREG) {
            return package_refuse(unpack->error, "the tar and the manifest differ at %s",
                                  file->path);
        }
        if (!unpack_file(unpack, file)) {
            return false;
        }
    }
    return archive_read_next_header(unpack->tar, &entry) == ARCHIVE_EOF ||
           package_refuse(unpack->error, "more in the tar than in the manifest");
}

bool package_walk(const struct package *package, package_take_fn take, void *ctx,
                  char error[DEFS_ERROR_CAP])
{
    struct unpack unpack = {.package = package, .take = take, .ctx = ctx, .error = error};
    struct package_tar tar;
    bool good;

    if (package->is_delta) {
        return package_refuse(error, "a delta has to be applied to a package first");
    }
    if (!package_read_tar(package, NULL, &tar, error)) {
        return false;
    }
    unpack.tar = archive_read_new();
    good = unpack.tar && archive_read_support_format_tar(unpack.tar) == ARCHIVE_OK &&
           archive_read_open_memory(unpack.tar, tar.base, tar.len) == ARCHIVE_OK;
    good = good ? unpack_entries(&unpack) : package_refuse(error, "no tar");
    (void)archive_read_free(unpack.tar);
    package_tar_free(&tar);
    return good;
}

/* ---- Into a folder ---- */

/* The folders that a path lies in, from the outermost on. */
static int folder_make_above(int dir_fd, const char *path)
{
    char folder[MANIFEST_PATH_MAX + 1];

    for (size_t i = 0; path[i] != '\0'; i++) {
        if (path[i] == '/') {
            folder[i] = '\0';
            if (mkdirat(dir_fd, folder, 0755) < 0 && errno != EEXIST) {
                return ERR_NEW(-errno);
            }
        }
        folder[i] = path[i];
    }
    return 0;
}

static int folder_take(void *ctx, const char *path, struct slice bytes)
{
    const int *dir_fd = ctx;
    int r = folder_make_above(*dir_fd, path);
    int fd;

    if (r) {
        return ERR_PASS(r);
    }
    fd = openat(*dir_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        return ERR_NEW(-errno);
    }
    if (!whole_write(fd, bytes)) {
        r = ERR_NEW(-errno);
    }
    if (close(fd) < 0 && r == 0) {
        r = ERR_NEW(-errno);
    }
    return r;
}

bool package_unpack(const struct package *package, int dir_fd, char error[DEFS_ERROR_CAP])
{
    return package_walk(package, folder_take, &dir_fd, error);
}

bool package_check(const struct package *package, char error[DEFS_ERROR_CAP])
{
    return package_walk(package, NULL, NULL, error);
}
