/* SPDX-License-Identifier: MIT */
#include "engine/config_yaml.h"

#include "base/assert.h"
#include "base/text.h"
#include "engine/config_address.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

/* How much of a wrong value a message shows. */
#define CONFIG_SHOWN_MAX 64

struct config_reader {
    yaml_parser_t parser;
    yaml_event_t event; /* The current one. */
    struct config_sink *sink;
    struct slice text;
    const char *override; /* The key of an override, NULL in a file. */
};

/* Puts a message together; whatever was quoted in it, it stays one line of printable bytes. */
PRINTF_LIKE(3, 0)
static void config_error_write(char *error, const char *place, const char *format, va_list args)
{
    int len = snprintf(error, CONFIG_ERROR_CAP, "%s", place);

    if (len >= 0 && len < CONFIG_ERROR_CAP) {
        vsnprintf(error + len, (size_t)(CONFIG_ERROR_CAP - len), format, args);
    }
    for (char *c = error; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            *c = '?';
        }
    }
}

bool config_sink_refuse(struct config_sink *sink, const struct config_key *key, const char *format,
                        ...)
{
    const struct config_origin *origin = &sink->origins[key - config_keys];
    char place[CONFIG_PATH_CAP + CONFIG_KEY_CAP];
    va_list args;

    if (origin->from_override || origin->line == 0) {
        snprintf(place, sizeof(place), "-s %s: ", key->name);
    } else {
        snprintf(place, sizeof(place), "%s:%u: %s: ", sink->file, origin->line, key->name);
    }
    va_start(args, format);
    config_error_write(sink->error, place, format, args);
    va_end(args);
    return false;
}

/* Refuses at `line`; `path` may be empty: then it is about the file. */
PRINTF_LIKE(4, 5)
static bool config_reader_refuse(struct config_reader *reader, size_t line, const char *path,
                                 const char *format, ...)
{
    char place[CONFIG_PATH_CAP + 2 * CONFIG_KEY_CAP];
    const char *colon = path[0] != '\0' ? ": " : "";
    va_list args;

    if (reader->override != NULL) {
        const char *name = path[0] != '\0' ? path : reader->override;

        snprintf(place, sizeof(place), "-s %s: ", name);
    } else {
        snprintf(place, sizeof(place), "%s:%zu: %s%s", reader->sink->file, line, path, colon);
    }
    va_start(args, format);
    config_error_write(reader->sink->error, place, format, args);
    va_end(args);
    return false;
}

static size_t config_reader_line(const struct config_reader *reader)
{
    return reader->event.start_mark.line + 1;
}

/* libyaml knows no line for bytes that are no YAML at all, only their offset. */
static bool config_reader_refuse_syntax(struct config_reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    size_t line = parser->problem_mark.line + 1;

    if (parser->error == YAML_READER_ERROR) {
        size_t end = MIN_OF(parser->problem_offset, reader->text.len);

        line = 1;
        for (size_t i = 0; i < end; i++) {
            line += reader->text.ptr[i] == '\n';
        }
    }
    return config_reader_refuse(reader, line, "", "not YAML: %s",
                                parser->problem != NULL ? parser->problem : "no memory");
}

/* Whether the current event carries an anchor or a tag, or is an alias. */
static bool config_reader_is_marked(const struct config_reader *reader)
{
    const yaml_event_t *event = &reader->event;

    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return true;
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor != NULL || event->data.sequence_start.tag != NULL;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor != NULL || event->data.mapping_start.tag != NULL;
    default:
        return false;
    }
}

/* Moves to the next event. */
static bool config_reader_next(struct config_reader *reader)
{
    yaml_event_delete(&reader->event);
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        memset(&reader->event, 0, sizeof(reader->event));
        return config_reader_refuse_syntax(reader);
    }
    if (config_reader_is_marked(reader)) {
        return config_reader_refuse(reader, config_reader_line(reader), "",
                                    "anchors, aliases (*) and tags (!) are not allowed; quote a "
                                    "text that starts with one of & * !");
    }
    return true;
}

static struct slice config_reader_scalar(const struct config_reader *reader)
{
    return slice_from(reader->event.data.scalar.value, reader->event.data.scalar.length);
}

/* `key:` with nothing behind it, or a plain ~ or null. */
static bool config_reader_is_null(const struct config_reader *reader)
{
    struct slice s;

    if (reader->event.type != YAML_SCALAR_EVENT ||
        reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return false;
    }
    s = config_reader_scalar(reader);
    return s.len == 0 || slice_equal(s, SLICE_OF("~")) || slice_equal(s, SLICE_OF("null"));
}

