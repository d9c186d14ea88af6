#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * exe - the headers of an executable: entry point, sections, version information, imports.
 *
 * Role: PE (32 and 64 bits), ELF and Mach-O (a universal file: its first architecture), as far as
 * signatures ask: where a signature's offset counts from, and which pieces are hashed. Reads
 * through peek when the body has ended. Owner: the caller's struct; no other memory. Limits: those
 * below and EXE_SECTIONS_MAX sections at hand; a header that says more, or that contradicts itself,
 * makes the body no executable (`kind` EXE_NONE), never an error. What contradicts itself, and
 * where rounding is done, follows ClamAV as its scanner was seen to behave, since signatures were
 * tried there: a PE whose entry point lies in no section is no executable, a Mach-O's entry point
 * is its first byte unless it is for PowerPC.
 */
#include "match/peek.h"

#define EXE_SECTIONS_MAX 256
#define EXE_VERSIONS_MAX 128

/* Program headers of an ELF, commands of a Mach-O, section numbers of both. */
#define EXE_SEGMENTS_MAX       128
#define EXE_COMMANDS_MAX       1024
#define EXE_MACHO_SECTIONS_MAX 255

enum exe_kind {
    EXE_NONE,
    EXE_PE,
    EXE_ELF,
    EXE_MACHO,
};

struct exe_section {
    uint64_t at;      /* Raw data in the body. */
    uint64_t len;     /* Raw data that is there. */
    uint64_t address; /* In memory, for a PE relative to the image's base. */
    uint64_t memory_len;
};

/* An entry of a PE's table of directories. */
struct exe_directory {
    uint32_t address; /* The security directory's: offset in the file. */
    uint32_t len;
};

enum exe_directory_kind {
    EXE_DIRECTORY_EXPORT,
    EXE_DIRECTORY_IMPORT,
    EXE_DIRECTORY_RESOURCE,
    EXE_DIRECTORY_EXCEPTION,
    EXE_DIRECTORY_SECURITY,
    EXE_DIRECTORIES,
};

struct exe {
    enum exe_kind kind;
    bool is_64;
    bool has_entry;          /* Always, unless EXE_NONE. */
    uint64_t entry;          /* Offset in the body. */
    uint32_t sections_total; /* What the header says ... */
    uint32_t sections_len;   /* ... and how many of them are in `sections`. */
    struct exe_section sections[EXE_SECTIONS_MAX];
    struct exe_section last; /* The last of all, if there are any. */
    /* Of a PE. */
    uint64_t header_len; /* So much of the body lies in memory as it is. */
    uint64_t sections_at;
    uint32_t section_align;
    uint32_t file_align;
    struct exe_directory directories[EXE_DIRECTORIES];
};

/* `body_len` is the length of the whole body, all of which can be read. */
void exe_parse(struct exe *out, struct peek *peek, uint64_t body_len);

/* Section `index`, also of those that are not at hand; false when there is no such section. */
MUST_CHECK bool exe_section_at(const struct exe *exe, struct peek *peek, uint64_t body_len,
                               uint32_t index, struct exe_section *out);

/*
 * Where the byte at an address of a PE stands in the body, by the sections at hand; false when
 * nowhere.
 */
MUST_CHECK bool exe_find_address(const struct exe *exe, uint64_t body_len, uint64_t address,
                                 uint64_t *out_at);

/*
 * Offsets at which a version string begins, in the order of the file; returns how many. Only for
 * EXE_PE.
 */
uint32_t exe_find_versions(const struct exe *exe, struct peek *peek, uint64_t body_len,
                           uint64_t out[EXE_VERSIONS_MAX]);
