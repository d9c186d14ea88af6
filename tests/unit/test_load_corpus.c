/* SPDX-License-Identifier: MIT */
#include "bench/load/load_corpus.h"
#include "bench/load/load_mix.h"
#include "bench/load/load_pack.h"
#include "bench/load/load_prose.h"
#include "bench/load/load_sizes.h"
#include "bench/load/load_web.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARKER "HARMLESS-MARKER-OF-A-TEST-<&>\\"

static const char *const kinds[] = {"text", "html", "css",    "script",  "json",    "image",
                                    "font", "pdf",  "random", "program", "archive", "web"};
static const char everything[] =
    "text,html,css,script,json,image:3,font,random,program:3,archive:3,pdf";

static void build(struct load_corpus *corpus, const struct load_corpus_spec *spec)
{
    char why[256] = "";

    cr_assert(load_corpus_build(corpus, spec, why, sizeof(why)), "%s", why);
    cr_assert_gt(corpus->items_len, 0);
}

static void refuse(const struct load_corpus_spec *spec, const char *part)
{
    struct load_corpus corpus = {.items_len = 1};
    char why[256] = "";

    cr_assert(!load_corpus_build(&corpus, spec, why, sizeof(why)), "%s", part);
    cr_expect(strstr(why, part) != NULL, "'%s' has no '%s'", why, part);
    cr_expect_eq(corpus.items_len, 0);
    cr_expect_null(corpus.items);
    load_corpus_free(&corpus);
}

static uint64_t digest_add(uint64_t sum, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < len; i++) {
        sum = (sum ^ at[i]) * 0x100000001b3U;
    }
    return sum;
}

static uint64_t digest(const struct load_corpus *corpus)
{
    uint64_t sum = 0xcbf29ce484222325U;

    for (size_t i = 0; i < corpus->items_len; i++) {
        const struct load_item *item = &corpus->items[i];

        sum = digest_add(sum, item->body.ptr, item->body.len);
        sum = digest_add(sum, item->type, strlen(item->type));
        sum = digest_add(sum, item->name, strlen(item->name));
        sum = digest_add(sum, item->kind, strlen(item->kind));
        sum = digest_add(sum, &item->infected, 1);
    }
    return sum;
}

/* Whoever changes what is made changes this number, and makes old results hard to compare. */
Test(load_corpus, the_same_seed_gives_the_same_bytes_everywhere)
{
    const struct load_corpus_spec spec = {.mix = everything,
                                          .sizes = "lognormal:8k,1.2,256k",
                                          .count = 300,
                                          .infected_share = 0.1,
                                          .seed = 42};
    struct load_corpus one;
    struct load_corpus two;

    build(&one, &spec);
    build(&two, &spec);
    cr_expect_eq(digest(&one), digest(&two));
    cr_expect_eq(digest(&one), 0x2afe56897a9be251, "%#llx", (unsigned long long)digest(&one));
    load_corpus_free(&two);

    struct load_corpus_spec other = spec;

    other.seed = 43;
    build(&two, &other);
    cr_expect_neq(digest(&one), digest(&two));
    load_corpus_free(&one);
    load_corpus_free(&two);
}

Test(load_corpus, bodies_have_exactly_the_size_that_is_asked_for)
{
    static const char *const sizes[] = {
        "0",    "1",    "2",   "8",    "31",    "63",    "64",   "100",   "255",   "256", "300",
        "511",  "512",  "513", "700",  "1023",  "1k",    "1025", "1535",  "2047",  "2k",  "2049",
        "3000", "4095", "4k",  "5000", "10000", "65535", "64k",  "65537", "70001", "200k"};

    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            const struct load_corpus_spec spec = {
                .mix = kinds[k], .sizes = sizes[s], .count = 20, .seed = s};
            struct load_corpus corpus;
            uint64_t size = 0;

            cr_assert(load_parse_bytes(slice_from_str(sizes[s]), GIB(1), &size));
            build(&corpus, &spec);
            cr_assert_eq(corpus.items_len, 20);
            cr_assert_eq(corpus.bytes, 20 * size);
            for (size_t i = 0; i < corpus.items_len; i++) {
                cr_assert_eq(corpus.items[i].body.len, size, "%s %s", kinds[k], sizes[s]);
            }
            load_corpus_free(&corpus);
        }
    }
}

