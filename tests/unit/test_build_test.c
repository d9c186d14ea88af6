/* SPDX-License-Identifier: MIT */
/* The compiler's self-test: specimens of signatures, and images that do not find them. */
#include "match/build.h"
#include "match/build_specimen.h"
#include "match/build_test.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

struct body_row {
    const char *offset;
    const char *body;
    unsigned target;
    bool served; /* There is a specimen. */
};

static const struct body_row body_rows[] = {
    {"*", "4142434445464748", 0, true},
    {"*", "41424344??4647485?5152535455", 0, true},
    {"*", "4142434445464748*515253545556", 0, true},
    {"*", "4142434445464748{10-20}515253545556", 0, true},
    {"*", "4142434445464748{5000-}515253545556", 0, true},
    {"*", "41424344(4546|4748)515253545556", 0, true},
    {"*", "41424344!(45|46)515253545556", 0, true},
    {"*", "41424344!(4546|4748)515253545556", 0, true},
    {"*", "(B)4142434445464748(B)", 0, true},
    {"*", "(L)4142434445464748(L)", 0, true},
    {"*", "(W)4142434445464748(W)", 0, true},
    {"*", "!(W)4142434445464748!(W)", 0, true},
    {"0", "4142434445464748", 0, true},
    {"100,20", "4142434445464748", 0, true},
    {"EOF-100", "4142434445464748", 0, true},
    {"EOF-100,20", "4142434445464748", 0, true},
    {"*", "4142434445464748", 1, true},
    {"*", "4142434445464748", 2, true},
    {"*", "6162636465666768", 3, true},
    {"*", "4142434445464748", 3, false}, /* Is in small letters by then. */
    {"*", "4142434445464748", 4, true},
    {"*", "4142434445464748", 5, true},
    {"*", "4142434445464748", 6, true},
    {"*", "6162636465666768", 7, true},
    {"*", "4142434445464748", 9, true},
    {"*", "4142434445464748", 10, true},
    {"*", "4142434445464748", 11, true},
    {"*", "4142434445464748", 12, true},
    {"EP+0", "4142434445464748", 1, false},
    {"0", "4142434445464748", 1, false}, /* That is no PE any more. */
    {"70000", "4142434445464748", 0, false},
    {"*", "4142434445464748{70000-}5152535455565758", 0, false},
};

struct built {
    uint8_t *image;
    size_t len;
};

static struct match_builder *build_begin(void)
{
    struct match_builder *builder;

    cr_assert_eq(match_builder_new(&builder), 0);
    return builder;
}

static struct built build_end(struct match_builder *builder)
{
    struct built built = {0};

    cr_assert_eq(match_builder_finish(builder, &built.image, &built.len), 0, "%s",
                 match_builder_error(builder));
    match_builder_free(builder);
    return built;
}

static struct built build_body(const struct body_row *row)
{
    struct match_builder *builder = build_begin();
    const int r = match_builder_add_body(builder, SLICE_OF("T.Row"), row->target,
                                         slice_from_str(row->offset), slice_from_str(row->body));

    cr_assert(r == MATCH_BUILD_OK || r == MATCH_BUILD_SLOW, "%s", match_builder_error(builder));
    return build_end(builder);
}

Test(build_test, a_specimen_of_each_kind_is_found)
{
    for (size_t i = 0; i < ARRAY_LEN(body_rows); i++) {
        const struct built built = build_body(&body_rows[i]);
        struct build_test_result result;

        cr_assert(build_test_run(slice_from(built.image, built.len), &result), "row %zu: %s", i,
                  result.error);
        cr_assert_eq(result.specimens, body_rows[i].served ? 1 : 0, "row %zu", i);
        cr_assert_eq(result.passed_over, body_rows[i].served ? 0 : 1, "row %zu", i);
        free(built.image);
    }
}

struct logic_row {
    const char *expression;
    size_t parts_len;
    bool served;
};

