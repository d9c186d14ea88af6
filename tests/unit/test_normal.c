/* SPDX-License-Identifier: MIT */
#include "match/normal_html.h"
#include "match/normal_page.h"
#include "match/normal_text.h"
#include "tests/unit/guard.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define OUT_CAP KIB(64)

enum kind {
    KIND_TEXT,
    KIND_NOCOMMENT,
    KIND_NOTAGS,
    KINDS
};

struct normal {
    enum kind kind;
    struct normal_text text;
    struct normal_html html;
};

static void normal_init(struct normal *normal, enum kind kind)
{
    *normal = (struct normal){.kind = kind};
    if (kind != KIND_TEXT) {
        normal_html_init(&normal->html, kind == KIND_NOTAGS ? NORMAL_NOTAGS : NORMAL_NOCOMMENT);
    }
}

/* All of `in`, with as little room at a time as is allowed. */
static size_t normal_put(struct normal *normal, struct slice in, uint8_t *out, size_t cap)
{
    size_t used = 0;

    while (in.len > 0) {
        used += normal->kind == KIND_TEXT ? normal_text_run(&normal->text, &in, out + used, cap)
                                          : normal_html_run(&normal->html, &in, out + used, cap);
    }
    return used;
}

static size_t normal_finish(struct normal *normal, uint8_t *out)
{
    return normal->kind == KIND_TEXT ? 0 : normal_html_end(&normal->html, out);
}

static void assert_bytes(const uint8_t *out, size_t len, struct slice wanted, struct slice in,
                         const char *how)
{
    cr_assert(slice_equal(slice_from(out, len), wanted), "%s: %.*s became %.*s, not %.*s", how,
              (int)in.len, (const char *)in.ptr, (int)len, (const char *)out, (int)wanted.len,
              (const char *)wanted.ptr);
}

/* At once, byte by byte, and at each split point. */
static void check(enum kind kind, struct slice in, struct slice wanted)
{
    struct guard guard = guard_open(in.len + 1);
    uint8_t *out = malloc(OUT_CAP);
    struct normal normal;

    in = guard_put(&guard, in);
    for (size_t split = 0; split <= in.len; split++) {
        normal_init(&normal, kind);
        size_t len = normal_put(&normal, slice_from(in.ptr, split), out, OUT_CAP / 2);
        len += normal_put(&normal, slice_skip(in, split), out + len, OUT_CAP / 2);
        len += normal_finish(&normal, out + len);
        assert_bytes(out, len, wanted, in, "split");
    }
    normal_init(&normal, kind);
    size_t len = 0;

    for (size_t at = 0; at < in.len; at++) {
        len += normal_put(&normal, slice_from(in.ptr + at, 1), out + len, NORMAL_HTML_ROOM);
    }
    len += normal_finish(&normal, out + len);
    assert_bytes(out, len, wanted, in, "single");
    free(out);
    guard_close(&guard);
}

struct text_pair {
    struct slice in;
    struct slice text;
};

#define TEXT(in, text)                                                                             \
    {                                                                                              \
        {(const uint8_t *)("" in), sizeof(in) - 1},                                                \
        {                                                                                          \
            (const uint8_t *)("" text), sizeof(text) - 1                                           \
        }                                                                                          \
    }

/* What `sigtool --ascii-normalise` makes of them. */
static const struct text_pair texts[] = {
    /* clang-format off */
    TEXT("", ""),
    TEXT("plain", "plain"),
    TEXT("Hello\t\tWORLD \n\n x", "hello world x"),
    TEXT("  lead", " lead"),
    TEXT("trail  ", "trail "),
    TEXT("a\x01""b\x02  \x03 c", "ab c"),
    TEXT("\x00H\x00i\x00 \x00 \x00x", "hi x"),
    TEXT("\xffH\xc3\xa9llo\x80", "hllo"),
    TEXT("x\x7fy\x1b[0mz", "x\x7fy[0mz"),
    TEXT("a\r\nb\x0b\x0c""c", "a b c"),
    TEXT("ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`@{|}~", "abcdefghijklmnopqrstuvwxyz[\\]^_`@{|}~"),
    TEXT("    int  main( void )\n    {\n        return 0;\n    }\n",
         " int main( void ) { return 0; } "),
    TEXT("0123456789abcdef 0123456789abcde  0123456789abcdef\t\tX",
         "0123456789abcdef 0123456789abcde 0123456789abcdef x"),
    TEXT("\xe9 \xe8  \xe7   x", " x"),
    TEXT("a \x01 b \x01\x02\x03 \x04""c", "a b c"),
    /* clang-format on */
};

