/* SPDX-License-Identifier: MIT */
#include "bench/load/load_link.h"

#include "base/assert.h"
#include "base/err.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A slow reader must not be read for by a large buffer of the kernel. */
#define LOAD_SLOW_RCVBUF 4096

bool load_link_prepare(const struct load_spec *spec, struct ssl_ctx_st **out_ctx, char *why,
                       size_t why_cap)
{
    *out_ctx = NULL;
    if (!spec->tls) {
        return true;
    }
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL) {
        snprintf(why, why_cap, "no TLS");
        return false;
    }
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    /* A server that ends without close_notify ends all the same; the answer tells if it was cut. */
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_verify(ctx, spec->tls_verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    int good = !spec->tls_verify      ? 1
               : spec->tls_ca == NULL ? SSL_CTX_set_default_verify_paths(ctx)
                                      : SSL_CTX_load_verify_locations(ctx, spec->tls_ca, NULL);
    if (good != 1) {
        snprintf(why, why_cap, "no certificates in %s", spec->tls_ca ? spec->tls_ca : "the system");
        SSL_CTX_free(ctx);
        return false;
    }
    *out_ctx = ctx;
    return true;
}

void load_link_release(struct ssl_ctx_st *ctx)
{
    SSL_CTX_free(ctx);
}

/* 127.0.0.1 and up. The kernel looks for the port when it knows the other end, so each address has
 * all ports for each server. */
static int load_link_bind(int fd, unsigned source)
{
    int on = 1;
    struct sockaddr_in addr = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + source),
    };
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    return bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0 : ERR_NEW(-errno);
}

/* The certificate must be for what stands in the target: a name, or the address itself. */
static int load_link_name(struct load_link *link, const struct load_spec *spec)
{
    const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)&spec->addr;
    const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)&spec->addr;
    X509_VERIFY_PARAM *param = SSL_get0_param(link->ssl);
    struct slice rest = slice_from_str(spec->host);
    struct slice host = slice_split(&rest, ':');
    struct in_addr unused;
    char name[sizeof(spec->host)];
    snprintf(name, sizeof(name), "%.*s", (int)host.len, (const char *)host.ptr);
    if (name[0] == '[') {
        return X509_VERIFY_PARAM_set1_ip(param, ipv6->sin6_addr.s6_addr, sizeof(ipv6->sin6_addr));
    }
    if (inet_pton(AF_INET, name, &unused) == 1) {
        const uint8_t *bytes = (const uint8_t *)&ipv4->sin_addr;
        return X509_VERIFY_PARAM_set1_ip(param, bytes, sizeof(ipv4->sin_addr));
    }
    return SSL_set_tlsext_host_name(link->ssl, name) == 1 && SSL_set1_host(link->ssl, name) == 1;
}

static int load_link_secure(struct load_link *link, const struct load_spec *spec,
                            struct ssl_ctx_st *ctx)
{
    link->ssl = SSL_new(ctx);
    if (link->ssl == NULL || SSL_set_fd(link->ssl, link->fd) != 1 ||
        load_link_name(link, spec) != 1) {
        return ERR_NEW(-ENOMEM);
    }
    SSL_set_connect_state(link->ssl);
    return 0;
}

static int load_link_connect(struct load_link *link, const struct load_spec *spec,
                             struct ssl_ctx_st *ctx, unsigned source)
{
    if (spec->sources > 0) {
        int r = load_link_bind(link->fd, source % spec->sources);
        if (r < 0) {
            return ERR_PASS(r);
        }
    }
    if (ctx != NULL) {
        int r = load_link_secure(link, spec, ctx);
        if (r < 0) {
            return ERR_PASS(r);
        }
    }
    const struct sockaddr *addr = (const struct sockaddr *)&spec->addr;
    if (connect(link->fd, addr, spec->addr_len) != 0 && errno != EINPROGRESS) {
        return ERR_NEW(-errno);
    }
    return 0;
}

int load_link_open(struct load_link *link, const struct load_spec *spec, struct ssl_ctx_st *ctx,
                   unsigned source, bool slow)
{
    int on = 1;
    *link = (struct load_link){.fd = -1};
    link->fd = socket(spec->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0) {
        return ERR_NEW(-errno);
    }
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (slow) {
        int room = LOAD_SLOW_RCVBUF;
        setsockopt(link->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    }
    int r = load_link_connect(link, spec, ctx, source);
    if (r < 0) {
        load_link_close(link, false);
    }
    return r;
}

/* What OpenSSL says about a call that did not succeed. */
static int load_link_trouble(struct load_link *link, int r)
{
    switch (SSL_get_error(link->ssl, r)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return ERR_NEW(errno != 0 ? -errno : -ECONNRESET);
    default:
        return ERR_NEW(-EPROTO);
    }
}

int load_link_shake(struct load_link *link)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0) {
        return ERR_NEW(error != 0 ? -error : -EIO);
    }
    if (link->ssl == NULL) {
        return 0;
    }
    ERR_clear_error();
    int r = SSL_do_handshake(link->ssl);
    if (r == 1) {
        return 0;
    }
    return load_link_trouble(link, r) == -EAGAIN ? -EAGAIN : ERR_NEW(-EPROTO);
}

ssize_t load_link_send(struct load_link *link, struct slice bytes)
{
    if (link->ssl == NULL) {
        ssize_t n = send(link->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        return n >= 0 ? n : -errno;
    }
    ERR_clear_error();
    int n = SSL_write(link->ssl, bytes.ptr, (int)MIN_OF(bytes.len, MIB(1)));
    if (n > 0) {
        return n;
    }
    int r = load_link_trouble(link, n);
    return r == 0 ? -EPIPE : r;
}

ssize_t load_link_recv(struct load_link *link, uint8_t *buf, size_t cap)
{
    if (link->ssl == NULL) {
        ssize_t n = recv(link->fd, buf, cap, 0);
        return n >= 0 ? n : -errno;
    }
    ERR_clear_error();
    int n = SSL_read(link->ssl, buf, (int)MIN_OF(cap, MIB(1)));
    return n > 0 ? n : load_link_trouble(link, n);
}

void load_link_close(struct load_link *link, bool reset)
{
    if (link->fd < 0) {
        return;
    }
    if (reset) {
        struct linger now = {.l_onoff = 1};
        setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    } else if (link->ssl != NULL) {
        ERR_clear_error();
        SSL_shutdown(link->ssl);
    }
    SSL_free(link->ssl);
    close(link->fd);
    *link = (struct load_link){.fd = -1};
}

const char *load_link_reason(const struct load_link *link)
{
    if (link->ssl != NULL && SSL_get_verify_result(link->ssl) != X509_V_OK) {
        return X509_verify_cert_error_string(SSL_get_verify_result(link->ssl));
    }
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    return reason != NULL ? reason : "the server closed";
}
