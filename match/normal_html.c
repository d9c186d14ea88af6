/* SPDX-License-Identifier: MIT */
#include "match/normal_html.h"

#include "base/assert.h"
#include "match/normal_entity.h"
#include "match/normal_page.h"

#include <emmintrin.h>

#define HTML_LINK_MAX 1024
#define HTML_PIECE    8191

/* The bytes of a name, the last one lowest. */
#define WORD1(a)                ((uint64_t)(a))
#define WORD3(a, b, c)          (WORD1(a) << 16 | WORD1(b) << 8 | WORD1(c))
#define WORD4(a, b, c, d)       (WORD3(a, b, c) << 8 | WORD1(d))
#define WORD5(a, b, c, d, e)    (WORD4(a, b, c, d) << 8 | WORD1(e))
#define WORD6(a, b, c, d, e, f) (WORD5(a, b, c, d, e) << 8 | WORD1(f))
#define WORD_SCRIPT             WORD6('s', 'c', 'r', 'i', 'p', 't')
#define WORD_STYLE              WORD5('s', 't', 'y', 'l', 'e')

static inline bool is_space(uint8_t c)
{
    return c == ' ' || (uint8_t)(c - '\t') <= '\r' - '\t';
}

static inline uint8_t small(uint8_t c)
{
    return (uint8_t)(c | ((uint8_t)(c - 'A') <= 'Z' - 'A') << 5);
}

/* ---- Writing ---- */

static inline void page_put(const struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (html->view == NORMAL_NOCOMMENT) {
        *(*out)++ = c;
    }
}

static inline void text_put(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (html->view == NORMAL_NOTAGS) {
        *(*out)++ = c;
        html->blank = c == ' ';
    }
}

static inline void text_put_blank(struct normal_html *html, uint8_t **out)
{
    if (!html->blank) {
        text_put(html, out, ' ');
    }
}

/*
 * A byte of the link's value. Of a quoted one the first byte and the last are not written; which is
 * the last shows one byte later. A zero ends it.
 */
static void link_put(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (html->link != HTML_LINK_NOW || html->link_len == HTML_LINK_MAX) {
        return;
    }
    if (html->has_held) {
        text_put(html, out, html->held);
    }
    html->has_held = html->link_quoted && c != 0;
    html->held = c;
    if (html->link_len == 0 && c == '"') {
        html->link_quoted = true;
    } else if (!html->link_quoted && c != 0) {
        text_put(html, out, c);
    }
    html->link_len = c != 0 ? html->link_len + 1 : HTML_LINK_MAX;
}

/* A byte of an attribute's value. */
static inline void value_put(struct normal_html *html, uint8_t **out, uint8_t c)
{
    html->empty = false;
    page_put(html, out, small(c));
    link_put(html, out, c);
}

static bool back_is_value(const struct normal_html *html)
{
    return html->back == HTML_VALUE;
}

/*
 * Bytes above 0x7f are written three at a time. Of the text view ClamAV makes something odd: the
 * last byte of a group is the one before it again, a single byte is zero; and none of them counts
 * when it decides whether a space stands there.
 */
static void text_group_write(struct normal_html *html, uint8_t **out)
{
    const unsigned len = html->text_group_len;
    uint8_t before = 0;

    html->text_group_len = 0;
    for (unsigned i = 0; i < len; i++) {
        page_put(html, out, html->text_group[i]);
        if (html->view == NORMAL_NOTAGS) {
            *(*out)++ = i + 1 < len ? html->text_group[i] : before;
            before = html->text_group[i];
        }
    }
}

static void text_group_add(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (html->text_group_len == sizeof(html->text_group)) {
        text_group_write(html, out);
    }
    html->text_group[html->text_group_len++] = c;
}

/* A group in a value waits for an ordinary byte in this value or, if there is none, in a later one.
 */
static void value_group_write(struct normal_html *html, uint8_t **out)
{
    const unsigned len = html->value_group_len;

    html->value_group_len = 0;
    for (unsigned i = 0; i < len; i++) {
        value_put(html, out, html->value_group[i]);
    }
}

static void value_group_add(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (html->value_group_len == sizeof(html->value_group)) {
        value_group_write(html, out);
    }
    html->value_group[html->value_group_len++] = c;
}

