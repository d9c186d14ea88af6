/* SPDX-License-Identifier: MIT */
/* Definition sets as a whole: folders, what refuses a set, and the image. */
#include "defs/defs.h"
#include "defs/image.h"
#include "defs/lines.h"
#include "defs/source.h"
#include "match/match.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MD5_LINE  "0123456789abcdef0123456789abcdef:10:T.Md5\n"
#define BODY_LINE "T.Body:0:*:4142434445464748\n"

/* ---- sets in folders ---- */

struct set_dir {
    char path[64];
};

static struct set_dir set_make(void)
{
    struct set_dir dir = {"/tmp/test-defs-XXXXXX"};

    cr_assert_not_null(mkdtemp(dir.path));
    return dir;
}

static void set_write(const struct set_dir *dir, const char *name, struct slice text)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", dir->path, name);

    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    cr_assert_geq(fd, 0, "%s", path);
    cr_assert_eq(write(fd, text.ptr, text.len), (ssize_t)text.len);
    close(fd);
}

static void set_mkdir(const struct set_dir *dir, const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    cr_assert_eq(mkdir(path, 0755), 0);
}

static void set_remove(const struct set_dir *dir)
{
    char command[128];

    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir->path);
    cr_assert_eq(system(command), 0);
}

struct set_result {
    bool good;
    int fd;
    struct defs_meta meta;
    struct defs_counts counts;
    char error[DEFS_ERROR_CAP];
    char reports[2048];
};

static void set_note(void *ctx, const char *file, unsigned line, const char *reason)
{
    struct set_result *result = ctx;
    const char *name = strrchr(file, '/');
    const size_t len = strlen(result->reports);

    (void)snprintf(result->reports + len, sizeof(result->reports) - len, "%s:%u: %s\n",
                   name ? name + 1 : file, line, reason);
}

static struct set_result set_compile(const char *path, bool strict)
{
    struct set_result result = {.fd = memfd_create("image", MFD_CLOEXEC)};
    const struct defs_compile job = {
        .path = path,
        .strict = strict,
        .report = set_note,
        .report_ctx = &result,
    };

    cr_assert_geq(result.fd, 0);
    result.good = defs_compile(&job, result.fd, &result.meta, &result.counts, result.error);
    cr_assert_eq(result.good, result.error[0] == '\0');
    cr_assert(strchr(result.error, '\n') == NULL);
    if (!result.good) {
        cr_assert_eq(result.counts.lines, 0, "the output is untouched on failure");
    }
    return result;
}