Test(normal, text_reads_as_clamav_reads_it)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        check(KIND_TEXT, texts[i].in, texts[i].text);
    }
}

struct page_pair {
    struct slice in;
    struct slice nocomment;
    struct slice notags;
};

#define PAIR(in, nocomment, notags)                                                                \
    {                                                                                              \
        {(const uint8_t *)("" in), sizeof(in) - 1},                                                \
            {(const uint8_t *)("" nocomment), sizeof(nocomment) - 1},                              \
        {                                                                                          \
            (const uint8_t *)("" notags), sizeof(notags) - 1                                       \
        }                                                                                          \
    }

/* What `sigtool --html-normalise` makes of them: nocomment.html and notags.html. */
static const struct page_pair pages[] = {
    /* clang-format off */
    PAIR("plain words  and\n\nMORE \t x", "plain words and more x", "plain words and more x"),
    PAIR("  <HTML>  <BODY  BGCOLOR = \"RED\"  Text=Blue>z",
         "<html><body bgcolor=\"red\" text=blue>z",
         " z"),
    PAIR("<a href=HTTP://Foo.COM/Bar?X=Y>q</a>",
         "<a href=http://foo.com/bar?x=y>q</a>",
         " HTTP://Foo.COM/Bar?X=Y q "),
    PAIR("<a href='X y'>q</a>", "<a href=\"x y\">q</a>", " X y q "),
    PAIR("<a href=\"X y\"  title='a\"b' z>q</a >",
         "<a href=\"x y\" title=\"a\"b\" z>q</a>",
         " X y q "),
    PAIR("<a href=\"It's\">z", "<a href=\"it\"s\">z", " It\"s z"),
    PAIR("<a href=\"\">z", "<a href=\"\">z", " z"),
    PAIR("<a href=>z", "<a href=>z", " z"),
    PAIR("<a =x>z", "<a=x>z", " z"),
    PAIR("<a href=A\"B>z", "<a href=a\"b>z", " A\"B z"),
    PAIR("<a href=\"A\" HREF=\"B\">z", "<a href=\"a\" href=\"b\">z", " A z"),
    PAIR("<a xhref=A hrefx=B>z", "<a xhref=a hrefx=b>z", " z"),
    PAIR("<img srcx=A SRC =B>z<img href=C>y", "<img srcx=a src=b>z<img href=c>y", " B z y"),
    PAIR("<br/>x<br />y", "<br/>x<br />y", " x y"),
    PAIR("< b>x", "<b>x", " x"),
    PAIR("<>x", "<>x", " x"),
    PAIR("a < b > c", "a <b>c", "a c"),
    PAIR("</ b >x", "</ b>x", " x"),
    PAIR("<<b>>x", "<<b>>x", " >x"),
    PAIR("<b x<i>y", "<b x<i>y", " y"),
    PAIR("a <b> c </b> d", "a <b>c </b>d", "a c d"),
    PAIR("a <!-- c -- d --> e", "a e", "a e"),
    PAIR("<!-->x", "x", " x"),
    PAIR("<!-- > -->x", "-->x", " -->x"),
    PAIR("<!DOCTYPE  HTML PUBLIC \"x\">y", "y", " y"),
    PAIR("<?php echo \"A  B\"; ?>x", "<?php echo \"a b\"; ?>x", " x"),
    PAIR("<% foo %>x", "<% foo %>x", " x"),
    PAIR("<b x=\"a b>c\">d", "<b x=\"a b>c\">d", " c\">d"),
    PAIR("<b x=\"a>b c>d\">e", "<b x=\"a>b c>d\">e", " d\">e"),
    PAIR("<b x=' a '>y", "<b x=\" a '>y", " y"),
    PAIR("<b x=\"1\" y='2' z=3 w>v", "<b x=\"1\" y=\"2\" z=3 w>v", " v"),
    PAIR("<b x=\"1\"y=\"2\"/>v", "<b x=\"1\" y=\"2\" />v", " v"),
    PAIR("<b x = = y>z", "<b x== y>z", " z"),
    PAIR("<b x=\"a\\\"b\">c", "<b x=\"a\\\" b\">c", " c"),
    PAIR("<b x=\"''\">c", "<b x=\"\"\"\">c", " c"),
    PAIR("<b  / c>d", "<b / c>d", " d"),
    PAIR("<b 'x' \"y\">c", "<b 'x' \"y\">c", " c"),
    PAIR("a&lt;b&gt;c&amp;d&quot;e&nbsp;f&apos;g&copy;h&eacute;i",
         "a<b>c&d\"e\xa0" "f'g\xa9h\xe9i",
         "a b c d e f g h i"),
    PAIR("&Eacute;&EACUTE;&LT;&Lt;&hellip;&thetasym;&there4;x",
         "\xc9&eacute;&lt;&#x226a;&#x2026;&#x03d1;&#x2234;x",
         " x"),
    PAIR("&#65;&#x41;&#X41;&#300;&#0;&#10;&#32;x", "aaa&#x012c;\x00\n x", " x"),
    PAIR("&#65 &#65b &lt &ltx &foo; & &; &#; &#x; &amp;lt; x",
         "A Ab &lt &ltx &foo; & &; \x00 \x00 &lt; x",
         " b lt; x"),
    PAIR("&#00000065;&#1000000;&#99999999999;&#255;&#254;x",
         "a&#x4240;&#xe7ff;&#x00ff;\xfex",
         " x"),
    PAIR("&am p;x&a-b;c&a.b;c&AMPERsand1234567890;d",
         "&am p;x&a-b;c&a.b;c&ampersand1234567890;d",
         " p;x c .b;c d"),
    PAIR("<b title=\"&lt;X&gt; y&#65;\">z", "<b title=\"<x> ya\">z", " z"),
    PAIR("<b x=&Aa>c<b x=\"&#65>y\">z", "<b x=&aa>c<b x=\"A>y\">z", " c z"),
    PAIR("a&<b>c&lt<b>d", "a&<b>c&lt<b>d", "a c d"),
    PAIR("a &#32; b &nbsp; c", "a   b \xa0 c", "a b c"),
    PAIR("<b &lt;>x", "<b &lt;>x", " x"),
    PAIR("x\x01y\x00z\x7fw", "x\x01yz\x7fw", "x yz\x7fw"),
    PAIR("a\r\nb\x0c""c\x0b""d\re", "a b c de", "a b c de"),
    PAIR("a\xe9" "b \xe9\xe8" "c \xe9\xe8\xe7" "d \xe9\xe8\xe7\xe6" "e \xe9\xe8\xe7\xe6\xe5"
         "f",
         "a\xe9" "b \xe9\xe8" "c \xe9\xe8\xe7" "d \xe9\xe8\xe7\xe6" "e \xe9\xe8\xe7\xe6\xe5"
         "f",
         "a\x00" "b \xe9\xe9" "c \xe9\xe8\xe8" "d \xe9\xe8\xe8\x00" "e \xe9\xe8\xe8\xe6\xe6"
         "f"),
    PAIR("a\xe9", "a", "a"),
    PAIR("<b x=\"\xe9\">y<b x=z>w", "<b x=\"\">y<b x=\xe9z>w", " y w"),
    PAIR("<b x=\"\xe9 a\xe8""b\">y", "<b x=\" \xe9""a\xe8""b\">y", " y"),
    PAIR("<b \xe9=a>\xe9<c>", "<b \xe9=a>\xe9<c>", " \x00"),
    PAIR("<a href=\"\xe9\xe8""a\">x", "<a href=\"\xe9\xe8""a\">x", " \xe9\xe8""a x"),
    PAIR("<b x=\xe9'>b>c", "<b x=\">\xe9""b>c", " c"),
    PAIR("<script>var Abc = \"Hello\" + 'World'; f( x )</script>  z W",
         "<script>varabc=\"hello\"+\"world\";f(x)</script>z w",
         " z w"),
    PAIR("<SCRIPT LANGUAGE=\"JavaScript\">Alert(\"X\")</SCRIPT\n>y",
         "<script language=\"javascript\">alert(\"x\")</script>y",
         " >y"),
    PAIR("<script>a < b <!-- c d --> <b>e f</b> </script> g h",
         "<script>a<b<!--cd--><b>ef</b></script>g h",
         " g h"),
    PAIR("<script></</script>g h</script>i j", "<script></</script>gh</script>i j", " i j"),
    PAIR("<script>a</style>b c</script>d e", "<script>a</style>bc</script>d e", " d e"),
    PAIR("<style>A { B: c; } /* X */</style>y z", "<style>a{b:c;}/*x*/</style>y z", " y z"),
    PAIR("<style>a b</script>c d", "<style>ab</script>c d", " c d"),
    PAIR("<script><!'a' &lt; b>c 'd' &lt; e</script>f",
         "<script><!\"a\"&lt;b>c\"d\"<e</script>f",
         " f"),
    PAIR("<script>a<'b'&lt;</'c'></script>d", "<script>a<'b\"<</'c'></script>d", " d"),
    PAIR("<script>a\xe9" "b \xe8\xe7</script>\xe6 c",
         "<script>a\xe9" "b\xe8\xe7</script>\xe6 c",
         " \x00\xe8\xe8\x00" "c"),
    PAIR("<script x/>a b</script>c d", "<script x/>ab</script>c d", " c d"),
    PAIR("<script/>a b</script>c d", "<script/>a b</script>c d", " a b c d"),
    PAIR("x &lt", "x <", "x "),
    PAIR("x &foo", "x &foo", "x "),
    PAIR("a <", "a <", "a "),
    PAIR("a b  ", "a b", "a b "),
    PAIR("<b x=\"a", "<b x=\"a", " "),
    PAIR("<!x", "", " "),
    PAIR("<a href=\"a b c\">x", "<a href=\"a b c\">x", " a  x"),
    PAIR("<a href=\"ab cd ef gh\">x", "<a href=\"ab cd ef gh\">x", " ab c x"),
    PAIR("<a href=\">z b\">q", "<a href=\">z b\">q", " > q"),
    PAIR("<a href=\"a>z b x>q", "<a href=\"a>z b x>q", " a> q"),
    PAIR("<a href=&quot;xyz>z", "<a href=\"xyz>z", " xy z"),
    PAIR("<a href=\"&Foo;&#300;A\">z", "<a href=\"&foo;&#x012c;a\">z", " &foo;,A z"),
    /* clang-format on */
};

