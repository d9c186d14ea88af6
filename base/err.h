#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * err - the three classes of errors.
 *
 * 1. Bugs: ASSERT. 2. System failures: a negative errno, raised with ERR_NEW, forwarded with
 * ERR_PASS, never compared against. 3. Expected outcomes: positive values of the module's own enum;
 * the direct caller handles each one. ERR_FOLD turns one that was forgotten into class 2.
 */
#include "base/macro.h"

#include <errno.h>

/* Raises the system failure `r` (a negative errno). One place to put a breakpoint. */
static inline int err_new(int r)
{
    return r < 0 ? r : -EINVAL;
}

#define ERR_NEW(r)  err_new(r)
#define ERR_PASS(r) (r)
#define ERR_FOLD(r) ((r) > 0 ? -EPROTO : (r))
