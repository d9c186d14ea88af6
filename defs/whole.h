#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * whole - all bytes of a file or a failure.
 *
 * Role: read and write as often as it takes, in pieces of FOLDER_PIECE_MAX. Owner and memory: the
 * caller's. A failure leaves errno; a file that ends too early is one as well.
 */
#include "base/slice.h"

MUST_CHECK bool whole_read_at(int fd, void *out, size_t len, uint64_t at);
MUST_CHECK bool whole_write(int fd, struct slice bytes);

/*
 * The file that was written beside takes the name of `path`, unless that is the name of something
 * else than a regular file: a device would be gone then (ENOTSUP).
 */
MUST_CHECK bool whole_replace(const char *beside, const char *path);
