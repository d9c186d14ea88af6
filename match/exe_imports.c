/* SPDX-License-Identifier: MIT */
#include "match/exe_imports.h"

#include "match/exe_cursor.h"

#include <stdio.h>

#define IMPORTS_DESCRIPTOR_BYTES 20

void exe_imports_init(struct exe_imports *imports, const struct exe *exe, uint64_t body_len)
{
    const struct exe_directory *directory = &exe->directories[EXE_DIRECTORY_IMPORT];

    *imports = (struct exe_imports){.exe = exe, .body_len = body_len};
    if (exe->kind != EXE_PE || directory->address == 0 || directory->len == 0 ||
        !exe_find_address(exe, body_len, directory->address, &imports->library_at) ||
        directory->len > body_len - imports->library_at) {
        imports->failed = true;
        return;
    }
    imports->libraries = MIN_OF((directory->len - 1) / IMPORTS_DESCRIPTOR_BYTES, EXE_LIBRARIES_MAX);
}

/* A text that ends with a NUL, or is cut off, in small letters; false, and none, when it lies
 * nowhere. */
static bool imports_read_name(const struct exe_imports *imports, struct peek *peek,
                              uint64_t address, uint8_t out[EXE_NAME_MAX], uint32_t *out_len)
{
    uint64_t at;

    *out_len = 0;
    if (!exe_find_address(imports->exe, imports->body_len, address, &at)) {
        return false;
    }
    for (; *out_len < EXE_NAME_MAX && at < imports->body_len; at++) {
        const uint8_t byte = peek_byte(peek, at);

        if (byte == 0) {
            return true;
        }
        out[(*out_len)++] = byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
    }
    return true;
}

/* Without an extension that says only that it is a library. */
static uint32_t imports_strip(const uint8_t *name, uint32_t len)
{
    static const char *const extensions[] = {".dll", ".ocx", ".sys"};
    const uint32_t dot = (uint32_t)slice_find(slice_from(name, len), '.');

    for (unsigned i = 0; i < ARRAY_LEN(extensions) && len - dot >= 4; i++) {
        if (memcmp(name + dot, extensions[i], 4) == 0) {
            return dot;
        }
    }
    return len;
}

/* Goes to the next library; false behind the last. */
static bool imports_next_library(struct exe_imports *imports, struct peek *peek)
{
    struct exe_cursor cursor = {.peek = peek, .end = imports->body_len, .at = imports->library_at};

    if (imports->libraries == 0) {
        return false;
    }
    const uint32_t lookup = exe_cursor_u32(&cursor);

    cursor.at += 8;
    const uint32_t name = exe_cursor_u32(&cursor);
    const uint32_t table = exe_cursor_u32(&cursor);

    if (name == 0) {
        return false;
    }
    imports->libraries--;
    imports->library_at += IMPORTS_DESCRIPTOR_BYTES;
    if (!imports_read_name(imports, peek, name, imports->library, &imports->library_len)) {
        imports->failed = true;
        return false;
    }
    if (!exe_find_address(imports->exe, imports->body_len, lookup ? lookup : table,
                          &imports->thunk_at)) {
        imports->thunk_at = 0;
    }
    return true;
}

static bool imports_is_name(const uint8_t *name, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        const bool letter = name[i] >= 'a' && name[i] <= 'z';
        const bool digit = name[i] >= '0' && name[i] <= '9';

        if (!letter && !digit && name[i] != '_' && name[i] != '.') {
            return false;
        }
    }
    return true;
}

/* The function that the thunk names, nothing when its name lies nowhere; false spoils the list. */
static bool imports_read_function(const struct exe_imports *imports, struct peek *peek,
                                  uint64_t thunk, uint8_t out[EXE_NAME_MAX], uint32_t *out_len)
{
    const bool numbered = thunk >> (imports->exe->is_64 ? 63 : 31);
    const uint16_t ordinal = (uint16_t)thunk;

    if (!numbered) {
        return !imports_read_name(imports, peek, (thunk & INT32_MAX) + 2, out, out_len) ||
               imports_is_name(out, *out_len);
    }
    const char *name =
        exe_ordinal_name(slice_from(imports->library, imports->library_len), ordinal);
    const int len = name ? snprintf((char *)out, EXE_NAME_MAX, "%s", name)
                         : snprintf((char *)out, EXE_NAME_MAX, "ord%u", ordinal);

    *out_len = (uint32_t)len;
    return true;
}

/* Writes one function of the list into `piece`. */
static bool imports_write(struct exe_imports *imports, struct peek *peek, uint64_t thunk,
                          struct slice *out)
{
    const uint32_t library_len = imports_strip(imports->library, imports->library_len);
    uint8_t *piece = imports->piece;
    uint32_t len = 0;
    uint32_t name_len = 0;

    if (imports->functions > 0) {
        piece[len++] = ',';
    }
    memcpy(piece + len, imports->library, library_len);
    len += library_len;
    piece[len++] = '.';
    if (!imports_read_function(imports, peek, thunk, piece + len, &name_len)) {
        return false;
    }
    imports->functions++;
    *out = slice_from(piece, len + name_len);
    return true;
}

bool exe_imports_next(struct exe_imports *imports, struct peek *peek, struct slice *out)
{
    struct exe_cursor cursor = {.peek = peek, .end = imports->body_len, .at = imports->thunk_at};

    *out = slice_from(imports->piece, 0);
    if (imports->failed) {
        return false;
    }
    if (imports->thunk_at == 0) {
        return imports_next_library(imports, peek);
    }
    const uint64_t thunk = exe_cursor_number(&cursor, imports->exe->is_64 ? 8 : 4);

    imports->thunk_at = cursor.at;
    if (cursor.bad || thunk == 0 || imports->functions == EXE_IMPORTS_MAX) {
        imports->thunk_at = 0;
        return true;
    }
    imports->failed = !imports_write(imports, peek, thunk, out);
    return !imports->failed;
}