/* What a message shows of the current event: 'value', cut, or what it is instead of a value. */
static void config_reader_show(const struct config_reader *reader, char out[CONFIG_SHOWN_MAX + 8])
{
    struct text text = text_over(out, CONFIG_SHOWN_MAX + 7);

    if (reader->event.type == YAML_SCALAR_EVENT) {
        struct slice s = config_reader_scalar(reader);
        struct slice shown = slice_from(s.ptr, MIN_OF(s.len, (size_t)CONFIG_SHOWN_MAX));

        TEXT_PUT(&text, "'");
        text_put_slice(&text, slice_from(shown.ptr, slice_find(shown, '\0')));
        text_put_str(&text, shown.len < s.len ? "...'" : "'");
    } else {
        text_put_str(&text, reader->event.type == YAML_SEQUENCE_START_EVENT ? "a list" : "a map");
    }
    out[text.len] = '\0';
}

/* Refuses the current event as the value of `key`. */
static bool config_reader_refuse_value(struct config_reader *reader, const struct config_key *key,
                                       const char *path, enum config_value_status status)
{
    char shown[CONFIG_SHOWN_MAX + 8];
    char allowed[160];
    struct text text = text_over(allowed, sizeof(allowed) - 1);
    size_t line = config_reader_line(reader);

    config_reader_show(reader, shown);
    switch (status) {
    case CONFIG_VALUE_LONG:
        return config_reader_refuse(reader, line, path, "%s is longer than %zu bytes", shown,
                                    (key->kind == CONFIG_KIND_STRING
                                         ? key->width
                                         : sizeof(((struct config_list *)NULL)->items[0])) -
                                        1);
    case CONFIG_VALUE_CONTROL:
        return config_reader_refuse(reader, line, path, "%s holds a control character", shown);
    case CONFIG_VALUE_FULL:
        return config_reader_refuse(reader, line, path, "more than %d items", CONFIG_LIST_MAX);
    default:
        config_value_describe(key, &text);
        allowed[text.len] = '\0';
        return config_reader_refuse(reader, line, path, "%s is not %s", shown, allowed);
    }
}

/* Sets `key` from the current event, which must be a scalar. */
static bool config_reader_set(struct config_reader *reader, const struct config_key *key)
{
    enum config_value_status status = CONFIG_VALUE_BAD;

    if (reader->event.type == YAML_SCALAR_EVENT) {
        struct slice scalar = config_reader_scalar(reader);

        if (key->kind == CONFIG_KIND_STRING && config_reader_is_null(reader)) {
            scalar.len = 0;
        }
        status = config_value_set(key, reader->sink->config, scalar);
    }
    return status == CONFIG_VALUE_OK || config_reader_refuse_value(reader, key, key->name, status);
}

static bool config_reader_read_list(struct config_reader *reader, const struct config_key *key)
{
    if (config_reader_is_null(reader)) {
        return true;
    }
    if (reader->event.type != YAML_SEQUENCE_START_EVENT) {
        return config_reader_set(reader, key);
    }
    while (config_reader_next(reader)) {
        if (reader->event.type == YAML_SEQUENCE_END_EVENT) {
            return true;
        }
        if (!config_reader_set(reader, key)) {
            return false;
        }
    }
    return false;
}

/* `name` of a map's entry: a copy of the current scalar in `out`. */
static bool config_reader_read_name(struct config_reader *reader, const char *path, size_t cap,
                                    char *out)
{
    struct slice name;

    if (reader->event.type != YAML_SCALAR_EVENT) {
        return config_reader_refuse(reader, config_reader_line(reader), path,
                                    "a name is expected in front of the colon");
    }
    name = config_reader_scalar(reader);
    if (name.len == 0 || name.len >= cap || !config_string_is_printable(name)) {
        char shown[CONFIG_SHOWN_MAX + 8];

        config_reader_show(reader, shown);
        return config_reader_refuse(reader, config_reader_line(reader), path,
                                    "%s is not a name of 1 to %zu printable characters", shown,
                                    cap - 1);
    }
    memcpy(out, name.ptr, name.len);
    out[name.len] = '\0';
    return true;
}

