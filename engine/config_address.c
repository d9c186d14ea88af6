/* SPDX-License-Identifier: MIT */
#include "engine/config_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

/* Splits "[host]:port" or "host:port"; the brackets say which family is meant. */
static bool config_address_split(struct slice text, struct slice *out_host, struct slice *out_port,
                                 bool *out_v6)
{
    struct slice rest = text;

    *out_v6 = text.len > 0 && text.ptr[0] == '[';
    if (*out_v6) {
        size_t end = slice_find(text, ']');

        if (end + 1 >= text.len || text.ptr[end + 1] != ':') {
            return false;
        }
        *out_host = slice_from(text.ptr + 1, end - 1);
        *out_port = slice_skip(text, end + 2);
        return true;
    }
    *out_host = slice_split(&rest, ':');
    *out_port = rest;
    return true;
}

bool config_address_parse(struct slice text, struct sockaddr_storage *out, socklen_t *out_len)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char name[INET6_ADDRSTRLEN];
    struct slice host;
    struct slice port;
    uint64_t number = 0;
    bool is_v6 = false;

    if (!config_address_split(text, &host, &port, &is_v6) || host.len == 0 ||
        host.len >= sizeof(name) || port.len > 5 || !slice_parse_u64(port, &number) ||
        number > UINT16_MAX) {
        return false;
    }
    if (slice_equal_nocase(host, SLICE_OF("localhost"))) {
        host = SLICE_OF("127.0.0.1");
    }
    memcpy(name, host.ptr, host.len);
    name[host.len] = '\0';
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, name,
                  is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1) {
        return false;
    }
    memset(out, 0, sizeof(*out));
    if (is_v6) {
        v6.sin6_port = htons((uint16_t)number);
        memcpy(out, &v6, sizeof(v6));
        *out_len = sizeof(v6);
    } else {
        v4.sin_port = htons((uint16_t)number);
        memcpy(out, &v4, sizeof(v4));
        *out_len = sizeof(v4);
    }
    return true;
}

void config_address_format(const struct sockaddr_storage *address,
                           char out[CONFIG_ADDRESS_TEXT_CAP])
{
    char host[INET6_ADDRSTRLEN];

    if (address->ss_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, address, sizeof(v4));
        inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
        snprintf(out, CONFIG_ADDRESS_TEXT_CAP, "%s:%u", host, ntohs(v4.sin_port));
    } else if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, address, sizeof(v6));
        inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
        snprintf(out, CONFIG_ADDRESS_TEXT_CAP, "[%s]:%u", host, ntohs(v6.sin6_port));
    } else {
        snprintf(out, CONFIG_ADDRESS_TEXT_CAP, "?");
    }
}
