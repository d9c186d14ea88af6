#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * normal_page - the regular parts of a page, 64 bytes at a time.
 *
 * Role: the quick twin of the state machine in normal_html.c for text and for whole tags that read
 * in a view as they stand but for case and white space, which nearly all tags do; for scripts and
 * for what is left out. Which bytes those are, and which of them stay, is found with masks of 64
 * bits, a bit for each byte, without looking at single bytes. Whatever is not regular is left to
 * the state machine, which both then and before is in the very state that it would have come to by
 * itself. With AVX-512 (VBMI2) or AVX2. Private to normal_html.c.
 * Memory: none.
 */
#include "match/normal_html.h"

/*
 *     TEXT ──<──► TAG ──► NAME ──► GAP ◄──► ATTR ──=──► EQUAL ──► VALUE ◄──► SPLIT
 *      ▲           │!       │>      │>                               │>
 *      ├───>── SKIP◄┘       └───┬───┴────────────────────────────────┘
 *      └────────────────────────┤
 *      ▲                        ▼ script, style
 *      └── SCRIPT_NAME ◄─── SCRIPT_TAG ◄──<── SCRIPT
 *
 * REF, REF_NAME, REF_LONG, REF_DECIMAL, REF_HEX are entered with `&` from TEXT, SCRIPT and VALUE
 * and return there.
 */
enum html_state {
    HTML_FOLD, /* TEXT behind a tag: white space says nothing, */
    HTML_WAIT, /* or behind white space: a space is written when something follows. */
    HTML_TEXT,
    HTML_GAP, /* White space, or a closing quote, was last. */
    HTML_VALUE,
    HTML_SCRIPT,
    HTML_SKIP,
    HTML_QUICK_STATES, /* Those before are normal_page's as well. */
    HTML_TAG = HTML_QUICK_STATES,
    HTML_NAME,
    HTML_ATTR,
    HTML_EQUAL,
    HTML_SPLIT, /* White space inside a quoted VALUE. */
    HTML_SCRIPT_TAG,
    HTML_SCRIPT_NAME,
    HTML_SCRIPT_SKIP, /* `<!` in a script, to the next `>`. */
    HTML_REF,
    HTML_REF_NAME,
    HTML_REF_LONG,
    HTML_REF_DECIMAL,
    HTML_REF_HEX,
};

enum html_tag {
    HTML_TAG_OTHER,
    HTML_TAG_SCRIPT,
    HTML_TAG_STYLE,
    HTML_TAG_A,
    HTML_TAG_IMG,
};

enum html_link {
    HTML_LINK_NONE,
    HTML_LINK_NOW, /* The value that comes is the link. */
    HTML_LINK_DONE,
};

#define NORMAL_PAGE_BLOCK 64

/* Room that a step takes, though fewer bytes may count. */
#define NORMAL_PAGE_ROOM (2 * NORMAL_PAGE_BLOCK + 8)

/* Whether the tag is one that normal_page_run goes on in. */
static inline bool normal_page_may_go_on(const struct normal_html *html)
{
    if (html->view == NORMAL_NOCOMMENT) {
        return html->tag != HTML_TAG_SCRIPT && html->tag != HTML_TAG_STYLE;
    }
    /* A link must have been written, and no space behind it. */
    return html->tag == HTML_TAG_OTHER ||
           (html->tag >= HTML_TAG_A && html->link == HTML_LINK_DONE && html->linked != html->blank);
}

/* Whether the state is one that normal_page_run goes on from. */
static inline bool normal_page_may_run(const struct normal_html *html)
{
    if (html->state >= HTML_QUICK_STATES || html->text_group_len > 0 || html->value_group_len > 0) {
        return false;
    }
    if (html->state == HTML_VALUE) {
        return html->quote == '"' && !html->empty && normal_page_may_go_on(html);
    }
    return html->state != HTML_GAP || normal_page_may_go_on(html);
}

/*
 * Takes bytes without zeros off the front of `in` and returns how many; 0 when what comes is not
 * regular. `*out` is moved behind what was written. normal_page_may_run holds.
 */
size_t normal_page_run(struct normal_html *html, struct slice in, uint8_t **out,
                       const uint8_t *out_end);

/* Whether this CPU can do any of it. */
bool normal_page_usable(void);

enum normal_page_way {
    NORMAL_PAGE_BEST,
    NORMAL_PAGE_AVX512,
    NORMAL_PAGE_AVX2,
    NORMAL_PAGE_NONE, /* The state machine alone. */
};

/* For tests: the way that is taken from now on. False when this CPU cannot go it. */
bool normal_page_force(enum normal_page_way way);
