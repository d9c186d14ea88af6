/* SPDX-License-Identifier: MIT */
#include "defs/lines.h"

#include "base/assert.h"

void lines_init(struct lines *lines, uint8_t *block, lines_take_fn take, void *ctx)
{
    ASSERT(block != NULL);
    ASSERT(take != NULL);
    *lines = (struct lines){.take = take, .ctx = ctx};
    lines->block = block;
}

static void lines_keep(struct lines *lines, struct slice piece)
{
    if (lines->over || piece.len > LINES_MAX - lines->len) {
        lines->over = true;
        return;
    }
    if (piece.len > 0) {
        ASSERT(piece.ptr != NULL);
        memcpy(lines->block + lines->len, piece.ptr, piece.len);
        lines->len += piece.len;
    }
}

static int lines_tell(struct lines *lines, struct slice text)
{
    lines->number++;
    if (text.ptr != NULL && text.len > 0 && text.ptr[text.len - 1] == '\r') {
        text.len--;
    }
    return lines->take(lines->ctx, lines->number, text);
}

/* `piece` is the end of a line; a line that lies in one piece is not copied. */
static int lines_finish(struct lines *lines, struct slice piece)
{
    struct slice text = piece;

    if (lines->over || lines->len > 0 || piece.len > LINES_MAX) {
        lines_keep(lines, piece);
        text = lines->over ? (struct slice){NULL, 0} : slice_from(lines->block, lines->len);
    }
    lines->len = 0;
    lines->over = false;
    return lines_tell(lines, text);
}

int lines_feed(struct lines *lines, struct slice piece)
{
    while (piece.len > 0) {
        const size_t at = slice_find(piece, '\n');

        if (at == piece.len) {
            lines_keep(lines, piece);
            return 0;
        }

        const int r = lines_finish(lines, slice_from(piece.ptr, at));

        if (r != 0) {
            return r;
        }
        piece = slice_skip(piece, at + 1);
    }
    return 0;
}

int lines_end(struct lines *lines)
{
    if (lines->len == 0 && !lines->over) {
        return 0;
    }
    return lines_finish(lines, slice_from(lines->block, 0));
}
