/* SPDX-License-Identifier: MIT */
#include "defs/package.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_new(void)
{
    const int fd = memfd_create("package", MFD_CLOEXEC);

    cr_assert_geq(fd, 0);
    return fd;
}

static size_t file_read(int fd, uint8_t **out)
{
    struct stat st;

    cr_assert_eq(fstat(fd, &st), 0);
    *out = malloc((size_t)st.st_size + 1);
    cr_assert_eq(pread(fd, *out, (size_t)st.st_size, 0), st.st_size);
    return (size_t)st.st_size;
}

static void folder_put(const char *folder, const char *name, const char *text)
{
    char path[512];
    FILE *file;

    cr_assert_lt(snprintf(path, sizeof(path), "%s/%s", folder, name), (int)sizeof(path));
    file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    cr_assert_eq(fclose(file), 0);
}

static void folder_new(char out[64])
{
    snprintf(out, 64, "/tmp/baleen-test-package-XXXXXX");
    cr_assert_not_null(mkdtemp(out));
}

static void folder_remove(const char *path)
{
    char command[600];

    snprintf(command, sizeof(command), "rm -r '%s'", path);
    cr_assert_eq(system(command), 0);
}

/* A set with a folder inside. */
static void set_new(char out[64], const char *line)
{
    char inside[128];

    folder_new(out);
    folder_put(out, "set.yaml", "name: trial\nversion: 20261120.007\nsequence: 9\n");
    folder_put(out, "a.ndb", line);
    snprintf(inside, sizeof(inside), "%s/hosts", out);
    cr_assert_eq(mkdir(inside, 0755), 0);
    folder_put(inside, "ads.txt", "127.0.0.1 ads.example\n");
    folder_put(out, ".hidden", "not packed\n");
}

static int set_pack(const char *folder)
{
    char error[DEFS_ERROR_CAP] = "";
    const int fd = file_new();

    cr_assert(package_pack(folder, fd, error), "%s", error);
    return fd;
}

static int pack_of(const char *line)
{
    char folder[64];
    int fd;

    set_new(folder, line);
    fd = set_pack(folder);
    folder_remove(folder);
    return fd;
}

static EVP_PKEY *key_new(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    cr_assert_not_null(key);
    return key;
}

Test(package, a_set_comes_back_as_it_was)
{
    const int fd = pack_of("Trial:0:*:414243444546\n");
    char error[DEFS_ERROR_CAP] = "";
    struct package package;
    char folder[64];
    char path[128];
    char text[64] = "";
    FILE *file;
    int dir_fd;

    cr_assert(package_is(fd));
    cr_assert(package_open(&package, fd, error), "%s", error);
    cr_expect_str_eq(package.manifest.meta.name, "trial");
    cr_expect_str_eq(package.manifest.meta.version, "20261120.007");
    cr_expect_eq(package.manifest.meta.sequence, 9);
    cr_expect_eq(package.manifest.files.len, 3);
    cr_expect_not(package.is_signed);
    cr_expect(package_check(&package, error), "%s", error);
    folder_new(folder);
    dir_fd = open(folder, O_RDONLY | O_DIRECTORY);
    cr_assert(package_unpack(&package, dir_fd, error), "%s", error);
    snprintf(path, sizeof(path), "%s/hosts/ads.txt", folder);
    file = fopen(path, "r");
    cr_assert_not_null(file);
    cr_assert_not_null(fgets(text, sizeof(text), file));
    cr_expect_str_eq(text, "127.0.0.1 ads.example\n");
    fclose(file);
    /* Into a folder that is not empty nothing is written over. */
    cr_expect_not(package_unpack(&package, dir_fd, error));
    close(dir_fd);
    folder_remove(folder);
    package_close(&package);
    close(fd);
}

Test(package, the_same_set_gives_the_same_bytes)
{
    const int fds[] = {pack_of("Trial:0:*:4142\n"), pack_of("Trial:0:*:4142\n")};
    uint8_t *bytes[2];
    const size_t len = file_read(fds[0], &bytes[0]);

    cr_assert_eq(file_read(fds[1], &bytes[1]), len);
    cr_expect_arr_eq(bytes[0], bytes[1], len);
    for (int i = 0; i < 2; i++) {
        free(bytes[i]);
        close(fds[i]);
    }
}

Test(package, a_set_without_description_gets_one)
{
    char error[DEFS_ERROR_CAP] = "";
    struct package package;
    char folder[64];
    int fd;

    folder_new(folder);
    folder_put(folder, "a.ndb", "Trial:0:*:414243444546\n");
    fd = set_pack(folder);
    cr_assert(package_open(&package, fd, error), "%s", error);
    cr_expect_eq(package.manifest.files.len, 2);
    cr_expect_str_eq(package.manifest.meta.name, strrchr(folder, '/') + 1);
    package_close(&package);
    close(fd);
    folder_remove(folder);
}

