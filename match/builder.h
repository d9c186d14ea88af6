#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * builder - what the build*.c files collect and build_image.c writes out.
 *
 * Private to them. Indices are those of the image, but for signatures, which get their order at the
 * end (builder_settle).
 */
#include "match/build.h"
#include "match/intern.h"
#include "match/layout.h"
#include "match/vec.h"

#define BUILDER_ERROR_CAP 256

struct builder_threat {
    uint32_t category; /* Indices of `texts`. */
    uint32_t repair;
    uint32_t id;
    bool described; /* match_builder_add_threat spoke of it. */
};

/* One trigger string stands for one signature. */
struct builder_use {
    uint32_t trigger;
    uint32_t signature;
};

/* Clusters that lie in the image already. */
struct builder_row {
    uint32_t cluster_first;
    uint32_t op_first;
};

struct builder_trigger {
    struct slice bytes;
    bool nocase; /* Small letters that stand for letters of either case. */
};

struct builder_direct {
    uint32_t target;
    struct layout_direct direct;
};

struct match_builder {
    struct intern names;    /* The index is the threat's. */
    struct intern texts;    /* Categories and repair actions. */
    struct intern triggers; /* The index is the trigger's; see builder_trigger_at. */
    struct intern sets;     /* struct program_set */
    struct intern runs;     /* Strings of operations. */
    struct intern programs; /* What clusters were made of; the index is that of `rows`. */
    struct vec rows;        /* struct builder_row */
    struct vec threats;     /* struct builder_threat */
    struct vec signatures;
    struct vec clusters;
    struct vec ops;
    struct vec branches;
    struct vec uses;                                 /* struct builder_use */
    struct vec directs;                              /* struct builder_direct */
    struct vec hashes[LAYOUT_SCOPES][LAYOUT_HASHES]; /* A digest, then struct layout_digest. */
    uint32_t hashes_len;
    struct vec logics;
    struct vec parts;
    struct vec nodes;
    struct vec compares;
    struct vec regexes; /* `text` is an index of `texts`. */
    struct vec types;
    struct vec always;              /* uint32_t: logics. */
    struct vec rulesets;            /* `offset` counts from the first of `rules`. */
    struct vec rules;               /* uint8_t */
    uint32_t alone_len;             /* Once settled: signatures that stand alone. */
    uint32_t patterns_len;          /* Bodies and logics that were taken. */
    struct match_build_cache cache; /* Without functions: none. */
    struct vec members;             /* struct layout_member */
    struct vec passwords;           /* struct layout_password */
    struct vec member_texts;        /* char */
    struct vec magics;              /* struct layout_magic */
    char error[BUILDER_ERROR_CAP];
};

/* Says why the call at hand is refused, and returns the status. */
int builder_refuse(struct match_builder *builder, enum match_build_status status, const char *why);

/* Finds or makes the threat of this name. */
MUST_CHECK int builder_threat_of(struct match_builder *builder, struct slice name,
                                 uint32_t *out_threat);

/* Finds or makes the trigger; strings that differ in `nocase` alone are two. */
MUST_CHECK int builder_trigger_of(struct match_builder *builder,
                                  const struct builder_trigger *trigger, uint32_t *out_trigger);

/* Valid until the next builder_trigger_of. */
struct builder_trigger builder_trigger_at(const struct match_builder *builder, uint32_t index);

/* Gives signatures the order of the image and renumbers whatever names one. */
MUST_CHECK int builder_settle(struct match_builder *builder);

void builder_hashes_init(struct match_builder *builder);
void builder_hashes_free(struct match_builder *builder);

/* Bytes of a row of `hashes`. */
size_t builder_hash_bytes(enum layout_hash kind);

/* Writes the hash tables; `sections` are those of the image. */
MUST_CHECK int builder_write_hashes(struct match_builder *builder, struct layout_header *header,
                                    struct vec *sections);
