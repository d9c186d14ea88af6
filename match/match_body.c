/* SPDX-License-Identifier: MIT */
#include "match/match_private.h"

#include "base/assert.h"

/*
 *    PROBING ──type known──► SCANNING ──end──► CHASING ──► FOLLOWING ──► HASHING ──► DONE
 *       └───────────────────end──────────────────┘
 *
 * PROBING    waits for the bytes that tell the type.
 * SCANNING   Hyperscan reads every byte; triggers are verified at once, or noted until their bytes
 * have come. CHASING    nothing more will come: signatures that were followed while bytes arrived
 * are decided. FOLLOWING  so are those for which there was no room among the chases. HASHING
 * digests, where a signature or the allow list has that size.
 */
enum body_state {
    BODY_PROBING,
    BODY_SCANNING,
    BODY_CHASING,
    BODY_FOLLOWING,
    BODY_HASHING,
    BODY_DONE,
};

#define BODY_NONE UINT32_MAX

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
#define BODY_SLICE_STEPS  (64U << 10)
#define BODY_SLICE_HASHED KIB(256)

#define BODY_SCAN_MAX GIB(1) /* Hyperscan counts a call's bytes in 32 bits. */

/* What one call of feed or end works with. */
struct body_job {
    struct match_body *body;
    struct match_db *db;
    struct match_slot *slot;
    struct peek peek;
    struct verify verify;
    uint64_t granted; /* Steps that this call may take, */
    bool spent;       /* and whether it took them all. */
};

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

static bool job_stopped(const struct body_job *job)
{
    return job->body->found != BODY_NONE || job->verify.over || job->peek.failed;
}

/*
 * Whether this call's steps are used up while the body has some left: then "no" only means that the
 * answer is put off.
 */
static bool job_spent(struct body_job *job)
{
    if (job->verify.over && job->body->budget > job->granted) {
        job->verify.over = false;
        job->spent = true;
    }
    return job->spent;
}

static const struct program_signature *job_signature(const struct body_job *job, uint32_t index)
{
    return &job->db->layout.signatures[index];
}

static void job_report(struct body_job *job, uint32_t signature)
{
    job->body->found = job_signature(job, signature)->threat;
}

/* ---- Signatures that are followed ---- */

/* Where the first cluster may start; false when nowhere. */
static bool signature_range(const struct body_job *job, const struct program_signature *signature,
                            struct verify_search *out)
{
    *out = (struct verify_search){.hi = UINT64_MAX};
    if (signature->offset_kind == PROGRAM_FROM_START) {
        out->lo = signature->offset;
        out->hi = signature->offset + signature->shift;
    } else if (signature->offset_kind == PROGRAM_FROM_END) {
        ASSERT(job->verify.ended);
        if (signature->offset > job->verify.avail) {
            return false;
        }
        out->lo = job->verify.avail - signature->offset;
        out->hi = out->lo + signature->shift;
    }
    return true;
}

/* A chase from the body's beginning; it is done at once when the signature has no place in this
 * body. */
static void chase_init(const struct body_job *job, struct match_chase *chase, uint32_t signature)
{
    chase->signature = signature;
    chase->cluster = 0;
    chase->done = !signature_range(job, job_signature(job, signature), &chase->search);
}

/*
 * Looks for one cluster after the other. They are joined by unbounded gaps, so the earliest end of
 * each leaves the most room for the next, and what was found is never given up.
 */
static enum verify_result chase_run(struct body_job *job, struct match_chase *chase)
{
    const struct program_signature *signature = job_signature(job, chase->signature);
    const struct program_cluster *clusters = job->db->layout.clusters + signature->cluster_first;
    uint64_t end;

    for (;;) {
        const enum verify_result result =
            verify_search(&job->verify, &clusters[chase->cluster], &chase->search, &end);

        if (result != VERIFY_YES) {
            return result;
        }
        chase->cluster++;
        if (chase->cluster == signature->cluster_len) {
            return VERIFY_YES;
        }
        chase->search =
            (struct verify_search){.lo = end + clusters[chase->cluster].gap_min, .hi = UINT64_MAX};
    }
}