Test(defs_compile, a_set_with_good_and_bad_lines)
{
    const struct set_dir dir = set_make();

    set_write(&dir, "set.yaml",
              SLICE_OF("name: mine\nversion: 20261119.002\nsequence: 3\nproduced: 2026-11-19\n"));
    set_write(&dir, "a.ndb", SLICE_OF("# comment\r\n\r\n" BODY_LINE "bad\nX:0:*:4142434445:999"));
    set_write(&dir, "b.hdb", SLICE_OF(MD5_LINE MD5_LINE));
    set_write(&dir, "c.fp", SLICE_OF(MD5_LINE));
    set_write(&dir, "threats.tsv", SLICE_OF("T.Body\t77\tAdware\t-\nT.Body 77\n"));
    set_write(&dir, "d.cbc", SLICE_OF("whatever\nit is\n"));
    set_write(&dir, "e.idb", SLICE_OF("an icon\n"));
    set_write(&dir, "README", SLICE_OF("nothing\n"));
    set_write(&dir, ".hidden.ndb", SLICE_OF("nothing\n"));

    const struct set_result result = set_compile(dir.path, false);

    cr_assert(result.good, "%s", result.error);
    cr_assert_str_eq(result.meta.name, "mine");
    cr_assert_str_eq(result.meta.version, "20261119.002");
    cr_assert_eq(result.counts.files, 4);
    cr_assert_eq(result.counts.left_out, 2);
    cr_assert_eq(result.counts.lines, 9);
    cr_assert_eq(result.counts.used, 5);
    cr_assert_eq(result.counts.skipped, 1);
    cr_assert_eq(result.counts.unusable, 3);
    cr_assert_eq(result.counts.kinds[SOURCE_BODY].lines, 3);
    cr_assert_eq(result.counts.kinds[SOURCE_BODY].used, 1);
    cr_assert_eq(result.counts.kinds[SOURCE_HASH].used, 2);
    cr_assert_eq(result.counts.kinds[SOURCE_ALLOW].used, 1);
    cr_assert_eq(result.counts.kinds[SOURCE_THREAT].unusable, 1);
    cr_assert_eq(result.counts.kinds[SOURCE_ICON].unusable, 1);
    cr_assert_str_eq(result.reports,
                     "a.ndb:4: expected Name:Target:Offset:Body, with up to two levels behind\n"
                     "d.cbc:0: left out: this engine does not match bytecode\n"
                     "e.idb:0: left out: this engine does not match icons\n"
                     "e.idb:1: this engine does not use icons\n"
                     "threats.tsv:2: expected name, id, category and repair action with tabs "
                     "between them\n");

    const struct set_result strict = set_compile(dir.path, true);

    cr_assert_not(strict.good);
    cr_assert(strstr(strict.error, "3 lines are unusable, 2 files are left out") != NULL, "%s",
              strict.error);
    close(result.fd);
    close(strict.fd);
    set_remove(&dir);
}

