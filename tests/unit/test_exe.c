/* SPDX-License-Identifier: MIT */
#include "match/exe_imports.h"
#include "tests/tools/make_exe.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_CAP 65536

/* A body in memory, handed out in pieces of `piece` bytes (0: all of it). */
struct exe_body {
    uint8_t *bytes;
    size_t len;
    size_t piece;
};

static const uint8_t *body_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct exe_body *body = ctx;

    cr_assert_lt(offset, body->len);
    *out_len = body->len - (size_t)offset;
    if (body->piece > 0) {
        *out_len = MIN_OF(*out_len, body->piece);
    }
    return body->bytes + offset;
}

static struct peek body_peek(struct exe_body *body)
{
    return peek_over((struct match_source){body_at, body}, slice_from(NULL, 0), 0);
}

static void body_parse(struct exe_body *body, struct exe *out)
{
    struct peek peek = body_peek(body);

    exe_parse(out, &peek, body->len);
    cr_assert_not(peek.failed);
}

static struct exe_body body_make(const struct make_exe *exe)
{
    struct exe_body body = {.bytes = malloc(FILE_CAP)};

    cr_assert_not_null(body.bytes);
    body.len = make_exe_write(exe, body.bytes, FILE_CAP);
    cr_assert_gt(body.len, 0);
    return body;
}

static const struct slice two_sections[] = {
    {(const uint8_t *)"code of the first section", 25},
    {(const uint8_t *)"data of the second", 18},
};

static struct make_exe kind_make(unsigned kind)
{
    return (struct make_exe){
        .kind = (enum make_exe_kind)(kind / 4),
        .is_64 = kind / 2 % 2,
        .big_endian = kind % 2,
        .entry = 5,
        .sections = two_sections,
        .sections_len = ARRAY_LEN(two_sections),
    };
}

#define KINDS 12

Test(exe, entry_and_sections_of_every_kind)
{
    for (unsigned kind = 0; kind < KINDS; kind++) {
        const struct make_exe make = kind_make(kind);
        const bool powerpc = make.kind == MAKE_EXE_MACHO && make.big_endian;
        const uint64_t first = make_exe_section(&make, 0);
        const uint64_t entry = make.kind == MAKE_EXE_MACHO && !powerpc ? 0 : first + make.entry;
        struct exe_body body = body_make(&make);
        struct exe exe;

        for (body.piece = 0; body.piece < 70; body.piece += 23) {
            body_parse(&body, &exe);
            cr_assert_eq(exe.kind, EXE_PE + make.kind, "%u", kind);
            cr_assert_eq(exe.is_64, make.is_64);
            cr_assert(exe.has_entry);
            cr_assert_eq(exe.entry, entry, "%u: %lu", kind, (unsigned long)exe.entry);
            cr_assert_eq(exe.sections_total, 2);
            cr_assert_eq(exe.sections_len, 2);
            cr_assert_eq(exe.sections[0].at, first);
            cr_assert_eq(exe.sections[0].len, MAKE_EXE_ALIGN);
            cr_assert_eq(exe.sections[1].at, make_exe_section(&make, 1));
            cr_assert_eq(exe.last.at, exe.sections[1].at);
        }
        free(body.bytes);
    }
}

/* Headers that are cut off make no executable; data that is cut off is shorter. */
Test(exe, every_length)
{
    for (unsigned kind = 0; kind < KINDS; kind++) {
        const struct make_exe make = kind_make(kind);
        struct exe_body body = body_make(&make);
        struct exe exe;

        for (size_t len = body.len; body.len-- > 0;) {
            body_parse(&body, &exe);
            for (uint32_t i = 0; i < exe.sections_len; i++) {
                cr_assert_leq(exe.sections[i].len, len);
                cr_assert(exe.sections[i].len == 0 ||
                          exe.sections[i].at + exe.sections[i].len <= body.len);
            }
            if (body.len < 100) {
                cr_assert_eq(exe.kind, EXE_NONE, "%u: %zu bytes", kind, body.len);
            }
        }
        free(body.bytes);
    }
}

