/* SPDX-License-Identifier: MIT */
#include "match/digest.h"
#include "match/threat.h"
#include "tests/tools/make_exe.h"
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>

#define ANY_SIZE UINT64_MAX

static const EVP_MD *hash_kind(unsigned kind)
{
    return kind == 0 ? EVP_md5() : kind == 1 ? EVP_sha1() : EVP_sha256();
}

static void hash_hex(struct slice body, unsigned kind, char out[65])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    cr_assert(EVP_Digest(body.ptr, body.len, digest, &len, hash_kind(kind), NULL));
    for (unsigned i = 0; i < len; i++) {
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
}

static void hash_add(struct match_builder *builder, const char *name, struct slice body,
                     unsigned kind, uint64_t size, bool allow)
{
    char hex[65];

    hash_hex(body, kind, hex);
    cr_assert_eq(
        match_builder_add_hash(builder, slice_from_str(name), slice_from_str(hex), size, allow),
        MATCH_BUILD_OK);
}

Test(match_hash, every_kind_with_its_size_and_for_any_size)
{
    const struct slice body = SLICE_OF("the body that is hashed");

    for (unsigned kind = 0; kind < 3; kind++) {
        for (unsigned any = 0; any < 2; any++) {
            struct match_builder *builder = kit_builder();

            hash_add(builder, "Test.Hash", body, kind, any ? ANY_SIZE : body.len, false);
            struct kit_set set = kit_open(builder, 2);
            struct match_finding finding;

            for (size_t step = 0; step <= body.len; step++) {
                cr_assert_eq(kit_scan_by(set.db, body, step, &finding), MATCH_FOUND);
                cr_assert_str_eq(finding.name, "Test.Hash");
            }
            cr_assert_eq(kit_scan(set.db, SLICE_OF("the body that is hasheD")), MATCH_CLEAN);
            cr_assert_eq(kit_scan(set.db, SLICE_OF("another size")), MATCH_CLEAN);
            cr_assert_eq(kit_scan(set.db, SLICE_OF("")), MATCH_CLEAN);
            kit_close(&set);
        }
    }
}

Test(match_hash, a_size_that_differs_is_no_match)
{
    const struct slice body = SLICE_OF("the body that is hashed");
    struct match_builder *builder = kit_builder();

    hash_add(builder, "Test.Hash", body, 0, body.len + 1, false);
    struct kit_set set = kit_open(builder, 2);

    cr_assert_eq(kit_scan(set.db, body), MATCH_CLEAN);
    kit_close(&set);
}

Test(match_hash, is_only_computed_for_sizes_in_the_set)
{
    struct match_builder *builder = kit_builder();
    static uint8_t bytes[200000];
    size_t step = 4096;
    struct kit_body body = {.bytes = bytes, .len = sizeof(bytes)};
    struct kit_feed feed = {.next = kit_next_fixed, .ctx = &step};
    struct match_finding finding;

    hash_add(builder, "Test.Hash", SLICE_OF("x"), 2, sizeof(bytes), false);
    struct kit_set set = kit_open(builder, 1);

    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_CLEAN);
    cr_assert_gt(body.asked, 0);
    body.asked = 0;
    body.len--;
    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_CLEAN);
    cr_assert_eq(body.asked, 0);
    kit_close(&set);
}

Test(match_hash, a_large_body_is_hashed_in_slices)
{
    struct match_builder *builder = kit_builder();
    const size_t len = MIB(3) + 17;
    uint8_t *bytes = malloc(len);
    struct kit_body body = {.bytes = bytes, .len = len, .piece_max = 100000};
    struct kit_feed feed = {0};
    struct match_finding finding;

    cr_assert_not_null(bytes);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (unsigned kind = 0; kind < 3; kind++) {
        hash_add(builder, "Test.Hash", kind == 1 ? slice_from(bytes, len) : SLICE_OF("no"), kind,
                 len, false);
    }
    struct kit_set set = kit_open(builder, 1);

    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_FOUND);
    cr_assert_geq(feed.slices, 12);
    bytes[len / 2] ^= 1;
    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_CLEAN);
    body.broken = true;
    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_FAILED);
    kit_close(&set);
    free(bytes);
}