/* ---- Names ---- */

static inline void word_start(struct normal_html *html)
{
    html->word = 0;
    html->word_len = 0;
}

static inline void word_add(struct normal_html *html, uint8_t c)
{
    html->word = html->word << 8 | c;
    if (html->word_len < UINT16_MAX) {
        html->word_len++;
    }
}

static bool word_is(const struct normal_html *html, uint64_t word, unsigned len)
{
    return html->word_len == len && html->word == word;
}

static void tag_know(struct normal_html *html)
{
    html->tag = HTML_TAG_OTHER;
    if (word_is(html, WORD_SCRIPT, 6)) {
        html->tag = HTML_TAG_SCRIPT;
    } else if (word_is(html, WORD_STYLE, 5)) {
        html->tag = HTML_TAG_STYLE;
    } else if (word_is(html, WORD1('a'), 1)) {
        html->tag = HTML_TAG_A;
    } else if (word_is(html, WORD3('i', 'm', 'g'), 3)) {
        html->tag = HTML_TAG_IMG;
    }
    html->link = HTML_LINK_NONE;
    html->linked = false;
    word_start(html);
}

static void tag_end(struct normal_html *html, uint8_t **out)
{
    page_put(html, out, '>');
    if (html->linked) {
        text_put(html, out, ' ');
    }
    html->state =
        html->tag == HTML_TAG_SCRIPT || html->tag == HTML_TAG_STYLE ? HTML_SCRIPT : HTML_FOLD;
}

static bool attr_is_link(const struct normal_html *html)
{
    if (html->link != HTML_LINK_NONE) {
        return false;
    }
    return (html->tag == HTML_TAG_A && word_is(html, WORD4('h', 'r', 'e', 'f'), 4)) ||
           (html->tag == HTML_TAG_IMG && word_is(html, WORD3('s', 'r', 'c'), 3));
}

/* ---- References ---- */

static void ref_start(struct normal_html *html, uint8_t back)
{
    html->back = back;
    html->state = HTML_REF;
    html->number = 0;
    word_start(html);
}

static void ref_put(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (back_is_value(html)) {
        value_put(html, out, c);
    } else {
        page_put(html, out, small(c));
    }
}

/* It meant nothing: as it stands. */
static void ref_put_name(struct normal_html *html, uint8_t **out)
{
    ref_put(html, out, '&');
    for (unsigned i = html->word_len; i-- > 0;) {
        ref_put(html, out, small((uint8_t)(html->word >> 8 * i)));
    }
}

static void ref_put_code(struct normal_html *html, uint8_t **out, uint32_t code)
{
    static const char digits[] = "0123456789abcdef";
    const uint16_t low = (uint16_t)code;

    if (back_is_value(html)) {
        html->empty = false;
        link_put(html, out, (uint8_t)low);
    }
    if (low >= 0xff) {
        page_put(html, out, '&');
        page_put(html, out, '#');
        page_put(html, out, 'x');
        for (int shift = 12; shift >= 0; shift -= 4) {
            page_put(html, out, (uint8_t)digits[low >> shift & 15]);
        }
        page_put(html, out, ';');
    } else if (code < 0x80) {
        page_put(html, out, small((uint8_t)low));
    } else if (low != 0) {
        page_put(html, out, (uint8_t)low);
    }
}

static void ref_name_end(struct normal_html *html, uint8_t **out)
{
    const uint16_t code = normal_entity_find(html->word);

    if (code != 0) {
        ref_put_code(html, out, code);
    } else {
        ref_put_name(html, out);
        ref_put(html, out, ';');
    }
}

static bool is_name(uint8_t c)
{
    return (uint8_t)(small(c) - 'a') < 26 || (uint8_t)(c - '0') < 10 || c == '-';
}

/* The next byte of `&name`; false when it does not belong to it. */
static bool ref_name_step(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (c == ';') {
        ref_name_end(html, out);
        html->state = html->back;
        return true;
    }
    if (!is_name(c)) {
        ref_put_name(html, out);
        html->state = html->back;
        return false;
    }
    if (html->word_len == NORMAL_ENTITY_MAX) {
        ref_put_name(html, out);
        ref_put(html, out, c);
        html->state = HTML_REF_LONG;
    } else {
        word_add(html, c);
    }
    return true;
}

