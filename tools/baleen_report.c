/* SPDX-License-Identifier: MIT */
#include "tools/baleen_report.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/text.h"
#include "tools/baleen_cli.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>

#define REPORT_BAR_WIDTH   30
#define REPORT_BAR_STEP_NS (100 * NS_PER_MS)

/* A path of PATH_MAX bytes, each escaped. */
#define REPORT_LINE_CAP (5 * PATH_MAX)

void report_init(struct report *report)
{
    memset(report, 0, sizeof(*report));
    report->last = &report->first;
    report->started_ns = clock_now_ns();
}

struct report_file *report_add(struct report *report, const char *path, uint64_t file_len)
{
    struct report_file *file = calloc(1, sizeof(*file));

    if (file == NULL) {
        return NULL;
    }
    file->path = strdup(path);
    if (file->path == NULL) {
        free(file);
        return NULL;
    }
    file->file_len = file_len;
    *report->last = file;
    report->last = &file->next;
    report->waiting++;
    return file;
}

void report_set(struct report_file *file, enum report_result result, const char *format, ...)
{
    va_list args;

    ASSERT(file->result == REPORT_PENDING);
    file->result = result;
    va_start(args, format);
    vsnprintf(file->detail, sizeof(file->detail), format, args);
    va_end(args);
}

static const char *report_name_result(enum report_result result)
{
    switch (result) {
    case REPORT_CLEAN:
        return "ok";
    case REPORT_FOUND:
        return "found";
    case REPORT_SKIPPED:
        return "skipped";
    default:
        return "error";
    }
}

/* JSON is UTF-8; bytes of a text that is none become '?'. `*out_safe` says that none did. */
static json_t *report_make_text(const char *text, bool *out_safe)
{
    static char safe[PATH_MAX];
    json_t *value = json_string(text);
    size_t len = strnlen(text, sizeof(safe));

    *out_safe = value != NULL;
    if (value != NULL) {
        return value;
    }
    for (size_t i = 0; i < len; i++) {
        safe[i] = (char)((uint8_t)text[i] < 0x80 ? text[i] : '?');
    }
    return json_stringn(safe, len);
}

/* A path that JSON cannot tell is told in hex as well. */
static void report_put_path(json_t *line, const char *path)
{
    static char hex[2 * PATH_MAX];
    struct text text = text_over(hex, sizeof(hex));
    bool safe = false;

    (void)json_object_set_new(line, "path", report_make_text(path, &safe));
    if (safe) {
        return;
    }
    for (const char *c = path; *c != '\0'; c++) {
        text_printf(&text, "%02x", (uint8_t)*c);
    }
    (void)json_object_set_new(line, "path_hex", json_stringn(hex, text.len));
}

static void report_print_json(const struct report_file *file)
{
    json_t *line = json_object();
    bool safe = false;

    report_put_path(line, file->path);
    (void)json_object_set_new(line, "result", json_string(report_name_result(file->result)));
    if (file->result == REPORT_FOUND) {
        (void)json_object_set_new(line, "name", report_make_text(file->detail, &safe));
    } else if (file->result != REPORT_CLEAN) {
        (void)json_object_set_new(line, "reason", report_make_text(file->detail, &safe));
    }
    (void)json_object_set_new(line, "bytes", json_integer((json_int_t)file->file_len));
    (void)json_dumpf(line, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(line);
}

static void report_print_text(const struct report_file *file)
{
    static char block[REPORT_LINE_CAP];
    struct text line = text_over(block, sizeof(block));

    baleen_put_visible(slice_from_str(file->path), &line);
    TEXT_PUT(&line, ": ");
    baleen_put_visible(slice_from_str(file->detail), &line);
    switch (file->result) {
    case REPORT_CLEAN:
        TEXT_PUT(&line, "OK");
        break;
    case REPORT_FOUND:
        TEXT_PUT(&line, " FOUND");
        break;
    case REPORT_SKIPPED:
        TEXT_PUT(&line, " SKIPPED");
        break;
    default:
        TEXT_PUT(&line, " ERROR");
        break;
    }
    TEXT_PUT(&line, "\n");
    fwrite(line.ptr, 1, line.len, stdout);
}

static void report_count(struct report *report, const struct report_file *file)
{
    report->skipped += file->result == REPORT_SKIPPED;
    report->failed += file->result == REPORT_FAILED;
    report->found += file->result == REPORT_FOUND;
    if (file->result == REPORT_CLEAN || file->result == REPORT_FOUND) {
        report->files++;
        report->bytes += file->file_len;
    }
}

/* "12.34 MiB". */
static void report_put_size(uint64_t bytes, struct text *out)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;

    while (value >= 1024 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1024;
        unit++;
    }
    text_printf(out, unit == 0 ? "%.0f %s" : "%.2f %s", value, units[unit]);
}

