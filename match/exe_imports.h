#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * exe_imports - the functions that a PE imports, as they are hashed.
 *
 * Role: walks the table of imports and gives one piece of the normalised list at a time,
 * "kernel32.exitprocess,user32.messageboxa": small letters, libraries without ".dll", ".ocx" or
 * ".sys", functions without a name as "ord" and their number, or by name where every version of the
 * library exports them at that number. The details follow ClamAV as its tools were seen to behave:
 * a function's name that is not made of letters, digits, `_` and `.` spoils the list, and so does
 * a table that is not all there. Hashing the list is the caller's. Owner: the caller's struct; no
 * other memory. Limits: those below; what lies beyond them is left out.
 */
#include "match/exe.h"

#define EXE_LIBRARIES_MAX 1024
#define EXE_IMPORTS_MAX   65536
#define EXE_NAME_MAX      256

struct exe_imports {
    const struct exe *exe;
    uint64_t body_len;
    uint64_t library_at; /* The next descriptor. */
    uint64_t thunk_at;   /* The next function of the library at hand; 0: there is none. */
    uint32_t libraries;  /* Left. */
    uint32_t functions;
    uint32_t library_len;
    bool failed; /* There is no list. */
    uint8_t library[EXE_NAME_MAX];
    uint8_t piece[2 * EXE_NAME_MAX + 2];
};

void exe_imports_init(struct exe_imports *imports, const struct exe *exe, uint64_t body_len);

/*
 * The next piece of the list, commas included, valid until the next call; false at its end, where
 * `failed` says whether it was one. A piece may be empty, so that one call is short.
 */
MUST_CHECK bool exe_imports_next(struct exe_imports *imports, struct peek *peek, struct slice *out);

/*
 * What the library exports at this number in all versions, or NULL. `library` in small letters,
 * with its extension.
 */
const char *exe_ordinal_name(struct slice library, uint16_t ordinal);
