/* SPDX-License-Identifier: MIT */
#include "match/exe.h"

#include "match/exe_cursor.h"

/* Files are read in sectors of so many bytes, and Windows rounds offsets to them. */
#define PE_SECTOR 512

#define PE_SECTION_BYTES   40
#define PE_OPTIONAL_MIN    96 /* Without directories. */
#define PE_OPTIONAL_64_MIN 112
#define PE_DIRECTORIES_MAX 16
#define PE_MAGIC_64        0x20b

#define ELF_SECTIONS_MAX 256

#define MACHO_SEGMENT     1
#define MACHO_THREAD      4
#define MACHO_UNIX_THREAD 5
#define MACHO_SEGMENT_64  0x19
#define MACHO_POWERPC     18
#define MACHO_POWERPC_64  0x01000012
#define MACHO_COMMAND_MIN 8
#define MACHO_MAGIC       0xfeedface
#define MACHO_MAGIC_64    0xfeedfacf
#define MACHO_UNIVERSAL   0xcafebabe
#define MACHO_ARCH_ENTRY  8 /* Where the first architecture is described, and in it, its offset. */
#define MACHO_ARCH_OFFSET 8

static uint32_t exe_round_down(uint32_t value, uint32_t unit)
{
    return unit ? value - value % unit : value;
}

/* Beyond 32 bits it begins at zero again. */
static uint32_t exe_round_up(uint32_t value, uint32_t unit)
{
    return unit ? (value / unit + (value % unit != 0)) * unit : value;
}

/* Raw data that reaches beyond the body ends with it. */
static void section_trim(struct exe_section *section, uint64_t body_len)
{
    const uint64_t room = section->at < body_len ? body_len - section->at : 0;

    section->len = MIN_OF(section->len, room);
}

static void exe_take_section(struct exe *exe, const struct exe_section *section)
{
    if (exe->sections_len < EXE_SECTIONS_MAX) {
        exe->sections[exe->sections_len++] = *section;
    }
    exe->last = *section;
    exe->sections_total++;
}

/* ---- PE ---- */

/* Reads a section's header; false when it cannot be one. */
static bool pe_read_section(const struct exe *exe, struct exe_cursor *cursor, uint32_t index,
                            struct exe_section *out)
{
    cursor->at = exe->sections_at + (uint64_t)index * PE_SECTION_BYTES + 8;
    const uint32_t memory_len = exe_cursor_u32(cursor);
    const uint32_t address = exe_cursor_u32(cursor);
    const uint32_t raw_len = exe_cursor_u32(cursor);
    const uint32_t raw_at = exe_cursor_u32(cursor);

    out->memory_len = memory_len;
    out->address = exe_round_down(address, exe->section_align);
    out->at = exe_round_down(raw_at, exe->file_align);
    out->len = exe_round_up(raw_len, exe->file_align);
    const bool sound =
        !cursor->bad && address <= INT32_MAX && memory_len <= INT32_MAX && out->len >= raw_len;

    section_trim(out, cursor->end);
    return sound;
}

/* One offset that is rounded to sectors only says that all of them are. */
static void pe_choose_align(struct exe *exe, struct exe_cursor *cursor, uint32_t sections)
{
    for (uint32_t i = 0; i < sections && exe->file_align != PE_SECTOR; i++) {
        cursor->at = exe->sections_at + (uint64_t)i * PE_SECTION_BYTES + 16;
        const uint32_t raw_len = exe_cursor_u32(cursor);
        const uint32_t raw_at = exe_cursor_u32(cursor);

        if (exe->file_align && raw_len && raw_at % exe->file_align && raw_at % PE_SECTOR == 0) {
            exe->file_align = PE_SECTOR;
        }
    }
}

static bool section_has_address(const struct exe_section *section, uint64_t address)
{
    return address >= section->address && address - section->address < section->len;
}

bool exe_find_address(const struct exe *exe, uint64_t body_len, uint64_t address, uint64_t *out_at)
{
    if (address < exe->header_len) {
        *out_at = address;
        return address < body_len;
    }
    for (uint32_t i = exe->sections_len; i > 0; i--) {
        const struct exe_section *section = &exe->sections[i - 1];

        if (section_has_address(section, address)) {
            *out_at = section->at + (address - section->address);
            return true;
        }
    }
    return false;
}

