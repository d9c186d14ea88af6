/* SPDX-License-Identifier: MIT */
#include "base/assert.h"
#include "base/text.h"
#include "engine/config_address.h"
#include "engine/config_key.h"

#include <inttypes.h>

/* A sun_path with its NUL. */
#define CONFIG_SOCKET_MAX 107

struct config_unit {
    const char *name;
    uint64_t factor;
};

/* Larger first, so that the writers find the largest that divides a value. */
static const struct config_unit config_size_units[] = {
    {"TiB", GIB(1024)}, {"GiB", GIB(1)}, {"MiB", MIB(1)}, {"KiB", KIB(1)}, {"T", GIB(1024)},
    {"G", GIB(1)},      {"M", MIB(1)},   {"K", KIB(1)},   {"B", 1},        {"", 1},
};

static const struct config_unit config_time_units[] = {
    {"d", 86400 * NS_PER_SEC}, {"h", 3600 * NS_PER_SEC}, {"m", 60 * NS_PER_SEC},
    {"s", NS_PER_SEC},         {"ms", NS_PER_MS},        {"", NS_PER_SEC},
};

static const char *const config_services[] = {
    "AVSCANREQ",
    "AVSCANRESP",
    "AVSCAN",
    "SYMCScanReq-AV",
    "SYMCScanReq-URL",
    "SYMCScanReq-AV-URL",
    "SYMCScanResp-AV",
    "SYMCScanResp-DDR",
    "SYMCScanResp-AV-DDR",
    "echo",
    "ex206",
};

const char *config_service_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(config_services); i++) {
        if (slice_equal_nocase(slice_from_str(config_services[i]), name)) {
            return config_services[i];
        }
    }
    return NULL;
}

/* The next code point of valid UTF-8. */
static uint32_t config_string_next(struct slice *s)
{
    uint8_t first = s->ptr[0];
    size_t len = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t point = len == 1 ? first : first & (0xffU >> (len + 1));

    len = MIN_OF(len, s->len);
    for (size_t i = 1; i < len; i++) {
        point = point << 6 | (s->ptr[i] & 0x3fU);
    }
    *s = slice_skip(*s, len);
    return point;
}

bool config_string_is_printable(struct slice s)
{
    while (s.len > 0) {
        uint32_t point = config_string_next(&s);

        /* Control characters, YAML's line ends beyond ASCII, and what YAML takes only escaped. */
        if (point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029 ||
            point == 0xfeff || (point & 0xfffe) == 0xfffe) {
            return false;
        }
    }
    return true;
}

static bool config_string_is_plain(struct slice s)
{
    static const char marks[] = "/_.+-%@";

    if (s.len == 0 || slice_equal_nocase(s, SLICE_OF("null"))) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        bool word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/';

        if (!word && (i == 0 || c == '\0' || strchr(marks, c) == NULL)) {
            return false;
        }
    }
    return true;
}

void config_string_write(struct slice s, struct text *out)
{
    if (config_string_is_plain(s)) {
        text_put_slice(out, s);
        return;
    }
    TEXT_PUT(out, "\"");
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\\') {
            TEXT_PUT(out, "\\");
        }
        text_put(out, s.ptr + i, 1);
    }
    TEXT_PUT(out, "\"");
}

/* Digits and a unit of the table; without case when `fold` is set. */
static bool config_quantity_parse(struct slice s, const struct config_unit *units, size_t units_len,
                                  uint64_t *out)
{
    size_t digits = 0;
    uint64_t number = 0;
    struct slice unit;

    while (digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9') {
        digits++;
    }
    unit = slice_skip(s, digits);
    if (!slice_parse_u64(slice_from(s.ptr, digits), &number)) {
        return false;
    }
    for (size_t i = 0; i < units_len; i++) {
        if (slice_equal_nocase(slice_from_str(units[i].name), unit)) {
            return !__builtin_mul_overflow(number, units[i].factor, out);
        }
    }
    return false;
}

static void config_quantity_write(uint64_t value, const struct config_unit *units, size_t units_len,
                                  struct text *out)
{
    for (size_t i = 0; i < units_len; i++) {
        if (value != 0 && value % units[i].factor == 0) {
            text_printf(out, "%" PRIu64 "%s", value / units[i].factor,
                        units[i].factor == 1 ? "" : units[i].name);
            return;
        }
    }
    text_put_u64(out, value);
}

static void config_size_write(uint64_t value, struct text *out)
{
    config_quantity_write(value, config_size_units, ARRAY_LEN(config_size_units), out);
}

static void config_duration_write(uint64_t value, struct text *out)
{
    if (value == 0) {
        TEXT_PUT(out, "0s");
        return;
    }
    config_quantity_write(value, config_time_units, ARRAY_LEN(config_time_units), out);
}

