/* SPDX-License-Identifier: MIT */
#include "base/assert.h"
#include "base/clock.h"
#include "match/layout.h"
#include "match/yara_run.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <yara.h>

/* What libyara was working with when it was stopped is lost: see match/yara_run.c. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libyara.so";
}

/* An image that holds nothing but rulesets. */
struct image {
    struct layout_header header;
    uint8_t bytes[MIB(1)];
    size_t len;
    struct layout_ruleset rulesets[8];
    struct layout layout;
    struct yara_run *run;
};

static size_t image_on_bytes(const void *bytes, size_t size, size_t count, void *ctx)
{
    struct image *image = ctx;

    cr_assert_leq(size * count, sizeof(image->bytes) - image->len);
    memcpy(image->bytes + image->len, bytes, size * count);
    image->len += size * count;
    return count;
}

static void image_add(struct image *image, const char *text)
{
    struct layout_ruleset *row = &image->rulesets[image->layout.len[LAYOUT_RULESETS]++];
    YR_STREAM stream = {.user_data = image, .write = image_on_bytes};
    YR_COMPILER *compiler;
    YR_RULES *rules;

    row->offset = offsetof(struct image, bytes) + image->len;
    cr_assert_eq(yr_initialize(), ERROR_SUCCESS);
    cr_assert_eq(yr_compiler_create(&compiler), ERROR_SUCCESS);
    cr_assert_eq(yr_compiler_add_string(compiler, text, NULL), 0, "%s", text);
    cr_assert_eq(yr_compiler_get_rules(compiler, &rules), ERROR_SUCCESS);
    cr_assert_eq(yr_rules_save_stream(rules, &stream), ERROR_SUCCESS);
    yr_rules_destroy(rules);
    yr_compiler_destroy(compiler);
    yr_finalize();
    row->len = offsetof(struct image, bytes) + image->len - row->offset;
}

static struct image *image_new(const char *const *texts, size_t len)
{
    struct image *image = calloc(1, sizeof(*image));

    cr_assert_not_null(image);
    image->layout.header = &image->header;
    image->layout.rulesets = image->rulesets;
    for (size_t i = 0; i < len; i++) {
        image_add(image, texts[i]);
    }
    cr_assert_eq(yara_run_open(&image->run, &image->layout), 0);
    return image;
}

static void image_free(struct image *image)
{
    yara_run_close(image->run);
    free(image);
}

static enum yara_run_status decide(struct image *image, uint64_t serial, struct slice bytes,
                                   uint32_t ruleset, const char *rule)
{
    const struct yara_run_body body = {.serial = serial, .bytes = bytes};
    uint64_t cost_ns;

    return yara_run_decide(image->run, &body, ruleset, rule, &cost_ns);
}

static const char words[] = "rule one { strings: $a = \"one\" condition: $a }\n"
                            "rule two { strings: $a = \"two\" condition: $a }\n"
                            "private rule three { strings: $a = \"one\" condition: $a }\n"
                            "rule small { condition: filesize < 5 }\n";

/* Every letter of a long row of them is the begin of much work. */
static const char slow[] =
    "rule slow { strings: $a = /a.{1,200}a.{1,200}a.{1,200}b/ condition: $a }";

Test(yara_run, rules_are_decided_by_name)
{
    const char *texts[] = {words};
    struct image *image = image_new(texts, 1);

    cr_expect_eq(decide(image, 1, SLICE_OF("see one here"), 0, "one"), YARA_RUN_YES);
    cr_expect_eq(decide(image, 1, SLICE_OF("see one here"), 0, "two"), YARA_RUN_NO);
    cr_expect_eq(decide(image, 1, SLICE_OF("see one here"), 0, "three"), YARA_RUN_NO);
    cr_expect_eq(decide(image, 2, SLICE_OF("see two here"), 0, "two"), YARA_RUN_YES);
    cr_expect_eq(decide(image, 2, SLICE_OF("see two here"), 0, "small"), YARA_RUN_NO);
    cr_expect_eq(decide(image, 3, SLICE_OF(""), 0, "small"), YARA_RUN_YES);
    image_free(image);
}

