/* SPDX-License-Identifier: MIT */
/* A set of every kind of file, from the folder to the finding. */
#include "defs/defs.h"
#include "defs/source.h"
#include "match/cl_type.h"
#include "match/match.h"
#include "match/member.h"

#include <criterion/criterion.h>

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define H32 "0123456789abcdef0123456789abcdef"

/* ---- Sets in folders ---- */

static void set_write(const char *folder, const char *name, const void *bytes, size_t len)
{
    char path[256];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "we");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fwrite(bytes, 1, len, file), len);
    cr_assert_eq(fclose(file), 0);
}

static void set_text(const char *folder, const char *name, const char *text)
{
    set_write(folder, name, text, strlen(text));
}

static void set_remove(const char *folder)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -r %s", folder);
    cr_assert_eq(system(command), 0);
}

/* ---- Containers ---- */

/* A member of a tar, behind `at`; returns where the next one comes. */
static size_t tar_put(uint8_t *tar, size_t at, const char *name, const char *text)
{
    uint8_t *head = tar + at;
    unsigned sum = 8 * ' ';

    memset(head, 0, 512);
    (void)snprintf((char *)head, 100, "%s", name);
    (void)snprintf((char *)head + 100, 24, "0000644");
    (void)snprintf((char *)head + 124, 12, "%011o", (unsigned)strlen(text));
    head[156] = '0';
    memcpy(head + 257, "ustar\00000", 8);
    for (size_t i = 0; i < 512; i++) {
        sum += i >= 148 && i < 156 ? 0 : head[i];
    }
    (void)snprintf((char *)head + 148, 8, "%06o", sum);
    head[155] = ' ';
    memset(head + 512, 0, 512);
    memcpy(head + 512, text, strlen(text));
    return at + 1024;
}

static size_t list_put(char *list, size_t cap, size_t at, const char *name, const char *text)
{
    uint8_t digest[32];

    cr_assert_eq(EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL), 1);
    at += (size_t)snprintf(list + at, cap - at, "%s:%zu:", name, strlen(text));
    for (size_t i = 0; i < sizeof(digest); i++) {
        at += (size_t)snprintf(list + at, cap - at, "%02x", digest[i]);
    }
    return at + (size_t)snprintf(list + at, cap - at, "\n");
}

/* A .cud of two files. */
static void set_container(const char *folder, const char *name, const char *const files[4])
{
    static const char head[] = "ClamAV-VDB:20 Nov 2026 12-49 +0000:3:2:90:X:X:me:1795178977";
    static uint8_t file[512 + 5 * 1024];
    char list[1024];
    size_t at = (size_t)snprintf(list, sizeof(list), "%s\n", head);

    at = list_put(list, sizeof(list), at, files[0], files[1]);
    (void)list_put(list, sizeof(list), at, files[2], files[3]);
    memset(file, 0, sizeof(file));
    memset(file, ' ', 512);
    memcpy(file, head, strlen(head));
    at = tar_put(file, 512, "COPYING", "free\n");
    at = tar_put(file, at, "c.info", list);
    at = tar_put(file, at, files[0], files[1]);
    (void)tar_put(file, at, files[2], files[3]);
    set_write(folder, name, file, sizeof(file));
}

/* ---- Compiling and asking ---- */

struct formats {
    char folder[32];
    struct defs_counts counts;
    struct defs_image image;
    struct match_db *db;
    char reports[8192];
    char error[DEFS_ERROR_CAP];
};

static void formats_on_report(void *ctx, const char *file, unsigned line, const char *reason)
{
    struct formats *formats = ctx;
    const size_t at = strlen(formats->reports);

    (void)snprintf(formats->reports + at, sizeof(formats->reports) - at, "%s:%u: %s\n", file, line,
                   reason);
}

static void formats_init(struct formats *formats)
{
    memset(formats, 0, sizeof(*formats));
    memcpy(formats->folder, "/tmp/test-formats-XXXXXX", 25);
    cr_assert_not_null(mkdtemp(formats->folder));
}

static bool formats_compile(struct formats *formats)
{
    const struct defs_compile job = {
        .path = formats->folder, .report = formats_on_report, .report_ctx = formats};
    const int fd = memfd_create("image", MFD_CLOEXEC);
    struct defs_meta meta;
    const bool good = defs_compile(&job, fd, &meta, &formats->counts, formats->error);

    if (good) {
        cr_assert_eq(defs_image_open(&formats->image, fd, true), 0);
        cr_assert_eq(match_db_open(&formats->db, formats->image.match, 1), 0);
    }
    close(fd);
    return good;
}

