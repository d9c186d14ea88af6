/* SPDX-License-Identifier: MIT */
#include "bench/runner/local_engine.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/text.h"
#include "bench/runner/folder_tree.h"
#include "bench/runner/stop.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A large set compiles for minutes when nothing of it is in the cache. */
#define LOCAL_ENGINE_START_SEC  600
#define LOCAL_ENGINE_STOP_SEC   10
#define LOCAL_ENGINE_ASK_MS     5000
#define LOCAL_ENGINE_POLL_US    20000
#define LOCAL_ENGINE_ANSWER_MAX MIB(4)

/* Ports below those that the kernel gives to outgoing connections. */
#define LOCAL_ENGINE_PORT_FIRST 11000
#define LOCAL_ENGINE_PORT_COUNT 19000

/* Arguments: the program, two for each setting, the engine's own and the end. */
#define LOCAL_ENGINE_ARGS_MAX (2 * (STEP_SETTINGS_MAX + 8) + 2)

#define LOCAL_ENGINE_LOG     "engine.log"
#define LOCAL_ENGINE_SOCKET  "control.sock"
#define LOCAL_ENGINE_SET     "baleen-bench"
#define LOCAL_ENGINE_CHANGED "swap.ndb"

PRINTF_LIKE(3, 4)
static bool local_engine_fail(char *why, size_t why_cap, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(why, why_cap, format, args);
    va_end(args);
    return false;
}

/* ---- Finding things ---- */

/* Whether `folder` joined with `rest` is a program; then it is in `out`. */
static bool local_engine_try(const char *folder, size_t folder_len, const char *rest,
                             char out[LOCAL_ENGINE_PATH_CAP])
{
    struct stat facts;
    const int len = snprintf(out, LOCAL_ENGINE_PATH_CAP, "%.*s/%s", (int)folder_len, folder, rest);

    return len < LOCAL_ENGINE_PATH_CAP && stat(out, &facts) == 0 && S_ISREG(facts.st_mode) &&
           access(out, X_OK) == 0;
}

/* Beside this program, as installed (bin and sbin) and as built (bench/runner and tools). */
static bool local_engine_find_beside(char out[LOCAL_ENGINE_PATH_CAP])
{
    static const char *const places[] = {"baleend", "../sbin/baleend", "../tools/baleend",
                                         "../../tools/baleend"};
    char own[LOCAL_ENGINE_PATH_CAP];
    const ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);

    if (len <= 0) {
        return false;
    }
    own[len] = '\0';
    const char *slash = strrchr(own, '/');

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (local_engine_try(own, (size_t)(slash - own), places[i], out)) {
            return true;
        }
    }
    return false;
}

static bool local_engine_find(const char *given, char out[LOCAL_ENGINE_PATH_CAP], char *why,
                              size_t why_cap)
{
    struct slice path = slice_from_str(getenv("PATH"));

    if (given != NULL) {
        snprintf(out, LOCAL_ENGINE_PATH_CAP, "%s", given);
        return access(given, X_OK) == 0 ||
               local_engine_fail(why, why_cap, "--engine %s: %s", given, strerror(errno));
    }
    if (local_engine_find_beside(out)) {
        return true;
    }
    while (path.len > 0) {
        const struct slice folder = slice_split(&path, ':');

        if (folder.len > 0 &&
            local_engine_try((const char *)folder.ptr, folder.len, "baleend", out)) {
            return true;
        }
    }
    return local_engine_fail(why, why_cap,
                             "no baleend beside this program or in PATH; name it with --engine, or "
                             "another server with --target");
}

static bool local_engine_port_is_free(unsigned port)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is_free = fd >= 0 && bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return is_free;
}

static unsigned local_engine_find_port(void)
{
    const unsigned start = (unsigned)((uint64_t)getpid() * 61 + clock_now_ns() / 1000);

    for (unsigned i = 0; i < LOCAL_ENGINE_PORT_COUNT; i++) {
        const unsigned port = LOCAL_ENGINE_PORT_FIRST + (start + i) % LOCAL_ENGINE_PORT_COUNT;

        if (local_engine_port_is_free(port)) {
            return port;
        }
    }
    return 0;
}

