/* SPDX-License-Identifier: MIT */
#include "match/filetype.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/mman.h>

struct row {
    const char *name;
    enum match_target target;
    bool container;
    bool mime;
    struct slice head;
};

#define ROW(name, target, container, mime, text)                                                   \
    {                                                                                              \
        name, target, container, mime,                                                             \
        {                                                                                          \
            (const uint8_t *)("" text), sizeof(text) - 1                                           \
        }                                                                                          \
    }

static const struct row rows[] = {
    ROW("pe", MATCH_TARGET_PE, false, false, "MZ\x90\0"),
    ROW("elf", MATCH_TARGET_ELF, false, false, "\177ELF\2\1"),
    ROW("macho", MATCH_TARGET_MACHO, false, false, "\xcf\xfa\xed\xfe\7\0"),
    ROW("macho", MATCH_TARGET_MACHO, true, false, "\xca\xfe\xba\xbe\0\0\0\2"),
    ROW("java", MATCH_TARGET_JAVA, false, false, "\xca\xfe\xba\xbe\0\0\0\x34"),
    ROW("java", MATCH_TARGET_JAVA, false, false, "\xca\xfe\xba\xbe\0\3\0\x2d"),
    ROW("flash", MATCH_TARGET_FLASH, false, false, "CWS\x0a"),
    ROW("pdf", MATCH_TARGET_PDF, false, false, "%PDF-1.7\n"),
    ROW("ole2", MATCH_TARGET_OLE2, true, false, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0"),
    ROW("rtf", MATCH_TARGET_ANY, false, false, "{\\rtf1"),
    ROW("gif", MATCH_TARGET_GRAPHICS, false, false, "GIF89a"),
    ROW("png", MATCH_TARGET_GRAPHICS, false, false, "\x89PNG\r\n\x1a\n"),
    ROW("jpeg", MATCH_TARGET_GRAPHICS, false, false, "\xff\xd8\xff\xe0"),
    ROW("tiff", MATCH_TARGET_GRAPHICS, false, false, "MM\0*"),
    ROW("bmp", MATCH_TARGET_GRAPHICS, false, false, "BM6\0\0\0"),
    ROW("webp", MATCH_TARGET_ANY, false, false, "RIFF1234WEBP"),
    ROW("zip", MATCH_TARGET_ANY, true, false, "PK\3\4"),
    ROW("gzip", MATCH_TARGET_ANY, true, false, "\x1f\x8b\x08"),
    ROW("bzip2", MATCH_TARGET_ANY, true, false, "BZh9"),
    ROW("xz", MATCH_TARGET_ANY, true, false, "\xfd\x37zXZ\0"),
    ROW("zstd", MATCH_TARGET_ANY, true, false, "\x28\xb5\x2f\xfd"),
    ROW("7z", MATCH_TARGET_ANY, true, false, "7z\xbc\xaf\x27\x1c"),
    ROW("rar", MATCH_TARGET_ANY, true, false, "Rar!\x1a\7\1\0"),
    ROW("cab", MATCH_TARGET_ANY, true, false, "MSCF"),
    ROW("html", MATCH_TARGET_HTML, false, false, "  <!DOCTYPE HTML><head><p>"),
    ROW("html", MATCH_TARGET_HTML, false, false, "<A HREF=x>"),
    ROW("html", MATCH_TARGET_HTML, false, false, "\1\2\0\0 data <img src=x>"),
    ROW("html", MATCH_TARGET_HTML, false, false, "\xff\xfe<\0h\0t\0m\0l\0>\0"),
    ROW("text", MATCH_TARGET_ASCII, false, false, "<!DOCTYPE html><html lang=en><p>words"),
    ROW("text", MATCH_TARGET_ASCII, false, false, "<ht ml> < html> <heads> <title>"),
    ROW("text", MATCH_TARGET_ASCII, false, false, "\xff\xfew\0o\0r\0d\0"),
    ROW("text", MATCH_TARGET_ASCII, false, false, "\0w\0o\0r\0d"),
    ROW("text", MATCH_TARGET_ASCII, false, false, "words and a \177, \1, \33"),
    ROW("data", MATCH_TARGET_OTHER, false, false, "words\0\0\0 and zeros"),
    ROW("data", MATCH_TARGET_OTHER, false, false, "ab\0\1cd"),
    ROW("html", MATCH_TARGET_HTML, false, false, "text first <x> <sCript>"),
    ROW("html", MATCH_TARGET_HTML, false, false, "\xef\xbb\xbf<html>"),
    ROW("text", MATCH_TARGET_ASCII, false, false, "just some words\n"),
    ROW("text", MATCH_TARGET_ASCII, false, false,
        "gr\xc3\xbc\xc3\x9f"
        "e"),
    ROW("text", MATCH_TARGET_ASCII, false, false, "To: nobody, but no message\n\nwords"),
    ROW("data", MATCH_TARGET_OTHER, false, false, ""),
    ROW("mail", MATCH_TARGET_MAIL, true, false, "From: a@b\r\nTo: c@d\r\nSubject: e\r\n\r\n"),
    ROW("mail", MATCH_TARGET_MAIL, true, false, "From a@b Fri Nov 20\nTo: c@d\n\nwords"),
    ROW("mime", MATCH_TARGET_MAIL, true, true,
        "Received: from x\r\n\tby y\r\nsubject: e\r\nmime-version: 1.0\r\n\r\n<html>"),
    ROW("mail", MATCH_TARGET_MAIL, true, false,
        "Received: from x\r\nSubject: e\r\n\r\nMIME-Version: 1.0\r\n"),
};

/* The bytes lie against a page that must not be touched. */
static const struct filetype *detect_at_guard(struct slice head)
{
    uint8_t *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cr_assert_neq(map, MAP_FAILED);
    cr_assert_eq(mprotect(map + 4096, 4096, PROT_NONE), 0);
    if (head.len > 0) {
        memcpy(map + 4096 - head.len, head.ptr, head.len);
    }
    const struct filetype *type = filetype_detect(slice_from(map + 4096 - head.len, head.len));

    munmap(map, 8192);
    return type;
}

Test(filetype, knows_a_file_by_its_first_bytes)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct filetype *type = detect_at_guard(rows[i].head);

        cr_assert_str_eq(type->name, rows[i].name, "row %zu is %s", i, type->name);
        cr_assert_eq(type->target, rows[i].target, "row %zu", i);
        cr_assert_eq(type->container, rows[i].container, "row %zu", i);
        cr_assert_eq(type->mime, rows[i].mime, "row %zu", i);
    }
}

