/* SPDX-License-Identifier: MIT */
/*
 * supervisor_defs - definitions as the supervisor sees them: found, compiled, adopted, rolled back.
 *
 * One order at a time: reload -> compiler -> adopt or refuse -> whoever waits is told. What is
 * ordered meanwhile is one more reload afterwards.
 */
#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "engine/generation_make.h"
#include "engine/supervisor.h"
#include "engine/supervisor_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void supervisor_close_retired(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < supervisor->retired_len; i++) {
        close(supervisor->retired_fds[i]);
    }
    supervisor->retired_len = 0;
}

static void supervisor_retire(struct supervisor *supervisor, int image_fd)
{
    if (supervisor->retired_len == SUPERVISOR_RETIRED_MAX) {
        supervisor_close_retired(supervisor);
    }
    supervisor->retired_fds[supervisor->retired_len++] = image_fd;
}

void supervisor_drop_retired(struct supervisor *supervisor)
{
    if (supervisor->retired_len == 0 || !supervisor_is_settled(supervisor)) {
        return;
    }
    for (unsigned i = 0; i < supervisor->shards_len; i++) {
        const uint64_t *held = &supervisor->pages[i].counters.generations;

        if (supervisor->shards[i].pid > 0 && counters_read(held) > 1) {
            return;
        }
    }
    supervisor_close_retired(supervisor);
}

static void supervisor_use(struct supervisor *supervisor, int image_fd,
                           const struct defs_image *image, int file_fd,
                           const struct generation_facts *facts)
{
    if (supervisor->file_fd >= 0) {
        close(supervisor->file_fd);
        supervisor_retire(supervisor, supervisor->image_fd);
    }
    supervisor->file_fd = file_fd;
    supervisor->image_fd = image_fd;
    supervisor->number = facts->number;
    supervisor->meta = image->meta;
    supervisor->counts = image->counts;
    supervisor->loaded_at = clock_wall_sec();
    memcpy(supervisor->istag, facts->istag, sizeof(supervisor->istag));
    for (size_t i = 0; i < DEFS_DIGEST_LEN; i++) {
        snprintf(supervisor->digest + 2 * i, 3, "%02x", image->digest[i]);
        snprintf(supervisor->content + 2 * i, 3, "%02x", image->content[i]);
    }
    for (unsigned i = 0; i < supervisor->shards_len; i++) {
        if (supervisor->shards[i].pid > 0) {
            supervisor_send_generation(supervisor, i);
        }
    }
}

/* What needs a restart is said, and stays as it is. */
static void supervisor_keep_restart_keys(struct supervisor *supervisor)
{
    char *room = malloc(CONFIG_TEXT_CAP);

    ASSERT(room);
    struct text keys = text_over(room, CONFIG_TEXT_CAP - 1);

    config_restart_keys(supervisor->config, supervisor->next_config, &keys);
    if (keys.len > 0) {
        room[keys.len] = '\0';
        LOG_WRN("reload: these keys need a restart and stay as they are: %s", room);
    }
    free(room);
    config_keep_restart_keys(supervisor->next_config, supervisor->config);
}

/* The configuration that came with the job takes over. */
static void supervisor_take_config(struct supervisor *supervisor)
{
    if (!supervisor->next_config) {
        return;
    }
    free(supervisor->config);
    supervisor->config = supervisor->next_config;
    supervisor->next_config = NULL;
    log_open(STDERR_FILENO, "supervisor", (enum log_level)supervisor->config->log_level,
             (enum log_format)supervisor->config->log_format);
}

static void supervisor_refuse(struct supervisor *supervisor, const char *what, const char *error)
{
    LOG_ERR("%s refused%s: %s", what, supervisor->number > 0 ? ", the old one stays" : "", error);
    free(supervisor->next_config);
    supervisor->next_config = NULL;
    if (!supervisor->reload_wanted) {
        control_tell_reload(&supervisor->control, supervisor, false, error);
    }
}

