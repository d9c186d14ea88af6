/* SPDX-License-Identifier: MIT */
#include "match/build_part.h"

#include "base/err.h"
#include "match/build_expression.h"
#include "match/build_regex.h"

#include <stdio.h>

/* Takes `word` off the front. */
static bool part_take(struct slice *text, const char *word)
{
    const size_t len = strlen(word);

    if (text->len < len || memcmp(text->ptr, word, len) != 0) {
        return false;
    }
    *text = slice_skip(*text, len);
    return true;
}

/* Cuts at `sep`, which must be there. */
static bool part_cut(struct slice *text, char sep, struct slice *out)
{
    const size_t before = text->len;

    *out = slice_split(text, (uint8_t)sep);
    return out->len < before;
}

static bool part_parse_u32(struct slice text, uint32_t *out)
{
    uint64_t value;

    if (!slice_parse_u64(text, &value) || value > INT32_MAX) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

/* ---- Bodies ---- */

#define MODIFIER_PLAIN (PATTERN_WORD << 1) /* `a`: also without zeros. */

static bool body_parse_modifiers(struct slice text, unsigned *out)
{
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case 'i':
            *out |= PATTERN_NOCASE;
            break;
        case 'w':
            *out |= PATTERN_WIDE;
            break;
        case 'f':
            *out |= PATTERN_WORD;
            break;
        case 'a':
            *out |= MODIFIER_PLAIN;
            break;
        default:
            return false;
        }
    }
    return true;
}

static int part_add_body(struct match_builder *builder, struct build_part *part, struct slice hex,
                         const struct pattern_offset *offset, unsigned modifiers)
{
    struct build_body *body = &part->bodies[part->bodies_len++];

    body->offset = *offset;
    const int r = build_body_parse(builder, body, hex, modifiers);

    if (r == 0 && !build_body_is_static(body)) {
        return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN, BUILD_BODY_NOT_STATIC);
    }
    return r;
}

static int part_parse_offset(struct match_builder *builder, struct pattern_offset *out,
                             struct slice text, unsigned target)
{
    char why[PATTERN_ERROR_CAP];
    const enum match_build_status status = pattern_parse_offset(out, text, target, why);

    if (status != MATCH_BUILD_OK) {
        return builder_refuse(builder, status, why);
    }
    if (out->kind == PROGRAM_IN_GROUP) {
        return builder_refuse(builder, MATCH_BUILD_BAD_OFFSET,
                              "a macro group as offset of a subsignature");
    }
    return 0;
}

/*
 * Cuts `[offset:]hex[::modifiers]`; without an offset `offset->ptr` is NULL. A real signature has
 * more fields; then clamscan takes the first as it stands and looks at no other.
 */
static bool body_cut(struct slice text, struct slice *offset, struct slice *hex,
                     struct slice *modifiers)
{
    struct slice fields[4] = {{0}};
    size_t len = 0;
    bool more = true;

    for (; more; len++) {
        const size_t before = text.len;
        const struct slice field = slice_split(&text, ':');

        more = field.len < before;
        if (len < ARRAY_LEN(fields)) {
            fields[len] = field;
        }
    }
    const size_t first = len % 2 == 0 ? 1 : 0;
    const bool modified = len > 2 && len <= ARRAY_LEN(fields);

    if (len > ARRAY_LEN(fields) && first) {
        return false;
    }
    if (modified && fields[first + 1].len > 0) {
        return false;
    }
    *offset = first ? fields[0] : (struct slice){0};
    *hex = fields[first];
    *modifiers = modified ? fields[first + 2] : (struct slice){0};
    return true;
}

int build_part_parse_body(struct match_builder *builder, struct build_part *out, struct slice text,
                          unsigned target)
{
    struct pattern_offset offset = {.kind = PROGRAM_ANYWHERE};
    struct slice offset_text;
    struct slice hex;
    struct slice modifiers_text;
    unsigned modifiers;
    int r = 0;

    out->kind = LAYOUT_PART_BODY;
    if (!body_cut(text, &offset_text, &hex, &modifiers_text)) {
        return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN,
                              "expected [offset:]pattern[::modifiers]");
    }
    if (!body_parse_modifiers(modifiers_text, &modifiers)) {
        return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN,
                              "a modifier that is none of i, w, f and a");
    }
    if (offset_text.ptr) {
        r = part_parse_offset(builder, &offset, offset_text, target);
    }
    const unsigned plain = modifiers & MODIFIER_PLAIN;

    modifiers &= MODIFIER_PLAIN - 1;
    if (r == 0) {
        r = part_add_body(builder, out, hex, &offset, modifiers);
    }
    if (r == 0 && plain && modifiers & PATTERN_WIDE) {
        r = part_add_body(builder, out, hex, &offset, modifiers & ~(unsigned)PATTERN_WIDE);
    }
    return r;
}

