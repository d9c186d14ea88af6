/* SPDX-License-Identifier: MIT */
#include "defs/package_private.h"
#include "defs/whole.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool package_refuse(char error[DEFS_ERROR_CAP], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(error, DEFS_ERROR_CAP, format, args);
    va_end(args);
    return false;
}

/* ---- Frames ---- */

static void frame_put_u32(uint8_t out[4], uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> 8 * i);
    }
}

static uint32_t frame_get_u32(const uint8_t in[4])
{
    return in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

/* `magic` may be empty. */
static bool frame_write(int fd, uint32_t kind, const char *magic, struct slice body)
{
    const struct slice mark = slice_from_str(magic);
    uint8_t head[8];

    frame_put_u32(head, kind);
    frame_put_u32(head + 4, (uint32_t)(mark.len + body.len));
    return whole_write(fd, slice_from(head, sizeof(head))) && whole_write(fd, mark) &&
           whole_write(fd, body);
}

bool package_write_head(int fd, struct slice text, const uint8_t *signature,
                        const uint8_t *base_digest)
{
    return (!base_digest || frame_write(fd, PACKAGE_FRAME_BASE, PACKAGE_DELTA_MAGIC,
                                        slice_from(base_digest, DEFS_DIGEST_LEN))) &&
           frame_write(fd, PACKAGE_FRAME_MANIFEST, PACKAGE_MAGIC, text) &&
           (!signature || frame_write(fd, PACKAGE_FRAME_SIGNATURE, "",
                                      slice_from(signature, PACKAGE_SIGNATURE_LEN)));
}

/* Kind and length of the frame at `at`. */
static bool frame_peek(int fd, uint64_t at, uint32_t *out_kind, uint32_t *out_len)
{
    uint8_t head[8];

    if (!whole_read_at(fd, head, sizeof(head), at)) {
        return false;
    }
    *out_kind = frame_get_u32(head);
    *out_len = frame_get_u32(head + 4);
    return true;
}

bool package_is(int fd)
{
    uint8_t head[8 + PACKAGE_MAGIC_LEN];
    uint32_t kind;

    if (!whole_read_at(fd, head, sizeof(head), 0)) {
        return false;
    }
    kind = frame_get_u32(head);
    return (kind == PACKAGE_FRAME_MANIFEST &&
            memcmp(head + 8, PACKAGE_MAGIC, PACKAGE_MAGIC_LEN) == 0) ||
           (kind == PACKAGE_FRAME_BASE &&
            memcmp(head + 8, PACKAGE_DELTA_MAGIC, PACKAGE_MAGIC_LEN) == 0);
}

/* ---- Opening ---- */

static bool package_open_base(struct package *package)
{
    char magic[PACKAGE_MAGIC_LEN];
    uint32_t kind;
    uint32_t len;

    if (!frame_peek(package->fd, 0, &kind, &len)) {
        return false;
    }
    if (kind != PACKAGE_FRAME_BASE) {
        return true;
    }
    package->is_delta = true;
    package->tar_at = 8 + (uint64_t)len;
    return len == sizeof(magic) + DEFS_DIGEST_LEN &&
           whole_read_at(package->fd, magic, sizeof(magic), 8) &&
           memcmp(magic, PACKAGE_DELTA_MAGIC, sizeof(magic)) == 0 &&
           whole_read_at(package->fd, package->base_digest, DEFS_DIGEST_LEN, 8 + sizeof(magic));
}

static bool package_open_text(struct package *package)
{
    char magic[PACKAGE_MAGIC_LEN];
    uint64_t at = package->tar_at;
    uint32_t kind;
    uint32_t len;

    if (!frame_peek(package->fd, at, &kind, &len) || kind != PACKAGE_FRAME_MANIFEST ||
        len < sizeof(magic) || len > sizeof(magic) + MANIFEST_TEXT_MAX ||
        !whole_read_at(package->fd, magic, sizeof(magic), at + 8) ||
        memcmp(magic, PACKAGE_MAGIC, sizeof(magic)) != 0) {
        return false;
    }
    package->text_len = len - sizeof(magic);
    package->text = malloc(package->text_len + 1);
    package->tar_at += 8 + (uint64_t)len;
    return package->text &&
           whole_read_at(package->fd, package->text, package->text_len, at + 8 + sizeof(magic));
}

static bool package_open_signature(struct package *package)
{
    uint32_t kind;
    uint32_t len;

    if (!frame_peek(package->fd, package->tar_at, &kind, &len)) {
        return false;
    }
    if (kind != PACKAGE_FRAME_SIGNATURE) {
        return true;
    }
    package->is_signed = true;
    package->tar_at += 8 + (uint64_t)len;
    return len == PACKAGE_SIGNATURE_LEN &&
           whole_read_at(package->fd, package->signature, len, package->tar_at - len);
}

bool package_open(struct package *package, int fd, char error[DEFS_ERROR_CAP])
{
    bool good;

    *package = (struct package){.fd = fd};
    manifest_init(&package->manifest);
    good =
        package_open_base(package) && package_open_text(package) && package_open_signature(package);
    if (!good) {
        (void)package_refuse(error, "no definition package, or cut off");
    } else {
        good =
            manifest_parse(&package->manifest, slice_from(package->text, package->text_len), error);
    }
    if (!good) {
        package_close(package);
    }
    return good;
}

void package_close(struct package *package)
{
    free(package->text);
    package->text = NULL;
    manifest_free(&package->manifest);
}

/* ---- Signatures ---- */

bool package_trust(const struct package *package, const struct keys *keys, bool required,
                   char error[DEFS_ERROR_CAP])
{
    const size_t keys_len = keys ? keys->len : 0;

    if (!package->is_signed) {
        return !required || package_refuse(error, "a signature is required, and there is none");
    }
    if (keys_len == 0) {
        return !required ||
               package_refuse(error, "a signature is required, and no key is trusted to check it");
    }
    return keys_verify(keys, slice_from(package->text, package->text_len),
                       slice_from(package->signature, sizeof(package->signature))) ||
           package_refuse(error, "the signature is by none of the trusted keys, or the manifest "
                                 "was changed");
}

/* Everything from the compressed tar on. */
static bool package_copy_tar(const struct package *package, int fd)
{
    uint8_t block[KIB(64)];
    uint64_t at = package->tar_at;

    for (;;) {
        const ssize_t n = pread(package->fd, block, sizeof(block), (off_t)at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n == 0;
        }
        if (!whole_write(fd, slice_from(block, (size_t)n))) {
            return false;
        }
        at += (uint64_t)n;
    }
}

bool package_sign(const struct package *package, EVP_PKEY *key, int fd, char error[DEFS_ERROR_CAP])
{
    uint8_t signature[PACKAGE_SIGNATURE_LEN];
    size_t len = sizeof(signature);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const bool made = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
                      EVP_DigestSign(ctx, signature, &len, package->text, package->text_len) == 1 &&
                      len == sizeof(signature);

    EVP_MD_CTX_free(ctx);
    if (!made) {
        return package_refuse(error, "the key does not sign");
    }
    if (!package_write_head(fd, slice_from(package->text, package->text_len), signature,
                            package->is_delta ? package->base_digest : NULL) ||
        !package_copy_tar(package, fd)) {
        return package_refuse(error, "cannot be written: %s", strerror(errno));
    }
    return true;
}
