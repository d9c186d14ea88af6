/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* One write of up to PIPE_BUF bytes never mixes with another's. */
#define LOG_LINE_CAP    4096
#define LOG_MESSAGE_CAP 1024

/* Kept free for what ends a line, however much was escaped before. */
#define LOG_END_ROOM 4

static struct {
    int fd;
    enum log_level level;
    enum log_format format;
    uint64_t lost;
    char who[32];
} log_state = {.fd = STDERR_FILENO, .level = LOG_INFO, .who = "baleen"};

static const char *const log_level_names[] = {"error", "warn", "info", "debug"};

void log_open(int fd, const char *who, enum log_level level, enum log_format format)
{
    log_state.fd = fd;
    log_state.level = level;
    log_state.format = format;
    snprintf(log_state.who, sizeof(log_state.who), "%s", who);
}

uint64_t log_lost(void)
{
    return log_state.lost;
}

int log_enabled(enum log_level level)
{
    return level <= log_state.level;
}

/* A log line is one line: control bytes of foreign names are shown, never obeyed. */
static void log_put_safe(struct text *out, const char *message)
{
    for (const char *at = message; *at != '\0'; at++) {
        const unsigned char c = (unsigned char)*at;

        if (c < 0x20 || c == 0x7f) {
            text_printf(out, "\\x%02x", c);
        } else {
            text_put(out, at, 1);
        }
    }
}

void log_line(enum log_level level, const char *format, ...)
{
    char message[LOG_MESSAGE_CAP];
    char line[LOG_LINE_CAP];
    char stamp[CLOCK_STAMP_CAP];
    struct text out = text_over(line, sizeof(line) - LOG_END_ROOM);
    va_list args;

    if (!log_enabled(level)) {
        return;
    }
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    clock_format_stamp(stamp);
    if (log_state.format == LOG_JSON) {
        text_printf(&out, "{\"time\":\"%s\",\"level\":\"%s\",\"who\":\"%s\",\"message\":\"", stamp,
                    log_level_names[level], log_state.who);
        text_put_json(&out, slice_from_str(message));
    } else {
        text_printf(&out, "%s %s %s: ", stamp, log_level_names[level], log_state.who);
        log_put_safe(&out, message);
    }
    out.cap = sizeof(line);
    text_put_str(&out, log_state.format == LOG_JSON ? "\"}\n" : "\n");
    if (write(log_state.fd, line, out.len) != (ssize_t)out.len) {
        log_state.lost++;
    }
}
