/* SPDX-License-Identifier: MIT */
#include "net/wire/field.h"

const uint8_t field_token[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
    ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1, ['0'] = 1,
    ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1,  ['7'] = 1, ['8'] = 1,
    ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1,  ['F'] = 1, ['G'] = 1,
    ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1,  ['N'] = 1, ['O'] = 1,
    ['P'] = 1, ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1,  ['V'] = 1, ['W'] = 1,
    ['X'] = 1, ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1,  ['d'] = 1, ['e'] = 1,
    ['f'] = 1, ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1,  ['l'] = 1, ['m'] = 1,
    ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1,  ['t'] = 1, ['u'] = 1,
    ['v'] = 1, ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

/* The first byte behind the line and the lines folded to it. */
static const uint8_t *field_line_end(const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        const uint8_t *const hit = field_find_lf(at, end);

        if (!hit) {
            return end;
        }
        at = hit + 1;
        if (at == end || (*at != ' ' && *at != '\t')) {
            return at;
        }
    }
    return end;
}

enum field_status field_next(struct slice *rest, struct slice *out_name, struct slice *out_value)
{
    const uint8_t *const start = rest->ptr;

    if (rest->len == 0 || *start == '\n' || (*start == '\r' && rest->len > 1 && start[1] == '\n')) {
        return FIELD_END;
    }
    const uint8_t *const end = start + rest->len;
    const uint8_t *colon = start;

    while (colon < end && field_token[*colon]) {
        colon++;
    }
    const size_t name_len = (size_t)(colon - start);

    while (colon < end && (*colon == ' ' || *colon == '\t')) {
        colon++;
    }
    const uint8_t *const line_end = field_line_end(colon, end);

    *rest = slice_from(line_end, (size_t)(end - line_end));
    if (name_len == 0 || colon == line_end || *colon != ':') {
        return FIELD_NONE;
    }
    *out_name = slice_from(start, name_len);
    *out_value = field_trim(slice_from(colon + 1, (size_t)(line_end - colon - 1)));
    return FIELD_OK;
}

bool field_list_next(struct slice *rest, struct slice *out)
{
    if (rest->len == 0) {
        return false;
    }
    *out = field_trim(slice_split(rest, ','));
    return true;
}
