/* SPDX-License-Identifier: MIT */
#include "bench/runner/scenario.h"

#include "base/assert.h"
#include "bench/load/load_reply.h"
#include "bench/load/load_value.h"
#include "bench/runner/derive.h"

#include <stdio.h>
#include <stdlib.h>

#define SCENARIO_ROUNDS_MAX 100

/* The pieces that a form may lay over the top level come first. */
static const char *const scenario_names[] = {
    "rounds", "load",   "engine", "sweep", "capacity", "events", "tolerate", "name",  "title",
    "text",   "derive", "goals",  "notes", "views",    "short",  "long",     "fresh", NULL};
static const char *const scenario_form_names[] = {"rounds",   "load",   "engine",   "sweep",
                                                  "capacity", "events", "tolerate", NULL};
static const char *const scenario_event_names[] = {"at",    "do",       "every", "for",
                                                   "shard", "optional", NULL};
static const char *const scenario_goal_names[] = {"name",    "value", "where", "at_least",
                                                  "at_most", "unit",  NULL};
static const char *const scenario_note_names[] = {"best",  "value",  "over", "by",
                                                  "where", "within", NULL};
static const char *const scenario_capacity_names[] = {"load", "engine", NULL};
static const char *const scenario_view_names[] = {"kind",  "title", "text",   "rows",  "columns",
                                                  "x",     "y",     "series", "value", "span",
                                                  "log_x", "log_y", "where",  NULL};
static const char *const scenario_view_kinds[] = {"table",    "lines",   "percentiles",
                                                  "timeline", "heatmap", NULL};
static const char *const scenario_events[] = {"swap", "reload", "kill-shard", "pause-shard", NULL};

/* One reading: what is filled, and from where. */
struct scenario_reader {
    struct scenario *scenario;
    const struct tree_node *root;
    const struct tree_node *form; /* NULL when the file has none of that name. */
    struct problem *problem;
};

const char *scenario_event_word(enum scenario_event_kind kind)
{
    return scenario_events[kind];
}

/* The place of `word` in a list that ends with NULL; -1 without one. */
static int scenario_index(const char *const *words, const char *word)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], word) == 0) {
            return i;
        }
    }
    return -1;
}

static void scenario_join(const char *const *words, char *out, size_t cap)
{
    size_t len = 0;

    out[0] = '\0';
    for (; *words != NULL && len < cap; words++) {
        len += (size_t)snprintf(out + len, cap - len, "%s%s", len > 0 ? ", " : "", *words);
    }
}

/* That `node` is a map with names of the list only. */
static bool scenario_check_map(const struct tree_node *node, const char *path,
                               const char *const *names, struct problem *problem)
{
    char shown[TREE_SHOWN_CAP];
    char all[256];

    scenario_join(names, all, sizeof(all));
    if (node->kind != TREE_MAP) {
        return problem_put(problem, node->line, path, "%s is not a map of %s",
                           tree_show(node, shown), all);
    }
    for (const struct tree_node *child = node->first; child != NULL; child = child->next) {
        if (scenario_index(names, child->name) < 0) {
            return problem_put(problem, child->line, path, "'%s' is not one of %s", child->name,
                               all);
        }
    }
    return true;
}

static bool scenario_check_kind(const struct tree_node *node, enum tree_kind kind, const char *path,
                                struct problem *problem)
{
    static const char *const words[] = {"a text", "a list", "a map"};
    char shown[TREE_SHOWN_CAP];

    return node->kind == kind || problem_put(problem, node->line, path, "%s is not %s",
                                             tree_show(node, shown), words[kind]);
}

/* A text that must be there, unless `otherwise` is not NULL. */
static const char *scenario_read_text(const struct scenario_reader *reader,
                                      const struct tree_node *map, const char *path,
                                      const char *name, const char *otherwise)
{
    const struct tree_node *node = tree_find(map, name);

    if (node == NULL && otherwise != NULL) {
        return otherwise;
    }
    if (node == NULL) {
        problem_put(reader->problem, map->line, path, "`%s` is missing", name);
        return NULL;
    }
    if (node->kind != TREE_SCALAR || node->text[0] == '\0') {
        problem_put(reader->problem, node->line, path, "`%s` is not a text", name);
        return NULL;
    }
    return node->text;
}