static bool config_map_has(const struct config_list *list, struct slice name)
{
    for (uint32_t i = 0; i < list->len; i++) {
        struct slice rest = slice_from_str(list->items[i]);

        if (slice_equal(slice_split(&rest, '='), name)) {
            return true;
        }
    }
    return false;
}

static bool config_reader_read_entry(struct config_reader *reader, const struct config_key *key)
{
    const struct config_list *list =
        (const void *)((const uint8_t *)reader->sink->config + key->offset);
    char name[sizeof(list->items[0]) / 2];
    enum config_value_status status = CONFIG_VALUE_BAD;

    if (!config_reader_read_name(reader, key->name, sizeof(name), name)) {
        return false;
    }
    if (config_map_has(list, slice_from_str(name))) {
        return config_reader_refuse(reader, config_reader_line(reader), key->name,
                                    "'%s' is given twice", name);
    }
    if (!config_reader_next(reader)) {
        return false;
    }
    if (reader->event.type == YAML_SCALAR_EVENT) {
        status = config_value_set_entry(key, reader->sink->config, slice_from_str(name),
                                        config_reader_scalar(reader));
    }
    return status == CONFIG_VALUE_OK || config_reader_refuse_value(reader, key, key->name, status);
}

static bool config_alias_name_fits(const char *name)
{
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-/") ==
               strlen(name) &&
           name[0] != '/';
}

/* The name in front of an alias' colon; it has to be a new one. */
static bool config_reader_read_alias_name(struct config_reader *reader, const char *path,
                                          struct config_alias *alias)
{
    const struct config *config = reader->sink->config;
    size_t line = config_reader_line(reader);

    if (!config_reader_read_name(reader, path, sizeof(alias->name), alias->name)) {
        return false;
    }
    if (!config_alias_name_fits(alias->name)) {
        return config_reader_refuse(reader, line, path,
                                    "'%s' is not a service name of letters, digits and . _ ~ - /",
                                    alias->name);
    }
    if (config_service_find(slice_from_str(alias->name)) != NULL) {
        return config_reader_refuse(reader, line, path, "'%s' is the name of a service",
                                    alias->name);
    }
    for (uint32_t i = 0; i < config->icap_alias_len; i++) {
        if (slice_equal_nocase(slice_from_str(config->icap_aliases[i].name),
                               slice_from_str(alias->name))) {
            return config_reader_refuse(reader, line, path, "'%s' is given twice", alias->name);
        }
    }
    if (config->icap_alias_len == CONFIG_ALIAS_MAX) {
        return config_reader_refuse(reader, line, path, "more than %d aliases", CONFIG_ALIAS_MAX);
    }
    return true;
}

/* `service: X` or `profile: Y` of an alias; the current event is the word in front of the colon. */
static bool config_reader_read_alias_field(struct config_reader *reader, const char *path,
                                           struct config_alias *alias)
{
    struct slice field = config_reader_scalar(reader);
    size_t line = config_reader_line(reader);
    char shown[CONFIG_SHOWN_MAX + 8];
    bool is_service =
        reader->event.type == YAML_SCALAR_EVENT && slice_equal(field, SLICE_OF("service"));
    const char *service = NULL;
    struct slice value;

    config_reader_show(reader, shown);
    if (!is_service &&
        (reader->event.type != YAML_SCALAR_EVENT || !slice_equal(field, SLICE_OF("profile")))) {
        return config_reader_refuse(reader, line, path, "%s is not service or profile", shown);
    }
    if (!config_reader_next(reader)) {
        return false;
    }
    value = reader->event.type == YAML_SCALAR_EVENT ? config_reader_scalar(reader)
                                                    : slice_from(NULL, 0);
    line = config_reader_line(reader);
    config_reader_show(reader, shown);
    if (is_service) {
        service = config_service_find(value);
        if (service == NULL) {
            return config_reader_refuse(
                reader, line, path,
                "%s is not AVSCANREQ, AVSCANRESP, AVSCAN, SYMCScanReq-AV, SYMCScanReq-URL, "
                "SYMCScanReq-AV-URL, SYMCScanResp-AV, SYMCScanResp-DDR, SYMCScanResp-AV-DDR, "
                "echo or ex206",
                shown);
        }
        memset(alias->service, 0, sizeof(alias->service));
        memcpy(alias->service, service, strlen(service));
        return true;
    }
    if (slice_equal(value, SLICE_OF("standard"))) {
        alias->profile = CONFIG_PROFILE_STANDARD;
    } else if (slice_equal(value, SLICE_OF("guide"))) {
        alias->profile = CONFIG_PROFILE_GUIDE;
    } else {
        return config_reader_refuse(reader, line, path, "%s is not guide or standard", shown);
    }
    return true;
}

