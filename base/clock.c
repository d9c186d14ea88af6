/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

uint64_t clock_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t clock_cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

int64_t clock_wall_sec(void)
{
    return (int64_t)time(NULL);
}

void clock_format_date(int64_t wall_sec, char out[CLOCK_DATE_CAP])
{
    /* strftime's %a and %b follow the locale; the header may not. */
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const time_t when = (time_t)wall_sec;
    char text[64];
    struct tm tm;

    gmtime_r(&when, &tm);
    snprintf(text, sizeof(text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
             &days[3 * (size_t)tm.tm_wday], tm.tm_mday, &months[3 * (size_t)tm.tm_mon],
             tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    memcpy(out, text, CLOCK_DATE_CAP - 1);
    out[CLOCK_DATE_CAP - 1] = '\0';
}

void clock_format_stamp(char out[CLOCK_STAMP_CAP])
{
    struct timespec ts;
    char text[64];
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
             (int)(ts.tv_nsec / (long)NS_PER_MS));
    memcpy(out, text, CLOCK_STAMP_CAP - 1);
    out[CLOCK_STAMP_CAP - 1] = '\0';
}
