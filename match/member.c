/* SPDX-License-Identifier: MIT */
#include "match/member.h"

#include "base/err.h"
#include "match/build.h"
#include "match/cl_type.h"
#include "match/match_private.h"
#include "match/threat.h"

#include <regex.h>
#include <stdlib.h>

struct member_db {
    const struct layout *layout;
    uint32_t len;
    uint32_t compiled; /* Of `expressions`, as far as open came. */
    regex_t *expressions;
};

static bool member_has_name(const struct layout_member *row)
{
    return row->name != PROGRAM_NONE;
}

static int match_db_open_expressions(struct member_db *members)
{
    for (; members->compiled < members->len; members->compiled++) {
        const struct layout_member *row = &members->layout->members[members->compiled];

        if (member_has_name(row) &&
            regcomp(&members->expressions[members->compiled],
                    members->layout->member_texts + row->name, REG_EXTENDED | REG_NOSUB) != 0) {
            return ERR_NEW(-EBADMSG);
        }
    }
    return 0;
}

int match_db_open_members(struct member_db **out_members, const struct match_db *db)
{
    struct member_db *members = calloc(1, sizeof(*members));
    int r;

    if (members == NULL) {
        return ERR_NEW(-ENOMEM);
    }
    members->layout = &db->layout;
    members->len = db->layout.len[LAYOUT_MEMBERS];
    members->expressions = calloc((size_t)members->len + 1, sizeof(*members->expressions));
    r = members->expressions != NULL ? match_db_open_expressions(members) : ERR_NEW(-ENOMEM);
    if (r < 0) {
        match_db_close_members(members);
        return ERR_PASS(r);
    }
    *out_members = members;
    return 0;
}

void match_db_close_members(struct member_db *members)
{
    if (members == NULL) {
        return;
    }
    for (uint32_t i = 0; i < members->compiled; i++) {
        if (member_has_name(&members->layout->members[i])) {
            regfree(&members->expressions[i]);
        }
    }
    free(members->expressions);
    free(members);
}

static bool member_is_within(uint64_t number, uint64_t min, uint64_t max)
{
    return number >= min && number <= max;
}

static bool member_fits_container(uint16_t wanted, uint16_t container)
{
    return wanted == CL_TYPE_ANY || wanted == container;
}

static bool member_fits_numbers(const struct layout_member *row, const struct member *member)
{
    return member_is_within(member->container_size, row->container_min, row->container_max) &&
           member_is_within(member->packed_size, row->packed_min, row->packed_max) &&
           member_is_within(member->real_size, row->real_min, row->real_max) &&
           member_is_within(member->position, row->position_min, row->position_max) &&
           (!row->has_crc || (member->has_crc && member->crc == row->crc));
}

static bool member_fits_encryption(const struct layout_member *row, const struct member *member)
{
    return row->encrypted == MATCH_ENCRYPTED_EITHER ||
           (row->encrypted == MATCH_ENCRYPTED_YES) == member->encrypted;
}

/* With a NUL at its end and none before it, as the library wants it. */
static void member_copy_name(struct slice name, char out[MEMBER_NAME_MAX + 1])
{
    const size_t len = MIN_OF(name.len, (size_t)MEMBER_NAME_MAX);

    for (size_t i = 0; i < len; i++) {
        out[i] = name.ptr[i] != '\0' ? (char)name.ptr[i] : '?';
    }
    out[len] = '\0';
}

static bool member_fits(const struct member_db *members, uint32_t index,
                        const struct member *member, const char *name)
{
    const struct layout_member *row = &members->layout->members[index];

    return member_fits_container(row->container, member->container) &&
           member_fits_numbers(row, member) && member_fits_encryption(row, member) &&
           (!member_has_name(row) || regexec(&members->expressions[index], name, 0, NULL, 0) == 0);
}

bool member_find(const struct member_db *members, const struct member *member,
                 struct match_finding *out)
{
    const struct layout *layout = members->layout;
    char name[MEMBER_NAME_MAX + 1];

    member_copy_name(member->name, name);
    for (uint32_t i = 0; i < members->len; i++) {
        if (member_fits(members, i, member, name)) {
            threat_describe(layout, layout->members[i].threat, LAYOUT_NO_NUMBER, NULL, out);
            return true;
        }
    }
    return false;
}

bool member_next_password(const struct member_db *members, uint16_t container, uint32_t *at,
                          struct slice *out_password)
{
    const struct layout *layout = members->layout;

    while (*at < layout->len[LAYOUT_PASSWORDS]) {
        const struct layout_password *row = &layout->passwords[(*at)++];

        if (member_fits_container(row->container, container)) {
            *out_password = slice_from(layout->member_texts + row->text, row->len);
            return true;
        }
    }
    return false;
}