/* The least sizes hold whatever is drawn: heads of pages vary most. */
Test(load_corpus, small_bodies_have_room_for_what_they_must_hold)
{
    static const size_t extras[] = {0, 1, 26, 1540, 1600};
    char longest[201];
    const char *const markers[] = {NULL, MARKER, longest};

    memset(longest, 'M', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    for (size_t k = 0; k + 1 < ARRAY_LEN(kinds); k++) {
        enum load_kind kind = LOAD_KIND_TEXT;

        cr_assert(load_kind_find(slice_from_str(kinds[k]), &kind));
        for (size_t i = 0; i < ARRAY_LEN(extras) * ARRAY_LEN(markers); i++) {
            const char *marker = markers[i % ARRAY_LEN(markers)];
            const size_t least = load_kind_least(kind, slice_from_str(marker));
            char sizes[32];
            const struct load_corpus_spec spec = {.mix = kinds[k],
                                                  .sizes = sizes,
                                                  .count = 500,
                                                  .marker = marker,
                                                  .infected_share = marker != NULL,
                                                  .seed = i};
            struct load_corpus corpus;

            snprintf(sizes, sizeof(sizes), "%zu", least + extras[i / ARRAY_LEN(markers)]);
            build(&corpus, &spec);
            load_corpus_free(&corpus);
        }
    }
}

static size_t common_start(struct slice a, struct slice b)
{
    size_t at = 0;

    while (at < a.len && at < b.len && a.ptr[at] == b.ptr[at]) {
        at++;
    }
    return at;
}

Test(load_corpus, no_two_bodies_begin_alike)
{
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        const struct load_corpus_spec spec = {
            .mix = kinds[k], .sizes = "1k", .count = 100, .seed = 7};
        struct load_corpus corpus;

        build(&corpus, &spec);
        for (size_t i = 0; i < corpus.items_len; i++) {
            for (size_t j = 0; j < i; j++) {
                cr_assert_lt(common_start(corpus.items[i].body, corpus.items[j].body), 100,
                             "%s %zu %zu", kinds[k], i, j);
            }
        }
        load_corpus_free(&corpus);
    }
}

static bool contains(struct slice body, const char *text)
{
    return memmem(body.ptr, body.len, text, strlen(text)) != NULL;
}

Test(load_corpus, the_share_of_infected_bodies_is_exact_and_only_they_have_the_marker)
{
    static const struct {
        double share;
        size_t count;
        size_t infected;
    } rows[] = {{0, 50, 0}, {1, 50, 50}, {0.5, 50, 25}, {0.1, 200, 20}, {0.001, 100, 1}};

    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        const struct load_corpus_spec spec = {.mix = everything,
                                              .sizes = "3k",
                                              .count = rows[r].count,
                                              .infected_share = rows[r].share,
                                              .marker = MARKER,
                                              .seed = r};
        struct load_corpus corpus;
        size_t infected = 0;

        build(&corpus, &spec);
        for (size_t i = 0; i < corpus.items_len; i++) {
            const struct load_item *item = &corpus.items[i];

            infected += item->infected;
            cr_expect_eq(contains(item->body, MARKER), item->infected, "%s", item->name);
        }
        cr_expect_eq(infected, rows[r].infected);
        load_corpus_free(&corpus);
    }
}

Test(load_corpus, without_a_marker_of_ones_own_it_is_the_test_file_of_all_scanners)
{
    const struct load_corpus_spec spec = {
        .mix = "text,random", .sizes = "0", .count = 10, .infected_share = 1};
    struct load_corpus corpus;

    build(&corpus, &spec);
    for (size_t i = 0; i < corpus.items_len; i++) {
        const struct slice body = corpus.items[i].body;

        cr_assert_geq(body.len, 69);
        cr_expect_eq(memcmp(body.ptr, "X5O!P%@AP[4", 11), 0);
        cr_expect_eq(memcmp(body.ptr + 61, "E!$H+H*\n", 8), 0);
    }
    load_corpus_free(&corpus);
}

Test(load_corpus, kinds_are_dealt_out_by_their_weights)
{
    const struct load_corpus_spec spec = {
        .mix = "html:5, image:4 ,text:0.5,css:0.5", .sizes = "600", .count = 200, .seed = 3};
    size_t html = 0;
    size_t image = 0;
    size_t runs = 0;
    struct load_corpus corpus;

    build(&corpus, &spec);
    cr_assert_eq(corpus.items_len, 200);
    for (size_t i = 0; i < 200; i++) {
        html += strcmp(corpus.items[i].kind, "html") == 0;
        image += strcmp(corpus.items[i].kind, "image") == 0;
        runs += i > 0 && strcmp(corpus.items[i].kind, corpus.items[i - 1].kind) != 0;
    }
    cr_expect_eq(html, 100);
    cr_expect_eq(image, 80);
    /* Shuffled: with sorted ones there were three. */
    cr_expect_gt(runs, 60);
    load_corpus_free(&corpus);
}

