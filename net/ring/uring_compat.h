#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * uring_compat - constants of the io_uring interface that liburing 2.3 does not name.
 *
 * The numbers are the kernel's. Each is used only where the ring's feature word offers it, beside a
 * way that does without.
 */
#include <liburing.h>

/* Linux 6.15: a waiting ring does not count as waiting for a disk. */
#ifndef IORING_FEAT_NO_IOWAIT
#define IORING_FEAT_NO_IOWAIT (1U << 17)
#endif
#ifndef IORING_ENTER_NO_IOWAIT
#define IORING_ENTER_NO_IOWAIT (1U << 7)
#endif