Test(normal, a_page_reads_as_clamav_reads_it)
{
    for (unsigned way = 0; way <= NORMAL_PAGE_NONE; way++) {
        for (size_t i = 0; normal_page_force((enum normal_page_way)way) && i < ARRAY_LEN(pages);
             i++) {
            check(KIND_NOCOMMENT, pages[i].in, pages[i].nocomment);
            check(KIND_NOTAGS, pages[i].in, pages[i].notags);
        }
    }
}

/* ClamAV reads 8191 bytes, and loses the white space that comes first behind them. */
Test(normal, white_space_is_lost_where_pieces_of_a_page_meet)
{
    static const size_t lens[] = {8189, 8190, 8191, 8192};
    uint8_t *in = malloc(KIB(9));
    uint8_t *out = malloc(OUT_CAP);

    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        struct normal normal;
        const bool lost = lens[i] == 8191;

        memset(in, 'a', lens[i]);
        memcpy(in + lens[i], "  b", 3);
        normal_init(&normal, KIND_NOCOMMENT);
        const size_t len = normal_put(&normal, slice_from(in, lens[i] + 3), out, OUT_CAP);

        cr_assert_eq(len, lens[i] + (lost ? 1 : 2), "%zu became %zu", lens[i], len);
        cr_assert_eq(out[len - 2], lost ? 'a' : ' ');
    }
    free(in);
    free(out);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

