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
#define LAYOUT_VERSION 3
#define LAYOUT_ALIGN   64

#define LAYOUT_PARTS_MAX 64 /* Of a logical signature; a rule may have more. */
#define LAYOUT_DEPTH_MAX 64 /* Levels of an expression. */

#define LAYOUT_COMPARE_BYTES_MAX 16 /* Of text; binary numbers have 1, 2, 4 or 8. */

enum layout_section {
    LAYOUT_SIGNATURES, /* struct program_signature: those that stand alone, then parts of logics. */
    LAYOUT_CLUSTERS,   /* struct program_cluster */
    LAYOUT_OPS,        /* struct program_op */
    LAYOUT_BRANCHES,   /* struct program_branch */
    LAYOUT_BYTES,      /* uint8_t */
    LAYOUT_SETS,       /* struct program_set */
    LAYOUT_TRIGGERS,   /* uint32_t: where the list of each trigger begins; one more at the end. */
    LAYOUT_TRIGGER_LISTS, /* uint32_t: signatures. */
    LAYOUT_DIRECTS,       /* struct layout_direct, ordered by target and need. */
    LAYOUT_DIRECT_GROUPS, /* struct layout_group: see direct_first. */
    LAYOUT_DIRECT_LISTS,  /* uint32_t: rows of LAYOUT_DIRECTS, ordered by need. */
    LAYOUT_DATABASES,     /* struct layout_database */
    LAYOUT_BLOBS,         /* Hyperscan databases as they are in memory. */
    LAYOUT_CHUNKS,        /* struct layout_chunk */
    LAYOUT_SIZE_LOWS,     /* uint16_t: see layout_chunk. */
    LAYOUT_BUCKETS,       /* uint32_t: see layout_table. */
    LAYOUT_DIGEST_WORDS,  /* uint32_t: the bytes of digests, ordered. */
    LAYOUT_DIGESTS,       /* struct layout_digest, in the same order. */
    LAYOUT_THREATS,       /* struct layout_threat */
    LAYOUT_STRINGS,       /* Text with NULs. */
    LAYOUT_LOGICS,        /* struct layout_logic */
    LAYOUT_PARTS,         /* struct layout_part */
    LAYOUT_NODES,         /* struct layout_node */
    LAYOUT_COMPARES,      /* struct layout_compare */
    LAYOUT_REGEXES,       /* struct layout_regex */
    LAYOUT_GROUPS,        /* struct layout_group */
    LAYOUT_GROUP_LISTS,   /* uint32_t: signatures. */
    LAYOUT_ALWAYS,        /* uint32_t: logics that nothing cheap speaks against, by target. */
    LAYOUT_TYPES,         /* uint16_t: container types that logics name. */
    LAYOUT_RULESETS,      /* struct layout_ruleset */
    LAYOUT_MEMBERS,       /* struct layout_member */
    LAYOUT_PASSWORDS,     /* struct layout_password */
    LAYOUT_MEMBER_TEXTS,  /* Text of both, each with a NUL. */
    LAYOUT_MAGICS,        /* struct layout_magic */
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

/* A body begins with one of 256 bytes; the last list is for a body without any. */
#define LAYOUT_DIRECT_BYTES 257
#define LAYOUT_DIRECT_NONE  256

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

/* What is hashed. */
enum layout_scope {
    LAYOUT_SCOPE_BODY,
    LAYOUT_SCOPE_SECTION, /* Raw data of a section of an executable. */
    LAYOUT_SCOPE_IMPORTS, /* The list of imports of an executable. */
    LAYOUT_SCOPES,
};

/*
 * Sizes [i << 16, (i + 1) << 16) that occur, by their lower 16 bits: an ordered list, or beyond
 * LAYOUT_CHUNK_LIST_MAX a bitmap, from `first` in LAYOUT_SIZE_LOWS on.
 */
struct layout_chunk {
    uint32_t first;
    uint32_t len;
};

#define LAYOUT_CHUNK_LIST_MAX     4096
#define LAYOUT_CHUNK_BITMAP_WORDS 4096

/* The set of sizes that have entries. */
struct layout_sizes {
    uint32_t chunk_first;
    uint32_t chunk_len;
    uint32_t any; /* There are entries for any size. */
};

/*
 * The digests of one scope and kind. They are ordered, and their first `bucket_bits` bits are the
 * number of a bucket: its digests are [buckets[i], buckets[i + 1]).
 */
struct layout_table {
    uint32_t len;
    uint32_t word_first;   /* In LAYOUT_DIGEST_WORDS. */
    uint32_t digest_first; /* In LAYOUT_DIGESTS. */
    uint32_t bucket_first; /* In LAYOUT_BUCKETS: one more than there are buckets. */
    uint32_t bucket_bits;
    struct layout_sizes detects;
    struct layout_sizes allows;
};

#define LAYOUT_BUCKET_BITS_MAX 26

/* What a digest stands for. */
struct layout_digest {
    uint32_t size;   /* LAYOUT_DIGEST_ANY_SIZE: any. */
    uint32_t threat; /* LAYOUT_DIGEST_ALLOW: on the allow list. */
    uint32_t number; /* Stands in the hole of the threat's name; LAYOUT_NO_NUMBER: it has none. */
};

#define LAYOUT_DIGEST_ANY_SIZE UINT32_MAX
#define LAYOUT_DIGEST_ALLOW    0x80000000U
#define LAYOUT_NO_NUMBER       UINT32_MAX

/* ---- Signatures with logic ---- */

enum layout_logic_kind {
    LAYOUT_LOGIC_EXPRESSION, /* A ClamAV logical signature: `root` is its outermost node. */
    LAYOUT_LOGIC_YARA,       /* A YARA rule: `root` is the ruleset that decides it. */
    LAYOUT_LOGIC_KINDS,
};

/*
 * Decided when the body has ended, if one of its triggers was seen (or it is one of LAYOUT_ALWAYS).
 * The cheap conditions come first.
 */
struct layout_logic {
    uint64_t size_min; /* Of the body; 0 and UINT64_MAX when it does not matter. */
    uint64_t size_max;
    uint64_t entry_min; /* File offset of the entry point; 0 and UINT64_MAX likewise. */
    uint64_t entry_max;
    uint32_t sections_min; /* Sections of an executable; 0 and UINT32_MAX likewise. */
    uint32_t sections_max;
    uint32_t magic_mask;  /* The body's first four bytes, little-endian, under this mask ... */
    uint32_t magic_value; /* ... must be this. */
    uint32_t threat;
    uint32_t root;
    uint32_t part_first; /* In LAYOUT_PARTS. */
    uint32_t part_len;
    uint32_t types_first; /* In LAYOUT_TYPES: the intermediates, outermost first. */
    uint16_t types_len;
    uint16_t container; /* enum cl_type of the immediate parent; CL_TYPE_NONE: does not matter;
                           CL_TYPE_ANY: the body itself must not be in a container. */
    uint8_t kind;       /* enum layout_logic_kind */
    uint8_t target;
    uint8_t pad[2];
    uint32_t need; /* YARA: the node that must hold before the ruleset is asked, or NONE. */
};

enum layout_part_kind {
    LAYOUT_PART_BODY,    /* Signatures [first, first + len): any of these variants. */
    LAYOUT_PART_REGEX,   /* `first` in LAYOUT_REGEXES. */
    LAYOUT_PART_COMPARE, /* `first` in LAYOUT_COMPARES. */
    LAYOUT_PART_MACRO,   /* Group `first`; `near` to `far` behind the start of the part before. */
    LAYOUT_PART_KINDS,
};

/* A subsignature. */
struct layout_part {
    uint8_t kind;
    uint8_t pad[3];
    uint32_t first;
    uint32_t len;
    uint32_t near;
    uint32_t far;
};

enum layout_node_kind {
    LAYOUT_NODE_PART, /* `first` is the part, relative to the logic's first. */
    LAYOUT_NODE_ALL,  /* `&` over nodes [first, first + len) of LAYOUT_NODES. */
    LAYOUT_NODE_ANY,  /* `|` likewise. */
    LAYOUT_NODE_KINDS,
};

enum layout_test {
    LAYOUT_TEST_NONE, /* At least one match. */
    LAYOUT_TEST_EQUAL,
    LAYOUT_TEST_LESS,
    LAYOUT_TEST_MORE,
    LAYOUT_TESTS,
};

/* A node of an expression. Children always have higher indices than their parent. */
struct layout_node {
    uint8_t kind;
    uint8_t test;      /* How many matches there must be ... */
    uint16_t distinct; /* ... of at least so many different parts (0: does not matter). */
    uint32_t count;
    uint32_t first;
    uint32_t len;
};

/* `ref(>>n#h4#>5)`: a number at a distance from the last match of part `part`. */
struct layout_compare {
    int64_t distance;
    int64_t value[2];
    uint32_t part; /* Relative to the logic's first. */
    uint8_t base;  /* 'h', 'd', 'a' (either, by prefix) or 'i' (binary). */
    uint8_t big_endian;
    uint8_t exact; /* All the bytes must be digits. */
    uint8_t bytes_len;
    uint8_t test[2]; /* '=', '<' or '>'; 0: no second comparison. */
    uint8_t pad[6];
};

/* A Perl-compatible expression, run when `trigger` is true. */
struct layout_regex {
    uint64_t offset; /* As in program_signature. */
    uint64_t shift;
    uint32_t text;    /* Offset of a string. */
    uint32_t options; /* PCRE2_* */
    uint32_t trigger; /* A node of LAYOUT_NODES. */
    uint16_t section;
    uint8_t offset_kind;
    uint8_t global;    /* `g`: counts every match. */
    uint8_t rolling;   /* `r`: starts at the offset and rolls on. */
    uint8_t encompass; /* `e`: the match lies between the offset and the shift. */
    uint8_t pad[6];
};

struct layout_group {
    uint32_t first; /* In LAYOUT_GROUP_LISTS. */
    uint32_t len;
};

/* Rules compiled by libyara, in LAYOUT_BLOBS. */
struct layout_ruleset {
    uint64_t offset; /* In the image. */
    uint64_t len;
};

/* ---- Members of containers, types of files ---- */

/* What a container says of a member. Every range from 0 to the largest number: does not matter. */
struct layout_member {
    uint64_t container_min; /* Bytes of the container. */
    uint64_t container_max;
    uint64_t packed_min; /* Bytes in the container. */
    uint64_t packed_max;
    uint64_t real_min; /* Bytes when unpacked. */
    uint64_t real_max;
    uint32_t position_min; /* The first member is 1. */
    uint32_t position_max;
    uint32_t threat;
    uint32_t name; /* In LAYOUT_MEMBER_TEXTS, an expression; PROGRAM_NONE: does not matter. */
    uint32_t crc;
    uint16_t container; /* enum cl_type; CL_TYPE_ANY: does not matter. */
    uint8_t encrypted;  /* enum match_encrypted */
    uint8_t has_crc;
};

/* A password to try. */
struct layout_password {
    uint32_t text; /* In LAYOUT_MEMBER_TEXTS. */
    uint32_t len;
    uint16_t container; /* As above. */
    uint8_t pad[2];
};

#define LAYOUT_MAGIC_MAX 64

/* Bytes that make a body a file of a type; zeros behind `len`. */
struct layout_magic {
    uint32_t at;
    uint16_t type; /* enum cl_type */
    uint8_t len;
    uint8_t pad;
    uint8_t mask[LAYOUT_MAGIC_MAX];
    uint8_t value[LAYOUT_MAGIC_MAX];
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
    uint32_t targets;                         /* A bit for each target that has signatures. */
    uint32_t database_of[MATCH_TARGET_COUNT]; /* PROGRAM_NONE: nothing to look for. */
    /* By target, where it has signatures in place: LAYOUT_DIRECT_BYTES lists in
     * LAYOUT_DIRECT_GROUPS, one for each first byte of a body. */
    uint32_t direct_first[MATCH_TARGET_COUNT];
    uint32_t direct_len[MATCH_TARGET_COUNT]; /* LAYOUT_DIRECT_BYTES or 0. */
    struct layout_table tables[LAYOUT_SCOPES][LAYOUT_HASHES];
    uint32_t always_first[MATCH_TARGET_COUNT]; /* In LAYOUT_ALWAYS. */
    uint32_t always_len[MATCH_TARGET_COUNT];
    uint32_t alone_len; /* Signatures that are no part of a logic; they come first. */
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
    const struct layout_group *direct_groups;
    const uint32_t *direct_lists;
    const struct layout_database *databases;
    const struct layout_chunk *chunks;
    const uint16_t *size_lows;
    const uint32_t *buckets;
    const uint32_t *digest_words;
    const struct layout_digest *digests;
    const struct layout_threat *threats;
    const char *strings;
    const struct layout_logic *logics;
    const struct layout_part *parts;
    const struct layout_node *nodes;
    const struct layout_compare *compares;
    const struct layout_regex *regexes;
    const struct layout_group *groups;
    const uint32_t *group_lists;
    const uint32_t *always;
    const uint16_t *types;
    const struct layout_ruleset *rulesets;
    const struct layout_member *members;
    const struct layout_password *passwords;
    const char *member_texts;
    const struct layout_magic *magics;
    uint32_t len[LAYOUT_SECTIONS]; /* Items. */
};

/*
 * Checks every length, index and offset; an image that passes can be used without further checks.
 * -EBADMSG otherwise.
 */
MUST_CHECK int layout_open(struct layout *out, struct slice image);

/* The same for an image that has passed already and cannot have changed: looks at no item. */
MUST_CHECK int layout_adopt(struct layout *out, struct slice image);

/* Bytes of one item of a section. */
size_t layout_item_bytes(enum layout_section section);

/* Bytes of a digest of a kind. */
size_t layout_digest_bytes(enum layout_hash kind);

/* The bucket of a digest. */
static inline uint32_t layout_bucket(const uint8_t *digest, uint32_t bits)
{
    uint32_t head;

    memcpy(&head, digest, sizeof(head));
    return __builtin_bswap32(head) >> (32 - bits);
}
