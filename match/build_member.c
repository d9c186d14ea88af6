/* SPDX-License-Identifier: MIT */
/* build_member - what containers say of their members, passwords, and bytes that tell types. */
#include "match/builder.h"
#include "match/magic.h"

#include "base/err.h"

#include <regex.h>

#define MEMBER_EXPRESSION_MAX 1024

/* Of nested groups in an expression. */
#define MEMBER_DEPTH_MAX 32

/* Nodes of an expression once its repeats are written out: the library does so when it compiles. */
#define MEMBER_NODES_MAX 16384

static int member_refuse(struct match_builder *builder, const char *why)
{
    return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN, why);
}

static int member_add_text(struct match_builder *builder, struct slice text, uint32_t *out_at)
{
    *out_at = (uint32_t)builder->member_texts.len;
    if (!vec_append(&builder->member_texts, text.ptr, text.len) ||
        !vec_append(&builder->member_texts, "", 1)) {
        return ERR_NEW(-ENOMEM);
    }
    return 0;
}

/* ---- Expressions ---- */

/* How large an expression becomes. */
struct member_weight {
    struct slice rest;
    uint64_t sums[MEMBER_DEPTH_MAX]; /* Of the groups that are open. */
    uint64_t last;                   /* Of what a repeat would repeat. */
    unsigned depth;
};

/* Behind the bracket; a `]` that comes first is one of the set. */
static void weight_skip_set(struct member_weight *weight)
{
    size_t at = weight->rest.len > 0 && weight->rest.ptr[0] == '^' ? 1 : 0;

    at += at < weight->rest.len && weight->rest.ptr[at] == ']' ? 1 : 0;
    while (at < weight->rest.len && weight->rest.ptr[at] != ']') {
        at++;
    }
    weight->rest = slice_skip(weight->rest, MIN_OF(at + 1, weight->rest.len));
}

static void weight_add(struct member_weight *weight, uint64_t nodes)
{
    weight->last = nodes;
    weight->sums[weight->depth] += nodes;
}

/* "{n,m}": the greater number counts. */
static void weight_repeat(struct member_weight *weight)
{
    struct slice bounds = slice_split(&weight->rest, '}');
    const struct slice low = slice_split(&bounds, ',');
    uint64_t low_count = 0;
    uint64_t high_count = 0;

    (void)!slice_parse_u64(low, &low_count);
    (void)!slice_parse_u64(bounds, &high_count);

    const uint64_t count = MIN_OF(MAX_OF(low_count, high_count), (uint64_t)MEMBER_NODES_MAX);

    weight->last *= MAX_OF(count, (uint64_t)1);
    weight->sums[weight->depth] += weight->last;
}

/* False for what this engine does not take. */
static bool weight_take(struct member_weight *weight)
{
    const uint8_t c = weight->rest.ptr[0];

    weight->rest = slice_skip(weight->rest, 1);
    switch (c) {
    case '(':
        if (++weight->depth == MEMBER_DEPTH_MAX) {
            return false;
        }
        weight->sums[weight->depth] = 0;
        return true;
    case ')':
        if (weight->depth == 0) {
            return true;
        }
        weight->depth--;
        weight_add(weight, weight->sums[weight->depth + 1]);
        return true;
    case '[':
        weight_skip_set(weight);
        weight_add(weight, 1);
        return true;
    case '{':
        weight_repeat(weight);
        return true;
    case '\\':
        if (weight->rest.len > 0) {
            const uint8_t escaped = weight->rest.ptr[0];

            weight->rest = slice_skip(weight->rest, 1);
            weight_add(weight, 1);
            return escaped < '1' || escaped > '9';
        }
        return true;
    default:
        weight_add(weight, 1);
        return true;
    }
}

