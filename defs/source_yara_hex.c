/* SPDX-License-Identifier: MIT */
#include "defs/source_yara_hex.h"

#include "base/text.h"

#define HEX_ENDLESS UINT64_MAX

/* Larger distances are of no use. */
#define HEX_JUMP_MAX 1000000000U

/* Fixed gaps of body signatures inside of alternatives are shorter than this. */
#define HEX_INNER_GAP_MAX 127

struct hex_extent {
    uint64_t min;
    uint64_t max;
};

/*
 * Body signatures want two plain bytes in a row between gaps without end. `cluster_*` is about what
 * stands behind the last such gap; without those bytes it becomes part of the gap.
 */
struct hex_read {
    struct slice content;
    size_t at;
    unsigned depth;
    size_t elements;
    bool bad;
    bool loose;            /* A group under way has a jump that alternatives cannot have. */
    struct hex_extent gap; /* Before what comes next, outside of groups. */
    uint64_t min;          /* Of all elements so far, but for the one at hand. */
    size_t run_at;         /* The run of plain bytes under way, in characters of `text`. */
    size_t run_end;
    size_t cluster_at;    /* Where the gap before it begins in `text` ... */
    uint64_t cluster_min; /* ... and `min` there. */
    bool cluster_good;
    struct text text;
    struct yara_hex *out;
};

static char hex_peek(const struct hex_read *read, size_t ahead)
{
    return ahead < read->content.len - read->at ? (char)read->content.ptr[read->at + ahead] : '\0';
}

static bool hex_is_end(const struct hex_read *read)
{
    return read->bad || read->at == read->content.len;
}

static void hex_skip_comment(struct hex_read *read)
{
    const bool line = hex_peek(read, 1) == '/';

    read->at += 2;
    while (read->at < read->content.len) {
        if (line && hex_peek(read, 0) == '\n') {
            return;
        }
        if (!line && hex_peek(read, 0) == '*' && hex_peek(read, 1) == '/') {
            read->at += 2;
            return;
        }
        read->at++;
    }
}

static void hex_skip_blanks(struct hex_read *read)
{
    while (read->at < read->content.len) {
        const char c = hex_peek(read, 0);

        if (c == '/' && (hex_peek(read, 1) == '/' || hex_peek(read, 1) == '*')) {
            hex_skip_comment(read);
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            read->at++;
        } else {
            return;
        }
    }
}

static bool hex_is_nibble(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') || c == '?';
}

static uint64_t hex_add(uint64_t a, uint64_t b)
{
    return a == HEX_ENDLESS || b == HEX_ENDLESS ? HEX_ENDLESS : a + b;
}

static void hex_add_extent(struct hex_extent *extent, struct hex_extent more)
{
    extent->min = hex_add(extent->min, more.min);
    extent->max = hex_add(extent->max, more.max);
}

/* ---- Jumps ---- */

static uint64_t hex_take_number(struct hex_read *read)
{
    uint64_t value = 0;

    hex_skip_blanks(read);
    for (; hex_peek(read, 0) >= '0' && hex_peek(read, 0) <= '9'; read->at++) {
        value = MIN_OF(value * 10 + (uint64_t)(hex_peek(read, 0) - '0'), HEX_JUMP_MAX);
    }
    hex_skip_blanks(read);
    return value;
}

/* `[n]`, `[n-m]`, `[n-]`, `[-]` */
static struct hex_extent hex_take_jump(struct hex_read *read)
{
    struct hex_extent jump;

    read->at++;
    jump.min = jump.max = hex_take_number(read);
    if (hex_peek(read, 0) == '-') {
        read->at++;
        hex_skip_blanks(read);
        jump.max = hex_peek(read, 0) == ']' ? HEX_ENDLESS : hex_take_number(read);
    }
    read->bad |= hex_peek(read, 0) != ']' || jump.max < jump.min;
    read->at += !read->bad;
    return jump;
}

static void hex_write_gap(struct text *text, struct hex_extent gap)
{
    if (gap.min == 0 && gap.max == HEX_ENDLESS) {
        TEXT_PUT(text, "*");
        return;
    }
    TEXT_PUT(text, "{");
    if (gap.min > 0) {
        text_put_u64(text, gap.min);
    }
    if (gap.max != gap.min) {
        TEXT_PUT(text, "-");
        if (gap.max != HEX_ENDLESS) {
            text_put_u64(text, gap.max);
        }
    }
    TEXT_PUT(text, "}");
}

static void hex_put_gap(struct hex_read *read)
{
    struct hex_extent gap = read->gap;

    read->gap = (struct hex_extent){0};
    if (gap.max == 0) {
        return;
    }
    if (gap.max == HEX_ENDLESS && !read->cluster_good) {
        read->text.len = read->cluster_at;
        read->run_end = SIZE_MAX; /* No run goes on. */
        gap.min = read->min - read->cluster_min;
    }
    read->out->shifted |= read->text.len == 0;
    if (gap.max == HEX_ENDLESS) {
        read->cluster_at = read->text.len;
        read->cluster_min = read->min - gap.min;
        read->cluster_good = false;
    }
    if (read->text.len > 0) {
        hex_write_gap(&read->text, gap);
    }
}

/* ---- Bytes and groups ---- */

/* A plain byte was written last. */
static void hex_extend_run(struct hex_read *read)
{
    const size_t end = read->text.len;

    if (read->run_end != end - 2) {
        read->run_at = end - 2;
    }
    read->run_end = end;
    read->cluster_good |= end - read->run_at >= 4;
    if (end - read->run_at > read->out->run_len) {
        read->out->run_at = read->run_at;
        read->out->run_len = end - read->run_at;
    }
}

