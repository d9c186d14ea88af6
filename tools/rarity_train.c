/* SPDX-License-Identifier: MIT */
/*
 * rarity_train - counts bytes of clean files and writes the byte model.
 *
 *     find /usr/bin /usr/lib /usr/share/doc -type f | sort | rarity_train match/rarity.bin
 *
 * Reads names of files, one a line; of a large file only some stretches. A file without NULs and
 * with few other foreign bytes at its beginning counts as text. Then the rows of two, three and
 * four bytes that are commonest go into the model, as many as it has room for, and a made-up sample
 * of each kind.
 */
#include "base/macro.h"
#include "match/rarity_model.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRAIN_STRETCH   KIB(64)
#define TRAIN_STRETCHES 8
#define TRAIN_ROWS_LOG2 26

struct train_row {
    uint32_t row;
    uint32_t count;
};

struct train_class {
    uint64_t total;
    uint64_t bytes[256];
    uint32_t *twos;          /* By row. */
    uint32_t *threes;        /* By row. */
    struct train_row *fours; /* A hash table that takes no more when it is nearly full. */
    size_t fours_len;
};

/* A row that may enter the model. */
struct train_pick {
    uint32_t row;
    uint32_t len;
    double share;
};

struct train_picks {
    struct train_pick *ptr;
    size_t len;
    size_t cap;
};

static _Noreturn void train_fail(const char *what)
{
    perror(what);
    exit(1);
}

static void class_init(struct train_class *class)
{
    *class = (struct train_class){
        .twos = calloc(1U << 16, sizeof(uint32_t)),
        .threes = calloc(1U << 24, sizeof(uint32_t)),
        .fours = calloc(1U << TRAIN_ROWS_LOG2, sizeof(struct train_row)),
    };
    if (!class->twos || !class->threes || !class->fours) {
        train_fail("memory");
    }
}

static void class_add_four(struct train_class *class, uint32_t row)
{
    const uint32_t mask = (1U << TRAIN_ROWS_LOG2) - 1;
    uint32_t at = (uint32_t)(rarity_hash(row, 4) >> 20) & mask;

    while (class->fours[at].count > 0 && class->fours[at].row != row) {
        at = (at + 1) & mask;
    }
    if (class->fours[at].count == 0) {
        if (class->fours_len > (size_t)(mask / 10) * 9) {
            return;
        }
        class->fours_len++;
        class->fours[at].row = row;
    }
    class->fours[at].count++;
}

static void class_add(struct train_class *class, const uint8_t *ptr, size_t len)
{
    for (size_t i = 0; i + 4 <= len; i++) {
        uint32_t row;

        memcpy(&row, ptr + i, sizeof(row));
        class->bytes[row & 0xff]++;
        class->twos[row & 0xffff]++;
        class->threes[row & 0xffffff]++;
        class_add_four(class, row);
        class->total++;
    }
}

/* No NUL, and hardly a control character. */
static bool is_text(const uint8_t *ptr, size_t len)
{
    size_t foreign = 0;

    for (size_t i = 0; i < len; i++) {
        if (ptr[i] == 0) {
            return false;
        }
        foreign += (ptr[i] < ' ' && !strchr("\t\n\r\f", ptr[i])) || ptr[i] >= 0x80;
    }
    return foreign <= len / 8;
}

/* Stretches of one file, one after the other. */
typedef void (*train_fn)(void *ctx, const uint8_t *ptr, size_t len, bool first);

static void train_file(const char *path, train_fn take, void *ctx)
{
    static uint8_t buf[TRAIN_STRETCH];
    FILE *file = fopen(path, "rb");

    if (!file || fseek(file, 0, SEEK_END) != 0) {
        return;
    }
    const long size = ftell(file);
    const long step = MAX_OF(size / TRAIN_STRETCHES, (long)TRAIN_STRETCH);

    for (long at = 0; at < size; at += step) {
        if (fseek(file, at, SEEK_SET) != 0) {
            break;
        }
        const size_t len = fread(buf, 1, sizeof(buf), file);

        take(ctx, buf, len, at == 0);
    }
    fclose(file);
}

/* The first pass: rows. */
struct train_rows {
    struct train_class *classes;
    struct train_class *class;
};

static void rows_take(void *ctx, const uint8_t *ptr, size_t len, bool first)
{
    struct train_rows *rows = ctx;

    if (first) {
        rows->class = &rows->classes[is_text(ptr, len) ? 0 : 1];
    }
    class_add(rows->class, ptr, len);
}

/* ---- Hot grams ---- */

#define TRAIN_GRAMS_LOG2 28

/* Counts by hash, so wide that few grams share one; then the filter of those that are hot. */
struct train_grams {
    uint16_t *counts;
    uint64_t total;
    uint16_t hot_min; /* 0 while they are counted. */
    uint32_t *filter;
    uint64_t hot;
};