/* As clamscan: a row of the table of sections counts when all of it is there. */
Test(exe, an_elf_whose_last_section_header_is_cut_off)
{
    for (unsigned is_64 = 0; is_64 < 2; is_64++) {
        const struct make_exe exe = {
            .kind = MAKE_EXE_ELF, .is_64 = is_64, .sections = two_sections, .sections_len = 2};
        struct exe_body body = body_make(&exe);
        const size_t table =
            (size_t)body.bytes[is_64 ? 40 : 32] | (size_t)body.bytes[is_64 ? 41 : 33] << 8;
        const size_t rows = body.bytes[is_64 ? 60 : 48];
        struct exe out;

        body.len = table + rows * (is_64 ? 64 : 40);
        body_parse(&body, &out);
        cr_assert_eq(out.kind, EXE_ELF);
        body.len--;
        body_parse(&body, &out);
        cr_assert_eq(out.kind, EXE_NONE);
        free(body.bytes);
    }
}

static void body_put32(struct exe_body *body, size_t at, uint32_t value)
{
    memcpy(body->bytes + at, &value, sizeof(value));
}

/* Where the fields of a 32-bit PE of the maker stand. */
#define PE_COUNT      (128 + 6)
#define PE_ENTRY      (128 + 24 + 16)
#define PE_FILE_ALIGN (128 + 24 + 36)
#define PE_HEADERS    (128 + 24 + 60)
#define PE_TABLE      (128 + 24 + 224)

struct pe_row {
    const char *what;
    size_t at;
    uint32_t value;
    bool good;
    uint64_t entry;
    uint64_t first_at;
    uint64_t first_len;
};

/* What ClamAV makes of such headers. */
static const struct pe_row pe_rows[] = {
    {"as it is", 0, 0x5a4d, true, 0x1005, 0x1000, 0x200},
    {"entry in the headers", PE_ENTRY, 0x10, true, 0x10, 0x1000, 0x200},
    {"entry in the second section", PE_ENTRY, 0x2004, true, 0x1204, 0x1000, 0x200},
    {"entry nowhere", PE_ENTRY, 0x9000, false, 0, 0, 0},
    {"entry in what is not there", PE_ENTRY, 0x1300, false, 0, 0, 0},
    {"headers as long as the file", PE_HEADERS, 0x2000, true, 0x1005, 0x1000, 0x200},
    {"headers that wrap around", PE_HEADERS, 0xffffffff, true, 0x1005, 0x1000, 0x200},
    {"raw data is rounded down", PE_TABLE + 20, 0x1070, true, 0x1005, 0x1000, 0x200},
    {"and its length up", PE_TABLE + 16, 0x101, true, 0x1005, 0x1000, 0x200},
    {"raw length beyond the file", PE_TABLE + 16, 0x80000000, true, 0x1005, 0x1000, 0x400},
    {"raw length that wraps around", PE_TABLE + 16, 0xffffffff, false, 0, 0, 0},
    {"raw data beyond the file", PE_TABLE + 40 + 20, 0x80000000, true, 0x1005, 0x1000, 0x200},
    {"an address with the highest bit", PE_TABLE + 12, 0x80001000, false, 0, 0, 0},
    {"a length with the highest bit", PE_TABLE + 8, 0x80000000, false, 0, 0, 0},
    {"no alignment", PE_FILE_ALIGN, 0, true, 0x1005, 0x1000, 0x200},
    {"large alignment, but sectors", PE_FILE_ALIGN, 0x2000, true, 0x1005, 0x1000, 0x200},
    {"no PE", 128, 0x4551, false, 0, 0, 0},
    {"header far away", 60, 0xfffffff0, false, 0, 0, 0},
    {"more directories than there is room", 128 + 24 + 92, 0x10000, true, 0x1005, 0x1000, 0x200},
};

Test(exe, pe_headers_that_contradict_themselves)
{
    const struct make_exe make = kind_make(0);

    for (size_t i = 0; i < ARRAY_LEN(pe_rows); i++) {
        const struct pe_row *row = &pe_rows[i];
        struct exe_body body = body_make(&make);
        struct exe exe;

        body_put32(&body, row->at, row->value);
        body_parse(&body, &exe);
        cr_assert_eq(exe.kind, row->good ? EXE_PE : EXE_NONE, "%s", row->what);
        cr_assert_eq(exe.entry, row->entry, "%s: %lx", row->what, (unsigned long)exe.entry);
        if (row->good) {
            cr_assert_eq(exe.sections[0].at, row->first_at, "%s", row->what);
            cr_assert_eq(exe.sections[0].len, row->first_len, "%s: %lx", row->what,
                         (unsigned long)exe.sections[0].len);
        }
        free(body.bytes);
    }
}

