/* SPDX-License-Identifier: MIT */
#include "tests/tools/samples.h"

#include "base/assert.h"

#include <stdlib.h>

#define SAMPLE_CAP KIB(64)

/* What a body starts with, so that it is taken for a file of that type. */
enum sample_head {
    HEAD_NONE,
    HEAD_PE,
    HEAD_ELF,
    HEAD_GIF,
    HEAD_PDF,
    HEAD_HTML,
    HEAD_MAIL
};

/*
 * `text` stands for itself, but {123} stands for so many filler bytes. `found` is the end of the
 * name of a marker, or a whole name when it starts with '='; NULL for a clean body.
 */
struct sample_row {
    const char *label;
    const char *found;
    enum sample_head head;
    const char *text;
};

#define M "BALEEN-MARKER-"
#define L "baleen-marker-"

/* In two halves, so that no scanner takes this file for the test file. */
#define EICAR_A "X5O!P%@AP[4\\PZX54(P^)7CC)7}$"
#define EICAR_B "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

static const struct sample_row sample_rows[] = {
    {"eicar", "=Eicar-Test-Signature", HEAD_NONE, EICAR_A EICAR_B},
    {"eicar-with-line-end", "=Eicar-Test-Signature", HEAD_NONE, EICAR_A EICAR_B "\r\n"},
    {"eicar-inside", "=Eicar-Test-Signature", HEAD_NONE, "{5000}" EICAR_A EICAR_B "{5000}"},
    {"eicar-cut", NULL, HEAD_NONE, EICAR_A "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H"},
    {"plain", "Plain", HEAD_NONE, "{20}" M "PLAIN/b1c7{20}"},
    {"plain-miss", NULL, HEAD_NONE, "{20}" M "PLAIN/b1c6{20}"},
    {"empty", NULL, HEAD_NONE, ""},
    {"byte-any", "Byte.Any", HEAD_NONE, "{9}" M "ANY:\r\n:END{9}"},
    {"byte-any-short", NULL, HEAD_NONE, "{9}" M "ANY:z:END{9}"},
    {"byte-any-long", NULL, HEAD_NONE, "{9}" M "ANY:zzz:END{9}"},
    {"nibble-high", "Nibble.High", HEAD_NONE, "{9}" M "NIBBLE-HIGH:O:END{9}"},
    {"nibble-high-miss", NULL, HEAD_NONE, "{9}" M "NIBBLE-HIGH:o:END{9}"},
    {"nibble-low", "Nibble.Low", HEAD_NONE, "{9}" M "NIBBLE-LOW:Q:END{9}"},
    {"nibble-low-miss", NULL, HEAD_NONE, "{9}" M "NIBBLE-LOW:R:END{9}"},

    {"gap-any-none", "Gap.Any", HEAD_NONE, M "GAP-ANY-HEAD" M "GAP-ANY-TAIL"},
    {"gap-any-wide", "Gap.Any", HEAD_NONE, M "GAP-ANY-HEAD{30000}" M "GAP-ANY-TAIL"},
    {"gap-any-turned", NULL, HEAD_NONE, M "GAP-ANY-TAIL{9}" M "GAP-ANY-HEAD"},
    {"gap-exact", "Gap.Exact", HEAD_NONE, M "GAP-EXACT-HEAD{12}" M "GAP-EXACT-TAIL"},
    {"gap-exact-short", NULL, HEAD_NONE, M "GAP-EXACT-HEAD{11}" M "GAP-EXACT-TAIL"},
    {"gap-exact-long", NULL, HEAD_NONE, M "GAP-EXACT-HEAD{13}" M "GAP-EXACT-TAIL"},
    {"gap-far", "Gap.ExactFar", HEAD_NONE, M "GAP-EXACT-FAR-HEAD{150}" M "GAP-EXACT-FAR-TAIL"},
    {"gap-far-short", NULL, HEAD_NONE, M "GAP-EXACT-FAR-HEAD{149}" M "GAP-EXACT-FAR-TAIL"},
    {"gap-far-long", NULL, HEAD_NONE, M "GAP-EXACT-FAR-HEAD{151}" M "GAP-EXACT-FAR-TAIL"},
    {"gap-at-most-none", "Gap.AtMost", HEAD_NONE, M "GAP-AT-MOST-HEAD" M "GAP-AT-MOST-TAIL"},
    {"gap-at-most", "Gap.AtMost", HEAD_NONE, M "GAP-AT-MOST-HEAD{12}" M "GAP-AT-MOST-TAIL"},
    {"gap-at-most-long", NULL, HEAD_NONE, M "GAP-AT-MOST-HEAD{13}" M "GAP-AT-MOST-TAIL"},
    {"gap-at-least", "Gap.AtLeast", HEAD_NONE, M "GAP-AT-LEAST-HEAD{12}" M "GAP-AT-LEAST-TAIL"},
    {"gap-at-least-wide", "Gap.AtLeast", HEAD_NONE,
     M "GAP-AT-LEAST-HEAD{20000}" M "GAP-AT-LEAST-TAIL"},
    {"gap-at-least-short", NULL, HEAD_NONE, M "GAP-AT-LEAST-HEAD{11}" M "GAP-AT-LEAST-TAIL"},
    {"gap-range-low", "Gap.Range", HEAD_NONE, M "GAP-RANGE-HEAD{200}" M "GAP-RANGE-TAIL"},
    {"gap-range-high", "Gap.Range", HEAD_NONE, M "GAP-RANGE-HEAD{300}" M "GAP-RANGE-TAIL"},
    {"gap-range-short", NULL, HEAD_NONE, M "GAP-RANGE-HEAD{199}" M "GAP-RANGE-TAIL"},
    {"gap-range-long", NULL, HEAD_NONE, M "GAP-RANGE-HEAD{301}" M "GAP-RANGE-TAIL"},
    {"gap-bracket-low", "Gap.Bracket", HEAD_NONE, "{9}!{3}" M "GAP-BRACKET"},
    {"gap-bracket-high", "Gap.Bracket", HEAD_NONE, "{9}!{6}" M "GAP-BRACKET"},
    {"gap-bracket-short", NULL, HEAD_NONE, "{9}!{2}" M "GAP-BRACKET"},
    {"gap-bracket-long", NULL, HEAD_NONE, "{9}!{7}" M "GAP-BRACKET"},

    {"alternative-byte", "Alternative.Byte", HEAD_NONE, M "ALT-BYTE:C:END"},
    {"alternative-byte-miss", NULL, HEAD_NONE, M "ALT-BYTE:D:END"},
    {"alternative-fixed", "Alternative.Fixed", HEAD_NONE, M "ALT-FIXED:TAN:END"},
    {"alternative-fixed-miss", NULL, HEAD_NONE, M "ALT-FIXED:TED:END"},
    {"alternative-varying", "Alternative.Varying", HEAD_NONE, M "ALT-VARYING:GREEN:END"},
    {"alternative-varying-any", "Alternative.Varying", HEAD_NONE, M "ALT-VARYING:BLUE:END"},
    {"alternative-varying-miss", NULL, HEAD_NONE, M "ALT-VARYING:GREE:END"},
    {"negation-byte", "Negation.Byte", HEAD_NONE, M "NOT-BYTE:C:END"},
    {"negation-byte-miss", NULL, HEAD_NONE, M "NOT-BYTE:B:END"},
    {"negation-fixed", "Negation.Fixed", HEAD_NONE, M "NOT-FIXED:TEN:END"},
    {"negation-fixed-miss", NULL, HEAD_NONE, M "NOT-FIXED:RED:END"},
    {"negation-fixed-length", NULL, HEAD_NONE, M "NOT-FIXED:TE:END"},

    {"boundary-mark", "Boundary.Mark", HEAD_NONE, "{9}<" M "BOUNDARY>{9}"},
    {"boundary-mark-whole", "Boundary.Mark", HEAD_NONE, M "BOUNDARY"},
    {"boundary-mark-left", NULL, HEAD_NONE, "{9}" M "BOUNDARY>{9}"},
    {"boundary-mark-right", NULL, HEAD_NONE, "{9}<" M "BOUNDARY{9}"},
    {"boundary-line", "Boundary.Line", HEAD_NONE, "{9}\n" M "LINE\n{9}"},
    {"boundary-line-crlf", "Boundary.Line", HEAD_NONE, "{9}\r\n" M "LINE\r\n{9}"},
    {"boundary-line-miss", NULL, HEAD_NONE, "{9}\n" M "LINE.\n{9}"},
    {"boundary-word", "Boundary.Word", HEAD_NONE, "{9}-" M "WORD-{9}"},
    {"boundary-word-left", NULL, HEAD_NONE, "{9}" M "WORD-{9}"},
    {"boundary-word-right", NULL, HEAD_NONE, "{9}-" M "WORD7{9}"},

    {"offset-start", "Offset.Start", HEAD_NONE, M "OFFSET-START{9}"},
    {"offset-start-miss", NULL, HEAD_NONE, "{1}" M "OFFSET-START{9}"},
    {"offset-at", "Offset.At", HEAD_NONE, "{16}" M "OFFSET-AT{9}"},
    {"offset-at-early", NULL, HEAD_NONE, "{15}" M "OFFSET-AT{9}"},
    {"offset-at-late", NULL, HEAD_NONE, "{17}" M "OFFSET-AT{9}"},
    {"offset-shift-low", "Offset.Shift", HEAD_NONE, "{32}" M "OFFSET-SHIFT{9}"},
    {"offset-shift-high", "Offset.Shift", HEAD_NONE, "{48}" M "OFFSET-SHIFT{9}"},
    {"offset-shift-early", NULL, HEAD_NONE, "{31}" M "OFFSET-SHIFT{9}"},
    {"offset-shift-late", NULL, HEAD_NONE, "{49}" M "OFFSET-SHIFT{9}"},
    {"offset-end", "Offset.End", HEAD_NONE, "{500}" M "OFFSET-END"},
    {"offset-end-miss", NULL, HEAD_NONE, "{500}" M "OFFSET-END{1}"},
    {"offset-end-shift-low", "Offset.EndShift", HEAD_NONE, "{500}" M "OFFSET-END-SHIFT{34}"},
    {"offset-end-shift-high", "Offset.EndShift", HEAD_NONE, "{500}" M "OFFSET-END-SHIFT{18}"},
    {"offset-end-shift-early", NULL, HEAD_NONE, "{500}" M "OFFSET-END-SHIFT{35}"},
    {"offset-end-shift-late", NULL, HEAD_NONE, "{500}" M "OFFSET-END-SHIFT{17}"},

    {"target-pe", "Target.Pe", HEAD_PE, "{200}" M "TARGET-PE{200}"},
    {"target-pe-miss", NULL, HEAD_ELF, "{200}" M "TARGET-PE{200}"},
    {"target-elf", "Target.Elf", HEAD_ELF, "{200}" M "TARGET-ELF{200}"},
    {"target-elf-miss", NULL, HEAD_PE, "{200}" M "TARGET-ELF{200}"},
    {"target-graphics", "Target.Graphics", HEAD_GIF, "{200}" M "TARGET-GRAPHICS{200}"},
    {"target-graphics-miss", NULL, HEAD_PDF, "{200}" M "TARGET-GRAPHICS{200}"},
    {"target-pdf", "Target.Pdf", HEAD_PDF, "{200}" M "TARGET-PDF{200}"},
    {"target-pdf-miss", NULL, HEAD_GIF, "{200}" M "TARGET-PDF{200}"},
    {"target-html", "Target.Html", HEAD_HTML, "<p>" L "target-html</p></body></html>\n"},
    {"target-html-miss", NULL, HEAD_GIF, "{200}" L "target-html{200}"},
    {"target-mail", "Target.Mail", HEAD_MAIL, "this is " M "TARGET-MAIL indeed\r\n"},
    {"target-mail-miss", NULL, HEAD_GIF, "{200}" M "TARGET-MAIL{200}"},
    {"target-text", "Target.Text", HEAD_NONE, "some words and " L "target-text in a line\n"},
    {"target-text-miss", NULL, HEAD_ELF, "{200}" L "target-text{200}"},

    {"level-used", "Level.Used", HEAD_NONE, M "LEVEL-USED"},
    {"level-skipped", NULL, HEAD_NONE, M "LEVEL-SKIPPED"},
    {"adware", "Adware", HEAD_NONE, M "ADWARE"},
    {"allowed-not", "Allowed", HEAD_NONE, M "ALLOWED, but known to be harmless"},
    {"allowed", NULL, HEAD_NONE, M "ALLOWED, but known to be harmless\n"},
    {"hash-md5", "Hash.Md5", HEAD_NONE, M "HASH-MD5\n"},
    {"hash-md5-miss", NULL, HEAD_NONE, M "HASH-MD6\n"},
    {"hash-md5-longer", NULL, HEAD_NONE, M "HASH-MD5\n\n"},
    {"hash-sha1", "Hash.Sha1", HEAD_NONE, M "HASH-SHA1\n"},
    {"hash-sha1-miss", NULL, HEAD_NONE, M "HASH-SHA2\n"},
    {"hash-sha256", "Hash.Sha256", HEAD_NONE, M "HASH-SHA256\n"},
    {"hash-sha256-miss", NULL, HEAD_NONE, M "HASH-SHA257\n"},
};