static bool scenario_read_number(const struct scenario_reader *reader, const struct tree_node *node,
                                 const char *path, double max, double *out)
{
    char shown[TREE_SHOWN_CAP];
    char *end = NULL;

    *out = strtod(node->text, &end);
    return (node->kind == TREE_SCALAR && end != node->text && *end == '\0' && *out >= 0 &&
            *out <= max) ||
           problem_put(reader->problem, node->line, path, "%s is not a number from 0 to %g",
                       tree_show(node, shown), max);
}

static bool scenario_read_seconds(const struct scenario_reader *reader, const struct tree_node *map,
                                  const char *name, double *out)
{
    const struct tree_node *node = tree_find(map, name);
    char shown[TREE_SHOWN_CAP];

    return node == NULL || (node->kind == TREE_SCALAR && load_value_seconds(node->text, out)) ||
           problem_put(reader->problem, node->line, "events", "%s: %s is not a time like 250ms, 2s",
                       name, tree_show(node, shown));
}

static bool scenario_read_flag(const struct scenario_reader *reader, const struct tree_node *map,
                               const char *name, bool *out)
{
    const struct tree_node *node = tree_find(map, name);

    if (node == NULL) {
        return true;
    }
    *out = strcmp(node->text, "true") == 0;
    return *out || strcmp(node->text, "false") == 0 ||
           problem_put(reader->problem, node->line, name, "true or false is wanted");
}

/* The piece that is in force: that of the form, else that of the top level. */
static const struct tree_node *scenario_pick(const struct scenario_reader *reader, const char *name)
{
    const struct tree_node *node = tree_find(reader->form, name);

    return node != NULL ? node : tree_find(reader->root, name);
}

static bool scenario_read_rounds(struct scenario_reader *reader)
{
    const struct tree_node *node = scenario_pick(reader, "rounds");
    double rounds = 1;

    if (node != NULL &&
        (!scenario_read_number(reader, node, "rounds", SCENARIO_ROUNDS_MAX, &rounds) ||
         rounds < 1)) {
        return problem_put(reader->problem, node->line, "rounds",
                           "'%s' is not a number from 1 to %d", node->text, SCENARIO_ROUNDS_MAX);
    }
    reader->scenario->rounds = (unsigned)rounds;
    return true;
}

/* The `name` maps of two places, both checked to be maps; either may be NULL. */
static bool scenario_read_pair(const struct scenario_reader *reader, const char *name,
                               const struct tree_node *below, const struct tree_node *above,
                               const struct tree_node *out[2])
{
    out[0] = tree_find(below, name);
    out[1] = tree_find(above, name);
    for (size_t i = 0; i < 2; i++) {
        if (out[i] != NULL && !scenario_check_kind(out[i], TREE_MAP, name, reader->problem)) {
            return false;
        }
    }
    return true;
}

static bool scenario_read_capacity(struct scenario_reader *reader)
{
    struct scenario *scenario = reader->scenario;
    const struct tree_node *below = tree_find(reader->root, "capacity");
    const struct tree_node *above = tree_find(reader->form, "capacity");
    const struct tree_node *both[] = {below, above};

    scenario->has_capacity = below != NULL || above != NULL;
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        if (both[i] != NULL &&
            !scenario_check_map(both[i], "capacity", scenario_capacity_names, reader->problem)) {
            return false;
        }
    }
    return scenario_read_pair(reader, "load", below, above, scenario->capacity_load) &&
           scenario_read_pair(reader, "engine", below, above, scenario->capacity_engine);
}

