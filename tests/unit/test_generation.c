/* SPDX-License-Identifier: MIT */
#include "engine/generation_make.h"
#include "match/build.h"
#include "match/match.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS      (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)
#define BODIES_MAX 64

static struct config config;

/* A set folder with one file of one line. */
static void make_set(char folder[64], const char *line)
{
    char path[96];
    FILE *file;

    snprintf(folder, 64, "/tmp/baleen-generation-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/a.ndb", folder);
    file = fopen(path, "w");
    cr_assert_not_null(file);
    cr_assert_gt(fputs(line, file), 0);
    cr_assert_eq(fclose(file), 0);
}

static void remove_set(const char *folder)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/a.ndb", folder);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(folder), 0);
}

/* The image of a set with one signature, "GENERATION". */
static int make_image(void)
{
    const int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct defs_meta meta;
    struct defs_counts counts;
    char error[DEFS_ERROR_CAP];
    char folder[64];

    cr_assert_geq(fd, 0);
    make_set(folder, "Test.Generation:0:*:47454e45524154494f4e\n");
    const struct defs_compile compile = {.path = folder};

    cr_assert(defs_compile(&compile, fd, &meta, &counts, error), "%s", error);
    remove_set(folder);
    return fd;
}

static struct slice image_model(int image_fd)
{
    struct defs_image image;
    struct match_db *db = NULL;

    cr_assert_eq(defs_image_open(&image, image_fd, false), 0);
    cr_assert_eq(match_db_open_sealed(&db, image.match, slice_from(NULL, 0), 1), 0);
    const struct slice model = match_db_model(db);

    cr_assert_gt(model.len, 0);
    match_db_close(db);
    defs_image_close(&image);
    return model;
}

static int make_file(uint64_t number, struct slice model)
{
    const struct generation_facts facts = {
        .number = number, .max_connections = 10, .istag = "0123", .model = model};
    char error[DEFS_ERROR_CAP];
    const int fd = generation_make_file(&config, &facts, error);

    cr_assert_geq(fd, 0, "%s", error);
    return fd;
}

struct fixture {
    int image_fd;
    int file_fd;
    struct slice model;
};

static struct fixture fixture_make(void)
{
    struct fixture fixture;

    config_init(&config);
    fixture.image_fd = make_image();
    fixture.model = image_model(fixture.image_fd);
    cr_assert_eq(fcntl(fixture.image_fd, F_ADD_SEALS, SEALS), 0);
    fixture.file_fd = make_file(7, fixture.model);
    return fixture;
}

static void fixture_drop(struct fixture *fixture)
{
    free((void *)(uintptr_t)fixture->model.ptr);
    close(fixture->image_fd);
    close(fixture->file_fd);
}

/* Steps until it is ready or has failed. */
static int prepare(struct generation *generation)
{
    int r;

    while ((r = generation_prepare(generation, BODIES_MAX)) == GENERATION_MORE) {
    }
    return r;
}

static const uint8_t *text_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct slice *text = ctx;

    *out_len = text->len - (size_t)offset;
    return text->ptr + offset;
}

static enum match_status scan(struct match_db *db, struct slice text)
{
    struct match_body body = {0};
    struct match_finding finding;

    cr_assert(match_body_begin(&body, db, (struct match_source){text_at, &text}));
    enum match_status status = match_body_feed(&body, text, &finding);

    if (status == MATCH_CLEAN) {
        while ((status = match_body_end(&body, &finding)) == MATCH_AGAIN) {
        }
    }
    match_body_fini(&body);
    return status;
}

static void expect_use(struct generation *generation)
{
    cr_assert_eq(scan(generation->db, SLICE_OF("the GENERATION of today")), MATCH_FOUND);
    cr_assert_eq(scan(generation->db, SLICE_OF("the generation of today")), MATCH_CLEAN);
    cr_assert_gt(generation->services[SERVICE_AVSCAN].options.len, 0);
}