Test(match_hash, refuses_what_is_no_hash)
{
    struct match_builder *builder = kit_builder();
    static const char *const rows[] = {
        "",
        "00",
        "d41d8cd98f00b204e9800998ecf8427",
        "d41d8cd98f00b204e9800998ecf8427g",
        "d41d8cd98f00b204e9800998ecf8427e00",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_assert_eq(
            match_builder_add_hash(builder, SLICE_OF("X"), slice_from_str(rows[i]), 1, false),
            MATCH_BUILD_BAD_HASH, "%s", rows[i]);
        cr_assert_neq(match_builder_error(builder)[0], '\0');
    }
    cr_assert_eq(match_builder_len(builder), 0);
    match_builder_free(builder);
}

/* ---- The allow list ---- */

#define INFECTED "some text with PlainMarker in it"

static struct kit_set allow_open(struct slice allowed, unsigned kind, uint64_t size,
                                 const char *pattern)
{
    struct match_builder *builder = kit_builder();

    cr_assert_eq(kit_add(builder, "Test.Plain", 0, "*", pattern), 0);
    hash_add(builder, "Test.Hash", SLICE_OF("hashed and allowed"), 0, 18, false);
    hash_add(builder, "Allowed", allowed, kind, size, true);
    return kit_open(builder, 2);
}

Test(match_hash, an_allowed_body_is_clean_whatever_matches)
{
    const struct slice body = SLICE_OF(INFECTED);

    for (unsigned kind = 0; kind < 3; kind++) {
        for (unsigned any = 0; any < 2; any++) {
            struct kit_set set =
                allow_open(body, kind, any ? ANY_SIZE : body.len, "506c61696e4d61726b6572");

            for (size_t step = 0; step <= body.len; step++) {
                struct match_finding finding;

                cr_assert_eq(kit_scan_by(set.db, body, step, &finding), MATCH_CLEAN);
                cr_assert_eq(kit_scan_by(set.db, SLICE_OF(INFECTED "!"), step, &finding),
                             MATCH_FOUND);
                cr_assert_eq(kit_scan_by(set.db, SLICE_OF("s" INFECTED), step, &finding),
                             MATCH_FOUND);
            }
            kit_close(&set);
        }
    }
}

Test(match_hash, the_allow_list_wins_over_a_hash)
{
    const struct slice body = SLICE_OF("hashed and allowed");

    for (unsigned kind = 0; kind < 3; kind++) {
        struct kit_set set = allow_open(body, kind, ANY_SIZE, "506c61696e4d61726b6572");

        cr_assert_eq(kit_scan(set.db, body), MATCH_CLEAN);
        kit_close(&set);
        set = allow_open(body, kind, body.len, "506c61696e4d61726b6572");
        cr_assert_eq(kit_scan(set.db, body), MATCH_CLEAN);
        kit_close(&set);
        set = allow_open(SLICE_OF("other"), kind, body.len, "506c61696e4d61726b6572");
        cr_assert_eq(kit_scan(set.db, body), MATCH_FOUND);
        kit_close(&set);
    }
}

/* A finding waits until the body is larger than everything that is allowed, and no longer. */
Test(match_hash, a_finding_is_early_when_no_allowed_body_is_that_large)
{
    struct match_builder *builder = kit_builder();
    static uint8_t bytes[1000];
    struct kit_body body = {.bytes = bytes, .len = sizeof(bytes)};
    size_t step = 10;
    struct kit_feed feed = {.next = kit_next_fixed, .ctx = &step};
    struct match_finding finding;

    memcpy(bytes + 20, "PlainMarker", 11);
    cr_assert_eq(kit_add(builder, "Test.Plain", 0, "*", "506c61696e4d61726b6572"), 0);
    hash_add(builder, "Allowed", SLICE_OF("x"), 2, 500, true);
    struct kit_set set = kit_open(builder, 1);

    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_FOUND);
    cr_assert_eq(feed.fed, 510);
    cr_assert_eq(feed.slices, 0);
    body.len = 500;
    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_FOUND);
    cr_assert_eq(feed.fed, 500);
    cr_assert_eq(feed.slices, 1);
    kit_close(&set);
}

/* ---- Names ---- */

