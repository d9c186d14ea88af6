/* SPDX-License-Identifier: MIT */
#include "match/verify.h"

#include "base/assert.h"
#include "match/trigger.h"

/* A vectorised search for one byte passes so many bytes for one step, */
#define VERIFY_SKIP_BYTES 16

/* one for a few bytes of a needle so many. */
#define VERIFY_FIND_BYTES 32

/* What looking at a cluster costs beside its operations: mostly memory that is not at hand. */
#define VERIFY_AROUND_STEPS 12

/* Places that are not worth choosing a needle for. */
#define VERIFY_FEW 16

/* Bytes of an anchor among which the needle is chosen. */
#define VERIFY_NEEDLE_SPAN 32

/* A set of positions on the span stack; the one that is worked on lies on top. */
struct set {
    uint32_t at;
    uint32_t len;
};

static uint32_t set_top(struct set set)
{
    return set.at + set.len;
}

static bool verify_stopped(const struct verify *verify)
{
    return verify->over || verify->peek->failed;
}

/* Adds [lo, hi]; they come in ascending order. */
static void set_push(struct verify *verify, struct set *set, uint64_t lo, uint64_t hi)
{
    if (set->len > 0) {
        struct verify_span *last = &verify->spans[set_top(*set) - 1];

        if (lo <= last->hi + 1) {
            last->hi = MAX_OF(last->hi, hi);
            return;
        }
    }
    if (set_top(*set) >= VERIFY_SPANS) {
        verify->over = true;
        return;
    }
    verify->spans[set_top(*set)] = (struct verify_span){lo, hi};
    set->len++;
}

/* Moves a set down the stack. */
static void set_move(struct verify *verify, struct set *to, struct set from)
{
    memmove(&verify->spans[to->at], &verify->spans[from.at], from.len * sizeof(*verify->spans));
    to->len = from.len;
}

/* Unites two sets that lie on top of each other, in the place of the lower one. */
static void set_unite(struct verify *verify, struct set *low, struct set high)
{
    struct set out = {set_top(high), 0};
    uint32_t i = 0;
    uint32_t j = 0;

    while (i < low->len || j < high.len) {
        const struct verify_span *a = &verify->spans[low->at + i];
        const struct verify_span *b = &verify->spans[high.at + j];
        const bool first = j == high.len || (i < low->len && a->lo <= b->lo);
        const struct verify_span *next = first ? a : b;

        set_push(verify, &out, next->lo, next->hi);
        i += first;
        j += !first;
    }
    set_move(verify, low, out);
}

/* ---- Operations that take a fixed number of bytes ---- */

/* The first position in [from, to] where the operation can begin; bytes up to `to` are there. */
static bool fixed_next(struct verify *verify, const struct program_op *op, uint64_t from,
                       uint64_t to, uint64_t *out_at)
{
    if (op->kind != PROGRAM_BYTES || from == to) {
        *out_at = from;
        return verify_charge(verify, 1);
    }
    if (!peek_find(verify->peek, verify->layout->bytes[op->at], from, to + 1, out_at)) {
        return verify_charge(verify, 1 + (to - from) / VERIFY_SKIP_BYTES) && false;
    }
    return verify_charge(verify, 1 + (*out_at - from) / VERIFY_SKIP_BYTES);
}

static void verify_row(struct verify *verify, uint32_t first, uint32_t len, bool forward,
                       struct set *io);

/* None of the branches, forwards from `at`. */
static bool fixed_test_neither(struct verify *verify, const struct program_op *op, uint64_t at,
                               uint32_t stack)
{
    for (uint32_t i = 0; i < op->count; i++) {
        const struct program_branch *branch = &verify->layout->branches[op->at + i];
        struct set set = {stack, 0};

        set_push(verify, &set, at, at);
        verify_row(verify, branch->op_first, branch->op_len, true, &set);
        if (set.len > 0) {
            return false;
        }
    }
    return true;
}

