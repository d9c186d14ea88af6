/* SPDX-License-Identifier: MIT */
/*
 * baleen_scan - `baleen scan`: files and trees through a running engine.
 *
 * One poll loop over a few connections; the walk hands out one file after the other, the report
 * prints them in that order.
 */
#include "base/clock.h"
#include "base/text.h"
#include "engine/config_address.h"
#include "tools/baleen_cli.h"
#include "tools/baleen_link.h"
#include "tools/baleen_report.h"
#include "tools/baleen_walk.h"

#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define SCAN_LINKS_MAX     256
#define SCAN_LINKS_DEFAULT 4

/* How often deadlines and the bar are looked at. */
#define SCAN_TICK_MS 200

struct scan_options {
    bool help;
    bool json;
    bool only_findings;
    bool no_summary;
    enum link_way way;
    const char *action;
    const char *service;
    unsigned links;
};

struct scan {
    struct scan_options options;
    struct link_setup setup;
    struct walk walk;
    struct report report;
    char host[CONFIG_ADDRESS_TEXT_CAP];
    struct link *links;
    unsigned links_len;
    bool walked; /* The walk is over. */
};

static const char scan_help[] =
    "usage: baleen scan PATH... [options]\n"
    "\n"
    "Sends files, and all files below folders, through the engine at the first address of "
    "`listen`.\n"
    "Prints `path: OK`, `path: NAME FOUND` or `path: REASON ERROR` and a summary.\n"
    "\n"
    "  -j N            so many connections at a time (1 to 256, default 4)\n"
    "  -i, --infected  prints findings and errors only\n"
    "  --no-summary    prints no summary\n"
    "  --json          one JSON object a line, the summary last\n"
    "  --by-path       tells the engine the path; it opens the file itself (filemod.roots)\n"
    "  --by-stream     sends the bytes\n"
    "  --action A      scan (default), scanrepair, scandelete or scanrepairdelete: what the "
    "engine\n"
    "                  may do to a file that it opens itself. Other files are never changed.\n"
    "  --service S     the service to use (default SYMCScanResp-AV)\n"
    "\n"
    "Without --by-path and --by-stream a file goes by path when the engine runs on this host and "
    "may\n"
    "open it, else by stream. Symbolic links are followed only when they are named themselves.\n"
    "Exit codes: 0 nothing found, 1 something found, 2 an error and nothing found.\n";

enum scan_long {
    SCAN_OPTION_JSON = 256,
    SCAN_OPTION_PATH,
    SCAN_OPTION_STREAM,
    SCAN_OPTION_ACTION,
    SCAN_OPTION_SERVICE,
    SCAN_OPTION_NO_SUMMARY
};

