#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * filetype - what kind of file this is, from its first bytes.
 *
 * Role: picks the trigger database (ClamAV target types) and tells excluded or harmless types.
 * Table-driven, one line a type. FILETYPE_PROBE bytes are enough for every entry; fewer (a short
 * body) give the best answer they allow.
 */
#include "base/slice.h"

#define FILETYPE_PROBE    1024
#define FILETYPE_PAGE_MAX 8

/* ClamAV's numbers, as they stand in .ndb files. */
enum match_target {
    MATCH_TARGET_ANY = 0,
    MATCH_TARGET_PE = 1,
    MATCH_TARGET_OLE2 = 2,
    MATCH_TARGET_HTML = 3,
    MATCH_TARGET_MAIL = 4,
    MATCH_TARGET_GRAPHICS = 5,
    MATCH_TARGET_ELF = 6,
    MATCH_TARGET_ASCII = 7,
    MATCH_TARGET_UNUSED = 8,
    MATCH_TARGET_MACHO = 9,
    MATCH_TARGET_PDF = 10,
    MATCH_TARGET_FLASH = 11,
    MATCH_TARGET_JAVA = 12,
    MATCH_TARGET_INTERNAL = 13,
    MATCH_TARGET_OTHER = 14,
    MATCH_TARGET_COUNT = 15,
};

struct filetype {
    const char *name;         /* "zip", "pe", "text". */
    enum match_target target; /* MATCH_TARGET_ANY: only the generic signatures. */
    bool container;           /* Needs unpacking (reported, not done here). */
    bool mime;                /* A MIME message: X-Outer-Container-Is-Mime. */
};

/* Never NULL; static. */
const struct filetype *filetype_detect(struct slice head);

/*
 * Where the first tag stands that makes a page of a text, which may be far behind its beginning;
 * the length when there is none. A tag of FILETYPE_PAGE_MAX bytes may begin in one piece and end in
 * the next.
 */
size_t filetype_find_page(struct slice text);

/* filetype_detect(head)->mime, quick for what does not begin like a message. */
bool filetype_is_mime(struct slice head);
