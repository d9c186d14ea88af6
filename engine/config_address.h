#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * config_address - host:port, as `listen` writes it.
 *
 * Role: numeric IPv4 and bracketed IPv6 addresses and the word localhost (127.0.0.1), with a port
 * from 0 to 65535. Names are not resolved: a start must not depend on a name server.
 */
#include "base/slice.h"

#include <sys/socket.h>

/* False when it is no address; `*out` and `*out_len` are then untouched. */
MUST_CHECK bool config_address_parse(struct slice text, struct sockaddr_storage *out,
                                     socklen_t *out_len);

/* "127.0.0.1:1344" or "[::1]:1344", with a NUL; "?" for another family. */
#define CONFIG_ADDRESS_TEXT_CAP 64
void config_address_format(const struct sockaddr_storage *address,
                           char out[CONFIG_ADDRESS_TEXT_CAP]);
