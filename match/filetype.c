/* SPDX-License-Identifier: MIT */
#include "match/filetype.h"

#include <emmintrin.h>

/* Bytes that stand at a fixed place; the first row that fits decides. */
struct magic {
    uint16_t at;
    uint8_t len;
    const char *bytes;
    struct filetype type;
};

#define MAGIC(at, bytes, name, target)                                                             \
    {                                                                                              \
        at, sizeof(bytes) - 1, bytes,                                                              \
        {                                                                                          \
            name, target, false, false                                                             \
        }                                                                                          \
    }
#define MAGIC_BOX(at, bytes, name, target)                                                         \
    {                                                                                              \
        at, sizeof(bytes) - 1, bytes,                                                              \
        {                                                                                          \
            name, target, true, false                                                              \
        }                                                                                          \
    }

static const struct magic magics[] = {
    /* Programs. */
    MAGIC(0, "MZ", "pe", MATCH_TARGET_PE),
    MAGIC(0, "\177ELF", "elf", MATCH_TARGET_ELF),
    MAGIC(0, "\xfe\xed\xfa\xce", "macho", MATCH_TARGET_MACHO),
    MAGIC(0, "\xfe\xed\xfa\xcf", "macho", MATCH_TARGET_MACHO),
    MAGIC(0, "\xce\xfa\xed\xfe", "macho", MATCH_TARGET_MACHO),
    MAGIC(0, "\xcf\xfa\xed\xfe", "macho", MATCH_TARGET_MACHO),
    MAGIC_BOX(0, "\xca\xfe\xba\xbf", "macho", MATCH_TARGET_MACHO),
    MAGIC(0, "FWS", "flash", MATCH_TARGET_FLASH),
    MAGIC(0, "CWS", "flash", MATCH_TARGET_FLASH),
    MAGIC(0, "ZWS", "flash", MATCH_TARGET_FLASH),
    /* Documents. */
    MAGIC(0, "%PDF-", "pdf", MATCH_TARGET_PDF),
    MAGIC_BOX(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole2", MATCH_TARGET_OLE2),
    MAGIC(0, "{\\rtf", "rtf", MATCH_TARGET_ANY),
    /* Pictures. */
    MAGIC(0, "GIF8", "gif", MATCH_TARGET_GRAPHICS),
    MAGIC(0, "\x89PNG\r\n\x1a\n", "png", MATCH_TARGET_GRAPHICS),
    MAGIC(0, "\xff\xd8\xff", "jpeg", MATCH_TARGET_GRAPHICS),
    MAGIC(0, "II*\0", "tiff", MATCH_TARGET_GRAPHICS),
    MAGIC(0, "MM\0*", "tiff", MATCH_TARGET_GRAPHICS),
    MAGIC(8, "WEBP", "webp", MATCH_TARGET_GRAPHICS),
    /* Containers. */
    MAGIC_BOX(0, "PK\3\4", "zip", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "PK\5\6", "zip", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "PK00PK\3\4", "zip", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "\x1f\x8b", "gzip", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "BZh", "bzip2", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "\xfd\x37zXZ\0", "xz", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "\x28\xb5\x2f\xfd", "zstd", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "7z\xbc\xaf\x27\x1c", "7z", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "Rar!\x1a\7", "rar", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "MSCF", "cab", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "ITSF", "chm", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "\x60\xea", "arj", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "070701", "cpio", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "070702", "cpio", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "070707", "cpio", MATCH_TARGET_ANY),
    MAGIC_BOX(0, "\x78\x9f\x3e\x22", "tnef", MATCH_TARGET_ANY),
    MAGIC_BOX(257, "ustar", "tar", MATCH_TARGET_ANY),
};

/* Compared without regard to case. */
struct word {
    uint8_t len;
    const char *text;
};

#define WORD(text)                                                                                 \
    {                                                                                              \
        sizeof(text) - 1, text                                                                     \
    }

/* A message begins with one of these; the first is the envelope of a mailbox. */
static const struct word mail_fields[] = {
    WORD("From "),        WORD("From:"),         WORD("To:"),           WORD("Cc:"),
    WORD("Date:"),        WORD("Subject:"),      WORD("Received:"),     WORD("Reply-To:"),
    WORD("Return-Path:"), WORD("Delivered-To:"), WORD("Sender:"),       WORD("X-"),
    WORD("Message-ID:"),  WORD("MIME-Version:"), WORD("Content-Type:"), WORD("DKIM-Signature:")};

/* One of these among its fields makes it a MIME message. */
static const struct word mime_fields[] = {WORD("MIME-Version:"), WORD("Content-Type:")};

/* Any of these behind a `<` near the beginning makes a text a page. */
static const struct word html_words[] = {WORD("!doctype html"), WORD("html"),   WORD("head"),
                                         WORD("body"),          WORD("script"), WORD("iframe"),
                                         WORD("title"),         WORD("table"),  WORD("meta")};

static const struct filetype filetype_data = {"data", MATCH_TARGET_ANY, false, false};
static const struct filetype filetype_text = {"text", MATCH_TARGET_ASCII, false, false};
static const struct filetype filetype_html = {"html", MATCH_TARGET_HTML, false, false};
static const struct filetype filetype_mail = {"mail", MATCH_TARGET_MAIL, true, false};
static const struct filetype filetype_mime = {"mime", MATCH_TARGET_MAIL, true, true};
static const struct filetype filetype_java = {"java", MATCH_TARGET_JAVA, false, false};
static const struct filetype filetype_fat = {"macho", MATCH_TARGET_MACHO, true, false};

static bool head_has(struct slice head, size_t at, const char *bytes, size_t len)
{
    return at < head.len && head.ptr[at] == (uint8_t)bytes[0] && len <= head.len - at &&
           memcmp(head.ptr + at, bytes, len) == 0;
}

/* A byte order mark is no part of what a text says. */
static struct slice head_skip_mark(struct slice head)
{
    return head_has(head, 0, "\xef\xbb\xbf", 3) ? slice_skip(head, 3) : head;
}

static bool head_begins(struct slice head, const struct word *word)
{
    if (word->len > head.len || ((head.ptr[0] ^ (uint8_t)word->text[0]) & ~0x20) != 0) {
        return false;
    }
    return slice_equal_nocase(slice_from(head.ptr, word->len), slice_from(word->text, word->len));
}

static bool head_begins_any(struct slice head, const struct word *words, size_t words_len)
{
    for (size_t i = 0; i < words_len; i++) {
        if (head_begins(head, &words[i])) {
            return true;
        }
    }
    return false;
}

static const struct filetype *detect_magic(struct slice head)
{
    for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
        if (head_has(head, magics[i].at, magics[i].bytes, magics[i].len)) {
            return &magics[i].type;
        }
    }
    return NULL;
}

