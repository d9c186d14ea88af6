/* SPDX-License-Identifier: MIT */
/* ClamAV's packed databases: what is handed out, what is refused, and who may sign. */
#include "defs/cvd.h"
#include "defs/keys.h"

#include <criterion/criterion.h>

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#define HEADER_LEN 512
#define LIST_HEAD  "ClamAV-VDB:20 Nov 2026 12-49 +0000:3:2:90:X:X:me:1795178977\n"

/* ---- Making containers ---- */

struct maker_member {
    const char *name;
    struct slice bytes;
};

struct maker {
    struct maker_member members[CVD_MEMBERS_MAX + 8];
    size_t members_len;
    bool plain; /* No gzip. */
    bool no_list;
    const char *md5;      /* NULL: the true one. */
    const char *unlisted; /* A member that the list leaves out. */
    const char *extra;    /* Lines behind those of the members. */
    EVP_PKEY *header_key;
    EVP_PKEY *list_key;
};

struct made {
    uint8_t *bytes;
    size_t len;
};

static void maker_add(struct maker *maker, const char *name, struct slice bytes)
{
    cr_assert_lt(maker->members_len, ARRAY_LEN(maker->members));
    maker->members[maker->members_len++] = (struct maker_member){name, bytes};
}

static struct maker maker_of_two(void)
{
    struct maker maker = {0};

    maker_add(&maker, "test.ndb", SLICE_OF("S1:0:*:4d41524b455241414141\n"));
    maker_add(&maker, "test.ldb", SLICE_OF("S2;Engine:51-255,Target:0;0;4d41524b455242424242\n"));
    return maker;
}

/* The lowest digit first. */
static void maker_encode(const BIGNUM *number, char *out)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";
    BIGNUM *rest = BN_dup(number);

    while (!BN_is_zero(rest)) {
        *out++ = digits[BN_mod_word(rest, 64)];
        (void)BN_rshift(rest, rest, 6);
    }
    *out = '\0';
    BN_free(rest);
}

static void maker_sign_header(EVP_PKEY *key, const uint8_t md5[16], char *out)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *plain = BN_bin2bn(md5, 16, NULL);
    BIGNUM *number = BN_new();
    BIGNUM *n = NULL;
    BIGNUM *d = NULL;

    cr_assert_eq(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n), 1);
    cr_assert_eq(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_D, &d), 1);
    cr_assert_eq(BN_mod_exp(number, plain, d, n, ctx), 1);
    maker_encode(number, out);
    BN_free(plain);
    BN_free(number);
    BN_free(n);
    BN_free(d);
    BN_CTX_free(ctx);
}

static void maker_sign_list(EVP_PKEY *key, const char *text, char *out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    uint8_t digest[32];
    uint8_t signature[512];
    size_t len = sizeof(signature);
    BIGNUM *number;

    cr_assert_eq(EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL), 1);
    cr_assert_eq(EVP_PKEY_sign_init(ctx), 1);
    cr_assert_eq(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
    cr_assert_eq(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()), 1);
    cr_assert_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 32), 1);
    cr_assert_eq(EVP_PKEY_sign(ctx, signature, &len, digest, sizeof(digest)), 1);
    number = BN_bin2bn(signature, (int)len, NULL);
    maker_encode(number, out);
    BN_free(number);
    EVP_PKEY_CTX_free(ctx);
}

static char *maker_list(const struct maker *maker)
{
    char *text = calloc(1, KIB(64));
    size_t at = (size_t)snprintf(text, KIB(64), "%s", LIST_HEAD);

    for (size_t i = 0; i < maker->members_len; i++) {
        const struct maker_member *member = &maker->members[i];
        uint8_t digest[32];

        if (maker->unlisted != NULL && strcmp(maker->unlisted, member->name) == 0) {
            continue;
        }
        cr_assert_eq(
            EVP_Digest(member->bytes.ptr, member->bytes.len, digest, NULL, EVP_sha256(), NULL), 1);
        at += (size_t)snprintf(text + at, KIB(64) - at, "%s:%zu:", member->name, member->bytes.len);
        for (size_t b = 0; b < sizeof(digest); b++) {
            at += (size_t)snprintf(text + at, KIB(64) - at, "%02x", digest[b]);
        }
        at += (size_t)snprintf(text + at, KIB(64) - at, "\n");
    }
    if (maker->extra != NULL) {
        at += (size_t)snprintf(text + at, KIB(64) - at, "%s", maker->extra);
    }
    if (maker->list_key != NULL) {
        char dsig[1024];

        maker_sign_list(maker->list_key, text, dsig);
        (void)snprintf(text + at, KIB(64) - at, "DSIG:%s\n", dsig);
    }
    return text;
}

