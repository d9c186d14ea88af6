/* SPDX-License-Identifier: MIT */
/*
 * fuzz_build_logic - logical signatures.
 *
 * Input: one byte for the target, the expression, then the subsignatures, a line each. Whatever the
 * builder says, it says why in one line; what it refuses leaves nothing behind, and the image of
 * what it takes passes every check.
 */
#include "match/build.h"
#include "match/layout.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define LINES_MAX 66 /* One more than the builder takes. */

static void check_image(struct match_builder *builder, bool taken)
{
    uint8_t *image = NULL;
    size_t len = 0;
    struct layout layout;
    int r = match_builder_finish(builder, &image, &len);

    ASSERT(r == 0);
    r = layout_open(&layout, slice_from(image, len));
    ASSERT(r == 0);
    ASSERT(layout.len[LAYOUT_LOGICS] == taken);
    ASSERT(taken || layout.len[LAYOUT_SIGNATURES] == 0);
    free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice rest = slice_from(data, len);
    struct slice parts[LINES_MAX];
    struct match_logical logical = {.name = SLICE_OF("Fuzz"), .subsignatures = parts};
    struct match_builder *builder = NULL;

    if (len == 0) {
        return 0;
    }
    logical.target = data[0] % 16;
    rest = slice_skip(rest, 1);
    logical.expression = slice_split(&rest, '\n');
    while (rest.len > 0 && logical.subsignatures_len < LINES_MAX) {
        parts[logical.subsignatures_len++] = slice_split(&rest, '\n');
    }
    int r = match_builder_new(&builder);

    ASSERT(r == 0);
    r = match_builder_add_logical(builder, &logical);
    ASSERT(r >= 0);
    const bool taken = r == MATCH_BUILD_OK || r == MATCH_BUILD_SLOW;

    ASSERT(match_builder_len(builder) == taken);
    if (r != MATCH_BUILD_OK) {
        ASSERT(match_builder_error(builder)[0] != '\0');
        ASSERT(!strchr(match_builder_error(builder), '\n'));
    }
    check_image(builder, taken);
    match_builder_free(builder);
    return 0;
}