static const struct option scan_longs[] = {
    {"json", no_argument, NULL, SCAN_OPTION_JSON},
    {"by-path", no_argument, NULL, SCAN_OPTION_PATH},
    {"by-stream", no_argument, NULL, SCAN_OPTION_STREAM},
    {"action", required_argument, NULL, SCAN_OPTION_ACTION},
    {"service", required_argument, NULL, SCAN_OPTION_SERVICE},
    {"no-summary", no_argument, NULL, SCAN_OPTION_NO_SUMMARY},
    {"infected", no_argument, NULL, 'i'},
    {"jobs", required_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool scan_action_is_known(const char *action)
{
    static const char *const known[] = {"scan", "scanrepair", "scandelete", "scanrepairdelete"};

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (strcmp(action, known[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* A service name as it may stand in a request line. */
static bool scan_service_is_sane(const char *service)
{
    size_t len = strlen(service);

    return len > 0 && len < CONFIG_NAME_CAP &&
           strspn(service, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "0123456789._~-/") == len;
}

static bool scan_take_links(const char *text, unsigned *out)
{
    uint64_t number = 0;

    if (!slice_parse_u64(slice_from_str(text), &number) || number < 1 || number > SCAN_LINKS_MAX) {
        (void)baleen_misuse("scan", "-j %s: a number from 1 to %d is expected", text,
                            SCAN_LINKS_MAX);
        return false;
    }
    *out = (unsigned)number;
    return true;
}

/* Takes one option; false when it is wrong, and that is on stderr. */
static bool scan_take_option(const struct baleen_args *args, int option, struct scan_options *out)
{
    switch (option) {
    case SCAN_OPTION_JSON:
        out->json = true;
        return true;
    case SCAN_OPTION_NO_SUMMARY:
        out->no_summary = true;
        return true;
    case SCAN_OPTION_PATH:
    case SCAN_OPTION_STREAM:
        if (out->way != LINK_AUTO) {
            (void)baleen_misuse("scan", "either --by-path or --by-stream");
            return false;
        }
        out->way = option == SCAN_OPTION_PATH ? LINK_BY_PATH : LINK_BY_STREAM;
        return true;
    case SCAN_OPTION_ACTION:
        out->action = optarg;
        return true;
    case SCAN_OPTION_SERVICE:
        out->service = optarg;
        return true;
    case 'i':
        out->only_findings = true;
        return true;
    case 'j':
        return scan_take_links(optarg, &out->links);
    case 'h':
        out->help = true;
        return true;
    case ':':
        (void)baleen_misuse("scan", "'%s' needs a value", args->argv[optind - 1]);
        return false;
    default:
        (void)baleen_misuse("scan", "unknown option '%s'", args->argv[optind - 1]);
        return false;
    }
}

/* Afterwards optind is at the first path. */
static bool scan_parse(const struct baleen_args *args, struct scan_options *out)
{
    int option = 0;

    *out = (struct scan_options){
        .links = SCAN_LINKS_DEFAULT, .action = "scan", .service = "SYMCScanResp-AV"};
    opterr = 0;
    while ((option = getopt_long(args->argc, args->argv, ":hij:", scan_longs, NULL)) != -1) {
        if (!scan_take_option(args, option, out)) {
            return false;
        }
    }
    if (out->help) {
        return true;
    }
    if (!scan_action_is_known(out->action)) {
        (void)baleen_misuse("scan", "there is no action '%s'", out->action);
        return false;
    }
    if (!scan_service_is_sane(out->service)) {
        (void)baleen_misuse("scan", "'%s' is no name of a service", out->service);
        return false;
    }
    if (optind == args->argc) {
        (void)baleen_misuse("scan", "which files?");
        return false;
    }
    return true;
}

/* An engine that listens everywhere is reached here. `*out_local`: it runs on this host. */
static void scan_reach(struct sockaddr_storage *address, bool *out_local)
{
    if (address->ss_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, address, sizeof(v4));
        if (v4.sin_addr.s_addr == htonl(INADDR_ANY)) {
            v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        }
        *out_local = (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
        memcpy(address, &v4, sizeof(v4));
    } else {
        struct sockaddr_in6 v6;

        memcpy(&v6, address, sizeof(v6));
        if (IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr)) {
            v6.sin6_addr = in6addr_loopback;
        }
        *out_local = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
        memcpy(address, &v6, sizeof(v6));
    }
}

static bool scan_find_engine(struct scan *scan, const struct config *config)
{
    struct link_setup *setup = &scan->setup;
    char error[512];
    bool local = false;
    const char *port = NULL;

    if (!config_address_parse(slice_from_str(config->listen.items[0]), &setup->address,
                              &setup->address_len)) {
        (void)baleen_fail("listen: '%s' is no address", config->listen.items[0]);
        return false;
    }
    scan_reach(&setup->address, &local);
    config_address_format(&setup->address, scan->host);
    port = strrchr(scan->host, ':');
    if (strcmp(port, ":0") == 0) {
        (void)baleen_fail("listen has port 0; name the engine's port with -s listen=ADDRESS:PORT");
        return false;
    }
    setup->target = (struct icap_client_target){
        .host = scan->host, .service = scan->options.service, .action = scan->options.action};
    /* A path means something else on another host. */
    setup->way = scan->options.way == LINK_AUTO && !local ? LINK_BY_STREAM : scan->options.way;
    setup->timeout_ns = config->limits_time_ns + config->icap_progress_timeout_ns;
    if (!link_ask_options(setup, error, sizeof(error))) {
        (void)baleen_fail("%s", error);
        return false;
    }
    return true;
}

static bool scan_open_links(struct scan *scan)
{
    scan->links_len = scan->options.links;
    if (scan->setup.connections_max > 0) {
        scan->links_len = MIN_OF(scan->links_len, scan->setup.connections_max);
    }
    scan->links = calloc(scan->links_len, sizeof(*scan->links));
    if (scan->links == NULL) {
        (void)baleen_fail("no memory");
        return false;
    }
    for (unsigned i = 0; i < scan->links_len; i++) {
        link_init(&scan->links[i], &scan->setup);
    }
    return true;
}

/* Counts what there is to do, for the bar. */
static void scan_survey(struct scan *scan, char *const *paths, size_t paths_len)
{
    struct walk_entry entry;

    walk_init(&scan->walk, paths, paths_len);
    do {
        walk_next(&scan->walk, &entry);
        scan->report.files_all += entry.kind != WALK_END;
        scan->report.bytes_all += entry.kind == WALK_FILE ? entry.file_len : 0;
    } while (entry.kind != WALK_END);
    walk_fini(&scan->walk);
}

/* The next regular file; NULL when the walk is over or may not go on now. */
static struct report_file *scan_next_file(struct scan *scan)
{
    while (!scan->walked && scan->report.waiting < REPORT_WINDOW_MAX) {
        struct walk_entry entry;
        struct report_file *file = NULL;

        walk_next(&scan->walk, &entry);
        if (entry.kind == WALK_END) {
            scan->walked = true;
            return NULL;
        }
        file = report_add(&scan->report, entry.path, entry.file_len);
        if (file == NULL) {
            (void)baleen_fail("no memory");
            exit(BALEEN_EXIT_ERROR);
        }
        if (entry.kind == WALK_FILE) {
            return file;
        }
        report_set(file, entry.kind == WALK_SKIPPED ? REPORT_SKIPPED : REPORT_FAILED, "%s",
                   entry.reason);
    }
    return NULL;
}

/* Gives every idle link a file. Returns how many are busy. */
static unsigned scan_feed(struct scan *scan)
{
    unsigned busy = 0;

    for (unsigned i = 0; i < scan->links_len; i++) {
        struct link *link = &scan->links[i];

        while (link_is_idle(link)) {
            struct report_file *file = scan_next_file(scan);

            if (file == NULL) {
                break;
            }
            link_start(link, file);
        }
        busy += !link_is_idle(link);
    }
    return busy;
}

static void scan_run(struct scan *scan)
{
    struct pollfd pollers[SCAN_LINKS_MAX];

    while (true) {
        unsigned busy = scan_feed(scan);

        report_flush(&scan->report);
        if (busy == 0 && scan->walked) {
            return;
        }
        for (unsigned i = 0; i < scan->links_len; i++) {
            const struct link *link = &scan->links[i];

            pollers[i] = (struct pollfd){.fd = link_is_idle(link) ? -1 : link->fd};
            pollers[i].events = link_is_idle(link) ? 0 : link_events(link);
        }
        if (busy > 0 && poll(pollers, scan->links_len, SCAN_TICK_MS) < 0) {
            continue;
        }
        for (unsigned i = 0; i < scan->links_len; i++) {
            if (!link_is_idle(&scan->links[i])) {
                link_drive(&scan->links[i], pollers[i].revents);
            }
        }
    }
}

int baleen_scan_main(const struct baleen_args *args)
{
    static struct scan scan;
    static struct config config;
    char *const *paths = NULL;
    size_t paths_len = 0;

    if (!scan_parse(args, &scan.options)) {
        return BALEEN_EXIT_ERROR;
    }
    if (scan.options.help) {
        fputs(scan_help, stdout);
        return BALEEN_EXIT_GOOD;
    }
    paths = args->argv + optind;
    paths_len = (size_t)(args->argc - optind);
    if (!baleen_load_config(args, &config) || !scan_find_engine(&scan, &config) ||
        !scan_open_links(&scan)) {
        return BALEEN_EXIT_ERROR;
    }
    report_init(&scan.report);
    scan.report.json = scan.options.json;
    scan.report.only_findings = scan.options.only_findings;
    scan.report.no_summary = scan.options.no_summary;
    scan.report.bar = isatty(STDERR_FILENO) != 0;
    if (scan.report.bar) {
        scan_survey(&scan, paths, paths_len);
    }
    walk_init(&scan.walk, paths, paths_len);
    scan_run(&scan);
    report_finish(&scan.report);
    walk_fini(&scan.walk);
    for (unsigned i = 0; i < scan.links_len; i++) {
        link_fini(&scan.links[i]);
    }
    free(scan.links);
    if (scan.report.found > 0) {
        return BALEEN_EXIT_FOUND;
    }
    return scan.report.failed > 0 ? BALEEN_EXIT_ERROR : BALEEN_EXIT_GOOD;
}
