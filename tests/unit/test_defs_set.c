/* SPDX-License-Identifier: MIT */
/* The shipped definition set: every marker is found where it has to be, and nowhere else. */
#include "defs/defs.h"
#include "match/match.h"
#include "tests/tools/samples.h"

#include <criterion/criterion.h>

#include <sys/mman.h>
#include <unistd.h>

#define SET_PATH SOURCE_ROOT "/defs/set"

struct shipped {
    struct defs_image image;
    struct match_db *db;
};

static struct shipped shipped_open(void)
{
    const struct defs_compile job = {.path = SET_PATH, .strict = true};
    struct shipped shipped = {0};
    struct defs_meta meta;
    struct defs_counts counts;
    char error[DEFS_ERROR_CAP] = "";
    const int fd = memfd_create("image", MFD_CLOEXEC);

    cr_assert_geq(fd, 0);
    cr_assert(defs_compile(&job, fd, &meta, &counts, error), "%s", error);
    cr_assert_eq(defs_image_open(&shipped.image, fd, true), 0);
    cr_assert_eq(match_db_open(&shipped.db, shipped.image.match, 1), 0);
    close(fd);
    return shipped;
}

static void shipped_close(struct shipped *shipped)
{
    match_db_close(shipped->db);
    defs_image_close(&shipped->image);
}

static const uint8_t *body_at(void *ctx, uint64_t offset, size_t *out_len)
{
    const struct slice *fed = ctx;

    cr_assert_lt(offset, fed->len);
    *out_len = fed->len - offset;
    return fed->ptr + offset;
}

/* The name found, NULL when clean. `step` bytes are fed at a time. */
static const char *body_scan(struct match_db *db, struct slice bytes, size_t step,
                             struct match_finding *finding)
{
    struct slice fed = {bytes.ptr, 0};
    const struct match_source source = {body_at, &fed};
    static struct match_body body; /* The finding's name may lie in it. */
    enum match_status status = MATCH_CLEAN;

    cr_assert(match_body_begin(&body, db, source));
    while (fed.len < bytes.len && status == MATCH_CLEAN) {
        const size_t len = MIN_OF(step, bytes.len - fed.len);
        const struct slice piece = slice_from(bytes.ptr + fed.len, len);

        fed.len += len;
        status = match_body_feed(&body, piece, finding);
    }
    if (status == MATCH_CLEAN) {
        do {
            status = match_body_end(&body, finding);
        } while (status == MATCH_AGAIN);
    }
    match_body_fini(&body);
    cr_assert(status == MATCH_CLEAN || status == MATCH_FOUND, "status %d", (int)status);
    return status == MATCH_FOUND ? finding->name : NULL;
}

Test(defs_set, says_what_it_is)
{
    struct shipped shipped = shipped_open();

    cr_assert_str_eq(shipped.image.meta.name, "baleen-base");
    cr_assert_str_eq(shipped.image.meta.version, "20261120.001");
    cr_assert_str_eq(shipped.image.meta.produced, "2026-11-20");
    cr_assert_eq(shipped.image.meta.sequence, 1);
    cr_assert_eq(shipped.image.meta.certified, 0);
    cr_assert_eq(shipped.image.counts.skipped, 1);
    shipped_close(&shipped);
}

Test(defs_set, every_sample_gives_its_verdict_however_it_arrives)
{
    static const size_t steps[] = {SIZE_MAX, 1, 7, 1000};
    struct shipped shipped = shipped_open();

    for (size_t i = 0; i < samples_len(); i++) {
        struct sample sample = samples_make(i);

        for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
            struct match_finding finding = {0};
            const char *name = body_scan(shipped.db, slice_from(sample.bytes, sample.len),
                                         MIN_OF(steps[s], sample.len + 1), &finding);

            cr_expect_eq(name != NULL, sample.found != NULL, "%s, step %zu: %s", sample.label,
                         steps[s], name ? name : "clean");
            if (name != NULL && sample.found != NULL) {
                cr_expect_str_eq(name, sample.found, "%s", sample.label);
            }
        }
        samples_free(&sample);
    }
    shipped_close(&shipped);
}

static struct match_finding set_find(const char *label)
{
    static struct shipped shipped;
    struct match_finding finding = {0};

    if (shipped.db == NULL) {
        shipped = shipped_open();
    }
    for (size_t i = 0; i < samples_len(); i++) {
        struct sample sample = samples_make(i);

        if (strcmp(sample.label, label) == 0) {
            cr_assert_not_null(
                body_scan(shipped.db, slice_from(sample.bytes, sample.len), sample.len, &finding));
        }
        samples_free(&sample);
    }
    return finding;
}

Test(defs_set, findings_carry_the_ids_of_threats_tsv)
{
    const struct match_finding eicar = set_find("eicar");
    const struct match_finding adware = set_find("adware");

    cr_assert_eq(eicar.kind, MATCH_VIRUS);
    cr_assert_eq(eicar.id, 11101);
    cr_assert_str_eq(eicar.category, "");
    cr_assert_str_eq(eicar.repair, "");
    cr_assert_str_eq(adware.category, "Adware");
    cr_assert_geq(adware.id, 12000);
}
