/* SPDX-License-Identifier: MIT */
/*
 * fuzz_package - packages and deltas as they come from elsewhere.
 *
 * What opens is checked whole; nothing may be read beyond what is there, and what a package says
 * of its own length bounds what is unpacked.
 */
#include "tests/fuzz/fuzz.h"

#include "defs/package.h"

#include <sys/mman.h>
#include <unistd.h>

static int fuzz_take(void *ctx, const char *path, struct slice bytes)
{
    uint64_t *sum = ctx;

    ASSERT(manifest_path_ok(path));
    for (size_t i = 0; i < bytes.len; i++) {
        *sum += bytes.ptr[i];
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char error[DEFS_ERROR_CAP] = "";
    struct package package;
    uint64_t sum = 0;
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);

    ASSERT(fd >= 0);
    ASSERT(write(fd, data, len) == (ssize_t)len);
    if (package_open(&package, fd, error)) {
        ASSERT(package_is(fd));
        /* A tar of gigabytes would only test the disk. */
        if (package.manifest.tar_len < MIB(4)) {
            ASSERT(package_walk(&package, fuzz_take, &sum, error) || error[0] != '\0');
        }
        package_close(&package);
    } else {
        ASSERT(error[0] != '\0');
    }
    close(fd);
    return 0;
}
