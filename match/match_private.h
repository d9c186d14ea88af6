#pragma once
/* SPDX-License-Identifier: MIT */
/*
 * match_private - what the files of the matcher share.
 *
 * match_body.c is the life of a body, match_trigger.c what happens when a trigger is seen,
 * match_chase.c follows signatures of several clusters, match_place.c says where a signature may
 * start, match_views.c matches normalised text beside the body, match_parts.c hashes pieces of
 * executables and match_hash.c whole bodies, with match_queue.c for those that are hashed side by
 * side; logic.c and logic_*.c decide signatures with logic.
 */
#include "base/list.h"
#include "base/pool.h"
#include "match/digest.h"
#include "match/exe_imports.h"
#include "match/layout.h"
#include "match/logic.h"
#include "match/marks.h"
#include "match/match.h"
#include "match/match_queue.h"
#include "match/scan.h"
#include "match/verify.h"
#include "match/view.h"

#define MATCH_NONE UINT32_MAX

/* Signatures of several clusters that are followed while bytes arrive; the others wait for the end.
 */
#define MATCH_CHASES_MAX 16

/* One signature of which a trigger was seen: the next cluster it needs, and where that is looked
 * for. */
struct match_chase {
    uint32_t signature;
    uint32_t cluster; /* Relative to the signature's first. */
    uint32_t range;   /* Which of the ranges that the first cluster may start in. */
    bool done;
    struct verify_search search;
};

/* What the body's headers say, found out when first asked for. */
struct match_facts {
    bool parsed;
    bool versions_parsed;
    uint32_t versions_len;
    struct exe exe;
    uint64_t versions[EXE_VERSIONS_MAX];
};

enum parts_state {
    PARTS_SECTIONS,
    PARTS_IMPORTS,
    PARTS_DONE,
};

/* Pieces of an executable that are hashed, one after the other. */
struct match_parts {
    enum parts_state state;
    uint32_t section; /* The next one. */
    unsigned kinds;   /* Hashes of the piece at hand; 0: there is none. */
    bool begun;       /* The list of imports. */
    uint64_t at;      /* What is left of a section. */
    uint64_t end;
    uint64_t len;  /* Of the piece. */
    uint64_t left; /* So many bytes may still be hashed. */
    struct digest digest;
    struct exe_imports imports;
};

/*
 * What a body borrows. Behind the struct come the words of the two bitmaps and the scan's stream.
 * What is only used at the end stands at the end, so that its pages stay untouched until then.
 */
struct match_slot {
    struct scan_stream *stream;
    uint32_t chases_len;
    uint32_t follow_at;   /* At the end: the next of the chases, then of the followed ones. */
    uint64_t serial;      /* Tells bodies apart. */
    unsigned kinds;       /* At the end: hashes that are being computed. */
    bool following;       /* At the end: chases[0] is under way. */
    bool over;            /* The budget is used up. */
    bool undecided;       /* Something could not be decided; what is left may still be found. */
    bool failed;          /* The source failed. */
    struct marks follows; /* Signatures that stand alone, to be followed to their ends. */
    struct list_node queue_node;   /* In the db's queue, */
    struct match_body *queue_body; /* as this body. */
    uint64_t md5_at;               /* Bytes that the body's MD5 has taken. */
    bool md5_ends;                 /* All of the body is there, and its MD5 is wanted. */
    bool md5_ready;                /* It is in `md5`. */
    bool md5_alone;                /* Its bytes were not to be had for lanes: no more of that. */
    uint8_t md5[MD5_DIGEST_LENGTH];
    struct digest digest;
    struct match_chase chases[MATCH_CHASES_MAX];
    struct logic_slot logic;
    struct match_facts facts;
    struct match_parts parts;
};

struct match_window;
struct regex_cache;
struct yara_run;

struct match_db {
    struct layout layout;
    struct scan *scans; /* One for each of LAYOUT_DATABASES. */
    struct scan_scratch scratch;
    struct pool slots;
    size_t stream_bytes;
    unsigned star_detects; /* Kinds of hashes that are wanted for every body. */
    bool probes;           /* The type of a body matters. */
    find_fn find;
    struct verify_span *spans;
    struct match_window *window; /* NULL until a body needs one. */
    struct match_queue *queue;   /* Bodies that are hashed side by side. */
    struct pool views;           /* Of normalised bodies; empty when no signature wants any. */
    struct view_window view_windows[VIEW_KINDS];
    struct regex_cache *regexes;
    struct yara_run *yara; /* NULL without rules. */
    uint64_t serial;       /* Of the last body that was begun. */
};

/* ---- One call of feed or end ---- */

struct body_job {
    struct match_body *body;
    struct match_db *db;
    struct match_slot *slot;
    struct peek peek;
    struct verify verify;
    uint64_t granted; /* Steps that this call may take, */
    bool spent;       /* and whether it took them all. */
};

