/* SPDX-License-Identifier: MIT */
#include "match/build_report.h"

#include "base/err.h"
#include "match/builder.h"
#include "match/rarity.h"
#include "match/trigger.h"

/* What is known of one signature; a logic comes behind all that stand alone. */
struct report_owner {
    double hits_per_mb;
    uint32_t trigger_len;
    bool triggered;
    bool in_place;
    bool always;
};

struct report_job {
    struct build_report *report;
    const struct match_builder *builder;
    struct layout layout;
    struct report_owner *owners;
    uint32_t owners_len;
};

double build_report_bound(unsigned class)
{
    static const double bounds[BUILD_REPORT_CLASSES] = {0.001, 0.01, 0.1, 1, 10, 100, 0};

    return bounds[class];
}

static struct report_owner *report_owner_of(const struct report_job *job, uint32_t index)
{
    const struct program_signature *signature = &job->layout.signatures[index];
    const uint32_t alone_len = job->layout.header->alone_len;

    if (signature->logic == PROGRAM_NONE) {
        return index < alone_len ? &job->owners[index] : NULL;
    }
    return &job->owners[alone_len + signature->logic];
}

static void report_add_trigger(struct report_job *job, uint32_t index)
{
    const struct builder_trigger trigger = builder_trigger_at(job->builder, index);
    const double hits = trigger_hits_per_mb(rarity_of(trigger.bytes, trigger.nocase));
    const uint32_t first = job->layout.triggers[index];
    const uint32_t end = job->layout.triggers[index + 1];
    const struct report_owner *last = NULL;
    uint32_t owners = 0;

    for (uint32_t i = first; i < end; i++) {
        struct report_owner *owner = report_owner_of(job, job->layout.trigger_lists[i]);

        if (owner == NULL || owner == last) {
            continue;
        }
        owner->hits_per_mb += hits;
        owner->trigger_len = owner->triggered
                                 ? MIN_OF(owner->trigger_len, (uint32_t)trigger.bytes.len)
                                 : (uint32_t)trigger.bytes.len;
        owner->triggered = true;
        last = owner;
        owners++;
    }
    job->report->hits_per_mb += hits;
    job->report->shared += owners > 1;
}

static void report_gather(struct report_job *job)
{
    const uint32_t triggers_len = job->layout.len[LAYOUT_TRIGGERS];

    job->report->triggers = triggers_len > 0 ? triggers_len - 1 : 0;
    for (uint32_t i = 0; i < job->report->triggers; i++) {
        report_add_trigger(job, i);
    }
    for (uint32_t i = 0; i < job->layout.len[LAYOUT_DIRECTS]; i++) {
        struct report_owner *owner = report_owner_of(job, job->layout.directs[i].signature);

        if (owner != NULL) {
            owner->in_place = true;
        }
    }
    for (uint32_t i = 0; i < job->layout.len[LAYOUT_ALWAYS]; i++) {
        job->owners[job->layout.header->alone_len + job->layout.always[i]].always = true;
    }
}

static const char *report_name(const struct report_job *job, uint32_t index)
{
    const uint32_t alone_len = job->layout.header->alone_len;
    const uint32_t threat = index < alone_len ? job->layout.signatures[index].threat
                                              : job->layout.logics[index - alone_len].threat;

    return job->layout.strings + job->layout.threats[threat].name;
}

static int report_list(struct report_job *job, uint32_t index)
{
    const struct report_owner *owner = &job->owners[index];
    struct build_report_row row = {
        .name = strdup(report_name(job, index)),
        .hits_per_mb = owner->hits_per_mb,
        .trigger_len = owner->always ? 0 : owner->trigger_len,
    };

    if (row.name == NULL || vec_append(&job->report->costly, &row, 1) == NULL) {
        free(row.name);
        return ERR_NEW(-ENOMEM);
    }
    return 0;
}

static unsigned report_class(double hits_per_mb)
{
    unsigned class = 0;

    while (class < BUILD_REPORT_CLASSES - 1 && hits_per_mb >= build_report_bound(class)) {
        class ++;
    }
    return class;
}

static int report_count(struct report_job *job, uint32_t index)
{
    const struct report_owner *owner = &job->owners[index];
    struct build_report *report = job->report;

    report->signatures++;
    if (owner->always) {
        report->always++;
    } else if (owner->triggered) {
        report->triggered++;
        report->by_len[MIN_OF(owner->trigger_len, (uint32_t)BUILD_REPORT_LEN_MAX)]++;
        report->by_class[report_class(owner->hits_per_mb)]++;
    } else if (owner->in_place) {
        report->in_place++;
    }
    if (owner->always || owner->hits_per_mb >= BUILD_REPORT_COSTLY) {
        return report_list(job, index);
    }
    return 0;
}

/* What every body pays for comes first. */
static int report_compare(const void *left, const void *right)
{
    const struct build_report_row *a = left;
    const struct build_report_row *b = right;

    if ((a->trigger_len == 0) != (b->trigger_len == 0)) {
        return a->trigger_len == 0 ? -1 : 1;
    }
    if (a->hits_per_mb != b->hits_per_mb) {
        return a->hits_per_mb > b->hits_per_mb ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

int build_report_make(struct build_report *out, const struct match_builder *builder,
                      struct slice image)
{
    struct report_job job = {.report = out, .builder = builder};
    int r;

    *out = (struct build_report){.costly = VEC_OF(struct build_report_row)};
    r = layout_open(&job.layout, image);
    if (r < 0) {
        return ERR_PASS(r);
    }
    job.owners_len = job.layout.header->alone_len + job.layout.len[LAYOUT_LOGICS];
    job.owners = calloc(MAX_OF(job.owners_len, 1U), sizeof(*job.owners));
    if (job.owners == NULL) {
        return ERR_NEW(-ENOMEM);
    }
    report_gather(&job);
    for (uint32_t i = 0; r == 0 && i < job.owners_len; i++) {
        r = report_count(&job, i);
    }
    free(job.owners);
    if (r == 0 && out->costly.len > 1) {
        qsort(out->costly.ptr, out->costly.len, out->costly.item_bytes, report_compare);
    }
    return ERR_PASS(r);
}

void build_report_free(struct build_report *report)
{
    for (size_t i = 0; i < report->costly.len; i++) {
        free(((struct build_report_row *)vec_at(&report->costly, i))->name);
    }
    vec_free(&report->costly);
}