static bool ref_long_step(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (c == ';' || !is_name(c)) {
        html->state = html->back;
    }
    if (c == ';' || is_name(c)) {
        ref_put(html, out, c);
        return true;
    }
    return false;
}

/* Only the low half counts, and whether there was more. */
static void ref_add_digit(struct normal_html *html, uint32_t base, uint8_t digit)
{
    const uint32_t number = (html->number & 0xffff) * base + digit;

    html->number = (number & 0xffff) | ((html->number | number) > 0xffff ? 0x10000 : 0);
}

static bool ref_number_step(struct normal_html *html, uint8_t **out, uint8_t c)
{
    const bool hex = html->state == HTML_REF_HEX;
    const uint8_t letter = small(c);

    if ((uint8_t)(c - '0') < 10) {
        ref_add_digit(html, hex ? 16 : 10, (uint8_t)(c - '0'));
        html->word_len = 1;
        return true;
    }
    if (letter == 'x' && (hex || html->word_len == 0)) {
        html->state = HTML_REF_HEX;
        return true;
    }
    if (hex && (uint8_t)(letter - 'a') < 6) {
        ref_add_digit(html, 16, (uint8_t)(letter - 'a' + 10));
        return true;
    }
    html->state = html->back;
    if (c == ';') {
        ref_put_code(html, out, html->number);
        return true;
    }
    page_put(html, out, (uint8_t)html->number);
    return false;
}

/* ---- One byte ---- */

static inline void step_text(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (is_space(c)) {
        if (html->state == HTML_TEXT) {
            text_group_write(html, out);
            text_put_blank(html, out);
            html->state = HTML_WAIT;
        }
        return;
    }
    if (html->state == HTML_WAIT) {
        page_put(html, out, ' ');
    }
    html->state = HTML_TEXT;
    if (c >= 0x80) {
        text_group_add(html, out, c);
        return;
    }
    text_group_write(html, out);
    if (c == '<' || c == '&') {
        text_put_blank(html, out);
        if (c == '<') {
            html->state = HTML_TAG;
        } else {
            ref_start(html, HTML_TEXT);
        }
    } else if (c < ' ') {
        page_put(html, out, c);
        text_put_blank(html, out);
    } else {
        page_put(html, out, small(c));
        text_put(html, out, small(c));
    }
}

static inline void step_name(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (c == '>' || is_space(c)) {
        tag_know(html);
        if (c == '>') {
            tag_end(html, out);
        } else {
            html->state = HTML_GAP;
        }
        return;
    }
    page_put(html, out, small(c));
    word_add(html, small(c));
}

static void step_tag(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (is_space(c)) {
        return;
    }
    if (c == '!') {
        html->state = HTML_SKIP;
        return;
    }
    page_put(html, out, '<');
    html->state = HTML_NAME;
    word_start(html);
    step_name(html, out, c);
}

static void attr_equal(struct normal_html *html, uint8_t **out)
{
    page_put(html, out, '=');
    html->state = HTML_EQUAL;
    if (attr_is_link(html)) {
        html->link = HTML_LINK_NOW;
    }
    word_start(html);
}

static void step_gap(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (is_space(c)) {
        return;
    }
    if (c == '>') {
        tag_end(html, out);
    } else if (c == '=') {
        attr_equal(html, out);
    } else {
        if (attr_is_link(html)) {
            html->link = HTML_LINK_DONE;
        }
        word_start(html);
        word_add(html, small(c));
        page_put(html, out, ' ');
        page_put(html, out, small(c));
        html->state = HTML_ATTR;
    }
}

static inline void step_attr(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (is_space(c)) {
        html->state = HTML_GAP;
    } else if (c == '>') {
        tag_end(html, out);
    } else if (c == '=') {
        attr_equal(html, out);
    } else {
        page_put(html, out, small(c));
        word_add(html, small(c));
    }
}

static void value_end(struct normal_html *html)
{
    if (html->link == HTML_LINK_NOW) {
        html->link = HTML_LINK_DONE;
        html->linked = html->link_len > (html->link_quoted ? 2 : 0);
    }
}