static bool fixed_test(struct verify *verify, const struct program_op *op, uint64_t at,
                       uint32_t stack)
{
    const struct layout *layout = verify->layout;

    switch (op->kind) {
    case PROGRAM_BYTES:
        return verify_charge(verify, op->len / VERIFY_SKIP_BYTES) &&
               peek_equal(verify->peek, at, layout->bytes + op->at, op->len);
    case PROGRAM_NOCASE:
        return verify_charge(verify, op->len / VERIFY_SKIP_BYTES) &&
               peek_equal_nocase(verify->peek, at, layout->bytes + op->at, op->len);
    case PROGRAM_SET:
        return program_set_has(&layout->sets[op->at], peek_byte(verify->peek, at));
    default:
        return fixed_test_neither(verify, op, at, stack);
    }
}

/* Positions `from` to `to` where the operation would begin; the results go to `out`. */
static void fixed_try(struct verify *verify, const struct program_op *op, struct verify_span span,
                      uint64_t step, struct set *out)
{
    for (uint64_t at = span.lo; at <= span.hi; at++) {
        if (!fixed_next(verify, op, at, span.hi, &at)) {
            return;
        }
        if (fixed_test(verify, op, at, set_top(*out) + 1)) {
            set_push(verify, out, at + step, at + step);
        }
        if (verify_stopped(verify)) {
            return;
        }
    }
}

/* Where the operation would begin, out of where it is entered; false when nowhere. */
static bool fixed_clip(struct verify *verify, struct verify_span *span, uint32_t len, bool forward)
{
    if (!forward) {
        if (span->hi < len) {
            return false;
        }
        span->lo = MAX_OF(span->lo, len) - len;
        span->hi -= len;
        return true;
    }
    if (span->hi + len > verify->avail) {
        verify->more = true;
        if (span->lo + len > verify->avail) {
            return false;
        }
        span->hi = verify->avail - len;
    }
    return true;
}

static void op_fixed(struct verify *verify, const struct program_op *op, bool forward,
                     struct set in, struct set *out)
{
    for (uint32_t i = 0; i < in.len; i++) {
        struct verify_span span = verify->spans[in.at + i];

        if (fixed_clip(verify, &span, op->len, forward)) {
            fixed_try(verify, op, span, forward ? op->len : 0, out);
        }
    }
}

/* ---- Gaps, edges, alternatives ---- */

static void op_gap(struct verify *verify, const struct program_op *op, bool forward, struct set in,
                   struct set *out)
{
    for (uint32_t i = 0; i < in.len; i++) {
        struct verify_span span = verify->spans[in.at + i];

        if (forward) {
            span.lo += op->len;
            span.hi += op->max;
            if (span.hi > verify->avail) {
                verify->more = true;
                span.hi = verify->avail;
            }
        } else {
            if (span.hi < op->len) {
                continue;
            }
            span.lo = span.lo > op->max ? span.lo - op->max : 0;
            span.hi -= op->len;
        }
        if (span.lo <= span.hi) {
            set_push(verify, out, span.lo, span.hi);
        }
    }
}

/* The byte at `at`, -1 at the end of the body, -2 when it has not come yet. */
static int edge_byte(struct verify *verify, uint64_t at)
{
    if (at < verify->avail) {
        return peek_byte(verify->peek, at);
    }
    return verify->ended ? -1 : -2;
}

static bool edge_test_left_wide(struct verify *verify, const struct program_op *op, uint64_t at)
{
    return at < 2 || peek_byte(verify->peek, at - 1) != 0 ||
           program_set_has(&verify->layout->sets[op->len], peek_byte(verify->peek, at - 2));
}