/* Bytes that the normalisers care about, in any order. */
static void fill_random(uint8_t *bytes, size_t len, uint32_t seed)
{
    static const char choice[] = "<>&;#x!/\"'= \n\r\tabAZ09-scriptstyle\x01\xe9\xc3";

    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)choice[next_random(&seed) % sizeof(choice)];
    }
}

Test(normal, pieces_and_room_do_not_show)
{
    const size_t in_len = 20000;
    uint8_t *in = malloc(in_len);
    uint8_t *whole = malloc(in_len * 8);
    uint8_t *pieces = malloc(in_len * 8);

    for (uint32_t seed = 1; seed <= 30; seed++) {
        fill_random(in, in_len, seed);
        for (enum kind kind = 0; kind < KINDS; kind++) {
            struct normal normal;
            size_t len = 0;
            uint32_t random = seed;

            normal_init(&normal, kind);
            const size_t whole_len = normal_put(&normal, slice_from(in, in_len), whole, in_len * 8);

            normal_init(&normal, kind);
            for (size_t at = 0; at < in_len;) {
                const size_t wish = next_random(&random) % 300 + 1;
                const size_t step = MIN_OF(in_len - at, wish);

                len += normal_put(&normal, slice_from(in + at, step), pieces + len,
                                  NORMAL_HTML_ROOM + next_random(&random) % 200);
                at += step;
            }
            cr_assert(slice_equal(slice_from(whole, whole_len), slice_from(pieces, len)),
                      "seed %u kind %d", seed, (int)kind);
        }
    }
    free(in);
    free(whole);
    free(pieces);
}

