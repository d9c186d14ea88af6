/* SPDX-License-Identifier: MIT */
#include "bench/micro/micro_body.h"

#include "base/slice.h"
#include "bench/micro/micro.h"
#include "bench/micro/micro_set.h"
#include "match/filetype.h"

/* Where the first near miss stands: behind what the type is told by. */
#define BODY_NEAR_AT 2048

/* A piece of a body; pieces are put together at random. */
struct body_word {
    const char *bytes;
    size_t len;
};

#define WORD(literal)                                                                              \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct body_word body_prose[] = {
    WORD("the "),     WORD("of "),     WORD("and "),      WORD("to "),      WORD("in "),
    WORD("a "),       WORD("that "),   WORD("server "),   WORD("request "), WORD("with "),
    WORD("Between "), WORD("whale "),  WORD("2026, "),    WORD("is not "),  WORD("was.\n"),
    WORD("however "), WORD("which, "), WORD("harbour\n"), WORD("it's "),    WORD("northern "),
};

/* Between words, so that about half of a page is markup. */
static const struct body_word body_markup[] = {
    WORD("<p>"),
    WORD("</p>\n"),
    WORD("<div class=\"row wide\" id=\"part-17\">\n"),
    WORD("</div>\n"),
    WORD("<a href=\"/2026/11/article.html?from=top\" title=\"More\">"),
    WORD("</a> "),
    WORD("<img src=\"/img/photo-640.jpg\" width=\"640\" alt=\"A photo\">"),
    WORD("<li class=item>"),
    WORD("</li>\n"),
    WORD("<SPAN STYLE='color: #333'>"),
    WORD("</SPAN>"),
    WORD("&nbsp;&#8212; "),
    WORD("\n\n        "),
    WORD("<!-- end of the part -->\n"),
    WORD("<script>var n = document.querySelector('.row');\n  if (n) { n.hidden = 0; }</script>\n"),
    WORD("<td align=\"right\">42</td>"),
};

/* Instructions without their operands, and what stands between functions. */
static const struct body_word body_code[] = {
    WORD("\x55\x48\x89\xe5"), WORD("\x48\x83\xec\x28"),
    WORD("\x48\x8b\x05"),     WORD("\xe8"),
    WORD("\x0f\x84"),         WORD("\x48\x8d\x0d"),
    WORD("\x31\xc0"),         WORD("\x85\xc0\x74"),
    WORD("\x48\x8b\x4c\x24"), WORD("\xc3\xcc\xcc\xcc"),
    WORD("\x89\x45\xfc"),     WORD("\xff\x15"),
    WORD("\0\0\0\0\0\0\0\0"), WORD("\x5d\xc3"),
    WORD("\x83\xf8\x01\x75"),
};

static const struct body_word body_heads[] = {
    [MICRO_BODY_TEXT] = WORD("A chapter.\n\n"),
    [MICRO_BODY_PAGE] = WORD("<!DOCTYPE html>\n<html><head><title>x</title></head><body>\n"),
    [MICRO_BODY_PROGRAM] = WORD("MZ"),
    [MICRO_BODY_PACKED] = WORD("\x1f\x8b\x08\0\0\0\0\0\0\x03"),
    [MICRO_BODY_IMAGE] = WORD("\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"),
};

static void body_fill_text(uint8_t *out, size_t len)
{
    uint64_t seed = 42;

    for (size_t at = 0; at < len;) {
        const struct body_word word = body_prose[micro_random(&seed) % ARRAY_LEN(body_prose)];
        const size_t part = MIN_OF(word.len, len - at);

        memcpy(out + at, word.bytes, part);
        at += part;
    }
}

/* Five words, then markup, on the average. */
static void body_fill_page(uint8_t *out, size_t len)
{
    uint64_t seed = 45;

    for (size_t at = 0; at < len;) {
        const uint64_t random = micro_random(&seed);
        const struct body_word word = random % 6 == 0
                                          ? body_markup[(random >> 8) % ARRAY_LEN(body_markup)]
                                          : body_prose[(random >> 8) % ARRAY_LEN(body_prose)];
        const size_t part = MIN_OF(word.len, len - at);

        memcpy(out + at, word.bytes, part);
        at += part;
    }
}

/* An instruction, then an operand that is small more often than not. */
static void body_fill_code(uint8_t *out, size_t len)
{
    uint64_t seed = 43;

    for (size_t at = 0; at < len;) {
        const uint64_t random = micro_random(&seed);
        const struct body_word code = body_code[random % ARRAY_LEN(body_code)];
        const uint32_t operand = (uint32_t)(random >> 32) & (random & 256 ? 0xff : 0xfffff);
        const size_t code_len = MIN_OF(code.len, len - at);

        memcpy(out + at, code.bytes, code_len);
        at += code_len;
        const size_t operand_len = MIN_OF(sizeof(operand), len - at);

        memcpy(out + at, &operand, operand_len);
        at += operand_len;
    }
}

