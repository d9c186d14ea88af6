/* SPDX-License-Identifier: MIT */
#include "match/filetype.h"
#include "match/pattern.h"

#include <stdio.h>

static enum match_build_status offset_refuse(char error[PATTERN_ERROR_CAP],
                                             enum match_build_status status, const char *why)
{
    snprintf(error, PATTERN_ERROR_CAP, "%s", why);
    return status;
}

static bool offset_begins(struct slice text, const char *word)
{
    const size_t len = strlen(word);

    return text.len >= len && memcmp(text.ptr, word, len) == 0;
}

static bool offset_is_executable(unsigned target)
{
    return target == MATCH_TARGET_PE || target == MATCH_TARGET_ELF || target == MATCH_TARGET_MACHO;
}

/* Takes `word` off the front. */
static bool offset_take(struct slice *text, const char *word)
{
    if (!offset_begins(*text, word)) {
        return false;
    }
    *text = slice_skip(*text, strlen(word));
    return true;
}

static bool offset_take_number(struct slice text, uint64_t *out)
{
    return slice_parse_u64(text, out) && *out <= UINT32_MAX;
}

/* `EP+n` and `EP-n`, behind the `EP`. */
static bool offset_parse_entry(struct pattern_offset *out, struct slice text)
{
    const bool minus = offset_begins(text, "-");

    out->kind = PROGRAM_FROM_ENTRY;
    if (!(minus || offset_begins(text, "+")) ||
        !offset_take_number(slice_skip(text, 1), &out->at)) {
        return false;
    }
    if (minus) {
        out->at = 0 - out->at;
    }
    return true;
}

static bool offset_parse_section(struct slice text, uint16_t *out)
{
    uint64_t section;

    if (!slice_parse_u64(text, &section) || section > UINT16_MAX) {
        return false;
    }
    *out = (uint16_t)section;
    return true;
}

/* `Sx+n`, `SL+n` and `SEx`, behind the `S`. */
static bool offset_parse_sections(struct pattern_offset *out, struct slice text)
{
    if (offset_take(&text, "L+")) {
        out->kind = PROGRAM_FROM_LAST_SECTION;
        return offset_take_number(text, &out->at);
    }
    if (offset_take(&text, "E")) {
        out->kind = PROGRAM_IN_SECTION;
        return offset_parse_section(text, &out->section);
    }
    const struct slice section = slice_split(&text, '+');

    out->kind = PROGRAM_FROM_SECTION;
    return offset_parse_section(section, &out->section) && offset_take_number(text, &out->at);
}

/* Everything but the shift. */
static bool offset_parse_place(struct pattern_offset *out, struct slice text)
{
    if (offset_take(&text, "EP")) {
        return offset_parse_entry(out, text);
    }
    if (offset_take(&text, "EOF-")) {
        out->kind = PROGRAM_FROM_END;
        return offset_take_number(text, &out->at);
    }
    if (offset_take(&text, "S")) {
        return offset_parse_sections(out, text);
    }
    if (offset_take(&text, "VI")) {
        out->kind = PROGRAM_IN_VERSION_INFO;
        return text.len == 0;
    }
    out->kind = PROGRAM_FROM_START;
    return offset_take_number(text, &out->at);
}

static enum match_build_status offset_parse_group(struct pattern_offset *out, struct slice text,
                                                  char error[PATTERN_ERROR_CAP])
{
    const size_t digits = slice_find(text, '$');
    uint64_t group;

    if (digits + 1 != text.len || !slice_parse_u64(slice_from(text.ptr, digits), &group) ||
        group >= PATTERN_GROUPS) {
        return offset_refuse(error, MATCH_BUILD_BAD_OFFSET,
                             "a macro group that is not one of $0$ to $31$");
    }
    *out = (struct pattern_offset){.kind = PROGRAM_IN_GROUP, .section = (uint16_t)group};
    return MATCH_BUILD_OK;
}

enum match_build_status pattern_parse_offset(struct pattern_offset *out, struct slice text,
                                             unsigned target, char error[PATTERN_ERROR_CAP])
{
    struct pattern_offset offset = {0};
    struct slice shift = text;
    const struct slice place = slice_split(&shift, ',');
    const bool shifts = place.len < text.len;

    if (text.len == 1 && text.ptr[0] == '*') {
        *out = (struct pattern_offset){.kind = PROGRAM_ANYWHERE};
        return MATCH_BUILD_OK;
    }
    if (offset_take(&text, "$")) {
        return offset_parse_group(out, text, error);
    }
    if (!offset_parse_place(&offset, place)) {
        return offset_refuse(error, MATCH_BUILD_BAD_OFFSET,
                             "an offset that is none of *, n, EOF-n, EP+n, EP-n, Sx+n, SL+n, SEx, "
                             "VI, $n$");
    }
    if (shifts && !offset_take_number(shift, &offset.shift)) {
        return offset_refuse(error, MATCH_BUILD_BAD_OFFSET, "an offset shift that is no number");
    }
    if (offset.kind >= PROGRAM_FROM_ENTRY && !offset_is_executable(target)) {
        return offset_refuse(error, MATCH_BUILD_BAD_OFFSET,
                             "an offset that is for executables (targets 1, 6 and 9) only");
    }
    *out = offset;
    return MATCH_BUILD_OK;
}
