/* SPDX-License-Identifier: MIT */
#include "tools/baleen_edit.h"

#include "base/text.h"
#include "engine/config.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <unistd.h>

static char block[64 * 1024];

static const char *edit(const char *yaml, const char *key, const char *value)
{
    struct text text = text_over(block, sizeof(block) - 1);

    if (!baleen_edit_set(slice_from_str(yaml), key, value, &text)) {
        return "refused";
    }
    cr_assert_not(text.overflowed);
    block[text.len] = '\0';
    return block;
}

Test(edit, changes_the_value_and_nothing_else)
{
    static const struct {
        const char *before;
        const char *key;
        const char *value;
        const char *after;
    } rows[] = {
        /* Values that are there. */
        {"a: 1 # one\nb: 2 # two\n", "a", "7", "a: 7 # one\nb: 2 # two\n"},
        {"# top\nicap:\n  preview: 4KiB   # why\n  # end\nlog: {}\n", "icap.preview", "0",
         "# top\nicap:\n  preview: 0   # why\n  # end\nlog: {}\n"},
        {"icap: {preview: 1, ttl: 2} # x\n", "icap.preview", "9",
         "icap: {preview: 9, ttl: 2} # x\n"},
        {"icap.preview: 1\n", "icap.preview", "2", "icap.preview: 2\n"},
        {"i: {t: {after: 1s, rate: 2}}", "i.t.rate", "3", "i: {t: {after: 1s, rate: 3}}"},
        {"roots: [/a,\n  /b]  # c\nx: 1\n", "roots", "[/c]", "roots: [/c]  # c\nx: 1\n"},
        {"roots:\n  - /a # first\n  - /b # second\n# next\nx: 1\n", "roots", "[/c]",
         "roots:\n  [/c] # second\n# next\nx: 1\n"},
        {"roots:\n- /a\n- /b\nx: 1\n", "roots", "[]", "roots:\n[]\nx: 1\n"},
        {"f:\n  roots:\n    - /a\n\nx: 1\n", "f.roots", "[/c]", "f:\n  roots:\n    [/c]\n\nx: 1\n"},
        {"m:\n  a: {b: c}\n  d:\n    e: f\nx: 1\n", "m", "{}", "m:\n  {}\nx: 1\n"},
        {"a:\nb: 1\n", "a", "5", "a: 5\nb: 1\n"},
        {"a: ~\n", "a", "5", "a: 5\n"},
        {"a: \"x\\\"y\"\nb: 1\n", "a", "z", "a: z\nb: 1\n"},
        {"a: 'it''s'\n", "a", "z", "a: z\n"},
        /* Characters of several bytes in front. */
        {"# \xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8b\nn: \"\xc3\xa9\"\na: 1\n", "a", "2",
         "# \xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x8b\nn: \"\xc3\xa9\"\na: 2\n"},
        {"\xef\xbb\xbf"
         "a: 1\n",
         "a", "2",
         "\xef\xbb\xbf"
         "a: 2\n"},
        {"a: 1\r\nb: 2\r\n", "a", "3", "a: 3\r\nb: 2\r\n"},
        /* Keys that are not there. */
        {"", "a", "1", "a: 1\n"},
        {"# only a comment\n", "icap.preview", "1", "# only a comment\nicap: {preview: 1}\n"},
        {"b: 2", "a", "1", "b: 2\na: 1\n"},
        {"b: 2 # two\n# end\n", "a", "1", "b: 2 # two\na: 1\n# end\n"},
        {"b: 2\n", "i.t.after", "1s", "b: 2\ni: {t: {after: 1s}}\n"},
        {"icap:\n  x: 1\n  y: 2 # y\nlog: z\n", "icap.preview", "1",
         "icap:\n  x: 1\n  y: 2 # y\n  preview: 1\nlog: z\n"},
        {"icap:\n  x: 1\n  t:\n    r: 5\nlog: z\n", "icap.t.after", "1s",
         "icap:\n  x: 1\n  t:\n    r: 5\n    after: 1s\nlog: z\n"},
        {"icap:\n  x: 1\n  t:\n    r: 5\nlog: z\n", "icap.preview", "1",
         "icap:\n  x: 1\n  t:\n    r: 5\n  preview: 1\nlog: z\n"},
        {"icap: {}\n", "icap.preview", "1", "icap: {preview: 1}\n"},
        {"icap: {a: b}\nx: 1\n", "icap.preview", "1", "icap: {preview: 1, a: b}\nx: 1\n"},
        {"icap: {a: b}\nx: 1\n", "log.level", "info", "icap: {a: b}\nx: 1\nlog: {level: info}\n"},
        {"icap: # nothing yet\nx: 1\n", "icap.preview", "1",
         "icap: {preview: 1} # nothing yet\nx: 1\n"},
        {"icap: ~\n", "icap.preview", "1", "icap:  {preview: 1}\n"},
        {"{a: 1}\n", "b", "2", "{b: 2, a: 1}\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *after = edit(rows[i].before, rows[i].key, rows[i].value);

        cr_expect_str_eq(after, rows[i].after, "<%s> %s\n got  <%s>\n want <%s>", rows[i].before,
                         rows[i].key, after, rows[i].after);
    }
}

Test(edit, refuses_what_is_no_map)
{
    cr_expect_str_eq(edit("- a\n", "a", "1"), "refused");
    cr_expect_str_eq(edit("hello", "a", "1"), "refused");
    cr_expect_str_eq(edit("a: [1\n", "b", "1"), "refused");
    cr_expect_str_eq(edit("{[a]: b}", "b", "1"), "refused");
    cr_expect_str_eq(edit("a: \xff\n", "b", "1"), "refused");
}

/* Every key, set one after the other into one file, is what the loader then reads. */
Test(edit, the_loader_reads_what_was_set)
{
    static const struct config_override changes[] = {
        {"icap.preview", "17"},
        {"log.level", "debug"},
        {"icap.trickle.rate", "1KiB"},
        {"icap.trickle.after", "5s"},
        {"filemod.roots", "[/a, /b c]"},
        {"icap.aliases", "{x: {service: echo, profile: guide}}"},
        {"filemod.roots", "[/d]"},
        {"icap.preview", "18"},
        {"ddr.thresholds", "{\"a b\": 3}"},
        {"definitions.path", "\"/x: y\""},
    };
    static struct config got;
    static struct config want;
    static char yaml[sizeof(block)];
    char error[CONFIG_ERROR_CAP];

    snprintf(yaml, sizeof(yaml),
             "# mine\nicap:\n  # how much\n  preview: 4 # bytes\nfilemod: {}\n");
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        snprintf(yaml, sizeof(yaml), "%s", edit(yaml, changes[i].key, changes[i].value));
    }
    char file[] = "/tmp/baleen-test-edit-XXXXXX";
    int fd = mkstemp(file);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
    close(fd);
    cr_assert(config_load(&got, file, NULL, 0, error), "%s\n%s", error, yaml);
    unlink(file);
    struct config_override last[ARRAY_LEN(changes)];
    size_t last_len = 0;

    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        /* Lists append with -s; what was set first was replaced. */
        if (i != 4) {
            last[last_len++] = changes[i];
        }
    }
    cr_assert(config_load(&want, NULL, last, last_len, error), "%s", error);
    cr_assert_eq(memcmp(&got, &want, sizeof(got)), 0, "%s", yaml);
    cr_assert_not_null(strstr(yaml, "# mine\nicap:\n  # how much\n  preview: 18 # bytes\n"));
}