Test(package, signatures_are_by_trusted_keys)
{
    const int fd = pack_of("Trial:0:*:414243444546\n");
    const int signed_fd = file_new();
    EVP_PKEY *key = key_new();
    const struct keys trusted = {.list = {key_new(), key}, .len = 2};
    const struct keys strange = {.list = {trusted.list[0]}, .len = 1};
    const struct keys none = {.len = 0};
    char error[DEFS_ERROR_CAP] = "";
    struct package package;

    cr_assert(package_open(&package, fd, error), "%s", error);
    cr_expect(package_trust(&package, &trusted, false, error), "%s", error);
    cr_expect_not(package_trust(&package, &trusted, true, error));
    cr_assert(package_sign(&package, key, signed_fd, error), "%s", error);
    package_close(&package);

    cr_assert(package_open(&package, signed_fd, error), "%s", error);
    cr_expect(package.is_signed);
    cr_expect(package_trust(&package, &trusted, true, error), "%s", error);
    cr_expect(package_trust(&package, &none, false, error), "%s", error);
    cr_expect_not(package_trust(&package, &none, true, error));
    cr_expect_not(package_trust(&package, &strange, false, error));
    cr_expect(package_check(&package, error), "%s", error);
    package.text[package.text_len / 2] ^= 1;
    cr_expect_not(package_trust(&package, &trusted, false, error));
    package_close(&package);
    EVP_PKEY_free(trusted.list[0]);
    EVP_PKEY_free(key);
    close(fd);
    close(signed_fd);
}

/*
 * Behind the signature a compressor could have made other bytes of the same tar: a few changes
 * there do not change what comes out, and the tar's digest says so.
 */
Test(package, every_changed_byte_is_noticed)
{
    const int fd = pack_of("Trial:0:*:414243444546\n");
    char error[DEFS_ERROR_CAP];
    struct package package;
    uint8_t *bytes;
    const size_t len = file_read(fd, &bytes);
    EVP_PKEY *key = key_new();
    const struct keys trusted = {.list = {key}, .len = 1};
    const int signed_fd = file_new();

    cr_assert(package_open(&package, fd, error));
    cr_assert(package_sign(&package, key, signed_fd, error));
    package_close(&package);
    free(bytes);
    const size_t signed_len = file_read(signed_fd, &bytes);
    size_t harmless = 0;

    cr_assert_eq(signed_len, len + 8 + PACKAGE_SIGNATURE_LEN);
    for (size_t i = 0; i < signed_len; i++) {
        uint8_t byte = (uint8_t)(bytes[i] ^ 0x10);
        uint64_t tar_at = 0;
        bool good;

        cr_assert_eq(pwrite(signed_fd, &byte, 1, (off_t)i), 1);
        good = package_open(&package, signed_fd, error);
        if (good) {
            tar_at = package.tar_at;
            good = package_trust(&package, &trusted, true, error) && package_check(&package, error);
            package_close(&package);
        }
        cr_expect(!good || i >= tar_at, "byte %zu", i);
        harmless += good;
        cr_assert_eq(pwrite(signed_fd, &bytes[i], 1, (off_t)i), 1);
    }
    cr_expect_lt(harmless, 10);
    free(bytes);
    EVP_PKEY_free(key);
    close(fd);
    close(signed_fd);
}

Test(package, every_cut_is_noticed)
{
    const int fd = pack_of("Trial:0:*:414243444546\n");
    char error[DEFS_ERROR_CAP];
    struct package package;
    uint8_t *bytes;
    const size_t len = file_read(fd, &bytes);

    for (size_t cut = len; cut-- > 0;) {
        cr_assert_eq(ftruncate(fd, (off_t)cut), 0);
        if (package_open(&package, fd, error)) {
            cr_expect_not(package_check(&package, error), "cut at %zu", cut);
            package_close(&package);
        }
    }
    free(bytes);
    close(fd);
}

static char *long_line(unsigned seed)
{
    static char lines[1 << 20];
    size_t len = 0;

    for (unsigned i = 0; len < sizeof(lines) - 100; i++) {
        len +=
            (size_t)snprintf(lines + len, 100, "Trial-%u:0:*:%08x%08x%08x\n", i,
                             i * 2654435761U ^ (i == 777 ? seed : 0), i * 40503U, i ^ 0x5bd1e995);
    }
    return lines;
}

