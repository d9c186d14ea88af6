/* SPDX-License-Identifier: MIT */
/* What containers say of their members, passwords, and bytes that tell types. */
#include "match/cl_type.h"
#include "match/magic.h"
#include "match/match_private.h"
#include "match/member.h"
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>

#include <errno.h>

#define ANY                                                                                        \
    {                                                                                              \
        0, UINT64_MAX                                                                              \
    }

static struct match_member member_signature(const char *name)
{
    return (struct match_member){
        .name = slice_from_str(name),
        .container = CL_TYPE_ANY,
        .container_size = ANY,
        .packed_size = ANY,
        .real_size = ANY,
        .position = ANY,
    };
}

static uint16_t type_of(const char *name)
{
    const uint16_t type = cl_type_find(slice_from_str(name));

    cr_assert_neq(type, CL_TYPE_NONE, "%s", name);
    return type;
}

static struct member member_of(const char *name)
{
    return (struct member){
        .container = type_of("CL_TYPE_ZIP"),
        .container_size = 1000,
        .name = slice_from_str(name),
        .packed_size = 50,
        .real_size = 200,
        .position = 3,
    };
}

struct opened {
    uint8_t *image;
    struct match_db *db;
    struct member_db *members;
};

/* Frees the builder. */
static struct opened open_built(struct match_builder *builder)
{
    struct opened opened = {0};
    size_t len = 0;

    cr_assert_eq(match_builder_finish(builder, &opened.image, &len), 0, "%s",
                 match_builder_error(builder));
    match_builder_free(builder);
    cr_assert_eq(match_db_open(&opened.db, slice_from(opened.image, len), 1), 0);
    cr_assert_eq(match_db_open_members(&opened.members, opened.db), 0);
    return opened;
}

static void close_built(struct opened *opened)
{
    match_db_close_members(opened->members);
    match_db_close(opened->db);
    free(opened->image);
}

/* Whether a set of this one signature finds the member. */
static bool member_is_found(const struct match_member *signature, const struct member *member)
{
    struct match_builder *builder = kit_builder();
    struct match_finding finding = {0};
    struct opened opened;
    bool found;

    cr_assert_eq(match_builder_add_member(builder, signature), MATCH_BUILD_OK, "%s",
                 match_builder_error(builder));
    opened = open_built(builder);
    found = member_find(opened.members, member, &finding);
    if (found) {
        cr_assert_str_eq(finding.name, "Test");
        cr_assert_eq(finding.kind, MATCH_VIRUS);
    }
    close_built(&opened);
    return found;
}