static struct built build_logic(const char *expression, size_t parts_len)
{
    static const char *const parts[] = {
        "6a7b8c9dae112233", "0:414243444546",       "EOF-30:7172737475767778",
        "5a6b7c8d9e0f::i",  "(W)61626364656667::w", "0/evil[0-9]+/",
    };
    struct match_builder *builder = build_begin();
    struct slice subsignatures[ARRAY_LEN(parts)];
    const struct match_logical logical = {
        .name = SLICE_OF("T.Logic"),
        .expression = slice_from_str(expression),
        .subsignatures = subsignatures,
        .subsignatures_len = parts_len,
    };

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        subsignatures[i] = slice_from_str(parts[i]);
    }
    const int r = match_builder_add_logical(builder, &logical);

    cr_assert(r == MATCH_BUILD_OK || r == MATCH_BUILD_SLOW, "%s: %s", expression,
              match_builder_error(builder));
    return build_end(builder);
}

Test(build_test, a_specimen_of_each_expression_is_found)
{
    static const struct logic_row rows[] = {
        {"0&1&2&3&4&(5|0)", 6, true},
        {"0", 1, true},
        {"0&1&2", 3, true},
        {"(0|5)&(1|2|3|4)", 6, true},
        {"5|(0&1&2&3&4)", 6, true},
        {"0&1=0", 2, true},
        {"0&(1|2)=0", 3, true},
        {"0>0&1", 2, true},
        {"0>1", 1, false},
        {"0&1&2&3&4&5", 6, false},
        {"(0|1|2)>1,2", 3, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct built built = build_logic(rows[i].expression, rows[i].parts_len);
        struct build_test_result result;

        cr_assert(build_test_run(slice_from(built.image, built.len), &result), "%s: %s",
                  rows[i].expression, result.error);
        cr_assert_eq(result.specimens, rows[i].served ? 1 : 0, "%s", rows[i].expression);
        free(built.image);
    }
}

/* The signature says something else than the database looks for. */
Test(build_test, an_image_that_does_not_find_is_refused)
{
    struct match_builder *builder = build_begin();
    struct build_test_result result;
    struct layout layout;

    for (unsigned i = 0; i < 40; i++) {
        char name[16];
        char body[64];

        (void)snprintf(name, sizeof(name), "T.Row%u", i);
        (void)snprintf(body, sizeof(body), "f3d19ab7c4e2%02xd7b6a1c5%02x", i, 255 - i);
        cr_assert_eq(match_builder_add_body(builder, slice_from_str(name), 0, SLICE_OF("*"),
                                            slice_from_str(body)),
                     0);
    }
    const struct built built = build_end(builder);

    cr_assert(build_test_run(slice_from(built.image, built.len), &result), "%s", result.error);
    cr_assert_eq(result.specimens, 40);
    cr_assert_eq(layout_open(&layout, slice_from(built.image, built.len)), 0);

    uint8_t *bytes = built.image + layout.header->sections[LAYOUT_BYTES].offset;

    for (uint64_t i = 0; i < layout.header->sections[LAYOUT_BYTES].len; i++) {
        bytes[i] ^= 0x11;
    }
    cr_assert_not(build_test_run(slice_from(built.image, built.len), &result));
    cr_assert(strstr(result.error, "T.Row0 is not found") != NULL, "%s", result.error);
    free(built.image);
}

Test(build_test, a_set_that_finds_harmless_things_is_refused)
{
    static const char *const bodies[] = {
        "746865206c617a7920646f67", /* "the lazy dog" */
        "3c21444f43545950452068746d6c3e",
    };

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        const struct body_row row = {"*", bodies[i], 0, true};
        const struct built built = build_body(&row);
        struct build_test_result result;

        cr_assert_not(build_test_run(slice_from(built.image, built.len), &result));
        cr_assert(strstr(result.error, "T.Row is found in") != NULL, "%s", result.error);
        free(built.image);
    }
}

Test(build_test, what_is_no_image_is_refused)
{
    _Alignas(64) static uint8_t junk[8192];
    struct build_test_result result;

    cr_assert_not(build_test_run(slice_from(junk, sizeof(junk)), &result));
    cr_assert(strstr(result.error, "cannot be opened") != NULL, "%s", result.error);
}