/* By what they say: structs have padding. */
static bool supervisor_same_config(const struct config *a, const struct config *b)
{
    char *room = malloc(2 * CONFIG_TEXT_CAP);

    ASSERT(room);
    struct text text_a = text_over(room, CONFIG_TEXT_CAP);
    struct text text_b = text_over(room + CONFIG_TEXT_CAP, CONFIG_TEXT_CAP);

    config_write(a, &text_a);
    config_write(b, &text_b);
    const bool same = slice_equal(text_slice(&text_a), text_slice(&text_b));

    free(room);
    return same;
}

/* A set that goes back is refused, unless somebody said that it may. */
static bool supervisor_is_older(const struct supervisor *supervisor, const struct defs_meta *meta,
                                char error[DEFS_ERROR_CAP])
{
    if (supervisor->number == 0 || supervisor->order.older || supervisor->order.previous ||
        meta->sequence >= supervisor->meta.sequence) {
        return false;
    }
    snprintf(error, DEFS_ERROR_CAP, "sequence %llu is older than the %llu in use",
             (unsigned long long)meta->sequence, (unsigned long long)supervisor->meta.sequence);
    return true;
}

/* What answers say of the set: the version can change where the content does not. */
static bool supervisor_same_meta(const struct defs_meta *a, const struct defs_meta *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->version, b->version) == 0 &&
           a->sequence == b->sequence && a->certified == b->certified;
}

/* True when something changed and a generation was made of it; then the image is kept. */
static bool supervisor_adopt(struct supervisor *supervisor, const struct compiler_product *product,
                             const struct defs_image *image, char error[DEFS_ERROR_CAP])
{
    const struct config *config =
        supervisor->next_config ? supervisor->next_config : supervisor->config;
    struct generation_facts facts = {
        .number = supervisor->number + 1,
        .max_connections = supervisor->connections_max,
        .model = slice_from(product->model, product->model_len),
    };

    if (supervisor_is_older(supervisor, &image->meta, error)) {
        return false;
    }
    generation_make_istag(config, image->content, facts.istag);
    if (strcmp(facts.istag, supervisor->istag) == 0 && supervisor->number > 0 &&
        supervisor_same_meta(&image->meta, &supervisor->meta) &&
        supervisor_same_config(config, supervisor->config)) {
        return false;
    }
    const int file_fd = generation_make_file(config, &facts, error);

    if (file_fd < 0) {
        return false;
    }
    supervisor_use(supervisor, product->image_fd, image, file_fd, &facts);
    return true;
}

/* The same, from the file; takes the product, and closes what is not kept of it. */
static bool supervisor_adopt_product(struct supervisor *supervisor,
                                     struct compiler_product *product, char error[DEFS_ERROR_CAP])
{
    struct defs_image image;
    /* The compiler has tested it, and it is sealed; reading all of it would take time from shards.
     */
    const int r = defs_image_open(&image, product->image_fd, false);
    bool changed = false;

    error[0] = '\0';
    if (r == 0) {
        changed = supervisor_adopt(supervisor, product, &image, error);
        defs_image_close(&image);
    } else {
        snprintf(error, DEFS_ERROR_CAP, "the image cannot be opened: %s", strerror(-r));
    }
    if (!changed) {
        close(product->image_fd);
    }
    free(product->model);
    *product = (struct compiler_product){.image_fd = -1};
    return changed;
}

static void supervisor_note_history(struct supervisor *supervisor,
                                    const struct compiler_result *result)
{
    struct history *history = &supervisor->history;

    if (supervisor->compiler.back) {
        history_turn_back(history);
    } else if (!result->held) {
        if (history_is_back(history)) {
            LOG_INF("something new lies at %s: the roll-back ends", supervisor->definitions);
        }
        history_go(history, result->found);
    }
}

static void supervisor_log_definitions(const struct supervisor *supervisor)
{
    LOG_INF("definitions %s (%s, %llu signatures, %llu lines not usable), ISTag %s%s",
            supervisor->meta.version, supervisor->meta.name,
            (unsigned long long)supervisor->counts.used,
            (unsigned long long)supervisor->counts.unusable, supervisor->istag,
            history_is_back(&supervisor->history) ? ", rolled back" : "");
}