static void sample_put(struct sample *sample, const void *bytes, size_t len)
{
    ASSERT(len <= SAMPLE_CAP - sample->len);
    memcpy(sample->bytes + sample->len, bytes, len);
    sample->len += len;
}

static void sample_fill(struct sample *sample, uint8_t byte, size_t len)
{
    ASSERT(len <= SAMPLE_CAP - sample->len);
    memset(sample->bytes + sample->len, byte, len);
    sample->len += len;
}

#define SAMPLE_PUT(sample, literal) sample_put(sample, literal, sizeof(literal) - 1)

/* A DOS stub of 64 bytes, then the PE and optional headers of a program without sections. */
static void sample_put_pe(struct sample *sample)
{
    SAMPLE_PUT(sample, "MZ");
    sample_fill(sample, 0, 58);
    SAMPLE_PUT(sample, "\x40\0\0\0PE\0\0\x4c\x01\0\0");
    sample_fill(sample, 0, 12);
    SAMPLE_PUT(sample, "\xe0\0\x02\x01\x0b\x01");
    sample_fill(sample, 0, 222);
}

static void sample_put_elf(struct sample *sample)
{
    SAMPLE_PUT(sample, "\x7f"
                       "ELF\x02\x01\x01");
    sample_fill(sample, 0, 9);
    SAMPLE_PUT(sample, "\x02\0\x3e\0\x01\0\0\0");
    sample_fill(sample, 0, 28);
    SAMPLE_PUT(sample, "\x40\0\x38\0\0\0\x40\0\0\0\0\0");
}

