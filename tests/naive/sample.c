/* SPDX-License-Identifier: MIT */
#include "tests/naive/sample.h"

#include "base/assert.h"

#include <stdio.h>

static uint64_t dice_state;

void dice_seed(uint64_t seed)
{
    dice_state = (seed * 2 + 1) * 0x9e3779b97f4a7c15ULL;
}

uint32_t dice_below(uint32_t limit)
{
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 7;
    dice_state ^= dice_state << 17;
    return (uint32_t)(dice_state >> 32) % limit;
}

/* ---- Patterns ---- */

static void sample_text(struct sample *sample, const char *text)
{
    const size_t len = strlen(text);

    ASSERT(sample->text_len + len < sizeof(sample->text));
    memcpy(sample->text + sample->text_len, text, len + 1);
    sample->text_len += len;
}

static uint8_t sample_letter(const struct sample *sample)
{
    return (uint8_t)sample->letters[dice_below((uint32_t)strlen(sample->letters))];
}

static void sample_byte(struct sample *sample, uint8_t byte)
{
    ASSERT(sample->bytes_len < sizeof(sample->bytes));
    sample->bytes[sample->bytes_len++] = byte;
}

static void sample_fill(struct sample *sample, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        sample_byte(sample, sample_letter(sample));
    }
}

/* A byte as text: plain, or with one or two digits left open. */
static void sample_put_byte(struct sample *sample, bool open)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t byte = sample_letter(sample);
    const uint32_t kind = open ? dice_below(12) : 3;
    const char text[] = {kind == 0 || kind == 2 ? '?' : digits[byte >> 4],
                         kind == 1 || kind == 2 ? '?' : digits[byte & 15], '\0'};

    sample_text(sample, text);
    sample_byte(sample, byte);
}

void sample_put_run(struct sample *sample, unsigned len, bool open)
{
    for (unsigned i = 0; i < len; i++) {
        sample_put_byte(sample, open);
    }
}

/* Alternatives; the bytes of one of them stay. */
static void sample_put_either(struct sample *sample, unsigned depth)
{
    const unsigned count = 1 + dice_below(3);
    const unsigned chosen = dice_below(count);
    const unsigned fixed = dice_below(3);
    size_t kept = sample->bytes_len;

    sample_text(sample, "(");
    for (unsigned i = 0; i < count; i++) {
        const size_t start = sample->bytes_len;

        sample_text(sample, i > 0 ? "|" : "");
        sample_put_run(sample, fixed ? fixed : 1 + dice_below(3), fixed == 0);
        if (depth > 0 && dice_below(3) == 0) {
            sample_put_either(sample, depth - 1);
            sample_put_run(sample, dice_below(2), false);
        }
        if (fixed == 0 && dice_below(6) == 0) {
            sample_text(sample, "{2}");
            sample_fill(sample, 2);
        }
        if (i == chosen) {
            memmove(sample->bytes + kept, sample->bytes + start, sample->bytes_len - start);
            kept += sample->bytes_len - start;
        }
        sample->bytes_len = i >= chosen ? kept : start;
    }
    sample_text(sample, ")");
}

static void sample_put_negation(struct sample *sample)
{
    const unsigned len = 1 + dice_below(2);
    const unsigned count = 1 + dice_below(2);
    const size_t start = sample->bytes_len;

    sample_text(sample, "!(");
    for (unsigned i = 0; i < count; i++) {
        sample_text(sample, i > 0 ? "|" : "");
        sample_put_run(sample, len, false);
    }
    sample_text(sample, ")");
    sample->bytes_len = start;
    for (unsigned i = 0; i < len; i++) {
        sample_byte(sample, '#');
    }
}

static void sample_put_mark(struct sample *sample)
{
    static const char *const marks[] = {"(B)", "(L)", "(W)", "!(B)", "!(L)", "!(W)"};

    sample_text(sample, marks[dice_below(ARRAY_LEN(marks))]);
}

