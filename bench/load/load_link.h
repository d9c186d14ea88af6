#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * load_link - the bytes' way to the server: TCP, or TLS on top of it.
 *
 * Role: hides from the connection which of both it is. Nothing blocks. Owner: the connection.
 * Errors: negative errno; -EAGAIN asks for patience until the next event, which comes for both
 * directions, since TLS may have to write in order to read.
 */
#include "base/slice.h"
#include "bench/load/load_spec.h"

#include <sys/types.h>

struct ssl_st;
struct ssl_ctx_st;

struct load_link {
    int fd; /* -1: closed. */
    struct ssl_st *ssl;
};

/* What all links of a run share; NULL in `*out_ctx` without TLS. False with the reason in `why`. */
bool load_link_prepare(const struct load_spec *spec, struct ssl_ctx_st **out_ctx, char *why,
                       size_t why_cap);
void load_link_release(struct ssl_ctx_st *ctx);

/* Begins to connect; `source` chooses among `spec->sources`. */
int load_link_open(struct load_link *link, const struct load_spec *spec, struct ssl_ctx_st *ctx,
                   unsigned source, bool slow);

/* After the socket's first event: 0 when bytes may flow, -EPROTO when TLS failed. */
int load_link_shake(struct load_link *link);

/* What was taken, or a negative errno. */
ssize_t load_link_send(struct load_link *link, struct slice bytes);

/* What came, 0 at the end, or a negative errno. */
ssize_t load_link_recv(struct load_link *link, uint8_t *buf, size_t cap);

/* `reset`: with RST instead of FIN. */
void load_link_close(struct load_link *link, bool reset);

/* Why the last handshake of this thread failed. */
const char *load_link_reason(const struct load_link *link);
