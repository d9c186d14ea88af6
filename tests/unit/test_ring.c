/* SPDX-License-Identifier: MIT */
#include "ring_kit.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* From now on no descriptor can be had; returns the limit to put back. */
static struct rlimit starve(void)
{
    const int free_fd = dup(0);
    struct rlimit limit;
    struct rlimit tight;

    cr_assert_geq(free_fd, 0);
    close(free_fd);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    tight = limit;
    tight.rlim_cur = (rlim_t)free_fd;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &tight), 0);
    return limit;
}

Test(ring, auto_takes_io_uring_or_says_why_not)
{
    const struct ring_options uring = {RING_URING, 64, 8, 4096};
    const struct ring_options automatic = {RING_AUTO, 64, 8, 4096};
    struct ring *ring = NULL;
    struct ring *chosen = NULL;

    cr_assert_eq(ring_open(&chosen, &automatic), 0);
    if (ring_open(&ring, &uring) == 0) {
        cr_assert_str_eq(ring_backend_name(chosen), "io_uring");
        cr_assert_str_eq(ring_backend_note(chosen), "");
    } else {
        cr_assert_str_eq(ring_backend_name(chosen), "epoll");
        cr_assert_str_neq(ring_backend_note(chosen), "");
    }
    ring_close(ring);
    ring_close(chosen);
}

Test(ring, auto_falls_back_when_descriptors_for_io_uring_are_refused)
{
    const struct ring_options automatic = {RING_AUTO, 64, 8, 4096};
    const int spare_fd = dup(0);
    struct ring *ring = NULL;

    /* Room for one descriptor: enough for epoll's, not for the trial. */
    (void)starve();
    close(spare_fd);
    cr_assert_eq(ring_open(&ring, &automatic), 0);
    cr_assert_str_eq(ring_backend_name(ring), "epoll");
    cr_assert_neq(strchr(ring_backend_note(ring), ':'), NULL);
    ring_close(ring);
}

Test(ring, auto_falls_back_when_a_filter_forbids_io_uring)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {ARRAY_LEN(code), code};
    const struct ring_options automatic = {RING_AUTO, 64, 8, 4096};
    const struct ring_options uring = {RING_URING, 64, 8, 4096};
    struct ring *ring = NULL;

    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
    cr_assert_eq(ring_open(&ring, &uring), -EPERM);
    cr_assert_null(ring);
    cr_assert_eq(ring_open(&ring, &automatic), 0);
    cr_assert_str_eq(ring_backend_name(ring), "epoll");
    cr_assert_str_eq(ring_backend_note(ring), "io_uring_setup: Operation not permitted");
    ring_close(ring);
}

Test(ring, bad_options_are_refused)
{
    static const struct ring_options rows[] = {
        {RING_AUTO, 0, 8, 4096},      {RING_AUTO, 64, 0, 4096}, {RING_AUTO, 64, 12, 4096},
        {RING_AUTO, 64, 65536, 4096}, {RING_EPOLL, 64, 8, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ring *ring = NULL;

        cr_assert_eq(ring_open(&ring, &rows[i]), -EINVAL, "row %zu", i);
        cr_assert_null(ring);
    }
}

Test(ring, waits_as_long_as_asked_and_not_longer_than_needed)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        static const uint64_t waits_ns[] = {0, 300000, 5 * NS_PER_MS, 30 * NS_PER_MS};

        for (size_t i = 0; i < ARRAY_LEN(waits_ns); i++) {
            const uint64_t start_ns = clock_now_ns();
            unsigned turns = 0;

            /* The kernel interrupts the wait once when it has freed the ring of the last round. */
            do {
                cr_assert_eq(ring_turn(ring, waits_ns[i]), 0);
            } while (++turns < 2 && clock_now_ns() - start_ns < waits_ns[i]);
            cr_assert_geq(clock_now_ns() - start_ns, waits_ns[i]);
            cr_assert_lt(clock_now_ns() - start_ns, 2 * waits_ns[i] + 100 * NS_PER_MS);
        }
        ring_close(ring);
    }
}

static void on_alarm(int sig)
{
    (void)sig;
}

Test(ring, a_signal_ends_the_wait_without_an_error)
{
    struct ring *ring;

    signal(SIGALRM, on_alarm);
    EACH_BACKEND(ring, 8, 4096)
    {
        const uint64_t start_ns = clock_now_ns();

        ualarm(30000, 0);
        cr_assert_eq(ring_turn(ring, UINT64_MAX), 0);
        cr_assert_lt(clock_now_ns() - start_ns, 2 * NS_PER_SEC);
        ring_close(ring);
    }
}

