/* SPDX-License-Identifier: MIT */
#include "defs/manifest.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

void manifest_init(struct manifest *manifest)
{
    *manifest = (struct manifest){.files = VEC_OF(struct manifest_file)};
}

void manifest_free(struct manifest *manifest)
{
    vec_free(&manifest->files);
}

bool manifest_path_ok(const char *path)
{
    const size_t len = strlen(path);

    if (len == 0 || len > MANIFEST_PATH_MAX || path[len - 1] == '/') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        const bool first = i == 0 || path[i - 1] == '/';

        if (path[i] < 0x20 || path[i] > 0x7e || path[i] == '\\' ||
            (first && (path[i] == '.' || path[i] == '/'))) {
            return false;
        }
    }
    return true;
}

/* ---- Writing ---- */

static json_t *manifest_json_digest(const uint8_t digest[DEFS_DIGEST_LEN])
{
    char text[2 * DEFS_DIGEST_LEN + 1];

    for (size_t i = 0; i < DEFS_DIGEST_LEN; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    return json_string(text);
}

static json_t *manifest_json_files(const struct manifest *manifest)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < manifest->files.len; i++) {
        const struct manifest_file *file = vec_at(&manifest->files, i);
        json_t *row =
            json_pack("{s:s, s:I, s:o}", "path", file->path, "bytes", (json_int_t)file->len,
                      "sha256", manifest_json_digest(file->digest));

        if (!row || json_array_append_new(list, row) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

char *manifest_write(const struct manifest *manifest)
{
    const struct defs_meta *meta = &manifest->meta;
    char *text = NULL;
    json_t *root = json_pack(
        "{s:i, s:s, s:s, s:I, s:b, s:s, s:{s:I, s:o}, s:o}", "format", MANIFEST_FORMAT, "name",
        meta->name, "version", meta->version, "sequence", (json_int_t)meta->sequence, "certified",
        (int)meta->certified, "produced", meta->produced, "tar", "bytes",
        (json_int_t)manifest->tar_len, "sha256", manifest_json_digest(manifest->tar_digest),
        "files", manifest_json_files(manifest));

    if (root) {
        text = json_dumps(root, JSON_INDENT(1));
        json_decref(root);
    }
    return text;
}

/* ---- Reading ---- */

static bool manifest_read_digest(const char *hex, uint8_t out[DEFS_DIGEST_LEN])
{
    if (strlen(hex) != 2 * (size_t)DEFS_DIGEST_LEN) {
        return false;
    }
    for (size_t i = 0; i < 2 * (size_t)DEFS_DIGEST_LEN; i++) {
        const bool digit = hex[i] >= '0' && hex[i] <= '9';

        if (!digit && (hex[i] < 'a' || hex[i] > 'f')) {
            return false;
        }
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (digit ? hex[i] - '0' : hex[i] - 'a' + 10));
    }
    return true;
}

static bool manifest_copy(char *out, size_t cap, const char *text)
{
    const size_t len = strlen(text);

    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            return false;
        }
    }
    return snprintf(out, cap, "%s", text) < (int)cap;
}

/* Files stand in the order of their paths' bytes, so that none can be there twice. */
static bool manifest_read_file(struct manifest *out, json_t *row, uint64_t *sum)
{
    const struct manifest_file *before =
        out->files.len > 0 ? vec_at(&out->files, out->files.len - 1) : NULL;
    struct manifest_file file = {.len = 0};
    const char *path;
    const char *digest;
    json_int_t len;

    if (json_unpack(row, "{s:s, s:I, s:s !}", "path", &path, "bytes", &len, "sha256", &digest) ||
        !manifest_path_ok(path) || !manifest_read_digest(digest, file.digest) || len < 0 ||
        (uint64_t)len > MANIFEST_TAR_MAX - *sum || (before && strcmp(before->path, path) >= 0)) {
        return false;
    }
    (void)snprintf(file.path, sizeof(file.path), "%s", path);
    file.len = (uint64_t)len;
    *sum += file.len;
    return vec_append(&out->files, &file, 1) != NULL;
}

static bool manifest_read(struct manifest *out, json_t *root)
{
    struct defs_meta *meta = &out->meta;
    const char *texts[4]; /* name, version, produced, the tar's digest */
    json_int_t sequence;
    json_int_t tar_len;
    json_t *files;
    uint64_t sum = 0;
    int certified;
    int format;

    if (json_unpack(root, "{s:i, s:s, s:s, s:I, s:b, s:s, s:{s:I, s:s !}, s:o !}", "format",
                    &format, "name", &texts[0], "version", &texts[1], "sequence", &sequence,
                    "certified", &certified, "produced", &texts[2], "tar", "bytes", &tar_len,
                    "sha256", &texts[3], "files", &files) ||
        format != MANIFEST_FORMAT || sequence < 0 || tar_len <= 0 ||
        (uint64_t)tar_len > MANIFEST_TAR_MAX || !json_is_array(files) ||
        json_array_size(files) > MANIFEST_FILES_MAX ||
        !manifest_copy(meta->name, sizeof(meta->name), texts[0]) ||
        !manifest_copy(meta->version, sizeof(meta->version), texts[1]) ||
        !manifest_copy(meta->produced, sizeof(meta->produced), texts[2]) ||
        !manifest_read_digest(texts[3], out->tar_digest)) {
        return false;
    }
    meta->sequence = (uint64_t)sequence;
    meta->certified = certified != 0;
    out->tar_len = (uint64_t)tar_len;
    for (size_t i = 0; i < json_array_size(files); i++) {
        if (!manifest_read_file(out, json_array_get(files, i), &sum)) {
            return false;
        }
    }
    return out->files.len > 0;
}

bool manifest_parse(struct manifest *out, struct slice text, char error[DEFS_ERROR_CAP])
{
    json_error_t where;
    json_t *root = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &where);
    bool good;

    manifest_init(out);
    if (!root) {
        (void)snprintf(error, DEFS_ERROR_CAP, "the manifest's line %d is no JSON", where.line);
        return false;
    }
    good = manifest_read(out, root);
    json_decref(root);
    if (!good) {
        manifest_free(out);
        (void)snprintf(error, DEFS_ERROR_CAP,
                       "the manifest does not say what it should, or is of another format");
    }
    return good;
}