static void maker_write(struct archive *archive, const char *name, struct slice bytes)
{
    struct archive_entry *entry = archive_entry_new();

    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, strcmp(name, "link.ndb") == 0 ? AE_IFLNK : AE_IFREG);
    if (strcmp(name, "link.ndb") == 0) {
        archive_entry_set_symlink(entry, "/etc/passwd");
    }
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)bytes.len);
    cr_assert_eq(archive_write_header(archive, entry), ARCHIVE_OK);
    cr_assert_eq(archive_write_data(archive, bytes.ptr, bytes.len), (la_ssize_t)bytes.len);
    archive_entry_free(entry);
}

static size_t maker_write_all(const struct maker *maker, uint8_t *out, size_t cap)
{
    struct archive *archive = archive_write_new();
    size_t used = 0;
    char *list = maker_list(maker);

    cr_assert_eq(archive_write_set_format_ustar(archive), ARCHIVE_OK);
    cr_assert_eq(maker->plain ? archive_write_add_filter_none(archive)
                              : archive_write_add_filter_gzip(archive),
                 ARCHIVE_OK);
    cr_assert_eq(archive_write_open_memory(archive, out, cap, &used), ARCHIVE_OK);
    maker_write(archive, "COPYING", SLICE_OF("copyright\n"));
    if (!maker->no_list) {
        maker_write(archive, "test.info", slice_from_str(list));
    }
    for (size_t i = 0; i < maker->members_len; i++) {
        maker_write(archive, maker->members[i].name, maker->members[i].bytes);
    }
    cr_assert_eq(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
    free(list);
    return used;
}

static struct made maker_make(const struct maker *maker)
{
    const size_t cap = MIB(2);
    struct made made = {.bytes = malloc(cap)};
    char header[HEADER_LEN + 1];
    char dsig[1024] = "X";
    char hex[33];
    uint8_t md5[16];
    const size_t used = maker_write_all(maker, made.bytes + HEADER_LEN, cap - HEADER_LEN);
    int n;

    made.len = HEADER_LEN + used;
    cr_assert_eq(EVP_Digest(made.bytes + HEADER_LEN, used, md5, NULL, EVP_md5(), NULL), 1);
    for (size_t i = 0; i < sizeof(md5); i++) {
        (void)snprintf(hex + i * 2, 3, "%02x", md5[i]);
    }
    if (maker->header_key != NULL) {
        maker_sign_header(maker->header_key, md5, dsig);
    }
    n = snprintf(header, sizeof(header),
                 "ClamAV-VDB:20 Nov 2026 12-49 +0000:3:2:90:%s:%s:me:1795178977",
                 maker->md5 ? maker->md5 : hex, dsig);
    memset(made.bytes, ' ', HEADER_LEN);
    memcpy(made.bytes, header, (size_t)n);
    return made;
}

/* ---- Opening them ---- */

struct taken {
    size_t len;
    char names[512];
    uint64_t bytes;
    int result;
};

static int taken_take(void *ctx, const char *name, uint8_t *bytes, size_t len)
{
    struct taken *taken = ctx;

    taken->len++;
    taken->bytes += len;
    if (strlen(taken->names) + strlen(name) + 2 < sizeof(taken->names)) {
        (void)strncat(taken->names, name, sizeof(taken->names) - strlen(taken->names) - 1);
        (void)strncat(taken->names, " ", sizeof(taken->names) - strlen(taken->names) - 1);
    }
    free(bytes);
    return taken->result;
}

static int open_made(struct made made, const char *name, struct taken *taken, char *error)
{
    const struct cvd cvd = {.name = name, .file = slice_from(made.bytes, made.len)};

    error[0] = '\0';
    return cvd_open(&cvd, taken_take, taken, error);
}

static void expect_refused(const struct maker *maker, const char *name, const char *why)
{
    struct made made = maker_make(maker);
    struct taken taken = {0};
    char error[CVD_ERROR_CAP];

    cr_expect_eq(open_made(made, name, &taken, error), CVD_REFUSED, "%s", why);
    cr_expect_eq(taken.len, 0, "%s", why);
    cr_expect(strstr(error, why) != NULL, "%s: %s", why, error);
    free(made.bytes);
}

static void expect_good(const struct maker *maker, const char *name)
{
    struct made made = maker_make(maker);
    struct taken taken = {0};
    char error[CVD_ERROR_CAP];

    cr_expect_eq(open_made(made, name, &taken, error), CVD_OK, "%s: %s", name, error);
    cr_expect_str_eq(taken.names, "test.ndb test.ldb ", "%s", name);
    cr_expect_eq(taken.bytes, 77);
    free(made.bytes);
}

Test(cvd, members_come_in_their_order)
{
    struct maker maker = maker_of_two();

    expect_good(&maker, "test.cvd");
    expect_good(&maker, "test.cud");
    maker.plain = true;
    expect_good(&maker, "test.cud");
    maker.md5 = "X";
    expect_good(&maker, "test.cud");
    maker.md5 = "00000000000000000000000000000000";
    expect_good(&maker, "test.cld");
    expect_good(&maker, "TEST.CLD");
}

Test(cvd, what_does_not_agree_with_itself_is_refused)
{
    struct maker maker = maker_of_two();

    maker.md5 = "00000000000000000000000000000000";
    expect_refused(&maker, "test.cvd", "MD5");
    maker.md5 = "short";
    expect_refused(&maker, "test.cvd", "MD5");
    maker = maker_of_two();
    maker.no_list = true;
    expect_refused(&maker, "test.cvd", "(.info) is missing");
    maker = maker_of_two();
    maker.unlisted = "test.ldb";
    expect_refused(&maker, "test.cvd", "test.ldb is not in the list");
    maker = maker_of_two();
    maker.extra = "gone.ndb:1:"
                  "0000000000000000000000000000000000000000000000000000000000000000\n";
    expect_refused(&maker, "test.cvd", "gone.ndb is listed but not there");
    maker.extra = "test.ndb:28:"
                  "0000000000000000000000000000000000000000000000000000000000000000\n";
    expect_refused(&maker, "test.cvd", "test.ndb is not what");
    maker.extra = "test.ndb:x\n";
    expect_refused(&maker, "test.cvd", "a line that is none");
    maker.extra = "DSIG:abc\nmore\n";
    expect_refused(&maker, "test.cvd", "behind its end");
    maker = maker_of_two();
    maker_add(&maker, "other.info", SLICE_OF(LIST_HEAD));
    expect_refused(&maker, "test.cvd", "two lists");
    maker = maker_of_two();
    maker_add(&maker, "test.ndb", SLICE_OF("x"));
    expect_refused(&maker, "test.cvd", "test.ndb is there twice");
}

Test(cvd, members_are_plain_files_with_plain_names)
{
    static const char *const names[] = {"../x.ndb", "/x.ndb", "a/b.ndb", ".ndb",
                                        "a:b",      "a b",    "\x80.ndb"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct maker maker = maker_of_two();

        maker_add(&maker, names[i], SLICE_OF("x"));
        expect_refused(&maker, "test.cvd", "none of a database");
    }

    struct maker maker = maker_of_two();

    maker_add(&maker, "link.ndb", SLICE_OF(""));
    expect_refused(&maker, "test.cvd", "no plain file");
}

Test(cvd, too_many_members)
{
    static char names[CVD_MEMBERS_MAX][16];
    struct maker maker = maker_of_two();

    for (size_t i = 0; i < CVD_MEMBERS_MAX; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "m%zu.ndb", i);
        maker_add(&maker, names[i], SLICE_OF("x"));
    }
    expect_refused(&maker, "test.cvd", "more than 256 members");
}

