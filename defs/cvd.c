/* SPDX-License-Identifier: MIT */
#include "defs/cvd.h"

#include "base/assert.h"
#include "base/err.h"
#include "defs/cvd_private.h"

#include <archive.h>
#include <archive_entry.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CVD_PREFIX "ClamAV-VDB:"

struct cvd_member {
    char name[CVD_NAME_CAP];
    uint8_t *bytes;
    size_t len;
    bool listed;
};

struct cvd_job {
    const struct cvd *cvd;
    struct cvd_header header;
    struct cvd_member *members;
    size_t members_len;
    uint64_t unpacked;
    bool is_signed; /* A signature of some kind is there ... */
    bool verified;  /* ... and one of them is by a trusted key. */
    char *error;
};

/* CVD_REFUSED, so that callers can return it. */
PRINTF_LIKE(2, 3) static int cvd_refuse(const struct cvd_job *job, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(job->error, CVD_ERROR_CAP, format, args);
    va_end(args);
    for (char *c = job->error; *c != '\0'; c++) {
        if (*c < 0x20 || *c > 0x7e) {
            *c = '?';
        }
    }
    return CVD_REFUSED;
}

static bool cvd_name_ends(const char *name, const char *end)
{
    const size_t len = strlen(name);
    const size_t end_len = strlen(end);

    return len > end_len && strcasecmp(name + len - end_len, end) == 0;
}

/* ---- Header ---- */

bool cvd_parse_header(struct slice text, struct cvd_header *out)
{
    const struct slice prefix = SLICE_OF(CVD_PREFIX);
    struct slice rest = slice_from(text.ptr, MIN_OF(text.len, (size_t)CVD_HEADER_LEN));
    uint64_t number;

    if (rest.len < prefix.len || memcmp(rest.ptr, prefix.ptr, prefix.len) != 0) {
        return false;
    }
    rest = slice_skip(rest, prefix.len);
    out->built = slice_split(&rest, ':');
    out->version = slice_split(&rest, ':');
    out->signatures = slice_split(&rest, ':');
    out->level = slice_split(&rest, ':');
    out->md5 = slice_split(&rest, ':');
    out->dsig = slice_split(&rest, ':');
    out->builder = slice_trim(slice_split(&rest, ':'));
    return slice_parse_u64(out->version, &number) && slice_parse_u64(out->signatures, &number) &&
           slice_parse_u64(out->level, &number) && out->md5.len > 0 && out->dsig.len > 0;
}

bool cvd_name_signature(const struct cvd *cvd, char out[CVD_NAME_CAP])
{
    const char *dot = strrchr(cvd->name, '.');
    struct cvd_header header;
    int n;

    if (dot == NULL || cvd->file.len < CVD_HEADER_LEN || !cvd_parse_header(cvd->file, &header)) {
        return false;
    }
    n = snprintf(out, CVD_NAME_CAP, "%.*s-%.*s%s.sign", (int)(dot - cvd->name), cvd->name,
                 (int)header.version.len, (const char *)header.version.ptr, dot);
    return n > 0 && n < CVD_NAME_CAP;
}

/*
 * A patched container (.cld) keeps the header of what it was made from, so there the MD5 says
 * nothing and the list of members has to do.
 */
static int cvd_check_header(struct cvd_job *job)
{
    const struct slice body = slice_skip(job->cvd->file, CVD_HEADER_LEN);
    uint8_t told[CVD_MD5_LEN];
    uint8_t md5[CVD_MD5_LEN];

    job->is_signed = !cvd_is_none(job->header.dsig);
    if (cvd_name_ends(job->cvd->name, ".cld") || cvd_is_none(job->header.md5)) {
        return CVD_OK;
    }
    if (EVP_Digest(body.ptr, body.len, md5, NULL, EVP_md5(), NULL) != 1) {
        return ERR_NEW(-ENOMEM);
    }
    if (!slice_parse_hex(job->header.md5, told, sizeof(told)) ||
        memcmp(told, md5, sizeof(md5)) != 0) {
        return cvd_refuse(job, "the MD5 of the content is not what the header says");
    }
    job->verified = job->is_signed && job->cvd->keys != NULL &&
                    cvd_verify_header(job->cvd->keys, job->header.dsig, md5);
    return CVD_OK;
}