Test(ring, a_listener_in_non_blocking_mode_serves_both_back_ends)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        struct probe probe = {.res = NONE_YET};
        struct sockaddr_in addr;
        const int listen_fd = make_listener(&addr);
        int client_fd;

        cr_assert_eq(fcntl(listen_fd, F_SETFL, O_NONBLOCK), 0);
        ring_accept_start(ring, &probe.op, listen_fd, probe_done);
        cr_assert_eq(ring_turn(ring, NS_PER_MS), 0);
        client_fd = make_client(&addr);
        TURN_UNTIL(ring, probe.calls == 1);
        cr_assert_geq(probe.res, 0);
        cr_assert(ring_op_pending(&probe.op));
        close(probe.res);
        close(client_fd);
        ring_close(ring);
        cr_assert(!ring_op_pending(&probe.op), "a close ends what is left");
        close(listen_fd);
    }
}

Test(ring, out_of_descriptors_is_told_and_accepting_goes_on_after_a_rest)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        struct probe probe = {.res = NONE_YET};
        struct sockaddr_in addr;
        const int listen_fd = make_listener(&addr);
        const int client_fd = make_client(&addr);
        const struct rlimit limit = starve();
        uint64_t told_ns;
        unsigned told;

        ring_accept_start(ring, &probe.op, listen_fd, probe_done);
        TURN_UNTIL(ring, probe.calls > 0);
        told_ns = clock_now_ns();
        cr_assert_eq(probe.res, -EMFILE);
        cr_assert(!probe.is_over, "an accept that lacks descriptors goes on");
        for (unsigned i = 0; i < 50; i++) {
            cr_assert_geq(ring_turn(ring, NS_PER_MS), 0);
        }
        cr_assert_leq(probe.calls, 1 + (unsigned)((clock_now_ns() - told_ns) / RING_ACCEPT_NAP_NS),
                      "no busy loop");
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        told = probe.calls;
        TURN_UNTIL(ring, probe.res >= 0);
        cr_assert_eq(probe.calls, told + 1);
        cr_assert_lt(clock_now_ns() - told_ns, 2 * NS_PER_SEC);
        close(probe.res);
        ring_cancel(ring, &probe.op);
        TURN_UNTIL(ring, probe.is_over);
        cr_assert_eq(probe.res, -ECANCELED);
        close(client_fd);
        close(listen_fd);
        ring_close(ring);
    }
}

Test(ring, an_accept_can_be_cancelled_while_it_rests)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        struct probe probe = {.res = NONE_YET};
        struct sockaddr_in addr;
        const int listen_fd = make_listener(&addr);
        const int client_fd = make_client(&addr);
        const struct rlimit limit = starve();

        ring_accept_start(ring, &probe.op, listen_fd, probe_done);
        TURN_UNTIL(ring, probe.calls > 0);
        cr_assert_eq(probe.res, -EMFILE);
        ring_cancel(ring, &probe.op);
        TURN_UNTIL(ring, probe.is_over);
        cr_assert_eq(probe.res, -ECANCELED);
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        close(client_fd);
        close(listen_fd);
        ring_close(ring);
    }
}

Test(ring, accept_on_what_is_no_listener_ends_with_the_error)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        struct probe probe = {.res = NONE_YET};
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ring_accept_start(ring, &probe.op, fd, probe_done);
        TURN_UNTIL(ring, probe.is_over);
        cr_assert_eq(probe.res, -EINVAL);
        cr_assert_eq(probe.calls, 1);
        close(fd);
        ring_close(ring);
    }
}

/* Takes each connection and closes it. */
static void close_each(struct ring_op *op, int res)
{
    probe_done(op, res);
    if (res >= 0) {
        close(res);
    }
}

Test(ring, more_connections_than_completions_fit_are_all_accepted)
{
    struct ring *ring;

    EACH_BACKEND_OF(ring, 1, 8, 4096)
    {
        struct probe probe = {.res = NONE_YET};
        struct sockaddr_in addr;
        const int listen_fd = make_listener(&addr);
        int clients[100];

        for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
            clients[i] = make_client(&addr);
        }
        ring_accept_start(ring, &probe.op, listen_fd, close_each);
        TURN_UNTIL(ring, probe.calls == ARRAY_LEN(clients));
        cr_assert_geq(probe.res, 0);
        for (size_t i = 0; i < ARRAY_LEN(clients); i++) {
            close(clients[i]);
        }
        ring_cancel(ring, &probe.op);
        TURN_UNTIL(ring, probe.is_over);
        cr_assert_eq(probe.res, -ECANCELED);
        close(listen_fd);
        ring_close(ring);
    }
}