/* Fields are read and written through memcpy, so that one function serves every width. */
static void config_field_set(const struct config_key *key, struct config *config, uint64_t value)
{
    uint8_t *field = (uint8_t *)config + key->offset;

    if (key->kind == CONFIG_KIND_BOOL) {
        bool flag = value != 0;

        ASSERT(key->width == sizeof(flag));
        memcpy(field, &flag, sizeof(flag));
    } else if (key->width == sizeof(uint32_t)) {
        uint32_t narrow = (uint32_t)value;

        memcpy(field, &narrow, sizeof(narrow));
    } else {
        ASSERT(key->width == sizeof(value));
        memcpy(field, &value, sizeof(value));
    }
}

static uint64_t config_field_get(const struct config_key *key, const struct config *config)
{
    const uint8_t *field = (const uint8_t *)config + key->offset;
    uint64_t value = 0;

    ASSERT(key->width <= sizeof(value));
    /* Little endian: a narrow field fills the low bytes. */
    memcpy(&value, field, key->width);
    return value;
}

static struct config_list *config_list_of(const struct config_key *key, struct config *config)
{
    ASSERT(key->width == sizeof(struct config_list));
    return (struct config_list *)(void *)((uint8_t *)config + key->offset);
}

static const struct config_list *config_list_view(const struct config_key *key,
                                                  const struct config *config)
{
    ASSERT(key->width == sizeof(struct config_list));
    return (const struct config_list *)(const void *)((const uint8_t *)config + key->offset);
}

static bool config_bool_parse(struct slice s, uint64_t *out)
{
    static const struct {
        const char *name;
        bool value;
    } names[] = {{"true", true}, {"false", false}, {"yes", true},
                 {"no", false},  {"on", true},     {"off", false}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (slice_equal_nocase(slice_from_str(names[i].name), s)) {
            *out = names[i].value;
            return true;
        }
    }
    return false;
}

static bool config_choice_parse(const char *choices, struct slice s, uint64_t *out)
{
    struct slice rest = slice_from_str(choices);

    for (uint64_t i = 0; rest.len > 0; i++) {
        if (slice_equal(slice_split(&rest, '|'), s)) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool config_number_parse(const struct config_key *key, struct slice s, uint64_t *out)
{
    uint64_t value = 0;
    bool good = false;

    if (key->has_auto && slice_equal(s, SLICE_OF("auto"))) {
        *out = CONFIG_AUTO;
        return true;
    }
    switch (key->kind) {
    case CONFIG_KIND_BYTES:
    case CONFIG_KIND_SIZE:
        good = config_quantity_parse(s, config_size_units, ARRAY_LEN(config_size_units), &value);
        break;
    case CONFIG_KIND_SECONDS:
        good = config_quantity_parse(s, config_time_units, ARRAY_LEN(config_time_units), &value) &&
               value % NS_PER_SEC == 0;
        value /= NS_PER_SEC;
        break;
    case CONFIG_KIND_DURATION:
        good = config_quantity_parse(s, config_time_units, ARRAY_LEN(config_time_units), &value);
        break;
    default:
        good = slice_parse_u64(s, &value);
        break;
    }
    *out = value;
    return good && value >= key->min && value <= key->max;
}

static bool config_extension_fits(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];

        if (c == '.' || c == '/' || c == '*' || c == ',' || c == ' ' || c == ';') {
            return false;
        }
    }
    return s.len > 0 && s.len <= 16;
}

/* An absolute path in which nothing climbs up. */
static bool config_absolute_fits(struct slice s)
{
    struct slice rest = s;

    if (s.len == 0 || s.ptr[0] != '/') {
        return false;
    }
    while (rest.len > 0) {
        if (slice_equal(slice_split(&rest, '/'), SLICE_OF(".."))) {
            return false;
        }
    }
    return true;
}

static bool config_shape_fits(enum config_shape shape, struct slice s)
{
    struct sockaddr_storage address;
    socklen_t address_len = 0;

    switch (shape) {
    case CONFIG_SHAPE_ADDRESS_OR_NONE:
        return s.len == 0 || config_address_parse(s, &address, &address_len);
    case CONFIG_SHAPE_ADDRESS:
        return config_address_parse(s, &address, &address_len);
    case CONFIG_SHAPE_ABSOLUTE_OR_NONE:
        return s.len == 0 || config_absolute_fits(s);
    case CONFIG_SHAPE_ABSOLUTE:
        return config_absolute_fits(s);
    case CONFIG_SHAPE_EXTENSION:
        return config_extension_fits(s);
    case CONFIG_SHAPE_SOCKET:
        return s.len <= CONFIG_SOCKET_MAX;
    case CONFIG_SHAPE_USER:
        return s.len == 0 || config_string_is_plain(s);
    case CONFIG_SHAPE_ANY:
        return true;
    }
    return false;
}

