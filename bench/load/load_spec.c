/* SPDX-License-Identifier: MIT */
#include "bench/load/load_spec.h"

#include "base/assert.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#define LOAD_PORT     "1344"
#define LOAD_PORT_TLS "11344"

void load_spec_init(struct load_spec *spec)
{
    *spec = (struct load_spec){
        .service = "/avscan",
        .tls_verify = true,
        .method = LOAD_RESPMOD,
        .corpus = {.count = 7},
        .chunk_size = KIB(16),
        .preview = LOAD_NO_PREVIEW,
        .connections = 64,
        .pipeline = 1,
        .retry_sec = 1,
        .slow_rate = KIB(1),
        .duration_sec = 5,
        .warmup_sec = 0.5,
        .timeout_sec = 30,
        .interval_sec = 0.1,
        .seed = 1,
        .threads = 1,
    };
}

const char *load_method_name(enum load_method method)
{
    static const char *const names[] = {
#define X(name) #name,
        LOAD_METHODS(X)
#undef X
    };
    ASSERT((size_t)method < ARRAY_LEN(names));
    return names[method];
}

bool load_spec_has_body(const struct load_spec *spec)
{
    return spec->method == LOAD_REQMOD || spec->method == LOAD_RESPMOD;
}

unsigned load_spec_expect(const struct load_spec *spec)
{
    if (spec->expect != 0) {
        return spec->expect;
    }
    if (spec->method == LOAD_OPTIONS || spec->method == LOAD_BARE) {
        return LOAD_EXPECT_200;
    }
    unsigned expect = spec->allow_206 ? LOAD_EXPECT_206 : 0;
    if (spec->allow_204) {
        return expect | LOAD_EXPECT_204;
    }
    /* A 204 in a preview needs no leave. */
    return expect | LOAD_EXPECT_200 | (spec->preview == LOAD_NO_PREVIEW ? 0 : LOAD_EXPECT_204);
}

double load_spec_seconds(const struct load_spec *spec)
{
    if (spec->pace == LOAD_CLOSED) {
        return spec->duration_sec;
    }
    double seconds = 0;
    for (size_t i = 0; i < spec->stages_len; i++) {
        seconds += spec->stages[i].sec;
    }
    return seconds;
}

double load_spec_rate(const struct load_spec *spec, double at_sec)
{
    if (spec->pace == LOAD_CLOSED || at_sec < 0) {
        return 0;
    }
    for (size_t i = 0; i < spec->stages_len; i++) {
        if (at_sec < spec->stages[i].sec) {
            return spec->stages[i].rate;
        }
        at_sec -= spec->stages[i].sec;
    }
    return 0;
}

/* "HOST", "HOST:PORT", "[HOST]:PORT": the name and the port of their own. */
static bool load_spec_split(struct slice text, struct slice *out_host, struct slice *out_port)
{
    if (text.len > 0 && text.ptr[0] == '[') {
        size_t end = slice_find(text, ']');
        if (end == text.len) {
            return false;
        }
        *out_host = slice_from(text.ptr + 1, end - 1);
        struct slice rest = slice_skip(text, end + 1);
        if (rest.len > 0 && rest.ptr[0] != ':') {
            return false;
        }
        *out_port = rest.len > 0 ? slice_skip(rest, 1) : rest;
    } else {
        *out_port = text;
        *out_host = slice_split(out_port, ':');
    }
    return out_host->len > 0;
}

bool load_spec_set_target(struct load_spec *spec, const char *target, char *why, size_t why_cap)
{
    static const char plain[] = "icap://";
    static const char secure[] = "icaps://";
    bool tls = strncmp(target, secure, sizeof(secure) - 1) == 0;
    const char *at = target;
    at += tls                                          ? sizeof(secure) - 1
          : strncmp(at, plain, sizeof(plain) - 1) == 0 ? sizeof(plain) - 1
                                                       : 0;
    struct slice host;
    struct slice port;
    char host_text[64];
    char port_text[16];
    if (!load_spec_split(slice_from_str(at), &host, &port) || host.len >= sizeof(host_text) ||
        port.len >= sizeof(port_text)) {
        snprintf(why, why_cap, "'%s' is not HOST:PORT", target);
        return false;
    }
    snprintf(host_text, sizeof(host_text), "%.*s", (int)host.len, (const char *)host.ptr);
    snprintf(port_text, sizeof(port_text), "%.*s", (int)port.len, (const char *)port.ptr);
    if (port.len == 0) {
        snprintf(port_text, sizeof(port_text), "%s", tls ? LOAD_PORT_TLS : LOAD_PORT);
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int r = getaddrinfo(host_text, port_text, &hints, &found);
    if (r != 0) {
        snprintf(why, why_cap, "%s: %s", target, gai_strerror(r));
        return false;
    }
    memcpy(&spec->addr, found->ai_addr, found->ai_addrlen);
    spec->addr_len = found->ai_addrlen;
    freeaddrinfo(found);
    spec->tls = tls;
    snprintf(spec->host, sizeof(spec->host), "%s", at);
    return true;
}
