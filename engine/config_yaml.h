#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * config_yaml - from YAML text to values of keys.
 *
 * Role: walks libyaml's events along the table of keys, never builds a tree, so depth is bounded by
 * that of the table. Private to config. Memory: libyaml's own. Refused beyond what the table
 * refuses: anchors, aliases, tags, a second document, a key given twice in one file.
 */
#include "engine/config_key.h"

/* Where the value in force of a key was written; line 0: not in the file. */
struct config_origin {
    uint32_t line;
    bool from_override;
};

/* What is being filled, and where a refusal goes. */
struct config_sink {
    struct config *config;
    struct config_origin origins[CONFIG_KEY_COUNT];
    const char *file; /* Name for messages. */
    char *error;      /* CONFIG_ERROR_CAP bytes. */
};

MUST_CHECK bool config_yaml_read_file(struct config_sink *sink, struct slice text);
MUST_CHECK bool config_yaml_read_override(struct config_sink *sink, const char *key,
                                          const char *value);

/* Writes "file:line: key: text" or "-s key: text" of a key in force; returns false. */
bool config_sink_refuse(struct config_sink *sink, const struct config_key *key, const char *format,
                        ...) PRINTF_LIKE(3, 4);