static void value_quote(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (c == html->quote) {
        value_put(html, out, '"');
        value_end(html);
        html->state = HTML_GAP;
        return;
    }
    if (html->empty) {
        html->quote = c;
    }
    value_put(html, out, '"');
}

/* White space and `>` end a quotation, but not the value. */
static inline void step_value(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (is_space(c) || c == '>') {
        if (html->quote != 0) {
            html->quote = 0;
            value_put(html, out, c == '>' ? '>' : ' ');
            html->state = c == '>' ? HTML_VALUE : HTML_SPLIT;
            return;
        }
        value_end(html);
        if (c == '>') {
            tag_end(html, out);
        } else {
            html->state = HTML_GAP;
        }
    } else if (c == '"' || c == '\'') {
        value_quote(html, out, c);
    } else if (c == '&') {
        ref_start(html, HTML_VALUE);
    } else if (c >= 0x80) {
        value_group_add(html, out, c);
    } else {
        value_group_write(html, out);
        value_put(html, out, c);
    }
}

static void step_equal(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (is_space(c)) {
        return;
    }
    if (c == '>') {
        tag_end(html, out);
        return;
    }
    html->quote = 0;
    html->empty = true;
    html->link_len = 0;
    html->link_quoted = false;
    html->has_held = false;
    html->state = HTML_VALUE;
    step_value(html, out, c);
}

static void step_split(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (!is_space(c)) {
        html->state = HTML_VALUE;
        step_value(html, out, c);
    }
}

static inline void step_script(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (c >= 0x80) {
        text_group_add(html, out, c);
        return;
    }
    text_group_write(html, out);
    if (is_space(c)) {
        return;
    }
    if (c == '&') {
        ref_start(html, HTML_SCRIPT);
        return;
    }
    page_put(html, out, c == '\'' ? '"' : small(c));
    if (c == '<') {
        html->state = HTML_SCRIPT_TAG;
    }
}

static void step_script_tag(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (is_space(c)) {
        return;
    }
    page_put(html, out, small(c));
    html->state = HTML_SCRIPT;
    if (c == '/') {
        html->state = HTML_SCRIPT_NAME;
        word_start(html);
    } else if (c == '!') {
        html->state = HTML_SCRIPT_SKIP;
    }
}

static void step_script_skip(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (!is_space(c)) {
        page_put(html, out, c == '\'' ? '"' : small(c));
    }
    if (c == '>') {
        html->state = HTML_SCRIPT;
    }
}

static void step_script_name(struct normal_html *html, uint8_t **out, uint8_t c)
{
    const bool end = c == '>' || is_space(c);

    if (!is_space(c)) {
        page_put(html, out, small(c));
    }
    if (!end) {
        word_add(html, small(c));
    } else if (word_is(html, WORD_SCRIPT, 6) ||
               (html->tag == HTML_TAG_STYLE && word_is(html, WORD_STYLE, 5))) {
        html->state = HTML_FOLD;
    } else {
        html->state = HTML_SCRIPT;
    }
}

/* False when the byte belongs to what follows. */
static bool step_ref(struct normal_html *html, uint8_t **out, uint8_t c)
{
    switch (html->state) {
    case HTML_REF:
        if (c == '#') {
            html->state = HTML_REF_DECIMAL;
            return true;
        }
        html->state = HTML_REF_NAME;
        return ref_name_step(html, out, c);
    case HTML_REF_NAME:
        return ref_name_step(html, out, c);
    case HTML_REF_LONG:
        return ref_long_step(html, out, c);
    default:
        return ref_number_step(html, out, c);
    }
}