static inline bool job_stopped(const struct body_job *job)
{
    return job->body->found != MATCH_NONE || job->verify.over || job->peek.failed;
}

/*
 * Whether this call's steps are used up while the body has some left: then "no" only means that the
 * answer is put off.
 */
bool job_spent(struct body_job *job);

static inline const struct program_signature *job_signature(const struct body_job *job,
                                                            uint32_t index)
{
    return &job->db->layout.signatures[index];
}

static inline void job_report(struct body_job *job, uint32_t threat)
{
    job->body->found = threat;
    job->body->found_number = LAYOUT_NO_NUMBER;
}

/* NULL when no signature of that type has a trigger. */
static inline const struct scan *match_db_scan(const struct match_db *db, unsigned target)
{
    const uint32_t index = db->layout.header->database_of[target];

    if (index == PROGRAM_NONE) {
        return NULL;
    }
    return &db->scans[index];
}

/* Points the bitmaps to their words behind the slot. */
void match_slot_init_marks(const struct match_db *db, struct match_slot *slot);

/* Opens a stream of `scan` in the slot. */
void match_slot_open_stream(const struct match_db *db, struct match_slot *slot,
                            const struct scan *scan);

/* ---- match_body.c ---- */

/*
 * Begins the body of a view: its type is known, it has no digests, rules do not look at it, and its
 * end leaves what it came to in the body and its slot.
 */
void match_body_begin_view(struct match_body *body, struct match_db *db, struct match_source source,
                           unsigned target);

/* ---- match_place.c ---- */

/*
 * Range number `nth` that the first cluster may start in; false when there are no more. Ranges that
 * depend on headers or on the body's length can be asked for when the body has ended.
 */
bool place_range(struct body_job *job, const struct program_signature *signature, uint32_t nth,
                 struct verify_search *out);

/* Whether the ranges are known while bytes are still coming. */
static inline bool place_is_early(const struct program_signature *signature)
{
    return signature->offset_kind <= PROGRAM_FROM_START ||
           signature->offset_kind == PROGRAM_IN_GROUP;
}

/* The executable's headers; the body has ended. */
const struct exe *body_exe(struct body_job *job);

/* ---- match_chase.c ---- */

/* A chase from the body's beginning; it is done at once when the signature has no place in this
 * body. */
void chase_init(struct body_job *job, struct match_chase *chase, uint32_t signature);

/*
 * Looks for one cluster after the other. They are joined by unbounded gaps, so the earliest end of
 * each leaves the most room for the next, and what was found is never given up.
 */
enum verify_result chase_run(struct body_job *job, struct match_chase *chase);

/* From now on the signature is looked for in the whole body; its triggers have no more to say. */
void body_follow(struct body_job *job, uint32_t signature);

/* The bytes that came may have completed something. */
void body_run_chases(struct body_job *job);

/* Nothing more will come: decides the chases, then the others; false when the slice is used up. */
bool body_end_chases(struct body_job *job);
bool body_end_follows(struct body_job *job);

/* ---- match_trigger.c ---- */

void body_scan(struct body_job *job, struct slice bytes);

/* Everything but the scan and the chases that new bytes, or the end, allow to decide. */
void body_run_pending(struct body_job *job);
void body_run_directs(struct body_job *job);

/* ---- match_parts.c ---- */

/* Whether some signature has the hash of a section or of imports. */
bool body_parts_wanted(const struct layout *layout);

/* Sections and imports of executables, where some signature has their hashes. */
void body_parts_begin(struct match_body *body);

/* Hashes the next of them; false when more calls are needed. */
bool body_parts_run(struct match_body *body);

/* ---- match_hash.c ---- */

/* Bytes of a body that has not ended for which it is worth a place in the queue. */
#define MATCH_QUEUE_LAG KIB(4)

/* Kinds that every body needs go along while it arrives. */
void body_hash_feed(struct match_body *body, struct slice bytes);

/* Chooses the digests that the answer depends on. */
void body_hash_begin(struct match_body *body);

/* Hashes the next part of the body; false when more calls are needed. */
bool body_hash_run(struct match_body *body);

/* Looks the digests up: signatures first, then whether the body is allowed in spite of a finding.
 */
bool body_hash_allows(struct match_body *body);

/* ---- window.c ---- */

enum window_result {
    WINDOW_READY,
    WINDOW_AGAIN, /* Another body has it, or the copy is not complete. */
    WINDOW_FAILED,
};

/*
 * The body in one piece, its first WINDOW_BYTES_MAX bytes if it is longer. Bodies that lie in one
 * piece are not copied; for the others there is one window in a process, which stays the body's
 * until window_release.
 */
#define WINDOW_BYTES_MAX MIB(128)
MUST_CHECK enum window_result window_acquire(struct body_job *job, struct slice *out);
void window_release(struct match_db *db, const struct match_body *body);
void window_free(struct match_window *window);