Test(cvd, what_unpacks_to_too_much_is_refused_before_it_does)
{
    static uint8_t zeros[MIB(24)];
    struct maker maker = maker_of_two();

    maker_add(&maker, "zeros.ndb", slice_from(zeros, sizeof(zeros)));
    expect_refused(&maker, "test.cvd", "times the container's bytes");
}

Test(cvd, a_size_that_nothing_stands_behind_takes_no_memory)
{
    struct maker maker = maker_of_two();
    struct made made;
    struct taken taken = {0};
    char error[CVD_ERROR_CAP];
    uint8_t *size;
    unsigned sum = 0;

    maker.plain = true;
    maker.md5 = "X";
    made = maker_make(&maker);

    /* The first header of the tar: 7 GiB, with the checksum put right. */
    size = made.bytes + HEADER_LEN + 124;
    memcpy(size, "70000000000", 11);
    memset(made.bytes + HEADER_LEN + 148, ' ', 8);
    for (size_t i = 0; i < 512; i++) {
        sum += made.bytes[HEADER_LEN + i];
    }
    (void)snprintf((char *)made.bytes + HEADER_LEN + 148, 8, "%06o", sum);
    cr_assert_eq(open_made(made, "test.cud", &taken, error), CVD_REFUSED);
    cr_assert(strstr(error, "more than 2147483648 bytes") != NULL, "%s", error);

    /* 1 GiB passes as a size, and is then found to be cut off. */
    memcpy(size, "10000000000", 11);
    memset(made.bytes + HEADER_LEN + 148, ' ', 8);
    sum = 0;
    for (size_t i = 0; i < 512; i++) {
        sum += made.bytes[HEADER_LEN + i];
    }
    (void)snprintf((char *)made.bytes + HEADER_LEN + 148, 8, "%06o", sum);
    cr_assert_eq(open_made(made, "test.cud", &taken, error), CVD_REFUSED);
    cr_assert(strstr(error, "cut off") != NULL, "%s", error);
    free(made.bytes);
}

