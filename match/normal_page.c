/* SPDX-License-Identifier: MIT */
#include "match/normal_page.h"

#include "base/assert.h"
#include "base/macro.h"
#include "match/normal_wide.h"

#include <immintrin.h>

#define PAGE_INLINE static inline __attribute__((always_inline))

/*
 * What the bytes of a block are, the first one lowest. Letters mean those in either case. What
 * stands behind the block's `len` bytes is nothing of all that.
 */
struct page_bits {
    unsigned len;
    uint64_t space;
    uint64_t open;  /* < */
    uint64_t close; /* > */
    uint64_t equal;
    uint64_t quote;      /* " */
    uint64_t apostrophe; /* ' */
    uint64_t amp;
    uint64_t bang;
    uint64_t high;    /* Above 0x7f. */
    uint64_t control; /* Below a space, and no white space. */
    uint64_t script;  /* `scr` and `sty`. */
    uint64_t link_a;  /* The letter of the tag's name, and white space behind it; */
    uint64_t link_img;
    uint64_t href; /* the words of their links, where they begin. */
    uint64_t src;
};

/* What of struct normal_html counts here. */
struct page_now {
    enum normal_view view;
    unsigned state;
    unsigned tag;
    unsigned link;
    bool linked;
    bool blank;
};

/* What becomes of a block. */
struct page_step {
    unsigned taken;   /* Bytes of it that are done. */
    bool space_first; /* Write a space, then */
    uint64_t keeps;   /* those of these bytes, */
    uint64_t blanks;  /* these as spaces, */
    uint64_t as_is;   /* these as they stand, the others in small letters; */
    uint64_t quotes;  /* these as double quotes. */
};

/* ---- Masks ---- */

/* The bits below bit number `len`. */
PAGE_INLINE uint64_t bits_below(unsigned len)
{
    return len < 64 ? (UINT64_C(1) << len) - 1 : UINT64_MAX;
}

/* Bit i: whether an odd number of the bits 0 to i is set. */
PAGE_INLINE uint64_t bits_parity(uint64_t bits)
{
    for (unsigned shift = 1; shift < 64; shift *= 2) {
        bits ^= bits << shift;
    }
    return bits;
}

PAGE_INLINE unsigned bits_first(uint64_t bits)
{
    return (unsigned)__builtin_ctzll(bits);
}

PAGE_INLINE unsigned bits_last(uint64_t bits)
{
    return 63 - (unsigned)__builtin_clzll(bits);
}

/* ---- Tags ---- */

struct page_tags {
    unsigned end;    /* What stands before it is text and regular tags. */
    uint64_t bytes;  /* Those of the tags. */
    uint64_t quoted; /* Opening quotes and what follows, without the closing ones. */
    bool in_gap;     /* One of them goes on behind `end`, where an attribute may begin, */
    bool in_value;   /* or within a quoted value. */
};

/*
 * Whether the byte `at` stands in a quoted value that has no white space before it. What looks like
 * one may be part of the tag's name, or of a value that began without quotes.
 */
PAGE_INLINE bool page_is_in_value(const struct page_bits *bits, const struct page_tags *tags,
                                  unsigned start, unsigned at)
{
    const uint64_t before = bits_below(at);
    const uint64_t quotes = bits->quote & tags->bytes & before;

    if (at <= start || !(tags->quoted >> (at - 1) & 1)) {
        return false;
    }
    if (quotes == 0) {
        return (before & bits->space) == 0;
    }
    const uint64_t outside = bits_below(bits_last(quotes)) & ~bits_below(start);
    const uint64_t gaps = outside & bits->space;
    const uint64_t name = gaps != 0 ? outside & ~bits_below(bits_last(gaps)) : outside;
    const uint64_t equals = name & bits->equal;

    return (gaps | !(bits->open >> start & 1)) != 0 && (equals & (equals - 1)) == 0 &&
           (before & ~bits_below(bits_last(quotes)) & bits->space) == 0;
}

/*
 * The tag with the byte `at` cannot be taken further: ends before it where the state machine can go
 * on, in a quoted value as yet without white space or behind a value, or else before the tag.
 */
