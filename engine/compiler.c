/* SPDX-License-Identifier: MIT */
#include "engine/compiler.h"

#include "base/clock.h"
#include "base/log.h"
#include "defs/keys.h"
#include "engine/process.h"
#include "match/match.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMPILER_CPU_SEC   UINT64_C(1800)
#define COMPILER_WALL_NS   (2 * COMPILER_CPU_SEC * NS_PER_SEC)
#define COMPILER_MEM_BYTES GIB(16)

/* Lines that are logged one by one; the rest is one number. `baleen defs check` shows all. */
#define COMPILER_REPORT_MAX 20

/* ioprio_set(2); the C library has neither the call nor the names. */
#define COMPILER_IO_PROCESS 1
#define COMPILER_IO_IDLE    (3 << 13)

struct compiler_reports {
    unsigned len;
};

static void compiler_report(void *ctx, const char *file, unsigned line, const char *reason)
{
    struct compiler_reports *reports = ctx;

    if (++reports->len <= COMPILER_REPORT_MAX) {
        LOG_WRN("%s:%u: %s", file, line, reason);
    }
}

static void compiler_limit(int resource, uint64_t value)
{
    const struct rlimit limit = {value, value};

    if (setrlimit(resource, &limit) < 0) {
        LOG_WRN("a limit cannot be set (%s)", strerror(errno));
    }
}

/* Sanitizers reserve terabytes of address space; a limit on it would end them at once. */
static void compiler_limit_memory(void)
{
#if !defined(__SANITIZE_ADDRESS__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
    return;
#endif
#endif
    compiler_limit(RLIMIT_AS, COMPILER_MEM_BYTES);
#endif
}

/*
 * Idle priority: the scheduler gives the child what no shard wants, and the disk likewise. The
 * first set is awaited by everybody, so it is compiled at full speed.
 */
static void compiler_lower_priority(void)
{
    const struct sched_param none = {0};

    if (sched_setscheduler(0, SCHED_IDLE, &none) < 0 && setpriority(PRIO_PROCESS, 0, 19) < 0) {
        LOG_WRN("the priority cannot be lowered (%s)", strerror(errno));
    }
    (void)syscall(SYS_ioprio_set, COMPILER_IO_PROCESS, 0, COMPILER_IO_IDLE);
}

/* Free the keys whatever it returns. */
static bool compiler_load_keys(struct keys *keys, const struct config *config,
                               char error[DEFS_ERROR_CAP])
{
    const struct config_list *paths = &config->definitions_trusted_keys;

    for (uint32_t i = 0; i < paths->len; i++) {
        if (!keys_load(keys, paths->items[i], error)) {
            return false;
        }
    }
    return true;
}

bool compiler_check_keys(const struct config *config, char error[DEFS_ERROR_CAP])
{
    struct keys keys = {0};
    const bool good = compiler_load_keys(&keys, config, error);

    keys_free(&keys);
    return good;
}

/* Fills in the facts from the image itself. */
static bool compiler_read_image(int image_fd, struct compiler_result *result)
{
    struct defs_image image;
    const int r = defs_image_open(&image, image_fd, false);

    if (r < 0) {
        snprintf(result->error, sizeof(result->error), "the compiled image cannot be opened: %s",
                 strerror(-r));
        return false;
    }
    result->meta = image.meta;
    result->counts = image.counts;
    memcpy(result->found, image.content, sizeof(result->found));
    defs_image_close(&image);
    return true;
}

/* What the operator rolled back from stays off. */
static void compiler_hold(const struct compiler_job *job, const char *cache, int image_fd,
                          struct compiler_result *result)
{
    char error[DEFS_ERROR_CAP];
    uint8_t found[DEFS_DIGEST_LEN];

    if (!history_holds(job->history, result->found)) {
        return;
    }
    memcpy(found, result->found, sizeof(found));
    if (!defs_recall(cache, job->history->active, image_fd, error) ||
        !compiler_read_image(image_fd, result)) {
        LOG_WRN("the set that was rolled back to cannot be had (%s)", error);
        return;
    }
    memcpy(result->found, found, sizeof(found));
    result->held = true;
}

static void compiler_run(const struct compiler_job *job, int image_fd,
                         struct compiler_reports *reports, struct compiler_result *result)
{
    char cache[CONFIG_PATH_CAP + 8];
    struct keys keys = {0};
    const struct defs_compile compile = {
        .path = job->path,
        .report = compiler_report,
        .report_ctx = reports,
        .cache = cache,
        .keys = &keys,
        .require_signature = job->config->definitions_require_signature,
    };

    (void)snprintf(cache, sizeof(cache), "%s/cache", job->config->state_dir);
    if (job->back) {
        result->good = defs_recall(cache, job->history->previous, image_fd, result->error) &&
                       compiler_read_image(image_fd, result);
    } else if (compiler_load_keys(&keys, job->config, result->error) &&
               defs_compile(&compile, image_fd, &result->meta, &result->counts, result->error) &&
               compiler_read_image(image_fd, result)) {
        result->good = true;
        compiler_hold(job, cache, image_fd, result);
    }
    keys_free(&keys);
}

