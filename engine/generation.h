#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * generation - one configuration and one definition image that belong together.
 *
 * Role: what a request is judged by from its head to its answer. The supervisor makes a generation
 * (two sealed memfds: a generation file and the image) and hands it to every shard; a shard adopts
 * it at its next turn, requests that run keep their pin on the one they began with, and the last
 * unpin drops it. Owner: the shard's list. Memory: the mappings, the match database, the texts
 * below; made at adoption.
 *
 * Neither end of its life may hold up the shard: both go in slices of some ten microseconds, one
 * in each turn of the loop, and adoption takes as many for a large image as for a small one.
 */
#include "base/list.h"
#include "defs/defs.h"
#include "engine/service.h"

struct match_db;

#define GENERATION_PAGE_MAX KIB(32)
#define GENERATION_TEXT_CAP 8192

/* What the supervisor writes into the generation memfd. */
struct generation_file {
    char magic[8]; /* "BLNGEN1" */
    uint64_t number;
    char istag[DEFS_ISTAG_CAP];
    struct config config;
    uint32_t max_connections;  /* `auto` resolved. */
    uint32_t queue_threshold;  /* `auto` resolved. */
    int64_t license_until_sec; /* LICENSE_ALWAYS, LICENSE_NEVER, or when the licence ends. */
    uint32_t page_len;
    char page[GENERATION_PAGE_MAX]; /* Template of the block page. */
    uint64_t model_len;
    _Alignas(64) uint8_t model[]; /* For match_db_open_sealed; nothing: without. */
};

/* Header lines of one service that do not change from answer to answer. */
struct generation_service {
    struct slice ident;        /* Service and Service-ID. */
    struct slice options;      /* OPTIONS: lines between Date and Allow. */
    struct slice options_end;  /* Lines between Allow and X-AV-License. */
    struct slice options_last; /* Lines behind X-AV-License, without Connection and Encapsulated. */
    struct slice attributes; /* The attribute list chunk with its framing, empty for AV services. */
};

enum generation_status {
    GENERATION_READY,
    GENERATION_MORE,
};

struct generation {
    struct list_node node;
    uint64_t number;
    uint64_t superseded_ns; /* When a newer one took over. */
    uint32_t pins;          /* Requests that use it, and one for being current. */
    const struct generation_file *file;
    size_t file_len;
    bool sealed;       /* The image: nobody can change it. */
    unsigned prepared; /* Steps of preparing that are done. */
    size_t touched;    /* Bytes of the image whose pages are there. */
    const struct config *config;
    struct defs_image image;
    struct match_db *db;
    int root_fds[CONFIG_LIST_MAX]; /* filemod.roots, -1 where one cannot be opened. */
    int quarantine_fd;             /* filemod.quarantine_dir, -1: none. */
    struct generation_service services[SERVICE_COUNT];
    char text[SERVICE_COUNT * GENERATION_TEXT_CAP]; /* Behind the slices above. */
};

/* Maps both descriptors (and closes neither). Negative errno: there is none. */
MUST_CHECK int generation_new(struct generation **out, int file_fd, int image_fd);

/*
 * A step towards a generation that can be used, with room for `bodies_max` bodies: GENERATION_MORE
 * until it is GENERATION_READY. Negative errno: it can only be freed.
 */
MUST_CHECK int generation_prepare(struct generation *generation, uint32_t bodies_max);
void generation_free(struct generation *generation);

/*
 * Frees a part of a generation that nobody pins, some ten microseconds of work; true when it is
 * gone. Until then only this function may be called with it.
 */
MUST_CHECK bool generation_free_slice(struct generation *generation);