/* From now on the signature is looked for in the whole body; its triggers have no more to say. */
static void body_follow(struct body_job *job, uint32_t signature)
{
    struct match_slot *slot = job->slot;
    uint8_t *byte = match_slot_bitmap(slot) + signature / 8;
    const uint8_t bit = (uint8_t)(1U << signature % 8);

    if (*byte & bit) {
        return;
    }
    *byte |= bit;
    slot->follow_any = true;
    if (slot->chases_len < MATCH_CHASES_MAX && !job->verify.ended &&
        job_signature(job, signature)->offset_kind != PROGRAM_FROM_END) {
        chase_init(job, &slot->chases[slot->chases_len++], signature);
    }
}

static bool body_follows(const struct body_job *job, uint32_t signature)
{
    return match_slot_bitmap(job->slot)[signature / 8] >> signature % 8 & 1;
}

static void body_unfollow(struct body_job *job, uint32_t signature)
{
    match_slot_bitmap(job->slot)[signature / 8] &= (uint8_t) ~(1U << signature % 8);
}

/* The bytes that came may have completed something. */
static void body_run_chases(struct body_job *job)
{
    for (uint32_t i = 0; i < job->slot->chases_len && !job_stopped(job); i++) {
        struct match_chase *chase = &job->slot->chases[i];

        if (chase->done || chase->search.need > job->verify.avail) {
            continue;
        }
        const enum verify_result result = chase_run(job, chase);

        if (result == VERIFY_YES) {
            job_report(job, chase->signature);
        } else if (job_spent(job)) {
            return;
        } else if (result == VERIFY_NO) {
            chase->done = true;
        }
    }
}

/* ---- Triggers ---- */

/*
 * When to look again at a trigger whose surroundings have not come yet: at the latest when all
 * bytes are there that its cluster can reach, and two more, because an edge may look at what
 * follows. Before that not without the bytes it needs at least, and then at doubling distances, so
 * that early answers cost little.
 */
static uint64_t pending_need(const struct body_job *job, uint32_t index, uint64_t trigger_end)
{
    const struct program_signature *signature = job_signature(job, index);
    const uint64_t last = trigger_end + signature->tail_max + 2;
    const uint64_t first = trigger_end + signature->tail_min;
    const uint64_t next = job->verify.avail + (job->verify.avail - trigger_end) + 1;

    return MIN_OF(last, job->verify.avail < first ? first : next);
}

static void body_suspend(struct body_job *job, uint32_t signature, uint64_t trigger_end)
{
    struct match_body *body = job->body;

    if (body->pending_len == MATCH_PENDING_MAX) {
        body_follow(job, signature);
        return;
    }
    body->pending[body->pending_len++] = (struct match_pending){
        .signature = signature,
        .trigger_end = trigger_end,
        .need = pending_need(job, signature, trigger_end),
    };
}

/* A trigger of this signature ends here: is the rest of its cluster there, too? */
static enum verify_result body_try(struct body_job *job, uint32_t index, uint64_t trigger_end)
{
    const struct program_signature *signature = job_signature(job, index);
    struct verify_search range = {.hi = UINT64_MAX};
    uint64_t end;

    if (signature->trigger_cluster == signature->cluster_first &&
        !signature_range(job, signature, &range)) {
        return VERIFY_NO;
    }
    const enum verify_result result =
        verify_around(&job->verify, &job->db->layout.clusters[signature->trigger_cluster],
                      signature->trigger_split, trigger_end, &range, &end);

    if (result == VERIFY_YES && signature->cluster_len == 1) {
        job_report(job, index);
    } else if (result == VERIFY_YES || job_spent(job)) {
        body_follow(job, index);
        return VERIFY_NO;
    }
    return result;
}

static void body_on_signature(struct body_job *job, uint32_t index, uint64_t trigger_end)
{
    const struct program_signature *signature = job_signature(job, index);
    const bool foreign =
        signature->target != MATCH_TARGET_ANY && signature->target != job->body->type;

    if (foreign || body_follows(job, index)) {
        return;
    }
    if (job->spent || signature->offset_kind == PROGRAM_FROM_END) {
        body_follow(job, index);
        return;
    }
    if (body_try(job, index, trigger_end) == VERIFY_MORE) {
        body_suspend(job, index, trigger_end);
    }
}

static int body_on_trigger(unsigned id, unsigned long long from, unsigned long long to,
                           unsigned flags, void *ctx)
{
    struct body_job *job = ctx;
    const struct layout *layout = &job->db->layout;

    (void)from;
    (void)flags;
    for (uint32_t i = layout->triggers[id]; i < layout->triggers[id + 1]; i++) {
        body_on_signature(job, layout->trigger_lists[i], to);
        if (job_stopped(job)) {
            return 1;
        }
    }
    return 0;
}

