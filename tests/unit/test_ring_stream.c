/* SPDX-License-Identifier: MIT */
#include "ring_kit.h"

#include <netinet/tcp.h>

static void stream_expect(const uint8_t *bytes, size_t len, size_t from)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != stream_byte(from + i)) {
            cr_assert_fail("byte %zu of the stream is wrong", from + i);
        }
    }
}

static void child_write_stream(int fd, size_t len)
{
    uint8_t bytes[1000];
    size_t done = 0;

    while (done < len) {
        const size_t want = MIN_OF(sizeof(bytes), len - done);

        stream_fill(bytes, want, done);
        for (size_t at = 0; at < want;) {
            const ssize_t n = write(fd, bytes + at, want - at);

            if (n <= 0) {
                _exit(1);
            }
            at += (size_t)n;
        }
        done += want;
    }
}

/* Reads slowly at first, then to the end. Ends with success when all `len` bytes were right. */
static _Noreturn void child_read_stream(int fd, size_t len)
{
    static uint8_t bytes[1 << 18];
    const struct timespec pause = {.tv_nsec = 2 * (long)NS_PER_MS};
    size_t done = 0;
    ssize_t n;

    while ((n = read(fd, bytes, done < MIB(1) ? 4000 : sizeof(bytes))) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] != stream_byte(done + (size_t)i)) {
                _exit(2);
            }
        }
        if (done < MIB(1)) {
            nanosleep(&pause, NULL);
        }
        done += (size_t)n;
    }
    _exit(done == len ? 0 : 3);
}

/* A small echo server: one connection, its receive and its send. */
struct echo_conn {
    struct ring_op recv;
    struct ring_op send;
    struct msghdr msg;
    struct iovec iov;
    struct echo *echo;
    int fd;
    size_t len;
    uint8_t bytes[4096];
};

struct echo {
    struct ring_op accept; /* First. */
    struct ring *ring;
    unsigned opened;
    unsigned closed;
    bool is_over;
};

static void echo_on_sent(struct ring_op *op, int res);

static void echo_on_recv(struct ring_op *op, int res, const uint8_t *data)
{
    struct echo_conn *conn = CONTAINER_OF(op, struct echo_conn, recv);

    if (res <= 0) {
        if (res == -ECANCELED && ring_op_pending(&conn->send)) {
            return;
        }
        close(conn->fd);
        conn->echo->closed++;
        memset(conn, 0xa5, sizeof(*conn));
        free(conn);
        return;
    }
    cr_assert_leq(conn->len + (size_t)res, sizeof(conn->bytes));
    memcpy(conn->bytes + conn->len, data, (size_t)res);
    conn->len += (size_t)res;
    if (!ring_op_pending(&conn->send)) {
        conn->iov = (struct iovec){conn->bytes, conn->len};
        conn->msg = (struct msghdr){.msg_iov = &conn->iov, .msg_iovlen = 1};
        conn->len = 0;
        ring_send(conn->echo->ring, &conn->send, conn->fd, &conn->msg, echo_on_sent);
    }
}

static void echo_on_sent(struct ring_op *op, int res)
{
    const struct echo_conn *conn = CONTAINER_OF(op, struct echo_conn, send);

    cr_assert_gt(res, 0);
    cr_assert_eq(conn->len, 0);
}

static void echo_on_accept(struct ring_op *op, int res)
{
    struct echo *echo = (struct echo *)op;
    struct echo_conn *conn;

    if (res < 0) {
        cr_assert_eq(res, -ECANCELED);
        echo->is_over = true;
        return;
    }
    cr_assert(fcntl(res, F_GETFD) & FD_CLOEXEC);
    conn = calloc(1, sizeof(*conn));
    conn->fd = res;
    conn->echo = echo;
    echo->opened++;
    ring_recv_start(echo->ring, &conn->recv, res, echo_on_recv);
}

static _Noreturn void echo_child(const struct sockaddr_in *addr, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        const int fd = make_client(addr);

        for (unsigned k = 0; k < 20; k++) {
            uint8_t out[700];
            uint8_t in[700];

            stream_fill(out, sizeof(out), i * 1000 + k);
            if (write(fd, out, sizeof(out)) != (ssize_t)sizeof(out) ||
                recv(fd, in, sizeof(in), MSG_WAITALL) != (ssize_t)sizeof(in) ||
                memcmp(in, out, sizeof(in)) != 0) {
                _exit(1);
            }
        }
        close(fd);
    }
    _exit(0);
}