/* 1 for yes, 0 for no, -2 when it has not come yet. */
static int edge_test(struct verify *verify, const struct program_op *op, uint64_t at)
{
    const struct layout *layout = verify->layout;

    if (op->at == PROGRAM_EDGE_LEFT_WIDE) {
        return edge_test_left_wide(verify, op, at);
    }
    if (op->at == PROGRAM_EDGE_LEFT_SET) {
        return at == 0 || program_set_has(&layout->sets[op->len], peek_byte(verify->peek, at - 1));
    }
    int byte = edge_byte(verify, at);

    if (byte == -2) {
        return -2;
    }
    if (op->at == PROGRAM_EDGE_NOT_LF) {
        return byte != '\n';
    }
    if (byte == -1) {
        return 1;
    }
    if (op->at == PROGRAM_EDGE_RIGHT_SET) {
        return program_set_has(&layout->sets[op->len], (uint8_t)byte);
    }
    if (op->at == PROGRAM_EDGE_RIGHT_WIDE) {
        const int zero = edge_byte(verify, at + 1);

        return zero == -2 ? -2 : program_set_has(&layout->sets[op->len], (uint8_t)byte) || zero > 0;
    }
    if (byte == '\r') {
        byte = edge_byte(verify, at + 1);
    }
    return byte == -2 ? -2 : byte == '\n';
}

static void op_edge(struct verify *verify, const struct program_op *op, struct set in,
                    struct set *out)
{
    for (uint32_t i = 0; i < in.len; i++) {
        const struct verify_span span = verify->spans[in.at + i];

        for (uint64_t at = span.lo; at <= span.hi && verify_charge(verify, 1); at++) {
            const int answer = edge_test(verify, op, at);

            if (answer == -2) {
                verify->more = true;
            } else if (answer != op->negated) {
                set_push(verify, out, at, at);
            }
        }
    }
}

static void op_either(struct verify *verify, const struct program_op *op, bool forward,
                      struct set in, struct set *out)
{
    for (uint32_t i = 0; i < op->count && !verify_stopped(verify); i++) {
        const struct program_branch *branch = &verify->layout->branches[op->at + i];
        struct set set = {set_top(*out), 0};

        for (uint32_t j = 0; j < in.len; j++) {
            const struct verify_span span = verify->spans[in.at + j];

            set_push(verify, &set, span.lo, span.hi);
        }
        verify_row(verify, branch->op_first, branch->op_len, forward, &set);
        if (set.len > 0) {
            set_unite(verify, out, set);
        }
    }
}

/* Takes the set on top of the stack through one operation. */
static void verify_op(struct verify *verify, const struct program_op *op, bool forward,
                      struct set *io)
{
    struct set out = {set_top(*io), 0};

    switch (op->kind) {
    case PROGRAM_GAP:
        op_gap(verify, op, forward, *io, &out);
        break;
    case PROGRAM_EDGE:
        op_edge(verify, op, *io, &out);
        break;
    case PROGRAM_EITHER:
        if (!op->negated) {
            op_either(verify, op, forward, *io, &out);
            break;
        }
        op_fixed(verify, op, forward, *io, &out);
        break;
    default:
        op_fixed(verify, op, forward, *io, &out);
        break;
    }
    set_move(verify, io, out);
}

static void verify_row(struct verify *verify, uint32_t first, uint32_t len, bool forward,
                       struct set *io)
{
    for (uint32_t i = 0; i < len && io->len > 0; i++) {
        const uint32_t index = forward ? first + i : first + len - 1 - i;

        verify_op(verify, &verify->layout->ops[index], forward, io);
        if (verify_stopped(verify)) {
            io->len = 0;
        }
    }
}

/* ---- Clusters ---- */

/* MORE only counts when no bytes that are there decide. */
static enum verify_result verify_empty(const struct verify *verify)
{
    return verify->more && !verify->ended && !verify_stopped(verify) ? VERIFY_MORE : VERIFY_NO;
}

