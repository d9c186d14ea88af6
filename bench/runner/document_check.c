/* SPDX-License-Identifier: MIT */
/*
 * The shape of a document, as tables: what a key must be when it is there. One walk says where a
 * document differs, with the place in words that find it again.
 */
#include "bench/runner/document.h"

#include "base/assert.h"

#include <stdarg.h>
#include <string.h>

#define DOCUMENT_PLACE_CAP    160
#define DOCUMENT_ROW_LEN      9
#define DOCUMENT_INTERVAL_MIN 1e-6

enum document_kind {
    DOCUMENT_TEXT,
    DOCUMENT_NUMBER,
    DOCUMENT_COUNT, /* A number, not negative. */
    DOCUMENT_BOOL,
    DOCUMENT_OBJECT,
    DOCUMENT_ARRAY,
    DOCUMENT_COUNTS, /* An object of counts. */
    DOCUMENT_SCALAR  /* A text, a number or a truth. */
};

struct document_rule {
    const char *key;
    enum document_kind kind;
    bool wanted;
};

/* Where we are, and where to complain. */
struct document_walk {
    char place[DOCUMENT_PLACE_CAP];
    char *why;
    size_t why_cap;
};

static const struct document_rule document_top[] = {
    {"format", DOCUMENT_TEXT, true},     {"scenario", DOCUMENT_OBJECT, false},
    {"made", DOCUMENT_TEXT, false},      {"command", DOCUMENT_TEXT, false},
    {"machine", DOCUMENT_OBJECT, false}, {"generator", DOCUMENT_TEXT, false},
    {"server", DOCUMENT_OBJECT, false},  {"steps", DOCUMENT_ARRAY, true},
    {"views", DOCUMENT_ARRAY, false},    {"goals", DOCUMENT_ARRAY, false},
    {"notes", DOCUMENT_ARRAY, false},    {"errors_total", DOCUMENT_COUNT, false},
};
static const struct document_rule document_scenario[] = {
    {"name", DOCUMENT_TEXT, false},
    {"title", DOCUMENT_TEXT, false},
    {"text", DOCUMENT_TEXT, false},
    {"form", DOCUMENT_TEXT, false},
};
static const struct document_rule document_server[] = {
    {"target", DOCUMENT_TEXT, false},     {"service", DOCUMENT_TEXT, false},
    {"istag", DOCUMENT_TEXT, false},      {"local", DOCUMENT_BOOL, false},
    {"settings", DOCUMENT_OBJECT, false},
};
static const struct document_rule document_step[] = {
    {"id", DOCUMENT_TEXT, true},         {"params", DOCUMENT_OBJECT, false},
    {"round", DOCUMENT_COUNT, false},    {"started", DOCUMENT_COUNT, false},
    {"marks", DOCUMENT_ARRAY, false},    {"result", DOCUMENT_OBJECT, true},
    {"derived", DOCUMENT_OBJECT, false},
};
static const struct document_rule document_result[] = {
    {"seconds", DOCUMENT_COUNT, false},      {"requests", DOCUMENT_COUNT, false},
    {"rate", DOCUMENT_COUNT, false},         {"mb_rate", DOCUMENT_COUNT, false},
    {"refused", DOCUMENT_COUNT, false},      {"retries", DOCUMENT_COUNT, false},
    {"aborted", DOCUMENT_COUNT, false},      {"unsent", DOCUMENT_COUNT, false},
    {"continues", DOCUMENT_COUNT, false},    {"preview_204", DOCUMENT_COUNT, false},
    {"saved_bytes", DOCUMENT_COUNT, false},  {"body_bytes", DOCUMENT_COUNT, false},
    {"sent_bytes", DOCUMENT_COUNT, false},   {"received_bytes", DOCUMENT_COUNT, false},
    {"found", DOCUMENT_COUNT, false},        {"connects", DOCUMENT_COUNT, false},
    {"least", DOCUMENT_COUNT, false},        {"most", DOCUMENT_COUNT, false},
    {"codes", DOCUMENT_COUNTS, false},       {"errors", DOCUMENT_COUNTS, false},
    {"errors_total", DOCUMENT_COUNT, false}, {"limit", DOCUMENT_TEXT, false},
    {"generator", DOCUMENT_COUNTS, false},   {"server", DOCUMENT_COUNTS, false},
    {"latency", DOCUMENT_OBJECT, false},     {"timeline", DOCUMENT_OBJECT, false},
};
static const struct document_rule document_span[] = {
    {"count", DOCUMENT_COUNT, false}, {"min", DOCUMENT_COUNT, false},
    {"mean", DOCUMENT_COUNT, false},  {"p50", DOCUMENT_COUNT, false},
    {"p90", DOCUMENT_COUNT, false},   {"p99", DOCUMENT_COUNT, false},
    {"p999", DOCUMENT_COUNT, false},  {"p9999", DOCUMENT_COUNT, false},
    {"max", DOCUMENT_COUNT, false},   {"curve", DOCUMENT_ARRAY, false},
};
static const struct document_rule document_timeline[] = {
    {"interval", DOCUMENT_COUNT, true},
    {"rows", DOCUMENT_ARRAY, true},
};
static const struct document_rule document_mark[] = {
    {"at", DOCUMENT_NUMBER, true},
    {"what", DOCUMENT_TEXT, true},
};
static const struct document_rule document_goal[] = {
    {"name", DOCUMENT_TEXT, true},   {"wanted", DOCUMENT_NUMBER, false},
    {"sense", DOCUMENT_TEXT, false}, {"unit", DOCUMENT_TEXT, false},
    {"got", DOCUMENT_NUMBER, false}, {"reached", DOCUMENT_BOOL, false},
};

