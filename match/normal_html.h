#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * normal_html - a page as ClamAV's target 3 reads it.
 *
 * Role: two views of the same bytes. NORMAL_NOCOMMENT is the page in small letters without
 * `<!...>`, white space folded (dropped between tags and in scripts), quotes of attributes made
 * equal, references decoded. NORMAL_NOTAGS is its text alone: a tag, a reference or white space is
 * one space; where a link (`a href`, `img src`) points to stands, as written, in front of its text.
 * A state machine over single bytes, for which normal_page takes what is regular: how the input is
 * cut never shows. Owner: the caller's struct, which may be copied at any point and continued from
 * there. Memory: none. The rules were found by trial; docs/definitions.md says where clamscan
 * differs.
 */
#include "base/slice.h"

enum normal_view {
    NORMAL_NOCOMMENT,
    NORMAL_NOTAGS
};

/* Most bytes that one byte of input, or the end, can become. */
#define NORMAL_HTML_ROOM 32

struct normal_html {
    uint64_t word;        /* Last eight bytes of a name: of a tag, an attribute or a reference. */
    uint32_t number;      /* Value of a numeric reference. */
    uint16_t word_len;    /* Saturates. */
    uint16_t piece_len;   /* Bytes of the current piece, */
    uint16_t word_at_end; /* of which so many at its end are no white space. */
    uint16_t link_len;    /* Bytes of the link's value, the opening quote counts. */
    uint8_t view;         /* enum normal_view */
    uint8_t state;
    uint8_t back;           /* Where a reference returns to. */
    uint8_t tag;            /* What the name of the current tag means. */
    uint8_t link;           /* Whether this attribute is the link. */
    uint8_t held;           /* Byte of a quoted link: not written before the next one has come. */
    uint8_t quote;          /* The quote that ends the value; 0: none. */
    uint8_t text_group_len; /* Bytes above 0x7f that wait for others behind them: of text, */
    uint8_t text_group[3];
    uint8_t value_group_len; /* of values. */
    uint8_t value_group[3];
    bool blank; /* NOTAGS: the last byte written is a space. */
    bool lost;  /* White space that comes now is lost. */
    bool empty; /* Nothing of the value was written. */
    bool has_held;
    bool link_quoted;
    bool linked; /* NOTAGS: the tag's link was written. */
};

void normal_html_init(struct normal_html *html, enum normal_view view);

/*
 * Takes bytes off the front of `*in` and returns how many were written to `out`. Stops when the
 * input is used up or fewer than NORMAL_HTML_ROOM bytes of `cap` are left.
 */
size_t normal_html_run(struct normal_html *html, struct slice *in, uint8_t *out, size_t cap);

/* What was held back when the page ends; at most NORMAL_HTML_ROOM bytes. */
size_t normal_html_end(struct normal_html *html, uint8_t *out);