static const struct {
    const char *name;
    const char *text; /* NULL: kept as it stands. */
    uint32_t number;
} name_rows[] = {
    {"Win.Trojan.Agent-1234567", "Win.Trojan.Agent-\1", 1234567},
    {"Win.Malware.Agent-6598770-0", "Win.Malware.Agent-\1-0", 6598770},
    {"Win32.Virus-77", "Win32.Virus-\1", 77},
    {"Win.Worm-007", "Win.Worm-00\1", 7},
    {"A0", "A\1", 0},
    {"7", "\1", 7},
    {"Md5.1234567890123", "Md5.1234\1", 567890123},
    {"X-1000000009", "X-100000000\1", 9},
    {"Eicar-Test-Signature", NULL, 0},
    {"", NULL, 0},
    {"With\1hole-5", NULL, 0},
};

Test(match_hash, names_are_split_around_a_number_and_put_together_again)
{
    for (size_t i = 0; i < ARRAY_LEN(name_rows); i++) {
        struct threat_name split;
        const bool splits = threat_split(slice_from_str(name_rows[i].name), &split);

        cr_assert_eq(splits, name_rows[i].text != NULL, "%s", name_rows[i].name);
        if (splits) {
            cr_assert(
                slice_equal(slice_from(split.text, split.len), slice_from_str(name_rows[i].text)),
                "%s: %.*s", name_rows[i].name, (int)split.len, split.text);
            cr_assert_eq(split.number, name_rows[i].number);
        }
    }
    char name[MATCH_NAME_MAX + 1];
    struct threat_name split;

    memset(name, 'n', sizeof(name));
    memset(name + 10, '5', 3);
    cr_assert(threat_split(slice_from(name, MATCH_NAME_MAX - 1), &split));
    cr_assert_not(threat_split(slice_from(name, MATCH_NAME_MAX), &split));
}

/* A body of its own for each row, whose hash has the row's name. */
static struct slice name_body(size_t row, char room[32])
{
    return slice_from(room, (size_t)snprintf(room, 32, "body of row %zu", row));
}

Test(match_hash, a_finding_has_the_whole_name_and_its_id)
{
    struct match_builder *builder = kit_builder();
    char room[32];

    for (size_t i = 0; i < ARRAY_LEN(name_rows); i++) {
        const struct slice body = name_body(i, room);

        hash_add(builder, name_rows[i].name, body, (unsigned)i % 3, body.len, false);
    }
    struct kit_set set = kit_open(builder, 1);

    for (size_t i = 0; i < ARRAY_LEN(name_rows); i++) {
        const struct slice body = name_body(i, room);
        struct match_body matcher;
        struct match_finding finding;
        struct kit_body source = {.bytes = body.ptr, .len = body.len, .fed = body.len};

        cr_assert(match_body_begin(&matcher, set.db, (struct match_source){kit_at, &source}));
        cr_assert_eq(match_body_feed(&matcher, body, &finding), MATCH_CLEAN);
        cr_assert_eq(match_body_end(&matcher, &finding), MATCH_FOUND, "%zu", i);
        match_body_fini(&matcher);
        cr_assert_str_eq(finding.name, name_rows[i].name);
        cr_assert_eq(finding.id, threat_default_id(slice_from_str(name_rows[i].name)));
        cr_assert_str_eq(finding.category, "");
        free(source.piece);
    }
    kit_close(&set);
}

Test(match_hash, one_of_many_names_may_have_attributes_of_its_own)
{
    const struct slice bodies[] = {SLICE_OF("first body"), SLICE_OF("second body")};

    for (unsigned late = 0; late < 2; late++) {
        struct match_builder *builder = kit_builder();
        const struct match_threat threat = {.name = SLICE_OF("Win.Agent-2"),
                                            .has_id = true,
                                            .id = 4711,
                                            .category = SLICE_OF("Adware")};

        for (unsigned step = 0; step < 2; step++) {
            if (step == late) {
                cr_assert_eq(match_builder_add_threat(builder, &threat), 0);
            } else {
                hash_add(builder, "Win.Agent-1", bodies[0], 0, bodies[0].len, false);
                hash_add(builder, "Win.Agent-2", bodies[1], 2, ANY_SIZE, false);
            }
        }
        struct kit_set set = kit_open(builder, 1);
        struct match_finding finding;

        cr_assert_eq(kit_scan_by(set.db, bodies[0], 0, &finding), MATCH_FOUND);
        cr_assert_eq(finding.id, threat_default_id(SLICE_OF("Win.Agent-1")));
        cr_assert_str_eq(finding.category, "");
        cr_assert_eq(kit_scan_by(set.db, bodies[1], 0, &finding), MATCH_FOUND);
        cr_assert_str_eq(finding.name, "Win.Agent-2");
        cr_assert_eq(finding.id, 4711);
        cr_assert_str_eq(finding.category, "Adware");
        kit_close(&set);
    }
}