static bool config_reader_read_alias(struct config_reader *reader, const struct config_key *key)
{
    struct config_alias alias = {.profile = CONFIG_PROFILE_STANDARD};
    char path[CONFIG_KEY_CAP + CONFIG_NAME_CAP];
    size_t line = config_reader_line(reader);

    if (!config_reader_read_alias_name(reader, key->name, &alias) || !config_reader_next(reader)) {
        return false;
    }
    if (reader->event.type != YAML_MAPPING_START_EVENT) {
        return config_reader_refuse_value(reader, key, key->name, CONFIG_VALUE_BAD);
    }
    snprintf(path, sizeof(path), "%s.%s", key->name, alias.name);
    do {
        if (!config_reader_next(reader)) {
            return false;
        }
        if (reader->event.type != YAML_MAPPING_END_EVENT &&
            !config_reader_read_alias_field(reader, path, &alias)) {
            return false;
        }
    } while (reader->event.type != YAML_MAPPING_END_EVENT);
    if (alias.service[0] == '\0') {
        return config_reader_refuse(reader, line, path, "needs a service");
    }
    reader->sink->config->icap_aliases[reader->sink->config->icap_alias_len++] = alias;
    return true;
}

/* A map of entries or aliases. */
static bool config_reader_read_map(struct config_reader *reader, const struct config_key *key)
{
    if (config_reader_is_null(reader)) {
        return true;
    }
    if (reader->event.type != YAML_MAPPING_START_EVENT) {
        return config_reader_refuse_value(reader, key, key->name, CONFIG_VALUE_BAD);
    }
    while (config_reader_next(reader)) {
        if (reader->event.type == YAML_MAPPING_END_EVENT) {
            return true;
        }
        if (!(key->kind == CONFIG_KIND_ALIASES ? config_reader_read_alias(reader, key)
                                               : config_reader_read_entry(reader, key))) {
            return false;
        }
    }
    return false;
}

/* The value of a key: the current event is its first. */
static bool config_reader_read_value(struct config_reader *reader, const struct config_key *key)
{
    struct config_origin *origin = &reader->sink->origins[key - config_keys];
    bool is_many = config_key_is_many(key);
    /* The first override replaces what the file says, the next ones append. */
    bool keeps = reader->override != NULL && origin->from_override;

    if (reader->override == NULL && origin->line != 0) {
        return config_reader_refuse(reader, config_reader_line(reader), key->name,
                                    "given twice, first in line %u", origin->line);
    }
    if (is_many && !keeps) {
        config_value_clear(key, reader->sink->config);
    }
    if (reader->override != NULL) {
        origin->from_override = true;
    } else {
        origin->line = (uint32_t)config_reader_line(reader);
    }
    if (key->kind == CONFIG_KIND_LIST) {
        return config_reader_read_list(reader, key);
    }
    return is_many ? config_reader_read_map(reader, key) : config_reader_set(reader, key);
}

static bool config_reader_refuse_unknown(struct config_reader *reader, size_t line,
                                         const char *path)
{
    const char *near = config_key_suggest(path);

    if (near == NULL) {
        return config_reader_refuse(reader, line, path, "no such key");
    }
    return config_reader_refuse(reader, line, path, "no such key; did you mean %s?", near);
}

static bool config_reader_read_section(struct config_reader *reader, const char *path);

/* What stands at `path`; the current event is the first of its value. `line` is that of its name.
 */
static bool config_reader_read_node(struct config_reader *reader, size_t line, const char *path)
{
    const struct config_key *key = config_key_find(path);

    if (key != NULL) {
        return config_reader_read_value(reader, key);
    }
    if (config_key_is_section(path)) {
        return config_reader_read_section(reader, path);
    }
    return config_reader_refuse_unknown(reader, line, path);
}

