/* SPDX-License-Identifier: MIT */
#include "bench/runner/step.h"

#include "base/assert.h"
#include "base/text.h"
#include "bench/load/load_value.h"
#include "engine/config.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define STEP_SECONDS_MAX (7 * 86400.0)

static_assert(sizeof(size_t) == sizeof(uint64_t), "one kind serves both");

enum step_kind {
    STEP_COUNT,   /* unsigned */
    STEP_BYTES,   /* size_t, with k, m, g */
    STEP_WIDE,    /* uint64_t, digits */
    STEP_SECONDS, /* double */
    STEP_SHARE,   /* double from 0 to 1 */
    STEP_FLAG,    /* bool */
    STEP_TEXT,    /* const char * */
    STEP_METHOD,
    STEP_PACE,
    STEP_REFUSED,
    STEP_PREVIEW,
    STEP_ALLOW,
    STEP_EXPECT,
    STEP_RATE,
    STEP_STAGES,
    STEP_AUTO_COUNT,  /* unsigned or `auto` */
    STEP_AUTO_SECONDS /* double or `auto` */
};

struct step_key {
    const char *name;
    enum step_kind kind;
    size_t offset; /* In struct step. */
    double min;
    double max;
    const char *about;
};

#define SPEC(field) offsetof(struct step, spec.field)

/* Sections as in load_spec.h: what, how, how long, with what. */
static const struct step_key step_keys[] = {
    {"service", STEP_TEXT, SPEC(service), 0, 0, "service, with its leading slash and arguments"},
    {"method", STEP_METHOD, SPEC(method), 0, 0, "what is asked"},
    {"mix", STEP_TEXT, SPEC(corpus.mix), 0, 0, "what bodies hold: \"html:5, image:4\", \"web\""},
    {"sizes", STEP_TEXT, SPEC(corpus.sizes), 0, 0,
     "how long they are: \"10k\", \"lognormal:8k,1.2,1m\", \"trace:FILE\", \"web\", \"own\""},
    {"count", STEP_BYTES, SPEC(corpus.count), 1, 1e7, "distinct bodies"},
    {"infected", STEP_SHARE, SPEC(corpus.infected_share), 0, 1, "share that carries the marker"},
    {"marker", STEP_TEXT, SPEC(corpus.marker), 0, 0, "bytes that the server finds"},
    {"budget", STEP_BYTES, SPEC(corpus.budget), 0, 1e12, "memory for all bodies; 0: 512m"},
    {"chunk", STEP_BYTES, SPEC(chunk_size), 1, 1e9, "bytes of a chunk"},
    {"preview", STEP_PREVIEW, SPEC(preview), 0, 1e9, "bytes sent first"},
    {"allow", STEP_ALLOW, 0, 0, 0, "what the request allows beside 200"},
    {"expect", STEP_EXPECT, SPEC(expect), 0, 0, "right answers"},
    {"pace", STEP_PACE, SPEC(pace), 0, 0, "closed loop, or arrivals at a rate"},
    {"rate", STEP_RATE, offsetof(struct step, rate), 0, 1e8, "requests a second"},
    {"stages", STEP_STAGES, 0, 0, 0, "rates one after the other"},
    {"connections", STEP_COUNT, SPEC(connections), 1, 1e6, "connections; open loop: at most"},
    {"sources", STEP_COUNT, SPEC(sources), 0, 250, "loopback addresses to connect from"},
    {"pipeline", STEP_COUNT, SPEC(pipeline), 1, 1024, "requests on the way on a connection"},
    {"close", STEP_FLAG, SPEC(close), 0, 0, "a new connection for each request"},
    {"think", STEP_SECONDS, SPEC(think_sec), 0, STEP_SECONDS_MAX,
     "rest between an answer and the next request"},
    {"refused", STEP_REFUSED, SPEC(refused), 0, 0, "what a client does that gets 506 or 503"},
    {"retry", STEP_SECONDS, SPEC(retry_sec), 0.001, STEP_SECONDS_MAX, "pause before it asks again"},
    {"slow", STEP_SHARE, SPEC(slow_share), 0, 1, "share of slow connections"},
    {"slow_rate", STEP_BYTES, SPEC(slow_rate), 1, 1e12, "bytes a second of those"},
    {"abort", STEP_SHARE, SPEC(abort_share), 0, 1, "share of requests that are cut"},
    {"tls", STEP_FLAG, SPEC(tls), 0, 0, "speak TLS"},
    {"duration", STEP_SECONDS, SPEC(duration_sec), 0.01, STEP_SECONDS_MAX, "measured time"},
    {"warmup", STEP_SECONDS, SPEC(warmup_sec), 0, STEP_SECONDS_MAX, "time before it"},
    {"timeout", STEP_SECONDS, SPEC(timeout_sec), 0.01, STEP_SECONDS_MAX, "of one request"},
    {"interval", STEP_AUTO_SECONDS, SPEC(interval_sec), 0, 3600, "of the time line; 0: none"},
    {"requests", STEP_WIDE, SPEC(requests), 0, 1e15, "at most so many; 0: no end but the time"},
    {"seed", STEP_WIDE, SPEC(seed), 0, 1e18, "of all that is drawn"},
    {"threads", STEP_AUTO_COUNT, SPEC(threads), 1, LOAD_THREADS_MAX, "threads of the generator"},
};