/* ---- Tables ---- */

struct table_row {
    uint8_t digest[LAYOUT_DIGEST_MAX];
    uint64_t size;
    bool allow;
};

/* Few digests and few sizes, so that some rows say the same and some only half of it. */
static struct table_row table_make(uint32_t *seed)
{
    struct table_row row = {0};

    for (unsigned i = 0; i < 4; i++) {
        *seed = *seed * 1664525 + 1013904223;
        row.digest[i] = (uint8_t)(i < 2 ? *seed >> 28 : *seed >> 31);
    }
    row.digest[19] = (uint8_t)(*seed >> 29 & 1);
    *seed = *seed * 1664525 + 1013904223;
    row.size = *seed >> 20 & 1 ? 1 + (*seed >> 22) : 65536 + (*seed >> 24);
    row.size = (*seed >> 9) % 64 == 0 ? ANY_SIZE : row.size;
    row.allow = (*seed >> 5 & 7) == 0;
    return row;
}

static bool table_has(const struct table_row *rows, size_t len, const struct table_row *wanted,
                      bool any_digest)
{
    for (size_t i = 0; i < len; i++) {
        if ((any_digest || memcmp(rows[i].digest, wanted->digest, sizeof(wanted->digest)) == 0) &&
            rows[i].allow == wanted->allow &&
            (rows[i].size == wanted->size || (!any_digest && rows[i].size == ANY_SIZE))) {
            return true;
        }
    }
    return false;
}

Test(match_hash, tables_answer_like_a_search_through_all_rows)
{
    enum {
        ROWS = 6000,
        QUESTIONS = 3000
    };

    struct match_builder *builder = kit_builder();
    struct table_row *rows = calloc(ROWS, sizeof(*rows));
    uint32_t seed = 12345;
    struct layout layout;
    uint8_t *image;
    size_t len;

    cr_assert_not_null(rows);
    for (size_t i = 0; i < ROWS; i++) {
        char hex[65];

        rows[i] = table_make(&seed);
        for (unsigned k = 0; k < 20; k++) {
            snprintf(hex + 2 * k, 3, "%02x", rows[i].digest[k]);
        }
        cr_assert_eq(match_builder_add_hash(builder, SLICE_OF("Row-1"), slice_from(hex, 40),
                                            rows[i].size, rows[i].allow),
                     0);
    }
    cr_assert_eq(match_builder_finish(builder, &image, &len), 0);
    match_builder_free(builder);
    cr_assert_eq(layout_open(&layout, slice_from(image, len)), 0);
    for (size_t i = 0; i < QUESTIONS; i++) {
        const struct table_row row = i % 3 == 0 ? rows[i] : table_make(&seed);
        const enum digest_purpose purpose = row.allow ? DIGEST_ALLOWS : DIGEST_DETECTS;
        struct digest_value value = {0};

        memcpy(value.bytes[LAYOUT_SHA1], row.digest, sizeof(row.digest));
        cr_assert_eq(digest_kinds(&layout, row.size, purpose),
                     (unsigned)table_has(rows, ROWS, &row, true) << LAYOUT_SHA1);
        cr_assert_eq(digest_find(&layout, DIGEST_ALL, row.size, &value, purpose) != NULL,
                     table_has(rows, ROWS, &row, false), "%zu", i);
    }
    free(image);
    free(rows);
}