Test(ring, what_cannot_be_started_ends_in_the_next_turn)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        struct probe recv = {.res = NONE_YET};
        struct probe poll = {.res = NONE_YET};
        struct probe send = {.res = NONE_YET};
        struct probe accept = {.res = NONE_YET};
        struct iovec iov = {&iov, 1};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

        ring_recv_start(ring, &recv.op, 9999, probe_recv);
        ring_poll_start(ring, &poll.op, 9999, probe_done);
        ring_send(ring, &send.op, -1, &msg, probe_done);
        ring_accept_start(ring, &accept.op, -1, probe_done);
        TURN_UNTIL(ring, recv.is_over && poll.is_over && send.is_over && accept.is_over);
        cr_assert_eq(recv.res, -EBADF);
        cr_assert_eq(poll.res, -EBADF);
        cr_assert_eq(send.res, -EBADF);
        cr_assert_eq(accept.res, -EBADF);
        ring_close(ring);
    }
}

Test(ring, a_descriptor_closed_under_its_receive_leaves_its_number_usable)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        uint8_t bytes[16];
        struct probe old = {.res = NONE_YET, .bytes = bytes, .cap = sizeof(bytes)};
        struct probe new = {.res = NONE_YET, .bytes = bytes, .cap = sizeof(bytes)};
        int old_fds[2];
        int new_fds[2];

        make_pair(old_fds);
        ring_recv_start(ring, &old.op, old_fds[0], probe_recv);
        cr_assert_eq(ring_turn(ring, 0), 0);
        close(old_fds[0]);
        make_pair(new_fds);
        cr_assert_eq(new_fds[0], old_fds[0]);
        ring_recv_start(ring, &new.op, new_fds[0], probe_recv);
        cr_assert_eq(write(new_fds[1], "new", 3), 3);
        TURN_UNTIL(ring, new.len == 3);
        cr_assert_eq(old.len, 0);
        ring_recv_stop(ring, &old.op);
        TURN_UNTIL(ring, old.is_over);
        cr_assert_eq(old.res, -ECANCELED);
        cr_assert_eq(write(new_fds[1], "er", 2), 2);
        TURN_UNTIL(ring, new.len == 5);
        close(new_fds[1]);
        TURN_UNTIL(ring, new.is_over);
        cr_assert_eq(new.res, 0);
        close(new_fds[0]);
        close(old_fds[1]);
        ring_close(ring);
    }
}

Test(ring, no_callback_runs_before_the_turn)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        struct probe recv = {.res = NONE_YET, .cap = 16};
        struct probe send = {.res = NONE_YET};
        struct probe unlink = {.res = NONE_YET};
        char text[] = "abc";
        struct iovec iov = {text, 3};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        uint8_t bytes[16];
        int fds[2];

        recv.bytes = bytes;
        make_pair(fds);
        ring_recv_start(ring, &recv.op, fds[0], probe_recv);
        ring_send(ring, &send.op, fds[1], &msg, probe_done);
        ring_unlink(ring, &unlink.op, AT_FDCWD, "/nonexistent/file", probe_done);
        ring_flush(ring);
        cr_assert_eq(recv.calls + send.calls + unlink.calls, 0);
        TURN_UNTIL(ring, recv.calls + send.calls + unlink.calls == 3);
        cr_assert_eq(send.res, 3);
        cr_assert_eq(unlink.res, -ENOENT);
        cr_assert_arr_eq(recv.bytes, "abc", 3);
        close(fds[1]);
        TURN_UNTIL(ring, recv.is_over);
        cr_assert_eq(recv.res, 0);
        close(fds[0]);
        ring_close(ring);
    }
}