Test(cvd, a_file_cut_anywhere_is_refused)
{
    struct maker maker = maker_of_two();
    struct made made = maker_make(&maker);

    for (size_t len = 0; len < made.len; len++) {
        struct taken taken = {0};
        char error[CVD_ERROR_CAP];

        cr_assert_eq(open_made((struct made){made.bytes, len}, "test.cvd", &taken, error),
                     CVD_REFUSED, "%zu", len);
        cr_assert(error[0] != '\0');
    }
    free(made.bytes);

    /* Without the MD5 the list of members has to notice. The end of the tar is only padding. */
    maker.plain = true;
    made = maker_make(&maker);
    for (size_t len = 0; len < made.len; len += 8) {
        struct taken taken = {0};
        char error[CVD_ERROR_CAP];
        const int r = open_made((struct made){made.bytes, len}, "test.cld", &taken, error);

        cr_assert(r == CVD_REFUSED || (len >= HEADER_LEN + 8 * 512 && taken.len == 2), "%zu: %s",
                  len, error);
    }
    free(made.bytes);
}

Test(cvd, a_changed_bit_never_changes_a_member)
{
    struct maker maker = maker_of_two();
    struct made made;

    maker.plain = true;
    made = maker_make(&maker);
    for (size_t i = 0; i < made.len; i++) {
        struct taken taken = {0};
        char error[CVD_ERROR_CAP];

        made.bytes[i] ^= 1U << i % 8;
        if (open_made(made, "test.cld", &taken, error) == CVD_OK) {
            cr_assert_str_eq(taken.names, "test.ndb test.ldb ");
            cr_assert_eq(taken.bytes, 77);
        }
        for (const char *c = error; *c != '\0'; c++) {
            cr_assert(*c >= 0x20 && *c <= 0x7e);
        }
        made.bytes[i] ^= 1U << i % 8;
    }
    free(made.bytes);
}

