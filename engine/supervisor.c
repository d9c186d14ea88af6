/* SPDX-License-Identifier: MIT */
#include "engine/supervisor.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/generation_make.h"
#include "engine/listen.h"
#include "engine/process.h"
#include "engine/shard.h"
#include "engine/supervisor_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A shard that dies this soon after its start is started again only after a pause. */
#define SUPERVISOR_QUICK_NS  (2 * NS_PER_SEC)
#define SUPERVISOR_PAUSE_NS  (1 * NS_PER_SEC)
#define SUPERVISOR_QUICK_MAX 3

#define SUPERVISOR_RETRY_NS (1 * NS_PER_SEC)
#define SUPERVISOR_KILL_NS  (35 * NS_PER_SEC)

bool supervisor_is_settled(const struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->shards_len; i++) {
        const struct supervisor_shard *shard = &supervisor->shards[i];

        if (shard->pid > 0 && shard->adopted != supervisor->number) {
            return false;
        }
    }
    return true;
}

static void supervisor_send_generation(struct supervisor *supervisor, unsigned index)
{
    struct supervisor_shard *shard = &supervisor->shards[index];
    const struct message message = {.type = MESSAGE_ADOPT, .number = supervisor->number};
    const int fds[2] = {supervisor->file_fd, supervisor->image_fd};

    shard->sent = supervisor->number;
    shard->retry_at_ns = 0;
    const int r = message_send(shard->channel_fd, &message, fds, 2);

    if (r < 0) {
        LOG_WRN("shard %u: definitions could not be handed over: %s", index, strerror(-r));
        shard->retry_at_ns = clock_now_ns() + SUPERVISOR_RETRY_NS;
    }
}