/* The last section that holds the address counts, be it at hand or not. */
static bool pe_read_sections(struct exe *exe, struct exe_cursor *cursor, uint32_t sections,
                             uint32_t entry)
{
    struct exe_section section;

    pe_choose_align(exe, cursor, sections);
    for (uint32_t i = 0; i < sections; i++) {
        if (!pe_read_section(exe, cursor, i, &section)) {
            return false;
        }
        exe_take_section(exe, &section);
        if (section_has_address(&section, entry)) {
            exe->entry = section.at + (entry - section.address);
            exe->has_entry = true;
        }
    }
    if (entry < exe->header_len) {
        exe->entry = entry;
        exe->has_entry = entry < cursor->end;
    }
    return exe->has_entry;
}

/* The directories that the header counts lie in the optional header, or it is none. */
static bool pe_read_directories(struct exe *exe, struct exe_cursor *cursor, uint64_t optional,
                                uint32_t optional_len)
{
    const uint32_t fixed_len = exe->is_64 ? PE_OPTIONAL_64_MIN : PE_OPTIONAL_MIN;
    uint32_t len = exe_cursor_u32_at(cursor, optional + fixed_len - 4);

    len = MIN_OF(len, PE_DIRECTORIES_MAX);
    for (uint32_t i = 0; i < MIN_OF(len, EXE_DIRECTORIES); i++) {
        exe->directories[i].address = exe_cursor_u32(cursor);
        exe->directories[i].len = exe_cursor_u32(cursor);
    }
    return !cursor->bad && optional_len >= fixed_len + 8 * len;
}

static bool pe_parse(struct exe *exe, struct exe_cursor *cursor)
{
    const uint64_t head = exe_cursor_u32_at(cursor, 60);
    const bool signed_pe = exe_cursor_u32_at(cursor, head) == 0x4550;

    exe_cursor_u16(cursor);
    const uint32_t sections = exe_cursor_u16(cursor);
    const uint64_t optional = head + 24;
    const uint16_t optional_len = exe_cursor_u16_at(cursor, head + 20);

    exe->is_64 = exe_cursor_u16_at(cursor, optional) == PE_MAGIC_64;
    const uint32_t entry = exe_cursor_u32_at(cursor, optional + 16);

    exe->section_align = exe_cursor_u32_at(cursor, optional + 32);
    exe->file_align = exe_cursor_u32(cursor);
    exe->header_len = exe_round_up(exe_cursor_u32_at(cursor, optional + 60), exe->section_align);
    exe->sections_at = optional + optional_len;
    if (!signed_pe || head == 0 || sections == 0 ||
        !pe_read_directories(exe, cursor, optional, optional_len)) {
        return false;
    }
    exe->kind = EXE_PE;
    return pe_read_sections(exe, cursor, sections, entry);
}

bool exe_section_at(const struct exe *exe, struct peek *peek, uint64_t body_len, uint32_t index,
                    struct exe_section *out)
{
    if (index < exe->sections_len) {
        *out = exe->sections[index];
        return true;
    }
    if (exe->kind != EXE_PE || index >= exe->sections_total) {
        return false;
    }
    struct exe_cursor cursor = {.peek = peek, .end = body_len};

    return pe_read_section(exe, &cursor, index, out);
}

/* ---- ELF ---- */

/* An address or offset. */
static uint64_t elf_word(const struct exe *exe, struct exe_cursor *cursor)
{
    return exe_cursor_number(cursor, exe->is_64 ? 8 : 4);
}

/* Its last row ends within the file, whose fields were read before. */
static bool table_is_whole(const struct exe_cursor *cursor, uint64_t table, uint32_t rows,
                           uint32_t row_len)
{
    return rows == 0 || table + (uint64_t)rows * row_len <= cursor->end;
}