static void report_clear_bar(struct report *report)
{
    if (report->bar && report->drawn_ns != 0) {
        fputs("\r\033[K", stderr);
        report->drawn_ns = 0;
    }
}

/* [=========>          ] 45%  120 of 300 files, 1.20 GiB, 95.00 MiB/s */
static void report_draw_bar(struct report *report)
{
    char block[256];
    struct text line = text_over(block, sizeof(block));
    uint64_t now = clock_now_ns();
    uint64_t seen = report->files + report->failed + report->skipped;
    uint64_t elapsed_ms = (now - report->started_ns) / NS_PER_MS;
    unsigned percent = 0;

    if (!report->bar || now - report->drawn_ns < REPORT_BAR_STEP_NS) {
        return;
    }
    report->drawn_ns = now;
    /* A byte and a file count alike, so that many empty files move the bar too. */
    if (report->bytes_all + report->files_all > 0) {
        percent = (unsigned)MIN_OF(100, (report->bytes + seen) * 100 /
                                            (report->bytes_all + report->files_all));
    }
    TEXT_PUT(&line, "\r\033[K[");
    for (unsigned i = 0; i < REPORT_BAR_WIDTH; i++) {
        unsigned edge = percent * REPORT_BAR_WIDTH / 100;

        text_put_str(&line, i < edge ? "=" : i == edge ? ">" : " ");
    }
    text_printf(&line, "] %3u%%  %" PRIu64 " of %" PRIu64 " files, ", percent, seen,
                report->files_all);
    report_put_size(report->bytes, &line);
    TEXT_PUT(&line, ", ");
    report_put_size(report->bytes * 1000 / MAX_OF(elapsed_ms, 1), &line);
    TEXT_PUT(&line, "/s");
    if (report->found > 0) {
        text_printf(&line, ", %" PRIu64 " FOUND", report->found);
    }
    fwrite(line.ptr, 1, line.len, stderr);
}

void report_flush(struct report *report)
{
    while (report->first != NULL && report->first->result != REPORT_PENDING) {
        struct report_file *file = report->first;

        report->first = file->next;
        if (report->first == NULL) {
            report->last = &report->first;
        }
        report->waiting--;
        report_count(report, file);
        if (!report->only_findings || file->result == REPORT_FOUND ||
            file->result == REPORT_FAILED) {
            report_clear_bar(report);
            if (report->json) {
                report_print_json(file);
            } else {
                report_print_text(file);
            }
        }
        free(file->path);
        free(file);
    }
    fflush(stdout);
    report_draw_bar(report);
}

static void report_summarize_json(const struct report *report, uint64_t elapsed_ms)
{
    json_t *line =
        json_pack("{s:{s:I,s:I,s:I,s:I,s:I,s:I}}", "summary", "infected", (json_int_t)report->found,
                  "scanned", (json_int_t)report->files, "errors", (json_int_t)report->failed,
                  "skipped", (json_int_t)report->skipped, "bytes", (json_int_t)report->bytes,
                  "time_ms", (json_int_t)elapsed_ms);

    (void)json_dumpf(line, stdout, JSON_COMPACT);
    (void)putchar('\n');
    json_decref(line);
}

void report_finish(struct report *report)
{
    char block[64];
    struct text data = text_over(block, sizeof(block));
    uint64_t elapsed_ms = (clock_now_ns() - report->started_ns) / NS_PER_MS;

    ASSERT(report->first == NULL);
    report_clear_bar(report);
    if (report->no_summary) {
        return;
    }
    if (report->json) {
        report_summarize_json(report, elapsed_ms);
        return;
    }
    report_put_size(report->bytes, &data);
    printf("\n----------- SCAN SUMMARY -----------\n");
    printf("Infected files: %" PRIu64 "\nScanned files: %" PRIu64 "\n", report->found,
           report->files);
    printf("Total errors: %" PRIu64 "\nSkipped: %" PRIu64 "\n", report->failed, report->skipped);
    printf("Data scanned: %.*s\n", (int)data.len, data.ptr);
    printf("Time: %" PRIu64 ".%03" PRIu64 " sec\n", elapsed_ms / 1000, elapsed_ms % 1000);
}