/* Those whose bytes have come are decided now. */
static void body_run_pending(struct body_job *job)
{
    struct match_body *body = job->body;
    const uint32_t len = body->pending_len;

    body->pending_len = 0;
    for (uint32_t i = 0; i < len && !job_stopped(job); i++) {
        const struct match_pending pending = body->pending[i];

        if (body_follows(job, pending.signature)) {
            continue;
        }
        if (!job->verify.ended && pending.need > job->verify.avail) {
            body->pending[body->pending_len++] = pending;
        } else {
            body_on_signature(job, pending.signature, pending.trigger_end);
        }
    }
}

/* ---- Signatures in place ---- */

/* Eight bytes say no to nearly all. */
static bool direct_may_match(struct body_job *job, const struct layout_direct *direct)
{
    uint64_t value;
    size_t len = 0;

    if (direct->mask == 0 || direct->at + sizeof(value) > job->verify.avail) {
        return true;
    }
    const uint8_t *ptr = peek_at(&job->peek, direct->at, &len);

    if (!ptr || len < sizeof(value)) {
        return true;
    }
    memcpy(&value, ptr, sizeof(value));
    return (value & direct->mask) == direct->value;
}

static void direct_run(struct body_job *job, const struct layout_direct *direct)
{
    const struct program_signature *signature = job_signature(job, direct->signature);
    const struct program_cluster *cluster = &job->db->layout.clusters[signature->cluster_first];
    struct verify_search search;
    uint64_t end;

    if (!direct_may_match(job, direct) || !signature_range(job, signature, &search)) {
        return;
    }
    const enum verify_result result = verify_search(&job->verify, cluster, &search, &end);

    if (result == VERIFY_YES && signature->cluster_len == 1) {
        job_report(job, direct->signature);
    } else if (result != VERIFY_NO || job_spent(job)) {
        body_follow(job, direct->signature);
    }
}

static void body_run_directs(struct body_job *job)
{
    const struct layout_header *header = job->db->layout.header;
    const unsigned targets[] = {MATCH_TARGET_ANY, job->body->type};

    for (unsigned i = 0; i < ARRAY_LEN(targets); i++) {
        const struct layout_direct *directs =
            job->db->layout.directs + header->direct_first[targets[i]];
        const uint32_t len = header->direct_len[targets[i]];
        uint32_t *at = &job->body->direct_at[i];

        if (i > 0 && targets[i] == MATCH_TARGET_ANY) {
            break;
        }
        for (; *at < len && !job_stopped(job); (*at)++) {
            if (!job->verify.ended && directs[*at].need > job->verify.avail) {
                break;
            }
            direct_run(job, &directs[*at]);
        }
    }
}

/* ---- Scanning ---- */

static void body_scan(struct body_job *job, struct slice bytes)
{
    while (bytes.len > 0 && job->slot->stream && !job_stopped(job)) {
        const size_t len = MIN_OF(bytes.len, BODY_SCAN_MAX);
        const hs_error_t error =
            hs_scan_stream(job->slot->stream, (const char *)bytes.ptr, (unsigned)len, 0,
                           job->db->scratch, body_on_trigger, job);

        ASSERT(error == HS_SUCCESS || error == HS_SCAN_TERMINATED);
        bytes = slice_skip(bytes, len);
    }
}

/* The type is known: from here on Hyperscan reads along. */
static void body_start(struct match_body *body, enum match_target target)
{
    const hs_database_t *database = match_db_database(body->db, target);

    body->type = (uint8_t)target;
    body->state = BODY_SCANNING;
    if (database) {
        match_slot_open_stream(body->db, body->slot, database);
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
        body_start(job->body, filetype_detect(now)->target);
        body_scan(job, now);
        return;
    }
    if (!peek_copy(&job->peek, 0, head, old_len)) {
        return;
    }
    if (now_len > 0) {
        memcpy(head + old_len, now.ptr, now_len);
    }
    body_start(job->body, filetype_detect(slice_from(head, old_len + now_len))->target);
    job->peek.old = (struct peek_piece){head, 0, old_len + now_len};
    body_scan(job, slice_from(head, old_len));
    body_scan(job, now);
    job->peek.old = (struct peek_piece){0};
}

