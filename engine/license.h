#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * license - may the AV services scan?
 *
 * Role: with `license.required` a licence file must be there and must not have ended, else AV
 * services answer 558 and OPTIONS shows X-AV-License: 0. Contract section 7. The file holds a line
 * `expires: YYYY-MM-DD` (that day is the last one, UTC); without it nothing is licensed.
 */
#include "base/macro.h"

#include <stdbool.h>

#define LICENSE_ALWAYS INT64_MAX
#define LICENSE_NEVER  0

struct config;

/* Until when, in seconds since the epoch; LICENSE_ALWAYS when none is required. Logs what is wrong
 * with a file. */
int64_t license_read(const struct config *config);

static inline bool license_is_valid(int64_t until_sec, int64_t now_sec)
{
    return now_sec < until_sec;
}
