/* SPDX-License-Identifier: MIT */
#include "tools/baleen_walk.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/baleen-test-walk-XXXXXX";
static struct walk walk;

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

static void remove_folder(void)
{
    char command[128];

    snprintf(command, sizeof(command), "chmod -R u+rwx '%s'; rm -rf '%s'", folder, folder);
    cr_expect_eq(system(command), 0);
}

TestSuite(walk, .init = make_folder, .fini = remove_folder);

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void expect(enum walk_kind kind, const char *path, const char *reason)
{
    struct walk_entry entry;

    walk_next(&walk, &entry);
    cr_expect_eq(entry.kind, kind, "%s is %d", entry.path, (int)entry.kind);
    if (kind != WALK_END) {
        cr_expect_str_eq(entry.path, path);
        cr_expect_str_eq(entry.reason, reason);
    }
}

Test(walk, goes_down_in_the_order_of_the_names)
{
    char *roots[] = {(char[]){"t"}, (char[]){"t/b"}, (char[]){"t//"}};

    cr_assert_eq(mkdir("t", 0755), 0);
    cr_assert_eq(mkdir("t/b", 0755), 0);
    cr_assert_eq(mkdir("t/empty", 0755), 0);
    put("t/a", "1");
    put("t/b/x", "");
    put("t/b/A", "");
    put("t/c", "123");
    walk_init(&walk, roots, 3);
    expect(WALK_FILE, "t/a", "");
    expect(WALK_FILE, "t/b/A", "");
    expect(WALK_FILE, "t/b/x", "");
    expect(WALK_FILE, "t/c", "");
    expect(WALK_FILE, "t/b/A", "");
    expect(WALK_FILE, "t/b/x", "");
    expect(WALK_FILE, "t//a", "");
    walk_fini(&walk);
}

Test(walk, tells_what_is_not_a_file)
{
    char *roots[] = {(char[]){"t"}, (char[]){"link"}, (char[]){"gone"}, (char[]){"/dev/null"}};

    cr_assert_eq(mkdir("t", 0755), 0);
    put("file", "x");
    cr_assert_eq(symlink("../file", "t/a"), 0);
    cr_assert_eq(symlink("..", "t/loop"), 0);
    cr_assert_eq(symlink("file", "link"), 0);
    cr_assert_eq(mkfifo("t/fifo", 0644), 0);
    walk_init(&walk, roots, 4);
    expect(WALK_SKIPPED, "t/a", "Symbolic link");
    expect(WALK_SKIPPED, "t/fifo", "Named pipe");
    expect(WALK_SKIPPED, "t/loop", "Symbolic link");
    expect(WALK_FILE, "link", "");
    expect(WALK_FAILED, "gone", "No such file or directory");
    expect(WALK_SKIPPED, "/dev/null", "Device");
    expect(WALK_END, "", "");
    walk_fini(&walk);
}

Test(walk, goes_on_behind_a_folder_that_it_may_not_read)
{
    char *roots[] = {(char[]){"."}};

    cr_assert_eq(mkdir("a", 0), 0);
    put("b", "");
    if (geteuid() == 0) {
        cr_assert_eq(chmod(".", 0755), 0);
        cr_assert_eq(seteuid(12345), 0);
    }
    walk_init(&walk, roots, 1);
    expect(WALK_FAILED, "./a", "Permission denied");
    expect(WALK_FILE, "./b", "");
    expect(WALK_END, "", "");
    walk_fini(&walk);
    (void)!seteuid(0);
}

Test(walk, a_tree_that_is_too_deep_is_an_error_and_no_more)
{
    char *roots[] = {(char[]){"d"}, (char[]){"z"}};
    struct walk_entry entry;
    unsigned failed = 0;

    put("z", "");
    for (unsigned i = 0; i < WALK_DEPTH_MAX + 20; i++) {
        cr_assert_eq(mkdir("d", 0755), 0);
        cr_assert_eq(chdir("d"), 0);
    }
    cr_assert_eq(chdir(folder), 0);
    walk_init(&walk, roots, 2);
    do {
        walk_next(&walk, &entry);
        failed += entry.kind == WALK_FAILED;
        cr_assert(entry.kind != WALK_FILE || strcmp(entry.path, "z") == 0);
    } while (entry.kind != WALK_END);
    cr_expect_eq(failed, 1);
    walk_fini(&walk);
}