PAGE_INLINE void page_cut_tags(const struct page_bits *bits, bool notags, uint64_t gaps,
                               unsigned at, struct page_tags *tags)
{
    const uint64_t before = bits_below(at);
    const uint64_t opens = bits->open & tags->bytes & before;
    const unsigned start = opens != 0 ? bits_last(opens) : 0;
    const bool is_link = notags && (bits->link_a | bits->link_img) >> start & 1;
    const bool in_value = !is_link && page_is_in_value(bits, tags, start, at);

    gaps &= before & ~bits_below(start);
    gaps = is_link ? 0 : gaps;
    tags->in_value = in_value;
    tags->in_gap = !in_value & (gaps != 0);
    tags->end = gaps != 0 ? bits_last(gaps) : start;
    tags->end = in_value ? at : tags->end;
}

/*
 * A tag is regular when, of its view without comments, nothing but case and the length of white
 * space tells it from what it was: no white space at its edges and around an equals sign, quotes
 * that open behind an equals sign and close before white space or the end, nothing above 0x7f and
 * no reference. Comments and what begins a script are not.
 */
PAGE_INLINE struct page_tags page_find_tags(const struct page_bits *bits,
                                            const struct page_now *now)
{
    const bool in_value = now->state == HTML_VALUE;
    const bool began = now->state == HTML_GAP || in_value;
    /* A bracket that closes before one opens is text. */
    const uint64_t text = began ? 0 : (bits->open & -bits->open) - 1;
    const uint64_t close = bits->close & ~text;
    const uint64_t marks = bits->open | close;
    const uint64_t inside = bits_parity(marks) ^ (began ? UINT64_MAX : 0);
    const uint64_t wrong = bits->open ^ (marks & inside);
    struct page_tags tags = {.end = bits->len, .bytes = inside | close};

    const uint64_t quote = bits->quote & tags.bytes;
    const uint64_t behind_space = bits->space << 1;
    const uint64_t behind_equal = bits->equal << 1;
    const uint64_t behind_open = bits->open << 1;

    tags.quoted = bits_parity(quote) ^ (in_value ? UINT64_MAX : 0);
    const uint64_t behind_value = (quote & ~tags.quoted) << 1;
    uint64_t bad = bits->amp | bits->high | bits->apostrophe;

    bad |= bits->space & (behind_open | behind_equal);
    bad |= behind_space & (bits->close | bits->equal);
    bad |= behind_open & (bits->bang | bits->script);
    bad |= quote & (tags.quoted ^ behind_equal);
    bad |= behind_value & ~(bits->space | bits->close);
    bad |= close & tags.quoted;
    bad = (bad & tags.bytes) | wrong;
    if (bad != 0 && (wrong & close & -bad & bad) != 0) {
        tags.end = bits_first(bad);
    } else if (bad != 0 || inside >> (bits->len - 1) & 1) {
        const unsigned at = bad != 0 ? bits_first(bad) : bits->len;

        page_cut_tags(bits, now->view == NORMAL_NOTAGS, behind_value & bits->space, at, &tags);
    }
    tags.bytes &= bits_below(tags.end);
    return tags;
}

/*
 * The links' values in the tags; when one is not plain to see, the tag is none of the regular ones.
 * The machine takes the first attribute of that name, wherever white space makes it see one.
 */
PAGE_INLINE uint64_t page_find_links(const struct page_bits *bits, struct page_tags *tags)
{
    uint64_t opens = (bits->link_a | bits->link_img) & tags->bytes;
    uint64_t links = 0;

    for (; opens != 0; opens &= opens - 1) {
        const unsigned open = bits_first(opens);
        const bool img = bits->link_img >> open & 1;
        const unsigned name_len = img ? 3 : 4;
        const uint64_t behind = tags->bytes & ~bits_below(open);
        const uint64_t tag = behind & bits_below(bits_first(bits->close & behind) + 1);
        const uint64_t words = (img ? bits->src : bits->href) & tag;

        if (words == 0) {
            continue;
        }
        const unsigned word = bits_first(words);
        const uint64_t value_at = UINT64_C(2) << (word + name_len);
        const uint64_t value = tag & ~(value_at | (value_at - 1));
        const uint64_t close = bits->quote & value;
        const bool plain = (words & (words - 1)) == 0 && (bits->space << 1) >> word & 1 &&
                           (bits->equal << 1 & bits->quote & tags->quoted & tag & value_at) != 0;
        const uint64_t bytes = value & ((close & -close) - 1);

        if (!plain || (bytes & bits->space) != 0) {
            tags->end = open;
            tags->in_gap = false;
            tags->in_value = false;
            tags->bytes &= bits_below(open);
            return links;
        }
        links |= bytes;
    }
    return links;
}

