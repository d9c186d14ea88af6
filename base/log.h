#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * log - one clear line for whatever happened.
 *
 * Role: formats "<stamp> <level> <who>: <text>" and writes it with one write(). Used by processes,
 * never by library code. A shard's descriptor is a non-blocking pipe to the supervisor: a line that
 * does not fit is dropped and counted (log_lost), a shard never waits for its log.
 */
#include "base/macro.h"

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG
};
enum log_format {
    LOG_TEXT,
    LOG_JSON
};

/* `who` names the process ("supervisor", "shard 0"); it is copied. */
void log_open(int fd, const char *who, enum log_level level, enum log_format format);
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* Lines that were dropped because the descriptor was full. */
uint64_t log_lost(void);

/* What the level in use lets through; for callers that would work to build a line. */
int log_enabled(enum log_level level);

#define LOG_ERR(...) log_line(LOG_ERROR, __VA_ARGS__)
#define LOG_WRN(...) log_line(LOG_WARN, __VA_ARGS__)
#define LOG_INF(...) log_line(LOG_INFO, __VA_ARGS__)
#define LOG_DBG(...) log_line(LOG_DEBUG, __VA_ARGS__)
