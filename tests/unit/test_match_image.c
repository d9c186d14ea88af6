/* SPDX-License-Identifier: MIT */
#include "match/cl_type.h"
#include "match/layout.h"
#include "tests/unit/test_match_kit.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PARTS_MAX 6

/* Every kind of part, of node and of list. */
static void image_add_logics(struct match_builder *builder)
{
    static const struct {
        unsigned target;
        const char *expression;
        const char *parts[PARTS_MAX];
    } rows[] = {
        {0, "0&(1|2)>2,2&3=0", {"4c6f676963416c706861", "4a4a4a51", "4b4b4b51::i", "5a5a5a51"}},
        {0, "0&1&2", {"4c6f67696342657461::wa", "0(>>8#db2#>5)", "0,40:0&1/[a-c]{3}/ri"}},
        {0, "0&1", {"4c6f67696347616d6d61", "${1-30}2$"}},
        {1, "0&1", {"EP+0,4:50455061727431", "SE0:50455061727432"}},
        {0, "0=0&1<2", {"4c6f6769634e6f4e6f", "4c6f6769634e6f4e6f4e6f"}},
    };
    const uint16_t types[] = {cl_type_find(SLICE_OF("CL_TYPE_ZIP")), CL_TYPE_ANY};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice parts[PARTS_MAX];
        struct match_logical logical = {
            .name = SLICE_OF("Image.Logic"),
            .target = rows[i].target,
            .conditions = {.has_size = true, .size_max = 4096},
            .expression = slice_from_str(rows[i].expression),
            .subsignatures = parts,
        };

        for (size_t j = 0; j < PARTS_MAX && rows[i].parts[j]; j++) {
            parts[logical.subsignatures_len++] = slice_from_str(rows[i].parts[j]);
        }
        if (i == 4) {
            /* It holds for nearly every body. */
            logical.conditions.size_min = 16;
            logical.conditions.size_max = 16;
        }
        logical.conditions.intermediates = i == 3 ? types : NULL;
        logical.conditions.intermediates_len = i == 3 ? ARRAY_LEN(types) : 0;
        cr_assert_eq(match_builder_add_logical(builder, &logical), i == 4 ? MATCH_BUILD_SLOW : 0,
                     "row %zu: %s", i, match_builder_error(builder));
    }
    cr_assert_eq(kit_add(builder, "Image.Macro", 0, "$2$", "4d4d4d51"), 0);
}

static void image_add_all(struct match_builder *builder)
{
    static const struct {
        unsigned target;
        const char *offset;
        const char *body;
    } rows[] = {
        {0, "*", "506c61696e4d61726b6572"},
        {0, "*", "416c7068612a2a{2-9}(42|43)4445*47616d6d61"},
        {1, "*", "5065536967{-20}!(41|42)5065"},
        {7, "*", "(W)74657874736967(W)"},
        {0, "0", "4d5a9000{4}50450000"},
        {0, "EOF-8", "456e64456e64"},
        {10, "0,200", "255044462d(312e|322e33)4142"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[16];

        snprintf(name, sizeof(name), "Image.%zu", i);
        cr_assert_eq(kit_add(builder, name, rows[i].target, rows[i].offset, rows[i].body), 0);
    }
    image_add_logics(builder);
    cr_assert_eq(match_builder_add_hash(builder, SLICE_OF("Image.Hash"),
                                        SLICE_OF("d41d8cd98f00b204e9800998ecf8427e"), 7, false),
                 0);
    cr_assert_eq(match_builder_add_hash(builder, SLICE_OF("Image.Allow"),
                                        SLICE_OF("d41d8cd98f00b204e9800998ecf8427e"), 7, true),
                 0);
}

static uint8_t *image_build(size_t *out_len)
{
    struct match_builder *builder = kit_builder();
    uint8_t *image;

    image_add_all(builder);
    cr_assert_eq(match_builder_finish(builder, &image, out_len), 0);
    match_builder_free(builder);
    return image;
}

Test(match_image, equal_input_gives_equal_bytes)
{
    size_t len[2];
    uint8_t *image[2];

    for (size_t i = 0; i < 2; i++) {
        void *noise = malloc(1000 + i * 77777);

        image[i] = image_build(&len[i]);
        free(noise);
    }
    cr_assert_eq(len[0], len[1]);
    cr_assert_eq(memcmp(image[0], image[1], len[0]), 0);
    free(image[0]);
    free(image[1]);
}

/* Opens the image through `fd` at another place than the parent has it. */
static int image_use(int fd, size_t len, size_t shift)
{
    uint8_t *map = mmap(NULL, len + shift + 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct match_db *db;

    if (map == MAP_FAILED ||
        mmap(map + shift, len, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
        return 10;
    }
    if (match_db_open(&db, slice_from(map + shift, len), 4) != 0) {
        return 11;
    }
    if (kit_scan(db, SLICE_OF("xx PlainMarker")) != MATCH_FOUND ||
        kit_scan(db, SLICE_OF("xx PlainMarkeR")) != MATCH_CLEAN) {
        return 12;
    }
    if (kit_scan(db, SLICE_OF("MZ PeSig...CPe")) != MATCH_FOUND ||
        kit_scan(db, SLICE_OF("words TextSig words")) != MATCH_FOUND) {
        return 13;
    }
    match_db_close(db);
    munmap(map, len + shift + 4096);
    return 0;
}

Test(match_image, processes_share_it_read_only_at_any_address)
{
    size_t len;
    uint8_t *image = image_build(&len);
    const int fd = memfd_create("image", MFD_CLOEXEC);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, image, len), (ssize_t)len);
    free(image);
    for (size_t i = 0; i < 4; i++) {
        const pid_t child = fork();
        int status = 0;

        cr_assert_geq(child, 0);
        if (child == 0) {
            _exit(image_use(fd, len, i * 4096 * 3));
        }
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFEXITED(status));
        cr_assert_eq(WEXITSTATUS(status), 0, "child %zu says %d", i, WEXITSTATUS(status));
    }
    close(fd);
}

