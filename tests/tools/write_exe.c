/* SPDX-License-Identifier: MIT */
/*
 * write_exe - puts files into the sections of an executable.
 *
 * write_exe KIND OUT [--entry N] [--import LIBRARY:FUNCTION]... [--version KEY=VALUE]... FILE...
 *
 * The imports of one library stand together. KIND is pe, pe64, elf, elf64, macho or macho64, for
 * the last four with "-be" behind it where numbers are big-endian. On stdout: a line for each
 * section, its offset in OUT and its length.
 */
#include "tests/tools/make_exe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_SECTIONS_MAX 32
#define WRITE_ROWS_MAX     32
#define WRITE_CAP          MIB(64)

static const struct {
    const char *name;
    enum make_exe_kind kind;
} kinds[] = {{"pe", MAKE_EXE_PE}, {"elf", MAKE_EXE_ELF}, {"macho", MAKE_EXE_MACHO}};

/* "elf64-be": a kind, how wide, which byte order. */
static bool write_parse_kind(const char *word, struct make_exe *out)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const size_t len = strlen(kinds[i].name);

        if (strncmp(word, kinds[i].name, len) != 0) {
            continue;
        }
        const char *rest = word + len;

        out->kind = kinds[i].kind;
        out->is_64 = strncmp(rest, "64", 2) == 0;
        rest += out->is_64 ? 2 : 0;
        out->big_endian = strcmp(rest, "-be") == 0;
        return out->big_endian ? out->kind != MAKE_EXE_PE : *rest == '\0';
    }
    return false;
}

static struct slice write_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(WRITE_CAP);

    if (!file || !bytes) {
        perror(path);
        exit(2);
    }
    const size_t len = fread(bytes, 1, WRITE_CAP, file);

    fclose(file);
    return slice_from(bytes, len);
}

static int write_out(const struct make_exe *exe, const char *path)
{
    uint8_t *bytes = malloc(WRITE_CAP);
    const size_t len = bytes ? make_exe_write(exe, bytes, WRITE_CAP) : 0;
    FILE *file = len > 0 ? fopen(path, "wb") : NULL;
    const bool done = file && fwrite(bytes, 1, len, file) == len && fclose(file) == 0;

    if (!done) {
        fprintf(stderr, "write_exe: %s cannot be written\n", path);
        return 2;
    }
    for (size_t i = 0; i < exe->sections_len; i++) {
        printf("%zu\t%zu\n", make_exe_section(exe, i), exe->sections[i].len);
    }
    free(bytes);
    return 0;
}

/* Cuts a word in two; the first half stays where it was. */
static const char *write_cut(char *word, char sep)
{
    char *at = strchr(word, sep);

    if (!at) {
        fprintf(stderr, "write_exe: %s has no %c\n", word, sep);
        exit(2);
    }
    *at = '\0';
    return at + 1;
}

struct write_job {
    struct slice sections[WRITE_SECTIONS_MAX];
    struct make_exe_import imports[WRITE_ROWS_MAX];
    struct make_exe_string versions[WRITE_ROWS_MAX];
    struct make_exe exe;
};

/* An option with its value; false when there is none. */
static bool write_take_option(struct write_job *job, const char *option, char *value)
{
    struct make_exe *exe = &job->exe;

    if (strcmp(option, "--entry") == 0) {
        exe->entry = (uint32_t)strtoul(value, NULL, 0);
    } else if (strcmp(option, "--import") == 0 && exe->imports_len < WRITE_ROWS_MAX) {
        job->imports[exe->imports_len++] =
            (struct make_exe_import){.name = write_cut(value, ':'), .library = value};
    } else if (strcmp(option, "--version") == 0 && exe->versions_len < WRITE_ROWS_MAX) {
        job->versions[exe->versions_len++] =
            (struct make_exe_string){.value = write_cut(value, '='), .key = value};
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct write_job job = {0};
    struct make_exe *exe = &job.exe;
    int at = 3;

    exe->sections = job.sections;
    exe->imports = job.imports;
    exe->versions = job.versions;
    if (argc < 4 || !write_parse_kind(argv[1], exe)) {
        fputs("usage: write_exe KIND OUT [--entry N] [--import LIBRARY:FUNCTION]... "
              "[--version KEY=VALUE]... FILE...\n",
              stderr);
        return 2;
    }
    while (at + 1 < argc && write_take_option(&job, argv[at], argv[at + 1])) {
        at += 2;
    }
    for (; at < argc && exe->sections_len < WRITE_SECTIONS_MAX; at++) {
        job.sections[exe->sections_len++] = write_read(argv[at]);
    }
    const int r = write_out(exe, argv[2]);

    for (size_t i = 0; i < exe->sections_len; i++) {
        free((void *)(uintptr_t)job.sections[i].ptr);
    }
    return r;
}