static int member_check_expression(struct match_builder *builder, struct slice text)
{
    struct member_weight weight = {.rest = text};
    char copy[MEMBER_EXPRESSION_MAX + 1];
    regex_t expression;

    if (text.len > MEMBER_EXPRESSION_MAX) {
        return member_refuse(builder, "the expression for the name is too long");
    }
    while (weight.rest.len > 0) {
        if (!weight_take(&weight)) {
            return member_refuse(builder,
                                 "the expression for the name refers back or nests deeply");
        }
        if (weight.sums[weight.depth] > MEMBER_NODES_MAX) {
            return member_refuse(builder, "the expression for the name repeats too much");
        }
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (regcomp(&expression, copy, REG_EXTENDED) != 0) {
        return member_refuse(builder, "the expression for the name does not compile");
    }
    regfree(&expression);
    return MATCH_BUILD_OK;
}

/* ---- Members ---- */

int match_builder_add_member(struct match_builder *builder, const struct match_member *member)
{
    struct layout_member row = {
        .container_min = member->container_size.min,
        .container_max = member->container_size.max,
        .packed_min = member->packed_size.min,
        .packed_max = member->packed_size.max,
        .real_min = member->real_size.min,
        .real_max = member->real_size.max,
        .position_min = (uint32_t)MIN_OF(member->position.min, (uint64_t)UINT32_MAX),
        .position_max = (uint32_t)MIN_OF(member->position.max, (uint64_t)UINT32_MAX),
        .name = PROGRAM_NONE,
        .crc = member->crc,
        .container = member->container,
        .encrypted = (uint8_t)member->encrypted,
        .has_crc = member->has_crc,
    };
    int r = MATCH_BUILD_OK;

    if (member->expression.len > 0) {
        r = member_check_expression(builder, member->expression);
        if (r == MATCH_BUILD_OK) {
            r = member_add_text(builder, member->expression, &row.name);
        }
    }
    if (r == MATCH_BUILD_OK) {
        r = builder_threat_of(builder, member->name, &row.threat);
    }
    if (r != MATCH_BUILD_OK) {
        return r;
    }
    return vec_append(&builder->members, &row, 1) ? MATCH_BUILD_OK : ERR_NEW(-ENOMEM);
}

int match_builder_add_password(struct match_builder *builder, struct slice password,
                               uint16_t container)
{
    struct layout_password row = {.len = (uint32_t)password.len, .container = container};
    const int r = member_add_text(builder, password, &row.text);

    if (r < 0) {
        return ERR_PASS(r);
    }
    return vec_append(&builder->passwords, &row, 1) ? MATCH_BUILD_OK : ERR_NEW(-ENOMEM);
}

/* ---- Types ---- */

/* -1 for `?`, -2 for what is neither that nor a digit. */
static int magic_parse_nibble(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c == '?') {
        return -1;
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -2;
}

/* Two digits, either of which may be `?`. */
static bool magic_parse_byte(struct layout_magic *row, const uint8_t *text)
{
    const int high = magic_parse_nibble(text[0]);
    const int low = magic_parse_nibble(text[1]);

    if (high == -2 || low == -2) {
        return false;
    }
    row->mask[row->len] = (uint8_t)((high >= 0 ? 0xf0 : 0) | (low >= 0 ? 0x0f : 0));
    row->value[row->len] = (uint8_t)(MAX_OF(high, 0) << 4 | MAX_OF(low, 0));
    row->len++;
    return true;
}

/* "{n}": bytes of any value. */
static bool magic_parse_gap(struct layout_magic *row, struct slice *body)
{
    struct slice rest = slice_skip(*body, 1);
    const size_t end = slice_find(rest, '}');
    uint64_t len;

    if (end == rest.len || !slice_parse_u64(slice_from(rest.ptr, end), &len) ||
        len > (size_t)LAYOUT_MAGIC_MAX - row->len) {
        return false;
    }
    row->len = (uint8_t)(row->len + len);
    *body = slice_skip(rest, end + 1);
    return true;
}

static bool magic_parse_body(struct layout_magic *row, struct slice body)
{
    while (body.len > 0) {
        if (body.ptr[0] == '{') {
            if (!magic_parse_gap(row, &body)) {
                return false;
            }
            continue;
        }
        if (body.len < 2 || row->len == LAYOUT_MAGIC_MAX || !magic_parse_byte(row, body.ptr)) {
            return false;
        }
        body = slice_skip(body, 2);
    }
    return row->len > 0 && row->mask[0] != 0;
}

int match_builder_add_magic(struct match_builder *builder, uint64_t at, struct slice body,
                            uint16_t type)
{
    struct layout_magic row = {.type = type};

    if (magic_find_type(type) == NULL) {
        return builder_refuse(builder, MATCH_BUILD_UNSUPPORTED,
                              "a type that changes nothing for this engine");
    }
    if (!magic_parse_body(&row, body)) {
        return builder_refuse(builder, MATCH_BUILD_UNSUPPORTED,
                              "a file type by more than up to 64 bytes at one place");
    }
    if (at > (uint64_t)FILETYPE_PROBE - row.len) {
        return builder_refuse(builder, MATCH_BUILD_UNSUPPORTED,
                              "a file type by bytes too far from the beginning");
    }
    row.at = (uint32_t)at;
    return vec_append(&builder->magics, &row, 1) ? MATCH_BUILD_OK : ERR_NEW(-ENOMEM);
}
