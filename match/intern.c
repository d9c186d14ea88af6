/* SPDX-License-Identifier: MIT */
#include "match/intern.h"

#include "base/err.h"

struct intern_entry {
    size_t at;
    size_t len;
    uint64_t hash;
};

/* FNV-1a. */
static uint64_t intern_hash(struct slice bytes)
{
    uint64_t hash = 14695981039346656037ULL;

    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ bytes.ptr[i]) * 1099511628211ULL;
    }
    return hash ^ hash >> 32;
}

void intern_init(struct intern *intern)
{
    *intern = (struct intern){.entries = VEC_OF(struct intern_entry), .bytes = VEC_OF(uint8_t)};
}

void intern_free(struct intern *intern)
{
    vec_free(&intern->entries);
    vec_free(&intern->bytes);
    free(intern->slots);
    intern_init(intern);
}

struct slice intern_at(const struct intern *intern, uint32_t index)
{
    const struct intern_entry *entry = vec_at(&intern->entries, index);

    return slice_from(vec_at(&intern->bytes, entry->at), entry->len);
}

uint32_t intern_offset(const struct intern *intern, uint32_t index)
{
    const struct intern_entry *entry = vec_at(&intern->entries, index);

    return (uint32_t)entry->at;
}

/* The slot of these bytes, or the free one where they belong. */
static uint32_t *intern_slot(const struct intern *intern, struct slice bytes, uint64_t hash)
{
    for (size_t at = hash;; at++) {
        uint32_t *slot = &intern->slots[at & (intern->slots_len - 1)];

        if (*slot == 0) {
            return slot;
        }
        const struct intern_entry *entry = vec_at(&intern->entries, *slot - 1);

        if (entry->hash == hash && slice_equal(intern_at(intern, *slot - 1), bytes)) {
            return slot;
        }
    }
}

static int intern_grow(struct intern *intern)
{
    const size_t len = intern->slots_len ? intern->slots_len * 2 : 64;
    uint32_t *slots = calloc(len, sizeof(*slots));

    if (!slots) {
        return ERR_NEW(-ENOMEM);
    }
    free(intern->slots);
    intern->slots = slots;
    intern->slots_len = len;
    for (size_t i = 0; i < intern->entries.len; i++) {
        const struct intern_entry *entry = vec_at(&intern->entries, i);

        *intern_slot(intern, intern_at(intern, (uint32_t)i), entry->hash) = (uint32_t)i + 1;
    }
    return 0;
}

int intern_add(struct intern *intern, struct slice bytes, uint32_t *out_index)
{
    const struct intern_entry entry = {intern->bytes.len, bytes.len, intern_hash(bytes)};

    if ((intern->entries.len + 1) * 2 > intern->slots_len) {
        const int r = intern_grow(intern);

        if (r) {
            return ERR_PASS(r);
        }
    }
    uint32_t *slot = intern_slot(intern, bytes, entry.hash);

    if (*slot == 0) {
        if (!vec_append(&intern->bytes, bytes.ptr, bytes.len) ||
            !vec_append(&intern->entries, &entry, 1)) {
            return ERR_NEW(-ENOMEM);
        }
        *slot = (uint32_t)intern->entries.len;
    }
    *out_index = *slot - 1;
    return 0;
}

bool intern_find(const struct intern *intern, struct slice bytes, uint32_t *out_index)
{
    if (intern->slots_len == 0) {
        return false;
    }
    const uint32_t slot = *intern_slot(intern, bytes, intern_hash(bytes));

    if (slot == 0) {
        return false;
    }
    *out_index = slot - 1;
    return true;
}
