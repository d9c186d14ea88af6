#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * match - what is in these bytes.
 *
 * Role: runs one body through the definitions: the file type from its first bytes picks the
 * database, Hyperscan finds triggers while the bytes arrive, the verifier checks the rest of a
 * signature against the kept body, hashes are computed only where a signature has that size.
 * Owners: `match_db` belongs to a process (opened over a read-only image, shared by mapping,
 * counted by its user); `match_body` is embedded in a transaction and borrows a stream and hash
 * slot from the db's pools. Memory: all of it is taken by match_db_open; feeding a body never calls
 * malloc. Limits: a budget of verifying steps for each body (MATCH_OVER_BUDGET), pending candidates
 * for each body.
 */
#include "base/slice.h"

struct match_db;

/* How the verifier and the hasher reach bytes that were fed before. */
struct match_source {
    /*
     * The bytes at `offset` (always below what was fed so far): returns where they are and how many
     * lie there in one piece in `*out_len` (at least 1), or NULL when they cannot be had (an I/O
     * error). Valid until the next call.
     */
    const uint8_t *(*at)(void *ctx, uint64_t offset, size_t *out_len);
    void *ctx;
};

/*
 * The same for bytes in memory that stay where they are, as long as nobody feeds or ends the body
 * or tells its owner otherwise: NULL when those at `offset` do not.
 */
typedef const uint8_t *(*match_stay_fn)(void *ctx, uint64_t offset, size_t *out_len);

enum match_kind {
    MATCH_VIRUS,
    MATCH_MAIL_POLICY,
    MATCH_CONTAINER
}; /* The Type of X-Infection-Found. */

/*
 * Strings live as long as the db, but for the name: it may lie in the body, until that is begun
 * again.
 */
struct match_finding {
    enum match_kind kind;
    const char *name;     /* "Eicar-Test-Signature". */
    uint32_t id;          /* threats.tsv, or the first 31 bits of the name's SHA-256. */
    const char *category; /* Non-viral category ("Adware"), "" for a virus. */
    const char *repair;   /* Repair action of threats.tsv, "" for none. */
};

enum match_status {
    MATCH_CLEAN,       /* From feed: nothing certain so far. From end: nothing. */
    MATCH_FOUND,       /* `finding` says what. Certain: no later byte can change it. */
    MATCH_AGAIN,       /* From end: a slice of work is done and some is left; call end again. */
    MATCH_OVER_BUDGET, /* Verifying gave up: the over-limit policy decides. */
    MATCH_FAILED,      /* The source failed. */
};

#define MATCH_PENDING_MAX 64
#define MATCH_NAME_MAX    256 /* Of a name that is put together. */

struct match_pending {
    uint32_t signature;
    uint64_t trigger_end; /* Offset behind the trigger's last byte. */
    uint64_t need;        /* Decided when so many bytes are there, or at the end. */
};

struct match_body {
    struct match_db *db; /* NULL when idle. All fields are private. */
    struct match_source source;
    match_stay_fn stay;    /* NULL: nothing stays. */
    void *views;           /* Its normalised views, from the db's pool, or NULL. */
    void *slot;            /* Stream, followed signatures and digests, from the db's pool. */
    uint64_t fed;          /* Bytes seen. */
    uint64_t budget;       /* Verifying steps left. */
    uint64_t hash_at;      /* Progress of the hashes at the end. */
    uint32_t direct_at[2]; /* Next signature in place: generic ones, those of the type. */
    uint16_t first_byte;   /* LAYOUT_DIRECT_NONE before there is one. */
    uint32_t pending_len;
    uint32_t found;        /* Index of the threat found, or UINT32_MAX, */
    uint32_t found_number; /* and the number in its name. */
    uint8_t state;
    uint8_t type; /* enum match_target, once known. */
    bool view;    /* It is a view of another body. */
    struct match_pending pending[MATCH_PENDING_MAX];
    char name[MATCH_NAME_MAX]; /* Of the finding, if it had to be put together. */
};

/*
 * Opens the match section of an image (what match_build wrote). `bodies_max` bounds the bodies
 * under way at one time in this process. `image` must lie at an address that 64 divides and stay
 * mapped until match_db_close; read-only will do. -EBADMSG when the bytes are not a match section
 * of this version or fail their checks, -ENOMEM.
 */
MUST_CHECK int match_db_open(struct match_db **out_db, struct slice image, uint32_t bodies_max);

/*
 * The same for an image that match_db_open has taken before, here or in a process that is trusted,
 * and that nobody can have changed since (a sealed memfd). With `model`, what match_db_model said
 * of that db in a process of the same program, it touches two pages of it whatever its size, so
 * that a process can adopt it between two requests; without (empty) Hyperscan reads its databases
 * once. `model` lies at an address that 64 divides and is not needed afterwards.
 */
MUST_CHECK int match_db_open_sealed(struct match_db **out_db, struct slice image,
                                    struct slice model, uint32_t bodies_max);

/*
 * What opening the image came to, as bytes: for other processes, not for keeping. They are
 * malloc'ed; empty when there is no memory or the version of Hyperscan is not known for it.
 */
struct slice match_db_model(const struct match_db *db);

/* No body is under way. */
void match_db_close(struct match_db *db);

/*
 * Begins or goes on to close, for some ten microseconds; true when there is nothing left of the db.
 * Until then the image stays mapped, and nothing else may be done with the db.
 */
MUST_CHECK bool match_db_close_slice(struct match_db *db);

/* Signatures of each kind, for status and `baleen defs inspect`. */
struct match_counts {
    uint32_t patterns; /* Body signatures. */
    uint32_t hashes;
    uint32_t allowed; /* Hashes of the allow list. */
    uint32_t triggers;
    uint32_t databases;
};
void match_db_counts(const struct match_db *db, struct match_counts *out);

/* False when all `bodies_max` slots are in use (then admission was wrong: a caller may ASSERT). */
MUST_CHECK bool match_body_begin(struct match_body *body, struct match_db *db,
                                 struct match_source source);

/*
 * Bodies whose bytes stay in memory are hashed side by side, many at the price of one: they wait
 * for each other until match_db_hash is called. To be called before the first byte is fed.
 */
void match_body_set_stay(struct match_body *body, match_stay_fn stay);

/* The next bytes of the body; the source must already have them. */
MUST_CHECK enum match_status match_body_feed(struct match_body *body, struct slice bytes,
                                             struct match_finding *out);

/*
 * The body is complete. Work that takes longer than about 200 microseconds is cut into slices:
 * MATCH_AGAIN means call again.
 */
MUST_CHECK enum match_status match_body_end(struct match_body *body, struct match_finding *out);

/*
 * After MATCH_AGAIN: the body waits to be hashed with others. It goes on when that is done; whoever
 * calls end again while it waits has it done there and then. False for an idle body.
 */
bool match_body_is_queued(const struct match_body *body);

/*
 * Hashes the bytes that wait, some 200 microseconds at most: to be called when a turn of the
 * caller's loop ends. True when some are left for the next turn.
 */
bool match_db_hash(struct match_db *db);

/* Returns the slot; no-op when idle. */
void match_body_fini(struct match_body *body);