/* Everything but Hyperscan that new bytes, or the end, allow to decide. */
static void body_advance(struct body_job *job)
{
    body_run_directs(job);
    body_run_pending(job);
    body_run_chases(job);
}

/* ---- Results ---- */

static enum match_status body_found(const struct match_body *body, struct match_finding *out)
{
    const struct layout *layout = &body->db->layout;
    const struct layout_threat *threat = &layout->threats[body->found];

    *out = (struct match_finding){
        .kind = MATCH_VIRUS,
        .name = layout->strings + threat->name,
        .id = threat->id,
        .category = layout->strings + threat->category,
        .repair = layout->strings + threat->repair,
    };
    return MATCH_FOUND;
}

/* A finding stands as soon as the body is larger than everything on the allow list. */
static enum match_status body_settle(const struct match_body *body, struct match_finding *out)
{
    const struct match_slot *slot = body->slot;
    const struct layout_header *header = body->db->layout.header;

    if (slot->failed) {
        return MATCH_FAILED;
    }
    if (body->found != BODY_NONE &&
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
    slot->follow_any = false;
    slot->following = false;
    slot->over = false;
    slot->failed = false;
    digest_init(&slot->digest, db->star_detects);
    body->db = db;
    body->source = source;
    body->slot = slot;
    body->fed = 0;
    body->budget = BODY_BUDGET_BASE;
    body->hash_at = 0;
    body->direct_at[0] = 0;
    body->direct_at[1] = 0;
    body->pending_len = 0;
    body->found = BODY_NONE;
    body->type = MATCH_TARGET_ANY;
    body->state = BODY_PROBING;
    if (!db->probes) {
        body_start(body, MATCH_TARGET_ANY);
    }
    return true;
}

enum match_status match_body_feed(struct match_body *body, struct slice bytes,
                                  struct match_finding *out)
{
    struct match_slot *slot = body->slot;
    struct body_job job;

