/* SPDX-License-Identifier: MIT */
#include "engine/compiler.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/process.h"
#include "match/match.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMPILER_CPU_SEC   UINT64_C(1800)
#define COMPILER_WALL_NS   (2 * COMPILER_CPU_SEC * NS_PER_SEC)
#define COMPILER_MEM_BYTES GIB(16)

/* Lines that are logged one by one; the rest is one number. `baleen defs check` shows all. */
#define COMPILER_REPORT_MAX 20

static void compiler_report(void *ctx, const char *file, unsigned line, const char *reason)
{
    unsigned *reported = ctx;

    if (++*reported <= COMPILER_REPORT_MAX) {
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

/* An image that cannot be opened here cannot be opened by a shard. */
static bool compiler_self_test(int image_fd, struct compiler_result *result)
{
    struct defs_image image;
    struct match_db *db = NULL;
    int r = defs_image_open(&image, image_fd, true);

    if (r == 0) {
        r = match_db_open(&db, image.match, 1);
    }
    if (r < 0) {
        snprintf(result->error, sizeof(result->error), "the compiled image fails its self-test: %s",
                 strerror(-r));
        return false;
    }
    match_db_close(db);
    defs_image_close(&image);
    return true;
}

static _Noreturn void compiler_main(const char *path, int image_fd, int pipe_fd)
{
    struct compiler_result result = {0};
    unsigned reported = 0;
    const struct defs_compile job = {
        .path = path,
        .report = compiler_report,
        .report_ctx = &reported,
    };

    process_set_title("baleend: compiler");
    process_die_with_parent();
    compiler_limit(RLIMIT_CPU, COMPILER_CPU_SEC);
    compiler_limit_memory();
    if (setpriority(PRIO_PROCESS, 0, 10) < 0) {
        LOG_WRN("the priority cannot be lowered (%s)", strerror(errno));
    }
    result.good = defs_compile(&job, image_fd, &result.meta, &result.counts, result.error) &&
                  compiler_self_test(image_fd, &result);
    if (reported > COMPILER_REPORT_MAX) {
        LOG_WRN("%s: %u more lines cannot be used", path, reported - COMPILER_REPORT_MAX);
    }
    const bool told = write(pipe_fd, &result, sizeof(result)) == (ssize_t)sizeof(result);

    _exit(told ? 0 : 1);
}

bool compiler_start(struct compiler *compiler, const char *path)
{
    int fds[2] = {-1, -1};

    compiler->image_fd = memfd_create("baleen-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (compiler->image_fd < 0 || pipe2(fds, O_CLOEXEC) < 0) {
        LOG_ERR("the compiler cannot be started (%s)", strerror(errno));
        if (compiler->image_fd >= 0) {
            close(compiler->image_fd);
        }
        return false;
    }
    compiler->pid = fork();
    if (compiler->pid == 0) {
        compiler_main(path, compiler->image_fd, fds[1]);
    }
    close(fds[1]);
    if (compiler->pid < 0) {
        LOG_ERR("the compiler cannot be started (%s)", strerror(errno));
        close(fds[0]);
        close(compiler->image_fd);
        compiler->pid = 0;
        return false;
    }
    compiler->pipe_fd = fds[0];
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

void compiler_finish(struct compiler *compiler, int wait_status, struct compiler_result *out,
                     int *out_image_fd)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    const ssize_t n = read(compiler->pipe_fd, out, sizeof(*out));

    if (n != (ssize_t)sizeof(*out)) {
        *out = (struct compiler_result){0};
        compiler_explain_end(wait_status, out->error);
    }
    close(compiler->pipe_fd);
    compiler->pid = 0;
    *out_image_fd = -1;
    if (out->good && fcntl(compiler->image_fd, F_ADD_SEALS, seals) < 0) {
        out->good = false;
        snprintf(out->error, sizeof(out->error), "the image cannot be sealed: %s", strerror(errno));
    }
    if (out->good) {
        *out_image_fd = compiler->image_fd;
    } else {
        close(compiler->image_fd);
    }
    compiler->image_fd = -1;
}
