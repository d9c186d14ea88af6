/* SPDX-License-Identifier: MIT */
/*
 * baleen_control - `baleen status`, `reload`, `drain`: over the control socket.
 *
 * The protocol: the client sends one line of JSON, {"command": "status"}; the engine answers with
 * one line, {"ok": true, ...} or {"ok": false, "error": "..."}, and closes. A reload answers when
 * the swap is done or refused.
 */
#include "base/clock.h"
#include "base/text.h"
#include "tools/baleen_cli.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A status of a thousand shards fits. */
#define CONTROL_ANSWER_MAX MIB(4)

/* Compiling a large set takes a minute; --wait knows no limit. */
#define CONTROL_WAIT_SEC 120

struct control_options {
    bool json;
    bool wait;
    bool older;
    bool previous;
    bool help;
};

static const char control_help[] =
    "usage: baleen status [--json]\n"
    "       baleen reload [--older | --previous] [--wait] [--json]\n"
    "       baleen drain [--json]\n"
    "\n"
    "status  shows definitions, shards and counters of the running engine.\n"
    "reload  makes it read its configuration and definitions again and says what came of it. The "
    "old\n"
    "        definitions stay when the new ones are refused. A set with a lower sequence than the\n"
    "        one in use is refused, unless --older says that it is meant. With\n"
    "        --previous it goes back to the set before, whatever lies at the definitions' path, "
    "and\n"
    "        stays there until something else lies there; a second time leads forward again. "
    "Gives\n"
    "        up waiting after two minutes, with --wait never.\n"
    "drain   makes it refuse new connections, finish the requests under way, and stop.\n"
    "\n"
    "  --json   the engine's answer as it is\n"
    "\n"
    "The engine is reached at `control_socket` (-c and -s as for every command).\n"
    "Exit codes: 0 done, 2 refused or not reached.\n";

static bool control_parse(const struct baleen_args *args, struct control_options *out)
{
    static const struct option longs[] = {
        {"json", no_argument, NULL, 'j'},  {"wait", no_argument, NULL, 'w'},
        {"older", no_argument, NULL, 'o'}, {"previous", no_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},  {NULL, 0, NULL, 0},
    };
    int option = 0;

    opterr = 0;
    while ((option = getopt_long(args->argc, args->argv, "h", longs, NULL)) != -1) {
        switch (option) {
        case 'j':
            out->json = true;
            break;
        case 'w':
            out->wait = true;
            break;
        case 'o':
            out->older = true;
            break;
        case 'p':
            out->previous = true;
            break;
        case 'h':
            out->help = true;
            break;
        default:
            (void)baleen_misuse(args->argv[0], "unknown option '%s'", args->argv[optind - 1]);
            return false;
        }
    }
    if (optind < args->argc) {
        (void)baleen_misuse(args->argv[0], "what is '%s'?", args->argv[optind]);
        return false;
    }
    if ((out->older || out->previous || out->wait) && strcmp(args->argv[0], "reload") != 0) {
        (void)baleen_misuse(args->argv[0], "%s is an option of reload",
                            out->older      ? "--older"
                            : out->previous ? "--previous"
                                            : "--wait");
        return false;
    }
    if (out->older && out->previous) {
        (void)baleen_misuse(args->argv[0], "--older and --previous exclude each other");
        return false;
    }
    return true;
}

/* A connected socket, or -1 with the reason on stderr. */
static int control_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        (void)baleen_fail("%s: %s", path, strerror(errno));
        return -1;
    }
    memcpy(address.sun_path, path, strnlen(path, sizeof(address.sun_path) - 1));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED) {
            (void)baleen_fail("no engine answers at %s", path);
        } else {
            (void)baleen_fail("%s: %s", path, strerror(errno));
        }
        close(fd);
        return -1;
    }
    return fd;
}

static bool control_send(int fd, const char *command, const struct control_options *options)
{
    char line[64];
    struct text text = text_over(line, sizeof(line));
    ssize_t sent = 0;

    text_printf(&text, "{\"command\":\"%s\"%s%s}\n", command,
                options->older ? ",\"older\":true" : "",
                options->previous ? ",\"previous\":true" : "");
    sent = send(fd, line, text.len, MSG_NOSIGNAL);
    /* So short a line goes out whole or not at all. */
    return sent == (ssize_t)text.len;
}

/* Reads until the engine closes; false with the reason on stderr. */
static bool control_receive(int fd, uint64_t deadline_ns, char *bytes, size_t *out_len)
{
    size_t len = 0;

    while (len < CONTROL_ANSWER_MAX) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        uint64_t now = clock_now_ns();
        int wait_ms = deadline_ns == 0    ? -1
                      : now < deadline_ns ? (int)((deadline_ns - now) / NS_PER_MS) + 1
                                          : 0;
        int ready = poll(&poller, 1, wait_ms);
        ssize_t got = 0;

        if (ready == 0) {
            (void)baleen_fail("the engine has not answered yet; it goes on");
            return false;
        }
        got = ready < 0 ? -1 : recv(fd, bytes + len, CONTROL_ANSWER_MAX - len, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            (void)baleen_fail("the engine's answer: %s", strerror(errno));
            return false;
        }
        if (got == 0 && len == 0) {
            (void)baleen_fail("the engine ended without an answer");
            return false;
        }
        if (got == 0) {
            *out_len = len;
            return true;
        }
        len += (size_t)got;
    }
    (void)baleen_fail("the engine's answer is too long");
    return false;
}