Test(ring, a_poll_tells_until_cancelled_and_again_what_was_left_unread)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        struct probe probe = {.res = NONE_YET};
        const int fd = eventfd(0, EFD_CLOEXEC);
        const uint64_t one = 1;
        uint64_t count;

        ring_poll_start(ring, &probe.op, fd, probe_done);
        cr_assert_eq(ring_turn(ring, NS_PER_MS), 0);
        for (unsigned i = 0; i < 3; i++) {
            probe.calls = 0;
            cr_assert_eq(write(fd, &one, sizeof(one)), (ssize_t)sizeof(one));
            TURN_UNTIL(ring, probe.calls >= 2);
            cr_assert(probe.res & POLLIN);
            cr_assert_eq(read(fd, &count, sizeof(count)), (ssize_t)sizeof(count));
        }
        /* One more may be on its way from before the read. */
        cr_assert_geq(ring_turn(ring, 0), 0);
        probe.calls = 0;
        cr_assert_eq(ring_turn(ring, NS_PER_MS), 0);
        ring_cancel(ring, &probe.op);
        TURN_UNTIL(ring, probe.is_over);
        cr_assert_eq(probe.res, -ECANCELED);
        cr_assert_eq(probe.calls, 1);
        close(fd);
        ring_close(ring);
    }
}

/* A cancel from within the operation's own callback, also while more of its kind is on the way. */
static void cancel_self(struct ring_op *op, int res)
{
    struct probe *probe = (struct probe *)op;

    probe_done(op, res);
    if (res >= 0) {
        close(res);
        ring_cancel(probe->ring, op);
    }
}

Test(ring, an_accept_can_be_cancelled_in_its_own_callback)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        struct sockaddr_in addr;
        const int listen_fd = make_listener(&addr);
        struct probe *probe = calloc(1, sizeof(*probe));
        int clients[3];

        probe->ring = ring;
        for (unsigned i = 0; i < ARRAY_LEN(clients); i++) {
            clients[i] = make_client(&addr);
        }
        ring_accept_start(ring, &probe->op, listen_fd, cancel_self);
        TURN_UNTIL(ring, probe->is_over);
        cr_assert_eq(probe->res, -ECANCELED);
        cr_assert_geq(probe->calls, 2U);
        cr_assert_leq(probe->calls, 4U);
        free(probe);
        for (unsigned i = 0; i < ARRAY_LEN(clients); i++) {
            close(clients[i]);
        }
        for (unsigned i = 0; i < 3; i++) {
            cr_assert_eq(ring_turn(ring, NS_PER_MS), 0);
        }
        close(listen_fd);
        ring_close(ring);
    }
}

Test(ring, more_operations_than_entries_all_complete)
{
    static struct probe probes[2000];
    const struct ring_options shapes[] = {{RING_URING, 4, 8, 512}, {RING_EPOLL, 4, 8, 512}};

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct ring *ring;

        if (ring_open(&ring, &shapes[i]) < 0) {
            continue;
        }
        memset(probes, 0, sizeof(probes));
        for (size_t k = 0; k < ARRAY_LEN(probes); k++) {
            ring_unlink(ring, &probes[k].op, AT_FDCWD, "/nonexistent/file", probe_done);
        }
        TURN_UNTIL(ring, probes[ARRAY_LEN(probes) - 1].calls > 0);
        for (size_t k = 0; k < ARRAY_LEN(probes); k++) {
            cr_assert_eq(probes[k].calls, 1U);
            cr_assert_eq(probes[k].res, -ENOENT);
        }
        ring_close(ring);
    }
}

Test(ring, work_that_waits_is_seen_without_a_turn)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        uint8_t bytes[16];
        struct probe probe = {.res = NONE_YET, .bytes = bytes, .cap = sizeof(bytes)};
        const uint64_t deadline_ns = clock_now_ns() + NS_PER_SEC;
        int fds[2];

        make_pair(fds);
        ring_recv_start(ring, &probe.op, fds[0], probe_recv);
        cr_assert_eq(ring_turn(ring, 0), 0);
        cr_assert(!ring_has_work(ring));
        cr_assert_eq(write(fds[1], "x", 1), 1);
        while (!ring_has_work(ring)) {
            cr_assert_lt(clock_now_ns(), deadline_ns);
        }
        cr_assert_eq(probe.calls, 0);
        cr_assert_eq(ring_turn(ring, 0), 1);
        cr_assert_eq(probe.len, 1);
        cr_assert(!ring_has_work(ring));
        ring_close(ring);
        cr_assert(!ring_op_pending(&probe.op));
        close(fds[0]);
        close(fds[1]);
    }
}

/* Runs one file operation to its end. */
#define DO_FILE(ring, probe, call)                                                                 \
    ((probe)->calls = 0, (call), file_wait((ring), (probe)), (probe)->res)

static void file_wait(struct ring *ring, struct probe *probe)
{
    TURN_UNTIL(ring, probe->calls == 1);
    cr_assert(probe->is_over);
}

