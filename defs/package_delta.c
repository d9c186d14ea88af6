/* SPDX-License-Identifier: MIT */
#include "defs/package_private.h"

#include <errno.h>

static bool delta_write(const struct package *old, const struct package *new,
                        const struct package_tar *old_tar, int fd, char error[DEFS_ERROR_CAP])
{
    struct package_tar new_tar;
    bool good;

    if (!package_read_tar(new, NULL, &new_tar, error)) {
        return false;
    }
    good = package_write_head(fd, slice_from(new->text, new->text_len),
                              new->is_signed ? new->signature : NULL, old->manifest.tar_digest) ||
           package_refuse(error, "cannot be written: %s", strerror(errno));
    good = good && package_write_tar(fd, &new_tar, old_tar, error);
    package_tar_free(&new_tar);
    return good;
}

bool package_diff(const struct package *old, const struct package *new, int fd,
                  char error[DEFS_ERROR_CAP])
{
    struct package_tar old_tar;
    bool good;

    if (old->is_delta || new->is_delta) {
        return package_refuse(error, "a delta is made of two whole packages");
    }
    if (!package_read_tar(old, NULL, &old_tar, error)) {
        return false;
    }
    good = delta_write(old, new, &old_tar, fd, error);
    package_tar_free(&old_tar);
    return good;
}

static bool delta_apply(const struct package *delta, const struct package_tar *old_tar, int fd,
                        char error[DEFS_ERROR_CAP])
{
    struct package_tar new_tar;
    bool good;

    if (!package_read_tar(delta, old_tar, &new_tar, error)) {
        return false;
    }
    good = package_write_head(fd, slice_from(delta->text, delta->text_len),
                              delta->is_signed ? delta->signature : NULL, NULL) ||
           package_refuse(error, "cannot be written: %s", strerror(errno));
    good = good && package_write_tar(fd, &new_tar, NULL, error);
    package_tar_free(&new_tar);
    return good;
}

bool package_patch(const struct package *old, const struct package *delta, int fd,
                   char error[DEFS_ERROR_CAP])
{
    struct package_tar old_tar;
    bool good;

    if (old->is_delta || !delta->is_delta) {
        return package_refuse(error, "a delta is applied to a whole package");
    }
    if (memcmp(old->manifest.tar_digest, delta->base_digest, DEFS_DIGEST_LEN) != 0) {
        return package_refuse(error, "the delta was made from another package than this one");
    }
    if (!package_read_tar(old, NULL, &old_tar, error)) {
        return false;
    }
    good = delta_apply(delta, &old_tar, fd, error);
    package_tar_free(&old_tar);
    return good;
}