Test(ring_stream, echoes_over_tcp_and_owners_free_themselves_in_their_last_callback)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        struct echo *echo = calloc(1, sizeof(*echo));
        struct sockaddr_in addr;
        const int listen_fd = make_listener(&addr);
        pid_t pids[3];

        echo->ring = ring;
        ring_accept_start(ring, &echo->accept, listen_fd, echo_on_accept);
        for (unsigned i = 0; i < ARRAY_LEN(pids); i++) {
            CHILD(pids[i])
            {
                echo_child(&addr, 10);
            }
        }
        TURN_UNTIL(ring, echo->closed == 30);
        cr_assert_eq(echo->opened, 30);
        for (unsigned i = 0; i < ARRAY_LEN(pids); i++) {
            child_expect_good(pids[i]);
        }
        ring_cancel(ring, &echo->accept);
        TURN_UNTIL(ring, echo->is_over);
        cr_assert(!ring_op_pending(&echo->accept));
        ring_close(ring);
        free(echo);
        close(listen_fd);
    }
}

Test(ring_stream, the_end_comes_once_after_all_bytes)
{
    struct ring *ring;

    EACH_BACKEND(ring, 4, 512)
    {
        static uint8_t bytes[100000];
        struct probe probe = {.res = NONE_YET, .bytes = bytes, .cap = sizeof(bytes)};
        pid_t pid;
        int fds[2];

        make_pair(fds);
        CHILD(pid)
        {
            close(fds[0]);
            child_write_stream(fds[1], sizeof(bytes));
            _exit(0);
        }
        close(fds[1]);
        ring_recv_start(ring, &probe.op, fds[0], probe_recv);
        TURN_UNTIL(ring, probe.is_over);
        cr_assert_eq(probe.res, 0);
        cr_assert_eq(probe.len, sizeof(bytes));
        stream_expect(bytes, probe.len, 0);
        for (unsigned i = 0; i < 3; i++) {
            cr_assert_eq(ring_turn(ring, NS_PER_MS), 0);
        }
        child_expect_good(pid);
        close(fds[0]);
        ring_close(ring);
    }
}

Test(ring_stream, a_reset_is_told_as_an_error)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        uint8_t bytes[16];
        struct probe probe = {.res = NONE_YET, .bytes = bytes, .cap = sizeof(bytes)};
        const struct linger linger = {1, 0};
        struct sockaddr_in addr;
        const int listen_fd = make_listener(&addr);
        const int client_fd = make_client(&addr);
        const int fd = accept(listen_fd, NULL, NULL);

        ring_recv_start(ring, &probe.op, fd, probe_recv);
        cr_assert_eq(ring_turn(ring, NS_PER_MS), 0);
        setsockopt(client_fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        close(client_fd);
        TURN_UNTIL(ring, probe.is_over);
        cr_assert_eq(probe.res, -ECONNRESET);
        close(fd);
        close(listen_fd);
        ring_close(ring);
    }
}

/*
 * Several streams share few small buffers and are stopped and started at random, outside and inside
 * their callbacks.
 */
struct flow {
    struct ring_op op; /* First. */
    struct ring *ring;
    int fd;
    size_t len;
    unsigned stops;
    unsigned stopped; /* Stops that were told. */
    bool is_over;
};

static void flow_recv(struct ring_op *op, int res, const uint8_t *data);

static void flow_shake(struct flow *flow, long dice)
{
    if (dice % 4 == 0) {
        ring_recv_stop(flow->ring, &flow->op);
        flow->stops++;
    }
    if (dice % 8 == 0) {
        ring_recv_start(flow->ring, &flow->op, flow->fd, flow_recv);
    }
    if (dice % 16 == 0) {
        ring_recv_stop(flow->ring, &flow->op);
    }
    if (dice % 32 == 0) {
        ring_flush(flow->ring);
    }
}

static void flow_recv(struct ring_op *op, int res, const uint8_t *data)
{
    struct flow *flow = (struct flow *)op;

    if (res > 0) {
        stream_expect(data, (size_t)res, flow->len);
        flow->len += (size_t)res;
        flow_shake(flow, random());
        return;
    }
    cr_assert(!ring_op_pending(op));
    if (res == -ECANCELED) {
        flow->stopped++;
        if (random() % 2) {
            ring_recv_start(flow->ring, op, flow->fd, flow_recv);
        }
        return;
    }
    cr_assert_eq(res, 0);
    flow->is_over = true;
}

#define FLOWS      6
#define FLOW_BYTES 2000000

