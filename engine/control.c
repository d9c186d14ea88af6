/* SPDX-License-Identifier: MIT */
#include "engine/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "defs/source.h"
#include "engine/supervisor.h"
#include "net/ring/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool control_address(const char *path, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(out->sun_path)) {
        LOG_ERR("control_socket: %s is longer than %zu bytes", path, sizeof(out->sun_path) - 1);
        return false;
    }
    snprintf(out->sun_path, sizeof(out->sun_path), "%s", path);
    return true;
}

/* A socket file without a listener is left over from an engine that was killed. */
static bool control_is_answered(const struct sockaddr_un *addr)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool answered = fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return answered;
}

/* Makes room at the path; false with a log line when what is there is not ours to remove. */
static bool control_clear(const struct sockaddr_un *addr)
{
    struct stat facts;

    if (lstat(addr->sun_path, &facts) < 0) {
        return true; /* Nothing is there, or bind will say what is wrong. */
    }
    if (!S_ISSOCK(facts.st_mode)) {
        LOG_ERR("control_socket: %s is there and is no socket", addr->sun_path);
        return false;
    }
    if (control_is_answered(addr)) {
        LOG_ERR("control_socket: another engine answers at %s", addr->sun_path);
        return false;
    }
    unlink(addr->sun_path);
    return true;
}

static void control_make_folder(const char *path)
{
    char folder[sizeof(((struct control *)0)->path)];
    char *slash;

    snprintf(folder, sizeof(folder), "%s", path);
    slash = strrchr(folder, '/');
    if (slash && slash != folder) {
        *slash = '\0';
        mkdir(folder, 0755);
    }
}

bool control_open(struct control *control, const char *path)
{
    struct sockaddr_un addr;

    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        control->clients[i].fd = -1;
    }
    control->fd = -1;
    if (!control_address(path, &addr)) {
        return false;
    }
    control_make_folder(path);
    if (!control_clear(&addr)) {
        return false;
    }
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const mode_t mask = umask(0177);
    const bool bound = control->fd >= 0 &&
                       bind(control->fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 &&
                       listen(control->fd, CONTROL_CLIENTS_MAX) == 0;

    umask(mask);
    if (!bound) {
        LOG_ERR("control_socket: %s: %s", path, strerror(errno));
        return false;
    }
    snprintf(control->path, sizeof(control->path), "%s", path);
    return true;
}

static void control_drop(struct control_client *client)
{
    /* A child that was forked meanwhile holds the socket as well; the client still sees the end. */
    shutdown(client->fd, SHUT_RDWR);
    close(client->fd);
    *client = (struct control_client){.fd = -1};
}

void control_close(struct control *control)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (control->clients[i].fd >= 0) {
            control_drop(&control->clients[i]);
        }
    }
    if (control->fd >= 0) {
        close(control->fd);
        unlink(control->path);
        control->fd = -1;
    }
}

void control_on_accept(struct control *control)
{
    const int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        return;
    }
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (control->clients[i].fd < 0) {
            control->clients[i] = (struct control_client){.fd = fd};
            return;
        }
    }
    close(fd);
}

/* Sends one line and ends the conversation. */
static void control_answer(struct control_client *client, json_t *answer)
{
    char *line = json_dumps(answer, JSON_COMPACT);

    json_decref(answer);
    if (line) {
        const struct timeval limit = {.tv_sec = 2};

        /* A client that does not read its answer costs the supervisor two seconds at most. */
        fcntl(client->fd, F_SETFL, 0);
        setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        if (send(client->fd, line, strlen(line), MSG_NOSIGNAL) < 0 ||
            send(client->fd, "\n", 1, MSG_NOSIGNAL) < 0) {
            LOG_WRN("control socket: the answer could not be sent (%s)", strerror(errno));
        }
        free(line);
    }
    control_drop(client);
}

/* Names, paths and error texts may hold bytes that JSON cannot; those are shown as '?'. */
static json_t *control_text(const char *bytes)
{
    json_t *text = json_string(bytes);
    char *copy = text ? NULL : strdup(bytes);

    if (!copy) {
        return text;
    }
    for (char *at = copy; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x80 ? *at : '?';
    }
    text = json_string(copy);
    free(copy);
    return text;
}

/* Lines used, by kind; kinds without a line stay out. */
static json_t *control_kinds(const struct defs_counts *counts)
{
    json_t *kinds = json_object();

    for (unsigned i = 0; i < SOURCE_KINDS; i++) {
        if (counts->kinds[i].used > 0) {
            json_object_set_new(kinds, source_kind_word((enum source_kind)i),
                                json_integer((json_int_t)counts->kinds[i].used));
        }
    }
    return kinds;
}

static json_t *control_definitions(const struct supervisor *supervisor)
{
    char stamp[CLOCK_DATE_CAP];

    clock_format_date(supervisor->loaded_at, stamp);
    return json_pack(
        "{s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:b, s:s, s:s, s:s, s:o}", "name",
        control_text(supervisor->meta.name), "version", supervisor->meta.version, "sequence",
        (json_int_t)supervisor->meta.sequence, "signatures", (json_int_t)supervisor->counts.used,
        "skipped", (json_int_t)supervisor->counts.skipped, "unusable",
        (json_int_t)supervisor->counts.unusable, "slow", (json_int_t)supervisor->counts.slow,
        "kinds", control_kinds(&supervisor->counts), "rolled_back",
        (int)history_is_back(&supervisor->history), "content", supervisor->content, "digest",
        supervisor->digest, "loaded_at", stamp, "path", control_text(supervisor->definitions));
}

