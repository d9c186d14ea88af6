/* SPDX-License-Identifier: MIT */
#include "defs/folder.h"
#include "defs/package_private.h"
#include "defs/setinfo.h"
#include "defs/whole.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACK_DEPTH_MAX 8

/* A file of the set that is to be packed. */
struct pack_file {
    char path[MANIFEST_PATH_MAX + 1];
};

struct pack {
    const char *path; /* The set's folder. */
    struct manifest manifest;
    struct vec files; /* struct pack_file */
    int64_t newest_sec;
    bool has_info;
    int dir_fd;
    struct archive *tar;
    char *error;
};

/* ---- Which files ---- */

static bool pack_note(struct pack *pack, const char *path)
{
    struct pack_file file;

    (void)snprintf(file.path, sizeof(file.path), "%s", path);
    if (pack->files.len == MANIFEST_FILES_MAX) {
        return package_refuse(pack->error, "%.300s: more than %d files", pack->path,
                              MANIFEST_FILES_MAX);
    }
    return vec_append(&pack->files, &file, 1) || package_refuse(pack->error, "no memory");
}

/* `below` is the folder's path in the set, with a slash at its end, or empty. */
static bool pack_list(struct pack *pack, int dir_fd, const char *name, const char *below,
                      unsigned depth)
{
    struct folder folder;
    bool good = true;
    const int r = folder_open(&folder, dir_fd, name);

    if (r < 0) {
        return package_refuse(pack->error, "%.300s/%s: %s", pack->path, below, strerror(-r));
    }
    for (size_t i = 0; good && i < folder.len; i++) {
        const struct folder_entry *entry = &folder.entries[i];
        char path[MANIFEST_PATH_MAX + 1];
        char inside[MANIFEST_PATH_MAX + 2];

        if (snprintf(path, sizeof(path), "%s%s", below, entry->name) >= (int)sizeof(path) ||
            !manifest_path_ok(path) || depth == PACK_DEPTH_MAX) {
            good = package_refuse(pack->error, "%.200s/%s%s: no path for a package", pack->path,
                                  below, entry->name);
        } else if (entry->is_folder) {
            (void)snprintf(inside, sizeof(inside), "%s/", path);
            good = pack_list(pack, folder.fd, entry->name, inside, depth + 1);
        } else {
            good = pack_note(pack, path);
        }
    }
    folder_close(&folder);
    return good;
}

static int pack_compare(const void *left, const void *right)
{
    const struct pack_file *a = left;
    const struct pack_file *b = right;

    return strcmp(a->path, b->path);
}

/* ---- One file ---- */