/* Words of a kind and their values. */
struct step_word {
    const char *word;
    unsigned value;
};

static const struct step_word step_methods[] = {
#define X(name) {#name, LOAD_##name},
    LOAD_METHODS(X)
#undef X
        {NULL, 0},
};
static const struct step_word step_paces[] = {
    {"closed", LOAD_CLOSED}, {"fixed", LOAD_FIXED}, {"poisson", LOAD_POISSON}, {NULL, 0}};
static const struct step_word step_refusals[] = {{"error", LOAD_REFUSED_ERROR},
                                                 {"elsewhere", LOAD_REFUSED_ELSEWHERE},
                                                 {"wait", LOAD_REFUSED_WAIT},
                                                 {NULL, 0}};
static const struct step_word step_allows[] = {{"none", 0}, {"204", 1}, {"206", 2}, {NULL, 0}};
static const struct step_word step_expects[] = {{"auto", 0},
                                                {"200", LOAD_EXPECT_200},
                                                {"204", LOAD_EXPECT_204},
                                                {"found", LOAD_EXPECT_FOUND},
                                                {"206", LOAD_EXPECT_206},
                                                {"changed", LOAD_EXPECT_CHANGED},
                                                {NULL, 0}};

/* Where a value stands, for messages. */
struct step_place {
    struct problem *problem;
    const struct tree_node *node;
    char path[STEP_KEY_PATH_CAP];
};

static const struct step_key *step_key_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(step_keys); i++) {
        if (strcmp(step_keys[i].name, name) == 0) {
            return &step_keys[i];
        }
    }
    return NULL;
}

bool step_knows(const char *name)
{
    return step_key_find(name) != NULL;
}

void step_init(struct step *step)
{
    *step = (struct step){.auto_interval = true, .auto_threads = true};
    load_spec_init(&step->spec);
}

/* The number in front and the unit behind it; false when there is no number. */
static bool step_read_number(const char *text, double *out, const char **out_unit)
{
    char *end = NULL;

    /* strtod takes blanks, signs, "inf" and hexadecimal digits as well. */
    if (text[0] < '0' || text[0] > '9' || (text[0] == '0' && (text[1] | 0x20) == 'x')) {
        return false;
    }
    *out = strtod(text, &end);
    *out_unit = end;
    return isfinite(*out) != 0;
}

static const struct step_word *step_words_of(enum step_kind kind)
{
    switch (kind) {
    case STEP_METHOD:
        return step_methods;
    case STEP_PACE:
        return step_paces;
    case STEP_REFUSED:
        return step_refusals;
    case STEP_ALLOW:
        return step_allows;
    case STEP_EXPECT:
        return step_expects;
    default:
        return NULL;
    }
}