/* What each kind of view needs beside its kind. */
static const struct document_view {
    const char *kind;
    struct document_rule rules[3];
} document_views[] = {
    {"table", {{"rows", DOCUMENT_ARRAY, true}, {"columns", DOCUMENT_ARRAY, true}}},
    {"lines",
     {{"x", DOCUMENT_TEXT, true}, {"y", DOCUMENT_TEXT, true}, {"series", DOCUMENT_TEXT, false}}},
    {"percentiles", {{"span", DOCUMENT_TEXT, false}, {"series", DOCUMENT_TEXT, false}}},
    {"timeline", {{"y", DOCUMENT_TEXT, false}, {"series", DOCUMENT_TEXT, false}}},
    {"heatmap",
     {{"x", DOCUMENT_TEXT, true}, {"y", DOCUMENT_TEXT, true}, {"value", DOCUMENT_TEXT, true}}},
};
static const struct document_rule document_view_common[] = {
    {"kind", DOCUMENT_TEXT, true},
    {"title", DOCUMENT_TEXT, false},
    {"text", DOCUMENT_TEXT, false},
    {"where", DOCUMENT_OBJECT, false},
};

static const char *document_kind_name(enum document_kind kind)
{
    static const char *const names[] = {
        [DOCUMENT_TEXT] = "a string",
        [DOCUMENT_NUMBER] = "a number",
        [DOCUMENT_COUNT] = "a number of at least 0",
        [DOCUMENT_BOOL] = "true or false",
        [DOCUMENT_OBJECT] = "an object",
        [DOCUMENT_ARRAY] = "an array",
        [DOCUMENT_COUNTS] = "an object of numbers of at least 0",
        [DOCUMENT_SCALAR] = "a string, a number, true or false",
    };

    return names[kind];
}

static bool document_is_counts(json_t *value)
{
    const char *key = NULL;
    json_t *member = NULL;

    if (!json_is_object(value)) {
        return false;
    }
    json_object_foreach(value, key, member)
    {
        if (!json_is_null(member) && !(json_is_number(member) && json_number_value(member) >= 0)) {
            return false;
        }
    }
    return true;
}

static bool document_is(json_t *value, enum document_kind kind)
{
    switch (kind) {
    case DOCUMENT_TEXT:
        return json_is_string(value);
    case DOCUMENT_NUMBER:
        return json_is_number(value);
    case DOCUMENT_COUNT:
        return json_is_number(value) && json_number_value(value) >= 0;
    case DOCUMENT_BOOL:
        return json_is_boolean(value);
    case DOCUMENT_OBJECT:
        return json_is_object(value);
    case DOCUMENT_ARRAY:
        return json_is_array(value);
    case DOCUMENT_COUNTS:
        return document_is_counts(value);
    case DOCUMENT_SCALAR:
        return json_is_string(value) || json_is_number(value) || json_is_boolean(value);
    }
    return false;
}

