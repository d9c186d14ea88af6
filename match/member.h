#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * member - what a container says of its members, against the definitions.
 *
 * Role: signatures that look at names, sizes and checksums of members rather than at their bytes
 * (.cdb), and passwords to try on encrypted ones (.pwdb). Owner: whoever unpacks; opened over a
 * match_db, which it borrows. Memory: compiled expressions, taken by match_db_open_members; finding
 * may allocate (POSIX regexec does), so this belongs to processes that unpack. Limits: names are
 * looked at up to MEMBER_NAME_MAX bytes.
 */
#include "match/match.h"

#define MEMBER_NAME_MAX 4096
#define MEMBER_UNKNOWN  UINT64_MAX /* A size that the container does not tell. */

struct member_db;

struct member {
    uint16_t container; /* enum cl_type */
    uint64_t container_size;
    struct slice name;
    uint64_t packed_size;
    uint64_t real_size;
    uint32_t position; /* The first is 1. */
    bool encrypted;
    bool has_crc;
    uint32_t crc;
};

MUST_CHECK int match_db_open_members(struct member_db **out_members, const struct match_db *db);
void match_db_close_members(struct member_db *members);

/* The first signature that fits; false when none does. Strings of `out` live as long as the db. */
bool member_find(const struct member_db *members, const struct member *member,
                 struct match_finding *out);

/*
 * The passwords for a type of container, one after the other: `*at` is 0 at first and belongs to
 * this function. False when there are no more.
 */
bool member_next_password(const struct member_db *members, uint16_t container, uint32_t *at,
                          struct slice *out_password);