/* The engine's answer; NULL with the reason on stderr. */
static json_t *control_ask(const char *path, const char *command,
                           const struct control_options *options)
{
    uint64_t deadline_ns = options->wait ? 0 : clock_now_ns() + CONTROL_WAIT_SEC * NS_PER_SEC;
    char *bytes = malloc(CONTROL_ANSWER_MAX);
    int fd = control_connect(path);
    json_t *answer = NULL;
    json_error_t error;
    size_t len = 0;

    if (bytes == NULL || fd < 0) {
        /* Said already, but for the memory. */
    } else if (!control_send(fd, command, options)) {
        (void)baleen_fail("%s: %s", path, strerror(errno));
    } else if (control_receive(fd, deadline_ns, bytes, &len)) {
        answer = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
        if (answer == NULL) {
            (void)baleen_fail("the engine's answer is no JSON: %s", error.text);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    free(bytes);
    return answer;
}

static const char *control_string(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value != NULL ? value : "-";
}

static long long control_integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* "2d 3h 4m", "5m 7s". */
static void control_print_duration(long long seconds)
{
    if (seconds >= 86400) {
        printf("%lldd %lldh %lldm", seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    } else if (seconds >= 3600) {
        printf("%lldh %lldm", seconds / 3600, seconds / 60 % 60);
    } else {
        printf("%lldm %llds", seconds / 60, seconds % 60);
    }
}

/* `loaded_at` may be seconds since the epoch or a text. */
static void control_print_time(const json_t *value)
{
    char date[CLOCK_DATE_CAP];

    if (json_is_integer(value)) {
        clock_format_date(json_integer_value(value), date);
        printf(", loaded %s", date);
    } else if (json_is_string(value)) {
        printf(", loaded %s", json_string_value(value));
    }
}

static void control_print_definitions(const json_t *definitions)
{
    const json_t *used = NULL;
    const char *kind = NULL;

    printf("definitions  %s %s, %lld signatures", control_string(definitions, "name"),
           control_string(definitions, "version"), control_integer(definitions, "signatures"));
    control_print_time(json_object_get(definitions, "loaded_at"));
    printf("%s\n",
           json_is_true(json_object_get(definitions, "rolled_back")) ? ", rolled back" : "");
    json_object_foreach(json_object_get(definitions, "kinds"), kind, used)
    {
        printf("%12s %10lld %s\n", "", (long long)json_integer_value(used), kind);
    }
}

static void control_print_shards(const json_t *shards)
{
    const json_t *shard = NULL;
    size_t index = 0;

    printf("\n%5s %9s %9s %12s %9s\n", "shard", "process", "restarts", "connections", "requests");
    json_array_foreach(shards, index, shard)
    {
        printf("%5lld %9lld %9lld %12lld %9lld\n", control_integer(shard, "index"),
               control_integer(shard, "pid"), control_integer(shard, "restarts"),
               control_integer(shard, "connections"), control_integer(shard, "requests_active"));
    }
}

/* Counters that are still zero only make the page longer. */
static void control_print_totals(json_t *totals)
{
    const json_t *value = NULL;
    const char *name = NULL;

    printf("\n");
    json_object_foreach(totals, name, value)
    {
        if (json_is_integer(value) && json_integer_value(value) != 0) {
            printf("%-36s %16lld\n", name, (long long)json_integer_value(value));
        }
    }
}

static void control_print_status(const json_t *answer)
{
    printf("baleend      %s, process %lld, up ", control_string(answer, "version"),
           control_integer(answer, "pid"));
    control_print_duration(control_integer(answer, "uptime_s"));
    printf(", %s%s\n", control_string(answer, "backend"),
           json_is_true(json_object_get(answer, "draining")) ? ", draining" : "");
    control_print_definitions(json_object_get(answer, "definitions"));
    printf("ISTag        %s\n", control_string(answer, "istag"));
    control_print_shards(json_object_get(answer, "shards"));
    control_print_totals(json_object_get(answer, "totals"));
}

static void control_print_reload(const json_t *answer)
{
    printf("definitions %s%s, ISTag %s\n", control_string(answer, "version"),
           json_is_true(json_object_get(answer, "changed")) ? " in use" : ", unchanged",
           control_string(answer, "istag"));
}

static int control_print(const char *command, const json_t *answer, bool json)
{
    bool good = json_is_true(json_object_get(answer, "ok"));

    if (json) {
        (void)json_dumpf(answer, stdout, JSON_INDENT(2));
        printf("\n");
    } else if (!good) {
        return baleen_fail("%s refused: %s", command, control_string(answer, "error"));
    } else if (strcmp(command, "status") == 0) {
        control_print_status(answer);
    } else if (strcmp(command, "reload") == 0) {
        control_print_reload(answer);
    } else {
        printf("draining\n");
    }
    return good ? BALEEN_EXIT_GOOD : BALEEN_EXIT_ERROR;
}

int baleen_control_main(const struct baleen_args *args)
{
    static struct config config;
    struct control_options options = {0};
    const char *command = args->argv[0];
    json_t *answer = NULL;
    int code = BALEEN_EXIT_ERROR;

    if (!control_parse(args, &options)) {
        return BALEEN_EXIT_ERROR;
    }
    if (options.help) {
        fputs(control_help, stdout);
        return BALEEN_EXIT_GOOD;
    }
    if (!baleen_load_config(args, &config)) {
        return BALEEN_EXIT_ERROR;
    }
    answer = control_ask(config.control_socket, command, &options);
    if (answer != NULL) {
        code = control_print(command, answer, options.json);
    }
    json_decref(answer);
    return code;
}
