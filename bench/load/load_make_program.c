/* SPDX-License-Identifier: MIT */
/*
 * Programs that tools take apart: ELF and PE for x86-64, with code that decodes, strings and
 * tables. They do not run: the code comes from a list of instructions, in any order. What does not
 * fit the alignment of a PE stands behind its sections, as signatures and installers' data do.
 * Rules: the System V ABI (ELF-64), the PE Format specification of Microsoft.
 */
#include "base/assert.h"
#include "bench/load/load_make.h"
#include "bench/load/load_pack.h"
#include "bench/load/load_prose.h"

static void load_program_put_zeros(struct text *out, size_t to)
{
    ASSERT(to >= out->len);
    ASSERT(to <= out->cap);
    memset(out->ptr + out->len, 0, to - out->len);
    out->len = to;
}

/* ---- What stands in sections ---- */

/* Bytes of an instruction; the last `random` of them are drawn. */
struct load_instruction {
    uint8_t len;
    uint8_t random;
    uint8_t bytes[7];
};

/* About as often as compilers write them: the first ones more. */
static void load_program_put_code(struct load_make *make, size_t to)
{
    static const struct load_instruction list[] = {
        {4, 1, {0x48, 0x8b, 0x45}},
        {3, 0, {0x48, 0x89, 0xc7}},
        {5, 2, {0xe8, 0x10, 0x20}},
        {4, 1, {0x48, 0x89, 0x45}},
        {2, 1, {0x74}},
        {3, 0, {0x48, 0x85, 0xc0}},
        {3, 1, {0x8b, 0x45}},
        {2, 0, {0x89, 0xc6}},
        {7, 4, {0x48, 0x8d, 0x3d}},
        {2, 1, {0xeb}},
        {5, 1, {0x48, 0x8b, 0x44, 0x24}},
        {2, 0, {0x31, 0xc0}},
        {1, 0, {0x55}},
        {3, 0, {0x48, 0x89, 0xe5}},
        {1, 0, {0xc3}},
        {1, 0, {0x5d}},
        {4, 1, {0x48, 0x83, 0xec}},
        {4, 1, {0x48, 0x83, 0xc4}},
        {3, 1, {0x83, 0xf8}},
        {6, 4, {0x0f, 0x84}},
        {2, 1, {0x75}},
        {1, 0, {0x53}},
        {1, 0, {0x5b}},
        {2, 0, {0x41, 0x54}},
        {2, 0, {0x41, 0x5c}},
        {5, 4, {0xb8}},
        {3, 0, {0x0f, 0xb6, 0x00}},
        {3, 0, {0x48, 0x01, 0xd0}},
        {2, 0, {0x66, 0x90}},
        {7, 4, {0x48, 0x8b, 0x05}},
        {4, 1, {0xf3, 0x0f, 0x10}},
        {1, 0, {0x90}},
    };
    struct text *out = &make->out;

    while (out->len < to) {
        const uint64_t bits = load_random_next(&make->random);
        const size_t a = bits & 31;
        const size_t b = bits >> 5 & 31;
        struct load_instruction op = list[MIN_OF(a, b)];

        for (unsigned i = 0; i < op.random; i++) {
            op.bytes[op.len - op.random + i] = (uint8_t)(bits >> (16 + 8 * i));
        }
        text_put(out, op.bytes, MIN_OF((size_t)op.len, to - out->len));
    }
}

/* Words with zeros between them, a form of a message now and then. */
static void load_program_put_strings(struct load_make *make, size_t to)
{
    struct text *out = &make->out;
    char block[512];

    while (out->len < to) {
        struct text line = text_over(block, sizeof(block));
        const uint32_t which = load_random_below(&make->random, 4);

        load_prose_put_form(&line, &make->random,
                            which == 0   ? "$w_$w_$w"
                            : which == 1 ? "%s: $w $w $w: %d\n"
                            : which == 2 ? "/usr/lib$u"
                                         : "$W $w $w %s");
        load_pack_le(&line, 0, 1);
        text_put(out, line.ptr, MIN_OF(line.len, to - out->len));
    }
}

/* Addresses that grow, small numbers and zeros. */
static void load_program_put_tables(struct load_make *make, size_t to)
{
    struct text *out = &make->out;
    uint64_t address = 0x401000;

    while (out->len < to) {
        const uint64_t bits = load_random_next(&make->random);
        const uint64_t value = (bits & 3) == 0 ? 0 : (bits & 3) == 1 ? bits >> 56 : address;

        address += bits >> 32 & 0x3f0;
        if (to - out->len < 8) {
            load_program_put_zeros(out, to);
        } else {
            load_pack_le(out, value, 8);
        }
    }
}

/* ---- ELF ---- */