static bool document_complain(struct document_walk *walk, const char *key, const char *what)
{
    snprintf(walk->why, walk->why_cap, "%s%s%.80s: %s", walk->place,
             walk->place[0] != '\0' && key[0] != '\0' ? "." : "", key, what);
    return false;
}

PRINTF_LIKE(2, 3)
static void document_enter(struct document_walk *walk, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(walk->place, sizeof(walk->place), format, args);
    va_end(args);
}

static bool document_check_value(struct document_walk *walk, const char *key, json_t *value,
                                 enum document_kind kind)
{
    char what[96];

    if (document_is(value, kind)) {
        return true;
    }
    snprintf(what, sizeof(what), "%s is wanted", document_kind_name(kind));
    return document_complain(walk, key, what);
}

static bool document_check_object(struct document_walk *walk, json_t *object,
                                  const struct document_rule *rules, size_t rules_len)
{
    if (!document_check_value(walk, "", object, DOCUMENT_OBJECT)) {
        return false;
    }
    for (size_t i = 0; i < rules_len && rules[i].key != NULL; i++) {
        json_t *value = json_object_get(object, rules[i].key);

        if (value == NULL || json_is_null(value)) {
            if (rules[i].wanted) {
                return document_complain(walk, rules[i].key, "is missing");
            }
        } else if (!document_check_value(walk, rules[i].key, value, rules[i].kind)) {
            return false;
        }
    }
    return true;
}

#define DOCUMENT_CHECK_OBJECT(walk, object, rules)                                                 \
    document_check_object((walk), (object), (rules), ARRAY_LEN(rules))

static bool document_check_members(struct document_walk *walk, json_t *object)
{
    const char *key = NULL;
    json_t *value = NULL;

    json_object_foreach(object, key, value)
    {
        if (!json_is_null(value) && !document_check_value(walk, key, value, DOCUMENT_SCALAR)) {
            return false;
        }
    }
    return true;
}

/* Rows of numbers: the curve of a latency, the rows of a time line. */
static bool document_check_rows(struct document_walk *walk, json_t *rows, size_t width)
{
    size_t index = 0;
    json_t *row = NULL;

    json_array_foreach(rows, index, row)
    {
        bool is_right = json_is_array(row) && json_array_size(row) == width;

        for (size_t i = 0; is_right && i < width; i++) {
            is_right = document_is(json_array_get(row, i), DOCUMENT_COUNT);
        }
        if (!is_right) {
            char what[96];

            snprintf(what, sizeof(what), "row %zu: %zu numbers of at least 0 are wanted", index,
                     width);
            return document_complain(walk, "", what);
        }
    }
    return true;
}

static bool document_check_result(struct document_walk *walk, json_t *result, size_t number)
{
    json_t *timeline = json_object_get(result, "timeline");
    const char *name = NULL;
    json_t *span = NULL;

    document_enter(walk, "steps[%zu].result", number);
    if (!DOCUMENT_CHECK_OBJECT(walk, result, document_result)) {
        return false;
    }
    json_object_foreach(json_object_get(result, "latency"), name, span)
    {
        document_enter(walk, "steps[%zu].result.latency.%.40s", number, name);
        if (!json_is_null(span) &&
            !(DOCUMENT_CHECK_OBJECT(walk, span, document_span) &&
              document_check_rows(walk, json_object_get(span, "curve"), 2))) {
            return false;
        }
    }
    if (timeline == NULL || json_is_null(timeline)) {
        return true;
    }
    document_enter(walk, "steps[%zu].result.timeline", number);
    if (!DOCUMENT_CHECK_OBJECT(walk, timeline, document_timeline)) {
        return false;
    }
    if (document_find_number(timeline, "interval", 0) < DOCUMENT_INTERVAL_MIN) {
        return document_complain(walk, "interval", "is too small");
    }
    return document_check_rows(walk, json_object_get(timeline, "rows"), DOCUMENT_ROW_LEN);
}

static bool document_check_step(struct document_walk *walk, json_t *step, size_t number)
{
    size_t index = 0;
    json_t *mark = NULL;

    document_enter(walk, "steps[%zu]", number);
    if (!DOCUMENT_CHECK_OBJECT(walk, step, document_step)) {
        return false;
    }
    document_enter(walk, "steps[%zu].params", number);
    if (!document_check_members(walk, json_object_get(step, "params"))) {
        return false;
    }
    document_enter(walk, "steps[%zu].derived", number);
    if (!document_check_members(walk, json_object_get(step, "derived"))) {
        return false;
    }
    json_array_foreach(json_object_get(step, "marks"), index, mark)
    {
        document_enter(walk, "steps[%zu].marks[%zu]", number, index);
        if (!DOCUMENT_CHECK_OBJECT(walk, mark, document_mark)) {
            return false;
        }
    }
    return document_check_result(walk, json_object_get(step, "result"), number);
}

