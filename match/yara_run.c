/* SPDX-License-Identifier: MIT */
#include "match/yara_run.h"

#include "base/assert.h"
#include "base/clock.h"
#include "base/err.h"
#include "match/layout.h"
#include "match/yara_guard.h"

#include <stdlib.h>
#include <yara.h>

/*
 * What libyara was working with when it was stopped is lost, up to some MiB. A ruleset that had to
 * be stopped so often decides nothing any more in this process.
 */
#define RULESET_STOPS_MAX 8

/* What a ruleset takes when loaded, beside its own bytes: relocations, the scanner, its tables. */
#define RULESET_EXTRA_BYTES KIB(16)

struct ruleset {
    YR_RULES *rules; /* NULL: not loaded. */
    YR_SCANNER *scanner;
    const char **matched; /* Names, of the body `serial`. */
    uint32_t matched_len;
    uint32_t matched_cap;
    bool over;       /* It gave up; what is not in `matched` is undecided. */
    uint32_t stops;  /* How often it had to be stopped. */
    uint64_t serial; /* 0: none. */
    uint64_t used_at;
};

struct yara_run {
    const struct layout *layout;
    struct ruleset *rulesets;
    uint32_t len;
    uint64_t uses;
    size_t loaded_bytes;
    uint64_t serial; /* The body that `spent_ns` is about. */
    uint64_t spent_ns;
    struct yara_guard guard;
};

/* The serialised rules while they are loaded. */
struct ruleset_reader {
    struct slice left;
};

static size_t ruleset_on_read(void *out, size_t size, size_t count, void *ctx)
{
    struct ruleset_reader *reader = ctx;

    if (size == 0 || count > reader->left.len / size) {
        return 0;
    }
    memcpy(out, reader->left.ptr, size * count);
    reader->left = slice_skip(reader->left, size * count);
    return count;
}

static int ruleset_on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *ctx)
{
    struct ruleset *ruleset = ctx;

    (void)context;
    if (message == CALLBACK_MSG_TOO_MANY_MATCHES) {
        ruleset->over = true;
    } else if (message == CALLBACK_MSG_RULE_MATCHING) {
        ASSERT(ruleset->matched_len < ruleset->matched_cap);
        ruleset->matched[ruleset->matched_len++] = ((const YR_RULE *)data)->identifier;
    }
    return CALLBACK_CONTINUE;
}

static struct slice run_bytes(const struct yara_run *run, uint32_t index)
{
    const struct layout_ruleset *row = &run->layout->rulesets[index];

    return slice_from((const uint8_t *)run->layout->header + row->offset, row->len);
}

static size_t run_cost(const struct yara_run *run, uint32_t index)
{
    return run_bytes(run, index).len + RULESET_EXTRA_BYTES;
}

/* ---- Loading ---- */

static void run_unload(struct yara_run *run, uint32_t index)
{
    struct ruleset *ruleset = &run->rulesets[index];

    if (ruleset->scanner != NULL) {
        yr_scanner_destroy(ruleset->scanner);
    }
    if (ruleset->rules != NULL) {
        yr_rules_destroy(ruleset->rules);
        run->loaded_bytes -= run_cost(run, index);
    }
    free(ruleset->matched);
    *ruleset = (struct ruleset){.stops = ruleset->stops};
}

static void run_make_room(struct yara_run *run, size_t bytes)
{
    while (run->loaded_bytes > 0 && run->loaded_bytes + bytes > YARA_RUN_LOADED_MAX) {
        uint32_t oldest = run->len;

        for (uint32_t i = 0; i < run->len; i++) {
            if (run->rulesets[i].rules != NULL &&
                (oldest == run->len || run->rulesets[i].used_at < run->rulesets[oldest].used_at)) {
                oldest = i;
            }
        }
        ASSERT(oldest < run->len);
        run_unload(run, oldest);
    }
}

static bool run_load(struct yara_run *run, uint32_t index)
{
    struct ruleset *ruleset = &run->rulesets[index];
    struct ruleset_reader reader = {.left = run_bytes(run, index)};
    YR_STREAM stream = {.user_data = &reader, .read = ruleset_on_read};

    if (ruleset->rules != NULL) {
        return true;
    }
    run_make_room(run, run_cost(run, index));
    if (yr_rules_load_stream(&stream, &ruleset->rules) != ERROR_SUCCESS) {
        ruleset->rules = NULL;
        return false;
    }
    run->loaded_bytes += run_cost(run, index);
    ruleset->matched_cap = ruleset->rules->num_rules;
    ruleset->matched = calloc((size_t)ruleset->matched_cap + 1, sizeof(*ruleset->matched));
    if (ruleset->matched == NULL ||
        yr_scanner_create(ruleset->rules, &ruleset->scanner) != ERROR_SUCCESS) {
        run_unload(run, index);
        return false;
    }
    yr_scanner_set_callback(ruleset->scanner, ruleset_on_message, ruleset);
    yr_scanner_set_flags(ruleset->scanner, SCAN_FLAGS_REPORT_RULES_MATCHING | SCAN_FLAGS_FAST_MODE);
    return true;
}

