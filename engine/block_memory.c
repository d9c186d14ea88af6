/* SPDX-License-Identifier: MIT */
#include "engine/block_memory.h"

#include <openssl/sha.h>

void block_memory_digest(struct slice url, uint8_t out[16])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];

    SHA256(url.ptr, url.len, digest);
    memcpy(out, digest, 16);
}

void block_memory_add(struct block_memory *memory, const struct message_blocked *entry)
{
    memory->entries[memory->next] = *entry;
    memory->next = (memory->next + 1) % BLOCK_MEMORY_CAP;
    if (memory->used < BLOCK_MEMORY_CAP) {
        memory->used++;
    }
}

const struct message_blocked *block_memory_find(const struct block_memory *memory, struct slice url,
                                                uint64_t generation, uint64_t now_ns)
{
    uint8_t digest[16];

    if (memory->used == 0 || url.len == 0) {
        return NULL;
    }
    block_memory_digest(url, digest);
    for (uint32_t i = 0; i < memory->used; i++) {
        const struct message_blocked *entry = &memory->entries[i];

        if (entry->generation == generation && entry->expires_ns > now_ns &&
            memcmp(entry->digest, digest, sizeof(digest)) == 0) {
            return entry;
        }
    }
    return NULL;
}