static void hex_put_byte(struct hex_read *read, char high, char low)
{
    const char pair[] = {(char)(high | 0x20), (char)(low | 0x20)};

    /* A question mark has the bit already. */
    text_put(&read->text, pair, sizeof(pair));
}

static void hex_take_byte(struct hex_read *read, struct hex_extent *extent)
{
    const bool negated = hex_peek(read, 0) == '~';

    read->at += negated;
    const char high = hex_peek(read, 0);
    const char low = hex_peek(read, 1);

    if (!hex_is_nibble(high) || !hex_is_nibble(low)) {
        read->bad = true;
        return;
    }
    read->at += 2;
    hex_add_extent(extent, (struct hex_extent){1, 1});
    if (negated || (high == '?' && low == '?')) {
        if (read->depth == 0) {
            hex_add_extent(&read->gap, (struct hex_extent){1, 1});
        } else {
            hex_put_byte(read, '?', '?');
        }
        return;
    }
    if (read->depth > 0) {
        hex_put_byte(read, high, low);
        return;
    }
    hex_put_gap(read);
    hex_put_byte(read, high, low);
    if (high != '?' && low != '?' && !read->text.overflowed) {
        hex_extend_run(read);
    }
}

static struct hex_extent hex_take_row(struct hex_read *read);

static struct hex_extent hex_take_branches(struct hex_read *read)
{
    struct hex_extent extent = hex_take_row(read);

    while (hex_peek(read, 0) == '|' && !read->bad) {
        read->at++;
        TEXT_PUT(&read->text, "|");
        const struct hex_extent more = hex_take_row(read);

        extent.min = MIN_OF(extent.min, more.min);
        extent.max = MAX_OF(extent.max, more.max);
    }
    return extent;
}

static struct hex_extent hex_take_inner_group(struct hex_read *read)
{
    struct hex_extent extent = {0};

    read->at++;
    TEXT_PUT(&read->text, "(");
    read->bad |= ++read->depth > YARA_HEX_DEPTH_MAX;
    if (!read->bad) {
        extent = hex_take_branches(read);
    }
    read->depth--;
    read->bad |= hex_peek(read, 0) != ')';
    read->at += !read->bad;
    TEXT_PUT(&read->text, ")");
    return extent;
}

static struct hex_extent hex_take_group(struct hex_read *read)
{
    struct hex_read probe = *read;

    if (read->depth > 0) {
        return hex_take_inner_group(read);
    }
    probe.text = text_over(NULL, 0);
    probe.loose = false;
    const struct hex_extent extent = hex_take_inner_group(&probe);

    if (!probe.loose) {
        hex_put_gap(read);
        return hex_take_inner_group(read);
    }
    read->at = probe.at;
    read->bad |= probe.bad;
    hex_add_extent(&read->gap, extent);
    return extent;
}

/* A jump inside of alternatives. */
static void hex_put_inner_gap(struct hex_read *read, struct hex_extent jump)
{
    if (jump.min != jump.max || jump.max > HEX_INNER_GAP_MAX) {
        read->loose = true;
    } else if (jump.max > 0) {
        TEXT_PUT(&read->text, "{");
        text_put_u64(&read->text, jump.max);
        TEXT_PUT(&read->text, "}");
    }
}

static bool hex_is_cut(const struct hex_read *read)
{
    return read->depth == 0 && read->elements >= YARA_HEX_ELEMENTS_MAX;
}

/* One element; what it adds to the row goes to `extent`. */
static void hex_take_element(struct hex_read *read, struct hex_extent *extent)
{
    const char c = hex_peek(read, 0);

    read->elements++;
    if (c == '[') {
        const struct hex_extent jump = hex_take_jump(read);

        hex_add_extent(extent, jump);
        if (read->depth == 0) {
            hex_add_extent(&read->gap, jump);
        } else {
            hex_put_inner_gap(read, jump);
        }
    } else if (c == '(') {
        hex_add_extent(extent, hex_take_group(read));
    } else {
        hex_take_byte(read, extent);
    }
}

static struct hex_extent hex_take_row(struct hex_read *read)
{
    struct hex_extent extent = {0};

    for (;;) {
        hex_skip_blanks(read);
        if (hex_is_end(read) || hex_peek(read, 0) == '|' || hex_peek(read, 0) == ')' ||
            hex_is_cut(read)) {
            break;
        }
        hex_take_element(read, &extent);
        read->min = read->depth == 0 ? extent.min : read->min;
    }
    return extent;
}

bool yara_hex_read(struct yara_hex *out, struct slice content)
{
    struct hex_read read = {.content = content, .out = out};

    out->len = out->run_at = out->run_len = 0;
    out->shifted = false;
    read.text = text_over(out->text, sizeof(out->text));
    (void)hex_take_row(&read);
    out->len = read.cluster_good ? read.text.len : read.cluster_at;
    return !read.bad && !read.text.overflowed && (hex_is_end(&read) || hex_is_cut(&read));
}

size_t yara_hex_read_head(struct slice content, uint8_t bytes[4], uint8_t masks[4])
{
    struct hex_read read = {.content = content};
    size_t len = 0;

    for (; len < 4; len++) {
        hex_skip_blanks(&read);
        const char pair[] = {hex_peek(&read, 0), hex_peek(&read, 1)};

        if (!hex_is_nibble(pair[0]) || !hex_is_nibble(pair[1])) {
            break;
        }
        bytes[len] = masks[len] = 0;
        for (unsigned i = 0; i < 2; i++) {
            const unsigned shift = i == 0 ? 4 : 0;
            const unsigned c = (unsigned char)pair[i];

            if (c != '?') {
                const unsigned nibble = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;

                masks[len] |= (uint8_t)(15U << shift);
                bytes[len] |= (uint8_t)(nibble << shift);
            }
        }
        read.at += 2;
    }
    return len;
}