/* The entry's offset by the first segment that holds it, which must not wrap around. */
static bool elf_find_entry(struct exe *exe, struct exe_cursor *cursor, uint64_t table,
                           uint32_t segments, uint64_t entry)
{
    const uint32_t item_len = exe->is_64 ? 56 : 32;
    const uint64_t address_max = exe->is_64 ? UINT64_MAX : UINT32_MAX;

    exe->has_entry = segments == 0 || entry == 0;
    for (uint32_t i = 0; i < segments && entry != 0; i++) {
        cursor->at = table + (uint64_t)i * item_len + (exe->is_64 ? 8 : 4);
        const uint64_t offset = elf_word(exe, cursor);
        const uint64_t address = elf_word(exe, cursor);

        elf_word(exe, cursor); /* The physical address, */
        elf_word(exe, cursor); /* and the length in the file. */
        const uint64_t memory_len = elf_word(exe, cursor);

        if (!exe->has_entry && entry >= address && entry - address < memory_len &&
            memory_len <= address_max - address) {
            exe->entry = entry - address + offset;
            exe->has_entry = true;
        }
    }
    return exe->has_entry && !cursor->bad &&
           (entry == 0 || table_is_whole(cursor, table, segments, item_len));
}

static bool elf_read_sections(struct exe *exe, struct exe_cursor *cursor, uint64_t table,
                              uint32_t sections)
{
    const uint32_t item_len = exe->is_64 ? 64 : 40;

    for (uint32_t i = 0; i < sections; i++) {
        struct exe_section section;

        cursor->at = table + (uint64_t)i * item_len + (exe->is_64 ? 16 : 12);
        section.address = elf_word(exe, cursor);
        section.at = elf_word(exe, cursor);
        section.len = elf_word(exe, cursor);
        section.memory_len = section.len;
        section_trim(&section, cursor->end);
        exe_take_section(exe, &section);
    }
    return !cursor->bad && table_is_whole(cursor, table, sections, item_len);
}

static bool elf_parse(struct exe *exe, struct exe_cursor *cursor)
{
    cursor->at = 4;
    const uint64_t bits = exe_cursor_number(cursor, 1);

    cursor->big = exe_cursor_number(cursor, 1) == 2;
    exe->is_64 = bits == 2;
    cursor->at = 24;
    const uint64_t entry = elf_word(exe, cursor);
    const uint64_t segments_at = elf_word(exe, cursor);
    const uint64_t sections_at = elf_word(exe, cursor);

    cursor->at += 6;
    const uint16_t segment_len = exe_cursor_u16(cursor);
    const uint16_t segments = exe_cursor_u16(cursor);
    const uint16_t section_len = exe_cursor_u16(cursor);
    const uint16_t sections = exe_cursor_u16(cursor);

    if (cursor->bad || bits < 1 || bits > 2 || segments > EXE_SEGMENTS_MAX ||
        sections > ELF_SECTIONS_MAX ||
        (segments > 0 && entry != 0 && segment_len != (exe->is_64 ? 56 : 32)) ||
        (sections > 0 && section_len != (exe->is_64 ? 64 : 40))) {
        return false;
    }
    exe->kind = EXE_ELF;
    return elf_find_entry(exe, cursor, segments_at, segments, entry) &&
           elf_read_sections(exe, cursor, sections_at, sections);
}

/* ---- Mach-O ---- */

struct macho {
    struct exe *exe;
    uint64_t base; /* Where the architecture begins. */
    uint32_t cpu;
    uint64_t entry; /* An address; */
    bool threads;   /* there is one. */
};

static bool macho_read_section(struct macho *macho, struct exe_cursor *cursor)
{
    struct exe *exe = macho->exe;
    struct exe_section section;

    cursor->at += 32;
    section.address = elf_word(exe, cursor);
    section.len = elf_word(exe, cursor);
    section.memory_len = section.len;
    section.at = macho->base + exe_cursor_u32(cursor);
    const uint32_t align = exe_cursor_u32(cursor);

    cursor->at += exe->is_64 ? 24 : 20;
    if (cursor->bad || align >= 32 || exe->sections_total == EXE_MACHO_SECTIONS_MAX) {
        return false;
    }
    if (section.len <= UINT32_MAX) {
        section.len = exe_round_up((uint32_t)section.len, 1U << align);
    }
    section_trim(&section, cursor->end);
    exe_take_section(exe, &section);
    return true;
}