static const char *const wrong_mixes[][2] = {
    {"", "mix: '' is none of"},
    {"text,", "mix: '' is none of"},
    {"txet", "mix: 'txet' is none of text,"},
    {"text:0", "mix: 'text:0': a weight"},
    {"text:1000001", "a weight is a number above 0"},
    {"text:1.2345", "a weight"},
    {"text:x", "a weight"},
    {"text:", "a weight"},
    {"text:1:2", "'text:1' is none of"},
    {"file", "'file' is none of"},
    {"file:", "a weight"},
    {"file:/no/such:place", "/no/such:place: No such file"},
    {"file:/no/such:place:3", "/no/such:place: No such file"},
    {"file:/no/such/place", "/no/such/place: No such file"},
    {"file:/dev/null", "/dev/null: neither a file nor a folder"},
    {"web,web,web,web,web,web,web,web,web,web", "more than 64 kinds"},
};

Test(load_corpus, mixes_that_are_wrong_are_refused_with_the_reason)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong_mixes); i++) {
        const struct load_corpus_spec spec = {.mix = wrong_mixes[i][0]};

        refuse(&spec, wrong_mixes[i][1]);
    }
}

static const char *const wrong_sizes[][2] = {
    {"", "sizes: '' is not a number of bytes"},
    {"k", "is not a number of bytes"},
    {"-1", "is not a number of bytes"},
    {"1g1", "is not a number of bytes"},
    {"1025m", "is not a number of bytes"},
    {"99999999999999999999", "is not a number of bytes"},
    {"lognormal:", "two or three numbers"},
    {"lognormal:1k", "two or three numbers"},
    {"lognormal:1k,1,2k,3k", "two or three numbers"},
    {"lognormal:0,1", "the median is a number"},
    {"lognormal:x,1", "the median is a number"},
    {"lognormal:1k,9", "sigma is a number"},
    {"lognormal:1k,-1", "sigma is a number"},
    {"lognormal:1k,1.2.3", "sigma is a number"},
    {"lognormal:1k,1,", "the maximum is a number"},
    {"lognormal:1k,1,2g", "the maximum is a number"},
    {"lognormal:1k,1,1023", "the maximum is below the median"},
    {"trace:/no/such/file", "/no/such/file: No such file"},
    {"trace:/dev", "/dev: not a regular file"},
    {"own", "only files have sizes of their own"},
};

Test(load_corpus, sizes_that_are_wrong_are_refused_with_the_reason)
{
    for (size_t i = 0; i < ARRAY_LEN(wrong_sizes); i++) {
        const struct load_corpus_spec spec = {.sizes = wrong_sizes[i][0]};

        refuse(&spec, wrong_sizes[i][1]);
    }
}

Test(load_corpus, what_else_is_wrong_is_refused_with_the_reason)
{
    refuse(&(struct load_corpus_spec){.infected_share = 1.5}, "a share is a number from 0 to 1");
    refuse(&(struct load_corpus_spec){.infected_share = NAN}, "a share is a number from 0 to 1");
    refuse(&(struct load_corpus_spec){.marker = ""}, "a marker has 1 to 200 bytes");
    refuse(&(struct load_corpus_spec){.count = 1000001}, "more than 1000000 bodies");
    refuse(&(struct load_corpus_spec){.mix = "program", .sizes = "web"},
           "the HTTP Archive has no sizes of program");
}

Test(load_corpus, the_budget_makes_fewer_bodies_not_shorter_ones)
{
    struct load_corpus_spec spec = {
        .sizes = "lognormal:10k,1.5,1m", .count = 500, .budget = MIB(64), .seed = 5};
    struct load_corpus whole;
    struct load_corpus part;

    build(&whole, &spec);
    cr_assert_eq(whole.items_len, 500);
    spec.budget = MIB(4);
    build(&part, &spec);
    cr_assert_lt(part.items_len, 500);
    cr_assert_gt(part.items_len, 20);
    cr_assert_leq(part.bytes, MIB(4));
    cr_assert_gt(part.bytes, MIB(3));
    for (size_t i = 0; i < part.items_len; i++) {
        cr_assert(slice_equal(part.items[i].body, whole.items[i].body));
    }
    load_corpus_free(&whole);
    load_corpus_free(&part);
}