/* What is allowed, as the end of "is not ...". */
static void step_describe(const struct step_key *key, struct text *out)
{
    const struct step_word *words = step_words_of(key->kind);

    switch (key->kind) {
    case STEP_COUNT:
    case STEP_WIDE:
    case STEP_AUTO_COUNT:
        text_printf(out, "%sa number from %.0f to %.0f",
                    key->kind == STEP_AUTO_COUNT ? "auto or " : "", key->min, key->max);
        break;
    case STEP_BYTES:
        text_printf(out, "a number from %.0f to %.0f, k, m and g may follow", key->min, key->max);
        break;
    case STEP_SECONDS:
    case STEP_AUTO_SECONDS:
        text_printf(out, "%sa time like 250ms, 2s or 5m from %gs to %gs",
                    key->kind == STEP_AUTO_SECONDS ? "auto or " : "", key->min, key->max);
        break;
    case STEP_SHARE:
        TEXT_PUT(out, "a share from 0 to 1");
        break;
    case STEP_FLAG:
        TEXT_PUT(out, "true or false");
        break;
    case STEP_TEXT:
        TEXT_PUT(out, "a text");
        break;
    case STEP_PREVIEW:
        TEXT_PUT(out, "off or a number of bytes");
        break;
    case STEP_RATE:
        TEXT_PUT(out, "requests a second, or a share of the capacity like 0.5x");
        break;
    case STEP_STAGES:
        text_printf(out, "a list of 1 to %d maps {for: 2s, rate: 1000}", LOAD_STAGES_MAX);
        break;
    default:
        text_put_str(out, key->kind == STEP_ALLOW || key->kind == STEP_EXPECT ? "one or a list of "
                                                                              : "one of ");
        for (; words->word != NULL; words++) {
            text_printf(out, "%s%s", words->word, words[1].word != NULL ? ", " : "");
        }
        break;
    }
}

static bool step_refuse(const struct step_place *place, const struct step_key *key)
{
    char shown[TREE_SHOWN_CAP];
    char allowed[256];
    struct text text = text_over(allowed, sizeof(allowed) - 1);

    step_describe(key, &text);
    allowed[text.len] = '\0';
    return problem_put(place->problem, place->node->line, place->path, "%s is not %s",
                       tree_show(place->node, shown), allowed);
}

/* Seconds, a share or a number within the key's limits. */
static bool step_read_in_limits(const struct step_key *key, const char *text, double *out)
{
    uint64_t bytes = 0;
    bool good = false;

    switch (key->kind) {
    case STEP_BYTES:
    case STEP_PREVIEW:
        good = load_value_size(text, 0, UINT64_MAX, &bytes);
        *out = (double)bytes;
        break;
    case STEP_SECONDS:
    case STEP_AUTO_SECONDS:
        good = load_value_seconds(text, out);
        break;
    case STEP_SHARE:
        good = load_value_share(text, out);
        break;
    default:
        good = slice_parse_u64(slice_from_str(text), &bytes);
        *out = (double)bytes;
        break;
    }
    return good && *out >= key->min && *out <= key->max;
}

static bool step_set_number(struct step *step, const struct step_key *key, const char *text)
{
    uint8_t *field = (uint8_t *)step + key->offset;
    double number = 0;

    if (!step_read_in_limits(key, text, &number)) {
        return false;
    }
    if (key->kind == STEP_COUNT || key->kind == STEP_AUTO_COUNT) {
        const unsigned count = (unsigned)number;

        memcpy(field, &count, sizeof(count));
    } else if (key->kind == STEP_BYTES || key->kind == STEP_WIDE) {
        const uint64_t wide = (uint64_t)number;

        memcpy(field, &wide, sizeof(wide));
    } else if (key->kind == STEP_PREVIEW) {
        const int64_t preview = (int64_t)number;

        memcpy(field, &preview, sizeof(preview));
    } else {
        memcpy(field, &number, sizeof(number));
    }
    return true;
}

/* The bits of one word, or of all words of a list or of a text with commas. */
static bool step_read_words(const struct step_word *words, const struct tree_node *node,
                            unsigned *out)
{
    if (node->kind == TREE_LIST) {
        for (const struct tree_node *item = node->first; item != NULL; item = item->next) {
            if (item->kind != TREE_SCALAR || !step_read_words(words, item, out)) {
                return false;
            }
        }
        return node->first != NULL;
    }
    struct slice rest = slice_from_str(node->text);

    do {
        const struct slice one = slice_trim(slice_split(&rest, ','));
        const struct step_word *word = words;

        while (word->word != NULL && !slice_equal_nocase(slice_from_str(word->word), one)) {
            word++;
        }
        if (word->word == NULL) {
            return false;
        }
        *out |= word->value;
    } while (rest.len > 0);
    return true;
}

