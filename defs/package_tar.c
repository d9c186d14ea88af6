/* SPDX-License-Identifier: MIT */
/*
 * package_tar - tars as mapped files: compressing and uncompressing them, with another one as the
 * prefix for deltas.
 */
#include "defs/package_private.h"
#include "defs/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

/* A frame's window has room for both tars of a delta; zstd takes no more than this. */
#define TAR_WINDOW_LOG_MAX 31

bool package_tar_new(struct package_tar *tar, char error[DEFS_ERROR_CAP])
{
    const char *folder = getenv("TMPDIR");

    *tar = (struct package_tar){
        .fd = open(folder && folder[0] == '/' ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC,
                   0600),
    };
    if (tar->fd < 0) {
        /* A file system without unlinked files. */
        tar->fd = memfd_create("tar", MFD_CLOEXEC);
    }
    return tar->fd >= 0 || package_refuse(error, "no room for the tar: %s", strerror(errno));
}

bool package_tar_map(struct package_tar *tar, char error[DEFS_ERROR_CAP])
{
    struct stat st;
    void *base;

    if (fstat(tar->fd, &st) < 0 || st.st_size == 0) {
        return package_refuse(error, "the tar is empty");
    }
    base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, tar->fd, 0);
    if (base == MAP_FAILED) {
        return package_refuse(error, "the tar cannot be mapped: %s", strerror(errno));
    }
    tar->base = base;
    tar->len = (size_t)st.st_size;
    return true;
}

void package_tar_free(struct package_tar *tar)
{
    if (tar->base) {
        (void)munmap((void *)(uintptr_t)tar->base, tar->len);
    }
    if (tar->fd >= 0) {
        (void)close(tar->fd);
    }
    *tar = (struct package_tar){.fd = -1};
}

/* ---- Reading ---- */

/* What is under way when a compressed tar is read. */
struct tar_reader {
    const struct package *package;
    ZSTD_DCtx *zstd;
    EVP_MD_CTX *digest;
    uint8_t *in;
    uint8_t *out;
    size_t in_cap;
    size_t out_cap;
    uint64_t len; /* Bytes of the tar so far. */
    int fd;
    char *error;
};

static bool tar_reader_init(struct tar_reader *reader, const struct package_tar *base)
{
    reader->in_cap = ZSTD_DStreamInSize();
    reader->out_cap = ZSTD_DStreamOutSize();
    reader->in = malloc(reader->in_cap);
    reader->out = malloc(reader->out_cap);
    reader->zstd = ZSTD_createDCtx();
    reader->digest = EVP_MD_CTX_new();
    return reader->in && reader->out && reader->zstd && reader->digest &&
           EVP_DigestInit_ex(reader->digest, EVP_sha256(), NULL) == 1 &&
           !ZSTD_isError(ZSTD_DCtx_setParameter(reader->zstd, ZSTD_d_windowLogMax,
                                                base ? TAR_WINDOW_LOG_MAX : PACKAGE_WINDOW_LOG)) &&
           (!base || !ZSTD_isError(ZSTD_DCtx_refPrefix(reader->zstd, base->base, base->len)));
}

static void tar_reader_fini(struct tar_reader *reader)
{
    free(reader->in);
    free(reader->out);
    ZSTD_freeDCtx(reader->zstd);
    EVP_MD_CTX_free(reader->digest);
}

/* Takes what came out of one step; the manifest says how much there may be in all. */
static bool tar_reader_put(struct tar_reader *reader, struct slice bytes)
{
    if (bytes.len > reader->package->manifest.tar_len - reader->len) {
        return package_refuse(reader->error, "the tar is longer than the manifest says");
    }
    reader->len += bytes.len;
    if (EVP_DigestUpdate(reader->digest, bytes.ptr, bytes.len) != 1 ||
        !whole_write(reader->fd, bytes)) {
        return package_refuse(reader->error, "the tar cannot be written: %s", strerror(errno));
    }
    return true;
}