static void html_step(struct normal_html *html, uint8_t **out, uint8_t c)
{
    if (c == '\r') {
        return;
    }
    if (html->state >= HTML_REF && step_ref(html, out, c)) {
        return;
    }
    switch (html->state) {
    case HTML_FOLD:
    case HTML_WAIT:
    case HTML_TEXT:
        step_text(html, out, c);
        break;
    case HTML_TAG:
        step_tag(html, out, c);
        break;
    case HTML_NAME:
        step_name(html, out, c);
        break;
    case HTML_GAP:
        step_gap(html, out, c);
        break;
    case HTML_ATTR:
        step_attr(html, out, c);
        break;
    case HTML_EQUAL:
        step_equal(html, out, c);
        break;
    case HTML_SPLIT:
        step_split(html, out, c);
        break;
    case HTML_VALUE:
        step_value(html, out, c);
        break;
    case HTML_SKIP:
        html->state = c == '>' ? HTML_FOLD : HTML_SKIP;
        break;
    case HTML_SCRIPT:
        step_script(html, out, c);
        break;
    case HTML_SCRIPT_TAG:
        step_script_tag(html, out, c);
        break;
    case HTML_SCRIPT_NAME:
        step_script_name(html, out, c);
        break;
    case HTML_SCRIPT_SKIP:
        step_script_skip(html, out, c);
        break;
    default:
        ASSERT(!"no such state");
    }
}

/* ---- Sixteen bytes ---- */

#define HTML_BLOCK 16

struct html_block {
    __m128i bytes;
    __m128i flat; /* In small letters, white space as spaces. */
    unsigned spaces;
};

static inline __m128i block_is(__m128i bytes, char c)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c));
}

static inline struct html_block block_load(const uint8_t *from)
{
    const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)from);
    const __m128i line = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('\t' - 1)),
                                       _mm_cmplt_epi8(bytes, _mm_set1_epi8('\r' + 1)));
    const __m128i large = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('A' - 1)),
                                        _mm_cmplt_epi8(bytes, _mm_set1_epi8('Z' + 1)));
    const __m128i small_bytes = _mm_or_si128(bytes, _mm_and_si128(large, _mm_set1_epi8(0x20)));
    const __m128i blank = _mm_set1_epi8(' ');

    return (struct html_block){
        .bytes = bytes,
        .flat = _mm_or_si128(_mm_andnot_si128(line, small_bytes), _mm_and_si128(line, blank)),
        .spaces = (unsigned)_mm_movemask_epi8(_mm_or_si128(line, block_is(bytes, ' '))),
    };
}

/* Writes the bytes in front of the first of `stops`; returns how many. */
static inline size_t block_store(const struct html_block *block, unsigned stops, uint8_t **out)
{
    const unsigned len = (unsigned)__builtin_ctz(stops | 1U << HTML_BLOCK);

    _mm_storeu_si128((__m128i *)(void *)*out, block->flat);
    *out += len;
    return len;
}

/* Words with single spaces between them; it ends with a word, so that no space waits. */
static inline size_t block_text(struct normal_html *html, const uint8_t *from, uint8_t **out)
{
    const struct html_block block = block_load(from);
    const __m128i low = _mm_cmplt_epi8(block.bytes, _mm_set1_epi8(' '));
    const __m128i marks = _mm_or_si128(block_is(block.bytes, '<'), block_is(block.bytes, '&'));
    const unsigned lows = (unsigned)_mm_movemask_epi8(low) & ~block.spaces;
    const unsigned returns = (unsigned)_mm_movemask_epi8(block_is(block.bytes, '\r'));
    const unsigned pairs = block.spaces & block.spaces << 1;
    unsigned stops = (unsigned)_mm_movemask_epi8(marks) | lows | returns | pairs | 1U << HTML_BLOCK;

    if (html->text_group_len > 0 || html->blank) {
        return 0;
    }
    const unsigned before = (stops & -stops) >> 1;

    stops |= before & block.spaces;
    return block_store(&block, stops, out);
}

/* Bytes of a tag or script that mean more than themselves. */
static inline unsigned block_plain_stops(const struct html_block *block)
{
    const __m128i low = _mm_cmplt_epi8(block->bytes, _mm_set1_epi8(' ' + 1));
    const __m128i ends =
        _mm_or_si128(block_is(block->bytes, '<'),
                     _mm_or_si128(block_is(block->bytes, '>'), block_is(block->bytes, '=')));
    const __m128i quotes =
        _mm_or_si128(block_is(block->bytes, '&'),
                     _mm_or_si128(block_is(block->bytes, '"'), block_is(block->bytes, '\'')));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(ends, quotes)));
}