/* Bytes of which runs of each sort occur: blanks, letters, those that go. */
static void fill_mixed(uint8_t *bytes, size_t len, uint32_t *random)
{
    static const char sorts[] = "  \t\n\raAzZ@[`{\x7f\x80\xff\x01\x1f\x08\x0e";

    for (size_t at = 0; at < len;) {
        const size_t wish = next_random(random) % 7 + 1;
        const size_t run = MIN_OF(len - at, wish);
        const unsigned sort = (unsigned)next_random(random) % (sizeof(sorts) - 1);

        for (size_t i = 0; i < run; i++, at++) {
            bytes[at] = run % 2 ? (uint8_t)sorts[sort] : (uint8_t)next_random(random);
        }
    }
}

Test(normal, every_cpu_makes_the_same)
{
    uint32_t random = 20261120;
    uint8_t in[1024];
    uint8_t out[sizeof(in)];
    uint8_t wanted[sizeof(in)];

    for (unsigned round = 0; round < 20000; round++) {
        const size_t len = next_random(&random) % sizeof(in);
        const size_t cap = round % 3 ? sizeof(in) : next_random(&random) % sizeof(in);
        struct normal_text text = {.space = round % 2};
        struct normal_text plain = text;
        struct slice rest = slice_from(in, len);
        struct slice plain_rest = rest;

        fill_mixed(in, len, &random);
        const size_t used = normal_text_run(&text, &rest, out, cap);
        const size_t plain_used = normal_text_run_plain(&plain, &plain_rest, wanted, cap);

        cr_assert(slice_equal(slice_from(out, MIN_OF(used, plain_used)),
                              slice_from(wanted, MIN_OF(used, plain_used))),
                  "round %u", round);
        if (cap == sizeof(in)) {
            cr_assert_eq(used, plain_used, "round %u", round);
            cr_assert_eq(rest.len, 0);
            cr_assert_eq(text.space, plain.space);
        }
    }
}