/* One value of an axis that is no setting: a map that names itself. */
static bool scenario_check_bundle(const struct scenario_reader *reader, const char *axis,
                                  const struct tree_node *map)
{
    if (map->kind != TREE_MAP) {
        return problem_put(reader->problem, map->line, axis,
                           "no setting of load has that name, so each value is a map: {as: small, "
                           "sizes: 1k}");
    }
    const struct tree_node *as = tree_find(map, "as");

    if (as == NULL || as->kind != TREE_SCALAR || as->text[0] == '\0') {
        return problem_put(reader->problem, map->line, axis, "a value needs a name: `as: small`");
    }
    return true;
}

static bool scenario_read_axis(struct scenario_reader *reader, const struct tree_node *node)
{
    struct scenario *scenario = reader->scenario;
    const struct tree_node *over = tree_find(tree_find(reader->form, "sweep"), node->name);
    const struct tree_node *values = over != NULL ? over : node;
    const bool is_setting = step_knows(node->name) || strncmp(node->name, "engine.", 7) == 0;

    if (scenario->axes_len == SCENARIO_AXES_MAX) {
        return problem_put(reader->problem, node->line, "sweep", "more than %d axes",
                           SCENARIO_AXES_MAX);
    }
    if (values->kind != TREE_LIST || values->first == NULL) {
        return problem_put(reader->problem, values->line, node->name,
                           "a list of one value or more is wanted");
    }
    for (const struct tree_node *value = values->first; value != NULL; value = value->next) {
        if (value->kind == TREE_MAP || !is_setting) {
            if (!scenario_check_bundle(reader, node->name, value)) {
                return false;
            }
        }
    }
    scenario->axes[scenario->axes_len++] = (struct scenario_axis){
        .name = node->name,
        .param = strncmp(node->name, "engine.", 7) == 0 ? node->name + 7 : node->name,
        .values = values,
    };
    return true;
}

