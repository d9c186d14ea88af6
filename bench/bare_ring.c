/* SPDX-License-Identifier: MIT */
/*
 * bare_ring - the yardstick: the least that a server on one io_uring can do.
 *
 *     bare_ring PORT        0 takes a free port; the port is printed.
 *
 * Reads to a blank line, answers 200 bytes, keeps the connection. Multishot accept, multishot
 * receive into one buffer ring, deferred task work, a registered ring descriptor, no completion for
 * a send that succeeds. One process without threads: pin it with taskset. It knows no other
 * request, no limits and no time-outs; what a real server does beyond this is its price.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BARE_ENTRIES   1024
#define BARE_CQES      16384
#define BARE_BUFS      256
#define BARE_BUF_BYTES 16384
#define BARE_ANSWER    200
#define BARE_FDS_MAX   (1 << 20)

enum bare_kind {
    BARE_ACCEPT = 1,
    BARE_RECV,
    BARE_SEND
};

struct bare {
    struct io_uring io;
    struct io_uring_buf_ring *buf_ring;
    uint8_t *bufs;
    uint8_t *matched; /* By descriptor: how much of the blank line the last bytes were. */
    char answer[BARE_ANSWER];
    int listen_fd;
};

static _Noreturn void bare_die(const char *what, int err)
{
    fprintf(stderr, "bare_ring: %s: %s\n", what, strerror(err));
    exit(1);
}

static struct io_uring_sqe *bare_take_sqe(struct bare *bare, enum bare_kind kind, int fd)
{
    struct io_uring_sqe *sqe;

    while (!(sqe = io_uring_get_sqe(&bare->io))) {
        io_uring_submit(&bare->io);
    }
    /* The caller's prep does not touch the user data. */
    io_uring_sqe_set_data64(sqe, (uint64_t)kind << 32 | (uint32_t)fd);
    return sqe;
}

static void bare_arm_accept(struct bare *bare)
{
    struct io_uring_sqe *sqe = bare_take_sqe(bare, BARE_ACCEPT, bare->listen_fd);

    io_uring_prep_multishot_accept(sqe, bare->listen_fd, NULL, NULL, SOCK_CLOEXEC);
}

static void bare_arm_recv(struct bare *bare, int fd)
{
    struct io_uring_sqe *sqe = bare_take_sqe(bare, BARE_RECV, fd);

    io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = 0;
}

static void bare_answer(struct bare *bare, int fd)
{
    struct io_uring_sqe *sqe = bare_take_sqe(bare, BARE_SEND, fd);

    io_uring_prep_send(sqe, fd, bare->answer, sizeof(bare->answer), MSG_WAITALL | MSG_NOSIGNAL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
}

static void bare_give_buf(struct bare *bare, unsigned id)
{
    io_uring_buf_ring_add(bare->buf_ring, bare->bufs + (size_t)id * BARE_BUF_BYTES, BARE_BUF_BYTES,
                          (unsigned short)id, BARE_BUFS - 1, 0);
    io_uring_buf_ring_advance(bare->buf_ring, 1);
}

/* Answers once for each blank line that ends in `bytes`. */
static void bare_parse(struct bare *bare, int fd, const uint8_t *bytes, size_t len)
{
    static const uint8_t blank[4] = {'\r', '\n', '\r', '\n'};
    uint8_t matched = bare->matched[fd];

    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == blank[matched]) {
            matched++;
        } else {
            matched = bytes[i] == '\r';
        }
        if (matched == sizeof(blank)) {
            matched = 0;
            bare_answer(bare, fd);
        }
    }
    bare->matched[fd] = matched;
}

static void bare_on_accept(struct bare *bare, const struct io_uring_cqe *cqe)
{
    const int one = 1;

    if (cqe->res >= BARE_FDS_MAX) {
        close(cqe->res);
    } else if (cqe->res >= 0) {
        bare->matched[cqe->res] = 0;
        setsockopt(cqe->res, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        bare_arm_recv(bare, cqe->res);
    }
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        bare_arm_accept(bare);
    }
}

