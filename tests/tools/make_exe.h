#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * make_exe - the smallest executables that a matcher takes for such.
 *
 * Role: carriers for tests: PE, ELF and Mach-O files with given sections, for a PE also version
 * information and imports. They are not made to run. Memory: the caller's. Everything is where
 * make_exe_section says, so a test knows which offsets to expect.
 */
#include "base/slice.h"

enum make_exe_kind {
    MAKE_EXE_PE,
    MAKE_EXE_ELF,
    MAKE_EXE_MACHO,
};

struct make_exe_string {
    const char *key;
    const char *value;
};

/* A function by name or, when `name` is NULL, by number; of the library of its row. */
struct make_exe_import {
    const char *library;
    const char *name;
    uint16_t ordinal;
};

#define MAKE_EXE_HEAD  0x1000 /* The first section stands here; the headers before. */
#define MAKE_EXE_ALIGN 0x200  /* Sections are padded with zeros to such pieces. */
#define MAKE_EXE_ADDRESS                                                                           \
    0x1000 /* Of the first section, in a PE; the next are as far apart as in                       \
              the file, rounded up to this. */

struct make_exe {
    enum make_exe_kind kind;
    bool is_64;
    bool big_endian; /* ELF and Mach-O. */
    uint32_t entry;  /* Counted from the first section. */
    const struct slice *sections;
    size_t sections_len;
    const struct make_exe_string *versions; /* A section behind the others, if there are any. */
    size_t versions_len;
    const struct make_exe_import *imports; /* Likewise, behind that; one library's rows together. */
    size_t imports_len;
};

/* Writes the file; returns its length, or 0 when it does not fit. */
size_t make_exe_write(const struct make_exe *exe, uint8_t *out, size_t cap);

/* Where section `index` stands in the file. */
size_t make_exe_section(const struct make_exe *exe, size_t index);