static void formats_fini(struct formats *formats)
{
    match_db_close(formats->db);
    defs_image_close(&formats->image);
    set_remove(formats->folder);
}

static const uint8_t *formats_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct slice *body = ctx;

    *out_len = body->len - offset;
    return body->ptr + offset;
}

/* What was found last. */
struct formats_finding {
    char name[SOURCE_NAME_MAX + 1];
    char category[SOURCE_WORD_MAX + 1];
    uint32_t id;
};

static struct formats_finding found;

/* The name, NULL when clean. */
static const char *formats_scan(const struct formats *formats, const char *text)
{
    struct slice body = slice_from_str(text);
    const struct match_source source = {formats_at, &body};
    struct match_body matcher = {0};
    struct match_finding finding;
    enum match_status status;

    cr_assert(match_body_begin(&matcher, formats->db, source));
    status = match_body_feed(&matcher, body, &finding);
    if (status == MATCH_CLEAN) {
        do {
            status = match_body_end(&matcher, &finding);
        } while (status == MATCH_AGAIN);
    }
    if (status == MATCH_FOUND) {
        (void)snprintf(found.name, sizeof(found.name), "%s", finding.name);
        (void)snprintf(found.category, sizeof(found.category), "%s", finding.category);
        found.id = finding.id;
    }
    match_body_fini(&matcher);
    return status == MATCH_FOUND ? found.name : NULL;
}

static void expect_counts(const struct formats *formats, enum source_kind kind, uint64_t used,
                          uint64_t skipped, uint64_t unusable)
{
    const struct defs_kind_counts *counts = &formats->counts.kinds[kind];

    cr_expect_eq(counts->used, used, "%s: %" PRIu64 " used", source_kind_word(kind), counts->used);
    cr_expect_eq(counts->skipped, skipped, "%s: %" PRIu64 " skipped", source_kind_word(kind),
                 counts->skipped);
    cr_expect_eq(counts->unusable, unusable, "%s: %" PRIu64 " unusable", source_kind_word(kind),
                 counts->unusable);
    cr_expect_eq(counts->lines, used + skipped + unusable);
}

Test(formats, a_set_of_every_kind)
{
    struct formats formats;

    formats_init(&formats);
    set_text(formats.folder, "a.ndb",
             "T.Body:0:*:4d41524b45522d424f4459\nT.Late:0:*:4d41524b:241\nT.Bad:0:*:4\n");
    set_text(formats.folder, "a.db", "T.Plain=4d41524b45522d504c41494e\n");
    set_text(formats.folder, "a.ldb",
             "T.Logic;Engine:51-255,Target:0;0&1;4d41524b45522d4f4e45;4d41524b45522d54574f\n"
             "T.Icon;Engine:51-255,Target:1,IconGroup1:X;0;4d41524b45522d49434f4e\n");
    set_text(formats.folder, "a.mdb", "10:" H32 ":T.Section\n");
    set_text(formats.folder, "a.imp", H32 ":10:T.Imports\n");
    set_text(formats.folder, "a.cdb", "T.Member:CL_TYPE_ZIP:*:\\.scr$:*:*:*:*:*:*\n");
    set_text(formats.folder, "a.pwdb", "T.Password;Engine:81-255;0;secret\n");
    set_text(formats.folder, "a.ftm",
             "0:0:4d41524b:Mark:CL_TYPE_ANY:CL_TYPE_PDF\n"
             "1:*:4d41524b:Mark:CL_TYPE_ANY:CL_TYPE_PDF\n");
    set_text(formats.folder, "a.idb", "T.Icon:A:B:00\n");
    set_text(formats.folder, "a.pdb", "R:a\nH:b\n");
    set_text(formats.folder, "a.cbc", "ClamBC");
    cr_assert(formats_compile(&formats), "%s", formats.error);

    expect_counts(&formats, SOURCE_BODY, 1, 1, 1);
    expect_counts(&formats, SOURCE_PLAIN, 1, 0, 0);
    expect_counts(&formats, SOURCE_LOGICAL, 1, 0, 1);
    expect_counts(&formats, SOURCE_SECTION_HASH, 1, 0, 0);
    expect_counts(&formats, SOURCE_IMPORTS_HASH, 1, 0, 0);
    expect_counts(&formats, SOURCE_MEMBER, 1, 0, 0);
    expect_counts(&formats, SOURCE_PASSWORD, 1, 0, 0);
    expect_counts(&formats, SOURCE_MAGIC, 1, 0, 1);
    expect_counts(&formats, SOURCE_ICON, 0, 0, 1);
    expect_counts(&formats, SOURCE_PHISHING, 0, 0, 2);
    cr_expect_eq(formats.counts.left_out, 3);
    cr_expect(strstr(formats.reports, "a.cbc:0: left out") != NULL, "%s", formats.reports);
    cr_expect(strstr(formats.reports, "a.pdb:2: ") != NULL, "%s", formats.reports);
    cr_expect(strstr(formats.reports, "a.ldb:2: this engine does not compare icons") != NULL, "%s",
              formats.reports);

    cr_expect_str_eq(formats_scan(&formats, "... MARKER-BODY ..."), "T.Body");
    cr_expect_str_eq(formats_scan(&formats, "... MARKER-PLAIN ..."), "T.Plain");
    cr_expect_str_eq(formats_scan(&formats, "... MARKER-TWO ... MARKER-ONE"), "T.Logic");
    cr_expect_null(formats_scan(&formats, "... MARKER-TWO ... MARKER-ICON"));
    formats_fini(&formats);
}