Test(cvd, a_taker_that_fails_ends_it)
{
    struct maker maker = maker_of_two();
    struct made made = maker_make(&maker);
    struct taken taken = {.result = -ENOSPC};
    char error[CVD_ERROR_CAP];

    cr_assert_eq(open_made(made, "test.cvd", &taken, error), -ENOSPC);
    cr_assert_eq(taken.len, 1);
    free(made.bytes);
}

/* ---- Signatures ---- */

static int open_with(struct made made, const struct keys *keys, struct slice signature,
                     bool require, char *error)
{
    const struct cvd cvd = {
        .name = "test.cvd",
        .file = slice_from(made.bytes, made.len),
        .signature = signature,
        .keys = keys,
        .require_signature = require,
    };
    struct taken taken = {0};

    error[0] = '\0';
    return cvd_open(&cvd, taken_take, &taken, error);
}

static struct keys keys_of(EVP_PKEY *key)
{
    return (struct keys){.list = {key}, .len = 1};
}

Test(cvd, header_and_list_are_signed_by_a_trusted_key_or_refused)
{
    EVP_PKEY *own = EVP_RSA_gen(1024);
    EVP_PKEY *own_list = EVP_RSA_gen(2048);
    EVP_PKEY *other = EVP_RSA_gen(2048);
    const struct keys none = {0};
    const struct keys keys[] = {keys_of(own), keys_of(own_list), keys_of(other)};
    static const struct {
        bool header;
        bool list;
        int good[3]; /* By each of the keys. */
    } rows[] = {
        {true, false, {CVD_OK, CVD_REFUSED, CVD_REFUSED}},
        {false, true, {CVD_REFUSED, CVD_OK, CVD_REFUSED}},
        {true, true, {CVD_OK, CVD_OK, CVD_REFUSED}},
        {false, false, {CVD_OK, CVD_OK, CVD_OK}},
    };
    char error[CVD_ERROR_CAP];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct maker maker = maker_of_two();
        struct made made;

        maker.header_key = rows[i].header ? own : NULL;
        maker.list_key = rows[i].list ? own_list : NULL;
        made = maker_make(&maker);
        cr_expect_eq(open_with(made, NULL, slice_from(NULL, 0), false, error), CVD_OK, "%s", error);
        cr_expect_eq(open_with(made, &none, slice_from(NULL, 0), false, error), CVD_OK);
        cr_expect_eq(open_with(made, NULL, slice_from(NULL, 0), true, error), CVD_REFUSED);
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            const bool is_signed = rows[i].header || rows[i].list;

            cr_expect_eq(open_with(made, &keys[k], slice_from(NULL, 0), false, error),
                         rows[i].good[k], "row %zu, key %zu: %s", i, k, error);
            cr_expect_eq(open_with(made, &keys[k], slice_from(NULL, 0), true, error),
                         is_signed ? rows[i].good[k] : CVD_REFUSED, "row %zu, key %zu", i, k);
        }
        free(made.bytes);
    }
    EVP_PKEY_free(own);
    EVP_PKEY_free(own_list);
    EVP_PKEY_free(other);
}

static X509 *certificate_of(EVP_PKEY *key, EVP_PKEY *issuer)
{
    X509 *certificate = X509_new();
    X509_NAME *name;

    (void)X509_set_version(certificate, X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), -3600);
    (void)X509_set_pubkey(certificate, key);
    name = X509_get_subject_name(certificate);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1,
                                     -1, 0);
    (void)X509_set_issuer_name(certificate, name);
    cr_assert_gt(X509_sign(certificate, issuer, EVP_sha256()), 0);
    return certificate;
}