static void grams_take(void *ctx, const uint8_t *ptr, size_t len, bool first)
{
    struct train_grams *grams = ctx;

    (void)first;
    for (size_t i = 0; i + RARITY_HOT_LEN <= len; i++) {
        uint64_t gram;
        uint32_t word;

        memcpy(&gram, ptr + i, sizeof(gram));
        const uint64_t hash = (gram ^ gram >> 29) * UINT64_C(0xff51afd7ed558ccd);
        uint16_t *count = &grams->counts[hash >> (64 - TRAIN_GRAMS_LOG2)];

        if (grams->hot_min == 0) {
            *count += *count < UINT16_MAX;
            grams->total++;
        } else if (*count >= grams->hot_min) {
            const uint32_t bits = rarity_hot_bits(gram, &word);

            grams->hot += (grams->filter[word] & bits) != bits;
            grams->filter[word] |= bits;
        }
    }
}

static uint8_t cost_of(double share)
{
    const double cost = share > 0 ? -2 * log2(share) : RARITY_COST_MAX;

    return (uint8_t)(cost < RARITY_COST_MAX ? cost + 0.5 : RARITY_COST_MAX);
}

static void pick_add(struct train_picks *picks, uint32_t row, uint32_t len, double share)
{
    if (picks->len == picks->cap) {
        picks->cap = picks->cap * 2 + 1024;
        picks->ptr = realloc(picks->ptr, picks->cap * sizeof(*picks->ptr));
        if (!picks->ptr) {
            train_fail("memory");
        }
    }
    picks->ptr[picks->len++] = (struct train_pick){row, len, share};
}

/* The commonest first; among equals a fixed order. */
static int pick_compare(const void *left, const void *right)
{
    const struct train_pick *a = left;
    const struct train_pick *b = right;

    if (a->share != b->share) {
        return a->share > b->share ? -1 : 1;
    }
    if (a->len != b->len) {
        return a->len < b->len ? -1 : 1;
    }
    return a->row < b->row ? -1 : a->row > b->row;
}

#define TRAIN_SHARE_MIN 1e-6

static void picks_collect(struct train_picks *picks, const struct train_class *class)
{
    const double total = (double)class->total;

    for (uint32_t row = 0; row < 1U << 24; row++) {
        if (row < 1U << 16 && class->twos[row] / total > TRAIN_SHARE_MIN) {
            pick_add(picks, row, 2, class->twos[row] / total);
        }
        if (class->threes[row] / total > TRAIN_SHARE_MIN) {
            pick_add(picks, row, 3, class->threes[row] / total);
        }
    }
    for (uint32_t i = 0; i < 1U << TRAIN_ROWS_LOG2; i++) {
        if (class->fours[i].count / total > TRAIN_SHARE_MIN) {
            pick_add(picks, class->fours[i].row, 4, class->fours[i].count / total);
        }
    }
    qsort(picks->ptr, picks->len, sizeof(*picks->ptr), pick_compare);
}

/* False when the bucket is full. */
static bool model_insert(struct rarity_class *out, const struct train_pick *pick)
{
    const uint64_t hash = rarity_hash(pick->row, pick->len);
    uint16_t *bucket = out->slots + rarity_bucket(hash);

    for (unsigned i = 0; i < RARITY_BUCKET_LEN; i++) {
        if (bucket[i] == 0) {
            bucket[i] = (uint16_t)(rarity_tag(hash) | cost_of(pick->share));
            return true;
        }
        if ((bucket[i] & ~RARITY_COST_MAX) == rarity_tag(hash)) {
            return true;
        }
    }
    return false;
}

/* Fills the table to nine tenths; what then is missing is rarer than the last row of its length. */
static void model_fill(struct rarity_class *out, const struct train_class *class)
{
    struct train_picks picks = {0};
    const size_t room = (size_t)(RARITY_BUCKET_LEN << RARITY_BUCKETS_LOG2) / 10 * 9;
    size_t used[RARITY_ROW_MAX + 1] = {0};

    picks_collect(&picks, class);
    for (unsigned byte = 0; byte < 256; byte++) {
        out->bytes[byte] = cost_of((double)class->bytes[byte] / (double)class->total);
    }
    for (size_t i = 0; i < picks.len && i < room; i++) {
        used[picks.ptr[i].len] += model_insert(out, &picks.ptr[i]);
        out->missing[picks.ptr[i].len] = cost_of(picks.ptr[i].share);
    }
    fprintf(stderr, "%.1f MB; %zu rows of two, %zu of three, %zu of four; missing cost %u %u %u\n",
            (double)class->total / 1e6, used[2], used[3], used[4], out->missing[2], out->missing[3],
            out->missing[4]);
    free(picks.ptr);
}

/* ---- The sample ---- */

