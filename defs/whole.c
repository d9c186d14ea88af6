/* SPDX-License-Identifier: MIT */
#include "defs/whole.h"

#include "defs/folder.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool whole_read_at(int fd, void *out, size_t len, uint64_t at)
{
    uint8_t *to = out;

    while (len > 0) {
        const ssize_t n = pread(fd, to, MIN_OF(len, FOLDER_PIECE_MAX), (off_t)at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        to += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

bool whole_write(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        const ssize_t n = write(fd, bytes.ptr, MIN_OF(bytes.len, FOLDER_PIECE_MAX));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        bytes = slice_skip(bytes, (size_t)n);
    }
    return true;
}

bool whole_replace(const char *beside, const char *path)
{
    struct stat status;

    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : ENOTSUP;
        return false;
    }
    return rename(beside, path) == 0;
}