/* One read's worth of compressed bytes; `*frame_left` is zero at the end of the frame. */
static bool tar_reader_step(struct tar_reader *reader, ZSTD_inBuffer *in, size_t *frame_left)
{
    while (in->pos < in->size) {
        ZSTD_outBuffer out = {reader->out, reader->out_cap, 0};

        *frame_left = ZSTD_decompressStream(reader->zstd, &out, in);
        if (ZSTD_isError(*frame_left)) {
            return package_refuse(reader->error, "the compressed tar is damaged: %s",
                                  ZSTD_getErrorName(*frame_left));
        }
        if (!tar_reader_put(reader, slice_from(reader->out, out.pos))) {
            return false;
        }
        if (*frame_left == 0) {
            return in->pos == in->size || package_refuse(reader->error, "bytes behind the tar");
        }
    }
    return true;
}

static bool tar_reader_run(struct tar_reader *reader)
{
    uint8_t digest[DEFS_DIGEST_LEN];
    uint64_t at = reader->package->tar_at;
    size_t frame_left = 1;

    for (;;) {
        const ssize_t n = pread(reader->package->fd, reader->in, reader->in_cap, (off_t)at);
        ZSTD_inBuffer in = {reader->in, n > 0 ? (size_t)n : 0, 0};

        if (n < 0 && errno != EINTR) {
            return package_refuse(reader->error, "cannot be read: %s", strerror(errno));
        }
        if (n == 0) {
            break;
        }
        if (n > 0 && frame_left == 0) {
            return package_refuse(reader->error, "bytes behind the tar");
        }
        if (!tar_reader_step(reader, &in, &frame_left)) {
            return false;
        }
        at += in.size;
    }
    if (frame_left != 0 || reader->len != reader->package->manifest.tar_len) {
        return package_refuse(reader->error, "the tar is cut off");
    }
    return (EVP_DigestFinal_ex(reader->digest, digest, NULL) == 1 &&
            memcmp(digest, reader->package->manifest.tar_digest, sizeof(digest)) == 0) ||
           package_refuse(reader->error, "the tar is not the one that the manifest describes");
}

bool package_read_tar(const struct package *package, const struct package_tar *base,
                      struct package_tar *out, char error[DEFS_ERROR_CAP])
{
    struct tar_reader reader = {.package = package, .error = error};
    bool good;

    if (!package_tar_new(out, error)) {
        return false;
    }
    reader.fd = out->fd;
    good = tar_reader_init(&reader, base) ? tar_reader_run(&reader)
                                          : package_refuse(error, "no memory");
    tar_reader_fini(&reader);
    good = good && package_tar_map(out, error);
    if (!good) {
        package_tar_free(out);
    }
    return good;
}

/* ---- Writing ---- */

/* The smallest window that reaches from the tar's end back to the prefix's start. */
static int tar_window_log(const struct package_tar *tar, const struct package_tar *base)
{
    const uint64_t reach = (uint64_t)tar->len + (base ? base->len : 0);
    int log = PACKAGE_WINDOW_LOG;

    while (base && log < TAR_WINDOW_LOG_MAX && (uint64_t)1 << log < reach) {
        log++;
    }
    return log;
}

static ZSTD_CCtx *tar_writer_new(const struct package_tar *tar, const struct package_tar *base)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    const bool good =
        zstd &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, PACKAGE_LEVEL)) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_enableLongDistanceMatching, 1)) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, tar_window_log(tar, base))) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1)) &&
        !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(zstd, tar->len)) &&
        (!base || !ZSTD_isError(ZSTD_CCtx_refPrefix(zstd, base->base, base->len)));

    if (!good) {
        ZSTD_freeCCtx(zstd);
        return NULL;
    }
    return zstd;
}

static bool tar_writer_run(ZSTD_CCtx *zstd, int fd, const struct package_tar *tar, uint8_t *block,
                           size_t cap)
{
    ZSTD_inBuffer in = {tar->base, tar->len, 0};
    size_t left;

    do {
        ZSTD_outBuffer out = {block, cap, 0};

        left = ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_end);
        if (ZSTD_isError(left) || !whole_write(fd, slice_from(block, out.pos))) {
            return false;
        }
    } while (left > 0);
    return true;
}

bool package_write_tar(int fd, const struct package_tar *tar, const struct package_tar *base,
                       char error[DEFS_ERROR_CAP])
{
    const size_t cap = ZSTD_CStreamOutSize();
    ZSTD_CCtx *zstd = tar_writer_new(tar, base);
    uint8_t *block = malloc(cap);
    const bool good = zstd && block && tar_writer_run(zstd, fd, tar, block, cap);

    ZSTD_freeCCtx(zstd);
    free(block);
    return good || package_refuse(error, "the tar cannot be compressed or written");
}
