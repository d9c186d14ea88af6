/* SPDX-License-Identifier: MIT */
#include "defs/setinfo.h"

#include "base/assert.h"

#include <stdio.h>
#include <time.h>
#include <yaml.h>

struct setinfo {
    yaml_document_t document;
    const char *file;
    struct defs_meta *meta;
    unsigned seen; /* Bit of each key. */
    char *error;
};

/* False, so that callers can return it. */
static bool setinfo_refuse(const struct setinfo *info, const yaml_mark_t *mark, const char *reason)
{
    (void)snprintf(info->error, DEFS_ERROR_CAP, "%s:%zu: %s", info->file, mark->line + 1, reason);
    return false;
}

static bool setinfo_is_digits(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    return true;
}

static bool setinfo_is_date(struct slice year, struct slice month, struct slice day)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t y = 0;
    uint64_t m = 0;
    uint64_t d = 0;

    if (!slice_parse_u64(year, &y) || !slice_parse_u64(month, &m) || !slice_parse_u64(day, &d)) {
        return false;
    }

    const bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

    return m >= 1 && m <= 12 && d >= 1 && d <= days[m - 1] + (m == 2 && leap ? 1U : 0U);
}

static bool setinfo_take_name(struct defs_meta *meta, struct slice text)
{
    if (text.len == 0 || text.len >= DEFS_NAME_CAP) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < 0x20 || text.ptr[i] > 0x7e) {
            return false;
        }
    }
    memset(meta->name, 0, sizeof(meta->name));
    memcpy(meta->name, text.ptr, text.len);
    return true;
}

static bool setinfo_take_version(struct defs_meta *meta, struct slice text)
{
    if (text.len != 12 || text.ptr[8] != '.' || !setinfo_is_digits(slice_from(text.ptr, 8)) ||
        !setinfo_is_digits(slice_skip(text, 9)) ||
        !setinfo_is_date(slice_from(text.ptr, 4), slice_from(text.ptr + 4, 2),
                         slice_from(text.ptr + 6, 2))) {
        return false;
    }
    memset(meta->version, 0, sizeof(meta->version));
    memcpy(meta->version, text.ptr, text.len);
    return true;
}

static bool setinfo_take_sequence(struct defs_meta *meta, struct slice text)
{
    return slice_parse_u64(text, &meta->sequence);
}

static bool setinfo_take_certified(struct defs_meta *meta, struct slice text)
{
    const bool yes = slice_equal(text, SLICE_OF("true"));

    meta->certified = yes ? 1 : 0;
    return yes || slice_equal(text, SLICE_OF("false"));
}

static bool setinfo_take_produced(struct defs_meta *meta, struct slice text)
{
    if (text.len != SETINFO_DATE_CAP - 1 || text.ptr[4] != '-' || text.ptr[7] != '-' ||
        !setinfo_is_date(slice_from(text.ptr, 4), slice_from(text.ptr + 5, 2),
                         slice_from(text.ptr + 8, 2))) {
        return false;
    }
    memset(meta->produced, 0, sizeof(meta->produced));
    memcpy(meta->produced, text.ptr, text.len);
    return true;
}

static const struct setinfo_key {
    const char *name;
    bool quotable; /* A string may be quoted; a quoted number or truth value is a string. */
    bool (*take)(struct defs_meta *meta, struct slice text);
    const char *expected;
} setinfo_keys[] = {
    {"name", true, setinfo_take_name, "name takes 1 to 127 bytes of printable ASCII"},
    {"version", true, setinfo_take_version, "version takes YYYYMMDD.RRR"},
    {"sequence", false, setinfo_take_sequence, "sequence takes a whole number from 0"},
    {"certified", false, setinfo_take_certified, "certified takes true or false"},
    {"produced", true, setinfo_take_produced, "produced takes a date, YYYY-MM-DD"},
};

static struct slice setinfo_scalar(const yaml_node_t *node)
{
    return slice_from(node->data.scalar.value, node->data.scalar.length);
}

static bool setinfo_is_string(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && strcmp((const char *)node->tag, YAML_STR_TAG) == 0;
}

static bool setinfo_take(struct setinfo *info, const yaml_node_t *key, const yaml_node_t *value)
{
    if (!setinfo_is_string(key)) {
        return setinfo_refuse(info, &key->start_mark, "a key is a plain word");
    }
    for (unsigned i = 0; i < ARRAY_LEN(setinfo_keys); i++) {
        const struct setinfo_key *row = &setinfo_keys[i];

        if (!slice_equal(setinfo_scalar(key), slice_from_str(row->name))) {
            continue;
        }
        if ((info->seen & (1U << i)) != 0) {
            return setinfo_refuse(info, &key->start_mark, "the key stands there twice");
        }
        info->seen |= 1U << i;
        if (!setinfo_is_string(value) ||
            (!row->quotable && value->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) ||
            !row->take(info->meta, setinfo_scalar(value))) {
            return setinfo_refuse(info, &value->start_mark, row->expected);
        }
        return true;
    }
    return setinfo_refuse(info, &key->start_mark,
                          "unknown key; name, version, sequence, certified, produced are allowed");
}

