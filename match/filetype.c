/* SPDX-License-Identifier: MIT */
#include "match/filetype.h"

#include <assert.h>

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
    MAGIC(0, "\x89PNG", "png", MATCH_TARGET_GRAPHICS),
    MAGIC(0, "\xff\xd8\xff", "jpeg", MATCH_TARGET_GRAPHICS),
    MAGIC(0, "II*\0", "tiff", MATCH_TARGET_GRAPHICS),
    MAGIC(0, "MM\0*", "tiff", MATCH_TARGET_GRAPHICS),
    MAGIC(0, "BM", "bmp", MATCH_TARGET_GRAPHICS),
    MAGIC(8, "WEBP", "webp", MATCH_TARGET_ANY),
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
    MAGIC_BOX(0, "SZDD", "szdd", MATCH_TARGET_ANY),
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

/* Any of these behind a `<`, anywhere in a text, makes it a page. */
static const struct word page_words[] = {WORD("html>"),  WORD("head>"),  WORD("script"),
                                         WORD("table"),  WORD("iframe"), WORD("img"),
                                         WORD("object"), WORD("a href=")};

static_assert(sizeof("a href=") == FILETYPE_PAGE_MAX, "the longest word and its bracket");

static const struct filetype filetype_data = {"data", MATCH_TARGET_OTHER, false, false};
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

/*
 * UTF-16, as far as ClamAV looks: with a byte order mark, or, taken in pairs with the high byte
 * first, without control characters that text does not have. Other text has no zero bytes, and that
 * is all.
 */
static bool head_is_wide(struct slice head)
{
    if (head_has(head, 0, "\xff\xfe", 2) || head_has(head, 0, "\xfe\xff", 2)) {
        return true;
    }
    for (size_t i = 0; i + 1 < head.len; i += 2) {
        const unsigned c = (unsigned)head.ptr[i] << 8 | head.ptr[i + 1];
        const bool kept = (c >= 0x07 && c <= 0x0d && c != 0x0b) || c == 0x1b;

        if ((c < ' ' && !kept) || c == 0x7f || c == 0xfffe) {
            return false;
        }
    }
    return true;
}

static bool head_is_text(struct slice head)
{
    return head.len > 0 && (!memchr(head.ptr, 0, head.len) || head_is_wide(head));
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

size_t filetype_find_page(struct slice text)
{
    struct slice rest = text;

    for (size_t at = slice_find(rest, '<'); at < rest.len; at = slice_find(rest, '<')) {
        rest = slice_skip(rest, at + 1);
        if (head_begins_any(rest, page_words, ARRAY_LEN(page_words))) {
            return text.len - rest.len - 1;
        }
    }
    return text.len;
}

/* Wide characters of a page lose their zeros. */
static bool head_is_page(struct slice head)
{
    uint8_t narrow[FILETYPE_PROBE];
    size_t len = 0;

    if (!memchr(head.ptr, 0, head.len)) {
        return filetype_find_page(head) < head.len;
    }
    for (size_t zero = slice_find(head, 0);; zero = slice_find(head, 0)) {
        memcpy(narrow + len, head.ptr, zero);
        len += zero;
        if (zero == head.len) {
            break;
        }
        head = slice_skip(head, zero + 1);
    }
    return filetype_find_page(slice_from(narrow, len)) < len;
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
    if (head.len == 0) {
        return &filetype_data;
    }
    type = detect_mail(head_skip_mark(head));
    if (type) {
        return type;
    }
    if (head_is_page(head)) {
        return &filetype_html;
    }
    return head_is_text(head) ? &filetype_text : &filetype_data;
}

bool filetype_is_mime(struct slice head)
{
    struct slice fields = head_skip_mark(head);

    fields.len = MIN_OF(fields.len, (size_t)FILETYPE_PROBE);
    return detect_mail(fields) == &filetype_mime && filetype_detect(head)->mime;
}