/* Mostly regular, as pages are, and now and then something else in the middle of it. */
static size_t fill_page(uint8_t *bytes, size_t cap, uint32_t *random)
{
    static const char *const parts[] = {
        "<p>",
        "</p>",
        "words and  more\n",
        "A",
        " ",
        "\r\n\t",
        "<a href=\"",
        "<A class=\"x\" HREF=\"",
        "<img alt=\"\" src=\"Pic.PNG\">",
        "<img src=\"",
        "http://Example.com/Path?q=1",
        "\"",
        "\">",
        "\" id=\"Name\" title=\"one two  three\">",
        "</a>",
        "<span class=\"hljs-keyword\">",
        "</span>",
        "&lt;",
        "&amp;",
        "&#x3C;",
        "&nothing;",
        "&",
        "\xc3\xa9",
        "\xe2\x80\x99",
        "\xe4\xb8\x80\xe4\xba\x8c",
        "<!-- gone > -->",
        "<script>a < b && 'c' </script>",
        "<style>p { x: y }</style>",
        "<strong >",
        "<br/>",
        "<td align = center nowrap>",
        "<b title='it is'>",
        "<x y=\"a>b\">",
        "<path d=\"M10 10h-1.5a.7.7 0 0 1 2-3\"/>",
        "<i data-src=\"href\" href=\"src\">",
        "<a title=\"go to href=x y\" href=z>",
        "<",
        ">",
        "=",
        "'",
        "\x01",
        "0123456789012345678901234567890123456789012345678901234567890123",
    };
    size_t used = 0;

    for (;;) {
        const char *part = parts[next_random(random) % ARRAY_LEN(parts)];
        const size_t len = strlen(part);

        if (used + len > cap) {
            return used;
        }
        memcpy(bytes + used, part, len);
        used += len;
        if (next_random(random) % 40 == 0) {
            bytes[next_random(random) % used] = (uint8_t)next_random(random);
        }
    }
}

/* What comes out of a page in pieces of at most `step` bytes and with little room. */
static size_t run_page(enum kind kind, struct slice in, size_t step, size_t cap, uint8_t *out)
{
    struct normal normal;
    size_t len = 0;

    normal_init(&normal, kind);
    while (in.len > 0) {
        const size_t now = MIN_OF(step, in.len);

        len += normal_put(&normal, slice_from(in.ptr, now), out + len, cap);
        in = slice_skip(in, now);
    }
    return len + normal_finish(&normal, out + len);
}

/* The state machine byte by byte is what the quick ways are held against. */
static void check_ways(enum kind kind, struct slice in, size_t step, size_t cap)
{
    static uint8_t wanted[KIB(64)];
    static uint8_t out[KIB(64)];

    (void)normal_page_force(NORMAL_PAGE_NONE);
    const size_t wanted_len = run_page(kind, in, 1, NORMAL_HTML_ROOM, wanted);

    for (unsigned way = 0; way < NORMAL_PAGE_NONE; way++) {
        if (normal_page_force((enum normal_page_way)way)) {
            const size_t len = run_page(kind, in, step, cap, out);

            assert_bytes(out, len, slice_from(wanted, wanted_len), in, "quick");
        }
    }
    (void)normal_page_force(NORMAL_PAGE_BEST);
}

Test(normal, every_cpu_reads_pages_alike)
{
    uint32_t random = 20261121;
    uint8_t bytes[3000];

    for (unsigned round = 0; round < 20000; round++) {
        const size_t most = round % 50 == 0 ? sizeof(bytes) : 80 + next_random(&random) % 240;
        const size_t len = fill_page(bytes, most, &random);
        const size_t step = round % 4 == 0 ? next_random(&random) % 100 + 1 : len + 1;
        const size_t cap =
            round % 3 == 0 ? NORMAL_HTML_ROOM + next_random(&random) % 300 : sizeof(bytes);

        check_ways(KIND_NOCOMMENT, slice_from(bytes, len), step, cap);
        check_ways(KIND_NOTAGS, slice_from(bytes, len), step, cap);
    }
}

/* The second piece begins anywhere, so its first block does, too. */
Test(normal, every_cpu_goes_on_anywhere)
{
    uint32_t random = 20261122;
    uint8_t bytes[240];

    for (unsigned round = 0; round < 60; round++) {
        const size_t len = fill_page(bytes, sizeof(bytes), &random);

        for (size_t split = 1; split < len; split++) {
            check_ways(KIND_NOCOMMENT, slice_from(bytes, len), split, sizeof(bytes));
            check_ways(KIND_NOTAGS, slice_from(bytes, len), split, sizeof(bytes));
        }
    }
}

Test(normal, state_stays_small)
{
    cr_assert_leq(sizeof(struct normal_html), 64);
    cr_assert_leq(sizeof(struct normal_text), 8);
}