Test(load_corpus, what_does_not_fit_the_budget_at_all_is_refused)
{
    refuse(&(struct load_corpus_spec){.sizes = "2k", .budget = 2047},
           "a body of 2048 bytes is more than the budget of 2047");
    refuse(&(struct load_corpus_spec){.sizes = "lognormal:1m,0.01", .budget = KIB(1)},
           "the budget of 1024 is below the distribution");
    refuse(&(struct load_corpus_spec){.infected_share = 1, .sizes = "0", .budget = 10},
           "the bodies need more than the budget of 10");
}

/* ---- Files ---- */

static char folder[] = "/tmp/test_load_corpus.XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");

    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void make_folder(void)
{
    char path[256];

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/b", folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    write_file("c one.html", "<html>one</html>");
    write_file("a.txt", "first");
    write_file("b/z.bin", "deep");
    write_file("b/empty", "");
    snprintf(path, sizeof(path), "%s/link", folder);
    cr_assert_eq(symlink("a.txt", path), 0);
    snprintf(path, sizeof(path), "%s/loop", folder);
    cr_assert_eq(symlink(".", path), 0);
}

static void remove_folder(void)
{
    char command[300];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    cr_expect_eq(system(command), 0);
}

static const char *below(char *out, const char *front, const char *back)
{
    snprintf(out, 256, "%s%s%s", front, folder, back);
    return out;
}

static const struct load_item *find_item(const struct load_corpus *corpus, const char *name)
{
    for (size_t i = 0; i < corpus->items_len; i++) {
        if (strcmp(corpus->items[i].name, name) == 0) {
            return &corpus->items[i];
        }
    }
    return NULL;
}

Test(load_corpus, a_folder_gives_each_of_its_files_once, .init = make_folder, .fini = remove_folder)
{
    char mix[256];
    char path[256];
    const struct load_corpus_spec spec = {.mix = below(mix, "file:", ""), .count = 1000};
    struct load_corpus corpus;

    build(&corpus, &spec);
    cr_assert_eq(corpus.items_len, 4);
    cr_assert_eq(corpus.bytes, 25);
    const struct load_item *page = find_item(&corpus, "c_one.html");
    const struct load_item *deep = find_item(&corpus, "z.bin");
    const struct load_item *empty = find_item(&corpus, "empty");

    cr_assert_not_null(page);
    cr_assert_not_null(deep);
    cr_assert_not_null(empty);
    cr_expect(slice_equal(page->body, SLICE_OF("<html>one</html>")));
    cr_expect_str_eq(page->type, "text/html");
    cr_expect_str_eq(page->kind, "file");
    cr_expect_str_eq(page->path, below(path, "", "/c one.html"));
    cr_expect_str_eq(deep->type, "application/octet-stream");
    cr_expect_str_eq(deep->path, below(path, "", "/b/z.bin"));
    cr_expect_eq(empty->body.len, 0);
    load_corpus_free(&corpus);
}

Test(load_corpus, links_are_not_followed, .init = make_folder, .fini = remove_folder)
{
    char mix[256];

    refuse(&(struct load_corpus_spec){.mix = below(mix, "file:", "/link")},
           "links are not followed");
    refuse(&(struct load_corpus_spec){.mix = below(mix, "file:", "/loop")},
           "links are not followed");
}

Test(load_corpus, files_in_a_mix_come_as_often_as_their_weight_says, .init = make_folder,
     .fini = remove_folder)
{
    char mix[256];
    const struct load_corpus_spec spec = {.mix = mix, .sizes = "own", .count = 1};
    size_t first = 0;
    const uint8_t *bytes = NULL;
    struct load_corpus corpus;

    snprintf(mix, sizeof(mix), "file:%s/a.txt:3,file:%s/b:1", folder, folder);
    build(&corpus, &spec);
    for (size_t i = 0; i < corpus.items_len; i++) {
        const struct load_item *item = &corpus.items[i];

        if (strcmp(item->name, "a.txt") == 0) {
            cr_expect(bytes == NULL || bytes == item->body.ptr, "the bytes are there once");
            bytes = item->body.ptr;
            first++;
        }
    }
    /* Both files of the second entry are there, so the first comes about six times. */
    cr_expect_not_null(find_item(&corpus, "z.bin"));
    cr_expect_not_null(find_item(&corpus, "empty"));
    cr_expect(first >= 6 && first <= 7, "%zu", first);
    load_corpus_free(&corpus);
}