void supervisor_on_compiled(struct supervisor *supervisor, int wait_status)
{
    struct compiler_result result;
    char error[DEFS_ERROR_CAP];
    struct compiler_product product;

    compiler_finish(&supervisor->compiler, wait_status, &result, &product);
    if (!result.good) {
        supervisor_refuse(supervisor, "definitions", result.error);
        return;
    }
    const bool changed = supervisor_adopt_product(supervisor, &product, error);

    if (error[0] != '\0') {
        supervisor_refuse(supervisor, "definitions", error);
        return;
    }
    supervisor_note_history(supervisor, &result);
    supervisor_take_config(supervisor);
    if (changed) {
        supervisor_log_definitions(supervisor);
        return;
    }
    LOG_INF("reload: nothing changed, definitions %s stay", supervisor->meta.version);
    if (!supervisor->reload_wanted) {
        control_tell_reload(&supervisor->control, supervisor, false, NULL);
    }
}

/* Where the definitions are: the configured path, else the usual place, else the shipped set. */
void supervisor_find_definitions(struct supervisor *supervisor, const struct config *config)
{
    static const char *const places[] = {
        "/var/lib/baleen/definitions",
        BALEEN_DEFINITIONS_INSTALLED,
        BALEEN_DEFINITIONS_SOURCE,
    };
    const char *path = config->definitions_path;

    for (size_t i = 0; path[0] == '\0' && i < ARRAY_LEN(places); i++) {
        path = access(places[i], R_OK) == 0 ? places[i] : "";
    }
    snprintf(supervisor->definitions, sizeof(supervisor->definitions), "%s",
             path[0] != '\0' ? path : places[0]);
}

static bool supervisor_load_config(struct supervisor *supervisor, struct config *out,
                                   char error[CONFIG_ERROR_CAP])
{
    config_init(out);
    return config_load(out, supervisor->config_path, supervisor->overrides,
                       supervisor->overrides_len, error);
}

/* The configuration for the next generation; false when it is refused. */
static bool supervisor_read_config(struct supervisor *supervisor)
{
    char error[CONFIG_ERROR_CAP];

    supervisor->next_config = calloc(1, sizeof(struct config));
    ASSERT(supervisor->next_config);
    if (!supervisor_load_config(supervisor, supervisor->next_config, error)) {
        supervisor_refuse(supervisor, "configuration", error);
        return false;
    }
    supervisor_keep_restart_keys(supervisor);
    supervisor_find_definitions(supervisor, supervisor->next_config);
    return true;
}

bool supervisor_start_compiler(struct supervisor *supervisor)
{
    const struct compiler_job job = {
        .path = supervisor->definitions,
        .config = supervisor->next_config ? supervisor->next_config : supervisor->config,
        .history = &supervisor->history,
        .back = supervisor->order.previous,
        .first = supervisor->number == 0,
    };

    if (!job.back) {
        watch_init(&supervisor->watch, supervisor->definitions, clock_now_ns());
    }
    return compiler_start(&supervisor->compiler, &job);
}

void supervisor_reload(struct supervisor *supervisor, const struct supervisor_order *order)
{
    if (supervisor->compiler.pid > 0) {
        supervisor->reload_wanted = true;
        supervisor->next_reload = *order;
        supervisor->next_reload.config = true;
        return;
    }
    supervisor->order = *order;
    supervisor->reload_wanted = false;
    if (order->previous && !supervisor->history.has_previous) {
        supervisor_refuse(supervisor, "roll-back", "no previous set is known");
        return;
    }
    if (order->config && !order->previous && !supervisor_read_config(supervisor)) {
        return;
    }
    if (!supervisor_start_compiler(supervisor)) {
        supervisor_refuse(supervisor, "definitions", "the compiler cannot be started");
    }
}