/* What is one of several words. */
static bool step_set_words(struct step *step, const struct step_key *key,
                           const struct tree_node *node)
{
    const bool many = key->kind == STEP_ALLOW || key->kind == STEP_EXPECT;
    unsigned value = 0;

    if (node->kind == TREE_MAP || (!many && node->kind == TREE_LIST) ||
        (!many && strchr(node->text, ',') != NULL) ||
        !step_read_words(step_words_of(key->kind), node, &value)) {
        return false;
    }
    if (key->kind == STEP_ALLOW) {
        step->spec.allow_204 = (value & 1U) != 0;
        step->spec.allow_206 = (value & 2U) != 0;
    } else if (key->kind == STEP_EXPECT) {
        step->spec.expect = value; /* 0: what the request allows. */
    } else {
        /* Enumerations of this compiler are as wide as unsigned. */
        static_assert(sizeof(enum load_pace) == sizeof(unsigned), "one width");
        memcpy((uint8_t *)step + key->offset, &value, sizeof(value));
    }
    return true;
}

static bool step_read_rate(const char *text, struct step_rate *out)
{
    const char *unit = NULL;
    double value = 0;

    if (!step_read_number(text, &value, &unit) || value <= 0 || value > 1e8 ||
        (strcmp(unit, "") != 0 && strcmp(unit, "x") != 0)) {
        return false;
    }
    *out = (struct step_rate){.value = value, .relative = *unit == 'x'};
    return true;
}

/* One `{for: 2s, rate: 0.5x}`; without a rate the step's own holds. */
static bool step_set_stage(struct step *step, const struct tree_node *map, struct problem *problem)
{
    struct load_stage *stage = &step->spec.stages[step->spec.stages_len];
    struct step_rate *rate = &step->stage_rates[step->spec.stages_len];

    *rate = (struct step_rate){.inherited = true};
    *stage = (struct load_stage){0};
    for (const struct tree_node *node = map->first; node != NULL; node = node->next) {
        char shown[TREE_SHOWN_CAP];

        if (strcmp(node->name, "for") == 0) {
            if (!load_value_seconds(node->text, &stage->sec) || stage->sec <= 0 ||
                stage->sec > STEP_SECONDS_MAX) {
                return problem_put(problem, node->line, "stages.for",
                                   "%s is not a time like 250ms, 2s or 5m", tree_show(node, shown));
            }
        } else if (strcmp(node->name, "rate") != 0) {
            return problem_put(problem, node->line, "stages", "'%s' is not for or rate",
                               node->name);
        } else if (!step_read_rate(node->text, rate)) {
            return problem_put(problem, node->line, "stages.rate",
                               "%s is not requests a second, or a share of the capacity like 0.5x",
                               tree_show(node, shown));
        }
    }
    if (stage->sec <= 0) {
        return problem_put(problem, map->line, "stages", "a stage needs `for`");
    }
    step->spec.stages_len++;
    return true;
}

static bool step_set_stages(struct step *step, const struct step_place *place,
                            const struct step_key *key)
{
    const struct tree_node *list = place->node;

    if (list->kind != TREE_LIST || list->first == NULL || tree_count(list) > LOAD_STAGES_MAX) {
        return step_refuse(place, key);
    }
    step->spec.stages_len = 0;
    for (const struct tree_node *map = list->first; map != NULL; map = map->next) {
        if (map->kind != TREE_MAP) {
            return step_refuse(place, key);
        }
        if (!step_set_stage(step, map, place->problem)) {
            return false;
        }
    }
    return true;
}

static bool step_set_scalar(struct step *step, const struct step_key *key, const char *text)
{
    uint8_t *field = (uint8_t *)step + key->offset;

    switch (key->kind) {
    case STEP_FLAG: {
        const bool flag = strcmp(text, "true") == 0;

        memcpy(field, &flag, sizeof(flag));
        return flag || strcmp(text, "false") == 0;
    }
    case STEP_TEXT:
        if (text[0] == '\0' || (strcmp(key->name, "service") == 0 && text[0] != '/')) {
            return false;
        }
        memcpy(field, &text, sizeof(text));
        return true;
    case STEP_RATE:
        return step_read_rate(text, &step->rate);
    case STEP_PREVIEW:
        if (strcmp(text, "off") == 0) {
            step->spec.preview = LOAD_NO_PREVIEW;
            return true;
        }
        return step_set_number(step, key, text);
    case STEP_AUTO_COUNT:
        step->auto_threads = strcmp(text, "auto") == 0;
        return step->auto_threads || step_set_number(step, key, text);
    case STEP_AUTO_SECONDS:
        step->auto_interval = strcmp(text, "auto") == 0;
        return step->auto_interval || step_set_number(step, key, text);
    default:
        return step_set_number(step, key, text);
    }
}

