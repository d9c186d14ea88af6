/* SPDX-License-Identifier: MIT */
#include "tools/baleen_walk.h"

#include "base/assert.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

void walk_init(struct walk *walk, char *const *roots, size_t roots_len)
{
    memset(walk, 0, sizeof(*walk));
    walk->roots = roots;
    walk->roots_len = roots_len;
}

static void walk_leave(struct walk *walk)
{
    struct walk_folder *folder = &walk->folders[--walk->depth];

    for (size_t i = 0; i < folder->names_len; i++) {
        free(folder->names[i]);
    }
    free(folder->names);
    memset(folder, 0, sizeof(*folder));
}

void walk_fini(struct walk *walk)
{
    while (walk->depth > 0) {
        walk_leave(walk);
    }
}

static int walk_compare(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;

    return strcmp(*left, *right);
}

static bool walk_keep(struct walk_folder *folder, size_t *cap, const char *name)
{
    if (folder->names_len == *cap) {
        size_t room = *cap > 0 ? 2 * *cap : 64;
        char **names = realloc(folder->names, room * sizeof(char *));

        if (names == NULL) {
            return false;
        }
        folder->names = names;
        *cap = room;
    }
    folder->names[folder->names_len] = strdup(name);
    return folder->names[folder->names_len] != NULL && ++folder->names_len > 0;
}

/* Reads the names of the open folder; 0 or an errno. */
static int walk_list(DIR *dir, struct walk_folder *folder)
{
    size_t cap = 0;
    const struct dirent *entry = NULL;

    errno = 0;
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (!walk_keep(folder, &cap, entry->d_name)) {
            return ENOMEM;
        }
        errno = 0;
    }
    return errno;
}

/* Goes down into the folder at `path`; 0 or an errno. */
static int walk_enter(struct walk *walk)
{
    size_t len = strlen(walk->path);
    struct walk_folder *folder = &walk->folders[walk->depth];
    DIR *dir = NULL;
    int code = 0;

    if (walk->depth == WALK_DEPTH_MAX) {
        return ELOOP;
    }
    if (len + 2 > sizeof(walk->path)) {
        return ENAMETOOLONG;
    }
    dir = opendir(walk->path);
    if (dir == NULL) {
        return errno;
    }
    if (walk->path[len - 1] != '/') {
        walk->path[len++] = '/';
        walk->path[len] = '\0';
    }
    folder->path_len = len;
    walk->depth++;
    code = walk_list(dir, folder);
    closedir(dir);
    if (code != 0) {
        walk_leave(walk);
        return code;
    }
    if (folder->names_len > 0) {
        qsort((void *)folder->names, folder->names_len, sizeof(char *), walk_compare);
    }
    return 0;
}

static const char *walk_name_kind(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFLNK:
        return "Symbolic link";
    case S_IFIFO:
        return "Named pipe";
    case S_IFSOCK:
        return "Socket";
    case S_IFBLK:
    case S_IFCHR:
        return "Device";
    default:
        return "Not a regular file";
    }
}

/* Puts the path of the next entry together; 0 or an errno, and ENOENT when there is none. */
static int walk_advance(struct walk *walk)
{
    while (walk->depth > 0) {
        struct walk_folder *folder = &walk->folders[walk->depth - 1];

        if (folder->at < folder->names_len) {
            const char *name = folder->names[folder->at++];
            int len = snprintf(walk->path + folder->path_len, sizeof(walk->path) - folder->path_len,
                               "%s", name);

            return (size_t)len < sizeof(walk->path) - folder->path_len ? 0 : ENAMETOOLONG;
        }
        walk_leave(walk);
    }
    if (walk->at == walk->roots_len) {
        return ENOENT;
    }
    return snprintf(walk->path, sizeof(walk->path), "%s", walk->roots[walk->at++]) <
                   (int)sizeof(walk->path)
               ? 0
               : ENAMETOOLONG;
}

void walk_next(struct walk *walk, struct walk_entry *out)
{
    struct stat facts;

    memset(out, 0, sizeof(*out));
    out->path = walk->path;
    while (true) {
        int code = walk_advance(walk);

        if (code == ENOENT) {
            return;
        }
        if (code == 0 &&
            (walk->depth > 0 ? lstat(walk->path, &facts) : stat(walk->path, &facts)) != 0) {
            code = errno;
        }
        if (code == 0 && S_ISDIR(facts.st_mode)) {
            code = walk_enter(walk);
            if (code == 0) {
                continue;
            }
        }
        if (code != 0) {
            out->kind = WALK_FAILED;
            out->reason = strerror(code);
            return;
        }
        break;
    }
    out->kind = S_ISREG(facts.st_mode) ? WALK_FILE : WALK_SKIPPED;
    out->file_len = (uint64_t)facts.st_size;
    out->reason = out->kind == WALK_FILE ? "" : walk_name_kind(facts.st_mode);
    ASSERT(out->path[0] != '\0');
}