/* With `stuffed` each 0xff is followed by a zero, as between the markers of a JPEG file. */
static void body_fill_noise(bool stuffed, uint8_t *out, size_t len)
{
    uint64_t seed = 44;

    for (size_t at = 0; at < len; at++) {
        out[at] = (uint8_t)(micro_random(&seed) >> 32);
        if (stuffed && at > 0 && out[at - 1] == 0xff) {
            out[at] = 0;
        }
    }
}

static void body_put(uint8_t *out, size_t at, struct slice bytes)
{
    memcpy(out + at, bytes.ptr, bytes.len);
}

static void body_put_u32(uint8_t *out, size_t at, uint32_t value)
{
    memcpy(out + at, &value, sizeof(value));
}

/* Headers of a 64-bit PE file with one section of code and one of data, each half of the rest. */
static void body_put_program_head(uint8_t *out, size_t len)
{
    enum {
        PE_AT = 0x80,
        SECTIONS_AT = PE_AT + 24 + 240,
        HEAD_LEN = 1024
    };
    const uint32_t half = (uint32_t)(len - HEAD_LEN) / 2;

    memset(out, 0, HEAD_LEN);
    body_put(out, 0, SLICE_OF("MZ"));
    body_put_u32(out, 0x3c, PE_AT);
    body_put(out, PE_AT, SLICE_OF("PE\0\0\x64\x86\2\0"));
    body_put_u32(out, PE_AT + 20, 240 | 0x22U << 16); /* Optional header, characteristics. */
    body_put_u32(out, PE_AT + 24, 0x20b);             /* PE32+ */
    body_put_u32(out, PE_AT + 40, 0x1000);            /* Entry point. */
    body_put_u32(out, PE_AT + 56, 0x1000);            /* Alignment in memory, */
    body_put_u32(out, PE_AT + 60, 0x200);             /* in the file. */
    body_put_u32(out, PE_AT + 80, 0x1000 + 2 * half); /* Size of the image, */
    body_put_u32(out, PE_AT + 84, HEAD_LEN);          /* of the headers. */
    body_put_u32(out, PE_AT + 132, 16);               /* Directories. */
    body_put(out, SECTIONS_AT, SLICE_OF(".text"));
    body_put(out, SECTIONS_AT + 40, SLICE_OF(".data"));
    for (uint32_t i = 0; i < 2; i++) {
        const size_t row = SECTIONS_AT + 40 * (size_t)i;

        body_put_u32(out, row + 8, half);
        body_put_u32(out, row + 12, 0x1000 + i * ((half + 0xfff) & ~0xfffU));
        body_put_u32(out, row + 16, half);
        body_put_u32(out, row + 20, HEAD_LEN + i * half);
        body_put_u32(out, row + 36, 0x60000020);
    }
}

static enum match_target body_target(enum micro_body_kind kind)
{
    switch (kind) {
    case MICRO_BODY_TEXT:
        return MATCH_TARGET_ASCII;
    case MICRO_BODY_PAGE:
        return MATCH_TARGET_HTML;
    case MICRO_BODY_PROGRAM:
        return MATCH_TARGET_PE;
    case MICRO_BODY_IMAGE:
        return MATCH_TARGET_GRAPHICS;
    default:
        return MATCH_TARGET_ANY;
    }
}

static void body_put_near_misses(enum micro_body_kind kind, uint8_t *out, size_t len)
{
    unsigned nth = 0;

    for (size_t at = BODY_NEAR_AT; at + MICRO_SET_NEAR_LEN <= len; at += MICRO_BODY_STRIDE) {
        micro_set_near_miss(body_target(kind), nth++, out + at);
    }
}

void micro_body_make(enum micro_body_kind kind, uint8_t *out, size_t len)
{
    const struct body_word head = body_heads[kind];

    micro_must(len >= KIB(1), "the body is too short");
    switch (kind) {
    case MICRO_BODY_TEXT:
        body_fill_text(out, len);
        break;
    case MICRO_BODY_PAGE:
        body_fill_page(out, len);
        break;
    case MICRO_BODY_PROGRAM:
        body_fill_code(out, len);
        body_put_program_head(out, len);
        break;
    default:
        body_fill_noise(kind == MICRO_BODY_IMAGE, out, len);
        break;
    }
    body_put(out, 0, slice_from(head.bytes, head.len));
    body_put_near_misses(kind, out, len);
    micro_must(filetype_detect(slice_from(out, len))->target == body_target(kind),
               "the body is taken for something else");
}