/* ---- Members ---- */

static struct cvd_member *cvd_find_member(const struct cvd_job *job, struct slice name)
{
    for (size_t i = 0; i < job->members_len; i++) {
        if (slice_equal(slice_from_str(job->members[i].name), name)) {
            return &job->members[i];
        }
    }
    return NULL;
}

/* The name of a file without folders, in printable ASCII. */
static bool cvd_is_name(const char *name)
{
    if (name == NULL || name[0] == '\0' || name[0] == '.' || strlen(name) >= CVD_NAME_CAP) {
        return false;
    }
    for (const char *c = name; *c != '\0'; c++) {
        if (*c <= ' ' || *c > 0x7e || *c == '/' || *c == ':') {
            return false;
        }
    }
    return true;
}

/* Before anything is allocated for it. */
static int cvd_check_entry(const struct cvd_job *job, struct archive_entry *entry)
{
    const char *name = archive_entry_pathname(entry);
    const int64_t size = archive_entry_size(entry);

    if (!cvd_is_name(name)) {
        return cvd_refuse(job, "a member has a name that is none of a database");
    }
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != NULL ||
        archive_entry_sparse_count(entry) > 0) {
        return cvd_refuse(job, "%s is no plain file", name);
    }
    if (job->members_len == CVD_MEMBERS_MAX) {
        return cvd_refuse(job, "there are more than %d members", CVD_MEMBERS_MAX);
    }
    if (cvd_find_member(job, slice_from_str(name)) != NULL) {
        return cvd_refuse(job, "%s is there twice", name);
    }
    if (size < 0 || (uint64_t)size > CVD_UNPACKED_MAX - job->unpacked) {
        return cvd_refuse(job, "the members have more than %zu bytes", (size_t)CVD_UNPACKED_MAX);
    }
    return CVD_OK;
}

static int cvd_check_unpacked(const struct cvd_job *job)
{
    if (job->unpacked > CVD_RATIO_FROM && job->unpacked / CVD_RATIO_MAX > job->cvd->file.len) {
        return cvd_refuse(job, "the members have more than %d times the container's bytes",
                          CVD_RATIO_MAX);
    }
    return CVD_OK;
}

/* Grows as bytes come, for the size is only what the tar says of itself. */
static int cvd_read_bytes(struct cvd_job *job, struct archive *archive, struct cvd_member *member,
                          size_t size)
{
    size_t cap = 0;

    while (member->len < size) {
        if (member->len == cap) {
            cap = MIN_OF(size, MAX_OF(cap * 2, KIB(256)));

            uint8_t *grown = realloc(member->bytes, cap);

            if (grown == NULL) {
                return ERR_NEW(-ENOMEM);
            }
            member->bytes = grown;
        }

        const la_ssize_t n =
            archive_read_data(archive, member->bytes + member->len, cap - member->len);

        if (n <= 0) {
            return cvd_refuse(job, "%s is cut off", member->name);
        }
        member->len += (size_t)n;
        job->unpacked += (size_t)n;

        const int r = cvd_check_unpacked(job);

        if (r != CVD_OK) {
            return r;
        }
    }
    return CVD_OK;
}

static int cvd_read_member(struct cvd_job *job, struct archive *archive,
                           struct archive_entry *entry)
{
    struct cvd_member *member = &job->members[job->members_len];
    const int r = cvd_check_entry(job, entry);

    if (r != CVD_OK) {
        return r;
    }
    (void)snprintf(member->name, sizeof(member->name), "%s", archive_entry_pathname(entry));
    job->members_len++;
    return cvd_read_bytes(job, archive, member, (size_t)archive_entry_size(entry));
}

