/* SPDX-License-Identifier: MIT */
#include "bench/runner/session.h"

#include "base/assert.h"
#include "base/clock.h"
#include "bench/load/load_run.h"
#include "bench/runner/derive.h"
#include "bench/runner/happening.h"
#include "bench/runner/machine.h"
#include "bench/runner/stop.h"
#include "bench/runner/summary.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* How often events and Ctrl-C are looked at. */
#define SESSION_TURN_US 5000

#define SESSION_REACH_SEC 10

/* Descriptors of a shard beside those of its connections. */
#define SESSION_FILES_RESERVE 512

PRINTF_LIKE(2, 3)
static bool session_fail(struct session *session, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(session->why, sizeof(session->why), format, args);
    va_end(args);
    return false;
}

PRINTF_LIKE(2, 3)
static void session_note(struct session *session, const char *format, ...)
{
    va_list args;

    if (session->notes_len == SESSION_NOTES_MAX) {
        return;
    }
    va_start(args, format);
    vsnprintf(session->notes[session->notes_len++], SESSION_NOTE_CAP, format, args);
    va_end(args);
}

/* That somebody takes connections there; a run against nobody would only count errors. */
static bool session_reach(struct session *session, const struct load_spec *spec)
{
    const struct timeval limit = {.tv_sec = SESSION_REACH_SEC};
    const int fd = socket(spec->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool reached = false;

    /* The limit of sending is that of connecting as well. */
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0) {
        reached = connect(fd, (const struct sockaddr *)&spec->addr, spec->addr_len) == 0;
    }
    const int error = errno == EINPROGRESS ? ETIMEDOUT : errno;

    if (fd >= 0) {
        close(fd);
    }
    return reached ||
           session_fail(session, "no server at %s: %s", session->args->target, strerror(error));
}

/* Where the server is, and what it runs on. */
static bool session_aim(struct session *session, struct step *step)
{
    struct load_spec *spec = &step->spec;
    char target[64];
    char why[160];

    if (session->engine != NULL) {
        if (session->scenario->fresh) {
            local_engine_stop(session->engine);
        }
        if (!local_engine_run(session->engine, step, session->why, sizeof(session->why))) {
            return false;
        }
        snprintf(target, sizeof(target), "127.0.0.1:%u", session->engine->port);
        spec->pids_len = local_engine_pids(session->engine, spec->pids);
        if (spec->method == LOAD_FILEMOD) {
            local_engine_clear_tree(session->engine, session->folder);
            spec->folder = session->folder;
        }
    } else {
        memcpy(spec->pids, session->args->pids, sizeof(spec->pids));
        spec->pids_len = session->args->pids_len;
    }
    if (!load_spec_set_target(spec, session->engine != NULL ? target : session->args->target, why,
                              sizeof(why))) {
        return session_fail(session, "--target: %s", why);
    }
    if (session->engine == NULL && !session_reach(session, spec)) {
        return false;
    }
    memcpy(spec->cpus, session->args->load_cpus, sizeof(spec->cpus));
    spec->cpus_len = session->args->load_cpus_len;
    if (step->auto_threads) {
        const size_t cores =
            spec->cpus_len > 0 ? spec->cpus_len : (size_t)sysconf(_SC_NPROCESSORS_ONLN);

        spec->threads =
            (unsigned)MIN_OF(MIN_OF(cores, (size_t)LOAD_THREADS_MAX), (size_t)spec->connections);
    }
    if (session->args->has_seed) {
        spec->seed = session->args->seed;
        spec->corpus.seed = session->args->seed;
    }
    return true;
}

/* The stage with the highest rate when there are several. */
static void session_find_overload(const struct load_spec *spec, struct derive_facts *facts)
{
    double at = 0;
    double highest = 0;

    for (size_t i = 0; i < spec->stages_len; i++) {
        if (spec->stages_len > 1 && spec->stages[i].rate > highest) {
            highest = spec->stages[i].rate;
            facts->overload_from = at;
            facts->overload_to = at + spec->stages[i].sec;
        }
        at += spec->stages[i].sec;
    }
}