/* In the child: everything that is the supervisor's goes. */
static _Noreturn void supervisor_become_shard(struct supervisor *supervisor, unsigned index,
                                              int channel_fd)
{
    struct shard_start start = {
        .index = index,
        .shards = supervisor->shards_len,
        .core = supervisor->shards[index].core,
        .channel_fd = channel_fd,
        .log_fd = supervisor->log_pipe[1],
        .access_fd = supervisor->access_pipe[1],
        .listen_len = supervisor->addresses_len,
        .spool_fd = supervisor->spool_fd,
        .pages = supervisor->pages,
        .config = supervisor->config,
        .connections_max = supervisor->connections_max + supervisor->connections_max / 4 + 64,
    };
    int keep[SHARD_LISTENERS_MAX + 4];
    unsigned keep_len = 0;
    char who[32];
    sigset_t none;

    for (unsigned i = 0; i < supervisor->addresses_len; i++) {
        start.listen_fds[i] = supervisor->listen_fds[index * supervisor->addresses_len + i];
        keep[keep_len++] = start.listen_fds[i];
    }
    keep[keep_len++] = start.channel_fd;
    keep[keep_len++] = start.log_fd;
    keep[keep_len++] = start.access_fd;
    keep[keep_len++] = start.spool_fd;
    process_close_others(keep, keep_len);
    /* The supervisor tells when to end; a Ctrl-C of the terminal reaches all of the group. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    snprintf(who, sizeof(who), "shard %u", index);
    process_set_title("baleend: %s", who);
    log_open(start.log_fd, who, (enum log_level)supervisor->config->log_level,
             (enum log_format)supervisor->config->log_format);
    exit(shard_run(&start));
}

static void supervisor_start_shard(struct supervisor *supervisor, unsigned index)
{
    struct supervisor_shard *shard = &supervisor->shards[index];
    int fds[2];

    if (message_pair(fds) < 0) {
        LOG_ERR("shard %u cannot be started (%s)", index, strerror(errno));
        shard->start_at_ns = clock_now_ns() + SUPERVISOR_PAUSE_NS;
        return;
    }
    supervisor->pages[index].serving = 0;
    shard->channel_fd = -1;
    shard->pid = fork();
    if (shard->pid == 0) {
        supervisor_become_shard(supervisor, index, fds[1]);
    }
    close(fds[1]);
    if (shard->pid < 0) {
        LOG_ERR("shard %u cannot be started (%s)", index, strerror(errno));
        close(fds[0]);
        shard->pid = 0;
        shard->start_at_ns = clock_now_ns() + SUPERVISOR_PAUSE_NS;
        return;
    }
    shard->channel_fd = fds[0];
    shard->started_ns = clock_now_ns();
    shard->start_at_ns = 0;
    shard->adopted = 0;
    supervisor->pages[index].pid = (uint64_t)shard->pid;
    supervisor_send_generation(supervisor, index);
}

static const char *supervisor_explain(int wait_status, char *room, size_t cap)
{
    if (WIFSIGNALED(wait_status)) {
        snprintf(room, cap, "signal %d (%s)", WTERMSIG(wait_status),
                 strsignal(WTERMSIG(wait_status)));
    } else {
        snprintf(room, cap, "exit code %d", WEXITSTATUS(wait_status));
    }
    return room;
}

static void supervisor_on_shard_end(struct supervisor *supervisor, unsigned index, int wait_status)
{
    struct supervisor_shard *shard = &supervisor->shards[index];
    const uint64_t now_ns = clock_now_ns();
    char why[96];

    close(shard->channel_fd);
    shard->channel_fd = -1;
    shard->pid = 0;
    counters_reset_gauges(&supervisor->pages[index].counters);
    if (supervisor->stopping) {
        return;
    }
    supervisor->pages[index].restarts++;
    shard->quick_deaths =
        now_ns - shard->started_ns < SUPERVISOR_QUICK_NS ? shard->quick_deaths + 1 : 0;
    LOG_ERR("shard %u ended with %s; it is replaced", index,
            supervisor_explain(wait_status, why, sizeof(why)));
    if (shard->quick_deaths > SUPERVISOR_QUICK_MAX) {
        shard->start_at_ns = now_ns + SUPERVISOR_PAUSE_NS;
    } else {
        supervisor_start_shard(supervisor, index);
    }
}

static void supervisor_use(struct supervisor *supervisor, int image_fd,
                           const struct compiler_result *result, const struct defs_image *image,
                           int file_fd, const struct generation_facts *facts)
{
    if (supervisor->file_fd >= 0) {
        close(supervisor->file_fd);
        close(supervisor->image_fd);
    }
    supervisor->file_fd = file_fd;
    supervisor->image_fd = image_fd;
    supervisor->number = facts->number;
    supervisor->meta = image->meta;
    supervisor->counts = result->counts;
    supervisor->loaded_at = clock_wall_sec();
    memcpy(supervisor->istag, facts->istag, sizeof(supervisor->istag));
    for (size_t i = 0; i < DEFS_DIGEST_LEN; i++) {
        snprintf(supervisor->digest + 2 * i, 3, "%02x", image->digest[i]);
    }
    for (unsigned i = 0; i < supervisor->shards_len; i++) {
        if (supervisor->shards[i].pid > 0) {
            supervisor_send_generation(supervisor, i);
        }
    }
}

/* What needs a restart is said, and stays as it is. */
static void supervisor_keep_restart_keys(struct supervisor *supervisor)
{
    char *room = malloc(CONFIG_TEXT_CAP);

    ASSERT(room);
    struct text keys = text_over(room, CONFIG_TEXT_CAP - 1);

    config_restart_keys(supervisor->config, supervisor->next_config, &keys);
    if (keys.len > 0) {
        room[keys.len] = '\0';
        LOG_WRN("reload: these keys need a restart and stay as they are: %s", room);
    }
    free(room);
    config_keep_restart_keys(supervisor->next_config, supervisor->config);
}

/* The configuration that came with the job takes over. */
static void supervisor_take_config(struct supervisor *supervisor)
{
    if (!supervisor->next_config) {
        return;
    }
    free(supervisor->config);
    supervisor->config = supervisor->next_config;
    supervisor->next_config = NULL;
    log_open(STDERR_FILENO, "supervisor", (enum log_level)supervisor->config->log_level,
             (enum log_format)supervisor->config->log_format);
}

static void supervisor_refuse(struct supervisor *supervisor, const char *what, const char *error)
{
    LOG_ERR("%s refused%s: %s", what, supervisor->number > 0 ? ", the old one stays" : "", error);
    free(supervisor->next_config);
    supervisor->next_config = NULL;
    if (!supervisor->reload_wanted) {
        control_tell_reload(&supervisor->control, supervisor, false, error);
    }
}

/* By what they say: structs have padding. */
static bool supervisor_same_config(const struct config *a, const struct config *b)
{
    char *room = malloc(2 * CONFIG_TEXT_CAP);

    ASSERT(room);
    struct text text_a = text_over(room, CONFIG_TEXT_CAP);
    struct text text_b = text_over(room + CONFIG_TEXT_CAP, CONFIG_TEXT_CAP);

    config_write(a, &text_a);
    config_write(b, &text_b);
    const bool same = slice_equal(text_slice(&text_a), text_slice(&text_b));

    free(room);
    return same;
}

/* A set that goes back is refused, unless the reload was told that it may. */
static bool supervisor_is_older(const struct supervisor *supervisor, const struct defs_meta *meta,
                                char error[DEFS_ERROR_CAP])
{
    if (supervisor->number == 0 || supervisor->older_allowed ||
        meta->sequence >= supervisor->meta.sequence) {
        return false;
    }
    snprintf(error, DEFS_ERROR_CAP, "sequence %llu is older than the %llu in use",
             (unsigned long long)meta->sequence, (unsigned long long)supervisor->meta.sequence);
    return true;
}

/* True when something changed and a generation was made of it. */
static bool supervisor_adopt(struct supervisor *supervisor, int image_fd,
                             const struct compiler_result *result, char error[DEFS_ERROR_CAP])
{
    const struct config *config =
        supervisor->next_config ? supervisor->next_config : supervisor->config;
    struct generation_facts facts = {
        .number = supervisor->number + 1,
        .max_connections = supervisor->connections_max,
    };
    struct defs_image image;
    const int r = defs_image_open(&image, image_fd, true);

    error[0] = '\0';
    if (r < 0) {
        snprintf(error, DEFS_ERROR_CAP, "the image cannot be opened: %s", strerror(-r));
        close(image_fd);
        return false;
    }
    if (config->definitions_require_signature) {
        snprintf(error, DEFS_ERROR_CAP,
                 "the set is not signed and definitions.require_signature is set");
    }
    if (error[0] != '\0' || supervisor_is_older(supervisor, &image.meta, error)) {
        defs_image_close(&image);
        close(image_fd);
        return false;
    }
    generation_make_istag(config, image.digest, facts.istag);
    if (strcmp(facts.istag, supervisor->istag) == 0 && supervisor->number > 0 &&
        supervisor_same_config(config, supervisor->config)) {
        defs_image_close(&image);
        close(image_fd);
        return false;
    }
    const int file_fd = generation_make_file(config, &facts, error);

    if (file_fd < 0) {
        defs_image_close(&image);
        close(image_fd);
        return false;
    }
    supervisor_use(supervisor, image_fd, result, &image, file_fd, &facts);
    defs_image_close(&image);
    return true;
}

void supervisor_on_compiled(struct supervisor *supervisor, int wait_status)
{
    struct compiler_result result;
    char error[DEFS_ERROR_CAP];
    int image_fd;

    compiler_finish(&supervisor->compiler, wait_status, &result, &image_fd);
    if (!result.good) {
        supervisor_refuse(supervisor, "definitions", result.error);
        return;
    }
    const bool changed = supervisor_adopt(supervisor, image_fd, &result, error);

    if (error[0] != '\0') {
        supervisor_refuse(supervisor, "definitions", error);
        return;
    }
    supervisor_take_config(supervisor);
    if (!changed) {
        LOG_INF("reload: nothing changed, definitions %s stay", supervisor->meta.version);
        if (!supervisor->reload_wanted) {
            control_tell_reload(&supervisor->control, supervisor, false, NULL);
        }
        return;
    }
    LOG_INF("definitions %s (%s, %llu signatures, %llu lines not usable), ISTag %s",
            supervisor->meta.version, supervisor->meta.name,
            (unsigned long long)supervisor->counts.used,
            (unsigned long long)supervisor->counts.unusable, supervisor->istag);
}

/* Where the definitions are: the configured path, else the usual place, else the shipped set. */
void supervisor_find_definitions(struct supervisor *supervisor, const struct config *config)
{
    static const char *const places[] = {
        "/var/lib/baleen/definitions",
        BALEEN_DEFINITIONS_INSTALLED,
        BALEEN_DEFINITIONS_SOURCE,
    };
    const char *path = config->definitions_path;

    for (size_t i = 0; path[0] == '\0' && i < ARRAY_LEN(places); i++) {
        path = access(places[i], R_OK) == 0 ? places[i] : "";
    }
    snprintf(supervisor->definitions, sizeof(supervisor->definitions), "%s",
             path[0] != '\0' ? path : places[0]);
}

static bool supervisor_load_config(struct supervisor *supervisor, struct config *out,
                                   char error[CONFIG_ERROR_CAP])
{
    config_init(out);
    return config_load(out, supervisor->config_path, supervisor->overrides,
                       supervisor->overrides_len, error);
}

void supervisor_reload(struct supervisor *supervisor, bool with_config, bool older)
{
    char error[CONFIG_ERROR_CAP];

    if (supervisor->compiler.pid > 0) {
        supervisor->reload_wanted = true;
        supervisor->older_wanted = older;
        return;
    }
    supervisor->older_allowed = older;
    supervisor->reload_wanted = false;
    if (with_config) {
        supervisor->next_config = calloc(1, sizeof(struct config));
        ASSERT(supervisor->next_config);
        if (!supervisor_load_config(supervisor, supervisor->next_config, error)) {
            supervisor_refuse(supervisor, "configuration", error);
            return;
        }
        supervisor_keep_restart_keys(supervisor);
        supervisor_find_definitions(supervisor, supervisor->next_config);
    }
    watch_init(&supervisor->watch, supervisor->definitions, clock_now_ns());
    if (!compiler_start(&supervisor->compiler, supervisor->definitions)) {
        supervisor_refuse(supervisor, "definitions", "the compiler cannot be started");
    }
}

void supervisor_stop(struct supervisor *supervisor)
{
    const struct message message = {.type = MESSAGE_DRAIN};

    if (supervisor->stopping) {
        LOG_WRN("told to stop again: ending at once");
        supervisor->kill_at_ns = 1;
        return;
    }
    LOG_INF("draining: no new connections, running requests are finished");
    supervisor->stopping = true;
    supervisor->kill_at_ns = clock_now_ns() + SUPERVISOR_KILL_NS;
    for (unsigned i = 0; i < supervisor->shards_len * supervisor->addresses_len; i++) {
        close(supervisor->listen_fds[i]);
    }
    for (unsigned i = 0; i < supervisor->shards_len; i++) {
        if (supervisor->shards[i].pid > 0 &&
            message_send(supervisor->shards[i].channel_fd, &message, NULL, 0) < 0) {
            kill(supervisor->shards[i].pid, SIGKILL);
        }
    }
}

static void supervisor_on_blocked(struct supervisor *supervisor, unsigned from,
                                  const struct message *message)
{
    for (unsigned i = 0; i < supervisor->shards_len; i++) {
        if (i != from && supervisor->shards[i].pid > 0 &&
            message_send(supervisor->shards[i].channel_fd, message, NULL, 0) < 0) {
            LOG_WRN("shard %u was not told of a blocked URL", i);
        }
    }
}

static void supervisor_on_adopted(struct supervisor *supervisor, unsigned index,
                                  const struct message *message)
{
    struct supervisor_shard *shard = &supervisor->shards[index];

    if (message->result < 0) {
        LOG_WRN("shard %u: definitions not adopted (%s), trying again", index,
                strerror(-message->result));
        shard->retry_at_ns = clock_now_ns() + SUPERVISOR_RETRY_NS;
        return;
    }
    shard->adopted = message->number;
    if (!supervisor_is_settled(supervisor)) {
        return;
    }
    if (!supervisor->ready) {
        supervisor->ready = true;
        LOG_INF("ready: %u shards, definitions %s", supervisor->shards_len,
                supervisor->meta.version);
    }
    if (supervisor->compiler.pid == 0 && !supervisor->reload_wanted) {
        control_tell_reload(&supervisor->control, supervisor, true, NULL);
    }
}

static void supervisor_on_channel(struct supervisor *supervisor, unsigned index)
{
    struct message message;
    int fds[MESSAGE_FDS_MAX];
    unsigned fds_len;

    while (supervisor->shards[index].channel_fd >= 0 &&
           message_recv(supervisor->shards[index].channel_fd, &message, fds, &fds_len) > 0) {
        for (unsigned i = 0; i < fds_len; i++) {
            close(fds[i]);
        }
        if (message.type == MESSAGE_ADOPTED) {
            supervisor_on_adopted(supervisor, index, &message);
        } else if (message.type == MESSAGE_BLOCKED) {
            supervisor_on_blocked(supervisor, index, &message);
        }
    }
}

static void supervisor_on_child(struct supervisor *supervisor)
{
    int wait_status;
    pid_t pid;

    while ((pid = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        if (pid == supervisor->compiler.pid) {
            supervisor_on_compiled(supervisor, wait_status);
            if (supervisor->reload_wanted) {
                supervisor_reload(supervisor, true, supervisor->older_wanted);
            }
            continue;
        }
        for (unsigned i = 0; i < supervisor->shards_len; i++) {
            if (supervisor->shards[i].pid == pid) {
                supervisor_on_shard_end(supervisor, i, wait_status);
            }
        }
    }
}

/* Opens the access log again, so that it can be rotated. */
static void supervisor_reopen_access(struct supervisor *supervisor)
{
    const char *path = supervisor->config->log_access;
    const int fd = supervisor->access_fd >= 0
                       ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)
                       : -1;

    if (fd >= 0) {
        close(supervisor->access_fd);
        supervisor->access_fd = fd;
    } else if (supervisor->access_fd >= 0) {
        LOG_WRN("log.access: %s: %s; the old file is written on", path, strerror(errno));
    }
}

static void supervisor_on_signal(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;

    while (read(supervisor->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            supervisor_on_child(supervisor);
            break;
        case SIGHUP:
            LOG_INF("SIGHUP: reading configuration and definitions again");
            supervisor_reopen_access(supervisor);
            supervisor_reload(supervisor, true, false);
            break;
        default:
            supervisor_stop(supervisor);
            break;
        }
    }
}

/*
 * Moves what waits in a pipe to its file: a full pipe at most, because shards that have much to say
 * fill it as quickly, and the other duties wait.
 */
static void supervisor_copy_pipe(int from, int to)
{
    char block[KIB(64)];
    ssize_t n;

    for (size_t i = 0; i < MIB(1) / sizeof(block); i++) {
        n = read(from, block, sizeof(block));
        if (n <= 0) {
            return;
        }
        for (ssize_t at = 0; at < n;) {
            const ssize_t w = write(to, block + at, (size_t)(n - at));

            if (w <= 0) {
                return;
            }
            at += w;
        }
    }
}

static void supervisor_run_timers(struct supervisor *supervisor)
{
    const uint64_t now_ns = clock_now_ns();

    for (unsigned i = 0; i < supervisor->shards_len && !supervisor->stopping; i++) {
        struct supervisor_shard *shard = &supervisor->shards[i];

        if (shard->pid == 0 && shard->start_at_ns > 0 && now_ns >= shard->start_at_ns) {
            supervisor_start_shard(supervisor, i);
        } else if (shard->pid > 0 && shard->retry_at_ns > 0 && now_ns >= shard->retry_at_ns) {
            supervisor_send_generation(supervisor, i);
        }
    }
    if (supervisor->config->definitions_watch && !supervisor->stopping &&
        supervisor->compiler.pid == 0 &&
        watch_run(&supervisor->watch, supervisor->definitions, now_ns)) {
        LOG_INF("the definitions at %s changed", supervisor->definitions);
        supervisor_reload(supervisor, false, false);
    }
    if (supervisor->compiler.pid > 0 && now_ns > supervisor->compiler.kill_at_ns) {
        kill(supervisor->compiler.pid, SIGKILL);
    }
    if (supervisor->stopping && now_ns > supervisor->kill_at_ns) {
        for (unsigned i = 0; i < supervisor->shards_len; i++) {
            if (supervisor->shards[i].pid > 0) {
                kill(supervisor->shards[i].pid, SIGKILL);
            }
        }
    }
}

static bool supervisor_is_finished(const struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->shards_len; i++) {
        if (supervisor->shards[i].pid > 0) {
            return false;
        }
    }
    return supervisor->stopping;
}