/* ---- Macros ---- */

/* Behind the `${`. */
static int part_parse_macro(struct match_builder *builder, struct build_part *part,
                            struct slice text, uint32_t index)
{
    struct slice range;
    struct slice group;
    struct slice near;

    part->kind = LAYOUT_PART_MACRO;
    part->macro.kind = LAYOUT_PART_MACRO;
    if (!part_cut(&text, '}', &range) || !part_cut(&text, '$', &group) || text.len > 0 ||
        !part_cut(&range, '-', &near) || !part_parse_u32(group, &part->macro.first) ||
        part->macro.first >= PATTERN_GROUPS || !part_parse_u32(near, &part->macro.near) ||
        !part_parse_u32(range, &part->macro.far) || part->macro.near > part->macro.far) {
        return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN,
                              "a macro that is not ${near-far}group$ with a group up to 31");
    }
    if (index == 0) {
        return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN,
                              "a macro without a subsignature before it");
    }
    return 0;
}

/* ---- Byte comparisons ---- */

/* Decimal, or hexadecimal behind `0x`, perhaps negative. */
static bool compare_parse_number(struct slice text, int64_t *out)
{
    const bool minus = part_take(&text, "-");
    const bool hex = part_take(&text, "0x") || part_take(&text, "0X");
    uint64_t value = 0;

    if (!hex && !slice_parse_u64(text, &value)) {
        return false;
    }
    if (hex && (text.len == 0 || text.len > 16)) {
        return false;
    }
    for (size_t i = 0; hex && i < text.len; i++) {
        const char c = (char)(text.ptr[i] | 0x20);
        const bool digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';

        if (!digit && (c < 'a' || c > 'f')) {
            return false;
        }
        value = value << 4 | (uint64_t)(digit ? text.ptr[i] - '0' : c - 'a' + 10);
    }
    if (value > INT64_MAX) {
        return false;
    }
    *out = minus ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool compare_parse_distance(struct slice text, int64_t *out)
{
    const bool back = part_take(&text, "<<");

    if (!back && !part_take(&text, ">>")) {
        return false;
    }
    if (!compare_parse_number(text, out) || *out < -(int64_t)UINT32_MAX ||
        *out > (int64_t)UINT32_MAX) {
        return false;
    }
    *out = back ? -*out : *out;
    return true;
}

static const char compare_bases[] = {'h', 'd', 'a', 'i'};
static const char compare_tests[] = {'=', '<', '>'};

/* `hb4`: base, byte order, `e`, number of bytes. */
static bool compare_parse_options(struct slice text, struct layout_compare *out)
{
    bool ordered = false;
    uint64_t len;

    for (; text.len > 0 && (text.ptr[0] < '0' || text.ptr[0] > '9'); text = slice_skip(text, 1)) {
        const uint8_t c = text.ptr[0];

        if (c == 'l' || c == 'b') {
            out->big_endian = c == 'b';
            ordered = true;
        } else if (c == 'e') {
            out->exact = 1;
        } else if (out->base == 0 && memchr(compare_bases, c, sizeof(compare_bases))) {
            out->base = c;
        } else {
            return false;
        }
    }
    if (!slice_parse_u64(text, &len) || len == 0 || len > LAYOUT_COMPARE_BYTES_MAX ||
        out->base == 0) {
        return false;
    }
    out->bytes_len = (uint8_t)len;
    if (out->base == 'd') {
        return !ordered || out->big_endian;
    }
    return ordered && (out->base != 'i' || len == 1 || len == 2 || len == 4 || len == 8);
}

/* `=value[,<value]` */
static bool compare_parse_tests(struct slice text, struct layout_compare *out)
{
    for (unsigned i = 0; i < ARRAY_LEN(out->test); i++) {
        const size_t before = text.len;
        struct slice test = slice_split(&text, ',');

        if (test.len < 2 || !memchr(compare_tests, test.ptr[0], sizeof(compare_tests))) {
            return false;
        }
        out->test[i] = test.ptr[0];
        if (!compare_parse_number(slice_skip(test, 1), &out->value[i])) {
            return false;
        }
        if (test.len == before) {
            return true;
        }
    }
    return false;
}

static int part_parse_compare(struct match_builder *builder, struct build_part *part,
                              struct slice text)
{
    struct slice ref;
    struct slice inside;
    struct slice distance;
    struct slice options;

    part->kind = LAYOUT_PART_COMPARE;
    if (!part_cut(&text, '(', &ref) || !part_cut(&text, ')', &inside) || text.len > 0 ||
        !part_cut(&inside, '#', &distance) || !part_cut(&inside, '#', &options) ||
        !part_parse_u32(ref, &part->compare.part) ||
        !compare_parse_distance(distance, &part->compare.distance)) {
        return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN,
                              "a byte comparison that is not index(>>n#options#test)");
    }
    if (!compare_parse_options(options, &part->compare)) {
        return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN,
                              "a byte comparison with odd options; they are a base (h, d, a, i), a "
                              "byte order (l, b; needed but for d), e, and a number of bytes");
    }
    if (!compare_parse_tests(inside, &part->compare)) {
        return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN,
                              "a byte comparison with odd tests; they are =n, <n or >n, at most "
                              "two with a comma between");
    }
    return 0;
}

