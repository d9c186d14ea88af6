/* SPDX-License-Identifier: MIT */
/*
 *            CR, LF            blank line
 *           +-----+     +----------------------+
 *           v     |     v                      |
 *   START --+-> SIZE -> EXT ... -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF
 *                 ^                   |                             |
 *                 |                   | size 0                      |
 *                 +-------------------|-----------------------------+
 *                                     v
 *                               TRAILER_START <-> TRAILER_NAME, TRAILER_LINE
 *                                     |
 *                                     v
 *                                    END
 */
#include "net/wire/chunk.h"

#include "base/assert.h"
#include "net/wire/field.h"

enum chunk_state {
    CHUNK_AT_START, /* Before the first size line: line ends are passed over. */
    CHUNK_AT_START_LF,
    CHUNK_AT_SIZE,       /* Blanks before the size, the size. */
    CHUNK_AT_SIZE_BLANK, /* Blanks behind the size. */
    CHUNK_AT_SIZE_LF,
    CHUNK_AT_NAME_START, /* Behind ';'. */
    CHUNK_AT_NAME,
    CHUNK_AT_NAME_BLANK,
    CHUNK_AT_VALUE_START, /* Behind '='. */
    CHUNK_AT_VALUE,
    CHUNK_AT_QUOTED,
    CHUNK_AT_ESCAPED,
    CHUNK_AT_VALUE_BLANK,
    CHUNK_AT_DATA,
    CHUNK_AT_DATA_CR,
    CHUNK_AT_DATA_LF,
    CHUNK_AT_TRAILER_START,
    CHUNK_AT_TRAILER_NAME,
    CHUNK_AT_TRAILER_LINE,
    CHUNK_AT_TRAILER_LF,
    CHUNK_AT_END,
    CHUNK_AT_BAD,
};

/* The extensions that mean something here; any other is read and forgotten. */
enum chunk_name {
    CHUNK_NAME_OTHER,
    CHUNK_NAME_IEOF,
    CHUNK_NAME_ORIGINAL,
};

static const struct slice chunk_names[] = {
    [CHUNK_NAME_OTHER] = {NULL, 0},
    [CHUNK_NAME_IEOF] = {(const uint8_t *)"ieof", 4},
    [CHUNK_NAME_ORIGINAL] = {(const uint8_t *)"use-original-body", 17},
};

void chunk_init(struct chunk_decoder *dec)
{
    *dec = (struct chunk_decoder){0};
}

static uint8_t chunk_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* The value of a hexadecimal digit, 16 for what is none. */
static unsigned chunk_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10U : 16U;
}

static void chunk_begin_line(struct chunk_decoder *dec)
{
    dec->state = CHUNK_AT_SIZE;
    dec->left = 0;
    dec->line_len = 0;
    dec->has_digits = false;
    dec->ieof = false;
    dec->has_original = false;
    dec->original_from = 0;
}

static enum chunk_state chunk_end_line(struct chunk_decoder *dec)
{
    if (dec->left > 0) {
        dec->ieof = false;
        dec->has_original = false;
        return CHUNK_AT_DATA;
    }
    return CHUNK_AT_TRAILER_START;
}

/* What ends a size, a name or a value: the next extension, the line's end, or blanks before them.
 */
static enum chunk_state chunk_delimit(struct chunk_decoder *dec, uint8_t c,
                                      enum chunk_state blank_state)
{
    switch (c) {
    case ';':
        return CHUNK_AT_NAME_START;
    case ' ':
    case '\t':
        return blank_state;
    case '\r':
        return CHUNK_AT_SIZE_LF;
    case '\n':
        return chunk_end_line(dec);
    default:
        return CHUNK_AT_BAD;
    }
}

static enum chunk_state chunk_on_size(struct chunk_decoder *dec, uint8_t c)
{
    const unsigned digit = chunk_digit(c);

    if (digit < 16) {
        if (dec->left > (uint64_t)INT64_MAX >> 4) {
            return CHUNK_AT_BAD;
        }
        dec->left = dec->left << 4 | digit;
        dec->has_digits = true;
        return CHUNK_AT_SIZE;
    }
    if (!dec->has_digits) {
        return c == ' ' || c == '\t' ? CHUNK_AT_SIZE : CHUNK_AT_BAD;
    }
    return chunk_delimit(dec, c, CHUNK_AT_SIZE_BLANK);
}

static enum chunk_state chunk_on_name_start(struct chunk_decoder *dec, uint8_t c)
{
    if (!field_token[c]) {
        /* An empty extension, as in "0;", is harmless. */
        return chunk_delimit(dec, c, CHUNK_AT_NAME_START);
    }
    c = chunk_lower(c);
    dec->name = c == 'i' ? CHUNK_NAME_IEOF : c == 'u' ? CHUNK_NAME_ORIGINAL : CHUNK_NAME_OTHER;
    dec->name_at = 1;
    return CHUNK_AT_NAME;
}