static unsigned count_maps(const char *name)
{
    FILE *file = fopen("/proc/self/maps", "r");
    char line[512];
    unsigned count = 0;

    cr_assert_not_null(file);
    while (fgets(line, sizeof(line), file)) {
        count += strstr(line, name) != NULL;
    }
    cr_assert_eq(fclose(file), 0);
    return count;
}

Test(generation, is_prepared_in_steps_and_goes_in_slices)
{
    struct fixture fixture = fixture_make();
    struct generation *generation;
    unsigned steps = 0;
    unsigned slices = 1;

    cr_assert_eq(generation_new(&generation, fixture.file_fd, fixture.image_fd), 0);
    cr_assert_eq(generation->number, 7);
    while (generation_prepare(generation, BODIES_MAX) == GENERATION_MORE) {
        steps++;
    }
    cr_assert_gt(steps, SERVICE_COUNT);
    cr_assert_eq(generation_prepare(generation, BODIES_MAX), GENERATION_READY, "it stays so");
    expect_use(generation);
    cr_assert_eq(count_maps("memfd:image"), 1);
    while (!generation_free_slice(generation)) {
        slices++;
    }
    cr_assert_gt(slices, 1);
    cr_assert_eq(count_maps("memfd:"), 0, "nothing stays mapped");
    fixture_drop(&fixture);
}

Test(generation, another_one_is_used_while_it_goes)
{
    struct fixture fixture = fixture_make();
    struct generation *old;
    struct generation *young;

    cr_assert_eq(generation_new(&old, fixture.file_fd, fixture.image_fd), 0);
    cr_assert_eq(prepare(old), GENERATION_READY);
    cr_assert_eq(generation_new(&young, fixture.file_fd, fixture.image_fd), 0);
    cr_assert_eq(prepare(young), GENERATION_READY);
    expect_use(old);
    do {
        expect_use(young);
    } while (!generation_free_slice(old));
    expect_use(young);
    generation_free(young);
    fixture_drop(&fixture);
}

/* What is overtaken by a newer one is dropped at whatever step it is. */
Test(generation, can_be_dropped_after_each_step)
{
    struct fixture fixture = fixture_make();
    bool ready = false;

    for (unsigned steps = 0; !ready; steps++) {
        struct generation *generation;

        cr_assert_eq(generation_new(&generation, fixture.file_fd, fixture.image_fd), 0);
        for (unsigned i = 0; i < steps && !ready; i++) {
            ready = generation_prepare(generation, BODIES_MAX) == GENERATION_READY;
        }
        generation_free(generation);
        cr_assert_eq(count_maps("memfd:"), 0);
    }
    fixture_drop(&fixture);
}

Test(generation, without_a_model_the_databases_are_looked_at)
{
    struct fixture fixture = fixture_make();
    const int file_fd = make_file(8, slice_from(NULL, 0));
    struct generation *generation;

    cr_assert_eq(generation_new(&generation, file_fd, fixture.image_fd), 0);
    cr_assert_eq(prepare(generation), GENERATION_READY);
    expect_use(generation);
    generation_free(generation);
    close(file_fd);
    fixture_drop(&fixture);
}

/* The model is what the sealed image came to; of another one it is not believed. */
Test(generation, an_image_that_is_not_sealed_is_checked)
{
    struct fixture fixture = fixture_make();
    const int open_fd = make_image();
    struct generation *generation;
    struct stat st;
    uint8_t byte;

    cr_assert_eq(generation_new(&generation, fixture.file_fd, open_fd), 0);
    cr_assert_eq(prepare(generation), GENERATION_READY);
    expect_use(generation);
    generation_free(generation);
    cr_assert_eq(fstat(open_fd, &st), 0);
    for (off_t at = st.st_size / 4; at < st.st_size / 2; at++) {
        cr_assert_eq(pread(open_fd, &byte, 1, at), 1);
        byte ^= 0x55;
        cr_assert_eq(pwrite(open_fd, &byte, 1, at), 1);
    }
    cr_assert_eq(generation_new(&generation, fixture.file_fd, open_fd), 0);
    cr_assert_lt(prepare(generation), 0);
    generation_free(generation);
    cr_assert_eq(count_maps("memfd:"), 0);
    close(open_fd);
    fixture_drop(&fixture);
}

