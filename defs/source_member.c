/* SPDX-License-Identifier: MIT */
/*
 * source_member - lines of .cdb files, what containers say of their members:
 * Name:Container:ContainerSize:FileName:PackedSize:RealSize:Encrypted:Position:Crc:Reserved
 * [:MinLevel[:MaxLevel]], with * for what does not matter.
 */
#include "defs/source_field.h"
#include "match/build.h"
#include "match/cl_type.h"

enum member_field {
    MEMBER_NAME,
    MEMBER_CONTAINER,
    MEMBER_CONTAINER_SIZE,
    MEMBER_FILE_NAME,
    MEMBER_PACKED_SIZE,
    MEMBER_REAL_SIZE,
    MEMBER_ENCRYPTED,
    MEMBER_POSITION,
    MEMBER_CRC,
    MEMBER_RESERVED,
    MEMBER_FIELDS,
};

#define MEMBER_CRC_DIGITS_MAX 8

static bool member_is_any(struct slice field)
{
    return slice_equal(field, SLICE_OF("*"));
}

/* "*", "10" or "10-20". */
static bool member_parse_range(struct slice field, const char *what, struct match_range *out,
                               char reason[SOURCE_REASON_CAP])
{
    uint64_t range[2] = {0, UINT64_MAX};

    if (!member_is_any(field)) {
        if (slice_parse_u64(field, &range[0])) {
            range[1] = range[0];
        } else if (!source_parse_range(field, what, range, reason)) {
            return false;
        }
    }
    *out = (struct match_range){range[0], range[1]};
    return true;
}

static bool member_parse_encrypted(struct slice field, enum match_encrypted *out,
                                   char reason[SOURCE_REASON_CAP])
{
    if (member_is_any(field)) {
        *out = MATCH_ENCRYPTED_EITHER;
        return true;
    }
    if (field.len != 1 || (field.ptr[0] != '0' && field.ptr[0] != '1')) {
        (void)source_refuse(reason, "whether it is encrypted is neither 0, 1 nor *");
        return false;
    }
    *out = field.ptr[0] == '1' ? MATCH_ENCRYPTED_YES : MATCH_ENCRYPTED_NO;
    return true;
}

static bool member_parse_crc(struct slice field, struct match_member *out,
                             char reason[SOURCE_REASON_CAP])
{
    uint8_t padded[MEMBER_CRC_DIGITS_MAX];
    uint8_t bytes[MEMBER_CRC_DIGITS_MAX / 2];

    if (member_is_any(field)) {
        return true;
    }
    memset(padded, '0', sizeof(padded));
    if (field.len > 0 && field.len <= sizeof(padded)) {
        memcpy(padded + sizeof(padded) - field.len, field.ptr, field.len);
    }
    if (field.len == 0 || field.len > sizeof(padded) ||
        !slice_parse_hex(slice_from(padded, sizeof(padded)), bytes, sizeof(bytes))) {
        (void)source_refuse(reason, "the checksum is neither * nor up to 8 hexadecimal digits");
        return false;
    }
    out->has_crc = true;
    out->crc =
        (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return true;
}

static bool member_parse_container(struct slice field, uint16_t *out,
                                   char reason[SOURCE_REASON_CAP])
{
    if (member_is_any(field)) {
        *out = CL_TYPE_ANY;
        return true;
    }
    return source_parse_type(field, out, reason);
}

static bool member_parse(const struct slice *fields, struct match_member *out,
                         char reason[SOURCE_REASON_CAP])
{
    if (!member_is_any(fields[MEMBER_FILE_NAME])) {
        if (fields[MEMBER_FILE_NAME].len == 0) {
            (void)source_refuse(reason, "the expression for the name is empty");
            return false;
        }
        out->expression = fields[MEMBER_FILE_NAME];
    }
    return member_parse_container(fields[MEMBER_CONTAINER], &out->container, reason) &&
           member_parse_range(fields[MEMBER_CONTAINER_SIZE], "the container's size",
                              &out->container_size, reason) &&
           member_parse_range(fields[MEMBER_PACKED_SIZE], "the size in the container",
                              &out->packed_size, reason) &&
           member_parse_range(fields[MEMBER_REAL_SIZE], "the real size", &out->real_size, reason) &&
           member_parse_encrypted(fields[MEMBER_ENCRYPTED], &out->encrypted, reason) &&
           member_parse_range(fields[MEMBER_POSITION], "the position", &out->position, reason) &&
           member_parse_crc(fields[MEMBER_CRC], out, reason);
}

int source_take_member(const struct source *source, struct slice line,
                       char reason[SOURCE_REASON_CAP])
{
    struct slice fields[MEMBER_FIELDS + 2];
    const size_t len = source_split(line, ':', fields, ARRAY_LEN(fields));
    struct match_member member = {.name = fields[MEMBER_NAME]};
    uint64_t min;

    if (len < MEMBER_FIELDS || len > ARRAY_LEN(fields)) {
        return source_refuse(reason, "expected %d fields, with up to two levels behind",
                             MEMBER_FIELDS);
    }
    if (!source_check_word(member.name, SOURCE_NAME_MAX, "name", reason)) {
        return SOURCE_UNUSABLE;
    }

    const int level =
        source_check_levels(fields + MEMBER_FIELDS, len - MEMBER_FIELDS, &min, reason);

    if (level != SOURCE_USED) {
        return level;
    }
    if (!member_parse(fields, &member, reason)) {
        return SOURCE_UNUSABLE;
    }
    return source_fold_built(source->builder, match_builder_add_member(source->builder, &member),
                             reason);
}