static void flows_run(struct ring *ring)
{
    struct flow flows[FLOWS];
    pid_t pids[FLOWS];
    unsigned over = 0;
    unsigned stopped = 0;
    const uint64_t deadline_ns = clock_now_ns() + 3 * PATIENCE_NS;

    memset(flows, 0, sizeof(flows));
    for (unsigned i = 0; i < FLOWS; i++) {
        int fds[2];

        make_pair(fds);
        flows[i].ring = ring;
        flows[i].fd = fds[0];
        CHILD(pids[i])
        {
            child_write_stream(fds[1], FLOW_BYTES);
            _exit(0);
        }
        close(fds[1]);
        ring_recv_start(ring, &flows[i].op, fds[0], flow_recv);
    }
    while (over < FLOWS) {
        cr_assert_lt(clock_now_ns(), deadline_ns, "%s: %u of the flows ended",
                     ring_backend_name(ring), over);
        cr_assert_geq(ring_turn(ring, NS_PER_MS), 0);
        over = 0;
        for (unsigned i = 0; i < FLOWS; i++) {
            over += flows[i].is_over;
            if (!flows[i].is_over && !ring_op_pending(&flows[i].op)) {
                ring_recv_start(ring, &flows[i].op, flows[i].fd, flow_recv);
                flow_shake(&flows[i], random());
            }
        }
    }
    for (unsigned i = 0; i < FLOWS; i++) {
        cr_assert_eq(flows[i].len, FLOW_BYTES);
        cr_assert_leq(flows[i].stopped, flows[i].stops);
        stopped += flows[i].stopped;
        child_expect_good(pids[i]);
        close(flows[i].fd);
    }
    cr_assert_gt(stopped, 100, "the test must have stopped something");
}

Test(ring_stream, stops_and_starts_lose_no_byte, .timeout = 120)
{
    /* Entries, buffers, their bytes: buffers run out; the completion queue does. */
    static const uint32_t shapes[][3] = {{64, 4, 512}, {64, 2, 4096}, {64, 64, 512}, {1, 64, 64}};
    struct ring *ring;

    srandom(1);
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        EACH_BACKEND_OF(ring, shapes[i][0], shapes[i][1], shapes[i][2])
        {
            flows_run(ring);
            ring_close(ring);
        }
    }
}

Test(ring_stream, a_stop_ends_a_silent_receive_and_keeps_what_comes_later)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        uint8_t bytes[16];
        struct probe probe = {.res = NONE_YET, .bytes = bytes, .cap = sizeof(bytes)};
        int fds[2];

        make_pair(fds);
        ring_recv_start(ring, &probe.op, fds[0], probe_recv);
        cr_assert_eq(ring_turn(ring, 0), 0);
        ring_recv_stop(ring, &probe.op);
        ring_recv_stop(ring, &probe.op);
        cr_assert(ring_op_pending(&probe.op));
        TURN_UNTIL(ring, probe.is_over);
        cr_assert_eq(probe.res, -ECANCELED);
        cr_assert_eq(probe.calls, 1);
        ring_recv_stop(ring, &probe.op);
        cr_assert_eq(write(fds[1], "later", 5), 5);
        cr_assert_eq(ring_turn(ring, 5 * NS_PER_MS), 0);
        probe.is_over = false;
        ring_recv_start(ring, &probe.op, fds[0], probe_recv);
        TURN_UNTIL(ring, probe.len == 5);
        cr_assert_arr_eq(bytes, "later", 5);
        ring_recv_stop(ring, &probe.op);
        TURN_UNTIL(ring, probe.is_over);
        close(fds[0]);
        close(fds[1]);
        ring_close(ring);
    }
}

Test(ring_stream, a_start_takes_a_stop_back_without_a_word)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        uint8_t bytes[16];
        struct probe probe = {.res = NONE_YET, .bytes = bytes, .cap = sizeof(bytes)};
        int fds[2];

        make_pair(fds);
        ring_recv_start(ring, &probe.op, fds[0], probe_recv);
        cr_assert_eq(ring_turn(ring, 0), 0);
        ring_recv_stop(ring, &probe.op);
        ring_recv_start(ring, &probe.op, fds[0], probe_recv);
        for (unsigned i = 0; i < 5; i++) {
            cr_assert_eq(ring_turn(ring, NS_PER_MS), 0);
        }
        cr_assert(ring_op_pending(&probe.op));
        cr_assert_eq(write(fds[1], "x", 1), 1);
        TURN_UNTIL(ring, probe.len == 1);
        ring_recv_stop(ring, &probe.op);
        TURN_UNTIL(ring, probe.is_over);
        cr_assert_eq(probe.res, -ECANCELED);
        close(fds[0]);
        close(fds[1]);
        ring_close(ring);
    }
}