Test(member, names_are_searched_with_posix_expressions)
{
    static const struct {
        const char *expression;
        const char *name;
        bool found;
    } rows[] = {
        {"evil", "dir/evil.exe", true},
        {"^evil", "dir/evil.exe", false},
        {"EVIL", "evil.exe", false},
        {"\\.exe$", "evil.exe", true},
        {"\\.exe$", "evil.exe.txt", false},
        {"(pdf|doc)[ _]*\\.(exe|scr)$", "invoice.pdf   .scr", true},
        {"^[0-9]{4}\\.js$", "2024.js", true},
        {"^[0-9]{4}\\.js$", "24.js", false},
        {"[[:space:]]", "a b", true},
        {"\xc3\xa4", "b\xc3\xa4r", true},
        {"x*", "", true},
        {"", "anything", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct match_member signature = member_signature("Test");
        const struct member member = member_of(rows[i].name);

        signature.expression = slice_from_str(rows[i].expression);
        cr_expect_eq(member_is_found(&signature, &member), rows[i].found, "%s in %s",
                     rows[i].expression, rows[i].name);
    }
}

Test(member, a_name_ends_where_its_length_says)
{
    struct match_member signature = member_signature("Test");
    struct member member = member_of("evil.exe.txt");

    signature.expression = SLICE_OF("\\.exe$");
    member.name.len = 8;
    cr_assert(member_is_found(&signature, &member));
    member.name = SLICE_OF("evil\0.exe");
    cr_assert(member_is_found(&signature, &member));
    member.name = slice_from(NULL, 0);
    cr_assert_not(member_is_found(&signature, &member));
}

Test(member, every_field_counts)
{
    const struct member member = member_of("a");
    struct match_member signature = member_signature("Test");

    cr_expect(member_is_found(&signature, &member));
    signature.container = type_of("CL_TYPE_ZIP");
    cr_expect(member_is_found(&signature, &member));
    signature.container = type_of("CL_TYPE_RAR");
    cr_expect_not(member_is_found(&signature, &member));

    signature = member_signature("Test");
    signature.container_size = (struct match_range){1000, 1000};
    cr_expect(member_is_found(&signature, &member));
    signature.container_size = (struct match_range){1001, 2000};
    cr_expect_not(member_is_found(&signature, &member));

    signature = member_signature("Test");
    signature.packed_size = (struct match_range){50, 60};
    signature.real_size = (struct match_range){100, 200};
    signature.position = (struct match_range){3, 3};
    cr_expect(member_is_found(&signature, &member));
    signature.position = (struct match_range){1, 2};
    cr_expect_not(member_is_found(&signature, &member));
    signature.position = (struct match_range){3, UINT64_MAX};
    signature.real_size = (struct match_range){0, 199};
    cr_expect_not(member_is_found(&signature, &member));
    signature.real_size = (struct match_range){0, 200};
    signature.packed_size = (struct match_range){51, 60};
    cr_expect_not(member_is_found(&signature, &member));
}

Test(member, what_the_container_does_not_tell_fits_no_condition)
{
    struct match_member signature = member_signature("Test");
    struct member member = member_of("a");

    member.packed_size = MEMBER_UNKNOWN;
    cr_expect(member_is_found(&signature, &member));
    signature.packed_size = (struct match_range){0, UINT32_MAX};
    cr_expect_not(member_is_found(&signature, &member));

    signature = member_signature("Test");
    signature.has_crc = true;
    signature.crc = 0x73dca397;
    cr_expect_not(member_is_found(&signature, &member));
    member.has_crc = true;
    member.crc = 0x73dca397;
    cr_expect(member_is_found(&signature, &member));
    member.crc++;
    cr_expect_not(member_is_found(&signature, &member));
}

Test(member, encrypted_or_not)
{
    static const struct {
        enum match_encrypted wanted;
        bool encrypted;
        bool found;
    } rows[] = {
        {MATCH_ENCRYPTED_EITHER, false, true}, {MATCH_ENCRYPTED_EITHER, true, true},
        {MATCH_ENCRYPTED_NO, false, true},     {MATCH_ENCRYPTED_NO, true, false},
        {MATCH_ENCRYPTED_YES, false, false},   {MATCH_ENCRYPTED_YES, true, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct match_member signature = member_signature("Test");
        struct member member = member_of("a");

        signature.encrypted = rows[i].wanted;
        member.encrypted = rows[i].encrypted;
        cr_expect_eq(member_is_found(&signature, &member), rows[i].found, "row %zu", i);
    }
}

Test(member, the_first_of_many_is_told_with_its_attributes)
{
    struct match_builder *builder = kit_builder();
    struct match_finding finding = {0};
    struct opened opened;
    struct member member = member_of("c.exe");
    const struct match_threat threat = {
        .name = SLICE_OF("PUA.Second"), .has_id = true, .id = 77, .category = SLICE_OF("Adware")};

    for (unsigned i = 0; i < 3; i++) {
        static const char *const names[] = {"First", "PUA.Second", "PUA.Third"};
        static const char *const expressions[] = {"^a", "^[bc]", "^c"};
        struct match_member signature = member_signature(names[i]);

        signature.expression = slice_from_str(expressions[i]);
        cr_assert_eq(match_builder_add_member(builder, &signature), MATCH_BUILD_OK);
    }
    cr_assert_eq(match_builder_add_threat(builder, &threat), 0);
    cr_assert_eq(match_builder_len(builder), 3);
    opened = open_built(builder);
    cr_assert(member_find(opened.members, &member, &finding));
    cr_assert_str_eq(finding.name, "PUA.Second");
    cr_assert_eq(finding.id, 77);
    cr_assert_str_eq(finding.category, "Adware");
    member = member_of("d.exe");
    cr_assert_not(member_find(opened.members, &member, &finding));
    close_built(&opened);
}

Test(member, unwanted_programs_have_a_category_unless_threats_say_otherwise)
{
    static const struct {
        const char *name;
        const char *category; /* Of threats.tsv. */
        const char *found;
    } rows[] = {
        {"PUA.Win.Tool", NULL, "PUA"},
        {"PUA.Win.Tool", "Hacktool", "Hacktool"},
        {"PUA.Win.Tool", "", ""},
        {"PUA", NULL, ""},
        {"PUA.", NULL, ""},
        {"Win.PUA.Tool", NULL, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows) * 2; i++) {
        const bool before = i >= ARRAY_LEN(rows);
        struct match_builder *builder = kit_builder();
        const struct match_member signature = member_signature(rows[i % ARRAY_LEN(rows)].name);
        const char *category = rows[i % ARRAY_LEN(rows)].category;
        const struct match_threat threat = {.name = signature.name,
                                            .category = slice_from_str(category)};
        const struct member member = member_of("x");
        struct match_finding finding = {0};
        struct opened opened;

        if (category != NULL && before) {
            cr_assert_eq(match_builder_add_threat(builder, &threat), 0);
        }
        cr_assert_eq(match_builder_add_member(builder, &signature), MATCH_BUILD_OK);
        if (category != NULL && !before) {
            cr_assert_eq(match_builder_add_threat(builder, &threat), 0);
        }
        opened = open_built(builder);
        cr_assert(member_find(opened.members, &member, &finding));
        cr_expect_str_eq(finding.category, rows[i % ARRAY_LEN(rows)].found, "row %zu", i);
        close_built(&opened);
    }
}

Test(member, passwords_are_handed_out_by_type_of_container)
{
    struct match_builder *builder = kit_builder();
    struct slice password;
    struct opened opened;
    uint32_t at = 0;

    cr_assert_eq(match_builder_add_password(builder, SLICE_OF("any"), CL_TYPE_ANY), 0);
    cr_assert_eq(match_builder_add_password(builder, SLICE_OF("r\0r"), type_of("CL_TYPE_RAR")), 0);
    cr_assert_eq(match_builder_add_password(builder, SLICE_OF("zip"), type_of("CL_TYPE_ZIP")), 0);
    opened = open_built(builder);
    cr_assert(member_next_password(opened.members, type_of("CL_TYPE_RAR"), &at, &password));
    cr_assert(slice_equal(password, SLICE_OF("any")));
    cr_assert(member_next_password(opened.members, type_of("CL_TYPE_RAR"), &at, &password));
    cr_assert(slice_equal(password, SLICE_OF("r\0r")));
    cr_assert_not(member_next_password(opened.members, type_of("CL_TYPE_RAR"), &at, &password));
    at = 0;
    cr_assert(member_next_password(opened.members, type_of("CL_TYPE_7Z"), &at, &password));
    cr_assert_not(member_next_password(opened.members, type_of("CL_TYPE_7Z"), &at, &password));
    close_built(&opened);
}

/* ---- Types ---- */

static const char *magic_name(const struct opened *opened, struct slice head)
{
    return magic_detect(&opened->db->layout, head)->name;
}

Test(magic, rows_refine_what_is_data_or_text)
{
    struct match_builder *builder = kit_builder();
    struct opened opened;

    cr_assert_eq(match_builder_add_magic(builder, 0, SLICE_OF("010203"), type_of("CL_TYPE_MSEXE")),
                 0);
    cr_assert_eq(
        match_builder_add_magic(builder, 2, SLICE_OF("4?{2}??42"), type_of("CL_TYPE_HTML")), 0);
    cr_assert_eq(match_builder_add_magic(builder, 0, SLICE_OF("504b"), type_of("CL_TYPE_RAR")), 0);
    cr_assert_eq(match_builder_add_magic(builder, 0, SLICE_OF("01"), type_of("CL_TYPE_RAR")), 0);
    opened = open_built(builder);
    cr_expect_str_eq(magic_name(&opened, SLICE_OF("\1\2\3\4")), "pe");
    cr_expect_eq(magic_detect(&opened.db->layout, SLICE_OF("\1\2\3"))->target, MATCH_TARGET_PE);
    cr_expect_str_eq(magic_name(&opened, SLICE_OF("\1\2")), "rar", "the first that fits");
    cr_expect_str_eq(magic_name(&opened, SLICE_OF("..Axx.B")), "html");
    cr_expect_str_eq(magic_name(&opened, SLICE_OF("..Oyy\1B")), "html");
    cr_expect_str_eq(magic_name(&opened, SLICE_OF("..Pyy.B")), "text");
    cr_expect_str_eq(magic_name(&opened, SLICE_OF("..Axx.")), "text", "cut off");
    cr_expect_str_eq(magic_name(&opened, SLICE_OF("PK\3\4")), "zip", "what is known stands");
    cr_expect_str_eq(magic_name(&opened, SLICE_OF("PK")), "rar");
    cr_expect_str_eq(magic_name(&opened, slice_from(NULL, 0)), "data");
    close_built(&opened);
}

Test(magic, rows_reach_as_far_as_the_probe)
{
    static uint8_t head[FILETYPE_PROBE + 8];
    struct match_builder *builder = kit_builder();
    struct opened opened;

    cr_assert_eq(match_builder_add_magic(builder, FILETYPE_PROBE - 2, SLICE_OF("5a5a"),
                                         type_of("CL_TYPE_DMG")),
                 0);
    cr_assert_eq(match_builder_add_magic(builder, FILETYPE_PROBE - 1, SLICE_OF("5a5a"),
                                         type_of("CL_TYPE_DMG")),
                 MATCH_BUILD_UNSUPPORTED);
    opened = open_built(builder);
    memset(head + FILETYPE_PROBE - 2, 'Z', 10);
    cr_expect_str_eq(magic_name(&opened, slice_from(head, sizeof(head))), "dmg");
    cr_expect_str_eq(magic_name(&opened, slice_from(head, FILETYPE_PROBE)), "dmg");
    cr_expect_str_eq(magic_name(&opened, slice_from(head, FILETYPE_PROBE - 1)), "data");
    close_built(&opened);
}

Test(magic, every_type_that_is_named_exists)
{
    static const char *const names[] = {"CL_TYPE_MSEXE", "CL_TYPE_ELF",  "CL_TYPE_ZIP",
                                        "CL_TYPE_HTML",  "CL_TYPE_PDF",  "CL_TYPE_XZ",
                                        "CL_TYPE_SWF",   "CL_TYPE_MAIL", "CL_TYPE_TEXT_ASCII"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        cr_expect_not_null(magic_find_type(type_of(names[i])), "%s", names[i]);
    }
    cr_expect_null(magic_find_type(CL_TYPE_ANY));
    cr_expect_null(magic_find_type(CL_TYPE_NONE));
    cr_expect_null(magic_find_type(UINT16_MAX));
}

/* ---- Broken images ---- */

Test(member, an_image_with_impossible_rows_is_refused)
{
    struct match_builder *builder = kit_builder();
    struct match_member signature = member_signature("Test");
    struct match_db *db = NULL;
    struct layout layout;
    uint8_t *image = NULL;
    size_t len = 0;

    signature.expression = SLICE_OF("x");
    cr_assert_eq(match_builder_add_member(builder, &signature), 0);
    cr_assert_eq(match_builder_add_password(builder, SLICE_OF("p"), CL_TYPE_ANY), 0);
    cr_assert_eq(match_builder_add_magic(builder, 0, SLICE_OF("0102"), type_of("CL_TYPE_ZIP")), 0);
    cr_assert_eq(match_builder_finish(builder, &image, &len), 0);
    match_builder_free(builder);
    cr_assert_eq(layout_open(&layout, slice_from(image, len)), 0);

    struct layout_member *member = (struct layout_member *)(uintptr_t)layout.members;
    struct layout_password *password = (struct layout_password *)(uintptr_t)layout.passwords;
    struct layout_magic *magic = (struct layout_magic *)(uintptr_t)layout.magics;
    char *texts = (char *)(uintptr_t)layout.member_texts;
    const struct slice bytes = slice_from(image, len);

    member->threat = 99;
    cr_expect_eq(match_db_open(&db, bytes, 1), -EBADMSG);
    member->threat = 0;
    member->name = 99;
    cr_expect_eq(match_db_open(&db, bytes, 1), -EBADMSG);
    member->name = 0;
    password->len = 99;
    cr_expect_eq(match_db_open(&db, bytes, 1), -EBADMSG);
    password->len = 1;
    magic->len = 65;
    cr_expect_eq(match_db_open(&db, bytes, 1), -EBADMSG);
    magic->len = 0;
    cr_expect_eq(match_db_open(&db, bytes, 1), -EBADMSG);
    magic->len = 2;
    magic->at = FILETYPE_PROBE - 1;
    cr_expect_eq(match_db_open(&db, bytes, 1), -EBADMSG);
    magic->at = 0;
    texts[layout.len[LAYOUT_MEMBER_TEXTS] - 1] = 'x';
    cr_expect_eq(match_db_open(&db, bytes, 1), -EBADMSG);
    texts[layout.len[LAYOUT_MEMBER_TEXTS] - 1] = '\0';
    cr_expect_eq(match_db_open(&db, bytes, 1), 0);
    match_db_close(db);
    free(image);
}
