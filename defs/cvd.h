#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * cvd - ClamAV's packed databases: .cvd (signed by their makers), .cld (patched on this host, with
 * the checksums of their members as the only true ones), .cud (made by users, unsigned).
 *
 * Role: checks a container as a whole, then hands out its members as files of the set: the header
 * of 512 bytes, the MD5 of what follows, the SHA-256 of each member that its list (<name>.info)
 * tells, and the signatures of header, list and detached file with the keys that are trusted. Runs
 * in: the compiler process. Memory: the members, until they are handed over. Limits:
 * CVD_MEMBERS_MAX members of CVD_UNPACKED_MAX bytes in all, which may be CVD_RATIO_MAX times what
 * is read (once they are more than CVD_RATIO_FROM). Nothing of a container that fails a check is
 * handed out.
 */
#include "base/slice.h"

#define CVD_ERROR_CAP    256
#define CVD_NAME_CAP     100 /* What a tar has room for, and a NUL. */
#define CVD_MEMBERS_MAX  256
#define CVD_UNPACKED_MAX GIB(2)
#define CVD_RATIO_MAX    64
#define CVD_RATIO_FROM   MIB(16)
#define CVD_SIGN_MAX     KIB(64)

struct keys;

enum cvd_status {
    CVD_OK,
    CVD_REFUSED, /* The error says why, in one line of plain ASCII. */
};

/* Takes `bytes` (malloc'ed) over, also when it fails. 0 or a negative errno. */
typedef int (*cvd_take_fn)(void *ctx, const char *name, uint8_t *bytes, size_t len);

struct cvd {
    const char *name;        /* Of the file, without folders: "main.cvd". */
    struct slice file;       /* All of it. */
    struct slice signature;  /* The file that cvd_name_signature names; empty when there is none. */
    const struct keys *keys; /* NULL: checksums only. */
    bool require_signature;
};

/*
 * Hands out the members in their order but for the licence and the list, once everything has been
 * checked. With RSA keys among `keys`, a container that is signed in any way must be signed by one
 * of them. Returns an enum cvd_status or a negative errno.
 */
MUST_CHECK int cvd_open(const struct cvd *cvd, cvd_take_fn take, void *ctx,
                        char error[CVD_ERROR_CAP]);

/* The name of the detached signature that may lie beside it: "main-62.cvd.sign". False when the
 * file has no header of the kind. */
MUST_CHECK bool cvd_name_signature(const struct cvd *cvd, char out[CVD_NAME_CAP]);
