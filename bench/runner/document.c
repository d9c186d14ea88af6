/* SPDX-License-Identifier: MIT */
#include "bench/runner/document.h"

#include "base/assert.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOCUMENT_PATH_CAP  1024
#define DOCUMENT_COUNT_MAX 1e15
#define DOCUMENT_KEYS_MAX  256 /* Bytes of a path of keys; longer ones name nothing. */

PRINTF_LIKE(3, 4)
static bool document_refuse(char *why, size_t why_cap, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, why_cap, format, args);
    va_end(args);
    return false;
}

/* Keys may hold dots ("icap.preview"), so at each step the longest key that fits is tried first. */
json_t *document_find(json_t *object, const char *path)
{
    size_t len = strlen(path);

    if (len == 0) {
        return object;
    }
    if (len > DOCUMENT_KEYS_MAX) {
        return NULL;
    }
    for (;;) {
        json_t *child = json_object_getn(object, path, len);
        json_t *found =
            child == NULL ? NULL : document_find(child, path + len + (path[len] == '.'));

        if (found != NULL && !json_is_null(found)) {
            return found;
        }
        while (len > 0 && path[len - 1] != '.') {
            len--;
        }
        if (len <= 1) {
            return NULL;
        }
        len--;
    }
}

const char *document_find_text(json_t *object, const char *path, const char *otherwise)
{
    const char *text = json_string_value(document_find(object, path));

    return text == NULL ? otherwise : text;
}

double document_find_number(json_t *object, const char *path, double otherwise)
{
    json_t *value = document_find(object, path);

    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static int document_order(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

static double document_middle(const double *sorted, size_t len)
{
    /* Halved first, so that no sum overflows. */
    return len % 2 == 1 ? sorted[len / 2] : sorted[len / 2 - 1] / 2 + sorted[len / 2] / 2;
}

struct document_value document_median(double *values, size_t len)
{
    struct document_value out = {.count = len};
    double away[DOCUMENT_ROUNDS_MAX];

    ASSERT(len <= DOCUMENT_ROUNDS_MAX);
    if (len == 0) {
        return out;
    }
    qsort(values, len, sizeof(values[0]), document_order);
    out.median = document_middle(values, len);
    for (size_t i = 0; i < len; i++) {
        away[i] = fabs(values[i] - out.median);
    }
    qsort(away, len, sizeof(away[0]), document_order);
    out.spread = document_middle(away, len);
    return out;
}

size_t document_collect(json_t *group, const char *path, double values[DOCUMENT_ROUNDS_MAX])
{
    json_t *step = NULL;
    size_t index = 0;
    size_t len = 0;

    json_array_foreach(group, index, step)
    {
        json_t *value = document_find(step, path);

        if (json_is_number(value) && len < DOCUMENT_ROUNDS_MAX) {
            values[len++] = json_number_value(value);
        }
    }
    return len;
}

struct document_value document_summarise(json_t *group, const char *path)
{
    double values[DOCUMENT_ROUNDS_MAX];

    return document_median(values, document_collect(group, path, values));
}

json_t *document_group(json_t *document)
{
    json_t *groups = json_array();
    json_t *seen = json_object();
    json_t *step = NULL;
    size_t index = 0;

    json_array_foreach(json_object_get(document, "steps"), index, step)
    {
        const char *id = document_find_text(step, "id", "");
        json_t *group = json_object_get(seen, id);

        if (group == NULL) {
            group = json_array();
            json_array_append(groups, group);
            json_object_set_new(seen, id, group);
        }
        json_array_append(group, step);
    }
    json_decref(seen);
    return groups;
}

/* An integer where it fits one. */
static json_t *document_count(double value)
{
    return value < DOCUMENT_COUNT_MAX ? json_integer((json_int_t)value)
                                      : json_real(fmin(value, DBL_MAX));
}

bool document_append(json_t *document, json_t *more, char *why, size_t why_cap)
{
    static const char *const same[] = {"scenario.name", "scenario.form"};

    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        const char *old = document_find_text(document, same[i], "");
        const char *new = document_find_text(more, same[i], "");

        if (strcmp(old, new) != 0) {
            return document_refuse(why, why_cap, "%s differs: \"%s\" and \"%s\"", same[i], old,
                                   new);
        }
    }

    json_t *joined = json_deep_copy(document);
    json_t *copies = json_deep_copy(json_object_get(more, "steps"));
    json_t *steps = json_object_get(joined, "steps");
    double last_round = 0;
    size_t index = 0;
    json_t *step = NULL;

    json_array_foreach(steps, index, step)
    {
        last_round = fmax(last_round, document_find_number(step, "round", 1));
    }
    json_array_foreach(copies, index, step)
    {
        double round = document_find_number(step, "round", 1);

        json_object_set_new(step, "round", document_count(round + last_round));
    }
    json_array_extend(steps, copies);
    json_decref(copies);
    if (!document_check(joined, why, why_cap)) {
        json_decref(joined);
        return false;
    }

    double errors = document_find_number(document, "errors_total", 0) +
                    document_find_number(more, "errors_total", 0);

    json_object_set(document, "steps", steps);
    json_object_set_new(document, "errors_total", document_count(errors));
    json_decref(joined);
    return true;
}

json_t *document_parse(const char *bytes, size_t len, char *why, size_t why_cap)
{
    json_error_t error;
    json_t *document = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);

    if (document == NULL) {
        document_refuse(why, why_cap, "line %d, column %d: %s", error.line, error.column,
                        error.text);
        return NULL;
    }
    if (!document_check(document, why, why_cap)) {
        json_decref(document);
        return NULL;
    }
    return document;
}

