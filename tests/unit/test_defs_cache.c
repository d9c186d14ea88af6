/* SPDX-License-Identifier: MIT */
/* The content of a set, the cache of what was compiled, the survey, the history of roll-backs. */
#include "defs/cache.h"
#include "defs/gather.h"
#include "defs/package.h"
#include "defs/survey.h"
#include "engine/history.h"

#include <criterion/criterion.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BODY_LINE "T.Body:0:*:4142434445464748494a\n"

struct place {
    char path[64];
};

static struct place place_make(void)
{
    struct place place = {"/tmp/test-defs-XXXXXX"};

    cr_assert_not_null(mkdtemp(place.path));
    return place;
}

static void place_remove(const struct place *place)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", place->path);
    cr_assert_eq(system(command), 0);
}

static const char *place_join(const struct place *place, const char *name)
{
    static char paths[4][512];
    static unsigned turn;
    char *path = paths[turn++ % ARRAY_LEN(paths)];

    (void)snprintf(path, sizeof(paths[0]), "%s/%s", place->path, name);
    return path;
}

static void place_write(const struct place *place, const char *name, struct slice text)
{
    const int fd = open(place_join(place, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    cr_assert_geq(fd, 0, "%s", name);
    cr_assert_eq(write(fd, text.ptr, text.len), (ssize_t)text.len);
    close(fd);
}

static void place_date(const struct place *place, const char *name, time_t sec)
{
    const struct timespec times[2] = {{.tv_sec = sec}, {.tv_sec = sec}};

    cr_assert_eq(utimensat(AT_FDCWD, place_join(place, name), times, 0), 0);
}

/* Entries whose name begins so. */
static size_t place_count(const struct place *place, const char *prefix)
{
    DIR *dir = opendir(place->path);
    const struct dirent *entry;
    size_t len = 0;

    cr_assert_not_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        len += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    }
    closedir(dir);
    return len;
}

/* ---- cache ---- */

static void key_fill(uint8_t key[DEFS_DIGEST_LEN], uint8_t byte)
{
    memset(key, byte, DEFS_DIGEST_LEN);
}

static void cache_expect(const struct cache *cache, const uint8_t *key, const char *text)
{
    uint8_t *bytes;
    size_t len;

    if (text == NULL) {
        cr_assert_not(cache_load(cache, CACHE_PART, key, &bytes, &len));
        return;
    }
    cr_assert(cache_load(cache, CACHE_PART, key, &bytes, &len));
    cr_assert(slice_equal(slice_from(bytes, len), slice_from_str(text)));
    free(bytes);
}

Test(cache, keeps_and_finds_by_key)
{
    const struct place place = place_make();
    char error[DEFS_ERROR_CAP];
    uint8_t one[DEFS_DIGEST_LEN];
    uint8_t two[DEFS_DIGEST_LEN];
    uint8_t *bytes;
    size_t len;
    struct cache cache;

    key_fill(one, 1);
    key_fill(two, 2);
    cr_assert(cache_open(&cache, place_join(&place, "made"), error), "%s", error);
    cache_expect(&cache, one, NULL);
    cache_store(&cache, CACHE_PART, one, SLICE_OF("first"));
    cache_store(&cache, CACHE_PART, two, SLICE_OF(""));
    cache_expect(&cache, one, "first");
    cache_expect(&cache, two, "");
    cr_assert_not(cache_load(&cache, CACHE_IMAGE, one, &bytes, &len), "kinds are apart");
    cache_store(&cache, CACHE_PART, one, SLICE_OF("second"));
    cache_expect(&cache, one, "second");
    cache_close(&cache);
    cache_expect(&cache, one, NULL);
    cache_store(&cache, CACHE_PART, one, SLICE_OF("third"));
    place_remove(&place);
}

/* Where a part is kept whose key is all the same byte. */
static const char *part_path(const struct place *place, uint8_t byte)
{
    char name[8 + 2 * DEFS_DIGEST_LEN] = "part-";

    for (size_t i = 0; i < DEFS_DIGEST_LEN; i++) {
        (void)snprintf(name + 5 + 2 * i, 3, "%02x", byte);
    }
    return place_join(place, name);
}

/* Every byte of an entry counts, and so does its length. */
Test(cache, what_is_damaged_is_not_there)
{
    const struct place place = place_make();
    char error[DEFS_ERROR_CAP];
    uint8_t key[DEFS_DIGEST_LEN];
    uint8_t file[128];
    struct cache cache;

    key_fill(key, 0xab);
    cr_assert(cache_open(&cache, place.path, error), "%s", error);
    cache_store(&cache, CACHE_PART, key, SLICE_OF("some bytes"));

    const int fd = open(part_path(&place, 0xab), O_RDWR | O_CLOEXEC);
    const ssize_t len = read(fd, file, sizeof(file));

    cr_assert_gt(len, 10);
    for (ssize_t i = 0; i < len; i++) {
        const uint8_t wrong = file[i] ^ 0x40;

        cr_assert_eq(pwrite(fd, &wrong, 1, i), 1);
        cache_expect(&cache, key, NULL);
        cr_assert_eq(pwrite(fd, &file[i], 1, i), 1);
    }
    cache_expect(&cache, key, "some bytes");
    for (ssize_t i = 0; i < len; i++) {
        cr_assert_eq(ftruncate(fd, i), 0);
        cache_expect(&cache, key, NULL);
    }
    cr_assert_eq(pwrite(fd, file, (size_t)len, 0), len);
    cache_expect(&cache, key, "some bytes");
    cr_assert_eq(pwrite(fd, "x", 1, len), 1);
    cache_expect(&cache, key, NULL);
    close(fd);
    cache_close(&cache);
    place_remove(&place);
}

Test(cache, an_entry_answers_to_its_own_key_only)
{
    const struct place place = place_make();
    char error[DEFS_ERROR_CAP];
    uint8_t key[DEFS_DIGEST_LEN];
    struct cache cache;

    cr_assert(cache_open(&cache, place.path, error), "%s", error);
    key_fill(key, 0xcd);
    cache_store(&cache, CACHE_PART, key, SLICE_OF("some bytes"));
    cr_assert_eq(rename(part_path(&place, 0xcd), part_path(&place, 0xab)), 0);
    cache_expect(&cache, key, NULL);
    key_fill(key, 0xab);
    cache_expect(&cache, key, NULL);
    cache_close(&cache);
    place_remove(&place);
}

Test(cache, a_folder_that_others_can_write_to_is_not_used)
{
    const struct place place = place_make();
    char error[DEFS_ERROR_CAP];
    struct cache cache;

    cr_assert_eq(chmod(place.path, 0770), 0);
    cr_assert_not(cache_open(&cache, place.path, error));
    cr_assert(strstr(error, "writable by no other") != NULL, "%s", error);
    cr_assert_not(cache_open(&cache, place_join(&place, "no/such"), error));
    place_write(&place, "file", SLICE_OF("x"));
    cr_assert_not(cache_open(&cache, place_join(&place, "file"), error));
    cr_assert_eq(cache.fd, -1);
    place_remove(&place);
}

Test(cache, what_was_not_used_for_long_goes)
{
    const struct place place = place_make();
    char error[DEFS_ERROR_CAP];
    uint8_t *bytes;
    size_t len;
    struct cache cache;
    uint8_t key[DEFS_DIGEST_LEN];

    cr_assert(cache_open(&cache, place.path, error), "%s", error);
    for (uint8_t i = 0; i < CACHE_IMAGES_MAX + 3; i++) {
        char name[128] = "image-";

        key_fill(key, i);
        cache_store(&cache, CACHE_IMAGE, key, SLICE_OF("image"));
        for (size_t k = 0; k < DEFS_DIGEST_LEN; k++) {
            (void)snprintf(name + 6 + 2 * k, 3, "%02x", i);
        }
        place_date(&place, name, 1000 + i);
    }
    place_write(&place, "half-1-i", SLICE_OF("left over"));
    place_write(&place, "half-2-i", SLICE_OF("being written"));
    place_write(&place, "README", SLICE_OF("not ours"));
    place_date(&place, "half-1-i", 1000);

    /* The oldest is used again, and so outlives younger ones. */
    key_fill(key, 0);
    cr_assert(cache_load(&cache, CACHE_IMAGE, key, &bytes, &len));
    free(bytes);
    cache_trim(&cache);
    cr_assert_eq(place_count(&place, "image-"), CACHE_IMAGES_MAX);
    cr_assert(cache_load(&cache, CACHE_IMAGE, key, &bytes, &len));
    free(bytes);
    key_fill(key, 1);
    cr_assert_not(cache_load(&cache, CACHE_IMAGE, key, &bytes, &len));
    cr_assert_eq(place_count(&place, "half-1"), 0);
    cr_assert_eq(place_count(&place, "half-2"), 1);
    cr_assert_eq(place_count(&place, "README"), 1);
    cache_close(&cache);
    place_remove(&place);
}

/* ---- content ---- */

struct content {
    uint8_t digest[DEFS_DIGEST_LEN];
    struct defs_meta meta;
};

static struct content content_of(const char *path)
{
    const struct defs_compile job = {.path = path};
    char error[DEFS_ERROR_CAP];
    struct gather gather;
    struct content content;

    cr_assert(gather_run(&gather, &job, error), "%s", error);
    memcpy(content.digest, gather.content, sizeof(content.digest));
    content.meta = gather.meta;
    gather_free(&gather);
    return content;
}

static bool content_same(const struct content *a, const struct content *b)
{
    return memcmp(a->digest, b->digest, DEFS_DIGEST_LEN) == 0;
}

Test(content, copies_agree_whatever_their_folders_and_times)
{
    const struct place a = place_make();
    const struct place b = place_make();

    place_write(&a, "x.ndb", SLICE_OF(BODY_LINE));
    place_write(&b, "x.ndb", SLICE_OF(BODY_LINE));
    place_write(&b, "README", SLICE_OF("no part of it\n"));
    place_date(&a, "x.ndb", 1767225600); /* 2026-01-01 */
    place_date(&b, "x.ndb", 1767312000); /* 2026-01-02 */

    const struct content left = content_of(a.path);
    const struct content right = content_of(b.path);

    cr_assert(content_same(&left, &right));
    cr_assert_str_eq(left.meta.version, "20260101.000");
    cr_assert_str_eq(right.meta.version, "20260102.000");
    place_remove(&a);
    place_remove(&b);
}

Test(content, everything_that_is_said_counts)
{
    static const struct {
        const char *name;
        const char *text;
    } rows[] = {
        {"x.ndb", "T.Body:0:*:4142434445464748494b\n"},
        {"y.ndb", BODY_LINE},
        {"y.hdb", ""},
        {"y.cbc", "left out\n"},
        {"set.yaml", "sequence: 0\n"},
        {"set.yaml", "sequence: 1\n"},
        {"threats.tsv", "T.Body\t-\tAdware\t-\n"},
    };
    struct content seen[ARRAY_LEN(rows) + 1];

    for (size_t i = 0; i <= ARRAY_LEN(rows); i++) {
        const struct place place = place_make();

        place_write(&place, "x.ndb", SLICE_OF(BODY_LINE));
        if (i > 0) {
            place_write(&place, rows[i - 1].name, slice_from_str(rows[i - 1].text));
        }
        seen[i] = content_of(place.path);
        for (size_t k = 0; k < i; k++) {
            cr_assert_not(content_same(&seen[i], &seen[k]), "rows %zu and %zu", i, k);
        }
        place_remove(&place);
    }
}

Test(content, two_sets_are_not_one)
{
    const struct place one = place_make();
    const struct place two = place_make();

    cr_assert_eq(mkdir(place_join(&one, "a"), 0755), 0);
    cr_assert_eq(mkdir(place_join(&two, "a"), 0755), 0);
    cr_assert_eq(mkdir(place_join(&two, "b"), 0755), 0);
    place_write(&one, "a/x.ndb", SLICE_OF(BODY_LINE));
    place_write(&one, "a/y.ndb", SLICE_OF(BODY_LINE));
    place_write(&two, "a/x.ndb", SLICE_OF(BODY_LINE));
    place_write(&two, "b/y.ndb", SLICE_OF(BODY_LINE));

    const struct content left = content_of(one.path);
    const struct content right = content_of(two.path);

    cr_assert_not(content_same(&left, &right));
    place_remove(&one);
    place_remove(&two);
}

/* ---- packages ---- */

static void package_make(const struct place *place, const char *from, const char *to)
{
    char error[DEFS_ERROR_CAP];
    const int fd = open(place_join(place, to), O_RDWR | O_CREAT | O_CLOEXEC, 0644);

    cr_assert_geq(fd, 0);
    cr_assert(package_pack(place_join(place, from), fd, error), "%s", error);
    close(fd);
}

Test(gather, packages_and_folders_say_the_same)
{
    const struct place place = place_make();

    cr_assert_eq(mkdir(place_join(&place, "plain"), 0755), 0);
    place_write(&place, "plain/x.ndb", SLICE_OF(BODY_LINE));
    place_write(&place, "plain/z.hdb", SLICE_OF("0123456789abcdef0123456789abcdef:10:T.Md5\n"));
    place_write(&place, "plain/set.yaml",
                SLICE_OF("name: mine\nversion: 20260101.001\n"
                         "sequence: 7\ncertified: false\n"
                         "produced: 2026-01-01\n"));
    package_make(&place, "plain", "packed");

    const struct content plain = content_of(place_join(&place, "plain"));
    const struct content packed = content_of(place_join(&place, "packed"));

    cr_assert(content_same(&plain, &packed));
    cr_assert_eq(packed.meta.sequence, 7);
    cr_assert_str_eq(packed.meta.name, "mine");

    /* Both in one folder of sets, and a file that is nothing. */
    place_write(&place, "README", SLICE_OF("hello\n"));

    const struct content both = content_of(place.path);

    cr_assert_str_eq(both.meta.name, "mine+mine");
    place_remove(&place);
}

Test(gather, without_a_signature_where_one_is_required)
{
    const struct place place = place_make();
    struct defs_compile job = {.path = place.path, .require_signature = true};
    char error[DEFS_ERROR_CAP] = "";
    struct gather gather;

    cr_assert_eq(mkdir(place_join(&place, "plain"), 0755), 0);
    place_write(&place, "plain/x.ndb", SLICE_OF(BODY_LINE));
    place_write(&place, "plain/set.yaml",
                SLICE_OF("name: mine\nversion: 20260101.001\n"
                         "sequence: 7\ncertified: false\n"
                         "produced: 2026-01-01\n"));
    cr_assert_not(gather_run(&gather, &job, error));
    cr_assert(strstr(error, "not signed") != NULL, "%s", error);
    gather_free(&gather);
    package_make(&place, "plain", "packed");

    char path[256];

    (void)snprintf(path, sizeof(path), "%s", place_join(&place, "packed"));
    job.path = path;
    cr_assert_not(gather_run(&gather, &job, error));
    cr_assert_eq(strncmp(error, path, strlen(path)), 0, "%s", error);
    gather_free(&gather);

    /* A package that was cut off refuses the set. */
    cr_assert_eq(truncate(path, 200), 0);
    job.require_signature = false;
    cr_assert_not(gather_run(&gather, &job, error));
    cr_assert_eq(strncmp(error, path, strlen(path)), 0, "%s", error);
    gather_free(&gather);
    place_remove(&place);
}

/* ---- compiling with a cache ---- */

struct compiled {
    bool good;
    struct defs_meta meta;
    struct defs_counts counts;
    struct defs_image image;
    char error[DEFS_ERROR_CAP];
    unsigned reports;
};

static void compiled_note(void *ctx, const char *file, unsigned line, const char *reason)
{
    struct compiled *out = ctx;

    (void)file;
    (void)line;
    (void)reason;
    out->reports++;
}

static void compiled_make(struct compiled *out, const char *path, const char *cache)
{
    const struct defs_compile job = {
        .path = path, .report = compiled_note, .report_ctx = out, .cache = cache};
    const int fd = memfd_create("image", MFD_CLOEXEC);

    *out = (struct compiled){0};
    out->good = defs_compile(&job, fd, &out->meta, &out->counts, out->error);
    if (out->good) {
        cr_assert_eq(defs_image_open(&out->image, fd, true), 0);
    }
    close(fd);
}

static void compiled_fini(struct compiled *compiled)
{
    defs_image_close(&compiled->image);
}

Test(defs_cache, an_image_is_found_again_and_is_the_same)
{
    const struct place set = place_make();
    const struct place cache = place_make();
    struct compiled cold;
    struct compiled warm;
    struct compiled none;

    place_write(&set, "x.ndb", SLICE_OF(BODY_LINE "bad\n"));
    place_date(&set, "x.ndb", 1767225600);
    compiled_make(&cold, set.path, cache.path);
    cr_assert(cold.good, "%s", cold.error);
    cr_assert_eq(place_count(&cache, "image-"), 1);
    compiled_make(&warm, set.path, cache.path);
    compiled_make(&none, set.path, NULL);
    cr_assert(warm.good, "%s", warm.error);
    cr_assert_eq(warm.image.len, cold.image.len);
    cr_assert_eq(memcmp(warm.image.base, cold.image.base, cold.image.len), 0);
    cr_assert_eq(memcmp(none.image.digest, cold.image.digest, DEFS_DIGEST_LEN), 0);
    cr_assert_eq(warm.counts.kinds[SOURCE_BODY].unusable, 1);
    cr_assert_eq(cold.reports, 1);
    cr_assert_eq(warm.reports, 0, "it came from the cache");
    compiled_fini(&warm);

    /* Another time of writing is another version of the same content. */
    place_date(&set, "x.ndb", 1767312000);
    compiled_make(&warm, set.path, cache.path);
    cr_assert_eq(warm.reports, 0);
    cr_assert_str_eq(warm.image.meta.version, "20260102.000");
    cr_assert_eq(memcmp(warm.image.content, cold.image.content, DEFS_DIGEST_LEN), 0);
    cr_assert_neq(memcmp(warm.image.digest, cold.image.digest, DEFS_DIGEST_LEN), 0);
    compiled_fini(&warm);
    compiled_fini(&cold);
    compiled_fini(&none);
    place_remove(&set);
    place_remove(&cache);
}

static void cache_spoil(const struct place *cache, const char *prefix)
{
    DIR *dir = opendir(cache->path);
    const struct dirent *entry;

    while ((entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
            const int fd = open(place_join(cache, entry->d_name), O_RDWR | O_CLOEXEC);
            uint8_t byte;

            cr_assert_eq(pread(fd, &byte, 1, 60), 1);
            byte ^= 1;
            cr_assert_eq(pwrite(fd, &byte, 1, 60), 1);
            close(fd);
        }
    }
    closedir(dir);
}

Test(defs_cache, damaged_entries_are_compiled_again)
{
    const struct place set = place_make();
    const struct place cache = place_make();
    struct compiled one;
    struct compiled two;

    place_write(&set, "x.ndb", SLICE_OF(BODY_LINE "bad\n"));
    compiled_make(&one, set.path, cache.path);
    cr_assert(one.good, "%s", one.error);
    cache_spoil(&cache, "image-");
    cache_spoil(&cache, "part-");
    compiled_make(&two, set.path, cache.path);
    cr_assert(two.good, "%s", two.error);
    cr_assert_eq(two.reports, 1, "it was compiled again");
    cr_assert_eq(memcmp(one.image.digest, two.image.digest, DEFS_DIGEST_LEN), 0);
    compiled_fini(&two);
    compiled_make(&two, set.path, cache.path);
    cr_assert_eq(two.reports, 0, "and kept again");
    compiled_fini(&two);
    compiled_fini(&one);
    place_remove(&set);
    place_remove(&cache);
}

Test(defs_cache, what_fails_its_self_test_is_refused_and_not_kept)
{
    const struct place set = place_make();
    const struct place cache = place_make();
    struct compiled compiled;

    /* "the lazy dog" */
    place_write(&set, "x.ndb", SLICE_OF(BODY_LINE "T.Harmless:0:*:746865206c617a7920646f67\n"));
    compiled_make(&compiled, set.path, cache.path);
    cr_assert_not(compiled.good);
    cr_assert(strstr(compiled.error, "self-test: T.Harmless is found in") != NULL, "%s",
              compiled.error);
    cr_assert_eq(strncmp(compiled.error, set.path, strlen(set.path)), 0, "%s", compiled.error);
    cr_assert_eq(place_count(&cache, "image-"), 0);
    place_remove(&set);
    place_remove(&cache);
}

Test(defs_cache, an_unusable_folder_costs_time_only)
{
    const struct place set = place_make();
    struct compiled compiled;

    place_write(&set, "x.ndb", SLICE_OF(BODY_LINE));
    compiled_make(&compiled, set.path, "/dev/null/cache");
    cr_assert(compiled.good, "%s", compiled.error);
    cr_assert_str_eq(compiled.error, "");
    cr_assert_eq(compiled.reports, 1);
    compiled_fini(&compiled);
    place_remove(&set);
}

Test(defs_cache, a_set_is_recalled_by_its_content)
{
    const struct place set = place_make();
    const struct place cache = place_make();
    const uint8_t unknown[DEFS_DIGEST_LEN] = {1};
    char error[DEFS_ERROR_CAP];
    struct compiled compiled;
    struct defs_image image;
    const int fd = memfd_create("image", MFD_CLOEXEC);

    place_write(&set, "x.ndb", SLICE_OF(BODY_LINE));
    compiled_make(&compiled, set.path, cache.path);
    cr_assert(compiled.good);
    place_write(&set, "x.ndb", SLICE_OF("T.Other:0:*:58595a58595a58595a\n"));
    cr_assert(defs_recall(cache.path, compiled.image.content, fd, error), "%s", error);
    cr_assert_eq(defs_image_open(&image, fd, true), 0);
    cr_assert_eq(memcmp(image.digest, compiled.image.digest, DEFS_DIGEST_LEN), 0);
    defs_image_close(&image);
    cr_assert_not(defs_recall(cache.path, unknown, fd, error));
    cr_assert(strstr(error, "not kept") != NULL, "%s", error);
    close(fd);
    compiled_fini(&compiled);
    place_remove(&set);
    place_remove(&cache);
}

/* ---- survey ---- */

Test(survey, what_is_there_twice)
{
    const struct place set = place_make();
    struct survey survey;
    const struct defs_compile job = {.path = set.path, .survey = &survey};
    const int fd = memfd_create("image", MFD_CLOEXEC);
    char error[DEFS_ERROR_CAP];
    struct defs_counts counts;
    struct defs_meta meta;

    place_write(&set, "a.ndb",
                SLICE_OF("T.One:0:*:4142434445464748494a\n"
                         "T.Two:0:*:4142434445464748494A\n"   /* The same as the first. */
                         "T.One:0:*:5152535455565758595a\n"   /* The same name only. */
                         "T.Three:1:*:4142434445464748494a\n" /* Another target. */
                         "T.Four:0:*:6162636465666768696a:1:999\n"
                         "T.Five:0:*:6162636465666768696a\n")); /* Levels do not matter. */
    place_write(&set, "b.hdb",
                SLICE_OF("0123456789abcdef0123456789abcdef:10:T.One\n"
                         "0123456789ABCDEF0123456789ABCDEF:10:T.Six\n"
                         "0123456789abcdef0123456789abcdef:11:T.Seven\n"));
    survey_init(&survey);
    cr_assert(defs_compile(&job, fd, &meta, &counts, error), "%s", error);
    cr_assert_eq(survey.twins_len, 3);
    cr_assert_eq(survey.twins.len, 3);

    const struct survey_twin *twin = vec_at(&survey.twins, 0);

    cr_assert_str_eq(twin->name, "T.Two");
    cr_assert_str_eq(twin->first_name, "T.One");
    cr_assert_eq(twin->line, 2);
    cr_assert_eq(twin->first_line, 1);
    twin = vec_at(&survey.twins, 1);
    cr_assert_str_eq(twin->name, "T.Five");
    twin = vec_at(&survey.twins, 2);
    cr_assert_str_eq(twin->name, "T.Six");
    cr_assert_eq(survey.namesakes_len, 1);
    twin = vec_at(&survey.namesakes, 0);
    cr_assert_eq(twin->line, 3);
    cr_assert_eq(survey.report.signatures, 6);
    cr_assert_eq(survey.report.triggered, 6);
    survey_free(&survey);
    close(fd);
    place_remove(&set);
}

Test(survey, what_costs)
{
    const struct place set = place_make();
    struct survey survey;
    const struct defs_compile job = {.path = set.path, .survey = &survey};
    const int fd = memfd_create("image", MFD_CLOEXEC);
    char error[DEFS_ERROR_CAP];
    struct defs_counts counts;
    struct defs_meta meta;

    place_write(&set, "a.ndb",
                SLICE_OF("T.Rare:0:*:f3d19ab7c4e2918ad7b6\n"
                         "T.Short:0:*:d19ab7*656565{1-9}2020\n"
                         "T.Place:0:0:4d5a\n"));
    survey_init(&survey);
    cr_assert(defs_compile(&job, fd, &meta, &counts, error), "%s", error);
    cr_assert_eq(survey.report.signatures, 3);
    cr_assert_eq(survey.report.in_place, 1);
    cr_assert_eq(survey.report.triggered, 2);
    cr_assert_eq(survey.report.by_len[10], 1);
    cr_assert_eq(survey.report.by_len[3], 1);
    cr_assert_eq(survey.report.by_class[0], 1);
    cr_assert_gt(survey.report.hits_per_mb, 0);
    survey_free(&survey);
    close(fd);
    place_remove(&set);
}

/* ---- history ---- */

static void digest_fill(uint8_t digest[DEFS_DIGEST_LEN], uint8_t byte)
{
    memset(digest, byte, DEFS_DIGEST_LEN);
}

Test(history, back_and_forth_and_over_a_restart)
{
    const struct place place = place_make();
    uint8_t one[DEFS_DIGEST_LEN];
    uint8_t two[DEFS_DIGEST_LEN];
    uint8_t three[DEFS_DIGEST_LEN];
    struct history history;

    digest_fill(one, 0x1a);
    digest_fill(two, 0x2b);
    digest_fill(three, 0x3c);
    history_load(&history, place.path);
    cr_assert_not(history.known);
    cr_assert_not(history_is_back(&history));
    history_go(&history, one);
    cr_assert_not(history.has_previous);
    history_go(&history, one);
    cr_assert_not(history.has_previous, "the same again is no step");
    history_go(&history, two);
    cr_assert(history.has_previous);
    history_turn_back(&history);
    cr_assert(history_holds(&history, two));
    cr_assert_not(history_holds(&history, three));

    struct history again;

    history_load(&again, place.path);
    cr_assert(again.known);
    cr_assert(history_holds(&again, two));
    cr_assert_eq(memcmp(again.active, one, DEFS_DIGEST_LEN), 0);
    cr_assert_eq(memcmp(again.previous, two, DEFS_DIGEST_LEN), 0);
    history_turn_back(&again);
    cr_assert_not(history_is_back(&again));
    history_turn_back(&again);
    history_go(&again, three);
    cr_assert_not(history_is_back(&again));
    cr_assert_eq(memcmp(again.previous, one, DEFS_DIGEST_LEN), 0);
    place_remove(&place);
}

Test(history, a_file_that_is_none_counts_as_nothing)
{
    static const char *const texts[] = {
        "", "found\n", "found 12\n", "found zz\nactive zz\n",
        "active 1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a\n"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct place place = place_make();
        struct history history;

        place_write(&place, "history", slice_from_str(texts[i]));
        history_load(&history, place.path);
        cr_assert_not(history.known, "row %zu", i);
        place_remove(&place);
    }
}