Test(defs_compile, what_is_no_usable_set_is_refused)
{
    const struct {
        const char *file;
        struct slice text;
        const char *error;
    } rows[] = {
        {"README", SLICE_OF("x\n"), "no definition set in this folder"},
        {"set.yaml", SLICE_OF("name: x\n"), "nothing in the set is usable"},
        {"set.yaml", SLICE_OF("nmae: x\n"), "set.yaml:1: unknown key"},
        {"a.ndb", SLICE_OF(""), "nothing in the set is usable"},
        {"a.ndb", SLICE_OF("<html>404</html>\n"), "(1 lines unusable"},
        {"a.ndb", SLICE_OF("\0\0\0\xff\n\0\n"), "(2 lines unusable"},
        {"a.ndb", SLICE_OF("A:0:*:41424344:999\n"), "1 skipped"},
        {"a.cbc", SLICE_OF("ClamBC\n"), "1 files left out"},
        {"a.fp", SLICE_OF(MD5_LINE), "no signature in the set"},
        {"threats.tsv", SLICE_OF("A\t1\t-\t-\n"), "no signature in the set"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct set_dir dir = set_make();

        set_write(&dir, rows[i].file, rows[i].text);

        const struct set_result result = set_compile(dir.path, false);

        cr_assert_not(result.good, "row %zu", i);
        cr_assert(strstr(result.error, rows[i].error) != NULL, "row %zu: %s", i, result.error);
        cr_assert_eq(strncmp(result.error, dir.path, strlen(dir.path)), 0, "row %zu: %s", i,
                     result.error);
        close(result.fd);
        set_remove(&dir);
    }
}

Test(defs_compile, empty_missing_and_foreign_paths_are_refused)
{
    const struct set_dir dir = set_make();
    struct set_result result = set_compile(dir.path, false);

    cr_assert_not(result.good);
    close(result.fd);
    result = set_compile("/nowhere/at all\n", false);
    cr_assert_str_eq(result.error, "/nowhere/at all?: No such file or directory");
    close(result.fd);
    result = set_compile("/dev/null", false);
    cr_assert_str_eq(result.error, "/dev/null: neither a folder nor a package");
    close(result.fd);
    set_remove(&dir);
}

Test(defs_compile, files_that_cannot_be_read_refuse_the_set)
{
    const struct set_dir dir = set_make();
    const uid_t uid = geteuid();
    char path[128];
    struct set_result result;

    set_write(&dir, "a.ndb", SLICE_OF(BODY_LINE));
    (void)snprintf(path, sizeof(path), "%s/b.ndb", dir.path);

    cr_assert_eq(symlink("nowhere.ndb", path), 0);
    result = set_compile(dir.path, false);
    cr_assert_not(result.good);
    cr_assert(strstr(result.error, "b.ndb: No such file") != NULL, "%s", result.error);
    close(result.fd);
    cr_assert_eq(unlink(path), 0);

    cr_assert_eq(mkfifo(path, 0644), 0);
    result = set_compile(dir.path, false);
    cr_assert_not(result.good);
    cr_assert(strstr(result.error, "b.ndb: not a regular file") != NULL, "%s", result.error);
    close(result.fd);
    cr_assert_eq(unlink(path), 0);

    set_write(&dir, "b.ndb", SLICE_OF(BODY_LINE));
    cr_assert_eq(chmod(path, 0), 0);
    /* Root reads everything; as anybody else the set is refused. */
    if (uid == 0) {
        cr_assert_eq(chown(dir.path, 65534, 65534), 0);
        cr_assert_eq(seteuid(65534), 0);
    }
    result = set_compile(dir.path, false);
    cr_assert_not(result.good);
    cr_assert(strstr(result.error, "b.ndb: Permission denied") != NULL, "%s", result.error);
    close(result.fd);
    set_remove(&dir);
    /* The leak check at exit looks into the process, which a change of user closes. */
    cr_assert_eq(seteuid(uid), 0);
    cr_assert_eq(prctl(PR_SET_DUMPABLE, 1), 0);
}

Test(defs_compile, links_to_files_and_folders_are_followed)
{
    const struct set_dir dir = set_make();
    const struct set_dir sets = set_make();
    char path[128];

    set_write(&dir, "real", SLICE_OF(BODY_LINE));
    (void)snprintf(path, sizeof(path), "%s/a.ndb", dir.path);
    cr_assert_eq(symlink("real", path), 0);
    (void)snprintf(path, sizeof(path), "%s/current", sets.path);
    cr_assert_eq(symlink(dir.path, path), 0);

    const struct set_result result = set_compile(sets.path, false);

    cr_assert(result.good, "%s", result.error);
    cr_assert_str_eq(result.meta.name, "current");
    cr_assert_eq(result.counts.used, 1);
    close(result.fd);
    set_remove(&dir);
    set_remove(&sets);
}

Test(defs_compile, a_folder_of_sets)
{
    const struct set_dir dir = set_make();

    set_mkdir(&dir, "one");
    set_mkdir(&dir, "two");
    set_mkdir(&dir, "not-a-set");
    set_mkdir(&dir, "hosts");
    set_write(&dir, "not-a-set/README", SLICE_OF("x"));
    set_write(&dir, "README", SLICE_OF("x"));
    set_write(&dir, "one/set.yaml",
              SLICE_OF("name: first\nversion: 20260101.001\nsequence: 9\ncertified: true\n"
                       "produced: 2026-01-01\n"));
    set_write(&dir, "one/a.ndb", SLICE_OF(BODY_LINE));
    set_write(&dir, "two/set.yaml",
              SLICE_OF("name: second\nversion: 20260102.000\nsequence: 2\n"
                       "produced: 2026-01-02\n"));
    set_write(&dir, "two/a.fp", SLICE_OF(MD5_LINE));

    struct set_result result = set_compile(dir.path, false);

    cr_assert(result.good, "%s", result.error);
    cr_assert_str_eq(result.meta.name, "first+second");
    cr_assert_str_eq(result.meta.version, "20260102.000");
    cr_assert_str_eq(result.meta.produced, "2026-01-02");
    cr_assert_eq(result.meta.sequence, 9);
    cr_assert_eq(result.meta.certified, 0);
    cr_assert_eq(result.counts.used, 2);
    close(result.fd);

    /* One broken set refuses the whole: half a protection would go unnoticed. */
    set_write(&dir, "two/set.yaml", SLICE_OF("name: [\n"));
    result = set_compile(dir.path, false);
    cr_assert_not(result.good);
    cr_assert(strstr(result.error, "two/set.yaml:") != NULL, "%s", result.error);
    close(result.fd);
    set_remove(&dir);
}

Test(defs_compile, folders_of_lists_are_left_out)
{
    const struct set_dir dir = set_make();

    set_mkdir(&dir, "url");

    struct set_result result = set_compile(dir.path, false);

    cr_assert_not(result.good);
    cr_assert(strstr(result.error, "1 files left out") != NULL, "%s", result.error);
    close(result.fd);
    set_write(&dir, "a.ndb", SLICE_OF(BODY_LINE));
    result = set_compile(dir.path, false);
    cr_assert(result.good, "%s", result.error);
    cr_assert_str_eq(result.reports, "url:0: left out: this engine does not match URL lists\n");
    close(result.fd);
    set_remove(&dir);
}

Test(defs_compile, without_set_yaml_the_newest_file_gives_the_version)
{
    const struct set_dir dir = set_make();
    const struct timespec old[2] = {{.tv_sec = 86400}, {.tv_sec = 86400}};
    const struct timespec new[2] = {{.tv_sec = 951782400}, {.tv_sec = 951782400}};
    char path[128];

    set_write(&dir, "a.ndb", SLICE_OF(BODY_LINE));
    set_write(&dir, "b.ndb", SLICE_OF(BODY_LINE));
    set_write(&dir, "README", SLICE_OF("newer, but no part of the set"));
    (void)snprintf(path, sizeof(path), "%s/a.ndb", dir.path);
    cr_assert_eq(utimensat(AT_FDCWD, path, new, 0), 0);
    (void)snprintf(path, sizeof(path), "%s/b.ndb", dir.path);
    cr_assert_eq(utimensat(AT_FDCWD, path, old, 0), 0);
    (void)snprintf(path, sizeof(path), "%s/.", dir.path);

    const struct set_result result = set_compile(path, false);

    cr_assert(result.good, "%s", result.error);
    cr_assert_str_eq(result.meta.name, strrchr(dir.path, '/') + 1);
    cr_assert_str_eq(result.meta.version, "20000229.000");
    cr_assert_eq(result.meta.sequence, 0);
    close(result.fd);
    set_remove(&dir);
}

Test(defs_compile, a_line_over_the_limit_is_unusable_and_the_next_one_is_read)
{
    const struct set_dir dir = set_make();
    static char text[LINES_MAX + 256];

    memset(text, '4', LINES_MAX + 100);
    text[LINES_MAX + 100] = '\n';
    memcpy(text + LINES_MAX + 101, BODY_LINE, sizeof(BODY_LINE) - 1);
    set_write(&dir, "a.ndb", slice_from(text, LINES_MAX + 101 + sizeof(BODY_LINE) - 1));

    const struct set_result result = set_compile(dir.path, false);

    cr_assert(result.good, "%s", result.error);
    cr_assert_str_eq(result.reports, "a.ndb:1: the line is longer than 65536 bytes\n");
    cr_assert_eq(result.counts.used, 1);
    close(result.fd);
    set_remove(&dir);
}

/* ---- the image ---- */

static size_t image_read(int fd, uint8_t **out_bytes)
{
    struct stat st;

    cr_assert_eq(fstat(fd, &st), 0);
    *out_bytes = malloc((size_t)st.st_size);
    cr_assert_not_null(*out_bytes);
    cr_assert_eq(pread(fd, *out_bytes, (size_t)st.st_size, 0), st.st_size);
    return (size_t)st.st_size;
}

static struct set_dir image_set(void)
{
    const struct set_dir dir = set_make();

    set_write(&dir, "set.yaml", SLICE_OF("name: i\nversion: 20261119.002\nsequence: 3\n"));
    set_write(&dir, "a.ndb", SLICE_OF(BODY_LINE "U:0:*:4142434445{2-5}464748494a\n"));
    set_write(&dir, "b.hdb", SLICE_OF(MD5_LINE));
    return dir;
}

Test(image, the_same_set_gives_the_same_bytes)
{
    const struct set_dir dir = image_set();
    const struct set_dir copy = image_set();
    const char *paths[] = {dir.path, dir.path, copy.path};
    uint8_t *bytes[3];
    size_t len[3];

    for (size_t i = 0; i < 3; i++) {
        const struct set_result result = set_compile(paths[i], false);

        cr_assert(result.good, "%s", result.error);
        len[i] = image_read(result.fd, &bytes[i]);
        cr_assert_eq(len[i], len[0]);
        cr_assert_eq(memcmp(bytes[i], bytes[0], len[0]), 0, "image %zu", i);
        close(result.fd);
    }

    /* And another set another digest. */
    struct defs_image a;
    struct defs_image b;
    const struct set_result first = set_compile(dir.path, false);

    set_write(&dir, "set.yaml", SLICE_OF("name: i\nversion: 20261119.003\nsequence: 3\n"));

    const struct set_result second = set_compile(dir.path, false);

    cr_assert_eq(defs_image_open(&a, first.fd, true), 0);
    cr_assert_eq(defs_image_open(&b, second.fd, true), 0);
    cr_assert_neq(memcmp(a.digest, b.digest, DEFS_DIGEST_LEN), 0);
    defs_image_close(&a);
    defs_image_close(&b);
    for (size_t i = 0; i < 3; i++) {
        free(bytes[i]);
    }
    set_remove(&dir);
    set_remove(&copy);
}

Test(image, says_what_the_set_said)
{
    const struct set_dir dir = image_set();
    const struct set_result result = set_compile(dir.path, false);
    struct defs_image image;
    struct match_db *db = NULL;
    struct match_counts counts;

    cr_assert(result.good, "%s", result.error);
    cr_assert_eq(defs_image_open(&image, result.fd, true), 0);
    cr_assert_str_eq(image.meta.name, "i");
    cr_assert_str_eq(image.meta.version, "20261119.002");
    cr_assert_eq(image.meta.sequence, 3);
    cr_assert_eq(memcmp(&image.counts, &result.counts, sizeof(image.counts)), 0);
    cr_assert_eq((uintptr_t)image.match.ptr % IMAGE_ALIGN, 0);
    cr_assert_eq(match_db_open(&db, image.match, 1), 0);
    match_db_counts(db, &counts);
    cr_assert_eq(counts.patterns, 2);
    cr_assert_eq(counts.hashes, 1);
    match_db_close(db);
    defs_image_close(&image);
    defs_image_close(&image);
    close(result.fd);
    set_remove(&dir);
}

static int image_open_bytes(const uint8_t *bytes, size_t len, bool verify)
{
    const int fd = memfd_create("image", MFD_CLOEXEC);
    struct defs_image image;

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, len), (ssize_t)len);

    const int r = defs_image_open(&image, fd, verify);

    if (r == 0) {
        defs_image_close(&image);
    } else {
        cr_assert_null(image.base);
    }
    close(fd);
    return r;
}