/* The name of `load:` that looks most like this one: the longest common start of 3 and more. */
static const char *step_suggest(const char *name)
{
    const char *best = NULL;
    size_t best_len = 2;

    for (size_t i = 0; i < ARRAY_LEN(step_keys); i++) {
        size_t len = 0;

        while (name[len] != '\0' && name[len] == step_keys[i].name[len]) {
            len++;
        }
        if (len > best_len) {
            best = step_keys[i].name;
            best_len = len;
        }
    }
    return best;
}

bool step_set(struct step *step, const struct tree_node *node, const char *path,
              struct problem *problem)
{
    const struct step_key *key = step_key_find(node->name);
    struct step_place place = {.problem = problem, .node = node};

    snprintf(place.path, sizeof(place.path), "%s%s%s", path, path[0] == '-' ? " " : ".",
             node->name);
    if (key == NULL) {
        const char *near = step_suggest(node->name);

        return problem_put(problem, node->line, place.path, "no such setting%s%s%s",
                           near != NULL ? "; did you mean " : "", near != NULL ? near : "",
                           near != NULL ? "?" : "");
    }
    if (key->kind == STEP_STAGES) {
        return step_set_stages(step, &place, key);
    }
    if (step_words_of(key->kind) != NULL) {
        return step_set_words(step, key, node) || step_refuse(&place, key);
    }
    return (node->kind == TREE_SCALAR && step_set_scalar(step, key, node->text)) ||
           step_refuse(&place, key);
}

bool step_set_map(struct step *step, const struct tree_node *map, const char *path,
                  struct problem *problem)
{
    for (const struct tree_node *node = map != NULL ? map->first : NULL; node != NULL;
         node = node->next) {
        if (!step_set(step, node, path, problem)) {
            return false;
        }
    }
    return true;
}

/* Asks the engine's own reader; its message without the "-s KEY: " in front. */
static bool step_check_engine(const char *key, const char *value, char error[CONFIG_ERROR_CAP])
{
    struct config *config = malloc(sizeof(*config));
    const struct config_override override = {key, value};

    ASSERT(config != NULL);
    const bool good = config_load(config, NULL, &override, 1, error);

    free(config);
    return good;
}

bool step_set_engine(struct step *step, const struct tree_node *node, const char *path,
                     struct problem *problem)
{
    char error[CONFIG_ERROR_CAP];
    char place[STEP_KEY_PATH_CAP];
    size_t at = 0;

    snprintf(place, sizeof(place), "%s%s%s", path, path[0] == '-' ? " " : ".", node->name);
    if (node->kind != TREE_SCALAR) {
        return problem_put(problem, node->line, place, "lists are written as a text: \"[a, b]\"");
    }
    if (!step_check_engine(node->name, node->text, error)) {
        const char *text = strstr(error, ": ");

        return problem_put(problem, node->line, place, "%s", text != NULL ? text + 2 : error);
    }
    while (at < step->settings_len && strcmp(step->settings[at].key, node->name) != 0) {
        at++;
    }
    if (at == STEP_SETTINGS_MAX) {
        return problem_put(problem, node->line, place, "more than %d settings", STEP_SETTINGS_MAX);
    }
    step->settings[at] = (struct step_setting){node->name, node->text};
    step->settings_len = MAX_OF(step->settings_len, at + 1);
    return true;
}

static json_t *step_param_plain(const char *text)
{
    const char *unit = NULL;
    uint64_t whole = 0;
    double real = 0;

    if (slice_parse_u64(slice_from_str(text), &whole) && whole < (uint64_t)INT64_MAX) {
        return json_integer((json_int_t)whole);
    }
    if (step_read_number(text, &real, &unit) && *unit == '\0') {
        return json_real(real);
    }
    return json_string(text);
}