void sample_put_gap(struct sample *sample)
{
    const unsigned min = dice_below(4);
    const unsigned max = min + dice_below(6);
    char text[32];

    sample->gaps++;
    switch (dice_below(6)) {
    case 0:
        sample_text(sample, "*");
        sample_fill(sample, dice_below(5));
        return;
    case 1:
        snprintf(text, sizeof(text), "{%u-}", min);
        sample_fill(sample, min + dice_below(4));
        break;
    case 2:
        snprintf(text, sizeof(text), "{-%u}", max);
        sample_fill(sample, dice_below(max + 1));
        break;
    case 3:
        snprintf(text, sizeof(text), "{%u}", min);
        sample_fill(sample, min);
        break;
    default:
        snprintf(text, sizeof(text), "{%u-%u}", min, max);
        sample_fill(sample, min + dice_below(max - min + 1));
        break;
    }
    sample_text(sample, text);
}

static void sample_put_part(struct sample *sample)
{
    const unsigned elements = 1 + dice_below(3);

    if (dice_below(8) == 0) {
        sample_put_mark(sample);
    }
    for (unsigned i = 0; i < elements; i++) {
        switch (dice_below(10)) {
        case 0:
            sample_put_either(sample, 2);
            break;
        case 1:
            sample_put_negation(sample);
            break;
        case 2:
            sample_put_run(sample, 1, false);
            sample_text(sample, "[1-3]");
            sample_fill(sample, 1 + dice_below(3));
            sample_put_run(sample, 1, false);
            break;
        case 3:
            sample_put_run(sample, 1, false);
            sample_put_mark(sample);
            sample_byte(sample, dice_below(2) ? '\n' : ' ');
            sample_put_run(sample, 1, false);
            break;
        default:
            sample_put_run(sample, 2 + dice_below(5), dice_below(3) == 0);
            break;
        }
    }
    if (dice_below(8) == 0) {
        sample_put_mark(sample);
    }
}

void sample_make(struct sample *sample)
{
    static const char *const alphabets[] = {"ab", "aab\n", "ab c", "abcdefgh", "xyz\r\n."};
    const unsigned parts = 1 + dice_below(4);

    *sample = (struct sample){.letters = alphabets[dice_below(ARRAY_LEN(alphabets))]};
    for (unsigned i = 0; i < parts; i++) {
        if (i > 0) {
            sample_put_gap(sample);
        }
        sample_put_part(sample);
    }
}

/* ---- Bodies ---- */

static void body_noise(struct sample_body *body, const struct sample *sample, unsigned len)
{
    for (unsigned i = 0; i < len; i++) {
        body->bytes[body->len++] = sample_letter(sample);
    }
}

void sample_make_body(struct sample_body *body, const struct sample *sample)
{
    const uint32_t kind = dice_below(4);

    body->len = 0;
    body_noise(body, sample, dice_below(3) ? dice_below(20) : 0);
    for (unsigned i = 0; kind > 0 && i < kind; i++) {
        const size_t from = dice_below(3) ? 0 : dice_below((uint32_t)sample->bytes_len);
        const size_t to = dice_below(3) ? sample->bytes_len
                                        : from + dice_below((uint32_t)(sample->bytes_len - from));

        memcpy(body->bytes + body->len, sample->bytes + from, to - from);
        body->len += to - from;
        body_noise(body, sample, dice_below(6));
    }
    if (body->len > 0 && dice_below(3) == 0) {
        body->bytes[dice_below((uint32_t)body->len)] = sample_letter(sample);
    }
    if (dice_below(3) == 0) {
        body_noise(body, sample, dice_below(40));
    }
}

void sample_make_offset(char *text, size_t cap, const struct sample *sample)
{
    const unsigned at = dice_below(24);
    const unsigned shift = dice_below(3) ? dice_below(10) : 33 + dice_below(10);

    switch (dice_below(8)) {
    case 0:
        snprintf(text, cap, "%u", at);
        break;
    case 1:
        snprintf(text, cap, "%u,%u", at, shift);
        break;
    case 2:
        snprintf(text, cap, "EOF-%u", (unsigned)sample->bytes_len + dice_below(4));
        break;
    case 3:
        snprintf(text, cap, "EOF-%u,%u", (unsigned)sample->bytes_len + at, shift);
        break;
    default:
        snprintf(text, cap, "*");
        break;
    }
}