/* The least position of the set within [lo, hi]. */
static bool set_meets(const struct verify *verify, struct set set, uint64_t lo, uint64_t hi,
                      uint64_t *out_at)
{
    for (uint32_t i = 0; i < set.len; i++) {
        const struct verify_span *span = &verify->spans[set.at + i];

        if (span->lo <= hi && span->hi >= lo) {
            *out_at = MAX_OF(span->lo, lo);
            return true;
        }
    }
    return false;
}

enum verify_result verify_around(struct verify *verify, const struct program_cluster *cluster,
                                 uint32_t split, uint64_t at, const struct verify_search *range,
                                 struct verify_match *out)
{
    const uint32_t head_len = split - cluster->op_first;
    struct set set = {0, 0};
    uint64_t start;

    ASSERT(head_len <= cluster->op_len);
    verify->more = false;
    if (!verify_charge(verify, VERIFY_AROUND_STEPS)) {
        return VERIFY_NO;
    }
    set_push(verify, &set, at, at);
    verify_row(verify, cluster->op_first, head_len, false, &set);
    if (!set_meets(verify, set, range->lo, range->hi, &start)) {
        return verify_empty(verify);
    }
    set.len = 0;
    set_push(verify, &set, at, at);
    verify_row(verify, split, cluster->op_len - head_len, true, &set);
    if (set.len == 0) {
        return verify_empty(verify);
    }
    *out = (struct verify_match){start, verify->spans[0].lo, start};
    return VERIFY_YES;
}

/* ---- Searches ---- */

/* The state of one call of verify_search or verify_next. */
struct search_job {
    const struct program_cluster *cluster;
    const struct program_op *anchor; /* NULL: none. */
    bool prepared;                   /* `needle` is chosen. */
    uint32_t needle_at;              /* Index in the anchor of the needle's first byte. */
    struct find_needle needle;
    uint64_t at;   /* The next place of the anchor, or of the cluster's start. */
    uint64_t last; /* The last place worth looking at. */
    uint64_t best; /* UINT64_MAX: none so far. */
};

static void search_job_init(const struct verify *verify, struct search_job *job,
                            const struct program_cluster *cluster,
                            const struct verify_search *search)
{
    const bool anchored = cluster->anchor != PROGRAM_NONE;
    const uint64_t reach = anchored ? cluster->anchor_max : 0;

    job->cluster = cluster;
    job->anchor = anchored ? &verify->layout->ops[cluster->anchor] : NULL;
    job->prepared = false;
    job->at = MAX_OF(search->at, search->lo + (anchored ? cluster->anchor_min : 0));
    job->last = search->hi < UINT64_MAX - reach ? search->hi + reach : UINT64_MAX;
    job->best = UINT64_MAX;
}

static bool byte_is_rarer(uint8_t byte, uint8_t than)
{
    const uint8_t both[2] = {than, byte};

    return trigger_rarest(slice_from(both, sizeof(both))) == 1;
}

/* The rarest byte of the anchor but for those that are chosen already, or the first of these. */
static uint32_t needle_rarest(const uint8_t *bytes, uint32_t len, const uint32_t *taken,
                              uint32_t taken_len)
{
    uint8_t best = 0;
    uint32_t index = taken[0];

    for (uint32_t i = 0; i < len; i++) {
        bool skip = false;

        for (uint32_t k = 0; k < taken_len; k++) {
            skip |= taken[k] == i;
        }
        if (!skip && (index == taken[0] || byte_is_rarer(bytes[i], best))) {
            index = i;
            best = bytes[i];
        }
    }
    return index;
}

