/* SPDX-License-Identifier: MIT */
#include "engine/listen.h"

#include "base/log.h"
#include "base/slice.h"
#include "engine/config.h"
#include "engine/config_address.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_BACKLOG  4096
#define LISTEN_RETRIES  20
#define LISTEN_RETRY_NS 100000000L

static int listen_open_one(const struct sockaddr_storage *addr, socklen_t addr_len)
{
    const int on = 1;
    const int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return -errno;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* Accepted ones inherit it. */
    if (addr->ss_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    if (bind(fd, (const struct sockaddr *)addr, addr_len) < 0 || listen(fd, LISTEN_BACKLOG) < 0) {
        const int r = -errno;

        close(fd);
        return r;
    }
    return fd;
}

/* Somebody else's socket on the address would share its connections: SO_REUSEPORT lets it. */
static bool listen_is_taken_now(const struct sockaddr_storage *addr, socklen_t addr_len)
{
    const int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    bool taken = false;

    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (addr->ss_family == AF_INET6) {
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
        }
        taken = bind(fd, (const struct sockaddr *)addr, addr_len) < 0 && errno == EADDRINUSE;
        close(fd);
    }
    return taken;
}

/*
 * The kernel takes a ring apart after its process has ended, and its accepts hold the socket until
 * then: an engine that has just stopped gets a moment.
 */
static bool listen_is_taken(const struct sockaddr_storage *addr, socklen_t addr_len)
{
    const struct timespec pause = {.tv_nsec = LISTEN_RETRY_NS};

    for (unsigned i = 0; i < LISTEN_RETRIES; i++) {
        if (!listen_is_taken_now(addr, addr_len)) {
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

static unsigned listen_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } addr = {.in6 = {0}};
    socklen_t len = sizeof(addr);

    if (getsockname(fd, &addr.any, &len) < 0) {
        return 0;
    }
    return ntohs(addr.any.sa_family == AF_INET6 ? addr.in6.sin6_port : addr.in.sin_port);
}

static void listen_set_port(struct sockaddr_storage *addr, unsigned port)
{
    if (addr->ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)addr)->sin6_port = htons((uint16_t)port);
    } else {
        ((struct sockaddr_in *)addr)->sin_port = htons((uint16_t)port);
    }
}

bool listen_open(const struct config_list *addresses, unsigned shards, int *out_fds)
{
    for (uint32_t i = 0; i < addresses->len; i++) {
        struct sockaddr_storage addr = {0};
        socklen_t addr_len = 0;

        if (!config_address_parse(slice_from_str(addresses->items[i]), &addr, &addr_len)) {
            LOG_ERR("listen: '%s' is not an address of this host", addresses->items[i]);
            return false;
        }
        if (listen_is_taken(&addr, addr_len)) {
            LOG_ERR("listen: %s: another process listens there", addresses->items[i]);
            return false;
        }
        for (unsigned shard = 0; shard < shards; shard++) {
            const int fd = listen_open_one(&addr, addr_len);

            if (fd < 0) {
                LOG_ERR("listen: %s: %s", addresses->items[i], strerror(-fd));
                return false;
            }
            out_fds[shard * addresses->len + i] = fd;
            listen_set_port(&addr, listen_port(fd));
        }
        LOG_INF("listening on %.*s:%u",
                (int)(strrchr(addresses->items[i], ':') - addresses->items[i]), addresses->items[i],
                listen_port(out_fds[i]));
    }
    return true;
}
