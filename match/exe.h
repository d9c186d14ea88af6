#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * exe - the headers of an executable: entry point, sections, version information, imports.
 *
 * Role: PE (32 and 64 bits), ELF and Mach-O (a universal file: its first architecture), as far as
 * signatures ask: where a signature's offset counts from, and which pieces are hashed. Reads through
 * peek when the body has ended. Owner: the caller's struct; no other memory. Limits: EXE_SECTIONS_MAX
 * sections, EXE_VERSIONS_MAX strings, EXE_IMPORTS_MAX imports; a header that says more, or that
 * contradicts itself, makes the body no executable (`kind` EXE_NONE), never an error.
 */
#include "match/peek.h"

#define EXE_SECTIONS_MAX 96
#define EXE_VERSIONS_MAX 64

enum exe_kind {
    EXE_NONE,
    EXE_PE,
    EXE_ELF,
    EXE_MACHO,
};

struct exe_section {
    uint64_t at;  /* Raw data in the body. */
    uint64_t len; /* Raw data that is there. */
};

struct exe {
    enum exe_kind kind;
    bool is_64;
    bool has_entry;
    uint64_t entry; /* Offset in the body. */
    uint32_t sections_len;
    struct exe_section sections[EXE_SECTIONS_MAX];
};

/* `body_len` is the length of the whole body, all of which can be read. */
void exe_parse(struct exe *out, struct peek *peek, uint64_t body_len);

/* Offsets at which a version string begins; returns how many. Only for EXE_PE. */
uint32_t exe_find_versions(const struct exe *exe, struct peek *peek, uint64_t body_len,
                           uint64_t out[EXE_VERSIONS_MAX]);
