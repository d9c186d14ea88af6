/* SPDX-License-Identifier: MIT */
/*
 * baleen-bench - measures ICAP servers.
 *
 * Each sub-command has a file of its own; those of the generator are in bench/load/.
 */
#include "bench/load/load_corpus_main.h"
#include "bench/load/load_main.h"
#include "bench/runner/report.h"
#include "bench/runner/run_main.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define BENCH_EXIT_ERROR 2

static const char bench_help[] =
    "usage: baleen-bench COMMAND ...\n"
    "\n"
    "  run SCENARIO             measures a server and writes a report\n"
    "  scenarios [NAME]         the scenarios that come with the program\n"
    "  load ...                 one run of the load generator\n"
    "  corpus ...               the bodies of a run, as files or as a table\n"
    "  report FILE.json         the report of a document: Markdown, or --html FILE\n"
    "  compare A.json B.json    what is better in B, and what only noise\n"
    "  --help, --version\n"
    "\n"
    "`baleen-bench COMMAND --help` says more.\n";

static const char bench_report_help[] =
    "usage: baleen-bench report FILE.json [--markdown FILE] [--html FILE]\n"
    "\n"
    "Without options it writes Markdown to standard output. Exit codes: 0 done, 2 an error.\n";

static const char bench_compare_help[] =
    "usage: baleen-bench compare BEFORE.json AFTER.json [--json]\n"
    "\n"
    "Step by step and value by value: better, worse or no difference; what the spread of the\n"
    "rounds explains is none. Exit codes: 0 nothing got worse, 1 something did, 2 an error or\n"
    "nothing in common.\n";

static int bench_fail(const char *what, const char *why)
{
    fprintf(stderr, "baleen-bench: %s%s%s\n", what, why[0] != '\0' ? ": " : "", why);
    return BENCH_EXIT_ERROR;
}

static int bench_report_write(const char *path, const char *markdown, const char *html)
{
    char why[DOCUMENT_WHY_CAP];
    json_t *document = document_read(path, why, sizeof(why));
    bool good = document != NULL;

    if (good && markdown == NULL && html == NULL) {
        report_write_markdown(document, stdout);
    }
    if (good && markdown != NULL) {
        good = document_print_to(document, report_write_markdown, markdown, why, sizeof(why));
    }
    if (good && html != NULL) {
        good = report_write_html(document, html, why, sizeof(why));
    }
    json_decref(document);
    return good ? 0 : bench_fail(why, "");
}

static int bench_report_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"markdown", required_argument, NULL, 'm'},
        {"html", required_argument, NULL, 'w'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *markdown = NULL;
    const char *html = NULL;
    int option = 0;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'm':
            markdown = optarg;
            break;
        case 'w':
            html = optarg;
            break;
        case 'h':
            fputs(bench_report_help, stdout);
            return 0;
        default:
            return bench_fail("report", "unknown option; see `baleen-bench report --help`");
        }
    }
    if (argc - optind != 1) {
        return bench_fail("report", "one document is wanted");
    }
    return bench_report_write(argv[optind], markdown, html);
}

static int bench_compare_files(const char *before_path, const char *after_path, bool as_json)
{
    char why[DOCUMENT_WHY_CAP];
    json_t *before = document_read(before_path, why, sizeof(why));
    json_t *after = before != NULL ? document_read(after_path, why, sizeof(why)) : NULL;
    int code = BENCH_EXIT_ERROR;

    if (after != NULL) {
        code = (int)report_compare(before, after, stdout, as_json);
    } else {
        bench_fail(why, "");
    }
    json_decref(before);
    json_decref(after);
    return code;
}

static int bench_compare_main(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    bool as_json = false;
    int option = 0;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (option) {
        case 'j':
            as_json = true;
            break;
        case 'h':
            fputs(bench_compare_help, stdout);
            return 0;
        default:
            return bench_fail("compare", "unknown option; see `baleen-bench compare --help`");
        }
    }
    if (argc - optind != 2) {
        return bench_fail("compare", "two documents are wanted");
    }
    return bench_compare_files(argv[optind], argv[optind + 1], as_json);
}

static const struct bench_command {
    const char *name;
    int (*run)(int argc, char **argv);
} bench_commands[] = {
    {"compare", bench_compare_main},
    {"corpus", load_corpus_main},
    {"load", load_main},
    {"report", bench_report_main},
    {"run", run_main},
    {"scenarios", scenarios_main},
};

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        fputs(bench_help, stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        puts("baleen-bench " BALEEN_VERSION);
        return 0;
    }
    for (size_t i = 0; i < sizeof(bench_commands) / sizeof(bench_commands[0]); i++) {
        if (strcmp(name, bench_commands[i].name) == 0) {
            return bench_commands[i].run(argc - 1, argv + 1);
        }
    }
    return name[0] == '\0' ? bench_fail("which command?", "see `baleen-bench --help`")
                           : bench_fail(name, "no such command; see `baleen-bench --help`");
}