/* A name has ended: is it one of ours, whole? */
static void chunk_end_name(struct chunk_decoder *dec)
{
    if (dec->name_at != chunk_names[dec->name].len) {
        dec->name = CHUNK_NAME_OTHER;
    }
    if (dec->name == CHUNK_NAME_IEOF) {
        dec->ieof = true;
    }
}

static enum chunk_state chunk_on_name(struct chunk_decoder *dec, uint8_t c)
{
    if (field_token[c]) {
        const struct slice name = chunk_names[dec->name];

        if (dec->name_at < name.len && name.ptr[dec->name_at] == chunk_lower(c)) {
            dec->name_at++;
        } else {
            dec->name = CHUNK_NAME_OTHER;
        }
        return CHUNK_AT_NAME;
    }
    chunk_end_name(dec);
    return c == '=' ? CHUNK_AT_VALUE_START : chunk_delimit(dec, c, CHUNK_AT_NAME_BLANK);
}

static enum chunk_state chunk_on_value(struct chunk_decoder *dec, uint8_t c)
{
    if (dec->name == CHUNK_NAME_ORIGINAL) {
        if (c >= '0' && c <= '9') {
            if (dec->original_from > (INT64_MAX - (uint64_t)(c - '0')) / 10) {
                return CHUNK_AT_BAD;
            }
            dec->original_from = dec->original_from * 10 + (uint64_t)(c - '0');
            dec->has_original = true;
            return CHUNK_AT_VALUE;
        }
    } else if (field_token[c]) {
        return CHUNK_AT_VALUE;
    }
    return chunk_delimit(dec, c, CHUNK_AT_VALUE_BLANK);
}

static enum chunk_state chunk_on_value_start(struct chunk_decoder *dec, uint8_t c)
{
    if (c == ' ' || c == '\t') {
        return CHUNK_AT_VALUE_START;
    }
    if (dec->name == CHUNK_NAME_ORIGINAL) {
        const bool again = dec->has_original;

        /* Two offsets, or one that is no number, leave open what to send. */
        return again || c < '0' || c > '9' ? CHUNK_AT_BAD : chunk_on_value(dec, c);
    }
    return c == '"' ? CHUNK_AT_QUOTED : chunk_on_value(dec, c);
}

static enum chunk_state chunk_on_quoted(uint8_t c)
{
    if (c == '"') {
        return CHUNK_AT_VALUE_BLANK;
    }
    if (c == '\\') {
        return CHUNK_AT_ESCAPED;
    }
    return c >= ' ' || c == '\t' ? CHUNK_AT_QUOTED : CHUNK_AT_BAD;
}

/* One byte of a size line. */
static enum chunk_state chunk_on_line(struct chunk_decoder *dec, uint8_t c)
{
    switch ((enum chunk_state)dec->state) {
    case CHUNK_AT_SIZE:
        return chunk_on_size(dec, c);
    case CHUNK_AT_SIZE_BLANK:
        return chunk_delimit(dec, c, CHUNK_AT_SIZE_BLANK);
    case CHUNK_AT_SIZE_LF:
        return c == '\n' ? chunk_end_line(dec) : CHUNK_AT_BAD;
    case CHUNK_AT_NAME_START:
        return chunk_on_name_start(dec, c);
    case CHUNK_AT_NAME:
        return chunk_on_name(dec, c);
    case CHUNK_AT_NAME_BLANK:
        return c == '=' ? CHUNK_AT_VALUE_START : chunk_delimit(dec, c, CHUNK_AT_NAME_BLANK);
    case CHUNK_AT_VALUE_START:
        return chunk_on_value_start(dec, c);
    case CHUNK_AT_VALUE:
        return chunk_on_value(dec, c);
    case CHUNK_AT_QUOTED:
        return chunk_on_quoted(c);
    case CHUNK_AT_ESCAPED:
        return c >= ' ' || c == '\t' ? CHUNK_AT_QUOTED : CHUNK_AT_BAD;
    case CHUNK_AT_VALUE_BLANK:
        return chunk_delimit(dec, c, CHUNK_AT_VALUE_BLANK);
    default:
        ASSERT(false);
        return CHUNK_AT_BAD;
    }
}

/* One byte between the parts of a body: stray line ends, the line end behind a chunk, the blank
 * line. */
static enum chunk_state chunk_on_break(struct chunk_decoder *dec, uint8_t c)
{
    switch ((enum chunk_state)dec->state) {
    case CHUNK_AT_START_LF:
        return c == '\n' ? CHUNK_AT_START : CHUNK_AT_BAD;
    case CHUNK_AT_DATA_CR:
        if (c == '\r') {
            return CHUNK_AT_DATA_LF;
        }
        break;
    case CHUNK_AT_DATA_LF:
        break;
    case CHUNK_AT_TRAILER_LF:
        return c == '\n' ? CHUNK_AT_END : CHUNK_AT_BAD;
    default:
        ASSERT(false);
        break;
    }
    if (c != '\n') {
        return CHUNK_AT_BAD;
    }
    chunk_begin_line(dec);
    return CHUNK_AT_SIZE;
}