#define LOAD_ELF_HEAD     64
#define LOAD_ELF_SEGMENT  56
#define LOAD_ELF_SECTION  64
#define LOAD_ELF_SECTIONS ((size_t)5)
#define LOAD_ELF_BASE     0x400000

struct load_elf_section {
    uint32_t name;
    uint32_t type;
    uint64_t flags;
    size_t at;
    size_t len;
};

static void load_elf_put_head(struct load_make *make, const struct load_elf_section *text)
{
    struct text *out = &make->out;
    const uint64_t entry = text->at + load_random_below(&make->random, (uint32_t)text->len);

    text_put(out, "\177ELF\2\1\1\0", 8);
    /* Reserved; nobody minds. */
    load_pack_le(out, make->number << 8, 8);
    load_pack_le(out, 0x003e0002, 4);
    load_pack_le(out, 1, 4);
    load_pack_le(out, LOAD_ELF_BASE + entry, 8);
    load_pack_le(out, LOAD_ELF_HEAD, 8);
    load_pack_le(out, out->cap - LOAD_ELF_SECTIONS * LOAD_ELF_SECTION, 8);
    load_pack_le(out, 0, 4);
    load_pack_le(out, LOAD_ELF_HEAD, 2);
    load_pack_le(out, LOAD_ELF_SEGMENT, 2);
    load_pack_le(out, 1, 2);
    load_pack_le(out, LOAD_ELF_SECTION, 2);
    load_pack_le(out, LOAD_ELF_SECTIONS, 2);
    load_pack_le(out, LOAD_ELF_SECTIONS - 1, 2);
    /* One segment: the whole file. */
    load_pack_le(out, 0x0000000500000001, 8);
    load_pack_le(out, 0, 8);
    load_pack_le(out, LOAD_ELF_BASE, 8);
    load_pack_le(out, LOAD_ELF_BASE, 8);
    load_pack_le(out, out->cap, 8);
    load_pack_le(out, out->cap, 8);
    load_pack_le(out, 0x1000, 8);
}

static void load_elf_put_section(struct text *out, const struct load_elf_section *section)
{
    load_pack_le(out, section->name, 4);
    load_pack_le(out, section->type, 4);
    load_pack_le(out, section->flags, 8);
    load_pack_le(out, section->flags > 0 ? LOAD_ELF_BASE + section->at : 0, 8);
    load_pack_le(out, section->at, 8);
    load_pack_le(out, section->len, 8);
    load_pack_le(out, 0, 8);
    load_pack_le(out, section->type > 0, 8);
    load_pack_le(out, 0, 8);
}

static void load_make_elf(struct load_make *make)
{
    static const char names[] = "\0.text\0.rodata\0.data\0.shstrtab";
    struct text *out = &make->out;
    const size_t start = LOAD_ELF_HEAD + LOAD_ELF_SEGMENT;
    const size_t room = out->cap - start - sizeof(names) - LOAD_ELF_SECTIONS * LOAD_ELF_SECTION;
    const size_t code = room / 2;
    const size_t strings = room / 4;
    const struct load_elf_section sections[LOAD_ELF_SECTIONS] = {
        {0},
        {1, 1, 6, start, code},
        {7, 1, 2, start + code, strings},
        {15, 1, 3, start + code + strings, room - code - strings},
        {21, 3, 0, start + room, sizeof(names)},
    };

    load_elf_put_head(make, &sections[1]);
    load_program_put_code(make, sections[2].at);
    load_program_put_strings(make, sections[3].at);
    load_program_put_tables(make, sections[4].at);
    text_put(out, names, sizeof(names));
    for (size_t i = 0; i < LOAD_ELF_SECTIONS; i++) {
        load_elf_put_section(out, &sections[i]);
    }
    make->type = "application/x-executable";
    make->suffix = ".elf";
}

/* ---- PE ---- */

#define LOAD_PE_HEAD     0x400
#define LOAD_PE_ALIGN    ((size_t)0x200)
#define LOAD_PE_PAGE     ((size_t)0x1000)
#define LOAD_PE_SECTIONS 3
#define LOAD_PE_LEAST    (LOAD_PE_HEAD + 4 * LOAD_PE_ALIGN)

struct load_pe_section {
    const char *name;
    uint32_t flags;
    size_t at;
    size_t len;
    size_t address;
};

static size_t load_pe_round(size_t len, size_t unit)
{
    return (len + unit - 1) / unit * unit;
}