Test(load_corpus, files_beside_generated_kinds_keep_their_sizes, .init = make_folder,
     .fini = remove_folder)
{
    char mix[256];
    const struct load_corpus_spec spec = {
        .mix = below(mix, "text:9,file:", "/a.txt"), .sizes = "100", .count = 50};
    struct load_corpus corpus;

    build(&corpus, &spec);
    cr_assert_eq(corpus.items_len, 50);
    cr_expect_eq(corpus.bytes, 45 * 100 + 5 * 5);
    load_corpus_free(&corpus);
}

Test(load_corpus, an_infected_file_is_a_copy_with_a_marker_behind, .init = make_folder,
     .fini = remove_folder)
{
    char mix[256];
    const struct load_corpus_spec spec = {
        .mix = below(mix, "file:", ""), .infected_share = 1, .marker = MARKER};
    struct load_corpus corpus;

    build(&corpus, &spec);
    for (size_t i = 0; i < corpus.items_len; i++) {
        const struct load_item *item = &corpus.items[i];

        cr_expect(item->infected);
        cr_expect(contains(item->body, MARKER));
        cr_expect_null(item->path, "the file itself has no marker");
    }
    cr_expect_eq(memcmp(find_item(&corpus, "a.txt")->body.ptr, "first", 5), 0);
    load_corpus_free(&corpus);
}

Test(load_corpus, files_beyond_the_budget_are_refused, .init = make_folder, .fini = remove_folder)
{
    char mix[256];

    refuse(&(struct load_corpus_spec){.mix = below(mix, "file:", ""), .budget = 24},
           "the files have 25 bytes, more than the budget of 24");
    refuse(&(struct load_corpus_spec){.mix = below(mix, "file:", ""), .budget = 15},
           "c one.html: its 16 bytes are more than the budget of 15");
}

static void count_path(void *owner, size_t index, const char *path)
{
    const struct load_corpus *corpus = ((void **)owner)[0];
    size_t *seen = ((void **)owner)[1];
    uint8_t block[KIB(4)];
    FILE *file = fopen(path, "rb");

    cr_assert_not_null(file, "%s", path);
    const size_t len = fread(block, 1, sizeof(block), file);

    fclose(file);
    cr_assert(slice_equal(slice_from(block, len), corpus->items[index].body), "%s", path);
    (*seen)++;
}

Test(load_corpus, a_corpus_is_written_as_a_tree_once, .init = make_folder, .fini = remove_folder)
{
    const struct load_corpus_spec spec = {.mix = "text,html", .sizes = "600", .count = 600};
    struct load_corpus corpus;
    char why[256] = "";
    char path[256];
    struct stat info;
    size_t seen = 0;
    void *owner[] = {&corpus, &seen};

    build(&corpus, &spec);
    below(path, "", "/new/tree");
    cr_assert(load_corpus_write(&corpus, path, count_path, owner, why, sizeof(why)), "%s", why);
    cr_expect_eq(seen, 600);
    cr_expect_eq(stat(below(path, "", "/new/tree/002"), &info), 0);
    cr_expect_neq(stat(below(path, "", "/new/tree/003"), &info), 0);
    below(path, "", "/new/tree");
    cr_expect(!load_corpus_write(&corpus, path, NULL, NULL, why, sizeof(why)));
    cr_expect(strstr(why, "File exists") != NULL, "%s", why);
    below(path, "", "/a.txt/under");
    cr_expect(!load_corpus_write(&corpus, path, NULL, NULL, why, sizeof(why)));
    cr_expect(strstr(why, "a.txt") != NULL, "%s", why);
    load_corpus_free(&corpus);
}

/* ---- Traces ---- */

static bool parse_trace(struct load_sizes *sizes, const char *text, char why[256])
{
    const struct load_why reason = {why, 256};

    return load_sizes_parse_trace(sizes, slice_from_str(text), "t", &reason);
}

Test(load_sizes, a_trace_has_sizes_and_may_have_kinds_and_counts)
{
    static const struct load_trace_row want[] = {
        {100, 1, LOAD_KIND_COUNT}, {10240, 1, LOAD_KIND_HTML}, {0, 7, LOAD_KIND_COUNT},
        {5, 12, LOAD_KIND_PDF},    {1, 1, LOAD_KIND_COUNT},
    };
    struct load_sizes sizes;
    char why[256] = "";

    cr_assert(parse_trace(&sizes, "# head\n\n100\n10k\thtml\n0\t7\n  5\tpdf\t12 \r\n1", why), "%s",
              why);
    cr_assert_eq(sizes.rows_len, ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        cr_expect_eq(sizes.rows[i].size, want[i].size, "%zu", i);
        cr_expect_eq(sizes.rows[i].count, want[i].count, "%zu", i);
        cr_expect_eq(sizes.rows[i].kind, want[i].kind, "%zu", i);
    }
    load_sizes_free(&sizes);
}