/* ---- Text ---- */

/*
 * What the state machine would know within a tag, as far as that makes a difference. Behind one it
 * does not, so this is done without asking: a branch here would often be mistaken.
 */
PAGE_INLINE void page_leave_tag(struct page_now *now, const struct page_bits *bits,
                                const struct page_tags *tags)
{
    const bool opened = (bits->open & tags->bytes) != 0;

    now->tag = opened ? HTML_TAG_OTHER : now->tag;
    now->link = opened ? HTML_LINK_NONE : now->link;
    now->linked = opened ? false : now->linked;
}

/*
 * Of white space between words one byte stays: the first. Where the text goes on behind what is
 * taken shows in the state.
 */
PAGE_INLINE uint64_t page_run_spaces(struct page_now *now, const struct page_bits *bits,
                                     const struct page_tags *tags, struct page_step *step)
{
    const uint64_t valid = bits_below(tags->end);
    const uint64_t spaces = bits->space & ~tags->bytes & valid;
    const uint64_t ends = bits->close & tags->bytes;
    const uint64_t others = valid & ~spaces;
    const uint64_t pending = now->state != HTML_TEXT;
    uint64_t firsts = spaces & ~(spaces << 1 | ends << 1 | pending);

    step->space_first = now->state == HTML_WAIT && others != 0;
    if (now->state == HTML_GAP) {
        step->space_first = ((bits->space | bits->close | bits->equal) & 1) == 0;
    }
    if (others == 0) {
        now->state = now->state == HTML_TEXT ? HTML_WAIT : now->state;
        return 0;
    }
    const unsigned last = bits_last(others);

    const bool waits = last + 1 != tags->end;
    const unsigned text = ends >> last & 1 ? HTML_FOLD : (waits ? HTML_WAIT : HTML_TEXT);
    const unsigned tag = tags->in_gap ? HTML_GAP : text;

    page_leave_tag(now, bits, tags);
    now->state = tags->in_value ? HTML_VALUE : tag;
    firsts &= bits_below(last);
    return firsts;
}

/* A block in one of the states of text. */
PAGE_INLINE struct page_step page_run_text(struct page_now *now, const struct page_bits *bits)
{
    const bool notags = now->view == NORMAL_NOTAGS;
    const bool linked = (now->state == HTML_GAP || now->state == HTML_VALUE) && now->linked;
    struct page_tags tags = page_find_tags(bits, now);
    const uint64_t links = notags ? page_find_links(bits, &tags) : 0;
    struct page_step step = {0};
    uint64_t stops = bits->amp;

    if (notags) {
        stops |= bits->high;
    }
    stops &= ~tags.bytes & bits_below(tags.end);
    if (stops != 0) {
        tags.end = bits_first(stops);
        tags.in_gap = false;
        tags.in_value = false;
    }
    /* Bytes above 0x7f wait for what follows. */
    if (tags.end > 0 && bits->high >> (tags.end - 1) & 1) {
        const uint64_t others = ~bits->high & bits_below(tags.end);

        tags.end = others != 0 ? bits_last(others) + 1 : 0;
    }
    if (tags.end == 0) {
        return step;
    }
    const uint64_t valid = bits_below(tags.end);

    tags.bytes &= valid;
    step.taken = tags.end;
    const uint64_t firsts = page_run_spaces(now, bits, &tags, &step);

    if (!notags) {
        step.keeps =
            (valid & ~bits->space) | firsts | (tags.bytes & bits->space & ~(bits->space << 1));
        step.blanks = bits->space;
        return step;
    }
    const uint64_t words = (valid & ~(bits->space | tags.bytes | bits->control)) | (links & valid);
    /* A space behind the link comes when its tag ends. */
    const uint64_t nothing = linked ? tags.bytes & ((bits->close & -bits->close) - 1) : 0;
    const uint64_t blanks = valid & ~(words | nothing);

    step.space_first = false;
    step.keeps = words | (blanks & ~(blanks << 1 | now->blank));
    step.blanks = blanks;
    step.as_is = links;
    if ((nothing >> (tags.end - 1) & 1) == 0) {
        now->blank = blanks >> (tags.end - 1) & 1;
    }
    return step;
}