Test(yara_run, an_answer_is_remembered_for_its_body_only)
{
    const char *texts[] = {words, words};
    struct image *image = image_new(texts, 2);

    cr_expect_not(yara_run_knows(image->run, 1, 0));
    cr_expect_eq(decide(image, 1, SLICE_OF("one"), 0, "one"), YARA_RUN_YES);
    cr_expect(yara_run_knows(image->run, 1, 0));
    cr_expect_not(yara_run_knows(image->run, 1, 1));
    cr_expect_not(yara_run_knows(image->run, 2, 0));
    /* The bytes are not looked at again. */
    cr_expect_eq(decide(image, 1, SLICE_OF(""), 0, "one"), YARA_RUN_YES);
    cr_expect_eq(decide(image, 2, SLICE_OF("two, of some length"), 0, "one"), YARA_RUN_NO);
    cr_expect_not(yara_run_knows(image->run, 1, 0));
    image_free(image);
}

Test(yara_run, a_large_body_is_undecided)
{
    const char *texts[] = {words};
    struct image *image = image_new(texts, 1);
    uint8_t *bytes = calloc(1, YARA_RUN_BODY_MAX + 1);

    memcpy(bytes, "one", 3);
    cr_expect_eq(decide(image, 1, slice_from(bytes, YARA_RUN_BODY_MAX + 1), 0, "one"),
                 YARA_RUN_OVER);
    cr_expect_eq(decide(image, 2, slice_from(bytes, MIB(8)), 0, "one"), YARA_RUN_YES);
    free(bytes);
    image_free(image);
}

Test(yara_run, what_takes_too_long_is_stopped)
{
    const char *texts[] = {slow, words};
    struct image *image = image_new(texts, 2);
    const size_t len = MIB(1);
    uint8_t *bytes = malloc(len);
    struct sigaction before;
    struct sigaction after;

    memset(bytes, 'a', len);
    sigaction(SIGVTALRM, NULL, &before);
    /* Until the ruleset is given up for good: then it costs nothing any more. */
    for (uint64_t i = 1; i <= 10; i++) {
        const uint64_t start_ns = clock_cpu_ns();
        const uint64_t limit_ns = i > 8 ? 5 * NS_PER_MS : 2 * NS_PER_SEC;

        cr_expect_eq(decide(image, i, slice_from(bytes, len), 0, "slow"), YARA_RUN_OVER);
        cr_expect_lt(clock_cpu_ns() - start_ns, limit_ns, "%lu", (unsigned long)i);
        cr_expect_eq(decide(image, i, slice_from(bytes, len), 0, "slow"), YARA_RUN_OVER);
    }
    sigaction(SIGVTALRM, NULL, &after);
    cr_expect_eq(before.sa_handler, after.sa_handler);
    /* The others go on, but not for a body whose time is used up. */
    cr_expect_eq(decide(image, 20, SLICE_OF("one"), 1, "one"), YARA_RUN_YES);
    free(bytes);
    image_free(image);
}

Test(yara_run, all_rulesets_of_a_body_share_its_time)
{
    const char *texts[] = {slow, words};
    struct image *image = image_new(texts, 2);
    const size_t len = KIB(64);
    uint8_t *bytes = malloc(len);

    memset(bytes, 'a', len);
    memcpy(bytes, "one", 3);
    cr_expect_eq(decide(image, 1, slice_from(bytes, len), 0, "slow"), YARA_RUN_OVER);
    cr_expect_eq(decide(image, 1, slice_from(bytes, len), 1, "one"), YARA_RUN_OVER);
    cr_expect_eq(decide(image, 2, slice_from(bytes, len), 1, "one"), YARA_RUN_YES);
    free(bytes);
    image_free(image);
}

Test(yara_run, rules_that_do_not_load_are_undecided)
{
    const char *texts[] = {words};
    struct image *image = image_new(texts, 1);

    memset(image->bytes, 0x55, image->len);
    cr_expect_eq(decide(image, 1, SLICE_OF("one"), 0, "one"), YARA_RUN_OVER);
    image_free(image);
}

Test(yara_run, nothing_to_run)
{
    struct image *image = image_new(NULL, 0);

    image_free(image);
}