/* The image at another place, with what another process has said of it; nothing of it is read to
 * open it, so that what was damaged since is not even noticed. */
static int image_use_sealed(int fd, size_t len, int model_fd, size_t model_len)
{
    uint8_t *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
    uint8_t *model = mmap(NULL, model_len, PROT_READ, MAP_SHARED, model_fd, 0);
    struct match_db *db;

    if (map == MAP_FAILED || model == MAP_FAILED) {
        return 10;
    }
    if (match_db_open_sealed(&db, slice_from(map, len), slice_from(model, model_len), 4) != 0) {
        return 11;
    }
    munmap(model, model_len);
    if (kit_scan(db, SLICE_OF("xx PlainMarker")) != MATCH_FOUND ||
        kit_scan(db, SLICE_OF("xx PlainMarkeR")) != MATCH_CLEAN ||
        kit_scan(db, SLICE_OF("MZ PeSig...CPe")) != MATCH_FOUND ||
        kit_scan(db, SLICE_OF("words TextSig words")) != MATCH_FOUND) {
        return 12;
    }
    while (!match_db_close_slice(db)) {
    }
    munmap(map, len);
    return 0;
}

/* Makes the model in a process of its own, as the compiler does. */
static size_t image_make_model(int fd, size_t len, int model_fd)
{
    const pid_t child = fork();
    int status = 0;

    cr_assert_geq(child, 0);
    if (child == 0) {
        uint8_t *map = mmap(NULL, len + 4096 * 7, PROT_READ, MAP_SHARED, fd, 0);
        struct match_db *db;

        if (match_db_open_sealed(&db, slice_from(map, len), slice_from(NULL, 0), 1) != 0) {
            _exit(1);
        }
        const struct slice model = match_db_model(db);

        _exit(model.len == 0 || write(model_fd, model.ptr, model.len) != (ssize_t)model.len);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return (size_t)lseek(model_fd, 0, SEEK_END);
}

Test(match_image, a_process_takes_over_what_another_one_has_opened)
{
    size_t len;
    uint8_t *image = image_build(&len);
    const int fd = memfd_create("image", MFD_CLOEXEC);
    const int model_fd = memfd_create("model", MFD_CLOEXEC);

    cr_assert_eq(write(fd, image, len), (ssize_t)len);
    free(image);
    const size_t model_len = image_make_model(fd, len, model_fd);

    cr_assert_gt(model_len, 0);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(image_use_sealed(fd, len, model_fd, model_len), 0, "time %zu", i);
    }
    close(model_fd);
    close(fd);
}