/*
 * Java classes and bundles of Mach-O programs begin with the same bytes; then comes a version (45
 * and up) or the number of programs.
 */
static const struct filetype *detect_cafebabe(struct slice head)
{
    if (head.len < 8 || !head_has(head, 0, "\xca\xfe\xba\xbe", 4)) {
        return NULL;
    }
    const unsigned word = (unsigned)head.ptr[6] << 8 | head.ptr[7];
    const bool few = head.ptr[4] == 0 && head.ptr[5] == 0 && word < 45;

    return few ? &filetype_fat : &filetype_java;
}

static bool bytes_are_text(struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        const uint8_t c = bytes.ptr[i];
        const bool space = c >= '\t' && c <= '\r';

        if ((c < 0x20 && !space && c != 0x1b) || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* One bit for each of 16 bytes that text does not have: below 0x20 but white space and escape;
 * 0x7f. */
static int block_find_control(const uint8_t *bytes)
{
    const __m128i block = _mm_loadu_si128((const __m128i *)(const void *)bytes);
    const __m128i printable = _mm_cmpeq_epi8(_mm_max_epu8(block, _mm_set1_epi8(0x20)), block);
    const __m128i in_space =
        _mm_max_epu8(_mm_min_epu8(block, _mm_set1_epi8('\r')), _mm_set1_epi8('\t'));
    const __m128i space = _mm_cmpeq_epi8(in_space, block);
    const __m128i escape = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x1b));
    const __m128i good = _mm_or_si128(_mm_or_si128(printable, space), escape);
    const __m128i del = _mm_cmpeq_epi8(block, _mm_set1_epi8(0x7f));

    return _mm_movemask_epi8(_mm_andnot_si128(del, good)) ^ 0xffff;
}

/* No control characters but white space and escape; any 8-bit charset passes. */
static bool head_is_text(struct slice head)
{
    size_t at = 0;

    for (; head.len - at >= 16; at += 16) {
        if (block_find_control(head.ptr + at) != 0) {
            return false;
        }
    }
    return head.len > 0 && bytes_are_text(slice_skip(head, at));
}

/* "Name:", as fields of a message begin. */
static bool line_is_field(struct slice line)
{
    const size_t colon = slice_find(line, ':');

    for (size_t i = 0; i < colon; i++) {
        if (line.ptr[i] <= ' ' || line.ptr[i] >= 0x7f) {
            return false;
        }
    }
    return colon > 0 && colon < line.len;
}

/* At least two fields, the first a usual one. The last line may be cut off and does not count. */
static const struct filetype *detect_mail(struct slice head)
{
    unsigned fields = 0;
    bool mime = false;

    if (!head_begins_any(head, mail_fields, ARRAY_LEN(mail_fields))) {
        return NULL;
    }
    for (bool first = true; slice_find(head, '\n') < head.len; first = false) {
        const struct slice line = slice_split(&head, '\n');

        if (line.len == 0 || line.ptr[0] == '\r') {
            break;
        }
        const bool folded = line.ptr[0] == ' ' || line.ptr[0] == '\t';
        const bool envelope = first && head_begins(line, &mail_fields[0]);

        if (!folded && !envelope && !line_is_field(line)) {
            break;
        }
        fields += !folded;
        mime |= head_begins_any(line, mime_fields, ARRAY_LEN(mime_fields));
    }
    if (fields < 2) {
        return NULL;
    }
    return mime ? &filetype_mime : &filetype_mail;
}

static bool head_is_html(struct slice head)
{
    for (size_t at = slice_find(head, '<'); at < head.len; at = slice_find(head, '<')) {
        head = slice_skip(head, at + 1);
        if (head_begins_any(head, html_words, ARRAY_LEN(html_words))) {
            return true;
        }
    }
    return false;
}

const struct filetype *filetype_detect(struct slice head)
{
    head.len = MIN_OF(head.len, FILETYPE_PROBE);
    const struct filetype *type = detect_magic(head);

    if (!type) {
        type = detect_cafebabe(head);
    }
    if (type) {
        return type;
    }
    head = head_skip_mark(head);
    if (!head_is_text(head)) {
        return head_is_html(head) ? &filetype_html : &filetype_data;
    }
    type = detect_mail(head);
    if (type) {
        return type;
    }
    return head_is_html(head) ? &filetype_html : &filetype_text;
}

bool filetype_is_mime(struct slice head)
{
    struct slice fields = head_skip_mark(head);

    fields.len = MIN_OF(fields.len, (size_t)FILETYPE_PROBE);
    return detect_mail(fields) == &filetype_mime && filetype_detect(head)->mime;
}