/* Starts and stops in one go, with more bytes waiting than one arming takes. */
Test(ring_stream, a_stop_right_after_the_start_finds_a_busy_receive)
{
    struct ring *ring;

    EACH_BACKEND(ring, 64, 64)
    {
        static uint8_t bytes[60000];
        struct probe probe = {.res = NONE_YET, .bytes = bytes, .cap = sizeof(bytes)};
        int fds[2];
        unsigned rounds = 0;

        make_pair(fds);
        child_write_stream(fds[1], sizeof(bytes));
        while (probe.len < sizeof(bytes)) {
            cr_assert_lt(rounds++, 10000U);
            probe.is_over = false;
            ring_recv_start(ring, &probe.op, fds[0], probe_recv);
            if (rounds % 2) {
                ring_flush(ring);
            }
            if (rounds % 3) {
                ring_recv_stop(ring, &probe.op);
            } else {
                cr_assert_geq(ring_turn(ring, 0), 0);
                ring_recv_stop(ring, &probe.op);
            }
            TURN_UNTIL(ring, probe.is_over);
            cr_assert_eq(probe.res, -ECANCELED);
        }
        stream_expect(bytes, sizeof(bytes), 0);
        close(fds[0]);
        close(fds[1]);
        ring_close(ring);
    }
}

static void send_large(struct ring *ring, int fd, size_t len, unsigned parts)
{
    struct probe probe = {.res = NONE_YET};
    struct iovec *iov = calloc(parts, sizeof(*iov));
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = parts};
    uint8_t *bytes = malloc(len);
    const size_t step = len / parts;

    stream_fill(bytes, len, 0);
    for (unsigned i = 0; i < parts; i++) {
        iov[i].iov_base = bytes + i * step;
        iov[i].iov_len = i + 1 < parts ? step : len - i * step;
    }
    ring_send(ring, &probe.op, fd, &msg, probe_done);
    TURN_UNTIL(ring, probe.calls > 0);
    cr_assert_eq(probe.res, (int)len);
    cr_assert_eq(probe.calls, 1);
    free(bytes);
    free(iov);
}

Test(ring_stream, sends_all_of_a_large_message_to_a_slow_reader, .timeout = 120)
{
    static const struct {
        size_t len;
        unsigned parts;
        bool is_tcp;
        bool is_nonblocking;
    } rows[] = {
        {MIB(64), 1, true, false}, {MIB(64), 1000, true, false}, {MIB(16) + 1, 1024, false, false},
        {MIB(8), 3, true, true},   {1, 1, false, false},
    };
    struct ring *ring;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EACH_BACKEND(ring, 8, 4096)
        {
            struct sockaddr_in addr;
            const int listen_fd = make_listener(&addr);
            int fds[2];
            pid_t pid;

            if (rows[i].is_tcp) {
                fds[1] = make_client(&addr);
                fds[0] = accept(listen_fd, NULL, NULL);
            } else {
                make_pair(fds);
            }
            CHILD(pid)
            {
                close(fds[0]);
                child_read_stream(fds[1], rows[i].len);
            }
            close(fds[1]);
            if (rows[i].is_nonblocking) {
                fcntl(fds[0], F_SETFL, O_NONBLOCK);
            }
            send_large(ring, fds[0], rows[i].len, rows[i].parts);
            close(fds[0]);
            child_expect_good(pid);
            close(listen_fd);
            ring_close(ring);
        }
    }
}

Test(ring_stream, an_empty_message_is_sent_at_once)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        struct probe probe = {.res = NONE_YET};
        struct iovec iov = {NULL, 0};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        int fds[2];

        make_pair(fds);
        ring_send(ring, &probe.op, fds[0], &msg, probe_done);
        TURN_UNTIL(ring, probe.calls == 1);
        cr_assert_eq(probe.res, 0);
        close(fds[0]);
        close(fds[1]);
        ring_close(ring);
    }
}

Test(ring_stream, a_descriptor_goes_over_once_with_a_send_that_takes_many_steps)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        static uint8_t bytes[MIB(2)];
        union {
            char bytes[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } control = {0};
        struct probe probe = {.res = NONE_YET};
        struct iovec iov = {bytes, sizeof(bytes)};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
        struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
        int fds[2];
        pid_t pid;

        make_pair(fds);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &fds[0], sizeof(int));
        CHILD(pid)
        {
            unsigned passed = 0;
            size_t len = 0;

            while (len < sizeof(bytes)) {
                char in[CMSG_SPACE(sizeof(int))];
                struct iovec in_iov = {bytes, 30000};
                struct msghdr in_msg = {.msg_iov = &in_iov,
                                        .msg_iovlen = 1,
                                        .msg_control = in,
                                        .msg_controllen = sizeof(in)};
                const ssize_t n = recvmsg(fds[1], &in_msg, 0);

                if (n <= 0) {
                    _exit(1);
                }
                passed += in_msg.msg_controllen > 0;
                len += (size_t)n;
            }
            _exit(passed == 1 ? 0 : 2);
        }
        ring_send(ring, &probe.op, fds[0], &msg, probe_done);
        TURN_UNTIL(ring, probe.calls == 1);
        cr_assert_eq(probe.res, (int)sizeof(bytes));
        child_expect_good(pid);
        close(fds[0]);
        close(fds[1]);
        ring_close(ring);
    }
}