static bool setinfo_take_all(struct setinfo *info)
{
    static const yaml_mark_t top = {0};
    const yaml_node_t *root = yaml_document_get_root_node(&info->document);

    if (root == NULL) {
        return setinfo_refuse(info, &top, "the file is empty");
    }
    if (root->type != YAML_MAPPING_NODE) {
        return setinfo_refuse(info, &root->start_mark, "expected lines of the form `key: value`");
    }
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        if (!setinfo_take(info, yaml_document_get_node(&info->document, pair->key),
                          yaml_document_get_node(&info->document, pair->value))) {
            return false;
        }
    }
    return true;
}

static bool setinfo_load(yaml_parser_t *parser, struct setinfo *info)
{
    if (yaml_parser_load(parser, &info->document)) {
        return true;
    }
    return setinfo_refuse(info, &parser->problem_mark,
                          parser->problem ? parser->problem : "not readable as YAML");
}

/* Nothing may stand behind the one document. */
static bool setinfo_check_end(yaml_parser_t *parser, const struct setinfo *info)
{
    struct setinfo rest = {.file = info->file, .error = info->error};

    if (!setinfo_load(parser, &rest)) {
        return false;
    }

    const yaml_node_t *root = yaml_document_get_root_node(&rest.document);
    const bool more = root != NULL;

    if (more) {
        (void)setinfo_refuse(info, &root->start_mark, "a second document");
    }
    yaml_document_delete(&rest.document);
    return !more;
}

bool setinfo_parse(struct slice text, const char *file, struct defs_meta *meta,
                   char error[DEFS_ERROR_CAP])
{
    struct defs_meta taken = *meta;
    struct setinfo info = {.file = file, .meta = &taken, .error = error};
    yaml_parser_t parser;
    bool good = false;

    if (!yaml_parser_initialize(&parser)) {
        (void)snprintf(error, DEFS_ERROR_CAP, "%s: no memory", file);
        return false;
    }
    yaml_parser_set_input_string(&parser, text.ptr ? text.ptr : (const uint8_t *)"", text.len);
    if (setinfo_load(&parser, &info)) {
        good = setinfo_take_all(&info);
        yaml_document_delete(&info.document);
        good = good && setinfo_check_end(&parser, &info);
    }
    yaml_parser_delete(&parser);
    if (good) {
        *meta = taken;
    }
    return good;
}

void setinfo_init(struct defs_meta *meta, const char *folder_name, int64_t newest_sec)
{
    const time_t sec = (time_t)newest_sec;
    struct tm tm = {0};
    size_t len = 0;

    *meta = (struct defs_meta){0};
    for (; folder_name[len] != '\0' && len < DEFS_NAME_CAP - 1; len++) {
        const char c = folder_name[len];

        meta->name[len] = c < 0x20 || c > 0x7e ? '_' : c;
    }
    if (len == 0) {
        memcpy(meta->name, SETINFO_NAME_NONE, sizeof(SETINFO_NAME_NONE));
    }
    /* A date out of four-digit years is a broken clock; the epoch then sorts below every real
     * version. */
    if (gmtime_r(&sec, &tm) == NULL || tm.tm_year < 70 || tm.tm_year > 9999 - 1900) {
        tm = (struct tm){.tm_year = 70, .tm_mday = 1};
    }
    (void)strftime(meta->version, sizeof(meta->version), "%Y%m%d.000", &tm);
    (void)strftime(meta->produced, sizeof(meta->produced), "%Y-%m-%d", &tm);
}

void setinfo_merge(struct defs_meta *meta, const struct defs_meta *other)
{
    const size_t len = strlen(meta->name);
    const size_t more = strlen(other->name);

    ASSERT(len < DEFS_NAME_CAP);
    ASSERT(more < DEFS_NAME_CAP);
    if (len + 1 + more < DEFS_NAME_CAP) {
        meta->name[len] = '+';
        memcpy(meta->name + len + 1, other->name, more + 1);
    }
    if (strcmp(other->version, meta->version) > 0) {
        memcpy(meta->version, other->version, sizeof(meta->version));
        memcpy(meta->produced, other->produced, sizeof(meta->produced));
    }
    meta->sequence = MAX_OF(meta->sequence, other->sequence);
    meta->certified = meta->certified && other->certified ? 1 : 0;
}