Test(generation, what_is_broken_is_refused_and_leaves_nothing)
{
    struct fixture fixture = fixture_make();
    struct generation *generation = NULL;
    const int empty_fd = memfd_create("empty", MFD_CLOEXEC);
    const int short_fd = memfd_create("short", MFD_CLOEXEC);
    const struct slice cut = slice_from(fixture.model.ptr, fixture.model.len - 1);
    const struct slice little = slice_from(fixture.model.ptr, 8);
    const struct slice models[] = {cut, little};

    cr_assert_eq(ftruncate(short_fd, (off_t)sizeof(struct generation_file)), 0);
    cr_assert_eq(generation_new(&generation, empty_fd, fixture.image_fd), -EBADMSG);
    cr_assert_eq(generation_new(&generation, short_fd, fixture.image_fd), -EBADMSG, "no magic");
    cr_assert_eq(generation_new(&generation, fixture.file_fd, empty_fd), -EBADMSG);
    cr_assert_eq(generation_new(&generation, fixture.file_fd, short_fd), -EBADMSG);
    cr_assert_null(generation);
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        const int file_fd = make_file(9, models[i]);

        cr_assert_eq(generation_new(&generation, file_fd, fixture.image_fd), 0);
        cr_assert_eq(prepare(generation), -EBADMSG, "model %zu", i);
        generation_free(generation);
        close(file_fd);
    }
    cr_assert_eq(count_maps("memfd:"), 0);
    close(empty_fd);
    close(short_fd);
    fixture_drop(&fixture);
}

/* A generation file that says more of its model than it has. */
Test(generation, the_models_length_is_compared)
{
    struct fixture fixture = fixture_make();
    struct generation *generation;
    struct stat st;

    cr_assert_eq(fstat(fixture.file_fd, &st), 0);
    uint8_t *copy = malloc((size_t)st.st_size);
    const int fd = memfd_create("copy", MFD_CLOEXEC);

    cr_assert_not_null(copy);
    cr_assert_eq(pread(fixture.file_fd, copy, (size_t)st.st_size, 0), st.st_size);
    ((struct generation_file *)(void *)copy)->model_len++;
    cr_assert_eq(write(fd, copy, (size_t)st.st_size), st.st_size);
    cr_assert_eq(generation_new(&generation, fd, fixture.image_fd), -EBADMSG);
    free(copy);
    close(fd);
    fixture_drop(&fixture);
}

/* A sanitizer ends the process when it gets no address space. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

#ifndef HAS_ASAN
static uint64_t address_space(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%lu", &pages), 1);
    cr_assert_eq(fclose(file), 0);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* From no address space to enough: each failure on the way leaves nothing behind. */
Test(generation, short_of_memory_nothing_is_adopted_and_nothing_lost)
{
    struct fixture fixture = fixture_make();
    struct rlimit limit;
    unsigned refused = 0;
    bool ready = false;

    cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
    const uint64_t base = address_space();

    for (uint64_t more = 0; !ready; more += KIB(64)) {
        struct generation *generation = NULL;
        const struct rlimit less = {base + more, limit.rlim_max};

        cr_assert_lt(more, GIB(4));
        cr_assert_eq(setrlimit(RLIMIT_AS, &less), 0);
        int r = generation_new(&generation, fixture.file_fd, fixture.image_fd);

        r = r == 0 ? prepare(generation) : r;
        cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
        ready = r == GENERATION_READY;
        refused += r == -ENOMEM;
        cr_assert(ready || r == -ENOMEM, "%d", r);
        generation_free(generation);
        cr_assert_eq(count_maps("memfd:"), 0);
    }
    cr_assert_gt(refused, 1);
    fixture_drop(&fixture);
}
#endif