json_t *step_param(const char *name, const struct tree_node *node)
{
    const struct step_key *key = step_key_find(name);
    struct step_rate rate;
    uint64_t bytes = 0;
    double seconds = 0;

    if (node->kind != TREE_SCALAR) {
        const struct tree_node *as = tree_find(node, "as");

        return json_string(as != NULL ? as->text : "?");
    }
    if (key != NULL && key->kind == STEP_RATE && step_read_rate(node->text, &rate)) {
        return json_real(rate.value);
    }
    if (key != NULL && (key->kind == STEP_SECONDS || key->kind == STEP_AUTO_SECONDS) &&
        load_value_seconds(node->text, &seconds)) {
        return json_real(seconds);
    }
    if (key != NULL &&
        (key->kind == STEP_BYTES || key->kind == STEP_PREVIEW || strcmp(name, "sizes") == 0) &&
        load_value_size(node->text, 0, UINT64_MAX, &bytes)) {
        return json_integer((json_int_t)bytes);
    }
    return step_param_plain(node->text);
}

bool step_is_relative(const struct step *step)
{
    bool relative = step->spec.pace != LOAD_CLOSED && step->rate.relative;

    for (size_t i = 0; i < step->spec.stages_len && step->spec.pace != LOAD_CLOSED; i++) {
        relative = relative || step->stage_rates[i].relative;
    }
    return relative;
}

bool step_check(const struct step *step, struct problem *problem)
{
    const bool open = step->spec.pace != LOAD_CLOSED;
    bool inherits = step->spec.stages_len == 0;

    for (size_t i = 0; i < step->spec.stages_len; i++) {
        inherits = inherits || step->stage_rates[i].inherited;
    }
    if (open && inherits && step->rate.value <= 0) {
        return problem_put(problem, 0, step->id, "an open loop needs load.rate");
    }
    if (!open && step->rate.value > 0) {
        return problem_put(problem, 0, step->id,
                           "load.rate is for load.pace fixed or poisson, not for closed");
    }
    if (!open && step->spec.stages_len > 0) {
        return problem_put(problem, 0, step->id,
                           "load.stages are for load.pace fixed or poisson, not for closed");
    }
    if (step->spec.preview != LOAD_NO_PREVIEW && step->spec.method == LOAD_FILEMOD) {
        return problem_put(problem, 0, step->id, "FILEMOD has no preview");
    }
    if (step->spec.threads > step->spec.connections) {
        return problem_put(problem, 0, step->id, "load.threads is more than load.connections");
    }
    return true;
}

void step_scale(struct step *step, double factor)
{
    struct load_spec *spec = &step->spec;

    spec->duration_sec = MAX_OF(spec->duration_sec * factor, 0.01);
    spec->warmup_sec *= factor;
    for (size_t i = 0; i < spec->stages_len; i++) {
        spec->stages[i].sec = MAX_OF(spec->stages[i].sec * factor, 0.01);
    }
}

double step_seconds(const struct step *step)
{
    double seconds = 0;

    if (step->spec.pace == LOAD_CLOSED || step->spec.stages_len == 0) {
        return step->spec.duration_sec;
    }
    for (size_t i = 0; i < step->spec.stages_len; i++) {
        seconds += step->spec.stages[i].sec;
    }
    return seconds;
}

/* About a hundred rows, in steps that people read easily. */
static double step_interval_of(double seconds)
{
    static const double steps[] = {0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60};

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (seconds / steps[i] <= 150) {
            return steps[i];
        }
    }
    return 300;
}

void step_resolve(struct step *step, double capacity)
{
    struct load_spec *spec = &step->spec;
    const double own = step->rate.value * (step->rate.relative ? capacity : 1);

    if (spec->pace != LOAD_CLOSED && spec->stages_len == 0) {
        spec->stages_len = 1;
        spec->stages[0].sec = spec->duration_sec;
        step->stage_rates[0] = (struct step_rate){.inherited = true};
    }
    for (size_t i = 0; i < spec->stages_len; i++) {
        const struct step_rate *rate = &step->stage_rates[i];

        spec->stages[i].rate =
            rate->inherited ? own : rate->value * (rate->relative ? capacity : 1);
    }
    if (step->auto_interval) {
        spec->interval_sec = step_interval_of(step_seconds(step));
    }
}

void step_reference(struct text *out)
{
    for (size_t i = 0; i < ARRAY_LEN(step_keys); i++) {
        text_printf(out, "  %-12s %s (", step_keys[i].name, step_keys[i].about);
        step_describe(&step_keys[i], out);
        TEXT_PUT(out, ")\n");
    }
}