/* Without it each shard looks at all databases when it adopts the image. */
static bool compiler_make_model(const struct defs_image *image, int model_fd)
{
    struct match_db *db = NULL;
    struct match_db *twin = NULL;
    struct slice model = slice_from(NULL, 0);
    bool good = false;

    if (match_db_open_sealed(&db, image->match, model, 1) == 0) {
        model = match_db_model(db);
    }
    if (model.len > 0 && match_db_open_sealed(&twin, image->match, model, 1) == 0) {
        good = write(model_fd, model.ptr, model.len) == (ssize_t)model.len;
    }
    match_db_close(twin);
    match_db_close(db);
    free((void *)(uintptr_t)model.ptr);
    return good;
}

static void compiler_write_model(int image_fd, int model_fd)
{
    struct defs_image image;

    if (defs_image_open(&image, image_fd, false) < 0) {
        return;
    }
    if (!compiler_make_model(&image, model_fd)) {
        LOG_WRN("shards have to look at all of the definitions when they adopt them");
        (void)ftruncate(model_fd, 0);
    }
    defs_image_close(&image);
}

static _Noreturn void compiler_main(const struct compiler_job *job, const struct compiler *compiler,
                                    int pipe_fd)
{
    struct compiler_result result = {0};
    struct compiler_reports reports = {0};

    process_set_title("baleend: compiler");
    process_die_with_parent();
    compiler_limit(RLIMIT_CPU, COMPILER_CPU_SEC);
    compiler_limit_memory();
    if (!job->first) {
        compiler_lower_priority();
    }
    compiler_run(job, compiler->image_fd, &reports, &result);
    if (result.good) {
        compiler_write_model(compiler->image_fd, compiler->model_fd);
    }
    if (reports.len > COMPILER_REPORT_MAX) {
        LOG_WRN("%s: %u more lines cannot be used", job->path, reports.len - COMPILER_REPORT_MAX);
    }
    static_assert(sizeof(result) <= PIPE_BUF, "it is written whole or not at all");
    const bool told = write(pipe_fd, &result, sizeof(result)) == (ssize_t)sizeof(result);

    _exit(told ? 0 : 1);
}

static void compiler_close_files(struct compiler *compiler)
{
    if (compiler->image_fd >= 0) {
        close(compiler->image_fd);
    }
    if (compiler->model_fd >= 0) {
        close(compiler->model_fd);
    }
    compiler->image_fd = -1;
    compiler->model_fd = -1;
}

bool compiler_start(struct compiler *compiler, const struct compiler_job *job)
{
    int fds[2] = {-1, -1};

    compiler->image_fd = memfd_create("baleen-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    compiler->model_fd = memfd_create("baleen-model", MFD_CLOEXEC);
    if (compiler->image_fd < 0 || compiler->model_fd < 0 || pipe2(fds, O_CLOEXEC) < 0) {
        LOG_ERR("the compiler cannot be started (%s)", strerror(errno));
        compiler_close_files(compiler);
        return false;
    }
    compiler->pid = fork();
    if (compiler->pid == 0) {
        compiler_main(job, compiler, fds[1]);
    }
    close(fds[1]);
    if (compiler->pid < 0) {
        LOG_ERR("the compiler cannot be started (%s)", strerror(errno));
        close(fds[0]);
        compiler_close_files(compiler);
        compiler->pid = 0;
        return false;
    }
    compiler->pipe_fd = fds[0];
    compiler->back = job->back;
    compiler->kill_at_ns = clock_now_ns() + COMPILER_WALL_NS;
    return true;
}

static void compiler_explain_end(int wait_status, char error[DEFS_ERROR_CAP])
{
    if (WIFSIGNALED(wait_status)) {
        snprintf(error, DEFS_ERROR_CAP, "the compiler was ended by signal %d (%s)",
                 WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
    } else {
        snprintf(error, DEFS_ERROR_CAP, "the compiler ended with code %d",
                 WEXITSTATUS(wait_status));
    }
}

static void compiler_read_model(int model_fd, struct compiler_product *product)
{
    struct stat st;

    if (fstat(model_fd, &st) < 0 || st.st_size == 0) {
        return;
    }
    uint8_t *model = malloc((size_t)st.st_size);

    if (model && pread(model_fd, model, (size_t)st.st_size, 0) == (ssize_t)st.st_size) {
        product->model = model;
        product->model_len = (size_t)st.st_size;
    } else {
        LOG_WRN("no memory for the model of the definitions: shards have to look at all of them");
        free(model);
    }
}

void compiler_finish(struct compiler *compiler, int wait_status, struct compiler_result *out,
                     struct compiler_product *out_product)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    const ssize_t n = read(compiler->pipe_fd, out, sizeof(*out));

    if (n != (ssize_t)sizeof(*out)) {
        *out = (struct compiler_result){0};
        compiler_explain_end(wait_status, out->error);
    }
    close(compiler->pipe_fd);
    compiler->pid = 0;
    *out_product = (struct compiler_product){.image_fd = -1};
    if (out->good && fcntl(compiler->image_fd, F_ADD_SEALS, seals) < 0) {
        out->good = false;
        snprintf(out->error, sizeof(out->error), "the image cannot be sealed: %s", strerror(errno));
    }
    if (out->good) {
        compiler_read_model(compiler->model_fd, out_product);
        out_product->image_fd = compiler->image_fd;
        compiler->image_fd = -1;
    }
    compiler_close_files(compiler);
}
