/* SPDX-License-Identifier: MIT */
#include "tests/tools/make_exe.h"

#include <stdio.h>

#define MAKE_SECTIONS_MAX 40
#define MAKE_PART_CAP     8192

/* Bytes that are written one after the other. */
struct make_out {
    uint8_t *ptr;
    size_t cap;
    size_t len;
    bool big;
    bool full;
};

static void make_bytes(struct make_out *out, const void *bytes, size_t len)
{
    if (len > out->cap - out->len) {
        out->full = true;
        return;
    }
    if (len > 0) {
        memcpy(out->ptr + out->len, bytes, len);
    }
    out->len += len;
}

static void make_number(struct make_out *out, uint64_t value, unsigned len)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < len; i++) {
        bytes[out->big ? len - 1 - i : i] = (uint8_t)(value >> 8 * i);
    }
    make_bytes(out, bytes, len);
}

/* Many numbers of one length. */
static void make_numbers(struct make_out *out, unsigned len, const uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        make_number(out, values[i], len);
    }
}

#define MAKE_NUMBERS(out, len, ...)                                                                \
    make_numbers(out, len, (const uint64_t[]){__VA_ARGS__},                                        \
                 sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void make_pad(struct make_out *out, size_t to)
{
    while (out->len < to && !out->full) {
        make_bytes(out, "", 1);
    }
}

static void make_align(struct make_out *out, size_t unit)
{
    make_pad(out, (out->len + unit - 1) / unit * unit);
}

/* ---- Version information ---- */

static void make_wide(struct make_out *out, const char *text)
{
    do {
        make_number(out, (uint8_t)*text, 2);
    } while (*text++);
}

/* Begins a node; its length is written by make_node_end. */
static size_t make_node(struct make_out *out, const char *key, size_t value_len, bool text)
{
    const size_t at = out->len;

    MAKE_NUMBERS(out, 2, 0, value_len, text);
    make_wide(out, key);
    make_align(out, 4);
    return at;
}

static void make_node_end(struct make_out *out, size_t at)
{
    struct make_out place = {.ptr = out->ptr + at, .cap = 2};

    make_number(&place, out->len - at, 2);
    make_align(out, 4);
}

static void make_versions(const struct make_exe *exe, struct make_out *out)
{
    const size_t root = make_node(out, "VS_VERSION_INFO", 52, false);

    MAKE_NUMBERS(out, 4, 0xfeef04bd, 0x10000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    const size_t info = make_node(out, "StringFileInfo", 0, true);
    const size_t table = make_node(out, "040904b0", 0, true);

    for (size_t i = 0; i < exe->versions_len; i++) {
        const size_t at =
            make_node(out, exe->versions[i].key, strlen(exe->versions[i].value) + 1, true);

        make_wide(out, exe->versions[i].value);
        make_align(out, 4);
        make_node_end(out, at);
    }
    make_node_end(out, table);
    make_node_end(out, info);
    make_node_end(out, root);
}

/* The tree of resources: one type, one name, one language. */
static void make_resources(const struct make_exe *exe, struct make_out *out, uint32_t address)
{
    static const uint32_t ids[] = {16, 1, 0x409};
    const size_t leaf = ARRAY_LEN(ids) * 24;

    for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
        const bool last = i + 1 == ARRAY_LEN(ids);

        MAKE_NUMBERS(out, 2, 0, 0, 0, 0, 0, 0, 0, 1);
        MAKE_NUMBERS(out, 4, ids[i], last ? leaf : 0x80000000 | (24 * (i + 1)));
    }
    const size_t at = out->len;

    MAKE_NUMBERS(out, 4, address + leaf + 16, 0, 0, 0);
    const size_t from = out->len;

    make_versions(exe, out);
    struct make_out place = {.ptr = out->ptr + at + 4, .cap = 4};

    make_number(&place, out->len - from, 4);
}

/* ---- Imports ---- */

static bool make_is_first(const struct make_exe *exe, size_t row)
{
    return row == 0 || strcmp(exe->imports[row].library, exe->imports[row - 1].library) != 0;
}

static size_t make_libraries(const struct make_exe *exe)
{
    size_t libraries = 0;

    for (size_t i = 0; i < exe->imports_len; i++) {
        libraries += make_is_first(exe, i);
    }
    return libraries;
}

/* Descriptors, then a table of functions for each library, then names. */
static void make_imports(const struct make_exe *exe, struct make_out *out, uint32_t address)
{
    const unsigned word = exe->is_64 ? 8 : 4;
    const size_t libraries = make_libraries(exe);
    uint8_t names[MAKE_PART_CAP];
    uint8_t thunks[MAKE_PART_CAP];
    struct make_out text = {.ptr = names, .cap = sizeof(names)};
    struct make_out table = {.ptr = thunks, .cap = sizeof(thunks)};
    const size_t table_at = address + 20 * (libraries + 1);
    const size_t text_at = table_at + word * (exe->imports_len + libraries);

    for (size_t i = 0; i < exe->imports_len; i++) {
        const struct make_exe_import *import = &exe->imports[i];

        if (make_is_first(exe, i)) {
            if (i > 0) {
                make_number(&table, 0, word);
            }
            MAKE_NUMBERS(out, 4, table_at + table.len, 0, 0, text_at + text.len,
                         table_at + table.len);
            make_bytes(&text, import->library, strlen(import->library) + 1);
        }
        if (import->name) {
            make_number(&table, text_at + text.len, word);
            make_number(&text, 0, 2);
            make_bytes(&text, import->name, strlen(import->name) + 1);
        } else {
            make_number(&table, import->ordinal | 1ULL << (8 * word - 1), word);
        }
    }
    make_number(&table, 0, word);
    MAKE_NUMBERS(out, 4, 0, 0, 0, 0, 0);
    make_bytes(out, thunks, table.len);
    make_bytes(out, names, text.len);
    out->full |= text.full || table.full;
}

/* ---- Places ---- */

struct make_place {
    size_t at;
    size_t len;
    uint32_t address;
};

struct make_plan {
    struct make_place places[MAKE_SECTIONS_MAX];
    size_t len;
    uint8_t resources[MAKE_PART_CAP];
    size_t resources_len;
    uint8_t imports[MAKE_PART_CAP];
    size_t imports_len;
};

static uint32_t plan_next_address(const struct make_plan *plan)
{
    const struct make_place *last = plan->len > 0 ? &plan->places[plan->len - 1] : NULL;
    const size_t end = last ? last->address + last->len : 0;

    return (uint32_t)MAX_OF((end + MAKE_EXE_ADDRESS - 1) / MAKE_EXE_ADDRESS * MAKE_EXE_ADDRESS,
                            (size_t)MAKE_EXE_ADDRESS);
}

static size_t make_round(size_t len)
{
    return (len + MAKE_EXE_ALIGN - 1) / MAKE_EXE_ALIGN * MAKE_EXE_ALIGN;
}

static void plan_add(struct make_plan *plan, size_t len)
{
    const struct make_place *last = plan->len > 0 ? &plan->places[plan->len - 1] : NULL;
    const struct make_place place = {
        .at = last ? last->at + last->len : MAKE_EXE_HEAD,
        .len = make_round(len),
        .address = plan_next_address(plan),
    };

    plan->places[plan->len++] = place;
}

static bool plan_init(struct make_plan *plan, const struct make_exe *exe)
{
    struct make_out resources = {.ptr = plan->resources, .cap = sizeof(plan->resources)};
    struct make_out imports = {.ptr = plan->imports, .cap = sizeof(plan->imports)};

    plan->len = 0;
    if (exe->sections_len + 2 > MAKE_SECTIONS_MAX) {
        return false;
    }
    for (size_t i = 0; i < exe->sections_len; i++) {
        plan_add(plan, exe->sections[i].len);
    }
    if (exe->versions_len > 0) {
        make_resources(exe, &resources, plan_next_address(plan));
        plan_add(plan, resources.len);
    }
    if (exe->imports_len > 0) {
        make_imports(exe, &imports, plan_next_address(plan));
        plan_add(plan, imports.len);
    }
    plan->resources_len = resources.len;
    plan->imports_len = imports.len;
    return !resources.full && !imports.full;
}

size_t make_exe_section(const struct make_exe *exe, size_t index)
{
    size_t at = MAKE_EXE_HEAD;

    for (size_t i = 0; i < index; i++) {
        at += make_round(exe->sections[i].len);
    }
    return at;
}

/* ---- Headers ---- */

static void make_pe_directories(const struct make_exe *exe, const struct make_plan *plan,
                                struct make_out *out)
{
    const struct make_place *imports = &plan->places[plan->len - (exe->imports_len > 0)];
    const struct make_place *resources = &plan->places[exe->sections_len];

    for (unsigned i = 0; i < 16; i++) {
        if (i == 1 && exe->imports_len > 0) {
            MAKE_NUMBERS(out, 4, imports->address, 20 * (make_libraries(exe) + 1));
        } else if (i == 2 && exe->versions_len > 0) {
            MAKE_NUMBERS(out, 4, resources->address, plan->resources_len);
        } else {
            MAKE_NUMBERS(out, 4, 0, 0);
        }
    }
}

static void make_pe(const struct make_exe *exe, const struct make_plan *plan, struct make_out *out)
{
    const unsigned word = exe->is_64 ? 8 : 4;

    make_bytes(out, "MZ", 2);
    make_pad(out, 60);
    make_number(out, 128, 4);
    make_pad(out, 128);
    make_bytes(out, "PE\0\0", 4);
    MAKE_NUMBERS(out, 2, exe->is_64 ? 0x8664 : 0x14c, plan->len);
    MAKE_NUMBERS(out, 4, 0, 0, 0);
    MAKE_NUMBERS(out, 2, (exe->is_64 ? 112 : 96) + 128, 0x102, exe->is_64 ? 0x20b : 0x10b, 0x0e);
    MAKE_NUMBERS(out, 4, MAKE_EXE_ALIGN, MAKE_EXE_ALIGN, 0, MAKE_EXE_ADDRESS + exe->entry,
                 MAKE_EXE_ADDRESS);
    if (!exe->is_64) {
        make_number(out, 0, 4);
    }
    make_number(out, 0x400000, word);
    MAKE_NUMBERS(out, 4, MAKE_EXE_ADDRESS, MAKE_EXE_ALIGN);
    MAKE_NUMBERS(out, 2, 6, 0, 0, 0, 6, 0);
    MAKE_NUMBERS(out, 4, 0, plan_next_address(plan), MAKE_EXE_HEAD, 0);
    MAKE_NUMBERS(out, 2, 3, 0);
    MAKE_NUMBERS(out, word, 0x100000, 0x1000, 0x100000, 0x1000);
    MAKE_NUMBERS(out, 4, 0, 16);
    make_pe_directories(exe, plan, out);
    for (size_t i = 0; i < plan->len; i++) {
        const struct make_place *place = &plan->places[i];

        make_bytes(out, ".data\0\0", 8);
        MAKE_NUMBERS(out, 4, place->len, place->address, place->len, place->at, 0, 0, 0,
                     0xe0000020);
    }
}

static void make_elf(const struct make_exe *exe, const struct make_plan *plan, struct make_out *out)
{
    const unsigned word = exe->is_64 ? 8 : 4;
    const size_t head = exe->is_64 ? 64 : 52;
    const size_t segment = exe->is_64 ? 56 : 32;
    const size_t base = 0x400000;

    make_bytes(out, "\177ELF", 4);
    MAKE_NUMBERS(out, 1, exe->is_64 ? 2 : 1, exe->big_endian ? 2 : 1, 1);
    make_pad(out, 16);
    MAKE_NUMBERS(out, 2, 2, exe->is_64 ? 62 : 3);
    make_number(out, 1, 4);
    MAKE_NUMBERS(out, word, base + MAKE_EXE_HEAD + exe->entry, head, head + segment);
    make_number(out, 0, 4);
    MAKE_NUMBERS(out, 2, head, segment, 1, exe->is_64 ? 64 : 40, plan->len, 0);
    const size_t len = plan->len > 0
                           ? plan->places[plan->len - 1].at + plan->places[plan->len - 1].len
                           : MAKE_EXE_HEAD + 1;

    make_number(out, 1, 4);
    if (exe->is_64) {
        make_number(out, 5, 4);
    }
    MAKE_NUMBERS(out, word, 0, base, base, len, len);
    if (!exe->is_64) {
        make_number(out, 5, 4);
    }
    make_number(out, 0x1000, word);
    for (size_t i = 0; i < plan->len; i++) {
        MAKE_NUMBERS(out, 4, 0, 1);
        MAKE_NUMBERS(out, word, 6, base + plan->places[i].at, plan->places[i].at,
                     plan->places[i].len);
        MAKE_NUMBERS(out, 4, 0, 0);
        MAKE_NUMBERS(out, word, 16, 0);
    }
}

/* One segment, and for PowerPC the registers of the first thread. */
static void make_macho(const struct make_exe *exe, const struct make_plan *plan,
                       struct make_out *out)
{
    const unsigned word = exe->is_64 ? 8 : 4;
    const size_t base = 0x100000;
    const size_t segment = (exe->is_64 ? 72 : 56) + plan->len * (exe->is_64 ? 80 : 68);
    const uint64_t cpu = (exe->is_64 ? 0x01000000 : 0) | (exe->big_endian ? 18 : 7);
    const char name[16] = "__TEXT";

    MAKE_NUMBERS(out, 4, exe->is_64 ? 0xfeedfacf : 0xfeedface, cpu, 3, 2, 2,
                 segment + 16 + 2 * word, 1);
    if (exe->is_64) {
        make_number(out, 0, 4);
    }
    MAKE_NUMBERS(out, 4, exe->is_64 ? 0x19 : 1, segment);
    make_bytes(out, name, sizeof(name));
    MAKE_NUMBERS(out, word, base, 0x100000, 0, 0x100000);
    MAKE_NUMBERS(out, 4, 7, 5, plan->len, 0);
    for (size_t i = 0; i < plan->len; i++) {
        make_bytes(out, name, sizeof(name));
        make_bytes(out, name, sizeof(name));
        MAKE_NUMBERS(out, word, base + plan->places[i].at, plan->places[i].len);
        MAKE_NUMBERS(out, 4, plan->places[i].at, 0, 0, 0, 0, 0, 0);
        if (exe->is_64) {
            make_number(out, 0, 4);
        }
    }
    MAKE_NUMBERS(out, 4, 5, 16 + 2 * word, 1, 2 * word / 4);
    MAKE_NUMBERS(out, word, base + MAKE_EXE_HEAD + exe->entry, 0);
}

size_t make_exe_write(const struct make_exe *exe, uint8_t *bytes, size_t cap)
{
    struct make_out out = {
        .ptr = bytes, .cap = cap, .big = exe->big_endian && exe->kind != MAKE_EXE_PE};
    struct make_plan plan;

    if (!plan_init(&plan, exe)) {
        return 0;
    }
    if (exe->kind == MAKE_EXE_PE) {
        make_pe(exe, &plan, &out);
    } else if (exe->kind == MAKE_EXE_ELF) {
        make_elf(exe, &plan, &out);
    } else {
        make_macho(exe, &plan, &out);
    }
    if (out.len > MAKE_EXE_HEAD) {
        return 0;
    }
    make_pad(&out, MAKE_EXE_HEAD);
    for (size_t i = 0; i < exe->sections_len; i++) {
        make_bytes(&out, exe->sections[i].ptr, exe->sections[i].len);
        make_align(&out, MAKE_EXE_ALIGN);
    }
    make_bytes(&out, plan.resources, plan.resources_len);
    make_align(&out, MAKE_EXE_ALIGN);
    make_bytes(&out, plan.imports, plan.imports_len);
    make_align(&out, MAKE_EXE_ALIGN);
    return out.full ? 0 : out.len;
}