static void load_pe_put_optional(struct load_make *make, const struct load_pe_section *sections)
{
    struct text *out = &make->out;
    const struct load_pe_section *last = &sections[LOAD_PE_SECTIONS - 1];

    load_pack_le(out, 0x0e0e020b, 4);
    load_pack_le(out, sections[0].len, 4);
    load_pack_le(out, sections[1].len + sections[2].len, 4);
    load_pack_le(out, 0, 4);
    load_pack_le(
        out, sections[0].address + load_random_below(&make->random, (uint32_t)sections[0].len), 4);
    load_pack_le(out, sections[0].address, 4);
    load_pack_le(out, 0x140000000, 8);
    load_pack_le(out, LOAD_PE_PAGE, 4);
    load_pack_le(out, LOAD_PE_ALIGN, 4);
    load_pack_le(out, 6, 8);
    load_pack_le(out, 6, 8);
    load_pack_le(out, load_pe_round(last->address + last->len, LOAD_PE_PAGE), 4);
    load_pack_le(out, LOAD_PE_HEAD, 4);
    load_pack_le(out, 0, 4);
    load_pack_le(out, 0x81600003, 4);
    load_pack_le(out, 0x100000, 8);
    load_pack_le(out, 0x1000, 8);
    load_pack_le(out, 0x100000, 8);
    load_pack_le(out, 0x1000, 8);
    load_pack_le(out, 0, 4);
    load_pack_le(out, 16, 4);
    load_program_put_zeros(out, out->len + 128);
}

static void load_pe_put_head(struct load_make *make, const struct load_pe_section *sections)
{
    struct text *out = &make->out;

    TEXT_PUT(out, "MZ\x90");
    load_pack_le(out, 0x0003, 3);
    load_pack_le(out, 0x0004, 4);
    load_pack_le(out, 0x00ffff, 4);
    load_pack_le(out, 0xb8, 8);
    load_pack_le(out, 0x40, 8);
    /* Reserved words; the number of the body is as good as any. */
    load_pack_le(out, make->number, 8);
    load_program_put_zeros(out, 60);
    load_pack_le(out, 128, 4);
    text_put(out, "\x0e\x1f\xba\x0e\0\xb4\x09\xcd\x21\xb8\x01\x4c\xcd\x21", 14);
    TEXT_PUT(out, "This program cannot be run in DOS mode.\r\r\n$");
    load_program_put_zeros(out, 128);
    text_put(out, "PE\0", 4);
    load_pack_le(out, 0x8664, 2);
    load_pack_le(out, LOAD_PE_SECTIONS, 2);
    load_pack_le(out, 1735689600 + load_random_below(&make->random, 1 << 24), 4);
    load_pack_le(out, 0, 8);
    load_pack_le(out, 240, 2);
    load_pack_le(out, 0x0022, 2);
    load_pe_put_optional(make, sections);
    for (size_t i = 0; i < LOAD_PE_SECTIONS; i++) {
        const struct load_pe_section *section = &sections[i];

        text_put(out, section->name, 8);
        load_pack_le(out, section->len, 4);
        load_pack_le(out, section->address, 4);
        load_pack_le(out, section->len, 4);
        load_pack_le(out, section->at, 4);
        load_pack_le(out, 0, 12);
        load_pack_le(out, section->flags, 4);
    }
    load_program_put_zeros(out, LOAD_PE_HEAD);
}

static void load_make_pe(struct load_make *make)
{
    struct text *out = &make->out;
    const size_t room = (out->cap - LOAD_PE_HEAD) / LOAD_PE_ALIGN * LOAD_PE_ALIGN;
    const size_t code = load_pe_round(room / 2, LOAD_PE_ALIGN);
    const size_t strings = load_pe_round(room / 4, LOAD_PE_ALIGN);
    struct load_pe_section sections[LOAD_PE_SECTIONS] = {
        {".text\0\0", 0x60000020, LOAD_PE_HEAD, code, LOAD_PE_PAGE},
        {".rdata\0", 0x40000040, LOAD_PE_HEAD + code, strings, 0},
        {".data\0\0", 0xc0000040, LOAD_PE_HEAD + code + strings, room - code - strings, 0},
    };

    for (size_t i = 1; i < LOAD_PE_SECTIONS; i++) {
        sections[i].address =
            load_pe_round(sections[i - 1].address + sections[i - 1].len, LOAD_PE_PAGE);
    }
    load_pe_put_head(make, sections);
    load_program_put_code(make, sections[1].at);
    load_program_put_strings(make, sections[2].at);
    load_program_put_tables(make, LOAD_PE_HEAD + room);
    load_program_put_strings(make, out->cap);
    make->type = "application/vnd.microsoft.portable-executable";
    make->suffix = ".exe";
}

void load_make_program(struct load_make *make)
{
    make->basename = "setup";
    if (load_random_below(&make->random, 10) < 7 && make->out.cap >= LOAD_PE_LEAST) {
        load_make_pe(make);
    } else {
        load_make_elf(make);
    }
}