static inline size_t block_plain(const struct normal_html *html, const uint8_t *from, uint8_t **out)
{
    const struct html_block block = block_load(from);
    uint8_t *to = *out;
    const size_t len = block_store(&block, block_plain_stops(&block), &to);

    if (html->view == NORMAL_NOCOMMENT) {
        *out = to;
    }
    return len;
}

/* Bytes of a quoted link, behind the first one: the last of them is held. */
static inline size_t block_link(struct normal_html *html, const uint8_t *from, uint8_t **out)
{
    const struct html_block block = block_load(from);
    const size_t len = (size_t)__builtin_ctz(block_plain_stops(&block) | 1U << HTML_BLOCK);

    if (len == 0 || !html->has_held || html->link_len + len >= HTML_LINK_MAX) {
        return 0;
    }
    **out = html->held;
    memcpy(*out + 1, from, HTML_BLOCK);
    *out += len;
    html->blank = len == 1 && html->held == ' ';
    html->held = from[len - 1];
    html->link_len += (uint16_t)len;
    return len;
}

/* What is simple about the next bytes; zero when nothing is, or when the state wants them singly.
 */
static inline size_t html_run_block(struct normal_html *html, const uint8_t *from,
                                    const uint8_t *end, uint8_t **out)
{
    size_t len = 0;

    if (end - from < HTML_BLOCK) {
        return 0;
    }
    switch (html->state) {
    case HTML_TEXT:
        return block_text(html, from, out);
    case HTML_NAME:
    case HTML_ATTR:
        len = block_plain(html, from, out);
        for (size_t i = 0; i < len; i++) {
            word_add(html, small(from[i]));
        }
        return len;
    case HTML_VALUE:
        if (html->value_group_len > 0) {
            return 0;
        }
        if (html->link == HTML_LINK_NOW && html->view == NORMAL_NOTAGS) {
            return block_link(html, from, out);
        }
        len = block_plain(html, from, out);
        html->empty = html->empty && len == 0;
        return len;
    case HTML_SCRIPT:
        return html->text_group_len == 0 ? block_plain(html, from, out) : 0;
    default:
        return 0;
    }
}

/* ---- Whole pieces ---- */

void normal_html_init(struct normal_html *html, enum normal_view view)
{
    *html = (struct normal_html){.view = (uint8_t)view, .state = HTML_FOLD, .back = HTML_TEXT};
}

/* How many bytes at the end of a piece are no white space. */
static size_t piece_word_len(const uint8_t *from, const uint8_t *end)
{
    const uint8_t *at = end;

    while (at > from && !is_space(at[-1])) {
        at--;
    }
    return (size_t)(end - at);
}

/*
 * ClamAV reads a page in pieces that end with a word, if they can. White space at the beginning of
 * one is lost.
 */
static void piece_begin(struct normal_html *html, uint8_t c)
{
    const bool whole = is_space(c) || html->word_at_end == HTML_PIECE;

    html->lost = is_space(c);
    html->piece_len = whole ? 0 : html->word_at_end;
    html->word_at_end = html->piece_len;
}

/*
 * The state machine, at least one byte of it, and to where normal_page may go on in a state below
 * `stop`.
 * Once for each view: with everything inlined the compiler keeps the state in registers and leaves
 * out what the other view is for.
 */
static inline const uint8_t *html_run_bytes(struct normal_html *html, struct slice in,
                                            uint8_t **out, const uint8_t *out_end,
                                            enum normal_view view, unsigned stop)
{
    struct normal_html local = *html;
    const uint8_t *at = in.ptr;
    const uint8_t *end = in.ptr + in.len;
    uint8_t *to = *out;

    local.view = (uint8_t)view;
    while (at < end && out_end - to >= NORMAL_HTML_ROOM) {
        const size_t len = html_run_block(&local, at, end, &to);

        if (len > 0) {
            at += len;
        } else {
            html_step(&local, &to, *at++);
        }
        if (local.state < stop && normal_page_may_run(&local)) {
            break;
        }
    }
    *html = local;
    *out = to;
    return at;
}

__attribute__((flatten)) static const uint8_t *html_run_nocomment(struct normal_html *html,
                                                                  struct slice in, uint8_t **out,
                                                                  const uint8_t *out_end,
                                                                  unsigned stop)
{
    return html_run_bytes(html, in, out, out_end, NORMAL_NOCOMMENT, stop);
}