/* A block of a script, up to what may end it. */
PAGE_INLINE struct page_step page_run_script(const struct page_now *now,
                                             const struct page_bits *bits)
{
    const uint64_t stops = bits->amp | bits->open | bits->high;
    struct page_step step = {.taken = stops != 0 ? bits_first(stops) : bits->len};

    if (now->view == NORMAL_NOCOMMENT) {
        step.keeps = bits_below(step.taken) & ~bits->space;
        step.quotes = bits->apostrophe;
    }
    return step;
}

PAGE_INLINE struct page_step page_step(struct page_now *now, const struct page_bits *bits)
{
    if (now->state == HTML_SCRIPT) {
        return page_run_script(now, bits);
    }
    /* At the very beginning, white space writes nothing though nothing is blank. */
    if (now->view == NORMAL_NOTAGS && now->state == HTML_FOLD && !now->blank) {
        return (struct page_step){0};
    }
    return page_run_text(now, bits);
}

/* ---- The state ---- */

PAGE_INLINE struct page_now page_now_of(const struct normal_html *html, enum normal_view view)
{
    return (struct page_now){
        .view = view,
        .state = html->state,
        .tag = html->tag,
        .link = html->link,
        .linked = html->linked,
        .blank = html->blank,
    };
}

PAGE_INLINE void page_now_keep(const struct page_now *now, struct normal_html *html)
{
    html->state = (uint8_t)now->state;
    html->tag = (uint8_t)now->tag;
    html->link = (uint8_t)now->link;
    html->linked = now->linked;
    html->blank = now->blank;
    if (now->state == HTML_VALUE) {
        html->quote = '"';
        html->empty = false;
    }
}

/* ---- AVX-512 ---- */

#define PAGE_WIDE                                                                                  \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,bmi,bmi2,lzcnt,popcnt")))

PAGE_WIDE PAGE_INLINE uint64_t wide_is(__m512i bytes, char c)
{
    return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(c));
}

/* The links' words, for a block that has such tags. */
PAGE_WIDE static void wide_find_words(struct page_bits *bits, __m512i small)
{
    const uint64_t r = wide_is(small, 'r');

    bits->href = wide_is(small, 'h') & r >> 1 & wide_is(small, 'e') >> 2 & wide_is(small, 'f') >> 3;
    bits->src = wide_is(small, 's') & r >> 1 & wide_is(small, 'c') >> 2;
}

PAGE_WIDE PAGE_INLINE void wide_classify(struct page_bits *bits, __m512i bytes, bool notags)
{
    const __m512i small = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
    const uint64_t valid = bits_below(bits->len);
    const uint64_t line = _mm512_cmple_epu8_mask(_mm512_sub_epi8(bytes, _mm512_set1_epi8('\t')),
                                                 _mm512_set1_epi8('\r' - '\t'));

    bits->space = (line | wide_is(bytes, ' ')) & valid;
    bits->open = wide_is(bytes, '<') & valid;
    bits->close = wide_is(bytes, '>') & valid;
    bits->equal = wide_is(bytes, '=');
    bits->quote = wide_is(bytes, '"');
    bits->apostrophe = wide_is(bytes, '\'');
    bits->amp = wide_is(bytes, '&') & valid;
    bits->bang = wide_is(bytes, '!');
    bits->high = _mm512_movepi8_mask(bytes) & valid;
    bits->control = _mm512_cmplt_epu8_mask(bytes, _mm512_set1_epi8(' ')) & ~bits->space;
    bits->script = wide_is(small, 's') & ((wide_is(small, 'c') >> 1 & wide_is(small, 'r') >> 2) |
                                          (wide_is(small, 't') >> 1 & wide_is(small, 'y') >> 2));
    bits->link_a = 0;
    bits->link_img = 0;
    if (notags && bits->open != 0) {
        bits->link_a = bits->open & wide_is(small, 'a') >> 1 & bits->space >> 2;
        bits->link_img = bits->open & wide_is(small, 'i') >> 1 & wide_is(small, 'm') >> 2 &
                         wide_is(small, 'g') >> 3 & bits->space >> 4;
        if ((bits->link_a | bits->link_img) != 0) {
            wide_find_words(bits, small);
        }
    }
}