/* More sections than are kept at hand: they are read when asked for. */
Test(exe, many_sections)
{
    enum {
        COUNT = 1000,
        STEP = 8
    };

    const struct make_exe make = kind_make(0);
    struct exe_body body = body_make(&make);
    struct exe_section section;
    struct exe exe;

    body.len = 0xf000;
    memset(body.bytes + PE_TABLE, 0, body.len - PE_TABLE);
    body.bytes[PE_COUNT] = COUNT & 0xff;
    body.bytes[PE_COUNT + 1] = COUNT >> 8;
    body_put32(&body, PE_FILE_ALIGN, STEP);
    for (uint32_t i = 0; i < COUNT; i++) {
        const size_t row = PE_TABLE + (size_t)i * 40;

        body_put32(&body, row + 8, 0x1000);
        body_put32(&body, row + 12, 0x1000 * (i + 1));
        body_put32(&body, row + 16, STEP);
        body_put32(&body, row + 20, 0xb004 + STEP * i);
    }
    body_put32(&body, PE_ENTRY, 0x1000 * COUNT + 3);
    body_parse(&body, &exe);
    struct peek peek = body_peek(&body);

    cr_assert_eq(exe.kind, EXE_PE);
    cr_assert_eq(exe.sections_total, COUNT);
    cr_assert_eq(exe.sections_len, EXE_SECTIONS_MAX);
    cr_assert_eq(exe.last.at, 0xb000 + STEP * (COUNT - 1));
    cr_assert_eq(exe.entry, exe.last.at + 3);
    cr_assert(exe_section_at(&exe, &peek, body.len, 900, &section));
    cr_assert_eq(section.at, 0xb000 + STEP * 900);
    cr_assert_not(exe_section_at(&exe, &peek, body.len, COUNT, &section));
    free(body.bytes);
}

Test(exe, the_first_architecture_of_a_universal_file)
{
    const struct make_exe make = kind_make(4 * MAKE_EXE_MACHO + 3);
    struct exe_body inner = body_make(&make);
    struct exe_body body = {.bytes = calloc(1, FILE_CAP), .len = 0x800 + inner.len};
    struct exe exe;

    cr_assert_not_null(body.bytes);
    memcpy(body.bytes, "\xca\xfe\xba\xbe\0\0\0\1\1\0\0\x12\0\0\0\3\0\0\x08\0", 20);
    memcpy(body.bytes + 0x800, inner.bytes, inner.len);
    body_parse(&body, &exe);
    cr_assert_eq(exe.kind, EXE_MACHO);
    cr_assert_eq(exe.entry, 0x800 + make_exe_section(&make, 0) + make.entry);
    cr_assert_eq(exe.sections[1].at, 0x800 + make_exe_section(&make, 1));
    free(inner.bytes);
    free(body.bytes);
}

/* ---- Version information ---- */

static const struct make_exe_string strings[] = {
    {"CompanyName", "Example"},
    {"FileDescription", "A tool"},
    {"Empty", ""},
};

static size_t find_wide(const struct exe_body *body, const char *text)
{
    const size_t len = strlen(text);
    uint8_t wide[64] = {0};

    for (size_t i = 0; i < len; i++) {
        wide[2 * i] = (uint8_t)text[i];
    }
    const uint8_t *at = memmem(body->bytes, body->len, wide, 2 * len);

    cr_assert_not_null(at);
    return (size_t)(at - body->bytes);
}

Test(exe, version_strings_begin_at_their_keys)
{
    for (unsigned kind = 0; kind < 4; kind += 2) {
        struct make_exe make = kind_make(kind);

        make.versions = strings;
        make.versions_len = ARRAY_LEN(strings);
        struct exe_body body = body_make(&make);
        uint64_t found[EXE_VERSIONS_MAX];
        struct exe exe;

        for (body.piece = 0; body.piece < 40; body.piece += 13) {
            body_parse(&body, &exe);
            struct peek peek = body_peek(&body);

            cr_assert_eq(exe_find_versions(&exe, &peek, body.len, found), 3);
            for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
                cr_assert_eq(found[i], find_wide(&body, strings[i].key));
            }
        }
        free(body.bytes);
    }
}