Test(image, every_flipped_byte_of_the_heads_is_noticed)
{
    const struct set_dir dir = image_set();
    const struct set_result result = set_compile(dir.path, false);
    uint8_t *bytes;
    const size_t len = image_read(result.fd, &bytes);

    cr_assert_eq(image_open_bytes(bytes, len, true), 0);
    for (size_t i = 0; i < len; i += i < 512 ? 1 : 127) {
        for (unsigned bit = 0; bit < 8; bit += i < 512 ? 1 : 7) {
            bytes[i] ^= (uint8_t)(1U << bit);
            cr_assert_eq(image_open_bytes(bytes, len, true), -EBADMSG, "byte %zu", i);
            bytes[i] ^= (uint8_t)(1U << bit);
        }
    }
    free(bytes);
    close(result.fd);
    set_remove(&dir);
}

Test(image, without_verifying_what_a_reader_relies_on_is_still_checked)
{
    const struct set_dir dir = image_set();
    const struct set_result result = set_compile(dir.path, false);
    uint8_t *bytes;
    const size_t len = image_read(result.fd, &bytes);
    struct image_info info;

    for (size_t i = 0; i < offsetof(struct image_header, digest); i++) {
        bytes[i] ^= 0x40;
        cr_assert_eq(image_open_bytes(bytes, len, false), -EBADMSG, "byte %zu", i);
        bytes[i] ^= 0x40;
    }
    memcpy(&info, bytes + sizeof(struct image_header), sizeof(info));

    struct image_info broken[6];

    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        broken[i] = info;
    }
    memset(broken[0].name, 'x', sizeof(info.name));
    memset(broken[1].version, '0', sizeof(info.version));
    memset(broken[2].produced, 0, sizeof(info.produced));
    broken[3].match_offset += IMAGE_ALIGN;
    broken[4].match_len++;
    broken[5].certified = 2;
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        memcpy(bytes + sizeof(struct image_header), &broken[i], sizeof(info));
        cr_assert_eq(image_open_bytes(bytes, len, false), -EBADMSG, "case %zu", i);
    }
    free(bytes);
    close(result.fd);
    set_remove(&dir);
}