static bool document_check_paths(struct document_walk *walk, json_t *view, const char *key)
{
    size_t index = 0;
    json_t *path = NULL;

    json_array_foreach(json_object_get(view, key), index, path)
    {
        if (!json_is_string(path)) {
            return document_complain(walk, key, "an array of strings is wanted");
        }
    }
    return true;
}

static bool document_check_view(struct document_walk *walk, json_t *view, size_t number)
{
    document_enter(walk, "views[%zu]", number);
    if (!DOCUMENT_CHECK_OBJECT(walk, view, document_view_common)) {
        return false;
    }

    const char *kind = document_find_text(view, "kind", "");

    for (size_t i = 0; i < ARRAY_LEN(document_views); i++) {
        if (strcmp(kind, document_views[i].kind) == 0) {
            return DOCUMENT_CHECK_OBJECT(walk, view, document_views[i].rules) &&
                   document_check_paths(walk, view, "rows") &&
                   document_check_paths(walk, view, "columns");
        }
    }
    return document_complain(walk, "kind",
                             "table, lines, percentiles, timeline or heatmap is wanted");
}

static bool document_check_rounds(struct document_walk *walk, json_t *document)
{
    json_t *groups = document_group(document);
    size_t index = 0;
    json_t *group = NULL;
    bool is_right = true;

    json_array_foreach(groups, index, group)
    {
        if (json_array_size(group) > DOCUMENT_ROUNDS_MAX) {
            document_enter(walk, "steps");
            is_right = document_complain(walk, "", "more than 256 rounds of one id");
            break;
        }
    }
    json_decref(groups);
    return is_right;
}

static bool document_check_lists(struct document_walk *walk, json_t *document)
{
    size_t index = 0;
    json_t *item = NULL;

    json_array_foreach(json_object_get(document, "steps"), index, item)
    {
        if (!document_check_step(walk, item, index)) {
            return false;
        }
    }
    json_array_foreach(json_object_get(document, "views"), index, item)
    {
        if (!document_check_view(walk, item, index)) {
            return false;
        }
    }
    json_array_foreach(json_object_get(document, "goals"), index, item)
    {
        document_enter(walk, "goals[%zu]", index);
        if (!DOCUMENT_CHECK_OBJECT(walk, item, document_goal)) {
            return false;
        }
    }
    json_array_foreach(json_object_get(document, "notes"), index, item)
    {
        document_enter(walk, "notes[%zu]", index);
        if (!document_check_value(walk, "", item, DOCUMENT_TEXT)) {
            return false;
        }
    }
    return true;
}

bool document_check(json_t *document, char *why, size_t why_cap)
{
    struct document_walk walk = {.why_cap = why_cap};
    json_t *scenario = json_object_get(document, "scenario");
    json_t *machine = json_object_get(document, "machine");
    json_t *server = json_object_get(document, "server");

    walk.why = why;
    if (!json_is_object(document)) {
        return document_complain(&walk, "the document", "an object is wanted");
    }
    if (!DOCUMENT_CHECK_OBJECT(&walk, document, document_top)) {
        return false;
    }
    if (strcmp(document_find_text(document, "format", ""), DOCUMENT_FORMAT) != 0) {
        return document_complain(&walk, "format", "\"" DOCUMENT_FORMAT "\" is wanted");
    }
    document_enter(&walk, "scenario");
    if (json_is_object(scenario) && !DOCUMENT_CHECK_OBJECT(&walk, scenario, document_scenario)) {
        return false;
    }
    document_enter(&walk, "machine");
    if (json_is_object(machine) && !document_check_members(&walk, machine)) {
        return false;
    }
    document_enter(&walk, "server");
    if (json_is_object(server) && !DOCUMENT_CHECK_OBJECT(&walk, server, document_server)) {
        return false;
    }
    document_enter(&walk, "server.settings");
    if (!document_check_members(&walk, json_object_get(server, "settings"))) {
        return false;
    }
    return document_check_lists(&walk, document) && document_check_rounds(&walk, document);
}
