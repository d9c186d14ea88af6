#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * folder_tree - copies and removes files and folders.
 *
 * Role: the temporary folder of an engine of our own. Symbolic links are followed when copying and
 * removed, not followed, when removing.
 */
#include <stdbool.h>
#include <stddef.h>

/* A file or a folder with everything below it. False with the reason in `why`. */
bool folder_tree_copy(const char *from, const char *to, char *why, size_t why_cap);
void folder_tree_remove(const char *path);