Test(exe, version_information_that_is_damaged_or_cut_off)
{
    struct make_exe make = kind_make(0);

    make.versions = strings;
    make.versions_len = ARRAY_LEN(strings);
    struct exe_body body = body_make(&make);
    const size_t from = make_exe_section(&make, 2);
    const size_t len = body.len;
    uint64_t found[EXE_VERSIONS_MAX];
    struct exe exe;

    for (size_t at = from; at < len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            body.bytes[at] ^= (uint8_t)(1U << bit);
            body_parse(&body, &exe);
            struct peek peek = body_peek(&body);
            const uint32_t count = exe_find_versions(&exe, &peek, body.len, found);

            for (uint32_t i = 0; i < count; i++) {
                cr_assert_lt(found[i], body.len);
            }
            body.bytes[at] ^= (uint8_t)(1U << bit);
        }
    }
    for (body.len = from; body.len < len; body.len++) {
        body_parse(&body, &exe);
        struct peek peek = body_peek(&body);

        cr_assert_leq(exe_find_versions(&exe, &peek, body.len, found), 3);
    }
    free(body.bytes);
}

/* ---- Imports ---- */

static const char *body_imports(struct exe_body *body, char *out, size_t cap)
{
    struct exe_imports imports;
    struct slice piece;
    struct exe exe;
    size_t len = 0;

    body_parse(body, &exe);
    struct peek peek = body_peek(body);

    exe_imports_init(&imports, &exe, body->len);
    while (exe_imports_next(&imports, &peek, &piece)) {
        cr_assert_lt(len + piece.len, cap);
        memcpy(out + len, piece.ptr, piece.len);
        len += piece.len;
    }
    out[len] = '\0';
    return imports.failed ? NULL : out;
}

static const struct make_exe_import imports_rows[] = {
    {"KERNEL32.dll", "CreateFileA", 0},
    {"KERNEL32.dll", "ExitProcess", 0},
    {"Some.OCX", NULL, 7},
    {"WS2_32.dll", NULL, 115},
    {"WS2_32.dll", NULL, 999},
    {"ws2_32", NULL, 115},
    {"oleaut32.dll", NULL, 2},
    {"a.b.dll", "_X.1", 0},
    {"drv.sys", "Go", 0},
};

Test(exe, imports_as_a_list)
{
    char room[1024];

    for (unsigned kind = 0; kind < 4; kind += 2) {
        struct make_exe make = kind_make(kind);

        make.imports = imports_rows;
        make.imports_len = ARRAY_LEN(imports_rows);
        struct exe_body body = body_make(&make);

        for (body.piece = 0; body.piece < 30; body.piece += 7) {
            cr_assert_str_eq(body_imports(&body, room, sizeof(room)),
                             "kernel32.createfilea,kernel32.exitprocess,some.ord7,"
                             "ws2_32.wsastartup,ws2_32.ord999,ws2_32.ord115,"
                             "oleaut32.sysallocstring,a.b.dll._x.1,drv.go");
        }
        free(body.bytes);
    }
}

Test(exe, a_name_of_other_characters_spoils_the_list)
{
    static const struct make_exe_import rows[] = {{"a.dll", "Good", 0}, {"a.dll", "?bad@@YA", 0}};
    struct make_exe make = kind_make(0);
    char room[256];

    make.imports = rows;
    make.imports_len = 1;
    struct exe_body body = body_make(&make);

    cr_assert_str_eq(body_imports(&body, room, sizeof(room)), "a.good");
    free(body.bytes);
    make.imports_len = 2;
    body = body_make(&make);
    cr_assert_null(body_imports(&body, room, sizeof(room)));
    free(body.bytes);
    make.imports_len = 0;
    body = body_make(&make);
    cr_assert_null(body_imports(&body, room, sizeof(room)));
    free(body.bytes);
}

Test(exe, numbers_that_have_names)
{
    cr_assert_str_eq(exe_ordinal_name(SLICE_OF("ws2_32.dll"), 1), "accept");
    cr_assert_str_eq(exe_ordinal_name(SLICE_OF("wsock32.dll"), 500), "wep");
    cr_assert_str_eq(exe_ordinal_name(SLICE_OF("oleaut32.dll"), 443), "unregistertypelibforuser");
    cr_assert_null(exe_ordinal_name(SLICE_OF("oleaut32.dll"), 1));
    cr_assert_null(exe_ordinal_name(SLICE_OF("ws2_32.dll"), 65535));
    cr_assert_null(exe_ordinal_name(SLICE_OF("mfc42.dll"), 1));
}