static bool config_reader_read_section(struct config_reader *reader, const char *path)
{
    char name[CONFIG_KEY_CAP];
    char child[2 * CONFIG_KEY_CAP];

    if (config_reader_is_null(reader)) {
        return true;
    }
    if (reader->event.type != YAML_MAPPING_START_EVENT) {
        char shown[CONFIG_SHOWN_MAX + 8];

        config_reader_show(reader, shown);
        return config_reader_refuse(reader, config_reader_line(reader), path,
                                    "%s is not a map of keys", shown);
    }
    while (config_reader_next(reader)) {
        size_t line = config_reader_line(reader);

        if (reader->event.type == YAML_MAPPING_END_EVENT) {
            return true;
        }
        if (!config_reader_read_name(reader, path, sizeof(name), name)) {
            return false;
        }
        snprintf(child, sizeof(child), "%s%s%s", path, path[0] != '\0' ? "." : "", name);
        if (!config_reader_next(reader) || !config_reader_read_node(reader, line, child)) {
            return false;
        }
    }
    return false;
}

static bool config_reader_expect(struct config_reader *reader, yaml_event_type_t type)
{
    return config_reader_next(reader) &&
           (reader->event.type == type ||
            config_reader_refuse(reader, config_reader_line(reader), "",
                                 "a second document is not allowed"));
}

/* The whole text: one document, or none at all. */
static bool config_reader_run(struct config_reader *reader)
{
    const char *path = reader->override != NULL ? reader->override : "";

    if (!config_reader_expect(reader, YAML_STREAM_START_EVENT) || !config_reader_next(reader)) {
        return false;
    }
    if (reader->event.type == YAML_STREAM_END_EVENT) {
        return true;
    }
    ASSERT(reader->event.type == YAML_DOCUMENT_START_EVENT);
    return config_reader_next(reader) &&
           (path[0] != '\0' ? config_reader_read_node(reader, 0, path)
                            : config_reader_read_section(reader, path)) &&
           config_reader_expect(reader, YAML_DOCUMENT_END_EVENT) &&
           config_reader_expect(reader, YAML_STREAM_END_EVENT);
}

static bool config_yaml_read(struct config_sink *sink, struct slice text, const char *override)
{
    struct config_reader reader = {.sink = sink, .text = text, .override = override};
    bool good = false;

    if (!yaml_parser_initialize(&reader.parser)) {
        return config_reader_refuse(&reader, 0, "", "no memory");
    }
    /* Otherwise a byte order mark could turn the text into UTF-16. */
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, text.ptr, text.len);
    good = config_reader_run(&reader);
    yaml_event_delete(&reader.event);
    yaml_parser_delete(&reader.parser);
    return good;
}

bool config_yaml_read_file(struct config_sink *sink, struct slice text)
{
    return config_yaml_read(sink, text, NULL);
}

/* `value` in double quotes; `out` has room for four bytes of each and two quotes more. */
static void config_override_quote(struct slice value, struct text *out)
{
    TEXT_PUT(out, "\"");
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.ptr[i];

        if (c < ' ') {
            text_printf(out, "\\x%02x", c);
        } else {
            text_put_str(out, c == '"' || c == '\\' ? "\\" : "");
            text_put(out, &c, 1);
        }
    }
    TEXT_PUT(out, "\"");
    ASSERT(!out->overflowed);
}

/*
 * Only what starts as a list, a map or a quoted text is YAML. Anything else is a scalar to the last
 * byte: nobody who types
 * *.exe, or a path with a # in it, means an alias or a comment. The same goes for [::1]:1344.
 */
static bool config_override_is_yaml(struct slice value)
{
    struct sockaddr_storage address;
    socklen_t address_len = 0;

    return value.len > 0 && strchr("[{\"'", value.ptr[0]) != NULL &&
           !config_address_parse(value, &address, &address_len);
}

bool config_yaml_read_override(struct config_sink *sink, const char *name, const char *value)
{
    struct config_reader reader = {.sink = sink, .override = name};
    const struct config_key *key = config_key_find(name);
    struct slice scalar = slice_trim(slice_from_str(value));
    struct text text = {0};
    char *quoted = NULL;
    bool good = false;

    if (key == NULL && !config_key_is_section(name)) {
        return config_reader_refuse_unknown(&reader, 0, name);
    }
    if (config_override_is_yaml(scalar)) {
        return config_yaml_read(sink, scalar, name);
    }
    if (scalar.len == 0 && (key == NULL || config_key_is_many(key))) {
        return config_yaml_read(sink, SLICE_OF("null"), name);
    }
    quoted = malloc(4 * scalar.len + 2);
    if (quoted == NULL) {
        return config_reader_refuse(&reader, 0, name, "no memory");
    }
    text = text_over(quoted, 4 * scalar.len + 2);
    config_override_quote(scalar, &text);
    good = config_yaml_read(sink, text_slice(&text), name);
    free(quoted);
    return good;
}