/* Waits for the end of a run and does meanwhile what the scenario wants. */
static json_t *session_watch(struct session *session, const struct step *step, struct load_run *run,
                             bool has_events)
{
    const bool acts = has_events && session->engine != NULL;
    const uint64_t restarts = session->engine != NULL ? local_engine_restarts(session->engine) : 0;
    struct happening happening;

    happening_begin(&happening, session->scenario, acts ? session->engine : NULL,
                    session->args->scale, step_seconds(step));
    while (load_run_active(run)) {
        happening_turn(&happening, load_run_elapsed(run));
        if (stop_is_asked()) {
            load_run_stop(run);
        }
        usleep(SESSION_TURN_US);
    }
    json_t *marks = happening_end(&happening, load_run_elapsed(run));

    if (happening.why[0] != '\0') {
        session_note(session, "%s: %s", step->id, happening.why);
    }
    if (session->engine != NULL &&
        local_engine_restarts(session->engine) > restarts + happening.kills) {
        session_note(session, "%s: the engine lost a shard that nobody had killed", step->id);
    }
    return marks;
}

/* What a run leaves behind. */
struct session_outcome {
    json_t *result; /* Its own reference. */
    json_t *marks;
    int64_t started;
    struct derive_facts facts;
};

static void session_say(const struct session *session, const struct step *step, unsigned round,
                        json_t *result)
{
    const size_t total = session->rounds * session->sweep->steps_len;

    if (session->args->quiet) {
        return;
    }
    fprintf(stderr, "%3zu/%zu  round %u  %s: %.0f requests/s, p50 %.0f us, p99 %.0f us",
            session->runs, total, round, step->id, document_find_number(result, "rate", 0),
            document_find_number(result, "latency.full.p50", 0),
            document_find_number(result, "latency.full.p99", 0));
    if (document_find_number(result, "refused", 0) > 0) {
        fprintf(stderr, ", %.0f refused", document_find_number(result, "refused", 0));
    }
    if (document_find_number(result, "errors_total", 0) > 0) {
        fprintf(stderr, ", %.0f errors", document_find_number(result, "errors_total", 0));
    }
    fputc('\n', stderr);
}

static void session_keep_server(struct session *session, const struct load_result *result)
{
    json_t *server = json_object_get(session->document, "server");

    if (json_object_get(server, "service") == NULL && result->server[0] != '\0') {
        json_object_set_new(server, "service", json_string(result->server));
        json_object_set_new(server, "istag", json_string(result->istag));
    }
}

/* Each connection needs a descriptor of a shard, and shards do not get the same share of them. The
 * generator knows how to do with less. */
static bool session_has_files(const struct session *session, const struct step *step)
{
    struct rlimit limit;
    uint64_t shards = 0;

    if (session->engine == NULL || getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
        limit.rlim_cur <= SESSION_FILES_RESERVE) {
        return true;
    }
    for (size_t i = 0; i < step->settings_len; i++) {
        if (strcmp(step->settings[i].key, "shards") == 0) {
            shards = strtoull(step->settings[i].value, NULL, 10);
        }
    }
    if (shards == 0) { /* auto */
        shards = (uint64_t)CPU_COUNT(&session->engine->options.cpus);
    }
    return step->spec.connections <= shards * (limit.rlim_cur - SESSION_FILES_RESERVE) * 9 / 10;
}

/* Runs one step; false with the reason in the session. */
static bool session_measure(struct session *session, const struct step *planned, bool has_events,
                            struct session_outcome *out)
{
    struct step *step = malloc(sizeof(*step));
    struct load_result result;
    struct load_run *run = NULL;

    ASSERT(step != NULL);
    *step = *planned;
    if (!session_aim(session, step)) {
        free(step);
        return false;
    }
    step_resolve(step, session->capacity);
    out->facts =
        (struct derive_facts){.capacity = session->capacity, .connections = step->spec.connections};
    session_find_overload(&step->spec, &out->facts);
    run = load_run_start(&step->spec, session->why, sizeof(session->why));
    if (run != NULL) {
        const struct machine_mark from = machine_look(step->spec.pids, step->spec.pids_len);

        out->started = clock_wall_sec();
        out->marks = session_watch(session, step, run, has_events);
        const struct machine_mark to = machine_look(step->spec.pids, step->spec.pids_len);

        load_run_finish(run, &result);
        if (session->other_loads_len < ARRAY_LEN(session->other_loads)) {
            session->other_loads[session->other_loads_len++] = machine_other_load(&from, &to);
        }
        out->result = load_result_json(&result);
        session_keep_server(session, &result);
        load_result_free(&result);
    }
    free(step);
    if (run != NULL && stop_is_asked()) {
        json_decref(out->result);
        json_decref(out->marks);
        return session_fail(session, "stopped");
    }
    return run != NULL;
}

