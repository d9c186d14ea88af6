#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * build - from signatures to the match section of a definition image.
 *
 * Role: collects signatures, chooses one trigger for each, compiles the Hyperscan databases (for
 * AVX2 and below, so that an image can be shared by hosts), lays out verifier programs, hash tables
 * and names, and writes one block without pointers that match_db_open uses in place. Runs in: the
 * compiler process, tests, `baleen defs`.
 */
#include "base/slice.h"

struct match_builder;

enum match_build_status {
    MATCH_BUILD_OK,
    MATCH_BUILD_BAD_PATTERN, /* The body does not parse; match_builder_error says why. */
    MATCH_BUILD_BAD_OFFSET,
    MATCH_BUILD_BAD_HASH,
    MATCH_BUILD_UNSUPPORTED, /* Legal, but of a kind this engine does not match; the error says
                                which. */
    MATCH_BUILD_BAD_EXPRESSION,
    MATCH_BUILD_SLOW, /* Taken; the error says what makes it slow. */
};

/* Attributes of a name (threats.tsv). */
struct match_threat {
    struct slice name;
    bool has_id;
    uint32_t id;
    struct slice category;
    struct slice repair;
};

MUST_CHECK int match_builder_new(struct match_builder **out_builder);
void match_builder_free(struct match_builder *builder);

/*
 * Where compiled parts are kept from one build to the next. `load` gives malloc'ed bytes of an
 * earlier `store` under the key, or false; `store` may fail silently. The key says all that the
 * bytes depend on, so equal keys mean equal bytes.
 */
#define MATCH_BUILD_KEY_LEN 32

struct match_build_cache {
    void *ctx;
    bool (*load)(void *ctx, const uint8_t key[MATCH_BUILD_KEY_LEN], uint8_t **out_bytes,
                 size_t *out_len);
    void (*store)(void *ctx, const uint8_t key[MATCH_BUILD_KEY_LEN], const uint8_t *bytes,
                  size_t len);
};

/* Lends a cache to match_builder_finish; the struct is copied. */
void match_builder_set_cache(struct match_builder *builder, const struct match_build_cache *cache);

/* Why the last call was refused: one line without a line end. */
const char *match_builder_error(const struct match_builder *builder);

/* Sets what findings of that name report. May come before or after the signatures. */
MUST_CHECK int match_builder_add_threat(struct match_builder *builder,
                                        const struct match_threat *threat);

/*
 * A ClamAV body signature (.ndb): `target` 0 to 14, `offset` and `body` as they stand in the line.
 * Negative errno, or an enum match_build_status.
 */
MUST_CHECK int match_builder_add_body(struct match_builder *builder, struct slice name,
                                      unsigned target, struct slice offset, struct slice body);

/*
 * A whole-file hash: 32, 40 or 64 hex digits; `size` UINT64_MAX stands for any size. `allow` puts
 * it on the allow list
 * (.fp, .sfp): a body with that hash is clean whatever matches.
 */
MUST_CHECK int match_builder_add_hash(struct match_builder *builder, struct slice name,
                                      struct slice hex, uint64_t size, bool allow);

/* ---- Signatures with logic ---- */

/* What must hold beside the expression. Zero-initialised fields with a max of 0 do not matter. */
struct match_conditions {
    bool has_size;
    bool has_entry;
    bool has_sections;
    uint64_t size_min;
    uint64_t size_max;
    uint64_t entry_min;
    uint64_t entry_max;
    uint32_t sections_min;
    uint32_t sections_max;
    uint16_t container; /* enum cl_type; CL_TYPE_NONE when it does not matter. */
    const uint16_t *intermediates;
    size_t intermediates_len;
};

/* A ClamAV logical signature (.ldb). Expression and subsignatures as they stand in the line. */
struct match_logical {
    struct slice name;
    unsigned target;
    struct match_conditions conditions;
    struct slice expression;
    const struct slice *subsignatures;
    size_t subsignatures_len;
};

