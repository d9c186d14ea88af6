#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * layout - the match section of an image, byte for byte.
 *
 * Role: what match_build writes and match_db_open uses in place: a header, then sections of plain
 * structs, each aligned to 64 bytes, no pointers. Everything counts from the section's first byte,
 * which must itself lie at an address divisible by 64, when built and when opened: a Hyperscan
 * database finds its code by its own address. Byte order and struct layout are those of the
 * machine; the version changes with them. Limits: 2^32 - 1 of each thing.
 */
#include "base/slice.h"
#include "match/filetype.h"
#include "match/program.h"

#define LAYOUT_MAGIC   "BALMATCH"
#define LAYOUT_VERSION 1
#define LAYOUT_ALIGN   64

enum layout_section {
    LAYOUT_SIGNATURES, /* struct program_signature */
    LAYOUT_CLUSTERS,   /* struct program_cluster */
    LAYOUT_OPS,        /* struct program_op */
    LAYOUT_BRANCHES,   /* struct program_branch */
    LAYOUT_BYTES,      /* uint8_t */
    LAYOUT_SETS,       /* struct program_set */
    LAYOUT_TRIGGERS,   /* uint32_t: where the list of each trigger begins; one more at the end. */
    LAYOUT_TRIGGER_LISTS, /* uint32_t: signatures. */
    LAYOUT_DIRECTS,       /* struct layout_direct, ordered by target and need. */
    LAYOUT_DATABASES,     /* struct layout_database */
    LAYOUT_BLOBS,         /* Hyperscan databases as they are in memory. */
    LAYOUT_SIZES,         /* struct layout_size, ordered by kind and size. */
    LAYOUT_DIGESTS,       /* struct layout_digest, ordered by kind, size and digest. */
    LAYOUT_THREATS,       /* struct layout_threat */
    LAYOUT_STRINGS,       /* Text with NULs. */
    LAYOUT_SECTIONS,
};

/* A signature at a fixed place: compared there, never searched for. */
struct layout_direct {
    uint64_t need;  /* Decided as soon as this many bytes are there; UINT64_MAX: at the end. */
    uint64_t at;    /* The eight bytes there ... */
    uint64_t mask;  /* ... under this mask (0: no such test) ... */
    uint64_t value; /* ... must be these, before anything else is looked at. */
    uint32_t signature;
    uint32_t pad;
};

struct layout_database {
    uint64_t offset; /* In the image. */
    uint64_t len;
};

enum layout_hash {
    LAYOUT_MD5,
    LAYOUT_SHA1,
    LAYOUT_SHA256,
    LAYOUT_HASHES
};

#define LAYOUT_DIGEST_MAX 32
#define LAYOUT_ANY_SIZE   UINT64_MAX

/* All digests of one kind and one body size. */
struct layout_size {
    uint64_t size; /* LAYOUT_ANY_SIZE comes last. */
    uint32_t digest_first;
    uint32_t digest_len;
    uint8_t detects; /* Some of them are signatures ... */
    uint8_t allows;  /* ... some are on the allow list. */
    uint8_t pad[6];
};

struct layout_digest {
    uint8_t digest[LAYOUT_DIGEST_MAX]; /* Zeros behind a short one. */
    uint32_t threat;
    uint32_t allow;
};

struct layout_threat {
    uint32_t name; /* Offsets of strings. */
    uint32_t category;
    uint32_t repair;
    uint32_t id;
};

struct layout_span {
    uint64_t offset;
    uint64_t len; /* Bytes. */
};

struct layout_header {
    char magic[8];
    uint32_t version;
    uint32_t header_bytes;
    uint64_t image_bytes;
    uint64_t
        allow_size_max; /* Of the allow list; LAYOUT_ANY_SIZE when one entry is for any size. */
    uint32_t allows_len;
    uint32_t hashes_len;
    uint32_t patterns_len;
    uint32_t targets;                          /* A bit for each target that has signatures. */
    uint32_t database_of[MATCH_TARGET_COUNT];  /* PROGRAM_NONE: nothing to look for. */
    uint32_t direct_first[MATCH_TARGET_COUNT]; /* In LAYOUT_DIRECTS. */
    uint32_t direct_len[MATCH_TARGET_COUNT];
    uint32_t size_first[LAYOUT_HASHES]; /* In LAYOUT_SIZES. */
    uint32_t size_len[LAYOUT_HASHES];
    uint32_t pad;
    struct layout_span sections[LAYOUT_SECTIONS];
};

/* The same with pointers. */
struct layout {
    const struct layout_header *header;
    const struct program_signature *signatures;
    const struct program_cluster *clusters;
    const struct program_op *ops;
    const struct program_branch *branches;
    const uint8_t *bytes;
    const struct program_set *sets;
    const uint32_t *triggers;
    const uint32_t *trigger_lists;
    const struct layout_direct *directs;
    const struct layout_database *databases;
    const struct layout_size *sizes;
    const struct layout_digest *digests;
    const struct layout_threat *threats;
    const char *strings;
    uint32_t len[LAYOUT_SECTIONS]; /* Items. */
};

/*
 * Checks every length, index and offset; an image that passes can be used without further checks.
 * -EBADMSG otherwise.
 */
MUST_CHECK int layout_open(struct layout *out, struct slice image);

/* Bytes of one item of a section. */
size_t layout_item_bytes(enum layout_section section);

/* Bytes of a digest of a kind. */
size_t layout_digest_bytes(enum layout_hash kind);