/* What the first byte of a line behind the last chunk begins; the blank line is handed to nobody.
 */
static enum chunk_state chunk_begin_trailer(const struct chunk_decoder *dec, uint8_t c)
{
    switch (c) {
    case '\r':
        return CHUNK_AT_TRAILER_LF;
    case '\n':
        return CHUNK_AT_END;
    case ' ':
    case '\t':
        /* A folded line needs one to be folded to. */
        return dec->trailer_len > 0 ? CHUNK_AT_TRAILER_LINE : CHUNK_AT_BAD;
    default:
        return field_token[c] ? CHUNK_AT_TRAILER_NAME : CHUNK_AT_BAD;
    }
}

/* Length of what can be handed out of the current trailer line; moves the state. */
static size_t chunk_scan_trailer(struct chunk_decoder *dec, struct slice in)
{
    size_t len = 0;

    if (dec->state == CHUNK_AT_TRAILER_NAME) {
        while (len < in.len && field_token[in.ptr[len]]) {
            len++;
        }
        if (len == in.len) {
            return len;
        }
        dec->state = in.ptr[len] == ':' ? CHUNK_AT_TRAILER_LINE : CHUNK_AT_BAD;
    }
    if (dec->state == CHUNK_AT_TRAILER_LINE) {
        const size_t at = slice_find(in, '\n');

        len = MIN_OF(at + 1, in.len);
        dec->state = at < in.len ? CHUNK_AT_TRAILER_START : CHUNK_AT_TRAILER_LINE;
    }
    return len;
}

/* Takes up to the end of a trailer line; `*out` is empty when there is nothing to hand out. */
static void chunk_take_trailer(struct chunk_decoder *dec, struct slice *in, struct slice *out)
{
    *out = (struct slice){0};
    if (dec->state == CHUNK_AT_TRAILER_START) {
        dec->state = (uint8_t)chunk_begin_trailer(dec, in->ptr[0]);
        if (dec->state == CHUNK_AT_TRAILER_LF || dec->state == CHUNK_AT_END) {
            *in = slice_skip(*in, 1);
            return;
        }
    }
    const size_t len = chunk_scan_trailer(dec, *in);

    if (len > CHUNK_TRAILER_MAX - dec->trailer_len || memchr(in->ptr, 0, len)) {
        dec->state = CHUNK_AT_BAD;
    }
    if (dec->state != CHUNK_AT_BAD) {
        dec->trailer_len += (uint32_t)len;
        *out = slice_from(in->ptr, len);
        *in = slice_skip(*in, len);
    }
}

static void chunk_take_data(struct chunk_decoder *dec, struct slice *in, struct slice *out)
{
    const size_t len = dec->left < in->len ? (size_t)dec->left : in->len;

    *out = slice_from(in->ptr, len);
    *in = slice_skip(*in, len);
    dec->left -= len;
    dec->body_len += len;
    if (dec->left == 0) {
        dec->state = CHUNK_AT_DATA_CR;
    }
}

/* One byte that is handed out to nobody. */
static void chunk_take_byte(struct chunk_decoder *dec, struct slice *in)
{
    const uint8_t c = in->ptr[0];

    *in = slice_skip(*in, 1);
    if (dec->state <= CHUNK_AT_VALUE_BLANK && ++dec->line_len > CHUNK_LINE_MAX) {
        dec->state = CHUNK_AT_BAD;
        return;
    }
    if (dec->state == CHUNK_AT_START) {
        if (c == '\r' || c == '\n') {
            dec->state = c == '\r' ? CHUNK_AT_START_LF : CHUNK_AT_START;
            return;
        }
        chunk_begin_line(dec);
        dec->line_len = 1;
    }
    if (dec->state >= CHUNK_AT_SIZE && dec->state <= CHUNK_AT_VALUE_BLANK) {
        dec->state = (uint8_t)chunk_on_line(dec, c);
    } else {
        dec->state = (uint8_t)chunk_on_break(dec, c);
    }
}

enum chunk_status chunk_feed(struct chunk_decoder *dec, struct slice *in, struct slice *out)
{
    ASSERT(dec->left <= INT64_MAX);
    ASSERT(dec->trailer_len <= CHUNK_TRAILER_MAX);
    for (;;) {
        switch ((enum chunk_state)dec->state) {
        case CHUNK_AT_END:
            return CHUNK_END;
        case CHUNK_AT_BAD:
            return CHUNK_BAD;
        default:
            break;
        }
        if (in->len == 0) {
            return CHUNK_MORE;
        }
        switch ((enum chunk_state)dec->state) {
        case CHUNK_AT_DATA:
            chunk_take_data(dec, in, out);
            return CHUNK_DATA;
        case CHUNK_AT_TRAILER_START:
        case CHUNK_AT_TRAILER_NAME:
        case CHUNK_AT_TRAILER_LINE:
            chunk_take_trailer(dec, in, out);
            if (out->len > 0) {
                return CHUNK_TRAILER;
            }
            break;
        default:
            chunk_take_byte(dec, in);
            break;
        }
    }
}
