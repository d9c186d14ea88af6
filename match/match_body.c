/* SPDX-License-Identifier: MIT */
#include "match/match_private.h"

#include "base/assert.h"
#include "match/magic.h"
#include "match/match_views.h"
#include "match/threat.h"

/*
 *    PROBING ──type known──► SCANNING ──end──► CHASING ──► FOLLOWING ──► DECIDING ──► VIEWING
 *       └───────────────────end──────────────────┘                                       ▼
 *                                                            DONE ◄── HASHING ◄── PIECES
 *
 * PROBING    waits for the bytes that tell the type.
 * SCANNING   the scan reads every byte; triggers are verified at once, or noted until their bytes
 *            have come.
 * CHASING    nothing more will come: signatures that were followed while bytes arrived are decided.
 * FOLLOWING  so are those for which there was no room among the chases.
 * DECIDING   so are signatures with logic of which a part was seen.
 * VIEWING    the same for the body's normalised views.
 * PIECES     digests of sections and imports of an executable, likewise.
 * HASHING    digests, where a signature or the allow list has that size.
 */
enum body_state {
    BODY_PROBING,
    BODY_SCANNING,
    BODY_CHASING,
    BODY_FOLLOWING,
    BODY_DECIDING,
    BODY_VIEWING,
    BODY_PIECES,
    BODY_HASHING,
    BODY_DONE,
};

/*
 * Steps of verifying, some nanoseconds each. Clean bodies take a small part of it; what an
 * adversary can make us spend in all is bounded by these.
 */
#define BODY_BUDGET_BASE     (4U << 20)
#define BODY_BUDGET_PER_BYTE 8

/*
 * What one call of match_body_feed may take of it. A signature that would need more is put off to
 * the end, where work is cut into slices.
 */
#define BODY_FEED_BASE     (256U << 10)
#define BODY_FEED_PER_BYTE 16

/* Work of one call of match_body_end. */
#define BODY_SLICE_STEPS (64U << 10)

static void job_init(struct body_job *job, struct match_body *body, struct slice now, bool ended)
{
    const uint64_t granted = BODY_FEED_BASE + BODY_FEED_PER_BYTE * (uint64_t)now.len;

    job->granted = ended ? body->budget : MIN_OF(body->budget, granted);
    job->spent = false;
    job->body = body;
    job->db = body->db;
    job->slot = body->slot;
    job->peek = peek_over(body->source, now, body->fed - now.len);
    job->verify = (struct verify){
        .layout = &body->db->layout,
        .peek = &job->peek,
        .spans = body->db->spans,
        .find = body->db->find,
        .avail = body->fed,
        .budget = job->granted,
        .ended = ended,
    };
}

/* Takes over what the verifier left. */
static void job_fini(struct body_job *job)
{
    job->body->budget -= job->granted - job->verify.budget;
    job->slot->over |= job->verify.over;
    job->slot->failed |= job->peek.failed;
}

bool job_spent(struct body_job *job)
{
    if (job->verify.over && job->body->budget > job->granted) {
        job->verify.over = false;
        job->spent = true;
    }
    return job->spent;
}

/* ---- Scanning ---- */

/* The type is known: from here on the scan reads along. */
static void body_start(struct match_body *body, enum match_target target)
{
    if (!body->view) {
        target = views_begin(body, target);
    }
    const struct scan *scan = match_db_scan(body->db, target);

    body->type = (uint8_t)target;
    body->state = BODY_SCANNING;
    if (scan) {
        match_slot_open_stream(body->db, body->slot, scan);
    }
}