static bool scenario_has_axis(const struct scenario *scenario, const char *name)
{
    for (size_t i = 0; i < scenario->axes_len; i++) {
        if (strcmp(scenario->axes[i].param, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool scenario_read_sweep(struct scenario_reader *reader)
{
    const struct tree_node *sweep[2];

    if (!scenario_read_pair(reader, "sweep", reader->root, reader->form, sweep)) {
        return false;
    }
    for (const struct tree_node *node = sweep[0] != NULL ? sweep[0]->first : NULL; node != NULL;
         node = node->next) {
        if (!scenario_read_axis(reader, node)) {
            return false;
        }
    }
    for (const struct tree_node *node = sweep[1] != NULL ? sweep[1]->first : NULL; node != NULL;
         node = node->next) {
        if (tree_find(sweep[0], node->name) == NULL) {
            return problem_put(reader->problem, node->line, "sweep",
                               "'%s' is no axis of the scenario itself", node->name);
        }
    }
    return true;
}

static bool scenario_read_event(struct scenario_reader *reader, const struct tree_node *map)
{
    struct scenario *scenario = reader->scenario;
    struct scenario_event *event = &scenario->events[scenario->events_len];
    const struct tree_node *shard = tree_find(map, "shard");
    double number = 0;

    *event = (struct scenario_event){.for_sec = 1};
    if (!scenario_check_map(map, "events", scenario_event_names, reader->problem)) {
        return false;
    }
    const char *word = scenario_read_text(reader, map, "events", "do", NULL);

    if (word == NULL || scenario_read_text(reader, map, "events", "at", NULL) == NULL) {
        return false;
    }
    const int kind = scenario_index(scenario_events, word);

    if (kind < 0) {
        char all[128];

        scenario_join(scenario_events, all, sizeof(all));
        return problem_put(reader->problem, map->line, "events.do", "'%s' is not one of %s", word,
                           all);
    }
    event->kind = (enum scenario_event_kind)kind;
    if (!scenario_read_seconds(reader, map, "at", &event->at_sec) ||
        !scenario_read_seconds(reader, map, "every", &event->every_sec) ||
        !scenario_read_seconds(reader, map, "for", &event->for_sec) ||
        !scenario_read_flag(reader, map, "optional", &event->optional) ||
        (shard != NULL &&
         !scenario_read_number(reader, shard, "events.shard", LOAD_PIDS_MAX, &number))) {
        return false;
    }
    event->shard = (unsigned)number;
    scenario->events_len++;
    return true;
}

/* Calls `read` for each map of the list at `name`, of which there may be `max`. */
static bool scenario_read_list(struct scenario_reader *reader, const char *name, size_t max,
                               bool (*read)(struct scenario_reader *, const struct tree_node *))
{
    const struct tree_node *list = scenario_pick(reader, name);

    if (list == NULL) {
        return true;
    }
    if (!scenario_check_kind(list, TREE_LIST, name, reader->problem)) {
        return false;
    }
    if (tree_count(list) > max) {
        return problem_put(reader->problem, list->line, name, "more than %zu", max);
    }
    for (const struct tree_node *item = list->first; item != NULL; item = item->next) {
        if (!read(reader, item)) {
            return false;
        }
    }
    return true;
}

static bool scenario_is_error(const char *word)
{
    for (unsigned i = LOAD_OK + 1; i < LOAD_ERROR_COUNT; i++) {
        if (strcmp(load_error_name((enum load_error)i), word) == 0) {
            return true;
        }
    }
    return false;
}

static bool scenario_read_tolerate(struct scenario_reader *reader)
{
    struct scenario *scenario = reader->scenario;
    const struct tree_node *map = scenario_pick(reader, "tolerate");

    if (map != NULL && !scenario_check_kind(map, TREE_MAP, "tolerate", reader->problem)) {
        return false;
    }
    for (const struct tree_node *node = map != NULL ? map->first : NULL; node != NULL;
         node = node->next) {
        double max = 0;

        if (!scenario_is_error(node->name)) {
            return problem_put(reader->problem, node->line, "tolerate",
                               "'%s' is no kind of error: see `baleen-bench run --reference`",
                               node->name);
        }
        if (scenario->tolerances_len == SCENARIO_WORDS_MAX ||
            !scenario_read_number(reader, node, "tolerate", 1e12, &max)) {
            return scenario->tolerances_len < SCENARIO_WORDS_MAX ||
                   problem_put(reader->problem, node->line, "tolerate", "more than %d kinds",
                               SCENARIO_WORDS_MAX);
        }
        scenario->tolerances[scenario->tolerances_len++] =
            (struct scenario_tolerance){node->name, (uint64_t)max};
    }
    return true;
}

static bool scenario_read_derived(struct scenario_reader *reader, const struct tree_node *node)
{
    if (node->kind != TREE_SCALAR || !derive_knows(node->text)) {
        char shown[TREE_SHOWN_CAP];

        return problem_put(reader->problem, node->line, "derive",
                           "%s is no computation: see `baleen-bench run --reference`",
                           tree_show(node, shown));
    }
    reader->scenario->derive[reader->scenario->derive_len++] = node->text;
    return true;
}

/* A path into a step; NULL stands for an optional one that is missing. */
static bool scenario_check_path(const struct scenario_reader *reader, const struct tree_node *node,
                                const char *place)
{
    if (node == NULL) {
        return true;
    }
    const char *path = node->text;
    const bool is_param = strncmp(path, "params.", 7) == 0;

    if (node->kind != TREE_SCALAR ||
        !(is_param || strncmp(path, "result.", 7) == 0 || strncmp(path, "derived.", 8) == 0 ||
          strcmp(path, "id") == 0 || strcmp(path, "round") == 0)) {
        char shown[TREE_SHOWN_CAP];

        return problem_put(reader->problem, node->line, place,
                           "%s is not id, round or a path that begins with params. result. or "
                           "derived.",
                           tree_show(node, shown));
    }
    if (is_param && !scenario_has_axis(reader->scenario, path + 7)) {
        return problem_put(reader->problem, node->line, place, "'%s' is no axis of sweep",
                           path + 7);
    }
    return true;
}

/* Axes and the values that a step must have; NULL: all steps are meant. */
static bool scenario_check_where(const struct scenario_reader *reader,
                                 const struct tree_node *where, const char *place)
{
    if (where == NULL) {
        return true;
    }
    if (!scenario_check_kind(where, TREE_MAP, place, reader->problem)) {
        return false;
    }
    for (const struct tree_node *node = where->first; node != NULL; node = node->next) {
        if (!scenario_has_axis(reader->scenario, node->name)) {
            return problem_put(reader->problem, node->line, place, "'%s' is no axis of sweep",
                               node->name);
        }
    }
    return true;
}

static bool scenario_read_goal(struct scenario_reader *reader, const struct tree_node *map)
{
    struct scenario_goal *goal = &reader->scenario->goals[reader->scenario->goals_len];
    const struct tree_node *least = tree_find(map, "at_least");
    const struct tree_node *most = tree_find(map, "at_most");
    const struct tree_node *wanted = least != NULL ? least : most;

    if (!scenario_check_map(map, "goals", scenario_goal_names, reader->problem)) {
        return false;
    }
    *goal = (struct scenario_goal){
        .name = scenario_read_text(reader, map, "goals", "name", NULL),
        .value = scenario_read_text(reader, map, "goals", "value", NULL),
        .unit = scenario_read_text(reader, map, "goals", "unit", ""),
        .where = tree_find(map, "where"),
        .at_least = least != NULL,
    };
    if (goal->name == NULL || goal->value == NULL || goal->unit == NULL) {
        return false;
    }
    if ((least == NULL) == (most == NULL)) {
        return problem_put(reader->problem, map->line, "goals",
                           "either `at_least` or `at_most` is wanted");
    }
    if (!scenario_read_number(reader, wanted, "goals", 1e15, &goal->wanted) ||
        !scenario_check_path(reader, tree_find(map, "value"), "goals.value") ||
        !scenario_check_where(reader, goal->where, "goals.where")) {
        return false;
    }
    reader->scenario->goals_len++;
    return true;
}

static bool scenario_read_note(struct scenario_reader *reader, const struct tree_node *map)
{
    struct scenario *scenario = reader->scenario;
    struct scenario_note *note = &scenario->notes[scenario->notes_len];
    const struct tree_node *within = tree_find(map, "within");

    if (!scenario_check_map(map, "notes", scenario_note_names, reader->problem)) {
        return false;
    }
    const char *best = scenario_read_text(reader, map, "notes", "best", NULL);

    *note = (struct scenario_note){
        .value = scenario_read_text(reader, map, "notes", "value", NULL),
        .over = scenario_read_text(reader, map, "notes", "over", NULL),
        .by = tree_find(map, "by") != NULL ? tree_find(map, "by")->text : NULL,
        .where = tree_find(map, "where"),
    };
    if (best == NULL || note->value == NULL || note->over == NULL) {
        return false;
    }
    note->highest = strcmp(best, "highest") == 0;
    if (!note->highest && strcmp(best, "lowest") != 0) {
        return problem_put(reader->problem, map->line, "notes.best",
                           "'%s' is not highest or lowest", best);
    }
    if (!scenario_check_path(reader, tree_find(map, "value"), "notes.value") ||
        !scenario_check_where(reader, note->where, "notes.where") ||
        (within != NULL &&
         !scenario_read_number(reader, within, "notes.within", 1, &note->within))) {
        return false;
    }
    if (!scenario_has_axis(scenario, note->over) ||
        (note->by != NULL && !scenario_has_axis(scenario, note->by))) {
        return problem_put(reader->problem, map->line, "notes",
                           "`over` and `by` are names of axes of sweep");
    }
    scenario->notes_len++;
    return true;
}

static json_t *scenario_view_value(const struct tree_node *node)
{
    if (node->kind == TREE_MAP) {
        json_t *params = json_object();

        for (const struct tree_node *item = node->first; item != NULL; item = item->next) {
            json_object_set_new(params, item->name, step_param(item->name, item));
        }
        return params;
    }
    if (node->kind == TREE_LIST) {
        json_t *list = json_array();

        for (const struct tree_node *item = node->first; item != NULL; item = item->next) {
            json_array_append_new(list, json_string(item->text));
        }
        return list;
    }
    if (node->plain && strcmp(node->text, "true") == 0) {
        return json_true();
    }
    if (node->plain && strcmp(node->text, "false") == 0) {
        return json_false();
    }
    return json_string(node->text);
}

/* Rows or columns: paths all of them. */
static bool scenario_check_view_list(const struct scenario_reader *reader,
                                     const struct tree_node *list)
{
    bool good = scenario_check_kind(list, TREE_LIST, "views", reader->problem);

    for (const struct tree_node *item = good ? list->first : NULL; good && item != NULL;
         item = item->next) {
        good = scenario_check_path(reader, item, "views");
    }
    return good;
}

/* That what names values of a view are paths. */
static bool scenario_check_view_paths(const struct scenario_reader *reader,
                                      const struct tree_node *map, bool is_timeline)
{
    static const char *const lists[] = {"rows", "columns", NULL};
    static const char *const singles[] = {"x", "y", "series", "value", NULL};
    bool good = true;

    for (const struct tree_node *node = map->first; good && node != NULL; node = node->next) {
        /* The y of a time line is a column of it. */
        const bool is_path = scenario_index(singles, node->name) >= 0 &&
                             !(is_timeline && strcmp(node->name, "y") == 0);

        if (strcmp(node->name, "where") == 0) {
            good = scenario_check_where(reader, node, "views.where");
        } else if (scenario_index(lists, node->name) >= 0) {
            good = scenario_check_view_list(reader, node);
        } else {
            good = scenario_check_kind(node, TREE_SCALAR, "views", reader->problem) &&
                   (!is_path || scenario_check_path(reader, node, "views"));
        }
    }
    return good;
}

static bool scenario_read_view(struct scenario_reader *reader, const struct tree_node *map)
{
    json_t *view = NULL;

    if (!scenario_check_map(map, "views", scenario_view_names, reader->problem)) {
        return false;
    }
    const char *kind = scenario_read_text(reader, map, "views", "kind", NULL);

    if (kind == NULL || scenario_read_text(reader, map, "views", "title", NULL) == NULL) {
        return false;
    }
    if (scenario_index(scenario_view_kinds, kind) < 0) {
        char all[128];

        scenario_join(scenario_view_kinds, all, sizeof(all));
        return problem_put(reader->problem, map->line, "views.kind", "'%s' is not one of %s", kind,
                           all);
    }
    if (!scenario_check_view_paths(reader, map, strcmp(kind, "timeline") == 0)) {
        return false;
    }
    view = json_object();
    for (const struct tree_node *node = map->first; node != NULL; node = node->next) {
        json_object_set_new(view, node->name, scenario_view_value(node));
    }
    json_array_append_new(reader->scenario->views, view);
    return true;
}

/* Settings are checked where they stand, also those that every step replaces. */
static bool scenario_check_settings(const struct scenario_reader *reader)
{
    const struct scenario *scenario = reader->scenario;
    const struct tree_node *const loads[] = {scenario->load[0], scenario->load[1],
                                             scenario->capacity_load[0],
                                             scenario->capacity_load[1]};
    const struct tree_node *const engines[] = {scenario->engine[0], scenario->engine[1],
                                               scenario->capacity_engine[0],
                                               scenario->capacity_engine[1]};
    struct step *step = malloc(sizeof(*step));
    bool good = true;

    ASSERT(step != NULL);
    step_init(step);
    for (size_t i = 0; good && i < ARRAY_LEN(loads); i++) {
        good = step_set_map(step, loads[i], "load", reader->problem);
    }
    for (size_t i = 0; good && i < ARRAY_LEN(engines); i++) {
        for (const struct tree_node *node = engines[i] != NULL ? engines[i]->first : NULL;
             good && node != NULL; node = node->next) {
            good = strcmp(node->name, "optional") == 0 ||
                   step_set_engine(step, node, "engine", reader->problem);
        }
    }
    free(step);
    return good;
}

/* Everything for one of the forms. */
static bool scenario_fill(struct scenario_reader *reader)
{
    struct scenario *scenario = reader->scenario;

    if (reader->form != NULL &&
        !scenario_check_map(reader->form, "short/long", scenario_form_names, reader->problem)) {
        return false;
    }
    if (!scenario_read_rounds(reader) ||
        !scenario_read_pair(reader, "load", reader->root, reader->form, scenario->load) ||
        !scenario_read_pair(reader, "engine", reader->root, reader->form, scenario->engine) ||
        !scenario_read_flag(reader, reader->root, "fresh", &scenario->fresh) ||
        !scenario_read_flag(reader, scenario->engine[0], "optional", &scenario->engine_optional) ||
        !scenario_read_capacity(reader) || !scenario_check_settings(reader)) {
        return false;
    }
    return scenario_read_sweep(reader) &&
           scenario_read_list(reader, "events", SCENARIO_EVENTS_MAX, scenario_read_event) &&
           scenario_read_tolerate(reader) &&
           scenario_read_list(reader, "derive", SCENARIO_WORDS_MAX, scenario_read_derived) &&
           scenario_read_list(reader, "goals", SCENARIO_GOALS_MAX, scenario_read_goal) &&
           scenario_read_list(reader, "notes", SCENARIO_NOTES_MAX, scenario_read_note) &&
           scenario_read_list(reader, "views", SCENARIO_WORDS_MAX, scenario_read_view);
}

static bool scenario_read_form(struct scenario *scenario, bool is_long, struct problem *problem)
{
    struct scenario_reader reader = {
        .scenario = scenario,
        .root = scenario->tree.root,
        .form = tree_find(scenario->tree.root, is_long ? "long" : "short"),
        .problem = problem,
    };

    scenario->is_long = is_long;
    scenario->views = json_array();
    scenario->name = scenario_read_text(&reader, reader.root, "scenario", "name", NULL);
    scenario->title = scenario->name != NULL ? scenario_read_text(&reader, reader.root, "scenario",
                                                                  "title", scenario->name)
                                             : NULL;
    scenario->text = scenario->title != NULL
                         ? scenario_read_text(&reader, reader.root, "scenario", "text", "-")
                         : NULL;
    return scenario->text != NULL && scenario_fill(&reader);
}

bool scenario_read(struct scenario *scenario, struct slice text, bool is_long,
                   struct problem *problem)
{
    *scenario = (struct scenario){0};
    if (!tree_read(&scenario->tree, text, problem)) {
        return false;
    }
    struct scenario other = {.tree = scenario->tree};

    /* A mistake in the form that is not asked for is a mistake all the same. */
    const bool good = scenario_check_map(scenario->tree.root, "", scenario_names, problem) &&
                      scenario_read_form(&other, !is_long, problem) &&
                      scenario_read_form(scenario, is_long, problem);

    json_decref(other.views);
    if (!good) {
        scenario_free(scenario);
    }
    return good;
}

void scenario_free(struct scenario *scenario)
{
    json_decref(scenario->views);
    tree_free(&scenario->tree);
    *scenario = (struct scenario){0};
}

const char *scenario_needs_engine(const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->axes_len; i++) {
        if (strncmp(scenario->axes[i].name, "engine.", 7) == 0) {
            return scenario->axes[i].name;
        }
    }
    for (size_t i = 0; i < scenario->events_len; i++) {
        if (!scenario->events[i].optional) {
            return scenario_event_word(scenario->events[i].kind);
        }
    }
    return scenario->engine[0] != NULL && !scenario->engine_optional ? "engine" : NULL;
}
