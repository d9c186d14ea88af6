/* SPDX-License-Identifier: MIT */
#include "engine/license.h"

#include "base/log.h"
#include "engine/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LICENSE_DAY_SEC INT64_C(86400)

/* The first second that is not licensed any more; LICENSE_NEVER when the line is no date. */
static int64_t license_parse_line(const char *line)
{
    struct tm tm = {0};
    const char *end = strptime(line, "expires: %Y-%m-%d", &tm);

    if (!end || strspn(end, " \r\n") != strlen(end)) {
        return LICENSE_NEVER;
    }
    return (int64_t)timegm(&tm) + LICENSE_DAY_SEC;
}

int64_t license_read(const struct config *config)
{
    int64_t until_sec = LICENSE_NEVER;
    char line[256];
    FILE *file;

    if (!config->license_required) {
        return LICENSE_ALWAYS;
    }
    file = fopen(config->license_file, "re");
    if (!file) {
        LOG_WRN("license.file: %s: %s: AV services answer 558", config->license_file,
                strerror(errno));
        return LICENSE_NEVER;
    }
    while (until_sec == LICENSE_NEVER && fgets(line, sizeof(line), file)) {
        until_sec = license_parse_line(line);
    }
    fclose(file);
    if (until_sec == LICENSE_NEVER) {
        LOG_WRN("license.file: %s has no line 'expires: YYYY-MM-DD': AV services answer 558",
                config->license_file);
    }
    return until_sec;
}