Test(load_sizes, a_broken_trace_is_refused_with_the_line)
{
    static const char *const rows[][2] = {
        {"", "t: a trace has a size in each line; this one has none"},
        {"# only\n", "this one has none"},
        {"1\n\nx\n", "t:3: the size"},
        {"1\n-2", "t:2: the size"},
        {"2g", "t:1: the size"},
        {"1\tfile", "t:1: behind the size"},
        {"1\tfile:/etc/passwd", "t:1: behind the size"},
        {"1\tweb", "t:1: behind the size"},
        {"1\ttext\t0", "t:1: the count"},
        {"1\ttext\t1000001", "t:1: the count"},
        {"1\t0", "t:1: the count"},
        {"1\ttext\t1\tmore", "t:1: more than"},
        {"1\t2\t3", "t:1: more than"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct load_sizes sizes;
        char why[256] = "";

        cr_expect(!parse_trace(&sizes, rows[i][0], why), "%s", rows[i][0]);
        cr_expect(strstr(why, rows[i][1]) == why || strstr(why, rows[i][1]) != NULL, "%s", why);
        cr_expect_null(sizes.rows);
    }
}

Test(load_sizes, bodies_of_a_trace_are_as_often_there_as_it_says, .init = make_folder,
     .fini = remove_folder)
{
    char sizes[256];
    const struct load_corpus_spec spec = {
        .mix = "random", .sizes = below(sizes, "trace:", "/trace"), .count = 20};
    size_t pages = 0;
    size_t others = 0;
    struct load_corpus corpus;

    write_file("trace", "1000\thtml\t3\n2000\t7\n");
    build(&corpus, &spec);
    cr_assert_eq(corpus.items_len, 20);
    for (size_t i = 0; i < 20; i++) {
        const struct load_item *item = &corpus.items[i];

        pages += strcmp(item->kind, "html") == 0 && item->body.len == 1000;
        others += strcmp(item->kind, "random") == 0 && item->body.len == 2000;
    }
    cr_expect_eq(pages, 6);
    cr_expect_eq(others, 14);
    load_corpus_free(&corpus);
}

/* A hundred sizes of each kind of a page load, as the distribution has them. */
Test(load_sizes, the_shipped_trace_is_what_pages_consist_of)
{
    struct load_sizes sizes;
    char why[256] = "";
    const struct load_why reason = {why, sizeof(why)};

    cr_assert(load_sizes_parse(&sizes, "trace:" SOURCE_ROOT "/bench/scenarios/isp.trace", &reason),
              "%s", why);
    cr_expect_eq(sizes.rows_len, 100 * LOAD_WEB_KINDS);
    for (size_t k = 0; k < LOAD_WEB_KINDS; k++) {
        const struct load_web_kind *web = &load_web_kinds[k];
        size_t rows = 0;
        size_t smaller = 0;

        for (size_t i = 0; i < sizes.rows_len; i++) {
            const struct load_trace_row *row = &sizes.rows[i];

            rows += row->kind == web->kind && row->count == web->requests;
            smaller += row->kind == web->kind && (double)row->size < web->size.median;
        }
        cr_expect_eq(rows, 100, "%s", load_kind_name(web->kind));
        cr_expect_eq(smaller, 50, "%s", load_kind_name(web->kind));
    }
    load_sizes_free(&sizes);
}

/* ---- Numbers ---- */

Test(load_random, logarithm_and_exponential_are_those_of_the_library)
{
    for (double x = -30; x < 30; x += 0.37) {
        cr_expect_float_eq(load_random_exp(x) / exp(x), 1, 1e-14, "%f", x);
        cr_expect_float_eq(load_random_log(exp(x)), x, 1e-13, "%f", x);
    }
    cr_expect_float_eq(load_random_exp(-1000), 0, 1e-300);
}

static int compare_doubles(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;

    return (*left > *right) - (*left < *right);
}

Test(load_random, the_normal_distribution_has_its_quantiles)
{
    enum {
        COUNT = 200000
    };
    static const double quantiles[][2] = {{0.1, -1.28155}, {0.25, -0.67449}, {0.5, 0},
                                          {0.75, 0.67449}, {0.9, 1.28155},   {0.99, 2.32635}};
    struct load_random random = {1};
    double *values = calloc(COUNT, sizeof(*values));

    cr_assert_not_null(values);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = load_random_normal(&random);
    }
    qsort(values, COUNT, sizeof(*values), compare_doubles);
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++) {
        cr_expect_float_eq(values[(size_t)(quantiles[i][0] * COUNT)], quantiles[i][1], 0.02);
    }
    free(values);
}

