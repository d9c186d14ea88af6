/* SPDX-License-Identifier: MIT */
#include "engine/config_key.h"

#define MILLISECOND NS_PER_MS
#define HOUR        (3600 * NS_PER_SEC)
#define DAY         (24 * HOUR)
#define VERDICT     CONFIG_FLAG_VERDICT
#define RESTART     CONFIG_FLAG_RESTART

/* What may stand in the kind column of config.def. */
#define BOOL                       .kind = CONFIG_KIND_BOOL
#define NUMBER(min_, max_)         .kind = CONFIG_KIND_NUMBER, .min = (min_), .max = (max_)
#define NUMBER_OR_AUTO(min_, max_) NUMBER(min_, max_), .has_auto = true
#define BYTES(min_, max_)          .kind = CONFIG_KIND_BYTES, .min = (min_), .max = (max_)
#define SIZE(min_, max_)           .kind = CONFIG_KIND_SIZE, .min = (min_), .max = (max_)
#define DURATION(min_, max_)       .kind = CONFIG_KIND_DURATION, .min = (min_), .max = (max_)
#define SECONDS(min_, max_)        .kind = CONFIG_KIND_SECONDS, .min = (min_), .max = (max_)
#define CHOICE(choices_)           .kind = CONFIG_KIND_CHOICE, .choices = (choices_)
#define STRING(shape_)             .kind = CONFIG_KIND_STRING, .shape = CONFIG_SHAPE_##shape_
#define LIST(shape_)               .kind = CONFIG_KIND_LIST, .shape = CONFIG_SHAPE_##shape_
#define ALIASES                    .kind = CONFIG_KIND_ALIASES
#define MAP(min_, max_)            .kind = CONFIG_KIND_MAP, .min = (min_), .max = (max_)

const struct config_key config_keys[CONFIG_KEY_COUNT] = {
#define CONFIG_KEY(name_, field_, kind_, initial_, flags_, doc_)                                   \
    {.name = (name_),                                                                              \
     .initial = (initial_),                                                                        \
     .doc = (doc_),                                                                                \
     .offset = offsetof(struct config, field_),                                                    \
     .width = sizeof(((struct config *)NULL)->field_),                                             \
     .flags = (flags_),                                                                            \
     kind_},
#include "engine/config.def"
#undef CONFIG_KEY
};

const struct config_key *config_key_find(const char *name)
{
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (strcmp(config_keys[i].name, name) == 0) {
            return &config_keys[i];
        }
    }
    return NULL;
}

bool config_key_is_section(const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        if (strncmp(config_keys[i].name, name, len) == 0 && config_keys[i].name[len] == '.') {
            return true;
        }
    }
    return false;
}

/* Edits (insert, drop, replace) from one name to the other; both shorter than CONFIG_KEY_CAP. */
static unsigned config_key_distance(const char *a, const char *b)
{
    unsigned row[CONFIG_KEY_CAP + 1];
    size_t b_len = strlen(b);

    for (size_t j = 0; j <= b_len; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned replaced = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            row[j] = MIN_OF(replaced, MIN_OF(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_len];
}

/* The nearest name so far. */
struct config_key_near {
    const char *name;
    unsigned distance;
};

static void config_key_consider(struct config_key_near *near, const char *name, const char *wanted)
{
    unsigned distance = config_key_distance(wanted, name);
    const char *last = strrchr(name, '.');

    /* The right word in the wrong section is as near as a slip of the finger. */
    if (last != NULL && strcmp(last + 1, wanted) == 0) {
        distance = 1;
    }
    if (distance < near->distance) {
        *near = (struct config_key_near){name, distance};
    }
}

const char *config_key_suggest(const char *name)
{
    static const char *const sections[] = {
        "tls",    "admin", "definitions", "icap", "icap.trickle", "admission", "policy",
        "limits", "mail",  "url",         "ddr",  "filemod",      "license",   "log",
    };
    size_t len = strlen(name);
    struct config_key_near near = {NULL, (unsigned)MAX_OF(len / 4, 2) + 1};

    if (len >= CONFIG_KEY_CAP) {
        return NULL;
    }
    for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
        config_key_consider(&near, config_keys[i].name, name);
    }
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        config_key_consider(&near, sections[i], name);
    }
    return near.name;
}