Test(filetype, any_prefix_gives_some_answer)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t len = 0; len < rows[i].head.len; len++) {
            cr_assert_not_null(detect_at_guard(slice_from(rows[i].head.ptr, len))->name);
        }
    }
}

Test(filetype, a_pair_of_zeros_makes_it_data)
{
    uint8_t head[FILETYPE_PROBE + 20];

    for (size_t at = 0; at + 1 < sizeof(head); at += 2) {
        memset(head, 'a', sizeof(head));
        head[at] = 0;
        cr_assert_str_eq(filetype_detect(slice_from(head, sizeof(head)))->name, "text", "%zu", at);
        head[at + 1] = 0;
        cr_assert_str_eq(filetype_detect(slice_from(head, sizeof(head)))->name,
                         at < FILETYPE_PROBE ? "data" : "text", "%zu", at);
    }
}

Test(filetype, the_tag_of_a_page_is_found_anywhere)
{
    uint8_t text[300];

    for (size_t at = 0; at < sizeof(text) - 8; at++) {
        memset(text, '<', sizeof(text));
        memcpy(text + at, "<iFrame", 7);
        cr_assert_eq(filetype_find_page(slice_from(text, sizeof(text))), at);
        cr_assert_eq(filetype_find_page(slice_from(text, at + 6)), at + 6);
    }
}

Test(filetype, a_tar_is_known_by_what_stands_far_inside)
{
    uint8_t head[512] = "file.txt";

    cr_assert_str_eq(filetype_detect(slice_from(head, sizeof(head)))->name, "data");
    memcpy(head + 257, "ustar", 5);
    cr_assert_str_eq(filetype_detect(slice_from(head, sizeof(head)))->name, "tar");
    cr_assert_str_eq(filetype_detect(slice_from(head, 261))->name, "data");
}