static void bare_on_recv(struct bare *bare, const struct io_uring_cqe *cqe, int fd)
{
    const unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

    if (cqe->res > 0) {
        bare_parse(bare, fd, bare->bufs + (size_t)id * BARE_BUF_BYTES, (size_t)cqe->res);
    }
    if (cqe->flags & IORING_CQE_F_BUFFER) {
        bare_give_buf(bare, id);
    }
    if (cqe->flags & IORING_CQE_F_MORE) {
        return;
    }
    if (cqe->res > 0 || cqe->res == -ENOBUFS) {
        bare_arm_recv(bare, fd);
    } else {
        close(fd);
    }
}

static void bare_reap(struct bare *bare)
{
    const struct io_uring_cqe *cqe;
    unsigned head;
    unsigned count = 0;

    io_uring_for_each_cqe(&bare->io, head, cqe)
    {
        const int fd = (int)(uint32_t)cqe->user_data;

        switch (cqe->user_data >> 32) {
        case BARE_ACCEPT:
            bare_on_accept(bare, cqe);
            break;
        case BARE_RECV:
            bare_on_recv(bare, cqe, fd);
            break;
        default:
            /* A send that failed: its receive ends too, and closes. */
            break;
        }
        count++;
    }
    io_uring_cq_advance(&bare->io, count);
}

static void bare_open_ring(struct bare *bare)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE,
        .cq_entries = BARE_CQES,
    };
    struct io_uring_buf_reg reg = {.ring_entries = BARE_BUFS};
    const size_t ring_len = BARE_BUFS * sizeof(struct io_uring_buf);
    uint8_t *map;
    int r = io_uring_queue_init_params(BARE_ENTRIES, &bare->io, &params);

    if (r < 0) {
        bare_die("io_uring_setup", -r);
    }
    io_uring_register_ring_fd(&bare->io);
    map = mmap(NULL, ring_len + (size_t)BARE_BUFS * BARE_BUF_BYTES, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (map == MAP_FAILED) {
        bare_die("mmap", errno);
    }
    bare->buf_ring = (struct io_uring_buf_ring *)(void *)map;
    bare->bufs = map + ring_len;
    reg.ring_addr = (uint64_t)(uintptr_t)map;
    r = io_uring_register_buf_ring(&bare->io, &reg, 0);
    if (r < 0) {
        bare_die("buffer ring", -r);
    }
    io_uring_buf_ring_init(bare->buf_ring);
    for (unsigned i = 0; i < BARE_BUFS; i++) {
        bare_give_buf(bare, i);
    }
}

static void bare_listen(struct bare *bare, unsigned long port)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof(addr);
    const int one = 1;

    bare->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(bare->listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(bare->listen_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
        listen(bare->listen_fd, 4096) < 0 ||
        getsockname(bare->listen_fd, (struct sockaddr *)&addr, &len) < 0) {
        bare_die("listen", errno);
    }
    printf("%u\n", ntohs(addr.sin_port));
    fflush(stdout);
}

static void bare_raise_fds(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    static struct bare bare;
    static const char head[] = "ICAP/1.0 200 OK\r\nConnection: keep-alive\r\nX-Fill: ";
    char *end = NULL;
    const unsigned long port = argc == 2 ? strtoul(argv[1], &end, 10) : 65536;

    if (port > 65535 || !end || end == argv[1] || *end) {
        fprintf(stderr, "usage: bare_ring PORT\n");
        return 2;
    }
    memset(bare.answer, 'x', sizeof(bare.answer));
    memcpy(bare.answer, head, sizeof(head) - 1);
    memcpy(bare.answer + sizeof(bare.answer) - 4, "\r\n\r\n", 4);
    bare.matched = mmap(NULL, BARE_FDS_MAX, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bare.matched == MAP_FAILED) {
        bare_die("mmap", errno);
    }
    bare_raise_fds();
    bare_open_ring(&bare);
    bare_listen(&bare, port);
    bare_arm_accept(&bare);
    for (;;) {
        const int r = io_uring_submit_and_wait(&bare.io, 1);

        if (r < 0 && r != -EINTR && r != -EAGAIN) {
            bare_die("io_uring_enter", -r);
        }
        bare_reap(&bare);
    }
}