/* Fetches the bytes before `now`, fewer than a probe, tells the type and scans all of it. */
static void body_probe(struct body_job *job, struct slice now)
{
    uint8_t head[FILETYPE_PROBE];
    const size_t old_len = (size_t)(job->body->fed - now.len);
    const size_t now_len = MIN_OF(now.len, sizeof(head) - old_len);

    ASSERT(old_len < sizeof(head));
    if (old_len == 0) {
        body_start(job->body, magic_detect(&job->db->layout, now)->target);
        body_scan(job, now);
        return;
    }
    if (!peek_copy(&job->peek, 0, head, old_len)) {
        return;
    }
    if (now_len > 0) {
        memcpy(head + old_len, now.ptr, now_len);
    }
    body_start(job->body,
               magic_detect(&job->db->layout, slice_from(head, old_len + now_len))->target);
    job->peek.old = (struct peek_piece){head, 0, old_len + now_len};
    body_scan(job, slice_from(head, old_len));
    body_scan(job, now);
    job->peek.old = (struct peek_piece){0};
}

/* Everything but the scan that new bytes, or the end, allow to decide. */
static void body_advance(struct body_job *job)
{
    body_run_directs(job);
    body_run_pending(job);
    body_run_chases(job);
}

/* ---- Results ---- */

static enum match_status body_found(struct match_body *body, struct match_finding *out)
{
    threat_describe(&body->db->layout, body->found, body->found_number, body->name, out);
    return MATCH_FOUND;
}

/* A finding stands as soon as the body is larger than everything on the allow list. */
static enum match_status body_settle(struct match_body *body, struct match_finding *out)
{
    const struct match_slot *slot = body->slot;
    const struct layout_header *header = body->db->layout.header;

    if (slot->failed) {
        return MATCH_FAILED;
    }
    if (body->found != MATCH_NONE &&
        (header->allows_len == 0 || body->fed > header->allow_size_max)) {
        return body_found(body, out);
    }
    return MATCH_CLEAN;
}

bool match_body_begin(struct match_body *body, struct match_db *db, struct match_source source)
{
    struct match_slot *slot = pool_take(&db->slots);

    if (!slot) {
        return false;
    }
    slot->stream = NULL;
    slot->chases_len = 0;
    slot->follow_at = 0;
    slot->following = false;
    slot->over = false;
    slot->failed = false;
    slot->undecided = false;
    slot->facts.parsed = false;
    slot->serial = ++db->serial;
    match_slot_init_marks(db, slot);
    list_init(&slot->queue_node);
    slot->md5_at = 0;
    slot->md5_ends = false;
    slot->md5_ready = false;
    slot->md5_alone = false;
    digest_init(&slot->digest, db->star_detects);
    body->db = db;
    body->source = source;
    body->stay = NULL;
    body->views = NULL;
    body->slot = slot;
    body->fed = 0;
    body->budget = BODY_BUDGET_BASE;
    body->hash_at = 0;
    body->direct_at[0] = 0;
    body->direct_at[1] = 0;
    body->first_byte = LAYOUT_DIRECT_NONE;
    body->pending_len = 0;
    body->found = MATCH_NONE;
    body->found_number = LAYOUT_NO_NUMBER;
    body->type = MATCH_TARGET_ANY;
    body->state = BODY_PROBING;
    body->view = false;
    if (!db->probes) {
        body_start(body, MATCH_TARGET_ANY);
    }
    return true;
}

void match_body_begin_view(struct match_body *body, struct match_db *db, struct match_source source,
                           unsigned target)
{
    const bool began = match_body_begin(body, db, source);

    ASSERT(began);
    ASSERT(body->state == BODY_PROBING);
    body->view = true;
    body_start(body, (enum match_target)target);
}

void match_body_set_stay(struct match_body *body, match_stay_fn stay)
{
    ASSERT(body->db);
    ASSERT(body->fed == 0);
    body->stay = stay;
}

enum match_status match_body_feed(struct match_body *body, struct slice bytes,
                                  struct match_finding *out)
{
    struct match_slot *slot = body->slot;
    struct body_job job;