Test(formats, what_members_are_called_is_in_the_image)
{
    struct member member = {
        .container = cl_type_find(SLICE_OF("CL_TYPE_ZIP")),
        .name = SLICE_OF("invoice.pdf.scr"),
        .packed_size = MEMBER_UNKNOWN,
        .position = 1,
    };
    struct formats formats;
    struct member_db *members = NULL;
    struct match_finding finding;

    formats_init(&formats);
    set_text(formats.folder, "a.cdb", "T.Member:CL_TYPE_ZIP:*:\\.scr$:*:*:*:*:*:*\n");
    cr_assert(formats_compile(&formats), "%s", formats.error);
    cr_assert_eq(match_db_open_members(&members, formats.db), 0);
    cr_assert(member_find(members, &member, &finding));
    cr_assert_str_eq(finding.name, "T.Member");
    member.name = SLICE_OF("invoice.pdf");
    cr_assert_not(member_find(members, &member, &finding));
    match_db_close_members(members);
    formats_fini(&formats);
}

Test(formats, types_of_files_pick_what_is_looked_for)
{
    struct formats formats;

    formats_init(&formats);
    set_text(formats.folder, "a.ftm", "0:0:4d41524b:Mark:CL_TYPE_ANY:CL_TYPE_PDF\n");
    set_text(formats.folder, "a.ndb", "T.Pdf:10:*:4d41524b45522d504446\n");
    cr_assert(formats_compile(&formats), "%s", formats.error);
    cr_expect_str_eq(formats_scan(&formats, "MARK ... MARKER-PDF"), "T.Pdf");
    cr_expect_str_eq(formats_scan(&formats, "%PDF-1.4 MARKER-PDF"), "T.Pdf");
    cr_expect_null(formats_scan(&formats, "mark ... MARKER-PDF"));
    formats_fini(&formats);
}

Test(formats, an_ignore_list_counts_for_all_sets_wherever_it_lies)
{
    struct formats formats;
    char folder[64];

    formats_init(&formats);
    (void)snprintf(folder, sizeof(folder), "%s/aa", formats.folder);
    cr_assert_eq(mkdir(folder, 0755), 0);
    set_text(folder, "a.ndb", "T.One:0:*:4d41524b45522d4f4e45\nT.Two:0:*:4d41524b45522d54574f\n");
    (void)snprintf(folder, sizeof(folder), "%s/zz", formats.folder);
    cr_assert_eq(mkdir(folder, 0755), 0);
    set_text(folder, "z.ign2", "T.One\n# a comment\n");
    set_text(folder, "z.hdb", H32 ":10:T.Hash\n");
    cr_assert(formats_compile(&formats), "%s", formats.error);
    expect_counts(&formats, SOURCE_BODY, 1, 1, 0);
    expect_counts(&formats, SOURCE_IGNORE, 1, 0, 0);
    cr_expect_null(formats_scan(&formats, "... MARKER-ONE ..."));
    cr_expect_str_eq(formats_scan(&formats, "... MARKER-TWO ..."), "T.Two");
    formats_fini(&formats);
}