/* ---- The folder ---- */

static bool local_engine_make_folder(struct local_engine *engine, char *why, size_t why_cap)
{
    const char *base = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";

    if (snprintf(engine->folder, sizeof(engine->folder), "%s/baleen-bench-XXXXXX", base) >=
        LOCAL_ENGINE_FOLDER_CAP) {
        engine->folder[0] = '\0';
        return local_engine_fail(why, why_cap, "TMPDIR: %s: too long for a control socket", base);
    }
    if (mkdtemp(engine->folder) == NULL) {
        engine->folder[0] = '\0';
        return local_engine_fail(why, why_cap, "%s: %s", base, strerror(errno));
    }
    return true;
}

bool local_engine_change_set(struct local_engine *engine, char *why, size_t why_cap)
{
    static const char marker[] = "BALEEN-BENCH-MARKER-OF-SWAP-";
    char beside[LOCAL_ENGINE_PATH_CAP + 32];
    char path[LOCAL_ENGINE_PATH_CAP + 32];

    ASSERT(engine->options.copy_definitions);
    snprintf(beside, sizeof(beside), "%s/" LOCAL_ENGINE_SET "/." LOCAL_ENGINE_CHANGED,
             engine->definitions);
    snprintf(path, sizeof(path), "%s/" LOCAL_ENGINE_SET "/" LOCAL_ENGINE_CHANGED,
             engine->definitions);
    FILE *file = fopen(beside, "we");

    if (file == NULL) {
        return local_engine_fail(why, why_cap, "%s: %s", beside, strerror(errno));
    }
    fprintf(file, "Bench.Swap.%u:0:*:", engine->swaps);
    for (const char *c = marker; *c != '\0'; c++) {
        fprintf(file, "%02x", (unsigned)*c);
    }
    /* Eight digits of its own for each swap. */
    for (unsigned i = 0; i < 8; i++) {
        fprintf(file, "3%u", (engine->swaps * 7919U + i * 31U) % 10U);
    }
    for (unsigned number = engine->swaps; number > 0; number /= 10) {
        fprintf(file, "3%u", number % 10);
    }
    fputc('\n', file);
    if (fclose(file) != 0 || rename(beside, path) < 0) {
        return local_engine_fail(why, why_cap, "%s: %s", path, strerror(errno));
    }
    engine->swaps++;
    return true;
}

