/* SPDX-License-Identifier: MIT */
/*
 * fuzz_load_corpus - what people write about a corpus: a mix, a distribution of sizes or a trace is
 * refused with a reason, or gives bodies within the budget. The first byte says which of the three
 * it is. Texts that name files are left out: what they find is no matter of theirs.
 */
#include "bench/load/load_corpus.h"
#include "bench/load/load_sizes.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#define FUZZ_BUDGET KIB(64)

static void fuzz_build(const char *mix, const char *sizes)
{
    const struct load_corpus_spec spec = {.mix = mix,
                                          .sizes = sizes,
                                          .count = 12,
                                          .infected_share = 0.25,
                                          .budget = FUZZ_BUDGET,
                                          .seed = 1};
    struct load_corpus corpus;
    char why[64] = "";

    if (!load_corpus_build(&corpus, &spec, why, sizeof(why))) {
        ASSERT(why[0] != '\0');
        ASSERT(corpus.items == NULL);
        return;
    }
    ASSERT(corpus.items_len > 0);
    ASSERT(corpus.items_len <= 12);
    ASSERT(corpus.bytes <= FUZZ_BUDGET);
    load_corpus_free(&corpus);
}

static void fuzz_trace(struct slice text)
{
    struct load_sizes sizes;
    char why[64] = "";
    const struct load_why reason = {why, sizeof(why)};

    if (!load_sizes_parse_trace(&sizes, text, "trace", &reason)) {
        ASSERT(why[0] != '\0');
        ASSERT(sizes.rows == NULL);
        return;
    }
    ASSERT(sizes.rows_len > 0);
    for (size_t i = 0; i < sizes.rows_len; i++) {
        ASSERT(sizes.rows[i].size <= LOAD_BODY_MAX);
        ASSERT(sizes.rows[i].count > 0);
        ASSERT(sizes.rows[i].kind <= LOAD_KIND_COUNT);
        ASSERT(sizes.rows[i].kind != LOAD_KIND_FILE);
    }
    load_sizes_free(&sizes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[256];

    if (len == 0) {
        return 0;
    }
    if (data[0] % 3 == 2) {
        fuzz_trace(slice_from(data + 1, len - 1));
        return 0;
    }
    const size_t text_len = MIN_OF(len - 1, sizeof(text) - 1);

    memcpy(text, data + 1, text_len);
    text[text_len] = '\0';
    if (strstr(text, "file:") != NULL || strstr(text, "trace:") != NULL) {
        return 0;
    }
    if (data[0] % 3 == 0) {
        fuzz_build(text, "lognormal:700,1,8k");
    } else {
        fuzz_build("text,html,image,archive", text);
    }
    return 0;
}