Test(ring_stream, a_send_to_a_closed_peer_fails_without_a_signal)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        struct probe probe = {.res = NONE_YET};
        char text[] = "abc";
        struct iovec iov = {text, 3};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        int fds[2];

        make_pair(fds);
        close(fds[1]);
        ring_send(ring, &probe.op, fds[0], &msg, probe_done);
        TURN_UNTIL(ring, probe.calls == 1);
        cr_assert_eq(probe.res, -EPIPE);
        close(fds[0]);
        ring_close(ring);
    }
}

Test(ring_stream, a_send_that_is_stuck_can_be_cancelled)
{
    struct ring *ring;

    EACH_BACKEND(ring, 8, 4096)
    {
        static uint8_t bytes[MIB(8)];
        struct probe probe = {.res = NONE_YET};
        struct iovec iov = {bytes, sizeof(bytes)};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        int fds[2];

        make_pair(fds);
        for (unsigned started = 0; started < 2; started++) {
            probe.calls = 0;
            iov = (struct iovec){bytes, sizeof(bytes)};
            msg.msg_iovlen = 1;
            ring_send(ring, &probe.op, fds[0], &msg, probe_done);
            if (started) {
                cr_assert_eq(ring_turn(ring, NS_PER_MS), 0);
            }
            ring_cancel(ring, &probe.op);
            TURN_UNTIL(ring, probe.calls > 0);
            cr_assert_eq(probe.res, -ECANCELED);
            cr_assert(probe.is_over);
        }
        close(fds[0]);
        close(fds[1]);
        ring_close(ring);
    }
}

/* One owner with a receive and a send, freed with both under way. */
struct owner {
    struct ring_op recv;
    struct ring_op send;
    struct msghdr msg;
    struct iovec iov;
    unsigned *gone;
    int fd;
};

static void owner_try_free(struct owner *owner)
{
    if (!ring_op_pending(&owner->recv) && !ring_op_pending(&owner->send)) {
        (*owner->gone)++;
        close(owner->fd);
        memset(owner, 0xa5, sizeof(*owner));
        free(owner);
    }
}

static void owner_on_recv(struct ring_op *op, int res, const uint8_t *data)
{
    (void)data;
    if (res <= 0) {
        owner_try_free(CONTAINER_OF(op, struct owner, recv));
    }
}

static void owner_on_send(struct ring_op *op, int res)
{
    (void)res;
    owner_try_free(CONTAINER_OF(op, struct owner, send));
}

Test(ring_stream, owners_die_in_every_state_without_a_late_completion, .timeout = 120)
{
    static uint8_t bytes[MIB(1)];
    struct ring *ring;

    srandom(2);
    EACH_BACKEND(ring, 4, 512)
    {
        unsigned gone = 0;

        for (unsigned i = 0; i < 2000; i++) {
            struct owner *owner = calloc(1, sizeof(*owner));
            int fds[2];

            make_pair(fds);
            owner->gone = &gone;
            owner->fd = fds[0];
            owner->iov = (struct iovec){bytes, random() % 2 ? 100 : sizeof(bytes)};
            owner->msg = (struct msghdr){.msg_iov = &owner->iov, .msg_iovlen = 1};
            ring_recv_start(ring, &owner->recv, owner->fd, owner_on_recv);
            ring_send(ring, &owner->send, owner->fd, &owner->msg, owner_on_send);
            if (random() % 2) {
                cr_assert_eq(write(fds[1], bytes, 3000), 3000);
            }
            if (random() % 2) {
                cr_assert_geq(ring_turn(ring, 0), 0);
            }
            if (random() % 3 == 0) {
                close(fds[1]);
                fds[1] = -1;
                TURN_UNTIL(ring, gone == i + 1);
                continue;
            }
            ring_recv_stop(ring, &owner->recv);
            ring_cancel(ring, &owner->send);
            if (random() % 2) {
                shutdown(owner->fd, SHUT_RDWR);
            }
            TURN_UNTIL(ring, gone == i + 1);
            close(fds[1]);
        }
        ring_close(ring);
    }
}