/* Four of the anchor's bytes, the rarest first. */
static void search_needle(const struct verify *verify, struct search_job *job)
{
    const struct program_op *op = job->anchor;
    const uint8_t *bytes = verify->layout->bytes + op->at;
    const uint32_t len = MIN_OF(op->len, VERIFY_NEEDLE_SPAN);
    uint32_t index[FIND_BYTES] = {job->cluster->anchor_rare};
    struct find_needle *needle = &job->needle;

    job->prepared = true;
    job->needle_at = index[0];
    for (uint32_t i = 1; i < FIND_BYTES; i++) {
        index[i] = needle_rarest(bytes, len, index, i);
        job->needle_at = MIN_OF(job->needle_at, index[i]);
    }
    needle->span = 0;
    for (uint32_t i = 0; i < FIND_BYTES; i++) {
        const uint8_t byte = bytes[index[i]];
        const bool letter = byte >= 'a' && byte <= 'z';

        needle->value[i] = byte;
        needle->fold[i] = op->kind == PROGRAM_NOCASE && letter ? 0x20 : 0;
        needle->at[i] = index[i] - job->needle_at;
        needle->span = MAX_OF(needle->span, needle->at[i]);
    }
}

static bool search_anchor_at(struct verify *verify, const struct search_job *job, uint64_t at)
{
    const struct program_op *op = job->anchor;
    const uint8_t *bytes = verify->layout->bytes + op->at;

    return op->kind == PROGRAM_NOCASE ? peek_equal_nocase(verify->peek, at, bytes, op->len)
                                      : peek_equal(verify->peek, at, bytes, op->len);
}

/* The next place before `stop` that may be the anchor's; `stop` when there is none. */
static uint64_t search_skip(struct verify *verify, struct search_job *job, uint64_t stop)
{
    uint64_t hit;

    if (stop - job->at <= VERIFY_FEW) {
        return job->at;
    }
    if (!job->prepared) {
        search_needle(verify, job);
    }
    if (!peek_find_needle(verify->peek, verify->find, &job->needle, job->at + job->needle_at,
                          stop + job->needle_at, &hit)) {
        return stop;
    }
    return hit - job->needle_at;
}

/*
 * The next place where the anchor stands, or where the cluster may start if it has none. NO when
 * there is none among the bytes that are there; `at` is then where to go on.
 */
static enum verify_result search_next(struct verify *verify, struct search_job *job)
{
    if (!job->anchor) {
        if (verify->budget < verify->pause_at) {
            return VERIFY_PAUSE;
        }
        return job->at <= job->last && job->at + job->cluster->len_min <= verify->avail ? VERIFY_YES
                                                                                        : VERIFY_NO;
    }
    const uint32_t len = job->anchor->len;
    const uint64_t limit = verify->avail >= len ? verify->avail - len + 1 : 0;
    const uint64_t end = job->last < limit ? job->last + 1 : limit;

    while (job->at < end && !verify_stopped(verify)) {
        const uint64_t stop = MIN_OF(end, job->at + KIB(64));

        if (verify->budget < verify->pause_at) {
            return VERIFY_PAUSE;
        }
        const uint64_t hit = search_skip(verify, job, stop);

        (void)verify_charge(verify, 2 + (hit - job->at) / VERIFY_FIND_BYTES);
        job->at = hit;
        if (hit < stop && search_anchor_at(verify, job, hit)) {
            return VERIFY_YES;
        }
        job->at += hit < stop;
    }
    return VERIFY_NO;
}

/* Nothing more was found: is that the answer, or does it depend on bytes to come? */
static enum verify_result search_dry(const struct verify *verify, const struct search_job *job)
{
    const bool dry = job->at <= job->last && !verify->ended && !verify_stopped(verify);

    return dry ? VERIFY_MORE : VERIFY_NO;
}

/* The cluster around the place that search_next came to. */
static enum verify_result search_around(struct verify *verify, const struct search_job *job,
                                        struct verify_search *search, struct verify_match *out)
{
    const struct program_cluster *cluster = job->cluster;
    const uint32_t split = job->anchor ? cluster->anchor : cluster->op_first;
    const enum verify_result result = verify_around(verify, cluster, split, job->at, search, out);

    if (result == VERIFY_MORE) {
        /* Two bytes more, because an edge may look at what follows. */
        search->need = job->at + cluster->len_max + 2;
    } else if (result == VERIFY_NO && verify_stopped(verify)) {
        return VERIFY_PAUSE;
    }
    return result;
}