    ASSERT(body->db);
    ASSERT(body->state <= BODY_SCANNING);
    body->fed += bytes.len;
    body->budget += bytes.len * BODY_BUDGET_PER_BYTE;
    if (body->db->star_detects) {
        digest_update(&slot->digest, body->db->star_detects, bytes);
    }
    if (bytes.len == 0 || body->found != BODY_NONE || slot->over || slot->failed) {
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
    return body_settle(body, out);
}

/* ---- The end ---- */

/* Decides the signatures among the chases; false when the slice is used up. */
static bool body_end_chases(struct body_job *job)
{
    struct match_slot *slot = job->slot;

    for (; slot->follow_at < slot->chases_len && !job_stopped(job); slot->follow_at++) {
        struct match_chase *chase = &slot->chases[slot->follow_at];
        const enum verify_result result = chase->done ? VERIFY_NO : chase_run(job, chase);

        if (result == VERIFY_PAUSE) {
            return false;
        }
        if (result == VERIFY_YES) {
            job_report(job, chase->signature);
        }
        body_unfollow(job, chase->signature);
    }
    slot->follow_at = 0;
    return true;
}

/* Decides the next signature of the bitmap; false when the slice is used up. */
static bool body_end_follow(struct body_job *job, uint32_t signature)
{
    struct match_slot *slot = job->slot;
    struct match_chase *chase = &slot->chases[0];

    if (!slot->following) {
        chase_init(job, chase, signature);
        slot->following = true;
    }
    const enum verify_result result = chase->done ? VERIFY_NO : chase_run(job, chase);

    if (result == VERIFY_PAUSE) {
        return false;
    }
    if (result == VERIFY_YES) {
        job_report(job, signature);
    }
    slot->following = false;
    return true;
}

static bool body_end_follows(struct body_job *job)
{
    struct match_slot *slot = job->slot;
    const uint32_t len = slot->follow_any ? job->db->layout.len[LAYOUT_SIGNATURES] : 0;

    while (slot->follow_at < len && !job_stopped(job)) {
        const uint32_t signature = slot->follow_at;

        if (signature % 8 == 0 && match_slot_bitmap(slot)[signature / 8] == 0) {
            slot->follow_at += 8;
            continue;
        }
        if (body_follows(job, signature) && !body_end_follow(job, signature)) {
            return false;
        }
        slot->follow_at++;
    }
    return true;
}

/* What no later byte can change is decided; false when more calls are needed. */
static bool body_end_search(struct match_body *body)
{
    struct match_slot *slot = body->slot;
    struct body_job job;
    bool finished = true;

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
    if (body->state == BODY_CHASING) {
        finished = body_end_chases(&job);
        body->state = finished ? BODY_FOLLOWING : BODY_CHASING;
    }
    if (finished) {
        finished = body_end_follows(&job);
    }
    job_fini(&job);
    return finished;
}

/* Which digests the answer depends on. */
static unsigned body_hash_kinds(const struct match_body *body)
{
    const struct layout *layout = &body->db->layout;
    const struct match_slot *slot = body->slot;
    const unsigned detects =
        body->found == BODY_NONE
            ? digest_kinds(layout, body->fed, DIGEST_DETECTS) | body->db->star_detects
            : 0;

    if (layout->header->allows_len == 0 ||
        (body->found == BODY_NONE && !slot->over && detects == 0)) {
        return detects;
    }
    return detects | digest_kinds(layout, body->fed, DIGEST_ALLOWS) |
           digest_kinds(layout, LAYOUT_ANY_SIZE, DIGEST_ALLOWS);
}

/* Hashes the next part of the body; false when more calls are needed. */
static bool body_end_hash(struct match_body *body)
{
    struct match_slot *slot = body->slot;
    const unsigned late = slot->kinds & ~body->db->star_detects;
    const uint64_t stop = MIN_OF(body->fed, body->hash_at + BODY_SLICE_HASHED);

    while (late && body->hash_at < stop) {
        size_t len = 0;
        const uint8_t *ptr = body->source.at(body->source.ctx, body->hash_at, &len);

        if (!ptr || len == 0) {
            slot->failed = true;
            return true;
        }
        len = (size_t)MIN_OF((uint64_t)len, stop - body->hash_at);
        digest_update(&slot->digest, late, slice_from(ptr, len));
        body->hash_at += len;
    }
    return !late || body->hash_at == body->fed;
}

/* Looks the digests up: signatures first, then whether the body is allowed in spite of a finding.
 */
static bool body_end_lookup(struct match_body *body)
{
    struct match_slot *slot = body->slot;
    const struct layout *layout = &body->db->layout;
    struct digest_value value;

    if (slot->kinds == 0) {
        return false;
    }
    digest_final(&slot->digest, slot->kinds, &value);
    if (body->found == BODY_NONE) {
        const struct layout_digest *entry =
            digest_find(layout, slot->kinds, body->fed, &value, DIGEST_DETECTS);

        body->found = entry ? entry->threat : BODY_NONE;
    }
    return digest_find(layout, slot->kinds, body->fed, &value, DIGEST_ALLOWS) != NULL;
}

enum match_status match_body_end(struct match_body *body, struct match_finding *out)
{
    struct match_slot *slot = body->slot;

    ASSERT(body->db);
    ASSERT(body->state < BODY_DONE);
    if (body->state < BODY_HASHING) {
        if (!slot->failed && !body_end_search(body)) {
            return MATCH_AGAIN;
        }
        body->state = BODY_HASHING;
        slot->kinds = body_hash_kinds(body);
        digest_init(&slot->digest, slot->kinds & ~body->db->star_detects);
    }
    if (!slot->failed && !body_end_hash(body)) {
        return MATCH_AGAIN;
    }
    body->state = BODY_DONE;
    if (slot->failed) {
        return MATCH_FAILED;
    }
    if (body_end_lookup(body)) {
        return MATCH_CLEAN;
    }
    if (body->found != BODY_NONE) {
        return body_found(body, out);
    }
    return slot->over ? MATCH_OVER_BUDGET : MATCH_CLEAN;
}

void match_body_fini(struct match_body *body)
{
    struct match_slot *slot = body->slot;

    if (!body->db) {
        return;
    }
    if (slot->stream) {
        const hs_error_t error = hs_close_stream(slot->stream, NULL, NULL, NULL);

        ASSERT(error == HS_SUCCESS);
    }
    if (slot->follow_any) {
        memset(match_slot_bitmap(slot), 0, body->db->bitmap_bytes);
    }
    pool_give(&body->db->slots, slot);
    body->db = NULL;
    body->slot = NULL;
}
