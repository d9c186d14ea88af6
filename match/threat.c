/* SPDX-License-Identifier: MIT */
#include "match/threat.h"

#include "match/digest.h"

#include <stdio.h>

/* Digits of a number that always fits 32 bits. */
#define THREAT_DIGITS_MAX 9

static bool threat_is_digit(struct slice name, size_t at)
{
    return at < name.len && name.ptr[at] >= '0' && name.ptr[at] <= '9';
}

/*
 * The longest run of digits that is written like a number, and of equal ones the last, since what
 * stands before them tells more families apart.
 */
static struct slice threat_find_number(struct slice name)
{
    struct slice best = {0};

    for (size_t at = 0; at < name.len; at++) {
        size_t from = at;
        size_t to = at;

        while (threat_is_digit(name, to)) {
            to++;
        }
        while (from < to && to - from > 1 &&
               (name.ptr[from] == '0' || to - from > THREAT_DIGITS_MAX)) {
            from++;
        }
        if (to > from && to - from >= best.len) {
            best = slice_from(name.ptr + from, to - from);
        }
        at = to;
    }
    return best;
}

bool threat_split(struct slice name, struct threat_name *out)
{
    const struct slice digits = threat_find_number(name);
    uint64_t number;

    if (name.len >= MATCH_NAME_MAX || digits.len == 0 || !slice_parse_u64(digits, &number) ||
        memchr(name.ptr, THREAT_HOLE, name.len)) {
        return false;
    }
    const size_t before = (size_t)(digits.ptr - name.ptr);
    const size_t behind = name.len - before - digits.len;

    memcpy(out->text, name.ptr, before);
    out->text[before] = THREAT_HOLE;
    memcpy(out->text + before + 1, digits.ptr + digits.len, behind);
    out->len = before + 1 + behind;
    out->number = (uint32_t)number;
    return true;
}

uint32_t threat_default_id(struct slice name)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256_CTX sha256;

    SHA256_Init(&sha256);
    SHA256_Update(&sha256, name.ptr, name.len);
    SHA256_Final(digest, &sha256);
    return ((uint32_t)digest[0] << 24 | (uint32_t)digest[1] << 16 | (uint32_t)digest[2] << 8 |
            digest[3]) >>
           1;
}

void threat_describe(const struct layout *layout, uint32_t threat, uint32_t number,
                     char room[MATCH_NAME_MAX], struct match_finding *out)
{
    const struct layout_threat *row = &layout->threats[threat];
    const char *name = layout->strings + row->name;
    const char *hole = number == LAYOUT_NO_NUMBER ? NULL : strchr(name, THREAT_HOLE);

    *out = (struct match_finding){
        .kind = MATCH_VIRUS,
        .name = name,
        .id = row->id,
        .category = layout->strings + row->category,
        .repair = layout->strings + row->repair,
    };
    if (hole) {
        snprintf(room, MATCH_NAME_MAX, "%.*s%u%s", (int)(hole - name), name, number, hole + 1);
        out->name = room;
        out->id = threat_default_id(slice_from_str(room));
    }
}
