#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * listen - listening sockets, one per shard and address.
 *
 * Role: opened by the supervisor before anything else, each with SO_REUSEPORT, and kept for the
 * life of the engine: connections that wait in an accept queue survive the shard that should have
 * taken them.
 */
#include "base/macro.h"

#include <stdbool.h>

/*
 * Opens `shards` sockets for each address of the list; out_fds[shard * addresses + address]. Port 0
 * takes a free one, the same for all shards, and says which in the log. False with one log line
 * when an address cannot be had.
 */
struct config_list;
MUST_CHECK bool listen_open(const struct config_list *addresses, unsigned shards, int *out_fds);
