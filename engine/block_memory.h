#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * block_memory - URLs that showed a finding after their head had gone out early.
 *
 * Role: such a client saw a broken download, not a block page; the next request for the URL gets
 * the page from the heads alone. Contract section 4, `icap.block_memory`. Fixed table, oldest entry
 * leaves first; entries end with their time and with the generation that found them. Owner: the
 * shard; kept alike by messages.
 */
#include "base/slice.h"
#include "engine/message.h"

#define BLOCK_MEMORY_CAP 1024

struct block_memory {
    struct message_blocked entries[BLOCK_MEMORY_CAP];
    uint32_t used;
    uint32_t next; /* Where the next entry goes. */
};

/* First half of the SHA-256 of a URL. */
void block_memory_digest(struct slice url, uint8_t out[16]);

void block_memory_add(struct block_memory *memory, const struct message_blocked *entry);

/* NULL when the URL is not remembered by `generation` at `now_ns`. */
const struct message_blocked *block_memory_find(const struct block_memory *memory, struct slice url,
                                                uint64_t generation, uint64_t now_ns);