Test(load_sizes, a_lognormal_distribution_has_its_median_and_its_end)
{
    const struct load_lognormal dist = {10000, 1.5, 100000};
    struct load_random random = {9};
    size_t smaller = 0;
    size_t most = 0;
    size_t size = 0;

    for (size_t i = 0; i < 20000; i++) {
        cr_assert(load_lognormal_draw(&dist, GIB(1), &random, &size));
        smaller += size < 10000;
        most = MAX_OF(most, size);
    }
    /* 6.2 % lie beyond the end and are drawn again. */
    cr_expect_float_eq((double)smaller / 20000, 0.5 / 0.938, 0.01);
    cr_expect_leq(most, 100000);
    cr_expect_gt(most, 95000);
    cr_expect(!load_lognormal_draw(&dist, 1, &random, &size));
}

Test(load_sizes, the_sizes_of_the_web_have_the_published_percentiles)
{
    static const struct {
        const char *mix;
        size_t median;
        size_t high;
    } rows[] = {{"script", 4710, 85504}, {"image", 8192, 187392}, {"font", 23552, 80896}};

    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        enum load_kind kind = LOAD_KIND_TEXT;
        struct load_random random = {r};
        size_t below_median = 0;
        size_t below_high = 0;

        cr_assert(load_kind_find(slice_from_str(rows[r].mix), &kind));
        for (size_t i = 0; i < 20000; i++) {
            size_t size = 0;

            cr_assert(load_lognormal_draw(load_web_size(kind), GIB(1), &random, &size));
            below_median += size <= rows[r].median;
            below_high += size <= rows[r].high;
        }
        cr_expect_float_eq((double)below_median / 20000, 0.5, 0.02, "%s", rows[r].mix);
        cr_expect_float_eq((double)below_high / 20000, 0.9, 0.02, "%s", rows[r].mix);
    }
}

/* ---- Packing ---- */

Test(load_pack, checksums_are_those_of_the_standards)
{
    cr_expect_eq(load_crc32(0, SLICE_OF("123456789")), 0xcbf43926);
    cr_expect_eq(load_crc32(load_crc32(0, SLICE_OF("12345678")), SLICE_OF("9")), 0xcbf43926);
    cr_expect_eq(load_adler32(1, SLICE_OF("Wikipedia")), 0x11e60398);
    cr_expect_eq(load_adler32(1, (struct slice){0}), 1);
}

/* Reads the two forms of blocks that are written: fixed codes and stored. */
struct inflate {
    struct slice in;
    size_t bit;
    uint8_t out[KIB(256)];
    size_t len;
};

static uint32_t inflate_bits(struct inflate *inflate, unsigned len)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < len; i++, inflate->bit++) {
        cr_assert_lt(inflate->bit / 8, inflate->in.len);
        value |= (uint32_t)(inflate->in.ptr[inflate->bit / 8] >> inflate->bit % 8 & 1) << i;
    }
    return value;
}

static uint32_t inflate_symbol(struct inflate *inflate)
{
    uint32_t code = 0;

    for (unsigned len = 1; len <= 9; len++) {
        code = code << 1 | inflate_bits(inflate, 1);
        if (len == 7 && code < 24) {
            return 256 + code;
        }
        if (len == 8 && code >= 0x30 && code < 0xc0) {
            return code - 0x30;
        }
        if (len == 8 && code >= 0xc0 && code < 0xc8) {
            return 280 + code - 0xc0;
        }
    }
    return 144 + code - 0x190;
}

