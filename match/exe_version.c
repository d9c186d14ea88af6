/* SPDX-License-Identifier: MIT */
/*
 * The resources of a PE are a tree of three levels: type, name, language. Each leaf of type
 * RESOURCE_VERSION is a block of version information, itself a tree of nodes:
 *
 *     VS_VERSION_INFO (fixed part) ─► StringFileInfo ─► table ─► string: key, value
 *                                  └► VarFileInfo
 *
 * A node is its length, its value's length and type (16 bits each), a key that ends with a zero,
 * and, each from an offset divisible by four on, a value and further nodes.
 */
#include "match/exe.h"

#include "match/exe_cursor.h"

#define RESOURCE_VERSION     16
#define RESOURCE_SUBTREE     0x80000000U
#define RESOURCE_LEVELS      3
#define RESOURCE_ENTRIES_MAX 4096 /* Looked at in all. */
#define RESOURCE_BLOCKS_MAX  16

#define VERSION_NODE_HEAD  6
#define VERSION_FIXED_LEN  52
#define VERSION_FIXED_SIGN 0xfeef04bd

struct version_job {
    const struct exe *exe;
    struct exe_cursor cursor;
    uint64_t *out;
    uint32_t out_len;
    uint32_t entries; /* Looked at so far. */
    uint32_t blocks;
};

struct version_node {
    uint64_t at;
    uint64_t end;
    uint32_t value_len; /* As the header says. */
    uint64_t key_end;   /* Behind the key's zero. */
};

static uint64_t version_round(uint64_t at, uint64_t block)
{
    return at + (-(at - block) & 3);
}

/* False at the end of `parent_end`, or at what cannot be a node. */
static bool version_read_node(struct version_job *job, uint64_t at, uint64_t parent_end,
                              struct version_node *out)
{
    if (at > parent_end || parent_end - at < VERSION_NODE_HEAD) {
        return false;
    }
    const uint64_t len = exe_cursor_u16_at(&job->cursor, at);

    *out = (struct version_node){.at = at, .end = at + len};
    out->value_len = exe_cursor_u16(&job->cursor);
    if (len < VERSION_NODE_HEAD || len > parent_end - at) {
        return false;
    }
    job->cursor.at = at + VERSION_NODE_HEAD;
    while (job->cursor.at + 2 <= out->end) {
        if (exe_cursor_u16(&job->cursor) == 0) {
            out->key_end = job->cursor.at;
            return !job->cursor.bad;
        }
    }
    return false;
}

/* Whether the node's key is this text. */
static bool version_has_key(struct version_job *job, const struct version_node *node,
                            const char *key)
{
    const size_t len = strlen(key);

    if (node->key_end != node->at + VERSION_NODE_HEAD + 2 * (len + 1)) {
        return false;
    }
    job->cursor.at = node->at + VERSION_NODE_HEAD;
    for (size_t i = 0; i < len; i++) {
        if (exe_cursor_u16(&job->cursor) != (uint8_t)key[i]) {
            return false;
        }
    }
    return true;
}

/* The next sibling of a node; false when there is none, or when this one is not rounded. */
static bool version_go_on(const struct version_node *node, uint64_t block, uint64_t parent_end,
                          uint64_t *at)
{
    *at = version_round(node->end, block);
    return *at <= parent_end;
}

/* False when the block ends here: at a string, the last one too, whose length is not rounded. */
static bool version_take_strings(struct version_job *job, const struct version_node *table,
                                 uint64_t block)
{
    struct version_node string;
    uint64_t at = version_round(table->key_end, block);

    while (job->out_len < EXE_VERSIONS_MAX && version_read_node(job, at, table->end, &string)) {
        if (!version_go_on(&string, block, table->end, &at)) {
            return false;
        }
        /* One without a value says nothing. */
        if (version_round(string.key_end, block) < string.end) {
            job->out[job->out_len++] = string.at + VERSION_NODE_HEAD;
        }
    }
    return true;
}

static bool version_take_tables(struct version_job *job, const struct version_node *info,
                                uint64_t block)
{
    struct version_node table;
    uint64_t at = version_round(info->key_end, block);

    while (version_read_node(job, at, info->end, &table)) {
        if (!version_take_strings(job, &table, block) ||
            !version_go_on(&table, block, info->end, &at)) {
            return false;
        }
    }
    return true;
}

