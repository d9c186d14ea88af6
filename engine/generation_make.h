#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * generation_make - the supervisor's side of a generation: the file that every shard maps.
 */
#include "engine/generation.h"

struct generation_facts {
    uint64_t number;
    uint32_t max_connections; /* `auto` resolved. */
    char istag[DEFS_ISTAG_CAP];
    struct slice model; /* match_db_model of the image; may be empty. */
};

/* Contract section 7: definitions, options that can change a verdict or a response, version. */
void generation_make_istag(const struct config *config, const uint8_t digest[DEFS_DIGEST_LEN],
                           char out[DEFS_ISTAG_CAP]);

/* A sealed memfd with the generation file; -1 with one line in `error`. */
MUST_CHECK int generation_make_file(const struct config *config,
                                    const struct generation_facts *facts,
                                    char error[DEFS_ERROR_CAP]);