PAGE_WIDE PAGE_INLINE void wide_write(const struct page_step *step, __m512i bytes, uint8_t **out)
{
    const __m512i blank = _mm512_set1_epi8(' ');
    const __mmask64 large = _mm512_cmple_epu8_mask(_mm512_sub_epi8(bytes, _mm512_set1_epi8('A')),
                                                   _mm512_set1_epi8('Z' - 'A'));

    **out = ' ';
    *out += step->space_first;
    bytes = _mm512_mask_add_epi8(bytes, large & ~step->as_is, bytes, blank);
    bytes = _mm512_mask_mov_epi8(bytes, step->blanks, blank);
    bytes = _mm512_mask_mov_epi8(bytes, step->quotes, _mm512_set1_epi8('"'));
    _mm512_storeu_si512(*out, _mm512_maskz_compress_epi8(step->keeps, bytes));
    *out += _mm_popcnt_u64(step->keeps);
}

/* One block; returns how many bytes were taken. CR does not count at all. */
PAGE_WIDE PAGE_INLINE size_t wide_run_block(struct page_now *now, const uint8_t *from, size_t len,
                                            uint8_t **out)
{
    const uint64_t there = bits_below((unsigned)MIN_OF(len, (size_t)NORMAL_PAGE_BLOCK));
    __m512i bytes = _mm512_maskz_loadu_epi8(there, from);
    const uint64_t counts = there & ~wide_is(bytes, '\r');
    struct page_bits bits = {.len = (unsigned)_mm_popcnt_u64(counts)};

    if (counts != there) {
        bytes = _mm512_maskz_compress_epi8(counts, bytes);
    }
    if (bits.len == 0) {
        return (size_t)_mm_popcnt_u64(there);
    }
    wide_classify(&bits, bytes, now->view == NORMAL_NOTAGS);
    const struct page_step step = page_step(now, &bits);

    wide_write(&step, bytes, out);
    if (step.taken == bits.len) {
        return (size_t)_mm_popcnt_u64(there);
    }
    return counts == there ? step.taken : bits_first(_pdep_u64(UINT64_C(1) << step.taken, counts));
}

PAGE_WIDE PAGE_INLINE size_t wide_run_view(struct normal_html *html, struct slice in, uint8_t **out,
                                           const uint8_t *out_end, enum normal_view view)
{
    struct page_now now = page_now_of(html, view);
    const uint8_t *at = in.ptr;
    const uint8_t *end = at + in.len;
    uint8_t *to = *out;
    size_t taken = 1;

    while (taken > 0 && at < end && out_end - to >= NORMAL_PAGE_ROOM) {
        taken = wide_run_block(&now, at, (size_t)(end - at), &to);
        at += taken;
    }
    page_now_keep(&now, html);
    *out = to;
    return (size_t)(at - in.ptr);
}

PAGE_WIDE static size_t wide_run(struct normal_html *html, struct slice in, uint8_t **out,
                                 const uint8_t *out_end)
{
    return html->view == NORMAL_NOTAGS ? wide_run_view(html, in, out, out_end, NORMAL_NOTAGS)
                                       : wide_run_view(html, in, out, out_end, NORMAL_NOCOMMENT);
}

/* ---- AVX2 ---- */

#define PAGE_HALF_TARGET __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define PAGE_HALF        32

/* Two halves of a block. */
struct half_block {
    __m256i low;
    __m256i high;
};

PAGE_HALF_TARGET PAGE_INLINE uint64_t half_mask(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << PAGE_HALF;
}

PAGE_HALF_TARGET PAGE_INLINE uint64_t half_is(const struct half_block *block, char c)
{
    const __m256i wanted = _mm256_set1_epi8(c);

    return half_mask(_mm256_cmpeq_epi8(block->low, wanted), _mm256_cmpeq_epi8(block->high, wanted));
}

/* Which bytes of a half are between `from` and `to`, both below 0x80. */
PAGE_HALF_TARGET PAGE_INLINE __m256i half_between(__m256i bytes, char from, char to)
{
    return _mm256_and_si256(_mm256_cmpgt_epi8(bytes, _mm256_set1_epi8((char)(from - 1))),
                            _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(to + 1)), bytes));
}

PAGE_HALF_TARGET PAGE_INLINE uint64_t half_in(const struct half_block *block, char from, char to)
{
    return half_mask(half_between(block->low, from, to), half_between(block->high, from, to));
}

PAGE_HALF_TARGET PAGE_INLINE struct half_block half_small(const struct half_block *block)
{
    const __m256i bit = _mm256_set1_epi8(0x20);

    return (struct half_block){_mm256_or_si256(block->low, bit), _mm256_or_si256(block->high, bit)};
}