Test(formats, members_of_containers_are_files_of_the_set)
{
    static const char *const files[4] = {
        "c.ndb", "T.Packed:0:*:4d41524b45522d5041434b4544\nT.Gone:0:*:4d41524b45522d474f4e45\n",
        "c.ign2", "T.Gone\n"};
    struct formats formats;

    formats_init(&formats);
    set_container(formats.folder, "c.cud", files);
    set_text(formats.folder, "b.ndb", "T.Bad:0:*:4\n");
    cr_assert(formats_compile(&formats), "%s", formats.error);
    expect_counts(&formats, SOURCE_BODY, 1, 1, 1);
    cr_expect_str_eq(formats_scan(&formats, "... MARKER-PACKED ..."), "T.Packed");
    cr_expect_null(formats_scan(&formats, "... MARKER-GONE ..."));
    formats_fini(&formats);
}

Test(formats, reports_name_the_member_and_its_line)
{
    static const char *const files[4] = {"c.ndb", "T.Packed:0:*:4d41524b45522d5041\nT.Bad:0:*:4\n",
                                         "c.cbc", "ClamBC"};
    struct formats formats;

    formats_init(&formats);
    set_container(formats.folder, "c.cud", files);
    cr_assert(formats_compile(&formats), "%s", formats.error);
    cr_expect(strstr(formats.reports, "/c.cud/c.ndb:2: ") != NULL, "%s", formats.reports);
    cr_expect(strstr(formats.reports, "/c.cud/c.cbc:0: left out") != NULL, "%s", formats.reports);
    formats_fini(&formats);
}

Test(formats, a_broken_container_refuses_the_set)
{
    struct formats formats;

    formats_init(&formats);
    set_text(formats.folder, "a.ndb", "T.Body:0:*:4d41524b45522d424f4459\n");
    set_text(formats.folder, "c.cud", "ClamAV-VDB:not really");
    cr_assert_not(formats_compile(&formats));
    cr_expect(strstr(formats.error, "c.cud: it does not begin with the header") != NULL, "%s",
              formats.error);
    set_remove(formats.folder);
}

/* Rows of threats.tsv are read after a.hdu and before z.hdu. */
Test(formats, names_of_unwanted_programs_have_a_category_and_rows_of_their_own)
{
    static const char *const bodies[] = {"body one", "body two", "body three", "body four"};
    static const char *const names[] = {"PUA.Win.Tool.A-1-0", "PUA.Win.Tool.A-2-0",
                                        "PUA.Win.Tool.A-3-0", "Win.Tool.A-4-0"};
    char lines[ARRAY_LEN(bodies)][128];
    struct formats formats;

    formats_init(&formats);
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        uint8_t md5[EVP_MAX_MD_SIZE];

        cr_assert_eq(EVP_Digest(bodies[i], strlen(bodies[i]), md5, NULL, EVP_md5(), NULL), 1);
        for (size_t b = 0; b < 16; b++) {
            (void)snprintf(lines[i] + b * 2, 3, "%02x", md5[b]);
        }
        (void)snprintf(lines[i] + 32, sizeof(lines[i]) - 32, ":%zu:%s\n", strlen(bodies[i]),
                       names[i]);
    }
    set_text(formats.folder, "a.hdu", lines[0]);
    set_text(formats.folder, "b.hdu", lines[1]);
    set_text(formats.folder, "z.hdu", lines[2]);
    set_text(formats.folder, "zz.hdb", lines[3]);
    set_text(formats.folder, "threats.tsv",
             "PUA.Win.Tool.A-1-0\t11\tAdware\t-\nPUA.Win.Tool.A-3-0\t33\t-\t-\n");
    cr_assert(formats_compile(&formats), "%s", formats.error);
    cr_expect_str_eq(formats_scan(&formats, bodies[0]), names[0]);
    cr_expect_str_eq(found.category, "Adware");
    cr_expect_eq(found.id, 11);
    cr_expect_str_eq(formats_scan(&formats, bodies[1]), names[1]);
    cr_expect_str_eq(found.category, "PUA");
    cr_expect_str_eq(formats_scan(&formats, bodies[2]), names[2]);
    cr_expect_str_eq(found.category, "");
    cr_expect_eq(found.id, 33);
    cr_expect_str_eq(formats_scan(&formats, bodies[3]), names[3]);
    cr_expect_str_eq(found.category, "");
    formats_fini(&formats);
}