/* A later place can still end earlier, as long as it starts before the best end. */
enum verify_result verify_search(struct verify *verify, const struct program_cluster *cluster,
                                 struct verify_search *search, struct verify_match *out)
{
    const uint64_t pause_at = verify->pause_at;
    enum verify_result result = VERIFY_YES;
    struct search_job job;
    struct verify_match match;

    search_job_init(verify, &job, cluster, search);
    search->need = 0;
    while (result == VERIFY_YES) {
        result = search_next(verify, &job);
        if (result != VERIFY_YES) {
            break;
        }
        result = search_around(verify, &job, search, &match);
        if (result == VERIFY_YES) {
            if (match.end < job.best) {
                *out = match;
                job.best = match.end;
            }
            job.last = MIN_OF(job.last, job.best - 1);
            verify->pause_at = 0;
            if (cluster->len_min == cluster->len_max) {
                break;
            }
        }
        if (result <= VERIFY_YES) {
            result = VERIFY_YES;
            job.at++;
        }
    }
    verify->pause_at = pause_at;
    if (job.best != UINT64_MAX) {
        return VERIFY_YES;
    }
    search->at = job.at;
    return result == VERIFY_NO ? search_dry(verify, &job) : result;
}

/* Moves the anchor behind the last gap of variable length; false when there is no such gap. */
static bool cluster_behind_gap(const struct verify *verify, struct program_cluster *cluster,
                               uint32_t *out_ahead)
{
    const struct program_op *ops = verify->layout->ops + cluster->op_first;
    uint32_t from = cluster->op_len;
    uint32_t best = cluster->op_len;

    for (uint32_t i = cluster->op_len; i-- > 0;) {
        const bool better = best == cluster->op_len || ops[i].len >= ops[best].len;

        if (program_op_is_string(&ops[i]) && ops[i].len > 1 && better) {
            best = i;
        } else if (ops[i].kind == PROGRAM_GAP && ops[i].len < ops[i].max &&
                   best < cluster->op_len) {
            from = i + 1;
            break;
        }
    }
    if (from == cluster->op_len) {
        return false;
    }
    cluster->anchor = cluster->op_first + best;
    cluster->anchor_min = 0;
    cluster->anchor_max = 0;
    cluster->anchor_rare = (uint32_t)trigger_rarest(slice_from(
        verify->layout->bytes + ops[best].at, MIN_OF(ops[best].len, VERIFY_NEEDLE_SPAN)));
    *out_ahead = 0;
    for (uint32_t i = 0; i < best; i++) {
        cluster->anchor_min += program_op_min(&ops[i]);
        cluster->anchor_max += program_op_max(&ops[i]);
        *out_ahead += i >= from ? program_op_min(&ops[i]) : 0;
    }
    return true;
}

enum verify_result verify_next(struct verify *verify, const struct program_cluster *cluster,
                               struct verify_search *search, struct verify_match *out)
{
    enum verify_result result = VERIFY_NO;
    struct program_cluster counted = *cluster;
    struct search_job job;
    uint32_t ahead = 0;
    const bool behind = cluster_behind_gap(verify, &counted, &ahead);

    if (search->lo > search->hi) {
        return VERIFY_NO;
    }
    search_job_init(verify, &job, &counted, search);
    search->need = 0;
    while (result == VERIFY_NO) {
        result = search_next(verify, &job);
        if (result != VERIFY_YES) {
            result = result == VERIFY_NO ? search_dry(verify, &job) : result;
            break;
        }
        result = search_around(verify, &job, search, out);
        job.at += result == VERIFY_NO;
    }
    if (result == VERIFY_YES && behind) {
        out->place = job.at - ahead;
        job.at++;
    } else if (result == VERIFY_YES) {
        search->lo = out->start + 1;
    }
    search->at = job.at;
    return result;
}