Test(image, every_truncation_and_every_addition_is_noticed)
{
    const struct set_dir dir = image_set();
    const struct set_result result = set_compile(dir.path, false);
    uint8_t *bytes;
    const size_t len = image_read(result.fd, &bytes);
    uint8_t *longer = calloc(1, len + 1);

    cr_assert_not_null(longer);
    for (size_t cut = 0; cut < len; cut += cut < 512 ? 1 : 251) {
        cr_assert_eq(image_open_bytes(bytes, cut, false), -EBADMSG, "%zu bytes", cut);
    }
    memcpy(longer, bytes, len);
    cr_assert_eq(image_open_bytes(longer, len + 1, false), -EBADMSG);
    free(longer);
    free(bytes);
    close(result.fd);
    set_remove(&dir);
}

Test(image, what_is_no_file_is_no_image)
{
    struct defs_image image;
    int pair[2];

    cr_assert_eq(pipe(pair), 0);
    cr_assert_eq(defs_image_open(&image, pair[0], true), -EBADMSG);
    cr_assert_eq(defs_image_open(&image, -1, true), -EBADF);
    close(pair[0]);
    close(pair[1]);
}

Test(image, a_failing_write_refuses_the_compile)
{
    const struct set_dir dir = image_set();
    const struct defs_compile job = {.path = dir.path};
    struct defs_meta meta;
    struct defs_counts counts;
    char error[DEFS_ERROR_CAP] = "";
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/b.hdb", dir.path);

    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    cr_assert_not(defs_compile(&job, fd, &meta, &counts, error));
    cr_assert(strstr(error, "the image cannot be written") != NULL, "%s", error);
    close(fd);

    /* A limit on the size of files stands for a full disk; it fails in the middle. */
    const int small = open(dir.path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    const struct rlimit limit = {.rlim_cur = 100, .rlim_max = RLIM_INFINITY};
    const struct rlimit none = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

    cr_assert_geq(small, 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_not(defs_compile(&job, small, &meta, &counts, error));
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    cr_assert(strstr(error, "File too large") != NULL, "%s", error);
    close(small);
    set_remove(&dir);
}