/* A folder without files of its own is one of sets. */
static bool local_engine_is_set(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry = NULL;
    bool found = folder == NULL; /* A package. */

    while (!found && (entry = readdir(folder)) != NULL) {
        struct stat facts;

        found = entry->d_name[0] != '.' && fstatat(dirfd(folder), entry->d_name, &facts, 0) == 0 &&
                S_ISREG(facts.st_mode);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return found;
}

/* A folder of sets: what was given, and one of our own whose signature changes with each swap. */
static bool local_engine_copy_set(struct local_engine *engine, const char *path, char *why,
                                  size_t why_cap)
{
    static const char info[] = "name: baleen-bench\nversion: 20000101.001\nsequence: 0\n";
    char to[LOCAL_ENGINE_PATH_CAP + 32];
    const char *name = strrchr(path, '/') + 1;

    snprintf(engine->definitions, sizeof(engine->definitions), "%s/sets", engine->folder);
    mkdir(engine->definitions, 0755);
    snprintf(to, sizeof(to), "%s/" LOCAL_ENGINE_SET, engine->definitions);
    mkdir(to, 0755);
    snprintf(to, sizeof(to), "%s/" LOCAL_ENGINE_SET "/set.yaml", engine->definitions);
    FILE *file = fopen(to, "we");
    const bool written = file != NULL && fputs(info, file) >= 0;

    if (file == NULL || fclose(file) != 0 || !written) {
        return local_engine_fail(why, why_cap, "%s: %s", to, strerror(errno));
    }
    if (local_engine_is_set(path)) {
        snprintf(to, sizeof(to), "%s/given-%s", engine->definitions, name);
    } else {
        snprintf(to, sizeof(to), "%s", engine->definitions);
    }
    return folder_tree_copy(path, to, why, why_cap) &&
           local_engine_change_set(engine, why, why_cap);
}

bool local_engine_open(struct local_engine *engine, const struct local_engine_options *options,
                       char *why, size_t why_cap)
{
    static const char *const shipped[] = {BALEEN_DEFINITIONS_INSTALLED, BALEEN_DEFINITIONS_SOURCE};
    const char *set = options->definitions;
    char path[LOCAL_ENGINE_PATH_CAP];

    *engine = (struct local_engine){.options = *options};
    if (!local_engine_find(options->program, engine->program, why, why_cap)) {
        return false;
    }
    for (size_t i = 0; set == NULL && i < ARRAY_LEN(shipped); i++) {
        set = access(shipped[i], R_OK) == 0 ? shipped[i] : NULL;
    }
    if (set == NULL || realpath(set, path) == NULL) {
        return local_engine_fail(why, why_cap, "definitions: %s: %s",
                                 set != NULL ? set : shipped[0], strerror(errno));
    }
    if (!local_engine_make_folder(engine, why, why_cap)) {
        return false;
    }
    snprintf(engine->tree, sizeof(engine->tree), "%s/tree", engine->folder);
    mkdir(engine->tree, 0755);
    snprintf(engine->definitions, sizeof(engine->definitions), "%s", path);
    if (options->copy_definitions && !local_engine_copy_set(engine, path, why, why_cap)) {
        local_engine_close(engine);
        return false;
    }
    engine->port = local_engine_find_port();
    return true;
}

void local_engine_close(struct local_engine *engine)
{
    local_engine_stop(engine);
    if (engine->folder[0] != '\0') {
        folder_tree_remove(engine->folder);
        engine->folder[0] = '\0';
    }
    free(engine->settings);
    engine->settings = NULL;
}

bool local_engine_keep_log(const struct local_engine *engine, const char *path)
{
    char log[LOCAL_ENGINE_PATH_CAP];
    char why[LOCAL_ENGINE_PATH_CAP];

    snprintf(log, sizeof(log), "%s/" LOCAL_ENGINE_LOG, engine->folder);
    return engine->folder[0] != '\0' && folder_tree_copy(log, path, why, sizeof(why));
}

void local_engine_clear_tree(const struct local_engine *engine, char out[LOCAL_ENGINE_PATH_CAP])
{
    /* The engine holds the root itself open: only what is in it may go. */
    snprintf(out, LOCAL_ENGINE_PATH_CAP, "%s/files", engine->tree);
    folder_tree_remove(out);
    mkdir(out, 0755);
}

/* ---- Starting and stopping ---- */

/* All settings on a line each, "KEY=VALUE". The caller frees. */
static char *local_engine_settings(const struct local_engine *engine, const struct step *step)
{
    const size_t cap = KIB(64);
    char *block = malloc(cap);
    struct text text = text_over(block, cap - 1);
    const struct passwd *own = getpwuid(geteuid());

    ASSERT(block != NULL);
    text_printf(&text, "listen=[127.0.0.1:%u]\n", engine->port);
    text_printf(&text, "control_socket=%s/" LOCAL_ENGINE_SOCKET "\n", engine->folder);
    text_printf(&text, "definitions.path=%s\n", engine->definitions);
    if (engine->options.state != NULL) {
        text_printf(&text, "state_dir=%s\n", engine->options.state);
    } else {
        text_printf(&text, "state_dir=%s/state\n", engine->folder);
    }
    text_printf(&text, "filemod.roots=[%s]\n", engine->tree);
    /* Swaps happen when a scenario says so, and the folder is nobody else's. */
    text_put_str(&text, "definitions.watch=false\nadmin.listen=\n");
    if (own != NULL) {
        text_printf(&text, "user=%s\n", own->pw_name);
    }
    for (size_t i = 0; i < step->settings_len; i++) {
        text_printf(&text, "%s=%s\n", step->settings[i].key, step->settings[i].value);
    }
    ASSERT(!text.overflowed);
    block[text.len] = '\0';
    return block;
}

/* In the child: never returns. */
static void local_engine_exec(const struct local_engine *engine, char *settings, int log_fd)
{
    char *argv[LOCAL_ENGINE_ARGS_MAX] = {NULL};
    size_t argc = 0;
    char option[] = "-s";
    char program[LOCAL_ENGINE_PATH_CAP];

    snprintf(program, sizeof(program), "%s", engine->program);
    argv[argc++] = program;
    while (*settings != '\0') {
        ASSERT(argc + 2 < LOCAL_ENGINE_ARGS_MAX);
        argv[argc++] = option;
        argv[argc++] = strsep(&settings, "\n");
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* Ctrl-C is for the runner, which stops the engine in its turn. */
    setpgid(0, 0);
    if (engine->options.has_cpus) {
        sched_setaffinity(0, sizeof(engine->options.cpus), &engine->options.cpus);
    }
    const int null_fd = open("/dev/null", O_RDONLY);

    dup2(null_fd, STDIN_FILENO);
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    execv(engine->program, argv);
    dprintf(STDERR_FILENO, "%s: %s\n", engine->program, strerror(errno));
    _exit(127);
}

static bool local_engine_spawn(struct local_engine *engine, char *why, size_t why_cap)
{
    char path[LOCAL_ENGINE_PATH_CAP];
    char *copy = strdup(engine->settings);

    ASSERT(copy != NULL);
    snprintf(path, sizeof(path), "%s/" LOCAL_ENGINE_LOG, engine->folder);
    const int log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    fflush(NULL);
    engine->pid = log_fd >= 0 ? fork() : -1;
    if (engine->pid == 0) {
        local_engine_exec(engine, copy, log_fd);
    }
    const int error = errno;

    free(copy);
    if (log_fd >= 0) {
        close(log_fd);
    }
    if (engine->pid < 0) {
        engine->pid = 0;
        return local_engine_fail(why, why_cap, "%s: %s", engine->program, strerror(error));
    }
    return true;
}

/* The last line of the log, which says why an engine did not start. */
static void local_engine_last_words(const struct local_engine *engine, char *out, size_t cap)
{
    char path[LOCAL_ENGINE_PATH_CAP];
    char line[512];

    snprintf(path, sizeof(path), "%s/" LOCAL_ENGINE_LOG, engine->folder);
    FILE *file = fopen(path, "re");

    snprintf(out, cap, "it left no word");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0') {
            snprintf(out, cap, "%s", line);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

static bool local_engine_is_ready(const struct local_engine *engine)
{
    const int fd = local_engine_ask(engine, "status");
    json_t *status = fd >= 0 ? local_engine_answer(fd, LOCAL_ENGINE_ASK_MS) : NULL;
    const bool is_ready = json_is_true(json_object_get(status, "ready"));

    json_decref(status);
    return is_ready;
}

static bool local_engine_wait(struct local_engine *engine, char *why, size_t why_cap)
{
    const uint64_t end_ns = clock_now_ns() + LOCAL_ENGINE_START_SEC * NS_PER_SEC;

    while (clock_now_ns() < end_ns && !stop_is_asked()) {
        if (waitpid(engine->pid, NULL, WNOHANG) == engine->pid) {
            char words[512];

            engine->pid = 0;
            local_engine_last_words(engine, words, sizeof(words));
            return local_engine_fail(why, why_cap, "the engine does not start: %s", words);
        }
        if (local_engine_is_ready(engine)) {
            return true;
        }
        usleep(LOCAL_ENGINE_POLL_US);
    }
    return local_engine_fail(why, why_cap, "%s",
                             stop_is_asked() ? "stopped" : "the engine does not become ready");
}

bool local_engine_run(struct local_engine *engine, const struct step *step, char *why,
                      size_t why_cap)
{
    char *settings = local_engine_settings(engine, step);

    /* A shard that was killed is there again in a moment. */
    if (engine->pid != 0 && strcmp(engine->settings, settings) == 0 &&
        local_engine_wait(engine, why, why_cap)) {
        free(settings);
        return true;
    }
    local_engine_stop(engine);
    free(engine->settings);
    engine->settings = settings;
    if (engine->port == 0) {
        return local_engine_fail(why, why_cap, "no free port on 127.0.0.1");
    }
    return local_engine_spawn(engine, why, why_cap) && local_engine_wait(engine, why, why_cap);
}

void local_engine_stop(struct local_engine *engine)
{
    const uint64_t end_ns = clock_now_ns() + LOCAL_ENGINE_STOP_SEC * NS_PER_SEC;
    bool gone = engine->pid == 0;

    if (!gone) {
        kill(engine->pid, SIGTERM);
    }
    while (!gone && clock_now_ns() < end_ns) {
        gone = waitpid(engine->pid, NULL, WNOHANG) == engine->pid;
        if (!gone) {
            usleep(LOCAL_ENGINE_POLL_US);
        }
    }
    if (!gone) {
        /* The engine has a process group of its own: its shards and compilers are in it. */
        kill(-engine->pid, SIGKILL);
        waitpid(engine->pid, NULL, 0);
    }
    engine->pid = 0;
}

/* ---- The control socket ---- */

int local_engine_ask(const struct local_engine *engine, const char *command)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    char line[64];
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int len = snprintf(line, sizeof(line), "{\"command\":\"%s\"}\n", command);

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/" LOCAL_ENGINE_SOCKET, engine->folder);
    if (fd >= 0 && (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
                    send(fd, line, (size_t)len, MSG_NOSIGNAL) != len)) {
        close(fd);
        return -1;
    }
    return fd;
}

json_t *local_engine_answer(int fd, int timeout_ms)
{
    const uint64_t end_ns = clock_now_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    char *bytes = malloc(LOCAL_ENGINE_ANSWER_MAX);
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    size_t len = 0;
    ssize_t got = 1;
    json_t *answer = NULL;

    ASSERT(bytes != NULL);
    while (got > 0 && len < LOCAL_ENGINE_ANSWER_MAX && clock_now_ns() < end_ns) {
        const uint64_t left_ms = (end_ns - clock_now_ns()) / NS_PER_MS + 1;

        if (poll(&poller, 1, (int)left_ms) > 0) {
            got = recv(fd, bytes + len, LOCAL_ENGINE_ANSWER_MAX - len, 0);
            len += got > 0 ? (size_t)got : 0;
        }
    }
    if (got == 0) {
        answer = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
    }
    free(bytes);
    close(fd);
    return answer;
}

static json_t *local_engine_status(const struct local_engine *engine)
{
    const int fd = local_engine_ask(engine, "status");

    return fd >= 0 ? local_engine_answer(fd, LOCAL_ENGINE_ASK_MS) : NULL;
}

size_t local_engine_pids(const struct local_engine *engine, pid_t pids[LOAD_PIDS_MAX])
{
    json_t *status = local_engine_status(engine);
    json_t *shards = json_object_get(status, "shards");
    size_t len = 0;

    pids[len++] = engine->pid;
    for (size_t i = 0; i < json_array_size(shards) && len < LOAD_PIDS_MAX; i++) {
        const json_int_t pid =
            json_integer_value(json_object_get(json_array_get(shards, i), "pid"));

        if (pid > 0) {
            pids[len++] = (pid_t)pid;
        }
    }
    json_decref(status);
    return len;
}

pid_t local_engine_shard(const struct local_engine *engine, unsigned shard)
{
    json_t *status = local_engine_status(engine);
    json_t *entry = json_array_get(json_object_get(status, "shards"), shard);
    const pid_t pid = (pid_t)json_integer_value(json_object_get(entry, "pid"));

    json_decref(status);
    return pid;
}

uint64_t local_engine_restarts(const struct local_engine *engine)
{
    json_t *status = local_engine_status(engine);
    json_t *shards = json_object_get(status, "shards");
    uint64_t restarts = 0;

    for (size_t i = 0; i < json_array_size(shards); i++) {
        restarts +=
            (uint64_t)json_integer_value(json_object_get(json_array_get(shards, i), "restarts"));
    }
    json_decref(status);
    return restarts;
}