static int file_openat2(struct ring *ring, int dir_fd, const char *path, uint64_t flags)
{
    struct probe probe = {.res = NONE_YET};
    struct open_how how = {
        .flags = flags | O_CLOEXEC,
        .mode = flags & O_CREAT ? 0600 : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };

    return DO_FILE(ring, &probe, ring_openat2(ring, &probe.op, dir_fd, path, &how, probe_done));
}

static int make_dir(char path[64])
{
    memcpy(path, "/tmp/test-ring-XXXXXX", sizeof("/tmp/test-ring-XXXXXX"));
    cr_assert_not_null(mkdtemp(path));
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

Test(ring, files_are_made_read_renamed_and_removed)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        struct probe p = {.res = NONE_YET};
        static uint8_t out[300000];
        static uint8_t in[300000];
        char path[64];
        const int dir_fd = make_dir(path);
        int fd;

        stream_fill(out, sizeof(out), 7);
        fd = file_openat2(ring, dir_fd, "a", O_RDWR | O_CREAT | O_EXCL);
        cr_assert_geq(fd, 0);
        cr_assert_eq(DO_FILE(ring, &p, ring_write(ring, &p.op, fd, out, 200000, 0, probe_done)),
                     200000);
        cr_assert_eq(DO_FILE(ring, &p,
                             ring_write(ring, &p.op, fd, out + 200000, 100000, 200000, probe_done)),
                     100000);
        cr_assert_eq(DO_FILE(ring, &p, ring_fsync(ring, &p.op, fd, probe_done)), 0);
        for (unsigned cold = 0; cold < 2; cold++) {
            memset(in, 0, sizeof(in));
            cr_assert_eq(
                DO_FILE(ring, &p, ring_read(ring, &p.op, fd, in, sizeof(in), 0, cold, probe_done)),
                (int)sizeof(in));
            cr_assert_arr_eq(in, out, sizeof(in));
            cr_assert_eq(
                DO_FILE(ring, &p, ring_read(ring, &p.op, fd, in, 10, 299995, cold, probe_done)), 5);
            cr_assert_eq(
                DO_FILE(ring, &p, ring_read(ring, &p.op, fd, in, 10, 300000, cold, probe_done)), 0);
        }
        cr_assert_eq(close(fd), 0);
        cr_assert_geq(fd = file_openat2(ring, dir_fd, "b", O_RDWR | O_CREAT), 0);
        close(fd);
        cr_assert_eq(DO_FILE(ring, &p,
                             ring_rename(ring, &p.op, dir_fd, "a", dir_fd, "b",
                                         1 /* RENAME_NOREPLACE */, probe_done)),
                     -EEXIST);
        cr_assert_eq(
            DO_FILE(ring, &p, ring_rename(ring, &p.op, dir_fd, "a", dir_fd, "b", 0, probe_done)),
            0);
        cr_assert_eq(file_openat2(ring, dir_fd, "a", O_RDONLY), -ENOENT);
        cr_assert_eq(DO_FILE(ring, &p, ring_unlink(ring, &p.op, dir_fd, "b", probe_done)), 0);
        cr_assert_eq(DO_FILE(ring, &p, ring_unlink(ring, &p.op, dir_fd, "b", probe_done)), -ENOENT);
        cr_assert_eq(DO_FILE(ring, &p, ring_fsync(ring, &p.op, 9999, probe_done)), -EBADF);
        cr_assert_eq(rmdir(path), 0);
        close(dir_fd);
        ring_close(ring);
    }
}

Test(ring, paths_that_leave_their_root_are_refused)
{
    static const char *const bad[] = {"../etc/passwd", "/etc/passwd", "out", "in/../../x", "up/x"};
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        char path[64];
        const int dir_fd = make_dir(path);
        int fd;

        cr_assert_eq(symlinkat("/etc/passwd", dir_fd, "out"), 0);
        cr_assert_eq(symlinkat("..", dir_fd, "up"), 0);
        cr_assert_eq(mkdirat(dir_fd, "in", 0700), 0);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
            cr_assert_eq(file_openat2(ring, dir_fd, bad[i], O_RDONLY), -EXDEV, "%s", bad[i]);
        }
        cr_assert_geq(fd = file_openat2(ring, dir_fd, "in/../in/x", O_RDWR | O_CREAT), 0);
        close(fd);
        unlinkat(dir_fd, "in/x", 0);
        unlinkat(dir_fd, "in", AT_REMOVEDIR);
        unlinkat(dir_fd, "out", 0);
        unlinkat(dir_fd, "up", 0);
        cr_assert_eq(rmdir(path), 0);
        close(dir_fd);
        ring_close(ring);
    }
}