PAGE_HALF_TARGET PAGE_INLINE void half_find_links(struct page_bits *bits,
                                                  const struct half_block *small)
{
    const uint64_t behind_open = bits->open << 1;
    const uint64_t a = half_is(small, 'a');
    const uint64_t i = half_is(small, 'i');

    bits->link_a = (a & behind_open & bits->space >> 1) >> 1;
    if ((i & behind_open) != 0) {
        bits->link_img = bits->open & i >> 1 & half_is(small, 'm') >> 2 & half_is(small, 'g') >> 3 &
                         bits->space >> 4;
    }
    if ((bits->link_a | bits->link_img) != 0) {
        const uint64_t r = half_is(small, 'r');

        bits->href =
            half_is(small, 'h') & r >> 1 & half_is(small, 'e') >> 2 & half_is(small, 'f') >> 3;
        bits->src = half_is(small, 's') & r >> 1 & half_is(small, 'c') >> 2;
    }
}

/* What only tags ask for. */
PAGE_HALF_TARGET PAGE_INLINE void half_classify_tags(struct page_bits *bits,
                                                     const struct half_block *block, bool notags)
{
    const struct half_block small = half_small(block);
    const uint64_t s = half_is(&small, 's') & bits->open << 1;

    const uint64_t valid = bits_below(bits->len);

    bits->close = half_is(block, '>') & valid;
    bits->equal = half_is(block, '=') & valid;
    bits->quote = half_is(block, '"') & valid;
    bits->bang = half_is(block, '!') & valid;
    if (s != 0) {
        bits->script = s & ((half_is(&small, 'c') >> 1 & half_is(&small, 'r') >> 2) |
                            (half_is(&small, 't') >> 1 & half_is(&small, 'y') >> 2));
    }
    if (notags && bits->open != 0) {
        half_find_links(bits, &small);
    }
}

PAGE_HALF_TARGET PAGE_INLINE void
half_classify(struct page_bits *bits, const struct half_block *block, const struct page_now *now)
{
    const uint64_t valid = bits_below(bits->len);

    bits->space = (half_in(block, '\t', '\r') | half_is(block, ' ')) & valid;
    bits->open = half_is(block, '<') & valid;
    bits->amp = half_is(block, '&') & valid;
    bits->high = half_mask(block->low, block->high) & valid;
    bits->apostrophe = half_is(block, '\'') & valid;
    if (now->view == NORMAL_NOTAGS) {
        bits->control = half_in(block, 0, ' ' - 1) & ~bits->space;
    }
    if (bits->open != 0 || now->state == HTML_GAP || now->state == HTML_VALUE) {
        half_classify_tags(bits, block, now->view == NORMAL_NOTAGS);
    }
}

PAGE_HALF_TARGET PAGE_INLINE __m256i half_lower(__m256i bytes)
{
    return _mm256_or_si256(bytes,
                           _mm256_and_si256(half_between(bytes, 'A', 'Z'), _mm256_set1_epi8(0x20)));
}

PAGE_INLINE void half_put(uint8_t *bytes, uint64_t bits, uint8_t c)
{
    for (; bits != 0; bits &= bits - 1) {
        bytes[bits_first(bits)] = c;
    }
}

/* Runs of bytes, one behind the other. */
PAGE_HALF_TARGET PAGE_INLINE uint8_t *half_copy(const uint8_t *flat, uint64_t keeps, uint8_t *to)
{
    while (keeps != 0) {
        const unsigned first = bits_first(keeps);
        const uint64_t gaps = ~(keeps >> first);
        const unsigned len = gaps != 0 ? bits_first(gaps) : NORMAL_PAGE_BLOCK;

        /* Whole halves are quicker; what is too much will be overwritten. */
        memcpy(to, flat + first, PAGE_HALF);
        if (len > PAGE_HALF) {
            memcpy(to + PAGE_HALF, flat + first + PAGE_HALF, PAGE_HALF);
        }
        to += len;
        keeps &= ~(bits_below(len) << first);
    }
    return to;
}