static enum config_value_status config_string_set(const struct config_key *key, char *field,
                                                  size_t cap, struct slice s)
{
    if (!config_string_is_printable(s)) {
        return CONFIG_VALUE_CONTROL;
    }
    if (!config_shape_fits(key->shape, s)) {
        return CONFIG_VALUE_BAD;
    }
    if (s.len >= cap) {
        return CONFIG_VALUE_LONG;
    }
    /* All of the field, so that equal configurations are equal bytes. */
    memset(field, 0, cap);
    if (s.len > 0) {
        memcpy(field, s.ptr, s.len);
    }
    return CONFIG_VALUE_OK;
}

static enum config_value_status config_list_append(const struct config_key *key,
                                                   struct config_list *list, struct slice s)
{
    enum config_value_status status = CONFIG_VALUE_OK;

    if (list->len == CONFIG_LIST_MAX) {
        return CONFIG_VALUE_FULL;
    }
    if (s.len == 0) {
        return CONFIG_VALUE_BAD;
    }
    status = config_string_set(key, list->items[list->len], sizeof(list->items[0]), s);
    if (status == CONFIG_VALUE_OK) {
        list->len++;
    }
    return status;
}

enum config_value_status config_value_set(const struct config_key *key, struct config *config,
                                          struct slice scalar)
{
    uint64_t value = 0;
    bool good = false;

    switch (key->kind) {
    case CONFIG_KIND_STRING:
        return config_string_set(key, (char *)config + key->offset, key->width, scalar);
    case CONFIG_KIND_LIST:
        return config_list_append(key, config_list_of(key, config), scalar);
    case CONFIG_KIND_BOOL:
        good = config_bool_parse(scalar, &value);
        break;
    case CONFIG_KIND_CHOICE:
        good = config_choice_parse(key->choices, scalar, &value);
        break;
    default:
        good = config_number_parse(key, scalar, &value);
        break;
    }
    if (!good) {
        return CONFIG_VALUE_BAD;
    }
    config_field_set(key, config, value);
    return CONFIG_VALUE_OK;
}

enum config_value_status config_value_set_entry(const struct config_key *key, struct config *config,
                                                struct slice name, struct slice scalar)
{
    char entry[sizeof(((struct config_list *)NULL)->items[0])];
    struct text text = text_over(entry, sizeof(entry) - 1);
    uint64_t value = 0;

    ASSERT(key->kind == CONFIG_KIND_MAP);
    if (name.len == 0 || slice_find(name, '=') < name.len) {
        return CONFIG_VALUE_BAD;
    }
    if (!slice_parse_u64(scalar, &value) || value < key->min || value > key->max) {
        return CONFIG_VALUE_BAD;
    }
    text_put_slice(&text, name);
    TEXT_PUT(&text, "=");
    text_put_u64(&text, value);
    if (text.overflowed) {
        return CONFIG_VALUE_LONG;
    }
    return config_list_append(key, config_list_of(key, config), text_slice(&text));
}

void config_value_clear(const struct config_key *key, struct config *config)
{
    memset((uint8_t *)config + key->offset, 0, key->width);
    if (key->kind == CONFIG_KIND_ALIASES) {
        config->icap_alias_len = 0;
    }
}

static void config_list_write(const struct config_list *list, struct text *out)
{
    TEXT_PUT(out, "[");
    for (uint32_t i = 0; i < list->len; i++) {
        text_put_str(out, i > 0 ? ", " : "");
        config_string_write(slice_from_str(list->items[i]), out);
    }
    TEXT_PUT(out, "]");
}

static void config_map_write(const struct config_list *list, struct text *out)
{
    TEXT_PUT(out, "{");
    for (uint32_t i = 0; i < list->len; i++) {
        struct slice value = slice_from_str(list->items[i]);
        struct slice name = slice_split(&value, '=');

        text_put_str(out, i > 0 ? ", " : "");
        config_string_write(name, out);
        TEXT_PUT(out, ": ");
        text_put_slice(out, value);
    }
    TEXT_PUT(out, "}");
}

static void config_aliases_write(const struct config *config, struct text *out)
{
    TEXT_PUT(out, "{");
    for (uint32_t i = 0; i < config->icap_alias_len; i++) {
        const struct config_alias *alias = &config->icap_aliases[i];

        text_put_str(out, i > 0 ? ", " : "");
        config_string_write(slice_from_str(alias->name), out);
        text_printf(out, ": {service: %s, profile: %s}", alias->service,
                    alias->profile == CONFIG_PROFILE_GUIDE ? "guide" : "standard");
    }
    TEXT_PUT(out, "}");
}

