/* SPDX-License-Identifier: MIT */
#include "bench/runner/folder_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_TREE_DEPTH_MAX 16

static bool folder_tree_fail(char *why, size_t why_cap, const char *path)
{
    snprintf(why, why_cap, "%s: %s", path, strerror(errno));
    return false;
}

static bool folder_tree_copy_file(const char *from, const char *to, char *why, size_t why_cap)
{
    const int in = open(from, O_RDONLY | O_CLOEXEC);
    const int out = in >= 0 ? open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
    ssize_t sent = out >= 0 ? 1 : -1;

    while (sent > 0) {
        sent = sendfile(out, in, NULL, 1U << 30);
    }
    const bool good = sent == 0 || folder_tree_fail(why, why_cap, in < 0 ? from : to);

    if (in >= 0) {
        close(in);
    }
    if (out >= 0) {
        close(out);
    }
    return good;
}

static bool folder_tree_copy_at(const char *from, const char *to, unsigned depth, char *why,
                                size_t why_cap);

static bool folder_tree_copy_folder(const char *from, const char *to, unsigned depth, char *why,
                                    size_t why_cap)
{
    DIR *folder = opendir(from);
    const struct dirent *entry = NULL;
    bool good = true;

    if (folder == NULL || (mkdir(to, 0755) < 0 && errno != EEXIST)) {
        good = folder_tree_fail(why, why_cap, folder == NULL ? from : to);
    }
    while (good && (entry = readdir(folder)) != NULL) {
        char inner_from[PATH_MAX];
        char inner_to[PATH_MAX];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (snprintf(inner_from, PATH_MAX, "%s/%s", from, entry->d_name) >= PATH_MAX ||
            snprintf(inner_to, PATH_MAX, "%s/%s", to, entry->d_name) >= PATH_MAX) {
            errno = ENAMETOOLONG;
            good = folder_tree_fail(why, why_cap, from);
        } else {
            good = folder_tree_copy_at(inner_from, inner_to, depth + 1, why, why_cap);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return good;
}

static bool folder_tree_copy_at(const char *from, const char *to, unsigned depth, char *why,
                                size_t why_cap)
{
    struct stat facts;

    if (depth > FOLDER_TREE_DEPTH_MAX) {
        errno = ELOOP;
        return folder_tree_fail(why, why_cap, from);
    }
    if (stat(from, &facts) < 0) {
        return folder_tree_fail(why, why_cap, from);
    }
    if (S_ISDIR(facts.st_mode)) {
        return folder_tree_copy_folder(from, to, depth, why, why_cap);
    }
    /* Sockets and the like are nothing to read from. */
    return !S_ISREG(facts.st_mode) || folder_tree_copy_file(from, to, why, why_cap);
}

bool folder_tree_copy(const char *from, const char *to, char *why, size_t why_cap)
{
    return folder_tree_copy_at(from, to, 0, why, why_cap);
}

static int folder_tree_remove_one(const char *path, const struct stat *facts, int kind,
                                  struct FTW *ftw)
{
    (void)facts;
    (void)kind;
    (void)ftw;
    remove(path);
    return 0;
}

void folder_tree_remove(const char *path)
{
    nftw(path, folder_tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
