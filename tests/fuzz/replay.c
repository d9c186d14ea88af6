/* SPDX-License-Identifier: MIT */
/*
 * replay - runs a fuzz target over the files of its corpus, without libFuzzer.
 *
 * Role: keeps the corpora alive in every `meson test`. Each argument is a file or a folder of
 * files. Each input lies flush against a page without access, so that a read past its end ends the
 * process.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned replay_count;

static void replay_bytes(int fd, size_t len)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t room = (len + page) / page * page;
    uint8_t *block =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ASSERT(block != MAP_FAILED);
    ASSERT(mprotect(block + room, page, PROT_NONE) == 0);
    uint8_t *data = block + room - len;

    ASSERT(pread(fd, data, len, 0) == (ssize_t)len);
    LLVMFuzzerTestOneInput(data, len);
    munmap(block, room + page);
    replay_count++;
}

static int replay_file(int dir_fd, const char *name)
{
    const int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        perror(name);
        return 1;
    }
    if (S_ISREG(st.st_mode)) {
        fprintf(stderr, "%s\n", name);
        replay_bytes(fd, (size_t)st.st_size);
    }
    close(fd);
    return 0;
}

static int replay_folder(DIR *dir)
{
    int bad = 0;

    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            bad |= replay_file(dirfd(dir), entry->d_name);
        }
    }
    return bad;
}

int main(int argc, char **argv)
{
    int bad = 0;

    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);

        if (dir) {
            bad |= replay_folder(dir);
            closedir(dir);
        } else {
            bad |= replay_file(AT_FDCWD, argv[i]);
        }
    }
    printf("%u inputs\n", replay_count);
    return bad != 0 || replay_count == 0;
}