json_t *document_read(const char *path, char *why, size_t why_cap)
{
    char inner[DOCUMENT_WHY_CAP];
    char *bytes = NULL;
    size_t bytes_cap = 0;
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        document_refuse(why, why_cap, "%s: %s", path, strerror(errno));
        return NULL;
    }

    /* JSON holds no NUL, so the first delimiter is the end. */
    ssize_t len = getdelim(&bytes, &bytes_cap, '\0', file);
    json_t *document = NULL;

    if (len < 0) {
        document_refuse(why, why_cap, "%s: %s", path,
                        ferror(file) != 0 ? strerror(errno) : "the file is empty");
    } else {
        document = document_parse(bytes, (size_t)len, inner, sizeof(inner));
        if (document == NULL) {
            document_refuse(why, why_cap, "%s: %s", path, inner);
        }
    }
    free(bytes);
    fclose(file);
    return document;
}

/* Devices and pipes are written to, files are replaced. */
static bool document_is_in_place(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

bool document_print_to(json_t *document, document_print_fn print, const char *path, char *why,
                       size_t why_cap)
{
    char beside[DOCUMENT_PATH_CAP];
    bool is_in_place = document_is_in_place(path);
    int len = is_in_place ? snprintf(beside, sizeof(beside), "%s", path)
                          : snprintf(beside, sizeof(beside), "%s.%d.tmp", path, (int)getpid());

    if (len < 0 || (size_t)len >= sizeof(beside)) {
        return document_refuse(why, why_cap, "%s: the path is too long", path);
    }

    FILE *file = fopen(beside, "we");

    if (file == NULL) {
        return document_refuse(why, why_cap, "%s: %s", beside, strerror(errno));
    }
    print(document, file);

    bool has_failed = ferror(file) != 0;

    has_failed = fclose(file) != 0 || has_failed;
    if (is_in_place) {
        return !has_failed || document_refuse(why, why_cap, "%s: %s", path, strerror(errno));
    }
    if (has_failed || rename(beside, path) != 0) {
        document_refuse(why, why_cap, "%s: %s", path, strerror(errno));
        unlink(beside);
        return false;
    }
    return true;
}

static void document_print(json_t *document, FILE *out)
{
    json_dumpf(document, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    fputc('\n', out);
}

bool document_write(json_t *document, const char *path, char *why, size_t why_cap)
{
    return document_check(document, why, why_cap) &&
           document_print_to(document, document_print, path, why, why_cap);
}