/* Negative errno, or an enum match_build_status. */
MUST_CHECK int match_builder_add_logical(struct match_builder *builder,
                                         const struct match_logical *logical);

/*
 * Which parts of a rule a body must have. A node of children says: at least `need` of them; a node
 * without children and with `part` NONE says nothing (it may hold without any part). Children have
 * higher indices than their parent; node 0 is the outermost.
 */
struct match_need {
    uint32_t need;
    uint32_t first; /* Children, consecutive. */
    uint32_t len;
    uint32_t part; /* Index of a part, or UINT32_MAX. */
};

/*
 * A rule that somebody else decides (libyara) once a body has the parts that it needs. Parts are
 * body signatures in ClamAV's hexadecimal language with the modifiers of logical signatures
 * ("4d5a??90::i"); they may match more than the rule's own strings, never less.
 */
struct match_rule {
    struct slice name; /* Reported as it stands. */
    uint32_t ruleset;  /* What match_builder_add_ruleset gave. */
    const struct slice *parts;
    size_t parts_len;
    const struct match_need *needs;
    size_t needs_len;
    uint32_t magic_mask; /* As in layout_logic. */
    uint32_t magic_value;
    uint64_t size_max; /* UINT64_MAX: any. */
};

/* Takes rules as libyara serialises them; `*out_ruleset` is for match_rule. */
MUST_CHECK int match_builder_add_ruleset(struct match_builder *builder, struct slice rules,
                                         uint32_t *out_ruleset);
/* MATCH_BUILD_SLOW: taken, but nothing rare speaks for it, so every body has to be looked at. */
MUST_CHECK int match_builder_add_rule(struct match_builder *builder, const struct match_rule *rule);

/* ---- Parts of executables ---- */

/* Hash of a section's raw data (.mdb, .msb). */
MUST_CHECK int match_builder_add_section_hash(struct match_builder *builder, struct slice name,
                                              struct slice hex, uint64_t size);

/* Hash of the normalised list of imports (.imp). `size` is the list's length, UINT64_MAX any. */
MUST_CHECK int match_builder_add_imports_hash(struct match_builder *builder, struct slice name,
                                              struct slice hex, uint64_t size);

/* ---- Members of containers, types of files ---- */

struct match_range {
    uint64_t min;
    uint64_t max; /* 0 and UINT64_MAX: does not matter. */
};

enum match_encrypted {
    MATCH_ENCRYPTED_EITHER,
    MATCH_ENCRYPTED_NO,
    MATCH_ENCRYPTED_YES,
};

/* What a container says of a member (.cdb). */
struct match_member {
    struct slice name;
    uint16_t container; /* enum cl_type; CL_TYPE_ANY: does not matter. */
    struct match_range container_size;
    struct slice expression; /* POSIX extended, somewhere in the member's name; empty: any. */
    struct match_range packed_size;
    struct match_range real_size;
    enum match_encrypted encrypted;
    struct match_range position; /* The first is 1. */
    bool has_crc;
    uint32_t crc;
};

MUST_CHECK int match_builder_add_member(struct match_builder *builder,
                                        const struct match_member *member);

/* A password to try on members of such a container (.pwdb); CL_TYPE_ANY: of any. */
MUST_CHECK int match_builder_add_password(struct match_builder *builder, struct slice password,
                                          uint16_t container);

/*
 * Bytes that tell a type (.ftm): `body` in ClamAV's hexadecimal language, as far as it says what
 * stands at one place; `type` an enum cl_type.
 */
MUST_CHECK int match_builder_add_magic(struct match_builder *builder, uint64_t at,
                                       struct slice body, uint16_t type);

/* How many signatures were taken. */
uint32_t match_builder_len(const struct match_builder *builder);

/*
 * Compiles everything. `*out_image` is malloc'ed (free it), 64-byte aligned through offsets only.
 * The same signatures in the same order give the same bytes.
 */
MUST_CHECK int match_builder_finish(struct match_builder *builder, uint8_t **out_image,
                                    size_t *out_len);
