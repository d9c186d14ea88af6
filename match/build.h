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

/* How many signatures were taken. */
uint32_t match_builder_len(const struct match_builder *builder);

/*
 * Compiles everything. `*out_image` is malloc'ed (free it), 64-byte aligned through offsets only.
 * The same signatures in the same order give the same bytes.
 */
MUST_CHECK int match_builder_finish(struct match_builder *builder, uint8_t **out_image,
                                    size_t *out_len);