PAGE_HALF_TARGET PAGE_INLINE void half_write(const struct page_step *step,
                                             const struct half_block *block, uint8_t **out)
{
    uint8_t flat[NORMAL_PAGE_BLOCK + 2 * PAGE_HALF];
    const uint8_t *bytes = (const uint8_t *)(const void *)block;

    **out = ' ';
    *out += step->space_first;
    _mm256_storeu_si256((__m256i *)(void *)flat, half_lower(block->low));
    _mm256_storeu_si256((__m256i *)(void *)(flat + PAGE_HALF), half_lower(block->high));
    for (uint64_t bits = step->as_is; bits != 0; bits &= bits - 1) {
        flat[bits_first(bits)] = bytes[bits_first(bits)];
    }
    half_put(flat, step->blanks & step->keeps, ' ');
    half_put(flat, step->quotes & step->keeps, '"');
    *out = half_copy(flat, step->keeps, *out);
}

/* One block up to a CR, or that. */
PAGE_HALF_TARGET PAGE_INLINE size_t half_run_block(struct page_now *now, const uint8_t *from,
                                                   size_t len, uint8_t **out)
{
    uint8_t last[NORMAL_PAGE_BLOCK] = {0};
    struct page_bits bits = {.len = (unsigned)MIN_OF(len, (size_t)NORMAL_PAGE_BLOCK)};

    if (len < NORMAL_PAGE_BLOCK) {
        memcpy(last, from, len);
        from = last;
    }
    const struct half_block block = {
        _mm256_loadu_si256((const __m256i *)(const void *)from),
        _mm256_loadu_si256((const __m256i *)(const void *)(from + PAGE_HALF)),
    };
    const uint64_t returns = half_is(&block, '\r');

    if (returns != 0) {
        bits.len = bits_first(returns);
    }
    if (bits.len == 0) {
        return 1;
    }
    half_classify(&bits, &block, now);
    const struct page_step step = page_step(now, &bits);

    half_write(&step, &block, out);
    return step.taken;
}

PAGE_HALF_TARGET PAGE_INLINE size_t half_run_view(struct normal_html *html, struct slice in,
                                                  uint8_t **out, const uint8_t *out_end,
                                                  enum normal_view view)
{
    struct page_now now = page_now_of(html, view);
    const uint8_t *at = in.ptr;
    const uint8_t *end = at + in.len;
    uint8_t *to = *out;
    size_t taken = 1;

    while (taken > 0 && at < end && out_end - to >= NORMAL_PAGE_ROOM) {
        taken = half_run_block(&now, at, (size_t)(end - at), &to);
        at += taken;
    }
    page_now_keep(&now, html);
    *out = to;
    return (size_t)(at - in.ptr);
}

PAGE_HALF_TARGET static size_t half_run(struct normal_html *html, struct slice in, uint8_t **out,
                                        const uint8_t *out_end)
{
    return html->view == NORMAL_NOTAGS ? half_run_view(html, in, out, out_end, NORMAL_NOTAGS)
                                       : half_run_view(html, in, out, out_end, NORMAL_NOCOMMENT);
}

/* ---- Either ---- */

typedef size_t (*page_run_fn)(struct normal_html *html, struct slice in, uint8_t **out,
                              const uint8_t *out_end);

static page_run_fn page_run_of(enum normal_page_way way)
{
    switch (way) {
    case NORMAL_PAGE_AVX512:
        return normal_wide_usable() ? wide_run : NULL;
    case NORMAL_PAGE_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") ? half_run : NULL;
    default:
        return NULL;
    }
}

static enum normal_page_way page_forced;

/* NULL: the state machine alone. */
static page_run_fn page_run_best(void)
{
    if (page_forced != NORMAL_PAGE_BEST) {
        return page_run_of(page_forced);
    }
    const page_run_fn wide = page_run_of(NORMAL_PAGE_AVX512);

    return wide ? wide : page_run_of(NORMAL_PAGE_AVX2);
}

bool normal_page_force(enum normal_page_way way)
{
    page_forced = way;
    return way == NORMAL_PAGE_BEST || way == NORMAL_PAGE_NONE || page_run_of(way);
}

bool normal_page_usable(void)
{
    return page_run_best() != NULL;
}

/* What is left out goes to the next bracket. */
static size_t page_skip(struct normal_html *html, struct slice in)
{
    const size_t at = slice_find(in, '>');

    if (at == in.len) {
        return in.len;
    }
    html->state = HTML_FOLD;
    return at + 1;
}

size_t normal_page_run(struct normal_html *html, struct slice in, uint8_t **out,
                       const uint8_t *out_end)
{
    ASSERT(normal_page_may_run(html));
    if (html->state == HTML_SKIP) {
        return page_skip(html, in);
    }
    return page_run_best()(html, in, out, out_end);
}
