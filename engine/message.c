/* SPDX-License-Identifier: MIT */
#include "engine/message.h"

#include "base/assert.h"
#include "base/err.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int message_pair(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0) {
        return ERR_NEW(-errno);
    }
    return 0;
}

int message_send(int fd, const struct message *message, const int *fds, unsigned fds_len)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec iov = {(void *)(uintptr_t)message, sizeof(*message)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    ASSERT(fds_len <= MESSAGE_FDS_MAX);
    if (fds_len > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * fds_len);
        struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int) * fds_len);
        memcpy(CMSG_DATA(head), fds, sizeof(int) * fds_len);
    }
    if (sendmsg(fd, &msg, MSG_NOSIGNAL) != (ssize_t)sizeof(*message)) {
        return ERR_NEW(-errno);
    }
    return 0;
}

static void message_take_fds(struct msghdr *msg, int out_fds[MESSAGE_FDS_MAX],
                             unsigned *out_fds_len)
{
    for (struct cmsghdr *head = CMSG_FIRSTHDR(msg); head; head = CMSG_NXTHDR(msg, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const size_t len = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (size_t i = 0; i < len; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
            if (*out_fds_len < MESSAGE_FDS_MAX) {
                out_fds[(*out_fds_len)++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

int message_recv(int fd, struct message *out, int out_fds[MESSAGE_FDS_MAX], unsigned *out_fds_len)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec iov = {out, sizeof(*out)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};

    *out_fds_len = 0;
    const ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (n < 0 && errno != ECONNRESET) {
        return ERR_NEW(-errno);
    }
    if (n <= 0) {
        return ERR_NEW(-EPIPE);
    }
    message_take_fds(&msg, out_fds, out_fds_len);
    if (n == (ssize_t)sizeof(*out)) {
        return 1;
    }
    while (*out_fds_len > 0) {
        close(out_fds[--*out_fds_len]);
    }
    return ERR_NEW(-EBADMSG);
}
