#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * history - which definitions were found, which are active, which were before.
 *
 * Role: three content digests, so that a roll-back knows where to, and so that what was rolled back
 * from stays off until something else lies at the definitions' path: across reloads and restarts.
 * The images themselves are in the compiler's cache. Owner: the supervisor; the compiler gets a
 * copy. Memory: none. A small text file in state_dir holds it; without the file the engine
 * remembers for as long as it runs.
 *
 *     found == active:  what lies at the path is in use
 *     found != active:  rolled back; what lies at the path is held off
 */
#include "defs/defs.h"
#include "engine/config.h"

struct history {
    char path[CONFIG_PATH_CAP + 16]; /* "": not kept. */
    bool known;
    bool has_previous;
    uint8_t found[DEFS_DIGEST_LEN];
    uint8_t active[DEFS_DIGEST_LEN];
    uint8_t previous[DEFS_DIGEST_LEN];
};

/* Reads what an engine with that state_dir has left; a file that is none of ours counts as nothing.
 */
void history_load(struct history *history, const char *state_dir);

/* Whether that content, found at the path, is held off. */
bool history_holds(const struct history *history, const uint8_t found[DEFS_DIGEST_LEN]);

/* Rolled back, and nothing new has come since. */
bool history_is_back(const struct history *history);

/* What was found at the path became active; a hold ends. */
void history_go(struct history *history, const uint8_t found[DEFS_DIGEST_LEN]);

/* The previous set became active again, and what was active is the previous one. */
void history_turn_back(struct history *history);