    ASSERT(body->db);
    ASSERT(body->state <= BODY_SCANNING);
    if (body->fed == 0 && bytes.len > 0) {
        body->first_byte = bytes.ptr[0];
    }
    body->fed += bytes.len;
    body->budget += bytes.len * BODY_BUDGET_PER_BYTE;
    if (body->db->star_detects && !body->view) {
        body_hash_feed(body, bytes);
    }
    if (bytes.len == 0 || body->found != MATCH_NONE || slot->over || slot->failed) {
        return body_settle(body, out);
    }
    if (body->state == BODY_PROBING && body->fed < FILETYPE_PROBE) {
        return MATCH_CLEAN;
    }
    job_init(&job, body, bytes, false);
    if (body->state == BODY_PROBING) {
        body_probe(&job, bytes);
    } else {
        body_scan(&job, bytes);
    }
    body_advance(&job);
    job_fini(&job);
    if (body->found == MATCH_NONE && !slot->failed) {
        views_feed(body, bytes);
    }
    return body_settle(body, out);
}

/* ---- The end ---- */

/* One state after the other; false when the slice is used up. */
static bool body_end_states(struct body_job *job)
{
    struct match_body *body = job->body;

    if (body->state == BODY_CHASING && body_end_chases(job)) {
        body->state = BODY_FOLLOWING;
    }
    if (body->state == BODY_FOLLOWING && body_end_follows(job)) {
        body->state = BODY_DECIDING;
    }
    return body->state == BODY_DECIDING && body_end_logics(job);
}

/* What no later byte can change is decided; false when more calls are needed. */
static bool body_end_search(struct match_body *body)
{
    struct match_slot *slot = body->slot;
    struct body_job job;

    job_init(&job, body, slice_from(NULL, 0), true);
    job.verify.over = slot->over;
    if (body->state == BODY_PROBING && body->fed > 0) {
        body_probe(&job, slice_from(NULL, 0));
    }
    if (body->state <= BODY_SCANNING) {
        body_run_directs(&job);
        body_run_pending(&job);
        body->state = BODY_CHASING;
    }
    job.verify.pause_at =
        job.verify.budget > BODY_SLICE_STEPS ? job.verify.budget - BODY_SLICE_STEPS : 0;
    const bool finished = body_end_states(&job);

    job_fini(&job);
    return finished;
}

enum match_status match_body_end(struct match_body *body, struct match_finding *out)
{
    struct match_slot *slot = body->slot;

    ASSERT(body->db);
    ASSERT(body->state < BODY_DONE);
    if (body->state < BODY_PIECES) {
        if (body->state < BODY_VIEWING && !slot->failed && !body_end_search(body)) {
            return MATCH_AGAIN;
        }
        body->state = BODY_VIEWING;
        if (body->found == MATCH_NONE && !slot->failed && !views_end(body)) {
            return MATCH_AGAIN;
        }
        slot->over |= slot->undecided;
        if (body->view) {
            body->state = BODY_DONE;
            return MATCH_CLEAN;
        }
        body->state = BODY_PIECES;
        body_parts_begin(body);
    }
    if (body->state == BODY_PIECES) {
        if (!slot->failed && !body_parts_run(body)) {
            return MATCH_AGAIN;
        }
        body->state = BODY_HASHING;
        body_hash_begin(body);
    }
    if (!slot->failed && !body_hash_run(body)) {
        return MATCH_AGAIN;
    }
    body->state = BODY_DONE;
    if (slot->failed) {
        return MATCH_FAILED;
    }
    if (body_hash_allows(body)) {
        return MATCH_CLEAN;
    }
    if (body->found != MATCH_NONE) {
        return body_found(body, out);
    }
    return slot->over ? MATCH_OVER_BUDGET : MATCH_CLEAN;
}

bool match_body_is_queued(const struct match_body *body)
{
    const struct match_slot *slot = body->slot;

    return body->db && !list_is_empty(&slot->queue_node);
}

void match_body_fini(struct match_body *body)
{
    struct match_slot *slot = body->slot;

    if (!body->db) {
        return;
    }
    views_fini(body);
    queue_leave(body);
    window_release(body->db, body);
    scan_stream_close(slot->stream);
    marks_clear(&slot->follows);
    marks_clear(&slot->logic.candidates);
    pool_give(&body->db->slots, slot);
    body->db = NULL;
    body->slot = NULL;
}