__attribute__((flatten)) static const uint8_t *html_run_notags(struct normal_html *html,
                                                               struct slice in, uint8_t **out,
                                                               const uint8_t *out_end,
                                                               unsigned stop)
{
    return html_run_bytes(html, in, out, out_end, NORMAL_NOTAGS, stop);
}

/* What may be a whole reference; how much of it was taken, or 0 when it looks like none. */
static size_t html_run_ref(struct normal_html *html, struct slice in, uint8_t **out,
                           const uint8_t *out_end)
{
    const bool may = html->state <= HTML_TEXT || html->state == HTML_VALUE;
    size_t len = 1;

    if (in.len < NORMAL_ENTITY_MAX + 2 || in.ptr[0] != '&' || !may ||
        out_end - *out < NORMAL_HTML_ROOM) {
        return 0;
    }
    while (len <= NORMAL_ENTITY_MAX && (is_name(in.ptr[len]) || in.ptr[len] == '#')) {
        len++;
    }
    if (in.ptr[len] != ';') {
        return 0;
    }
    html_step(html, out, '&');
    for (size_t i = 1; i <= len; i++) {
        if (!step_ref(html, out, in.ptr[i])) {
            return i;
        }
    }
    return len + 1;
}

/* Bytes of one piece, without zeros, which do not count at all. */
static const uint8_t *html_run_piece(struct normal_html *html, const uint8_t *from,
                                     const uint8_t *end, uint8_t **out, const uint8_t *out_end)
{
    const bool quick = normal_page_usable();
    const uint8_t *at = from;

    while (at < end && html->lost) {
        html->lost = is_space(*at);
        at += html->lost;
    }
    while (at < end && out_end - *out >= NORMAL_HTML_ROOM) {
        unsigned stop = quick ? HTML_QUICK_STATES : 0;

        if (quick && normal_page_may_run(html)) {
            const uint8_t *before = at;

            at += normal_page_run(html, slice_from(at, (size_t)(end - at)), out, out_end);
            /* The rest of a tag that is not regular here is not worth another trial. */
            stop = at == before ? HTML_GAP : stop;
            const size_t len = html_run_ref(html, slice_from(at, (size_t)(end - at)), out, out_end);

            if (len > 0) {
                at += len;
                continue;
            }
        }
        const struct slice rest = slice_from(at, (size_t)(end - at));

        at = html->view == NORMAL_NOTAGS ? html_run_notags(html, rest, out, out_end, stop)
                                         : html_run_nocomment(html, rest, out, out_end, stop);
    }
    const size_t word_len = piece_word_len(from, at);

    html->piece_len += (uint16_t)(at - from);
    html->word_at_end =
        (uint16_t)(word_len == (size_t)(at - from) ? html->word_at_end + word_len : word_len);
    return at;
}

size_t normal_html_run(struct normal_html *html, struct slice *in, uint8_t *out, size_t cap)
{
    const uint8_t *from = in->ptr;
    const uint8_t *const end = from + in->len;
    const uint8_t *const out_end = out + cap;
    uint8_t *to = out;

    while (from < end && out_end - to >= NORMAL_HTML_ROOM) {
        if (*from == 0) {
            from++;
            continue;
        }
        if (html->piece_len == HTML_PIECE) {
            piece_begin(html, *from);
        }
        const size_t len = MIN_OF((size_t)(end - from), (size_t)(HTML_PIECE - html->piece_len));
        const uint8_t *zero = memchr(from, 0, len);

        from = html_run_piece(html, from, zero ? zero : from + len, &to, out_end);
    }
    *in = slice_from(from, (size_t)(end - from));
    return (size_t)(to - out);
}

size_t normal_html_end(struct normal_html *html, uint8_t *out)
{
    uint8_t *to = out;

    if (html->state == HTML_TAG) {
        page_put(html, &to, '<');
    } else if (html->state == HTML_REF_NAME) {
        const uint16_t code = normal_entity_find(html->word);

        if (code != 0) {
            ref_put_code(html, &to, code);
        } else {
            ref_put_name(html, &to);
        }
    }
    return (size_t)(to - out);
}