Test(match_image, a_model_of_another_image_is_refused)
{
    struct match_builder *builder = kit_builder();
    size_t len;
    uint8_t *image = image_build(&len);
    struct match_db *db;

    cr_assert_eq(kit_add(builder, "Other", 0, "*", "4f746865724d61726b6572"), 0);
    struct kit_set other = kit_open(builder, 1);
    const struct slice model = match_db_model(other.db);

    cr_assert_gt(model.len, 0);
    cr_assert_eq(match_db_open_sealed(&db, slice_from(image, len), model, 1), -EBADMSG);
    for (size_t cut = 1; cut < model.len; cut++) {
        cr_assert_eq(match_db_open_sealed(&db, slice_from(other.image, other.image_len),
                                          slice_from(model.ptr, cut), 1),
                     -EBADMSG, "%zu", cut);
    }
    free((void *)(uintptr_t)model.ptr);
    kit_close(&other);
    free(image);
}

Test(match_image, what_is_no_image_is_refused)
{
    size_t len;
    uint8_t *image = image_build(&len);
    struct match_db *db;

    cr_assert_eq(match_db_open(&db, slice_from(NULL, 0), 1), -EBADMSG);
    for (size_t cut = 0; cut < len; cut += 1 + len / 97) {
        cr_assert_eq(match_db_open(&db, slice_from(image, cut), 1), -EBADMSG, "%zu", cut);
    }
    for (size_t at = 0; at < 16; at++) {
        image[at] ^= 0x40;
        cr_assert_eq(match_db_open(&db, slice_from(image, len), 1), -EBADMSG, "byte %zu", at);
        image[at] ^= 0x40;
    }
    uint8_t *shifted = aligned_alloc(64, (len + 127) & ~(size_t)63);

    cr_assert_not_null(shifted);
    memcpy(shifted + 8, image, len);
    cr_assert_eq(match_db_open(&db, slice_from(shifted + 8, len), 1), -EBADMSG, "alignment");
    free(shifted);
    free(image);
}

/* Bodies that reach every kind of signature of the set. */
static void image_exercise(struct match_db *db)
{
    static const char *const bodies[] = {
        "xx PlainMarker",
        "Alpha**12345CDE...Gamma",
        "MZ PeSig...CPe",
        "words TextSig words",
        "MZ\x90",
        "1234EndEnd12",
        "%PDF-2.3AB",
        "7 bytes",
        "LogicAlpha JJJQ kkkQ jJjQ KKKQ ",
        "LogicBeta12abC",
        "LogicGamma..MMMQ",
        "LogicNoNo LogicNoNoNo",
    };

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct match_finding finding;

        (void)kit_scan_by(db, slice_from_str(bodies[i]), i % 3, &finding);
    }
}

/*
 * Damage is noticed or harmless. (A digest over the image finds all of it; this is the second line,
 * which the sanitizers watch.)
 */
Test(match_image, damage_is_refused_or_does_no_harm, .timeout = 300)
{
    size_t len;
    uint8_t *image = image_build(&len);
    const struct layout_header *header = (const struct layout_header *)(void *)image;
    const struct layout_span blobs = header->sections[LAYOUT_BLOBS];
    unsigned refused = 0;

    for (size_t at = 0; at < len; at++) {
        if (at >= blobs.offset && at < blobs.offset + blobs.len) {
            at = blobs.offset + blobs.len - 1;
            continue;
        }
        for (unsigned change = 0; change < 3; change++) {
            const uint8_t kept = image[at];
            struct match_db *db;

            image[at] = change == 0 ? 0xff : change == 1 ? (uint8_t)(kept + 1) : kept ^ 0x80;
            const int r = match_db_open(&db, slice_from(image, len), 2);

            if (r == 0) {
                image_exercise(db);
                match_db_close(db);
            } else {
                cr_assert_eq(r, -EBADMSG, "byte %zu", at);
                refused++;
            }
            image[at] = kept;
        }
    }
    cr_assert_gt(refused, 500);
    free(image);
}

/* Hyperscan's own checksum covers the databases. */
Test(match_image, a_damaged_database_is_refused)
{
    size_t len;
    uint8_t *image = image_build(&len);
    const struct layout_header *header = (const struct layout_header *)(void *)image;
    const struct layout_database *rows =
        (const struct layout_database *)(void *)(image + header->sections[LAYOUT_DATABASES].offset);
    const size_t count = header->sections[LAYOUT_DATABASES].len / sizeof(*rows);
    struct match_db *db;

    cr_assert_geq(count, 3);
    for (size_t i = 0; i < count; i++) {
        uint8_t *middle = image + rows[i].offset + rows[i].len / 2;

        *middle ^= 1;
        cr_assert_eq(match_db_open(&db, slice_from(image, len), 1), -EBADMSG);
        *middle ^= 1;
    }
    cr_assert_eq(match_db_open(&db, slice_from(image, len), 1), 0);
    match_db_close(db);
    free(image);
}