Test(ring, a_read_that_blocks_can_be_cancelled)
{
    struct ring *ring = ring_make(RING_URING, 64, 8, 4096);
    struct probe probe = {.res = NONE_YET};
    uint8_t bytes[16];
    int fds[2];

    if (!ring) {
        cr_skip_test("no io_uring here");
    }
    cr_assert_eq(pipe(fds), 0);
    ring_read(ring, &probe.op, fds[0], bytes, sizeof(bytes), UINT64_MAX, true, probe_done);
    cr_assert_eq(ring_turn(ring, 5 * NS_PER_MS), 0);
    ring_cancel(ring, &probe.op);
    TURN_UNTIL(ring, probe.is_over);
    cr_assert(probe.res == -ECANCELED || probe.res == -EINTR);
    close(fds[0]);
    close(fds[1]);
    ring_close(ring);
}

Test(ring, a_close_ends_what_is_left_and_leaves_no_descriptor)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        uint8_t bytes[64];
        struct probe accept = {.res = NONE_YET};
        struct probe poll = {.res = NONE_YET};
        struct probe recv = {.res = NONE_YET, .bytes = bytes, .cap = sizeof(bytes)};
        struct probe stopped = {.res = NONE_YET, .bytes = bytes, .cap = sizeof(bytes)};
        struct sockaddr_in addr;
        const int listen_fd = make_listener(&addr);
        int client_fd;
        int pair[2];
        int other[2];
        int next_fd;
        char byte;

        make_pair(pair);
        make_pair(other);
        ring_accept_start(ring, &accept.op, listen_fd, probe_done);
        ring_poll_start(ring, &poll.op, pair[0], probe_done);
        ring_recv_start(ring, &recv.op, pair[1], probe_recv);
        ring_recv_start(ring, &stopped.op, other[0], probe_recv);
        cr_assert_eq(ring_turn(ring, NS_PER_MS), 0);
        ring_recv_stop(ring, &stopped.op);
        client_fd = make_client(&addr);
        ring_flush(ring);
        ring_close(ring);
        cr_assert(!ring_op_pending(&accept.op));
        cr_assert(!ring_op_pending(&poll.op));
        cr_assert(!ring_op_pending(&recv.op));
        cr_assert(!ring_op_pending(&stopped.op));
        cr_assert_eq(accept.calls + poll.calls + recv.calls + stopped.calls, 0);
        close(pair[0]);
        cr_assert_eq(read(pair[1], &byte, 1), 0, "the ring holds no descriptor any more");
        close(pair[1]);
        close(other[0]);
        close(other[1]);
        close(listen_fd);
        /* The listener is gone, so a connection that the ring took and dropped is closed. */
        cr_assert_leq(read(client_fd, &byte, 1), 0);
        close(client_fd);
        next_fd = dup(0);
        cr_assert_leq(next_fd, listen_fd, "a descriptor leaked");
        close(next_fd);
    }
}

Test(ring, a_second_start_is_a_bug, .signal = SIGABRT)
{
    struct ring *ring = ring_make(RING_EPOLL, 64, 8, 4096);
    struct probe probe = {.res = NONE_YET};
    int fds[2];

    make_pair(fds);
    ring_recv_start(ring, &probe.op, fds[0], probe_recv);
    ring_recv_start(ring, &probe.op, fds[0], probe_recv);
}

Test(ring, rings_come_and_go_within_the_memory_lock_limit, .timeout = 120)
{
    const struct ring_options options = {RING_URING, 512, 256, 16384};
    struct ring *ring = NULL;
    pid_t pid;

    if (ring_open(&ring, &options) < 0) {
        cr_skip_test("no io_uring here");
    }
    ring_close(ring);
    /* As a plain user: the limit counts, and what the kernel gives back late must be waited for. */
    CHILD(pid)
    {
        const struct rlimit limit = {MIB(1), MIB(1)};

        if (setrlimit(RLIMIT_MEMLOCK, &limit) < 0 || (geteuid() == 0 && setuid(65533) < 0)) {
            _exit(1);
        }
        for (unsigned i = 0; i < 60; i++) {
            if (ring_open(&ring, &options) < 0) {
                _exit(2);
            }
            ring_close(ring);
        }
        _exit(0);
    }
    child_expect_good(pid);
}