/* More sizes than a list of a chunk holds. */
Test(match_hash, dense_sizes)
{
    enum {
        SIZES = 9000
    };

    struct match_builder *builder = kit_builder();
    struct layout layout;
    uint8_t *image;
    size_t len;

    for (uint64_t i = 1; i <= SIZES; i++) {
        cr_assert_eq(match_builder_add_hash(builder, SLICE_OF("Row"),
                                            SLICE_OF("d41d8cd98f00b204e9800998ecf8427e"),
                                            70000 + 3 * i, false),
                     0);
    }
    cr_assert_eq(match_builder_finish(builder, &image, &len), 0);
    match_builder_free(builder);
    cr_assert_eq(layout_open(&layout, slice_from(image, len)), 0);
    for (uint64_t size = 60000; size < 110000; size++) {
        const bool there = size > 70000 && size <= 70000 + 3 * SIZES && (size - 70000) % 3 == 0;

        cr_assert_eq(digest_kinds(&layout, size, DIGEST_DETECTS), there);
        cr_assert_eq(digest_kinds(&layout, size, DIGEST_ALLOWS), 0);
    }
    cr_assert_eq(digest_kinds(&layout, UINT64_MAX, DIGEST_DETECTS), 0);
    cr_assert_eq(digest_kinds(&layout, 1ULL << 40, DIGEST_DETECTS), 0);
    free(image);
}

Test(match_hash, a_size_that_no_file_format_holds_is_refused)
{
    struct match_builder *builder = kit_builder();

    cr_assert_eq(match_builder_add_hash(builder, SLICE_OF("X"),
                                        SLICE_OF("d41d8cd98f00b204e9800998ecf8427e"), UINT32_MAX,
                                        false),
                 MATCH_BUILD_BAD_HASH);
    match_builder_free(builder);
}

/* ---- Pieces of executables ---- */

#define EXE_CAP 16384

static const struct slice exe_sections[] = {
    {(const uint8_t *)"first section", 13},
    {(const uint8_t *)"second section", 14},
};

static const struct make_exe_import exe_imports[] = {{"KERNEL32.dll", "ExitProcess", 0},
                                                     {"user32.DLL", "MessageBoxA", 0}};

static struct slice exe_make(enum make_exe_kind kind, bool is_64, uint8_t room[EXE_CAP])
{
    const struct make_exe make = {
        .kind = kind,
        .is_64 = is_64,
        .sections = exe_sections,
        .sections_len = ARRAY_LEN(exe_sections),
        .imports = exe_imports,
        .imports_len = kind == MAKE_EXE_PE ? ARRAY_LEN(exe_imports) : 0,
    };
    const size_t len = make_exe_write(&make, room, EXE_CAP);

    cr_assert_gt(len, 0);
    return slice_from(room, len);
}

/* The second section, as it lies in the file. */
static struct slice exe_second(struct slice file)
{
    const struct make_exe make = {.sections = exe_sections};

    return slice_from(file.ptr + make_exe_section(&make, 1), MAKE_EXE_ALIGN);
}

typedef int (*exe_add_fn)(struct match_builder *builder, struct slice name, struct slice hex,
                          uint64_t size);

static struct kit_set exe_open(exe_add_fn add, struct slice piece, unsigned kind, uint64_t size)
{
    struct match_builder *builder = kit_builder();
    char hex[65];

    hash_hex(piece, kind, hex);
    cr_assert_eq(add(builder, SLICE_OF("Test.Piece-12"), slice_from_str(hex), size), 0);
    cr_assert_eq(match_builder_len(builder), 1);
    return kit_open(builder, 1);
}

Test(match_hash, sections_of_32_and_64_bit_files)
{
    uint8_t room[EXE_CAP];

    for (unsigned i = 0; i < 12; i++) {
        const struct slice file = exe_make(MAKE_EXE_PE, i % 2, room);
        const struct slice piece = exe_second(file);
        struct kit_set set = exe_open(match_builder_add_section_hash, piece, i / 2 % 3,
                                      i / 6 ? ANY_SIZE : piece.len);
        struct match_finding finding;

        cr_assert_eq(kit_scan_by(set.db, file, 0, &finding), MATCH_FOUND, "%u", i);
        cr_assert_str_eq(finding.name, "Test.Piece-12");
        cr_assert_eq(kit_scan_by(set.db, file, 100, &finding), MATCH_FOUND);
        room[make_exe_section(&(struct make_exe){.sections = exe_sections}, 1) + 3] ^= 1;
        cr_assert_eq(kit_scan(set.db, file), MATCH_CLEAN);
        cr_assert_eq(kit_scan(set.db, piece), MATCH_CLEAN, "it is no hash of a body");
        kit_close(&set);
    }
}

