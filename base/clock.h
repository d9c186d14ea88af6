#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * clock - the only place that reads time.
 */
#include "base/macro.h"

/* Nanoseconds since some start; never goes back. */
uint64_t clock_now_ns(void);

/* Nanoseconds that the process has been running on a processor. */
uint64_t clock_cpu_ns(void);

/* Seconds since the epoch, UTC. */
int64_t clock_wall_sec(void);

/* Room for a date with its NUL: "Fri, 20 Nov 2026 09:24:46 GMT". */
#define CLOCK_DATE_CAP 30

/* Writes the RFC 7231 form (section 7.1.1.1) of `wall_sec`. */
void clock_format_date(int64_t wall_sec, char out[CLOCK_DATE_CAP]);

/* Room for a time stamp of a log line with its NUL: "2026-11-20T09:24:46.123Z". */
#define CLOCK_STAMP_CAP 25

void clock_format_stamp(char out[CLOCK_STAMP_CAP]);
