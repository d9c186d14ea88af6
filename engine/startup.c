/* SPDX-License-Identifier: MIT */
/*
 * From the command line to a supervisor that runs: arguments, configuration, sockets, first
 * definitions, user.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "engine/listen.h"
#include "engine/process.h"
#include "engine/supervisor.h"
#include "engine/supervisor_run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STARTUP_OVERRIDES_MAX 256
#define STARTUP_FILES_RESERVE UINT64_C(512)
#define STARTUP_CONNS_AUTO    16384

struct startup_args {
    const char *config_path;
    struct config_override overrides[STARTUP_OVERRIDES_MAX];
    size_t overrides_len;
    bool check;
    bool version;
};

static const char startup_usage[] =
    "usage: baleend [-c FILE] [-s KEY=VALUE]... [--check] [--version]\n"
    "\n"
    "The content scan engine. Runs in the foreground and logs to standard error.\n"
    "  -c FILE        configuration (YAML); without one the built-in defaults hold\n"
    "  -s KEY=VALUE   overrides one key, e.g. -s icap.preview=4096; may be repeated\n"
    "  --check        validates the configuration and exits\n"
    "  --version      prints the version and exits\n"
    "SIGTERM drains and stops, SIGHUP reads configuration and definitions again.\n";

/* Keeps copies: the title of the process is written over its arguments. */
static char *startup_copy(const char *text)
{
    char *copy = strdup(text);

    ASSERT(copy);
    return copy;
}

static bool startup_add_override(struct startup_args *args, const char *argument)
{
    const char *equals = strchr(argument, '=');

    if (!equals || equals == argument) {
        fprintf(stderr, "baleend: -s %s: KEY=VALUE is wanted\n", argument);
        return false;
    }
    if (args->overrides_len == STARTUP_OVERRIDES_MAX) {
        fprintf(stderr, "baleend: more than %d -s options\n", STARTUP_OVERRIDES_MAX);
        return false;
    }
    char *key = startup_copy(argument);

    key[equals - argument] = '\0';
    args->overrides[args->overrides_len++] =
        (struct config_override){key, key + (equals - argument) + 1};
    return true;
}

static bool startup_parse(int argc, char **argv, struct startup_args *args)
{
    static const struct option options[] = {
        {"check", no_argument, NULL, 'C'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "c:s:h", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            args->config_path = startup_copy(optarg);
            break;
        case 's':
            if (!startup_add_override(args, optarg)) {
                return false;
            }
            break;
        case 'C':
            args->check = true;
            break;
        case 'V':
            args->version = true;
            break;
        case 'h':
            fputs(startup_usage, stdout);
            exit(0);
        default:
            fputs(startup_usage, stderr);
            return false;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "baleend: unexpected argument '%s'\n%s", argv[optind], startup_usage);
        return false;
    }
    return true;
}

/* Where large bodies go: state_dir when it takes unlinked files, else a folder for temporary files.
 */