static void inflate_fixed(struct inflate *inflate)
{
    static const uint16_t lengths[] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                       15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                       67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const uint16_t distances[] = {
        1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
        193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

    for (;;) {
        const uint32_t symbol = inflate_symbol(inflate);
        uint32_t code = 0;

        if (symbol == 256) {
            return;
        }
        if (symbol < 256) {
            inflate->out[inflate->len++] = (uint8_t)symbol;
            continue;
        }
        const uint32_t row = symbol - 257;
        const unsigned more = row < 8 || row == 28 ? 0 : row / 4 - 1;
        const size_t len = lengths[row] + inflate_bits(inflate, more);

        for (unsigned i = 0; i < 5; i++) {
            code = code << 1 | inflate_bits(inflate, 1);
        }
        const size_t distance =
            distances[code] + inflate_bits(inflate, code < 4 ? 0 : code / 2 - 1);

        cr_assert_leq(distance, inflate->len);
        cr_assert_leq(inflate->len + len, sizeof(inflate->out));
        for (size_t i = 0; i < len; i++, inflate->len++) {
            inflate->out[inflate->len] = inflate->out[inflate->len - distance];
        }
    }
}

static void inflate_all(struct inflate *inflate)
{
    cr_assert_eq(inflate_bits(inflate, 3), 2, "fixed, not the last");
    inflate_fixed(inflate);
    cr_assert_eq(inflate_bits(inflate, 3), 1, "stored, the last");
    inflate->bit = (inflate->bit + 7) / 8 * 8;
    const uint32_t len = inflate_bits(inflate, 16);

    cr_assert_eq(len ^ inflate_bits(inflate, 16), 0xffff);
    cr_assert_eq(inflate->bit / 8 + len, inflate->in.len);
    memcpy(inflate->out + inflate->len, inflate->in.ptr + inflate->bit / 8, len);
    inflate->len += len;
}

Test(load_pack, a_stream_ends_where_it_must_and_unpacks_to_what_went_in)
{
    static struct inflate inflate;
    static char block[KIB(64)];
    static char piece[KIB(32)];

    for (size_t cap = LOAD_DEFLATE_LEAST; cap < sizeof(block); cap += 1 + cap / 3) {
        struct load_random random = {cap};
        struct text out = text_over(block, cap);
        struct load_deflate deflate;
        uint32_t crc = 0;
        size_t len = 0;

        load_deflate_begin(&deflate, &out, cap);
        while (!deflate.full) {
            struct text text = text_over(piece, cap % sizeof(piece) + 1);

            load_prose_fill(&text, &random, text.cap);
            const size_t taken = load_deflate_feed(&deflate, text_slice(&text));

            crc = load_crc32(crc, slice_from(piece, taken));
            len += taken;
        }
        const struct slice tail = load_deflate_end(&deflate, &random);

        crc = load_crc32(crc, tail);
        cr_assert_eq(out.len, cap);
        cr_assert(!out.overflowed);
        cr_assert_lt(tail.len, 32);
        inflate.in = text_slice(&out);
        inflate.bit = 0;
        inflate.len = 0;
        inflate_all(&inflate);
        cr_assert_eq(inflate.len, len + tail.len);
        cr_assert_eq(load_crc32(0, slice_from(inflate.out, inflate.len)), crc);
    }
}

/* zlib makes the same text shorter by a quarter: 2.3 to 3.1 at level 6, as with that of people. */
Test(load_pack, text_compresses_as_text_does_and_noise_does_not)
{
    static char block[KIB(24)];
    static char piece[KIB(32)];
    struct load_random random = {1};
    struct text out = text_over(block, sizeof(block));
    struct text text = text_over(piece, sizeof(piece));
    struct load_deflate deflate;

    load_prose_fill(&text, &random, text.cap);
    load_deflate_begin(&deflate, &out, out.cap);
    cr_assert_eq(load_deflate_feed(&deflate, text_slice(&text)), sizeof(piece));
    const double ratio = (double)sizeof(piece) / (double)out.len;

    cr_expect(ratio > 1.6 && ratio < 2.4, "%f", ratio);
    out.len = 0;
    load_random_fill(&random, (uint8_t *)piece, sizeof(piece));
    load_deflate_begin(&deflate, &out, out.cap);
    cr_expect_lt(load_deflate_feed(&deflate, slice_from(piece, sizeof(piece))), sizeof(block));
}

static uint64_t row_weight(const void *owner, size_t row)
{
    return ((const uint64_t *)owner)[row];
}

Test(load_mix, dealing_gives_each_row_its_share)
{
    static const uint64_t weights[] = {1, 0, 5, 3, 1};

    for (uint64_t start = 0; start < 10; start++) {
        struct load_deal deal = {
            .weight = row_weight, .owner = weights, .total = 10, .start = start, .count = 40};
        size_t counts[ARRAY_LEN(weights)] = {0};

        for (size_t i = 0; i < 40; i++) {
            counts[load_deal_next(&deal, i)]++;
        }
        for (size_t i = 0; i < ARRAY_LEN(weights); i++) {
            cr_expect_eq(counts[i], 4 * weights[i], "%llu %zu", (unsigned long long)start, i);
        }
    }
}
