#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * lines - cuts a file that arrives in pieces into lines.
 *
 * Role: hands each line to a function, without its line end (LF or CRLF) and with its number from
 * 1; the last line needs no line end. Owner: whoever reads the file. Memory: one block of LINES_MAX
 * bytes, given by the caller, for a line that spans pieces. Limits: a line over LINES_MAX bytes is
 * passed over; its number is told with the text missing.
 */
#include "base/slice.h"

#define LINES_MAX KIB(64)

/* `text.ptr` is NULL for a line that is too long. Anything but 0 ends the reading and is handed
 * back. */
typedef int (*lines_take_fn)(void *ctx, unsigned number, struct slice text);

struct lines { /* All fields are private. */
    uint8_t *block;
    size_t len;
    unsigned number;
    bool over;
    lines_take_fn take;
    void *ctx;
};

/* `block` has room for LINES_MAX bytes and is borrowed until lines_end. */
void lines_init(struct lines *lines, uint8_t *block, lines_take_fn take, void *ctx);

/* The next piece. Texts are valid during the call of `take` only. */
MUST_CHECK int lines_feed(struct lines *lines, struct slice piece);

/* There is no more. */
MUST_CHECK int lines_end(struct lines *lines);
