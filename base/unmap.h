#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * unmap - gives a large mapping back piece by piece.
 *
 * Role: the kernel takes some 40 nanoseconds for each page of a shared file and more for one of
 * anonymous memory, and returns when all are done: tens of megabytes cost milliseconds, in which a
 * process that serves others answers nobody. Owner: who made the mapping. Memory: none.
 */
#include "base/macro.h"

#include <stdbool.h>

/* 64 pages, some ten microseconds; several times that where caches are cold. */
#define UNMAP_SLICE_BYTES KIB(256)

/*
 * Takes a piece off the end of the mapping of `*len` bytes at `base`, an address of whole pages;
 * true when nothing is left of it.
 */
MUST_CHECK bool unmap_slice(void *base, size_t *len);