static void sample_put_head(struct sample *sample, enum sample_head head)
{
    switch (head) {
    case HEAD_NONE:
        break;
    case HEAD_PE:
        sample_put_pe(sample);
        break;
    case HEAD_ELF:
        sample_put_elf(sample);
        break;
    case HEAD_GIF:
        SAMPLE_PUT(sample, "GIF89a\x01\0\x01\0\0\0\0");
        break;
    case HEAD_PDF:
        SAMPLE_PUT(sample, "%PDF-1.4\n%\xe2\xe3\xcf\xd3\n");
        break;
    case HEAD_HTML:
        SAMPLE_PUT(sample, "<!DOCTYPE html>\n<html><head><title>t</title></head><body>\n");
        break;
    case HEAD_MAIL:
        SAMPLE_PUT(sample,
                   "Received: from a.example by b.example; Fri, 20 Nov 2026 09:24:46 +0000\r\n"
                   "From: a@a.example\r\nTo: b@b.example\r\nSubject: s\r\n\r\n");
        break;
    }
}

static void sample_put_text(struct sample *sample, const char *text)
{
    while (*text != '\0') {
        char *end;

        if (*text != '{') {
            sample_put(sample, text++, 1);
            continue;
        }
        sample_fill(sample, 'x', strtoul(text + 1, &end, 10));
        ASSERT(*end == '}');
        text = end + 1;
    }
}

size_t samples_len(void)
{
    return ARRAY_LEN(sample_rows);
}

static const char *sample_find_name(const char *found, char out[64])
{
    static const char prefix[] = "Baleen.Marker.";

    if (found[0] == '=') {
        return found + 1;
    }
    ASSERT(sizeof(prefix) + strlen(found) <= 64);
    memcpy(out, prefix, sizeof(prefix) - 1);
    memcpy(out + sizeof(prefix) - 1, found, strlen(found) + 1);
    return out;
}

struct sample samples_make(size_t i)
{
    static char names[ARRAY_LEN(sample_rows)][64];
    struct sample sample = {.bytes = malloc(SAMPLE_CAP)};

    ASSERT(i < ARRAY_LEN(sample_rows));
    ASSERT(sample.bytes != NULL);
    sample.label = sample_rows[i].label;
    sample.found = sample_rows[i].found ? sample_find_name(sample_rows[i].found, names[i]) : NULL;
    sample_put_head(&sample, sample_rows[i].head);
    sample_put_text(&sample, sample_rows[i].text);
    return sample;
}

void samples_free(struct sample *sample)
{
    free(sample->bytes);
    *sample = (struct sample){0};
}