static json_t *control_counters(const struct counters *counters)
{
    size_t len;
    const struct counters_field *fields = counters_fields(&len);
    json_t *object = json_object();

    for (size_t i = 0; i < len; i++) {
        const uint64_t *field =
            (const uint64_t *)(const void *)((const uint8_t *)counters + fields[i].offset);

        json_object_set_new(object, fields[i].name, json_integer((json_int_t)counters_read(field)));
    }
    return object;
}

static void control_sum(struct counters *sum, const struct counters *counters)
{
    size_t len;
    const struct counters_field *fields = counters_fields(&len);

    for (size_t i = 0; i < len; i++) {
        uint64_t *to = (uint64_t *)(void *)((uint8_t *)sum + fields[i].offset);
        const uint64_t *from =
            (const uint64_t *)(const void *)((const uint8_t *)counters + fields[i].offset);

        *to = fields[i].peak ? MAX_OF(*to, counters_read(from)) : *to + counters_read(from);
    }
}

/* What the shards run on; epoll as soon as one of them had to fall back. */
static const char *control_backend(const struct supervisor *supervisor)
{
    const char *name = "starting";

    for (unsigned i = 0; i < supervisor->shards_len; i++) {
        const uint64_t backend = counters_read(&supervisor->pages[i].backend);

        if (backend == RING_EPOLL) {
            return "epoll";
        }
        name = backend == RING_URING ? "io_uring" : name;
    }
    return name;
}

static json_t *control_status(const struct supervisor *supervisor)
{
    struct counters sum = {0};
    json_t *shards = json_array();

    for (unsigned i = 0; i < supervisor->shards_len; i++) {
        const struct counters_page *page = &supervisor->pages[i];

        control_sum(&sum, &page->counters);
        json_array_append_new(
            shards,
            json_pack("{s:i, s:i, s:I, s:I, s:I, s:I, s:o}", "index", (int)i, "pid",
                      (int)supervisor->shards[i].pid, "restarts", (json_int_t)page->restarts,
                      "generation", (json_int_t)counters_read(&page->serving), "connections",
                      (json_int_t)counters_read(&page->counters.connections), "requests_active",
                      (json_int_t)counters_read(&page->counters.requests_active), "counters",
                      control_counters(&page->counters)));
    }
    return json_pack("{s:b, s:s, s:i, s:I, s:s, s:b, s:b, s:o, s:s, s:i, s:o, s:o}", "ok", 1,
                     "version", BALEEN_VERSION, "pid", (int)getpid(), "uptime_s",
                     (json_int_t)((clock_now_ns() - supervisor->started_ns) / NS_PER_SEC),
                     "backend", control_backend(supervisor), "draining", supervisor->stopping,
                     "ready", supervisor->ready, "definitions", control_definitions(supervisor),
                     "istag", supervisor->istag, "max_connections",
                     (int)supervisor->connections_max, "shards", shards, "totals",
                     control_counters(&sum));
}

static json_t *control_error(const char *error)
{
    return json_pack("{s:b, s:o}", "ok", 0, "error", control_text(error));
}

static json_t *control_reloaded(const struct supervisor *supervisor, bool changed)
{
    return json_pack("{s:b, s:s, s:s, s:b}", "ok", 1, "version", supervisor->meta.version, "istag",
                     supervisor->istag, "changed", (int)changed);
}

void control_tell_reload(struct control *control, const struct supervisor *supervisor, bool changed,
                         const char *error)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *client = &control->clients[i];

        if (client->fd >= 0 && client->waits_reload) {
            control_answer(client,
                           error ? control_error(error) : control_reloaded(supervisor, changed));
        }
    }
}

static void control_run(struct control_client *client, const char *command, const json_t *request,
                        struct supervisor *supervisor)
{
    if (strcmp(command, "status") == 0) {
        control_answer(client, control_status(supervisor));
    } else if (strcmp(command, "version") == 0) {
        control_answer(client, json_pack("{s:b, s:s}", "ok", 1, "version", BALEEN_VERSION));
    } else if (strcmp(command, "drain") == 0) {
        control_answer(client, json_pack("{s:b}", "ok", 1));
        supervisor_stop(supervisor);
    } else if (strcmp(command, "reload") == 0) {
        const struct supervisor_order order = {
            .config = true,
            .older = json_is_true(json_object_get(request, "older")),
            .previous = json_is_true(json_object_get(request, "previous")),
        };

        client->waits_reload = true;
        supervisor_reload(supervisor, &order);
    } else {
        control_answer(client, control_error("unknown command: status, reload, drain or version"));
    }
}

static void control_on_line(struct control_client *client, struct supervisor *supervisor)
{
    json_t *request = json_loads(client->line, 0, NULL);
    const char *command = json_string_value(json_object_get(request, "command"));

    if (command) {
        control_run(client, command, request, supervisor);
    } else {
        control_answer(client, control_error("not a line of JSON with a \"command\""));
    }
    json_decref(request);
}

void control_on_client(struct control_client *client, struct supervisor *supervisor)
{
    const ssize_t n = recv(client->fd, client->line + client->len,
                           sizeof(client->line) - 1 - client->len, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        control_drop(client);
        return;
    }
    client->len += (unsigned)n;
    client->line[client->len] = '\0';
    char *end = strchr(client->line, '\n');

    if (end && !client->waits_reload) {
        *end = '\0';
        control_on_line(client, supervisor);
    } else if (client->len == sizeof(client->line) - 1) {
        control_answer(client, control_error("the request is too long"));
    }
}
