/* SPDX-License-Identifier: MIT */
#include "engine/supervisor.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
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

void supervisor_send_generation(struct supervisor *supervisor, unsigned index)
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
                supervisor_reload(supervisor, &supervisor->next_reload);
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
            supervisor_reload(supervisor, &(struct supervisor_order){.config = true});
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
        supervisor_reload(supervisor, &(struct supervisor_order){0});
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

/* Until the next look at what no message tells of. */
static int supervisor_pause_ms(const struct supervisor *supervisor)
{
    return supervisor->stopping || supervisor->retired_len > 0 ? 50 : 500;
}

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
    if (poll(polls, POLL_SHARDS + supervisor->shards_len, supervisor_pause_ms(supervisor)) < 0 &&
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
    supervisor_drop_retired(supervisor);
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