static uint32_t class_count_four(const struct train_class *class, uint32_t row)
{
    const uint32_t mask = (1U << TRAIN_ROWS_LOG2) - 1;
    uint32_t at = (uint32_t)(rarity_hash(row, 4) >> 20) & mask;

    while (class->fours[at].count > 0 && class->fours[at].row != row) {
        at = (at + 1) & mask;
    }
    return class->fours[at].count;
}

/* A byte that follows the three bytes of `row`, as often as it does in the files. */
static uint8_t sample_next(const struct train_class *class, uint32_t row, uint32_t dice)
{
    uint64_t counts[256];
    uint64_t sum = 0;

    for (uint32_t byte = 0; byte < 256; byte++) {
        counts[byte] = class_count_four(class, row | byte << 24);
        sum += counts[byte];
    }
    uint64_t left = sum * dice >> 32;
    unsigned byte = 0;

    while (byte < 255 && left >= counts[byte]) {
        left -= counts[byte++];
    }
    return (uint8_t)byte;
}

/* Runs of one byte are cut short, and every so often another place is begun with: a sample has no
 * room for all the padding there is. */
#define SAMPLE_RUN_MAX   12
#define SAMPLE_STRETCH   1024
#define SAMPLE_START_MIN 64

static uint32_t sample_start(const struct train_class *class, uint64_t *state)
{
    for (;;) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        const struct train_row *row = &class->fours[*state >> (64 - TRAIN_ROWS_LOG2)];

        if (row->count >= SAMPLE_START_MIN) {
            return row->row >> 8;
        }
    }
}

static void sample_make(uint8_t *out, const struct train_class *class)
{
    uint64_t state = 1;
    uint32_t row = 0;
    unsigned run = 0;

    for (size_t i = 0; i < RARITY_SAMPLE_BYTES; i++) {
        row = i % SAMPLE_STRETCH == 0 ? sample_start(class, &state) : row;
        state = state * 6364136223846793005u + 1442695040888963407u;
        out[i] = sample_next(class, row, (uint32_t)(state >> 32));
        run = i > 0 && out[i] == out[i - 1] ? run + 1 : 0;
        if (run == SAMPLE_RUN_MAX) {
            out[i] = (uint8_t)(state >> 24);
        }
        row = row >> 8 | (uint32_t)out[i] << 16;
    }
}

/* ---- Files ---- */

struct train_files {
    char **paths;
    size_t len;
};

static void files_read(struct train_files *files)
{
    char *line = NULL;
    size_t line_cap = 0;

    for (ssize_t len; (len = getline(&line, &line_cap, stdin)) > 0;) {
        line[len - 1] = line[len - 1] == '\n' ? '\0' : line[len - 1];
        files->paths = realloc(files->paths, (files->len + 1) * sizeof(*files->paths));
        if (!files->paths) {
            train_fail("memory");
        }
        files->paths[files->len++] = strdup(line);
    }
    free(line);
}

static void files_free(struct train_files *files)
{
    for (size_t i = 0; i < files->len; i++) {
        free(files->paths[i]);
    }
    free(files->paths);
}

static void files_each(const struct train_files *files, train_fn take, void *ctx)
{
    for (size_t i = 0; i < files->len; i++) {
        train_file(files->paths[i], take, ctx);
    }
}

/* A gram is hot when its share of one class alone is: so half of the total counts. */
static void train_hot(struct rarity_model *model, const struct train_files *files)
{
    struct train_grams grams = {
        .counts = calloc(1U << TRAIN_GRAMS_LOG2, sizeof(*grams.counts)),
        .filter = model->hot,
    };

    if (!grams.counts) {
        train_fail("memory");
    }
    files_each(files, grams_take, &grams);
    grams.hot_min = (uint16_t)((double)grams.total / 2 * exp2(-RARITY_HOT_COST / 2.0)) + 1;
    files_each(files, grams_take, &grams);
    fprintf(stderr, "%llu grams are hot: %u and more\n", (unsigned long long)grams.hot,
            grams.hot_min);
    free(grams.counts);
}

int main(int argc, char **argv)
{
    static struct rarity_model model;
    static struct train_class classes[RARITY_CLASSES];
    struct train_rows rows = {.classes = classes};
    struct train_files files = {0};

    if (argc != 2) {
        fprintf(stderr, "usage: rarity_train MODEL < LIST-OF-FILES\n");
        return 2;
    }
    for (unsigned i = 0; i < RARITY_CLASSES; i++) {
        class_init(&classes[i]);
    }
    files_read(&files);
    files_each(&files, rows_take, &rows);
    for (unsigned i = 0; i < RARITY_CLASSES; i++) {
        model_fill(&model.classes[i], &classes[i]);
        sample_make(model.samples[i], &classes[i]);
    }
    train_hot(&model, &files);
    files_free(&files);
    FILE *file = fopen(argv[1], "wb");

    if (!file || fwrite(&model, sizeof(model), 1, file) != 1 || fclose(file) != 0) {
        train_fail(argv[1]);
    }
    return 0;
}