static int startup_open_spool(const struct config *config)
{
    const char *const places[] = {config->state_dir, "/var/tmp", "/tmp"};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const int fd = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        const int probe = fd >= 0 ? openat(fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;

        if (probe >= 0) {
            close(probe);
            if (i > 0) {
                LOG_INF("state_dir: %s cannot be used, large bodies go to %s", config->state_dir,
                        places[i]);
            }
            return fd;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    LOG_WRN("no folder for large bodies: they are refused with 551");
    return -1;
}

/* What root has made is given to the user it becomes. */
static void startup_give(const char *path, const struct passwd *entry)
{
    if (entry && chown(path, entry->pw_uid, entry->pw_gid) < 0) {
        LOG_WRN("%s cannot be given to '%s' (%s)", path, entry->pw_name, strerror(errno));
    }
}

static bool startup_drop_user(const struct config *config)
{
    const bool made_state = mkdir(config->state_dir, 0750) == 0;
    const char *user = config->user;

    if (geteuid() != 0) {
        return true;
    }
    if (user[0] == '\0' && getpwnam("baleen")) {
        user = "baleen";
    }
    if (user[0] == '\0' || strcmp(user, "root") == 0) {
        LOG_WRN("running as root: set `user` (or make a user 'baleen') to drop privileges");
        return true;
    }
    startup_give(config->control_socket, getpwnam(user));
    if (made_state) {
        startup_give(config->state_dir, getpwnam(user));
    }
    if (!process_drop(user)) {
        return false;
    }
    LOG_INF("running as user '%s'", user);
    return true;
}

static void startup_size(struct supervisor *supervisor)
{
    const struct config *config = supervisor->config;
    const uint64_t files = process_raise_files();
    const uint64_t room =
        files > 2 * STARTUP_FILES_RESERVE ? (files - STARTUP_FILES_RESERVE) * 4 / 5 : files / 2;
    int cores[COUNTERS_SHARD_MAX];
    const unsigned cores_len = process_cores(cores, COUNTERS_SHARD_MAX);

    supervisor->shards_len = config->shards == CONFIG_AUTO ? cores_len : config->shards;
    supervisor->shards_len = MIN_OF(MAX_OF(supervisor->shards_len, 1u), COUNTERS_SHARD_MAX);
    for (unsigned i = 0; i < supervisor->shards_len; i++) {
        supervisor->shards[i].core = i < cores_len ? cores[i] : -1;
        supervisor->shards[i].channel_fd = -1;
    }
    supervisor->connections_max = config->icap_max_connections == CONFIG_AUTO
                                      ? (uint32_t)MIN_OF(room, (uint64_t)STARTUP_CONNS_AUTO)
                                      : config->icap_max_connections;
    if (supervisor->connections_max > room) {
        LOG_WRN("icap.max_connections: %u connections need more than the %llu descriptors that are "
                "allowed (ulimit -n)",
                supervisor->connections_max, (unsigned long long)files);
    }
}

static bool startup_open_pipes(struct supervisor *supervisor)
{
    const char *access = supervisor->config->log_access;

    supervisor->access_fd = -1;
    supervisor->access_pipe[0] = -1;
    supervisor->access_pipe[1] = -1;
    if (pipe2(supervisor->log_pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
        LOG_ERR("pipe: %s", strerror(errno));
        return false;
    }
    fcntl(supervisor->log_pipe[1], F_SETPIPE_SZ, (int)MIB(1));
    if (access[0] == '\0') {
        return true;
    }
    supervisor->access_fd = open(access, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (supervisor->access_fd < 0) {
        LOG_ERR("log.access: %s: %s", access, strerror(errno));
        return false;
    }
    if (pipe2(supervisor->access_pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
        LOG_ERR("pipe: %s", strerror(errno));
        return false;
    }
    fcntl(supervisor->access_pipe[1], F_SETPIPE_SZ, (int)MIB(1));
    return true;
}

static bool startup_open_signals(struct supervisor *supervisor)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    /* A body over the limit of file sizes is a failed write, not the end of a shard. */
    signal(SIGXFSZ, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
        return false;
    }
    supervisor->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return supervisor->signal_fd >= 0;
}

/* The first set is compiled before anything is served; without it nothing starts. */
static bool startup_first_definitions(struct supervisor *supervisor)
{
    int wait_status = 0;

    supervisor_find_definitions(supervisor, supervisor->config);
    history_load(&supervisor->history, supervisor->config->state_dir);
    if (!supervisor_start_compiler(supervisor)) {
        return false;
    }
    while (waitpid(supervisor->compiler.pid, &wait_status, 0) < 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    supervisor_on_compiled(supervisor, wait_status);
    return supervisor->number > 0;
}

static bool startup_open(struct supervisor *supervisor)
{
    const struct config *config = supervisor->config;

    startup_size(supervisor);
    supervisor->addresses_len = config->listen.len;
    supervisor->listen_fds =
        calloc((size_t)supervisor->shards_len * MAX_OF(config->listen.len, 1u), sizeof(int));
    supervisor->pages = counters_map(supervisor->shards_len);
    if (!supervisor->listen_fds || !supervisor->pages) {
        LOG_ERR("no memory to start");
        return false;
    }
    supervisor->file_fd = -1;
    supervisor->image_fd = -1;
    supervisor->started_ns = clock_now_ns();
    if (!startup_open_pipes(supervisor) || !startup_open_signals(supervisor) ||
        !listen_open(&config->listen, supervisor->shards_len, supervisor->listen_fds) ||
        !control_open(&supervisor->control, config->control_socket) || !startup_drop_user(config)) {
        return false;
    }
    supervisor->spool_fd = startup_open_spool(config);
    return startup_first_definitions(supervisor);
}

int supervisor_main(int argc, char **argv)
{
    static struct supervisor supervisor;
    static struct startup_args args;
    char error[CONFIG_ERROR_CAP];

    process_init(argc, argv);
    if (!startup_parse(argc, argv, &args)) {
        return 2;
    }
    if (args.version) {
        printf("Baleen %s\n", BALEEN_VERSION);
        return 0;
    }
    supervisor.config_path = args.config_path;
    supervisor.overrides = args.overrides;
    supervisor.overrides_len = args.overrides_len;
    supervisor.config = calloc(1, sizeof(struct config));
    ASSERT(supervisor.config);
    config_init(supervisor.config);
    if (!config_load(supervisor.config, args.config_path, args.overrides, args.overrides_len,
                     error)) {
        fprintf(stderr, "baleend: %s\n", error);
        return 2;
    }
    if (!compiler_check_keys(supervisor.config, error)) {
        fprintf(stderr, "baleend: definitions.trusted_keys: %s\n", error);
        return 2;
    }
    if (args.check) {
        puts("the configuration is valid");
        return 0;
    }
    log_open(STDERR_FILENO, "supervisor", (enum log_level)supervisor.config->log_level,
             (enum log_format)supervisor.config->log_format);
    process_set_title("baleend: supervisor");
    LOG_INF("Baleen %s starts", BALEEN_VERSION);
    if (!startup_open(&supervisor)) {
        if (supervisor.control.path[0] != '\0') {
            control_close(&supervisor.control);
        }
        LOG_ERR("not started");
        return 1;
    }
    return supervisor_run(&supervisor);
}