/* Reads a regular file of the set whole. NULL with the reason. */
static uint8_t *pack_read(struct pack *pack, const char *path, size_t *out_len)
{
    const int fd = openat(pack->dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    uint8_t *bytes = NULL;
    struct stat st;
    bool good = false;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        (uint64_t)st.st_size < MANIFEST_TAR_MAX) {
        bytes = malloc((size_t)st.st_size + 1);
        pack->newest_sec = MAX_OF(pack->newest_sec, (int64_t)st.st_mtim.tv_sec);
        good = bytes && whole_read_at(fd, bytes, (size_t)st.st_size, 0);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (!good) {
        free(bytes);
        (void)package_refuse(pack->error, "%.300s/%s: cannot be read, or is no regular file",
                             pack->path, path);
        return NULL;
    }
    *out_len = (size_t)st.st_size;
    return bytes;
}

/* No owner and no time: the same files give the same tar. */
static bool pack_put(struct pack *pack, const char *path, struct slice bytes)
{
    struct archive_entry *entry = archive_entry_new();
    struct manifest_file file = {.len = bytes.len};
    bool good;

    (void)snprintf(file.path, sizeof(file.path), "%s", path);
    if (!entry) {
        return package_refuse(pack->error, "no memory");
    }
    archive_entry_set_pathname(entry, path);
    archive_entry_set_size(entry, (int64_t)bytes.len);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_mtime(entry, 0, 0);
    good = archive_write_header(pack->tar, entry) == ARCHIVE_OK &&
           archive_write_data(pack->tar, bytes.ptr, bytes.len) == (la_ssize_t)bytes.len &&
           EVP_Digest(bytes.ptr, bytes.len, file.digest, NULL, EVP_sha256(), NULL) == 1 &&
           vec_append(&pack->manifest.files, &file, 1);
    archive_entry_free(entry);
    return good || package_refuse(pack->error, "%s: cannot be packed", path);
}

/* ---- The set's own description ---- */

static void pack_folder_name(const struct pack *pack, char out[NAME_MAX + 1])
{
    char real[PATH_MAX];
    const char *path = realpath(pack->path, real) ? real : pack->path;
    const char *slash = strrchr(path, '/');

    (void)snprintf(out, NAME_MAX + 1, "%.255s", slash ? slash + 1 : path);
}

/* Reads set.yaml; without one, packs what the set's dates say, so that every host says the same. */
static bool pack_describe(struct pack *pack)
{
    struct defs_meta *meta = &pack->manifest.meta;
    char name[NAME_MAX + 1];
    uint8_t *text;
    size_t len = 0;
    bool good;

    pack_folder_name(pack, name);
    setinfo_init(meta, name, pack->newest_sec);
    if (!pack->has_info) {
        return true;
    }
    text = pack_read(pack, SETINFO_FILE, &len);
    if (!text) {
        return false;
    }
    good = len < SETINFO_FILE_MAX ||
           package_refuse(pack->error, "%s: too long for what it holds", SETINFO_FILE);
    good = good && setinfo_parse(slice_from(text, len), SETINFO_FILE, meta, pack->error);
    free(text);
    return good;
}

static bool pack_put_info(struct pack *pack)
{
    const struct defs_meta *meta = &pack->manifest.meta;
    char text[512];
    const int len =
        snprintf(text, sizeof(text),
                 "name: \"%s\"\nversion: %s\nsequence: %" PRIu64 "\ncertified: %s\nproduced: %s\n",
                 meta->name, meta->version, meta->sequence, meta->certified ? "true" : "false",
                 meta->produced);

    return pack_put(pack, SETINFO_FILE, slice_from(text, (size_t)len));
}

/* ---- The tar ---- */

static bool pack_put_files(struct pack *pack)
{
    bool info_due = !pack->has_info;

    for (size_t i = 0; i < pack->files.len; i++) {
        const struct pack_file *file = vec_at(&pack->files, i);
        size_t len = 0;
        uint8_t *bytes;
        bool good;

        if (info_due && strcmp(SETINFO_FILE, file->path) < 0) {
            info_due = false;
            if (!pack_put_info(pack)) {
                return false;
            }
        }
        bytes = pack_read(pack, file->path, &len);
        good = bytes && pack_put(pack, file->path, slice_from(bytes, len));
        free(bytes);
        if (!good) {
            return false;
        }
    }
    return !info_due || pack_put_info(pack);
}

static bool pack_tar(struct pack *pack, int fd)
{
    bool good;

    pack->tar = archive_write_new();
    good = pack->tar && archive_write_set_format_ustar(pack->tar) == ARCHIVE_OK &&
           archive_write_set_bytes_in_last_block(pack->tar, 1) == ARCHIVE_OK &&
           archive_write_open_fd(pack->tar, fd) == ARCHIVE_OK;
    if (!good) {
        (void)package_refuse(pack->error, "the tar cannot be begun");
    }
    good = good && pack_put_files(pack);
    good = good && (archive_write_close(pack->tar) == ARCHIVE_OK ||
                    package_refuse(pack->error, "the tar cannot be ended"));
    (void)archive_write_free(pack->tar);
    return good;
}

static bool pack_write(struct pack *pack, const struct package_tar *tar, int fd)
{
    char *text = NULL;
    bool good;

    pack->manifest.tar_len = tar->len;
    good =
        EVP_Digest(tar->base, tar->len, pack->manifest.tar_digest, NULL, EVP_sha256(), NULL) == 1;
    if (good) {
        text = manifest_write(&pack->manifest);
    }
    good = text && package_write_head(fd, slice_from_str(text), NULL, NULL);
    free(text);
    return good ? package_write_tar(fd, tar, NULL, pack->error)
                : package_refuse(pack->error, "the package cannot be written");
}

static bool pack_run(struct pack *pack, int fd)
{
    struct package_tar tar;
    bool good;

    if (!pack_list(pack, AT_FDCWD, pack->path, "", 0)) {
        return false;
    }
    if (pack->files.len == 0) {
        return package_refuse(pack->error, "%.300s: no files", pack->path);
    }
    qsort(pack->files.ptr, pack->files.len, pack->files.item_bytes, pack_compare);
    for (size_t i = 0; i < pack->files.len; i++) {
        const struct pack_file *file = vec_at(&pack->files, i);
        struct stat st;

        pack->has_info |= strcmp(file->path, SETINFO_FILE) == 0;
        if (fstatat(pack->dir_fd, file->path, &st, 0) == 0) {
            pack->newest_sec = MAX_OF(pack->newest_sec, (int64_t)st.st_mtim.tv_sec);
        }
    }
    if (!pack_describe(pack) || !package_tar_new(&tar, pack->error)) {
        return false;
    }
    good =
        pack_tar(pack, tar.fd) && package_tar_map(&tar, pack->error) && pack_write(pack, &tar, fd);
    package_tar_free(&tar);
    return good;
}

bool package_pack(const char *path, int fd, char error[DEFS_ERROR_CAP])
{
    struct pack pack = {.path = path, .files = VEC_OF(struct pack_file), .error = error};
    bool good;

    manifest_init(&pack.manifest);
    pack.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    good = pack.dir_fd >= 0 ? pack_run(&pack, fd)
                            : package_refuse(error, "%.300s: %s", path, strerror(errno));
    if (pack.dir_fd >= 0) {
        (void)close(pack.dir_fd);
    }
    vec_free(&pack.files);
    manifest_free(&pack.manifest);
    return good;
}