static void config_choice_write(const char *choices, uint64_t value, struct text *out)
{
    struct slice rest = slice_from_str(choices);
    struct slice name = slice_split(&rest, '|');

    for (uint64_t i = 0; i < value; i++) {
        name = slice_split(&rest, '|');
    }
    text_put_slice(out, name);
}

void config_value_write(const struct config_key *key, const struct config *config, struct text *out)
{
    const char *string = (const char *)config + key->offset;

    switch (key->kind) {
    case CONFIG_KIND_STRING:
        config_string_write(slice_from(string, strnlen(string, key->width)), out);
        return;
    case CONFIG_KIND_LIST:
        config_list_write(config_list_view(key, config), out);
        return;
    case CONFIG_KIND_MAP:
        config_map_write(config_list_view(key, config), out);
        return;
    case CONFIG_KIND_ALIASES:
        config_aliases_write(config, out);
        return;
    default:
        break;
    }
    uint64_t value = config_field_get(key, config);

    if (key->has_auto && value == CONFIG_AUTO) {
        TEXT_PUT(out, "auto");
    } else if (key->kind == CONFIG_KIND_BOOL) {
        text_put_str(out, value != 0 ? "true" : "false");
    } else if (key->kind == CONFIG_KIND_CHOICE) {
        config_choice_write(key->choices, value, out);
    } else if (key->kind == CONFIG_KIND_SIZE) {
        config_size_write(value, out);
    } else if (key->kind == CONFIG_KIND_DURATION) {
        config_duration_write(value, out);
    } else {
        text_put_u64(out, value);
    }
}

/* "a size from 1KiB to 64KiB". */
static void config_range_describe(const struct config_key *key, const char *noun,
                                  void (*write)(uint64_t value, struct text *out), struct text *out)
{
    text_put_str(out, noun);
    TEXT_PUT(out, " from ");
    write(key->min, out);
    TEXT_PUT(out, " to ");
    write(key->max, out);
    text_put_str(out, key->has_auto ? ", or auto" : "");
}

static void config_number_write(uint64_t value, struct text *out)
{
    text_put_u64(out, value);
}

static void config_seconds_write(uint64_t value, struct text *out)
{
    config_duration_write(value * NS_PER_SEC, out);
}

static void config_choice_describe(const char *choices, struct text *out)
{
    struct slice rest = slice_from_str(choices);

    for (bool first = true; rest.len > 0; first = false) {
        struct slice name = slice_split(&rest, '|');

        text_put_str(out, first ? "" : rest.len > 0 ? ", " : " or ");
        text_put_slice(out, name);
    }
}

static const char *config_shape_describe(enum config_shape shape)
{
    switch (shape) {
    case CONFIG_SHAPE_ADDRESS:
    case CONFIG_SHAPE_ADDRESS_OR_NONE:
        return "an address such as 127.0.0.1:1344 or [::1]:1344";
    case CONFIG_SHAPE_ABSOLUTE:
    case CONFIG_SHAPE_ABSOLUTE_OR_NONE:
        return "an absolute path without ..";
    case CONFIG_SHAPE_EXTENSION:
        return "a file extension of 1 to 16 characters without a dot";
    case CONFIG_SHAPE_SOCKET:
        return "a path of at most 107 bytes";
    case CONFIG_SHAPE_USER:
        return "a user name";
    case CONFIG_SHAPE_ANY:
        break;
    }
    return "a text";
}

void config_value_describe(const struct config_key *key, struct text *out)
{
    switch (key->kind) {
    case CONFIG_KIND_BOOL:
        TEXT_PUT(out, "true or false");
        return;
    case CONFIG_KIND_NUMBER:
        config_range_describe(key, "a number", config_number_write, out);
        return;
    case CONFIG_KIND_MAP:
        config_range_describe(key, "a name with a number", config_number_write, out);
        return;
    case CONFIG_KIND_BYTES:
        config_range_describe(key, "a size in bytes", config_number_write, out);
        return;
    case CONFIG_KIND_SIZE:
        config_range_describe(key, "a size", config_size_write, out);
        return;
    case CONFIG_KIND_DURATION:
        config_range_describe(key, "a duration", config_duration_write, out);
        return;
    case CONFIG_KIND_SECONDS:
        config_range_describe(key, "a duration in whole seconds", config_seconds_write, out);
        return;
    case CONFIG_KIND_CHOICE:
        config_choice_describe(key->choices, out);
        return;
    case CONFIG_KIND_STRING:
    case CONFIG_KIND_LIST:
        text_put_str(out, config_shape_describe(key->shape));
        return;
    case CONFIG_KIND_ALIASES:
        TEXT_PUT(out, "a map such as {scan: {service: AVSCAN, profile: standard}}");
        return;
    }
}