static void version_take_block(struct version_job *job, uint64_t block, uint32_t len)
{
    const uint64_t room = block < job->cursor.end ? job->cursor.end - block : 0;
    struct version_node root;
    struct version_node info;

    if (!version_read_node(job, block, block + MIN_OF(room, (uint64_t)len), &root) ||
        !version_has_key(job, &root, "VS_VERSION_INFO") || root.value_len != VERSION_FIXED_LEN) {
        return;
    }
    uint64_t at = version_round(root.key_end, block);

    if (exe_cursor_u32_at(&job->cursor, at) != VERSION_FIXED_SIGN) {
        return;
    }
    at += VERSION_FIXED_LEN;
    while (version_read_node(job, at, root.end, &info)) {
        if (version_has_key(job, &info, "StringFileInfo") &&
            !version_take_tables(job, &info, block)) {
            return;
        }
        at = version_round(info.end, block);
    }
}

static void version_take_leaf(struct version_job *job, uint64_t address)
{
    uint64_t at;

    if (job->blocks == RESOURCE_BLOCKS_MAX ||
        !exe_find_address(job->exe, job->cursor.end, address, &at)) {
        return;
    }
    const uint32_t block = exe_cursor_u32_at(&job->cursor, at);
    const uint32_t len = exe_cursor_u32(&job->cursor);

    if (!job->cursor.bad && exe_find_address(job->exe, job->cursor.end, block, &at)) {
        job->blocks++;
        version_take_block(job, at, len);
    }
}

struct resource_entry {
    uint32_t id;
    uint32_t offset;
};

struct resource_directory {
    uint64_t at; /* The next entry. */
    uint32_t left;
};

static bool resource_open(struct version_job *job, uint32_t offset, struct resource_directory *out)
{
    const uint32_t base = job->exe->directories[EXE_DIRECTORY_RESOURCE].address;

    if (!exe_find_address(job->exe, job->cursor.end, (uint64_t)base + offset, &out->at)) {
        return false;
    }
    out->left = exe_cursor_u16_at(&job->cursor, out->at + 12);
    out->left += exe_cursor_u16(&job->cursor);
    out->at += 16;
    return !job->cursor.bad;
}

/* False behind the last one, and when enough was looked at. */
static bool resource_next(struct version_job *job, struct resource_directory *directory,
                          struct resource_entry *out)
{
    if (directory->left == 0 || job->entries == RESOURCE_ENTRIES_MAX) {
        return false;
    }
    out->id = exe_cursor_u32_at(&job->cursor, directory->at);
    out->offset = exe_cursor_u32(&job->cursor);
    directory->at += 8;
    directory->left--;
    job->entries++;
    return !job->cursor.bad;
}

/* Every leaf below type RESOURCE_VERSION, whatever its name and language. */
static void resource_walk(struct version_job *job)
{
    const uint32_t base = job->exe->directories[EXE_DIRECTORY_RESOURCE].address;
    struct resource_directory levels[RESOURCE_LEVELS];
    struct resource_entry entry;
    unsigned depth = 0;

    if (!resource_open(job, 0, &levels[0])) {
        return;
    }
    for (;;) {
        if (!resource_next(job, &levels[depth], &entry)) {
            if (depth == 0) {
                return;
            }
            depth--;
            continue;
        }
        const bool subtree = entry.offset & RESOURCE_SUBTREE;
        const bool last = depth == RESOURCE_LEVELS - 1;

        if ((depth == 0 && entry.id != RESOURCE_VERSION) || subtree == last) {
            continue;
        }
        if (last) {
            version_take_leaf(job, (uint64_t)base + entry.offset);
        } else if (resource_open(job, entry.offset & ~RESOURCE_SUBTREE, &levels[depth + 1])) {
            depth++;
        }
        job->cursor.bad = false;
    }
}

uint32_t exe_find_versions(const struct exe *exe, struct peek *peek, uint64_t body_len,
                           uint64_t out[EXE_VERSIONS_MAX])
{
    struct version_job job = {.exe = exe, .cursor = {.peek = peek, .end = body_len}};

    job.out = out;
    if (exe->kind == EXE_PE && exe->directories[EXE_DIRECTORY_RESOURCE].len > 0) {
        resource_walk(&job);
    }
    return job.out_len;
}