Test(match_hash, sections_of_another_size_are_not_hashed)
{
    uint8_t room[EXE_CAP];
    const struct slice file = exe_make(MAKE_EXE_PE, false, room);
    const struct slice piece = exe_second(file);
    struct kit_set set =
        exe_open(match_builder_add_section_hash, piece, 0, piece.len + MAKE_EXE_ALIGN);

    cr_assert_eq(kit_scan(set.db, file), MATCH_CLEAN);
    kit_close(&set);
}

Test(match_hash, elf_sections_are_not_hashed)
{
    uint8_t room[EXE_CAP];
    const struct slice file = exe_make(MAKE_EXE_ELF, true, room);
    const struct slice piece = exe_second(file);
    struct kit_set set = exe_open(match_builder_add_section_hash, piece, 0, piece.len);

    cr_assert_eq(kit_scan(set.db, file), MATCH_CLEAN);
    kit_close(&set);
}

Test(match_hash, imports_of_32_bit_files)
{
    const struct slice list = SLICE_OF("kernel32.exitprocess,user32.messageboxa");
    uint8_t room[EXE_CAP];

    for (unsigned kind = 0; kind < 3; kind++) {
        for (unsigned any = 0; any < 2; any++) {
            struct kit_set set =
                exe_open(match_builder_add_imports_hash, list, kind, any ? ANY_SIZE : list.len);

            cr_assert_eq(kit_scan(set.db, exe_make(MAKE_EXE_PE, false, room)), MATCH_FOUND);
            cr_assert_eq(kit_scan(set.db, exe_make(MAKE_EXE_PE, true, room)), MATCH_CLEAN);
            cr_assert_eq(kit_scan(set.db, list), MATCH_CLEAN);
            kit_close(&set);
        }
    }
    struct kit_set set = exe_open(match_builder_add_imports_hash, list, 0, list.len + 1);

    cr_assert_eq(kit_scan(set.db, exe_make(MAKE_EXE_PE, false, room)), MATCH_CLEAN);
    kit_close(&set);
}

Test(match_hash, an_allowed_file_is_clean_whatever_its_sections_are)
{
    uint8_t room[EXE_CAP];
    const struct slice file = exe_make(MAKE_EXE_PE, false, room);
    const struct slice piece = exe_second(file);
    struct match_builder *builder = kit_builder();
    char hex[65];

    hash_hex(piece, 0, hex);
    cr_assert_eq(match_builder_add_section_hash(builder, SLICE_OF("Test.Piece"),
                                                slice_from_str(hex), piece.len),
                 0);
    hash_add(builder, "Allowed", file, 2, file.len, true);
    struct kit_set set = kit_open(builder, 1);

    cr_assert_eq(kit_scan(set.db, file), MATCH_CLEAN);
    cr_assert_eq(kit_scan(set.db, slice_from(file.ptr, file.len - 1)), MATCH_FOUND);
    kit_close(&set);
}

/* Every section is the same megabytes: what is hashed ends somewhere, and in slices. */
Test(match_hash, sections_that_overlap_cost_a_bounded_budget)
{
    enum {
        SECTIONS = 60000,
        TABLE = 128 + 24 + 224
    };

    const size_t len = MIB(4);
    uint8_t *bytes = calloc(1, len);
    uint8_t room[EXE_CAP];
    const struct slice file = exe_make(MAKE_EXE_PE, false, room);
    struct kit_body body = {.bytes = bytes, .len = len, .piece_max = KIB(64)};
    struct kit_feed feed = {0};
    struct match_finding finding;
    const uint32_t row[] = {0x1000, 0x1000, MIB(1), 0};

    cr_assert_not_null(bytes);
    memcpy(bytes, file.ptr, TABLE);
    bytes[128 + 6] = SECTIONS & 0xff;
    bytes[128 + 7] = SECTIONS >> 8;
    for (size_t i = 0; i < SECTIONS; i++) {
        memcpy(bytes + TABLE + i * 40 + 8, row, sizeof(row));
    }
    struct kit_set set =
        exe_open(match_builder_add_section_hash, SLICE_OF("something else"), 0, MIB(1));

    cr_assert_eq(kit_run(set.db, &body, &feed, &finding), MATCH_OVER_BUDGET);
    cr_assert_gt(feed.slices, 100);
    cr_assert_lt(feed.slices, 200);
    kit_close(&set);
    free(bytes);
}
