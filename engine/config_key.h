#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * config_key - the table of keys, and single values in and out of a configuration.
 *
 * Role: private to config. A key knows its field by offset and width, so one reader and one writer
 * for each kind serve all keys. Owner: static. Memory: none. Limits: those of struct config, and
 * what each key allows.
 */
#include "engine/config.h"

struct text;

enum config_kind {
    CONFIG_KIND_BOOL,
    CONFIG_KIND_NUMBER,
    CONFIG_KIND_BYTES, /* A size that is written as a plain number. */
    CONFIG_KIND_SIZE,
    CONFIG_KIND_DURATION,
    CONFIG_KIND_SECONDS, /* A duration that is kept and written in seconds. */
    CONFIG_KIND_CHOICE,
    CONFIG_KIND_STRING,
    CONFIG_KIND_LIST,
    CONFIG_KIND_ALIASES,
    CONFIG_KIND_MAP, /* Name to number, kept as a list of "name=number". */
};

/* What a string, or each item of a list, has to look like. */
enum config_shape {
    CONFIG_SHAPE_ANY,
    CONFIG_SHAPE_ADDRESS,
    CONFIG_SHAPE_ADDRESS_OR_NONE,
    CONFIG_SHAPE_ABSOLUTE,
    CONFIG_SHAPE_ABSOLUTE_OR_NONE,
    CONFIG_SHAPE_EXTENSION,
    CONFIG_SHAPE_SOCKET,
    CONFIG_SHAPE_USER,
};

enum config_flag {
    CONFIG_FLAG_VERDICT = 1,
    CONFIG_FLAG_RESTART = 2,
};

struct config_key {
    const char *name;
    const char *initial; /* The default, as in the file. */
    const char *doc;
    const char *choices; /* "replace|forbid", in the order of the enum. */
    uint64_t min;
    uint64_t max;
    size_t offset;
    size_t width;
    enum config_kind kind;
    enum config_shape shape;
    bool has_auto;
    uint32_t flags;
};

enum {
#define CONFIG_KEY(name, field, kind, initial, flags, doc) CONFIG_INDEX_##field,
#include "engine/config.def"
#undef CONFIG_KEY
    CONFIG_KEY_COUNT
};

/* Longest dotted name. */
#define CONFIG_KEY_CAP 96

extern const struct config_key config_keys[CONFIG_KEY_COUNT];

/* NULL when there is none. */
const struct config_key *config_key_find(const char *name);

/* Whether keys lie below `name`: "icap", "icap.trickle". */
bool config_key_is_section(const char *name);

/* Whether it holds any number of values. */
static inline bool config_key_is_many(const struct config_key *key)
{
    return key->kind == CONFIG_KIND_LIST || key->kind == CONFIG_KIND_MAP ||
           key->kind == CONFIG_KIND_ALIASES;
}

/* The key or section whose name is nearest to `name`; NULL when none is near. */
const char *config_key_suggest(const char *name);

enum config_value_status {
    CONFIG_VALUE_OK,
    CONFIG_VALUE_BAD,     /* Not what config_value_describe says. */
    CONFIG_VALUE_LONG,    /* Over the room for it. */
    CONFIG_VALUE_CONTROL, /* A control character in a string. */
    CONFIG_VALUE_FULL,    /* A list has no room left. */
};

/* Sets a key that takes one scalar, or appends an item to a list. */
MUST_CHECK enum config_value_status config_value_set(const struct config_key *key,
                                                     struct config *config, struct slice scalar);

/* Appends to a map. */
MUST_CHECK enum config_value_status config_value_set_entry(const struct config_key *key,
                                                           struct config *config, struct slice name,
                                                           struct slice scalar);

/* Makes a list, a map or the aliases empty. */
void config_value_clear(const struct config_key *key, struct config *config);

/* The value on one line, as YAML. */
void config_value_write(const struct config_key *key, const struct config *config,
                        struct text *out);

/* What is allowed, as the end of "is not ...": "a size in bytes from 0 to 65536". */
void config_value_describe(const struct config_key *key, struct text *out);

/* The canonical spelling of a service that an alias may stand for; NULL when there is none. */
const char *config_service_find(struct slice name);

/* Whether all of `s` may stand in a string: valid UTF-8 is taken for granted. */
bool config_string_is_printable(struct slice s);

/* Writes `s` plain where YAML reads it back unchanged, else in double quotes. */
void config_string_write(struct slice s, struct text *out);