Test(package, a_delta_makes_the_new_package_of_the_old)
{
    EVP_PKEY *key = key_new();
    const struct keys trusted = {.list = {key}, .len = 1};
    const int old_fd = pack_of(long_line(0));
    const int new_fd = pack_of(long_line(1));
    const int signed_fd = file_new();
    const int delta_fd = file_new();
    const int made_fd = file_new();
    char error[DEFS_ERROR_CAP] = "";
    struct package old;
    struct package new;
    struct package delta;
    struct package made;
    struct stat sizes[2];

    cr_assert(package_open(&old, old_fd, error));
    cr_assert(package_open(&new, new_fd, error));
    cr_assert(package_sign(&new, key, signed_fd, error), "%s", error);
    package_close(&new);
    cr_assert(package_open(&new, signed_fd, error), "%s", error);
    cr_assert(package_diff(&old, &new, delta_fd, error), "%s", error);
    cr_assert(package_open(&delta, delta_fd, error), "%s", error);
    cr_expect(delta.is_delta);
    cr_expect_not(package_check(&delta, error));
    cr_expect_not(package_patch(&new, &delta, made_fd, error), "made from another package");
    cr_assert_eq(ftruncate(made_fd, 0), 0);
    cr_assert(package_patch(&old, &delta, made_fd, error), "%s", error);
    cr_assert(package_open(&made, made_fd, error), "%s", error);
    cr_expect(package_trust(&made, &trusted, true, error), "%s", error);
    cr_expect(package_check(&made, error), "%s", error);
    cr_expect_arr_eq(made.manifest.tar_digest, new.manifest.tar_digest, DEFS_DIGEST_LEN);
    cr_assert_eq(fstat(delta_fd, &sizes[0]), 0);
    cr_assert_eq(fstat(new_fd, &sizes[1]), 0);
    cr_expect_lt(sizes[0].st_size, sizes[1].st_size / 20);
    package_close(&old);
    package_close(&new);
    package_close(&delta);
    package_close(&made);
    EVP_PKEY_free(key);
    close(old_fd);
    close(new_fd);
    close(signed_fd);
    close(delta_fd);
    close(made_fd);
}

Test(package, paths_stay_below_the_folder)
{
    static const char *const good[] = {"a", "a.ndb", "url/ads/domains", "x..y"};
    static const char *const bad[] = {"",    "/a", "../a", "a/../b", "a//b", "a/",
                                      "./a", ".a", "a/.b", "a\nb",   "a\\b"};

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        cr_expect(manifest_path_ok(good[i]), "%s", good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cr_expect_not(manifest_path_ok(bad[i]), "%s", bad[i]);
    }
}

#define ZEROS_64 "0000000000000000000000000000000000000000000000000000000000000000"
#define MANIFEST_OF(files)                                                                         \
    "{\"format\":1,\"name\":\"n\",\"version\":\"v\",\"sequence\":1,\"certified\":false,"           \
    "\"produced\":\"p\",\"tar\":{\"bytes\":1024,\"sha256\":\"" ZEROS_64 "\"},\"files\":[" files    \
    "]}"
#define FILE_OF(path) "{\"path\":\"" path "\",\"bytes\":1,\"sha256\":\"" ZEROS_64 "\"}"

Test(package, manifests_are_read_strictly)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        MANIFEST_OF(""),
        MANIFEST_OF(FILE_OF("a") "," FILE_OF("a")),
        MANIFEST_OF(FILE_OF("b") "," FILE_OF("a")),
        MANIFEST_OF(FILE_OF("../a")),
        MANIFEST_OF("{\"path\":\"a\",\"bytes\":-1,\"sha256\":\"" ZEROS_64 "\"}"),
        MANIFEST_OF("{\"path\":\"a\",\"bytes\":5000000000,\"sha256\":\"" ZEROS_64 "\"}"),
        MANIFEST_OF("{\"path\":\"a\",\"bytes\":1,\"sha256\":\"00\"}"),
        MANIFEST_OF("{\"path\":\"a\",\"bytes\":1,\"sha256\":\"" ZEROS_64 "\",\"x\":1}"),
    };
    char error[DEFS_ERROR_CAP];
    struct manifest manifest;

    cr_assert(
        manifest_parse(&manifest, SLICE_OF(MANIFEST_OF(FILE_OF("a") "," FILE_OF("b"))), error),
        "%s", error);
    cr_expect_eq(manifest.files.len, 2);
    manifest_free(&manifest);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cr_expect_not(manifest_parse(&manifest, slice_from_str(bad[i]), error), "%s", bad[i]);
    }
}