/* As a .sign file holds it. */
static char *sign_detached(struct made made, EVP_PKEY *key, EVP_PKEY *issuer, const char *start)
{
    X509 *certificate = certificate_of(key, issuer);
    BIO *content = BIO_new_mem_buf(made.bytes, (int)made.len);
    CMS_ContentInfo *cms =
        CMS_sign(certificate, key, NULL, content, CMS_DETACHED | CMS_BINARY | CMS_NOATTR);
    uint8_t *der = NULL;
    const int der_len = i2d_CMS_ContentInfo(cms, &der);
    char *text = calloc(1, (size_t)der_len * 2 + 256);
    const size_t n = strlen(start);

    cr_assert_gt(der_len, 0);
    memcpy(text, start, n);
    (void)EVP_EncodeBlock((unsigned char *)text + n, der, der_len);
    text[strlen(text)] = '\n';
    OPENSSL_free(der);
    CMS_ContentInfo_free(cms);
    BIO_free(content);
    X509_free(certificate);
    return text;
}

Test(cvd, a_detached_signature_counts_for_the_whole_file)
{
    EVP_PKEY *own = EVP_RSA_gen(2048);
    EVP_PKEY *issuer = EVP_EC_gen("P-256");
    EVP_PKEY *other = EVP_RSA_gen(2048);
    const struct keys own_keys = keys_of(own);
    const struct keys issuer_keys = keys_of(issuer);
    const struct keys other_keys = keys_of(other);
    struct maker maker = maker_of_two();
    struct made made = maker_make(&maker);
    char *good = sign_detached(made, own, issuer, "#clamsign-1.0\n230::pkcs7-pem:");
    char *late = sign_detached(made, own, issuer, "#clamsign-1.0\n241::pkcs7-pem:");
    char *form = sign_detached(made, own, issuer, "#clamsign-1.0\n230::other:");
    char *magic = sign_detached(made, own, issuer, "#other-1.0\n230::pkcs7-pem:");
    char error[CVD_ERROR_CAP];

    cr_expect_eq(open_with(made, &own_keys, slice_from_str(good), true, error), CVD_OK, "%s",
                 error);
    cr_expect_eq(open_with(made, &issuer_keys, slice_from_str(good), true, error), CVD_OK, "%s",
                 error);
    cr_expect_eq(open_with(made, &other_keys, slice_from_str(good), false, error), CVD_REFUSED);
    cr_expect_eq(open_with(made, &own_keys, slice_from_str(late), false, error), CVD_REFUSED);
    cr_expect_eq(open_with(made, &own_keys, slice_from_str(form), false, error), CVD_REFUSED);
    cr_expect_eq(open_with(made, &own_keys, slice_from_str(magic), false, error), CVD_REFUSED);
    for (size_t i = 0; i < strlen(good); i += 7) {
        const char kept = good[i];

        good[i] = kept == 'A' ? 'B' : 'A';
        (void)open_with(made, &own_keys, slice_from_str(good), true, error);
        (void)open_with(made, &own_keys, slice_from(good, i), true, error);
        good[i] = kept;
    }

    /* Of another file, though one that agrees with itself. */
    struct maker second = maker_of_two();
    struct made changed;

    second.plain = true;
    changed = maker_make(&second);
    cr_expect_eq(open_with(changed, &own_keys, slice_from_str(good), true, error), CVD_REFUSED);
    free(changed.bytes);
    free(made.bytes);
    free(good);
    free(late);
    free(form);
    free(magic);
    EVP_PKEY_free(own);
    EVP_PKEY_free(issuer);
    EVP_PKEY_free(other);
}

Test(cvd, the_signature_beside_it_is_found_by_name_and_version)
{
    struct maker maker = maker_of_two();
    struct made made = maker_make(&maker);
    struct cvd cvd = {.name = "main.cvd", .file = slice_from(made.bytes, made.len)};
    char name[CVD_NAME_CAP];

    cr_assert(cvd_name_signature(&cvd, name));
    cr_assert_str_eq(name, "main-3.cvd.sign");
    cvd.name = "main";
    cr_assert_not(cvd_name_signature(&cvd, name));
    cvd.name = "main.cvd";
    cvd.file.len = 511;
    cr_assert_not(cvd_name_signature(&cvd, name));
    free(made.bytes);
}