/* ---- Running ---- */

/*
 * The function for it counts in seconds, which is too coarse for a process that serves others. The
 * field is in nanoseconds; should another version count otherwise, a second stays.
 */
static void ruleset_limit(const struct ruleset *ruleset, uint64_t limit_ns)
{
    yr_scanner_set_timeout(ruleset->scanner, 1);
    if (ruleset->scanner->timeout == NS_PER_SEC) {
        ruleset->scanner->timeout = limit_ns;
    }
}

/* The body is copied to where it can be taken away; false when it was, or libyara gave up. */
static bool run_scan_guarded(struct yara_run *run, struct ruleset *ruleset, struct slice bytes,
                             uint64_t limit_ns)
{
    const uint8_t *copy = yara_guard_begin(&run->guard, bytes, limit_ns);

    if (copy == NULL) {
        return false;
    }
    ruleset_limit(ruleset, limit_ns);
    const int r = yr_scanner_scan_mem(ruleset->scanner, copy, bytes.len);
    const bool stopped = yara_guard_end(&run->guard);

    ruleset->stops += stopped || r == ERROR_COULD_NOT_MAP_FILE;
    return r == ERROR_SUCCESS && !stopped;
}

static void run_scan(struct yara_run *run, uint32_t index, const struct yara_run_body *body)
{
    struct ruleset *ruleset = &run->rulesets[index];
    const uint64_t limit_ns = YARA_RUN_NS_BASE + YARA_RUN_NS_PER_BYTE * (uint64_t)body->bytes.len;
    const uint32_t stops = ruleset->stops;

    ruleset->matched_len = 0;
    ruleset->over = body->bytes.len > YARA_RUN_BODY_MAX || run->spent_ns >= limit_ns ||
                    stops >= RULESET_STOPS_MAX || !run_load(run, index);
    if (!ruleset->over) {
        const bool whole = run_scan_guarded(run, ruleset, body->bytes, limit_ns - run->spent_ns);

        ruleset->over = ruleset->over || !whole;
    }
    if (ruleset->stops > stops) {
        run_unload(run, index);
        run->spent_ns = limit_ns;
        ruleset->over = true;
    }
    ruleset->serial = body->serial;
}

static enum yara_run_status ruleset_find(const struct ruleset *ruleset, const char *rule)
{
    for (uint32_t i = 0; i < ruleset->matched_len; i++) {
        if (strcmp(ruleset->matched[i], rule) == 0) {
            return YARA_RUN_YES;
        }
    }
    return ruleset->over ? YARA_RUN_OVER : YARA_RUN_NO;
}

int yara_run_open(struct yara_run **out_run, const struct layout *layout)
{
    const uint32_t len = layout->len[LAYOUT_RULESETS];
    struct yara_run *run = calloc(1, sizeof(*run));

    if (run == NULL) {
        return ERR_NEW(-ENOMEM);
    }
    run->layout = layout;
    run->rulesets = calloc((size_t)len + 1, sizeof(*run->rulesets));
    if (run->rulesets == NULL || (len > 0 && yr_initialize() != ERROR_SUCCESS)) {
        free(run->rulesets);
        free(run);
        return ERR_NEW(-ENOMEM);
    }
    run->len = len;
    *out_run = run;
    return 0;
}

/* What is left when no ruleset is loaded. */
static void run_free(struct yara_run *run)
{
    if (run->len > 0) {
        yara_guard_fini(&run->guard);
        (void)yr_finalize();
    }
    free(run->rulesets);
    free(run);
}

bool yara_run_close_slice(struct yara_run **run)
{
    if (*run == NULL) {
        return true;
    }
    for (uint32_t i = 0; i < (*run)->len; i++) {
        const bool loaded = (*run)->rulesets[i].rules != NULL;

        run_unload(*run, i);
        if (loaded) {
            return false;
        }
    }
    run_free(*run);
    *run = NULL;
    return true;
}

void yara_run_close(struct yara_run *run)
{
    if (run == NULL) {
        return;
    }
    for (uint32_t i = 0; i < run->len; i++) {
        run_unload(run, i);
    }
    run_free(run);
}

bool yara_run_knows(const struct yara_run *run, uint64_t serial, uint32_t ruleset)
{
    ASSERT(ruleset < run->len);
    ASSERT(serial != 0);
    return run->rulesets[ruleset].serial == serial;
}

enum yara_run_status yara_run_decide(struct yara_run *run, const struct yara_run_body *body,
                                     uint32_t ruleset, const char *rule, uint64_t *out_cost_ns)
{
    *out_cost_ns = 0;
    if (!yara_run_knows(run, body->serial, ruleset)) {
        const uint64_t start_ns = clock_cpu_ns();

        if (run->serial != body->serial) {
            run->serial = body->serial;
            run->spent_ns = 0;
        }
        run_scan(run, ruleset, body);
        *out_cost_ns = clock_cpu_ns() - start_ns;
        run->spent_ns += *out_cost_ns;
    }
    run->rulesets[ruleset].used_at = ++run->uses;
    return ruleset_find(&run->rulesets[ruleset], rule);
}
