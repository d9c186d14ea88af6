/* SPDX-License-Identifier: MIT */
#include "defs/image.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/unmap.h"
#include "defs/folder.h"

#include <assert.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* The line ends tell of a transfer in text mode. */
static const uint8_t image_magic[8] = {'B', 'A', 'L', 'E', 'E', 'N', '\r', '\n'};

#define IMAGE_MATCH_OFFSET (sizeof(struct image_header) + sizeof(struct image_info))

static_assert(sizeof(struct image_header) == 64, "the layout is part of the format");
static_assert(sizeof(struct image_info) == 1920, "the layout is part of the format");
static_assert(IMAGE_MATCH_OFFSET % IMAGE_ALIGN == 0, "the match section starts aligned");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are stored as they are");

/* What stands behind the NUL in `text` may be stale and must not reach the digest; `out` is all
 * zero. */
static void image_copy_text(char *out, size_t cap, const char *text)
{
    memcpy(out, text, strnlen(text, cap - 1));
}

static struct image_info image_info_of(const struct image_facts *facts, size_t match_len)
{
    const struct defs_meta *meta = &facts->meta;
    const struct defs_counts *counts = &facts->counts;
    struct image_info info = {
        .sequence = meta->sequence,
        .certified = meta->certified ? 1 : 0,
        .files = counts->files,
        .left_out = counts->left_out,
        .lines = counts->lines,
        .used = counts->used,
        .skipped = counts->skipped,
        .unusable = counts->unusable,
        .slow = counts->slow,
        .match_offset = IMAGE_MATCH_OFFSET,
        .match_len = match_len,
    };

    memcpy(info.content, facts->content, sizeof(info.content));
    memcpy(info.kinds, counts->kinds, sizeof(info.kinds));
    image_copy_text(info.name, sizeof(info.name), meta->name);
    image_copy_text(info.version, sizeof(info.version), meta->version);
    image_copy_text(info.produced, sizeof(info.produced), meta->produced);
    return info;
}

static int image_digest(struct slice a, struct slice b, uint8_t out[DEFS_DIGEST_LEN])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const bool good = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
                      EVP_DigestUpdate(ctx, a.ptr, a.len) == 1 &&
                      EVP_DigestUpdate(ctx, b.ptr, b.len) == 1 &&
                      EVP_DigestFinal_ex(ctx, out, NULL) == 1;

    EVP_MD_CTX_free(ctx);
    return good ? 0 : ERR_NEW(-ENOMEM);
}

static int image_put(int fd, const void *bytes, size_t len, off_t at)
{
    const uint8_t *next = bytes;

    while (len > 0) {
        const ssize_t n = pwrite(fd, next, MIN_OF(len, FOLDER_PIECE_MAX), at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return ERR_NEW(n < 0 ? -errno : -EIO);
        }
        next += n;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int image_write(int fd, const struct image_facts *facts, struct slice match)
{
    const struct image_info info = image_info_of(facts, match.len);
    struct image_header header = {
        .format = IMAGE_FORMAT,
        .info_len = sizeof(info),
        .total_len = IMAGE_MATCH_OFFSET + match.len,
    };
    int r = image_digest(slice_from(&info, sizeof(info)), match, header.digest);

    memcpy(header.magic, image_magic, sizeof(header.magic));
    if (r == 0 && ftruncate(fd, (off_t)header.total_len) < 0) {
        r = ERR_NEW(-errno);
    }
    if (r == 0) {
        r = image_put(fd, match.ptr, match.len, (off_t)IMAGE_MATCH_OFFSET);
    }
    if (r == 0) {
        r = image_put(fd, &info, sizeof(info), sizeof(header));
    }
    /* The header comes last: what is cut off on the way is no image. */
    if (r == 0) {
        r = image_put(fd, &header, sizeof(header), 0);
    }
    return ERR_PASS(r);
}

static bool image_check_text(const char *text, size_t cap)
{
    return text[0] != '\0' && memchr(text, '\0', cap) != NULL;
}

static bool image_check_header(const struct image_header *header, size_t len)
{
    return memcmp(header->magic, image_magic, sizeof(image_magic)) == 0 &&
           header->format == IMAGE_FORMAT && header->info_len == sizeof(struct image_info) &&
           header->total_len == len && header->reserved == 0;
}

static bool image_check_info(const struct image_info *info, size_t len)
{
    return image_check_text(info->name, sizeof(info->name)) &&
           image_check_text(info->version, sizeof(info->version)) &&
           image_check_text(info->produced, sizeof(info->produced)) && info->certified <= 1 &&
           info->reserved == 0 && info->match_offset == IMAGE_MATCH_OFFSET &&
           info->match_len == len - IMAGE_MATCH_OFFSET;
}

static int image_verify(const struct defs_image *image)
{
    const struct slice rest =
        slice_skip(slice_from(image->base, image->len), sizeof(struct image_header));
    uint8_t digest[DEFS_DIGEST_LEN];
    const int r = image_digest(rest, slice_from(NULL, 0), digest);

    if (r < 0) {
        return ERR_PASS(r);
    }
    return memcmp(digest, image->digest, sizeof(digest)) == 0 ? 0 : ERR_NEW(-EBADMSG);
}

static void image_fill(struct defs_image *image, const struct image_header *header,
                       const struct image_info *info)
{
    memcpy(image->digest, header->digest, sizeof(image->digest));
    memcpy(image->meta.name, info->name, sizeof(image->meta.name));
    memcpy(image->meta.version, info->version, sizeof(image->meta.version));
    memcpy(image->meta.produced, info->produced, sizeof(image->meta.produced));
    image->meta.sequence = info->sequence;
    image->meta.certified = info->certified;
    image->counts = (struct defs_counts){
        .files = info->files,
        .left_out = info->left_out,
        .lines = info->lines,
        .used = info->used,
        .skipped = info->skipped,
        .unusable = info->unusable,
        .slow = info->slow,
    };
    memcpy(image->content, info->content, sizeof(image->content));
    memcpy(image->counts.kinds, info->kinds, sizeof(image->counts.kinds));
    image->match = slice_from(image->base + info->match_offset, info->match_len);
}

static int image_check(struct defs_image *image, bool verify)
{
    struct image_header header;
    struct image_info info;

    memcpy(&header, image->base, sizeof(header));
    memcpy(&info, image->base + sizeof(header), sizeof(info));
    if (!image_check_header(&header, image->len) || !image_check_info(&info, image->len)) {
        return ERR_NEW(-EBADMSG);
    }
    image_fill(image, &header, &info);
    return verify ? image_verify(image) : 0;
}

int defs_image_open(struct defs_image *image, int fd, bool verify)
{
    struct stat st;

    *image = (struct defs_image){0};
    if (fstat(fd, &st) < 0) {
        return ERR_NEW(-errno);
    }
    if (!S_ISREG(st.st_mode) || st.st_size < (off_t)IMAGE_MATCH_OFFSET) {
        return ERR_NEW(-EBADMSG);
    }

    void *base = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);

    if (base == MAP_FAILED) {
        return ERR_NEW(-errno);
    }
    image->base = base;
    image->len = (size_t)st.st_size;

    const int r = image_check(image, verify);

    if (r < 0) {
        defs_image_close(image);
        return ERR_PASS(r);
    }
    return 0;
}

bool defs_image_close_slice(struct defs_image *image)
{
    if (image->base != NULL && !unmap_slice((void *)(uintptr_t)image->base, &image->len)) {
        return false;
    }
    *image = (struct defs_image){0};
    return true;
}

void defs_image_close(struct defs_image *image)
{
    while (!defs_image_close_slice(image)) {
    }
}