static bool session_run_step(struct session *session, const struct step *step, unsigned round)
{
    struct session_outcome outcome = {0};

    if (!session_has_files(session, step)) {
        if (round == 1) {
            session_note(
                session,
                "%s was left out: %u connections need more descriptors than so many shards "
                "may have (ulimit -n)",
                step->id, step->spec.connections);
        }
        return true;
    }
    if (!session_measure(session, step, true, &outcome)) {
        return false;
    }
    json_t *derived = json_object();
    json_t *entry =
        json_pack("{s:s, s:O, s:i, s:I, s:o, s:o}", "id", step->id, "params", step->params, "round",
                  (int)round, "started", (json_int_t)outcome.started, "marks", outcome.marks,
                  "result", outcome.result);

    ASSERT(entry != NULL);
    session->runs++;
    session_say(session, step, round, outcome.result);
    for (size_t i = 0; i < session->scenario->derive_len; i++) {
        derive_put(derived, session->scenario->derive[i], entry, &outcome.facts);
    }
    json_object_set_new(entry, "derived", derived);
    json_array_append_new(json_object_get(session->document, "steps"), entry);
    return true;
}

/* The capacity, which the rates of this round are shares of. */
static bool session_run_capacity(struct session *session)
{
    struct session_outcome outcome = {0};

    session->capacity = 0;
    if (!session_measure(session, &session->sweep->capacity, false, &outcome)) {
        return false;
    }
    session->capacity = document_find_number(outcome.result, "rate", 0);
    if (document_find_number(outcome.result, "errors_total", 0) > 0) {
        session_note(session, "wrong answers while the capacity was measured");
    }
    if (!session->args->quiet) {
        fprintf(stderr, "         capacity: %.0f requests/s\n", session->capacity);
    }
    json_decref(outcome.result);
    json_decref(outcome.marks);
    if (session->capacities_len < ARRAY_LEN(session->capacities)) {
        session->capacities[session->capacities_len++] = session->capacity;
    }
    return session->capacity > 0 ||
           session_fail(session, "the server answered nothing while its capacity was measured");
}

static bool session_needs_capacity(const struct session *session)
{
    bool needs = session->scenario->has_capacity;

    for (size_t i = 0; i < session->sweep->steps_len; i++) {
        needs = needs || step_is_relative(&session->sweep->steps[i]);
    }
    return needs;
}

static void session_close(struct session *session)
{
    json_t *machine = json_object_get(session->document, "machine");

    if (session->other_loads_len > 0) {
        const struct document_value other =
            document_median(session->other_loads, session->other_loads_len);

        json_object_set_new(machine, "other_load", json_real(other.median));
    }
    if (session->capacities_len > 0) {
        const struct document_value capacity =
            document_median(session->capacities, session->capacities_len);

        session_note(session, "capacity: %.0f requests a second (closed loop, median of %zu)",
                     capacity.median, session->capacities_len);
    }
}

/* What a server of somebody else's does without. */
static void session_note_left_out(struct session *session)
{
    bool has_settings = false;

    for (size_t i = 0; i < session->sweep->steps_len; i++) {
        has_settings = has_settings || session->sweep->steps[i].settings_len > 0;
    }
    if (session->engine == NULL && has_settings) {
        session_note(session, "the server was measured as it was: `engine` was left out");
    }
    if (session->engine == NULL && session->scenario->events_len > 0) {
        session_note(session, "`events` were left out: the server is not ours");
    }
}

bool session_run(struct session *session)
{
    bool good = true;

    session_note_left_out(session);
    for (unsigned round = 1; good && round <= session->rounds; round++) {
        if (session_needs_capacity(session)) {
            good = session_run_capacity(session);
        }
        for (size_t i = 0; good && i < session->sweep->steps_len; i++) {
            good = session_run_step(session, &session->sweep->steps[i], round);
        }
    }
    session_close(session);
    return good && (session->runs > 0 ||
                    session_fail(session, "no step could be run: %s", session->notes[0]));
}