enum {
    POLL_SIGNAL,
    POLL_LOG,
    POLL_ACCESS,
    POLL_CONTROL,
    POLL_CLIENTS,
    POLL_SHARDS = POLL_CLIENTS + CONTROL_CLIENTS_MAX,
    POLL_LEN = POLL_SHARDS + COUNTERS_SHARD_MAX,
};

static void supervisor_turn(struct supervisor *supervisor)
{
    struct pollfd polls[POLL_LEN];
    const struct pollfd unused = {.fd = -1, .events = POLLIN};
    struct control *control = &supervisor->control;

    for (size_t i = 0; i < POLL_LEN; i++) {
        polls[i] = unused;
    }
    polls[POLL_SIGNAL].fd = supervisor->signal_fd;
    polls[POLL_LOG].fd = supervisor->log_pipe[0];
    polls[POLL_ACCESS].fd = supervisor->access_pipe[0];
    polls[POLL_CONTROL].fd = control->fd;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        polls[POLL_CLIENTS + i].fd = control->clients[i].fd;
    }
    for (unsigned i = 0; i < supervisor->shards_len; i++) {
        polls[POLL_SHARDS + i].fd = supervisor->shards[i].channel_fd;
    }
    if (poll(polls, POLL_SHARDS + supervisor->shards_len, supervisor->stopping ? 50 : 500) < 0 &&
        errno != EINTR) {
        LOG_ERR("poll failed (%s)", strerror(errno));
    }
    if (polls[POLL_LOG].revents) {
        supervisor_copy_pipe(supervisor->log_pipe[0], STDERR_FILENO);
    }
    if (polls[POLL_ACCESS].revents) {
        supervisor_copy_pipe(supervisor->access_pipe[0], supervisor->access_fd);
    }
    for (unsigned i = 0; i < supervisor->shards_len; i++) {
        if (polls[POLL_SHARDS + i].revents & POLLIN) {
            supervisor_on_channel(supervisor, i);
        }
    }
    if (polls[POLL_SIGNAL].revents) {
        supervisor_on_signal(supervisor);
    }
    if (polls[POLL_CONTROL].revents) {
        control_on_accept(control);
    }
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *client = &control->clients[i];

        if (polls[POLL_CLIENTS + i].revents && client->fd == polls[POLL_CLIENTS + i].fd) {
            control_on_client(client, supervisor);
        }
    }
    supervisor_run_timers(supervisor);
}

int supervisor_run(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->shards_len; i++) {
        supervisor_start_shard(supervisor, i);
    }
    while (!supervisor_is_finished(supervisor)) {
        supervisor_turn(supervisor);
    }
    supervisor_copy_pipe(supervisor->log_pipe[0], STDERR_FILENO);
    if (supervisor->access_fd >= 0) {
        supervisor_copy_pipe(supervisor->access_pipe[0], supervisor->access_fd);
    }
    control_close(&supervisor->control);
    LOG_INF("stopped");
    return 0;
}