static int cvd_read_archive(struct cvd_job *job, struct archive *archive)
{
    const struct slice body = slice_skip(job->cvd->file, CVD_HEADER_LEN);
    struct archive_entry *entry;
    int r;

    if (archive_read_support_filter_gzip(archive) != ARCHIVE_OK ||
        archive_read_support_format_tar(archive) != ARCHIVE_OK ||
        archive_read_open_memory(archive, body.ptr, body.len) != ARCHIVE_OK) {
        return cvd_refuse(job, "what follows the header is no tar");
    }
    while ((r = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
        r = cvd_read_member(job, archive, entry);
        if (r != CVD_OK) {
            return r;
        }
    }
    return r == ARCHIVE_EOF ? CVD_OK : cvd_refuse(job, "the tar behind the header is broken");
}

static int cvd_read_members(struct cvd_job *job)
{
    struct archive *archive = archive_read_new();

    if (archive == NULL) {
        return ERR_NEW(-ENOMEM);
    }

    const int r = cvd_read_archive(job, archive);

    (void)archive_read_free(archive);
    return r;
}

/* ---- List ---- */

static bool cvd_is_list(const struct cvd_member *member)
{
    return cvd_name_ends(member->name, ".info");
}

static bool cvd_is_licence(const struct cvd_member *member)
{
    return strcmp(member->name, "COPYING") == 0;
}

/* "name:size:sha256". */
static int cvd_check_listed(const struct cvd_job *job, struct slice line)
{
    const struct slice name = slice_split(&line, ':');
    const struct slice size_text = slice_split(&line, ':');
    struct cvd_member *member = cvd_find_member(job, name);
    uint8_t told[CVD_SHA256_LEN];
    uint8_t digest[CVD_SHA256_LEN];
    uint64_t size;

    if (!slice_parse_u64(size_text, &size) || !slice_parse_hex(line, told, sizeof(told))) {
        return cvd_refuse(job, "the list of members has a line that is none");
    }
    if (member == NULL) {
        return cvd_refuse(job, "%.*s is listed but not there", (int)MIN_OF(name.len, 100),
                          (const char *)name.ptr);
    }
    if (EVP_Digest(member->bytes, member->len, digest, NULL, EVP_sha256(), NULL) != 1) {
        return ERR_NEW(-ENOMEM);
    }
    if (size != member->len || memcmp(digest, told, sizeof(digest)) != 0) {
        return cvd_refuse(job, "%s is not what the list of members says", member->name);
    }
    member->listed = true;
    return CVD_OK;
}

/* The list begins with the header's own words, checksum and signature left out. */
static int cvd_check_list_header(const struct cvd_job *job, struct slice line)
{
    struct cvd_header header;

    if (!cvd_parse_header(line, &header) || !slice_equal(header.version, job->header.version) ||
        !slice_equal(header.signatures, job->header.signatures) ||
        !slice_equal(header.level, job->header.level)) {
        return cvd_refuse(job, "the list of members belongs to another container");
    }
    return CVD_OK;
}

static void cvd_check_list_signature(struct cvd_job *job, struct slice dsig, struct slice lines)
{
    job->is_signed = true;
    job->verified =
        job->verified || (job->cvd->keys != NULL && cvd_verify_list(job->cvd->keys, dsig, lines));
}

static struct slice cvd_chomp(struct slice line)
{
    return slice_from(line.ptr,
                      line.len > 0 && line.ptr[line.len - 1] == '\r' ? line.len - 1 : line.len);
}

static int cvd_check_list(struct cvd_job *job, struct slice text)
{
    const struct slice sign = SLICE_OF("DSIG:");
    struct slice rest = text;
    int r = cvd_check_list_header(job, cvd_chomp(slice_split(&rest, '\n')));

    while (r == CVD_OK && rest.len > 0) {
        const struct slice before = slice_from(text.ptr, text.len - rest.len);
        const struct slice line = cvd_chomp(slice_split(&rest, '\n'));

        if (line.len > sign.len && memcmp(line.ptr, sign.ptr, sign.len) == 0) {
            cvd_check_list_signature(job, slice_skip(line, sign.len), before);
            return rest.len == 0 ? CVD_OK
                                 : cvd_refuse(job, "the list of members goes on behind its end");
        }
        if (line.len > 0) {
            r = cvd_check_listed(job, line);
        }
    }
    return r;
}

static int cvd_check_members(struct cvd_job *job)
{
    const struct cvd_member *list = NULL;

    for (size_t i = 0; i < job->members_len; i++) {
        if (cvd_is_list(&job->members[i])) {
            if (list != NULL) {
                return cvd_refuse(job, "there are two lists of members");
            }
            list = &job->members[i];
        }
    }
    if (list == NULL) {
        return cvd_refuse(job, "the list of members (.info) is missing");
    }

    const int r = cvd_check_list(job, slice_from(list->bytes, list->len));

    for (size_t i = 0; r == CVD_OK && i < job->members_len; i++) {
        const struct cvd_member *member = &job->members[i];

        if (!member->listed && !cvd_is_list(member) && !cvd_is_licence(member)) {
            return cvd_refuse(job, "%s is not in the list of members", member->name);
        }
    }
    return r;
}

/* ---- All of it ---- */

static int cvd_check_trust(struct cvd_job *job)
{
    const struct cvd *cvd = job->cvd;

    if (cvd->signature.len > 0) {
        job->is_signed = true;
        job->verified =
            job->verified ||
            (cvd->keys != NULL && cvd_verify_detached(cvd->keys, cvd->file, cvd->signature));
    }
    if (job->verified) {
        return CVD_OK;
    }
    if (cvd->require_signature && !job->is_signed) {
        return cvd_refuse(job, "it is not signed");
    }
    if (cvd->require_signature || (job->is_signed && cvd_keys_apply(cvd->keys))) {
        return cvd_refuse(job, "no trusted key has signed it");
    }
    return CVD_OK;
}

static int cvd_hand_out(struct cvd_job *job, cvd_take_fn take, void *ctx)
{
    for (size_t i = 0; i < job->members_len; i++) {
        struct cvd_member *member = &job->members[i];
        uint8_t *bytes = member->bytes;

        if (cvd_is_list(member) || cvd_is_licence(member)) {
            continue;
        }
        member->bytes = NULL;

        const int r = take(ctx, member->name, bytes, member->len);

        if (r < 0) {
            return ERR_PASS(r);
        }
    }
    return CVD_OK;
}

static int cvd_run(struct cvd_job *job)
{
    int r;

    if (job->cvd->file.len <= CVD_HEADER_LEN || !cvd_parse_header(job->cvd->file, &job->header)) {
        return cvd_refuse(job, "it does not begin with the header of a ClamAV database");
    }
    r = cvd_check_header(job);
    if (r == CVD_OK) {
        r = cvd_read_members(job);
    }
    if (r == CVD_OK) {
        r = cvd_check_members(job);
    }
    return r == CVD_OK ? cvd_check_trust(job) : r;
}

int cvd_open(const struct cvd *cvd, cvd_take_fn take, void *ctx, char error[CVD_ERROR_CAP])
{
    struct cvd_job job = {.cvd = cvd};
    int r;

    job.error = error;
    job.members = calloc(CVD_MEMBERS_MAX, sizeof(*job.members));
    if (job.members == NULL) {
        return ERR_NEW(-ENOMEM);
    }
    r = cvd_run(&job);
    if (r == CVD_OK) {
        r = cvd_hand_out(&job, take, ctx);
    }
    for (size_t i = 0; i < job.members_len; i++) {
        free(job.members[i].bytes);
    }
    free(job.members);
    return r;
}
