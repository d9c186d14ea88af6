/* SPDX-License-Identifier: MIT */
#include "bench/runner/happening.h"

#include "base/assert.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>

/* A cold compile of a large set takes a minute. */
#define HAPPENING_RELOAD_MS 300000

void happening_begin(struct happening *happening, const struct scenario *scenario,
                     struct local_engine *engine, double scale, double end_sec)
{
    *happening = (struct happening){
        .scenario = scenario,
        .engine = engine,
        .scale = scale,
        .end_sec = end_sec,
        .reload_fd = -1,
        .marks = json_array(),
    };
    for (size_t i = 0; i < scenario->events_len; i++) {
        happening->next_sec[i] = engine != NULL ? scenario->events[i].at_sec * scale : -1;
    }
}

static void happening_mark(struct happening *happening, double now_sec, const char *what)
{
    json_array_append_new(happening->marks, json_pack("{s:f, s:s}", "at",
                                                      round(now_sec * 1000) / 1000, "what", what));
}

static void happening_fail(struct happening *happening, const char *what, const char *why)
{
    if (happening->why[0] == '\0') {
        snprintf(happening->why, sizeof(happening->why), "%s: %s", what, why);
    }
}

/* What ends an event is called so that its end is seen in the word (derive.c). */
static void happening_collect(struct happening *happening, double now_sec)
{
    json_t *answer = local_engine_answer(happening->reload_fd, HAPPENING_RELOAD_MS);
    const json_t *error = json_object_get(answer, "error");

    happening->reload_fd = -1;
    if (json_is_true(json_object_get(answer, "ok"))) {
        happening_mark(happening, now_sec,
                       happening->reload_kind == SCENARIO_SWAP ? "swapped" : "reloaded");
    } else {
        happening_fail(happening, "reload",
                       error != NULL ? json_string_value(error) : "the engine did not answer");
    }
    json_decref(answer);
}

static void happening_reload(struct happening *happening, enum scenario_event_kind kind,
                             double now_sec)
{
    char why[160] = "no answer from the control socket";

    if (kind == SCENARIO_SWAP && !local_engine_change_set(happening->engine, why, sizeof(why))) {
        happening_fail(happening, "swap", why);
        return;
    }
    happening->reload_fd = local_engine_ask(happening->engine, "reload");
    happening->reload_kind = kind;
    if (happening->reload_fd < 0) {
        happening_fail(happening, "reload", why);
    } else {
        happening_mark(happening, now_sec, scenario_event_word(kind));
    }
}

static void happening_signal(struct happening *happening, const struct scenario_event *event,
                             double now_sec)
{
    const pid_t pid = local_engine_shard(happening->engine, event->shard);
    const bool kills = event->kind == SCENARIO_KILL_SHARD;
    size_t at = 0;

    while (at < HAPPENING_PAUSED_MAX && happening->paused[at].pid != 0) {
        at++;
    }
    if (pid <= 0 || at == HAPPENING_PAUSED_MAX || kill(pid, kills ? SIGKILL : SIGSTOP) < 0) {
        happening_fail(happening, scenario_event_word(event->kind), "no such shard");
        return;
    }
    if (kills) {
        happening->kills++;
    } else {
        happening->paused[at] =
            (struct happening_pause){pid, now_sec + event->for_sec * happening->scale};
    }
    happening_mark(happening, now_sec, scenario_event_word(event->kind));
}

static void happening_resume(struct happening *happening, double now_sec)
{
    for (size_t i = 0; i < HAPPENING_PAUSED_MAX; i++) {
        struct happening_pause *pause = &happening->paused[i];

        if (pause->pid != 0 && now_sec >= pause->until_sec) {
            kill(pause->pid, SIGCONT);
            pause->pid = 0;
            happening_mark(happening, now_sec, "resumed");
        }
    }
}

/* Does event `i`; false when it has to wait for another reload. */
static bool happening_do(struct happening *happening, size_t i, double now_sec)
{
    const struct scenario_event *event = &happening->scenario->events[i];

    switch (event->kind) {
    case SCENARIO_SWAP:
    case SCENARIO_RELOAD:
        if (happening->reload_fd >= 0) {
            return false;
        }
        happening_reload(happening, event->kind, now_sec);
        return true;
    case SCENARIO_KILL_SHARD:
    case SCENARIO_PAUSE_SHARD:
        happening_signal(happening, event, now_sec);
        return true;
    }
    return true;
}

void happening_turn(struct happening *happening, double now_sec)
{
    struct pollfd poller = {.fd = happening->reload_fd, .events = POLLIN};

    if (happening->reload_fd >= 0 && poll(&poller, 1, 0) > 0) {
        happening_collect(happening, now_sec);
    }
    happening_resume(happening, now_sec);
    for (size_t i = 0; i < happening->scenario->events_len; i++) {
        const double every = happening->scenario->events[i].every_sec * happening->scale;

        if (happening->next_sec[i] < 0 || now_sec < happening->next_sec[i] ||
            now_sec > happening->end_sec || !happening_do(happening, i, now_sec)) {
            continue;
        }
        happening->next_sec[i] = every > 0 ? happening->next_sec[i] + every : -1;
    }
}

json_t *happening_end(struct happening *happening, double now_sec)
{
    json_t *marks = happening->marks;

    for (size_t i = 0; i < HAPPENING_PAUSED_MAX; i++) {
        happening->paused[i].until_sec = now_sec;
    }
    happening_resume(happening, now_sec);
    if (happening->reload_fd >= 0) {
        happening_collect(happening, now_sec);
    }
    happening->marks = NULL;
    return marks;
}