/* Goes behind the sections, whatever the command's length says. */
static bool macho_read_segment(struct macho *macho, struct exe_cursor *cursor)
{
    cursor->at += macho->exe->is_64 ? 56 : 40;
    const uint32_t sections = exe_cursor_u32(cursor);

    cursor->at += 4;
    for (uint32_t i = 0; i < sections && !cursor->bad; i++) {
        if (!macho_read_section(macho, cursor)) {
            return false;
        }
    }
    return !cursor->bad;
}

static bool macho_read_command(struct macho *macho, struct exe_cursor *cursor)
{
    const uint64_t at = cursor->at;
    const uint32_t kind = exe_cursor_u32(cursor);
    const uint32_t len = exe_cursor_u32(cursor);

    if (kind == (macho->exe->is_64 ? MACHO_SEGMENT_64 : MACHO_SEGMENT)) {
        return macho_read_segment(macho, cursor);
    }
    if (len < MACHO_COMMAND_MIN) {
        return false;
    }
    if ((kind == MACHO_THREAD || kind == MACHO_UNIX_THREAD) &&
        (macho->cpu == MACHO_POWERPC || macho->cpu == MACHO_POWERPC_64)) {
        cursor->at += 8;
        macho->entry = exe_cursor_number(cursor, macho->cpu == MACHO_POWERPC ? 4 : 8);
        macho->threads = true;
    }
    cursor->at = at + len;
    return !cursor->bad;
}

static bool macho_find_entry(struct macho *macho)
{
    struct exe *exe = macho->exe;

    exe->entry = macho->base;
    exe->has_entry = !macho->threads;
    for (uint32_t i = 0; i < exe->sections_len && !exe->has_entry; i++) {
        const struct exe_section *section = &exe->sections[i];

        if (macho->entry >= section->address &&
            macho->entry - section->address < section->memory_len) {
            exe->entry = section->at + (macho->entry - section->address);
            exe->has_entry = true;
        }
    }
    return exe->has_entry;
}

/* The architecture at `base`; what counts from its start counts from there. */
static bool macho_parse(struct exe *exe, struct exe_cursor *cursor, uint64_t base)
{
    struct macho macho = {.exe = exe, .base = base};

    cursor->big = true;
    uint32_t magic = exe_cursor_u32_at(cursor, base);

    if (magic != MACHO_MAGIC && magic != MACHO_MAGIC_64) {
        cursor->big = false;
        magic = exe_cursor_u32_at(cursor, base);
    }
    macho.cpu = exe_cursor_u32(cursor);
    const uint32_t commands = exe_cursor_u32_at(cursor, base + 16);

    exe->is_64 = magic == MACHO_MAGIC_64;
    if (cursor->bad || (magic != MACHO_MAGIC && !exe->is_64) || commands == 0 ||
        commands > EXE_COMMANDS_MAX) {
        return false;
    }
    exe->kind = EXE_MACHO;
    cursor->at = base + (exe->is_64 ? 32 : 28);
    for (uint32_t i = 0; i < commands; i++) {
        if (!macho_read_command(&macho, cursor)) {
            return false;
        }
    }
    return macho_find_entry(&macho);
}

/* ---- Any ---- */

static bool exe_parse_any(struct exe *exe, struct exe_cursor *cursor)
{
    cursor->big = true;
    const uint32_t magic = exe_cursor_u32(cursor);
    uint64_t base = 0;

    if (magic == MACHO_UNIVERSAL) {
        base = exe_cursor_u32_at(cursor, MACHO_ARCH_ENTRY + MACHO_ARCH_OFFSET);
    }
    cursor->big = false;
    if (cursor->bad) {
        return false;
    }
    if (magic >> 16 == ('M' << 8 | 'Z')) {
        return pe_parse(exe, cursor);
    }
    if (magic == 0x7f454c46) {
        return elf_parse(exe, cursor);
    }
    return macho_parse(exe, cursor, base);
}

void exe_parse(struct exe *out, struct peek *peek, uint64_t body_len)
{
    struct exe_cursor cursor = {.peek = peek, .end = body_len};

    memset(out, 0, sizeof(*out));
    if (!exe_parse_any(out, &cursor)) {
        memset(out, 0, sizeof(*out));
    }
}