/* ---- Regexes ---- */

static int part_parse_trigger(struct match_builder *builder, struct build_part *part,
                              struct slice text, uint32_t index)
{
    char why[EXPRESSION_ERROR_CAP];
    const int r = build_expression(&part->regex_nodes, text, &part->regex_parts, why);

    if (r) {
        return r > 0 ? builder_refuse(builder, (enum match_build_status)r, why) : r;
    }
    if (part->regex_parts >> index) {
        return builder_refuse(builder, MATCH_BUILD_BAD_EXPRESSION,
                              "a trigger that names its own subsignature or a later one");
    }
    return 0;
}

/* `[offset:]trigger/regex/flags`; the regex ends at the last slash. */
static int part_parse_regex(struct match_builder *builder, struct build_part *part,
                            struct slice text, uint32_t index, unsigned target)
{
    struct pattern_offset offset = {.kind = PROGRAM_ANYWHERE};
    struct slice trigger = slice_split(&text, '/');
    const size_t trigger_len = trigger.len;
    const struct slice place = slice_split(&trigger, ':');
    size_t end = text.len;
    int r = 0;

    part->kind = LAYOUT_PART_REGEX;
    part->regex_nodes = VEC_OF(struct layout_node);
    while (end > 0 && text.ptr[end - 1] != '/') {
        end--;
    }
    if (end < 2) {
        return builder_refuse(builder, MATCH_BUILD_BAD_PATTERN,
                              "expected [offset:]trigger/regex/flags");
    }
    if (place.len < trigger_len) {
        r = part_parse_offset(builder, &offset, place, target);
    } else {
        trigger = place;
    }
    if (r == 0) {
        r = part_parse_trigger(builder, part, trigger, index);
    }
    part->regex_text = slice_from(text.ptr, end - 1);
    part->regex.offset = offset.at;
    part->regex.shift = offset.shift;
    part->regex.section = offset.section;
    part->regex.offset_kind = (uint8_t)offset.kind;
    return r ? r
             : build_regex_check(builder, part->regex_text, slice_skip(text, end), &part->regex);
}

/* ---- All forms ---- */

static bool part_has(struct slice text, char c)
{
    return text.len > 0 && memchr(text.ptr, c, text.len);
}

int build_part_parse(struct match_builder *builder, struct build_part *out, struct slice text,
                     uint32_t index, unsigned target)
{
    if (part_take(&text, "${")) {
        return part_parse_macro(builder, out, text, index);
    }
    if (part_has(text, '/')) {
        return part_parse_regex(builder, out, text, index, target);
    }
    if (part_take(&text, "fuzzy_img#")) {
        return builder_refuse(builder, MATCH_BUILD_UNSUPPORTED,
                              "hashes of images (fuzzy_img) are not matched");
    }
    if (part_has(text, '#')) {
        return part_parse_compare(builder, out, text);
    }
    return build_part_parse_body(builder, out, text, target);
}

void build_part_free(struct build_part *part)
{
    for (uint32_t i = 0; i < part->bodies_len; i++) {
        build_body_free(&part->bodies[i]);
    }
    vec_free(&part->regex_nodes);
}
